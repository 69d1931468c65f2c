//! JSON Patch (RFC 6902): operations on places that JSON Pointers (RFC 6901) name.

use super::object::laid_over;
use crate::budget::Allowance;
use crate::measure::{MAX_DEPTH, NODE_BYTES, is_deeper, size};
use cofferdam_syntax::tree::{Key, Map, Node, Value};
use cofferdam_syntax::{Chains, Layer, Span};

/// An operation that does not apply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refused {
    /// The pointer as written, or what is wrong with the operation.
    pub(super) path: String,
    /// Where the pointer is written.
    pub(super) span: Span,
}

/// Applies one operation. A refused one changes nothing.
pub(super) fn apply(
    (chains, allowance): (&Chains, &Allowance),
    target: &mut Node,
    operation: &Node,
) -> Result<(), Refused> {
    let refused = |node: &Node, path: &str| Refused {
        path: path.to_owned(),
        span: node.span,
    };
    let op = operation.get("op").and_then(Node::as_str).unwrap_or("");
    let path_node = operation
        .get("path")
        .ok_or_else(|| refused(operation, "an operation without `path`"))?;
    let path = path_node.as_str().unwrap_or("");
    let tokens = tokens(path);
    let fail = || refused(path_node, path);
    let affords = |node: &Node| {
        let size = size(node);
        allowance.step(size) && allowance.make(size.saturating_mul(NODE_BYTES))
    };
    // Operations that put values into each other again and again would nest them without end.
    let room = MAX_DEPTH.checked_sub(tokens.len()).ok_or_else(fail)?;
    let fits = |node: &Node| affords(node) && !is_deeper(node, room);
    let value = || {
        let value = operation.get("value").filter(|value| fits(value));
        value.cloned().ok_or_else(fail)
    };
    let source = || {
        let from = operation.get("from")?;
        Some((self::tokens(from.as_str()?), from.span))
    };
    match op {
        "add" => add(chains, target, &tokens, value()?).ok_or_else(fail),
        "replace" => {
            let value = value()?;
            match find_mut(target, &tokens) {
                Some(slot) => *slot = laid_over(chains, &value, Some(slot)),
                // Unlike the standard, kustomize sets a key that is absent, if its parent exists.
                None => set(target, &tokens, value).ok_or_else(fail)?,
            }
            Ok(())
        }
        "remove" => remove(target, &tokens).map(|_| ()).ok_or_else(fail),
        "test" => {
            let wanted = value()?;
            let found = find(target, &tokens).ok_or_else(fail)?;
            if same(found, &wanted) { Ok(()) } else { Err(fail()) }
        }
        "copy" | "move" => {
            let (from, named_at) = source().ok_or_else(fail)?;
            // Nothing can be moved into a part of itself.
            if op == "move" && tokens.len() > from.len() && tokens.starts_with(&from) {
                return Err(fail());
            }
            let value = find(target, &from).filter(|value| fits(value));
            let value = value.ok_or_else(fail)?.clone();
            let value = chains.tree_through(value, Layer::Reference, named_at);
            if op == "move" {
                if !affords(target) {
                    return Err(fail());
                }
                let before = target.clone();
                remove(target, &from).ok_or_else(fail)?;
                if add(chains, target, &tokens, value).is_none() {
                    *target = before;
                    return Err(fail());
                }
                return Ok(());
            }
            add(chains, target, &tokens, value).ok_or_else(fail)
        }
        _ => Err(refused(
            operation.get("op").unwrap_or(operation),
            &format!("operation `{op}`"),
        )),
    }
}

/// The parts of a JSON Pointer; `~1` is `/` and `~0` is `~`.
fn tokens(pointer: &str) -> Vec<String> {
    pointer
        .split('/')
        .skip(1)
        .map(|t| t.replace("~1", "/").replace("~0", "~"))
        .collect()
}

fn find<'a>(node: &'a Node, tokens: &[String]) -> Option<&'a Node> {
    tokens.iter().try_fold(node, |node, token| match &node.value {
        Value::Map(map) => map.get(token),
        Value::Seq(items) => items.get(index(token, items.len())?),
        _ => None,
    })
}

fn find_mut<'a>(node: &'a mut Node, tokens: &[String]) -> Option<&'a mut Node> {
    tokens.iter().try_fold(node, |node, token| match &mut node.value {
        Value::Map(map) => map.get_mut(token),
        Value::Seq(items) => {
            let at = index(token, items.len())?;
            items.get_mut(at)
        }
        _ => None,
    })
}

