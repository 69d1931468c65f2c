//! Objects of monitoring: rules, scrape targets, routes of alerts, and service level objectives in the
//! forms of Sloth, Pyrra and OpenSLO.

use super::object::{Object, duration, selector, text};
use crate::alertmanager;
use crate::facts::NodeFacts as _;
use crate::objectives::{generated, hundredths, indicator, sloth};
use crate::prometheus;
use cofferdam_model::alerts::{MetricSource, ScrapedServices, Slo};
use cofferdam_model::delivery::{DanglingKind, Reference};
use cofferdam_model::scaling::Selector;
use cofferdam_model::{Fact, Owner, Parts, Share};
use cofferdam_syntax::tree::Node;
use cofferdam_syntax::yaml;

/// Reads an object of monitoring; returns whether it is one.
pub(super) fn interpret(object: &Object<'_>, parts: &mut Parts) -> bool {
    match (object.group, object.id.kind.as_str()) {
        ("monitoring.coreos.com", "PrometheusRule")
        | ("operator.victoriametrics.com", "VMRule")
        | ("monitoring.googleapis.com", "Rules" | "ClusterRules") => {
            prometheus::groups(object.at("spec/groups"), &Owner::default(), parts);
        }
        ("monitoring.coreos.com", "ServiceMonitor") => {
            scraped(object, "spec/endpoints", parts);
            monitored(object, parts);
        }
        ("monitoring.coreos.com", "PodMonitor") => scraped(object, "spec/podMetricsEndpoints", parts),
        ("operator.victoriametrics.com", "VMPodScrape") => scraped(object, "spec/podMetricsEndpoints", parts),
        ("operator.victoriametrics.com", "VMServiceScrape")
        | ("monitoring.googleapis.com", "PodMonitoring" | "ClusterPodMonitoring") => {
            scraped(object, "spec/endpoints", parts);
        }
        ("monitoring.coreos.com", "Prometheus") => {
            server(object, parts);
        }
        ("monitoring.coreos.com", "PrometheusAgent" | "ThanosRuler")
        | ("operator.victoriametrics.com", "VMAgent" | "VMAlert") => server(object, parts),
        ("monitoring.coreos.com", "AlertmanagerConfig")
        | ("operator.victoriametrics.com", "VMAlertmanagerConfig") => {
            if let Some(spec) = object.spec() {
                alertmanager::namespaced(spec, object.id.namespace.as_deref(), parts);
            }
        }
        ("sloth.slok.dev", "PrometheusServiceLevel") => {
            if let Some(spec) = object.spec() {
                sloth(spec, object.span, parts);
            }
        }
        ("pyrra.dev", "ServiceLevelObjective") => pyrra(object, parts),
        (group, "SLO") if group.starts_with("openslo") => open_slo(object, parts),
        _ => return false,
    }
    true
}

/// The intervals of a server.
fn server(object: &Object<'_>, parts: &mut Parts) {
    let at = |path: &str| duration(object.at(path));
    prometheus::intervals(at("spec/scrapeInterval"), at("spec/evaluationInterval"), parts);
}

/// The intervals of a server that a release brings, from the release's own values.
pub(super) fn released(object: &Object<'_>, parts: &mut Parts) {
    match (object.group, object.id.kind.as_str()) {
        ("helm.toolkit.fluxcd.io", "HelmRelease") => {
            if let Some(values) = object.at("spec/values") {
                prometheus::values(values, parts);
            }
        }
        ("argoproj.io", "Application") => {
            let one = object.at("spec/source").into_iter();
            let several = object.at("spec/sources").map_or(&[][..], Node::items);
            for source in one.chain(several) {
                if let Some(values) = source.at("helm/valuesObject") {
                    prometheus::values(values, parts);
                }
                let sources = &object.place.repo.sources;
                let text = source.at("helm/values").and_then(|text| {
                    yaml::parse_embedded(text, &sources.file(text.span.file).text, sources.chains())
                });
                for document in text.map_or_else(Vec::new, |stream| stream.documents) {
                    prometheus::values(&document, parts);
                }
            }
        }
        _ => {}
    }
}

/// Records the labels of the Services that a monitor looks for, as `key=value,…`, to be checked when all
/// Services are known. Other expressions than labels are not judged.
fn monitored(object: &Object<'_>, parts: &mut Parts) {
    let Some(node) = object.at("spec/selector") else {
        return;
    };
    let wanted = selector(node);
    let (Some(span), true) = (wanted.span, wanted.expressions.is_empty()) else {
        return;
    };
    let written = node.get("matchLabels").map_or(0, |m| m.entries().count());
    if wanted.labels.is_empty() || written > wanted.labels.len() || !object.is_whole() {
        return;
    }
    let labels: Vec<String> = wanted
        .labels
        .iter()
        .map(|(k, v)| format!("{k}={}", v.value))
        .collect();
    let elsewhere = object.at("spec/namespaceSelector").is_some();
    parts.references.push(Reference {
        subject: object.subject(),
        kind: DanglingKind::Selector,
        name: Fact::declared(labels.join(","), span),
        namespace: object.id.namespace.clone().filter(|_| !elsewhere),
        deployment: None,
        within: None,
    });
}

