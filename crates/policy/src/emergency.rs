//! Emergency states of a platform that lacks resources, and what each one changes.
//!
//! A state is entered when its signals are bad for long enough, left when they are good for long enough, and
//! kept for a minimum time, so that a platform near a bound does not switch back and forth. A person may hold
//! it in any state. The changes of a state are data: limits by name, which the code that enforces them reads.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::time::Duration;

use crate::Time;

/// A comparison of a named signal with a bound.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    /// Name of the signal (`error rate`).
    pub signal: String,
    /// How it compares.
    pub when: When,
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.when {
            When::Above(bound) => write!(f, "`{}` above {bound}", self.signal),
            When::Below(bound) => write!(f, "`{}` below {bound}", self.signal),
        }
    }
}

/// When a condition is true. A missing signal, or one that is not a number, satisfies none.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum When {
    /// The signal is above this.
    Above(f64),
    /// The signal is below this.
    Below(f64),
}

impl Condition {
    /// A signal above a bound.
    #[must_use]
    pub fn above(signal: &str, bound: f64) -> Self {
        Self {
            signal: signal.to_owned(),
            when: When::Above(bound),
        }
    }

    /// A signal below a bound.
    #[must_use]
    pub fn below(signal: &str, bound: f64) -> Self {
        Self {
            signal: signal.to_owned(),
            when: When::Below(bound),
        }
    }

    fn holds(&self, signals: &BTreeMap<String, f64>) -> bool {
        let value = signals.get(&self.signal).copied();
        match self.when {
            When::Above(bound) => value.is_some_and(|value| value > bound),
            When::Below(bound) => value.is_some_and(|value| value < bound),
        }
    }
}

/// A change by a state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Setting {
    /// A number (`websocket connections`, 50).
    Limit(u64),
    /// A time (`cache life`).
    Time(Duration),
    /// On or off (`background work`).
    Switch(bool),
}

/// A state that the platform can be in.
#[derive(Debug, Clone, PartialEq)]
pub struct StateConfig {
    /// Its name (`emergency`).
    pub name: String,
    /// It is entered when any of these is true …
    pub enter: Vec<Condition>,
    /// … for this long.
    pub enter_after: Duration,
    /// It is left when all of these are true and none of those to enter …
    pub leave: Vec<Condition>,
    /// … for this long.
    pub leave_after: Duration,
    /// It is kept for at least this long.
    pub stay: Duration,
    /// What it changes, by name.
    pub settings: BTreeMap<String, Setting>,
}

/// An error in the states.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EmergencyError {
    /// Two states have the same name.
    #[error("two states are called `{0}`")]
    Twice(String),
    /// A state can never be entered, or never left.
    #[error("the state `{0}` needs conditions to enter and to leave")]
    NoConditions(String),
    /// The same value would both enter and leave a state.
    #[error("the state `{state}` is entered and left by `{signal}` without a distance between the bounds")]
    NoHysteresis {
        /// The state.
        state: String,
        /// The signal.
        signal: String,
    },
}

/// Why the platform is in its state.
#[derive(Debug, Clone, PartialEq)]
pub enum Why {
    /// Nothing has happened.
    Normal,
    /// Conditions were true for long enough; this is the first of those that are true at the end.
    Entered {
        /// The condition.
        condition: Condition,
        /// How long any of them has been true.
        after: Duration,
    },
    /// Its conditions to leave were true for long enough.
    Left(String),
    /// A person holds it there.
    Held(String),
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Normal => f.write_str("no state is entered"),
            Self::Entered { condition, after } => write!(f, "{condition}; it has been bad for {after:?}"),
            Self::Left(state) => write!(f, "what brought `{state}` is over"),
            Self::Held(reason) => write!(f, "a person holds it: {reason}"),
        }
    }
}

/// The states and the current one. States are listed by severity: a later one overrides an earlier one.
#[derive(Debug)]
pub struct Emergency {
    states: Vec<StateConfig>,
    /// Since when each state's conditions to enter are true.
    entering: Vec<Option<Time>>,
    current: Option<usize>,
    since: Time,
    leaving: Option<Time>,
    held: Option<(Option<usize>, String)>,
    why: Why,
    latest: Time,
}

