//! Settings as flat names and values: the common form of `.env` files, properties and ini sections.

use crate::source::{Span, Spanned};

/// A setting as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its name.
    pub name: String,
    /// Place of the name.
    pub name_span: Span,
    /// Its value, which is text; empty if nothing is set.
    pub value: Spanned<String>,
}
