//! Who gets one of a limited number of connections or requests: shares by class of priority, idle shares lent, and a
//! short queue in front.
//!
//! Each class is guaranteed its share of the total. What a class does not use is lent to whoever asks; when the owner
//! wants it back it waits at the head of the queue and gets the next slot that is released, within one service time.
//! The total is never exceeded, the queue is bounded, and nobody waits longer than the deadline of its class. Nothing
//! here allocates after [`Admission::new`].

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::Time;

/// Classes of priority, the most important first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// First to be served.
    Critical,
    /// Next.
    Important,
    /// First to be shed.
    Optional,
}

impl Class {
    /// All classes in order.
    pub const ALL: [Self; 3] = [Self::Critical, Self::Important, Self::Optional];

    const fn index(self) -> usize {
        self as usize
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Critical => "critical",
            Self::Important => "important",
            Self::Optional => "optional",
        })
    }
}

/// How many may come in, and who first.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AdmissionConfig {
    /// Slots in all.
    pub total: u32,
    /// Part of the slots that each class is guaranteed, each at least 0, together 1.
    pub shares: [f64; 3],
    /// How many may wait, all classes together.
    pub queue: u32,
    /// How long each class may wait.
    pub patience: [Duration; 3],
}

impl Default for AdmissionConfig {
    /// 50 slots, 70 %, 25 % and 5 % of them; 100 may wait, for 5, 2 and 1 s.
    fn default() -> Self {
        Self {
            total: 50,
            shares: [0.70, 0.25, 0.05],
            queue: 100,
            patience: [
                Duration::from_secs(5),
                Duration::from_secs(2),
                Duration::from_secs(1),
            ],
        }
    }
}

/// Why nobody can be admitted like that.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum AdmissionError {
    /// There are no slots.
    #[error("0 slots: nobody would ever be admitted")]
    Total,
    /// The shares are no shares of a whole.
    #[error("shares that add up to {0}; each must be at least 0 and all together 1")]
    Shares(f64),
}

/// Why somebody is turned away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// As many wait as may.
    QueueFull,
    /// It has waited as long as its class may.
    Patience,
    /// Its ticket is none, or was used before.
    NoTicket,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::QueueFull => "all slots are taken and the queue is full",
            Self::Patience => "it waited as long as its class may",
            Self::NoTicket => "its ticket is not valid any more",
        })
    }
}

/// Somebody is turned away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rejected {
    /// Why.
    pub reason: Refusal,
    /// When it may be worth coming again: the time in which a slot was released, on average, for each that waits.
    pub retry_after: Duration,
}

/// Leave to use a slot, until it is released.
#[derive(Debug, PartialEq, Eq)]
pub struct Slot {
    class: Class,
    issuer: usize,
}

/// A place in the queue.
#[derive(Debug, PartialEq, Eq)]
pub struct Ticket {
    place: u32,
    serial: u64,
    issuer: usize,
}

/// What came of asking.
#[derive(Debug, PartialEq, Eq)]
pub enum Answer {
    /// Come in.
    Admitted(Slot),
    /// Wait, and ask with the ticket.
    Queued(Ticket),
}

/// What came of asking with a ticket.
#[derive(Debug, PartialEq, Eq)]
pub enum Claim {
    /// Come in.
    Admitted(Slot),
    /// Wait on.
    Waiting(Ticket),
    /// Go away.
    Rejected(Rejected),
}

/// A place in the queue: whose, until when, and whether a slot is kept for it.
#[derive(Debug, Clone, Copy)]
struct Waiting {
    serial: u64,
    class: Class,
    until: Time,
    granted: bool,
}

/// Slots, shares and queue.
#[derive(Debug)]
pub struct Admission {
    config: AdmissionConfig,
    guaranteed: [u32; 3],
    in_use: [u32; 3],
    places: Box<[Option<Waiting>]>,
    free_places: Vec<u32>,
    queues: [VecDeque<u32>; 3],
    serial: u64,
    latest: Time,
    /// Nobody's patience ends before this.
    soonest: Time,
    /// Its address is this admission's name: nobody else has it while it lives.
    identity: Box<u8>,
    /// Time between releases, on average: a moving mean of the last few.
    between: Option<(Time, f64)>,
    mean_between: f64,
}

