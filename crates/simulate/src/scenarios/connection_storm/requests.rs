//! Requests that need a connection: what they wait for it, in their service's own pool and in the pooler, and how many
//! get none.

use std::time::Duration;

use cofferdam_policy::Time;

use super::storm::{Doing, Event, Storm};
use super::{END, Plan};
use crate::chance::{Chance, Streams};
use crate::components::pgbouncer::Disconnection;
use crate::engine::Agenda;
use crate::statistics::Histogram;

/// Why a request got no connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Why {
    /// It waited longer for a connection of its service's own pool than that lets it.
    OwnPool,
    /// The pooler disconnected its client after `query_wait_timeout`.
    QueryWait,
    /// The server refused the pooler.
    Server,
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
    pub(super) const ALL: [Self; 3] = [Self::OwnPool, Self::QueryWait, Self::Server];
}

/// What became of requests.
#[derive(Debug)]
pub(super) struct Requests {
    /// When the next comes, by part.
    arrivals: Vec<Chance>,
    choice: Chance,
    transactions: Chance,
    pub(super) arrived: u64,
    /// Requests that failed, by reason and part.
    pub(super) failures: Vec<[u64; Why::ALL.len()]>,
    pub(super) first_failure: Option<(Time, Why)>,
    /// What each waited for a connection, in nanoseconds.
    pub(super) waits: Histogram,
    /// The same since the last point of the curve.
    lately: Histogram,
    /// 95th percentile of the waits, in seconds, by time.
    pub(super) course: Vec<(Time, f64)>,
}

impl Requests {
    pub(super) fn new(plan: &Plan, streams: &Streams) -> Self {
        let parts = plan.parts.iter();
        Self {
            arrivals: parts
                .map(|part| streams.stream(&part.service, "requests"))
                .collect(),
            choice: streams.stream("requests", "replica"),
            transactions: streams.stream("requests", "transaction time"),
            arrived: 0,
            failures: vec![[0; Why::ALL.len()]; plan.parts.len()],
            first_failure: None,
            waits: Histogram::new(),
            lately: Histogram::new(),
            course: Vec::new(),
        }
    }

    fn waited(&mut self, time: Duration) {
        let time = time.as_nanos() as u64;
        self.waits.record(time);
        self.lately.record(time);
    }

    /// A request of a part that came then has failed.
    pub(super) fn failed(&mut self, part: usize, now: Time, came: Time, why: Why) {
        self.failures[part][why as usize] += 1;
        self.first_failure = self.first_failure.or(Some((now, why)));
        self.waited(now.since(came));
    }

    /// Requests that failed for this reason.
    pub(super) fn of(&self, why: Why) -> u64 {
        self.failures.iter().map(|failures| failures[why as usize]).sum()
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
    /// A request to one of a service's replicas, and when the next comes.
    pub(super) fn request(&mut self, part: usize, agenda: &mut Agenda<Event>) {
        let Some(flow) = self.plan.parts[part].flow else {
            return;
        };
        let gap = self.requests.arrivals[part].exponential(1.0 / flow.rate.max(1e-9));
        agenda.after(Duration::from_secs_f64(gap), Event::Request(part));
        let now = agenda.now();
        let up = &self.up[part];
        if up.is_empty() {
            return;
        }
        let number = up[self.requests.choice.below(up.len() as u64) as usize];
        self.requests.arrived += 1;
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
        self.requests.waited(agenda.now().since(came));
        let part = self.replicas[self.links[link].replica].part;
        let hold = self.plan.parts[part]
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

    /// Requests that have waited for their own pool as long as it lets them fail.
    fn give_up(&mut self, number: usize, now: Time) {
        let part = self.replicas[number].part;
        let Some(patience) = self.plan.parts[part].flow.and_then(|flow| flow.patience) else {
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

    /// At the end: those that wait still have waited at least so long.
    pub(super) fn end_requests(&mut self) {
        for number in 0..self.replicas.len() {
            self.give_up(number, END);
            for came in std::mem::take(&mut self.replicas[number].line) {
                self.requests.waited(END.since(came));
            }
        }
        for link in &self.links {
            if let Doing::Waiting(came) = link.doing {
                self.requests.waited(END.since(came));
            }
        }
    }
}
