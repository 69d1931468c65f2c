//! Members of groups, producers and topics of Kafka.

use super::{autoscaler, coded, consumer_in, declared, deployment, env, in_file, span};
use crate::alerts::{Alert, Timing};
use crate::kafka::{Consumer, KafkaClient, Producer, ProducerRole, Topic, WorkerSetting};
use crate::link::link;
use crate::owner::Owner;
use crate::scaling::{MetricKind, ScalingMetric};
use crate::source::{Fact, Texts};
use std::time::Duration;

pub(super) fn topic(name: &str) -> Topic {
    Topic {
        name: Fact::declared(name.to_owned(), span(5)),
        partitions: None,
        replication_factor: None,
        min_insync_replicas: None,
        retention: None,
        peak_rate: None,
        said: Default::default(),
    }
}

// --- consumers, producers, pools ---

#[test]
fn a_group_in_a_shared_variable_belongs_to_the_service_whose_code_is_a_member() {
    let mut env = env("production");
    env.workloads = vec![deployment("collector"), deployment("web")];
    let mut code = consumer_in("services/collector", "collectors");
    code.client = coded(KafkaClient::AioKafka);
    code.group = Some(Fact::declared("collectors".to_owned(), in_file(1)));
    let mut shared = Consumer::at(in_file(1), Owner::named("web"));
    shared.group = Some(Fact::declared("collectors".to_owned(), in_file(1)));
    env.consumers = vec![code.clone(), shared.clone()];
    link(&mut env);
    assert_eq!(env.consumers.len(), 2, "the code of web was not read");
    let mut other = Producer::at(in_file(3), Owner::named("web"), ProducerRole::Main);
    other.client = coded(KafkaClient::AioKafka);
    env.producers = vec![other];
    env.consumers = vec![code, shared];
    link(&mut env);
    assert_eq!(env.consumers.len(), 1);
    assert_eq!(env.owner_name(&env.consumers[0].owner), "collector");
}

#[test]
fn a_group_in_code_and_settings_is_one_consumer_and_settings_override_code() {
    let mut env = env("production");
    env.workloads = vec![deployment("collector"), deployment("web")];
    let mut code = consumer_in("services/collector", "collectors");
    code.client = coded(KafkaClient::AioKafka);
    code.max_poll_records = coded(500);
    code.session_timeout = coded(Duration::from_secs(30));
    let mut settings = Consumer::at(in_file(1), Owner::named("collector"));
    settings.group = declared("collectors".to_owned());
    settings.max_poll_records = declared(1000);
    settings.workers = vec![WorkerSetting {
        name: "CONSUMER_THREADS".to_owned(),
        count: Fact::declared(12, in_file(1)),
        builds_consumer: None,
    }];
    let mut elsewhere = Consumer::at(in_file(2), Owner::named("web"));
    elsewhere.group = Some(Fact::declared("collectors".to_owned(), in_file(2)));
    env.consumers = vec![settings, code, elsewhere];
    link(&mut env);
    assert_eq!(env.consumers.len(), 2);
    let one = &env.consumers[0];
    assert_eq!(one.span, in_file(9));
    assert_eq!(one.max_poll_records.as_ref().map(|f| f.value), Some(1000));
    assert_eq!(
        one.session_timeout.as_ref().map(|f| f.value),
        Some(Duration::from_secs(30))
    );
    assert_eq!(one.workers.len(), 1);
}

#[test]
fn two_consumers_in_code_stay_two_and_share_what_the_settings_add() {
    let mut env = env("production");
    env.workloads = vec![deployment("collector")];
    let mut first = consumer_in("services/collector", "g");
    first.max_poll_records = coded(10);
    let second = consumer_in("services/collector", "g");
    let mut settings = Consumer::at(in_file(1), Owner::named("collector"));
    settings.max_poll_records = declared(1000);
    env.consumers = vec![first, second, settings];
    link(&mut env);
    let records: Vec<_> = env
        .consumers
        .iter()
        .map(|c| c.max_poll_records.as_ref().map(|f| f.value))
        .collect();
    assert_eq!(records, [Some(10), Some(1000)]);
}

#[test]
fn statements_about_consumers_apply_to_all_of_the_service_and_create_none() {
    let mut env = env("production");
    env.workloads = vec![deployment("collector"), deployment("web")];
    let statement = |service: &str| {
        let mut stated = Consumer::at(in_file(7), Owner::named(service));
        stated.time_per_record = Some(Fact::stated(Duration::from_millis(5), in_file(7)));
        stated.workers_build_consumers = Some(Fact::stated(true, in_file(7)));
        stated
    };
    let mut first = consumer_in("services/collector", "g");
    first.time_per_record = coded(Duration::from_millis(1));
    first.workers = vec![WorkerSetting {
        name: "WORKERS".to_owned(),
        count: Fact::declared(12, in_file(1)),
        builds_consumer: None,
    }];
    env.consumers = vec![
        first,
        consumer_in("services/collector", "h"),
        statement("collector"),
        statement("web"),
    ];
    link(&mut env);
    assert_eq!(env.consumers.len(), 2);
    for consumer in &env.consumers {
        assert_eq!(
            consumer.time_per_record.as_ref().map(|t| t.value),
            Some(Duration::from_millis(5))
        );
    }
    assert_eq!(
        env.consumers[0].workers[0]
            .builds_consumer
            .as_ref()
            .map(|b| b.value),
        Some(true)
    );
}

