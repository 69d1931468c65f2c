//! Connections to PostgreSQL: a number of slots, an error for every later client, and work for the server in
//! both cases.
//!
//! A server accepts `max_connections` connections, of which ordinary roles get all but those reserved
//! (`superuser_reserved_connections`, 3 unless set; from version 16 on also `reserved_connections`; on Amazon
//! RDS and Aurora `rds.rds_superuser_reserved_connections`, 2). One more is refused at once with SQLSTATE
//! 53300; nobody waits. Source: PostgreSQL documentation, *Connections and Authentication*.
//!
//! A refusal is not cheap. The server's first process, the postmaster, forks a process for every attempt, one
//! after the other, and this process refuses: after log-in, if it finds only reserved slots left, or, if
//! other attempts hold these until they are refused themselves, if it finds none (PostgreSQL documentation,
//! *How Connections Are Established*; source, `InitProcess` and `InitPostgres`). Therefore a storm of
//! refusals also delays accepts.

use std::collections::VecDeque;
use std::time::Duration;

use cofferdam_policy::Time;

use crate::chance::Chance;

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

    /// A client connects: returns whether it is accepted.
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

    /// An accepted client disconnects; there cannot be more than are connected.
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

/// The cost of an attempt to connect for the server's processors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Costs {
    /// For the postmaster, which creates one process after the other.
    pub fork: Duration,
    /// For the new process until it can take a query.
    pub start: Duration,
    /// For the new process until it has refused, with reserved slots left.
    pub refuse: Duration,
    /// The same, with no slot left at all.
    pub refuse_full: Duration,
}

impl Default for Costs {
    /// As measured on PostgreSQL 15 without TLS and passwords (`docs/performance.md`); both increase
    /// everything except the fork.
    fn default() -> Self {
        Self {
            fork: Duration::from_micros(350),
            start: Duration::from_micros(2600),
            refuse: Duration::from_micros(2200),
            refuse_full: Duration::from_micros(1350),
        }
    }
}

/// Why a server refuses, both with SQLSTATE 53300.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Only reserved slots are left.
    Reserved,
    /// No slot is left, not even a reserved one: other attempts hold them until they are refused.
    Full,
}

/// How an attempt to connect ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer {
    /// When the client knows.
    pub at: Time,
    /// Why it was refused; `None` if it is connected.
    pub refusal: Option<Refusal>,
}

/// A server that forks a process for every attempt.
///
/// An attempt has two steps: [`Server::knock`] returns when there is a process for it, and then
/// [`Server::admit`] whether it gets a slot. Processes of attempts run in parallel: the number of the
/// server's processors is not known here.
#[derive(Debug, Clone)]
pub struct Server {
    slots: Slots,
    reserved: u32,
    costs: Costs,
    /// When the postmaster has forked for all attempts so far.
    free: Time,
    /// Until when processes that will be refused hold a reserved slot.
    refusing: VecDeque<Time>,
    /// Time that the postmaster has spent on forks.
    busy: Duration,
    /// Processor time of the processes that it has created, until they served or had refused.
    started: Duration,
}

impl Server {
    /// A server without connections.
    #[must_use]
    pub const fn new(max_connections: u32, reserved: u32, costs: Costs) -> Self {
        Self {
            slots: Slots::new(max_connections, reserved),
            reserved,
            costs,
            free: Time::ZERO,
            refusing: VecDeque::new(),
            busy: Duration::ZERO,
            started: Duration::ZERO,
        }
    }

    /// A client connects: returns when the postmaster has forked a process for it, after the earlier
    /// attempts. At that time, call [`Server::admit`].
    pub fn knock(&mut self, now: Time) -> Time {
        self.free = self.free.max(now) + self.costs.fork;
        self.busy += self.costs.fork;
        self.free
    }

    /// The new process of an attempt looks for a slot.
    pub fn admit(&mut self, now: Time) -> Answer {
        while self.refusing.front().is_some_and(|until| *until <= now) {
            self.refusing.pop_front();
        }
        let (takes, refusal) = if self.slots.connect() {
            (self.costs.start, None)
        } else if (self.refusing.len() as u32) < self.reserved {
            self.refusing.push_back(now + self.costs.refuse);
            (self.costs.refuse, Some(Refusal::Reserved))
        } else {
            (self.costs.refuse_full, Some(Refusal::Full))
        };
        self.started += takes;
        Answer {
            at: now + takes,
            refusal,
        }
    }

    /// An accepted client disconnects.
    pub const fn disconnect(&mut self) {
        self.slots.disconnect();
    }

    /// Its slots.
    #[must_use]
    pub const fn slots(&self) -> &Slots {
        &self.slots
    }

