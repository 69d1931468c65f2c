//! Adds the statements of the overlay to the parts of an environment, before they are linked.

use super::index::Index;
use super::names::{self, Unmatched};
use super::placed::Placed;
use super::sections::{
    CellEntry, DatabaseEntry, KafkaEntry, Named, PoolerEntry, SecretEntry, ServiceEntry, SloEntry,
};
use super::{OverlayDocument, sections::Sections};
use cofferdam_model::alerts::Slo;
use cofferdam_model::calls::{Call, CallSite, CallTarget};
use cofferdam_model::cells::Cell;
use cofferdam_model::database::{Database, Pool, PoolTarget};
use cofferdam_model::kafka::{Consumer, KafkaCluster, Topic};
use cofferdam_model::link::bare_name;
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
        for database in said.databases.iter().filter(|d| d.has_values) {
            set_database(database, env, &mut known, placed);
        }
        for pooler in said.poolers.iter().filter(|p| p.has_values) {
            set_pooler(pooler, env, &mut unmatched);
        }
        if let Some(kafka) = said.kafka.as_ref().filter(|k| k.has_values) {
            set_kafka(kafka, env, placed);
        }
        let mut known = Index::of(&env.name, env.cells.iter().map(|c| c.name.value.as_str()));
        for cell in said.cells.iter().filter(|c| c.has_values) {
            set_cell(cell, env, &mut known, placed);
        }
        let mut known = Index::of(&env.name, env.slos.iter().map(|s| s.name.as_str()));
        for slo in &said.slos {
            set_slo(slo, env, &mut known, placed);
        }
        for secret in said.secrets.iter().filter(|s| s.has_values) {
            set_secret(secret, env, &mut unmatched);
        }
        for service in said.services.iter().filter(|s| s.has_values) {
            set_service(service, env, &mut unmatched);
        }
        unmatched
    }

    /// Looks for the services and topics that the overlay names, in a linked environment.
    pub fn check_names(&self, environment: &str, env: &Environment) -> Unmatched {
        let mut unmatched = Unmatched::default();
        let said = self.sections(environment);
        if let Some(kafka) = &said.kafka {
            look_for_topics(kafka, env, &mut unmatched);
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
        for service in said.services.iter().filter(|s| s.has_values) {
            // A service whose code is stated needs no file that describes it.
            look(&service.name, service.span, !service.entry.code.is_empty());
        }
        let databases = said.databases.iter().flat_map(|d| &d.entry.used_by);
        let slos = said.slos.iter().filter_map(|s| s.entry.service.as_ref());
        let calls = env
            .calls
            .iter()
            .filter(|c| c.target == CallTarget::Service && c.what.starts_with(DEPENDS_ON))
            .filter_map(|c| c.target_name.as_ref());
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

/// Replaces the known value if one is stated.
fn set<T: Clone>(into: &mut Option<Fact<T>>, stated: &Option<Fact<T>>) {
    if stated.is_some() {
        into.clone_from(stated);
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

fn set_service(said: &Named<ServiceEntry>, env: &mut Environment, unmatched: &mut Unmatched) {
    let (entry, span) = (&said.entry, said.span);
    let owner = || Owner::named(said.name.clone());
    env.services.push(Service {
        name: said.name.clone(),
        scale: entry.scale.clone(),
        directories: entry.code.clone(),
        processes: entry.processes.clone(),
        peak_rate: entry.rate.clone(),
        priority: entry.priority.clone(),
        connections_per_pod: entry.connections.clone(),
        start_up_time: entry.start_up_time.clone(),
        request_time: entry.request_time.clone(),
        service_time: entry.service_time.clone(),
        transaction_time: entry.transaction_time.clone(),
        capacity_per_pod: entry.capacity_per_pod.clone(),
        cpu_per_request: entry.cpu_per_request.clone(),
        memory_per_message: entry.memory_per_message.clone(),
        callers: entry.callers.clone(),
        ..Service::default()
    });
    if entry.consumers_per_process.is_some()
        || entry.workers_build_consumers.is_some()
        || entry.time_per_message.is_some()
    {
        let mut consumer = Consumer::at(span, owner());
        consumer
            .consumers_per_process
            .clone_from(&entry.consumers_per_process);
        consumer
            .workers_build_consumers
            .clone_from(&entry.workers_build_consumers);
        consumer.time_per_record.clone_from(&entry.time_per_message);
        env.consumers.push(consumer);
    }
    if entry.pool.is_some()
        || entry.driver.is_some()
        || entry.database.is_some()
        || entry.connections.is_some()
    {
        let at = entry.pool.as_ref().map_or(span, |p| p.span);
        let mut pool = Pool::at(at, owner(), PoolTarget::Sql);
        if let Some(stated) = &entry.pool {
            pool.size.clone_from(&stated.size);
            pool.overflow.clone_from(&stated.overflow);
            pool.pool_timeout.clone_from(&stated.timeout);
            pool.connect_timeout.clone_from(&stated.connect_timeout);
        }
        pool.driver.clone_from(&entry.driver);
        pool.database_name.clone_from(&entry.database);
        env.pools.push(pool);
    }
    if let Some(database) = &entry.database {
        look_for_database(database, env, unmatched);
    }
    for name in &entry.depends_on {
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
fn add_call(said: &Named<ServiceEntry>, name: &Fact<String>, env: &mut Environment) {
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

fn set_database(said: &Named<DatabaseEntry>, env: &mut Environment, known: &mut Index, placed: &Placed) {
    let at = match known.find(&said.name) {
        Some(at) => at,
        None if placed.databases.declares(said) => {
            env.databases
                .push(Database::named(said.name.clone(), Some(said.span)));
            known.add(&said.name)
        }
        None => return,
    };
    let (database, entry) = (&mut env.databases[at], &said.entry);
    set(&mut database.engine, &entry.engine);
    set(&mut database.version, &entry.version);
    set(&mut database.tier, &entry.tier);
    set(&mut database.memory, &entry.memory);
    set(&mut database.max_connections, &entry.max_connections);
    set(&mut database.reserved_connections, &entry.reserved_connections);
    set(&mut database.shared_buffers, &entry.shared_buffers);
    set(&mut database.work_mem, &entry.work_mem);
    set(&mut database.multi_zone, &entry.multi_zone);
    set(&mut database.public, &entry.public);
    set(&mut database.tls_required, &entry.tls_required);
    set(&mut database.deletion_protection, &entry.deletion_protection);
    set(&mut database.backup.retention, &entry.backup.retention);
    set(&mut database.backup.interval, &entry.backup.interval);
    set(&mut database.backup.point_in_time, &entry.backup.point_in_time);
    set(&mut database.backup.other_region, &entry.backup.other_region);
    set(&mut database.backup.restore_tested, &entry.backup.restore_tested);
    set(&mut database.backup.detection, &entry.backup.detection);
    database.stated_limits.extend(entry.limits.iter().cloned());
    database.hosts.extend(entry.hosts.iter().cloned());
    let name = database.name.clone();
    for user in &entry.used_by {
        let mut pool = Pool::at(
            user.span().unwrap_or(said.span),
            Owner::named(user.value.clone()),
            PoolTarget::Sql,
        );
        pool.database_name = Some(user.clone().map(|_| name.clone()));
        env.pools.push(pool);
    }
}

fn set_pooler(said: &Named<PoolerEntry>, env: &mut Environment, unmatched: &mut Unmatched) {
    let at = find(&env.poolers, &env.name, &said.name, |p| &p.name);
    let known = env.poolers.iter().map(|p| p.name.as_str());
    unmatched.look(("pooler", &said.name, said.span), at.is_some(), known);
    let Some(at) = at else { return };
    let (pooler, entry) = (&mut env.poolers[at], &said.entry);
    set(&mut pooler.users, &entry.users);
    set(&mut pooler.databases, &entry.databases);
    set(&mut pooler.replicas, &entry.replicas);
    set(&mut pooler.version, &entry.version);
    match &entry.dynamic_credentials {
        Some(stated) if stated.value => {
            let said = stated.clone().map(|_| "stated in the overlay".to_owned());
            pooler.dynamic_credentials = Some(said);
        }
        Some(_) => pooler.dynamic_credentials = None,
        None => {}
    }
}

fn set_kafka(said: &KafkaEntry, env: &mut Environment, placed: &Placed) {
    if env.kafka_clusters.is_empty() {
        env.kafka_clusters.push(KafkaCluster {
            name: "kafka".to_owned(),
            ..KafkaCluster::default()
        });
    }
    for cluster in &mut env.kafka_clusters {
        set(&mut cluster.brokers, &said.brokers);
        set(&mut cluster.replication_lag, &said.replication_lag);
        set(&mut cluster.version, &said.version);
    }
    let mut known: HashMap<String, usize> = HashMap::default();
    for (at, topic) in env.topics.iter().enumerate() {
        known.entry(topic.name.value.clone()).or_insert(at);
    }
    for topic in said.topics.iter().filter(|t| t.has_values) {
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
            });
            known.insert(topic.name.clone(), env.topics.len() - 1);
            env.topics.len() - 1
        });
        let (part, entry) = (&mut env.topics[at], &topic.entry);
        set(&mut part.partitions, &entry.partitions);
        set(&mut part.replication_factor, &entry.replication_factor);
        set(&mut part.min_insync_replicas, &entry.min_insync_replicas);
        set(&mut part.retention, &entry.retention);
        set(&mut part.peak_rate, &entry.rate);
    }
}

/// Looks for the stated topics. If the files list topics, the list is complete: a name that is not on it and
/// that nothing uses is a mistake. Without such a list the statement itself declares the topic.
fn look_for_topics(said: &KafkaEntry, env: &Environment, unmatched: &mut Unmatched) {
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
    for topic in said.topics.iter().filter(|t| t.has_values) {
        let name = topic.name.as_str();
        // What messages and pages write for the name of any topic.
        let is_placeholder = matches!(name, "TOPIC" | "NAME");
        let is_used = listed.contains(name) || used.contains(name);
        let found = is_used || (listed.is_empty() && !is_placeholder);
        let known = listed.iter().chain(&used).copied().filter(|known| *known != name);
        unmatched.look(("topic", name, topic.span), found, known);
    }
}

fn set_cell(said: &Named<CellEntry>, env: &mut Environment, known: &mut Index, placed: &Placed) {
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
        });
        known.add(&said.name)
    });
    let (cell, entry) = (&mut env.cells[at], &said.entry);
    set(&mut cell.traffic, &entry.rate);
    set(&mut cell.capacity, &entry.capacity);
    set(&mut cell.capacity_share, &entry.capacity_share);
    set(&mut cell.weight, &entry.weight);
    set(&mut cell.region, &entry.region);
}

fn set_slo(said: &Named<SloEntry>, env: &mut Environment, known: &mut Index, placed: &Placed) {
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
        });
        known.add(&said.name)
    });
    let (slo, entry) = (&mut env.slos[at], &said.entry);
    if let Some(service) = &entry.service {
        slo.owner = Owner::named(service.value.clone());
    }
    set(&mut slo.target, &entry.target);
    set(&mut slo.window, &entry.window);
    set(&mut slo.indicator, &entry.indicator);
}

fn set_secret(said: &Named<SecretEntry>, env: &mut Environment, unmatched: &mut Unmatched) {
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
            });
            env.secret_stores.len() - 1
        }
        None => return,
    };
    let (store, entry) = (&mut env.secret_stores[at], &said.entry);
    set(&mut store.rotation, &entry.rotation);
    set(&mut store.overlap, &entry.overlap);
    set(&mut store.reload, &entry.reload);
}
