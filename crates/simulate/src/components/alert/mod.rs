//! Alerts with the timing of their products. Second by second they receive the numbers of good and bad
//! events, and report when they page.
//!
//! Sources: New Relic documentation, *Streaming alerts: key terms and concepts* (windows, aggregation
//! methods, loss of signal); Prometheus documentation, *Alerting rules* and *Querying basics*; Alertmanager
//! documentation, `group_wait`; Google, *The Site Reliability Workbook*, chapter 5 (burn rates).

mod new_relic;
mod prometheus;

use std::time::Duration;

use cofferdam_policy::Time;

use self::new_relic::NewRelic;
pub use self::new_relic::NewRelicConfig;
use self::prometheus::Prometheus;
pub use self::prometheus::{Expression, PrometheusConfig};
pub use cofferdam_formulas::detection::Method;

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

    const fn add(&mut self, other: Self) {
        self.good += other.good;
        self.bad += other.bad;
    }

    /// The same events in each of `seconds` seconds.
    const fn times(self, seconds: u64) -> Self {
        Self {
            good: self.good * seconds,
            bad: self.bad * seconds,
        }
    }

    /// Whether more than a share of them is bad; false if there are no events.
    #[must_use]
    pub fn above(self, share: f64) -> bool {
        let all = self.good + self.bad;
        all > 0 && self.bad as f64 > share * all as f64
    }
}

/// Why it pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Because {
    /// The condition was true for long enough.
    Condition,
    /// No data arrived for too long.
    LossOfSignal,
}

/// The kind of alert.
#[derive(Debug, Clone, PartialEq)]
pub enum AlertConfig {
    /// New Relic.
    NewRelic(NewRelicConfig),
    /// Prometheus with Alertmanager.
    Prometheus(PrometheusConfig),
}

/// A running alert.
#[derive(Debug, Clone)]
pub struct Alert {
    product: Product,
    paged: Option<(Time, Because)>,
}

#[derive(Debug, Clone)]
enum Product {
    NewRelic(NewRelic),
    Prometheus(Prometheus),
}

impl Alert {
    /// An alert that has seen `before` in each second before time zero, for as long as it looks back.
    /// `phases` in [0, 1) shift its windows (or scrapes) and its evaluations, in whole seconds.
    #[must_use]
    pub fn new(config: AlertConfig, phases: (f64, f64), before: Events) -> Self {
        let product = match config {
            AlertConfig::NewRelic(config) => Product::NewRelic(NewRelic::new(config, phases.0, before)),
            AlertConfig::Prometheus(config) => Product::Prometheus(Prometheus::new(config, phases, before)),
        };
        Self { product, paged: None }
    }

    /// When it paged, and why.
    #[must_use]
    pub const fn paged(&self) -> Option<(Time, Because)> {
        self.paged
    }

    /// Adds the events of a second that ends at `now` (whole seconds, one after the other).
    pub fn second(&mut self, now: Time, events: Events) {
        if self.paged.is_some() {
            return;
        }
        let because = match &mut self.product {
            Product::NewRelic(alert) => alert.second(now, events),
            Product::Prometheus(alert) => alert.second(now, events),
        };
        self.paged = because.map(|because| (now, because));
    }
}

const fn seconds(duration: Duration) -> u64 {
    duration.as_secs()
}

const fn seconds_of(time: Time) -> u64 {
    time.as_nanos() / 1_000_000_000
}

#[cfg(test)]
mod tests {
    use super::*;
    use cofferdam_model::alerts::BurnWindows;

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

