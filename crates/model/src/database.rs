//! Databases, the pools of the services that use them, and the poolers in front of them.

use crate::owner::{DatabaseId, Owner, WorkloadId};
use crate::scope::{DeploymentId, Home};
use crate::source::Fact;
use crate::stated::Said;
use crate::units::Bytes;
use cofferdam_syntax::Span;
use std::time::Duration;

/// Database engines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// PostgreSQL, self-run or as Cloud SQL.
    PostgreSql,
    /// Amazon RDS for PostgreSQL.
    RdsPostgreSql,
    /// Amazon Aurora PostgreSQL.
    AuroraPostgreSql,
    /// MySQL or MariaDB of any kind.
    MySql,
    /// SQL Server of any kind.
    SqlServer,
}

impl Engine {
    /// What a client reads when all connections for ordinary users are taken: PostgreSQL's SQLSTATE 53300, MySQL's error
    /// 1040, SQL Server's error 17809. An unknown engine counts as PostgreSQL. `reserved` connections are kept for
    /// administrators; PostgreSQL has another text where there are none.
    pub fn refusal(engine: Option<Engine>, reserved: u32) -> &'static str {
        match engine {
            Some(Engine::MySql) => "Too many connections",
            Some(Engine::SqlServer) => "user connections has already been reached",
            _ if reserved == 0 => "sorry, too many clients already",
            _ => "remaining connection slots are reserved",
        }
    }
}

/// A database server or cluster.
#[derive(Debug, Clone)]
pub struct Database {
    /// Name for reports (resource name, instance identifier, host).
    pub name: String,
    /// Place of its name.
    pub span: Option<Span>,
    /// The namespace of its pods, where it runs in a cluster and that is known.
    pub namespace: Option<String>,
    /// The deployment that contains its pods, where it runs in a cluster.
    pub deployment: Option<DeploymentId>,
    /// Engine.
    pub engine: Option<Fact<Engine>>,
    /// Engine version.
    pub version: Option<Fact<String>>,
    /// Instance class or tier (`db.r6g.large`, `db-custom-2-7680`).
    pub tier: Option<Fact<String>>,
    /// Memory of the tier.
    pub memory: Option<Fact<Bytes>>,
    /// `max_connections`.
    pub max_connections: Option<Fact<u32>>,
    /// Connections that ordinary users cannot take: superuser_reserved_connections (3) and
    /// reserved_connections (0; 2 on RDS).
    pub reserved_connections: Option<Fact<u32>>,
    /// Other limits in declarations or documents, each with its reason (a checklist's "< 100").
    pub stated_limits: Vec<(Fact<u32>, String)>,
    /// `shared_buffers`.
    pub shared_buffers: Option<Fact<Bytes>>,
    /// `work_mem`.
    pub work_mem: Option<Fact<Bytes>>,
    /// Whether a standby in another zone takes over.
    pub multi_zone: Option<Fact<bool>>,
    /// Whether it has a public address.
    pub public: Option<Fact<bool>>,
    /// Whether its firewall lets in every address, if that is known.
    pub open_to_all: Option<Fact<bool>>,
    /// Whether connections without TLS are refused.
    pub tls_required: Option<Fact<bool>>,
    /// Whether it is protected against deletion.
    pub deletion_protection: Option<Fact<bool>>,
    /// What is left when it is deleted, if that is known.
    pub on_delete: Option<Fact<OnDelete>>,
    /// Backups.
    pub backup: Backup,
    /// Hosts and endpoints of it, in lower case. If there are any, they are all of them.
    pub hosts: Vec<Fact<String>>,
    /// Other names of it: the address of its resource (`google_sql_database_instance.main`), and the names that
    /// DNS records give it. There may be more.
    pub aliases: Vec<String>,
    /// Facts that only people state.
    pub said: Said,
}

