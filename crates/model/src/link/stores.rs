//! The target of a pool: a pooler or a database, by its host, or the only one that exists.

use super::addresses::{Addresses, Target, host_in, is_local};
use super::facts::fill;
use super::names::fold;
use crate::database::{Database, Engine, Pool, PoolTarget, Pooler, Reached};
use crate::owner::DatabaseId;
use crate::platform::{Environment, Parts, Service};
use crate::scope::Home;
use crate::source::Fact;
use crate::variable::VariableValue;
use crate::workload::Workload;
use cofferdam_syntax::hash::HashMap;
use std::collections::BTreeSet;

/// Variables with the address of an SQL database, folded, the most reliable first.
const SQL_VARIABLES: [&str; 20] = [
    "databaseurl",
    "dburl",
    "databaseuri",
    "dburi",
    "sqlalchemydatabaseuri",
    "sqlalchemydatabaseurl",
    "databasedsn",
    "dbdsn",
    "postgresurl",
    "postgresqlurl",
    "postgresdsn",
    "mysqlurl",
    "databasehost",
    "dbhost",
    "postgreshost",
    "postgresqlhost",
    "pghost",
    "mysqlhost",
    "databaseaddress",
    "dbaddress",
];

/// The same for Redis.
const REDIS_VARIABLES: [&str; 6] = [
    "redisurl",
    "redisuri",
    "redisdsn",
    "redishost",
    "redisaddr",
    "cacheurl",
];

/// Links poolers to workloads and databases, and pools to poolers and databases.
///
/// A pool whose host is a pooler's name (or that of a Kubernetes Service in front of it) goes through the
/// pooler; one whose host is a database's goes to that database. A person's declaration overrides a database's
/// host, but not a pooler that files name: the declaration is about the end of the path. A pool whose host is
/// not known is assumed to go to the only database, if nothing contradicts it ([`Open`]).
pub(super) fn link(env: &mut Environment) {
    hosts_from_variables(&mut env.parts);
    poolers(env);
    let mut addresses = Addresses::new(env);
    // The host of a service of which a person states the database is that database's.
    for pool in env.pools.iter().filter(|p| p.target == PoolTarget::Sql) {
        if let (Some(stated), Some(host)) = (&pool.database_name, &pool.host)
            && let Some((id, _)) = addresses.named(&stated.value)
        {
            addresses.learn(&host.value, id, env);
        }
    }
    let poolers_of: Vec<Option<usize>> = env
        .pools
        .iter()
        .map(|pool| pooler_of(pool, env, &addresses))
        .collect();
    let targets: Vec<Target> = (env.pools.iter().zip(&poolers_of))
        .map(|(pool, pooler)| match pooler {
            Some(at) => env.poolers[*at]
                .database
                .map_or(Target::Other, |id| Target::Database(id, env.poolers[*at].reached)),
            None => target(pool, env, &addresses),
        })
        .collect();
    let open = Open::of(env, &targets, &poolers_of);
    let Parts {
        pools,
        databases,
        services,
        ..
    } = &mut env.parts;
    let of_sql = pools.iter_mut().zip(targets.into_iter().zip(poolers_of));
    for (pool, (target, pooler)) in of_sql.filter(|(p, _)| p.target == PoolTarget::Sql) {
        let found = match target {
            Target::Open if open.may_be_only(pool, services, databases) => {
                addresses.only().map(|id| (id, Reached::Only))
            }
            Target::Open | Target::Other => None,
            Target::Database(id, reached) => Some((id, reached)),
        };
        pool.pooler = pooler;
        pool.database = found.map(|(id, _)| id);
        pool.reached = found.map_or(Reached::default(), |(_, reached)| reached);
    }
}

/// The pooler that a pool goes through.
fn pooler_of(pool: &Pool, env: &Environment, addresses: &Addresses) -> Option<usize> {
    if pool.target != PoolTarget::Sql {
        return None;
    }
    let host = pool.host.as_ref().map(|h| h.value.as_str());
    let beside = || {
        let is_beside = host.is_some_and(is_local) && pool.owner.service.is_some();
        let same = |p: &Pooler| p.owner.service == pool.owner.service;
        is_beside.then(|| env.poolers.iter().position(same)).flatten()
    };
    let stated = pool.database_name.as_ref().map(|n| n.value.as_str());
    let from = home_of(pool, env);
    host.and_then(|h| addresses.pooler(h, from))
        .or_else(beside)
        .or_else(|| stated.and_then(|name| addresses.pooler(name, from)))
}

