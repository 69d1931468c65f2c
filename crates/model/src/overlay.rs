//! The statements in `cofferdam.yaml` about the check itself: targets, settings of rules, pins, filters and
//! suppressions. Its statements about parts of the platform are in those parts, as stated facts.

use crate::source::Fact;
use crate::stated::Said;
use crate::units::Money;
use cofferdam_syntax::Span;
use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

/// The part of the overlay that controls the check.
#[derive(Debug, Clone, Default)]
pub struct Overlay {
    /// Its path, if there is one.
    pub path: Option<PathBuf>,
    /// The root, relative to the directory that paths in the overlay are relative to. Empty if that is the
    /// root.
    pub above: PathBuf,
    /// How soon an outage must be reported.
    pub detection_target: Option<Fact<Duration>>,
    /// Time from a page until the actions of the people on call take effect.
    pub response: Option<Fact<Duration>>,
    /// Settings of rules by rule id.
    pub rules: BTreeMap<String, RuleSettings>,
    /// Values that must not drift.
    pub pins: Vec<Pin>,
    /// Findings that a person accepts.
    pub ignores: Vec<Ignore>,
    /// Prices by name (`pod_hour`, `log_gb_month`).
    pub prices: BTreeMap<String, Fact<Money>>,
    /// Variables that must exist.
    pub required_variables: Vec<RequiredVariable>,
    /// Only findings at or above this severity are reported, if it is set.
    pub min_severity: Option<Fact<String>>,
    /// Registries whose images are trusted, if declared.
    pub trusted_registries: Vec<Fact<String>>,
    /// Registry paths to which anyone in the company may push, if declared.
    pub open_registries: Vec<Fact<String>>,
    /// Pairs of settings that may differ between environments.
    pub disparity_allowed: Vec<Fact<String>>,
    /// Facts that only people state.
    pub said: Said,
}

impl Overlay {
    /// A path below the root in the form in which the overlay's patterns match it.
    pub fn sees(&self, path: &Path) -> PathBuf {
        seen_from(&self.above, path)
    }
}

/// A path below the root, relative to a directory from which the root is at `above`.
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
    /// All other settings, by name; each rule's page describes those that it reads.
    pub settings: BTreeMap<String, Fact<String>>,
}

/// A value that must not drift.
#[derive(Debug, Clone)]
pub struct Pin {
    /// Name for reports.
    pub name: String,
    /// Place of the pin.
    pub span: Span,
    /// The reason of the pin.
    pub reason: String,
    /// Issue or incident.
    pub issue: Option<String>,
    /// The required value.
    pub expected: PinValue,
    /// Environments to which it applies; empty means all.
    pub environments: Vec<String>,
    /// The values found at the selector's place, filled in by the readers.
    pub found: Vec<Fact<String>>,
}

/// The required value of a pin.
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
    /// Rule id; `None` means all.
    pub rule: Option<String>,
    /// Glob of paths; `None` means all.
    pub path: Option<String>,
    /// Glob of the subject; `None` means all.
    pub subject: Option<String>,
    /// Why.
    pub reason: String,
    /// Last day on which it applies.
    pub until: Option<Fact<jiff::civil::Date>>,
}

/// A variable that must exist.
#[derive(Debug, Clone)]
pub struct RequiredVariable {
    /// Name.
    pub name: Fact<String>,
    /// Service that needs it; `None` means every service.
    pub service: Option<String>,
    /// Environments; empty means all.
    pub environments: Vec<String>,
    /// The required format of its text: a glob.
    pub shape: Option<Fact<String>>,
}
