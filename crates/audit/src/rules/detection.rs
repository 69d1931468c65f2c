//! Computes how long an outage lasts before a product alerts someone, by each product's own timing. All rules
//! about alerts share it.

use crate::finding::Evidence;
use cofferdam_model::Environment;
use cofferdam_model::alerts::{
    Aggregation, Alert, BurnWindows, NewRelicTiming, PrometheusTiming, Slo, Timing,
};
use cofferdam_model::units::{show_duration, show_number};
use std::time::Duration;

/// A detection time and the sum that it consists of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Detection {
    /// Worst case from the fault to the page.
    pub(crate) worst: Duration,
    /// The sum in words: `window 60 s + delay 120 s + threshold duration 300 s`.
    pub(crate) words: String,
    /// The product.
    pub(crate) product: &'static str,
}

const fn secs(s: u64) -> Duration {
    Duration::from_secs(s)
}

/// The detection time of `alert`.
pub(crate) fn of(alert: &Alert, evidence: &mut Evidence) -> Option<Detection> {
    match &alert.timing {
        Timing::NewRelic(timing) => new_relic(timing, evidence),
        Timing::Prometheus(timing) => Some(prometheus(timing, evidence)),
        Timing::Generic {
            product,
            window,
            interval,
            hold,
        } => {
            let parts = [("window", window), ("interval", interval), ("hold", hold)];
            let known: Vec<_> = parts
                .iter()
                .filter_map(|(n, f)| f.as_ref().map(|f| (*n, f)))
                .collect();
            if known.is_empty() {
                return None;
            }
            let mut worst = Duration::ZERO;
            let mut words = Vec::new();
            for (name, fact) in known {
                let value = evidence.take(fact, format!("{name} {}", show_duration(fact.value)));
                worst += value;
                words.push(format!("{name} {}", show_duration(value)));
            }
            Some(Detection {
                worst,
                words: words.join(" + "),
                product: product.unwrap_or("As declared"),
            })
        }
    }
}

/// New Relic: the first window that lies completely in the outage ends up to one window after the fault
/// began, followed by the rest of the threshold duration; a window is evaluated after the delay. So the worst
/// case is window + threshold duration + delay, and with `at_least_once` one slide (or window) for the
/// alignment + window + delay. Source: New Relic documentation, "Streaming alerts: key terms and concepts".
fn new_relic(timing: &NewRelicTiming, evidence: &mut Evidence) -> Option<Detection> {
    let window = evidence.take_or(
        timing.window.as_ref(),
        "aggregation window",
        secs(60),
        "aggregation_window is 60 s, New Relic's default",
    );
    let by_timer = timing.aggregation() == Aggregation::EventTimer;
    let delay = if by_timer {
        evidence.take_or(
            timing.timer.as_ref(),
            "aggregation timer",
            secs(60),
            "aggregation_timer is 60 s, New Relic's default",
        )
    } else if let (None, Some(offset)) = (&timing.delay, &timing.evaluation_offset) {
        window * evidence.take(offset, "evaluation offset in windows")
    } else {
        evidence.take_or(
            timing.delay.as_ref(),
            "aggregation delay",
            secs(120),
            "aggregation_delay is 120 s, New Relic's default",
        )
    };
    let duration = evidence.take(timing.threshold_duration.as_ref()?, "threshold duration");
    let wait = if by_timer { "timer" } else { "delay" };
    let (held, held_words) = if timing.once() {
        if let Some(occurrences) = &timing.occurrences {
            evidence.note(occurrences, "one window is enough");
        }
        let step = timing
            .slide_by
            .as_ref()
            .map_or(window, |s| evidence.take(s, "windows slide by"));
        (step, format!("alignment {}", show_duration(step)))
    } else {
        (
            duration,
            format!("threshold duration {}", show_duration(duration)),
        )
    };
    Some(Detection {
        worst: window + delay + held,
        words: format!(
            "window {} + {wait} {} + {held_words}",
            show_duration(window),
            show_duration(delay)
        ),
        product: "New Relic",
    })
}

