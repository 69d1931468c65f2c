//! A service as a queueing station: servers, a bounded queue in order of arrival, and the books of both.
//!
//! A server is one unit of concurrency (a worker thread, a connection, a slot of a pool); replicas that come and
//! go change their number. The station owns no clock and no agenda: it says when a piece of work ends, and whoever
//! owns the agenda calls back then with the ticket. It keeps its books in whole nanoseconds, so that Little's law
//! and the utilisation law hold exactly, not about, and [`Station::invariants`] can insist on it.
//!
//! Left out: work that shares a processor (see `cfs`), and more than one queue (several stations make that).

use std::collections::VecDeque;
use std::time::Duration;

use cofferdam_policy::Time;

use crate::chance::{Chance, Distribution};

/// What becomes of work in the queue whose caller no longer waits for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Stale {
    /// It is served like any other: the server does not know. What most services do.
    #[default]
    Served,
    /// It is dropped, at no cost, when its turn comes.
    Dropped,
}

/// A station's shape.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StationConfig {
    /// How many pieces of work are served at once.
    pub servers: u32,
    /// How many more may wait; `usize::MAX` for no bound.
    pub queue: usize,
    /// How long a server works on one.
    pub service: Distribution,
    /// What becomes of work that nobody waits for any more.
    pub stale: Stale,
}

/// Names a piece of work in service. It is worth one call of [`Station::finish`]; after a crash it is worth none.
#[derive(Debug, PartialEq, Eq)]
pub struct Ticket {
    server: u32,
    generation: u32,
}

/// Work has begun; call [`Station::finish`] with the ticket at `ends`.
#[derive(Debug, PartialEq, Eq)]
pub struct Start {
    /// Names the work.
    pub ticket: Ticket,
    /// When it ends.
    pub ends: Time,
}

/// What became of an arrival.
#[derive(Debug, PartialEq, Eq)]
pub enum Admission {
    /// A server took it at once.
    Started(Start),
    /// It waits.
    Queued,
    /// The queue was full.
    Refused,
}

/// Work that a server has completed.
#[derive(Debug, PartialEq, Eq)]
pub struct Served<T> {
    /// The work.
    pub job: T,
    /// When it arrived.
    pub arrived: Time,
    /// When a server took it: the difference is the time waited.
    pub started: Time,
}

/// What a station has seen since time zero. The sums of times are in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// The time at which these counts hold.
    pub at: Time,
    /// Pieces of work that came.
    pub arrivals: u64,
    /// Of them: served to the end.
    pub done: u64,
    /// Turned away because the queue was full.
    pub refused: u64,
    /// Dropped from the queue because nobody waited for them, or because the queue was lost.
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
    /// What happened between an earlier reading and this one. `present` stays what it is now.
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

/// A law that a station's books break: a fault of the simulator, never of the platform.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// Work appeared or vanished.
    #[error("{arrivals} arrivals, but {accounted} done, refused, dropped, lost or present")]
    Flow {
        /// Pieces of work that came.
        arrivals: u64,
        /// Those whose fate is known.
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
    /// The queue outgrew its bound.
    #[error("{waiting} wait in a queue for {bound}")]
    Bound {
        /// Number waiting.
        waiting: usize,
        /// The bound.
        bound: usize,
    },
    /// A server rests while work waits: the owner of the agenda forgot [`Station::start_next`].
    #[error("{idle} servers rest while {waiting} wait")]
    Idle {
        /// Number of resting servers.
        idle: usize,
        /// Number waiting.
        waiting: usize,
    },
}

#[derive(Debug)]
struct Waiting<T> {
    job: T,
    arrived: Time,
    deadline: Time,
}

#[derive(Debug)]
struct Slot<T> {
    generation: u32,
    work: Option<Served<T>>,
}

/// A service with servers and a queue; `T` is what the caller wants back with a piece of work.
#[derive(Debug)]
pub struct Station<T> {
    config: StationConfig,
    chance: Chance,
    slots: Vec<Slot<T>>,
    /// Slots that are ready for work; the last one goes first.
    idle: Vec<u32>,
    /// Slots whose server was taken away, for servers that come later.
    gone: Vec<u32>,
    busy: u32,
    queue: VecDeque<Waiting<T>>,
    counters: Counters,
}

impl<T> Station<T> {
    /// A station that draws its service times from `chance`.
    #[must_use]
    pub fn new(config: StationConfig, chance: Chance) -> Self {
        let mut station = Self {
            config,
            chance,
            slots: Vec::new(),
            idle: Vec::new(),
            gone: Vec::new(),
            busy: 0,
            queue: VecDeque::new(),
            counters: Counters::default(),
        };
        station.set_servers(config.servers, Time::ZERO);
        station
    }

