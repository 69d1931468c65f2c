//! A discrete-event simulator that rehearses the failures of a platform.
//!
//! It runs the state machines of `cofferdam-policy` under virtual time against the platform that the readers
//! found. The same seed gives the same trace, byte for byte, on any machine and with any number of threads.

pub mod chance;
pub mod components;
pub mod engine;
mod limits;
pub mod models;
pub mod outcome;
pub mod rehearse;
pub mod report;
pub mod scenarios;
pub mod statistics;
