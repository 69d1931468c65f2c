//! Modules as people write them, and the facts that are read from them.

use super::*;
use proptest::prelude::*;

fn module(text: &str) -> Module {
    read(FileId(0), Path::new("services/consumer/main.py"), text).unwrap()
}

fn call(module: &Module, kind: ClientKind) -> &ClientCall {
    module
        .calls
        .iter()
        .find(|c| c.kind == kind)
        .unwrap_or_else(|| panic!("no {kind:?} in {:?}", module.calls))
}

fn at(text: &str, span: Span) -> &str {
    &text[span.start as usize..span.end as usize]
}

fn int(call: &ClientCall, name: &str) -> Option<i64> {
    call.arg(name)?.value.as_i64()
}

#[test]
fn a_consumer_is_recognised_by_every_form_of_import() {
    for text in [
        "from kafka import KafkaConsumer\nc = KafkaConsumer('orders', group_id='g', session_timeout_ms=10000)",
        "from kafka import KafkaConsumer as KC\nc = KC('orders', group_id='g', session_timeout_ms=10000)",
        "import kafka\nc = kafka.KafkaConsumer('orders', group_id='g', session_timeout_ms=10_000)",
        "import kafka as k\nc = k.KafkaConsumer('orders', **{'group_id': 'g', 'session_timeout_ms': 10 * 1000})",
        "from kafka import KafkaConsumer\nargs = dict(group_id='g', session_timeout_ms=10000)\nc = KafkaConsumer(*['orders'], **args)",
        "from kafka import *\nC = {'group_id': 'g'}\nC['session_timeout_ms'] = 10000\nc = KafkaConsumer('orders', **C)",
        "try:\n    from kafka import KafkaConsumer\nexcept ImportError:\n    KafkaConsumer = None\nc = KafkaConsumer('orders', group_id='g', session_timeout_ms=int('10000'))",
    ] {
        let m = module(text);
        let c = call(&m, ClientKind::KafkaConsumer);
        assert_eq!(c.library, Library::KafkaPython, "{text}");
        assert_eq!(
            c.arg("0").and_then(|a| a.value.as_str()),
            Some("orders"),
            "{text}"
        );
        assert_eq!(int(c, "sessiontimeoutms"), Some(10_000), "{text}");
        assert_eq!(c.assigned.as_deref(), Some("c"));
        assert!(!c.open, "{text}");
    }
}

#[test]
fn a_class_of_the_project_is_not_the_library_of_the_same_name() {
    let m = module("class KafkaConsumer:\n    pass\nc = KafkaConsumer(group_id='kafka')");
    assert!(m.calls.is_empty());
    let m = module("from app.kafka import KafkaConsumer\nc = KafkaConsumer(group_id='g')");
    assert!(m.calls.is_empty());
}

#[test]
fn confluent_settings_are_read_from_every_form_of_dictionary() {
    for text in [
        "from confluent_kafka import Consumer\nConsumer({'group.id': 'g', 'enable.auto.commit': False})",
        "from confluent_kafka import Consumer\nconf = {'group.id': 'g'}\nconf['enable.auto.commit'] = False\nc = Consumer(conf)",
        "import confluent_kafka\nBASE = {'group.id': 'g'}\nconfluent_kafka.Consumer({**BASE, 'enable.auto.commit': False})",
        "\
from confluent_kafka import Consumer
class Worker:
    def _config(self):
        return {'group.id': 'g', 'enable.auto.commit': False}
    def start(self):
        self.consumer = Consumer(self._config())
",
        "\
from confluent_kafka import Consumer
class Worker:
    def __init__(self):
        self.config = {'group.id': 'g'}
        self.config.update({'enable.auto.commit': False})
        self.consumer = Consumer(self.config)
",
        "from confluent_kafka import Consumer\ndef f():\n    c = {'group.id': 'g', 'enable.auto.commit': False}\n    return Consumer(**c)",
    ] {
        let m = module(text);
        let c = call(&m, ClientKind::KafkaConsumer);
        let auto = c.arg("enableautocommit").unwrap_or_else(|| panic!("{text}"));
        assert_eq!(auto.value.value, PyValue::Bool(false), "{text}");
        assert_eq!(at(text, auto.value.span), "False");
        assert_eq!(c.arg("groupid").and_then(|a| a.value.as_str()), Some("g"));
        assert!(!c.open, "{text}");
    }
}

