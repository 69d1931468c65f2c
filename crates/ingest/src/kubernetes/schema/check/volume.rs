//! Volumes, their mounts and claims.

use super::{Out, at_most_one, invalid, missing};
use crate::kubernetes::schema::cursor::Cursor;
use crate::kubernetes::schema::scalar;
use cofferdam_syntax::tree::Value;

/// Fields of a volume that are not its source.
const NOT_SOURCE: &[&str] = &["name"];

/// A volume: a label as its name, at most one source (`validateVolumeSource`).
pub(super) fn volume<'a>(at: &'a Cursor<'a>, out: &mut Out) {
    if let Some(name) = at.get("name")
        && let Some(text) = name.text()
        && !scalar::is_label(text)
        && !scalar::placeholder(text)
    {
        out.push(invalid(
            &name,
            format!("is `{text}`, which is not a valid volume name"),
            "Write at most 63 of a-z, 0-9 and -, letters or digits at the ends.",
        ));
    }
    let Some(ty) = at.ty else { return };
    let sources = at
        .node
        .entries()
        .filter(|(k, v)| !v.is_null() && !NOT_SOURCE.contains(&&*k.text) && ty.field(&k.text).is_some())
        .count();
    if sources > 1 {
        let names: Vec<&str> = at
            .node
            .entries()
            .map(|(k, _)| &*k.text)
            .filter(|k| !NOT_SOURCE.contains(k))
            .collect();
        at_most_one(at, &names, "sources", out);
    }
}

/// A mount: its path has no `:` (`ValidateVolumeMounts`, `validateLocalNonReservedPath`).
pub(super) fn mount(at: &Cursor<'_>, out: &mut Out) {
    if at.has("subPath")
        && let Some(expression) = at.get("subPathExpr")
        && at
            .node
            .get("subPath")
            .and_then(|n| n.as_str())
            .is_some_and(|t| !t.is_empty())
    {
        out.push(invalid(
            &expression,
            "is set together with `subPath`; a mount has one of the two",
            "Remove one of them.",
        ));
    }
    if let Some(path) = at.get("subPath")
        && let Some(text) = path.text()
        && (text.starts_with('/') || text.split('/').any(|part| part == ".."))
    {
        out.push(invalid(
            &path,
            format!("is `{text}` and must be a relative path without .."),
            "Write a path below the volume's root.",
        ));
    }
}

/// A separate claim (`ValidatePersistentVolumeClaimSpec`); templates in a StatefulSet are checked only when a
/// claim is created from them.
pub(super) fn claim<'a>(at: &'a Cursor<'a>, out: &mut Out) {
    if at.up.is_some() {
        return;
    }
    let Some(spec) = at.get("spec") else {
        if at.node.get("spec").is_none_or(|n| n.is_null()) {
            out.push(missing(at, "spec"));
        }
        return;
    };
    if spec.node.as_map().is_none() {
        return;
    }
    let modes = spec.node.get("accessModes");
    if modes.is_none_or(|m| m.is_null() || matches!(&m.value, Value::Seq(i) if i.is_empty())) {
        out.push(missing(&spec, "accessModes"));
    }
    let storage = spec.node.at("resources/requests/storage");
    let reachable = ["resources", "resources/requests"].iter().all(|path| {
        spec.node
            .at(path)
            .is_none_or(|n| n.is_null() || n.as_map().is_some())
    });
    if reachable && storage.is_none_or(|n| n.is_null()) {
        out.push(missing(&spec, "resources.requests.storage"));
    }
}
