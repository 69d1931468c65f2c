//! Releases that `helm` commands install or render.

use super::Reader;
use super::found::Release;
use super::words::Arguments;
use cofferdam_syntax::Span;
use cofferdam_syntax::tree::{Node, Scalar, Style, Value};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

impl Reader<'_> {
    /// The releases of one command: one for each environment if it picks files of values by name.
    pub(super) fn releases(&self, words: &[Node], at: Option<&Path>) -> Vec<Release> {
        let arguments = Arguments::of(words, HELM_FLAGS);
        let text = |node: &Node| node.as_str().map(str::to_owned);
        let mut plain = arguments.plain.clone();
        if !matches!(
            plain.first().and_then(|w| w.as_str()),
            Some("install" | "upgrade" | "template")
        ) {
            return Vec::new();
        }
        // A variable beside the name and the chart stands for options.
        let mut known = true;
        while plain.len() > 3
            && let Some(options) = plain.iter().rposition(|word| word.as_str().is_none())
        {
            plain.remove(options);
            known = false;
        }
        let [_, name, chart, ..] = plain.as_slice() else {
            return Vec::new();
        };
        // Each with the environment that it is picked for, if it is picked by name.
        let mut files: Vec<(Option<&str>, PathBuf)> = Vec::new();
        for file in arguments.flags(&["f", "values"]) {
            let picked = match &file.value {
                Value::Unknown(written) => self.selected.files_of(written, self.path),
                _ => Vec::new(),
            };
            match text(file).and_then(|written| self.resolve(&written, at)) {
                Some(path) => files.push((None, path)),
                None if picked.is_empty() => known = false,
                None => {
                    let picked = picked.into_iter();
                    files.extend(picked.map(|(environment, path)| (Some(environment), path.to_path_buf())));
                }
            }
        }
        let (set, all) = set(&arguments);
        known &= all;
        let dir = text(chart).and_then(|written| self.resolve(&written, at));
        if !self.is_own(dir.as_deref().unwrap_or(Path::new(""))) {
            return Vec::new();
        }
        let dir = dir.filter(|dir| self.repo.has_directory(dir));
        let namespace = arguments.flags(&["n", "namespace"]).last().map(|n| (*n).clone());
        let mut environments: BTreeSet<Option<&str>> = files.iter().map(|(picked, _)| *picked).collect();
        if environments.is_empty() {
            environments.insert(None);
        } else if environments.len() > 1 {
            environments.remove(&None);
        }
        let of = |environment: Option<&str>| Release {
            path: self.path.to_path_buf(),
            // What names the environment often names the release too.
            name: match (&dir, environment) {
                (Some(dir), Some(_)) if name.as_str().is_none() => {
                    let own = dir.file_name().and_then(|n| n.to_str()).unwrap_or_default();
                    Node::text(own, name.span)
                }
                _ => (*name).clone(),
            },
            chart: (*chart).clone(),
            dir: dir.clone(),
            environment: environment.map(str::to_owned),
            files: (files.iter())
                .filter(|(picked, _)| picked.is_none() || *picked == environment)
                .map(|(_, path)| path.clone())
                .collect(),
            set: set.clone(),
            known,
            namespace: namespace.clone(),
        };
        environments.into_iter().map(of).collect()
    }
}

/// The values that options set, by path, and whether all of their paths are known. A value from the shell is unknown, but
/// its path mostly is known.
fn set(arguments: &Arguments<'_>) -> (Vec<(String, Node)>, bool) {
    let mut found = Vec::new();
    let mut known = true;
    let options = arguments.flags.iter();
    for (flag, given) in options.filter(|(flag, _)| flag == "set" || flag.starts_with("set-")) {
        let written = match &given.value {
            Value::Scalar(scalar) => scalar.text.to_string(),
            Value::Unknown(written) => written.to_string(),
            _ => continue,
        };
        let pairs = match &**flag {
            "set" | "set-string" => pairs(&written),
            // The whole rest is one value.
            _ => vec![&*written],
        };
        for pair in pairs {
            match pair.split_once('=') {
                Some((path, value)) if !is_of_shell(path) => {
                    let whole = known_part(path);
                    known &= !whole.is_empty();
                    let value = match &**flag {
                        "set" | "set-string" if whole == path => value_of(value, flag == "set", given.span),
                        _ => unknown(value, given.span),
                    };
                    found.push((whole.to_owned(), value));
                }
                _ => known = false,
            }
        }
    }
    (found, known)
}

/// A path up to the first item of a list or key with an escape in it: what is there is not known then.
fn known_part(path: &str) -> &str {
    let end = path.find(['[', '\\']).unwrap_or(path.len());
    match path[end..].chars().next() {
        Some('\\') => path[..end].rsplit_once('.').map_or("", |(above, _)| above),
        _ => path[..end].trim_end_matches('.'),
    }
}

/// `a=1,b={x,y},c=p\,q` in its pairs: a comma in a list or behind a backslash ends none.
fn pairs(written: &str) -> Vec<&str> {
    let (mut found, mut start, mut depth, mut is_escaped) = (Vec::new(), 0, 0usize, false);
    for (at, c) in written.char_indices() {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                found.push(&written[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    found.push(&written[start..]);
    found.retain(|pair| !pair.is_empty());
    found
}

/// A value as written; `is_typed` where a number or a boolean is one.
fn value_of(written: &str, is_typed: bool, span: Span) -> Node {
    if is_of_shell(written) {
        return unknown(written, span);
    }
    let list = written
        .strip_prefix('{')
        .and_then(|inner| inner.strip_suffix('}'));
    match list {
        Some(items) => Node {
            span,
            value: Value::Seq(
                (pairs(items).into_iter())
                    .map(|item| value_of(item, is_typed, span))
                    .collect(),
            ),
        },
        None if is_typed && written == "null" => Node {
            span,
            value: Value::Null,
        },
        None if is_typed && (matches!(written, "true" | "false") || written.parse::<i64>().is_ok()) => Node {
            span,
            value: Value::Scalar(Scalar {
                text: written.into(),
                style: Style::Plain,
            }),
        },
        None => Node::text(&written.replace('\\', ""), span),
    }
}

fn unknown(written: &str, span: Span) -> Node {
    Node {
        span,
        value: Value::Unknown(written.into()),
    }
}

/// Whether only the shell, or what runs it, knows a text.
fn is_of_shell(text: &str) -> bool {
    text.contains(['$', '`']) || text.contains("{{")
}

/// A release that is only tried, without values that stand in for those of the real one.
pub(super) fn without_stand_ins(mut release: Release) -> Release {
    let stands_in = |path: &PathBuf| {
        let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default();
        let mut words = name.split(|c: char| !c.is_ascii_alphanumeric());
        words.any(|word| matches!(word, "test" | "tests" | "ci" | "lint" | "dummy" | "fake" | "mock"))
    };
    if !release.files.iter().all(stands_in) {
        release.files.retain(|path| !stands_in(path));
    }
    release
}

const HELM_FLAGS: &[&str] = &[
    "f",
    "values",
    "set",
    "set-string",
    "set-json",
    "set-file",
    "n",
    "namespace",
    "version",
    "repo",
    "timeout",
    "kube-context",
    "kubeconfig",
    "description",
    "history-max",
    "post-renderer",
    "username",
    "password",
    "ca-file",
    "kube-token",
    "output",
    "o",
];
