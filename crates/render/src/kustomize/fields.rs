//! `configurations`: the fields of other kinds that transformers change, as a kustomization's own files name them.
//! A configuration counts for the kustomization that names it and for everything that is built from it, as in
//! kustomize.

use super::build::Session;
use super::images::ImageChanges;
use super::load::{Kustomization, Target};
use super::object::{Object, laid_over};
use super::{Brings, transform};
use cofferdam_syntax::tree::{Key, Map, Node, Scalar, Style, Value};
use cofferdam_syntax::{Chains, Layer, Span};

/// A field of some kinds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FieldSpec {
    group: String,
    version: String,
    kind: String,
    path: Vec<String>,
    create: bool,
}

impl FieldSpec {
    fn new(node: &Node) -> Option<FieldSpec> {
        let text = |key: &str| node.get(key).and_then(Node::as_str).unwrap_or("").to_owned();
        let path = steps(node.get("path")?.as_str()?);
        (!path.is_empty()).then(|| FieldSpec {
            group: text("group"),
            version: text("version"),
            kind: text("kind"),
            path,
            create: node.get("create").and_then(Node::as_bool).unwrap_or(false),
        })
    }

    /// A field that is known without a configuration.
    pub(super) fn known(kind: &str, path: &str) -> FieldSpec {
        FieldSpec {
            group: String::new(),
            version: String::new(),
            kind: kind.to_owned(),
            path: steps(path),
            create: false,
        }
    }

    pub(super) fn is_for(&self, object: &Object) -> bool {
        let (group, version) = super::object::group_version(object.api_version());
        let fits = |wanted: &str, own: &str| wanted.is_empty() || wanted == own;
        fits(&self.kind, object.kind()) && fits(&self.group, group) && fits(&self.version, version)
    }

    fn is_at(&self, path: &[&str]) -> bool {
        self.path.iter().eq(path)
    }

    /// Calls `change` with the field of an object of its kinds, or with each of them where lists are on the way.
    /// Returns whether the object is of these kinds.
    pub(super) fn each(&self, object: &mut Object, span: Span, change: &mut dyn FnMut(&mut Node)) -> bool {
        let fits = self.is_for(object);
        if fits {
            visit(&mut object.node, &self.path, self.create, span, change);
        }
        fits
    }
}

/// The steps of a path; `\/` is a slash in a key, and `[]` behind a key names a list, which is entered anyway.
fn steps(path: &str) -> Vec<String> {
    let steps = split(path, '/', &[]).into_iter();
    let plain = steps.map(|step| match step.strip_suffix("[]") {
        Some(list) => list.to_owned(),
        None => step,
    });
    plain.filter(|step| !step.is_empty()).collect()
}

/// The steps of a path between separators, of which the first is a part of a step behind a backslash. Empty ones are
/// left out.
pub(super) fn split(path: &str, separator: char, others: &[char]) -> Vec<String> {
    let mut steps = vec![String::new()];
    let mut chars = path.chars().peekable();
    while let Some(c) = chars.next() {
        // There is always a last step: the list starts with one and only grows.
        let Some(last) = steps.last_mut() else { break };
        match c {
            '\\' if chars.peek() == Some(&separator) => last.extend(chars.next()),
            c if c == separator || others.contains(&c) => steps.push(String::new()),
            c => last.push(c),
        }
    }
    steps.retain(|step| !step.is_empty());
    steps
}

fn visit(node: &mut Node, path: &[String], create: bool, span: Span, change: &mut dyn FnMut(&mut Node)) {
    if let Value::Seq(items) = &mut node.value {
        for item in items {
            visit(item, path, create, span, change);
        }
        return;
    }
    let Some((step, rest)) = path.split_first() else {
        change(node);
        return;
    };
    if create && node.is_null() {
        node.value = Value::Map(Map::default());
    }
    let Some(map) = node.as_map_mut() else { return };
    if create && map.get(step).is_none() {
        let key = Key {
            text: step.as_str().into(),
            span,
        };
        let value = Value::Null;
        map.insert(key, Node { span, value });
    }
    if let Some(below) = map.get_mut(step) {
        visit(below, rest, create, span, change);
    }
}

