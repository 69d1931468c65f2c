//! What rules say about the connections of services and poolers to a database; [`cofferdam_formulas::connections`] counts
//! them.

use super::common::count;
use crate::finding::Evidence;
use cofferdam_formulas::connections::{self, Begins, Share, Wanted};
use cofferdam_formulas::pooler;
use cofferdam_model::database::{Engine, Pool, PoolTarget};
use cofferdam_model::registry::Missing;
use cofferdam_model::units::show_number;
use cofferdam_model::{DatabaseId, Environment};
use std::collections::BTreeSet;

/// The connections that the services without a pooler may open at full scale.
pub(crate) fn direct(env: &Environment, id: DatabaseId, evidence: &mut Evidence) -> Wanted {
    connections::direct(env, id, evidence).by_name()
}

/// Server connections of a pooler.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pooled {
    /// Its name.
    pub(crate) pooler: String,
    /// Connections at most.
    pub(crate) most: u64,
}

/// The server connections of the poolers in front of a database: as many as their limits allow, and no more than their
/// clients open to them. One without a bound, and one that alone wants more than `slots`, is left out:
/// `pooler-overcommit` reports it.
pub(crate) fn pooled(env: &Environment, id: DatabaseId, slots: u64, evidence: &mut Evidence) -> Vec<Pooled> {
    let Some(database) = env.databases.get(id.0) else {
        return Vec::new();
    };
    let mut all = Vec::new();
    for (at, pooler) in env
        .poolers
        .iter()
        .enumerate()
        .filter(|(_, p)| p.database == Some(id))
    {
        let mut own = Evidence::new();
        let limit = pooler::limits(pooler, &mut own).at_most();
        let mut of_clients = Evidence::new();
        let clients = connections::through(env, at, &mut of_clients);
        let is_known = clients.unknown.is_empty() && !clients.shares.is_empty();
        let clients = is_known.then(|| clients.full());
        if clients.is_some_and(|clients| limit.is_none_or(|limit| clients < limit)) {
            own.merge(of_clients);
        }
        let most = limit.into_iter().chain(clients).min();
        if let Some(most) = most.filter(|most| *most <= slots) {
            own.reached(pooler.reached, &database.name, &[pooler.name.as_str()]);
            evidence.merge(own);
            all.push(Pooled {
                pooler: pooler.name.clone(),
                most,
            });
        }
    }
    all
}

/// The hosts of SQL databases that no file describes, with the connections that the services without a pooler
/// may open to each at full scale. If no database is described at all, pools without a host go to one
/// database, too.
pub(crate) fn undescribed(env: &Environment) -> Vec<(Option<&str>, Wanted)> {
    let unknown = |p: &&Pool| p.target == PoolTarget::Sql && p.database.is_none() && p.pooler.is_none();
    let hosts: BTreeSet<Option<&str>> = env.pools.iter().filter(unknown).map(host).collect();
    (hosts.into_iter())
        .filter(|name| name.is_some() || env.databases.is_empty())
        .map(|name| {
            let pools = env.pools.iter().filter(|p| unknown(p) && host(p) == name);
            let wanted = connections::wanted(env, pools, |_| true, &mut Evidence::new());
            (name, wanted.by_name())
        })
        .collect()
}

fn host(pool: &Pool) -> Option<&str> {
    pool.host.as_ref().map(|h| h.value.as_str())
}

/// The facts that are missing, by their names in `cofferdam.yaml`.
pub(crate) fn missing(wanted: &Wanted) -> Vec<Missing> {
    wanted.unknown.iter().cloned().map(Missing::from).collect()
}

/// The sum in words: `50 collector × 20 + 50 processor × 20`, in a rollout `(50 + 13) collector × 20`.
pub(crate) fn words(wanted: &Wanted, in_rollout: bool) -> String {
    let one = |share: &Share| {
        let most = show_number(f64::from(share.most));
        let replicas = match share.surge {
            more if in_rollout && more > 0 => format!("({most} + {})", show_number(f64::from(more))),
            _ => most,
        };
        format!(
            "{replicas} {} × {}",
            share.service,
            show_number(f64::from(share.each))
        )
    };
    wanted.shares.iter().map(one).collect::<Vec<_>>().join(" + ")
}

