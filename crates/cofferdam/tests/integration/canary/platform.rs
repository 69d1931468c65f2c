//! A whole platform with secrets beside the facts that every command shows: what is rehearsed has results.

use super::canaries::Canary;
use super::{leaks, none, printed};
use crate::repository;
use std::path::Path;

/// Settings, one after each number of the platform, each with the secret in another form.
const BESIDE: &[&str] = &[
    "password: @@",
    "TOKEN=@@",
    "curl -u app:@@ x",
    "postgres://app:@@@db/app",
    "dbpass: @@",
];

/// A line of YAML as it is, with a secret in a remark behind it if it ends with a number.
fn with_remark(line: &str, number: usize) -> String {
    let value = line.rsplit_once(": ").map_or("", |(_, value)| value);
    if value.is_empty() || !value.bytes().all(|b| b.is_ascii_digit()) {
        return line.to_owned();
    }
    format!("{line} # {}", BESIDE[number % BESIDE.len()])
}

/// Files beside those of the example.
const MORE: &[(&str, &str)] = &[
    (
        "k8s/base/more/deployment.yaml",
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: more}\nspec:\n  replicas: 1\n  selector: {matchLabels: {app: more}}\n  template:\n    \
         metadata: {labels: {app: more}}\n    spec:\n      containers:\n        - name: more\n          image: more:latest\n          \
         command: [sh, -c, \"redis-cli -a @@ ping; mysql -p@@ app\"]\n          args: [--password, \"@@\"]\n          env:\n            \
         - {name: DBPASS, value: \"@@\"}\n            - name: DATABASE_URL\n              value: postgres://app:@@@db/app\n            \
         - {name: SENHA, value: \"@@\"}\n          envFrom: [{secretRef: {name: made}}]\n",
    ),
    (
        "k8s/base/more/kustomization.yaml",
        "resources: [deployment.yaml]\nsecretGenerator:\n- name: made\n  envs: [made.env]\n- name: other\n  literals: [\"x=@@\"]\n",
    ),
    ("k8s/base/more/made.env", "anything=@@\nDB_PASSWORD=@@\n"),
    (
        "services/more/Dockerfile",
        "FROM x:latest\nENV GITHUB_PAT=@@\nRUN curl -u app:@@ https://x\n",
    ),
];

/// The example's files in a directory, with the secret in them.
fn plant(canary: &Canary, directory: &Path) {
    let example = repository("examples/clean-platform");
    let mut waiting = vec![example.clone()];
    while let Some(from) = waiting.pop() {
        for entry in std::fs::read_dir(&from).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                waiting.push(path);
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            let inside = path.strip_prefix(&example).unwrap();
            let yaml = path.extension().is_some_and(|end| end == "yaml" || end == "yml");
            let text = if yaml {
                let lines = text.lines().enumerate();
                lines
                    .map(|(number, line)| with_remark(line, number) + "\n")
                    .collect()
            } else {
                format!("{text}\n# password: @@\n")
            };
            write(&directory.join(inside), &canary.fill(&text));
        }
    }
    for (path, text) in MORE {
        write(&directory.join(path), &canary.fill(text));
    }
    let base = directory.join("k8s/base/kustomization.yaml");
    let text = std::fs::read_to_string(&base).unwrap();
    write(&base, &text.replacen("resources:\n", "resources:\n  - more\n", 1));
}

fn write(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

#[test]
fn no_report_about_a_whole_platform_shows_a_secret_beside_what_it_is_about() {
    let mut found = Vec::new();
    // Each verb runs over the whole platform: one secret of letters, one of words, one with escapes.
    let kinds = ["letters", "words", "escapes"];
    for canary in Canary::all()
        .into_iter()
        .filter(|canary| kinds.contains(&canary.kind))
    {
        let directory = tempfile::tempdir().unwrap();
        plant(&canary, directory.path());
        let path = directory.path().to_str().unwrap();
        let trace = directory.path().join("trace.jsonl");
        let trace = trace.to_str().unwrap();
        let rehearsal = &["simulate", path, "--runs", "1", "--all"];
        let with = |more: &[&'static str]| [rehearsal, more].concat();
        let runs: &[(Vec<&str>, &str)] = &[
            (vec!["check", path], "metadata-reachable"),
            (vec!["check", path, "--verbose", "--all"], "metadata-reachable"),
            (vec!["check", path, "--quiet"], "metadata-reachable"),
            (vec!["check", path, "--format", "json"], "\"metadata-reachable\""),
            (vec!["check", path, "--explain-scope"], "production"),
            (
                vec!["check", path, "--explain-scope", "--format", "json"],
                "\"production\"",
            ),
            (vec!["check", path, "--simulate"], "metadata-reachable"),
            (with(&[]), "connection-storm"),
            ([rehearsal, &["--trace", trace][..]].concat(), "connection-storm"),
            (vec!["simulate", "--replay", trace], "every one the same"),
            (with(&["--format", "json"]), "\"results\": [{"),
            (with(&["--format", "svg"]), "<svg"),
            ([rehearsal, &["--compare", path][..]].concat(), "connection-storm"),
            (
                [rehearsal, &["--compare", path, "--format", "json"][..]].concat(),
                "connection-storm",
            ),
            (
                [rehearsal, &["--compare", path, "--format", "svg"][..]].concat(),
                "<svg",
            ),
            (vec!["init", path, "--print"], "services"),
        ];
        for (run, wanted) in runs {
            let text = printed(run);
            let results = text.replace(['\n', ' '], "").contains(&wanted.replace(' ', ""));
            assert!(results, "{run:?} has no results: {text}");
            found.extend(leaks(&canary, &run[..1].join(" "), &text));
        }
        let text = std::fs::read_to_string(trace).unwrap();
        assert!(text.lines().count() > 10, "the trace is empty: {text}");
        found.extend(leaks(&canary, "trace", &text));
    }
    none(&found);
}
