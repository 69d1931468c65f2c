//! A database pool without a size, or a wait without a timeout.

use super::common;
use crate::finding::{Evidence, Finding, Severity};
use crate::rule::{Check, Context, Fix, Group, Rule, RuleId, Verdicts};
use cofferdam_model::database::{Pool, PoolTarget};
use cofferdam_model::{Fact, Source};
use std::borrow::Cow;
use std::time::Duration;

/// The rule.
pub static RULE: Rule = Rule {
    id: RuleId::new("database-pool-unbounded"),
    group: Group::Database,
    severity: Severity::Medium,
    fix: Fix::Automatic,
    summary: Cow::Borrowed("a database pool has no size, no pool timeout or no connect timeout set"),
    absences: &[],
    settings: &[],
    page: Cow::Borrowed(include_str!("../../../../docs/rules/database-pool-unbounded.md")),
    check: Check::BuiltIn(check),
};

fn check(cx: &Context<'_>, out: &mut Verdicts) {
    for pool in cx.env.pools.iter().filter(|p| p.target == PoolTarget::Sql) {
        judge(cx, pool, out);
    }
}

fn judge(cx: &Context<'_>, pool: &Pool, out: &mut Verdicts) {
    let mut missing = Vec::new();
    let size_is_set = pool.size.as_ref().is_some_and(|s| !s.is_assumed());
    if pool.unpooled {
        missing.push("pool");
    } else if !size_is_set {
        missing.push("pool size");
    }
    // asyncpg has no such setting: the timeout is an argument of each `acquire`.
    let settable = pool.driver.as_ref().is_none_or(|d| !d.value.contains("asyncpg"))
        || pool.overflow.as_ref().is_some_and(|o| o.value > 0);
    if settable && !pool.unpooled && pool.pool_timeout.as_ref().is_none_or(|t| t.is_assumed()) {
        missing.push("pool timeout");
    }
    if pool.connect_timeout.as_ref().is_none_or(|t| t.is_assumed()) {
        missing.push("connect timeout");
    }
    // If the constructor was not read, a setting that is missing here may be set in code that was not read.
    if missing.is_empty() || !pool.constructed {
        return;
    }
    let name = cx.env.owner_name(&pool.owner);
    let unbounded = pool.unpooled || pool.size.is_none();
    let mut evidence = Evidence::new();
    evidence.likely();
    if let Some(size) = &pool.size {
        evidence.note(size, common::count(size.value.into(), "connection"));
    }
    let severity = if unbounded {
        Severity::High
    } else {
        Severity::Medium
    };
    let waits = &waits(pool, &missing);
    let what = if pool.unpooled {
        "Every caller opens its own connection: there are as many connections as concurrent requests, until \
         the database refuses more."
    } else if unbounded {
        "Nothing limits the connections that one process opens: every increase of its load reaches the \
         database in full."
    } else if size_is_set {
        waits
    } else {
        "The driver's default decides how many connections each process opens, and nobody has multiplied it \
         by the number of replicas."
    };
    out.report(
        Finding::new(
            common::of_owner(cx.env, "database pool", &pool.owner),
            match missing.as_slice() {
                ["pool"] => format!("{name}: it connects to the database without a pool"),
                ["pool", rest @ ..] => format!(
                    "{name}: it connects to the database without a pool, and sets no {}",
                    join(rest)
                ),
                missing => format!("{name}: its database pool has no {} set", join(missing)),
            },
        )
        .severity(severity)
        .explain(what)
        .remedy(remedy(&missing))
        .at(pool.span, "the pool")
        .evidence(evidence),
    );
}

/// How long callers wait for what is not set: the library's default is named where it is known.
fn waits(pool: &Pool, missing: &[&str]) -> String {
    let mut sentences = Vec::new();
    let mut add = |what: &str, known: &Option<Fact<Duration>>, without: &str| {
        if missing.contains(&what) {
            sentences.push(match known.as_ref().map(|fact| &fact.source) {
                Some(Source::Assumed { why }) => format!("Where nothing sets it, {why}."),
                _ => without.to_owned(),
            });
        }
    };
    add(
        "pool timeout",
        &pool.pool_timeout,
        "No timeout limits the wait for a connection of the pool, as far as the code shows.",
    );
    add(
        "connect timeout",
        &pool.connect_timeout,
        "A new connection waits until the driver or the operating system gives up, often minutes.",
    );
    sentences.push(
        "While the database is slow or down, callers wait that long, keep their resources, and block their own \
         callers."
            .to_owned(),
    );
    sentences.join(" ")
}

