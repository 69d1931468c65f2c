//! The lines of a trace.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// The version of the format that is written. Older ones are read, newer ones are refused.
pub const VERSION: u32 = 1;

/// What a trace says about itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// Version of the format.
    pub version: u32,
    /// What wrote it, such as `cofferdam simulate`.
    pub by: String,
    /// That tool's version.
    pub tool: String,
    /// The seed of its random numbers, if it has one.
    pub seed: Option<u64>,
}

/// What the entities after it belong to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// The scenario.
    pub scenario: String,
    /// Its subject.
    pub subject: String,
    /// Which of two compared platforms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub side: Option<String>,
}

/// The first line, of any version.
#[derive(Debug, Deserialize)]
pub(super) struct AnyFirst {
    pub(super) trace: AnyHeader,
}

#[derive(Debug, Deserialize)]
pub(super) struct AnyHeader {
    pub(super) version: u64,
}

/// A line.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Line<'t> {
    Trace(Header),
    Case(Case),
    #[serde(borrow)]
    Entity(EntityLine<'t>),
    #[serde(borrow)]
    Steps(StepsLine<'t>),
    #[serde(borrow)]
    Event(EventLine<'t>),
    End(End),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EntityLine<'t> {
    pub(super) number: u32,
    pub(super) name: String,
    pub(super) policy: String,
    #[serde(borrow)]
    pub(super) settings: &'t RawValue,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StepsLine<'t> {
    /// The number of the entity.
    pub(super) of: u32,
    /// The time from which the first step counts, in nanoseconds.
    pub(super) at: u64,
    #[serde(borrow)]
    pub(super) forms: Vec<FormLine<'t>>,
    pub(super) steps: Vec<Vec<u128>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FormLine<'t> {
    #[serde(borrow, rename = "do")]
    pub(super) input: &'t RawValue,
    #[serde(borrow)]
    pub(super) got: &'t RawValue,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EventLine<'t> {
    #[serde(rename = "at")]
    pub(super) _at: u64,
    pub(super) name: String,
    #[serde(borrow, rename = "what")]
    pub(super) _what: &'t RawValue,
}

/// The last line.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct End {
    /// The number of steps in the trace.
    pub(super) decisions: u64,
}
