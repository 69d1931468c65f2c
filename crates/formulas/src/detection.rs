//! How long an outage lasts before a product alerts somebody, by each product's own timing.
//!
//! - **New Relic**: the first window that lies completely in the outage begins up to one window after the fault. All
//!   windows of the threshold duration must violate, and a window is evaluated after the delay: window + threshold
//!   duration + delay. With `at_least_once` one window is enough: slide (or window) for the alignment + window + delay.
//!   Source: New Relic documentation, *Streaming alerts: key terms and concepts*.
//! - **Prometheus**: the next scrape after the fault sees it, the next evaluation judges it, `for` (counted in whole
//!   evaluations) must pass, and the alert is sent after the group's wait. An expression over a range needs the share of
//!   the range that its threshold allows to be filled: share × range if all requests fail, the whole range for a failure
//!   that only just exceeds the threshold, or if the share is not known. The same is true of the long window of a
//!   burn-rate alert; of several pairs of windows the quickest pages. Source: Prometheus documentation, *Alerting rules*
//!   and *Configuration*; Alertmanager documentation, `group_wait`; The Site Reliability Workbook, chapter 5.
//! - **Others**: window + interval + hold, as far as they are set.

use crate::defaults::{
    ALERTMANAGER_GROUP_WAIT, Default, NEW_RELIC_DELAY, NEW_RELIC_TIMER, NEW_RELIC_WINDOW,
    PROMETHEUS_EVALUATION, PROMETHEUS_SCRAPE,
};
use crate::evidence::Evidence;
use cofferdam_model::Fact;
use cofferdam_model::alerts::{
    Aggregation, Alert, BurnWindows, NewRelicTiming, PrometheusTiming, Timing as Declared,
};
use cofferdam_model::units::{show_duration, show_number};
use std::time::Duration;

/// The timing of an alert.
#[derive(Debug, Clone, PartialEq)]
pub enum Timing {
    /// A New Relic NRQL condition.
    NewRelic(NewRelic),
    /// A Prometheus rule with Alertmanager.
    Prometheus(Prometheus),
    /// Another product.
    Other(Other),
}

/// How New Relic decides that a window is complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// When an event arrives that is later than the window's end by this delay. Without events no window closes.
    EventFlow(Duration),
    /// When no event of the window has arrived for this long.
    EventTimer(Duration),
    /// By the clock, this long after its end.
    Cadence(Duration),
}

/// The timing of a New Relic condition.
#[derive(Debug, Clone, PartialEq)]
pub struct NewRelic {
    /// Length of a window.
    pub window: Duration,
    /// Time between the starts of windows; the window itself when they do not overlap.
    pub slide: Duration,
    /// When a window is complete.
    pub method: Method,
    /// How long windows must violate.
    pub duration: Duration,
    /// Whether all windows of that time must violate, or only one.
    pub all: bool,
    /// Opens an incident after this time without an event.
    pub loss_of_signal: Option<Duration>,
}

/// The timing of a Prometheus rule.
#[derive(Debug, Clone, PartialEq)]
pub struct Prometheus {
    /// Time between scrapes.
    pub scrape: Duration,
    /// Time between evaluations.
    pub evaluation: Duration,
    /// `for`.
    pub hold: Duration,
    /// Alertmanager's `group_wait`.
    pub group_wait: Duration,
    /// The longest range of the expression, if it has one and compares no burn rates.
    pub range: Option<Duration>,
    /// The share of bad events above which the expression is true, if it is a ratio with a known threshold.
    pub share: Option<f64>,
    /// The pairs of windows of a burn-rate alert.
    pub burn: Vec<BurnWindows>,
    /// Whether the expression is true without data (`absent`, `up == 0`).
    pub absence: bool,
}

/// The timing of an alert of another product.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Other {
    /// The product, if it is known.
    pub product: Option<&'static str>,
    /// What adds up, by name.
    pub parts: Vec<(&'static str, Duration)>,
}

