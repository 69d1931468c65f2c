//! New Relic's provider: alert conditions with the timing that decides when they page, their receivers,
//! service levels, synthetic monitors.

use super::{Context, header, inner, name_of, nrql, seconds_fact};
use crate::facts::NodeFacts as _;
use crate::naming::names_a_part;
use cofferdam_model::alerts::{Alert, MetricSource, NewRelicTiming, Slo, Timing};
use cofferdam_model::units::{self, Share};
use cofferdam_model::{Fact, Owner, Parts, Span};
use cofferdam_render::hcl::{self, Resource};
use cofferdam_syntax::tree::{Node, Value};
use std::collections::BTreeMap;
use std::time::Duration;

/// Attributes that name the service itself.
const SERVICE: &[&str] = &[
    "app",
    "appname",
    "applicationname",
    "container",
    "containername",
    "deployment",
    "deploymentname",
    "entityname",
    "k8scontainername",
    "k8sdeploymentname",
    "labelapp",
    "labelsapp",
    "service",
    "servicename",
    "workload",
    "workloadname",
];

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

/// The receivers of each policy, by the policy's address.
type Routes<'a> = BTreeMap<&'a str, Vec<Fact<String>>>;

/// Finds the receivers of policies: workflows whose filter names the policy and whose destinations are
/// channels, or (older) channels that are attached to policies.
fn routes<'a>(context: &Context<'a>) -> Routes<'a> {
    let mut routes: Routes<'a> = BTreeMap::new();
    let mut add = |policy: &Node, who: Fact<String>| {
        if let Some(policy) = context.follow(policy, "newrelic_alert_policy", &["name"]) {
            let known = routes.entry(&policy.address).or_default();
            if !known.iter().any(|k| k.value == who.value) {
                known.push(who);
            }
        }
    };
    for link in context.managed("newrelic_alert_policy_channel") {
        let channels = link.body.get("channel_ids").map_or(&[][..], Node::items);
        for channel in channels.iter().chain(link.body.get("channel_id")) {
            if let (Some(policy), Some(channel)) = (
                link.body.get("policy_id"),
                context.follow(channel, "newrelic_alert_channel", &["name"]),
            ) {
                add(policy, name_of(channel, &["name"]));
            }
        }
    }
    for workflow in context.managed("newrelic_workflow") {
        let named: Vec<Fact<String>> = hcl::blocks(&workflow.body, "destination")
            .into_iter()
            .filter_map(|d| context.follow(d.get("channel_id")?, "newrelic_notification_channel", &["name"]))
            .map(|channel| name_of(channel, &["name"]))
            .collect();
        let named = if named.is_empty() {
            vec![name_of(workflow, &["name"])]
        } else {
            named
        };
        for filter in hcl::blocks(&workflow.body, "issues_filter") {
            for predicate in hcl::blocks(filter, "predicate") {
                for policy in predicate.get("values").map_or(&[][..], Node::items) {
                    named.iter().for_each(|who| add(policy, who.clone()));
                }
            }
        }
    }
    routes
}

fn notified(context: &Context<'_>, resource: &Resource, routes: &Routes<'_>) -> Vec<Fact<String>> {
    resource
        .body
        .get("policy_id")
        .and_then(|policy| context.follow(policy, "newrelic_alert_policy", &["name"]))
        .and_then(|policy| routes.get(policy.address.as_str()))
        .cloned()
        .unwrap_or_default()
}

