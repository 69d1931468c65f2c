//! Explains which things belong together, for `check --explain-scope`. The schema for programs is published
//! in `schemas/scope.schema.json`.

mod table;
mod text;

use crate::engine::UNNAMED;
use cofferdam_model::{
    Absence, Apart, Deployment, DeploymentId, Opening, Platform, Project, ProjectId, Span,
};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// Version of the schema.
pub const VERSION: u32 = 1;

/// How many phrases of evidence and reasons are shown before the rest is only counted.
const SHOWN: usize = 3;

/// Kinds from which on what could come from somewhere is called anything.
const ALMOST_ALL: usize = 15;

/// The part to explain.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// Only these environments; empty is all.
    pub environments: Vec<String>,
    /// Show separate projects as well.
    pub all: bool,
}

impl Selection {
    fn takes(&self, environment: Option<&str>) -> bool {
        self.environments.is_empty()
            || environment.is_none_or(|name| self.environments.iter().any(|e| e == name))
    }
}

/// The scope of a platform.
#[derive(Debug, Serialize)]
pub struct Explanation<'a> {
    version: u32,
    projects: Vec<ExplainedProject<'a>>,
    apart: Vec<ExplainedPlace>,
}

#[derive(Debug, Serialize)]
struct ExplainedProject<'a> {
    root: String,
    apart: Option<&'static str>,
    deployments: Vec<ExplainedDeployment<'a>>,
    environments: Vec<ExplainedEnvironment<'a>>,
    open: Vec<Open<'a>>,
}

#[derive(Debug, Serialize, PartialEq, Eq, PartialOrd, Ord)]
struct ExplainedDeployment<'a> {
    kind: &'static str,
    root: String,
    name: Option<&'a str>,
    environment: Option<&'a str>,
    cluster: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    values: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    installed_by: Option<String>,
    objects: usize,
    /// Whether nothing here is seen to make it, so that its values are defaults.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    by_default: bool,
    /// Whether only one of it and others can be installed, so that it is judged without the others.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    variant: bool,
    /// Whether it is for a developer's machine, so that it is not judged as a part of the platform.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    local: bool,
    /// What of it was not read.
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    not_read: &'a [String],
}

#[derive(Debug, Serialize)]
struct ExplainedEnvironment<'a> {
    /// `None` for the one environment of a project in which nothing names any.
    name: Option<&'a str>,
    clusters: BTreeSet<&'a str>,
    judged: bool,
    evidence: &'a [String],
}

/// Files that were not read and could add things of the same kinds.
#[derive(Debug, Serialize)]
struct Open<'a> {
    kinds: Vec<&'static str>,
    reasons: Vec<Reason<'a>>,
}

#[derive(Debug, Serialize)]
struct Reason<'a> {
    reason: &'a str,
    environments: BTreeSet<&'a str>,
    /// Where it is missing, by root or file; empty where that is everywhere.
    deployments: BTreeSet<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u32>,
}

#[derive(Debug, Serialize)]
struct ExplainedPlace {
    directory: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    why: &'static str,
    files: usize,
    deployments: usize,
}

/// Explains the scope of a platform.
pub fn explain<'a>(platform: &'a Platform, selection: &Selection) -> Explanation<'a> {
    let scope = &platform.scope;
    let ids = (0..).map(ProjectId);
    let projects = scope
        .projects
        .iter()
        .zip(ids)
        .filter(|(project, _)| selection.all || project.apart.is_none())
        .map(|(project, id)| explain_project(platform, (project, id), selection))
        .filter(|project| !project.is_empty())
        .collect();
    let places = scope.places_apart.iter().map(|place| ExplainedPlace {
        directory: place.directory.display().to_string(),
        file: place.file.as_ref().map(|file| file.display().to_string()),
        why: place.why.name(),
        files: place.files,
        deployments: scope
            .deployments
            .iter()
            .filter(|d| {
                scope.project_apart(d.project) == Some(place.why) && d.root.starts_with(&place.directory)
            })
            .count(),
    });
    Explanation {
        version: VERSION,
        projects,
        apart: places.collect(),
    }
}

