//! Many processes with their own pools keep many idle connections open.

use super::common::count;
use super::demand;
use crate::finding::{Evidence, Finding, Severity, Subject};
use crate::rule::{Check, Context, Fix, Group, Rule, RuleId, Verdicts};
use cofferdam_formulas::connections;
use cofferdam_model::database::Engine;
use cofferdam_model::{Absence, DatabaseId};
use std::borrow::Cow;

/// The rule.
pub static RULE: Rule = Rule {
    id: RuleId::new("database-no-pooler"),
    group: Group::Database,
    severity: Severity::Medium,
    fix: Fix::Proposed,
    summary: Cow::Borrowed("many clients connect to a database without a pooler"),
    absences: &[Absence::Pooler],
    settings: &[],
    page: Cow::Borrowed(include_str!("../../../../docs/rules/database-no-pooler.md")),
    check: Check::BuiltIn(check),
};

/// The total number of replicas that counts as "many". Fewer pools can be sized by hand.
const MANY: u64 = 20;

fn check(cx: &Context<'_>, out: &mut Verdicts) {
    for (index, database) in cx.env.databases.iter().enumerate() {
        let mut evidence = Evidence::new();
        let total = demand::direct(cx.env, DatabaseId(index), &mut evidence);
        let replicas = total.replicas();
        if replicas < MANY {
            continue;
        }
        let mut slot_evidence = Evidence::new();
        // If all pools together need less than half of the connections, they leave enough room and no pooler
        // is needed.
        let Some(slots) = connections::slots(database, &mut slot_evidence) else {
            continue;
        };
        if total.full() * 2 <= u64::from(slots.free()) {
            continue;
        }
        evidence.merge(slot_evidence);
        // MySQL and SQL Server serve a connection by a thread.
        let (pooler, process) = match database.engine.as_ref().map(|e| e.value) {
            Some(Engine::MySql) => ("ProxySQL (or RDS Proxy on AWS)", " and a thread"),
            Some(Engine::SqlServer) => ("a pooler (on AWS, RDS Proxy)", " and a thread"),
            Some(Engine::PostgreSql | Engine::RdsPostgreSql | Engine::AuroraPostgreSql) => (
                "PgBouncer in transaction mode (1.21 or later for drivers that prepare statements)",
                " and a process",
            ),
            None => (
                "a pooler (for PostgreSQL, PgBouncer in transaction mode, 1.21 or later for drivers that prepare \
                 statements)",
                "",
            ),
        };
        out.report(
            Finding::new(
                Subject::named("database", &database.name),
                format!(
                    "{}: {} keep {} of their own, and no pooler shares them",
                    database.name,
                    count(replicas, "replica"),
                    count(total.full(), "connection")
                ),
            )
            .explain(format!(
                "{} = {}, most of them idle at any moment: a connection works only while a query \
                 runs. Each one costs the server memory{process}, and every scale-out opens its share \
                 at once.",
                demand::words(&total, false),
                count(total.full(), "connection")
            ))
            .remedy(format!(
                "Put {pooler} in front of the database, sized from queries a second × seconds each."
            ))
            .absent(Absence::Pooler)
            .figure("replicas", replicas as f64, "replicas")
            .figure("connections", total.full() as f64, "connections")
            .evidence(evidence),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing::{self, fact, owned_by, service, span};
    use cofferdam_model::database::{Database, Pool, PoolTarget};
    use cofferdam_model::{Environment, Parts};

    fn env(replicas: u32, size: u32) -> Environment {
        let mut database = Database::named("main", Some(span(1)));
        database.max_connections = Some(fact(1000, 2));
        let mut pool = Pool::at(span(3), owned_by(0), PoolTarget::Sql);
        pool.size = Some(fact(size, 4));
        pool.database = Some(DatabaseId(0));
        Environment {
            parts: Parts {
                services: vec![service("api", (2, 2, replicas))],
                databases: vec![database],
                pools: vec![pool],
                ..Parts::default()
            },
            ..Environment::default()
        }
    }

    #[test]
    fn many_replicas_that_need_half_the_slots_are_reported() {
        assert_eq!(
            testing::only(&RULE, &env(50, 20)).figures["connections"].value,
            1000.0
        );
        assert!(testing::all(&RULE, &env(10, 60)).is_empty(), "few replicas");
        assert!(testing::all(&RULE, &env(50, 5)).is_empty(), "250 of 997");
        let mut mysql = env(50, 20);
        mysql.databases[0].engine = Some(fact(Engine::MySql, 9));
        let remedy = testing::only(&RULE, &mysql).remedy;
        assert!(
            remedy.contains("ProxySQL") && !remedy.contains("PgBouncer"),
            "{remedy}"
        );
        let mut pooled = env(50, 20);
        pooled.pools[0].pooler = Some(0);
        assert!(testing::all(&RULE, &pooled).is_empty());
    }
}
