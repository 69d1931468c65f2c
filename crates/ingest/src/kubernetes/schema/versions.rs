//! API versions that Kubernetes no longer serves, and fields that another version of a kind has.
//!
//! Source: the deprecated API migration guide (kubernetes.io/docs/reference/using-api/deprecation-guide).

/// A removed API version of a kind.
#[derive(Debug, Clone, Copy)]
pub(super) struct Removed {
    version: &'static str,
    /// The removed kinds.
    kinds: &'static [&'static str],
    /// The release that no longer serves it.
    pub(super) since: &'static str,
    /// The replacement; empty if there is none.
    replacement: &'static str,
}

impl Removed {
    /// The replacement, if there is one.
    pub(super) fn replacement(&self) -> Option<&'static str> {
        (!self.replacement.is_empty()).then_some(self.replacement)
    }
}

const fn gone(
    version: &'static str,
    kinds: &'static [&'static str],
    since: &'static str,
    replacement: &'static str,
) -> Removed {
    Removed {
        version,
        kinds,
        since,
        replacement,
    }
}

const WEBHOOKS: &[&str] = &["MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"];
const RBAC: &[&str] = &["ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"];
const FLOW: &[&str] = &["FlowSchema", "PriorityLevelConfiguration"];
const HPA: &[&str] = &["HorizontalPodAutoscaler"];

static REMOVED: &[Removed] = &[
    gone(
        "extensions/v1beta1",
        &["DaemonSet", "Deployment", "ReplicaSet"],
        "1.16",
        "apps/v1",
    ),
    gone(
        "extensions/v1beta1",
        &["NetworkPolicy"],
        "1.16",
        "networking.k8s.io/v1",
    ),
    gone("extensions/v1beta1", &["PodSecurityPolicy"], "1.16", ""),
    gone("extensions/v1beta1", &["Ingress"], "1.22", "networking.k8s.io/v1"),
    gone("apps/v1beta1", &["Deployment", "StatefulSet"], "1.16", "apps/v1"),
    gone(
        "apps/v1beta2",
        &["DaemonSet", "Deployment", "ReplicaSet", "StatefulSet"],
        "1.16",
        "apps/v1",
    ),
    gone("batch/v2alpha1", &["CronJob"], "1.21", "batch/v1"),
    gone("batch/v1beta1", &["CronJob"], "1.25", "batch/v1"),
    gone("autoscaling/v2beta1", HPA, "1.25", "autoscaling/v2"),
    gone("autoscaling/v2beta2", HPA, "1.26", "autoscaling/v2"),
    gone("policy/v1beta1", &["PodDisruptionBudget"], "1.25", "policy/v1"),
    gone("policy/v1beta1", &["PodSecurityPolicy"], "1.25", ""),
    gone(
        "networking.k8s.io/v1beta1",
        &["Ingress", "IngressClass"],
        "1.22",
        "networking.k8s.io/v1",
    ),
    gone(
        "rbac.authorization.k8s.io/v1alpha1",
        RBAC,
        "1.22",
        "rbac.authorization.k8s.io/v1",
    ),
    gone(
        "rbac.authorization.k8s.io/v1beta1",
        RBAC,
        "1.22",
        "rbac.authorization.k8s.io/v1",
    ),
    gone(
        "admissionregistration.k8s.io/v1beta1",
        WEBHOOKS,
        "1.22",
        "admissionregistration.k8s.io/v1",
    ),
    gone(
        "apiextensions.k8s.io/v1beta1",
        &["CustomResourceDefinition"],
        "1.22",
        "apiextensions.k8s.io/v1",
    ),
    gone(
        "apiregistration.k8s.io/v1beta1",
        &["APIService"],
        "1.22",
        "apiregistration.k8s.io/v1",
    ),
    gone(
        "certificates.k8s.io/v1beta1",
        &["CertificateSigningRequest"],
        "1.22",
        "certificates.k8s.io/v1",
    ),
    gone(
        "coordination.k8s.io/v1beta1",
        &["Lease"],
        "1.22",
        "coordination.k8s.io/v1",
    ),
    gone(
        "scheduling.k8s.io/v1alpha1",
        &["PriorityClass"],
        "1.22",
        "scheduling.k8s.io/v1",
    ),
    gone(
        "scheduling.k8s.io/v1beta1",
        &["PriorityClass"],
        "1.22",
        "scheduling.k8s.io/v1",
    ),
    gone(
        "storage.k8s.io/v1beta1",
        &["CSIDriver", "CSINode", "StorageClass", "VolumeAttachment"],
        "1.22",
        "storage.k8s.io/v1",
    ),
    gone(
        "storage.k8s.io/v1beta1",
        &["CSIStorageCapacity"],
        "1.27",
        "storage.k8s.io/v1",
    ),
    gone(
        "discovery.k8s.io/v1beta1",
        &["EndpointSlice"],
        "1.25",
        "discovery.k8s.io/v1",
    ),
    gone("events.k8s.io/v1beta1", &["Event"], "1.25", "events.k8s.io/v1"),
    gone(
        "node.k8s.io/v1alpha1",
        &["RuntimeClass"],
        "1.22",
        "node.k8s.io/v1",
    ),
    gone("node.k8s.io/v1beta1", &["RuntimeClass"], "1.25", "node.k8s.io/v1"),
    gone(
        "flowcontrol.apiserver.k8s.io/v1beta1",
        FLOW,
        "1.26",
        "flowcontrol.apiserver.k8s.io/v1",
    ),
    gone(
        "flowcontrol.apiserver.k8s.io/v1beta2",
        FLOW,
        "1.29",
        "flowcontrol.apiserver.k8s.io/v1",
    ),
    gone(
        "flowcontrol.apiserver.k8s.io/v1beta3",
        FLOW,
        "1.32",
        "flowcontrol.apiserver.k8s.io/v1",
    ),
];

