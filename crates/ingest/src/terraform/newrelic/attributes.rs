//! Attributes of New Relic's events that name a service. Alerts and service levels find their owner by them.

/// Attributes that name the service itself.
pub(super) const SERVICE: &[&str] = &[
    "app",
    "appname",
    "applicationname",
    "container",
    "containername",
    "deployment",
    "deploymentname",
    "entityname",
    "k8scontainername",
    "k8sdeploymentname",
    "labelapp",
    "labelsapp",
    "service",
    "servicename",
    "workload",
    "workloadname",
];
