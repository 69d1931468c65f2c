//! The objects that a patch or a replacement selects: by group, version, kind, name, namespace (each an
//! anchored regular expression, as in kustomize) and by labels and annotations.

use super::object::{Object, group_version, same_namespace};
use cofferdam_syntax::Span;
use cofferdam_syntax::pattern::Pattern;
use cofferdam_syntax::tree::Node;

/// A selector as written under `target` or `select`.
#[derive(Debug)]
pub(super) struct Selector {
    group: Wanted,
    version: Wanted,
    kind: Wanted,
    name: Wanted,
    namespace: Option<Wanted>,
    labels: Vec<Requirement>,
    annotations: Vec<Requirement>,
    /// The place of its name, or of the whole selector where it has none.
    pub(super) span: Span,
    /// Whether it has a name, or labels that identify one object. Then the object should exist.
    pub(super) names_one: bool,
    /// The selector for people: `Deployment web`.
    pub(super) shown: String,
}

/// What a field of a selector asks for.
#[derive(Debug)]
enum Wanted {
    Any,
    Of(Pattern),
    /// An invalid expression: matches nothing.
    Nothing,
}

/// One requirement on labels.
#[derive(Debug, PartialEq, Eq)]
enum Requirement {
    In(String, Vec<String>),
    NotIn(String, Vec<String>),
    Present(String),
    Absent(String),
}

impl Wanted {
    fn new(node: Option<&Node>) -> Wanted {
        match node.and_then(Node::as_str) {
            None | Some("") => Wanted::Any,
            Some(text) => Pattern::new(text).map_or(Wanted::Nothing, Wanted::Of),
        }
    }

    fn matches(&self, text: &str) -> bool {
        match self {
            Wanted::Any => true,
            Wanted::Of(pattern) => pattern.matches(text),
            Wanted::Nothing => false,
        }
    }
}

impl Selector {
    /// Reads a selector; fields that are absent match everything.
    pub(super) fn new(node: &Node) -> Selector {
        let text = |key: &str| node.get(key).and_then(Node::as_str).unwrap_or("");
        let shown: Vec<&str> = [
            text("kind"),
            text("name"),
            text("labelSelector"),
            text("annotationSelector"),
        ]
        .into_iter()
        .filter(|t| !t.is_empty())
        .collect();
        Selector {
            group: Wanted::new(node.get("group")),
            version: Wanted::new(node.get("version")),
            kind: Wanted::new(node.get("kind")),
            name: Wanted::new(node.get("name")),
            namespace: node.get("namespace").map(|n| Wanted::new(Some(n))),
            labels: requirements(text("labelSelector")),
            annotations: requirements(text("annotationSelector")),
            span: node.get("name").map_or(node.span, |n| n.span),
            names_one: ["name", "labelSelector", "annotationSelector"]
                .iter()
                .any(|key| !text(key).is_empty()),
            shown: shown.join(" "),
        }
    }

    /// The name that it asks for, unless it is a pattern.
    pub(super) fn literal_name(&self) -> Option<&str> {
        match &self.name {
            Wanted::Of(Pattern::Literal(name)) => Some(name),
            _ => None,
        }
    }

    /// Whether it matches `object`, by any identity that the object has or had.
    pub(super) fn matches(&self, object: &Object) -> bool {
        let (group, version) = group_version(object.api_version());
        self.kind.matches(object.kind())
            && self.group.matches(group)
            && self.version.matches(version)
            && object.names().any(|name| self.name.matches(name))
            && self.namespace.as_ref().is_none_or(|pattern| {
                object
                    .identities()
                    .any(|(_, ns)| pattern.matches(ns.filter(|n| !n.is_empty()).unwrap_or("default")))
            })
            && hold(&self.labels, object.node.at("metadata/labels"))
            && hold(&self.annotations, object.node.at("metadata/annotations"))
    }
}

fn hold(requirements: &[Requirement], map: Option<&Node>) -> bool {
    let value = |key: &str| map.and_then(|m| m.get(key)).and_then(Node::as_str);
    requirements.iter().all(|requirement| match requirement {
        Requirement::In(key, values) => value(key).is_some_and(|v| values.iter().any(|w| w == v)),
        Requirement::NotIn(key, values) => value(key).is_none_or(|v| !values.iter().any(|w| w == v)),
        Requirement::Present(key) => value(key).is_some(),
        Requirement::Absent(key) => value(key).is_none(),
    })
}

