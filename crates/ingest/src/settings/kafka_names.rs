//! Kafka's settings by name: what each sets, and whether the name is specific to Kafka.

use Alone::{No, Yes};

/// What a property sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Idea {
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
pub(super) const PROPERTIES: &[(&str, Idea, Alone)] = &[
    ("acks", Idea::Acks, No),
    ("requestrequiredacks", Idea::Acks, Yes),
    ("requiredacks", Idea::Acks, No),
    ("enableidempotence", Idea::Idempotence, Yes),
    ("idempotence", Idea::Idempotence, No),
    ("idempotent", Idea::Idempotence, No),
    ("idempotenceenabled", Idea::Idempotence, No),
    ("maxinflightrequestsperconnection", Idea::MaxInFlight, Yes),
    ("maxinflightrequests", Idea::MaxInFlight, No),
    ("maxinflight", Idea::MaxInFlight, No),
    ("retries", Idea::Retries, No),
    ("messagesendmaxretries", Idea::Retries, Yes),
    ("deliverytimeoutms", Idea::DeliveryTimeout, Yes),
    ("deliverytimeout", Idea::DeliveryTimeout, No),
    ("messagetimeoutms", Idea::DeliveryTimeout, No),
    ("lingerms", Idea::Linger, Yes),
    ("linger", Idea::Linger, No),
    ("queuebufferingmaxms", Idea::Linger, Yes),
    ("keyserializer", Idea::Serializer, No),
    ("valueserializer", Idea::Serializer, No),
    ("keydeserializer", Idea::Serializer, No),
    ("valuedeserializer", Idea::Serializer, No),
    ("groupid", Idea::Group, No),
    ("group", Idea::Group, No),
    ("groupname", Idea::Group, No),
    ("consumergroup", Idea::Group, No),
    ("consumergroupid", Idea::Group, No),
    ("consumergroupname", Idea::Group, No),
    ("groupinstanceid", Idea::InstanceId, Yes),
    ("partitionassignmentstrategy", Idea::Assignors, Yes),
    ("assignmentstrategy", Idea::Assignors, No),
    ("assignor", Idea::Assignors, No),
    ("groupprotocol", Idea::Protocol, No),
    ("sessiontimeoutms", Idea::SessionTimeout, No),
    ("sessiontimeout", Idea::SessionTimeout, No),
    ("heartbeatintervalms", Idea::Heartbeat, No),
    ("heartbeatinterval", Idea::Heartbeat, No),
    ("maxpollintervalms", Idea::MaxPollInterval, Yes),
    ("maxpollinterval", Idea::MaxPollInterval, Yes),
    ("maxpollrecords", Idea::MaxPollRecords, Yes),
    ("enableautocommit", Idea::AutoCommit, Yes),
    ("autocommit", Idea::AutoCommit, No),
    ("autocommitenabled", Idea::AutoCommit, No),
    ("topic", Idea::Topics, No),
    ("topics", Idea::Topics, No),
    ("topicname", Idea::Topics, No),
    ("topicnames", Idea::Topics, No),
    ("inputtopic", Idea::InputTopics, No),
    ("inputtopics", Idea::InputTopics, No),
    ("sourcetopic", Idea::InputTopics, No),
    ("sourcetopics", Idea::InputTopics, No),
    ("subscribedtopics", Idea::InputTopics, No),
    ("outputtopic", Idea::OutputTopics, No),
    ("outputtopics", Idea::OutputTopics, No),
    ("sinktopic", Idea::OutputTopics, No),
    ("targettopic", Idea::OutputTopics, No),
    ("publishtopic", Idea::OutputTopics, No),
    ("workerthreads", Idea::Workers, No),
    ("workers", Idea::Workers, No),
    ("numworkers", Idea::Workers, No),
    ("workercount", Idea::Workers, No),
    ("workernum", Idea::Workers, No),
    ("threads", Idea::Workers, No),
    ("numthreads", Idea::Workers, No),
    ("threadcount", Idea::Workers, No),
    ("maxworkers", Idea::Workers, No),
    ("concurrency", Idea::Consumers, No),
    ("numconsumers", Idea::Consumers, No),
    ("consumercount", Idea::Consumers, No),
    ("bootstrapservers", Idea::Bootstrap, Yes),
    ("brokers", Idea::Bootstrap, No),
    ("brokerlist", Idea::Bootstrap, No),
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

impl Idea {
    pub(super) fn side(self) -> Side {
        match self {
            Idea::Acks
            | Idea::Idempotence
            | Idea::MaxInFlight
            | Idea::Retries
            | Idea::DeliveryTimeout
            | Idea::Linger
            | Idea::OutputTopics => Side::Producer,
            Idea::Topics | Idea::Bootstrap | Idea::Serializer => Side::Either,
            _ => Side::Consumer,
        }
    }
}