/// Prometheus: the next scrape after the fault sees it, the next evaluation judges it, `for` (counted in
/// whole evaluations) must pass, and the alert is sent after the group's wait. A burn-rate alert first needs
/// enough outage to fill the share of its long window: share × window, of its quickest pair. Source:
/// Prometheus documentation, "Alerting rules" and "Configuration"; Alertmanager documentation, `group_wait`;
/// The Site Reliability Workbook, chapter 5.
fn prometheus(timing: &PrometheusTiming, evidence: &mut Evidence) -> Detection {
    let scrape = evidence.take_or(
        timing.scrape.as_ref(),
        "scrape interval",
        secs(60),
        "scrape_interval is 1 min, Prometheus' default",
    );
    let evaluation = evidence.take_or(
        timing.evaluation.as_ref(),
        "evaluation interval",
        secs(60),
        "evaluation_interval is 1 min, Prometheus' default",
    );
    let hold = timing.hold.as_ref().map_or(Duration::ZERO, |h| {
        evidence.take(h, format!("for {}", show_duration(h.value)))
    });
    let wait = evidence.take_or(
        timing.group_wait.as_ref(),
        "group wait",
        secs(30),
        "group_wait is 30 s, Alertmanager's default",
    );
    let ticks = if evaluation.is_zero() {
        0.0
    } else {
        (hold.as_secs_f64() / evaluation.as_secs_f64()).ceil()
    };
    let held = if hold.is_zero() {
        Duration::ZERO
    } else {
        evaluation.mul_f64(ticks)
    };
    let fills = |windows: &BurnWindows| windows.long.mul_f64(windows.share.clamp(0.0, 1.0));
    let quickest = timing.burn.iter().min_by_key(|pair| fills(&pair.value));
    let (filled, filled_words) = quickest.map_or_else(Default::default, |pair| {
        let BurnWindows { long, share, .. } = evidence.take(pair, "the quickest pair of windows");
        let filled = fills(&pair.value);
        let (window, part) = (show_duration(long), show_number(share * 100.0));
        (
            filled,
            format!("{part} % of {window}: {} + ", show_duration(filled)),
        )
    });
    Detection {
        worst: filled + scrape + evaluation + held + wait,
        words: format!(
            "{filled_words}scrape {} + evaluation {} + for {} + group wait {}",
            show_duration(scrape),
            show_duration(evaluation),
            show_duration(held),
            show_duration(wait)
        ),
        product: "Prometheus",
    }
}

/// The error budget of an objective as time of full outage: window × (1 − target). If no window is set, it is
/// 30 days.
pub(crate) fn budget(slo: &Slo, evidence: &mut Evidence) -> Option<Duration> {
    let target = evidence.take(slo.target.as_ref()?, "the objective").0;
    let window = evidence.take_or(
        slo.window.as_ref(),
        "over this window",
        secs(30 * 86_400),
        "the objective counts over 30 days, because no window is set",
    );
    (target > 0.0 && target < 1.0).then(|| window.mul_f64(1.0 - target))
}

