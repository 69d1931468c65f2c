//! Without a disruption budget, a drain may take every replica at once.

use super::pods;
use crate::finding::{Finding, Severity};
use crate::rule::{Context, Fix, Group, Rule, Verdicts};
use cofferdam_model::scaling::DisruptionBudget;

/// The rule.
pub const RULE: Rule = Rule {
    id: "disruption-budget-missing",
    group: Group::Scaling,
    severity: Severity::Medium,
    fix: Fix::Automatic,
    summary: "several replicas and no disruption budget: a drain may take them all at once",
    page: include_str!("../../../../docs/rules/disruption-budget-missing.md"),
    check,
};

fn check(cx: &Context<'_>, out: &mut Verdicts) {
    for workload in pods::services(cx.env) {
        let (fewest, fact) = pods::fewest(cx.env, workload);
        if fewest < 2 || !is_kubernetes(&workload.id.kind) {
            continue;
        }
        let same = |a: &Option<String>, b: &Option<String>| a.is_none() || b.is_none() || a == b;
        // A budget that names neither number lets every pod go.
        let limits = |b: &DisruptionBudget| b.min_available.is_some() || b.max_unavailable.is_some();
        let has = cx
            .env
            .disruption_budgets
            .iter()
            .any(|b| limits(b) && same(&b.id.namespace, &workload.id.namespace) && b.selector.matches(&workload.labels));
        if has {
            continue;
        }
        let mut finding = Finding::new(
            workload.id.to_string(),
            format!("{}: {fewest} replicas and no disruption budget", workload.id),
        )
        .explain("An upgrade of the nodes drains them one after another or several at once; without a budget all replicas may be on those that go, and the service is away until new ones are ready.")
        .remedy("Add a PodDisruptionBudget with `maxUnavailable: 1` that selects the pods.")
        .figure("replicas", fewest, "replicas")
        .at(workload.span, "the workload");
        if let Some(span) = fact.and_then(cofferdam_model::Fact::span) {
            finding = finding.at(span, format!("{fewest} replicas"));
        }
        out.report(finding);
    }
}

/// Whether a budget can select its pods: Cloud Run and Compose have none.
pub(crate) fn is_kubernetes(kind: &str) -> bool {
    matches!(kind, "Deployment" | "StatefulSet" | "ReplicaSet" | "ReplicationController" | "Rollout" | "DeploymentConfig")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing::{self, span};
    use cofferdam_model::scaling::Selector;
    use cofferdam_model::workload::{Amount, ObjectId};

    #[test]
    fn two_replicas_want_a_budget_that_selects_them() {
        let mut env = pods::testing::env((2, 2, 4), |_| {});
        assert_eq!(testing::only(&RULE, &env).figures["replicas"].value, 2.0);
        env.disruption_budgets.push(DisruptionBudget {
            id: ObjectId { kind: "PodDisruptionBudget".into(), namespace: None, name: "api".into() },
            span: span(9),
            selector: Selector::default(),
            min_available: None,
            max_unavailable: None,
        });
        assert_eq!(testing::all(&RULE, &env).len(), 1, "a budget without a number keeps nothing");
        env.disruption_budgets[0].max_unavailable = Some(testing::fact(Amount::Count(1), 10));
        assert!(testing::all(&RULE, &env).is_empty());
        assert!(testing::all(&RULE, &pods::testing::env((1, 1, 1), |_| {})).is_empty(), "one replica has nothing to keep");
    }
}
