//! The facts that a connection storm takes from the platform.

use std::collections::BTreeSet;
use std::time::Duration;

use cofferdam_formulas::connections::{self, Share};
use cofferdam_formulas::defaults::{PGBOUNCER_MAX_CLIENT_CONN, PGBOUNCER_QUERY_WAIT};
use cofferdam_formulas::{Evidence, Need, pooler};
use cofferdam_model::database::{Database, Engine, Pool, Pooler};
use cofferdam_model::registry::{self, Section};
use cofferdam_model::{Environment, Service};

use super::super::{Case, common};
use super::storm::run;
use super::{Between, Flow, Part, Setup};
use crate::components::autoscaler::AutoscalerConfig;
use crate::components::pgbouncer::{Mode, PgBouncerConfig};
use crate::components::postgres::Costs;
use crate::limits::{self, Quantity};

/// The cases of a database: with the pooler as its files configure it, and as its image runs if it does not
/// read all settings.
pub(super) fn cases(env: &Environment, database: &Database, pools: &[&Pool]) -> Vec<Result<Case, Vec<Need>>> {
    let pooler = pools
        .iter()
        .find_map(|pool| pool.pooler)
        .map(|id| (id, &env.poolers[id]));
    let mut cases = vec![case(env, database, pools, pooler, database.name.clone())];
    if let Some((id, pooler)) = pooler
        && let Some(run) = as_run(pooler)
    {
        let subject = format!(
            "{}, {} without the settings that its image does not read",
            database.name, pooler.name
        );
        cases.push(case(env, database, pools, Some((id, &run)), subject));
    }
    cases
}

/// A pooler without the settings that its image does not read; `None` if it reads all of them.
fn as_run(pooler: &Pooler) -> Option<Pooler> {
    if pooler.unread_settings.is_empty() {
        return None;
    }
    let mut run = pooler.clone();
    for (variable, _) in &pooler.unread_settings {
        let variable = variable.value.to_ascii_lowercase();
        let is = |setting: &str| variable.ends_with(setting);
        let numbers = [
            ("max_client_conn", &mut run.max_client_conn),
            ("default_pool_size", &mut run.default_pool_size),
            ("reserve_pool_size", &mut run.reserve_pool_size),
            ("max_db_connections", &mut run.max_db_connections),
        ];
        for (setting, value) in numbers {
            if is(setting) {
                *value = None;
            }
        }
        if is("pool_mode") {
            run.pool_mode = None;
        }
        if is("query_wait_timeout") {
            run.query_wait_timeout = None;
        }
    }
    Some(run)
}

fn case(
    env: &Environment,
    database: &Database,
    pools: &[&Pool],
    pooler: Option<(usize, &Pooler)>,
    subject: String,
) -> Result<Case, Vec<Need>> {
    let mut facts = Evidence::new();
    let name = &database.name;
    let slots = connections::slots(database, &mut facts);
    let id = pooler.map(|(id, _)| id);
    let is_way = |way: Option<usize>| way.is_none() || way == id;
    let wanted = connections::wanted(env, pools.iter().copied(), is_way, &mut facts);
    connections::note_surge(env, &wanted, &mut facts);
    let mut parts = parts(env, &wanted.shares, &mut facts);
    others(env, pools, is_way, &mut facts);
    facts.needs.extend(wanted.unknown);
    leave_out_unknown(&parts, &mut facts);
    let between = pooler.map(|(_, pooler)| between(pooler, &mut facts));
    let in_turns = between
        .as_ref()
        .is_some_and(|between| between.config.pool_mode == Mode::Transaction);
    for part in &mut parts {
        part.flow = flow(env, part, pools, in_turns && part.pooled, &mut facts);
    }
    let Some(slots) = slots.filter(|_| facts.needs.is_empty()) else {
        return Err(facts.needs);
    };
    facts.assume(
        "a client whose connection was refused tries again after about a second, and keeps its other \
         connections",
    );
    let stated = database
        .stated_limits
        .iter()
        .min_by_key(|(limit, _)| limit.value)
        .map(|(limit, why)| (limit.value, why.clone()));
    let setup = Setup {
        parts,
        slots,
        costs: costs(database, &mut facts),
        refusal: Engine::refusal(connections::engine(database), slots.reserved),
        between,
        stated,
    };
    let wanted = |part: &Part| f64::from(part.scaler.maximum) * f64::from(part.each);
    let quantities = [Quantity {
        what: "connections that replicas open (replicas × connections of each, of all services)",
        value: setup.parts.iter().map(wanted).sum(),
        most: limits::OPENED,
    }];
    let who = format!("database {name}");
    let case = Case::new(subject, facts, move |streams, trace| run(&setup, streams, trace));
    Ok(case.limited(&who, &quantities))
}

/// Services with unknown connections are left out, and named, if others are known: the shortage exists
/// without them.
fn leave_out_unknown(parts: &[Part], facts: &mut Evidence) {
    if parts.is_empty() {
        return;
    }
    let (unknown, others): (Vec<Need>, Vec<Need>) = std::mem::take(&mut facts.needs)
        .into_iter()
        .partition(|need| need.fact.section == Section::Services);
    facts.needs = others;
    for need in unknown {
        facts.assume(format!("not counted, because it is not known: {}", need.path()));
    }
}

