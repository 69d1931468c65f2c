//! A template is useful only if it loads, before and after people edit it.

use super::*;
use crate::audit;
use crate::engine::Options;
use std::path::PathBuf;

const FILES: &[(&str, &str)] = &[
    (
        "k8s/api.yaml",
        "apiVersion: apps/v1
kind: Deployment
metadata: {name: api}
spec:
  selector: {matchLabels: {app: api}}
  template:
    metadata: {labels: {app: api}}
    spec:
      containers:
        - name: api
          image: registry.example.net/api:1
          env:
            - name: DATABASE_URL
              value: postgresql://db.internal:5432/app
            - {name: DB_POOL_SIZE, value: '20'}
            - {name: KAFKA_GROUP_ID, value: workers}
            - {name: KAFKA_TOPIC, value: platform.events}
            - {name: KAFKA_CONSUMER_WORKERS, value: '12'}
            - name: DB_PASSWORD
              valueFrom: {secretKeyRef: {name: db-credentials, key: password}}
",
    ),
    (
        "k8s/pgbouncer.yaml",
        "apiVersion: apps/v1
kind: Deployment
metadata: {name: pgbouncer}
spec:
  replicas: 3
  selector: {matchLabels: {app: pgbouncer}}
  template:
    metadata: {labels: {app: pgbouncer}}
    spec:
      containers:
        - name: pgbouncer
          image: pgbouncer/pgbouncer:1.18.0
          env:
            - {name: PGBOUNCER_DEFAULT_POOL_SIZE, value: '25'}
            - {name: DATABASES_HOST, value: db.internal}
",
    ),
];

fn platform(overlay: Option<&str>) -> Platform {
    let mut files: Vec<(PathBuf, Vec<u8>)> = FILES
        .iter()
        .map(|(p, t)| (PathBuf::from(p), t.as_bytes().to_vec()))
        .collect();
    files.extend(overlay.map(|text| (PathBuf::from("cofferdam.yaml"), text.as_bytes().to_vec())));
    cofferdam_ingest::read_files(files)
}

fn template_of(platform: &Platform) -> String {
    let report = audit(platform, &Options::default());
    template(platform, &report, &[], &platform.redactor()).text
}

/// Removes `# ` from every line that has it.
fn confirmed(text: &str) -> String {
    text.lines()
        .map(|line| format!("{}\n", line.strip_prefix("# ").unwrap_or(line)))
        .collect()
}

fn problems(overlay: &str) -> Vec<String> {
    let platform = platform(Some(overlay));
    (platform.reading.overlay_problems.iter())
        .map(|p| p.message.clone())
        .collect()
}

#[test]
fn the_written_file_loads_unchanged_and_with_every_statement_confirmed() {
    let text = template_of(&platform(None));
    assert_eq!(problems(&text), Vec::<String>::new(), "{text}");
    assert_eq!(problems(&confirmed(&text)), Vec::<String>::new(), "{text}");
}

#[test]
fn a_confirmed_statement_is_not_asked_for_again() {
    let before = platform(None);
    let text = template_of(&before);
    assert!(text.contains("# "), "{text}");
    let after = platform(Some(&confirmed(&text)));
    let report = audit(&after, &Options::default());
    let left: Vec<_> = entries::collect(&after, &report, &[])
        .into_iter()
        .map(|e| e.path)
        .collect();
    assert_eq!(left, Vec::<Vec<String>>::new());
}

#[test]
fn statements_name_the_assumption_and_its_reason() {
    let text = template_of(&platform(None));
    assert!(text.contains("services:\n  api:\n"), "{text}");
    assert!(text.contains("#     replicas: {min: 1, max: 1}\n"), "{text}");
    assert!(
        text.contains("without it: replicas is not set; Kubernetes runs 1"),
        "{text}"
    );
}

#[test]
fn a_platform_without_anything_gives_a_file_that_loads() {
    let platform = Platform::default();
    let text = template_of(&platform);
    assert_eq!(problems(&text), Vec::<String>::new());
}

