//! What people can state about services.

use super::facts;
use crate::platform::{Priority, Service};
use crate::registry::access::{Access, Slot, field};
use crate::registry::kind::{Kind, PRIORITY};
use crate::registry::{Entry, Key, Section};
use crate::source::{Fact, Source};
use crate::stated::Value;
use crate::units::{Bytes, Rate};
use cofferdam_syntax::repo::normalise;
use std::path::Path;
use std::time::Duration;

/// Directories of code. The model keeps their paths without places.
const DIRECTORIES: Access<Service> = Access {
    get: |service| {
        let why = "the service's directory";
        let name = |directory: &std::path::PathBuf| Fact::assumed(directory.display().to_string(), why);
        let names: Vec<Fact<String>> = service.directories.iter().map(name).collect();
        (!names.is_empty()).then(|| Fact {
            value: Value::Names(names),
            source: match service.declared.first() {
                Some(span) => Source::Declared(*span),
                None => Source::Assumed { why: why.into() },
            },
        })
    },
    set: |service, stated| {
        if let Value::Names(names) = &stated.value {
            let path = |name: &Fact<String>| normalise(Path::new(name.value.trim_matches('/')));
            service.directories = names.iter().map(path).collect();
        }
    },
};

facts! {
    /// Services.
    services of Services;
    REQUESTS_PER_SECOND: Rate = ("requests_per_second", Kind::Rate),
        "Requests or messages that it handles at peak, all replicas together.", "100",
        Slot::Service(field!(peak_rate)), decides("how much load it carries");
    CONNECTIONS_PER_POD: u32 = ("connections_per_pod", Kind::Whole),
        "Maximum number of connections to SQL databases of one replica, over all pools and processes.", "20",
        Slot::Service(field!(connections_per_pod)),
        decides("how many connections are wanted and how many exist");
    POOL: () = ("pool", Kind::Map), "The pool of SQL connections in each process.", "{size: 10}", Slot::Map;
    POOL_SIZE: u32 = ("pool.size", Kind::Whole), "Connections that it keeps.", "10",
        Slot::Pool(field!(size)), decides("how many connections are wanted");
    POOL_OVERFLOW: u32 = ("pool.overflow", Kind::Whole), "Connections that it may add.", "0",
        Slot::Pool(field!(overflow)), decides("how many connections are wanted");
    POOL_TIMEOUT: Duration = ("pool.timeout", Kind::Duration), "Wait for a connection of the pool.", "30s",
        Slot::Pool(field!(pool_timeout)), decides("when a request that gets no connection fails");
    POOL_CONNECT_TIMEOUT: Duration = ("pool.connect_timeout", Kind::Duration),
        "Wait for the server to accept a new connection.", "5s", Slot::Pool(field!(connect_timeout)),
        decides("when a request that gets no connection fails");
    DRIVER: String = ("driver", Kind::Name),
        "Driver of the SQL database (`asyncpg`, `psycopg`, `pgx`, `jdbc`).", "asyncpg",
        Slot::Pool(field!(driver)), decides("whether prepared statements break under transaction pooling");
    PROCESSES: u32 = ("processes", Kind::Count),
        "Processes that a replica runs (gunicorn or uvicorn workers).", "1",
        Slot::Service(field!(processes)), without("1", "one process a replica"),
        decides("how many pools and consumers a replica has");
    CONSUMERS_PER_PROCESS: u32 = ("consumers_per_process", Kind::Count),
        "Kafka consumers that one process builds.", "1", Slot::Consumer(field!(consumers_per_process)),
        without("1", "one consumer a process"), decides("how many members the group has");
    WORKERS_BUILD_CONSUMERS: bool = ("workers_build_consumers", Kind::Flag),
        "Whether each worker of a `*_WORKERS` or `*_THREADS` setting builds its own consumer.", "false",
        Slot::Consumer(field!(workers_build_consumers)), without("false", "they share one"),
        decides("how many members the group has");
    CODE: Vec<Fact<String>> = ("code", Kind::Names), "Directories of its code, below the root.",
        "[services/api]", Slot::Service(DIRECTORIES), decides("which code belongs to it");
    IMPORTANCE: Priority = ("priority", PRIORITY), "Its importance when not all requests can be served.",
        "important", Slot::Service(field!(priority)),
        decides("the order in which requests are dropped when not all can be served");
    REPLICAS: () = ("replicas", Kind::Map), "Replicas, if no file sets them or if the files are wrong.",
        "{min: 2, max: 10}", Slot::Map, decides("how much of everything it uses at full scale");
    REPLICAS_MIN: u32 = ("replicas.min", Kind::Whole), "Fewest.", "2", Slot::Service(field!(scale.min));
    REPLICAS_MAX: u32 = ("replicas.max", Kind::Whole), "Most.", "10", Slot::Service(field!(scale.max)),
        decides("how much of everything it uses at full scale");
    REPLICAS_CURRENT: u32 = ("replicas.current", Kind::Whole), "Now.", "2",
        Slot::Service(field!(scale.current));
    START_UP_TIME: Duration = ("start_up_time", Kind::Duration),
        "Time from the start of a container until it can serve.", "30s",
        Slot::Service(field!(start_up_time)), decides("how soon a new replica takes load");
    REQUEST_TIME: Duration = ("request_time", Kind::Duration),
        "Longest time that one request or message takes.", "30s", Slot::Service(field!(request_time)),
        decides("how long a stop must wait");
    SERVICE_TIME: Duration = ("service_time", Kind::Duration),
        "Mean time that one request takes when the service is not busy, without waiting.", "20ms",
        Slot::Service(field!(service_time)), decides("how many requests a replica works on at once");
    TRANSACTION_TIME: Duration = ("transaction_time", Kind::Duration),
        "Mean time that one request or message holds a connection to the database.", "4ms",
        Slot::Service(field!(transaction_time)), decides("which requests wait for a connection");
    CAPACITY_PER_POD: Rate = ("capacity_per_pod", Kind::Rate),
        "Requests a second that one replica can serve.", "150", Slot::Service(field!(capacity_per_pod)),
        decides("how busy a replica is");
    CPU_PER_REQUEST: Duration = ("cpu_per_request", Kind::Duration),
        "Processor time that one request or message takes.", "2ms", Slot::Service(field!(cpu_per_request)),
        decides("for how long a CPU limit stops a replica");
    MEMORY_PER_MESSAGE: Bytes = ("memory_per_message", Kind::Bytes),
        "Memory that one message needs in a process of the service.", "20KiB",
        Slot::Service(field!(memory_per_message)), decides("when a process with an unbounded queue is killed");
    CALLERS: () = ("callers", Kind::Map), "How its callers behave.", "{timeout: 2s, attempts: 3}", Slot::Map;
    CALLERS_TIMEOUT: Duration = ("callers.timeout", Kind::Duration),
        "How long a caller waits for an answer.", "2s", Slot::Service(field!(callers.timeout)),
        decides("which requests are served although their callers have given up");
    CALLERS_ATTEMPTS: u32 = ("callers.attempts", Kind::Count), "Total number of tries (1 means no retry).",
        "3", Slot::Service(field!(callers.attempts)), decides("how much load retries add");
    CALLERS_BACKOFF: Duration = ("callers.backoff", Kind::Duration),
        "Wait before the first retry; later ones wait twice as long each.", "100ms",
        Slot::Service(field!(callers.backoff)), decides("how fast retries arrive");
    TIME_PER_MESSAGE: Duration = ("time_per_message", Kind::Duration), "Time to process one message of Kafka.",
        "5ms", Slot::Consumer(field!(time_per_record)),
        decides("whether a batch is done before the poll deadline");
    DEPENDS_ON: Vec<Fact<String>> = ("depends_on", Kind::Names),
        "Services, databases, caches, `kafka`, or external host names that it calls.", "[main]",
        Slot::Relation, decides("what fails with it");
    DATABASE: String = ("database", Kind::Name), "The database or pooler that it connects to.", "main",
        Slot::Pool(field!(database_name)), decides("whose connections it uses");
}
