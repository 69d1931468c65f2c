//! How far a target differs from its peers, and what follows for it.

use crate::Time;
use crate::window::share;
use serde::{Deserialize, Serialize};
use std::fmt;

/// By how many standard deviations the share of bad calls in the first sample exceeds that in the second,
/// under the assumption that both have the same: with `p = (bad + other_bad) / (calls + other_calls)`,
///
/// `z = (bad/calls − other_bad/other_calls) / √(p (1 − p) (1/calls + 1/other_calls))`
///
/// Source: NIST/SEMATECH e-Handbook of Statistical Methods, 7.3.3 "How can we determine whether two processes
/// produce the same proportion of defectives?". 0 if there is nothing to compare: an empty sample, or no call
/// or every call bad in both.
#[must_use]
pub fn deviations((bad, calls): (u64, u64), (other_bad, other_calls): (u64, u64)) -> f64 {
    let pooled = share(bad + other_bad, calls + other_calls);
    let (n, m) = (calls as f64, other_calls as f64);
    let variance = pooled * (1.0 - pooled) * (1.0 / n + 1.0 / m);
    if calls == 0 || other_calls == 0 || variance <= 0.0 {
        return 0.0;
    }
    (share(bad, calls) - share(other_bad, other_calls)) / variance.sqrt()
}

/// How much worse than its peers.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bound {
    /// In standard deviations of the comparison, see [`deviations`]: whether it is chance.
    pub deviations: f64,
    /// In share of calls, in `[0, 1]`: whether it matters. Among millions of calls any difference is
    /// significant.
    pub difference: f64,
}

/// One interval's calls to a target compared with those to its peers.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Comparison {
    /// The target's bad calls.
    pub bad: u64,
    /// The target's calls.
    pub calls: u64,
    /// The peers' bad calls.
    pub peers_bad: u64,
    /// The peers' calls.
    pub peers_calls: u64,
    /// By how many standard deviations the target is worse.
    pub deviations: f64,
    /// By what share of calls the target is worse.
    pub difference: f64,
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            bad,
            calls,
            peers_bad,
            peers_calls,
            deviations,
            ..
        } = self;
        write!(
            f,
            "{bad} of {calls} calls bad against {peers_bad} of {peers_calls} at its peers \
             ({deviations:.1} standard deviations)"
        )
    }
}

/// The state of a target.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// It is not suspect.
    Good,
    /// It is worse than its peers.
    Grey {
        /// The end of the interval that confirmed it.
        since: Time,
        /// The result of that interval.
        shown: Comparison,
    },
}

impl Standing {
    /// Whether it is worse than its peers.
    #[must_use]
    pub const fn is_grey(&self) -> bool {
        matches!(self, Self::Grey { .. })
    }
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Good => f.write_str("as good as its peers"),
            Self::Grey { since, shown } => write!(f, "worse than its peers since {since}: {shown}"),
        }
    }
}