fn nrql_condition(context: &Context<'_>, resource: &Resource, routes: &Routes<'_>, parts: &mut Parts) {
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
fn older_condition(context: &Context<'_>, resource: &Resource, routes: &Routes<'_>, parts: &mut Parts) {
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

/// A service level. Its target is in hundredths; New Relic counts it over a rolling window of days.
fn service_level(context: &Context<'_>, resource: &Resource, parts: &mut Parts) {
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
mod tests {
    use crate::terraform::tests::environment;
    use cofferdam_model::alerts::{NewRelicTiming, Timing};
    use std::time::Duration;

    fn seconds(timing: &NewRelicTiming) -> (Option<u64>, Option<u64>, Option<u64>) {
        let of = |f: &Option<cofferdam_model::Fact<Duration>>| f.as_ref().map(|f| f.value.as_secs());
        (
            of(&timing.window),
            of(&timing.delay),
            of(&timing.threshold_duration),
        )
    }

    const CONDITION: &str = r#"
variable "aggregation_delay" {
  type    = number
  default = 120
}

locals {
  conditions = {
    consumer_lag = {
      query     = "SELECT max(kafka.consumer_lag) FROM Metric WHERE topic = 'platform-events' AND consumerGroup = 'collectors' FACET partition"
      threshold = 10000
    }
    error_rate = {
      query     = "SELECT percentage(count(*), WHERE error IS true) FROM Transaction WHERE appName = 'data-collector'"
      threshold = 5
    }
  }
}

resource "newrelic_alert_policy" "platform" {
  name = "Platform"
}

resource "newrelic_nrql_alert_condition" "this" {
  for_each = local.conditions

  policy_id          = newrelic_alert_policy.platform.id
  name               = each.key
  description        = "On call is told within 60 seconds."
  aggregation_window = 60
  aggregation_method = "EVENT_FLOW"
  aggregation_delay  = var.aggregation_delay

  nrql {
    query = each.value.query
  }

  critical {
    operator              = "above"
    threshold             = each.value.threshold
    threshold_duration    = 300
    threshold_occurrences = "ALL"
  }
}

resource "newrelic_notification_channel" "pager" {
  name = "pagerduty"
}

resource "newrelic_workflow" "w" {
  name = "w"
  issues_filter {
    name = "f"
    type = "FILTER"
    predicate {
      attribute = "labels.policyIds"
      operator  = "EXACTLY_MATCHES"
      values    = [newrelic_alert_policy.platform.id]
    }
  }
  destination {
    channel_id = newrelic_notification_channel.pager.id
  }
}
"#;

    #[test]
    fn a_condition_has_its_timing_its_signals_and_its_receivers() {
        let env = environment(&[("monitoring/alerts.tf", CONDITION)]);
        assert_eq!(env.alerts.len(), 2);
        let lag = &env.alerts[0];
        assert_eq!(lag.name.value, "consumer_lag");
        let Timing::NewRelic(timing) = &lag.timing else {
            panic!()
        };
        assert_eq!(seconds(timing), (Some(60), Some(120), Some(300)));
        assert_eq!(timing.method.as_ref().unwrap().value, "event_flow");
        assert_eq!(timing.occurrences.as_ref().unwrap().value, "all");
        assert_eq!(lag.threshold.as_ref().unwrap().value, 10_000.0);
        let signals: Vec<&str> = lag.signals.iter().map(|s| s.value.as_str()).collect();
        assert_eq!(
            signals,
            [
                "Metric",
                "kafka.consumer_lag",
                "topic",
                "consumerGroup",
                "partition"
            ]
        );
        let selects: Vec<&str> = lag.selects.iter().map(|s| s.value.as_str()).collect();
        assert_eq!(selects, ["platform-events", "collectors"]);
        assert_eq!(lag.notifies[0].value, "pagerduty");
        assert_eq!(lag.promised.as_ref().unwrap().value, Duration::from_secs(60));
        assert_eq!(env.alerts[1].owner.name.as_deref(), Some("data-collector"));
        assert!(env.defects.is_empty(), "{:?}", env.defects);
    }

    #[test]
    fn a_value_points_at_the_line_that_sets_it() {
        let env = environment(&[("alerts.tf", CONDITION)]);
        let Timing::NewRelic(timing) = &env.alerts[0].timing else {
            panic!()
        };
        let at = |span: cofferdam_model::Span| &CONDITION[span.start as usize..span.end as usize];
        // The delay is the variable's default.
        assert_eq!(at(timing.delay.as_ref().unwrap().span().unwrap()), "120");
        assert_eq!(at(env.alerts[0].selects[0].span().unwrap()), "'platform-events'");
    }

    #[test]
    fn older_terms_count_in_minutes() {
        let env = environment(&[(
            "a.tf",
            r#"
resource "newrelic_nrql_alert_condition" "old" {
  policy_id = 1
  name      = "old"
  nrql {
    query       = "SELECT count(*) FROM TransactionError"
    since_value = "3"
  }
  term {
    priority      = "warning"
    duration      = 10
    threshold     = 1
    time_function = "any"
  }
  term {
    duration      = 5
    threshold     = 2
    time_function = "any"
  }
}
"#,
        )]);
        let Timing::NewRelic(timing) = &env.alerts[0].timing else {
            panic!()
        };
        // 5 minutes are 300 s; three windows of offset.
        assert_eq!(seconds(timing).2, Some(300));
        assert_eq!(timing.evaluation_offset.as_ref().unwrap().value, 3);
        assert_eq!(timing.occurrences.as_ref().unwrap().value, "at_least_once");
        assert!(timing.sparse.as_ref().unwrap().value);
        assert_eq!(env.alerts[0].threshold.as_ref().unwrap().value, 2.0);
        assert_eq!(env.alerts[0].severity.as_ref().unwrap().value, "critical");
    }

    #[test]
    fn a_condition_without_a_policy_and_a_misspelt_argument_are_reported() {
        let env = environment(&[(
            "emergency-alerts.tf",
            r#"
resource "newrelic_nrql_alert_condition" "pool" {
  name = "Database Connection Pool Critical"
  agregation_delay = 0
  nrql {
    query = "SELECT average(postgres.connections.used) / average(postgres.connections.max) * 100 FROM PostgresqlDatabaseSample"
  }
  critical {
    operator = "above"
    threshold = 80
    threshold_duration = 60
  }
}
"#,
        )]);
        let problems: Vec<&str> = env.defects.iter().map(|d| d.problem.as_str()).collect();
        assert_eq!(
            problems,
            [
                "requires `policy_id`, which is missing",
                "has no argument `agregation_delay`"
            ]
        );
    }

    #[test]
    fn a_query_with_an_unknown_part_still_has_its_signals() {
        let env = environment(&[(
            "a.tf",
            r#"
variable "app" {}
resource "newrelic_nrql_alert_condition" "x" {
  policy_id = 1
  name = "x"
  nrql { query = "SELECT average(duration) FROM Transaction WHERE appName = '${var.app}'" }
  critical { threshold = 1 }
}
"#,
        )]);
        let alert = &env.alerts[0];
        assert!(alert.signals.iter().any(|s| s.value == "Transaction"));
        assert_eq!(alert.owner.name, None);
        assert!(alert.query.as_ref().unwrap().value.contains("${var.app}"));
    }

    #[test]
    fn a_service_level_has_its_target_and_window() {
        let env = environment(&[(
            "slo.tf",
            r#"
resource "newrelic_service_level" "api" {
  guid = "G"
  name = "api availability"
  events {
    account_id = 1
    valid_events {
      from  = "Transaction"
      where = "appName = 'api-gateway'"
    }
    bad_events {
      from  = "Transaction"
      where = "appName = 'api-gateway' AND error IS true"
    }
  }
  objective {
    target = 99.95
    time_window {
      rolling {
        count = 7
        unit  = "DAY"
      }
    }
  }
}
"#,
        )]);
        let slo = &env.slos[0];
        assert!((slo.target.as_ref().unwrap().value.0 - 0.9995).abs() < 1e-12);
        assert_eq!(
            slo.window.as_ref().unwrap().value,
            Duration::from_secs(7 * 86_400)
        );
        assert_eq!(slo.owner.name.as_deref(), Some("api-gateway"));
        assert_eq!(slo.indicator.as_ref().unwrap().value, "availability");
    }
}
