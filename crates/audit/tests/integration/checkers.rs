//! The table of other tools' checks names only rules that exist and gives a reason for each check without a
//! rule. Cases verify it: each check with rules has files that its rule reports and files on which it is
//! silent, read alone and without an overlay, as their users have them.

use cofferdam_audit::{Finding, Options, Severity, audit, rules, severity_of};
use cofferdam_ingest::read_files;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

const FILES: &[(&str, &str)] = &[
    ("pods.cases", include_str!("cases/pods.cases")),
    ("replicas.cases", include_str!("cases/replicas.cases")),
    ("references.cases", include_str!("cases/references.cases")),
];

/// Rows of the page's tables as (check, rules in links, the rest).
fn rows() -> Vec<(String, Vec<String>, String)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/other-checkers.md");
    let page = std::fs::read_to_string(path).unwrap();
    page.lines()
        .filter(|l| l.starts_with("| `"))
        .map(|line| {
            let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
            let [check, rules, why] = cells.as_slice() else {
                panic!("a row has three cells: {line}")
            };
            let ids = rules.split('[').skip(1).filter_map(|part| {
                let (id, rest) = part.split_once("](rules/")?;
                assert!(
                    rest.starts_with(&format!("{id}.md)")),
                    "{id} links to another page: {line}"
                );
                Some(id.to_owned())
            });
            (
                check.trim_matches('`').to_owned(),
                ids.collect(),
                (*why).to_owned(),
            )
        })
        .collect()
}

/// The expected result of a rule in a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    /// It reports.
    Fires,
    /// It reports nothing.
    Silent,
    /// The rule reports, nothing above low: advice on a sound manifest.
    Mild,
}

struct Case<'a> {
    place: String,
    wanted: Wanted,
    rule: &'a str,
    checks: Vec<&'a str>,
    /// Kinds to build around the text, which is then a pod's specification.
    kinds: Vec<&'a str>,
    text: &'a str,
}

fn cases() -> Vec<Case<'static>> {
    FILES
        .iter()
        .flat_map(|(name, text)| cases_of(name, text))
        .collect()
}