/// Where a pool is: with its service, whose namespace may be known where that of its own place is not.
fn home_of<'e>(pool: &'e Pool, env: &'e Environment) -> Home<'e> {
    let own = pool.owner.home();
    env.owner_service(&pool.owner).map_or(own, |service| Home {
        namespace: service.namespace.as_deref(),
        deployment: service.deployment.or(own.deployment),
    })
}

/// Where a pool without a pooler goes.
fn target(pool: &Pool, env: &Environment, addresses: &Addresses) -> Target {
    let stated = pool.database_name.as_ref().map(|n| n.value.as_str());
    if let Some((id, _)) = stated.and_then(|name| addresses.named(name)) {
        return Target::Database(id, Reached::Named);
    }
    let service = env.owner_service(&pool.owner);
    let host = pool
        .host
        .as_ref()
        .map(|h| h.value.as_str())
        .filter(|h| !is_local(h));
    match host {
        Some(host) => addresses.target(host, home_of(pool, env), env),
        // A proxy beside the process, or a socket: its variables or its proxy name the instance.
        None => service.map_or(Target::Open, |service| addresses.through_proxy(service, env)),
    }
}

/// What is known about the hosts that nothing here has.
struct Open {
    /// More than one of them, or another host that is the database's: then they are hosts of others.
    are_others: bool,
}

impl Open {
    fn of(env: &Environment, targets: &[Target], poolers: &[Option<usize>]) -> Open {
        let pools =
            || (env.pools.iter().zip(targets).zip(poolers)).filter(|((p, _), _)| p.target == PoolTarget::Sql);
        let of_pools = pools()
            .filter(|((_, target), _)| **target == Target::Open)
            .filter_map(|((pool, _), _)| pool.host.as_ref());
        let of_poolers = (env.poolers.iter())
            .filter(|p| p.database.is_none() || p.reached == Reached::Only)
            .filter_map(|pooler| pooler.server_host.as_ref());
        let hosts: BTreeSet<&str> = (of_pools.chain(of_poolers))
            .map(|h| h.value.as_str())
            .filter(|h| !is_local(h))
            .collect();
        let is_named =
            |target: &Target| matches!(target, Target::Database(_, Reached::Named | Reached::Similar));
        let named = pools().any(|((pool, target), pooler)| {
            is_named(target) && pooler.is_none() && (pool.host.is_some() || pool.database_name.is_some())
        });
        let behind = (env.poolers.iter())
            .any(|p| p.server_host.is_some() && p.database.is_some() && p.reached != Reached::Only);
        Open {
            are_others: hosts.len() > 1 || named || behind,
        }
    }

    /// Whether the only database may be the one of this pool.
    fn may_be_only(&self, pool: &Pool, services: &[Service], databases: &[Database]) -> bool {
        let host = pool.host.as_ref().filter(|h| !is_local(&h.value));
        let service = pool.owner.service.map(|id| &services[id.0]);
        databases.first().is_some_and(|database| {
            let known = database.hosts.is_empty() || host.is_none();
            known && !(host.is_some() && self.are_others) && speaks(pool, service, database)
        })
    }
}

/// Whether the driver of a pool and the addresses in the variables of its service can be those of this database, as far as
/// they are known.
fn speaks(pool: &Pool, service: Option<&Service>, database: &Database) -> bool {
    let Some(engine) = &database.engine else {
        return true;
    };
    let schemes = service.into_iter().flat_map(|service| &service.variables);
    let schemes = schemes
        .filter(|(name, _)| SQL_VARIABLES.contains(&fold(name).as_str()))
        .filter_map(|(_, variable)| Some(variable.value.value.text()?.split_once("://")?.0));
    let mut words: Vec<String> = schemes.map(str::to_ascii_lowercase).collect();
    words.extend(
        pool.driver
            .as_ref()
            .map(|driver| driver.value.to_ascii_lowercase()),
    );
    let has = |wanted: &[&str]| (words.iter()).any(|word| wanted.iter().any(|wanted| word.contains(wanted)));
    match engine.value {
        Engine::PostgreSql | Engine::RdsPostgreSql | Engine::AuroraPostgreSql => {
            !has(&["mysql", "maria", "mssql", "sqlserver"])
        }
        Engine::MySql => !has(&["postgres", "psycopg", "asyncpg", "pgx", "mssql", "sqlserver"]),
        Engine::SqlServer => !has(&["postgres", "psycopg", "asyncpg", "pgx", "mysql", "maria"]),
    }
}

