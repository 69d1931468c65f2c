//! Projects: trees of files that have nothing to do with one another. Two repositories side by side are two projects,
//! and what stands apart (an example, a test) is one of its own: nothing in one says anything about another.

mod related;

use super::places::{apart, is_test};
use super::roots;
use crate::overlay::is_silent;
use aho_corasick::AhoCorasick;
use cofferdam_model::{Apart, FileId, Project, ProjectId};
use cofferdam_syntax::hash::{HashMap, HashSet};
use cofferdam_syntax::repo::Repo;
use cofferdam_syntax::tree::Node;
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
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

/// Values of directories, found by what lies in them. By the bytes of paths, as in [`in_directories`]: every file asks
/// several times.
#[derive(Debug)]
struct ByDirectory<V>(HashMap<Vec<u8>, V>);

impl<V> Default for ByDirectory<V> {
    fn default() -> Self {
        ByDirectory(HashMap::default())
    }
}

impl<V> ByDirectory<V> {
    fn insert(&mut self, directory: &Path, value: V) {
        let bytes = directory.as_os_str().as_encoded_bytes();
        self.0.insert(bytes.to_vec(), value);
    }

    /// The value of a path itself or of the nearest directory above it.
    fn nearest(&self, path: &Path) -> Option<&V> {
        let mut bytes = path.as_os_str().as_encoded_bytes();
        loop {
            if let Some(value) = self.0.get(bytes) {
                return Some(value);
            }
            if bytes.is_empty() {
                return None;
            }
            bytes = &bytes[..memchr::memrchr(b'/', bytes).unwrap_or(0)];
        }
    }
}

/// Which project each path belongs to.
#[derive(Debug, Default)]
pub(crate) struct Projects {
    /// All projects, in the order of their directories.
    pub(crate) all: Vec<Project>,
    by_root: ByDirectory<ProjectId>,
    /// The places apart that projects are in.
    places: HashMap<ProjectId, PathBuf>,
    /// Single files that are in another project than their directory.
    by_file: HashMap<PathBuf, ProjectId>,
}

/// Directories with what lies directly in them.
#[derive(Default)]
struct Tree<'p> {
    with_files: HashSet<&'p Path>,
    /// In order.
    children: HashMap<&'p Path, Vec<&'p Path>>,
}

impl<'p> Tree<'p> {
    /// The directories of these files, which are in order.
    fn of(paths: &[&'p Path]) -> Tree<'p> {
        let mut tree = Tree::default();
        let mut known: HashSet<&Path> = HashSet::default();
        for run in in_directories(paths) {
            let directory = directory_of(run);
            tree.with_files.insert(directory);
            let mut below = directory;
            while let Some(above) = below.parent() {
                if !known.insert(below) {
                    break;
                }
                tree.children.entry(above).or_default().push(below);
                below = above;
            }
        }
        for children in tree.children.values_mut() {
            children.sort_unstable();
        }
        tree
    }
}

/// Files in order, as runs of one directory. By their bytes: to divide every path into its parts takes longer than all
/// else that is done with it.
pub(crate) fn in_directories<'f, 'p>(files: &'f [&'p Path]) -> impl Iterator<Item = &'f [&'p Path]> {
    let directory = |path: &&'p Path| {
        let bytes = path.as_os_str().as_encoded_bytes();
        &bytes[..memchr::memrchr(b'/', bytes).unwrap_or(0)]
    };
    files.chunk_by(move |a, b| directory(a) == directory(b))
}

/// The directory of a run of files.
pub(crate) fn directory_of<'p>(run: &[&'p Path]) -> &'p Path {
    run.first().map_or(Path::new(""), |path| around(path))
}

/// The directory that holds a file or directory.
pub(crate) fn around(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new(""))
}

