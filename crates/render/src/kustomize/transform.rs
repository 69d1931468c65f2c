//! What a kustomization does to all of its objects: namespace, prefix and suffix, labels,
//! annotations, replicas and images. The fields that each changes are data, from kustomize's default
//! transformer configuration.

use super::object::{Object, child_map, laid_over, set};
use cofferdam_syntax::tree::{Map, Node, Style, Value};
use cofferdam_syntax::{Chains, Layer, Span};

/// Kinds with a pod template at `spec/template`.
const TEMPLATED: &[&str] = &[
    "Deployment",
    "ReplicaSet",
    "ReplicationController",
    "DaemonSet",
    "StatefulSet",
    "Job",
];
/// Kinds whose name a prefix or suffix leaves alone.
const UNPREFIXED: &[&str] = &["CustomResourceDefinition", "APIService", "Namespace"];
/// Kinds that `replicas` reaches.
const SCALED: &[&str] = &["Deployment", "ReplicaSet", "ReplicationController", "StatefulSet"];

/// A field that labels reach: kinds, path (`[]` goes into a list), whether it is created if absent.
struct Field {
    kinds: &'static [&'static str],
    path: &'static str,
    create: bool,
}

const fn field(kinds: &'static [&'static str], path: &'static str, create: bool) -> Field {
    Field { kinds, path, create }
}

/// Labels of the objects that a kind creates: pod templates, jobs of cron jobs, claims.
const TEMPLATE_LABELS: &[Field] = &[
    field(TEMPLATED, "spec/template/metadata/labels", true),
    field(&["CronJob"], "spec/jobTemplate/metadata/labels", true),
    field(
        &["CronJob"],
        "spec/jobTemplate/spec/template/metadata/labels",
        true,
    ),
    field(
        &["StatefulSet"],
        "spec/volumeClaimTemplates/[]/metadata/labels",
        true,
    ),
];

const AFFINITY: &str =
    "affinity/podAffinity/requiredDuringSchedulingIgnoredDuringExecution/[]/labelSelector/matchLabels";

/// Selectors, which must follow the labels of what they select.
const SELECTORS: &[Field] = &[
    field(&["Service", "ReplicationController"], "spec/selector", true),
    field(
        &["Deployment", "ReplicaSet", "DaemonSet", "StatefulSet"],
        "spec/selector/matchLabels",
        true,
    ),
    field(
        &["Job", "PodDisruptionBudget"],
        "spec/selector/matchLabels",
        false,
    ),
    field(&["CronJob"], "spec/jobTemplate/spec/selector/matchLabels", false),
    field(&["NetworkPolicy"], "spec/podSelector/matchLabels", false),
    field(
        &["NetworkPolicy"],
        "spec/ingress/[]/from/[]/podSelector/matchLabels",
        false,
    ),
    field(
        &["NetworkPolicy"],
        "spec/egress/[]/to/[]/podSelector/matchLabels",
        false,
    ),
];

/// Selectors inside the pod specs of [`TEMPLATED`] kinds.
const POD_SELECTORS: &[&str] = &[
    AFFINITY,
    "affinity/podAffinity/preferredDuringSchedulingIgnoredDuringExecution/[]/podAffinityTerm/labelSelector/matchLabels",
    "affinity/podAntiAffinity/requiredDuringSchedulingIgnoredDuringExecution/[]/labelSelector/matchLabels",
    "affinity/podAntiAffinity/preferredDuringSchedulingIgnoredDuringExecution/[]/podAffinityTerm/labelSelector/matchLabels",
    "topologySpreadConstraints/[]/labelSelector/matchLabels",
];

const TEMPLATE_ANNOTATIONS: &[Field] = &[
    field(TEMPLATED, "spec/template/metadata/annotations", true),
    field(&["CronJob"], "spec/jobTemplate/metadata/annotations", true),
    field(
        &["CronJob"],
        "spec/jobTemplate/spec/template/metadata/annotations",
        true,
    ),
];

