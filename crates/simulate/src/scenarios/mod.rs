//! The failures that can be rehearsed, one file each. A scenario derives its cases from the platform's facts;
//! a case is run many times with different random numbers.

mod alert_blind_spot;
mod cell_failover;
mod common;
mod connection_storm;
mod consumer_cascade;
mod cpu_throttle;
mod grey_failure;
mod leader_failover;
mod rebalance_storm;
mod retry_storm;
mod rolling_restart;

use cofferdam_model::Environment;
use cofferdam_model::overlay::Overlay;
use cofferdam_policy::trace::Recorder;

use crate::chance::Streams;
use crate::limits::{self, Quantity};
use crate::outcome::Outcome;
use cofferdam_formulas::{Evidence, Input, Need};

/// A failure that can be rehearsed.
#[derive(Debug, Clone, Copy)]
pub struct Scenario {
    /// Its name on the command line.
    pub name: &'static str,
    /// What happens in it, as a sentence without a full stop.
    pub title: &'static str,
    /// Its page.
    pub text: &'static str,
    /// Rules whose findings it shows over time.
    pub rules: &'static [&'static str],
    /// Finds its cases in an environment; declared targets and prices are in the overlay.
    pub prepare: fn(&Environment, &Overlay) -> Prepared,
}

impl Scenario {
    /// Its page below the root of the documentation.
    #[must_use]
    pub fn page(&self) -> String {
        format!("docs/scenarios/{}.md", self.name)
    }
}

/// The result of a scenario for an environment.
#[derive(Debug, Default)]
pub struct Prepared {
    /// What can be run.
    pub cases: Vec<Case>,
    /// What could be run if these facts were known.
    pub needs: Vec<Need>,
    /// Why it does not apply here, as a sentence without a full stop; `None` if it does.
    pub nothing: Option<String>,
    /// What is too large to be run, as sentences without a full stop.
    pub beyond: Vec<String>,
}

impl Prepared {
    /// Not applicable here, for this reason.
    #[must_use]
    pub fn nothing(why: impl Into<String>) -> Self {
        Self {
            nothing: Some(why.into()),
            ..Self::default()
        }
    }

    /// Too large to be run, for this reason.
    #[must_use]
    pub fn beyond(why: impl Into<String>) -> Self {
        Self {
            beyond: vec![why.into()],
            ..Self::default()
        }
    }

    /// Whether no case was found, not even one that cannot be run.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.cases.is_empty() && self.needs.is_empty() && self.beyond.is_empty()
    }

    /// Adds a case that can be run, or why it cannot: the needs for it, or what is too large.
    pub fn add(&mut self, case: Result<Case, Vec<Need>>) {
        match case {
            Ok(Case {
                beyond: Some(why), ..
            }) => {
                if !self.beyond.contains(&why) {
                    self.beyond.push(why);
                }
            }
            Ok(case) => self.cases.push(case),
            Err(needs) => {
                for need in needs {
                    let same = |n: &Need| n.fact == need.fact && n.name == need.name;
                    if !self.needs.iter().any(same) {
                        self.needs.push(need);
                    }
                }
            }
        }
    }
}

/// The function of a case: one run with the given random numbers.
pub type Rehearse = Box<dyn Fn(&Streams, &mut Recorder) -> Outcome + Send + Sync>;

/// One subject of a scenario.
pub struct Case {
    /// The subject (a database, a group, a cell).
    pub subject: String,
    /// Its inputs.
    pub inputs: Vec<Input>,
    /// Its assumptions.
    pub assumptions: Vec<String>,
    /// Why it is too large to be run, as a sentence without a full stop.
    pub beyond: Option<String>,
    /// One run.
    pub rehearse: Rehearse,
}

impl std::fmt::Debug for Case {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Case")
            .field("subject", &self.subject)
            .field("inputs", &self.inputs)
            .finish_non_exhaustive()
    }
}

impl Case {
    /// A case about `subject` with these facts.
    pub fn new(
        subject: impl Into<String>,
        facts: Evidence,
        rehearse: impl Fn(&Streams, &mut Recorder) -> Outcome + Send + Sync + 'static,
    ) -> Self {
        Self {
            subject: subject.into(),
            inputs: facts.inputs,
            assumptions: facts.assumptions,
            beyond: None,
            rehearse: Box::new(rehearse),
        }
    }

    /// The case, which is not run if one of the quantities of `who` is too large.
    pub(crate) fn limited(mut self, who: &str, quantities: &[Quantity]) -> Self {
        self.beyond = self.beyond.or_else(|| limits::too_much(who, quantities));
        self
    }
}

/// All scenarios, in the order of the guide.
pub const ALL: &[Scenario] = &[
    connection_storm::SCENARIO,
    cell_failover::SCENARIO,
    grey_failure::SCENARIO,
    retry_storm::SCENARIO,
    consumer_cascade::SCENARIO,
    rebalance_storm::SCENARIO,
    leader_failover::SCENARIO,
    rolling_restart::SCENARIO,
    alert_blind_spot::SCENARIO,
    cpu_throttle::SCENARIO,
];

/// The scenario of a name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Scenario> {
    ALL.iter().find(|scenario| scenario.name == name)
}
