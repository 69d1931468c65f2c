use proptest::prelude::*;

use super::*;
use crate::window::{WindowConfig, WindowError};

fn at(seconds: f64) -> Time {
    Time::from_secs_f64(seconds)
}

fn breaker(config: BreakerConfig) -> Breaker {
    Breaker::new(config).unwrap()
}

/// Makes a call that ends at once.
fn call(breaker: &mut Breaker, now: Time, outcome: Outcome) -> Recorded {
    let permit = breaker.acquire(now).unwrap();
    breaker.record(now, permit, outcome)
}

/// Fails until it opens.
fn trip(breaker: &mut Breaker, now: Time) {
    for _ in 0..1000 {
        if let Recorded::Opened(_) = call(breaker, now, Outcome::Failure) {
            return;
        }
    }
    panic!("it never opened");
}

#[test]
fn five_failures_in_a_row_open_the_database_breaker_for_sixty_seconds() {
    let mut breaker = breaker(BreakerConfig::database());
    for _ in 0..4 {
        assert_eq!(call(&mut breaker, at(1.0), Outcome::Failure), Recorded::Counted);
    }
    // A success between them restarts the count.
    assert_eq!(call(&mut breaker, at(1.0), Outcome::Success), Recorded::Counted);
    for _ in 0..4 {
        assert_eq!(call(&mut breaker, at(2.0), Outcome::Failure), Recorded::Counted);
    }
    assert_eq!(
        call(&mut breaker, at(2.0), Outcome::Failure),
        Recorded::Opened(Cause::InARow(5))
    );
    let rejection = breaker.acquire(at(12.0)).unwrap_err();
    assert_eq!(rejection.reason, RejectReason::Open(Cause::InARow(5)));
    assert_eq!(rejection.retry_after, Some(Duration::from_secs(50)));
    assert_eq!(rejection.to_string(), "the breaker is open: 5 failures in a row");
    assert!(breaker.acquire(at(61.999)).is_err());
    let probe = breaker.acquire(at(62.0)).unwrap();
    assert!(probe.is_probe());
    assert_eq!(
        breaker.record(at(62.1), probe, Outcome::Success),
        Recorded::Closed
    );
    assert_eq!(breaker.state(at(62.1)), State::Closed);
}

#[test]
fn the_documented_breakers_open_at_their_thresholds() {
    for (config, failures, open) in [
        (BreakerConfig::database(), 5, 60),
        (BreakerConfig::kafka(), 10, 30),
        (BreakerConfig::connector(), 5, 300),
    ] {
        let mut breaker = breaker(config);
        for _ in 1..failures {
            assert_eq!(
                call(&mut breaker, Time::ZERO, Outcome::Failure),
                Recorded::Counted
            );
        }
        let opened = call(&mut breaker, Time::ZERO, Outcome::Failure);
        assert_eq!(opened, Recorded::Opened(Cause::InARow(failures)));
        let rejection = breaker.acquire(Time::ZERO).unwrap_err();
        assert_eq!(rejection.retry_after, Some(Duration::from_secs(open)));
    }
}

#[test]
fn the_cell_breaker_opens_at_half_and_half_of_ten_probes_decide() {
    let mut breaker = breaker(BreakerConfig::cell());
    for n in 0..20 {
        let outcome = if n % 2 == 0 {
            Outcome::Success
        } else {
            Outcome::Failure
        };
        let recorded = call(&mut breaker, at(1.0), outcome);
        // 10 of 20 is half, and 20 is the minimum.
        let opens = Recorded::Opened(Cause::Failed {
            failures: 10,
            calls: 20,
        });
        assert_eq!(recorded, if n == 19 { opens } else { Recorded::Counted });
    }
    // Five failures of ten: half, so it opens again at the fifth.
    for n in 1..=4 {
        assert_eq!(
            call(&mut breaker, at(31.0), Outcome::Success),
            Recorded::Counted,
            "{n}"
        );
        assert_eq!(
            call(&mut breaker, at(31.0), Outcome::Failure),
            Recorded::Counted,
            "{n}"
        );
    }
    let again = Recorded::Opened(Cause::Probes { failed: 5, of: 10 });
    assert_eq!(call(&mut breaker, at(31.0), Outcome::Failure), again);
    // Four of ten: it closes at the sixth success.
    for _ in 0..4 {
        assert_eq!(call(&mut breaker, at(61.0), Outcome::Failure), Recorded::Counted);
    }
    for _ in 0..5 {
        assert_eq!(call(&mut breaker, at(61.0), Outcome::Success), Recorded::Counted);
    }
    assert_eq!(call(&mut breaker, at(61.0), Outcome::Success), Recorded::Closed);
}

