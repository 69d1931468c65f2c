//! The known constructors and functions: what they create, their library, and the names of their positional
//! arguments. Data only; readers interpret the arguments.

/// What a call creates or does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ClientKind {
    /// A Kafka consumer.
    KafkaConsumer,
    /// A Kafka producer.
    KafkaProducer,
    /// An application that contains Kafka consumers and producers (faust).
    KafkaApp,
    /// An SQL engine or pool, one in each process.
    SqlPool,
    /// A single SQL connection.
    SqlConnection,
    /// A Redis client (with a pool of its own) or a Redis pool.
    Redis,
    /// An HTTP client or session.
    HttpClient,
    /// An HTTP request.
    HttpRequest,
    /// A circuit breaker.
    Breaker,
    /// A retry policy.
    Retry,
    /// A queue in memory.
    Queue,
    /// A pool of threads or processes.
    Executor,
    /// A cache in memory.
    Cache,
    /// A client of a secret store.
    Vault,
    /// A web server with worker processes.
    Server,
}

/// The library a call belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Library {
    /// kafka-python.
    KafkaPython,
    /// confluent-kafka (librdkafka).
    Confluent,
    /// aiokafka.
    AioKafka,
    /// faust (on aiokafka).
    Faust,
    /// SQLAlchemy.
    SqlAlchemy,
    /// asyncpg.
    Asyncpg,
    /// psycopg2.
    Psycopg2,
    /// psycopg (3).
    Psycopg,
    /// psycopg_pool.
    PsycopgPool,
    /// databases.
    Databases,
    /// Tortoise ORM.
    Tortoise,
    /// aiopg.
    Aiopg,
    /// PyMySQL, mysqlclient, MySQL Connector, aiomysql.
    MySql,
    /// redis-py and aioredis.
    Redis,
    /// requests.
    Requests,
    /// httpx.
    Httpx,
    /// aiohttp.
    Aiohttp,
    /// urllib3.
    Urllib3,
    /// urllib of the standard library.
    Urllib,
    /// pybreaker and aiobreaker.
    Pybreaker,
    /// circuitbreaker.
    CircuitBreaker,
    /// tenacity.
    Tenacity,
    /// backoff.
    Backoff,
    /// retrying and retry.
    Retrying,
    /// The standard library.
    Standard,
    /// cachetools and similar libraries.
    CacheTools,
    /// hvac.
    Hvac,
    /// A class of the project itself, or of an unknown library.
    Other,
}

/// A known constructor or function.
#[derive(Debug, Clone, Copy)]
pub struct KnownClient {
    /// Name of the constructor or function, without its module.
    pub name: &'static str,
    /// The built object.
    pub kind: ClientKind,
    /// Its library.
    pub library: Library,
    /// Its positional parameters, in order.
    pub parameters: &'static [&'static str],
}

const fn known(
    name: &'static str,
    kind: ClientKind,
    library: Library,
    parameters: &'static [&'static str],
) -> KnownClient {
    KnownClient {
        name,
        kind,
        library,
        parameters,
    }
}

use ClientKind as K;
use Library as L;

const CONF: &[&str] = &["config"];
const URL: &[&str] = &["url"];
const REDIS: &[&str] = &[
    "host",
    "port",
    "db",
    "password",
    "socket_timeout",
    "socket_connect_timeout",
];
const CAPACITY: &[&str] = &["maxsize"];

