//! The cost of a policy's decision. `make bench` runs this; docs/performance.md has the figures.

use std::hint::black_box;
use std::time::Duration;

use cofferdam_policy::Time;
use cofferdam_policy::breaker::{Breaker, BreakerConfig, SlowCalls};
use cofferdam_policy::grey::{GreyConfig, GreyDetector};
use cofferdam_policy::outlier::{OutlierConfig, OutlierDetector};
use cofferdam_policy::shared::SharedBreaker;
use cofferdam_policy::window::{Outcome, WindowConfig};
use divan::{AllocProfiler, Bencher};

#[global_allocator]
static ALLOCATIONS: AllocProfiler = AllocProfiler::system();

fn main() {
    divan::main();
}

/// Every condition on.
fn config(window: WindowConfig) -> BreakerConfig {
    BreakerConfig {
        consecutive_failures: Some(5),
        slow: Some(SlowCalls {
            after: Duration::from_secs(1),
            share: 0.5,
        }),
        window,
        ..BreakerConfig::default()
    }
}

fn breaker(window: WindowConfig) -> SharedBreaker {
    match Breaker::new(config(window)) {
        Ok(breaker) => breaker.into(),
        Err(error) => panic!("{error}"),
    }
}

/// One call a microsecond, every hundredth a failure: permission for it, and its result.
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

/// Without the handle: the difference is the cost of the lock.
#[divan::bench(sample_size = 10_000)]
fn breaker_alone_acquire_and_record_by_calls(bencher: Bencher) {
    let mut breaker = match Breaker::new(config(WindowConfig::Calls(100))) {
        Ok(breaker) => breaker,
        Err(error) => panic!("{error}"),
    };
    let mut calls = 0_u64;
    bencher.bench_local(|| {
        calls += 1;
        let now = black_box(Time::from_nanos(calls * 1000));
        match breaker.acquire(now) {
            Ok(permit) => breaker.record(now, permit, black_box(Outcome::Success)),
            Err(rejection) => panic!("{rejection}"),
        }
    });
}

#[divan::bench(sample_size = 10_000)]
fn breaker_rejection(bencher: Bencher) {
    let breaker = breaker(WindowConfig::Calls(100));
    while let Ok(permit) = breaker.acquire(Time::ZERO) {
        breaker.record(Time::ZERO, permit, Outcome::Failure);
    }
    bencher.bench_local(|| breaker.acquire(black_box(Time::ZERO)));
}

/// One call a microsecond to ten targets in turn, sweeps included.
#[divan::bench(sample_size = 10_000)]
fn grey_record(bencher: Bencher) {
    let mut detector = match GreyDetector::new(GreyConfig::default(), 10) {
        Ok(detector) => detector,
        Err(error) => panic!("{error}"),
    };
    let mut calls = 0_u64;
    bencher.bench_local(|| {
        calls += 1;
        detector.record(
            black_box(Time::from_nanos(calls * 1000)),
            (calls % 10) as usize,
            Outcome::Success,
        );
    });
}

/// The same to ten hosts.
#[divan::bench(sample_size = 10_000)]
fn outlier_acquire_and_record(bencher: Bencher) {
    let mut detector = match OutlierDetector::new(OutlierConfig::default(), 10) {
        Ok(detector) => detector,
        Err(error) => panic!("{error}"),
    };
    let mut calls = 0_u64;
    bencher.bench_local(|| {
        calls += 1;
        let now = black_box(Time::from_nanos(calls * 1000));
        match detector.acquire(now, (calls % 10) as usize) {
            Ok(ticket) => detector.record(now, ticket, Outcome::Success),
            Err(ejected) => panic!("{ejected}"),
        }
    });
}