fn cases_of(file: &str, text: &'static str) -> Vec<Case<'static>> {
    let mut line = 1;
    let mut found = Vec::new();
    for part in text.split("\n=== ") {
        let at = line + usize::from(line > 1);
        line += part.matches('\n').count() + 1;
        let (header, text) = part.split_once('\n').unwrap();
        if header.starts_with('#') {
            continue;
        }
        let cells: Vec<&str> = header.split('|').map(str::trim).collect();
        let (wanted, rule) = cells[0].split_once(' ').unwrap();
        found.push(Case {
            place: format!("{file}:{at}"),
            wanted: match wanted {
                "fires" => Wanted::Fires,
                "silent" => Wanted::Silent,
                "mild" => Wanted::Mild,
                _ => panic!("{file}:{at}: {wanted}"),
            },
            rule,
            checks: cells[1].split_whitespace().collect(),
            kinds: cells
                .get(2)
                .map_or_else(Vec::new, |k| k.split_whitespace().collect()),
            text,
        });
    }
    found
}

fn indented(text: &str, by: usize) -> String {
    let line = |l: &str| match l.trim() {
        "" => "\n".to_owned(),
        _ => format!("{:by$}{l}\n", ""),
    };
    text.lines().map(line).collect()
}

/// A workload of a kind around a pod's specification; see the top of `cases/pods.cases`.
fn built(kind: &str, text: &str) -> String {
    let version = match kind {
        "Pod" | "ReplicationController" => "v1",
        "Job" | "CronJob" => "batch/v1",
        "DeploymentConfig" => "apps.openshift.io/v1",
        _ => "apps/v1",
    };
    let (own, more) = match text.split_once("\n---\n") {
        Some((own, more)) => (own, format!("---\n{}", more.replace("KIND", kind))),
        None => (text, String::new()),
    };
    let (beside, pod) = own.split_once("~~~\n").unwrap_or(("", own));
    let head = format!(
        "apiVersion: {version}\nkind: {kind}\nmetadata:\n  name: web\n  labels: {{app: web}}\nspec:\n"
    );
    if kind == "Pod" {
        return format!("{head}{}{more}", indented(pod, 2));
    }
    let ends = matches!(kind, "Job" | "CronJob") && !pod.starts_with("restartPolicy:");
    let policy = if ends { "    restartPolicy: Never\n" } else { "" };
    let template = format!(
        "template:\n  metadata:\n    labels: {{app: web}}\n  spec:\n{policy}{}",
        indented(pod, 4)
    );
    let selector = match kind {
        "Job" | "CronJob" => "",
        "ReplicationController" | "DeploymentConfig" => "selector: {app: web}\n",
        _ => "selector: {matchLabels: {app: web}}\n",
    };
    let spec = match kind {
        "CronJob" => format!(
            "schedule: \"0 3 * * *\"\n{beside}jobTemplate:\n  spec:\n{}",
            indented(&template, 4)
        ),
        _ => format!("{beside}{selector}{template}"),
    };
    format!("{head}{}{more}", indented(&spec, 2))
}

fn findings(rule: &str, text: &str) -> Vec<Finding> {
    let name = if text.starts_with('{') {
        "web.json"
    } else {
        "web.yaml"
    };
    let platform = read_files(vec![(PathBuf::from(name), text.as_bytes().to_vec())]);
    assert!(
        platform.reading.unreadable.is_empty(),
        "{:?}\n{text}",
        platform.reading.unreadable
    );
    audit(
        &platform,
        &Options {
            rules: vec![rule.to_owned()],
            ..Options::default()
        },
    )
    .findings
}

#[test]
fn every_check_of_another_tool_has_a_rule_that_exists_or_a_reason() {
    let rows = rows();
    assert!(rows.len() > 80, "the tables are read: {}", rows.len());
    for (check, ids, why) in &rows {
        for id in ids {
            assert!(rules::find(id).is_some(), "{check}: no rule {id}");
        }
        assert!(
            !ids.is_empty() || !why.is_empty(),
            "{check}: neither a rule nor a reason"
        );
    }
}

#[test]
fn every_check_that_has_rules_has_a_firing_and_a_silent_case_of_each() {
    let mut told: BTreeMap<(&str, &str), BTreeSet<bool>> = BTreeMap::new();
    let cases = cases();
    for case in &cases {
        for check in &case.checks {
            told.entry((check, case.rule))
                .or_default()
                .insert(case.wanted == Wanted::Fires);
        }
    }
    let rows = rows();
    let mut wrong = Vec::new();
    for (check, ids, _) in &rows {
        for id in ids {
            let found = told.remove(&(check.as_str(), id.as_str())).unwrap_or_default();
            if found.len() < 2 {
                wrong.push(format!("{check}: {id} has a case of {found:?} only"));
            }
        }
    }
    for (check, rule) in told.keys() {
        wrong.push(format!("{check}: cases of {rule}, and the page does not say so"));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_case_is_reported_or_ignored_as_stated() {
    let mut wrong = Vec::new();
    for case in cases() {
        let texts: Vec<String> = match case.kinds.as_slice() {
            [] => vec![case.text.to_owned()],
            kinds => kinds.iter().map(|kind| built(kind, case.text)).collect(),
        };
        for (at, text) in texts.iter().enumerate() {
            let found = findings(case.rule, text);
            let low = found.iter().all(|f| severity_of(f) == Severity::Low);
            let right = match case.wanted {
                Wanted::Fires => !found.is_empty(),
                Wanted::Silent => found.is_empty(),
                Wanted::Mild => !found.is_empty() && low,
            };
            if !right {
                let titles: Vec<&str> = found.iter().map(|f| f.title.as_str()).collect();
                let kind = case.kinds.get(at).unwrap_or(&"");
                wrong.push(format!(
                    "{}: {kind}: {:?} {}: {titles:?}",
                    case.place, case.wanted, case.rule
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