/// Constructors by dotted name; `redis.*` also covers `redis.asyncio.*` and `aioredis.*`.
#[rustfmt::skip]
pub const KNOWN: &[KnownClient] = &[
    known("kafka.KafkaConsumer", K::KafkaConsumer, L::KafkaPython, &[]),
    known("kafka.consumer.KafkaConsumer", K::KafkaConsumer, L::KafkaPython, &[]),
    known("kafka.KafkaProducer", K::KafkaProducer, L::KafkaPython, &[]),
    known("kafka.producer.KafkaProducer", K::KafkaProducer, L::KafkaPython, &[]),
    known("aiokafka.AIOKafkaConsumer", K::KafkaConsumer, L::AioKafka, &[]),
    known("aiokafka.AIOKafkaProducer", K::KafkaProducer, L::AioKafka, &[]),
    known("confluent_kafka.Consumer", K::KafkaConsumer, L::Confluent, CONF),
    known("confluent_kafka.DeserializingConsumer", K::KafkaConsumer, L::Confluent, CONF),
    known("confluent_kafka.avro.AvroConsumer", K::KafkaConsumer, L::Confluent, CONF),
    known("confluent_kafka.aio.AIOConsumer", K::KafkaConsumer, L::Confluent, CONF),
    known("confluent_kafka.Producer", K::KafkaProducer, L::Confluent, CONF),
    known("confluent_kafka.SerializingProducer", K::KafkaProducer, L::Confluent, CONF),
    known("confluent_kafka.avro.AvroProducer", K::KafkaProducer, L::Confluent, CONF),
    known("confluent_kafka.aio.AIOProducer", K::KafkaProducer, L::Confluent, CONF),
    known("faust.App", K::KafkaApp, L::Faust, &["id"]),
    known("sqlalchemy.create_engine", K::SqlPool, L::SqlAlchemy, URL),
    known("sqlalchemy.engine.create_engine", K::SqlPool, L::SqlAlchemy, URL),
    known("sqlmodel.create_engine", K::SqlPool, L::SqlAlchemy, URL),
    known("sqlalchemy.ext.asyncio.create_async_engine", K::SqlPool, L::SqlAlchemy, URL),
    known("sqlalchemy.ext.asyncio.engine.create_async_engine", K::SqlPool, L::SqlAlchemy, URL),
    known("asyncpg.create_pool", K::SqlPool, L::Asyncpg, &["dsn"]),
    known("asyncpg.pool.create_pool", K::SqlPool, L::Asyncpg, &["dsn"]),
    known("asyncpg.connect", K::SqlConnection, L::Asyncpg, &["dsn"]),
    known("psycopg2.connect", K::SqlConnection, L::Psycopg2, &["dsn"]),
    known("psycopg2.pool.SimpleConnectionPool", K::SqlPool, L::Psycopg2, &["minconn", "maxconn", "dsn"]),
    known("psycopg2.pool.ThreadedConnectionPool", K::SqlPool, L::Psycopg2, &["minconn", "maxconn", "dsn"]),
    known("psycopg2.pool.PersistentConnectionPool", K::SqlPool, L::Psycopg2, &["minconn", "maxconn", "dsn"]),
    known("psycopg.connect", K::SqlConnection, L::Psycopg, &["conninfo"]),
    known("psycopg.Connection.connect", K::SqlConnection, L::Psycopg, &["conninfo"]),
    known("psycopg.AsyncConnection.connect", K::SqlConnection, L::Psycopg, &["conninfo"]),
    known("psycopg_pool.ConnectionPool", K::SqlPool, L::PsycopgPool, &["conninfo"]),
    known("psycopg_pool.AsyncConnectionPool", K::SqlPool, L::PsycopgPool, &["conninfo"]),
    known("aiopg.create_pool", K::SqlPool, L::Aiopg, &["dsn"]),
    known("aiopg.connect", K::SqlConnection, L::Aiopg, &["dsn"]),
    known("databases.Database", K::SqlPool, L::Databases, URL),
    known("tortoise.Tortoise.init", K::SqlPool, L::Tortoise, CONF),
    known("tortoise.contrib.fastapi.register_tortoise", K::SqlPool, L::Tortoise, &["app", "config"]),
    known("pymysql.connect", K::SqlConnection, L::MySql, &[]),
    known("MySQLdb.connect", K::SqlConnection, L::MySql, &[]),
    known("mysql.connector.connect", K::SqlConnection, L::MySql, &[]),
    known("mysql.connector.pooling.MySQLConnectionPool", K::SqlPool, L::MySql, &["pool_size", "pool_name"]),
    known("aiomysql.create_pool", K::SqlPool, L::MySql, &["minsize", "maxsize"]),
    known("aiomysql.connect", K::SqlConnection, L::MySql, &["host"]),
    known("redis.Redis", K::Redis, L::Redis, REDIS),
    known("redis.client.Redis", K::Redis, L::Redis, REDIS),
    known("redis.StrictRedis", K::Redis, L::Redis, REDIS),
    known("redis.from_url", K::Redis, L::Redis, URL),
    known("redis.Redis.from_url", K::Redis, L::Redis, URL),
    known("redis.StrictRedis.from_url", K::Redis, L::Redis, URL),
    known("redis.ConnectionPool", K::Redis, L::Redis, &["connection_class", "max_connections"]),
    known("redis.BlockingConnectionPool", K::Redis, L::Redis, &["max_connections", "timeout"]),
    known("redis.ConnectionPool.from_url", K::Redis, L::Redis, URL),
    known("redis.BlockingConnectionPool.from_url", K::Redis, L::Redis, URL),
    known("redis.create_redis_pool", K::Redis, L::Redis, URL),
    known("redis.cluster.RedisCluster", K::Redis, L::Redis, &["host", "port"]),
    known("redis.RedisCluster", K::Redis, L::Redis, &["host", "port"]),
    known("requests.Session", K::HttpClient, L::Requests, &[]),
    known("requests.session", K::HttpClient, L::Requests, &[]),
    known("requests.sessions.Session", K::HttpClient, L::Requests, &[]),
    known("httpx.Client", K::HttpClient, L::Httpx, &[]),
    known("httpx.AsyncClient", K::HttpClient, L::Httpx, &[]),
    known("aiohttp.ClientSession", K::HttpClient, L::Aiohttp, &["base_url"]),
    known("aiohttp.client.ClientSession", K::HttpClient, L::Aiohttp, &["base_url"]),
    known("urllib3.PoolManager", K::HttpClient, L::Urllib3, &["num_pools", "headers"]),
    known("urllib3.HTTPConnectionPool", K::HttpClient, L::Urllib3, &["host", "port", "timeout"]),
    known("urllib3.HTTPSConnectionPool", K::HttpClient, L::Urllib3, &["host", "port", "timeout"]),
    known("urllib.request.urlopen", K::HttpRequest, L::Urllib, &["url", "data", "timeout"]),
    known("uvicorn.run", K::Server, L::Other, &["app"]),
    known("hvac.Client", K::Vault, L::Hvac, &["url", "token"]),
    known("pybreaker.CircuitBreaker", K::Breaker, L::Pybreaker, &["fail_max", "reset_timeout"]),
    known("aiobreaker.CircuitBreaker", K::Breaker, L::Pybreaker, &["fail_max", "timeout_duration"]),
    known("circuitbreaker.circuit", K::Breaker, L::CircuitBreaker, &["failure_threshold", "recovery_timeout"]),
    known("circuitbreaker.CircuitBreaker", K::Breaker, L::CircuitBreaker, &["failure_threshold", "recovery_timeout"]),
    known("tenacity.retry", K::Retry, L::Tenacity, &[]),
    known("tenacity.Retrying", K::Retry, L::Tenacity, &[]),
    known("tenacity.AsyncRetrying", K::Retry, L::Tenacity, &[]),
    known("backoff.on_exception", K::Retry, L::Backoff, &["wait_gen", "exception"]),
    known("backoff.on_predicate", K::Retry, L::Backoff, &["wait_gen", "predicate"]),
    known("retrying.retry", K::Retry, L::Retrying, &[]),
    known("retry.retry", K::Retry, L::Retrying, &["exceptions", "tries", "delay", "max_delay", "backoff", "jitter"]),
    known("urllib3.Retry", K::Retry, L::Urllib3, &["total"]),
    known("urllib3.util.Retry", K::Retry, L::Urllib3, &["total"]),
    known("urllib3.util.retry.Retry", K::Retry, L::Urllib3, &["total"]),
    known("requests.adapters.Retry", K::Retry, L::Urllib3, &["total"]),
    known("requests.packages.urllib3.util.retry.Retry", K::Retry, L::Urllib3, &["total"]),
    known("queue.Queue", K::Queue, L::Standard, CAPACITY),
    known("queue.LifoQueue", K::Queue, L::Standard, CAPACITY),
    known("queue.PriorityQueue", K::Queue, L::Standard, CAPACITY),
    known("queue.SimpleQueue", K::Queue, L::Standard, &[]),
    known("asyncio.Queue", K::Queue, L::Standard, CAPACITY),
    known("asyncio.PriorityQueue", K::Queue, L::Standard, CAPACITY),
    known("asyncio.LifoQueue", K::Queue, L::Standard, CAPACITY),
    known("asyncio.queues.Queue", K::Queue, L::Standard, CAPACITY),
    known("multiprocessing.Queue", K::Queue, L::Standard, CAPACITY),
    known("multiprocessing.JoinableQueue", K::Queue, L::Standard, CAPACITY),
    known("multiprocessing.SimpleQueue", K::Queue, L::Standard, &[]),
    known("janus.Queue", K::Queue, L::Standard, CAPACITY),
    known("gevent.queue.Queue", K::Queue, L::Standard, CAPACITY),
    known("collections.deque", K::Queue, L::Standard, &["iterable", "maxlen"]),
    known("concurrent.futures.ThreadPoolExecutor", K::Executor, L::Standard, &["max_workers"]),
    known("concurrent.futures.ProcessPoolExecutor", K::Executor, L::Standard, &["max_workers"]),
    known("concurrent.futures.thread.ThreadPoolExecutor", K::Executor, L::Standard, &["max_workers"]),
    known("multiprocessing.Pool", K::Executor, L::Standard, &["max_workers"]),
    known("multiprocessing.pool.Pool", K::Executor, L::Standard, &["max_workers"]),
    known("multiprocessing.pool.ThreadPool", K::Executor, L::Standard, &["max_workers"]),
    known("cachetools.TTLCache", K::Cache, L::CacheTools, &["maxsize", "ttl"]),
    known("cachetools.LRUCache", K::Cache, L::CacheTools, CAPACITY),
    known("cachetools.LFUCache", K::Cache, L::CacheTools, CAPACITY),
    known("cachetools.func.ttl_cache", K::Cache, L::CacheTools, &["maxsize", "ttl"]),
    known("functools.lru_cache", K::Cache, L::Standard, CAPACITY),
    known("functools.cache", K::Cache, L::Standard, &[]),
    known("async_lru.alru_cache", K::Cache, L::CacheTools, CAPACITY),
    known("aiocache.cached", K::Cache, L::CacheTools, &["ttl"]),
    known("aiocache.SimpleMemoryCache", K::Cache, L::CacheTools, &[]),
    known("expiringdict.ExpiringDict", K::Cache, L::CacheTools, &["max_len", "max_age_seconds"]),
];

