//! Sources that could contain more than was read, and which findings they make uncertain.
//!
//! A source opens only what it can reach. It must never be given as the reason for something that it has nothing to do
//! with.

use super::{Absence, DeploymentId, ProjectId, Scope};
use cofferdam_syntax::{FileId, Span};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// A source that could contain more things and was not read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Opening {
    /// The project that contains it.
    pub project: ProjectId,
    /// The environment in which it counts; `None` means all.
    pub environment: Option<String>,
    /// The kinds that it could contain; empty means any.
    pub kinds: BTreeSet<Absence>,
    /// What it is, as a clause: "the chart redis of `https://charts.example.com` was not read".
    pub reason: String,
    /// Its place.
    pub span: Option<Span>,
    /// The deployments that it is missing from, by their roots or files; empty where it is missing from all.
    pub at: BTreeSet<PathBuf>,
    /// The deployments that it is a part of.
    pub from: BTreeSet<DeploymentId>,
    /// The namespaces that it may bring objects into; empty where they are not known.
    pub namespaces: BTreeSet<String>,
    /// Whether a file says that these are its namespaces.
    pub placed: bool,
    /// What its objects are named after: a release, its chart.
    pub names: BTreeSet<String>,
    /// How far it reaches beyond these deployments.
    pub reach: Reach,
}

/// How far a source that was not read reaches beyond the deployments that it is a part of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Reach {
    /// It may bring things to everything in its environment.
    #[default]
    All,
    /// It brings things of these kinds only to its namespaces, and others to everything. A namespace that is not known
    /// may be any.
    Namespaces(BTreeSet<Absence>),
    /// The same, but a namespace that is not known is none of its own.
    KnownNamespaces(BTreeSet<Absence>),
    /// It brings nothing to other deployments.
    Own,
    /// It says nothing of other root modules of Terraform.
    Module,
    /// It may bring services of Compose too.
    Compose,
}

/// Where a finding is, as far as it matters which sources could bring what it misses.
#[derive(Debug, Clone, Default)]
pub struct Near<'a> {
    /// The files of its places, the most important one first.
    pub files: Vec<FileId>,
    /// The path of the first.
    pub path: Option<&'a Path>,
    /// The namespace of its subject, where known.
    pub namespace: Option<&'a str>,
    /// The cluster that is judged.
    pub cluster: Option<&'a str>,
    /// What the finding says, in which the missing thing is named.
    pub title: &'a str,
    /// Whether it is about services of Compose, which nothing brings but a Compose file.
    pub is_compose: bool,
}

/// A [`Near`] whose deployments are known.
struct Located<'a> {
    near: &'a Near<'a>,
    deployments: BTreeSet<DeploymentId>,
    namespaces: BTreeSet<&'a str>,
}

/// Whether a text has a name as a word, or a word that begins with it (`redis` in `redis-master`).
fn has_name(text: &str, name: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let mut words = text.split(|c: char| !is_part(c));
    let begins = |word: &str| {
        let rest = word.strip_prefix(name);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
    };
    !name.is_empty() && words.any(begins)
}

/// The end of the reason where none of a kind was recognised.
const UNRECOGNISED: &str = "may be kept in another repository";

/// The sentence for kinds of which nothing was recognised, without its full stop.
pub fn none_of(kinds: &BTreeSet<Absence>) -> String {
    let joined = |names: Vec<&str>, word: &str| match names.as_slice() {
        [rest @ .., last] if !rest.is_empty() => format!("{} {word} {last}", rest.join(", ")),
        _ => names.concat(),
    };
    // Only breakers are looked for; a retry is a part of a call.
    let several = |kind: Absence| match kind {
        Absence::Breaker => "breakers",
        other => other.name(),
    };
    let ones = joined(kinds.iter().map(|kind| kind.singular()).collect(), "or");
    let all = match kinds.len() {
        0..=3 => joined(kinds.iter().map(|kind| several(*kind)).collect(), "and"),
        _ => "they".to_owned(),
    };
    format!("these files contain no {ones} at all, so {all} {UNRECOGNISED}")
}

impl Opening {
    /// That none of a kind was recognised in a project.
    pub fn unrecognised(project: ProjectId, kind: Absence) -> Opening {
        Opening {
            project,
            kinds: [kind].into(),
            reason: none_of(&[kind].into()),
            ..Opening::default()
        }
    }

    /// Whether it is only that none of a kind was recognised.
    pub fn is_unrecognised(&self) -> bool {
        self.reason.ends_with(UNRECOGNISED)
    }

    /// The reason, with the deployment where it is one that the reason does not name.
    pub fn shown(&self) -> String {
        let mut roots = self.at.iter();
        let is_new = |root: &PathBuf| !self.reason.contains(&*root.to_string_lossy());
        match (roots.next(), roots.next()) {
            (Some(root), None) if is_new(root) => format!("{} ({})", self.reason, root.display()),
            _ => self.reason.clone(),
        }
    }