    /// Work arrives; its caller waits for it until `deadline` ([`Time::MAX`]: for ever).
    pub fn arrive(&mut self, job: T, deadline: Time, now: Time) -> Admission {
        let now = self.advance(now);
        self.counters.arrivals += 1;
        if self.queue.is_empty()
            && let Some(server) = self.idle.pop()
        {
            self.counters.present += 1;
            return Admission::Started(self.begin(server, job, now, now));
        }
        if self.queue.len() >= self.config.queue {
            self.counters.refused += 1;
            return Admission::Refused;
        }
        self.counters.present += 1;
        self.queue.push_back(Waiting {
            job,
            arrived: now,
            deadline,
        });
        Admission::Queued
    }

    /// A server has completed the work of this ticket. `None` if a crash has taken the work meanwhile.
    ///
    /// Call [`Station::start_next`] after it until it has nothing more to start.
    pub fn finish(&mut self, ticket: Ticket, now: Time) -> Option<Served<T>> {
        let now = self.advance(now);
        let slot = self.slots.get_mut(ticket.server as usize)?;
        if slot.generation != ticket.generation {
            return None;
        }
        let served = slot.work.take()?;
        self.counters.done += 1;
        self.leave(&served, now);
        self.release(ticket.server);
        Some(served)
    }

    /// Start the work at the head of the queue if a server is ready for it.
    pub fn start_next(&mut self, now: Time) -> Option<Start> {
        if self.idle.is_empty() || self.queue.is_empty() {
            return None;
        }
        let now = self.advance(now);
        while let Some(waiting) = self.queue.pop_front() {
            if self.config.stale == Stale::Dropped && waiting.deadline <= now {
                self.drop_waiting(&waiting, now);
                continue;
            }
            let server = self.idle.pop()?;
            return Some(self.begin(server, waiting.job, waiting.arrived, now));
        }
        None
    }

    /// Replicas come or go in good order: servers that are too many finish what they have and take no more.
    ///
    /// Call [`Station::start_next`] after it until it has nothing more to start.
    pub fn set_servers(&mut self, servers: u32, now: Time) {
        self.advance(now);
        self.config.servers = servers;
        while self.up() > servers
            && let Some(slot) = self.idle.pop()
        {
            self.gone.push(slot);
        }
        while self.up() < servers {
            let slot = self.gone.pop().unwrap_or_else(|| {
                self.slots.push(Slot {
                    generation: 0,
                    work: None,
                });
                (self.slots.len() - 1) as u32
            });
            self.idle.push(slot);
        }
    }

    /// Servers crash, each as likely as any other: what they had in service is lost and returned.
    pub fn crash(&mut self, servers: u32, now: Time) -> Vec<T> {
        let now = self.advance(now);
        let mut up: Vec<u32> = self.idle.clone();
        up.extend((0..self.slots.len() as u32).filter(|slot| self.slots[*slot as usize].work.is_some()));
        up.sort_unstable();
        let mut lost = Vec::new();
        for _ in 0..servers.min(up.len() as u32) {
            let slot = up.swap_remove(self.chance.below(up.len() as u64) as usize);
            match self.slots[slot as usize].work.take() {
                Some(served) => {
                    self.counters.lost += 1;
                    self.leave(&served, now);
                    lost.push(served.job);
                }
                None => self.idle.retain(|idle| *idle != slot),
            }
            self.gone.push(slot);
        }
        self.config.servers = self.config.servers.saturating_sub(servers);
        lost
    }

    /// The queue is lost, as when it stood in the memory of a process that crashed.
    pub fn lose_queue(&mut self, now: Time) -> Vec<T> {
        let now = self.advance(now);
        let mut lost = Vec::with_capacity(self.queue.len());
        while let Some(waiting) = self.queue.pop_front() {
            self.drop_waiting(&waiting, now);
            lost.push(waiting.job);
        }
        lost
    }

    /// From now on, work that begins takes this long (a fault, or its end).
    pub fn set_service(&mut self, service: Distribution) {
        self.config.service = service;
    }