/// Names that no other library uses, known even if the import is not visible (`from x import *`).
const UNMISTAKABLE: &[&str] = &[
    "KafkaConsumer",
    "KafkaProducer",
    "AIOKafkaConsumer",
    "AIOKafkaProducer",
    "DeserializingConsumer",
    "SerializingProducer",
    "create_engine",
    "create_async_engine",
    "ThreadedConnectionPool",
    "SimpleConnectionPool",
    "AsyncConnectionPool",
    "ThreadPoolExecutor",
    "TTLCache",
    "lru_cache",
    "StrictRedis",
];

/// A module with anything that this reader knows contains at least one of these words. A cheap test before
/// the parse.
#[rustfmt::skip]
pub const KEYWORDS: &[&str] = &[
    "kafka", "faust", "sqlalchemy", "create_engine", "create_async_engine", "psycopg", "asyncpg",
    "databases", "tortoise", "aiopg", "mysql", "redis", "requests", "httpx", "aiohttp", "urllib", "breaker", "BREAKER", "Breaker",
    "tenacity", "backoff", "retry", "Queue", "deque", "Executor", "Pool", "_cache", "Cache", "getenv",
    "environ", "decouple", "BaseSettings", "hvac", "timeout", "pool_size", "workers", "num_worker",
    "threads", "ttl", "threshold", "max_connections", "MAX_", "_SIZE", "TIMEOUT", "TTL", "uvicorn",
];

