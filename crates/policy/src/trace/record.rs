//! Records steps as lines.

use std::fmt::Write;

use serde::Serialize;

use super::lines::{Case, End, Header};
use super::{Machine, form};
use crate::{Random, Time};

/// The largest number of steps in a line.
pub const STEPS: usize = 512;
/// The largest number of forms in a line: each step looks through them.
const FORMS: usize = 24;

/// One policy of a recorder. [`Entity::NONE`] is none: its steps are not recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Entity(u32);

impl Entity {
    /// Nothing is recorded for it.
    pub const NONE: Self = Self(0);
}

/// Records the decisions of policies, or nothing.
#[derive(Debug, Default)]
pub struct Recorder(Option<Box<Pages>>);

/// What has been recorded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recording {
    entities: Vec<Named>,
    events: Vec<Event>,
    /// Complete lines.
    steps: String,
    decisions: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Named {
    name: String,
    policy: &'static str,
    /// As JSON.
    settings: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Event {
    at: Time,
    name: String,
    /// As JSON.
    what: String,
}

#[derive(Debug, Default)]
struct Pages {
    recording: Recording,
    /// The line that each entity is writing.
    open: Vec<Open>,
    /// Used again for each step.
    text: Vec<u8>,
    form: String,
    numbers: String,
}

/// A line of steps that is not finished.
#[derive(Debug, Default)]
struct Open {
    at: Time,
    latest: Time,
    forms: Vec<String>,
    steps: String,
    count: usize,
}

#[derive(Serialize)]
struct Step<'s, I, D> {
    #[serde(rename = "do")]
    input: &'s I,
    got: &'s D,
}

impl Recorder {
    /// A recorder that records nothing.
    #[must_use]
    pub const fn off() -> Self {
        Self(None)
    }

    /// A recorder that records.
    #[must_use]
    pub fn on() -> Self {
        Self(Some(Box::default()))
    }

    /// A recorder that records if it is wanted.
    #[must_use]
    pub fn new(wanted: bool) -> Self {
        if wanted { Self::on() } else { Self::off() }
    }

    /// Whether it records.
    #[must_use]
    pub const fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// A policy whose steps will be recorded, before its first one: its name and settings.
    pub fn entity<M: Machine>(&mut self, about: impl FnOnce() -> (String, M::Settings)) -> Entity {
        let Some(pages) = &mut self.0 else {
            return Entity::NONE;
        };
        let (name, settings) = about();
        let settings = json(&settings);
        pages.open.push(Open::default());
        pages.recording.entities.push(Named {
            name,
            policy: M::KIND,
            settings,
        });
        Entity(u32::try_from(pages.open.len()).unwrap_or(Entity::NONE.0))
    }

    /// The time of the next step of an entity that is taken now: that of its latest one, if this is earlier.
    #[must_use]
    pub fn time(&self, of: Entity, now: Time) -> Time {
        let open = self.0.as_ref().and_then(|pages| pages.open.get(of.place()?));
        open.map_or(now, |open| open.latest.max(now))
    }

    /// Records a step of a policy.
    pub fn step<M: Machine>(
        &mut self,
        of: Entity,
        now: Time,
        step: impl FnOnce() -> (M::Input, M::Decision),
    ) {
        let (Some(pages), Some(place)) = (&mut self.0, of.place()) else {
            return;
        };
        let (input, got) = step();
        pages.step(
            place,
            now,
            &Step {
                input: &input,
                got: &got,
            },
        );
    }

    /// Records something that is not the decision of a policy and cannot be replayed.
    pub fn event<T: Serialize>(&mut self, at: Time, about: impl FnOnce() -> (String, T)) {
        if let Some(pages) = &mut self.0 {
            let (name, what) = about();
            let what = json(&what);
            pages.recording.events.push(Event { at, name, what });
        }
    }

    /// Everything recorded so far; the recorder is off afterwards.
    #[must_use]
    pub fn finish(&mut self) -> Recording {
        let Some(mut pages) = self.0.take() else {
            return Recording::default();
        };
        for place in 0..pages.open.len() {
            pages.close(place);
        }
        pages.recording
    }
}

impl Entity {
    const fn place(self) -> Option<usize> {
        (self.0 as usize).checked_sub(1)
    }
}

