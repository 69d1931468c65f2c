//! Alerts as their products time them: second by second they are given how many events were good and how many bad,
//! and they say when they page.
//!
//! Sources: New Relic documentation, *Streaming alerts: key terms and concepts* (windows, aggregation methods, loss of
//! signal); Prometheus documentation, *Alerting rules*; Alertmanager documentation, `group_wait`; Google, *The Site
//! Reliability Workbook*, chapter 5 (burn rates).

use std::collections::VecDeque;
use std::time::Duration;

use cofferdam_policy::Time;

/// Events of one second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Events {
    /// Good ones.
    pub good: u64,
    /// Bad ones.
    pub bad: u64,
}

impl Events {
    const fn any(self) -> bool {
        self.good + self.bad > 0
    }

    fn add(&mut self, other: Self) {
        self.good += other.good;
        self.bad += other.bad;
    }

    /// Whether more than a share of them is bad. Of no events none is.
    #[must_use]
    pub fn above(self, share: f64) -> bool {
        let all = self.good + self.bad;
        all > 0 && self.bad as f64 > share * all as f64
    }
}

/// Why it pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Because {
    /// The condition held for long enough.
    Condition,
    /// Nothing was heard for too long.
    LossOfSignal,
}

/// How New Relic decides that a window is complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// When an event arrives that is later than the window's end by this delay. Silence closes no window.
    EventFlow(Duration),
    /// When this long no event of the window has arrived.
    EventTimer(Duration),
    /// By the clock, this long after its end.
    Cadence(Duration),
}

/// A New Relic NRQL condition on the share of bad events.
#[derive(Debug, Clone, PartialEq)]
pub struct NewRelicConfig {
    /// Length of a window, in whole seconds.
    pub window: Duration,
    /// Time between the starts of windows; the window itself when they do not overlap.
    pub slide: Duration,
    /// When a window is complete.
    pub method: Method,
    /// For how long windows must violate.
    pub threshold_duration: Duration,
    /// Whether all windows of that time must violate, or one.
    pub all: bool,
    /// A window violates when more than this share of its events is bad.
    pub share: f64,
    /// Opens an incident after so long without an event.
    pub loss_of_signal: Option<Duration>,
}

/// A Prometheus rule on the share of bad events, and Alertmanager.
#[derive(Debug, Clone, PartialEq)]
pub struct PrometheusConfig {
    /// Time between scrapes.
    pub scrape: Duration,
    /// Range over which the expression looks back; zero for the latest scrape alone.
    pub range: Duration,
    /// Time between evaluations.
    pub evaluation: Duration,
    /// `for`.
    pub hold: Duration,
    /// Alertmanager's `group_wait`.
    pub group_wait: Duration,
    /// The expression is true when more than this share is bad.
    pub share: f64,
    /// Whether the expression is true without data (`absent`, `up == 0`).
    pub absence: bool,
}

/// What kind of alert.
#[derive(Debug, Clone, PartialEq)]
pub enum AlertConfig {
    /// New Relic.
    NewRelic(NewRelicConfig),
    /// Prometheus with Alertmanager.
    Prometheus(PrometheusConfig),
}

/// A part of a window: its end, what happened in it, and when the last of that arrived.
#[derive(Debug, Clone, Copy)]
struct Bucket {
    end: Time,
    events: Events,
    last: Option<Time>,
}

/// An alert at work.
#[derive(Debug, Clone)]
pub struct Alert {
    config: AlertConfig,
    /// Shift of windows, scrapes and evaluations against time zero.
    phase: Duration,
    /// New Relic: parts that are not complete, and those that the next window still spans.
    open: VecDeque<Bucket>,
    closed: VecDeque<Events>,
    violating: u32,
    last_event: Option<Time>,
    /// Prometheus: scraped seconds of the range, when true since, next scrape and evaluation.
    scraped: VecDeque<(Time, Events)>,
    unscraped: Events,
    true_since: Option<Time>,
    next_scrape: Time,
    next_evaluation: Time,
    sends_at: Option<Time>,
    paged: Option<(Time, Because)>,
}

impl Alert {
    /// An alert that has seen nothing. `phases` in [0, 1) shift its windows (or scrapes) and its evaluations.
    #[must_use]
    pub fn new(config: AlertConfig, phases: (f64, f64)) -> Self {
        let (phase, scrape, evaluation) = match &config {
            AlertConfig::NewRelic(c) => (whole(c.slide.mul_f64(phases.0)), Time::ZERO, Time::ZERO),
            AlertConfig::Prometheus(c) => (
                Duration::ZERO,
                Time::ZERO + whole(c.scrape.mul_f64(phases.0)),
                Time::ZERO + whole(c.evaluation.mul_f64(phases.1)),
            ),
        };
        Self {
            config,
            phase,
            open: VecDeque::new(),
            closed: VecDeque::new(),
            violating: 0,
            last_event: None,
            scraped: VecDeque::new(),
            unscraped: Events::default(),
            true_since: None,
            next_scrape: scrape,
            next_evaluation: evaluation,
            sends_at: None,
            paged: None,
        }
    }

