//! Finds dependencies that can fail without any alert.

use super::demand;
use crate::finding::{Evidence, Finding, Severity};
use crate::rule::{Context, Fix, Group, Rule, Verdicts};
use cofferdam_model::alerts::{Alert, Timing};
use cofferdam_model::{Absence, DatabaseId, DeploymentKind, Span};
use std::path::Path;

/// The rule.
pub const RULE: Rule = Rule {
    id: "alert-coverage-gap",
    group: Group::Alerts,
    severity: Severity::Low,
    fix: Fix::Automatic,
    summary: "a dependency, or a failure that these files make possible, is watched by no alert",
    absences: &[Absence::Alert],
    page: include_str!("../../../../docs/rules/alert-coverage-gap.md"),
    check,
};

/// Something that should be watched.
struct Gap {
    subject: String,
    what: String,
    /// If a query, signal or name contains one of these words, it is watched.
    words: &'static [&'static str],
    prometheus: String,
    new_relic: String,
    severity: Severity,
    place: Option<Span>,
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
    for gap in gaps(cx) {
        let alerts: Vec<&Alert> = (cx.env.alerts.iter())
            .filter(|alert| is_related(cx, alert, gap.place))
            .collect();
        // If the files contain no alert at all, alerts are kept elsewhere, so a missing alert proves nothing.
        if alerts.is_empty() || cx.env.alerts.iter().any(|alert| watches(alert, gap.words)) {
            continue;
        }
        let uses_new_relic = alerts.iter().any(|a| matches!(a.timing, Timing::NewRelic(_)));
        let rule = if uses_new_relic {
            &gap.new_relic
        } else {
            &gap.prometheus
        };
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

fn gaps(cx: &Context<'_>) -> Vec<Gap> {
    let env = cx.env;
    let mut gaps = Vec::new();
    for (index, database) in env.databases.iter().enumerate() {
        let mut scratch = Evidence::new();
        let wanted = demand::direct(env, DatabaseId(index), &mut scratch).wanted();
        let exhausts =
            demand::slots(database, &mut scratch).is_some_and(|(slots, _)| wanted > u64::from(slots));
        let name = &database.name;
        gaps.push(Gap {
            subject: format!("database {name}"),
            what: "its connections".to_owned(),
            words: CONNECTIONS,
            prometheus: "expr: sum(pg_stat_activity_count) / max(pg_settings_max_connections) > 0.8, for: 1m".to_owned(),
            new_relic: "SELECT average(`db.connections.active`) / average(`db.connections.max`) * 100 FROM PostgresqlInstanceSample, above 80 for 60 s"
                .to_owned(),
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
            prometheus: "expr: sum by (consumergroup) (kafka_consumergroup_lag) > THRESHOLD and deriv(...[10m]) > 0, for: 2m".to_owned(),
            new_relic: "SELECT max(consumer.lag) FROM KafkaOffsetSample FACET consumerGroup, above THRESHOLD for 120 s".to_owned(),
            severity: Severity::Low,
            place: Some(consumer.span),
        });
    }
    if let Some(cell) = env.cells.first().filter(|_| env.cells.len() > 1) {
        gaps.push(Gap {
            subject: "cells".to_owned(),
            what: "each cell by itself (the mean of all cells hides a partial failure of one)".to_owned(),
            words: &["cell"],
            prometheus: "expr: sum by (cell) (rate(http_requests_total{code=~\"5..\"}[5m])) / sum by (cell) (rate(http_requests_total[5m])) > 0.05"
                .to_owned(),
            new_relic: "SELECT percentage(count(*), WHERE error IS true) FROM Transaction FACET cell, above 5 for 60 s".to_owned(),
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
    use crate::rules::detection::tests::{alert, condition};
    use crate::rules::testing::{self, env_with_consumer};

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
}
