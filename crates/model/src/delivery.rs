//! How changes reach the platform, and faults in the files themselves: defects, dangling names, and
//! contradicting descriptions.

use crate::owner::Owner;
use crate::scope::{DeploymentId, Home};
use crate::source::Fact;
use cofferdam_syntax::Span;
use jiff::civil::Time;
use std::time::Duration;

/// How changes of a service reach the platform.
#[derive(Debug, Clone, Default)]
pub struct Delivery {
    /// Name for reports (deployment file, pipeline, application).
    pub name: String,
    /// Its owner.
    pub owner: Owner,
    /// Place of the section.
    pub span: Option<Span>,
    /// When deploys are allowed; empty means always.
    pub windows: Vec<DeployWindow>,
    /// An override of the windows (break-glass), if one is declared.
    pub override_path: Option<Fact<String>>,
    /// Holidays that close the windows, if declared.
    pub holidays: Vec<Fact<String>>,
    /// Whether a failed deploy is rolled back automatically, if declared.
    pub rollback: Option<Fact<bool>>,
    /// Whether a new version first gets a part of the traffic, if declared.
    pub canary: Option<Fact<bool>>,
    /// Whether the file is of a kind that could declare rollback and canary.
    pub declarable: bool,
}

/// A time of the week in which deploys are allowed.
#[derive(Debug, Clone)]
pub struct DeployWindow {
    /// Place of the window.
    pub span: Span,
    /// Start, in the window's time zone.
    pub start: Fact<Time>,
    /// End.
    pub end: Fact<Time>,
    /// Time zone (`America/New_York`); UTC if none is written.
    pub timezone: Option<Fact<String>>,
    /// Days on which it opens, Monday first.
    pub days: [bool; 7],
}

/// Configuration that its consumer would refuse or silently ignore.
#[derive(Debug, Clone)]
pub struct Defect {
    /// The object with the defect ("Deployment pgbouncer").
    pub subject: String,
    /// Path in the object (`spec.selector`).
    pub path: String,
    /// Place.
    pub span: Span,
    /// What is wrong, as a clause: "requires `spec.selector`, which is missing".
    pub problem: String,
    /// Whether it is refused or ignored.
    pub effect: DefectEffect,
    /// What to write instead.
    pub remedy: String,
}

/// The consequence of a defect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DefectEffect {
    /// The object is refused.
    Refused,
    /// A field that the API does not know: the object is refused where the deploy tool asks for strict validation; where
    /// it does not, the field is dropped.
    Unknown,
    /// The object is refused if it does not exist yet. It may be meant to be laid over one that an operator makes.
    RefusedIfNew,
    /// The versions that the problem names refuse the object; whether the cluster has one of them is not known.
    RefusedByVersion,
    /// The field or variable has no effect.
    Ignored,
}

/// The name of a thing that does not exist.
#[derive(Debug, Clone)]
pub struct Dangling {
    /// The object that names it ("Deployment data-collector").
    pub subject: String,
    /// The name that it refers to.
    pub kind: DanglingKind,
    /// The name.
    pub name: Fact<String>,
    /// The nearest name that exists.
    pub nearest: Option<String>,
    /// Whether everything that could declare it was read (false if, for example, a Secret may be created by
    /// hand).
    pub certain: bool,
}

/// A name that is used and that some file must declare. Readers push them while they read; once everything is
/// read, those without a declaration become [`Dangling`].
#[derive(Debug, Clone)]
pub struct Reference {
    /// The object that names it ("Deployment data-collector").
    pub subject: String,
    /// The name that it refers to.
    pub kind: DanglingKind,
    /// The name.
    pub name: Fact<String>,
    /// Namespace in which it is looked for, if known.
    pub namespace: Option<String>,
    /// The deployment of the object that names it.
    pub deployment: Option<DeploymentId>,
    /// The object that the name is a part of (the ConfigMap of a key, the Service of a port).
    pub within: Option<String>,
}

impl Reference {
    /// Where the name is looked for.
    pub fn home(&self) -> Home<'_> {
        Home {
            namespace: self.namespace.as_deref(),
            deployment: self.deployment,
        }
    }
}

/// Kinds of dangling names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DanglingKind {
    /// A file or directory.
    File,
    /// A ConfigMap.
    ConfigMap,
    /// A key of a ConfigMap.
    ConfigMapKey,
    /// A Secret.
    Secret,
    /// A key of a Secret.
    SecretKey,
    /// A service account.
    ServiceAccount,
    /// A Kubernetes Service.
    Service,
    /// A port of a Service or container.
    Port,
    /// The target of a patch.
    PatchTarget,
    /// What a kustomization names and cannot be built without, by the word for it.
    Refused(&'static str),
    /// What a kustomization names and is built without, by the word for it.
    Unused(&'static str),
    /// A Terraform variable, resource or module.
    Variable,
    /// A volume.
    Volume,
    /// A Kafka topic.
    Topic,
    /// The target of an autoscaler.
    ScaleTarget,
    /// Pods of a selector (Service, PDB, NetworkPolicy) that match nothing.
    Selector,
    /// A persistent volume claim.
    Claim,
}

/// One place's statement about an attribute of a subject; if two contradict each other, that is a finding.
#[derive(Debug, Clone)]
pub struct Description {
    /// The subject (`service data-collector`, `topic platform-events`).
    pub subject: String,
    /// Which attribute (`max replicas`, `partitions`, `cpu limit`, `readiness path`).
    pub attribute: String,
    /// The value, in one spelling for all formats (`50`, `1 CPU`, `/health`).
    pub value: Fact<String>,
    /// The format or kind of the file ("HorizontalPodAutoscaler", "Grand Central").
    pub by: String,
    /// Namespace of the object with the statement, if known.
    pub namespace: Option<String>,
    /// The deployment that contains this object.
    pub deployment: Option<DeploymentId>,
}

impl Description {
    /// The place of this object.
    pub fn home(&self) -> Home<'_> {
        Home {
            namespace: self.namespace.as_deref(),
            deployment: self.deployment,
        }
    }
}

/// A variable that code reads.
#[derive(Debug, Clone)]
pub struct VariableUse {
    /// The owner of the code.
    pub owner: Owner,
    /// Name.
    pub name: Fact<String>,
    /// The value that the code uses by default.
    pub default: Option<Fact<String>>,
    /// Whether the code fails without it.
    pub required: bool,
}

/// A length of time with a place, for rules that report the longest gap.
#[derive(Debug, Clone, PartialEq)]
pub struct Gap {
    /// How long.
    pub length: Duration,
    /// From when to when, for people.
    pub words: String,
}
