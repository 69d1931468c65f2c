//! Links autoscalers to what they scale, and computes the effective number of replicas of services.

use super::facts::{fill, prefer};
use super::names::{Suggestions, fold};
use crate::by_home::ByHome;
use crate::delivery::{Dangling, DanglingKind};
use crate::kafka::Consumer;
use crate::owner::{AutoscalerId, Linked, ServiceId, WorkloadId};
use crate::platform::{Environment, Parts, Scale, Service};
use crate::scaling::{Autoscaler, ScalingMetric};
use crate::source::{Fact, Source};
use crate::workload::{Amount, Completeness, Lifecycle, ObjectId, Workload};
use cofferdam_syntax::hash::{HashMap, HashSet};
use std::collections::BTreeMap;

/// Kinds that every reader of Kubernetes knows: if an autoscaler names one that does not exist, it is
/// missing. A kind that no workload has may be one that no reader knows.
const KNOWN_KINDS: [&str; 5] = [
    "Deployment",
    "StatefulSet",
    "ReplicaSet",
    "ReplicationController",
    "Rollout",
];

/// Links autoscalers to workloads and services, then computes every service's [`Scale`].
pub(super) fn link(env: &mut Environment) {
    targets(&mut env.parts);
    limits(&mut env.parts);
    let mut autoscalers: Vec<Vec<AutoscalerId>> = vec![Vec::new(); env.services.len()];
    for (at, autoscaler) in env.autoscalers.iter().enumerate() {
        if let Some(service) = autoscaler.owner.service {
            autoscalers[service.0].push(AutoscalerId(at));
        }
    }
    let Parts {
        services,
        workloads,
        autoscalers: all,
        ..
    } = &mut env.parts;
    for (service, mut ids) in services.iter_mut().zip(autoscalers) {
        // The one with precedence is first; among rivals in one format the one with the highest maximum.
        ids.sort_by_key(|id| {
            let a = &all[id.0];
            (
                format_rank(&a.format),
                std::cmp::Reverse(a.max.as_ref().map(|m| m.value)),
                id.0,
            )
        });
        let autoscaler = ids.first().map(|id| &all[id.0]);
        service.scale = effective(service, main_workload(service, workloads), autoscaler);
        service.autoscalers = ids;
    }
}

/// A patch of an autoscaler that its build could not apply (a name and limits, without a target) overrides
/// the limits of the autoscaler with its name, if there is only one such patch.
fn lay_patches_over(autoscalers: &mut [Autoscaler]) {
    let is_patch = |a: &Autoscaler| {
        a.format == "HorizontalPodAutoscaler"
            && a.completeness == Completeness::Fragment
            && a.target.is_none()
            && (a.min.is_some() || a.max.is_some())
    };
    let mut patches: BTreeMap<String, Vec<Autoscaler>> = BTreeMap::new();
    for patch in autoscalers.iter().filter(|a| is_patch(a)) {
        patches.entry(patch.name.clone()).or_default().push(patch.clone());
    }
    for autoscaler in autoscalers {
        let Some([patch]) = patches.get(&autoscaler.name).map(Vec::as_slice) else {
            continue;
        };
        let same = autoscaler.format == patch.format && autoscaler.owner.home().may_meet(patch.owner.home());
        if same && autoscaler.target.is_some() {
            autoscaler.min = patch.min.clone().or(autoscaler.min.take());
            autoscaler.max = patch.max.clone().or(autoscaler.max.take());
        }
    }
}