#[test]
fn a_failure_rate_counts_only_from_the_minimum_and_a_success_can_reach_it() {
    let config = BreakerConfig {
        minimum_calls: 10,
        failure_share: Some(0.9),
        ..BreakerConfig::default()
    };
    let mut breaker = breaker(config);
    for _ in 0..9 {
        assert_eq!(call(&mut breaker, at(0.0), Outcome::Failure), Recorded::Counted);
    }
    let recorded = call(&mut breaker, at(0.0), Outcome::Success);
    assert_eq!(
        recorded,
        Recorded::Opened(Cause::Failed {
            failures: 9,
            calls: 10
        })
    );
}

#[test]
fn slow_successes_open_it_and_a_slow_probe_does_not_close_it() {
    let slow = SlowCalls {
        after: Duration::from_secs(2),
        share: 0.5,
    };
    let config = BreakerConfig {
        failure_share: None,
        slow: Some(slow),
        minimum_calls: 4,
        probes: 1,
        success_threshold: 1,
        ..BreakerConfig::default()
    };
    let mut breaker = breaker(config);
    let mut last = None;
    for (begun, took) in [(10.0, 0.1), (20.0, 2.0), (30.0, 1.999), (40.0, 3.0)] {
        let permit = breaker.acquire(at(begun)).unwrap();
        last = Some(breaker.record(at(begun + took), permit, Outcome::Success));
    }
    // 2.0 s and 3.0 s are slow: half.
    assert_eq!(last, Some(Recorded::Opened(Cause::Slow { slow: 2, calls: 4 })));
    let probe = breaker.acquire(at(80.0)).unwrap();
    let recorded = breaker.record(at(82.0), probe, Outcome::Success);
    assert_eq!(recorded, Recorded::Opened(Cause::Probes { failed: 1, of: 1 }));
}

#[test]
fn the_open_time_grows_to_its_maximum_and_restarts_after_closing() {
    let config = BreakerConfig {
        open_time: Duration::from_secs(10),
        open_growth: 2.0,
        open_time_cap: Duration::from_secs(35),
        ..BreakerConfig::consecutive(1, Duration::from_secs(10))
    };
    let mut breaker = breaker(config);
    let mut now = at(0.0);
    // 10, 20, then 40 capped to 35, and 35 again.
    for open in [10, 20, 35, 35] {
        assert!(matches!(
            call(&mut breaker, now, Outcome::Failure),
            Recorded::Opened(_)
        ));
        let wait = breaker.acquire(now).unwrap_err().retry_after.unwrap();
        assert_eq!(wait, Duration::from_secs(open));
        now = now + wait;
    }
    assert_eq!(call(&mut breaker, now, Outcome::Success), Recorded::Closed);
    trip(&mut breaker, now);
    assert_eq!(
        breaker.acquire(now).unwrap_err().retry_after,
        Some(Duration::from_secs(10))
    );
}

