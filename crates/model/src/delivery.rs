//! How changes reach the platform, and what is wrong in the files themselves: defects, dangling
//! names, and descriptions that disagree.

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
    /// Whose it is.
    pub owner: Owner,
    /// Place of the section.
    pub span: Option<Span>,
    /// When deploys are allowed; empty is always.
    pub windows: Vec<DeployWindow>,
    /// A way past the windows (break-glass), where one is declared.
    pub override_path: Option<Fact<String>>,
    /// Holidays that close the windows, where declared.
    pub holidays: Vec<Fact<String>>,
    /// Whether a failed deploy goes back by itself, where declared.
    pub rollback: Option<Fact<bool>>,
    /// Whether a new version first gets a part of the traffic, where declared.
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
    /// Time zone (`America/New_York`); UTC when none is written.
    pub timezone: Option<Fact<String>>,
    /// Days on which it opens, Monday first.
    pub days: [bool; 7],
}

/// Configuration that its consumer would refuse or silently ignore.
#[derive(Debug, Clone)]
pub struct Defect {
    /// What has the defect ("Deployment pgbouncer").
    pub subject: String,
    /// Path in the object (`spec.selector`).
    pub path: String,
    /// Place.
    pub span: Span,
    /// What is wrong, as a clause: "requires `spec.selector`, which is missing".
    pub problem: String,
    /// What happens: whether it is refused or ignored.
    pub effect: DefectEffect,
    /// What to write instead.
    pub remedy: String,
}

/// What becomes of a defect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DefectEffect {
    /// The object is refused.
    Refused,
    /// The field or variable does nothing.
    Ignored,
}

/// The name of a thing that does not exist.
#[derive(Debug, Clone)]
pub struct Dangling {
    /// What names it ("Deployment data-collector").
    pub subject: String,
    /// What it names.
    pub kind: DanglingKind,
    /// The name.
    pub name: Fact<String>,
    /// The nearest name that exists.
    pub nearest: Option<String>,
    /// Whether everything that could declare it was read (a Secret may be made by hand: then false).
    pub certain: bool,
}

/// A name that something uses and that some file has to declare. Readers push them while they read;
/// once everything is read, those that lead to nothing become [`Dangling`].
#[derive(Debug, Clone)]
pub struct Reference {
    /// What names it ("Deployment data-collector").
    pub subject: String,
    /// What it names.
    pub kind: DanglingKind,
    /// The name.
    pub name: Fact<String>,
    /// Namespace in which it is looked for, where known.
    pub namespace: Option<String>,
    /// The deployment of what names it.
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

/// One place's statement about an attribute of a subject; two that disagree are a finding.
#[derive(Debug, Clone)]
pub struct Description {
    /// What is described (`service data-collector`, `topic platform-events`).
    pub subject: String,
    /// Which attribute (`max replicas`, `partitions`, `cpu limit`, `readiness path`).
    pub attribute: String,
    /// The value, in one spelling for all formats (`50`, `1 CPU`, `/health`).
    pub value: Fact<String>,
    /// The format or file kind that says so ("HorizontalPodAutoscaler", "Grand Central").
    pub by: String,
    /// Namespace of the object that says so, where known.
    pub namespace: Option<String>,
    /// The deployment that brings the object that says so.
    pub deployment: Option<DeploymentId>,
}

impl Description {
    /// Where the object is that says so.
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
    /// Whose code.
    pub owner: Owner,
    /// Name.
    pub name: Fact<String>,
    /// The value the code falls back to.
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