    /// How many wait.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.queue.len()
    }

    /// How many are in service.
    #[must_use]
    pub const fn in_service(&self) -> u32 {
        self.busy
    }

    /// How many servers there are; those that only finish what they have are not counted.
    #[must_use]
    pub const fn servers(&self) -> u32 {
        self.config.servers
    }

    /// The books as they stand at `now`.
    pub fn counters(&mut self, now: Time) -> Counters {
        self.advance(now);
        self.counters
    }

    /// Hold the books to the laws that every station obeys. To be called between events.
    ///
    /// # Errors
    ///
    /// The first law that is broken, with the figures.
    pub fn invariants(&mut self, now: Time) -> Result<(), Broken> {
        let now = self.advance(now);
        let c = &self.counters;
        let accounted = c.done + c.refused + c.dropped + c.lost + c.present;
        if c.arrivals != accounted {
            return Err(Broken::Flow {
                arrivals: c.arrivals,
                accounted,
            });
        }
        let in_service = || self.slots.iter().filter_map(|slot| slot.work.as_ref());
        let waited = self.queue.iter().map(|waiting| nanos(now.since(waiting.arrived)));
        let sojourn = c.sojourn
            + waited.sum::<u128>()
            + in_service()
                .map(|work| nanos(now.since(work.arrived)))
                .sum::<u128>();
        if c.presence != sojourn {
            return Err(Broken::Little {
                presence: c.presence,
                sojourn,
            });
        }
        let service = c.service
            + in_service()
                .map(|work| nanos(now.since(work.started)))
                .sum::<u128>();
        if c.busy != service {
            return Err(Broken::Utilisation {
                busy: c.busy,
                service,
            });
        }
        let (waiting, bound, idle) = (self.queue.len(), self.config.queue, self.idle.len());
        if waiting > bound {
            return Err(Broken::Bound { waiting, bound });
        }
        if idle > 0 && waiting > 0 {
            return Err(Broken::Idle { idle, waiting });
        }
        Ok(())
    }

    /// Servers that can hold work, those that only finish theirs included.
    fn up(&self) -> u32 {
        self.busy + self.idle.len() as u32
    }

    /// Bring the books up to `now`; an earlier time than before counts as the latest seen.
    fn advance(&mut self, now: Time) -> Time {
        let c = &mut self.counters;
        let now = now.max(c.at);
        let elapsed = u128::from(now.as_nanos() - c.at.as_nanos());
        c.presence += u128::from(c.present) * elapsed;
        c.busy += u128::from(self.busy) * elapsed;
        c.capacity += u128::from(self.config.servers) * elapsed;
        c.at = now;
        now
    }

    fn begin(&mut self, server: u32, job: T, arrived: Time, now: Time) -> Start {
        let slot = &mut self.slots[server as usize];
        slot.generation = slot.generation.wrapping_add(1);
        slot.work = Some(Served {
            job,
            arrived,
            started: now,
        });
        self.busy += 1;
        Start {
            ticket: Ticket {
                server,
                generation: slot.generation,
            },
            ends: now + self.config.service.duration(&mut self.chance),
        }
    }

    /// Book that a piece of work has left a server.
    fn leave(&mut self, served: &Served<T>, now: Time) {
        self.busy -= 1;
        self.counters.present -= 1;
        self.counters.sojourn += nanos(now.since(served.arrived));
        self.counters.service += nanos(now.since(served.started));
    }

    fn drop_waiting(&mut self, waiting: &Waiting<T>, now: Time) {
        self.counters.dropped += 1;
        self.counters.present -= 1;
        self.counters.sojourn += nanos(now.since(waiting.arrived));
    }

    /// A server without work is ready for more, unless there are too many.
    fn release(&mut self, server: u32) {
        if self.up() < self.config.servers {
            self.idle.push(server);
        } else {
            self.gone.push(server);
        }
    }
}

