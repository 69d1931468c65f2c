//! Decisions of a grey detector.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Entity, Machine, Recorder};
use crate::Time;
use crate::grey::{Comparison, GreyConfig, GreyDetector, Standing};
use crate::window::Outcome;

/// What a detector is built from.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GreySettings {
    /// Its configuration.
    pub config: GreyConfig,
    /// The number of targets.
    pub targets: usize,
}

/// An input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GreyInput {
    /// A call to a target has ended.
    Ended {
        /// The target, from 0.
        target: usize,
        /// How.
        outcome: Outcome,
    },
    /// The state of a target is asked for.
    Standing {
        /// The target.
        target: usize,
    },
    /// Another has taken the target's place.
    Forget {
        /// The target.
        target: usize,
    },
}

/// A decision.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GreyDecision {
    /// The call is counted; the interval is not over.
    Counted,
    /// An interval was over: the state of every target after it.
    Judged(Vec<Judged>),
    /// The state of the target.
    Standing(Standing),
}

/// A target after an interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Judged {
    /// Whether it is worse than its peers.
    pub grey: bool,
    /// The result of the latest interval with enough calls.
    pub shown: Option<Comparison>,
}

impl fmt::Display for GreyDecision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Counted => f.write_str("counted"),
            Self::Standing(standing) => standing.fmt(f),
            Self::Judged(targets) => {
                f.write_str("compared")?;
                for (number, Judged { grey, shown }) in targets.iter().enumerate() {
                    let is = if *grey { "worse than" } else { "as good as" };
                    write!(f, "; target {number} is {is} its peers")?;
                    if let Some(shown) = shown {
                        write!(f, ": {shown}")?;
                    }
                }
                Ok(())
            }
        }
    }
}

/// The state of every target; the interval that ended at or before `now` has been judged.
fn judged(detector: &mut GreyDetector, now: Time) -> GreyDecision {
    let targets = 0..detector.targets();
    let one = |target| Judged {
        grey: detector.standing(now, target).is_grey(),
        shown: detector.comparison(now, target),
    };
    GreyDecision::Judged(targets.map(one).collect())
}

/// Bytes of a target, with what a decision says about it.
const TARGET: u64 = 1024;

impl Machine for GreyDetector {
    const KIND: &'static str = "grey";
    type Settings = GreySettings;
    type Input = GreyInput;
    type Decision = GreyDecision;

    fn build(settings: GreySettings) -> Result<Self, String> {
        Self::new(settings.config, settings.targets).map_err(|e| e.to_string())
    }

    fn size(settings: &GreySettings) -> u64 {
        (settings.targets as u64).saturating_mul(TARGET)
    }

    fn step(&mut self, at: Time, input: GreyInput) -> Result<GreyDecision, String> {
        let due = self.due();
        match input {
            GreyInput::Ended { target, outcome } => self.record(at, target, outcome),
            GreyInput::Forget { target } => self.forget(at, target),
            GreyInput::Standing { target } => {
                return Ok(GreyDecision::Standing(self.standing(at, target)));
            }
        }
        Ok(if self.due() == due {
            GreyDecision::Counted
        } else {
            judged(self, at)
        })
    }
}

impl Recorder {
    /// A detector whose steps will be recorded, before its first one.
    pub fn grey(&mut self, detector: &GreyDetector, name: impl FnOnce() -> String) -> Entity {
        self.entity::<GreyDetector>(|| {
            let settings = GreySettings {
                config: *detector.config(),
                targets: detector.targets(),
            };
            (name(), settings)
        })
    }

    /// [`GreyDetector::record`], recorded.
    pub fn ended(
        &mut self,
        (of, detector): (Entity, &mut GreyDetector),
        now: Time,
        target: usize,
        outcome: Outcome,
    ) {
        let due = detector.due();
        detector.record(now, target, outcome);
        self.step::<GreyDetector>(of, now, || {
            let decision = if detector.due() == due {
                GreyDecision::Counted
            } else {
                judged(detector, now)
            };
            (GreyInput::Ended { target, outcome }, decision)
        });
    }

    /// [`GreyDetector::standing`], recorded.
    pub fn standing(
        &mut self,
        (of, detector): (Entity, &mut GreyDetector),
        now: Time,
        target: usize,
    ) -> Standing {
        let standing = detector.standing(now, target);
        self.step::<GreyDetector>(of, now, || {
            (GreyInput::Standing { target }, GreyDecision::Standing(standing))
        });
        standing
    }

    /// [`GreyDetector::forget`], recorded.
    pub fn forget(&mut self, (of, detector): (Entity, &mut GreyDetector), now: Time, target: usize) {
        let due = detector.due();
        detector.forget(now, target);
        self.step::<GreyDetector>(of, now, || {
            let decision = if detector.due() == due {
                GreyDecision::Counted
            } else {
                judged(detector, now)
            };
            (GreyInput::Forget { target }, decision)
        });
    }
}
