//! What a rule reports: a finding with its figures, its places and its assumptions; or that it could not
//! judge, and which facts are missing.

pub use crate::cause::Cause;
pub use crate::fingerprint::Fingerprint;
pub use crate::rule_id::RuleId;
pub use crate::subject::Subject;
use crate::subject::on_one_line;
use cofferdam_formulas::Places;
pub use cofferdam_formulas::{Confidence, Evidence, Location};
use cofferdam_model::registry::Missing;
use cofferdam_model::{Absence, Apart, ProjectId, Span};
use cofferdam_syntax::sorted::{SortedMap, SortedSet};
use std::borrow::Cow;
use std::fmt;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Worth knowing.
    Low,
    /// Causes harm, or hides something that does.
    Medium,
    /// Outage or breach under a plausible trigger.
    High,
    /// Loss or outage under ordinary operation.
    Critical,
}

impl Severity {
    /// Every severity, the lowest first.
    pub const ALL: [Severity; 4] = [
        Severity::Low,
        Severity::Medium,
        Severity::High,
        Severity::Critical,
    ];

    /// The word for the severity.
    pub fn name(self) -> &'static str {
        match self {
            Severity::Low => "low",
            Severity::Medium => "medium",
            Severity::High => "high",
            Severity::Critical => "critical",
        }
    }

    /// Reads the word.
    pub fn parse(text: &str) -> Option<Severity> {
        Severity::ALL
            .into_iter()
            .find(|s| s.name().eq_ignore_ascii_case(text.trim()))
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A computed number.
#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    /// The number.
    pub value: f64,
    /// Its unit (`connections`, `s`, `replicas`, `messages`, `%`); empty for a bare number.
    pub unit: Cow<'static, str>,
}

/// Computed numbers by name (`snake_case`), in the order of the names.
pub type Figures = SortedMap<Cow<'static, str>, Figure>;

/// What a rule reports.
#[derive(Debug, Clone)]
pub struct Finding {
    /// Rule id; the engine fills it.
    pub rule: RuleId,
    /// What stays the same as long as the finding exists; the engine fills it.
    pub fingerprint: Fingerprint,
    /// Severity; the rule's own unless set.
    pub severity: Option<Severity>,
    /// Confidence, from the sources of the facts it used.
    pub confidence: Confidence,
    /// Environments with this finding; the engine fills them.
    pub environments: Vec<String>,
    /// How much these environments matter, which is asked for each finding that is joined; `join` fills it.
    pub(crate) stage: Option<u8>,
    /// Variants with this finding, `None` where there are none; the engine fills them.
    pub variants: SortedSet<Option<String>>,
    /// The clusters that it was found on; `None` where the environment has only one.
    pub clusters: SortedSet<Option<String>>,
    /// What it is about ("Deployment data-collector", "topic platform-events"). The same thing has the
    /// same subject in every environment.
    pub subject: Subject,
    /// All subjects of the finding, its main subject first, if one line has the same effect on several; the
    /// engine fills it.
    pub subjects: Vec<Subject>,
    /// Of the findings that it absorbed, the one that has the fingerprint, if that is not its own: which of them is shown
    /// depends on figures.
    pub(crate) first: Option<Box<First>>,
    /// The project of the finding; the engine fills it.
    pub project: ProjectId,
    /// Environments of other projects with this finding, if they use the same file; the engine fills them.
    pub elsewhere: Vec<(ProjectId, String)>,
    /// What tells it apart from other findings of its rule about its subject, in every environment.
    pub cause: Cause,
    /// Whether it is one finding in all environments, although its figures or the things that it names differ between them.
    pub alike: bool,
    /// Title, including the figure.
    pub title: String,
    /// The consequence, in the platform's own terms.
    pub explanation: String,
    /// Computed numbers by name (`snake_case`).
    pub figures: Figures,
    /// Assumptions of the finding, as sentences.
    pub assumptions: Vec<String>,
    /// Places, the most important first.
    pub locations: Vec<Location>,
    /// The places by their spans, where there are many.
    pub(crate) places: Places,
    /// Other places with the same finding, in other environments; the engine fills them.
    pub also_at: Vec<Span>,
    /// The fix.
    pub remedy: String,
    /// What the finding claims does not exist. The engine lowers the claim if not all objects of that kind
    /// were read.
    pub absence: Option<Absence>,
    /// Whether each of its places would be the finding by itself, so that a weak one takes nothing from the others.
    pub each: bool,
    /// Whether it depends on a relation by similar names, or on an assumed one; then the engine lowers its claim.
    pub similar: bool,
    /// The separate place (examples, tests) that contains it; the engine fills it.
    pub apart: Option<Apart>,
}

/// The finding that has the fingerprint of all that were joined: the least of those nearest to production.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct First {
    /// How near to production it is.
    pub(crate) stage: u8,
    pub(crate) subject: Subject,
    pub(crate) cause: Cause,
}

impl Finding {
    /// A finding about `subject` with the title `title`.
    pub fn new(subject: impl Into<Subject>, title: impl Into<String>) -> Self {
        Finding {
            rule: RuleId::default(),
            fingerprint: Fingerprint::default(),
            severity: None,
            confidence: Confidence::Certain,
            environments: Vec::new(),
            stage: None,
            subject: subject.into(),
            subjects: Vec::new(),
            first: None,
            project: ProjectId::default(),
            elsewhere: Vec::new(),
            cause: Cause::default(),
            alike: false,
            title: on_one_line(title.into()),
            explanation: String::new(),
            figures: Figures::default(),
            assumptions: Vec::new(),
            locations: Vec::new(),
            places: Places::default(),
            also_at: Vec::new(),
            variants: SortedSet::default(),
            clusters: SortedSet::default(),
            remedy: String::new(),
            absence: None,
            each: false,
            similar: false,
            apart: None,
        }
    }

