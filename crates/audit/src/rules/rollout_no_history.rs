//! Without the old revisions a rollback is not possible.

use super::disruption_budget_missing::is_kubernetes;
use super::pods;
use crate::finding::{Evidence, Finding, Severity};
use crate::rule::{Check, Context, Fix, Group, Rule, RuleId, Verdicts};
use std::borrow::Cow;

/// The rule.
pub static RULE: Rule = Rule {
    id: RuleId::new("rollout-no-history"),
    group: Group::Delivery,
    severity: Severity::Medium,
    fix: Fix::Automatic,
    summary: Cow::Borrowed("no old revision is kept: `kubectl rollout undo` cannot roll back"),
    absences: &[],
    settings: &[],
    page: Cow::Borrowed(include_str!("../../../../docs/rules/rollout-no-history.md")),
    check: Check::BuiltIn(check),
};

fn check(cx: &Context<'_>, out: &mut Verdicts) {
    for workload in pods::services(cx.env).filter(|w| is_kubernetes(&w.id.kind)) {
        let Some(limit) = workload
            .fields
            .get("revisionHistoryLimit")
            .filter(|l| l.value == "0")
        else {
            continue;
        };
        let mut evidence = Evidence::new();
        evidence.note(limit, "keeps none");
        // If a tool delivers from a repository, an older commit is also a way back, only a slower one.
        let severity = if cx.env.deliveries.is_empty() {
            Severity::Medium
        } else {
            Severity::Low
        };
        out.report(
            Finding::new(
                &workload.id,
                format!(
                    "{}: keeps 0 old revisions, so that no rollback is possible",
                    workload.id
                ),
            )
            .severity(severity)
            .explain(
                "The old ReplicaSets are removed as soon as a rollout is done. `kubectl rollout \
                    undo` fails, and the only way back is a new deploy of the old version through the whole \
                    pipeline, while the bad version serves.",
            )
            .remedy("Remove `revisionHistoryLimit: 0` (Kubernetes keeps 10), or keep at least 2.")
            .figure("revisions", 0, "revisions")
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
    fn no_kept_revision_is_reported_and_one_is_enough() {
        let env = |limit: &str| {
            pods::testing::env((2, 2, 2), |w| {
                w.fields
                    .insert("revisionHistoryLimit".to_owned(), fact(limit.to_owned(), 8));
            })
        };
        assert_eq!(testing::only(&RULE, &env("0")).severity, Some(Severity::Medium));
        let mut delivered = env("0");
        delivered
            .deliveries
            .push(cofferdam_model::delivery::Delivery::default());
        assert_eq!(testing::only(&RULE, &delivered).severity, Some(Severity::Low));
        assert!(testing::all(&RULE, &env("1")).is_empty());
        assert!(testing::all(&RULE, &pods::testing::env((2, 2, 2), |_| {})).is_empty());
    }
}
