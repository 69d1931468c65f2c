//! Load makes the autoscalers add replicas, and each new one opens its connections: the slots run out, and the replicas
//! that were to help are those that get none.

use std::collections::VecDeque;
use std::time::Duration;

use cofferdam_model::database::{Database, Engine, Pool, PoolTarget, Pooler};
use cofferdam_model::overlay::Overlay;
use cofferdam_model::{DatabaseId, Environment, Service};
use cofferdam_policy::Time;

use super::{Case, Prepared, Scenario, common};
use crate::chance::{Chance, Streams};
use crate::components::autoscaler::replicas::{Phase, Pod};
use crate::components::autoscaler::{Autoscaler, AutoscalerConfig, SYNC};
use crate::components::postgres::{RESERVED, Slots};
use crate::engine::{Agenda, World};
use crate::erlang::erlang_b;
use crate::facts::{Facts, Need};
use crate::outcome::{Outcome, Role, Trace};
use crate::rehearse::shown;

/// The scenario.
pub(super) const SCENARIO: Scenario = Scenario {
    name: "connection-storm",
    title: "load brings every service to full scale, and each replica opens its connections",
    rules: &[
        "database-connection-exhaustion",
        "database-no-pooler",
        "pooler-overcommit",
        "database-pool-unbounded",
    ],
    prepare,
};

/// When the load comes, and how long one watches.
const LOAD: Time = Time::from_nanos(60_000_000_000);
const END: Time = Time::from_nanos(600_000_000_000);
/// A client whose connection was refused tries again after about this long.
const AGAIN: f64 = 1.0;
/// Time from one connection of a replica to its next, on average: a connection takes the server a new process.
const SET_UP: f64 = 0.02;

/// One service's part.
#[derive(Debug, Clone)]
struct Part {
    service: String,
    /// Connections that one replica opens.
    each: u32,
    surge: u32,
    start_up: Duration,
    scaler: AutoscalerConfig,
}

/// A pooler between services and server.
#[derive(Debug, Clone, Copy)]
struct Between {
    replicas: u32,
    /// Server connections of one (user, database) pair in one pooler replica, reserve included.
    pool: u32,
    /// Most server connections to a database in one pooler replica.
    most: Option<u32>,
    /// Clients that one pooler replica takes.
    clients: u32,
    /// Users; `None` when every replica of a service has its own.
    users: Option<u32>,
}

/// What one run needs.
#[derive(Debug, Clone)]
struct Plan {
    parts: Vec<Part>,
    limit: u32,
    reserved: u32,
    between: Option<Between>,
    /// What a client is told that gets no connection.
    refusal: &'static str,
    /// The least limit that a person states, and why.
    stated: Option<(u32, String)>,
}

impl Plan {
    fn wanted(&self) -> u32 {
        self.parts
            .iter()
            .map(|part| part.each.saturating_mul(part.scaler.maximum))
            .fold(0, u32::saturating_add)
    }

    fn slots(&self) -> u32 {
        self.limit.saturating_sub(self.reserved)
    }
}

fn prepare(env: &Environment, _: &Overlay) -> Prepared {
    let mut prepared = Prepared::default();
    for (number, database) in env.databases.iter().enumerate() {
        let pools: Vec<&Pool> = env
            .pools
            .iter()
            .filter(|pool| pool.target == PoolTarget::Sql && pool.database == Some(DatabaseId(number)))
            .collect();
        if !pools.is_empty()
            && database
                .engine
                .as_ref()
                .is_none_or(|e| e.value != Engine::SqlServer)
        {
            prepared.add(case(env, database, &pools));
        }
    }
    if prepared.cases.is_empty() && prepared.needs.is_empty() {
        return Prepared::nothing("no pool of connections is known to reach a database that is declared");
    }
    prepared
}

