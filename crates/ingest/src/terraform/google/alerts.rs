//! Alert policies of Cloud Monitoring.

use crate::facts::NodeFacts as _;
use crate::terraform::{Context, header, name_of};
use cofferdam_model::alerts::{Alert, Timing};
use cofferdam_model::units;
use cofferdam_model::{Fact, Owner, Parts};
use cofferdam_render::hcl::{self, Resource};
use cofferdam_syntax::tree::Node;

/// Each condition of a policy: metrics are aligned to `alignment_period`, and the condition must hold for
/// `duration`. Source: Cloud Monitoring documentation, "Behavior of metric-based alerting policies".
pub(super) fn alert_policy(context: &Context<'_>, resource: &Resource, parts: &mut Parts) {
    let body = &resource.body;
    let notifies: Vec<Fact<String>> = body
        .get("notification_channels")
        .map_or(&[][..], Node::items)
        .iter()
        .filter_map(|node| match hcl::reference(node).and_then(|r| context.at(r)) {
            Some(channel) => Some(Fact::declared(
                name_of(channel, &["display_name"]).value,
                node.span,
            )),
            None => node.text_fact(),
        })
        .collect();
    let title = name_of(resource, &["display_name"]);
    let conditions = hcl::blocks(body, "conditions");
    for condition in &conditions {
        let Some(inner) = [
            "condition_threshold",
            "condition_absent",
            "condition_monitoring_query_language",
            "condition_prometheus_query_language",
        ]
        .iter()
        .find_map(|kind| hcl::block(condition, kind)) else {
            continue;
        };
        let time = |node: &Node, key: &str| node.get(key).and_then(|n| n.fact(units::duration));
        let filter = ["filter", "query"]
            .iter()
            .find_map(|key| inner.get(key)?.text_fact());
        let name = match condition.get("display_name").and_then(Node::text_fact) {
            Some(own) if conditions.len() > 1 => own,
            _ => title.clone(),
        };
        parts.alerts.push(Alert {
            name,
            span: header(resource),
            owner: Owner::default(),
            severity: body.get("severity").and_then(Node::text_fact),
            labels: std::collections::BTreeMap::new(),
            enabled: body.get("enabled").and_then(Node::bool_fact),
            signals: filter.as_ref().map(metric_types).unwrap_or_default(),
            selects: Vec::new(),
            threshold: inner.get("threshold_value").and_then(Node::f64_fact),
            timing: Timing::Generic {
                product: Some("Cloud Monitoring"),
                window: hcl::block(inner, "aggregations").and_then(|a| time(a, "alignment_period")),
                interval: time(inner, "evaluation_interval"),
                hold: time(inner, "duration"),
            },
            query: filter,
            notifies: notifies.clone(),
            promised: None,
        });
    }
}

/// `metric.type="run.googleapis.com/request_latencies"` in a filter.
fn metric_types(filter: &Fact<String>) -> Vec<Fact<String>> {
    filter
        .value
        .split("metric.type")
        .skip(1)
        .filter_map(|rest| {
            let rest = rest.trim_start().strip_prefix('=')?.trim_start();
            let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\''))?;
            let name = rest[1..].split(quote).next()?;
            Some(filter.clone().map(|_| name.to_owned()))
        })
        .collect()
}
