//! A pooler limits connections separately in each of its replicas and, by default, for each user. The
//! database sees the sum.

use super::common;
use crate::finding::{Evidence, Finding, Severity, Subject};
use crate::rule::{Check, Context, Fix, Group, Rule, RuleId, Verdicts};
use cofferdam_formulas::connections;
use cofferdam_formulas::pooler::{self, Limits};
use cofferdam_model::database::Pooler;
use cofferdam_model::registry::{self, Need};
use cofferdam_model::units::show_number;
use std::borrow::Cow;

/// The rule.
pub static RULE: Rule = Rule {
    id: RuleId::new("pooler-overcommit"),
    group: Group::Database,
    severity: Severity::High,
    fix: Fix::Automatic,
    summary: Cow::Borrowed(
        "PgBouncer replicas together may open more server connections than the database, or a declared \
        limit, allows",
    ),
    absences: &[],
    settings: &[],
    page: Cow::Borrowed(include_str!("../../../../docs/rules/pooler-overcommit.md")),
    check: Check::BuiltIn(check),
};

fn check(cx: &Context<'_>, out: &mut Verdicts) {
    for pooler in &cx.env.poolers {
        judge(cx, pooler, out);
        unread(pooler, out);
    }
}

/// The number of connections that the replicas may open together.
struct Sum {
    limits: Limits,
    one_user: u64,
    worst: u64,
    worst_words: String,
}

fn sum(pooler: &Pooler, evidence: &mut Evidence) -> Sum {
    let limits = pooler::limits(pooler, evidence);
    let one_user = limits.with_users(1);
    let worst_words = match (limits.users, limits.at_most()) {
        (None, Some(_)) => "with a user for each lease".to_owned(),
        (None, None) => "without bound, because each lease is a user".to_owned(),
        (Some(1), _) => "with one user".to_owned(),
        (Some(users), _) => format!("with {}", common::count(u64::from(users), "user")),
    };
    Sum {
        limits,
        one_user,
        worst: limits.at_most().unwrap_or(u64::MAX).max(one_user),
        worst_words,
    }
}

fn judge(cx: &Context<'_>, pooler: &Pooler, out: &mut Verdicts) {
    let subject = format!("pooler {}", pooler.name);
    let mut evidence = Evidence::new();
    let sum = sum(pooler, &mut evidence);
    let database = pooler.database.map(|id| &cx.env.databases[id.0]);
    let limits = exceeded(cx, pooler, &sum, &mut evidence);
    let Some((lowest, words)) = limits.into_iter().min_by_key(|(n, _)| *n) else {
        let partial = Some(format!("up to {}", server_connections(sum.worst)));
        match database {
            Some(database) if database.max_connections.is_none() && database.stated_limits.is_empty() => {
                out.cannot_judge(
                    subject,
                    [Need::of(&registry::databases::MAX_CONNECTIONS, &database.name)],
                    partial,
                );
            }
            None => out.cannot_judge(
                subject,
                ["the database behind it, under `databases` with its max_connections"],
                partial,
            ),
            Some(_) if !sum.limits.replicas_known => {
                let partial = Some(format!("{} of one replica", server_connections(sum.worst)));
                out.cannot_judge(subject, [format!("services.{}.replicas", pooler.name)], partial);
            }
            Some(_) => {}
        }
        return;
    };
    report(
        pooler,
        Case {
            subject,
            sum,
            lowest,
            words,
            direct: pooler.database.map_or(0, |id| {
                connections::direct(cx.env, id, &mut Evidence::new()).full()
            }),
            evidence,
        },
        out,
    );
}

/// The limits of the database that the sum exceeds, in words.
fn exceeded(cx: &Context<'_>, pooler: &Pooler, sum: &Sum, evidence: &mut Evidence) -> Vec<(u64, String)> {
    let mut limits: Vec<(u64, String)> = Vec::new();
    let Some(database) = pooler.database.map(|id| &cx.env.databases[id.0]) else {
        return limits;
    };
    evidence.reached(pooler.reached, &database.name, &[pooler.name.as_str()]);
    let mut slot_evidence = Evidence::new();
    if let Some(slots) = connections::slots(database, &mut slot_evidence)
        && sum.worst > u64::from(slots.free())
    {
        let free = common::count(slots.free().into(), "connection");
        limits.push((slots.free().into(), format!("the {free} of {}", database.name)));
        evidence.merge(slot_evidence);
    }
    for (limit, reason) in &database.stated_limits {
        if sum.worst > u64::from(limit.value) {
            evidence.note(limit, format!("stated limit: {reason}"));
            let stated = show_number(f64::from(limit.value));
            limits.push((
                limit.value.into(),
                format!("the stated limit of {stated} ({reason})"),
            ));
        }
    }
    limits
}

