//! Plain manifests: what deploys a directory of them, and where one deployment of them begins and ends.

use super::naming::{Naming, cluster_of_application, kept_by, namespace_of};
use crate::commands::Commands;
use crate::scope::{self, Projects};
use cofferdam_model::{Kept, ProjectId};
use cofferdam_render::argo::{Application, Applications, Deploys};
use cofferdam_render::kustomize;
use cofferdam_syntax::hash::{HashMap, HashSet};
use cofferdam_syntax::repo::Repo;
use cofferdam_syntax::tree::Node;
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Clusters that one directory is deployed to before they count as one: each cluster is judged by itself.
const MAX_CLUSTERS: usize = 8;

/// A directory of manifests that applications or a command deploy.
pub(super) struct Directory {
    pub(super) dir: PathBuf,
    /// Where it is deployed: once for each environment and cluster.
    pub(super) targets: Vec<Target>,
}

/// What a directory is deployed as.
pub(super) struct Target {
    /// The application, where it has a name.
    pub(super) name: Option<String>,
    /// The environment that the application names.
    pub(super) environment: Option<String>,
    /// The cluster that it is deployed to.
    pub(super) cluster: Option<String>,
    /// Workloads whose number of replicas the application leaves alone.
    pub(super) kept_replicas: Vec<Kept>,
    /// The namespace that it is deployed into.
    namespace: Option<Node>,
    /// Its documents, put into that namespace.
    documents: BTreeMap<PathBuf, Vec<Node>>,
}

impl Target {
    fn of(application: &Application, naming: &Naming<'_>, dir: &Path) -> Target {
        Target {
            name: application.name.as_ref().map(|name| name.value.clone()),
            environment: naming.named(application.environment.as_ref(), dir),
            cluster: cluster_of_application(application),
            kept_replicas: kept_by(application),
            namespace: namespace_of(application),
            documents: BTreeMap::new(),
        }
    }

    /// The documents of a file, where this target changes them.
    pub(super) fn documents(&self, path: &Path) -> Option<&Vec<Node>> {
        self.documents.get(path)
    }

    /// Adds another application that deploys the same into the same environment and cluster: only what both say holds.
    fn join(&mut self, other: Target) {
        let namespace = |target: &Target| {
            target
                .namespace
                .as_ref()
                .and_then(Node::as_str)
                .map(str::to_owned)
        };
        if namespace(self) != namespace(&other) {
            self.namespace = None;
        }
        self.name = None;
        self.kept_replicas
            .retain(|kept| other.kept_replicas.contains(kept));
    }

    fn place(&mut self, repo: &Repo, dir: &Path) {
        let Some(namespace) = &self.namespace else { return };
        for (path, stream) in repo.yaml.below(dir) {
            let mut documents = stream.documents.clone();
            documents
                .iter_mut()
                .for_each(|node| kustomize::put_into(node, namespace));
            self.documents.insert(path.clone(), documents);
        }
    }
}

/// Directories of manifests that applications or commands deploy.
#[derive(Default)]
pub(super) struct Directories(HashMap<PathBuf, Directory>);

impl Directories {
    /// The innermost directory that is deployed by itself and holds this file.
    pub(super) fn of(&self, path: &Path) -> Option<&Directory> {
        path.ancestors().find_map(|above| self.0.get(above))
    }
}

/// Directories of manifests that applications or commands deploy.
pub(super) fn directories(
    repo: &Repo,
    (applications, commands): (&Applications, &Commands),
    naming: &Naming<'_>,
) -> Directories {
    let mut by_dir: BTreeMap<&Path, Vec<Target>> = BTreeMap::new();
    for application in &applications.applications {
        for source in &application.sources {
            if let Some(Deploys::Directory(dir)) = &source.deploys {
                let targets = by_dir.entry(dir).or_default();
                add(targets, Target::of(application, naming, dir));
            }
        }
    }
    for (dir, namespace) in &commands.directories {
        let targets = by_dir.entry(dir).or_default();
        if targets.is_empty() {
            targets.push(Target {
                name: None,
                environment: None,
                cluster: None,
                kept_replicas: Vec::new(),
                namespace: namespace.clone(),
                documents: BTreeMap::new(),
            });
        }
    }
    let directories = by_dir
        .into_iter()
        .map(|(dir, mut targets)| {
            let clusters: BTreeSet<_> = targets.iter().map(|t| t.cluster.clone()).collect();
            if clusters.len() > MAX_CLUSTERS {
                let all = std::mem::take(&mut targets);
                for target in all {
                    let everywhere = Target {
                        cluster: None,
                        ..target
                    };
                    add(&mut targets, everywhere);
                }
            }
            targets.iter_mut().for_each(|target| target.place(repo, dir));
            let directory = Directory {
                dir: dir.to_path_buf(),
                targets,
            };
            (dir.to_path_buf(), directory)
        })
        .collect();
    Directories(directories)
}

