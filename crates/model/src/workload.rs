//! Running things: Kubernetes workloads of every kind, and the equivalent declarations of Cloud Run, Compose
//! and Terraform. A workload here is a build's result (base and overlays merged), never a patch.

use crate::images::Image;
use crate::owner::Owner;
use crate::scope::{DeploymentId, Home, Kept, Scope};
use crate::source::{Fact, Texts};
use crate::units::{Bytes, Cpu};
use crate::variable::Variables;
use cofferdam_syntax::Span;
use std::time::Duration;

/// The identity of a thing across files: kind, namespace and name within an environment.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectId {
    /// Kind (`Deployment`).
    pub kind: String,
    /// Namespace; an unknown one is unknown, not `default`.
    pub namespace: Option<String>,
    /// The deployment that contains it.
    pub deployment: Option<DeploymentId>,
    /// Name.
    pub name: String,
}

impl ObjectId {
    /// Where it is.
    pub fn home(&self) -> Home<'_> {
        Home {
            namespace: self.namespace.as_deref(),
            deployment: self.deployment,
        }
    }

    /// Whether its deploy tool leaves the number of its replicas as it is in the cluster.
    pub fn keeps_replicas(&self, scope: &Scope) -> bool {
        let deployment = self
            .deployment
            .and_then(|id| scope.deployments.get(id.0 as usize));
        let speaks_of = |kept: &Kept| kept.holds(&self.kind, self.namespace.as_deref(), &self.name);
        deployment.is_some_and(|d| d.kept_replicas.iter().any(speaks_of))
    }
}

impl std::fmt::Display for ObjectId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.namespace {
            Some(namespace) => write!(f, "{} {namespace}/{}", self.kind, self.name),
            None => write!(f, "{} {}", self.kind, self.name),
        }
    }
}

/// How complete the description of a workload is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Completeness {
    /// A manifest or a finished build: a missing field is not set.
    Whole,
    /// A template or a build that failed: a missing field may be set elsewhere. Only rules about existing
    /// values may judge it.
    Fragment,
}

/// The lifetime of a workload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lifecycle {
    /// Runs until replaced and is replicated (Deployment, StatefulSet, Rollout, Cloud Run service).
    Service,
    /// One on each node.
    Daemon,
    /// Runs to its end (Job, CronJob).
    Batch,
    /// A bare Pod.
    Pod,
}

/// A workload.
#[derive(Debug, Clone)]
pub struct Workload {
    /// Identity.
    pub id: ObjectId,
    /// Place of its name.
    pub span: Span,
    /// Whether missing fields are really unset.
    pub completeness: Completeness,
    /// Kind of life.
    pub lifecycle: Lifecycle,
    /// The service it runs, once linked.
    pub owner: Owner,
    /// Replicas as written; `None` means Kubernetes' default 1, not zero.
    pub replicas: Option<Fact<u32>>,
    /// How a new version replaces the old one.
    pub rollout: Rollout,
    /// Labels of the pod template.
    pub labels: Texts,
    /// Annotations of the pod template (and of the workload if controllers read them there).
    pub annotations: Texts,
    /// Containers.
    pub containers: Vec<Container>,
    /// Init containers (sidecars with `restartPolicy: Always` are in `containers`).
    pub init_containers: Vec<Container>,
    /// Seconds between TERM and KILL; Kubernetes' default is 30.
    pub grace: Option<Fact<Duration>>,
    /// Service account.
    pub service_account: Option<Fact<String>>,
    /// Volumes.
    pub volumes: Vec<Volume>,
    /// How its pods are distributed.
    pub spread: Spread,
    /// Priority class.
    pub priority_class: Option<Fact<String>>,
    /// Restart policy, host network and similar fields that checks of the pod template read, by field name
    /// (`hostNetwork`, `dnsPolicy`, `restartPolicy`, `activeDeadlineSeconds`, `backoffLimit`, `schedule`,
    /// `concurrencyPolicy`, `startingDeadlineSeconds`, `minReadySeconds`, `progressDeadlineSeconds`,
    /// `revisionHistoryLimit`, `serviceName`, `timeoutSeconds`; `resources.requests.cpu` and its like for the pod as a whole).
    pub fields: Texts,
}