fn bound(n: u64) -> String {
    if n == u64::MAX {
        "any number of".to_owned()
    } else {
        show_number(n as f64)
    }
}

/// A number of connections to the server, for a sentence.
fn server_connections(n: u64) -> String {
    match n {
        u64::MAX => "any number of server connections".to_owned(),
        n => common::count(n, "server connection"),
    }
}

struct Case {
    subject: String,
    sum: Sum,
    lowest: u64,
    words: String,
    /// Connections that services open to the same database without the pooler.
    direct: u64,
    evidence: Evidence,
}

fn report(pooler: &Pooler, case: Case, out: &mut Verdicts) {
    let Case {
        subject,
        sum,
        lowest,
        words,
        direct,
        evidence,
    } = case;
    let title = if sum.one_user > lowest {
        format!(
            "{}: {} even with one user, against {words}",
            pooler.name,
            server_connections(sum.one_user)
        )
    } else {
        format!(
            "{}: {} with one user, up to {} {}, against {words}",
            pooler.name,
            server_connections(sum.one_user),
            bound(sum.worst),
            sum.worst_words
        )
    };
    let replicas = sum.limits.replicas;
    let mut finding = Finding::new(subject, title)
        .explain(format!(
            "PgBouncer keeps a pool for each pair of user and database, and every limit applies to one \
             replica only{}. max_db_connections limits the connections that one replica opens to a database, not \
             those that all replicas open together.{}",
            match replicas {
                0 | 1 => String::new(),
                n => format!(": {n} replicas have {n} times the limit"),
            },
            as_deployed(pooler, replicas)
        ))
        .remedy(remedy(&sum.limits, lowest, direct))
        .figure("replicas", f64::from(replicas), "replicas")
        .figure("connections_with_one_user", sum.one_user as f64, "connections")
        .figure("limit", lowest as f64, "connections")
        .evidence(evidence)
        .at(pooler.span, "the pooler");
    if sum.worst != u64::MAX {
        finding = finding.figure("connections_at_most", sum.worst as f64, "connections");
    }
    out.report(finding);
}

/// The setting with which all replicas together keep to the limit. It is of one replica and one database, and 0 would be no
/// limit at all.
fn remedy(limits: &Limits, lowest: u64, direct: u64) -> String {
    let databases = match limits.databases {
        1 => String::new(),
        n => format!(" ÷ {n} databases"),
    };
    let replicas = common::count(limits.replicas.into(), "replica");
    let fewer = match limits.replicas {
        1 => "",
        _ => ", or run fewer replicas",
    };
    // What connects beside the pooler needs its own share, if there is one for both.
    let left = lowest
        .checked_sub(direct)
        .filter(|left| direct > 0 && limits.fits(*left).is_some());
    if let Some((left, each)) = left.and_then(|left| Some((left, limits.fits(left)?))) {
        return format!(
            "Set max_db_connections to {} ({} less {} of services beside the pooler leaves {} ÷ {replicas}{databases}, \
             rounded down){fewer}; let applications log in as one user.",
            show_number(each as f64),
            show_number(lowest as f64),
            show_number(direct as f64),
            show_number(left as f64)
        );
    }
    match limits.fits(lowest) {
        Some(each) => format!(
            "Set max_db_connections to {} ({} ÷ {replicas}{databases}, rounded down){fewer}; let applications log in as \
             one user.",
            show_number(each as f64),
            show_number(lowest as f64)
        ),
        None => format!(
            "Run fewer replicas: with {replicas}{databases} even max_db_connections 1 is more than {}.",
            show_number(lowest as f64)
        ),
    }
}

/// What runs if the image reads none of the settings: 20 for each user and database, without a limit.
fn as_deployed(pooler: &Pooler, replicas: u32) -> String {
    if pooler.unread_settings.is_empty() {
        return String::new();
    }
    format!(
        " This is the sum by the file's settings. The image does not read all of them; with PgBouncer's \
         defaults instead, {} can open {} connections for each user, without any limit.",
        common::count(replicas.into(), "replica"),
        u64::from(replicas) * 20
    )
}