/// A detection time and the sum that it consists of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Detection {
    /// Upper bound from the beginning of a full outage to the page.
    pub worst: Duration,
    /// The part of it that a full outage may need less of: a range whose threshold is not known.
    pub unsure: Duration,
    /// Upper bound for any failure above the threshold.
    pub slight: Duration,
    /// The sum of `worst` in words: `window 60 s + delay 120 s + threshold duration 300 s`.
    pub words: String,
    /// The product.
    pub product: &'static str,
}

/// The timing of `alert`, from its facts; `None` if too little is known.
#[must_use]
pub fn timing(alert: &Alert, evidence: &mut Evidence) -> Option<Timing> {
    let mut taking = Taking {
        alert: &alert.name.value,
        evidence,
    };
    match &alert.timing {
        Declared::NewRelic(timing) => taking.new_relic(timing).map(Timing::NewRelic),
        Declared::Prometheus(timing) => Some(Timing::Prometheus(taking.prometheus(timing, share(alert)))),
        Declared::Generic {
            product,
            window,
            interval,
            hold,
        } => {
            let parts = [("window", window), ("interval", interval), ("hold", hold)];
            let parts: Vec<(&'static str, Duration)> = (parts.into_iter())
                .filter_map(|(name, fact)| {
                    let fact = fact.as_ref()?;
                    let label = format!("{name} {}", show_duration(fact.value));
                    Some((name, taking.known(name, fact, label)))
                })
                .collect();
            let is_known = !parts.is_empty();
            let other = Other {
                product: *product,
                parts,
            };
            is_known.then_some(Timing::Other(other))
        }
    }
}

/// The share of bad events above which an expression is true, where it divides one number by another and its threshold is a
/// part of the whole. Where it is true below the threshold, the numbers are of good events (`good / all < 0.95`).
fn share(alert: &Alert) -> Option<f64> {
    let query = alert.query.as_ref()?.value.as_str();
    let threshold = alert.threshold.as_ref()?.value;
    let is_share = query.contains('/') && threshold > 0.0 && threshold < 1.0;
    let is_below = query.rfind('<') > query.rfind('>');
    is_share.then_some(if is_below { 1.0 - threshold } else { threshold })
}

/// Takes the facts of one alert.
struct Taking<'a> {
    alert: &'a str,
    evidence: &'a mut Evidence,
}