fn scraped(object: &Object<'_>, path: &str, parts: &mut Parts) {
    let endpoints = object.at(path).map_or(&[][..], Node::items);
    // Of several endpoints the one that is scraped most often: no delay is claimed that one of them does not have.
    let intervals = endpoints
        .iter()
        .filter_map(|e| duration(e.get("interval")).or_else(|| duration(e.get("scrape_interval"))));
    let interval = intervals.min_by_key(|fact| fact.value);
    let of_services = matches!(object.id.kind.as_str(), "ServiceMonitor" | "VMServiceScrape");
    parts.metric_sources.push(MetricSource {
        name: object.id.name.clone(),
        span: object.span,
        interval,
        metrics: Vec::new(),
        reads: Vec::new(),
        services: of_services.then(|| ScrapedServices {
            selector: object
                .at("spec/selector")
                .map_or_else(Selector::default, selector),
            job_label: object
                .at("spec/jobLabel")
                .and_then(Node::as_str)
                .map(str::to_owned),
        }),
    });
}

fn pyrra(object: &Object<'_>, parts: &mut Parts) {
    let target = object.at("spec/target").and_then(hundredths);
    let kind = object.at("spec/indicator").and_then(|n| n.entries().next());
    let owner = match object
        .at("metadata/labels")
        .and_then(|l| text(l, "pyrra.dev/service"))
    {
        Some(service) => object.owner_named(&service.value),
        None => object.owner(),
    };
    let disabled = object.at("spec/alerting/burnrates").and_then(Node::as_bool) == Some(false)
        || object.at("spec/alerting/disabled").and_then(Node::as_bool) == Some(true);
    if let (Some(target), false) = (&target, disabled) {
        let alert = generated(&object.id.name, "Pyrra", object.span, &owner, target.value);
        parts.alerts.push(alert);
    }
    parts.slos.push(Slo {
        name: object.id.name.clone(),
        owner,
        span: object.span,
        target,
        window: duration(object.at("spec/window")),
        indicator: kind.map(|(key, _)| {
            let is_latency = key.text.to_ascii_lowercase().contains("latency");
            Fact::declared(
                if is_latency { "latency" } else { "availability" }.to_owned(),
                key.span,
            )
        }),
        said: Default::default(),
    });
}