/// Whether and since when an API version of a kind is removed.
pub(super) fn removed(version: &str, kind: &str) -> Option<&'static Removed> {
    REMOVED
        .iter()
        .find(|r| r.version == version && r.kinds.contains(&kind))
}

/// Groups and versions of Kubernetes itself whose kinds are all in the tables, or never in files.
/// A kind of another group in one of them is refused.
pub(super) const STABLE: &[&str] = &[
    "v1",
    "apps/v1",
    "autoscaling/v1",
    "autoscaling/v2",
    "batch/v1",
    "networking.k8s.io/v1",
    "policy/v1",
    "rbac.authorization.k8s.io/v1",
    "scheduling.k8s.io/v1",
    "storage.k8s.io/v1",
];

/// A field that only another version of the kind has.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moved {
    ty: &'static str,
    field: &'static str,
    /// The version that has it.
    pub(super) version: &'static str,
    /// The equivalent in this version, from the map that contains the field.
    pub(super) instead: &'static str,
}

const fn moved(ty: &'static str, field: &'static str, version: &'static str, instead: &'static str) -> Moved {
    Moved {
        ty,
        field,
        version,
        instead,
    }
}

const HPA_SPEC: &str = "autoscaling.v2.HorizontalPodAutoscalerSpec";
const CRD_SPEC: &str = "apiextensions.v1.CustomResourceDefinitionSpec";

