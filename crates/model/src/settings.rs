//! Settings as flat names and values, before anybody knows what they mean.

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
    /// Its value, which is text; empty when nothing is set.
    pub value: Fact<String>,
}

/// Settings of one owner whose meaning depends on what other documents say of it. `WORKERS=4` speaks of a
/// Kafka consumer only where the owner has one.
#[derive(Debug, Clone, PartialEq)]
pub struct OpenSettings {
    /// Whose they are.
    pub owner: Owner,
    /// The settings.
    pub settings: Vec<Setting>,
}

/// Two documents of equal rank that say different things of one attribute: the later one counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LostClaim {
    /// What is described (`consumer of orders`).
    pub subject: String,
    /// Which attribute (`group`).
    pub attribute: &'static str,
    /// The place of the value that counts.
    pub kept: Span,
    /// The place of the value that does not.
    pub lost: Span,
}