/// An index below `len`; `-1` is the last, which kustomize's library allows.
fn index(token: &str, len: usize) -> Option<usize> {
    if token == "-1" {
        return len.checked_sub(1);
    }
    token.parse().ok().filter(|at| *at < len)
}

fn add(chains: &Chains, target: &mut Node, tokens: &[String], value: Node) -> Option<()> {
    let Some((last, above)) = tokens.split_last() else {
        *target = value;
        return Some(());
    };
    let parent = match find_mut(target, above) {
        Some(_) => find_mut(target, above)?,
        // kustomize gives every object annotations and labels while it builds, so adding one always works.
        None if matches!(above, [m, k] if m == "metadata" && (k == "annotations" || k == "labels")) => {
            super::object::child_map(find_mut(target, &above[..1])?, &above[1], value.span)?;
            find_mut(target, above)?
        }
        None => return None,
    };
    match &mut parent.value {
        Value::Map(map) => {
            let value = laid_over(chains, &value, map.get(last));
            let span = value.span;
            map.insert(
                Key {
                    text: last.as_str().into(),
                    span,
                },
                value,
            );
        }
        Value::Seq(items) => {
            let at = match last.as_str() {
                "-" => items.len(),
                token => token.parse().ok().filter(|at| *at <= items.len())?,
            };
            items.insert(at, value);
        }
        Value::Null => {
            let span = value.span;
            let key = Key {
                text: last.as_str().into(),
                span,
            };
            parent.value = Value::Map(Map::from_iter([(key, value)]));
        }
        _ => return None,
    }
    Some(())
}

/// Sets a key of a map that exists.
fn set(target: &mut Node, tokens: &[String], value: Node) -> Option<()> {
    let (last, above) = tokens.split_last()?;
    let Value::Map(map) = &mut find_mut(target, above)?.value else {
        return None;
    };
    let key = Key {
        text: last.as_str().into(),
        span: value.span,
    };
    map.insert(key, value);
    Some(())
}

fn remove(target: &mut Node, tokens: &[String]) -> Option<Node> {
    let (last, above) = tokens.split_last()?;
    match &mut find_mut(target, above)?.value {
        Value::Map(map) => map.remove(last).map(|(_, value)| value),
        Value::Seq(items) => {
            let at = index(last, items.len())?;
            Some(items.remove(at))
        }
        _ => None,
    }
}

