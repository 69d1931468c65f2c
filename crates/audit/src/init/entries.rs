//! The assumptions and missing facts of a check, as statements of the overlay.

use super::entry::Entry;
use crate::engine::Report;
use crate::rules::common::{count, is_production_like};
use cofferdam_model::database::{Database, PoolTarget};
use cofferdam_model::kafka::Consumer;
use cofferdam_model::link::bare_name;
use cofferdam_model::registry::{
    self, Form, Kind, Missing, Need, Section, cells, databases, kafka, poolers, secrets, services, slos,
    targets, topics,
};
use cofferdam_model::workload::Lifecycle;
use cofferdam_model::{Environment, Fact, Platform, Service, Source};
use cofferdam_syntax::edit::yaml_name;
use std::collections::{BTreeMap, BTreeSet};

/// Collects entries; a later entry with the same key is dropped.
#[derive(Default)]
struct Entries(BTreeMap<Vec<String>, Entry>);

impl Entries {
    /// Adds a missing fact: with the value that is taken without it, if there is one, otherwise with an example and with
    /// what depends on it.
    fn missing(&mut self, need: &Need) {
        let fact = need.fact;
        let what = what(fact);
        match fact.default {
            Some((value, why)) => self.add(need, value.to_owned(), format!("{what}; without it: {why}")),
            None => {
                // The registry's words are for every reader; those of a rule or a scenario fit its own report.
                let why = format!(
                    "{what}; decides {}. Example:",
                    fact.decides.unwrap_or("the outcome")
                );
                self.add(need, need.example().to_owned(), why);
            }
        }
    }

    /// Adds a fact for which this value is taken.
    fn assumed(&mut self, need: &Need, value: String, taken: &str) {
        let why = format!("{}; without it: {taken}", what(need.fact));
        self.add(need, value, why);
    }

    fn add(&mut self, need: &Need, value: String, why: String) {
        let Some(path) = path(need) else { return };
        self.put(path, value, why);
    }

    fn put(&mut self, path: Vec<String>, value: String, why: String) {
        self.0.entry(path.clone()).or_insert(Entry { path, value, why });
    }

    /// Those that can be confirmed together: a key has one statement, so one about a whole map stands for those about
    /// what is in it.
    fn into_list(self) -> Vec<Entry> {
        let mut list: Vec<Entry> = Vec::new();
        for entry in self.0.into_values() {
            if list.last().is_none_or(|last| !entry.path.starts_with(&last.path)) {
                list.push(entry);
            }
        }
        list
    }
}

/// Where a need is written. Nothing is written for a part whose name is not known, and lists have their own statements.
fn path(need: &Need) -> Option<Vec<String>> {
    let section = need.fact.section;
    let keys = need.fact.key.split('.').map(str::to_owned);
    let mut path: Vec<String> = section.path().split('.').map(str::to_owned).collect();
    match section.form() {
        Form::Named => path.push(need.name.clone()?),
        Form::Listed => return None,
        Form::One | Form::Open => {}
    }
    path.extend(keys);
    Some(path)
}

/// What a fact is, as the beginning of a sentence.
fn what(fact: &registry::Entry) -> String {
    let sentence = fact.sentence.trim_end_matches('.');
    match fact.kind {
        Kind::Choice(words) => format!("{sentence} ({})", words.join(", ")),
        _ => sentence.to_owned(),
    }
}

/// Every statement that would help a check of `platform`, ordered by path.
pub(super) fn collect(platform: &Platform, report: &Report, more: &[Need]) -> Vec<Entry> {
    let mut entries = Entries::default();
    let is_platform = |e: &&Environment| platform.scope.project_apart(e.project).is_none();
    let mut environments: Vec<&Environment> = platform.environments.iter().filter(is_platform).collect();
    // The value in production is the better default.
    environments.sort_by_key(|e| !is_production_like(&e.name));
    for env in &environments {
        of_services(env, &mut entries);
        of_stores(env, &mut entries);
        of_missing_database(env, &environments, &mut entries);
        of_objectives(env, &mut entries);
        of_kafka(env, &mut entries);
        of_the_rest(env, platform, &mut entries);
    }
    let of_rules = report.unjudged.iter().flat_map(|unjudged| &unjudged.needs);
    for need in of_rules.filter_map(Missing::need).chain(more) {
        entries.missing(need);
    }
    entries.into_list()
}

