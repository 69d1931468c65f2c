//! Which platform this is, and what may be claimed about it: projects, deployments, separate places, and the
//! sources that make it uncertain whether a missing thing exists.

mod by_project;
mod openings;
mod users;

pub use by_project::{ByProject, OfProject};
pub use openings::{Near, Opening, Reach, none_of};
pub use users::Users;

use cofferdam_syntax::{FileId, Span};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Index into [`Scope::projects`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct ProjectId(pub u32);

/// Index into [`Scope::deployments`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeploymentId(pub u32);

/// Which things belong together.
#[derive(Debug, Clone, Default)]
pub struct Scope {
    /// Trees of files that are unrelated to one another.
    pub projects: Vec<Project>,
    /// The results of deploy tools for their roots.
    pub deployments: ByProject<Deployment>,
    /// Files in separate places that no deployment uses, and why they are separate.
    pub apart: BTreeMap<FileId, Apart>,
    /// Files whose values are defaults: a chart that nothing here installs.
    pub default_files: BTreeSet<FileId>,
    /// Places of values that apply only if nothing else sets one: defaults of Terraform variables.
    pub default_values: BTreeSet<Span>,
    /// Deployments that nothing here is seen to make: a chart that nothing installs, a base that nothing uses.
    pub by_default: BTreeSet<DeploymentId>,
    /// Deployments whose tool does not ask the API server for strict validation, so that a field that the API does not
    /// know is dropped with a warning: charts (Helm since 3.9), and what Argo CD applies on the client's side.
    pub lenient: BTreeSet<DeploymentId>,
    /// Deployments of which only one can be installed at a time, each judged without the others.
    pub variants: BTreeSet<DeploymentId>,
    /// Deployments on a developer's machine: Compose files beside the workloads of a cluster. They are read, and not
    /// judged as a part of the platform.
    pub local: BTreeSet<DeploymentId>,
    /// The files of these.
    pub local_files: BTreeSet<FileId>,
    /// The deployments that use each file.
    pub users: Users,
    /// The namespaces that the objects of each deployment are in, where all of them are known.
    pub namespaces: BTreeMap<DeploymentId, BTreeSet<String>>,
    /// Files that only builds have that cannot be made.
    pub unbuilt: BTreeSet<FileId>,
    /// The environments that each file is deployed for, in order; `None` is a deployment that names none.
    pub holds: BTreeMap<FileId, Vec<Option<String>>>,
    /// Namespace and values of the releases among the deployments.
    pub releases: BTreeMap<DeploymentId, ReleaseOf>,
    /// Deployments of which a part was not read, with what that is.
    pub in_part: BTreeMap<DeploymentId, Vec<String>>,
    /// Files whose values something that was not run may change.
    pub altered: Vec<Altered>,
    /// Sources that could declare more than was read.
    pub openings: ByProject<Opening>,
    /// Directories that are separate from the platform, ordered by path.
    pub places_apart: Vec<PlaceApart>,
    /// The evidence for each environment of a project, as phrases ("overlays/production/", "a section of
    /// deploy.yml"). Empty if there is none.
    pub evidence: BTreeMap<(ProjectId, String), Vec<String>>,
}

/// Files whose values something that was not run may change where they are built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Altered {
    /// The project of the build.
    pub project: ProjectId,
    /// The environment of the build; `None` is all.
    pub environment: Option<String>,
    /// The files that its values stand in.
    pub files: BTreeSet<FileId>,
    /// What may change them, as a clause.
    pub reason: String,
}

/// A directory, or a single file in it, that is separate from the platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlaceApart {
    /// The directory, below the root of the check.
    pub directory: PathBuf,
    /// The file, where only one file of the directory is separate.
    pub file: Option<PathBuf>,
    /// Why it is separate.
    pub why: Apart,
    /// How many files in it no deployment of the platform uses.
    pub files: usize,
}

impl PlaceApart {
    /// The directory or file, as reports show it.
    pub fn shown(&self) -> String {
        match &self.file {
            Some(file) => file.display().to_string(),
            None => format!("{}/", self.directory.display()),
        }
    }

    fn holds(&self, path: &Path) -> bool {
        match &self.file {
            Some(file) => path == file,
            None => path.starts_with(&self.directory),
        }
    }
}

