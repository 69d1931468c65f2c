//! A value while a template is evaluated, and what counts as true.

use super::output::{Origin, Piece};
use cofferdam_syntax::tree::{Node, Style, Value};
use std::ops::Deref;
use std::rc::Rc;

/// Levels of lists and maps that a template may put into each other.
const MAX_DEPTH: usize = 64;

/// The items of a list or map. Shared, because a template may put a list into itself again and again.
#[derive(Debug)]
pub(super) struct Shared<T> {
    items: Rc<[T]>,
    depth: usize,
}

impl<T> Clone for Shared<T> {
    fn clone(&self) -> Self {
        Shared {
            items: Rc::clone(&self.items),
            depth: self.depth,
        }
    }
}

impl<T> Deref for Shared<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.items
    }
}

/// A value in a template.
#[derive(Debug, Clone)]
pub(super) enum Val<'a> {
    /// `.` at the top.
    Root,
    Chart,
    Release,
    /// Absent. Somebody may still set the value, so it is printed as unknown.
    Nil,
    Unknown,
    Node(&'a Node),
    /// A text made of pieces.
    Text(Vec<Piece<'a>>),
    /// A number or boolean that was computed, or written in the template.
    Plain(String),
    Map(Shared<(String, Val<'a>)>),
    List(Shared<Val<'a>>),
}

impl<'a> Val<'a> {
    /// A list; `None` if it is nested too deeply.
    pub(super) fn list(items: &[Val<'a>]) -> Option<Val<'a>> {
        let depth = 1 + items.iter().map(Val::depth).max().unwrap_or(0);
        let items = items.into();
        (depth <= MAX_DEPTH).then_some(Val::List(Shared { items, depth }))
    }

    /// A map; `None` if it is nested too deeply.
    pub(super) fn map(entries: Vec<(String, Val<'a>)>) -> Option<Val<'a>> {
        let depth = 1 + entries.iter().map(|(_, value)| value.depth()).max().unwrap_or(0);
        let items = entries.into();
        (depth <= MAX_DEPTH).then_some(Val::Map(Shared { items, depth }))
    }

    fn depth(&self) -> usize {
        match self {
            Val::Map(entries) => entries.depth,
            Val::List(items) => items.depth,
            _ => 0,
        }
    }

    /// Bytes that a copy of it takes.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Val::Plain(text) => text.len(),
            Val::Text(pieces) => bytes_of(pieces),
            _ => 0,
        }
    }

    /// Bytes of its text, which a function copies to work on it.
    pub(super) fn text_bytes(&self) -> usize {
        match self {
            Val::Node(node) => node.as_str().map_or(0, str::len),
            other => other.bytes(),
        }
    }

    /// Whether it counts as true; `None` if that cannot be known.
    pub(super) fn truth(&self) -> Option<bool> {
        Some(match self {
            Val::Unknown => return None,
            Val::Nil => false,
            Val::Root | Val::Chart | Val::Release => true,
            Val::Plain(text) => !is_false(text),
            Val::Text(pieces) => {
                if pieces.iter().any(|p| !p.text.is_empty() && !p.is_unknown()) {
                    true
                } else if pieces.iter().any(Piece::is_unknown) {
                    return None;
                } else {
                    false
                }
            }
            Val::Map(entries) => !entries.is_empty(),
            Val::List(items) => !items.is_empty(),
            Val::Node(node) => match &node.value {
                Value::Null => false,
                Value::Map(map) => !map.is_empty(),
                Value::Seq(items) => !items.is_empty(),
                Value::Scalar(s) if s.style == Style::Plain => !is_false(&s.text),
                Value::Scalar(s) => !s.text.is_empty(),
                Value::Unknown(_) => return None,
            },
        })
    }

    /// Its text; `None` if it is not known or not a text.
    pub(super) fn text(&self) -> Option<String> {
        match self {
            Val::Plain(text) => Some(text.clone()),
            Val::Node(node) => node.as_str().map(str::to_owned),
            Val::Text(pieces) if !pieces.iter().any(Piece::is_unknown) => {
                Some(pieces.iter().map(|p| p.text.as_str()).collect())
            }
            _ => None,
        }
    }

    /// Where it comes from, or `otherwise`.
    pub(super) fn origin(&self, otherwise: Origin<'a>) -> Origin<'a> {
        match self {
            Val::Node(node) => Origin::Node(node, node.span),
            Val::Text(pieces) => pieces
                .iter()
                .rev()
                .map(|p| p.origin)
                .find(|o| matches!(o, Origin::Node(..)))
                .unwrap_or(otherwise),
            _ => otherwise,
        }
    }
}

/// Bytes that pieces take.
pub(super) fn bytes_of(pieces: &[Piece<'_>]) -> usize {
    let piece = std::mem::size_of::<Piece<'_>>();
    pieces.iter().map(|p| piece + p.text.len()).sum()
}

fn is_false(text: &str) -> bool {
    text.is_empty() || text == "false" || text.parse::<f64>().is_ok_and(|n| n == 0.0)
}

/// The items of a list, each with its number.
pub(super) fn numbered<'a>(items: impl Iterator<Item = Val<'a>>) -> Vec<(Val<'a>, Val<'a>)> {
    items
        .enumerate()
        .map(|(index, item)| (Val::Plain(index.to_string()), item))
        .collect()
}
