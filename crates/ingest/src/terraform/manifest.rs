//! Objects of Kubernetes and services of Cloud Run that Terraform declares, passed to the reader of
//! Kubernetes as what they are. Terraform writes blocks and `snake_case` where manifests have maps, lists and
//! `camelCase`; the values and their places stay.

use super::Context;
use crate::context::Place;
use crate::kubernetes;
use cofferdam_model::workload::Completeness;
use cofferdam_model::{Fact, Parts, Span};
use cofferdam_render::hcl::Resource;
use cofferdam_syntax::SourceMap;
use cofferdam_syntax::tree::{Key, Map, Node, Value};
use cofferdam_syntax::yaml::{self, Stream};
use std::borrow::Cow;

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

/// Blocks that are a list in a manifest, and the list's name there. Any other block is one map.
const LISTS: &[(&str, &str)] = &[
    ("container", "containers"),
    ("containers", "containers"),
    ("init_container", "initContainers"),
    ("env", "env"),
    ("env_from", "envFrom"),
    ("port", "ports"),
    ("ports", "ports"),
    ("volume", "volumes"),
    ("volumes", "volumes"),
    ("volume_mount", "volumeMounts"),
    ("volume_mounts", "volumeMounts"),
    ("volume_claim_template", "volumeClaimTemplates"),
    ("toleration", "tolerations"),
    ("topology_spread_constraint", "topologySpreadConstraints"),
    ("image_pull_secrets", "imagePullSecrets"),
    ("match_expressions", "matchExpressions"),
    ("http_header", "httpHeaders"),
    ("items", "items"),
    ("sources", "sources"),
    ("metric", "metrics"),
    ("policy", "policies"),
    ("ingress", "ingress"),
    ("egress", "egress"),
    ("from", "from"),
    ("to", "to"),
    ("node_selector_term", "nodeSelectorTerms"),
    (
        "required_during_scheduling_ignored_during_execution",
        "requiredDuringSchedulingIgnoredDuringExecution",
    ),
    (
        "preferred_during_scheduling_ignored_during_execution",
        "preferredDuringSchedulingIgnoredDuringExecution",
    ),
];

