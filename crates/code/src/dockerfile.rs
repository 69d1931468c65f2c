//! Dockerfiles: what the last stage of a build starts, and the variables it sets.

use cofferdam_syntax::{FileId, Span, Spanned};

/// The container of a Dockerfile's last stage.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recipe {
    /// Entry point and command, as words; a single word if it is a line for the shell.
    pub command: Vec<Spanned<String>>,
    /// Variables in the order set, each with the place of its instruction.
    pub variables: Vec<(String, Spanned<String>)>,
    /// Arguments of the build (`ARG`) with a default, in the same way.
    pub arguments: Vec<(String, Spanned<String>)>,
    /// Lines for the shell: of `RUN`, `CMD`, `ENTRYPOINT` and `HEALTHCHECK` in all stages.
    pub lines: Vec<Spanned<String>>,
}

/// Reads the command and the variables of the last stage.
pub fn read(text: &str, file: FileId) -> Recipe {
    let mut recipe = Recipe::default();
    let mut entry = Vec::new();
    let mut command = Vec::new();
    for (start, line) in instructions(text) {
        let line = line.trim_end();
        let Some((word, rest)) = line.split_once(char::is_whitespace) else {
            continue;
        };
        let span = Span::new(file, start, start + line.len());
        let word = word.to_ascii_uppercase();
        if matches!(word.as_str(), "RUN" | "CMD" | "ENTRYPOINT" | "HEALTHCHECK") {
            let line = match words(rest, span).as_slice() {
                [_] => rest.trim().to_owned(),
                list => list
                    .iter()
                    .map(|word| word.value.as_str())
                    .collect::<Vec<_>>()
                    .join(" "),
            };
            recipe.lines.push(Spanned::new(line, span));
        }
        match word.as_str() {
            "FROM" => (entry, command) = (Vec::new(), Vec::new()),
            "ENTRYPOINT" => {
                // A new entry point resets the command.
                entry = words(rest, span);
                command.clear();
            }
            "CMD" => command = words(rest, span),
            "ENV" => variables(rest, span, &mut recipe.variables),
            "ARG" => variables(rest, span, &mut recipe.arguments),
            _ => {}
        }
    }
    entry.extend(command);
    recipe.command = entry;
    recipe
}

/// The name of the last stage (`FROM image AS name`).
pub fn last_stage(text: &str) -> Option<String> {
    let mut stages = instructions(text).into_iter().filter_map(|(_, line)| {
        let mut words = line.split_whitespace().map(str::to_owned);
        words.next().filter(|word| word.eq_ignore_ascii_case("FROM"))?;
        Some(words.skip_while(|word| !word.eq_ignore_ascii_case("AS")).nth(1))
    });
    stages.next_back().flatten()
}

/// Instructions with the bytes at which they begin; a line that ends in `\` is continued.
fn instructions(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut open: Option<(usize, String)> = None;
    let mut at = 0;
    for raw in text.split_inclusive('\n') {
        let start = at + (raw.len() - raw.trim_start().len());
        at += raw.len();
        let line = raw.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (line, goes_on) = match line.strip_suffix('\\') {
            Some(line) => (line, true),
            None => (line, false),
        };
        let (start, mut text) = open.take().unwrap_or((start, String::new()));
        text.push_str(line);
        if goes_on {
            text.push(' ');
            open = Some((start, text));
        } else {
            found.push((start, text));
        }
    }
    found.extend(open);
    found
}

/// A list in JSON, or a line for the shell.
fn words(rest: &str, span: Span) -> Vec<Spanned<String>> {
    let rest = rest.trim();
    let listed = rest.strip_prefix('[').and_then(|r| r.strip_suffix(']'));
    let words: Vec<String> = match listed {
        Some(list) => list
            .split(',')
            .map(|item| item.trim().trim_matches(['"', '\'']).to_owned())
            .collect(),
        None => vec![rest.to_owned()],
    };
    words.into_iter().map(|word| Spanned::new(word, span)).collect()
}

/// `ENV A=1 B=2` or `ENV A 1`.
fn variables(rest: &str, span: Span, found: &mut Vec<(String, Spanned<String>)>) {
    let mut add = |name: &str, value: &str| {
        let value = value.trim_matches(['"', '\'']).to_owned();
        found.push((name.to_owned(), Spanned::new(value, span)));
    };
    match rest.trim().split_once(char::is_whitespace) {
        Some((name, value)) if !name.contains('=') => add(name, value.trim()),
        _ => rest
            .split_whitespace()
            .filter_map(|pair| pair.split_once('='))
            .for_each(|(name, value)| add(name, value)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_text_panics(text in "(FROM|CMD|ENV|ENTRYPOINT|#|\\\\\n|\n| |\\[|\\]|\"|,|=|a|é){0,30}") {
            read(&text, FileId(0));
        }
    }
}
