//! Names of places: the environment of a directory or file, the namespace and cluster that an application deploys to.

use crate::overlay::OverlayDocument;
use crate::scope::{Evidence, Labels, Projects};
use cofferdam_model::Kept;
use cofferdam_render::argo;
use cofferdam_render::hcl::Terraform;
use cofferdam_render::selected::Selected;
use cofferdam_syntax::environment;
use cofferdam_syntax::hash::HashMap;
use cofferdam_syntax::tree::Node;
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

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

/// The environment of each file whose path names one, or for which a person states one.
pub(super) fn file_environments<'a>(
    labels: &Labels<'a>,
    selected: &Selected,
    naming: &Naming<'_>,
) -> HashMap<&'a Path, String> {
    let of_files = labels.of_files(naming.projects, naming.evidence);
    of_files
        .filter_map(|(path, name)| match naming.stated.environment_of(path) {
            Some(name) => Some((path, name.to_owned())),
            None => {
                let name = selected.environment(path).or(name)?;
                Some((path, naming.stated.environment_name(name)))
            }
        })
        .collect()
}

/// Gives the environments of Terraform's roots the names that a person gave them, where there is evidence for them.
pub(super) fn name_environments(terraform: &mut Terraform, naming: &Naming<'_>) {
    let by_endings = by_endings(terraform.roots.iter().map(|root| root.dir.as_path()));
    for root in &mut terraform.roots {
        let of_ending = by_endings.get(&root.dir);
        for values in &mut root.environments {
            // A unit of Terragrunt has a place of its own.
            let dir = values.unit.clone().unwrap_or_else(|| root.dir.clone());
            let place = naming.stated.environment_of(&dir.join("main.tf"));
            let place = place.map(str::to_owned);
            let name = values.environment.take();
            let stated = values.stated.as_ref();
            let sibling = values.by.as_ref().and(name.as_ref());
            let by_siblings = sibling.map(|name| naming.stated.environment_name(name));
            values.environment = by_siblings
                .or_else(|| naming.named(name.as_ref(), &dir))
                .or_else(|| place.clone())
                .or_else(|| of_ending.map(|name| naming.stated.environment_name(name)))
                .or_else(|| stated.map(|name| naming.stated.environment_name(name)))
                // The only file of values has the name of an environment that something else shows.
                .or_else(|| naming.named(values.only.as_ref(), &dir));
        }
    }
}

/// Directories beside one another that differ only in a word for a stage: `backup-prod` and `backup-staging`. Each with
/// its environment.
fn by_endings<'d>(dirs: impl Iterator<Item = &'d Path>) -> HashMap<PathBuf, &'static str> {
    /// The directory around them, and the words that are no stage.
    type Shared<'d> = (Option<&'d Path>, Vec<&'d str>);
    let mut groups: BTreeMap<Shared<'d>, Vec<(&Path, &'static str)>> = BTreeMap::new();
    for dir in dirs {
        let name = dir.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let Some(stage) = environment::of_name(name) else {
            continue;
        };
        let words = name.split(['-', '_', '.']);
        let others: Vec<&str> = words
            .filter(|word| environment::canonical(word) != Some(stage))
            .collect();
        groups
            .entry((dir.parent(), others))
            .or_default()
            .push((dir, stage));
    }
    let differ = |group: &Vec<(&Path, &'static str)>| group.iter().any(|(_, stage)| *stage != group[0].1);
    let groups = groups.into_values().filter(differ).flatten();
    groups.map(|(dir, stage)| (dir.to_path_buf(), stage)).collect()
}
