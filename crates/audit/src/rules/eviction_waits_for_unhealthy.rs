//! A pod that is not ready can block the drain of its node.

use super::common;
use crate::finding::{Finding, Severity, Subject};
use crate::rule::{Check, Context, Fix, Group, Rule, RuleId, Verdicts};
use cofferdam_model::scaling::DisruptionBudget;
use cofferdam_model::units::count;
use cofferdam_model::workload::Completeness;
use std::borrow::Cow;

/// The rule.
pub static RULE: Rule = Rule {
    id: RuleId::new("eviction-waits-for-unhealthy"),
    group: Group::Scaling,
    severity: Severity::Low,
    fix: Fix::Automatic,
    summary: Cow::Borrowed(
        "a disruption budget does not allow eviction of pods that are not ready: one can block a drain",
    ),
    absences: &[],
    settings: &[],
    page: Cow::Borrowed(include_str!(
        "../../../../docs/rules/eviction-waits-for-unhealthy.md"
    )),
    check: Check::BuiltIn(check),
};

/// The number of places that a finding shows.
const SHOWN: usize = 8;

fn check(cx: &Context<'_>, out: &mut Verdicts) {
    if !common::is_production_like(&cx.env.name) {
        return;
    }
    // A budget without a number protects no pod.
    let keeps = |b: &&DisruptionBudget| b.min_available.is_some() || b.max_unavailable.is_some();
    let says_nothing =
        |b: &&DisruptionBudget| b.unhealthy_eviction.is_none() && b.completeness == Completeness::Whole;
    let silent: Vec<&DisruptionBudget> = cx
        .env
        .disruption_budgets
        .iter()
        .filter(keeps)
        .filter(says_nothing)
        .collect();
    let title = match silent.as_slice() {
        [] => return,
        [one] => format!("{}: a pod that is not ready can block a drain", one.id),
        many => format!(
            "{}: a pod that is not ready can block a drain",
            count(many.len() as u64, "disruption budget")
        ),
    };
    // Environments have some budgets in common, and others of their own: it is one habit.
    let mut finding = Finding::new(Subject::all("disruption budgets"), title)
        .cause("do not cover pods that are not ready")
        .alike()
        .each()
        .explain(
            "By default a pod that runs and is not ready may be evicted only while enough other pods \
            are ready. If a bad version or a dependency that is down keeps all of them from being ready, no \
            drain of their nodes ends, although these pods serve nothing.",
        )
        .remedy(
            "Set `unhealthyPodEvictionPolicy: AlwaysAllow`. If pods that are not ready still do useful \
            work (a database that recovers), write `IfHealthyBudget` to make this explicit.",
        )
        .figure("budgets", silent.len() as f64, "budgets");
    for budget in silent.iter().take(SHOWN) {
        finding = finding.at(budget.span, "does not cover pods that are not ready");
    }
    out.report(finding);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing::{self, fact, span};
    use cofferdam_model::scaling::Selector;
    use cofferdam_model::workload::{Amount, ObjectId};
    use cofferdam_model::{Environment, Parts};

    #[test]
    fn either_eviction_policy_is_silent_and_a_template_may_set_it_elsewhere() {
        let env = |policy: Option<&str>, completeness| Environment {
            parts: Parts {
                disruption_budgets: vec![DisruptionBudget {
                    id: ObjectId {
                        kind: "PodDisruptionBudget".into(),
                        namespace: None,
                        deployment: None,
                        name: "api".into(),
                    },
                    span: span(9),
                    selector: Selector::default(),
                    min_available: None,
                    max_unavailable: Some(fact(Amount::Count(1), 10)),
                    unhealthy_eviction: policy.map(|p| fact(p.to_owned(), 11)),
                    completeness,
                }],
                ..Parts::default()
            },
            ..Environment::default()
        };
        let count = |policy, completeness| testing::all(&RULE, &env(policy, completeness)).len();
        assert_eq!(count(None, Completeness::Whole), 1);
        assert_eq!(count(Some("AlwaysAllow"), Completeness::Whole), 0);
        assert_eq!(count(Some("IfHealthyBudget"), Completeness::Whole), 0);
        assert_eq!(count(None, Completeness::Fragment), 0);
    }

    #[test]
    fn many_objects_are_one_finding() {
        let mut env = Environment::default();
        for n in 0..12 {
            env.disruption_budgets.push(DisruptionBudget {
                id: ObjectId {
                    kind: "PodDisruptionBudget".into(),
                    namespace: None,
                    deployment: None,
                    name: format!("b{n}"),
                },
                span: span(9 + n),
                selector: Selector::default(),
                min_available: None,
                max_unavailable: Some(fact(Amount::Count(1), 40)),
                unhealthy_eviction: None,
                completeness: Completeness::Whole,
            });
        }
        let finding = testing::only(&RULE, &env);
        assert_eq!(
            (finding.figures["budgets"].value, finding.locations.len()),
            (12.0, SHOWN)
        );
    }
}