fn case(env: &Environment, database: &Database, pools: &[&Pool]) -> Result<Case, Vec<Need>> {
    let mut facts = Facts::new();
    let name = &database.name;
    let limit = facts.need(
        "max_connections",
        database.max_connections.as_ref(),
        (
            &format!("databases.{name}.max_connections"),
            "100",
            "it decides how many connections there are",
        ),
    );
    let reserved = reserved(database, &mut facts);
    let mut parts: Vec<Part> = Vec::new();
    for pool in pools {
        let Some(service) = env.owner_service(&pool.owner) else {
            continue;
        };
        if let Some(there) = parts.iter_mut().find(|part| part.service == service.name) {
            // What a person states is for all pools together; what files say adds up.
            if service.connections_per_pod.is_none() {
                there.each = there
                    .each
                    .saturating_add(of_pool(service, pool, &mut facts).unwrap_or(0));
            }
            continue;
        }
        let each = match &service.connections_per_pod {
            Some(stated) => Some(facts.take(format!("{}: connections of a replica", service.name), stated)),
            None => of_pool(service, pool, &mut facts),
        };
        let ask = format!("services.{}.replicas", service.name);
        let most = facts.need(
            format!("{}: most replicas", service.name),
            service.scale.max.as_ref().or(service.scale.current.as_ref()),
            (
                &ask,
                "{min: 2, max: 10}",
                "with the connections of each it is what is wanted",
            ),
        );
        if let (Some(each), Some(most)) = (each, most) {
            parts.push(Part {
                service: service.name.clone(),
                each,
                surge: service.scale.surge.as_ref().map_or(0, |surge| surge.value),
                start_up: service.start_up_time.as_ref().map_or(Duration::ZERO, |time| {
                    facts.take(format!("{}: a replica is ready after", service.name), time)
                }),
                scaler: common::autoscaler(env, service).unwrap_or_else(|| AutoscalerConfig {
                    minimum: most,
                    maximum: most,
                    ..AutoscalerConfig::default()
                }),
            });
        }
    }
    leave_out_unknown(&parts, &mut facts);
    let pooler = pools
        .iter()
        .find_map(|pool| pool.pooler)
        .map(|id| &env.poolers[id]);
    let between = pooler.map(|pooler| between(pooler, &mut facts));
    let Some(limit) = limit.filter(|_| facts.needs.is_empty()) else {
        return Err(facts.needs);
    };
    facts.assume(
        "a client whose connection was refused tries again after about a second, and keeps what it has",
    );
    let stated = database
        .stated_limits
        .iter()
        .min_by_key(|(limit, _)| limit.value)
        .map(|(limit, why)| (limit.value, why.clone()));
    let plan = Plan {
        parts,
        limit,
        reserved,
        between,
        refusal: refusal(database, between.is_some()),
        stated,
    };
    Ok(Case::new(name.clone(), facts, move |streams, trace| {
        run(&plan, streams, trace)
    }))
}

/// Services whose connections nobody tells are left out, and named, where others are known: what is missing is missing
/// without them.
fn leave_out_unknown(parts: &[Part], facts: &mut Facts) {
    if parts.is_empty() {
        return;
    }
    let (unknown, others): (Vec<Need>, Vec<Need>) = std::mem::take(&mut facts.needs)
        .into_iter()
        .partition(|need| need.fact.starts_with("services."));
    facts.needs = others;
    for need in unknown {
        facts.assume(format!("what is not known is not counted: {}", need.fact));
    }
}

/// Connections of one replica by what its pool says; a need where that is nothing.
fn of_pool(service: &Service, pool: &Pool, facts: &mut Facts) -> Option<u32> {
    let ask = format!("services.{}.connections_per_pod", service.name);
    let size = facts.need(
        format!("{}: size of a pool", service.name),
        pool.size.as_ref(),
        (&ask, "20", "it decides how many connections are wanted"),
    )?;
    let overflow = pool.overflow.as_ref().map_or(0, |more| {
        facts.take(format!("{}: overflow of a pool", service.name), more)
    });
    let processes = service
        .processes
        .as_ref()
        .map_or(1, |n| facts.take(format!("{}: processes", service.name), n));
    Some(processes.saturating_mul(size.saturating_add(overflow)))
}

