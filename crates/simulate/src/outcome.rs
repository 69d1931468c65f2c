//! The result of one run of a scenario: moments in order, figures, curves, and the decisions of its policies.

use std::collections::BTreeMap;

use cofferdam_model::units;
use cofferdam_policy::Time;
use serde::Serialize;

/// The role of a moment in the story of a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// What the scenario does to the platform.
    Trigger,
    /// The first thing that breaks because of it.
    Cause,
    /// What keeps the failure going by itself.
    Loop,
    /// The consequence.
    Effect,
    /// Somebody is alerted.
    Detection,
    /// The latest time at which this action would have stopped it.
    Action,
    /// The scenario's fault is over; whether the platform recovers is another question.
    Over,
    /// It works as before.
    Recovery,
}

impl Role {
    /// The word for the timeline.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Trigger => "trigger",
            Self::Cause => "cause",
            Self::Loop => "loop",
            Self::Effect => "effect",
            Self::Detection => "detected",
            Self::Action => "stoppable",
            Self::Over => "over",
            Self::Recovery => "recovery",
        }
    }
}

/// Something that happened in a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moment {
    /// When.
    pub at: Time,
    /// Its name across runs, whose times are summarised under it (`pool full`).
    pub key: &'static str,
    /// Its role in the story.
    pub role: Role,
    /// What happened, as a sentence without a full stop.
    pub text: String,
}

/// How a figure is summarised over the runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A quantity: its mean, with Student's interval.
    Amount,
    /// Whether something happens (1 or 0): the share of runs, with Wilson's interval.
    Whether,
}

/// A number at the end of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    /// What it counts, in plain words (`refused connections`).
    pub name: &'static str,
    /// Its unit; empty where it has none.
    pub unit: &'static str,
    /// Its value.
    pub value: f64,
    /// How it is summarised.
    pub kind: Kind,
}

/// A curve over time.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// The chart that it belongs to, by title; curves of one chart share an axis.
    pub chart: &'static str,
    /// Its name.
    pub name: String,
    /// Unit of its values.
    pub unit: &'static str,
    /// Points in order of time.
    pub points: Vec<(Time, f64)>,
}

/// The result of one run.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Outcome {
    /// Moments in any order; reports sort by time.
    pub moments: Vec<Moment>,
    /// Results, most important first. A figure that has no value in a run (the time of something that did not
    /// happen) is left out of that run.
    pub figures: Vec<Figure>,
    /// Curves.
    pub series: Vec<Series>,
    /// How bad it was, to find the worst of several cascades: the share of the work that is lost while it
    /// lasts, in [0, 1].
    pub harm: f64,
}

impl Outcome {
    /// Adds a moment.
    pub fn moment(&mut self, at: Time, role: Role, key: &'static str, text: impl Into<String>) {
        self.moments.push(Moment {
            at,
            key,
            role,
            text: text.into(),
        });
    }

    /// Adds a quantity.
    pub fn amount(&mut self, name: &'static str, value: f64, unit: &'static str) {
        self.figures.push(Figure {
            name,
            unit,
            value,
            kind: Kind::Amount,
        });
    }

    /// Adds whether something happened.
    pub fn whether(&mut self, name: &'static str, happened: bool) {
        let value = if happened { 1.0 } else { 0.0 };
        self.figures.push(Figure {
            name,
            unit: "",
            value,
            kind: Kind::Whether,
        });
    }

    /// Adds a curve.
    pub fn series(
        &mut self,
        chart: &'static str,
        name: impl Into<String>,
        unit: &'static str,
        points: Vec<(Time, f64)>,
    ) {
        self.series.push(Series {
            chart,
            name: name.into(),
            unit,
            points,
        });
    }
}

/// A decision of a policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Decision {
    /// Nanoseconds since the start of the run.
    pub at: u64,
    /// Which policy (`data-collector → data-processor breaker`).
    pub entity: String,
    /// The decision.
    pub decision: String,
    /// Why.
    pub reason: String,
    /// How often in a row this policy made the same decision for this reason.
    pub times: u64,
    /// The last of these times, in nanoseconds since the start of the run.
    pub until: u64,
}

/// Records the decisions of policies, if a caller wants them.
#[derive(Debug, Default)]
pub struct Trace {
    wanted: bool,
    decisions: Vec<Decision>,
    /// The place of the latest decision of each entity.
    latest: BTreeMap<String, usize>,
}

impl Trace {
    /// A log that records decisions, or ignores them.
    #[must_use]
    pub const fn new(wanted: bool) -> Self {
        Self {
            wanted,
            decisions: Vec::new(),
            latest: BTreeMap::new(),
        }
    }

    /// Whether decisions are recorded.
    #[must_use]
    pub const fn wanted(&self) -> bool {
        self.wanted
    }

    /// Records a decision; the text is made only if it is recorded. A decision that the same entity made just
    /// before, for the same reason, is counted there.
    pub fn decide(&mut self, at: Time, entity: &str, words: impl FnOnce() -> (String, String)) {
        if self.wanted {
            let (decision, reason) = words();
            if let Some(latest) = self.latest.get(entity).and_then(|at| self.decisions.get_mut(*at))
                && latest.decision == decision
                && latest.reason == reason
            {
                latest.times += 1;
                latest.until = at.as_nanos();
                return;
            }
            self.latest.insert(entity.to_owned(), self.decisions.len());
            self.decisions.push(Decision {
                times: 1,
                until: at.as_nanos(),
                at: at.as_nanos(),
                entity: entity.to_owned(),
                decision,
                reason,
            });
        }
    }

    /// The recorded decisions, in order.
    #[must_use]
    pub fn into_decisions(self) -> Vec<Decision> {
        self.decisions
    }
}

/// A value with its unit as reports write it: `1,005 connections`, `50 %`, `7.2 s`.
#[must_use]
pub fn shown(value: f64, unit: &str) -> String {
    let number = units::show_number(value);
    if unit.is_empty() {
        number
    } else {
        format!("{number} {unit}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_decisions_are_counted_for_each_entity() {
        let mut trace = Trace::new(true);
        let mut decide = |at: u64, entity: &str, decision: &str| {
            trace.decide(Time::from_nanos(at), entity, || {
                (decision.into(), "because".into())
            });
        };
        decide(1, "a", "permit");
        decide(2, "b", "permit");
        decide(3, "a", "permit");
        decide(4, "a", "reject");
        decide(5, "a", "permit");
        let found: Vec<_> = trace
            .into_decisions()
            .into_iter()
            .map(|d| (d.at, d.entity, d.decision, d.times, d.until))
            .collect();
        let of = |at, entity: &str, decision: &str, times, until| {
            (at, entity.to_owned(), decision.to_owned(), times, until)
        };
        assert_eq!(
            found,
            [
                of(1, "a", "permit", 2, 3),
                of(2, "b", "permit", 1, 2),
                of(4, "a", "reject", 1, 4),
                of(5, "a", "permit", 1, 5),
            ]
        );
    }

    #[test]
    fn a_disabled_trace_records_nothing() {
        let mut trace = Trace::new(false);
        trace.decide(Time::ZERO, "a", || unreachable!("nobody asked"));
        assert!(trace.into_decisions().is_empty());
    }
}
