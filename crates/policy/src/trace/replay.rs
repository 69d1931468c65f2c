//! Replays the lines of a trace.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::DeserializeOwned;

use super::form::Form;
use super::lines::{AnyFirst, Case, EntityLine, FormLine, Header, Line, StepsLine, VERSION};
use super::{Machine, ReplayedBreaker, RetryWithBudget};
use crate::grey::GreyDetector;
use crate::shift::Shift;
use crate::{Random, Time};

/// Bytes that the policies of one case may take together.
const MOST_MEMORY: u64 = 512 << 20;
/// Policies in one case.
const MOST_ENTITIES: usize = 100_000;

/// Replays a trace line by line. It keeps the policies of the current case and nothing else.
#[derive(Debug, Default)]
pub struct Replay {
    header: Option<Header>,
    ended: bool,
    line: u64,
    case: Case,
    entities: Vec<Playing>,
    memory: u64,
    /// Events of the case, by name.
    events: BTreeMap<String, u64>,
    summary: Summary,
    decisions: u64,
}

/// A replayed policy.
#[derive(Debug)]
struct Playing {
    name: String,
    machine: Box<dyn Player>,
    latest: Time,
    decisions: u64,
}

/// What was replayed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// The policies, in the order of the trace.
    pub entities: Vec<Replayed>,
    /// What is not the decision of a policy, and was not replayed.
    pub events: Vec<Events>,
}

/// Lines about something that is not the decision of a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Events {
    /// What they belong to.
    pub case: Case,
    /// Who decided.
    pub name: String,
    /// How many.
    pub count: u64,
}

/// A policy whose decisions were replayed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replayed {
    /// What it belongs to.
    pub case: Case,
    /// Its name.
    pub name: String,
    /// Its kind.
    pub policy: &'static str,
    /// How many decisions it made.
    pub decisions: u64,
}

/// A replayed decision.
#[derive(Debug)]
pub struct Told<'r> {
    /// What the policy belongs to.
    pub case: &'r Case,
    /// The policy.
    pub entity: &'r str,
    /// When.
    pub at: Time,
    /// The decision, as JSON.
    pub decision: &'r str,
    machine: &'r dyn Player,
}

impl Told<'_> {
    /// The decision in words.
    #[must_use]
    pub fn words(&self) -> String {
        self.machine.words(self.decision).unwrap_or_default()
    }
}

/// Why a replay stops.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Stop {
    /// A decision differs from the recorded one.
    #[error(transparent)]
    Parted(Box<Parted>),
    /// The trace cannot be read.
    #[error("line {line}: {fault}")]
    Unreadable {
        /// The line, from 1.
        line: u64,
        /// What is wrong with it.
        fault: Fault,
    },
}

/// The first decision that differs from the recorded one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "line {line}, decision {number} of {entity} at {at}: {expected} was recorded, and the replay decides {got}"
)]
pub struct Parted {
    /// The line, from 1.
    pub line: u64,
    /// What the policy belongs to.
    pub case: Case,
    /// The policy.
    pub entity: String,
    /// Which of its decisions, from 1.
    pub number: u64,
    /// When.
    pub at: Time,
    /// The input, as JSON.
    pub input: String,
    /// The recorded decision, as JSON.
    pub expected: String,
    /// The decision of the replay, as JSON.
    pub got: String,
    /// Both in words, if the recorded one can be read.
    pub words: Option<(String, String)>,
}

