//! The platform model: one picture of a platform that every reader fills and every rule reads.
//!
//! It depends on no other crate of this workspace and does no input or output. A value in it is a
//! [`Fact`]: the value and the place that says so. Units are types, so that seconds are never
//! mistaken for milliseconds.

pub mod source;
pub mod units;

pub use source::{Fact, FileId, Position, Source, SourceFile, SourceMap, Span};
pub use units::{Bytes, Cpu, Money, Rate, Share};
