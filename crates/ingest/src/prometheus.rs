//! Prometheus and Alertmanager: rule files, the server's settings, the tree of routes. Rules in Kubernetes
//! objects are the same groups and are read here too.

use crate::alertmanager::{self, Routes};
use crate::facts::NodeFacts as _;
use crate::objectives;
use crate::promql;
use cofferdam_model::alerts::{Alert, MetricSource, PrometheusTiming, Timing};
use cofferdam_model::workload::ServicePort;
use cofferdam_model::{Fact, Owner, Parts, Span, units};
use cofferdam_syntax::tree::{Node, Style, Value};
use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

/// Labels that name the service an alert is about.
const SERVICE_LABELS: &[&str] = &[
    "service",
    "app",
    "application",
    "component",
    "app_kubernetes_io_name",
];

/// Reads a file of rules, of the server's settings or of Alertmanager's.
pub fn read(node: &Node) -> Parts {
    let mut parts = Parts::default();
    interpret(node, &mut parts);
    parts
}

/// The same into `env`; returns whether the tree is one.
pub fn interpret(node: &Node, parts: &mut Parts) -> bool {
    let mut known = false;
    if let Some(operations) = bosh(node) {
        for value in operations {
            // One group, or a list of them.
            for group in std::iter::once(value).chain(value.items()) {
                group_of(group, &Owner::default(), parts);
            }
        }
        known = true;
    }
    if is_rules(node) {
        groups(node.get("groups"), &Owner::default(), parts);
        known = true;
    }
    if is_server(node) {
        server(node, parts);
        known = true;
    }
    if is_alertmanager(node) {
        alertmanager::read(node, parts);
        known = true;
    }
    if is_sloth(node) {
        objectives::sloth(node, node.span, parts);
        known = true;
    }
    known
}

/// Whether a tree is one that [`interpret`] reads.
pub fn is_prometheus(node: &Node) -> bool {
    is_rules(node) || is_server(node) || is_alertmanager(node) || is_sloth(node) || bosh(node).is_some()
}

/// The groups of rules that a file of operations for BOSH adds to the properties of a job, if that is what it does.
fn bosh(node: &Node) -> Option<Vec<&Node>> {
    let operations: Vec<&Node> = node
        .items()
        .iter()
        .filter(|operation| operation.get("type").is_some())
        .filter(|operation| {
            let path = operation.get("path").and_then(Node::as_str);
            path.is_some_and(|path| path.starts_with('/') && path.contains("rules"))
        })
        .filter_map(|operation| operation.get("value"))
        .filter(|value| has_rules(value) || value.items().iter().any(has_rules))
        .collect();
    (!operations.is_empty()).then_some(operations)
}

/// Whether a tree is a group of rules.
fn has_rules(group: &Node) -> bool {
    let rules = group.get("rules").map_or(&[][..], Node::items);
    rules
        .iter()
        .any(|r| r.get("expr").is_some() && (r.get("alert").is_some() || r.get("record").is_some()))
}

fn is_rules(node: &Node) -> bool {
    let groups = node.get("groups").map_or(&[][..], Node::items);
    groups.iter().any(has_rules)
}

fn is_server(node: &Node) -> bool {
    let jobs = node.get("scrape_configs").map_or(&[][..], Node::items);
    jobs.iter().any(|job| job.get("job_name").is_some())
}

/// Whether a tree is the configuration of Alertmanager.
pub(crate) fn is_alertmanager(node: &Node) -> bool {
    node.at("route/receiver").is_some() && node.get("receivers").is_some_and(|r| !r.items().is_empty())
}

/// A file of Sloth's generator.
fn is_sloth(node: &Node) -> bool {
    node.get("version").and_then(Node::as_str) == Some("prometheus/v1") && node.get("slos").is_some()
}

fn duration(node: Option<&Node>) -> Option<Fact<Duration>> {
    node?.fact(units::duration)
}

