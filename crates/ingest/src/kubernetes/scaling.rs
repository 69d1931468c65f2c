//! Objects that change the number of replicas or limit the change: HorizontalPodAutoscaler in all its
//! versions, KEDA, Knative's annotations, PodDisruptionBudget.

use super::describe;
use super::object::{Object, is_true, seconds, selector, text, texts};
use crate::facts::NodeFacts as _;
use cofferdam_model::delivery::DanglingKind;
use cofferdam_model::scaling::{
    Autoscaler, DisruptionBudget, MetricKind, ScalingBehaviour, ScalingMetric, ScalingPolicy, Selector,
};
use cofferdam_model::workload::{Amount, Completeness, ObjectId};
use cofferdam_model::{Bytes, Cpu, Fact, Owner, Parts, Texts};
use cofferdam_syntax::tree::{Node, folds_to};

/// Labels and trigger settings that name a Kafka topic or a consumer group, folded.
const TOPIC: &[&str] = &["topic", "kafkatopic", "topicname"];
const GROUP: &[&str] = &[
    "consumergroup",
    "group",
    "groupid",
    "consumergroupid",
    "kafkaconsumergroup",
];

/// Reads an autoscaler or budget; returns whether the object is one.
pub(super) fn interpret(object: &Object<'_>, parts: &mut Parts) -> bool {
    match object.id.kind.as_str() {
        "HorizontalPodAutoscaler" => horizontal(object, parts),
        "ScaledObject" if object.group == "keda.sh" || object.group == "keda.k8s.io" => keda(object, parts),
        "VerticalPodAutoscaler" => vertical(object, parts),
        "PodDisruptionBudget" => budget(object, parts),
        "PriorityClass" if object.group == "scheduling.k8s.io" => {
            if is_true(object.node, "globalDefault") {
                parts.default_priority = Some(Fact::declared(object.id.name.clone(), object.span));
            }
        }
        _ => return false,
    }
    true
}

/// An autoscaler of which only the identity is known.
fn named(object: &Object<'_>, format: &str) -> Autoscaler {
    Autoscaler {
        name: object.id.name.clone(),
        format: format.to_owned(),
        span: object.span,
        completeness: object.place.completeness,
        target: None,
        workload: None,
        owner: Owner::default(),
        min: None,
        max: None,
        limit: None,
        metrics: Vec::new(),
        up: ScalingBehaviour::default(),
        down: ScalingBehaviour::default(),
    }
}

fn target(object: &Object<'_>, node: Option<&Node>, default_kind: &str) -> Option<Fact<ObjectId>> {
    let node = node?;
    let kind = node.get("kind").and_then(Node::as_str).unwrap_or(default_kind);
    Some(text(node, "name")?.map(|name| ObjectId {
        kind: kind.to_owned(),
        namespace: object.id.namespace.clone(),
        deployment: None,
        name,
    }))
}

fn push(mut autoscaler: Autoscaler, object: &Object<'_>, parts: &mut Parts) {
    if let Some(target) = &autoscaler.target {
        autoscaler.owner = object.owner_named(&target.value.name);
        if object.is_whole() {
            let scaled = target.value.clone();
            for (attribute, value) in [
                ("min replicas", &autoscaler.min),
                ("max replicas", &autoscaler.max),
            ] {
                if let Some(value) = describe::shown(value) {
                    describe::state(parts, &scaled, attribute, value, &autoscaler.format);
                }
            }
        }
    }
    parts.autoscalers.push(autoscaler);
}

fn horizontal(object: &Object<'_>, parts: &mut Parts) {
    let mut autoscaler = named(object, "HorizontalPodAutoscaler");
    autoscaler.target = target(object, object.at("spec/scaleTargetRef"), "");
    autoscaler.min = object.at("spec/minReplicas").and_then(Node::u32_fact);
    autoscaler.max = object.at("spec/maxReplicas").and_then(Node::u32_fact);
    if let Some(node) = object.at("spec/targetCPUUtilizationPercentage") {
        autoscaler.metrics.push(ScalingMetric {
            name: Fact::declared("cpu".to_owned(), node.span),
            kind: MetricKind::Resource,
            target: node.f64_fact().map(|f| f.map(|percent| percent / 100.0)),
            topic: None,
            group: None,
            labels: Texts::new(),
        });
    }
    for node in object.at("spec/metrics").map_or(&[][..], Node::items) {
        autoscaler.metrics.extend(metric(node));
    }
    behaviour(&mut autoscaler, object.at("spec/behavior"));
    push(autoscaler, object, parts);
}