impl Emergency {
    /// In no state.
    ///
    /// # Errors
    ///
    /// [`EmergencyError`] names what is wrong.
    pub fn new(states: Vec<StateConfig>) -> Result<Self, EmergencyError> {
        for (number, state) in states.iter().enumerate() {
            if states[..number].iter().any(|other| other.name == state.name) {
                return Err(EmergencyError::Twice(state.name.clone()));
            }
            if state.enter.is_empty() || state.leave.is_empty() {
                return Err(EmergencyError::NoConditions(state.name.clone()));
            }
            for enter in &state.enter {
                let same = state.leave.iter().filter(|leave| leave.signal == enter.signal);
                for leave in same {
                    let apart = match (enter.when, leave.when) {
                        (When::Above(enter), When::Below(leave)) => leave < enter,
                        (When::Below(enter), When::Above(leave)) => leave > enter,
                        _ => false,
                    };
                    if !apart {
                        return Err(EmergencyError::NoHysteresis {
                            state: state.name.clone(),
                            signal: enter.signal.clone(),
                        });
                    }
                }
            }
        }
        Ok(Self {
            entering: vec![None; states.len()],
            states,
            current: None,
            since: Time::ZERO,
            leaving: None,
            held: None,
            why: Why::Normal,
            latest: Time::ZERO,
        })
    }

    /// The state of a service that lacks connections: entered at a utilisation above 0.8, a queue above 10 or
    /// an error rate above 0.1 for 30 s, left well below for 5 minutes, kept for 10. It allows 50 WebSocket
    /// connections and pools of 3, lets cache entries live for an hour, and stops background work.
    #[must_use]
    pub fn connections() -> StateConfig {
        let settings = [
            ("websocket connections", Setting::Limit(50)),
            ("database pool size", Setting::Limit(3)),
            ("cache life", Setting::Time(Duration::from_secs(3600))),
            ("background work", Setting::Switch(false)),
        ];
        StateConfig {
            name: "emergency".to_owned(),
            enter: vec![
                Condition::above("utilisation", 0.8),
                Condition::above("queue", 10.0),
                Condition::above("error rate", 0.1),
            ],
            enter_after: Duration::from_secs(30),
            leave: vec![
                Condition::below("utilisation", 0.6),
                Condition::below("queue", 1.0),
                Condition::below("error rate", 0.02),
            ],
            leave_after: Duration::from_secs(300),
            stay: Duration::from_secs(600),
            settings: settings
                .into_iter()
                .map(|(name, setting)| (name.to_owned(), setting))
                .collect(),
        }
    }

    /// The name of the current state; `None` is normal operation.
    #[must_use]
    pub fn state(&self) -> Option<&str> {
        self.current.map(|number| self.states[number].name.as_str())
    }

    /// Why it is in its state.
    #[must_use]
    pub const fn why(&self) -> &Why {
        &self.why
    }

    /// The current state's value for a setting; `None` means its value in normal operation.
    #[must_use]
    pub fn setting(&self, name: &str) -> Option<&Setting> {
        self.states[self.current?].settings.get(name)
    }

    /// A person holds the platform in a state (`None` is normal operation) until [`Emergency::release`].
    /// Returns whether a state of that name exists.
    pub fn hold(&mut self, now: Time, state: Option<&str>, reason: &str) -> bool {
        let number = state.map(|name| self.states.iter().position(|s| s.name == name));
        let Some(target) = number.map_or(Some(None), |found| found.map(Some)) else {
            return false;
        };
        self.held = Some((target, reason.to_owned()));
        self.latest = self.latest.max(now);
        self.go(self.latest, target, Why::Held(reason.to_owned()));
        true
    }

    /// Signals decide again, from the held state.
    pub fn release(&mut self) {
        self.held = None;
    }

    /// Processes the signals of a moment. Returns whether the state has changed.
    pub fn observe(&mut self, now: Time, signals: &BTreeMap<String, f64>) -> bool {
        self.latest = self.latest.max(now);
        let now = self.latest;
        for (state, since) in self.states.iter().zip(&mut self.entering) {
            let holds = state.enter.iter().any(|condition| condition.holds(signals));
            *since = if holds { since.or(Some(now)) } else { None };
        }
        if self.held.is_some() {
            return false;
        }
        let graver = self.current.map_or(0, |number| number + 1);
        if let Some(number) = self.due(now, graver..self.states.len()) {
            self.enter(now, number, signals);
            return true;
        }
        let Some(number) = self.current else { return false };
        let state = &self.states[number];
        // If the conditions to leave ignored the cause, the state would be left and entered in turns.
        let over =
            self.entering[number].is_none() && state.leave.iter().all(|condition| condition.holds(signals));
        self.leaving = if over { self.leaving.or(Some(now)) } else { None };
        let long_enough = self
            .leaving
            .is_some_and(|since| now.since(since) >= state.leave_after);
        if !long_enough || now.since(self.since) < state.stay {
            return false;
        }
        let left = Why::Left(state.name.clone());
        match self.due(now, 0..number) {
            Some(milder) => self.enter(now, milder, signals),
            None => self.go(now, None, left),
        }
        true
    }

