//! The failures that can be rehearsed, one file each. A scenario derives its cases from the platform's facts; a case
//! is run many times under different chance.

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

use crate::chance::Streams;
use crate::facts::{Facts, Input, Need};
use crate::outcome::{Outcome, Trace};

/// A failure that can be rehearsed.
#[derive(Debug, Clone, Copy)]
pub struct Scenario {
    /// Its name on the command line.
    pub name: &'static str,
    /// What happens in it, as a sentence without a full stop.
    pub title: &'static str,
    /// Rules whose findings it shows in motion.
    pub rules: &'static [&'static str],
    /// Finds what it concerns in an environment; what a person states of targets and prices is in the overlay.
    pub prepare: fn(&Environment, &Overlay) -> Prepared,
}

impl Scenario {
    /// Its page below the root of the documentation.
    #[must_use]
    pub fn page(&self) -> String {
        format!("docs/scenarios/{}.md", self.name)
    }
}

/// What a scenario found in an environment.
#[derive(Debug, Default)]
pub struct Prepared {
    /// What can be run.
    pub cases: Vec<Case>,
    /// What could be run if these were known.
    pub needs: Vec<Need>,
    /// Why nothing here concerns it, as a sentence without a full stop; `None` when something does.
    pub nothing: Option<String>,
}

impl Prepared {
    /// Nothing here concerns it, because of this.
    #[must_use]
    pub fn nothing(why: impl Into<String>) -> Self {
        Self {
            nothing: Some(why.into()),
            ..Self::default()
        }
    }

    /// Adds what can be run, or what is needed for it.
    pub fn add(&mut self, case: Result<Case, Vec<Need>>) {
        match case {
            Ok(case) => self.cases.push(case),
            Err(needs) => {
                for need in needs {
                    if !self.needs.iter().any(|n| n.fact == need.fact) {
                        self.needs.push(need);
                    }
                }
            }
        }
    }
}

/// The function of a case: one run, under the chance it is given.
pub type Rehearse = Box<dyn Fn(&Streams, &mut Trace) -> Outcome + Send + Sync>;

/// One thing that a scenario happens to.
pub struct Case {
    /// What it happens to (a database, a group, a cell).
    pub subject: String,
    /// What it runs with.
    pub inputs: Vec<Input>,
    /// What it takes for granted.
    pub assumptions: Vec<String>,
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
    /// A case of what the facts say of `subject`.
    pub fn new(
        subject: impl Into<String>,
        facts: Facts,
        rehearse: impl Fn(&Streams, &mut Trace) -> Outcome + Send + Sync + 'static,
    ) -> Self {
        Self {
            subject: subject.into(),
            inputs: facts.inputs,
            assumptions: facts.assumptions,
            rehearse: Box::new(rehearse),
        }
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
