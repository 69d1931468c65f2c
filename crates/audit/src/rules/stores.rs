//! Workloads that keep data of their own: a second pod of one is a second, separate server unless the product is set up to
//! copy data between pods.

use cofferdam_model::workload::{Container, Workload};

/// Images of servers that do not copy data between pods by themselves, and what they are called.
const PLAIN: &[(&str, &str)] = &[
    ("postgres", "PostgreSQL"),
    ("postgresql", "PostgreSQL"),
    ("postgis", "PostgreSQL"),
    ("timescaledb", "PostgreSQL"),
    ("mysql", "MySQL"),
    ("mysql-server", "MySQL"),
    ("percona-server", "MySQL"),
    ("mariadb", "MariaDB"),
    ("mongo", "MongoDB"),
    ("mongodb", "MongoDB"),
];

/// The fix for a database, of which more replicas are more databases.
const OF_DATABASE: &str = "Let an operator run it with streaming replication and a failover (CloudNativePG, Percona, the \
    MongoDB operator), or use a managed database; until then, test its backups.";

/// Images of other servers that keep data, what they are called, and how each is run on several pods. Source: the
/// documentation of each product about high availability or clusters.
const CLUSTERED: &[(&[&str], &str, &str)] = &[
    (
        &[
            "redis",
            "redis-server",
            "redis-stack",
            "redis-stack-server",
            "keydb",
        ],
        "Redis",
        "Run it with replication and a failover (Sentinel or Redis Cluster, by an operator or a chart that sets them up), \
         or use a managed one; if it is only a cache, let its callers work without it.",
    ),
    (
        &["valkey"],
        "Valkey",
        "Run it with replication and a failover (Sentinel or a Valkey cluster, by an operator or a chart that sets them \
         up), or use a managed one; if it is only a cache, let its callers work without it.",
    ),
    (
        &["memcached"],
        "Memcached",
        "Name several servers in its clients, so that each keeps a part of the keys, and let callers work without \
         it: what one server kept is lost when it restarts.",
    ),
    (
        &["rabbitmq"],
        "RabbitMQ",
        "Run three nodes as one cluster (the RabbitMQ Cluster Operator does) with quorum queues, or use a managed broker.",
    ),
    (
        &["kafka", "cp-kafka", "cp-server"],
        "Kafka",
        "Run three brokers as one cluster (Strimzi does) with replication factor 3 and `min.insync.replicas` 2, or use a \
         managed one.",
    ),
    (
        &["zookeeper", "cp-zookeeper"],
        "ZooKeeper",
        "Run three servers as one ensemble, each with the list of all of them.",
    ),
    (
        &["etcd"],
        "etcd",
        "Run three members as one cluster, each with the list of all of them.",
    ),
    (
        &["nats", "nats-server"],
        "NATS",
        "Run three servers as one cluster, and its streams with three replicas.",
    ),
    (
        &["elasticsearch"],
        "Elasticsearch",
        "Run three nodes as one cluster (Elastic's operator does) with at least one replica of each shard, or use a managed \
         one.",
    ),
    (
        &["opensearch"],
        "OpenSearch",
        "Run three nodes as one cluster (its operator does) with at least one replica of each shard, or use a managed one.",
    ),
    (
        &["cassandra"],
        "Cassandra",
        "Run three nodes as one cluster (K8ssandra does) with replication factor 3, or use a managed one.",
    ),
    (
        &["clickhouse", "clickhouse-server"],
        "ClickHouse",
        "Run two servers with replicated tables and three of ClickHouse Keeper (its operators do), or use a managed one.",
    ),
    (
        &["vault"],
        "Vault",
        "Run three servers with integrated storage (Raft) as one cluster, and unseal them automatically.",
    ),
    (
        &["consul"],
        "Consul",
        "Run three servers as one cluster (`bootstrap_expect` 3).",
    ),
    (
        &["minio"],
        "MinIO",
        "Run it distributed over at least four drives on several nodes, or use the object store of your cloud.",
    ),
    (
        &["prometheus"],
        "Prometheus",
        "Run two that read the same targets, each with its own volume: both send alerts, and Alertmanager removes the \
         duplicates.",
    ),
    (
        &["alertmanager"],
        "Alertmanager",
        "Run three as one cluster (`--cluster.peer`), and name all of them in Prometheus.",
    ),
    (
        &["grafana"],
        "Grafana",
        "Give it a PostgreSQL or MySQL database in place of the file of its own; then run two.",
    ),
    (
        &["loki"],
        "Loki",
        "Keep its data in an object store and run it with three ingesters and replication factor 3.",
    ),
];

/// A server that keeps data of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Store {
    /// What it is called.
    pub(crate) name: &'static str,
    /// How to run it so that one pod may fail.
    pub(crate) remedy: &'static str,
}

/// The last part of the name of a container's image.
fn image(container: &Container) -> &str {
    container.image.as_ref().map_or("", |image| {
        image.repository.rsplit('/').next().unwrap_or_default()
    })
}

/// The database that a workload is, if it is a plain one.
pub(crate) fn database(workload: &Workload) -> Option<&'static str> {
    // A server beside a program (a test database, a cache of one pod) is a part of the pod.
    let listening = |c: &&Container| workload.containers.len() == 1 || !c.ports.is_empty();
    workload
        .containers
        .iter()
        .filter(listening)
        .find_map(|container| {
            let name = image(container);
            PLAIN
                .iter()
                .find(|(image, _)| *image == name)
                .map(|(_, what)| *what)
        })
}

/// The server that a workload is, if it is known to keep data: a plain database or another product.
pub(crate) fn store(workload: &Workload) -> Option<Store> {
    if let Some(name) = database(workload) {
        return Some(Store {
            name,
            remedy: OF_DATABASE,
        });
    }
    // A cache beside a program is a part of its pod; an exporter beside a server is not.
    let name = image(workload.containers.first()?);
    CLUSTERED
        .iter()
        .find(|(images, ..)| images.contains(&name))
        .map(|(_, name, remedy)| Store { name, remedy })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::pods;
    use crate::rules::testing::fact;
    use cofferdam_model::images::Image;

    #[test]
    fn servers_are_known_by_the_image_of_the_first_container() {
        let container = |repository: &str| Container {
            image: Some(Image {
                text: fact(repository.to_owned(), 9),
                registry: None,
                repository: repository.to_owned(),
                tag: None,
                digest: None,
            }),
            ..Container::default()
        };
        let of = |images: &[&str]| {
            let env = pods::testing::env((1, 1, 1), |w| {
                w.containers = images.iter().map(|i| container(i)).collect();
            });
            store(&env.workloads[0]).map(|store| store.name)
        };
        assert_eq!(of(&["bitnami/redis", "oliver006/redis_exporter"]), Some("Redis"));
        assert_eq!(of(&["rabbitmq"]), Some("RabbitMQ"));
        assert_eq!(of(&["confluentinc/cp-kafka"]), Some("Kafka"));
        assert_eq!(of(&["postgres"]), Some("PostgreSQL"));
        assert_eq!(of(&["acme/shop", "redis"]), None, "a part of the pod");
        assert_eq!(of(&["acme/redis-proxy"]), None);
    }
}