impl Projects {
    /// Divides the files. `is_platform` names directories that are not apart though they are called so.
    pub(crate) fn of(repo: &Repo, is_platform: &dyn Fn(&Path) -> bool) -> Projects {
        let paths = || repo.files.keys().chain(&repo.passed_over).map(PathBuf::as_path);
        let mut sorted: Vec<&Path> = paths().filter(|path| !is_silent(repo, path)).collect();
        sorted.sort_unstable();
        let tree = Tree::of(&sorted);
        // With the place of those that are apart.
        let mut roots: BTreeMap<PathBuf, Option<(Apart, PathBuf)>> = BTreeMap::new();
        let mut repositories = Vec::new();
        divide(repo, Path::new(""), &tree, &mut repositories);
        repositories.extend(nested(repo, &sorted, &repositories));
        let joined = joined(repo, &repositories);
        for root in joined {
            roots.insert(root, None);
        }
        roots.entry(PathBuf::new()).or_insert(None);
        // What lies apart: each directory below such a place is a project of its own.
        let read: Vec<&Path> = repo.files.keys().map(PathBuf::as_path).collect();
        let tests = tests(repo);
        let root = roots::example(repo);
        let is_platform = |dir: &Path| root.as_deref() == Some(dir) || is_platform(dir);
        for run in in_directories(&read) {
            let (path, directory) = (run[0], directory_of(run));
            let of_tests = || {
                let above = directory.ancestors().filter(|above| tests.contains(*above));
                above.last().map(|test| (test.iter().count(), Apart::Tests))
            };
            if let Some((depth, why)) = apart(path, is_platform).or_else(of_tests) {
                let first = |parts: usize| directory.iter().take(parts).collect::<PathBuf>();
                roots.insert(first(depth + 1), Some((why, first(depth))));
            }
        }
        let mut projects = Projects::default();
        for (root, apart) in roots {
            let (why, place) = apart.unzip();
            let id = projects.add(Project {
                root: root.clone(),
                apart: why,
            });
            projects.by_root.insert(&root, id);
            projects.places.extend(place.map(|place| (id, place)));
        }
        projects
    }

    /// The project of a file or directory below the root.
    pub(crate) fn of_path(&self, path: &Path) -> ProjectId {
        let of_file = self.by_file.get(path).copied();
        of_file.unwrap_or_else(|| self.of_place(path))
    }