#[test]
fn a_setting_that_only_some_branches_set_is_unknown() {
    let text = "\
from confluent_kafka import Producer
conf = {'acks': '1'}
if SECURE:
    conf['acks'] = 'all'
p = Producer(conf)
";
    let m = module(text);
    assert!(
        call(&m, ClientKind::KafkaProducer)
            .arg("acks")
            .unwrap()
            .value
            .is_unknown()
    );
    let m = module("from kafka import KafkaProducer\nimport sys\np = KafkaProducer(**load(sys.argv))");
    assert!(call(&m, ClientKind::KafkaProducer).open);
}

#[test]
fn values_are_followed_to_their_literals() {
    let text = "\
from sqlalchemy import create_engine
import os
BASE = 5
SIZE = BASE * 2
class Config:
    overflow = 15
    def __init__(self, timeout: float = 90.0):
        self.timeout = timeout
        self.recycle = 60 * 30
cfg = Config()
URL = f\"postgresql://user:{os.environ['PW']}@db.prod:5432/app\"
engine = create_engine(URL, pool_size=SIZE, max_overflow=Config.overflow, pool_timeout=cfg.timeout, pool_recycle=cfg.recycle, echo=-1)
";
    let m = module(text);
    let c = call(&m, ClientKind::SqlPool);
    assert_eq!(int(c, "poolsize"), Some(10));
    assert_eq!(int(c, "maxoverflow"), Some(15));
    assert_eq!(c.arg("pooltimeout").unwrap().value.as_f64(), Some(90.0));
    assert_eq!(at(text, c.arg("pooltimeout").unwrap().value.span), "90.0");
    assert_eq!(int(c, "poolrecycle"), Some(1800));
    assert_eq!(int(c, "echo"), Some(-1));
    let PyValue::Format(pieces) = &c.arg("url").unwrap().value.value else {
        panic!()
    };
    assert_eq!(&*pieces[1].env().unwrap().name, "PW");
    assert_eq!(at(text, c.arg("poolsize").unwrap().span), "pool_size=SIZE");
}

#[test]
fn environment_variables_keep_name_default_and_scale() {
    let text = "\
import os
from os import getenv, environ
from queue import Queue
def env_int(name, default):
    value = os.getenv(name)
    if value is None:
        return default
    return int(value)
a = Queue(maxsize=int(os.getenv('Q_SIZE', '100')))
b = Queue(maxsize=int(os.environ.get('Q_SIZE') or 7))
c = Queue(maxsize=int(environ['Q_MUST']))
d = Queue(maxsize=env_int('Q_HELP', 9))
e = Queue(maxsize=int(getenv('Q_MS', '5000')) / 1000)
";
    let m = module(text);
    let env: Vec<_> = m
        .calls
        .iter()
        .map(|c| {
            let env = c.arg("maxsize").unwrap().value.env().unwrap().clone();
            (
                env.name.to_string(),
                env.default.and_then(|d| d.as_f64()),
                env.required,
                env.scale,
            )
        })
        .collect();
    let row = |name: &str, default, required, scale| (name.to_owned(), default, required, scale);
    assert_eq!(
        env,
        [
            row("Q_SIZE", Some(100.0), false, 1.0),
            row("Q_SIZE", Some(7.0), false, 1.0),
            row("Q_MUST", None, true, 1.0),
            row("Q_HELP", Some(9.0), false, 1.0),
            row("Q_MS", Some(5.0), false, 0.001),
        ]
    );
    let names: Vec<_> = m
        .env_reads
        .iter()
        .map(|r| (r.name.as_str(), r.required))
        .collect();
    assert_eq!(
        names,
        [
            ("Q_SIZE", false),
            ("Q_SIZE", false),
            ("Q_MUST", true),
            ("Q_HELP", false),
            ("Q_MS", false)
        ]
    );
    assert_eq!(at(text, m.env_reads[0].name_span), "'Q_SIZE'");
}

#[test]
fn settings_classes_read_variables_named_after_their_fields() {
    let text = "\
from pydantic_settings import BaseSettings, SettingsConfigDict
from pydantic import Field
from sqlalchemy.ext.asyncio import create_async_engine
class Settings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix='APP_')
    database_url: str
    pool_size: int = 20
    overflow: int = Field(default=5, validation_alias='DB_OVERFLOW')
