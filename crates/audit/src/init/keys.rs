//! The keys that the template may offer, each with an example and a description.

/// Keys that a rule may ask for: section, key, an example in its unit, and a description.
pub(super) const KEYS: &[(&str, &str, &str, &str)] = &[
    (
        "services",
        "requests_per_second",
        "100",
        "requests or messages a second at peak, all replicas together",
    ),
    (
        "services",
        "connections_per_pod",
        "20",
        "maximum number of database connections of one replica",
    ),
    ("services", "replicas", "{min: 1, max: 1}", "replicas"),
    ("services", "processes", "1", "processes that a replica runs"),
    (
        "services",
        "consumers_per_process",
        "1",
        "Kafka consumers that one process builds",
    ),
    (
        "services",
        "time_per_message",
        "10ms",
        "time to process one message",
    ),
    (
        "services",
        "start_up_time",
        "30s",
        "time from the start of a container until it can serve",
    ),
    (
        "services",
        "request_time",
        "30s",
        "longest time that one request or message takes",
    ),
    ("services", "driver", "asyncpg", "driver of the SQL database"),
    (
        "services",
        "priority",
        "important",
        "critical, important or optional: the order in which requests are dropped when not all can be served",
    ),
    (
        "services",
        "pool.size",
        "10",
        "connections that the pool keeps in each process",
    ),
    (
        "services",
        "pool.overflow",
        "0",
        "connections that the pool may add",
    ),
    (
        "services",
        "pool.timeout",
        "30s",
        "wait for a connection of the pool",
    ),
    (
        "services",
        "pool.connect_timeout",
        "5s",
        "wait for the server to accept a connection",
    ),
    (
        "databases",
        "max_connections",
        "100",
        "`SHOW max_connections` on the server",
    ),
    (
        "databases",
        "reserved_connections",
        "3",
        "connections that ordinary users cannot take",
    ),
    (
        "databases",
        "engine",
        "postgresql",
        "postgresql, rds-postgresql, aurora-postgresql, mysql or sqlserver",
    ),
    ("databases", "memory", "16GiB", "memory of the server"),
    (
        "databases",
        "shared_buffers",
        "4GiB",
        "`SHOW shared_buffers` on the server",
    ),
    ("databases", "work_mem", "4MiB", "`SHOW work_mem` on the server"),
    (
        "databases",
        "detection",
        "8h",
        "how long until people notice that data is corrupt",
    ),
    (
        "poolers",
        "users",
        "1",
        "distinct users that log in through it: each has its own pool",
    ),
    (
        "poolers",
        "databases",
        "1",
        "databases that it serves: each has its own pool",
    ),
    ("poolers", "replicas", "1", "replicas of the pooler"),
    ("poolers", "version", "'1.23'", "version of PgBouncer"),
    (
        "poolers",
        "dynamic_credentials",
        "false",
        "whether every lease of a credential is a separate user (Vault)",
    ),
    (
        "cells",
        "requests_per_second",
        "100",
        "requests a second that it gets at peak",
    ),
    ("cells", "capacity", "200", "requests a second that it can carry"),
    (
        "cells",
        "weight",
        "50%",
        "part of the traffic that is routed to it",
    ),
    ("kafka", "brokers", "3", "brokers of the cluster"),
    (
        "kafka",
        "replication_lag",
        "10ms",
        "how far followers are behind their leader: a failover loses this",
    ),
    ("kafka", "version", "'3.7'", "version of the brokers"),
    ("kafka.topics", "partitions", "1", "partitions"),
    ("kafka.topics", "replication_factor", "3", "replication factor"),
    ("kafka.topics", "min_insync_replicas", "2", "min.insync.replicas"),
    (
        "kafka.topics",
        "messages_per_second",
        "100",
        "messages a second at peak",
    ),
    (
        "secrets",
        "rotation",
        "90d",
        "time between rotations, or life of a lease",
    ),
    (
        "secrets",
        "overlap",
        "false",
        "whether an old and a new version are valid at once while it rotates",
    ),
    (
        "secrets",
        "reload",
        "false",
        "whether processes take a new value without a restart",
    ),
    (
        "targets",
        "detection",
        "60s",
        "how soon an outage must be reported",
    ),
    (
        "prices",
        "pod_hour",
        "0.05",
        "US dollars for one pod for one hour",
    ),
    (
        "prices",
        "log_gb_month",
        "0.03",
        "US dollars to keep a gigabyte of logs for a month",
    ),
];

/// The row of [`KEYS`] for a path whose last part is the key (`pool.size` in one part).
pub(super) fn known(path: &[&str]) -> Option<(&'static str, &'static str, &'static str, &'static str)> {
    let (key, above) = path.split_last()?;
    let section = match above {
        ["kafka", "topics", _] => "kafka.topics",
        [section, ..] => section,
        [] => return None,
    };
    KEYS.iter().find(|(s, k, ..)| *s == section && k == key).copied()
}
