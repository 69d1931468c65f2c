//! JSON reports of every version, as they were written for one small platform. Programs read them: every key of an earlier
//! version is in the newest one, at the same place and with the same meaning.

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/integration/golden")
        .join(name)
}

fn read(name: &str) -> Value {
    let text = std::fs::read_to_string(golden(name)).unwrap();
    serde_json::from_str(&text.replace("THIS_VERSION", env!("CARGO_PKG_VERSION"))).unwrap()
}

/// What the command writes for the platform, and its exit status.
fn written(args: &[&str]) -> (Value, i32) {
    let output = Command::new(env!("CARGO_BIN_EXE_cofferdam"))
        .args(args)
        .args([".", "--format", "json"])
        .current_dir(golden("platform"))
        .output()
        .unwrap();
    (
        serde_json::from_slice(&output.stdout).unwrap(),
        output.status.code().unwrap(),
    )
}

/// The places where `new` lacks a key of `old`, or has another value there.
fn differences(old: &Value, new: &Value, place: &str, found: &mut Vec<String>) {
    match (old, new) {
        (Value::Object(old), Value::Object(new)) => {
            for (key, value) in old {
                match new.get(key) {
                    Some(now) => differences(value, now, &format!("{place}.{key}"), found),
                    None => found.push(format!("{place}.{key} is missing")),
                }
            }
        }
        (Value::Array(old), Value::Array(new)) if old.len() == new.len() => {
            for (at, (old, new)) in old.iter().zip(new).enumerate() {
                differences(old, new, &format!("{place}[{at}]"), found);
            }
        }
        _ if old == new => {}
        _ => found.push(format!("{place}: {old} is {new}")),
    }
}

fn assert_kept(old: &str, new: &Value) {
    let mut found = Vec::new();
    let mut old = read(old);
    assert_eq!(old["version"], 1);
    old["version"] = new["version"].clone();
    differences(&old, new, "", &mut found);
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn a_report_of_version_2_has_every_key_of_version_1_at_its_place() {
    let (report, status) = written(&["check"]);
    assert_kept("report-1.json", &report);
    assert_eq!(report["exit_status"], status);
    assert_eq!(report, read("report-2.json"), "{report:#}");
}

#[test]
fn rehearsals_of_version_2_have_every_key_of_version_1_at_its_place() {
    let (report, status) = written(&["simulate", "--runs", "2"]);
    assert_kept("rehearsal-1.json", &report);
    assert_eq!(report["exit_status"], status);
    assert_eq!(report, read("rehearsal-2.json"), "{report:#}");
}

#[test]
fn an_exit_status_in_a_report_is_the_one_of_the_process() {
    for args in [
        &["check", "--fail-on", "critical"][..],
        &["check", "--rule", "single-replica"],
        &["check", "--rule", "image-mutable-tag"],
        &["simulate", "--scenario", "cell-failover"],
        &["simulate", "--scenario", "cell-failover", "--allow-empty"],
        &["simulate", "--scenario", "rolling-restart"],
    ] {
        let (report, status) = written(args);
        assert_eq!(report["exit_status"], status, "{args:?}");
    }
}
