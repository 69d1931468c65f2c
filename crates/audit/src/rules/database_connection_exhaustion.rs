//! Compares replicas × pool with the connections that the database has.

use super::common;
use super::demand::{self, Pooled};
use crate::finding::{Evidence, Finding, Severity, UNNAMED};
use crate::rule::{Check, Context, Fix, Group, Rule, RuleId, Verdicts};
use cofferdam_formulas::connections::{self, Begins, Fits, Slots, Unit, Wanted};
use cofferdam_model::DatabaseId;
use cofferdam_model::database::{Database, Engine};
use cofferdam_model::registry::Need;
use cofferdam_model::units::show_number;
use std::borrow::Cow;

/// The rule.
pub static RULE: Rule = Rule {
    id: RuleId::new("database-connection-exhaustion"),
    group: Group::Database,
    severity: Severity::Critical,
    fix: Fix::Proposed,
    summary: Cow::Borrowed("replicas × pool at full scale need more connections than the database has"),
    absences: &[],
    settings: &[],
    page: Cow::Borrowed(include_str!(
        "../../../../docs/rules/database-connection-exhaustion.md"
    )),
    check: Check::BuiltIn(check),
};

fn check(cx: &Context<'_>, out: &mut Verdicts) {
    for (index, database) in cx.env.databases.iter().enumerate() {
        judge(cx, DatabaseId(index), database, out);
    }
    // A database that no file describes also has a limit.
    for (host, total) in demand::undescribed(cx.env) {
        if total.shares.is_empty() {
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
fn undescribed(total: &Wanted, host: Option<&str>) -> String {
    let wants = if total.shares.len() == 1 { "wants" } else { "want" };
    let connections = common::count(total.full(), "connection");
    let who = who(total);
    match host {
        None => format!("{who} {wants} {connections}, but no file says to which database"),
        Some(host) => format!("{who} {wants} {connections} to `{host}`, but no file describes this database"),
    }
}

/// The sum of what is wanted, as a partial result.
fn wanted_words(total: &Wanted) -> String {
    let wanted = total.full();
    let are = if wanted == 1 { "is" } else { "are" };
    format!(
        "{} {are} wanted: {}",
        common::count(wanted, "connection"),
        demand::words(total, false)
    )
}

fn judge(cx: &Context<'_>, id: DatabaseId, database: &Database, out: &mut Verdicts) {
    let subject = format!("database {}", database.name);
    let mut evidence = Evidence::new();
    let total = demand::direct(cx.env, id, &mut evidence);
    if total.shares.is_empty() && total.unknown.is_empty() {
        return;
    }
    let mut slot_evidence = Evidence::new();
    let Some(slots) = connections::slots(database, &mut slot_evidence) else {
        let partial = (!total.shares.is_empty()).then(|| wanted_words(&total));
        let needs = slot_evidence.needs.into_iter();
        out.cannot_judge(subject, needs, partial);
        return;
    };
    evidence.merge(slot_evidence);
    let poolers = match total.shares.is_empty() {
        true => Vec::new(),
        false => demand::pooled(cx.env, id, u64::from(slots.free()), &mut evidence),
    };
    let shortage = Shortage {
        total: &total,
        poolers: &poolers,
        slots,
        refusal: Engine::refusal(connections::engine(database), slots.reserved),
    };
    if shortage.full().max(shortage.in_rollout()) <= u64::from(slots.free()) {
        if !total.unknown.is_empty() {
            let partial = format!(
                "{} of {} accounted for",
                show_number(shortage.full() as f64),
                match slots.free() {
                    1 => "1 connection is".to_owned(),
                    n => format!("{} are", common::count(n.into(), "connection")),
                }
            );
            out.cannot_judge(subject, demand::missing(&total), Some(partial));
        }
        return;
    }
    if shortage.only_in_rollout() {
        connections::note_surge(cx.env, &total, &mut evidence);
    }
    let severity = common::severity_in(
        cx.env,
        match shortage.only_in_rollout() {
            true => Severity::High,
            false => Severity::Critical,
        },
    );
    out.report(
        shortage
            .finding(subject, database)
            .severity(severity)
            .evidence(evidence),
    );
}

/// More connections than there are.
struct Shortage<'a> {
    total: &'a Wanted,
    /// Poolers that open connections beside the services.
    poolers: &'a [Pooled],
    slots: Slots,
    /// The error of a refused client.
    refusal: &'static str,
}

impl Shortage<'_> {
    /// Connections of the poolers.
    fn pooled(&self) -> u64 {
        self.poolers.iter().map(|pooler| pooler.most).sum()
    }

    /// Connections at full scale.
    fn full(&self) -> u64 {
        self.total.full() + self.pooled()
    }

    /// Connections at full scale while a rollout overlaps old and new pods.
    fn in_rollout(&self) -> u64 {
        self.total.in_rollout() + self.pooled()
    }

    fn only_in_rollout(&self) -> bool {
        self.full() <= u64::from(self.slots.free())
    }

    /// Slots that the poolers leave.
    fn left(&self) -> u64 {
        u64::from(self.slots.free()).saturating_sub(self.pooled())
    }

    fn finding(&self, subject: String, database: &Database) -> Finding {
        let (asked, when) = match self.only_in_rollout() {
            true => (self.in_rollout(), "during a rollout at full scale"),
            false => (self.full(), "at full scale"),
        };
        let free = self.slots.free();
        let deficit = asked - u64::from(free);
        let title = format!(
            "{}: {} wanted {when}, {} available: {} refused",
            database.name,
            common::count(asked, "connection"),
            show_number(f64::from(free)),
            show_number(deficit as f64)
        );
        let mut finding = Finding::new(subject, title)
            .explain(self.explanation(asked, when))
            .remedy(self.remedy(connections::engine(database)))
            .figure("wanted", self.full() as f64, "connections")
            .figure("wanted_in_rollout", self.in_rollout() as f64, "connections")
            .figure("available", f64::from(free), "connections")
            .figure("deficit", deficit as f64, "connections")
            .figure("refused_share", deficit as f64 / asked as f64 * 100.0, "%");
        if !self.poolers.is_empty() {
            finding = finding.figure("of_poolers", self.pooled() as f64, "connections");
        }
        if let Some(begins) = self.total.begins(self.left()) {
            finding = finding.figure("begins_at", f64::from(begins.at), "replicas");
        }
        if let Some(fits) = self.total.fits(self.left()) {
            let name = match fits.of {
                Unit::Process => "fits_a_process",
                Unit::Replica => "fits_a_replica",
            };
            finding = finding.figure(name, fits.each as f64, "connections");
        }
        finding
    }

    fn remedy(&self, engine: Option<Engine>) -> String {
        let smaller = smaller(self.total, self.left());
        let pool = match self.poolers {
            [] => format!(
                "Put a pooler in front of the database ({})",
                demand::pooler_for(engine, self.slots.free(), self.total.in_rollout())
            ),
            [first, ..] => format!("Let {} connect through {}", who(self.total), first.pooler),
        };
        format!("{pool}, or {smaller}.")
    }

    /// Explains the missing connections: the sum, the scale at which the shortage begins, and what is not counted.
    fn explanation(&self, asked: u64, when: &str) -> String {
        let leaves = match self.slots.reserved {
            0 => "max_connections is".to_owned(),
            n => format!("max_connections less {n} reserved leaves"),
        };
        let of_poolers: String = (self.poolers.iter())
            .map(|pooler| format!(" + {} of {}", show_number(pooler.most as f64), pooler.pooler))
            .collect();
        let mut explanation = format!(
            "{}{of_poolers} = {} {when}; {leaves} {}. A connection beyond that is refused at once with \"{}\". Pools \
             that are already open keep their connections, so the replicas that start last (those that should help) get \
             none, and neither does one that restarts.",
            demand::words(self.total, self.only_in_rollout()),
            common::count(asked, "connection"),
            show_number(f64::from(self.slots.free())),
            self.refusal
        );
        if let Some(begins) = self.total.begins(self.left()) {
            explanation.push(' ');
            explanation.push_str(&demand::begins(self.total, begins));
        }
        if self.in_rollout() > self.full() && !self.only_in_rollout() {
            explanation.push_str(&format!(
                " A rollout at full scale wants {} while old and new pods overlap.",
                show_number(self.in_rollout() as f64)
            ));
        }
        if !self.total.unknown.is_empty() {
            explanation.push_str(&format!(
                " Not counted, because it is not known: {}.",
                self.total
                    .unknown
                    .iter()
                    .map(Need::path)
                    .collect::<Vec<_>>()
                    .join(", ")
            ));
        }
        explanation
    }
}

/// What to make smaller, as a clause. Fewer replicas do not help if one of each service already wants too much.
fn smaller(total: &Wanted, slots: u64) -> String {
    let one_each: u64 = total.shares.iter().map(|share| u64::from(share.each)).sum();
    let fewer = match total.begins(slots) {
        Some(Begins { at_once: true, .. }) => "run fewer replicas",
        _ => "lower the maximum of replicas",
    };
    match pools(total, slots) {
        Some(pools) if one_each > slots => format!(
            "{pools}: fewer replicas do not help, because one of each service already wants more than there is"
        ),
        Some(pools) => format!("{pools}, or {fewer}"),
        None if one_each > slots => {
            format!("{fewer} and make the pools smaller: neither alone is enough")
        }
        None => format!(
            "{fewer}: no size of the pools is small enough, because there are more processes than connections"
        ),
    }
}

/// How large pools may be, as a clause: so that there is room for the pods of a rollout, and without them.
fn pools(total: &Wanted, slots: u64) -> Option<String> {
    let words = |fits: Fits| {
        let whose = match fits.of {
            Unit::Process => "a process",
            Unit::Replica => "a replica",
        };
        format!("at most {} {whose}", show_number(fits.each as f64))
    };
    let (with, without) = (total.fits(slots), total.fits_without_rollout(slots)?);
    Some(match with {
        Some(with) if with == without => format!("let pools and overflow together be {}", words(with)),
        Some(with) => format!(
            "let pools and overflow together be {}, which leaves room for the pods of a rollout ({} without one)",
            words(with),
            words(without)
        ),
        None => format!(
            "let pools and overflow together be {} and let rollouts add no pods (maxSurge 0)",
            words(without)
        ),
    })
}

fn who(total: &Wanted) -> String {
    let names: Vec<&str> = total.shares.iter().map(|share| share.service.as_str()).collect();
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
        assert!(remedy.ends_with("or run fewer replicas."), "{remedy}");
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
            finding.remedy.contains("together be at most 7 a process"),
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
