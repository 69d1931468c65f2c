//! `replacements`: a value of one object copied into fields of others.

use super::build::Session;
use super::load::{Kustomization, Target};
use super::object::Object;
use super::select::Selector;
use super::{Brings, Dangling, Named};
use crate::measure::{MAX_DEPTH, is_deeper, size};
use cofferdam_syntax::tree::{Key, Map, Node, Scalar, Style, Value};
use cofferdam_syntax::{Chains, Layer};

/// Steps to find one place of an object and to put a value there.
const PLACED: usize = 16;

/// A step of a field path.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Key(String),
    /// `[name=web]`: the items of a list with this value under this key.
    Item(String, String),
    /// `*`: every item.
    Every,
}

/// Part of a text: `delimiter` and `index` of `options`.
struct Part<'a> {
    delimiter: &'a str,
    index: i64,
}

impl Session<'_> {
    /// Applies the replacements of `kustomization`.
    pub(super) fn replace(&mut self, kustomization: &Kustomization<'_>, objects: &mut [Object]) {
        let entries = kustomization
            .node
            .get("replacements")
            .map_or(&[][..], Node::items);
        for entry in entries {
            let Some(path) = entry.get("path") else {
                self.replace_one(entry, objects);
                continue;
            };
            match self
                .index
                .resolve(&kustomization.dir, path.as_str().unwrap_or(""))
            {
                Target::File(file) => {
                    let stream = self.index.repo.yaml.get(&file);
                    let documents = stream.map_or(&[][..], |s| &s.documents);
                    for document in documents {
                        match &document.value {
                            Value::Seq(items) => {
                                items.iter().for_each(|item| self.replace_one(item, objects));
                            }
                            _ => self.replace_one(document, objects),
                        }
                    }
                }
                Target::Missing(missing) => {
                    let dangling = self
                        .index
                        .missing(path.as_str().unwrap_or(""), &missing, path.span);
                    self.dangling.push(dangling);
                }
                _ => {
                    let reason = format!("`{}` was not read", path.as_str().unwrap_or("replacements"));
                    self.gap(kustomization, path.span, (Brings::Changes, true), reason);
                }
            }
        }
    }

    fn replace_one(&mut self, entry: &Node, objects: &mut [Object]) {
        let (Some(source), targets) = (entry.get("source"), entry.get("targets")) else {
            return;
        };
        self.allowance.step(objects.len());
        if self.allowance.is_spent() {
            return;
        }
        let selector = Selector::new(source);
        let field = source
            .get("fieldPath")
            .and_then(Node::as_str)
            .unwrap_or("metadata.name");
        let found = objects
            .iter()
            .find(|o| selector.matches(o))
            .and_then(|o| get(&o.node, &steps(field)).cloned());
        let named_at = source.get("fieldPath").map_or(source.span, |n| n.span);
        let Some(mut value) = found else {
            self.unmatched(
                Named::ReplacementSource,
                format!("{} {field}", selector.shown),
                &selector,
                objects,
            );
            return;
        };
        if let Some(part) = part(source.get("options"))
            && let Some(text) = value.as_str()
        {
            let piece = usize::try_from(part.index)
                .ok()
                .and_then(|i| text.split(part.delimiter).nth(i));
            let piece = piece.unwrap_or(text).to_owned();
            value = Node::text(&piece, value.span);
        }
        value = self.chains().tree_through(value, Layer::Reference, named_at);
        for target in targets.map_or(&[][..], Node::items) {
            self.replace_in(target, &value, objects);
        }
    }

    fn replace_in(&mut self, target: &Node, value: &Node, objects: &mut [Object]) {
        let Some(select) = target.get("select") else {
            return;
        };
        let selector = Selector::new(select);
        let rejects: Vec<Selector> = target
            .get("reject")
            .map_or(&[][..], Node::items)
            .iter()
            .map(Selector::new)
            .collect();
        let chains = self.chains();
        let options = target.get("options");
        let create = options
            .and_then(|o| o.get("create"))
            .and_then(Node::as_bool)
            .unwrap_or(false);
        let default = [Node::text("metadata.name", select.span)];
        let paths = match target.get("fieldPaths") {
            Some(paths) => paths.items(),
            None => &default,
        };
        let mut found = false;
        self.allowance.step(objects.len());
        let size = size(value);
        for object in objects.iter_mut() {
            if !selector.matches(object) || rejects.iter().any(|r| r.matches(object)) {
                continue;
            }
            found = true;
            for path in paths {
                let steps = steps(path.as_str().unwrap_or(""));
                object.remember();
                self.make(1 + size);
                self.allowance.step(PLACED);
                if self.allowance.is_spent() || is_deeper(value, MAX_DEPTH.saturating_sub(steps.len())) {
                    return;
                }
                let count = put(&mut object.node, &steps, create, &mut |slot| {
                    *slot = spliced(chains, slot, value, part(options));
                });
                if count == 0 {
                    self.dangling.push(Dangling {
                        what: Named::ReplacementField,
                        name: path.as_str().unwrap_or("").to_owned(),
                        span: path.span,
                        nearest: None,
                        refused: true,
                    });
                }
            }
        }
        if !found {
            self.unmatched(
                Named::ReplacementTarget,
                selector.shown.clone(),
                &selector,
                objects,
            );
        }
    }
}