impl Admission {
    /// All slots free.
    ///
    /// # Errors
    ///
    /// [`AdmissionError`] names what is wrong.
    pub fn new(config: AdmissionConfig) -> Result<Self, AdmissionError> {
        if config.total == 0 {
            return Err(AdmissionError::Total);
        }
        let sum: f64 = config.shares.iter().sum();
        if config.shares.iter().any(|share| share.is_nan() || *share < 0.0)
            || sum.is_nan()
            || (sum - 1.0).abs() > 1e-6
        {
            return Err(AdmissionError::Shares(sum));
        }
        let queue = || VecDeque::with_capacity(config.queue as usize);
        Ok(Self {
            guaranteed: apportion(config.total, config.shares),
            in_use: [0; 3],
            places: vec![None; config.queue as usize].into(),
            free_places: (0..config.queue).rev().collect(),
            queues: [queue(), queue(), queue()],
            serial: 0,
            latest: Time::ZERO,
            soonest: Time::MAX,
            identity: Box::new(0),
            between: None,
            mean_between: 0.0,
            config,
        })
    }

    /// Slots that a class is guaranteed.
    #[must_use]
    pub const fn guaranteed(&self, class: Class) -> u32 {
        self.guaranteed[class.index()]
    }

    /// Slots that a class has, those kept for its tickets included.
    #[must_use]
    pub const fn in_use(&self, class: Class) -> u32 {
        self.in_use[class.index()]
    }

    /// How many of a class wait.
    #[must_use]
    pub fn waiting(&self, class: Class) -> usize {
        self.queues[class.index()].len()
    }

    /// Asks for a slot.
    ///
    /// # Errors
    ///
    /// [`Rejected`]: all slots are taken and the queue is full.
    pub fn acquire(&mut self, now: Time, class: Class) -> Result<Answer, Rejected> {
        let now = self.catch_up(now);
        let nobody_first = Class::ALL
            .iter()
            .take_while(|c| **c <= class)
            .all(|c| self.queues[c.index()].is_empty());
        if self.free() > 0 && (self.is_below(class) || nobody_first) {
            self.in_use[class.index()] += 1;
            return Ok(Answer::Admitted(self.slot(class)));
        }
        let Some(place) = self.free_places.pop() else {
            return Err(self.rejected(Refusal::QueueFull));
        };
        self.serial += 1;
        let until = now + self.config.patience[class.index()];
        self.places[place as usize] = Some(Waiting {
            serial: self.serial,
            class,
            until,
            granted: false,
        });
        self.queues[class.index()].push_back(place);
        self.soonest = self.soonest.min(until);
        Ok(Answer::Queued(Ticket {
            place,
            serial: self.serial,
            issuer: self.name(),
        }))
    }

    /// Asks whether a place in the queue has come up.
    pub fn claim(&mut self, now: Time, ticket: Ticket) -> Claim {
        let now = self.catch_up(now);
        let Some(waiting) = self.of(&ticket) else {
            // It was taken out when its time was up.
            return Claim::Rejected(self.rejected(if ticket.issuer == self.name() {
                Refusal::Patience
            } else {
                Refusal::NoTicket
            }));
        };
        if waiting.granted {
            self.leave(ticket.place);
            return Claim::Admitted(self.slot(waiting.class));
        }
        if waiting.until <= now {
            return Claim::Rejected(self.rejected(Refusal::Patience));
        }
        Claim::Waiting(ticket)
    }

    /// Gives up a place in the queue, and the slot that may be kept for it.
    pub fn cancel(&mut self, now: Time, ticket: Ticket) {
        self.catch_up(now);
        if let Some(waiting) = self.of(&ticket) {
            self.remove(ticket.place, waiting);
        }
    }

    /// Gives a slot back. One that another issued changes nothing.
    pub fn release(&mut self, now: Time, slot: Slot) {
        let now = self.catch_up(now);
        if slot.issuer != self.name() {
            return;
        }
        self.in_use[slot.class.index()] -= 1;
        if let Some((last, _)) = self.between {
            let gap = now.since(last).as_secs_f64();
            self.mean_between = if self.mean_between == 0.0 {
                gap
            } else {
                self.mean_between * 0.9 + gap * 0.1
            };
        }
        self.between = Some((now, 0.0));
        self.grant();
    }

