//! Memory that pods use beyond their requests is available only while the other pods on the node do not need
//! it.

use super::image_pull_stale::is_kubelets;
use super::{pods, reach};
use crate::finding::{Evidence, Finding, Severity, Subject};
use crate::rule::{Check, Context, Fix, Group, Rule, RuleId, Verdicts};
use cofferdam_model::Bytes;
use cofferdam_model::workload::{Container, Lifecycle, Workload};
use std::borrow::Cow;
use std::collections::BTreeSet;

/// The rule.
pub static RULE: Rule = Rule {
    id: RuleId::new("memory-overcommitted"),
    group: Group::Scaling,
    severity: Severity::Low,
    fix: Fix::Proposed,
    summary: Cow::Borrowed(
        "a container may use more memory than is reserved for it: under pressure its pod is evicted first",
    ),
    absences: &[],
    settings: &[],
    page: Cow::Borrowed(include_str!("../../../../docs/rules/memory-overcommitted.md")),
    check: Check::BuiltIn(check),
};

/// The number of workloads that a finding shows.
const SHOWN: usize = 4;

/// The memory of one pod of a workload.
struct Pod<'a> {
    workload: &'a Workload,
    /// Containers whose limit is above their request.
    above: Vec<&'a Container>,
    set_aside: u64,
    most: u64,
}

fn check(cx: &Context<'_>, out: &mut Verdicts) {
    let stays = |w: &&Workload| w.lifecycle != Lifecycle::Batch && is_kubelets(&w.id.kind);
    let own = pods::whole(cx.env).filter(stays).filter(|w| cx.is_own(&w.id));
    let mut pods: Vec<Pod<'_>> = own.filter_map(Pod::of).collect();
    // Largest excess over the request first. Of the copies of one workload a cluster has one.
    pods.sort_by_key(|pod| std::cmp::Reverse(pod.most.saturating_sub(pod.set_aside)));
    let mut known = BTreeSet::new();
    pods.retain(|pod| known.insert(pods::identity(pod.workload)));
    if !pods.is_empty() {
        out.report(finding(&pods));
    }
}

/// Request and limit of a container whose limit is above its request.
fn beyond(container: &Container) -> Option<(u64, u64)> {
    let (request, limit) = (
        container.memory_request.as_ref()?.value.0,
        container.memory_limit.as_ref()?.value.0,
    );
    (request > 0 && limit > request).then_some((request, limit))
}

impl<'a> Pod<'a> {
    fn of(workload: &'a Workload) -> Option<Self> {
        let above: Vec<&Container> = workload
            .containers
            .iter()
            .filter(|c| beyond(c).is_some())
            .collect();
        let sums = above.iter().copied().filter_map(beyond);
        let (set_aside, most) = sums.fold((0u64, 0u64), |(r, l), (request, limit)| {
            (r.saturating_add(request), l.saturating_add(limit))
        });
        (!above.is_empty()).then_some(Pod {
            workload,
            above,
            set_aside,
            most,
        })
    }
}

fn finding(pods: &[Pod<'_>]) -> Finding {
    let (set_aside, most) = pods.iter().fold((0u64, 0u64), |(r, l), pod| {
        (r.saturating_add(pod.set_aside), l.saturating_add(pod.most))
    });
    let (subject, title) = match pods {
        [one] => (
            Subject::from(&one.workload.id),
            format!(
                "{}: {} may use {} of memory in each pod, and {} is reserved",
                one.workload.id,
                pods::names(&one.above),
                Bytes(most),
                Bytes(set_aside)
            ),
        ),
        many => {
            let workloads: Vec<&Workload> = many.iter().map(|pod| pod.workload).collect();
            (
                Subject::all("memory of pods"),
                format!(
                    "one pod each of {} may use {} of memory, and {} is reserved",
                    reach::names(&workloads),
                    Bytes(most),
                    Bytes(set_aside)
                ),
            )
        }
    };
    let mebibytes = |bytes: u64| bytes as f64 / 1_048_576.0;
    let mut evidence = Evidence::new();
    for container in pods.iter().take(SHOWN).flat_map(|pod| &pod.above) {
        if let (Some(request), Some(limit)) = (&container.memory_request, &container.memory_limit) {
            evidence.note(limit, format!("up to {}", limit.value));
            evidence.note(request, format!("{} reserved", request.value));
        }
    }
    let finding = Finding::new(subject, title)
        .cause("may use more than is reserved")
        .alike()
        .explain(
            "The scheduler fills nodes by requests. When several pods use more than was reserved at the \
            same time, the node runs out of memory. The kubelet first evicts the pods that use more than \
            their request, or the kernel kills one of their processes.",
        )
        .remedy(
            "Set `requests.memory` to the limit for pods that must stay, or to the usage at peak. Leave \
            a gap between them only if the pod may be evicted.",
        )
        .figure("workloads", pods.len() as f64, "workloads")
        .figure("set_aside", mebibytes(set_aside), "MiB")
        .figure("most", mebibytes(most), "MiB")
        .figure("factor", most as f64 / set_aside as f64, "times")
        .evidence(evidence);
    match pods {
        [one] => finding.at(one.workload.span, "the workload"),
        _ => finding,
    }
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
        assert_eq!(
            (finding.figures["factor"].value, finding.figures["most"].value),
            (4.0, 1024.0)
        );
        assert!(testing::all(&RULE, &env(256, 256)).is_empty());
        assert!(
            testing::all(&RULE, &env(512, 256)).is_empty(),
            "refused, and reported as such"
        );
        assert!(
            testing::all(&RULE, &env(0, 256)).is_empty(),
            "a request of zero is reported as a missing request"
        );
        assert!(testing::all(&RULE, &pods::testing::env((2, 2, 2), |_| {})).is_empty());
    }

    #[test]
    fn several_workloads_are_added_up_in_one_finding() {
        let mut env = pods::testing::env((2, 2, 2), |w| {
            w.containers[0].memory_request = Some(fact(Bytes(256 << 20), 8));
            w.containers[0].memory_limit = Some(fact(Bytes(512 << 20), 9));
        });
        let mut more = env.workloads[0].clone();
        more.id.name = "worker".to_owned();
        more.containers[0].memory_limit = Some(fact(Bytes(1024 << 20), 19));
        env.workloads.push(more);
        let finding = testing::only(&RULE, &env);
        // 512 + 1024 = 1536 of 256 + 256 = 512: 3 times.
        assert_eq!(
            (finding.figures["most"].value, finding.figures["factor"].value),
            (1536.0, 3.0)
        );
        assert!(
            finding
                .title
                .starts_with("one pod each of api, worker may use 1.5 GiB"),
            "{}",
            finding.title
        );
    }
}