#[test]
fn producers_join_by_owner_and_role() {
    let mut env = env("production");
    env.workloads = vec![deployment("collector")];
    let producer = |file, role| Producer::at(in_file(file), Owner::named("collector"), role);
    let mut code = producer(9, ProducerRole::Main);
    code.client = coded(KafkaClient::Librdkafka);
    let mut settings = producer(1, ProducerRole::Main);
    settings.linger = declared(Duration::from_millis(5));
    env.producers = vec![code, settings, producer(1, ProducerRole::DeadLetter)];
    link(&mut env);
    assert_eq!(env.producers.len(), 2);
    assert!(env.producers[0].linger.is_some());
}

// --- topics ---

#[test]
fn topics_are_found_and_undeclared_topics_are_reported() {
    let mut env = env("production");
    env.workloads = vec![deployment("collector")];
    env.topics = vec![topic("platform-events"), topic("audit")];
    let mut consumer = consumer_in("services/collector", "g");
    consumer.topics = ["platform-events", "platform-event", "^metrics-.*", "${TOPIC}"]
        .into_iter()
        .map(|t| Fact::declared(t.to_owned(), span(9)))
        .collect();
    env.consumers.push(consumer);
    let mut hpa = autoscaler("KEDA ScaledObject", None, (None, None));
    hpa.metrics.push(ScalingMetric {
        name: Fact::declared("kafka".to_owned(), span(4)),
        kind: MetricKind::External,
        target: None,
        topic: declared("events".to_owned()),
        group: None,
        labels: Texts::new(),
    });
    env.autoscalers.push(hpa);
    link(&mut env);
    assert_eq!(env.consumers[0].topic_ids, [crate::TopicId(0)]);
    let told: Vec<_> = env
        .dangling
        .iter()
        .map(|d| (d.subject.as_str(), d.name.value.as_str(), d.nearest.as_deref()))
        .collect();
    assert_eq!(
        told,
        [
            ("KEDA ScaledObject scaler", "events", None),
            ("consumer group g", "platform-event", Some("platform-events")),
        ]
    );
}

#[test]
fn without_any_declared_topic_no_name_is_missing() {
    let mut env = env("production");
    let mut consumer = consumer_in("services/collector", "g");
    consumer.topics = vec![Fact::declared("events".to_owned(), span(9))];
    env.consumers.push(consumer);
    link(&mut env);
    assert!(env.dangling.is_empty());
}

#[test]
fn stated_topics_are_not_a_complete_list() {
    let mut env = env("production");
    env.topics = vec![topic("platform-events")];
    env.topics[0].name = Fact::stated("platform-events".to_owned(), span(5));
    let mut consumer = consumer_in("services/collector", "g");
    consumer.topics = ["events", "platform-event"]
        .map(|t| Fact::declared(t.to_owned(), span(9)))
        .to_vec();
    env.consumers.push(consumer);
    link(&mut env);
    // The name that differs by one letter, and not with certainty.
    assert_eq!(env.dangling.len(), 1);
    assert_eq!(
        (env.dangling[0].name.value.as_str(), env.dangling[0].certain),
        ("platform-event", false)
    );
}

#[test]
fn an_alert_on_a_misspelt_topic_is_only_likely() {
    let mut env = env("production");
    env.workloads = vec![deployment("platform-event-api")];
    env.topics = vec![topic("platform-events")];
    let alert = |signal: &str, value: &str| Alert {
        name: Fact::declared("lag".to_owned(), span(0)),
        span: span(0),
        owner: Owner::default(),
        severity: None,
        labels: std::collections::BTreeMap::new(),
        enabled: None,
        query: None,
        signals: vec![Fact::declared(signal.to_owned(), span(0))],
        selects: vec![Fact::declared(value.to_owned(), span(0))],
        threshold: None,
        timing: Timing::Generic {
            product: None,
            window: None,
            interval: None,
            hold: None,
        },
        notifies: Vec::new(),
        promised: None,
    };
    env.alerts = vec![
        alert("kafka_consumer_lag", "platform-evnts"),
        alert("kafka_consumer_lag", "platform-event-api"),
        alert("http_errors", "platform-evnts"),
    ];
    link(&mut env);
    assert_eq!(env.dangling.len(), 1);
    assert_eq!(
        (env.dangling[0].name.value.as_str(), env.dangling[0].certain),
        ("platform-evnts", false)
    );
}

#[test]
fn a_group_without_a_topic_reads_the_only_topic() {
    let read = |topics: &[&str]| {
        let mut env = env("production");
        env.workloads = vec![deployment("collector")];
        env.topics = topics.iter().map(|name| topic(name)).collect();
        env.consumers.push(consumer_in("services/collector", "g"));
        link(&mut env);
        env.consumers[0].topic_ids.clone()
    };
    assert_eq!(read(&["events-dlq", "events"]), [crate::TopicId(1)]);
    assert_eq!(read(&["events", "audit"]), []);
    assert_eq!(read(&["events-dlq"]), []);
}
