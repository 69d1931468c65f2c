//! When nodes run out of resources, priority decides which pods are removed first.

use super::image_pull_stale::is_kubelets;
use super::{common, pods, reach};
use crate::finding::{Finding, Severity, Subject};
use crate::rule::{Check, Context, Fix, Group, Rule, RuleId, Verdicts};
use cofferdam_model::Absence;
use cofferdam_model::workload::{Lifecycle, Workload};
use std::borrow::Cow;

/// The rule.
pub static RULE: Rule = Rule {
    id: RuleId::new("priority-class-missing"),
    group: Group::Scaling,
    severity: Severity::Low,
    fix: Fix::Proposed,
    summary: Cow::Borrowed(
        "pods have no priority class: when nodes run out, nothing decides which of them is removed first",
    ),
    absences: &[Absence::PodDefault],
    settings: &[],
    page: Cow::Borrowed(include_str!("../../../../docs/rules/priority-class-missing.md")),
    check: Check::BuiltIn(check),
};

/// The number of places that a finding shows.
const SHOWN: usize = 4;

fn check(cx: &Context<'_>, out: &mut Verdicts) {
    if !common::is_production_like(&cx.env.name) || cx.env.default_priority.is_some() {
        return;
    }
    let stays = |w: &&Workload| w.lifecycle != Lifecycle::Batch && is_kubelets(&w.id.kind);
    let mut all: Vec<&Workload> = pods::whole(cx.env)
        .filter(stays)
        .filter(|w| cx.is_own(&w.id))
        .collect();
    pods::once(&mut all);
    let without: Vec<&Workload> = all
        .iter()
        .copied()
        .filter(|w| w.priority_class.is_none())
        .collect();
    if without.is_empty() {
        return;
    }
    // One that stands behind all others has a class for just that, and says nothing about the rest.
    let others = cx.env.workloads.iter().any(|w| w.priority_class.is_some());
    let title = match without.as_slice() {
        [one] => format!("{} has no priority class", one.id),
        every if every.len() == all.len() && others => {
            format!(
                "{} have no priority class: {}",
                common::count(every.len() as u64, "workload"),
                reach::names(every)
            )
        }
        every if every.len() == all.len() => {
            format!("No workload ({}) has a priority class", reach::names(every))
        }
        many => format!(
            "{} of {} workloads have no priority class: {}",
            many.len(),
            all.len(),
            reach::names(many)
        ),
    };
    let mut finding = Finding::new(Subject::all("priority classes"), title)
        .explain(
            "A pod without one has the priority 0 unless the cluster has a default class. When nodes \
            run out of resources, pods with a higher priority replace it. Among pods of equal priority, the \
            scheduler does not know that the shop matters more than a report.",
        )
        .remedy(
            "Create a PriorityClass for pods that must stay and one for pods that can wait, and set them \
            in `priorityClassName`, or mark one class `globalDefault: true`.",
        )
        .absent(Absence::PodDefault)
        .cause("have none")
        .alike()
        .each()
        .figure("workloads", without.len() as f64, "workloads");
    for workload in without.iter().take(SHOWN) {
        finding = finding.at(workload.span, "no priorityClassName");
    }
    out.report(finding);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing::{self, fact};

    #[test]
    fn its_own_class_or_a_global_default_is_enough() {
        let env = pods::testing::env((2, 2, 2), |_| {});
        assert_eq!(testing::only(&RULE, &env).figures["workloads"].value, 1.0);
        let named = pods::testing::env((2, 2, 2), |w| w.priority_class = Some(fact("high".to_owned(), 9)));
        assert!(testing::all(&RULE, &named).is_empty());
        let mut default = env;
        default.default_priority = Some(fact("normal".to_owned(), 9));
        assert!(testing::all(&RULE, &default).is_empty());
        let job = pods::testing::env((1, 1, 1), |w| w.lifecycle = Lifecycle::Batch);
        assert!(testing::all(&RULE, &job).is_empty());
    }

    #[test]
    fn a_class_of_something_else_is_not_overlooked() {
        let mut env = pods::testing::env((2, 2, 2), |_| {});
        let title = |env: &_| testing::only(&RULE, env).title;
        for n in 0..2 {
            let mut more = env.workloads[0].clone();
            (more.id.name, more.span) = (format!("w{n}"), testing::span(20 + n));
            env.workloads.push(more);
        }
        assert!(title(&env).starts_with("No workload ("), "{}", title(&env));
        // One that waits behind all others is a batch job here, and is not counted.
        let mut last = env.workloads[0].clone();
        (last.id.name, last.lifecycle) = ("last".to_owned(), Lifecycle::Batch);
        last.priority_class = Some(fact("low".to_owned(), 9));
        env.workloads.push(last);
        assert!(
            title(&env).starts_with("3 workloads have no priority class: "),
            "{}",
            title(&env)
        );
    }

    #[test]
    fn many_objects_are_one_finding() {
        let mut env = pods::testing::env((2, 2, 2), |_| {});
        for n in 0..6 {
            let mut more = env.workloads[0].clone();
            more.id.name = format!("w{n}");
            more.span = testing::span(20 + n);
            env.workloads.push(more);
        }
        let finding = testing::only(&RULE, &env);
        let title = "No workload (api, w0, w1 and 4 more) has a priority class";
        assert_eq!(finding.title, title);
        env.workloads[0].priority_class = Some(fact("high".to_owned(), 9));
        let finding = testing::only(&RULE, &env);
        assert!(finding.title.starts_with("6 of 7 workloads"), "{}", finding.title);
        assert_eq!(finding.locations.len(), SHOWN);
    }
}
