//! Splits the raw text of a file into lines, and a line into pairs of a key and a value. The file need not
//! parse: lines that cannot be parsed are exactly those that an error shows.

use std::ops::Range;

/// A line: its place, and the beginning of its text.
#[derive(Debug, Clone)]
pub(super) struct Line {
    /// First byte.
    pub(super) start: usize,
    /// One past the last byte, without the line break.
    pub(super) end: usize,
    /// First byte of the next line, or the end of the text.
    pub(super) next: usize,
    /// First byte that is not white space.
    pub(super) text: usize,
    /// First byte after the dashes of list items.
    pub(super) item: usize,
    /// Column of `text`, tabs to the next multiple of eight.
    pub(super) indent: usize,
    /// Column of `item`.
    pub(super) column: usize,
}

impl Line {
    /// The line that begins at `start`.
    pub(super) fn from(all: &str, start: usize) -> Line {
        let next = all[start..].find('\n').map_or(all.len(), |n| start + n + 1);
        let end = start + all[start..next].trim_end_matches(['\n', '\r']).len();
        let bytes = all.as_bytes();
        // The mark of a file's encoding and what stands for wrong bytes are no text.
        let marks = all[start..end].trim_start_matches(['\u{feff}', '\u{fffd}']);
        let (mut at, mut indent) = (end - marks.len(), 0);
        while at < end && matches!(bytes[at], b' ' | b'\t') {
            indent = if bytes[at] == b'\t' {
                (indent / 8 + 1) * 8
            } else {
                indent + 1
            };
            at += 1;
        }
        let (text, mut item) = (at, at);
        while item < end && bytes[item] == b'-' && (item + 1 == end || bytes[item + 1] == b' ') {
            item += 1;
            while item < end && bytes[item] == b' ' {
                item += 1;
            }
        }
        Line {
            start,
            end,
            next,
            text,
            item,
            indent,
            column: indent + (item - text),
        }
    }

    /// The line that contains byte `at`.
    pub(super) fn around(all: &str, at: usize) -> Line {
        let start = all[..at].rfind('\n').map_or(0, |n| n + 1);
        Line::from(all, start)
    }

    /// The line before, if there is one.
    pub(super) fn before(&self, all: &str) -> Option<Line> {
        let at = self.start.checked_sub(1)?;
        Some(Line::around(all, at))
    }

    /// The line after, if there is one.
    pub(super) fn after(&self, all: &str) -> Option<Line> {
        (self.next < all.len()).then(|| Line::from(all, self.next))
    }

    /// Whether it begins a list item.
    pub(super) fn is_item(&self) -> bool {
        self.item > self.text
    }

    /// Its text without white space around it.
    pub(super) fn trimmed<'a>(&self, all: &'a str) -> &'a str {
        all[self.text..self.end].trim_end()
    }

    /// Whether git has written it between two versions of a file; such a line belongs to no format.
    pub(super) fn is_conflict_mark(&self, all: &str) -> bool {
        ["<<<<<<<", "=======", ">>>>>>>", "|||||||"]
            .iter()
            .any(|mark| all[self.start..self.end].starts_with(mark))
    }

    /// Whether it is a comment.
    pub(super) fn is_comment(&self, all: &str) -> bool {
        let text = self.trimmed(all);
        text.starts_with(['#', ';', '!']) || text.starts_with("//") || text.starts_with("--")
    }

    /// Whether it begins with a key and a separator, as in `key:` or `key = 1`.
    pub(super) fn has_key(&self, all: &str) -> bool {
        let text = &all[self.item..self.end];
        let text = ["export ", "ENV ", "ARG "]
            .iter()
            .find_map(|word| text.strip_prefix(word))
            .unwrap_or(text);
        let quoted = text.starts_with(['"', '\'']);
        let inner = text.trim_start_matches(['"', '\'']);
        let key = inner.bytes().take_while(|b| is_of_key(*b)).count();
        let rest = &inner[key..];
        let rest = rest.strip_prefix(['"', '\'']).filter(|_| quoted).unwrap_or(rest);
        let value = rest.trim_start();
        match value.as_bytes() {
            [b':', ..] => {
                (1..=80).contains(&key) && (quoted || value.len() == 1 || value[1..].starts_with([' ', '\t']))
            }
            // A text that ends in `=` may be the padding of base64.
            [b'=', after, ..] => {
                let nothing = |c: char| matches!(c, '"' | '\'' | ',' | ' ' | '\u{fffd}') || c.is_control();
                let empty = value[1..].trim_matches(nothing).is_empty();
                *after != b'='
                    && !empty
                    && !(quoted && matches!(after, b'"' | b'\''))
                    && (1..=80).contains(&key)
            }
            [b'{', ..] => rest.len() > value.len() && key > 0,
            _ => false,
        }
    }
}

