//! Java properties, as `java.util.Properties` reads them: `=`, `:` or a blank between name and value, lines
//! continued by a `\`, escapes, comments that begin with `#` or `!`.

use crate::flat::Entry;
use crate::source::{FileId, Span, Spanned};

/// Reads the settings of a properties file. `base` is the byte at which `text` begins in `file`. The
/// span of a value covers all its lines.
pub fn read(text: &str, file: FileId, base: usize) -> Vec<Entry> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let end = logical_end(text, at);
        if let Some(setting) = line(text, at, end, file, base) {
            found.push(setting);
        }
        at = end + 1;
    }
    found
}

/// End of the logical line that begins at `at`: a line that ends in an odd number of `\` is continued. A
/// comment never is.
fn logical_end(text: &str, at: usize) -> usize {
    let remark = text[at..]
        .trim_start_matches([' ', '\t', '\u{c}'])
        .starts_with(['#', '!']);
    let mut from = at;
    loop {
        let end = text[from..].find('\n').map_or(text.len(), |n| from + n);
        let line = text[from..end].trim_end_matches('\r');
        let slashes = line.len() - line.trim_end_matches('\\').len();
        if remark || slashes.is_multiple_of(2) || end == text.len() {
            return end;
        }
        from = end + 1;
    }
}

fn line(text: &str, start: usize, end: usize, file: FileId, base: usize) -> Option<Entry> {
    let blank = [' ', '\t', '\u{c}', '\u{feff}'];
    let raw = text[start..end].trim_end_matches(['\r', '\n']);
    let body = raw.trim_start_matches(blank);
    if body.is_empty() || body.starts_with(['#', '!', '\r']) {
        return None;
    }
    let name_at = start + raw.len() - body.len();
    let mut escaped = false;
    let name_end = body
        .char_indices()
        .find(|(_, c)| {
            let stops = !escaped && matches!(c, '=' | ':' | ' ' | '\t' | '\u{c}');
            escaped = !escaped && *c == '\\';
            stops
        })
        .map_or(body.len(), |(i, _)| i);
    let rest = &body[name_end..];
    let rest = rest.trim_start_matches(blank);
    let rest = rest.strip_prefix(['=', ':']).unwrap_or(rest);
    let rest = rest.trim_start_matches(blank);
    let value_at = name_at + body.len() - rest.len();
    // In Java, blanks at the end belong to the value; for a number they are a mistake.
    let value = rest.trim_end();
    let name = unescape(&body[..name_end]);
    if name.is_empty() {
        return None;
    }
    let span = |from: usize, length: usize| Span::new(file, base + from, base + from + length);
    Some(Entry {
        name,
        name_span: span(name_at, name_end),
        value: Spanned::new(unescape(value), span(value_at, value.len())),
    })
}

/// The number after `\u`, at most four digits of it.
fn unit(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Option<u32> {
    let digits: String = std::iter::from_fn(|| chars.next_if(char::is_ascii_hexdigit))
        .take(4)
        .collect();
    u32::from_str_radix(&digits, 16).ok()
}

/// Joins continued lines and resolves escapes.
fn unescape(text: &str) -> String {
    if !text.contains('\\') {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match chars.next() {
            Some('n') => out.push('\n'),
            Some('t') => out.push('\t'),
            Some('r') if chars.peek() == Some(&'\n') => {}
            Some('r') => out.push('\r'),
            Some('f') => out.push('\u{c}'),
            Some('u') => {
                let first = unit(&mut chars);
                // A character beyond 0xffff is written as two units.
                if let Some(high) = first.filter(|u| (0xd800..0xdc00).contains(u)) {
                    let mut ahead = chars.clone();
                    let low = (ahead.next() == Some('\\') && ahead.next() == Some('u'))
                        .then(|| unit(&mut ahead))
                        .flatten()
                        .filter(|u| (0xdc00..0xe000).contains(u));
                    if let Some(low) = low {
                        out.extend(char::from_u32(
                            0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00),
                        ));
                        chars = ahead;
                    }
                } else {
                    out.extend(first.and_then(char::from_u32));
                }
            }
            Some('\r' | '\n') => {
                while chars
                    .next_if(|c| matches!(c, '\n' | ' ' | '\t' | '\u{c}'))
                    .is_some()
                {}
            }
            Some(other) => out.push(other),
            None => {}
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

    #[test]
    fn the_examples_of_javas_documentation_read_the_same() {
        // java.util.Properties.load: "Truth = Beauty", " Truth:Beauty", "Truth\t\t\t:Beauty" are one.
        for text in [
            "Truth = Beauty",
            " Truth:Beauty",
            "Truth\t\t\t:Beauty",
            "Truth Beauty",
        ] {
            assert_eq!(pairs(text), [("Truth".into(), "Beauty".into())], "{text:?}");
        }
        assert_eq!(
            pairs(
                "fruits   apple, banana, pear, \\\n         cantaloupe, watermelon, \\\n         kiwi, mango\n"
            ),
            [(
                "fruits".into(),
                "apple, banana, pear, cantaloupe, watermelon, kiwi, mango".into()
            )]
        );
        assert_eq!(pairs("cheeses"), [("cheeses".into(), String::new())]);
    }

    #[test]
    fn comments_do_not_continue_and_escapes_resolve() {
        assert_eq!(
            pairs("# a \\\nacks=1\n! b\na\\=b=c\\u0041\r\n\r\nx=\\\\\ny=2"),
            [
                ("acks".into(), "1".into()),
                ("a=b".into(), "cA".into()),
                ("x".into(), "\\".into()),
                ("y".into(), "2".into())
            ]
        );
    }

    #[test]
    fn two_escapes_of_one_character_are_one() {
        assert_eq!(
            pairs("a=\\uD83D\\uDE00!\nb=\\uD83Dx"),
            [("a".into(), "\u{1f600}!".into()), ("b".into(), "x".into())]
        );
    }

    #[test]
    fn spans_are_the_text_itself() {
        let text = "# é\n  acks : all  \nretries=5";
        let found = read(text, FileId(0), 0);
        let slice = |s: Span| &text[s.start as usize..s.end as usize];
        assert_eq!(slice(found[0].name_span), "acks");
        assert_eq!(slice(found[0].value.span), "all");
        assert_eq!(slice(found[1].value.span), "5");
    }

    proptest! {
        #[test]
        fn no_text_panics_and_spans_stay_inside(text in "[a-c=:\\\\#!\\n\\r \\tu0é.]{0,60}") {
            for setting in read(&text, FileId(0), 0) {
                let span = setting.value.span;
                prop_assert!(text.get(span.start as usize..span.end as usize).is_some());
            }
        }
    }
}
