//! A disruption budget that allows no disruption blocks every drain.

use super::{common, pods};
use crate::finding::{Evidence, Finding, Severity};
use crate::rule::{Check, Context, Fix, Group, Rule, RuleId, Verdicts};
use cofferdam_model::ByHome;
use cofferdam_model::scaling::DisruptionBudget;
use cofferdam_model::workload::{Amount, Completeness, Workload};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// The rule.
pub static RULE: Rule = Rule {
    id: RuleId::new("disruption-budget-blocks"),
    group: Group::Scaling,
    severity: Severity::Medium,
    fix: Fix::Automatic,
    summary: Cow::Borrowed("a disruption budget allows no disruption: a drain never ends"),
    absences: &[],
    settings: &[],
    page: Cow::Borrowed(include_str!("../../../../docs/rules/disruption-budget-blocks.md")),
    check: Check::BuiltIn(check),
};

fn check(cx: &Context<'_>, out: &mut Verdicts) {
    // Indexes workloads by one of their labels, so that each budget is compared with few workloads.
    let mut by_label: BTreeMap<(&str, &str), ByHome<&Workload>> = BTreeMap::new();
    let mut all = ByHome::default();
    for workload in pods::rendered(cx) {
        all.push(workload.id.home(), workload);
        for (key, value) in &workload.labels {
            by_label
                .entry((key, &value.value))
                .or_default()
                .push(workload.id.home(), workload);
        }
    }
    for budget in &cx.env.disruption_budgets {
        let candidates: Vec<&Workload> = match budget.selector.labels.iter().next() {
            Some((key, value)) => {
                let same = by_label.get(&(key.as_str(), value.value.as_str()));
                same.map_or_else(Vec::new, |s| s.related(budget.id.home()).copied().collect())
            }
            None => all.related(budget.id.home()).copied().collect(),
        };
        let selected: Vec<&Workload> = (candidates.into_iter())
            .filter(|workload| budget.selector.matches(&workload.labels))
            .collect();
        match selected.as_slice() {
            [] => alone(cx, budget, out),
            [first, others @ ..] => judge(cx, budget, (first, others), out),
        }
    }
}

/// A budget whose pods are in no file here and that blocks with any number of pods.
fn alone(cx: &Context<'_>, budget: &DisruptionBudget, out: &mut Verdicts) {
    let all_stay = budget
        .min_available
        .as_ref()
        .filter(|m| matches!(m.value, Amount::Percent(p) if p >= 100.0));
    let none_goes = budget
        .max_unavailable
        .as_ref()
        .filter(|m| matches!(m.value, Amount::Count(0)) || m.value == Amount::Percent(0.0));
    let Some(fact) = all_stay.or(none_goes) else {
        return;
    };
    let mut evidence = Evidence::new();
    evidence.note(
        fact,
        if all_stay.is_some() {
            "all must stay"
        } else {
            "no pod may be evicted"
        },
    );
    out.report(
        Finding::new(
            &budget.id,
            format!(
                "{} allows no pod to be evicted, however many there are: a drain never ends",
                budget.id
            ),
        )
        .severity(common::severity_in(cx.env, Severity::Medium))
        .explain(WAITS)
        .remedy("Use `maxUnavailable: 1`; it works with every number of replicas above one.")
        .figure("may_go", 0, "pods")
        .evidence(evidence)
        .at(budget.span, "the budget"),
    );
}

/// The consequence of a budget that allows no disruption.
const WAITS: &str = "Evictions are refused as long as no disruption is allowed, so draining a node waits \
    forever. Node upgrades stop, the cluster autoscaler cannot remove a node, and in the end someone deletes \
    the pod by force.";

/// How many of `replicas` pods may be evicted. Source: Kubernetes documentation, "Specifying a Disruption
/// Budget": shares of `minAvailable` and of `maxUnavailable` are both rounded up.
fn may_go(budget: &DisruptionBudget, replicas: u32) -> Option<u32> {
    if let Some(min) = &budget.min_available {
        return Some(replicas.saturating_sub(min.value.of_rounded_up(replicas)));
    }
    budget
        .max_unavailable
        .as_ref()
        .map(|max| max.value.of_rounded_up(replicas).min(replicas))
}

