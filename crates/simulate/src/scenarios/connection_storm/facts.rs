//! The facts that a connection storm takes from the platform.

use std::collections::BTreeSet;
use std::time::Duration;

use cofferdam_model::database::{Database, Engine, Pool, Pooler, Reached, only_database};
use cofferdam_model::registry::{self, Section};
use cofferdam_model::{Environment, Fact, Service};

use super::super::{Case, common};
use super::storm::run;
use super::{Between, Flow, Part, Setup};
use crate::components::autoscaler::AutoscalerConfig;
use crate::components::pgbouncer::{Mode, PgBouncerConfig};
use crate::components::postgres::{Costs, RESERVED};
use crate::limits::{self, Quantity};
use cofferdam_formulas::{Evidence, Need};

/// The cases of a database: with the pooler as its files configure it, and as its image runs if it does not
/// read all settings.
pub(super) fn cases(env: &Environment, database: &Database, pools: &[&Pool]) -> Vec<Result<Case, Vec<Need>>> {
    let pooler = pools
        .iter()
        .find_map(|pool| pool.pooler)
        .map(|id| &env.poolers[id]);
    let mut cases = vec![case(env, database, pools, pooler, database.name.clone())];
    if let Some(pooler) = pooler.and_then(as_run) {
        let subject = format!(
            "{}, {} without the settings that its image does not read",
            database.name, pooler.name
        );
        cases.push(case(env, database, pools, Some(&pooler), subject));
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
    pooler: Option<&Pooler>,
    subject: String,
) -> Result<Case, Vec<Need>> {
    let mut facts = Evidence::new();
    let name = &database.name;
    let assumed: BTreeSet<&str> = (pools.iter())
        .filter(|pool| pool.reached == Reached::Only)
        .filter_map(|pool| {
            env.owner_service(&pool.owner)
                .map(|service| service.name.as_str())
        })
        .collect();
    if !assumed.is_empty() {
        let assumed: Vec<&str> = assumed.into_iter().collect();
        facts.assume(only_database(name, &assumed));
    }
    let limit = facts.need(
        "max_connections",
        database.max_connections.as_ref(),
        Need::of(&registry::databases::MAX_CONNECTIONS, name)
            .because("it decides how many connections there are"),
    );
    let reserved = reserved(database, &mut facts);
    let mut parts: Vec<Part> = Vec::new();
    for pool in pools {
        let Some(id) = pool.owner.service else {
            continue;
        };
        let service = env.service(id);
        if let Some(there) = parts.iter_mut().find(|part| part.id == id) {
            // A declared value is for all pools together; values in files are added up.
            if service.connections_per_pod.is_none() {
                there.each = there
                    .each
                    .saturating_add(of_pool(service, pool, &mut facts).unwrap_or(0));
            }
            continue;
        }
        let each = match &service.connections_per_pod {
            Some(stated) => Some(facts.input(format!("{}: connections of a replica", service.name), stated)),
            None => of_pool(service, pool, &mut facts),
        };
        let most = facts.need(
            format!("{}: maximum replicas", service.name),
            service.scale.max.as_ref().or(service.scale.current.as_ref()),
            Need::of(&registry::services::REPLICAS, &service.name)
                .because("with the connections of each it is the number that is wanted"),
        );
        if let (Some(each), Some(most)) = (each, most) {
            parts.push(Part {
                id,
                service: service.name.clone(),
                each,
                surge: service.scale.surge.as_ref().map_or(0, |surge| surge.value),
                start_up: service.start_up_time.as_ref().map_or(Duration::ZERO, |time| {
                    facts.input(format!("{}: a replica is ready after", service.name), time)
                }),
                scaler: common::autoscaler(env, service).unwrap_or_else(|| AutoscalerConfig {
                    minimum: most,
                    maximum: most,
                    ..AutoscalerConfig::default()
                }),
                flow: None,
            });
        }
    }
    leave_out_unknown(&parts, &mut facts);
    let between = pooler.map(|pooler| between(pooler, &mut facts));
    let in_turns = between
        .as_ref()
        .is_some_and(|between| between.config.pool_mode == Mode::Transaction);
    for part in &mut parts {
        part.flow = flow(env, part, pools, in_turns, &mut facts);
    }
    let Some(limit) = limit.filter(|_| facts.needs.is_empty()) else {
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
        limit,
        reserved,
        costs: costs(database, &mut facts),
        refusal: refusal(database, between.is_some(), reserved),
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

/// Connections of one replica by its pool; a need if the pool does not declare them.
fn of_pool(service: &Service, pool: &Pool, facts: &mut Evidence) -> Option<u32> {
    let size = facts.need(
        format!("{}: size of a pool", service.name),
        pool.size.as_ref(),
        Need::of(&registry::services::CONNECTIONS_PER_POD, &service.name)
            .because("it decides how many connections are wanted"),
    )?;
    let overflow = pool.overflow.as_ref().map_or(0, |more| {
        facts.input(format!("{}: overflow of a pool", service.name), more)
    });
    let processes = service
        .processes
        .as_ref()
        .map_or(1, |n| facts.input(format!("{}: processes", service.name), n));
    Some(processes.saturating_mul(size.saturating_add(overflow)))
}

fn reserved(database: &Database, facts: &mut Evidence) -> u32 {
    let (default, why) = match database.engine.as_ref().map(|e| e.value) {
        Some(Engine::RdsPostgreSql | Engine::AuroraPostgreSql) => (
            RESERVED + 2,
            "5 connections are reserved: superuser_reserved_connections 3 and rds.rds_superuser_reserved_connections 2, the defaults on RDS and Aurora",
        ),
        // Source: MySQL Reference Manual, "Too many connections".
        Some(Engine::MySql) => (
            0,
            "no connection is reserved: MySQL accepts one more than max_connections, for an account with CONNECTION_ADMIN",
        ),
        Some(Engine::SqlServer) => (0, "no connection is reserved"),
        Some(Engine::PostgreSql) | None => (
            RESERVED,
            "3 connections are reserved: superuser_reserved_connections, PostgreSQL's default",
        ),
    };
    facts.input_or(
        "reserved connections",
        database.reserved_connections.as_ref(),
        default,
        why,
    )
}

/// The errors that clients get from the database or from PgBouncer.
fn refusal(database: &Database, pooled: bool, reserved: u32) -> &'static str {
    match pooled {
        true => "no more connections allowed (max_client_conn)",
        false => Engine::refusal(database.engine.as_ref().map(|e| e.value), reserved),
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
    let users = if pooler.dynamic_credentials.is_some() {
        facts.assume(
            "every replica has its own credentials, because a vault creates them for each lease: to \
            the pooler each replica is a separate user",
        );
        None
    } else {
        Some(facts.input_or(
            "pooler: users",
            pooler.users.as_ref(),
            1,
            "one user logs in through the pooler",
        ))
    };
    let replicas = facts.input_or(
        "pooler: replicas",
        pooler.replicas.as_ref(),
        1,
        "one replica of the pooler",
    );
    let size = |fact: &Option<Fact<u32>>, name: &str, default: u32, facts: &mut Evidence| {
        let why = match default {
            0 => format!("{name} is not set, PgBouncer's default"),
            _ => format!("{name} is {default}, PgBouncer's default"),
        };
        facts.input_or(format!("pooler: {name}"), fact.as_ref(), default, why)
    };
    let default_pool_size = size(
        &pooler.default_pool_size,
        "default_pool_size",
        defaults.default_pool_size,
        facts,
    );
    let reserve_pool_size = size(&pooler.reserve_pool_size, "reserve_pool_size", 0, facts);
    let max_db_connections = size(&pooler.max_db_connections, "max_db_connections", 0, facts);
    let max_client_conn = size(
        &pooler.max_client_conn,
        "max_client_conn",
        defaults.max_client_conn,
        facts,
    );
    let query_wait_timeout = facts.input_or(
        "pooler: query_wait_timeout",
        pooler.query_wait_timeout.as_ref(),
        defaults.query_wait_timeout,
        "query_wait_timeout is 120 s, PgBouncer's default",
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
        replicas: replicas.max(1),
        users,
        config: PgBouncerConfig {
            pool_mode: mode(pooler, facts),
            max_client_conn,
            default_pool_size,
            reserve_pool_size,
            max_db_connections,
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
        use cofferdam_model::{FileId, Owner, Span};
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

    #[test]
    fn only_postgresql_reserves_connections() {
        let of = |engine: Option<Engine>| {
            let mut database = Database::named("main", None);
            database.engine = engine.map(|e| Fact::assumed(e, "a test"));
            reserved(&database, &mut Evidence::new())
        };
        assert_eq!(of(Some(Engine::MySql)), 0);
        assert_eq!(of(Some(Engine::SqlServer)), 0);
        assert_eq!(of(Some(Engine::PostgreSql)), 3);
        assert_eq!(of(Some(Engine::AuroraPostgreSql)), 5);
        assert_eq!(of(None), 3);
    }
}
