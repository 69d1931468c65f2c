//! For which environments each file is deployed, so that a finding names those in which its objects really are: what is
//! deployed for no named environment holds in none of the named ones.

use super::sources::{Piece, Sources};
use cofferdam_model::{Deployment, DeploymentId, DeploymentKind, FileId, Users};
use cofferdam_syntax::tree::{Node, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// The environments of the deployments that use each file; `None` is a deployment that names none.
pub(super) type Holds = BTreeMap<FileId, BTreeSet<Option<String>>>;

/// The environments of every file that a deployment uses.
pub(super) fn of(sources: &Sources<'_>, pieces: &[Piece<'_>]) -> Holds {
    let mut found = Holds::new();
    let mut add = |file: FileId, environment: Option<&str>| {
        found
            .entry(file)
            .or_default()
            .insert(environment.map(str::to_owned));
    };
    for piece in pieces.iter().filter(|piece| piece.holder.deployment.is_some()) {
        let mut files = BTreeSet::new();
        walk(piece.node, &mut files);
        files
            .into_iter()
            .for_each(|file| add(file, piece.holder.environment));
    }
    for build in &sources.built.builds {
        for path in &build.files {
            if let Some(file) = sources.repo.files.get(path) {
                add(*file, build.environment.as_deref());
            }
        }
    }
    for release in &sources.releases {
        let environment = release.environment.as_deref();
        let own = below(sources, &release.dir);
        let given = release
            .of
            .values
            .iter()
            .filter_map(|path| sources.repo.files.get(path));
        own.chain(given.copied()).for_each(|file| add(file, environment));
    }
    for root in &sources.terraform.roots {
        for values in &root.environments {
            for resource in &values.resources {
                add(resource.span.file, values.environment.as_deref());
            }
        }
    }
    found
}

/// The deployments of every file: what their objects stand in, and what they are built from.
pub(super) fn users(sources: &Sources<'_>, pieces: &[Piece<'_>], deployments: &[Deployment]) -> Users {
    let mut found = Users::new();
    let mut add = |file: FileId, id: DeploymentId| {
        let Some(deployment) = deployments.get(id.0 as usize) else {
            return;
        };
        let of_file = found.entry(file).or_default();
        match of_file.get_mut(&deployment.environment) {
            Some(known) => known.insert(id),
            None => {
                let new = of_file.entry(deployment.environment.clone());
                new.or_default().insert(id)
            }
        };
    };
    for piece in pieces {
        if let Some(id) = piece.holder.deployment {
            let mut files = BTreeSet::new();
            walk(piece.node, &mut files);
            files.into_iter().for_each(|file| add(file, id));
        }
    }
    let of_kind = |kind| {
        let all = deployments.iter().zip((0..).map(DeploymentId));
        all.filter(move |(deployment, _)| deployment.kind == kind)
    };
    // These stand in the order of what they are made of.
    for ((_, id), build) in of_kind(DeploymentKind::Kustomize).zip(&sources.built.builds) {
        let files = build.files.iter().filter_map(|path| sources.repo.files.get(path));
        files.for_each(|file| add(*file, id));
    }
    let releases = sources.releases.iter().filter(|release| !release.is_part);
    for ((_, id), release) in of_kind(DeploymentKind::Helm).zip(releases) {
        let given = release.of.values.iter();
        let given = given.filter_map(|path| sources.repo.files.get(path));
        below(sources, &release.dir)
            .chain(given.copied())
            .for_each(|file| add(file, id));
    }
    for (deployment, id) in of_kind(DeploymentKind::Terraform) {
        let roots = sources
            .terraform
            .roots
            .iter()
            .filter(|root| root.dir == deployment.root);
        let values = roots.flat_map(|root| &root.environments);
        for values in values.filter(|values| values.environment == deployment.environment) {
            values
                .resources
                .iter()
                .for_each(|resource| add(resource.span.file, id));
        }
    }
    found
}

/// Files of a chart, without its values for other environments.
fn below<'s>(sources: &'s Sources<'_>, dir: &'s Path) -> impl Iterator<Item = FileId> + 's {
    let files = sources.repo.files.below(dir);
    files
        .filter(|(path, _)| !sources.file_environments.contains_key(path.as_path()))
        .map(|(_, id)| *id)
}

/// Every file that a value of a tree stands in.
pub(super) fn walk(node: &Node, found: &mut BTreeSet<FileId>) {
    found.insert(node.span.file);
    match &node.value {
        Value::Map(map) => map.iter().for_each(|(_, below)| walk(below, found)),
        Value::Seq(items) => items.iter().for_each(|item| walk(item, found)),
        _ => {}
    }
}
