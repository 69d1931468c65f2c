//! What the policies promise to those who use them together.

#![allow(clippy::unwrap_used, reason = "a test may stop at what cannot be")]

mod allocation;
mod extremes;
mod grey_failure;
mod known_defects;
