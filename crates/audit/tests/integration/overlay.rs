//! The published schema of `cofferdam.yaml` and the reader accept the same files.

use cofferdam_ingest::overlay;
use cofferdam_syntax::repo::Repo;
use cofferdam_syntax::tree::{Node, Style, Value};
use serde_json::{Value as Json, json};
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn validator() -> jsonschema::Validator {
    let text = std::fs::read_to_string(root().join("schemas/cofferdam.schema.json")).unwrap();
    let schema: Json = serde_json::from_str(&text).unwrap();
    assert!(jsonschema::meta::is_valid(&schema));
    jsonschema::draft202012::new(&schema).unwrap()
}

/// The tree as YAML's own types have it: a plain `5` is a number, a quoted one a text.
fn to_json(node: &Node) -> Json {
    match &node.value {
        Value::Null | Value::Unknown(_) => Json::Null,
        Value::Seq(items) => items.iter().map(to_json).collect(),
        Value::Map(map) => Json::Object(
            map.iter()
                .map(|(k, v)| (k.text.to_string(), to_json(v)))
                .collect(),
        ),
        Value::Scalar(scalar) if scalar.style == Style::Plain => match &*scalar.text {
            "true" => json!(true),
            "false" => json!(false),
            text => match (text.parse::<i64>(), text.parse::<f64>()) {
                (Ok(whole), _) => json!(whole),
                (_, Ok(number)) if number.is_finite() => json!(number),
                _ => json!(text),
            },
        },
        Value::Scalar(scalar) => json!(&*scalar.text),
    }
}

/// Whether the schema and the reader accept it.
fn accepted(schema: &jsonschema::Validator, text: &str) -> (bool, bool) {
    let repo = Repo::from_files([(PathBuf::from("cofferdam.yaml"), text.as_bytes().to_vec())]);
    let documents = &repo.yaml[Path::new("cofferdam.yaml")].documents;
    let json = documents.first().map_or(Json::Null, to_json);
    (schema.is_valid(&json), overlay::load(&repo).is_ok())
}

const GOOD: &str = "
version: 1
environments:
  production:
    aliases: [prod, live]
    paths: [k8s/overlays/prod]
    services:
      api: {requests_per_second: 1500.5}
services:
  api:
    requests_per_second: 900
    connections_per_pod: 40
    pool: {size: 20, overflow: 0, timeout: 10s, connect_timeout: 500ms}
    driver: asyncpg
    processes: 4
    consumers_per_process: 1
    workers_build_consumers: false
    code: [services/api]
    priority: critical
    replicas: {min: 2, max: 50, current: 3}
    start_up_time: 1m30s
    request_time: PT2S
    service_time: 20ms
    transaction_time: 4ms
    capacity_per_pod: 150
    cpu_per_request: 3ms
    memory_per_message: 20KiB
    callers: {timeout: 2s, attempts: 3, backoff: 100ms}
    time_per_message: 15ms
    depends_on: [main, worker]
    database: main
  worker:
databases:
  main:
    engine: aurora-postgresql
    version: 15.4
    memory: 16GiB
    max_connections: 1000
    reserved_connections: 5
    limits: [{connections: 100, reason: the deployment checklist}]
    multi_zone: true
    used_by: [worker]
    backups: {retention: 7d, interval: 24h, point_in_time: true, other_region: false, restore_tested: false}
    detection: 8h
    hosts: [db.internal]
poolers: {pgbouncer: {users: 4, databases: 1, replicas: 3, version: '1.18', dynamic_credentials: true}}
kafka:
  brokers: 3
  replication_lag: 50ms
  version: 3.6
  topics: {platform-events: {partitions: 12, replication_factor: 3, min_insync_replicas: 2, retention: 7d, messages_per_second: 7000}}
cells:
  east: {requests_per_second: 600, capacity: 1000, weight: 60%, region: us-east-1}
  west: {capacity: 40%, weight: 0.4}
slos: [{name: availability, service: api, target: 99.95%, window: 30d, indicator: availability}]
targets: {detection: 60s}
secrets: {db-credentials: {rotation: 30d, overlap: false, reload: true}}
registries: {trusted: ['registry.example.net/platform/*'], open: ['registry.example.net/playground/*']}
prices: {pod_hour: 0.12}
pins:
  - {name: pool timeout, select: 'config/*.yaml:database.pool_timeout', equals: 10s, reason: incident 12, issue: 12, environments: [production]}
  - {name: pool, select: 'app/db.py:pool_size={}', min: 5, max: 20, reason: measured}
