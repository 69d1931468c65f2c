//! A service as a queueing station: servers, a bounded queue in order of arrival, and the accounts of both.
//!
//! A server is one unit of concurrency (a worker thread, a connection, a slot of a pool); replicas that start
//! and stop change their number. The station has no clock and no agenda: it returns when a piece of work
//! ends, and the owner of the agenda then calls back with the ticket. It keeps its accounts in whole
//! nanoseconds, so that Little's law and the utilisation law are exactly true, not approximately, and
//! [`Station::invariants`] can check them.
//!
//! Left out: work that shares a processor (see `cfs`), and more than one queue (several stations make that).

mod books;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::time::Duration;

use cofferdam_policy::Time;

pub use books::{Broken, Counters};

use crate::chance::{Chance, Distribution};

/// What happens to work in the queue whose caller no longer waits for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Stale {
    /// It is served like any other, because the server does not know. Most services do this.
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
    /// What happens to work for which no caller waits any more.
    pub stale: Stale,
}

/// Names a piece of work in service. It is valid for one call of [`Station::finish`]; after a crash it is
/// invalid.
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

/// The result of an arrival.
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

/// A service with servers and a queue; `T` is the data that the caller wants back with a piece of work.
#[derive(Debug)]
pub struct Station<T> {
    config: StationConfig,
    chance: Chance,
    slots: Vec<Slot<T>>,
    /// Slots that are ready for work; the last one goes first.
    idle: Vec<u32>,
    /// Slots whose server was removed, for later servers.
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

    /// Work arrives; its caller waits for it until `deadline` ([`Time::MAX`]: forever).
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

    /// Replicas start or stop cleanly: surplus servers finish their work and take no more.
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

    /// Servers crash, each with the same probability: their work in service is lost and returned.
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

    /// The queue is lost, as when it was in the memory of a process that crashed.
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

    /// How many servers there are, without those that only finish their work.
    #[must_use]
    pub const fn servers(&self) -> u32 {
        self.config.servers
    }

    /// The accounts at `now`.
    pub fn counters(&mut self, now: Time) -> Counters {
        self.advance(now);
        self.counters
    }

    /// Checks the laws that every station obeys. Call it between events.
    ///
    /// # Errors
    ///
    /// The first broken law, with the figures.
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

    /// Servers that can have work, including those that only finish theirs.
    fn up(&self) -> u32 {
        self.busy + self.idle.len() as u32
    }

    /// Brings the accounts up to `now`; a time before the latest one counts as the latest.
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

    /// Records that a piece of work has left a server.
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

    /// A server without work becomes ready for more, unless it is surplus.
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
