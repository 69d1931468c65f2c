//! Compares replicas × pool with the connections that the database has.

use super::common;
use super::demand;
use crate::finding::{Evidence, Finding, Severity, UNNAMED};
use crate::rule::{Context, Fix, Group, Rule, Verdicts};
use cofferdam_model::DatabaseId;
use cofferdam_model::database::{Database, Engine};
use cofferdam_model::registry::{self, Need};
use cofferdam_model::units::show_number;

/// The rule.
pub const RULE: Rule = Rule {
    id: "database-connection-exhaustion",
    group: Group::Database,
    severity: Severity::Critical,
    fix: Fix::Proposed,
    summary: "replicas × pool at full scale need more connections than the database has",
    absences: &[],
    page: include_str!("../../../../docs/rules/database-connection-exhaustion.md"),
    check,
};

fn check(cx: &Context<'_>, out: &mut Verdicts) {
    for (index, database) in cx.env.databases.iter().enumerate() {
        judge(cx, DatabaseId(index), database, out);
    }
    // A database that no file describes also has a limit.
    for (host, total) in demand::undescribed(cx.env) {
        if total.demands.is_empty() {
            continue;
        }
        let partial = wanted_words(&total);
        // A platform without environments states its databases at the top of the file.
        let (of, section) = match cx.env.name.as_str() {
            UNNAMED => (String::new(), String::new()),
            name => (format!("{name}: "), format!("environments.{name}.")),
        };
        let subject = format!("{of}{}", undescribed(&total, host));
        let key = if host.is_some() { "hosts" } else { "used_by" };
        let need = format!("Add it under {section}databases.NAME (max_connections, {key})");
        out.cannot_judge(subject, [need], Some(partial));
    }
}

/// Who wants connections to a database that no file describes, as a clause.
fn undescribed(total: &demand::Total, host: Option<&str>) -> String {
    let wants = if total.demands.len() == 1 { "wants" } else { "want" };
    let connections = common::count(total.wanted(), "connection");
    let who = who(total);
    match host {
        None => format!("{who} {wants} {connections}, but no file says to which database"),
        Some(host) => format!("{who} {wants} {connections} to `{host}`, but no file describes this database"),
    }
}

/// The sum of what is wanted, as a partial result.
fn wanted_words(total: &demand::Total) -> String {
    let wanted = total.wanted();
    let are = if wanted == 1 { "is" } else { "are" };
    format!(
        "{} {are} wanted: {}",
        common::count(wanted, "connection"),
        total.words()
    )
}

fn judge(cx: &Context<'_>, id: DatabaseId, database: &Database, out: &mut Verdicts) {
    let subject = format!("database {}", database.name);
    let mut evidence = Evidence::new();
    let mut slot_evidence = Evidence::new();
    let total = demand::direct(cx.env, id, &mut evidence);
    if total.demands.is_empty() && total.unknown.is_empty() {
        return;
    }
    let wanted = total.wanted();
    let Some((slots, reserved)) = demand::slots(database, &mut slot_evidence) else {
        let partial = (!total.demands.is_empty()).then(|| wanted_words(&total));
        out.cannot_judge(
            subject,
            [Need::of(&registry::databases::MAX_CONNECTIONS, &database.name)],
            partial,
        );
        return;
    };
    let slots64 = u64::from(slots);
    let rollout = total.wanted_in_rollout();
    if wanted.max(rollout) <= slots64 {
        if !total.unknown.is_empty() {
            let partial = format!(
                "{} of {} accounted for",
                show_number(wanted as f64),
                match slots {
                    1 => "1 connection is".to_owned(),
                    n => format!("{} are", common::count(n.into(), "connection")),
                }
            );
            out.cannot_judge(subject, total.unknown, Some(partial));
        }
        return;
    }
    let only_in_rollout = wanted <= slots64;
    let asked = if only_in_rollout { rollout } else { wanted };
    let deficit = asked - slots64;
    let when = if only_in_rollout {
        "during a rollout at full scale"
    } else {
        "at full scale"
    };
    let breaks_at = total.breaks_at(slots64);
    let engine = database.engine.as_ref().map(|e| e.value);
    let limit = (slots, reserved, Engine::refusal(engine, reserved));
    let explanation = explanation(&total, asked, when, limit);
    let smaller = smaller(&total, slots64, only_in_rollout);
    let title = format!(
        "{}: {} wanted {when}, {} available: {} refused",
        database.name,
        common::count(asked, "connection"),
        show_number(f64::from(slots)),
        show_number(deficit as f64)
    );
    let mut finding = Finding::new(subject, title)
        .severity(common::severity_in(
            cx.env,
            if only_in_rollout {
                Severity::High
            } else {
                Severity::Critical
            },
        ))
        .explain(explanation)
        .remedy(format!(
            "Put a pooler in front of the database ({}), or {smaller}.",
            demand::pooler_for(engine, slots)
        ))
        .figure("wanted", wanted as f64, "connections")
        .figure("wanted_in_rollout", rollout as f64, "connections")
        .figure("available", f64::from(slots), "connections")
        .figure("deficit", deficit as f64, "connections")
        .figure("refused_share", deficit as f64 / asked as f64 * 100.0, "%")
        .evidence(evidence)
        .evidence(slot_evidence);
    if let Some(n) = breaks_at {
        finding = finding.figure("begins_at", f64::from(n), "replicas");
    }
    out.report(finding);
}

