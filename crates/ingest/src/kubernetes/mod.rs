//! Kubernetes objects into the platform model: built manifests, plain ones, and fragments of templates. Every
//! kind that contains a pod template is a workload, including kinds of other projects. References are
//! recorded while reading and checked by [`finish`], when everything that could declare them is there.

mod admission;
mod config;
pub(crate) mod container;
mod custom;
mod describe;
mod entries;
mod foreign;
mod helm_values;
mod image_variables;
mod istio;
pub(crate) mod known;
mod limits;
mod makers;
mod monitoring;
mod network;
mod object;
mod partial;
mod pod;
pub(crate) mod processes;
mod references;
mod scaling;
pub mod schema;
pub(crate) mod scripts;
mod server_files;
mod stores;
mod workload;

#[cfg(test)]
mod tests;

use crate::context::Place;
use crate::prometheus;
use cofferdam_model::Parts;
use cofferdam_model::delivery::{Defect, DefectEffect};
use cofferdam_model::workload::Completeness;
use cofferdam_syntax::repo::Repo;
use cofferdam_syntax::tree::{Node, Scalar, Style, Value};
pub(crate) use config::leads_to;
pub use foreign::Foreign;
pub(crate) use makers::MADE;
use object::Object;
pub(crate) use references::compare;
use std::collections::BTreeMap;

/// Whether a tree is a Kubernetes object: it has `apiVersion` and `kind`.
pub fn is_object(node: &Node) -> bool {
    let said = |key| {
        node.get(key)
            .and_then(Node::as_str)
            .is_some_and(|t| !t.is_empty())
    };
    said("apiVersion") && said("kind")
}

/// Whether a whole tree looks like an object but lacks its `apiVersion` or its `kind`.
pub fn is_without_identity(node: &Node, place: Place<'_>) -> bool {
    place.completeness == Completeness::Whole && schema::lacks(node).is_some()
}

/// Reports an object without its `apiVersion` or its `kind`, which cannot be applied.
pub fn read_without_identity(node: &Node) -> Parts {
    let mut env = Parts::default();
    let Some(problem) = schema::lacks(node) else {
        return env;
    };
    let name = node.at("metadata/name").and_then(Node::as_str);
    let kind = node.get("kind").and_then(Node::as_str).unwrap_or("object");
    let subject = format!("{kind} {}", name.unwrap_or("without a name"));
    env.defects.push(problem.to_defect(&subject));
    env
}

/// Reads one document.
pub fn read(node: &Node, place: Place<'_>) -> Parts {
    let mut parts = Parts::default();
    interpret(node, place, &mut parts);
    parts
}

/// Reads one object, or each object of a list, into `env`. Other trees add nothing.
pub fn interpret(object: &Node, place: Place<'_>, parts: &mut Parts) {
    let Some(object) = Object::read(object, place) else {
        return;
    };
    if object.id.kind.ends_with("List")
        && let Some(items) = object.node.get("items")
    {
        for item in items.items() {
            interpret(item, place, parts);
        }
        return;
    }
    // The output of an OpenShift template contains its parameters, so not all of it is known.
    if object.group == "template.openshift.io" && object.id.kind == "Template" {
        let place = Place {
            completeness: Completeness::Fragment,
            ..place
        };
        let parameters = parameters(object.node);
        for item in object.node.get("objects").map_or(&[][..], Node::items) {
            interpret(&with_parameters(item, &parameters), place, parts);
        }
        return;
    }
    let problems = if object.is_whole() {
        schema::validate(object.node)
    } else {
        schema::validate_fragment(object.node)
    };
    let subject = object.subject();
    parts.defects.extend(problems.iter().map(|p| {
        let mut defect = p.to_defect(&subject);
        if p.kind == schema::ProblemKind::Missing && partial::may_be_laid_over(&object) {
            defect.effect = DefectEffect::RefusedIfNew;
        }
        match helm_values::used_by(place, object.node, p) {
            Some(remedy) => Defect { remedy, ..defect },
            None => defect,
        }
    }));
    makers::interpret(&object, parts);
    scripts::interpret(&object, parts);
    monitoring::released(&object, parts);
    if !READERS.iter().any(|read| read(&object, parts)) {
        custom::interpret(&object, parts);
    }
}

