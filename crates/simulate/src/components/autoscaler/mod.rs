//! Kubernetes' HorizontalPodAutoscaler (autoscaling/v2), step by step as in its controller: every metric
//! proposes a number, the largest counts, the stabilisation windows delay it, the policies limit its speed,
//! and minimum and maximum bound it.
//!
//! Source: Kubernetes documentation, *Horizontal Pod Autoscaling*, and the behaviour of the controller
//! (`pkg/controller/podautoscaler`), whose published test tables are tests here.

pub mod behaviour;
pub mod replicas;

use std::fmt;
use std::time::Duration;

use behaviour::{Entry, Limit, Rules};
use cofferdam_policy::Time;
use replicas::{Kind, NoAnswer, Pod, PodTarget, Youth};
use serde::Serialize;

/// A metric and its target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// CPU of the pods, in hundredths of what they request.
    Cpu(u32),
    /// Another metric of the pods: the target mean, in thousandths.
    Pods(u64),
    /// One value for all pods together, in thousandths (an object's or an external metric's `Value`).
    Value(u64),
    /// A total, with a target for each pod, in thousandths (`AverageValue`).
    Total(u64),
}

/// An autoscaler's settings.
#[derive(Debug, Clone, PartialEq)]
pub struct AutoscalerConfig {
    /// Minimum number of replicas.
    pub minimum: u32,
    /// Maximum number of replicas.
    pub maximum: u32,
    /// Metrics and their targets.
    pub targets: Vec<Target>,
    /// How fast it may move.
    pub pace: Pace,
    /// When young pods count, and which changes are too small.
    pub youth: Youth,
}

/// How fast an autoscaler may move.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Pace {
    /// It has no `behavior`, and the controller uses its older algorithm: the largest recommendation of five
    /// minutes, and at each sync up to twice as many replicas or four, whichever is more.
    #[default]
    Plain,
    /// It has one; missing fields have Kubernetes' defaults.
    Rules {
        /// Upwards.
        up: Rules,
        /// Downwards.
        down: Rules,
    },
}

/// The time between two syncs of the controller (`--horizontal-pod-autoscaler-sync-period`).
pub const SYNC: Duration = Duration::from_secs(15);

impl Default for AutoscalerConfig {
    fn default() -> Self {
        Self {
            minimum: 1,
            maximum: 1,
            targets: Vec::new(),
            pace: Pace::Plain,
            youth: Youth::default(),
        }
    }
}

/// The reason for the number of replicas.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// There are no replicas although there should be some: it is switched off.
    Off,
    /// The metrics ask for this many.
    Metrics,
    /// An earlier recommendation within a stabilisation window holds it back.
    Stabilized,
    /// Minimum, maximum or a policy decides.
    Limited(Limit),
    /// No metric can be read, or one of several cannot and the others ask for fewer.
    Unknown(NoAnswer),
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Metrics | Self::Limited(Limit::None) => f.write_str("the metrics ask for it"),
            Self::Off => f.write_str("somebody has scaled it to zero, which switches it off"),
            Self::Stabilized => f.write_str("a recommendation within the stabilisation window delays it"),
            Self::Limited(Limit::Minimum) => f.write_str("the minimum of replicas"),
            Self::Limited(Limit::Maximum) => f.write_str("the maximum of replicas"),
            Self::Limited(Limit::UpPolicy) => f.write_str("a policy for scaling up"),
            Self::Limited(Limit::DownPolicy) => f.write_str("a policy for scaling down"),
            Self::Unknown(why) => write!(f, "nothing changes: {why}"),
        }
    }
}

/// The decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decision {
    /// Replicas from now on.
    pub replicas: u32,
    /// The number that the metrics ask for; `None` if they give none.
    pub desired: Option<u32>,
    /// Why the result differs from it.
    pub reason: Reason,
}

/// A decision as traces tell it. It is an event there, because an autoscaler is not one of the policies that replay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Scaled {
    /// Replicas before.
    pub from: u32,
    /// Replicas from now on.
    pub to: u32,
    /// The number that the metrics ask for.
    pub desired: Option<u32>,
    /// Why the result differs from it.
    pub reason: Reason,
}

impl Decision {
    /// What it does with this number of replicas, and why.
    #[must_use]
    pub const fn from(self, current: u32) -> Scaled {
        Scaled {
            from: current,
            to: self.replicas,
            desired: self.desired,
            reason: self.reason,
        }
    }
}

/// An autoscaler and its history.
#[derive(Debug, Clone)]
pub struct Autoscaler {
    config: AutoscalerConfig,
    recommendations: Vec<Entry>,
    added: Vec<Entry>,
    removed: Vec<Entry>,
}

impl Autoscaler {
    /// An autoscaler before its first sync.
    #[must_use]
    pub const fn new(config: AutoscalerConfig) -> Self {
        Self {
            config,
            recommendations: Vec::new(),
            added: Vec::new(),
            removed: Vec::new(),
        }
    }

