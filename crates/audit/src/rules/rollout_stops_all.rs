//! A rollout that stops every pod at once makes every deploy an outage.

use super::disruption_budget_missing::is_kubernetes;
use super::{common, pods};
use crate::finding::{Evidence, Finding, Severity};
use crate::rule::{Check, Context, Fix, Group, Rule, RuleId, Verdicts};
use cofferdam_model::workload::{VolumeKind, Workload};
use std::borrow::Cow;

/// The rule.
pub static RULE: Rule = Rule {
    id: RuleId::new("rollout-stops-all"),
    group: Group::Scaling,
    severity: Severity::Medium,
    fix: Fix::Proposed,
    summary: Cow::Borrowed("a new version first stops every pod of the old one: each deploy is an outage"),
    absences: &[],
    settings: &[],
    page: Cow::Borrowed(include_str!("../../../../docs/rules/rollout-stops-all.md")),
    check: Check::BuiltIn(check),
};

fn check(cx: &Context<'_>, out: &mut Verdicts) {
    let callers = pods::Callers::new(cx.env);
    for workload in pods::services(cx.env) {
        if is_kubernetes(&workload.id.kind) {
            judge(cx, &callers, workload, out);
        }
    }
}

fn judge(cx: &Context<'_>, callers: &pods::Callers<'_>, workload: &Workload, out: &mut Verdicts) {
    let (fewest, replicas) = pods::fewest(cx.env, workload);
    let mut evidence = Evidence::new();
    let recreate = workload
        .rollout
        .strategy
        .as_ref()
        .filter(|s| s.value == "Recreate");
    let how = match (recreate, &workload.rollout.max_unavailable) {
        // If only one pod may use a volume, a single replica has no other way.
        (Some(_), _)
            if fewest == 1
                && workload
                    .volumes
                    .iter()
                    .any(|v| matches!(v.kind, VolumeKind::Claim(_))) =>
        {
            return;
        }
        (Some(strategy), _) if fewest > 0 => {
            evidence.note(strategy, "stops the old version first");
            "`Recreate`"
        }
        (None, Some(most)) if fewest > 1 && most.value.of_rounded_down(fewest) >= fewest => {
            evidence.note(most, "this many may be missing");
            "`maxUnavailable`"
        }
        _ => return,
    };
    match replicas {
        Some(fact) => evidence.note(fact, common::count(fewest.into(), "replica")),
        None => evidence.assume("replicas is not set; Kubernetes runs 1"),
    }
    let called = callers.call(workload);
    let severity = if fewest > 1 && called {
        Severity::Medium
    } else {
        Severity::Low
    };
    out.report(
        Finding::new(
            &workload.id,
            format!(
                "{}: {how} lets a rollout stop {} first",
                workload.id,
                if fewest == 1 {
                    "its only pod".to_owned()
                } else {
                    format!("all {fewest} of its pods")
                }
            ),
        )
        .severity(severity)
        .explain(if called {
            "No pod answers from the stop of the old pods until the new ones are ready. If the new \
                 version does not start, no pod answers until someone rolls back."
        } else {
            "No work is done from the stop of the old pods until the new ones are ready. If the new \
                 version does not start, no work is done until someone rolls back."
        })
        .remedy(
            "Use `type: RollingUpdate` with `maxUnavailable: 0` and `maxSurge: 1`. If two versions \
                must not run side by side, make the change in two compatible steps.",
        )
        .figure("replicas", fewest, "replicas")
        .figure("stopped_at_once", fewest, "pods")
        .evidence(evidence)
        .at(workload.span, "the workload"),
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing::{self, fact};
    use cofferdam_model::workload::{Amount, Volume};

    #[test]
    fn a_rollout_that_may_stop_all_pods_is_reported() {
        let unavailable = |n: u32, amount| {
            pods::testing::env((n, n, n), |w| w.rollout.max_unavailable = Some(fact(amount, 8)))
        };
        assert_eq!(
            testing::only(&RULE, &unavailable(4, Amount::Percent(100.0))).figures["stopped_at_once"].value,
            4.0
        );
        assert_eq!(testing::all(&RULE, &unavailable(2, Amount::Count(2))).len(), 1);
        // 99 % of 4 is 3.96, rounded down 3: one stays.
        assert!(testing::all(&RULE, &unavailable(4, Amount::Percent(99.0))).is_empty());
        assert!(testing::all(&RULE, &unavailable(3, Amount::Count(2))).is_empty());
        assert!(testing::all(&RULE, &pods::testing::env((3, 3, 3), |_| {})).is_empty());
    }

    #[test]
    fn one_replica_is_low_and_silent_if_a_volume_requires_it() {
        let recreate = |n: u32, claim: bool| {
            pods::testing::env((n, n, n), |w| {
                w.rollout.strategy = Some(fact("Recreate".to_owned(), 8));
                if claim {
                    w.volumes.push(Volume {
                        name: "data".to_owned(),
                        span: testing::span(9),
                        kind: VolumeKind::Claim("data".to_owned()),
                    });
                }
            })
        };
        assert_eq!(
            testing::only(&RULE, &recreate(3, true)).severity,
            Some(Severity::Medium)
        );
        assert_eq!(
            testing::only(&RULE, &recreate(1, false)).severity,
            Some(Severity::Low)
        );
        assert!(testing::all(&RULE, &recreate(1, true)).is_empty());
        assert!(testing::all(&RULE, &recreate(0, false)).is_empty());
    }

    #[test]
    fn a_service_that_nobody_calls_is_low() {
        let env = pods::testing::env((3, 3, 3), |w| {
            w.rollout.strategy = Some(fact("Recreate".to_owned(), 8));
            w.containers[0].ports.clear();
        });
        assert_eq!(testing::only(&RULE, &env).severity, Some(Severity::Low));
    }
}