fn reserved(database: &Database, facts: &mut Facts) -> u32 {
    let (default, why) = match database.engine.as_ref().map(|e| e.value) {
        Some(Engine::RdsPostgreSql | Engine::AuroraPostgreSql) => (
            RESERVED + 2,
            "5 connections are reserved: superuser_reserved_connections 3 and rds.rds_superuser_reserved_connections 2, the defaults on RDS and Aurora",
        ),
        Some(Engine::MySql) => (1, "1 connection is reserved for an administrator, as MySQL does"),
        _ => (
            RESERVED,
            "3 connections are reserved: superuser_reserved_connections, PostgreSQL's default",
        ),
    };
    facts.or(
        "reserved connections",
        database.reserved_connections.as_ref(),
        default,
        why,
    )
}

/// What clients are told by PostgreSQL (SQLSTATE 53300), MySQL (error 1040) and PgBouncer.
fn refusal(database: &Database, pooled: bool) -> &'static str {
    match database.engine.as_ref().map(|e| e.value) {
        _ if pooled => "no more connections allowed (max_client_conn)",
        Some(Engine::MySql) => "Too many connections",
        _ => "sorry, too many clients already",
    }
}

fn between(pooler: &Pooler, facts: &mut Facts) -> Between {
    let pool = facts.or(
        "pooler: default_pool_size",
        pooler.default_pool_size.as_ref(),
        20,
        "default_pool_size is 20, PgBouncer's default",
    );
    let reserve = pooler
        .reserve_pool_size
        .as_ref()
        .map_or(0, |size| facts.take("pooler: reserve_pool_size", size));
    let users = if pooler.dynamic_credentials.is_some() {
        facts.assume("every replica has credentials of its own, because a vault makes them for each lease: to the pooler it is a user");
        None
    } else {
        Some(facts.or(
            "pooler: users",
            pooler.users.as_ref(),
            1,
            "one user logs in through the pooler",
        ))
    };
    Between {
        replicas: facts
            .or(
                "pooler: replicas",
                pooler.replicas.as_ref(),
                1,
                "one replica of the pooler",
            )
            .max(1),
        pool: pool.saturating_add(reserve),
        most: pooler
            .max_db_connections
            .as_ref()
            .map(|most| facts.take("pooler: max_db_connections", most))
            .filter(|most| *most > 0),
        clients: facts.or(
            "pooler: max_client_conn",
            pooler.max_client_conn.as_ref(),
            100,
            "max_client_conn is 100, PgBouncer's default",
        ),
        users,
    }
}

/// A replica of a service and its connections.
#[derive(Debug, Clone, Copy)]
struct Replica {
    part: usize,
    started: Time,
    open: u32,
    /// Whether it has begun to connect.
    up: bool,
}

#[derive(Debug)]
enum Event {
    Look(usize),
    Up(usize),
    Connect(usize),
}

/// Services, their autoscalers, and what they connect to.
struct Storm<'a> {
    plan: &'a Plan,
    scalers: Vec<Autoscaler>,
    replicas: Vec<Replica>,
    /// The server's slots, or the pooler's for clients.
    slots: Slots,
    chance: Chance,
    attempts: u64,
    refusals: u64,
    full: Option<Time>,
    first_refusal: Option<Time>,
    scaled: Option<Time>,
    /// Attempts in the last minute.
    recent: VecDeque<Time>,
    course: Vec<(Time, u32, u32)>,
    trace: &'a mut Trace,
}

