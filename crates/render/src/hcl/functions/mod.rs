//! Terraform's functions whose result depends on the files alone. The result of any other function is unknown.
//! It is no error, so `try` does not take its other argument because of it.

mod collections;
mod text;

use collections::{
    coalesce, concat, contains, distinct, element, flatten, index, length, lookup, map_parts, merge, one,
    quantified, range, slice, sorted, toset, zipmap,
};
use text::{format, join, replace, split, substr, title};

use super::value::{Eval, MAX_TEXT, bool_node, number, number_node, unknown, wrong};
use cofferdam_syntax::Span;
use cofferdam_syntax::tree::{Node, Style, Value};

/// Functions by name, with the least number of arguments and the implementation.
const FUNCTIONS: &[(&str, usize, Function)] = &[
    ("abs", 1, |a, s| numbers(a, s, |n| n[0].abs())),
    ("ceil", 1, |a, s| numbers(a, s, |n| n[0].ceil())),
    ("floor", 1, |a, s| numbers(a, s, |n| n[0].floor())),
    ("max", 1, |a, s| {
        numbers(a, s, |n| n.iter().copied().fold(f64::NEG_INFINITY, f64::max))
    }),
    ("min", 1, |a, s| {
        numbers(a, s, |n| n.iter().copied().fold(f64::INFINITY, f64::min))
    }),
    ("pow", 2, |a, s| numbers(a, s, |n| n[0].powf(n[1]))),
    ("sum", 1, |a, s| match &a[0].value {
        Value::Seq(items) => numbers(items, s, |n| n.iter().sum()),
        _ => wrong("sum() takes a list of numbers"),
    }),
    ("parseint", 2, parseint),
    ("tonumber", 1, tonumber),
    ("tostring", 1, |a, s| scalar_as(a, s, Style::Quoted)),
    ("tobool", 1, |a, s| match a[0].as_str() {
        Some("true" | "false") => scalar_as(a, s, Style::Plain),
        _ if a[0].is_null() => Ok(a[0].clone()),
        _ => wrong("tobool() takes true or false"),
    }),
    ("lower", 1, |a, s| texts(a, s, |t| t[0].to_lowercase())),
    ("upper", 1, |a, s| texts(a, s, |t| t[0].to_uppercase())),
    ("title", 1, |a, s| texts(a, s, |t| title(t[0]))),
    ("trimspace", 1, |a, s| texts(a, s, |t| t[0].trim().to_owned())),
    ("trim", 2, |a, s| {
        texts(a, s, |t| t[0].trim_matches(|c| t[1].contains(c)).to_owned())
    }),
    ("trimprefix", 2, |a, s| {
        texts(a, s, |t| t[0].strip_prefix(t[1]).unwrap_or(t[0]).to_owned())
    }),
    ("trimsuffix", 2, |a, s| {
        texts(a, s, |t| t[0].strip_suffix(t[1]).unwrap_or(t[0]).to_owned())
    }),
    ("replace", 3, replace),
    ("substr", 3, substr),
    ("startswith", 2, |a, s| {
        text_test(a, s, |text, part| text.starts_with(part))
    }),
    ("endswith", 2, |a, s| {
        text_test(a, s, |text, part| text.ends_with(part))
    }),
    ("strcontains", 2, |a, s| {
        text_test(a, s, |text, part| text.contains(part))
    }),
    ("format", 1, format),
    ("join", 2, join),
    ("split", 2, split),
    ("length", 1, length),
    ("concat", 0, concat),
    ("flatten", 1, flatten),
    ("compact", 1, |a, s| {
        list(a, s, |items| {
            items
                .iter()
                .filter(|i| !i.is_null() && i.as_str() != Some(""))
                .cloned()
                .collect()
        })
    }),
    ("reverse", 1, |a, s| {
        list(a, s, |items| items.iter().rev().cloned().collect())
    }),
    ("sort", 1, |a, s| list(a, s, sorted)),
    ("distinct", 1, distinct),
    ("tolist", 1, |a, s| list(a, s, <[Node]>::to_vec)),
    ("toset", 1, toset),
    ("slice", 3, slice),
    ("element", 2, element),
    ("index", 2, index),
    ("contains", 2, contains),
    ("one", 1, one),
    ("range", 1, range),
    ("coalesce", 1, coalesce),
    ("coalescelist", 1, |a, _| {
        a.iter()
            .find(|i| !i.items().is_empty())
            .cloned()
            .ok_or_else(|| super::value::Wrong("all lists are empty".into()))
    }),
    ("alltrue", 1, |a, s| quantified(a, s, true)),
    ("anytrue", 1, |a, s| quantified(a, s, false)),
    ("lookup", 2, lookup),
    ("merge", 0, merge),
    ("keys", 1, |a, s| map_parts(a, s, |(key, _)| key)),
    ("values", 1, |a, s| map_parts(a, s, |(_, value)| value)),
    ("tomap", 1, |a, _| Ok(a[0].clone())),
    ("zipmap", 2, zipmap),
    // The argument of these is kept as a tree, not as text.
    ("jsonencode", 1, |a, _| Ok(a[0].clone())),
    ("yamlencode", 1, |a, _| Ok(a[0].clone())),
    ("sensitive", 1, |a, _| Ok(a[0].clone())),
    ("nonsensitive", 1, |a, _| Ok(a[0].clone())),
    ("ephemeralasnull", 1, |a, _| Ok(a[0].clone())),
    ("basename", 1, |a, s| {
        texts(a, s, |t| t[0].rsplit('/').next().unwrap_or("").to_owned())
    }),
    ("dirname", 1, |a, s| {
        texts(a, s, |t| t[0].rsplit_once('/').map_or(".", |(d, _)| d).to_owned())
    }),
];

