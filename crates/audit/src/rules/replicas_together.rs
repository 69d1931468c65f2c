//! Replicas that may all be on one node fail together.

use super::disruption_budget_missing::is_kubernetes;
use super::pods;
use crate::finding::{Finding, Severity};
use crate::rule::{Check, Context, Fix, Group, Rule, RuleId, Verdicts};
use std::borrow::Cow;

/// The rule.
pub static RULE: Rule = Rule {
    id: RuleId::new("replicas-together"),
    group: Group::Scaling,
    severity: Severity::Low,
    fix: Fix::Proposed,
    summary: Cow::Borrowed("nothing keeps replicas on different nodes and zones"),
    absences: &[],
    settings: &[],
    page: Cow::Borrowed(include_str!("../../../../docs/rules/replicas-together.md")),
    check: Check::BuiltIn(check),
};

fn check(cx: &Context<'_>, out: &mut Verdicts) {
    for workload in pods::services(cx.env) {
        let (fewest, _) = pods::fewest(cx.env, workload);
        let spread = &workload.spread;
        if fewest < 2
            || !is_kubernetes(&workload.id.kind)
            || !(spread.constraints.is_empty() && spread.anti_affinity.is_empty())
        {
            continue;
        }
        out.report(
            Finding::new(&workload.id, format!("{}: nothing keeps its {fewest} replicas on different nodes", workload.id))
                .explain("The scheduler's default spreading is only a weak preference; a node with more or \
                    less free capacity can outweigh it. If all replicas are on one node, its loss is the \
                    loss of the service.")
                .remedy("Add `topologySpreadConstraints` over `topology.kubernetes.io/zone` and `kubernetes.io/hostname` with `maxSkew: 1`.")
                .figure("replicas", fewest, "replicas")
                .at(workload.span, "the workload"),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing::{self, fact};

    #[test]
    fn a_constraint_or_an_anti_affinity_is_enough() {
        assert_eq!(
            testing::all(&RULE, &pods::testing::env((3, 3, 3), |_| {})).len(),
            1
        );
        let host = || fact("kubernetes.io/hostname".to_owned(), 9);
        assert!(
            testing::all(
                &RULE,
                &pods::testing::env((3, 3, 3), |w| w.spread.constraints.push(host()))
            )
            .is_empty()
        );
        assert!(
            testing::all(
                &RULE,
                &pods::testing::env((3, 3, 3), |w| w.spread.anti_affinity.push(host()))
            )
            .is_empty()
        );
        assert!(testing::all(&RULE, &pods::testing::env((1, 1, 1), |_| {})).is_empty());
    }
}
