//! Requests that need a connection: how long they wait for it, in their service's own pool and in the pooler,
//! and how many get none.

use std::time::Duration;

use cofferdam_policy::Time;

use super::Setup;
use super::storm::{Doing, Event, Storm};
use crate::chance::{Chance, Streams};
use crate::components::pgbouncer::Disconnection;
use crate::engine::Agenda;
use crate::statistics::Histogram;

/// Why a request got no connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Why {
    /// It waited for a connection of its service's own pool for longer than the pool allows.
    OwnPool,
    /// The pooler disconnected its client after `query_wait_timeout`.
    QueryWait,
    /// The server refused the pooler.
    Server,
    /// It has waited since before requests were counted, and nothing ends its wait.
    NoEnd,
}

impl From<Disconnection> for Why {
    fn from(why: Disconnection) -> Self {
        match why {
            Disconnection::QueryWaitTimeout => Self::QueryWait,
            Disconnection::LoginFailed => Self::Server,
        }
    }
}

impl Why {
    pub(super) const ALL: [Self; 4] = [Self::OwnPool, Self::QueryWait, Self::Server, Self::NoEnd];
}

/// The time for which requests are followed.
#[derive(Debug, Clone, Copy)]
struct Followed {
    /// From when ending requests count: the last eighth, when queues have grown.
    counted: Time,
    until: Time,
}

/// Results of requests.
#[derive(Debug)]
pub(super) struct Requests {
    /// When the next one arrives, by part.
    arrivals: Vec<Chance>,
    choice: Chance,
    transactions: Chance,
    /// For each part, whether one of its requests ever failed.
    pub(super) hurt: Vec<bool>,
    pub(super) first_failure: Option<(Time, Why)>,
    /// How long requests are followed, and from when ending requests count.
    followed: Option<Followed>,
    /// Counted requests that got a connection.
    pub(super) served: u64,
    /// Counted requests that failed, by reason.
    pub(super) failures: [u64; Why::ALL.len()],
    /// The waits of counted requests for a connection, in nanoseconds.
    pub(super) waits: Histogram,
    /// The same since the last point of the curve.
    lately: Histogram,
    /// 95th percentile of the waits, in seconds, by time.
    pub(super) course: Vec<(Time, f64)>,
}

impl Requests {
    pub(super) fn new(setup: &Setup, streams: &Streams) -> Self {
        let parts = setup.parts.iter();
        Self {
            arrivals: parts
                .map(|part| streams.stream(&part.service, "requests"))
                .collect(),
            choice: streams.stream("requests", "replica"),
            transactions: streams.stream("requests", "transaction time"),
            hurt: vec![false; setup.parts.len()],
            first_failure: None,
            followed: None,
            served: 0,
            failures: [0; Why::ALL.len()],
            waits: Histogram::new(),
            lately: Histogram::new(),
            course: Vec::new(),
        }
    }

    /// A request that arrived then has ended: returns whether it counts.
    fn ended(&mut self, now: Time, came: Time) -> bool {
        let Some(followed) = self.followed.filter(|followed| now <= followed.until) else {
            return false;
        };
        let time = now.since(came).as_nanos() as u64;
        self.lately.record(time);
        let counts = now >= followed.counted;
        if counts {
            self.waits.record(time);
        }
        counts
    }

    fn served(&mut self, now: Time, came: Time) {
        self.served += u64::from(self.ended(now, came));
    }

    /// A request of a part that arrived then has failed.
    pub(super) fn failed(&mut self, part: usize, now: Time, came: Time, why: Why) {
        self.failures[why as usize] += u64::from(self.ended(now, came));
        self.hurt[part] = true;
        self.first_failure = self.first_failure.or(Some((now, why)));
    }

    /// Counted requests that failed.
    pub(super) fn failed_in_all(&self) -> u64 {
        self.failures.iter().sum()
    }

    /// A point of the curve.
    pub(super) fn note(&mut self, now: Time) {
        if let Some(wait) = self.lately.percentile(0.95).filter(|_| self.lately.count() > 0) {
            self.course.push((now, wait as f64 * 1e-9));
        }
        self.lately = Histogram::new();
    }
}

