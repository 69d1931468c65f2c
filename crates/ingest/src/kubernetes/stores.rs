//! Databases, caches and brokers in the cluster: those of operators by their resources, others by their
//! images. Their backups and failover are not visible here, and are not claimed.

use super::object::{Object, text};
use super::server_files::{self, Settings};
use crate::facts::NodeFacts as _;
use crate::parts::{self, fill};
use cofferdam_model::database::{Cache, Engine, Pooler};
use cofferdam_model::kafka::KafkaCluster;
use cofferdam_model::workload::{Completeness, ConfigObject, Container, Lifecycle, ObjectId, Workload};
use cofferdam_model::{Bytes, Fact, Parts, Span, Texts, units};
use cofferdam_syntax::tree::Node;
use std::collections::BTreeMap;

/// The kind of server of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Server {
    Postgres,
    MySql,
    Cache,
    Kafka,
}

/// Last parts of the names of images that run a server.
const IMAGES: &[(&str, Server)] = &[
    ("postgres", Server::Postgres),
    ("postgresql", Server::Postgres),
    ("postgis", Server::Postgres),
    ("timescaledb", Server::Postgres),
    ("pgvector", Server::Postgres),
    ("mysql", Server::MySql),
    ("mysql-server", Server::MySql),
    ("mariadb", Server::MySql),
    ("redis", Server::Cache),
    ("valkey", Server::Cache),
    ("memcached", Server::Cache),
    ("kafka", Server::Kafka),
    ("cp-kafka", Server::Kafka),
    ("cp-server", Server::Kafka),
];

/// Names of Services by a label of their selectors, for the hosts of a workload.
type Selected<'a> = BTreeMap<(&'a str, &'a str), Vec<usize>>;

/// Reads a database of an operator; returns whether the object is one.
pub(super) fn interpret(object: &Object<'_>, parts: &mut Parts) -> bool {
    match (object.group, object.id.kind.as_str()) {
        ("postgresql.cnpg.io", "Cluster") => cloud_native(object, parts),
        ("postgresql.cnpg.io", "Pooler") => cloud_native_pooler(object, parts),
        ("acid.zalan.do", "postgresql") => zalando(object, parts),
        _ => return false,
    }
    true
}

/// An operator creates Secrets with these names.
fn makes(object: &Object<'_>, names: impl IntoIterator<Item = String>, parts: &mut Parts) {
    for name in names {
        parts.config_objects.push(ConfigObject {
            withheld: false,
            id: ObjectId {
                name,
                ..object.id.clone()
            },
            span: object.span,
            data: Texts::new(),
            complete: false,
        });
    }
}

/// CloudNativePG: a cluster is reached through Services that end in `-rw`, `-ro` and `-r`.
fn cloud_native(object: &Object<'_>, parts: &mut Parts) {
    let name = &object.id.name;
    let secrets = ["app", "superuser", "ca", "server", "replication"];
    makes(object, secrets.map(|s| format!("{name}-{s}")), parts);
    let backup = object.at("spec/backup");
    let retention = backup
        .and_then(|b| b.get("retentionPolicy"))
        .and_then(|n| n.fact(units::duration));
    let archives = backup
        .and_then(|b| b.get("barmanObjectStore"))
        .or_else(|| archiver(object));
    // A cluster that was made from a backup shows that this restores. A copy of a running server does not.
    let restored = object
        .at("spec/bootstrap/recovery")
        .filter(|node| !node.is_null());
    let image = object.at("spec/imageName").and_then(super::container::image);
    let database = parts::database_in(parts, name, object.id.home(), object.span);
    database.engine = Some(Fact::declared(Engine::PostgreSql, object.span));
    fill(&mut database.version, image.and_then(|i| i.tag).map(version));
    for host in ["rw", "ro", "r"] {
        let host = Fact::declared(format!("{name}-{host}").to_lowercase(), object.span);
        database.hosts.push(host);
    }
    parameters(object.at("spec/postgresql/parameters"), database);
    database.backup.declarable = object.is_whole();
    fill(&mut database.backup.retention, retention);
    fill(
        &mut database.backup.point_in_time,
        archives.map(|n| Fact::declared(true, n.span)),
    );
    fill(
        &mut database.backup.restore_tested,
        restored.map(|n| Fact::declared(true, n.span)),
    );
}

