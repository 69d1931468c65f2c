//! A place in an object during validation. Cursors are on the stack and know their parent; a path is only
//! written out if there is something to report.

use super::scalar;
use super::table::Type;
use cofferdam_model::Span;
use cofferdam_syntax::tree::{Key, Node, Value};
use std::fmt::Write as _;

#[derive(Debug, Clone, Copy)]
enum Step<'a> {
    Root,
    Key(&'a str),
    Index(usize),
}

/// A node, the place for reports about missing fields, and the path to it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cursor<'a> {
    pub(super) node: &'a Node,
    /// The key that leads here; for an item of a list its first key.
    pub(super) span: Span,
    pub(super) up: Option<&'a Cursor<'a>>,
    step: Step<'a>,
    /// The type of the map here, where it has one.
    pub(super) ty: Option<&'a Type>,
}

impl<'a> Cursor<'a> {
    /// The same place, known to be a map of `ty`.
    pub(super) fn typed(self, ty: &'a Type) -> Self {
        Cursor { ty: Some(ty), ..self }
    }

    /// The whole object. Its missing fields are reported at its `kind`.
    pub(super) fn root(node: &'a Node) -> Self {
        let span = node.get("kind").map_or(node.span, |kind| kind.span);
        Cursor {
            node,
            span,
            up: None,
            step: Step::Root,
            ty: None,
        }
    }

    /// The value of a key of this map.
    pub(super) fn child(&'a self, key: &'a Key, node: &'a Node) -> Cursor<'a> {
        Cursor {
            node,
            span: key.span,
            up: Some(self),
            step: Step::Key(&key.text),
            ty: None,
        }
    }

    /// An item of this list.
    pub(super) fn item(&'a self, index: usize, node: &'a Node) -> Cursor<'a> {
        let first = node.as_map().and_then(|m| m.iter().next());
        Cursor {
            node,
            span: first.map_or(node.span, |(key, _)| key.span),
            up: Some(self),
            step: Step::Index(index),
            ty: None,
        }
    }

    /// The value of `key`, unless it is null, which Kubernetes reads as absent.
    pub(super) fn get(&'a self, key: &'a str) -> Option<Cursor<'a>> {
        let (key, node) = self.node.as_map()?.entry(key)?;
        (!node.is_null()).then(|| self.child(key, node))
    }

    /// Whether `key` has a value, or one that is unknown.
    pub(super) fn has(&self, key: &str) -> bool {
        self.node.get(key).is_some_and(|n| !n.is_null())
    }

    /// The items of a list.
    pub(super) fn each(&'a self) -> impl Iterator<Item = Cursor<'a>> {
        self.node
            .items()
            .iter()
            .enumerate()
            .map(|(index, node)| self.item(index, node))
    }

    /// Text of a scalar, unless a template fills it in.
    pub(super) fn text(&self) -> Option<&'a str> {
        self.node.as_str().filter(|t| !scalar::templated(t))
    }

    /// Text of the scalar under `key`, unless a template fills it in.
    pub(super) fn text_of(&self, key: &str) -> Option<&'a str> {
        self.node.get(key)?.as_str().filter(|t| !scalar::templated(t))
    }

    /// The whole number here.
    pub(super) fn int(&self) -> Option<i64> {
        scalar::int(self.node)
    }

    /// The whole number under `key`.
    pub(super) fn int_of(&self, key: &str) -> Option<i64> {
        scalar::int(self.node.get(key)?)
    }

    /// Whether every value of the map and of its lists is known.
    pub(super) fn is_known(&self) -> bool {
        known(self.node)
    }

    /// The path from the root: `spec.containers[0].name`; the root itself is empty.
    pub(super) fn path(&self) -> String {
        let mut out = String::new();
        self.write(&mut out);
        out
    }

    /// The path of a field of this map.
    pub(super) fn path_of(&self, field: &str) -> String {
        let mut out = self.path();
        if !out.is_empty() {
            out.push('.');
        }
        out.push_str(field);
        out
    }

    fn write(&self, out: &mut String) {
        if let Some(up) = self.up {
            up.write(out);
        }
        match self.step {
            Step::Root => {}
            Step::Key(key) => {
                if !out.is_empty() {
                    out.push('.');
                }
                out.push_str(key);
            }
            // Writing to a string cannot fail.
            Step::Index(index) => drop(write!(out, "[{index}]")),
        }
    }
}

fn known(node: &Node) -> bool {
    match &node.value {
        Value::Unknown(_) => false,
        Value::Null => true,
        Value::Scalar(scalar) => !scalar::templated(&scalar.text),
        Value::Seq(items) => items.iter().all(known),
        Value::Map(map) => map.iter().all(|(k, v)| !scalar::templated(&k.text) && known(v)),
    }
}
