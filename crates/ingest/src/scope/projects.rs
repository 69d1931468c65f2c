//! Projects: trees of files that have nothing to do with one another. Two repositories side by side are two projects,
//! and what stands apart (an example, a test) is one of its own: nothing in one says anything about another.

use super::places::apart;
use cofferdam_model::{Project, ProjectId};
use cofferdam_syntax::repo::{Repo, normalise};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};

/// Names of directories that are parts of one platform: beside one of them, the others are parts as well.
const PARTS: &[&str] = &[
    "k8s",
    "kubernetes",
    "kube",
    "manifests",
    "kustomize",
    "helm",
    "helmfile",
    "chart",
    "charts",
    "deploy",
    "deployment",
    "deployments",
    "base",
    "bases",
    "overlays",
    "components",
    "environments",
    "envs",
    "env",
    "clusters",
    "cluster",
    "infra",
    "infrastructure",
    "terraform",
    "tofu",
    "tf",
    "modules",
    "iac",
    "live",
    "gitops",
    "argocd",
    "argo",
    "flux",
    "flux-system",
    "apps",
    "services",
    "src",
    "app",
    "backend",
    "frontend",
    "monitoring",
    "alerts",
    "observability",
    "prometheus",
    "grafana",
    "config",
    "configs",
    "settings",
    "scripts",
    "ci",
    "docs",
    "test",
    "tests",
    "examples",
    "lib",
    "libs",
    "pkg",
    "cmd",
    "packages",
    "tools",
    "ops",
    "database",
    "kafka",
    "security",
    "network",
    "policies",
    "namespaces",
    "applications",
    "templates",
    "stacks",
    "prod",
    "production",
    "staging",
    "stage",
    "dev",
    "development",
    "qa",
    "uat",
    "common",
    "shared",
    "global",
    ".github",
    ".circleci",
    ".gitlab",
];

/// Which project each path belongs to.
#[derive(Debug, Default)]
pub(crate) struct Projects {
    /// All projects, in the order of their directories.
    pub(crate) all: Vec<Project>,
    by_root: HashMap<PathBuf, ProjectId>,
    /// Single files that are in another project than their directory.
    by_file: HashMap<PathBuf, ProjectId>,
}

/// Directories with what lies directly in them.
#[derive(Default)]
struct Tree {
    with_files: BTreeSet<PathBuf>,
    children: BTreeMap<PathBuf, BTreeSet<PathBuf>>,
}

impl Tree {
    fn of<'p>(paths: impl Iterator<Item = &'p Path>) -> Tree {
        let mut tree = Tree::default();
        let mut last: Option<&Path> = None;
        for path in paths {
            let directory = path.parent().unwrap_or(Path::new(""));
            if last == Some(directory) {
                continue;
            }
            last = Some(directory);
            tree.with_files.insert(directory.to_path_buf());
            let mut below = directory;
            while let Some(above) = below.parent() {
                let children = tree.children.entry(above.to_path_buf()).or_default();
                if !children.insert(below.to_path_buf()) {
                    break;
                }
                below = above;
            }
        }
        tree
    }
}

impl Projects {
    /// Divides the files. `is_platform` names directories that are not apart though they are called so.
    pub(crate) fn of(repo: &Repo, is_platform: &dyn Fn(&Path) -> bool) -> Projects {
        let paths = || repo.files.keys().chain(&repo.passed_over).map(PathBuf::as_path);
        let mut sorted: Vec<&Path> = paths().collect();
        sorted.sort_unstable();
        let tree = Tree::of(sorted.iter().copied());
        let mut roots: BTreeMap<PathBuf, Option<cofferdam_model::Apart>> = BTreeMap::new();
        let mut repositories = Vec::new();
        divide(Path::new(""), &tree, &mut repositories);
        let joined = joined(repo, &repositories);
        for root in joined {
            roots.insert(root, None);
        }
        roots.entry(PathBuf::new()).or_insert(None);
        // What lies apart: each directory below such a place is a project of its own.
        let mut seen: Option<PathBuf> = None;
        for path in repo.files.keys() {
            let directory = path.parent().unwrap_or(Path::new(""));
            if seen.as_deref() == Some(directory) {
                continue;
            }
            seen = Some(directory.to_path_buf());
            if let Some((depth, why)) = apart(path, is_platform) {
                let parts = directory.iter().count().min(depth + 1);
                roots.insert(directory.iter().take(parts).collect(), Some(why));
            }
        }
        let all: Vec<Project> = roots
            .into_iter()
            .map(|(root, apart)| Project { root, apart })
            .collect();
        let by_root = all
            .iter()
            .enumerate()
            .map(|(at, project)| {
                (
                    project.root.clone(),
                    ProjectId(u32::try_from(at).unwrap_or(u32::MAX)),
                )
            })
            .collect();
        Projects {
            all,
            by_root,
            by_file: HashMap::new(),
        }
    }

