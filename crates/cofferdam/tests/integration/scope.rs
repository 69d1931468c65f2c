//! Which platform it is: separate places do not count, and people can read what was decided and why.

use crate::{cofferdam, repository};
use serde_json::Value;
use std::path::Path;
use std::process::Output;
use tempfile::TempDir;

const WITHOUT_REQUESTS: &str = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: api, namespace: shop}\nspec:\n  replicas: 2\n  \
     selector: {matchLabels: {app: api}}\n  template:\n    metadata: {labels: {app: api}}\n    spec:\n      containers:\n        - \
     name: api\n          image: registry.example.net/api:1.2.3\n          resources: {limits: {memory: 64Mi}, requests: {memory: 128Mi}}\n";

const OVERLAY: &str = "resources: [../../base]\n";

fn write(directory: &Path, files: &[(&str, &str)]) {
    for (path, text) in files {
        let file = directory.join(path);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, text).unwrap();
    }
}

/// A platform of three tools and two environments, with a broken overlay, and an example and tests beside it.
fn platform() -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    write(
        directory.path(),
        &[
            ("k8s/base/kustomization.yaml", "resources: [api.yaml]\n"),
            ("k8s/base/api.yaml", WITHOUT_REQUESTS),
            ("k8s/overlays/staging/kustomization.yaml", OVERLAY),
            (
                "k8s/overlays/production/kustomization.yaml",
                "resources: [../../base, 'https://example.com/shared.yaml']\n",
            ),
            (
                "terraform/main.tf",
                "terraform {\n  backend \"s3\" {}\n}\n\nresource \"aws_db_instance\" \"shop\" {\n  engine = \"postgres\"\n}\n",
            ),
            (
                "compose.yaml",
                "services:\n  api:\n    image: registry.example.net/api:1.2.3\n",
            ),
            ("examples/till/app.yaml", WITHOUT_REQUESTS),
            ("deploy/tests/app.yaml", WITHOUT_REQUESTS),
            ("docs/notes.yaml", "a: 1\n"),
        ],
    );
    directory
}