#[test]
fn half_open_admits_exactly_its_probes_and_an_expired_probe_is_replaced() {
    let config = BreakerConfig {
        probes: 3,
        success_threshold: 3,
        probe_timeout: Duration::from_secs(5),
        ..BreakerConfig::database()
    };
    let mut breaker = breaker(config);
    trip(&mut breaker, at(0.0));
    let first = breaker.acquire(at(60.0)).unwrap();
    let second = breaker.acquire(at(61.0)).unwrap();
    let third = breaker.acquire(at(61.0)).unwrap();
    let rejection = breaker.acquire(at(62.0)).unwrap_err();
    assert_eq!(rejection.reason, RejectReason::ProbesOut(3));
    // The first expires at 65.
    assert_eq!(rejection.retry_after, Some(Duration::from_secs(3)));
    assert_eq!(breaker.state(at(64.999)), State::HalfOpen { free: 0 });
    assert_eq!(breaker.state(at(65.0)), State::HalfOpen { free: 1 });
    let fourth = breaker.acquire(at(65.0)).unwrap();
    assert!(breaker.acquire(at(65.0)).is_err());
    // The first is late, and must not count for the fourth, which has its place.
    let late = breaker.record(at(65.5), first, Outcome::Failure);
    assert_eq!(late, Recorded::Ignored(IgnoreReason::Expired));
    for probe in [second, third] {
        assert_eq!(
            breaker.record(at(65.9), probe, Outcome::Success),
            Recorded::Counted
        );
    }
    assert_eq!(
        breaker.record(at(65.9), fourth, Outcome::Success),
        Recorded::Closed
    );
}

#[test]
fn results_from_before_a_state_change_are_ignored() {
    let mut breaker = breaker(BreakerConfig::database());
    let slow_failure = breaker.acquire(at(0.0)).unwrap();
    let slow_success = breaker.acquire(at(0.0)).unwrap();
    trip(&mut breaker, at(1.0));
    let late = Recorded::Ignored(IgnoreReason::Late);
    assert_eq!(breaker.record(at(30.0), slow_success, Outcome::Success), late);
    let probe = breaker.acquire(at(61.0)).unwrap();
    assert_eq!(breaker.record(at(61.0), slow_failure, Outcome::Failure), late);
    assert_eq!(
        breaker.record(at(61.5), probe, Outcome::Success),
        Recorded::Closed
    );
    assert_eq!(breaker.tally().ignored, 2);
}

#[test]
fn a_permit_of_another_breaker_is_ignored() {
    let mut here = breaker(BreakerConfig::consecutive(1, Duration::from_secs(1)));
    let mut there = breaker(BreakerConfig::consecutive(1, Duration::from_secs(1)));
    let permit = there.acquire(at(0.0)).unwrap();
    let recorded = here.record(at(0.0), permit, Outcome::Failure);
    assert_eq!(recorded, Recorded::Ignored(IgnoreReason::Foreign));
    assert_eq!(here.state(at(0.0)), State::Closed);
}

#[test]
fn a_released_permit_is_ignored_and_frees_its_probe() {
    let mut breaker = breaker(BreakerConfig::database());
    let permit = breaker.acquire(at(0.0)).unwrap();
    breaker.release(at(0.0), permit);
    assert_eq!(breaker.counts(at(0.0)).total(), 0);
    trip(&mut breaker, at(0.0));
    let probe = breaker.acquire(at(60.0)).unwrap();
    assert!(breaker.acquire(at(60.0)).is_err());
    breaker.release(at(60.0), probe);
    assert_eq!(call(&mut breaker, at(60.0), Outcome::Success), Recorded::Closed);
}

#[test]
fn forced_open_rejects_until_released_and_then_probes() {
    let mut breaker = breaker(BreakerConfig::database());
    breaker.set_mode(at(0.0), Mode::ForcedOpen);
    let rejection = breaker.acquire(at(1e6)).unwrap_err();
    assert_eq!(
        rejection,
        Rejection {
            reason: RejectReason::Forced,
            retry_after: None
        }
    );
    breaker.set_mode(at(1e6), Mode::Active);
    let probe = breaker.acquire(at(1e6)).unwrap();
    assert!(probe.is_probe());
    assert!(breaker.acquire(at(1e6)).is_err());
}

#[test]
fn a_disabled_breaker_records_nothing_and_starts_empty() {
    let mut breaker = breaker(BreakerConfig::database());
    trip(&mut breaker, at(0.0));
    breaker.set_mode(at(1.0), Mode::Disabled);
    let unwatched = Recorded::Ignored(IgnoreReason::Unwatched);
    for _ in 0..100 {
        assert_eq!(call(&mut breaker, at(1.0), Outcome::Failure), unwatched);
    }
    breaker.set_mode(at(2.0), Mode::Active);
    assert_eq!(breaker.state(at(2.0)), State::Closed);
    assert_eq!(call(&mut breaker, at(2.0), Outcome::Failure), Recorded::Counted);
}

