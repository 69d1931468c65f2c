//! Small platforms in code, and the parts that they become.

use super::*;
use cofferdam_model::calls::{CallTarget, DeadlineRole, TimeoutSetting};
use cofferdam_model::cells::LocalCacheKind;
use cofferdam_model::kafka::{Acks, Assignor, CommitOrder, KafkaClient, ProducerRole};
use cofferdam_model::{FileId, Service, VariableValue, link};
use std::time::Duration;

/// An environment from `files`, for a service `consumer` with these variables.
fn platform_with(variables: &[(&str, &str)], files: &[(&str, &str)]) -> Environment {
    platform_in("default", variables, files)
}

fn platform_in(name: &str, variables: &[(&str, &str)], files: &[(&str, &str)]) -> Environment {
    let manifest = FileId(99);
    let mut env = Environment {
        name: name.to_owned(),
        ..Environment::default()
    };
    let variables = variables.iter().enumerate().map(|(at, (name, value))| {
        let span = Span::new(manifest, at * 10, at * 10 + 5);
        let variable = cofferdam_model::Variable {
            value: Fact::declared(VariableValue::Literal((*value).to_owned()), span),
            name_span: span,
        };
        ((*name).to_owned(), variable.into())
    });
    env.services.push(Service {
        name: "consumer".to_owned(),
        variables: variables.collect(),
        ..Service::default()
    });
    env.services.push(Service {
        name: "gateway".to_owned(),
        ..Service::default()
    });
    let texts: Vec<(FileId, &Path, &str)> = files
        .iter()
        .enumerate()
        .map(|(at, (path, text))| (FileId(u32::try_from(at).unwrap()), Path::new(*path), *text))
        .collect();
    let code = Code::of(&texts);
    let files = files.iter().map(|(path, _)| Path::new(*path));
    let projects = Project::divide(&code, files, &|_| ProjectId::default());
    let owners = link::prepare(&mut env);
    for project in projects.values() {
        project.interpret(&mut env, &owners, &|_| true);
    }
    env
}

fn platform(text: &str) -> Environment {
    platform_with(&[], &[("services/consumer/main.py", text)])
}

fn value<T: Clone>(fact: &Option<Fact<T>>) -> Option<T> {
    fact.as_ref().map(|f| f.value.clone())
}

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

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
fn names_are_followed_from_module_to_module() {
    let config = "\
from pydantic_settings import BaseSettings
class Settings(BaseSettings):
    pool_size: int = 20
    max_overflow: int = 10
    database_url: str = 'postgresql+asyncpg://u@Db.prod:5432/x'
settings = Settings()
TIMEOUT = 30
";
    let db = "\
from sqlalchemy.ext.asyncio import create_async_engine
from app.core.config import settings, TIMEOUT
from ..core import config
engine = create_async_engine(settings.database_url, pool_size=settings.pool_size, max_overflow=config.settings.max_overflow, pool_timeout=TIMEOUT)
";
    let env = platform_with(
        &[("POOL_SIZE", "5")],
        &[
            ("services/consumer/app/core/config.py", config),
            ("services/consumer/app/db/session.py", db),
            (
                "services/other/app/core/config.py",
                "settings = None\nTIMEOUT = 99\n",
            ),
        ],
    );
    let pool = env.pools.iter().find(|p| p.constructed).unwrap();
    assert_eq!(value(&pool.size), Some(5), "as the manifest sets it");
    assert_eq!(value(&pool.overflow), Some(10));
    assert_eq!(
        value(&pool.pool_timeout),
        Some(seconds(30)),
        "of the nearest module"
    );
    assert_eq!(value(&pool.host).as_deref(), Some("db.prod"));
    assert_eq!(value(&pool.driver).as_deref(), Some("asyncpg"));
}

