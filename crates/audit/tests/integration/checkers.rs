//! The table of other tools' checks names only rules that exist, and says of each check that has none why.

use cofferdam_audit::rules;
use std::path::Path;

/// Rows of the page's tables as (check, rules in links, the rest).
fn rows(page: &str) -> Vec<(String, Vec<String>, String)> {
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
            ((*check).to_owned(), ids.collect(), (*why).to_owned())
        })
        .collect()
}

#[test]
fn every_check_of_another_tool_has_a_rule_that_exists_or_a_reason() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/other-checkers.md");
    let rows = rows(&std::fs::read_to_string(path).unwrap());
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
