//! Settings of the detector, their defaults and their errors.

use super::comparison::{Bound, Comparison, Standing};
use crate::window::Counts;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The configuration of a [`GreyDetector`](super::GreyDetector).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GreyConfig {
    /// How long calls are counted before they are compared.
    #[serde(rename = "interval_ns", with = "crate::nanos")]
    pub interval: Duration,
    /// Calls that both sides must have in an interval; with fewer, nothing changes.
    pub minimum_calls: u32,
    /// Bad calls that a target needs in an interval to count as grey. The test's normal approximation is poor
    /// below about 5.
    pub minimum_bad: u32,
    /// Grey at both of these.
    pub suspect: Bound,
    /// No longer grey below either of these.
    pub clear: Bound,
    /// This many intervals in a row must agree, in both directions. An interval with too few calls is ignored
    /// and does not interrupt.
    pub confirmations: u32,
    /// Whether slow successes are bad calls. Lost packets are sent again, so they appear as slowness first.
    pub slow_is_bad: bool,
}

impl Default for GreyConfig {
    /// 10 s, 100 calls and 5 bad ones; grey at 4 deviations and 2 points, cleared below 2 or 1; two intervals; slow
    /// calls are bad.
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(10),
            minimum_calls: 100,
            minimum_bad: 5,
            suspect: Bound {
                deviations: 4.0,
                difference: 0.02,
            },
            clear: Bound {
                deviations: 2.0,
                difference: 0.01,
            },
            confirmations: 2,
            slow_is_bad: true,
        }
    }
}

impl GreyConfig {
    /// Checks the configuration.
    ///
    /// # Errors
    ///
    /// [`GreyError`] names the first error.
    pub fn check(&self) -> Result<(), GreyError> {
        if self.interval.is_zero() || u64::try_from(self.interval.as_nanos()).is_err() {
            return Err(GreyError::Interval(self.interval));
        }
        if self.minimum_calls == 0 {
            return Err(GreyError::MinimumCalls);
        }
        if self.confirmations == 0 {
            return Err(GreyError::Confirmations);
        }
        for bound in [self.suspect, self.clear] {
            if !(bound.deviations > 0.0 && bound.deviations.is_finite()) {
                return Err(GreyError::Deviations(bound.deviations));
            }
            if !(bound.difference >= 0.0 && bound.difference < 1.0) {
                return Err(GreyError::Difference(bound.difference));
            }
        }
        if self.clear.deviations > self.suspect.deviations || self.clear.difference > self.suspect.difference
        {
            return Err(GreyError::Hysteresis);
        }
        Ok(())
    }
}

/// An error in the configuration of a detector.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum GreyError {
    /// No interval, or one of more than 584 years.
    #[error("calls cannot be compared every {0:?}")]
    Interval(Duration),
    /// It would judge by no calls.
    #[error("a comparison needs 1 call or more, not 0")]
    MinimumCalls,
    /// It would decide without an interval.
    #[error("a verdict needs 1 interval or more, not 0")]
    Confirmations,
    /// Not a distance.
    #[error("a bound lies above 0 standard deviations, not at {0}")]
    Deviations(f64),
    /// Not a difference between shares.
    #[error("a difference between shares is at least 0 and below 1, not {0}")]
    Difference(f64),
    /// It would flap.
    #[error("a target is cleared at bounds no wider than those that make it suspect")]
    Hysteresis,
}

impl GreyConfig {
    pub(super) fn bad(&self, counts: &Counts) -> u64 {
        counts.failure + if self.slow_is_bad { counts.slow } else { 0 }
    }

    /// Whether an interval contradicts the current state.
    pub(super) fn speaks_against(&self, standing: Standing, shown: &Comparison) -> bool {
        let Comparison {
            bad,
            deviations,
            difference,
            ..
        } = *shown;
        match standing {
            Standing::Good => {
                bad >= u64::from(self.minimum_bad)
                    && deviations >= self.suspect.deviations
                    && difference >= self.suspect.difference
            }
            Standing::Grey { .. } => deviations < self.clear.deviations || difference < self.clear.difference,
        }
    }
}
