//! Kafka clients in code: consumers with their context (workers, queues, commits, dead letters), and
//! producers.

use super::found::{FoundConsumer, Parts};
use super::project::Project;
use super::reading::Reading;
use super::resolved::{last, text, texts, whole};
use cofferdam_code::python::clients::{ClientKind, Library};
use cofferdam_code::python::flow::{CommitFlow, WorkOrder, is_dead_letter};
use cofferdam_code::python::found::{ClientCall, TopicUse};
use cofferdam_code::python::value::{HOLE, PyValue, Val};
use cofferdam_code::python::{Dict, Module};
use cofferdam_model::kafka::{
    Acks, Assignor, Buffer, CommitOrder, Consumer, KafkaClient, Producer, ProducerRole, WorkerSetting,
};
use cofferdam_model::{Fact, Span};
use std::time::Duration;

type Field<P, T> = fn(&mut P) -> &mut Option<Fact<T>>;

/// Durations in milliseconds of consumers, by folded name.
const CONSUMER_MILLIS: &[(&str, Field<Consumer, Duration>)] = &[
    ("sessiontimeoutms", |c| &mut c.session_timeout),
    ("heartbeatintervalms", |c| &mut c.heartbeat),
    ("maxpollintervalms", |c| &mut c.max_poll_interval),
];

/// Texts of consumers.
const CONSUMER_TEXTS: &[(&str, Field<Consumer, String>)] = &[
    ("groupid", |c| &mut c.group),
    ("groupinstanceid", |c| &mut c.instance_id),
    ("groupprotocol", |c| &mut c.protocol),
];

/// Durations in milliseconds of producers; librdkafka has its own names.
const PRODUCER_MILLIS: &[(&str, Field<Producer, Duration>)] = &[
    ("deliverytimeoutms", |p| &mut p.delivery_timeout),
    ("messagetimeoutms", |p| &mut p.delivery_timeout),
    ("lingerms", |p| &mut p.linger),
    ("queuebufferingmaxms", |p| &mut p.linger),
];

/// Settings that count workers, by folded name.
const WORKERS: &[&str] = &[
    "workers",
    "numworkers",
    "nworkers",
    "workercount",
    "workerscount",
    "workerthreads",
    "numworkerthreads",
    "threads",
    "numthreads",
    "threadcount",
    "maxworkers",
    "consumerthreads",
    "consumerworkers",
    "numconsumers",
    "consumercount",
    "consumerconcurrency",
    "concurrency",
    "parallelism",
    "processingthreads",
    "workerconcurrency",
    "numprocesses",
    "kafkaconsumerworkers",
    "kafkaworkerthreads",
];

pub(super) fn read(reading: &Reading<'_, '_>, parts: &mut Parts) {
    let consumers: Vec<&ClientCall> = of_kind(&reading.calls, ClientKind::KafkaConsumer).collect();
    let first = parts.consumers.len();
    for call in &consumers {
        if let Some(consumer) = consumer(reading, call, consumers.len() == 1) {
            parts.consumers.push(FoundConsumer {
                consumer,
                class: call.place.class.clone(),
            });
        }
    }
    let found = parts.consumers.len() - first;
    for consumer in &mut parts.consumers[first..] {
        surround(reading, consumer, found == 1);
    }
    for call in of_kind(&reading.calls, ClientKind::KafkaProducer) {
        parts.producers.push(producer(reading, call));
    }
    for call in of_kind(&reading.calls, ClientKind::KafkaApp) {
        parts.consumers.push(FoundConsumer {
            consumer: faust(reading, call),
            class: None,
        });
    }
}

fn of_kind(calls: &[ClientCall], kind: ClientKind) -> impl Iterator<Item = &ClientCall> {
    calls.iter().filter(move |c| c.kind == kind)
}

/// The client library, whose defaults apply to missing arguments of the constructor. If an important setting
/// may be set elsewhere, no default may be assumed and the library is left open.
fn client(reading: &Reading<'_, '_>, call: &ClientCall, matters: &str) -> Option<Fact<KafkaClient>> {
    if call.open || reading.is_hidden(call, matters) {
        return None;
    }
    let client = match call.library {
        Library::KafkaPython => KafkaClient::KafkaPython,
        Library::Confluent => KafkaClient::Librdkafka,
        Library::AioKafka | Library::Faust => KafkaClient::AioKafka,
        _ => return None,
    };
    let why = format!("the code builds {}", call.constructor);
    Some(Fact::inferred(client, call.callee_span, why))
}

fn millis(value: &Val) -> Option<Duration> {
    value.as_millis()
}

