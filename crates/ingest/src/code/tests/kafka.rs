//! Consumers in code.

use super::{platform, platform_with, seconds, value};
use cofferdam_model::FileId;
use cofferdam_model::kafka::{Acks, Assignor, CommitOrder, KafkaClient, ProducerRole};
use std::path::Path;
use std::time::Duration;

const CONSUMER: &str = "\
import os, queue, threading
from kafka import KafkaConsumer, KafkaProducer

class OptimizedConsumer:
    def __init__(self, num_workers: int = 4):
        self.num_workers = num_workers
        self.batch_queue = queue.Queue()
        self.done = queue.Queue(maxsize=100)
        self.consumer = KafkaConsumer(
            'platform-events',
            group_id='event-processors',
            enable_auto_commit=False,
            session_timeout_ms=30000,
            max_poll_interval_ms=300000,
            max_poll_records=500,
            partition_assignment_strategy='range,roundrobin',
        )
        self.dlq_producer = KafkaProducer(acks=1, retries=3, linger_ms=10)
        self.producer = KafkaProducer(acks='all', enable_idempotence=True, delivery_timeout_ms=120000)

    def start(self):
        for i in range(self.num_workers):
            threading.Thread(target=self._worker).start()
        while True:
            batch = self.consumer.poll(timeout_ms=1000, max_records=200)
            self.batch_queue.put(batch)
            self.consumer.commit()

    def _worker(self):
        while True:
            batch = self.batch_queue.get()
            self._process(batch)

    def _fail(self, message):
        self.dlq_producer.send('platform-events-dlq', message)
        self.producer.send('results', message)
";

#[test]
fn a_consumer_is_read_with_its_surroundings() {
    let env = platform(CONSUMER);
    let [c] = env.consumers.as_slice() else {
        panic!("{:?}", env.consumers)
    };
    assert_eq!(c.owner.directory.as_deref(), Some(Path::new("services/consumer")));
    assert_eq!(value(&c.client), Some(KafkaClient::KafkaPython));
    assert_eq!(value(&c.group).as_deref(), Some("event-processors"));
    assert_eq!(c.topics[0].value, "platform-events");
    assert_eq!(value(&c.session_timeout), Some(seconds(30)));
    assert_eq!(value(&c.max_poll_interval), Some(seconds(300)));
    assert_eq!(
        value(&c.max_poll_records),
        Some(500),
        "the constructor's, not the poll's"
    );
    assert_eq!(value(&c.auto_commit), Some(false));
    assert_eq!(value(&c.commit_order), Some(CommitOrder::BeforeWork));
    let assignors: Vec<_> = c.assignors.iter().map(|a| a.value).collect();
    assert_eq!(assignors, [Assignor::Range, Assignor::RoundRobin]);
    let buffers: Vec<_> = c
        .buffers
        .iter()
        .map(|b| (b.name.as_str(), value(&b.bound)))
        .collect();
    assert_eq!(buffers, [("batch_queue", None), ("done", Some(100))]);
    assert_eq!(value(&c.dead_letter).as_deref(), Some("platform-events-dlq"));
    let [workers] = c.workers.as_slice() else {
        panic!("{:?}", c.workers)
    };
    assert_eq!((workers.name.as_str(), workers.count.value), ("num_workers", 4));
    assert_eq!(value(&workers.builds_consumer), Some(false));
    assert_eq!(value(&c.workers_build_consumers), Some(false));
    assert_eq!(c.consumers_per_process, None);

    let [dlq, main] = env.producers.as_slice() else {
        panic!("{:?}", env.producers)
    };
    assert_eq!(dlq.role, ProducerRole::DeadLetter);
    assert_eq!(
        (value(&dlq.acks), value(&dlq.retries)),
        (Some(Acks::Leader), Some(3))
    );
    assert_eq!(value(&dlq.linger), Some(Duration::from_millis(10)));
    assert_eq!(dlq.topics[0].value, "platform-events-dlq");
    assert_eq!(main.role, ProducerRole::Main);
    assert_eq!(
        (value(&main.acks), value(&main.idempotence)),
        (Some(Acks::All), Some(true))
    );
    assert_eq!(value(&main.delivery_timeout), Some(seconds(120)));
}

#[test]
fn a_variable_has_the_value_that_the_manifest_sets() {
    let text = "\
import os
from kafka import KafkaConsumer
THREADS = int(os.getenv('WORKER_THREADS', '4'))
c = KafkaConsumer('t', group_id=os.environ['GROUP'], session_timeout_ms=int(os.getenv('SESSION_S', '30')) * 1000)
";
    let env = platform_with(
        &[("WORKER_THREADS", "7"), ("GROUP", "g"), ("SESSION_S", "45")],
        &[("services/consumer/main.py", text)],
    );
    let c = &env.consumers[0];
    assert_eq!(value(&c.group).as_deref(), Some("g"));
    assert_eq!(value(&c.session_timeout), Some(seconds(45)));
    assert_eq!(
        (c.workers[0].name.as_str(), c.workers[0].count.value),
        ("WORKER_THREADS", 7)
    );
    assert_eq!(
        c.workers[0].count.span().unwrap().file,
        FileId(99),
        "the manifest's line"
    );
    let env = platform_with(&[], &[("services/consumer/main.py", text)]);
    let c = &env.consumers[0];
    assert_eq!(c.group, None, "no file tells");
    assert_eq!(value(&c.session_timeout), Some(seconds(30)));
    assert_eq!(c.workers[0].count.value, 4);
    let uses: Vec<_> = env
        .variable_uses
        .iter()
        .map(|u| (u.name.value.as_str(), value(&u.default), u.required))
        .collect();
    assert_eq!(
        uses,
        [
            ("WORKER_THREADS", Some("4".to_owned()), false),
            ("GROUP", None, true),
            ("SESSION_S", Some("30".to_owned()), false)
        ]
    );
}

#[test]
fn consumers_in_a_loop_of_workers_are_counted() {
    let text = "\
import os, threading
from kafka import KafkaConsumer
def work():
    consumer = KafkaConsumer('t', group_id='g')
for i in range(int(os.getenv('WORKERS', '3'))):
    threading.Thread(target=work).start()
";
    let env = platform_with(&[("WORKERS", "12")], &[("services/consumer/main.py", text)]);
    assert_eq!(value(&env.consumers[0].consumers_per_process), Some(12));
}

#[test]
fn a_consumer_without_a_group_is_not_a_member() {
    assert!(
        platform("from kafka import KafkaConsumer\nc = KafkaConsumer('t')")
            .consumers
            .is_empty()
    );
    let confluent =
        "from confluent_kafka import Consumer\nc = Consumer({'group.id': 'g'})\nc.subscribe(['a'])";
    assert_eq!(platform(confluent).consumers[0].topics[0].value, "a");
}

#[test]
fn a_setting_in_code_that_was_not_read_does_not_count_as_unset() {
    let env = platform(
        "\
from sqlalchemy import create_engine
from kafka import KafkaConsumer, KafkaProducer
import os
e = create_engine(u, pool_size=load())
c = KafkaConsumer('t', group_id='g', enable_auto_commit=load(), group_instance_id=f'c-{os.environ[\"HOSTNAME\"]}')
p = KafkaProducer(acks=load())
q = KafkaProducer()
",
    );
    assert!(!env.pools[0].constructed);
    assert_eq!(env.consumers[0].client, None);
    assert_eq!(value(&env.consumers[0].instance_id).as_deref(), Some("c-{…}"));
    assert_eq!(env.producers[0].client, None);
    assert!(env.producers[1].client.is_some());
}
