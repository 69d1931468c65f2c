//! The course of a connection storm: autoscalers add replicas, replicas connect, and server and pooler accept
//! them, refuse them or let them wait.

use std::collections::VecDeque;
use std::time::Duration;

use cofferdam_policy::trace::Recorder;
use cofferdam_policy::{Random, Time};

use super::requests::Requests;
use super::tell::tell;
use super::{AGAIN, END, Full, LOAD, SET_UP, Setup};
use crate::chance::{Chance, Streams};
use crate::components::autoscaler::replicas::{Phase, Pod};
use crate::components::autoscaler::{Autoscaler, SYNC};
use crate::components::pgbouncer::{ClientId, Disconnection, Effect, PgBouncer, PoolId, TICK};
use crate::components::postgres::Server;
use crate::engine::{Agenda, World};
use crate::outcome::Outcome;
use crate::statistics::Histogram;

/// Time between two points of a curve.
const STEP: u64 = 2_000_000_000;
/// The time over which refused attempts are counted at the end.
const MINUTE: Duration = Duration::from_secs(60);

/// A replica of a service and its connections.
#[derive(Debug)]
pub(super) struct Replica {
    pub(super) part: usize,
    started: Time,
    /// Connections that it can use.
    pub(super) open: u32,
    /// Whether it has begun to connect.
    pub(super) up: bool,
    /// Whether an attempt is in progress, or will be made.
    connecting: bool,
    /// Connections that no request uses, the one that was used last at the back.
    pub(super) idle: VecDeque<usize>,
    /// Arrival times of the requests that wait for a connection, in order of arrival.
    pub(super) line: VecDeque<Time>,
}

/// A connection of a replica.
#[derive(Debug, Clone, Copy)]
pub(super) struct Link {
    pub(super) replica: usize,
    /// The pooler's replica and the number of its client; none if it goes to the server directly.
    pub(super) client: Option<(usize, ClientId)>,
    pub(super) doing: Doing,
}

/// What a connection is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Doing {
    /// It is being opened: its first statement waits for the server.
    Opening,
    /// Nothing.
    Idle,
    /// A request that arrived then waits in the pooler.
    Waiting(Time),
    /// A request's transaction.
    Serving,
}

/// The client that connects to the server.
#[derive(Debug, Clone, Copy)]
pub(super) enum Who {
    Replica(usize),
    Pool(usize, PoolId),
}

#[derive(Debug)]
pub(super) enum Event {
    Look(usize),
    Up(usize),
    Connect(usize),
    /// The server has a process for an attempt that was made then.
    Forked(Who, Time),
    /// The server has answered it.
    Answered(Who, Time, bool),
    /// A request to one of a part's replicas.
    Request(usize),
    /// The transaction on a connection is over.
    Finish(usize),
    /// The poolers handle everything that depends only on time.
    Tick,
    /// Requests are followed from now on, if they are not yet.
    Follow,
    /// The counted time begins, over which rates are also taken.
    Count,
    /// It ends.
    Counted,
}

/// Services, their autoscalers, and what they connect to.
pub(super) struct Storm<'a> {
    pub(super) setup: &'a Setup,
    scalers: Vec<Autoscaler>,
    pub(super) replicas: Vec<Replica>,
    /// For each part, the replicas that are up.
    pub(super) up: Vec<Vec<usize>>,
    pub(super) server: Server,
    pub(super) poolers: Vec<PgBouncer>,
    pub(super) links: Vec<Link>,
    /// For each pooler, the connection of each client by number.
    clients: Vec<Vec<usize>>,
    chance: Chance,
    balance: Chance,
    pub(super) requests: Requests,
    /// Attempts of the last minute that were refused.
    recent: VecDeque<Time>,
    pub(super) seen: Seen,
    trace: &'a mut Recorder,
}

/// The cost of attempts to connect.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Spent {
    /// Time of the postmaster.
    pub(super) postmaster: Duration,
    /// Time of the server's processors.
    pub(super) work: Duration,
    /// Connections that were opened for poolers.
    pub(super) opened: u64,
}