fn add(targets: &mut Vec<Target>, target: Target) {
    let same =
        |known: &&mut Target| (&known.environment, &known.cluster) == (&target.environment, &target.cluster);
    match targets.iter_mut().find(same) {
        Some(known) => known.join(target),
        None => targets.push(target),
    }
}

/// Where deployments of plain manifests begin that nothing here names: each is a directory of objects that no other such
/// directory contains.
#[derive(Debug, Default)]
pub(super) struct Roots {
    /// The projects that have a root at each directory, with the environment that its objects name themselves.
    by_dir: HashMap<PathBuf, BTreeMap<ProjectId, Option<String>>>,
}

impl Roots {
    /// The roots of these files.
    pub(super) fn of<'n>(files: &[(&'n Path, &'n [Node])], projects: &Projects) -> Roots {
        let files: Vec<Objects<'n>> = (files.par_iter())
            .filter_map(|(path, documents)| Objects::of(path, documents, projects))
            .collect();
        let of_one_directory: Vec<&[Objects<'n>]> = files.chunk_by(|a, b| a.at == b.at).collect();
        let mut directories: HashMap<At<'_>, bool> = HashMap::default();
        for files in &of_one_directory {
            for file in *files {
                *directories.entry(file.at).or_default() |= file.runs;
            }
        }
        let mut found = Roots::default();
        for (project, dir) in by_kind(outermost(&directories)) {
            let projects = found.by_dir.entry(dir.to_path_buf()).or_default();
            projects.insert(project, None);
        }
        let mut objects: HashMap<At<'_>, Vec<&Objects<'n>>> = HashMap::default();
        for files in of_one_directory {
            let Some(first) = files.first() else { continue };
            let (project, _) = first.at;
            if let Some(root) = found.root_of(project, first.path) {
                objects.entry((project, root)).or_default().extend(files);
            }
        }
        let objects: Vec<(At<'_>, Vec<&Objects<'n>>)> = objects.into_iter().collect();
        let stated: Vec<(ProjectId, PathBuf, String)> = (objects.into_par_iter())
            .filter_map(|((project, root), own)| {
                let nodes: Vec<&Node> = own.into_iter().flat_map(Objects::nodes).collect();
                let name = scope::stated_by(nodes.into_iter())?;
                Some((project, root.to_path_buf(), name))
            })
            .collect();
        for (project, root, name) in stated {
            found.by_dir.entry(root).or_default().insert(project, Some(name));
        }
        found
    }

    /// The root that a file of this project is below.
    pub(super) fn root_of(&self, project: ProjectId, path: &Path) -> Option<&Path> {
        path.ancestors().skip(1).find_map(|above| {
            let (root, projects) = self.by_dir.get_key_value(above)?;
            projects.contains_key(&project).then_some(root.as_path())
        })
    }

    /// The environment that the objects of a root name.
    pub(super) fn environment(&self, project: ProjectId, root: &Path) -> Option<&str> {
        self.by_dir.get(root)?.get(&project)?.as_deref()
    }

    /// The environments that the objects of roots name, with those roots.
    pub(super) fn environments(&self) -> Vec<(ProjectId, &Path, &str)> {
        let mut named = Vec::new();
        for (root, projects) in &self.by_dir {
            for (project, name) in projects {
                named.extend((name.as_deref()).map(|name| (*project, root.as_path(), name)));
            }
        }
        named.sort_unstable();
        named
    }

    /// Gives the environments the names that a person gave them.
    pub(super) fn rename(&mut self, name: impl Fn(&str) -> String) {
        for known in self.by_dir.values_mut().flat_map(BTreeMap::values_mut).flatten() {
            *known = name(known);
        }
    }
}

/// A directory of a project.
type At<'n> = (ProjectId, &'n Path);

/// A file with objects for a cluster.
struct Objects<'n> {
    path: &'n Path,
    documents: &'n [Node],
    /// Its directory.
    at: At<'n>,
    /// Whether one of the objects runs pods.
    runs: bool,
}

impl<'n> Objects<'n> {
    fn of(path: &'n Path, documents: &'n [Node], projects: &Projects) -> Option<Self> {
        let of_a_cluster = |node: &&Node| is_of_a_cluster(node);
        let mut objects = documents.iter().filter(of_a_cluster).peekable();
        objects.peek()?;
        Some(Objects {
            path,
            documents,
            at: (projects.of_path(path), path.parent().unwrap_or(Path::new(""))),
            runs: objects.any(runs_pods),
        })
    }

