//! Dotted names of modules: of a file, and of what a module imports.

use std::path::Path;

/// The dotted path of a module: `services.api.app.config`.
pub(super) fn dotted(path: &Path) -> String {
    let path = path.with_extension("");
    let mut parts: Vec<&str> = path.iter().filter_map(|p| p.to_str()).collect();
    if parts.last() == Some(&"__init__") {
        parts.pop();
    }
    parts.join(".")
}

/// A relative import (`.config.settings`, `..db.engine`) as a dotted path.
pub(super) fn absolute(from: &Path, name: &str) -> String {
    let dots = name.chars().take_while(|c| *c == '.').count();
    if dots == 0 {
        return name.to_owned();
    }
    let mut package: Vec<&str> = from.iter().filter_map(|p| p.to_str()).collect();
    for _ in 0..dots {
        package.pop();
    }
    format!("{}.{}", package.join("."), &name[dots..])
}
