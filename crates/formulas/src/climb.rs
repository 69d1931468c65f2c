//! How fast a Kubernetes autoscaler adds replicas when its metric asks for the maximum.

use cofferdam_model::scaling::ScalingBehaviour;
use cofferdam_model::workload::Amount;

/// The controller's period, in seconds. Source: Kubernetes documentation, `--horizontal-pod-autoscaler-sync-period`.
pub const SYNC: u64 = 15;
/// An autoscaler is followed for this time at most, in seconds.
const LONGEST: u64 = 3600;

/// Replicas over time when the metric demands the maximum from time 0 and pods are ready at once, with the
/// load beginning just after a sync. The policies bound how many replicas may be added in their period.
/// Source: Kubernetes documentation, "Configurable scaling behavior".
///
/// `None` is an autoscaler without a `behavior`. It adds up to twice as many replicas, or four, at each sync
/// (the controller's older algorithm).
#[must_use]
pub fn climb(min: u32, max: u32, up: Option<&ScalingBehaviour>) -> Vec<(u64, u32)> {
    let Some(up) = up else {
        let each = |&(at, replicas): &(u64, u32)| {
            (replicas < max).then(|| (at + SYNC, replicas.saturating_mul(2).max(4).min(max)))
        };
        return std::iter::successors(Some((0, min)), each).collect();
    };
    let stabilization = up.stabilization.as_ref().map_or(0, |s| s.value.as_secs());
    let disabled = up.select.as_ref().is_some_and(|s| s.value == "Disabled");
    let smallest = up.select.as_ref().is_some_and(|s| s.value == "Min");
    let mut history: Vec<(u64, u32)> = vec![(0, min)];
    let mut now = SYNC;
    let mut replicas = min;
    while replicas < max && now <= LONGEST && !disabled {
        // The recommendation is the minimum of the window, so it rises only when the whole window is under
        // load.
        if now >= stabilization {
            let limits = limits(up).into_iter().map(|(amount, period)| {
                let base = history
                    .iter()
                    .rev()
                    .find(|(at, _)| at + period <= now)
                    .map_or(min, |(_, n)| *n);
                match amount {
                    Amount::Count(n) => base.saturating_add(n),
                    Amount::Percent(p) => (f64::from(base) * (1.0 + p / 100.0)).ceil() as u32,
                }
            });
            let allowed = if smallest { limits.min() } else { limits.max() }.unwrap_or(max);
            let next = allowed.clamp(replicas, max);
            if next > replicas {
                replicas = next;
                history.push((now, replicas));
            }
        }
        now += SYNC;
    }
    history
}

/// The policies, or Kubernetes' defaults if none are set: 100 % or 4 pods each 15 s, whichever is larger.
fn limits(up: &ScalingBehaviour) -> Vec<(Amount, u64)> {
    if up.policies.is_empty() {
        return vec![(Amount::Percent(100.0), 15), (Amount::Count(4), 15)];
    }
    up.policies
        .iter()
        .map(|p| (p.amount.value, p.period.value.as_secs()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use cofferdam_model::scaling::ScalingPolicy;
    use cofferdam_model::{Fact, FileId, Span};
    use std::time::Duration;

    fn fact<T>(value: T, at: usize) -> Fact<T> {
        Fact::declared(value, Span::new(FileId(0), at, at + 1))
    }

    fn up(stabilization: u64) -> ScalingBehaviour {
        ScalingBehaviour {
            stabilization: Some(fact(Duration::from_secs(stabilization), 1)),
            policies: vec![ScalingPolicy {
                amount: fact(Amount::Percent(100.0), 2),
                period: fact(Duration::from_secs(30), 3),
            }],
            ..ScalingBehaviour::default()
        }
    }

    #[test]
    fn doubling_every_30_seconds_with_a_minute_of_stabilisation_reaches_fifty_at_180() {
        // First step at 60 s, then 8 at 90, 16 at 120, 32 at 150, 50 (the maximum) at 180.
        let path = climb(2, 50, Some(&up(60)));
        assert_eq!(path, [(0, 2), (60, 4), (90, 8), (120, 16), (150, 32), (180, 50)]);
    }

    #[test]
    fn without_stabilisation_the_maximum_is_reached_a_minute_sooner() {
        // The load begins just after a sync: the first step is at 30 s by the policy's period.
        let (at, n) = *climb(2, 50, Some(&up(0))).last().unwrap();
        assert_eq!(n, 50);
        assert!((120..=150).contains(&at), "{at}");
    }

    #[test]
    fn a_disabled_policy_never_scales_and_defaults_are_those_of_kubernetes() {
        let mut off = up(0);
        off.select = Some(fact("Disabled".to_owned(), 9));
        assert_eq!(climb(2, 50, Some(&off)), [(0, 2)]);
        // Defaults each 15 s: 2 → 6 (4 pods) → 12 → 24 → 48 → 50.
        let path = climb(2, 50, Some(&ScalingBehaviour::default()));
        assert_eq!(path, [(0, 2), (15, 6), (30, 12), (45, 24), (60, 48), (75, 50)]);
        // Without any behaviour, at most twice as many or four: 1 → 4 → 8 → 10.
        assert_eq!(climb(1, 10, None), [(0, 1), (15, 4), (30, 8), (45, 10)]);
    }
}
