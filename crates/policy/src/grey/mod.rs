//! Detects a partially failing target: compares its success rate with that of its peers.
//!
//! With 10 % loss to one target, a breaker that needs 50 % never opens and a health check passes nine times
//! in ten, while a tenth of the users get errors. The target is recognised because its peers do better at the
//! same time under the same kind of load. If all do badly together no target is grey: that is an outage, or a
//! fault of the callers, and moving load would not help.
//!
//! Calls are counted by interval, and at each interval's end the target is compared with all peers that are
//! not grey themselves by the two-proportion test ([`deviations`]). Intervals share no calls, so
//! confirmations are independent: 4 standard deviations happen by chance once in 31,600 comparisons, and
//! twice in a row once in 10^9.

mod comparison;
mod config;

use crate::Time;
use crate::window::{Counts, Outcome, share};
pub use comparison::{Bound, Comparison, Standing, deviations};
pub use config::{GreyConfig, GreyError};

/// Compares targets that do the same work.
#[derive(Debug)]
pub struct GreyDetector {
    config: GreyConfig,
    targets: Box<[Target]>,
    /// When the current interval ends. Intervals end at multiples of their length.
    due: Time,
}

#[derive(Debug, Clone, Copy)]
struct Target {
    standing: Standing,
    counts: Counts,
    /// Intervals in a row that contradict the current state.
    against: u32,
    /// The result of the latest interval with enough calls.
    latest: Option<Comparison>,
}

impl Target {
    const NEW: Self = Self {
        standing: Standing::Good,
        counts: Counts {
            success: 0,
            slow: 0,
            failure: 0,
        },
        against: 0,
        latest: None,
    };
}

impl GreyDetector {
    /// A detector of this many targets, numbered from 0, without data. This is the only place that allocates.
    ///
    /// # Errors
    ///
    /// [`GreyError`] if `config` is invalid.
    pub fn new(config: GreyConfig, targets: usize) -> Result<Self, GreyError> {
        config.check()?;
        let due = Time::ZERO + config.interval;
        Ok(Self {
            config,
            targets: vec![Target::NEW; targets].into(),
            due,
        })
    }

    /// Adds a call to a target that ended now. Do not add calls that never reached it. A target that does not
    /// exist is ignored.
    pub fn record(&mut self, now: Time, target: usize, outcome: Outcome) {
        self.catch_up(now);
        if let Some(target) = self.targets.get_mut(target) {
            target.counts.add(outcome);
        }
    }

    /// The state of a target now; one that does not exist is not suspect.
    pub fn standing(&mut self, now: Time, target: usize) -> Standing {
        self.catch_up(now);
        self.targets
            .get(target)
            .map_or(Standing::Good, |target| target.standing)
    }

    /// The result for a target of the latest interval in which it and its peers had enough calls.
    pub fn comparison(&mut self, now: Time, target: usize) -> Option<Comparison> {
        self.catch_up(now);
        self.targets.get(target)?.latest
    }

    /// When the current interval ends, after which it compares.
    #[must_use]
    pub const fn due(&self) -> Time {
        self.due
    }

    /// The number of targets.
    #[must_use]
    pub fn targets(&self) -> usize {
        self.targets.len()
    }

    /// Its configuration.
    #[must_use]
    pub const fn config(&self) -> &GreyConfig {
        &self.config
    }

    /// Forgets a target, because another has taken its place.
    pub fn forget(&mut self, now: Time, target: usize) {
        self.catch_up(now);
        if let Some(target) = self.targets.get_mut(target) {
            *target = Target::NEW;
        }
    }

    /// Judges the interval that has ended, if one has. Later ones that have ended too had no calls.
    fn catch_up(&mut self, now: Time) {
        if now < self.due {
            return;
        }
        self.judge(self.due);
        // `check` has made sure that it fits.
        let interval = self.config.interval.as_nanos() as u64;
        let ended = now.as_nanos() / interval;
        self.due = Time::from_nanos(ended.saturating_mul(interval)) + self.config.interval;
    }

    /// Compares every target with the others that were not grey during the interval.
    fn judge(&mut self, end: Time) {
        let good = self.targets.iter().filter(|target| !target.standing.is_grey());
        let (mut good_bad, mut good_calls) = (0, 0);
        for target in good {
            good_bad += self.config.bad(&target.counts);
            good_calls += target.counts.total();
        }
        for target in &mut self.targets {
            let bad = self.config.bad(&target.counts);
            let calls = std::mem::take(&mut target.counts).total();
            let own = if target.standing.is_grey() {
                (0, 0)
            } else {
                (bad, calls)
            };
            let peers = (good_bad - own.0, good_calls - own.1);
            if calls.min(peers.1) < u64::from(self.config.minimum_calls) {
                continue;
            }
            let shown = Comparison {
                bad,
                calls,
                peers_bad: peers.0,
                peers_calls: peers.1,
                deviations: deviations((bad, calls), peers),
                difference: share(bad, calls) - share(peers.0, peers.1),
            };
            target.hear(&self.config, end, shown);
        }
    }
}

impl Target {
    /// Processes the result of an interval.
    fn hear(&mut self, config: &GreyConfig, end: Time, shown: Comparison) {
        self.latest = Some(shown);
        if !config.speaks_against(self.standing, &shown) {
            self.against = 0;
            return;
        }
        self.against += 1;
        if self.against >= config.confirmations {
            self.against = 0;
            self.standing = match self.standing {
                Standing::Good => Standing::Grey { since: end, shown },
                Standing::Grey { .. } => Standing::Good,
            };
        }
    }
}

#[cfg(test)]
mod tests;
