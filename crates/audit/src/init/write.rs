//! Writes the text of the template.

use super::entry::Entry;
use cofferdam_model::registry::Section;
use cofferdam_syntax::edit::yaml_name;
use std::fmt::Write;

const HEAD: &str = "## Facts that people know about this platform and no file contains. `cofferdam check` \
reads them with the files.
##
## Each line behind `# ` is a statement that would help the check. Remove the \
`# ` from those that
## apply, and set the right value; leave the others. Lines behind `##` are \
explanations.
## Every key: schemas/cofferdam.schema.json";

/// The whole file. `redacted` is applied to everything that is an explanation.
pub(super) fn render(entries: &[Entry], sentences: &[String], redacted: &dyn Fn(&str) -> String) -> String {
    let mut out = HEAD.to_owned();
    out.push_str("\nversion: 1\n");
    for section in Section::ALL {
        let of: Vec<&Entry> = entries.iter().filter(|e| e.path[0] == section.key()).collect();
        if of.is_empty() {
            continue;
        }
        let _ = writeln!(out, "\n## {}", section.about());
        let mut open: Vec<&str> = Vec::new();
        for entry in of {
            statement(&mut out, &mut open, entry, redacted);
        }
    }
    if !sentences.is_empty() {
        out.push_str("\n## The findings of this check also assume:\n");
        for sentence in sentences {
            let _ = writeln!(out, "##  - {}", one_line(&redacted(sentence)));
        }
    }
    out
}

/// The lines of one statement alone, without its explanation.
pub(super) fn lines(entry: &Entry) -> String {
    let mut out = String::new();
    statement(&mut out, &mut Vec::new(), entry, &|_| String::new());
    out
}

/// Writes the keys above that are not yet open, the reason, and the statement behind `# `.
fn statement<'a>(
    out: &mut String,
    open: &mut Vec<&'a str>,
    entry: &'a Entry,
    redacted: &dyn Fn(&str) -> String,
) {
    let Some((key, above)) = entry.path.split_last() else {
        return;
    };
    let shared = open.iter().zip(above).take_while(|(a, b)| *a == b).count();
    open.truncate(shared);
    for name in &above[shared..] {
        let _ = writeln!(out, "{}{}:", "  ".repeat(open.len()), yaml_name(name));
        open.push(name);
    }
    let indent = "  ".repeat(open.len());
    let _ = writeln!(out, "## {indent}{}", one_line(&redacted(&entry.why)));
    // The `# ` is in the first column, so that the line has the right indentation when it is removed.
    let _ = writeln!(out, "# {indent}{}: {}", yaml_name(key), entry.value);
}

/// Text that may come from files, on one line, and without what YAML allows nowhere.
fn one_line(text: &str) -> String {
    let is_allowed =
        |c: &char| !c.is_control() && !matches!(c, '\u{2028}' | '\u{2029}' | '\u{FEFF}' | '\u{FFFE}'..);
    let words = text
        .split_whitespace()
        .map(|word| word.chars().filter(is_allowed).collect());
    words.collect::<Vec<String>>().join(" ")
}
