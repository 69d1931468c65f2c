//! `# cofferdam: ignore[rule-a, rule-b] reason` in a comment of any format that has comments.
//!
//! The comment applies to its own line if text precedes it, otherwise to the next line that has text and is
//! not a comment. One without rules or without a reason is kept: the report says that it suppresses nothing.

use cofferdam_model::{FileId, SourceFile, SourceMap, Span, Suppression};
use rayon::prelude::*;
use std::path::Path;

/// All suppressions in the files that were read, in order of file and place.
pub fn find(sources: &SourceMap) -> Vec<Suppression> {
    let files: Vec<(FileId, &SourceFile)> = sources.iter().collect();
    let of_file = |(id, file): &(FileId, &SourceFile)| {
        let mut found = Vec::new();
        if let Some(markers) = markers(&file.path) {
            in_text(&file.text, *id, markers, &mut found);
        }
        found
    };
    files.par_iter().flat_map_iter(of_file).collect()
}

/// The comment marker of a file, by its name; `None` for a format without comments.
fn markers(path: &Path) -> Option<&'static [&'static str]> {
    let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default();
    match name.rsplit_once('.').map_or("", |(_, e)| e) {
        "json" => None,
        "tf" | "tfvars" | "hcl" => Some(&["#", "//"]),
        "ini" | "cnf" | "cfg" | "conf" | "properties" => Some(&["#", ";", "!"]),
        _ => Some(&["#"]),
    }
}

const WORD: &str = "cofferdam:";

fn in_text(text: &str, id: FileId, markers: &[&str], all: &mut Vec<Suppression>) {
    let mut from = 0;
    // Each line is counted once, however many comments follow each other.
    let (mut counted, mut breaks) = (0, 0);
    let mut next: Option<NextLine> = None;
    while let Some(at) = memchr::memmem::find(&text.as_bytes()[from..], WORD.as_bytes()) {
        let word = from + at;
        let line_start = text[..word].rfind('\n').map_or(0, |n| n + 1);
        let line_end = text[word..].find('\n').map_or(text.len(), |n| word + n);
        from = line_end;
        let line = text[line_start..line_end].trim_end();
        let Some((comment, marker)) = comment_start(line, word - line_start, markers) else {
            continue;
        };
        let Some(rest) = line[comment + marker.len()..]
            .trim_start()
            .strip_prefix(WORD)
            .and_then(|rest| rest.trim_start().strip_prefix("ignore"))
        else {
            continue;
        };
        breaks += memchr::memchr_iter(b'\n', &text.as_bytes()[counted..line_start]).count();
        counted = line_start;
        let own_number = breaks + 1;
        let number = if line[..comment].trim().is_empty() {
            if next.as_ref().is_none_or(|next| next.start <= line_start) {
                next = Some(next_line_with_text(text, (line_end, own_number), markers));
            }
            next.as_ref().and_then(|next| next.number).unwrap_or(own_number)
        } else {
            own_number
        };
        let (rules, reason) = rules_and_reason(rest);
        all.push(Suppression {
            rules,
            reason,
            span: Span::new(id, line_start + comment, line_start + line.len()),
            line: u32::try_from(number).unwrap_or(u32::MAX),
        });
    }
}

/// The position at which the comment with byte `word` of `line` begins: at a marker with only white space
/// between it and the word, at the start of the line or after white space.
fn comment_start<'m>(line: &str, word: usize, markers: &[&'m str]) -> Option<(usize, &'m str)> {
    let before = line[..word].trim_end();
    markers.iter().find_map(|marker| {
        let at = before.strip_suffix(marker)?.len();
        let free = at == 0 || before[..at].ends_with([' ', '\t']);
        free.then_some((at, *marker))
    })
}

/// `[a, b] reason` as rules and reason; no rules if it is malformed.
fn rules_and_reason(rest: &str) -> (Vec<String>, String) {
    let Some((rules, reason)) = rest
        .trim_start()
        .strip_prefix('[')
        .and_then(|r| r.split_once(']'))
    else {
        return (Vec::new(), rest.trim().to_owned());
    };
    let rules = rules
        .split(',')
        .map(str::trim)
        .filter(|r| !r.is_empty())
        .map(str::to_owned)
        .collect();
    let reason = reason.trim().trim_start_matches([':', '-']).trim_start();
    (rules, reason.to_owned())
}

