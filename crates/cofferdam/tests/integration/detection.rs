//! The rule that computes how late an alert pages, and the rehearsal of that alert, are two separate
//! implementations. Over random phases of windows, scrapes and evaluations they agree to a second at both
//! ends.

use std::path::PathBuf;
use std::time::Duration;

use cofferdam_audit::{Options, audit};
use cofferdam_policy::{Random, Time};
use cofferdam_simulate::chance::Streams;
use cofferdam_simulate::components::alert::{
    Alert, AlertConfig, Events, Expression, Method, NewRelicConfig, PrometheusConfig,
};

const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// What `alert-detection-delay` computes for the one alert of a platform.
fn judged(path: &str, text: &str) -> u64 {
    let overlay = "targets: {detection: 1s}\n";
    let files = [(path, text), ("cofferdam.yaml", overlay)]
        .map(|(path, text)| (PathBuf::from(path), text.as_bytes().to_vec()));
    let platform = cofferdam_ingest::read_files(files);
    let report = audit(&platform, &Options::default());
    let finding = report
        .findings
        .iter()
        .find(|found| found.rule == "alert-detection-delay")
        .expect("the alert is later than a second");
    finding.figures["detection"].value.round() as u64
}

/// Minimum and maximum seconds from the fault to the page, over random phases.
fn rehearsed(config: &AlertConfig, faulty: Events, seed: u64) -> (u64, u64) {
    const BEGINS: u64 = 120;
    const DRAWS: u32 = 30_000;
    let good = Events {
        good: 100_000,
        bad: 0,
    };
    let mut phases = Streams::new(seed, 0).stream("alert", "phases");
    let (mut least, mut most) = (u64::MAX, 0);
    for _ in 0..DRAWS {
        let mut alert = Alert::new(config.clone(), (phases.unit(), phases.unit()), good);
        let mut second = 0;
        while alert.paged().is_none() {
            second += 1;
            assert!(second < 10_000, "it never pages");
            let events = if second > BEGINS { faulty } else { good };
            alert.second(Time::from_nanos(second * 1_000_000_000), events);
        }
        least = least.min(second - BEGINS);
        most = most.max(second - BEGINS);
    }
    (least, most)
}

#[test]
fn new_relic_pages_exactly_as_late_as_the_rule_says() {
    for (window, delay, duration) in [
        (60, 120, 300),
        (60, 0, 300),
        (30, 10, 60),
        (10, 5, 30),
        (120, 60, 120),
    ] {
        let text = format!(
            "resource \"newrelic_nrql_alert_condition\" \"errors\" {{\n  policy_id = 1\n  name = \"errors\"\n  aggregation_window = {window}\n  \
             aggregation_delay = {delay}\n  nrql {{\n    query = \"SELECT percentage(count(*), WHERE error IS true) FROM Transaction\"\n  }}\n  \
             critical {{\n    operator = \"above\"\n    threshold = 5\n    threshold_duration = {duration}\n    threshold_occurrences = \"all\"\n  }}\n}}\n"
        );
        let worst = judged("alerts.tf", &text);
        let config = NewRelicConfig {
            window: secs(window),
            slide: secs(window),
            method: Method::EventFlow(secs(delay)),
            threshold_duration: secs(duration),
            all: true,
            share: 0.05,
            loss_of_signal: None,
        };
        // 5.001 %: a window violates only if it lies completely in the fault.
        let faulty = Events {
            good: 94_999,
            bad: 5001,
        };
        let (least, most) = rehearsed(&AlertConfig::NewRelic(config), faulty, 1);
        assert!(
            most <= worst && most + 1 >= worst,
            "{window}, {delay}, {duration}: {most} of {worst}"
        );
        // At best the fault begins with a window.
        assert!(
            least.abs_diff(duration + delay) <= 1,
            "{window}, {delay}, {duration}: {least}"
        );
    }
}

#[test]
fn prometheus_pages_exactly_as_late_as_the_rule_says() {
    for (scrape, evaluation, hold, wait) in [
        (30, 30, 300, 10),
        (15, 30, 45, 30),
        (30, 15, 0, 0),
        (10, 20, 60, 5),
    ] {
        // Alertmanager's and Prometheus' settings and the rule, as documents of one file.
        let text = format!(
            "global: {{scrape_interval: {scrape}s, evaluation_interval: {evaluation}s}}\nscrape_configs: [{{job_name: api}}]\n---\n\
             groups:\n  - name: g\n    rules:\n      - {{alert: Errors, expr: 'error_ratio > 0.001', for: {hold}s}}\n---\n\
             route: {{receiver: pager, group_wait: {wait}s}}\nreceivers: [{{name: pager}}]\n"
        );
        let worst = judged("monitoring.yaml", &text);
        let config = PrometheusConfig {
            scrape: secs(scrape),
            evaluation: secs(evaluation),
            hold: secs(hold),
            group_wait: secs(wait),
            expression: Expression::Share {
                range: Duration::ZERO,
                share: 0.001,
            },
            absence: false,
        };
        let outage = Events {
            good: 0,
            bad: 100_000,
        };
        let (least, most) = rehearsed(&AlertConfig::Prometheus(config), outage, 2);
        assert!(
            most <= worst && most + 1 >= worst,
            "{scrape}, {evaluation}, {hold}, {wait}: {most} of {worst}"
        );
        // At best a scrape and an evaluation come with the first fault.
        let held = hold.div_ceil(evaluation) * evaluation;
        assert!(
            least.abs_diff(held + wait) <= 1,
            "{scrape}, {evaluation}, {hold}, {wait}: {least}"
        );
    }
}