/// How a new version replaces the old one.
#[derive(Debug, Clone, Default)]
pub struct Rollout {
    /// `RollingUpdate`, `Recreate`, `OnDelete`, `Canary`, `BlueGreen`.
    pub strategy: Option<Fact<String>>,
    /// Pods above the wanted number; Kubernetes' default is 25 %, rounded up.
    pub max_surge: Option<Fact<Amount>>,
    /// Pods that may be missing; Kubernetes' default is 25 %, rounded down.
    pub max_unavailable: Option<Fact<Amount>>,
}

/// A number of pods or a share of them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Amount {
    /// This many.
    Count(u32),
    /// This many hundredths of the replicas.
    Percent(f64),
}

/// The field of a [`Workload`] that has the name of its first claim template.
pub const CLAIM_TEMPLATE: &str = "volumeClaimTemplate";

/// The field of a [`Container`] whose image a trigger sets when a new one is there.
pub const IMAGE_TRIGGER: &str = "imageTrigger";

impl Workload {
    /// Whether its pods only hold a place: the only container is the pause image, which does nothing. A node with such
    /// pods has room as soon as a pod of a higher priority needs it.
    pub fn is_placeholder(&self) -> bool {
        let [only] = self.containers.as_slice() else {
            return false;
        };
        let name = only
            .image
            .as_ref()
            .map(|i| i.repository.rsplit('/').next().unwrap_or_default());
        self.init_containers.is_empty()
            && name.is_some_and(|name| name == "pause" || name.starts_with("pause-"))
    }
}

impl Amount {
    /// Reads `3` or `25%`.
    pub fn parse(text: &str) -> Option<Amount> {
        match text.trim().strip_suffix('%') {
            Some(percent) => percent
                .trim()
                .parse()
                .ok()
                .filter(|p: &f64| p.is_finite() && *p >= 0.0)
                .map(Amount::Percent),
            None => text.trim().parse().ok().map(Amount::Count),
        }
    }

    /// Pods out of `replicas`, a share rounded up (as for `maxSurge` and `minAvailable`).
    pub fn of_rounded_up(self, replicas: u32) -> u32 {
        match self {
            Amount::Count(n) => n,
            Amount::Percent(p) => (f64::from(replicas) * p / 100.0).ceil() as u32,
        }
    }

    /// Pods out of `replicas`, a share rounded down (as for a rollout's `maxUnavailable`).
    pub fn of_rounded_down(self, replicas: u32) -> u32 {
        match self {
            Amount::Count(n) => n,
            Amount::Percent(p) => (f64::from(replicas) * p / 100.0).floor() as u32,
        }
    }
}

/// A container.
#[derive(Debug, Clone, Default)]
pub struct Container {
    /// Name.
    pub name: String,
    /// Place of the name, or of the container if it has none.
    pub span: Option<Span>,
    /// Image.
    pub image: Option<Image>,
    /// Command and arguments in one list.
    pub command: Vec<Fact<String>>,
    /// Variables by name, including those of `envFrom` if the object exists.
    pub variables: Variables,
    /// Variables that the same list sets again further down.
    pub overridden: Vec<Overridden>,
    /// ConfigMaps and Secrets of which every key is a variable.
    pub variable_sources: Vec<VariableSource>,
    /// CPU request.
    pub cpu_request: Option<Fact<Cpu>>,
    /// CPU limit.
    pub cpu_limit: Option<Fact<Cpu>>,
    /// Memory request.
    pub memory_request: Option<Fact<Bytes>>,
    /// Memory limit.
    pub memory_limit: Option<Fact<Bytes>>,
    /// Liveness probe.
    pub liveness: Option<Box<Probe>>,
    /// Readiness probe.
    pub readiness: Option<Box<Probe>>,
    /// Start-up probe.
    pub startup: Option<Box<Probe>>,
    /// What runs before TERM: the command or path, or `sleep N`.
    pub pre_stop: Option<Fact<String>>,
    /// How long `preStop` sleeps, if that can be read from it.
    pub pre_stop_sleep: Option<Fact<Duration>>,
    /// Ports by number, with their names.
    pub ports: Vec<(Option<String>, Fact<u32>)>,
    /// Mounts: volume name and path.
    pub mounts: Vec<(String, Fact<String>)>,
    /// Volumes of which every mount is read-only.
    pub read_only_mounts: Vec<String>,
    /// Other fields that checks read (`imagePullPolicy`, `restartPolicy`, `tty`,
    /// `resources.limits.ephemeral-storage`).
    pub fields: Texts,
}

