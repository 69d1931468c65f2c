//! One binary for the integration tests of the audit.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on should stop"
)]

mod beside;
mod checkers;
mod claimed;
mod claims;
mod fingerprints;
mod generated;
mod joined;
mod judged;
mod overlay;
mod pages;
mod reached;
mod report;
mod rule_set;
mod sound;
