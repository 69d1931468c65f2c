//! Functions of lists and maps.

use super::super::value::{Eval, bool_node, equal, number, number_node, pairs, unknown, why_unknown, wrong};
use super::{list, seq};
use cofferdam_syntax::Span;
use cofferdam_syntax::tree::{Key, Node, Value};

/// Longest list that a function makes from numbers alone.
const MAX_RANGE: f64 = 10_000.0;

pub(super) fn length(args: &[Node], span: Span) -> Eval {
    let length = match &args[0].value {
        Value::Seq(items) => items.len(),
        Value::Map(map) => map.len(),
        Value::Scalar(scalar) => scalar.text.chars().count(),
        _ => return wrong("length() takes a list, a map or a text"),
    };
    Ok(Node::plain(&length.to_string(), span))
}

pub(super) fn concat(args: &[Node], span: Span) -> Eval {
    let mut items = Vec::new();
    for arg in args {
        match &arg.value {
            Value::Seq(more) => items.extend(more.iter().cloned()),
            Value::Unknown(why) => return Ok(unknown(why.to_string(), span)),
            _ => return wrong("concat() takes lists"),
        }
    }
    Ok(seq(items, span))
}

pub(super) fn flatten(args: &[Node], span: Span) -> Eval {
    fn into(node: &Node, out: &mut Vec<Node>) {
        match &node.value {
            Value::Seq(items) => items.iter().for_each(|i| into(i, out)),
            _ => out.push(node.clone()),
        }
    }
    let mut out = Vec::new();
    into(&args[0], &mut out);
    Ok(seq(out, span))
}

pub(super) fn sorted(items: &[Node]) -> Vec<Node> {
    let mut items = items.to_vec();
    items.sort_by(|a, b| a.as_str().cmp(&b.as_str()));
    items
}

pub(super) fn distinct(args: &[Node], span: Span) -> Eval {
    let Value::Seq(items) = &args[0].value else {
        return wrong("a list is needed");
    };
    // People write short lists. The bound protects from hostile files: each item is compared with each other.
    if items.len() > 2_000 {
        return Ok(unknown("a list too long to compare", span));
    }
    let mut out: Vec<Node> = Vec::new();
    for item in items {
        if !out.iter().any(|seen| equal(seen, item) == Some(true)) {
            out.push(item.clone());
        }
    }
    Ok(seq(out, span))
}

pub(super) fn toset(args: &[Node], span: Span) -> Eval {
    if args[0].items().iter().any(|i| i.as_str().is_none()) {
        return distinct(args, span);
    }
    list(args, span, |items| {
        let mut items = sorted(items);
        items.dedup_by(|a, b| a.as_str() == b.as_str());
        items
    })
}

pub(super) fn slice(args: &[Node], span: Span) -> Eval {
    let (Some(start), Some(end)) = (args[1].as_u32(), args[2].as_u32()) else {
        return wrong("slice() takes a list and two numbers");
    };
    match args[0].items().get(start as usize..end as usize) {
        Some(items) => Ok(seq(items.to_vec(), span)),
        None => wrong("slice() beyond the list's end"),
    }
}

pub(super) fn element(args: &[Node], _span: Span) -> Eval {
    let items = args[0].items();
    match args[1].as_i64() {
        Some(n) if !items.is_empty() => Ok(items[n.rem_euclid(items.len() as i64) as usize].clone()),
        _ => wrong("element() of an empty list"),
    }
}

pub(super) fn index(args: &[Node], span: Span) -> Eval {
    match args[0]
        .items()
        .iter()
        .position(|i| equal(i, &args[1]) == Some(true))
    {
        Some(at) => Ok(Node::plain(&at.to_string(), span)),
        None => wrong("index() finds no such element"),
    }
}

pub(super) fn contains(args: &[Node], span: Span) -> Eval {
    match &args[0].value {
        Value::Seq(items) => {
            // In a set of texts, the wanted value is converted to text.
            let found = items.iter().any(|i| {
                equal(i, &args[1]) == Some(true) || (i.as_str().is_some() && i.as_str() == args[1].as_str())
            });
            Ok(bool_node(found, span))
        }
        _ => wrong("contains() takes a list"),
    }
}

