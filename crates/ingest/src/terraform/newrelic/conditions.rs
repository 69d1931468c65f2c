//! Alert conditions of New Relic, with the timing that decides when they page, in the notation of today and
//! the older one.

use super::attributes::SERVICE;
use super::nrql;
use super::routes::{Routes, notified};
use crate::facts::NodeFacts as _;
use crate::naming::names_a_part;
use crate::terraform::{Context, header, inner, name_of, seconds_fact};
use cofferdam_model::alerts::{Alert, NewRelicTiming, Timing};
use cofferdam_model::units;
use cofferdam_model::{Fact, Owner, Parts, Span};
use cofferdam_render::hcl::{self, Resource};
use cofferdam_syntax::tree::{Node, Value};
use std::time::Duration;

pub(super) fn nrql_condition(
    context: &Context<'_>,
    resource: &Resource,
    routes: &Routes<'_>,
    parts: &mut Parts,
) {
    let body = &resource.body;
    let query = inner(body, "nrql").and_then(|nrql| query_of(context, nrql.get("query")?));
    let (term, severity) = leading_term(body);
    let mut alert = Alert {
        name: name_of(resource, &["name"]),
        span: header(resource),
        owner: Owner::default(),
        severity,
        labels: std::collections::BTreeMap::new(),
        enabled: body.get("enabled").and_then(Node::bool_fact),
        query: query.clone(),
        signals: Vec::new(),
        selects: Vec::new(),
        threshold: term.and_then(|t| t.get("threshold")?.f64_fact()),
        timing: Timing::NewRelic(NewRelicTiming::default()),
        notifies: notified(context, resource, routes),
        promised: body.get("description").and_then(promised),
    };
    let mut timing = timing(body, term);
    if let Some(query) = &query {
        let sparse = watch(context, query, &mut alert);
        timing.sparse = sparse
            .zip(query.span())
            .map(|(sparse, span)| Fact::inferred(sparse, span, "what the query counts, by its conditions"));
    }
    alert.timing = Timing::NewRelic(timing);
    parts.alerts.push(alert);
}

/// The query as Terraform evaluates it, or, if a part is only known at run time, as written: the text around
/// that part is still the query.
fn query_of(context: &Context<'_>, node: &Node) -> Option<Fact<String>> {
    if let Some(fact) = node.text_fact() {
        return Some(fact);
    }
    if !matches!(node.value, Value::Unknown(_)) {
        return None;
    }
    let raw = context.place.repo.sources.text(node.span);
    let lower = raw.to_ascii_lowercase();
    (raw.contains("${") && lower.contains("select") && lower.contains("from")).then(|| {
        let why = "the query as written: the values in `${…}` are known when Terraform runs";
        Fact::inferred(raw.trim_matches('"').to_owned(), node.span, why)
    })
}

/// The threshold that pages: the critical one, otherwise the warning, in either notation.
fn leading_term(body: &Node) -> (Option<&Node>, Option<Fact<String>>) {
    for priority in ["critical", "warning"] {
        if let Some(block) = hcl::block(body, priority) {
            return (Some(block), Some(Fact::declared(priority.to_owned(), block.span)));
        }
        let term = hcl::blocks(body, "term").into_iter().find(|term| {
            // A term without a priority is critical.
            let said = term.get("priority").and_then(Node::as_str).unwrap_or("critical");
            said.eq_ignore_ascii_case(priority)
        });
        if let Some(term) = term {
            return (Some(term), Some(Fact::declared(priority.to_owned(), term.span)));
        }
    }
    (None, None)
}

fn timing(body: &Node, term: Option<&Node>) -> NewRelicTiming {
    let seconds = |key: &str| body.get(key).and_then(seconds_fact);
    let text = |key: &str| body.get(key).and_then(Node::text_fact);
    let nrql = inner(body, "nrql");
    let offset = ["evaluation_offset", "since_value"]
        .iter()
        .find_map(|key| nrql?.get(key)?.u32_fact());
    // `duration` is the older name, in minutes.
    let duration = term.and_then(|term| {
        term.get("threshold_duration").and_then(seconds_fact).or_else(|| {
            term.get("duration")?.fact(|text| {
                let minutes: u32 = text.trim().parse().ok()?;
                Some(Duration::from_secs(u64::from(minutes) * 60))
            })
        })
    });
    // `time_function = "any"` is the older notation for "one occurrence is enough".
    let occurrences = term.and_then(|term| {
        term.get("threshold_occurrences")
            .and_then(|n| n.fact(|t| Some(t.to_ascii_lowercase())))
            .or_else(|| {
                term.get("time_function")?.fact(|text| {
                    let any = text.eq_ignore_ascii_case("any");
                    Some(if any { "at_least_once" } else { "all" }.to_owned())
                })
            })
    });
    NewRelicTiming {
        window: seconds("aggregation_window"),
        method: text("aggregation_method").map(|m| m.map(|t| t.to_ascii_lowercase())),
        delay: seconds("aggregation_delay").or_else(|| seconds("evaluation_delay")),
        timer: seconds("aggregation_timer"),
        slide_by: seconds("slide_by"),
        evaluation_offset: offset,
        threshold_duration: duration,
        occurrences,
        expiration: seconds("expiration_duration"),
        opens_on_expiration: body.get("open_violation_on_expiration").and_then(Node::bool_fact),
        fill: text("fill_option"),
        sparse: None,
    }
}