    /// Seconds from the fault at 1,000 s to the page, over all phases: minimum and maximum.
    fn range(config: &AlertConfig, faulty: Events) -> Option<(u64, u64)> {
        let pages: Option<Vec<u64>> = (0..120)
            .flat_map(|phase| (0..4).map(move |other| (f64::from(phase) / 120.0, f64::from(other) / 4.0)))
            .map(|phases| {
                let mut alert = Alert::new(config.clone(), phases, GOOD);
                for second in 1..=3000_u64 {
                    let events = if second > 1000 { faulty } else { GOOD };
                    alert.second(Time::from_nanos(second * 1_000_000_000), events);
                }
                alert.paged().map(|(at, _)| seconds_of(at) - 1000)
            })
            .collect();
        let pages = pages?;
        Some((*pages.iter().min()?, *pages.iter().max()?))
    }

    const GOOD: Events = Events { good: 100, bad: 0 };
    const OUTAGE: Events = Events { good: 0, bad: 100 };
    /// 6 % against a threshold of 5 %: a window must be almost completely in the fault.
    const SLIGHT: Events = Events { good: 94, bad: 6 };
    const SILENCE: Events = Events { good: 0, bad: 0 };

    #[test]
    fn new_relic_pages_up_to_480_seconds_after_a_small_fault() {
        let config = AlertConfig::NewRelic(condition(60, 120, 300));
        // A full outage makes the window in which it begins violate if at least 4 of its 60 seconds are in it:
        // 4 windows, the rest of the first, and the delay.
        let (least, most) = range(&config, OUTAGE).unwrap();
        assert_eq!((least, most), (4 * 60 + 120 + 4, 4 * 60 + 120 + 63));
        // 6 % is above 5 % only in windows with at least 51 faulty seconds: 5 whole windows, alignment,
        // delay.
        let (_, most) = range(&config, SLIGHT).unwrap();
        assert!((470..=480).contains(&most), "{most}");
    }

    #[test]
    fn without_a_delay_it_is_up_to_360_seconds() {
        let (_, most) = range(&AlertConfig::NewRelic(condition(60, 0, 300)), SLIGHT).unwrap();
        assert!((350..=360).contains(&most), "{most}");
    }

    #[test]
    fn missing_data_pages_only_with_loss_of_signal() {
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
            evaluation: Duration::from_secs(30),
            hold: Duration::from_secs(300),
            group_wait: Duration::from_secs(10),
            expression: Expression::Share {
                range: Duration::ZERO,
                share: 0.05,
            },
            absence: false,
        };
        // At most a scrape, an evaluation, `for` and the wait: 30 + 30 + 300 + 10; at least `for` and the
        // wait.
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

    fn burning(pairs: &[(u64, u64, f64)]) -> PrometheusConfig {
        let pair = |&(long, short, share): &(u64, u64, f64)| BurnWindows {
            long: Duration::from_secs(long),
            short: Duration::from_secs(short),
            share,
        };
        PrometheusConfig {
            scrape: Duration::from_secs(10),
            evaluation: Duration::from_secs(10),
            hold: Duration::ZERO,
            group_wait: Duration::ZERO,
            expression: Expression::Burn(pairs.iter().map(pair).collect()),
            absence: false,
        }
    }

    #[test]
    fn a_burn_rate_alert_pages_when_the_long_window_has_used_its_part_of_the_budget() {
        // 14.4 × 0.0005 = 0.72 %: of an hour 25.92 s of outage, of five minutes 2.16 s. With samples every 10 s the
        // window holds 3,590 s and 30 faulty ones are enough where 20 are not: seen 26 to 30 s after the fault at the
        // next scrape, judged up to 10 s later.
        let config = AlertConfig::Prometheus(burning(&[(3600, 300, 0.0072)]));
        let (least, most) = range(&config, OUTAGE).unwrap();
        assert!(least >= 26, "{least}");
        assert!((40..=46).contains(&most), "{most}");
        assert_eq!(range(&config, SILENCE), None);
        // 6 % of requests burn at 120 times: 0.72 % of 3,600 s are reached after 432 s.
        let (least, most) = range(&config, SLIGHT).unwrap();
        assert!(least >= 430 && most <= 452, "{least} to {most}");
    }

