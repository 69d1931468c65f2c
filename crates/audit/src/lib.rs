//! Rules that find how a platform will fail, and the reports they make. Rules read the model and
//! never a file format; reports print what rules found and decide nothing.

mod claim;
pub mod engine;
pub mod finding;
pub mod init;
mod join;
pub mod report;
pub mod rule;
pub mod rules;

pub use engine::{Options, Report, audit, severity_of};
pub use finding::{Confidence, Evidence, Figure, Finding, Location, Severity, Unjudged};
pub use rule::{Context, Fix, Group, Rule, Verdicts};
