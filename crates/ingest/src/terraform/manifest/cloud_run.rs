//! Services of Cloud Run, in both versions of its API, as the Knative services that they are.

use super::fields::{converted, head};
use super::pass::read;
use crate::terraform::Context;
use cofferdam_model::workload::Completeness;
use cofferdam_model::{Fact, Parts};
use cofferdam_render::hcl::Resource;
use cofferdam_syntax::tree::{Key, Map, Node, Value};

pub(super) fn is_known(node: &Node) -> bool {
    match &node.value {
        Value::Unknown(_) => false,
        Value::Seq(items) => items.iter().all(is_known),
        Value::Map(map) => map.iter().all(|(_, value)| is_known(value)),
        Value::Null | Value::Scalar(_) => true,
    }
}

/// The service's name and place, and, as Cloud Run writes it, its location.
fn service_head(resource: &Resource) -> Map {
    let span = resource.span;
    let mut metadata = Map::default();
    if let Some((name, value)) = resource.body.as_map().and_then(|b| b.entry("name")) {
        metadata.insert(name.clone(), value.clone());
    }
    let location = resource
        .body
        .get("location")
        .cloned()
        .unwrap_or_else(|| Node::text("", span));
    let labels = [(Key::new("cloud.googleapis.com/location", location.span), location)];
    metadata.insert(
        Key::new("labels", span),
        Node::map(labels.into_iter().collect(), span),
    );
    let mut object = head("serving.knative.dev/v1", "Service", span);
    object.insert(Key::new("metadata", span), Node::map(metadata, span));
    object
}

pub(super) fn cloud_run(context: &Context<'_>, resource: &Resource, parts: &mut Parts) {
    let mut object = service_head(resource);
    let spec = resource
        .body
        .as_map()
        .and_then(|b| b.entry("template"))
        .map(|(name, value)| converted(name, value, true));
    object.insert(
        Key::new("spec", resource.span),
        Node::map(spec.into_iter().collect(), resource.span),
    );
    serve(context, resource, &Node::map(object, resource.span), parts);
}

/// The second version of the API has other names for the same fields.
pub(super) fn cloud_run_v2(context: &Context<'_>, resource: &Resource, parts: &mut Parts) {
    let span = resource.span;
    let Some(template) = crate::terraform::inner(&resource.body, "template") else {
        return;
    };
    let mut annotations = Map::default();
    let scalings = [
        crate::terraform::inner(template, "scaling"),
        crate::terraform::inner(&resource.body, "scaling"),
    ];
    for (from, to) in [
        ("min_instance_count", "autoscaling.knative.dev/minScale"),
        ("max_instance_count", "autoscaling.knative.dev/maxScale"),
    ] {
        if let Some((found, value)) = scalings.iter().flatten().find_map(|s| s.as_map()?.entry(from)) {
            annotations.insert(Key::new(to, found.span), value.clone());
        }
    }
    if let Some(access) = crate::terraform::inner(template, "vpc_access") {
        for (from, to) in [
            ("connector", "run.googleapis.com/vpc-access-connector"),
            ("egress", "run.googleapis.com/vpc-access-egress"),
        ] {
            if let Some((found, value)) = access.as_map().and_then(|a| a.entry(from)) {
                annotations.insert(Key::new(to, found.span), value.clone());
            }
        }
    }
    let mut spec = Map::default();
    for (from, to) in [
        ("max_instance_request_concurrency", "containerConcurrency"),
        ("service_account", "serviceAccountName"),
    ] {
        if let Some((found, value)) = template.as_map().and_then(|t| t.entry(from)) {
            spec.insert(Key::new(to, found.span), value.clone());
        }
    }
    let containers: Vec<Node> = cofferdam_render::hcl::blocks(template, "containers")
        .into_iter()
        .map(container_v2)
        .collect();
    spec.insert(
        Key::new("containers", span),
        Node {
            span,
            value: Value::Seq(containers),
        },
    );
    let metadata: Map = [(Key::new("annotations", span), Node::map(annotations, span))]
        .into_iter()
        .collect();
    let halves = [
        (Key::new("metadata", span), Node::map(metadata, span)),
        (Key::new("spec", span), Node::map(spec, span)),
    ];
    let spec = [(
        Key::new("template", span),
        Node::map(halves.into_iter().collect(), span),
    )];
    let mut object = service_head(resource);
    object.insert(
        Key::new("spec", span),
        Node::map(spec.into_iter().collect(), span),
    );
    serve(context, resource, &Node::map(object, span), parts);
}