/// What is wrong with a line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The first line says nothing about a trace.
    #[error("this is not a trace: its first line is not {{\"trace\":{{…}}}}")]
    NoTrace,
    /// It was written by a newer tool.
    #[error(
        "the trace has version {0} of the format, and this tool reads versions 1 to {VERSION}; use a newer one"
    )]
    Newer(u64),
    /// No version has this number.
    #[error("the format has no version 0; this tool reads versions 1 to {VERSION}")]
    Version,
    /// It is not JSON, or not a line of a trace.
    #[error("it is not a line of a trace: {0}")]
    Line(String),
    /// A line that must not come here.
    #[error("a line of kind {0} must not come here")]
    Order(&'static str),
    /// Entities are numbered from 1 without gaps.
    #[error("entity {found} comes where entity {expected} is expected")]
    Number {
        /// The number in the line.
        found: u32,
        /// The next free number.
        expected: usize,
    },
    /// The kind of policy is not known.
    #[error("there is no policy of kind `{0}`")]
    Kind(String),
    /// The settings do not make a policy.
    #[error("the settings are invalid: {0}")]
    Settings(String),
    /// The policies are too large.
    #[error("the policies of a case take more than {} MiB of memory", MOST_MEMORY >> 20)]
    Memory,
    /// Too many policies.
    #[error("a case has more than {MOST_ENTITIES} policies")]
    Entities,
    /// Steps of an entity that the case does not have.
    #[error("there is no entity {0} in this case")]
    Unknown(u32),
    /// Steps before the entity's latest step.
    #[error("it begins at {at} ns, before the entity's latest step at {latest} ns")]
    Time {
        /// The time in the line.
        at: u64,
        /// The entity's latest time.
        latest: u64,
    },
    /// A step is not what the line's forms need.
    #[error("step {0} of the line does not fit its form, or its time is out of range")]
    Step(usize),
    /// A form contains a whole number that is not 0.
    #[error("form {0} of the line contains a whole number other than 0")]
    Form(usize),
    /// An input is not one of this policy.
    #[error("step {step} of the line is no input of this policy: {why}")]
    Input {
        /// Which step, from 1.
        step: usize,
        /// The reason.
        why: String,
    },
    /// The number of decisions is not the one that the last line states.
    #[error("the last line states {stated} decisions, and there are {found}")]
    Count {
        /// Stated.
        stated: u64,
        /// Found.
        found: u64,
    },
    /// The last line is missing.
    #[error("the trace is cut off: its last line, {{\"end\":{{…}}}}, is missing")]
    CutOff,
}

impl Replay {
    /// A replay before the first line.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// What the trace says about itself, after its first line.
    #[must_use]
    pub const fn header(&self) -> Option<&Header> {
        self.header.as_ref()
    }

    /// The next line, with or without its line break.
    ///
    /// # Errors
    ///
    /// [`Stop`]: a decision differs, or the line cannot be read. The replay is over then.
    pub fn line(&mut self, text: &str) -> Result<(), Stop> {
        self.line_told(text, &mut |_| {})
    }

