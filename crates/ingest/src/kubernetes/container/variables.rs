//! Variables of a container, and the objects that they come from.

use crate::facts::NodeFacts as _;
use crate::kubernetes::object::{Object, is_true, text};
use crate::secret_scan;
use cofferdam_model::delivery::DanglingKind;
use cofferdam_model::secrets::{Passage, SecretUse};
use cofferdam_model::workload::{Overridden, VariableSource};
use cofferdam_model::{Fact, Parts, Variable, VariableValue, Variables};
use cofferdam_syntax::tree::{Node, Value};
use std::collections::BTreeMap;

/// `env`: names with their values or references. Of two equal names the last counts, as in the kubelet.
pub(super) fn variables(node: &Node, object: &Object<'_>, parts: &mut Parts) -> Variables {
    let mut variables = Variables::new();
    for entry in node.get("env").map_or(&[][..], Node::items) {
        let Some(name) = entry.get("name").and_then(Node::text_fact) else {
            continue;
        };
        let span = name.span().unwrap_or(entry.span);
        let (value, at) = match (entry.get("value"), entry.get("valueFrom")) {
            (Some(value), _) => (literal(value), value),
            (None, Some(from)) => (reference(from, entry, &name.value, (object, parts)), from),
            (None, None) => (VariableValue::Literal(String::new()), entry),
        };
        if let VariableValue::Literal(text) = &value {
            note_literal(&name.value, text, at, (object, parts));
        }
        variables.insert(
            name.value,
            Variable {
                value: Fact::declared(value, at.span),
                name_span: span,
            }
            .into(),
        );
    }
    variables
}

/// Entries of `env` that a later one of the same name replaces. One that the later one reads (`$(PATH):/opt`)
/// is not lost.
pub(super) fn overridden(node: &Node) -> Vec<Overridden> {
    let mut seen: BTreeMap<&str, &Node> = BTreeMap::new();
    let mut found = Vec::new();
    for entry in node.get("env").map_or(&[][..], Node::items) {
        let Some(name) = entry.get("name").and_then(Node::as_str) else {
            continue;
        };
        let value = |entry: &Node| entry.get("value").and_then(Node::as_str).map(str::to_owned);
        let Some(first) = seen.insert(name, entry) else {
            continue;
        };
        let new = value(entry);
        if new.as_ref().is_some_and(|v| v.contains(&format!("$({name})"))) {
            continue;
        }
        let place = |entry: &Node| entry.get("name").map_or(entry.span, |n| n.span);
        found.push(Overridden {
            name: name.to_owned(),
            first: place(first),
            last: place(entry),
            same: ["value", "valueFrom"]
                .iter()
                .all(|key| match (first.get(key), entry.get(key)) {
                    (Some(first), Some(last)) => first.says_the_same(last),
                    (first, last) => first.is_none() && last.is_none(),
                }),
        });
    }
    found
}

fn literal(value: &Node) -> VariableValue {
    match &value.value {
        Value::Scalar(scalar) => VariableValue::Literal(scalar.text.to_string()),
        Value::Null => VariableValue::Literal(String::new()),
        Value::Unknown(what) => {
            let what = cofferdam_render::hcl::reference(value).unwrap_or(what);
            VariableValue::Unknown(what.to_owned())
        }
        Value::Seq(_) | Value::Map(_) => VariableValue::Unknown("it is not a text".to_owned()),
    }
}

