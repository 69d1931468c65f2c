//! Values that code computes, as far as they are certain.

use super::clients::int;
use super::{at, call, module};
use crate::python::*;

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