pub(super) fn one(args: &[Node], span: Span) -> Eval {
    match args[0].items() {
        [] => Ok(Node {
            span,
            value: Value::Null,
        }),
        [only] => Ok(only.clone()),
        _ => wrong("one() of a list with several elements"),
    }
}

pub(super) fn range(args: &[Node], span: Span) -> Eval {
    let Some(n) = args.iter().map(number).collect::<Option<Vec<f64>>>() else {
        return wrong("range() takes numbers");
    };
    let (start, limit, step) = match n[..] {
        [limit] => (0.0, limit, 1.0),
        [start, limit] => (start, limit, if start <= limit { 1.0 } else { -1.0 }),
        [start, limit, step, ..] => (start, limit, step),
        [] => return wrong("range() takes numbers"),
    };
    let count = ((limit - start) / step).ceil();
    if !count.is_finite() || count > MAX_RANGE {
        return Ok(unknown("a range too long to build", span));
    }
    let items = (0..count.max(0.0) as u32)
        .map(|i| number_node(start + f64::from(i) * step, span))
        .collect();
    Ok(seq(items, span))
}

pub(super) fn coalesce(args: &[Node], span: Span) -> Eval {
    for arg in args {
        match &arg.value {
            Value::Null => {}
            Value::Scalar(scalar) if scalar.text.is_empty() => {}
            Value::Unknown(why) => return Ok(unknown(why.to_string(), span)),
            _ => return Ok(arg.clone()),
        }
    }
    wrong("coalesce() finds nothing that is set")
}

pub(super) fn quantified(args: &[Node], span: Span, every: bool) -> Eval {
    let mut items = args[0].items().iter();
    let hit = |item: &Node| item.as_str() == Some(if every { "false" } else { "true" });
    Ok(bool_node(items.any(hit) != every, span))
}

pub(super) fn lookup(args: &[Node], span: Span) -> Eval {
    if let Some(why) = why_unknown(&args[0]).or(why_unknown(&args[1])) {
        return Ok(unknown(why, span));
    }
    let Some(key) = args[1].as_str() else {
        return wrong("lookup() takes a map and a key");
    };
    match (args[0].get(key), args.get(2)) {
        (Some(value), _) => Ok(value.clone()),
        (None, Some(default)) => Ok(default.clone()),
        (None, None) => wrong(format!("the map has no `{key}`")),
    }
}

pub(super) fn merge(args: &[Node], span: Span) -> Eval {
    let mut out: Vec<(Key, Node)> = Vec::new();
    for arg in args {
        match &arg.value {
            Value::Map(map) => out.extend(map.iter().map(|(key, value)| (key.clone(), value.clone()))),
            Value::Null => {}
            Value::Unknown(why) => return Ok(unknown(why.to_string(), span)),
            _ => return wrong("merge() takes maps"),
        }
    }
    Ok(Node {
        span,
        value: Value::Map(out.into_iter().collect()),
    })
}

pub(super) fn map_parts(args: &[Node], span: Span, part: fn((Node, Node)) -> Node) -> Eval {
    match &args[0].value {
        Value::Map(_) => Ok(seq(pairs(&args[0])?.into_iter().map(part).collect(), span)),
        _ => wrong("a map is needed"),
    }
}

pub(super) fn zipmap(args: &[Node], span: Span) -> Eval {
    for arg in args {
        if let Some(why) = why_unknown(arg) {
            return Ok(unknown(why, span));
        }
    }
    let mut out: Vec<(Key, Node)> = Vec::new();
    for (key, value) in args[0].items().iter().zip(args[1].items()) {
        match (&key.value, key.as_str()) {
            (_, Some(text)) => {
                let key = Key {
                    text: text.into(),
                    span: key.span,
                };
                out.push((key, value.clone()));
            }
            (Value::Unknown(why), _) => return Ok(unknown(why.to_string(), span)),
            _ => return wrong("a key is not a string"),
        }
    }
    Ok(Node {
        span,
        value: Value::Map(out.into_iter().collect()),
    })
}
