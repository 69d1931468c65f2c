//! Computes how many connections a platform's services open to a database, for all rules about connections.

use super::common::count;
use crate::finding::Evidence;
use cofferdam_model::database::{Database, Engine, Pool, PoolTarget, Pooler, Reached};
use cofferdam_model::registry::{self, Missing, Need};
use cofferdam_model::units::show_number;
use cofferdam_model::{DatabaseId, Environment, Fact, Service, ServiceId};
use std::collections::{BTreeMap, BTreeSet};

/// One service's share of the demand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Demand {
    /// Service.
    pub(crate) id: ServiceId,
    /// Its name; two of one name in two deployments are two.
    pub(crate) service: String,
    /// The maximum number of connections of one replica: processes × (pool + overflow), over all its pools.
    pub(crate) per_replica: u32,
    /// Processes with pools of their own in one replica; 1 if a person declares the sum of a replica.
    pub(crate) processes: u32,
    /// Maximum number of replicas.
    pub(crate) replicas: u32,
    /// Additional replicas during a rollout.
    pub(crate) surge: u32,
}

/// All services that open connections to one database.
#[derive(Debug, Default)]
pub(crate) struct Total {
    /// Services with a known demand, ordered by name.
    pub(crate) demands: Vec<Demand>,
    /// What is missing to know the demand of the other services.
    pub(crate) unknown: Vec<Missing>,
}

impl Total {
    /// Connections at full scale.
    pub(crate) fn wanted(&self) -> u64 {
        self.demands
            .iter()
            .map(|d| u64::from(d.per_replica) * u64::from(d.replicas))
            .sum()
    }

    /// Connections at full scale during a rollout of all services.
    pub(crate) fn wanted_in_rollout(&self) -> u64 {
        self.demands
            .iter()
            .map(|d| u64::from(d.per_replica) * (u64::from(d.replicas) + u64::from(d.surge)))
            .sum()
    }

    /// The most connections that each process may have at full scale so that all fit into `slots`, also while a rollout
    /// overlaps old and new pods if `in_rollout`; `None` if not even one each does.
    pub(crate) fn fits(&self, slots: u64, in_rollout: bool) -> Option<u64> {
        let surge = |d: &Demand| if in_rollout { d.surge } else { 0 };
        let processes: u64 = (self.demands.iter())
            .map(|d| (u64::from(d.replicas) + u64::from(surge(d))) * u64::from(d.processes.max(1)))
            .sum();
        slots.checked_div(processes).filter(|each| *each > 0)
    }

    /// The replicas of each service in words when each has at most `n`: `api runs 6 replicas and worker 1`.
    pub(crate) fn at(&self, n: u32) -> String {
        let full: Vec<&Demand> = self.demands.iter().filter(|d| d.replicas >= n).collect();
        let names: Vec<&str> = full.iter().map(|d| d.service.as_str()).collect();
        let growing = match names.as_slice() {
            [] => String::new(),
            [one] => format!("{one} runs {}", count(n.into(), "replica")),
            [rest @ .., last] => format!(
                "{} and {last} run {} each",
                rest.join(", "),
                count(n.into(), "replica")
            ),
        };
        let fixed: Vec<String> = (self.demands.iter())
            .filter(|d| d.replicas < n)
            .map(|d| format!("{} {}", d.service, d.replicas))
            .collect();
        match fixed.as_slice() {
            [] => growing,
            few if few.len() <= 3 => format!("{growing} ({})", few.join(", ")),
            many => format!("{growing}, and {} others as many as they have", many.len()),
        }
    }

    /// The number of replicas of each service at which more than `slots` connections are wanted, if all
    /// services grow equally up to their own maximum.
    pub(crate) fn breaks_at(&self, slots: u64) -> Option<u32> {
        let most = self.demands.iter().map(|d| d.replicas).max()?;
        let wanted = |n: u32| -> u64 {
            self.demands
                .iter()
                .map(|d| u64::from(d.per_replica) * u64::from(n.min(d.replicas)))
                .sum()
        };
        if wanted(most) <= slots {
            return None;
        }
        // The demand grows with n, so a binary search finds the first n above the slots.
        let (mut low, mut high) = (0, most);
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            if wanted(middle) > slots {
                high = middle
            } else {
                low = middle
            }
        }
        Some(high)
    }

    /// The sum in words: `50 collector × 20 + 50 processor × 20`.
    pub(crate) fn words(&self) -> String {
        let one = |d: &Demand| {
            format!(
                "{} {} × {}",
                show_number(f64::from(d.replicas)),
                d.service,
                show_number(f64::from(d.per_replica))
            )
        };
        self.demands.iter().map(one).collect::<Vec<_>>().join(" + ")
    }
}