/// Calls `change` with every map at `path` below `node`.
fn visit(node: &mut Node, path: &str, create: bool, span: Span, change: &mut dyn FnMut(&mut Map)) {
    let (head, rest) = match path.split_once('/') {
        Some((head, rest)) => (head, Some(rest)),
        None => (path, None),
    };
    if head == "[]" {
        if let (Value::Seq(items), Some(rest)) = (&mut node.value, rest) {
            for item in items {
                visit(item, rest, create, span, change);
            }
        }
        return;
    }
    match rest {
        None => {
            if create || node.get(head).is_some() {
                child_map(node, head, span).map(change);
            }
        }
        Some(rest) => {
            // Lists are never made, only maps.
            if create && !rest.starts_with("[]") {
                child_map(node, head, span);
            }
            if let Some(below) = node.as_map_mut().and_then(|m| m.get_mut(head)) {
                visit(below, rest, create, span, change);
            }
        }
    }
}

/// Sets every one of `pairs`.
pub(super) fn put_all(chains: &Chains, map: &mut Map, pairs: &Node) {
    for (key, value) in pairs.entries() {
        // Labels are text, whatever they look like.
        let mut value = laid_over(chains, value, map.get(&key.text));
        if let Value::Scalar(scalar) = &mut value.value {
            scalar.style = Style::Quoted;
        }
        map.insert(key.clone(), value);
    }
}

fn apply_fields(chains: &Chains, object: &mut Object, fields: &[Field], pairs: &Node) {
    if !object.is_built_in() {
        return;
    }
    for field in fields {
        if field.kinds.contains(&object.kind()) {
            visit(
                &mut object.node,
                field.path,
                field.create,
                pairs.span,
                &mut |map| put_all(chains, map, pairs),
            );
        }
    }
}

/// The places that a set of labels reaches, besides `metadata/labels`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    Metadata,
    Templates,
    /// Templates and selectors.
    Selectors,
}

/// Puts labels on an object.
pub(super) fn labels(chains: &Chains, object: &mut Object, pairs: &Node, reach: Reach) {
    visit(
        &mut object.node,
        "metadata/labels",
        true,
        pairs.span,
        &mut |map| put_all(chains, map, pairs),
    );
    if reach != Reach::Metadata {
        apply_fields(chains, object, TEMPLATE_LABELS, pairs);
    }
    if reach != Reach::Selectors {
        return;
    }
    apply_fields(chains, object, SELECTORS, pairs);
    if object.is_built_in() && TEMPLATED.contains(&object.kind()) {
        for path in POD_SELECTORS {
            let path = format!("spec/template/spec/{path}");
            visit(&mut object.node, &path, false, pairs.span, &mut |map| {
                put_all(chains, map, pairs)
            });
        }
    }
}

/// Puts labels at one more path that the kustomization itself names (`fields`).
pub(super) fn labels_at(chains: &Chains, object: &mut Object, pairs: &Node, path: &str, create: bool) {
    let path = path.replace("[]", "/[]");
    visit(&mut object.node, &path, create, pairs.span, &mut |map| {
        put_all(chains, map, pairs)
    });
}

/// Puts annotations on an object and on the pods that it makes.
pub(super) fn annotations(chains: &Chains, object: &mut Object, pairs: &Node) {
    visit(
        &mut object.node,
        "metadata/annotations",
        true,
        pairs.span,
        &mut |map| put_all(chains, map, pairs),
    );
    apply_fields(chains, object, TEMPLATE_ANNOTATIONS, pairs);
}

/// Puts an object into a namespace, or renames the namespace that it is.
pub(super) fn namespace(chains: &Chains, object: &mut Object, namespace: &Node) {
    if object.kind() == "Namespace" && object.group().is_empty() {
        object.remember();
        let name = laid_over(chains, namespace, object.node.at("metadata/name"));
        object.set_name(name);
        return;
    }
    if object.is_namespaced() {
        object.remember();
        let value = laid_over(chains, namespace, object.node.at("metadata/namespace"));
        object.set_metadata("namespace", value);
    }
    if matches!(object.kind(), "RoleBinding" | "ClusterRoleBinding")
        && let Some(Value::Seq(subjects)) = object
            .node
            .as_map_mut()
            .and_then(|m| m.get_mut("subjects"))
            .map(|n| &mut n.value)
    {
        for subject in subjects {
            // Every namespace has a default account, so the one in this namespace is meant.
            let is_default = subject.get("kind").and_then(Node::as_str) == Some("ServiceAccount")
                && subject.get("name").and_then(Node::as_str) == Some("default");
            if is_default && let Some(map) = subject.as_map_mut() {
                let value = laid_over(chains, namespace, map.get("namespace"));
                set(map, "namespace", value);
            }
        }
    }
}

