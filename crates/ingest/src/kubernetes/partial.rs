//! Objects that are written in part: what an operator or another repository makes may be changed by applying only the
//! fields that differ. Such a part lacks required fields, and is refused only if the object does not exist yet.

use super::object::Object;
use cofferdam_model::Parts;
use cofferdam_model::delivery::DefectEffect;
use cofferdam_syntax::tree::Node;
use std::collections::BTreeSet;

/// Whether an object that lacks a required field may be meant for one that exists. What has an image is a whole workload,
/// and the kinds of Kubernetes itself in a namespace of these files are made by these files.
pub(super) fn may_be_laid_over(object: &Object<'_>) -> bool {
    let has_namespace = object.id.namespace.is_some();
    (is_custom(object.group) || has_namespace)
        && object.at("metadata/name").is_some()
        && !has_image(object.node)
}

/// Whether a group is none of Kubernetes itself: operators make objects of others.
fn is_custom(group: &str) -> bool {
    group.contains('.') && !group.ends_with(".k8s.io") || group.ends_with(".x-k8s.io")
}

fn has_image(node: &Node) -> bool {
    let mut entries = node.entries();
    entries.any(|(key, value)| &*key.text == "image" && value.as_str().is_some() || has_image(value))
        || node.items().iter().any(has_image)
}

/// Makes the refusal of built-in objects certain in the namespaces that these files make or run pods in.
pub(super) fn finish(parts: &mut Parts) {
    let is_open = |effect: DefectEffect| effect == DefectEffect::RefusedIfNew;
    if !parts.defects.iter().any(|defect| is_open(defect.effect)) {
        return;
    }
    let declared = parts.namespaces.iter().map(|namespace| namespace.name.as_str());
    let run_in = parts
        .workloads
        .iter()
        .filter(|w| w.containers.iter().any(|c| c.image.is_some()));
    let own: BTreeSet<&str> = declared
        .chain(run_in.filter_map(|workload| workload.id.namespace.as_deref()))
        .collect();
    for defect in parts.defects.iter_mut().filter(|defect| is_open(defect.effect)) {
        let Some((kind, id)) = defect.subject.split_once(' ') else {
            continue;
        };
        let namespace = id.split_once('/').map(|(namespace, _)| namespace);
        if BUILT_IN.contains(&kind) && namespace.is_some_and(|name| own.contains(name)) {
            defect.effect = DefectEffect::Refused;
        }
    }
}

/// Kinds of Kubernetes itself that people write.
const BUILT_IN: &[&str] = &[
    "Deployment",
    "StatefulSet",
    "DaemonSet",
    "ReplicaSet",
    "Job",
    "CronJob",
    "Pod",
    "Service",
    "Ingress",
    "NetworkPolicy",
    "PodDisruptionBudget",
    "HorizontalPodAutoscaler",
    "PersistentVolumeClaim",
    "Role",
    "RoleBinding",
    "ResourceQuota",
    "LimitRange",
];

#[cfg(test)]
mod tests {
    use super::super::tests::finished;
    use super::*;

    const OWN: &str = "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n";

    fn effects(text: &str) -> Vec<DefectEffect> {
        finished(text).defects.iter().map(|d| d.effect).collect()
    }

    #[test]
    fn a_part_of_what_an_operator_makes_is_refused_only_if_it_is_new() {
        use DefectEffect::{Refused, RefusedIfNew};
        let monitor = "apiVersion: monitoring.coreos.com/v1\nkind: ServiceMonitor\nmetadata: {name: m, namespace: operators}\nspec: {endpoints: [{port: metrics}]}\n";
        assert_eq!(effects(monitor), [RefusedIfNew]);
        // Operators make monitors in the namespaces of applications too.
        assert_eq!(
            effects(&(monitor.replace("operators", "shop") + OWN)),
            [RefusedIfNew]
        );
        let part = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d, namespace: operators}\nspec: {template: {spec: {nodeSelector: {a: b}}}}\n";
        assert!(
            effects(part).iter().all(|effect| *effect == RefusedIfNew),
            "{:?}",
            effects(part)
        );
        assert!(!effects(part).is_empty());
        let own = effects(&(part.replace("operators", "shop") + OWN));
        assert!(
            !own.is_empty() && own.iter().all(|effect| *effect == Refused),
            "{own:?}"
        );
        // With an image it is a whole workload.
        let whole = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d, namespace: operators}\nspec: {template: {metadata: {labels: {a: b}}, spec: {containers: [{name: c, image: r.io/a:1}]}}}\n";
        assert_eq!(effects(whole), [Refused]);
        let unnamed = part.replace(", namespace: operators", "");
        assert!(effects(&unnamed).iter().all(|effect| *effect == Refused));
        // A wrong value is refused in any case.
        let wrong = monitor.replace("endpoints: [{port: metrics}]", "selector: {}, endpoints: 5");
        assert_eq!(effects(&wrong), [Refused]);
    }
}