fn explain_project<'a>(
    platform: &'a Platform,
    (project, id): (&'a Project, ProjectId),
    selection: &Selection,
) -> ExplainedProject<'a> {
    let scope = &platform.scope;
    let own = |(_, d): &(DeploymentId, &Deployment)| selection.takes(d.environment.as_deref());
    let mut deployments: Vec<ExplainedDeployment<'a>> = (scope.deployments_of(id))
        .filter(own)
        .map(|(id, d)| ExplainedDeployment {
            kind: d.kind.name(),
            root: d.root.display().to_string(),
            name: d.name.as_deref(),
            environment: d.environment.as_deref(),
            cluster: d.cluster.as_deref(),
            namespace: scope.releases.get(&id).and_then(|of| of.namespace.as_deref()),
            values: scope.releases.get(&id).map_or_else(Vec::new, |of| {
                of.values.iter().map(|path| path.display().to_string()).collect()
            }),
            installed_by: (scope.releases.get(&id).and_then(|of| of.by.as_ref()))
                .map(|path| path.display().to_string()),
            objects: d.objects,
            by_default: scope.by_default.contains(&id),
            variant: scope.variants.contains(&id),
            local: scope.local.contains(&id),
            not_read: scope.in_part.get(&id).map_or(&[], Vec::as_slice),
        })
        .collect();
    deployments.sort();
    let openings = scope.openings.of(id).map(|(_, opening)| opening);
    let openings = openings.filter(|o| selection.takes(o.environment.as_deref()));
    ExplainedProject {
        root: project.root.display().to_string(),
        apart: project.apart.map(Apart::name),
        deployments,
        environments: environments(platform, id, selection),
        open: open(platform, openings),
    }
}

fn environments<'a>(
    platform: &'a Platform,
    project: ProjectId,
    selection: &Selection,
) -> Vec<ExplainedEnvironment<'a>> {
    let mut clusters: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let own = platform.environments.iter();
    for env in own.filter(|e| e.project == project && selection.takes(Some(&e.name))) {
        clusters
            .entry(&env.name)
            .or_default()
            .extend(env.cluster.as_deref());
    }
    let judged: BTreeSet<&str> = clusters.keys().copied().collect();
    let deployments = platform.scope.deployments_of(project);
    for name in deployments.filter_map(|(_, d)| d.environment.as_deref()) {
        if selection.takes(Some(name)) {
            clusters.entry(name).or_default();
        }
    }
    clusters
        .into_iter()
        .map(|(name, clusters)| {
            let evidence = platform.scope.evidence.get(&(project, name.to_owned()));
            let evidence = evidence.map_or(&[][..], Vec::as_slice);
            ExplainedEnvironment {
                name: (name != UNNAMED || !evidence.is_empty()).then_some(name),
                clusters,
                judged: judged.contains(name),
                evidence,
            }
        })
        .collect()
}

/// The reasons why the scope is open, by the kinds that could come from there; the most frequent first.
fn open<'a>(platform: &'a Platform, openings: impl Iterator<Item = &'a Opening>) -> Vec<Open<'a>> {
    type Reasons<'a> = BTreeMap<&'a str, Seen<'a>>;
    #[derive(Default)]
    struct Seen<'a> {
        environments: BTreeSet<&'a str>,
        everywhere: bool,
        deployments: BTreeSet<String>,
        span: Option<Span>,
    }
    let mut by_kinds: BTreeMap<BTreeSet<Absence>, Reasons<'a>> = BTreeMap::new();
    let mut unrecognised: BTreeSet<Absence> = BTreeSet::new();
    for opening in openings {
        if opening.is_unrecognised() {
            unrecognised.extend(&opening.kinds);
            continue;
        }
        let kinds = match opening.kinds.len() {
            ALMOST_ALL.. => BTreeSet::new(),
            _ => opening.kinds.clone(),
        };
        let seen = by_kinds
            .entry(kinds)
            .or_default()
            .entry(&opening.reason)
            .or_default();
        match &opening.environment {
            Some(name) => drop(seen.environments.insert(name)),
            None => seen.everywhere = true,
        }
        let roots = opening.at.iter().map(|root| root.display().to_string());
        seen.deployments.extend(roots);
        seen.span = seen.span.or(opening.span);
    }
    let mut all: Vec<Open<'a>> = Vec::new();
    for (kinds, reasons) in by_kinds {
        let mut reasons: Vec<Reason<'a>> = reasons
            .into_iter()
            .map(|(reason, seen)| Reason {
                reason,
                environments: if seen.everywhere {
                    BTreeSet::new()
                } else {
                    seen.environments
                },
                deployments: seen.deployments,
                path: seen
                    .span
                    .map(|s| platform.sources.path(s.file).display().to_string()),
                line: seen.span.map(|s| platform.sources.position(s).line),
            })
            .collect();
        reasons.sort_by_key(|reason| std::cmp::Reverse(reason.deployments.len()));
        all.push(Open {
            kinds: kinds.iter().map(|kind| kind.name()).collect(),
            reasons,
        });
    }
    all.sort_by_key(|open| {
        std::cmp::Reverse(
            open.reasons
                .iter()
                .map(|r| r.deployments.len().max(1))
                .sum::<usize>(),
        )
    });
    if !unrecognised.is_empty() {
        all.push(Open {
            kinds: unrecognised.iter().map(|kind| kind.name()).collect(),
            reasons: vec![Reason {
                reason: "these files contain none; another repository may keep them",
                environments: BTreeSet::new(),
                deployments: BTreeSet::new(),
                path: None,
                line: None,
            }],
        });
    }
    all
}