/// The objective that an alert protects: that of its service, otherwise the strictest one of the environment.
pub(crate) fn slo_of<'a>(env: &'a Environment, alert: &Alert) -> Option<&'a Slo> {
    let strictest = |slos: &mut dyn Iterator<Item = &'a Slo>| {
        slos.filter(|s| s.target.as_ref().is_some_and(|t| t.value.0 < 1.0))
            .max_by(|a, b| {
                let target = |s: &Slo| s.target.as_ref().map_or(0.0, |t| t.value.0);
                target(a).total_cmp(&target(b))
            })
    };
    let own = alert
        .owner
        .service
        .and_then(|id| strictest(&mut env.slos.iter().filter(|s| s.owner.service == Some(id))));
    own.or_else(|| strictest(&mut env.slos.iter()))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::rules::testing::{fact, span};
    use cofferdam_model::{Owner, Share};

    /// An alert with this timing.
    pub(crate) fn alert(name: &str, timing: Timing) -> Alert {
        Alert {
            name: fact(name.to_owned(), 1),
            span: span(1),
            owner: Owner::default(),
            severity: None,
            labels: std::collections::BTreeMap::new(),
            enabled: None,
            query: None,
            signals: Vec::new(),
            selects: Vec::new(),
            threshold: None,
            timing,
            notifies: Vec::new(),
            promised: None,
        }
    }

    /// Window, delay and threshold duration of a New Relic condition.
    pub(crate) fn condition(window: u64, delay: u64, duration: u64) -> NewRelicTiming {
        NewRelicTiming {
            window: Some(fact(secs(window), 2)),
            delay: Some(fact(secs(delay), 3)),
            threshold_duration: Some(fact(secs(duration), 4)),
            ..NewRelicTiming::default()
        }
    }

    fn worst(timing: Timing) -> u64 {
        of(&alert("a", timing), &mut Evidence::new())
            .unwrap()
            .worst
            .as_secs()
    }

    #[test]
    fn new_relic_adds_window_delay_and_threshold_duration() {
        // 60 + 120 + 300 = 480; 60 + 0 + 300 = 360; 60 + 0 + 60 = 120.
        assert_eq!(worst(Timing::NewRelic(condition(60, 120, 300))), 480);
        assert_eq!(worst(Timing::NewRelic(condition(60, 0, 300))), 360);
        assert_eq!(worst(Timing::NewRelic(condition(60, 0, 60))), 120);
        // Defaults: 60 + 120 + 300.
        let only = NewRelicTiming {
            threshold_duration: Some(fact(secs(300), 4)),
            ..NewRelicTiming::default()
        };
        assert_eq!(worst(Timing::NewRelic(only)), 480);
    }

    #[test]
    fn an_alert_on_one_occurrence_needs_one_whole_window() {
        let mut timing = condition(60, 0, 300);
        timing.occurrences = Some(fact("at_least_once".to_owned(), 5));
        assert_eq!(worst(Timing::NewRelic(timing.clone())), 120);
        timing.slide_by = Some(fact(secs(15), 6));
        assert_eq!(worst(Timing::NewRelic(timing)), 75);
    }

    #[test]
    fn prometheus_adds_scrape_evaluation_for_and_group_wait() {
        let timing = PrometheusTiming {
            scrape: Some(fact(secs(30), 2)),
            evaluation: Some(fact(secs(30), 3)),
            hold: Some(fact(secs(300), 4)),
            group_wait: Some(fact(secs(10), 5)),
            ..PrometheusTiming::default()
        };
        assert_eq!(worst(Timing::Prometheus(timing.clone())), 370);
        // for 45 s with an evaluation each 30 s takes two evaluations.
        let rounded = PrometheusTiming {
            hold: Some(fact(secs(45), 4)),
            ..timing
        };
        assert_eq!(worst(Timing::Prometheus(rounded)), 130);
        assert_eq!(worst(Timing::Prometheus(PrometheusTiming::default())), 150);
    }

    #[test]
    fn a_burn_rate_alert_also_fills_its_long_window() {
        let pair = |long: u64, short: u64, share: f64| {
            let (long, short) = (secs(long), secs(short));
            fact(BurnWindows { long, short, share }, 2)
        };
        let timing = PrometheusTiming {
            scrape: Some(fact(secs(30), 2)),
            evaluation: Some(fact(secs(30), 3)),
            group_wait: Some(fact(secs(10), 5)),
            burn: vec![pair(21_600, 1800, 0.006), pair(3600, 300, 0.0144)],
            ..PrometheusTiming::default()
        };
        // 14.4 × 0.001 of an hour are 51.84 s, 6 × 0.001 of six hours 129.6 s: 51.84 + 30 + 30 + 10 = 121.84 s.
        let found = of(&alert("a", Timing::Prometheus(timing)), &mut Evidence::new()).unwrap();
        assert!((found.worst.as_secs_f64() - 121.84).abs() < 1e-9);
    }

    #[test]
    fn a_budget_of_99_95_over_30_days_is_21_6_minutes_and_over_7_days_5_04() {
        let slo = |days: Option<u64>| Slo {
            name: "availability".to_owned(),
            owner: Owner::default(),
            span: span(1),
            target: Some(fact(Share(0.9995), 2)),
            window: days.map(|d| fact(secs(d * 86_400), 3)),
            indicator: None,
            said: Default::default(),
        };
        let minutes = |s: &Slo| budget(s, &mut Evidence::new()).unwrap().as_secs_f64() / 60.0;
        assert!((minutes(&slo(None)) - 21.6).abs() < 1e-6);
        assert!((minutes(&slo(Some(7))) - 5.04).abs() < 1e-6);
    }
}
