//! Decisions about retries, with the budget that they share.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::record::Draws;
use super::replay::Drawn;
use super::{Entity, Machine, Recorder};
use crate::budget::{BudgetConfig, RetryBudget};
use crate::retry::{GiveUp, Retry, RetryConfig, Tried};
use crate::{Random, Time};

/// What retries and their budget are built from.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RetrySettings {
    /// How a call is tried again.
    pub retry: RetryConfig,
    /// The budget of all callers together.
    pub budget: BudgetConfig,
}

/// An input.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RetryInput {
    /// A first try is sent.
    Request,
    /// A try has failed.
    Failed {
        /// When the call's first try began, in nanoseconds.
        #[serde(rename = "began_ns")]
        began: Time,
        /// How much earlier than the time of this step it failed; a step is never earlier than the one before.
        #[serde(rename = "before_ns", default, skip_serializing_if = "is_zero")]
        before: u64,
        /// Tries that have failed.
        tries: u32,
        /// The time before which the next try is useless, in nanoseconds from now.
        #[serde(rename = "not_before_ns", with = "crate::nanos")]
        not_before: Duration,
        /// The random numbers that were drawn.
        drawn: Vec<u64>,
    },
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_zero(nanos: &u64) -> bool {
    *nanos == 0
}

/// A decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RetryDecision {
    /// The request adds to the budget.
    Counted,
    /// It is tried again after this wait, which the budget allows.
    Again {
        /// The wait in nanoseconds.
        #[serde(rename = "wait_ns", with = "crate::nanos")]
        wait: Duration,
    },
    /// It is not tried again, for this reason.
    GiveUp(GiveUp),
    /// It draws more or fewer random numbers than were recorded: this many.
    Draws(usize),
}

impl From<Result<Duration, GiveUp>> for RetryDecision {
    fn from(next: Result<Duration, GiveUp>) -> Self {
        match next {
            Ok(wait) => Self::Again { wait },
            Err(reason) => Self::GiveUp(reason),
        }
    }
}

impl fmt::Display for RetryDecision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Counted => f.write_str("counted"),
            Self::Again { wait: Duration::ZERO } => f.write_str("retry at once"),
            Self::Again { wait } => write!(f, "retry after {wait:?}"),
            Self::GiveUp(reason) => write!(f, "give up: {reason}"),
            Self::Draws(count) => write!(f, "random numbers drawn: {count}"),
        }
    }
}

/// Retries and the budget that they take from.
#[derive(Debug)]
pub struct RetryWithBudget {
    retry: Retry,
    budget: RetryBudget,
}

impl Machine for RetryWithBudget {
    const KIND: &'static str = "retry";
    type Settings = RetrySettings;
    type Input = RetryInput;
    type Decision = RetryDecision;

    fn build(settings: RetrySettings) -> Result<Self, String> {
        Ok(Self {
            retry: Retry::new(settings.retry).map_err(|e| e.to_string())?,
            budget: RetryBudget::new(settings.budget).map_err(|e| e.to_string())?,
        })
    }

    fn size(_: &RetrySettings) -> u64 {
        2048
    }

    fn step(&mut self, at: Time, input: RetryInput) -> Result<RetryDecision, String> {
        match input {
            RetryInput::Request => {
                self.budget.request(at);
                Ok(RetryDecision::Counted)
            }
            RetryInput::Failed {
                began,
                before,
                tries,
                not_before,
                drawn,
            } => {
                let now = at.as_nanos().checked_sub(before);
                let now = now.ok_or("it failed before the start of time")?;
                let mut random = Drawn::new(&drawn);
                let tried = Tried {
                    began,
                    now: Time::from_nanos(now),
                    failed: tries,
                    not_before,
                };
                let next = self.retry.next_after(tried, &mut self.budget, &mut random);
                if random.count == drawn.len() {
                    Ok(next.into())
                } else {
                    Ok(RetryDecision::Draws(random.count))
                }
            }
        }
    }
}

impl Recorder {
    /// Retries and their budget, whose steps will be recorded, before the first one.
    pub fn retries(&mut self, about: impl FnOnce() -> (String, RetrySettings)) -> Entity {
        self.entity::<RetryWithBudget>(about)
    }

    /// [`RetryBudget::request`], recorded.
    pub fn request(&mut self, of: Entity, budget: &mut RetryBudget, now: Time) {
        budget.request(now);
        self.step::<RetryWithBudget>(of, now, || (RetryInput::Request, RetryDecision::Counted));
    }

    /// [`Retry::next_after`], recorded.
    ///
    /// # Errors
    ///
    /// [`GiveUp`] with the reason.
    pub fn next(
        &mut self,
        (of, retry): (Entity, &Retry),
        tried: Tried,
        budget: &mut RetryBudget,
        random: &mut impl Random,
    ) -> Result<Duration, GiveUp> {
        let mut draws = Draws::new(random, self.is_on());
        let next = retry.next_after(tried, budget, &mut draws);
        let at = self.time(of, tried.now);
        self.step::<RetryWithBudget>(of, at, || {
            let input = RetryInput::Failed {
                began: tried.began,
                before: at.since(tried.now).as_nanos() as u64,
                tries: tried.failed,
                not_before: tried.not_before,
                drawn: draws.drawn,
            };
            (input, next.into())
        });
        next
    }
}