    fn nodes(&self) -> impl Iterator<Item = &'n Node> {
        self.documents.iter().filter(|node| is_of_a_cluster(node))
    }
}

/// Directories that no other of the same project contains, and whether anything in them runs pods.
fn outermost<'n>(directories: &HashMap<At<'n>, bool>) -> HashMap<At<'n>, bool> {
    let mut roots = HashMap::default();
    for ((project, dir), runs) in directories {
        // The last that is found is the outermost.
        let above = dir
            .ancestors()
            .filter(|above| directories.contains_key(&(*project, above)));
        let root = above.last().unwrap_or(dir);
        *roots.entry((*project, root)).or_default() |= runs;
    }
    roots
}

/// Directories below one of which at most one runs pods are one deployment, laid out by kind: its Services, its
/// autoscalers, its policies.
fn by_kind<'n>(roots: HashMap<At<'n>, bool>) -> Vec<At<'n>> {
    // How many deployments are below each directory, and how many of them run pods, the deepest directories first.
    let mut below: HashMap<At<'n>, (usize, usize)> = HashMap::default();
    for (project, dir) in roots.keys() {
        let around = dir.ancestors().map(|above| ((*project, above), (0, 0)));
        below.extend(around);
    }
    for (root, runs) in &roots {
        below.insert(*root, (1, usize::from(*runs)));
    }
    let mut order: Vec<At<'n>> = below.keys().copied().collect();
    order.sort_by_key(|(_, dir)| std::cmp::Reverse(dir.iter().count()));
    let mut joined: HashSet<At<'n>> = HashSet::default();
    for (project, dir) in order {
        let (mut count, run) = below[&(project, dir)];
        if count >= 2 && run <= 1 {
            joined.insert((project, dir));
            count = 1;
        }
        if let Some(above) = dir.parent().and_then(|above| below.get_mut(&(project, above))) {
            *above = (above.0 + count, above.1 + run);
        }
    }
    let mut found: Vec<At<'n>> = (roots.into_keys())
        .map(|(project, dir)| {
            let above = dir.ancestors().filter(|above| joined.contains(&(project, above)));
            (project, above.last().unwrap_or(dir))
        })
        .collect();
    found.sort_unstable();
    found.dedup();
    found
}

/// Groups of Kubernetes itself; their objects are applied to a cluster. Many tools give their own files an `apiVersion`
/// and a `kind` too.
fn is_of_a_cluster(node: &Node) -> bool {
    let version = node.get("apiVersion").and_then(Node::as_str).unwrap_or_default();
    let group = version.rsplit_once('/').map_or("", |(group, _)| group);
    let is_core = group.is_empty() && version.starts_with('v');
    node.get("kind").and_then(Node::as_str).is_some()
        && (is_core
            || matches!(group, "apps" | "batch" | "autoscaling" | "policy" | "extensions")
            || (group.ends_with(".k8s.io") && !group.ends_with("config.k8s.io")))
}