fn targets(parts: &mut Parts) {
    lay_patches_over(&mut parts.autoscalers);
    let mut by_name: BTreeMap<&str, ByHome<usize>> = BTreeMap::new();
    for (at, workload) in parts.workloads.iter().enumerate() {
        let same_name = by_name.entry(&workload.id.name).or_default();
        same_name.push(workload.id.home(), at);
    }
    let all_whole = parts
        .workloads
        .iter()
        .all(|w| w.completeness == Completeness::Whole);
    let mut kinds: HashSet<&str> = parts.workloads.iter().map(|w| w.id.kind.as_str()).collect();
    kinds.extend(KNOWN_KINDS);
    let mut dangling = Vec::new();
    let mut suggestions = Suggestions::among(by_name.len());
    for autoscaler in &mut parts.autoscalers {
        let Some(target) = &autoscaler.target else {
            let service = autoscaler.owner.service.map(|id| &parts.services[id.0]);
            autoscaler.workload = service.and_then(|s| main_id(s, &parts.workloads));
            continue;
        };
        let same_name = by_name.get(target.value.name.as_str());
        let found = same_name.and_then(|same| find_target(&target.value, same, &parts.workloads));
        if let Some(id) = found {
            autoscaler.workload = Some(id);
            autoscaler.owner.service = parts.workloads[id.0].owner.service;
            autoscaler.owner.linked = Linked::Named;
            continue;
        }
        if !kinds.contains(target.value.kind.as_str()) {
            continue;
        }
        // Nothing is scaled, even if the owner's name resembles a service.
        autoscaler.owner.service = None;
        // The target may be in another deployment, so it cannot be reported as missing.
        let is_kind = |at: &usize| is_kind(&target.value, &parts.workloads[*at].id);
        let namespace = target.value.namespace.as_deref();
        if same_name.is_some_and(|same| same.near(namespace).any(is_kind)) {
            continue;
        }
        let near = match same_name.and_then(|same| same.iter().next()) {
            Some(at) => Some(parts.workloads[*at].id.to_string()),
            None => suggestions.find(&target.value.name, by_name.keys().copied()),
        };
        dangling.push(Dangling {
            subject: format!("{} {}", autoscaler.format, autoscaler.name),
            kind: DanglingKind::ScaleTarget,
            name: target.clone().map(|t| t.name),
            nearest: near,
            certain: all_whole,
        });
    }
    parts.dangling.extend(dangling);
}

/// What KEDA's Kafka scaler uses as maximum if a file sets none, as of [`autoscaler_defaults`].
const KEDA_MAXIMUM: u32 = 100;

/// KEDA's Kafka scaler asks for no more replicas than the topic has partitions, or all topics of the group if it
/// names none, unless `allowIdleConsumers` is true. `limitToPartitionsWithLag` limits further. Another trigger
/// beside it may ask for more. Source: KEDA documentation, "Apache Kafka" scaler.
fn limits(parts: &mut Parts) {
    let partitions: HashMap<&str, &Fact<u32>> = (parts.topics.iter())
        .filter_map(|topic| Some((topic.name.value.as_str(), topic.partitions.as_ref()?)))
        .collect();
    let consumers = &parts.consumers;
    for autoscaler in &mut parts.autoscalers {
        if format_rank(&autoscaler.format) != KEDA || autoscaler.metrics.is_empty() {
            continue;
        }
        let of_each: Option<Vec<Fact<u32>>> = (autoscaler.metrics.iter())
            .map(|metric| {
                let owner = autoscaler.owner.service;
                limited(metric).then(|| of_metric(metric, owner, &partitions, consumers))?
            })
            .collect();
        let Some(limit) = of_each.and_then(|all| all.into_iter().max_by_key(|fact| fact.value)) else {
            continue;
        };
        let least = autoscaler.min.as_ref().map_or(0, |min| min.value);
        let most = autoscaler.max.as_ref().map_or(KEDA_MAXIMUM, |max| max.value);
        autoscaler.limit = (limit.value < most).then(|| limit.map(|n| n.max(least).max(1)));
    }
}

/// Whether a trigger is KEDA's for Kafka and keeps to the number of partitions.
fn limited(metric: &ScalingMetric) -> bool {
    let is_true = |name: &str| {
        let label = metric.labels.iter().find(|(key, _)| fold(key) == name);
        label.is_some_and(|(_, value)| value.value.trim().eq_ignore_ascii_case("true"))
    };
    let is_kafka = matches!(metric.name.value.as_str(), "kafka" | "apache-kafka");
    is_kafka && (is_true("limittopartitionswithlag") || !is_true("allowidleconsumers"))
}

