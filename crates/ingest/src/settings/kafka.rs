//! Kafka's settings under the names that clients give them and the names that variables commonly have. The
//! table beside this one defines what a property sets; words in front of it (`SPRING_KAFKA_CONSUMER_…`)
//! identify its owner.

use super::kafka_names::Alone::{self, Yes};
use super::kafka_names::{BARE_WORKERS, Meaning, PROPERTIES, SCOPES, Side};
use super::values::{boolean, number, word};
use super::{Setting, words};
use crate::parts::{self, set};
use cofferdam_model::kafka::{Acks, Assignor, Consumer, KafkaClient, Producer, ProducerRole, WorkerSetting};
use cofferdam_model::units::{duration, millis};
use cofferdam_model::{Fact, Owner, Parts};
use cofferdam_syntax::memo::Memo;
use cofferdam_syntax::tree::folds_to;
use std::time::Duration;

/// A parsed setting of Kafka.
#[derive(Debug)]
struct Parsed<'s> {
    setting: &'s Setting,
    meaning: Meaning,
    /// The side that the words in front name.
    side: Option<Side>,
    dead_letter: bool,
    admin: bool,
    java: bool,
}

impl Parsed<'_> {
    fn is_for_producer(&self) -> bool {
        !self.dead_letter && (self.meaning.side() == Side::Producer || self.side == Some(Side::Producer))
    }

    fn is_for_consumer(&self) -> bool {
        let of_consumer =
            matches!(self.meaning.side(), Side::Consumer) && !matches!(self.meaning, Meaning::Workers);
        !self.dead_letter && (of_consumer || (self.side == Some(Side::Consumer)))
    }
}

/// Fills producers and the consumer of `owner` from `settings`. Returns how many were recognised, and the
/// settings that have a meaning only if other documents show that the owner uses Kafka.
pub(super) fn apply(settings: &[Setting], owner: &Owner, parts: &mut Parts) -> (usize, Vec<Setting>) {
    let mentions = settings.iter().any(|s| {
        let may = s
            .name
            .as_bytes()
            .windows(5)
            .any(|w| w.eq_ignore_ascii_case(b"kafka"));
        may && words::of(&s.name).iter().any(|w| w == "kafka")
    });
    // A file with Kafka's own properties without any prefix is a client's properties file. A worker of Kafka
    // Connect names its own group, and its clients' settings have a prefix.
    let is_connect = settings.iter().any(|s| {
        ["keyconverter", "configstoragetopic"]
            .iter()
            .any(|name| folds_to(&s.name, name))
    });
    let client_file = !is_connect
        && settings.iter().any(|s| {
            !words::is_variable(&s.name)
                && PROPERTIES
                    .iter()
                    .any(|(name, _, alone)| *alone == Yes && folds_to(&s.name, name))
        });
    if !settings
        .iter()
        .any(|s| understand(s, true, client_file).is_some())
    {
        return (0, Vec::new());
    }
    let context = mentions || client_file || parts_exist(owner, parts);
    let mut known: Vec<Parsed<'_>> = Vec::new();
    let mut open: Vec<Setting> = Vec::new();
    for setting in settings {
        match understand(setting, context, client_file) {
            Some(one) if !one.admin => known.push(one),
            Some(_) => {}
            None if !context && understand(setting, true, client_file).is_some_and(|k| !k.admin) => {
                open.push(setting.clone());
            }
            None => {}
        }
    }
    if known.is_empty() {
        return (0, open);
    }
    let consumes = known.iter().any(Parsed::is_for_consumer)
        || parts
            .consumers
            .iter()
            .any(|c| parts::same_owner(&c.owner, owner) && !is_only_workers(c));
    let produces = known.iter().any(Parsed::is_for_producer)
        || parts
            .producers
            .iter()
            .any(|p| p.role == ProducerRole::Main && parts::same_owner(&p.owner, owner));
    let java = known.iter().any(|k| k.java);
    let mut count = 0;
    for item in &known {
        if place(item, owner, parts, (consumes, produces)) {
            count += 1;
        } else if item.meaning.side() == Side::Either && !consumes && !produces {
            open.push(item.setting.clone());
        }
    }
    if java {
        name_client(owner, parts, &known);
    }
    (count, open)
}

/// Whether only workers are known about a consumer: they may belong to anything.
fn is_only_workers(consumer: &Consumer) -> bool {
    consumer.group.is_none()
        && consumer.topics.is_empty()
        && consumer.client.is_none()
        && consumer.auto_commit.is_none()
        && consumer.session_timeout.is_none()
}

