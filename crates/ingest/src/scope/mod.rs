//! Which platform this is: which files belong together, which environment each is for, and which are no part of the
//! platform. Runs once, before documents are read; readers and rules get its result and do not repeat it.
//!
//! Two mistakes make most false findings: bringing together what never runs together, and reporting what was not seen
//! as missing. This module must never guess towards more: without evidence there is one unnamed environment, and
//! directories that nothing connects are projects of their own.

mod evidence;
mod places;
mod projects;
mod roots;

pub(crate) use cofferdam_syntax::environment::is_overlays;
pub(crate) use evidence::{Evidence, Labels, stated_by};
pub(crate) use projects::Projects;

use std::path::Path;

/// The name of the environment that no evidence names.
pub(crate) const UNNAMED: &str = "default";

/// The cluster that a path is for: the directory below `clusters`.
pub(crate) fn cluster_of(path: &Path) -> Option<&str> {
    let mut parts = path.iter().filter_map(|p| p.to_str()).peekable();
    while let Some(part) = parts.next() {
        if part == "clusters" {
            let name = parts.next()?;
            // A file directly below `clusters` names none.
            return parts.peek().map(|_| name);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_below_clusters_is_a_cluster_and_a_file_is_not() {
        let table = [
            ("clusters/eu-1/apps/a.yaml", Some("eu-1")),
            ("gitops/clusters/eu-1/a.yaml", Some("eu-1")),
            ("clusters/a.yaml", None),
            ("apps/eu-1/a.yaml", None),
            ("clusters", None),
        ];
        for (path, wanted) in table {
            assert_eq!(cluster_of(Path::new(path)), wanted, "{path}");
        }
    }
}