impl Database {
    /// Where it is.
    pub fn home(&self) -> Home<'_> {
        Home {
            namespace: self.namespace.as_deref(),
            deployment: self.deployment,
        }
    }

    /// A database of which only the name is known.
    pub fn named(name: impl Into<String>, span: Option<Span>) -> Self {
        Database {
            name: name.into(),
            span,
            namespace: None,
            deployment: None,
            engine: None,
            version: None,
            tier: None,
            memory: None,
            max_connections: None,
            reserved_connections: None,
            stated_limits: Vec::new(),
            shared_buffers: None,
            work_mem: None,
            multi_zone: None,
            public: None,
            open_to_all: None,
            tls_required: None,
            deletion_protection: None,
            on_delete: None,
            backup: Backup::default(),
            hosts: Vec::new(),
            aliases: Vec::new(),
            said: Default::default(),
        }
    }
}

/// How the database of a pool or a pooler was found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reached {
    /// A host, a resource or a person names it.
    #[default]
    Named,
    /// By a similar name: likely, and not enough for a critical finding.
    Similar,
    /// It is the only one that was read, and nothing contradicts it: an assumption, and not enough for a
    /// critical finding.
    Only,
}

/// The assumption that `services` use the only database that was read.
#[must_use]
pub fn only_database(database: &str, services: &[&str]) -> String {
    let (who, use_it) = match services {
        [] => ("the pools".to_owned(), "use"),
        [one] => ((*one).to_owned(), "uses"),
        [rest @ .., last] if rest.len() < 3 => (format!("{} and {last}", rest.join(", ")), "use"),
        [first, second, rest @ ..] => (format!("{first}, {second} and {} more", rest.len()), "use"),
    };
    format!(
        "{who} {use_it} {database}: it is the only database of this environment, and no host in the files names a \
         database of these services"
    )
}

/// What is left of a database when the tool that made it deletes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnDelete {
    /// No copy of the data.
    Nothing,
    /// A snapshot.
    Snapshot,
    /// The tool refuses to delete it.
    Refused,
}

/// How a database is backed up.
#[derive(Debug, Clone, Default)]
pub struct Backup {
    /// Whether a file that could declare backups was read: only then does a missing value mean "not set".
    pub declarable: bool,
    /// How long backups are kept.
    pub retention: Option<Fact<Duration>>,
    /// Time between backups; 24 h for automated daily ones.
    pub interval: Option<Fact<Duration>>,
    /// Point-in-time recovery.
    pub point_in_time: Option<Fact<bool>>,
    /// Copies in another region.
    pub other_region: Option<Fact<bool>>,
    /// Restores that are tested on a schedule.
    pub restore_tested: Option<Fact<bool>>,
    /// How long until people notice that data is corrupt.
    pub detection: Option<Fact<Duration>>,
}

/// A connection pool of a service, one in each of its processes.
#[derive(Debug, Clone)]
pub struct Pool {
    /// Its owner.
    pub owner: Owner,
    /// Place of the constructor or of the first setting.
    pub span: Span,
    /// Its target.
    pub target: PoolTarget,
    /// Host it names, in lower case.
    pub host: Option<Fact<String>>,
    /// Name of its database or pooler, if a person declares it.
    pub database_name: Option<Fact<String>>,
    /// The database at its end, directly or through a pooler, once linked.
    pub database: Option<DatabaseId>,
    /// How that database was found.
    pub reached: Reached,
    /// Index of the pooler it goes through in [`crate::Parts::poolers`], once linked.
    pub pooler: Option<usize>,
    /// Driver (`asyncpg`, `psycopg2`, `jdbc`, `pgx`).
    pub driver: Option<Fact<String>>,
    /// Connections it keeps.
    pub size: Option<Fact<u32>>,
    /// Connections that it may add.
    pub overflow: Option<Fact<u32>>,
    /// Wait for a connection of the pool.
    pub pool_timeout: Option<Fact<Duration>>,
    /// Wait for the server to accept a new connection.
    pub connect_timeout: Option<Fact<Duration>>,
    /// Lifetime of a connection.
    pub recycle: Option<Fact<Duration>>,
    /// Size of the driver's cache of prepared statements; 0 is off.
    pub statement_cache: Option<Fact<u32>>,
    /// Whether every new caller opens its own connection (no pool at all).
    pub unpooled: bool,
    /// Whether the constructor in the code was read: only then does a missing value mean "not set".
    pub constructed: bool,
}

