//! Dependencies go only in the allowed direction: crates depend on each other as ARCHITECTURE says, and there
//! are no cycles between the modules of a crate.
//!
//! A module is a file or a folder at the top of a crate (`src/foo.rs` and `src/foo/` are one). Dependencies
//! of tests do not count.

mod crates;
mod graph;
mod paths;

use std::collections::{BTreeMap, BTreeSet};

use graph::Graph;

/// Which crates a crate may use. The dependencies of those are allowed as well.
const MAY_USE: &[(&str, &[&str])] = &[
    ("cofferdam-syntax", &[]),
    ("cofferdam-policy", &[]),
    ("cofferdam-servers", &[]),
    ("cofferdam-model", &["cofferdam-syntax"]),
    ("cofferdam-render", &["cofferdam-syntax"]),
    ("cofferdam-code", &["cofferdam-syntax"]),
    (
        "cofferdam-ingest",
        &["cofferdam-model", "cofferdam-render", "cofferdam-code"],
    ),
    ("cofferdam-formulas", &["cofferdam-model"]),
    ("cofferdam-audit", &["cofferdam-formulas"]),
    ("cofferdam-simulate", &["cofferdam-formulas", "cofferdam-policy"]),
    (
        "cofferdam",
        &["cofferdam-ingest", "cofferdam-audit", "cofferdam-simulate"],
    ),
];

/// Cycles that still exist, to be removed: crate and modules. Nothing may be added.
const KNOWN_CIRCLES: &[(&str, &[&str])] = &[];

#[test]
fn crates_use_each_other_only_as_allowed() {
    let allowed = MAY_USE
        .iter()
        .flat_map(|(from, to)| to.iter().map(|to| (*from, *to)))
        .collect::<Graph>()
        .closure();
    let rows: BTreeSet<&str> = MAY_USE.iter().map(|(name, _)| *name).collect();
    let mut wrong = Vec::new();
    for package in crates::all() {
        if !rows.contains(package.name.as_str()) {
            wrong.push(format!("{} has no row in MAY_USE", package.name));
        }
        for used in &package.uses {
            if !allowed.has(&package.name, used) {
                wrong.push(format!("{} must not use {used}", package.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn modules_of_a_crate_have_no_cycles() {
    let mut found: BTreeMap<(String, BTreeSet<String>), String> = BTreeMap::new();
    for package in crates::all() {
        let arrows = paths::arrows(&package.root, &|path| std::fs::read_to_string(path).ok());
        let graph: Graph = arrows.keys().map(|(from, to)| (from, to)).collect();
        for circle in graph.circles() {
            let shown = graph
                .way_around(&circle)
                .windows(2)
                .map(|pair| {
                    let arrow = (pair[0].clone(), pair[1].clone());
                    format!("    {} uses {}: {}\n", pair[0], pair[1], arrows[&arrow])
                })
                .collect();
            found.insert((package.name.clone(), circle), shown);
        }
    }
    let known: BTreeSet<(String, BTreeSet<String>)> = KNOWN_CIRCLES
        .iter()
        .map(|(name, modules)| {
            let modules = modules.iter().map(|module| (*module).to_owned()).collect();
            ((*name).to_owned(), modules)
        })
        .collect();
    let new: Vec<String> = found
        .iter()
        .filter(|(circle, _)| !known.contains(circle))
        .map(|((name, modules), shown)| format!("{name}: {modules:?}\n{shown}"))
        .collect();
    let gone: Vec<_> = known
        .iter()
        .filter(|circle| !found.contains_key(circle))
        .collect();
    assert!(
        new.is_empty() && gone.is_empty(),
        "circles that are not in KNOWN_CIRCLES (a smaller one replaces its row, a new one is to be removed):\n\n{}\n\
         rows of KNOWN_CIRCLES that no longer hold: {gone:#?}",
        new.join("\n")
    );
}