/// The plugin that archives the log of a CloudNativePG cluster. Source: CloudNativePG documentation, "WAL archiving".
fn archiver<'n>(object: &Object<'n>) -> Option<&'n Node> {
    let plugins = object.at("spec/plugins").map_or(&[][..], Node::items);
    plugins.iter().find(|plugin| {
        plugin.get("isWALArchiver").and_then(Node::as_bool) == Some(true)
            && plugin.get("enabled").and_then(Node::as_bool) != Some(false)
    })
}

/// The number at the start of a tag: `15.4-alpine` is 15.4.
fn version(tag: Fact<String>) -> Fact<String> {
    tag.map(|t| {
        let end = t.find(|c: char| !(c.is_ascii_digit() || c == '.'));
        t[..end.unwrap_or(t.len())].trim_end_matches('.').to_owned()
    })
}

fn parameters(node: Option<&Node>, database: &mut cofferdam_model::database::Database) {
    let Some(node) = node else { return };
    let bytes = |key: &str| node.get(key)?.fact(Bytes::parse);
    fill(
        &mut database.max_connections,
        node.get("max_connections").and_then(Node::u32_fact),
    );
    fill(&mut database.shared_buffers, bytes("shared_buffers"));
    fill(&mut database.work_mem, bytes("work_mem"));
}

fn pooler(object: &Object<'_>, name: &str, span: Span) -> Pooler {
    Pooler::named(name, span, object.owner_named(name))
}

fn cloud_native_pooler(object: &Object<'_>, parts: &mut Parts) {
    let mut read = pooler(object, &object.id.name, object.span);
    let number = |key: &str| object.at("spec/pgbouncer/parameters")?.get(key)?.u32_fact();
    read.replicas = object.at("spec/instances").and_then(Node::u32_fact);
    read.pool_mode = object.at("spec/pgbouncer/poolMode").and_then(Node::text_fact);
    read.max_client_conn = number("max_client_conn");
    read.default_pool_size = number("default_pool_size");
    read.reserve_pool_size = number("reserve_pool_size");
    read.max_db_connections = number("max_db_connections");
    read.max_prepared_statements = number("max_prepared_statements");
    let kind = object.at("spec/type").and_then(Node::as_str).unwrap_or("rw");
    read.server_host = object
        .at("spec/cluster")
        .and_then(|c| text(c, "name"))
        .map(|name| name.map(|n| format!("{n}-{kind}").to_lowercase()));
    parts.poolers.push(read);
}

/// Zalando's operator: the master is reached under the cluster's name, its pooler under `-pooler`.
fn zalando(object: &Object<'_>, parts: &mut Parts) {
    let name = &object.id.name;
    let users = object.at("spec/users").into_iter().flat_map(Node::entries);
    let users = users.map(|(key, _)| key.text.replace('_', "-"));
    let secrets: Vec<String> = users
        .chain(["postgres".to_owned(), "standby".to_owned(), "pooler".to_owned()])
        .map(|user| format!("{user}.{name}.credentials.postgresql.acid.zalan.do"))
        .collect();
    makes(object, secrets, parts);
    let database = parts::database_in(parts, name, object.id.home(), object.span);
    database.engine = Some(Fact::declared(Engine::PostgreSql, object.span));
    fill(
        &mut database.version,
        object.at("spec/postgresql/version").and_then(Node::text_fact),
    );
    for host in [name.clone(), format!("{name}-repl")] {
        database
            .hosts
            .push(Fact::declared(host.to_lowercase(), object.span));
    }
    parameters(object.at("spec/postgresql/parameters"), database);
    if let Some(node) = object.at("spec/connectionPooler") {
        let mut read = pooler(object, &format!("{name}-pooler"), node.span);
        read.replicas = node.get("numberOfInstances").and_then(Node::u32_fact);
        read.pool_mode = text(node, "mode");
        read.max_db_connections = node.get("maxDBConnections").and_then(Node::u32_fact);
        read.server_host = Some(Fact::declared(name.to_lowercase(), node.span));
        parts.poolers.push(read);
    }
}