impl Pages {
    fn step<I: Serialize, D: Serialize>(&mut self, place: usize, now: Time, step: &Step<'_, I, D>) {
        let Some(open) = self.open.get_mut(place) else {
            return;
        };
        self.text.clear();
        self.form.clear();
        self.numbers.clear();
        let text = text_of(step, &mut self.text);
        form::split(text, &mut self.form, &mut self.numbers);
        let mut known = open.forms.iter().position(|form| *form == self.form);
        if open.count == STEPS || (known.is_none() && open.forms.len() == FORMS) {
            known = None;
            self.close(place);
        }
        let open = &mut self.open[place];
        let now = open.latest.max(now);
        if open.count == 0 {
            open.at = now;
            open.latest = now;
        }
        let known = known.unwrap_or_else(|| {
            open.forms.push(self.form.clone());
            open.forms.len() - 1
        });
        let comma = if open.count == 0 { "" } else { "," };
        let later = now.since(open.latest).as_nanos();
        // Writing to a string cannot fail.
        let _ = write!(open.steps, "{comma}[{known},{later}{}]", self.numbers);
        open.latest = now;
        open.count += 1;
        self.recording.decisions += 1;
    }

    /// Ends the line that an entity is writing, if there is one.
    fn close(&mut self, place: usize) {
        let open = &mut self.open[place];
        if open.count == 0 {
            return;
        }
        let forms = std::mem::take(&mut open.forms).join(",");
        let _ = writeln!(
            self.recording.steps,
            "{{\"steps\":{{\"of\":{},\"at\":{},\"forms\":[{forms}],\"steps\":[{}]}}}}",
            place + 1,
            open.at.as_nanos(),
            open.steps
        );
        open.steps.clear();
        open.count = 0;
    }
}

impl Recording {
    /// How many decisions were recorded.
    #[must_use]
    pub const fn decisions(&self) -> u64 {
        self.decisions
    }

    /// Whether nothing was recorded.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.entities.is_empty() && self.events.is_empty()
    }

    /// The lines of a case: first what comes from files and is shown as `shown` allows, then the steps, which contain
    /// nothing but the numbers and decisions of policies.
    pub fn lines(&self, case: &Case, shown: &dyn Fn(&str) -> String) -> impl Iterator<Item = String> + '_ {
        let case = Case {
            scenario: shown(&case.scenario),
            subject: shown(&case.subject),
            side: case.side.clone(),
        };
        let mut head = format!("{{\"case\":{}}}\n", json(&case));
        for (
            place,
            Named {
                name,
                policy,
                settings,
            },
        ) in self.entities.iter().enumerate()
        {
            let _ = writeln!(
                head,
                "{{\"entity\":{{\"number\":{},\"name\":{},\"policy\":{},\"settings\":{settings}}}}}",
                place + 1,
                json(&shown(name)),
                json(policy)
            );
        }
        for Event { at, name, what } in &self.events {
            let (at, name) = (at.as_nanos(), json(&shown(name)));
            let _ = writeln!(
                head,
                "{{\"event\":{{\"at\":{at},\"name\":{name},\"what\":{what}}}}}"
            );
        }
        std::iter::once(head).chain(self.steps.split_inclusive('\n').map(str::to_owned))
    }
}

impl Header {
    /// The first line of a trace.
    #[must_use]
    pub fn line(&self) -> String {
        format!("{{\"trace\":{}}}\n", json(self))
    }
}

/// The last line of a trace with this many decisions.
#[must_use]
pub fn last_line(decisions: u64) -> String {
    format!("{{\"end\":{}}}\n", json(&End { decisions }))
}

fn json(value: &(impl Serialize + ?Sized)) -> String {
    text_of(value, &mut Vec::new()).to_owned()
}

/// Compact JSON. It cannot fail, because settings, inputs and decisions contain no maps; if it did, the value would be
/// `null`, at which a replay stops.
fn text_of<'b>(value: &(impl Serialize + ?Sized), buffer: &'b mut Vec<u8>) -> &'b str {
    buffer.clear();
    match serde_json::to_writer(&mut *buffer, value) {
        Ok(()) => std::str::from_utf8(buffer).unwrap_or("null"),
        Err(_) => "null",
    }
}

/// A source of random numbers that keeps what it gave.
#[derive(Debug)]
pub(super) struct Draws<'r, R: Random> {
    source: &'r mut R,
    pub(super) drawn: Vec<u64>,
    keep: bool,
}

impl<'r, R: Random> Draws<'r, R> {
    pub(super) const fn new(source: &'r mut R, keep: bool) -> Self {
        Self {
            source,
            drawn: Vec::new(),
            keep,
        }
    }
}

impl<R: Random> Random for Draws<'_, R> {
    fn bits(&mut self) -> u64 {
        let bits = self.source.bits();
        if self.keep {
            self.drawn.push(bits);
        }
        bits
    }
}