    /// How near it is to a finding that misses something of this kind; `None` where it cannot bring it there.
    fn distance(&self, kind: Absence, to: &Located<'_>, scope: &Scope) -> Option<u8> {
        let is_below = |path: &Path| self.at.iter().any(|at| path.starts_with(at));
        let is_terraform = to
            .near
            .path
            .is_some_and(|path| path.extension().is_some_and(|e| e == "tf"));
        // No chart, cluster or other repository puts a file into this one.
        if kind == Absence::File {
            return None;
        }
        if to.near.is_compose && !self.is_compose() {
            return None;
        }
        let shares = to.namespaces.iter().any(|name| self.namespaces.contains(*name));
        let is_known = !self.namespaces.is_empty() && !to.namespaces.is_empty();
        let is_named = self.names.iter().any(|name| has_name(to.near.title, name));
        let is_outside = match &self.reach {
            Reach::Namespaces(kinds) | Reach::KnownNamespaces(kinds) => {
                self.placed && is_known && !shares && kinds.contains(&kind)
            }
            Reach::All | Reach::Own | Reach::Module | Reach::Compose => false,
        };
        if is_outside {
            return None;
        }
        if !self.from.is_disjoint(&to.deployments)
            || to.deployments.is_empty() && to.near.path.is_some_and(is_below)
        {
            return Some(match () {
                () if is_named => 0,
                () if shares => 1,
                () => 2,
            });
        }
        let is_elsewhere = !to.deployments.is_empty() || is_terraform;
        let reaches = match &self.reach {
            Reach::All | Reach::Compose => true,
            Reach::Namespaces(kinds) => shares || !is_known || !kinds.contains(&kind),
            Reach::KnownNamespaces(kinds) => shares || !is_elsewhere || !kinds.contains(&kind),
            Reach::Own => !is_elsewhere,
            Reach::Module => !is_terraform,
        };
        if !reaches {
            return None;
        }
        let is_of_cluster = |id: &DeploymentId| {
            let own = scope.deployments.get(id.0 as usize);
            own.is_some_and(|own| own.cluster.is_some() && own.cluster.as_deref() == to.near.cluster)
        };
        Some(match () {
            () if self.is_unrecognised() => 6,
            () if is_named => 0,
            () if shares => 3,
            () if self.from.iter().any(is_of_cluster) => 4,
            () => 5,
        })
    }

    /// Whether it is a file that a Compose file takes in, or a file that cannot be read.
    fn is_compose(&self) -> bool {
        self.reach == Reach::Compose || self.reach == Reach::All && self.kinds.is_empty()
    }
}

impl Absence {
    /// The kinds that belong to one namespace, and that nothing in another one stands in for.
    pub fn of_namespaces() -> BTreeSet<Absence> {
        [
            Absence::Workload,
            Absence::Service,
            Absence::ConfigMap,
            Absence::Secret,
            Absence::ServiceAccount,
            Absence::Claim,
            Absence::DisruptionBudget,
            Absence::Autoscaler,
        ]
        .into()
    }
}

impl Scope {
    /// Why it is not certain that no thing of this kind exists in an environment: the first unread source
    /// that could contain it. `None` if everything of the kind was read.
    pub fn open_for(&self, kind: Absence, project: ProjectId, environment: &str) -> Option<&Opening> {
        self.openings_for(kind, project, environment).next()
    }

    /// The same for a finding: of the sources that could bring what it misses to its place, the nearest.
    pub fn open_near(
        &self,
        kind: Absence,
        (project, environment): (ProjectId, &str),
        near: &Near<'_>,
    ) -> Option<&Opening> {
        let mut openings = self.openings_for(kind, project, environment).peekable();
        openings.peek()?;
        let located = self.locate(near, environment);
        let distances = openings.filter_map(|o| Some((o.distance(kind, &located, self)?, o)));
        distances.min_by_key(|(distance, _)| *distance).map(|(_, o)| o)
    }

    fn openings_for<'s>(
        &'s self,
        kind: Absence,
        project: ProjectId,
        environment: &str,
    ) -> impl Iterator<Item = &'s Opening> {
        let own = self.openings.of(project).map(|(_, opening)| opening);
        own.filter(move |opening| {
            opening.environment.as_deref().is_none_or(|e| e == environment)
                && (opening.kinds.is_empty() || opening.kinds.contains(&kind))
        })
    }

    /// The deployments and namespaces of a finding: those that use the first of its files that any uses.
    fn locate<'a>(&'a self, near: &'a Near<'a>, environment: &str) -> Located<'a> {
        let is_here = |id: &DeploymentId| {
            self.deployments.get(id.0 as usize).is_some_and(|own| {
                near.cluster.is_none() || own.cluster.is_none() || own.cluster.as_deref() == near.cluster
            })
        };
        let mut used = (near.files.iter()).filter(|file| !self.users.of(**file).is_empty());
        let within =
            |file| [None, Some(environment)].map(|name| self.users.within(file, name, &self.deployments));
        let all: BTreeSet<DeploymentId> = (used.next().into_iter())
            .flat_map(|file| within(*file))
            .flatten()
            .copied()
            .filter(is_here)
            .collect();
        let is_in = |id: &&DeploymentId| match (near.namespace, self.namespaces.get(id)) {
            (Some(name), Some(own)) => own.contains(name),
            _ => true,
        };
        let in_namespace: BTreeSet<DeploymentId> = all.iter().filter(is_in).copied().collect();
        let deployments = match in_namespace.is_empty() {
            true => all,
            false => in_namespace,
        };
        let known: Option<Vec<&BTreeSet<String>>> =
            deployments.iter().map(|id| self.namespaces.get(id)).collect();
        let of_deployments = || {
            known
                .into_iter()
                .flatten()
                .flatten()
                .map(String::as_str)
                .collect()
        };
        let namespaces = near.namespace.map_or_else(of_deployments, |name| [name].into());
        Located {
            near,
            deployments,
            namespaces,
        }
    }
}
