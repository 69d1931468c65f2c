//! Kafka's settings by name: what each sets, and whether the name is specific to Kafka.

use Alone::{No, Yes};

/// What a property sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    Acks,
    Idempotence,
    MaxInFlight,
    Retries,
    DeliveryTimeout,
    Linger,
    Serializer,
    Group,
    InstanceId,
    Assignors,
    Protocol,
    SessionTimeout,
    Heartbeat,
    MaxPollInterval,
    MaxPollRecords,
    AutoCommit,
    Topics,
    InputTopics,
    OutputTopics,
    Workers,
    Consumers,
    Bootstrap,
}

/// How specific a name is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Alone {
    /// Kafka's own word: needs no prefix.
    Yes,
    /// A word that others use too: needs `kafka` in front, or a file of Kafka's properties.
    No,
}

/// Property (folded), what it sets, and whether it is specific. Names of the Java client, of librdkafka and
/// of the Python clients, without their separators.
pub(super) const PROPERTIES: &[(&str, Meaning, Alone)] = &[
    ("acks", Meaning::Acks, No),
    ("requestrequiredacks", Meaning::Acks, Yes),
    ("requiredacks", Meaning::Acks, No),
    ("enableidempotence", Meaning::Idempotence, Yes),
    ("idempotence", Meaning::Idempotence, No),
    ("idempotent", Meaning::Idempotence, No),
    ("idempotenceenabled", Meaning::Idempotence, No),
    ("maxinflightrequestsperconnection", Meaning::MaxInFlight, Yes),
    ("maxinflightrequests", Meaning::MaxInFlight, No),
    ("maxinflight", Meaning::MaxInFlight, No),
    ("retries", Meaning::Retries, No),
    ("messagesendmaxretries", Meaning::Retries, Yes),
    ("deliverytimeoutms", Meaning::DeliveryTimeout, Yes),
    ("deliverytimeout", Meaning::DeliveryTimeout, No),
    ("messagetimeoutms", Meaning::DeliveryTimeout, No),
    ("lingerms", Meaning::Linger, Yes),
    ("linger", Meaning::Linger, No),
    ("queuebufferingmaxms", Meaning::Linger, Yes),
    ("keyserializer", Meaning::Serializer, No),
    ("valueserializer", Meaning::Serializer, No),
    ("keydeserializer", Meaning::Serializer, No),
    ("valuedeserializer", Meaning::Serializer, No),
    ("groupid", Meaning::Group, No),
    ("group", Meaning::Group, No),
    ("groupname", Meaning::Group, No),
    ("consumergroup", Meaning::Group, No),
    ("consumergroupid", Meaning::Group, No),
    ("consumergroupname", Meaning::Group, No),
    ("groupinstanceid", Meaning::InstanceId, Yes),
    ("partitionassignmentstrategy", Meaning::Assignors, Yes),
    ("assignmentstrategy", Meaning::Assignors, No),
    ("assignor", Meaning::Assignors, No),
    ("groupprotocol", Meaning::Protocol, No),
    ("sessiontimeoutms", Meaning::SessionTimeout, No),
    ("sessiontimeout", Meaning::SessionTimeout, No),
    ("heartbeatintervalms", Meaning::Heartbeat, No),
    ("heartbeatinterval", Meaning::Heartbeat, No),
    ("maxpollintervalms", Meaning::MaxPollInterval, Yes),
    ("maxpollinterval", Meaning::MaxPollInterval, Yes),
    ("maxpollrecords", Meaning::MaxPollRecords, Yes),
    ("enableautocommit", Meaning::AutoCommit, Yes),
    ("autocommit", Meaning::AutoCommit, No),
    ("autocommitenabled", Meaning::AutoCommit, No),
    ("topic", Meaning::Topics, No),
    ("topics", Meaning::Topics, No),
    ("topicname", Meaning::Topics, No),
    ("topicnames", Meaning::Topics, No),
    ("inputtopic", Meaning::InputTopics, No),
    ("inputtopics", Meaning::InputTopics, No),
    ("sourcetopic", Meaning::InputTopics, No),
    ("sourcetopics", Meaning::InputTopics, No),
    ("subscribedtopics", Meaning::InputTopics, No),
    ("outputtopic", Meaning::OutputTopics, No),
    ("outputtopics", Meaning::OutputTopics, No),
    ("sinktopic", Meaning::OutputTopics, No),
    ("targettopic", Meaning::OutputTopics, No),
    ("publishtopic", Meaning::OutputTopics, No),
    ("workerthreads", Meaning::Workers, No),
    ("workers", Meaning::Workers, No),
    ("numworkers", Meaning::Workers, No),
    ("workercount", Meaning::Workers, No),
    ("workernum", Meaning::Workers, No),
    ("threads", Meaning::Workers, No),
    ("numthreads", Meaning::Workers, No),
    ("threadcount", Meaning::Workers, No),
    ("maxworkers", Meaning::Workers, No),
    ("concurrency", Meaning::Consumers, No),
    ("numconsumers", Meaning::Consumers, No),
    ("consumercount", Meaning::Consumers, No),
    ("bootstrapservers", Meaning::Bootstrap, Yes),
    ("brokers", Meaning::Bootstrap, No),
    ("brokerlist", Meaning::Bootstrap, No),
];

/// Words in front of a property that identify its owner or have no meaning.
pub(super) const SCOPES: &[&str] = &[
    "spring",
    "kafka",
    "producer",
    "producers",
    "consumer",
    "consumers",
    "admin",
    "client",
    "config",
    "configs",
    "configuration",
    "properties",
    "settings",
    "options",
    "listener",
    "main",
    "default",
    "app",
    "dlq",
    "dlt",
    "dead",
    "deadletter",
    "letter",
    "letters",
    "queue",
    "performance",
    "tuning",
    "conf",
    "commit",
    "offset",
];

/// Names of worker counts that a service with a consumer sets without "kafka" in the name.
pub(super) const BARE_WORKERS: &[&str] = &[
    "workerthreads",
    "numworkers",
    "workercount",
    "workernum",
    "workers",
    "consumerworkers",
    "consumerthreads",
    "processingthreads",
];

/// Which client a setting is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Producer,
    Consumer,
    Either,
}

impl Meaning {
    pub(super) fn side(self) -> Side {
        match self {
            Meaning::Acks
            | Meaning::Idempotence
            | Meaning::MaxInFlight
            | Meaning::Retries
            | Meaning::DeliveryTimeout
            | Meaning::Linger
            | Meaning::OutputTopics => Side::Producer,
            Meaning::Topics | Meaning::Bootstrap | Meaning::Serializer => Side::Either,
            _ => Side::Consumer,
        }
    }
}
