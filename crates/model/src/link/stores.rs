//! The target of a pool: a pooler or a database, by its host, or the only one that exists.

use super::facts::fill;
use super::names::{Affixes, fold};
use crate::database::{Pool, PoolTarget, Pooler};
use crate::owner::DatabaseId;
use crate::platform::{Environment, Parts, Service};
use crate::source::Fact;
use crate::variable::VariableValue;
use crate::workload::Workload;
use cofferdam_syntax::hash::HashMap;

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

/// Hosts that are the pod itself: a proxy beside the process.
const LOCAL: [&str; 4] = ["localhost", "127.0.0.1", "::1", "0.0.0.0"];

/// Links poolers to workloads and databases, and pools to poolers and databases.
///
/// A pool whose host is a pooler's name (or that of a Kubernetes Service in front of it) goes through the
/// pooler; one whose host is a database's goes to that database. One with an unknown host goes to the only
/// database, unless that database's hosts are known and different. A person's declaration overrides a
/// database's host, but not a pooler that files name: the declaration is about the end of the path.
pub(super) fn link(env: &mut Environment) {
    hosts_from_variables(&mut env.parts);
    poolers(env);
    let addresses = Addresses::new(env);
    let Parts {
        pools,
        poolers,
        databases,
        ..
    } = &mut env.parts;
    for pool in pools.iter_mut().filter(|p| p.target == PoolTarget::Sql) {
        let host = pool.host.as_ref().map(|h| h.value.as_str());
        let stated = pool.database_name.as_ref().map(|n| n.value.as_str());
        pool.pooler = host.and_then(|h| addresses.pooler(h)).or_else(|| {
            let beside = host.is_some_and(is_local) && pool.owner.service.is_some();
            let same = |p: &Pooler| p.owner.service == pool.owner.service;
            if beside {
                poolers.iter().position(same)
            } else {
                None
            }
        });
        let pooler = pool
            .pooler
            .or_else(|| stated.and_then(|name| addresses.pooler(name)));
        pool.pooler = pooler;
        pool.database = match pooler {
            Some(at) => poolers[at].database,
            None => (stated.and_then(|name| addresses.named(name)))
                .or_else(|| addresses.database(host, |id| databases[id.0].hosts.is_empty())),
        };
    }
}

fn poolers(env: &mut Environment) {
    let addresses = Addresses::of_databases(env);
    let Parts {
        poolers,
        services,
        workloads,
        databases,
        ..
    } = &mut env.parts;
    for pooler in poolers {
        let service: Option<&Service> = pooler.owner.service.map(|id| &services[id.0]);
        if let Some(service) = service {
            pooler.workload = pooler.workload.or_else(|| running(pooler, service, workloads));
            fill(&mut pooler.replicas, service.scale.max.clone());
        }
        let host = pooler.server_host.as_ref().map(|h| h.value.as_str());
        pooler.database = addresses.database(host, |id| databases[id.0].hosts.is_empty());
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
                .or_insert_with(|| host_of(&parts.services[service.0], redis))
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

/// The host in a URL, a `host:port` or a bare host, in lower case. `None` for a text that is filled in later
/// (`${HOST}`) or is not an address.
pub(super) fn host_in(text: &str) -> Option<String> {
    let text = text.trim();
    // libpq's keywords: `host=db port=5432 dbname=app`.
    if let Some(host) = text
        .split_whitespace()
        .find_map(|word| word.strip_prefix("host="))
    {
        return host_in(host);
    }
    let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
    // jdbc:postgresql://…; a user and a password may contain anything but `@` after the last of them.
    let authority = rest.split(['/', '?', '#', ',']).next().unwrap_or_default();
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let host = match host.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or_default(),
        None if host.matches(':').count() == 1 => host.split(':').next().unwrap_or_default(),
        None => host,
    };
    let plain = !host.is_empty()
        && host
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':'));
    plain.then(|| host.trim_end_matches('.').to_ascii_lowercase())
}

