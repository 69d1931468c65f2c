//! Helpers for several rules: which environments count as production, and words for counts.

use crate::finding::{Severity, Subject};
use cofferdam_model::kafka::Consumer;
use cofferdam_model::registry::{Entry, Need};
use cofferdam_model::scaling::Autoscaler;
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

/// The name of a group in reports.
pub(crate) fn group_name(consumer: &Consumer, env: &Environment) -> String {
    match &consumer.group {
        Some(group) => format!("consumer group {}", group.value),
        None => format!("consumers of {}", env.owner_name(&consumer.owner)),
    }
}

/// The subject of a finding about an autoscaler.
pub(crate) fn autoscaler(autoscaler: &Autoscaler, kind: &str) -> Subject {
    Subject::named(kind, &autoscaler.name).in_namespace(autoscaler.owner.namespace.as_deref())
}

/// The subject of a finding about what a service has, which is named by its name and its namespace.
pub(crate) fn of_owner(env: &Environment, kind: &str, owner: &Owner) -> Subject {
    Subject::of(kind, &env.owner_name(owner)).in_namespace(namespace(env, owner))
}

/// The namespace of an owner, if it is known.
pub(crate) fn namespace<'a>(env: &'a Environment, owner: &'a Owner) -> Option<&'a str> {
    let service = env.owner_service(owner);
    service
        .map_or(&owner.namespace, |service| &service.namespace)
        .as_deref()
}

/// The uses of one secret, all in the same namespace.
pub(crate) struct OneSecret<'a> {
    /// The secret as the subject of a finding.
    pub subject: Subject,
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
            let namespace = uses[0].owner.namespace.as_deref();
            let several = namespace.filter(|_| several);
            let shown = several.map_or_else(|| name.clone(), |n| format!("{name} of {n}"));
            let subject = Subject::named("secret", &name).in_namespace(namespace);
            found.push(OneSecret {
                subject: subject.shown(&format!("secret {shown}")),
                shown,
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
