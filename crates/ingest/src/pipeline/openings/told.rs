//! What was not read, for people: each thing once, those of one sort together, the largest sort first.

use cofferdam_model::{Span, UnreadableFile};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// How many things of one sort are named before the rest is only counted.
const NAMED: usize = 5;

/// Sorts of things that are not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum What {
    /// A chart of a chart repository.
    Chart,
    /// A module of Terraform from a registry or git.
    Module,
    /// A directory of another repository.
    Directory,
    /// What a generator of an ApplicationSet gives.
    Generator,
    /// The workspaces that a root module of Terraform is applied in.
    Workspaces,
    /// A resource of an operator that contains pods.
    Pods,
    /// A file that a Compose file takes in.
    ComposeFile,
}

impl What {
    /// The sentence on one thing or several.
    fn sentence(self, names: &str, count: usize) -> String {
        let one = count == 1;
        match self {
            What::Chart if one => format!("not read, so what it brings is not judged: the chart {names}"),
            What::Chart => format!("{count} charts from elsewhere were not read: {names}"),
            What::Module if one => format!("not read, so what it makes is not judged: the module {names}"),
            What::Module => format!("{count} modules from elsewhere were not read: {names}"),
            What::Directory if one => {
                format!("not read, since it is in another repository: the directory {names}")
            }
            What::Directory => format!("{count} directories of other repositories were not read: {names}"),
            What::ComposeFile if one => format!(
                "not read, so what it brings is not judged: {names}, which this Compose file takes in from outside \
                 of what was given"
            ),
            What::ComposeFile => {
                format!(
                    "{count} files that Compose files take in are outside of what was given, and were not read: {names}"
                )
            }
            What::Generator => format!("not known from files, so what it deploys is not judged: {names}"),
            What::Workspaces if one => {
                format!(
                    "not known from the files that are read, so what differs between them is not judged: the Terraform workspaces of {names}"
                )
            }
            What::Workspaces => format!(
                "{count} root modules are applied once for each Terraform workspace, and no file that is read names these, so \
                 what differs between them is not judged: {names}"
            ),
            What::Pods if one => {
                format!("not judged, since only its operator knows what it makes: {names} contains pods")
            }
            What::Pods => {
                format!("{count} resources of operators contain pods that were not judged: {names}")
            }
        }
    }
}

/// Where a thing was first named.
type First = (PathBuf, Option<Span>);

/// Everything that was not read.
#[derive(Debug, Default)]
pub(super) struct Told {
    by_sort: BTreeMap<What, BTreeMap<String, First>>,
}

impl Told {
    /// Adds a thing by its name.
    pub(super) fn add(&mut self, what: What, name: String, path: &Path, span: Option<Span>) {
        let first = (path.to_path_buf(), span);
        let known = self
            .by_sort
            .entry(what)
            .or_default()
            .entry(name)
            .or_insert_with(|| first.clone());
        if first < *known {
            *known = first;
        }
    }

    /// A note for each sort.
    pub(super) fn notes(self) -> Vec<UnreadableFile> {
        let mut sorts: Vec<(What, BTreeMap<String, First>)> = self.by_sort.into_iter().collect();
        sorts.sort_by_key(|(what, names)| (std::cmp::Reverse(names.len()), *what));
        sorts
            .into_iter()
            .filter_map(|(what, names)| {
                let (path, span) = names.values().min()?.clone();
                let shown: Vec<&str> = names.keys().take(NAMED).map(String::as_str).collect();
                let more = match names.len() - shown.len() {
                    0 => String::new(),
                    n => format!(", and {n} more"),
                };
                Some(UnreadableFile {
                    path,
                    span,
                    message: what.sentence(&format!("{}{more}", shown.join(", ")), names.len()),
                })
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_sort_has_a_sentence_for_one_and_for_several() {
        let message = |what: What, names: &[&str]| {
            let mut told = Told::default();
            for name in names {
                told.add(what, (*name).to_owned(), Path::new("a.yaml"), None);
            }
            told.notes().remove(0).message
        };
        for (what, one, several) in [
            (
                What::Chart,
                "not read, so what it brings is not judged: the chart a",
                "2 charts from elsewhere were not read: a, b",
            ),
            (
                What::Module,
                "not read, so what it makes is not judged: the module a",
                "2 modules from elsewhere were not read: a, b",
            ),
            (
                What::Directory,
                "not read, since it is in another repository: the directory a",
                "2 directories of other repositories were not read: a, b",
            ),
            (
                What::Pods,
                "not judged, since only its operator knows what it makes: a contains pods",
                "2 resources of operators contain pods that were not judged: a, b",
            ),
        ] {
            assert_eq!(message(what, &["a"]), one);
            assert_eq!(message(what, &["a", "b"]), several);
        }
    }

    #[test]
    fn the_sort_with_most_things_comes_first() {
        let mut told = Told::default();
        told.add(What::Chart, "redis".to_owned(), Path::new("a.yaml"), None);
        for name in ["vpc", "eks"] {
            told.add(What::Module, name.to_owned(), Path::new("main.tf"), None);
        }
        let paths: Vec<PathBuf> = told.notes().into_iter().map(|n| n.path).collect();
        assert_eq!(paths, [Path::new("main.tf"), Path::new("a.yaml")]);
    }

    #[test]
    fn each_thing_is_named_once_and_the_most_frequent_kind_first() {
        let mut told = Told::default();
        told.add(What::Module, "vpc of git".to_owned(), Path::new("main.tf"), None);
        for path in ["b.yaml", "a.yaml", "d.yaml"] {
            told.add(What::Chart, "redis".to_owned(), Path::new(path), None);
        }
        for n in 0..6 {
            told.add(What::Chart, format!("x{n}"), Path::new("c.yaml"), None);
        }
        let shown: Vec<(String, String)> = told
            .notes()
            .into_iter()
            .map(|n| (n.path.display().to_string(), n.message))
            .collect();
        assert_eq!(
            shown,
            [
                (
                    "a.yaml".to_owned(),
                    "7 charts from elsewhere were not read: redis, x0, x1, x2, x3, and 2 more".to_owned()
                ),
                (
                    "main.tf".to_owned(),
                    "not read, so what it makes is not judged: the module vpc of git".to_owned()
                ),
            ]
        );
    }
}