    /// When it paged, and why.
    #[must_use]
    pub const fn paged(&self) -> Option<(Time, Because)> {
        self.paged
    }

    /// A second that ends at `now` (whole seconds, one after the other) had these events.
    pub fn second(&mut self, now: Time, events: Events) {
        if self.paged.is_some() {
            return;
        }
        match self.config.clone() {
            AlertConfig::NewRelic(config) => self.new_relic(&config, now, events),
            AlertConfig::Prometheus(config) => self.prometheus(&config, now, events),
        }
    }

    fn new_relic(&mut self, config: &NewRelicConfig, now: Time, events: Events) {
        // The part of windows in which this second lies.
        let slide = seconds(config.slide).max(1);
        let end = (seconds_of(now) + slide - 1 - seconds(self.phase) % slide) / slide * slide
            + seconds(self.phase) % slide;
        let end = Time::from_nanos(end.max(1) * 1_000_000_000);
        if self.open.back().is_none_or(|bucket| bucket.end < end) {
            self.open.push_back(Bucket {
                end,
                events: Events::default(),
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
        while let Some(bucket) = self.open.front().copied()
            && complete(config.method, &bucket, now, events.any())
        {
            self.open.pop_front();
            self.window(config, bucket.events, now);
        }
        let silent = self
            .last_event
            .is_some_and(|last| config.loss_of_signal.is_some_and(|wait| last + wait <= now));
        if silent && self.paged.is_none() {
            self.paged = Some((now, Because::LossOfSignal));
        }
    }

    fn window(&mut self, config: &NewRelicConfig, events: Events, now: Time) {
        let parts = (seconds(config.window) / seconds(config.slide).max(1)).max(1) as usize;
        self.closed.push_back(events);
        if self.closed.len() > parts {
            self.closed.pop_front();
        }
        let mut all = Events::default();
        for part in &self.closed {
            all.add(*part);
        }
        if !all.above(config.share) {
            self.violating = 0;
            return;
        }
        self.violating += 1;
        let needed = if config.all {
            seconds(config.threshold_duration).div_ceil(seconds(config.slide).max(1))
        } else {
            1
        };
        if u64::from(self.violating) >= needed.max(1) && self.paged.is_none() {
            self.paged = Some((now, Because::Condition));
        }
    }

    fn prometheus(&mut self, config: &PrometheusConfig, now: Time, events: Events) {
        self.unscraped.add(events);
        if now >= self.next_scrape {
            self.next_scrape = now + config.scrape;
            self.scraped.push_back((now, std::mem::take(&mut self.unscraped)));
        }
        // The range reaches back from now; without one the latest scrape stands for the present.
        let keep = config.range.max(config.scrape);
        while self.scraped.front().is_some_and(|(at, _)| *at + keep <= now) && self.scraped.len() > 1 {
            self.scraped.pop_front();
        }
        if now >= self.next_evaluation {
            self.next_evaluation = now + config.evaluation;
            let mut all = Events::default();
            if config.range > config.scrape {
                self.scraped.iter().for_each(|(_, events)| all.add(*events));
            } else if let Some((_, events)) = self.scraped.back() {
                all.add(*events);
            }
            let holds = all.above(config.share) || (config.absence && !self.scraped.is_empty() && !all.any());
            self.true_since = if holds {
                self.true_since.or(Some(now))
            } else {
                None
            };
            if self.true_since.is_none() {
                self.sends_at = None;
            }
            if self.true_since.is_some_and(|since| since + config.hold <= now) && self.sends_at.is_none() {
                self.sends_at = Some(now + config.group_wait);
            }
        }
        if self.sends_at.is_some_and(|at| at <= now) {
            self.paged = Some((now, Because::Condition));
        }
    }
}

fn complete(method: Method, bucket: &Bucket, now: Time, heard: bool) -> bool {
    match method {
        Method::EventFlow(delay) => heard && bucket.end + delay <= now,
        Method::Cadence(delay) => bucket.end + delay <= now,
        Method::EventTimer(timer) => bucket.end <= now && bucket.last.is_none_or(|last| last + timer <= now),
    }
}

const fn seconds(duration: Duration) -> u64 {
    duration.as_secs()
}

const fn seconds_of(time: Time) -> u64 {
    time.as_nanos() / 1_000_000_000
}

/// Whole seconds, rounded down.
const fn whole(duration: Duration) -> Duration {
    Duration::from_secs(duration.as_secs())
}

/// Time of full outage that an objective allows: `window × (1 − target)`. 99.95 % over 30 days is 21.6 minutes.
#[must_use]
pub fn error_budget(target: f64, window: Duration) -> Duration {
    window.mul_f64((1.0 - target).clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn condition(window: u64, delay: u64, duration: u64) -> NewRelicConfig {
        NewRelicConfig {
            window: Duration::from_secs(window),
            slide: Duration::from_secs(window),
            method: Method::EventFlow(Duration::from_secs(delay)),
            threshold_duration: Duration::from_secs(duration),
            all: true,
            share: 0.05,
            loss_of_signal: None,
        }
    }

    /// Seconds from the fault at 1,000 s to the page, over all phases: least and most.
    fn range(config: &AlertConfig, faulty: Events) -> Option<(u64, u64)> {
        let pages: Option<Vec<u64>> = (0..120)
            .flat_map(|phase| (0..4).map(move |other| (f64::from(phase) / 120.0, f64::from(other) / 4.0)))
            .map(|phases| {
                let mut alert = Alert::new(config.clone(), phases);
                for second in 1..=3000_u64 {
                    let events = if second > 1000 {
                        faulty
                    } else {
                        Events { good: 100, bad: 0 }
                    };
                    alert.second(Time::from_nanos(second * 1_000_000_000), events);
                }
                alert.paged().map(|(at, _)| seconds_of(at) - 1000)
            })
            .collect();
        let pages = pages?;
        Some((*pages.iter().min()?, *pages.iter().max()?))
    }

    const OUTAGE: Events = Events { good: 0, bad: 100 };
    /// 6 % against a threshold of 5 %: a window must lie almost wholly in it.
    const SLIGHT: Events = Events { good: 94, bad: 6 };
    const SILENCE: Events = Events { good: 0, bad: 0 };

    #[test]
    fn new_relic_pages_up_to_480_seconds_after_a_slight_fault() {
        let config = AlertConfig::NewRelic(condition(60, 120, 300));
        // A full outage makes the window in which it begins violate if at least 4 of its 60 seconds are in it:
        // 4 windows, the rest of the first, and the delay.
        let (least, most) = range(&config, OUTAGE).unwrap();
        assert_eq!((least, most), (4 * 60 + 120 + 4, 4 * 60 + 120 + 63));
        // 6 % is above 5 % only in windows with at least 51 faulty seconds: 5 whole windows, alignment, delay.
        let (_, most) = range(&config, SLIGHT).unwrap();
        assert!((470..=480).contains(&most), "{most}");
    }

    #[test]
    fn without_a_delay_it_is_up_to_360_seconds() {
        let (_, most) = range(&AlertConfig::NewRelic(condition(60, 0, 300)), SLIGHT).unwrap();
        assert!((350..=360).contains(&most), "{most}");
    }

    #[test]
    fn silence_pages_only_with_loss_of_signal() {
        assert_eq!(
            range(&AlertConfig::NewRelic(condition(60, 120, 300)), SILENCE),
            None
        );
        let heard = NewRelicConfig {
            loss_of_signal: Some(Duration::from_secs(90)),
            ..condition(60, 120, 300)
        };
        assert_eq!(range(&AlertConfig::NewRelic(heard), SILENCE), Some((90, 90)));
    }

    #[test]
    fn one_occurrence_in_sliding_windows_is_quick() {
        let config = NewRelicConfig {
            slide: Duration::from_secs(15),
            method: Method::Cadence(Duration::ZERO),
            all: false,
            ..condition(60, 0, 300)
        };
        // 4 of 60 seconds are enough, in a window that ends every 15 s.
        let (least, most) = range(&AlertConfig::NewRelic(config), OUTAGE).unwrap();
        assert_eq!((least, most), (4, 18));
    }

    #[test]
    fn prometheus_adds_scrape_evaluation_for_and_group_wait() {
        let config = PrometheusConfig {
            scrape: Duration::from_secs(30),
            range: Duration::ZERO,
            evaluation: Duration::from_secs(30),
            hold: Duration::from_secs(300),
            group_wait: Duration::from_secs(10),
            share: 0.05,
            absence: false,
        };
        // At most a scrape, an evaluation, `for` and the wait: 30 + 30 + 300 + 10; at least `for` and the wait.
        let (least, most) = range(&AlertConfig::Prometheus(config.clone()), OUTAGE).unwrap();
        assert!(least >= 310 && (365..=370).contains(&most), "{least} to {most}");
        assert_eq!(range(&AlertConfig::Prometheus(config.clone()), SILENCE), None);
        assert!(
            range(
                &AlertConfig::Prometheus(PrometheusConfig {
                    absence: true,
                    ..config
                }),
                SILENCE
            )
            .is_some()
        );
    }

    #[test]
    fn three_minutes_down_burn_a_seventh_of_a_months_budget() {
        let budget = error_budget(0.9995, Duration::from_secs(30 * 86_400));
        assert!((budget.as_secs_f64() - 21.6 * 60.0).abs() < 1e-6);
        // 180 s of 1,296 s: 13.9 %.
        assert!((180.0 / budget.as_secs_f64() - 0.1389).abs() < 1e-4);
        assert!((error_budget(0.9995, Duration::from_secs(7 * 86_400)).as_secs_f64() - 302.4).abs() < 1e-6);
    }
}