/// Replicas that a rollout starts beyond the number that is wanted.
fn surge(service: &Service, facts: &mut Evidence) -> u32 {
    let name = &service.name;
    facts.input_or(
        format!("{name}: additional replicas in a rollout"),
        service.scale.surge.as_ref(),
        0,
        format!(
            "a rollout of {name} starts no replica beyond the number that is wanted: no file declares a surge"
        ),
    )
}

/// The autoscaler of a service, or as many replicas as it may have from the beginning.
fn scaler(env: &Environment, service: &Service, most: u32, facts: &mut Evidence) -> AutoscalerConfig {
    let name = &service.name;
    if let Some(config) = common::autoscaler(env, service) {
        if config.minimum < config.maximum {
            common::assume_autoscaler(facts);
        }
        return config;
    }
    facts.assume(format!(
        "{name} has its largest number of replicas from the beginning: no autoscaler with a minimum and a maximum is declared"
    ));
    AutoscalerConfig {
        minimum: most,
        maximum: most,
        ..AutoscalerConfig::default()
    }
}

/// The parts of the services, in the order of their pools. One that connects both ways is followed on its direct way.
fn parts(env: &Environment, shares: &[Share], facts: &mut Evidence) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    for share in shares {
        let service = env.service(share.id);
        if let Some(there) = parts.iter_mut().find(|part| part.id == share.id) {
            facts.assume(format!(
                "only the connections of {} to the server itself are followed, not those through the pooler",
                service.name
            ));
            if there.pooled {
                (there.each, there.pooled) = (share.each, false);
            }
            continue;
        }
        let ready_after = format!("{}: a replica is ready after", service.name);
        let start_up = common::start_up(service, ready_after, facts);
        if !share.is_stated {
            common::assume_processes(service, facts);
        }
        parts.push(Part {
            id: share.id,
            service: share.service.clone(),
            each: share.each,
            pooled: share.pooler.is_some(),
            surge: surge(service, facts),
            start_up,
            scaler: scaler(env, service, share.most, facts),
            flow: None,
        });
    }
    parts
}

/// Names the services whose connections go another way: through a second pooler.
fn others(env: &Environment, pools: &[&Pool], is_way: impl Fn(Option<usize>) -> bool, facts: &mut Evidence) {
    let other = pools.iter().filter_map(|pool| {
        let pooler = pool.pooler.filter(|id| !is_way(Some(*id)))?;
        Some((
            env.owner_service(&pool.owner)?.name.as_str(),
            env.poolers[pooler].name.as_str(),
        ))
    });
    for (service, pooler) in other.collect::<BTreeSet<_>>() {
        facts.assume(format!(
            "not followed: the connections of {service} through {pooler}, a second pooler"
        ));
    }
}

/// The cost of an attempt for the server.
fn costs(database: &Database, facts: &mut Evidence) -> Costs {
    if database
        .engine
        .as_ref()
        .is_some_and(|engine| engine.value == Engine::MySql)
    {
        facts.assume(
            "the cost of an attempt to connect is not counted for the server: MySQL creates a thread, not a \
             process",
        );
        return Costs {
            fork: Duration::ZERO,
            start: Duration::ZERO,
            refuse: Duration::ZERO,
            refuse_full: Duration::ZERO,
        };
    }
    let costs = Costs::default();
    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    facts.assume(format!(
        "an attempt to connect takes the server's postmaster {} ms, one after the other, and its new process \
         {} ms more, {} ms if it is refused: as measured on PostgreSQL 15 (docs/performance.md)",
        ms(costs.fork),
        ms(costs.start),
        ms(costs.refuse)
    ));
    costs
}

/// The requests of a service, if it is known how long one holds a connection. `in_turns`: whether requests
/// take turns on the connections of a pooler, so that this decides which of them wait.
fn flow(
    env: &Environment,
    part: &Part,
    pools: &[&Pool],
    in_turns: bool,
    facts: &mut Evidence,
) -> Option<Flow> {
    let service = env.service(part.id);
    let name = &service.name;
    let (Some(rate), Some(hold)) = (&service.peak_rate, &service.transaction_time) else {
        let unknown: &registry::Entry = match service.peak_rate {
            Some(_) => &registry::services::TRANSACTION_TIME,
            None => &registry::services::REQUESTS_PER_SECOND,
        };
        if in_turns {
            let unknown = registry::path_of(unknown, Some(name));
            facts.assume(format!(
                "requests of {name} are not followed: {unknown} is not known, and it decides which requests wait"
            ));
        }
        return None;
    };
    let rate = facts.input(format!("{name}: requests a second"), rate).0;
    let hold = facts.input(format!("{name}: a transaction takes"), hold);
    facts.assume(
        "requests arrive as from many independent callers, and transactions take exponentially \
        distributed times",
    );
    let pool = pools.iter().find(|pool| pool.owner.service == Some(part.id))?;
    Some(Flow {
        rate,
        hold,
        patience: patience(name, pool, facts),
        last_first: last_first(name, pool, in_turns, facts),
    })
}

