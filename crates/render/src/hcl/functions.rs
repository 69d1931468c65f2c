//! Terraform's functions, those whose result the files alone decide. Any other is unknown, by name:
//! a function that is not here is no reason for `try` to take its other argument.

use super::eval::{
    Eval, MAX_TEXT, bool_node, equal, number, number_node, pairs, unknown, why_unknown, wrong,
};
use cofferdam_syntax::Span;
use cofferdam_syntax::tree::{Key, Map, Node, Style, Value};

/// Longest list that a function makes from numbers alone.
const MAX_RANGE: f64 = 10_000.0;

/// Functions by name, how many arguments they take at least, and what they do.
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
            .ok_or_else(|| super::eval::Wrong("all lists are empty".into()))
    }),
    ("alltrue", 1, |a, s| quantified(a, s, true)),
    ("anytrue", 1, |a, s| quantified(a, s, false)),
    ("lookup", 2, lookup),
    ("merge", 0, merge),
    ("keys", 1, |a, s| map_parts(a, s, |(key, _)| key)),
    ("values", 1, |a, s| map_parts(a, s, |(_, value)| value)),
    ("tomap", 1, |a, _| Ok(a[0].clone())),
    ("zipmap", 2, zipmap),
    // What these encode is read as what it says, not as text.
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

/// Functions for which elements that are not known are elements like any other.
const SHALLOW: &[&str] = &[
    "element", "flatten", "keys", "length", "one", "reverse", "slice", "tolist", "tomap", "toset", "values",
];

/// Functions that cope with unknown arguments themselves.
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
        return wrong(format!("{name}() takes at least {least} arguments"));
    }
    if !OWN.contains(&name) {
        let deep = !SHALLOW.contains(&name);
        if let Some(why) = args.iter().find_map(|arg| first_unknown(arg, deep)) {
            return Ok(unknown(why, span));
        }
    }
    function(args, span)
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
        // The value's own place, not that of the conversion.
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

fn title(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut start = true;
    for c in text.chars() {
        if start {
            out.extend(c.to_uppercase());
        } else {
            out.push(c);
        }
        start = !(c.is_alphanumeric() || c == '_' || c == '\'');
    }
    out
}

fn replace(args: &[Node], span: Span) -> Eval {
    let (Some(text), Some(old), Some(new)) = (args[0].as_str(), args[1].as_str(), args[2].as_str()) else {
        return wrong("text is needed");
    };
    if old.len() > 1 && old.starts_with('/') && old.ends_with('/') {
        return Ok(unknown("replace() with a regular expression", span));
    }
    if (text.len() + 1).saturating_mul(new.len() + 1) > MAX_TEXT {
        return Ok(unknown("a text too long to build", span));
    }
    Ok(Node::text(&text.replace(old, new), span))
}

fn substr(args: &[Node], span: Span) -> Eval {
    let (Some(text), Some(offset), Some(length)) = (args[0].as_str(), args[1].as_i64(), args[2].as_i64())
    else {
        return wrong("substr() takes a text and two numbers");
    };
    let count = text.chars().count() as i64;
    let start = if offset < 0 { count + offset } else { offset }.clamp(0, count);
    let end = if length < 0 {
        count
    } else {
        start.saturating_add(length).min(count)
    };
    let part: String = text
        .chars()
        .skip(start as usize)
        .take((end - start) as usize)
        .collect();
    Ok(Node::text(&part, span))
}

