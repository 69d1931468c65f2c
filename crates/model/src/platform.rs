//! The platform as a whole: its environments, and in each the parts that the other modules define. Readers
//! push parts; [`crate::link`] then determines, once, how they are related.

use crate::alerts::{Alert, AlertDefaults, LogStore, MetricSource, Slo};
use crate::calls::{Breaker, Call, Deadline};
use crate::cells::{Cell, LocalCache, RateLimit, Routing};
use crate::connector::Connector;
use crate::database::{Cache, Database, Pool, Pooler};
use crate::delivery::{Dangling, Defect, Delivery, Description, Reference, VariableUse};
use crate::images::{AdmissionPolicy, Image};
use crate::kafka::{Consumer, KafkaCluster, Producer, Topic};
use crate::network::{Namespace, NetworkPolicy};
use crate::overlay::Overlay;
use crate::owner::{AutoscalerId, Owner, ServiceId, WorkloadId};
use crate::redact::{Redactor, Scans};
use crate::scaling::{Autoscaler, DisruptionBudget};
use crate::scope::{DeploymentId, Home, ProjectId, Scope};
use crate::secrets::{SecretLiteral, SecretStore, SecretUse};
use crate::settings::{LostClaim, OpenSettings};
use crate::source::Fact;
use crate::stated::Said;
use crate::units::{Bytes, Rate};
use crate::variable::Variables;
use crate::workload::{ConfigObject, ContainerDefaults, ObjectId, ServicePort, Workload};
use cofferdam_syntax::yaml;
use cofferdam_syntax::{SourceMap, Span};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Everything known about a platform.
#[derive(Debug, Default)]
pub struct Platform {
    /// The files that were read.
    pub sources: SourceMap,
    /// The environments, ordered by name. A platform that names none has one, called `default`.
    pub environments: Vec<Environment>,
    /// What was read and what was not.
    pub reading: Reading,
    /// The statements in `cofferdam.yaml`.
    pub overlay: Overlay,
    /// Suppressions in comments of the files.
    pub suppressions: Vec<Suppression>,
    /// Which things belong together, and what may be claimed.
    pub scope: Scope,
    /// What looks like a secret in the texts of the files.
    pub scans: Scans,
}

impl Platform {
    /// The redactor of its files. It needs them when it is first used.
    #[must_use]
    pub fn redactor(&self) -> Redactor<'_> {
        let known = self.environments.iter().flat_map(|env| &env.secret_literals);
        let broken = self.reading.unreadable.iter().filter_map(|file| file.span);
        // An overlay that can be parsed has errors in what it says; its lines are shown as they are.
        let of_overlay = self.reading.overlay_problems.iter().filter_map(|file| file.span);
        let of_overlay = of_overlay.filter(|span| {
            let text = &self.sources.file(span.file).text;
            !yaml::parse(text, span.file, 0).errors.is_empty()
        });
        let broken = broken.chain(of_overlay).collect();
        Redactor::new(&self.sources, &self.scans, known, broken)
    }
}

/// One environment (development, staging, production) with everything that applies to it: declarations for it
/// and declarations for all.
#[derive(Debug, Default)]
pub struct Environment {
    /// Its name in full words (`production`).
    pub name: String,
    /// The project of the environment.
    pub project: ProjectId,
    /// The directory of the project. Its name, and those above it, mean nothing.
    pub root: PathBuf,
    /// The cluster, if the deployments of this environment name several.
    pub cluster: Option<String>,
    /// The variant that is judged here, where only one of several can be installed.
    pub variant: Option<String>,
    /// Its parts.
    pub parts: Parts,
}

impl Environment {
    /// The owner's name for a report: its service, otherwise the name or directory of its place.
    pub fn owner_name(&self, owner: &Owner) -> String {
        self.parts.owner_name(owner, &self.root)
    }
}

impl std::ops::Deref for Environment {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.parts
    }
}

impl std::ops::DerefMut for Environment {
    fn deref_mut(&mut self) -> &mut Parts {
        &mut self.parts
    }
}

