//! Autoscalers and disruption budgets: what changes the number of replicas, and what limits the change.

use crate::owner::{Owner, WorkloadId};
use crate::source::{Fact, Texts};
use crate::workload::{Amount, Completeness, ObjectId};
use cofferdam_syntax::Span;
use std::time::Duration;

/// An autoscaler: a HorizontalPodAutoscaler, KEDA ScaledObject, Cloud Run scaling, or the
/// `autoscaling` section of a deployment file.
#[derive(Debug, Clone)]
pub struct Autoscaler {
    /// Name for reports.
    pub name: String,
    /// Format it is written in ("HorizontalPodAutoscaler", "Grand Central", "KEDA ScaledObject", …).
    pub format: String,
    /// Place of its name or section.
    pub span: Span,
    /// Whether missing fields are really unset.
    pub completeness: Completeness,
    /// Its target, as named.
    pub target: Option<Fact<ObjectId>>,
    /// The workload it scales, once linked; `None` with a `target` is a dangling target.
    pub workload: Option<WorkloadId>,
    /// The service that it scales.
    pub owner: Owner,
    /// Minimum number of replicas.
    pub min: Option<Fact<u32>>,
    /// Maximum number of replicas.
    pub max: Option<Fact<u32>>,
    /// The number of replicas that its metrics never exceed, if that is less than its maximum, once linked.
    pub limit: Option<Fact<u32>>,
    /// The metrics that it uses.
    pub metrics: Vec<ScalingMetric>,
    /// How it scales up.
    pub up: ScalingBehaviour,
    /// How it scales down.
    pub down: ScalingBehaviour,
}

impl Autoscaler {
    /// The number of replicas that it really reaches at most: its maximum, or the limit that its metrics have.
    #[must_use]
    pub fn most(&self) -> Option<&Fact<u32>> {
        self.limit.as_ref().or(self.max.as_ref())
    }

    /// Whether any source sets how fast it may move. If none does, Kubernetes' controller uses its older
    /// algorithm: up to twice as many replicas, or four, at each sync, and the largest recommendation of five
    /// minutes.
    #[must_use]
    pub fn says_how_fast(&self) -> bool {
        let says = |direction: &ScalingBehaviour| {
            direction.span.is_some()
                || direction.stabilization.is_some()
                || direction.select.is_some()
                || !direction.policies.is_empty()
        };
        says(&self.up) || says(&self.down)
    }
}

/// A metric of an autoscaler.
#[derive(Debug, Clone)]
pub struct ScalingMetric {
    /// `cpu`, `memory`, or the metric's name.
    pub name: Fact<String>,
    /// Kind of metric.
    pub kind: MetricKind,
    /// Target: a share for utilisation (0.7), otherwise a number as written.
    pub target: Option<Fact<f64>>,
    /// Kafka topic whose lag it reads.
    pub topic: Option<Fact<String>>,
    /// Kafka consumer group whose lag it reads.
    pub group: Option<Fact<String>>,
    /// Labels or selectors that it names.
    pub labels: Texts,
}

/// Where a scaling metric comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricKind {
    /// CPU or memory of the pods.
    Resource,
    /// A metric of the pods or of another object, through the custom metrics API.
    Custom,
    /// A metric from outside, through the external metrics API or a KEDA trigger.
    External,
}

/// How an autoscaler moves in one direction.
#[derive(Debug, Clone, Default)]
pub struct ScalingBehaviour {
    /// Stabilisation window.
    pub stabilization: Option<Fact<Duration>>,
    /// Policies.
    pub policies: Vec<ScalingPolicy>,
    /// `Max`, `Min` or `Disabled`.
    pub select: Option<Fact<String>>,
    /// Place of the section.
    pub span: Option<Span>,
}

/// One step that an autoscaler may take in a period.
#[derive(Debug, Clone, PartialEq)]
pub struct ScalingPolicy {
    /// Pods or hundredths of the pods.
    pub amount: Fact<Amount>,
    /// The period.
    pub period: Fact<Duration>,
}

/// A pod disruption budget.
#[derive(Debug, Clone)]
pub struct DisruptionBudget {
    /// Identity (`kind` is `PodDisruptionBudget`).
    pub id: ObjectId,
    /// Place of its name.
    pub span: Span,
    /// Labels that it selects (`matchLabels`); an empty selector selects every pod of the namespace.
    pub selector: Selector,
    /// Pods that must stay.
    pub min_available: Option<Fact<Amount>>,
    /// Pods that may be evicted.
    pub max_unavailable: Option<Fact<Amount>>,
    /// When pods that run and are not ready may be evicted (`unhealthyPodEvictionPolicy`).
    pub unhealthy_eviction: Option<Fact<String>>,
    /// Whether missing fields are really unset.
    pub completeness: Completeness,
}

/// A label selector.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Selector {
    /// `matchLabels`.
    pub labels: Texts,
    /// `matchExpressions`: key, operator (`In`, `NotIn`, `Exists`, `DoesNotExist`), values.
    pub expressions: Vec<(String, String, Vec<String>)>,
    /// Place of the selector.
    pub span: Option<Span>,
}

impl Selector {
    /// Whether it selects something with these labels, as Kubernetes does (all must match; empty selects
    /// all).
    pub fn matches(&self, labels: &Texts) -> bool {
        self.matches_with(|key| labels.get(key).map(|f| f.value.as_str()))
    }

    /// The same with labels that are plain text.
    pub fn matches_with<'a>(&self, label: impl Fn(&str) -> Option<&'a str>) -> bool {
        self.labels
            .iter()
            .all(|(key, value)| label(key) == Some(value.value.as_str()))
            && self.expressions.iter().all(|(key, operator, values)| {
                let value = label(key);
                let is_in = value.is_some_and(|v| values.iter().any(|x| x == v));
                match operator.as_str() {
                    "In" => is_in,
                    "NotIn" => !is_in,
                    "Exists" => value.is_some(),
                    "DoesNotExist" => value.is_none(),
                    _ => false,
                }
            })
    }

    /// Whether it selects everything.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty() && self.expressions.is_empty()
    }
}
