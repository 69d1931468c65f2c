//! Gives what was parsed from a made text the places of its origin.

use super::Stream;
use crate::source::Span;
use crate::tree::{Key, Node, Value};

pub(super) fn place_stream(stream: &mut Stream, place: &dyn Fn(Span) -> Span) {
    for document in std::mem::take(&mut stream.documents) {
        stream.documents.push(placed(document, place));
    }
    for problem in stream.problems.iter_mut().chain(&mut stream.errors) {
        problem.span = place(problem.span);
    }
    for comment in &mut stream.comments {
        comment.span = place(comment.span);
    }
}

/// The same tree with every span moved.
fn placed(node: Node, place: &dyn Fn(Span) -> Span) -> Node {
    let value = match node.value {
        Value::Seq(items) => Value::Seq(items.into_iter().map(|n| placed(n, place)).collect()),
        Value::Map(map) => Value::Map(
            map.into_iter()
                .map(|(key, value)| {
                    let span = place(key.span);
                    (Key { span, ..key }, placed(value, place))
                })
                .collect(),
        ),
        other => other,
    };
    Node {
        span: place(node.span),
        value,
    }
}
