//! What pods may take beyond what is set aside for them is there only while their neighbours leave it.

use super::image_pull_stale::is_kubelets;
use super::pods;
use crate::finding::{Evidence, Finding, Severity};
use crate::rule::{Context, Fix, Group, Rule, Verdicts};
use cofferdam_model::Bytes;
use cofferdam_model::workload::{Container, Lifecycle, Workload};

/// The rule.
pub const RULE: Rule = Rule {
    id: "memory-overcommitted",
    group: Group::Scaling,
    severity: Severity::Low,
    fix: Fix::Proposed,
    summary: "a container may take more memory than is set aside for it: under pressure its pod is evicted first",
    page: include_str!("../../../../docs/rules/memory-overcommitted.md"),
    check,
};

fn check(cx: &Context<'_>, out: &mut Verdicts) {
    let stays = |w: &&Workload| w.lifecycle != Lifecycle::Batch && is_kubelets(&w.id.kind);
    for workload in pods::whole(cx.env).filter(stays) {
        judge(workload, out);
    }
}

/// Request and limit of a container whose limit is above its request.
fn beyond(container: &Container) -> Option<(u64, u64)> {
    let (request, limit) = (container.memory_request.as_ref()?.value.0, container.memory_limit.as_ref()?.value.0);
    (request > 0 && limit > request).then_some((request, limit))
}

fn judge(workload: &Workload, out: &mut Verdicts) {
    let above: Vec<&Container> = workload.containers.iter().filter(|c| beyond(c).is_some()).collect();
    if above.is_empty() {
        return;
    }
    let mut evidence = Evidence::new();
    let (mut set_aside, mut most) = (0u64, 0u64);
    for container in &above {
        let Some((request, limit)) = beyond(container) else { continue };
        set_aside = set_aside.saturating_add(request);
        most = most.saturating_add(limit);
        if let (Some(request), Some(limit)) = (&container.memory_request, &container.memory_limit) {
            evidence.note(limit, format!("up to {}", limit.value));
            evidence.note(request, format!("{} set aside", request.value));
        }
    }
    let mebibytes = |bytes: u64| bytes as f64 / 1_048_576.0;
    out.report(
        Finding::new(workload.id.to_string(), format!("{}: {} may take {} of memory in each pod, and {} is set aside", workload.id, pods::names(&above), Bytes(most), Bytes(set_aside)))
            .explain("The scheduler fills nodes by requests. When several pods use at once what was not set aside, the node runs short; the kubelet evicts first the pods that use more than their request, or the kernel kills one of their processes.")
            .remedy("Set `requests.memory` to the limit for what must stay, or to the use at its peak; leave room between them only where the pod may be away.")
            .figure("set_aside", mebibytes(set_aside), "MiB")
            .figure("most", mebibytes(most), "MiB")
            .figure("factor", most as f64 / set_aside as f64, "times")
            .evidence(evidence)
            .at(workload.span, "the workload"),
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing::{self, fact};

    #[test]
    fn the_limit_counts_against_the_request() {
        let env = |request: u64, limit: u64| {
            pods::testing::env((2, 2, 2), |w| {
                w.containers[0].memory_request = Some(fact(Bytes(request << 20), 8));
                w.containers[0].memory_limit = Some(fact(Bytes(limit << 20), 9));
            })
        };
        // 1024 / 256 = 4.
        let finding = testing::only(&RULE, &env(256, 1024));
        assert_eq!((finding.figures["factor"].value, finding.figures["most"].value), (4.0, 1024.0));
        assert!(testing::all(&RULE, &env(256, 256)).is_empty());
        assert!(testing::all(&RULE, &env(512, 256)).is_empty(), "refused, and told as such");
        assert!(testing::all(&RULE, &env(0, 256)).is_empty(), "nothing set aside is told as no request");
        assert!(testing::all(&RULE, &pods::testing::env((2, 2, 2), |_| {})).is_empty());
    }
}