    /// The same; `told` gets every decision that was replayed.
    ///
    /// # Errors
    ///
    /// As [`Replay::line`].
    pub fn line_told(&mut self, text: &str, told: &mut dyn FnMut(&Told<'_>)) -> Result<(), Stop> {
        self.line += 1;
        let line = self.line;
        let unreadable = |fault| Stop::Unreadable { line, fault };
        if self.header.is_none() {
            self.header = Some(header(text).map_err(unreadable)?);
            return Ok(());
        }
        if self.ended {
            return Err(unreadable(Fault::Order("any")));
        }
        let parsed = serde_json::from_str(text).map_err(|e| unreadable(Fault::Line(e.to_string())))?;
        match parsed {
            Line::Trace(_) => Err(unreadable(Fault::Order("trace"))),
            Line::Case(case) => {
                self.close();
                self.case = case;
                Ok(())
            }
            Line::Entity(entity) => self.entity(&entity).map_err(unreadable),
            Line::Steps(steps) => self.steps(&steps, told),
            Line::Event(event) => {
                *self.events.entry(event.name).or_default() += 1;
                Ok(())
            }
            Line::End(end) if end.decisions != self.decisions => Err(unreadable(Fault::Count {
                stated: end.decisions,
                found: self.decisions,
            })),
            Line::End(_) => {
                self.ended = true;
                self.close();
                Ok(())
            }
        }
    }

    /// After the last line.
    ///
    /// # Errors
    ///
    /// [`Fault::CutOff`] or [`Fault::NoTrace`] if there should be more.
    pub fn finish(mut self) -> Result<Summary, Stop> {
        if self.ended {
            return Ok(std::mem::take(&mut self.summary));
        }
        let fault = match self.header {
            Some(_) => Fault::CutOff,
            None => Fault::NoTrace,
        };
        Err(Stop::Unreadable {
            line: self.line + 1,
            fault,
        })
    }

    /// Ends the entities of the case.
    fn close(&mut self) {
        let case = &self.case;
        let done = self.entities.drain(..).map(|playing| Replayed {
            case: case.clone(),
            name: playing.name,
            policy: playing.machine.kind(),
            decisions: playing.decisions,
        });
        self.summary.entities.extend(done);
        let events = std::mem::take(&mut self.events).into_iter();
        self.summary.events.extend(events.map(|(name, count)| Events {
            case: case.clone(),
            name,
            count,
        }));
        self.memory = 0;
    }

    fn entity(&mut self, line: &EntityLine<'_>) -> Result<(), Fault> {
        let expected = self.entities.len() + 1;
        if line.number as usize != expected {
            return Err(Fault::Number {
                found: line.number,
                expected,
            });
        }
        if expected > MOST_ENTITIES {
            return Err(Fault::Entities);
        }
        let machine = self.build(&line.policy, line.settings.get())?;
        self.entities.push(Playing {
            name: line.name.clone(),
            machine,
            latest: Time::ZERO,
            decisions: 0,
        });
        Ok(())
    }

    /// The table of kinds.
    fn build(&mut self, kind: &str, settings: &str) -> Result<Box<dyn Player>, Fault> {
        match kind {
            ReplayedBreaker::KIND => self.player::<ReplayedBreaker>(settings),
            RetryWithBudget::KIND => self.player::<RetryWithBudget>(settings),
            GreyDetector::KIND => self.player::<GreyDetector>(settings),
            Shift::KIND => self.player::<Shift>(settings),
            _ => Err(Fault::Kind(kind.to_owned())),
        }
    }

    fn player<M: Machine + fmt::Debug + 'static>(
        &mut self,
        settings: &str,
    ) -> Result<Box<dyn Player>, Fault> {
        let settings: M::Settings =
            serde_json::from_str(settings).map_err(|e| Fault::Settings(e.to_string()))?;
        self.memory = self.memory.saturating_add(M::size(&settings));
        if self.memory > MOST_MEMORY {
            return Err(Fault::Memory);
        }
        Ok(Box::new(M::build(settings).map_err(Fault::Settings)?))
    }

    fn steps(&mut self, line: &StepsLine<'_>, told: &mut dyn FnMut(&Told<'_>)) -> Result<(), Stop> {
        let number = self.line;
        let unreadable = |fault| Stop::Unreadable { line: number, fault };
        let place = (line.of as usize).checked_sub(1);
        let Some(playing) = place.and_then(|place| self.entities.get_mut(place)) else {
            return Err(unreadable(Fault::Unknown(line.of)));
        };
        if line.at < playing.latest.as_nanos() {
            let latest = playing.latest.as_nanos();
            return Err(unreadable(Fault::Time { at: line.at, latest }));
        }
        let forms = forms(&line.forms).map_err(unreadable)?;
        let (mut input, mut expected) = (String::new(), String::new());
        let mut at = line.at;
        for (step, numbers) in (1..).zip(&line.steps) {
            let misfit = || unreadable(Fault::Step(step));
            let (of_input, of_got, numbers) = taken(&forms, numbers, &mut at).ok_or_else(misfit)?;
            let (first, rest) = numbers.split_at(of_input.numbers());
            of_input.fill(first, &mut input);
            of_got.fill(rest, &mut expected);
            let now = Time::from_nanos(at);
            let got = playing.machine.play(now, &input);
            let got = got.map_err(|why| unreadable(Fault::Input { step, why }))?;
            playing.latest = now;
            playing.decisions += 1;
            self.decisions += 1;
            if got != expected {
                return Err(Stop::Parted(Box::new(Parted {
                    line: number,
                    case: self.case.clone(),
                    entity: playing.name.clone(),
                    number: playing.decisions,
                    at: now,
                    words: playing.machine.words(&expected).zip(playing.machine.words(&got)),
                    input,
                    expected,
                    got,
                })));
            }
            told(&Told {
                case: &self.case,
                entity: &playing.name,
                at: now,
                decision: &got,
                machine: playing.machine.as_ref(),
            });
        }
        Ok(())
    }
}