/// Reads a label selector as Kubernetes writes it: `a=b,c!=d,e in (x,y),f notin (z),g,!h`.
fn requirements(text: &str) -> Vec<Requirement> {
    let mut parts = Vec::new();
    let mut depth = 0usize;
    let mut start = 0;
    for (at, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
        .into_iter()
        .map(str::trim)
        .filter(|p| !p.is_empty())
        .map(requirement)
        .collect()
}

fn requirement(part: &str) -> Requirement {
    let list = |text: &str| -> Vec<String> {
        text.trim()
            .trim_start_matches('(')
            .trim_end_matches(')')
            .split(',')
            .map(|v| v.trim().to_owned())
            .collect()
    };
    let key = |text: &str| text.trim().to_owned();
    if let Some((name, values)) = part.split_once("!=") {
        Requirement::NotIn(key(name), vec![key(values)])
    } else if let Some((name, values)) = part.split_once("==").or_else(|| part.split_once('=')) {
        Requirement::In(key(name), vec![key(values)])
    } else if let Some((name, values)) = part.split_once(" notin ") {
        Requirement::NotIn(key(name), list(values))
    } else if let Some((name, values)) = part.split_once(" in ") {
        Requirement::In(key(name), list(values))
    } else if let Some(name) = part.strip_prefix('!') {
        Requirement::Absent(key(name))
    } else {
        Requirement::Present(key(part))
    }
}

/// Whether a strategic merge patch without a target changes an object: group, version, kind, name and
/// namespace are those of the patch, and the object has them or had them before.
pub(super) fn names_object(patch: &Node, object: &Object) -> bool {
    let meta = |key: &str| {
        patch
            .get("metadata")
            .and_then(|m| m.get(key))
            .and_then(Node::as_str)
    };
    let text = |key: &str| patch.get(key).and_then(Node::as_str).unwrap_or("");
    let (name, namespace) = (meta("name").unwrap_or(""), meta("namespace"));
    text("kind") == object.kind()
        && text("apiVersion") == object.api_version()
        && object
            .identities()
            .any(|(n, ns)| n == name && same_namespace(ns, namespace))
}

#[cfg(test)]
mod tests {
    use super::*;
    use cofferdam_syntax::FileId;
    use cofferdam_syntax::yaml;
    use proptest::prelude::*;

    fn tree(text: &str) -> Node {
        yaml::parse(text, FileId(0), 0)
            .documents
            .into_iter()
            .next()
            .unwrap()
    }

    fn web() -> Object {
        let mut object = Object::new(tree(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, labels: {tier: front}, annotations: {a: b}}\n",
        ));
        object.remember();
        object.set_name(Node::text("p-web", object.node.span));
        object
    }

    #[test]
    fn names_and_kinds_are_anchored_expressions() {
        for (selector, matches) in [
            ("{kind: Deployment}", true),
            ("{kind: Deploy}", false),
            ("{name: web}", true),
            ("{name: p-web}", true),
            ("{name: we}", false),
            ("{name: w.*}", true),
            ("{name: 'api|web'}", true),
            ("{name: 'w['}", false),
            ("{group: apps, version: v1}", true),
            ("{group: batch}", false),
            ("{kind: Deployment|StatefulSet, name: .*}", true),
            ("{namespace: default}", true),
            ("{namespace: other}", false),
            ("{}", true),
        ] {
            assert_eq!(
                Selector::new(&tree(selector)).matches(&web()),
                matches,
                "{selector}"
            );
        }
    }

    #[test]
    fn labels_and_annotations_select() {
        for (selector, matches) in [
            ("tier=front", true),
            ("tier==front", true),
            ("tier=back", false),
            ("tier!=back", true),
            ("tier in (back, front)", true),
            ("tier notin (front)", false),
            ("tier,!other", true),
            ("!tier", false),
            ("tier in (front), other", false),
        ] {
            let node = tree(&format!("{{labelSelector: \"{selector}\"}}"));
            assert_eq!(Selector::new(&node).matches(&web()), matches, "{selector}");
        }
        assert!(Selector::new(&tree("{annotationSelector: a=b}")).matches(&web()));
        assert!(!Selector::new(&tree("{annotationSelector: a=c}")).matches(&web()));
    }

    #[test]
    fn a_patch_names_its_object_by_any_name_it_had() {
        let patch = |text: &str| names_object(&tree(text), &web());
        assert!(patch(
            "{apiVersion: apps/v1, kind: Deployment, metadata: {name: web}}"
        ));
        assert!(patch(
            "{apiVersion: apps/v1, kind: Deployment, metadata: {name: p-web, namespace: default}}"
        ));
        assert!(!patch(
            "{apiVersion: apps/v1beta1, kind: Deployment, metadata: {name: web}}"
        ));
        assert!(!patch(
            "{apiVersion: apps/v1, kind: Deployment, metadata: {name: web, namespace: x}}"
        ));
    }

    proptest! {
        #[test]
        fn no_selector_panics(text in "[a-z=!(), *+\\[\\]{}.|^$0-9-]{0,30}") {
            requirements(&text);
            Wanted::new(Some(&Node::text(&text, web().node.span))).matches("web");
        }
    }
}
