//! One permitted call through a closed breaker, decision and recorded success, in Cofferdam and in its peers,
//! and the same for a rejected call. docs/performance.md explains the figures.
//!
//! The peers read the clock themselves. Cofferdam receives the time as an argument; it is measured with the
//! time given, and with the clock read for each of its decisions as a caller would. governor is a rate
//! limiter, not a breaker, and gives a decision without a record: it is a reference.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::hint::black_box;
use std::num::NonZeroU32;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use cofferdam_policy::Time;
use cofferdam_policy::breaker::{Breaker, BreakerConfig};
use cofferdam_policy::shared::SharedBreaker;
use cofferdam_policy::window::{Outcome, WindowConfig};
use divan::{AllocProfiler, Bencher};
use failsafe::{Config, backoff, failure_policy};
use governor::{Quota, RateLimiter};
use tower::{Layer, Service, service_fn};
use tower_resilience_circuitbreaker::CircuitBreakerLayer;

#[global_allocator]
static ALLOCATIONS: AllocProfiler = AllocProfiler::system();

/// Enough for a sample to be far longer than the clock's resolution.
const SAMPLE: u32 = 10_000;

fn main() {
    divan::main();
}

/// Half of the last 100 calls, of at least 20; open for an hour, so that a rejection stays one.
fn cofferdam(window: WindowConfig) -> SharedBreaker {
    let open_time = Duration::from_secs(3600);
    let config = BreakerConfig {
        window,
        open_time,
        open_time_cap: open_time,
        ..BreakerConfig::default()
    };
    Breaker::new(config).expect("the configuration is valid").into()
}

const BY_CALLS: WindowConfig = WindowConfig::Calls(100);
const BY_TIME: WindowConfig = WindowConfig::Time {
    length: Duration::from_secs(10),
    slices: 10,
};

fn permitted(bencher: Bencher, window: WindowConfig, clock: impl Fn(u64) -> Time) {
    let breaker = cofferdam(window);
    let mut calls = 0_u64;
    bencher.bench_local(|| {
        calls += 1;
        let permit = breaker.acquire(black_box(clock(calls))).expect("it is closed");
        breaker.record(black_box(clock(calls)), permit, black_box(Outcome::Success))
    });
}

/// A call a microsecond.
fn given(calls: u64) -> Time {
    Time::from_nanos(calls * 1000)
}

/// The time since the benchmark began.
fn read() -> impl Fn(u64) -> Time {
    let begin = Instant::now();
    move |_| Time::ZERO + begin.elapsed()
}

#[divan::bench_group(sample_size = SAMPLE)]
mod a_permitted_call {
    use super::*;

    #[divan::bench]
    fn cofferdam_by_calls(bencher: Bencher) {
        permitted(bencher, BY_CALLS, given);
    }

    #[divan::bench]
    fn cofferdam_by_calls_reading_the_clock(bencher: Bencher) {
        permitted(bencher, BY_CALLS, read());
    }

    #[divan::bench]
    fn cofferdam_by_time_reading_the_clock(bencher: Bencher) {
        permitted(bencher, BY_TIME, read());
    }

    #[divan::bench]
    fn failsafe_consecutive(bencher: Bencher) {
        let policy = failure_policy::consecutive_failures(5, backoff::constant(Duration::from_secs(60)));
        let breaker = Config::new().failure_policy(policy).build();
        bencher.bench_local(|| {
            assert!(breaker.is_call_permitted());
            breaker.on_success();
        });
    }

    #[divan::bench]
    fn failsafe_success_rate(bencher: Bencher) {
        let backoff = backoff::constant(Duration::from_secs(60));
        let window = Duration::from_secs(10);
        let policy = failure_policy::success_rate_over_time_window(0.5, 20, window, backoff);
        let breaker = Config::new().failure_policy(policy).build();
        bencher.bench_local(|| {
            assert!(breaker.is_call_permitted());
            breaker.on_success();
        });
    }

    #[divan::bench]
    fn tower_resilience_by_calls(bencher: Bencher) {
        call(bencher, tower_resilience().layer(service_fn(answer)), true);
    }

    #[divan::bench]
    fn governor_check(bencher: Bencher) {
        let limiter = RateLimiter::direct(Quota::per_second(NonZeroU32::MAX));
        bencher.bench_local(|| limiter.check().is_ok());
    }
}

#[divan::bench_group(sample_size = SAMPLE)]
mod a_rejected_call {
    use super::*;

    #[divan::bench]
    fn cofferdam_reading_the_clock(bencher: Bencher) {
        let breaker = cofferdam(BY_CALLS);
        let clock = read();
        while let Ok(permit) = breaker.acquire(clock(0)) {
            breaker.record(clock(0), permit, Outcome::Failure);
        }
        bencher.bench_local(|| breaker.acquire(black_box(clock(0))).expect_err("it is open"));
    }

    #[divan::bench]
    fn failsafe(bencher: Bencher) {
        let policy = failure_policy::consecutive_failures(5, backoff::constant(Duration::from_secs(3600)));
        let breaker = Config::new().failure_policy(policy).build();
        while breaker.is_call_permitted() {
            breaker.on_error();
        }
        bencher.bench_local(|| assert!(!breaker.is_call_permitted()));
    }

    #[divan::bench]
    fn tower_resilience_open(bencher: Bencher) {
        let mut service = tower_resilience().layer(service_fn(fail));
        for _ in 0..100 {
            let _ = now(&mut service);
        }
        call(bencher, service, false);
    }

    #[divan::bench]
    fn governor_check(bencher: Bencher) {
        let limiter = RateLimiter::direct(Quota::with_period(Duration::from_secs(3600)).expect("not zero"));
        while limiter.check().is_ok() {}
        bencher.bench_local(|| limiter.check().expect_err("nothing is left"));
    }
}

fn answer((): ()) -> Ready<Result<(), Infallible>> {
    ready(Ok(()))
}

fn fail((): ()) -> Ready<Result<(), ()>> {
    ready(Err(()))
}

fn tower_resilience() -> CircuitBreakerLayer {
    CircuitBreakerLayer::builder()
        .failure_rate_threshold(0.5)
        .sliding_window_size(100)
        .minimum_number_of_calls(20)
        .wait_duration_in_open(Duration::from_secs(3600))
        .build()
        .expect("the configuration is valid")
}

/// Makes one call to a service that answers at the first poll, without a runtime.
fn now<S: Service<()>>(service: &mut S) -> Result<S::Response, S::Error> {
    let mut context = Context::from_waker(Waker::noop());
    let Poll::Ready(ready) = service.poll_ready(&mut context) else {
        panic!("not ready")
    };
    ready?;
    match pin!(service.call(())).poll(&mut context) {
        Poll::Ready(result) => result,
        Poll::Pending => panic!("no answer"),
    }
}

fn call<S: Service<()>>(bencher: Bencher, mut service: S, succeeds: bool) {
    bencher.bench_local(|| assert_eq!(black_box(now(&mut service)).is_ok(), succeeds));
}