fn run(directory: &Path, arguments: &[&str]) -> Output {
    cofferdam()
        .current_dir(directory)
        .args(arguments)
        .output()
        .unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn json(directory: &Path, arguments: &[&str]) -> Value {
    let mut all = vec!["check", ".", "--format", "json"];
    all.extend(arguments);
    serde_json::from_slice(&run(directory, &all).stdout).unwrap()
}

fn golden(name: &str) -> String {
    let path = repository("crates/cofferdam/tests/golden").join(name);
    std::fs::read_to_string(path).unwrap()
}

fn errors(schema: &str, value: &Value) -> Vec<String> {
    let text = std::fs::read_to_string(repository("schemas").join(schema)).unwrap();
    let validator = jsonschema::validator_for(&serde_json::from_str(&text).unwrap()).unwrap();
    validator
        .iter_errors(value)
        .map(|e| format!("{}: {e}", e.instance_path()))
        .collect()
}

#[test]
fn the_scope_is_explained_for_people() {
    let directory = platform();
    let output = run(directory.path(), &["check", ".", "--explain-scope"]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(stdout(&output), golden("explain-scope.txt"));
    let narrow = cofferdam()
        .current_dir(directory.path())
        .env("COLUMNS", "60")
        .args(["check", ".", "--explain-scope", "--verbose", "--all"])
        .output()
        .unwrap();
    let narrow = stdout(&narrow);
    assert!(narrow.lines().all(|line| line.chars().count() <= 60), "{narrow}");
    assert!(
        narrow.contains("project examples/till/ (apart: examples)"),
        "{narrow}"
    );
}

#[test]
fn the_scope_is_explained_for_programs() {
    let directory = platform();
    let explained = json(directory.path(), &["--explain-scope"]);
    let expected: Value = serde_json::from_str(&golden("explain-scope.json")).unwrap();
    assert_eq!(explained, expected);
    assert_eq!(errors("scope.schema.json", &explained), [""; 0]);
    let all = json(directory.path(), &["--explain-scope", "--all"]);
    assert!(all["projects"].as_array().unwrap().len() > explained["projects"].as_array().unwrap().len());
    for other in [
        all,
        json(&repository("examples/clean-platform"), &["--explain-scope"]),
        json(&repository("examples"), &["--explain-scope"]),
    ] {
        assert_eq!(errors("scope.schema.json", &other), [""; 0]);
    }
    let mut wrong = explained;
    wrong["projects"][0]["deployments"][0]["kind"] = "magic".into();
    assert!(!errors("scope.schema.json", &wrong).is_empty());
}

#[test]
fn the_scope_of_one_environment_leaves_out_the_others() {
    let directory = platform();
    let staging = stdout(&run(
        directory.path(),
        &["check", ".", "--explain-scope", "--environment", "stg"],
    ));
    assert!(
        staging.contains("k8s/overlays/staging") && staging.contains("terraform"),
        "{staging}"
    );
    assert!(!staging.contains("k8s/overlays/production"), "{staging}");
    let nothing = tempfile::tempdir().unwrap();
    let output = run(nothing.path(), &["check", ".", "--explain-scope"]);
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn an_environment_with_a_broken_overlay_is_judged_by_common_objects() {
    let directory = platform();
    let broken = "resources: [../../base, gone.yaml]\n";
    write(
        directory.path(),
        &[("k8s/overlays/production/kustomization.yaml", broken)],
    );
    let text = stdout(&run(directory.path(), &["check", ".", "--explain-scope"]));
    assert!(text.contains("production  k8s/overlays/production/\n"), "{text}");
    assert!(
        text.contains("k8s/overlays/production  production         0  not read\n"),
        "{text}"
    );
    let explained = json(directory.path(), &["--explain-scope"]);
    assert_eq!(explained["projects"][0]["environments"][0]["judged"], true);
    let deployments = explained["projects"][0]["deployments"].as_array().unwrap();
    let broken = deployments
        .iter()
        .find(|d| d["root"] == "k8s/overlays/production")
        .unwrap();
    assert_eq!(broken["not_read"].as_array().map(Vec::len), Some(1));
    let summary = stdout(&run(directory.path(), &["check", ".", "--quiet"]));
    assert!(summary.contains("2 kustomize (production, staging)"), "{summary}");
}

#[test]
fn separate_places_are_counted_and_do_not_affect_the_exit_code() {
    let directory = tempfile::tempdir().unwrap();
    write(
        directory.path(),
        &[
            (
                "k8s/settings.yaml",
                "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: b}\ndata: {a: b}\n",
            ),
            ("examples/app.yaml", WITHOUT_REQUESTS),
        ],
    );
    let default = run(directory.path(), &["check", "."]);
    assert_eq!(default.status.code(), Some(0), "{}", stdout(&default));
    let text = stdout(&default);
    assert!(
        !text.contains("request-over-limit") && text.starts_with("no findings\n"),
        "{text}"
    );
    assert!(
        text.contains(" in examples (examples/); --all shows them\n"),
        "{text}"
    );
    assert!(text.contains("1 deployment: 1 set of manifests\n"), "{text}");
    let all = run(directory.path(), &["check", ".", "--all", "--quiet"]);
    assert_eq!(all.status.code(), Some(1));
    let text = stdout(&all);
    let (before, after) = text
        .split_once("in separate places (examples, tests):\n")
        .unwrap();
    assert_eq!(before, "");
    assert!(after.contains("low[request-over-limit]"), "{text}");
    assert!(text.contains(" in examples (examples/)\n"), "{text}");
    let high = run(directory.path(), &["check", ".", "--all", "--fail-on", "high"]);
    assert_eq!(high.status.code(), Some(0));
    // By its own path, it is the platform.
    let given = run(directory.path(), &["check", "examples"]);
    assert_eq!(given.status.code(), Some(1));
    assert!(stdout(&given).contains("high[request-over-limit]"));
}

#[test]
fn json_lists_findings_of_separate_places_separately() {
    let directory = platform();
    let report = json(directory.path(), &[]);
    assert_eq!(errors("report.schema.json", &report), [""; 0]);
    let in_examples = |list: &Value| {
        let list = list.as_array().unwrap();
        list.iter()
            .filter(|f| f["apart"] == "examples" && f["severity"] == "low")
            .count()
    };
    assert_eq!(in_examples(&report["findings"]), 0);
    assert!(
        report["findings"]
            .as_array()
            .unwrap()
            .iter()
            .all(|f| f["apart"].is_null())
    );
    let apart = in_examples(&report["findings_apart"]);
    assert!(apart > 0);
    let places = report["summary"]["apart"].as_array().unwrap();
    let examples = places.iter().find(|p| p["directory"] == "examples").unwrap();
    assert_eq!(examples["findings"], apart);
    let names: Vec<&str> = places.iter().map(|p| p["directory"].as_str().unwrap()).collect();
    assert_eq!(names, ["deploy/tests", "docs", "examples"]);
    let all = json(directory.path(), &["--all"]);
    assert_eq!(errors("report.schema.json", &all), [""; 0]);
    assert_eq!(in_examples(&all["findings"]), apart);
    assert_eq!(all["findings_apart"], Value::Array(Vec::new()));
}

#[test]
fn one_line_of_many_overlays_names_all_its_subjects() {
    let directory = tempfile::tempdir().unwrap();
    write(
        directory.path(),
        &[
            ("base/kustomization.yaml", "resources: [api.yaml]\n"),
            (
                "base/api.yaml",
                &WITHOUT_REQUESTS.replace(", namespace: shop", ""),
            ),
            (
                "overlays/one/kustomization.yaml",
                "namespace: one\nresources: [../../base]\n",
            ),
            (
                "overlays/two/kustomization.yaml",
                "namespace: two\nresources: [../../base]\n",
            ),
        ],
    );
    let report = json(directory.path(), &["--rule", "request-over-limit"]);
    let finding = &report["findings"][0];
    assert_eq!(report["findings"].as_array().unwrap().len(), 1, "{report:#}");
    assert_eq!(finding["subjects"][0], finding["subject"]);
    assert_eq!(finding["subjects"].as_array().unwrap().len(), 2, "{finding:#}");
    // `one` and `two` name no environments, so this is the unnamed one.
    assert_eq!(finding["environments"], serde_json::json!(["default"]));
    assert!(
        finding["title"]
            .as_str()
            .unwrap()
            .contains("(and the same for 1 more)"),
        "{finding:#}"
    );
    // Accepting one of them does not accept the other.
    let subject = finding["subject"].as_str().unwrap();
    let ignore = format!("ignore:\n  - {{rule: request-over-limit, subject: {subject}, reason: a trial}}\n");
    write(directory.path(), &[("cofferdam.yaml", &ignore)]);
    let rest = json(directory.path(), &["--rule", "request-over-limit"]);
    assert_eq!(rest["summary"]["suppressed"], 1);
    assert_eq!(rest["findings"][0]["subject"], finding["subjects"][1], "{rest:#}");
}

const PRODUCER: &str = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: writer, namespace: shop}\nspec:\n  replicas: 2\n  selector: \
     {matchLabels: {app: writer}}\n  template:\n    metadata: {labels: {app: writer}}\n    spec:\n      containers:\n        - name: \
     writer\n          image: registry.example.net/writer:1.2.3\n          env:\n            - {name: SQLALCHEMY_POOL_SIZE, value: '5'}\n            - \
     {name: DATABASE_URL, value: 'postgresql://db.example.net:5432/shop'}\n";

#[test]
fn init_asks_nothing_about_separate_places() {
    let directory = tempfile::tempdir().unwrap();
    write(
        directory.path(),
        &[
            ("k8s/api.yaml", WITHOUT_REQUESTS),
            ("examples/writer.yaml", PRODUCER),
        ],
    );
    let whole = stdout(&run(directory.path(), &["init", ".", "--print"]));
    assert!(!whole.contains("writer"), "{whole}");
    let given = stdout(&run(directory.path(), &["init", "examples", "--print"]));
    assert!(given.contains("writer"), "{given}");
}

#[test]
fn environments_of_separate_places_are_not_rehearsed() {
    let directory = tempfile::tempdir().unwrap();
    let files = [
        ("examples/shop/overlays/production/kustomization.yaml", OVERLAY),
        ("examples/shop/overlays/staging/kustomization.yaml", OVERLAY),
        ("examples/shop/base/kustomization.yaml", "resources: [api.yaml]\n"),
        ("examples/shop/base/api.yaml", WITHOUT_REQUESTS),
    ];
    write(directory.path(), &files);
    let error = |arguments: &[&str]| {
        let output = run(directory.path(), arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    let only = error(&["simulate", "."]);
    assert!(only.contains("everything here is in separate places"), "{only}");
    write(directory.path(), &[("k8s/api.yaml", WITHOUT_REQUESTS)]);
    for verb in ["simulate", "check"] {
        let apart = error(&[verb, ".", "--environment", "production"]);
        assert!(
            apart.contains("only in separate places such as examples or tests (add --all")
                && apart.contains("there are: default"),
            "{apart}"
        );
    }
    let rehearse = |arguments: &[&str]| {
        let mut all = vec!["simulate"];
        all.extend(arguments);
        all.extend(["--scenario", "rolling-restart", "--runs", "1", "--format", "json"]);
        let output = run(directory.path(), &all);
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        report["rehearsals"][0]["environment"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert_eq!(rehearse(&["."]), "default");
    assert_eq!(rehearse(&[".", "--all"]), "production");
    assert_eq!(rehearse(&["examples/shop"]), "production");
}

#[test]
fn each_reason_for_not_judging_is_printed_once() {
    let example = repository("examples/clean-platform");
    let short = stdout(&run(&example, &["check", "."]));
    // The database of production is stated in no other environment.
    for name in ["development", "staging"] {
        let reason = format!("- {name}: data-collector and data-processor want ");
        assert_eq!(short.matches(&reason).count(), 1, "{short}");
    }
    assert_eq!(
        run(&example, &["check", ".", "--verbose", "--quiet"])
            .status
            .code(),
        Some(2)
    );
}

#[test]
fn a_compose_file_beside_a_cluster_is_a_developers_machine() {
    let directory = platform();
    let compose = "services:\n  api:\n    image: registry.example.net/api:1.2.3\n    environment: {API_PASSWORD: h7Gk2pQ9xW}\n";
    write(directory.path(), &[("compose.yaml", compose)]);
    let secrets = |arguments: &[&str]| {
        let report = json(
            directory.path(),
            &[&["--rule", "secret-in-clear"][..], arguments].concat(),
        );
        report["findings"].as_array().unwrap().clone()
    };
    let found = secrets(&[]);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0]["severity"], "low");
    assert!(
        found[0]["explanation"]
            .as_str()
            .unwrap()
            .contains("developer's machine")
    );
    assert!(secrets(&["--environment", "production"]).is_empty());
    let report = json(directory.path(), &[]);
    let kinds = report["summary"]["deployments"].as_array().unwrap().clone();
    assert!(kinds.iter().all(|d| d["kind"] != "Compose"), "{kinds:?}");
    // Without a cluster, Compose is the platform.
    let alone = tempfile::tempdir().unwrap();
    write(alone.path(), &[("compose.yaml", compose)]);
    let report = json(alone.path(), &["--rule", "secret-in-clear"]);
    assert_eq!(report["findings"][0]["severity"], "high");
    // A file for production by its name is no developer's machine.
    let files = [
        ("compose.prod.yaml", compose),
        ("compose.dev.yaml", "services: {api: {image: 'api:1'}}\n"),
    ];
    std::fs::remove_file(directory.path().join("compose.yaml")).unwrap();
    write(directory.path(), &files);
    assert_eq!(secrets(&["--environment", "production"]).len(), 1);
}
