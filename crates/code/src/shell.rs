//! Commands in shell text: scripts, steps of pipelines, recipes of a Makefile. It covers enough of the shell
//! to find words with their places: quotes, continued lines, comments, `;`, `&&`, `|`. Nothing is executed; a
//! variable to which the same text assigns a literal is replaced, any other stays as written.

use std::collections::BTreeMap;
use std::ops::Range;

/// A word and its place in the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// The word, without its quotes.
    pub text: String,
    /// Its bytes in the text.
    pub place: Range<usize>,
}

/// How many bytes of values each byte of a text may bring in, and how many any text may. Values of values double with
/// each line; real scripts stay far below.
const TIMES: usize = 4;
const FREE: usize = 1 << 20;

/// Variables with the literals that were assigned to them.
struct Known {
    values: BTreeMap<String, String>,
    /// Bytes of values that may still be brought in. Without any left, variables stay as they are written.
    left: usize,
}

/// The commands of a text, each as its words.
pub fn commands(text: &str) -> Vec<Vec<Word>> {
    let mut found = Vec::new();
    let mut words: Vec<Word> = Vec::new();
    let mut known = Known {
        values: BTreeMap::new(),
        left: text.len().saturating_mul(TIMES).saturating_add(FREE),
    };
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        let next = at + c.len_utf8();
        match c {
            '\n' | ';' | '|' | '&' => {
                end(&mut words, &mut known, &mut found);
                at = next;
            }
            // A blank line does not end a continued command; the backslash removes the line break with it.
            '\\' if text[next..].starts_with('\n') => at = next + 1,
            '\\' if text[next..].starts_with("\r\n") => at = next + 2,
            '#' if text[..at].ends_with([' ', '\t', '\n']) || at == 0 => {
                at += text[at..].find('\n').unwrap_or(text.len() - at);
            }
            c if c.is_whitespace() => at = next,
            _ => {
                let word = word(text, at, &mut known);
                at = word.place.end.max(next);
                words.push(word);
            }
        }
    }
    end(&mut words, &mut known, &mut found);
    found
}

/// Ends a command; assignments alone are remembered.
fn end(words: &mut Vec<Word>, known: &mut Known, found: &mut Vec<Vec<Word>>) {
    let words = std::mem::take(words);
    let names = |w: &Word| {
        let (name, value) = w.text.split_once('=')?;
        let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        is_name.then(|| (name.to_owned(), value.to_owned()))
    };
    let assigned = words
        .iter()
        .filter(|w| !matches!(w.text.as_str(), "export" | "local" | "readonly" | "declare"));
    let assigned: Vec<Option<(String, String)>> = assigned.map(names).collect();
    if !assigned.is_empty() && assigned.iter().all(Option::is_some) {
        known.values.extend(
            assigned
                .into_iter()
                .flatten()
                .filter(|(_, value)| !value.contains('$')),
        );
    } else if !words.is_empty() {
        found.push(words);
    }
}

/// The word that begins at `start`.
fn word(text: &str, start: usize, known: &mut Known) -> Word {
    let mut out = String::new();
    let mut quote: Option<char> = None;
    // Inside the parentheses of `$(…)` blanks end nothing.
    let mut depth = 0usize;
    let mut at = start;
    while let Some(c) = text[at..].chars().next() {
        let next = at + c.len_utf8();
        match (quote, c) {
            (Some(q), c) if c == q => quote = None,
            (None, '"' | '\'') => quote = Some(c),
            (Some('"') | None, '\\') => {
                let Some(escaped) = text[next..].chars().next() else {
                    at = next;
                    break;
                };
                if escaped == '\n' {
                    if quote.is_none() {
                        break;
                    }
                } else {
                    out.push(escaped);
                }
                at = next + escaped.len_utf8();
                continue;
            }
            (Some('"') | None, '$') if text[next..].starts_with('(') => {
                depth += 1;
                out.push_str("$(");
                at = next + 1;
                continue;
            }
            (Some('"') | None, '$') => {
                let (value, end) = variable(text, next, known);
                out.push_str(&value);
                at = end;
                continue;
            }
            // A command in backticks is one part of the word, blanks and all.
            (Some('"') | None, '`') => {
                let line = text[next..].lines().next().unwrap_or_default();
                let length = line.find('`').map_or(1, |length| length + 2);
                out.push_str(&text[at..at + length]);
                at += length;
                continue;
            }
            (_, ')') if depth > 0 => {
                depth -= 1;
                out.push(c);
            }
            (None, c) if depth == 0 && (c.is_whitespace() || matches!(c, ';' | '|' | '&')) => break,
            (_, c) => out.push(c),
        }
        at = next;
    }
    Word {
        text: out,
        place: start..at,
    }
}