fn consumer(reading: &Reading<'_, '_>, call: &ClientCall, only: bool) -> Option<Consumer> {
    let mut consumer = Consumer::at(call.span, reading.owner.clone());
    consumer.client = client(reading, call, "enableautocommit");
    for (name, field) in CONSUMER_TEXTS {
        *field(&mut consumer) = reading.arg(call, &[name], text);
    }
    if let (None, Some(arg)) = (&consumer.instance_id, call.arg("groupinstanceid"))
        && !arg.value.is_none()
    {
        // Usually the pod's own name: its value does not matter, only that there is one.
        let known = reading.resolve(&arg.value).map(|k| k.value.value);
        let id = match &known {
            Some(PyValue::Partial(text)) => text.replace(HOLE, "{…}"),
            _ => "{…}".to_owned(),
        };
        consumer.instance_id = Some(Fact::inferred(id, arg.span, "the code creates one at run time"));
    }
    let group = call.arg("groupid");
    let has_default_group = matches!(call.library, Library::KafkaPython | Library::AioKafka);
    if has_default_group && !call.open && group.is_none_or(|g| g.value.is_none()) {
        // Without a group it assigns partitions manually and commits nothing: it is not a member.
        return None;
    }
    for (name, field) in CONSUMER_MILLIS {
        *field(&mut consumer) = reading.arg(call, &[name], millis);
    }
    consumer.max_poll_records = reading
        .arg(call, &["maxpollrecords"], whole)
        .or_else(|| poll_size(reading, call, only));
    let stores_by_hand = reading
        .arg(call, &["enableautooffsetstore"], Val::as_bool)
        .is_some_and(|f| !f.value);
    if !stores_by_hand {
        consumer.auto_commit = reading.arg(call, &["enableautocommit", "autocommitenable"], Val::as_bool);
    }
    consumer.assignors = assignors(reading, call);
    consumer.topics = topics(reading, call, only);
    if let Some(repeat) = &call.place.repeated
        && let Some(count) = repeat.count.as_ref().and_then(|c| reading.resolve(c))
    {
        // The number as written; a variable's source shows where it is set.
        consumer.consumers_per_process = count.fact(whole).map(|f| match f.source {
            cofferdam_model::Source::Inferred { span, .. } => Fact::inferred(
                f.value,
                span,
                "the code builds a consumer in each iteration of a loop",
            ),
            _ => f,
        });
    }
    Some(consumer)
}

/// The largest batch that one poll asks for.
fn poll_size(reading: &Reading<'_, '_>, call: &ClientCall, only: bool) -> Option<Fact<u32>> {
    let mine = |client: &str| only || call.assigned.as_deref().is_some_and(|a| last(a) == last(client));
    reading
        .module
        .poll_sizes
        .iter()
        .filter(|(client, _)| mine(client))
        .filter_map(|(_, size)| reading.resolve(size)?.fact(whole))
        .max_by_key(|f| f.value)
}

fn assignors(reading: &Reading<'_, '_>, call: &ClientCall) -> Vec<Fact<Assignor>> {
    let Some(arg) = call.arg("partitionassignmentstrategy") else {
        return Vec::new();
    };
    let why = "the consumer's constructor sets it";
    match &arg.value.value {
        // kafka-python takes classes, all others take names.
        PyValue::List(items) => items
            .iter()
            .filter_map(|item| {
                let name = match &item.value {
                    PyValue::Ref(name) => &**name,
                    _ => item.as_str()?,
                };
                Some(Fact::inferred(Assignor::parse(name)?, item.span, why))
            })
            .collect(),
        _ => {
            let Some(known) = reading.resolve(&arg.value) else {
                return Vec::new();
            };
            texts(&known)
                .into_iter()
                .filter_map(|t| {
                    let assignor = Assignor::parse(&t.value)?;
                    Some(t.map(|_| assignor))
                })
                .collect()
        }
    }
}

fn topics(reading: &Reading<'_, '_>, call: &ClientCall, only: bool) -> Vec<Fact<String>> {
    let mut topics: Vec<Fact<String>> = call
        .args
        .iter()
        .filter(|a| a.name.parse::<usize>().is_ok())
        .filter_map(|a| reading.resolve(&a.value))
        .flat_map(|known| texts(&known))
        .collect();
    let reads = |u: &&TopicUse| {
        !u.sends
            && (only || {
                let same_name = call
                    .assigned
                    .as_deref()
                    .is_some_and(|a| last(a) == last(&u.client));
                same_name && u.class == call.place.class
            })
    };
    for topic_use in reading.module.topic_uses.iter().filter(reads) {
        for topic in &topic_use.topics {
            topics.extend(reading.resolve(topic).iter().flat_map(texts));
        }
    }
    let mut seen = Vec::new();
    topics.retain(|t| {
        let new = !seen.contains(&t.value);
        seen.push(t.value.clone());
        new
    });
    topics
}

