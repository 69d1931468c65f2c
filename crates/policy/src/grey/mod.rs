//! Detects a partially failing target: compares its success rate with that of its peers.
//!
//! With 10 % loss to one target, a breaker that needs 50 % never opens and a health check passes nine times
//! in ten, while a tenth of the users get errors. The target is recognised because its peers do better at the
//! same time under the same kind of load. If all do badly together no target is grey: that is an outage, or a
//! fault of the callers, and moving load would not help.
//!
//! Calls are counted by interval, and at each interval's end the target is compared with all peers that are
//! not grey themselves by the two-proportion test ([`deviations`]). Intervals share no calls, so
//! confirmations are independent: 4 standard deviations happen by chance once in 31,600 comparisons, and
//! twice in a row once in 10^9.

use std::fmt;
use std::time::Duration;

use crate::Time;
use crate::window::{Counts, Outcome, share};

/// By how many standard deviations the share of bad calls in the first sample exceeds that in the second,
/// under the assumption that both have the same: with `p = (bad + other_bad) / (calls + other_calls)`,
///
/// `z = (bad/calls − other_bad/other_calls) / √(p (1 − p) (1/calls + 1/other_calls))`
///
/// Source: NIST/SEMATECH e-Handbook of Statistical Methods, 7.3.3 "How can we determine whether two processes
/// produce the same proportion of defectives?". 0 if there is nothing to compare: an empty sample, or no call
/// or every call bad in both.
#[must_use]
pub fn deviations((bad, calls): (u64, u64), (other_bad, other_calls): (u64, u64)) -> f64 {
    let pooled = share(bad + other_bad, calls + other_calls);
    let (n, m) = (calls as f64, other_calls as f64);
    let variance = pooled * (1.0 - pooled) * (1.0 / n + 1.0 / m);
    if calls == 0 || other_calls == 0 || variance <= 0.0 {
        return 0.0;
    }
    (share(bad, calls) - share(other_bad, other_calls)) / variance.sqrt()
}

/// How much worse than its peers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bound {
    /// In standard deviations of the comparison, see [`deviations`]: whether it is chance.
    pub deviations: f64,
    /// In share of calls, in `[0, 1]`: whether it matters. Among millions of calls any difference is
    /// significant.
    pub difference: f64,
}

/// The configuration of a [`GreyDetector`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GreyConfig {
    /// How long calls are counted before they are compared.
    pub interval: Duration,
    /// Calls that both sides must have in an interval; with fewer, nothing changes.
    pub minimum_calls: u32,
    /// Bad calls that a target needs in an interval to count as grey. The test's normal approximation is poor
    /// below about 5.
    pub minimum_bad: u32,
    /// Grey at both of these.
    pub suspect: Bound,
    /// No longer grey below either of these.
    pub clear: Bound,
    /// This many intervals in a row must agree, in both directions. An interval with too few calls is ignored
    /// and does not interrupt.
    pub confirmations: u32,
    /// Whether slow successes are bad calls. Lost packets are sent again, so they appear as slowness first.
    pub slow_is_bad: bool,
}

impl Default for GreyConfig {
    /// 10 s, 100 calls and 5 bad ones; grey at 4 deviations and 2 points, cleared below 2 or 1; two intervals; slow
    /// calls are bad.
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(10),
            minimum_calls: 100,
            minimum_bad: 5,
            suspect: Bound {
                deviations: 4.0,
                difference: 0.02,
            },
            clear: Bound {
                deviations: 2.0,
                difference: 0.01,
            },
            confirmations: 2,
            slow_is_bad: true,
        }
    }
}

impl GreyConfig {
    /// Checks the configuration.
    ///
    /// # Errors
    ///
    /// [`GreyError`] names the first error.
    pub fn check(&self) -> Result<(), GreyError> {
        if self.interval.is_zero() || u64::try_from(self.interval.as_nanos()).is_err() {
            return Err(GreyError::Interval(self.interval));
        }
        if self.minimum_calls == 0 {
            return Err(GreyError::MinimumCalls);
        }
        if self.confirmations == 0 {
            return Err(GreyError::Confirmations);
        }
        for bound in [self.suspect, self.clear] {
            if !(bound.deviations > 0.0 && bound.deviations.is_finite()) {
                return Err(GreyError::Deviations(bound.deviations));
            }
            if !(bound.difference >= 0.0 && bound.difference < 1.0) {
                return Err(GreyError::Difference(bound.difference));
            }
        }
        if self.clear.deviations > self.suspect.deviations || self.clear.difference > self.suspect.difference
        {
            return Err(GreyError::Hysteresis);
        }
        Ok(())
    }
}

