//! Records every decision of a policy with its input, and replays it.
//!
//! A trace is text, one JSON value a line ([`VERSION`] 1):
//!
//! | line | content |
//! |---|---|
//! | `{"trace":{…}}` | the first: version of the format, the tool and its version, the seed if there is one |
//! | `{"case":{…}}` | what the next entities belong to; it ends the entities before it |
//! | `{"entity":{…}}` | one policy: its number in the case, name, kind, and settings |
//! | `{"steps":{…}}` | up to [`STEPS`] inputs of one entity in order, each with its decision |
//! | `{"event":{…}}` | something that another part decided; it is not replayed |
//! | `{"end":{…}}` | the last: the number of decisions, so that a trace that was cut off is noticed |
//!
//! Steps are written without repetition. `forms` are the different pairs of an input (`do`) and its decision
//! (`got`) in which every whole number is 0; a step is `[form, nanoseconds since the step before, numbers …]`,
//! where the numbers replace those zeros in their order. The time of the first step counts from `at`. No input is
//! ever left out.
//!
//! A replay builds each policy from its settings, gives it the inputs, and compares each decision with the recorded
//! one byte by byte. It uses nothing else: neither names nor events. A changed input parts where a decision differs
//! from the recorded one; if no decision depends on it, the replay does not part.
//!
//! Nothing here does I/O: a recording is bytes, and a replay gets one line after the other. A recorder that is off
//! neither allocates nor formats.

mod breaker;
mod form;
mod grey;
mod lines;
mod record;
mod replay;
mod retry;
mod shift;
#[cfg(test)]
mod tests;

use std::fmt;

use serde::Serialize;
use serde::de::DeserializeOwned;

pub use breaker::{BreakerDecision, BreakerInput, Permitted, ReplayedBreaker};
pub use grey::{GreyDecision, GreyInput, GreySettings, Judged};
pub use lines::{Case, Header, VERSION};
pub use record::{Entity, Recorder, Recording, STEPS, last_line};
pub use replay::{Events, Fault, Parted, Replay, Replayed, Stop, Summary, Told};
pub use retry::{RetryDecision, RetryInput, RetrySettings, RetryWithBudget};
pub use shift::{ShiftInput, ShiftSettings, Shifted};

use crate::Time;

/// A policy whose decisions can be replayed: it is built from its settings, and each decision follows from the
/// settings and the inputs so far.
pub trait Machine: Sized {
    /// Its kind in traces.
    const KIND: &'static str;
    /// What it is built from.
    type Settings: Serialize + DeserializeOwned;
    /// An input, without its time.
    type Input: Serialize + DeserializeOwned;
    /// A decision with its reason. It is shown to people in words.
    type Decision: Serialize + DeserializeOwned + fmt::Display;

    /// The policy before its first input.
    ///
    /// # Errors
    ///
    /// The settings are invalid: a sentence about this.
    fn build(settings: Self::Settings) -> Result<Self, String>;

    /// About how many bytes the policy of these settings takes, so that a file cannot ask for all memory.
    fn size(settings: &Self::Settings) -> u64;

    /// Takes one input.
    ///
    /// # Errors
    ///
    /// The input cannot follow the earlier ones: a sentence about this.
    fn step(&mut self, at: Time, input: Self::Input) -> Result<Self::Decision, String>;
}
