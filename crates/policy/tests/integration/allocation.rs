//! The hot path allocates nothing. The counter is the global allocator of this test binary and counts by thread.

use std::hint::black_box;
use std::time::Duration;

use cofferdam_policy::admission::{Admission, AdmissionConfig, Answer, Claim, Class};
use cofferdam_policy::breaker::{Breaker, BreakerConfig, SlowCalls};
use cofferdam_policy::budget::{BudgetConfig, RetryBudget};
use cofferdam_policy::grey::{GreyConfig, GreyDetector};
use cofferdam_policy::hedge::{Hedge, HedgeConfig};
use cofferdam_policy::outlier::{OutlierConfig, OutlierDetector};
use cofferdam_policy::retry::{Retry, RetryConfig, Tried};
use cofferdam_policy::shared::SharedBreaker;
use cofferdam_policy::shift::{CellReading, Shift, ShiftConfig};
use cofferdam_policy::trace::Recorder;
use cofferdam_policy::window::{Outcome, WindowConfig};
use cofferdam_policy::{Random, Time};

/// Allocations that `run` makes.
fn allocations(run: impl FnOnce()) -> u64 {
    allocation_counter::measure(run).count_total
}

#[test]
fn the_allocation_counter_counts() {
    assert_eq!(allocations(|| drop(black_box(vec![0_u8; 100]))), 1);
}

#[test]
fn a_breaker_never_allocates_in_any_state() {
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
fn a_recorder_that_is_off_allocates_nothing() {
    let mut breaker = Breaker::new(BreakerConfig::default()).unwrap();
    let mut detector = GreyDetector::new(GreyConfig::default(), 2).unwrap();
    let (retry, config) = (
        Retry::new(RetryConfig::default()).unwrap(),
        BudgetConfig::default(),
    );
    let mut budget = RetryBudget::new(config).unwrap();
    let mut trace = Recorder::off();
    let mut random = Steps(1);
    let counted = allocations(|| {
        let of = trace.breaker(&breaker, || String::from("a breaker"));
        for call in 0..100_000_u64 {
            let now = Time::from_nanos(call * 1_000_000);
            if let Ok(permit) = trace.acquire(of, &mut breaker, now) {
                black_box(trace.complete((of, &mut breaker), now, permit, Outcome::Failure));
            }
            trace.ended((of, &mut detector), now, 0, Outcome::Failure);
            trace.request(of, &mut budget, now);
            let tried = Tried {
                began: now,
                now,
                failed: 1,
                not_before: Duration::ZERO,
            };
            let _ = black_box(trace.next((of, &retry), tried, &mut budget, &mut random));
        }
    });
    assert_eq!(counted, 0);
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

#[test]
fn an_admission_never_allocates_at_any_load() {
    let mut admission = Admission::new(AdmissionConfig::default()).unwrap();
    let (mut slots, mut tickets) = (Vec::with_capacity(50), Vec::with_capacity(1000));
    let (mut rejected, mut displaced, mut fetched) = (0, 0, 0);
    let counted = allocations(|| {
        for millis in 0..100_000_u64 {
            let now = Time::from_nanos(millis * 1_000_000);
            // Mostly optional, and now and then a rush of critical ones.
            let class = match millis % 3000 {
                0..100 => Class::Critical,
                100..200 => Class::Important,
                _ => Class::Optional,
            };
            match admission.acquire(now, class) {
                Ok(Answer::Admitted(slot)) => slots.push(slot),
                Ok(Answer::Queued(ticket)) => tickets.push(ticket),
                Err(_) => rejected += 1,
            }
            if millis % 7 == 0
                && let Some(slot) = slots.pop()
            {
                admission.release(now, slot);
            }
            while admission.next_called().is_some() {
                displaced += 1;
            }
            if tickets.len() >= 900 {
                for ticket in tickets.drain(..) {
                    if let Claim::Admitted(slot) = admission.claim(now, ticket) {
                        fetched += 1;
                        admission.release(now, slot);
                    }
                }
            }
        }
    });
    assert!(
        rejected > 0 && displaced > 0 && fetched > 0,
        "{rejected} {displaced} {fetched}"
    );
    assert_eq!(counted, 0);
}

/// A source of randomness that is good enough to be different each time.
struct Steps(u64);

impl Random for Steps {
    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        self.0
    }
}

#[test]
fn retries_and_hedges_allocate_nothing() {
    let mut budget = RetryBudget::new(BudgetConfig::default()).unwrap();
    let retry = Retry::new(RetryConfig::default()).unwrap();
    let mut hedge = Hedge::new(HedgeConfig::default()).unwrap();
    let mut chance = Steps(1);
    let (mut retried, mut hedged, mut refused) = (0, 0, 0);
    let counted = allocations(|| {
        for millis in 0..100_000_u64 {
            let now = Time::from_nanos(millis * 1_000_000);
            budget.request(now);
            let took = Duration::from_nanos(chance.bits() >> 40);
            hedge.record(took);
            // First, because otherwise the retries would use up the budget.
            hedged += u64::from(hedge.ask(now, 2 * took, &mut budget).is_ok());
            match retry.next((now, now), 1, &mut budget, &mut chance) {
                Ok(_) => retried += 1,
                Err(_) => refused += 1,
            }
        }
    });
    assert!(
        retried > 1000 && hedged > 0 && refused > 1000,
        "{retried} {hedged} {refused}"
    );
    assert_eq!(counted, 0);
}

#[test]
fn a_shift_of_traffic_allocates_nothing() {
    let mut shift = Shift::new(ShiftConfig::default(), &[7.0, 5.0, 3.0]).unwrap();
    let mut shed = 0;
    let counted = allocations(|| {
        for step in 0..10_000_u32 {
            let mut readings = [5000.0; 3].map(|capacity| CellReading {
                healthy: true,
                capacity,
            });
            readings[0].healthy = step / 50 % 2 == 0;
            let decision = shift.step([8000.0, 3000.0, 600.0], &readings);
            shed += u32::from(decision.shed[2] > 0.0);
        }
    });
    assert!(shed > 0);
    assert_eq!(counted, 0);
}