    #[test]
    fn a_slow_burn_pages_by_the_longer_pair_of_windows() {
        // 1 % bad is a burn rate of 20 at 99.95 %: above 14.4 after 0.72 × 3,600 = 2,592 s, above 6 of the longer
        // pair after 0.3 × 21,600 = 6,480 s, which is later.
        let slow = Events { good: 99, bad: 1 };
        let after = |pairs: &[(u64, u64, f64)]| {
            let mut alert = Alert::new(AlertConfig::Prometheus(burning(pairs)), (0.0, 0.0), GOOD);
            for second in 1..=10_000_u64 {
                alert.second(
                    Time::from_nanos(second * 1_000_000_000),
                    if second > 1000 { slow } else { GOOD },
                );
            }
            seconds_of(alert.paged().unwrap().0) - 1000
        };
        let fast = after(&[(3600, 300, 0.0072)]);
        assert!((2580..=2620).contains(&fast), "{fast}");
        let longer = after(&[(21_600, 1800, 0.003)]);
        assert!((6460..=6500).contains(&longer), "{longer}");
        assert_eq!(after(&[(21_600, 1800, 0.003), (3600, 300, 0.0072)]), fast);
    }

    #[test]
    fn the_short_window_prevents_a_page_for_a_fault_that_ended() {
        // 25 s of outage are 0.694 % of an hour, which is not enough. After half an hour without failures
        // another 10 s fill the long window and the short one at once; if the outage had ended before the
        // second one, nothing would page.
        let page = |faulty: fn(u64) -> bool| {
            let mut alert = Alert::new(
                AlertConfig::Prometheus(burning(&[(3600, 300, 0.0072)])),
                (0.0, 0.0),
                GOOD,
            );
            for second in 1..=6000_u64 {
                let events = if faulty(second) { OUTAGE } else { GOOD };
                alert.second(Time::from_nanos(second * 1_000_000_000), events);
            }
            alert.paged().map(|(at, _)| seconds_of(at))
        };
        assert_eq!(page(|second| (1001..=1025).contains(&second)), None);
        let again = page(|second| (1001..=1025).contains(&second) || (2801..=2810).contains(&second));
        assert!(again.is_some_and(|at| (2802..=2820).contains(&at)), "{again:?}");
    }

    #[test]
    fn a_range_without_two_samples_has_no_value() {
        let mut config = burning(&[]);
        config.scrape = Duration::from_secs(60);
        config.expression = Expression::Share {
            range: Duration::from_secs(60),
            share: 0.05,
        };
        assert_eq!(range(&AlertConfig::Prometheus(config.clone()), OUTAGE), None);
        config.expression = Expression::Share {
            range: Duration::from_secs(121),
            share: 0.05,
        };
        assert!(range(&AlertConfig::Prometheus(config), OUTAGE).is_some());
    }

    #[test]
    fn a_long_window_includes_earlier_faults() {
        let sliding = NewRelicConfig {
            slide: Duration::from_secs(60),
            threshold_duration: Duration::from_secs(60),
            method: Method::Cadence(Duration::ZERO),
            ..condition(3600, 0, 60)
        };
        // Of an hour 180 s are exactly 5 %, not above: a window that ends 181 to 240 s after the fault.
        assert_eq!(range(&AlertConfig::NewRelic(sliding), OUTAGE), Some((181, 240)));
    }

    #[test]
    fn three_minutes_down_burn_a_seventh_of_a_months_budget() {
        let objective = |days: u64| cofferdam_formulas::budget::Objective {
            target: 0.9995,
            window: Duration::from_secs(days * 86_400),
        };
        let budget = objective(30).budget();
        assert!((budget.as_secs_f64() - 21.6 * 60.0).abs() < 1e-6);
        // 180 s of 1,296 s: 13.9 %.
        assert!((180.0 / budget.as_secs_f64() - 0.1389).abs() < 1e-4);
        assert!((objective(7).budget().as_secs_f64() - 302.4).abs() < 1e-6);
    }
}