    /// The project that a file lies in, whether something there uses it or not.
    pub(crate) fn of_place(&self, path: &Path) -> ProjectId {
        self.by_root.nearest(path).copied().unwrap_or_default()
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

    /// The place apart that a project is in: the project is this directory or one directly below it.
    pub(crate) fn place_of(&self, id: ProjectId) -> Option<&Path> {
        self.places.get(&id).map(PathBuf::as_path)
    }

    /// The project of an id that this gave.
    pub(crate) fn get(&self, id: ProjectId) -> &Project {
        &self.all[id.0 as usize]
    }
}

/// Directories that hold a test for a tool that tests manifests, without those that something is built from.
fn tests(repo: &Repo) -> HashSet<&Path> {
    const BUILT: &[&str] = &[
        "kustomization.yaml",
        "kustomization.yml",
        "Kustomization",
        "Chart.yaml",
    ];
    let with_tests = repo
        .yaml
        .iter()
        .filter(|(_, stream)| stream.documents.iter().any(is_test));
    let directories = with_tests.filter_map(|(path, _)| path.parent());
    let is_alone = |dir: &&Path| {
        !dir.as_os_str().is_empty() && !BUILT.iter().any(|name| repo.files.contains_key(&dir.join(name)))
    };
    directories.filter(is_alone).collect()
}

/// A directory without files of its own whose subdirectories are no parts of one platform only holds repositories.
fn divide(repo: &Repo, directory: &Path, tree: &Tree<'_>, found: &mut Vec<PathBuf>) {
    let children = tree.children.get(directory);
    let is_part = |child: &&Path| {
        let name = child.file_name().and_then(|n| n.to_str()).unwrap_or_default();
        PARTS.contains(&name.to_ascii_lowercase().as_str())
            || cofferdam_syntax::environment::canonical(name).is_some()
    };
    match children {
        Some(children)
            if !tree.with_files.contains(directory)
                && !children.iter().any(is_part)
                && !children.iter().all(|child| is_plain(repo, child, tree)) =>
        {
            for child in children {
                divide(repo, child, tree, found);
            }
        }
        _ => found.push(directory.to_path_buf()),
    }
}

/// Whether a directory holds manifests and nothing else: no repository looks like that.
fn is_plain(repo: &Repo, directory: &Path, tree: &Tree<'_>) -> bool {
    let is_object = |node: &Node| node.get("apiVersion").is_some() && node.get("kind").is_some();
    let is_manifest = |path: &PathBuf| {
        let documents = repo.yaml.get(path).map_or(&[][..], |stream| &stream.documents);
        !documents.is_empty() && documents.iter().all(is_object)
    };
    if tree.children.contains_key(directory) {
        return false;
    }
    let mut own = repo.files.below(directory).map(|(path, _)| path);
    let from = repo
        .passed_over
        .partition_point(|path| path.as_path() < directory);
    let passed_over = repo
        .passed_over
        .get(from)
        .is_some_and(|path| path.starts_with(directory));
    !passed_over && own.all(is_manifest)
}

/// What only stands at the top of a repository.
const TOPS: &[&str] = &[".github", ".circleci", ".gitlab-ci.yml", ".git"];

/// Repositories inside of others, known by what only stands at the top of one or by what git fills from elsewhere, of
/// which nothing around them speaks.
fn nested(repo: &Repo, paths: &[&Path], around: &[PathBuf]) -> BTreeSet<PathBuf> {
    let mut found: BTreeSet<PathBuf> = repo.submodules().iter().cloned().collect();
    found.extend(repo.repositories.iter().cloned());
    let is_top = |part: &Path| {
        let name = part.file_name().and_then(|n| n.to_str());
        name.is_some_and(|name| TOPS.contains(&name))
    };
    for run in in_directories(paths) {
        let directories = directory_of(run).ancestors().find(|above| is_top(above));
        let own = run.iter().copied().find(|path| is_top(path));
        let tops = own.into_iter().chain(directories);
        found.extend(tops.filter_map(Path::parent).map(Path::to_path_buf));
    }
    let around: HashSet<&Path> = around.iter().map(PathBuf::as_path).collect();
    // Only for speed: every text is looked through for the others.
    found.retain(|dir| !around.contains(dir.as_path()));
    if found.is_empty() {
        return found;
    }
    let spoken_of = spoken_of(repo, &found);
    let mut at = 0..;
    found.retain(|_| at.next().is_some_and(|at| !spoken_of.contains(&at)));
    found
}

/// Which of these directories a text outside of them names. All texts are looked through once for all directories: a look for
/// each of thousands would cost their square.
fn spoken_of(repo: &Repo, directories: &BTreeSet<PathBuf>) -> HashSet<usize> {
    let names: Vec<String> = (directories.iter())
        .map(|dir| dir.to_string_lossy().into_owned())
        .collect();
    // Nothing lies outside of the root.
    let numbered = names.iter().enumerate().filter(|(_, name)| !name.is_empty());
    let (numbers, patterns): (Vec<usize>, Vec<&str>) = numbered.map(|(at, name)| (at, name.as_str())).unzip();
    // It fails for more directories than a file system holds.
    let Ok(search) = AhoCorasick::new(patterns) else {
        return HashSet::default();
    };
    let directories: Vec<&Path> = directories.iter().map(PathBuf::as_path).collect();
    let files: Vec<_> = (repo.own_files())
        .filter(|(path, _)| !is_silent(repo, path))
        .filter(|(path, _)| path.file_name().is_none_or(|name| name != ".gitmodules"))
        .collect();
    let of_file = |(path, id): &(&PathBuf, &FileId)| {
        let text = &*repo.sources.file(**id).text;
        let mut found: HashSet<usize> = HashSet::default();
        for hit in search.find_overlapping_iter(text) {
            let at = numbers[hit.pattern().as_usize()];
            if !found.contains(&at) && is_path_at(text, hit.range()) && !path.starts_with(directories[at]) {
                found.insert(at);
            }
        }
        found
    };
    files.par_iter().flat_map_iter(of_file).collect()
}

/// Whether the path at this place of a text is a path there, as a whole or as the beginning of one.
fn is_path_at(text: &str, range: Range<usize>) -> bool {
    let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let before = text[..range.start].chars().next_back();
    let after = text[range.end..].chars().next();
    let is_start = before.is_none_or(|c| !is_word(c));
    is_start && (text[range].contains('/') || after == Some('/')) && after.is_none_or(|c| !is_word(c))
}

/// Directories of which one uses files of another, or calls what only the other declares, are one project, at the
/// directory that holds them.
fn joined(repo: &Repo, repositories: &[PathBuf]) -> BTreeSet<PathBuf> {
    let mut roots: BTreeSet<PathBuf> = repositories.iter().cloned().collect();
    if roots.len() < 2 {
        return roots;
    }
    // One inside another stays one, unless it is of the pair that is joined.
    let all: HashSet<&Path> = repositories.iter().map(PathBuf::as_path).collect();
    let is_inside = |root: &PathBuf| root.ancestors().skip(1).any(|above| all.contains(above));
    let inside: BTreeSet<&PathBuf> = repositories.iter().filter(|root| is_inside(root)).collect();
    let mut merged: HashSet<PathBuf> = HashSet::default();
    for (a, b) in related::related(repo, repositories) {
        let pair = [&repositories[a], &repositories[b]];
        let parts = repositories[a].iter().zip(repositories[b].iter());
        let together: PathBuf = parts.take_while(|(a, b)| a == b).map(|(a, _)| a).collect();
        // What is one project already is not divided again.
        if together.ancestors().any(|above| merged.contains(above)) {
            continue;
        }
        let below = roots.range(together.clone()..);
        let below: Vec<PathBuf> = below
            .take_while(|root| root.starts_with(&together))
            .filter(|root| !inside.contains(root) || pair.contains(root))
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

#[cfg(test)]
mod tests;
