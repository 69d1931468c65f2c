//! One Kubernetes object as its interpreters see it: its kind, its name, its place.

use super::schema::templated;
use crate::context::Place;
use crate::facts::NodeFacts as _;
use cofferdam_model::delivery::{DanglingKind, Reference};
use cofferdam_model::scaling::Selector;
use cofferdam_model::units;
use cofferdam_model::workload::{Completeness, ObjectId};
use cofferdam_model::{Fact, Owner, Parts, Span, Texts};
use cofferdam_syntax::tree::{Node, Value};
use std::time::Duration;

/// An object with its identity.
#[derive(Debug, Clone)]
pub(super) struct Object<'a> {
    /// The whole object.
    pub node: &'a Node,
    /// API group (`apps`); the core group is empty.
    pub group: &'a str,
    /// Kind, namespace and name.
    pub id: ObjectId,
    /// Place of the name, or of the kind if it has none.
    pub span: Span,
    /// Where it was read.
    pub place: Place<'a>,
}

/// The place of a map's name. A template may take it from the chart's description (`{{ .Chart.Name }}`), which is no place
/// to look for the object: then it is that of the key in the template.
pub(super) fn place_of_name(map: &Node, key: &str, place: Place<'_>) -> Option<Span> {
    let (key, name) = map.entries().find(|(own, _)| &*own.text == key)?;
    let is_description =
        name.span.file != key.span.file && place.repo.sources.path(name.span.file).ends_with("Chart.yaml");
    Some(if is_description { key.span } else { name.span })
}

impl<'a> Object<'a> {
    /// The object of a tree with `apiVersion` and `kind`. An object whose name is created by a template or by
    /// the server keeps the text of that as its name.
    pub(super) fn read(node: &'a Node, place: Place<'a>) -> Option<Self> {
        let version = node.get("apiVersion")?.as_str()?;
        let kind = node.get("kind")?;
        let metadata = node.get("metadata");
        let name = ["name", "generateName"]
            .iter()
            .find_map(|key| Some((key, metadata?.get(key)?)).filter(|(_, n)| !n.is_null()));
        let named_at = name.and_then(|(key, _)| place_of_name(metadata?, key, place));
        let name = name.map(|(_, name)| name);
        let text = match name.map(|n| &n.value) {
            Some(Value::Scalar(scalar)) => scalar.text.to_string(),
            Some(Value::Unknown(_)) => "(name not known)".to_owned(),
            _ => "without a name".to_owned(),
        };
        let namespace = metadata
            .and_then(|m| m.get("namespace")?.as_str())
            .filter(|n| !n.is_empty())
            .map(str::to_owned);
        Some(Object {
            node,
            group: version.rsplit_once('/').map_or("", |(group, _)| group),
            id: ObjectId {
                kind: kind.as_str()?.to_owned(),
                deployment: None,
                namespace,
                name: text,
            },
            span: named_at.unwrap_or(kind.span),
            place,
        })
    }

    /// `spec`.
    pub(super) fn spec(&self) -> Option<&'a Node> {
        self.node.get("spec")
    }

    /// The value at a path of keys.
    pub(super) fn at(&self, path: &str) -> Option<&'a Node> {
        self.node.at(path)
    }

    /// Its name in reports: `Deployment api`, `Deployment shop/api`.
    pub(super) fn subject(&self) -> String {
        self.id.to_string()
    }

    /// Itself as the owner of a part.
    pub(super) fn owner(&self) -> Owner {
        self.owner_named(&self.id.name)
    }

    /// Something of another name in the same namespace as the owner of a part.
    pub(super) fn owner_named(&self, name: &str) -> Owner {
        Owner {
            name: Some(name.to_owned()),
            namespace: self.id.namespace.clone(),
            ..Owner::default()
        }
    }

    /// Whether missing fields are really unset.
    pub(super) fn is_whole(&self) -> bool {
        self.place.completeness == Completeness::Whole
    }

    /// An annotation of the object.
    pub(super) fn annotation(&self, key: &str) -> Option<&'a Node> {
        self.node.at("metadata/annotations")?.get(key)
    }

    /// Records a name that must exist. A fragment's names are not checked: their targets may be in the
    /// missing part. A name with a placeholder is none yet.
    pub(super) fn refers(&self, parts: &mut Parts, kind: DanglingKind, name: Fact<String>) {
        self.refers_within(parts, kind, name, None);
    }

    /// The same for a part of something else (the key of a ConfigMap).
    pub(super) fn refers_within(
        &self,
        parts: &mut Parts,
        kind: DanglingKind,
        name: Fact<String>,
        within: Option<String>,
    ) {
        if self.is_whole() && !name.value.is_empty() && !templated(&name.value) {
            parts.references.push(Reference {
                subject: self.subject(),
                kind,
                name,
                namespace: self.id.namespace.clone(),
                deployment: None,
                within,
            });
        }
    }
}

/// Labels or annotations; unknown values are left out.
pub(super) fn texts(node: Option<&Node>) -> Texts {
    node.into_iter()
        .flat_map(Node::entries)
        .filter_map(|(key, value)| Some((key.text.to_string(), value.text_fact()?)))
        .collect()
}

/// A label selector with `matchLabels` and `matchExpressions`.
pub(super) fn selector(node: &Node) -> Selector {
    let expressions = node.get("matchExpressions").map_or(&[][..], Node::items);
    Selector {
        labels: texts(node.get("matchLabels")),
        expressions: expressions
            .iter()
            .filter_map(|e| {
                let values = e.get("values").map_or(&[][..], Node::items);
                Some((
                    e.get("key")?.as_str()?.to_owned(),
                    e.get("operator")?.as_str()?.to_owned(),
                    values
                        .iter()
                        .filter_map(|v| v.as_str().map(str::to_owned))
                        .collect(),
                ))
            })
            .collect(),
        span: Some(node.span),
    }
}

/// A duration whose bare numbers are seconds.
pub(super) fn seconds(node: Option<&Node>) -> Option<Fact<Duration>> {
    node?.fact(units::seconds)
}

/// A duration with a unit.
pub(super) fn duration(node: Option<&Node>) -> Option<Fact<Duration>> {
    node?.fact(units::duration)
}

/// The scalar at `key` as text.
pub(super) fn text(node: &Node, key: &str) -> Option<Fact<String>> {
    node.get(key)?.text_fact().filter(|f| !f.value.is_empty())
}

/// Whether `key` is true.
pub(super) fn is_true(node: &Node, key: &str) -> bool {
    node.get(key).and_then(Node::as_bool) == Some(true)
}
