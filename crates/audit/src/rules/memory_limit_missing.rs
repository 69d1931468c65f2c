//! A container without a memory limit can use the memory of the other pods on its node.

use super::{common, pods};
use crate::finding::{Evidence, Finding, Severity};
use crate::rule::{Check, Context, Fix, Group, Rule, RuleId, Verdicts};
use std::borrow::Cow;

/// The rule.
pub static RULE: Rule = Rule {
    id: RuleId::new("memory-limit-missing"),
    group: Group::Scaling,
    severity: Severity::Medium,
    fix: Fix::Automatic,
    summary: Cow::Borrowed("a container has no memory limit: a leak harms the whole node, not only the pod"),
    absences: &[],
    settings: &[],
    page: Cow::Borrowed(include_str!("../../../../docs/rules/memory-limit-missing.md")),
    check: Check::BuiltIn(check),
};

fn check(cx: &Context<'_>, out: &mut Verdicts) {
    for workload in pods::whole(cx.env) {
        let pods::Bare {
            containers: bare,
            only_init,
        } = pods::bare(workload, |c| {
            c.memory_limit.as_ref().is_none_or(|l| l.value.0 == 0)
        });
        if bare.is_empty() || pods::is_limited_together(workload, "memory") {
            continue;
        }
        let mut evidence = Evidence::new();
        for span in bare.iter().filter_map(|c| c.span) {
            evidence.place(span, "no memory limit");
        }
        out.report(
            Finding::new(&workload.id, format!("{}: {} without a memory limit", workload.id, pods::names(&bare)))
                .severity(common::severity_in(cx.env, if only_init { Severity::Low } else { Severity::Medium }))
                .explain("When it leaks or gets a large input it uses up the node's memory. The kernel then \
                    kills processes, including those of other pods, and the node may stop answering.")
                .remedy("Set `resources.limits.memory` above the peak of a normal week, and `requests.memory` near its usual use.")
                .figure("containers", bare.len() as f64, "containers")
                .evidence(evidence)
                .at(workload.span, "the workload"),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing::{self, fact};
    use cofferdam_model::Bytes;
    use cofferdam_model::workload::Completeness;

    #[test]
    fn only_a_complete_workload_can_lack_a_limit() {
        let env = pods::testing::env((2, 2, 2), |_| {});
        assert!(testing::only(&RULE, &env).title.contains("`api`"));
        let fragment = pods::testing::env((2, 2, 2), |w| w.completeness = Completeness::Fragment);
        assert!(testing::all(&RULE, &fragment).is_empty());
        let limited = pods::testing::env((2, 2, 2), |w| {
            w.containers[0].memory_limit = Some(fact(Bytes(1 << 30), 9))
        });
        assert!(testing::all(&RULE, &limited).is_empty());
        let of_pod = |field: &str| {
            let env = pods::testing::env((2, 2, 2), |w| {
                w.fields.insert(field.to_owned(), fact("1Gi".to_owned(), 9));
            });
            testing::all(&RULE, &env).len()
        };
        assert_eq!(of_pod("resources.limits.memory"), 0);
        assert_eq!(of_pod("resources.requests.memory"), 1);
    }

    #[test]
    fn an_init_container_alone_is_low() {
        let env = pods::testing::env((2, 2, 2), |w| {
            w.containers[0].memory_limit = Some(fact(Bytes(1 << 30), 9));
            w.init_containers.push(cofferdam_model::workload::Container {
                name: "migrate".to_owned(),
                ..Default::default()
            });
        });
        assert_eq!(testing::only(&RULE, &env).severity, Some(Severity::Low));
    }
}