#[test]
fn an_observing_breaker_admits_all_and_reports_what_it_would_do() {
    let config = BreakerConfig {
        mode: Mode::ObserveOnly,
        ..BreakerConfig::database()
    };
    let mut breaker = breaker(config);
    trip(&mut breaker, at(0.0));
    for _ in 0..7 {
        let permit = breaker.acquire(at(30.0)).unwrap();
        assert_eq!(permit.would_reject(), Some(RejectReason::Open(Cause::InARow(5))));
        // The call would not have been made, so its success does not count.
        let recorded = breaker.record(at(30.0), permit, Outcome::Success);
        assert_eq!(recorded, Recorded::Ignored(IgnoreReason::Shadow));
    }
    let probe = breaker.acquire(at(60.0)).unwrap();
    assert!(probe.is_probe());
    assert_eq!(
        breaker.acquire(at(60.0)).unwrap().would_reject(),
        Some(RejectReason::ProbesOut(1))
    );
    assert_eq!(
        breaker.record(at(60.0), probe, Outcome::Success),
        Recorded::Closed
    );
    let tally = breaker.tally();
    assert_eq!((tally.admitted, tally.rejected, tally.would_reject), (14, 0, 8));
    assert_eq!((tally.opened, tally.closed), (1, 1));
}

#[test]
fn an_observing_breaker_can_be_enabled_in_its_current_state() {
    let mut breaker = breaker(BreakerConfig {
        mode: Mode::ObserveOnly,
        ..BreakerConfig::database()
    });
    trip(&mut breaker, at(0.0));
    breaker.set_mode(at(1.0), Mode::Active);
    assert!(breaker.acquire(at(1.0)).is_err());
}

#[test]
fn an_invalid_configuration_names_its_error() {
    let good = BreakerConfig::default();
    let seconds = Duration::from_secs;
    let slow = |share| {
        Some(SlowCalls {
            after: seconds(1),
            share,
        })
    };
    for (config, message) in [
        (
            BreakerConfig {
                failure_share: None,
                ..good
            },
            "a breaker needs a condition: consecutive failures, a share of failures, or a share of slow calls",
        ),
        (
            BreakerConfig {
                consecutive_failures: Some(0),
                ..good
            },
            "a breaker opens after 1 failure in a row or more, not 0",
        ),
        (
            BreakerConfig {
                failure_share: Some(50.0),
                ..good
            },
            "a share that opens a breaker is above 0 and at most 1, not 50",
        ),
        (
            BreakerConfig {
                slow: slow(f64::NAN),
                ..good
            },
            "a share that opens a breaker is above 0 and at most 1, not NaN",
        ),
        (
            BreakerConfig {
                minimum_calls: 0,
                ..good
            },
            "a breaker judges a share by 1 call or more, not 0",
        ),
        (
            BreakerConfig {
                minimum_calls: 101,
                ..good
            },
            "a window of 100 calls never contains the minimum of 101",
        ),
        (
            BreakerConfig {
                open_time: Duration::ZERO,
                ..good
            },
            "a breaker's open time is longer than zero",
        ),
        (
            BreakerConfig {
                open_growth: 0.5,
                ..good
            },
            "a breaker's open time grows by a factor of 1 or more, not 0.5",
        ),
        (
            BreakerConfig {
                open_time_cap: seconds(1),
                ..good
            },
            "the open time's cap of 1s is below the open time of 30s",
        ),
        (
            BreakerConfig { probes: 0, ..good },
            "a breaker has 1 to 1024 probes, not 0",
        ),
        (
            BreakerConfig {
                probe_timeout: Duration::ZERO,
                ..good
            },
            "a probe expires after longer than zero",
        ),
        (
            BreakerConfig {
                success_threshold: 6,
                ..good
            },
            "6 successes of 5 probes cannot close a breaker",
        ),
    ] {
        assert_eq!(Breaker::new(config).unwrap_err().to_string(), message);
    }
    let window = BreakerConfig {
        window: WindowConfig::Calls(0),
        ..good
    };
    assert_eq!(window.check(), Err(BreakerError::Window(WindowError::Calls(0))));
    for preset in [
        BreakerConfig::default(),
        BreakerConfig::database(),
        BreakerConfig::kafka(),
        BreakerConfig::connector(),
        BreakerConfig::cell(),
    ] {
        assert_eq!(preset.check(), Ok(()));
    }
}

