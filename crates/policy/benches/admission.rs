//! The cost of a decision about a slot, a retry or a hedge. `make bench` runs this.

use std::hint::black_box;
use std::time::Duration;

use cofferdam_policy::Time;
use cofferdam_policy::admission::{Admission, AdmissionConfig, Answer, Claim, Class, SharedAdmission, Slot};
use cofferdam_policy::budget::{BudgetConfig, RetryBudget};
use cofferdam_policy::hedge::{Hedge, HedgeConfig};
use divan::{AllocProfiler, Bencher};

#[global_allocator]
static ALLOCATIONS: AllocProfiler = AllocProfiler::system();

fn main() {
    divan::main();
}

/// Fifty slots and a hundred places in the queue, of which this many slots are taken.
fn admission(taken: usize) -> (Admission, Vec<Slot>) {
    let mut admission = match Admission::new(AdmissionConfig::default()) {
        Ok(admission) => admission,
        Err(error) => panic!("{error}"),
    };
    let slots = (0..taken)
        .map(|_| match admission.acquire(Time::ZERO, Class::Optional) {
            Ok(Answer::Admitted(slot)) => slot,
            other => panic!("{other:?}"),
        })
        .collect();
    (admission, slots)
}

#[divan::bench(sample_size = 10_000)]
fn a_free_slot_acquire_and_release(bencher: Bencher) {
    let (mut admission, _slots) = admission(25);
    let mut calls = 0_u64;
    bencher.bench_local(|| {
        calls += 1;
        let now = black_box(Time::from_nanos(calls * 1000));
        match admission.acquire(now, Class::Critical) {
            Ok(Answer::Admitted(slot)) => admission.release(now, slot),
            other => panic!("{other:?}"),
        }
    });
}

#[divan::bench(sample_size = 10_000)]
fn a_free_slot_through_the_shared_handle(bencher: Bencher) {
    let (admission, _slots) = admission(25);
    let shared = SharedAdmission::from(admission);
    let mut calls = 0_u64;
    bencher.bench_local(|| {
        calls += 1;
        let now = black_box(Time::from_nanos(calls * 1000));
        match shared.with(|admission| admission.acquire(now, Class::Critical)) {
            Ok(Answer::Admitted(slot)) => drop(shared.guard(slot)),
            other => panic!("{other:?}"),
        }
    });
}

/// All slots are taken: one caller waits, another releases its slot, the first claims it.
#[divan::bench(sample_size = 10_000)]
fn a_taken_slot_wait_release_and_claim(bencher: Bencher) {
    let (mut admission, mut slots) = admission(50);
    let mut calls = 0_u64;
    bencher.bench_local(|| {
        calls += 1;
        let now = black_box(Time::from_nanos(calls * 1000));
        let Ok(Answer::Queued(ticket)) = admission.acquire(now, Class::Critical) else {
            panic!("a slot was free");
        };
        if let Some(slot) = slots.pop() {
            admission.release(now, slot);
        }
        match admission.claim(now, ticket) {
            Claim::Admitted(slot) => slots.push(slot),
            other => panic!("{other:?}"),
        }
    });
}

#[divan::bench(sample_size = 10_000)]
fn a_rejection(bencher: Bencher) {
    let (mut admission, _slots) = admission(50);
    while admission.acquire(Time::ZERO, Class::Optional).is_ok() {}
    bencher.bench_local(|| admission.acquire(black_box(Time::ZERO), Class::Optional).err());
}

/// One request a microsecond, and an attempt to retry each.
#[divan::bench(sample_size = 10_000)]
fn budget_request_and_withdraw(bencher: Bencher) {
    let mut budget = match RetryBudget::new(BudgetConfig::default()) {
        Ok(budget) => budget,
        Err(error) => panic!("{error}"),
    };
    let mut calls = 0_u64;
    bencher.bench_local(|| {
        calls += 1;
        let now = black_box(Time::from_nanos(calls * 1000));
        budget.request(now);
        budget.withdraw(now)
    });
}

/// An answer is recorded, and the percentile is computed.
#[divan::bench(sample_size = 10_000)]
fn hedge_record_and_percentile(bencher: Bencher) {
    let mut hedge = match Hedge::new(HedgeConfig::default()) {
        Ok(hedge) => hedge,
        Err(error) => panic!("{error}"),
    };
    let mut calls = 0_u64;
    bencher.bench_local(|| {
        calls += 1;
        hedge.record(black_box(Duration::from_micros(calls % 5000)));
        hedge.after()
    });
}