/// An error in the configuration of a detector.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum GreyError {
    /// No interval, or one of more than 584 years.
    #[error("calls cannot be compared every {0:?}")]
    Interval(Duration),
    /// It would judge by no calls.
    #[error("a comparison needs 1 call or more, not 0")]
    MinimumCalls,
    /// It would decide without an interval.
    #[error("a verdict needs 1 interval or more, not 0")]
    Confirmations,
    /// Not a distance.
    #[error("a bound lies above 0 standard deviations, not at {0}")]
    Deviations(f64),
    /// Not a difference between shares.
    #[error("a difference between shares is at least 0 and below 1, not {0}")]
    Difference(f64),
    /// It would flap.
    #[error("a target is cleared at bounds no wider than those that make it suspect")]
    Hysteresis,
}

/// One interval's calls to a target compared with those to its peers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Comparison {
    /// The target's bad calls.
    pub bad: u64,
    /// The target's calls.
    pub calls: u64,
    /// The peers' bad calls.
    pub peers_bad: u64,
    /// The peers' calls.
    pub peers_calls: u64,
    /// By how many standard deviations the target is worse.
    pub deviations: f64,
    /// By what share of calls the target is worse.
    pub difference: f64,
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            bad,
            calls,
            peers_bad,
            peers_calls,
            deviations,
            ..
        } = self;
        write!(
            f,
            "{bad} of {calls} calls bad against {peers_bad} of {peers_calls} at its peers \
             ({deviations:.1} standard deviations)"
        )
    }
}

/// The state of a target.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Standing {
    /// It is not suspect.
    Good,
    /// It is worse than its peers.
    Grey {
        /// The end of the interval that confirmed it.
        since: Time,
        /// The result of that interval.
        shown: Comparison,
    },
}

impl Standing {
    /// Whether it is worse than its peers.
    #[must_use]
    pub const fn is_grey(&self) -> bool {
        matches!(self, Self::Grey { .. })
    }
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Good => f.write_str("as good as its peers"),
            Self::Grey { since, shown } => write!(f, "worse than its peers since {since}: {shown}"),
        }
    }
}

/// Compares targets that do the same work.
#[derive(Debug)]
pub struct GreyDetector {
    config: GreyConfig,
    targets: Box<[Target]>,
    /// When the current interval ends. Intervals end at multiples of their length.
    due: Time,
}

#[derive(Debug, Clone, Copy)]
struct Target {
    standing: Standing,
    counts: Counts,
    /// Intervals in a row that contradict the current state.
    against: u32,
    /// The result of the latest interval with enough calls.
    latest: Option<Comparison>,
}

impl Target {
    const NEW: Self = Self {
        standing: Standing::Good,
        counts: Counts {
            success: 0,
            slow: 0,
            failure: 0,
        },
        against: 0,
        latest: None,
    };
}

impl GreyDetector {
    /// A detector of this many targets, numbered from 0, without data. This is the only place that allocates.
    ///
    /// # Errors
    ///
    /// [`GreyError`] if `config` is invalid.
    pub fn new(config: GreyConfig, targets: usize) -> Result<Self, GreyError> {
        config.check()?;
        let due = Time::ZERO + config.interval;
        Ok(Self {
            config,
            targets: vec![Target::NEW; targets].into(),
            due,
        })
    }

    /// Adds a call to a target that ended now. Do not add calls that never reached it. A target that does not
    /// exist is ignored.
    pub fn record(&mut self, now: Time, target: usize, outcome: Outcome) {
        self.catch_up(now);
        if let Some(target) = self.targets.get_mut(target) {
            target.counts.add(outcome);
        }
    }

    /// The state of a target now; one that does not exist is not suspect.
    pub fn standing(&mut self, now: Time, target: usize) -> Standing {
        self.catch_up(now);
        self.targets
            .get(target)
            .map_or(Standing::Good, |target| target.standing)
    }

