//! How many replicas one metric asks for.

use std::time::Duration;

use cofferdam_policy::Time;

/// What the controller knows about a pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pod {
    /// Its phase.
    pub phase: Phase,
    /// Whether it is ready.
    pub ready: bool,
    /// When it started.
    pub started: Time,
    /// When it last became ready or not ready; its start if it never changed.
    pub ready_since: Time,
    /// Its request of the resource, in thousandths.
    pub request: u64,
    /// Its latest metric, if there is one.
    pub sample: Option<Sample>,
}

/// The phases that the controller distinguishes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Not yet running.
    Pending,
    /// Running.
    Running,
    /// Failed, or about to be deleted: it does not count.
    Gone,
}

/// A metric of a pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    /// Its value, in thousandths.
    pub value: u64,
    /// The end of the time over which it is a mean.
    pub taken: Time,
    /// The length of that time.
    pub window: Duration,
}

/// When young pods count.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Youth {
    /// A change by less than this share is ignored (`--horizontal-pod-autoscaler-tolerance`).
    pub tolerance: f64,
    /// For this time after its start a pod's CPU counts only if it was measured while the pod was ready
    /// (`--horizontal-pod-autoscaler-cpu-initialization-period`).
    pub cpu_initialization: Duration,
    /// A pod that is not ready, and last changed within this time after its start, was never ready
    /// (`--horizontal-pod-autoscaler-initial-readiness-delay`).
    pub initial_readiness: Duration,
}

impl Default for Youth {
    /// Kubernetes' defaults: 0.1, 5 min, 30 s.
    fn default() -> Self {
        Self {
            tolerance: 0.1,
            cpu_initialization: Duration::from_secs(300),
            initial_readiness: Duration::from_secs(30),
        }
    }
}

/// Why a metric gives no number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum NoAnswer {
    /// No pod counts.
    #[error("there are no pods")]
    NoPods,
    /// No pod that counts has a metric.
    #[error("no pod that is ready has a metric")]
    NoMetrics,
    /// A pod has no request for the resource, so utilisation is undefined.
    #[error("a pod has no request")]
    NoRequest,
    /// The metric could not be read.
    #[error("the metric cannot be read")]
    CannotRead,
}

/// What kind of metric pods have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// CPU, whose young pods do not count.
    Cpu,
    /// Any other.
    Other,
}

/// What a target is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PodTarget {
    /// Hundredths of what pods request.
    Utilization(u32),
    /// A mean over the pods, in thousandths.
    Average(u64),
}

/// A pod's part in the computation: its value, and its request.
#[derive(Debug, Clone, Copy)]
struct Part {
    value: u64,
    request: u64,
}

impl PodTarget {
    /// Usage over target. Both divisions are whole numbers first, as in the controller.
    fn ratio(self, parts: &[Part]) -> Result<f64, NoAnswer> {
        let total: u64 = parts.iter().map(|part| part.value).sum();
        match self {
            Self::Utilization(target) => {
                let requests: u64 = parts.iter().map(|part| part.request).sum();
                if requests == 0 {
                    return Err(NoAnswer::NoRequest);
                }
                Ok((total * 100 / requests) as f64 / f64::from(target.max(1)))
            }
            Self::Average(target) => Ok((total / parts.len().max(1) as u64) as f64 / target.max(1) as f64),
        }
    }

