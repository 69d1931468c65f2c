//! Collects the sources of a result while it is computed: which facts it takes, at which places, with which
//! assumptions, and which facts are missing. Rules show the places, scenarios the inputs; both are of one result.

pub use crate::places::Location;
use crate::places::Places;
pub use crate::shown::Shown;
use cofferdam_model::database::{Reached, only_database};
pub use cofferdam_model::registry::Need;
use cofferdam_model::{Fact, Linked, Owner, Source, Span};

/// How certain a result is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Confidence {
    /// Depends on an assumption, which the finding names.
    Assumed,
    /// Depends on an interpretation (code, a link by name).
    Likely,
    /// The files state it.
    Certain,
}

impl Confidence {
    /// The word for the confidence.
    pub fn name(self) -> &'static str {
        match self {
            Confidence::Assumed => "assumed",
            Confidence::Likely => "likely",
            Confidence::Certain => "certain",
        }
    }
}

/// A value that a result depends on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Input {
    /// Its kind.
    pub name: String,
    /// Its value with the unit.
    pub value: String,
    /// Its place; `None` for an assumption.
    pub place: Option<Span>,
}

/// The sources of a result.
#[derive(Debug, Clone)]
pub struct Evidence {
    /// As certain as its least certain part.
    pub confidence: Confidence,
    /// Places, in the order taken.
    pub locations: Vec<Location>,
    /// The places by their spans, where there are many.
    places: Places,
    /// Assumptions, as sentences with their source.
    pub assumptions: Vec<String>,
    /// Whether it depends on a relation by similar names, or on an assumed one.
    pub similar: bool,
    /// Values by name, in the order taken.
    pub inputs: Vec<Input>,
    /// The missing facts.
    pub needs: Vec<Need>,
}

impl Default for Evidence {
    fn default() -> Self {
        Evidence {
            confidence: Confidence::Certain,
            locations: Vec::new(),
            places: Places::default(),
            assumptions: Vec::new(),
            similar: false,
            inputs: Vec::new(),
            needs: Vec::new(),
        }
    }
}

impl Evidence {
    /// Nothing used yet.
    #[must_use]
    pub fn new() -> Self {
        Evidence::default()
    }

    /// Uses a fact: its value, with its place recorded under `label` or its assumption named.
    pub fn take<T: Clone>(&mut self, fact: &Fact<T>, label: impl Into<String>) -> T {
        self.note(fact, label);
        fact.value.clone()
    }

    /// Records a fact's source without its value.
    pub fn note<T>(&mut self, fact: &Fact<T>, label: impl Into<String>) {
        self.source(fact);
        if let Some(span) = fact.span() {
            self.place(span, label);
        }
    }

    /// Records how certain a fact is, and its assumption, without its place.
    fn source<T>(&mut self, fact: &Fact<T>) {
        match &fact.source {
            Source::Inferred { .. } => self.likely(),
            Source::Assumed { why } => self.assume(why.to_string()),
            Source::Declared(_) | Source::Stated(_) | Source::Observed { .. } => {}
        }
    }

    /// Uses a fact as an input that is shown by name with its value.
    pub fn input<T: Shown + Clone>(&mut self, name: impl Into<String>, fact: &Fact<T>) -> T {
        self.source(fact);
        self.inputs.push(Input {
            name: name.into(),
            value: fact.value.shown(),
            place: fact.span(),
        });
        fact.value.clone()
    }

    /// Uses a fact as an input by name, whose place also has a label.
    pub fn input_as<T: Shown + Clone>(
        &mut self,
        name: impl Into<String>,
        fact: &Fact<T>,
        label: impl Into<String>,
    ) -> T {
        if let Some(span) = fact.span() {
            self.place(span, label);
        }
        self.input(name, fact)
    }

    /// Uses a fact as an input, or a default that the assumption names with its source.
    pub fn input_or<T: Shown + Clone>(
        &mut self,
        name: impl Into<String>,
        given: Option<&Fact<T>>,
        default: T,
        why: impl Into<String>,
    ) -> T {
        match given {
            Some(fact) => self.input(name, fact),
            None => self.default_input(name, default, why),
        }
    }

    /// Uses a default as an input, which the assumption names with its source.
    pub fn default_input<T: Shown>(
        &mut self,
        name: impl Into<String>,
        default: T,
        why: impl Into<String>,
    ) -> T {
        self.assume(why);
        self.plain_input(name, default)
    }

    /// Shows a value that decides nothing, and so needs no source.
    pub fn plain_input<T: Shown>(&mut self, name: impl Into<String>, value: T) -> T {
        self.inputs.push(Input {
            name: name.into(),
            value: value.shown(),
            place: None,
        });
        value
    }

