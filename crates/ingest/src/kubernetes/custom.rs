//! Custom resources that contain a platform's ideas under their own kinds.

use super::object::{Object, duration, text};
use crate::facts::NodeFacts as _;
use crate::ideas;
use cofferdam_model::calls::{Breaker, CallSite, CallTarget};
use cofferdam_model::delivery::Delivery;
use cofferdam_model::kafka::{KafkaCluster, Topic};
use cofferdam_model::{Fact, Owner, Parts, units};
use cofferdam_syntax::tree::{Key, Node, Value};

/// Groups without kinds that describe how a platform behaves; Kubernetes' own are left out by their name.
const OTHER_GROUPS: &[&str] = &[
    "argoproj.io",
    "cert-manager.io",
    "tekton.dev",
    "cilium.io",
    "crossplane.io",
];

/// Reads an object of a kind that no other interpreter knows.
pub(super) fn interpret(object: &Object<'_>, parts: &mut Parts) {
    match (object.group, object.id.kind.as_str()) {
        ("kafka.strimzi.io", "KafkaTopic") => topic(object, parts),
        ("kafka.strimzi.io", "Kafka") => kafka(object, parts),
        ("flagger.app", "Canary") => flagger(object, parts),
        ("" | "image.openshift.io", "ImageStream") => parts.image_streams.push(object.id.clone()),
        (group, _) if group.is_empty() || group.ends_with(".k8s.io") || OTHER_GROUPS.contains(&group) => {}
        _ => {
            if let Some(spec) = object.spec() {
                let before = parts.calls.len();
                ideas::read_section(&under_kind(object, spec), &object.owner(), object.place, parts);
                passive_check(object, spec, parts);
                // What a controller applies on the way to a service is no caller itself.
                for call in parts.calls.iter_mut().skip(before) {
                    call.site = CallSite::Route;
                    call.owner = Owner::named(object.subject());
                }
            }
        }
    }
}

/// Envoy Gateway ejects a host whose answers fail: its passive health check is the outlier detection of other meshes.
fn passive_check(object: &Object<'_>, spec: &Node, parts: &mut Parts) {
    let passive = spec.at("healthCheck/passive");
    let Some(passive) = passive.filter(|_| object.group == "gateway.envoyproxy.io") else {
        return;
    };
    let mut breaker = Breaker::at(passive.span, object.owner(), object.subject());
    breaker.protects = Some(CallTarget::Service);
    breaker.consecutive_failures = [
        "consecutive5XxErrors",
        "consecutiveGatewayErrors",
        "consecutiveLocalOriginFailures",
    ]
    .iter()
    .find_map(|key| passive.get(key)?.u32_fact());
    breaker.window = duration(passive.get("interval"));
    breaker.open_time = duration(passive.get("baseEjectionTime"));
    parts.breakers.push(breaker);
}

/// The specification, under the kind if only that shows what its lists are: the `targets` of a `CellRouting`
/// are cells.
fn under_kind(object: &Object<'_>, spec: &Node) -> Node {
    if !object.id.kind.to_ascii_lowercase().contains("cell") {
        return spec.clone();
    }
    let key = Key {
        text: object.id.kind.as_str().into(),
        span: object.span,
    };
    Node {
        span: spec.span,
        value: Value::Map([(key, spec.clone())].into_iter().collect()),
    }
}

/// A topic of Strimzi's operator.
fn topic(object: &Object<'_>, parts: &mut Parts) {
    let Some(spec) = object.spec() else { return };
    let named =
        text(spec, "topicName").unwrap_or_else(|| Fact::declared(object.id.name.clone(), object.span));
    let config = |key: &str| spec.get("config")?.get(key);
    parts.topics.push(Topic {
        name: named,
        partitions: spec.get("partitions").and_then(Node::u32_fact),
        replication_factor: spec.get("replicas").and_then(Node::u32_fact),
        min_insync_replicas: config("min.insync.replicas").and_then(Node::u32_fact),
        // A negative retention means without end.
        retention: config("retention.ms").and_then(|n| n.fact(units::millis)),
        peak_rate: None,
        said: Default::default(),
    });
}

