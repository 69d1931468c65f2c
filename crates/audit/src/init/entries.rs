//! The assumptions and missing facts of a check, as statements of the overlay.

use super::entry::{Entry, quoted};
use super::keys::{KEYS, known};
use crate::engine::Report;
use crate::rules::common::{count, is_production_like};
use cofferdam_model::database::{Database, PoolTarget};
use cofferdam_model::kafka::Consumer;
use cofferdam_model::workload::Lifecycle;
use cofferdam_model::{Environment, Fact, Platform, Service, Source};
use std::collections::{BTreeMap, BTreeSet};

/// Collects entries; a later entry with the same key is dropped.
#[derive(Default)]
struct Entries(BTreeMap<Vec<String>, Entry>);

impl Entries {
    /// Adds a statement. `taken` is the value that the check assumes without it, if any.
    fn add(&mut self, path: &[&str], value: Option<String>, taken: Option<&str>) {
        let Some((_, key, example, what)) = known(path) else {
            return;
        };
        let (value, why) = match (value, taken) {
            (Some(value), Some(taken)) => (value, format!("{what}; without it: {taken}")),
            (Some(value), None) => (value, what.to_owned()),
            (None, Some(need)) => (example.to_owned(), format!("{what}; decides {need}. Example:")),
            (None, None) => (example.to_owned(), format!("{what}. An example:")),
        };
        let mut path: Vec<String> = path.iter().map(|p| (*p).to_owned()).collect();
        if key.contains('.') {
            path.pop();
            path.extend(key.split('.').map(str::to_owned));
        }
        self.0.entry(path.clone()).or_insert(Entry { path, value, why });
    }
}

/// Every statement that would help a check of `platform`, ordered by path.
pub(super) fn collect(platform: &Platform, report: &Report) -> Vec<Entry> {
    let mut entries = Entries::default();
    let is_platform = |e: &&Environment| platform.scope.project_apart(e.project).is_none();
    let mut environments: Vec<&Environment> = platform.environments.iter().filter(is_platform).collect();
    // The value in production is the better default.
    environments.sort_by_key(|e| !is_production_like(&e.name));
    for env in environments {
        of_services(env, &mut entries);
        of_stores(env, &mut entries);
        of_missing_parts(env, &mut entries);
        of_kafka(env, &mut entries);
        of_the_rest(env, platform, &mut entries);
    }
    for need in report.unjudged.iter().flat_map(|u| &u.needs) {
        let (path, reason) = match need.split_once(" (") {
            Some((path, reason)) => (path, reason.trim_end_matches(')')),
            None => (need.as_str(), "a rule that could not judge"),
        };
        if let Some(path) = parse(path) {
            entries.add(&path, None, Some(reason));
        }
    }
    entries.0.into_values().collect()
}

/// `services.my.api.pool.size` as section, name and key: names may contain dots, keys are known.
pub(super) fn parse(text: &str) -> Option<Vec<&str>> {
    let (section, rest) = match text.strip_prefix("kafka.topics.") {
        Some(rest) => ("kafka.topics", rest),
        None => text.split_once('.')?,
    };
    if matches!(section, "kafka" | "targets" | "prices") {
        let path = vec![section, rest];
        return known(&path).map(|_| path);
    }
    let keys = KEYS
        .iter()
        .filter(|(s, ..)| *s == section)
        .map(|(_, key, ..)| *key);
    // `pool.size` before `size`.
    let key = keys
        .filter(|key| {
            rest.strip_suffix(key)
                .is_some_and(|r| r.ends_with('.') && r.len() > 1)
        })
        .max_by_key(|key| key.len())?;
    let name = &rest[..rest.len() - key.len() - 1];
    Some(match section {
        "kafka.topics" => vec!["kafka", "topics", name, key],
        _ => vec![section, name, key],
    })
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
            entries.add(&["services", &service.name, "replicas"], Some(value), Some(&why));
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
            let need = Some("how many messages a broker's failover loses");
            entries.add(&["services", &service.name, "requests_per_second"], None, need);
        }
    }
    for pool in env.pools.iter().filter(|p| p.target == PoolTarget::Sql) {
        let Some(service) = env.owner_service(&pool.owner) else {
            continue;
        };
        let mut add = |key: &str, value: Option<String>, taken: Option<&str>| {
            entries.add(&["services", &service.name, key], value, taken);
        };
        if service.processes.is_none() {
            add("processes", Some("1".to_owned()), Some("one process a replica"));
        }
        if service.connections_per_pod.is_none() {
            match (&pool.size, assumed(pool.size.as_ref())) {
                (_, Some((value, why))) => add("pool.size", Some(value), Some(&why)),
                (None, None) => add(
                    "connections_per_pod",
                    None,
                    Some("how many connections are wanted and how many exist"),
                ),
                _ => {}
            }
        }
        if pool.driver.is_none() {
            add(
                "driver",
                None,
                Some("whether prepared statements break under transaction pooling"),
            );
        }
        if let Some((value, why)) = assumed(pool.overflow.as_ref()) {
            add("pool.overflow", Some(value), Some(&why));
        }
    }
}