/// Values recorded during the run.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// When no slot was left for the first time, and of what.
    pub(super) full: Option<(Time, Full)>,
    pub(super) first_refusal: Option<Time>,
    /// When all replicas up to the maximum existed.
    pub(super) scaled: Option<Time>,
    /// Refused attempts a second in the last minute.
    pub(super) refused_rate: f64,
    /// From the first byte to the server's answer, for each attempt since the load arrived.
    pub(super) answers: Histogram,
    /// The cost of attempts when rates began to be taken, and afterwards.
    pub(super) spent: Option<[(Time, Spent); 2]>,
    /// When a pooler first closed one user's connection to open another's.
    pub(super) first_evicted: Option<Time>,
    /// Attempts of the pooler that the server refused.
    pub(super) refused_to_pooler: u64,
    /// When the first client had waited too long for the connection for its first statement.
    pub(super) first_timeout: Option<Time>,
    /// Connections wanted, open, and at the server, by time.
    pub(super) course: Vec<(Time, u32, u32, u32)>,
    /// Maximum number of connections to the server at a time.
    pub(super) most: u32,
}

impl Storm<'_> {
    fn count(&self, part: usize) -> u32 {
        self.replicas
            .iter()
            .filter(|replica| replica.part == part)
            .count() as u32
    }

    /// Connections that the running replicas want.
    pub(super) fn wanted(&self) -> u32 {
        let up = self.replicas.iter().filter(|replica| replica.up);
        up.map(|replica| self.setup.parts[replica.part].each).sum()
    }

    /// Connections that replicas can use.
    pub(super) fn open(&self) -> u32 {
        self.replicas.iter().map(|replica| replica.open).sum()
    }

    /// The cost of attempts to connect so far.
    pub(super) fn spent(&self) -> Spent {
        Spent {
            postmaster: self.server.busy(),
            work: self.server.work(),
            opened: self.poolers.iter().map(|pooler| pooler.counts().opened).sum(),
        }
    }

    fn look(&mut self, part: usize, agenda: &mut Agenda<Event>) {
        let now = agenda.now();
        agenda.after(SYNC, Event::Look(part));
        let own = &self.setup.parts[part];
        let pods: Vec<Pod> = self
            .replicas
            .iter()
            .filter(|replica| replica.part == part)
            .map(|replica| Pod {
                phase: Phase::Running,
                ready: replica.up,
                started: replica.started,
                ready_since: replica.started,
                request: 1000,
                sample: None,
            })
            .collect();
        let current = pods.len() as u32;
        let value = if now >= LOAD { 1_000_000 } else { 1000 };
        let decision = self.scalers[part].sync(now, current, &pods, &[Some(value)]);
        // A service without an autoscaler has as many replicas at all times: nothing decides there.
        if own.scaler.minimum < own.scaler.maximum {
            self.trace.event(now, || {
                (format!("{} autoscaler", own.service), decision.from(current))
            });
        }
        for _ in current..decision.replicas {
            let number = self.start(part, now);
            agenda.after(own.start_up, Event::Up(number));
        }
        let mut parts = self.setup.parts.iter().enumerate();
        let all = parts.all(|(n, part)| self.count(n) >= part.scaler.maximum);
        if all && now >= LOAD && self.seen.scaled.is_none() {
            self.seen.scaled = Some(now);
            self.follow_when_up(agenda);
        }
    }

    /// Follows requests once all replicas up to the maximum are up.
    fn follow_when_up(&mut self, agenda: &mut Agenda<Event>) {
        if self.seen.scaled.is_some() && self.replicas.iter().all(|replica| replica.up) {
            self.follow(agenda);
        }
    }

    fn start(&mut self, part: usize, now: Time) -> usize {
        self.replicas.push(Replica {
            part,
            started: now,
            open: 0,
            up: false,
            connecting: false,
            idle: VecDeque::new(),
            line: VecDeque::new(),
        });
        self.replicas.len() - 1
    }

    /// A replica opens one more connection, if it lacks one.
    fn connect(&mut self, number: usize, agenda: &mut Agenda<Event>) {
        let now = agenda.now();
        let part = &self.setup.parts[self.replicas[number].part];
        if self.replicas[number].open >= part.each {
            self.replicas[number].connecting = false;
            return;
        }
        let Some(between) = self.setup.between.as_ref().filter(|_| part.pooled) else {
            self.knock(Who::Replica(number), agenda);
            return;
        };
        let pooler = self.balance.below(u64::from(between.limits.replicas)) as usize;
        let users = between.limits.users;
        let user = users.map_or(number as u32, |users| number as u32 % users.max(1));
        let Some(client) = self.poolers[pooler].connect(user, 0) else {
            self.seen.full = self.seen.full.or(Some((now, Full::Pooler)));
            self.refused(number, agenda);
            return;
        };
        self.links.push(Link {
            replica: number,
            client: Some((pooler, client)),
            doing: Doing::Opening,
        });
        self.clients[pooler].push(self.links.len() - 1);
        self.poolers[pooler].request(now, client);
        self.settle(pooler, agenda);
    }

    fn knock(&mut self, who: Who, agenda: &mut Agenda<Event>) {
        let now = agenda.now();
        let forked = self.server.knock(now);
        agenda.at(forked, Event::Forked(who, now));
    }

    fn answered(&mut self, who: Who, asked: Time, accepted: bool, agenda: &mut Agenda<Event>) {
        let now = agenda.now();
        if asked >= LOAD {
            self.seen.answers.record(now.since(asked).as_nanos() as u64);
        }
        match who {
            Who::Replica(number) if accepted => {
                self.links.push(Link {
                    replica: number,
                    client: None,
                    doing: Doing::Opening,
                });
                self.ready(self.links.len() - 1, agenda);
            }
            Who::Replica(number) => self.refused(number, agenda),
            Who::Pool(pooler, pool) => {
                if accepted {
                    self.poolers[pooler].opened(now, pool);
                } else {
                    self.seen.refused_to_pooler += 1;
                    self.poolers[pooler].refused(now, pool);
                }
                self.settle(pooler, agenda);
            }
        }
    }

    /// A connection of a replica can be used.
    fn ready(&mut self, link: usize, agenda: &mut Agenda<Event>) {
        let number = self.links[link].replica;
        self.replicas[number].open += 1;
        let wait = self.chance.exponential(SET_UP);
        agenda.after(Duration::from_secs_f64(wait), Event::Connect(number));
        self.free(link, agenda);
    }

    /// A replica was refused a connection and tries again.
    fn refused(&mut self, number: usize, agenda: &mut Agenda<Event>) {
        let now = agenda.now();
        self.recent.push_back(now);
        self.seen.first_refusal = self.seen.first_refusal.or(Some(now));
        let wait = self.chance.exponential(AGAIN);
        agenda.after(Duration::from_secs_f64(wait), Event::Connect(number));
    }

    /// Does what a pooler has decided.
    pub(super) fn settle(&mut self, pooler: usize, agenda: &mut Agenda<Event>) {
        while let Some(effect) = self.poolers[pooler].next_effect() {
            match effect {
                Effect::Open(pool) => self.knock(Who::Pool(pooler, pool), agenda),
                Effect::Close(_) => {
                    self.server.disconnect();
                    if self.poolers[pooler].counts().evicted > 0 {
                        self.seen.first_evicted = self.seen.first_evicted.or(Some(agenda.now()));
                    }
                }
                Effect::Served { client, .. } => {
                    let link = self.clients[pooler][client.number()];
                    self.served(link, agenda);
                }
                Effect::Disconnected { client, why, .. } => {
                    let link = self.clients[pooler][client.number()];
                    self.dropped(link, why, agenda);
                }
            }
        }
    }

    /// A client of a pooler has its connection to the server.
    fn served(&mut self, link: usize, agenda: &mut Agenda<Event>) {
        match self.links[link].doing {
            Doing::Opening => {
                if let Some((pooler, client)) = self.links[link].client {
                    self.poolers[pooler].finish(agenda.now(), client);
                }
                self.ready(link, agenda);
            }
            Doing::Waiting(came) => self.begin(link, came, agenda),
            Doing::Idle | Doing::Serving => {}
        }
    }

    /// A pooler has disconnected a client.
    fn dropped(&mut self, link: usize, why: Disconnection, agenda: &mut Agenda<Event>) {
        let now = agenda.now();
        let number = self.links[link].replica;
        match self.links[link].doing {
            Doing::Opening => {
                if why == Disconnection::QueryWaitTimeout {
                    self.seen.first_timeout = self.seen.first_timeout.or(Some(now));
                }
                self.refused(number, agenda);
                return;
            }
            Doing::Waiting(came) => self
                .requests
                .failed(self.replicas[number].part, now, came, why.into()),
            Doing::Idle | Doing::Serving => return,
        }
        let replica = &mut self.replicas[number];
        replica.open -= 1;
        if !replica.connecting {
            replica.connecting = true;
            let wait = self.chance.exponential(AGAIN);
            agenda.after(Duration::from_secs_f64(wait), Event::Connect(number));
        }
    }

    /// Records the state, every other second.
    fn note(&mut self, now: Time) {
        let server = self.server.slots().taken();
        self.seen.most = self.seen.most.max(server);
        if self.setup.is_direct() && server == self.server.slots().most() {
            self.seen.full = self.seen.full.or(Some((now, Full::Server)));
        }
        let (wanted, open) = (self.wanted(), self.open());
        self.seen.course.push((now, wanted, open, server));
    }
}

