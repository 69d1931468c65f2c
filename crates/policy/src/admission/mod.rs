//! Who gets one of a limited number of connections or requests: shares by class of priority, idle shares lent, and a
//! short queue in front.
//!
//! Each class is guaranteed its share of the total. What a class does not use is lent to whoever asks; when the owner
//! wants it back it waits at the head of the queue and gets the next slot that is released, within one service time.
//! The total is never exceeded, the queue is bounded, and nobody waits longer than the deadline of its class. Places in
//! the queue are shared like slots, or a flood of what is least important would fill it: a class that has fewer than
//! its share of them takes the place of whoever came last of a class that has more. Nothing here allocates after
//! [`Admission::new`].

use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

use crate::Time;
use crate::identity::Identity;
use crate::shared::Shared;

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
    /// How many may wait, all classes together. Each class is guaranteed its share of these places, too.
    pub queue: u32,
    /// How long each class may wait.
    pub patience: [Duration; 3],
}

impl AdmissionConfig {
    /// The most slots and places in the queue together: some 60 MB.
    pub const MOST_PLACES: u32 = 1 << 20;
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
    /// Slots and places in the queue are more than memory is kept for.
    #[error(
        "slots and places in the queue must be at most {} together",
        AdmissionConfig::MOST_PLACES
    )]
    Size,
    /// The shares are no shares of a whole.
    #[error("shares that add up to {0}; each must be at least 0 and all together 1")]
    Shares(f64),
}

/// Why somebody is turned away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// As many wait as may.
    QueueFull,
    /// Its place in the queue was lent, and the class that owns it wanted it back.
    Displaced,
    /// It has waited as long as its class may.
    Patience,
    /// Its ticket is none, or was used before.
    NoTicket,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::QueueFull => "all slots are taken and the queue is full",
            Self::Displaced => "its place in the queue went to a class that has fewer than its share",
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
    /// When it may be worth coming again: the mean time between releases for each that waits and one more, and never
    /// more than the patience of its class, for by then everybody who waits now has been served or has gone. That
    /// patience, too, before two releases are known. Zero for a ticket of another admission, which can wait for
    /// nothing here.
    pub retry_after: Duration,
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; worth another try in {:?}", self.reason, self.retry_after)
    }
}

/// Leave to use a slot, until it is released.
#[derive(Debug, PartialEq, Eq)]
pub struct Slot {
    class: Class,
    issuer: Identity,
}

/// A place in the queue.
#[derive(Debug, PartialEq, Eq)]
pub struct Ticket {
    place: u32,
    serial: u64,
    issuer: Identity,
    class: Class,
    until: Time,
}

/// Tells a ticket from others of its admission, for those who keep a list of who waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TicketId(u64);

impl Ticket {
    /// Its number, as [`Admission::next_called`] tells it.
    #[must_use]
    pub const fn id(&self) -> TicketId {
        TicketId(self.serial)
    }

