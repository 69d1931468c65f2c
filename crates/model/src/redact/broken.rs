//! Texts in the lines of a file that cannot be read. Where the syntax is broken, nothing says which text is a value and
//! under which name: every text that may be a secret is hidden, and the place and the message remain.

use std::ops::Range;

/// Shorter texts in quotes are shown: `"a" "b"` is easier to repair with its words.
const SHORT: usize = 4;
/// Letters and digits that alternate so often are no word and no version.
const ALTERNATING: usize = 3;
/// From this length on, a word of letters and digits is hidden however they are mixed.
const LONG: usize = 20;

/// The ranges of the texts in these lines that may be secrets.
pub(super) fn doubtful(lines: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut start = 0;
    for line in lines.split_inclusive('\n') {
        let text = line.trim_end_matches(['\n', '\r']);
        let of_line = quoted(text).into_iter().chain(mixed(text));
        found.extend(of_line.map(|range| start + range.start..start + range.end));
        start += line.len();
    }
    found
}

/// Texts in quotes that are no keys. One whose end is missing reaches to the end of the line.
fn quoted(line: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut before = ' ';
    let mut letters = line.char_indices();
    while let Some((at, c)) = letters.next() {
        // An apostrophe in a word begins nothing.
        let opens = c == '"' || c == '\'' && !before.is_alphanumeric();
        before = c;
        if !opens {
            continue;
        }
        let (mut end, mut escaped) = (line.len(), false);
        for (inside, next) in letters.by_ref() {
            match next {
                _ if escaped => escaped = false,
                '\\' if c == '"' => escaped = true,
                _ if next == c => {
                    end = inside;
                    break;
                }
                _ => {}
            }
        }
        let range = at + 1..end;
        let after = line.get(end + 1..).unwrap_or_default().trim_start();
        let is_key = after.starts_with([':', '=']);
        if !is_key && line[range.clone()].chars().count() >= SHORT {
            found.push(range);
        }
    }
    found
}

/// Words of letters and digits that look like no word of a language.
fn mixed(line: &str) -> Vec<Range<usize>> {
    let is_end = |c: char| c.is_whitespace() || "\"'`,;:=<>()[]{}|".contains(c);
    let mut found = Vec::new();
    let mut start = 0;
    for word in line.split_inclusive(is_end) {
        let text = word.trim_end_matches(is_end);
        let kinds: Vec<bool> = (text.chars())
            .filter(|c| c.is_ascii_alphanumeric())
            .map(|c| c.is_ascii_digit())
            .collect();
        let changes = kinds.windows(2).filter(|pair| pair[0] != pair[1]).count();
        if changes >= ALTERNATING || changes > 0 && kinds.len() >= LONG {
            found.push(start..start + text.len());
        }
        start += word.len();
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hidden(lines: &str) -> Vec<&str> {
        doubtful(lines).into_iter().map(|range| &lines[range]).collect()
    }

    #[test]
    fn every_text_in_quotes_is_hidden_that_is_no_key() {
        assert_eq!(
            hidden("password = join(\"\", [\"first one\" \"second\"])"),
            ["first one", "second"]
        );
        assert_eq!(
            hidden("  \"name\": \"hunter\" 'and more\n"),
            ["hunter", "and more"]
        );
        assert_eq!(hidden("a: it's broken \"here"), ["here"]);
        assert_eq!(hidden("x \"a\\\"bcd\" 'e'"), ["a\\\"bcd"]);
    }

    #[test]
    fn words_that_look_like_no_word_are_hidden_anywhere() {
        assert_eq!(hidden("password: !<Kd82jsnxQw7Lm3Vz foo"), ["Kd82jsnxQw7Lm3Vz"]);
        assert_eq!(
            hidden("# old token was a1b2c3\nnext: x9y8z7"),
            ["a1b2c3", "x9y8z7"]
        );
        assert_eq!(hidden("abcdefghijklmnopqrst1"), ["abcdefghijklmnopqrst1"]);
        for shown in [
            "apiVersion: apps/v1",
            "image: shop/web2:1.4.2",
            "port: 8080",
            "größe: 4",
        ] {
            assert_eq!(hidden(shown), Vec::<&str>::new(), "{shown}");
        }
    }
}
