//! How fast an autoscaler reaches its maximum under its own policies, and what that costs before anyone is
//! alerted.

use super::common;
use crate::finding::{Evidence, Finding, Severity};
use crate::rule::{Check, Context, Fix, Group, Rule, RuleId, Verdicts};
use cofferdam_formulas::climb::climb;
use cofferdam_formulas::detection;
use cofferdam_model::alerts::Alert;
use cofferdam_model::registry::{self, Need};
use cofferdam_model::scaling::Autoscaler;
use cofferdam_model::units::{show_duration, show_number};
use cofferdam_model::workload::Amount;
use std::borrow::Cow;
use std::time::Duration;

/// The rule.
pub static RULE: Rule = Rule {
    id: RuleId::new("autoscaler-runaway"),
    group: Group::Scaling,
    severity: Severity::Medium,
    fix: Fix::Proposed,
    summary: Cow::Borrowed(
        "an autoscaler reaches its maximum, at least ten times its minimum, before anyone is alerted",
    ),
    absences: &[],
    settings: &[],
    page: Cow::Borrowed(include_str!("../../../../docs/rules/autoscaler-runaway.md")),
    check: Check::BuiltIn(check),
};

/// The smallest growth that is reported. Below it, the maximum is the ordinary peak.
const GROWTH: u32 = 10;
fn check(cx: &Context<'_>, out: &mut Verdicts) {
    // Cloud Run adds instances by its own algorithm.
    let is_kubernetes = |a: &&Autoscaler| !a.format.starts_with("Cloud Run");
    for autoscaler in cx.env.autoscalers.iter().filter(is_kubernetes) {
        // If two autoscalers describe one service, the one in the cluster is the one that runs.
        let in_cluster =
            |a: &Autoscaler| a.format.contains("HorizontalPodAutoscaler") || a.format.contains("KEDA");
        let overruled = !in_cluster(autoscaler)
            && autoscaler.owner.service.is_some()
            && cx
                .env
                .autoscalers
                .iter()
                .any(|a| in_cluster(a) && a.owner.service == autoscaler.owner.service);
        if !overruled {
            judge(cx, autoscaler, out);
        }
    }
}

fn judge(cx: &Context<'_>, autoscaler: &Autoscaler, out: &mut Verdicts) {
    let Some(max) = autoscaler.most() else { return };
    let mut evidence = Evidence::new();
    let most = evidence.take(
        max,
        format!("at most {}", common::count(max.value.into(), "replica")),
    );
    let least = autoscaler
        .min
        .as_ref()
        .map_or(1, |m| {
            evidence.take(
                m,
                format!("at least {}", common::count(m.value.into(), "replica")),
            )
        })
        .max(1);
    if most < least.saturating_mul(GROWTH) {
        return;
    }
    for policy in &autoscaler.up.policies {
        let by = match policy.amount.value {
            Amount::Count(n) => common::count(n.into(), "pod"),
            Amount::Percent(p) => format!("{} %", show_number(p)),
        };
        evidence.note(
            &policy.amount,
            format!("{by} in {}", show_duration(policy.period.value)),
        );
    }
    let declared = autoscaler.says_how_fast().then_some(&autoscaler.up);
    match &autoscaler.up.stabilization {
        Some(window) => evidence.note(window, format!("stabilisation {}", show_duration(window.value))),
        None => evidence.assume("no scale-up stabilisation is set; Kubernetes' default is 0 s"),
    }
    if autoscaler.up.policies.is_empty() {
        evidence.assume(if declared.is_some() {
            "no scale-up policy is set; Kubernetes' default is 100 % or 4 pods in 15 s, whichever is more"
        } else {
            "no behaviour is set; Kubernetes then allows twice as many replicas, or 4, every 15 s"
        });
    }
    let path = climb(least, most, declared);
    let Some((full, reached)) = path.last().copied().filter(|(_, n)| *n >= most) else {
        return;
    };
    let alert = first_page(cx, autoscaler);
    // If the alert comes in time, a person can still decide.
    if alert.is_none_or(|page| page.as_secs() <= full) {
        return;
    }
    let page = alert.unwrap_or_default();
    let steps: Vec<String> = path.iter().map(|(at, n)| format!("{n} at {at} s")).collect();
    let price = cx.platform.overlay.prices.get("pod_hour");
    let cost = price.map(|p| evidence.take(p, "price of a pod for an hour").0 * f64::from(most));
    if price.is_none() {
        out.cannot_judge(
            format!("autoscaler {}", autoscaler.name),
            [Need::one(&registry::prices::POD_HOUR).because("cost at the maximum")],
            Some(format!(
                "{most} replicas after {}",
                show_duration(Duration::from_secs(full))
            )),
        );
    }
    let mut explanation = format!(
        "When its metric demands more, the replicas go {}. The maximum bounds this, not 2ⁿ; pods that need \
         time to become ready make it slower. The first alert on it pages after {}.",
        steps.join(", "),
        show_duration(page)
    );
    if let Some(cost) = cost {
        explanation.push_str(&format!(
            " At the maximum it costs ${} an hour.",
            show_number(cost)
        ));
    }
    let mut finding = Finding::new(
        common::autoscaler(autoscaler, "autoscaler"),
        format!(
            "{}: from {least} to {reached} replicas in {}, {} before the first alert on it pages",
            autoscaler.name,
            show_duration(Duration::from_secs(full)),
            show_duration(page.saturating_sub(Duration::from_secs(full)))
        ),
    )
    .explain(explanation)
    .remedy(
        "Limit a step in pods (for instance 4 pods in 60 s), set the maximum to what the database and \
        the topic can handle, and alert on replicas at the maximum.",
    )
    .figure("time_to_max", full as f64, "s")
    .figure("max_replicas", most, "replicas")
    .figure("page_after", page.as_secs_f64(), "s")
    .evidence(evidence)
    .at(autoscaler.span, "the autoscaler");
    if let Some(cost) = cost {
        finding = finding.figure("cost_at_max", cost, "$/h");
    }
    out.report(finding);
}