    /// The project of a file or directory below the root.
    pub(crate) fn of_path(&self, path: &Path) -> ProjectId {
        let of_file = self.by_file.get(path);
        of_file
            .or_else(|| path.ancestors().find_map(|above| self.by_root.get(above)))
            .copied()
            .unwrap_or_default()
    }

    /// Adds a project that has no directory of its own.
    pub(crate) fn add(&mut self, project: Project) -> ProjectId {
        self.all.push(project);
        ProjectId(u32::try_from(self.all.len() - 1).unwrap_or(u32::MAX))
    }

    /// Puts one file into a project.
    pub(crate) fn place(&mut self, path: PathBuf, project: ProjectId) {
        self.by_file.insert(path, project);
    }

    /// The project of an id that this gave.
    pub(crate) fn get(&self, id: ProjectId) -> &Project {
        &self.all[id.0 as usize]
    }
}

/// A directory without files of its own whose subdirectories are no parts of one platform only holds repositories.
fn divide(directory: &Path, tree: &Tree, found: &mut Vec<PathBuf>) {
    let children = tree.children.get(directory);
    let is_part = |child: &PathBuf| {
        let name = child.file_name().and_then(|n| n.to_str()).unwrap_or_default();
        PARTS.contains(&name.to_ascii_lowercase().as_str())
            || cofferdam_syntax::environment::canonical(name).is_some()
    };
    match children {
        Some(children) if !tree.with_files.contains(directory) && !children.iter().any(is_part) => {
            for child in children {
                divide(child, tree, found);
            }
        }
        _ => found.push(directory.to_path_buf()),
    }
}

/// Directories of which one uses files of another, or calls what only the other declares, are one project, at the
/// directory that holds them.
fn joined(repo: &Repo, repositories: &[PathBuf]) -> BTreeSet<PathBuf> {
    let mut roots: BTreeSet<PathBuf> = repositories.iter().cloned().collect();
    if roots.len() < 2 {
        return roots;
    }
    let mut merged: HashSet<PathBuf> = HashSet::new();
    for (a, b) in related(repo, repositories) {
        let parts = repositories[a].iter().zip(repositories[b].iter());
        let together: PathBuf = parts.take_while(|(a, b)| a == b).map(|(a, _)| a).collect();
        // What is one project already is not divided again.
        if together.ancestors().any(|above| merged.contains(above)) {
            continue;
        }
        let below = roots.range(together.clone()..);
        let below: Vec<PathBuf> = below
            .take_while(|root| root.starts_with(&together))
            .cloned()
            .collect();
        for root in below {
            roots.remove(&root);
        }
        roots.insert(together.clone());
        merged.insert(together);
    }
    roots
}

/// Repositories by number, so that thousands of files compare no paths with one another.
struct Numbers<'r>(HashMap<&'r Path, usize>);

impl<'r> Numbers<'r> {
    fn of(repositories: &'r [PathBuf]) -> Self {
        let numbered = repositories.iter().enumerate();
        Numbers(numbered.map(|(at, root)| (root.as_path(), at)).collect())
    }

    /// The repository that a path lies in.
    fn of_path(&self, path: &Path) -> Option<usize> {
        path.ancestors().find_map(|above| self.0.get(above)).copied()
    }
}

/// Pairs of repositories of which one uses the other, each once.
fn related(repo: &Repo, repositories: &[PathBuf]) -> BTreeSet<(usize, usize)> {
    let numbers = Numbers::of(repositories);
    let declared = declared(repo, &numbers);
    let mut pairs = BTreeSet::new();
    for (path, id) in &repo.files {
        let Some(own) = numbers.of_path(path) else {
            continue;
        };
        let text = &*repo.sources.file(*id).text;
        let directory = path.parent().unwrap_or(Path::new(""));
        let targets = paths_in(text).map(|word| normalise(&directory.join(word)));
        let used = targets
            .filter(|target| !target.starts_with("..") && !target.starts_with(&repositories[own]))
            .filter_map(|target| numbers.of_path(&target).filter(|_| repo.exists(&target)));
        let called = hosts_in(text).filter_map(|host| declared.get(host).copied().flatten());
        pairs.extend(
            (used.chain(called))
                .filter(|other| *other != own)
                .map(|other| (own, other)),
        );
    }
    pairs
}

