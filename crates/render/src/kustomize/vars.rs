//! `vars`: texts `$(NAME)` that stand for a field of an object of the build. They are replaced when everything else
//! is done, in the fields that kustomize or a configuration names. A text that still contains the name of a declared
//! variable afterwards is unknown: some other tool may fill it in.

use super::build::Session;
use super::fields::FieldSpec;
use super::load::Kustomization;
use super::object::{Object, group_version};
use cofferdam_syntax::repo::Unreadable;
use cofferdam_syntax::tree::{Node, Style, Value};
use cofferdam_syntax::{Chains, Layer, Span};
use std::collections::HashMap;

/// A declared variable.
#[derive(Debug, Clone)]
pub(super) struct Var {
    pub(super) name: String,
    /// The keys that lead to its value.
    field: Vec<String>,
    span: Span,
}

/// Kinds with pods, and where the pods' specification is.
const PODS: &[(&str, &str)] = &[
    ("CronJob", "spec/jobTemplate/spec/template/spec"),
    ("DaemonSet", "spec/template/spec"),
    ("Deployment", "spec/template/spec"),
    ("Job", "spec/template/spec"),
    ("Pod", "spec"),
    ("ReplicaSet", "spec/template/spec"),
    ("StatefulSet", "spec/template/spec"),
];

/// Fields of containers.
const OF_CONTAINERS: &[&str] = &["args", "command", "env/value", "volumeMounts/mountPath"];

/// Fields of other kinds; no kind is any kind.
const OTHERS: &[(&str, &str)] = &[
    ("Ingress", "spec/rules/host"),
    ("Ingress", "spec/tls/hosts"),
    ("Ingress", "spec/tls/secretName"),
    ("Service", "spec/ports/port"),
    ("Service", "spec/ports/targetPort"),
    ("PersistentVolume", "spec/nfs/server"),
    ("Pod", "spec/volumes/nfs/server"),
    ("DaemonSet", "spec/template/spec/volumes/nfs/server"),
    ("Deployment", "spec/template/spec/volumes/nfs/server"),
    ("Job", "spec/template/spec/volumes/nfs/server"),
    ("ReplicaSet", "spec/template/spec/volumes/nfs/server"),
    ("Deployment", "spec/template/metadata/annotations"),
    ("", "metadata/labels"),
    ("", "metadata/annotations"),
];

/// The fields that kustomize looks into without a configuration.
fn default_fields() -> Vec<FieldSpec> {
    let mut fields = Vec::new();
    for (kind, spec) in PODS {
        for list in ["containers", "initContainers"] {
            let paths = OF_CONTAINERS.iter().map(|field| format!("{spec}/{list}/{field}"));
            fields.extend(paths.map(|path| FieldSpec::known(kind, &path)));
        }
    }
    fields.extend(OTHERS.iter().map(|(kind, path)| FieldSpec::known(kind, path)));
    fields
}

impl Session<'_> {
    /// Notes the variables of a kustomization and the objects that they stand for.
    pub(super) fn declare_vars(&mut self, kustomization: &Kustomization<'_>, objects: &mut [Object]) {
        for entry in kustomization.node.get("vars").map_or(&[][..], Node::items) {
            let Some(name) = entry.get("name").and_then(Node::as_str) else {
                continue;
            };
            let text = |path: &str| entry.at(path).and_then(Node::as_str).unwrap_or("");
            let field = entry
                .at("fieldref/fieldpath")
                .or_else(|| entry.at("fieldref/fieldPath"));
            let field = field.and_then(Node::as_str).unwrap_or("metadata.name");
            let (api_group, _) = group_version(text("objref/apiVersion"));
            let group = Some(text("objref/group"))
                .filter(|g| !g.is_empty())
                .unwrap_or(api_group);
            let (kind, named, namespace) =
                (text("objref/kind"), text("objref/name"), text("objref/namespace"));
            self.allowance.step(objects.len());
            let mut fitting = objects.iter_mut().filter(|object| {
                object.kind() == kind
                    && object.group() == group
                    && object.identities().any(|(own, place)| {
                        own == named && (namespace.is_empty() || place.unwrap_or("default") == namespace)
                    })
            });
            // Of several, none is meant: kustomize refuses to choose.
            if let (Some(object), None) = (fitting.next(), fitting.next()) {
                object.vars.push(name.into());
            }
            if self.vars.iter().all(|var| var.name != name) {
                self.vars.push(Var {
                    name: name.to_owned(),
                    // `spec.ports[0].port` or `data.some\.key`.
                    field: super::fields::split(field, '.', &['[', ']']),
                    span: entry.span,
                });
            }
        }
    }

    /// Replaces the variables of the build.
    pub(super) fn resolve_vars(&mut self, objects: &mut [Object]) {
        if self.vars.is_empty() {
            return;
        }
        let mut values: HashMap<&str, Option<Node>> = HashMap::new();
        for var in &self.vars {
            let source = objects
                .iter()
                .find(|o| o.vars.iter().any(|name| **name == *var.name));
            let value = source.and_then(|o| value_at(&o.node, &var.field).cloned());
            let literal = value.filter(|v| v.as_str().is_some_and(|text| !text.contains("$(")));
            if literal.is_none() {
                let message = format!(
                    "the variable `{}` has no value that is known here, so texts that contain it are unknown",
                    var.name
                );
                self.notes.push(Unreadable {
                    path: self.index.repo.sources.path(var.span.file).to_path_buf(),
                    span: Some(var.span),
                    message,
                });
            }
            let through = literal.map(|v| self.chains().tree_through(v, Layer::Reference, var.span));
            values.insert(&var.name, through);
        }
        let mut fields = default_fields();
        fields.extend(self.config.vars.iter().cloned());
        for object in objects.iter_mut() {
            self.allowance.step(fields.len());
            let span = object.node.span;
            for field in &fields {
                field.each(object, span, &mut |slot| fill(self.chains(), slot, &values));
            }
            self.allowance.step(crate::measure::size(&object.node));
            leave_open(&mut object.node, &values);
        }
    }
}

