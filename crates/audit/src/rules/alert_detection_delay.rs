//! How much of the error budget an outage uses before anyone is alerted.

use crate::finding::{Evidence, Finding, Severity, Subject};
use crate::rule::{Check, Context, Fix, Group, Rule, RuleId, Verdicts};
use cofferdam_formulas::budget;
use cofferdam_formulas::detection::{self, Detection};
use cofferdam_model::alerts::{Alert, Timing};
use cofferdam_model::units::{show_duration, show_number};
use cofferdam_model::{Fact, ServiceId, Span};
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

/// The rule.
pub static RULE: Rule = Rule {
    id: RuleId::new("alert-detection-delay"),
    group: Group::Alerts,
    severity: Severity::High,
    fix: Fix::Automatic,
    summary: Cow::Borrowed(
        "an alert pages too late because of its product's timing, and part of the error budget is gone by then",
    ),
    absences: &[],
    settings: &[],
    page: Cow::Borrowed(include_str!("../../../../docs/rules/alert-detection-delay.md")),
    check: Check::BuiltIn(check),
};

/// The target if none is declared.
const TARGET: Duration = Duration::from_secs(60);
/// The part of the error budget that may be gone before the first page if no target is declared.
const BUDGET_SHARE: f64 = 0.25;

/// An alert, its detection time, and the settings that the time depends on.
type Timed<'a> = (&'a Alert, Detection, Evidence);

fn check(cx: &Context<'_>, out: &mut Verdicts) {
    let target = cx.platform.overlay.detection_target.as_ref();
    // Alerts with the same timing share one finding.
    let mut groups: BTreeMap<(u128, String), Vec<Timed<'_>>> = BTreeMap::new();
    let mut timed: Vec<Timed<'_>> = Vec::new();
    for alert in &cx.env.alerts {
        if alert.enabled.as_ref().is_some_and(|e| !e.value) || !pages(alert) {
            continue;
        }
        let mut evidence = Evidence::new();
        let Some(detection) = detection::of(alert, &mut evidence) else {
            continue;
        };
        timed.push((alert, detection, evidence));
    }
    let fastest = fastest_burns(&timed);
    for (alert, detection, evidence) in timed {
        let limit = alert.promised.as_ref().or(target).map_or(TARGET, |t| t.value);
        // A long window is for a slow burn: the fastest of the alerts on one objective pages for an outage.
        let is_slower = burns(alert)
            && fastest
                .get(&watched(alert))
                .is_some_and(|first| *first < detection.worst);
        if detection.worst > limit && !is_slower {
            groups
                .entry((detection.worst.as_millis(), detection.words.clone()))
                .or_default()
                .push((alert, detection, evidence));
        }
    }
    for group in groups.into_values().rev() {
        report(cx, &group, out);
    }
}

/// Whether the range of an alert's expression is a part of its time.
fn has_range(alert: &Alert) -> bool {
    matches!(&alert.timing, Timing::Prometheus(timing) if timing.range.is_some() && timing.burn.is_empty())
}

/// Whether an alert compares the rate at which the error budget is used.
fn burns(alert: &Alert) -> bool {
    matches!(&alert.timing, Timing::Prometheus(timing) if !timing.burn.is_empty())
}

/// What a burn-rate alert watches: its service, by what is known of it. All that name none watch the platform.
type Watched<'a> = (Option<ServiceId>, Option<&'a str>);

fn watched(alert: &Alert) -> Watched<'_> {
    (alert.owner.service, alert.owner.name.as_deref())
}

/// The shortest detection among the burn-rate alerts on each service.
fn fastest_burns<'a>(timed: &[Timed<'a>]) -> HashMap<Watched<'a>, Duration> {
    let mut fastest = HashMap::new();
    for (alert, detection, _) in timed.iter().filter(|(alert, ..)| burns(alert)) {
        let first = fastest.entry(watched(alert)).or_insert(detection.worst);
        *first = detection.worst.min(*first);
    }
    fastest
}

/// Receivers that nobody has to answer at night.
const QUIET: &[&str] = &[
    "slack",
    "mail",
    "email",
    "teams",
    "chat",
    "discord",
    "ticket",
    "jira",
    "dashboard",
    "log",
    "null",
    "blackhole",
];

