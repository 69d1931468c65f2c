//! A Prometheus rule and Alertmanager: counters are read at scrapes, the expression is evaluated on the
//! scraped values, must be true for a while, and the alert is sent after the group's wait.

use std::time::Duration;

use cofferdam_model::alerts::BurnWindows;
use cofferdam_policy::Time;

use super::{Because, Events, seconds, seconds_of};

/// When the expression is true.
#[derive(Debug, Clone, PartialEq)]
pub enum Expression {
    /// More than a share of the events of a range is bad.
    Share {
        /// Range over which it looks back; zero for the increase at the latest scrape.
        range: Duration,
        /// Share of bad events, 0 to 1.
        share: f64,
    },
    /// Any pair of windows burns faster than its limit.
    Burn(Vec<BurnWindows>),
}

/// A Prometheus rule on the share of bad events, and Alertmanager.
#[derive(Debug, Clone, PartialEq)]
pub struct PrometheusConfig {
    /// Time between scrapes, in whole seconds.
    pub scrape: Duration,
    /// Time between evaluations, in whole seconds.
    pub evaluation: Duration,
    /// `for`.
    pub hold: Duration,
    /// Alertmanager's `group_wait`.
    pub group_wait: Duration,
    /// The check that it makes.
    pub expression: Expression,
    /// Whether the expression is true without data (`absent`, `up == 0`).
    pub absence: bool,
}

/// The running rule.
#[derive(Debug, Clone)]
pub(super) struct Prometheus {
    config: PrometheusConfig,
    before: Events,
    /// Events since time zero.
    total: Events,
    /// Seconds of the first scrape at or after time zero, and the counters at each scrape from then on.
    first: i64,
    scraped: Vec<Events>,
    /// Whether the latest scrape found no data.
    silent: bool,
    next_evaluation: Time,
    true_since: Option<Time>,
    sends_at: Option<Time>,
}

impl Prometheus {
    pub(super) fn new(config: PrometheusConfig, phases: (f64, f64), before: Events) -> Self {
        Self {
            first: seconds(config.scrape.mul_f64(phases.0)).cast_signed(),
            next_evaluation: Time::ZERO + Duration::from_secs(seconds(config.evaluation.mul_f64(phases.1))),
            config,
            before,
            total: Events::default(),
            scraped: Vec::new(),
            silent: false,
            true_since: None,
            sends_at: None,
        }
    }

    pub(super) fn second(&mut self, now: Time, events: Events) -> Option<Because> {
        // At time zero the counters show the earlier events.
        if self.first == 0 && self.scraped.is_empty() {
            self.scraped.push(self.total);
        }
        self.total.add(events);
        if seconds_of(now).cast_signed() >= self.at(self.scraped.len() as i64) {
            self.scraped.push(self.total);
            self.silent = !events.any();
        }
        if now >= self.next_evaluation {
            self.next_evaluation = now + self.config.evaluation.max(Duration::from_secs(1));
            self.evaluate(now);
        }
        self.sends_at
            .is_some_and(|at| at <= now)
            .then_some(Because::Condition)
    }

    fn evaluate(&mut self, now: Time) {
        let burns = match &self.config.expression {
            Expression::Share { range, share } => self.over(*range, now).above(*share),
            Expression::Burn(pairs) => pairs.iter().any(|pair| {
                self.over(pair.long, now).above(pair.share) && self.over(pair.short, now).above(pair.share)
            }),
        };
        let absent = self.config.absence && self.silent;
        if !(burns || absent) {
            self.true_since = None;
            self.sends_at = None;
            return;
        }
        let since = *self.true_since.get_or_insert(now);
        if since + self.config.hold <= now && self.sends_at.is_none() {
            self.sends_at = Some(now + self.config.group_wait);
        }
    }

    /// Second of a scrape; those before time zero have negative numbers.
    fn at(&self, scrape: i64) -> i64 {
        self.first + scrape * self.every()
    }

    fn every(&self) -> i64 {
        seconds(self.config.scrape).max(1).cast_signed()
    }

    /// The increase of the counters between the first and the last sample of a range that ends now. With
    /// fewer than two samples there is no increase, as with `rate`.
    fn over(&self, range: Duration, now: Time) -> Events {
        let last = self.scraped.len() as i64 - 1;
        let first = if range.is_zero() {
            last - 1
        } else {
            let begins = seconds_of(now).cast_signed() - seconds(range).cast_signed();
            // The first sample later than the range's beginning.
            (begins - self.first).div_euclid(self.every()) + 1
        };
        if first >= last {
            return Events::default();
        }
        let (good, bad) = self.counters(first);
        let (more_good, more_bad) = self.counters(last);
        Events {
            good: (more_good - good).max(0).cast_unsigned(),
            bad: (more_bad - bad).max(0).cast_unsigned(),
        }
    }

    /// Counters at a scrape, relative to those at time zero.
    fn counters(&self, scrape: i64) -> (i64, i64) {
        match usize::try_from(scrape).ok().and_then(|n| self.scraped.get(n)) {
            Some(events) => (events.good.cast_signed(), events.bad.cast_signed()),
            None => (
                self.at(scrape) * self.before.good.cast_signed(),
                self.at(scrape) * self.before.bad.cast_signed(),
            ),
        }
    }
}
