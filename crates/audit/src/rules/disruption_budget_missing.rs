//! Without a disruption budget, a drain may evict every replica at once.

use super::{common, pods};
use crate::finding::{Finding, Severity};
use crate::rule::{Check, Context, Fix, Group, Rule, RuleId, Verdicts};
use cofferdam_model::delivery::DanglingKind;
use cofferdam_model::scaling::DisruptionBudget;
use cofferdam_model::workload::{Completeness, Workload};
use cofferdam_model::{Absence, ByHome, Environment, Fact};
use cofferdam_syntax::hash::HashSet;
use cofferdam_syntax::nearest::nearest;
use std::borrow::Cow;

/// The rule.
pub static RULE: Rule = Rule {
    id: RuleId::new("disruption-budget-missing"),
    group: Group::Scaling,
    severity: Severity::Medium,
    fix: Fix::Automatic,
    summary: Cow::Borrowed("several replicas have no disruption budget: a drain may evict them all at once"),
    absences: &[Absence::DisruptionBudget],
    settings: &[],
    page: Cow::Borrowed(include_str!(
        "../../../../docs/rules/disruption-budget-missing.md"
    )),
    check: Check::BuiltIn(check),
};

fn check(cx: &Context<'_>, out: &mut Verdicts) {
    let mut budgets = ByHome::default();
    for budget in cx.env.disruption_budgets.iter().filter(|b| may_limit(b)) {
        budgets.push(budget.id.home(), budget);
    }
    let mistyped = mistyped(cx.env);
    for workload in pods::services(cx.env) {
        let (fewest, fact) = pods::fewest(cx.env, workload);
        if fewest < 2 || !is_kubernetes(&workload.id.kind) {
            continue;
        }
        let mut near = budgets.near(workload.id.namespace.as_deref());
        let has = near.any(|b| b.selector.matches(&workload.labels));
        // A budget whose labels are mistyped is reported itself: that is the cause.
        let mut near = mistyped.near(workload.id.namespace.as_deref());
        if has || near.any(|b| is_meant(b, workload)) {
            continue;
        }
        let mut finding = Finding::new(
            &workload.id,
            format!("{}: {fewest} replicas and no disruption budget", workload.id),
        )
        .explain(
            "A node upgrade drains nodes one after another or several at once. Without a budget all \
            replicas may be on the drained nodes, and the service is down until new replicas are ready.",
        )
        .remedy("Add a PodDisruptionBudget with `maxUnavailable: 1` that selects the pods.")
        .absent(Absence::DisruptionBudget)
        .figure("replicas", fewest, "replicas")
        .at(workload.span, "the workload");
        if let Some(span) = fact.and_then(cofferdam_model::Fact::span) {
            finding = finding.at(span, format!("{fewest} replicas"));
        }
        out.report(finding);
    }
    let counts = common::is_production_like(&cx.env.name);
    for budget in cx
        .env
        .disruption_budgets
        .iter()
        .filter(|b| counts && b.completeness == Completeness::Whole && !limits(b))
    {
        out.report(
            Finding::new(
                &budget.id,
                format!(
                    "{} sets neither `minAvailable` nor `maxUnavailable`: it protects no pod",
                    budget.id
                ),
            )
            .explain(
                "A budget without a number allows every pod to be evicted at once: a drain evicts \
                    all of them, as if there were no budget.",
            )
            .remedy("Set `maxUnavailable: 1`.")
            .at(budget.span, "the budget"),
        );
    }
}

/// Whether a budget is meant for a workload although its labels are others: they have the same keys and similar values.
fn is_meant(budget: &DisruptionBudget, workload: &Workload) -> bool {
    let is_similar = |(key, value): (&String, &Fact<String>)| {
        let own = workload.labels.get(key).map(|own| own.value.as_str());
        own.is_some_and(|own| own == value.value || nearest(&value.value, [own]).is_some())
    };
    let labels = &budget.selector.labels;
    !labels.is_empty() && labels.iter().all(is_similar)
}

/// The budgets of which it is reported that their selectors match no pod.
fn mistyped(env: &Environment) -> ByHome<&DisruptionBudget> {
    let selectors = env.dangling.iter().filter(|d| d.kind == DanglingKind::Selector);
    let subjects: HashSet<&str> = selectors.map(|d| d.subject.as_str()).collect();
    let mut found = ByHome::default();
    let budgets = env.disruption_budgets.iter();
    for budget in budgets.filter(|b| may_limit(b) && subjects.contains(b.id.to_string().as_str())) {
        found.push(budget.id.home(), budget);
    }
    found
}