/// `delimiter` and `index` of `options`, where a delimiter is given.
fn part(options: Option<&Node>) -> Option<Part<'_>> {
    let options = options?;
    let delimiter = options.get("delimiter")?.as_str().filter(|d| !d.is_empty())?;
    let index = options.get("index").and_then(Node::as_i64).unwrap_or(0);
    Some(Part { delimiter, index })
}

/// `value`, or the old text with one of its parts replaced by it. An index below zero adds a part at the
/// start, an index past the end adds one at the end.
fn spliced(chains: &Chains, slot: &Node, value: &Node, part: Option<Part<'_>>) -> Node {
    let (Some(part), Some(old), Some(new)) = (part, slot.as_str(), value.as_str()) else {
        return chains.tree_over(value.clone(), slot.span);
    };
    let mut pieces: Vec<&str> = old.split(part.delimiter).collect();
    match usize::try_from(part.index) {
        Err(_) => pieces.insert(0, new),
        Ok(index) => match pieces.get_mut(index) {
            Some(piece) => *piece = new,
            None => pieces.push(new),
        },
    }
    Node {
        span: chains.over(value.span, slot.span),
        value: Value::Scalar(Scalar {
            text: pieces.join(part.delimiter).into(),
            style: Style::Quoted,
        }),
    }
}

/// The steps of `spec.template.spec.containers.[name=web].image`; `\.` is a dot in a key.
fn steps(path: &str) -> Vec<Step> {
    let mut parts = vec![String::new()];
    let mut chars = path.chars().peekable();
    let mut bracket = false;
    while let Some(c) = chars.next() {
        // There is always a last part: the list starts with one and only grows.
        let Some(last) = parts.last_mut() else { break };
        match c {
            '\\' if chars.peek() == Some(&'.') => last.extend(chars.next()),
            '.' if !bracket => parts.push(String::new()),
            '[' => {
                bracket = true;
                if last.is_empty() {
                    last.push(c);
                } else {
                    parts.push(c.to_string());
                }
            }
            ']' => {
                bracket = false;
                last.push(c);
            }
            c => last.push(c),
        }
    }
    parts
        .into_iter()
        .filter(|p| !p.is_empty())
        .map(|part| {
            let inner = part.strip_prefix('[').and_then(|p| p.strip_suffix(']'));
            match inner {
                Some(inner) => match inner.split_once('=') {
                    Some((key, value)) => Step::Item(key.to_owned(), value.to_owned()),
                    None => Step::Key(inner.to_owned()),
                },
                None if part == "*" => Step::Every,
                None => Step::Key(part),
            }
        })
        .collect()
}

fn is_item(item: &Node, key: &str, value: &str) -> bool {
    if key.is_empty() {
        return item.as_str() == Some(value);
    }
    item.get(key).and_then(Node::as_str) == Some(value)
}

fn get<'a>(node: &'a Node, steps: &[Step]) -> Option<&'a Node> {
    steps
        .iter()
        .try_fold(node, |node, step| match (step, &node.value) {
            (Step::Key(key), Value::Map(map)) => map.get(key),
            (Step::Key(key), Value::Seq(items)) => items.get(key.parse::<usize>().ok()?),
            (Step::Item(key, value), Value::Seq(items)) => items.iter().find(|i| is_item(i, key, value)),
            (Step::Every, Value::Seq(items)) => items.first(),
            _ => None,
        })
}

