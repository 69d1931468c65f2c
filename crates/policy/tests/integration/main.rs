//! Properties of the policies for callers that combine them.

#![allow(clippy::unwrap_used, reason = "a test may stop at what cannot be")]

mod allocation;
mod extremes;
mod grey_failure;
mod known_defects;