/// Fills in what the query watches; returns whether it has no data when everything works.
fn watch(context: &Context<'_>, query: &Fact<String>, alert: &mut Alert) -> Option<bool> {
    let parsed = nrql::parse(&query.value);
    let at = query.span();
    let place = |word: &nrql::Word| Fact {
        value: word.text.clone(),
        source: match at {
            Some(span) => cofferdam_model::Source::Declared(narrowed(context, span, &query.value, word)),
            None => query.source.clone(),
        },
    };
    let mut seen = std::collections::BTreeSet::new();
    for word in parsed.events.iter().chain(&parsed.attributes) {
        if seen.insert(&word.text) {
            alert.signals.push(place(word));
        }
    }
    let mut services = std::collections::BTreeSet::new();
    for condition in &parsed.conditions {
        let attribute = cofferdam_syntax::tree::fold(&condition.attribute);
        if !names_a_part(&attribute) {
            continue;
        }
        for value in &condition.values {
            if SERVICE.contains(&attribute.as_str()) && !value.text.contains(['%', '$']) {
                services.insert(value.text.clone());
            }
            alert.selects.push(place(value));
        }
    }
    if services.len() == 1 {
        alert.owner = services.pop_first().map(Owner::named).unwrap_or_default();
    }
    parsed.is_sparse()
}

/// The place of a word of the query, if the file contains the query unchanged; otherwise that of the query.
fn narrowed(context: &Context<'_>, span: Span, query: &str, word: &nrql::Word) -> Span {
    let raw = context.place.repo.sources.text(span);
    match raw.find(query) {
        Some(offset) => {
            let start = span.start as usize + offset;
            span.part(start + word.start, start + word.end)
        }
        None => span,
    }
}

/// A time in a text within which an alert is promised: `page within 60 seconds`.
fn promised(node: &Node) -> Option<Fact<Duration>> {
    node.fact(|text| {
        let words: Vec<String> = text
            .split_whitespace()
            .map(|w| w.trim_matches(|c: char| !c.is_alphanumeric()).to_lowercase())
            .collect();
        let at = words.iter().position(|w| w == "within")?;
        let tells = ["page", "told", "tell", "alert", "notif", "detect", "fire"];
        if !words[..at].iter().any(|w| tells.iter().any(|t| w.starts_with(t))) {
            return None;
        }
        let number = words.get(at + 1)?;
        units::duration(number).or_else(|| units::duration(&format!("{number} {}", words.get(at + 2)?)))
    })
}

/// Conditions on applications and hosts, older than NRQL: the time is in minutes.
pub(super) fn older_condition(
    context: &Context<'_>,
    resource: &Resource,
    routes: &Routes<'_>,
    parts: &mut Parts,
) {
    let body = &resource.body;
    let (term, severity) = leading_term(body);
    let hold = term.and_then(|t| {
        t.get("duration")?.fact(|text| {
            let minutes: u32 = text.trim().parse().ok()?;
            Some(Duration::from_secs(u64::from(minutes) * 60))
        })
    });
    let signals = ["metric", "event", "select", "process_where", "where"]
        .iter()
        .filter_map(|key| body.get(key)?.text_fact())
        .collect();
    parts.alerts.push(Alert {
        name: name_of(resource, &["name"]),
        span: header(resource),
        owner: Owner::default(),
        severity,
        labels: std::collections::BTreeMap::new(),
        enabled: body.get("enabled").and_then(Node::bool_fact),
        query: None,
        signals,
        selects: Vec::new(),
        threshold: term
            .and_then(|t| t.get("threshold").or_else(|| t.get("value")))
            .and_then(Node::f64_fact),
        timing: Timing::Generic {
            product: Some("New Relic condition"),
            window: None,
            interval: None,
            hold,
        },
        notifies: notified(context, resource, routes),
        promised: body.get("description").and_then(promised),
    });
}
