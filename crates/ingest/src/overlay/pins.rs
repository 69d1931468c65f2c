//! The place of a pinned value. A selector is `PATHS:KEYS`, a pattern of paths and a key in dots
//! (`k8s/**/*.yaml:spec.replicas`, `config/.env*:DB_POOL_SIZE`), or `PATHS:TEXT` with one `{}` for the value
//! in the text (`app/db.py:pool_timeout={}`).

use crate::facts::NodeFacts as _;
use cofferdam_model::overlay::{Pin, seen_from};
use cofferdam_model::{Fact, FileId, Span};
use cofferdam_syntax::Chains;
use cofferdam_syntax::environment;
use cofferdam_syntax::glob;
use cofferdam_syntax::repo::Repo;
use cofferdam_syntax::tree::{Node, Value};
use cofferdam_syntax::yaml;
use globset::GlobMatcher;
use std::path::Path;

/// A pin and the place of its value.
#[derive(Debug, Clone)]
pub(super) struct Selected {
    pub(super) pin: Pin,
    pub(super) select: Fact<String>,
}

/// A parsed selector.
#[derive(Debug)]
pub(super) struct Selector {
    paths: GlobMatcher,
    what: What,
}

#[derive(Debug)]
enum What {
    /// Keys from the root of a document down.
    Keys(Vec<String>),
    /// Text before and after the value.
    Around(String, String),
}

impl Selector {
    /// Parses a selector; the error describes what is wrong with it.
    pub(super) fn parse(text: &str) -> Result<Selector, String> {
        let Some((paths, what)) = text.split_once(':') else {
            return Err(format!(
                "`{text}` selects nothing; write `PATH:key.in.dots` or `PATH:text with {{}} for the value`"
            ));
        };
        let glob = glob::of_paths(paths.trim())
            .map_err(|error| format!("`{paths}` is not a valid pattern of paths: {error}"))?;
        let what = what.trim();
        let what = match what.split_once("{}") {
            Some((before, after)) if !after.contains("{}") => {
                if before.trim().is_empty() {
                    return Err("some text must precede `{}`".to_owned());
                }
                What::Around(before.to_owned(), after.to_owned())
            }
            Some(_) => return Err("only one `{}` can be captured".to_owned()),
            None if what.is_empty() || what.split('.').any(str::is_empty) => {
                return Err(format!("`{what}` is not a valid key in dots"));
            }
            None => What::Keys(what.split('.').map(str::to_owned).collect()),
        };
        Ok(Selector { paths: glob, what })
    }
}

/// Every value that the selector points at, in files of the pin's environments, ordered by path. The
/// selector's paths are relative to a directory from which the root is at `above`.
pub(super) fn find(repo: &Repo, above: &Path, selected: &Selected) -> Vec<Fact<String>> {
    let Ok(selector) = Selector::parse(&selected.select.value) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for (path, id) in &repo.files {
        let wanted = &selected.pin.environments;
        let elsewhere =
            !wanted.is_empty() && environment::of_path(path).is_some_and(|e| !wanted.contains(&e));
        if elsewhere || !selector.paths.is_match(seen_from(above, path)) {
            continue;
        }
        let text = &repo.sources.file(*id).text;
        let source = (&**text, repo.sources.chains());
        match &selector.what {
            What::Around(before, after) => around(text, *id, (before, after), &mut found),
            What::Keys(keys) => match repo.yaml.get(path) {
                Some(stream) => {
                    for document in &stream.documents {
                        in_tree(document, keys, source, &mut found);
                    }
                }
                None => {
                    let before = found.len();
                    if path.extension().is_some_and(|e| e == "py")
                        && let Ok(module) = cofferdam_code::python::read(*id, path, text)
                    {
                        in_tree(&module.tree(&|_| None), keys, source, &mut found);
                    }
                    if found.len() == before {
                        in_lines(path, text, *id, keys, &mut found);
                    }
                }
            },
        }
    }
    found
}