/// The value that an assumed fact has, and the reason.
fn assumed<T: ToString>(fact: Option<&Fact<T>>) -> Option<(String, String)> {
    match fact {
        Some(Fact {
            value,
            source: Source::Assumed { why },
        }) => Some((value.to_string(), why.to_string())),
        _ => None,
    }
}

fn of_services(env: &Environment, entries: &mut Entries) {
    for service in &env.services {
        let runs_on = service
            .workloads
            .iter()
            .any(|id| env.workloads[id.0].lifecycle == Lifecycle::Service);
        if runs_on && let Some((value, why)) = assumed(service.scale.max.as_ref()) {
            let value = format!("{{min: {value}, max: {value}}}");
            entries.assumed(&Need::of(&services::REPLICAS, &service.name), value, &why);
        }
    }
    for consumer in &env.consumers {
        if let Some(service) = env.owner_service(&consumer.owner) {
            of_consumer(service, consumer, entries);
        }
    }
    for producer in &env.producers {
        if let Some(service) = env.owner_service(&producer.owner)
            && service.peak_rate.is_none()
            && producer.peak_rate.is_none()
        {
            entries.missing(&Need::of(&services::REQUESTS_PER_SECOND, &service.name));
        }
    }
    for pool in env.pools.iter().filter(|p| p.target == PoolTarget::Sql) {
        let Some(service) = env.owner_service(&pool.owner) else {
            continue;
        };
        let need = |fact| Need::of(fact, &service.name);
        if service.processes.is_none() {
            entries.missing(&need(&services::PROCESSES));
        }
        if service.connections_per_pod.is_none() {
            match (&pool.size, assumed(pool.size.as_ref())) {
                (_, Some((value, why))) => entries.assumed(&need(&services::POOL_SIZE), value, &why),
                (None, None) => entries.missing(&need(&services::CONNECTIONS_PER_POD)),
                _ => {}
            }
        }
        if pool.driver.is_none() {
            entries.missing(&need(&services::DRIVER));
        }
        if let Some((value, why)) = assumed(pool.overflow.as_ref()) {
            entries.assumed(&need(&services::POOL_OVERFLOW), value, &why);
        }
    }
}

fn of_consumer(service: &Service, consumer: &Consumer, entries: &mut Entries) {
    let need = |fact| Need::of(fact, &service.name);
    if consumer.consumers_per_process.is_none() {
        entries.missing(&need(&services::CONSUMERS_PER_PROCESS));
    }
    if consumer.time_per_record.is_none() {
        entries.missing(&need(&services::TIME_PER_MESSAGE));
    }
    if let Some(worker) = consumer.workers.iter().find(|w| w.builds_consumer.is_none()) {
        let fact: &registry::Entry = &services::WORKERS_BUILD_CONSUMERS;
        let (value, taken) = fact.default.unwrap_or((fact.example, "it is not known"));
        // It names the setting, which the sentence of the registry cannot.
        let why = format!(
            "Whether each of the {} of `{}` builds its own consumer; without it: {taken}",
            count(worker.count.value.into(), "worker"),
            worker.name
        );
        entries.add(&need(&services::WORKERS_BUILD_CONSUMERS), value.to_owned(), why);
    }
}

