//! Decisions of a traffic shift.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Entity, Machine, Recorder};
use crate::Time;
use crate::admission::Class;
use crate::shift::{CLASSES, CellReading, Shift, ShiftConfig, ShiftDecision, ShiftReason};

/// What a shift is built from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShiftSettings {
    /// Its configuration.
    pub config: ShiftConfig,
    /// Each cell's own share.
    pub shares: Vec<f64>,
}

/// An input: the demand by class and a reading of each cell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ShiftInput {
    /// A step.
    Step {
        /// Requests a second of each class.
        #[serde(rename = "demand_per_s", with = "crate::number::array")]
        demand: [f64; CLASSES],
        /// What is known of each cell.
        readings: Vec<CellReading>,
    },
}

/// A decision, with the shares that follow from it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shifted {
    /// Why.
    pub reason: ShiftReason,
    /// Part of each class that is refused, in [0, 1].
    pub shed: [f64; CLASSES],
    /// Part of the traffic that is intended for each cell.
    pub weights: Vec<f64>,
    /// Requests a second that each cell gets.
    #[serde(rename = "sent_per_s")]
    pub sent: Vec<f64>,
}

impl Shifted {
    fn of(shift: &Shift, decision: ShiftDecision) -> Self {
        Self {
            reason: decision.reason,
            shed: decision.shed,
            weights: (0..shift.cells()).map(|cell| shift.weight(cell)).collect(),
            sent: (0..shift.cells()).map(|cell| shift.sent(cell)).collect(),
        }
    }
}

impl fmt::Display for Shifted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.reason.fmt(f)?;
        for (number, weight) in self.weights.iter().enumerate() {
            write!(f, "; cell {number} gets {:.1} %", weight * 100.0)?;
        }
        for (class, share) in Class::ALL.into_iter().zip(self.shed) {
            if share > 0.0 {
                write!(f, "; {:.1} % of {class} is refused", share * 100.0)?;
            }
        }
        Ok(())
    }
}

/// Cells in a replayed shift: a step may take as many rounds as there are cells.
const MOST_CELLS: usize = 1000;

impl Machine for Shift {
    const KIND: &'static str = "shift";
    type Settings = ShiftSettings;
    type Input = ShiftInput;
    type Decision = Shifted;

    fn build(settings: ShiftSettings) -> Result<Self, String> {
        if settings.shares.len() > MOST_CELLS {
            return Err(format!(
                "{} cells; a replay takes at most {MOST_CELLS}",
                settings.shares.len()
            ));
        }
        Self::new(settings.config, &settings.shares).map_err(|e| e.to_string())
    }

    fn size(settings: &ShiftSettings) -> u64 {
        256 * settings.shares.len() as u64
    }

    fn step(&mut self, _: Time, input: ShiftInput) -> Result<Shifted, String> {
        let ShiftInput::Step { demand, readings } = input;
        let decision = Self::step(self, demand, &readings);
        Ok(Shifted::of(self, decision))
    }
}

impl Recorder {
    /// A shift whose steps will be recorded, before its first one.
    pub fn shift(&mut self, name: impl FnOnce() -> String, config: ShiftConfig, shares: &[f64]) -> Entity {
        self.entity::<Shift>(|| {
            let shares = shares.to_vec();
            (name(), ShiftSettings { config, shares })
        })
    }

    /// [`Shift::step`], recorded.
    pub fn shift_step(
        &mut self,
        (of, shift): (Entity, &mut Shift),
        now: Time,
        demand: [f64; CLASSES],
        readings: &[CellReading],
    ) -> ShiftDecision {
        let decision = shift.step(demand, readings);
        self.step::<Shift>(of, now, || {
            let readings = readings.to_vec();
            let input = ShiftInput::Step { demand, readings };
            (input, Shifted::of(shift, decision))
        });
        decision
    }
}
