//! Tests of `cofferdam simulate --trace` and `--replay`, run as people run them.

use crate::{cofferdam, repository};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// Runs `simulate`: exit code, standard output, standard error.
fn simulate(arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = cofferdam()
        .arg("simulate")
        .args(arguments)
        .current_dir(repository(""))
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

/// A trace of these scenarios of the example.
fn recorded(directory: &Path, scenarios: &[&str]) -> PathBuf {
    let file = directory.join("trace.jsonl");
    let mut arguments = vec!["examples/clean-platform", "--runs", "1", "--force", "--trace"];
    arguments.push(file.to_str().unwrap());
    arguments.extend(scenarios.iter().flat_map(|name| ["--scenario", name]));
    let (code, _, said) = simulate(&arguments);
    assert_eq!(code, Some(0), "{said}");
    file
}

fn replay(file: &Path) -> (Option<i32>, String, String) {
    simulate(&["--replay", file.to_str().unwrap()])
}

/// Replays the lines after one of them was changed.
fn replay_of(directory: &Path, lines: &[String]) -> (Option<i32>, String, String) {
    let file = directory.join("changed.jsonl");
    std::fs::write(&file, lines.join("\n") + "\n").unwrap();
    replay(&file)
}

fn lines(file: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(file).unwrap();
    text.lines().map(str::to_owned).collect()
}

#[test]
fn the_example_s_trace_replays_and_every_line_matches_the_published_schema() {
    let directory = tempfile::tempdir().unwrap();
    let file = recorded(
        directory.path(),
        &["cell-failover", "retry-storm", "alert-blind-spot"],
    );
    let (code, said, complaint) = replay(&file);
    assert_eq!(code, Some(0), "{said}{complaint}");
    assert!(said.contains("every one the same"), "{said}");
    for (decisions, entity) in [
        ("186", "traffic shift"),
        ("", "callers → data-collector, as configured, retries"),
        ("260", "data-collector autoscaler: not a policy, not replayed"),
    ] {
        let found = said
            .lines()
            .any(|line| line.contains(entity) && line.contains(decisions));
        assert!(found, "{entity}: {said}");
    }
    let (code, said, _) = simulate(&["--replay", file.to_str().unwrap(), "--verbose"]);
    assert_eq!(code, Some(0));
    let words = "with a breaker and a retry budget, breaker: opened the breaker: ";
    assert!(
        said.lines()
            .any(|line| line.starts_with("+00:") && line.contains(words)),
        "{said}"
    );
    let schema = std::fs::read_to_string(repository("schemas/trace.schema.json")).unwrap();
    let validator = jsonschema::validator_for(&serde_json::from_str(&schema).unwrap()).unwrap();
    for (number, line) in lines(&file).iter().enumerate() {
        // The steps of a policy are all alike.
        if number % 10 == 0 || !line.starts_with("{\"steps\"") {
            let value: Value = serde_json::from_str(line).unwrap();
            let errors: Vec<String> = validator.iter_errors(&value).map(|e| e.to_string()).collect();
            assert!(errors.is_empty(), "line {}: {errors:#?}", number + 1);
        }
    }
}

#[test]
fn a_changed_setting_input_or_decision_parts_and_the_decision_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let lines = lines(&recorded(directory.path(), &["retry-storm"]));
    let breaker = lines
        .iter()
        .position(|line| line.contains("\"policy\":\"breaker\""))
        .unwrap();
    let of = |line: &str, what: &str| line.starts_with("{\"steps\":{\"of\":3,") && line.contains(what);
    let steps = lines.iter().position(|line| of(line, "opened")).unwrap();
    for (line, from, to) in [
        (breaker, "\"failure_share\":0.5", "\"failure_share\":0.6"),
        // The tries that failed have succeeded; the breaker does not open any more.
        (steps, "\"outcome\":\"failure\"", "\"outcome\":\"success\""),
        (steps, "\"opened\":{\"failed\"", "\"opened\":{\"slow\""),
    ] {
        let mut changed = lines.clone();
        changed[line] = changed[line].replacen(from, to, 1);
        assert_ne!(changed[line], lines[line], "{from}");
        let (code, said, complaint) = replay_of(directory.path(), &changed);
        assert_eq!(code, Some(1), "{from}: {said}{complaint}");
        for part in [
            "line ",
            "decision ",
            "with a breaker and a retry budget, breaker",
            "recorded",
            "replayed",
        ] {
            assert!(said.contains(part), "{part}: {said}");
        }
        let number: usize = said.split([' ', ':']).nth(1).unwrap().parse().unwrap();
        assert!(number > line, "{said}");
    }
}

#[test]
fn a_trace_that_cannot_be_read_is_an_error_with_its_line() {
    let directory = tempfile::tempdir().unwrap();
    let lines = lines(&recorded(directory.path(), &["cell-failover"]));
    let of = |change: &dyn Fn(&mut Vec<String>)| {
        let mut changed = lines.clone();
        change(&mut changed);
        replay_of(directory.path(), &changed)
    };
    for (change, words) in [
        (
            &(|all: &mut Vec<String>| drop(all.pop())) as &dyn Fn(&mut Vec<String>),
            "cut off",
        ),
        (&|all| all.truncate(3), "line 4: the trace is cut off"),
        (&|all| all[2].truncate(200), "line 3: it is not a line of a trace"),
        (
            &|all| all[0] = all[0].replace("\"version\":1", "\"version\":7"),
            "version 7",
        ),
        (&|all| drop(all.remove(0)), "line 1: this is not a trace"),
    ] {
        let (code, said, complaint) = of(change);
        assert_eq!(code, Some(2), "{words}: {said}");
        assert!(complaint.contains(words), "{words}: {complaint}");
    }
    let nothing = directory.path().join("nothing");
    assert_eq!(replay(&nothing).0, Some(2));
    std::fs::write(&nothing, [b'{', 0xff, b'\n']).unwrap();
    let (code, _, complaint) = replay(&nothing);
    assert_eq!(code, Some(2));
    assert!(complaint.contains("line 1 is not UTF-8"), "{complaint}");
}

#[test]
fn a_replay_takes_no_platform() {
    let (code, _, complaint) = simulate(&["examples/clean-platform", "--replay", "x"]);
    assert_eq!(code, Some(2));
    assert!(complaint.contains("cannot be used with"), "{complaint}");
}