/// The number of partitions whose lag a trigger reads.
fn of_metric(
    metric: &ScalingMetric,
    owner: Option<ServiceId>,
    partitions: &HashMap<&str, &Fact<u32>>,
    consumers: &[Consumer],
) -> Option<Fact<u32>> {
    if let Some(topic) = &metric.topic {
        return partitions.get(topic.value.as_str()).map(|fact| (*fact).clone());
    }
    let group = metric.group.as_ref()?;
    let of_group = |consumer: &&Consumer| {
        let same = consumer.group.as_ref().is_some_and(|g| g.value == group.value);
        same && consumer.owner.service == owner
    };
    let consumer = consumers.iter().find(of_group)?;
    let counts: Option<Vec<&Fact<u32>>> = (consumer.topics.iter())
        .map(|topic| partitions.get(topic.value.as_str()).copied())
        .collect();
    let counts = counts.filter(|counts| !counts.is_empty())?;
    let sum = counts.iter().map(|fact| fact.value).sum();
    Some(counts[0].clone().map(|_| sum))
}

/// The workload of that kind, name and namespace; an unknown namespace or kind matches any.
fn find_target(target: &ObjectId, same_name: &ByHome<usize>, workloads: &[Workload]) -> Option<WorkloadId> {
    let mut related = same_name.related(target.home());
    let found = related.find(|at| is_kind(target, &workloads[**at].id));
    found.map(|at| WorkloadId(*at))
}

/// Whether an object is of the kind that a target names; an unknown kind is any.
fn is_kind(target: &ObjectId, id: &ObjectId) -> bool {
    target.kind.is_empty() || target.kind.eq_ignore_ascii_case(&id.kind)
}

/// The rank of KEDA's objects.
const KEDA: u8 = 1;

fn format_rank(format: &str) -> u8 {
    let format = format.to_ascii_lowercase();
    match () {
        () if format.contains("horizontalpodautoscaler") || format == "hpa" => 0,
        () if format.contains("keda") || format.contains("scaledobject") => KEDA,
        () => 2,
    }
}

fn main_id(service: &Service, workloads: &[Workload]) -> Option<WorkloadId> {
    let key = |id: &&WorkloadId| {
        let workload = &workloads[id.0];
        let lifecycle = match workload.lifecycle {
            Lifecycle::Service => 0u8,
            Lifecycle::Daemon => 1,
            Lifecycle::Pod => 2,
            Lifecycle::Batch => 3,
        };
        (lifecycle, workload.completeness == Completeness::Fragment)
    };
    service.workloads.iter().min_by_key(key).copied()
}

/// The workload whose replicas are the service's: a long-running one before one that ends, a whole manifest
/// before a fragment, then the first.
fn main_workload<'a>(service: &Service, workloads: &'a [Workload]) -> Option<&'a Workload> {
    main_id(service, workloads).map(|id| &workloads[id.0])
}

/// The replicas of a service: as declared by a person, otherwise the autoscaler's limits if there is one,
/// otherwise the workload's own number, otherwise the values of other formats.
fn effective(service: &Service, workload: Option<&Workload>, autoscaler: Option<&Autoscaler>) -> Scale {
    let told = &service.scale;
    let mut scale = Scale::default();
    let stated = |fact: &Option<Fact<u32>>| fact.clone().filter(|f| matches!(f.source, Source::Stated(_)));
    scale.current = stated(&told.current);
    scale.min = stated(&told.min);
    scale.max = stated(&told.max);
    fill(&mut scale.current, workload.and_then(|w| w.replicas.clone()));
    fill(&mut scale.current, told.current.clone());
    if let Some(autoscaler) = autoscaler {
        fill(&mut scale.min, autoscaler.min.clone());
        fill(&mut scale.max, autoscaler.max.clone());
        let (min, max) = autoscaler_defaults(autoscaler);
        fill(&mut scale.min, told.min.clone().or(min));
        fill(&mut scale.max, told.max.clone().or(max));
        if let (Some(limit), Some(max)) = (&autoscaler.limit, &mut scale.max)
            && limit.value < max.value
            && !matches!(max.source, Source::Stated(_))
        {
            *max = limit.clone();
        }
        // Without its own number the workload starts at its autoscaler's minimum.
        fill(&mut scale.current, scale.min.clone());
    } else {
        fill(&mut scale.min, told.min.clone());
        fill(&mut scale.max, told.max.clone());
        fill(&mut scale.current, scale.min.clone());
        fill(&mut scale.current, workload.and_then(default_replicas));
        fill(&mut scale.min, scale.current.clone());
        fill(&mut scale.max, scale.current.clone());
    }
    scale.surge = told.surge.clone();
    let largest = scale.max.as_ref().map(|m| m.value);
    prefer(
        &mut scale.surge,
        workload.zip(largest).and_then(|(w, n)| surge(w, n)),
    );
    scale
}

