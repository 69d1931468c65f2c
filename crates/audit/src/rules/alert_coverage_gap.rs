//! Finds dependencies that can fail without any alert.

use super::demand;
use crate::finding::{Evidence, Finding, Severity};
use crate::rule::{Check, Context, Fix, Group, Rule, RuleId, Verdicts};
use cofferdam_formulas::connections;
use cofferdam_model::alerts::{Alert, Timing};
use cofferdam_model::database::Engine;
use cofferdam_model::{Absence, DatabaseId, DeploymentKind, FileId, Span};
use cofferdam_syntax::hash::HashMap;
use std::borrow::Cow;
use std::path::Path;

/// The rule.
pub static RULE: Rule = Rule {
    id: RuleId::new("alert-coverage-gap"),
    group: Group::Alerts,
    severity: Severity::Low,
    fix: Fix::Automatic,
    summary: Cow::Borrowed(
        "a dependency, or a failure that these files make possible, is watched by no alert",
    ),
    absences: &[Absence::Alert],
    settings: &[],
    page: Cow::Borrowed(include_str!("../../../../docs/rules/alert-coverage-gap.md")),
    check: Check::BuiltIn(check),
};

/// Something that should be watched.
struct Gap {
    subject: String,
    what: String,
    /// If a query, signal or name contains one of these words, it is watched.
    words: &'static [&'static str],
    rule: Rules,
    severity: Severity,
    place: Option<Span>,
}

/// The alerts that could be expected to watch what a file declares, and which rule fits to them.
type Related<'a> = (Vec<&'a Alert>, fn(&Rules) -> &'static str);

/// The rule to add, for each system that may evaluate it.
struct Rules {
    prometheus: &'static str,
    new_relic: &'static str,
    cloudwatch: &'static str,
    cloud_monitoring: &'static str,
    /// For a system that is not known, in words.
    other: &'static str,
}

impl Rules {
    /// Takes the rule for the system that evaluates these alerts.
    fn of(alerts: &[&Alert]) -> fn(&Rules) -> &'static str {
        let has = |product: &str| {
            let is_of = |alert: &&Alert| matches!(alert.timing, Timing::Generic { product: Some(p), .. } if p == product);
            alerts.iter().any(is_of)
        };
        let is_new_relic = |a: &&Alert| matches!(a.timing, Timing::NewRelic(_));
        let is_prometheus = |a: &&Alert| matches!(a.timing, Timing::Prometheus(_));
        if alerts.iter().any(is_new_relic) || has("New Relic condition") {
            |rules| rules.new_relic
        } else if alerts.iter().any(is_prometheus) {
            |rules| rules.prometheus
        } else if has("CloudWatch") {
            |rules| rules.cloudwatch
        } else if has("Cloud Monitoring") {
            |rules| rules.cloud_monitoring
        } else {
            |rules| rules.other
        }
    }
}

/// Words of metrics that count the connections of a server: those of postgres_exporter and mysqld_exporter, of CloudNativePG,
/// CloudWatch, Cloud Monitoring and OpenTelemetry.
const CONNECTIONS: &[&str] = &[
    "connection",
    "numbackends",
    "num_backends",
    "pg_stat_activity",
    "cnpg_backends_total",
    "cnpg_backends_waiting",
    "postgresql.backends",
    "postgresql_backends",
    "threads_connected",
];

fn check(cx: &Context<'_>, out: &mut Verdicts) {
    // There are few kinds of gaps, and in one file often many.
    let mut watched: HashMap<&[&str], bool> = HashMap::default();
    let mut related: HashMap<Option<FileId>, Related<'_>> = HashMap::default();
    for gap in gaps(cx) {
        let is_watched = || cx.env.alerts.iter().any(|alert| watches(alert, gap.words));
        if *watched.entry(gap.words).or_insert_with(is_watched) {
            continue;
        }
        let (alerts, of_system) = &*related
            .entry(gap.place.map(|place| place.file))
            .or_insert_with(|| {
                let alerts = cx.env.alerts.iter();
                let alerts: Vec<&Alert> = alerts.filter(|a| is_related(cx, a, gap.place)).collect();
                let of_system = Rules::of(&alerts);
                (alerts, of_system)
            });
        // If the files contain no alert at all, alerts are kept elsewhere, so a missing alert proves nothing.
        if alerts.is_empty() {
            continue;
        }
        let rule = of_system(&gap.rule);
        let mut finding = Finding::new(
            &gap.subject,
            format!("{}: no alert watches {}", gap.subject, gap.what),
        )
        .severity(gap.severity)
        .absent(Absence::Alert)
        .explain(format!(
            "{} {}. When it fails, you notice only when something else breaks.",
            match alerts.len() {
                1 => "The only alert here does not read".to_owned(),
                n => format!("None of the {n} alerts here reads"),
            },
            gap.what
        ))
        .remedy(format!("Add: {rule}"))
        .figure("alerts", alerts.len() as f64, "alerts");
        if let Some(place) = gap.place {
            finding = finding.at(place, "not watched");
        }
        let mut evidence = Evidence::new();
        evidence.likely();
        for alert in alerts.iter().take(1) {
            evidence.place(alert.span, "the existing alerts");
        }
        out.report(finding.evidence(evidence));
    }
}