#[test]
fn a_growing_open_time_saturates() {
    assert_eq!(grown(Duration::MAX, 2.0), Duration::MAX);
    assert_eq!(grown(Duration::from_secs(1), f64::MAX), Duration::MAX);
    assert_eq!(
        grown(Duration::from_nanos(12_345_678_901_234_567), 1.0).as_nanos(),
        12_345_678_901_234_567
    );
}

/// The possible actions of a caller.
#[derive(Debug, Clone)]
enum Step {
    Wait(u64),
    Back(u64),
    Acquire,
    Record(prop::sample::Index, Outcome),
    Release(prop::sample::Index),
    Drop(prop::sample::Index),
}

fn step() -> impl Strategy<Value = Step> {
    let outcome = prop_oneof![
        2 => Just(Outcome::Success),
        1 => Just(Outcome::Slow),
        3 => Just(Outcome::Failure)
    ];
    prop_oneof![
        2 => (0_u64..40).prop_map(Step::Wait),
        1 => (0_u64..40).prop_map(Step::Back),
        6 => Just(Step::Acquire),
        5 => (any::<prop::sample::Index>(), outcome).prop_map(|(index, outcome)| Step::Record(index, outcome)),
        1 => any::<prop::sample::Index>().prop_map(Step::Release),
        1 => any::<prop::sample::Index>().prop_map(Step::Drop),
    ]
}

