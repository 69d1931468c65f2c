//! The id of a rule: of one that is built in, or of one that people wrote.

use smol_str::SmolStr;
use std::fmt;
use std::ops::Deref;

/// The id of a rule in kebab-case. It never changes.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RuleId(SmolStr);

impl RuleId {
    /// The id of a rule that is built in.
    #[must_use]
    pub const fn new(id: &'static str) -> RuleId {
        RuleId(SmolStr::new_static(id))
    }

    /// The id of a rule that was read from a file.
    #[must_use]
    pub fn own(id: &str) -> RuleId {
        RuleId(SmolStr::new(id))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Deref for RuleId {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

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
        assert_eq!(own.cmp(&RuleId::new("state-in-pod")), std::cmp::Ordering::Less);
    }
}
