//! Deployments of which a part was not read: what is written there is judged, and the reader is told what is missing.

use super::pieces::Deployments;
use super::sources::Sources;
use cofferdam_model::{Altered, Deployment, DeploymentId, DeploymentKind, FileId};
use cofferdam_render::kustomize::Build;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// What was not read of each deployment, as clauses.
pub(super) fn of(
    sources: &Sources<'_>,
    deployments: &Deployments<'_>,
) -> BTreeMap<DeploymentId, Vec<String>> {
    let mut found: BTreeMap<DeploymentId, Vec<String>> = BTreeMap::new();
    let mut add = |kind: DeploymentKind, root: &Path, reason: String| {
        for (id, deployment) in (0..).map(DeploymentId).zip(&deployments.all) {
            if is(deployment, kind, root) {
                let reasons = found.entry(id).or_default();
                if !reasons.contains(&reason) {
                    reasons.push(reason.clone());
                }
            }
        }
    };
    for build in &sources.built.builds {
        if let Some(failed) = &build.failed {
            add(DeploymentKind::Kustomize, &build.dir, failed.message.clone());
        }
        for gap in &build.gaps {
            add(DeploymentKind::Kustomize, &build.dir, gap.reason.clone());
        }
    }
    for chart in &sources.charts.charts {
        let templates: BTreeSet<&Path> = chart.templates.iter().map(AsRef::as_ref).collect();
        let notes = sources.charts.notes.iter();
        for note in notes.filter(|note| templates.contains(note.path.as_path())) {
            let reason = format!("the template {} could not be rendered", note.path.display());
            add(DeploymentKind::Helm, &chart.dir, reason);
        }
    }
    found
}

fn is(deployment: &Deployment, kind: DeploymentKind, root: &Path) -> bool {
    deployment.kind == kind && deployment.root == root
}

/// Files whose values something that is not run may change, where they are built.
pub(super) fn altered(sources: &Sources<'_>) -> Vec<Altered> {
    let builds = sources.built.builds.iter();
    builds
        .filter_map(|build| {
            let gap = build.gaps.iter().find(|gap| gap.changes)?;
            Some(Altered {
                project: sources.projects.of_path(&build.dir),
                environment: build.environment.clone(),
                files: files(build),
                reason: gap.reason.clone(),
            })
        })
        .collect()
}

/// The files that values of a build stand in.
pub(super) fn files(build: &Build) -> BTreeSet<FileId> {
    let mut found = Vec::new();
    build
        .objects
        .iter()
        .for_each(|object| super::holds::walk(object, &mut found));
    found.into_iter().collect()
}