#[test]
fn pools_keep_their_settings_and_assume_the_library_defaults() {
    let env = platform(
        "\
from sqlalchemy import create_engine
e = create_engine('postgresql://u@db/x', pool_size=7, connect_args={'connect_timeout': 4})
",
    );
    let pool = &env.pools[0];
    assert_eq!((value(&pool.size), value(&pool.overflow)), (Some(7), Some(10)));
    assert!(!pool.size.as_ref().unwrap().is_assumed());
    assert!(pool.overflow.as_ref().unwrap().is_assumed());
    assert_eq!(value(&pool.pool_timeout), Some(seconds(30)));
    assert_eq!(value(&pool.connect_timeout), Some(seconds(4)));
    assert!(pool.constructed);

    let endless =
        platform("from sqlalchemy import create_engine\ne = create_engine(u, max_overflow=-1, pool_size=5)");
    assert_eq!(endless.pools[0].size, None, "no limit");
    let hidden = platform("from sqlalchemy import create_engine\ne = create_engine(u, **options())");
    assert_eq!(hidden.pools[0].size, None, "it may be set");
    let none = platform(
        "from sqlalchemy import create_engine\nfrom sqlalchemy.pool import NullPool\ne = create_engine(u, poolclass=NullPool)",
    );
    assert!(none.pools[0].unpooled);
    let file = platform("from sqlalchemy import create_engine\ne = create_engine('sqlite:///x.db')");
    assert!(file.pools.is_empty());
    let asyncpg = platform(
        "import asyncpg\nasync def f():\n    p = await asyncpg.create_pool(dsn=d, max_size=30, statement_cache_size=0, timeout=5)",
    );
    let pool = &asyncpg.pools[0];
    assert_eq!((value(&pool.size), value(&pool.overflow)), (Some(30), Some(0)));
    assert_eq!(
        (value(&pool.statement_cache), value(&pool.connect_timeout)),
        (Some(0), Some(seconds(5)))
    );
}

#[test]
fn a_connection_for_each_call_is_not_a_pool() {
    let env = platform("import psycopg2\ndef query(sql):\n    conn = psycopg2.connect(DSN)\n");
    assert!(env.pools[0].unpooled);
    let env = platform(
        "import psycopg2\nclass Db:\n    def __init__(self):\n        self.conn = psycopg2.connect(DSN)\n",
    );
    assert!(!env.pools[0].unpooled);
    assert_eq!(value(&env.pools[0].size), Some(1));
}

#[test]
fn waits_with_and_without_a_timeout_are_distinguished() {
    let text = "\
import requests, httpx, aiohttp
def a():
    requests.get('http://auth:8080/x')
def b():
    requests.post('https://api.example.com/x', timeout=(3, 10))
def c():
    requests.get(url, **options())
async def d():
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=15)) as session:
        await session.get('http://users.prod.svc.cluster.local/x')
async def e():
    async with httpx.AsyncClient() as client:
        await client.get(url)
async def f():
    async with httpx.AsyncClient(timeout=None) as client:
        await client.get(url)
";
    let env = platform(text);
    let calls: Vec<_> = env
        .calls
        .iter()
        .map(|c| {
            let timeout = match &c.timeout {
                TimeoutSetting::After(f) => format!("{} s", f.value.as_secs()),
                other => format!("{other:?}"),
            };
            (c.what.as_str(), c.target, timeout)
        })
        .collect();
    let row = |what, target, timeout: &str| (what, target, timeout.to_owned());
    assert_eq!(
        calls,
        [
            row("requests.get", CallTarget::Service, "Never"),
            row("requests.post", CallTarget::Outside, "10 s"),
            row("requests.get", CallTarget::Service, "Unknown"),
            row("aiohttp.ClientSession.get", CallTarget::Service, "15 s"),
            row("httpx.AsyncClient.get", CallTarget::Service, "5 s"),
            row("httpx.AsyncClient", CallTarget::Service, "Never"),
            row("httpx.AsyncClient.get", CallTarget::Service, "Never"),
        ]
    );
    assert_eq!(value(&env.calls[0].target_name).as_deref(), Some("auth"));
}

