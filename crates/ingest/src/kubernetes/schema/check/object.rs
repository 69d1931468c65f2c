//! Names, labels, selectors, ConfigMaps and Secrets.

use super::{Out, invalid, invalid_map, missing};
use crate::kubernetes::schema::cursor::Cursor;
use crate::kubernetes::schema::scalar;
use crate::kubernetes::schema::table::Type;

/// Types whose name is a label of RFC 1123 (63 characters, no points). A Service is one of them since 1.34;
/// before, it also had to begin with a letter, which is therefore not judged.
const LABEL_NAMES: &[&str] = &["core.v1.Namespace", "core.v1.Service"];
/// Types whose name may be any segment of a path (`ValidatePathSegmentName`).
const FREE_NAMES: &[&str] = &[
    "rbac.v1.ClusterRole",
    "rbac.v1.ClusterRoleBinding",
    "rbac.v1.Role",
    "rbac.v1.RoleBinding",
];

/// The object's name: present, and in the format for its kind (`ValidateObjectMeta`).
pub(super) fn name<'a>(at: &'a Cursor<'a>, ty: &Type, out: &mut Out) {
    // A kustomization is a file and never an object of the server.
    if ty.name.starts_with("kustomize.") {
        return;
    }
    let Some(metadata) = at.get("metadata") else {
        if at.node.get("metadata").is_none_or(|n| n.is_null()) {
            out.push(missing(at, "metadata"));
        }
        return;
    };
    if metadata.node.as_map().is_none() {
        return;
    }
    let Some(name) = metadata.get("name") else {
        if !metadata.has("generateName") {
            out.push(missing(&metadata, "name"));
        }
        return;
    };
    let Some(text) = name.text() else { return };
    if FREE_NAMES.contains(&ty.name) || scalar::placeholder(text) {
        return;
    }
    let (fits, form) = if LABEL_NAMES.contains(&ty.name) {
        (scalar::is_label(text), "at most 63 of a-z, 0-9 and -")
    } else {
        (scalar::is_subdomain(text), "at most 253 of a-z, 0-9, - and .")
    };
    if !fits {
        out.push(invalid(
            &name,
            format!(
                "is `{text}`, which is not a name that Kubernetes accepts ({form}, letters or digits at the ends)"
            ),
            format!("Write {form}."),
        ));
    }
}

/// Labels, annotations and the namespace (`ValidateLabels`, `ValidateAnnotations`, `ValidateNamespaceName`).
pub(super) fn metadata<'a>(at: &'a Cursor<'a>, out: &mut Out) {
    if let Some(labels) = at.get("labels") {
        label_values(&labels, out);
        keys(&labels, false, out);
    }
    if let Some(annotations) = at.get("annotations") {
        keys(&annotations, true, out);
    }
    if let Some(namespace) = at.get("namespace")
        && let Some(text) = namespace.text()
        && !text.is_empty()
        && !scalar::is_label(text)
        && !scalar::placeholder(text)
    {
        out.push(invalid(
            &namespace,
            format!("is `{text}`, which is not a valid namespace name"),
            "Write at most 63 of a-z, 0-9 and -.",
        ));
    }
}

fn keys(map: &Cursor<'_>, any_case: bool, out: &mut Out) {
    for (key, value) in map.node.entries() {
        if !scalar::templated(&key.text) && !scalar::is_qualified_name(&key.text, any_case) {
            let at = map.child(key, value);
            out.push(invalid_map(
                &at,
                format!("has the key `{}`, which is not a qualified name", key.text),
                "Write a name of at most 63 letters, digits, - _ and ., with a domain and / before it if \
                 needed.",
            ));
        }
    }
}

/// Values of labels (`IsValidLabelValue`).
fn label_values(map: &Cursor<'_>, out: &mut Out) {
    for (key, value) in map.node.entries() {
        let at = map.child(key, value);
        if let Some(text) = at.text()
            && !scalar::is_label_value(text)
        {
            out.push(invalid(
                &at,
                format!("is `{text}`, which is not a valid label value"),
                "Write at most 63 letters, digits, - _ and ., with letters or digits at the ends.",
            ));
        }
    }
}