/// Records a secret that the file contains as a variable's value.
fn note_literal(name: &str, text: &str, at: &Node, (object, env): (&Object<'_>, &mut Parts)) {
    let Some((kind, evidence)) = secret_scan::classify(name, text) else {
        if let Some(found) = secret_scan::by_name_alone(name, text) {
            env.secret_literals.push(cofferdam_model::secrets::SecretLiteral {
                doubtful: true,
                ..secret_scan::literal(name, text, at.span, found)
            });
        }
        return;
    };
    let found = secret_scan::literal(name, text, at.span, (kind, evidence));
    env.secret_literals.push(found);
    env.secret_uses.push(SecretUse {
        owner: object.owner(),
        span: at.span,
        name: name.to_owned(),
        kind,
        passage: Passage::EnvironmentLiteral,
        dynamic: None,
    });
}

fn reference(
    from: &Node,
    entry: &Node,
    variable: &str,
    (object, env): (&Object<'_>, &mut Parts),
) -> VariableValue {
    if let Some(secret) = from.get("secretKeyRef") {
        let (Some(name), Some(key)) = (text(secret, "name"), text(secret, "key")) else {
            return VariableValue::Unknown("a key of a Secret whose name is not known".to_owned());
        };
        let optional = is_true(secret, "optional");
        if let Some(kind) = secret_scan::kind_of_reference(variable, &key.value) {
            env.secret_uses.push(SecretUse {
                owner: object.owner(),
                span: entry.get("name").map_or(entry.span, |n| n.span),
                name: variable.to_owned(),
                kind,
                passage: Passage::EnvironmentReference {
                    secret: name.value.clone(),
                    key: key.value.clone(),
                },
                dynamic: None,
            });
        }
        let value = VariableValue::Secret {
            name: name.value.clone(),
            key: key.value.clone(),
            optional,
        };
        if !optional {
            let within = Some(name.value.clone());
            object.refers(env, DanglingKind::Secret, name);
            object.refers_within(env, DanglingKind::SecretKey, key, within);
        }
        return value;
    }
    if let Some(config) = from.get("configMapKeyRef") {
        let (Some(name), Some(key)) = (text(config, "name"), text(config, "key")) else {
            return VariableValue::Unknown("a key of a ConfigMap whose name is not known".to_owned());
        };
        let optional = is_true(config, "optional");
        let value = VariableValue::Config {
            name: name.value.clone(),
            key: key.value.clone(),
            value: None,
            optional,
        };
        if !optional {
            let within = Some(name.value.clone());
            object.refers(env, DanglingKind::ConfigMap, name);
            object.refers_within(env, DanglingKind::ConfigMapKey, key, within);
        }
        return value;
    }
    let what = ["fieldRef/fieldPath", "resourceFieldRef/resource"]
        .iter()
        .find_map(|path| from.at(path)?.as_str())
        .unwrap_or("a reference that is known only at run time");
    VariableValue::Unknown(what.to_owned())
}

/// `envFrom`: objects of which every key becomes a variable.
pub(super) fn variable_sources(node: &Node, object: &Object<'_>, parts: &mut Parts) -> Vec<VariableSource> {
    let mut sources = Vec::new();
    for entry in node.get("envFrom").map_or(&[][..], Node::items) {
        for (key, secret) in [("configMapRef", false), ("secretRef", true)] {
            let Some(from) = entry.get(key) else { continue };
            let Some(name) = text(from, "name") else { continue };
            let optional = is_true(from, "optional");
            if secret {
                parts.secret_uses.push(SecretUse {
                    owner: object.owner(),
                    span: name.span().unwrap_or(from.span),
                    name: name.value.clone(),
                    kind: secret_scan::kind_of_reference(&name.value, "")
                        .unwrap_or(cofferdam_model::secrets::SecretKind::Other),
                    passage: Passage::EnvironmentAll {
                        secret: name.value.clone(),
                    },
                    dynamic: None,
                });
            }
            if !optional {
                let kind = if secret {
                    DanglingKind::Secret
                } else {
                    DanglingKind::ConfigMap
                };
                object.refers(parts, kind, name.clone());
            }
            sources.push(VariableSource {
                secret,
                name,
                prefix: entry
                    .get("prefix")
                    .and_then(Node::as_str)
                    .unwrap_or_default()
                    .to_owned(),
                optional,
            });
        }
    }
    sources
}