fn open_slo(object: &Object<'_>, parts: &mut Parts) {
    let Some(spec) = object.spec() else { return };
    let owner = text(spec, "service").map_or_else(|| object.owner(), |s| object.owner_named(&s.value));
    let windows = spec.get("timeWindow").map_or(&[][..], Node::items);
    for objective in spec.get("objectives").map_or(&[][..], Node::items) {
        let share = objective
            .get("target")
            .and_then(Node::f64_fact)
            .filter(|f| (0.0..=1.0).contains(&f.value))
            .map(|f| f.map(Share));
        parts.slos.push(Slo {
            name: object.id.name.clone(),
            owner: owner.clone(),
            span: object.span,
            target: share.or_else(|| objective.get("targetPercent").and_then(hundredths)),
            window: windows.iter().find_map(|w| duration(w.get("duration"))),
            indicator: Some(Fact::inferred(
                indicator(&object.id.name).to_owned(),
                object.span,
                "the objective's name shows it",
            )),
            said: Default::default(),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::read;

    #[test]
    fn rules_in_objects_are_the_same_groups() {
        let env = read(
            "apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: r}\nspec: {groups: [{name: g, rules: [{alert: A, expr: 'up == 0', for: 1m}]}]}\n---\napiVersion: monitoring.coreos.com/v1\nkind: ServiceMonitor\nmetadata: {name: web}\nspec: {endpoints: [{port: http, interval: 15s}]}\n",
        );
        assert_eq!(env.alerts[0].name.value, "A");
        assert_eq!(
            env.metric_sources[0].interval.as_ref().unwrap().value.as_secs(),
            15
        );
    }

    #[test]
    fn a_job_has_the_interval_of_the_monitor_of_its_service() {
        let scrape = |more: &str, job: &str| {
            let env = super::super::tests::finished(&format!(
                "apiVersion: monitoring.coreos.com/v1\nkind: ServiceMonitor\nmetadata: {{name: m}}\nspec: {{selector: {{matchLabels: {{app: web}}}}, endpoints: [{{port: http, interval: 15s}}]{more}}}\n---\napiVersion: v1\nkind: Service\nmetadata: {{name: web-metrics, labels: {{app: web, team: shop}}}}\nspec: {{selector: {{app: web}}}}\n---\napiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {{name: r}}\nspec: {{groups: [{{name: g, rules: [{{alert: A, expr: 'up{{job=\"{job}\"}} == 0'}}]}}]}}\n"
            ));
            match &env.alerts[0].timing {
                cofferdam_model::alerts::Timing::Prometheus(timing) => {
                    timing.scrape.as_ref().map(|fact| fact.value.as_secs())
                }
                _ => None,
            }
        };
        assert_eq!(scrape("", "web-metrics"), Some(15));
        assert_eq!(scrape("", "other"), None);
        assert_eq!(scrape(", jobLabel: team", "shop"), Some(15));
    }

    #[test]
    fn objects_of_victoria_metrics_are_those_of_prometheus() {
        let env = read(
            "apiVersion: operator.victoriametrics.com/v1beta1\nkind: VMRule\nmetadata: {name: r}\nspec: {groups: [{name: g, rules: [{alert: A, expr: 'up == 0', for: 1m}]}]}\n---\napiVersion: operator.victoriametrics.com/v1beta1\nkind: VMServiceScrape\nmetadata: {name: web}\nspec: {endpoints: [{port: http, interval: 30s}, {port: more, scrape_interval: 15s}]}\n---\napiVersion: operator.victoriametrics.com/v1beta1\nkind: VMAlertmanagerConfig\nmetadata: {name: c, namespace: n}\nspec: {route: {receiver: a, group_wait: 5s}, receivers: [{name: a}]}\n",
        );
        assert_eq!(env.alerts[0].name.value, "A");
        // The endpoint that is scraped most often.
        let interval = env.metric_sources[0].interval.as_ref();
        assert_eq!(interval.map(|f| f.value.as_secs()), Some(15));
        let matchers = &env.alert_defaults.routes[0].matchers;
        assert_eq!(
            (matchers[0].label.as_str(), matchers[0].value.as_str()),
            ("namespace", "n")
        );
    }

    #[test]
    fn objectives_of_all_tools_are_shares() {
        let env = read(
            "apiVersion: sloth.slok.dev/v1\nkind: PrometheusServiceLevel\nmetadata: {name: s}\nspec:\n  service: api\n  slos: [{name: requests-latency, objective: 99.9, alerting: {name: Slow}}, {name: ok, objective: 99.95, alerting: {pageAlert: {disable: true}}}]\n---\napiVersion: pyrra.dev/v1alpha1\nkind: ServiceLevelObjective\nmetadata: {name: p}\nspec: {target: '99', window: 4w, indicator: {ratio: {}}}\n---\napiVersion: openslo/v1\nkind: SLO\nmetadata: {name: o}\nspec: {service: web, timeWindow: [{duration: 28d}], objectives: [{target: 0.995}]}\n",
        );
        let shown: Vec<(&str, String, u64)> = env
            .slos
            .iter()
            .map(|s| {
                let days = s.window.as_ref().unwrap().value.as_secs() / 86_400;
                (
                    s.name.as_str(),
                    s.target.as_ref().unwrap().value.to_string(),
                    days,
                )
            })
            .collect();
        assert_eq!(
            shown,
            [
                ("requests-latency", "99.9 %".to_owned(), 30),
                ("ok", "99.95 %".to_owned(), 30),
                ("p", "99 %".to_owned(), 28),
                ("o", "99.5 %".to_owned(), 28),
            ]
        );
        let alerts: Vec<&str> = env.alerts.iter().map(|a| a.name.value.as_str()).collect();
        assert_eq!(alerts, ["Slow", "p"]);
        // 14.4 × (1 − 0.999) = 0.0144.
        let threshold = env.alerts[0].threshold.as_ref().unwrap().value;
        assert!((threshold - 0.0144).abs() < 1e-9);
    }

    #[test]
    fn a_release_has_the_intervals_of_the_server_that_it_brings() {
        let values = "prometheus: {prometheusSpec: {scrapeInterval: 20s}}";
        for object in [
            format!("apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {{name: m}}\nspec: {{values: {{{values}}}}}\n"),
            format!("apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {{name: m}}\nspec: {{source: {{helm: {{valuesObject: {{{values}}}}}}}}}\n"),
            format!("apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {{name: m}}\nspec:\n  sources:\n    - helm:\n        values: |\n          {values}\n"),
            "apiVersion: operator.victoriametrics.com/v1beta1\nkind: VMAgent\nmetadata: {name: m}\nspec: {scrapeInterval: 20s}\n".to_owned(),
        ] {
            let env = read(&object);
            let scrape = env.alert_defaults.scrape.as_ref().map(|f| f.value.as_secs());
            assert_eq!(scrape, Some(20), "{object}");
        }
    }
}
