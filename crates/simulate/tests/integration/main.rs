//! The whole simulator compared with known results.

#![allow(clippy::unwrap_used, reason = "a test may stop at what cannot be")]

mod assignors;
mod autoscaler;
mod closed_forms;
mod pages;
mod retry_storm;
