//! What people can state about databases, poolers and Kafka.

use super::facts;
use crate::database::{Database, Engine, Pooler};
use crate::registry::access::{Access, Part, Slot, field, names};
use crate::registry::kind::{ENGINE, Kind};
use crate::registry::{Entry, Key, Section};
use crate::source::Fact;
use crate::stated::Value;
use crate::units::{Bytes, Rate};
use std::time::Duration;

/// Limits that people respect; those in files stay.
const LIMITS: Access<Database> = Access {
    get: |database| {
        let (first, _) = database.stated_limits.first()?;
        Some(Fact {
            value: Value::Limits(database.stated_limits.clone()),
            source: first.source.clone(),
        })
    },
    set: |database, stated| {
        if let Value::Limits(limits) = &stated.value {
            database.stated_limits.extend(limits.iter().cloned());
        }
    },
};

/// Hosts, in lower case; those in files stay.
const HOSTS: Access<Database> = Access {
    get: |database| names(&database.hosts),
    set: |database, stated| {
        if let Value::Names(hosts) = &stated.value {
            let lower = |host: &Fact<String>| host.clone().map(|host| host.to_ascii_lowercase());
            database.hosts.extend(hosts.iter().map(lower));
        }
    },
};

/// The model keeps how the credentials change, and nothing if they do not: that people state this is kept apart.
const DYNAMIC: Access<Pooler> = Access {
    get: |pooler| match &pooler.dynamic_credentials {
        Some(how) => Some(how.clone().map(|_| Value::Flag(true))),
        None => pooler.said().get("dynamic_credentials").cloned(),
    },
    set: |pooler, stated| {
        if let Value::Flag(dynamic) = stated.value {
            let how = || stated.clone().map(|_| "stated in the overlay".to_owned());
            pooler.dynamic_credentials = dynamic.then(how);
            pooler.said_mut().insert("dynamic_credentials", stated.clone());
        }
    },
};

facts! {
    /// Databases.
    databases of Databases;
    ENGINE_OF: Engine = ("engine", ENGINE), "Engine.", "postgresql", Slot::Database(field!(engine)),
        decides("which defaults apply");
    VERSION: String = ("version", Kind::Scalar), "Version of the engine.", "'15.4'",
        Slot::Database(field!(version)), decides("which defaults apply");
    TIER: String = ("tier", Kind::Name), "Instance class or tier (`db.r6g.large`).", "db.r6g.large",
        Slot::Database(field!(tier)), decides("how many connections the provider allows");
    MEMORY: Bytes = ("memory", Kind::Bytes), "Memory of the server.", "16GiB",
        Slot::Database(field!(memory)), decides("how many connections the provider allows");
    MAX_CONNECTIONS: u32 = ("max_connections", Kind::Count), "`max_connections` of the server.", "100",
        Slot::Database(field!(max_connections)), decides("how many connections are wanted and how many exist");
    RESERVED_CONNECTIONS: u32 = ("reserved_connections", Kind::Whole),
        "Connections that ordinary users cannot take, those for superusers included.", "3",
        Slot::Database(field!(reserved_connections)), decides("how many connections there are");
    LIMITS_OF: Vec<(Fact<u32>, String)> = ("limits", Kind::Limits),
        "Other limits on connections that people respect, each with its reason.",
        "[{connections: 100, reason: checklist of the rollout}]", Slot::Database(LIMITS),
        decides("which figure the connections are compared with");
    SHARED_BUFFERS: Bytes = ("shared_buffers", Kind::Bytes), "`shared_buffers`.", "4GiB",
        Slot::Database(field!(shared_buffers)), decides("how much memory connections may use");
    WORK_MEM: Bytes = ("work_mem", Kind::Bytes), "`work_mem`.", "4MiB", Slot::Database(field!(work_mem)),
        decides("how much memory connections may use");
    MULTI_ZONE: bool = ("multi_zone", Kind::Flag), "Whether a standby in another zone takes over.", "true",
        Slot::Database(field!(multi_zone)), decides("what the loss of its zone stops");
    PUBLIC: bool = ("public", Kind::Flag), "Whether it has a public address.", "false",
        Slot::Database(field!(public)), decides("who can reach it");
    TLS_REQUIRED: bool = ("tls_required", Kind::Flag), "Whether connections without TLS are refused.", "true",
        Slot::Database(field!(tls_required)), decides("whether others can read its traffic");
    DELETION_PROTECTION: bool = ("deletion_protection", Kind::Flag),
        "Whether it is protected against deletion.", "true", Slot::Database(field!(deletion_protection)),
        decides("whether one command deletes it");
    USED_BY: Vec<Fact<String>> = ("used_by", Kind::Names), "Services that connect to it.", "[api]",
        Slot::Relation, decides("whose connections it gets");
    BACKUPS: () = ("backups", Kind::Map), "Backups.", "{retention: 7d, interval: 24h}", Slot::Map;
    BACKUPS_RETENTION: Duration = ("backups.retention", Kind::Duration), "How long backups are kept.", "7d",
        Slot::Database(field!(backup.retention)),
        decides("whether backups still exist when the damage is noticed");
    BACKUPS_INTERVAL: Duration = ("backups.interval", Kind::Duration), "Time between backups.", "24h",
        Slot::Database(field!(backup.interval)), decides("how much a restore loses");
    BACKUPS_POINT_IN_TIME: bool = ("backups.point_in_time", Kind::Flag), "Point-in-time recovery.", "true",
        Slot::Database(field!(backup.point_in_time)), decides("how much a restore loses");
    BACKUPS_OTHER_REGION: bool = ("backups.other_region", Kind::Flag), "Copies in another region.", "false",
        Slot::Database(field!(backup.other_region)), decides("what the loss of its region loses");
    BACKUPS_RESTORE_TESTED: bool = ("backups.restore_tested", Kind::Flag),
        "Whether restores are tested on a schedule.", "false", Slot::Database(field!(backup.restore_tested)),
        decides("whether a restore works");
    DETECTION: Duration = ("detection", Kind::Duration), "How long until people notice that data is corrupt.",
        "8h", Slot::Database(field!(backup.detection)),
        decides("whether backups still exist when the damage is noticed");
    HOSTS_OF: Vec<Fact<String>> = ("hosts", Kind::Names), "Hosts and endpoints of the database.",
        "[db.internal]", Slot::Database(HOSTS), decides("which pools reach it");
}

