//! The platform model: one picture of a platform that every reader fills and every rule reads.
//!
//! It depends on `cofferdam-syntax` for places in files only, and does no input or output. A value in it is a
//! [`Fact`]: the value and the place that says so. Units are types, so that seconds are never
//! mistaken for milliseconds. Readers push parts into an [`Environment`]; [`link`] then finds, once,
//! what belongs to what.

pub mod alerts;
pub mod calls;
pub mod cells;
pub mod connector;
pub mod database;
pub mod delivery;
pub mod images;
pub mod kafka;
pub mod link;
pub mod network;
pub mod overlay;
pub mod platform;
pub mod redact;
pub mod scaling;
pub mod secret_scan;
pub mod secrets;
pub mod source;
pub mod units;
pub mod workload;

pub use cofferdam_syntax::{FileId, Position, SourceFile, SourceMap, Span};
pub use platform::{
    AutoscalerId, DatabaseId, Environment, Owner, Platform, Priority, Reading, Scale, Service, ServiceId,
    Suppression, TopicId, UnreadableFile, Variable, VariableValue, WorkloadId,
};
pub use source::{Fact, Source};
pub use units::{Bytes, Cpu, Money, Rate, Share};