/// The object as one of an operator that no reader knows, which may create others from it.
pub fn foreign<'n>(node: &'n Node, place: Place<'n>) -> Option<Foreign<'n>> {
    foreign::foreign(node, place, &READERS)
}

/// The default values of an OpenShift Template's parameters.
fn parameters(template: &Node) -> BTreeMap<&str, &str> {
    let parameters = template.get("parameters").map_or(&[][..], Node::items);
    parameters
        .iter()
        .filter_map(|parameter| {
            let name = parameter.get("name")?.as_str()?;
            Some((name, parameter.get("value")?.as_str()?))
        })
        .collect()
}

/// A part of an OpenShift Template with its parameters replaced; a text with a parameter without a value is
/// unknown.
fn with_parameters(node: &Node, parameters: &BTreeMap<&str, &str>) -> Node {
    let value = match &node.value {
        Value::Scalar(scalar) if scalar.text.contains("${") => match filled_in(&scalar.text, parameters) {
            Some((text, style)) => Value::Scalar(Scalar {
                text: text.as_str().into(),
                style: style.unwrap_or(scalar.style),
            }),
            None => Value::Unknown("a parameter of a template".into()),
        },
        Value::Seq(items) => Value::Seq(
            items
                .iter()
                .map(|item| with_parameters(item, parameters))
                .collect(),
        ),
        Value::Map(map) => Value::Map(
            map.iter()
                .map(|(key, value)| (key.clone(), with_parameters(value, parameters)))
                .collect(),
        ),
        other => other.clone(),
    };
    Node {
        span: node.span,
        value,
    }
}

/// A text with `${NAME}` and `${{NAME}}` replaced; the latter gives a number or boolean, not a text. `None`
/// if one of them has no value.
fn filled_in(text: &str, parameters: &BTreeMap<&str, &str>) -> Option<(String, Option<Style>)> {
    if let Some(name) = text.strip_prefix("${{").and_then(|rest| rest.strip_suffix("}}")) {
        return Some(((*parameters.get(name)?).to_owned(), Some(Style::Plain)));
    }
    let is_name =
        |name: &str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    let mut filled = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        filled.push_str(before);
        match after.split_once('}') {
            Some((name, after)) if is_name(name) => {
                filled.push_str(parameters.get(name)?);
                rest = after;
            }
            // Not a parameter: for example a variable of a shell.
            _ => {
                filled.push_str("${");
                rest = after;
            }
        }
    }
    filled.push_str(rest);
    Some((filled, Some(Style::Quoted)))
}

/// Reads an object of some kinds; returns whether it is of one of them.
type Reader = fn(&Object<'_>, &mut Parts) -> bool;

/// Every reader of objects; the first that knows one reads it.
const READERS: [Reader; 9] = [
    config::interpret,
    network::interpret,
    scaling::interpret,
    limits::interpret,
    monitoring::interpret,
    admission::interpret,
    istio::interpret,
    stores::interpret,
    workload::interpret,
];

/// Reads the files inside ConfigMaps for their users, checks the references of objects, and gives alerts the
/// settings for all of them. Called once, when everything has been read and before linking; variables of
/// containers override what this reads, so their settings come after it. `values` are those that charts are installed
/// with.
pub fn finish<'r>(repo: &Repo, environment: &str, values: impl Iterator<Item = &'r Node>, parts: &mut Parts) {
    workload::without_owned(parts);
    partial::finish(parts);
    scaling::without_refused(parts);
    limits::finish(parts);
    entries::finish(repo, environment, values, parts);
    stores::finish(parts);
    references::check(parts);
    prometheus::finish(parts);
}