const VERBS: &[&str] = &[
    "get", "post", "put", "patch", "delete", "head", "options", "request", "stream", "urlopen",
];

const REQUEST: &[&str] = &["method", "url"];

/// The known constructor or function of a dotted name.
pub fn lookup(dotted: &str) -> Option<KnownClient> {
    let plain = canonical(dotted);
    if let Some(found) = KNOWN.iter().find(|k| k.name == plain) {
        return Some(*found);
    }
    if let Some(found) = http(&plain) {
        return Some(found);
    }
    if !plain.contains('.') && UNMISTAKABLE.contains(&&*plain) {
        return KNOWN
            .iter()
            .find(|k| k.name.rsplit('.').next() == Some(&plain))
            .copied();
    }
    let last = plain.rsplit('.').next().unwrap_or(&plain);
    // A breaker of an unknown library, or of the project itself: its arguments describe it.
    is_breaker_class(last).then_some(known(
        "CircuitBreaker",
        K::Breaker,
        L::Other,
        &["failure_threshold", "recovery_timeout"],
    ))
}

/// Whether a class is a circuit breaker by its name: `VPCConnectionCircuitBreaker`. Configurations,
/// registries, errors and states of breakers are not.
pub fn is_breaker_class(name: &str) -> bool {
    let folded = cofferdam_syntax::tree::fold(name);
    name.starts_with(|c: char| c.is_ascii_uppercase() || c == '_')
        && name.chars().any(|c| c.is_ascii_lowercase())
        && folded.contains("circuitbreaker")
        && folded.ends_with("breaker")
}

