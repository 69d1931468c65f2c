//! Alerts and objectives: what is watched, how long an alert takes, and which failures it would miss.

use crate::owner::Owner;
use crate::scaling::Selector;
use crate::source::Fact;
use crate::stated::Said;
use crate::units::Share;
use cofferdam_syntax::Span;
use std::collections::BTreeMap;
use std::time::Duration;

/// An alert.
#[derive(Debug, Clone)]
pub struct Alert {
    /// Name.
    pub name: Fact<String>,
    /// Place of the alert.
    pub span: Span,
    /// The service that it belongs to, if it names one.
    pub owner: Owner,
    /// Severity as written (`critical`, `page`).
    pub severity: Option<Fact<String>>,
    /// Labels that it sets itself, as far as their values are written out.
    pub labels: BTreeMap<String, String>,
    /// Whether it is enabled.
    pub enabled: Option<Fact<bool>>,
    /// The check that it makes.
    pub query: Option<Fact<String>>,
    /// Metrics, event types and attributes that the query reads.
    pub signals: Vec<Fact<String>>,
    /// Values that the query selects by (service names, topics, label values).
    pub selects: Vec<Fact<String>>,
    /// Comparison and value.
    pub threshold: Option<Fact<f64>>,
    /// The product's timing of it.
    pub timing: Timing,
    /// Its receivers.
    pub notifies: Vec<Fact<String>>,
    /// A condition's text about its target time ("page within 60 s"), if there is one.
    pub promised: Option<Fact<Duration>>,
}

/// How a product decides when to fire. Unset fields have the product's default.
#[derive(Debug, Clone)]
#[expect(
    clippy::large_enum_variant,
    reason = "a platform has hundreds of alerts, not millions"
)]
pub enum Timing {
    /// New Relic NRQL condition.
    NewRelic(NewRelicTiming),
    /// Prometheus rule.
    Prometheus(PrometheusTiming),
    /// A generic alert (deployment file): evaluated every `interval` over `window`, for `hold`.
    Generic {
        /// The product that evaluates it, if known (`CloudWatch`).
        product: Option<&'static str>,
        /// Window of the query.
        window: Option<Fact<Duration>>,
        /// Time between evaluations.
        interval: Option<Fact<Duration>>,
        /// How long the condition must be true.
        hold: Option<Fact<Duration>>,
    },
}

/// Timing of a New Relic NRQL condition.
#[derive(Debug, Clone, Default)]
pub struct NewRelicTiming {
    /// `aggregation_window`; default 60 s.
    pub window: Option<Fact<Duration>>,
    /// `aggregation_method`: `event_flow` (default), `event_timer`, `cadence`.
    pub method: Option<Fact<String>>,
    /// `aggregation_delay`; default 120 s.
    pub delay: Option<Fact<Duration>>,
    /// `aggregation_timer`.
    pub timer: Option<Fact<Duration>>,
    /// `slide_by`.
    pub slide_by: Option<Fact<Duration>>,
    /// `evaluation_offset`, in windows (older).
    pub evaluation_offset: Option<Fact<u32>>,
    /// `threshold_duration` of the critical threshold.
    pub threshold_duration: Option<Fact<Duration>>,
    /// `threshold_occurrences`: `all` or `at_least_once`.
    pub occurrences: Option<Fact<String>>,
    /// `expiration_duration`: loss of signal after this time.
    pub expiration: Option<Fact<Duration>>,
    /// `open_violation_on_expiration`.
    pub opens_on_expiration: Option<Fact<bool>>,
    /// `fill_option`.
    pub fill: Option<Fact<String>>,
    /// Whether the signal also exists when nothing happens (`count(*)` of errors has no data without errors,
    /// so loss of signal would be noise), if the query shows it.
    pub sparse: Option<Fact<bool>>,
}

/// When New Relic evaluates a window (`aggregation_method`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aggregation {
    /// When data arrive that are later than its end by the delay.
    EventFlow,
    /// When no data have arrived for the timer.
    EventTimer,
    /// By the clock, the delay after its end.
    Cadence,
}

impl NewRelicTiming {
    /// The method, or New Relic's default if none is set.
    #[must_use]
    pub fn aggregation(&self) -> Aggregation {
        let method = self.method.as_ref().map_or("", |method| method.value.as_str());
        if method.eq_ignore_ascii_case("event_timer") {
            Aggregation::EventTimer
        } else if method.eq_ignore_ascii_case("cadence") {
            Aggregation::Cadence
        } else {
            Aggregation::EventFlow
        }
    }

    /// Whether one violating window is enough (`threshold_occurrences = "at_least_once"`).
    #[must_use]
    pub fn once(&self) -> bool {
        let occurrences = self.occurrences.as_ref();
        occurrences.is_some_and(|o| o.value.eq_ignore_ascii_case("at_least_once"))
    }
}