/// The next line with text that is not a comment.
struct NextLine {
    /// Its first byte; the end of the file if there is none.
    start: usize,
    /// Its number, from 1.
    number: Option<usize>,
}

/// The next line after a comment, of which the end and the line's number are given.
fn next_line_with_text(text: &str, (line_end, own_number): (usize, usize), markers: &[&str]) -> NextLine {
    let mut start = line_end;
    for (n, line) in text[line_end..].split('\n').enumerate() {
        let content = line.trim();
        let comment = markers.iter().any(|m| content.starts_with(m));
        if n > 0 && !content.is_empty() && !comment {
            let number = Some(own_number + n);
            return NextLine { start, number };
        }
        start += line.len() + 1;
    }
    NextLine {
        start: text.len(),
        number: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cofferdam_model::SourceFile;
    use proptest::prelude::*;

    fn all(path: &str, text: &str) -> Vec<Suppression> {
        let mut sources = SourceMap::default();
        sources.add(SourceFile::new(path.into(), text));
        find(&sources)
    }

    #[test]
    fn a_comment_after_text_applies_to_its_line_and_a_lone_comment_to_the_next_one() {
        let text = "a: 1 # cofferdam: ignore[single-replica] one is enough here\n\
                    # cofferdam: ignore[image-mutable-tag, image-unsigned] built here\n\
                    # another comment\n\nb: 2\n";
        let found = all("a.yaml", text);
        assert_eq!(found.len(), 2);
        assert_eq!(
            (found[0].line, found[0].reason.as_str()),
            (1, "one is enough here")
        );
        assert_eq!(found[0].rules, ["single-replica"]);
        assert_eq!((found[1].line, found[1].rules.len()), (5, 2));
        assert_eq!(
            &text[found[0].span.start as usize..found[0].span.end as usize],
            "# cofferdam: ignore[single-replica] one is enough here"
        );
    }

    #[test]
    fn every_format_has_its_own_comments() {
        for (path, text) in [
            ("main.tf", "x = 1 // cofferdam: ignore[a] b\n"),
            (".env", "# cofferdam: ignore[a] b\nX=1\n"),
            ("kafka.properties", "! cofferdam: ignore[a] b\nx=1\n"),
            ("pgbouncer.ini", "; cofferdam:ignore[a] b\nx=1\n"),
            ("app.py", "x = 1  # cofferdam: ignore[a]: b\n"),
        ] {
            let found = all(path, text);
            assert_eq!(found.len(), 1, "{path}");
            assert_eq!(
                (found[0].rules[0].as_str(), found[0].reason.as_str()),
                ("a", "b"),
                "{path}"
            );
        }
        assert!(all("a.json", "{} # cofferdam: ignore[a] b").is_empty());
        assert!(all("a.yaml", "x: 1 // cofferdam: ignore[a] b").is_empty());
    }

    #[test]
    fn a_malformed_comment_is_kept_and_names_no_rule() {
        let found = all(
            "a.yaml",
            "# cofferdam: ignore everything\nx: 1\n# cofferdam: ignore[a]\ny: 1\n",
        );
        assert_eq!(
            (found[0].rules.len(), found[0].reason.as_str()),
            (0, "everything")
        );
        assert_eq!((found[1].rules.len(), found[1].reason.as_str()), (1, ""));
    }

    #[test]
    fn text_that_only_mentions_it_is_no_comment() {
        assert!(
            all(
                "a.yaml",
                "x: \"see cofferdam: ignore[a] b\"\nurl: http://h#cofferdam: ignore[a] b\n"
            )
            .is_empty()
        );
        assert!(all("a.yaml", "# cofferdam: explain\n").is_empty());
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "(# ?cofferdam: ?ignore|[\\[\\]a-z,é\n #:]){0,12}") {
            all("a.yaml", &text);
            all("a.tf", &text);
        }
    }
}
