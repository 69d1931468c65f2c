//! Service levels of New Relic.

use super::attributes::SERVICE;
use super::nrql;
use crate::facts::NodeFacts as _;
use crate::terraform::{Context, header, inner, name_of};
use cofferdam_model::alerts::Slo;
use cofferdam_model::units::Share;
use cofferdam_model::{Fact, Owner, Parts};
use cofferdam_render::hcl::{self, Resource};
use cofferdam_syntax::tree::{Node, Value};
use std::time::Duration;

/// A service level. Its target is in hundredths; New Relic counts it over a rolling window of days.
pub(super) fn service_level(context: &Context<'_>, resource: &Resource, parts: &mut Parts) {
    let body = &resource.body;
    let objective = hcl::block(body, "objective");
    let target = objective.and_then(|o| {
        o.get("target")?.fact(|text| {
            let percent: f64 = text.trim().parse().ok()?;
            (percent > 0.0 && percent <= 100.0).then_some(Share(percent / 100.0))
        })
    });
    let rolling = objective.and_then(|o| inner(o, "time_window/rolling"));
    let window = rolling.and_then(|rolling| {
        let unit = rolling.get("unit").and_then(Node::as_str).unwrap_or("DAY");
        let days = match unit.to_ascii_uppercase().as_str() {
            "DAY" => 1,
            "WEEK" => 7,
            "MONTH" => 30,
            _ => return None,
        };
        rolling.get("count")?.fact(|text| {
            let count: u32 = text.trim().parse().ok()?;
            Some(Duration::from_secs(u64::from(count) * days * 86_400))
        })
    });
    let mut owners = std::collections::BTreeSet::new();
    let mut wheres = String::new();
    for events in hcl::blocks(body, "events") {
        for part in ["valid_events", "good_events", "bad_events"] {
            for block in hcl::blocks(events, part) {
                let Some(text) = block.get("where").and_then(|w| query_text(context, w)) else {
                    continue;
                };
                for condition in nrql::parse(&format!("WHERE {text}")).conditions {
                    if SERVICE.contains(&cofferdam_syntax::tree::fold(&condition.attribute).as_str()) {
                        owners.extend(condition.values.into_iter().map(|v| v.text));
                    }
                }
                wheres.push_str(&text.to_ascii_lowercase());
            }
        }
    }
    let name = name_of(resource, &["name"]);
    let told = name.value.to_ascii_lowercase();
    let indicator = if told.contains("latency") || wheres.contains("duration") {
        Some("latency")
    } else if told.contains("availab") || told.contains("success") || wheres.contains("error") {
        Some("availability")
    } else {
        None
    };
    parts.slos.push(Slo {
        span: header(resource),
        owner: match owners.pop_first() {
            Some(only) if owners.is_empty() => Owner::named(only),
            _ => Owner::default(),
        },
        target,
        window,
        indicator: indicator.map(|i| {
            let why = "its name and its conditions show what it counts";
            Fact::inferred(i.to_owned(), header(resource), why)
        }),
        name: name.value,
        said: Default::default(),
    });
}

fn query_text(context: &Context<'_>, node: &Node) -> Option<String> {
    match &node.value {
        Value::Scalar(scalar) => Some(scalar.text.to_string()),
        Value::Unknown(_) => {
            let raw = context.place.repo.sources.text(node.span);
            raw.contains("${").then(|| raw.trim_matches('"').to_owned())
        }
        _ => None,
    }
}
