//! How fast an autoscaler may move: stabilisation windows first, then policies.

use std::time::Duration;

use cofferdam_policy::Time;

/// How many pods a policy allows in its period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// So many pods.
    Pods(u32),
    /// This many hundredths of the pods at the period's start.
    Percent(u32),
}

/// One policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// How many pods.
    pub step: Step,
    /// In what time.
    pub period: Duration,
}

/// Which of several policies applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Select {
    /// The one that allows most.
    #[default]
    Max,
    /// The one that allows least.
    Min,
    /// None: it does not move in this direction.
    Disabled,
}

/// How it moves in one direction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// How far back recommendations count.
    pub stabilization: Duration,
    /// Policies.
    pub policies: Vec<Policy>,
    /// Which of the policies applies.
    pub select: Select,
}

impl Rules {
    /// Kubernetes' default for scaling up: no window; the larger of 4 pods and 100 % in 15 s.
    #[must_use]
    pub fn up() -> Self {
        let period = Duration::from_secs(15);
        Self {
            stabilization: Duration::ZERO,
            policies: vec![
                Policy {
                    step: Step::Pods(4),
                    period,
                },
                Policy {
                    step: Step::Percent(100),
                    period,
                },
            ],
            select: Select::Max,
        }
    }

    /// Kubernetes' default for scaling down: a window of 5 min; 100 % in 15 s.
    #[must_use]
    pub fn down() -> Self {
        let policies = vec![Policy {
            step: Step::Percent(100),
            period: Duration::from_secs(15),
        }];
        Self {
            stabilization: Duration::from_secs(300),
            policies,
            select: Select::Max,
        }
    }

    /// The longest period of its policies: changes before that no longer matter.
    #[must_use]
    pub fn longest_period(&self) -> Duration {
        self.policies
            .iter()
            .map(|policy| policy.period)
            .max()
            .unwrap_or_default()
    }
}

/// A recommendation or a change, and its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// Replicas.
    pub replicas: u32,
    /// When.
    pub at: Time,
}

fn cutoff(now: Time, back: Duration) -> Option<Time> {
    now.as_nanos()
        .checked_sub(u64::try_from(back.as_nanos()).unwrap_or(u64::MAX))
        .map(Time::from_nanos)
}

/// Whether an entry is younger than `back`. Entries before time zero never are.
fn within(entry: &Entry, now: Time, back: Duration) -> bool {
    cutoff(now, back).is_none_or(|cutoff| entry.at > cutoff)
}

/// The replicas rise only to what every recommendation of the up window asks for (their minimum), and fall
/// only to what all recommendations of the down window allow (their maximum). Between these two they do not
/// change.
#[must_use]
pub fn stabilize(
    current: u32,
    desired: u32,
    (up, down): (Duration, Duration),
    log: &[Entry],
    now: Time,
) -> u32 {
    let least = log
        .iter()
        .filter(|e| within(e, now, up))
        .map(|e| e.replicas)
        .fold(desired, u32::min);
    let most = log
        .iter()
        .filter(|e| within(e, now, down))
        .map(|e| e.replicas)
        .fold(desired, u32::max);
    current.max(least).min(most)
}

/// How long recommendations count for an autoscaler without a behaviour
/// (`--horizontal-pod-autoscaler-downscale-stabilization`).
pub const PLAIN_WINDOW: Duration = Duration::from_secs(300);

/// Without a behaviour: the largest recommendation of five minutes, in both directions.
#[must_use]
pub fn largest(desired: u32, log: &[Entry], now: Time) -> u32 {
    log.iter()
        .filter(|e| within(e, now, PLAIN_WINDOW))
        .map(|e| e.replicas)
        .fold(desired, u32::max)
}

/// What decided the number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Limit {
    /// Nothing: it is the desired number.
    None,
    /// The autoscaler's minimum.
    Minimum,
    /// The autoscaler's maximum.
    Maximum,
    /// A policy for up.
    UpPolicy,
    /// A policy for down.
    DownPolicy,
}

