//! Settings as flat names and values, before their meaning is known.

use crate::owner::Owner;
use crate::source::Fact;
use cofferdam_syntax::Span;

/// A setting as written.
#[derive(Debug, Clone, PartialEq)]
pub struct Setting {
    /// Its name.
    pub name: String,
    /// Place of the name.
    pub name_span: Span,
    /// Its value, which is text; empty if nothing is set.
    pub value: Fact<String>,
}

/// Settings of one owner whose meaning depends on other documents about it. `WORKERS=4` refers to a Kafka
/// consumer only if the owner has one.
#[derive(Debug, Clone, PartialEq)]
pub struct OpenSettings {
    /// Their owner.
    pub owner: Owner,
    /// The settings.
    pub settings: Vec<Setting>,
}

/// Two documents of equal rank that contradict each other about one attribute: the later one counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LostClaim {
    /// The subject (`consumer of orders`).
    pub subject: String,
    /// Which attribute (`group`).
    pub attribute: &'static str,
    /// The place of the value that counts.
    pub kept: Span,
    /// The place of the overridden value.
    pub lost: Span,
}
