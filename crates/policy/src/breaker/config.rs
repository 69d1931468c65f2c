//! The conditions that open a breaker, the open time, and the conditions that close it again.

use std::time::Duration;

use crate::window::{WindowConfig, WindowError};
use serde::{Deserialize, Serialize};

/// Whether a breaker's decisions are enforced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// It watches and rejects.
    #[default]
    Active,
    /// It watches and admits everything; permits and counts show what it would have rejected.
    ObserveOnly,
    /// It rejects everything and watches nothing, until the mode is changed.
    ForcedOpen,
    /// It admits everything and watches nothing.
    Disabled,
}

/// When calls that succeed slowly open the breaker.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SlowCalls {
    /// A success that took this long, from permit to report, is slow.
    #[serde(rename = "after_ns", with = "crate::nanos")]
    pub after: Duration,
    /// Share of the window's calls that are slow at which the breaker opens, in `(0, 1]`.
    pub share: f64,
}

/// The configuration of a [`Breaker`](super::Breaker). At least one of the three conditions is needed; each opens
/// it by itself.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BreakerConfig {
    /// Opens after this many failures without a success between them. Uses neither window nor minimum.
    pub consecutive_failures: Option<u32>,
    /// Opens at this share of failures in the window, in `(0, 1]`.
    pub failure_share: Option<f64>,
    /// Opens at a share of slow successes in the window.
    pub slow: Option<SlowCalls>,
    /// The calls over which the shares are computed.
    pub window: WindowConfig,
    /// The minimum number of calls in the window before a share counts.
    pub minimum_calls: u32,
    /// How long it stays open the first time.
    #[serde(rename = "open_time_ns", with = "crate::nanos")]
    pub open_time: Duration,
    /// The factor for the open time when it opens again without having closed; 1 for a constant time.
    pub open_growth: f64,
    /// The longest open time.
    #[serde(rename = "open_time_cap_ns", with = "crate::nanos")]
    pub open_time_cap: Duration,
    /// How many calls are allowed as probes, once the open time is over.
    pub probes: u32,
    /// After this long a probe without a reported result gives its place to another.
    #[serde(rename = "probe_timeout_ns", with = "crate::nanos")]
    pub probe_timeout: Duration,
    /// Probes that must succeed for the breaker to close. It opens again as soon as this cannot be reached
    /// any more: with 10 probes and 6 successes, at the fifth failure. If slow calls are a condition, a slow
    /// probe has failed.
    pub success_threshold: u32,
    /// Whether decisions bind.
    pub mode: Mode,
}

impl Default for BreakerConfig {
    /// Half of the last 100 calls, of at least 20; open for 30 s, twice as long each time, at most 5 min; 3 of 5
    /// probes close it.
    fn default() -> Self {
        Self {
            consecutive_failures: None,
            failure_share: Some(0.5),
            slow: None,
            window: WindowConfig::default(),
            minimum_calls: 20,
            open_time: Duration::from_secs(30),
            open_growth: 2.0,
            open_time_cap: Duration::from_secs(300),
            probes: 5,
            probe_timeout: Duration::from_secs(30),
            success_threshold: 3,
            mode: Mode::Active,
        }
    }
}

impl BreakerConfig {
    /// The largest number of probes.
    pub const MOST_PROBES: u32 = 1024;

    /// The simplest breaker: opens after `failures` in a row, always for the same time, and one probe
    /// decides.
    #[must_use]
    pub fn consecutive(failures: u32, open_time: Duration) -> Self {
        Self {
            consecutive_failures: Some(failures),
            failure_share: None,
            open_time,
            open_growth: 1.0,
            open_time_cap: open_time,
            probes: 1,
            success_threshold: 1,
            ..Self::default()
        }
    }

    /// For a database: 5 failures in a row, open for 60 s.
    #[must_use]
    pub fn database() -> Self {
        Self::consecutive(5, Duration::from_secs(60))
    }

    /// For Kafka: 10 failures in a row, open for 30 s.
    #[must_use]
    pub fn kafka() -> Self {
        Self::consecutive(10, Duration::from_secs(30))
    }

    /// For connections through a VPC connector, which recovers by adding instances: 5 failures in a row, open
    /// for 300 s.
    #[must_use]
    pub fn connector() -> Self {
        Self::consecutive(5, Duration::from_secs(300))
    }