/// Fields that hold a namespace without a configuration, besides the metadata.
const NAMESPACES: &[(&str, &str)] = &[
    (
        "CustomResourceDefinition",
        "spec/conversion/webhook/clientConfig/service/namespace",
    ),
    ("APIService", "spec/service/namespace"),
];

/// Fields that hold the name of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NameReference {
    /// The kind of what is named.
    pub(super) kind: String,
    pub(super) fields: Vec<FieldSpec>,
}

/// All that configurations name, besides what kustomize knows anyway.
#[derive(Debug, Clone, Default)]
pub(super) struct Config {
    name_prefix: Vec<FieldSpec>,
    name_suffix: Vec<FieldSpec>,
    namespace: Vec<FieldSpec>,
    common_labels: Vec<FieldSpec>,
    labels: Vec<FieldSpec>,
    template_labels: Vec<FieldSpec>,
    annotations: Vec<FieldSpec>,
    images: Vec<FieldSpec>,
    replicas: Vec<FieldSpec>,
    pub(super) names: Vec<NameReference>,
    pub(super) vars: Vec<FieldSpec>,
}

fn add<T: PartialEq>(all: &mut Vec<T>, more: Vec<T>) {
    for one in more {
        if !all.contains(&one) {
            all.push(one);
        }
    }
}

fn specs(node: &Node, field: &str) -> Vec<FieldSpec> {
    let items = node.get(field).map_or(&[][..], Node::items);
    items.iter().filter_map(FieldSpec::new).collect()
}

impl Config {
    fn read(node: &Node) -> Config {
        let references = node.get("nameReference").map_or(&[][..], Node::items);
        let reference = |item: &Node| {
            Some(NameReference {
                kind: item.get("kind")?.as_str()?.to_owned(),
                fields: specs(item, "fieldSpecs"),
            })
        };
        Config {
            name_prefix: specs(node, "namePrefix"),
            name_suffix: specs(node, "nameSuffix"),
            namespace: specs(node, "namespace"),
            common_labels: specs(node, "commonLabels"),
            labels: specs(node, "labels"),
            template_labels: specs(node, "templateLabels"),
            annotations: specs(node, "commonAnnotations"),
            images: specs(node, "images"),
            replicas: specs(node, "replicas"),
            names: references.iter().filter_map(reference).collect(),
            vars: specs(node, "varReference"),
        }
    }

    /// Adds another configuration.
    pub(super) fn merge(&mut self, other: Config) {
        add(&mut self.name_prefix, other.name_prefix);
        add(&mut self.name_suffix, other.name_suffix);
        add(&mut self.namespace, other.namespace);
        add(&mut self.common_labels, other.common_labels);
        add(&mut self.labels, other.labels);
        add(&mut self.template_labels, other.template_labels);
        add(&mut self.annotations, other.annotations);
        add(&mut self.images, other.images);
        add(&mut self.replicas, other.replicas);
        add(&mut self.names, other.names);
        add(&mut self.vars, other.vars);
    }

    /// Puts `namespace` into the fields that hold one.
    pub(super) fn set_namespace(&self, chains: &Chains, object: &mut Object, namespace: &Node) {
        // These follow rules of their own.
        let own = |field: &&FieldSpec| {
            !field.is_at(&["metadata", "namespace"])
                && !field.is_at(&["metadata", "name"])
                && field.path.first().is_none_or(|step| step != "subjects")
        };
        let known = ["CustomResourceDefinition", "APIService"].contains(&object.kind());
        let fields = NAMESPACES.iter().filter(|_| known);
        let known: Vec<FieldSpec> = fields.map(|(kind, path)| FieldSpec::known(kind, path)).collect();
        for field in known.iter().chain(self.namespace.iter().filter(own)) {
            field.each(object, namespace.span, &mut |slot| {
                *slot = laid_over(chains, namespace, Some(slot));
            });
        }
    }