/// Whether an alert could be expected to watch something declared at `place`. The alarms of a cloud are declared beside what
/// they watch: those of another root of Terraform say nothing about this one.
fn is_related(cx: &Context<'_>, alert: &Alert, place: Option<Span>) -> bool {
    let path = |span: Span| cx.platform.sources.path(span.file);
    let is_terraform = |path: &Path| path.extension().is_some_and(|ending| ending == "tf");
    let Some(place) = place.filter(|_| matches!(alert.timing, Timing::Generic { .. })) else {
        return true;
    };
    let (alert, place) = (path(alert.span), path(place));
    if !is_terraform(alert) || !is_terraform(place) || alert.parent() == place.parent() {
        return true;
    }
    let roots = (cx.platform.scope.deployments.iter())
        .filter(|d| d.kind == DeploymentKind::Terraform && alert.starts_with(&d.root));
    // A module has no root of its own.
    roots
        .max_by_key(|d| d.root.components().count())
        .is_none_or(|root| place.starts_with(&root.root))
}

fn watches(alert: &Alert, words: &[&str]) -> bool {
    let has = |text: &str| {
        let text = text.to_ascii_lowercase();
        words.iter().any(|w| text.contains(w))
    };
    has(&alert.name.value)
        || alert.query.as_ref().is_some_and(|q| has(&q.value))
        || alert.signals.iter().any(|s| has(&s.value))
}

/// Sources: documentation of postgres_exporter and mysqld_exporter; Amazon RDS, "Amazon CloudWatch metrics for Amazon RDS";
/// Google Cloud metrics of Cloud SQL; Amazon MSK, "Metrics for monitoring".
const POSTGRESQL: Rules = Rules {
    prometheus: "expr: sum(pg_stat_activity_count) / max(pg_settings_max_connections) > 0.8, for: 1m",
    new_relic: "SELECT average(`db.connections.active`) / average(`db.connections.max`) * 100 FROM PostgresqlInstanceSample, above 80 for 60 s",
    cloudwatch: RDS,
    cloud_monitoring: "a condition on cloudsql.googleapis.com/database/postgresql/num_backends, above 80 % of max_connections for 60 s",
    other: CONNECTIONS_USED,
};
const MYSQL: Rules = Rules {
    prometheus: "expr: mysql_global_status_threads_connected / mysql_global_variables_max_connections > 0.8, for: 1m",
    new_relic: CONNECTIONS_USED,
    cloudwatch: RDS,
    cloud_monitoring: CLOUD_SQL,
    other: CONNECTIONS_USED,
};
const SQL_SERVER: Rules = Rules {
    prometheus: CONNECTIONS_USED,
    new_relic: CONNECTIONS_USED,
    cloudwatch: RDS,
    cloud_monitoring: CLOUD_SQL,
    other: CONNECTIONS_USED,
};
const LAG: Rules = Rules {
    prometheus: "expr: sum by (consumergroup) (kafka_consumergroup_lag) > THRESHOLD and deriv(...[10m]) > 0, for: 2m",
    new_relic: "SELECT max(consumer.lag) FROM KafkaOffsetSample FACET consumerGroup, above THRESHOLD for 120 s",
    cloudwatch: "an alarm on the lag of the group (with Amazon MSK: namespace AWS/Kafka, metric_name MaxOffsetLag), above THRESHOLD, period 60, evaluation_periods 2",
    cloud_monitoring: GROUP_LAGS,
    other: GROUP_LAGS,
};
const CELLS: Rules = Rules {
    prometheus: "expr: sum by (cell) (rate(http_requests_total{code=~\"5..\"}[5m])) / sum by (cell) (rate(http_requests_total[5m])) > 0.05",
    new_relic: "SELECT percentage(count(*), WHERE error IS true) FROM Transaction FACET cell, above 5 for 60 s",
    cloudwatch: CELL_FAILS,
    cloud_monitoring: CELL_FAILS,
    other: CELL_FAILS,
};
const RDS: &str = "an alarm on the connections in use (with Amazon RDS: namespace AWS/RDS, metric_name DatabaseConnections), above 80 % of max_connections, period 60, evaluation_periods 1";
const CLOUD_SQL: &str = "a condition on cloudsql.googleapis.com/database/network/connections, above 80 % of max_connections for 60 s";
const CONNECTIONS_USED: &str = "an alert on the connections in use, above 80 % of max_connections for 60 s";
const GROUP_LAGS: &str = "an alert on the lag of the group, above THRESHOLD for 120 s";
const CELL_FAILS: &str = "an alert for each cell on its share of failed requests, above 5 % for 60 s";