    /// For a cell: half of at least 20 calls in 60 s, open for 30 s, 10 half-open requests of which fewer
    /// than half may fail.
    #[must_use]
    pub fn cell() -> Self {
        Self {
            failure_share: Some(0.5),
            window: WindowConfig::Time {
                length: Duration::from_secs(60),
                slices: 60,
            },
            minimum_calls: 20,
            open_time: Duration::from_secs(30),
            open_growth: 1.0,
            open_time_cap: Duration::from_secs(30),
            probes: 10,
            success_threshold: 6,
            ..Self::default()
        }
    }

    /// Checks the configuration.
    ///
    /// # Errors
    ///
    /// [`BreakerError`] names the first error.
    pub fn check(&self) -> Result<(), BreakerError> {
        self.window.check()?;
        self.check_conditions()?;
        self.check_open_time()?;
        if self.probes == 0 || self.probes > Self::MOST_PROBES {
            return Err(BreakerError::Probes(self.probes));
        }
        if self.probe_timeout.is_zero() {
            return Err(BreakerError::ProbeTimeout);
        }
        if self.success_threshold == 0 || self.success_threshold > self.probes {
            return Err(BreakerError::SuccessThreshold {
                threshold: self.success_threshold,
                probes: self.probes,
            });
        }
        Ok(())
    }

    fn check_conditions(&self) -> Result<(), BreakerError> {
        if self.consecutive_failures.is_none() && self.failure_share.is_none() && self.slow.is_none() {
            return Err(BreakerError::NoCondition);
        }
        if self.consecutive_failures == Some(0) {
            return Err(BreakerError::ConsecutiveFailures);
        }
        for share in [self.failure_share, self.slow.map(|slow| slow.share)]
            .into_iter()
            .flatten()
        {
            // Written so that not-a-number fails.
            if !(share > 0.0 && share <= 1.0) {
                return Err(BreakerError::Share(share));
            }
        }
        if self.minimum_calls == 0 {
            return Err(BreakerError::MinimumCalls);
        }
        match self.window {
            WindowConfig::Calls(calls) if self.minimum_calls > calls => {
                Err(BreakerError::MinimumBeyondWindow {
                    minimum: self.minimum_calls,
                    calls,
                })
            }
            _ => Ok(()),
        }
    }

    fn check_open_time(&self) -> Result<(), BreakerError> {
        if self.open_time.is_zero() {
            return Err(BreakerError::OpenTime);
        }
        if !(self.open_growth >= 1.0 && self.open_growth.is_finite()) {
            return Err(BreakerError::Growth(self.open_growth));
        }
        if self.open_time_cap < self.open_time {
            return Err(BreakerError::Cap {
                cap: self.open_time_cap,
                open: self.open_time,
            });
        }
        Ok(())
    }
}

/// An error in the configuration of a breaker.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum BreakerError {
    /// The window is impossible.
    #[error(transparent)]
    Window(#[from] WindowError),
    /// No condition would open it.
    #[error(
        "a breaker needs a condition: consecutive failures, a share of failures, or a share of slow calls"
    )]
    NoCondition,
    /// It would open without a failure.
    #[error("a breaker opens after 1 failure in a row or more, not 0")]
    ConsecutiveFailures,
    /// Not a share.
    #[error("a share that opens a breaker is above 0 and at most 1, not {0}")]
    Share(f64),
    /// It would judge by no calls.
    #[error("a breaker judges a share by 1 call or more, not 0")]
    MinimumCalls,
    /// The window can never hold enough calls.
    #[error("a window of {calls} calls never contains the minimum of {minimum}")]
    MinimumBeyondWindow {
        /// The minimum.
        minimum: u32,
        /// The number of calls in the window.
        calls: u32,
    },
    /// It would never be open.
    #[error("a breaker's open time is longer than zero")]
    OpenTime,
    /// It would shrink, or is not a number.
    #[error("a breaker's open time grows by a factor of 1 or more, not {0}")]
    Growth(f64),
    /// The cap is below the first open time.
    #[error("the open time's cap of {cap:?} is below the open time of {open:?}")]
    Cap {
        /// The cap.
        cap: Duration,
        /// The first open time.
        open: Duration,
    },
    /// No probes, or too many.
    #[error("a breaker has 1 to {most} probes, not {0}", most = BreakerConfig::MOST_PROBES)]
    Probes(u32),
    /// Probes would expire when they are sent.
    #[error("a probe expires after longer than zero")]
    ProbeTimeout,
    /// It could never close, or would close without a success.
    #[error("{threshold} successes of {probes} probes cannot close a breaker")]
    SuccessThreshold {
        /// Successes wanted.
        threshold: u32,
        /// Probes allowed.
        probes: u32,
    },
}