/// Whether a pool connects to this database without a pooler.
fn is_direct(pool: &Pool, id: DatabaseId) -> bool {
    pool.target == PoolTarget::Sql && pool.database == Some(id) && pool.pooler.is_none()
}

/// The connections that the services without a pooler may open at full scale.
pub(crate) fn direct(env: &Environment, id: DatabaseId, evidence: &mut Evidence) -> Total {
    let pools = || env.pools.iter().filter(|p| is_direct(p, id));
    reached(env, id, pools(), evidence);
    of_pools(env, pools(), evidence)
}

/// Records how the pools of a database were found to be its.
fn reached<'a>(
    env: &'a Environment,
    id: DatabaseId,
    pools: impl Iterator<Item = &'a Pool>,
    evidence: &mut Evidence,
) {
    let Some(database) = env.databases.get(id.0) else {
        return;
    };
    let mut users: BTreeMap<Reached, BTreeSet<&str>> = BTreeMap::new();
    for pool in pools {
        if let Some(service) = env.owner_service(&pool.owner) {
            users.entry(pool.reached).or_default().insert(&service.name);
        }
    }
    for (reached, users) in users {
        let users: Vec<&str> = users.into_iter().collect();
        evidence.reached(reached, &database.name, &users);
    }
}

/// The hosts of SQL databases that no file describes, with the connections that the services without a pooler
/// may open to each at full scale. If no database is described at all, pools without a host go to one
/// database, too.
pub(crate) fn undescribed(env: &Environment) -> Vec<(Option<&str>, Total)> {
    let unknown = |p: &&Pool| p.target == PoolTarget::Sql && p.database.is_none() && p.pooler.is_none();
    let hosts: BTreeSet<Option<&str>> = env.pools.iter().filter(unknown).map(host).collect();
    (hosts.into_iter())
        .filter(|name| name.is_some() || env.databases.is_empty())
        .map(|name| {
            let pools = env.pools.iter().filter(|p| unknown(p) && host(p) == name);
            (name, of_pools(env, pools, &mut Evidence::new()))
        })
        .collect()
}

fn host(pool: &Pool) -> Option<&str> {
    pool.host.as_ref().map(|h| h.value.as_str())
}

fn of_pools<'a>(
    env: &'a Environment,
    pools: impl Iterator<Item = &'a Pool>,
    evidence: &mut Evidence,
) -> Total {
    let mut total = Total::default();
    for pool in pools {
        let Some(id) = pool.owner.service else {
            continue;
        };
        let service = env.service(id);
        evidence.owner(&pool.owner);
        if let Some(stated) = &service.connections_per_pod {
            // A value declared by a person covers all pools of the service together.
            if !total.demands.iter().any(|d| d.id == id) {
                add_stated((id, service), stated, &mut total, evidence);
            }
            continue;
        }
        let Some(size) = &pool.size else {
            let need = Need::of(&registry::services::CONNECTIONS_PER_POD, &service.name);
            total.unknown.push(need.into());
            continue;
        };
        let Some(most) = service.scale.max.as_ref().or(service.scale.current.as_ref()) else {
            let need = Need::of(&registry::services::REPLICAS, &service.name);
            total.unknown.push(need.into());
            continue;
        };
        let replicas = evidence.take(most, format!("at most {}", count(most.value.into(), "replica")));
        let size = evidence.take(size, format!("{} each", count(size.value.into(), "connection")));
        let overflow = pool
            .overflow
            .as_ref()
            .map_or(0, |o| evidence.take(o, format!("and {} more", o.value)));
        let processes = service
            .processes
            .as_ref()
            .map_or(1, |p| evidence.take(p, count(p.value.into(), "process")));
        let surge = service.scale.surge.as_ref().map_or(0, |s| s.value);
        let per_replica = processes.saturating_mul(size.saturating_add(overflow));
        match total.demands.iter_mut().find(|d| d.id == id) {
            Some(there) => there.per_replica = there.per_replica.saturating_add(per_replica),
            None => total.demands.push(Demand {
                id,
                service: service.name.clone(),
                per_replica,
                processes,
                replicas,
                surge,
            }),
        }
    }
    total
        .demands
        .sort_by(|a, b| (&a.service, a.id).cmp(&(&b.service, b.id)));
    total.unknown.sort();
    total.unknown.dedup();
    total
}