/// Names what is missing, and nothing that is set.
fn remedy(missing: &[&str]) -> String {
    let parts: Vec<&str> = missing
        .iter()
        .map(|what| match *what {
            "pool" => "up a pool with a size from queries a second × seconds each",
            "pool size" => "a size from queries a second × seconds each",
            "pool timeout" => "a pool timeout shorter than the caller's own timeout",
            _ if missing.contains(&"pool timeout") => "a connect timeout shorter than that",
            _ => "a connect timeout shorter than the caller's own timeout",
        })
        .collect();
    match parts.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("Set {} and {last}.", rest.join(", ")),
        _ => format!("Set {}.", parts.concat()),
    }
}

fn join(words: &[&str]) -> String {
    match words {
        [one] => (*one).to_owned(),
        [rest @ .., last] => format!("{} and no {last}", rest.join(", no ")),
        [] => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing::{self, fact, owned_by, service, span};
    use cofferdam_model::{Environment, Parts};

    #[test]
    fn missing_settings_are_named_and_a_complete_pool_is_silent() {
        let mut pool = Pool::at(span(1), owned_by(0), PoolTarget::Sql);
        pool.constructed = true;
        let mut env = Environment {
            parts: Parts {
                services: vec![service("api", (1, 1, 1))],
                pools: vec![pool],
                ..Parts::default()
            },
            ..Environment::default()
        };
        let finding = testing::only(&RULE, &env);
        assert!(
            finding
                .title
                .ends_with("no pool size, no pool timeout and no connect timeout set"),
            "{}",
            finding.title
        );
        assert_eq!(finding.severity, Some(Severity::High));
        env.pools[0].size = Some(Fact::assumed(15, "SQLAlchemy's default is 5 + 10"));
        assert_eq!(testing::only(&RULE, &env).severity, Some(Severity::Medium));
        env.pools[0].size = Some(fact(5, 2));
        let why = "pool_timeout is 30 s, SQLAlchemy's default";
        env.pools[0].pool_timeout = Some(Fact::assumed(Duration::from_secs(30), why));
        let finding = testing::only(&RULE, &env);
        assert!(finding.explanation.contains(why), "{}", finding.explanation);
        assert!(!finding.explanation.contains("without a timeout"));
        assert!(finding.remedy.contains("a pool timeout") && !finding.remedy.contains("a size"));
        env.pools[0].pool_timeout = Some(fact(Duration::from_secs(5), 3));
        let finding = testing::only(&RULE, &env);
        assert_eq!(
            finding.remedy,
            "Set a connect timeout shorter than the caller's own timeout."
        );
        env.pools[0].unpooled = true;
        let finding = testing::only(&RULE, &env);
        assert_eq!(
            finding.title,
            "api: it connects to the database without a pool, and sets no connect timeout"
        );
        assert!(
            finding.remedy.starts_with("Set up a pool with a size"),
            "{}",
            finding.remedy
        );
        env.pools[0].connect_timeout = Some(fact(Duration::from_secs(3), 4));
        assert_eq!(
            testing::only(&RULE, &env).title,
            "api: it connects to the database without a pool"
        );
        env.pools[0].unpooled = false;
        assert!(testing::all(&RULE, &env).is_empty());
    }

    #[test]
    fn code_that_was_not_read_is_not_judged() {
        let pool = Pool::at(span(1), owned_by(0), PoolTarget::Sql);
        let env = Environment {
            parts: Parts {
                services: vec![service("api", (1, 1, 1))],
                pools: vec![pool],
                ..Parts::default()
            },
            ..Environment::default()
        };
        assert!(testing::all(&RULE, &env).is_empty());
    }
}