settings = Settings()
engine = create_async_engine(settings.database_url, pool_size=settings.pool_size, max_overflow=settings.overflow)
";
    let m = module(text);
    let c = call(&m, ClientKind::SqlPool);
    let env = |name| c.arg(name).unwrap().value.env().unwrap().clone();
    assert_eq!(&*env("url").name, "APP_DATABASE_URL");
    assert_eq!(&*env("poolsize").name, "APP_POOL_SIZE");
    assert_eq!(env("poolsize").default.unwrap().as_i64(), Some(20));
    assert_eq!(&*env("maxoverflow").name, "DB_OVERFLOW");
    assert_eq!(env("maxoverflow").default.unwrap().as_i64(), Some(5));
    let required: Vec<_> = m
        .env_reads
        .iter()
        .filter(|r| r.required)
        .map(|r| r.name.as_str())
        .collect();
    assert_eq!(required, ["APP_DATABASE_URL"]);
}

#[test]
fn a_name_with_two_possible_values_is_unknown() {
    let text = "\
from queue import Queue
size = 10
if debug:
    size = 20
for n in range(3):
    q = Queue(maxsize=size)
    r = Queue(maxsize=n)
";
    let m = module(text);
    assert!(
        m.calls
            .iter()
            .all(|c| c.arg("maxsize").unwrap().value.is_unknown())
    );
}

#[test]
fn a_parameter_has_the_value_that_its_only_caller_passes() {
    let text = "\
import os
from concurrent.futures import ThreadPoolExecutor
class Worker:
    def __init__(self, num_workers: int = 4, other=2):
        self.pool = ThreadPoolExecutor(max_workers=num_workers)
        self.second = ThreadPoolExecutor(max_workers=other)
        timeout = other or 5
        self.third = ThreadPoolExecutor(max_workers=timeout)
def main():
    Worker(num_workers=int(os.getenv('WORKER_THREADS', '7')))
";
    let m = module(text);
    let workers: Vec<_> = m
        .calls
        .iter()
        .map(|c| c.arg("maxworkers").unwrap().value.clone())
        .collect();
    assert_eq!(&*workers[0].env().unwrap().name, "WORKER_THREADS");
    assert_eq!(workers[1].as_i64(), Some(2));
    assert_eq!(workers[2].as_i64(), Some(2));
}

#[test]
fn queues_have_their_limit_and_name() {
    let text = "\
import queue, asyncio, multiprocessing
from collections import deque
class C:
    def __init__(self):
        self.batch_queue = queue.Queue()
        self.bounded: asyncio.Queue = asyncio.Queue(500)
        self.recent = deque(maxlen=100)
        self.results = multiprocessing.Queue(maxsize=8)
";
    let m = module(text);
    let queues: Vec<_> = m
        .calls
        .iter()
        .map(|c| {
            (
                c.assigned.as_deref().unwrap(),
                c.any_arg(&["maxsize", "maxlen"]).and_then(|a| a.value.as_i64()),
            )
        })
        .collect();
    assert_eq!(
        queues,
        [
            ("self.batch_queue", None),
            ("self.bounded", Some(500)),
            ("self.recent", Some(100)),
            ("self.results", Some(8))
        ]
    );
    assert_eq!(m.calls[0].place.class.as_deref(), Some("C"));
    assert_eq!(m.calls[0].place.function.as_deref(), Some("__init__"));
}

#[test]
fn requests_have_their_client_and_their_timeouts() {
    let text = "\
import asyncio, requests, httpx, aiohttp
r = requests.get(url)
s = requests.Session()
s.post(url, timeout=5)
class Api:
    def __init__(self):
        self.client = httpx.AsyncClient(timeout=httpx.Timeout(10.0, connect=2.0))
    async def call(self):
        await self.client.get('/x')
        async with aiohttp.ClientSession() as session:
            async with session.get('/y') as resp:
                pass
            await asyncio.wait_for(session.get('/z'), timeout=3)
    async def typed(self, session: aiohttp.ClientSession):
        async with asyncio.timeout(4):
            await session.post('/t')
";
    let m = module(text);
    let requests: Vec<_> = m
        .calls
        .iter()
        .filter(|c| c.kind == ClientKind::HttpRequest)
        .map(|c| {
            (
                at(text, c.callee_span),
                c.library,
                c.arg("timeout").and_then(|a| a.value.as_i64()),
                c.bounded.as_ref().and_then(Val::as_i64),
            )
        })
        .collect();
    assert_eq!(
        requests,
        [
            ("requests.get", Library::Requests, None, None),
            ("s.post", Library::Requests, Some(5), None),
            ("self.client.get", Library::Httpx, None, None),
            ("session.get", Library::Aiohttp, None, None),
            ("session.get", Library::Aiohttp, None, Some(3)),
            ("session.post", Library::Aiohttp, None, Some(4)),
        ]
    );
    let get = m
        .calls
        .iter()
        .find(|c| at(text, c.callee_span) == "self.client.get")
        .unwrap();
    let client = &get.client.as_ref().unwrap().object;
    let timeout = client.arg("timeout").unwrap().value.object().unwrap();
    assert_eq!(&*timeout.class, "httpx.Timeout");
    assert_eq!(timeout.arg("connect").unwrap().value.as_f64(), Some(2.0));
}