    /// Keeps free slots for those who wait: first classes below their share, then anybody, by priority.
    fn grant(&mut self) {
        while self.free() > 0 {
            let waits = |class: &&Class| !self.queues[class.index()].is_empty();
            let below = Class::ALL
                .iter()
                .filter(waits)
                .find(|class| self.is_below(**class));
            let Some(class) = below.or_else(|| Class::ALL.iter().find(waits)).copied() else {
                return;
            };
            let Some(place) = self.queues[class.index()].pop_front() else {
                return;
            };
            if let Some(waiting) = &mut self.places[place as usize] {
                waiting.granted = true;
                self.in_use[class.index()] += 1;
            }
        }
    }

    fn catch_up(&mut self, now: Time) -> Time {
        self.latest = self.latest.max(now);
        let now = self.latest;
        if now < self.soonest {
            return now;
        }
        // Whoever waited too long goes, and so does a slot that was kept for somebody who did not come.
        for place in 0..self.places.len() as u32 {
            if let Some(waiting) = self.places[place as usize]
                && waiting.until <= now
            {
                self.remove(place, waiting);
            }
        }
        let untils = self.places.iter().flatten().map(|waiting| waiting.until);
        self.soonest = untils.min().unwrap_or(Time::MAX);
        now
    }

    fn remove(&mut self, place: u32, waiting: Waiting) {
        self.leave(place);
        if waiting.granted {
            self.in_use[waiting.class.index()] -= 1;
            self.grant();
        } else {
            self.queues[waiting.class.index()].retain(|other| *other != place);
        }
    }

    fn leave(&mut self, place: u32) {
        self.places[place as usize] = None;
        self.free_places.push(place);
    }

    fn of(&self, ticket: &Ticket) -> Option<Waiting> {
        let waiting = (*self.places.get(ticket.place as usize)?)?;
        (ticket.issuer == self.name() && waiting.serial == ticket.serial).then_some(waiting)
    }

    fn free(&self) -> u32 {
        self.config.total - self.in_use.iter().sum::<u32>()
    }

    const fn is_below(&self, class: Class) -> bool {
        self.in_use[class.index()] < self.guaranteed[class.index()]
    }

    fn slot(&self, class: Class) -> Slot {
        Slot {
            class,
            issuer: self.name(),
        }
    }

    fn name(&self) -> usize {
        std::ptr::from_ref::<u8>(&self.identity) as usize
    }

    fn rejected(&self, reason: Refusal) -> Rejected {
        let waiting: usize = self.queues.iter().map(VecDeque::len).sum();
        let seconds = self.mean_between * (waiting as f64 + 1.0);
        Rejected {
            reason,
            retry_after: Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX),
        }
    }
}

/// Whole slots for shares: each gets the whole part of its own, and the largest remainders get the rest (Hamilton).
fn apportion(total: u32, shares: [f64; 3]) -> [u32; 3] {
    let exact = shares.map(|share| share * f64::from(total));
    // A billionth against 35.00000000000001 − 35.
    let mut whole = exact.map(|slots| (slots + 1e-9) as u32);
    let mut order = [0, 1, 2];
    order.sort_by(|a, b| {
        (exact[*b] - f64::from(whole[*b]))
            .total_cmp(&(exact[*a] - f64::from(whole[*a])))
            .then(a.cmp(b))
    });
    let missing = total.saturating_sub(whole.iter().sum());
    for number in order.into_iter().cycle().take(missing as usize) {
        whole[number] += 1;
    }
    whole
}

/// An admission that several callers share; a slot comes back by itself when its guard is dropped.
#[derive(Debug, Clone)]
pub struct SharedAdmission(Arc<Mutex<Admission>>);

/// A slot that is released when this is dropped, also by a panic.
#[derive(Debug)]
pub struct Guard {
    admission: SharedAdmission,
    slot: Option<Slot>,
}

