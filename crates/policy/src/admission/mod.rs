//! Limits the number of connections or requests: each priority class has a share, unused shares are lent, and
//! a short queue is in front.
//!
//! Each class is guaranteed its share of the total. The unused part of a share is lent to other classes; when
//! the owner wants it back it waits at the head of the queue and gets the next released slot, within one
//! service time. The total is never exceeded, the queue is bounded, and no caller waits longer than the
//! deadline of its class. Places in the queue are shared like slots, because otherwise a flood of the least
//! important requests would fill it: a class with fewer places than its share takes the latest place of a
//! class that has more. Nothing here allocates after [`Admission::new`].

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

/// The limits, and the order of priority.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AdmissionConfig {
    /// Slots in all.
    pub total: u32,
    /// Part of the slots that each class is guaranteed, each at least 0, together 1.
    pub shares: [f64; 3],
    /// How many may wait, all classes together. Each class is also guaranteed its share of these places.
    pub queue: u32,
    /// How long each class may wait.
    pub patience: [Duration; 3],
}

impl AdmissionConfig {
    /// The maximum number of slots and places in the queue together: about 60 MB.
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

/// An error in the configuration.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum AdmissionError {
    /// There are no slots.
    #[error("0 slots: nobody would ever be admitted")]
    Total,
    /// The slots and places in the queue exceed the memory limit.
    #[error(
        "slots and places in the queue must be at most {} together",
        AdmissionConfig::MOST_PLACES
    )]
    Size,
    /// The shares do not add up to a whole.
    #[error("shares that add up to {0}; each must be at least 0 and all together 1")]
    Shares(f64),
}

/// The reason of a rejection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The queue is full.
    QueueFull,
    /// Its place in the queue was lent, and the class that owns it wanted it back.
    Displaced,
    /// It has waited as long as its class may.
    Patience,
    /// Its ticket is invalid, or was used before.
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

/// A rejected request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rejected {
    /// Why.
    pub reason: Refusal,
    /// When another attempt is useful: the mean time between releases for each waiting request and one more,
    /// but never more than the deadline of its class, because by then every request that waits now has been
    /// served or has given up. It is also that deadline before two releases are known. Zero for a ticket of
    /// another admission, which can wait for nothing here.
    pub retry_after: Duration,
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; worth another try in {:?}", self.reason, self.retry_after)
    }
}

/// Permission to use a slot, until it is released.
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

/// Identifies a ticket within its admission, for callers that keep a list of waiting requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TicketId(u64);

impl Ticket {
    /// Its number, as returned by [`Admission::next_called`].
    #[must_use]
    pub const fn id(&self) -> TicketId {
        TicketId(self.serial)
    }

    /// When its class's deadline ends.
    #[must_use]
    pub const fn until(&self) -> Time {
        self.until
    }
}

/// The result of a request.
#[derive(Debug, PartialEq, Eq)]
pub enum Answer {
    /// Come in.
    Admitted(Slot),
    /// Wait, and ask with the ticket.
    Queued(Ticket),
}

/// The result of a request with a ticket.
#[derive(Debug, PartialEq, Eq)]
pub enum Claim {
    /// Come in.
    Admitted(Slot),
    /// Wait on.
    Waiting(Ticket),
    /// Go away.
    Rejected(Rejected),
}

/// A place in the queue: whose it is, until when, and whether a slot is kept for it.
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
    /// One for each request that may wait and each for which a slot may be kept.
    places: Box<[Option<Waiting>]>,
    free_places: Vec<u32>,
    queues: [VecDeque<u32>; 3],
    /// Tickets for which a slot is kept or that lost their place, not yet reported; as many as there are
    /// places.
    called: VecDeque<TicketId>,
    serial: u64,
    latest: Time,
    /// No deadline ends before this.
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

    /// Sets the number of slots, at least 1 and at most that of the configuration: an emergency removes some,
    /// its end restores them. Shares are of the new number. Admitted requests stay; no other is admitted
    /// before enough have left. Returns the number.
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

    /// How many requests of a class wait.
    #[must_use]
    pub fn waiting(&self, class: Class) -> usize {
        self.queues[class.index()].len()
    }

    /// Requests a slot.
    ///
    /// # Errors
    ///
    /// [`Rejected`]: all slots are taken and the queue is full, with at least its share of places for this
    /// class.
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
        // There are as many places as requests that may wait and that slots may be kept for together.
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

    /// Checks whether the ticket has a slot now.
    pub fn claim(&mut self, now: Time, ticket: Ticket) -> Claim {
        let now = self.catch_up(now);
        let Some(waiting) = self.of(&ticket) else {
            // It was removed: its time was up, or another request got its place.
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

    /// Releases a slot. A slot of another admission changes nothing.
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

    /// Makes room in a full queue for a class with fewer places than its share: removes the last request of
    /// the least important class that has more than its share. Returns whether there is room now.
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

    /// The next ticket that has something to claim: a slot, or the message that its place is lost. After
    /// every call that can move the queue, call this until it returns none, and wake the tickets' owners. A
    /// ticket may be used before it is returned here; if this is never called, the oldest are forgotten.
    pub fn next_called(&mut self) -> Option<TicketId> {
        self.called.pop_front()
    }

    fn call(&mut self, serial: u64) {
        if self.called.len() == self.places.len() {
            self.called.pop_front();
        }
        self.called.push_back(TicketId(serial));
    }

    /// Keeps free slots for waiting requests: first for classes below their share, then for any, by priority.
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
        // Requests that waited too long are removed, and so is a slot that was kept for a caller that did not
        // claim it.
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
        // More may be in use than there are now, if there were more a moment ago.
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

/// Whole slots for shares: each gets the whole part of its share, and the largest remainders get the rest
/// (Hamilton).
fn apportion(total: u32, shares: [f64; 3]) -> [u32; 3] {
    let exact = shares.map(|share| share * f64::from(total));
    // A billionth, against 35.00000000000001 − 35.
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