impl Taking<'_> {
    fn known(&mut self, what: &str, fact: &Fact<Duration>, label: impl Into<String>) -> Duration {
        self.evidence
            .input_as(format!("{}: {what}", self.alert), fact, label)
    }

    fn or(
        &mut self,
        what: &str,
        fact: Option<&Fact<Duration>>,
        label: &str,
        default: Default<Duration>,
    ) -> Duration {
        match fact {
            Some(fact) => self.known(what, fact, label),
            None => {
                let name = format!("{}: {what}", self.alert);
                self.evidence
                    .default_input(name, default.value, default.assumption)
            }
        }
    }

    fn new_relic(&mut self, timing: &NewRelicTiming) -> Option<NewRelic> {
        let duration = timing.threshold_duration.as_ref()?;
        let window = self.or(
            "window",
            timing.window.as_ref(),
            "aggregation window",
            NEW_RELIC_WINDOW,
        );
        let aggregation = timing.aggregation();
        let method = if aggregation == Aggregation::EventTimer {
            let timer = timing.timer.as_ref();
            Method::EventTimer(self.or("timer", timer, "aggregation timer", NEW_RELIC_TIMER))
        } else if let (None, Some(offset)) = (&timing.delay, &timing.evaluation_offset) {
            // The older method: a window is evaluated by the clock, a number of windows later.
            let name = format!("{}: evaluation offset in windows", self.alert);
            let offset = self
                .evidence
                .input_as(name, offset, "evaluation offset in windows");
            Method::Cadence(window * offset)
        } else {
            let delay = self.or(
                "delay",
                timing.delay.as_ref(),
                "aggregation delay",
                NEW_RELIC_DELAY,
            );
            match aggregation {
                Aggregation::Cadence => Method::Cadence(delay),
                _ => Method::EventFlow(delay),
            }
        };
        let duration = self.known("threshold duration", duration, "threshold duration");
        if timing.once()
            && let Some(occurrences) = &timing.occurrences
        {
            self.evidence.note(occurrences, "one window is enough");
        }
        let slide = timing.slide_by.as_ref();
        let opens = timing
            .opens_on_expiration
            .as_ref()
            .is_some_and(|opens| opens.value);
        Some(NewRelic {
            window,
            slide: slide.map_or(window, |slide| self.known("slide", slide, "windows slide by")),
            method,
            duration,
            all: !timing.once(),
            loss_of_signal: (timing.expiration.as_ref().filter(|_| opens))
                .map(|after| self.known("loss of signal after", after, "loss of signal")),
        })
    }

    fn prometheus(&mut self, timing: &PrometheusTiming, share: Option<f64>) -> Prometheus {
        let burn: Vec<BurnWindows> = (timing.burn.iter())
            .map(|pair| {
                let name = format!("{}: burn rate", self.alert);
                self.evidence.input(name, pair)
            })
            .collect();
        if let Some(quickest) = timing.burn.iter().min_by_key(|pair| fills(&pair.value)) {
            self.evidence.note(quickest, "the quickest pair of windows");
        }
        let range = (timing.range.as_ref().filter(|_| burn.is_empty())).map(|range| {
            let label = format!("over {}", show_duration(range.value));
            self.known("range", range, label)
        });
        let shortest = range.or_else(|| burn.iter().map(|pair| pair.short).min());
        Prometheus {
            scrape: self.scrape(timing, shortest),
            evaluation: self.or(
                "evaluation",
                timing.evaluation.as_ref(),
                "evaluation interval",
                PROMETHEUS_EVALUATION,
            ),
            hold: timing.hold.as_ref().map_or(Duration::ZERO, |hold| {
                self.known("for", hold, format!("for {}", show_duration(hold.value)))
            }),
            group_wait: self.or(
                "group wait",
                timing.group_wait.as_ref(),
                "group wait",
                ALERTMANAGER_GROUP_WAIT,
            ),
            range,
            share,
            burn,
            absence: timing.notices_absence,
        }
    }

    /// A range with fewer than two samples has no rate; the author of the rule cannot have intended that.
    fn scrape(&mut self, timing: &PrometheusTiming, shortest: Option<Duration>) -> Duration {
        let default = PROMETHEUS_SCRAPE;
        match (&timing.scrape, shortest.filter(|range| *range < default.value * 2)) {
            (None, Some(range)) => self.evidence.default_input(
                format!("{}: scrape", self.alert),
                (range / 4).max(Duration::from_secs(1)),
                "its metrics are scraped four times within its range: no scrape interval is declared, and with the \
                 default of 1 min the range would hold too few samples for a rate",
            ),
            (scrape, _) => self.or("scrape", scrape.as_ref(), "scrape interval", default),
        }
    }
}

/// How long all requests must fail to fill the share of a long window.
fn fills(windows: &BurnWindows) -> Duration {
    windows.long.mul_f64(windows.share.clamp(0.0, 1.0))
}

impl Timing {
    /// The upper bounds of the time to the page.
    #[must_use]
    pub fn detection(&self) -> Detection {
        match self {
            Timing::NewRelic(timing) => timing.detection(),
            Timing::Prometheus(timing) => timing.detection(),
            Timing::Other(timing) => timing.detection(),
        }
    }
}

impl NewRelic {
    fn detection(&self) -> Detection {
        let (wait, delay) = match self.method {
            Method::EventTimer(timer) => ("timer", timer),
            Method::EventFlow(delay) | Method::Cadence(delay) => ("delay", delay),
        };
        let (held, words) = match self.all {
            true => (
                self.duration,
                format!("threshold duration {}", show_duration(self.duration)),
            ),
            false => (self.slide, format!("alignment {}", show_duration(self.slide))),
        };
        let worst = self.window + delay + held;
        Detection {
            worst,
            unsure: Duration::ZERO,
            slight: worst,
            words: format!(
                "window {} + {wait} {} + {words}",
                show_duration(self.window),
                show_duration(delay)
            ),
            product: "New Relic",
        }
    }
}

impl Prometheus {
    /// `for` in whole evaluations.
    fn held(&self) -> Duration {
        if self.hold.is_zero() || self.evaluation.is_zero() {
            return Duration::ZERO;
        }
        let evaluations = (self.hold.as_secs_f64() / self.evaluation.as_secs_f64()).ceil();
        self.evaluation.mul_f64(evaluations)
    }

