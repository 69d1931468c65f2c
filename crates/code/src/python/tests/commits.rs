//! The order of commits of offsets and the work before them.

use super::{at, call, module};
use crate::python::*;

fn order(text: &str) -> Vec<(WorkOrder, String)> {
    module(text)
        .commits
        .iter()
        .map(|c| (c.order, at(text, c.work).to_owned()))
        .collect()
}

#[test]
fn a_commit_depends_on_the_work_before_it() {
    let after = "\
from confluent_kafka import Consumer
consumer = Consumer({})
while True:
    pass
def run():
    while True:
        msg = consumer.poll(1.0)
        process(msg)
        consumer.commit(msg)
";
    assert_eq!(order(after), [(WorkOrder::AfterWork, "process(msg)".to_owned())]);
    let before = "\
def run(kafka_consumer):
    while True:
        msg = kafka_consumer.poll(1.0)
        kafka_consumer.commit(msg)
        process(msg)
";
    assert_eq!(
        order(before),
        [(WorkOrder::BeforeWork, "process(msg)".to_owned())]
    );
    // In no function, and with the work in an assignment.
    let own_loop = "\
from confluent_kafka import Consumer
consumer = Consumer({})
while True:
    msg = consumer.poll(1.0)
    if msg is None:
        continue
    consumer.commit(msg)
    html = render(msg)
";
    assert_eq!(
        order(own_loop),
        [(WorkOrder::BeforeWork, "render(msg)".to_owned())]
    );
    let main = own_loop
        .replace("while True", "def main():\n  while True")
        .replace("\n    ", "\n      ");
    let called = format!("{main}\nif __name__ == '__main__':\n    main()\n");
    assert_eq!(order(&called), order(own_loop));
    let swallowed = "\
def run(kafka_consumer):
    for msg in kafka_consumer:
        try:
            handle(msg)
        except Exception as e:
            logger.error('failed', e)
        kafka_consumer.commit()
";
    assert_eq!(
        order(swallowed),
        [(WorkOrder::EvenAfterFailure, "handle(msg)".to_owned())]
    );
    let dead_letter = "\
def run(kafka_consumer):
    for msg in kafka_consumer:
        try:
            handle(msg)
        except Exception as e:
            self.dlq_producer.send('dlq', msg)
        kafka_consumer.commit()
";
    assert_eq!(
        order(dead_letter),
        [(WorkOrder::AfterWork, "handle(msg)".to_owned())]
    );
    let raised = swallowed.replace("logger.error('failed', e)", "raise");
    assert_eq!(order(&raised), [(WorkOrder::AfterWork, "handle(msg)".to_owned())]);
    let finally = "\
def run(kafka_consumer):
    for msg in kafka_consumer:
        try:
            handle(msg)
        finally:
            kafka_consumer.commit()
";
    assert_eq!(
        order(finally),
        [(WorkOrder::EvenAfterFailure, "handle(msg)".to_owned())]
    );
}

#[test]
fn a_commit_after_a_put_into_a_queue_is_found_through_methods() {
    let text = "\
import queue, threading
from kafka import KafkaConsumer
class OptimizedConsumer:
    def __init__(self, num_workers: int = 4):
        self.batch_queue = queue.Queue()
        self.consumer = KafkaConsumer('events', enable_auto_commit=False)
        self.num_workers = num_workers
    def run(self):
        for _ in range(self.num_workers):
            threading.Thread(target=self._worker).start()
        while self.running:
            batch = self.consumer.poll(timeout_ms=1000)
            self._enqueue(batch)
            self._commit_batch_offsets(batch)
    def _enqueue(self, batch):
        self.batch_queue.put(batch)
    def _worker(self):
        while True:
            batch = self.batch_queue.get()
            self._process_batch(batch)
    def _commit_batch_offsets(self, batch):
        self.consumer.commit()
    def stop(self):
        self.session.commit()
        self.consumer.close()
";
    assert_eq!(
        order(text),
        [(WorkOrder::HandedOver, "self.batch_queue.put(batch)".to_owned())]
    );
    let m = module(text);
    let c = call(&m, ClientKind::KafkaConsumer);
    assert_eq!(c.place.repeated, None, "built once, whatever the workers do");
    assert_eq!(m.commits[0].function, "_commit_batch_offsets");
}

#[test]
fn a_commit_of_finished_work_is_correct() {
    let text = "\
import queue
from kafka import KafkaConsumer
class C:
    def __init__(self):
        self.batch_queue = queue.Queue()
        self.done_queue = queue.Queue()
        self.consumer = KafkaConsumer('t', group_id='g')
    def run(self):
        while True:
            self.batch_queue.put(self.consumer.poll())
            self._commit_done()
    def _work(self):
        while True:
            batch = self.batch_queue.get()
            try:
                self._process(batch)
            except Exception as error:
                self._dead_letter(batch, error)
            self.done_queue.put(batch)
    def _commit_done(self):
        while not self.done_queue.empty():
            self._commit(self.done_queue.get())
    def _commit(self, batch):
        self.consumer.commit(batch)
";
    assert_eq!(
        order(text),
        [(WorkOrder::AfterWork, "self._process(batch)".to_owned())]
    );
    assert!(module(text).result_queues.contains("done_queue"));
    assert!(!module(text).result_queues.contains("batch_queue"));
    let logged = text.replace("self._dead_letter(batch, error)", "logger.error(error)");
    assert_eq!(order(&logged)[0].0, WorkOrder::EvenAfterFailure);
    let at_once = text.replace("                self._process(batch)\n", "                pass\n");
    assert_eq!(order(&at_once)[0].0, WorkOrder::HandedOver);
}

#[test]
fn a_commit_of_a_batch_after_processing_is_correct() {
    // Code from a plan: methods that the class does not show.
    let text = "\
class C:
    def _commit_batch_offsets(self, batch):
        try:
            self._persist_batch(batch)
            self._process_with_retry(batch)
            offsets = self._calculate_offsets(batch)
            self.consumer.commit(offsets)
            self._cleanup_batch(batch)
        except Exception as e:
            logger.error(f'Batch processing failed: {e}')
            raise
KAFKA = 1  # kafka
";
    assert_eq!(
        order(text),
        [(WorkOrder::AfterWork, "self._process_with_retry(batch)".to_owned())]
    );
}

#[test]
fn a_database_commit_is_not_a_commit_of_offsets() {
    let text = "\
def run(kafka_consumer):
    for msg in kafka_consumer:
        session.commit()
        process(msg)
";
    assert_eq!(order(text), []);
}
