//! Statements that are not valid, each an error at its line.

use super::{document, loaded, repo};
use crate::overlay::*;
use proptest::prelude::*;
use std::time::Duration;

fn problems(text: &str) -> Vec<String> {
    loaded(text).unwrap_err()
}

#[test]
fn settings_of_the_check_are_read() {
    let text = "
version: 1
min_severity: medium
targets: {detection: 60s, response: 10m}
registries: {trusted: [registry.example.net/platform/*], open: [registry.example.net/playground/*]}
prices: {pod_hour: 0.12, log_gb_month: 0.03}
rules:
  single-replica: {enabled: false}
  alert-detection-delay: {severity: critical, scrape: 30s, depth: 3}
ignore:
  - {rule: image-mutable-tag, path: 'vendor/**', reason: not ours, until: '2027-03-31'}
paths: {exclude: [fixtures, '**/*.bak.yaml']}
required_variables: [{name: DATABASE_URL, service: api, environments: [prod], shape: 'postgres*'}]
may_differ: [replicas]
";
    let document = document(text);
    let overlay = document.steering();
    assert_eq!(overlay.path, Some(PathBuf::from("cofferdam.yaml")));
    assert_eq!(
        overlay.detection_target.map(|d| d.value),
        Some(Duration::from_secs(60))
    );
    assert_eq!(overlay.response.map(|d| d.value), Some(Duration::from_secs(600)));
    assert_eq!(
        overlay.rules["single-replica"].enabled.as_ref().map(|e| e.value),
        Some(false)
    );
    let rule = &overlay.rules["alert-detection-delay"];
    assert_eq!(rule.severity.as_ref().map(|s| s.value.as_str()), Some("critical"));
    assert_eq!(
        (
            rule.settings["scrape"].value.as_str(),
            rule.settings["depth"].value.as_str()
        ),
        ("30s", "3")
    );
    assert_eq!(
        overlay.ignores[0].until.as_ref().map(|u| u.value),
        Some(jiff::civil::date(2027, 3, 31))
    );
    assert_eq!(overlay.required_variables[0].environments, ["production"]);
    assert_eq!(
        (
            overlay.prices.len(),
            overlay.trusted_registries.len(),
            overlay.open_registries.len()
        ),
        (2, 1, 1)
    );
    assert!(document.excludes(Path::new("fixtures/a/b.yaml")));
    assert!(document.excludes(Path::new("k8s/old.bak.yaml")));
    assert!(!document.excludes(Path::new("k8s/fixtures.yaml")));
}

#[test]
fn an_invalid_statement_is_an_error_at_its_line() {
    for (text, wanted) in [
        (
            "servces: {}",
            "unknown key `servces` at the top level; did you mean `services`?",
        ),
        (
            "services: {api: {proceses: 2}}",
            "unknown key `proceses` in `services.api`; did you mean `processes`?",
        ),
        (
            "services: {api: {pool: {sise: 2}}}",
            "unknown key `sise` in `services.api.pool`; did you mean `size`?",
        ),
        ("services: [api]", "`services` must be a map of keys to values"),
        (
            "services: {api: {processes: '2'}}",
            "`services.api.processes` must be a whole number, 1 or more, not `2`",
        ),
        (
            "services: {api: {processes: 0}}",
            "`services.api.processes` must be a whole number, 1 or more, not `0`",
        ),
        (
            "services: {api: {replicas: {min: 5, max: 2}}}",
            "`min` 5 is above `max` 2",
        ),
        (
            "targets: {detection: 60}",
            "`targets.detection` must be a duration with its unit, such as `30s`, `250ms` or `7d`, not `60`",
        ),
        (
            "min_severity: hihg",
            "`min_severity` cannot be `hihg`; did you mean `high`?",
        ),
        (
            "services: {api: {priority: vital}}",
            "`services.api.priority` cannot be `vital`; it must be one of critical, important, optional",
        ),
        ("ignore: [{rule: a}]", "`ignore[0].reason` is missing"),
        (
            "ignore: [{reason: a}]",
            "this would ignore everything; give a `rule`, `path` or `subject`",
        ),
        (
            "ignore: [{rule: a, reason: b, until: soon}]",
            "`soon` is not a date; write `2027-03-31`",
        ),
        ("version: 2", "version 2 is not known; this program knows 1"),
        ("slos: [{target: 99%}]", "`slos[0].name` is missing"),
        (
            "slos: [{name: a, target: 120%}]",
            "`slos[0].target` must be a share, such as `99.95%` or 0.9995, not `120%`",
        ),
        (
            "pins: [{name: a, select: 'x', equals: 1, reason: b}]",
            "`x` selects nothing; write `PATH:key.in.dots` or `PATH:text with {} for the value`",
        ),
        (
            "pins: [{name: a, select: 'x:y', reason: b}]",
            "a pin needs `equals`, or `min` or `max` or both",
        ),
        (
            "environments: {prod: {servces: {}}}",
            "unknown key `servces` in `environments.prod`; did you mean `services`?",
        ),
        (
            "a: 1\n---\nb: 2",
            "an overlay is one document; move this up and remove the `---`",
        ),
        (
            "version: 1\nversion: 1",
            "the key `version` occurs twice in this map; the last one counts",
        ),
        ("- a", "this file must be a map of keys to values"),
    ] {
        assert_eq!(problems(text).first().map(String::as_str), Some(wanted), "{text}");
    }
}

#[test]
fn all_problems_are_reported_together_with_their_lines() {
    let text = "services:\n  api:\n    proceses: 2\n    driver: 5\n";
    let repo = repo(&[("cofferdam.yaml", text)]);
    let found = load(&repo).unwrap_err();
    let lines: Vec<u32> = found.iter().map(|p| repo.sources.position(p.span).line).collect();
    assert_eq!(lines, [3, 4]);
}

#[test]
fn a_missing_or_empty_overlay_states_nothing() {
    assert!(load(&repo(&[("a.yaml", "a: 1")])).is_ok());
    assert!(loaded("").is_ok());
    assert!(loaded("services:\n").is_ok());
    assert!(load(&repo(&[("cofferdam.yml", "servces: {}")])).is_err());
}

proptest! {
    #[test]
    fn no_text_panics(text in "(services|pins|environments|prod|api|pool|select|name|[\\[\\]{}:,\\-? \n'\"0-9a%é*.]){0,30}") {
        let _ = loaded(&text);
    }
}

#[test]
fn a_malformed_statement_is_reported() {
    let mut repo = Repo::default();
    for statement in [
        "services.api",
        "=5",
        "services..api=5",
        "services.\"api=5",
        "a.b=",
        "a.b=[1",
        "a.b=1\nc: 2",
    ] {
        assert!(given(&mut repo, statement).is_err(), "{statement}");
    }
}