/// A metric of `autoscaling/v2`, or of the beta versions, which have other names for their targets.
fn metric(node: &Node) -> Option<ScalingMetric> {
    let (kind, source) = ["resource", "containerResource", "pods", "object", "external"]
        .iter()
        .find_map(|key| Some((*key, node.get(key)?)))?;
    let resource = matches!(kind, "resource" | "containerResource");
    let name = if resource {
        text(source, "name")?
    } else {
        source
            .get("metric")
            .and_then(|m| text(m, "name"))
            .or_else(|| text(source, "metricName"))?
    };
    let goal = source.get("target");
    let share = goal
        .and_then(|t| t.get("averageUtilization"))
        .or_else(|| source.get("targetAverageUtilization"))
        .and_then(Node::f64_fact)
        .map(|f| f.map(|percent| percent / 100.0));
    let number = || {
        let inner = goal.and_then(|t| t.get("averageValue").or_else(|| t.get("value")));
        inner
            .or_else(|| source.get("targetAverageValue"))
            .or_else(|| source.get("targetValue"))
            .or_else(|| source.get("averageValue"))?
            .fact(|t| {
                if resource && name.value == "memory" {
                    Bytes::parse(t).map(|b| b.0 as f64)
                } else {
                    quantity(t)
                }
            })
    };
    let selected = source
        .at("metric/selector")
        .or_else(|| source.get("metricSelector"))
        .or_else(|| source.get("selector"))
        .map(selector)
        .unwrap_or_default();
    let labels = labels_of(selected);
    Some(ScalingMetric {
        target: share.or_else(number),
        kind: match kind {
            "resource" | "containerResource" => MetricKind::Resource,
            "external" => MetricKind::External,
            _ => MetricKind::Custom,
        },
        topic: one_of(&labels, TOPIC),
        group: one_of(&labels, GROUP),
        name,
        labels,
    })
}

/// `matchLabels` and those expressions that leave one value.
fn labels_of(selector: Selector) -> Texts {
    let mut labels = selector.labels;
    for (key, operator, values) in selector.expressions {
        if let ("In", [one], Some(span)) = (operator.as_str(), values.as_slice(), selector.span) {
            labels.insert_if_new(key, Fact::declared(one.clone(), span));
        }
    }
    labels
}

fn one_of(labels: &Texts, names: &[&str]) -> Option<Fact<String>> {
    names.iter().find_map(|wanted| {
        let (_, value) = labels.iter().find(|(key, _)| folds_to(key, wanted))?;
        Some(value.clone())
    })
}

/// A Kubernetes quantity as a number: `100`, `500m` is 0.5, `10k` is 10,000.
fn quantity(text: &str) -> Option<f64> {
    match Cpu::parse(text) {
        Some(cpu) => Some(cpu.cores()),
        None => Bytes::parse(text).map(|b| b.0 as f64),
    }
}

fn behaviour(autoscaler: &mut Autoscaler, node: Option<&Node>) {
    let Some(node) = node else { return };
    if let Some(up) = node.get("scaleUp") {
        autoscaler.up = direction(up);
    }
    if let Some(down) = node.get("scaleDown") {
        autoscaler.down = direction(down);
    }
}

fn direction(node: &Node) -> ScalingBehaviour {
    let policies = node.get("policies").map_or(&[][..], Node::items);
    ScalingBehaviour {
        stabilization: seconds(node.get("stabilizationWindowSeconds")),
        policies: policies.iter().filter_map(policy).collect(),
        select: text(node, "selectPolicy"),
        span: Some(node.span),
    }
}

fn policy(node: &Node) -> Option<ScalingPolicy> {
    let value = node.get("value")?;
    let percent = node.get("type").and_then(Node::as_str) == Some("Percent");
    let amount = if percent {
        value.f64_fact()?.map(Amount::Percent)
    } else {
        value.u32_fact()?.map(Amount::Count)
    };
    Some(ScalingPolicy {
        amount,
        period: seconds(node.get("periodSeconds"))?,
    })
}

