//! Typed access to the maps of `cofferdam.yaml`. Every key that a section may have is requested by name; a
//! written key that was never requested is unknown, and is reported with the nearest known one. Nothing is
//! silently ignored: a statement without effect would be worse than none.

use cofferdam_model::{Bytes, Fact, Money, Rate, Share, Span, units};
use cofferdam_syntax::nearest::nearest;
use cofferdam_syntax::tree::{Key, Node, Style, Value};
use cofferdam_syntax::yaml::Problem;
use std::cell::RefCell;
use std::time::Duration;

/// Collects the errors while sections are read.
#[derive(Debug, Default)]
pub(super) struct Problems(RefCell<Vec<Problem>>);

impl Problems {
    pub(super) fn add(&self, span: Span, message: impl Into<String>) {
        self.0.borrow_mut().push(Problem {
            message: message.into(),
            span,
        });
    }

    /// All problems in the order of their places, each once.
    pub(super) fn into_sorted(self) -> Vec<Problem> {
        let mut all = self.0.into_inner();
        all.sort_by(|a, b| (a.span, &a.message).cmp(&(b.span, &b.message)));
        all.dedup_by(|a, b| a.span == b.span && a.message == b.message);
        all
    }
}

/// One map of the overlay while it is read.
pub(super) struct Fields<'a> {
    /// Path of keys for messages (`services.api.pool`).
    path: String,
    entries: Vec<(&'a Key, &'a Node)>,
    known: Vec<&'static str>,
    problems: &'a Problems,
    /// Place of the whole map.
    pub(super) span: Span,
}