facts! {
    /// Connection poolers.
    poolers of Poolers;
    USERS: u32 = ("users", Kind::Count), "Distinct users that log in through it.", "1",
        Slot::Pooler(field!(users)), without("1", "one user"), decides("how many pools it has");
    DATABASES: u32 = ("databases", Kind::Count), "Databases that it serves.", "1",
        Slot::Pooler(field!(databases)), without("1", "one database"), decides("how many pools it has");
    REPLICAS: u32 = ("replicas", Kind::Whole), "Replicas.", "1", Slot::Pooler(field!(replicas)),
        decides("how many connections all replicas open");
    VERSION: String = ("version", Kind::Scalar), "Version of PgBouncer.", "'1.23'",
        Slot::Pooler(field!(version)), decides("whether it can keep prepared statements");
    DYNAMIC_CREDENTIALS: bool = ("dynamic_credentials", Kind::Flag),
        "Whether every lease of a credential is a separate user (Vault).", "false", Slot::Pooler(DYNAMIC),
        without("false", "credentials that do not change"), decides("how many pools it has");
    SERVER_IDLE_TIMEOUT: Duration = ("server_idle_timeout", Kind::Duration),
        "`server_idle_timeout`: how long a connection to the server may be idle before it is closed.", "10m",
        Slot::Said, without("10m", "10 min, PgBouncer's default"),
        decides("how long connections stay open after a peak");
}

facts! {
    /// The Kafka cluster.
    kafka of Kafka;
    BROKERS: u32 = ("brokers", Kind::Count), "Brokers of the cluster.", "3", Slot::Kafka(field!(brokers)),
        decides("how many messages pass one leader");
    REPLICATION_LAG: Duration = ("replication_lag", Kind::Duration),
        "How far followers are behind their leader.", "50ms", Slot::Kafka(field!(replication_lag)),
        decides("how many messages a broker's failover loses");
    VERSION: String = ("version", Kind::Scalar), "Version of the brokers.", "'3.7'",
        Slot::Kafka(field!(version)), decides("which defaults apply");
}

facts! {
    /// Topics of Kafka.
    topics of Topics;
    PARTITIONS: u32 = ("partitions", Kind::Count), "Partitions.", "1", Slot::Topic(field!(partitions)),
        decides("how many members get no partition");
    REPLICATION_FACTOR: u32 = ("replication_factor", Kind::Count), "Replication factor.", "3",
        Slot::Topic(field!(replication_factor)), decides("whether the loss of a broker loses messages");
    MIN_INSYNC_REPLICAS: u32 = ("min_insync_replicas", Kind::Count), "`min.insync.replicas`.", "2",
        Slot::Topic(field!(min_insync_replicas)), decides("when writes are refused");
    RETENTION: Duration = ("retention", Kind::Duration), "Retention.", "7d", Slot::Topic(field!(retention)),
        decides("how long a consumer may be stopped");
    MESSAGES_PER_SECOND: Rate = ("messages_per_second", Kind::Rate), "Messages a second at peak.", "1000",
        Slot::Topic(field!(peak_rate)), decides("how fast a lag grows");
}