fn runs_pods(node: &Node) -> bool {
    let has = |path: &str| node.at(path).is_some();
    let items = node.get("items").map_or(&[][..], Node::items);
    has("spec/template/spec/containers")
        || has("spec/jobTemplate")
        || has("spec/containers")
        || items.iter().any(runs_pods)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn roots(files: &[(&str, &str)]) -> Vec<String> {
        let repo = Repo::from_texts(files);
        let projects = Projects::of(&repo, &|_| false);
        let plain: Vec<(&Path, &[Node])> = (repo.yaml.iter())
            .map(|(path, stream)| (path.as_path(), stream.documents.as_slice()))
            .collect();
        let found = Roots::of(&plain, &projects);
        let mut shown: Vec<(ProjectId, &Path, String)> = Vec::new();
        for (root, projects) in &found.by_dir {
            for (project, name) in projects {
                let name = name.as_ref().map_or(String::new(), |name| format!(" {name}"));
                shown.push((*project, root, format!("{}{name}", root.display())));
            }
        }
        shown.sort();
        shown.into_iter().map(|(.., shown)| shown).collect()
    }

    const POD: &str = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: []}\n";
    const SERVICE: &str = "apiVersion: v1\nkind: Service\nmetadata: {name: a}\n";
    /// Makes one project of the files.
    const README: (&str, &str) = ("README.md", "");

    #[test]
    fn a_root_is_a_directory_of_objects_that_no_other_contains() {
        assert_eq!(
            roots(&[README, ("k8s/a.yaml", POD), ("k8s/b/c.yaml", POD)]),
            ["k8s"]
        );
        assert_eq!(
            roots(&[README, ("k8s/a/a.yaml", POD), ("k8s/b/b.yaml", POD)]),
            ["k8s/a", "k8s/b"]
        );
        assert_eq!(roots(&[("a.yaml", POD), ("k8s/b.yaml", POD)]), [""]);
    }

    #[test]
    fn files_of_other_tools_are_not_a_directory_of_manifests() {
        for (tool, is_root) in [
            ("apiVersion: skaffold/v4beta11\nkind: Config\n", false),
            ("apiVersion: backstage.io/v1alpha1\nkind: Component\n", false),
            (
                "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n",
                false,
            ),
            ("apiVersion: kind.x-k8s.io/v1alpha4\nkind: Cluster\n", false),
            ("apiVersion: v2\nname: chart\n", false),
            ("apiVersion: velero.io/v1\nkind: Backup\n", false),
            ("apiVersion: '1'\nkind: Settings\n", false),
            ("apiVersion: apps/v1\nkind: Deployment\n", true),
            ("apiVersion: networking.k8s.io/v1\nkind: Ingress\n", true),
        ] {
            let found = roots(&[("tool.yaml", tool), ("k8s/b.yaml", POD)]);
            let wanted = if is_root { "" } else { "k8s" };
            assert_eq!(found, [wanted], "{tool}");
        }
    }

    #[test]
    fn directories_by_kind_are_one_deployment_and_directories_by_service_are_several() {
        let by_kind = [
            README,
            ("k8s/services/a.yaml", SERVICE),
            ("k8s/deployments/a.yaml", POD),
            ("k8s/policies/more/a.yaml", SERVICE),
        ];
        assert_eq!(roots(&by_kind), ["k8s"]);
        assert_eq!(roots(&by_kind[..2]), ["k8s/services"], "one is itself");
        let by_service = [
            README,
            ("k8s/api/a.yaml", POD),
            ("k8s/web/a.yaml", POD),
            ("k8s/network/a.yaml", SERVICE),
        ];
        assert_eq!(roots(&by_service), ["k8s/api", "k8s/network", "k8s/web"]);
    }

    #[test]
    fn a_directory_by_kind_counts_as_what_it_runs_beside_others() {
        let kinds = |first: &str| {
            roots(&[
                README,
                ("k8s/a/services/a.yaml", SERVICE),
                ("k8s/a/more/a.yaml", first),
                ("k8s/b/b.yaml", POD),
            ])
        };
        assert_eq!(kinds(POD), ["k8s/a", "k8s/b"], "two that run pods");
        assert_eq!(kinds(SERVICE), ["k8s"]);
    }

    #[test]
    fn every_kind_with_pods_makes_its_directory_one_of_a_service() {
        let spec = "spec: {template: {spec: {containers: []}}}";
        for (object, runs) in [
            (format!("apiVersion: apps/v1\nkind: Deployment\n{spec}\n"), true),
            (
                "apiVersion: batch/v1\nkind: CronJob\nspec: {jobTemplate: {}}\n".to_owned(),
                true,
            ),
            (
                format!(
                    "apiVersion: v1\nkind: List\nitems: [{{apiVersion: apps/v1, kind: Deployment, {spec}}}]\n"
                ),
                true,
            ),
            ("apiVersion: v1\nkind: Secret\n".to_owned(), false),
        ] {
            let found = roots(&[README, ("k8s/a/a.yaml", POD), ("k8s/b/b.yaml", &object)]);
            let wanted: &[&str] = if runs { &["k8s/a", "k8s/b"] } else { &["k8s"] };
            assert_eq!(found, wanted, "{object}");
        }
    }

    #[test]
    fn objects_of_a_root_name_its_environment() {
        let labelled = |name: &str| {
            format!("apiVersion: v1\nkind: Service\nmetadata: {{name: a, labels: {{env: {name}}}}}\n")
        };
        let (prod, dev) = (labelled("prod"), labelled("dev"));
        assert_eq!(
            roots(&[README, ("k8s/a.yaml", &prod), ("k8s/b.yaml", &prod)]),
            ["k8s production"]
        );
        let tool = (
            "k8s/skaffold.yaml",
            "apiVersion: skaffold/v4beta11\nkind: Config\n",
        );
        assert_eq!(
            roots(&[README, ("k8s/a.yaml", &prod), tool]),
            ["k8s production"],
            "files of other tools have no labels"
        );
        assert_eq!(
            roots(&[README, ("k8s/a.yaml", &prod), ("k8s/b.yaml", &dev)]),
            ["k8s"]
        );
        assert_eq!(
            roots(&[README, ("k8s/a.yaml", &prod), ("k8s/b.yaml", SERVICE)]),
            ["k8s"]
        );
    }
}
