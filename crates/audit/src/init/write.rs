//! Writes the text of the template.

use super::entry::{Entry, quoted};
use std::fmt::Write;

const HEAD: &str = "## Facts that people know about this platform and no file contains. `cofferdam check` \
reads them with the files.
##
## Each line behind `# ` is a statement that would help the check. Remove the \
`# ` from those that
## apply, and set the right value; leave the others. Lines behind `##` are \
explanations.
## Every key: schemas/cofferdam.schema.json";

/// Sections in the order in which people think of them, with a description of each.
const SECTIONS: &[(&str, &str)] = &[
    (
        "services",
        "Services: load, replicas, connections, and how they consume.",
    ),
    ("databases", "Databases: what the server allows."),
    ("poolers", "Poolers: who logs in through them."),
    ("kafka", "Kafka: the cluster and its topics."),
    ("slos", "Objectives."),
    ("cells", "Cells: the traffic that each gets and can carry."),
    ("secrets", "Secrets: how they change."),
    (
        "targets",
        "Targets: the values that the platform is compared with.",
    ),
    ("prices", "Prices in US dollars."),
];

/// The whole file.
pub(super) fn render(entries: &[Entry], sentences: &[String]) -> String {
    let mut out = HEAD.to_owned();
    out.push_str("\nversion: 1\n");
    for (section, words) in SECTIONS {
        let of: Vec<&Entry> = entries.iter().filter(|e| e.path[0] == *section).collect();
        if of.is_empty() {
            continue;
        }
        let _ = writeln!(out, "\n## {words}");
        let mut open: Vec<&str> = Vec::new();
        for entry in of {
            statement(&mut out, &mut open, entry);
        }
    }
    if !sentences.is_empty() {
        out.push_str("\n## The findings of this check also assume:\n");
        for sentence in sentences {
            let _ = writeln!(out, "##  - {}", one_line(sentence));
        }
    }
    out
}

/// Writes the keys above that are not yet open, the reason, and the statement behind `# `.
fn statement<'a>(out: &mut String, open: &mut Vec<&'a str>, entry: &'a Entry) {
    let Some((key, above)) = entry.path.split_last() else {
        return;
    };
    let shared = open.iter().zip(above).take_while(|(a, b)| *a == b).count();
    open.truncate(shared);
    for name in &above[shared..] {
        let _ = writeln!(out, "{}{}:", "  ".repeat(open.len()), quoted(name));
        open.push(name);
    }
    let indent = "  ".repeat(open.len());
    let _ = writeln!(out, "## {indent}{}", one_line(&entry.why));
    // The `# ` is in the first column, so that the line has the right indentation when it is removed.
    let _ = writeln!(out, "# {indent}{}: {}", quoted(key), entry.value);
}

/// Text that may come from files, on one line.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
