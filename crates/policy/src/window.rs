//! The outcomes of the latest calls: by number, or by seconds.
//!
//! Both are rings of fixed size, allocated once, whose totals are updated with each outcome. A ring must
//! really slide: a window that only grows needs as many failures to notice an outage as there were successes
//! before it.

use std::time::Duration;

use crate::Time;
use serde::{Deserialize, Serialize};

/// How a call to a target ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It succeeded in time.
    Success,
    /// It succeeded, and took longer than it should.
    Slow,
    /// It failed, however long that took.
    Failure,
}

/// How many calls ended in which way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Calls that succeeded in time.
    pub success: u64,
    /// Calls that succeeded slowly.
    pub slow: u64,
    /// Calls that failed.
    pub failure: u64,
}

impl Counts {
    /// All calls.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.success + self.slow + self.failure
    }

    /// Share of the calls that failed, in `[0, 1]`; 0 without calls.
    #[must_use]
    pub fn failure_share(&self) -> f64 {
        share(self.failure, self.total())
    }

    /// Share of the calls that succeeded slowly, in `[0, 1]`; 0 without calls.
    #[must_use]
    pub fn slow_share(&self) -> f64 {
        share(self.slow, self.total())
    }

    pub(crate) const fn add(&mut self, outcome: Outcome) {
        *self.of(outcome) += 1;
    }

    const fn of(&mut self, outcome: Outcome) -> &mut u64 {
        match outcome {
            Outcome::Success => &mut self.success,
            Outcome::Slow => &mut self.slow,
            Outcome::Failure => &mut self.failure,
        }
    }

    const fn subtract(&mut self, other: &Self) {
        self.success -= other.success;
        self.slow -= other.slow;
        self.failure -= other.failure;
    }
}

/// `part` of `whole`; 0 if `whole` is 0. A quotient of integers below 2^53 is the nearest double, and so is a
/// literal: 3 of 30 equals `0.1`.
pub(crate) fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        0.0
    } else {
        part as f64 / whole as f64
    }
}

/// Which calls a window contains.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WindowConfig {
    /// The last calls, this many, however old. One byte each.
    Calls(u32),
    /// The calls of the last `length`, to the nearest slice: it contains the current slice and the `slices −
    /// 1` before, so a call leaves when it is between `length − length / slices` and `length` old.
    Time {
        /// How far back the window reaches.
        #[serde(rename = "length_ns", with = "crate::nanos")]
        length: Duration,
        /// The number of equal parts. More parts forget more evenly and take 24 bytes each.
        slices: u32,
    },
}

impl WindowConfig {
    /// The largest number of calls or slices.
    pub const MOST: u32 = 1 << 20;

    /// Checks the configuration.
    ///
    /// # Errors
    ///
    /// [`WindowError`] names the error.
    pub fn check(&self) -> Result<(), WindowError> {
        match *self {
            Self::Calls(calls) if calls == 0 || calls > Self::MOST => Err(WindowError::Calls(calls)),
            Self::Time { slices, .. } if slices == 0 || slices > Self::MOST => {
                Err(WindowError::Slices(slices))
            }
            Self::Time { length, slices } if slice_width(length, slices) == 0 => {
                Err(WindowError::Length { length, slices })
            }
            _ => Ok(()),
        }
    }
}

impl Default for WindowConfig {
    /// The last 100 calls.
    fn default() -> Self {
        Self::Calls(100)
    }
}

/// An error in the configuration of a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WindowError {
    /// No calls, or too many.
    #[error("a window contains 1 to {most} calls, not {0}", most = WindowConfig::MOST)]
    Calls(u32),
    /// No slices, or too many.
    #[error("a window has 1 to {most} slices, not {0}", most = WindowConfig::MOST)]
    Slices(u32),
    /// Slices without length, or with more nanoseconds than fit 64 bits.
    #[error("a window of {length:?} cannot be cut into {slices} slices")]
    Length {
        /// The window's length.
        length: Duration,
        /// The number of slices.
        slices: u32,
    },
}

/// Nanoseconds of one slice; 0 if that is impossible.
fn slice_width(length: Duration, slices: u32) -> u64 {
    u64::try_from(length.as_nanos() / u128::from(slices.max(1))).unwrap_or(0)
}

/// The outcomes of the latest calls.
#[derive(Debug)]
pub struct Window {
    counts: Counts,
    ring: Ring,
}

#[derive(Debug)]
enum Ring {
    Calls(Calls),
    Time(Slices),
}

impl Window {
    /// An empty window. This is the only place that allocates.
    ///
    /// # Errors
    ///
    /// [`WindowError`] if `config` is invalid.
    pub fn new(config: WindowConfig) -> Result<Self, WindowError> {
        config.check()?;
        let ring = match config {
            WindowConfig::Calls(calls) => Ring::Calls(Calls::new(calls)),
            WindowConfig::Time { length, slices } => {
                Ring::Time(Slices::new(slice_width(length, slices), slices))
            }
        };
        Ok(Self {
            counts: Counts::default(),
            ring,
        })
    }