impl SharedAdmission {
    /// A handle on an admission.
    #[must_use]
    pub fn new(admission: Admission) -> Self {
        Self(Arc::new(Mutex::new(admission)))
    }

    /// Asks or tells the admission something, alone with it.
    pub fn with<R>(&self, with: impl FnOnce(&mut Admission) -> R) -> R {
        with(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Binds a slot to a guard.
    #[must_use]
    pub fn guard(&self, slot: Slot) -> Guard {
        Guard {
            admission: self.clone(),
            slot: Some(slot),
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(slot) = self.slot.take() {
            // The time of the release is the latest that the admission has seen.
            self.admission
                .with(|admission| admission.release(admission.latest, slot));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(millis: u64) -> Time {
        Time::from_nanos(millis * 1_000_000)
    }

    fn admission(total: u32, queue: u32) -> Admission {
        Admission::new(AdmissionConfig {
            total,
            queue,
            ..AdmissionConfig::default()
        })
        .unwrap()
    }

    fn slot(answer: Result<Answer, Rejected>) -> Slot {
        match answer {
            Ok(Answer::Admitted(slot)) => slot,
            other => panic!("{other:?}"),
        }
    }

    fn ticket(answer: Result<Answer, Rejected>) -> Ticket {
        match answer {
            Ok(Answer::Queued(ticket)) => ticket,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn shares_become_whole_slots() {
        let admission = admission(50, 0);
        // 35, 12.5 and 2.5: the odd slot goes to the first of equal remainders.
        assert_eq!(Class::ALL.map(|class| admission.guaranteed(class)), [35, 13, 2]);
        assert_eq!(apportion(10, [0.7, 0.25, 0.05]), [7, 3, 0]);
        assert_eq!(apportion(1, [0.7, 0.25, 0.05]), [1, 0, 0]);
    }

    #[test]
    fn an_idle_share_is_lent_and_comes_back_with_the_next_release() {
        let mut admission = admission(10, 5);
        let mut lent: Vec<Slot> = (0..10)
            .map(|_| slot(admission.acquire(at(0), Class::Optional)))
            .collect();
        // Critical owns 7 of these. It waits at the head, before others who asked earlier.
        let optional = ticket(admission.acquire(at(1), Class::Optional));
        let critical = ticket(admission.acquire(at(2), Class::Critical));
        admission.release(at(10), lent.pop().unwrap());
        let Claim::Admitted(granted) = admission.claim(at(10), critical) else {
            panic!("not admitted")
        };
        assert!(matches!(admission.claim(at(10), optional), Claim::Waiting(_)));
        assert_eq!(admission.in_use(Class::Critical), 1);
        admission.release(at(11), granted);
        assert_eq!(
            admission.in_use(Class::Optional),
            10,
            "the slot went to the optional one that waited"
        );
    }

    #[test]
    fn whoever_waits_too_long_or_finds_the_queue_full_is_turned_away() {
        let mut admission = admission(1, 1);
        let held = slot(admission.acquire(at(0), Class::Critical));
        let waiting = ticket(admission.acquire(at(0), Class::Optional));
        let refused = admission.acquire(at(1), Class::Critical).unwrap_err();
        assert_eq!(refused.reason, Refusal::QueueFull);
        // Optional waits one second at most.
        assert_eq!(
            admission.claim(at(1000), waiting),
            Claim::Rejected(Rejected {
                reason: Refusal::Patience,
                retry_after: Duration::ZERO
            })
        );
        let again = ticket(admission.acquire(at(1001), Class::Critical));
        admission.release(at(1500), held);
        assert!(matches!(admission.claim(at(1500), again), Claim::Admitted(_)));
    }

    #[test]
    fn a_slot_that_is_kept_for_somebody_who_does_not_come_goes_on() {
        let mut admission = admission(1, 2);
        let held = slot(admission.acquire(at(0), Class::Critical));
        let _absent = ticket(admission.acquire(at(0), Class::Optional));
        let patient = ticket(admission.acquire(at(500), Class::Critical));
        admission.release(at(600), held);
        // It goes to critical, which is below its share of one slot.
        let Claim::Admitted(slot) = admission.claim(at(600), patient) else {
            panic!("not admitted")
        };
        admission.release(at(700), slot);
        // Now it is kept for the one that went away, until its second is over.
        assert_eq!(admission.in_use(Class::Optional), 1);
        assert!(matches!(
            admission.acquire(at(1001), Class::Important),
            Ok(Answer::Admitted(_))
        ));
    }

    #[test]
    fn a_dropped_guard_gives_its_slot_back() {
        let shared = SharedAdmission::new(admission(2, 0));
        let guards: Vec<Guard> = (0..2)
            .map(|_| shared.guard(slot(shared.with(|a| a.acquire(at(0), Class::Critical)))))
            .collect();
        assert!(shared.with(|a| a.acquire(at(0), Class::Critical)).is_err());
        drop(guards);
        assert_eq!(shared.with(|a| a.in_use(Class::Critical)), 0);
    }

    #[test]
    fn nonsense_is_refused() {
        let with = |total, shares| {
            Admission::new(AdmissionConfig {
                total,
                shares,
                ..AdmissionConfig::default()
            })
            .map(|_| ())
        };
        assert_eq!(with(0, [1.0, 0.0, 0.0]), Err(AdmissionError::Total));
        assert!(matches!(with(1, [0.9, 0.0, 0.0]), Err(AdmissionError::Shares(_))));
        assert!(matches!(
            with(1, [f64::NAN, 0.5, 0.5]),
            Err(AdmissionError::Shares(_))
        ));
        // A slot of another admission changes nothing.
        let (mut one, mut other) = (admission(1, 0), admission(1, 0));
        let foreign = slot(one.acquire(at(0), Class::Critical));
        slot(other.acquire(at(0), Class::Critical));
        other.release(at(1), foreign);
        assert_eq!(other.in_use(Class::Critical), 1);
    }

    proptest! {
        #[test]
        fn the_total_holds_and_no_slot_is_lost(
            total in 1_u32..12,
            queue in 0_u32..8,
            steps in prop::collection::vec((0_u64..400, 0_u8..6, 0_usize..3, any::<prop::sample::Index>()), 1..200),
        ) {
            let mut admission = admission(total, queue);
            let (mut slots, mut tickets) = (Vec::new(), Vec::new());
            let mut now = 0;
            for (wait, what, class, which) in steps {
                now += wait;
                match what {
                    0..=2 => match admission.acquire(at(now), Class::ALL[class]) {
                        Ok(Answer::Admitted(slot)) => slots.push(slot),
                        Ok(Answer::Queued(ticket)) => tickets.push(ticket),
                        Err(_) => {}
                    },
                    3 if !slots.is_empty() => admission.release(at(now), slots.swap_remove(which.index(slots.len()))),
                    4 if !tickets.is_empty() => match admission.claim(at(now), tickets.swap_remove(which.index(tickets.len()))) {
                        Claim::Admitted(slot) => slots.push(slot),
                        Claim::Waiting(ticket) => tickets.push(ticket),
                        Claim::Rejected(_) => {}
                    },
                    // A caller that goes away without a word, or with one.
                    5 if !tickets.is_empty() => {
                        let ticket = tickets.swap_remove(which.index(tickets.len()));
                        if now % 2 == 0 {
                            admission.cancel(at(now), ticket);
                        }
                    }
                    _ => {}
                }
                let in_use: u32 = Class::ALL.iter().map(|class| admission.in_use(*class)).sum();
                prop_assert!(in_use <= total && in_use >= slots.len() as u32);
                let waiting: usize = Class::ALL.iter().map(|class| admission.waiting(*class)).sum();
                prop_assert!(waiting <= queue as usize);
                // Nobody waits while a slot is free.
                prop_assert!(waiting == 0 || in_use == total);
            }
            for slot in slots {
                admission.release(at(now), slot);
            }
            // When everybody's patience is over, every slot is free again.
            let end = at(now + 10_000);
            let all = (0..total).filter(|_| matches!(admission.acquire(end, Class::Critical), Ok(Answer::Admitted(_)))).count();
            prop_assert_eq!(all as u32, total);
        }
    }
}