/// Calls `change` at every place that `steps` leads to and returns how many there were. Maps and the
/// last key are made where `create` says so.
fn put(node: &mut Node, steps: &[Step], create: bool, change: &mut dyn FnMut(&mut Node)) -> usize {
    let Some((step, rest)) = steps.split_first() else {
        change(node);
        return 1;
    };
    let span = node.span;
    if create && node.is_null() && matches!(step, Step::Key(_)) {
        node.value = Value::Map(Map::default());
    }
    match (step, &mut node.value) {
        (Step::Key(key), Value::Map(map)) => {
            if create && map.get(key).is_none() {
                let value = Value::Null;
                map.insert(
                    Key {
                        text: key.as_str().into(),
                        span,
                    },
                    Node { span, value },
                );
            }
            map.get_mut(key)
                .map_or(0, |below| put(below, rest, create, change))
        }
        (Step::Key(key), Value::Seq(items)) => {
            let at = key.parse::<usize>().ok();
            at.and_then(|at| items.get_mut(at))
                .map_or(0, |below| put(below, rest, create, change))
        }
        (Step::Item(key, value), Value::Seq(items)) => items
            .iter_mut()
            .filter(|item| is_item(item, key, value))
            .map(|item| put(item, rest, create, change))
            .sum(),
        (Step::Every, Value::Seq(items)) => {
            items.iter_mut().map(|item| put(item, rest, create, change)).sum()
        }
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cofferdam_syntax::FileId;
    use cofferdam_syntax::yaml;
    use proptest::prelude::*;

    fn tree(text: &str) -> Node {
        yaml::parse(text, FileId(0), 0)
            .documents
            .into_iter()
            .next()
            .unwrap()
    }

    #[test]
    fn paths_are_split() {
        let key = |k: &str| Step::Key(k.to_owned());
        let item = |k: &str, v: &str| Step::Item(k.to_owned(), v.to_owned());
        assert_eq!(
            steps("spec.containers.[name=a.b].image"),
            [key("spec"), key("containers"), item("name", "a.b"), key("image")]
        );
        assert_eq!(
            steps("metadata.annotations.a\\.b/c"),
            [key("metadata"), key("annotations"), key("a.b/c")]
        );
        assert_eq!(
            steps("list[name=x].*.0"),
            [key("list"), item("name", "x"), Step::Every, key("0")]
        );
    }

    #[test]
    fn values_are_written_at_the_path() {
        let mut node = tree("c: [{name: a, v: 1}, {name: b, v: 1}]");
        let new = Node::text("9", node.span);
        assert_eq!(
            put(&mut node, &steps("c.[name=b].v"), false, &mut |n| *n =
                new.clone()),
            1
        );
        assert_eq!(
            get(&node, &steps("c.[name=b].v")).and_then(Node::as_str),
            Some("9")
        );
        assert_eq!(
            put(&mut node, &steps("c.*.v"), false, &mut |n| *n = new.clone()),
            2
        );
        assert_eq!(put(&mut node, &steps("x.y"), false, &mut |n| *n = new.clone()), 0);
        assert_eq!(put(&mut node, &steps("x.y"), true, &mut |n| *n = new.clone()), 1);
        assert_eq!(node.at("x/y").and_then(Node::as_str), Some("9"));
    }

    #[test]
    fn a_part_of_a_string_is_replaced() {
        let (old, new) = (tree("a/b/c"), tree("X"));
        let with = |index| {
            let part = Part {
                delimiter: "/",
                index,
            };
            spliced(&Chains::default(), &old, &new, Some(part))
                .as_str()
                .unwrap()
                .to_owned()
        };
        assert_eq!(with(0), "X/b/c");
        assert_eq!(with(2), "a/b/X");
        assert_eq!(with(-1), "X/a/b/c");
        assert_eq!(with(9), "a/b/c/X");
    }

    proptest! {
        #[test]
        fn no_path_panics(path in "[a-c.\\[\\]=*\\\\é0-9]{0,20}") {
            let mut node = tree("a: [{b: 1}, {c: {a: x}}]");
            get(&node, &steps(&path));
            put(&mut node, &steps(&path), true, &mut |n| n.value = Value::Null);
        }
    }
}