fn of_consumer(service: &Service, consumer: &Consumer, entries: &mut Entries) {
    let mut add = |key: &str, value: Option<String>, taken: Option<&str>| {
        entries.add(&["services", &service.name, key], value, taken);
    };
    if consumer.consumers_per_process.is_none() {
        add(
            "consumers_per_process",
            Some("1".to_owned()),
            Some("one consumer a process"),
        );
    }
    if consumer.time_per_record.is_none() {
        add(
            "time_per_message",
            None,
            Some("whether a batch is done before the poll deadline"),
        );
    }
    if let Some(worker) = consumer.workers.iter().find(|w| w.builds_consumer.is_none()) {
        // The table has no row for it, so the sentence names the setting.
        let path = ["services", &service.name, "workers_build_consumers"]
            .map(str::to_owned)
            .to_vec();
        let why = format!(
            "whether each of the {} of `{}` builds its own consumer; without it: they share one",
            count(worker.count.value.into(), "worker"),
            worker.name
        );
        entries.0.entry(path.clone()).or_insert(Entry {
            path,
            value: "false".to_owned(),
            why,
        });
    }
}

/// A database that pools use and no file declares, and missing objectives, in one line each: removing the `#
/// ` adds the whole statement.
fn of_missing_parts(env: &Environment, entries: &mut Entries) {
    let mut add = |path: &[&str], value: String, why: &str| {
        let path: Vec<String> = path.iter().map(|p| (*p).to_owned()).collect();
        entries.0.entry(path.clone()).or_insert_with(|| Entry {
            path,
            value,
            why: why.to_owned(),
        });
    };
    let mut sql = env
        .pools
        .iter()
        .filter(|p| p.target == PoolTarget::Sql)
        .peekable();
    if env.databases.is_empty() && sql.peek().is_some() {
        // Behind a pooler its own server is the database's host.
        let host_of = |pool: &'_ cofferdam_model::database::Pool| match pool.pooler {
            Some(at) => env.poolers[at].server_host.clone(),
            None => pool.host.clone(),
        };
        let host = sql.filter_map(host_of).find(|h| is_host(&h.value));
        let hosts = host.map_or_else(String::new, |h| format!(", hosts: [\"{}\"]", h.value));
        let value = format!(
            "{{engine: postgresql, max_connections: 100, reserved_connections: 3, detection: 8h{hosts}}}"
        );
        add(
            &["databases", "main"],
            value,
            "the database that the pools here use and no file declares; decides how many connections are \
             wanted and how many exist. Example:",
        );
    }
    let unset: Vec<String> = (env.slos.iter())
        .filter(|s| s.target.is_none() || s.window.is_none())
        .map(|s| {
            let target = if s.target.is_none() { ", target: 99.9%" } else { "" };
            let window = if s.window.is_none() { ", window: 30d" } else { "" };
            format!("{{name: {}{target}{window}}}", quoted(&s.name))
        })
        .collect();
    if !unset.is_empty() {
        let why = "share of good events and the window over which it counts; decides how fast the error \
            budget is used. Example:";
        add(&["slos"], format!("[{}]", unset.join(", ")), why);
    } else if env.slos.is_empty() && !env.services.is_empty() {
        let why = "what the platform promises; decides how fast the error budget is used. Example:";
        add(
            &["slos"],
            "[{name: availability, target: 99.9%, window: 30d}]".to_owned(),
            why,
        );
    }
}

fn is_host(text: &str) -> bool {
    text.chars()
        .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'))
}