    /// Uses a fact without which there is no result. `None` if it is missing; it is then a need.
    pub fn need<T: Shown + Clone>(
        &mut self,
        name: impl Into<String>,
        given: Option<&Fact<T>>,
        need: Need,
    ) -> Option<T> {
        let Some(given) = given else {
            self.needs.push(need);
            return None;
        };
        Some(self.input(name, given))
    }

    /// Depends on a fact, if it exists, whose place is not shown: on its certainty, and on its assumption.
    pub fn depend<T>(&mut self, fact: &Option<Fact<T>>) {
        if let Some(fact) = fact {
            self.source(fact);
        }
    }

    /// Uses a fact if it exists, otherwise a default that is named as an assumption.
    pub fn take_or<T: Clone>(
        &mut self,
        fact: Option<&Fact<T>>,
        label: impl Into<String>,
        default: T,
        why: &str,
    ) -> T {
        match fact {
            Some(fact) => self.take(fact, label),
            None => {
                self.assume(why);
                default
            }
        }
    }

    /// Records a place.
    pub fn place(&mut self, span: Span, label: impl Into<String>) {
        if self.places.find(&self.locations, span).is_none() {
            self.locations.push(Location {
                span,
                label: label.into(),
            });
        }
    }

    /// Names an assumption, once.
    pub fn assume(&mut self, sentence: impl Into<String>) {
        let sentence = sentence.into();
        self.confidence = Confidence::Assumed;
        if !self.assumptions.contains(&sentence) {
            self.assumptions.push(sentence);
        }
    }

    /// Adds the sources of another computation.
    pub fn merge(&mut self, other: Evidence) {
        self.confidence = self.confidence.min(other.confidence);
        self.similar |= other.similar;
        for location in other.locations {
            self.place(location.span, location.label);
        }
        for assumption in other.assumptions {
            self.assume(assumption);
        }
        self.inputs.extend(other.inputs);
        self.needs.extend(other.needs);
    }

    /// Uses the relation of a part to its service. A relation by directory or by a similar name is only
    /// likely.
    pub fn owner(&mut self, owner: &Owner) {
        match owner.linked {
            Linked::Named => {}
            Linked::Directory => self.likely(),
            Linked::Similar => {
                self.likely();
                self.similar = true;
            }
        }
    }

    /// Uses the relation of pools or a pooler to their database. One by a similar name is only likely; that it is the
    /// only database is an assumption.
    pub fn reached(&mut self, reached: Reached, database: &str, users: &[&str]) {
        match reached {
            Reached::Named => {}
            Reached::Similar => {
                self.likely();
                self.similar = true;
            }
            Reached::Only => {
                self.assume(only_database(database, users));
                self.similar = true;
            }
        }
    }

    /// Records that a step was an interpretation.
    pub fn likely(&mut self) {
        self.confidence = self.confidence.min(Confidence::Likely);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cofferdam_model::FileId;
    use std::time::Duration;

    #[test]
    fn a_result_is_as_certain_as_its_least_certain_part() {
        let span = |n| Span::new(FileId(0), n, n + 1);
        let mut evidence = Evidence::new();
        let mut sum = evidence.take(&Fact::declared(2, span(1)), "declared");
        assert_eq!(evidence.confidence, Confidence::Certain);
        sum += evidence.take(&Fact::inferred(3, span(2), "a literal in code"), "read in code");
        assert_eq!(evidence.confidence, Confidence::Likely);
        sum += evidence.take_or(None, "not said", 5, "the default is 5");
        assert_eq!((sum, evidence.confidence), (10, Confidence::Assumed));
        assert_eq!(evidence.assumptions, ["the default is 5"]);
        assert_eq!(evidence.locations.len(), 2);
    }

    #[test]
    fn a_missing_fact_is_a_need_and_no_input() {
        let mut evidence = Evidence::new();
        let given: Option<&Fact<u32>> = None;
        let ask = Need::of(&cofferdam_model::registry::databases::MAX_CONNECTIONS, "main");
        assert_eq!(evidence.need("slots", given, ask.clone()), None);
        assert_eq!(evidence.needs, [ask]);
        assert!(evidence.inputs.is_empty());
    }

    #[test]
    fn a_default_is_an_input_and_an_assumption() {
        let mut evidence = Evidence::new();
        let wait = evidence.input_or(
            "wait",
            None,
            Duration::from_millis(50),
            "it waits 50 ms, the client's default",
        );
        assert_eq!(wait, Duration::from_millis(50));
        let _: u32 = evidence.input("size", &Fact::assumed(20, "it waits 50 ms, the client's default"));
        assert_eq!(evidence.inputs[0].value, "50 ms");
        assert_eq!(evidence.assumptions.len(), 1);
    }
}
