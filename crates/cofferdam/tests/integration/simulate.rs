//! Tests of `cofferdam simulate`, run as people run it.

use crate::{cofferdam, repository};
use serde_json::Value;
use std::process::Output;

fn simulate(arguments: &[&str]) -> Output {
    cofferdam()
        .arg("simulate")
        .args(arguments)
        .current_dir(repository(""))
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn figure<'a>(report: &'a Value, scenario: &str, name: &str) -> &'a Value {
    let rehearsals = report["rehearsals"].as_array().unwrap();
    let found = rehearsals.iter().find(|r| r["scenario"] == scenario).unwrap();
    let results = found["results"].as_array().unwrap();
    let mut figures = results.iter().flat_map(|r| r["figures"].as_array().unwrap());
    figures
        .find(|f| f["name"] == name)
        .unwrap_or_else(|| panic!("{scenario}: no figure {name}"))
}

#[test]
fn the_example_is_rehearsed_and_matches_the_published_schema() {
    let output = simulate(&[
        "examples/clean-platform",
        "--all",
        "--runs",
        "2",
        "--format",
        "json",
    ]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let schema = std::fs::read_to_string(repository("schemas/rehearsal.schema.json")).unwrap();
    let validator = jsonschema::validator_for(&serde_json::from_str(&schema).unwrap()).unwrap();
    let errors: Vec<String> = validator
        .iter_errors(&report)
        .map(|e| format!("{}: {e}", e.instance_path()))
        .collect();
    assert!(errors.is_empty(), "{errors:#?}");
    for rehearsal in report["rehearsals"].as_array().unwrap() {
        assert!(
            rehearsal["needs"].as_array().unwrap().is_empty(),
            "{}",
            rehearsal["scenario"]
        );
        assert!(
            !rehearsal["results"].as_array().unwrap().is_empty(),
            "{}",
            rehearsal["scenario"]
        );
    }
    // Common beliefs and the correct values: scenario, figure, minimum and maximum.
    let truths = [
        // The survivor of 7,000 and 5,000 requests a second gets 240 % of its capacity, 2.4 times its
        // traffic.
        (
            "cell-failover",
            "load of the survivors, by capacity",
            240.0,
            240.0,
        ),
        (
            "cell-failover",
            "traffic of the survivors, compared with before",
            2.4,
            2.4,
        ),
        // Checks for 20 to 30 s, then a cache of 60 s.
        ("cell-failover", "time until the last router knows", 20.0, 90.0),
        // 2,000 wanted, 995 available.
        (
            "connection-storm",
            "connections missing at full scale",
            1005.0,
            1005.0,
        ),
        (
            "connection-storm",
            "share of the connections that is missing",
            50.25,
            50.25,
        ),
        // 50 members on 12 partitions.
        (
            "consumer-cascade",
            "members without a partition at full scale",
            38.0,
            38.0,
        ),
        ("rebalance-storm", "rebalances", 100.0, 100.0),
        // 350 ÷ 3 and 350, Poisson.
        (
            "leader-failover",
            "acknowledged messages lost with the first broker",
            70.0,
            170.0,
        ),
        (
            "leader-failover",
            "acknowledged messages lost when each has died once",
            270.0,
            430.0,
        ),
        // Neither 3 minutes nor 60 s; more than a quarter of the budget; full scale behind a window of 60 s.
        (
            "alert-blind-spot",
            "time to the page, all requests fail",
            360.0,
            425.0,
        ),
        (
            "alert-blind-spot",
            "error budget burned before the page",
            27.0,
            33.0,
        ),
        (
            "alert-blind-spot",
            "time to the largest number of replicas",
            165.0,
            180.0,
        ),
        (
            "alert-blind-spot",
            "replicas when somebody is alerted",
            50.0,
            50.0,
        ),
        // The graph shows no problem, but the replica is throttled.
        ("cpu-throttle", "what a graph of use by limit shows", 20.0, 50.0),
        ("cpu-throttle", "periods in which it is stopped", 85.0, 100.0),
    ];
    for (scenario, name, least, most) in truths {
        let mean = figure(&report, scenario, name)["mean"].as_f64().unwrap();
        assert!(
            mean >= least - 1e-9 && mean <= most + 1e-9,
            "{scenario}: {name} is {mean}"
        );
    }
}

#[test]
fn the_same_seed_gives_the_same_report_and_trace_with_one_thread_or_two() {
    let directory = tempfile::tempdir().unwrap();
    let run = |threads: &str, seed: &str| {
        let trace = directory.path().join(format!("{threads}-{seed}"));
        let output = cofferdam()
            .args([
                "simulate",
                "examples/clean-platform",
                "--runs",
                "3",
                "--format",
                "json",
                "--seed",
                seed,
            ])
            .args([
                "--scenario",
                "cell-failover",
                "--scenario",
                "retry-storm",
                "--scenario",
                "alert-blind-spot",
            ])
            .arg("--trace")
            .arg(&trace)
            .env("RAYON_NUM_THREADS", threads)
            .current_dir(repository(""))
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        (output.stdout, std::fs::read(trace).unwrap())
    };
    let first = run("1", "7");
    assert!(!first.1.is_empty());
    assert!(first == run("2", "7"));
    assert!(first.0 != run("2", "8").0);
}

#[test]
fn a_missing_fact_is_asked_for_with_the_line_to_add() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(
        directory.path().join("cofferdam.yaml"),
        "cells: {a: {capacity: 10}, b: {capacity: 10}}\n",
    )
    .unwrap();
    let run = |more: &[&str]| {
        let output = cofferdam()
            .arg("simulate")
            .arg(directory.path())
            .args(["--scenario", "cell-failover", "--runs", "2"])
            .args(more)
            .output()
            .unwrap();
        (output.status.code(), text(&output.stdout))
    };
    let (code, words) = run(&[]);
    assert_eq!(code, Some(1));
    assert!(words.contains("--set cells.a.requests_per_second="), "{words}");
    assert!(words.contains("        requests_per_second: 1000"), "{words}");
    let (code, words) = run(&[
        "--set",
        "cells.a.requests_per_second=4",
        "--set",
        "cells.b.requests_per_second=4",
    ]);
    assert_eq!(code, Some(0), "{words}");
    assert!(words.contains("80 %"), "{words}");
}