/// Whether the alert pages someone. Tickets and information may arrive later, and so may a message in a channel.
fn pages(alert: &Alert) -> bool {
    let is_quiet = |receiver: &Fact<String>| {
        let name = receiver.value.to_ascii_lowercase();
        name.split(|c: char| !c.is_alphanumeric())
            .any(|word| QUIET.contains(&word))
            && !["page", "oncall", "on-call", "opsgenie", "duty"]
                .iter()
                .any(|word| name.contains(word))
    };
    if !alert.notifies.is_empty() && alert.notifies.iter().all(is_quiet) {
        return false;
    }
    alert.severity.as_ref().is_none_or(|s| {
        !matches!(
            s.value.to_ascii_lowercase().as_str(),
            "warning" | "warn" | "info" | "ticket" | "low" | "none"
        )
    })
}

/// The end of a file's name, which says in which format it is.
fn format_of(cx: &Context<'_>, span: Span) -> String {
    let file = cx.platform.sources.get(span.file);
    let end = file.and_then(|file| file.path.extension());
    end.map_or_else(String::new, |end| end.to_string_lossy().into_owned())
}

fn report(cx: &Context<'_>, group: &[Timed<'_>], out: &mut Verdicts) {
    let (first, detection, _) = &group[0];
    let mut evidence = Evidence::new();
    for (_, _, more) in group.iter().take(4) {
        evidence.merge(more.clone());
    }
    let stated = first
        .promised
        .as_ref()
        .or(cx.platform.overlay.detection_target.as_ref());
    let target = match stated {
        Some(stated) => evidence.take(stated, format!("target {}", show_duration(stated.value))),
        None => {
            evidence
                .assume("an outage should page within 60 s; declare your own target under targets.detection");
            TARGET
        }
    };
    let mut slo_evidence = Evidence::new();
    // A range whose threshold is not known may be filled at once.
    let sure = detection.worst.saturating_sub(detection.unsure);
    let burned = budget::slo_of(cx.env, first.owner.service)
        .and_then(|slo| budget::objective(slo, &mut slo_evidence))
        .map(|objective| {
            let budget = objective.budget();
            (budget, sure.as_secs_f64() / budget.as_secs_f64())
        });
    let mut explanation = format!(
        "{}: {} = {}.",
        detection.product,
        detection.words,
        show_duration(detection.worst)
    );
    if let Some((budget, share)) = burned {
        evidence.merge(slo_evidence);
        explanation.push_str(&format!(
            " The error budget is {} of full outage; {} % of it is gone before the first page.",
            show_duration(budget),
            show_number((share * 1000.0).round() / 10.0)
        ));
    }
    if detection.slight > detection.worst {
        explanation.push_str(&format!(
            " This is for an outage in which all requests fail; a failure just above the threshold pages up to {} \
             after it begins.",
            show_duration(detection.slight)
        ));
    }
    if detection.product == "New Relic" {
        explanation.push_str(
            " This is true only while data arrives: with event flow a window closes only when later data \
             arrives, so an outage that stops the data pages only through a loss-of-signal setting.",
        );
    }
    let mut names: Vec<&str> = Vec::new();
    for (alert, ..) in group {
        if !names.contains(&alert.name.value.as_str()) {
            names.push(&alert.name.value);
        }
    }
    let shown = match names.as_slice() {
        [one] => format!("alert {one}"),
        all => format!("{} alerts ({})", all.len(), detection.words),
    };
    // The words have the figures of the alerts; the first of their names stays, and the format of its file, since people
    // describe one alert for two systems.
    let named = |(alert, ..): &Timed<'_>| (alert.name.value.clone(), format_of(cx, alert.span));
    let (name, format) = group.iter().map(named).min().unwrap_or_default();
    let subject = Subject::shown_as("alert", &name, &shown);
    let who = match names.as_slice() {
        [one] => format!("`{one}` pages"),
        [a, b] => format!("`{a}` and `{b}` page"),
        [a, b, rest @ ..] => format!("`{a}`, `{b}` and {} more page", rest.len()),
        [] => return,
    };
    let severity = match (stated, burned) {
        (Some(_), _) => Severity::High,
        (None, Some((_, share))) if share >= BUDGET_SHARE => Severity::Medium,
        _ => Severity::Low,
    };
    let mut finding = Finding::new(
        subject,
        format!(
            "{who} up to {} after the fault, {} is the target",
            show_duration(detection.worst),
            show_duration(target)
        ),
    )
    .cause(("in a file", format))
    .severity(severity)
    .explain(explanation)
    .remedy(remedy(group))
    .figure("detection", detection.worst.as_secs_f64(), "s")
    .figure("target", target.as_secs_f64(), "s")
    .figure("detection_of_slight_failure", detection.slight.as_secs_f64(), "s")
    .figure("alerts", names.len() as f64, "alerts");
    if let Some((budget, share)) = burned {
        finding = finding
            .figure("budget", budget.as_secs_f64() / 60.0, "min")
            .figure("budget_gone_at_page", share * 100.0, "%");
    }
    for (alert, ..) in group.iter().take(6) {
        finding = finding.at(alert.span, "the alert");
    }
    out.report(finding.evidence(evidence));
}

