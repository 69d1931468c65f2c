use super::*;
use crate::chance::Streams;
use crate::outcome::{Outcome, Role};

fn run(setup: &Setup, streams: &Streams) -> Outcome {
    tell::tell(setup, &course::course(setup, streams))
}

fn setup() -> Setup {
    Setup {
        name: "api".into(),
        replicas: 8,
        surge: 2,
        unavailable: 0,
        start_up: Some(Duration::from_secs(20)),
        probed: true,
        readiness: (Duration::ZERO, Duration::from_secs(10)),
        pause: Duration::ZERO,
        grace: Duration::from_secs(30),
        lag: Duration::from_secs(2),
        longest: None,
        rate: 800.0,
        capacity: Some(150.0),
        connections: Some(20),
    }
}

fn figure(out: &Outcome, name: &str) -> f64 {
    out.figures.iter().find(|f| f.name == name).unwrap().value
}

fn mean(setup: &Setup, name: &str) -> f64 {
    (0..40)
        .map(|run_| figure(&run(setup, &Streams::new(1, run_)), name))
        .sum::<f64>()
        / 40.0
}

#[test]
fn each_stopping_pod_refuses_its_share_until_proxies_are_updated() {
    // 8 pods of 100 a second each, informed within 0 to 2 s: about 1 s × 100 each, a little less while it is
    // one of 9.
    let failed = mean(&setup(), "requests that fail because of it");
    assert!((560.0..=800.0).contains(&failed), "{failed}");
    // 10 pods of 20 connections.
    assert_eq!(
        mean(&setup(), "maximum database connections, old and new together"),
        200.0
    );
    // Of the requests during the rollout, about 800 × 105 s: 0.8 %.
    let share = mean(&setup(), "share of the requests in that time");
    let expected = failed / (800.0 * mean(&setup(), "time that the rollout takes")) * 100.0;
    assert!((share - expected).abs() < 0.05 * expected, "{share} {expected}");
    assert_eq!(mean(&setup(), "fewest ready replicas"), 8.0);
    // Four rounds of two, each 20 s and up to a check's period.
    let time = mean(&setup(), "time that the rollout takes");
    assert!((80.0..=125.0).contains(&time), "{time}");
}

#[test]
fn a_pause_longer_than_the_update_of_proxies_loses_nothing() {
    let paused = Setup {
        pause: Duration::from_secs(5),
        ..setup()
    };
    assert_eq!(mean(&paused, "requests that fail because of it"), 0.0);
    assert!(
        run(&paused, &Streams::new(1, 0))
            .moments
            .iter()
            .all(|m| m.role != Role::Cause)
    );
}

#[test]
fn without_a_readiness_probe_new_pods_get_requests_too_early() {
    let blind = Setup {
        pause: Duration::from_secs(5),
        probed: false,
        readiness: (Duration::ZERO, Duration::ZERO),
        capacity: None,
        ..setup()
    };
    // 2, 4, 6 and 8 of 8 to 10 pods are new after this many seconds, and all of them cannot serve for 20 s:
    // in the end no pod serves for a while. 8 pods × 100 a second × 20 s = 16,000 at most.
    let failed = mean(&blind, "requests that fail because of it");
    assert!((12_000.0..=16_500.0).contains(&failed), "{failed}");
    assert_eq!(mean(&blind, "fewest ready replicas"), 0.0);
    let out = run(&blind, &Streams::new(1, 0));
    assert!(
        out.moments
            .iter()
            .any(|m| m.key == "deaf" && m.role == Role::Cause)
    );
}

#[test]
fn overload_before_the_rollout_is_not_attributed_to_the_rollout() {
    let overloaded = Setup {
        pause: Duration::from_secs(5),
        capacity: Some(50.0),
        ..setup()
    };
    assert_eq!(mean(&overloaded, "requests that fail because of it"), 0.0);
}

#[test]
fn unavailable_pods_reduce_the_capacity() {
    // 4 of 8 may be missing at 800 a second: 4 × 150 carry 600.
    let missing = Setup {
        pause: Duration::from_secs(5),
        surge: 0,
        unavailable: 4,
        ..setup()
    };
    assert_eq!(mean(&missing, "fewest ready replicas"), 4.0);
    assert!(mean(&missing, "requests that fail because of it") > 1000.0);
}