/// A variable that one list sets twice: the last counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overridden {
    /// The variable.
    pub name: String,
    /// Place of the entry that does not count.
    pub first: Span,
    /// Place of the entry that counts.
    pub last: Span,
    /// Whether both have the same value.
    pub same: bool,
}

/// A ConfigMap or Secret of which every key is a variable (`envFrom`).
#[derive(Debug, Clone, PartialEq)]
pub struct VariableSource {
    /// Whether it is a Secret.
    pub secret: bool,
    /// Its name.
    pub name: Fact<String>,
    /// The prefix of each key in the variable's name.
    pub prefix: String,
    /// Whether the container starts without it.
    pub optional: bool,
}

/// A probe of a container.
#[derive(Debug, Clone, PartialEq)]
pub struct Probe {
    /// The check that it makes.
    pub check: ProbeCheck,
    /// Place of the probe.
    pub span: Span,
    /// Place of the port that it names.
    pub port_span: Option<Span>,
    /// Wait before the first try; default 0 s.
    pub initial_delay: Option<Fact<Duration>>,
    /// Time between tries; default 10 s.
    pub period: Option<Fact<Duration>>,
    /// Time for an answer; default 1 s.
    pub timeout: Option<Fact<Duration>>,
    /// Failures in a row that count; default 3.
    pub failure_threshold: Option<Fact<u32>>,
}

impl Probe {
    /// The time from the container's start until this probe has failed permanently if it never succeeds:
    /// initial delay + period × failure threshold, with Kubernetes' defaults for unset fields
    /// (`initialDelaySeconds` 0, `periodSeconds` 10, `failureThreshold` 3).
    pub fn patience(&self) -> Duration {
        let delay = self.initial_delay.as_ref().map_or(Duration::ZERO, |f| f.value);
        let period = self.period.as_ref().map_or(Duration::from_secs(10), |f| f.value);
        let tries = self.failure_threshold.as_ref().map_or(3, |f| f.value);
        delay.saturating_add(period.saturating_mul(tries))
    }
}

/// Requests and limits of containers that set none in a namespace (a LimitRange).
#[derive(Debug, Clone, Default)]
pub struct ContainerDefaults {
    /// The namespace; `None` means unknown.
    pub namespace: Option<String>,
    /// The deployment that contains it.
    pub deployment: Option<DeploymentId>,
    /// CPU request.
    pub cpu_request: Option<Fact<Cpu>>,
    /// CPU limit.
    pub cpu_limit: Option<Fact<Cpu>>,
    /// Memory request.
    pub memory_request: Option<Fact<Bytes>>,
    /// Memory limit.
    pub memory_limit: Option<Fact<Bytes>>,
    /// Limit of space on the node's disk, as written.
    pub storage_limit: Option<Fact<String>>,
}

impl ContainerDefaults {
    /// Where it is.
    pub fn home(&self) -> Home<'_> {
        Home {
            namespace: self.namespace.as_deref(),
            deployment: self.deployment,
        }
    }
}

/// What a probe checks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProbeCheck {
    /// An HTTP GET.
    Http {
        /// Path.
        path: String,
        /// Port, as a number or a name.
        port: String,
    },
    /// A TCP connection.
    Tcp {
        /// Port, as a number or a name.
        port: String,
    },
    /// A gRPC health check.
    Grpc {
        /// Port.
        port: String,
        /// The checked service; empty for the server as a whole.
        service: String,
    },
    /// A command in the container.
    Exec(String),
}

