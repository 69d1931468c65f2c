//! Alerts in deployment files and settings. The shape: a name, and a query, a condition or a metric with a
//! threshold. Fields of New Relic's conditions are read as such wherever they are.

use super::aliases;
use super::fields::{Bare, field, text, time};
use super::{Section, said};
use crate::facts::NodeFacts as _;
use crate::naming::names_a_part;
use crate::parts::same_owner;
use cofferdam_model::alerts::{Alert, NewRelicTiming, Timing};
use cofferdam_model::{Fact, Parts, Span};
use cofferdam_syntax::tree::{Node, fold};

/// A condition with one of these fields is New Relic's.
const NEW_RELIC: aliases::Aliases = &[
    "aggregationwindow",
    "aggregationdelay",
    "aggregationmethod",
    "aggregationtimer",
    "thresholdduration",
    "thresholdoccurrences",
    "slideby",
    "nrql",
    "expirationduration",
    "fillvalue",
    "filloption",
];

const QUERY: aliases::Aliases = &["nrql", "query", "nrqlquery", "expression", "expr", "condition"];

pub(super) fn read(section: &Section<'_>, parts: &mut Parts) -> bool {
    // Kubernetes' conditions, and notification settings, are maps of other things.
    let mut any = false;
    for (name, span, item) in section.node.named_items() {
        if let Some(alert) = one(name, span, item, section) {
            any = true;
            parts.alerts.retain(|a| {
                !(a.name.value == alert.name.value
                    && same_owner(&a.owner, &alert.owner)
                    && a.span.file == alert.span.file)
            });
            parts.alerts.push(alert);
        }
    }
    any
}

fn one(name: &str, span: Span, item: &Node, section: &Section<'_>) -> Option<Alert> {
    item.as_map()?;
    let (query, query_place) = match field(item, QUERY) {
        Some((_, node)) if node.as_map().is_some() => (
            field(node, &["query", "nrql", "expression", "value"]).map(|(_, n)| n)?,
            node,
        ),
        Some((_, node)) => (node, item),
        None => (
            field(item, &["metric", "signal", "metricname"]).map(|(_, n)| n)?,
            item,
        ),
    };
    let query = query.text_fact()?;
    let critical = critical(item);
    let places: Vec<&Node> = [
        Some(item),
        critical,
        item.like("signal"),
        Some(query_place),
        item.like("expiration"),
        item.like("nrqlcondition"),
    ]
    .into_iter()
    .flatten()
    .filter(|n| n.as_map().is_some())
    .collect();
    let is_nrql = is_nrql(&query.value);
    let new_relic = is_nrql || places.iter().any(|p| p.like_any(NEW_RELIC).is_some());
    let threshold = threshold(&places).or_else(|| in_condition(&query).map(|(_, n)| n));
    let hold_or_window = places.iter().any(|p| {
        p.like_any(&["duration", "for", "window", "severity", "priority", "channels"])
            .is_some()
    });
    // A name and a query alone belong to a dashboard.
    if threshold.is_none() && !new_relic && !hold_or_window {
        return None;
    }
    let signals = match in_condition(&query) {
        Some((signal, _)) if !is_nrql => vec![signal],
        _ => signals(&query),
    };
    Some(Alert {
        name: text(item, aliases::NAME).unwrap_or_else(|| said(name, span)),
        span,
        owner: section.owner_of(item),
        severity: text(item, &["severity", "priority", "level"]).or_else(|| {
            critical
                .filter(|c| !std::ptr::eq(*c, item))
                .map(|c| said("critical", c.span))
        }),
        labels: std::collections::BTreeMap::new(),
        enabled: field(item, &["enabled"]).and_then(|(_, n)| n.bool_fact()),
        selects: selects(&query),
        signals,
        query: Some(query),
        threshold,
        timing: if new_relic {
            Timing::NewRelic(new_relic_timing(&places))
        } else {
            generic(&places)
        },
        notifies: notifies(item),
        promised: None,
    })
}

