//! Compares connections × memory for each with the memory of the server.

use super::common;
use crate::finding::{Evidence, Finding, Severity, Subject};
use crate::rule::{Check, Context, Fix, Group, Rule, RuleId, Verdicts};
use cofferdam_model::Bytes;
use std::borrow::Cow;

/// The rule.
pub static RULE: Rule = Rule {
    id: RuleId::new("database-memory"),
    group: Group::Database,
    severity: Severity::Medium,
    fix: Fix::Proposed,
    summary: Cow::Borrowed(
        "shared_buffers and work_mem × connections exceed the memory of the database's tier",
    ),
    absences: &[],
    settings: &[],
    page: Cow::Borrowed(include_str!("../../../../docs/rules/database-memory.md")),
    check: Check::BuiltIn(check),
};

/// The smallest work_mem. Source: PostgreSQL documentation, `work_mem`: 64 kB.
const LEAST_WORK_MEM: u64 = 64 * 1024;

fn check(cx: &Context<'_>, out: &mut Verdicts) {
    for database in &cx.env.databases {
        let (Some(memory), Some(work_mem), Some(most)) =
            (&database.memory, &database.work_mem, &database.max_connections)
        else {
            continue;
        };
        let mut evidence = Evidence::new();
        let Bytes(have) = evidence.take(memory, format!("{} of memory", memory.value));
        let Bytes(each) = evidence.take(work_mem, format!("{} for each sort", work_mem.value));
        let connections = u64::from(evidence.take(most, common::count(most.value.into(), "connection")));
        let shared = match &database.shared_buffers {
            Some(shared) => evidence.take(shared, format!("{} shared", shared.value)).0,
            None => {
                evidence
                    .assume("shared_buffers is a quarter of the memory, the default on managed PostgreSQL");
                have / 4
            }
        };
        let wanted = shared.saturating_add(each.saturating_mul(connections));
        if wanted <= have {
            continue;
        }
        let fits = have.saturating_sub(shared) / connections.max(1);
        out.report(
            Finding::new(
                Subject::named("database", &database.name),
                format!(
                    "{}: {} of memory can be requested, {} are available",
                    database.name,
                    Bytes(wanted),
                    Bytes(have)
                ),
            )
            .explain(format!(
                "shared_buffers {} + {} × work_mem {} = {}. A query may use work_mem \
                 several times (once for each sort or hash), so this is not an upper bound. Under load the \
                 kernel kills the server, and all connections end together.",
                Bytes(shared),
                common::count(connections, "connection"),
                Bytes(each),
                Bytes(wanted)
            ))
            .remedy(match fits >= LEAST_WORK_MEM {
                true => format!(
                    "Lower work_mem to at most {}, or lower max_connections (a pooler makes that \
                    possible), or use a larger tier.",
                    Bytes(fits).show_down()
                ),
                false => "Lower max_connections (a pooler makes that possible), or use a larger tier: no work_mem is \
                    small enough."
                    .to_owned(),
            })
            .figure("wanted", wanted as f64 / 1_048_576.0, "MiB")
            .figure("available", have as f64 / 1_048_576.0, "MiB")
            .evidence(evidence),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing::{self, fact, span};
    use cofferdam_model::database::Database;
    use cofferdam_model::{Environment, Parts};

    #[test]
    fn a_thousand_connections_with_16_mib_do_not_fit_in_16_gib() {
        // 4 GiB + 1,000 × 16 MiB = 4,096 + 16,000 = 20,096 MiB > 16,384 MiB.
        let mib = 1024 * 1024;
        let mut database = Database::named("main", Some(span(1)));
        database.memory = Some(fact(Bytes(16_384 * mib), 2));
        database.work_mem = Some(fact(Bytes(16 * mib), 3));
        database.shared_buffers = Some(fact(Bytes(4096 * mib), 4));
        database.max_connections = Some(fact(1000, 5));
        let mut env = Environment {
            parts: Parts {
                databases: vec![database],
                ..Parts::default()
            },
            ..Environment::default()
        };
        assert_eq!(testing::only(&RULE, &env).figures["wanted"].value, 20_096.0);
        env.databases[0].work_mem = Some(fact(Bytes(12 * mib), 3));
        assert!(testing::all(&RULE, &env).is_empty(), "4,096 + 12,000 = 16,096");
    }

    proptest::proptest! {
        #[test]
        fn work_mem_as_advised_is_silent(memory in 1u64..64, work_mem in 1u64..512, connections in 1u32..5000) {
            let mut database = Database::named("main", Some(span(1)));
            database.memory = Some(fact(Bytes(memory << 30), 2));
            database.work_mem = Some(fact(Bytes(work_mem << 20), 3));
            database.max_connections = Some(fact(connections, 5));
            let mut env = Environment {
                parts: Parts { databases: vec![database], ..Parts::default() },
                ..Environment::default()
            };
            for finding in testing::all(&RULE, &env) {
                if let Some((_, rest)) = finding.remedy.split_once("at most ") {
                    let advised = rest.split(',').next().and_then(|text| Bytes::parse(&text.replace(' ', "")));
                    env.databases[0].work_mem = Some(fact(advised.unwrap(), 3));
                    proptest::prop_assert!(testing::all(&RULE, &env).is_empty());
                }
            }
        }
    }
}