/// Source: Amazon CloudWatch API reference, `PutMetricAlarm`: a period of less than a minute is only for metrics that were
/// stored with `StorageResolution` 1, which those of AWS's services (`AWS/…`) are not.
fn remedy_of_cloudwatch(group: &[Timed<'_>]) -> &'static str {
    let is_of_aws = |(alert, ..): &Timed<'_>| alert.signals.iter().any(|s| s.value.starts_with("AWS/"));
    let is_shortest = |(alert, ..): &Timed<'_>| matches!(&alert.timing, Timing::Generic { hold: Some(hold), .. } if hold.value <= Duration::from_secs(60));
    match (group.iter().all(is_of_aws), group.iter().all(is_shortest)) {
        (true, true) => {
            "CloudWatch cannot be faster for a metric of an AWS service: its period is 60 s at least. For a faster page, \
             add a synthetic check, or alert on a metric that the service itself stores with high resolution \
             (StorageResolution 1, period 10 or 30); or declare the target that is enough under targets.detection."
        }
        (true, false) => {
            "Set period to 60 (the minimum for metrics of AWS services) and evaluation_periods (or datapoints_to_alarm) to \
             1: then the alarm fires within 2 min. For a faster page, add a synthetic check."
        }
        (false, _) => {
            "Set period to 10 or 30 if the metric is stored with high resolution (StorageResolution 1), otherwise to 60, and \
             evaluation_periods (or datapoints_to_alarm) to 1. For a faster page, add a synthetic check."
        }
    }
}

fn remedy(group: &[Timed<'_>]) -> &'static str {
    match group.first().map_or("", |(_, detection, _)| detection.product) {
        "CloudWatch" => remedy_of_cloudwatch(group),
        "New Relic" => {
            "Shorten threshold_duration first (60 s is the minimum with a 60 s window), then the window (30 \
             s) and the delay (no longer than your data is really late); or set threshold_occurrences = \
             \"at_least_once\" for total outages. For 60 s and less add a synthetic check."
        }
        "Prometheus" if group.iter().any(|(alert, ..)| has_range(alert)) => {
            "Shorten the range of the expression, or lower its threshold so that less of the range must be filled; \
             shorten `for`, the group's interval and the scrape interval of paging alerts, and set group_wait to 0 s \
             for the paging route."
        }
        "Prometheus" => {
            "Shorten `for` (burn-rate alerts need none), the group's interval and the scrape interval of \
             paging alerts, and set group_wait to 0 s for the paging route."
        }
        _ => "Shorten the window and the time for which the condition must be true.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing::{self, fact, span};
    use crate::rules::testing::{alert, condition};
    use cofferdam_model::alerts::{BurnWindows, PrometheusTiming, Slo};
    use cofferdam_model::{Environment, Owner, Parts, Share};

    fn env(delay: u64) -> Environment {
        Environment {
            parts: Parts {
                alerts: vec![
                    alert("Errors", Timing::NewRelic(condition(60, delay, 300))),
                    alert("Latency", Timing::NewRelic(condition(60, delay, 300))),
                ],
                slos: vec![Slo {
                    name: "availability".to_owned(),
                    owner: Owner::default(),
                    span: span(9),
                    target: Some(fact(Share(0.9995), 10)),
                    window: Some(fact(Duration::from_secs(30 * 86_400), 11)),
                    indicator: None,
                    said: Default::default(),
                }],
                ..Parts::default()
            },
            ..Environment::default()
        }
    }

    #[test]
    fn alerts_with_the_same_timing_are_reported_together_with_the_budget_they_burn() {
        // 480 s of 1,296 s = 37.04 %.
        let finding = testing::only(&RULE, &env(120));
        assert_eq!(finding.figures["detection"].value, 480.0);
        assert!((finding.figures["budget_gone_at_page"].value - 37.037).abs() < 1e-2);
        assert_eq!(finding.figures["alerts"].value, 2.0);
    }

    #[test]
    fn an_alarm_of_cloudwatch_gets_advice_that_can_be_taken() {
        let remedy = |namespace: &str, hold: u64| {
            let timing = Timing::Generic {
                product: Some("CloudWatch"),
                window: None,
                interval: Some(fact(Duration::from_secs(60), 12)),
                hold: Some(fact(Duration::from_secs(hold), 13)),
            };
            let mut alarm = alert("Errors", timing);
            alarm.signals = vec![fact(namespace.to_owned(), 14)];
            let mut env = env(120);
            env.alerts = vec![alarm];
            testing::only(&RULE, &env).remedy
        };
        let shortest = remedy("AWS/RDS", 60);
        assert!(shortest.starts_with("CloudWatch cannot be faster"), "{shortest}");
        let long = remedy("AWS/RDS", 300);
        assert!(long.starts_with("Set period to 60"), "{long}");
        let own = remedy("Shop", 60);
        assert!(own.starts_with("Set period to 10 or 30 if"), "{own}");
    }

    #[test]
    fn a_delay_of_zero_still_takes_six_minutes() {
        assert_eq!(testing::only(&RULE, &env(0)).figures["detection"].value, 360.0);
    }

    #[test]
    fn an_alert_that_only_reaches_a_channel_may_be_slow() {
        let to = |receivers: &[&str]| {
            let mut env = env(120);
            for alert in &mut env.alerts {
                alert.notifies = receivers.iter().map(|r| fact((*r).to_owned(), 21)).collect();
            }
            testing::all(&RULE, &env).len()
        };
        assert_eq!(to(&["team-slack"]), 0);
        assert_eq!(to(&["slack", "pagerduty"]), 1);
        assert_eq!(to(&["slack-oncall"]), 1);
        assert_eq!(to(&["platform"]), 1);
    }

    #[test]
    fn a_slow_burn_beside_a_fast_one_is_not_late() {
        let burn = |name: &str, long: u64, share: f64| {
            let windows = BurnWindows {
                long: Duration::from_secs(long),
                short: Duration::from_secs(long / 12),
                share,
            };
            let timing = PrometheusTiming {
                burn: vec![fact(windows, 12)],
                ..PrometheusTiming::default()
            };
            alert(name, Timing::Prometheus(timing))
        };
        let mut env = env(120);
        // The workbook's pair for 99.9 %: 14.4 times over an hour, 6 times over six hours.
        env.alerts = vec![burn("Fast", 3600, 0.0144), burn("Slow", 21_600, 0.006)];
        let finding = testing::only(&RULE, &env);
        assert!(finding.title.starts_with("`Fast` pages"), "{}", finding.title);
        // Alone, the slow one is all there is.
        env.alerts.remove(0);
        let finding = testing::only(&RULE, &env);
        assert!(finding.title.starts_with("`Slow` pages"), "{}", finding.title);
    }

    #[test]
    fn an_alert_that_only_informs_may_be_slow() {
        let mut env = env(120);
        for alert in &mut env.alerts {
            alert.severity = Some(fact("warning".to_owned(), 20));
        }
        assert!(testing::all(&RULE, &env).is_empty());
    }
}