fn value_at<'n>(node: &'n Node, steps: &[String]) -> Option<&'n Node> {
    steps.iter().try_fold(node, |node, step| match &node.value {
        Value::Map(map) => map.get(step),
        Value::Seq(items) => items.get(step.parse::<usize>().ok()?),
        _ => None,
    })
}

/// Fills in a text, or the texts of a map.
fn fill(chains: &Chains, slot: &mut Node, values: &HashMap<&str, Option<Node>>) {
    if let Value::Map(map) = &mut slot.value {
        for (_, value) in map.iter_mut() {
            fill_text(chains, value, values);
        }
        return;
    }
    fill_text(chains, slot, values);
}

fn fill_text(chains: &Chains, slot: &mut Node, values: &HashMap<&str, Option<Node>>) {
    let Some(text) = slot.as_str().filter(|t| t.contains("$(")) else {
        return;
    };
    let whole = text.strip_prefix("$(").and_then(|t| t.strip_suffix(')'));
    if let Some(Some(value)) = whole.and_then(|name| values.get(name)) {
        // A number stays one.
        *slot = chains.tree_over(value.clone(), slot.span);
        return;
    }
    let (mut new, mut open, mut last) = (String::new(), false, None);
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        new.push_str(&rest[..at]);
        rest = &rest[at..];
        let named = rest.strip_prefix("$(").and_then(|inner| inner.split_once(')'));
        if let Some((name, after)) = named {
            match values.get(name) {
                Some(Some(value)) => {
                    new.push_str(value.as_str().unwrap_or(""));
                    last = Some(value.span);
                }
                Some(None) => open = true,
                None => {
                    new.push_str("$(");
                    new.push_str(name);
                    new.push(')');
                }
            }
            rest = after;
        } else if let Some(after) = rest.strip_prefix("$$") {
            // Two of them stand for one.
            new.push('$');
            rest = after;
        } else {
            new.push('$');
            rest = &rest[1..];
        }
    }
    new.push_str(rest);
    if open {
        return;
    }
    if let (Some(last), Value::Scalar(scalar)) = (last, &mut slot.value) {
        scalar.text = new.into();
        if scalar.style == Style::Plain {
            scalar.style = Style::Quoted;
        }
        slot.span = chains.through(slot.span, Layer::Reference, last);
    }
}

/// Makes the texts unknown that still contain a declared variable.
fn leave_open(node: &mut Node, values: &HashMap<&str, Option<Node>>) {
    match &mut node.value {
        Value::Map(map) => map.iter_mut().for_each(|(_, value)| leave_open(value, values)),
        Value::Seq(items) => items.iter_mut().for_each(|item| leave_open(item, values)),
        Value::Scalar(scalar) => {
            let named = scalar.text.match_indices("$(").find_map(|(at, open)| {
                let (name, _) = scalar.text[at + open.len()..].split_once(')')?;
                values.contains_key(name).then(|| name.to_owned())
            });
            if let Some(name) = named {
                node.value = Value::Unknown(format!("the variable `{name}` of the kustomization").into());
            }
        }
        Value::Null | Value::Unknown(_) => {}
    }
}