required_variables: [{name: DATABASE_URL, service: api, environments: [production], shape: 'postgres*'}]
may_differ: [replicas]
rules: {single-replica: {enabled: false}, alert-detection-delay: {severity: high, scrape: 30s, depth: 3}}
ignore: [{rule: image-mutable-tag, path: 'vendor/**', subject: '*', reason: not ours, until: '2027-03-31'}]
paths: {exclude: [fixtures/**]}
min_severity: medium
";

#[test]
fn schema_and_reader_accept_every_valid_statement() {
    let schema = validator();
    assert_eq!(accepted(&schema, GOOD), (true, true));
    assert_eq!(accepted(&schema, ""), (true, true));
}

#[test]
fn the_overlays_of_the_examples_are_accepted() {
    let schema = validator();
    let examples = std::fs::read_dir(root().join("examples")).into_iter().flatten();
    for entry in examples {
        let path = entry.unwrap().path().join("cofferdam.yaml");
        if let Ok(text) = std::fs::read_to_string(&path) {
            assert_eq!(accepted(&schema, &text), (true, true), "{}", path.display());
        }
    }
}

#[test]
fn schema_and_reader_refuse_every_invalid_statement() {
    let schema = validator();
    for bad in [
        "servces: {}",
        "services: [api]",
        "services: {api: {proceses: 1}}",
        "services: {api: {processes: 0}}",
        "services: {api: {processes: '2'}}",
        "services: {api: {processes: 1.5}}",
        "services: {api: {requests_per_second: many}}",
        "services: {api: {requests_per_second: -1}}",
        "services: {api: {pool: {size: true}}}",
        "services: {api: {pool: {timeout: 10}}}",
        "services: {api: {start_up_time: 5 apples}}",
        "services: {api: {priority: vital}}",
        "services: {api: {code: services/api}}",
        "services: {api: {depends_on: [5]}}",
        "services: {api: {driver: 5}}",
        "services: {api: {workers_build_consumers: maybe}}",
        "databases: {main: {engine: oracle}}",
        "databases: {main: {memory: lots}}",
        "databases: {main: {limits: [{connections: 100}]}}",
        "databases: {main: {limits: [{reason: why}]}}",
        "databases: {main: {backups: {retention: 7}}}",
        "poolers: {p: {dynamic_credentials: vault}}",
        "kafka: {topics: [events]}",
        "kafka: {topics: {events: {partitions: 0}}}",
        "cells: {a: {weight: 140%}}",
        "cells: {a: {capacity: much}}",
        "slos: {availability: {}}",
        "slos: [{target: 99%}]",
        "targets: {detection: soon}",
        "secrets: {s: {overlap: 1}}",
        "prices: {pod_hour: cheap}",
        "prices: {pod_hour: -1}",
        "pins: [{name: a, select: 'x', equals: 1, reason: r}]",
        "pins: [{name: a, select: 'x:y', reason: r}]",
        "pins: [{name: a, select: 'x:y', equals: 1, min: 2, reason: r}]",
        "pins: [{name: a, select: 'x:y', equals: 1}]",
        "required_variables: [{service: api}]",
        "rules: {a: {enabled: maybe}}",
        "rules: {a: {severity: urgent}}",
        "rules: {a: {list: [1]}}",
        "ignore: [{rule: a}]",
        "ignore: [{reason: a}]",
        "ignore: [{rule: a, reason: b, until: soon}]",
        "paths: {exclude: all}",
        "min_severity: hihg",
        "version: 2",
        "environments: {prod: {targets: {detection: 60s}}}",
        "environments: {prod: {services: {api: {processes: 0}}}}",
        "- a",
    ] {
        assert_eq!(accepted(&schema, bad), (false, false), "{bad}");
    }
}

#[test]
fn every_key_of_the_schema_has_a_description() {
    let text = std::fs::read_to_string(root().join("schemas/cofferdam.schema.json")).unwrap();
    let schema: Json = serde_json::from_str(&text).unwrap();
    let mut bare = Vec::new();
    each_property(&schema, "", &schema, &mut bare);
    assert!(bare.is_empty(), "{bare:?}");
}

fn each_property(node: &Json, path: &str, schema: &Json, bare: &mut Vec<String>) {
    let Some(object) = node.as_object() else { return };
    if let Some(properties) = object.get("properties").and_then(Json::as_object) {
        for (name, property) in properties {
            let target = property["$ref"].as_str().and_then(|r| schema.pointer(&r[1..]));
            let described = |p: &Json| p["description"].as_str().is_some_and(|d| d.len() > 3);
            if !described(property) && !target.is_some_and(described) {
                bare.push(format!("{path}.{name}"));
            }
        }
    }
    for (key, value) in object {
        each_property(value, &format!("{path}/{key}"), schema, bare);
    }
}

#[test]
fn the_guides_example_is_accepted() {
    let guide = std::fs::read_to_string(root().join("docs/overlay.md")).unwrap();
    let start = guide.find("```yaml\n").unwrap() + 8;
    let text = &guide[start..start + guide[start..].find("```").unwrap()];
    let files = [(
        std::path::PathBuf::from("cofferdam.yaml"),
        text.as_bytes().to_vec(),
    )];
    let platform = cofferdam_ingest::read_files(files);
    // It describes services that no file beside it declares; nothing else may be wrong with it.
    let wrong: Vec<_> = (platform.reading.overlay_problems.iter())
        .filter(|p| !p.message.contains("is called"))
        .collect();
    assert!(wrong.is_empty(), "{wrong:?}");
}

/// The names of all keys of a part of the schema, with the keys above them where the guide writes them.
fn keys(node: &Json, above: &str, found: &mut Vec<String>) {
    for (name, property) in node["properties"].as_object().into_iter().flatten() {
        let path = format!("{above}{name}");
        found.push(path.clone());
        keys(property, &format!("{path}."), found);
        keys(&property["items"], &format!("{path}[]."), found);
    }
}

#[test]
fn the_guide_names_every_key() {
    let guide = std::fs::read_to_string(root().join("docs/overlay.md")).unwrap();
    let schema = std::fs::read_to_string(root().join("schemas/cofferdam.schema.json")).unwrap();
    let schema: Json = serde_json::from_str(&schema).unwrap();
    let mut found = Vec::new();
    keys(&schema, "", &mut found);
    for definition in schema["$defs"].as_object().unwrap().values() {
        keys(definition, "", &mut found);
    }
    let is_named = |key: &&String| {
        let row = |line: &str| line.starts_with(&format!("| `{key}` "));
        !guide.lines().any(row)
    };
    let unnamed: Vec<&String> = found.iter().filter(is_named).collect();
    assert!(unnamed.is_empty(), "{unnamed:?}");
}