fn parts_exist(owner: &Owner, parts: &Parts) -> bool {
    parts.consumers.iter().any(|c| parts::same_owner(&c.owner, owner))
        || parts.producers.iter().any(|p| parts::same_owner(&p.owner, owner))
}

/// What a name says by itself.
#[derive(Debug, Clone, Copy)]
struct Name {
    meaning: Meaning,
    alone: Alone,
    side: Option<Side>,
    /// Whether it mentions Kafka.
    kafka: bool,
    dead_letter: bool,
    bare_workers: bool,
    admin: bool,
    spring: bool,
}

/// The meaning of a setting for Kafka, if any.
fn understand(setting: &Setting, context: bool, client_file: bool) -> Option<Parsed<'_>> {
    thread_local! {
        static KNOWN: Memo<Option<Name>> = Memo::default();
    }
    let name = KNOWN.with(|known| known.get(&setting.name, Name::of))?;
    let speaks = name.kafka
        || name.alone == Yes
        || client_file
        || (context && (name.side.is_some() || name.dead_letter || name.bare_workers));
    let java = name.spring
        || (name.meaning == Meaning::Serializer && setting.value.value.starts_with("org.apache.kafka."));
    speaks.then_some(Parsed {
        setting,
        meaning: name.meaning,
        side: name.side,
        dead_letter: name.dead_letter,
        admin: name.admin,
        java,
    })
}

impl Name {
    /// `None` for a name that means nothing for Kafka.
    fn of(name: &str) -> Option<Name> {
        let mut words = words::of(name);
        // `ORDERS_KAFKA_ACKS`, `app.kafka.acks`: an application's own name in front has no meaning.
        let kafka_at = words.iter().take(3).position(|w| w == "kafka");
        if let Some(at) = kafka_at {
            let spring = words.first().is_some_and(|w| w == "spring");
            words.drain(..at);
            if spring {
                words.insert(0, "spring".to_owned());
            }
        }
        let ((meaning, alone), scope) = words::strip(
            &words,
            |word| SCOPES.contains(&word),
            |rest| {
                PROPERTIES
                    .iter()
                    .find(|(name, ..)| *name == rest)
                    .map(|(_, meaning, alone)| (*meaning, *alone))
            },
        )?;
        let said = |names: &[&str]| scope.iter().any(|w| names.contains(&w.as_str()));
        let side = if said(&["producer", "producers"]) {
            Some(Side::Producer)
        } else if said(&["consumer", "consumers", "listener"]) {
            Some(Side::Consumer)
        } else {
            None
        };
        let spring = scope.first().is_some_and(|w| w == "spring");
        if spring && kafka_at.is_none() {
            return None;
        }
        Some(Name {
            meaning,
            alone,
            side,
            kafka: kafka_at.is_some(),
            dead_letter: said(&["dlq", "dlt", "dead", "deadletter"]),
            bare_workers: meaning == Meaning::Workers && BARE_WORKERS.contains(&words.concat().as_str()),
            admin: said(&["admin"]),
            spring,
        })
    }
}

/// Puts a setting in its place. `sides`: whether the owner consumes, whether it produces.
fn place(item: &Parsed<'_>, owner: &Owner, parts: &mut Parts, sides: (bool, bool)) -> bool {
    let span = item.setting.name_span;
    let (consumes, produces) = sides;
    if item.dead_letter && matches!(item.meaning, Meaning::Topics | Meaning::OutputTopics) {
        let Some(topic) = topics(item).into_iter().next() else {
            return false;
        };
        if consumes || !produces {
            set(&mut parts::consumer_mut(parts, owner, span).dead_letter, topic);
        } else {
            parts::producer_mut(parts, owner, ProducerRole::DeadLetter, span).topics = vec![topic];
        }
        return true;
    }
    let side = match (item.meaning.side(), item.side) {
        (Side::Either, Some(side)) => side,
        (Side::Either, None) if consumes => Side::Consumer,
        (Side::Either, None) if produces => Side::Producer,
        (side, _) => side,
    };
    match side {
        Side::Producer => {
            let role = if item.dead_letter {
                ProducerRole::DeadLetter
            } else {
                ProducerRole::Main
            };
            fill_producer(item, || parts::producer_mut(parts, owner, role, span))
        }
        Side::Consumer => fill_consumer(item, || parts::consumer_mut(parts, owner, span)),
        Side::Either => false,
    }
}