/// Adds a database, cache or broker for every workload that runs the image of one. Called when all Services
/// are known, because they are its hosts.
pub(super) fn finish(parts: &mut Parts) {
    let mut found = Vec::new();
    let mut selected: Option<Selected<'_>> = None;
    for workload in parts
        .workloads
        .iter()
        .filter(|w| w.lifecycle == Lifecycle::Service)
    {
        let server = workload.containers.iter().find_map(|c| Some((c, server_of(c)?)));
        let Some((container, server)) = server else {
            continue;
        };
        let selected = selected.get_or_insert_with(|| by_selector(parts));
        found.push(Found::of(
            workload,
            container,
            server,
            (
                hosts(workload, selected, parts),
                server_files::of(workload, container, parts),
            ),
        ));
    }
    for one in found {
        one.push(parts);
    }
}

/// The server in a container. A job's or a shell's container with the same image serves nothing.
fn server_of(container: &Container) -> Option<Server> {
    let repository = &container.image.as_ref()?.repository;
    let last = repository.rsplit('/').next()?;
    let (_, server) = IMAGES.iter().find(|(name, _)| *name == last)?;
    let client = |word: &str| {
        let program = word.rsplit('/').next().unwrap_or(word);
        matches!(
            program,
            "psql" | "pg_dump" | "pg_isready" | "sleep" | "redis-cli" | "mysqldump" | "tail" | "bash"
        )
    };
    let starts_client = container
        .command
        .first()
        .is_some_and(|first| first.value.split_whitespace().next().is_some_and(client));
    (!starts_client).then_some(*server)
}

fn by_selector(parts: &Parts) -> Selected<'_> {
    let mut selected = Selected::new();
    for (at, service) in parts.service_ports.iter().enumerate() {
        if let Some((key, value)) = service.selector.iter().next() {
            selected.entry((key, &value.value)).or_default().push(at);
        }
    }
    selected
}

/// Names under which a workload's pods are reached.
fn hosts(workload: &Workload, selected: &Selected<'_>, parts: &Parts) -> Vec<Fact<String>> {
    let mut hosts = vec![Fact::declared(workload.id.name.to_lowercase(), workload.span)];
    for (key, value) in &workload.labels {
        for at in selected
            .get(&(key.as_str(), value.value.as_str()))
            .into_iter()
            .flatten()
        {
            let service = &parts.service_ports[*at];
            let name = service.id.name.to_lowercase();
            if service.selects(workload) && hosts.iter().all(|h| h.value != name) {
                hosts.push(Fact::declared(name, service.span));
            }
        }
    }
    hosts
}

/// A server that a workload runs.
struct Found {
    server: Server,
    id: ObjectId,
    span: Span,
    whole: bool,
    replicas: Option<Fact<u32>>,
    version: Option<Fact<String>>,
    max_connections: Option<Fact<u32>>,
    min_insync_replicas: Option<Fact<u32>>,
    files: Settings,
    hosts: Vec<Fact<String>>,
}

impl Found {
    fn of(
        workload: &Workload,
        container: &Container,
        server: Server,
        (hosts, files): (Vec<Fact<String>>, Settings),
    ) -> Found {
        let tag = container.image.as_ref().and_then(|i| i.tag.clone());
        Found {
            server,
            id: workload.id.clone(),
            span: workload.span,
            whole: workload.completeness == Completeness::Whole,
            replicas: workload.replicas.clone(),
            version: tag.map(version).filter(|f| !f.value.is_empty()),
            // What the command and the variables say counts over the file.
            max_connections: max_connections(container).or(files.max_connections.clone()),
            min_insync_replicas: min_insync_replicas(container),
            files,
            hosts,
        }
    }