#[test]
fn retries_and_breakers_belong_to_the_calls_they_wrap() {
    let text = "\
import requests, pybreaker, backoff
from tenacity import retry, stop_after_attempt, wait_fixed, wait_random_exponential
breaker = pybreaker.CircuitBreaker(fail_max=3)
@retry(stop=stop_after_attempt(3), wait=wait_fixed(1))
def a():
    requests.get('http://x', timeout=1)
@retry(stop=stop_after_attempt(4), wait=wait_random_exponential(max=10))
@breaker
def b():
    requests.get('http://x', timeout=1)
@backoff.on_exception(backoff.expo, Exception, max_tries=5)
def c():
    requests.get('http://x', timeout=1)
";
    let env = platform(text);
    let calls: Vec<_> = env
        .calls
        .iter()
        .map(|c| {
            (
                value(&c.attempts),
                value(&c.backoff),
                value(&c.jitter),
                value(&c.breaker),
            )
        })
        .collect();
    assert_eq!(
        calls,
        [
            (Some(3), Some(false), Some(false), None),
            (Some(4), Some(true), Some(true), Some("breaker".to_owned())),
            (Some(5), Some(true), Some(true), None),
        ]
    );
    let breaker = &env.breakers[0];
    assert_eq!(value(&breaker.consecutive_failures), Some(3));
    assert_eq!(value(&breaker.open_time), Some(seconds(60)));
    assert!(breaker.open_time.as_ref().unwrap().is_assumed());
    assert_eq!(value(&breaker.used), Some(true));
}

