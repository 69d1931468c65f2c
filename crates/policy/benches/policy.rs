//! What a decision of a policy costs. `make bench` runs this; docs/performance.md has the figures.

use std::hint::black_box;
use std::time::Duration;

use cofferdam_policy::Time;
use cofferdam_policy::breaker::{Breaker, BreakerConfig, SlowCalls};
use cofferdam_policy::shared::SharedBreaker;
use cofferdam_policy::window::{Outcome, WindowConfig};
use divan::{AllocProfiler, Bencher};

#[global_allocator]
static ALLOCATIONS: AllocProfiler = AllocProfiler::system();

fn main() {
    divan::main();
}

/// A breaker with every condition on.
fn breaker(window: WindowConfig) -> SharedBreaker {
    let config = BreakerConfig {
        consecutive_failures: Some(5),
        slow: Some(SlowCalls {
            after: Duration::from_secs(1),
            share: 0.5,
        }),
        window,
        ..BreakerConfig::default()
    };
    match Breaker::new(config) {
        Ok(breaker) => breaker.into(),
        Err(error) => panic!("{error}"),
    }
}

/// One call a microsecond, every hundredth a failure: leave to make it, and its result.
fn calls(bencher: Bencher, window: WindowConfig) {
    let breaker = breaker(window);
    let mut calls = 0_u64;
    bencher.bench_local(|| {
        calls += 1;
        let now = black_box(Time::from_nanos(calls * 1000));
        let outcome = if calls.is_multiple_of(100) {
            Outcome::Failure
        } else {
            Outcome::Success
        };
        match breaker.acquire(now) {
            Ok(permit) => breaker.record(now, permit, black_box(outcome)),
            Err(rejection) => panic!("{rejection}"),
        }
    });
}

#[divan::bench(sample_size = 10_000)]
fn breaker_acquire_and_record_by_calls(bencher: Bencher) {
    calls(bencher, WindowConfig::Calls(100));
}

#[divan::bench(sample_size = 10_000)]
fn breaker_acquire_and_record_by_time(bencher: Bencher) {
    calls(
        bencher,
        WindowConfig::Time {
            length: Duration::from_secs(10),
            slices: 10,
        },
    );
}

#[divan::bench(sample_size = 10_000)]
fn breaker_rejection(bencher: Bencher) {
    let breaker = breaker(WindowConfig::Calls(100));
    while let Ok(permit) = breaker.acquire(Time::ZERO) {
        breaker.record(Time::ZERO, permit, Outcome::Failure);
    }
    bencher.bench_local(|| breaker.acquire(black_box(Time::ZERO)));
}