    fn detection(&self) -> Detection {
        let rest = self.scrape + self.evaluation + self.held() + self.group_wait;
        let (filled, unsure, whole, words) = self.filled();
        Detection {
            worst: filled + rest,
            unsure,
            slight: whole + rest,
            words: format!(
                "{words}scrape {} + evaluation {} + for {} + group wait {}",
                show_duration(self.scrape),
                show_duration(self.evaluation),
                show_duration(self.held()),
                show_duration(self.group_wait)
            ),
            product: "Prometheus",
        }
    }

    /// How long a full outage needs to fill what the threshold allows, the part of it that is not sure, how long the slightest
    /// failure above the threshold needs, and the first in words.
    fn filled(&self) -> (Duration, Duration, Duration, String) {
        if let Some(pair) = self.burn.iter().min_by_key(|pair| fills(pair)) {
            let (window, part) = (show_duration(pair.long), show_number(pair.share * 100.0));
            let words = format!("{part} % of {window}: {} + ", show_duration(fills(pair)));
            return (fills(pair), Duration::ZERO, pair.long, words);
        }
        match (self.range, self.share) {
            (None, _) => (Duration::ZERO, Duration::ZERO, Duration::ZERO, String::new()),
            (Some(range), Some(share)) => {
                let filled = range.mul_f64(share);
                let (shown, part) = (show_duration(range), show_number(share * 100.0));
                let words = format!("{part} % of {shown}: {} + ", show_duration(filled));
                (filled, Duration::ZERO, range, words)
            }
            (Some(range), None) => (range, range, range, format!("range {} + ", show_duration(range))),
        }
    }
}

impl Other {
    fn detection(&self) -> Detection {
        let worst = self.parts.iter().map(|(_, part)| *part).sum();
        let words = self
            .parts
            .iter()
            .map(|(name, part)| format!("{name} {}", show_duration(*part)));
        Detection {
            worst,
            unsure: Duration::ZERO,
            slight: worst,
            words: words.collect::<Vec<_>>().join(" + "),
            product: self.product.unwrap_or("As declared"),
        }
    }
}

/// The detection time of `alert`; `None` if too little is known of its timing.
#[must_use]
pub fn of(alert: &Alert, evidence: &mut Evidence) -> Option<Detection> {
    timing(alert, evidence).map(|timing| timing.detection())
}

#[cfg(test)]
mod tests {
    use super::*;
    use cofferdam_model::{FileId, Span};