    /// Time that the postmaster has spent, or will spend for the attempts so far.
    #[must_use]
    pub const fn busy(&self) -> Duration {
        self.busy
    }

    /// Processor time that attempts have taken so far, the postmaster's included.
    #[must_use]
    pub fn work(&self) -> Duration {
        self.busy + self.started
    }
}

/// A recorded sequence: when each client arrives, and how long it stays.
#[derive(Debug, Clone, PartialEq)]
pub struct Visit {
    /// When it comes.
    pub at: Time,
    /// How long it stays once it is served.
    pub hold: Duration,
}

/// A sequence of visits by many independent users: exponential gaps at `rate` a second, exponential holds.
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

/// Which visits of a sequence are accepted if each connects on arrival and disconnects after its hold.
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
    use proptest::prelude::*;

    use super::*;
    use cofferdam_formulas::defaults::POSTGRESQL_RESERVED;

    const RESERVED: u32 = POSTGRESQL_RESERVED.value;
    use crate::chance::Streams;
    use cofferdam_formulas::erlang;

    #[test]
    fn a_burst_gets_only_the_free_slots() {
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

    fn us(microseconds: u64) -> Time {
        Time::from_nanos(microseconds * 1000)
    }

    #[test]
    fn an_attempt_takes_its_fork_and_the_start_of_its_process() {
        let mut server = Server::new(4, RESERVED, Costs::default());
        let accepted = server.knock(us(1000));
        assert_eq!(accepted, us(1350));
        // 0.35 + 2.6 ms.
        let answer = server.admit(accepted);
        assert_eq!((answer.at, answer.refusal), (us(3950), None));
        // 0.35 + 2.2 ms: 86 % of the 2.95 ms that an accept takes.
        let refused = server.knock(us(10_000));
        let answer = server.admit(refused);
        assert_eq!((answer.at, answer.refusal), (us(12_550), Some(Refusal::Reserved)));
        assert_eq!(server.work(), Duration::from_micros(2950 + 2550));
        server.disconnect();
        let accepted = server.knock(us(20_000));
        assert_eq!(server.admit(accepted).refusal, None);
    }

    #[test]
    fn refusals_keep_an_accept_waiting() {
        let mut server = Server::new(1000, RESERVED, Costs::default());
        let forked: Vec<Time> = (0..2000).map(|_| server.knock(Time::ZERO)).collect();
        let refused = forked
            .iter()
            .filter(|at| server.admit(**at).refusal.is_some())
            .count();
        assert_eq!(refused, 1003);
        server.disconnect();
        // Behind 2,000 forks of 0.35 ms.
        let accepted = server.knock(us(1));
        assert_eq!(accepted, us(700_350));
        assert_eq!(server.admit(accepted).refusal, None);
    }

    #[test]
    fn clients_being_refused_compete_for_the_reserved_slots() {
        let mut server = Server::new(3, RESERVED, Costs::default());
        let why: Vec<_> = (0..8)
            .map(|_| {
                let forked = server.knock(Time::ZERO);
                server.admit(forked).refusal
            })
            .collect();
        // At 0.35, 0.70 and 1.05 ms until 2.55, 2.90 and 3.25 ms; the next at 1.40 to 2.45 ms find none, and that at
        // 2.80 ms finds the first again.
        let (reserved, full) = (Some(Refusal::Reserved), Some(Refusal::Full));
        assert_eq!(
            why,
            [reserved, reserved, reserved, full, full, full, full, reserved]
        );
    }

    proptest! {
        #[test]
        fn connections_never_exceed_the_slots_and_forks_come_one_after_the_other(
            max_connections in 0..30_u32,
            reserved in 0..5_u32,
            steps in prop::collection::vec((0..3000_u64, any::<bool>()), 1..200),
        ) {
            let costs = Costs::default();
            let mut server = Server::new(max_connections, reserved, costs);
            let most = max_connections.saturating_sub(reserved);
            let (mut now, mut last, mut open, mut knocks) = (0, Time::ZERO, 0, 0);
            for (pause, leaves) in steps {
                now += pause;
                if leaves && open > 0 {
                    server.disconnect();
                    open -= 1;
                }
                let forked = server.knock(us(now));
                knocks += 1;
                prop_assert!(forked >= last + costs.fork && forked >= us(now) + costs.fork);
                last = forked;
                let full = open == most;
                let answer = server.admit(forked);
                prop_assert_eq!(answer.refusal.is_some(), full);
                prop_assert!(answer.at > forked);
                open += u32::from(answer.refusal.is_none());
                prop_assert_eq!(server.slots().taken(), open);
                prop_assert!(open <= most);
            }
            prop_assert_eq!(server.busy(), costs.fork * knocks);
        }
    }
}