/// Timing of a Prometheus rule.
#[derive(Debug, Clone, Default)]
pub struct PrometheusTiming {
    /// `scrape_interval` of the metrics that it reads.
    pub scrape: Option<Fact<Duration>>,
    /// Range of the query's longest `[5m]` selector.
    pub range: Option<Fact<Duration>>,
    /// `evaluation_interval` or the group's `interval`.
    pub evaluation: Option<Fact<Duration>>,
    /// `for`.
    pub hold: Option<Fact<Duration>>,
    /// Alertmanager's `group_wait`.
    pub group_wait: Option<Fact<Duration>>,
    /// Whether the expression itself detects missing data (`absent`, `up == 0`).
    pub notices_absence: bool,
    /// Pairs of windows of a burn-rate alert, any of which pages; empty for other expressions.
    pub burn: Vec<Fact<BurnWindows>>,
}

/// A long and a short window of a burn-rate alert: true while both have more than this share of bad events.
/// The long one prevents pages for short spikes, the short one ends the alert when the fault ends (Google,
/// *The Site Reliability Workbook*, chapter 5).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BurnWindows {
    /// The long window.
    pub long: Duration,
    /// The short window.
    pub short: Duration,
    /// Share of bad events, 0 to 1: burn rate × (1 − objective).
    pub share: f64,
}

/// Settings of Prometheus and Alertmanager for all alerts without their own.
#[derive(Debug, Clone, Default)]
pub struct AlertDefaults {
    /// `global.scrape_interval`; Prometheus' default is 1 min.
    pub scrape: Option<Fact<Duration>>,
    /// `global.evaluation_interval`; Prometheus' default is 1 min.
    pub evaluation: Option<Fact<Duration>>,
    /// Routes of Alertmanager's tree, children before their parents, so that Alertmanager uses the first one
    /// whose matchers match.
    pub routes: Vec<AlertRoute>,
}

/// A route of Alertmanager.
#[derive(Debug, Clone)]
pub struct AlertRoute {
    /// Conditions on labels, those of the routes above included; none matches every alert.
    pub matchers: Vec<Matcher>,
    /// Whether all conditions could be read; otherwise it is unknown which alerts it matches.
    pub plain: bool,
    /// `group_wait`, or that of a parent; Alertmanager's default is 30 s.
    pub group_wait: Option<Fact<Duration>>,
    /// Receiver, or that of a parent. If all that it does is to write into a channel, or nothing, that is in
    /// parentheses behind its name (`ops (slack)`).
    pub receiver: Option<Fact<String>>,
}

/// A condition of a route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Matcher {
    /// The label.
    pub label: String,
    /// Whether it must not have the value.
    pub is_not: bool,
    /// Whether the value is a regular expression.
    pub is_pattern: bool,
    /// The value, as written.
    pub value: String,
}

/// A service level objective.
#[derive(Debug, Clone)]
pub struct Slo {
    /// Name.
    pub name: String,
    /// Its owner.
    pub owner: Owner,
    /// Place of it.
    pub span: Span,
    /// Share of good events (0.9995).
    pub target: Option<Fact<Share>>,
    /// Window over which it counts.
    pub window: Option<Fact<Duration>>,
    /// `availability`, `latency`, …
    pub indicator: Option<Fact<String>>,
    /// Facts that only people state.
    pub said: Said,
}

/// Something that exports metrics.
#[derive(Debug, Clone)]
pub struct MetricSource {
    /// Name (scrape job, ServiceMonitor, agent).
    pub name: String,
    /// Place of it.
    pub span: Span,
    /// Time between scrapes.
    pub interval: Option<Fact<Duration>>,
    /// Metrics it is known to export (recording rules, exporters with known names).
    pub metrics: Vec<Fact<String>>,
    /// Values of labels that recording rules select by: the jobs and services whose metrics they read.
    pub reads: Vec<String>,
    /// The Kubernetes Services that it scrapes, which name its jobs.
    pub services: Option<ScrapedServices>,
}

/// The Kubernetes Services that a ServiceMonitor scrapes.
#[derive(Debug, Clone)]
pub struct ScrapedServices {
    /// Their labels.
    pub selector: Selector,
    /// The label of theirs whose value is the job (`jobLabel`); without it a Service's name is.
    pub job_label: Option<String>,
}

/// Where logs go and how long they are kept.
#[derive(Debug, Clone)]
pub struct LogStore {
    /// Name.
    pub name: String,
    /// Place of it.
    pub span: Span,
    /// Retention; `None` means without end.
    pub retention: Option<Fact<Duration>>,
}
