//! With two replicas, only one is left whenever the other is down.

use super::disruption_budget_missing::is_kubernetes;
use super::{pods, stores};
use crate::finding::{Evidence, Finding, Severity, Subject};
use crate::rule::{Check, Context, Fix, Group, Rule, RuleId, Verdicts};
use cofferdam_model::workload::Workload;
use std::borrow::Cow;

/// The rule.
pub static RULE: Rule = Rule {
    id: RuleId::new("no-spare-replica"),
    group: Group::Scaling,
    severity: Severity::Low,
    fix: Fix::Proposed,
    summary: Cow::Borrowed("a service runs two replicas: while one is down, one fault is an outage"),
    absences: &[],
    settings: &[],
    page: Cow::Borrowed(include_str!("../../../../docs/rules/no-spare-replica.md")),
    check: Check::BuiltIn(check),
};

fn check(cx: &Context<'_>, out: &mut Verdicts) {
    // Two pods of a server that keeps data do not share a load: they are two servers, or a cluster with rules of its own.
    let shares = |w: &&Workload| is_kubernetes(&w.id.kind) && stores::store(w).is_none();
    for workload in pods::services(cx.env).filter(shares) {
        let (fewest, Some(fact)) = pods::fewest(cx.env, workload) else {
            continue;
        };
        if fewest == 2 {
            let mut evidence = Evidence::new();
            evidence.note(fact, "two replicas");
            evidence.place(workload.span, "the workload");
            let subject = workload.id.to_string();
            let title = format!(
                "{subject}: two replicas, and with one down the other carries 200 % of its usual load"
            );
            let finding = finding(Subject::from(&workload.id), title, evidence);
            // Two pods at 100 % each: the remaining one gets 2 / 1.
            out.report(finding.figure("load_on_the_rest", 200, "%"));
        }
    }
    for autoscaler in pods::lone_autoscalers(cx).filter(|a| a.fewest == 2) {
        let title = format!(
            "{} may scale down to two replicas, of a workload that was not read",
            autoscaler.subject
        );
        out.report(finding(autoscaler.subject, title, autoscaler.evidence).likely());
    }
}

fn finding(subject: Subject, title: String, evidence: Evidence) -> Finding {
    Finding::new(subject, title)
        .explain(
            "Every drain of a node, and every deploy that stops a pod first, leaves one replica. It \
            gets twice its load, and any fault in that time is an outage.",
        )
        .remedy(
            "If the service must always be available, run three replicas on different nodes, preferably \
            in three zones; if it may be down for a minute, two are enough.",
        )
        .figure("replicas", 2, "replicas")
        .figure("left", 1, "replicas")
        .evidence(evidence)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing;

    #[test]
    fn two_replicas_are_reported_and_one_or_three_are_not() {
        let at = |n: u32| testing::all(&RULE, &pods::testing::env((n, n, 10), |_| {})).len();
        assert_eq!([at(0), at(1), at(2), at(3)], [0, 0, 1, 0]);
        let mut test = pods::testing::env((2, 2, 2), |_| {});
        test.name = "test".to_owned();
        assert!(testing::all(&RULE, &test).is_empty());
    }
}
