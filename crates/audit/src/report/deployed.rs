//! Which deployments and which places apart were judged. The report for people and the one for programs count
//! them alike.

use crate::engine::Report;
use crate::finding::Finding;
use cofferdam_model::{Deployment, DeploymentId, DeploymentKind, PlaceApart, Platform};
use cofferdam_syntax::hash::HashSet;
use std::collections::{BTreeMap, BTreeSet};

/// A separate place, and the number of findings in it.
pub(super) struct PlaceCount<'a> {
    pub(super) place: &'a PlaceApart,
    pub(super) findings: usize,
}

/// The separate places, ordered by path.
pub(super) fn places<'a>(report: &Report, platform: &'a Platform) -> Vec<PlaceCount<'a>> {
    let mut places: Vec<PlaceCount<'a>> = (platform.scope.places_apart.iter())
        .map(|place| PlaceCount { place, findings: 0 })
        .collect();
    let apart = report.findings.iter().chain(&report.apart);
    for finding in apart.filter(|f| f.apart.is_some()) {
        if let Some(there) = place_of(finding, platform)
            && let Some(place) = places.iter_mut().find(|p| p.place == there)
        {
            place.findings += 1;
        }
    }
    places
}

fn place_of<'a>(finding: &Finding, platform: &'a Platform) -> Option<&'a PlaceApart> {
    let path = match finding.locations.first() {
        Some(location) => platform.sources.path(location.span.file),
        // The finding is about its project as a whole.
        None => &platform.scope.projects.get(finding.project.0 as usize)?.root,
    };
    platform.scope.place_apart(path)
}

/// Deployments of one kind: their number and their environments.
pub(super) struct Deployed<'a> {
    pub(super) kind: DeploymentKind,
    pub(super) count: usize,
    pub(super) environments: BTreeSet<&'a str>,
}

/// The deployments that were judged, by kind, the most frequent first.
pub(super) fn deployed<'a>(report: &Report, platform: &'a Platform) -> Vec<Deployed<'a>> {
    let mut kinds: BTreeMap<DeploymentKind, Deployed<'a>> = BTreeMap::new();
    let scope = &platform.scope;
    let all = scope.deployments.iter().zip((0..).map(DeploymentId));
    let judged = Judged::of(report, platform);
    for (deployment, _) in all.filter(|(d, id)| !scope.local.contains(id) && judged.has(d)) {
        let of_kind = kinds.entry(deployment.kind).or_insert_with(|| Deployed {
            kind: deployment.kind,
            count: 0,
            environments: BTreeSet::new(),
        });
        of_kind.count += 1;
        of_kind.environments.extend(deployment.environment.as_deref());
    }
    let mut all: Vec<Deployed<'a>> = kinds.into_values().collect();
    all.sort_by_key(|d| std::cmp::Reverse(d.count));
    all
}

/// What was judged.
pub(super) struct Judged<'a> {
    all: bool,
    platform: &'a Platform,
    /// The environments that the user excluded.
    excluded: HashSet<&'a str>,
}

impl<'a> Judged<'a> {
    pub(super) fn of(report: &Report, platform: &'a Platform) -> Judged<'a> {
        let judged: HashSet<&str> = report.environments.iter().map(String::as_str).collect();
        let names = platform.environments.iter().map(|e| e.name.as_str());
        Judged {
            all: report.all,
            platform,
            excluded: names.filter(|name| !judged.contains(name)).collect(),
        }
    }

    pub(super) fn has(&self, deployment: &Deployment) -> bool {
        (self.all || self.platform.scope.project_apart(deployment.project).is_none())
            && self.is_chosen(deployment.environment.as_deref())
    }

    /// Whether the user did not exclude this environment. An environment of which nothing could be read is not
    /// judged, but it was not excluded either.
    pub(super) fn is_chosen(&self, environment: Option<&str>) -> bool {
        environment.is_none_or(|name| !self.excluded.contains(name))
    }
}
