//! How far each opening reaches: the deployments that it is a part of, and the namespaces that these are in.

use crate::pipeline::sources::Piece;
use cofferdam_model::{Absence, DeploymentId, Opening, Reach, Scope};
use cofferdam_syntax::repo::Repo;
use cofferdam_syntax::tree::Node;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Words in names of charts that bring objects into other namespaces than their own, or into all of them.
const EVERYWHERE: &[&str] = &[
    "reflector",
    "replicator",
    "kubed",
    "syncer",
    "sync",
    "raw",
    "namespace",
    "namespaces",
    "resources",
    "apps",
    "baseline",
    "bootstrap",
];

/// Words in names of charts that watch everything.
const WATCHING: &[&str] = &[
    "prometheus",
    "monitoring",
    "monitor",
    "observability",
    "alert",
    "alerts",
    "alerting",
    "alertmanager",
    "rules",
    "mixin",
    "metrics",
    "telemetry",
    "grafana",
    "loki",
    "mimir",
    "victoria",
    "datadog",
    "newrelic",
    "dynatrace",
    "sloth",
    "pyrra",
    "stack",
    "exporter",
];

/// How far a chart of this name reaches.
pub(super) fn chart(name: &str) -> Reach {
    let has = |words| super::kinds::has_word(name, words);
    if has(EVERYWHERE) {
        return Reach::All;
    }
    let mut kinds = Absence::of_namespaces();
    // A chart brings policies for its own pods, and some select all of the namespace.
    if !super::kinds::brings_policies(name) {
        kinds.insert(Absence::NetworkPolicy);
    }
    if !has(WATCHING) {
        kinds.extend([Absence::Alert, Absence::MetricSource]);
    }
    Reach::Namespaces(kinds)
}

/// Kinds of objects that are always in a namespace.
const NAMESPACED: &[&str] = &[
    "Deployment",
    "StatefulSet",
    "DaemonSet",
    "Job",
    "CronJob",
    "Pod",
    "Service",
    "ConfigMap",
    "Secret",
    "ServiceAccount",
    "PersistentVolumeClaim",
    "Ingress",
    "PodDisruptionBudget",
    "HorizontalPodAutoscaler",
    "NetworkPolicy",
    "Role",
    "RoleBinding",
];

/// The namespaces of each deployment, where all of its objects name theirs.
pub(in crate::pipeline) fn namespaces(pieces: &[Piece<'_>]) -> BTreeMap<DeploymentId, BTreeSet<String>> {
    let mut found: BTreeMap<DeploymentId, BTreeSet<String>> = BTreeMap::new();
    let mut unknown: BTreeSet<DeploymentId> = BTreeSet::new();
    for piece in pieces {
        let Some(id) = piece.holder.deployment else {
            continue;
        };
        let text = |path: &str| piece.node.at(path).and_then(Node::as_str);
        match text("metadata/namespace").filter(|name| !name.contains(['{', '$'])) {
            Some(name) => drop(found.entry(id).or_default().insert(name.to_owned())),
            None if text("kind").is_some_and(|kind| NAMESPACED.contains(&kind)) => drop(unknown.insert(id)),
            None => {}
        }
    }
    found.retain(|id, _| !unknown.contains(id));
    found
}

/// Finds the deployments of each opening, and the namespaces that these are in.
pub(in crate::pipeline) fn locate(scope: &Scope, openings: &mut Vec<Opening>, repo: &Repo) {
    let mut by_root: BTreeMap<&Path, BTreeSet<DeploymentId>> = BTreeMap::new();
    for (id, deployment) in (0..).map(DeploymentId).zip(&scope.deployments) {
        by_root.entry(&deployment.root).or_default().insert(id);
    }
    let of_path = |path: &Path| {
        let of_file = repo.files.get(path).map_or(&[][..], |file| scope.users.of(*file));
        let of_root = by_root.get(path).into_iter().flatten();
        of_root
            .chain(of_file)
            .copied()
            .collect::<BTreeSet<DeploymentId>>()
    };
    let of_release = |id: &DeploymentId| {
        let release = scope.releases.get(id)?.namespace.as_ref()?;
        Some(BTreeSet::from([release.clone()]))
    };
    for opening in openings.iter_mut() {
        let is_here = |id: &DeploymentId| {
            let own = scope.deployments.get(id.0 as usize);
            let of = own.and_then(|own| own.environment.as_deref());
            matches!((of, opening.environment.as_deref()), (None, _) | (_, None))
                || of == opening.environment.as_deref()
        };
        let found: BTreeSet<DeploymentId> = (opening.at.iter().flat_map(|at| of_path(at)))
            .filter(is_here)
            .collect();
        opening.from = found;
        if opening.namespaces.is_empty() {
            let known = opening.from.iter().map(|id| {
                let own = scope.namespaces.get(id);
                let mut all = of_release(id)
                    .into_iter()
                    .flatten()
                    .chain(own.into_iter().flatten().cloned())
                    .peekable();
                all.peek()?;
                Some(all.collect::<Vec<String>>())
            });
            let known: Option<Vec<Vec<String>>> = known.collect();
            opening.namespaces = known.into_iter().flatten().flatten().collect();
        }
    }
    join_of_deployments(openings);
}

/// Joins openings of one reason that are parts of the same deployments: `locate` has found these.
fn join_of_deployments(openings: &mut Vec<Opening>) {
    openings.dedup_by(|later, first| {
        let same = !first.from.is_empty()
            && (first.project, &first.reason, &first.environment, &first.from)
                == (later.project, &later.reason, &later.environment, &later.from);
        if same {
            join(first, later);
        }
        same
    });
}

/// Joins openings of one reason: they reach as far as either does.
pub(super) fn join(first: &mut Opening, later: &mut Opening) {
    first.at.append(&mut later.at);
    first.kinds = super::joined(&first.kinds, &later.kinds);
    match first.namespaces.is_empty() || later.namespaces.is_empty() {
        true => first.namespaces.clear(),
        false => first.namespaces.append(&mut later.namespaces),
    }
    first.placed &= later.placed;
    first.names.append(&mut later.names);
    if first.reach != later.reach {
        first.reach = Reach::All;
    }
}