fn canonical(dotted: &str) -> String {
    for (prefix, plain) in [
        ("redis.asyncio.client.", "redis."),
        ("redis.asyncio.connection.", "redis."),
        ("redis.asyncio.", "redis."),
        ("redis.connection.", "redis."),
        ("aioredis.", "redis."),
        ("multiprocessing.queues.", "multiprocessing."),
        ("kafka.consumer.group.", "kafka."),
        ("kafka.producer.kafka.", "kafka."),
        ("billiard.", "multiprocessing."),
        ("Queue.Queue", "queue.Queue"),
        ("mockafka.", "mock."),
    ] {
        if let Some(rest) = dotted.strip_prefix(prefix) {
            return format!("{plain}{rest}");
        }
    }
    dotted.to_owned()
}

fn http(dotted: &str) -> Option<KnownClient> {
    let (owner, verb) = dotted.rsplit_once('.')?;
    let verb = VERBS.iter().find(|v| **v == verb)?;
    let library = match owner {
        "requests" | "requests.api" => L::Requests,
        "httpx" => L::Httpx,
        "aiohttp" if *verb == "request" => L::Aiohttp,
        "urllib3" if *verb == "request" => L::Urllib3,
        _ => {
            KNOWN
                .iter()
                .find(|k| k.kind == K::HttpClient && k.name == owner)?
                .library
        }
    };
    let parameters = match *verb {
        "request" | "stream" | "urlopen" => REQUEST,
        _ => URL,
    };
    Some(known(verb, K::HttpRequest, library, parameters))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dotted_names_resolve_to_their_client() {
        let kind = |name| lookup(name).map(|k| (k.kind, k.library));
        assert_eq!(
            kind("kafka.KafkaConsumer"),
            Some((K::KafkaConsumer, L::KafkaPython))
        );
        assert_eq!(kind("redis.asyncio.Redis.from_url"), Some((K::Redis, L::Redis)));
        assert_eq!(kind("aioredis.from_url"), Some((K::Redis, L::Redis)));
        assert_eq!(kind("requests.Session.get"), Some((K::HttpRequest, L::Requests)));
        assert_eq!(kind("httpx.AsyncClient.post"), Some((K::HttpRequest, L::Httpx)));
        assert_eq!(kind("create_engine"), Some((K::SqlPool, L::SqlAlchemy)));
        assert_eq!(
            kind("app.db.create_engine"),
            None,
            "a function of the project's own"
        );
        assert_eq!(
            kind("circuit_breaker.CircuitBreaker"),
            Some((K::Breaker, L::Other))
        );
        assert_eq!(kind("pybreaker.CircuitBreakerError"), None);
        assert_eq!(kind("requests.exceptions.get"), None);
    }

    #[test]
    fn no_constructor_is_listed_twice() {
        let mut names: Vec<_> = KNOWN.iter().map(|k| k.name).collect();
        names.sort_unstable();
        let all = names.len();
        names.dedup();
        assert_eq!(names.len(), all);
    }
}