/// `%s`, `%d`, `%v`, `%q`, `%%` and numbers with a fixed precision (`%.2f`, `%03d`).
fn format(args: &[Node], span: Span) -> Eval {
    let Some(pattern) = args[0].as_str() else {
        return wrong("format() takes a text first");
    };
    let mut rest = args[1..].iter();
    let mut out = String::new();
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        if out.len() > MAX_TEXT {
            return Ok(unknown("a text too long to build", span));
        }
        if c != '%' {
            out.push(c);
            continue;
        }
        let mut spec = String::new();
        let verb = loop {
            match chars.next() {
                Some(c) if c.is_ascii_digit() || matches!(c, '.' | '-' | '+' | ' ' | '#') => spec.push(c),
                Some(c) => break c,
                None => return wrong("format() ends inside a verb"),
            }
        };
        if verb == '%' {
            out.push('%');
            continue;
        }
        let Some(arg) = rest.next() else {
            return wrong("format() has too few arguments");
        };
        match formatted(verb, &spec, arg) {
            Some(text) => out.push_str(&text),
            None => return Ok(unknown(format!("format() with %{spec}{verb}"), span)),
        }
    }
    Ok(Node::text(&out, span))
}

fn formatted(verb: char, spec: &str, arg: &Node) -> Option<String> {
    let text = arg.as_str()?;
    match (verb, spec) {
        ('s' | 'v', "") => Some(text.to_owned()),
        ('q', "") => Some(format!("{text:?}")),
        ('t', "") => Some(text.to_owned()),
        ('d', "") => Some(format!("{}", number(arg)? as i64)),
        ('d', spec) => {
            let width: usize = spec.strip_prefix('0').unwrap_or(spec).parse().ok()?;
            let (n, zero) = (number(arg)? as i64, spec.starts_with('0'));
            (width <= 64).then(|| {
                if zero {
                    format!("{n:0width$}")
                } else {
                    format!("{n:width$}")
                }
            })
        }
        ('f', spec) => {
            let precision: usize = match spec {
                "" => 6,
                spec => spec.strip_prefix('.')?.parse().ok()?,
            };
            (precision <= 32).then_some(())?;
            Some(format!("{:.precision$}", number(arg)?))
        }
        _ => None,
    }
}

fn join(args: &[Node], span: Span) -> Eval {
    let Some(separator) = args[0].as_str() else {
        return wrong("join() takes a text first");
    };
    let mut parts = Vec::new();
    for item in args[1..].iter().flat_map(Node::items) {
        match item.as_str() {
            Some(text) => parts.push(text),
            None => return wrong("join() takes texts"),
        }
    }
    let length: usize = parts.iter().map(|p| p.len() + separator.len()).sum();
    if length > MAX_TEXT {
        return Ok(unknown("a text too long to build", span));
    }
    Ok(Node::text(&parts.join(separator), span))
}

fn split(args: &[Node], span: Span) -> Eval {
    let (Some(separator), Some(text)) = (args[0].as_str(), args[1].as_str()) else {
        return wrong("split() takes two texts");
    };
    let parts: Vec<Node> = if separator.is_empty() {
        text.chars()
            .map(|c| Node::text(c.encode_utf8(&mut [0; 4]), args[1].span))
            .collect()
    } else {
        text.split(separator)
            .map(|part| Node::text(part, args[1].span))
            .collect()
    };
    Ok(seq(parts, span))
}

fn length(args: &[Node], span: Span) -> Eval {
    let length = match &args[0].value {
        Value::Seq(items) => items.len(),
        Value::Map(map) => map.len(),
        Value::Scalar(scalar) => scalar.text.chars().count(),
        _ => return wrong("length() takes a list, a map or a text"),
    };
    Ok(Node::plain(&length.to_string(), span))
}