/// The results of readers: a document's parts, then those of a whole environment.
#[derive(Debug, Clone, Default)]
pub struct Parts {
    /// Services. Readers push the data of their format; linking joins them in order of name, and then
    /// [`ServiceId`] indexes this list.
    pub services: Vec<Service>,
    /// Things that run. [`WorkloadId`] indexes this list.
    pub workloads: Vec<Workload>,
    /// ImageStreams of OpenShift: an image of such a name is the stream's.
    pub image_streams: Vec<ObjectId>,
    /// Images that an application sets for workloads that no file here declares.
    pub set_images: Vec<Image>,
    /// Autoscalers of every format.
    pub autoscalers: Vec<Autoscaler>,
    /// Pod disruption budgets.
    pub disruption_budgets: Vec<DisruptionBudget>,
    /// Defaults for containers that set no requests or limits; readers have already filled them in.
    pub container_defaults: Vec<ContainerDefaults>,
    /// The priority class of pods that name none (`globalDefault`).
    pub default_priority: Option<Fact<String>>,
    /// Kubernetes Services, by their selectors.
    pub service_ports: Vec<ServicePort>,
    /// ConfigMaps and Secrets that exist, for references to them.
    pub config_objects: Vec<ConfigObject>,
    /// Namespaces with their labels.
    pub namespaces: Vec<Namespace>,
    /// Network policies.
    pub network_policies: Vec<NetworkPolicy>,
    /// Policies of other kinds (Cilium, Calico, Antrea), whose effect is not computed.
    pub foreign_policies: Vec<ObjectId>,
    /// Policies that admit or refuse workloads (Kyverno and the like).
    pub admission_policies: Vec<AdmissionPolicy>,
    /// Kafka clusters.
    pub kafka_clusters: Vec<KafkaCluster>,
    /// Declared Kafka topics.
    pub topics: Vec<Topic>,
    /// Kafka producers.
    pub producers: Vec<Producer>,
    /// Kafka consumers (members of a group).
    pub consumers: Vec<Consumer>,
    /// Databases. [`crate::owner::DatabaseId`] indexes this list.
    pub databases: Vec<Database>,
    /// Connection pools of services.
    pub pools: Vec<Pool>,
    /// Connection poolers (PgBouncer).
    pub poolers: Vec<Pooler>,
    /// Cache servers (Redis).
    pub caches: Vec<Cache>,
    /// Connectors between serverless services and a private network.
    pub connectors: Vec<Connector>,
    /// Calls from a service to something else.
    pub calls: Vec<Call>,
    /// Circuit breakers and outlier ejection.
    pub breakers: Vec<Breaker>,
    /// Named timeouts that contain or wait for one another.
    pub deadlines: Vec<Deadline>,
    /// Cells that share the load.
    pub cells: Vec<Cell>,
    /// How requests are routed to cells.
    pub routings: Vec<Routing>,
    /// Caches that each replica keeps for itself.
    pub local_caches: Vec<LocalCache>,
    /// Rate limits.
    pub rate_limits: Vec<RateLimit>,
    /// How secrets reach processes.
    pub secret_uses: Vec<SecretUse>,
    /// Secret values that are written in a file.
    pub secret_literals: Vec<SecretLiteral>,
    /// Where secrets live and how they rotate.
    pub secret_stores: Vec<SecretStore>,
    /// Alerts.
    pub alerts: Vec<Alert>,
    /// Settings of Prometheus and Alertmanager for all alerts.
    pub alert_defaults: AlertDefaults,
    /// Service level objectives.
    pub slos: Vec<Slo>,
    /// Sources of metrics (scrape targets, agents), for alerts on signals that nothing produces.
    pub metric_sources: Vec<MetricSource>,
    /// Log stores and their retention.
    pub log_stores: Vec<LogStore>,
    /// How changes reach the platform.
    pub deliveries: Vec<Delivery>,
    /// Facts that several places describe, to find contradictions between them.
    pub descriptions: Vec<Description>,
    /// Configuration that its consumer would refuse or ignore.
    pub defects: Vec<Defect>,
    /// Names that must refer to something, for the check after reading.
    pub references: Vec<Reference>,
    /// Names of things that do not exist.
    pub dangling: Vec<Dangling>,
    /// Variables that code reads.
    pub variable_uses: Vec<VariableUse>,
    /// Settings whose meaning depends on other documents; empty once everything is settled.
    pub open_settings: Vec<OpenSettings>,
    /// Claims that were overridden by one of equal rank.
    pub lost_claims: Vec<LostClaim>,
}

