//! Objects that are written in part: what an operator or another repository makes may be changed by applying only the
//! fields that differ. Such a part lacks required fields, and is refused only if the object does not exist yet.

use super::object::Object;
use cofferdam_model::Parts;
use cofferdam_model::delivery::{DanglingKind, DefectEffect};
use cofferdam_syntax::tree::Node;
use std::collections::{BTreeMap, BTreeSet};

/// Whether an object that lacks a required field may be meant for one that exists. What has an image is a whole workload,
/// and what selects pods is a whole Service. In which namespace it is says nothing: operators make objects everywhere.
pub(super) fn may_be_laid_over(object: &Object<'_>) -> bool {
    let kind = object.id.kind.as_str();
    let is_kind = is_custom(object.group) || MADE.contains(&kind) || object.id.namespace.is_some();
    let selects = || kind == "Service" && object.at("spec/selector").is_some();
    let is_whole = has_image(object.node) || selects();
    is_kind && object.at("metadata/name").is_some() && !is_whole
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

/// Makes the refusal certain for what these files need themselves: a claim that a pod here mounts, a Service that is routed
/// to, a workload that is scaled, and policies in the namespaces that these files make or run pods in.
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
    let mut named: BTreeMap<(DanglingKind, &str), Vec<Option<&str>>> = BTreeMap::new();
    for reference in &parts.references {
        let name = reference.name.value.as_str();
        let namespaces = named.entry((reference.kind, name)).or_default();
        namespaces.push(reference.namespace.as_deref());
    }
    let is_named = |kind: &str, namespace: Option<&str>, name: &str| {
        let by = match kind {
            "PersistentVolumeClaim" => DanglingKind::Claim,
            "Service" => DanglingKind::Service,
            _ => DanglingKind::ScaleTarget,
        };
        let mut namespaces = named.get(&(by, name)).into_iter().flatten();
        namespaces.any(|other| namespace.zip(*other).is_none_or(|(own, other)| own == other))
    };
    for defect in parts.defects.iter_mut().filter(|defect| is_open(defect.effect)) {
        let Some((kind, id)) = defect.subject.split_once(' ') else {
            continue;
        };
        let (namespace, name) = match id.split_once('/') {
            Some((namespace, name)) => (Some(namespace), name),
            None => (None, id),
        };
        let is_own = || namespace.is_some_and(|name| own.contains(name));
        let is_needed = match MADE.contains(&kind) {
            true => is_named(kind, namespace, name),
            false => POLICIES.contains(&kind) && is_own(),
        };
        if is_needed {
            defect.effect = DefectEffect::Refused;
        }
    }
}

/// Kinds of Kubernetes itself that operators and other programs make.
const MADE: &[&str] = &[
    "Deployment",
    "StatefulSet",
    "DaemonSet",
    "ReplicaSet",
    "Job",
    "CronJob",
    "Pod",
    "Service",
    "PersistentVolumeClaim",
];

/// Kinds of Kubernetes itself that people write.
const POLICIES: &[&str] = &[
    "Ingress",
    "NetworkPolicy",
    "PodDisruptionBudget",
    "HorizontalPodAutoscaler",
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
        // Nor in a namespace of these files, or in one that they do not name.
        for text in [
            part.replace("operators", "shop") + OWN,
            part.replace(", namespace: operators", ""),
        ] {
            let own = effects(&text);
            assert!(
                !own.is_empty() && own.iter().all(|effect| *effect == RefusedIfNew),
                "{own:?}"
            );
        }
        // With an image it is a whole workload.
        let whole = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d, namespace: operators}\nspec: {template: {metadata: {labels: {a: b}}, spec: {containers: [{name: c, image: r.io/a:1}]}}}\n";
        assert_eq!(effects(whole), [Refused]);
        // A wrong value is refused in any case.
        let wrong = monitor.replace("endpoints: [{port: metrics}]", "selector: {}, endpoints: 5");
        assert_eq!(effects(&wrong), [Refused]);
    }

    #[test]
    fn a_part_of_a_claim_is_refused_for_certain_only_if_a_pod_here_mounts_it() {
        use DefectEffect::{Refused, RefusedIfNew};
        let claim = "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: home, namespace: shop}\nspec: {resources: {requests: {storage: 20Gi}}}\n";
        let pod = "---\napiVersion: v1\nkind: Pod\nmetadata: {name: p, namespace: shop}\nspec: {containers: [{name: c, image: r.io/a:1}], volumes: [{name: v, persistentVolumeClaim: {claimName: home}}]}\n";
        assert_eq!(effects(claim), [RefusedIfNew]);
        assert_eq!(effects(&format!("{claim}{OWN}")), [RefusedIfNew]);
        assert_eq!(
            effects(&format!(
                "{claim}{}",
                pod.replace("claimName: home", "claimName: other")
            )),
            [RefusedIfNew]
        );
        assert_eq!(effects(&format!("{claim}{pod}")), [Refused]);
        assert_eq!(
            effects(&format!(
                "{claim}{}",
                pod.replace("namespace: shop", "namespace: other")
            )),
            [RefusedIfNew]
        );
        let unnamed = claim.replace(", namespace: shop", "");
        assert_eq!(effects(&unnamed), [RefusedIfNew]);
        assert_eq!(effects(&format!("{unnamed}{pod}")), [Refused]);
    }

    #[test]
    fn a_service_that_selects_pods_or_is_routed_to_is_whole() {
        use DefectEffect::{Refused, RefusedIfNew};
        let service = "apiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: shop, annotations: {a: b}}\nspec: {type: LoadBalancer}\n";
        let route = "---\napiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: i, namespace: shop}\nspec: {rules: [{http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]}}]}\n";
        let open = effects(service);
        assert!(open.iter().all(|effect| *effect == RefusedIfNew), "{open:?}");
        for whole in [
            format!("{service}{route}"),
            service.replace("{type: LoadBalancer}", "{selector: {app: web}}"),
        ] {
            assert!(effects(&whole).iter().all(|effect| *effect == Refused), "{whole}");
        }
        // A policy in a namespace of these files is theirs.
        let policy = "apiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: p, namespace: shop}\nspec: {minAvailable: 1}\n";
        let (elsewhere, own) = (effects(policy), effects(&format!("{policy}{OWN}")));
        assert!(
            elsewhere.iter().all(|effect| *effect == RefusedIfNew),
            "{elsewhere:?}"
        );
        assert!(own.iter().all(|effect| *effect == Refused), "{own:?}");
    }
}