/// Files that belong together: a repository, or a directory of examples inside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Project {
    /// Its directory, below the root of the check.
    pub root: PathBuf,
    /// Why it is not part of the platform, if it is not.
    pub apart: Option<Apart>,
}

/// Why a place is separate from the platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Apart {
    /// Tests and their data.
    Tests,
    /// Examples.
    Examples,
    /// Documentation.
    Documentation,
    /// Files that are kept and no longer used.
    Archive,
    /// Templates and skeletons from which other files are made.
    Templates,
    /// Third-party code, kept beside one's own.
    Vendored,
    /// Manifests beside a kustomization that none names.
    Unused,
}

impl Apart {
    /// The word for it in reports, in the plural.
    pub fn name(self) -> &'static str {
        match self {
            Apart::Tests => "tests",
            Apart::Examples => "examples",
            Apart::Documentation => "documentation",
            Apart::Archive => "archives",
            Apart::Templates => "templates",
            Apart::Vendored => "vendored files",
            Apart::Unused => "manifests that no build uses",
        }
    }
}

/// The result of one deploy tool for one root, in one environment, on one cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deployment {
    /// The project it belongs to.
    pub project: ProjectId,
    /// The tool.
    pub kind: DeploymentKind,
    /// Its root, below the root of the check.
    pub root: PathBuf,
    /// Its name, if it has one in addition to its root (a release).
    pub name: Option<String>,
    /// The environment; `None` if there is no evidence for one.
    pub environment: Option<String>,
    /// The cluster, if known.
    pub cluster: Option<String>,
    /// How many objects or resources it has.
    pub objects: usize,
    /// Workloads whose number of replicas a deploy leaves as it is in the cluster.
    pub kept_replicas: Vec<Kept>,
}

/// Objects that a deploy tool is told to leave alone in part; what is `None` is any.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Kept {
    /// Their kind.
    pub kind: Option<String>,
    /// Their name.
    pub name: Option<String>,
    /// Their namespace.
    pub namespace: Option<String>,
}

impl Kept {
    /// Whether it speaks of the object of this kind and name; a namespace that is not known may be any.
    pub fn holds(&self, kind: &str, namespace: Option<&str>, name: &str) -> bool {
        let is = |wanted: &Option<String>, own: &str| wanted.as_ref().is_none_or(|w| w == own);
        is(&self.kind, kind) && is(&self.name, name) && namespace.is_none_or(|own| is(&self.namespace, own))
    }
}

impl Deployment {
    /// The root, or the name of a release, as people would say it.
    pub fn shown(&self) -> String {
        let root = match self.root.as_os_str().is_empty() {
            true => ".".to_owned(),
            false => self.root.display().to_string(),
        };
        match &self.name {
            Some(name) => format!("{name} ({root})"),
            None => root,
        }
    }
}

/// What is told of a release of a chart beside its name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReleaseOf {
    /// The file that installs it, where one does.
    pub by: Option<PathBuf>,
    /// The namespace that it is installed into, where known.
    pub namespace: Option<String>,
    /// Files of values that it is installed with, in their order.
    pub values: Vec<PathBuf>,
}

/// Tools that deploy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DeploymentKind {
    /// A kustomization that no other uses.
    Kustomize,
    /// A release of a chart.
    Helm,
    /// A root module of Terraform.
    Terraform,
    /// A Compose file with its overrides.
    Compose,
    /// A directory of manifests.
    Manifests,
    /// A command of a script or pipeline.
    Command,
}

impl DeploymentKind {
    /// The word for it in reports.
    pub fn name(self) -> &'static str {
        match self {
            DeploymentKind::Kustomize => "kustomize",
            DeploymentKind::Helm => "Helm",
            DeploymentKind::Terraform => "Terraform",
            DeploymentKind::Compose => "Compose",
            DeploymentKind::Manifests => "manifests",
            DeploymentKind::Command => "deploy command",
        }
    }

    /// The words for a number of them.
    pub fn count(self, number: usize) -> String {
        let words = match (self, number) {
            (DeploymentKind::Manifests, 1) => "set of manifests",
            (DeploymentKind::Manifests, _) => "sets of manifests",
            (DeploymentKind::Command, 2..) => "deploy commands",
            _ => self.name(),
        };
        format!("{number} {words}")
    }
}