    fn push(self, parts: &mut Parts) {
        match self.server {
            Server::Postgres | Server::MySql => {
                let database = parts::database_in(parts, &self.id.name, self.id.home(), self.span);
                let engine = if self.server == Server::Postgres {
                    Engine::PostgreSql
                } else {
                    Engine::MySql
                };
                fill(&mut database.engine, Some(Fact::declared(engine, self.span)));
                fill(&mut database.version, self.version);
                fill(&mut database.max_connections, self.max_connections);
                fill(&mut database.shared_buffers, self.files.shared_buffers);
                fill(&mut database.work_mem, self.files.work_mem);
                database.hosts.extend(self.hosts);
            }
            Server::Cache => parts.caches.push(Cache {
                name: self.id.name,
                span: Some(self.span),
                tier: None,
                multi_zone: None,
                hosts: self.hosts,
            }),
            Server::Kafka => parts.kafka_clusters.push(KafkaCluster {
                brokers: self.replicas.or_else(|| {
                    self.whole.then(|| {
                        let why = format!("{} without `replicas` runs one broker", self.id.name);
                        Fact::assumed(1, why)
                    })
                }),
                name: self.id.name,
                min_insync_replicas: self.min_insync_replicas,
                ..KafkaCluster::default()
            }),
        }
    }
}

/// The variable in which the images of Kafka take `min.insync.replicas`: Apache's and Confluent's, and Bitnami's.
fn min_insync_replicas(container: &Container) -> Option<Fact<u32>> {
    number_of(
        container,
        &["KAFKA_MIN_INSYNC_REPLICAS", "KAFKA_CFG_MIN_INSYNC_REPLICAS"],
    )
}

/// The number in the first of some variables that is set.
fn number_of(container: &Container, names: &[&str]) -> Option<Fact<u32>> {
    let variable = names.iter().find_map(|name| container.variables.get(*name))?;
    let number = variable.value.value.text()?.trim().parse().ok()?;
    Some(Fact::declared(number, variable.value.span()?))
}

/// `-c max_connections=200`, `--max-connections=200`, or the variable of an image that has one.
fn max_connections(container: &Container) -> Option<Fact<u32>> {
    let argument = container.command.iter().find_map(|part| {
        let (_, after) = ["max_connections", "max-connections"]
            .iter()
            .find_map(|name| part.value.split_once(name))?;
        let digits = after.trim_start_matches(['=', ' ']);
        let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
        Some(Fact::declared(digits[..end].parse().ok()?, part.span()?))
    });
    let names = ["POSTGRESQL_MAX_CONNECTIONS", "POSTGRES_MAX_CONNECTIONS"];
    argument.or_else(|| number_of(container, &names))
}

#[cfg(test)]
mod tests {
    use super::super::tests::finished;

    fn server(image: &str, more: &str) -> cofferdam_model::Parts {
        finished(&format!(
            "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {{name: data}}\nspec: {{replicas: 3, template: {{metadata: {{labels: {{app: data}}}}, spec: {{containers: [{{name: data, image: '{image}', {more}}}]}}}}}}\n---\napiVersion: v1\nkind: Service\nmetadata: {{name: store}}\nspec: {{selector: {{app: data}}}}\n"
        ))
    }

