//! Values as Terraform sees them: numbers, booleans, equality, collections, and access to their parts.

use cofferdam_syntax::Span;
use cofferdam_syntax::tree::{Node, Scalar, Style, Value};

/// Texts longer than this are not built.
pub(super) const MAX_TEXT: usize = 1 << 20;

/// A value, or why Terraform would refuse the expression (which `try` and `can` catch).
pub(super) type Eval = Result<Node, Wrong>;

/// Why Terraform would refuse an expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wrong(pub(super) String);

/// A step of a traversal.
#[derive(Debug, Clone)]
pub(super) enum Step {
    Attribute(String),
    Index(Node),
    Splat,
}

pub(super) fn unknown(why: impl Into<String>, span: Span) -> Node {
    Node {
        span,
        value: Value::Unknown(why.into().into()),
    }
}

pub(super) fn wrong<T>(why: impl Into<String>) -> Result<T, Wrong> {
    Err(Wrong(why.into()))
}

/// The number that a node is; text that is a number counts, as Terraform converts it.
pub(super) fn number(node: &Node) -> Option<f64> {
    let Value::Scalar(scalar) = &node.value else {
        return None;
    };
    scalar.text.trim().parse().ok().filter(|n: &f64| n.is_finite())
}

pub(super) fn number_node(number: f64, span: Span) -> Node {
    let text = if number.fract() == 0.0 && number.abs() < 9e15 {
        format!("{}", number as i64)
    } else {
        format!("{number}")
    };
    Node::plain(&text, span)
}

pub(super) fn bool_node(value: bool, span: Span) -> Node {
    Node::plain(if value { "true" } else { "false" }, span)
}

pub(super) fn boolean(node: &Node) -> Option<bool> {
    match node.as_str()? {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

/// The reason, if the value is not known.
pub(super) fn why_unknown(node: &Node) -> Option<&str> {
    match &node.value {
        Value::Unknown(why) => Some(why),
        _ => None,
    }
}

/// Whether two values are alike for `==`: places do not count, numbers compare as numbers, and text is
/// never a number. `None` when a part is not known.
pub(super) fn equal(a: &Node, b: &Node) -> Option<bool> {
    match (&a.value, &b.value) {
        (Value::Unknown(_), _) | (_, Value::Unknown(_)) => None,
        (Value::Null, Value::Null) => Some(true),
        (Value::Scalar(x), Value::Scalar(y)) => {
            let plain = |s: &Scalar| s.style == Style::Plain;
            Some(match (plain(x), plain(y)) {
                (true, true) => x.text == y.text || (number(a).is_some() && number(a) == number(b)),
                (false, false) => x.text == y.text,
                _ => false,
            })
        }
        (Value::Seq(x), Value::Seq(y)) => {
            if x.len() != y.len() {
                return Some(false);
            }
            all(x.iter().zip(y).map(|(x, y)| equal(x, y)))
        }
        (Value::Map(x), Value::Map(y)) => {
            if x.len() != y.len() {
                return Some(false);
            }
            all(x
                .iter()
                .map(|(key, x)| y.get(&key.text).map_or(Some(false), |y| equal(x, y))))
        }
        _ => Some(false),
    }
}

fn all(parts: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    let mut known = true;
    for part in parts {
        match part {
            Some(false) => return Some(false),
            Some(true) => {}
            None => known = false,
        }
    }
    known.then_some(true)
}

/// Extends a reference by further steps: an attribute of a resource that a local holds.
pub(super) fn continue_reference(why: &str, steps: &[Step]) -> String {
    if why.starts_with("ref:") && !why.contains(' ') {
        format!("{why}{}", address_of(steps))
    } else {
        why.to_owned()
    }
}

/// Steps in the form of an address: `.id`, `[0]`, `["a"]`, `[*]`.
pub(super) fn address_of(steps: &[Step]) -> String {
    steps
        .iter()
        .map(|step| match step {
            Step::Attribute(name) => format!(".{name}"),
            Step::Splat => "[*]".to_owned(),
            Step::Index(key) => match &key.value {
                Value::Scalar(s) if s.style == Style::Plain => format!("[{}]", s.text),
                Value::Scalar(s) => format!("[\"{}\"]", s.text),
                _ => "[?]".to_owned(),
            },
        })
        .collect()
}

pub(super) fn attribute(node: &Node, name: &str) -> Eval {
    match &node.value {
        Value::Map(map) => match map.get(name) {
            Some(value) => Ok(value.clone()),
            None => wrong(format!("there is no `{name}` in this object")),
        },
        Value::Null => wrong(format!("`{name}` of null")),
        _ => wrong(format!("`{name}` of a value that is not an object")),
    }
}

/// Keys and values of a collection, in Terraform's order (maps by key).
pub(super) fn pairs(node: &Node) -> Result<Vec<(Node, Node)>, Wrong> {
    match &node.value {
        Value::Seq(items) => Ok(items
            .iter()
            .enumerate()
            .map(|(index, item)| (Node::plain(&index.to_string(), item.span), item.clone()))
            .collect()),
        Value::Map(map) => {
            let mut pairs: Vec<(Node, Node)> = map
                .iter()
                .map(|(key, value)| (Node::text(&key.text, key.span), value.clone()))
                .collect();
            pairs.sort_by(|a, b| a.0.as_str().cmp(&b.0.as_str()));
            Ok(pairs)
        }
        _ => wrong("only a list or a map can be iterated"),
    }
}
