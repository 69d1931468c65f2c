//! Decisions of a breaker.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Entity, Machine, Recorder};
use crate::Time;
use crate::breaker::{Breaker, BreakerConfig, Mode, Permit, Recorded, RejectReason, Rejection, State};
use crate::window::{Outcome, WindowConfig};

/// An input of a breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BreakerInput {
    /// A call asks for permission.
    Acquire,
    /// A permitted call has ended.
    Complete {
        /// Which of the breaker's permits it had, from 1.
        permit: u64,
        /// How it ended.
        outcome: Outcome,
    },
    /// A call with another breaker's permit has ended.
    CompleteForeign {
        /// How it ended.
        outcome: Outcome,
    },
    /// A permit is returned whose call never reached the target.
    Release {
        /// Which one.
        permit: u64,
    },
    /// Another mode is set.
    SetMode {
        /// Which one.
        mode: Mode,
    },
}

/// A decision of a breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BreakerDecision {
    /// The call may be made.
    Permitted(Permitted),
    /// The call must not be made.
    Rejected {
        /// Why.
        reason: RejectReason,
        /// After how long another try may be admitted, in nanoseconds.
        #[serde(rename = "retry_after_ns", with = "crate::nanos::option")]
        retry_after: Option<Duration>,
    },
    /// What the result of a call does.
    Recorded(Recorded),
    /// Its state after a permit was returned or the mode was set.
    Is(State),
}

/// Why a call is permitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Permitted {
    /// The breaker is closed.
    Closed,
    /// It is a probe of the half-open breaker.
    Probe,
    /// The breaker only observes; it would have rejected the call for this reason.
    Observed(RejectReason),
    /// The breaker is disabled.
    Unwatched,
}

impl Permitted {
    /// The reason of a permit.
    #[must_use]
    pub const fn of(permit: &Permit) -> Self {
        if permit.is_probe() {
            Self::Probe
        } else if permit.is_unwatched() {
            Self::Unwatched
        } else if let Some(reason) = permit.would_reject() {
            Self::Observed(reason)
        } else {
            Self::Closed
        }
    }
}

impl fmt::Display for Permitted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("the breaker is closed"),
            Self::Probe => f.write_str("the breaker is half-open, and this is one of its probes"),
            Self::Observed(reason) => {
                write!(
                    f,
                    "the breaker only observes; it would have rejected it: {reason}"
                )
            }
            Self::Unwatched => f.write_str("the breaker is disabled"),
        }
    }
}

impl fmt::Display for BreakerDecision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Permitted(why) => write!(f, "permit: {why}"),
            Self::Rejected { reason, .. } => write!(f, "reject: {reason}"),
            Self::Recorded(recorded) => recorded.fmt(f),
            Self::Is(state) => match state {
                State::Closed => f.write_str("closed"),
                State::Open { until, cause } => write!(f, "open until {until}: {cause}"),
                State::HalfOpen { free } => write!(f, "half-open with {free} free probes"),
                State::ForcedOpen => f.write_str("forced open"),
                State::Disabled => f.write_str("disabled"),
            },
        }
    }
}

impl From<&Result<Permit, Rejection>> for BreakerDecision {
    fn from(answer: &Result<Permit, Rejection>) -> Self {
        match answer {
            Ok(permit) => Self::Permitted(Permitted::of(permit)),
            Err(rejection) => Self::Rejected {
                reason: rejection.reason,
                retry_after: rejection.retry_after,
            },
        }
    }
}

/// A breaker with the permits that it issued and that were not returned yet.
#[derive(Debug)]
pub struct ReplayedBreaker {
    breaker: Breaker,
    permits: BTreeMap<u64, Permit>,
}

impl ReplayedBreaker {
    fn take(&mut self, number: u64) -> Result<Permit, String> {
        let none = || format!("permit {number} was never issued, or it was returned before");
        self.permits.remove(&number).ok_or_else(none)
    }
}

impl Machine for ReplayedBreaker {
    const KIND: &'static str = "breaker";
    type Settings = BreakerConfig;
    type Input = BreakerInput;
    type Decision = BreakerDecision;