    /// The result for a target of the latest interval in which it and its peers had enough calls.
    pub fn comparison(&mut self, now: Time, target: usize) -> Option<Comparison> {
        self.catch_up(now);
        self.targets.get(target)?.latest
    }

    /// Forgets a target, because another has taken its place.
    pub fn forget(&mut self, now: Time, target: usize) {
        self.catch_up(now);
        if let Some(target) = self.targets.get_mut(target) {
            *target = Target::NEW;
        }
    }

    /// Judges the interval that has ended, if one has. Later ones that have ended too had no calls.
    fn catch_up(&mut self, now: Time) {
        if now < self.due {
            return;
        }
        self.judge(self.due);
        // `check` has made sure that it fits.
        let interval = self.config.interval.as_nanos() as u64;
        let ended = now.as_nanos() / interval;
        self.due = Time::from_nanos(ended.saturating_mul(interval)) + self.config.interval;
    }

    /// Compares every target with the others that were not grey during the interval.
    fn judge(&mut self, end: Time) {
        let good = self.targets.iter().filter(|target| !target.standing.is_grey());
        let (mut good_bad, mut good_calls) = (0, 0);
        for target in good {
            good_bad += self.config.bad(&target.counts);
            good_calls += target.counts.total();
        }
        for target in &mut self.targets {
            let bad = self.config.bad(&target.counts);
            let calls = std::mem::take(&mut target.counts).total();
            let own = if target.standing.is_grey() {
                (0, 0)
            } else {
                (bad, calls)
            };
            let peers = (good_bad - own.0, good_calls - own.1);
            if calls.min(peers.1) < u64::from(self.config.minimum_calls) {
                continue;
            }
            let shown = Comparison {
                bad,
                calls,
                peers_bad: peers.0,
                peers_calls: peers.1,
                deviations: deviations((bad, calls), peers),
                difference: share(bad, calls) - share(peers.0, peers.1),
            };
            target.hear(&self.config, end, shown);
        }
    }
}

impl GreyConfig {
    fn bad(&self, counts: &Counts) -> u64 {
        counts.failure + if self.slow_is_bad { counts.slow } else { 0 }
    }

    /// Whether an interval contradicts the current state.
    fn speaks_against(&self, standing: Standing, shown: &Comparison) -> bool {
        let Comparison {
            bad,
            deviations,
            difference,
            ..
        } = *shown;
        match standing {
            Standing::Good => {
                bad >= u64::from(self.minimum_bad)
                    && deviations >= self.suspect.deviations
                    && difference >= self.suspect.difference
            }
            Standing::Grey { .. } => deviations < self.clear.deviations || difference < self.clear.difference,
        }
    }
}