/// A volume.
#[derive(Debug, Clone)]
pub struct Volume {
    /// Name.
    pub name: String,
    /// Place of the volume.
    pub span: Span,
    /// Its kind.
    pub kind: VolumeKind,
}

/// The kind of a volume.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VolumeKind {
    /// A ConfigMap.
    ConfigMap {
        /// Its name.
        name: String,
        /// Whether the pod starts without it.
        optional: bool,
    },
    /// A Secret.
    Secret {
        /// Its name.
        name: String,
        /// Whether the pod starts without it.
        optional: bool,
    },
    /// Space that is deleted with the pod.
    EmptyDir,
    /// The same with a limit: a pod that fills it is evicted, and its node is not harmed. Memory counts too,
    /// because it is limited by the container's limit.
    BoundedEmptyDir,
    /// A claim.
    Claim(String),
    /// Secrets that a driver mounts.
    Csi(String),
    /// Projected sources.
    Projected,
    /// A path of the node.
    HostPath(String),
    /// Anything else.
    Other(String),
}

/// How pods of one workload are distributed.
#[derive(Debug, Clone, Default)]
pub struct Spread {
    /// Topology keys of spread constraints whose selector matches the pods and whose `maxSkew` separates some
    /// of them. Keys that do not separate nodes (`kubernetes.io/os`) are left out.
    pub constraints: Vec<Fact<String>>,
    /// Topology keys of pod anti-affinity (required or preferred) against the workload's own pods, without
    /// those that do not separate nodes.
    pub anti_affinity: Vec<Fact<String>>,
}

/// A Kubernetes Service: a name for a set of pods.
#[derive(Debug, Clone)]
pub struct ServicePort {
    /// Identity (`kind` is `Service`).
    pub id: ObjectId,
    /// Place of its name.
    pub span: Span,
    /// Labels of the Service itself, by which monitors find it.
    pub labels: Texts,
    /// Selector; empty if it has none.
    pub selector: Texts,
    /// Ports: name, port, target port as written.
    pub ports: Vec<PortMapping>,
    /// `ClusterIP`, `LoadBalancer`, `ExternalName`, …
    pub kind: Option<Fact<String>>,
    /// Address (`clusterIP`); `None` as text is a headless Service, whose name resolves to each of its pods.
    pub address: Option<Fact<String>>,
    /// The name that it stands for, if it is an alias of a host outside of the cluster (`externalName`).
    pub external_name: Option<Fact<String>>,
    /// Whether missing fields are really unset.
    pub completeness: Completeness,
}

impl ServicePort {
    /// Whether it selects the pods of a workload: it is where they are, and they have all labels of its selector. One without
    /// a selector selects none.
    #[must_use]
    pub fn selects(&self, workload: &Workload) -> bool {
        let has = |(key, value): (&String, &Fact<String>)| {
            workload
                .labels
                .get(key)
                .is_some_and(|own| own.value == value.value)
        };
        !self.selector.is_empty()
            && self.id.home().is_related(workload.id.home())
            && self.selector.iter().all(has)
    }
}

/// A port of a Kubernetes Service: its name, its number, and the target as written.
pub type PortMapping = (Option<String>, Fact<u32>, Option<Fact<String>>);

/// A ConfigMap or Secret that exists.
#[derive(Debug, Clone)]
pub struct ConfigObject {
    /// Identity (`kind` is `ConfigMap`, `Secret`, or the kind of the resource that creates a Secret).
    pub id: ObjectId,
    /// Place of its name.
    pub span: Span,
    /// Keys with their text, if it is text and not a secret.
    pub data: Texts,
    /// Whether all keys are known (false for one that an operator fills).
    pub complete: bool,
    /// Whether its keys were dropped, because so many containers take all of them.
    pub withheld: bool,
}
