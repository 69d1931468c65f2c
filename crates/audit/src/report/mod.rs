//! Reports: the same findings for people and for programs.

pub mod json;
pub mod scope;
mod summary;
pub mod text;

use cofferdam_model::{Environment, Platform, Span};
use std::collections::BTreeMap;

/// Where a rule's page stands, relative to the project's root.
pub fn page_of(rule: &str) -> String {
    format!("docs/rules/{rule}.md")
}

/// Places of secret values, so that no report shows them.
pub struct Redaction {
    by_file: BTreeMap<u32, Vec<Span>>,
}

impl Redaction {
    /// Collects the places of every secret literal of the platform.
    pub fn new(platform: &Platform) -> Self {
        let mut by_file: BTreeMap<u32, Vec<Span>> = BTreeMap::new();
        let literals = |env: &Environment| env.secret_literals.iter().map(|s| s.span).collect::<Vec<_>>();
        for span in platform.environments.iter().flat_map(literals) {
            let spans = by_file.entry(span.file.0).or_default();
            if !spans.contains(&span) {
                spans.push(span);
            }
        }
        Redaction { by_file }
    }

    /// `text`, which begins at byte `start` of `file`, with every secret value in it as stars of the same
    /// number of bytes, so that positions stay true.
    fn apply(&self, file: u32, start: usize, text: &str) -> String {
        let Some(spans) = self.by_file.get(&file) else {
            return text.to_owned();
        };
        let mut bytes = text.as_bytes().to_vec();
        for span in spans {
            let from = (span.start as usize).saturating_sub(start).min(bytes.len());
            let to = (span.end as usize).saturating_sub(start).min(bytes.len());
            for byte in &mut bytes[from..to] {
                if *byte != b'\n' {
                    *byte = b'*';
                }
            }
        }
        // A span that cut a character in half leaves invalid text; stars in its place are right too.
        String::from_utf8_lossy(&bytes).into_owned()
    }
}