fn changed(events: &[Entry], now: Time, period: Duration) -> u32 {
    events
        .iter()
        .filter(|event| within(event, now, period))
        .map(|event| event.replicas)
        .sum()
}

/// Replicas at the start of a policy's period.
fn at_start(current: u32, (added, removed): (&[Entry], &[Entry]), policy: &Policy, now: Time) -> u64 {
    let gone = u64::from(changed(removed, now, policy.period));
    let come = u64::from(changed(added, now, policy.period));
    (u64::from(current) + gone).saturating_sub(come)
}

/// The maximum number of replicas that the policies allow now.
#[must_use]
pub fn most(current: u32, (added, removed): (&[Entry], &[Entry]), rules: &Rules, now: Time) -> u32 {
    if rules.select == Select::Disabled {
        return current;
    }
    let limits = rules.policies.iter().map(|policy| {
        let start = at_start(current, (added, removed), policy, now);
        let limit = match policy.step {
            Step::Pods(pods) => start + u64::from(pods),
            // Rounded up, in floating point as in the controller: 10 % more than 100 are 111.
            Step::Percent(percent) => libm::ceil(start as f64 * (1.0 + f64::from(percent) / 100.0)) as u64,
        };
        u32::try_from(limit).unwrap_or(u32::MAX)
    });
    let chosen = if rules.select == Select::Min {
        limits.min()
    } else {
        limits.max()
    };
    chosen.unwrap_or(current)
}

/// The minimum number of replicas that the policies allow now.
#[must_use]
pub fn fewest(current: u32, (added, removed): (&[Entry], &[Entry]), rules: &Rules, now: Time) -> u32 {
    if rules.select == Select::Disabled {
        return current;
    }
    let limits = rules.policies.iter().map(|policy| {
        let start = at_start(current, (added, removed), policy, now);
        let limit = match policy.step {
            Step::Pods(pods) => start.saturating_sub(u64::from(pods)),
            // Rounded down, in floating point as in the controller: 90 % less than 10 are 0.
            Step::Percent(percent) => (start as f64 * (1.0 - f64::from(percent) / 100.0)) as u64,
        };
        u32::try_from(limit).unwrap_or(u32::MAX)
    });
    let chosen = if rules.select == Select::Min {
        limits.max()
    } else {
        limits.min()
    };
    chosen.unwrap_or(current)
}

/// The desired number, limited by minimum, maximum and policies. `added` and `removed` are the changes of the
/// past.
#[must_use]
pub fn limit(
    (current, desired): (u32, u32),
    (minimum, maximum): (u32, u32),
    (up, down): (&Rules, &Rules),
    (added, removed): (&[Entry], &[Entry]),
    now: Time,
) -> (u32, Limit) {
    if desired > current {
        let policy = most(current, (added, removed), up, now).max(current);
        let (allowed, limit) = if maximum > policy {
            (policy, Limit::UpPolicy)
        } else {
            (maximum, Limit::Maximum)
        };
        if desired > allowed {
            return (allowed, limit);
        }
    } else if desired < current {
        let policy = fewest(current, (added, removed), down, now).min(current);
        let (allowed, limit) = if minimum < policy {
            (policy, Limit::DownPolicy)
        } else {
            (minimum, Limit::Minimum)
        };
        if desired < allowed {
            return (allowed, limit);
        }
    }
    (desired, Limit::None)
}

/// Without a behaviour: at most twice the current number, or four, and within minimum and maximum.
#[must_use]
pub fn limit_plainly((current, desired): (u32, u32), (minimum, maximum): (u32, u32)) -> (u32, Limit) {
    let most = current.saturating_mul(2).max(4);
    if desired < minimum {
        (minimum, Limit::Minimum)
    } else if desired > most && most < maximum {
        (most, Limit::UpPolicy)
    } else if desired > maximum {
        (maximum, Limit::Maximum)
    } else {
        (desired, Limit::None)
    }
}