impl<'a> Fields<'a> {
    /// The map at `node`; `None`, with a reported problem, if it is not one. An empty value is an empty map.
    pub(super) fn of(node: &'a Node, path: impl Into<String>, problems: &'a Problems) -> Option<Fields<'a>> {
        let path = path.into();
        let entries = match &node.value {
            Value::Map(map) => map.iter().collect(),
            Value::Null => Vec::new(),
            _ => {
                problems.add(
                    node.span,
                    format!("{} must be a map of keys to values", shown(&path)),
                );
                return None;
            }
        };
        Some(Fields {
            path,
            entries,
            known: Vec::new(),
            problems,
            span: node.span,
        })
    }

    /// The value of `key`, if it exists and is not empty.
    pub(super) fn get(&mut self, key: &'static str) -> Option<&'a Node> {
        self.entry(key).map(|(_, node)| node)
    }

    /// Key and value of `key`, if it exists and is not empty.
    pub(super) fn entry(&mut self, key: &'static str) -> Option<(&'a Key, &'a Node)> {
        self.known.push(key);
        self.entries
            .iter()
            .find(|(k, v)| &*k.text == key && !v.is_null())
            .copied()
    }

    /// Whether no key in it has a value.
    pub(super) fn says_nothing(&self) -> bool {
        self.entries.iter().all(|(_, node)| says_nothing(node))
    }

    /// Reports every key that was not requested.
    pub(super) fn finish(self) {
        for (key, _) in &self.entries {
            if !self.known.contains(&&*key.text) {
                self.unknown(key, &self.known);
            }
        }
    }

    /// Entries whose keys were not requested, for sections with the user's own keys.
    pub(super) fn rest(&self) -> Vec<(&'a Key, &'a Node)> {
        let is_rest = |(k, _): &&(&Key, &Node)| !self.known.contains(&&*k.text);
        self.entries.iter().filter(is_rest).copied().collect()
    }

    fn unknown(&self, key: &Key, known: &[&'static str]) {
        let place = if self.path.is_empty() {
            "at the top level".to_owned()
        } else {
            format!("in `{}`", self.path)
        };
        let hint = match nearest(&key.text, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => {
                let mut known = known.to_vec();
                known.sort_unstable();
                format!("known here: {}", known.join(", "))
            }
        };
        self.problems
            .add(key.span, format!("unknown key `{}` {place}; {hint}", key.text));
    }

    /// Path of `key` for messages.
    pub(super) fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.path)
        }
    }

    /// The map at `key`.
    pub(super) fn map(&mut self, key: &'static str) -> Option<Fields<'a>> {
        let node = self.get(key)?;
        Fields::of(node, self.path_of(key), self.problems)
    }

    /// The entries of the map at `key`, whose keys are the user's own names.
    pub(super) fn named(&mut self, key: &'static str) -> Vec<(&'a Key, Fields<'a>)> {
        let Some(map) = self.map(key) else {
            return Vec::new();
        };
        map.entries
            .iter()
            .filter_map(|(name, node)| {
                let path = map.path_of(&name.text);
                Some((*name, Fields::of(node, path, self.problems)?))
            })
            .collect()
    }

    /// The maps in the list at `key`.
    pub(super) fn list(&mut self, key: &'static str) -> Vec<Fields<'a>> {
        let Some(node) = self.get(key) else {
            return Vec::new();
        };
        let path = self.path_of(key);
        let Value::Seq(items) = &node.value else {
            self.problems
                .add(node.span, format!("{} must be a list", shown(&path)));
            return Vec::new();
        };
        items
            .iter()
            .enumerate()
            .filter_map(|(at, item)| Fields::of(item, format!("{path}[{at}]"), self.problems))
            .collect()
    }

    /// The texts in the list at `key`.
    pub(super) fn texts(&mut self, key: &'static str) -> Vec<Fact<String>> {
        let Some(node) = self.get(key) else {
            return Vec::new();
        };
        let path = self.path_of(key);
        let wrong = |at: &Node| {
            self.problems
                .add(at.span, format!("{} must be a list of names", shown(&path)));
        };
        match &node.value {
            Value::Seq(items) => items
                .iter()
                .filter_map(|item| match name_text(item) {
                    Some(text) => Some(Fact::stated(text.to_owned(), item.span)),
                    None => {
                        wrong(item);
                        None
                    }
                })
                .collect(),
            _ => {
                wrong(node);
                Vec::new()
            }
        }
    }

    /// Reports that `key` is required.
    pub(super) fn missing(&self, key: &str) {
        let message = format!("{} is missing", shown(&self.path_of(key)));
        self.problems.add(self.span, message);
    }

    fn read<T>(
        &mut self,
        key: &'static str,
        wanted: &str,
        read: impl FnOnce(&Node) -> Option<T>,
    ) -> Option<Fact<T>> {
        let node = self.get(key)?;
        let value = read(node);
        if value.is_none() {
            let path = self.path_of(key);
            let found = match node.as_str() {
                Some(text) if text.len() <= 40 => format!(", not `{text}`"),
                _ => String::new(),
            };
            self.problems
                .add(node.span, format!("{} must be {wanted}{found}", shown(&path)));
        }
        value.map(|v| Fact::stated(v, node.span))
    }

    /// A whole number, 0 or more.
    pub(super) fn u32(&mut self, key: &'static str) -> Option<Fact<u32>> {
        self.read(key, "a whole number, 0 or more", |n| number(n)?.as_u32())
    }

    /// A whole number, 1 or more.
    pub(super) fn count(&mut self, key: &'static str) -> Option<Fact<u32>> {
        self.read(key, "a whole number, 1 or more", |n| {
            number(n)?.as_u32().filter(|n| *n > 0)
        })
    }

    /// Events a second.
    pub(super) fn rate(&mut self, key: &'static str) -> Option<Fact<Rate>> {
        self.read(key, "a number a second, 0 or more", |n| {
            number(n)?.as_f64().filter(|r| *r >= 0.0).map(Rate)
        })
    }

    /// A number.
    pub(super) fn f64(&mut self, key: &'static str) -> Option<Fact<f64>> {
        self.read(key, "a number", |n| number(n)?.as_f64())
    }

    /// Money in US dollars.
    pub(super) fn money(&mut self, key: &'static str) -> Option<Fact<Money>> {
        let (name, node) = self.entry(key)?;
        self.money_of(name, node)
    }

    /// Money in US dollars, under a name that people choose.
    pub(super) fn money_of(&self, name: &Key, node: &Node) -> Option<Fact<Money>> {
        let value = number(node).and_then(Node::as_f64).filter(|m| *m >= 0.0);
        if value.is_none() {
            let path = self.path_of(&name.text);
            self.problems.add(
                node.span,
                format!("{} must be an amount in US dollars", shown(&path)),
            );
        }
        value.map(|v| Fact::stated(Money(v), node.span))
    }

    /// A duration with its unit.
    pub(super) fn duration(&mut self, key: &'static str) -> Option<Fact<Duration>> {
        self.read(
            key,
            "a duration with its unit, such as `30s`, `250ms` or `7d`",
            |n| units::duration(n.as_str()?),
        )
    }

    /// A part of the whole: `99.95%` or 0.9995.
    pub(super) fn share(&mut self, key: &'static str) -> Option<Fact<Share>> {
        self.read(key, "a share, such as `99.95%` or 0.9995", |n| {
            share_text(n).filter(|s| s.0 <= 1.0)
        })
    }

    /// Bytes with their unit.
    pub(super) fn bytes(&mut self, key: &'static str) -> Option<Fact<Bytes>> {
        self.read(key, "an amount of memory, such as `16GiB`", |n| {
            Bytes::parse(n.as_str()?)
        })
    }

    /// `true` or `false`.
    pub(super) fn bool(&mut self, key: &'static str) -> Option<Fact<bool>> {
        self.read(key, "`true` or `false`", |n| match (plain(n)?, n.as_str()?) {
            (_, "true") => Some(true),
            (_, "false") => Some(false),
            _ => None,
        })
    }

    /// A text.
    pub(super) fn text(&mut self, key: &'static str) -> Option<Fact<String>> {
        self.read(key, "a text", |n| name_text(n).map(str::to_owned))
    }

    /// A text or a number as written (versions).
    pub(super) fn scalar(&mut self, key: &'static str) -> Option<Fact<String>> {
        self.read(key, "a text or a number", |n| n.as_str().map(str::to_owned))
    }

    /// One of several words.
    pub(super) fn word(&mut self, key: &'static str, words: &[&'static str]) -> Option<Fact<&'static str>> {
        let node = self.get(key)?;
        let text = node.as_str().unwrap_or_default();
        if let Some(word) = words.iter().find(|word| **word == text) {
            return Some(Fact::stated(*word, node.span));
        }
        let hint = match nearest(text, words.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("it must be one of {}", words.join(", ")),
        };
        let path = self.path_of(key);
        self.problems
            .add(node.span, format!("{} cannot be `{text}`; {hint}", shown(&path)));
        None
    }

    /// The place for reports of problems.
    pub(super) fn problems(&self) -> &'a Problems {
        self.problems
    }
}