/// A container whose variables take secrets from Secret Manager by `value_source`.
fn container_v2(container: &Node) -> Node {
    let mut out = Map::default();
    for (name, value) in container.entries() {
        if &*name.text != "env" {
            let (name, value) = converted(name, value, true);
            out.insert(name, value);
            continue;
        }
        let variables = value
            .items()
            .iter()
            .map(|variable| {
                let Some(secret) = crate::terraform::inner(variable, "value_source/secret_key_ref") else {
                    return variable.clone();
                };
                let part = |from: &str, to: &str| {
                    let (found, value) = secret.as_map()?.entry(from)?;
                    Some((Key::new(to, found.span), value.clone()))
                };
                let reference: Map = [part("secret", "name"), part("version", "key")]
                    .into_iter()
                    .flatten()
                    .collect();
                let from = [(
                    Key::new("secretKeyRef", secret.span),
                    Node::map(reference, secret.span),
                )];
                let mut named: Map = variable
                    .as_map()
                    .and_then(|v| v.entry("name"))
                    .map(|(k, v)| (k.clone(), v.clone()))
                    .into_iter()
                    .collect();
                named.insert(
                    Key::new("valueFrom", secret.span),
                    Node::map(from.into_iter().collect(), secret.span),
                );
                Node::map(named, variable.span)
            })
            .collect();
        out.insert(
            name.clone(),
            Node {
                span: value.span,
                value: Value::Seq(variables),
            },
        );
    }
    Node::map(out, container.span)
}

/// A service of Cloud Run is not a pod: Kubernetes' requirements for pods do not apply to it, so it is read
/// as a fragment. It always scales; without a number, up to 100.
fn serve(context: &Context<'_>, resource: &Resource, object: &Node, parts: &mut Parts) {
    let before = (parts.autoscalers.len(), parts.workloads.len());
    read(context, object, Completeness::Fragment, parts);
    let Some(workload) = parts.workloads.get(before.1) else {
        return;
    };
    let (id, owner, span) = (workload.id.clone(), workload.owner.clone(), workload.span);
    if parts.autoscalers.len() == before.0 {
        parts.autoscalers.push(cofferdam_model::scaling::Autoscaler {
            name: id.name.clone(),
            format: id.kind.clone(),
            span,
            completeness: cofferdam_model::workload::Completeness::Fragment,
            target: Some(Fact::declared(id, span)),
            workload: None,
            owner,
            min: None,
            max: None,
            limit: None,
            metrics: Vec::new(),
            up: Default::default(),
            down: Default::default(),
        });
    }
    let unknown_max = !is_known(&resource.body) && limits_unknown(&resource.body);
    if let Some(autoscaler) = parts.autoscalers.last_mut() {
        if autoscaler.max.is_none() && !unknown_max {
            autoscaler.max = Some(Fact::assumed(
                100,
                "the maximum is 100 instances, Cloud Run's default (Cloud Run documentation, \"Maximum \
                 instances\")",
            ));
        }
        if autoscaler.min.is_none() && !unknown_max {
            autoscaler.min = Some(Fact::assumed(
                0,
                "the minimum is 0 instances, Cloud Run's default",
            ));
        }
    }
}

/// Whether the section with the numbers of instances has an unknown part.
fn limits_unknown(body: &Node) -> bool {
    let scaling = [
        crate::terraform::inner(body, "template/scaling"),
        crate::terraform::inner(body, "scaling"),
        crate::terraform::inner(body, "template/metadata"),
    ];
    scaling.into_iter().flatten().any(|node| !is_known(node))
}