impl Target {
    /// Processes the result of an interval.
    fn hear(&mut self, config: &GreyConfig, end: Time, shown: Comparison) {
        self.latest = Some(shown);
        if !config.speaks_against(self.standing, &shown) {
            self.against = 0;
            return;
        }
        self.against += 1;
        if self.against >= config.confirmations {
            self.against = 0;
            self.standing = match self.standing {
                Standing::Good => Standing::Grey { since: end, shown },
                Standing::Grey { .. } => Standing::Good,
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(seconds: u64) -> Time {
        Time::ZERO + Duration::from_secs(seconds)
    }

    fn detector(targets: usize) -> GreyDetector {
        GreyDetector::new(GreyConfig::default(), targets).unwrap()
    }

    /// Gives each target 1,000 calls in the interval that begins at `from`, of which this many fail.
    fn interval(detector: &mut GreyDetector, from: u64, failures: &[u64]) {
        for (target, failures) in failures.iter().enumerate() {
            for call in 0..1000 {
                let outcome = if call < *failures {
                    Outcome::Failure
                } else {
                    Outcome::Success
                };
                detector.record(at(from), target, outcome);
            }
        }
    }

    fn grey(detector: &mut GreyDetector, now: Time) -> Vec<usize> {
        let targets = detector.targets.len();
        (0..targets)
            .filter(|target| detector.standing(now, *target).is_grey())
            .collect()
    }

    #[test]
    fn the_statistic_equals_values_computed_by_hand() {
        // p = 110/3000; √(0.0366667 × 0.9633333 × (1/1000 + 1/2000)) = 0.00727896; 0.095 / that.
        assert!((deviations((100, 1000), (10, 2000)) - 13.0513).abs() < 1e-4);
        // p = 20/200 = 0.1; √(0.1 × 0.9 × 0.02) = 0.0424264; 0.1 / that.
        assert!((deviations((15, 100), (5, 100)) - 2.35702).abs() < 1e-5);
        // p = 395/540, and the first has fewer: 0.7 − 0.75 = −0.05; / 0.0394940.
        assert!((deviations((140, 200), (255, 340)) + 1.26602).abs() < 1e-5);
    }

    #[test]
    fn without_peers_there_is_no_difference() {
        for (a, b) in [
            ((0, 0), (0, 0)),
            ((5, 10), (0, 0)),
            ((0, 10), (0, 20)),
            ((10, 10), (20, 20)),
        ] {
            assert_eq!(deviations(a, b), 0.0, "{a:?} {b:?}");
        }
    }

    #[test]
    fn ten_percent_loss_at_one_target_is_detected_after_two_intervals() {
        let mut detector = detector(3);
        interval(&mut detector, 0, &[100, 5, 5]);
        assert_eq!(grey(&mut detector, at(10)), []);
        interval(&mut detector, 10, &[100, 5, 5]);
        assert_eq!(grey(&mut detector, at(19)), []);
        let standing = detector.standing(at(20), 0);
        assert_eq!(
            standing.to_string(),
            "worse than its peers since +00:20.000: 100 of 1000 calls bad against 10 of 2000 at its peers \
             (13.1 standard deviations)"
        );
        assert_eq!(grey(&mut detector, at(20)), [0]);
    }

    #[test]
    fn a_slow_target_is_grey_unless_latency_is_disabled() {
        for slow_is_bad in [true, false] {
            let config = GreyConfig {
                slow_is_bad,
                ..GreyConfig::default()
            };
            let mut detector = GreyDetector::new(config, 2).unwrap();
            for call in 0..4000_u64 {
                let outcome = if call % 20 == 0 {
                    Outcome::Slow
                } else {
                    Outcome::Success
                };
                // The even target has all the slow calls: a tenth of its own.
                detector.record(Time::from_nanos(call * 5_000_000), (call % 2) as usize, outcome);
            }
            assert_eq!(detector.standing(at(20), 0).is_grey(), slow_is_bad);
            assert!(!detector.standing(at(20), 1).is_grey());
        }
    }

    #[test]
    fn an_outage_of_all_targets_makes_none_grey() {
        let mut detector = detector(3);
        for from in [0, 10, 20, 30] {
            interval(&mut detector, from, &[500, 500, 500]);
        }
        assert_eq!(grey(&mut detector, at(40)), []);
    }

    #[test]
    fn one_bad_interval_is_not_enough_and_one_good_one_does_not_clear() {
        let mut detector = detector(2);
        for (from, failures) in [(0, 100), (10, 5), (20, 100), (30, 5)] {
            interval(&mut detector, from, &[failures, 5]);
        }
        assert_eq!(grey(&mut detector, at(40)), []);
        for (from, failures, expected) in [
            (40, 100, vec![]),
            (50, 100, vec![0]),
            (60, 5, vec![0]),
            (70, 100, vec![0]),
            (80, 5, vec![0]),
            (90, 5, vec![]),
        ] {
            interval(&mut detector, from, &[failures, 5]);
            assert_eq!(grey(&mut detector, at(from + 10)), expected, "{from}");
        }
    }

    #[test]
    fn between_the_thresholds_the_state_does_not_change() {
        // 1.5 points: between 1 and 2. p = 25/2000; √(0.0125 × 0.9875 × 0.002) = 0.00496864; 0.015 / that = 3.02.
        let mut good = detector(2);
        for from in [0, 10, 20] {
            interval(&mut good, from, &[20, 5]);
        }
        assert_eq!(grey(&mut good, at(30)), []);
        let mut bad = detector(2);
        for from in [0, 10] {
            interval(&mut bad, from, &[100, 5]);
        }
        for from in [20, 30, 40] {
            interval(&mut bad, from, &[20, 5]);
        }
        assert_eq!(grey(&mut bad, at(50)), [0]);
    }

    #[test]
    fn too_few_calls_do_not_change_the_state() {
        let mut detector = detector(2);
        interval(&mut detector, 0, &[100, 5]);
        // 99 calls to the first, all bad.
        for _ in 0..99 {
            detector.record(at(10), 0, Outcome::Failure);
        }
        assert_eq!(grey(&mut detector, at(20)), []);
        interval(&mut detector, 20, &[100, 5]);
        assert_eq!(grey(&mut detector, at(30)), [0]);
        // A target without load keeps its state.
        assert_eq!(grey(&mut detector, at(3000)), [0]);
        detector.forget(at(3000), 0);
        assert_eq!(grey(&mut detector, at(3000)), []);
    }

    #[test]
    fn a_grey_target_is_not_a_peer() {
        let mut detector = detector(3);
        for from in [0, 10] {
            interval(&mut detector, from, &[400, 5, 5]);
        }
        interval(&mut detector, 20, &[400, 60, 5]);
        let shown = detector.comparison(at(30), 1).unwrap();
        assert_eq!((shown.peers_bad, shown.peers_calls), (5, 1000));
        interval(&mut detector, 30, &[400, 60, 5]);
        assert_eq!(grey(&mut detector, at(40)), [0, 1]);
    }

    #[test]
    fn an_invalid_configuration_names_its_error() {
        let good = GreyConfig::default();
        let bound = Bound {
            deviations: 5.0,
            difference: 0.0,
        };
        for (config, error) in [
            (
                GreyConfig {
                    interval: Duration::ZERO,
                    ..good
                },
                GreyError::Interval(Duration::ZERO),
            ),
            (
                GreyConfig {
                    interval: Duration::MAX,
                    ..good
                },
                GreyError::Interval(Duration::MAX),
            ),
            (
                GreyConfig {
                    minimum_calls: 0,
                    ..good
                },
                GreyError::MinimumCalls,
            ),
            (
                GreyConfig {
                    confirmations: 0,
                    ..good
                },
                GreyError::Confirmations,
            ),
            (GreyConfig { clear: bound, ..good }, GreyError::Hysteresis),
            (
                GreyConfig {
                    clear: Bound {
                        deviations: 0.0,
                        ..bound
                    },
                    ..good
                },
                GreyError::Deviations(0.0),
            ),
            (
                GreyConfig {
                    suspect: Bound {
                        difference: 2.0,
                        ..bound
                    },
                    ..good
                },
                GreyError::Difference(2.0),
            ),
        ] {
            assert_eq!(GreyDetector::new(config, 2).unwrap_err(), error);
        }
    }

    #[test]
    fn the_maximum_time_is_accepted() {
        let mut detector = detector(2);
        detector.record(Time::MAX, 0, Outcome::Failure);
        detector.record(Time::MAX, 2, Outcome::Failure);
        assert_eq!(detector.standing(Time::MAX, 0), Standing::Good);
    }

    proptest! {
        /// Not every target can be worse than the others, and none is grey while all have the same share.
        #[test]
        fn some_target_is_always_good(
            targets in 1_usize..8,
            intervals in prop::collection::vec(prop::collection::vec(0_u64..=1000, 8), 1..8),
        ) {
            let mut detector = detector(targets);
            for (n, failures) in (0..).zip(&intervals) {
                interval(&mut detector, n * 10, &failures[..targets]);
                prop_assert!(grey(&mut detector, at(n * 10 + 10)).len() < targets);
            }
        }

        #[test]
        fn the_statistic_is_antisymmetric_and_finite(
            calls in 0_u64..10_000,
            others in 0_u64..10_000,
            a in 0.0_f64..=1.0,
            b in 0.0_f64..=1.0,
        ) {
            let first = ((calls as f64 * a) as u64, calls);
            let second = ((others as f64 * b) as u64, others);
            let z = deviations(first, second);
            prop_assert!(z.is_finite());
            prop_assert!((z + deviations(second, first)).abs() <= 1e-9 * z.abs());
        }
    }
}