fn poolers(env: &mut Environment) {
    let addresses = Addresses::of_databases(env);
    let targets: Vec<Target> = (env.poolers.iter())
        .map(|pooler| {
            let host = pooler.server_host.as_ref().map(|h| h.value.as_str());
            host.filter(|h| !is_local(h)).map_or(Target::Open, |host| {
                addresses.target(host, pooler.owner.home(), env)
            })
        })
        .collect();
    let open_hosts: BTreeSet<&str> = (env.poolers.iter().zip(&targets))
        .filter(|(_, target)| **target == Target::Open)
        .filter_map(|(pooler, _)| pooler.server_host.as_ref().map(|h| h.value.as_str()))
        .collect();
    // Two hosts that are not known are not both the only database's.
    let are_others = open_hosts.len() > 1;
    let Parts {
        poolers,
        services,
        workloads,
        databases,
        ..
    } = &mut env.parts;
    for (pooler, target) in poolers.iter_mut().zip(targets) {
        let service: Option<&Service> = pooler.owner.service.map(|id| &services[id.0]);
        if let Some(service) = service {
            pooler.workload = pooler.workload.or_else(|| running(pooler, service, workloads));
            fill(&mut pooler.replicas, service.scale.max.clone());
        }
        let is_open = |id: &DatabaseId| {
            pooler.server_host.is_none() || (databases[id.0].hosts.is_empty() && !are_others)
        };
        let found = match target {
            Target::Open => addresses.only().filter(is_open).map(|id| (id, Reached::Only)),
            Target::Other => None,
            Target::Database(id, reached) => Some((id, reached)),
        };
        pooler.database = found.map(|(id, _)| id);
        pooler.reached = found.map_or(Reached::default(), |(_, reached)| reached);
    }
}

/// The workload of `service` that runs the pooler: the one with its name, otherwise the only one.
fn running(pooler: &Pooler, service: &Service, workloads: &[Workload]) -> Option<crate::WorkloadId> {
    let named = service
        .workloads
        .iter()
        .find(|id| workloads[id.0].id.name == pooler.name);
    named.or(service.workloads.first()).copied()
}

/// Gives pools without a host the one from their service's variables.
fn hosts_from_variables(parts: &mut Parts) {
    // Many pools of one service ask for the same variables.
    let mut known: HashMap<(usize, bool), Option<Fact<String>>> = HashMap::default();
    for pool in &mut parts.pools {
        if let Some(service) = pool.owner.service
            && pool.host.is_none()
        {
            let redis = pool.target == PoolTarget::Redis;
            pool.host = known
                .entry((service.0, redis))
                .or_insert_with(|| {
                    let service = &parts.services[service.0];
                    host_of(service, redis)
                        .or_else(|| resource_of(service, &parts.databases).filter(|_| !redis))
                })
                .clone();
        }
        normalise(pool);
    }
}

fn normalise(pool: &mut Pool) {
    if let Some(host) = &mut pool.host
        && let Some(bare) = host_in(&host.value)
    {
        host.value = bare;
    }
}

fn host_of(service: &Service, redis: bool) -> Option<Fact<String>> {
    let names: &[&str] = if redis { &REDIS_VARIABLES } else { &SQL_VARIABLES };
    let mut best: Option<(usize, Fact<String>)> = None;
    for (name, variable) in &service.variables {
        let folded = fold(name);
        let Some(rank) = names.iter().position(|n| *n == folded) else {
            continue;
        };
        if best.as_ref().is_some_and(|(r, _)| *r <= rank) {
            continue;
        }
        if let Some(host) = VariableValue::text(&variable.value.value).and_then(host_in) {
            best = Some((rank, variable.value.clone().map(|_| host)));
        }
    }
    best.map(|(_, host)| host)
}

/// The resource of the only database that variables of the service refer to (its address, its connection name).
fn resource_of(service: &Service, databases: &[Database]) -> Option<Fact<String>> {
    let mut found: Option<(&str, Fact<String>)> = None;
    for variable in service.variables.values() {
        let VariableValue::Unknown(what) = &variable.value.value else {
            continue;
        };
        let names = |alias: &&String| {
            (what.strip_prefix(alias.as_str())).is_some_and(|rest| rest.starts_with(['.', '[']))
        };
        let Some(alias) = databases.iter().flat_map(|d| &d.aliases).find(names) else {
            continue;
        };
        if found.as_ref().is_some_and(|(other, _)| other != alias) {
            return None;
        }
        found.get_or_insert_with(|| (alias, variable.value.clone().map(|_| alias.clone())));
    }
    found.map(|(_, host)| host)
}