/// The forms of inputs and decisions.
type Forms<'t> = Vec<(Form<'t>, Form<'t>)>;

fn forms<'t>(lines: &[FormLine<'t>]) -> Result<Forms<'t>, Fault> {
    let one = |(number, line): (usize, &FormLine<'t>)| {
        let fault = || Fault::Form(number);
        let input = Form::new(line.input.get()).ok_or_else(fault)?;
        Ok((input, Form::new(line.got.get()).ok_or_else(fault)?))
    };
    (1..).zip(lines).map(one).collect()
}

/// The forms of a step, and their numbers; adds to the time.
fn taken<'f, 't, 's>(
    forms: &'f Forms<'t>,
    step: &'s [u128],
    at: &mut u64,
) -> Option<(&'f Form<'t>, &'f Form<'t>, &'s [u128])> {
    let [form, later, numbers @ ..] = step else {
        return None;
    };
    let (input, got) = forms.get(usize::try_from(*form).ok()?)?;
    *at = at.checked_add(u64::try_from(*later).ok()?)?;
    (numbers.len() == input.numbers() + got.numbers()).then_some((input, got, numbers))
}

fn header(text: &str) -> Result<Header, Fault> {
    let AnyFirst { trace } = serde_json::from_str(text).map_err(|_| Fault::NoTrace)?;
    match trace.version {
        0 => return Err(Fault::Version),
        version if version > u64::from(VERSION) => return Err(Fault::Newer(version)),
        _ => {}
    }
    match serde_json::from_str(text) {
        Ok(Line::Trace(header)) => Ok(header),
        Ok(_) => Err(Fault::NoTrace),
        Err(e) => Err(Fault::Line(e.to_string())),
    }
}

/// A policy of any kind.
trait Player: fmt::Debug {
    fn kind(&self) -> &'static str;

    /// The decision, as JSON.
    fn play(&mut self, at: Time, input: &str) -> Result<String, String>;

    /// A decision in words, if it is one.
    fn words(&self, decision: &str) -> Option<String>;
}

impl<M: Machine + fmt::Debug> Player for M {
    fn kind(&self) -> &'static str {
        M::KIND
    }

    fn play(&mut self, at: Time, input: &str) -> Result<String, String> {
        let input = parsed::<M::Input>(input)?;
        let decision = self.step(at, input)?;
        serde_json::to_string(&decision).map_err(|e| e.to_string())
    }

    fn words(&self, decision: &str) -> Option<String> {
        let decision: M::Decision = serde_json::from_str(decision).ok()?;
        Some(decision.to_string())
    }
}

fn parsed<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    serde_json::from_str(text).map_err(|e| e.to_string())
}

/// Gives a policy the recorded random numbers; zeros when it draws more than there are.
#[derive(Debug)]
pub(super) struct Drawn<'d> {
    numbers: &'d [u64],
    pub(super) count: usize,
}

impl<'d> Drawn<'d> {
    pub(super) const fn new(numbers: &'d [u64]) -> Self {
        Self { numbers, count: 0 }
    }
}

impl Random for Drawn<'_> {
    fn bits(&mut self) -> u64 {
        let number = self.numbers.get(self.count).copied().unwrap_or(0);
        self.count += 1;
        number
    }
}
