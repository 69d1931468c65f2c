//! Reports: the same findings for people and for programs.
//!
//! The lines of files that they show have no secrets in them ([`cofferdam_model::redact`]). Their other texts may
//! quote a value, so that who prints a report writes it through [`cofferdam_model::redact::Redacted`].

pub mod json;
pub mod scope;
mod summary;
pub mod text;
mod through;

/// Where a rule's page stands, relative to the project's root.
pub fn page_of(rule: &str) -> String {
    format!("docs/rules/{rule}.md")
}
