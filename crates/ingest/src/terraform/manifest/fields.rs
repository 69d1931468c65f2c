//! Terraform's names and blocks as the fields of a manifest.

use cofferdam_model::Span;
use cofferdam_syntax::tree::{Key, Map, Node, Value};

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

pub(super) fn head(version: &str, kind: &str, span: Span) -> Map {
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
pub(super) fn converted(name: &Key, value: &Node, block: bool) -> (Key, Node) {
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
