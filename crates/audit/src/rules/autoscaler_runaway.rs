//! How fast an autoscaler reaches its maximum under its own policies, and what that costs before anyone is
//! alerted.

use super::{common, detection};
use crate::finding::{Evidence, Finding, Severity};
use crate::rule::{Context, Fix, Group, Rule, Verdicts};
use cofferdam_model::alerts::Alert;
use cofferdam_model::registry::{self, Need};
use cofferdam_model::scaling::{Autoscaler, ScalingBehaviour};
use cofferdam_model::units::{show_duration, show_number};
use cofferdam_model::workload::Amount;
use std::time::Duration;

/// The rule.
pub const RULE: Rule = Rule {
    id: "autoscaler-runaway",
    group: Group::Scaling,
    severity: Severity::Medium,
    fix: Fix::Proposed,
    summary: "an autoscaler reaches its maximum, at least ten times its minimum, before anyone is alerted",
    absences: &[],
    page: include_str!("../../../../docs/rules/autoscaler-runaway.md"),
    check,
};

/// The smallest growth that is reported. Below it, the maximum is the ordinary peak.
const GROWTH: u32 = 10;
/// The controller's period. Source: Kubernetes documentation, `--horizontal-pod-autoscaler-sync-period`.
const SYNC: u64 = 15;
/// An autoscaler is simulated for this time at most.
const LONGEST: u64 = 3600;

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

/// Replicas over time when the metric demands the maximum from time 0 and pods are ready at once, with the
/// load beginning just after a sync. The policies bound how many replicas may be added in their period.
/// Source: Kubernetes documentation, "Configurable scaling behavior".
///
/// `None` is an autoscaler without a `behavior`. It adds up to twice as many replicas, or four, at each sync
/// (the controller's older algorithm).
pub(crate) fn climb(min: u32, max: u32, up: Option<&ScalingBehaviour>) -> Vec<(u64, u32)> {
    let Some(up) = up else {
        let each = |&(at, replicas): &(u64, u32)| {
            (replicas < max).then(|| (at + SYNC, replicas.saturating_mul(2).max(4).min(max)))
        };
        return std::iter::successors(Some((0, min)), each).collect();
    };
    let stabilization = up.stabilization.as_ref().map_or(0, |s| s.value.as_secs());
    let disabled = up.select.as_ref().is_some_and(|s| s.value == "Disabled");
    let smallest = up.select.as_ref().is_some_and(|s| s.value == "Min");
    let mut history: Vec<(u64, u32)> = vec![(0, min)];
    let mut now = SYNC;
    let mut replicas = min;
    while replicas < max && now <= LONGEST && !disabled {
        // The recommendation is the minimum of the window, so it rises only when the whole window is under
        // load.
        if now >= stabilization {
            let limits = limits(up).into_iter().map(|(amount, period)| {
                let base = history
                    .iter()
                    .rev()
                    .find(|(at, _)| at + period <= now)
                    .map_or(min, |(_, n)| *n);
                match amount {
                    Amount::Count(n) => base.saturating_add(n),
                    Amount::Percent(p) => (f64::from(base) * (1.0 + p / 100.0)).ceil() as u32,
                }
            });
            let allowed = if smallest { limits.min() } else { limits.max() }.unwrap_or(max);
            let next = allowed.clamp(replicas, max);
            if next > replicas {
                replicas = next;
                history.push((now, replicas));
            }
        }
        now += SYNC;
    }
    history
}

/// The policies, or Kubernetes' defaults if none are set: 100 % or 4 pods each 15 s, whichever is larger.
fn limits(up: &ScalingBehaviour) -> Vec<(Amount, u64)> {
    if up.policies.is_empty() {
        return vec![(Amount::Percent(100.0), 15), (Amount::Count(4), 15)];
    }
    up.policies
        .iter()
        .map(|p| (p.amount.value, p.period.value.as_secs()))
        .collect()
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
        format!("autoscaler {}", autoscaler.name),
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
        .map(|d| d.worst)
        .min()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::detection::tests::{alert, condition};
    use crate::rules::testing::{self, fact, owned_by, service, span};
    use cofferdam_model::alerts::Timing;
    use cofferdam_model::scaling::ScalingPolicy;
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
    fn doubling_every_30_seconds_with_a_minute_of_stabilisation_reaches_fifty_at_180() {
        // First step at 60 s, then 8 at 90, 16 at 120, 32 at 150, 50 (the maximum) at 180.
        let path = climb(2, 50, Some(&up(60)));
        assert_eq!(path, [(0, 2), (60, 4), (90, 8), (120, 16), (150, 32), (180, 50)]);
    }

    #[test]
    fn without_stabilisation_the_maximum_is_reached_a_minute_sooner() {
        // The load begins just after a sync: the first step is at 30 s by the policy's period.
        let (at, n) = *climb(2, 50, Some(&up(0))).last().unwrap();
        assert_eq!(n, 50);
        assert!((120..=150).contains(&at), "{at}");
    }

    #[test]
    fn a_disabled_policy_never_scales_and_defaults_are_those_of_kubernetes() {
        let mut off = up(0);
        off.select = Some(fact("Disabled".to_owned(), 9));
        assert_eq!(climb(2, 50, Some(&off)), [(0, 2)]);
        // Defaults each 15 s: 2 → 6 (4 pods) → 12 → 24 → 48 → 50.
        let path = climb(2, 50, Some(&ScalingBehaviour::default()));
        assert_eq!(path, [(0, 2), (15, 6), (30, 12), (45, 24), (60, 48), (75, 50)]);
        // Without any behaviour, at most twice as many or four: 1 → 4 → 8 → 10.
        assert_eq!(climb(1, 10, None), [(0, 1), (15, 4), (30, 8), (45, 10)]);
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