/// The critical threshold's section: `critical: {…}`, or the critical item of `terms`/`thresholds`.
fn critical(item: &Node) -> Option<&Node> {
    if let Some((_, node)) =
        field(item, &["critical", "criticalthreshold"]).filter(|(_, n)| n.as_map().is_some())
    {
        return Some(node);
    }
    let (_, list) = field(item, &["terms", "thresholds", "threshold"])?;
    if list.as_map().is_some() {
        return field(list, &["critical"]).map(|(_, n)| n).or(Some(list));
    }
    let is_critical = |term: &&Node| {
        text(term, &["priority", "severity", "level"])
            .is_some_and(|p| p.value.eq_ignore_ascii_case("critical"))
    };
    list.items().iter().find(is_critical).or(list.items().first())
}

fn threshold(places: &[&Node]) -> Option<Fact<f64>> {
    places.iter().find_map(|place| {
        let (_, node) = field(
            place,
            &[
                "threshold",
                "criticalthreshold",
                "thresholdvalue",
                "value",
                "critical",
            ],
        )?;
        node.fact(|t| {
            t.trim()
                .trim_end_matches('%')
                .trim()
                .parse()
                .ok()
                .filter(|n: &f64| n.is_finite())
        })
    })
}

/// `vpc_connector_utilization > 90%`: the signal and the number.
fn in_condition(query: &Fact<String>) -> Option<(Fact<String>, Fact<f64>)> {
    let at = query.value.find(['>', '<'])?;
    let signal = query.value[..at].trim();
    let number = query.value[at..].trim_start_matches(['>', '<', '=', ' ']);
    let digits: String = number
        .chars()
        .take_while(|c| c.is_ascii_digit() || *c == '.')
        .collect();
    let number: f64 = digits.parse().ok()?;
    let plain = !signal.is_empty()
        && signal
            .chars()
            .all(|c| c.is_alphanumeric() || matches!(c, '_' | '.' | ':' | '-'));
    plain.then(|| {
        (
            Fact {
                value: signal.to_owned(),
                source: query.source.clone(),
            },
            Fact {
                value: number,
                source: query.source.clone(),
            },
        )
    })
}

fn is_nrql(query: &str) -> bool {
    let upper = query.to_ascii_uppercase();
    upper.contains("SELECT ") && upper.contains(" FROM ")
}

fn new_relic_timing(places: &[&Node]) -> NewRelicTiming {
    let find_time = |names: aliases::Aliases| places.iter().find_map(|p| time(p, names, Bare::Seconds));
    let find_text = |names: aliases::Aliases| {
        places
            .iter()
            .find_map(|p| text(p, names))
            .map(|f| f.map(|t| t.to_ascii_lowercase()))
    };
    NewRelicTiming {
        window: find_time(&["aggregationwindow", "window"]),
        method: find_text(&["aggregationmethod"]),
        delay: find_time(&["aggregationdelay", "delay"]),
        timer: find_time(&["aggregationtimer"]),
        slide_by: find_time(&["slideby"]),
        evaluation_offset: places
            .iter()
            .find_map(|p| field(p, &["evaluationoffset"])?.1.u32_fact()),
        threshold_duration: find_time(&["thresholdduration"]).or_else(|| {
            places
                .iter()
                .find_map(|p| time(p, &["duration", "for"], Bare::Seconds))
        }),
        occurrences: find_text(&["thresholdoccurrences", "occurrences"]),
        expiration: find_time(&["expirationduration"]),
        opens_on_expiration: places.iter().find_map(|p| {
            field(p, &["openviolationonexpiration", "openincidentonexpiration"])?
                .1
                .bool_fact()
        }),
        fill: find_text(&["filloption"]),
        sparse: None,
    }
}