impl World for Storm<'_> {
    type Event = Event;

    fn handle(&mut self, event: Event, agenda: &mut Agenda<Event>) {
        let now = agenda.now();
        match event {
            Event::Look(part) => self.look(part, agenda),
            Event::Up(number) => {
                self.replicas[number].up = true;
                self.replicas[number].connecting = true;
                self.up[self.replicas[number].part].push(number);
                self.follow_when_up(agenda);
                let jitter = self.chance.exponential(0.5);
                agenda.after(Duration::from_secs_f64(jitter), Event::Connect(number));
            }
            Event::Connect(number) => self.connect(number, agenda),
            Event::Forked(who, asked) => {
                let answer = self.server.admit(now);
                let server = self.server.slots().taken();
                self.seen.most = self.seen.most.max(server);
                if self.setup.is_direct() && server == self.server.slots().most() {
                    self.seen.full = self.seen.full.or(Some((now, Full::Server)));
                }
                agenda.at(answer.at, Event::Answered(who, asked, answer.refusal.is_none()));
            }
            Event::Answered(who, asked, accepted) => self.answered(who, asked, accepted, agenda),
            Event::Request(part) => self.request(part, agenda),
            Event::Finish(link) => self.finish(link, agenda),
            Event::Tick => {
                for pooler in 0..self.poolers.len() {
                    self.poolers[pooler].maintain(now);
                    self.settle(pooler, agenda);
                }
                agenda.after(TICK, Event::Tick);
            }
            Event::Follow => self.follow(agenda),
            Event::Count => {
                let spent = (now, self.spent());
                self.seen.spent = Some([spent; 2]);
            }
            Event::Counted => {
                let spent = (now, self.spent());
                self.seen.spent = self.seen.spent.map(|[before, _]| [before, spent]);
                self.end_requests(now);
            }
        }
    }
}

