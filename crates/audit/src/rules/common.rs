//! Helpers for several rules: which environments count as production, and words for counts.

use crate::finding::{Evidence, Severity};
use cofferdam_model::kafka::Consumer;
use cofferdam_model::registry::{Entry, Need};
use cofferdam_model::secrets::SecretUse;
pub(crate) use cofferdam_model::units::count;
use cofferdam_model::{ByHome, Environment, Fact, Owner, Service};
use std::collections::BTreeMap;

/// A fact about the service of a part, whose name may not be known.
pub(crate) fn need(env: &Environment, owner: &Owner, fact: &'static Entry) -> Need {
    let service = env.owner_service(owner);
    Need::of_one(fact, service.map(|service| service.name.as_str()))
}

/// Whether an outage in an environment with this name counts as an outage. This is so for all environments,
/// including those without a known name, except those whose name shows that they are for testing.
pub(crate) fn is_production_like(name: &str) -> bool {
    !matches!(
        name,
        "development"
            | "test"
            | "testing"
            | "local"
            | "sandbox"
            | "qa"
            | "integration"
            | "demo"
            | "ci"
            | "e2e"
            | "preview"
    )
}

/// `severity` if an outage in the environment counts as one, otherwise low.
pub(crate) fn severity_in(env: &Environment, severity: Severity) -> Severity {
    if is_production_like(&env.name) {
        severity
    } else {
        Severity::Low
    }
}

/// Replicas of a service at one of its scales.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum At {
    /// The minimum.
    Min,
    /// As declared now.
    Current,
    /// The maximum.
    Max,
}

impl At {
    /// The word for the scale.
    pub(crate) fn name(self) -> &'static str {
        match self {
            At::Min => "min",
            At::Current => "current",
            At::Max => "max",
        }
    }
}

/// The replicas of `service` at each scale that is known.
pub(crate) fn replicas(service: &Service) -> Vec<(At, &Fact<u32>)> {
    [
        (At::Min, &service.scale.min),
        (At::Current, &service.scale.current),
        (At::Max, &service.scale.max),
    ]
    .into_iter()
    .filter_map(|(at, fact)| fact.as_ref().map(|f| (at, f)))
    .collect()
}

/// Members that one replica of a service adds to its consumer group: processes × consumers a process. A
/// worker setting counts only if there is evidence that each worker builds a consumer.
pub(crate) fn members_per_replica(
    consumer: &Consumer,
    service: Option<&Service>,
    evidence: &mut Evidence,
) -> u32 {
    let processes = service
        .and_then(|s| s.processes.as_ref())
        .map_or(1, |p| evidence.take(p, "processes in each replica"));
    if let Some(per_process) = &consumer.consumers_per_process {
        return processes * evidence.take(per_process, "consumers in each process");
    }
    for worker in &consumer.workers {
        if let Some(builds) = &worker.builds_consumer
            && builds.value
        {
            evidence.note(builds, "each worker builds a consumer");
            return processes * evidence.take(&worker.count, format!("`{}`", worker.name));
        }
    }
    if let Some(worker) = consumer.workers.first() {
        let known = worker.builds_consumer.as_ref().is_some_and(|b| !b.value);
        if !known {
            evidence.assume(format!(
                "one consumer a process: nothing shows that each of the {} `{}` builds its own consumer",
                worker.count.value, worker.name
            ));
        }
    }
    processes
}

/// The first worker setting whose workers could be members but are not counted as such: the alternative
/// reading, and whether the code rules it out.
pub(crate) fn other_reading(consumer: &Consumer) -> Option<(&cofferdam_model::kafka::WorkerSetting, bool)> {
    let builds =
        |w: &cofferdam_model::kafka::WorkerSetting| w.builds_consumer.as_ref().is_some_and(|b| b.value);
    if consumer.workers.iter().any(builds) {
        return None;
    }
    let worker = consumer.workers.iter().find(|w| w.count.value > 1)?;
    let ruled_out = consumer.consumers_per_process.is_some() || worker.builds_consumer.is_some();
    Some((worker, ruled_out))
}

/// Partitions of all topics that a consumer subscribes to, if all are declared. With several topics, the
/// range assignor is limited by the largest (it assigns each topic separately), and the others by the sum.
pub(crate) fn partitions(consumer: &Consumer, env: &Environment, evidence: &mut Evidence) -> Option<u32> {
    if consumer.topic_ids.is_empty() || consumer.topic_ids.len() < consumer.topics.len() {
        return None;
    }
    let mut counts = Vec::new();
    for id in &consumer.topic_ids {
        let topic = &env.topics[id.0];
        let count = topic.partitions.as_ref()?;
        counts.push(evidence.take(
            count,
            format!(
                "{} of {}",
                self::count(count.value.into(), "partition"),
                topic.name.value
            ),
        ));
    }
    let range = consumer
        .assignors
        .first()
        .is_some_and(|a| a.value == cofferdam_model::kafka::Assignor::Range);
    if range {
        counts.into_iter().max()
    } else {
        Some(counts.into_iter().sum())
    }
}

/// The name of a group in reports.
pub(crate) fn group_name(consumer: &Consumer, env: &Environment) -> String {
    match &consumer.group {
        Some(group) => format!("consumer group {}", group.value),
        None => format!("consumers of {}", env.owner_name(&consumer.owner)),
    }
}

/// The uses of one secret, all in the same namespace.
pub(crate) struct OneSecret<'a> {
    /// The secret's name, with its key if it has one.
    pub name: String,
    /// The same with its namespace, if another namespace has a secret with the same name.
    pub shown: String,
    /// Its uses.
    pub uses: Vec<&'a SecretUse>,
}

/// Groups uses of secrets by secret. Secrets with one name in two namespaces are two secrets.
pub(crate) fn by_secret<'a>(
    uses: impl Iterator<Item = &'a SecretUse>,
    name: impl Fn(&SecretUse) -> Option<String>,
) -> Vec<OneSecret<'a>> {
    let mut by_name: BTreeMap<String, Vec<&SecretUse>> = BTreeMap::new();
    for one in uses {
        if let Some(name) = name(one) {
            by_name.entry(name).or_default().push(one);
        }
    }
    let mut found = Vec::new();
    for (name, mut uses) in by_name {
        // Known namespaces first, so that a use without a namespace finds the secret it may refer to.
        uses.sort_by_key(|one| one.owner.namespace.is_none());
        let mut groups: Vec<Vec<&SecretUse>> = Vec::new();
        let mut places: ByHome<usize> = ByHome::default();
        for one in uses {
            let known = places.related(one.owner.home()).next().copied();
            match known {
                Some(at) => groups[at].push(one),
                None => {
                    places.push(one.owner.home(), groups.len());
                    groups.push(vec![one]);
                }
            }
        }
        let several = groups.len() > 1;
        for uses in groups {
            let namespace = uses[0].owner.namespace.as_deref().filter(|_| several);
            found.push(OneSecret {
                shown: namespace.map_or_else(|| name.clone(), |n| format!("{name} of {n}")),
                name: name.clone(),
                uses,
            });
        }
    }
    found
}

/// A secret with its key, if it has one: `vault-credentials/token`.
pub(crate) fn secret_key(secret: &str, key: &str) -> String {
    if key.is_empty() {
        secret.to_owned()
    } else {
        format!("{secret}/{key}")
    }
}