/// What to make smaller, as a clause. Fewer replicas do not help if one of each service already wants too much.
fn smaller(total: &demand::Total, slots: u64, in_rollout: bool) -> String {
    let too_much_alone = total.breaks_at(slots) == Some(1);
    match total.fits(slots, in_rollout) {
        Some(each) if too_much_alone => format!(
            "let pool and overflow together be at most {} a process: fewer replicas do not help, because one of \
             each service already wants more than there is",
            show_number(each as f64)
        ),
        Some(each) => format!(
            "let pool and overflow together be at most {} a process, or lower the maximum of replicas",
            show_number(each as f64)
        ),
        None if too_much_alone => {
            "lower the maximum of replicas and the size of the pools: neither alone is \
            enough"
                .to_owned()
        }
        None => {
            "lower the maximum of replicas: no size of the pools is small enough, because there are more \
            processes than connections"
                .to_owned()
        }
    }
}

/// Explains the missing connections: the sum, the scale at which the shortage begins, and what is not
/// counted.
fn explanation(
    total: &demand::Total,
    asked: u64,
    when: &str,
    (slots, reserved, refusal): (u32, u32, &str),
) -> String {
    let leaves = match reserved {
        0 => "max_connections is".to_owned(),
        n => format!("max_connections less {n} reserved leaves"),
    };
    let mut explanation = format!(
        "{} = {} {when}; {leaves} {}. A connection beyond \
         that is refused at once with \"{refusal}\". Pools that are already open keep \
         their connections, so the replicas that start last (those that should help) get none, and neither does one that \
         restarts.",
        total.words(),
        common::count(asked, "connection"),
        show_number(f64::from(slots)),
    );
    if let Some(n) = total.breaks_at(u64::from(slots)) {
        explanation.push_str(&format!(" The shortage begins when {}.", total.at(n)));
    }
    let rollout = total.wanted_in_rollout();
    if rollout > total.wanted() {
        explanation.push_str(&format!(
            " A rollout at full scale wants {} while old and new pods overlap.",
            show_number(rollout as f64)
        ));
    }
    if !total.unknown.is_empty() {
        let unknown: Vec<String> = total.unknown.iter().map(ToString::to_string).collect();
        explanation.push_str(&format!(
            " Not counted, because their pools are not known: {}.",
            unknown.join(", ")
        ));
    }
    explanation
}