type Function = fn(&[Node], Span) -> Eval;

/// Functions that treat unknown elements like any others.
const SHALLOW: &[&str] = &[
    "element", "flatten", "keys", "length", "one", "reverse", "slice", "tolist", "tomap", "toset", "values",
];

/// Functions that handle unknown arguments themselves.
const OWN: &[&str] = &[
    "coalesce",
    "concat",
    "jsonencode",
    "lookup",
    "merge",
    "nonsensitive",
    "sensitive",
    "yamlencode",
    "zipmap",
];

/// The result of a function.
pub(super) fn call(name: &str, args: &[Node], span: Span) -> Eval {
    let Some((_, least, function)) = FUNCTIONS.iter().find(|(known, ..)| *known == name) else {
        return Ok(unknown(format!("{name}() is decided when Terraform runs"), span));
    };
    if args.len() < *least {
        let arguments = if *least == 1 { "argument" } else { "arguments" };
        return wrong(format!("{name}() takes at least {least} {arguments}"));
    }
    if !OWN.contains(&name) {
        let deep = !SHALLOW.contains(&name);
        if let Some(why) = args.iter().find_map(|arg| first_unknown(arg, deep)) {
            return Ok(unknown(why, span));
        }
    }
    function(args, span)
}

/// Steps that a call takes, if its arguments have `size` parts.
pub(super) fn steps(name: &str, args: &[Node], size: usize) -> usize {
    let items = args.first().map_or(0, |list| list.items().len());
    match name {
        // Each item is compared with each other.
        "distinct" | "toset" => size.saturating_mul(1 + items / 16),
        "sort" | "format" | "replace" => size.saturating_mul(4),
        // Text is read byte by byte.
        "yamldecode" | "jsondecode" => size.saturating_mul(16),
        "split" => args.iter().filter_map(Node::as_str).map(str::len).sum(),
        _ => size,
    }
}

/// Why `node` is not known; with `deep`, or why a part of it is not.
fn first_unknown(node: &Node, deep: bool) -> Option<&str> {
    match &node.value {
        Value::Unknown(why) => Some(why),
        Value::Seq(items) if deep => items.iter().find_map(|i| first_unknown(i, true)),
        Value::Map(map) if deep => map.iter().find_map(|(_, v)| first_unknown(v, true)),
        _ => None,
    }
}

fn seq(items: Vec<Node>, span: Span) -> Node {
    Node {
        span,
        value: Value::Seq(items),
    }
}

fn numbers(args: &[Node], span: Span, f: impl FnOnce(&[f64]) -> f64) -> Eval {
    let Some(numbers) = args.iter().map(number).collect::<Option<Vec<f64>>>() else {
        return wrong("a number is needed");
    };
    let result = f(&numbers);
    if result.is_finite() {
        Ok(number_node(result, span))
    } else {
        wrong("not a finite number")
    }
}

fn texts(args: &[Node], span: Span, f: impl FnOnce(&[&str]) -> String) -> Eval {
    let Some(texts) = args.iter().map(Node::as_str).collect::<Option<Vec<&str>>>() else {
        return wrong("text is needed");
    };
    let text = f(&texts);
    if text.len() > MAX_TEXT {
        return Ok(unknown("a text too long to build", span));
    }
    Ok(Node::text(&text, span))
}

fn text_test(args: &[Node], span: Span, f: impl FnOnce(&str, &str) -> bool) -> Eval {
    match (args[0].as_str(), args[1].as_str()) {
        (Some(text), Some(part)) => Ok(bool_node(f(text, part), span)),
        _ => wrong("text is needed"),
    }
}

fn list(args: &[Node], span: Span, f: impl FnOnce(&[Node]) -> Vec<Node>) -> Eval {
    match &args[0].value {
        Value::Seq(items) => Ok(seq(f(items), span)),
        _ => wrong("a list is needed"),
    }
}

fn tonumber(args: &[Node], _span: Span) -> Eval {
    if args[0].is_null() {
        return Ok(args[0].clone());
    }
    match number(&args[0]) {
        // The place is the value's own, not that of the conversion.
        Some(n) => Ok(number_node(n, args[0].span)),
        None => wrong("tonumber() takes a number"),
    }
}

fn scalar_as(args: &[Node], _span: Span, style: Style) -> Eval {
    let mut node = args[0].clone();
    match &mut node.value {
        Value::Scalar(scalar) => scalar.style = style,
        Value::Null => {}
        _ => return wrong("a text or number is needed"),
    }
    Ok(node)
}

fn parseint(args: &[Node], span: Span) -> Eval {
    let base = args[1].as_u32().filter(|b| (2..=36).contains(b));
    let parsed = args[0]
        .as_str()
        .zip(base)
        .and_then(|(text, base)| i64::from_str_radix(text, base).ok());
    match parsed {
        Some(n) => Ok(Node::plain(&n.to_string(), span)),
        None => wrong("parseint() takes a whole number"),
    }
}
