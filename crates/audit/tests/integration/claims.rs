//! Verifies the table of claims about the example platform: every figure in it is a figure of a finding of
//! the rule in its row, every claimed finding is found, and every claimed silence is silent.

use cofferdam_audit::{Finding, Options, audit, rules};
use std::path::Path;

/// A row of a table: the claim, the rules it names, and the value that it gives as right.
struct Row {
    claim: String,
    rules: Vec<String>,
    right: String,
}

fn root() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Text in backticks.
fn quoted(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

fn rows(section: &str) -> Vec<Row> {
    section
        .lines()
        .filter(|line| {
            line.starts_with('|')
                && !line.starts_with("|---")
                && !line.starts_with("| claim")
                && !line.starts_with("| promise")
        })
        .map(|line| {
            let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
            assert_eq!(cells.len(), 4, "a row has four cells: {line}");
            Row {
                claim: cells[0].to_owned(),
                rules: quoted(cells[2]).into_iter().map(str::to_owned).collect(),
                right: cells[3].to_owned(),
            }
        })
        .collect()
}

fn findings(example: &str) -> Vec<Finding> {
    let platform = cofferdam_ingest::read(&root().join("examples").join(example)).unwrap();
    assert!(
        platform.reading.unreadable.is_empty(),
        "{:?}",
        platform.reading.unreadable
    );
    assert!(
        platform.reading.overlay_problems.is_empty(),
        "{:?}",
        platform.reading.overlay_problems
    );
    let options = Options {
        environments: vec!["production".to_owned()],
        ..Options::default()
    };
    audit(&platform, &options).findings
}

/// `name=value`, the value with thousands separated or not.
fn figure(text: &str) -> Option<(&str, f64)> {
    let (name, value) = text.split_once('=')?;
    let is_name = !name.is_empty()
        && name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    Some((name, value.replace(',', "").parse().ok()?)).filter(|_| is_name)
}

fn judge(row: &Row, found: &[Finding], wrong: &mut Vec<String>) {
    for id in &row.rules {
        if rules::find(id).is_none() {
            wrong.push(format!("{}: there is no rule `{id}`", row.claim));
        }
    }
    let of_rules: Vec<&Finding> = found
        .iter()
        .filter(|f| row.rules.iter().any(|r| r == f.rule))
        .collect();
    for (name, value) in quoted(&row.right).into_iter().filter_map(figure) {
        let close = |v: f64| (v - value).abs() <= value.abs() * 6e-3 + 1e-9;
        if !of_rules
            .iter()
            .filter_map(|f| f.figures.get(name))
            .any(|f| close(f.value))
        {
            let there: Vec<_> = of_rules.iter().map(|f| &f.figures).collect();
            wrong.push(format!(
                "{}: no finding of {:?} has {name}={value}: {there:?}",
                row.claim, row.rules
            ));
        }
    }
    if row.right.starts_with("Silent") && !of_rules.is_empty() {
        wrong.push(format!(
            "{}: called silent, but: {}",
            row.claim, of_rules[0].title
        ));
    }
    if row.right.starts_with("Found") && of_rules.is_empty() {
        wrong.push(format!(
            "{}: called found, but no finding of {:?}",
            row.claim, row.rules
        ));
    }
}

#[test]
fn every_row_agrees_with_the_result_of_the_check() {
    let page = std::fs::read_to_string(root().join("docs/clean-platform-claims.md")).unwrap();
    let after = page
        .find("\n## After")
        .expect("a part on the platform after the plan");
    let (before, after) = page.split_at(after);
    let mut wrong = Vec::new();
    for (example, part, least) in [
        ("clean-platform", before, 40),
        ("clean-platform-mitigated", after, 15),
    ] {
        let rows = rows(part);
        assert!(rows.len() >= least, "{example}: {} rows", rows.len());
        let found = findings(example);
        for row in &rows {
            judge(row, &found, &mut wrong);
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
