//! Which labels and attributes of a query name a part of the platform. Others (`path`, `handler`, `queue`, `datname`) have
//! values of their own, so that a value that resembles a service's name means nothing.

use cofferdam_syntax::tree::fold;

/// Folded labels whose values are names of services, workloads, topics, groups or cells.
const NAMING: &[&str] = &[
    "app",
    "application",
    "applicationname",
    "appkubernetesioname",
    "appname",
    "cell",
    "cellid",
    "cellname",
    "cluster",
    "clustername",
    "component",
    "consumergroup",
    "container",
    "containername",
    "daemonset",
    "deployment",
    "deploymentname",
    "entityname",
    "group",
    "groupid",
    "job",
    "k8scontainername",
    "k8sdeploymentname",
    "kafkaconsumergroup",
    "kafkatopic",
    "labelapp",
    "labelsapp",
    "service",
    "servicename",
    "statefulset",
    "topic",
    "topicname",
    "workload",
    "workloadname",
];

/// Whether the values of a label or attribute name a part of the platform.
pub(crate) fn names_a_part(label: &str) -> bool {
    NAMING.contains(&fold(label).as_str())
}
