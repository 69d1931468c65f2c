//! Finds the kustomizations of a tree and what each names. Paths are looked up in an index that is
//! made once. Nothing is built here.

use super::{Dangling, Named};
use cofferdam_syntax::Span;
use cofferdam_syntax::hash::{HashMap, HashSet};
use cofferdam_syntax::nearest::nearest;
use cofferdam_syntax::repo::{Repo, normalise};
use cofferdam_syntax::tree::Node;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Fields that a kustomization may have (kustomize.config.k8s.io/v1beta1 and v1alpha1).
const FIELDS: &[&str] = &[
    "apiVersion",
    "kind",
    "metadata",
    "resources",
    "bases",
    "components",
    "crds",
    "openapi",
    "namespace",
    "namePrefix",
    "nameSuffix",
    "commonLabels",
    "labels",
    "commonAnnotations",
    "patches",
    "patchesStrategicMerge",
    "patchesJson6902",
    "images",
    "imageTags",
    "replicas",
    "replacements",
    "vars",
    "configMapGenerator",
    "secretGenerator",
    "generatorOptions",
    "configurations",
    "generators",
    "transformers",
    "validators",
    "helmCharts",
    "helmGlobals",
    "helmChartInflationGenerator",
    "sortOptions",
    "buildMetadata",
    "inventory",
];

/// One kustomization and the paths that it names.
#[derive(Debug, Clone)]
pub(super) struct Kustomization<'r> {
    /// Its file.
    pub(super) path: &'r Path,
    /// The directory that its paths are relative to.
    pub(super) dir: PathBuf,
    pub(super) node: &'r Node,
    /// `kind: Component`: changes the objects of the kustomization that names it, and is not built alone.
    pub(super) component: bool,
    /// Why it cannot be used at all.
    pub(super) broken: Option<(Span, String)>,
    /// `resources` and the older `bases`, in that order.
    pub(super) resources: Vec<Reference<'r>>,
    pub(super) components: Vec<Reference<'r>>,
    /// Configurations of `generators`, from files and directories.
    pub(super) generators: Vec<Reference<'r>>,
    /// The same of `transformers`.
    pub(super) transformers: Vec<Reference<'r>>,
}

/// A path as a kustomization names it, and what it leads to.
#[derive(Debug, Clone)]
pub(super) struct Reference<'r> {
    pub(super) written: &'r str,
    pub(super) span: Span,
    pub(super) target: Target,
}

/// What a named path leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target {
    /// A file that was read.
    File(PathBuf),
    /// A directory with a kustomization (its index).
    Base(usize),
    /// A URL.
    Remote,
    /// A place above the directory that was read.
    Outside,
    /// Named and absent, but ignored by git.
    ByDesign,
    /// A file that is there and was not read.
    Unread,
    /// A directory without a kustomization.
    Plain(PathBuf),
    /// Nothing.
    Missing(PathBuf),
}

/// All kustomizations of a tree and the paths around them.
#[derive(Debug)]
pub(super) struct Index<'r> {
    pub(super) repo: &'r Repo,
    pub(super) all: Vec<Kustomization<'r>>,
    /// Directory to the kustomization that kustomize would take there.
    by_dir: HashMap<PathBuf, usize>,
    by_path: HashMap<&'r Path, usize>,
    directories: HashSet<&'r Path>,
    unread: HashSet<&'r Path>,
}

/// Whether kustomize itself would take a file of this name.
fn has_proper_name(path: &Path) -> bool {
    matches!(
        path.file_name().and_then(|n| n.to_str()),
        Some("kustomization.yaml" | "kustomization.yml" | "Kustomization")
    )
}

fn is_kustomization(path: &Path, node: &Node) -> bool {
    let api = node.get("apiVersion").and_then(Node::as_str).unwrap_or("");
    let kind = node.get("kind").and_then(Node::as_str).unwrap_or("");
    let of_kustomize = api.starts_with("kustomize.config.k8s.io/");
    if of_kustomize {
        return matches!(kind, "Kustomization" | "Component" | "");
    }
    // Both fields may be left out. A kind of this name in another group (Flux has one) is something else.
    has_proper_name(path) && api.is_empty() && matches!(kind, "" | "Kustomization" | "Component")
}

