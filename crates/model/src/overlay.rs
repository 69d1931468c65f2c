//! What a person said in `cofferdam.yaml` that is about the check itself: targets, settings of rules,
//! pins, filters and suppressions. What it says about parts of the platform is in those parts, as
//! stated facts.

use crate::source::Fact;
use crate::units::Money;
use cofferdam_syntax::Span;
use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

/// The part of the overlay that steers the check.
#[derive(Debug, Clone, Default)]
pub struct Overlay {
    /// Its path, when there is one.
    pub path: Option<PathBuf>,
    /// The root, as seen from the directory that paths in the overlay are relative to. Empty where that is the root.
    pub above: PathBuf,
    /// How fast an outage must be told.
    pub detection_target: Option<Fact<Duration>>,
    /// How long after a page what the people on call do takes effect.
    pub response: Option<Fact<Duration>>,
    /// Settings of rules by rule id.
    pub rules: BTreeMap<String, RuleSettings>,
    /// Values that must not drift.
    pub pins: Vec<Pin>,
    /// Findings that a person accepts.
    pub ignores: Vec<Ignore>,
    /// Prices by name (`pod_hour`, `log_gb_month`).
    pub prices: BTreeMap<String, Fact<Money>>,
    /// Variables that must be there.
    pub required_variables: Vec<RequiredVariable>,
    /// Only findings at or above this severity name are reported, where stated.
    pub min_severity: Option<Fact<String>>,
    /// Registries whose images are trusted, where stated.
    pub trusted_registries: Vec<Fact<String>>,
    /// Registry paths that anyone in the company may push to, where stated.
    pub open_registries: Vec<Fact<String>>,
    /// Pairs of settings that may differ between environments.
    pub disparity_allowed: Vec<Fact<String>>,
}

impl Overlay {
    /// A path below the root as the overlay's patterns see it.
    pub fn sees(&self, path: &Path) -> PathBuf {
        seen_from(&self.above, path)
    }
}

/// A path below the root, as seen from a directory that sees the root at `above`.
pub fn seen_from(above: &Path, path: &Path) -> PathBuf {
    let mut seen = above.to_path_buf();
    for part in path.components() {
        match part {
            Component::ParentDir if seen.file_name().is_some() => {
                seen.pop();
            }
            Component::CurDir => {}
            other => seen.push(other),
        }
    }
    seen
}

/// Settings of one rule.
#[derive(Debug, Clone, Default)]
pub struct RuleSettings {
    /// Place of the rule's id.
    pub span: Option<Span>,
    /// Whether it runs.
    pub enabled: Option<Fact<bool>>,
    /// Severity instead of its own.
    pub severity: Option<Fact<String>>,
    /// Anything else, by name; each rule's page says what it reads.
    pub settings: BTreeMap<String, Fact<String>>,
}

/// A value that must not drift.
#[derive(Debug, Clone)]
pub struct Pin {
    /// Name for reports.
    pub name: String,
    /// Place of the pin.
    pub span: Span,
    /// Why it is pinned.
    pub reason: String,
    /// Issue or incident.
    pub issue: Option<String>,
    /// What it must be.
    pub expected: PinValue,
    /// Environments it holds in; empty is all.
    pub environments: Vec<String>,
    /// What was found where the selector points, filled by the readers.
    pub found: Vec<Fact<String>>,
}

/// What a pinned value must be.
#[derive(Debug, Clone, PartialEq)]
pub enum PinValue {
    /// This text (numbers compare as numbers).
    Equal(String),
    /// A number within these bounds.
    Range {
        /// Smallest.
        min: Option<f64>,
        /// Largest.
        max: Option<f64>,
    },
}

/// A finding that a person accepts.
#[derive(Debug, Clone)]
pub struct Ignore {
    /// Place of it.
    pub span: Span,
    /// Rule id; `None` is all.
    pub rule: Option<String>,
    /// Glob of paths; `None` is all.
    pub path: Option<String>,
    /// Glob of the subject; `None` is all.
    pub subject: Option<String>,
    /// Why.
    pub reason: String,
    /// Last day on which it holds.
    pub until: Option<Fact<jiff::civil::Date>>,
}

/// A variable that must be there.
#[derive(Debug, Clone)]
pub struct RequiredVariable {
    /// Name.
    pub name: Fact<String>,
    /// Service that needs it; `None` is every service.
    pub service: Option<String>,
    /// Environments; empty is all.
    pub environments: Vec<String>,
    /// What its text must look like: a glob.
    pub shape: Option<Fact<String>>,
}
