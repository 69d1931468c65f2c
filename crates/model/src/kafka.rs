//! Kafka: topics, producers, and consumers as members of groups.

use crate::owner::{Owner, TopicId};
use crate::source::Fact;
use crate::stated::Said;
use crate::units::Rate;
use cofferdam_syntax::Span;
use std::time::Duration;

/// A Kafka cluster.
#[derive(Debug, Clone, Default)]
pub struct KafkaCluster {
    /// Name or bootstrap address.
    pub name: String,
    /// Brokers.
    pub brokers: Option<Fact<u32>>,
    /// How far followers are behind their leader.
    pub replication_lag: Option<Fact<Duration>>,
    /// Version.
    pub version: Option<Fact<String>>,
    /// `min.insync.replicas` of topics that set none.
    pub min_insync_replicas: Option<Fact<u32>>,
    /// Facts that only people state.
    pub said: Said,
}

/// A declared topic.
#[derive(Debug, Clone)]
pub struct Topic {
    /// Name.
    pub name: Fact<String>,
    /// Partitions.
    pub partitions: Option<Fact<u32>>,
    /// Replication factor.
    pub replication_factor: Option<Fact<u32>>,
    /// `min.insync.replicas`.
    pub min_insync_replicas: Option<Fact<u32>>,
    /// Retention.
    pub retention: Option<Fact<Duration>>,
    /// Messages a second at peak.
    pub peak_rate: Option<Fact<Rate>>,
    /// Facts that only people state.
    pub said: Said,
}

/// Client libraries, whose defaults differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KafkaClient {
    /// The Java client (and Spring, Kafka Streams, Connect).
    Java,
    /// librdkafka and what is built on it (confluent-kafka for Python, Go, .NET).
    Librdkafka,
    /// kafka-python.
    KafkaPython,
    /// aiokafka.
    AioKafka,
    /// Sarama (Go).
    Sarama,
    /// KafkaJS.
    KafkaJs,
}

impl KafkaClient {
    /// `session.timeout.ms` where nothing sets it: 45 s since Kafka 3.0 (KIP-735) for the Java client, librdkafka and
    /// kafka-python; aiokafka and Sarama stayed at 10 s, KafkaJS at 30 s (their documentation and sources).
    pub fn session_timeout(self) -> Duration {
        Duration::from_secs(match self {
            KafkaClient::Java | KafkaClient::Librdkafka | KafkaClient::KafkaPython => 45,
            KafkaClient::AioKafka | KafkaClient::Sarama => 10,
            KafkaClient::KafkaJs => 30,
        })
    }

    /// The name for reports.
    pub fn name(self) -> &'static str {
        match self {
            KafkaClient::Java => "the Java client",
            KafkaClient::Librdkafka => "librdkafka",
            KafkaClient::KafkaPython => "kafka-python",
            KafkaClient::AioKafka => "aiokafka",
            KafkaClient::Sarama => "Sarama",
            KafkaClient::KafkaJs => "KafkaJS",
        }
    }

    /// Whether it can move only the partitions that must move (KIP-429).
    pub fn assigns_incrementally(self) -> bool {
        matches!(
            self,
            KafkaClient::Java | KafkaClient::Librdkafka | KafkaClient::KafkaPython
        )
    }

    /// Whether a member can have a name that survives a restart (KIP-345).
    pub fn has_static_members(self) -> bool {
        self != KafkaClient::KafkaJs
    }
}

/// The acknowledgement for which a producer waits before a message counts as sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Acks {
    /// Nothing.
    None,
    /// The leader.
    Leader,
    /// All replicas in sync.
    All,
}

impl Acks {
    /// Parses `0`, `1`, `-1` or `all`.
    pub fn parse(text: &str) -> Option<Acks> {
        match text.trim().to_ascii_lowercase().as_str() {
            "0" => Some(Acks::None),
            "1" => Some(Acks::Leader),
            "-1" | "all" => Some(Acks::All),
            _ => None,
        }
    }
}

/// The purpose of a producer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProducerRole {
    /// The data itself.
    Main,
    /// Messages that could not be processed.
    DeadLetter,
}

/// A producer.
#[derive(Debug, Clone)]
pub struct Producer {
    /// Its owner.
    pub owner: Owner,
    /// Its purpose.
    pub role: ProducerRole,
    /// Place of the constructor or of the first setting.
    pub span: Span,
    /// Topics it writes.
    pub topics: Vec<Fact<String>>,
    /// Client library.
    pub client: Option<Fact<KafkaClient>>,
    /// Version of the client library.
    pub client_version: Option<Fact<String>>,
    /// `acks`.
    pub acks: Option<Fact<Acks>>,
    /// `enable.idempotence`.
    pub idempotence: Option<Fact<bool>>,
    /// `max.in.flight.requests.per.connection`.
    pub max_in_flight: Option<Fact<u32>>,
    /// `retries`.
    pub retries: Option<Fact<u64>>,
    /// `delivery.timeout.ms`.
    pub delivery_timeout: Option<Fact<Duration>>,
    /// `linger.ms`.
    pub linger: Option<Fact<Duration>>,
    /// Messages a second at peak.
    pub peak_rate: Option<Fact<Rate>>,
}

