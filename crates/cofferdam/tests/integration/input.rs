//! The input of `check`, `simulate` and `init`: several paths, single files, standard input, an overlay,
//! nothing.

use crate::cofferdam;
use serde_json::Value;
use std::io::Write;
use std::path::Path;
use std::process::{Output, Stdio};

fn deployment(name: &str) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}}}\nspec:\n  selector: {{matchLabels: {{app: {name}}}}}\n  \
         template:\n    metadata: {{labels: {{app: {name}}}}}\n    spec: {{containers: [{{name: {name}, image: {name}:1}}]}}\n"
    )
}

/// A repository with two services and a directory of prose.
fn repository() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    std::fs::create_dir(directory.path().join(".git")).unwrap();
    write(directory.path(), "services/api/api.yaml", &deployment("api"));
    write(
        directory.path(),
        "services/worker/worker.yaml",
        &deployment("worker"),
    );
    write(directory.path(), "docs/guide.md", "# Guide\n");
    directory
}

fn write(root: &Path, path: &str, text: &str) {
    let path = root.join(path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

fn run(root: &Path, arguments: &[&str]) -> Output {
    cofferdam()
        .args(arguments)
        .current_dir(root)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn piped(root: &Path, arguments: &[&str], input: &str) -> Output {
    let mut child = cofferdam()
        .args(arguments)
        .current_dir(root)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that refuses its arguments does not read.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", stderr(output)))
}

fn report(root: &Path, arguments: &[&str]) -> Value {
    json(&run(root, &[&["check", "--format", "json"], arguments].concat()))
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// Subjects of the findings of a rule, in order.
fn subjects(report: &Value, rule: &str) -> Vec<String> {
    let findings = report["findings"].as_array().unwrap().iter();
    let mut subjects: Vec<String> = findings
        .filter(|f| f["rule"] == rule)
        .map(|f| f["subject"].as_str().unwrap().to_owned())
        .collect();
    subjects.sort();
    subjects
}

fn first_path(report: &Value) -> String {
    let path = &report["findings"][0]["locations"][0]["path"];
    path.as_str().unwrap().to_owned()
}

#[test]
fn several_paths_are_one_platform_below_their_nearest_common_directory() {
    let directory = repository();
    let both = report(directory.path(), &["services/api", "services/worker/worker.yaml"]);
    assert_eq!(
        subjects(&both, "single-replica"),
        ["Deployment api", "Deployment worker"]
    );
    assert_eq!(both["summary"]["root"], "services");
    let paths = both["findings"].to_string();
    assert!(
        paths.contains("\"api/api.yaml\"") && paths.contains("\"worker/worker.yaml\""),
        "{paths}"
    );
    // A file that was not given is not read, although it is below the root.
    write(
        directory.path(),
        "services/other/other.yaml",
        &deployment("other"),
    );
    let again = report(directory.path(), &["services/api", "services/worker/worker.yaml"]);
    assert_eq!(again, both);
}

#[test]
fn a_path_given_twice_is_read_once() {
    let directory = repository();
    let once = report(directory.path(), &["services"]);
    for paths in [
        vec!["services", "services"],
        vec!["services/api", "./services", "services/worker/../worker"],
        vec!["services", "services/api/api.yaml", "services/api/api.yaml"],
    ] {
        let twice = report(directory.path(), &paths);
        assert_eq!(twice["findings"], once["findings"], "{paths:?}");
        assert_eq!(
            twice["summary"]["files_read"], once["summary"]["files_read"],
            "{paths:?}"
        );
    }
}

#[test]
fn a_file_that_git_ignores_is_read_when_it_is_given_by_name() {
    let directory = repository();
    write(directory.path(), ".gitignore", "rendered.yaml\n");
    write(
        directory.path(),
        "services/rendered.yaml",
        &deployment("rendered"),
    );
    let walked = report(directory.path(), &["services"]);
    assert_eq!(subjects(&walked, "single-replica").len(), 2);
    let named = report(directory.path(), &["services", "services/rendered.yaml"]);
    assert_eq!(subjects(&named, "single-replica").len(), 3);
}

#[cfg(unix)]
#[test]
fn symbolic_links_may_be_given() {
    use std::os::unix::fs::symlink;
    let directory = repository();
    let root = directory.path();
    symlink("services/api", root.join("link")).unwrap();
    symlink("services/worker/worker.yaml", root.join("worker.yaml")).unwrap();
    assert_eq!(
        report(root, &["link"])["findings"],
        report(root, &["services/api"])["findings"]
    );
    let file = report(root, &["worker.yaml"]);
    assert_eq!(subjects(&file, "single-replica"), ["Deployment worker"]);
    assert_eq!(first_path(&file), "worker.yaml");
    let all = report(root, &["services", "link", "worker.yaml"]);
    assert_eq!(all["summary"]["files_read"]["Kubernetes"], 2, "each is read once");
    let apart = report(root, &["link", "services/worker"]);
    assert_eq!(subjects(&apart, "single-replica").len(), 2);
}

#[test]
fn a_stream_on_standard_input_is_checked() {
    let directory = repository();
    let stream = format!("{}---\n{}", deployment("a"), deployment("b"));
    let output = piped(directory.path(), &["check", "-", "--format", "json"], &stream);
    assert_eq!(output.status.code(), Some(1));
    let alone = json(&output);
    assert_eq!(
        subjects(&alone, "single-replica"),
        ["Deployment a", "Deployment b"]
    );
    assert_eq!(first_path(&alone), "stdin.yaml");
    let output = piped(
        directory.path(),
        &["check", "services/api", "-", "--format", "json"],
        &stream,
    );
    assert_eq!(subjects(&json(&output), "single-replica").len(), 3);
    write(directory.path(), "services/api/stdin.yaml", &deployment("c"));
    let output = piped(
        directory.path(),
        &["check", "services/api", "-", "--format", "json"],
        &stream,
    );
    assert_eq!(
        subjects(&json(&output), "single-replica").len(),
        4,
        "a file of that name is another one"
    );
    let json_stream = r#"{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": {"containers": [{"name": "p", "image": "p"}]}}"#;
    let output = piped(directory.path(), &["check", "-", "--format", "json"], json_stream);
    assert_eq!(first_path(&json(&output)), "stdin.yaml");
}

#[test]
fn standard_input_uses_the_overlay_of_the_current_directory() {
    let directory = repository();
    write(
        directory.path(),
        "cofferdam.yaml",
        "rules: {single-replica: {enabled: false}}\n",
    );
    let output = piped(
        directory.path(),
        &["check", "-", "--format", "json"],
        &deployment("a"),
    );
    let report = json(&output);
    assert_eq!(report["summary"]["config"], "cofferdam.yaml");
    assert!(subjects(&report, "single-replica").is_empty());
}

#[test]
fn standard_input_can_be_read_once() {
    let directory = repository();
    for arguments in [
        vec!["check", "-", "-"],
        vec!["simulate", "-", "--compare", "-"],
        vec!["init", "-", "services", "-"],
    ] {
        let output = piped(directory.path(), &arguments, &deployment("a"));
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(
            stderr(&output).contains("`-` is given twice"),
            "{}",
            stderr(&output)
        );
    }
}

#[test]
fn a_missing_path_stops_the_check_of_the_others() {
    let directory = repository();
    let output = run(
        directory.path(),
        &["check", "services/api", "services/apy", "lost.yaml"],
    );
    assert_eq!(output.status.code(), Some(2));
    assert!(output.stdout.is_empty());
    for wanted in [
        "cannot read services/apy: no such file or directory",
        "cannot read lost.yaml",
    ] {
        assert!(stderr(&output).contains(wanted), "{}", stderr(&output));
    }
    let under_a_file = run(directory.path(), &["check", "docs/guide.md/x"]);
    assert_eq!(under_a_file.status.code(), Some(2));
    assert!(stderr(&under_a_file).contains("a part of the path is not a directory"));
}

#[cfg(unix)]
#[test]
fn a_path_that_is_neither_file_nor_directory_is_refused() {
    let directory = repository();
    let output = run(directory.path(), &["check", "/dev/null"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        stderr(&output).contains("neither a file nor a directory"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn the_overlay_of_the_repository_counts_for_a_directory_below() {
    let directory = repository();
    let root = directory.path();
    write(
        root,
        "cofferdam.yaml",
        "services:\n  api: {requests_per_second: 100}\n  worker: {requests_per_second: 10}\n\
         databases: {main: {engine: postgresql, public: true, used_by: [worker]}}\n\
         ignore:\n  - {rule: single-replica, path: \"services/api/**\", reason: accepted}\n  \
         - {rule: requests-missing, path: \"services/worker/**\", reason: accepted}\n",
    );
    for path in ["services/api", "services/api/api.yaml"] {
        let part = report(root, &[path]);
        assert_eq!(part["summary"]["config"], "../../cofferdam.yaml", "{path}");
        assert!(
            subjects(&part, "single-replica").is_empty(),
            "its patterns see services/api/api.yaml"
        );
        assert_eq!(subjects(&part, "requests-missing"), ["Deployment api"]);
        // Statements about the rest are neither an error here nor a finding.
        let notes = part["summary"]["notes"].to_string();
        assert!(
            notes.contains("`worker` is not in the files that were given"),
            "{notes}"
        );
        assert!(!notes.contains("matches no finding"), "{notes}");
        assert!(subjects(&part, "database-public").is_empty(), "{path}");
        assert!(part["summary"]["only_stated"].as_u64().unwrap() > 0);
    }
    let text = run(root, &["check", "services/api", "--quiet"]);
    let text = String::from_utf8(text.stdout).unwrap();
    assert!(
        text.contains("config: ../../cofferdam.yaml (paths in it are relative to its own directory)"),
        "{text}"
    );
}

#[test]
fn an_overlay_is_not_looked_for_above_the_repository_nor_outside_of_one() {
    let directory = repository();
    let root = directory.path();
    write(
        root,
        "cofferdam.yaml",
        "rules: {single-replica: {enabled: false}}\n",
    );
    std::fs::create_dir(root.join("services/.git")).unwrap();
    let inner = report(root, &["services/api"]);
    assert_eq!(inner["summary"]["config"], Value::Null);
    std::fs::remove_dir(root.join("services/.git")).unwrap();
    std::fs::remove_dir(root.join(".git")).unwrap();
    assert_eq!(report(root, &["services/api"])["summary"]["config"], Value::Null);
    assert_eq!(report(root, &["."])["summary"]["config"], "cofferdam.yaml");
}

#[test]
fn the_nearest_overlay_is_used_and_those_below_are_named() {
    let directory = repository();
    let root = directory.path();
    write(root, "cofferdam.yaml", "{}\n");
    write(root, "services/cofferdam.yml", "{}\n");
    write(root, "services/worker/cofferdam.yaml", "{}\n");
    let nearest = report(root, &["services/api"]);
    assert_eq!(nearest["summary"]["config"], "../cofferdam.yml");
    let all = report(root, &["."]);
    assert_eq!(all["summary"]["config"], "cofferdam.yaml");
    let notes = all["summary"]["notes"].as_array().unwrap();
    let unused: Vec<&str> = notes.iter().map(|n| n["path"].as_str().unwrap()).collect();
    assert_eq!(
        unused,
        ["services/cofferdam.yml", "services/worker/cofferdam.yaml"]
    );
    assert!(
        notes[0]["message"]
            .as_str()
            .unwrap()
            .contains("is not used, because cofferdam.yaml is")
    );
    // Single files: the overlay beside one of them is not that of the root.
    let files = report(root, &["services/worker/worker.yaml", "services/api/api.yaml"]);
    assert_eq!(files["summary"]["config"], "cofferdam.yml");
    assert_eq!(files["summary"]["notes"][0]["path"], "worker/cofferdam.yaml");
}

#[test]
fn a_named_overlay_is_used_instead_with_its_paths_relative_to_the_root() {
    let directory = repository();
    let root = directory.path();
    write(
        root,
        "services/cofferdam.yaml",
        "services: {nobody: {processes: 2}}\n",
    );
    write(
        root,
        "ops/strict.yaml",
        "services: {api: {processes: 2}}\nignore: [{rule: single-replica, path: api/**, reason: accepted}]\n",
    );
    let named = report(root, &["services", "--config", "ops/strict.yaml"]);
    assert_eq!(named["summary"]["config"], "../ops/strict.yaml");
    assert_eq!(subjects(&named, "single-replica"), ["Deployment worker"]);
    assert_eq!(named["summary"]["notes"][0]["path"], "cofferdam.yaml");
    // The file that is found is the same when it is named.
    let found = report(root, &["services/api"]);
    let same = report(root, &["services/api", "--config", "services/cofferdam.yaml"]);
    assert_eq!(found, same);
    // An overlay among the checked files is not configuration of the platform.
    let inside = report(root, &[".", "--config", "ops/strict.yaml"]);
    assert_eq!(inside["summary"]["files_read"]["Kubernetes"], 2);
    assert_eq!(inside["summary"]["files_read"].as_object().unwrap().len(), 1);
}

#[test]
fn an_overlay_that_cannot_be_read_stops_everything() {
    let directory = repository();
    let root = directory.path();
    for (config, wanted) in [
        ("lost.yaml", "--config lost.yaml: no such file or directory"),
        ("docs", "--config docs: it is a directory"),
        ("docs/guide.md/x", "a part of the path is not a directory"),
    ] {
        for command in ["check", "simulate", "init", "facts"] {
            let output = run(root, &[command, "services", "--config", config]);
            assert_eq!(output.status.code(), Some(2), "{command} {config}");
            assert!(stderr(&output).contains(wanted), "{}", stderr(&output));
            assert!(output.stdout.is_empty());
        }
    }
    write(root, "ops/broken.yaml", "servces: {}\n");
    let output = run(root, &["check", "services", "--config", "ops/broken.yaml"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        stderr(&output).contains("../ops/broken.yaml has 1 problem"),
        "{}",
        stderr(&output)
    );
    std::fs::write(root.join("cofferdam.yaml"), b"\0\x01").unwrap();
    let output = run(root, &["check", "services/api"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        stderr(&output).contains("../../cofferdam.yaml has 1 problem"),
        "{}",
        stderr(&output)
    );
}

#[cfg(unix)]
#[test]
fn an_overlay_that_is_a_link_is_used_and_one_that_leads_nowhere_is_refused() {
    use std::os::unix::fs::symlink;
    let directory = repository();
    let root = directory.path();
    write(
        root,
        "ops/shared.yaml",
        "rules: {single-replica: {enabled: false}}\n",
    );
    symlink("../ops/shared.yaml", root.join("services/cofferdam.yaml")).unwrap();
    let linked = report(root, &["services"]);
    assert_eq!(linked["summary"]["config"], "cofferdam.yaml");
    assert!(subjects(&linked, "single-replica").is_empty());
    std::fs::remove_file(root.join("ops/shared.yaml")).unwrap();
    let output = run(root, &["check", "services"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        stderr(&output).contains("cofferdam.yaml has 1 problem"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn nothing_to_check_is_an_error_and_never_looks_like_a_pass() {
    let directory = repository();
    let root = directory.path();
    std::fs::create_dir(root.join("empty")).unwrap();
    for path in ["docs", "docs/guide.md", "empty"] {
        for command in ["check", "simulate", "init", "facts"] {
            let output = run(root, &[command, path]);
            assert_eq!(output.status.code(), Some(2), "{command} {path}");
            let told = stderr(&output);
            assert!(told.contains(&format!("nothing to check in {path}")), "{told}");
            assert!(told.contains("looked for: Kubernetes"), "{told}");
            assert!(told.contains("--allow-empty"), "{told}");
            assert!(output.stdout.is_empty());
        }
        let output = run(root, &["check", path, "--format", "json"]);
        assert_eq!(output.status.code(), Some(2));
        assert_eq!(json(&output)["summary"]["nothing_to_check"], true);
        let output = run(root, &["check", path, "--allow-empty", "--format", "json"]);
        assert_eq!(output.status.code(), Some(0));
        assert_eq!(json(&output)["summary"]["nothing_to_check"], true);
        let output = run(root, &["check", path, "--allow-empty"]);
        assert!(String::from_utf8_lossy(&output.stdout).starts_with("nothing to check"));
    }
    assert_eq!(report(root, &["services"])["summary"]["nothing_to_check"], false);
    let output = piped(root, &["check", "-"], "");
    assert_eq!(output.status.code(), Some(2));
    assert!(
        stderr(&output).contains("nothing to check in standard input"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn statements_of_another_directorys_overlay_are_nothing_to_check() {
    let directory = repository();
    let root = directory.path();
    write(
        root,
        "cofferdam.yaml",
        "databases: {main: {engine: postgresql}}\n",
    );
    assert_eq!(run(root, &["check", "docs"]).status.code(), Some(2));
    assert_eq!(piped(root, &["check", "-"], "").status.code(), Some(2));
    // A platform that only its own overlay describes is a platform.
    write(
        root,
        "stated/cofferdam.yaml",
        "databases: {main: {engine: postgresql}}\n",
    );
    assert_ne!(run(root, &["check", "stated"]).status.code(), Some(2));
    write(root, "stated/cofferdam.yaml", "targets: {detection: 60s}\n");
    assert_eq!(run(root, &["check", "stated"]).status.code(), Some(2));
}

#[test]
fn files_of_every_reader_are_something_to_check() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    for (path, text) in [
        (
            "pgbouncer.ini",
            "[databases]\nmain = host=db\n[pgbouncer]\npool_mode = transaction\nmax_client_conn = 100\n",
        ),
        ("main.tf", "variable \"a\" {}\n"),
        ("app.env", "DB_POOL_SIZE=5\n"),
        ("compose.yaml", "services: {web: {image: \"nginx:1\"}}\n"),
        (
            "deploy.sh",
            "gcloud run deploy web --image=web:1 --region=europe-west1\n",
        ),
    ] {
        let alone = root.join(path.replace('.', "-"));
        write(&alone, path, text);
        let output = run(&alone, &["check", "."]);
        assert_ne!(output.status.code(), Some(2), "{path}: {}", stderr(&output));
    }
}

#[test]
fn unreadable_configuration_does_not_count_as_nothing_to_check() {
    let directory = repository();
    let root = directory.path();
    write(root, "broken/a.yaml", "apiVersion: v1\nkind: [Pod\n");
    let output = run(root, &["check", "broken", "--allow-empty"]);
    assert_eq!(output.status.code(), Some(2));
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        text.contains("nothing was checked: the configuration here cannot be read"),
        "{text}"
    );
    let output = run(root, &["simulate", "broken", "--allow-empty"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        stderr(&output).contains("nothing in broken could be read"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn a_file_that_was_not_given_is_not_reported_as_missing() {
    let directory = repository();
    let root = directory.path();
    write(root, "k/kustomization.yaml", "resources: [api.yaml, gone.yaml]\n");
    write(root, "k/api.yaml", &deployment("api"));
    write(
        root,
        "variable/main.tf",
        "resource \"aws_db_instance\" \"a\" { engine = var.engine }\n",
    );
    write(root, "module/main.tf", "module \"m\" { source = \"./m\" }\n");
    write(
        root,
        "compose/compose.yaml",
        "services: {web: {image: web, env_file: web.env}}\n",
    );
    for path in [
        "k/kustomization.yaml",
        "variable/main.tf",
        "module/main.tf",
        "compose/compose.yaml",
    ] {
        let part = report(root, &[path]);
        assert!(subjects(&part, "dangling-reference").is_empty(), "{path}");
        let directory = path.split('/').next().unwrap();
        let whole = report(root, &[directory]);
        assert!(!subjects(&whole, "dangling-reference").is_empty(), "{path}");
    }
    let part = report(root, &["k/kustomization.yaml"]).to_string();
    assert!(part.contains("`api.yaml` was not given and not read"), "{part}");
}

#[test]
fn simulate_accepts_several_paths_and_streams() {
    let directory = repository();
    let root = directory.path();
    let simulated = |arguments: &[&str], input: &str| {
        let all = [
            &[
                "simulate",
                "--scenario",
                "rolling-restart",
                "--runs",
                "2",
                "--format",
                "json",
            ],
            arguments,
        ]
        .concat();
        let output = piped(root, &all, input);
        assert_ne!(output.status.code(), Some(2), "{}", stderr(&output));
        json(&output)
    };
    let whole = simulated(&["services"], "");
    assert_eq!(simulated(&["services/api", "services/worker"], ""), whole);
    let stream = format!("{}---\n{}", deployment("api"), deployment("worker"));
    let piped = simulated(&["-"], &stream);
    let results = |report: &Value| report["rehearsals"][0]["results"].as_array().map_or(0, Vec::len);
    let needs = |report: &Value| report["rehearsals"][0]["needs"].as_array().map_or(0, Vec::len);
    assert_eq!((results(&piped), needs(&piped)), (results(&whole), needs(&whole)));
    assert!(results(&whole) + needs(&whole) > 0);
}

#[test]
fn init_writes_to_the_root_of_the_given_paths() {
    let directory = repository();
    let root = directory.path();
    let output = run(root, &["init", "services/api/api.yaml", "services/worker"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let text = std::fs::read_to_string(root.join("services/cofferdam.yaml")).unwrap();
    assert!(
        text.contains("  api:\n") && text.contains("  worker:\n"),
        "{text}"
    );
    // The one above is used, so another one below it would take its place.
    let output = run(root, &["init", "services/api"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("already exists"), "{}", stderr(&output));
    assert!(!root.join("services/api/cofferdam.yaml").exists());
    let apart = tempfile::tempdir().unwrap();
    let output = piped(apart.path(), &["init", "-"], &deployment("a"));
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("add --print"), "{}", stderr(&output));
    let output = piped(apart.path(), &["init", "-", "--print"], &deployment("a"));
    assert!(output.status.success());
    assert!(String::from_utf8_lossy(&output.stdout).contains("  a:\n"));
}

#[test]
fn help_explains_paths_and_the_overlay() {
    for command in ["check", "simulate", "init", "facts"] {
        let output = cofferdam().args([command, "--help"]).output().unwrap();
        let help = String::from_utf8(output.stdout).unwrap();
        for wanted in [
            "nearest common directory",
            "--config",
            "--allow-empty",
            " -",
            "standard input",
        ] {
            assert!(help.contains(wanted), "{command}: {wanted}\n{help}");
        }
    }
}

#[test]
fn an_overlay_without_its_base_does_not_pass() {
    let directory = repository();
    let root = directory.path();
    write(root, "deploy/base/kustomization.yaml", "resources: [api.yaml]\n");
    write(root, "deploy/base/api.yaml", &deployment("api"));
    write(
        root,
        "deploy/overlays/prod/kustomization.yaml",
        "resources: [../../base]\n",
    );
    let output = run(root, &["check", "deploy/overlays/prod"]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let error = stderr(&output);
    assert!(
        error.contains("not judged: deploy/overlays/prod; `../../base`") && error.contains("--allow-empty"),
        "{error}"
    );
    let value = run(root, &["check", "deploy/overlays/prod", "--format", "json"]);
    assert_eq!(value.status.code(), Some(2));
    assert_eq!(json(&value)["summary"]["nothing_to_check"], true);
    let allowed = run(root, &["check", "deploy/overlays/prod", "--allow-empty"]);
    assert_eq!(allowed.status.code(), Some(0));
    assert!(String::from_utf8_lossy(&allowed.stdout).starts_with("nothing was judged"));
    // With its base, or with other objects of its own, there is something to judge.
    assert_ne!(run(root, &["check", "deploy"]).status.code(), Some(2));
    let own = "resources: [../../base, own.yaml]\n";
    write(root, "deploy/overlays/prod/kustomization.yaml", own);
    write(root, "deploy/overlays/prod/own.yaml", &deployment("own"));
    assert_ne!(
        run(root, &["check", "deploy/overlays/prod"]).status.code(),
        Some(2)
    );
}

#[test]
fn a_rehearsal_of_nothing_does_not_pass() {
    let directory = repository();
    let arguments = ["simulate", ".", "--scenario", "cell-failover"];
    let output = run(directory.path(), &arguments);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stdout).contains("nothing to rehearse here"));
    let allowed = [&arguments[..], &["--allow-empty"]].concat();
    assert_eq!(run(directory.path(), &allowed).status.code(), Some(0));
}
