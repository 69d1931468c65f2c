//! Compose files beside the workloads of a cluster: they are for a developer's machine, and not for the platform.

use super::pieces::Deployments;
use super::sources::{Piece, Sources};
use crate::compose;
use cofferdam_model::{DeploymentId, DeploymentKind, Environment, FileId, ProjectId};
use cofferdam_syntax::environment;
use std::collections::BTreeSet;

/// The deployments of a developer's machine and their files. A file for production by its name is none, and neither is
/// one in a project that has no other workloads.
pub(super) fn of(
    sources: &Sources<'_>,
    (pieces, deployments): (&[Piece<'_>], &Deployments<'_>),
    environments: &[Environment],
) -> (BTreeSet<DeploymentId>, BTreeSet<FileId>) {
    let on_clusters: BTreeSet<ProjectId> = environments
        .iter()
        .filter(|env| env.workloads.iter().any(|w| w.id.kind != compose::KIND))
        .map(|env| env.project)
        .collect();
    let (mut ids, mut files) = (BTreeSet::new(), BTreeSet::new());
    for piece in pieces {
        let Some(id) = piece.holder.deployment else {
            continue;
        };
        let is_compose =
            (deployments.all.get(id.0 as usize)).is_some_and(|d| d.kind == DeploymentKind::Compose);
        let is_local = piece
            .holder
            .environment
            .is_none_or(environment::is_before_production);
        if is_compose && is_local && on_clusters.contains(&piece.holder.project) {
            ids.insert(id);
            let with = sources.composed.with(piece.path).chain([piece.path]);
            files.extend(with.filter_map(|path| sources.repo.files.get(path)));
        }
    }
    (ids, files)
}
