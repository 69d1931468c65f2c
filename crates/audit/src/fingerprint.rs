//! The fingerprint of a finding.

use std::fmt;

/// What stays the same as long as a finding exists.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(u64);

impl Fingerprint {
    pub(crate) fn new(hash: u64) -> Fingerprint {
        Fingerprint(hash)
    }
}

/// `f1:` and 16 hexadecimal digits: the version of the recipe, and the first 8 bytes of a SHA-256.
impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "f1:{:016x}", self.0)
    }
}