/// The repository that declares a service of each name; `None` where several do.
fn declared<'r>(repo: &'r Repo, numbers: &Numbers<'_>) -> HashMap<&'r str, Option<usize>> {
    let mut declared: HashMap<&str, Option<usize>> = HashMap::new();
    for (path, stream) in &repo.yaml {
        let Some(own) = numbers.of_path(path) else {
            continue;
        };
        let mut add = |name| {
            let known = declared.entry(name).or_insert(Some(own));
            if *known != Some(own) {
                *known = None;
            }
        };
        for document in &stream.documents {
            if document.get("kind").and_then(|k| k.as_str()) == Some("Service") {
                document
                    .at("metadata/name")
                    .and_then(|n| n.as_str())
                    .into_iter()
                    .for_each(&mut add);
            } else if let Some(services) = document.get("services").and_then(|s| s.as_map()) {
                services.iter().for_each(|(key, _)| add(&*key.text));
            }
        }
    }
    declared
}

/// Relative paths that lead upwards.
fn paths_in(text: &str) -> impl Iterator<Item = &str> {
    let is_end =
        |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | ',' | '[' | ']' | '(' | ')' | '{' | '}');
    let words = text.contains("../").then(|| text.split(is_end));
    words
        .into_iter()
        .flatten()
        .filter_map(|word| Some(word[word.find("../")?..].trim_end_matches(['/', ':', ';'])))
}

/// First labels of the hosts of URLs.
fn hosts_in(text: &str) -> impl Iterator<Item = &str> {
    let is_label = |b: &u8| b.is_ascii_alphanumeric() || *b == b'-';
    text.match_indices("://").map(move |(at, found)| {
        let rest = &text[at + found.len()..];
        // Only the authority: what follows it may be the rest of a long file.
        let end = rest.find(['/', ' ', '\n']).unwrap_or(rest.len());
        let host = rest[..end].split_once('@').map_or(rest, |(_, host)| host);
        &host[..host.bytes().take_while(is_label).count()]
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn roots(files: &[(&str, &str)]) -> Vec<String> {
        let repo = Repo::from_files(
            files
                .iter()
                .map(|(p, t)| (PathBuf::from(p), t.as_bytes().to_vec())),
        );
        let projects = Projects::of(&repo, &|_| false);
        let show = |p: &Project| match p.apart {
            None => p.root.display().to_string(),
            Some(why) => format!("{} ({})", p.root.display(), why.name()),
        };
        projects.all.iter().map(show).collect()
    }

    #[test]
    fn one_repository_is_one_project() {
        assert_eq!(
            roots(&[("a.yaml", ""), ("one/b.yaml", ""), ("two/c.yaml", "")]),
            [""]
        );
        assert_eq!(roots(&[("k8s/b.yaml", ""), ("shop/c.yaml", "")]), [""]);
        assert_eq!(
            roots(&[("only/k8s/b.yaml", ""), ("only/shop/c.yaml", "")]),
            ["", "only"]
        );
    }

    #[test]
    fn repositories_side_by_side_are_projects() {
        assert_eq!(
            roots(&[
                ("shop/README.md", ""),
                ("shop/k8s/a.yaml", ""),
                ("till/b.yaml", "")
            ]),
            ["", "shop", "till"]
        );
        // One that calls what only another declares belongs to it; copies of one platform do not.
        let service = "kind: Service\nmetadata: {name: api}\n";
        let call = "env: [{name: A, value: 'http://api:80/'}]\n";
        assert_eq!(roots(&[("shop/a.yaml", service), ("till/b.yaml", call)]), [""]);
        let both = format!("{service}---\n{call}");
        assert_eq!(
            roots(&[("shop/a.yaml", &both), ("till/b.yaml", &both)]),
            ["", "shop", "till"]
        );
        // Two that belong together stay together, in whatever order their calls are read.
        let first = "env: [{name: A, value: 'http://mill:80/'}, {name: B, value: 'http://zoo:80/'}]\n";
        let named = |name: &str| format!("kind: Service\nmetadata: {{name: {name}}}\n");
        assert_eq!(
            roots(&[
                ("all/a/one/x.yaml", first),
                ("all/a/two/x.yaml", &named("zoo")),
                ("all/b/x.yaml", &named("mill")),
            ]),
            ["", "all"]
        );
        // One that uses files of another belongs to it.
        assert_eq!(
            roots(&[
                ("shop/kustomization.yaml", "resources: [../till/b.yaml]\n"),
                ("till/b.yaml", ""),
            ]),
            [""]
        );
    }

    #[test]
    fn each_example_is_a_project_of_its_own() {
        assert_eq!(
            roots(&[
                ("a.yaml", ""),
                ("examples/x/k8s/a.yaml", ""),
                ("examples/y/a.yaml", ""),
                ("examples/z.yaml", ""),
            ]),
            [
                "",
                "examples (examples)",
                "examples/x (examples)",
                "examples/y (examples)"
            ]
        );
    }
}
