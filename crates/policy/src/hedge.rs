//! Sends a second request when the first is slower than most: this avoids slow answers for a few per cent
//! more load.
//!
//! The wait is a percentile of recent answers, so that the share of hedged requests is known in advance:
//! after the 95th, one in twenty. Hedges use the same budget as retries. Source: J. Dean and L. A. Barroso,
//! *The Tail at Scale*, Communications of the ACM, 2013.

use std::fmt;
use std::time::Duration;

use crate::Time;
use crate::budget::{Exhausted, RetryBudget};

/// Buckets for each doubling of the time: a bucket is at most an eighth of its lower end wide.
const PER_DOUBLING: u32 = 8;
/// Doublings above a nanosecond: up to about 19.5 hours; longer times count as that.
const DOUBLINGS: u32 = 46;
const BUCKETS: usize = (PER_DOUBLING * DOUBLINGS) as usize;

/// When a request is hedged.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HedgeConfig {
    /// The percentile of answers after which it is hedged, in (0, 1).
    pub percentile: f64,
    /// The number of answers before anything is hedged, at least 1.
    pub minimum: u32,
    /// At this number of answers, all counts are halved, so that old ones lose weight. At least twice the
    /// minimum.
    pub memory: u32,
    /// Never hedged sooner than this.
    pub least: Duration,
}

impl Default for HedgeConfig {
    /// After the 95th percentile of the last thousand or two, from a hundred answers on, not below a millisecond.
    fn default() -> Self {
        Self {
            percentile: 0.95,
            minimum: 100,
            memory: 2000,
            least: Duration::from_millis(1),
        }
    }
}

/// An error in the configuration.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum HedgeError {
    /// The percentile is out of range.
    #[error("a percentile of {0}; it must lie between 0 and 1")]
    Percentile(f64),
    /// It would hedge without data, or forget all its data.
    #[error("from {minimum} answers on with a memory of {memory}; at least 1, and the memory twice as many")]
    Minimum {
        /// Required number of answers.
        minimum: u32,
        /// Number of remembered answers.
        memory: u32,
    },
}

/// Why a request is not hedged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoHedge {
    /// Too few answers are known.
    Unknown,
    /// It is not slow yet; ask again when it has waited this long.
    NotYet(Duration),
    /// All callers together already send too many second requests.
    Budget(Exhausted),
}

impl fmt::Display for NoHedge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => f.write_str("too few answers are known to recognise a slow one"),
            Self::NotYet(after) => write!(f, "it is not slow before it has waited {after:?}"),
            Self::Budget(exhausted) => exhausted.fmt(f),
        }
    }
}

/// Recent answers, and when to send a second request.
#[derive(Debug)]
pub struct Hedge {
    config: HedgeConfig,
    counts: [u32; BUCKETS],
    known: u32,
}

impl Hedge {
    /// A hedge without answers so far.
    ///
    /// # Errors
    ///
    /// [`HedgeError`] names the error.
    pub fn new(config: HedgeConfig) -> Result<Self, HedgeError> {
        if !(config.percentile > 0.0 && config.percentile < 1.0) {
            return Err(HedgeError::Percentile(config.percentile));
        }
        if config.minimum == 0 || config.memory / 2 < config.minimum {
            return Err(HedgeError::Minimum {
                minimum: config.minimum,
                memory: config.memory,
            });
        }
        Ok(Self {
            config,
            counts: [0; BUCKETS],
            known: 0,
        })
    }

    /// A request was answered after this time.
    pub fn record(&mut self, took: Duration) {
        self.counts[bucket(took)] += 1;
        self.known += 1;
        if self.known >= self.config.memory {
            self.known = 0;
            for count in &mut self.counts {
                *count /= 2;
                self.known += *count;
            }
        }
    }

    /// The time after which a request is hedged, at most an eighth above the true percentile; `None` while
    /// there are too few answers.
    #[must_use]
    pub fn after(&self) -> Option<Duration> {
        // Halving may have left fewer; then it waits for more.
        if self.known < self.config.minimum {
            return None;
        }
        let rank = (f64::from(self.known) * self.config.percentile).ceil() as u32;
        let mut seen = 0;
        let place = self.counts.iter().position(|count| {
            seen += count;
            seen >= rank
        })?;
        Some(upper(place).max(self.config.least))
    }

    /// Whether a request that has waited this long is hedged now; the hedge is taken from the budget.
    ///
    /// # Errors
    ///
    /// [`NoHedge`] with the reason.
    pub fn ask(&self, now: Time, waited: Duration, budget: &mut RetryBudget) -> Result<(), NoHedge> {
        let after = self.after().ok_or(NoHedge::Unknown)?;
        if waited < after {
            return Err(NoHedge::NotYet(after));
        }
        budget.withdraw(now).map_err(NoHedge::Budget)
    }
}