/// Names in Terraform that do not become plain `camelCase`.
const NAMES: &[(&str, &str)] = &[
    ("cluster_ip", "clusterIP"),
    ("host_ipc", "hostIPC"),
    ("host_pid", "hostPID"),
    ("pod_ip", "podIP"),
    (
        "target_cpu_utilization_percentage",
        "targetCPUUtilizationPercentage",
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

/// Arguments that are maps with names of people's own.
const MAPS: &[&str] = &[
    "labels",
    "annotations",
    "match_labels",
    "limits",
    "requests",
    "selector",
    "node_selector",
    "data",
    "binary_data",
    "volume_attributes",
    "parameters",
    "options",
];

/// The resource with each block as a list. In JSON a block that stands alone may be written as an object (Terraform
/// language, JSON Configuration Syntax, "Nested Block Mapping"), which looks like a map.
fn in_blocks<'r>(context: &Context<'_>, resource: &'r Resource) -> Cow<'r, Resource> {
    let path = context.place.repo.sources.path(resource.span.file);
    let is_json = path.extension().is_some_and(|ending| ending == "json");
    let Value::Map(body) = &resource.body.value else {
        return Cow::Borrowed(resource);
    };
    if !is_json {
        return Cow::Borrowed(resource);
    }
    Cow::Owned(Resource {
        body: Node::map(listed(body), resource.body.span),
        ..resource.clone()
    })
}

fn listed(map: &Map) -> Map {
    let each = |(name, value): (&Key, &Node)| {
        // The selector of a workload is a block, and that of a Service a map.
        let is_selector = &*name.text == "selector"
            && ["match_labels", "match_expressions"]
                .iter()
                .any(|key| value.get(key).is_some());
        let is_map = MAPS.contains(&&*name.text) && !is_selector;
        let value = match &value.value {
            Value::Map(block) if !is_map => Node {
                span: value.span,
                value: Value::Seq(vec![Node::map(listed(block), value.span)]),
            },
            Value::Seq(items) => Node {
                span: value.span,
                value: Value::Seq(items.iter().map(listed_item).collect()),
            },
            _ => value.clone(),
        };
        (name.clone(), value)
    };
    map.iter().map(each).collect()
}

fn listed_item(item: &Node) -> Node {
    match &item.value {
        Value::Map(block) => Node::map(listed(block), item.span),
        _ => item.clone(),
    }
}

/// The documents in a text.
fn text_of(sources: &SourceMap, body: &Node) -> Option<Stream> {
    yaml::parse_embedded(body, &sources.file(body.span.file).text, sources.chains())
}

/// Passes an object on. With an unknown part it is a fragment: a missing field may be in that part, unless its value
/// stands alone. Errors against the schema are the provider's responsibility here.
fn give(context: &Context<'_>, object: Node, parts: &mut Parts) {
    let completeness = if kubernetes::known::is_known(&object) {
        context.place.completeness
    } else {
        Completeness::Fragment
    };
    read(context, &object, completeness, parts);
}

fn read(context: &Context<'_>, object: &Node, completeness: Completeness, parts: &mut Parts) {
    if !kubernetes::is_object(object) {
        return;
    }
    let defects = parts.defects.len();
    let place = Place {
        completeness,
        ..context.place
    };
    kubernetes::interpret(object, place, parts);
    parts.defects.truncate(defects);
}

fn is_known(node: &Node) -> bool {
    match &node.value {
        Value::Unknown(_) => false,
        Value::Seq(items) => items.iter().all(is_known),
        Value::Map(map) => map.iter().all(|(_, value)| is_known(value)),
        Value::Null | Value::Scalar(_) => true,
    }
}

fn head(version: &str, kind: &str, span: Span) -> Map {
    [("apiVersion", version), ("kind", kind)]
        .into_iter()
        .map(|(name, text)| (Key::new(name, span), Node::text(text, span)))
        .collect()
}

fn camel(name: &str) -> String {
    if let Some((_, special)) = NAMES.iter().find(|(n, _)| *n == name) {
        return (*special).to_owned();
    }
    let mut out = String::with_capacity(name.len());
    let mut upper = false;
    for c in name.chars() {
        if c == '_' {
            upper = true;
        } else if upper {
            out.extend(c.to_uppercase());
            upper = false;
        } else {
            out.push(c);
        }
    }
    out
}

/// An argument or block under its name in a manifest. Maps that are arguments (labels, limits) have the
/// user's own names, which stay.
fn converted(name: &Key, value: &Node, block: bool) -> (Key, Node) {
    let of_blocks = matches!(&value.value, Value::Seq(items) if items.iter().any(|i| i.as_map().is_some()));
    // `port` is a block of a container, and a number in the block of a Service.
    let list = LISTS
        .iter()
        .find(|(from, _)| *from == &*name.text && (of_blocks || value.as_str().is_none()));
    let renamed = Key::new(
        &list.map_or_else(|| camel(&name.text), |(_, to)| (*to).to_owned()),
        name.span,
    );
    if !(block && of_blocks) {
        return (renamed, value.clone());
    }
    let mut items: Vec<Node> = value
        .items()
        .iter()
        .map(|item| match item.as_map() {
            Some(map) => Node::map(
                map.iter().map(|(k, v)| converted(k, v, true)).collect(),
                item.span,
            ),
            None => item.clone(),
        })
        .collect();
    let value = if list.is_some() || items.len() != 1 {
        Node {
            span: value.span,
            value: Value::Seq(items),
        }
    } else {
        items.remove(0)
    };
    (renamed, value)
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

fn cloud_run(context: &Context<'_>, resource: &Resource, parts: &mut Parts) {
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
fn cloud_run_v2(context: &Context<'_>, resource: &Resource, parts: &mut Parts) {
    let span = resource.span;
    let Some(template) = super::inner(&resource.body, "template") else {
        return;
    };
    let mut annotations = Map::default();
    let scalings = [
        super::inner(template, "scaling"),
        super::inner(&resource.body, "scaling"),
    ];
    for (from, to) in [
        ("min_instance_count", "autoscaling.knative.dev/minScale"),
        ("max_instance_count", "autoscaling.knative.dev/maxScale"),
    ] {
        if let Some((found, value)) = scalings.iter().flatten().find_map(|s| s.as_map()?.entry(from)) {
            annotations.insert(Key::new(to, found.span), value.clone());
        }
    }
    if let Some(access) = super::inner(template, "vpc_access") {
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
                let Some(secret) = super::inner(variable, "value_source/secret_key_ref") else {
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
        super::inner(body, "template/scaling"),
        super::inner(body, "scaling"),
        super::inner(body, "template/metadata"),
    ];
    scaling.into_iter().flatten().any(|node| !is_known(node))
}

#[cfg(test)]
mod tests {
    use crate::terraform::tests::environment;
    use cofferdam_model::VariableValue;
    use cofferdam_model::workload::Completeness;

    #[test]
    fn a_terraform_deployment_is_read_like_its_manifest() {
        let env = environment(&[(
            "main.tf",
            r#"
resource "kubernetes_deployment" "api" {
  metadata {
    name      = "api"
    namespace = "platform"
  }
  spec {
    replicas = 3
    selector { match_labels = { app = "api" } }
    template {
      metadata { labels = { app = "api", my_own_label = "x" } }
      spec {
        termination_grace_period_seconds = 45
        container {
          name  = "api"
          image = "registry.example.net/api:1.2"
          port { container_port = 8080 }
          env {
            name  = "DB_POOL_SIZE"
            value = "20"
          }
          resources {
            limits   = { memory = "512Mi" }
            requests = { cpu = "250m" }
          }
          liveness_probe {
            http_get {
              path = "/live"
              port = 8080
            }
            period_seconds = 5
          }
        }
      }
    }
  }
}
resource "kubernetes_horizontal_pod_autoscaler_v2" "api" {
  metadata {
    name      = "api"
    namespace = "platform"
  }
  spec {
    min_replicas = 2
    max_replicas = 50
    scale_target_ref {
      kind = "Deployment"
      name = "api"
    }
    metric {
      type = "Resource"
      resource {
        name = "cpu"
        target {
          type                = "Utilization"
          average_utilization = 70
        }
      }
    }
  }
}
"#,
        )]);
        let workload = &env.workloads[0];
        assert_eq!(workload.id.to_string(), "Deployment platform/api");
        assert_eq!(workload.completeness, Completeness::Whole);
        assert_eq!(workload.replicas.as_ref().unwrap().value, 3);
        assert_eq!(workload.labels["my_own_label"].value, "x");
        assert_eq!(workload.grace.as_ref().unwrap().value.as_secs(), 45);
        let container = &workload.containers[0];
        assert_eq!(container.ports[0].1.value, 8080);
        assert_eq!(
            container.variables["DB_POOL_SIZE"].value.value,
            VariableValue::Literal("20".to_owned())
        );
        assert_eq!(
            container
                .liveness
                .as_ref()
                .unwrap()
                .period
                .as_ref()
                .unwrap()
                .value
                .as_secs(),
            5
        );
        let autoscaler = &env.autoscalers[0];
        assert_eq!(autoscaler.max.as_ref().unwrap().value, 50);
        assert_eq!(autoscaler.metrics[0].target.as_ref().unwrap().value, 0.7);
    }

    #[test]
    fn in_json_a_block_is_an_object_or_a_list_of_one() {
        let of = |metadata: &str, spec: &str, container: &str, resources: &str| {
            let env = environment(&[(
                "main.tf.json",
                &format!(
                    r#"{{"resource": {{"kubernetes_deployment_v1": {{"w": {{"metadata": {metadata}, "spec": {spec}}}}},
                      "kubernetes_service_v1": {{"s": {{"metadata": {metadata}, "spec": {{"selector": {{"app": "w"}}, "port": {{"port": 80}}}}}}}}}}}}"#
                )
                .replace("CONTAINER", container)
                .replace("RESOURCES", resources),
            )]);
            let workload = &env.workloads[0];
            let container = &workload.containers[0];
            let cpu = |fact: &Option<cofferdam_model::Fact<cofferdam_model::Cpu>>| {
                fact.as_ref().map(|f| f.value.to_string()).unwrap_or_default()
            };
            let labels: Vec<&str> = workload.labels.keys().map(String::as_str).collect();
            assert_eq!(env.service_ports[0].ports[0].1.value, 80);
            format!(
                "{} {} {} {} {}",
                workload.id.name,
                labels.join(","),
                workload.replicas.as_ref().map_or(0, |f| f.value),
                cpu(&container.cpu_request),
                cpu(&container.cpu_limit)
            )
        };
        let spec = r#"{"replicas": 3, "selector": {"match_labels": {"app_name": "w"}}, "template": {"metadata": {"labels": {"app_name": "w"}}, "spec": {"container": CONTAINER}}}"#;
        let listed_spec = r#"[{"replicas": 3, "selector": [{"match_labels": {"app_name": "w"}}], "template": [{"metadata": [{"labels": {"app_name": "w"}}], "spec": [{"container": CONTAINER}]}]}]"#;
        let one = r#"{"name": "w", "image": "x:1", "resources": RESOURCES}"#;
        let listed_one = format!("[{one}]");
        let limits = r#"{"requests": {"cpu": "2"}, "limits": {"cpu": "1"}}"#;
        let listed_limits = format!("[{limits}]");
        for spec in [spec, listed_spec] {
            for metadata in [r#"{"name": "w"}"#, r#"[{"name": "w"}]"#] {
                for container in [one, &listed_one] {
                    for resources in [limits, &listed_limits] {
                        let shown = of(metadata, spec, container, resources);
                        assert_eq!(
                            shown, "w app_name 3 2 CPU 1 CPU",
                            "{metadata} {spec} {container} {resources}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn a_port_is_a_block_or_a_number() {
        let env = environment(&[(
            "main.tf",
            "resource \"kubernetes_service\" \"s\" {\n  metadata { name = \"s\" }\n  spec {\n    selector = { app = \"a\" }\n    port {\n      port = 80\n      target_port = 8080\n    }\n  }\n}\n",
        )]);
        assert_eq!(env.service_ports[0].ports[0].1.value, 80);
    }

    #[test]
    fn an_unknown_value_makes_a_fragment() {
        let env = environment(&[(
            "main.tf",
            "variable \"n\" {}\nresource \"kubernetes_manifest\" \"m\" {\n  manifest = {\n    apiVersion = \"apps/v1\"\n    kind = \"Deployment\"\n    metadata = { name = \"a\" }\n    spec = { replicas = var.n, template = { spec = { containers = [{ name = \"a\", image = \"x:1\" }] } } }\n  }\n}\n",
        )]);
        assert_eq!(env.workloads[0].completeness, Completeness::Fragment);
        assert_eq!(env.workloads[0].replicas, None);
    }

    #[test]
    fn both_versions_of_cloud_run_are_the_same_service() {
        let env = environment(&[(
            "main.tf",
            r#"
resource "google_cloud_run_service" "a" {
  name     = "a"
  location = "us-central1"
  template {
    metadata {
      annotations = {
        "autoscaling.knative.dev/maxScale"        = "20"
        "run.googleapis.com/vpc-access-connector" = "staging-connector"
      }
    }
    spec {
      container_concurrency = 80
      containers {
        image = "gcr.io/p/a:1"
        env {
          name  = "POSTGRES_HOST"
          value = "/cloudsql/p:us-central1:main"
        }
      }
    }
  }
}
resource "google_cloud_run_v2_service" "b" {
  name     = "b"
  location = "us-central1"
  template {
    scaling {
      min_instance_count = 1
      max_instance_count = 20
    }
    max_instance_request_concurrency = 80
    vpc_access {
      connector = "staging-connector"
    }
    containers {
      image = "gcr.io/p/b:1"
      env {
        name = "DB_PASSWORD"
        value_source {
          secret_key_ref {
            secret  = "db-password"
            version = "latest"
          }
        }
      }
    }
  }
}
resource "google_cloud_run_v2_service" "c" {
  name     = "c"
  location = "us-central1"
  template {
    containers { image = "gcr.io/p/c:1" }
  }
}
"#,
        )]);
        let kinds: Vec<String> = env.workloads.iter().map(|w| w.id.to_string()).collect();
        assert_eq!(
            kinds,
            [
                "Cloud Run service a",
                "Cloud Run service b",
                "Cloud Run service c"
            ]
        );
        let most: Vec<(u32, bool)> = env
            .autoscalers
            .iter()
            .map(|a| a.max.as_ref().map(|m| (m.value, m.is_assumed())).unwrap())
            .collect();
        assert_eq!(most, [(20, false), (20, false), (100, true)]);
        assert_eq!(env.autoscalers[1].metrics[0].target.as_ref().unwrap().value, 80.0);
        assert_eq!(env.secret_uses[0].name, "DB_PASSWORD");
        assert!(env.references.is_empty() && env.defects.is_empty());
    }

    #[test]
    fn names_of_objects_written_here_are_known() {
        let env = environment(&[(
            "main.tf",
            r#"
variable "image" {}
resource "kubernetes_namespace" "shop" {
  metadata { name = "shop" }
}
resource "kubernetes_config_map" "settings" {
  metadata {
    name      = "settings"
    namespace = kubernetes_namespace.shop.id
  }
  data = { A = "1" }
}
resource "kubernetes_deployment" "api" {
  metadata {
    name      = "api"
    namespace = kubernetes_namespace.shop.metadata.0.name
  }
  spec {
    template {
      metadata { labels = { app = "api" } }
      spec {
        container {
          name  = "api"
          image = var.image
          env_from {
            config_map_ref {
              name = kubernetes_config_map.settings.metadata[0].name
            }
          }
          env {
            name  = "KEY"
            value = aws_instance.x.id
          }
        }
      }
    }
  }
}
resource "kubernetes_deployment" "web" {
  metadata { name = "web" }
  spec {
    replicas = var.count_of
    template {
      spec {
        container {
          name = "web"
        }
      }
    }
  }
}
"#,
        )]);
        let of = |name: &str| env.workloads.iter().find(|w| w.id.name == name).unwrap();
        let api = of("api");
        assert_eq!(api.completeness, Completeness::Whole);
        assert_eq!(api.id.namespace.as_deref(), Some("shop"));
        let sources: Vec<&str> = api.containers[0]
            .variable_sources
            .iter()
            .map(|s| s.name.value.as_str())
            .collect();
        assert_eq!(sources, ["settings"]);
        let settings = env
            .config_objects
            .iter()
            .find(|o| o.id.name == "settings")
            .unwrap();
        assert_eq!(settings.id.namespace.as_deref(), Some("shop"));
        // The number of replicas may be anything.
        assert_eq!(of("web").completeness, Completeness::Fragment);
    }
}
