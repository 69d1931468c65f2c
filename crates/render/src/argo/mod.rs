//! Argo CD applications: which directory of this tree is deployed where, with which values and images
//! on top. A path may belong to another repository; it counts as ours only if it exists here.

mod dangling;
mod foreign;
mod kept;
mod sets;
#[cfg(test)]
mod tests;
mod values;

use crate::image::{ImagePair, image_pairs};
use crate::kustomize::Dangling;
use crate::selected::Selected;
use cofferdam_syntax::environment;
use cofferdam_syntax::repo::Repo;
use cofferdam_syntax::tree::Node;
use cofferdam_syntax::{Span, Spanned};
pub use kept::Kept;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
pub use values::chart_values;
use values::{kustomize_image, value_file};

/// All applications that were found.
#[derive(Debug, Default)]
pub struct Applications {
    /// In the order of the objects that they were read from.
    pub applications: Vec<Application>,
    /// Paths and value files that are named and do not exist.
    pub missing: Vec<Missing>,
}

/// A path or value file that is named and does not exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// What is named, and where.
    pub what: Dangling,
    /// Those that name it there, as indices into [`Applications::applications`].
    pub applications: Vec<usize>,
}

/// An application, or one that an application set makes.
#[derive(Debug, Clone)]
pub struct Application {
    /// Its name, where it is known.
    pub name: Option<Spanned<String>>,
    /// Place of the object that it is read from.
    pub span: Span,
    /// Whether an ApplicationSet makes it.
    pub from_set: bool,
    /// Directories of the kustomizations that build it so; empty for one that stands in a file of its own.
    pub builds: BTreeSet<PathBuf>,
    /// Whether a chart's template gives it.
    pub of_chart: bool,
    /// Whether only the defaults of a chart give it: nothing here is seen to install that chart.
    pub by_default: bool,
    /// The Argo CD project.
    pub project: Option<Spanned<String>>,
    /// The namespace it is deployed to.
    pub namespace: Option<Spanned<String>>,
    /// Name or address of the cluster it is deployed to.
    pub cluster: Option<Spanned<String>>,
    /// The environment, from its path, its value files, its cluster, its namespace or its name.
    pub environment: Option<String>,
    /// What it deploys.
    pub sources: Vec<AppSource>,
    /// The generator that makes it, if the files do not show what it generates.
    pub unknown_generator: Option<String>,
    /// Whether it applies on the server's side, which refuses fields that the API does not know.
    pub server_side: bool,
    /// Whether it syncs with the repository by itself.
    pub automated: Option<Spanned<bool>>,
    /// Whether it deletes what the repository no longer has.
    pub prune: Option<Spanned<bool>>,
    /// Whether it undoes changes that are made by hand.
    pub self_heal: Option<Spanned<bool>>,
    /// Objects whose number of replicas a sync leaves as it is.
    pub kept_replicas: Vec<Kept>,
}

impl Application {
    /// What tells it from the others that the same set makes.
    pub fn identity(&self) -> Vec<Option<String>> {
        let value = |fact: &Option<Spanned<String>>| fact.as_ref().map(|fact| fact.value.clone());
        let mut all = vec![
            value(&self.name),
            value(&self.namespace),
            value(&self.cluster),
            self.environment.clone(),
            Some(format!("{:?}", self.span)),
        ];
        for source in &self.sources {
            all.extend([value(&source.path), value(&source.chart), value(&source.revision)]);
            all.extend(
                source
                    .value_files
                    .iter()
                    .map(|(name, _)| Some(name.value.clone())),
            );
            all.push(Some(format!("{:?}", source.values)));
        }
        all
    }
}

/// One source of an application.
#[derive(Debug, Clone)]
pub struct AppSource {
    /// The repository.
    pub repository: Option<Spanned<String>>,
    /// The path in it.
    pub path: Option<Spanned<String>>,
    /// Branch, tag or version.
    pub revision: Option<Spanned<String>>,
    /// A chart of a chart repository.
    pub chart: Option<Spanned<String>>,
    /// What it deploys of this tree; `None` if its path is not here.
    pub deploys: Option<Deploys>,
    /// Name of the Helm release, where it is not the application's.
    pub release: Option<Node>,
    /// Value files, lowest first, with their path below the root where they are here.
    pub value_files: Vec<(Spanned<String>, Option<PathBuf>)>,
    /// Values in the application itself, lowest first; parameters are the last of them.
    pub values: Vec<Node>,
    /// Images that it sets: kustomize's, and those in its values.
    pub images: Vec<ImagePair>,
    /// What it lays over a kustomization.
    pub kustomize: Option<Node>,
}

