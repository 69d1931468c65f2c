//! Which files may be configuration, by their names.

use std::ffi::OsStr;
use std::path::Path;

/// What a file name suggests; the content decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Yaml,
    Text,
    Other,
}

/// Whether a file with this name may be configuration, so that its content decides.
pub fn may_be_configuration(path: &Path) -> bool {
    kind(path) != Kind::Other
}

/// Whether the names of two files suggest the same.
pub fn are_alike(a: &Path, b: &Path) -> bool {
    kind(a) == kind(b)
}

pub(super) fn kind(path: &Path) -> Kind {
    let name = path.file_name().map(OsStr::to_string_lossy).unwrap_or_default();
    let name = name.to_ascii_lowercase();
    if name == ".env" || name == ".secrets" || name.starts_with(".env.") || name.starts_with("dockerfile") {
        return Kind::Text;
    }
    if matches!(
        name.as_str(),
        ".gitignore" | ".gitmodules" | "procfile" | "package-lock.json" | "composer.lock"
    ) {
        return if name.starts_with(".git") {
            Kind::Text
        } else {
            Kind::Other
        };
    }
    if name == "makefile" || name.ends_with(".dockerfile") {
        return Kind::Text;
    }
    if name == "kustomization" {
        return Kind::Yaml;
    }
    match name.rsplit_once('.').map(|(_, e)| e) {
        Some("yaml" | "yml" | "json") => Kind::Yaml,
        Some(
            "tf" | "tfvars" | "hcl" | "env" | "properties" | "ini" | "conf" | "cnf" | "cfg" | "py" | "tpl"
            | "sh" | "bash" | "mk",
        ) => Kind::Text,
        _ => Kind::Other,
    }
}
