//! The properties of edits, tested on the files of the examples.

use super::*;
use std::path::{Path, PathBuf};

fn files(dir: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(dir) else {
        return;
    };
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() {
            files(&path, found);
        } else {
            found.push(path);
        }
    }
}

/// The example files of a format that can be edited, with their texts.
pub(super) fn examples() -> Vec<(PathBuf, Format, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
    let mut found = Vec::new();
    files(&root, &mut found);
    found.sort();
    found
        .into_iter()
        .filter_map(|path| {
            Some((
                path.clone(),
                Format::of(&path)?,
                std::fs::read_to_string(&path).ok()?,
            ))
        })
        .collect()
}

#[test]
fn edits_of_the_examples_keep_the_laws() {
    let mut done = 0;
    for (path, format, text) in examples() {
        let Ok(doc) = Document::read(&text, format, FileId(0)) else {
            panic!("{} is not read", path.display());
        };
        for (number, route) in routes(&doc).into_iter().enumerate() {
            // Each place gets some of the edits, each edit some of the places.
            for op in ops(format).into_iter().skip(number % 15).step_by(15) {
                done += usize::from(laws::check(&text, format, &[Edit::new(route.clone(), op)]));
            }
            if number % 11 == 0 {
                laws::check_identities(&doc, &route);
            }
        }
    }
    assert!(done > 500, "only {done} edits were possible");
}

#[test]
fn edits_of_every_notation_keep_the_laws() {
    for (format, text) in corpus::TEXTS {
        let doc = read(text, *format);
        for route in routes(&doc) {
            for op in ops(*format) {
                laws::check(text, *format, &[Edit::new(route.clone(), op.clone())]);
            }
            laws::check_identities(&doc, &route);
        }
    }
}