/// What a source deploys from this tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deploys {
    /// The kustomization in a directory.
    Kustomization(PathBuf),
    /// The chart in a directory.
    Chart(PathBuf),
    /// The manifests in a directory.
    Directory(PathBuf),
}

impl Deploys {
    /// The directory.
    pub fn dir(&self) -> &Path {
        match self {
            Deploys::Kustomization(dir) | Deploys::Chart(dir) | Deploys::Directory(dir) => dir,
        }
    }
}

/// Reads the applications and application sets among `objects` (documents of the tree, or what its
/// builds made).
pub fn read<'n>(
    repo: &Repo,
    selected: &Selected,
    objects: impl IntoIterator<Item = &'n Node>,
) -> Applications {
    read_built(repo, selected, objects.into_iter().map(|object| (object, None)))
}

/// The same for objects of which some were built by the kustomization in a directory. Several overlays may build the same
/// application, and each of them may change it.
pub fn read_built<'n>(
    repo: &Repo,
    selected: &Selected,
    objects: impl IntoIterator<Item = (&'n Node, Option<&'n Path>)>,
) -> Applications {
    let mut found = Applications::default();
    let mut here: Option<Directories<'_>> = None;
    let mut known: BTreeMap<Vec<Option<String>>, usize> = BTreeMap::new();
    for (object, build) in objects {
        let text = |key: &str| object.get(key).and_then(Node::as_str).unwrap_or("");
        if !text("apiVersion").starts_with("argoproj.io/") {
            continue;
        }
        match text("kind") {
            "Application" => {
                let here = here.get_or_insert_with(|| Directories::new(repo, selected));
                found.add(application(object, object, here), build, &mut known);
            }
            "ApplicationSet" => {
                let here = here.get_or_insert_with(|| Directories::new(repo, selected));
                for application in sets::application_set(object, here) {
                    found.add(application, build, &mut known);
                }
            }
            _ => {}
        }
    }
    if let Some(here) = &here {
        foreign::leave_out(&mut found.applications);
        found.missing = dangling::missing(&found.applications, here);
    }
    found
}

impl Applications {
    /// Adds one that a build may make as another has made it.
    fn add(
        &mut self,
        mut application: Application,
        build: Option<&Path>,
        known: &mut BTreeMap<Vec<Option<String>>, usize>,
    ) {
        application.builds.extend(build.map(Path::to_path_buf));
        if build.is_some() || application.from_set {
            let next = self.applications.len();
            let at = *known.entry(application.identity()).or_insert(next);
            if let Some(same) = self.applications.get_mut(at) {
                same.builds.append(&mut application.builds);
                return;
            }
        }
        self.applications.push(application);
    }
}

/// The directories of a tree.
struct Directories<'r> {
    repo: &'r Repo,
    selected: &'r Selected,
    all: BTreeSet<&'r Path>,
}

impl<'r> Directories<'r> {
    fn new(repo: &'r Repo, selected: &'r Selected) -> Self {
        let mut all = BTreeSet::new();
        let seen = repo.files.keys().chain(&repo.passed_over);
        for path in seen {
            for above in path.ancestors().skip(1) {
                if !all.insert(above) {
                    break;
                }
            }
        }
        Directories { repo, selected, all }
    }

    /// What a path deploys that is named in the file `by`.
    fn deploys(&self, written: &str, by: &Path) -> Option<Deploys> {
        let dir = self.repo.from_top(Path::new(written), by)?;
        if !self.all.contains(dir.as_path()) {
            return None;
        }
        let has = |name: &str| self.repo.files.contains_key(&dir.join(name));
        Some(
            if has("kustomization.yaml") || has("kustomization.yml") || has("Kustomization") {
                Deploys::Kustomization(dir)
            } else if has("Chart.yaml") {
                Deploys::Chart(dir)
            } else {
                Deploys::Directory(dir)
            },
        )
    }
}

/// A text that is known: no part of it is a template.
fn known(node: &Node) -> Option<Spanned<String>> {
    node.text_at()
        .filter(|f| !f.value.is_empty() && !f.value.contains("{{"))
}

