//! Kubernetes refuses a request above its limit.

use crate::finding::{Evidence, Finding, Severity, Subject};
use crate::rule::{Check, Context, Fix, Group, Rule, RuleId, Verdicts};
use cofferdam_model::workload::{Container, Workload};
use std::borrow::Cow;

/// The rule.
pub static RULE: Rule = Rule {
    id: RuleId::new("request-over-limit"),
    group: Group::Scaling,
    severity: Severity::High,
    fix: Fix::Automatic,
    summary: Cow::Borrowed("a request is above its limit: Kubernetes refuses the pod"),
    absences: &[],
    settings: &[],
    page: Cow::Borrowed(include_str!("../../../../docs/rules/request-over-limit.md")),
    check: Check::BuiltIn(check),
};

fn check(cx: &Context<'_>, out: &mut Verdicts) {
    for workload in &cx.env.workloads {
        for container in workload.containers.iter().chain(&workload.init_containers) {
            judge(workload, container, out);
        }
    }
}

fn judge(workload: &Workload, container: &Container, out: &mut Verdicts) {
    let mut evidence = Evidence::new();
    let mut what = Vec::new();
    if let (Some(request), Some(limit)) = (&container.cpu_request, &container.cpu_limit)
        && request.value > limit.value
    {
        evidence.note(request, format!("requests {}", request.value));
        evidence.note(limit, format!("limited to {}", limit.value));
        what.push(format!(
            "requests {} with a limit of {}",
            request.value, limit.value
        ));
    }
    if let (Some(request), Some(limit)) = (&container.memory_request, &container.memory_limit)
        && request.value > limit.value
    {
        evidence.note(request, format!("requests {}", request.value));
        evidence.note(limit, format!("limited to {}", limit.value));
        what.push(format!(
            "requests {} with a limit of {}",
            request.value, limit.value
        ));
    }
    if what.is_empty() {
        return;
    }
    out.report(
        Finding::new(
            Subject::from(&workload.id).shown(&format!("{} container {}", workload.id, container.name)),
            format!("{}: `{}` {}", workload.id, container.name, what.join(" and ")),
        )
        .explain(
            "The API server refuses the pod: the rollout stops and the old pods stay, and replicas \
                of a lost node are not replaced.",
        )
        .remedy("Raise the limit to at least the request, or lower the request.")
        .evidence(evidence),
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::pods;
    use crate::rules::testing::{self, fact};
    use cofferdam_model::Cpu;

    #[test]
    fn a_request_may_equal_the_limit_but_not_exceed_it() {
        let env = |request| {
            pods::testing::env((1, 1, 1), |w| {
                w.containers[0].cpu_request = Some(fact(Cpu(request), 9));
                w.containers[0].cpu_limit = Some(fact(Cpu(500), 10));
            })
        };
        assert!(testing::all(&RULE, &env(500)).is_empty());
        assert!(
            testing::only(&RULE, &env(501))
                .title
                .contains("requests 501m CPU with a limit of 500m CPU")
        );
    }
}