#[test]
fn needs_become_statements_even_if_the_name_has_dots() {
    use crate::finding::Unjudged;
    use cofferdam_model::registry::{prices, services, slos, topics};
    let missing = Need::of(&topics::PARTITIONS, "platform.events").because("members");
    let report = Report {
        unjudged: vec![Unjudged {
            rule: crate::RuleId::new("x"),
            environments: Vec::new(),
            subject: String::new(),
            needs: vec![missing.into(), "something.else (that no key states)".into()],
            partial: None,
        }],
        ..Report::default()
    };
    let more = [
        Need::of(&services::POOL_SIZE, "a.b"),
        Need::one(&prices::POD_HOUR).because("cost"),
        // Nothing is written for a part that nobody can name, and nothing for a list.
        Need::of_any(&services::SERVICE_TIME),
        Need::of(&slos::WINDOW, "fast"),
        // One key, one statement.
        Need::of(&services::REPLICAS_CURRENT, "api"),
        Need::of(&services::REPLICAS, "api"),
    ];
    let platform = Platform::default();
    let text = template(&platform, &report, &more, &platform.redactor()).text;
    assert!(
        text.contains("kafka:\n  topics:\n    platform.events:\n"),
        "{text}"
    );
    assert!(text.contains("services:\n  a.b:\n    pool:\n"), "{text}");
    assert!(
        text.contains("decides how many members get no partition. Example:"),
        "{text}"
    );
    assert!(
        text.contains("\nprices:\n") && text.contains("#   pod_hour: 0.05\n"),
        "{text}"
    );
    assert!(
        !text.contains("something") && !text.contains("NAME") && !text.contains("slos"),
        "{text}"
    );
    assert_eq!(text.matches("replicas:").count(), 1, "{text}");
}

#[test]
fn names_found_only_in_code_or_settings_are_accepted_when_the_file_is_read() {
    let consumer = "from confluent_kafka import Consumer\nc = Consumer({'bootstrap.servers': 'k:9092', 'group.id': 'sorters'})\nc.subscribe(['parcels'])\nwhile True:\n    c.poll(1.0)\n";
    let producer = "from confluent_kafka import Producer\np = Producer({'bootstrap.servers': 'k:9092'})\np.produce('t', b'x')\n";
    let pool = "from sqlalchemy import create_engine\nengine = create_engine('postgresql://u@db:5432/x', pool_size=20)\n";
    let mut offered = 0;
    for (path, text) in [
        ("services/sorter/app.py", consumer),
        ("app.py", consumer),
        ("services/writer/app.py", producer),
        ("services/books/db.py", pool),
    ] {
        let read = |overlay: Option<String>| {
            let mut files = vec![(PathBuf::from(path), text.as_bytes().to_vec())];
            files.extend(overlay.map(|text| (PathBuf::from("cofferdam.yaml"), text.into_bytes())));
            cofferdam_ingest::read_files(files)
        };
        let written = template_of(&read(None));
        offered += usize::from(written.contains("\nservices:\n"));
        for overlay in [written.clone(), confirmed(&written)] {
            let problems = read(Some(overlay.clone())).reading.overlay_problems;
            assert!(problems.is_empty(), "{path}: {problems:?}\n{overlay}");
        }
    }
    assert!(offered >= 2, "no service is named, so that nothing is shown");
}

#[test]
fn the_database_behind_a_pooler_is_asked_for_by_its_own_host() {
    let files = FILES.iter().map(|(path, text)| {
        let text = text.replace("//db.internal:5432", "//pgbouncer:6432");
        (PathBuf::from(path), text.into_bytes())
    });
    let platform = cofferdam_ingest::read_files(files);
    let report = audit(&platform, &Options::default());
    let entries = entries::collect(&platform, &report, &[]);
    let database = entries.iter().find(|entry| entry.path == ["databases", "main"]);
    let value = database.map(|entry| entry.value.as_str()).unwrap_or_default();
    assert!(value.contains("hosts: [\"db.internal\"]"), "{value}");
}
