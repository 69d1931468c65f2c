//! If a pod gets a new version only when someone deletes it, the version arrives at an unexpected time.

use super::pods;
use crate::finding::{Evidence, Finding, Severity};
use crate::rule::{Check, Context, Fix, Group, Rule, RuleId, Verdicts};
use std::borrow::Cow;

/// The rule.
pub static RULE: Rule = Rule {
    id: RuleId::new("rollout-by-hand"),
    group: Group::Delivery,
    severity: Severity::Low,
    fix: Fix::Proposed,
    summary: Cow::Borrowed(
        "pods get a new version only when someone deletes them: versions mix as pods are lost",
    ),
    absences: &[],
    settings: &[],
    page: Cow::Borrowed(include_str!("../../../../docs/rules/rollout-by-hand.md")),
    check: Check::BuiltIn(check),
};

fn check(cx: &Context<'_>, out: &mut Verdicts) {
    for workload in pods::whole(cx.env).filter(|w| matches!(w.id.kind.as_str(), "StatefulSet" | "DaemonSet"))
    {
        let Some(strategy) = workload
            .rollout
            .strategy
            .as_ref()
            .filter(|s| s.value == "OnDelete")
        else {
            continue;
        };
        let mut evidence = Evidence::new();
        evidence.note(strategy, "waits for someone to delete each pod");
        out.report(
            Finding::new(
                &workload.id,
                format!(
                    "{}: no pod gets a new version until someone deletes it",
                    workload.id
                ),
            )
            .explain(
                "Applying a change does not change any running pod. The change arrives with the \
                    next pod that is lost or drained, at a time that nobody chose and one pod at a time. \
                    Versions run side by side for weeks, a fixed fault stays active, and a bad version shows \
                    long after its deploy.",
            )
            .remedy(
                "Use `type: RollingUpdate` (for a StatefulSet with `partition` to go step by step). \
                    Keep `OnDelete` if an operator deletes the pods in its own order.",
            )
            .evidence(evidence)
            .at(workload.span, "the workload"),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing::{self, fact};

    #[test]
    fn only_the_on_delete_strategy_is_reported() {
        let count = |kind: &str, strategy: &str| {
            let env = pods::testing::env((3, 3, 3), |w| {
                w.id.kind = kind.to_owned();
                w.rollout.strategy = Some(fact(strategy.to_owned(), 8));
            });
            testing::all(&RULE, &env).len()
        };
        assert_eq!(count("StatefulSet", "OnDelete"), 1);
        assert_eq!(count("DaemonSet", "OnDelete"), 1);
        assert_eq!(count("StatefulSet", "RollingUpdate"), 0);
        assert!(testing::all(&RULE, &pods::testing::env((3, 3, 3), |_| {})).is_empty());
    }
}