fn kafka(object: &Object<'_>, parts: &mut Parts) {
    parts.kafka_clusters.push(KafkaCluster {
        name: object.id.name.clone(),
        brokers: object.at("spec/kafka/replicas").and_then(Node::u32_fact),
        version: object.at("spec/kafka/version").and_then(Node::text_fact),
        min_insync_replicas: object
            .at("spec/kafka/config")
            .and_then(|config| config.get("min.insync.replicas")?.u32_fact()),
        ..KafkaCluster::default()
    });
}

/// Flagger shifts traffic in steps and rolls back if its analysis fails.
fn flagger(object: &Object<'_>, parts: &mut Parts) {
    let Some(target) = object.at("spec/targetRef").and_then(|t| text(t, "name")) else {
        return;
    };
    let place = object.at("spec/analysis").map_or(object.span, |n| n.span);
    parts.deliveries.push(Delivery {
        name: object.subject(),
        owner: object.owner_named(&target.value),
        span: Some(object.span),
        canary: Some(Fact::declared(true, place)),
        rollback: Some(Fact::declared(true, place)),
        declarable: true,
        ..Delivery::default()
    });
}

#[cfg(test)]
mod tests {
    use super::super::tests::read;
    use cofferdam_model::calls::CallSite;

    #[test]
    fn strimzi_declares_topics() {
        let env = read(
            "apiVersion: kafka.strimzi.io/v1beta2\nkind: KafkaTopic\nmetadata: {name: events}\nspec: {partitions: 12, replicas: 3, config: {retention.ms: 604800000, min.insync.replicas: 2}}\n",
        );
        let t = &env.topics[0];
        assert_eq!(
            (t.name.value.as_str(), t.partitions.as_ref().unwrap().value),
            ("events", 12)
        );
        assert_eq!(t.retention.as_ref().unwrap().value.as_secs(), 7 * 86_400);
        assert_eq!(t.min_insync_replicas.as_ref().unwrap().value, 2);
    }

    #[test]
    fn a_traffic_policy_is_a_route_and_its_passive_check_a_breaker() {
        let env = read(
            "apiVersion: gateway.envoyproxy.io/v1alpha1\nkind: BackendTrafficPolicy\nmetadata: {name: web, namespace: edge}\nspec:\n  retry: {numRetries: 2, retryOn: {triggers: [reset]}}\n  healthCheck: {passive: {consecutive5XxErrors: 3, interval: 2s, baseEjectionTime: 30s}}\n",
        );
        assert_eq!(env.calls[0].site, CallSite::Route);
        assert_eq!(
            env.calls[0].owner.name.as_deref(),
            Some("BackendTrafficPolicy edge/web")
        );
        let b = &env.breakers[0];
        assert_eq!(b.consecutive_failures.as_ref().unwrap().value, 3);
        assert_eq!(b.open_time.as_ref().unwrap().value.as_secs(), 30);
        let active = read(
            "apiVersion: gateway.envoyproxy.io/v1alpha1\nkind: BackendTrafficPolicy\nmetadata: {name: web}\nspec: {healthCheck: {active: {interval: 2s}}}\n",
        );
        assert!(active.breakers.is_empty());
    }

    #[test]
    fn ideas_in_custom_resources_count_and_schemas_do_not() {
        let cells = "cells: [{name: us, weight: 60}, {name: eu, weight: 40}]";
        let env = read(&format!(
            "apiVersion: platform.example.com/v1\nkind: CellRouter\nmetadata: {{name: router}}\nspec: {{{cells}}}\n"
        ));
        assert_eq!(env.cells.len(), 2);
        let env = read(
            "apiVersion: routing.example.com/v1\nkind: CellRouting\nmetadata: {name: cells}\nspec: {targets: [{name: us, trafficPercent: 60}, {name: eu, trafficPercent: 40}], healthCheck: {path: /health}}\n",
        );
        assert_eq!(env.cells.len(), 2, "the kind says what the targets are");
        assert!(env.routings[0].health_path.is_some());
        let env = read(&format!(
            "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {{name: x}}\nspec: {{{cells}}}\n"
        ));
        assert!(env.cells.is_empty());
    }
}