impl Storm<'_> {
    fn count(&self, part: usize) -> u32 {
        self.replicas
            .iter()
            .filter(|replica| replica.part == part)
            .count() as u32
    }

    fn look(&mut self, part: usize, agenda: &mut Agenda<Event>) {
        let now = agenda.now();
        agenda.after(SYNC, Event::Look(part));
        let own = &self.plan.parts[part];
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
        if decision.replicas != current {
            self.trace
                .decide(now, &format!("{} autoscaler", own.service), || {
                    (
                        format!("{current} to {} replicas", decision.replicas),
                        decision.reason.to_string(),
                    )
                });
        }
        for _ in current..decision.replicas {
            self.replicas.push(Replica {
                part,
                started: now,
                open: 0,
                up: false,
            });
            agenda.after(own.start_up, Event::Up(self.replicas.len() - 1));
        }
        let all = self
            .plan
            .parts
            .iter()
            .enumerate()
            .all(|(n, part)| self.count(n) >= part.scaler.maximum);
        if all && self.scaled.is_none() {
            self.scaled = Some(now);
        }
    }

    fn connect(&mut self, number: usize, agenda: &mut Agenda<Event>) {
        let now = agenda.now();
        let replica = self.replicas[number];
        let each = self.plan.parts[replica.part].each;
        if replica.open >= each {
            return;
        }
        self.attempts += 1;
        self.recent.push_back(now);
        let wait = if self.slots.connect() {
            self.replicas[number].open += 1;
            if self.slots.taken() == self.slots.most() && self.full.is_none() {
                self.full = Some(now);
            }
            self.chance.exponential(SET_UP)
        } else {
            self.refusals += 1;
            self.first_refusal = self.first_refusal.or(Some(now));
            self.chance.exponential(AGAIN)
        };
        if self.replicas[number].open < each {
            agenda.after(Duration::from_secs_f64(wait), Event::Connect(number));
        }
    }
}

impl World for Storm<'_> {
    type Event = Event;

    fn handle(&mut self, event: Event, agenda: &mut Agenda<Event>) {
        match event {
            Event::Look(part) => self.look(part, agenda),
            Event::Up(number) => {
                self.replicas[number].up = true;
                let jitter = self.chance.exponential(0.5);
                agenda.after(Duration::from_secs_f64(jitter), Event::Connect(number));
            }
            Event::Connect(number) => self.connect(number, agenda),
        }
    }
}

/// Server connections that a pooler opens for so many replicas of services.
fn server_connections(between: &Between, replicas: u32) -> u32 {
    // Replicas spread evenly over the poolers; each is a user of its own or shares one.
    let users = between
        .users
        .unwrap_or_else(|| replicas.div_ceil(between.replicas));
    let one = users.saturating_mul(between.pool);
    between
        .most
        .map_or(one, |most| one.min(most))
        .saturating_mul(between.replicas)
}

fn run(plan: &Plan, streams: &Streams, trace: &mut Trace) -> Outcome {
    let slots = match &plan.between {
        None => Slots::new(plan.limit, plan.reserved),
        Some(between) => Slots::new(between.clients.saturating_mul(between.replicas), 0),
    };
    let mut storm = Storm {
        scalers: plan
            .parts
            .iter()
            .map(|part| Autoscaler::new(part.scaler.clone()))
            .collect(),
        replicas: Vec::new(),
        slots,
        chance: streams.stream("connections", "storm"),
        attempts: 0,
        refusals: 0,
        full: None,
        first_refusal: None,
        scaled: None,
        recent: VecDeque::new(),
        course: Vec::new(),
        trace,
        plan,
    };
    let mut agenda = Agenda::new();
    let mut phases = streams.stream("autoscalers", "phases");
    for (number, part) in plan.parts.iter().enumerate() {
        for _ in 0..part.scaler.minimum.max(1) {
            storm.replicas.push(Replica {
                part: number,
                started: Time::ZERO,
                open: 0,
                up: false,
            });
            agenda.at(Time::ZERO, Event::Up(storm.replicas.len() - 1));
        }
        let phase = Duration::from_secs_f64(cofferdam_policy::Random::unit(&mut phases) * SYNC.as_secs_f64());
        agenda.after(phase, Event::Look(number));
    }
    let mut rate_at_end = 0.0;
    for second in (2..=END.as_nanos() / 1_000_000_000).step_by(2) {
        let now = Time::from_nanos(second * 1_000_000_000);
        agenda.run(&mut storm, now);
        while storm
            .recent
            .front()
            .is_some_and(|at| now.since(*at) > Duration::from_secs(60))
        {
            storm.recent.pop_front();
        }
        rate_at_end = storm.recent.len() as f64 / 60.0;
        let wanted: u32 = storm
            .replicas
            .iter()
            .filter(|replica| replica.up)
            .map(|replica| plan.parts[replica.part].each)
            .sum();
        storm.course.push((now, wanted, storm.slots.taken()));
    }
    tell(plan, &storm, rate_at_end)
}