#[test]
fn breakers_are_read_from_calls_classes_and_uses() {
    let text = "\
from circuit_breaker import CircuitBreaker
import pybreaker
DB_BREAKER = CircuitBreaker(name='database', failure_threshold=5, recovery_timeout=60)
other = pybreaker.CircuitBreaker(fail_max=3, reset_timeout=30)
class VPCConnectionCircuitBreaker:
    window = 120
    def __init__(self, failure_threshold=5, recovery_timeout=300):
        self.failure_threshold = failure_threshold
        self.recovery_timeout = recovery_timeout
        self.failure_count = 0
@DB_BREAKER
def query(sql):
    return db.execute(sql)
class CircuitBreakerError(Exception):
    pass
";
    let m = module(text);
    let breakers: Vec<_> = m.calls.iter().filter(|c| c.kind == ClientKind::Breaker).collect();
    assert_eq!(breakers.len(), 2);
    assert_eq!(int(breakers[0], "failurethreshold"), Some(5));
    assert_eq!(breakers[0].assigned.as_deref(), Some("DB_BREAKER"));
    assert_eq!(int(breakers[1], "resettimeout"), Some(30));
    let [class] = m.breaker_classes.as_slice() else {
        panic!("{:?}", m.breaker_classes)
    };
    assert_eq!(class.name, "VPCConnectionCircuitBreaker");
    let default = |name| value::find(&class.defaults, name).unwrap().value.as_i64();
    assert_eq!(default("failurethreshold"), Some(5));
    assert_eq!(default("recoverytimeout"), Some(300));
    assert_eq!(default("window"), Some(120));
    let uses: Vec<_> = m
        .breaker_uses
        .iter()
        .map(|u| (u.name.as_str(), u.function.as_deref()))
        .collect();
    assert_eq!(uses, [("DB_BREAKER", Some("query"))]);
}

#[test]
fn retries_keep_their_stop_and_wait_settings() {
    let text = "\
from tenacity import retry, stop_after_attempt, stop_after_delay, wait_exponential, wait_random
import backoff, requests
from urllib3.util.retry import Retry
@retry(stop=stop_after_attempt(3) | stop_after_delay(30), wait=wait_exponential(multiplier=1, max=10) + wait_random(0, 2))
def a(): pass
@retry
def b(): pass
@backoff.on_exception(backoff.expo, requests.RequestException, max_tries=5)
def c(): pass
r = Retry(total=4, backoff_factor=0.5)
";
    let m = module(text);
    let retries: Vec<_> = m.calls.iter().filter(|c| c.kind == ClientKind::Retry).collect();
    assert_eq!(retries.len(), 4);
    let stop = retries[0].arg("stop").unwrap().value.items();
    assert_eq!(stop.len(), 2);
    assert_eq!(
        stop[0].object().unwrap().arg("0").unwrap().value.as_i64(),
        Some(3)
    );
    assert_eq!(retries[0].place.decorates.as_deref(), Some("a"));
    assert_eq!(retries[1].place.decorates.as_deref(), Some("b"));
    assert!(retries[1].args.is_empty());
    assert_eq!(int(retries[2], "maxtries"), Some(5));
    assert_eq!(int(retries[3], "total"), Some(4));
}

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