static MOVED: &[Moved] = &[
    moved(
        HPA_SPEC,
        "targetCPUUtilizationPercentage",
        "autoscaling/v1",
        "metrics[].resource.target.averageUtilization",
    ),
    moved(
        "autoscaling.v1.HorizontalPodAutoscalerSpec",
        "metrics",
        "autoscaling/v2",
        "targetCPUUtilizationPercentage",
    ),
    moved(
        "autoscaling.v1.HorizontalPodAutoscalerSpec",
        "behavior",
        "autoscaling/v2",
        "nothing: use apiVersion autoscaling/v2",
    ),
    moved(
        "autoscaling.v2.ResourceMetricSource",
        "targetAverageUtilization",
        "autoscaling/v2beta1",
        "target.averageUtilization",
    ),
    moved(
        "autoscaling.v2.ResourceMetricSource",
        "targetAverageValue",
        "autoscaling/v2beta1",
        "target.averageValue",
    ),
    moved(
        "autoscaling.v2.PodsMetricSource",
        "metricName",
        "autoscaling/v2beta1",
        "metric.name",
    ),
    moved(
        "autoscaling.v2.PodsMetricSource",
        "targetAverageValue",
        "autoscaling/v2beta1",
        "target.averageValue",
    ),
    moved(
        "autoscaling.v2.ObjectMetricSource",
        "metricName",
        "autoscaling/v2beta1",
        "metric.name",
    ),
    moved(
        "autoscaling.v2.ObjectMetricSource",
        "targetValue",
        "autoscaling/v2beta1",
        "target.value",
    ),
    moved(
        "autoscaling.v2.ExternalMetricSource",
        "metricName",
        "autoscaling/v2beta1",
        "metric.name",
    ),
    moved(
        "autoscaling.v2.ExternalMetricSource",
        "metricSelector",
        "autoscaling/v2beta1",
        "metric.selector",
    ),
    moved(
        "autoscaling.v2.ExternalMetricSource",
        "targetValue",
        "autoscaling/v2beta1",
        "target.value",
    ),
    moved(
        "autoscaling.v2.ExternalMetricSource",
        "targetAverageValue",
        "autoscaling/v2beta1",
        "target.averageValue",
    ),
    moved(
        "networking.v1.IngressBackend",
        "serviceName",
        "networking.k8s.io/v1beta1",
        "service.name",
    ),
    moved(
        "networking.v1.IngressBackend",
        "servicePort",
        "networking.k8s.io/v1beta1",
        "service.port",
    ),
    moved(
        "networking.v1.IngressSpec",
        "backend",
        "networking.k8s.io/v1beta1",
        "defaultBackend",
    ),
    moved(
        "apps.v1.DeploymentSpec",
        "rollbackTo",
        "extensions/v1beta1",
        "`kubectl rollout undo`",
    ),
    moved(
        CRD_SPEC,
        "validation",
        "apiextensions.k8s.io/v1beta1",
        "versions[].schema",
    ),
    moved(
        CRD_SPEC,
        "version",
        "apiextensions.k8s.io/v1beta1",
        "versions[].name",
    ),
    moved(
        CRD_SPEC,
        "subresources",
        "apiextensions.k8s.io/v1beta1",
        "versions[].subresources",
    ),
    moved(
        CRD_SPEC,
        "additionalPrinterColumns",
        "apiextensions.k8s.io/v1beta1",
        "versions[].additionalPrinterColumns",
    ),
];

/// The version that has `field` if the type called `ty` no longer or not yet has it.
pub(super) fn of_another_version(ty: &str, field: &str) -> Option<&'static Moved> {
    MOVED.iter().find(|m| m.ty == ty && m.field == field)
}

#[cfg(test)]
mod tests {
    use super::super::table::table;
    use super::*;

    #[test]
    fn removed_versions_are_not_in_the_tables_and_their_replacements_are() {
        for gone in REMOVED {
            for kind in gone.kinds {
                assert!(
                    table().kind(gone.version, kind).is_none(),
                    "{} {kind}",
                    gone.version
                );
                let groups_kept = ["flowcontrol", "certificates", "events"];
                if let Some(new) = gone.replacement()
                    && !groups_kept.iter().any(|g| new.starts_with(g))
                    && !["CSINode", "VolumeAttachment", "CSIStorageCapacity"].contains(kind)
                {
                    assert!(table().kind(new, kind).is_some(), "{new} {kind}");
                }
            }
        }
        assert_eq!(removed("extensions/v1beta1", "Ingress").unwrap().since, "1.22");
        assert!(removed("apps/v1", "Deployment").is_none());
    }
}
