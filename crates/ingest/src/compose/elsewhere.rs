//! Files that a Compose file takes in (`include`, `extends`, `env_file`) and that were not read: above the given
//! directory, behind an address, behind a link that is not followed.

use cofferdam_model::Span;
use cofferdam_syntax::repo::{Repo, normalise};
use cofferdam_syntax::tree::{Node, Value};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Levels of included files that are followed.
const MAX_INCLUDES_DEEP: usize = 8;

/// How a file is taken in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum TakenBy {
    /// `include`: services, volumes, networks.
    Include,
    /// `extends`: settings of a service.
    Extends,
    /// `env_file`: variables of a service.
    EnvFile,
}

/// A file that was not read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unread {
    pub(crate) by: TakenBy,
    /// The path or address as written.
    pub(crate) written: String,
    pub(crate) span: Span,
}

/// The files that the Compose file at `path` takes in and that were not read.
pub(crate) fn unread(node: &Node, repo: &Repo, path: &Path) -> Vec<Unread> {
    let mut found = Vec::new();
    let mut add = |by: TakenBy, written: &Node| {
        let Some(text) = written.as_str() else { return };
        if matches!(target(repo, path, text), Target::Elsewhere) {
            found.push(Unread {
                by,
                written: text.to_owned(),
                span: written.span,
            });
        }
    };
    for written in included(node) {
        add(TakenBy::Include, written);
    }
    for (_, service) in node.get("services").into_iter().flat_map(Node::entries) {
        if let Some(file) = service.get("extends").and_then(|extends| extends.get("file")) {
            add(TakenBy::Extends, file);
        }
        for file in listed(service.get("env_file")) {
            let optional = file.get("required").and_then(Node::as_bool) == Some(false);
            if !optional {
                add(TakenBy::EnvFile, file.get("path").unwrap_or(file));
            }
        }
    }
    found
}

/// The services of the files that a Compose file includes; `None` if one of the files was not read, so that it may
/// bring any service.
pub(super) fn included_services<'r>(
    node: &'r Node,
    repo: &'r Repo,
    path: &Path,
) -> Option<BTreeSet<&'r str>> {
    let mut names = BTreeSet::new();
    let mut seen = BTreeSet::from([path.to_path_buf()]);
    let mut open: Vec<(PathBuf, &Node, usize)> = vec![(path.to_path_buf(), node, 0)];
    while let Some((path, node, depth)) = open.pop() {
        for written in included(node) {
            let Target::File(file) = target(repo, &path, written.as_str()?) else {
                return None;
            };
            if !seen.insert(file.clone()) {
                continue;
            }
            let stream = repo.yaml.get(&file)?;
            if depth >= MAX_INCLUDES_DEEP || !stream.errors.is_empty() {
                return None;
            }
            for document in &stream.documents {
                let services = document.get("services").into_iter().flat_map(Node::entries);
                names.extend(services.map(|(name, _)| &*name.text));
                open.push((file.clone(), document, depth + 1));
            }
        }
    }
    Some(names)
}

/// The paths of `include`: an entry is a path, or a map with one path or several.
fn included(node: &Node) -> impl Iterator<Item = &Node> {
    let entries = listed(node.get("include")).iter();
    entries.flat_map(|entry| match &entry.value {
        Value::Map(_) => listed(entry.get("path")),
        _ => std::slice::from_ref(entry),
    })
}

/// One value or a list of them.
fn listed(node: Option<&Node>) -> &[Node] {
    match node {
        Some(node) if matches!(node.value, Value::Seq(_)) => node.items(),
        Some(node) => std::slice::from_ref(node),
        None => &[],
    }
}

enum Target {
    /// It was read.
    File(PathBuf),
    /// It was not read, and may say anything.
    Elsewhere,
    /// It should be in what was read and is not, or its name is not known.
    Unknown,
}

fn target(repo: &Repo, by: &Path, written: &str) -> Target {
    let addresses = ["://", "oci:", "git@", ".git#"];
    if addresses.iter().any(|mark| written.contains(mark)) || written.ends_with(".git") {
        return Target::Elsewhere;
    }
    if written.contains('$') {
        return Target::Unknown;
    }
    let path = normalise(&by.parent().unwrap_or(Path::new("")).join(written));
    if repo.files.contains_key(&path) {
        Target::File(path)
    } else if path.starts_with("..")
        || path.is_absolute()
        || written.starts_with('~')
        || repo.is_unfollowed(&path)
        || !repo.is_given(&path)
    {
        Target::Elsewhere
    } else {
        Target::Unknown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repo(files: &[(&str, &str)]) -> Repo {
        let files = files
            .iter()
            .map(|(p, t)| (PathBuf::from(p), t.as_bytes().to_vec()));
        Repo::from_files(files)
    }

    #[test]
    fn files_above_the_root_and_behind_addresses_are_named() {
        let text = "include:\n- ../infra/compose.yaml\n- {path: [oci://r.io/db:1, db.yaml]}\n- gone.yaml\n\
                    services:\n  a: {image: a, env_file: [../a.env, b.env, {path: ../c.env, required: false}]}\n  \
                    b: {extends: {file: ../../common.yaml, service: b}}\n  c: {extends: {service: b}, env_file: /etc/d.env}\n  \
                    d: {image: d, env_file: '${DIR}/e.env'}\n";
        let repo = repo(&[("compose.yaml", text), ("db.yaml", "services: {db: {image: d}}")]);
        let path = Path::new("compose.yaml");
        let found = unread(&repo.yaml[path].documents[0], &repo, path);
        let shown: Vec<(TakenBy, &str)> = found.iter().map(|u| (u.by, u.written.as_str())).collect();
        assert_eq!(
            shown,
            [
                (TakenBy::Include, "../infra/compose.yaml"),
                (TakenBy::Include, "oci://r.io/db:1"),
                (TakenBy::EnvFile, "../a.env"),
                (TakenBy::Extends, "../../common.yaml"),
                (TakenBy::EnvFile, "/etc/d.env"),
            ]
        );
    }

    #[test]
    fn services_of_included_files_are_known_if_all_were_read() {
        let included = |include: &str| {
            let text = format!("include: {include}\nservices: {{a: {{image: a}}}}\n");
            let repo = repo(&[
                ("compose.yaml", text.as_str()),
                (
                    "db/compose.yaml",
                    "include: [more.yaml]\nservices: {db: {image: d}}",
                ),
                (
                    "db/more.yaml",
                    "include: [compose.yaml]\nservices: {more: {image: d}}",
                ),
            ]);
            let path = Path::new("compose.yaml");
            let names = included_services(&repo.yaml[path].documents[0], &repo, path)?;
            Some(names.into_iter().collect::<Vec<_>>().join(" "))
        };
        assert_eq!(included("[db/compose.yaml]").as_deref(), Some("db more"));
        assert_eq!(included("[{path: db/more.yaml}]").as_deref(), Some("db more"));
        assert_eq!(included("[]").as_deref(), Some(""));
        assert_eq!(included("[../x.yaml]"), None);
        assert_eq!(included("[gone.yaml]"), None);
    }
}
