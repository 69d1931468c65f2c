//! The text of the template.

use super::entry::{Entry, quoted};
use std::fmt::Write;

const HEAD: &str = "\
## What people know about this platform and no file says. `cofferdam check` reads it beside the files.
##
## Each line behind `# ` is a statement that the check would be glad of. Take the `# ` away from those
## that are right, with the right value; leave the others. Lines behind `##` are words for people.
## Every key: schemas/cofferdam.schema.json
";

/// Sections in the order in which people think of them, with words about each.
const SECTIONS: &[(&str, &str)] = &[
    (
        "services",
        "Services: load, replicas, connections, and how they consume.",
    ),
    ("databases", "Databases: what the server allows."),
    ("poolers", "Poolers: who logs in through them."),
    ("kafka", "Kafka: the cluster and its topics."),
    ("slos", "Objectives."),
    ("cells", "Cells: what each gets and can carry."),
    ("secrets", "Secrets: how they change."),
    ("targets", "What the platform is measured by."),
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

/// Writes the keys above that are not open yet, the reason, and the statement behind `# `.
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
    // The `# ` stands in the first column, so that taking it away leaves the line where it belongs.
    let _ = writeln!(out, "# {indent}{}: {}", quoted(key), entry.value);
}

/// Text that may come from files, on one line.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
