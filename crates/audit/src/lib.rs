//! Rules that find how a platform will fail, and the reports about them. Rules read the model and never a
//! file format; reports print what rules found and make no decisions.

mod cause;
mod claim;
pub mod engine;
pub mod finding;
mod fingerprint;
mod identity;
pub mod init;
mod join;
pub mod report;
pub mod routes;
pub mod rule;
mod rule_id;
pub mod rule_set;
pub mod rules;
mod setting;
mod subject;
mod suppress;

pub use engine::{Options, Report, audit_with, severity_of};
pub use finding::{
    Cause, Confidence, Evidence, Figure, Figures, Finding, Fingerprint, Location, RuleId, Severity, Subject,
    Unjudged,
};
pub use rule::{Check, Context, Fix, Group, Rule, Setting, Value, Verdicts};
pub use rule_set::RuleSet;

/// Runs the rules that are built in over every environment.
pub fn audit(platform: &cofferdam_model::Platform, options: &Options) -> Report {
    audit_with(platform, &RuleSet::built_in(), options)
}