/// Follows keys into a tree. `*` is any key or item; an item of a list is given by its index or its name; a
/// key may itself contain dots; configuration inside a text is followed too.
fn in_tree(node: &Node, keys: &[String], file: (&str, &Chains), found: &mut Vec<Fact<String>>) {
    let Some((first, rest)) = keys.split_first() else {
        found.extend(node.text_fact());
        return;
    };
    match &node.value {
        Value::Map(map) => {
            if first == "*" {
                map.iter()
                    .for_each(|(_, value)| in_tree(value, rest, file, found));
                return;
            }
            // The longest key first: `config.yaml` is one key of a ConfigMap.
            for taken in (1..=keys.len()).rev() {
                if let Some(value) = map.get(&keys[..taken].join(".")) {
                    in_tree(value, &keys[taken..], file, found);
                    return;
                }
            }
        }
        Value::Seq(items) => {
            let index = first.parse::<usize>().ok();
            for (at, item) in items.iter().enumerate() {
                let named = item.get("name").and_then(Node::as_str) == Some(first);
                if first == "*" || index == Some(at) || named {
                    in_tree(item, rest, file, found);
                }
            }
        }
        Value::Scalar(_) => {
            if let Some(stream) = yaml::parse_embedded(node, file.0, file.1) {
                for document in stream.documents.iter().filter(|d| d.as_map().is_some()) {
                    in_tree(document, keys, file, found);
                }
            }
        }
        _ => {}
    }
}

/// `KEY=value` or `key: value` lines of `.env`, properties, ini and similar files. In an ini file the part of
/// the key before the last dot may name the section.
fn in_lines(path: &Path, text: &str, id: FileId, keys: &[String], found: &mut Vec<Fact<String>>) {
    let whole = keys.join(".");
    let is_ini = path
        .extension()
        .is_some_and(|e| e == "ini" || e == "cnf" || e == "cfg");
    let mut section = String::new();
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let at = start;
        start += line.len();
        let body = line.trim_end();
        let trimmed = body.trim_start();
        if trimmed.starts_with(['#', ';', '!']) {
            continue;
        }
        if is_ini && let Some(name) = trimmed.strip_prefix('[').and_then(|r| r.strip_suffix(']')) {
            section = name.trim().to_owned();
            continue;
        }
        let Some(equals) = body.find(['=', ':']) else {
            continue;
        };
        let key = body[..equals]
            .trim()
            .trim_start_matches("export ")
            .trim()
            .trim_matches(['"', '\'']);
        let in_section = !section.is_empty() && whole == format!("{section}.{key}");
        if key != whole && !in_section {
            continue;
        }
        let raw = body[equals + 1..].trim_end_matches(',');
        push_value(raw, at + equals + 1, id, found);
    }
}

/// Every place with `before`, a value and `after`; white space in them matches any amount or none.
fn around(text: &str, id: FileId, (before, after): (&str, &str), found: &mut Vec<Fact<String>>) {
    let before: Vec<char> = before.chars().filter(|c| !c.is_whitespace()).collect();
    let after: Vec<char> = after.chars().filter(|c| !c.is_whitespace()).collect();
    let Some(first) = before.first() else { return };
    for (at, _) in text.match_indices(*first) {
        // `timeout=` does not match inside `pool_timeout=`.
        let part_of_word = first.is_alphanumeric()
            && text[..at]
                .chars()
                .next_back()
                .is_some_and(|c| c.is_alphanumeric() || c == '_');
        if part_of_word {
            continue;
        }
        let Some(length) = skip(&text[at..], &before) else {
            continue;
        };
        let start = at + length;
        let rest = text[start..].split('\n').next().unwrap_or_default();
        let end = rest.find([',', ')', ']', '}', ';', '#']).unwrap_or(rest.len());
        if after.is_empty() || skip(&text[start + end..], &after).is_some() {
            push_value(&rest[..end], start, id, found);
        }
    }
}

/// Length of the text at the start of `text` that equals `wanted` without white space.
fn skip(text: &str, wanted: &[char]) -> Option<usize> {
    let mut left = wanted.iter();
    let mut next = left.next();
    for (at, c) in text.char_indices() {
        match next {
            None => return Some(at),
            Some(w) if *w == c => next = left.next(),
            Some(_) if c == ' ' || c == '\t' => {}
            Some(_) => return None,
        }
    }
    next.is_none().then_some(text.len())
}

/// Adds the value without white space, quotes and a comment after it.
fn push_value(raw: &str, start: usize, id: FileId, found: &mut Vec<Fact<String>>) {
    let uncommented = raw.find(" #").map_or(raw, |at| &raw[..at]);
    let lead = uncommented.len() - uncommented.trim_start().len();
    let value = uncommented.trim();
    if !value.is_empty() {
        let span = Span::new(id, start + lead, start + lead + value.len());
        let bare = value.trim_matches(['"', '\'']);
        found.push(Fact::declared(bare.to_owned(), span));
    }
}