/// A database that pools use and no file declares, in one line: removing the `# ` adds the whole statement.
fn of_missing_database(env: &Environment, all: &[&Environment], entries: &mut Entries) {
    let mut sql = env
        .pools
        .iter()
        .filter(|p| p.target == PoolTarget::Sql)
        .peekable();
    if !env.databases.is_empty() || sql.peek().is_none() {
        return;
    }
    // Behind a pooler its own server is the database's host.
    let host_of = |pool: &'_ cofferdam_model::database::Pool| match pool.pooler {
        Some(at) => env.poolers[at].server_host.clone(),
        None => pool.host.clone(),
    };
    let host = sql.filter_map(host_of).find(|h| is_host(&h.value));
    let hosts = host.map_or_else(String::new, |h| format!(", hosts: [\"{}\"]", h.value));
    let (engine, limit) = (&databases::ENGINE_OF, &databases::MAX_CONNECTIONS);
    let (reserved, detection) = (&databases::RESERVED_CONNECTIONS, &databases::DETECTION);
    let value = format!(
        "{{{}: {}, {}: {}, {}: {}, {}: {}{hosts}}}",
        engine.key,
        engine.example,
        limit.key,
        limit.example,
        reserved.key,
        reserved.example,
        detection.key,
        detection.example
    );
    let why = "The database that the pools here use and no file declares; decides how many connections are wanted \
        and how many exist. Example:";
    let path = vec![Section::Databases.key().to_owned(), free_name(all)];
    entries.put(path, value, why.to_owned());
}

/// A name that no database has in any environment: a statement about it declares a new one.
fn free_name(all: &[&Environment]) -> String {
    let is_taken = |name: &str| {
        all.iter().any(|env| {
            let bare = bare_name(&env.name, name);
            (env.databases.iter()).any(|d| d.name == name || bare_name(&env.name, &d.name) == bare)
        })
    };
    let others = (2..).map(|n| format!("main-{n}"));
    let mut names = std::iter::once("main".to_owned()).chain(others);
    names.find(|name| !is_taken(name)).unwrap_or_default()
}

/// Objectives without a target or a window, and a first one if there is none, in one line.
fn of_objectives(env: &Environment, entries: &mut Entries) {
    let (target, window) = (&slos::TARGET, &slos::WINDOW);
    let value = |fact: &registry::Entry| format!(", {}: {}", fact.key, fact.example);
    // Items without a name are not allowed.
    let named = env.slos.iter().filter(|s| !s.name.trim().is_empty());
    let unset: Vec<String> = named
        .filter(|s| s.target.is_none() || s.window.is_none())
        .map(|s| {
            let target = if s.target.is_none() {
                value(target)
            } else {
                String::new()
            };
            let window = if s.window.is_none() {
                value(window)
            } else {
                String::new()
            };
            format!("{{name: {}{target}{window}}}", yaml_name(&s.name))
        })
        .collect();
    let path = vec![Section::Slos.key().to_owned()];
    if !unset.is_empty() {
        let why = "Share of good events and the window over which it counts; decides how fast the error \
            budget is used. Example:";
        entries.put(path, format!("[{}]", unset.join(", ")), why.to_owned());
    } else if env.slos.is_empty() && !env.services.is_empty() {
        let why = "What the platform promises; decides how fast the error budget is used. Example:";
        let value = format!("[{{name: availability{}{}}}]", value(target), value(window));
        entries.put(path, value, why.to_owned());
    }
}

fn is_host(text: &str) -> bool {
    !text.is_empty() && (text.chars()).all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'))
}

fn of_stores(env: &Environment, entries: &mut Entries) {
    for database in &env.databases {
        let need = |fact| Need::of(fact, &database.name);
        match assumed(database.max_connections.as_ref()) {
            // A server accepts at least one.
            Some((value, why)) if value != "0" => {
                entries.assumed(&need(&databases::MAX_CONNECTIONS), value, &why);
            }
            None if database.max_connections.is_some() => {}
            _ => entries.missing(&need(&databases::MAX_CONNECTIONS)),
        }
        if database.engine.is_none() {
            entries.missing(&need(&databases::ENGINE_OF));
        }
        if database.reserved_connections.is_none() {
            let (value, why) = reserved(database);
            entries.assumed(&need(&databases::RESERVED_CONNECTIONS), value.to_owned(), why);
        }
        if database.backup.detection.is_none() {
            entries.missing(&need(&databases::DETECTION));
        }
    }
    for pooler in &env.poolers {
        let need = |fact| Need::of(fact, &pooler.name);
        if pooler.users.is_none() && poolers::DYNAMIC_CREDENTIALS.of(pooler).is_none() {
            entries.missing(&need(&poolers::USERS));
            entries.missing(&need(&poolers::DYNAMIC_CREDENTIALS));
        }
        if pooler.databases.is_none() {
            entries.missing(&need(&poolers::DATABASES));
        }
        if pooler.replicas.is_none() {
            entries.missing(&need(&poolers::REPLICAS));
        }
        if pooler.version.is_none() {
            entries.missing(&need(&poolers::VERSION));
        }
    }
}

