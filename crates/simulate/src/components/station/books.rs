//! The accounts of a station: what it counts, and the laws that the counts must obey.

use cofferdam_policy::Time;

/// What a station has seen since time zero. The sums of times are in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// The time of these counts.
    pub at: Time,
    /// Pieces of work that came.
    pub arrivals: u64,
    /// Of them: served to the end.
    pub done: u64,
    /// Turned away because the queue was full.
    pub refused: u64,
    /// Dropped from the queue because no caller waited for them, or because the queue was lost.
    pub dropped: u64,
    /// Lost in service by a crash.
    pub lost: u64,
    /// Waiting or in service now.
    pub present: u64,
    /// Integral over time of the number present.
    pub presence: u128,
    /// Integral over time of the number in service.
    pub busy: u128,
    /// Integral over time of the number of servers.
    pub capacity: u128,
    /// Sum of the times from arrival to departure of all that have left.
    pub sojourn: u128,
    /// Sum of the times in service of all that have left.
    pub service: u128,
}

impl Counters {
    /// What happened between an earlier reading and this one. `present` keeps its current value.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        Self {
            at: Time::from_nanos(self.at.as_nanos() - earlier.at.as_nanos()),
            arrivals: self.arrivals - earlier.arrivals,
            done: self.done - earlier.done,
            refused: self.refused - earlier.refused,
            dropped: self.dropped - earlier.dropped,
            lost: self.lost - earlier.lost,
            present: self.present,
            presence: self.presence - earlier.presence,
            busy: self.busy - earlier.busy,
            capacity: self.capacity - earlier.capacity,
            sojourn: self.sojourn - earlier.sojourn,
            service: self.service - earlier.service,
        }
    }

    /// Mean number waiting or in service (the L of Little's law); 0 before any time has passed.
    #[must_use]
    pub fn mean_present(&self) -> f64 {
        ratio(self.presence, u128::from(self.at.as_nanos()))
    }

    /// Mean number waiting.
    #[must_use]
    pub fn mean_waiting(&self) -> f64 {
        ratio(self.presence - self.busy, u128::from(self.at.as_nanos()))
    }

    /// Share of the servers' time that was spent in service; 0 if there were none.
    #[must_use]
    pub fn utilisation(&self) -> f64 {
        ratio(self.busy, self.capacity)
    }

    /// Share of the arrivals that were refused; 0 without arrivals.
    #[must_use]
    pub fn refused_share(&self) -> f64 {
        ratio(u128::from(self.refused), u128::from(self.arrivals))
    }
}

fn ratio(part: u128, whole: u128) -> f64 {
    if whole == 0 {
        0.0
    } else {
        part as f64 / whole as f64
    }
}

/// A law that a station's accounts break: a fault of the simulator, never of the platform.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// Work appeared or vanished.
    #[error("{arrivals} arrivals, but {accounted} done, refused, dropped, lost or present")]
    Flow {
        /// Pieces of work that came.
        arrivals: u64,
        /// Those whose result is known.
        accounted: u64,
    },
    /// Little's law, as an identity of sums.
    #[error("the number present adds up to {presence} ns, the times in the system to {sojourn} ns")]
    Little {
        /// Integral of the number present.
        presence: u128,
        /// Sum of the times in the system.
        sojourn: u128,
    },
    /// The utilisation law, as an identity of sums.
    #[error("servers were busy for {busy} ns, the work took {service} ns")]
    Utilisation {
        /// Integral of the number in service.
        busy: u128,
        /// Sum of the times in service.
        service: u128,
    },
    /// The queue exceeded its bound.
    #[error("{waiting} wait in a queue for {bound}")]
    Bound {
        /// Number waiting.
        waiting: usize,
        /// The bound.
        bound: usize,
    },
    /// A server is idle while work waits: the owner of the agenda forgot
    /// [`Station::start_next`](super::Station::start_next).
    #[error("{idle} servers rest while {waiting} wait")]
    Idle {
        /// Number of idle servers.
        idle: usize,
        /// Number waiting.
        waiting: usize,
    },
}