/// Settings under names that the image does not read: the file does not describe what runs.
fn unread(pooler: &Pooler, out: &mut Verdicts) {
    if pooler.unread_settings.is_empty() {
        return;
    }
    let mut evidence = Evidence::new();
    let mut names = Vec::new();
    let mut right = Vec::new();
    for (name, reads) in &pooler.unread_settings {
        evidence.note(
            name,
            reads.as_ref().map_or("not read".to_owned(), |r| {
                format!("not read; the image reads {r}")
            }),
        );
        names.push(format!("`{}`", name.value));
        right.extend(reads.iter().map(|r| format!("`{r}`")));
    }
    out.report(
        Finding::new(
            Subject::named("settings of pooler", &pooler.name),
            format!(
                "{}: the image does not read {}: PgBouncer's defaults apply instead",
                pooler.name,
                names.join(", ")
            ),
        )
        .severity(Severity::High)
        .explain(
            "Nothing fails: the container starts with PgBouncer's defaults (pool_mode session, \
             default_pool_size 20, max_client_conn 100, max_db_connections without limit), and the limits \
             that the file seems to set do not exist.",
        )
        .remedy(if right.is_empty() {
            "Use the names that the image documents.".to_owned()
        } else {
            format!("Rename them: {}.", right.join(", "))
        })
        .figure("unread_settings", pooler.unread_settings.len() as f64, "settings")
        .evidence(evidence)
        .at(pooler.span, "the pooler"),
    );
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::rules::testing::{self, fact, span};
    use cofferdam_model::database::Database;
    use cofferdam_model::{DatabaseId, Environment, Owner, Parts, Span};

    /// A pooler of which only the settings made by `set` are known.
    pub(crate) fn pooler(at: Span, set: impl FnOnce(&mut Pooler)) -> Pooler {
        let mut pooler = Pooler::named("pgbouncer", at, Owner::default());
        set(&mut pooler);
        pooler
    }

    fn env(set: impl FnOnce(&mut Pooler)) -> Environment {
        let mut database = Database::named("main", Some(span(1)));
        database.max_connections = Some(fact(1000, 2));
        database.stated_limits = vec![(fact(100, 3), "checklist".to_owned())];
        let pooler = pooler(span(4), |p| {
            p.replicas = Some(fact(3, 5));
            p.default_pool_size = Some(fact(25, 6));
            p.max_db_connections = Some(fact(100, 7));
            p.database = Some(DatabaseId(0));
            set(p);
        });
        Environment {
            parts: Parts {
                databases: vec![database],
                poolers: vec![pooler],
                ..Parts::default()
            },
            ..Environment::default()
        }
    }

    #[test]
    fn three_poolers_of_25_stay_below_100_with_one_user_and_exceed_it_with_four() {
        // 3 × min(100, 1 × 25) = 75 ≤ 100; 3 × min(100, 4 × 25) = 300 > 100.
        assert!(testing::all(&RULE, &env(|_| {})).is_empty());
        let finding = testing::only(&RULE, &env(|p| p.users = Some(fact(4, 8))));
        assert_eq!(finding.figures["connections_with_one_user"].value, 75.0);
        assert_eq!(finding.figures["connections_at_most"].value, 300.0);
        assert_eq!(finding.figures["limit"].value, 100.0);
        assert!(finding.remedy.contains("33"));
    }

    #[test]
    fn a_single_replica_is_singular_and_cannot_be_fewer() {
        let finding = testing::only(
            &RULE,
            &env(|p| {
                p.replicas = Some(fact(1, 5));
                p.max_db_connections = None;
                p.users = Some(fact(5, 8));
            }),
        );
        assert!(
            !finding.explanation.contains("replicas have"),
            "{}",
            finding.explanation
        );
        assert_eq!(
            finding.remedy,
            "Set max_db_connections to 100 (100 ÷ 1 replica, rounded down); let applications log in as one user."
        );
    }

    #[test]
    fn dynamic_credentials_count_as_one_user_for_each_lease() {
        let finding = testing::only(
            &RULE,
            &env(|p| p.dynamic_credentials = Some(fact("database/creds/x".to_owned(), 8))),
        );
        assert_eq!(finding.figures["connections_at_most"].value, 300.0);
        let unbounded = env(|p| {
            p.max_db_connections = None;
            p.dynamic_credentials = Some(fact("database/creds/x".to_owned(), 8));
        });
        let finding = testing::only(&RULE, &unbounded);
        assert!(finding.figures.get("connections_at_most").is_none());
        assert!(finding.title.contains("any number"));
    }

    #[test]
    fn settings_that_the_image_ignores_are_named() {
        let env = env(|p| {
            p.unread_settings = vec![(
                fact("POOL_MODE".to_owned(), 9),
                Some("PGBOUNCER_POOL_MODE".to_owned()),
            )];
        });
        let finding = testing::only(&RULE, &env);
        assert!(finding.title.contains("`POOL_MODE`") && finding.remedy.contains("PGBOUNCER_POOL_MODE"));
    }
}