fn application(object: &Node, written: &Node, here: &Directories<'_>) -> Application {
    let at = |path: &str| object.at(path);
    let text = |path: &str| at(path).and_then(known);
    let flag = |path: &str| at(path).and_then(Node::bool_at);
    let mut sources: Vec<&Node> = at("spec/sources").map_or(&[][..], Node::items).iter().collect();
    if sources.is_empty() {
        sources.extend(at("spec/source"));
    }
    let references: BTreeMap<&str, &Node> = sources
        .iter()
        .filter_map(|s| Some((s.get("ref")?.as_str()?, *s)))
        .collect();
    let sources: Vec<AppSource> = sources.iter().map(|s| source(s, &references, here)).collect();
    let mut application = Application {
        name: text("metadata/name"),
        span: written.span,
        from_set: false,
        builds: BTreeSet::new(),
        of_chart: false,
        by_default: false,
        project: text("spec/project"),
        namespace: text("spec/destination/namespace"),
        cluster: text("spec/destination/name").or_else(|| text("spec/destination/server")),
        environment: None,
        sources,
        unknown_generator: None,
        server_side: at("spec/syncPolicy/syncOptions").is_some_and(|options| {
            let mut options = options.items().iter().filter_map(Node::as_str);
            options.any(|option| option.replace(' ', "") == "ServerSideApply=true")
        }),
        automated: at("spec/syncPolicy/automated").map(|node| {
            // If the section is there, it is on, unless it says otherwise.
            let on = node.get("enabled").and_then(Node::as_bool).unwrap_or(true);
            Spanned::new(on && !node.is_null(), node.span)
        }),
        prune: flag("spec/syncPolicy/automated/prune"),
        self_heal: flag("spec/syncPolicy/automated/selfHeal"),
        kept_replicas: kept::replicas(object),
    };
    application.environment = environment_of(&application, here);
    application
}

fn environment_of(application: &Application, here: &Directories<'_>) -> Option<String> {
    let path = |fact: &Spanned<String>| environment::of_path(Path::new(&fact.value));
    let from_path = application.sources.iter().find_map(|s| {
        s.path
            .as_ref()
            .and_then(|p| environment::of_directory(Path::new(&p.value)))
    });
    let from_values = || {
        // The last value file wins.
        application
            .sources
            .iter()
            .flat_map(|s| &s.value_files)
            .filter_map(|(name, file)| {
                let picked = file.as_ref().and_then(|file| here.selected.environment(file));
                picked.map(str::to_owned).or_else(|| path(name))
            })
            .next_back()
    };
    let named = |fact: &Option<Spanned<String>>| {
        let fact = fact.as_ref()?;
        environment::of_name(&fact.value).map(str::to_owned)
    };
    from_path
        .or_else(from_values)
        .or_else(|| named(&application.cluster).filter(|_| !is_address(&application.cluster)))
        .or_else(|| named(&application.namespace))
        .or_else(|| named(&application.name))
        .or_else(|| environment::of_path(here.repo.sources.path(application.span.file)))
}

fn is_address(fact: &Option<Spanned<String>>) -> bool {
    fact.as_ref().is_some_and(|f| f.value.contains("://"))
}

fn source(node: &Node, references: &BTreeMap<&str, &Node>, here: &Directories<'_>) -> AppSource {
    let text = |path: &str| node.at(path).and_then(known);
    let path = text("path");
    let chart = text("chart");
    let deploys = match (&path, &chart) {
        (Some(path), None) => here.deploys(&path.value, here.repo.sources.path(path.span.file)),
        _ => None,
    };
    let dir = deploys.as_ref().map(|d| d.dir().to_path_buf());
    let value_files = node
        .at("helm/valueFiles")
        .map_or(&[][..], Node::items)
        .iter()
        .filter_map(known)
        .map(|name| {
            let path = value_file(&name, dir.as_deref(), references, here.repo);
            let path = path.filter(|p| here.repo.files.contains_key(p));
            (name, path)
        })
        .collect();
    let values = values::values(node, here.repo);
    let mut images: Vec<ImagePair> = values.iter().flat_map(image_pairs).collect();
    let kustomize = node.at("kustomize/images").map_or(&[][..], Node::items);
    images.extend(kustomize.iter().filter_map(kustomize_image));
    AppSource {
        repository: text("repoURL"),
        path,
        revision: text("targetRevision"),
        chart,
        deploys,
        release: node
            .at("helm/releaseName")
            .filter(|n| known(n).is_some())
            .cloned(),
        value_files,
        values,
        images,
        kustomize: node.get("kustomize").cloned(),
    }
}