    /// The most severe of these states whose conditions to enter have been true for long enough.
    fn due(&self, now: Time, mut states: Range<usize>) -> Option<usize> {
        states.rfind(|number| {
            self.entering[*number].is_some_and(|since| now.since(since) >= self.states[*number].enter_after)
        })
    }

    fn enter(&mut self, now: Time, number: usize, signals: &BTreeMap<String, f64>) {
        let condition = self.states[number].enter.iter().find(|c| c.holds(signals));
        let why = condition.map_or(Why::Normal, |condition| Why::Entered {
            condition: condition.clone(),
            after: self.entering[number].map_or(Duration::ZERO, |since| now.since(since)),
        });
        self.go(now, Some(number), why);
    }

    fn go(&mut self, now: Time, state: Option<usize>, why: Why) {
        self.current = state;
        self.since = now;
        self.leaving = None;
        self.why = why;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(seconds: u64) -> Time {
        Time::from_nanos(seconds * 1_000_000_000)
    }

    fn signals(utilisation: f64, errors: f64) -> BTreeMap<String, f64> {
        [
            ("utilisation", utilisation),
            ("queue", 0.0),
            ("error rate", errors),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
    }

    fn emergency() -> Emergency {
        Emergency::new(vec![Emergency::connections()]).unwrap()
    }

    #[test]
    fn a_short_spike_changes_nothing_and_a_long_one_does() {
        let mut emergency = emergency();
        assert!(!emergency.observe(at(0), &signals(0.9, 0.0)));
        assert!(!emergency.observe(at(20), &signals(0.5, 0.0)));
        assert!(!emergency.observe(at(25), &signals(0.9, 0.0)));
        assert!(!emergency.observe(at(54), &signals(0.9, 0.0)));
        assert!(emergency.observe(at(55), &signals(0.9, 0.0)));
        assert_eq!(emergency.state(), Some("emergency"));
        assert_eq!(
            emergency.setting("websocket connections"),
            Some(&Setting::Limit(50))
        );
        assert_eq!(
            emergency.setting("background work"),
            Some(&Setting::Switch(false))
        );
        assert_eq!(
            emergency.why().to_string(),
            "`utilisation` above 0.8; it has been bad for 30s"
        );
    }

    #[test]
    fn a_state_ends_after_its_minimum_time_and_only_with_good_signals() {
        let mut emergency = emergency();
        emergency.observe(at(0), &signals(0.0, 0.2));
        assert!(emergency.observe(at(30), &signals(0.0, 0.2)));
        // Good since 40 s, for 300 s at 340 s, but it stays until 630 s. A value between the bounds restarts
        // the time.
        assert!(!emergency.observe(at(40), &signals(0.5, 0.0)));
        assert!(!emergency.observe(at(340), &signals(0.5, 0.0)));
        assert!(!emergency.observe(at(500), &signals(0.7, 0.0)));
        assert!(!emergency.observe(at(510), &signals(0.5, 0.0)));
        assert!(!emergency.observe(at(640), &signals(0.5, 0.0)));
        assert!(emergency.observe(at(810), &signals(0.5, 0.0)));
        assert_eq!((emergency.state(), emergency.setting("cache life")), (None, None));
    }

    #[test]
    fn a_missing_signal_neither_starts_nor_ends_a_state() {
        let mut emergency = emergency();
        emergency.observe(at(0), &signals(0.9, 0.0));
        emergency.observe(at(30), &signals(0.9, 0.0));
        let nothing = BTreeMap::new();
        for minute in 1..60 {
            assert!(!emergency.observe(at(minute * 60), &nothing));
        }
        assert_eq!(emergency.state(), Some("emergency"));
    }

    #[test]
    fn a_person_overrides_the_signals() {
        let mut emergency = emergency();
        assert!(emergency.hold(at(0), Some("emergency"), "rehearsal"));
        assert!(!emergency.hold(at(0), Some("nonsense"), "x"));
        assert!(!emergency.observe(at(5000), &signals(0.0, 0.0)));
        assert_eq!(emergency.state(), Some("emergency"));
        emergency.release();
        assert!(!emergency.observe(at(5001), &signals(0.0, 0.0)));
        assert!(emergency.observe(at(5301), &signals(0.0, 0.0)));
    }

    #[test]
    fn a_more_severe_state_replaces_a_milder_one() {
        let mut graver = Emergency::connections();
        graver.name = "lockdown".into();
        graver.enter = vec![Condition::above("error rate", 0.5)];
        let mut emergency = Emergency::new(vec![Emergency::connections(), graver]).unwrap();
        emergency.observe(at(0), &signals(0.9, 0.0));
        emergency.observe(at(30), &signals(0.9, 0.6));
        assert_eq!(emergency.state(), Some("emergency"));
        assert!(emergency.observe(at(60), &signals(0.9, 0.6)));
        assert_eq!(emergency.state(), Some("lockdown"));
    }

    #[test]
    fn the_end_of_a_severe_state_is_not_the_end_of_a_milder_one() {
        let mut graver = Emergency::connections();
        graver.name = "lockdown".into();
        graver.enter = vec![Condition::above("error rate", 0.5)];
        graver.leave = vec![Condition::below("error rate", 0.3)];
        let mut emergency = Emergency::new(vec![Emergency::connections(), graver]).unwrap();
        emergency.observe(at(0), &signals(0.9, 0.6));
        assert!(emergency.observe(at(30), &signals(0.9, 0.6)));
        assert_eq!(emergency.state(), Some("lockdown"));
        // Errors are over; the utilisation is unchanged.
        assert!(!emergency.observe(at(100), &signals(0.9, 0.0)));
        assert!(emergency.observe(at(700), &signals(0.9, 0.0)));
        assert_eq!(emergency.state(), Some("emergency"));
    }

    #[test]
    fn the_signal_that_started_a_state_keeps_it_active() {
        let mut forgetful = Emergency::connections();
        forgetful.leave = vec![Condition::below("utilisation", 0.6)];
        let mut emergency = Emergency::new(vec![forgetful]).unwrap();
        emergency.observe(at(0), &signals(0.0, 0.2));
        assert!(emergency.observe(at(30), &signals(0.0, 0.2)));
        assert!(!emergency.observe(at(5000), &signals(0.0, 0.2)));
        assert!(!emergency.observe(at(5001), &signals(0.0, 0.0)));
        assert!(emergency.observe(at(5301), &signals(0.0, 0.0)));
    }

    #[test]
    fn states_that_would_flap_are_refused() {
        let mut flapping = Emergency::connections();
        flapping.leave = vec![Condition::below("utilisation", 0.8)];
        assert!(matches!(
            Emergency::new(vec![flapping]),
            Err(EmergencyError::NoHysteresis { .. })
        ));
        let twice = vec![Emergency::connections(), Emergency::connections()];
        assert_eq!(
            Emergency::new(twice).unwrap_err(),
            EmergencyError::Twice("emergency".into())
        );
        let mut endless = Emergency::connections();
        endless.leave.clear();
        assert!(matches!(
            Emergency::new(vec![endless]),
            Err(EmergencyError::NoConditions(_))
        ));
    }

    proptest! {
        /// Whatever the signals are, a state lasts its minimum time, and a change needs its conditions for
        /// long enough.
        #[test]
        fn it_never_flaps(
            spells in prop::collection::vec((1_u64..1000, 0.0_f64..1.0, 0.0_f64..0.15), 1..40),
        ) {
            // Periods of some minutes, sampled each ten seconds.
            let steps = spells.into_iter().flat_map(|(lasts, utilisation, errors)| {
                (0..=lasts / 10).map(move |_| (10, utilisation, if errors > 0.1 { errors } else { 0.0 }))
            });
            let mut emergency = emergency();
            let (mut now, mut changed) = (0, None);
            for (gap, utilisation, errors) in steps {
                now += gap;
                if !emergency.observe(at(now), &signals(utilisation, errors)) {
                    continue;
                }
                let entered = emergency.state().is_some();
                let bad = utilisation > 0.8 || errors > 0.1;
                prop_assert_eq!(entered, bad, "at {} s", now);
                if let Some(before) = changed.replace(now) {
                    let least = if entered { 30 } else { 600 };
                    prop_assert!(now - before >= least);
                }
            }
        }
    }
}