impl<'r> Index<'r> {
    pub(super) fn new(repo: &'r Repo) -> Self {
        let mut index = Index {
            repo,
            all: Vec::new(),
            by_dir: HashMap::default(),
            by_path: HashMap::default(),
            directories: HashSet::default(),
            unread: HashSet::default(),
        };
        for (path, stream) in &repo.yaml {
            let proper = has_proper_name(path);
            let Some(node) = stream.documents.iter().find(|d| is_kustomization(path, d)) else {
                continue;
            };
            let dir = path.parent().unwrap_or(Path::new("")).to_path_buf();
            let number = index.all.len();
            if proper || !index.by_dir.contains_key(&dir) {
                index.by_dir.insert(dir.clone(), number);
            }
            index.by_path.insert(path, number);
            index.all.push(Kustomization {
                path,
                dir,
                node,
                component: node.get("kind").and_then(Node::as_str) == Some("Component"),
                broken: stream.errors.first().map(|e| (e.span, e.message.clone())),
                resources: Vec::new(),
                components: Vec::new(),
                generators: Vec::new(),
                transformers: Vec::new(),
            });
        }
        if index.all.is_empty() {
            return index;
        }
        let unread = repo.unreadable.iter().map(|u| u.path.as_path());
        index.unread = repo
            .passed_over
            .iter()
            .chain(&repo.encrypted)
            .map(PathBuf::as_path)
            .chain(unread)
            .collect();
        for path in repo
            .files
            .keys()
            .map(PathBuf::as_path)
            .chain(index.unread.iter().copied())
        {
            // A directory that is known has parents that are known.
            for above in path.ancestors().skip(1) {
                if !index.directories.insert(above) {
                    break;
                }
            }
        }
        for number in 0..index.all.len() {
            let (dir, node) = (index.all[number].dir.clone(), index.all[number].node);
            let mut resources = index.references(&dir, node, "resources");
            resources.extend(index.references(&dir, node, "bases"));
            let components = index.references(&dir, node, "components");
            index.all[number].resources = resources;
            index.all[number].components = components;
            index.all[number].generators = index.references(&dir, node, "generators");
            index.all[number].transformers = index.references(&dir, node, "transformers");
        }
        index
    }