/// How long a request waits for a connection of its service's own pool.
fn patience(service: &str, pool: &Pool, facts: &mut Evidence) -> Option<Duration> {
    let name = format!("{service}: waits for its own pool");
    let driver = pool.driver.as_ref().map_or("", |driver| driver.value.as_str());
    // Drivers whose pools wait until the caller gives up.
    if pool.pool_timeout.is_none() && ["asyncpg", "pgx"].contains(&driver) {
        facts.assume(format!(
            "a request of {service} waits without end for a connection of its pool, the default of {driver}"
        ));
        return None;
    }
    Some(facts.input_or(
        name,
        pool.pool_timeout.as_ref(),
        Duration::from_secs(30),
        "a request waits 30 s for a connection of its service's pool, the default of SQLAlchemy, psycopg_pool and HikariCP",
    ))
}

/// Whether a pool uses the connection first that was used last. Behind a pooler this decides how many of its
/// connections are busy.
fn last_first(service: &str, pool: &Pool, in_turns: bool, facts: &mut Evidence) -> bool {
    let driver = pool.driver.as_ref().map(|driver| driver.value.as_str());
    let last_first = driver == Some("asyncpg");
    if in_turns {
        facts.assume(if last_first {
            format!("the pool of {service} uses the connection first that was used last, as asyncpg's does")
        } else {
            format!(
                "the pool of {service} uses the connection first that has been idle longest, as those of \
                SQLAlchemy and psycopg do"
            )
        });
    }
    last_first
}

fn between(pooler: &Pooler, facts: &mut Evidence) -> Between {
    let defaults = PgBouncerConfig::default();
    let limits = pooler::limits(pooler, facts);
    if limits.users.is_none() {
        facts.assume(
            "every replica has its own credentials, because a vault creates them for each lease: to \
            the pooler each replica is a separate user",
        );
    }
    let max_client_conn = facts.input_or(
        "pooler: max_client_conn",
        pooler.max_client_conn.as_ref(),
        PGBOUNCER_MAX_CLIENT_CONN.value,
        PGBOUNCER_MAX_CLIENT_CONN.assumption,
    );
    let query_wait_timeout = facts.input_or(
        "pooler: query_wait_timeout",
        pooler.query_wait_timeout.as_ref(),
        PGBOUNCER_QUERY_WAIT.value,
        PGBOUNCER_QUERY_WAIT.assumption,
    );
    let idle = registry::poolers::SERVER_IDLE_TIMEOUT.of(pooler);
    let idle = idle.map(|time| facts.input("pooler: server_idle_timeout", &time));
    let words = if idle.is_none() {
        "server_idle_timeout 10 min, "
    } else {
        ""
    };
    facts.assume(format!("reserve_pool_timeout is 5 s, server_login_retry 15 s, {words}and neither min_pool_size nor max_user_connections is set, PgBouncer's defaults"));
    facts.assume(
        "a client's connection begins with a statement, which in session mode takes a connection to \
        the server permanently",
    );
    Between {
        limits,
        config: PgBouncerConfig {
            pool_mode: mode(pooler, facts),
            max_client_conn,
            default_pool_size: limits.pool,
            reserve_pool_size: limits.reserve,
            max_db_connections: limits.most,
            query_wait_timeout,
            server_idle_timeout: idle.unwrap_or(defaults.server_idle_timeout),
            ..defaults
        },
    }
}

fn mode(pooler: &Pooler, facts: &mut Evidence) -> Mode {
    let stated = facts.input_or(
        "pooler: pool_mode",
        pooler.pool_mode.as_ref(),
        "session".to_owned(),
        "pool_mode is session, PgBouncer's default",
    );
    match stated.trim().to_ascii_lowercase().as_str() {
        "transaction" => Mode::Transaction,
        "statement" => {
            facts.assume("in statement mode every statement is a transaction");
            Mode::Transaction
        }
        _ => Mode::Session,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stated_idle_timeout_takes_the_place_of_the_default() {
        use cofferdam_model::registry::{Part, Value, poolers::SERVER_IDLE_TIMEOUT};
        use cofferdam_model::{Fact, FileId, Owner, Span};
        let span = Span::new(FileId(0), 0, 1);
        let mut pooler = Pooler::named("pgbouncer", span, Owner::default());
        let idle_of = |pooler: &Pooler| {
            let mut facts = Evidence::new();
            let idle = between(pooler, &mut facts).config.server_idle_timeout;
            let assumed = facts
                .assumptions
                .iter()
                .any(|a| a.contains("server_idle_timeout"));
            (idle, assumed)
        };
        assert_eq!(idle_of(&pooler), (Duration::from_secs(600), true));
        let stated = Fact::stated(Value::Duration(Duration::from_secs(30)), span);
        pooler.state(&SERVER_IDLE_TIMEOUT, &stated);
        assert_eq!(idle_of(&pooler), (Duration::from_secs(30), false));
    }
}
