//! One policy for several callers: a handle that can be cloned and sent to other threads.

use std::sync::{Arc, Mutex, PoisonError};

use crate::Time;
use crate::breaker::{Breaker, Mode, Permit, Recorded, Rejection, State, Tally};
use crate::window::Outcome;

/// A handle on a policy behind a lock that is held for one decision at a time, never during a call. All
/// clones refer to the same policy.
///
/// A thread that panics while it holds the lock does not block the others: between calls of a policy's
/// methods its state is always consistent.
#[derive(Debug)]
pub struct Shared<P>(Arc<Mutex<P>>);

/// A breaker that several callers share.
pub type SharedBreaker = Shared<Breaker>;

impl<P> Clone for Shared<P> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<P> From<P> for Shared<P> {
    fn from(policy: P) -> Self {
        Self(Arc::new(Mutex::new(policy)))
    }
}

impl<P> Shared<P> {
    /// Calls the policy exclusively. The closure of `with` must be short, and must not use a handle on the
    /// same policy: it would deadlock.
    pub fn with<R>(&self, with: impl FnOnce(&mut P) -> R) -> R {
        with(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Shared<Breaker> {
    /// [`Breaker::acquire`].
    ///
    /// # Errors
    ///
    /// A [`Rejection`] with its reason: the call must not be made.
    pub fn acquire(&self, now: Time) -> Result<Permit, Rejection> {
        self.with(|breaker| breaker.acquire(now))
    }

    /// [`Breaker::record`].
    pub fn record(&self, now: Time, permit: Permit, outcome: Outcome) -> Recorded {
        self.with(|breaker| breaker.record(now, permit, outcome))
    }

    /// [`Breaker::release`].
    pub fn release(&self, now: Time, permit: Permit) {
        self.with(|breaker| breaker.release(now, permit));
    }

    /// [`Breaker::set_mode`].
    pub fn set_mode(&self, now: Time, mode: Mode) {
        self.with(|breaker| breaker.set_mode(now, mode));
    }

    /// [`Breaker::state`].
    #[must_use]
    pub fn state(&self, now: Time) -> State {
        self.with(|breaker| breaker.state(now))
    }

    /// [`Breaker::tally`].
    #[must_use]
    pub fn tally(&self) -> Tally {
        self.with(|breaker| breaker.tally())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::thread;
    use std::time::Duration;

    use super::*;
    use crate::breaker::BreakerConfig;

    const CALLERS: usize = 16;

    fn shared(config: BreakerConfig) -> SharedBreaker {
        Breaker::new(config).unwrap().into()
    }

    fn trip(breaker: &SharedBreaker, now: Time) {
        while let State::Closed = breaker.state(now) {
            let permit = breaker.acquire(now).unwrap();
            breaker.record(now, permit, Outcome::Failure);
        }
    }

    #[test]
    fn concurrent_callers_get_exactly_the_available_probes() {
        for probes in [1, 3, 10] {
            let config = BreakerConfig {
                probes,
                success_threshold: probes,
                ..BreakerConfig::database()
            };
            for round in 1..=50_u32 {
                let breaker = shared(config);
                let now = Time::ZERO + Duration::from_secs(60) * round;
                trip(&breaker, now);
                let then = now + Duration::from_secs(60);
                let start = Barrier::new(CALLERS);
                let permits: Vec<Permit> = thread::scope(|scope| {
                    let callers: Vec<_> = (0..CALLERS)
                        .map(|_| {
                            let (breaker, start) = (breaker.clone(), &start);
                            scope.spawn(move || {
                                start.wait();
                                [breaker.acquire(then), breaker.acquire(then)]
                            })
                        })
                        .collect();
                    callers
                        .into_iter()
                        .flat_map(|caller| caller.join().unwrap())
                        .flatten()
                        .collect()
                });
                assert_eq!(permits.len(), probes as usize);
                assert_eq!(breaker.tally().rejected, 2 * CALLERS as u64 - u64::from(probes));
                // All of them count: the last one closes it.
                let closed = permits
                    .into_iter()
                    .map(|permit| breaker.record(then, permit, Outcome::Success))
                    .filter(|recorded| *recorded == Recorded::Closed)
                    .count();
                assert_eq!(closed, 1);
            }
        }
    }

    #[test]
    fn every_result_of_concurrent_callers_is_counted_once() {
        let breaker = shared(BreakerConfig {
            failure_share: Some(1.0),
            ..BreakerConfig::default()
        });
        thread::scope(|scope| {
            for _ in 0..4 {
                let breaker = breaker.clone();
                scope.spawn(move || {
                    for _ in 0..25 {
                        let permit = breaker.acquire(Time::ZERO).unwrap();
                        breaker.record(Time::ZERO, permit, Outcome::Success);
                    }
                });
            }
        });
        assert_eq!(breaker.with(|breaker| breaker.counts(Time::ZERO)).success, 100);
    }

    #[test]
    fn a_caller_that_panics_with_the_lock_does_not_block_the_others() {
        let breaker = shared(BreakerConfig::database());
        let other = breaker.clone();
        let died = thread::spawn(move || other.with(|_| panic!("on purpose"))).join();
        assert!(died.is_err());
        assert!(breaker.acquire(Time::ZERO).is_ok());
    }
}
