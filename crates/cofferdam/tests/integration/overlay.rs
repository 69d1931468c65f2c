//! The command and `cofferdam.yaml`: written once, never overwritten, and refused if it is invalid.

use std::path::Path;
use std::process::{Command, Output};

fn cofferdam(arguments: &[&str], directory: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_cofferdam"))
        .args(arguments)
        .arg(directory)
        .env("NO_COLOR", "1")
        .output()
        .unwrap()
}

fn platform() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let manifest = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: api}\nspec:\n  selector: {matchLabels: {app: api}}\n  \
                    template:\n    metadata: {labels: {app: api}}\n    spec: {containers: [{name: api, image: api:1}]}\n";
    std::fs::write(directory.path().join("api.yaml"), manifest).unwrap();
    directory
}

#[test]
fn init_writes_a_file_that_check_reads_and_never_changes_one() {
    let directory = platform();
    let first = cofferdam(&["init"], directory.path());
    assert!(first.status.success(), "{first:?}");
    let file = directory.path().join("cofferdam.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.contains("services:\n  api:\n"), "{text}");
    assert_ne!(cofferdam(&["check"], directory.path()).status.code(), Some(2));
    let second = cofferdam(&["init"], directory.path());
    assert_eq!(second.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&second.stderr).contains("already exists"));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), text);
    let printed = cofferdam(&["init", "--print"], directory.path());
    assert!(printed.status.success());
    assert!(String::from_utf8_lossy(&printed.stdout).starts_with("## "));
}

#[test]
fn an_invalid_statement_stops_the_check_at_its_line() {
    for (overlay, wanted) in [
        ("version: 1\nservces: {}\n", "did you mean `services`?"),
        (
            "version: 1\nservices: {apy: {processes: 2}}\n",
            "did you mean `api`?",
        ),
        (
            "version: 1\nrules: {single-replca: {enabled: false}}\n",
            "single-replca",
        ),
        (
            "version: 1\nrules: {environment-disparity: {foo: 1}}\n",
            "has no setting `foo`; it has `enabled`, `severity`",
        ),
        (
            "version: 1\nrules: {breaker-blind-spot: {partial: 0.2}}\n",
            "has no setting `partial`; it has `enabled`, `severity`, `partial_failure`",
        ),
        ("version: 1\nservices: {\n", "cofferdam.yaml"),
    ] {
        let directory = platform();
        std::fs::write(directory.path().join("cofferdam.yaml"), overlay).unwrap();
        let output = cofferdam(&["check"], directory.path());
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{told}");
        assert!(told.contains(wanted), "{told}");
        assert!(told.contains("cofferdam.yaml:"), "{told}");
        assert!(output.stdout.is_empty());
    }
}

/// Two environments, each with a database of its own that only its deployments use.
fn two_environments() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let at = |path: &str| directory.path().join(path);
    for place in [
        "terraform",
        "deploy/base",
        "deploy/overlays/staging",
        "deploy/overlays/prod",
        "api",
    ] {
        std::fs::create_dir_all(at(place)).unwrap();
    }
    let write = |path: &str, text: &str| std::fs::write(at(path), text).unwrap();
    write(
        "terraform/main.tf",
        "resource \"aws_db_parameter_group\" \"orders\" {\n  name = \"orders\"\n  family = \"postgres15\"\n  parameter {\n    \
         name = \"max_connections\"\n    value = \"100\"\n  }\n}\nresource \"aws_db_instance\" \"orders\" {\n  identifier = \
         \"orders-${var.environment}\"\n  engine = \"postgres\"\n  engine_version = \"15.4\"\n  instance_class = \
         \"db.t3.medium\"\n  parameter_group_name = aws_db_parameter_group.orders.name\n}\nvariable \"environment\" {}\n",
    );
    write("terraform/prod.tfvars", "environment = \"prod\"\n");
    write("terraform/staging.tfvars", "environment = \"staging\"\n");
    write(
        "deploy/base/api.yaml",
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: api}\nspec:\n  replicas: 40\n  selector: {matchLabels: \
         {app: api}}\n  template:\n    metadata: {labels: {app: api}}\n    spec:\n      containers:\n        - name: api\n          \
         image: r.example/api:1\n          env: [{name: DB_POOL_SIZE, value: \"25\"}, {name: DB_HOST, value: \
         db.example.org}]\n          envFrom: [{secretRef: {name: api-secrets}}]\n",
    );
    write("deploy/base/kustomization.yaml", "resources: [api.yaml]\n");
    for overlay in ["staging", "prod"] {
        let file = format!("deploy/overlays/{overlay}/kustomization.yaml");
        write(&file, "resources: [../../base]\n");
    }
    write(
        "api/app.py",
        "import os\nfrom sqlalchemy import create_engine\nfrom confluent_kafka import Consumer\nengine = \
         create_engine(os.environ[\"DATABASE_URL\"], pool_size=int(os.environ[\"DB_POOL_SIZE\"]))\nconsumer = \
         Consumer({\"bootstrap.servers\": \"k:9092\", \"group.id\": \"g\"})\nconsumer.subscribe([\"orders\"])\n",
    );
    directory
}

fn copied(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            std::fs::create_dir_all(&target).unwrap();
            copied(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// The findings of a check, and what was not judged.
fn judged(directory: &Path) -> serde_json::Value {
    let output = cofferdam(&["check", "--format", "json"], directory);
    let mut report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| {
        let complaint = String::from_utf8_lossy(&output.stderr);
        panic!("{}: {complaint}", directory.display())
    });
    serde_json::json!([
        report["findings"].take(),
        report["findings_apart"].take(),
        report["not_judged"].take()
    ])
}

#[test]
fn the_file_of_init_changes_no_finding_until_a_person_edits_it() {
    let mut platforms = vec![platform(), two_environments()];
    let examples = crate::repository("examples");
    let cases = crate::repository("crates/cofferdam/tests/sound");
    for parent in [examples, cases] {
        for entry in std::fs::read_dir(parent).unwrap() {
            let directory = tempfile::tempdir().unwrap();
            copied(&entry.unwrap().path(), directory.path());
            let _ = std::fs::remove_file(directory.path().join("cofferdam.yaml"));
            platforms.push(directory);
        }
    }
    assert!(platforms.len() > 10);
    for platform in platforms {
        let before = judged(platform.path());
        let output = cofferdam(&["init"], platform.path());
        assert!(output.status.success(), "{output:?}");
        let file = platform.path().join("cofferdam.yaml");
        let after = judged(platform.path());
        let text = std::fs::read_to_string(file).unwrap();
        assert_eq!(before, after, "{text}");
    }
}

#[test]
fn a_statement_about_a_database_leaves_it_in_its_environment() {
    let directory = two_environments();
    let before = judged(directory.path());
    assert!(
        before.to_string().contains("database-connection-exhaustion"),
        "{before}"
    );
    let overlay =
        "version: 1\ndatabases:\n  orders-prod: {detection: 8h}\n  orders-staging: {detection: 8h}\n";
    std::fs::write(directory.path().join("cofferdam.yaml"), overlay).unwrap();
    let after = judged(directory.path());
    let exhaustion = |report: &serde_json::Value| {
        let findings = report[0].as_array().unwrap().clone();
        let of = |f: &serde_json::Value| f["rule"] == "database-connection-exhaustion";
        findings.into_iter().filter(of).collect::<Vec<_>>()
    };
    assert_eq!(exhaustion(&before), exhaustion(&after));
}
