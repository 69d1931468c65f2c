//! What a scenario takes from the platform, and from which place: every input is shown with its line, and
//! missing ones are asked for by name.

use std::time::Duration;

use cofferdam_model::alerts::BurnWindows;
pub use cofferdam_model::registry::Need;
use cofferdam_model::units::{show_duration, show_number};
use cofferdam_model::{Bytes, Fact, Rate, Share, Source, Span};

/// A value in readable form.
pub trait Shown {
    /// The value with its unit.
    fn shown(&self) -> String;
}

impl Shown for u32 {
    fn shown(&self) -> String {
        show_number(f64::from(*self))
    }
}

impl Shown for u64 {
    fn shown(&self) -> String {
        show_number(*self as f64)
    }
}

impl Shown for f64 {
    fn shown(&self) -> String {
        show_number(*self)
    }
}

impl Shown for bool {
    fn shown(&self) -> String {
        if *self { "yes" } else { "no" }.to_owned()
    }
}

impl Shown for String {
    fn shown(&self) -> String {
        self.clone()
    }
}

impl Shown for Duration {
    fn shown(&self) -> String {
        if *self < Duration::from_secs(1) {
            return format!("{} ms", show_number(self.as_secs_f64() * 1e3));
        }
        show_duration(*self)
    }
}

impl Shown for Rate {
    fn shown(&self) -> String {
        self.to_string()
    }
}

impl Shown for Share {
    fn shown(&self) -> String {
        self.to_string()
    }
}

impl Shown for BurnWindows {
    fn shown(&self) -> String {
        format!(
            "above {} over {} and {}",
            Share(self.share),
            self.long.shown(),
            self.short.shown()
        )
    }
}

impl Shown for Bytes {
    fn shown(&self) -> String {
        self.to_string()
    }
}

/// A value that a scenario was run with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Input {
    /// Its kind.
    pub name: String,
    /// Its value with the unit.
    pub value: String,
    /// Its place; `None` for an assumption.
    pub place: Option<Span>,
}

/// Collects the facts that a scenario takes from the platform.
#[derive(Debug, Clone, Default)]
pub struct Evidence {
    /// The inputs, in the order taken.
    pub inputs: Vec<Input>,
    /// The assumptions, as sentences with their source.
    pub assumptions: Vec<String>,
    /// The missing facts.
    pub needs: Vec<Need>,
}

impl Evidence {
    /// Nothing taken yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a fact that is known; an assumed one is named as an assumption.
    pub fn take<T: Shown + Clone>(&mut self, name: impl Into<String>, fact: &Fact<T>) -> T {
        if let Source::Assumed { why } = &fact.source {
            self.assume(why.to_string());
        }
        self.inputs.push(Input {
            name: name.into(),
            value: fact.value.shown(),
            place: fact.span(),
        });
        fact.value.clone()
    }

    /// Takes a fact without which there is no run. `None` if it is missing; it is then a need.
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
        Some(self.take(name, given))
    }

    /// Takes a fact, or a default that the assumption names with its source.
    pub fn or<T: Shown + Clone>(
        &mut self,
        name: impl Into<String>,
        given: Option<&Fact<T>>,
        default: T,
        why: impl Into<String>,
    ) -> T {
        match given {
            Some(fact) => self.take(name, fact),
            None => {
                self.inputs.push(Input {
                    name: name.into(),
                    value: default.shown(),
                    place: None,
                });
                self.assume(why);
                default
            }
        }
    }

    /// Names an assumption, once.
    pub fn assume(&mut self, why: impl Into<String>) {
        let why = why.into();
        if !self.assumptions.contains(&why) {
            self.assumptions.push(why);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_fact_is_a_need_and_no_input() {
        let mut facts = Evidence::new();
        let given: Option<&Fact<u32>> = None;
        let ask = Need::of(&cofferdam_model::registry::databases::MAX_CONNECTIONS, "main");
        assert_eq!(facts.need("slots", given, ask.clone()), None);
        assert_eq!(facts.needs, [ask]);
        assert!(facts.inputs.is_empty());
    }

    #[test]
    fn a_default_is_an_input_and_an_assumption() {
        let mut facts = Evidence::new();
        let wait = facts.input_or(
            "wait",
            None,
            Duration::from_millis(50),
            "it waits 50 ms, the client's default",
        );
        assert_eq!(wait, Duration::from_millis(50));
        let _: u32 = facts.input("size", &Fact::assumed(20, "it waits 50 ms, the client's default"));
        assert_eq!(facts.inputs[0].value, "50 ms");
        assert_eq!(facts.assumptions.len(), 1);
    }
}
