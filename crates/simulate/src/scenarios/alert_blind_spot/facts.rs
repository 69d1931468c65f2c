//! The facts that the scenario takes from the platform: the timing of each alert, the error budget, the
//! autoscaler.

use cofferdam_formulas::detection::{self, Timing};
use cofferdam_formulas::{Evidence, Shown, budget};
use cofferdam_model::alerts::Alert as Declared;
use cofferdam_model::overlay::Overlay;
use cofferdam_model::{Environment, Service, ServiceId, Share};

use super::{Budget, Scaling, common};
use crate::components::alert::{AlertConfig, Expression, NewRelicConfig, PrometheusConfig};

/// The timing of an alert, if its product is known.
pub(super) fn timing(alert: &Declared, facts: &mut Evidence) -> Option<AlertConfig> {
    match detection::timing(alert, facts)? {
        Timing::NewRelic(timing) => Some(AlertConfig::NewRelic(NewRelicConfig {
            slide: timing.slide,
            window: timing.window,
            method: timing.method,
            threshold_duration: timing.duration,
            all: timing.all,
            share: share(alert, facts),
            loss_of_signal: timing.loss_of_signal,
        })),
        Timing::Prometheus(timing) => Some(AlertConfig::Prometheus(PrometheusConfig {
            scrape: timing.scrape,
            evaluation: timing.evaluation,
            hold: timing.hold,
            group_wait: timing.group_wait,
            expression: match timing.burn.is_empty() {
                true => Expression::Share {
                    range: timing.range.unwrap_or_default(),
                    share: timing.share.unwrap_or_else(|| share(alert, facts)),
                },
                false => Expression::Burn(timing.burn),
            },
            absence: timing.absence,
        })),
        Timing::Other(_) => None,
    }
}

/// The share of bad events above which it fires: the threshold of a query for a percentage, otherwise 5 %.
fn share(alert: &Declared, facts: &mut Evidence) -> f64 {
    let percentage = alert
        .query
        .as_ref()
        .is_some_and(|query| query.value.to_ascii_lowercase().contains("percentage"));
    let threshold = alert
        .threshold
        .as_ref()
        .map(|t| t.value)
        .filter(|t| percentage && *t > 0.0 && *t < 100.0);
    if threshold.is_none() {
        let name = &alert.name.value;
        facts.assume(format!(
            "{name} fires above 5 % of bad requests: its threshold is not a percentage"
        ));
    }
    threshold.map_or(0.05, |threshold| threshold / 100.0)
}

pub(super) fn budget(env: &Environment, id: ServiceId, facts: &mut Evidence) -> Option<Budget> {
    let objective = budget::objective(budget::slo_of(env, Some(id))?, facts)?;
    Some(Budget {
        time: objective.budget(),
        words: format!(
            "{} over {}",
            Share(objective.target).shown(),
            objective.window.shown()
        ),
        windows: objective.page(),
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
    let start_up = common::start_up(service, "a replica is ready after", facts);
    common::assume_autoscaler(facts);
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
