//! Helpers for several rules: which environments count as production, and words for counts.

use crate::finding::Severity;
use cofferdam_model::kafka::Consumer;
use cofferdam_model::secrets::SecretUse;
pub(crate) use cofferdam_model::units::count;
use cofferdam_model::{ByHome, Environment, Fact, Service};
use std::collections::BTreeMap;

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