/// The context of a consumer in its module.
fn surround(reading: &Reading<'_, '_>, found: &mut FoundConsumer, only: bool) {
    let module = reading.module;
    let same_class = |class: &Option<String>| only || *class == found.class;
    let flows: Vec<&CommitFlow> = module.commits.iter().filter(|c| same_class(&c.class)).collect();
    found.consumer.commit_order = commit_order(&flows);
    found.consumer.buffers = buffers(reading, |class| same_class(class));
    found.consumer.dead_letter = dead_letter(reading);
    let calls = of_kind(&reading.calls, ClientKind::KafkaConsumer);
    let call = calls.into_iter().find(|c| c.span == found.consumer.span);
    let builds = call.and_then(builds_consumer);
    found.consumer.workers = workers(reading, builds.clone());
    // A worker setting that only a manifest names means the same workers.
    let none_of_its_own = builds.as_ref().is_some_and(|b| !b.value);
    if none_of_its_own && spawns_workers(module) {
        found.consumer.workers_build_consumers = builds;
    }
}

/// Whether each worker builds a consumer, by the place of the constructor.
fn builds_consumer(call: &ClientCall) -> Option<Fact<bool>> {
    match &call.place.repeated {
        Some(repeat) => Some(Fact::inferred(
            true,
            repeat.span,
            "the code builds a consumer in each iteration of this loop",
        )),
        None => Some(Fact::inferred(
            false,
            call.span,
            "the code builds this consumer once, outside any loop of workers",
        )),
    }
}

fn spawns_workers(module: &Module) -> bool {
    module.spawns || of_kind(&module.calls, ClientKind::Executor).next().is_some()
}

/// The worst of several commits counts: one that runs before the work loses messages whatever the others do.
fn commit_order(flows: &[&CommitFlow]) -> Option<Fact<CommitOrder>> {
    let worst = flows.iter().max_by_key(|f| f.order)?;
    let (order, why) = match worst.order {
        WorkOrder::AfterWork => (
            CommitOrder::AfterWork,
            "the commit comes after the work in the code",
        ),
        WorkOrder::EvenAfterFailure => (
            CommitOrder::BeforeWork,
            "the commit is also reached after failed work",
        ),
        WorkOrder::HandedOver => (
            CommitOrder::BeforeWork,
            "at the commit the messages have only been passed to a queue or thread of this process",
        ),
        WorkOrder::BeforeWork => (
            CommitOrder::BeforeWork,
            "the commit comes before the work in the code",
        ),
    };
    Some(Fact::inferred(order, worst.span, why))
}

/// A module that commits for a consumer that another module of its directory builds.
pub(super) fn commits_of_other_modules(project: &Project<'_>, parts: &mut Parts) {
    for module in project.services() {
        let own = of_kind(&module.calls, ClientKind::KafkaConsumer).next().is_some();
        let flows: Vec<&CommitFlow> = module.commits.iter().collect();
        let (false, Some(order)) = (own, commit_order(&flows)) else {
            continue;
        };
        let directory = module.path.parent();
        let mut same = parts
            .consumers
            .iter_mut()
            .filter(|c| c.consumer.owner.directory.as_deref() == directory);
        if let (Some(one), None) = (same.next(), same.next())
            && one.consumer.commit_order.is_none()
        {
            one.consumer.commit_order = Some(order);
        }
    }
}

fn buffers(reading: &Reading<'_, '_>, mine: impl Fn(&Option<String>) -> bool) -> Vec<Buffer> {
    let mut buffers = Vec::new();
    for call in of_kind(&reading.calls, ClientKind::Queue) {
        let Some(name) = call.assigned.as_deref().map(last) else {
            continue;
        };
        let folded = cofferdam_syntax::tree::fold(name);
        let is_deque = call.constructor.ends_with("deque");
        let holds_work = ["queue", "buffer", "batch", "pending", "backlog", "inbox"]
            .iter()
            .any(|w| folded.contains(w));
        // The length of a queue of results is limited by the queue of work.
        let of_results = reading.module.result_queues.contains(name);
        if !mine(&call.place.class) || of_results || call.open || is_deque && !holds_work {
            continue;
        }
        let bound = match call.any_arg(&["maxsize", "maxlen"]) {
            None => None,
            Some(arg) if arg.value.is_none() => None,
            Some(arg) => {
                let Some(fact) = reading.fact(Some(arg), Val::as_i64) else {
                    // Set, to a value that no file contains.
                    continue;
                };
                u64::try_from(fact.value)
                    .ok()
                    .filter(|n| *n > 0)
                    .map(|n| fact.map(|_| n))
            }
        };
        buffers.push(Buffer {
            name: name.to_owned(),
            span: call.span,
            bound,
        });
    }
    buffers
}