/// The bucket of a time: whole doublings above a nanosecond, and the eighth of the doubling.
fn bucket(time: Duration) -> usize {
    let most = (1_u64 << DOUBLINGS) - 1;
    let nanos = u64::try_from(time.as_nanos()).unwrap_or(most).clamp(1, most);
    let doubling = nanos.ilog2();
    // The three bits after the leading one: linear within a doubling, so that a bucket is a fifteenth to an eighth of
    // its times wide.
    let part = if doubling >= 3 {
        (nanos >> (doubling - 3)) & 7
    } else {
        (nanos << (3 - doubling)) & 7
    };
    doubling as usize * PER_DOUBLING as usize + part as usize
}

/// The upper bound of a bucket: (8 + part + 1) eighths of its doubling, rounded up.
fn upper(place: usize) -> Duration {
    let (doubling, part) = (
        place as u32 / PER_DOUBLING,
        place as u64 % u64::from(PER_DOUBLING),
    );
    Duration::from_nanos(((9 + part) << doubling).div_ceil(u64::from(PER_DOUBLING)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::budget::BudgetConfig;

    fn millis(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    #[test]
    fn the_longest_times_share_the_last_bucket() {
        assert_eq!(bucket(Duration::MAX), BUCKETS - 1);
        assert_eq!(bucket(Duration::ZERO), 0);
    }

    #[test]
    fn the_slowest_five_percent_are_hedged() {
        let mut hedge = Hedge::new(HedgeConfig::default()).unwrap();
        let mut budget = RetryBudget::new(BudgetConfig {
            floor: 0.1,
            ..BudgetConfig::default()
        })
        .unwrap();
        assert_eq!(
            hedge.ask(Time::ZERO, millis(500), &mut budget),
            Err(NoHedge::Unknown)
        );
        for n in 1..=1000 {
            hedge.record(millis(n));
        }
        // The 95th percentile of 1 to 1,000 ms is 950 ms; 2^29 ns are 536.9 ms, and 950 ms lie between 14
        // and 15 eighths of them, 939.5 and 1006.6 ms.
        let after = hedge.after().unwrap();
        assert_eq!(after, Duration::from_nanos((1 << 29) / 8 * 15));
        assert_eq!(
            hedge.ask(Time::ZERO, millis(500), &mut budget),
            Err(NoHedge::NotYet(after))
        );
        assert_eq!(
            NoHedge::NotYet(after).to_string(),
            "it is not slow before it has waited 1.00663296s"
        );
        // A floor of 0.1 a second over 10 s allows one.
        assert_eq!(hedge.ask(Time::ZERO, millis(1100), &mut budget), Ok(()));
        assert!(matches!(
            hedge.ask(Time::ZERO, millis(1100), &mut budget),
            Err(NoHedge::Budget(_))
        ));
    }

    #[test]
    fn old_answers_lose_weight() {
        let mut hedge = Hedge::new(HedgeConfig {
            minimum: 10,
            memory: 200,
            ..HedgeConfig::default()
        })
        .unwrap();
        for _ in 0..1000 {
            hedge.record(millis(1000));
        }
        for _ in 0..2000 {
            hedge.record(millis(10));
        }
        assert!(hedge.after().unwrap() < millis(12));
    }

    #[test]
    fn an_invalid_configuration_is_refused() {
        let with = |percentile, minimum, memory| {
            Hedge::new(HedgeConfig {
                percentile,
                minimum,
                memory,
                ..HedgeConfig::default()
            })
            .err()
        };
        assert_eq!(with(1.0, 10, 100), Some(HedgeError::Percentile(1.0)));
        assert!(matches!(with(f64::NAN, 10, 100), Some(HedgeError::Percentile(_))));
        assert!(matches!(with(0.5, 0, 100), Some(HedgeError::Minimum { .. })));
        assert!(matches!(with(0.5, 51, 101), Some(HedgeError::Minimum { .. })));
        assert_eq!(with(0.5, 50, 100), None);
    }

    proptest! {
        #[test]
        fn the_percentile_is_at_most_an_eighth_too_high_and_never_too_low(
            took in prop::collection::vec(1_u64..100_000_000_000, 1..300),
            shift in 0_u32..40,
            percentile in 0.01_f64..0.99,
        ) {
            let mut hedge = Hedge::new(HedgeConfig {
                percentile,
                minimum: 1,
                memory: 1000,
                least: Duration::ZERO,
            })
            .unwrap();
            let mut took: Vec<u64> = took.into_iter().map(|nanos| (nanos >> shift).max(1)).collect();
            for nanos in &took {
                hedge.record(Duration::from_nanos(*nanos));
            }
            took.sort_unstable();
            let exact = took[(took.len() as f64 * percentile).ceil() as usize - 1];
            let told = hedge.after().unwrap().as_nanos() as u64;
            // A nanosecond for the rounding up of bounds below eight.
            prop_assert!(told >= exact && told <= exact + exact / 8 + 1, "{} for {}", told, exact);
        }
    }
}
