//! Autoscaling sections of deployment files. The shape: a minimum or maximum number of replicas.

use super::Section;
use super::aliases;
use super::fields::{Bare, field, is_off, number, text, time};
use crate::facts::NodeFacts as _;
use crate::parts::same_owner;
use cofferdam_model::scaling::{Autoscaler, MetricKind, ScalingBehaviour, ScalingMetric, ScalingPolicy};
use cofferdam_model::workload::Amount;
use cofferdam_model::{Fact, Parts, Span, Texts};
use cofferdam_syntax::tree::{Node, fold};

pub(super) fn read(section: &Section<'_>, parts: &mut Parts) -> bool {
    let node = section.node;
    // Settings of a directory scale nothing by themselves: a chart's defaults look the same.
    let scales = section.is_deployment() || section.owner.name.is_some();
    if !scales || is_off(node) || node.as_map().is_none() {
        return false;
    }
    let limits = field(node, &["replicas", "instances", "limits"])
        .map(|(_, n)| n)
        .filter(|n| n.as_map().is_some());
    let bound = |names| number(node, names).or_else(|| limits.and_then(|l| number(l, names)));
    let (min, max) = (bound(aliases::MIN_REPLICAS), bound(aliases::MAX_REPLICAS));
    let own = section.path.last().map_or("", String::as_str);
    // `scaling: {min: 0, max: 1}` may scale anything: the words must be about replicas, or the section about
    // pods.
    let sure = own != "scaling"
        || section.is_deployment()
        || node
            .like_any(&["minreplicas", "maxreplicas", "mininstances", "maxinstances"])
            .is_some();
    if (min.is_none() && max.is_none()) || !sure {
        return false;
    }
    if let Some(min) = &min {
        section.describe("min replicas", min.as_ref().map(u32::to_string), parts);
    }
    if let Some(max) = &max {
        section.describe("max replicas", max.as_ref().map(u32::to_string), parts);
    }
    let behaviour = field(
        node,
        &["behavior", "behaviour", "scalingbehavior", "scalingbehaviour"],
    )
    .map_or(node, |(_, n)| n);
    let found = Autoscaler {
        name: section
            .owner
            .name
            .clone()
            .unwrap_or_else(|| section.key.text.to_string()),
        format: section.format.to_owned(),
        span: section.key.span,
        completeness: cofferdam_model::workload::Completeness::Fragment,
        target: None,
        workload: None,
        owner: section.owner.clone(),
        min,
        max,
        limit: None,
        metrics: metrics(node),
        up: direction(behaviour, &["scaleup", "up", "scaleout"]),
        down: direction(behaviour, &["scaledown", "down", "scalein"]),
    };
    match parts
        .autoscalers
        .iter_mut()
        .find(|a| a.format == found.format && same_owner(&a.owner, &found.owner))
    {
        Some(known) => *known = found,
        None => parts.autoscalers.push(found),
    }
    true
}

fn direction(node: &Node, names: aliases::Aliases) -> ScalingBehaviour {
    let Some((key, section)) = field(node, names) else {
        return ScalingBehaviour::default();
    };
    let policies = field(section, &["policies", "policy"]).map(|(_, n)| n);
    let single;
    let items: &[Node] = match policies {
        Some(n) if n.as_map().is_some() => {
            single = [n.clone()];
            &single
        }
        Some(n) => n.items(),
        None => {
            single = [section.clone()];
            &single
        }
    };
    ScalingBehaviour {
        stabilization: time(section, aliases::STABILIZATION, Bare::Seconds),
        policies: items.iter().filter_map(policy).collect(),
        select: text(section, &["selectpolicy", "select"]),
        span: Some(key.span),
    }
}

fn policy(node: &Node) -> Option<ScalingPolicy> {
    let period = time(node, &["period", "interval", "every"], Bare::Seconds)?;
    let (key, value) = node.like_any(&[
        "value",
        "percent",
        "percentage",
        "pods",
        "replicas",
        "instances",
        "maxpercent",
        "amount",
    ])?;
    let kind = node
        .like("type")
        .and_then(Node::as_str)
        .map(fold)
        .unwrap_or_else(|| fold(&key.text));
    let amount = value.fact(|t| {
        let number: f64 = t
            .trim()
            .trim_end_matches('%')
            .trim()
            .parse()
            .ok()
            .filter(|n: &f64| n.is_finite() && *n >= 0.0)?;
        if kind.contains("percent") || t.trim().ends_with('%') {
            Some(Amount::Percent(number))
        } else {
            t.trim().parse().ok().map(Amount::Count)
        }
    })?;
    Some(ScalingPolicy { amount, period })
}