fn tell(plan: &Plan, storm: &Storm<'_>, rate_at_end: f64) -> Outcome {
    let mut out = Outcome::default();
    out.moment(
        LOAD,
        Role::Trigger,
        "load",
        "load comes, and every autoscaler asks for all the replicas it may have",
    );
    let wanted = plan.wanted();
    let without = storm
        .replicas
        .iter()
        .filter(|replica| replica.up && replica.open == 0)
        .count();
    let short = storm
        .replicas
        .iter()
        .filter(|replica| replica.up && replica.open < plan.parts[replica.part].each)
        .count();
    let missing: u32 = storm
        .replicas
        .iter()
        .filter(|r| r.up)
        .map(|r| plan.parts[r.part].each - r.open)
        .sum();
    let replicas = storm.replicas.len() as u32;
    if let Some(scaled) = storm.scaled {
        out.moment(
            scaled,
            Role::Effect,
            "full scale",
            format!("{replicas} replicas, all there may be"),
        );
    }
    let where_from = if plan.between.is_some() {
        "clients of the pooler"
    } else {
        "connections"
    };
    if let (Some(full), Some(refused)) = (storm.full, storm.first_refusal) {
        out.moment(
            full,
            Role::Cause,
            "slots full",
            format!(
                "all {} {where_from} are taken",
                shown(f64::from(storm.slots.most()), "")
            ),
        );
        out.moment(
            refused,
            Role::Effect,
            "refused",
            format!(
                "from here on every new connection is refused at once: \"{}\"",
                plan.refusal
            ),
        );
        out.moment(
            END,
            Role::Loop,
            "trying again",
            format!("{short} replicas lack connections and try again, {} times a second; those that have connections never give them up, so that this does not end", shown(rate_at_end.round(), "")),
        );
        out.moment(full, Role::Action, "limit", format!("hold all pools together below {}, by a pooler or by fewer connections a replica, before it is full", shown(f64::from(plan.slots()), "")));
        out.amount(
            "time until the slots are full",
            full.since(LOAD).as_secs_f64(),
            "s",
        );
    }
    out.amount(
        "connections wanted at full scale",
        f64::from(wanted),
        "connections",
    );
    out.amount(
        "connections that there are",
        f64::from(storm.slots.most()),
        "connections",
    );
    out.amount(
        "connections missing at full scale",
        f64::from(missing),
        "connections",
    );
    out.amount(
        "share of the connections that is missing",
        f64::from(missing) / f64::from(wanted.max(1)) * 100.0,
        "%",
    );
    out.amount("replicas without any connection", without as f64, "replicas");
    out.amount(
        "refused attempts a second, in the end",
        if storm.first_refusal.is_some() {
            rate_at_end
        } else {
            0.0
        },
        "/s",
    );
    let server = plan.between.map_or_else(
        || storm.slots.taken(),
        |between| server_connections(&between, replicas),
    );
    out.amount(
        "connections to the server",
        f64::from(server.min(plan.slots())),
        "connections",
    );
    if server > plan.slots() {
        out.amount(
            "connections to the server that are refused to the pooler",
            f64::from(server - plan.slots()),
            "connections",
        );
    }
    if let Some((limit, why)) = &plan.stated {
        out.amount(
            "connections to the server above the stated limit",
            f64::from(server.saturating_sub(*limit)),
            "connections",
        );
        if server > *limit {
            out.moment(
                END,
                Role::Effect,
                "above the limit",
                format!("{server} connections to the server, and {why} says {limit}"),
            );
        }
    }
    let surge: u32 = plan
        .parts
        .iter()
        .map(|part| {
            part.each
                .saturating_mul(part.scaler.maximum.saturating_add(part.surge))
        })
        .fold(0, u32::saturating_add);
    out.amount(
        "connections wanted while a rollout overlaps",
        f64::from(surge),
        "connections",
    );
    if plan.between.is_none() {
        let blocked = erlang_b(plan.slots(), f64::from(wanted)) * 100.0;
        out.amount("refused if each request opened its own (Erlang B)", blocked, "%");
    }
    out.harm = f64::from(missing) / f64::from(wanted.max(1));
    let by = |pick: fn(&(Time, u32, u32)) -> u32| {
        storm
            .course
            .iter()
            .map(|one| (one.0, f64::from(pick(one))))
            .collect()
    };
    out.series("connections", "wanted", "connections", by(|one| one.1));
    out.series("connections", "open", "connections", by(|one| one.2));
    let most = f64::from(storm.slots.most());
    out.series(
        "connections",
        "there are",
        "connections",
        vec![(Time::ZERO, most), (END, most)],
    );
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::components::autoscaler::Target;

    fn part(service: &str) -> Part {
        Part {
            service: service.into(),
            each: 20,
            surge: 13,
            start_up: Duration::from_secs(30),
            scaler: AutoscalerConfig {
                minimum: 2,
                maximum: 50,
                targets: vec![Target::Value(1000)],
                ..AutoscalerConfig::default()
            },
        }
    }

    fn plan(between: Option<Between>) -> Plan {
        Plan {
            parts: vec![part("a"), part("b")],
            limit: 1000,
            reserved: 5,
            refusal: "sorry, too many clients already",
            between,
            stated: Some((100, "the checklist".into())),
        }
    }

    fn figure(out: &Outcome, name: &str) -> f64 {
        out.figures.iter().find(|f| f.name == name).unwrap().value
    }

    #[test]
    fn two_thousand_are_wanted_and_995_are_there() {
        let out = run(&plan(None), &Streams::new(1, 0), &mut Trace::default());
        assert_eq!(figure(&out, "connections wanted at full scale"), 2000.0);
        assert_eq!(figure(&out, "connections that there are"), 995.0);
        assert_eq!(figure(&out, "connections missing at full scale"), 1005.0);
        // 1,005 of 2,000.
        assert!((figure(&out, "share of the connections that is missing") - 50.25).abs() < 1e-9);
        // (50 + 13) × 20 × 2.
        assert_eq!(
            figure(&out, "connections wanted while a rollout overlaps"),
            2520.0
        );
        assert!(figure(&out, "replicas without any connection") > 20.0);
        assert!((figure(&out, "refused if each request opened its own (Erlang B)") - 50.3).abs() < 0.2);
        assert!(out.moments.iter().any(|m| m.role == Role::Loop));
    }

    #[test]
    fn a_pooler_takes_the_clients_and_has_300_connections_with_a_user_a_replica() {
        let between = Between {
            replicas: 3,
            pool: 25,
            most: Some(100),
            clients: 1000,
            users: None,
        };
        let out = run(&plan(Some(between)), &Streams::new(1, 0), &mut Trace::default());
        assert_eq!(figure(&out, "connections missing at full scale"), 0.0);
        assert_eq!(figure(&out, "connections to the server"), 300.0);
        assert_eq!(
            figure(&out, "connections to the server above the stated limit"),
            200.0
        );
        // One user: 3 × 25; four: 3 × 100.
        assert_eq!(
            server_connections(
                &Between {
                    users: Some(1),
                    ..between
                },
                100
            ),
            75
        );
        assert_eq!(
            server_connections(
                &Between {
                    users: Some(4),
                    ..between
                },
                100
            ),
            300
        );
    }
}