#[test]
fn breakers_are_used_where_any_module_uses_them() {
    // Breakers that decorate functions, and a class that nothing builds.
    let shared = "\
from circuit_breaker import CircuitBreaker
DB_BREAKER = CircuitBreaker(name=\"database\", failure_threshold=5, recovery_timeout=60, expected_exception=DatabaseError)
KAFKA_BREAKER = CircuitBreaker(name=\"kafka\", failure_threshold=10, recovery_timeout=30, expected_exception=KafkaError)
class VPCConnectionCircuitBreaker:
    def __init__(self, failure_threshold=5, recovery_timeout=300):
        self.failure_threshold = failure_threshold
";
    let user = "from common.resilience import DB_BREAKER\n@DB_BREAKER\ndef query(sql):\n    return db.execute(sql)\n";
    let env = platform_with(
        &[],
        &[
            ("services/common/resilience.py", shared),
            ("services/consumer/db.py", user),
        ],
    );
    let rows: Vec<_> = env
        .breakers
        .iter()
        .map(|b| {
            (
                b.name.as_str(),
                b.protects,
                value(&b.consecutive_failures),
                value(&b.open_time),
                value(&b.used),
            )
        })
        .collect();
    assert_eq!(
        rows,
        [
            (
                "database",
                Some(CallTarget::Database),
                Some(5),
                Some(seconds(60)),
                Some(true)
            ),
            (
                "kafka",
                Some(CallTarget::Kafka),
                Some(10),
                Some(seconds(30)),
                Some(false)
            ),
            (
                "VPCConnectionCircuitBreaker",
                None,
                Some(5),
                Some(seconds(300)),
                Some(false)
            ),
        ]
    );
}

#[test]
fn sections_of_an_environment_apply_only_there() {
    let text = "\
def get_database_timeout_config(environment):
    configs = {
        \"development\": {\"initialization_timeout\": 30.0, \"connection_timeout\": 20.0},
        \"staging\": {
            \"initialization_timeout\": 75.0,
            \"table_setup_timeout\": 25.0,
            \"connection_timeout\": 35.0,
            \"pool_timeout\": 45.0,
            \"health_check_timeout\": 20.0,
        },
    }
    return configs.get(environment)

def get_cloud_sql_optimized_config(environment):
    if environment in (\"staging\", \"production\"):
        return {
            \"pool_config\": {
                \"pool_size\": 10,
                \"max_overflow\": 15,
                \"pool_timeout\": 90.0,
                \"capacity_safety_margin\": 0.8,
            }
        }
    return {}
";
    let files = [("consumer/app/core/database_timeout_config.py", text)];
    let env = platform_in("staging", &[], &files);
    let deadlines: Vec<_> = env
        .deadlines
        .iter()
        .map(|d| (d.name.as_str(), d.role, d.value.value.as_secs()))
        .collect();
    for wanted in [
        ("initialization_timeout", DeadlineRole::Initialisation, 75),
        ("table_setup_timeout", DeadlineRole::Setup, 25),
        ("connection_timeout", DeadlineRole::Connect, 35),
        ("pool_timeout", DeadlineRole::PoolWait, 45),
        ("health_check_timeout", DeadlineRole::HealthCheck, 20),
        ("pool_timeout", DeadlineRole::PoolWait, 90),
    ] {
        assert!(deadlines.contains(&wanted), "{wanted:?} in {deadlines:?}");
    }
    assert!(!deadlines.iter().any(|d| d.2 == 30), "of development");
    let pool = &env.pools[0];
    assert_eq!((value(&pool.size), value(&pool.overflow)), (Some(10), Some(15)));
    assert!(!pool.constructed);
    let env = platform_in("development", &[], &files);
    assert!(env.deadlines.iter().any(|d| d.value.value == seconds(30)));
    assert!(env.pools.iter().all(|p| p.size.is_none()));
    // Without environments the most important one represents all.
    let env = platform_with(&[], &files);
    assert!(
        env.deadlines.iter().any(|d| d.value.value == seconds(75))
            || env.pools.iter().any(|p| p.size.is_some())
    );
}

#[test]
fn next_to_production_test_is_an_environment_too() {
    let text = "def limits(environment):
    table = {
        \"test\": {\"initialization_timeout\": 4.0, \"table_setup_timeout\": 1.0},
        \"production\": {\"initialization_timeout\": 90.0, \"table_setup_timeout\": 20.0},
    }
    return table[environment]
";
    let env = platform_in("production", &[], &[("till/limits.py", text)]);
    let values: Vec<Duration> = env.deadlines.iter().map(|d| d.value.value).collect();
    assert_eq!(values, [seconds(90), seconds(20)]);
}

#[test]
fn a_dictionary_named_after_an_environment_applies_to_it() {
    let text = "STAGING_DB_CONFIG = {'pool_size': 5, 'max_overflow': 3, 'pool_timeout': 45, 'connect_timeout': 45}\n";
    let files = [("consumer/app/core/configuration/database.py", text)];
    let staging = platform_in("staging", &[], &files);
    assert_eq!(value(&staging.pools[0].size), Some(5));
    assert_eq!(value(&staging.pools[0].connect_timeout), Some(seconds(45)));
    assert!(platform_in("production", &[], &files).pools.is_empty());
}

#[test]
fn code_and_its_own_settings_are_one_pool_after_linking() {
    let text = "\
from sqlalchemy import create_engine
pool_config = {'pool_size': 10, 'max_overflow': 15, 'pool_timeout': 90.0}
engine = create_engine('postgresql://u@db/x', **pool_config)
";
    let mut env = platform(text);
    link::link(&mut env);
    let [pool] = env.pools.as_slice() else {
        panic!("{:?}", env.pools)
    };
    assert_eq!((value(&pool.size), value(&pool.overflow)), (Some(10), Some(15)));
    assert!(pool.constructed);
}

#[test]
fn caches_of_state_are_read_and_memoised_functions_are_not() {
    let text = "\
from cachetools import TTLCache
from functools import lru_cache
class FeatureFlags:
    def __init__(self):
        self.cache = TTLCache(maxsize=100, ttl=300)
@lru_cache
def parse(x):
    return x
";
    let env = platform_with(&[], &[("services/consumer/flags.py", text)]);
    let [cache] = env.local_caches.as_slice() else {
        panic!("{:?}", env.local_caches)
    };
    assert_eq!(
        (cache.kind, value(&cache.ttl)),
        (LocalCacheKind::Flags, Some(seconds(300)))
    );
    assert_eq!(cache.invalidation, None);
    let discovery = "CACHE_TTL = 5 * 60\nclass ServiceDiscovery:\n    def invalidate(self): pass\n";
    let env = platform_with(&[], &[("services/consumer/discovery.py", discovery)]);
    assert_eq!(env.local_caches[0].kind, LocalCacheKind::Discovery);
    assert_eq!(value(&env.local_caches[0].ttl), Some(seconds(300)));
    assert!(env.local_caches[0].invalidation.is_some());
}

#[test]
fn redis_without_a_socket_timeout_may_wait_for_ever() {
    let env = platform("import redis\nr = redis.Redis(host='Cache', port=6379, max_connections=50)\n");
    assert_eq!(env.calls[0].timeout, TimeoutSetting::Never);
    assert_eq!(value(&env.pools[0].host).as_deref(), Some("cache"));
    assert_eq!(value(&env.pools[0].size), Some(50));
    let env = platform("import redis\nr = redis.Redis.from_url('redis://cache', socket_timeout=2)\n");
    assert!(matches!(&env.calls[0].timeout, TimeoutSetting::After(f) if f.value == seconds(2)));
}

#[test]
fn tests_and_scripts_are_not_services() {
    let text = "from sqlalchemy import create_engine\ne = create_engine(u)\n";
    for path in [
        "services/consumer/tests/test_db.py",
        "scripts/check.py",
        "services/consumer/migrations/env.py",
    ] {
        let env = platform_with(&[], &[(path, text)]);
        assert!(env.pools.is_empty(), "{path}");
    }
}

#[test]
fn worker_processes_are_read_from_the_server_settings() {
    let env = platform("import uvicorn, os\nuvicorn.run('app:app', workers=int(os.getenv('W', '4')))\n");
    assert_eq!(value(&env.services[0].processes), Some(4));
    let env = platform_with(
        &[],
        &[(
            "services/consumer/gunicorn.conf.py",
            "workers = 3\ntimeout = 30\n",
        )],
    );
    assert_eq!(value(&env.services[0].processes), Some(3));
}

#[test]
fn a_whole_platform_reads_its_code_with_its_manifests() {
    let manifest = "\
apiVersion: apps/v1
kind: Deployment
metadata: {name: kafka-consumer}
spec:
  replicas: 3
  selector: {matchLabels: {app: c}}
  template:
    metadata: {labels: {app: c}}
    spec:
      containers:
      - name: c
        image: registry.example/kafka-consumer:1
        env:
        - {name: WORKER_THREADS, value: \"7\"}
        - {name: KAFKA_GROUP, value: events}
";
    let code = "\
import os
from kafka import KafkaConsumer
class Config:
    num_workers: int = 4
    threads: int = int(os.getenv('WORKER_THREADS', '2'))
consumer = KafkaConsumer('t', group_id=os.getenv('KAFKA_GROUP'), enable_auto_commit=False)
";
    let files = [
        ("k8s/consumer.yaml", manifest),
        ("services/kafka-consumer/main.py", code),
        ("services/kafka-consumer/notes.py", "x = 1"),
        (
            "services/kafka-consumer/broken.py",
            "import redis\ntimeout = ] ] ) } = 1\n",
        ),
    ];
    let platform = crate::read_files(
        files
            .iter()
            .map(|(path, text)| (std::path::PathBuf::from(path), text.as_bytes().to_vec())),
    );
    let env = &platform.environments[0];
    let [consumer] = env.consumers.as_slice() else {
        panic!("{:?}", env.consumers)
    };
    assert_eq!(env.owner_name(&consumer.owner), "kafka-consumer");
    assert_eq!(value(&consumer.group).as_deref(), Some("events"));
    let workers: Vec<_> = consumer
        .workers
        .iter()
        .map(|w| (w.name.as_str(), w.count.value))
        .collect();
    assert_eq!(workers, [("num_workers", 4), ("WORKER_THREADS", 7)]);
    assert_eq!(
        platform.reading.formats.get("Python"),
        Some(&2),
        "the broken one as far as it goes"
    );
    assert!(
        platform
            .reading
            .notes
            .iter()
            .any(|n| n.path.ends_with("broken.py"))
    );
}

#[test]
fn a_value_for_each_environment_is_the_one_of_this_environment() {
    let config = "\
def get_config(environment):
    if environment in ('staging', 'production'):
        return {'pool_config': {'pool_size': 10, 'max_overflow': 15}}
    return {'pool_config': {'pool_size': 5, 'max_overflow': 1}}
TIMEOUTS = {'staging': {'wait': 45.0}, 'production': {'wait': 50.0}, 'development': {'wait': 30.0}}
if ENV == 'production':
    RECYCLE = 100
else:
    RECYCLE = 200
";
    let db = "\
import os
from sqlalchemy import create_engine
from app.config import get_config, TIMEOUTS, RECYCLE
ENV = os.environ['ENVIRONMENT']
cfg = get_config(ENV)['pool_config']
engine = create_engine(u, pool_recycle=RECYCLE, **cfg)
LOCAL = {'staging': 3, 'production': 4}
second = create_engine(u, pool_size=LOCAL.get(ENV, 9), max_overflow=get_config(ENV)['pool_config'].get('max_overflow'))
";
    let files = [("consumer/app/config.py", config), ("consumer/app/db.py", db)];
    let pools = |name: &str| -> Vec<_> {
        let env = platform_in(name, &[], &files);
        let built = env.pools.iter().filter(|p| p.constructed);
        built
            .map(|p| {
                (
                    value(&p.size),
                    value(&p.overflow),
                    value(&p.recycle).map(|r| r.as_secs()),
                )
            })
            .collect()
    };
    assert_eq!(
        pools("staging"),
        [(Some(10), Some(15), Some(200)), (Some(3), Some(15), None)]
    );
    assert_eq!(
        pools("production"),
        [(Some(10), Some(15), Some(100)), (Some(4), Some(15), None)]
    );
    assert_eq!(
        pools("development"),
        [(Some(5), Some(1), Some(200)), (Some(9), Some(1), None)]
    );
    assert_eq!(pools("default"), pools("production"), "the one that matters most");
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

#[test]
fn code_that_no_manifest_names_belongs_to_its_build_directory() {
    let engine = "from sqlalchemy import create_engine\ne = create_engine(u)\n";
    let directory = |path: &str, marker: &str| {
        let mut env = Environment::default();
        let code = Code::of(&[(FileId(0), Path::new(path), engine)]);
        let files = [Path::new(path), Path::new(marker)];
        let projects = Project::divide(&code, files.into_iter(), &|_| ProjectId::default());
        let owners = link::prepare(&mut env);
        projects[&ProjectId::default()].interpret(&mut env, &owners, &|_| true);
        env.pools[0].owner.directory.clone().unwrap()
    };
    assert_eq!(directory("backend/app/db/session.py", "x"), Path::new("backend"));
    assert_eq!(
        directory("services/orders/app/db/session.py", "x"),
        Path::new("services/orders")
    );
    assert_eq!(directory("a/b/c/session.py", "a/b/Dockerfile"), Path::new("a/b"));
}

#[test]
fn an_address_that_code_builds_shows_its_host() {
    let secrets = "\
import os
def database_url():
    secret = vault().read()
    return f\"postgresql://{secret['user']}:{secret['password']}@{os.environ['DATABASE_HOST']}:5432/x\"
";
    let db = "from common.secrets import database_url\nfrom sqlalchemy import create_engine\ne = create_engine(database_url())\n";
    let files = [
        ("services/common/secrets.py", secrets),
        ("services/consumer/db.py", db),
    ];
    let env = platform_with(&[("DATABASE_HOST", "Aurora.internal")], &files);
    assert_eq!(value(&env.pools[0].host).as_deref(), Some("aurora.internal"));
    assert_eq!(value(&platform_with(&[], &files).pools[0].host), None);
}

#[test]
fn shared_code_belongs_to_the_services_that_import_it() {
    let shared = "from sqlalchemy import create_engine\nimport os\nengine = create_engine(os.environ['DB'], pool_size=int(os.environ['SIZE']))\n";
    let mut files = vec![
        ("services/common/db/session.py", shared),
        ("services/common/db/__init__.py", "from .session import engine\n"),
        ("services/consumer/main.py", "from common.db import engine\n"),
        ("services/other/run.py", "from common import (\n    db,\n)\n"),
        ("services/third/run.py", "import os\n"),
        ("scripts/by_hand.py", "from common.db import engine\n"),
    ];
    let pools = |files: &[(&str, &str)]| -> Vec<_> {
        platform_with(&[("SIZE", "6")], files)
            .pools
            .iter()
            .map(|p| (p.owner.directory.clone().unwrap(), value(&p.size)))
            .collect()
    };
    assert_eq!(
        pools(&files),
        [
            (PathBuf::from("services/consumer"), Some(6)),
            (PathBuf::from("services/other"), None),
        ]
    );
    files.truncate(2);
    assert_eq!(pools(&files), [(PathBuf::from("services/common"), None)]);
}