fn generic(places: &[&Node]) -> Timing {
    let find = |names: aliases::Aliases| places.iter().find_map(|p| time(p, names, Bare::Unknown));
    Timing::Generic {
        product: None,
        window: find(&["window", "evaluationwindow", "timewindow", "lookback", "period"]),
        interval: find(&["interval", "evaluationinterval", "frequency", "checkinterval"]),
        hold: find(&[
            "for",
            "duration",
            "hold",
            "holdduration",
            "forduration",
            "alertafter",
        ]),
    }
}

fn notifies(item: &Node) -> Vec<Fact<String>> {
    let Some((_, node)) = field(
        item,
        &[
            "notify",
            "notifies",
            "channels",
            "notification",
            "notifications",
            "receivers",
            "receiver",
            "notificationchannels",
            "policy",
        ],
    ) else {
        return Vec::new();
    };
    if let Some(text) = node.text_fact() {
        return vec![text];
    }
    node.items()
        .iter()
        .filter_map(|i| i.text_fact().or_else(|| text(i, aliases::NAME)))
        .collect()
}

/// Names that a query reads: in NRQL the event types and the attributes inside its functions, otherwise the
/// first word that looks like a metric.
fn signals(query: &Fact<String>) -> Vec<Fact<String>> {
    let fact = |t: &str| Fact {
        value: t.to_owned(),
        source: query.source.clone(),
    };
    let mut found: Vec<String> = Vec::new();
    let mut add = |word: &str| {
        let word = word.trim_matches(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '.')));
        if word.len() > 1
            && !word.chars().all(|c| c.is_ascii_digit() || c == '.')
            && !found.iter().any(|f| f == word)
        {
            found.push(word.to_owned());
        }
    };
    if !is_nrql(&query.value) {
        let first = query
            .value
            .split(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '.' | ':')))
            .find(|w| w.contains(['_', '.']));
        first.into_iter().for_each(&mut add);
        return found.iter().map(|f| fact(f)).collect();
    }
    let words: Vec<&str> = query.value.split_whitespace().collect();
    for pair in words.windows(2) {
        if pair[0].eq_ignore_ascii_case("from") {
            pair[1].split(',').for_each(&mut add);
        }
    }
    for part in query.value.split('(').skip(1) {
        if let Some(inner) = part
            .split([')', ','])
            .next()
            .filter(|i| !i.contains(['\'', '*', ' ']))
        {
            add(inner);
        }
    }
    found.iter().map(|f| fact(f)).collect()
}

/// Names that a query selects by: quoted texts after an `=` or in an `IN` list, of attributes that name something.
fn selects(query: &Fact<String>) -> Vec<Fact<String>> {
    let text = &query.value;
    let mut found = Vec::new();
    let mut rest = text.as_str();
    let mut names = false;
    while let Some(open) = rest.find(['\'', '"']) {
        let quote = rest[open..].chars().next().unwrap_or('\'');
        let before = rest[..open].trim_end();
        let Some(close) = rest[open + 1..].find(quote) else {
            break;
        };
        let value = &rest[open + 1..open + 1 + close];
        // A further item of a list belongs to the attribute before the list.
        if !before.ends_with(',') {
            names = names_a_part(attribute(before));
        }
        if names && before.ends_with(['=', '(', ',']) && !value.is_empty() && fold(value) != "true" {
            found.push(Fact {
                value: value.to_owned(),
                source: query.source.clone(),
            });
        }
        rest = &rest[open + 1 + close + 1..];
    }
    found
}

