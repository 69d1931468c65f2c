//! The scheduler places pods by their requests; without requests it places them blindly.

use super::{common, pods};
use crate::finding::{Evidence, Finding, Severity};
use crate::rule::{Check, Context, Fix, Group, Rule, RuleId, Verdicts};
use cofferdam_model::scaling::MetricKind;
use cofferdam_model::workload::{Container, Workload};
use std::borrow::Cow;

/// The rule.
pub static RULE: Rule = Rule {
    id: RuleId::new("requests-missing"),
    group: Group::Scaling,
    severity: Severity::Medium,
    fix: Fix::Automatic,
    summary: Cow::Borrowed(
        "a container has no CPU or memory request: it is placed blindly, and its autoscaler cannot \
        compute utilisation",
    ),
    absences: &[],
    settings: &[],
    page: Cow::Borrowed(include_str!("../../../../docs/rules/requests-missing.md")),
    check: Check::BuiltIn(check),
};

fn check(cx: &Context<'_>, out: &mut Verdicts) {
    for workload in pods::whole(cx.env) {
        judge(cx, workload, out);
    }
}

/// Which of the two requests a container lacks. A limit without a request also counts as the request, and a
/// request of 0 reserves nothing. Source: Kubernetes documentation, "Resource Management for Pods and
/// Containers".
fn lacks(container: &Container) -> (bool, bool) {
    let unset = |zero: Option<bool>, limit: bool| zero.unwrap_or(!limit);
    (
        unset(
            container.cpu_request.as_ref().map(|r| r.value.0 == 0),
            container.cpu_limit.is_some(),
        ),
        unset(
            container.memory_request.as_ref().map(|r| r.value.0 == 0),
            container.memory_limit.is_some(),
        ),
    )
}

fn judge(cx: &Context<'_>, workload: &Workload, out: &mut Verdicts) {
    let (shares_cpu, shares_memory) = (
        pods::requests_together(workload, "cpu"),
        pods::requests_together(workload, "memory"),
    );
    let lacks = |c: &Container| {
        let (cpu, memory) = lacks(c);
        (cpu && !shares_cpu, memory && !shares_memory)
    };
    let bare = pods::bare(workload, |c| lacks(c).0 || lacks(c).1);
    if bare.containers.is_empty() {
        return;
    }
    let pods::Bare {
        containers: bare,
        only_init,
    } = bare;
    let cpu = bare.iter().any(|c| lacks(c).0);
    let memory = bare.iter().any(|c| lacks(c).1);
    let what = match (cpu, memory) {
        (true, true) => "CPU and memory requests",
        (true, false) => "a CPU request",
        _ => "a memory request",
    };
    let by_cpu = cx.env.autoscalers.iter().find(|a| {
        a.workload
            .is_some_and(|id| cx.env.workloads[id.0].id == workload.id)
            && a.metrics
                .iter()
                .any(|m| m.kind == MetricKind::Resource && m.name.value == "cpu")
    });
    let mut evidence = Evidence::new();
    for span in bare.iter().filter_map(|c| c.span) {
        evidence.place(span, format!("no {}", what.trim_start_matches("a ")));
    }
    let mut explanation =
        "The scheduler adds up requests to find where a pod fits, and a pod without any fits everywhere. \
         Nodes get too full, and under pressure such pods are the first to be evicted."
            .to_owned();
    let mut severity = common::severity_in(
        cx.env,
        if only_init {
            Severity::Low
        } else {
            Severity::Medium
        },
    );
    if let Some(autoscaler) = by_cpu.filter(|_| cpu && !only_init) {
        evidence.place(autoscaler.span, "scales by CPU utilisation of the request");
        explanation.push_str(
            " Its autoscaler computes utilisation as a share of the request: without a \
            request it has no value and never scales.",
        );
        severity = common::severity_in(cx.env, Severity::High);
    }
    out.report(
        Finding::new(
            &workload.id,
            format!("{}: {} without {what}", workload.id, pods::names(&bare)),
        )
        .severity(severity)
        .explain(explanation)
        .remedy(
            "Set `resources.requests.cpu` and `.memory` to its usage in a normal week (the 95th \
                percentile is a good start).",
        )
        .figure("containers", bare.len() as f64, "containers")
        .evidence(evidence)
        .at(workload.span, "the workload"),
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing::{self, fact};
    use cofferdam_model::{Bytes, Cpu};

    #[test]
    fn a_limit_replaces_the_request_and_each_missing_request_is_named() {
        let env = pods::testing::env((2, 2, 2), |_| {});
        assert!(
            testing::only(&RULE, &env)
                .title
                .ends_with("without CPU and memory requests")
        );
        let env = pods::testing::env((2, 2, 2), |w| {
            w.containers[0].memory_limit = Some(fact(Bytes(1), 9))
        });
        assert!(
            testing::only(&RULE, &env)
                .title
                .ends_with("without a CPU request")
        );
        let env = pods::testing::env((2, 2, 2), |w| {
            w.containers[0].memory_request = Some(fact(Bytes(1), 9));
            w.containers[0].cpu_request = Some(fact(Cpu(100), 9));
        });
        assert!(testing::all(&RULE, &env).is_empty());
    }

    #[test]
    fn a_request_of_the_pod_as_a_whole_counts_for_its_containers() {
        let with = |fields: &[&str]| {
            let env = pods::testing::env((2, 2, 2), |w| {
                for field in fields {
                    let value = fact("1".to_owned(), 9);
                    w.fields.insert(format!("resources.{field}"), value);
                }
            });
            let found = testing::all(&RULE, &env);
            found.first().map(|finding| finding.title.clone())
        };
        assert_eq!(with(&["requests.cpu", "requests.memory"]), None);
        assert_eq!(with(&["limits.cpu", "limits.memory"]), None);
        assert!(with(&["requests.cpu"]).is_some_and(|t| t.ends_with("without a memory request")));
    }

    #[test]
    fn a_request_of_zero_counts_as_missing_and_an_init_container_alone_is_low() {
        let whole = |c: &mut Container| {
            c.memory_request = Some(fact(Bytes(1), 9));
            c.cpu_request = Some(fact(Cpu(100), 9));
        };
        let zero = pods::testing::env((2, 2, 2), |w| {
            whole(&mut w.containers[0]);
            w.containers[0].cpu_request = Some(fact(Cpu(0), 9));
        });
        assert!(
            testing::only(&RULE, &zero)
                .title
                .ends_with("without a CPU request")
        );
        let init = pods::testing::env((2, 2, 2), |w| {
            whole(&mut w.containers[0]);
            w.init_containers.push(Container {
                name: "migrate".to_owned(),
                ..Container::default()
            });
        });
        let finding = testing::only(&RULE, &init);
        assert_eq!(
            (finding.severity, finding.figures["containers"].value),
            (Some(Severity::Low), 1.0)
        );
    }
}
