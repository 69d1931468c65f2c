//! The decisions of a breaker and their reasons, in words that a trace can print.

use std::fmt;
use std::time::Duration;

use crate::Time;
use crate::identity::Identity;
use serde::{Deserialize, Serialize};

/// Permission for one call. Return it with [`Breaker::record`](super::Breaker::record) when the target has
/// answered or failed to, or with [`Breaker::release`](super::Breaker::release) if the call never reached it.
/// A dropped permit does not count; a probe's place is free again when the probe expires.
#[derive(Debug)]
#[must_use = "a permit is reported with `record`, or given back with `release`"]
pub struct Permit {
    /// The breaker that issued it.
    pub(super) issuer: Identity,
    /// That breaker's generation at the time.
    pub(super) generation: u64,
    pub(super) issued: Time,
    /// Which permit of that breaker it is, from 1.
    pub(super) number: u64,
    pub(super) kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A call through the closed breaker.
    Call,
    /// One of the half-open breaker's probes.
    Probe {
        /// Its place.
        slot: u32,
        /// Distinguishes it from others that had that place.
        serial: u64,
    },
    /// A call that a breaker in observation mode would have rejected.
    Shadow(RejectReason),
    /// A call that is not watched.
    Unwatched,
}

impl Permit {
    /// A permit of no breaker that exists.
    pub(crate) fn foreign() -> Self {
        Self {
            issuer: Identity::new(),
            generation: 0,
            issued: Time::ZERO,
            number: 0,
            kind: Kind::Call,
        }
    }

    /// Which permit of its breaker it is, from 1.
    #[must_use]
    pub const fn number(&self) -> u64 {
        self.number
    }

    /// Whether the call is not watched, because the breaker is disabled.
    #[must_use]
    pub const fn is_unwatched(&self) -> bool {
        matches!(self.kind, Kind::Unwatched)
    }

    /// Whether the call tests a target from which the breaker has just kept calls away.
    #[must_use]
    pub const fn is_probe(&self) -> bool {
        matches!(self.kind, Kind::Probe { .. })
    }

    /// Why the call would have been rejected if the breaker enforced its decisions.
    #[must_use]
    pub const fn would_reject(&self) -> Option<RejectReason> {
        match self.kind {
            Kind::Shadow(reason) => Some(reason),
            _ => None,
        }
    }

    /// When it was issued.
    #[must_use]
    pub const fn issued(&self) -> Time {
        self.issued
    }
}

/// What opened a breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// This many failures without a success between them.
    InARow(u32),
    /// Too many of the window's calls failed.
    Failed {
        /// How many failed.
        failures: u64,
        /// Of how many.
        calls: u64,
    },
    /// Too many of the window's calls were slow.
    Slow {
        /// How many were slow.
        slow: u64,
        /// Of how many.
        calls: u64,
    },
    /// Too many probes failed.
    Probes {
        /// How many failed.
        failed: u32,
        /// The number of allowed probes.
        of: u32,
    },
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InARow(1) => write!(f, "1 failure"),
            Self::InARow(failures) => write!(f, "{failures} failures in a row"),
            Self::Failed { failures, calls } => write!(f, "{failures} of {calls} calls failed"),
            Self::Slow { slow, calls } => write!(f, "{slow} of {calls} calls were slow"),
            Self::Probes { failed, of } => write!(f, "{failed} of {of} probes failed"),
        }
    }
}

/// Why a call is rejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RejectReason {
    /// The breaker is open.
    Open(Cause),
    /// The breaker is half-open and its probes are on their way.
    ProbesOut(u32),
    /// A person has forced the breaker open.
    Forced,
}

impl fmt::Display for RejectReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open(cause) => write!(f, "the breaker is open: {cause}"),
            Self::ProbesOut(1) => write!(f, "the breaker is half-open and its probe is out"),
            Self::ProbesOut(probes) => write!(f, "the breaker is half-open and its {probes} probes are out"),
            Self::Forced => write!(f, "the breaker is forced open"),
        }
    }
}

/// A call that must not be made. It is not evidence about the target and cannot be recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Rejection {
    /// Why.
    pub reason: RejectReason,
    /// After how long another try may be admitted; unknown if a person decides.
    pub retry_after: Option<Duration>,
}

/// The effect of a reported result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Recorded {
    /// It was counted; the breaker stays as it is.
    Counted,
    /// It opened the breaker.
    Opened(Cause),
    /// It closed the breaker.
    Closed,
    /// It changed nothing.
    Ignored(IgnoreReason),
}

impl fmt::Display for Recorded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Counted => write!(f, "counted"),
            Self::Opened(cause) => write!(f, "opened the breaker: {cause}"),
            Self::Closed => write!(f, "closed the breaker"),
            Self::Ignored(reason) => write!(f, "ignored: {reason}"),
        }
    }
}

/// Why a result changes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IgnoreReason {
    /// The permit is another breaker's.
    Foreign,
    /// The breaker has opened or closed since the permit was issued.
    Late,
    /// The probe took too long, and its place was free for another.
    Expired,
    /// The breaker would have rejected the call.
    Shadow,
    /// The breaker watches nothing.
    Unwatched,
}

impl fmt::Display for IgnoreReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Foreign => "the permit is another breaker's",
            Self::Late => "the breaker has changed since",
            Self::Expired => "the probe had expired",
            Self::Shadow => "the breaker would have rejected the call",
            Self::Unwatched => "the breaker watches nothing",
        })
    }
}

/// The state of a breaker at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It admits calls.
    Closed,
    /// It rejects calls.
    Open {
        /// Until when.
        until: Time,
        /// Why it opened.
        cause: Cause,
    },
    /// It admits probes.
    HalfOpen {
        /// How many it would admit now.
        free: u32,
    },
    /// A person has forced it open.
    ForcedOpen,
    /// It admits every call and watches none.
    Disabled,
}

/// The counts of a breaker since it was built.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// Admitted calls, including probes and those that would have been rejected.
    pub admitted: u64,
    /// Calls rejected.
    pub rejected: u64,
    /// Calls admitted only because it is in observation mode.
    pub would_reject: u64,
    /// How often it opened, also in observation mode.
    pub opened: u64,
    /// How often probes closed it.
    pub closed: u64,
    /// Results that changed nothing.
    pub ignored: u64,
}