    /// Runs one sync on the pods and the values of its metrics: one for each target that is not a metric of
    /// pods, in order, `None` for one that cannot be read. `pods` are all pods of the workload.
    pub fn sync(&mut self, now: Time, current: u32, pods: &[Pod], values: &[Option<u64>]) -> Decision {
        if self.recommendations.is_empty() {
            self.recommendations.push(Entry {
                replicas: current,
                at: now,
            });
        }
        let (minimum, maximum) = (self.config.minimum, self.config.maximum);
        let decision = if current == 0 && minimum > 0 {
            // Somebody has scaled it to zero: the autoscaler does nothing.
            Decision {
                replicas: 0,
                desired: None,
                reason: Reason::Off,
            }
        } else if current > maximum {
            Decision {
                replicas: maximum,
                desired: None,
                reason: Reason::Limited(Limit::Maximum),
            }
        } else if current < minimum {
            Decision {
                replicas: minimum,
                desired: None,
                reason: Reason::Limited(Limit::Minimum),
            }
        } else {
            match self.desired(now, current, pods, values) {
                Ok(desired) => self.normalize(now, current, desired),
                Err(why) => Decision {
                    replicas: current,
                    desired: None,
                    reason: Reason::Unknown(why),
                },
            }
        };
        self.remember(now, current, decision.replicas);
        decision
    }

    /// The largest number that a metric asks for. While one of several cannot be read, no replica is removed.
    fn desired(
        &self,
        now: Time,
        current: u32,
        pods: &[Pod],
        values: &[Option<u64>],
    ) -> Result<u32, NoAnswer> {
        let mut values = values.iter().copied();
        let mut most = None;
        let mut failure = None;
        for target in &self.config.targets {
            let youth = &self.config.youth;
            let answer = match *target {
                Target::Cpu(percent) => replicas::of_pods(
                    current,
                    pods,
                    (Kind::Cpu, PodTarget::Utilization(percent)),
                    youth,
                    now,
                ),
                Target::Pods(mean) => {
                    replicas::of_pods(current, pods, (Kind::Other, PodTarget::Average(mean)), youth, now)
                }
                Target::Value(target) => match values.next().flatten() {
                    Some(value) => replicas::of_value(current, pods, (value, target), youth.tolerance),
                    None => Err(NoAnswer::CannotRead),
                },
                Target::Total(each) => match values.next().flatten() {
                    Some(total) => Ok(replicas::of_total(current, (total, each), youth.tolerance)),
                    None => Err(NoAnswer::CannotRead),
                },
            };
            match answer {
                Ok(replicas) => most = most.max(Some(replicas)),
                Err(why) => failure = Some(why),
            }
        }
        match (most, failure) {
            (Some(desired), None) => Ok(desired),
            (Some(desired), Some(_)) if desired >= current => Ok(desired),
            (_, why) => Err(why.unwrap_or(NoAnswer::NoMetrics)),
        }
    }

    fn normalize(&mut self, now: Time, current: u32, desired: u32) -> Decision {
        let bounds = (self.config.minimum, self.config.maximum);
        let log = &self.recommendations;
        let (stable, (replicas, limit), longest) = match &self.config.pace {
            Pace::Plain => {
                let stable = behaviour::largest(desired, log, now);
                let limited = behaviour::limit_plainly((current, stable), bounds);
                (stable, limited, behaviour::PLAIN_WINDOW)
            }
            Pace::Rules { up, down } => {
                let windows = (up.stabilization, down.stabilization);
                let stable = behaviour::stabilize(current, desired, windows, log, now);
                let past = (self.added.as_slice(), self.removed.as_slice());
                let limited = behaviour::limit((current, stable), bounds, (up, down), past, now);
                (stable, limited, windows.0.max(windows.1))
            }
        };
        self.recommendations.retain(|entry| now.since(entry.at) < longest);
        self.recommendations.push(Entry {
            replicas: desired,
            at: now,
        });
        let reason = match limit {
            Limit::None if stable != desired => Reason::Stabilized,
            Limit::None => Reason::Metrics,
            limit => Reason::Limited(limit),
        };
        Decision {
            replicas,
            desired: Some(desired),
            reason,
        }
    }

    /// Keeps the data that policies need: the changes within their periods.
    fn remember(&mut self, now: Time, before: u32, after: u32) {
        let Pace::Rules { up, down } = &self.config.pace else {
            return;
        };
        let (log, rules) = match after.cmp(&before) {
            std::cmp::Ordering::Equal => return,
            std::cmp::Ordering::Greater => (&mut self.added, up),
            std::cmp::Ordering::Less => (&mut self.removed, down),
        };
        log.retain(|entry| now.since(entry.at) < rules.longest_period());
        log.push(Entry {
            replicas: after.abs_diff(before),
            at: now,
        });
    }
}

#[cfg(test)]
mod tests {
    use behaviour::{Policy, Select, Step};