fn is_local(host: &str) -> bool {
    LOCAL.contains(&host)
}

/// Databases and poolers by their hosts.
struct Addresses {
    databases: HashMap<String, DatabaseId>,
    poolers: HashMap<String, usize>,
    only: Option<DatabaseId>,
}

impl Addresses {
    fn of_databases(env: &Environment) -> Addresses {
        let mut databases = HashMap::default();
        let affixes = Affixes::new(&env.name, std::iter::empty());
        for (at, database) in env.databases.iter().enumerate() {
            let hosts = database.hosts.iter().filter_map(|h| host_in(&h.value));
            for host in hosts.chain([database.name.to_ascii_lowercase()]) {
                databases.entry(host).or_insert(DatabaseId(at));
            }
        }
        // Whole names first, so that `orders` is not mistaken for `orders-prod` if both exist.
        for (at, database) in env.databases.iter().enumerate() {
            let bare = affixes
                .strip(&database.name)
                .unwrap_or_else(|| fold(&database.name));
            databases.entry(bare).or_insert(DatabaseId(at));
        }
        Addresses {
            databases,
            poolers: HashMap::default(),
            only: (env.databases.len() == 1).then_some(DatabaseId(0)),
        }
    }

    fn new(env: &Environment) -> Addresses {
        let mut addresses = Addresses::of_databases(env);
        let mut selected: HashMap<(&str, &str), Vec<usize>> = HashMap::default();
        for (at, port) in env.service_ports.iter().enumerate() {
            if let Some((key, value)) = port.selector.iter().next() {
                selected.entry((key, &value.value)).or_default().push(at);
            }
        }
        for (at, pooler) in env.poolers.iter().enumerate() {
            let mut names = vec![pooler.name.to_ascii_lowercase()];
            if let Some(id) = pooler.workload {
                let labels = &env.workloads[id.0].labels;
                names.push(env.workloads[id.0].id.name.to_ascii_lowercase());
                let ports = labels
                    .iter()
                    .filter_map(|(key, value)| selected.get(&(key.as_str(), value.value.as_str())))
                    .flatten()
                    .map(|port| &env.service_ports[*port]);
                let home = env.workloads[id.0].id.home();
                let selects = |port: &&crate::workload::ServicePort| {
                    port.id.home().is_related(home)
                        && (port.selector.iter())
                            .all(|(k, v)| labels.get(k).is_some_and(|l| l.value == v.value))
                };
                names.extend(ports.filter(selects).map(|p| p.id.name.to_ascii_lowercase()));
            }
            for name in names {
                addresses.poolers.entry(name).or_insert(at);
            }
        }
        addresses
    }

    /// The pooler of a host: by its whole name, or by the first label of a name inside the cluster
    /// (`pgbouncer.platform.svc.cluster.local`, `pgbouncer.platform`).
    fn pooler(&self, host: &str) -> Option<usize> {
        let (first, rest) = host.split_once('.').unwrap_or((host, ""));
        let inside =
            rest.is_empty() || !rest.contains('.') || rest.ends_with(".svc") || rest.contains(".svc.");
        self.poolers
            .get(host)
            .or_else(|| inside.then(|| self.poolers.get(first)).flatten())
            .copied()
    }

    /// The database with this host or name.
    fn named(&self, host: &str) -> Option<DatabaseId> {
        let first = host.split('.').next().unwrap_or(host);
        (self.databases.get(host))
            .or_else(|| self.databases.get(first))
            .or_else(|| self.databases.get(&fold(host)).filter(|_| first == host))
            .copied()
    }

    /// The database of a host, or the only one that exists, if `open` says that its hosts are not known or
    /// the host does not identify one.
    fn database(&self, host: Option<&str>, open: impl Fn(DatabaseId) -> bool) -> Option<DatabaseId> {
        let Some(host) = host.filter(|h| !is_local(h)) else {
            return self.only;
        };
        self.named(host).or_else(|| self.only.filter(|id| open(*id)))
    }
}
