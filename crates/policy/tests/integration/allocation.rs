//! The hot path allocates nothing. The counter is the global allocator of this test binary and counts by thread.

use std::hint::black_box;
use std::time::Duration;

use cofferdam_policy::Time;
use cofferdam_policy::breaker::{Breaker, BreakerConfig, SlowCalls};
use cofferdam_policy::grey::{GreyConfig, GreyDetector};
use cofferdam_policy::outlier::{OutlierConfig, OutlierDetector};
use cofferdam_policy::shared::SharedBreaker;
use cofferdam_policy::window::{Outcome, WindowConfig};

/// Allocations that `run` makes.
fn allocations(run: impl FnOnce()) -> u64 {
    allocation_counter::measure(run).count_total
}

#[test]
fn the_counter_counts() {
    assert_eq!(allocations(|| drop(black_box(vec![0_u8; 100]))), 1);
}

#[test]
fn a_breaker_allocates_nothing_whatever_it_goes_through() {
    let time_window = WindowConfig::Time {
        length: Duration::from_secs(10),
        slices: 10,
    };
    for window in [WindowConfig::Calls(100), time_window] {
        let config = BreakerConfig {
            consecutive_failures: Some(50),
            slow: Some(SlowCalls {
                after: Duration::from_millis(1),
                share: 0.9,
            }),
            window,
            ..BreakerConfig::default()
        };
        let breaker: SharedBreaker = Breaker::new(config).unwrap().into();
        let mut refused = 0;
        let counted = allocations(|| {
            for millis in 0..100_000_u64 {
                let now = Time::from_nanos(millis * 1_000_000);
                // Fails for 10 s of every 20 s, so that it opens, probes and closes.
                let outcome = if millis / 10_000 % 2 == 0 {
                    Outcome::Success
                } else {
                    Outcome::Failure
                };
                match breaker.acquire(now) {
                    Ok(permit) if millis % 100 == 0 => breaker.release(now, permit),
                    Ok(permit) => drop(black_box(breaker.record(now, permit, outcome))),
                    Err(rejection) => refused += u64::from(black_box(rejection).retry_after.is_some()),
                }
            }
        });
        let tally = breaker.tally();
        assert!(
            tally.opened > 1 && tally.closed > 0 && refused > 1000,
            "{tally:?}"
        );
        assert_eq!(counted, 0);
    }
}

#[test]
fn a_comparison_of_targets_allocates_nothing() {
    let mut detector = GreyDetector::new(GreyConfig::default(), 10).unwrap();
    let mut grey = 0;
    let counted = allocations(|| {
        for call in 0..1_000_000_u64 {
            let (now, target) = (Time::from_nanos(call * 100_000), (call % 10) as usize);
            // The first target fails one call in ten.
            let outcome = if call % 100 == 0 {
                Outcome::Failure
            } else {
                Outcome::Success
            };
            detector.record(now, target, outcome);
            grey += u64::from(detector.standing(now, target).is_grey());
        }
    });
    assert!(grey > 0);
    assert_eq!(counted, 0);
}

#[test]
fn an_ejection_allocates_nothing() {
    let mut detector = OutlierDetector::new(OutlierConfig::default(), 10).unwrap();
    let mut ejected = 0;
    let counted = allocations(|| {
        for call in 0..1_000_000_u64 {
            let (now, host) = (Time::from_nanos(call * 1_000_000), (call % 10) as usize);
            // The first host fails every second of its calls.
            let outcome = if call % 20 == 0 {
                Outcome::Failure
            } else {
                Outcome::Success
            };
            match detector.acquire(now, host) {
                Ok(ticket) => drop(black_box(detector.record(now, ticket, outcome))),
                Err(_) => ejected += 1,
            }
            black_box(detector.weight(now, host));
        }
    });
    assert!(ejected > 0);
    assert_eq!(counted, 0);
}
