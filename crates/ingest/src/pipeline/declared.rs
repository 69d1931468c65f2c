//! The applications of Argo CD and the releases of Flux that files declare. What kustomizations build counts as they build
//! it: an overlay may change the path of an application, the values of a set's generators, or those of a release.

use cofferdam_render::flux::Flux;
use cofferdam_render::helm::{self, Charts};
use cofferdam_render::kustomize::{self, Made};
use cofferdam_syntax::hash::HashSet;
use cofferdam_syntax::repo::Repo;
use cofferdam_syntax::tree::Node;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The objects that may be applications or releases.
pub(super) struct Declared<'r> {
    plain: Vec<&'r Node>,
    /// Those of a plain file into which Flux puts variables.
    filled: Vec<Node>,
    built: Vec<Made>,
}

impl<'r> Declared<'r> {
    /// Those of all files.
    pub(super) fn of(repo: &'r Repo, charts: &Charts, flux: &Flux) -> Declared<'r> {
        let manifests = repo
            .yaml
            .iter()
            .filter(|(path, _)| !charts.consumed.contains(*path) && !repo.links.contains_key(*path));
        let with_one: BTreeSet<&Path> = manifests
            .clone()
            .filter(|(path, stream)| {
                let mut documents = stream.documents.iter();
                documents
                    .any(|node| is_application(node) || helm::is_release_of_flux(repo, charts, path, node))
            })
            .map(|(path, _)| path.as_path())
            .collect();
        let mut built: Vec<Made> = match with_one.is_empty() {
            true => Vec::new(),
            false => kustomize::built_of(repo, &with_one),
        };
        for made in &mut built {
            flux.fill(repo.sources.chains(), &made.dir, &mut made.objects);
        }
        let in_builds: HashSet<&Path> = (built.iter())
            .flat_map(|made| made.files.iter().map(PathBuf::as_path))
            .collect();
        let (mut plain, mut filled) = (Vec::new(), Vec::new());
        for (path, stream) in manifests.filter(|(path, _)| !in_builds.contains(path.as_path())) {
            let directory = path.parent().unwrap_or(Path::new(""));
            for node in &stream.documents {
                match with_one.contains(path.as_path()) && flux.fills(directory) {
                    true => {
                        let mut node = node.clone();
                        flux.fill(repo.sources.chains(), directory, std::slice::from_mut(&mut node));
                        filled.push(node);
                    }
                    false => plain.push(node),
                }
            }
        }
        Declared { plain, filled, built }
    }

    /// The objects, each with the directory of the kustomization that builds it, if one does.
    pub(super) fn objects(&self) -> impl Iterator<Item = (&Node, Option<&Path>)> {
        let alone = self.plain.iter().copied().chain(&self.filled);
        let of_builds = self.built.iter().flat_map(|made| {
            let objects = made.objects.iter();
            objects.map(|object| (object, Some(made.dir.as_path())))
        });
        alone.map(|node| (node, None)).chain(of_builds)
    }
}

/// Whether an object is an application of Argo CD, or a set of them.
fn is_application(node: &Node) -> bool {
    let text = |key: &str| node.get(key).and_then(Node::as_str).unwrap_or_default();
    text("apiVersion").starts_with("argoproj.io/") && matches!(text("kind"), "Application" | "ApplicationSet")
}