fn keda(object: &Object<'_>, parts: &mut Parts) {
    let mut autoscaler = named(object, "KEDA ScaledObject");
    autoscaler.target = target(object, object.at("spec/scaleTargetRef"), "Deployment");
    autoscaler.min = object.at("spec/minReplicaCount").and_then(Node::u32_fact);
    autoscaler.max = object.at("spec/maxReplicaCount").and_then(Node::u32_fact);
    for node in object.at("spec/triggers").map_or(&[][..], Node::items) {
        autoscaler.metrics.extend(trigger(node));
    }
    behaviour(
        &mut autoscaler,
        object.at("spec/advanced/horizontalPodAutoscalerConfig/behavior"),
    );
    push(autoscaler, object, parts);
}

fn trigger(node: &Node) -> Option<ScalingMetric> {
    let kind = text(node, "type")?;
    let labels = texts(node.get("metadata"));
    let is_resource = matches!(kind.value.as_str(), "cpu" | "memory");
    let number = |keys: &[&str]| {
        let value = one_of(&labels, keys)?;
        let number = quantity(&value.value)?;
        Some(value.map(|_| number))
    };
    let target = if is_resource {
        let value = number(&["value"]);
        let utilisation = node
            .get("metricType")
            .and_then(Node::as_str)
            .is_none_or(|t| t == "Utilization");
        value.map(|f| f.map(|n| if utilisation { n / 100.0 } else { n }))
    } else {
        number(&[
            "lagthreshold",
            "threshold",
            "queuelength",
            "value",
            "targetvalue",
            "listlength",
            "messagecount",
        ])
    };
    let is_kafka = kind.value.contains("kafka");
    Some(ScalingMetric {
        topic: one_of(&labels, TOPIC).filter(|_| is_kafka),
        group: one_of(&labels, GROUP).filter(|_| is_kafka),
        name: match one_of(&labels, &["metricname"]) {
            Some(name) if !is_kafka => name,
            _ => kind,
        },
        kind: if is_resource {
            MetricKind::Resource
        } else {
            MetricKind::External
        },
        target,
        labels,
    })
}

/// Knative and Cloud Run set the bounds in annotations of the template, or of the service.
pub(super) fn knative(object: &Object<'_>, template: &Node, parts: &mut Parts) {
    let annotation = |names: &[&str]| {
        let of = |node: &Node| {
            let annotations = node.at("metadata/annotations")?;
            names.iter().find_map(|n| {
                annotations
                    .get(&format!("autoscaling.knative.dev/{n}"))?
                    .u32_fact()
            })
        };
        of(template).or_else(|| of(object.node))
    };
    let service_level = |name: &str| {
        object
            .annotation(&format!("run.googleapis.com/{name}"))?
            .u32_fact()
    };
    let mut autoscaler = named(object, &object.id.kind);
    autoscaler.target = Some(Fact::declared(object.id.clone(), object.span));
    autoscaler.min = annotation(&["minScale", "min-scale"]).or_else(|| service_level("minScale"));
    // A maximum of 0 means none.
    autoscaler.max = annotation(&["maxScale", "max-scale"])
        .or_else(|| service_level("maxScale"))
        .filter(|f| f.value > 0);
    if let Some(concurrency) = template.at("spec/containerConcurrency") {
        autoscaler.metrics.push(ScalingMetric {
            name: Fact::declared("concurrency".to_owned(), concurrency.span),
            kind: MetricKind::Custom,
            target: concurrency.f64_fact(),
            topic: None,
            group: None,
            labels: Texts::new(),
        });
    }
    if autoscaler.min.is_some() || autoscaler.max.is_some() || !autoscaler.metrics.is_empty() {
        push(autoscaler, object, parts);
    }
}

/// A vertical autoscaler does not change the number of replicas; its target must still exist.
fn vertical(object: &Object<'_>, parts: &mut Parts) {
    if let Some(target) = object.at("spec/targetRef")
        && let Some(name) = text(target, "name")
    {
        let kind = target.get("kind").and_then(Node::as_str).map(str::to_owned);
        object.refers_within(parts, DanglingKind::ScaleTarget, name, kind);
    }
}

