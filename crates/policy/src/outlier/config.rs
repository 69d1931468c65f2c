//! When a host is ejected, for how long, and how it comes back.

use std::time::Duration;

/// Ejection by comparison of success rates.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Deviation {
    /// Ejects hosts whose success rate is below the mean of all by more than this many standard deviations.
    ///
    /// One bad host among n is √(n − 1) standard deviations off, however bad it is, and k equally bad ones
    /// √((n − k) / k) each. With 1.9, one of four is never ejected (√3 = 1.73), one of five is (√4 = 2); two
    /// must be among ten.
    pub factor: f64,
    /// Hosts that must have enough calls in the interval.
    pub minimum_hosts: u32,
    /// The number of calls that is enough.
    pub minimum_calls: u32,
}

/// The configuration of an [`OutlierDetector`](super::OutlierDetector).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OutlierConfig {
    /// Ejects a host at once after this many failures without a success between them.
    pub consecutive_failures: Option<u32>,
    /// Ejects hosts whose success rate is below the others', at each sweep.
    pub deviation: Option<Deviation>,
    /// Time between sweeps. A sweep compares success rates, and only a sweep brings hosts back.
    pub interval: Duration,
    /// How long the first ejection lasts; the nth in a row lasts n times that.
    pub base_ejection: Duration,
    /// The longest ejection.
    pub longest_ejection: Duration,
    /// Largest percentage of the hosts that are ejected at the same time, rounded down, at most 100.
    pub most_percent: u32,
    /// Whether one host may be ejected if that percentage is less than one host: 10 % of nine.
    pub at_least_one: bool,
    /// The number of hosts that always stay, whatever the percentage: with 1, the last one stays.
    pub keep: u32,
    /// How long the weight of a returning host takes to reach that of the others. Zero: at once.
    pub ramp: Duration,
    /// Its weight at first, as a share of the others', in `[0, 1]`.
    pub ramp_from: f64,
}

impl Default for OutlierConfig {
    /// Envoy's defaults, except that one host of few may be ejected, the last one stays, and weights rise
    /// over 30 s from a tenth.
    fn default() -> Self {
        Self {
            at_least_one: true,
            keep: 1,
            ramp: Duration::from_secs(30),
            ramp_from: 0.1,
            ..Self::envoy()
        }
    }
}

impl OutlierConfig {
    /// Envoy's defaults: 5 in a row; 1.9 standard deviations among 5 hosts of 100 calls; sweeps each 10 s; 30 s,
    /// growing to 300 s; 10 % of the hosts, which is none of fewer than ten. Source: Envoy v3 API,
    /// `config.cluster.v3.OutlierDetection`.
    #[must_use]
    pub const fn envoy() -> Self {
        Self {
            consecutive_failures: Some(5),
            deviation: Some(Deviation {
                factor: 1.9,
                minimum_hosts: 5,
                minimum_calls: 100,
            }),
            interval: Duration::from_secs(10),
            base_ejection: Duration::from_secs(30),
            longest_ejection: Duration::from_secs(300),
            most_percent: 10,
            at_least_one: false,
            keep: 0,
            ramp: Duration::ZERO,
            ramp_from: 1.0,
        }
    }

    /// The service mesh's circuit breaker: 5 failures in a row, sweeps each 30 s, ejection for 30 s; otherwise the
    /// default. (Istio turns success rates off.)
    #[must_use]
    pub fn mesh() -> Self {
        Self {
            deviation: None,
            interval: Duration::from_secs(30),
            ..Self::default()
        }
    }

    /// How many of this many hosts may be ejected at the same time.
    #[must_use]
    pub fn most_ejected(&self, hosts: usize) -> usize {
        // Quotient and remainder separately, so that nothing overflows.
        let percent = self.most_percent.min(100) as usize;
        let share = hosts / 100 * percent + hosts % 100 * percent / 100;
        share
            .max(usize::from(self.at_least_one))
            .min(hosts.saturating_sub(self.keep as usize))
    }

    /// Checks the configuration.
    ///
    /// # Errors
    ///
    /// [`OutlierError`] names the first error.
    pub fn check(&self) -> Result<(), OutlierError> {
        if self.consecutive_failures.is_none() && self.deviation.is_none() {
            return Err(OutlierError::NoCondition);
        }
        if self.consecutive_failures == Some(0) {
            return Err(OutlierError::ConsecutiveFailures);
        }
        if let Some(deviation) = self.deviation {
            if !(deviation.factor > 0.0 && deviation.factor.is_finite()) {
                return Err(OutlierError::Factor(deviation.factor));
            }
            if deviation.minimum_calls == 0 {
                return Err(OutlierError::MinimumCalls);
            }
        }
        if self.interval.is_zero() || u64::try_from(self.interval.as_nanos()).is_err() {
            return Err(OutlierError::Interval(self.interval));
        }
        if self.base_ejection.is_zero() || self.longest_ejection < self.base_ejection {
            return Err(OutlierError::Ejection {
                base: self.base_ejection,
                longest: self.longest_ejection,
            });
        }
        if self.most_percent > 100 {
            return Err(OutlierError::Percent(self.most_percent));
        }
        if !(self.ramp_from >= 0.0 && self.ramp_from <= 1.0) {
            return Err(OutlierError::RampFrom(self.ramp_from));
        }
        Ok(())
    }
}

/// An error in the configuration of a detector.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum OutlierError {
    /// No condition would eject a host.
    #[error("an ejection needs a condition: consecutive failures or a deviation of success rates")]
    NoCondition,
    /// It would eject without a failure.
    #[error("a host is ejected after 1 failure in a row or more, not 0")]
    ConsecutiveFailures,
    /// Not a distance.
    #[error("a success rate is compared by more than 0 standard deviations, not {0}")]
    Factor(f64),
    /// It would compare success rates of no calls.
    #[error("a success rate needs 1 call or more, not 0")]
    MinimumCalls,
    /// No interval, or one of more than 584 years.
    #[error("hosts cannot be swept every {0:?}")]
    Interval(Duration),
    /// It would last no time, or longer than the longest.
    #[error("an ejection of {base:?} at first and {longest:?} at most is impossible")]
    Ejection {
        /// The first.
        base: Duration,
        /// The longest.
        longest: Duration,
    },
    /// More than all.
    #[error("at most 100 % of the hosts can be ejected, not {0}")]
    Percent(u32),
    /// Not a share.
    #[error("a weight begins at a share from 0 to 1, not at {0}")]
    RampFrom(f64),
}