/// A service: what people deploy and scale under one name, whatever files describe it.
#[derive(Debug, Clone, Default)]
pub struct Service {
    /// Its name.
    pub name: String,
    /// Namespace, where known.
    pub namespace: Option<String>,
    /// The deployment that contains its workloads.
    pub deployment: Option<DeploymentId>,
    /// The workloads that run it.
    pub workloads: Vec<WorkloadId>,
    /// Where it is declared (a workload's name, a section of a deployment file).
    pub declared: Vec<Span>,
    /// How many replicas it has.
    pub scale: Scale,
    /// Its autoscalers; if there are several they compete, which is a finding.
    pub autoscalers: Vec<AutoscalerId>,
    /// Its variables by name, from every format that links to it.
    pub variables: Variables,
    /// Directories of its code.
    pub directories: Vec<PathBuf>,
    /// Processes of a replica (gunicorn or uvicorn workers), 1 if no source sets another number.
    pub processes: Option<Fact<u32>>,
    /// Requests or messages that it handles at peak.
    pub peak_rate: Option<Fact<Rate>>,
    /// Its importance when not all requests can be served.
    pub priority: Option<Fact<Priority>>,
    /// Maximum number of connections to SQL databases of one replica, over all its pools and processes, if a
    /// person declares it. It replaces the sum of the pools.
    pub connections_per_pod: Option<Fact<u32>>,
    /// Time from the start of a container until it can serve.
    pub start_up_time: Option<Fact<Duration>>,
    /// Longest time that one request or message takes.
    pub request_time: Option<Fact<Duration>>,
    /// Mean time that one request takes when the service is not busy, without waiting.
    pub service_time: Option<Fact<Duration>>,
    /// Mean time that one request or message holds a connection to the database, without waits for one.
    pub transaction_time: Option<Fact<Duration>>,
    /// Requests a second that one replica can serve.
    pub capacity_per_pod: Option<Fact<Rate>>,
    /// Processor time that one request or message takes.
    pub cpu_per_request: Option<Fact<Duration>>,
    /// Memory that one message needs in a process of the service.
    pub memory_per_message: Option<Fact<Bytes>>,
    /// How its callers behave, if a person declares it.
    pub callers: Callers,
    /// Facts that only people state.
    pub said: Said,
}

impl Service {
    /// Where it is.
    pub fn home(&self) -> Home<'_> {
        Home {
            namespace: self.namespace.as_deref(),
            deployment: self.deployment,
        }
    }
}

/// How the callers of a service behave.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Callers {
    /// How long a caller waits for an answer.
    pub timeout: Option<Fact<Duration>>,
    /// Total number of tries (1 means no retry).
    pub attempts: Option<Fact<u32>>,
    /// Wait before the first retry; later ones wait twice as long each.
    pub backoff: Option<Fact<Duration>>,
}

/// Numbers of replicas. After linking, the effective numbers: the autoscaler's if there is one, otherwise the
/// fixed number.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Scale {
    /// Replicas as declared now (`replicas:`; absent if none are declared).
    pub current: Option<Fact<u32>>,
    /// Minimum number of replicas.
    pub min: Option<Fact<u32>>,
    /// Maximum number of replicas in steady operation.
    pub max: Option<Fact<u32>>,
    /// Replicas above the wanted number that a rollout may add at `max`.
    pub surge: Option<Fact<u32>>,
}

/// The importance of a service when not all requests can be served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Priority {
    /// First to be served.
    Critical,
    /// Next.
    Important,
    /// First to be shed.
    Optional,
}

/// What was read and what was not; the report's summary.
#[derive(Debug, Clone, Default)]
pub struct Reading {
    /// How many files of each format were read ("Kubernetes", "Terraform", …).
    pub formats: BTreeMap<String, usize>,
    /// Files that are configuration and could not be read, in order of path.
    pub unreadable: Vec<UnreadableFile>,
    /// Errors in `cofferdam.yaml`. Statements that cannot be understood would make every figure doubtful, so
    /// a check stops here.
    pub overlay_problems: Vec<UnreadableFile>,
    /// What was read only in part or is not supported, as sentences with a place.
    pub notes: Vec<UnreadableFile>,
    /// How many files are templates that must be filled in first, and were not read.
    pub templates: usize,
    /// Files that are not configuration, in order of path.
    pub skipped: Vec<PathBuf>,
    /// The overlay that is used, relative to the root: `cofferdam.yaml`, `../cofferdam.yaml`.
    pub config: Option<PathBuf>,
    /// Whether the overlay is among the files that were read and states parts of the platform itself.
    pub stated: bool,
    /// The root in readable form, unless it is the one given directory.
    pub root: Option<PathBuf>,
    /// Whether files that the overlay may describe were not given: single files, or a directory below the
    /// overlay's.
    pub part: bool,
}

impl Reading {
    /// Whether nothing that was read describes a platform, so that nothing can be judged. Files that could
    /// not be read count as something, and so do templates.
    pub fn is_nothing(&self) -> bool {
        self.formats.is_empty() && self.unreadable.is_empty() && self.templates == 0 && !self.stated
    }
}

/// A file, or a place in one, that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnreadableFile {
    /// Path below the root.
    pub path: PathBuf,
    /// Where in it.
    pub span: Option<Span>,
    /// What is wrong and what to do.
    pub message: String,
}