#[test]
fn two_platforms_are_compared_side_by_side() {
    let arguments = [
        "examples/clean-platform",
        "--compare",
        "examples/clean-platform-mitigated",
        "--scenario",
        "alert-blind-spot",
        "--runs",
        "3",
    ];
    let output = simulate(&arguments);
    assert_eq!(output.status.code(), Some(0));
    let words = text(&output.stdout);
    assert!(
        words.contains("before") && words.contains("after") && words.contains("difference (95 %)"),
        "{words}"
    );
    // A delay of 0 instead of 120 s: two minutes sooner, and still far from 60 s.
    assert!(words.contains("−120"), "{words}");
}

#[test]
fn the_end_of_the_trigger_is_not_a_recovery_and_rounding_is_not_a_difference() {
    let compare = |scenario: &str| {
        let arguments = [
            "examples/clean-platform",
            "--compare",
            "examples/clean-platform-mitigated",
            "--scenario",
            scenario,
            "--runs",
            "2",
        ];
        text(&simulate(&arguments).stdout)
    };
    // The collector works again after ten seconds, but no caller gets an answer any more.
    let words = compare("retry-storm");
    assert!(
        words.contains("recovered, before: never in the time that is rehearsed"),
        "{words}"
    );
    // The same group on both sides, with sums of twelfths of 7,000 in them.
    let words = compare("rebalance-storm");
    assert!(!words.contains("0000"), "{words}");
}

