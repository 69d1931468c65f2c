//! What a build that fails would be built from: its files belong to that build, and are no deployment of plain manifests.

use super::pieces::Deployments;
use super::sources::{Piece, Sources};
use cofferdam_model::{Deployment, DeploymentId, DeploymentKind, FileId, Users};
use cofferdam_render::kustomize::Build;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Gives such files to the first build that names them, and drops deployments that have nothing left.
pub(super) fn place<'a>(
    sources: &'a Sources<'a>,
    pieces: &mut [Piece<'a>],
    deployments: &mut Deployments<'_>,
) {
    let mut by_path: BTreeMap<&Path, Vec<(DeploymentId, &'a Build)>> = BTreeMap::new();
    let of_builds: Vec<DeploymentId> = (deployments.all.iter().zip((0..).map(DeploymentId)))
        .filter(|(deployment, _)| deployment.kind == DeploymentKind::Kustomize)
        .map(|(_, id)| id)
        .collect();
    for (id, build) in of_builds.into_iter().zip(&sources.built.builds) {
        for path in build.files.iter().filter(|_| build.failed.is_some()) {
            by_path.entry(path).or_default().push((id, build));
        }
    }
    if by_path.is_empty() {
        return;
    }
    for piece in pieces.iter_mut() {
        let (Some(own), Some(builds)) = (piece.holder.deployment, by_path.get(piece.path)) else {
            continue;
        };
        let deployment = &mut deployments.all[own.0 as usize];
        if deployment.kind != DeploymentKind::Manifests {
            continue;
        }
        deployment.objects = deployment.objects.saturating_sub(1);
        if let [(_, build)] = builds.as_slice() {
            piece.holder.environment = build.environment.as_deref().or(piece.holder.environment);
        }
        piece.holder.deployment = builds.first().map(|(id, _)| *id);
    }
    drop_empty(pieces, deployments);
}

/// Files that only builds have that fail: as they are written, they are deployed nowhere. A kustomization that stops a
/// deployed build is none of them.
pub(super) fn files(sources: &Sources<'_>, users: &Users, deployments: &[Deployment]) -> BTreeSet<FileId> {
    let of_builds = deployments.iter().zip((0..).map(DeploymentId));
    let failed: BTreeMap<DeploymentId, &Build> = of_builds
        .filter(|(deployment, _)| deployment.kind == DeploymentKind::Kustomize)
        .zip(&sources.built.builds)
        .filter(|(_, build)| build.failed.is_some())
        .map(|((_, id), build)| (id, build))
        .collect();
    if failed.is_empty() {
        return BTreeSet::new();
    }
    let is_unbuilt = |file: FileId, of: &[DeploymentId]| {
        let stem = sources.repo.sources.path(file).file_stem();
        let is_kustomization = stem.is_some_and(|stem| stem.eq_ignore_ascii_case("kustomization"));
        let is_one = |id: &DeploymentId| {
            let build = failed.get(id);
            build.is_some_and(|build| !is_kustomization || sources.is_undeployed(build))
        };
        of.iter().all(is_one)
    };
    let own = users.iter().filter(|(file, of)| is_unbuilt(*file, of));
    own.map(|(file, _)| file).collect()
}

/// Drops sets of manifests without an object, and numbers the others anew.
fn drop_empty(pieces: &mut [Piece<'_>], deployments: &mut Deployments<'_>) {
    let mut numbers: Vec<DeploymentId> = Vec::with_capacity(deployments.all.len());
    let mut next = 0;
    for deployment in &deployments.all {
        numbers.push(DeploymentId(next));
        let is_kept = deployment.kind != DeploymentKind::Manifests || deployment.objects > 0;
        next += u32::from(is_kept);
    }
    deployments
        .all
        .retain(|d| d.kind != DeploymentKind::Manifests || d.objects > 0);
    for piece in pieces {
        piece.holder.deployment = piece
            .holder
            .deployment
            .and_then(|id| numbers.get(id.0 as usize).copied());
    }
}