#[test]
fn consumers_built_in_a_loop_are_counted() {
    let looped = "\
import threading
from kafka import KafkaConsumer
NUM = 7
def work(i):
    consumer = KafkaConsumer('t', group_id='g')
def main():
    for i in range(NUM):
        t = threading.Thread(target=work, args=(i,))
        t.start()
";
    let m = module(looped);
    let repeat = call(&m, ClientKind::KafkaConsumer)
        .place
        .repeated
        .clone()
        .unwrap();
    assert_eq!(repeat.count.unwrap().as_i64(), Some(7));
    assert!(repeat.spawned);
    assert_eq!(at(looped, repeat.span), "for i in range(NUM)");

    let class = "\
import os
from threading import Thread
from kafka import KafkaConsumer
class Worker(Thread):
    def run(self):
        self.consumer = self._build()
    def _build(self):
        return KafkaConsumer('t')
workers = [Worker() for _ in range(int(os.getenv('WORKERS', '3')))]
";
    let m = module(class);
    let repeat = call(&m, ClientKind::KafkaConsumer)
        .place
        .repeated
        .clone()
        .unwrap();
    assert_eq!(&*repeat.count.unwrap().env().unwrap().name, "WORKERS");

    let mapped = "\
from concurrent.futures import ThreadPoolExecutor
from kafka import KafkaConsumer
def work(i):
    KafkaConsumer('t')
with ThreadPoolExecutor(4) as pool:
    pool.map(work, range(4))
";
    let m = module(mapped);
    let repeat = call(&m, ClientKind::KafkaConsumer)
        .place
        .repeated
        .clone()
        .unwrap();
    assert_eq!(repeat.count.unwrap().as_i64(), Some(4));

    for once in [
        "from kafka import KafkaConsumer\nfor attempt in range(5):\n    c = KafkaConsumer('t')",
        "from kafka import KafkaConsumer\nfor i in range(5):\n    try:\n        c = KafkaConsumer('t')\n        break\n    except Exception:\n        pass",
        "from kafka import KafkaConsumer\nwhile True:\n    c = KafkaConsumer('t')",
        "from kafka import KafkaConsumer\nc = KafkaConsumer('t')\nfor m in c:\n    process(m)",
    ] {
        let m = module(once);
        assert_eq!(call(&m, ClientKind::KafkaConsumer).place.repeated, None, "{once}");
    }
}

