//! `cofferdam facts`: every fact that people can state, known or not.

use crate::{cofferdam, repository};
use serde_json::Value;
use std::process::Output;

const EXAMPLE: &str = "examples/clean-platform";

fn facts(arguments: &[&str]) -> Output {
    cofferdam()
        .current_dir(repository("."))
        .arg("facts")
        .args(arguments)
        .output()
        .unwrap()
}

fn json(arguments: &[&str]) -> Value {
    let output = facts(&[arguments, &["--format", "json"]].concat());
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The fact of a path in the only environment.
fn fact<'a>(report: &'a Value, path: &str) -> &'a Value {
    let environments = report["environments"].as_array().unwrap();
    assert_eq!(environments.len(), 1);
    let all = environments[0]["facts"].as_array().unwrap();
    all.iter()
        .find(|fact| fact["path"] == path)
        .unwrap_or_else(|| panic!("no {path}"))
}

#[test]
fn every_fact_has_its_value_in_a_unit_and_its_place() {
    let report = json(&[EXAMPLE, "--environment", "prod"]);
    let schema = std::fs::read_to_string(repository("schemas/facts.schema.json")).unwrap();
    let validator = jsonschema::validator_for(&serde_json::from_str(&schema).unwrap()).unwrap();
    let errors: Vec<String> = (validator.iter_errors(&report))
        .map(|e| format!("{}: {e}", e.instance_path()))
        .collect();
    assert!(errors.is_empty(), "{errors:#?}");
    let rate = fact(&report, "services.data-collector.requests_per_second");
    assert_eq!((&rate["value"], &rate["unit"]), (&7000.0.into(), &"1/s".into()));
    assert_eq!(rate["source"]["kind"], "stated");
    assert_eq!(rate["source"]["path"], "cofferdam.yaml");
    let most = fact(&report, "services.data-collector.replicas.max");
    assert_eq!(
        (&most["value"], &most["source"]["kind"]),
        (&50.into(), &"declared".into())
    );
    let size = fact(&report, "services.data-collector.pool.size");
    assert_eq!(
        (&size["value"], &size["source"]["kind"]),
        (&10.into(), &"assumed".into())
    );
    let unknown = fact(&report, "services.cell-router.service_time");
    assert!(unknown["value"].is_null() && unknown["source"].is_null());
    assert!(unknown["decides"].as_str().unwrap().contains("works on at once"));
    let target = &report["everywhere"][0];
    assert_eq!(
        (&target["path"], &target["value"]),
        (&"targets.detection".into(), &60.0.into())
    );
}

#[test]
fn people_see_what_is_known_and_on_request_how_to_state_the_rest() {
    let text = |arguments: &[&str]| String::from_utf8(facts(arguments).stdout).unwrap();
    let known = text(&[EXAMPLE, "--environment", "production"]);
    let line = known
        .lines()
        .find(|line| line.trim().starts_with("requests_per_second"))
        .unwrap();
    assert!(
        line.contains("7,000/s") && line.ends_with("cofferdam.yaml:6"),
        "{line}"
    );
    assert!(
        known.contains("more can be stated)") && !known.contains("not known"),
        "{known}"
    );
    let all = text(&[EXAMPLE, "--environment", "production", "--missing"]);
    let wanted = "taken: one process a replica; services.cell-router.processes: 1";
    assert!(all.contains(wanted), "{all}");
    let given = text(&[
        EXAMPLE,
        "--environment",
        "production",
        "--set",
        "services.cell-router.processes=7",
    ]);
    let line = given
        .lines()
        .find(|line| line.trim().starts_with("processes"))
        .unwrap();
    assert!(line.contains(" 7 ") && line.ends_with("--set:3"), "{line}");
}

#[test]
fn an_environment_that_does_not_exist_is_refused() {
    let output = facts(&[EXAMPLE, "--environment", "nowhere"]);
    assert_eq!(output.status.code(), Some(2));
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(told.contains("there is no environment `nowhere` here"), "{told}");
}
