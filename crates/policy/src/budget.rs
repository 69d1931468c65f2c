//! Limits the retries and hedges of callers: a share of their requests, plus a small constant rate.
//!
//! Retries help against single failures but are harmful in large numbers: while everything fails, R retries
//! multiply the load by 1 + R. A budget limits that factor to 1 + ratio, whatever each caller's own limit is.
//! Every first try adds `ratio` of a retry to the budget, a floor adds some each second so that few callers
//! can retry at all, and what is not used within the window expires. Source: Google, *Site Reliability
//! Engineering*, chapter 21 ("per-client retry budget").
//!
//! Share it between callers through [`crate::shared::Shared`]: checking and taking are one step, so two
//! callers never both get the last one.

use std::time::Duration;

use crate::Time;
use serde::{Deserialize, Serialize};

/// Parts of the window; the content of a part expires when it leaves.
const SLICES: usize = 20;
/// The budget is kept in millionths of a retry.
const WHOLE: u64 = 1_000_000;

/// The size of the budget.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BudgetConfig {
    /// Retries for each first try, at least 0 and at most 10: 0.1 is one retry for ten requests.
    pub ratio: f64,
    /// Retries a second that are always allowed, at least 0.
    #[serde(rename = "floor_per_s")]
    pub floor: f64,
    /// How long requests and retries count.
    #[serde(rename = "window_ns", with = "crate::nanos")]
    pub window: Duration,
}

impl Default for BudgetConfig {
    /// One retry for ten requests, and one a second; over 10 s.
    fn default() -> Self {
        Self {
            ratio: 0.1,
            floor: 1.0,
            window: Duration::from_secs(10),
        }
    }
}

/// An error in the configuration of a budget.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum BudgetError {
    /// The ratio is out of range.
    #[error("a ratio of {0}; it must be from 0 to 10")]
    Ratio(f64),
    /// The floor is out of range.
    #[error("a floor of {0} retries a second; it must be from 0 to 1,000,000")]
    Floor(f64),
    /// The window is too short to be divided, or too long.
    #[error("a window of {0:?}; it must be from 1 ms to a day")]
    Window(Duration),
}

/// The budget is used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[error("the retry budget is used up: {spent} of {allowed} allowed in this window")]
pub struct Exhausted {
    /// Retries within the window.
    pub spent: u64,
    /// Retries that the window's requests and the floor allow.
    pub allowed: u64,
}

#[derive(Debug, Clone, Copy, Default)]
struct Slice {
    requests: u64,
    spent: u64,
}

/// A budget of retries over a sliding window.
#[derive(Debug)]
pub struct RetryBudget {
    /// Millionths of a retry for each request, rounded down.
    ratio: u64,
    /// Millionths of a retry that the window always allows.
    floor: u64,
    /// Nanoseconds of a slice.
    length: u64,
    slices: [Slice; SLICES],
    /// Number of the current slice since time zero.
    current: u64,
    requests: u64,
    spent: u64,
}

impl RetryBudget {
    /// A budget without requests so far.
    ///
    /// # Errors
    ///
    /// [`BudgetError`] names the error.
    pub fn new(config: BudgetConfig) -> Result<Self, BudgetError> {
        if !(0.0..=10.0).contains(&config.ratio) {
            return Err(BudgetError::Ratio(config.ratio));
        }
        if !(0.0..=1e6).contains(&config.floor) {
            return Err(BudgetError::Floor(config.floor));
        }
        if config.window < Duration::from_millis(1) || config.window > Duration::from_secs(86_400) {
            return Err(BudgetError::Window(config.window));
        }
        let seconds = config.window.as_secs_f64();
        Ok(Self {
            // A thousandth of a part, against 0.57 × 1,000,000 = 569,999.9999….
            ratio: (config.ratio * WHOLE as f64 + 1e-3) as u64,
            floor: (config.floor * seconds * WHOLE as f64) as u64,
            // At most a day, which fits.
            length: config.window.as_nanos() as u64 / SLICES as u64,
            slices: [Slice::default(); SLICES],
            current: 0,
            requests: 0,
            spent: 0,
        })
    }

    /// A first try is sent.
    pub fn request(&mut self, now: Time) {
        self.catch_up(now);
        self.requests += 1;
        self.slice().requests += 1;
    }

    /// Takes one retry, or hedge, from the budget.
    ///
    /// # Errors
    ///
    /// [`Exhausted`]: it must not be sent.
    pub fn withdraw(&mut self, now: Time) -> Result<(), Exhausted> {
        self.catch_up(now);
        let allowed = self.allowed();
        if self.spent >= allowed {
            return Err(Exhausted {
                spent: self.spent,
                allowed,
            });
        }
        self.spent += 1;
        self.slice().spent += 1;
        Ok(())
    }

    /// Retries within the window, and the number allowed by its requests and the floor.
    pub fn balance(&mut self, now: Time) -> (u64, u64) {
        self.catch_up(now);
        (self.spent, self.allowed())
    }