    /// Puts a prefix and a suffix around the texts that get them as names do.
    pub(super) fn affix(
        &self,
        chains: &Chains,
        object: &mut Object,
        (prefix, suffix): (Option<&Node>, Option<&Node>),
    ) {
        let ways = [
            (prefix, &self.name_prefix, true),
            (suffix, &self.name_suffix, false),
        ];
        for (affix, fields, before) in ways {
            let Some(affix) = affix else { continue };
            let Some(text) = affix.as_str() else { continue };
            for field in fields.iter().filter(|f| !f.is_at(&["metadata", "name"])) {
                field.each(object, affix.span, &mut |slot| {
                    let old = slot.as_str().unwrap_or("");
                    let new = match before {
                        true => format!("{text}{old}"),
                        false => format!("{old}{text}"),
                    };
                    *slot = Node::text(&new, chains.through(slot.span, Layer::Change, affix.span));
                });
            }
        }
    }

    pub(super) fn put_labels(&self, chains: &Chains, object: &mut Object, pairs: &Node, common: bool) {
        let fields = if common { &self.common_labels } else { &self.labels };
        put_pairs(chains, fields, object, pairs);
    }

    pub(super) fn put_template_labels(&self, chains: &Chains, object: &mut Object, pairs: &Node) {
        put_pairs(chains, &self.template_labels, object, pairs);
    }

    pub(super) fn put_annotations(&self, chains: &Chains, object: &mut Object, pairs: &Node) {
        put_pairs(chains, &self.annotations, object, pairs);
    }

    pub(super) fn change_images(&self, changes: &mut ImageChanges<'_>, object: &mut Object) {
        let span = object.node.span;
        for field in &self.images {
            field.each(object, span, &mut |slot| changes.change(slot));
        }
    }

    /// Sets the number of replicas where a field of the object's kind holds it. Returns whether one does.
    pub(super) fn set_replicas(&self, chains: &Chains, object: &mut Object, count: &Node) -> bool {
        let mut found = false;
        for field in &self.replicas {
            found |= field.each(object, count.span, &mut |slot| {
                *slot = laid_over(chains, count, Some(slot));
            });
        }
        found
    }
}

fn put_pairs(chains: &Chains, fields: &[FieldSpec], object: &mut Object, pairs: &Node) {
    for field in fields {
        field.each(object, pairs.span, &mut |slot| {
            if slot.is_null() {
                slot.value = Value::Map(Map::default());
            }
            if let Some(map) = slot.as_map_mut() {
                transform::put_all(chains, map, pairs);
            }
        });
    }
}

impl Session<'_> {
    /// Reads the configurations that a kustomization names.
    pub(super) fn configure(&mut self, kustomization: &Kustomization<'_>) {
        let entries = kustomization
            .node
            .get("configurations")
            .map_or(&[][..], Node::items);
        for entry in entries {
            let written = entry.as_str().unwrap_or("");
            let target = self.index.resolve(&kustomization.dir, written);
            let stream = match &target {
                Target::File(path) => self.index.repo.yaml.get(path).filter(|s| s.errors.is_empty()),
                _ => None,
            };
            if let Some(stream) = stream {
                for document in &stream.documents {
                    self.config.merge(Config::read(document));
                }
                continue;
            }
            self.configured_elsewhere = true;
            if let Target::Missing(path) = &target {
                let dangling = self.index.missing(written, path, entry.span);
                self.dangling.push(dangling);
            }
            let reason = format!(
                "the configuration `{written}` was not read, so the fields that it names are unchanged"
            );
            self.gap(kustomization, entry.span, (Brings::Changes, true), reason.clone());
            self.note(kustomization, entry.span, reason);
        }
    }
}

/// Makes every annotation text, as kustomize writes it; labels stay as they are.
pub(super) fn annotations_are_text(objects: &mut [Object]) {
    for object in objects {
        let metadata = object.node.as_map_mut().and_then(|m| m.get_mut("metadata"));
        let annotations = metadata.and_then(|m| m.as_map_mut()?.get_mut("annotations"));
        let Some(map) = annotations.and_then(Node::as_map_mut) else {
            continue;
        };
        for (_, value) in map.iter_mut() {
            match &mut value.value {
                Value::Scalar(Scalar { style, .. }) if *style == Style::Plain => *style = Style::Quoted,
                Value::Null => *value = Node::text("", value.span),
                _ => {}
            }
        }
    }
}