/// Puts a prefix and a suffix around an object's name. The name keeps its place.
pub(super) fn affix(chains: &Chains, object: &mut Object, (prefix, suffix): (Option<&Node>, Option<&Node>)) {
    if UNPREFIXED.contains(&object.kind()) {
        return;
    }
    let Some(name) = object.node.at("metadata/name") else {
        return;
    };
    let Some(text) = name.as_str() else { return };
    let mut span = name.span;
    for affix in [prefix, suffix].into_iter().flatten() {
        span = chains.through(span, Layer::Change, affix.span);
    }
    let text_of = |affix: Option<&Node>| affix.and_then(Node::as_str).unwrap_or("").to_owned();
    let (prefix, suffix) = (text_of(prefix), text_of(suffix));
    let renamed = Node::text(&format!("{prefix}{text}{suffix}"), span);
    object.remember();
    object.affixes.push((prefix.into(), suffix.into()));
    object.set_name(renamed);
}

/// Sets `spec/replicas`. Returns whether the object is of a kind that `replicas` reaches.
pub(super) fn replicas(chains: &Chains, object: &mut Object, count: &Node) -> bool {
    let scaled = object.is_built_in() && SCALED.contains(&object.kind());
    if scaled && let Some(spec) = child_map(&mut object.node, "spec", count.span) {
        let count = laid_over(chains, count, spec.get("replicas"));
        set(spec, "replicas", count);
    }
    scaled
}

#[cfg(test)]
mod tests {
    use super::*;
    use cofferdam_syntax::FileId;
    use cofferdam_syntax::yaml;

    fn tree(text: &str, file: u32) -> Node {
        yaml::parse(text, FileId(file), 0)
            .documents
            .into_iter()
            .next()
            .unwrap()
    }

    #[test]
    fn labels_are_added_to_the_requested_fields() {
        let pairs = tree("{team: a}", 1);
        let deployment = || {
            Object::new(tree(
                "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {template: {spec: {}}}\n",
                0,
            ))
        };
        let has = |object: &Object, path: &str| object.node.at(path).is_some();
        let cases = [
            (Reach::Metadata, false, false),
            (Reach::Templates, true, false),
            (Reach::Selectors, true, true),
        ];
        for (reach, template, selector) in cases {
            let mut object = deployment();
            labels(&Chains::default(), &mut object, &pairs, reach);
            assert!(has(&object, "metadata/labels/team"));
            assert_eq!(has(&object, "spec/template/metadata/labels/team"), template);
            assert_eq!(has(&object, "spec/selector/matchLabels/team"), selector);
        }
    }

    #[test]
    fn labels_of_a_custom_resource_stay_on_its_metadata() {
        let mut object = Object::new(tree(
            "apiVersion: argoproj.io/v1alpha1\nkind: Deployment\nspec: {selector: {matchLabels: {a: b}}}\n",
            0,
        ));
        labels(
            &Chains::default(),
            &mut object,
            &tree("{team: a}", 1),
            Reach::Selectors,
        );
        assert!(object.node.at("metadata/labels/team").is_some());
        assert!(object.node.at("spec/selector/matchLabels/team").is_none());
    }

    #[test]
    fn labels_are_added_to_network_policy_selectors_except_empty_ones() {
        let mut object = Object::new(tree(
            "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nspec: {podSelector: {}, ingress: [{from: [{podSelector: {matchLabels: {app: x}}}]}]}\n",
            0,
        ));
        labels(
            &Chains::default(),
            &mut object,
            &tree("{team: a}", 1),
            Reach::Selectors,
        );
        assert!(object.node.at("spec/podSelector/matchLabels").is_none());
        let from = object.node.at("spec/ingress").unwrap().items()[0]
            .get("from")
            .unwrap();
        assert!(from.items()[0].at("podSelector/matchLabels/team").is_some());
    }
}
