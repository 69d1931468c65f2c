//! One binary for the integration tests of the audit.

mod pages;