/// Time since the origin fits 64 bits, and so does any difference.
fn nanos(time: Duration) -> u128 {
    time.as_nanos()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::chance::Streams;

    fn station(servers: u32, queue: usize, stale: Stale) -> Station<u32> {
        let config = StationConfig {
            servers,
            queue,
            service: Distribution::Constant(Duration::from_secs(2)),
            stale,
        };
        Station::new(config, Streams::new(1, 0).stream("test", "service"))
    }

    fn at(seconds: u64) -> Time {
        Time::ZERO + Duration::from_secs(seconds)
    }

    fn started(admission: Admission) -> Start {
        match admission {
            Admission::Started(start) => start,
            other => panic!("not started: {other:?}"),
        }
    }

    #[test]
    fn work_is_served_in_order_of_arrival_and_the_books_say_how_long_it_took() {
        let mut station = station(1, 1, Stale::Served);
        let first = started(station.arrive(1, Time::MAX, at(0)));
        assert_eq!(first.ends, at(2));
        assert_eq!(station.arrive(2, Time::MAX, at(1)), Admission::Queued);
        assert_eq!(station.arrive(3, Time::MAX, at(1)), Admission::Refused);
        assert_eq!(
            station.finish(first.ticket, at(2)).map(|served| served.job),
            Some(1)
        );
        let second = station.start_next(at(2)).unwrap();
        assert!(station.start_next(at(2)).is_none());
        let served = station.finish(second.ticket, at(4)).unwrap();
        assert_eq!((served.job, served.arrived, served.started), (2, at(1), at(2)));
        let counters = station.counters(at(8));
        // Present: 1 in 0–1, 2 in 1–2, 1 in 2–4: 5 s over 8 s. In service: 4 s. Waiting: 1 s.
        assert_eq!(counters.mean_present(), 5.0 / 8.0);
        assert_eq!(counters.mean_waiting(), 1.0 / 8.0);
        assert_eq!(counters.utilisation(), 4.0 / 8.0);
        assert_eq!(counters.refused_share(), 1.0 / 3.0);
        // The second half saw nothing.
        let middle = station.counters(at(8));
        assert_eq!(station.counters(at(10)).since(&middle).mean_present(), 0.0);
        assert_eq!(station.invariants(at(10)), Ok(()));
    }

    #[test]
    fn work_that_nobody_waits_for_is_served_or_dropped_as_configured() {
        for (stale, expected) in [(Stale::Served, 2), (Stale::Dropped, 3)] {
            let mut station = station(1, 5, stale);
            let first = started(station.arrive(1, at(1), at(0)));
            station.arrive(2, at(1), at(0));
            station.arrive(3, at(9), at(0));
            assert!(station.finish(first.ticket, at(2)).is_some());
            let next = station.start_next(at(2)).unwrap();
            assert_eq!(station.finish(next.ticket, at(4)).unwrap().job, expected);
            station.start_next(at(4));
            assert_eq!(station.invariants(at(5)), Ok(()));
            assert_eq!(
                station.counters(at(5)).dropped,
                u64::from(stale == Stale::Dropped)
            );
        }
    }

    #[test]
    fn a_crash_loses_what_was_in_service_and_a_retreat_does_not() {
        let mut station = station(2, 5, Stale::Served);
        let first = started(station.arrive(1, Time::MAX, at(0)));
        let second = started(station.arrive(2, Time::MAX, at(0)));
        station.arrive(3, Time::MAX, at(0));
        station.set_servers(1, at(1));
        assert_eq!((station.servers(), station.in_service()), (1, 2));
        assert!(station.finish(first.ticket, at(2)).is_some());
        assert!(station.start_next(at(2)).is_none(), "the freed server has gone");
        assert_eq!(station.crash(1, at(2)), [2]);
        assert!(
            station.finish(second.ticket, at(2)).is_none(),
            "its work was lost"
        );
        assert_eq!(station.servers(), 0);
        assert_eq!(station.invariants(at(3)), Ok(()));
        station.set_servers(1, at(3));
        assert!(station.start_next(at(3)).is_some());
        assert_eq!(station.arrive(4, Time::MAX, at(3)), Admission::Queued);
        assert_eq!(station.lose_queue(at(4)), [4]);
        let counters = station.counters(at(4));
        assert_eq!((counters.done, counters.lost, counters.dropped), (1, 1, 1));
        assert_eq!(station.invariants(at(4)), Ok(()));
    }

    #[test]
    fn a_crash_hits_busy_and_resting_servers_alike() {
        // Half of 1,000 servers are busy; of 200 that crash, 100 ± 8.9 are (hypergeometric deviation
        // √(200 × ¼ × 800/999) ≈ 6.3; five of them below).
        let mut station = station(1_000, 0, Stale::Served);
        for job in 0..500 {
            station.arrive(job, Time::MAX, at(0));
        }
        let lost = station.crash(200, at(1)).len();
        assert!(lost.abs_diff(100) < 32, "{lost}");
        assert_eq!(station.servers(), 800);
        assert_eq!(station.invariants(at(1)), Ok(()));
    }

    #[test]
    fn resting_while_work_waits_is_a_fault_of_the_caller() {
        let mut station = station(1, 5, Stale::Served);
        let first = started(station.arrive(1, Time::MAX, at(0)));
        station.arrive(2, Time::MAX, at(0));
        station.finish(first.ticket, at(2));
        assert_eq!(
            station.invariants(at(2)),
            Err(Broken::Idle { idle: 1, waiting: 1 })
        );
    }

    proptest! {
        #[test]
        fn the_laws_hold_whatever_happens(
            steps in prop::collection::vec((0_u8..6, 0_u32..5, 0_u64..3), 1..200),
            bound in 0_usize..4,
            drops in any::<bool>(),
        ) {
            let mut station = station(2, bound, if drops { Stale::Dropped } else { Stale::Served });
            let mut running = Vec::new();
            let mut now = 0;
            for (what, number, wait) in steps {
                now += wait;
                match what {
                    0 | 1 => match station.arrive(number, at(now + 3), at(now)) {
                        Admission::Started(start) => running.push(start.ticket),
                        Admission::Queued | Admission::Refused => {}
                    },
                    2 => station.set_servers(number, at(now)),
                    3 => drop(station.crash(number, at(now))),
                    4 if number == 0 => drop(station.lose_queue(at(now))),
                    _ => {
                        if !running.is_empty() {
                            station.finish(running.remove(0), at(now));
                        }
                    }
                }
                while let Some(start) = station.start_next(at(now)) {
                    running.push(start.ticket);
                }
                prop_assert_eq!(station.invariants(at(now)), Ok(()));
            }
        }
    }
}
