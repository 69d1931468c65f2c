//! The id of a rule: of one that is built in, or of one that people wrote.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::sync::Arc;

/// The id of a rule in kebab-case. It never changes.
#[derive(Debug, Clone)]
pub struct RuleId(Text);

#[derive(Debug, Clone)]
enum Text {
    BuiltIn(&'static str),
    Own(Arc<str>),
}

impl RuleId {
    /// The id of a rule that is built in.
    #[must_use]
    pub const fn new(id: &'static str) -> RuleId {
        RuleId(Text::BuiltIn(id))
    }

    /// The id of a rule that was read from a file.
    #[must_use]
    pub fn own(id: &str) -> RuleId {
        RuleId(Text::Own(Arc::from(id)))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Text::BuiltIn(text) => text,
            Text::Own(text) => text,
        }
    }
}

impl Default for RuleId {
    fn default() -> Self {
        RuleId::new("")
    }
}

impl Deref for RuleId {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl PartialEq for RuleId {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for RuleId {}

impl PartialEq<str> for RuleId {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<&str> for RuleId {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

impl PartialEq<RuleId> for &str {
    fn eq(&self, other: &RuleId) -> bool {
        *self == other.as_str()
    }
}

impl PartialEq<RuleId> for &String {
    fn eq(&self, other: &RuleId) -> bool {
        self.as_str() == other.as_str()
    }
}

impl PartialEq<RuleId> for String {
    fn eq(&self, other: &RuleId) -> bool {
        self.as_str() == other.as_str()
    }
}

impl PartialOrd for RuleId {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for RuleId {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_str().cmp(other.as_str())
    }
}

impl Hash for RuleId {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl fmt::Display for RuleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_that_was_read_equals_the_one_that_is_built_in() {
        let (own, built_in) = (RuleId::own("single-replica"), RuleId::new("single-replica"));
        assert_eq!(own, built_in);
        assert_eq!(own, "single-replica");
        assert_eq!(own.cmp(&RuleId::new("state-in-pod")), Ordering::Less);
    }
}