/// One run.
pub(super) fn run(setup: &Setup, streams: &Streams, trace: &mut Recorder) -> Outcome {
    let poolers = (setup.between.as_ref()).map_or(0, |between| between.limits.replicas) as usize;
    let config = setup.between.as_ref().map(|between| between.config.clone());
    let mut storm = Storm {
        scalers: setup
            .parts
            .iter()
            .map(|part| Autoscaler::new(part.scaler.clone()))
            .collect(),
        replicas: Vec::new(),
        up: vec![Vec::new(); setup.parts.len()],
        server: Server::new(setup.slots.limit, setup.slots.reserved, setup.costs),
        poolers: vec![PgBouncer::new(config.unwrap_or_default()); poolers],
        links: Vec::new(),
        clients: vec![Vec::new(); poolers],
        chance: streams.stream("connections", "storm"),
        balance: streams.stream("connections", "pooler"),
        requests: Requests::new(setup, streams),
        recent: VecDeque::new(),
        seen: Seen::default(),
        trace,
        setup,
    };
    let mut agenda = Agenda::new();
    let mut phases = streams.stream("autoscalers", "phases");
    for (number, part) in setup.parts.iter().enumerate() {
        for _ in 0..part.scaler.minimum.max(1) {
            let replica = storm.start(number, Time::ZERO);
            agenda.at(Time::ZERO, Event::Up(replica));
        }
        let phase = Duration::from_secs_f64(phases.unit() * SYNC.as_secs_f64());
        agenda.after(phase, Event::Look(number));
    }
    if poolers > 0 {
        agenda.after(TICK, Event::Tick);
    }
    if setup.flows().next().is_some() {
        // At the latest.
        let latest = END.since(Time::ZERO).saturating_sub(setup.followed());
        agenda.after(latest, Event::Follow);
    } else {
        agenda.after(END.since(Time::ZERO).saturating_sub(MINUTE), Event::Count);
        agenda.at(END, Event::Counted);
    }
    for at in (STEP..=END.as_nanos()).step_by(STEP as usize) {
        let now = Time::from_nanos(at);
        agenda.run(&mut storm, now);
        storm.note(now);
        storm.requests.note(now);
    }
    while storm.recent.front().is_some_and(|at| END.since(*at) > MINUTE) {
        storm.recent.pop_front();
    }
    storm.seen.refused_rate = storm.recent.len() as f64 / MINUTE.as_secs_f64();
    tell(&storm)
}