/// Keys that may directly contain the CPU or memory target.
const RESOURCES: &[(&str, &[&str])] = &[
    (
        "cpu",
        &[
            "targetcpuutilizationpercentage",
            "targetcpuutilization",
            "targetcpupercentage",
            "targetcpupercent",
            "targetcpu",
            "cputarget",
            "cputargetutilization",
            "cpuutilization",
            "cpuutilizationtarget",
            "cpupercent",
            "cputhreshold",
            "cpu",
        ],
    ),
    (
        "memory",
        &[
            "targetmemoryutilizationpercentage",
            "targetmemoryutilization",
            "targetmemorypercentage",
            "targetmemorypercent",
            "targetmemory",
            "memorytarget",
            "memorytargetutilization",
            "memoryutilization",
            "memorypercent",
            "memorythreshold",
            "memory",
        ],
    ),
];

fn metrics(node: &Node) -> Vec<ScalingMetric> {
    let mut found = direct(node);
    if let Some((_, list)) = field(node, &["metrics", "triggers", "targets", "scalingmetrics"]) {
        if list.as_map().is_some() {
            found.extend(direct(list));
        } else {
            found.extend(list.items().iter().filter_map(item));
        }
    }
    found
}

/// Metrics under their own keys: `target_cpu: 70`, `cpu: {target: 70}`, `kafka_lag: {topic: …}`.
fn direct(node: &Node) -> Vec<ScalingMetric> {
    let mut found = Vec::new();
    for (resource, names) in RESOURCES {
        let Some((key, value)) = field(node, names) else {
            continue;
        };
        let target = if value.as_map().is_some() {
            field(value, aliases::TARGET).map(|(_, n)| n)
        } else {
            Some(value)
        };
        if let Some(target) = target.and_then(utilisation) {
            found.push(metric(resource, key.span, MetricKind::Resource, Some(target)));
        }
    }
    for (key, value) in node.entries() {
        let folded = fold(&key.text);
        let is_resource = RESOURCES
            .iter()
            .any(|(_, names)| names.contains(&folded.as_str()));
        if is_resource
            || !(folded.contains("lag")
                || folded.contains("queue")
                || folded == "kafka"
                || folded.contains("custom"))
            || folded == "metrics"
        {
            continue;
        }
        if value.as_map().is_some() {
            if value.like_any(aliases::TARGET).is_some() || value.like("topic").is_some() {
                found.push(outside(&key.text, key.span, value));
            }
        } else if let Some(target) = value.f64_fact() {
            let mut one = metric(&key.text, key.span, MetricKind::External, Some(target));
            // `lag_threshold: 1000` beside `topic` and `consumer_group`.
            one.topic = text(node, &["topic", "kafkatopic", "lagtopic"]);
            one.group = text(node, aliases::CONSUMER_GROUP);
            found.push(one);
        }
    }
    found
}

/// One item of a list of metrics: flat, or nested as in Kubernetes.
fn item(node: &Node) -> Option<ScalingMetric> {
    let kind = node
        .like("type")
        .and_then(Node::as_str)
        .map(fold)
        .unwrap_or_default();
    if let Some(nested) = node
        .like_any(&["resource", "external", "pods", "object", "containerresource"])
        .map(|(_, n)| n)
        .filter(|n| n.as_map().is_some())
    {
        let about = nested.like("metric").unwrap_or(nested);
        let (_, name) = about.like_any(aliases::NAME)?;
        let target = nested.like("target").unwrap_or(nested);
        let resource = fold(name.as_str()?);
        if matches!(resource.as_str(), "cpu" | "memory") {
            let target = field(target, aliases::TARGET).and_then(|(_, n)| utilisation(n));
            return Some(metric(&resource, name.span, MetricKind::Resource, target));
        }
        let mut found = outside(name.as_str()?, name.span, about);
        found.target = field(target, aliases::TARGET).and_then(|(_, n)| n.f64_fact());
        if kind != "external" && kind != "kafka" {
            found.kind = MetricKind::Custom;
        }
        return Some(found);
    }
    let (_, name) = node.like_any(&["name", "metric", "metricname", "type", "resource"])?;
    let written = name.as_str()?;
    let folded = fold(written);
    let resource = ["cpu", "memory"]
        .iter()
        .find(|r| folded.starts_with(**r) || kind == **r);
    if let Some(resource) = resource {
        let target = field(node, aliases::TARGET).and_then(|(_, n)| utilisation(n));
        return Some(metric(resource, name.span, MetricKind::Resource, target));
    }
    Some(outside(written, name.span, node))
}

fn outside(name: &str, span: Span, node: &Node) -> ScalingMetric {
    let mut found = metric(
        name,
        span,
        MetricKind::External,
        field(node, aliases::TARGET).and_then(|(_, n)| n.f64_fact()),
    );
    let about = [
        "metadata",
        "labels",
        "selector",
        "matchlabels",
        "dimensions",
        "tags",
    ];
    let mut places = vec![node];
    let mut at = 0;
    while at < places.len() && places.len() < 8 {
        places.extend(
            about
                .iter()
                .filter_map(|name| places[at].like(name))
                .collect::<Vec<_>>(),
        );
        at += 1;
    }
    for place in places {
        found.topic = found
            .topic
            .or_else(|| text(place, &["topic", "kafkatopic", "topicname"]));
        found.group = found.group.or_else(|| text(place, aliases::CONSUMER_GROUP));
        if !std::ptr::eq(place, node) {
            let labels = place
                .entries()
                .filter_map(|(key, value)| Some((key.text.to_string(), value.text_fact()?)));
            found.labels.extend(labels);
        }
    }
    found
}

