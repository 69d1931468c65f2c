//! A pooler limits connections separately in each of its replicas and, by default, for each user. The
//! database sees the sum.

use super::common;
use super::demand;
use crate::finding::{Evidence, Finding, Severity};
use crate::rule::{Context, Fix, Group, Rule, Verdicts};
use cofferdam_model::database::Pooler;
use cofferdam_model::registry::{self, Need};
use cofferdam_model::units::show_number;

/// The rule.
pub const RULE: Rule = Rule {
    id: "pooler-overcommit",
    group: Group::Database,
    severity: Severity::High,
    fix: Fix::Automatic,
    summary: "PgBouncer replicas together may open more server connections than the database, or a declared \
        limit, allows",
    absences: &[],
    page: include_str!("../../../../docs/rules/pooler-overcommit.md"),
    check,
};

fn check(cx: &Context<'_>, out: &mut Verdicts) {
    for pooler in &cx.env.poolers {
        judge(cx, pooler, out);
        unread(pooler, out);
    }
}

/// The number of connections that the replicas may open together.
struct Sum {
    replicas: u32,
    one_user: u64,
    worst: u64,
    worst_words: String,
}

fn sum(pooler: &Pooler, evidence: &mut Evidence) -> Option<Sum> {
    let replicas = evidence.take(pooler.replicas.as_ref()?, "replicas of the pooler");
    evidence.owner(&pooler.owner);
    match &pooler.default_pool_size {
        Some(size) => evidence.note(size, format!("{} for each user and database", size.value)),
        None => evidence.assume("default_pool_size is 20, PgBouncer's default"),
    }
    if let Some(limit) = &pooler.max_db_connections {
        evidence.note(
            limit,
            format!("{} for each database, in each replica", limit.value),
        );
    }
    if let Some(reserve) = &pooler.reserve_pool_size {
        evidence.note(reserve, format!("{} in reserve for each pool", reserve.value));
    }
    let databases = pooler
        .databases
        .as_ref()
        .map_or(1, |d| evidence.take(d, common::count(d.value.into(), "database")));
    let each = |users| demand::pooler_connections(pooler, users, databases) * u64::from(replicas);
    let one_user = each(1);
    let (worst, worst_words) = if let Some(dynamic) = &pooler.dynamic_credentials {
        evidence.note(dynamic, "each lease is a separate user");
        // No file limits the number of leases, so the total is the limit by max_db_connections, or unlimited
        // without it.
        match pooler.max_db_connections.as_ref().filter(|m| m.value > 0) {
            Some(limit) => (
                u64::from(limit.value) * u64::from(databases) * u64::from(replicas),
                "with a user for each lease".to_owned(),
            ),
            None => (u64::MAX, "without bound, because each lease is a user".to_owned()),
        }
    } else {
        match &pooler.users {
            Some(users) => {
                let n = evidence.take(users, common::count(users.value.into(), "user"));
                (each(n), format!("with {}", common::count(u64::from(n), "user")))
            }
            None => (one_user, "with one user".to_owned()),
        }
    };
    Some(Sum {
        replicas,
        one_user,
        worst: worst.max(one_user),
        worst_words,
    })
}

fn judge(cx: &Context<'_>, pooler: &Pooler, out: &mut Verdicts) {
    let subject = format!("pooler {}", pooler.name);
    let mut evidence = Evidence::new();
    let Some(sum) = sum(pooler, &mut evidence) else {
        out.cannot_judge(
            subject,
            [Need::of(&registry::poolers::REPLICAS, &pooler.name)],
            None,
        );
        return;
    };
    let database = pooler.database.map(|id| &cx.env.databases[id.0]);
    let mut limits: Vec<(u64, String)> = Vec::new();
    if let Some(database) = database {
        evidence.reached(pooler.reached, &database.name, &[pooler.name.as_str()]);
        let mut slot_evidence = Evidence::new();
        if let Some((slots, _)) = demand::slots(database, &mut slot_evidence)
            && sum.worst > u64::from(slots)
        {
            limits.push((
                u64::from(slots),
                format!(
                    "the {} of {}",
                    common::count(slots.into(), "connection"),
                    database.name
                ),
            ));
            evidence.merge(slot_evidence);
        }
        for (limit, reason) in &database.stated_limits {
            if sum.worst > u64::from(limit.value) {
                evidence.note(limit, format!("stated limit: {reason}"));
                limits.push((
                    u64::from(limit.value),
                    format!(
                        "the stated limit of {} ({reason})",
                        show_number(f64::from(limit.value))
                    ),
                ));
            }
        }
    }
    let Some((lowest, words)) = limits.iter().min_by_key(|(n, _)| *n).cloned() else {
        let partial = Some(format!("up to {}", connections(sum.worst)));
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
            evidence,
        },
        out,
    );
}

fn bound(n: u64) -> String {
    if n == u64::MAX {
        "any number of".to_owned()
    } else {
        show_number(n as f64)
    }
}

/// A number of connections to the server, for a sentence.
fn connections(n: u64) -> String {
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
    evidence: Evidence,
}

fn report(pooler: &Pooler, case: Case, out: &mut Verdicts) {
    let Case {
        subject,
        sum,
        lowest,
        words,
        evidence,
    } = case;
    let title = if sum.one_user > lowest {
        format!(
            "{}: {} even with one user, against {words}",
            pooler.name,
            connections(sum.one_user)
        )
    } else {
        format!(
            "{}: {} with one user, up to {} {}, against {words}",
            pooler.name,
            connections(sum.one_user),
            bound(sum.worst),
            sum.worst_words
        )
    };
    let remedy_each = lowest / u64::from(sum.replicas.max(1));
    let replicas = common::count(sum.replicas.into(), "replica");
    let mut finding = Finding::new(subject, title)
        .explain(format!(
            "PgBouncer keeps a pool for each pair of user and database, and every limit applies to one \
             replica only{}. max_db_connections limits the connections that one replica opens to a database, not \
             those that all replicas open together.{}",
            match sum.replicas {
                0 | 1 => String::new(),
                n => format!(": {n} replicas have {n} times the limit"),
            },
            as_deployed(pooler, sum.replicas)
        ))
        .remedy(format!(
            "Set max_db_connections to {remedy_each} ({lowest} ÷ {replicas}, rounded down){}; let applications log in as one user.",
            match sum.replicas {
                0 | 1 => "",
                _ => ", or run fewer replicas",
            }
        ))
        .figure("replicas", f64::from(sum.replicas), "replicas")
        .figure("connections_with_one_user", sum.one_user as f64, "connections")
        .figure("limit", lowest as f64, "connections")
        .evidence(evidence)
        .at(pooler.span, "the pooler");
    if sum.worst != u64::MAX {
        finding = finding.figure("connections_at_most", sum.worst as f64, "connections");
    }
    out.report(finding);
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
            format!("settings of pooler {}", pooler.name),
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