/// Sets the client library if the settings show that it is the Java one.
fn name_client(owner: &Owner, parts: &mut Parts, known: &[Parsed<'_>]) {
    let Some(sign) = known.iter().find(|k| k.java) else {
        return;
    };
    // Facts from the names of settings are as certain as the settings.
    let client = Fact::declared(KafkaClient::Java, sign.setting.name_span);
    for producer in parts
        .producers
        .iter_mut()
        .filter(|p| parts::same_owner(&p.owner, owner))
    {
        parts::fill(&mut producer.client, Some(client.clone()));
    }
    for consumer in parts
        .consumers
        .iter_mut()
        .filter(|c| parts::same_owner(&c.owner, owner))
    {
        parts::fill(&mut consumer.client, Some(client.clone()));
    }
}

fn fill_producer<'e>(item: &Parsed<'_>, producer: impl FnOnce() -> &'e mut Producer) -> bool {
    match item.meaning {
        Meaning::Acks => put(item, Acks::parse, |f| set(&mut producer().acks, f)),
        Meaning::Idempotence => put(item, boolean, |f| set(&mut producer().idempotence, f)),
        Meaning::MaxInFlight => put(item, number, |f| set(&mut producer().max_in_flight, f)),
        Meaning::Retries => put(item, number, |f| set(&mut producer().retries, f)),
        Meaning::DeliveryTimeout => time(item, |f| set(&mut producer().delivery_timeout, f)),
        Meaning::Linger => time(item, |f| set(&mut producer().linger, f)),
        Meaning::Topics | Meaning::OutputTopics => {
            let topics = topics(item);
            let any = !topics.is_empty();
            if any {
                producer().topics = topics;
            }
            any
        }
        Meaning::Serializer => {
            producer();
            true
        }
        _ => false,
    }
}

fn fill_consumer<'e>(item: &Parsed<'_>, consumer: impl FnOnce() -> &'e mut Consumer) -> bool {
    match item.meaning {
        Meaning::Group => put(item, word, |f| set(&mut consumer().group, f)),
        Meaning::InstanceId => put(
            item,
            |t| Some(t.trim().to_owned()).filter(|t| !t.is_empty()),
            |f| set(&mut consumer().instance_id, f),
        ),
        Meaning::Assignors => {
            let found: Vec<Fact<Assignor>> = item
                .setting
                .value
                .value
                .split(',')
                .filter_map(|part| Some(read_as(item, Assignor::parse(part)?)))
                .collect();
            let any = !found.is_empty();
            if any {
                consumer().assignors = found;
            }
            any
        }
        Meaning::Protocol => put(
            item,
            |t| word(t).map(|w| w.to_ascii_lowercase()),
            |f| set(&mut consumer().protocol, f),
        ),
        Meaning::SessionTimeout => time(item, |f| set(&mut consumer().session_timeout, f)),
        Meaning::Heartbeat => time(item, |f| set(&mut consumer().heartbeat, f)),
        Meaning::MaxPollInterval => time(item, |f| set(&mut consumer().max_poll_interval, f)),
        Meaning::MaxPollRecords => put(item, number, |f| set(&mut consumer().max_poll_records, f)),
        Meaning::AutoCommit => put(item, boolean, |f| set(&mut consumer().auto_commit, f)),
        Meaning::Topics | Meaning::InputTopics => {
            let topics = topics(item);
            let any = !topics.is_empty();
            if any {
                consumer().topics = topics;
            }
            any
        }
        Meaning::Workers | Meaning::Consumers => put(item, number, |count: Fact<u32>| {
            let builds = (item.meaning == Meaning::Consumers)
                .then(|| Fact::inferred(true, item.setting.name_span, "the setting counts consumers"));
            let consumer = consumer();
            consumer.workers.retain(|w| w.name != item.setting.name);
            consumer.workers.push(WorkerSetting {
                name: item.setting.name.clone(),
                count,
                builds_consumer: builds,
            });
        }),
        Meaning::Serializer => {
            consumer();
            true
        }
        _ => false,
    }
}

/// Reads the value, and passes it on as a fact if it can be read.
fn put<T>(item: &Parsed<'_>, read: impl FnOnce(&str) -> Option<T>, then: impl FnOnce(Fact<T>)) -> bool {
    match read(&item.setting.value.value) {
        Some(value) => {
            then(read_as(item, value));
            true
        }
        None => false,
    }
}