    /// Adds a call that ended now. A time before the latest counts as the latest.
    pub fn record(&mut self, now: Time, outcome: Outcome) {
        match &mut self.ring {
            Ring::Calls(calls) => {
                if let Some(oldest) = calls.push(outcome) {
                    *self.counts.of(oldest) -= 1;
                }
            }
            Ring::Time(slices) => {
                slices.advance(now, &mut self.counts);
                slices.running().add(outcome);
            }
        }
        self.counts.add(outcome);
    }

    /// What the window holds now.
    pub fn counts(&mut self, now: Time) -> Counts {
        if let Ring::Time(slices) = &mut self.ring {
            slices.advance(now, &mut self.counts);
        }
        self.counts
    }

    /// Forgets every call.
    pub fn clear(&mut self) {
        self.counts = Counts::default();
        match &mut self.ring {
            Ring::Calls(calls) => calls.clear(),
            Ring::Time(slices) => slices.clear(),
        }
    }
}

/// The last calls, one by one.
#[derive(Debug)]
struct Calls {
    ring: Box<[Outcome]>,
    /// The place of the next outcome: the oldest one's once the ring is full.
    next: usize,
    full: bool,
}

impl Calls {
    fn new(calls: u32) -> Self {
        Self {
            ring: vec![Outcome::Success; calls as usize].into(),
            next: 0,
            full: false,
        }
    }

    /// Adds an outcome and returns the one that leaves.
    fn push(&mut self, outcome: Outcome) -> Option<Outcome> {
        let left = std::mem::replace(&mut self.ring[self.next], outcome);
        let left = self.full.then_some(left);
        self.next += 1;
        if self.next == self.ring.len() {
            self.next = 0;
            self.full = true;
        }
        left
    }

    fn clear(&mut self) {
        self.next = 0;
        self.full = false;
    }
}

/// Calls by slice of time. Slices begin at multiples of their width since the origin.
#[derive(Debug)]
struct Slices {
    ring: Box<[Counts]>,
    /// Nanoseconds of one slice.
    width: u64,
    /// The running slice's place in the ring.
    at: usize,
    /// When the current slice ends, so that the usual call needs no division.
    end: u64,
}

impl Slices {
    fn new(width: u64, slices: u32) -> Self {
        Self {
            ring: vec![Counts::default(); slices as usize].into(),
            width,
            at: 0,
            end: width,
        }
    }

    fn running(&mut self) -> &mut Counts {
        &mut self.ring[self.at]
    }

    /// Moves to the slice of `now` and removes the calls that leave the window from `counts`.
    fn advance(&mut self, now: Time, counts: &mut Counts) {
        let now = now.as_nanos();
        // The last slice of representable time never ends.
        if now < self.end || self.end == u64::MAX {
            return;
        }
        let steps = (now - self.end) / self.width + 1;
        self.end = self.end.saturating_add(steps.saturating_mul(self.width));
        // After a whole round every call has left, however long ago that was.
        for _ in 0..steps.min(self.ring.len() as u64) {
            self.at = if self.at + 1 == self.ring.len() {
                0
            } else {
                self.at + 1
            };
            counts.subtract(&self.ring[self.at]);
            self.ring[self.at] = Counts::default();
        }
    }