/// When the shortage begins, as a sentence: `The shortage begins when api runs 6 replicas and worker 1.`
pub(crate) fn begins(wanted: &Wanted, begins: Begins) -> String {
    let n = begins.at;
    // A service that never has so few, or never so many, does not take part. If the fewest of all are too many, the number is
    // what they could be.
    let takes_part = |share: &&Share| share.most >= n && (share.least <= n || begins.at_once);
    let growing: Vec<&str> = (wanted.shares.iter().filter(takes_part))
        .map(|share| share.service.as_str())
        .collect();
    let run = match growing.as_slice() {
        [] => String::new(),
        [one] => format!("{one} runs {}", count(n.into(), "replica")),
        [rest @ .., last] => format!(
            "{} and {last} run {} each",
            rest.join(", "),
            count(n.into(), "replica")
        ),
    };
    let fixed: Vec<String> = (wanted.shares.iter().filter(|share| !takes_part(share)))
        .map(|share| {
            format!(
                "{} {}",
                share.service,
                n.clamp(share.least.min(share.most), share.most)
            )
        })
        .collect();
    let others = match fixed.as_slice() {
        [] => String::new(),
        few if few.len() <= 3 => format!(" ({})", few.join(", ")),
        many => format!(", and {} others as many as they have", many.len()),
    };
    match begins.at_once {
        true => format!("The shortage begins when {run}{others}: the fewest replicas are already too many."),
        false => format!("The shortage begins when {run}{others}."),
    }
}

/// The pooler to recommend for an engine, with at most `slots` connections to the server and room for `clients`. PgBouncer speaks only PostgreSQL's
/// protocol, and its limit is of each replica. Sources: PgBouncer documentation, `max_db_connections`; ProxySQL
/// documentation, `mysql_servers.max_connections`; Amazon RDS documentation, "Using Amazon RDS Proxy" (MySQL, MariaDB,
/// PostgreSQL, SQL Server).
pub(crate) fn pooler_for(engine: Option<Engine>, slots: u32, clients: u64) -> String {
    let slots = show_number(f64::from(slots));
    let pgbouncer = format!(
        "PgBouncer with at most {slots} for max_db_connections × its replicas, and at least {} for max_client_conn × its \
         replicas",
        show_number(clients as f64)
    );
    match engine {
        Some(Engine::PostgreSql | Engine::RdsPostgreSql | Engine::AuroraPostgreSql) => pgbouncer,
        Some(Engine::MySql) => {
            format!(
                "ProxySQL with at most {slots} for max_connections of its server × its replicas, or RDS Proxy on AWS"
            )
        }
        Some(Engine::SqlServer) => "RDS Proxy on AWS".to_owned(),
        None => format!("for PostgreSQL, {pgbouncer}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cofferdam_model::ServiceId;

    #[test]
    fn only_postgresql_has_pgbouncer() {
        let has = |engine| pooler_for(engine, 100, 500).contains("PgBouncer");
        assert!(!has(Some(Engine::MySql)) && !has(Some(Engine::SqlServer)));
        assert!(has(Some(Engine::PostgreSql)) && has(Some(Engine::RdsPostgreSql)) && has(None));
    }

    #[test]
    fn a_service_that_never_has_so_few_or_so_many_replicas_is_named_with_its_own() {
        let share = |service: &str, (least, most): (u32, u32)| Share {
            id: ServiceId(0),
            service: service.to_owned(),
            pooler: None,
            each: 10,
            processes: 1,
            is_stated: false,
            least,
            most,
            surge: 0,
        };
        let wanted = Wanted {
            shares: vec![share("api", (1, 20)), share("job", (1, 2)), share("web", (9, 30))],
            unknown: Vec::new(),
        };
        assert_eq!(
            begins(
                &wanted,
                Begins {
                    at: 6,
                    at_once: false
                }
            ),
            "The shortage begins when api runs 6 replicas (job 2, web 9)."
        );
        assert_eq!(
            begins(&wanted, Begins { at: 6, at_once: true }),
            "The shortage begins when api and web run 6 replicas each (job 2): the fewest replicas are already too many."
        );
    }
}
