//! Adds the statements of the overlay to the parts of an environment, before they are linked.

use super::OverlayDocument;
use super::index::Index;
use super::names::{self, Unmatched};
use super::placed::Placed;
use super::sections::{Named, Sections};
use cofferdam_model::alerts::Slo;
use cofferdam_model::calls::{Call, CallSite, CallTarget};
use cofferdam_model::cells::Cell;
use cofferdam_model::database::{Database, Pool, PoolTarget};
use cofferdam_model::kafka::{Consumer, KafkaCluster, Topic};
use cofferdam_model::link::bare_name;
use cofferdam_model::registry::{self, Part, Said, Section, Slot};
use cofferdam_model::secrets::SecretStore;
use cofferdam_model::{Environment, Fact, Owner, Service, Source};
use cofferdam_syntax::hash::HashMap;
use std::cell::LazyCell;
use std::collections::BTreeSet;

impl OverlayDocument {
    /// Adds every statement for `environment` to `env`, whose files are read like those of the other
    /// environments (`placed`). Call it after all readers and before linking; names without a match are
    /// returned, to be joined over all environments.
    pub fn apply(&self, environment: &str, env: &mut Environment, placed: &Placed) -> Unmatched {
        let mut unmatched = Unmatched::default();
        let said: &Sections = self.sections(environment);
        let mut known = Index::of(&env.name, env.databases.iter().map(|d| d.name.as_str()));
        for database in said.stated(Section::Databases) {
            set_database(database, env, &mut known, placed);
        }
        for pooler in said.stated(Section::Poolers) {
            set_pooler(pooler, env, &mut unmatched);
        }
        for kafka in said.stated(Section::Kafka) {
            set_kafka(kafka, env);
            set_topics(said, env, placed);
        }
        let mut known = Index::of(&env.name, env.cells.iter().map(|c| c.name.value.as_str()));
        for cell in said.stated(Section::Cells) {
            set_cell(cell, env, &mut known, placed);
        }
        let mut known = Index::of(&env.name, env.slos.iter().map(|s| s.name.as_str()));
        for slo in said.stated(Section::Slos) {
            set_slo(slo, env, &mut known, placed);
        }
        for secret in said.stated(Section::Secrets) {
            set_secret(secret, env, &mut unmatched);
        }
        for service in said.stated(Section::Services) {
            set_service(service, env, &mut unmatched);
        }
        unmatched
    }

    /// Looks for the services and topics that the overlay names, in a linked environment.
    pub fn check_names(&self, environment: &str, env: &Environment) -> Unmatched {
        let mut unmatched = Unmatched::default();
        let said = self.sections(environment);
        if !said.of(Section::Kafka).is_empty() {
            look_for_topics(said, env, &mut unmatched);
        }
        // Most platforms state nothing that has to be looked for.
        let shown = LazyCell::new(|| names::shown(env, self.file));
        let known = || shown.iter().map(|id| env.service(*id).name.as_str());
        let owners = LazyCell::new(|| cofferdam_model::link::Owners::of(env));
        let mut look = |name: &str, span, stands_alone: bool| {
            let id = owners.find(&Owner::named(name));
            let found = stands_alone || id.is_some_and(|id| shown.contains(&id));
            unmatched.look(("service", name, span), found, known());
        };
        for service in said.stated(Section::Services) {
            // A service whose code is stated needs no file that describes it.
            let has_code = !service.names(&registry::services::CODE).is_empty();
            look(&service.name, service.span, has_code);
        }
        let databases = (said.of(Section::Databases).iter())
            .flat_map(|database| database.names(&registry::databases::USED_BY).iter().cloned());
        let slos = (said.of(Section::Slos).iter()).filter_map(|slo| slo.text(&registry::slos::SERVICE));
        let calls = env
            .calls
            .iter()
            .filter(|c| c.target == CallTarget::Service && c.what.starts_with(DEPENDS_ON))
            .filter_map(|c| c.target_name.clone());
        for name in databases.chain(slos).chain(calls) {
            if let Some(span) = name.span() {
                look(&name.value, span, false);
            }
        }
        unmatched
    }
}

/// The text in a report of a call that is only stated.
const DEPENDS_ON: &str = "depends on ";

/// Sets every statement that the part keeps itself.
fn state(part: &mut impl Part, said: &Named) {
    for stated in &said.statements {
        part.state(stated.entry, &stated.value);
    }
}

/// The item of this name in an environment: exactly, otherwise regardless of case, separators and the
/// environment's words if only one matches.
fn find<T>(items: &[T], environment: &str, name: &str, of: impl Fn(&T) -> &str) -> Option<usize> {
    let exact = items.iter().position(|i| of(i) == name);
    exact.or_else(|| {
        let bare = bare_name(environment, name);
        let mut alike = (items.iter().enumerate()).filter(|(_, i)| bare_name(environment, of(i)) == bare);
        match (alike.next(), alike.next()) {
            (Some((at, _)), None) => Some(at),
            _ => None,
        }
    })
}