/// A fact at the setting's value.
fn read_as<T>(item: &Parsed<'_>, value: T) -> Fact<T> {
    Fact {
        value,
        source: item.setting.value.source.clone(),
    }
}

/// Kafka uses milliseconds. A number too small for that, under a name without `ms`, has an unknown unit.
fn time(item: &Parsed<'_>, then: impl FnOnce(Fact<Duration>)) -> bool {
    let named_ms = cofferdam_syntax::tree::fold(&item.setting.name).ends_with("ms");
    let read = |text: &str| {
        if named_ms || matches!(item.meaning, Meaning::Linger) {
            millis(text)
        } else {
            let bare: Option<f64> = text.trim().parse().ok();
            match bare {
                Some(n) if n >= 1000.0 => millis(text),
                Some(_) => None,
                None => duration(text),
            }
        }
    };
    put(item, read, then)
}

fn topics(item: &Parsed<'_>) -> Vec<Fact<String>> {
    let text = item
        .setting
        .value
        .value
        .trim()
        .trim_start_matches('[')
        .trim_end_matches(']');
    text.split(',')
        .filter_map(|part| word(part.trim().trim_matches(['"', '\''])))
        .map(|topic| read_as(item, topic))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::settings_of;
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Parts {
        let mut env = Parts::default();
        apply(&settings_of(pairs), &Owner::named("orders"), &mut env);
        env
    }

    #[test]
    fn common_names_of_variables_mean_client_properties() {
        for name in [
            "KAFKA_PRODUCER_ACKS",
            "KAFKA_ACKS",
            "SPRING_KAFKA_PRODUCER_ACKS",
            "spring.kafka.producer.acks",
            "ORDERS_KAFKA_ACKS",
            "kafka.producer.acks",
            "kafkaProducerAcks",
        ] {
            let env = read(&[(name, "1")]);
            assert_eq!(
                env.producers[0].acks.as_ref().unwrap().value,
                Acks::Leader,
                "{name}"
            );
        }
    }

    #[test]
    fn the_variables_of_the_mitigation_plan_are_one_producer() {
        let env = read(&[
            ("KAFKA_PRODUCER_ACKS", "all"),
            ("KAFKA_PRODUCER_ENABLE_IDEMPOTENCE", "true"),
            ("KAFKA_PRODUCER_MAX_IN_FLIGHT_REQUESTS", "5"),
            ("KAFKA_PRODUCER_RETRIES", "2147483647"),
        ]);
        let [producer] = env.producers.as_slice() else {
            panic!("{:?}", env.producers)
        };
        assert_eq!(producer.acks.as_ref().unwrap().value, Acks::All);
        assert!(producer.idempotence.as_ref().unwrap().value);
        assert_eq!(producer.max_in_flight.as_ref().unwrap().value, 5);
        assert_eq!(producer.retries.as_ref().unwrap().value, 2_147_483_647);
        assert!(env.consumers.is_empty());
    }

    #[test]
    fn a_dead_letter_producer_is_a_second_producer() {
        let env = read(&[
            ("KAFKA_PRODUCER_ACKS", "all"),
            ("KAFKA_DLQ_PRODUCER_ACKS", "1"),
            ("KAFKA_GROUP_ID", "g"),
            ("KAFKA_DLQ_TOPIC", "events-dlq"),
        ]);
        assert_eq!(env.producers.len(), 2);
        assert_eq!(env.producers[1].role, ProducerRole::DeadLetter);
        assert_eq!(env.producers[1].acks.as_ref().unwrap().value, Acks::Leader);
        assert_eq!(env.consumers[0].dead_letter.as_ref().unwrap().value, "events-dlq");
    }

    #[test]
    fn consumer_settings_are_read_with_their_units() {
        let env = read(&[
            ("KAFKA_GROUP_ID", "orders"),
            ("KAFKA_TOPICS", "a, b"),
            ("KAFKA_CONSUMER_SESSION_TIMEOUT_MS", "45000"),
            ("KAFKA_HEARTBEAT_INTERVAL", "3s"),
            ("KAFKA_MAX_POLL_INTERVAL_MS", "300000"),
            ("KAFKA_ENABLE_AUTO_COMMIT", "False"),
            (
                "KAFKA_PARTITION_ASSIGNMENT_STRATEGY",
                "org.apache.kafka.clients.consumer.RangeAssignor,cooperative-sticky",
            ),
            ("KAFKA_SESSION_TIMEOUT", "45"),
            ("WORKER_THREADS", "7"),
        ]);
        let [c] = env.consumers.as_slice() else { panic!() };
        assert_eq!(
            c.topics.iter().map(|t| t.value.as_str()).collect::<Vec<_>>(),
            ["a", "b"]
        );
        assert_eq!(c.session_timeout.as_ref().unwrap().value, Duration::from_secs(45));
        assert_eq!(c.heartbeat.as_ref().unwrap().value, Duration::from_secs(3));
        assert_eq!(
            c.max_poll_interval.as_ref().unwrap().value,
            Duration::from_secs(300)
        );
        assert!(!c.auto_commit.as_ref().unwrap().value);
        assert_eq!(c.assignors.len(), 2);
        assert_eq!(
            (c.workers[0].name.as_str(), c.workers[0].count.value),
            ("WORKER_THREADS", 7)
        );
        assert_eq!(c.workers[0].builds_consumer, None);
    }

    #[test]
    fn a_properties_file_of_a_client_needs_no_prefix() {
        let env = read(&[
            ("bootstrap.servers", "k:9092"),
            (
                "key.serializer",
                "org.apache.kafka.common.serialization.StringSerializer",
            ),
            ("acks", "1"),
            ("retries", "3"),
        ]);
        assert_eq!(env.producers[0].acks.as_ref().unwrap().value, Acks::Leader);
        assert_eq!(env.producers[0].client.as_ref().unwrap().value, KafkaClient::Java);
    }

    #[test]
    fn ambiguous_names_mean_nothing_without_kafka() {
        let env = read(&[
            ("RETRIES", "3"),
            ("GROUP_ID", "1"),
            ("WORKERS", "4"),
            ("NUM_WORKERS", "4"),
            ("TOPIC", "x"),
            ("SESSION_TIMEOUT_MS", "1"),
            ("DEAD_LETTER_TOPIC", "projects/p/topics/t"),
            ("ACKS", "1"),
        ]);
        assert!(env.producers.is_empty() && env.consumers.is_empty(), "{env:?}");
        // A broker's own settings are not a client's.
        let env = read(&[
            ("KAFKA_NUM_PARTITIONS", "3"),
            ("KAFKA_MIN_INSYNC_REPLICAS", "2"),
            ("KAFKA_BROKER_ID", "1"),
            ("KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS", "0"),
        ]);
        assert!(env.producers.is_empty() && env.consumers.is_empty());
    }

    #[test]
    fn workers_next_to_kafka_settings_belong_to_the_consumer_in_code() {
        let env = read(&[("KAFKA_PRODUCER_ACKS", "1"), ("WORKER_THREADS", "7")]);
        assert_eq!(env.consumers[0].workers[0].count.value, 7);
        assert!(env.consumers[0].topics.is_empty() && env.consumers[0].group.is_none());
    }

    #[test]
    fn a_topic_next_to_a_producer_and_workers_belongs_to_the_producer() {
        let env = read(&[
            ("KAFKA_PRODUCER_ACKS", "1"),
            ("WORKER_THREADS", "7"),
            ("KAFKA_TOPIC", "events"),
        ]);
        assert_eq!(env.producers[0].topics[0].value, "events");
        let mut env = Parts::default();
        let owner = Owner::named("orders");
        apply(
            &settings_of(&[("kafka.performance.worker_threads", "7")]),
            &owner,
            &mut env,
        );
        apply(
            &settings_of(&[("KAFKA_PRODUCER_ACKS", "1"), ("KAFKA_TOPIC", "events")]),
            &owner,
            &mut env,
        );
        assert!(env.consumers[0].topics.is_empty());
    }

    #[test]
    fn the_group_of_a_connect_worker_is_not_a_consumer() {
        let env = read(&[
            ("bootstrap.servers", "k:9092"),
            ("group.id", "connect-cluster"),
            ("key.converter", "org.apache.kafka.connect.json.JsonConverter"),
            ("producer.enable.idempotence", "true"),
        ]);
        assert!(env.consumers.is_empty());
        assert!(env.producers[0].idempotence.as_ref().unwrap().value);
    }

    #[test]
    fn a_value_that_a_template_fills_is_unknown() {
        let env = read(&[("KAFKA_ACKS", "${ACKS}"), ("KAFKA_GROUP_ID", "{{ group }}")]);
        assert!(env.producers.is_empty() && env.consumers.is_empty());
    }
}