    fn clear(&mut self) {
        self.ring.fill(Counts::default());
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn window(config: WindowConfig) -> Window {
        Window::new(config).unwrap()
    }

    fn seconds(seconds: f64) -> Time {
        Time::from_secs_f64(seconds)
    }

    #[test]
    fn a_count_window_still_slides_after_a_million_successes() {
        let mut window = window(WindowConfig::Calls(100));
        for _ in 0..1_000_000 {
            window.record(Time::ZERO, Outcome::Success);
        }
        for _ in 0..50 {
            window.record(Time::ZERO, Outcome::Failure);
        }
        let counts = window.counts(Time::ZERO);
        assert_eq!(
            counts,
            Counts {
                success: 50,
                slow: 0,
                failure: 50
            }
        );
        assert_eq!(counts.failure_share(), 0.5);
    }

    #[test]
    fn a_time_window_still_slides_after_a_million_successes() {
        let mut window = window(WindowConfig::Time {
            length: Duration::from_secs(10),
            slices: 10,
        });
        // A million at 1 ms each: 1,000 s. The last full slices hold 1,000 each.
        for millis in 0..1_000_000_u64 {
            window.record(Time::from_nanos(millis * 1_000_000), Outcome::Success);
        }
        assert_eq!(window.counts(seconds(999.999)).success, 10_000);
        for _ in 0..50 {
            window.record(seconds(1009.5), Outcome::Failure);
        }
        // The slices 1000 to 1009 are held, and only the last has calls.
        assert_eq!(
            window.counts(seconds(1009.5)),
            Counts {
                success: 0,
                slow: 0,
                failure: 50
            }
        );
    }

    #[test]
    fn a_call_leaves_a_time_window_with_its_slice() {
        let mut window = window(WindowConfig::Time {
            length: Duration::from_secs(4),
            slices: 4,
        });
        window.record(seconds(0.9), Outcome::Slow);
        window.record(seconds(1.0), Outcome::Failure);
        assert_eq!(window.counts(seconds(3.999)).total(), 2);
        assert_eq!(
            window.counts(seconds(4.0)),
            Counts {
                success: 0,
                slow: 0,
                failure: 1
            }
        );
        assert_eq!(window.counts(seconds(5.0)).total(), 0);
    }

    #[test]
    fn an_earlier_time_counts_as_the_latest() {
        let mut window = window(WindowConfig::Time {
            length: Duration::from_secs(2),
            slices: 2,
        });
        window.record(seconds(10.0), Outcome::Success);
        window.record(seconds(1.0), Outcome::Failure);
        assert_eq!(window.counts(seconds(0.0)).total(), 2);
        assert_eq!(window.counts(seconds(11.9)).total(), 2);
        assert_eq!(window.counts(seconds(12.0)).total(), 0);
    }

    #[test]
    fn the_maximum_time_is_accepted() {
        let mut window = window(WindowConfig::Time {
            length: Duration::from_secs(2),
            slices: 2,
        });
        window.record(Time::ZERO, Outcome::Success);
        window.record(Time::MAX, Outcome::Failure);
        assert_eq!(
            window.counts(Time::MAX),
            Counts {
                success: 0,
                slow: 0,
                failure: 1
            }
        );
    }

    #[test]
    fn impossible_windows_are_named() {
        assert_eq!(WindowConfig::Calls(0).check(), Err(WindowError::Calls(0)));
        let error = WindowConfig::Time {
            length: Duration::from_nanos(3),
            slices: 4,
        }
        .check()
        .unwrap_err();
        assert_eq!(error.to_string(), "a window of 3ns cannot be cut into 4 slices");
        let endless = WindowConfig::Time {
            length: Duration::MAX,
            slices: 1,
        };
        assert!(endless.check().is_err());
        let unsliced = WindowConfig::Time {
            length: Duration::from_secs(1),
            slices: 0,
        };
        assert_eq!(unsliced.check(), Err(WindowError::Slices(0)));
    }

    #[test]
    fn shares_equal_their_decimal_literals() {
        for n in 1..=1000_u64 {
            assert_eq!(share(n, 10 * n), 0.1);
            assert_eq!(share(3 * n, 10 * n), 0.3);
        }
    }

    fn outcome() -> impl Strategy<Value = Outcome> {
        prop_oneof![
            Just(Outcome::Success),
            Just(Outcome::Slow),
            Just(Outcome::Failure)
        ]
    }

    /// Counts one record after the other.
    fn tally<'a>(records: impl IntoIterator<Item = &'a (u64, Outcome)>) -> Counts {
        let mut counts = Counts::default();
        for (_, outcome) in records {
            match outcome {
                Outcome::Success => counts.success += 1,
                Outcome::Slow => counts.slow += 1,
                Outcome::Failure => counts.failure += 1,
            }
        }
        counts
    }

    proptest! {
        #[test]
        fn a_count_window_equals_a_model_that_keeps_every_record(
            calls in 1_u32..40,
            outcomes in prop::collection::vec(outcome(), 0..200),
            clear_at in 0_usize..400,
        ) {
            let mut window = window(WindowConfig::Calls(calls));
            let mut records = Vec::new();
            for (at, outcome) in outcomes.into_iter().enumerate() {
                if at == clear_at {
                    window.clear();
                    records.clear();
                }
                window.record(Time::ZERO, outcome);
                records.push((0, outcome));
                let first = records.len().saturating_sub(calls as usize);
                prop_assert_eq!(window.counts(Time::ZERO), tally(&records[first..]));
            }
        }

        #[test]
        fn a_time_window_equals_a_model_that_keeps_every_record(
            width in 1_u64..50,
            slices in 1_u32..12,
            steps in prop::collection::vec((0_u64..200, any::<bool>(), outcome()), 0..200),
        ) {
            let length = Duration::from_nanos(width * u64::from(slices));
            let mut window = window(WindowConfig::Time { length, slices });
            let mut records = Vec::new();
            let mut latest = 0_u64;
            for (gap, back, outcome) in steps {
                // Sometimes the clock runs backwards.
                let now = if back { latest.saturating_sub(gap) } else { latest + gap / 4 };
                latest = latest.max(now);
                window.record(Time::from_nanos(now), outcome);
                records.push((latest, outcome));
                let counts = window.counts(Time::from_nanos(now));
                let held = records.iter().filter(|(time, _)| latest / width - time / width < u64::from(slices));
                prop_assert_eq!(counts, tally(held));
                // The documented property, independent of slices.
                let length = width * u64::from(slices);
                let young = records.iter().filter(|(time, _)| latest - time <= length - width).count() as u64;
                let old = records.iter().filter(|(time, _)| latest - time < length).count() as u64;
                prop_assert!(young <= counts.total() && counts.total() <= old);
            }
        }
    }
}