/// Kinds of things whose absence a rule may claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Absence {
    /// Workloads, and the targets of selectors and autoscalers.
    Workload,
    /// Services of Kubernetes.
    Service,
    /// ConfigMaps and their keys.
    ConfigMap,
    /// Secrets and their keys.
    Secret,
    /// Service accounts.
    ServiceAccount,
    /// Persistent volume claims.
    Claim,
    /// Disruption budgets.
    DisruptionBudget,
    /// Network policies.
    NetworkPolicy,
    /// Policies that admit or refuse objects.
    AdmissionPolicy,
    /// Autoscalers.
    Autoscaler,
    /// Alerts and burn-rate alerts.
    Alert,
    /// Sources of metrics.
    MetricSource,
    /// Kafka topics, and topics for dead letters.
    Topic,
    /// Poolers in front of a database.
    Pooler,
    /// Circuit breakers, meshes' outlier ejection, retries and hedges of a mesh.
    Breaker,
    /// Backups, and copies of them.
    Backup,
    /// Variables of processes.
    Variable,
    /// Objects of Terraform: variables, resources, modules.
    Terraform,
    /// Files.
    File,
    /// Ways to deploy: rollback, canary, break-glass.
    Delivery,
    /// Retention of logs.
    LogRetention,
    /// Caches of names on nodes, time sources.
    NodeService,
    /// Sources of values that pods leave unset: default priority classes, limit ranges, webhooks.
    PodDefault,
}

impl Absence {
    /// The word for one of it.
    pub fn singular(self) -> &'static str {
        match self {
            Absence::Terraform => "Terraform declaration",
            Absence::Breaker => "breaker",
            Absence::NetworkPolicy => "network policy",
            Absence::AdmissionPolicy => "admission policy",
            Absence::LogRetention => "log retention",
            Absence::NodeService => "node agent",
            other => other.name().strip_suffix('s').unwrap_or(other.name()),
        }
    }

    /// The word for it in the documentation, in the plural.
    pub fn name(self) -> &'static str {
        match self {
            Absence::Workload => "workloads",
            Absence::Service => "Services",
            Absence::ConfigMap => "ConfigMaps",
            Absence::Secret => "Secrets",
            Absence::ServiceAccount => "service accounts",
            Absence::Claim => "volume claims",
            Absence::DisruptionBudget => "disruption budgets",
            Absence::NetworkPolicy => "network policies",
            Absence::AdmissionPolicy => "admission policies",
            Absence::Autoscaler => "autoscalers",
            Absence::Alert => "alerts",
            Absence::MetricSource => "metric sources",
            Absence::Topic => "topics",
            Absence::Pooler => "poolers",
            Absence::Breaker => "breakers and retries",
            Absence::Backup => "backups",
            Absence::Variable => "variables",
            Absence::Terraform => "Terraform declarations",
            Absence::File => "files",
            Absence::Delivery => "delivery pipelines",
            Absence::LogRetention => "log retention",
            Absence::NodeService => "node agents (DaemonSets such as a DNS cache)",
            Absence::PodDefault => "pod defaults",
        }
    }
}

impl Scope {
    /// Whether every deployment that uses a file drops fields that the API does not know.
    pub fn drops_unknown_fields(&self, file: FileId) -> bool {
        let users = self.users.of(file);
        !users.is_empty() && users.iter().all(|id| self.lenient.contains(id))
    }

    /// The deployments of a project.
    pub fn deployments_of(&self, project: ProjectId) -> impl Iterator<Item = (DeploymentId, &Deployment)> {
        let of_project = self.deployments.of(project);
        of_project.map(|(at, own)| (DeploymentId(u32::try_from(at).unwrap_or(u32::MAX)), own))
    }

    /// Whether a deployment counts where an environment is added up: it is for this environment, or shares a namespace
    /// with what is. What names no environment counts where there is none, and what nothing here is seen to make counts
    /// only where there is nothing else.
    pub fn counts_in(&self, id: DeploymentId, project: ProjectId, environment: &str) -> bool {
        let Some(own) = self.deployments.get(id.0 as usize) else {
            return true;
        };
        let others = || self.deployments_of(project);
        if self.by_default.contains(&id) {
            return others().all(|(other, of)| self.by_default.contains(&other) || of.objects == 0);
        }
        if own.environment.is_some() || others().all(|(_, other)| other.environment.is_none()) {
            return own.environment.as_deref().is_none_or(|name| name == environment);
        }
        let namespaces = self.namespaces.get(&id);
        let is_shared = |(other, of): (DeploymentId, &Deployment)| {
            let theirs = self
                .namespaces
                .get(&other)
                .filter(|_| of.environment.as_deref() == Some(environment));
            theirs.zip(namespaces).is_some_and(|(a, b)| !a.is_disjoint(b))
        };
        others().any(is_shared)
    }

