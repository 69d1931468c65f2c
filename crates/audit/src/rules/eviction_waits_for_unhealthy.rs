//! A pod that is not ready can hold up the drain of its node.

use super::common;
use crate::finding::{Finding, Severity};
use crate::rule::{Context, Fix, Group, Rule, Verdicts};
use cofferdam_model::workload::Completeness;

/// The rule.
pub const RULE: Rule = Rule {
    id: "eviction-waits-for-unhealthy",
    group: Group::Scaling,
    severity: Severity::Low,
    fix: Fix::Automatic,
    summary: "a disruption budget does not say that pods which are not ready may be evicted: they hold up a drain",
    page: include_str!("../../../../docs/rules/eviction-waits-for-unhealthy.md"),
    check,
};

fn check(cx: &Context<'_>, out: &mut Verdicts) {
    if !common::is_production_like(&cx.env.name) {
        return;
    }
    for budget in &cx.env.disruption_budgets {
        // A budget without a number keeps no pod.
        let keeps = budget.min_available.is_some() || budget.max_unavailable.is_some();
        if !keeps || budget.unhealthy_eviction.is_some() || budget.completeness == Completeness::Fragment {
            continue;
        }
        out.report(
            Finding::new(budget.id.to_string(), format!("{}: pods that are not ready hold up a drain", budget.id))
                .explain("By default a pod that runs and is not ready may be evicted only while enough others are ready. When a bad version or a dependency that is away keeps them all from being ready, no drain of their nodes ends, although nobody would miss them.")
                .remedy("Set `unhealthyPodEvictionPolicy: AlwaysAllow`. Where pods that are not ready are at work on something (a database that recovers), write `IfHealthyBudget`, so that it is said.")
                .at(budget.span, "says nothing of pods that are not ready"),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing::{self, fact, span};
    use cofferdam_model::Environment;
    use cofferdam_model::scaling::{DisruptionBudget, Selector};
    use cofferdam_model::workload::{Amount, ObjectId};

    #[test]
    fn either_policy_is_an_answer_and_a_template_may_give_it_elsewhere() {
        let env = |policy: Option<&str>, completeness| Environment {
            disruption_budgets: vec![DisruptionBudget {
                id: ObjectId { kind: "PodDisruptionBudget".into(), namespace: None, name: "api".into() },
                span: span(9),
                selector: Selector::default(),
                min_available: None,
                max_unavailable: Some(fact(Amount::Count(1), 10)),
                unhealthy_eviction: policy.map(|p| fact(p.to_owned(), 11)),
                completeness,
            }],
            ..Environment::default()
        };
        let count = |policy, completeness| testing::all(&RULE, &env(policy, completeness)).len();
        assert_eq!(count(None, Completeness::Whole), 1);
        assert_eq!(count(Some("AlwaysAllow"), Completeness::Whole), 0);
        assert_eq!(count(Some("IfHealthyBudget"), Completeness::Whole), 0);
        assert_eq!(count(None, Completeness::Fragment), 0);
    }
}
