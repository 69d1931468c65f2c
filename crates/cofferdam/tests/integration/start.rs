//! The page for the first five minutes is true: its files are written, its commands are run, and what it shows is printed.

use crate::{cofferdam, repository};

/// A fenced block: the words behind the fence, and its text.
fn blocks(page: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        if let Some(words) = line.strip_prefix("```") {
            let inside: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            found.push((words.to_owned(), inside.join("\n") + "\n"));
        }
    }
    found
}

#[test]
fn the_first_five_minutes_are_as_shown() {
    let page = std::fs::read_to_string(repository("docs/start.md")).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let at = |path: &str| directory.path().join(path);
    let mut printed = String::new();
    let mut shown = 0;
    for (words, text) in blocks(&page) {
        if let Some((_, path)) = words.split_once(" file=") {
            std::fs::create_dir_all(at(path).parent().unwrap()).unwrap();
            std::fs::write(at(path), text).unwrap();
        } else if let Some(change) = words.strip_prefix("sh") {
            if let Some((old, new)) = change.split_once('→') {
                let old = old.trim_start().strip_prefix("replace=").unwrap();
                let file = at("k8s/orders.yaml");
                let before = std::fs::read_to_string(&file).unwrap();
                assert!(before.contains(old), "{old}");
                std::fs::write(&file, before.replace(old, new)).unwrap();
            }
            let arguments = text.trim().strip_prefix("cofferdam ").unwrap();
            let output = cofferdam()
                .current_dir(directory.path())
                .args(arguments.split(' '))
                .output()
                .unwrap();
            printed = String::from_utf8(output.stdout).unwrap();
            assert!(!printed.is_empty(), "{arguments}");
        } else if words == "text" {
            shown += 1;
            assert!(
                printed.contains(text.trim()),
                "not printed:\n{text}\nbut:\n{printed}"
            );
        }
    }
    assert_eq!(shown, 5);
}
