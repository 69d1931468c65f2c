//! Which code is a service, and whose it is.

use super::{platform, platform_with, seconds, value};
use crate::code::project::Project;
use cofferdam_code::python::Code;
use cofferdam_model::{Environment, ProjectId};
use cofferdam_model::{FileId, link};
use std::path::{Path, PathBuf};

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
