//! Whether a failed call is tried again, and when.
//!
//! Waits grow exponentially and are drawn uniformly from zero to their bound ("full jitter"), so that callers
//! that failed together do not come back together. Source: M. Brooker, *Exponential Backoff and Jitter*, AWS
//! Architecture Blog, 2015: `sleep = random(0, min(cap, base × 2^attempt))`.

use std::fmt;
use std::time::Duration;

use crate::budget::{Exhausted, RetryBudget};
use crate::{Random, Time};
use serde::{Deserialize, Serialize};

/// How a call is tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RetryConfig {
    /// Total number of tries, including the first; 1 means no retry.
    pub attempts: u32,
    /// Bound of the wait before the first retry; it doubles for each further one.
    #[serde(rename = "base_ns", with = "crate::nanos")]
    pub base: Duration,
    /// No wait is longer.
    #[serde(rename = "cap_ns", with = "crate::nanos")]
    pub cap: Duration,
    /// A retry that would begin later than this after the call began is not made.
    #[serde(rename = "deadline_ns", with = "crate::nanos::option")]
    pub deadline: Option<Duration>,
}

impl Default for RetryConfig {
    /// Three tries, waits below 100 ms, 200 ms …, at most 10 s, all within 30 s.
    fn default() -> Self {
        Self {
            attempts: 3,
            base: Duration::from_millis(100),
            cap: Duration::from_secs(10),
            deadline: Some(Duration::from_secs(30)),
        }
    }
}

/// An error in the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RetryError {
    /// Not even the first try.
    #[error("0 tries in total; 1 means no retry")]
    Attempts,
    /// The cap is below the base.
    #[error("a cap of {cap:?} below the base of {base:?}")]
    Cap {
        /// The base.
        base: Duration,
        /// The cap.
        cap: Duration,
    },
}

/// Why a call is not tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GiveUp {
    /// All tries are used up.
    Attempts(u32),
    /// The next try would begin after the deadline.
    Deadline,
    /// All callers together already retry too much.
    Budget(Exhausted),
}

impl fmt::Display for GiveUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Attempts(1) => f.write_str("its only try is used up"),
            Self::Attempts(tries) => write!(f, "all {tries} tries are used up"),
            Self::Deadline => f.write_str("the next try would begin after the deadline"),
            Self::Budget(exhausted) => exhausted.fmt(f),
        }
    }
}

/// A call that has failed so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tried {
    /// When its first try began.
    pub began: Time,
    /// When its latest try failed.
    pub now: Time,
    /// Tries that have failed, at least 1.
    pub failed: u32,
    /// The time from now before which the next try is useless: `Retry-After`, or a rejection's `retry_after`.
    pub not_before: Duration,
}

/// Decides about retries; it has no state of its own.
#[derive(Debug, Clone, Copy)]
pub struct Retry {
    config: RetryConfig,
}

impl Retry {
    /// The policy of a configuration.
    ///
    /// # Errors
    ///
    /// [`RetryError`] names what is wrong.
    pub fn new(config: RetryConfig) -> Result<Self, RetryError> {
        if config.attempts == 0 {
            return Err(RetryError::Attempts);
        }
        if config.cap < config.base {
            return Err(RetryError::Cap {
                base: config.base,
                cap: config.cap,
            });
        }
        Ok(Self { config })
    }

    /// Whether a call that began at `began` and has failed `failed` times is tried again, and after what
    /// wait.
    ///
    /// # Errors
    ///
    /// [`GiveUp`] with the reason.
    pub fn next(
        &self,
        (began, now): (Time, Time),
        failed: u32,
        budget: &mut RetryBudget,
        random: &mut impl Random,
    ) -> Result<Duration, GiveUp> {
        let tried = Tried {
            began,
            now,
            failed,
            not_before: Duration::ZERO,
        };
        self.next_after(tried, budget, random)
    }

    /// The same if the server, a breaker or an admission set a time to come back: no sooner than that, and
    /// then the drawn wait, so that callers with the same time do not come together. The budget is used last,
    /// so that a retry that is not made for another reason costs nothing.
    ///
    /// # Errors
    ///
    /// [`GiveUp`] with the reason.
    pub fn next_after(
        &self,
        tried: Tried,
        budget: &mut RetryBudget,
        random: &mut impl Random,
    ) -> Result<Duration, GiveUp> {
        if tried.failed >= self.config.attempts {
            return Err(GiveUp::Attempts(self.config.attempts));
        }
        let wait = self.wait(tried.failed, random).saturating_add(tried.not_before);
        let late = |deadline| tried.now + wait > tried.began + deadline;
        if self.config.deadline.is_some_and(late) {
            return Err(GiveUp::Deadline);
        }
        budget.withdraw(tried.now).map_err(GiveUp::Budget)?;
        Ok(wait)
    }