/// How long the first alert on the scaled workload takes to page. An alert on something else tells nobody of it.
fn first_page(cx: &Context<'_>, autoscaler: &Autoscaler) -> Option<Duration> {
    let service = autoscaler.owner.service;
    let name = service.map(|id| cx.env.service(id).name.as_str());
    let target = autoscaler.target.as_ref().map(|t| t.value.name.as_str());
    let is_named = |text: &str| Some(text) == name || Some(text) == target;
    let is_on_it = |alert: &&Alert| {
        (service.is_some() && alert.owner.service == service)
            || alert.owner.name.as_deref().is_some_and(is_named)
            || alert.selects.iter().any(|selected| is_named(&selected.value))
    };
    let pages = cx.env.alerts.iter().filter(is_on_it);
    pages
        .filter_map(|a| detection::of(a, &mut Evidence::new()))
        .map(|detection| detection.worst.saturating_sub(detection.unsure))
        .min()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing::{self, fact, owned_by, service, span};
    use crate::rules::testing::{alert, condition};
    use cofferdam_model::alerts::Timing;
    use cofferdam_model::scaling::{ScalingBehaviour, ScalingPolicy};
    use cofferdam_model::{Environment, Parts};

    fn up(stabilization: u64) -> ScalingBehaviour {
        ScalingBehaviour {
            stabilization: Some(fact(Duration::from_secs(stabilization), 1)),
            policies: vec![ScalingPolicy {
                amount: fact(Amount::Percent(100.0), 2),
                period: fact(Duration::from_secs(30), 3),
            }],
            ..ScalingBehaviour::default()
        }
    }

    #[test]
    fn an_alert_slower_than_the_scale_up_is_a_finding() {
        let autoscaler = |max| Autoscaler {
            name: "collector".to_owned(),
            format: "HorizontalPodAutoscaler".to_owned(),
            span: span(20),
            completeness: cofferdam_model::workload::Completeness::Whole,
            target: None,
            workload: None,
            owner: owned_by(0),
            min: Some(fact(2, 21)),
            max: Some(fact(max, 22)),
            limit: None,
            metrics: Vec::new(),
            up: up(60),
            down: ScalingBehaviour::default(),
        };
        let on_it = |timing| {
            let mut alert = alert("a", timing);
            alert.owner = owned_by(0);
            alert
        };
        let mut env = Environment {
            parts: Parts {
                services: vec![service("collector", (2, 2, 50))],
                autoscalers: vec![autoscaler(50)],
                alerts: vec![on_it(Timing::NewRelic(condition(60, 120, 300)))],
                ..Parts::default()
            },
            ..Environment::default()
        };
        assert_eq!(testing::only(&RULE, &env).figures["time_to_max"].value, 180.0);
        env.autoscalers = vec![autoscaler(8)];
        assert!(
            testing::all(&RULE, &env).is_empty(),
            "four times is an ordinary peak"
        );
        env.autoscalers = vec![autoscaler(50)];
        let slow = || Timing::NewRelic(condition(60, 120, 300));
        env.alerts = vec![on_it(slow()), on_it(Timing::NewRelic(condition(30, 0, 60)))];
        assert!(testing::all(&RULE, &env).is_empty(), "alerted in time");
        env.alerts = vec![alert("of something else", slow())];
        assert!(testing::all(&RULE, &env).is_empty());
    }
}