fn add_stated(
    (id, service): (ServiceId, &Service),
    stated: &Fact<u32>,
    total: &mut Total,
    evidence: &mut Evidence,
) {
    let Some(most) = service.scale.max.as_ref().or(service.scale.current.as_ref()) else {
        let need = Need::of(&registry::services::REPLICAS, &service.name);
        total.unknown.push(need.into());
        return;
    };
    total.demands.push(Demand {
        id,
        service: service.name.clone(),
        per_replica: evidence.take(
            stated,
            format!("{} each", count(stated.value.into(), "connection")),
        ),
        processes: 1,
        replicas: evidence.take(most, format!("at most {}", count(most.value.into(), "replica"))),
        surge: service.scale.surge.as_ref().map_or(0, |s| s.value),
    });
}

/// Connections that ordinary users can have: max_connections less the reserved ones.
pub(crate) fn slots(database: &Database, evidence: &mut Evidence) -> Option<(u32, u32)> {
    let most = database.max_connections.as_ref()?;
    let most = evidence.take(most, format!("max_connections {}", most.value));
    let (reserved, why) = match database.engine.as_ref().map(|e| e.value) {
        Some(Engine::RdsPostgreSql | Engine::AuroraPostgreSql) => (
            5,
            "5 connections are reserved: superuser_reserved_connections 3 and rds.rds_superuser_reserved_connections 2, the \
             defaults on RDS and Aurora",
        ),
        // Source: MySQL Reference Manual, "Too many connections".
        Some(Engine::MySql) => (
            0,
            "no connection is reserved: MySQL accepts one more than max_connections, for an account with CONNECTION_ADMIN",
        ),
        Some(Engine::SqlServer) => (0, "no connection is reserved"),
        Some(Engine::PostgreSql) | None => (
            3,
            "3 connections are reserved: superuser_reserved_connections, PostgreSQL's default",
        ),
    };
    let reserved = match &database.reserved_connections {
        Some(stated) => evidence.take(stated, format!("{} reserved", stated.value)),
        None => {
            evidence.assume(why);
            reserved
        }
    };
    Some((most.saturating_sub(reserved), reserved))
}

/// The pooler to recommend for an engine, with at most `slots` connections to the server. PgBouncer speaks only PostgreSQL's
/// protocol. Sources: ProxySQL documentation, `mysql_servers.max_connections`; Amazon RDS documentation, "Using Amazon RDS
/// Proxy" (MySQL, MariaDB, PostgreSQL, SQL Server).
pub(crate) fn pooler_for(engine: Option<Engine>, slots: u32) -> String {
    let slots = show_number(f64::from(slots));
    match engine {
        Some(Engine::PostgreSql | Engine::RdsPostgreSql | Engine::AuroraPostgreSql) => {
            format!("PgBouncer with max_db_connections below {slots}")
        }
        Some(Engine::MySql) => {
            format!("ProxySQL with max_connections of its server below {slots}, or RDS Proxy on AWS")
        }
        Some(Engine::SqlServer) => "RDS Proxy on AWS".to_owned(),
        None => format!("for PostgreSQL, PgBouncer with max_db_connections below {slots}"),
    }
}