fn who(total: &demand::Total) -> String {
    let names: Vec<&str> = total.demands.iter().map(|d| d.service.as_str()).collect();
    match names.as_slice() {
        [one] => (*one).to_owned(),
        [rest @ .., last] => format!("{} and {last}", rest.join(", ")),
        [] => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing::{self, fact, owned_by, service, span};
    use cofferdam_model::database::{Pool, PoolTarget};
    use cofferdam_model::{Environment, Parts};

    fn env(replicas: u32, size: u32, max: Option<u32>) -> Environment {
        let mut database = Database::named("main", Some(span(1)));
        database.max_connections = max.map(|m| fact(m, 2));
        let pool = |service| {
            let mut pool = Pool::at(span(3), owned_by(service), PoolTarget::Sql);
            pool.size = Some(fact(size, 4 + service));
            pool.database = Some(DatabaseId(0));
            pool
        };
        Environment {
            name: "production".to_owned(),
            parts: Parts {
                services: vec![
                    service("collector", (2, 2, replicas)),
                    service("processor", (2, 2, replicas)),
                ],
                databases: vec![database],
                pools: vec![pool(0), pool(1)],
                ..Parts::default()
            },
            ..Environment::default()
        }
    }

    #[test]
    fn two_services_of_fifty_pods_with_twenty_connections_lack_1003() {
        // 50 × 20 + 50 × 20 = 2,000; 1,000 − 3 = 997; 2,000 − 997 = 1,003 = 50.15 %. 25 × 40 = 1,000 > 997.
        let finding = testing::only(&RULE, &env(50, 20, Some(1000)));
        assert_eq!(finding.figures["deficit"].value, 1003.0);
        assert!((finding.figures["refused_share"].value - 50.15).abs() < 1e-9);
        assert_eq!(finding.figures["begins_at"].value, 25.0);
    }

    #[test]
    fn aurora_reserves_five() {
        let mut env = env(50, 20, Some(1000));
        env.databases[0].engine = Some(fact(Engine::AuroraPostgreSql, 9));
        assert_eq!(testing::only(&RULE, &env).figures["available"].value, 995.0);
    }

    #[test]
    fn fewer_replicas_are_advised_only_if_they_help() {
        // 2 × 60 = 120 > 97 with one replica each.
        let remedy = testing::only(&RULE, &env(2, 60, Some(100))).remedy;
        assert!(remedy.contains("fewer replicas do not help"), "{remedy}");
        // 2 × 2 × 40 = 160 > 97, and 2 × 40 = 80.
        let remedy = testing::only(&RULE, &env(2, 40, Some(100))).remedy;
        assert!(remedy.ends_with("or lower the maximum of replicas."), "{remedy}");
    }

    #[test]
    fn mysql_reserves_none_and_has_no_pgbouncer() {
        let mut env = env(50, 20, Some(1000));
        env.databases[0].engine = Some(fact(Engine::MySql, 9));
        let finding = testing::only(&RULE, &env);
        assert_eq!(finding.figures["available"].value, 1000.0);
        assert!(
            finding.explanation.contains("max_connections is 1,000"),
            "{}",
            finding.explanation
        );
        assert!(!finding.remedy.contains("PgBouncer"), "{}", finding.remedy);
    }

    #[test]
    fn as_many_connections_as_slots_are_enough_and_one_more_is_not() {
        // 2 × 10 × 10 = 200; 203 − 3 = 200.
        assert!(testing::all(&RULE, &env(10, 10, Some(203))).is_empty());
        assert_eq!(
            testing::only(&RULE, &env(10, 10, Some(202))).figures["deficit"].value,
            1.0
        );
    }

    #[test]
    fn overflow_processes_and_surge_are_counted() {
        let mut env = env(10, 5, Some(103));
        env.pools.truncate(1);
        env.pools[0].overflow = Some(fact(5, 8));
        assert!(testing::all(&RULE, &env).is_empty(), "10 × 10 = 100");
        env.services[0].scale.surge = Some(fact(3, 8));
        let finding = testing::only(&RULE, &env);
        assert_eq!(finding.severity, Some(Severity::High));
        // 100 ÷ (10 + 3) = 7.
        assert!(
            finding.remedy.contains("at most 7 a process"),
            "{}",
            finding.remedy
        );
        env.services[0].processes = Some(fact(2, 8));
        assert_eq!(testing::only(&RULE, &env).figures["wanted"].value, 200.0);
    }

    #[test]
    fn a_database_that_no_file_describes_is_listed_with_the_sum() {
        let mut env = env(50, 20, None);
        env.databases.clear();
        for pool in &mut env.pools {
            pool.database = None;
        }
        env.pools[1].host = Some(fact("db.example".to_owned(), 9));
        let told: Vec<(String, String)> = testing::verdicts(&RULE, &env)
            .unjudged
            .into_iter()
            .map(|u| (u.subject, u.partial.unwrap()))
            .collect();
        // 50 × 20 = 1,000 each.
        assert_eq!(
            told,
            [
                (
                    "production: collector wants 1,000 connections, but no file says to which database".to_owned(),
                    "1,000 connections are wanted: 50 collector × 20".to_owned()
                ),
                (
                    "production: processor wants 1,000 connections to `db.example`, but no file describes this \
                     database"
                        .to_owned(),
                    "1,000 connections are wanted: 50 processor × 20".to_owned()
                ),
            ]
        );
    }

    #[test]
    fn without_the_limit_the_sum_is_a_partial_result() {
        let verdicts = testing::verdicts(&RULE, &env(50, 20, None));
        assert!(verdicts.findings.is_empty());
        assert!(verdicts.unjudged[0].partial.as_ref().unwrap().contains("2,000"));
    }
}