fn metric(name: &str, span: Span, kind: MetricKind, target: Option<Fact<f64>>) -> ScalingMetric {
    ScalingMetric {
        name: Fact::declared(name.to_owned(), span),
        kind,
        target,
        topic: None,
        group: None,
        labels: Texts::new(),
    }
}

/// A utilisation target, as a share: `70`, `70%`, `0.7`.
fn utilisation(node: &Node) -> Option<Fact<f64>> {
    node.fact(|t| cofferdam_model::units::share(t).map(|s| s.0))
}

#[cfg(test)]
mod tests {
    use super::super::tests::read_deployment;
    use super::*;
    use std::time::Duration;

    /// As teams write it in a deployment file.
    const QUOTED: &str = "autoscaling:\n  min_replicas: 2\n  max_replicas: 50\n  target_cpu_utilization: 70\n  behavior:\n    scale_up:\n      stabilization_window_seconds: 60\n      policies:\n      - type: Percent\n        value: 100\n        period_seconds: 30\n";

    #[test]
    fn the_quoted_behaviour_is_read() {
        let env = read_deployment(QUOTED);
        let [a] = env.autoscalers.as_slice() else { panic!() };
        assert_eq!(
            (a.min.as_ref().unwrap().value, a.max.as_ref().unwrap().value),
            (2, 50)
        );
        assert_eq!(
            a.up.stabilization.as_ref().unwrap().value,
            Duration::from_secs(60)
        );
        assert_eq!(a.up.policies[0].amount.value, Amount::Percent(100.0));
        assert_eq!(a.up.policies[0].period.value, Duration::from_secs(30));
        assert_eq!(
            (
                a.metrics[0].name.value.as_str(),
                a.metrics[0].target.as_ref().unwrap().value
            ),
            ("cpu", 0.7)
        );
        assert_eq!(a.format, "Grand Central");
        let said: Vec<_> = env
            .descriptions
            .iter()
            .map(|d| (d.subject.as_str(), d.attribute.as_str(), d.value.value.as_str()))
            .collect();
        assert_eq!(
            said,
            [
                ("service data-collector", "min replicas", "2"),
                ("service data-collector", "max replicas", "50")
            ]
        );
    }

    #[test]
    fn a_lag_metric_gives_its_topic_and_group_in_any_spelling() {
        for text in [
            "autoscaling: {minReplicas: 2, maxReplicas: 50, metrics: [{type: kafka_lag, topic: events, consumerGroup: g, threshold: 1000}]}",
            "autoscaling: {min: 2, max: 50, metrics: {kafka_lag: {topic: events, group_id: g, lag_threshold: 1000}}}",
            "autoscaling: {min: 2, max: 50, kafka_lag: {topic: events, consumer_group: g, target: 1000}}",
            "autoscaling: {min: 2, max: 50, topic: events, consumer_group: g, lag_threshold: 1000}",
            "hpa: {min_replicas: 2, max_replicas: 50, metrics: [{type: External, external: {metric: {name: kafka_lag, selector: {matchLabels: {topic: events, consumergroup: g}}}, target: {type: AverageValue, averageValue: '1000'}}}]}",
        ] {
            let env = read_deployment(text);
            let m = env.autoscalers[0]
                .metrics
                .iter()
                .find(|m| m.kind == MetricKind::External)
                .unwrap_or_else(|| panic!("{text}"));
            assert_eq!(m.topic.as_ref().unwrap().value, "events", "{text}");
            assert_eq!(m.group.as_ref().unwrap().value, "g", "{text}");
            assert_eq!(m.target.as_ref().unwrap().value, 1000.0, "{text}");
        }
    }

    #[test]
    fn resource_metrics_are_shares_in_any_spelling() {
        for text in [
            "autoscaling: {max: 5, cpu: 70}",
            "autoscaling: {max: 5, metrics: [{type: cpu, target: 70%}]}",
            "autoscaling: {max: 5, metrics: {cpu: {target_utilization: 0.7}}}",
            "autoscaling: {max: 5, metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 70}}}]}",
        ] {
            let env = read_deployment(text);
            let m = &env.autoscalers[0].metrics[0];
            assert_eq!(
                (m.kind, m.target.as_ref().unwrap().value),
                (MetricKind::Resource, 0.7),
                "{text}"
            );
        }
    }

    #[test]
    fn a_disabled_or_unrelated_autoscaler_is_ignored() {
        for text in [
            "autoscaling: {enabled: false, min: 1, max: 5}",
            "autoscaling: true",
            "hpa: {note: none}",
        ] {
            assert!(read_deployment(text).autoscalers.is_empty(), "{text}");
        }
        assert!(
            super::super::tests::read("chart: {scaling: {min: 0, max: 10}}")
                .autoscalers
                .is_empty()
        );
    }
}
