//! The platform model: one description of a platform that every reader fills and every rule reads.
//!
//! It depends on `cofferdam-syntax` only for places in files, and does no input or output. A value in it is a
//! [`Fact`]: the value and the place that declares it. Units are types, so that seconds are never mistaken
//! for milliseconds. Readers push parts into an [`Environment`]; [`link`] then determines, once, how they are
//! related.

pub mod alerts;
pub mod by_home;
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
pub mod owner;
pub mod platform;
pub mod redact;
pub mod registry;
pub mod report;
pub mod scaling;
pub mod scope;
pub mod secret_scan;
pub mod secrets;
pub mod settings;
pub mod source;
pub mod stated;
pub mod units;
pub mod variable;
pub mod workload;

pub use by_home::ByHome;
pub use cofferdam_syntax::{FileId, Position, SourceFile, SourceMap, Span};
pub use owner::{AutoscalerId, DatabaseId, Linked, Owner, ServiceId, TopicId, WorkloadId};
pub use platform::{
    Environment, Parts, Platform, Priority, Reading, Scale, Service, Suppression, UnreadableFile,
};
pub use scope::{
    Absence, Altered, Apart, ByProject, Deployment, DeploymentId, DeploymentKind, Home, Kept, Near, Opening,
    PlaceApart, Project, ProjectId, Reach, ReleaseOf, Scope, Users,
};
pub use source::{Fact, Source, Texts};
pub use units::{Bytes, Cpu, Money, Rate, Share};
pub use variable::{Variable, VariableValue, Variables};
