//! In transaction pooling a server connection goes to another client after every transaction, but a statement
//! prepared on it stays on it.

use super::common;
use crate::finding::{Evidence, Finding, Severity, Subject};
use crate::rule::{Check, Context, Fix, Group, Rule, RuleId, Verdicts};
use cofferdam_model::database::{Pool, PoolTarget, Pooler};
use std::borrow::Cow;

/// The rule.
pub static RULE: Rule = Rule {
    id: RuleId::new("pooler-prepared-statements"),
    group: Group::Database,
    severity: Severity::Critical,
    fix: Fix::Automatic,
    summary: Cow::Borrowed(
        "a driver that prepares statements uses transaction pooling that does not keep them",
    ),
    absences: &[],
    settings: &[],
    page: Cow::Borrowed(include_str!(
        "../../../../docs/rules/pooler-prepared-statements.md"
    )),
    check: Check::BuiltIn(check),
};

/// Drivers that prepare statements automatically, and how to stop them.
const PREPARING: &[(&str, &str, &str)] = &[
    (
        "asyncpg",
        "asyncpg prepares every query and caches 100 statements",
        "statement_cache_size=0",
    ),
    (
        "jdbc",
        "pgJDBC prepares on the server from the fifth execution",
        "prepareThreshold=0",
    ),
    (
        "pgx",
        "pgx prepares and caches every query",
        "default_query_exec_mode=simple_protocol",
    ),
    (
        "psycopg",
        "psycopg 3 prepares on the server from the fifth execution",
        "prepare_threshold=None",
    ),
    (
        "postgres.js",
        "postgres.js prepares every query",
        "prepare: false",
    ),
    ("prisma", "Prisma prepares every query", "pgbouncer=true"),
];

fn check(cx: &Context<'_>, out: &mut Verdicts) {
    for (index, pooler) in cx.env.poolers.iter().enumerate() {
        let Some(mode) = &pooler.pool_mode else { continue };
        if mode.value.eq_ignore_ascii_case("session") {
            continue;
        }
        for pool in cx
            .env
            .pools
            .iter()
            .filter(|p| p.target == PoolTarget::Sql && goes_through(p, index, pooler))
        {
            judge(cx, pooler, index, pool, out);
        }
    }
}

/// Pools through this pooler, or (host unknown) to the database behind it; then the finding is likely.
fn goes_through(pool: &Pool, index: usize, pooler: &Pooler) -> bool {
    pool.pooler == Some(index)
        || (pool.pooler.is_none()
            && pool.host.is_none()
            && pool.database.is_some()
            && pool.database == pooler.database)
}