    /// Whether what stands at these places is deployed for no named environment, and not for this one.
    pub fn is_unnamed(&self, places: impl Iterator<Item = Span>, environment: &str) -> bool {
        let has = |of: &[Option<String>], name: Option<&str>| {
            of.binary_search_by(|held| held.as_deref().cmp(&name)).is_ok()
        };
        let mut unnamed = false;
        for place in places {
            match self.holds.get(&place.file) {
                None => return false,
                Some(of) if has(of, Some(environment)) => return false,
                Some(of) => unnamed |= has(of, None),
            }
        }
        unnamed
    }

    /// What may change a value at this place where an environment is built.
    pub fn altered(&self, span: Span, project: ProjectId, environment: &str) -> Option<&str> {
        let found = self.altered.iter().find(|altered| {
            altered.project == project
                && altered.environment.as_deref().is_none_or(|e| e == environment)
                && altered.files.contains(&span.file)
        });
        found.map(|altered| altered.reason.as_str())
    }

    /// Why a project is not part of the platform, if it is not.
    pub fn project_apart(&self, project: ProjectId) -> Option<Apart> {
        self.projects.get(project.0 as usize).and_then(|p| p.apart)
    }

    /// The separate place that contains a path.
    pub fn place_apart(&self, path: &Path) -> Option<&PlaceApart> {
        self.places_apart.iter().find(|place| place.holds(path))
    }

    /// Whether a value at this place is a default that something else may override.
    pub fn is_default(&self, span: Span) -> bool {
        self.default_files.contains(&span.file) || {
            // The nearest default that begins at or before the place.
            let before = self
                .default_values
                .range(
                    ..=Span {
                        end: u32::MAX,
                        ..span
                    },
                )
                .next_back();
            before.is_some_and(|d| d.file == span.file && span.end <= d.end)
        }
    }
}

/// The relation of two objects, by what is known about their namespaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meeting {
    /// They are in the same namespace.
    Same,
    /// They may be: an unknown namespace could be the other's.
    Possible,
    /// They are not, or nothing connects them.
    Apart,
}

/// The namespace of an object, if known, and the deployment that contains it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Home<'a> {
    /// The namespace; an unknown one is unknown, not `default`.
    pub namespace: Option<&'a str>,
    /// The deployment; `None` for things that belong to none (code, settings).
    pub deployment: Option<DeploymentId>,
}

impl Home<'_> {
    /// The relation of two objects of one environment.
    ///
    /// If both namespaces are known, they decide. An unknown namespace equals the unknown namespace of the
    /// same deployment, may be any other one of it, and is never certainly that of another deployment.
    pub fn meets(self, other: Home<'_>) -> Meeting {
        let same_deployment = match (self.deployment, other.deployment) {
            (Some(a), Some(b)) => Some(a == b),
            _ => None,
        };
        match (self.namespace, other.namespace, same_deployment) {
            (Some(a), Some(b), _) if a == b => Meeting::Same,
            (Some(_), Some(_), _) => Meeting::Apart,
            (None, None, Some(true)) => Meeting::Same,
            _ => Meeting::Possible,
        }
    }

    /// Whether a relation by name is allowed between the two: they are in the same namespace, or in one
    /// deployment and nothing contradicts it.
    pub fn is_related(self, other: Home<'_>) -> bool {
        match self.meets(other) {
            Meeting::Same => true,
            Meeting::Possible => match (self.deployment, other.deployment) {
                (Some(a), Some(b)) => a == b,
                _ => true,
            },
            Meeting::Apart => false,
        }
    }

    /// Whether one could be the object that the other names: an absence may be claimed only if this is false
    /// for all.
    pub fn may_meet(self, other: Home<'_>) -> bool {
        self.meets(other) != Meeting::Apart
    }
}

#[cfg(test)]
mod tests;
