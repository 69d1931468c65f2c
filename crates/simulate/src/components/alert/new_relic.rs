//! A New Relic NRQL condition: events go into windows, a window is evaluated when it is complete, and enough
//! violating windows in a row open an incident.

use std::collections::VecDeque;
use std::time::Duration;

use cofferdam_policy::Time;

use super::{Because, Events, Method, seconds, seconds_of};

/// A New Relic NRQL condition on the share of bad events.
#[derive(Debug, Clone, PartialEq)]
pub struct NewRelicConfig {
    /// Length of a window, in whole seconds.
    pub window: Duration,
    /// Time between the starts of windows; the window itself when they do not overlap.
    pub slide: Duration,
    /// When a window is complete.
    pub method: Method,
    /// How long windows must violate.
    pub threshold_duration: Duration,
    /// Whether all windows of that time must violate, or only one.
    pub all: bool,
    /// A window violates when more than this share of its events is bad.
    pub share: f64,
    /// Opens an incident after this time without an event.
    pub loss_of_signal: Option<Duration>,
}

/// A part of a window: its end, its events, and when the last of them arrived.
#[derive(Debug, Clone, Copy)]
struct Bucket {
    end: Time,
    events: Events,
    last: Option<Time>,
}

/// The running condition.
#[derive(Debug, Clone)]
pub(super) struct NewRelic {
    config: NewRelicConfig,
    /// Shift of the windows from time zero, in seconds, less than a slide.
    phase: u64,
    /// Parts that are not yet complete.
    open: VecDeque<Bucket>,
    /// Parts that the next window still covers.
    closed: VecDeque<Events>,
    violating: u32,
    last_event: Option<Time>,
    before: Events,
}

impl NewRelic {
    pub(super) fn new(config: NewRelicConfig, phase: f64, before: Events) -> Self {
        let slide = seconds(config.slide).max(1);
        let parts = (seconds(config.window) / slide).max(1) as usize;
        Self {
            phase: seconds(config.slide.mul_f64(phase)) % slide,
            open: VecDeque::new(),
            closed: vec![before.times(slide); parts - 1].into(),
            violating: 0,
            last_event: None,
            before,
            config,
        }
    }

    pub(super) fn second(&mut self, now: Time, events: Events) -> Option<Because> {
        self.put(now, events);
        while let Some(bucket) = self.open.front().copied()
            && complete(self.config.method, &bucket, now, events.any())
        {
            self.open.pop_front();
            if self.window(bucket.events) {
                return Some(Because::Condition);
            }
        }
        let silent = self
            .last_event
            .is_some_and(|last| self.config.loss_of_signal.is_some_and(|wait| last + wait <= now));
        silent.then_some(Because::LossOfSignal)
    }

    /// Counts events in the part of windows that contains this second.
    fn put(&mut self, now: Time, events: Events) {
        let slide = seconds(self.config.slide).max(1);
        let end = ((seconds_of(now) + slide - 1 - self.phase) / slide * slide + self.phase).max(1);
        let at = Time::from_nanos(end * 1_000_000_000);
        if self.open.back().is_none_or(|bucket| bucket.end < at) {
            // The part of the first window before time zero contains the earlier events.
            self.open.push_back(Bucket {
                end: at,
                events: self.before.times(slide.saturating_sub(end)),
                last: None,
            });
        }
        if events.any() {
            if let Some(bucket) = self.open.back_mut() {
                bucket.events.add(events);
                bucket.last = Some(now);
            }
            self.last_event = Some(now);
        }
    }

    /// A part is complete: evaluates the window that ends with it, and returns whether the incident opens.
    fn window(&mut self, events: Events) -> bool {
        let slide = seconds(self.config.slide).max(1);
        let parts = (seconds(self.config.window) / slide).max(1) as usize;
        self.closed.push_back(events);
        if self.closed.len() > parts {
            self.closed.pop_front();
        }
        let mut all = Events::default();
        for part in &self.closed {
            all.add(*part);
        }
        if !all.above(self.config.share) {
            self.violating = 0;
            return false;
        }
        self.violating += 1;
        let needed = if self.config.all {
            seconds(self.config.threshold_duration).div_ceil(slide)
        } else {
            1
        };
        u64::from(self.violating) >= needed.max(1)
    }
}

fn complete(method: Method, bucket: &Bucket, now: Time, heard: bool) -> bool {
    match method {
        Method::EventFlow(delay) => heard && bucket.end + delay <= now,
        Method::Cadence(delay) => bucket.end + delay <= now,
        Method::EventTimer(timer) => bucket.end <= now && bucket.last.is_none_or(|last| last + timer <= now),
    }
}
