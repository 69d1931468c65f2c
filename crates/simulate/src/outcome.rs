//! The result of one run of a scenario: moments in order, figures, curves.

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
