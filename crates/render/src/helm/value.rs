//! A value while a template is evaluated, and what counts as true.

use super::output::{Origin, Piece};
use cofferdam_syntax::tree::{Node, Style, Value};
use std::rc::Rc;

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
    // Shared, because a template may put a list into itself again and again.
    Map(Rc<[(String, Val<'a>)]>),
    List(Rc<[Val<'a>]>),
}

impl<'a> Val<'a> {
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

fn is_false(text: &str) -> bool {
    text.is_empty() || text == "false" || text.parse::<f64>().is_ok_and(|n| n == 0.0)
}
