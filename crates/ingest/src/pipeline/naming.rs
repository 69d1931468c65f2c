//! Names of places: the environment of a directory or file, the namespace and cluster that an application deploys to.

use crate::overlay::OverlayDocument;
use crate::scope::{Evidence, Projects};
use cofferdam_model::Kept;
use cofferdam_render::argo;
use cofferdam_syntax::environment;
use cofferdam_syntax::tree::Node;
use std::path::Path;

/// What is needed to name the environment of a place.
pub(super) struct Naming<'k> {
    pub(super) stated: &'k OverlayDocument,
    pub(super) projects: &'k Projects,
    pub(super) evidence: &'k Evidence,
}

impl Naming<'_> {
    /// The environment of a directory: as a person states it, else as its path says.
    pub(super) fn of_directory(&self, directory: &Path) -> Option<String> {
        if let Some(name) = self.stated.environment_of(&directory.join("x")) {
            return Some(name.to_owned());
        }
        let project = self.projects.of_path(directory);
        self.evidence
            .of_directory(project, directory)
            .map(|name| self.stated.environment_name(&name))
    }

    /// An environment that a file's name tells, if there is evidence for it; else that of the directory.
    pub(super) fn named(&self, name: Option<&String>, directory: &Path) -> Option<String> {
        let project = self.projects.of_path(directory);
        name.filter(|name| self.evidence.knows(project, name))
            .map(|name| self.stated.environment_name(name))
            .or_else(|| self.of_directory(directory))
    }
}

/// Whether a path has its environment from a word below this directory. A file in the directory itself may speak for all.
pub(super) fn is_part(path: &Path, dir: &Path) -> bool {
    let Some(label) = environment::label(path).filter(|_| path.starts_with(dir)) else {
        return false;
    };
    let is_own_file = label.place == path && path.parent() == Some(dir);
    label.place != dir && label.place.starts_with(dir) && !is_own_file
}

/// The namespace that an application deploys into.
pub(super) fn namespace_of(application: &argo::Application) -> Option<Node> {
    let namespace = application.namespace.as_ref()?;
    Some(Node::text(&namespace.value, namespace.span))
}

/// The cluster that an application names, or the host of its address. The cluster of Argo CD itself has no name.
pub(super) fn cluster_of_application(application: &argo::Application) -> Option<String> {
    let cluster = &application.cluster.as_ref()?.value;
    let name = match cluster.split_once("://") {
        Some((_, address)) => address.split(['/', ':']).next().unwrap_or(address),
        None => cluster,
    };
    let is_own = name == "in-cluster" || name.starts_with("kubernetes.default");
    (!is_own && !name.is_empty() && !name.contains(['{', '$'])).then(|| name.to_owned())
}

/// Workloads whose number of replicas an application leaves alone.
pub(super) fn kept_by(application: &argo::Application) -> Vec<Kept> {
    let kept = application.kept_replicas.iter().cloned();
    kept.map(
        |argo::Kept {
             kind,
             name,
             namespace,
         }| Kept {
            kind,
            name,
            namespace,
        },
    )
    .collect()
}