fn gaps(cx: &Context<'_>) -> Vec<Gap> {
    let env = cx.env;
    let mut gaps = Vec::new();
    for (index, database) in env.databases.iter().enumerate() {
        let mut scratch = Evidence::new();
        let wanted = demand::direct(env, DatabaseId(index), &mut scratch).full();
        let exhausts =
            connections::slots(database, &mut scratch).is_some_and(|slots| wanted > u64::from(slots.free()));
        let name = &database.name;
        gaps.push(Gap {
            subject: format!("database {name}"),
            what: "its connections".to_owned(),
            words: CONNECTIONS,
            rule: match database.engine.as_ref().map(|e| e.value) {
                Some(Engine::MySql) => MYSQL,
                Some(Engine::SqlServer) => SQL_SERVER,
                _ => POSTGRESQL,
            },
            severity: if exhausts { Severity::Medium } else { Severity::Low },
            place: database.span,
        });
    }
    for consumer in &env.consumers {
        let subject = super::common::group_name(consumer, env);
        gaps.push(Gap {
            subject,
            what: "its lag".to_owned(),
            words: &["lag", "offset", "backlog"],
            rule: LAG,
            severity: Severity::Low,
            place: Some(consumer.span),
        });
    }
    if let Some(cell) = env.cells.first().filter(|_| env.cells.len() > 1) {
        gaps.push(Gap {
            subject: "cells".to_owned(),
            what: "each cell by itself (the mean of all cells hides a partial failure of one)".to_owned(),
            words: &["cell"],
            rule: CELLS,
            severity: Severity::Medium,
            place: cell.name.span(),
        });
    }
    gaps.dedup_by(|a, b| a.subject == b.subject);
    gaps
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing::{self, env_with_consumer};
    use crate::rules::testing::{alert, condition};
    use cofferdam_model::alerts::PrometheusTiming;

    #[test]
    fn a_group_without_a_lag_alert_is_reported_if_alerts_are_here() {
        let mut env = env_with_consumer(12, (1, 1, 1), None);
        assert!(
            testing::all(&RULE, &env).is_empty(),
            "no alerts here: they are kept elsewhere"
        );
        env.alerts
            .push(alert("Error rate", Timing::NewRelic(condition(60, 0, 60))));
        let finding = testing::only(&RULE, &env);
        assert!(finding.remedy.contains("consumer.lag"));
        assert!(
            finding
                .explanation
                .starts_with("The only alert here does not read "),
            "{}",
            finding.explanation
        );
        env.alerts
            .push(alert("Consumer lag", Timing::NewRelic(condition(60, 0, 60))));
        assert!(testing::all(&RULE, &env).is_empty());
    }

    #[test]
    fn the_rule_to_add_is_one_of_the_system_that_the_platform_has() {
        let generic = |product| Timing::Generic {
            product,
            window: None,
            interval: None,
            hold: None,
        };
        let rule = |timings: Vec<Timing>| {
            let alerts: Vec<Alert> = timings.into_iter().map(|t| alert("Errors", t)).collect();
            Rules::of(&alerts.iter().collect::<Vec<_>>())(&POSTGRESQL)
        };
        let prometheus = || Timing::Prometheus(PrometheusTiming::default());
        assert_eq!(rule(vec![generic(Some("CloudWatch"))]), RDS);
        assert!(rule(vec![generic(Some("Cloud Monitoring"))]).contains("num_backends"));
        assert_eq!(rule(vec![generic(None)]), CONNECTIONS_USED);
        assert!(rule(vec![generic(Some("CloudWatch")), prometheus()]).starts_with("expr: "));
        assert!(rule(vec![prometheus(), Timing::NewRelic(condition(60, 0, 60))]).starts_with("SELECT "));
    }
}
