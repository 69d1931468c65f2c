//! New Relic's provider: alert conditions with the timing that decides when they page, their receivers,
//! service levels, synthetic monitors.

mod attributes;
mod conditions;
mod levels;
mod nrql;
mod routes;

use super::{Context, header, name_of};
use crate::facts::NodeFacts as _;
use cofferdam_model::alerts::MetricSource;
use cofferdam_model::{Fact, Parts};
use cofferdam_render::hcl::Resource;
use conditions::{nrql_condition, older_condition};
use levels::service_level;
use routes::routes;
use std::time::Duration;

/// Reads all New Relic resources.
pub(super) fn fill(context: &Context<'_>, parts: &mut Parts) {
    let routes = routes(context);
    for resource in context.managed("newrelic_nrql_alert_condition") {
        nrql_condition(context, resource, &routes, parts);
    }
    for kind in ["newrelic_alert_condition", "newrelic_infra_alert_condition"] {
        for resource in context.managed(kind) {
            older_condition(context, resource, &routes, parts);
        }
    }
    for resource in context.managed("newrelic_service_level") {
        service_level(context, resource, parts);
    }
    for kind in [
        "newrelic_synthetics_monitor",
        "newrelic_synthetics_script_monitor",
        "newrelic_synthetics_step_monitor",
        "newrelic_synthetics_cert_check_monitor",
    ] {
        for resource in context.managed(kind) {
            monitor(resource, parts);
        }
    }
}

/// A synthetic monitor is a source of data with its own interval.
fn monitor(resource: &Resource, parts: &mut Parts) {
    let period = resource.body.get("period").and_then(|node| {
        node.fact(|text| {
            let minutes = match text {
                "EVERY_MINUTE" => 1,
                "EVERY_5_MINUTES" => 5,
                "EVERY_10_MINUTES" => 10,
                "EVERY_15_MINUTES" => 15,
                "EVERY_30_MINUTES" => 30,
                "EVERY_HOUR" => 60,
                "EVERY_6_HOURS" => 360,
                "EVERY_12_HOURS" => 720,
                "EVERY_DAY" => 1440,
                _ => return None,
            };
            Some(Duration::from_secs(minutes * 60))
        })
    });
    parts.metric_sources.push(MetricSource {
        name: name_of(resource, &["name"]).value,
        span: header(resource),
        interval: period,
        metrics: vec![Fact::declared("SyntheticCheck".to_owned(), header(resource))],
        reads: Vec::new(),
        services: None,
    });
}

#[cfg(test)]
mod tests;