    use super::*;

    fn doubling(window: u64) -> AutoscalerConfig {
        AutoscalerConfig {
            minimum: 2,
            maximum: 50,
            targets: vec![Target::Value(1000)],
            pace: Pace::Rules {
                up: Rules {
                    stabilization: Duration::from_secs(window),
                    policies: vec![Policy {
                        step: Step::Percent(100),
                        period: Duration::from_secs(30),
                    }],
                    select: Select::Max,
                },
                down: Rules::down(),
            },
            ..AutoscalerConfig::default()
        }
    }

    fn ready(count: u32) -> Vec<Pod> {
        let pod = Pod {
            phase: replicas::Phase::Running,
            ready: true,
            started: Time::ZERO,
            ready_since: Time::ZERO,
            request: 500,
            sample: None,
        };
        vec![pod; count as usize]
    }

    /// Replicas after each sync, with a metric that asks for more than the maximum from `from` seconds on.
    fn course(config: AutoscalerConfig, from: u64) -> Vec<(u64, u32)> {
        let mut scaler = Autoscaler::new(config);
        let mut replicas = 2;
        (0..20)
            .map(|look| {
                let seconds = look * SYNC.as_secs();
                let value = if seconds >= from { 1_000_000 } else { 1000 };
                let now = Time::ZERO + Duration::from_secs(seconds);
                replicas = scaler
                    .sync(now, replicas, &ready(replicas), &[Some(value)])
                    .replicas;
                (seconds, replicas)
            })
            .collect()
    }

    fn first(course: &[(u64, u32)], replicas: u32, from: u64) -> u64 {
        course.iter().find(|(_, r)| *r >= replicas).unwrap().0 - from
    }

    #[test]
    fn doubling_every_30_seconds_takes_three_minutes_with_a_window_of_60() {
        let course = course(doubling(60), 60);
        // The last modest recommendation was made at 45 s and leaves the window at 105 s: 45 s after the load.
        assert_eq!(first(&course, 4, 60), 45);
        // 4, 8, 16, 32, 50 at 45, 75, 105, 135, 165 s.
        assert_eq!(first(&course, 50, 60), 165);
    }

    #[test]
    fn without_a_window_it_takes_two_minutes() {
        let course = course(doubling(0), 60);
        assert_eq!(first(&course, 4, 60), 0);
        assert_eq!(first(&course, 50, 60), 120);
        // The maximum is 50, whatever the metric asks for.
        assert_eq!(course.last().unwrap().1, 50);
    }

    #[test]
    fn without_a_behaviour_it_doubles_or_scales_to_four() {
        let mut scaler = Autoscaler::new(AutoscalerConfig {
            minimum: 1,
            maximum: 50,
            targets: vec![Target::Value(1000)],
            ..AutoscalerConfig::default()
        });
        let mut replicas = 1;
        let mut look = |seconds: u64, value: u64| {
            let now = Time::ZERO + Duration::from_secs(seconds);
            let decision = scaler.sync(now, replicas, &ready(replicas), &[Some(value)]);
            replicas = decision.replicas;
            (replicas, decision.reason)
        };
        // 1 → 4, where the documented defaults of a behaviour would allow 5; then twice as many.
        assert_eq!(look(0, 20_000), (4, Reason::Limited(Limit::UpPolicy)));
        assert_eq!(look(15, 5000), (8, Reason::Limited(Limit::UpPolicy)));
        // It asked for 20 at first and at 15 s; 5 now. The largest of five minutes counts.
        assert_eq!(look(30, 625), (16, Reason::Limited(Limit::UpPolicy)));
        assert_eq!(look(45, 312), (20, Reason::Stabilized));
        // At 330 s the recommendations of 20 are more than five minutes old, and those since asked for 5.
        assert_eq!(look(330, 250), (5, Reason::Metrics));
    }

    #[test]
    fn a_workload_scaled_to_zero_is_not_changed() {
        let mut scaler = Autoscaler::new(doubling(0));
        let decision = scaler.sync(Time::ZERO, 0, &[], &[Some(5000)]);
        assert_eq!((decision.replicas, decision.reason), (0, Reason::Off));
    }

    #[test]
    fn an_unreadable_metric_keeps_the_replicas() {
        let config = AutoscalerConfig {
            minimum: 2,
            maximum: 6,
            targets: vec![Target::Value(1000), Target::Value(1000)],
            ..AutoscalerConfig::default()
        };
        let mut scaler = Autoscaler::new(config);
        let pods = ready(3);
        // One asks for more: it counts. One asks for fewer: nothing happens.
        assert_eq!(scaler.sync(Time::ZERO, 3, &pods, &[None, Some(2000)]).replicas, 6);
        let decision = scaler.sync(Time::ZERO, 3, &pods, &[Some(100), None]);
        assert_eq!(
            (decision.replicas, decision.reason),
            (3, Reason::Unknown(NoAnswer::CannotRead))
        );
    }
}
