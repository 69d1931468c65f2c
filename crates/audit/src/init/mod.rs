//! `cofferdam init` writes an overlay to fill in. It contains every assumption that a check of this platform
//! makes and every fact that a rule or a scenario asks for, each commented out, with the reason and the default.
//! Which facts there are, and their words, is in the registry.
//!
//! Each line of the file can be confirmed separately: sections and names of the platform are active,
//! statements are behind `# `, and explanations for people behind `##`. The file loads as it is, and also
//! with any `# ` removed, and it changes no finding until one is.

mod entries;
mod entry;
mod write;

use crate::engine::Report;
use cofferdam_model::Platform;
use cofferdam_model::redact::Redactor;
use cofferdam_model::registry::Need;
use entry::Entry;

/// A `cofferdam.yaml` to fill in.
#[derive(Debug)]
pub struct Template {
    /// Its text. Nothing in it is to be redacted any more.
    pub text: String,
    /// How many statements it offers.
    pub statements: usize,
}

/// The template for `platform`, whose check returned `report`, and whose scenarios need `more` facts.
pub fn template(platform: &Platform, report: &Report, more: &[Need], redactor: &Redactor<'_>) -> Template {
    let mut entries = entries::collect(platform, report, more);
    entries.retain(|entry| is_writable(entry, redactor));
    let sentences = sentences(report);
    let text = write::render(&entries, &sentences, &|text| redactor.text(text).into_owned());
    Template {
        text,
        statements: entries.len(),
    }
}

/// Whether a statement can be written: what looks like a secret is not shown, so its name would be wrong; and YAML allows
/// no longer keys on one line.
fn is_writable(entry: &Entry, redactor: &Redactor<'_>) -> bool {
    const LONGEST: usize = 900;
    let fits = entry
        .path
        .iter()
        .all(|name| !name.trim().is_empty() && name.len() < LONGEST);
    let lines = write::lines(entry);
    fits && redactor.text(&lines) == lines
}

/// Assumptions in the words of the findings, if no key can declare them.
fn sentences(report: &Report) -> Vec<String> {
    let mut all: Vec<String> = report
        .findings
        .iter()
        .flat_map(|f| f.assumptions.iter().cloned())
        .collect();
    all.sort();
    all.dedup();
    all
}

#[cfg(test)]
mod tests;
