//! Variables and secrets of a deployment file: a map, or a list of `{name, value}`; a value may be a text, or
//! a reference to its secret.

use super::keys;
use crate::parts;
use crate::secret_scan;
use crate::settings::Setting;
use cofferdam_model::secrets::{Passage, SecretKind, SecretUse};
use cofferdam_model::{Fact, Owner, Parts, Span, Variable, VariableValue};
use cofferdam_syntax::tree::{Node, fold};

/// Reads the variables and secrets of `owner` into its service; returns those with a text as settings.
pub(super) fn read(node: &Node, owner: &Owner, service: &str, parts: &mut Parts) -> Vec<Setting> {
    let mut settings = Vec::new();
    for name in keys::VARIABLES {
        if let Some(list) = node.like(name) {
            for (name, span, value) in pairs(list) {
                if let Some(setting) = variable((&name, span), value, (owner, service), parts) {
                    settings.push(setting);
                }
            }
        }
    }
    for name in keys::SECRETS {
        if let Some(list) = node.like(name) {
            secrets(list, owner, service, parts);
        }
    }
    settings
}

/// Names and values, whether a map or a list; `A=1` in a list is both in one.
fn pairs(list: &Node) -> Vec<(String, Span, &Node)> {
    list.named_items()
        .into_iter()
        .map(|(name, span, item)| (name.to_owned(), span, item))
        .collect()
}

/// One variable; as a setting if its text is known.
fn variable(
    (name, span): (&str, Span),
    value: &Node,
    (owner, service): (&Owner, &str),
    parts: &mut Parts,
) -> Option<Setting> {
    let text_node = match value.as_map() {
        Some(_) => value.like("value"),
        None => Some(value),
    };
    let held = match text_node.and_then(Node::as_str) {
        Some(text) => of_text(text),
        None => reference(value).unwrap_or_else(|| VariableValue::Unknown("it is not a text".to_owned())),
    };
    let place = text_node.unwrap_or(value).span;
    match &held {
        VariableValue::Secret {
            name: secret, key, ..
        } => note(name, value.span, (secret, key), owner, parts),
        VariableValue::Literal(text) => {
            if let Some(found) = secret_scan::classify(name, text) {
                parts.secret_uses.push(SecretUse {
                    owner: owner.clone(),
                    span: place,
                    name: name.to_owned(),
                    kind: found.0,
                    passage: Passage::EnvironmentLiteral,
                    dynamic: None,
                });
                parts
                    .secret_literals
                    .push(secret_scan::literal(name, text, place, found));
            }
        }
        _ => {}
    }
    let setting = match &held {
        VariableValue::Literal(text) => Some(Setting {
            name: name.to_owned(),
            name_span: span,
            value: Fact::declared(text.clone(), place),
        }),
        _ => None,
    };
    let variable = Variable {
        value: Fact::declared(held, place),
        name_span: span,
    };
    parts::service_mut(parts, service, span)
        .variables
        .insert(name.to_owned(), variable.into());
    setting
}

/// A text, or what it refers to: `vault:path#key`, `secret://name/key`, `${NAME}`.
fn of_text(text: &str) -> VariableValue {
    let trimmed = text.trim();
    for scheme in [
        "vault:",
        "vault://",
        "secret:",
        "secret://",
        "secrets://",
        "ssm:",
        "ssm://",
        "awssecret:",
        "gcpsecret:",
    ] {
        if let Some(path) = trimmed.strip_prefix(scheme) {
            let (name, key) = path
                .trim_start_matches('/')
                .split_once(['#', '@'])
                .unwrap_or((path.trim_start_matches('/'), ""));
            return VariableValue::Secret {
                name: name.to_owned(),
                key: key.to_owned(),
                optional: false,
            };
        }
    }
    if trimmed.contains("${") || trimmed.contains("{{") {
        return VariableValue::Unknown(trimmed.to_owned());
    }
    VariableValue::Literal(text.to_owned())
}