fn concat(args: &[Node], span: Span) -> Eval {
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

fn flatten(args: &[Node], span: Span) -> Eval {
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

fn sorted(items: &[Node]) -> Vec<Node> {
    let mut items = items.to_vec();
    items.sort_by(|a, b| a.as_str().cmp(&b.as_str()));
    items
}

fn distinct(args: &[Node], span: Span) -> Eval {
    let Value::Seq(items) = &args[0].value else {
        return wrong("a list is needed");
    };
    // Lists here are a person's; comparing each with each beyond this would only serve an attack.
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

fn toset(args: &[Node], span: Span) -> Eval {
    if args[0].items().iter().any(|i| i.as_str().is_none()) {
        return distinct(args, span);
    }
    list(args, span, |items| {
        let mut items = sorted(items);
        items.dedup_by(|a, b| a.as_str() == b.as_str());
        items
    })
}

fn slice(args: &[Node], span: Span) -> Eval {
    let (Some(start), Some(end)) = (args[1].as_u32(), args[2].as_u32()) else {
        return wrong("slice() takes a list and two numbers");
    };
    match args[0].items().get(start as usize..end as usize) {
        Some(items) => Ok(seq(items.to_vec(), span)),
        None => wrong("slice() beyond the list's end"),
    }
}

fn element(args: &[Node], _span: Span) -> Eval {
    let items = args[0].items();
    match args[1].as_i64() {
        Some(n) if !items.is_empty() => Ok(items[n.rem_euclid(items.len() as i64) as usize].clone()),
        _ => wrong("element() of an empty list"),
    }
}

fn index(args: &[Node], span: Span) -> Eval {
    match args[0]
        .items()
        .iter()
        .position(|i| equal(i, &args[1]) == Some(true))
    {
        Some(at) => Ok(Node::plain(&at.to_string(), span)),
        None => wrong("index() finds no such element"),
    }
}

fn contains(args: &[Node], span: Span) -> Eval {
    match &args[0].value {
        Value::Seq(items) => {
            // A set of texts converts what it is asked for to text.
            let found = items.iter().any(|i| {
                equal(i, &args[1]) == Some(true) || (i.as_str().is_some() && i.as_str() == args[1].as_str())
            });
            Ok(bool_node(found, span))
        }
        _ => wrong("contains() takes a list"),
    }
}

fn one(args: &[Node], span: Span) -> Eval {
    match args[0].items() {
        [] => Ok(Node {
            span,
            value: Value::Null,
        }),
        [only] => Ok(only.clone()),
        _ => wrong("one() of a list with several elements"),
    }
}

fn range(args: &[Node], span: Span) -> Eval {
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

fn coalesce(args: &[Node], span: Span) -> Eval {
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

fn quantified(args: &[Node], span: Span, every: bool) -> Eval {
    let mut items = args[0].items().iter();
    let hit = |item: &Node| item.as_str() == Some(if every { "false" } else { "true" });
    Ok(bool_node(items.any(hit) != every, span))
}

fn lookup(args: &[Node], span: Span) -> Eval {
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

fn merge(args: &[Node], span: Span) -> Eval {
    let mut out = Map::default();
    for arg in args {
        match &arg.value {
            Value::Map(map) => {
                for (key, value) in map.iter() {
                    out.insert(key.clone(), value.clone());
                }
            }
            Value::Null => {}
            Value::Unknown(why) => return Ok(unknown(why.to_string(), span)),
            _ => return wrong("merge() takes maps"),
        }
    }
    Ok(Node {
        span,
        value: Value::Map(out),
    })
}

fn map_parts(args: &[Node], span: Span, part: fn((Node, Node)) -> Node) -> Eval {
    match &args[0].value {
        Value::Map(_) => Ok(seq(pairs(&args[0])?.into_iter().map(part).collect(), span)),
        _ => wrong("a map is needed"),
    }
}

fn zipmap(args: &[Node], span: Span) -> Eval {
    for arg in args {
        if let Some(why) = why_unknown(arg) {
            return Ok(unknown(why, span));
        }
    }
    let mut out = Map::default();
    for (key, value) in args[0].items().iter().zip(args[1].items()) {
        match (&key.value, key.as_str()) {
            (_, Some(text)) => out.insert(
                Key {
                    text: text.into(),
                    span: key.span,
                },
                value.clone(),
            ),
            (Value::Unknown(why), _) => return Ok(unknown(why.to_string(), span)),
            _ => return wrong("a key is no text"),
        };
    }
    Ok(Node {
        span,
        value: Value::Map(out),
    })
}