impl Producer {
    /// A producer of which only its place is known.
    pub fn at(span: Span, owner: Owner, role: ProducerRole) -> Self {
        Producer {
            owner,
            role,
            span,
            topics: Vec::new(),
            client: None,
            client_version: None,
            acks: None,
            idempotence: None,
            max_in_flight: None,
            retries: None,
            delivery_timeout: None,
            linger: None,
            peak_rate: None,
        }
    }
}

/// How partitions are assigned to members.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Assignor {
    /// Range (eager).
    Range,
    /// Round robin (eager).
    RoundRobin,
    /// Sticky (eager).
    Sticky,
    /// Cooperative sticky (incremental).
    CooperativeSticky,
}

impl Assignor {
    /// Parses the names of all clients: `range`, `RangeAssignor`, `cooperative-sticky`, ….
    pub fn parse(text: &str) -> Option<Assignor> {
        let text = text.to_ascii_lowercase().replace(['-', '_'], "");
        if text.contains("cooperativesticky") {
            Some(Assignor::CooperativeSticky)
        } else if text.contains("sticky") {
            Some(Assignor::Sticky)
        } else if text.contains("roundrobin") {
            Some(Assignor::RoundRobin)
        } else if text.contains("range") {
            Some(Assignor::Range)
        } else {
            None
        }
    }

    /// Whether every member gives up all its partitions in each rebalance.
    pub fn is_eager(self) -> bool {
        self != Assignor::CooperativeSticky
    }
}

/// When a consumer commits its offsets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommitOrder {
    /// Before the work, or while it may still fail.
    BeforeWork,
    /// After the work succeeded.
    AfterWork,
}

/// A setting that counts workers or threads of a consumer.
#[derive(Debug, Clone, PartialEq)]
pub struct WorkerSetting {
    /// Its name as written.
    pub name: String,
    /// How many.
    pub count: Fact<u32>,
    /// Whether each worker builds its own consumer, if the code shows it.
    pub builds_consumer: Option<Fact<bool>>,
}

/// A queue in memory between polling and working.
#[derive(Debug, Clone, PartialEq)]
pub struct Buffer {
    /// Name in the code (`batch_queue`).
    pub name: String,
    /// Place of its construction.
    pub span: Span,
    /// Maximum number of items; `None` is unbounded.
    pub bound: Option<Fact<u64>>,
}

/// A consumer: one kind of member of a group.
#[derive(Debug, Clone)]
pub struct Consumer {
    /// Its owner.
    pub owner: Owner,
    /// Place of the constructor or of the first setting.
    pub span: Span,
    /// `group.id`.
    pub group: Option<Fact<String>>,
    /// Topics that it subscribes to.
    pub topics: Vec<Fact<String>>,
    /// The declared topics among them, once linked.
    pub topic_ids: Vec<TopicId>,
    /// Client library.
    pub client: Option<Fact<KafkaClient>>,
    /// Version of the client library.
    pub client_version: Option<Fact<String>>,
    /// Consumers that one process builds, if the code shows it.
    pub consumers_per_process: Option<Fact<u32>>,
    /// Settings that count workers or threads.
    pub workers: Vec<WorkerSetting>,
    /// Whether each of those workers builds its own consumer, if a person declares it; linking gives it to
    /// the settings.
    pub workers_build_consumers: Option<Fact<bool>>,
    /// `partition.assignment.strategy`, in order.
    pub assignors: Vec<Fact<Assignor>>,
    /// `group.instance.id`.
    pub instance_id: Option<Fact<String>>,
    /// `group.protocol`: `classic` or `consumer`.
    pub protocol: Option<Fact<String>>,
    /// `session.timeout.ms`.
    pub session_timeout: Option<Fact<Duration>>,
    /// `heartbeat.interval.ms`.
    pub heartbeat: Option<Fact<Duration>>,
    /// `max.poll.interval.ms`.
    pub max_poll_interval: Option<Fact<Duration>>,
    /// `max.poll.records` or the batch size of the poll.
    pub max_poll_records: Option<Fact<u32>>,
    /// Time to process one record.
    pub time_per_record: Option<Fact<Duration>>,
    /// `enable.auto.commit`.
    pub auto_commit: Option<Fact<bool>>,
    /// When it commits manually.
    pub commit_order: Option<Fact<CommitOrder>>,
    /// Queues in memory.
    pub buffers: Vec<Buffer>,
    /// Topic for messages that cannot be processed.
    pub dead_letter: Option<Fact<String>>,
}

impl Consumer {
    /// A consumer of which only its place is known.
    pub fn at(span: Span, owner: Owner) -> Self {
        Consumer {
            owner,
            span,
            group: None,
            topics: Vec::new(),
            topic_ids: Vec::new(),
            client: None,
            client_version: None,
            consumers_per_process: None,
            workers: Vec::new(),
            workers_build_consumers: None,
            assignors: Vec::new(),
            instance_id: None,
            protocol: None,
            session_timeout: None,
            heartbeat: None,
            max_poll_interval: None,
            max_poll_records: None,
            time_per_record: None,
            auto_commit: None,
            commit_order: None,
            buffers: Vec::new(),
            dead_letter: None,
        }
    }
}
