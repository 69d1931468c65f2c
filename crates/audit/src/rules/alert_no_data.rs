//! An outage that stops the data also silences the alert that should report it.

use crate::finding::{Evidence, Finding, Severity, Subject};
use crate::rule::{Check, Context, Fix, Group, Rule, RuleId, Verdicts};
use cofferdam_model::Absence;
use cofferdam_model::alerts::{Alert, Timing};
use std::borrow::Cow;

/// The rule.
pub static RULE: Rule = Rule {
    id: RuleId::new("alert-no-data"),
    group: Group::Alerts,
    severity: Severity::Medium,
    fix: Fix::Automatic,
    summary: Cow::Borrowed("an alert stays silent when its data stops"),
    absences: &[Absence::Alert],
    settings: &[],
    page: Cow::Borrowed(include_str!("../../../../docs/rules/alert-no-data.md")),
    check: Check::BuiltIn(check),
};

fn check(cx: &Context<'_>, out: &mut Verdicts) {
    let on = || {
        cx.env
            .alerts
            .iter()
            .filter(|a| a.enabled.as_ref().is_none_or(|e| e.value))
    };
    let silent: Vec<&Alert> = on().filter(|a| is_silent_new_relic(a)).collect();
    let new_relic = finding(
        &silent,
        "New Relic",
        "With event flow, New Relic evaluates a window only when later data arrives. When the data stops, no \
         window is evaluated and the condition keeps its last state. A service that is completely down then \
         looks healthy.",
        "Set expiration_duration (three windows or more) and open_violation_on_expiration = true on \
         conditions whose data always flows.",
    );
    // The setting belongs to the condition itself.
    out.findings.extend(new_relic);
    let prometheus: Vec<&Alert> = on()
        .filter(|a| matches!(a.timing, Timing::Prometheus(_)))
        .collect();
    let noticed = prometheus
        .iter()
        .any(|a| matches!(&a.timing, Timing::Prometheus(t) if t.notices_absence));
    if !noticed {
        let silent = finding(
            &prometheus,
            "Prometheus",
            "An expression over a missing series has no result, and without a result no alert fires: a \
             target that is completely down fires none of these.",
            "Add an alert on `up == 0` for the scraped jobs, and `absent(METRIC)` for metrics that must \
             always exist.",
        );
        // Another alert would notice the outage.
        out.findings.extend(silent.map(|f| f.absent(Absence::Alert)));
    }
}

fn is_silent_new_relic(alert: &Alert) -> bool {
    let Timing::NewRelic(timing) = &alert.timing else {
        return false;
    };
    // A count of errors has no data when everything works, so loss of signal would page every quiet night.
    if timing.sparse.as_ref().is_some_and(|s| s.value) {
        return false;
    }
    timing.expiration.is_none() || timing.opens_on_expiration.as_ref().is_none_or(|o| !o.value)
}

fn finding(alerts: &[&Alert], product: &str, explanation: &str, remedy: &str) -> Option<Finding> {
    let first = alerts.first()?;
    let mut evidence = Evidence::new();
    for alert in alerts.iter().take(6) {
        evidence.note(&alert.name, "silent without data");
    }
    let title = match alerts.len() {
        1 => format!("`{}` stays silent when its data stops", first.name.value),
        n => format!("{n} {product} alerts stay silent when their data stops"),
    };
    let subject = if alerts.len() == 1 {
        Subject::named("alert", &first.name.value)
    } else {
        Subject::all(&format!("{product} alerts"))
    };
    Some(
        Finding::new(subject, title)
            .explain(explanation)
            .remedy(remedy)
            .figure("alerts", alerts.len() as f64, "alerts")
            .evidence(evidence),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing::{self, fact};
    use crate::rules::testing::{alert, condition};
    use cofferdam_model::alerts::PrometheusTiming;
    use cofferdam_model::{Environment, Parts};
    use std::time::Duration;

    #[test]
    fn an_alert_must_open_an_incident_on_loss_of_signal() {
        let mut timing = condition(60, 0, 60);
        let env = |t| Environment {
            parts: Parts {
                alerts: vec![alert("a", Timing::NewRelic(t))],
                ..Parts::default()
            },
            ..Environment::default()
        };
        assert_eq!(testing::all(&RULE, &env(timing.clone())).len(), 1);
        timing.expiration = Some(fact(Duration::from_secs(180), 8));
        assert_eq!(testing::all(&RULE, &env(timing.clone())).len(), 1);
        timing.opens_on_expiration = Some(fact(true, 9));
        assert!(testing::all(&RULE, &env(timing)).is_empty());
    }

    #[test]
    fn a_count_of_errors_is_allowed_to_be_silent() {
        let mut timing = condition(60, 0, 60);
        timing.sparse = Some(fact(true, 8));
        let env = Environment {
            parts: Parts {
                alerts: vec![alert("a", Timing::NewRelic(timing))],
                ..Parts::default()
            },
            ..Environment::default()
        };
        assert!(testing::all(&RULE, &env).is_empty());
    }

    #[test]
    fn one_absence_alert_is_enough_for_prometheus() {
        let rule = |notices_absence| {
            alert(
                "p",
                Timing::Prometheus(PrometheusTiming {
                    notices_absence,
                    ..PrometheusTiming::default()
                }),
            )
        };
        let mut env = Environment {
            parts: Parts {
                alerts: vec![rule(false), rule(false)],
                ..Parts::default()
            },
            ..Environment::default()
        };
        assert_eq!(testing::only(&RULE, &env).figures["alerts"].value, 2.0);
        env.alerts.push(rule(true));
        assert!(testing::all(&RULE, &env).is_empty());
    }
}