/// The secret that a map refers to: `{secret: name, key: k}`, `{vault_path: …}`, `{valueFrom: {secretKeyRef:
/// {name, key}}}`.
fn reference(value: &Node) -> Option<VariableValue> {
    let place = ["valuefrom", "secretkeyref", "fromsecret"]
        .iter()
        .fold(value, |node, name| {
            node.like(name).filter(|n| n.as_map().is_some()).unwrap_or(node)
        });
    let (_, name) = place.like_any(&[
        "secret",
        "secretname",
        "vaultpath",
        "vault",
        "secretpath",
        "path",
        "fromsecret",
        "name",
    ])?;
    let is_listed = std::ptr::eq(place, value)
        && place
            .like_any(&[
                "secret",
                "secretname",
                "vaultpath",
                "vault",
                "secretpath",
                "path",
                "fromsecret",
            ])
            .is_none();
    if is_listed {
        return None;
    }
    let key = place
        .like_any(&["key", "field", "property", "secretkey", "vaultkey"])
        .and_then(|(_, n)| n.as_str())
        .unwrap_or_default();
    Some(VariableValue::Secret {
        name: name.as_str()?.to_owned(),
        key: key.to_owned(),
        optional: false,
    })
}

/// The `secrets` section: names alone, a map from variable to path, or a list of maps.
fn secrets(list: &Node, owner: &Owner, service: &str, parts: &mut Parts) {
    for item in list.items().iter().filter(|i| i.as_str().is_some()) {
        if let Some(name) = item.as_str() {
            secret((name, item.span), (name, ""), (owner, service), parts);
        }
    }
    for (listed, span, item) in pairs(list) {
        if let Some(path) = item.as_str() {
            if let VariableValue::Secret { name, key, .. } = of_text(path) {
                secret((&listed, span), (&name, &key), (owner, service), parts);
            } else {
                let (path, key) = path.split_once('#').unwrap_or((path, ""));
                secret((&listed, span), (path, key), (owner, service), parts);
            }
            continue;
        }
        if item.as_map().is_none() {
            continue;
        }
        let of = |names: &[&str]| {
            item.like_any(names)
                .and_then(|(_, n)| n.as_str())
                .map(str::to_owned)
        };
        let path = of(&["path", "vaultpath", "secret", "secretname", "vault", "source"])
            .unwrap_or_else(|| listed.clone());
        let key = of(&["field", "property", "vaultkey", "secretkey"]).unwrap_or_default();
        // A file to which the secret is written is not a variable.
        if let Some(file) = of(&["file", "mountpath", "filepath", "mount", "destination"]) {
            parts.secret_uses.push(SecretUse {
                owner: owner.clone(),
                span,
                name: file,
                kind: secret_scan::kind_of_name(&listed).unwrap_or(SecretKind::Other),
                passage: Passage::File { secret: path },
                dynamic: None,
            });
            continue;
        }
        let variable =
            of(&["envvar", "env", "variable", "environmentvariable", "as"]).unwrap_or_else(|| listed.clone());
        secret((&variable, span), (&path, &key), (owner, service), parts);
    }
}

fn secret(
    (variable, span): (&str, Span),
    (path, key): (&str, &str),
    (owner, service): (&Owner, &str),
    parts: &mut Parts,
) {
    note(variable, span, (path, key), owner, parts);
    let value = VariableValue::Secret {
        name: path.to_owned(),
        key: key.to_owned(),
        optional: false,
    };
    parts::service_mut(parts, service, span).variables.insert(
        variable.to_owned(),
        Variable {
            value: Fact::declared(value, span),
            name_span: span,
        }
        .into(),
    );
}

/// Records that a secret reaches a process as a variable.
fn note(variable: &str, span: Span, (secret, key): (&str, &str), owner: &Owner, parts: &mut Parts) {
    if let Some(kind) = secret_scan::kind_of_reference(variable, key) {
        parts.secret_uses.push(SecretUse {
            owner: owner.clone(),
            span,
            name: variable.to_owned(),
            kind,
            passage: Passage::EnvironmentReference {
                secret: secret.to_owned(),
                key: key.to_owned(),
            },
            dynamic: fold(secret).contains("creds").then(|| Fact::declared(true, span)),
        });
    }
}
