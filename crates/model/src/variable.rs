//! Variables of processes.

use crate::source::Fact;
use cofferdam_syntax::Span;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Variables by name. A service shares those of its containers, and containers of one base share nothing else: there
/// may be a hundred thousand of them.
pub type Variables = BTreeMap<String, Arc<Variable>>;

/// A variable of a process.
#[derive(Debug, Clone, PartialEq)]
pub struct Variable {
    /// The name's place and, as its source, the value's.
    pub value: Fact<VariableValue>,
    /// Place of the name.
    pub name_span: Span,
}

/// What a variable holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VariableValue {
    /// This text.
    Literal(String),
    /// A key of a Secret.
    Secret {
        /// Secret's name.
        name: String,
        /// Key in it.
        key: String,
        /// Whether the container starts without it.
        optional: bool,
    },
    /// A key of a ConfigMap, with its text if the ConfigMap exists.
    Config {
        /// ConfigMap's name.
        name: String,
        /// Key in it.
        key: String,
        /// The text.
        value: Option<String>,
        /// Whether the container starts without it.
        optional: bool,
    },
    /// Known only at run time (field reference, resource reference, template).
    Unknown(String),
}

impl VariableValue {
    /// The text, if the files contain it.
    pub fn text(&self) -> Option<&str> {
        match self {
            VariableValue::Literal(text) => Some(text),
            VariableValue::Config { value, .. } => value.as_deref(),
            _ => None,
        }
    }
}