/// The attribute at the end of `appName =`, `job=~` or `appName IN (`.
fn attribute(before: &str) -> &str {
    let before = before.trim_end_matches(['=', '~', '(', ' ', '!']);
    let list = before.len().checked_sub(3).and_then(|at| before.get(at..));
    let before = match list.is_some_and(|word| word.eq_ignore_ascii_case(" in")) {
        true => before[..before.len() - 3].trim_end(),
        false => before,
    };
    let word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '-');
    before.rsplit(|c| !word(c)).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::tests::read;
    use super::*;
    use std::time::Duration;

    #[test]
    fn the_timing_of_new_relic_is_read_at_every_level() {
        for text in [
            "alerts: [{name: Errors, nrql: \"SELECT count(*) FROM TransactionError WHERE appName = 'data-collector'\", aggregation_window: 60, aggregation_delay: 120, critical: {operator: above, threshold: 5, threshold_duration: 300}}]",
            "alerts: {conditions: [{name: Errors, nrql: {query: \"SELECT count(*) FROM TransactionError WHERE appName = 'data-collector'\"}, signal: {aggregationWindow: 60, aggregationDelay: 120}, terms: [{priority: warning, threshold: 1, thresholdDuration: 60}, {priority: critical, threshold: 5, thresholdDuration: 300}]}]}",
        ] {
            let env = read(text);
            let [alert] = env.alerts.as_slice() else {
                panic!("{text}: {:?}", env.alerts)
            };
            let Timing::NewRelic(t) = &alert.timing else {
                panic!("{text}")
            };
            assert_eq!(
                t.window.as_ref().unwrap().value,
                Duration::from_secs(60),
                "{text}"
            );
            assert_eq!(
                t.delay.as_ref().unwrap().value,
                Duration::from_secs(120),
                "{text}"
            );
            assert_eq!(
                t.threshold_duration.as_ref().unwrap().value,
                Duration::from_secs(300),
                "{text}"
            );
            assert_eq!(alert.threshold.as_ref().unwrap().value, 5.0, "{text}");
            assert_eq!(alert.signals[0].value, "TransactionError", "{text}");
            assert_eq!(alert.selects[0].value, "data-collector", "{text}");
        }
    }

    #[test]
    fn only_attributes_that_name_something_are_names() {
        let names = |text: &str| -> Vec<String> {
            let query = said(text, Span::new(cofferdam_model::FileId(0), 0, 1));
            selects(&query).into_iter().map(|s| s.value).collect()
        };
        assert_eq!(names("rate(x{job=\"api\",path=\"orders\"}[5m])"), ["api"]);
        assert_eq!(
            names("SELECT x FROM T WHERE appName IN ('a', 'b') AND host = 'c'"),
            ["a", "b"]
        );
        assert_eq!(names("SELECT x FROM T WHERE name NOT IN ('a', 'b')"), [""; 0]);
    }

    #[test]
    fn a_generic_alert_keeps_its_times_and_its_condition() {
        // As teams write it in a deployment file.
        let env = read(
            "alerts:\n  - name: VPC Connector Capacity Critical\n    condition: vpc_connector_utilization > 90%\n    for: 5m\n    notification: immediate_page\n",
        );
        let [alert] = env.alerts.as_slice() else { panic!() };
        assert_eq!(alert.signals[0].value, "vpc_connector_utilization");
        assert_eq!(alert.threshold.as_ref().unwrap().value, 90.0);
        assert_eq!(alert.notifies[0].value, "immediate_page");
        let Timing::Generic { hold, .. } = &alert.timing else {
            panic!()
        };
        assert_eq!(hold.as_ref().unwrap().value, Duration::from_secs(300));
    }

    #[test]
    fn attributes_and_event_types_of_a_query_are_its_signals() {
        let query = said(
            "SELECT average(postgres.connections.used) / average(postgres.connections.max) * 100 FROM PostgresqlDatabaseSample",
            Span::new(cofferdam_model::FileId(0), 0, 1),
        );
        let found: Vec<_> = signals(&query).into_iter().map(|s| s.value).collect();
        assert_eq!(
            found,
            [
                "PostgresqlDatabaseSample",
                "postgres.connections.used",
                "postgres.connections.max"
            ]
        );
    }

    #[test]
    fn other_alerts_are_ignored() {
        for text in [
            "alerts: {slack: {channel: '#x'}}",
            "alerts: true",
            "alerts: [{name: a, query: x}]",
            "conditions: [{type: Ready, status: 'True'}]",
            "monitors: [{name: screen, size: 27}]",
            "alert: {name: x, severity: high}",
        ] {
            assert!(read(text).alerts.is_empty(), "{text}");
        }
    }
}