    /// When its class's patience ends.
    #[must_use]
    pub const fn until(&self) -> Time {
        self.until
    }
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
    /// Slots now, at most those of the configuration.
    total: u32,
    guaranteed: [u32; 3],
    /// Places in the queue that each class is guaranteed.
    guaranteed_places: [u32; 3],
    in_use: [u32; 3],
    /// One for each that may wait and each that a slot may be kept for.
    places: Box<[Option<Waiting>]>,
    free_places: Vec<u32>,
    queues: [VecDeque<u32>; 3],
    /// Tickets that a slot is kept for or that lost their place, and nobody was told yet; as many as there are places.
    called: VecDeque<TicketId>,
    serial: u64,
    latest: Time,
    /// Nobody's patience ends before this.
    soonest: Time,
    identity: Identity,
    last_release: Option<Time>,
    /// Seconds between releases: a moving mean of the last few.
    mean_between: Option<f64>,
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
        let places = config.queue.saturating_add(config.total);
        if places > AdmissionConfig::MOST_PLACES {
            return Err(AdmissionError::Size);
        }
        let queue = || VecDeque::with_capacity(config.queue as usize);
        Ok(Self {
            guaranteed: apportion(config.total, config.shares),
            guaranteed_places: apportion(config.queue, config.shares),
            in_use: [0; 3],
            places: vec![None; places as usize].into(),
            free_places: (0..places).rev().collect(),
            queues: [queue(), queue(), queue()],
            called: VecDeque::with_capacity(places as usize),
            serial: 0,
            latest: Time::ZERO,
            soonest: Time::MAX,
            identity: Identity::new(),
            total: config.total,
            last_release: None,
            mean_between: None,
            config,
        })
    }

    /// Slots that a class is guaranteed.
    #[must_use]
    pub const fn guaranteed(&self, class: Class) -> u32 {
        self.guaranteed[class.index()]
    }

    /// From now on there are so many slots, at least 1 and at most those of the configuration: an emergency takes some
    /// away, its end gives them back. Shares are of the new number. Who is in stays; nobody else comes in before
    /// enough have left. Returns how many there are.
    pub fn resize(&mut self, now: Time, total: u32) -> u32 {
        self.catch_up(now);
        self.total = total.clamp(1, self.config.total);
        self.guaranteed = apportion(self.total, self.config.shares);
        self.grant();
        self.total
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
    /// [`Rejected`]: all slots are taken and the queue is full, with at least its share of places for this class.
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
        let waiting: usize = self.queues.iter().map(VecDeque::len).sum();
        if waiting >= self.config.queue as usize && !self.displace(class) {
            return Err(self.rejected(Refusal::QueueFull, class));
        }
        // There are as many as may wait and be kept slots for together.
        let Some(place) = self.free_places.pop() else {
            return Err(self.rejected(Refusal::QueueFull, class));
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
            issuer: self.identity,
            class,
            until,
        }))
    }

    /// Asks whether a place in the queue has come up.
    pub fn claim(&mut self, now: Time, ticket: Ticket) -> Claim {
        let now = self.catch_up(now);
        let Some(waiting) = self.of(&ticket) else {
            // It was taken out: its time was up, or another got its place.
            return Claim::Rejected(if ticket.issuer != self.identity {
                Rejected {
                    reason: Refusal::NoTicket,
                    retry_after: Duration::ZERO,
                }
            } else if ticket.until <= now {
                self.rejected(Refusal::Patience, ticket.class)
            } else {
                self.rejected(Refusal::Displaced, ticket.class)
            });
        };
        if waiting.granted {
            self.leave(ticket.place);
            return Claim::Admitted(self.slot(waiting.class));
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
        if slot.issuer != self.identity {
            return;
        }
        self.in_use[slot.class.index()] -= 1;
        if let Some(last) = self.last_release {
            let gap = now.since(last).as_secs_f64();
            self.mean_between = Some(self.mean_between.map_or(gap, |mean| mean * 0.9 + gap * 0.1));
        }
        self.last_release = Some(now);
        self.grant();
    }

    /// Makes room in a full queue for a class that has fewer than its share of places: the last one goes of the least
    /// important class that has more than its share. Says whether there is room now.
    fn displace(&mut self, class: Class) -> bool {
        let waiting = |class: Class| self.queues[class.index()].len();
        let share = |class: Class| self.guaranteed_places[class.index()] as usize;
        if waiting(class) >= share(class) {
            return false;
        }
        let over = Class::ALL.into_iter().rev().find(|c| waiting(*c) > share(*c));
        let Some(place) = over.and_then(|class| self.queues[class.index()].pop_back()) else {
            return false;
        };
        if let Some(waiting) = self.places[place as usize] {
            self.call(waiting.serial);
        }
        self.leave(place);
        true
    }

    /// The next of the tickets that have something to claim: a slot, or the news that their place is gone. Ask until
    /// there is none after every call that can move the queue, and wake whoever holds them. A ticket may be used
    /// before it is told of here; when nobody asks, the oldest are forgotten.
    pub fn next_called(&mut self) -> Option<TicketId> {
        self.called.pop_front()
    }

    fn call(&mut self, serial: u64) {
        if self.called.len() == self.places.len() {
            self.called.pop_front();
        }
        self.called.push_back(TicketId(serial));
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
                let serial = waiting.serial;
                self.in_use[class.index()] += 1;
                self.call(serial);
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
                self.call(waiting.serial);
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
        (ticket.issuer == self.identity && waiting.serial == ticket.serial).then_some(waiting)
    }

    fn free(&self) -> u32 {
        // More may be in use than there are now, when there were more a moment ago.
        self.total.saturating_sub(self.in_use.iter().sum())
    }

    const fn is_below(&self, class: Class) -> bool {
        self.in_use[class.index()] < self.guaranteed[class.index()]
    }

    fn slot(&self, class: Class) -> Slot {
        Slot {
            class,
            issuer: self.identity,
        }
    }

    fn rejected(&self, reason: Refusal, class: Class) -> Rejected {
        let waiting: usize = self.queues.iter().map(VecDeque::len).sum();
        let patience = self.config.patience[class.index()];
        let estimate = self
            .mean_between
            .and_then(|mean| Duration::try_from_secs_f64(mean * (waiting as f64 + 1.0)).ok());
        Rejected {
            reason,
            retry_after: estimate.map_or(patience, |time| time.min(patience)),
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
pub type SharedAdmission = Shared<Admission>;

/// A slot that is released when this is dropped, also by a panic.
#[derive(Debug)]
pub struct Guard {
    admission: SharedAdmission,
    slot: Option<Slot>,
}

impl Shared<Admission> {
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
mod tests;