/// Where the values of charts that bring a server have its intervals: kube-prometheus-stack, prometheus, Bitnami's
/// kube-prometheus, victoria-metrics-k8s-stack.
const VALUES: &[(&str, &str)] = &[
    (
        "prometheus/prometheusSpec/scrapeInterval",
        "prometheus/prometheusSpec/evaluationInterval",
    ),
    (
        "server/global/scrape_interval",
        "server/global/evaluation_interval",
    ),
    ("prometheus/scrapeInterval", "prometheus/evaluationInterval"),
    ("vmagent/spec/scrapeInterval", "vmalert/spec/evaluationInterval"),
];

/// Where the values of such charts have the configuration of Alertmanager.
const ROUTES: &[&str] = &["alertmanager/config", "alertmanagerFiles/alertmanager.yml"];

/// Takes the intervals of a server and the routes of Alertmanager from the values of the release that brings them, whose
/// chart need not be here. They may be below the name of a chart that another one brings.
pub(crate) fn values(values: &Node, parts: &mut Parts) {
    let below = values.entries().map(|(_, value)| value);
    for values in std::iter::once(values).chain(below) {
        for config in ROUTES.iter().filter_map(|path| values.at(path)) {
            // Values may be read twice, as an object's and as a release's.
            let is_known = config.get("route").is_some_and(|route| {
                (parts.alert_defaults.routes.iter())
                    .filter_map(|known| known.receiver.as_ref()?.span())
                    .any(|span| {
                        span.file == route.span.file
                            && route.span.start <= span.start
                            && span.end <= route.span.end
                    })
            });
            if !is_known && is_alertmanager(config) {
                alertmanager::read(config, parts);
            }
        }
        for (scrape, evaluation) in VALUES {
            intervals(
                duration(values.at(scrape)),
                duration(values.at(evaluation)),
                parts,
            );
        }
    }
}

/// Keeps the intervals of a server, where they are known.
pub(crate) fn intervals(
    scrape: Option<Fact<Duration>>,
    evaluation: Option<Fact<Duration>>,
    parts: &mut Parts,
) {
    let defaults = &mut parts.alert_defaults;
    defaults.scrape = scrape.or(defaults.scrape.take());
    defaults.evaluation = evaluation.or(defaults.evaluation.take());
}

/// The server's own settings and its jobs.
fn server(node: &Node, parts: &mut Parts) {
    let scrape = duration(node.at("global/scrape_interval"));
    for job in node.get("scrape_configs").map_or(&[][..], Node::items) {
        if let Some(name) = job.get("job_name")
            && let Some(text) = name.as_str()
        {
            parts.metric_sources.push(MetricSource {
                name: text.to_owned(),
                span: name.span,
                interval: duration(job.get("scrape_interval")).or_else(|| scrape.clone()),
                metrics: Vec::new(),
                reads: Vec::new(),
                services: None,
            });
        }
    }
    intervals(scrape, duration(node.at("global/evaluation_interval")), parts);
}

/// Groups of rules, in files and in PrometheusRule objects. `owner` owns those without a label for it.
pub(crate) fn groups(groups: Option<&Node>, owner: &Owner, parts: &mut Parts) {
    for group in groups.map_or(&[][..], Node::items) {
        group_of(group, owner, parts);
    }
}

fn group_of(group: &Node, owner: &Owner, parts: &mut Parts) {
    let interval = duration(group.get("interval"));
    let mut recorded = Vec::new();
    let mut reads = Vec::new();
    for rule in group.get("rules").map_or(&[][..], Node::items) {
        if let Some(name) = rule.get("record") {
            recorded.extend(name.text_fact());
            let query = rule.get("expr").and_then(Node::as_str).map(promql::read);
            reads.extend(query.into_iter().flat_map(|q| q.selects).map(|(value, _)| value));
        } else if let Some(alert) = alert(rule, interval.clone(), owner) {
            parts.alerts.push(alert);
        }
    }
    if !recorded.is_empty() {
        let name = group.get("name");
        parts.metric_sources.push(MetricSource {
            name: name
                .and_then(Node::as_str)
                .unwrap_or("recording rules")
                .to_owned(),
            span: name.map_or(group.span, |n| n.span),
            interval: interval.clone(),
            metrics: recorded,
            reads,
            services: None,
        });
    }
}