fn set_service(said: &Named, env: &mut Environment, unmatched: &mut Unmatched) {
    let owner = || Owner::named(said.name.clone());
    let mut service = Service {
        name: said.name.clone(),
        ..Service::default()
    };
    state(&mut service, said);
    env.services.push(service);
    let mut consumer: Option<Consumer> = None;
    let mut pool: Option<Pool> = None;
    let of_pool = |at: &super::sections::Statement| matches!(at.entry.slot, Slot::Pool(_));
    let at = said
        .statements
        .iter()
        .filter(|at| of_pool(at))
        .find_map(|at| at.map);
    let new_pool = || Pool::at(at.unwrap_or(said.span), owner(), PoolTarget::Sql);
    for stated in &said.statements {
        match &stated.entry.slot {
            Slot::Consumer(access) => {
                let consumer = consumer.get_or_insert_with(|| Consumer::at(said.span, owner()));
                (access.set)(consumer, &stated.value);
            }
            Slot::Pool(access) => (access.set)(pool.get_or_insert_with(new_pool), &stated.value),
            // A person who counts connections states that there is a pool.
            _ if *stated.entry == *registry::services::CONNECTIONS_PER_POD => {
                pool.get_or_insert_with(new_pool);
            }
            _ => {}
        }
    }
    env.consumers.extend(consumer);
    env.pools.extend(pool);
    if let Some(database) = said.text(&registry::services::DATABASE) {
        look_for_database(&database, env, unmatched);
    }
    for name in said.names(&registry::services::DEPENDS_ON) {
        add_call(said, name, env);
    }
}

fn look_for_database(name: &Fact<String>, env: &mut Environment, unmatched: &mut Unmatched) {
    let Some(span) = name.span() else { return };
    let found = find(&env.databases, &env.name, &name.value, |d| &d.name).is_some()
        || find(&env.poolers, &env.name, &name.value, |p| &p.name).is_some()
        || env
            .databases
            .iter()
            .any(|d| d.hosts.iter().any(|h| h.value == name.value));
    let known = env.databases.iter().map(|d| d.name.as_str());
    let known = known.chain(env.poolers.iter().map(|p| p.name.as_str()));
    unmatched.look(("database", &name.value, span), found, known);
}

/// A dependency that a person states. A host name is external; any other name is a store if one has it,
/// otherwise a service.
fn add_call(said: &Named, name: &Fact<String>, env: &mut Environment) {
    let text = name.value.as_str();
    let target = if find(&env.databases, &env.name, text, |d| &d.name).is_some()
        || find(&env.poolers, &env.name, text, |p| &p.name).is_some()
    {
        CallTarget::Database
    } else if find(&env.caches, &env.name, text, |c| &c.name).is_some() || text.eq_ignore_ascii_case("redis")
    {
        CallTarget::Cache
    } else if text.eq_ignore_ascii_case("kafka") || env.kafka_clusters.iter().any(|k| k.name == text) {
        CallTarget::Kafka
    } else if text.eq_ignore_ascii_case("vault") {
        CallTarget::Secrets
    } else if text.contains('.') {
        CallTarget::Outside
    } else {
        CallTarget::Service
    };
    let span = name.span().unwrap_or(said.span);
    env.calls.push(Call {
        target_name: Some(name.clone()),
        what: format!("{DEPENDS_ON}{text}"),
        ..Call::at(span, Owner::named(said.name.clone()), CallSite::default(), target)
    });
}

fn set_database(said: &Named, env: &mut Environment, known: &mut Index, placed: &Placed) {
    let at = match known.find(&said.name) {
        Some(at) => at,
        None if placed.databases.declares(said) => {
            env.databases
                .push(Database::named(said.name.clone(), Some(said.span)));
            known.add(&said.name)
        }
        None => return,
    };
    let database = &mut env.databases[at];
    state(database, said);
    let name = database.name.clone();
    for user in said.names(&registry::databases::USED_BY) {
        let mut pool = Pool::at(
            user.span().unwrap_or(said.span),
            Owner::named(user.value.clone()),
            PoolTarget::Sql,
        );
        pool.database_name = Some(user.clone().map(|_| name.clone()));
        env.pools.push(pool);
    }
}

fn set_pooler(said: &Named, env: &mut Environment, unmatched: &mut Unmatched) {
    let at = find(&env.poolers, &env.name, &said.name, |p| &p.name);
    let known = env.poolers.iter().map(|p| p.name.as_str());
    unmatched.look(("pooler", &said.name, said.span), at.is_some(), known);
    if let Some(at) = at {
        state(&mut env.poolers[at], said);
    }
}

