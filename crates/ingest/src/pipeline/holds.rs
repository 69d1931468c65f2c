//! For which environments each file is deployed, so that a finding names those in which its objects really are: what is
//! deployed for no named environment holds in none of the named ones.

use super::sources::{Piece, Sources};
use cofferdam_model::{Deployment, DeploymentId, DeploymentKind, FileId, Users};
use cofferdam_render::hcl::Root;
use cofferdam_syntax::hash::HashMap;
use cofferdam_syntax::tree::{Node, Value};
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::path::Path;

/// The environments of the deployments that use each file, in order; `None` is a deployment that names none.
pub(super) type Holds = BTreeMap<FileId, Vec<Option<String>>>;

/// The files that the values of each piece stand in, in order.
pub(super) struct Files(Vec<Vec<FileId>>);

impl Files {
    /// Of the pieces, in their order.
    pub(super) fn of(pieces: &[Piece<'_>]) -> Files {
        let of_piece = |piece: &Piece<'_>| {
            let mut files = Vec::new();
            walk(piece.node, &mut files);
            files.sort_unstable();
            files.dedup();
            files
        };
        Files(pieces.par_iter().map(of_piece).collect())
    }

    /// The pieces and each of their files.
    fn with<'p, 's>(&'p self, pieces: &'p [Piece<'s>]) -> impl Iterator<Item = (&'p Piece<'s>, FileId)> {
        let files = pieces.iter().zip(&self.0);
        files.flat_map(|(piece, files)| files.iter().map(move |file| (piece, *file)))
    }
}

/// The environments of every file that a deployment uses.
pub(super) fn of(sources: &Sources<'_>, pieces: &[Piece<'_>], files: &Files) -> Holds {
    let mut found: Vec<(FileId, Option<&str>)> = Vec::new();
    let of_pieces = files
        .with(pieces)
        .filter(|(piece, _)| piece.holder.deployment.is_some());
    found.extend(of_pieces.map(|(piece, file)| (file, piece.holder.environment)));
    for build in &sources.built.builds {
        let files = build.files.iter().filter_map(|path| sources.repo.files.get(path));
        found.extend(files.map(|file| (*file, build.environment.as_deref())));
    }
    for release in &sources.releases {
        let environment = release.environment.as_deref();
        let own = below(sources, &release.dir);
        let given = release
            .of
            .values
            .iter()
            .filter_map(|path| sources.repo.files.get(path));
        found.extend(own.chain(given.copied()).map(|file| (file, environment)));
    }
    for root in &sources.terraform.roots {
        for values in &root.environments {
            let environment = values.environment.as_deref();
            found.extend(
                values
                    .resources
                    .iter()
                    .map(|resource| (resource.span.file, environment)),
            );
        }
    }
    found.sort_unstable();
    found.dedup();
    let of_files = found.chunk_by(|(a, _), (b, _)| a == b);
    let names = |of: &[(FileId, Option<&str>)]| of.iter().map(|(_, name)| name.map(str::to_owned)).collect();
    of_files.map(|of| (of[0].0, names(of))).collect()
}

/// The deployments of every file: what their objects stand in, and what they are built from.
pub(super) fn users(
    sources: &Sources<'_>,
    (pieces, files): (&[Piece<'_>], &Files),
    deployments: &[Deployment],
) -> Users {
    let mut found: Vec<(FileId, DeploymentId)> = Vec::new();
    let of_pieces = files.with(pieces);
    found.extend(of_pieces.filter_map(|(piece, file)| Some((file, piece.holder.deployment?))));
    let of_kind = |kind| {
        let all = deployments.iter().zip((0..).map(DeploymentId));
        all.filter(move |(deployment, _)| deployment.kind == kind)
    };
    // These stand in the order of what they are made of.
    for ((_, id), build) in of_kind(DeploymentKind::Kustomize).zip(&sources.built.builds) {
        let files = build.files.iter().filter_map(|path| sources.repo.files.get(path));
        found.extend(files.map(|file| (*file, id)));
    }
    let releases = sources.releases.iter().filter(|release| !release.is_part);
    for ((_, id), release) in of_kind(DeploymentKind::Helm).zip(releases) {
        let given = release.of.values.iter();
        let given = given.filter_map(|path| sources.repo.files.get(path));
        let all = below(sources, &release.dir).chain(given.copied());
        found.extend(all.map(|file| (file, id)));
    }
    let mut roots: HashMap<&Path, Vec<&Root>> = HashMap::default();
    for root in &sources.terraform.roots {
        roots.entry(root.dir.as_path()).or_default().push(root);
    }
    for (deployment, id) in of_kind(DeploymentKind::Terraform) {
        let own = roots.get(deployment.root.as_path()).into_iter().flatten();
        let values = own.flat_map(|root| &root.environments);
        for values in values.filter(|values| values.environment == deployment.environment) {
            found.extend(values.resources.iter().map(|resource| (resource.span.file, id)));
        }
    }
    Users::new(found, deployments)
}

/// Files of a chart, without its values for other environments.
fn below<'s>(sources: &'s Sources<'_>, dir: &'s Path) -> impl Iterator<Item = FileId> + 's {
    let files = sources.repo.files.below(dir);
    files
        .filter(|(path, _)| !sources.file_environments.contains_key(path.as_path()))
        .map(|(_, id)| *id)
}

/// Every file that a value of a tree stands in; one of them once for each change of the file.
pub(super) fn walk(node: &Node, found: &mut Vec<FileId>) {
    if found.last() != Some(&node.span.file) {
        found.push(node.span.file);
    }
    match &node.value {
        Value::Map(map) => map.iter().for_each(|(_, below)| walk(below, found)),
        Value::Seq(items) => items.iter().for_each(|item| walk(item, found)),
        _ => {}
    }
}
