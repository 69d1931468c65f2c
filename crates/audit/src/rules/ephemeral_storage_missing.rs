//! A pod that writes without a limit fills its node's disk and harms the other pods on the node.

use super::image_pull_stale::is_kubelets;
use super::pods;
use crate::finding::{Finding, Severity};
use crate::rule::{Check, Context, Fix, Group, Rule, RuleId, Verdicts};
use cofferdam_model::workload::{Container, VolumeKind, Workload};
use std::borrow::Cow;

/// The rule.
pub static RULE: Rule = Rule {
    id: RuleId::new("ephemeral-storage-missing"),
    group: Group::Scaling,
    severity: Severity::Low,
    fix: Fix::Proposed,
    summary: Cow::Borrowed("a container may write to its node's disk without a limit"),
    absences: &[],
    settings: &[],
    page: Cow::Borrowed(include_str!(
        "../../../../docs/rules/ephemeral-storage-missing.md"
    )),
    check: Check::BuiltIn(check),
};

fn check(cx: &Context<'_>, out: &mut Verdicts) {
    for workload in pods::whole(cx.env).filter(|w| is_kubelets(&w.id.kind)) {
        judge(workload, out);
    }
}

fn judge(workload: &Workload, out: &mut Verdicts) {
    let unbound: Vec<_> = workload
        .volumes
        .iter()
        .filter(|v| v.kind == VolumeKind::EmptyDir)
        .collect();
    let has_volume = |c: &Container| {
        c.mounts
            .iter()
            .any(|(name, _)| unbound.iter().any(|v| v.name == *name))
    };
    let is = |c: &Container, field: &str, value: &str| c.fields.get(field).is_some_and(|f| f.value == value);
    let limited = |c: &Container| c.fields.contains_key("resources.limits.ephemeral-storage");
    let writes = |c: &Container| {
        !limited(c) && (has_volume(c) || !is(c, "securityContext.readOnlyRootFilesystem", "true"))
    };
    let free: Vec<&Container> = workload.containers.iter().filter(|c| writes(c)).collect();
    if free.is_empty() {
        return;
    }
    let in_volume = free.iter().any(|c| has_volume(c));
    let (explanation, remedy) = if in_volume {
        (
            "An emptyDir without a size limit grows until the node's disk is almost full. The kubelet then \
             evicts pods, not only this one, and accepts no new ones.",
            "Set `ephemeral-storage` under the container's requests and limits: it covers the emptyDir and what the \
             container writes elsewhere. Or set `sizeLimit` on the emptyDir and `readOnlyRootFilesystem: true`.",
        )
    } else {
        (
            "Files that the container writes into its own file system are on the node's disk and have no \
             size limit. When that disk is almost full the kubelet evicts pods, not only this one, and \
             accepts no new ones.",
            "Set `ephemeral-storage` under the container's requests and limits, or `readOnlyRootFilesystem: \
             true` if it writes nothing.",
        )
    };
    let mut finding = Finding::new(
        &workload.id,
        format!(
            "{}: {} may fill the disk of the node",
            workload.id,
            pods::names(&free)
        ),
    )
    .explain(explanation)
    .remedy(remedy)
    .figure("containers", free.len() as f64, "containers");
    match unbound.first().filter(|_| in_volume) {
        Some(volume) => finding = finding.at(volume.span, "no size limit"),
        None => {
            for span in free.iter().filter_map(|c| c.span) {
                finding = finding.at(span, "no ephemeral-storage limit");
            }
        }
    }
    out.report(finding.at(workload.span, "the workload"));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing::{self, fact, span};
    use cofferdam_model::workload::Volume;

    #[test]
    fn a_limit_on_the_volume_or_the_container_is_enough() {
        let env = |kind: VolumeKind, limit: bool| {
            pods::testing::env((2, 2, 2), |w| {
                w.volumes.push(Volume {
                    name: "tmp".to_owned(),
                    span: span(11),
                    kind,
                });
                w.containers[0]
                    .mounts
                    .push(("tmp".to_owned(), fact("/tmp".to_owned(), 12)));
                if limit {
                    w.containers[0].fields.insert(
                        "resources.limits.ephemeral-storage".to_owned(),
                        fact("1Gi".to_owned(), 13),
                    );
                }
            })
        };
        assert_eq!(testing::all(&RULE, &env(VolumeKind::EmptyDir, false)).len(), 1);
        assert!(testing::all(&RULE, &env(VolumeKind::EmptyDir, true)).is_empty());
        let read_only = |kind: VolumeKind| {
            let mut env = env(kind, false);
            env.workloads[0].containers[0].fields.insert(
                "securityContext.readOnlyRootFilesystem".to_owned(),
                fact("true".to_owned(), 14),
            );
            env
        };
        assert!(testing::all(&RULE, &read_only(VolumeKind::BoundedEmptyDir)).is_empty());
        assert_eq!(testing::all(&RULE, &read_only(VolumeKind::EmptyDir)).len(), 1);
    }

    #[test]
    fn the_containers_own_file_system_counts_unless_it_is_read_only() {
        let finding = testing::only(&RULE, &pods::testing::env((2, 2, 2), |_| {}));
        assert_eq!(
            (finding.severity, finding.locations[0].label.as_str()),
            (None, "no ephemeral-storage limit")
        );
    }
}