    /// A pod without a metric counts as using exactly its target when usage is low.
    fn full(self, request: u64) -> u64 {
        match self {
            Self::Utilization(_) => request,
            Self::Average(target) => target,
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Group {
    Counts,
    Unready,
    Missing,
    Gone,
}

fn group(pod: &Pod, kind: Kind, youth: &Youth, now: Time) -> Group {
    if pod.phase == Phase::Gone {
        return Group::Gone;
    }
    if pod.phase == Phase::Pending {
        return Group::Unready;
    }
    let Some(sample) = pod.sample else {
        return Group::Missing;
    };
    let unready = match kind {
        Kind::Other => false,
        Kind::Cpu if pod.started + youth.cpu_initialization > now => {
            !pod.ready || sample.taken < pod.ready_since + sample.window
        }
        Kind::Cpu => !pod.ready && pod.started + youth.initial_readiness > pod.ready_since,
    };
    if unready { Group::Unready } else { Group::Counts }
}

fn ceil(n: f64) -> u32 {
    libm::ceil(n) as u32
}

/// Replicas that a metric of pods asks for. Pods that are not ready count as idle if that reduces an
/// increase; pods without a metric count as fully used when usage is low and as idle when it is high.
///
/// # Errors
///
/// Why the metric gives no number.
pub fn of_pods(
    current: u32,
    pods: &[Pod],
    (kind, target): (Kind, PodTarget),
    youth: &Youth,
    now: Time,
) -> Result<u32, NoAnswer> {
    let groups: Vec<(Group, &Pod)> = pods
        .iter()
        .map(|pod| (group(pod, kind, youth, now), pod))
        .collect();
    if groups.iter().all(|(group, _)| *group == Group::Gone) {
        return Err(NoAnswer::NoPods);
    }
    let of = |wanted: Group| {
        groups
            .iter()
            .filter(move |(group, _)| *group == wanted)
            .map(|(_, pod)| *pod)
    };
    let mut parts: Vec<Part> = of(Group::Counts)
        .filter_map(|pod| {
            Some(Part {
                value: pod.sample?.value,
                request: pod.request,
            })
        })
        .collect();
    if parts.is_empty() {
        return Err(NoAnswer::NoMetrics);
    }
    let ready = parts.len() as f64;
    let ratio = target.ratio(&parts)?;
    let rebalance = of(Group::Unready).next().is_some() && ratio > 1.0;
    let missing = of(Group::Missing).next().is_some();
    if !rebalance && !missing {
        return Ok(if (1.0 - ratio).abs() <= youth.tolerance {
            current
        } else {
            ceil(ratio * ready)
        });
    }
    if ratio != 1.0 || matches!(target, PodTarget::Average(_)) {
        for pod in of(Group::Missing) {
            let value = if ratio < 1.0 { target.full(pod.request) } else { 0 };
            parts.push(Part {
                value,
                request: pod.request,
            });
        }
    }
    if rebalance {
        parts.extend(of(Group::Unready).map(|pod| Part {
            value: 0,
            request: pod.request,
        }));
    }
    let again = target.ratio(&parts)?;
    if (1.0 - again).abs() <= youth.tolerance || (ratio < 1.0) != (again < 1.0) && again != 1.0 {
        return Ok(current);
    }
    let replicas = ceil(again * parts.len() as f64);
    let turned = (again < 1.0 && replicas > current) || (again > 1.0 && replicas < current);
    Ok(if turned { current } else { replicas })
}

/// Replicas for one value of all pods together (an object's or an external one): in proportion to the ready
/// pods.
///
/// # Errors
///
/// [`NoAnswer::NoPods`] without any pod.
pub fn of_value(
    current: u32,
    pods: &[Pod],
    (value, target): (u64, u64),
    tolerance: f64,
) -> Result<u32, NoAnswer> {
    let ratio = value as f64 / target.max(1) as f64;
    if current == 0 {
        return Ok(ceil(ratio));
    }
    if (1.0 - ratio).abs() <= tolerance {
        return Ok(current);
    }
    if pods.is_empty() {
        return Err(NoAnswer::NoPods);
    }
    let ready = pods
        .iter()
        .filter(|pod| pod.phase == Phase::Running && pod.ready)
        .count();
    Ok(ceil(ratio * ready as f64))
}

/// Replicas for a total with a target for each pod.
#[must_use]
pub fn of_total(current: u32, (total, each): (u64, u64), tolerance: f64) -> u32 {
    let each = each.max(1) as f64;
    let ratio = total as f64 / (each * f64::from(current));
    if (1.0 - ratio).abs() > tolerance {
        ceil(total as f64 / each)
    } else {
        current
    }
}