fn alert(rule: &Node, interval: Option<Fact<Duration>>, owner: &Owner) -> Option<Alert> {
    let name = rule.get("alert")?.text_fact()?;
    let expression = rule.get("expr");
    let label = |key: &str| {
        let fact = rule.get("labels")?.get(key)?.text_fact()?;
        (!fact.value.contains("{{")).then_some(fact)
    };
    let mut read = Alert {
        span: name.span().unwrap_or(rule.span),
        owner: match SERVICE_LABELS.iter().find_map(|key| label(key)) {
            Some(service) => Owner::named(service.value),
            None => owner.clone(),
        },
        severity: label("severity").or_else(|| label("priority")),
        name,
        labels: texts_of(rule),
        enabled: None,
        query: None,
        signals: Vec::new(),
        selects: Vec::new(),
        threshold: None,
        timing: Timing::Prometheus(PrometheusTiming::default()),
        notifies: Vec::new(),
        promised: promised(rule),
    };
    let mut timing = PrometheusTiming {
        evaluation: interval,
        hold: duration(rule.get("for")),
        ..PrometheusTiming::default()
    };
    if let Some(node) = expression
        && let Some(text) = node.as_str()
    {
        let query = promql::read(text);
        let fact = |(value, at): (String, Range<usize>)| Fact::declared(value, within(node, at));
        read.query = node.text_fact();
        read.signals = query.metrics.into_iter().map(fact).collect();
        read.selects = query.named.into_iter().map(fact).collect();
        read.threshold = query.threshold.map(|(n, at)| Fact::declared(n, within(node, at)));
        timing.range = query.range.map(|(d, at)| Fact::declared(d, within(node, at)));
        timing.notices_absence = query.notices_absence;
        timing.burn = query
            .burn
            .into_iter()
            .map(|windows| Fact::declared(windows, node.span))
            .collect();
    }
    read.timing = Timing::Prometheus(timing);
    Some(read)
}

/// The labels of a rule whose values are no templates.
fn texts_of(rule: &Node) -> BTreeMap<String, String> {
    let labels = rule.get("labels").into_iter().flat_map(Node::entries);
    labels
        .filter_map(|(key, value)| Some((key.text.to_string(), value.as_str()?.to_owned())))
        .filter(|(_, value)| !value.contains("{{"))
        .collect()
}

/// The place of a part of a scalar's text, if the file contains the text unchanged; otherwise the scalar's
/// own.
fn within(node: &Node, part: Range<usize>) -> Span {
    let Value::Scalar(scalar) = &node.value else {
        return node.span;
    };
    let length = (node.span.end - node.span.start) as usize;
    let start = match scalar.style {
        Style::Plain if length == scalar.text.len() => node.span.start as usize,
        Style::Quoted if length == scalar.text.len() + 2 => node.span.start as usize + 1,
        _ => return node.span,
    };
    node.span.part(start + part.start, start + part.end)
}

/// A target time in an annotation of the alert: "pages within 60 s".
fn promised(rule: &Node) -> Option<Fact<Duration>> {
    let annotations = rule.get("annotations").into_iter().flat_map(Node::entries);
    annotations.into_iter().find_map(|(_, node)| {
        let text = node.as_str()?.to_ascii_lowercase();
        let after = [
            "page", "pages", "paged", "fire", "fires", "alert", "alerts", "notify", "notified", "detect",
            "detected",
        ]
        .iter()
        .find_map(|verb| text.split_once(&format!("{verb} within ")))?
        .1;
        let words: Vec<&str> = after.split_whitespace().take(2).collect();
        let trim = |w: &str| w.trim_end_matches(['.', ',', ';', ')']).to_owned();
        let first = trim(words.first()?);
        let length = units::duration(&first)
            .or_else(|| units::duration(&format!("{first} {}", trim(words.get(1)?))))?;
        Some(Fact::declared(length, node.span))
    })
}

