//! A statement of the template.

/// A statement that the overlay could contain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// Keys from the top down; the last one gets the value.
    pub(super) path: Vec<String>,
    /// Its value as YAML.
    pub(super) value: String,
    /// The reason for asking, and the value that is assumed without it.
    pub(super) why: String,
}