#[test]
fn settings_become_a_tree_with_locations() {
    let text = "\
import os
from dataclasses import dataclass, field
POOL_SIZE = 10
WORKERS = int(os.getenv('WORKERS', '4'))
pool_config = {
    \"pool_size\": 10,  # Reduced from 15
    \"max_overflow\": 15,
    \"pool_timeout\": 90.0,
    \"nested\": {\"a\": [1, 2]},
}
@dataclass
class ConsumerConfig:
    num_workers: int = 4
    batch: int = field(default=500)
class Throttler:
    MAX_CONNECTIONS_EMERGENCY = 50
    def __init__(self, limit=100):
        self.rate = 7
def get_database_timeout_config(environment):
    configs = {
        \"staging\": {\"initialization_timeout\": 75.0, \"pool_timeout\": 45.0},
    }
    return configs.get(environment)
def by_branch(environment):
    if environment in (\"staging\", \"production\"):
        return {\"pool_size\": 3}
    elif environment == 'development':
        return {\"pool_size\": 1}
    return {\"pool_size\": 2}
";
    let m = module(text);
    let none = |_: &EnvValue| None;
    let tree = m.tree(&none);
    let number = |path: &str| tree.at(path).and_then(Node::as_f64);
    for (path, value) in [
        ("POOL_SIZE", 10.0),
        ("WORKERS", 4.0),
        ("pool_config/pool_timeout", 90.0),
        ("ConsumerConfig/num_workers", 4.0),
        ("ConsumerConfig/batch", 500.0),
        ("Throttler/MAX_CONNECTIONS_EMERGENCY", 50.0),
        ("Throttler/limit", 100.0),
        ("Throttler/rate", 7.0),
        (
            "get_database_timeout_config/configs/staging/initialization_timeout",
            75.0,
        ),
        ("by_branch/staging/returns/pool_size", 3.0),
        ("by_branch/production/returns/pool_size", 3.0),
        ("by_branch/development/returns/pool_size", 1.0),
        ("by_branch/returns/pool_size", 2.0),
    ] {
        assert_eq!(number(path), Some(value), "{path} in {tree:#?}");
    }
    let node = tree.at("pool_config/max_overflow").unwrap();
    assert_eq!(at(text, node.span), "15");
    assert_eq!(tree.at("pool_config/nested/a").unwrap().items().len(), 2);
    let set =
        |env: &EnvValue| (&*env.name == "WORKERS").then(|| Node::plain("9", Span::new(FileId(1), 0, 1)));
    assert_eq!(m.tree(&set).at("WORKERS").and_then(Node::as_i64), Some(9));
}

#[test]
fn topics_are_found_where_code_sends_or_subscribes() {
    let text = "\
from kafka import KafkaProducer
DLQ = 'events-dlq'
class C:
    def __init__(self):
        self.dlq_producer = KafkaProducer(acks=1)
        self.consumer.subscribe(['a', 'b'])
    def fail(self, m):
        self.dlq_producer.send(DLQ, m)
";
    let m = module(text);
    let uses: Vec<_> = m
        .topic_uses
        .iter()
        .map(|u| {
            (
                u.client.as_str(),
                u.topics.iter().filter_map(Val::as_str).collect::<Vec<_>>(),
                u.sends,
            )
        })
        .collect();
    assert_eq!(
        uses,
        [
            ("self.consumer", vec!["a", "b"], false),
            ("self.dlq_producer", vec!["events-dlq"], true)
        ]
    );
}

#[test]
fn code_that_is_not_configuration_is_ignored() {
    let path = Path::new("a.py");
    assert_eq!(
        read(FileId(0), path, "print('hello')").unwrap_err(),
        NotRead::NothingKnown
    );
    let large = "timeout = 1\n".repeat(MAX_BYTES / 10);
    assert_eq!(read(FileId(0), path, &large).unwrap_err(), NotRead::TooLarge);
    let prose =
        "The timeout of the pool (see above is 30 seconds; ] it's } not Python = at: all!\n".repeat(20);
    assert_eq!(read(FileId(0), path, &prose).unwrap_err(), NotRead::NotPython);
}

#[test]
fn tests_are_recognised_by_path_and_by_imports() {
    let is = |path: &str, text: &str| read(FileId(0), Path::new(path), text).unwrap().is_test;
    assert!(is("tests/conftest.py", "timeout = 1"));
    assert!(is("a/test_db.py", "timeout = 1"));
    assert!(is("a/db.py", "import pytest\ntimeout = 1"));
    assert!(!is("a/contest.py", "timeout = 1"));
}

#[test]
fn a_file_with_a_syntax_error_is_read_as_far_as_it_goes() {
    let text = "from queue import Queue\nq = Queue(maxsize=3)\ndef broken(:\n    return (1\n";
    let m = module(text);
    assert_eq!(int(&m.calls[0], "maxsize"), Some(3));
    assert_eq!(m.problems.len(), 1);
}

#[test]
fn names_that_refer_to_each_other_end() {
    for text in [
        "timeout = a\na = b\nb = a\n",
        "def timeout(): return f()\ndef f(): return timeout()\nx = f()\n",
        "class A(B):\n    x: int\nclass B(A):\n    y = A.z\ntimeout = A.q\n",
        "class A(A):\n    pass\ntimeout = A.x\n",
        "def f(timeout=f()): return f(timeout)\nx = f(f(1))\n",
    ] {
        module(text);
    }
    // Every name doubles: 2^40 evaluations without a limit.
    let mut text = "timeout0 = {'a': 1}\n".to_owned();
    for i in 0..40 {
        text += &format!("timeout{} = f(timeout{i}, timeout{i})\n", i + 1);
    }
    module(&text);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn no_text_panics(text in "\\PC{0,200}") {
        let _ = read(FileId(0), Path::new("a.py"), &format!("timeout = 1\n{text}"));
    }

    #[test]
    fn no_mixture_of_python_panics(pieces in proptest::collection::vec(prop_oneof![
        Just("def f(self, a=1):\n"), Just("    "), Just("class A(BaseSettings):\n"), Just("return "), Just("self.x = "),
        Just("os.environ['A']"), Just("{'a': "), Just("**b"), Just("}"), Just("("), Just(")"), Just("\n"), Just("f'{x}'"),
        Just("for i in range(3):\n"), Just("try:\n"), Just("finally:\n"), Just("consumer.commit()"), Just("KafkaConsumer("),
        Just("timeout=1"), Just(", "), Just("lambda: "), Just("x if y else z"), Just("é"), Just("\t"), Just("0x"), Just("'''"),
        Just("await "), Just("@breaker\n"), Just("with a as b:\n"), Just("[x for x in y]"), Just("="), Just("-"), Just("<<"), Just("9223372036854775807"),
    ], 0..60)) {
        let text = format!("timeout = 1\n{}", pieces.concat());
        if let Ok(module) = read(FileId(0), Path::new("a.py"), &text) {
            for call in &module.calls {
                prop_assert!(text.get(call.span.start as usize..call.span.end as usize).is_some());
            }
        }
    }
}