impl Pool {
    /// A pool of which only its place is known.
    pub fn at(span: Span, owner: Owner, target: PoolTarget) -> Self {
        Pool {
            owner,
            span,
            target,
            host: None,
            database_name: None,
            database: None,
            reached: Reached::default(),
            pooler: None,
            driver: None,
            size: None,
            overflow: None,
            pool_timeout: None,
            connect_timeout: None,
            recycle: None,
            statement_cache: None,
            unpooled: false,
            constructed: false,
        }
    }
}

/// The target of a pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PoolTarget {
    /// An SQL database.
    Sql,
    /// Redis.
    Redis,
}

/// PgBouncer.
#[derive(Debug, Clone)]
pub struct Pooler {
    /// Name.
    pub name: String,
    /// Place of its name.
    pub span: Span,
    /// The workload that runs it.
    pub workload: Option<WorkloadId>,
    /// Its owner.
    pub owner: Owner,
    /// Replicas (the workload's maximum once linked).
    pub replicas: Option<Fact<u32>>,
    /// Version, from the image tag or declared.
    pub version: Option<Fact<String>>,
    /// `session`, `transaction`, `statement`.
    pub pool_mode: Option<Fact<String>>,
    /// `max_client_conn`.
    pub max_client_conn: Option<Fact<u32>>,
    /// `default_pool_size`.
    pub default_pool_size: Option<Fact<u32>>,
    /// `reserve_pool_size`.
    pub reserve_pool_size: Option<Fact<u32>>,
    /// `max_db_connections`.
    pub max_db_connections: Option<Fact<u32>>,
    /// `max_prepared_statements`.
    pub max_prepared_statements: Option<Fact<u32>>,
    /// `query_wait_timeout`.
    pub query_wait_timeout: Option<Fact<Duration>>,
    /// Distinct users that log in through it.
    pub users: Option<Fact<u32>>,
    /// Databases it lists.
    pub databases: Option<Fact<u32>>,
    /// Credentials that a vault creates for each lease: every lease is a separate user.
    pub dynamic_credentials: Option<Fact<String>>,
    /// Variables that look like settings and that the image does not read, with the name that it does read.
    pub unread_settings: Vec<(Fact<String>, Option<String>)>,
    /// Host of the database behind it.
    pub server_host: Option<Fact<String>>,
    /// The database behind it, once linked.
    pub database: Option<DatabaseId>,
    /// How that database was found.
    pub reached: Reached,
    /// Facts that only people state.
    pub said: Said,
}

impl Pooler {
    /// A pooler of which nothing else is known.
    #[must_use]
    pub fn named(name: impl Into<String>, span: Span, owner: Owner) -> Self {
        Self {
            name: name.into(),
            span,
            workload: None,
            owner,
            replicas: None,
            version: None,
            pool_mode: None,
            max_client_conn: None,
            default_pool_size: None,
            reserve_pool_size: None,
            max_db_connections: None,
            max_prepared_statements: None,
            query_wait_timeout: None,
            users: None,
            databases: None,
            dynamic_credentials: None,
            unread_settings: Vec::new(),
            server_host: None,
            database: None,
            reached: Reached::default(),
            said: Said::default(),
        }
    }
}

/// A cache server (Redis, Memcached).
#[derive(Debug, Clone)]
pub struct Cache {
    /// Name.
    pub name: String,
    /// Place of its name.
    pub span: Option<Span>,
    /// Node type or tier.
    pub tier: Option<Fact<String>>,
    /// Whether a replica takes over.
    pub multi_zone: Option<Fact<bool>>,
    /// Its hosts.
    pub hosts: Vec<Fact<String>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_server_refuses_in_its_own_words() {
        let postgres = [
            "remaining connection slots are reserved",
            "sorry, too many clients already",
        ];
        for engine in [
            None,
            Some(Engine::PostgreSql),
            Some(Engine::RdsPostgreSql),
            Some(Engine::AuroraPostgreSql),
        ] {
            // The second where nothing is kept for administrators.
            let texts = [3, 0].map(|reserved| Engine::refusal(engine, reserved));
            assert_eq!(texts, postgres, "{engine:?}");
        }
        assert_eq!(Engine::refusal(Some(Engine::MySql), 0), "Too many connections");
        assert!(Engine::refusal(Some(Engine::SqlServer), 0).contains("user connections"));
    }
}