    fn build(settings: BreakerConfig) -> Result<Self, String> {
        let breaker = Breaker::new(settings).map_err(|e| e.to_string())?;
        Ok(Self {
            breaker,
            permits: BTreeMap::new(),
        })
    }

    fn size(settings: &BreakerConfig) -> u64 {
        let window = match settings.window {
            WindowConfig::Calls(calls) => u64::from(calls),
            WindowConfig::Time { slices, .. } => 24 * u64::from(slices),
        };
        1024 + window + 32 * u64::from(settings.probes)
    }

    fn step(&mut self, at: Time, input: BreakerInput) -> Result<BreakerDecision, String> {
        Ok(match input {
            BreakerInput::Acquire => {
                let answer = self.breaker.acquire(at);
                let decision = BreakerDecision::from(&answer);
                self.permits
                    .extend(answer.ok().map(|permit| (permit.number(), permit)));
                decision
            }
            BreakerInput::Complete { permit, outcome } => {
                let permit = self.take(permit)?;
                BreakerDecision::Recorded(self.breaker.record(at, permit, outcome))
            }
            BreakerInput::CompleteForeign { outcome } => {
                BreakerDecision::Recorded(self.breaker.record(at, Permit::foreign(), outcome))
            }
            BreakerInput::Release { permit } => {
                let permit = self.take(permit)?;
                self.breaker.release(at, permit);
                BreakerDecision::Is(self.breaker.state(at))
            }
            BreakerInput::SetMode { mode } => {
                self.breaker.set_mode(at, mode);
                BreakerDecision::Is(self.breaker.state(at))
            }
        })
    }
}

impl Recorder {
    /// A breaker whose steps will be recorded, before its first one.
    pub fn breaker(&mut self, breaker: &Breaker, name: impl FnOnce() -> String) -> Entity {
        self.entity::<ReplayedBreaker>(|| (name(), *breaker.config()))
    }

    /// [`Breaker::acquire`], recorded.
    ///
    /// # Errors
    ///
    /// A [`Rejection`] with its reason: the call must not be made.
    pub fn acquire(&mut self, of: Entity, breaker: &mut Breaker, now: Time) -> Result<Permit, Rejection> {
        let answer = breaker.acquire(now);
        self.step::<ReplayedBreaker>(of, now, || {
            (BreakerInput::Acquire, BreakerDecision::from(&answer))
        });
        answer
    }

    /// [`Breaker::record`], recorded.
    pub fn complete(
        &mut self,
        (of, breaker): (Entity, &mut Breaker),
        now: Time,
        permit: Permit,
        outcome: Outcome,
    ) -> Recorded {
        let (own, permit_number) = (breaker.issued(&permit), permit.number());
        let recorded = breaker.record(now, permit, outcome);
        self.step::<ReplayedBreaker>(of, now, || {
            let input = if own {
                BreakerInput::Complete {
                    permit: permit_number,
                    outcome,
                }
            } else {
                BreakerInput::CompleteForeign { outcome }
            };
            (input, BreakerDecision::Recorded(recorded))
        });
        recorded
    }

    /// [`Breaker::release`], recorded. Another breaker's permit changes nothing, and is not recorded.
    pub fn release(&mut self, (of, breaker): (Entity, &mut Breaker), now: Time, permit: Permit) {
        let (own, number) = (breaker.issued(&permit), permit.number());
        breaker.release(now, permit);
        if own {
            self.step::<ReplayedBreaker>(of, now, || {
                let input = BreakerInput::Release { permit: number };
                (input, BreakerDecision::Is(breaker.state(now)))
            });
        }
    }

    /// [`Breaker::set_mode`], recorded.
    pub fn set_mode(&mut self, (of, breaker): (Entity, &mut Breaker), now: Time, mode: Mode) {
        breaker.set_mode(now, mode);
        self.step::<ReplayedBreaker>(of, now, || {
            (
                BreakerInput::SetMode { mode },
                BreakerDecision::Is(breaker.state(now)),
            )
        });
    }
}