    const fn secs(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn fact<T>(value: T) -> Fact<T> {
        Fact::declared(value, Span::new(FileId(0), 1, 2))
    }

    fn of_new_relic(timing: &NewRelicTiming) -> u64 {
        let mut evidence = Evidence::new();
        let mut taking = Taking {
            alert: "a",
            evidence: &mut evidence,
        };
        taking.new_relic(timing).unwrap().detection().worst.as_secs()
    }

    fn condition(window: u64, delay: u64, duration: u64) -> NewRelicTiming {
        NewRelicTiming {
            window: Some(fact(secs(window))),
            delay: Some(fact(secs(delay))),
            threshold_duration: Some(fact(secs(duration))),
            ..NewRelicTiming::default()
        }
    }

    #[test]
    fn new_relic_adds_window_delay_and_threshold_duration() {
        // 60 + 120 + 300 = 480; 60 + 0 + 300 = 360; 60 + 0 + 60 = 120.
        assert_eq!(of_new_relic(&condition(60, 120, 300)), 480);
        assert_eq!(of_new_relic(&condition(60, 0, 300)), 360);
        assert_eq!(of_new_relic(&condition(60, 0, 60)), 120);
        // Defaults: 60 + 120 + 300.
        let only = NewRelicTiming {
            threshold_duration: Some(fact(secs(300))),
            ..NewRelicTiming::default()
        };
        assert_eq!(of_new_relic(&only), 480);
    }

    #[test]
    fn an_alert_on_one_occurrence_needs_one_whole_window() {
        let mut timing = condition(60, 0, 300);
        timing.occurrences = Some(fact("at_least_once".to_owned()));
        assert_eq!(of_new_relic(&timing), 120);
        timing.slide_by = Some(fact(secs(15)));
        assert_eq!(of_new_relic(&timing), 75);
    }

    fn of_prometheus(timing: &PrometheusTiming, share: Option<f64>) -> Detection {
        let mut evidence = Evidence::new();
        let mut taking = Taking {
            alert: "a",
            evidence: &mut evidence,
        };
        taking.prometheus(timing, share).detection()
    }

    #[test]
    fn prometheus_adds_scrape_evaluation_for_and_group_wait() {
        let timing = PrometheusTiming {
            scrape: Some(fact(secs(30))),
            evaluation: Some(fact(secs(30))),
            hold: Some(fact(secs(300))),
            group_wait: Some(fact(secs(10))),
            ..PrometheusTiming::default()
        };
        assert_eq!(of_prometheus(&timing, None).worst, secs(370));
        // for 45 s with an evaluation each 30 s takes two evaluations.
        let rounded = PrometheusTiming {
            hold: Some(fact(secs(45))),
            ..timing
        };
        assert_eq!(of_prometheus(&rounded, None).worst, secs(130));
        assert_eq!(of_prometheus(&PrometheusTiming::default(), None).worst, secs(150));
    }

    #[test]
    fn a_range_must_be_filled_and_a_known_threshold_says_how_much_of_it() {
        let timing = PrometheusTiming {
            scrape: Some(fact(secs(30))),
            evaluation: Some(fact(secs(30))),
            group_wait: Some(fact(secs(10))),
            range: Some(fact(secs(300))),
            ..PrometheusTiming::default()
        };
        // 300 + 30 + 30 + 10, and 5 % of 300 + 70.
        let unknown = of_prometheus(&timing, None);
        assert_eq!(
            (unknown.worst, unknown.unsure, unknown.slight),
            (secs(370), secs(300), secs(370))
        );
        let known = of_prometheus(&timing, Some(0.05));
        assert_eq!(
            (known.worst, known.unsure, known.slight),
            (secs(85), secs(0), secs(370))
        );
    }

    #[test]
    fn a_ratio_of_good_events_allows_the_rest_as_bad_ones() {
        let of = |query: &str, threshold: f64| {
            let alert = Alert {
                name: fact("a".to_owned()),
                span: Span::new(FileId(0), 1, 2),
                owner: cofferdam_model::Owner::default(),
                severity: None,
                labels: std::collections::BTreeMap::new(),
                enabled: None,
                query: Some(fact(query.to_owned())),
                signals: Vec::new(),
                selects: Vec::new(),
                threshold: Some(fact(threshold)),
                timing: Declared::Prometheus(PrometheusTiming::default()),
                notifies: Vec::new(),
                promised: None,
            };
            share(&alert)
        };
        assert_eq!(of("bad / all > 0.25", 0.25), Some(0.25));
        assert_eq!(of("good / all < 0.75", 0.75), Some(0.25));
        assert_eq!(of("good / all <= 0.75", 0.75), Some(0.25));
        assert_eq!(of("bad > 0.25", 0.25), None);
        assert_eq!(of("100 * bad / all > 5", 5.0), None);
    }

    #[test]
    fn a_burn_rate_alert_also_fills_its_long_window() {
        let pair = |long: u64, short: u64, share: f64| {
            let (long, short) = (secs(long), secs(short));
            fact(BurnWindows { long, short, share })
        };
        let timing = PrometheusTiming {
            scrape: Some(fact(secs(30))),
            evaluation: Some(fact(secs(30))),
            group_wait: Some(fact(secs(10))),
            burn: vec![pair(21_600, 1800, 0.006), pair(3600, 300, 0.0144)],
            ..PrometheusTiming::default()
        };
        // 14.4 × 0.001 of an hour are 51.84 s, 6 × 0.001 of six hours 129.6 s: 51.84 + 30 + 30 + 10 = 121.84 s.
        let found = of_prometheus(&timing, None);
        assert!((found.worst.as_secs_f64() - 121.84).abs() < 1e-9);
        assert_eq!(found.slight, secs(3670));
    }
}