impl Storm<'_> {
    /// Requests arrive from now on, and are followed.
    pub(super) fn follow(&mut self, agenda: &mut Agenda<Event>) {
        if self.requests.followed.is_some() || self.setup.flows().next().is_none() {
            return;
        }
        let now = agenda.now();
        let time = self.setup.followed();
        let followed = Followed {
            counted: now + time * 7 / 8,
            until: now + time,
        };
        self.requests.followed = Some(followed);
        for (part, own) in self.setup.parts.iter().enumerate() {
            if own.flow.is_some() {
                agenda.at(now, Event::Request(part));
            }
        }
        agenda.at(followed.counted, Event::Count);
        agenda.at(followed.until, Event::Counted);
    }

    /// A request to one of a service's replicas, and when the next arrives.
    pub(super) fn request(&mut self, part: usize, agenda: &mut Agenda<Event>) {
        let Some(flow) = self.setup.parts[part].flow else {
            return;
        };
        let now = agenda.now();
        if self.requests.followed.is_none_or(|followed| now > followed.until) {
            return;
        }
        let gap = self.requests.arrivals[part].exponential(1.0 / flow.rate.max(1e-9));
        agenda.after(Duration::from_secs_f64(gap), Event::Request(part));
        let up = &self.up[part];
        if up.is_empty() {
            return;
        }
        let number = up[self.requests.choice.below(up.len() as u64) as usize];
        self.give_up(number, now);
        let replica = &mut self.replicas[number];
        let idle = if flow.last_first {
            replica.idle.pop_back()
        } else {
            replica.idle.pop_front()
        };
        match idle {
            Some(link) => self.ask(link, now, agenda),
            None => replica.line.push_back(now),
        }
    }

    /// A request takes a connection of its replica.
    fn ask(&mut self, link: usize, came: Time, agenda: &mut Agenda<Event>) {
        let Some((pooler, client)) = self.links[link].client else {
            self.begin(link, came, agenda);
            return;
        };
        self.links[link].doing = Doing::Waiting(came);
        self.poolers[pooler].request(agenda.now(), client);
        self.settle(pooler, agenda);
    }

    /// The transaction of a request begins.
    pub(super) fn begin(&mut self, link: usize, came: Time, agenda: &mut Agenda<Event>) {
        self.links[link].doing = Doing::Serving;
        self.requests.served(agenda.now(), came);
        let part = self.replicas[self.links[link].replica].part;
        let hold = self.setup.parts[part]
            .flow
            .map_or(Duration::ZERO, |flow| flow.hold);
        let time = self.requests.transactions.exponential(hold.as_secs_f64());
        agenda.after(Duration::from_secs_f64(time), Event::Finish(link));
    }

    /// A transaction is over.
    pub(super) fn finish(&mut self, link: usize, agenda: &mut Agenda<Event>) {
        if let Some((pooler, client)) = self.links[link].client {
            self.poolers[pooler].finish(agenda.now(), client);
            self.settle(pooler, agenda);
        }
        self.free(link, agenda);
    }

    /// A connection of a replica is free for the next request.
    pub(super) fn free(&mut self, link: usize, agenda: &mut Agenda<Event>) {
        let number = self.links[link].replica;
        self.links[link].doing = Doing::Idle;
        self.give_up(number, agenda.now());
        let replica = &mut self.replicas[number];
        match replica.line.pop_front() {
            Some(came) => self.ask(link, came, agenda),
            None => replica.idle.push_back(link),
        }
    }

    /// Requests fail that have waited for their own pool as long as it allows.
    fn give_up(&mut self, number: usize, now: Time) {
        let part = self.replicas[number].part;
        let Some(patience) = self.setup.parts[part].flow.and_then(|flow| flow.patience) else {
            return;
        };
        while let Some(came) = self.replicas[number].line.front().copied() {
            if now.since(came) < patience {
                break;
            }
            self.replicas[number].line.pop_front();
            self.requests.failed(part, came + patience, came, Why::OwnPool);
        }
    }

    /// When requests are no longer followed: those that arrived before the counted time and still wait have
    /// also failed, if nothing ends their wait.
    pub(super) fn end_requests(&mut self, now: Time) {
        for number in 0..self.replicas.len() {
            self.give_up(number, now);
            let part = self.replicas[number].part;
            for came in self.replicas[number].line.clone() {
                self.still_waits(part, now, came);
            }
        }
        for number in 0..self.links.len() {
            let link = self.links[number];
            if let Doing::Waiting(came) = link.doing {
                self.still_waits(self.replicas[link.replica].part, now, came);
            }
        }
    }

    fn still_waits(&mut self, part: usize, now: Time, came: Time) {
        let endless = self.setup.parts[part]
            .flow
            .is_some_and(|flow| flow.patience.is_none());
        let Some(followed) = self.requests.followed.filter(|_| endless) else {
            return;
        };
        // As many as arrive in the counted time: those of an equal time before it.
        let before = followed.counted.since(came);
        if !before.is_zero() && before <= followed.until.since(followed.counted) {
            self.requests.failed(part, now, came, Why::NoEnd);
        }
    }
}