/// Whether a byte may be a part of a key; all bytes of a letter beyond ASCII may.
fn is_of_key(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b"_.-/$".contains(&b) || b >= 0x80
}

/// A key and what separates it from its value.
#[derive(Debug, Clone)]
pub(super) struct Pair {
    /// The key without its quotes and without the dashes of an option.
    pub(super) key: Range<usize>,
    /// First byte after the separator and white space.
    pub(super) value: usize,
    /// Whether the separator is a colon.
    pub(super) colon: bool,
    /// Whether only `export`, `ENV` or similar words are before the key.
    pub(super) own: bool,
    /// Whether the key is an option (`--password=`).
    pub(super) option: bool,
    /// The quote that contains the key and does not close before it.
    pub(super) inside: Option<u8>,
    /// Brackets that are open before the key.
    pub(super) depth: usize,
}

/// Words that may precede the key of a line.
const BEFORE: &[&str] = &[
    "export", "ENV", "ARG", "set", "declare", "local", "readonly", "override", "LABEL", "setenv", "#", "//",
    ";", "!", "-", "+", "?",
];

/// The pairs of a line, in order.
pub(super) fn pairs(all: &str, line: &Line) -> Vec<Pair> {
    let bytes = all.as_bytes();
    let mut found: Vec<Pair> = Vec::new();
    let (mut inside, mut depth) = (None, 0usize);
    let mut at = line.item;
    while at < line.end {
        let byte = bytes[at];
        match byte {
            b'\\' => at += 1,
            b'"' | b'\'' | b'`' => match inside {
                Some(quote) if quote == byte => inside = None,
                // An apostrophe inside a word does not open a quote.
                None if byte != b'\'' || at == line.item || !bytes[at - 1].is_ascii_alphanumeric() => {
                    inside = Some(byte)
                }
                _ => {}
            },
            b'{' | b'[' | b'(' if inside.is_none() => depth += 1,
            b'}' | b']' | b')' if inside.is_none() => depth = depth.saturating_sub(1),
            b':' | b'=' => {
                if let Some(pair) = pair(all, line, at, (inside, depth)) {
                    at = pair.value.max(at + 1) - 1;
                    found.push(pair);
                }
            }
            _ => {}
        }
        at += 1;
    }
    found
}

fn pair(all: &str, line: &Line, at: usize, (inside, depth): (Option<u8>, usize)) -> Option<Pair> {
    let bytes = all.as_bytes();
    let get = |at: usize| bytes.get(at).copied().filter(|_| at < line.end).unwrap_or(b' ');
    let colon = bytes[at] == b':';
    let mut after = at + 1;
    if colon {
        match get(after) {
            b'=' => after += 1,
            b':' => return None,
            b'/' if get(after + 1) == b'/' => return None,
            _ => {}
        }
    } else {
        match get(after) {
            b'=' | b'~' => return None,
            b'>' => after += 1,
            _ => {}
        }
    }
    // The characters before the separator: `?=`, `+=`, `:=` are separators too, `!=`, `<=` and `>=` are not.
    let mut end = at;
    if !colon && end > line.item {
        match bytes[end - 1] {
            b'!' | b'<' | b'>' | b'=' | b'~' => return None,
            b'?' | b'+' | b':' => end -= 1,
            _ => {}
        }
    }
    while end > line.item && matches!(bytes[end - 1], b' ' | b'\t' | b']') {
        end -= 1;
    }
    let quoted = end > line.item && matches!(bytes[end - 1], b'"' | b'\'' | b'`');
    if quoted {
        end -= 1;
        while end > line.item && bytes[end - 1] == b'\\' {
            end -= 1;
        }
    }
    let mut start = end;
    while start > line.item && is_of_key(bytes[start - 1]) {
        start -= 1;
    }
    let mut before = start;
    if quoted {
        while before > line.item && matches!(bytes[before - 1], b'"' | b'\'' | b'`' | b'\\' | b'[') {
            before -= 1;
        }
    }
    let option = bytes[start..end].starts_with(b"-");
    while start < end && bytes[start] == b'-' {
        start += 1;
    }
    if start == end {
        return None;
    }
    // A colon is a separator when white space, a quote or nothing follows, or when the key is quoted.
    let flat = colon
        && !(quoted || matches!(get(after), b' ' | b'\t' | b'"' | b'\'' | b'\\' | b'=') || after >= line.end);
    // `"token:x"`, `{name:x}`: the key is right behind a quote or a brace.
    let right_behind =
        before > line.item && before == start && matches!(bytes[before - 1], b'"' | b'\'' | b'{');
    if flat && inside.is_some() && !right_behind {
        return None;
    }
    let words = all[line.item..before].trim();
    // Only a few words may precede a key.
    let own = words.len() <= 64 && is_before(words, inside);
    if flat && !own && !right_behind {
        return None;
    }
    while after < line.end && matches!(bytes[after], b' ' | b'\t') {
        after += 1;
    }
    // For a quoted key, no surrounding quote matters for its value.
    let inside = inside.filter(|_| !quoted || bytes[end] == b'\\');
    Some(Pair {
        key: start..end,
        value: after,
        colon,
        own,
        option,
        inside,
        depth,
    })
}