    #[test]
    fn an_image_of_a_server_is_a_server_with_the_names_of_its_services() {
        let env = server(
            "docker.io/library/postgres:15.4-alpine",
            "args: [-c, max_connections=200]",
        );
        let d = &env.databases[0];
        let hosts: Vec<&str> = d.hosts.iter().map(|h| h.value.as_str()).collect();
        assert_eq!(hosts, ["data", "store"]);
        assert_eq!(d.version.as_ref().unwrap().value, "15.4");
        assert_eq!(d.max_connections.as_ref().unwrap().value, 200);
        assert!(!d.backup.declarable);
        assert_eq!(server("redis:7", "").caches[0].hosts.len(), 2);
        let kafka = server("confluentinc/cp-kafka:7.5.0", "");
        assert_eq!(kafka.kafka_clusters[0].brokers.as_ref().unwrap().value, 3);
        let env = server(
            "bitnami/postgresql:16",
            "env: [{name: POSTGRESQL_MAX_CONNECTIONS, value: '300'}]",
        );
        assert_eq!(env.databases[0].max_connections.as_ref().unwrap().value, 300);
    }

    #[test]
    fn a_client_or_an_exporter_is_not_a_server() {
        assert!(
            server("postgres:15", "command: [psql, -c, 'select 1']")
                .databases
                .is_empty()
        );
        assert!(
            server("quay.io/prometheuscommunity/postgres-exporter:1", "")
                .databases
                .is_empty()
        );
    }

    #[test]
    fn a_broker_may_have_its_minimum_in_a_variable() {
        for (image, name) in [
            ("apache/kafka:3.8.0", "KAFKA_MIN_INSYNC_REPLICAS"),
            ("bitnami/kafka:3.8", "KAFKA_CFG_MIN_INSYNC_REPLICAS"),
        ] {
            let env = server(image, &format!("env: [{{name: {name}, value: '3'}}]"));
            let minimum = env.kafka_clusters[0].min_insync_replicas.as_ref();
            assert_eq!(minimum.map(|f| f.value), Some(3), "{image}");
        }
    }

    #[test]
    fn operators_declare_databases_poolers_and_secrets() {
        let env = finished(
            "apiVersion: postgresql.cnpg.io/v1\nkind: Cluster\nmetadata: {name: pg}\nspec: {instances: 3, imageName: 'ghcr.io/cloudnative-pg/postgresql:16.2', postgresql: {parameters: {max_connections: '250', shared_buffers: 1GB}}, backup: {retentionPolicy: 30d, barmanObjectStore: {destinationPath: 's3://b'}}}\n---\napiVersion: postgresql.cnpg.io/v1\nkind: Pooler\nmetadata: {name: pool}\nspec: {cluster: {name: pg}, instances: 2, type: rw, pgbouncer: {poolMode: transaction, parameters: {default_pool_size: '20'}}}\n---\napiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: c, envFrom: [{secretRef: {name: pg-app}}]}]}\n",
        );
        let d = &env.databases[0];
        assert_eq!(d.max_connections.as_ref().unwrap().value, 250);
        assert_eq!(d.backup.retention.as_ref().unwrap().value.as_secs(), 30 * 86_400);
        assert_eq!(env.poolers[0].server_host.as_ref().unwrap().value, "pg-rw");
        assert_eq!(env.poolers[0].default_pool_size.as_ref().unwrap().value, 20);
        assert!(env.dangling.is_empty(), "{:?}", env.dangling);
    }

    #[test]
    fn a_zalando_cluster_has_a_pooler() {
        let env = finished(
            "apiVersion: acid.zalan.do/v1\nkind: postgresql\nmetadata: {name: acid}\nspec: {users: {app_user: []}, postgresql: {version: '15', parameters: {max_connections: '100'}}, connectionPooler: {numberOfInstances: 2, mode: transaction, maxDBConnections: 60}}\n",
        );
        assert_eq!(env.poolers[0].name, "acid-pooler");
        assert_eq!(env.poolers[0].max_db_connections.as_ref().unwrap().value, 60);
        let secrets = env.config_objects.iter().map(|o| o.id.name.as_str());
        assert!(
            secrets
                .into_iter()
                .any(|s| s == "app-user.acid.credentials.postgresql.acid.zalan.do")
        );
    }
}