fn budget(object: &Object<'_>, parts: &mut Parts) {
    let amount = |path| object.at(path)?.fact(Amount::parse);
    // A number that is written and cannot be read (`-1`, a template) is not a number that is missing.
    let is_unread = |path| object.at(path).is_some_and(|n| !n.is_null()) && amount(path).is_none();
    let completeness = if is_unread("spec/minAvailable") || is_unread("spec/maxUnavailable") {
        Completeness::Fragment
    } else {
        object.place.completeness
    };
    parts.disruption_budgets.push(DisruptionBudget {
        id: object.id.clone(),
        span: object.span,
        selector: object.at("spec/selector").map(selector).unwrap_or_default(),
        min_available: amount("spec/minAvailable"),
        max_unavailable: amount("spec/maxUnavailable"),
        unhealthy_eviction: object.spec().and_then(|s| text(s, "unhealthyPodEvictionPolicy")),
        completeness,
    });
}

/// Removes autoscalers that the API server refuses, since their maximum is below their minimum: nothing scales.
pub(super) fn without_refused(parts: &mut Parts) {
    let Parts {
        autoscalers, defects, ..
    } = parts;
    autoscalers.retain(|autoscaler| {
        let limits = autoscaler.min.as_ref().zip(autoscaler.max.as_ref());
        let is_below = limits.is_some_and(|(min, max)| min.value > max.value);
        let max = autoscaler.max.as_ref().and_then(Fact::span);
        !(is_below && defects.iter().any(|defect| Some(defect.span) == max))
    });
}

#[cfg(test)]
mod tests {
    use super::super::tests::read;
    use super::*;

    #[test]
    fn version_2_is_read_with_its_behaviour_and_every_kind_of_metric() {
        let env = read(
            "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: web, namespace: shop}\nspec:\n  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}\n  minReplicas: 2\n  maxReplicas: 50\n  metrics:\n    - {type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 70}}}\n    - {type: Resource, resource: {name: memory, target: {type: AverageValue, averageValue: 1Gi}}}\n    - {type: Pods, pods: {metric: {name: rps}, target: {type: AverageValue, averageValue: 1500m}}}\n    - {type: Object, object: {metric: {name: hits}, describedObject: {kind: Ingress, name: i}, target: {type: Value, value: 2k}}}\n    - type: External\n      external:\n        metric: {name: kafka_lag, selector: {matchLabels: {topic: events, consumer_group: web}}}\n        target: {type: AverageValue, averageValue: \"1000\"}\n  behavior:\n    scaleUp:\n      stabilizationWindowSeconds: 60\n      selectPolicy: Max\n      policies: [{type: Percent, value: 100, periodSeconds: 30}, {type: Pods, value: 4, periodSeconds: 15}]\n",
        );
        let a = &env.autoscalers[0];
        let target = a.target.as_ref().unwrap();
        assert_eq!(target.value.to_string(), "Deployment shop/web");
        assert_eq!(
            (a.min.as_ref().unwrap().value, a.max.as_ref().unwrap().value),
            (2, 50)
        );
        let metrics: Vec<(&str, MetricKind, f64)> = a
            .metrics
            .iter()
            .map(|m| (m.name.value.as_str(), m.kind, m.target.as_ref().unwrap().value))
            .collect();
        assert_eq!(
            metrics,
            [
                ("cpu", MetricKind::Resource, 0.7),
                ("memory", MetricKind::Resource, 1_073_741_824.0),
                ("rps", MetricKind::Custom, 1.5),
                ("hits", MetricKind::Custom, 2000.0),
                ("kafka_lag", MetricKind::External, 1000.0),
            ]
        );
        let lag = &a.metrics[4];
        assert_eq!(lag.topic.as_ref().unwrap().value, "events");
        assert_eq!(lag.group.as_ref().unwrap().value, "web");
        assert_eq!(a.up.stabilization.as_ref().unwrap().value.as_secs(), 60);
        assert_eq!(a.up.policies[0].amount.value, Amount::Percent(100.0));
        assert_eq!(a.up.policies[1].amount.value, Amount::Count(4));
        assert_eq!(a.up.policies[1].period.value.as_secs(), 15);
        assert!(a.down.span.is_none());
        assert_eq!(env.descriptions[1].attribute, "max replicas");
    }