/// What is not declared and decides something is named, with what was taken instead.
#[test]
fn every_default_that_decides_something_is_an_assumption() {
    let directory = tempfile::tempdir().unwrap();
    let overlay = "
services:
  api: {requests_per_second: 100, capacity_per_pod: 60, service_time: 20ms, replicas: {min: 2, max: 4}, callers: {timeout: 2s, attempts: 3, backoff: 50ms}}
cells:
  a: {capacity: 100, requests_per_second: 50}
  b: {capacity: 100, requests_per_second: 50}
databases: {main: {max_connections: 100}}
";
    let code = "from sqlalchemy import create_engine\nengine = create_engine(\"postgresql+psycopg2://u@main/db\", pool_size=20)\n";
    let workload = "
apiVersion: apps/v1
kind: Deployment
metadata: {name: api}
spec:
  replicas: 4
  template:
    metadata: {labels: {app: api}}
    spec:
      containers:
        - name: api
          image: api
          readinessProbe: {httpGet: {path: /, port: 80}}
          env: [{name: POOL_SIZE, value: \"20\"}]
---
apiVersion: v1
kind: Service
metadata: {name: api}
spec: {selector: {app: api}, ports: [{port: 80}]}
";
    for (file, content) in [
        ("cofferdam.yaml", overlay),
        ("api/main.py", code),
        ("api.yaml", workload),
    ] {
        let file = directory.path().join(file);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, content).unwrap();
    }
    let output = simulate(&[
        directory.path().to_str().unwrap(),
        "--runs",
        "1",
        "--format",
        "json",
        "--set",
        "services.api.connections_per_pod=20",
    ]);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let assumptions = |scenario: &str| -> Vec<String> {
        let rehearsals = report["rehearsals"].as_array().unwrap();
        let found = rehearsals.iter().find(|one| one["scenario"] == scenario).unwrap();
        let results = found["results"].as_array().unwrap().iter();
        let all = results.flat_map(|one| one["assumptions"].as_array().unwrap());
        all.map(|one| one.as_str().unwrap().to_owned()).collect()
    };
    for (scenario, words) in [
        (
            "cell-failover",
            "routers keep no routing decision in a cache: none is declared",
        ),
        ("cell-failover", "moves by at most 10 points every 5 s"),
        ("grey-failure", "a comparison with peers is made every 10 s"),
        ("retry-storm", "up to 32 times the first (full jitter)"),
        ("rolling-restart", "initialDelaySeconds is 0, Kubernetes' default"),
        ("rolling-restart", "periodSeconds is 10 s, Kubernetes' default"),
        (
            "connection-storm",
            "a new replica of api is ready at once: `services.api.start_up_time` is not declared",
        ),
        (
            "connection-storm",
            "api has its largest number of replicas from the beginning",
        ),
    ] {
        let known = assumptions(scenario);
        assert!(
            known.iter().any(|one| one.contains(words)),
            "{scenario}: {words}: {known:#?}"
        );
    }
}

#[test]
fn a_comparison_begins_with_the_worst_and_shows_cases_that_only_one_side_has() {
    let arguments = [
        "examples/clean-platform",
        "--compare",
        "examples/clean-platform-mitigated",
        "--scenario",
        "connection-storm",
        "--runs",
        "2",
    ];
    let words = text(&simulate(&arguments).stdout);
    // The pooler's image reads none of its settings: most requests fail.
    let case = "clean-platform-production, pgbouncer without the settings that its image does not read";
    let lines: Vec<&str> = words.lines().collect();
    assert!(
        lines[1].contains("worst case, after: connection-storm, clean-platform-production"),
        "{words}"
    );
    let heads: Vec<&str> = lines
        .iter()
        .copied()
        .filter(|line| line.starts_with("connection-storm: "))
        .collect();
    assert_eq!(
        heads,
        [
            format!("connection-storm: {case} (only after the change)").as_str(),
            "connection-storm: clean-platform-production"
        ]
    );
    let fail = "requests that fail without a connection, at full scale (%)";
    let failing = lines.iter().find(|line| line.contains(fail)).unwrap();
    let (_, after) = failing.split_once('–').unwrap();
    assert!(after.trim().parse::<f64>().unwrap() > 50.0, "{failing}");
    // Nothing fails, and nothing that failed recovers, are two things.
    assert!(
        words.contains("first cause, before: there is no such case"),
        "{words}"
    );
    assert!(
        words.contains("recovered, before: never in the time that is rehearsed"),
        "{words}"
    );
    assert!(words.contains("recovered, after: nothing fails"), "{words}");
    assert!(!words.contains(": none"), "{words}");
}

#[test]
fn a_comparison_with_a_missing_fact_says_so_and_traces_both_sides() {
    let directory = tempfile::tempdir().unwrap();
    let platform = |name: &str, more: &str| {
        let path = directory.path().join(name);
        std::fs::create_dir(&path).unwrap();
        let cells =
            format!("cells:\n  a: {{capacity: 10, requests_per_second: 4}}\n  b: {{capacity: 10{more}}}\n");
        std::fs::write(path.join("cofferdam.yaml"), cells).unwrap();
        path
    };
    let known = platform("known", ", requests_per_second: 4");
    let unknown = platform("unknown", "");
    let trace = directory.path().join("trace");
    let run = |other: &std::path::Path| {
        let output = cofferdam()
            .arg("simulate")
            .arg(&known)
            .arg("--compare")
            .arg(other)
            .args(["--scenario", "cell-failover", "--runs", "1", "--trace"])
            .arg(&trace)
            .arg("--force")
            .output()
            .unwrap();
        (output.status.code(), text(&output.stdout))
    };
    let (code, words) = run(&unknown);
    assert_eq!(code, Some(1));
    assert!(words.contains("cells.b.requests_per_second"), "{words}");
    assert_eq!(run(&known).0, Some(0));
    let lines = std::fs::read_to_string(&trace).unwrap();
    for side in ["before", "after"] {
        assert!(lines.contains(&format!("\"side\":\"{side}\"")), "{side}");
    }
}

#[test]
fn a_pooler_is_rehearsed_as_declared_and_as_its_image_runs_it() {
    let output = simulate(&[
        "examples/clean-platform-mitigated",
        "--scenario",
        "connection-storm",
        "--runs",
        "2",
        "--format",
        "json",
    ]);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let results = report["rehearsals"][0]["results"].as_array().unwrap();
    let mean = |case: usize, name: &str| {
        let figures = results[case]["figures"].as_array().unwrap();
        let figure = figures.iter().find(|figure| figure["name"] == name);
        figure.unwrap_or_else(|| panic!("no figure {name}"))["mean"]
            .as_f64()
            .unwrap()
    };
    assert_eq!(results.len(), 2);
    let (missing, may, failing) = (
        "connections missing at full scale",
        "connections that the pooler may open to the server",
        "requests that fail without a connection, at full scale",
    );
    // 3 × 100 by max_db_connections, with a user for each replica; 28 of them are busy.
    assert_eq!(
        (mean(0, missing), mean(0, may), mean(0, failing)),
        (0.0, 300.0, 0.0)
    );
    // PgBouncer's defaults: 3 × 100 clients of 3 services × 50 × 5.
    assert_eq!((mean(1, missing), mean(1, may)), (450.0, 300.0));
    assert!(mean(1, failing) > 50.0);
}

#[test]
fn charts_are_one_svg_document() {
    let output = simulate(&[
        "examples/clean-platform",
        "--scenario",
        "cell-failover",
        "--runs",
        "1",
        "--format",
        "svg",
    ]);
    let svg = text(&output.stdout);
    assert!(svg.starts_with("<svg ") && svg.trim_end().ends_with("</svg>"));
    for part in [
        "prefers-color-scheme:dark",
        "requests served in time (%)",
        "95 % interval",
        "<path d=\"M",
    ] {
        assert!(svg.contains(part), "{part}");
    }
    assert!(!svg.contains("NaN"));
    // A renderer without variables or without style sheets draws it too: each element has its own colour.
    assert!(
        !svg.contains("var("),
        "variables are black where nobody knows them"
    );
    for element in svg
        .lines()
        .filter(|line| line.starts_with('<') && !line.contains("<svg"))
    {
        let coloured = element.contains(" fill=\"#") || element.contains(" stroke=\"#");
        assert!(coloured || element == "</svg>", "{element}");
    }
}

#[test]
fn a_misspelt_scenario_or_option_is_an_error() {
    for (arguments, words) in [
        (
            &["examples/clean-platform", "--scenario", "cell-failovr"][..],
            "did you mean `cell-failover`?",
        ),
        (
            &["examples/clean-platform", "--set", "nonsense"][..],
            "FACT=VALUE",
        ),
        (
            &["examples/clean-platform", "--set", "servces.a.b=1"][..],
            "unknown key",
        ),
        (
            &["examples/clean-platform", "--environment", "moon"][..],
            "there is no environment `moon`",
        ),
        (&["no/such/place"][..], "cannot read"),
    ] {
        let output = simulate(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        let said = text(&output.stderr);
        assert!(said.contains(words), "{arguments:?}: {said}");
    }
}

#[test]
fn check_shows_the_worst_cascade_first() {
    let output = cofferdam()
        .args([
            "check",
            "examples/clean-platform",
            "--simulate",
            "--min-severity",
            "critical",
        ])
        .current_dir(repository(""))
        .output()
        .unwrap();
    let words = text(&output.stdout);
    assert!(
        words.starts_with("worst cascade rehearsed: "),
        "{}",
        &words[..200]
    );
    assert!(words.contains("first cause: "));
    let output = cofferdam()
        .args([
            "check",
            "examples/clean-platform",
            "--simulate",
            "--min-severity",
            "critical",
            "--format",
            "json",
        ])
        .current_dir(repository(""))
        .output()
        .unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(!report["rehearsals"].as_array().unwrap().is_empty());
}

#[test]
fn a_trace_replaces_no_file_unless_it_is_told_to() {
    let directory = tempfile::tempdir().unwrap();
    let trace = directory.path().join("kept");
    std::fs::write(&trace, "mine").unwrap();
    let file = trace.to_str().unwrap();
    let platform = "examples/clean-platform";
    let usual = [
        platform,
        "--scenario",
        "cell-failover",
        "--runs",
        "1",
        "--trace",
        file,
    ];
    let refused = simulate(&usual);
    assert_eq!(refused.status.code(), Some(2));
    let said = text(&refused.stderr);
    assert!(
        said.contains("already exists") && said.contains("--force"),
        "{said}"
    );
    assert!(refused.stdout.is_empty(), "nothing is rehearsed first");
    assert_eq!(std::fs::read_to_string(&trace).unwrap(), "mine");
    let mut forced = usual.to_vec();
    forced.push("--force");
    assert_eq!(simulate(&forced).status.code(), Some(0));
    assert!(std::fs::read_to_string(&trace).unwrap().contains("cell-failover"));
    let left: Vec<_> = std::fs::read_dir(directory.path()).unwrap().collect();
    assert_eq!(left.len(), 1);
    // A stream is no file that could be lost.
    if cfg!(unix) {
        let mut to_stream = usual.to_vec();
        to_stream[6] = "/dev/null";
        assert_eq!(simulate(&to_stream).status.code(), Some(0));
    }
    let alone = simulate(&[platform, "--force"]);
    assert_eq!(alone.status.code(), Some(2), "--force belongs to --trace");
}
