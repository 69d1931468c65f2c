//! Reports: the same findings for people and for programs.
//!
//! The source lines in reports contain no secrets ([`cofferdam_model::redact`]). Other texts may quote a
//! value, so callers that print a report write it through [`cofferdam_model::redact::Redacted`].

mod deployed;
pub mod facts;
pub mod json;
mod names;
mod reporter;
pub mod scope;
mod style;
mod summary;
pub mod text;
mod through;
mod unjudged;
mod unread;
mod window;

pub use reporter::Checked;

/// The path of a rule's page, relative to the project's root.
pub fn page_of(rule: &str) -> String {
    format!("docs/rules/{rule}.md")
}