/// The jobs of a monitor of Kubernetes Services. Source: Prometheus Operator documentation, `jobLabel`.
fn jobs_of<'p>(source: &'p MetricSource, services: &'p [ServicePort]) -> impl Iterator<Item = &'p str> {
    let scraped = source.services.as_ref().filter(|s| !s.selector.is_empty());
    scraped.into_iter().flat_map(move |scraped| {
        let selected = services.iter().filter(|s| scraped.selector.matches(&s.labels));
        selected.map(|service| {
            let label = scraped.job_label.as_ref().and_then(|key| service.labels.get(key));
            label.map_or(service.id.name.as_str(), |label| label.value.as_str())
        })
    })
}

/// Gives every alert the settings of the server and of Alertmanager, once all have been read.
pub(crate) fn finish(parts: &mut Parts) {
    let defaults = &parts.alert_defaults;
    // A group of recording rules has the interval of its evaluation, not of a scrape.
    let (recorded, scraped): (Vec<&MetricSource>, Vec<&MetricSource>) =
        parts.metric_sources.iter().partition(|s| !s.metrics.is_empty());
    let mut jobs: BTreeMap<&str, &MetricSource> = scraped.iter().map(|s| (s.name.as_str(), *s)).collect();
    for source in &scraped {
        for job in jobs_of(source, &parts.service_ports) {
            jobs.entry(job).or_insert(source);
        }
    }
    let recorders: BTreeMap<&str, &MetricSource> = recorded
        .iter()
        .flat_map(|s| s.metrics.iter().map(move |m| (m.value.as_str(), *s)))
        .collect();
    let routes = Routes::new(&defaults.routes);
    for alert in &mut parts.alerts {
        let Timing::Prometheus(timing) = &mut alert.timing else {
            continue;
        };
        if timing.scrape.is_none() {
            // By the labels it selects, or by the labels selected in the recording rules that it reads.
            let own = alert.selects.iter().map(|s| s.value.as_str());
            let read = (alert.signals.iter())
                .filter_map(|signal| recorders.get(signal.value.as_str()))
                .flat_map(|recorder| recorder.reads.iter().map(String::as_str));
            let job = own.chain(read).find_map(|name| jobs.get(name));
            timing.scrape = job
                .and_then(|source| source.interval.clone())
                .or_else(|| defaults.scrape.clone());
        }
        if timing.evaluation.is_none() {
            timing.evaluation.clone_from(&defaults.evaluation);
        }
        let label = |name: &str| match name {
            // A rule without a severity has none.
            "severity" => Some(alert.severity.as_ref().map_or("", |f| f.value.as_str())),
            "alertname" => Some(alert.name.value.as_str()),
            _ => (alert.labels.get(name).map(String::as_str))
                .or_else(|| alert.owner.name.as_deref().filter(|_| name == "service")),
        };
        let (wait, receiver) = routes.of(&label);
        timing.group_wait = timing.group_wait.take().or(wait);
        if alert.notifies.is_empty() {
            alert.notifies.extend(receiver);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cofferdam_syntax::repo::Repo;
    use std::path::{Path, PathBuf};

    fn read(texts: &[&str]) -> (Parts, Repo) {
        let files = texts
            .iter()
            .enumerate()
            .map(|(i, t)| (PathBuf::from(format!("{i}.yaml")), t.as_bytes().to_vec()));
        let repo = Repo::from_files(files);
        let mut env = Parts::default();
        for stream in repo.yaml.values() {
            for document in &stream.documents {
                assert!(interpret(document, &mut env), "{document:?}");
            }
        }
        finish(&mut env);
        (env, repo)
    }

    const RULES: &str = "groups:\n  - name: api\n    interval: 15s\n    rules:\n      - record: api:errors:rate5m\n        expr: rate(errors_total[5m])\n      - alert: ApiErrors\n        expr: api:errors:rate5m{job=\"api\"} > 0.05\n        for: 2m\n        labels: {severity: critical, service: api}\n        annotations: {summary: \"pages within 60 seconds.\"}\n      - {alert: ApiDown, expr: 'up{job=\"api\"} == 0', labels: {severity: warning}}\n";
    const SERVER: &str = "global: {scrape_interval: 30s, evaluation_interval: 1m}\nscrape_configs: [{job_name: api, scrape_interval: 10s}, {job_name: db}]\n";
    const ALERTMANAGER: &str = "route:\n  receiver: mail\n  group_wait: 45s\n  routes:\n    - matchers: ['severity=\"critical\"']\n      receiver: pager\n      group_wait: 5s\n    - {match_re: {severity: 'warn.*'}, receiver: chat}\nreceivers: [{name: mail}]\n";

    fn timing(alert: &Alert) -> &PrometheusTiming {
        match &alert.timing {
            Timing::Prometheus(timing) => timing,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn alerts_combine_rules_server_settings_and_routes() {
        let (env, repo) = read(&[RULES, SERVER, ALERTMANAGER]);
        let [errors, down] = env.alerts.as_slice() else {
            panic!("two alerts")
        };
        let t = timing(errors);
        let seconds = |f: &Option<Fact<Duration>>| f.as_ref().map(|f| f.value.as_secs());
        assert_eq!(
            (
                seconds(&t.scrape),
                seconds(&t.evaluation),
                seconds(&t.hold),
                seconds(&t.group_wait)
            ),
            (Some(10), Some(15), Some(120), Some(5))
        );
        assert_eq!(errors.owner.name.as_deref(), Some("api"));
        assert_eq!(errors.notifies[0].value, "pager");
        assert_eq!(seconds(&errors.promised), Some(60));
        assert_eq!(errors.threshold.as_ref().unwrap().value, 0.05);
        let signal = &errors.signals[0];
        assert_eq!(repo.sources.text(signal.span().unwrap()), "api:errors:rate5m");
        assert!(timing(down).notices_absence);
        assert_eq!(down.notifies[0].value, "chat");
        assert_eq!(seconds(&timing(down).group_wait), Some(45));
    }

    #[test]
    fn the_values_of_a_release_have_the_routes_of_its_alertmanager() {
        let config = "{route: {receiver: mail, group_wait: 5m}, receivers: [{name: mail}]}";
        for text in [
            format!("alertmanager: {{config: {config}}}"),
            format!("kube-prometheus-stack: {{alertmanager: {{config: {config}}}}}"),
            format!("alertmanagerFiles: {{alertmanager.yml: {config}}}"),
        ] {
            let repo = Repo::from_files([(PathBuf::from("a.yaml"), text.clone().into_bytes())]);
            let mut parts = Parts::default();
            for _ in 0..2 {
                values(&repo.yaml[Path::new("a.yaml")].documents[0], &mut parts);
            }
            let [route] = parts.alert_defaults.routes.as_slice() else {
                panic!("one route: {text}")
            };
            assert_eq!(
                route.group_wait.as_ref().map(|f| f.value.as_secs()),
                Some(300),
                "{text}"
            );
        }
    }

    #[test]
    fn recorded_metrics_and_jobs_are_sources() {
        let (env, _) = read(&[RULES, SERVER]);
        let names: Vec<(&str, usize)> = env
            .metric_sources
            .iter()
            .map(|s| (s.name.as_str(), s.metrics.len()))
            .collect();
        assert_eq!(names, [("api", 1), ("api", 0), ("db", 0)]);
        assert_eq!(
            env.metric_sources[2].interval.as_ref().unwrap().value.as_secs(),
            30
        );
    }

    #[test]
    fn a_recorded_metric_has_the_scrape_interval_of_its_source() {
        let rules = "groups:\n  - name: api\n    interval: 45s\n    rules:\n      - {record: 'api:errors:rate5m', expr: 'rate(errors{job=\"api\"}[5m])'}\n      - {alert: A, expr: 'api:errors:rate5m > 0.1'}\n";
        let (env, _) = read(&[rules, "scrape_configs: [{job_name: api, scrape_interval: 10s}]\n"]);
        let scrape = timing(&env.alerts[0]).scrape.as_ref().map(|f| f.value.as_secs());
        assert_eq!(scrape, Some(10));
    }

    #[test]
    fn other_files_with_groups_or_routes_are_ignored() {
        for text in [
            "groups: [{name: admins, users: [a]}]",
            "route: {path: /x}",
            "scrape_configs: 3",
        ] {
            let repo = Repo::from_files([(PathBuf::from("a.yaml"), text.as_bytes().to_vec())]);
            assert!(
                !is_prometheus(&repo.yaml[Path::new("a.yaml")].documents[0]),
                "{text}"
            );
        }
    }

    #[test]
    fn rules_of_bosh_operations_are_read() {
        let rule = "{alert: A, expr: up == 0, for: 5m, labels: {severity: critical}}";
        let group = format!("{{name: g, rules: [{rule}]}}");
        for (path, value, count) in [
            (
                "/instance_groups/name=p/jobs/name=p/properties/prometheus/custom_rules?/-",
                group.clone(),
                1,
            ),
            (
                "/instance_groups/name=p/jobs/name=p/properties/prometheus/rules",
                format!("[{group}, {group}]"),
                2,
            ),
        ] {
            let (env, _) = read(&[&format!(
                "- type: replace\n  path: {path}\n  value: {value}\n- type: remove\n  path: /x\n"
            )]);
            assert_eq!(env.alerts.len(), count, "{path}");
        }
        let repo = Repo::from_files([(
            PathBuf::from("a.yaml"),
            format!("- type: replace\n  path: /instance_groups/name=p/jobs\n  value: {{rules: [{{host: a}}]}}\n- {group}\n").into_bytes(),
        )]);
        assert!(!is_prometheus(&repo.yaml[Path::new("a.yaml")].documents[0]));
    }

    #[test]
    fn the_values_of_a_release_have_the_intervals_of_its_server() {
        for text in [
            "prometheus: {prometheusSpec: {scrapeInterval: 30s, evaluationInterval: 15s}}",
            "kube-prometheus-stack: {prometheus: {prometheusSpec: {scrapeInterval: 30s, evaluationInterval: 15s}}}",
            "server: {global: {scrape_interval: 30s, evaluation_interval: 15s}}",
            "vmagent: {spec: {scrapeInterval: 30s}}\nvmalert: {spec: {evaluationInterval: 15s}}",
        ] {
            let repo = Repo::from_files([(PathBuf::from("a.yaml"), text.as_bytes().to_vec())]);
            let mut parts = Parts::default();
            values(&repo.yaml[Path::new("a.yaml")].documents[0], &mut parts);
            let defaults = &parts.alert_defaults;
            let seconds = |fact: &Option<Fact<Duration>>| fact.as_ref().map(|f| f.value.as_secs());
            assert_eq!(
                (seconds(&defaults.scrape), seconds(&defaults.evaluation)),
                (Some(30), Some(15)),
                "{text}"
            );
        }
        let mut parts = Parts::default();
        let repo = Repo::from_files([(
            PathBuf::from("a.yaml"),
            b"metrics: {scrapeInterval: 30s}".to_vec(),
        )]);
        values(&repo.yaml[Path::new("a.yaml")].documents[0], &mut parts);
        assert!(parts.alert_defaults.scrape.is_none());
    }
}
