//! Connections to PostgreSQL: so many slots, and an error for whoever comes after.
//!
//! A server accepts `max_connections` connections, of which ordinary roles get all but those reserved
//! (`superuser_reserved_connections`, 3 unless set; from version 16 on also `reserved_connections`; on Amazon RDS and
//! Aurora `rds.rds_superuser_reserved_connections`, 2). One more is refused at once with SQLSTATE 53300, "sorry, too
//! many clients already"; nobody waits. A refusal is no cheap answer: the server has forked a process for it.
//! Source: PostgreSQL documentation, *Connections and Authentication*.

use std::time::Duration;

use cofferdam_policy::Time;

use crate::chance::Chance;

/// `superuser_reserved_connections` where nobody sets it.
pub const RESERVED: u32 = 3;

/// The slots of a server that ordinary roles can have.
#[derive(Debug, Clone)]
pub struct Slots {
    most: u32,
    taken: u32,
    accepted: u64,
    refused: u64,
}

impl Slots {
    /// All slots free: `max_connections` less those reserved.
    #[must_use]
    pub const fn new(max_connections: u32, reserved: u32) -> Self {
        Self {
            most: max_connections.saturating_sub(reserved),
            taken: 0,
            accepted: 0,
            refused: 0,
        }
    }

    /// Somebody connects: whether it is accepted.
    pub const fn connect(&mut self) -> bool {
        if self.taken < self.most {
            self.taken += 1;
            self.accepted += 1;
            true
        } else {
            self.refused += 1;
            false
        }
    }

    /// One that was accepted disconnects; more than are there cannot.
    pub const fn disconnect(&mut self) {
        self.taken = self.taken.saturating_sub(1);
    }

    /// Slots that ordinary roles can have.
    #[must_use]
    pub const fn most(&self) -> u32 {
        self.most
    }

    /// Connections that are open.
    #[must_use]
    pub const fn taken(&self) -> u32 {
        self.taken
    }

    /// Part of all attempts that was refused; 0 before the first.
    #[must_use]
    pub fn refused_share(&self) -> f64 {
        let all = self.accepted + self.refused;
        if all == 0 {
            0.0
        } else {
            self.refused as f64 / all as f64
        }
    }
}

/// A recorded sequence: when each comes, and how long it stays.
#[derive(Debug, Clone, PartialEq)]
pub struct Visit {
    /// When it comes.
    pub at: Time,
    /// How long it stays once it is served.
    pub hold: Duration,
}

/// A sequence of visits as many independent users make it: exponential gaps at `rate` a second, exponential holds.
pub fn visits(count: usize, rate: f64, hold: Duration, chance: &mut Chance) -> Vec<Visit> {
    let mut at = 0.0;
    (0..count)
        .map(|_| {
            at += chance.exponential(1.0 / rate);
            let hold = Duration::from_secs_f64(chance.exponential(hold.as_secs_f64()));
            Visit {
                at: Time::from_secs_f64(at),
                hold,
            }
        })
        .collect()
}

/// Which visits of a sequence are accepted when each connects as it comes and disconnects after its hold.
#[must_use]
pub fn replay(visits: &[Visit], mut slots: Slots) -> (Vec<bool>, Slots) {
    let mut ends: Vec<Time> = Vec::new();
    let accepted = visits
        .iter()
        .map(|visit| {
            ends.retain(|end| {
                let over = *end <= visit.at;
                if over {
                    slots.disconnect();
                }
                !over
            });
            let accepted = slots.connect();
            if accepted {
                ends.push(visit.at + visit.hold);
            }
            accepted
        })
        .collect();
    (accepted, slots)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chance::Streams;
    use crate::erlang;

    #[test]
    fn a_burst_gets_what_there_is_and_no_more() {
        let mut slots = Slots::new(1000, RESERVED);
        let accepted = (0..2000).filter(|_| slots.connect()).count();
        assert_eq!(accepted, 997);
        // 1,003 of 2,000.
        assert!((slots.refused_share() - 0.5015).abs() < 1e-12);
        slots.disconnect();
        assert!(slots.connect());
        assert!(!slots.connect());
    }

    #[test]
    fn poisson_demand_without_retry_follows_erlang_b() {
        let mut chance = Streams::new(5, 0).stream("visits", "test");
        let visits = visits(200_000, 80.0, Duration::from_secs(1), &mut chance);
        let (_, slots) = replay(&visits, Slots::new(43, RESERVED));
        // Erlang B of 40 slots and 80 erlangs: 0.5114; a standard error is about 0.002 of correlated attempts.
        let wanted = erlang::erlang_b(40, 80.0);
        assert!((wanted - 0.5114).abs() < 1e-4);
        assert!(
            (slots.refused_share() - wanted).abs() < 0.006,
            "{}",
            slots.refused_share()
        );
    }
}