/// Whether a budget keeps a pod, or may: its numbers may be written where they cannot be read.
fn may_limit(budget: &DisruptionBudget) -> bool {
    limits(budget) || budget.completeness == Completeness::Fragment
}

/// Whether a budget protects any pod. A budget with neither number allows every eviction.
fn limits(budget: &DisruptionBudget) -> bool {
    budget.min_available.is_some() || budget.max_unavailable.is_some()
}

/// Workloads without pods of their own: on Cloud Run, by Compose, or scaled by Knative on demand.
const HOSTED: [&str; 4] = [
    "Cloud Run service",
    "Cloud Run job",
    "Compose service",
    "Knative Service",
];

/// Whether a controller keeps a number of pods alive, including controllers of other projects: to these
/// rules, an OpenKruise CloneSet is equivalent to a Deployment.
pub(crate) fn is_kubernetes(kind: &str) -> bool {
    !HOSTED.contains(&kind) && !matches!(kind, "DaemonSet" | "Job" | "CronJob" | "ScaledJob" | "Pod")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing::{self, span};
    use cofferdam_model::delivery::Dangling;
    use cofferdam_model::scaling::Selector;
    use cofferdam_model::workload::{Amount, ObjectId};

    #[test]
    fn two_replicas_need_a_budget_that_selects_them() {
        let mut env = pods::testing::env((2, 2, 4), |_| {});
        assert_eq!(testing::only(&RULE, &env).figures["replicas"].value, 2.0);
        env.disruption_budgets.push(DisruptionBudget {
            id: ObjectId {
                kind: "PodDisruptionBudget".into(),
                namespace: None,
                deployment: None,
                name: "api".into(),
            },
            span: span(9),
            selector: Selector::default(),
            min_available: None,
            max_unavailable: None,
            unhealthy_eviction: None,
            completeness: cofferdam_model::workload::Completeness::Whole,
        });
        let titles: Vec<String> = testing::all(&RULE, &env).into_iter().map(|f| f.title).collect();
        assert!(
            titles[0].ends_with("no disruption budget") && titles[1].ends_with("protects no pod"),
            "{titles:?}"
        );
        env.disruption_budgets[0].completeness = Completeness::Fragment;
        assert!(
            testing::all(&RULE, &env).is_empty(),
            "its number may be written where it cannot be read"
        );
        env.disruption_budgets[0].max_unavailable = Some(testing::fact(Amount::Count(1), 10));
        assert!(testing::all(&RULE, &env).is_empty());
        let labels = &mut env.disruption_budgets[0].selector.labels;
        labels.insert("app".to_owned(), testing::fact("apii".to_owned(), 11));
        env.disruption_budgets[0].id.name = "budget".to_owned();
        assert_eq!(testing::all(&RULE, &env).len(), 1, "it may be for pods elsewhere");
        env.dangling.push(Dangling {
            subject: "PodDisruptionBudget budget".to_owned(),
            kind: DanglingKind::Selector,
            name: testing::fact("app: apii".to_owned(), 11),
            nearest: None,
            certain: true,
        });
        assert!(
            testing::all(&RULE, &env).is_empty(),
            "the selector is the cause, and is reported"
        );
        let labels = &mut env.disruption_budgets[0].selector.labels;
        labels.insert("app".to_owned(), testing::fact("billing".to_owned(), 11));
        assert_eq!(
            testing::all(&RULE, &env).len(),
            1,
            "it is meant for another workload"
        );
        assert!(
            testing::all(&RULE, &pods::testing::env((1, 1, 1), |_| {})).is_empty(),
            "one replica has nothing to keep"
        );
        let of_kind = |kind: &str| {
            testing::all(
                &RULE,
                &pods::testing::env((2, 2, 4), |w| w.id.kind = kind.to_owned()),
            )
            .len()
        };
        assert_eq!(
            (
                of_kind("CloneSet"),
                of_kind("Compose service"),
                of_kind("Cloud Run service")
            ),
            (1, 0, 0)
        );
    }
}