/// Takes one of the permits, if there are any.
fn take(permits: &mut Vec<Permit>, index: prop::sample::Index) -> Option<Permit> {
    (!permits.is_empty()).then(|| permits.swap_remove(index.index(permits.len())))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    /// Whatever callers do, in any order: open means rejected, half-open means at most its probes, and when
    /// all permits have expired, every unreported place is free again.
    #[test]
    fn no_permit_is_lost_or_given_twice(
        probes in 1_u32..6,
        wanted in 1_u32..6,
        steps in prop::collection::vec(step(), 0..300),
    ) {
        let second = Duration::from_secs(1);
        let config = BreakerConfig {
            consecutive_failures: Some(3),
            window: WindowConfig::Time { length: 20 * second, slices: 4 },
            minimum_calls: 5,
            open_time: 10 * second,
            open_time_cap: 40 * second,
            probes,
            success_threshold: wanted.min(probes),
            probe_timeout: 15 * second,
            ..BreakerConfig::default()
        };
        let mut breaker = breaker(config);
        let (mut now, mut latest) = (Time::ZERO, Time::ZERO);
        let mut permits: Vec<Permit> = Vec::new();
        // The probes of the current half-open phase: when they expire, or `None` once reported.
        let mut model: Vec<(u64, Option<Time>)> = Vec::new();
        let mut phase = breaker.generation;
        for step in steps {
            match step {
                Step::Wait(gap) => now = now + Duration::from_secs(gap),
                Step::Back(gap) => now = Time::from_nanos(now.as_nanos().saturating_sub(gap * 1_000_000_000)),
                Step::Acquire => {
                    latest = latest.max(now);
                    let before = breaker.state(now);
                    let decided = breaker.acquire(now);
                    if breaker.generation != phase {
                        phase = breaker.generation;
                        model.clear();
                    }
                    model.retain(|(_, expires)| expires.is_none_or(|expires| expires > latest));
                    match (before, &decided) {
                        (State::Closed, Ok(permit)) => prop_assert!(!permit.is_probe()),
                        (State::Open { until, .. }, Err(rejection)) => {
                            prop_assert_eq!(rejection.retry_after, Some(until.since(latest)));
                        }
                        (State::HalfOpen { free }, Ok(permit)) => {
                            prop_assert!(permit.is_probe());
                            prop_assert_eq!(free as usize, probes as usize - model.len());
                            prop_assert!(free > 0);
                            model.push((breaker.serial, Some(latest + 15 * second)));
                        }
                        (State::HalfOpen { free }, Err(rejection)) => {
                            prop_assert_eq!(free, 0);
                            prop_assert_eq!(model.len(), probes as usize);
                            // After that wait there is a place.
                            let then = latest + rejection.retry_after.unwrap();
                            let place = matches!(breaker.state(then), State::HalfOpen { free } if free > 0);
                            prop_assert!(place);
                        }
                        other => prop_assert!(false, "{:?}", other),
                    }
                    permits.extend(decided.ok());
                }
                Step::Record(index, outcome) => {
                    let Some(permit) = take(&mut permits, index) else { continue };
                    latest = latest.max(now);
                    let (kind, issued_in) = (permit.kind, permit.generation);
                    let recorded = breaker.record(now, permit, outcome);
                    prop_assert_eq!(
                        recorded == Recorded::Ignored(IgnoreReason::Late),
                        issued_in != phase
                    );
                    if let Kind::Probe { serial, .. } = kind
                        && issued_in == phase
                        && !matches!(recorded, Recorded::Ignored(_))
                    {
                        let probe = model.iter_mut().find(|(known, _)| *known == serial).unwrap();
                        prop_assert!(probe.1.take().is_some_and(|expires| expires > latest));
                    }
                    if breaker.generation != phase {
                        phase = breaker.generation;
                        model.clear();
                    }
                }
                Step::Release(index) => {
                    let Some(permit) = take(&mut permits, index) else { continue };
                    latest = latest.max(now);
                    if let Kind::Probe { serial, .. } = permit.kind && permit.generation == phase {
                        model.retain(|(known, _)| *known != serial);
                    }
                    let counts = breaker.counts(now);
                    breaker.release(now, permit);
                    prop_assert_eq!(breaker.counts(now), counts);
                }
                Step::Drop(index) => drop(take(&mut permits, index)),
            }
        }
        // All permits expire.
        let end = latest + 60 * second;
        if let State::HalfOpen { free } = breaker.state(end) {
            let reported = if breaker.generation == phase && matches!(breaker.phase, Phase::HalfOpen { .. }) {
                model.iter().filter(|(_, expires)| expires.is_none()).count()
            } else {
                0
            };
            prop_assert_eq!(free as usize, probes as usize - reported);
            prop_assert!(free > 0);
        }
    }

    /// The breaker opens at exactly the same call as a model that keeps every outcome.
    #[test]
    fn it_opens_exactly_when_a_model_that_keeps_every_outcome_does(
        in_a_row in 1_u32..8,
        share in 0.05_f64..1.0,
        minimum in 1_u32..10,
        outcomes in prop::collection::vec(prop_oneof![
            3 => Just(Outcome::Success), 1 => Just(Outcome::Slow), 3 => Just(Outcome::Failure)
        ], 0..100),
    ) {
        let config = BreakerConfig {
            consecutive_failures: Some(in_a_row),
            failure_share: Some(share),
            slow: Some(SlowCalls { after: Duration::from_secs(1), share }),
            window: WindowConfig::Calls(10),
            minimum_calls: minimum,
            ..BreakerConfig::default()
        };
        let mut breaker = breaker(config);
        for (n, outcome) in (1..).zip(&outcomes) {
            let recorded = call(&mut breaker, Time::ZERO, *outcome);
            let seen = &outcomes[..n];
            let window = &seen[n.saturating_sub(10)..];
            let part = |kind| window.iter().filter(|outcome| **outcome == kind).count() as f64;
            let row = seen.iter().rev().take_while(|outcome| **outcome == Outcome::Failure).count();
            let enough = window.len() >= minimum as usize;
            let over = |kind| enough && part(kind) / window.len() as f64 >= share;
            let opens = row >= in_a_row as usize || over(Outcome::Failure) || over(Outcome::Slow);
            prop_assert_eq!(matches!(recorded, Recorded::Opened(_)), opens);
            if opens {
                break;
            }
        }
    }
}
