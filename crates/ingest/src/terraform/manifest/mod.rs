//! Objects of Kubernetes and services of Cloud Run that Terraform declares, passed to the reader of
//! Kubernetes as what they are. Terraform writes blocks and `snake_case` where manifests have maps, lists and
//! `camelCase`; the values and their places stay.

mod cloud_run;
mod fields;
mod json;
mod pass;

use super::Context;
use cloud_run::{cloud_run, cloud_run_v2};
use cofferdam_model::Parts;
use cofferdam_syntax::SourceMap;
use cofferdam_syntax::tree::Node;
use cofferdam_syntax::yaml::{self, Stream};
use fields::{converted, head};
use json::in_blocks;
use pass::give;

/// Resource types, API version and kind.
const KINDS: &[(&[&str], &str, &str)] = &[
    (
        &["kubernetes_deployment", "kubernetes_deployment_v1"],
        "apps/v1",
        "Deployment",
    ),
    (
        &["kubernetes_stateful_set", "kubernetes_stateful_set_v1"],
        "apps/v1",
        "StatefulSet",
    ),
    (
        &["kubernetes_daemonset", "kubernetes_daemon_set_v1"],
        "apps/v1",
        "DaemonSet",
    ),
    (&["kubernetes_job", "kubernetes_job_v1"], "batch/v1", "Job"),
    (
        &["kubernetes_cron_job", "kubernetes_cron_job_v1"],
        "batch/v1",
        "CronJob",
    ),
    (&["kubernetes_pod", "kubernetes_pod_v1"], "v1", "Pod"),
    (
        &[
            "kubernetes_horizontal_pod_autoscaler",
            "kubernetes_horizontal_pod_autoscaler_v1",
        ],
        "autoscaling/v1",
        "HorizontalPodAutoscaler",
    ),
    (
        &[
            "kubernetes_horizontal_pod_autoscaler_v2",
            "kubernetes_horizontal_pod_autoscaler_v2beta2",
        ],
        "autoscaling/v2",
        "HorizontalPodAutoscaler",
    ),
    (
        &[
            "kubernetes_pod_disruption_budget",
            "kubernetes_pod_disruption_budget_v1",
        ],
        "policy/v1",
        "PodDisruptionBudget",
    ),
    (
        &["kubernetes_network_policy", "kubernetes_network_policy_v1"],
        "networking.k8s.io/v1",
        "NetworkPolicy",
    ),
    (&["kubernetes_service", "kubernetes_service_v1"], "v1", "Service"),
    (
        &["kubernetes_config_map", "kubernetes_config_map_v1"],
        "v1",
        "ConfigMap",
    ),
    (
        &["kubernetes_namespace", "kubernetes_namespace_v1"],
        "v1",
        "Namespace",
    ),
    (
        &["kubernetes_service_account", "kubernetes_service_account_v1"],
        "v1",
        "ServiceAccount",
    ),
];

/// Reads every such resource.
pub(super) fn fill(context: &Context<'_>, parts: &mut Parts) {
    for (types, version, kind) in KINDS {
        for resource in types.iter().flat_map(|t| context.managed(t)) {
            let resource = in_blocks(context, resource);
            let mut object = head(version, kind, resource.span);
            for (key, value) in resource.body.entries() {
                if matches!(&*key.text, "metadata" | "spec" | "data") {
                    let (key, value) = converted(key, value, true);
                    object.insert(key, value);
                }
            }
            give(context, Node::map(object, resource.span), parts);
        }
    }
    for resource in context.managed("kubernetes_manifest") {
        if let Some(manifest) = resource.body.get("manifest") {
            give(context, manifest.clone(), parts);
        }
    }
    for resource in context.managed("kubectl_manifest") {
        let Some(body) = resource.body.get("yaml_body") else {
            continue;
        };
        if body.as_map().is_some() {
            // The result of yamlencode() of an object, kept as an object.
            give(context, body.clone(), parts);
        } else if let Some(stream) = text_of(&context.place.repo.sources, body) {
            for document in stream.documents {
                give(context, document, parts);
            }
        }
    }
    for resource in context.managed("google_cloud_run_service") {
        cloud_run(context, &in_blocks(context, resource), parts);
    }
    for resource in context.managed("google_cloud_run_v2_service") {
        cloud_run_v2(context, &in_blocks(context, resource), parts);
    }
}

/// The documents in a text.
fn text_of(sources: &SourceMap, body: &Node) -> Option<Stream> {
    yaml::parse_embedded(body, &sources.file(body.span.file).text, sources.chains())
}

#[cfg(test)]
mod tests;
