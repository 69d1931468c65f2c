//! `.env` files: `NAME=value` on each line, in the common subset of shells, Docker and the dotenv libraries.

use crate::flat::Entry;
use crate::source::{FileId, Span, Spanned};

/// Reads the settings of a `.env` file. `base` is the byte at which `text` begins in `file`. A line that
/// assigns nothing is skipped, because such files contain comments in many dialects. Quotes are removed, a
/// quoted value may span several lines, and `# comments` after an unquoted value need a blank before them.
pub fn read(text: &str, file: FileId, base: usize) -> Vec<Entry> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let end = text[at..].find('\n').map_or(text.len(), |n| at + n);
        let next = match assignment(text, at, end) {
            Some(line) => {
                let span = |range: (usize, usize)| Span::new(file, base + range.0, base + range.1);
                found.push(Entry {
                    name: text[line.name.0..line.name.1].to_owned(),
                    name_span: span(line.name),
                    value: Spanned::new(line.text, span(line.value)),
                });
                line.next
            }
            None => end + 1,
        };
        at = next;
    }
    found
}

struct Line {
    name: (usize, usize),
    value: (usize, usize),
    text: String,
    next: usize,
}

/// The assignment on the line `start..end`, if it is one.
fn assignment(text: &str, start: usize, end: usize) -> Option<Line> {
    let line = &text[start..end];
    let equals = line.find('=')?;
    let left = line[..equals].trim_start_matches('\u{feff}');
    let name = left.trim();
    let name = name
        .strip_prefix("export ")
        .or_else(|| name.strip_prefix("set "))
        .map_or(name, str::trim);
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    if name.is_empty() || !name.chars().all(is_name) || name.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let name_at = start + line[..equals].rfind(name)?;
    let after = start + equals + 1;
    let value_at = after + (text[after..end].len() - text[after..end].trim_start().len());
    let quote = text[value_at..]
        .chars()
        .next()
        .filter(|c| matches!(c, '"' | '\''));
    let name = (name_at, name_at + name.len());
    if let Some(quote) = quote
        && let Some(close) = closing(&text[value_at + 1..], quote)
    {
        let inner = (value_at + 1, value_at + 1 + close);
        let line_end = text[inner.1..].find('\n').map_or(text.len(), |n| inner.1 + n);
        return Some(Line {
            name,
            value: inner,
            text: unescape(&text[inner.0..inner.1], quote),
            next: line_end + 1,
        });
    }
    let raw = &text[value_at..end];
    let cut = raw
        .char_indices()
        .find(|(i, c)| *c == '#' && (*i == 0 || raw[..*i].ends_with([' ', '\t'])))
        .map_or(raw.len(), |(i, _)| i);
    let value = raw[..cut].trim_end();
    Some(Line {
        name,
        value: (value_at, value_at + value.len()),
        text: value.to_owned(),
        next: end + 1,
    })
}

/// Byte of the quote that closes, not counting escaped ones in double quotes.
fn closing(text: &str, quote: char) -> Option<usize> {
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        if escaped {
            escaped = false;
        } else if c == '\\' && quote == '"' {
            escaped = true;
        } else if c == quote {
            return Some(at);
        }
    }
    None
}

fn unescape(text: &str, quote: char) -> String {
    if quote == '\'' || !text.contains('\\') {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some('n') => out.push('\n'),
                Some('t') => out.push('\t'),
                Some('r') => out.push('\r'),
                Some(other) => out.push(other),
                None => out.push('\\'),
            },
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pairs(text: &str) -> Vec<(String, String)> {
        read(text, FileId(0), 0)
            .into_iter()
            .map(|s| (s.name, s.value.value))
            .collect()
    }

    fn one(text: &str) -> String {
        let found = pairs(text);
        assert_eq!(found.len(), 1, "{text:?} {found:?}");
        found[0].1.clone()
    }

    #[test]
    fn values_are_read_as_dotenv_does() {
        assert_eq!(one("A=1"), "1");
        assert_eq!(one("export A = 1 # remark"), "1");
        assert_eq!(one("A=a#b"), "a#b");
        assert_eq!(one("A=\"x # y\" # remark"), "x # y");
        assert_eq!(one("A='it\\n'"), "it\\n");
        assert_eq!(one("A=\"a\\nb \\\"q\\\"\""), "a\nb \"q\"");
        assert_eq!(one("A="), "");
        assert_eq!(one("A= # nothing"), "");
        assert_eq!(one("A=\"open"), "\"open");
        assert_eq!(one("A=1\r\n"), "1");
        assert_eq!(one("\u{feff}A=1"), "1");
    }

    #[test]
    fn lines_without_an_assignment_are_ignored() {
        assert!(pairs("# A=1\n\nhello\n=1\n1A=2\nif [ \"$A\" = 1 ]; then\n").is_empty());
    }

    #[test]
    fn a_quoted_value_may_span_lines_and_the_next_line_is_read() {
        assert_eq!(
            pairs("KEY=\"a\nb\"\nB=2\n"),
            [("KEY".into(), "a\nb".into()), ("B".into(), "2".into())]
        );
    }

    #[test]
    fn spans_are_the_text_itself() {
        let text = "# é\nexport KAFKA_ACKS=\"1\" # one\nB=2\n";
        let found = read(text, FileId(0), 0);
        let slice = |s: Span| &text[s.start as usize..s.end as usize];
        assert_eq!(slice(found[0].name_span), "KAFKA_ACKS");
        assert_eq!(slice(found[0].value.span), "1");
        assert_eq!(slice(found[1].value.span), "2");
    }

    proptest! {
        #[test]
        fn no_text_panics_and_spans_stay_inside(text in "[A-C=\"'\\\\#\\n\\r \\té.]{0,60}") {
            for setting in read(&text, FileId(0), 0) {
                let span = setting.value.span;
                prop_assert!(text.get(span.start as usize..span.end as usize).is_some());
                prop_assert_eq!(&text[setting.name_span.start as usize..setting.name_span.end as usize], setting.name);
            }
        }
    }
}
