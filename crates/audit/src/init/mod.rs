//! `cofferdam init`: an overlay to fill in, with every assumption that a check of this platform makes
//! and every fact that it misses, each commented out with the reason and the default.
//!
//! The file is made so that one line can be confirmed at a time: sections and names that the platform
//! has stand as they are, statements stand behind `# `, and words for people behind `##`. It loads as it
//! is, and with every `# ` taken away.

mod entries;
mod entry;
mod keys;
mod need;
mod write;

pub(crate) use need::need;

use crate::engine::Report;
use cofferdam_model::Platform;

/// The text of a `cofferdam.yaml` for `platform`, whose check gave `report`.
pub fn template(platform: &Platform, report: &Report) -> String {
    write::render(&entries::collect(platform, report), &sentences(report))
}

/// How many statements the template offers.
pub fn statements(platform: &Platform, report: &Report) -> usize {
    entries::collect(platform, report).len()
}

/// Assumptions as the findings name them, for those that no key states.
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
