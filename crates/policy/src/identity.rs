//! Unique ids of policies, so that a token of one is not valid for another.

use std::sync::atomic::{AtomicU64, Ordering};

/// An id that no other policy of this process has or had: tokens may outlive the policy that issued them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Identity(u64);

static NEXT: AtomicU64 = AtomicU64::new(0);

impl Identity {
    /// The next id. At a thousand million a second it takes 584 years until one repeats.
    pub(crate) fn new() -> Self {
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}
