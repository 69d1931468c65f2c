use proptest::prelude::*;

use super::GreyDetector;
use super::comparison::{Bound, Standing, deviations};
use super::config::{GreyConfig, GreyError};
use crate::Time;
use crate::window::Outcome;
use std::time::Duration;

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
    assert!(grey(&mut detector, at(10)).is_empty());
    interval(&mut detector, 10, &[100, 5, 5]);
    assert!(grey(&mut detector, at(19)).is_empty());
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
    assert!(grey(&mut detector, at(40)).is_empty());
}

#[test]
fn one_bad_interval_is_not_enough_and_one_good_one_does_not_clear() {
    let mut detector = detector(2);
    for (from, failures) in [(0, 100), (10, 5), (20, 100), (30, 5)] {
        interval(&mut detector, from, &[failures, 5]);
    }
    assert!(grey(&mut detector, at(40)).is_empty());
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
    assert!(grey(&mut good, at(30)).is_empty());
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
    assert!(grey(&mut detector, at(20)).is_empty());
    interval(&mut detector, 20, &[100, 5]);
    assert_eq!(grey(&mut detector, at(30)), [0]);
    // A target without load keeps its state.
    assert_eq!(grey(&mut detector, at(3000)), [0]);
    detector.forget(at(3000), 0);
    assert!(grey(&mut detector, at(3000)).is_empty());
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
