//! A pod that writes without bound fills its node's disk and takes its neighbours with it.

use super::pods;
use crate::finding::{Finding, Severity};
use crate::rule::{Context, Fix, Group, Rule, Verdicts};
use cofferdam_model::workload::{Container, VolumeKind};

/// The rule.
pub const RULE: Rule = Rule {
    id: "ephemeral-storage-missing",
    group: Group::Scaling,
    severity: Severity::Low,
    fix: Fix::Proposed,
    summary: "a pod writes to an emptyDir that has no bound",
    page: include_str!("../../../../docs/rules/ephemeral-storage-missing.md"),
    check,
};

fn check(cx: &Context<'_>, out: &mut Verdicts) {
    for workload in pods::whole(cx.env) {
        let unbound: Vec<_> = workload.volumes.iter().filter(|v| v.kind == VolumeKind::EmptyDir).collect();
        let writes = |c: &&Container| c.mounts.iter().any(|(name, _)| unbound.iter().any(|v| v.name == *name));
        let free: Vec<&Container> = workload
            .containers
            .iter()
            .filter(writes)
            .filter(|c| !c.fields.contains_key("resources.limits.ephemeral-storage"))
            .collect();
        let Some(first) = unbound.first().filter(|_| !free.is_empty()) else { continue };
        out.report(
            Finding::new(workload.id.to_string(), format!("{}: {} may fill the disk of the node", workload.id, pods::names(&free)))
                .explain("An emptyDir without a size limit grows until the node's disk is short; the kubelet then evicts pods, not only this one, and takes no new ones.")
                .remedy("Set `sizeLimit` on the emptyDir, or `ephemeral-storage` under the container's requests and limits.")
                .figure("containers", free.len() as f64, "containers")
                .at(first.span, "no size limit")
                .at(workload.span, "the workload"),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing::{self, fact, span};
    use cofferdam_model::workload::Volume;

    #[test]
    fn a_bound_on_the_volume_or_the_container_is_enough() {
        let env = |kind: VolumeKind, limit: bool| {
            pods::testing::env((2, 2, 2), |w| {
                w.volumes.push(Volume { name: "tmp".to_owned(), span: span(11), kind });
                w.containers[0].mounts.push(("tmp".to_owned(), fact("/tmp".to_owned(), 12)));
                if limit {
                    w.containers[0].fields.insert("resources.limits.ephemeral-storage".to_owned(), fact("1Gi".to_owned(), 13));
                }
            })
        };
        assert_eq!(testing::all(&RULE, &env(VolumeKind::EmptyDir, false)).len(), 1);
        assert!(testing::all(&RULE, &env(VolumeKind::EmptyDir, true)).is_empty());
        assert!(testing::all(&RULE, &env(VolumeKind::BoundedEmptyDir, false)).is_empty());
        assert!(testing::all(&RULE, &pods::testing::env((2, 2, 2), |_| {})).is_empty());
    }
}