    fn references(&self, dir: &Path, node: &'r Node, field: &str) -> Vec<Reference<'r>> {
        let items = node.get(field).map_or(&[][..], Node::items);
        items
            .iter()
            .filter_map(|item| {
                // An entry may be the configuration itself instead of a path to it.
                let written = item.as_str().filter(|text| !text.contains('\n'))?;
                Some(Reference {
                    written,
                    span: item.span,
                    target: self.resolve(dir, written),
                })
            })
            .collect()
    }

    /// What `written` leads to, seen from `dir`.
    pub(super) fn resolve(&self, dir: &Path, written: &str) -> Target {
        let path = normalise(&dir.join(written.trim_end_matches('/')));
        if let Some(number) = self.by_path.get(path.as_path()) {
            return Target::Base(*number);
        }
        if self.repo.files.contains_key(&path) {
            return Target::File(path);
        }
        if let Some(number) = self.by_dir.get(&path) {
            return Target::Base(*number);
        }
        if self.unread.contains(path.as_path()) || self.repo.is_unfollowed(&path) {
            return Target::Unread;
        }
        if self.directories.contains(path.as_path()) {
            return Target::Plain(path);
        }
        if is_remote(written) {
            return Target::Remote;
        }
        if path.starts_with("..") || path.is_absolute() || !self.repo.is_given(&path) {
            return Target::Outside;
        }
        if self.repo.absent_by_design(&path) {
            return Target::ByDesign;
        }
        Target::Missing(path)
    }

    /// The dangling reference that a missing `path` is.
    pub(super) fn missing(&self, written: &str, path: &Path, span: Span) -> Dangling {
        let parent = path.parent().unwrap_or(Path::new(""));
        let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default();
        let beside: BTreeSet<&str> = self
            .repo
            .files
            .below(parent)
            .filter_map(|(p, _)| p.strip_prefix(parent).ok()?.iter().next()?.to_str())
            .collect();
        let likely = nearest(name, beside).map(|near| match written.rsplit_once('/') {
            Some((above, _)) => format!("{above}/{near}"),
            None => near.to_owned(),
        });
        Dangling {
            what: Named::File,
            name: written.to_owned(),
            span,
            nearest: likely,
            refused: true,
        }
    }

    /// Every file that the kustomization names itself, its own file included. These are judged only as
    /// parts of the build.
    pub(super) fn files_of(&self, number: usize) -> BTreeSet<PathBuf> {
        let kustomization = &self.all[number];
        let mut files = BTreeSet::from([kustomization.path.to_path_buf()]);
        for reference in kustomization.resources.iter().chain(&kustomization.components) {
            if let Target::File(path) = &reference.target {
                files.insert(path.clone());
            }
        }
        for (written, _) in named_files(kustomization.node) {
            if let Target::File(path) = self.resolve(&kustomization.dir, written) {
                files.insert(path);
            }
        }
        let plugins = kustomization.generators.iter().chain(&kustomization.transformers);
        for document in plugins.flat_map(|reference| self.documents_of(reference)) {
            for written in super::builtin::named_files(document) {
                if let Target::File(path) = self.resolve(&kustomization.dir, written) {
                    files.insert(path);
                }
            }
        }
        files
    }

    /// The documents of a file that a reference leads to.
    pub(super) fn documents_of(&self, reference: &Reference<'_>) -> &'r [Node] {
        match &reference.target {
            Target::File(path) => self.repo.yaml.get(path).map_or(&[], |stream| &stream.documents),
            _ => &[],
        }
    }

    /// What the kustomization itself names and what is not there. A build that fails in a base never comes to these.
    pub(super) fn missing_of(&self, number: usize) -> Vec<Dangling> {
        let kustomization = &self.all[number];
        let resources = kustomization.resources.iter().chain(&kustomization.components);
        let of_resources = resources.filter_map(|reference| match &reference.target {
            Target::Missing(path) => Some(self.missing(reference.written, path, reference.span)),
            _ => None,
        });
        let files = inputs(kustomization.node).into_iter();
        let of_files = files.filter_map(|(written, span)| {
            // A patch may stand in the list itself.
            let is_path = !written.contains(['{', ':']);
            match self.resolve(&kustomization.dir, written) {
                Target::Missing(path) if is_path => Some(self.missing(written, &path, span)),
                _ => None,
            }
        });
        of_resources.chain(of_files).collect()
    }

    /// Kustomizations that this one is built from.
    pub(super) fn bases_of(&self, number: usize) -> impl Iterator<Item = usize> {
        let kustomization = &self.all[number];
        kustomization
            .resources
            .iter()
            .chain(&kustomization.components)
            .chain(&kustomization.generators)
            .chain(&kustomization.transformers)
            .filter_map(|r| match r.target {
                Target::Base(base) => Some(base),
                _ => None,
            })
    }

    /// Fields that no kustomization has, with their place and the field that was likely meant.
    pub(super) fn unknown_fields(&self, number: usize) -> Vec<(Span, &'r str, Option<&'static str>)> {
        let node = self.all[number].node;
        node.entries()
            .filter(|(key, _)| !FIELDS.contains(&&*key.text))
            .map(|(key, _)| (key.span, &*key.text, nearest(&key.text, FIELDS.iter().copied())))
            .collect()
    }
}

/// Whether a path is an address that kustomize would fetch.
fn is_remote(written: &str) -> bool {
    let hosts = [
        "github.com/",
        "gitlab.com/",
        "bitbucket.org/",
        "git@",
        "git::",
        "ssh.dev.azure.com",
    ];
    written.contains("://")
        || written.contains("?ref=")
        || written.contains("?version=")
        || hosts.iter().any(|h| written.starts_with(h))
        || (written.contains(".git/") || written.ends_with(".git"))
}

/// Paths in every field that names files other than resources.
fn named_files(node: &Node) -> Vec<(&str, Span)> {
    let mut names = inputs(node);
    for field in [
        "crds",
        "configurations",
        "transformers",
        "generators",
        "validators",
    ] {
        names.extend(listed(node, field));
    }
    names.extend(node.at("openapi/path").and_then(text));
    names
}

/// Files of patches and generators, with the places of their names: without one of them nothing is built.
fn inputs(node: &Node) -> Vec<(&str, Span)> {
    let mut names = Vec::new();
    for (field, keys) in [
        ("patches", &["path"][..]),
        ("patchesJson6902", &["path"]),
        ("replacements", &["path"]),
        ("configMapGenerator", &["env", "envs", "files"]),
        ("secretGenerator", &["env", "envs", "files"]),
    ] {
        for item in node.get(field).map_or(&[][..], Node::items) {
            for named in keys.iter().filter_map(|key| item.get(key)) {
                names.extend(text(named));
                let paths = named.items().iter().filter_map(text);
                names.extend(paths.map(|(p, span)| (p.split_once('=').map_or(p, |(_, path)| path), span)));
            }
        }
    }
    names.extend(listed(node, "patchesStrategicMerge"));
    names
}

/// The paths that a list has; what is written into the list itself is none.
fn listed<'n>(node: &'n Node, field: &str) -> impl Iterator<Item = (&'n str, Span)> {
    let items = node.get(field).map_or(&[][..], Node::items);
    items.iter().filter_map(text).filter(|(t, _)| !t.contains('\n'))
}

fn text(node: &Node) -> Option<(&str, Span)> {
    Some((node.as_str()?, node.span))
}