    const fn allowed(&self) -> u64 {
        (self.requests * self.ratio + self.floor) / WHOLE
    }

    const fn slice(&mut self) -> &mut Slice {
        let place = (self.current % SLICES as u64) as usize;
        &mut self.slices[place]
    }

    /// Drops the slices that have left the window. An earlier time counts as the current one.
    fn catch_up(&mut self, now: Time) {
        let number = now.as_nanos() / self.length;
        let passed = number.saturating_sub(self.current);
        if passed >= SLICES as u64 {
            self.slices = [Slice::default(); SLICES];
            (self.requests, self.spent) = (0, 0);
            self.current = number;
            return;
        }
        for _ in 0..passed {
            self.current += 1;
            let gone = std::mem::take(self.slice());
            self.requests -= gone.requests;
            self.spent -= gone.spent;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::shared::Shared;

    fn at(millis: u64) -> Time {
        Time::from_nanos(millis * 1_000_000)
    }

    fn budget(ratio: f64, floor: f64) -> RetryBudget {
        RetryBudget::new(BudgetConfig {
            ratio,
            floor,
            window: Duration::from_secs(10),
        })
        .unwrap()
    }

    #[test]
    fn ten_percent_of_the_requests_may_be_retried() {
        let mut budget = budget(0.1, 0.0);
        for _ in 0..99 {
            budget.request(at(0));
        }
        assert_eq!((0..20).filter(|_| budget.withdraw(at(1)).is_ok()).count(), 9);
        assert_eq!(budget.withdraw(at(1)), Err(Exhausted { spent: 9, allowed: 9 }));
        budget.request(at(2));
        assert_eq!(budget.withdraw(at(2)), Ok(()));
        // The window is over: neither requests nor retries count any more.
        assert_eq!(budget.balance(at(10_500)), (0, 0));
    }

    #[test]
    fn the_floor_allows_a_few_retries_without_any_request() {
        let mut budget = budget(0.0, 1.0);
        // One a second over 10 s, which may come together.
        assert_eq!((0..20).filter(|_| budget.withdraw(at(0)).is_ok()).count(), 10);
    }

    #[test]
    fn concurrent_callers_never_exceed_the_budget() {
        let shared = Shared::from(budget(0.0, 5.0));
        let taken: usize = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4)
                .map(|_| {
                    let shared = shared.clone();
                    scope.spawn(move || {
                        (0..1000)
                            .filter(|_| shared.with(|b| b.withdraw(at(1)).is_ok()))
                            .count()
                    })
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(taken, 50);
    }

    #[test]
    fn a_small_ratio_is_not_rounded_to_zero() {
        let mut budget = budget(0.0005, 0.0);
        for _ in 0..10_000 {
            budget.request(at(0));
        }
        assert_eq!(budget.balance(at(0)), (0, 5));
    }

    #[test]
    fn an_invalid_configuration_is_refused() {
        let with = |ratio, floor, window| RetryBudget::new(BudgetConfig { ratio, floor, window }).map(|_| ());
        let second = Duration::from_secs(1);
        assert_eq!(with(-0.1, 1.0, second), Err(BudgetError::Ratio(-0.1)));
        assert!(matches!(with(f64::NAN, 1.0, second), Err(BudgetError::Ratio(_))));
        assert!(matches!(
            with(0.1, f64::INFINITY, second),
            Err(BudgetError::Floor(_))
        ));
        assert_eq!(
            with(0.1, 1.0, Duration::ZERO),
            Err(BudgetError::Window(Duration::ZERO))
        );
    }

    proptest! {
        /// Compared with a model that keeps every event: the retries in any window are allowed by that
        /// window.
        #[test]
        fn the_budget_is_never_exceeded(
            steps in prop::collection::vec((0_u64..900, any::<bool>()), 1..300),
            ratio in 0.0_f64..2.0,
            floor in 0.0_f64..3.0,
        ) {
            let mut budget = budget(ratio, floor);
            let mut now = 0;
            let mut log: Vec<(u64, bool)> = Vec::new();
            for (wait, retry) in steps {
                now += wait;
                if retry {
                    if budget.withdraw(at(now)).is_ok() {
                        log.push((now, true));
                    }
                } else {
                    budget.request(at(now));
                    log.push((now, false));
                }
                // The window reaches back to the start of the oldest of 20 slices of 500 ms.
                let oldest = (now / 500 + 1).saturating_sub(SLICES as u64) * 500;
                let spent = log.iter().filter(|(time, retry)| *retry && *time >= oldest).count() as f64;
                let requests = log.iter().filter(|(time, retry)| !retry && *time >= oldest).count() as f64;
                // Requests that paid for retries may have left the window while the retries have not, so the
                // bound is that at the time of each retry; at a retry it is exact.
                if retry && log.last() == Some(&(now, true)) {
                    prop_assert!(spent <= requests * ratio + floor * 10.0 + 1e-6, "{} of {}", spent, requests);
                }
            }
        }
    }
}
