//! Numbers that no computer represents, such as `1e400`. The parser refuses the whole file because of one. They are
//! read as absent, so that everything else in the file is still read.

/// What the scanner is in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Within {
    /// Braces of blocks, objects and templates.
    Braces,
    /// A text in quotes.
    Quotes,
}

/// `text` with `null` in place of each number that is too large, and every other byte in its place; `None` if there is
/// no such number.
pub(super) fn without_too_large(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let mut within: Vec<Within> = Vec::new();
    let mut found: Vec<std::ops::Range<usize>> = Vec::new();
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let rest = &bytes[at..];
        if within.last() == Some(&Within::Quotes) {
            at += match byte {
                b'\\' => 2,
                b'"' => {
                    within.pop();
                    1
                }
                // Doubled, they begin no template.
                b'$' | b'%' if rest.get(1) == Some(byte) && rest.get(2) == Some(&b'{') => 3,
                b'$' | b'%' if rest.get(1) == Some(&b'{') => {
                    within.push(Within::Braces);
                    2
                }
                _ => 1,
            };
            continue;
        }
        at += match byte {
            b'#' => line_length(rest),
            b'/' if rest.starts_with(b"//") => line_length(rest),
            b'/' if rest.starts_with(b"/*") => text[at..].find("*/").map_or(rest.len(), |end| end + 2),
            b'<' if rest.starts_with(b"<<") => heredoc_length(&text[at..]),
            b'"' => {
                within.push(Within::Quotes);
                1
            }
            b'{' => {
                within.push(Within::Braces);
                1
            }
            b'}' => {
                within.pop();
                1
            }
            b'0'..=b'9' => {
                let length = number_length(rest);
                if text[at..at + length].parse().is_ok_and(f64::is_infinite) {
                    found.push(at..at + length);
                }
                length
            }
            // A name may contain digits.
            byte if byte.is_ascii_alphabetic() || *byte == b'_' => rest
                .iter()
                .take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
                .count(),
            _ => 1,
        };
    }
    if found.is_empty() {
        return None;
    }
    let mut out = String::with_capacity(text.len());
    let mut from = 0;
    for range in found {
        out.push_str(&text[from..range.start]);
        // The shortest is `1e309`, so there is room.
        out.push_str(&format!("{:width$}", "null", width = range.len()));
        from = range.end;
    }
    out.push_str(&text[from..]);
    Some(out)
}

fn line_length(rest: &[u8]) -> usize {
    rest.iter().position(|b| *b == b'\n').unwrap_or(rest.len())
}

/// Digits, a fraction, an exponent.
fn number_length(rest: &[u8]) -> usize {
    let digits = |from: usize| rest[from..].iter().take_while(|b| b.is_ascii_digit()).count();
    let mut length = digits(0);
    if rest.get(length) == Some(&b'.') {
        let fraction = digits(length + 1);
        length += if fraction > 0 { 1 + fraction } else { 0 };
    }
    if matches!(rest.get(length), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(rest.get(length + 1), Some(b'+' | b'-')));
        let start = length + 1 + sign;
        let exponent = if start <= rest.len() { digits(start) } else { 0 };
        length += if exponent > 0 { 1 + sign + exponent } else { 0 };
    }
    length
}

/// A text from `<<WORD` to the line with that word; 2 if it is something else.
fn heredoc_length(text: &str) -> usize {
    let start = &text[2..];
    let start = start.strip_prefix('-').unwrap_or(start);
    let Some((word, _)) = start.split_once('\n') else {
        return 2;
    };
    let word = word.trim();
    let is_word = word
        .chars()
        .all(|c| c.is_alphanumeric() || matches!(c, '_' | '-'));
    if word.is_empty() || !is_word {
        return 2;
    }
    let mut length = 0;
    for (number, line) in text.split_inclusive('\n').enumerate() {
        length += line.len();
        if number > 0 && line.trim() == word {
            break;
        }
    }
    length
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_numbers_that_are_too_large_become_null() {
        for (text, wanted) in [
            ("a = 1e400\n", "a = null \n"),
            ("a = [1, 1E+999, 2.5e310]", "a = [1, null  , null   ]"),
            ("a = \"${1e400}\" # 1e400", "a = \"${null }\" # 1e400"),
            ("a = { b = 1e400 }\nb = 2e309", "a = { b = null  }\nb = null "),
            (
                "a = <<EOT\n1e400\nEOT\nb = 1e400",
                "a = <<EOT\n1e400\nEOT\nb = null ",
            ),
            (
                "a = \"\\\"1e400\" /* 1e400 */ // 1e400\nb = 9e999",
                "a = \"\\\"1e400\" /* 1e400 */ // 1e400\nb = null ",
            ),
        ] {
            assert_eq!(without_too_large(text).as_deref(), Some(wanted), "{text}");
        }
        for text in [
            "a = 1e300",
            "a = \"1e400\"",
            "a1e400 = x1e400",
            "a = \"$${1e400}\"",
            "a = <<-EOT\n  1e400\n  EOT\n",
            "a = 1e",
            "a = 1.",
            "<<",
            "/*",
            "\"\\",
        ] {
            assert_eq!(without_too_large(text), None, "{text}");
        }
        let long = format!("a = {}", "9".repeat(400));
        assert!(without_too_large(&long).is_some_and(|text| text.starts_with("a = null ")));
    }

    proptest! {
        #[test]
        fn places_stay(text in "[a1e9.{}\"$%<#/*\\\\\n é+-]{0,40}") {
            let text = format!("{text} 1e400");
            if let Some(changed) = without_too_large(&text) {
                prop_assert_eq!(changed.len(), text.len());
            }
        }
    }
}
