//! Defects of breakers in use. Each test fails on a breaker that has the defect.

use std::time::Duration;

use cofferdam_policy::Time;
use cofferdam_policy::breaker::{Breaker, BreakerConfig, Cause, Mode, Recorded, State};
use cofferdam_policy::window::{Counts, Outcome, WindowConfig};

fn at(seconds: u64) -> Time {
    Time::ZERO + Duration::from_secs(seconds)
}

fn call(breaker: &mut Breaker, now: Time, outcome: Outcome) -> Recorded {
    let permit = breaker.acquire(now).unwrap();
    breaker.record(now, permit, outcome)
}

/// A window that only grows dilutes an outage with all the successes before it: half of a million and more calls
/// would have to fail.
#[test]
fn a_million_successes_do_not_hide_an_outage() {
    let by_calls = WindowConfig::Calls(100);
    let by_time = WindowConfig::Time {
        length: Duration::from_secs(10),
        slices: 10,
    };
    for window in [by_calls, by_time] {
        let mut breaker = Breaker::new(BreakerConfig {
            window,
            ..BreakerConfig::default()
        })
        .unwrap();
        for millis in 0..1_000_000_u64 {
            let recorded = call(
                &mut breaker,
                Time::from_nanos(millis * 1_000_000),
                Outcome::Success,
            );
            assert_eq!(recorded, Recorded::Counted);
        }
        // The target is down from 1,000 s on, with ten calls a second.
        let mut failures = 0_u64;
        while breaker.state(at(1000)) == State::Closed {
            call(
                &mut breaker,
                Time::from_nanos((10_000 + failures) * 100_000_000),
                Outcome::Failure,
            );
            failures += 1;
            assert!(failures < 1000, "still closed after {failures} failures in a row");
        }
        // By calls: 50 of 100. By time: the successes, 1,000 a second, have left with their slices after at most
        // 10 s, which is 100 calls.
        assert!(
            if window == by_calls {
                failures == 50
            } else {
                failures <= 100
            },
            "{window:?}: {failures}"
        );
    }
}

/// A half-open state that admits every call sends the whole load to a target that has just recovered.
#[test]
fn a_thousand_callers_at_the_end_of_the_open_time_send_one_probe() {
    for config in [
        BreakerConfig::database(),
        BreakerConfig::kafka(),
        BreakerConfig::connector(),
    ] {
        let mut breaker = Breaker::new(config).unwrap();
        while breaker.state(at(0)) == State::Closed {
            call(&mut breaker, at(0), Outcome::Failure);
        }
        let then = Time::ZERO + config.open_time;
        let admitted: Vec<_> = (0..1000).filter_map(|_| breaker.acquire(then).ok()).collect();
        assert_eq!(admitted.len(), 1);
    }
}

/// If a permit is lost with its caller and the place is never free again, the breaker stays half-open
/// permanently.
#[test]
fn a_probe_without_a_result_does_not_keep_the_breaker_half_open() {
    let mut breaker = Breaker::new(BreakerConfig::database()).unwrap();
    while breaker.state(at(0)) == State::Closed {
        call(&mut breaker, at(0), Outcome::Failure);
    }
    drop(breaker.acquire(at(60)).unwrap());
    assert!(breaker.acquire(at(60)).is_err());
    let expired = at(60) + breaker.config().probe_timeout;
    assert_eq!(call(&mut breaker, expired, Outcome::Success), Recorded::Closed);
}

/// If rejections on the caller's side count as failures of the target, an open breaker, or a full pool, keeps
/// the breaker open by itself.
#[test]
fn local_rejections_are_not_counted_against_the_target() {
    let mut breaker = Breaker::new(BreakerConfig::database()).unwrap();
    for _ in 0..4 {
        call(&mut breaker, at(0), Outcome::Failure);
    }
    // A full pool here: the calls never went out, whatever the caller calls that.
    for _ in 0..1000 {
        let permit = breaker.acquire(at(0)).unwrap();
        breaker.release(at(0), permit);
    }
    assert_eq!(
        breaker.counts(at(0)),
        Counts {
            success: 0,
            slow: 0,
            failure: 4
        }
    );
    let opened = call(&mut breaker, at(0), Outcome::Failure);
    assert_eq!(opened, Recorded::Opened(Cause::InARow(5)));
    // The open breaker's own rejections neither count nor extend the open time.
    let until = State::Open {
        until: at(60),
        cause: Cause::InARow(5),
    };
    for second in 0..60 {
        assert!(breaker.acquire(at(second)).is_err());
        assert_eq!(breaker.state(at(second)), until);
    }
    assert_eq!(
        breaker.counts(at(59)),
        Counts {
            success: 0,
            slow: 0,
            failure: 5
        }
    );
    assert_eq!(call(&mut breaker, at(60), Outcome::Success), Recorded::Closed);
    // Nor do those of one that is forced open.
    breaker.set_mode(at(61), Mode::ForcedOpen);
    assert!((0..1000).all(|_| breaker.acquire(at(61)).is_err()));
    assert_eq!(breaker.counts(at(61)), Counts::default());
}