/// `# cofferdam: ignore[rule] reason` in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suppression {
    /// Rule ids; empty means a malformed comment, which is reported and suppresses nothing.
    pub rules: Vec<String>,
    /// The reason; a suppression without one is reported and suppresses nothing.
    pub reason: String,
    /// Its place.
    pub span: Span,
    /// The line to which it applies, from 1: its own if it follows text, otherwise the next line with text.
    pub line: u32,
}

impl Parts {
    /// Records for all objects and their parts that they belong to this deployment.
    pub fn set_deployment(&mut self, deployment: DeploymentId) {
        let id = Some(deployment);
        for workload in &mut self.workloads {
            workload.id.deployment = id;
            workload.owner.deployment = id;
        }
        for autoscaler in &mut self.autoscalers {
            autoscaler.owner.deployment = id;
            if let Some(target) = &mut autoscaler.target {
                target.value.deployment = id;
            }
        }
        self.disruption_budgets
            .iter_mut()
            .for_each(|b| b.id.deployment = id);
        self.service_ports.iter_mut().for_each(|s| s.id.deployment = id);
        self.config_objects.iter_mut().for_each(|o| o.id.deployment = id);
        self.network_policies
            .iter_mut()
            .for_each(|p| p.id.deployment = id);
        self.foreign_policies.iter_mut().for_each(|o| o.deployment = id);
        self.image_streams.iter_mut().for_each(|o| o.deployment = id);
        self.references.iter_mut().for_each(|r| r.deployment = id);
        self.descriptions.iter_mut().for_each(|d| d.deployment = id);
        self.container_defaults.iter_mut().for_each(|d| d.deployment = id);
        self.services.iter_mut().for_each(|s| s.deployment = id);
        let owners = (self.producers.iter_mut().map(|p| &mut p.owner))
            .chain(self.consumers.iter_mut().map(|c| &mut c.owner))
            .chain(self.pools.iter_mut().map(|p| &mut p.owner))
            .chain(self.poolers.iter_mut().map(|p| &mut p.owner))
            .chain(self.calls.iter_mut().map(|c| &mut c.owner))
            .chain(self.breakers.iter_mut().map(|b| &mut b.owner))
            .chain(self.secret_uses.iter_mut().map(|s| &mut s.owner))
            .chain(self.alerts.iter_mut().map(|a| &mut a.owner))
            .chain(self.slos.iter_mut().map(|s| &mut s.owner))
            .chain(self.deliveries.iter_mut().map(|d| &mut d.owner))
            .chain(self.local_caches.iter_mut().map(|c| &mut c.owner))
            .chain(self.rate_limits.iter_mut().map(|r| &mut r.owner))
            .chain(self.routings.iter_mut().map(|r| &mut r.owner))
            .chain(self.deadlines.iter_mut().map(|d| &mut d.owner));
        owners.for_each(|owner| owner.deployment = id);
    }

    /// Whether there is nothing that a rule could judge.
    pub fn is_empty(&self) -> bool {
        self.services.is_empty()
            && self.workloads.is_empty()
            && self.autoscalers.is_empty()
            && self.kafka_clusters.is_empty()
            && self.topics.is_empty()
            && self.producers.is_empty()
            && self.consumers.is_empty()
            && self.databases.is_empty()
            && self.pools.is_empty()
            && self.poolers.is_empty()
            && self.caches.is_empty()
            && self.calls.is_empty()
            && self.breakers.is_empty()
            && self.deadlines.is_empty()
            && self.cells.is_empty()
            && self.routings.is_empty()
            && self.local_caches.is_empty()
            && self.rate_limits.is_empty()
            && self.alerts.is_empty()
            && self.slos.is_empty()
            && self.metric_sources.is_empty()
            && self.log_stores.is_empty()
            && self.deliveries.is_empty()
            && self.descriptions.is_empty()
            && self.secret_uses.is_empty()
            && self.secret_literals.is_empty()
            && self.defects.is_empty()
            && self.dangling.is_empty()
    }

    /// The service of an id. Ids come from linking this environment, so they are always known.
    pub fn service(&self, id: ServiceId) -> &Service {
        &self.services[id.0]
    }

    /// The service of a part.
    pub fn owner_service(&self, owner: &Owner) -> Option<&Service> {
        owner.service.map(|id| self.service(id))
    }

    /// The owner's name for a report, in a project of this directory.
    pub(crate) fn owner_name(&self, owner: &Owner, root: &Path) -> String {
        match self.owner_service(owner) {
            Some(service) => service.name.clone(),
            None => owner
                .name
                .clone()
                .or_else(|| match owner.directory.as_ref()? {
                    directory if directory == root => Some("the code at the root".to_owned()),
                    directory => Some(directory.display().to_string()),
                })
                .unwrap_or_else(|| "a service that no file names".to_owned()),
        }
    }
}