/// Connections that ordinary users cannot have if no file sets the number (see
/// `database-connection-exhaustion`).
fn reserved(database: &Database) -> (&'static str, &'static str) {
    use cofferdam_model::database::Engine;
    match database.engine.as_ref().map(|e| e.value) {
        Some(Engine::RdsPostgreSql | Engine::AuroraPostgreSql) => {
            ("5", "the default on RDS and Aurora, 3 + 2")
        }
        Some(Engine::MySql | Engine::SqlServer) => ("0", "none"),
        Some(Engine::PostgreSql) | None => ("3", "PostgreSQL's superuser_reserved_connections"),
    }
}

fn of_kafka(env: &Environment, entries: &mut Entries) {
    if env.consumers.is_empty() && env.producers.is_empty() && env.topics.is_empty() {
        return;
    }
    let known = |has: fn(&cofferdam_model::kafka::KafkaCluster) -> bool| env.kafka_clusters.iter().any(has);
    if !known(|k| k.brokers.is_some()) {
        entries.missing(&Need::one(&kafka::BROKERS));
    }
    if !known(|k| k.replication_lag.is_some()) {
        entries.missing(&Need::one(&kafka::REPLICATION_LAG));
    }
    if !known(|k| k.version.is_some()) {
        entries.missing(&Need::one(&kafka::VERSION));
    }
    for topic in &env.topics {
        let name = &topic.name.value;
        if topic.partitions.is_none() {
            entries.missing(&Need::of(&topics::PARTITIONS, name));
        }
        if topic.replication_factor.is_none() {
            entries.missing(&Need::of(&topics::REPLICATION_FACTOR, name));
        }
    }
    // If the files list topics, a name that is not on the list is a finding, not a question.
    if !env.topics.is_empty() {
        return;
    }
    for topic in env.consumers.iter().flat_map(|c| &c.topics) {
        let name = topic.value.as_str();
        if name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))
        {
            entries.missing(&Need::of(&topics::PARTITIONS, name));
            entries.missing(&Need::of(&topics::REPLICATION_FACTOR, name));
        }
    }
}

fn of_the_rest(env: &Environment, platform: &Platform, entries: &mut Entries) {
    for cell in &env.cells {
        let name = &cell.name.value;
        if cell.capacity.is_none() && cell.capacity_share.is_none() {
            entries.missing(&Need::of(&cells::CAPACITY_OF, name));
        }
        if cell.traffic.is_none() && cell.weight.is_none() {
            entries.missing(&Need::of(&cells::REQUESTS_PER_SECOND, name));
        }
    }
    if !env.alerts.is_empty() && platform.overlay.detection_target.is_none() {
        entries.missing(&Need::one(&targets::DETECTION));
    }
    let known: BTreeSet<&str> = env.secret_stores.iter().map(|s| s.name.as_str()).collect();
    let used: BTreeSet<&str> = env
        .secret_uses
        .iter()
        .filter_map(|u| u.passage.source())
        .collect();
    let unknown = used.difference(&known).copied();
    let unset = env.secret_stores.iter().filter(|s| s.rotation.is_none());
    for name in unknown.chain(unset.map(|store| store.name.as_str())) {
        entries.missing(&Need::of(&secrets::ROTATION, name));
        entries.missing(&Need::of(&secrets::OVERLAP, name));
        entries.missing(&Need::of(&secrets::RELOAD, name));
    }
}