fn set_kafka(said: &Named, env: &mut Environment) {
    if env.kafka_clusters.is_empty() {
        env.kafka_clusters.push(KafkaCluster {
            name: "kafka".to_owned(),
            ..KafkaCluster::default()
        });
    }
    for cluster in &mut env.kafka_clusters {
        state(cluster, said);
    }
}

fn set_topics(said: &Sections, env: &mut Environment, placed: &Placed) {
    let mut known: HashMap<String, usize> = HashMap::default();
    for (at, topic) in env.topics.iter().enumerate() {
        known.entry(topic.name.value.clone()).or_insert(at);
    }
    for topic in said.stated(Section::Topics) {
        let at = known.get(&topic.name).copied();
        if at.is_none() && !placed.topics.declares(topic) {
            continue;
        }
        let at = at.unwrap_or_else(|| {
            env.topics.push(Topic {
                name: Fact::stated(topic.name.clone(), topic.span),
                partitions: None,
                replication_factor: None,
                min_insync_replicas: None,
                retention: None,
                peak_rate: None,
                said: Said::default(),
            });
            known.insert(topic.name.clone(), env.topics.len() - 1);
            env.topics.len() - 1
        });
        state(&mut env.topics[at], topic);
    }
}

/// Looks for the stated topics. If the files list topics, the list is complete: a name that is not on it and
/// that nothing uses is a mistake. Without such a list the statement itself declares the topic.
fn look_for_topics(said: &Sections, env: &Environment, unmatched: &mut Unmatched) {
    let by_files = |t: &&Topic| !matches!(t.name.source, Source::Stated(_));
    let listed: BTreeSet<&str> = (env.topics.iter().filter(by_files))
        .map(|t| t.name.value.as_str())
        .collect();
    let consumed = env
        .consumers
        .iter()
        .flat_map(|c| c.topics.iter().chain(&c.dead_letter));
    let produced = env.producers.iter().flat_map(|p| &p.topics);
    let used: BTreeSet<&str> = consumed.chain(produced).map(|t| t.value.as_str()).collect();
    for topic in said.stated(Section::Topics) {
        let name = topic.name.as_str();
        // What messages and pages write for the name of any topic.
        let is_placeholder = matches!(name, "TOPIC" | "NAME");
        let is_used = listed.contains(name) || used.contains(name);
        let found = is_used || (listed.is_empty() && !is_placeholder);
        let known = listed.iter().chain(&used).copied().filter(|known| *known != name);
        unmatched.look(("topic", name, topic.span), found, known);
    }
}

fn set_cell(said: &Named, env: &mut Environment, known: &mut Index, placed: &Placed) {
    let at = known.find(&said.name);
    if at.is_none() && !placed.cells.declares(said) {
        return;
    }
    let at = at.unwrap_or_else(|| {
        env.cells.push(Cell {
            name: Fact::stated(said.name.clone(), said.span),
            weight: None,
            capacity_share: None,
            capacity: None,
            traffic: None,
            region: None,
            failover_to: None,
            said: Said::default(),
        });
        known.add(&said.name)
    });
    state(&mut env.cells[at], said);
}

fn set_slo(said: &Named, env: &mut Environment, known: &mut Index, placed: &Placed) {
    let at = known.find(&said.name);
    if at.is_none() && !placed.slos.declares(said) {
        return;
    }
    let at = at.unwrap_or_else(|| {
        env.slos.push(Slo {
            name: said.name.clone(),
            owner: Owner::default(),
            span: said.span,
            target: None,
            window: None,
            indicator: None,
            said: Said::default(),
        });
        known.add(&said.name)
    });
    state(&mut env.slos[at], said);
}

fn set_secret(said: &Named, env: &mut Environment, unmatched: &mut Unmatched) {
    let at = find(&env.secret_stores, &env.name, &said.name, |s| &s.name);
    let mut known: BTreeSet<&str> = env.secret_stores.iter().map(|s| s.name.as_str()).collect();
    known.extend(env.secret_uses.iter().filter_map(|u| u.passage.source()));
    let is_used = known.contains(said.name.as_str());
    unmatched.look(
        ("secret", &said.name, said.span),
        at.is_some() || is_used,
        known.iter().copied(),
    );
    let at = match at {
        Some(at) => at,
        None if is_used => {
            env.secret_stores.push(SecretStore {
                name: said.name.clone(),
                namespace: None,
                span: said.span,
                rotation: None,
                overlap: None,
                reload: None,
                said: Said::default(),
            });
            env.secret_stores.len() - 1
        }
        None => return,
    };
    state(&mut env.secret_stores[at], said);
}