/// The limits of an autoscaler whose file sets none.
fn autoscaler_defaults(autoscaler: &Autoscaler) -> (Option<Fact<u32>>, Option<Fact<u32>>) {
    let format = autoscaler.format.to_ascii_lowercase();
    if format.contains("keda") || format.contains("scaledobject") {
        (
            Some(Fact::assumed(0, "minReplicaCount is not set; KEDA uses 0")),
            Some(Fact::assumed(
                KEDA_MAXIMUM,
                "maxReplicaCount is not set; KEDA uses 100",
            )),
        )
    } else if format.contains("cloud run") {
        (
            Some(Fact::assumed(
                0,
                "the minimum number of instances is not set; Cloud Run uses 0",
            )),
            Some(Fact::assumed(
                100,
                "the maximum number of instances is not set; Cloud Run uses 100",
            )),
        )
    } else {
        let why = "the autoscaler's minimum is not set; a HorizontalPodAutoscaler uses 1";
        (Some(Fact::assumed(1, why)), None)
    }
}

/// Replicas of a workload that sets none. A fragment may get them elsewhere, and a daemon has one on each
/// node.
fn default_replicas(workload: &Workload) -> Option<Fact<u32>> {
    if workload.completeness == Completeness::Fragment {
        return None;
    }
    match workload.lifecycle {
        Lifecycle::Service => Some(Fact::assumed(1, "replicas is not set; Kubernetes runs 1")),
        Lifecycle::Batch => Some(Fact::assumed(1, "parallelism is not set; Kubernetes runs 1 pod")),
        Lifecycle::Pod => Some(Fact::declared(1, workload.span)),
        Lifecycle::Daemon => None,
    }
}

/// Pods above `replicas` while a new version replaces the old one (Kubernetes: `maxSurge` of a
/// Deployment's rolling update, 25 % rounded up by default; a StatefulSet replaces pods in place).
fn surge(workload: &Workload, replicas: u32) -> Option<Fact<u32>> {
    let rollout = &workload.rollout;
    let strategy = rollout.strategy.as_ref();
    let is = |word: &str| strategy.is_some_and(|s| s.value.eq_ignore_ascii_case(word));
    if is("Recreate") || is("OnDelete") {
        return strategy.map(|s| s.clone().map(|_| 0));
    }
    match workload.id.kind.as_str() {
        "StatefulSet" => Some(Fact::assumed(0, "a StatefulSet replaces its pods in place")),
        _ if workload.lifecycle != Lifecycle::Service => {
            Some(Fact::assumed(0, "only a Deployment adds pods while it rolls out"))
        }
        _ if is("BlueGreen") => Some(Fact::assumed(
            replicas,
            "a blue-green rollout runs the new version at full size beside the old one",
        )),
        "Deployment" | "Rollout" => match (&rollout.max_surge, workload.completeness) {
            (Some(surge), _) => Some(surge.as_ref().map(|s| s.of_rounded_up(replicas))),
            (None, Completeness::Fragment) => None,
            (None, Completeness::Whole) => Some(Fact::assumed(
                Amount::Percent(25.0).of_rounded_up(replicas),
                "maxSurge is not set; Kubernetes uses 25 %, rounded up",
            )),
        },
        _ => None,
    }
}
