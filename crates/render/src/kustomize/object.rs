//! A resource during a build: its tree and its earlier identities, because
//! patches and references name it by any of them.

use cofferdam_syntax::tree::{Key, Map, Node, Value};
use cofferdam_syntax::{Chains, Span};
use std::sync::Arc;

/// A resource.
#[derive(Debug, Clone)]
pub(super) struct Object {
    pub(super) node: Node,
    /// Names and namespaces that it had before the present ones, oldest first.
    pub(super) before: Vec<(Arc<str>, Option<Arc<str>>)>,
    /// Prefixes and suffixes that were put around its name, innermost first.
    pub(super) affixes: Vec<(Arc<str>, Arc<str>)>,
    /// The variables that stand for one of its fields.
    pub(super) vars: Vec<Arc<str>>,
    /// Whether a generator made it.
    pub(super) generated: bool,
}

/// Groups of Kubernetes itself. Everything else is a custom resource, and nothing is known about its lists.
const BUILT_IN: &[&str] = &[
    "",
    "apps",
    "batch",
    "autoscaling",
    "policy",
    "extensions",
    "networking.k8s.io",
    "rbac.authorization.k8s.io",
    "storage.k8s.io",
    "admissionregistration.k8s.io",
    "apiregistration.k8s.io",
    "apiextensions.k8s.io",
    "scheduling.k8s.io",
    "coordination.k8s.io",
    "discovery.k8s.io",
    "node.k8s.io",
    "certificates.k8s.io",
    "flowcontrol.apiserver.k8s.io",
    "events.k8s.io",
    "resource.k8s.io",
];

/// Kinds of Kubernetes that belong to no namespace.
const CLUSTER_WIDE: &[&str] = &[
    "Namespace",
    "Node",
    "PersistentVolume",
    "ClusterRole",
    "ClusterRoleBinding",
    "CustomResourceDefinition",
    "StorageClass",
    "PriorityClass",
    "IngressClass",
    "MutatingWebhookConfiguration",
    "ValidatingWebhookConfiguration",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
    "APIService",
    "RuntimeClass",
    "CSIDriver",
    "CSINode",
    "VolumeAttachment",
    "PodSecurityPolicy",
    "CertificateSigningRequest",
    "FlowSchema",
    "PriorityLevelConfiguration",
];

impl Object {
    pub(super) fn new(node: Node) -> Self {
        Object {
            node,
            before: Vec::new(),
            affixes: Vec::new(),
            vars: Vec::new(),
            generated: false,
        }
    }

    pub(super) fn kind(&self) -> &str {
        self.node.get("kind").and_then(Node::as_str).unwrap_or("")
    }

    pub(super) fn api_version(&self) -> &str {
        self.node.get("apiVersion").and_then(Node::as_str).unwrap_or("")
    }

    pub(super) fn group(&self) -> &str {
        group_version(self.api_version()).0
    }

    pub(super) fn name(&self) -> &str {
        self.node
            .get("metadata")
            .and_then(|m| m.get("name"))
            .and_then(Node::as_str)
            .unwrap_or("")
    }

    pub(super) fn namespace(&self) -> Option<&str> {
        self.node.get("metadata")?.get("namespace")?.as_str()
    }

    /// Names that it has or had, the present one first.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.name()).chain(self.before.iter().map(|(name, _)| &**name))
    }

    /// Names with namespaces that it has or had, the present one first.
    pub(super) fn identities(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        let before = self.before.iter().map(|(name, ns)| (&**name, ns.as_deref()));
        std::iter::once((self.name(), self.namespace())).chain(before)
    }

    /// Keeps the present identity before it changes.
    pub(super) fn remember(&mut self) {
        let identity = (self.name().into(), self.namespace().map(Into::into));
        if self.before.last() != Some(&identity) {
            self.before.push(identity);
        }
    }

    pub(super) fn is_built_in(&self) -> bool {
        BUILT_IN.contains(&self.group())
    }

    pub(super) fn is_namespaced(&self) -> bool {
        !(self.is_built_in() && CLUSTER_WIDE.contains(&self.kind()))
    }

    pub(super) fn set_name(&mut self, name: Node) {
        self.set_metadata("name", name);
    }

    pub(super) fn set_metadata(&mut self, key: &str, value: Node) {
        if let Some(metadata) = child_map(&mut self.node, "metadata", value.span) {
            set(metadata, key, value);
        }
    }
}

/// Group and version of an `apiVersion`; the core group is empty.
pub(super) fn group_version(api: &str) -> (&str, &str) {
    api.split_once('/').unwrap_or(("", api))
}

/// Whether two namespaces are the same: the empty one is `default`.
pub(super) fn same_namespace(a: Option<&str>, b: Option<&str>) -> bool {
    let effective = |ns: Option<&str>| match ns {
        None | Some("") => "default".to_owned(),
        Some(ns) => ns.to_owned(),
    };
    a == b || effective(a) == effective(b)
}

/// `value` as it counts over what was there before.
pub(super) fn laid_over(chains: &Chains, value: &Node, old: Option<&Node>) -> Node {
    match old {
        Some(old) => chains.tree_over(value.clone(), old.span),
        None => value.clone(),
    }
}

/// Sets a value and keeps the old key's place.
pub(super) fn set(map: &mut Map, key: &str, value: Node) {
    match map.get_mut(key) {
        Some(slot) => *slot = value,
        None => {
            let span = value.span;
            map.insert(
                Key {
                    text: key.into(),
                    span,
                },
                value,
            );
        }
    }
}

/// The map under `key`, created if it is absent; `None` if the value is no map.
pub(super) fn child_map<'a>(node: &'a mut Node, key: &str, span: Span) -> Option<&'a mut Map> {
    let map = node.as_map_mut()?;
    if map.get(key).is_none_or(Node::is_null) {
        set(
            map,
            key,
            Node {
                span,
                value: Value::Map(Map::default()),
            },
        );
    }
    map.get_mut(key)?.as_map_mut()
}