/// Equality of values; places do not count, and maps may be in any order.
fn same(a: &Node, b: &Node) -> bool {
    match (&a.value, &b.value) {
        (Value::Null, Value::Null) => true,
        (Value::Scalar(x), Value::Scalar(y)) => x.text == y.text,
        (Value::Seq(x), Value::Seq(y)) => x.len() == y.len() && x.iter().zip(y).all(|(x, y)| same(x, y)),
        (Value::Map(x), Value::Map(y)) => {
            x.len() == y.len()
                && x.iter()
                    .all(|(key, value)| y.get(&key.text).is_some_and(|other| same(value, other)))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::budget::Cost;
    use cofferdam_syntax::FileId;
    use cofferdam_syntax::yaml;
    use proptest::prelude::*;

    fn tree(text: &str, file: u32) -> Node {
        yaml::parse(text, FileId(file), 0)
            .documents
            .into_iter()
            .next()
            .unwrap()
    }

    fn allowance() -> Allowance {
        Allowance::new(Cost {
            steps: 1_000,
            bytes: 100_000,
        })
    }

    #[test]
    fn copies_of_copies_and_values_within_values_end() {
        let (chains, allowance) = (Chains::default(), allowance());
        let mut node = tree("a: {b: 1, c: 2}", 0);
        let copies = |n: usize| tree(&format!("{{op: copy, from: /a, path: /a/k{n}}}"), 1);
        let copied = (0..40).take_while(|n| apply((&chains, &allowance), &mut node, &copies(*n)).is_ok());
        assert!((3..12).contains(&copied.count()));
        let mut node = tree("a: 1", 0);
        let down = [
            tree("{op: move, from: /a, path: /tmp}", 1),
            tree("{op: add, path: /a, value: {}}", 1),
            tree("{op: move, from: /tmp, path: /a/k}", 1),
        ];
        let large = Allowance::new(Cost {
            steps: 1 << 40,
            bytes: 1 << 40,
        });
        let all = std::iter::repeat_n(&down, 1_000).flatten();
        assert!(
            all.map(|op| apply((&chains, &large), &mut node, op))
                .any(|r| r.is_err())
        );
        assert!(!is_deeper(&node, MAX_DEPTH + 1));
    }

    fn patched(target: &str, operation: &str) -> Result<Node, String> {
        let mut node = tree(target, 0);
        let before = node.clone();
        match apply((&Chains::default(), &allowance()), &mut node, &tree(operation, 1)) {
            Ok(()) => Ok(node),
            Err(refused) => {
                assert_eq!(node, before, "a refused operation changes nothing");
                Err(refused.path)
            }
        }
    }

    fn becomes(target: &str, operation: &str, wanted: &str) {
        let result = patched(target, operation).unwrap();
        assert!(same(&result, &tree(wanted, 0)), "{operation}: {result:?}");
    }

    #[test]
    fn operations_follow_the_standard() {
        becomes("a: {b: 1}", "{op: add, path: /a/c, value: 2}", "a: {b: 1, c: 2}");
        becomes("a: [1, 2]", "{op: add, path: /a/1, value: 9}", "a: [1, 9, 2]");
        becomes("a: [1, 2]", "{op: add, path: /a/-, value: 9}", "a: [1, 2, 9]");
        becomes("a: [1, 2]", "{op: replace, path: /a/0, value: 9}", "a: [9, 2]");
        becomes(
            "a: {b: 1}",
            "{op: replace, path: /a/c, value: 9}",
            "a: {b: 1, c: 9}",
        );
        becomes("a: [1, 2]", "{op: remove, path: /a/0}", "a: [2]");
        becomes("a: {b: 1}", "{op: move, from: /a/b, path: /c}", "a: {}\nc: 1");
        becomes(
            "a: {b: 1}",
            "{op: copy, from: /a, path: /c}",
            "a: {b: 1}\nc: {b: 1}",
        );
        becomes("a: {b: 1}", "{op: test, path: /a, value: {b: 1}}", "a: {b: 1}");
        becomes("a: {x/y~z: 1}", "{op: remove, path: /a/x~1y~0z}", "a: {}");
        becomes(
            "metadata: {name: a}",
            "{op: add, path: /metadata/annotations/k, value: v}",
            "metadata: {name: a, annotations: {k: v}}",
        );
    }

    #[test]
    fn an_operation_that_does_not_apply_is_refused_with_its_path() {
        for (target, operation, path) in [
            ("a: 1", "{op: replace, path: /b/c, value: 1}", "/b/c"),
            ("a: [1]", "{op: replace, path: /a/1, value: 1}", "/a/1"),
            ("a: 1", "{op: replace, path: /a/b, value: 1}", "/a/b"),
            ("a: 1", "{op: remove, path: /b}", "/b"),
            ("a: 1", "{op: add, path: /b/c, value: 1}", "/b/c"),
            ("a: [1]", "{op: add, path: /a/2, value: 1}", "/a/2"),
            ("a: [1]", "{op: remove, path: /a/1}", "/a/1"),
            ("a: 1", "{op: test, path: /a, value: 2}", "/a"),
            ("a: {b: 1}", "{op: move, from: /a, path: /a/b}", "/a/b"),
            ("a: 1", "{op: move, from: /a, path: /x/y}", "/x/y"),
            ("a: 1", "{op: frob, path: /a}", "operation `frob`"),
        ] {
            assert_eq!(patched(target, operation).unwrap_err(), path, "{operation}");
        }
    }

    #[test]
    fn a_value_has_the_location_of_the_operation() {
        let node = patched("a: {b: 1}", "{op: replace, path: /a/b, value: 2}").unwrap();
        assert_eq!(node.at("a/b").unwrap().span.file, FileId(1));
    }

    proptest! {
        #[test]
        fn no_operation_panics(op in "add|remove|replace|move|copy|test|x", path in "(/(a|b|0|1|-|-1|~1|é)){0,4}", from in "(/(a|b|0)){0,3}") {
            let mut node = tree("a: {b: [1, {a: 2}]}\nb: [{a: 1}, 2]", 0);
            let operation = tree(&format!("{{op: {op}, path: \"{path}\", from: \"{from}\", value: [1]}}"), 1);
            let before = node.clone();
            if apply((&Chains::default(), &allowance()), &mut node, &operation).is_err() {
                prop_assert_eq!(node, before);
            }
        }
    }
}