/// Server connections of one PgBouncer replica with `users`: the smaller of max_db_connections per
/// database and users × (pool + reserve), over its databases.
/// Source: PgBouncer's documentation of `default_pool_size` (per user and database pair),
/// `reserve_pool_size` and `max_db_connections` (per database, 0 is no limit).
pub(crate) fn pooler_connections(pooler: &Pooler, users: u32, databases: u32) -> u64 {
    let pool = pooler.default_pool_size.as_ref().map_or(20, |p| p.value);
    let reserve = pooler.reserve_pool_size.as_ref().map_or(0, |p| p.value);
    let by_users = u64::from(users) * (u64::from(pool) + u64::from(reserve));
    let limit = pooler
        .max_db_connections
        .as_ref()
        .map(|m| u64::from(m.value))
        .filter(|m| *m > 0);
    limit.map_or(by_users, |limit| by_users.min(limit)) * u64::from(databases)
}

#[cfg(test)]
mod tests {
    use super::*;
    use cofferdam_model::Parts;

    #[test]
    fn the_shortage_begins_at_the_first_count_above_the_slots() {
        let total = Total {
            demands: vec![
                Demand {
                    id: ServiceId(0),
                    service: "a".into(),
                    per_replica: 20,
                    processes: 1,
                    replicas: 50,
                    surge: 0,
                },
                Demand {
                    id: ServiceId(1),
                    service: "b".into(),
                    per_replica: 20,
                    processes: 1,
                    replicas: 50,
                    surge: 0,
                },
            ],
            unknown: vec![],
        };
        // 24 × 40 = 960 ≤ 997 < 25 × 40 = 1,000.
        assert_eq!(
            (total.wanted(), total.breaks_at(997), total.breaks_at(2000)),
            (2000, Some(25), None)
        );
    }

    #[test]
    fn a_stated_number_counts_for_all_pools_of_a_service_together() {
        use crate::rules::testing::{fact, owned_by, service, span};
        let mut pool = Pool::at(span(1), owned_by(0), PoolTarget::Sql);
        pool.database = Some(DatabaseId(0));
        pool.size = Some(fact(10, 2));
        let mut env = Environment {
            parts: Parts {
                services: vec![service("a", (1, 2, 3))],
                pools: vec![pool.clone(), pool],
                ..Parts::default()
            },
            ..Environment::default()
        };
        env.services[0].processes = Some(fact(4, 3));
        // 3 replicas × 4 processes × (10 + 10).
        assert_eq!(direct(&env, DatabaseId(0), &mut Evidence::new()).wanted(), 240);
        env.services[0].connections_per_pod = Some(Fact::stated(25, span(4)));
        // 3 replicas × 25.
        assert_eq!(direct(&env, DatabaseId(0), &mut Evidence::new()).wanted(), 75);
    }

    #[test]
    fn only_postgresql_reserves_connections_and_has_pgbouncer() {
        use crate::rules::testing::{fact, span};
        let of = |engine: Option<Engine>| {
            let mut database = Database::named("main", Some(span(1)));
            database.max_connections = Some(fact(151, 2));
            database.engine = engine.map(|e| fact(e, 3));
            let slots = slots(&database, &mut Evidence::new()).map(|(slots, _)| slots);
            (slots, pooler_for(engine, 100).contains("PgBouncer"))
        };
        assert_eq!(of(Some(Engine::MySql)), (Some(151), false));
        assert_eq!(of(Some(Engine::SqlServer)), (Some(151), false));
        assert_eq!(of(Some(Engine::PostgreSql)), (Some(148), true));
        assert_eq!(of(Some(Engine::RdsPostgreSql)), (Some(146), true));
        assert_eq!(of(None), (Some(148), true));
    }

    #[test]
    fn a_pooler_with_one_user_has_75_and_with_four_300() {
        use crate::rules::testing::{fact, span};
        let pooler = crate::rules::pooler_overcommit::tests::pooler(span(1), |p| {
            p.default_pool_size = Some(fact(25, 2));
            p.max_db_connections = Some(fact(100, 3));
        });
        assert_eq!(3 * pooler_connections(&pooler, 1, 1), 75);
        assert_eq!(3 * pooler_connections(&pooler, 4, 1), 300);
        assert_eq!(3 * pooler_connections(&pooler, 400, 1), 300);
    }
}