/// The value of `$NAME` or `${NAME:-default}`, and where it ends; as written if it is unknown.
fn variable(text: &str, start: usize, known: &mut Known) -> (String, usize) {
    let rest = &text[start..];
    let (name, default, length) = match rest.strip_prefix('{') {
        Some(inner) => {
            // An expression of a workflow is no variable of the shell.
            if let Some(length) = inner.strip_prefix('{').and_then(|inner| inner.find("}}")) {
                let end = start + length + 4;
                return (text[start - 1..end].to_owned(), end);
            }
            let Some(end) = inner.find('}') else {
                return ("$".to_owned(), start);
            };
            let inner = &inner[..end];
            let (name, default) = match inner.split_once(":-").or_else(|| inner.split_once('-')) {
                Some((name, default)) => (name, Some(default)),
                None => (inner, None),
            };
            (name, default, end + 2)
        }
        None => {
            let end = rest
                .find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
                .unwrap_or(rest.len());
            (&rest[..end], None, end)
        }
    };
    let value = known
        .values
        .get(name)
        .map(String::as_str)
        .or(default.filter(|d| !d.contains('$')));
    let end = start + length;
    match value.filter(|value| value.len() <= known.left) {
        Some(value) => {
            known.left -= value.len();
            (value.to_owned(), end)
        }
        None => (text[start - 1..end].to_owned(), end),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn values_that_double_with_each_line_stay_small() {
        let mut text = "A0=xxxxxxxx\n".to_owned();
        for n in 1..40 {
            text.push_str(&format!("A{n}=\"$A{}$A{}\"\n", n - 1, n - 1));
        }
        text.push_str("deploy $A3 $A39\n");
        let found = commands(&text);
        let [command] = found.as_slice() else {
            panic!("one command, not {}", found.len());
        };
        assert_eq!(command[1].text, "x".repeat(64));
        let size: usize = command.iter().map(|word| word.text.len()).sum();
        assert!(size < 2 * FREE, "{size}");
    }

    fn shown(text: &str) -> Vec<String> {
        commands(text)
            .iter()
            .map(|words| {
                words
                    .iter()
                    .map(|w| w.text.as_str())
                    .collect::<Vec<_>>()
                    .join("·")
            })
            .collect()
    }

    #[test]
    fn words_are_split_like_in_the_shell() {
        for (text, wanted) in [
            ("a b\nc", vec!["a·b", "c"]),
            ("a \\\n  --x=1 \\\n  --y 2\n", vec!["a·--x=1·--y·2"]),
            ("a 'b c' \"d e\"f", vec!["a·b c·d ef"]),
            ("# no\na # remark\nb#c", vec!["a", "b#c"]),
            ("a && b; c | d", vec!["a", "b", "c", "d"]),
            (
                "N=3\nexport M=4\nrun $N ${M} ${O:-5} $P ${Q}",
                vec!["run·3·4·5·$P·${Q}"],
            ),
            (
                "x $(gcloud run list | head -1) y",
                vec!["x·$(gcloud run list | head -1)·y"],
            ),
        ] {
            assert_eq!(shown(text), wanted, "{text}");
        }
    }

    #[test]
    fn a_word_has_its_place() {
        let text = "run  --x='1 2'";
        let word = &commands(text)[0][1];
        assert_eq!(
            (&text[word.place.clone()], word.text.as_str()),
            ("--x='1 2'", "--x=1 2")
        );
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[a\\\\\n$(){}'\"#;&|= é-]{0,40}") {
            for command in commands(&text) {
                for word in command {
                    prop_assert!(text.get(word.place).is_some());
                }
            }
        }
    }
}