/// Major and minor of a version (`1.20.1`, `v1.20`).
fn version(text: &str) -> Option<(u32, u32)> {
    let mut parts = text.trim_start_matches('v').split(['.', '-', '_']);
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

fn judge(cx: &Context<'_>, pooler: &Pooler, index: usize, pool: &Pool, out: &mut Verdicts) {
    let Some(driver) = &pool.driver else { return };
    let lower = driver.value.to_ascii_lowercase();
    let Some((_, how, switch)) = PREPARING
        .iter()
        .find(|(name, ..)| lower == *name || lower == format!("postgresql+{name}"))
    else {
        return;
    };
    if pool.statement_cache.as_ref().is_some_and(|c| c.value == 0) {
        return;
    }
    let mut evidence = Evidence::new();
    if let Some(mode) = &pooler.pool_mode {
        evidence.note(mode, format!("{} pooling", mode.value));
    }
    let known = pooler.version.as_ref().and_then(|v| version(&v.value));
    let why = match (known, &pooler.max_prepared_statements) {
        (Some(v), _) if v < (1, 21) => {
            format!(
                "PgBouncer {} cannot keep prepared statements in this mode; 1.21 is the first that can",
                text_of(pooler)
            )
        }
        (_, Some(kept)) if kept.value == 0 => {
            evidence.note(kept, "prepared statements are not kept");
            "max_prepared_statements is 0".to_owned()
        }
        (_, Some(_)) => return,
        (Some(v), None) if v < (1, 24) => {
            format!(
                "max_prepared_statements is not set, and its default in PgBouncer {} is 0",
                text_of(pooler)
            )
        }
        (Some(_), None) => return,
        (None, None) => {
            evidence.assume(
                "the version of PgBouncer is not known; before 1.24 max_prepared_statements is 0 unless set",
            );
            "max_prepared_statements is not set".to_owned()
        }
    };
    if let Some(version) = &pooler.version {
        evidence.note(version, format!("PgBouncer {}", version.value));
    }
    evidence.note(driver, *how);
    if pool.pooler != Some(index) {
        evidence.assume(format!(
            "{} connects through {}: its host is not known",
            cx.env.owner_name(&pool.owner),
            pooler.name
        ));
    }
    // People believe that this mode runs although the image does not read it; when someone corrects the name,
    // the fault appears.
    let unread = match pooler
        .unread_settings
        .iter()
        .any(|(name, _)| name.value.to_ascii_lowercase().contains("pool_mode"))
    {
        true => {
            " The image does not read the mode under this name, so the fault appears when the name is \
             corrected."
        }
        false => "",
    };
    // If its host is not known, it is a guess that the pool goes through the pooler at all.
    let severity = if pool.pooler == Some(index) {
        Severity::Critical
    } else {
        Severity::High
    };
    let name = cx.env.owner_name(&pool.owner);
    let mode = pooler
        .pool_mode
        .as_ref()
        .map_or("transaction", |m| m.value.as_str());
    out.report(
        Finding::new(
            Subject::shown_as("pool", &name, &format!("{name} through {}", pooler.name))
                .in_namespace(common::namespace(cx.env, &pool.owner)),
            format!("{name}: {} prepares statements, and {} in {mode} mode forgets them", driver.value, pooler.name),
        )
        .severity(severity)
        .cause(("pooler", pooler.name.as_str()))
        .explain(format!(
            "{how}. After each transaction the server connection goes to another client, so the next use of \
             the statement reaches a server that does not know it (\"prepared statement does not exist\") or \
             knows another of that name (\"already exists\"). {why}. It passes a test with one client and \
             fails under load.{unread}"
        ))
        .remedy(format!(
            "Run PgBouncer 1.21 or later with max_prepared_statements above 0 (200 is the default from 1.24), or switch the driver's \
             statements off ({switch})."
        ))
        .evidence(evidence)
        .at(pooler.span, "the pooler"),
    );
}

fn text_of(pooler: &Pooler) -> &str {
    pooler
        .version
        .as_ref()
        .map_or("of this version", |v| v.value.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::pooler_overcommit::tests::pooler;
    use crate::rules::testing::{self, fact, owned_by, service, span};
    use cofferdam_model::{Environment, Parts};

    fn env(version: &str, kept: Option<u32>) -> Environment {
        let mut pool = Pool::at(span(1), owned_by(0), PoolTarget::Sql);
        pool.driver = Some(fact("asyncpg".to_owned(), 2));
        pool.pooler = Some(0);
        let pooler = pooler(span(3), |p| {
            p.pool_mode = Some(fact("transaction".to_owned(), 4));
            p.version = Some(fact(version.to_owned(), 5));
            p.max_prepared_statements = kept.map(|k| fact(k, 6));
        });
        Environment {
            parts: Parts {
                services: vec![service("api", (1, 1, 1))],
                pools: vec![pool],
                poolers: vec![pooler],
                ..Parts::default()
            },
            ..Environment::default()
        }
    }

    #[test]
    fn the_version_and_the_setting_decide() {
        for (version, kept, fires) in [
            ("1.20.1", None, true),
            ("1.20.1", Some(100), true),
            ("1.21.0", None, true),
            ("1.21.0", Some(100), false),
            ("1.23.1", Some(0), true),
            ("1.24.0", None, false),
            ("1.24.0", Some(0), true),
        ] {
            assert_eq!(
                !testing::all(&RULE, &env(version, kept)).is_empty(),
                fires,
                "{version} {kept:?}"
            );
        }
    }

    #[test]
    fn session_pooling_and_a_driver_without_prepared_statements_are_silent() {
        let mut e = env("1.20.1", None);
        e.poolers[0].pool_mode = Some(fact("session".to_owned(), 4));
        assert!(testing::all(&RULE, &e).is_empty());
        let mut e = env("1.20.1", None);
        e.pools[0].statement_cache = Some(fact(0, 9));
        assert!(testing::all(&RULE, &e).is_empty());
        let mut e = env("1.20.1", None);
        e.pools[0].driver = Some(fact("psycopg2".to_owned(), 9));
        assert!(testing::all(&RULE, &e).is_empty());
    }
}