/// The topic of messages that could not be processed: the topic with such a name to which messages are sent,
/// otherwise a setting that names it.
fn dead_letter(reading: &Reading<'_, '_>) -> Option<Fact<String>> {
    let sent = reading
        .module
        .topic_uses
        .iter()
        .filter(|u| u.sends)
        .find_map(|u| {
            let topic = reading.resolve(u.topics.first()?)?;
            let topic = texts(&topic).into_iter().next()?;
            (is_dead_letter(&topic.value) || is_dead_letter(&u.client)).then_some(topic)
        });
    sent.or_else(|| {
        let mut found = None;
        each_setting(&reading.module.settings, 0, &mut |name, value, _| {
            let folded = cofferdam_syntax::tree::fold(name);
            if found.is_none() && is_dead_letter(name) && folded.contains("topic") {
                found = reading.resolve(value).and_then(|k| k.fact(text));
            }
        });
        found
    })
}

fn workers(reading: &Reading<'_, '_>, builds: Option<Fact<bool>>) -> Vec<WorkerSetting> {
    let mut workers: Vec<WorkerSetting> = Vec::new();
    let mut push = |name: &str, value: &Val| {
        let Some(count) = reading.resolve(value).and_then(|k| k.fact(whole)) else {
            return;
        };
        if count.value == 0 || workers.iter().any(|w| w.name == name) {
            return;
        }
        workers.push(WorkerSetting {
            name: name.to_owned(),
            count,
            builds_consumer: builds.clone(),
        });
    };
    each_setting(&reading.module.settings, 0, &mut |name, value, _| {
        if WORKERS.contains(&cofferdam_syntax::tree::fold(name).as_str()) {
            // Other files refer to a variable by its own name.
            match value.env() {
                Some(env) => push(&env.name, value),
                None => push(name, value),
            }
        }
    });
    workers
}

/// Calls `f` with every scalar setting: its name, value, and the place of its name.
pub(super) fn each_setting<'v>(dict: &'v Dict, depth: u8, f: &mut dyn FnMut(&'v str, &'v Val, Span)) {
    for item in &dict.items {
        match &item.value.value {
            PyValue::Dict(inner) if depth < 12 => each_setting(inner, depth + 1, f),
            _ => f(&item.key, &item.value, item.key_span),
        }
    }
}

fn producer(reading: &Reading<'_, '_>, call: &ClientCall) -> Producer {
    let sends: Vec<&TopicUse> = reading
        .module
        .topic_uses
        .iter()
        .filter(|u| u.sends)
        .filter(|u| {
            call.assigned
                .as_deref()
                .is_some_and(|a| last(a) == last(&u.client))
        })
        .collect();
    let topics: Vec<Fact<String>> = sends
        .iter()
        .flat_map(|u| &u.topics)
        .filter_map(|t| reading.resolve(t))
        .flat_map(|known| texts(&known))
        .collect();
    let named = [&call.assigned, &call.place.function, &call.place.class]
        .into_iter()
        .flatten()
        .any(|n| is_dead_letter(n));
    let only_dead = !topics.is_empty() && topics.iter().all(|t| is_dead_letter(&t.value));
    let role = if named || only_dead {
        ProducerRole::DeadLetter
    } else {
        ProducerRole::Main
    };
    let mut producer = Producer::at(call.span, reading.owner.clone(), role);
    producer.client = client(reading, call, "acks");
    producer.topics = topics;
    producer.acks = reading.arg(call, &["acks", "requestrequiredacks", "requiredacks"], |v| {
        Acks::parse(&v.scalar_text()?)
    });
    producer.idempotence = reading.arg(call, &["enableidempotence"], Val::as_bool);
    producer.max_in_flight = reading.arg(call, &["maxinflightrequestsperconnection", "maxinflight"], whole);
    producer.retries = reading.arg(call, &["retries", "messagesendmaxretries"], |v| {
        u64::try_from(v.as_i64()?).ok()
    });
    for (name, field) in PRODUCER_MILLIS {
        let slot = field(&mut producer);
        if slot.is_none() {
            *slot = reading.arg(call, &[name], millis);
        }
    }
    producer
}

/// A faust application is a member of the group with its name; it acknowledges a message after its stream has
/// processed it.
fn faust(reading: &Reading<'_, '_>, call: &ClientCall) -> Consumer {
    let mut consumer = Consumer::at(call.span, reading.owner.clone());
    consumer.client = client(reading, call, "id");
    consumer.group = reading.arg(call, &["id"], text);
    consumer.auto_commit = Some(Fact::inferred(
        false,
        call.callee_span,
        "faust commits messages after its streams have processed them",
    ));
    consumer
}
