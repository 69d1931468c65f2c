//! Every fact of an environment with its value and its source, known or not: what lists of facts show, and what
//! expressions about them read.

use super::access::{Part, Slot};
use super::{Entry, Section, entries, path_of};
use crate::database::{Pool, PoolTarget};
use crate::kafka::Consumer;
use crate::overlay::Overlay;
use crate::owner::{DatabaseId, ServiceId};
use crate::platform::{Environment, Service};
use crate::source::Fact;
use crate::stated::Value;
use std::collections::{BTreeMap, BTreeSet};

/// A fact of a part, with its value if it is known.
#[derive(Debug, Clone)]
pub struct Known {
    /// The fact.
    pub entry: &'static Entry,
    /// The part's name; `None` in a section without names.
    pub name: Option<String>,
    /// The value and its source.
    pub value: Option<Fact<Value>>,
}

impl Known {
    /// Its path, as for `--set`.
    #[must_use]
    pub fn path(&self) -> String {
        path_of(self.entry, self.name.as_deref())
    }
}

/// Every fact of every part of a linked environment, in the order of the sections; parts stand in the order of the
/// model, and the facts of each in the order of the registry.
#[must_use]
pub fn facts_of(env: &Environment) -> Vec<Known> {
    let mut all = Vec::new();
    of_services(env, &mut all);
    let users = users(env);
    for (at, database) in env.databases.iter().enumerate() {
        add(
            Section::Databases,
            Some(&database.name),
            &mut all,
            |entry| match entry.slot {
                Slot::Relation => users.get(&DatabaseId(at)).and_then(names_of),
                _ => database.known(entry),
            },
        );
    }
    for pooler in &env.poolers {
        add(Section::Poolers, Some(&pooler.name), &mut all, |entry| {
            pooler.known(entry)
        });
    }
    // One section is about every cluster: the first that says it counts.
    if !env.kafka_clusters.is_empty() {
        add(Section::Kafka, None, &mut all, |entry| {
            env.kafka_clusters.iter().find_map(|cluster| cluster.known(entry))
        });
    }
    for topic in &env.topics {
        add(Section::Topics, Some(&topic.name.value), &mut all, |entry| {
            topic.known(entry)
        });
    }
    for cell in &env.cells {
        add(Section::Cells, Some(&cell.name.value), &mut all, |entry| {
            cell.known(entry)
        });
    }
    for slo in &env.slos {
        add(Section::Slos, Some(&slo.name), &mut all, |entry| slo.known(entry));
    }
    for secret in &env.secret_stores {
        add(Section::Secrets, Some(&secret.name), &mut all, |entry| {
            secret.known(entry)
        });
    }
    all
}

/// Every fact that holds for all environments: targets, registries, prices.
#[must_use]
pub fn facts_of_overlay(overlay: &Overlay) -> Vec<Known> {
    let mut all = Vec::new();
    for section in [Section::Targets, Section::Registries, Section::Prices] {
        add(section, None, &mut all, |entry| overlay.known(entry));
    }
    all
}

fn add(
    section: Section,
    name: Option<&str>,
    all: &mut Vec<Known>,
    value: impl Fn(&'static Entry) -> Option<Fact<Value>>,
) {
    let facts = entries(section).iter().copied().filter(|entry| entry.is_fact());
    all.extend(facts.map(|entry| Known {
        entry,
        name: name.map(str::to_owned),
        value: value(entry),
    }));
}

/// The parts of a service that keep facts about it.
#[derive(Default)]
struct Of<'a> {
    pools: Vec<&'a Pool>,
    consumers: Vec<&'a Consumer>,
    calls: BTreeMap<&'a str, &'a Fact<String>>,
}

fn of_services(env: &Environment, all: &mut Vec<Known>) {
    let mut parts: BTreeMap<ServiceId, Of<'_>> = BTreeMap::new();
    for pool in env.pools.iter().filter(|pool| pool.target == PoolTarget::Sql) {
        if let Some(id) = pool.owner.service {
            parts.entry(id).or_default().pools.push(pool);
        }
    }
    for consumer in &env.consumers {
        if let Some(id) = consumer.owner.service {
            parts.entry(id).or_default().consumers.push(consumer);
        }
    }
    for call in &env.calls {
        if let (Some(id), Some(target)) = (call.owner.service, &call.target_name) {
            let calls = &mut parts.entry(id).or_default().calls;
            calls.entry(&target.value).or_insert(target);
        }
    }
    let none = Of::default();
    for (at, service) in env.services.iter().enumerate() {
        let of = parts.get(&ServiceId(at)).unwrap_or(&none);
        add(Section::Services, Some(&service.name), all, |entry| {
            known(service, of, entry)
        });
    }
}

fn known(service: &Service, of: &Of<'_>, entry: &'static Entry) -> Option<Fact<Value>> {
    match &entry.slot {
        Slot::Pool(access) => of.pools.iter().find_map(|pool| (access.get)(pool)),
        Slot::Consumer(access) => of.consumers.iter().find_map(|consumer| (access.get)(consumer)),
        Slot::Relation => {
            let names: Vec<Fact<String>> = of.calls.values().map(|name| (*name).clone()).collect();
            super::access::names(&names)
        }
        _ => service.known(entry),
    }
}

/// The services whose pools reach each database, with the places that show it.
type Users = BTreeMap<DatabaseId, BTreeMap<String, Fact<String>>>;

fn users(env: &Environment) -> Users {
    let mut users = Users::new();
    let mut seen: BTreeSet<(DatabaseId, ServiceId)> = BTreeSet::new();
    for pool in &env.pools {
        let (Some(database), Some(id)) = (pool.database, pool.owner.service) else {
            continue;
        };
        if seen.insert((database, id)) {
            let name = env.service(id).name.clone();
            let fact = Fact::declared(name.clone(), pool.span);
            users.entry(database).or_default().entry(name).or_insert(fact);
        }
    }
    users
}

fn names_of(users: &BTreeMap<String, Fact<String>>) -> Option<Fact<Value>> {
    let names: Vec<Fact<String>> = users.values().cloned().collect();
    super::access::names(&names)
}