/// A label selector's literal labels (`ValidateLabelSelector`).
pub(super) fn selector<'a>(at: &'a Cursor<'a>, out: &mut Out) {
    if let Some(labels) = at.get("matchLabels") {
        label_values(&labels, out);
        keys(&labels, false, out);
    }
}

/// An expression of a label selector (`ValidateLabelSelectorRequirement`).
pub(super) fn requirement<'a>(at: &'a Cursor<'a>, out: &mut Out) {
    values_fit_operator(at, out);
}

/// `In` and `NotIn` need values, `Exists` and `DoesNotExist` take none.
pub(super) fn values_fit_operator(at: &Cursor<'_>, out: &mut Out) {
    let Some(operator) = at.text_of("operator") else {
        return;
    };
    let values = at.node.get("values");
    let unknown = values.is_some_and(|v| matches!(v.value, cofferdam_syntax::tree::Value::Unknown(_)));
    let count = values.map_or(0, |v| v.items().len());
    match operator {
        "In" | "NotIn" if count == 0 && !unknown => out.push(missing(at, "values")),
        "Exists" | "DoesNotExist" if count > 0 => {
            if let Some(values) = at.get("values") {
                out.push(invalid_map(
                    &values,
                    format!("must be absent with the operator {operator}"),
                    "Remove `values`, or use the operator In.",
                ));
            }
        }
        _ => {}
    }
}

/// Keys of a ConfigMap (`ValidateConfigMap`, `IsConfigMapKey`).
pub(super) fn config_map<'a>(at: &'a Cursor<'a>, out: &mut Out) {
    for section in ["data", "binaryData"] {
        data_keys(at, section, out);
    }
    if let (Some(data), Some(binary)) = (at.get("data"), at.get("binaryData")) {
        for (key, value) in binary.node.entries() {
            if data.node.get(&key.text).is_some() {
                out.push(invalid_map(
                    &binary.child(key, value),
                    "is also a key of `data`",
                    "Keep the key in one of the two.",
                ));
            }
        }
    }
}

/// Keys of a Secret, and those that its type requires (`ValidateSecret`).
pub(super) fn secret<'a>(at: &'a Cursor<'a>, out: &mut Out) {
    for section in ["data", "stringData"] {
        data_keys(at, section, out);
    }
    // An object encrypted by sops is complete only after decrypting.
    if at.has("sops") {
        return;
    }
    let wanted: &[&str] = match at.text_of("type") {
        Some("kubernetes.io/tls") => &["tls.crt", "tls.key"],
        Some("kubernetes.io/dockerconfigjson") => &[".dockerconfigjson"],
        Some("kubernetes.io/ssh-auth") => &["ssh-privatekey"],
        _ => return,
    };
    let (data, text) = (at.get("data"), at.get("stringData"));
    let readable = |section: &Option<Cursor<'_>>| {
        section
            .as_ref()
            .is_none_or(|s| s.node.entries().all(|(k, _)| !scalar::templated(&k.text)))
    };
    let has = |section: &Option<Cursor<'_>>, key| section.as_ref().is_some_and(|s| s.node.get(key).is_some());
    if !readable(&data) || !readable(&text) {
        return;
    }
    for key in wanted {
        if !has(&data, key) && !has(&text, key) {
            out.push(missing(at, &format!("data.{key}")));
        }
    }
}

fn data_keys(at: &Cursor<'_>, section: &str, out: &mut Out) {
    let Some(node) = at.node.get(section) else { return };
    for (key, _) in node.entries() {
        let text = &*key.text;
        let fits = !text.is_empty()
            && text.len() <= 253
            && text != "."
            && text != ".."
            && text
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'));
        if !fits && !scalar::templated(text) {
            out.push(crate::kubernetes::schema::SchemaProblem {
                kind: crate::kubernetes::schema::ProblemKind::InvalidValue {
                    reason: format!("has the key `{text}`, which is not a valid file name"),
                    remedy: "Write at most 253 letters, digits, - _ and . as the key.".to_owned(),
                },
                path: at.path_of(section),
                span: key.span,
            });
        }
    }
}
