//! Rights (`pkg/apis/rbac/validation`).

use super::{Out, invalid, missing};
use crate::kubernetes::schema::cursor::Cursor;

const GROUP: &str = "rbac.authorization.k8s.io";

/// What a role allows (`ValidatePolicyRule`).
pub(super) fn rule<'a>(at: &'a Cursor<'a>, out: &mut Out) {
    if at.node.as_map().is_none() {
        return;
    }
    if at.has("nonResourceURLs") {
        return;
    }
    // The fields' values may be unknown; only their absence is certain.
    match (at.has("apiGroups"), at.has("resources")) {
        (true, false) => out.push(missing(at, "resources")),
        (false, true) => out.push(missing(at, "apiGroups")),
        (false, false) => out.push(missing(at, "apiGroups")),
        (true, true) => {}
    }
}

/// Who gets a role in a namespace (`ValidateRoleBinding`).
pub(super) fn binding<'a>(at: &'a Cursor<'a>, out: &mut Out) {
    role(at, out);
    subjects(at, false, out);
}

/// Who gets a role everywhere (`ValidateClusterRoleBinding`): only a ClusterRole, and service accounts
/// with their namespace.
pub(super) fn cluster_binding<'a>(at: &'a Cursor<'a>, out: &mut Out) {
    role(at, out);
    if let Some(role) = at.get("roleRef")
        && let Some(kind) = role.get("kind")
        && kind.text() == Some("Role")
    {
        out.push(invalid(
            &kind,
            "is Role, and a ClusterRoleBinding gives only a ClusterRole",
            "Write `kind: ClusterRole`, or use a RoleBinding.",
        ));
    }
    subjects(at, true, out);
}

fn role(at: &Cursor<'_>, out: &mut Out) {
    if let Some(role) = at.get("roleRef")
        && let Some(group) = role.get("apiGroup")
        && let Some(text) = group.text()
        && !text.is_empty()
        && text != GROUP
    {
        out.push(invalid(
            &group,
            format!("is `{text}` and must be {GROUP}"),
            format!("Write `apiGroup: {GROUP}`."),
        ));
    }
}

/// `ValidateRoleBindingSubject`.
fn subjects(at: &Cursor<'_>, namespace_needed: bool, out: &mut Out) {
    let Some(subjects) = at.get("subjects") else {
        return;
    };
    for subject in subjects.each() {
        let kind = subject.text_of("kind");
        if namespace_needed && kind == Some("ServiceAccount") && !subject.has("namespace") {
            out.push(missing(&subject, "namespace"));
        }
        let wanted = match kind {
            Some("ServiceAccount") => "",
            Some("User" | "Group") => GROUP,
            _ => continue,
        };
        if let Some(group) = subject.get("apiGroup")
            && let Some(text) = group.text()
            && !text.is_empty()
            && text != wanted
        {
            let remedy = if wanted.is_empty() {
                "Remove `apiGroup`.".to_owned()
            } else {
                format!("Write `apiGroup: {GROUP}`.")
            };
            out.push(invalid(
                &group,
                format!(
                    "is `{text}`, which a subject of kind {} does not have",
                    kind.unwrap_or("")
                ),
                remedy,
            ));
        }
    }
}