    #[test]
    fn version_1_has_one_metric() {
        let env = read(
            "apiVersion: autoscaling/v1\nkind: HorizontalPodAutoscaler\nmetadata: {name: web}\nspec: {scaleTargetRef: {kind: Deployment, name: web}, maxReplicas: 4, targetCPUUtilizationPercentage: 80}\n",
        );
        let a = &env.autoscalers[0];
        assert_eq!(a.metrics[0].target.as_ref().unwrap().value, 0.8);
        assert!(a.min.is_none());
    }

    #[test]
    fn a_keda_trigger_names_topic_and_group() {
        let env = read(
            "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: c}\nspec:\n  scaleTargetRef: {name: consumer}\n  minReplicaCount: 1\n  maxReplicaCount: 12\n  triggers:\n    - {type: kafka, metadata: {topic: events, consumerGroup: g, lagThreshold: '50'}}\n    - {type: prometheus, metadata: {serverAddress: 'http://p', query: 'sum(x)', threshold: '100'}}\n    - {type: cpu, metricType: Utilization, metadata: {value: '60'}}\n",
        );
        let a = &env.autoscalers[0];
        assert_eq!(
            a.target.as_ref().unwrap().value.to_string(),
            "Deployment consumer"
        );
        let m = &a.metrics;
        assert_eq!(
            (
                m[0].topic.as_ref().unwrap().value.as_str(),
                m[0].target.as_ref().unwrap().value
            ),
            ("events", 50.0)
        );
        assert_eq!(m[0].group.as_ref().unwrap().value, "g");
        assert_eq!(m[1].labels["query"].value, "sum(x)");
        assert!(m[1].topic.is_none());
        assert_eq!(
            (m[2].kind, m[2].target.as_ref().unwrap().value),
            (MetricKind::Resource, 0.6)
        );
    }

    #[test]
    fn knative_scales_by_annotations() {
        let env = read(
            "apiVersion: serving.knative.dev/v1\nkind: Service\nmetadata: {name: api}\nspec:\n  template:\n    metadata: {annotations: {autoscaling.knative.dev/minScale: '1', autoscaling.knative.dev/maxScale: '20', run.googleapis.com/vpc-access-connector: c}}\n    spec: {containerConcurrency: 80, timeoutSeconds: 300, containers: [{image: r/x}]}\n",
        );
        let a = &env.autoscalers[0];
        assert_eq!(
            (
                a.format.as_str(),
                a.min.as_ref().unwrap().value,
                a.max.as_ref().unwrap().value
            ),
            ("Cloud Run service", 1, 20)
        );
        let w = &env.workloads[0];
        assert_eq!(w.fields["timeoutSeconds"].value, "300");
        assert_eq!(
            w.annotations["run.googleapis.com/vpc-access-connector"].value,
            "c"
        );
    }

    #[test]
    fn budgets_keep_numbers_and_percentages() {
        let env = read(
            "apiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: web}\nspec: {minAvailable: 50%, selector: {matchLabels: {app: web}}}\n",
        );
        let b = &env.disruption_budgets[0];
        assert_eq!(b.min_available.as_ref().unwrap().value, Amount::Percent(50.0));
        assert_eq!(b.selector.labels["app"].value, "web");
    }

    #[test]
    fn a_number_that_cannot_be_read_is_not_missing() {
        let completeness = |spec: &str| {
            let env = read(&format!(
                "apiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {{name: web}}\nspec: {{{spec}selector: {{}}}}\n"
            ));
            env.disruption_budgets[0].completeness
        };
        for unread in [
            "maxUnavailable: -1, ",
            "minAvailable: -20%, ",
            "minAvailable: some, ",
        ] {
            assert_eq!(completeness(unread), Completeness::Fragment, "{unread}");
        }
        for read in [
            "",
            "minAvailable: null, ",
            "maxUnavailable: 1, ",
            "minAvailable: 20%, ",
        ] {
            assert_eq!(completeness(read), Completeness::Whole, "{read}");
        }
    }
}
