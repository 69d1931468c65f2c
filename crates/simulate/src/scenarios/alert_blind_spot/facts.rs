//! The facts that the scenario takes from the platform: the timing of each alert, the error budget, the
//! autoscaler.

use std::time::Duration;

use cofferdam_model::alerts::{
    Aggregation, Alert as Declared, BurnWindows, NewRelicTiming, PrometheusTiming, Slo, Timing,
};
use cofferdam_model::overlay::Overlay;
use cofferdam_model::{Environment, Fact, Service};

use super::{Budget, Scaling, common};
use crate::components::alert::{
    AlertConfig, Expression, Method, NewRelicConfig, PrometheusConfig, error_budget, workbook,
};
use cofferdam_formulas::{Evidence, Shown};

/// The timing of an alert, if its product is known.
pub(super) fn timing(alert: &Declared, facts: &mut Evidence) -> Option<AlertConfig> {
    let share = share(alert);
    match &alert.timing {
        Timing::NewRelic(timing) => {
            new_relic(&alert.name.value, timing, share, facts).map(AlertConfig::NewRelic)
        }
        Timing::Prometheus(timing) => Some(AlertConfig::Prometheus(prometheus(
            &alert.name.value,
            timing,
            share,
            facts,
        ))),
        Timing::Generic { .. } => None,
    }
}

/// The share of bad events above which it fires: the threshold of a query for a percentage, otherwise 5 %.
fn share(alert: &Declared) -> f64 {
    let percentage = alert
        .query
        .as_ref()
        .is_some_and(|query| query.value.to_ascii_lowercase().contains("percentage"));
    let threshold = alert
        .threshold
        .as_ref()
        .map(|t| t.value)
        .filter(|t| percentage && *t > 0.0 && *t < 100.0);
    threshold.map_or(0.05, |threshold| threshold / 100.0)
}

fn new_relic(
    name: &str,
    timing: &NewRelicTiming,
    share: f64,
    facts: &mut Evidence,
) -> Option<NewRelicConfig> {
    let named = |what: &str| format!("{name}: {what}");
    let threshold_duration = facts.input(named("threshold duration"), timing.threshold_duration.as_ref()?);
    let minute = Duration::from_secs(60);
    let window = facts.input_or(
        named("window"),
        timing.window.as_ref(),
        minute,
        "aggregation_window is 60 s, New Relic's default",
    );
    let aggregation = timing.aggregation();
    let method = if aggregation == Aggregation::EventTimer {
        Method::EventTimer(facts.input_or(
            named("timer"),
            timing.timer.as_ref(),
            minute,
            "aggregation_timer is 60 s, New Relic's default",
        ))
    } else if let (None, Some(offset)) = (&timing.delay, &timing.evaluation_offset) {
        // The older method: a window is evaluated by the clock, a number of windows later.
        Method::Cadence(window * facts.input(named("evaluation offset in windows"), offset))
    } else {
        let delay = facts.input_or(
            named("delay"),
            timing.delay.as_ref(),
            minute * 2,
            "aggregation_delay is 120 s, New Relic's default",
        );
        match aggregation {
            Aggregation::Cadence => Method::Cadence(delay),
            _ => Method::EventFlow(delay),
        }
    };
    let opens = timing
        .opens_on_expiration
        .as_ref()
        .is_some_and(|opens| opens.value);
    Some(NewRelicConfig {
        slide: timing.slide_by.as_ref().map_or(window, |slide| slide.value),
        window,
        method,
        threshold_duration,
        all: !timing.once(),
        share,
        loss_of_signal: timing
            .expiration
            .as_ref()
            .filter(|_| opens)
            .map(|e| facts.input(named("loss of signal after"), e)),
    })
}

fn prometheus(name: &str, timing: &PrometheusTiming, share: f64, facts: &mut Evidence) -> PrometheusConfig {
    let named = |what: &str| format!("{name}: {what}");
    let minute = Duration::from_secs(60);
    let mut shortest = timing.range.as_ref().map(|range| range.value);
    let expression = if timing.burn.is_empty() {
        let range = timing.range.as_ref();
        Expression::Share {
            range: range.map_or(Duration::ZERO, |range| facts.input(named("range"), range)),
            share,
        }
    } else {
        shortest = timing.burn.iter().map(|pair| pair.value.short).min();
        let pair = |fact: &Fact<BurnWindows>| facts.input(named("burn rate"), fact);
        Expression::Burn(timing.burn.iter().map(pair).collect())
    };
    // A range with fewer than two samples has no rate; the author of the rule cannot have intended that.
    let (scrape, why) = match shortest {
        Some(range) if range < minute * 2 => (
            (range / 4).max(Duration::from_secs(1)),
            "its metrics are scraped four times within its range: no scrape interval is declared, and with the default of 1 min the range would hold too few samples for a rate",
        ),
        _ => (minute, "scrape_interval is 1 min, Prometheus' default"),
    };
    PrometheusConfig {
        scrape: facts.input_or(named("scrape"), timing.scrape.as_ref(), scrape, why),
        evaluation: facts.input_or(
            named("evaluation"),
            timing.evaluation.as_ref(),
            minute,
            "evaluation_interval is 1 min, Prometheus' default",
        ),
        hold: timing
            .hold
            .as_ref()
            .map_or(Duration::ZERO, |hold| facts.input(named("for"), hold)),
        group_wait: facts.input_or(
            named("group wait"),
            timing.group_wait.as_ref(),
            Duration::from_secs(30),
            "group_wait is 30 s, Alertmanager's default",
        ),
        expression,
        absence: timing.notices_absence,
    }
}

pub(super) fn budget(env: &Environment, service: &Service, facts: &mut Evidence) -> Option<Budget> {
    let of = |slo: &&Slo| {
        env.owner_service(&slo.owner)
            .is_some_and(|s| s.name == service.name)
    };
    let slo = env.slos.iter().filter(of).find(|slo| slo.target.is_some())?;
    let target = facts.input("objective", slo.target.as_ref()?);
    let window = facts.input_or(
        "over",
        slo.window.as_ref(),
        Duration::from_secs(30 * 86_400),
        "the objective counts over 30 days, because no window is set",
    );
    Some(Budget {
        time: error_budget(target.0, window),
        words: format!("{} over {}", target.shown(), window.shown()),
        windows: workbook(target.0, window),
    })
}

pub(super) fn scaling(
    env: &Environment,
    overlay: &Overlay,
    service: &Service,
    facts: &mut Evidence,
) -> Option<Scaling> {
    let scaler = service.autoscalers.first().map(|id| &env.autoscalers[id.0])?;
    let minimum = facts.input("minimum replicas", scaler.min.as_ref()?);
    facts.input("maximum replicas", scaler.most()?);
    if let Some(window) = &scaler.up.stabilization {
        facts.input("scale-up stabilisation", window);
    }
    let start_up = service.start_up_time.as_ref().map_or(Duration::ZERO, |time| {
        facts.input("a replica is ready after", time)
    });
    let price = overlay.prices.get("pod_hour").map(|price| {
        facts.input(
            "one replica and hour",
            &price.clone().map(|money| money.to_string()),
        );
        price.value.0
    });
    let config = common::autoscaler(env, service)?;
    Some(Scaling {
        config,
        from: minimum,
        start_up,
        price,
    })
}
