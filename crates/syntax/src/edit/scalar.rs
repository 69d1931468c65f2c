//! Text in quotes, and text that needs none.

use crate::document::{ItemKind, plain_kind};
use std::fmt::Write as _;

/// Text in double quotes as JSON writes it.
pub(super) fn json(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => {
                out.push('\\');
                out.push(c);
            }
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if u32::from(c) < 0x20 || c == '\u{7f}' => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// Text in double quotes as YAML writes it.
pub(super) fn yaml_double(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => {
                out.push('\\');
                out.push(c);
            }
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if !is_printable(c) => {
                let code = u32::from(c);
                let _ = if code <= 0xff {
                    write!(out, "\\x{code:02x}")
                } else if code <= 0xffff {
                    write!(out, "\\u{code:04x}")
                } else {
                    write!(out, "\\U{code:08x}")
                };
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// A name as YAML writes it, as a key or a value on one line, in brackets too: in double quotes unless every reader takes
/// it for this text without them.
pub fn yaml_name(text: &str) -> String {
    match yaml_plain(text, true) {
        true => text.to_owned(),
        false => yaml_double(text),
    }
}

/// Text in single quotes as YAML writes it; `None` if it needs escapes.
pub(super) fn yaml_single(text: &str) -> Option<String> {
    text.chars()
        .all(is_printable)
        .then(|| format!("'{}'", text.replace('\'', "''")))
}

/// Whether a character may be used in YAML unescaped, on one line.
pub(super) fn is_printable(c: char) -> bool {
    !c.is_control()
        && !matches!(
            c,
            '\u{85}' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}'
        )
}

/// Whether text without quotes reads as this text under YAML 1.1 and 1.2, as a value or a key, in brackets too if
/// `flow`.
pub(super) fn yaml_plain(text: &str, flow: bool) -> bool {
    let Some(first) = text.chars().next() else {
        return false;
    };
    let second = text[first.len_utf8()..].chars().next();
    let starts_well = match first {
        '-' => second.is_some_and(|c| !c.is_whitespace()) && !(flow && second.is_some_and(is_flow_mark)),
        '?' | ':' | ',' | '[' | ']' | '{' | '}' | '#' | '&' | '*' | '!' | '|' | '>' | '\'' | '"' | '%'
        | '@' | '`' => false,
        _ => true,
    };
    starts_well
        && !text.starts_with("---")
        && !text.starts_with("...")
        && text.trim() == text
        && text.chars().all(is_printable)
        && !text.contains(": ")
        && !text.ends_with(':')
        && !text.contains(" #")
        && !(flow && text.chars().any(|c| is_flow_mark(c) || c == ':'))
        && !looks_typed(text)
}

fn is_flow_mark(c: char) -> bool {
    matches!(c, ',' | '[' | ']' | '{' | '}')
}

/// Whether a reader of YAML 1.1 or 1.2 reads plain text as something else: null, a boolean, a number, a date,
/// a merge key.
fn looks_typed(text: &str) -> bool {
    const WORDS: &[&str] = &[
        "null", "~", "true", "false", "yes", "no", "on", "off", "y", "n", "<<", "=", ".inf", ".nan",
    ];
    let bare = text.strip_prefix(['+', '-']).unwrap_or(text);
    if plain_kind(text) != ItemKind::Text
        || WORDS
            .iter()
            .any(|w| w.eq_ignore_ascii_case(text) || w.eq_ignore_ascii_case(bare))
    {
        return true;
    }
    // Numbers in any notation (1_000, 0b1, 017, 1:30, 1e3) and dates: digits first, and only characters of
    // numbers. Addresses and versions have several dots.
    let Some(first) = bare.chars().next() else {
        return false;
    };
    let digits =
        first.is_ascii_digit() || (first == '.' && bare[1..].starts_with(|c: char| c.is_ascii_digit()));
    let prefixed = ["0x", "0b", "0o", "0X", "0B", "0O"]
        .iter()
        .any(|p| bare.starts_with(p));
    let made_of_digits = bare
        .chars()
        .all(|c| c.is_ascii_digit() || matches!(c, '_' | '.' | ':' | 'e' | 'E' | '+' | '-' | ','));
    let date =
        bare.len() >= 8 && bare.as_bytes()[..4].iter().all(u8::is_ascii_digit) && bare.as_bytes()[4] == b'-';
    digits
        && (prefixed && bare.chars().skip(2).all(|c| c.is_ascii_hexdigit() || c == '_')
            || date
            || made_of_digits && bare.matches('.').count() < 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_that_another_reader_reads_as_another_type_needs_quotes() {
        for text in [
            "",
            "null",
            "Null",
            "~",
            "yes",
            "NO",
            "on",
            "Off",
            "y",
            "true",
            "1",
            "1.0",
            "-1",
            "+1",
            ".5",
            "1e3",
            "0x1F",
            "0b10",
            "0o17",
            "017",
            "1_000",
            "1:30",
            "190:20:30",
            "2024-01-02",
            "2024-01-02T10:00:00Z",
            ".inf",
            "-.inf",
            ".nan",
            "<<",
            "=",
            "- a",
            "-",
            "? a",
            ": a",
            "a: b",
            "a:",
            "a #b",
            "#a",
            "&a",
            "*a",
            "!a",
            "|",
            ">",
            "'a",
            "\"a",
            "%a",
            "@a",
            "`a",
            "[a",
            "{a",
            ",a",
            "---",
            "...",
            " a",
            "a ",
            "a\nb",
            "a\tb",
            "1,000",
        ] {
            assert!(!yaml_plain(text, false), "{text:?}");
        }
    }

    #[test]
    fn ordinary_text_needs_no_quotes() {
        for text in [
            "a",
            "a-b",
            "-a",
            "nginx:1.27",
            "10.0.0.1",
            "1.2.3",
            "v1",
            "a#b",
            "http://x/y?z=1",
            "a b",
            "é",
            "100m",
            "5Gi",
            "30s",
            "1h30m",
            "a,b",
            "a[0]",
            "yes please",
            "0xyz",
        ] {
            assert!(yaml_plain(text, false), "{text:?}");
        }
        for text in ["a,b", "a[0]", "a:b", "-,"] {
            assert!(!yaml_plain(text, true), "{text:?}");
        }
    }
}
