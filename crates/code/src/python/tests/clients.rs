//! Clients that code creates, and their settings.

use super::{at, call, module};
use crate::python::*;

pub(super) fn int(call: &ClientCall, name: &str) -> Option<i64> {
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