/// Whether a value states nothing.
pub(super) fn says_nothing(node: &Node) -> bool {
    match &node.value {
        Value::Null => true,
        Value::Map(map) => map.iter().all(|(_, value)| says_nothing(value)),
        Value::Seq(items) => items.is_empty(),
        Value::Scalar(_) | Value::Unknown(_) => false,
    }
}

fn shown(path: &str) -> String {
    if path.is_empty() {
        "this file".to_owned()
    } else {
        format!("`{path}`")
    }
}

fn plain(node: &Node) -> Option<&Node> {
    matches!(&node.value, Value::Scalar(s) if s.style == Style::Plain).then_some(node)
}

/// The node if it is a number to YAML too: `"5"` in quotes is a text.
fn number(node: &Node) -> Option<&Node> {
    plain(node).filter(|n| n.as_f64().is_some())
}

/// The text of a scalar that is text in YAML: not a plain number or boolean.
fn name_text(node: &Node) -> Option<&str> {
    let text = node.as_str()?;
    let other = plain(node).is_some() && (number(node).is_some() || matches!(text, "true" | "false"));
    (!other && !text.trim().is_empty()).then_some(text)
}

fn share_text(node: &Node) -> Option<Share> {
    let text = node.as_str()?;
    let is_share = number(node).is_some() || text.trim_end().ends_with('%');
    if is_share { units::share(text) } else { None }
}

/// Whether a node is a share with a percent sign.
pub(super) fn is_percent(node: &Node) -> bool {
    node.as_str().is_some_and(|t| t.trim_end().ends_with('%'))
}