/// Whether the text before a key on its line allows the key to be the first thing there.
fn is_before(words: &str, inside: Option<u8>) -> bool {
    let quotes = inside.is_some() && words.bytes().all(|b| matches!(b, b'"' | b'\''));
    let known = |word: &str| BEFORE.contains(&word.trim_matches(['"', '\'']));
    words.is_empty() || quotes || words.split_whitespace().all(known)
}

/// A quote at the start of a text, with the backslashes before it: the same sequence closes it.
pub(super) fn opening_quote(text: &str) -> Option<&str> {
    let slashes = text.bytes().take_while(|b| *b == b'\\').count();
    let quote = text
        .as_bytes()
        .get(slashes)
        .copied()
        .filter(|b| matches!(b, b'"' | b'\'' | b'`'))?;
    let three = slashes == 0 && text.len() >= 3 && text.bytes().take(3).all(|b| b == quote) && quote != b'`';
    Some(&text[..if three { 3 } else { slashes + 1 }])
}

/// The place in `text`, which follows an opening quote, at which the same quote closes.
pub(super) fn closing_quote(text: &str, quote: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < text.len() {
        if bytes[at..].starts_with(quote.as_bytes()) {
            // Two single quotes are one inside a single-quoted text of YAML.
            if quote == "'" && bytes.get(at + 1) == Some(&b'\'') {
                at += 2;
                continue;
            }
            return Some(at);
        }
        at += if bytes[at] == b'\\' && !quote.starts_with('\'') {
            2
        } else {
            1
        };
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(text: &str) -> Vec<(&str, &str, bool)> {
        let line = Line::from(text, 0);
        pairs(text, &line)
            .into_iter()
            .map(|p| (&text[p.key.clone()], &text[p.value..], p.own))
            .collect()
    }

    #[test]
    fn pairs_of_every_format_are_found() {
        assert_eq!(keys("  - password: x"), [("password", "x", true)]);
        assert_eq!(keys("\"password\": \"x\""), [("password", "\"x\"", true)]);
        assert_eq!(keys("export A_B=x"), [("A_B", "x", true)]);
        assert_eq!(keys("A ?= x"), [("A", "x", true)]);
        assert_eq!(keys("settings[\"key\"] = 1").last(), Some(&("key", "1", false)));
        assert_eq!(
            keys("run --password=x --level=y")[0],
            ("password", "x --level=y", false)
        );
        assert_eq!(keys("# password: x"), [("password", "x", true)]);
        assert_eq!(keys("{\"a\":1,\"b\":2}").len(), 2);
        assert_eq!(keys("if a == b && c != d").len(), 0);
        assert_eq!(keys("image: repo:tag"), [("image", "repo:tag", true)]);
        assert_eq!(
            keys("x = \"{\\\"password\\\": \\\"y\\\"}\"").last().map(|k| k.0),
            Some("password")
        );
    }

    #[test]
    fn quotes_close_with_the_same_quote() {
        assert_eq!(closing_quote("a\\\"b\"c", "\""), Some(4));
        assert_eq!(closing_quote("it''s'", "'"), Some(5));
        assert_eq!(closing_quote("x\\\"}", "\\\""), Some(1));
        assert_eq!(closing_quote("open", "\""), None);
        assert_eq!(opening_quote("\"\"\"x"), Some("\"\"\""));
    }

    #[test]
    fn lines_with_keys_are_distinguished_from_text() {
        let has = |text: &str| Line::from(text, 0).has_key(text);
        assert!(has("key: x") && has("- key:") && has("\"key\": 1") && has("A=1") && has("block {"));
        assert!(!has("abcdef==") && !has("hunter2") && !has("https://x") && !has("a b: c"));
    }
}
