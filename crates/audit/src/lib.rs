//! Rules that find how a platform will fail, and the reports about them. Rules read the model and never a
//! file format; reports print what rules found and make no decisions.

mod claim;
pub mod engine;
pub mod finding;
pub mod init;
mod join;
pub mod report;
pub mod rule;
pub mod rules;
mod suppress;

pub use engine::{Options, Report, audit, severity_of};
pub use finding::{Confidence, Evidence, Figure, Figures, Finding, Location, Severity, Unjudged};
pub use rule::{Context, Fix, Group, Rule, Verdicts};