    /// Sets a severity other than the rule's own.
    #[must_use]
    pub fn severity(mut self, severity: Severity) -> Self {
        self.severity = Some(severity);
        self
    }

    /// Sets what tells it apart from other findings of its rule about its subject: a stable word, the name of a container,
    /// a variable or a field, or both. A rule that may report twice about one subject needs it.
    #[must_use]
    pub fn cause(mut self, cause: impl Into<Cause>) -> Self {
        self.cause = cause.into();
        self
    }

    /// Records that it is one finding in all environments, although its figures or the things that it names differ between
    /// them.
    #[must_use]
    pub fn alike(mut self) -> Self {
        self.alike = true;
        self
    }

    /// Records that the finding claims that something of this kind does not exist.
    #[must_use]
    pub fn absent(mut self, kind: Absence) -> Self {
        self.absence = Some(kind);
        self
    }

    /// Records that each of its places would be the finding by itself.
    #[must_use]
    pub fn each(mut self) -> Self {
        self.each = true;
        self
    }

    /// Says what happens.
    #[must_use]
    pub fn explain(mut self, text: impl Into<String>) -> Self {
        self.explanation = text.into();
        self
    }

    /// Sets the fix.
    #[must_use]
    pub fn remedy(mut self, text: impl Into<String>) -> Self {
        self.remedy = text.into();
        self
    }

    /// Adds a computed number.
    #[must_use]
    pub fn figure(
        mut self,
        name: impl Into<Cow<'static, str>>,
        value: impl Into<f64>,
        unit: impl Into<Cow<'static, str>>,
    ) -> Self {
        let figure = Figure {
            value: value.into(),
            unit: unit.into(),
        };
        self.figures.insert(name.into(), figure);
        self
    }

    /// Adds a place that is not a fact (a section, a name).
    #[must_use]
    pub fn at(mut self, span: Span, label: impl Into<String>) -> Self {
        self.push_location(span, label.into());
        self
    }

    /// Adds the sources of the figures: places, assumptions, confidence.
    #[must_use]
    pub fn evidence(mut self, evidence: Evidence) -> Self {
        self.confidence = self.confidence.min(evidence.confidence);
        self.similar |= evidence.similar;
        for location in evidence.locations {
            self.push_location(location.span, location.label);
        }
        for assumption in evidence.assumptions {
            if !self.assumptions.contains(&assumption) {
                self.assumptions.push(assumption);
            }
        }
        self
    }

    /// Lowers the confidence and, for an assumption, names it.
    #[must_use]
    pub fn assume(mut self, sentence: impl Into<String>) -> Self {
        self.confidence = Confidence::Assumed;
        self.assumptions.push(sentence.into());
        self
    }

    /// Records that it depends on an interpretation.
    #[must_use]
    pub fn likely(mut self) -> Self {
        self.confidence = self.confidence.min(Confidence::Likely);
        self
    }

    fn push_location(&mut self, span: Span, label: String) {
        match self.places.find(&self.locations, span) {
            Some(at) if self.locations[at].label.is_empty() => self.locations[at].label = label,
            Some(_) => {}
            None => self.locations.push(Location { span, label }),
        }
    }
}

/// A rule that could not judge something, and the facts that it needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unjudged {
    /// Rule id; the engine fills it.
    pub rule: RuleId,
    /// Environments; the engine fills them.
    pub environments: Vec<String>,
    /// What could not be judged.
    pub subject: String,
    /// What is missing: facts that people can state, and anything else in a sentence.
    pub needs: Vec<Missing>,
    /// What could be computed without them.
    pub partial: Option<String>,
}

/// The environment of what is deployed for no named one.
pub(crate) const UNNAMED: &str = "default";

/// A clause as a sentence.
pub(crate) fn sentence(clause: &str) -> String {
    let mut letters = clause.chars();
    let first = letters.next().map(|c| c.to_ascii_uppercase());
    first.into_iter().chain(letters).chain(['.']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use cofferdam_model::{Fact, FileId};

    #[test]
    fn a_figure_is_as_certain_as_its_least_certain_part_and_names_that_part() {
        let span = |n| Span::new(FileId(0), n, n + 1);
        let mut evidence = Evidence::new();
        let mut sum = evidence.take(&Fact::declared(2, span(1)), "declared");
        let found = |evidence: &Evidence| Finding::new("x", "x").evidence(evidence.clone());
        assert_eq!(found(&evidence).confidence, Confidence::Certain);
        sum += evidence.take(&Fact::inferred(3, span(2), "a literal in code"), "read in code");
        assert_eq!(found(&evidence).confidence, Confidence::Likely);
        sum += evidence.take_or(None, "not said", 5, "the default is 5");
        let finding = found(&evidence);
        assert_eq!((sum, finding.confidence), (10, Confidence::Assumed));
        assert_eq!(finding.assumptions, ["the default is 5"]);
        assert_eq!(finding.locations.len(), 2);
    }
}