    /// The wait before retry number `retry` (from 1): uniform between zero and `min(cap, base × 2^(retry −
    /// 1))`.
    pub fn wait(&self, retry: u32, random: &mut impl Random) -> Duration {
        let doubled = self
            .config
            .base
            .saturating_mul(1 << retry.saturating_sub(1).min(31));
        let most = doubled.min(self.config.cap);
        Duration::from_nanos((most.as_nanos() as f64 * random.unit()) as u64)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::budget::BudgetConfig;

    struct Fixed(u64);

    impl Random for Fixed {
        fn bits(&mut self) -> u64 {
            self.0
        }
    }

    fn generous() -> RetryBudget {
        RetryBudget::new(BudgetConfig {
            floor: 1000.0,
            ..BudgetConfig::default()
        })
        .unwrap()
    }

    fn at(millis: u64) -> Time {
        Time::from_nanos(millis * 1_000_000)
    }

    #[test]
    fn waits_double_up_to_the_cap_and_are_drawn_below_it() {
        let config = RetryConfig {
            base: Duration::from_millis(100),
            cap: Duration::from_millis(500),
            ..RetryConfig::default()
        };
        let retry = Retry::new(config).unwrap();
        // Half of 100, 200, 400, 500, 500 ms.
        let half: Vec<u128> = (1..=5)
            .map(|n| retry.wait(n, &mut Fixed(1 << 63)).as_millis())
            .collect();
        assert_eq!(half, [50, 100, 200, 250, 250]);
        assert_eq!(retry.wait(40, &mut Fixed(0)), Duration::ZERO);
    }

    #[test]
    fn a_call_ends_for_the_reason_that_comes_first() {
        let retry = Retry::new(RetryConfig {
            deadline: Some(Duration::from_secs(1)),
            ..RetryConfig::default()
        })
        .unwrap();
        let mut budget = generous();
        let mut half = Fixed(1 << 63);
        assert_eq!(
            retry.next((at(0), at(100)), 1, &mut budget, &mut half),
            Ok(Duration::from_millis(50))
        );
        assert_eq!(
            retry.next((at(0), at(990)), 2, &mut budget, &mut half),
            Err(GiveUp::Deadline)
        );
        assert_eq!(
            retry.next((at(0), at(100)), 3, &mut budget, &mut half),
            Err(GiveUp::Attempts(3))
        );
        // Only the retry that was made was taken from the budget.
        assert_eq!(budget.balance(at(990)).0, 1);
        let mut none = RetryBudget::new(BudgetConfig {
            floor: 0.0,
            ..BudgetConfig::default()
        })
        .unwrap();
        let given_up = retry.next((at(0), at(0)), 1, &mut none, &mut half);
        assert_eq!(given_up, Err(GiveUp::Budget(Exhausted { spent: 0, allowed: 0 })));
        assert_eq!(
            given_up.unwrap_err().to_string(),
            "the retry budget is used up: 0 of 0 allowed in this window"
        );
    }

    #[test]
    fn no_retry_comes_before_the_retry_after_time() {
        let retry = Retry::new(RetryConfig {
            deadline: Some(Duration::from_secs(2)),
            ..RetryConfig::default()
        })
        .unwrap();
        let (mut budget, mut half) = (generous(), Fixed(1 << 63));
        let tried = |failed, not_before| Tried {
            began: at(0),
            now: at(500),
            failed,
            not_before: Duration::from_millis(not_before),
        };
        // A second, and half of 100 ms.
        assert_eq!(
            retry.next_after(tried(1, 1000), &mut budget, &mut half),
            Ok(Duration::from_millis(1050))
        );
        // 1,450 ms and half of 200 ms from 0.5 s on are too late.
        assert_eq!(
            retry.next_after(tried(2, 1450), &mut budget, &mut half),
            Err(GiveUp::Deadline)
        );
    }

    #[test]
    fn an_invalid_configuration_is_refused() {
        assert_eq!(
            Retry::new(RetryConfig {
                attempts: 0,
                ..RetryConfig::default()
            })
            .unwrap_err(),
            RetryError::Attempts
        );
        let low = RetryConfig {
            cap: Duration::ZERO,
            ..RetryConfig::default()
        };
        assert!(matches!(Retry::new(low), Err(RetryError::Cap { .. })));
    }

    proptest! {
        #[test]
        fn no_retry_is_planned_after_the_deadline_or_beyond_the_attempts(
            attempts in 1_u32..12,
            deadline in prop::option::of(0_u64..5000),
            (base, more) in (0_u64..400, 0_u64..2000),
            tries in prop::collection::vec((0_u64..400, any::<u64>()), 1..20),
        ) {
            let millis = Duration::from_millis;
            let config = RetryConfig {
                attempts,
                base: millis(base),
                cap: millis(base + more),
                deadline: deadline.map(millis),
            };
            let retry = Retry::new(config).unwrap();
            let began = at(1000);
            let (mut budget, mut now, mut failed) = (generous(), began, 0);
            for (took, bits) in tries {
                now = now + millis(took);
                failed += 1;
                match retry.next((began, now), failed, &mut budget, &mut Fixed(bits)) {
                    Ok(wait) => {
                        prop_assert!(failed < attempts);
                        prop_assert!(wait <= config.cap && wait <= config.base * (1 << (failed - 1)));
                        now = now + wait;
                        prop_assert!(deadline.is_none_or(|deadline| now <= began + millis(deadline)));
                    }
                    Err(reason) => {
                        match reason {
                            GiveUp::Attempts(_) => prop_assert_eq!(failed, attempts),
                            GiveUp::Deadline => prop_assert!(deadline.is_some()),
                            GiveUp::Budget(_) => prop_assert!(false, "the budget is plenty"),
                        }
                        break;
                    }
                }
            }
            // Each retry was taken from the budget, and nothing else was.
            prop_assert!(budget.balance(now).0 <= u64::from(failed));
        }
    }
}