fn of_stores(env: &Environment, entries: &mut Entries) {
    for database in &env.databases {
        let mut add = |key: &str, value: Option<String>, taken: Option<&str>| {
            entries.add(&["databases", &database.name, key], value, taken);
        };
        if let Some((value, why)) = assumed(database.max_connections.as_ref()) {
            add("max_connections", Some(value), Some(&why));
        } else if database.max_connections.is_none() {
            add(
                "max_connections",
                None,
                Some("how many connections are wanted and how many exist"),
            );
        }
        if database.engine.is_none() {
            add("engine", None, Some("which defaults apply"));
        }
        if database.reserved_connections.is_none() {
            let (value, why) = reserved(database);
            add("reserved_connections", Some(value.to_owned()), Some(why));
        }
        if database.backup.detection.is_none() {
            add(
                "detection",
                None,
                Some("whether backups still exist when the damage is noticed"),
            );
        }
    }
    for pooler in &env.poolers {
        let mut add = |key: &str, value: Option<String>, taken: Option<&str>| {
            entries.add(&["poolers", &pooler.name, key], value, taken);
        };
        if pooler.users.is_none() && pooler.dynamic_credentials.is_none() {
            add("users", Some("1".to_owned()), Some("one user"));
            add(
                "dynamic_credentials",
                Some("false".to_owned()),
                Some("credentials that do not change"),
            );
        }
        if pooler.databases.is_none() {
            add("databases", Some("1".to_owned()), Some("one database"));
        }
        if pooler.replicas.is_none() {
            add("replicas", None, Some("how many connections all replicas open"));
        }
        if pooler.version.is_none() {
            add("version", None, Some("whether it can keep prepared statements"));
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

/// Keys of a topic, and the reason why each is needed.
const NEEDED_OF_TOPICS: [(&str, &str); 2] = [
    ("partitions", "how many members get no partition"),
    (
        "replication_factor",
        "whether the loss of a broker loses messages",
    ),
];

fn of_kafka(env: &Environment, entries: &mut Entries) {
    if env.consumers.is_empty() && env.producers.is_empty() && env.topics.is_empty() {
        return;
    }
    let known = |has: fn(&cofferdam_model::kafka::KafkaCluster) -> bool| env.kafka_clusters.iter().any(has);
    if !known(|k| k.brokers.is_some()) {
        entries.add(
            &["kafka", "brokers"],
            None,
            Some("how many messages pass one leader"),
        );
    }
    if !known(|k| k.replication_lag.is_some()) {
        entries.add(
            &["kafka", "replication_lag"],
            None,
            Some("how many messages a broker's failover loses"),
        );
    }
    if !known(|k| k.version.is_some()) {
        entries.add(&["kafka", "version"], None, Some("which defaults apply"));
    }
    for topic in &env.topics {
        let mut add = |key: &str, need: &str| {
            entries.add(&["kafka", "topics", &topic.name.value, key], None, Some(need));
        };
        let set = [topic.partitions.is_some(), topic.replication_factor.is_some()];
        for ((key, need), _) in NEEDED_OF_TOPICS.iter().zip(set).filter(|(_, set)| !set) {
            add(key, need);
        }
    }
    let declared: BTreeSet<&str> = env.topics.iter().map(|t| t.name.value.as_str()).collect();
    // If the files list topics, a name that is not on the list is a finding, not a question.
    for topic in env
        .consumers
        .iter()
        .flat_map(|c| &c.topics)
        .filter(|_| declared.is_empty())
    {
        let name = topic.value.as_str();
        if name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))
        {
            for (key, need) in NEEDED_OF_TOPICS {
                entries.add(&["kafka", "topics", name, key], None, Some(need));
            }
        }
    }
}

fn of_the_rest(env: &Environment, platform: &Platform, entries: &mut Entries) {
    for cell in &env.cells {
        let name = cell.name.value.as_str();
        if cell.capacity.is_none() && cell.capacity_share.is_none() {
            entries.add(
                &["cells", name, "capacity"],
                None,
                Some("how much traffic the others get when one is lost"),
            );
        }
        if cell.traffic.is_none() && cell.weight.is_none() {
            entries.add(
                &["cells", name, "requests_per_second"],
                None,
                Some("how much traffic the others get when one is lost"),
            );
        }
    }
    if !env.alerts.is_empty() && platform.overlay.detection_target.is_none() {
        entries.add(&["targets", "detection"], Some("60s".to_owned()), Some("60 s"));
    }
    let known: BTreeSet<&str> = env.secret_stores.iter().map(|s| s.name.as_str()).collect();
    let used: BTreeSet<&str> = env
        .secret_uses
        .iter()
        .filter_map(|u| u.passage.source())
        .collect();
    for name in used.difference(&known) {
        secret(name, entries);
    }
    for store in env.secret_stores.iter().filter(|s| s.rotation.is_none()) {
        secret(&store.name, entries);
    }
}

fn secret(name: &str, entries: &mut Entries) {
    entries.add(
        &["secrets", name, "rotation"],
        None,
        Some("how long a leaked value works"),
    );
    for key in ["overlap", "reload"] {
        entries.add(
            &["secrets", name, key],
            None,
            Some("whether a rotation stops the service"),
        );
    }
}
