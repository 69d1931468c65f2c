//! `cofferdam init` writes an overlay to fill in. It contains every assumption that a check of this platform
//! makes and every fact that is missing, each commented out, with the reason and the default.
//!
//! Each line of the file can be confirmed separately: sections and names of the platform are active,
//! statements are behind `# `, and explanations for people behind `##`. The file loads as it is, and also
//! with every `# ` removed.

mod entries;
mod entry;
mod keys;
mod need;
mod write;

pub(crate) use need::need;

use crate::engine::Report;
use cofferdam_model::Platform;

/// The text of a `cofferdam.yaml` for `platform`, whose check returned `report`.
pub fn template(platform: &Platform, report: &Report) -> String {
    write::render(&entries::collect(platform, report), &sentences(report))
}

/// How many statements the template offers.
pub fn statements(platform: &Platform, report: &Report) -> usize {
    entries::collect(platform, report).len()
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