/// Pods of several workloads count together: a budget allows so many of all pods that it selects.
fn judge(
    cx: &Context<'_>,
    budget: &DisruptionBudget,
    (first, others): (&Workload, &[&Workload]),
    out: &mut Verdicts,
) {
    let (mut fewest, mut most) = (0u32, 0u32);
    let mut facts = Vec::new();
    for workload in std::iter::once(&first).chain(others) {
        let (here, fact) = pods::fewest(cx.env, workload);
        // Of a chart, the number may be set in a way that was not rendered.
        if fact.is_none() && workload.completeness != Completeness::Whole {
            return;
        }
        fewest = fewest.saturating_add(here);
        most = most.saturating_add(pods::most(cx.env, workload));
        facts.push((fact, here));
    }
    if fewest == 0 || may_go(budget, fewest) != Some(0) {
        return;
    }
    let limit = budget
        .min_available
        .as_ref()
        .map(|min| (min, "this many must stay"));
    let limit = limit.or_else(|| Some((budget.max_unavailable.as_ref()?, "no pod may be evicted")));
    let mut evidence = Evidence::new();
    if let Some((fact, label)) = limit {
        evidence.note(fact, label);
    }
    for (fact, here) in facts.iter().take(SHOWN) {
        match fact {
            Some(fact) => evidence.note(fact, common::count((*here).into(), "replica")),
            None => evidence.assume("replicas is not set; Kubernetes runs 1"),
        }
    }
    let when = match may_go(budget, most) {
        Some(0) => String::new(),
        _ => format!(" at the minimum of {}", common::count(fewest.into(), "replica")),
    };
    let whose = match others.len() {
        0 => first.id.to_string(),
        more => format!(
            "{} and {}",
            first.id,
            common::count(more as u64, "other workload")
        ),
    };
    out.report(
        Finding::new(
            &budget.id,
            format!(
                "{} allows no pod of {whose} to be evicted{when}: a drain never ends",
                budget.id
            ),
        )
        .explain(WAITS)
        .remedy(if fewest == 1 {
            "Run at least two replicas and allow `maxUnavailable: 1`.".to_owned()
        } else if budget.max_unavailable.is_some() {
            "Write `maxUnavailable: 1`; it works with every number of replicas above one.".to_owned()
        } else {
            "Use `maxUnavailable: 1` instead of `minAvailable`; it works with every number of replicas \
                 above one."
                .to_owned()
        })
        .figure("replicas", fewest, "replicas")
        .figure("may_go", 0, "pods")
        .evidence(evidence)
        .at(budget.span, "the budget"),
    );
}

/// Workloads whose number of replicas is shown.
const SHOWN: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing::{self, fact, span};
    use cofferdam_model::scaling::Selector;
    use cofferdam_model::workload::ObjectId;

    fn env(
        replicas: (u32, u32, u32),
        min: Option<Amount>,
        max: Option<Amount>,
    ) -> cofferdam_model::Environment {
        let mut env = pods::testing::env(replicas, |_| {});
        env.disruption_budgets.push(DisruptionBudget {
            id: ObjectId {
                kind: "PodDisruptionBudget".into(),
                namespace: None,
                deployment: None,
                name: "api".into(),
            },
            span: span(9),
            selector: Selector {
                labels: [("app".to_owned(), fact("api".to_owned(), 8))].into(),
                ..Selector::default()
            },
            min_available: min.map(|m| fact(m, 10)),
            max_unavailable: max.map(|m| fact(m, 11)),
            unhealthy_eviction: None,
            completeness: cofferdam_model::workload::Completeness::Whole,
        });
        env
    }

    #[test]
    fn pods_that_must_stay_are_counted_at_the_minimum() {
        assert_eq!(
            testing::all(&RULE, &env((2, 2, 10), Some(Amount::Count(2)), None)).len(),
            1
        );
        assert!(testing::all(&RULE, &env((3, 3, 10), Some(Amount::Count(2)), None)).is_empty());
        // 50 % of 1 rounds up to 1: none may be evicted. 50 % of 2 is 1: one may be evicted.
        assert_eq!(
            testing::all(&RULE, &env((1, 1, 1), Some(Amount::Percent(50.0)), None)).len(),
            1
        );
        assert!(testing::all(&RULE, &env((2, 2, 2), Some(Amount::Percent(50.0)), None)).is_empty());
        assert_eq!(
            testing::all(&RULE, &env((3, 3, 3), None, Some(Amount::Count(0)))).len(),
            1
        );
        // 10 % of 3 rounds up to 1: one may be evicted.
        assert!(testing::all(&RULE, &env((3, 3, 3), None, Some(Amount::Percent(10.0)))).is_empty());
    }

    #[test]
    fn pods_of_all_selected_workloads_count_together() {
        let mut two = env((1, 1, 1), Some(Amount::Count(1)), None);
        assert_eq!(testing::all(&RULE, &two).len(), 1);
        let mut other = two.workloads[0].clone();
        other.id.name = "api-worker".to_owned();
        two.workloads.push(other);
        assert!(
            testing::all(&RULE, &two).is_empty(),
            "one of two pods may be evicted"
        );
        two.disruption_budgets[0].min_available = Some(fact(Amount::Count(2), 10));
        let found = testing::all(&RULE, &two);
        assert_eq!(found.len(), 1, "one finding a budget");
        assert!(
            found[0].title.contains("and 1 other workload"),
            "{}",
            found[0].title
        );
    }

    #[test]
    fn a_budget_without_a_workload_blocks_only_if_no_number_of_pods_helps() {
        let alone = |min, max| {
            let mut env = env((2, 2, 2), min, max);
            env.workloads.clear();
            testing::all(&RULE, &env).len()
        };
        assert_eq!(alone(None, Some(Amount::Count(0))), 1);
        assert_eq!(alone(None, Some(Amount::Percent(0.0))), 1);
        assert_eq!(alone(Some(Amount::Percent(100.0)), None), 1);
        assert_eq!(alone(Some(Amount::Count(3)), None), 0, "there may be four");
        assert_eq!(
            alone(None, Some(Amount::Percent(1.0))),
            0,
            "1 % is rounded up to one pod"
        );
    }
}
