//! The functions of Go templates, sprig and Helm that real charts use to make values. A
//! function that is not here, or that gets an unknown argument, has an unknown result.

use super::limits::MAX_BYTES;
use super::output::{Origin, Piece, quoted};
use super::value::Val;
use cofferdam_syntax::tree::{Node, Style, Value};

/// Versions of Kubernetes' own groups that today's clusters serve. Source: Kubernetes' documentation,
/// "Deprecated API Migration Guide".
const SERVED: &[&str] = &[
    "v1",
    "admissionregistration.k8s.io/v1",
    "apiextensions.k8s.io/v1",
    "apps/v1",
    "autoscaling/v1",
    "autoscaling/v2",
    "batch/v1",
    "certificates.k8s.io/v1",
    "coordination.k8s.io/v1",
    "discovery.k8s.io/v1",
    "networking.k8s.io/v1",
    "policy/v1",
    "rbac.authorization.k8s.io/v1",
    "scheduling.k8s.io/v1",
    "storage.k8s.io/v1",
];

/// Versions that no cluster serves any more (same source).
const GONE: &[&str] = &[
    "admissionregistration.k8s.io/v1beta1",
    "apiextensions.k8s.io/v1beta1",
    "apps/v1beta1",
    "apps/v1beta2",
    "autoscaling/v2beta1",
    "autoscaling/v2beta2",
    "batch/v1beta1",
    "certificates.k8s.io/v1beta1",
    "coordination.k8s.io/v1beta1",
    "discovery.k8s.io/v1beta1",
    "extensions/v1beta1",
    "networking.k8s.io/v1beta1",
    "policy/v1beta1",
    "rbac.authorization.k8s.io/v1beta1",
    "scheduling.k8s.io/v1beta1",
    "storage.k8s.io/v1beta1",
];

/// Whether a cluster of today serves an API version or one kind of it (`policy/v1beta1/PodSecurityPolicy`).
/// `None` for groups that are not part of Kubernetes: they may be installed.
fn serves(version: &str) -> Option<bool> {
    let parts: Vec<&str> = version.split('/').collect();
    let (version, kind) = match parts.as_slice() {
        ["v1", kind] => ("v1".to_owned(), Some(*kind)),
        [group, version, kind] => (format!("{group}/{version}"), Some(*kind)),
        _ => (version.to_owned(), None),
    };
    if GONE.contains(&version.as_str()) {
        return Some(false);
    }
    SERVED
        .contains(&version.as_str())
        .then_some(kind != Some("PodSecurityPolicy"))
}

/// Calls a function; `None` if its result cannot be known. The piped value is the last argument.
pub(super) fn call<'a>(name: &str, arguments: &[Val<'a>], here: Origin<'a>) -> Option<Val<'a>> {
    let last = arguments.last();
    let made = |text: String| {
        let origin = last.map_or(here, |v| v.origin(here));
        Some(Val::Text(vec![Piece::new(text, origin)]))
    };
    let truth = |value: bool| Some(Val::Plain(value.to_string()));
    match name {
        "default" => {
            let value = last?;
            match value.truth()? {
                true => Some(value.clone()),
                false => arguments.first().cloned(),
            }
        }
        "coalesce" => {
            for value in arguments {
                if value.truth()? {
                    return Some(value.clone());
                }
            }
            Some(Val::Nil)
        }
        "ternary" => {
            let [yes, no, test] = arguments else { return None };
            Some(if test.truth()? { yes.clone() } else { no.clone() })
        }
        "required" => last.cloned(),
        "quote" | "squote" => made(quoted(&last?.text()?)),
        "toString" | "trimAll" if arguments.len() == 1 => made(last?.text()?),
        "int" | "int64" | "float64" | "toDecimal" => number(last?),
        "upper" => made(last?.text()?.to_uppercase()),
        "lower" => made(last?.text()?.to_lowercase()),
        "trim" => made(last?.text()?.trim().to_owned()),
        "title" | "untitle" | "camelcase" => None,
        "trunc" => {
            let length: i64 = arguments.first()?.text()?.parse().ok()?;
            let text = last?.text()?;
            let count = usize::try_from(length).ok()?;
            made(text.chars().take(count).collect())
        }
        "trimSuffix" => {
            let (end, text) = two(arguments)?;
            made(text.strip_suffix(end.as_str()).unwrap_or(&text).to_owned())
        }
        "trimPrefix" => {
            let (start, text) = two(arguments)?;
            made(text.strip_prefix(start.as_str()).unwrap_or(&text).to_owned())
        }
        "replace" => {
            let [old, new, text] = arguments else { return None };
            replaced(&text.text()?, &old.text()?, &new.text()?).and_then(made)
        }
        "tpl" => {
            let text = arguments.first()?;
            let written = text.text()?;
            (!written.contains("{{")).then(|| text.clone())
        }
        "print" | "printf" => printf(name == "print", arguments, here),
        "not" => truth(!last?.truth()?),
        "empty" => truth(!last?.truth()?),
        "eq" => {
            let first = comparable(arguments.first()?)?;
            for other in &arguments[1..] {
                if comparable(other)? == first {
                    return truth(true);
                }
            }
            truth(false)
        }
        "ne" => truth(comparable(arguments.first()?)? != comparable(last?)?),
        "lt" | "le" | "gt" | "ge" => {
            let [a, b] = arguments else { return None };
            let (a, b): (f64, f64) = (a.text()?.parse().ok()?, b.text()?.parse().ok()?);
            truth(match name {
                "lt" => a < b,
                "le" => a <= b,
                "gt" => a > b,
                _ => a >= b,
            })
        }
        "contains" => {
            let (part, text) = two(arguments)?;
            truth(text.contains(&part))
        }
        "hasPrefix" => {
            let (part, text) = two(arguments)?;
            truth(text.starts_with(&part))
        }
        "hasSuffix" => {
            let (part, text) = two(arguments)?;
            truth(text.ends_with(&part))
        }
        "semverCompare" => {
            // Charts use it to ask whether the cluster is newer than some old release. Today's clusters are.
            let wanted = arguments.first()?.text()?;
            let asks_cluster = matches!(last?, Val::Unknown);
            match wanted.trim().chars().next()? {
                '>' if asks_cluster => truth(true),
                '<' if asks_cluster => truth(false),
                _ => None,
            }
        }
        "Capabilities.APIVersions.Has" => truth(serves(&last?.text()?)?),
        "dict" => {
            let mut entries = Vec::new();
            for pair in arguments.chunks(2) {
                let [key, value] = pair else { return None };
                entries.push((key.text()?, value.clone()));
            }
            Val::map(entries)
        }
        "list" | "tuple" => Val::list(arguments),
        "len" => match last? {
            Val::List(items) => Some(Val::Plain(items.len().to_string())),
            Val::Node(node) => match &node.value {
                Value::Seq(items) => Some(Val::Plain(items.len().to_string())),
                Value::Map(map) => Some(Val::Plain(map.len().to_string())),
                _ => None,
            },
            _ => None,
        },
        "get" | "index" | "hasKey" => {
            let [map, keys @ ..] = arguments else { return None };
            let found = keys
                .iter()
                .try_fold(map.clone(), |value, key| entry(&value, key))?;
            if name == "hasKey" {
                return truth(!matches!(found, Val::Nil));
            }
            Some(found)
        }
        "first" => match last? {
            Val::Node(node) => Some(node.items().first().map_or(Val::Nil, Val::Node)),
            Val::List(items) => Some(items.first().cloned().unwrap_or(Val::Nil)),
            _ => None,
        },
        "until" => {
            let end = integer(last?)?;
            counted(&[Some(0), Some(end), Some(if end < 0 { -1 } else { 1 })])
        }
        "untilStep" => counted(&arguments.iter().map(integer).collect::<Vec<_>>()),
        _ => None,
    }
}

/// Numbers that a loop may have before it counts as unknown.
const MAX_NUMBERS: usize = 1_000;

/// The numbers from a start to before an end, by a step; `None` where they are very many.
fn counted<'a>(of: &[Option<i64>]) -> Option<Val<'a>> {
    let &[Some(start), Some(end), Some(step)] = of else {
        return None;
    };
    let mut numbers = Vec::new();
    let mut at = start;
    while step != 0 && (if step > 0 { at < end } else { at > end }) {
        if numbers.len() == MAX_NUMBERS {
            return None;
        }
        numbers.push(Val::Plain(at.to_string()));
        at = at.checked_add(step)?;
    }
    Val::list(&numbers)
}

fn integer(value: &Val<'_>) -> Option<i64> {
    value.text()?.parse().ok()
}

/// `text` with `new` in place of each `old`; `None` if it is too long.
fn replaced(text: &str, old: &str, new: &str) -> Option<String> {
    let added = text.matches(old).count().saturating_mul(new.len());
    (text.len().saturating_add(added) <= MAX_BYTES).then(|| text.replace(old, new))
}

fn two(arguments: &[Val<'_>]) -> Option<(String, String)> {
    let [a, b] = arguments else { return None };
    Some((a.text()?, b.text()?))
}

/// A value for comparison. An absent value differs from the empty text.
fn comparable(value: &Val<'_>) -> Option<Option<String>> {
    match value {
        Val::Nil => Some(None),
        Val::Node(Node {
            value: Value::Null, ..
        }) => Some(None),
        other => Some(Some(other.text()?)),
    }
}

/// A whole number keeps the place of its value; other numbers are computed.
fn number<'a>(value: &Val<'a>) -> Option<Val<'a>> {
    let text = value.text()?;
    let parsed: f64 = text.trim().parse().ok()?;
    match value {
        Val::Node(node) if matches!(&node.value, Value::Scalar(s) if s.style == Style::Plain) => {
            Some(Val::Node(node))
        }
        Val::Node(node) if parsed.is_finite() => Some(Val::Text(vec![Piece::new(
            text.trim(),
            Origin::Node(node, node.span),
        )])),
        _ => Some(Val::Plain(text.trim().to_owned())),
    }
}

fn entry<'a>(value: &Val<'a>, key: &Val<'a>) -> Option<Val<'a>> {
    let key = key.text()?;
    match value {
        Val::Node(node) => match &node.value {
            Value::Map(map) => Some(map.get(&key).map_or(Val::Nil, Val::Node)),
            Value::Seq(items) => Some(Val::Node(items.get(key.parse::<usize>().ok()?)?)),
            _ => None,
        },
        Val::Map(entries) => Some(
            entries
                .iter()
                .rev()
                .find(|(k, _)| *k == key)
                .map_or(Val::Nil, |(_, v)| v.clone()),
        ),
        Val::List(items) => items.get(key.parse::<usize>().ok()?).cloned(),
        _ => None,
    }
}

/// Joins texts; each part keeps its own origin. Only `%s`, `%v` and `%d` are understood.
fn printf<'a>(plain: bool, arguments: &[Val<'a>], here: Origin<'a>) -> Option<Val<'a>> {
    let pieces_of = |value: &Val<'a>| -> Option<Vec<Piece<'a>>> {
        match value {
            Val::Text(pieces) => Some(pieces.clone()),
            other => Some(vec![Piece::new(other.text()?, other.origin(here))]),
        }
    };
    if arguments.iter().map(Val::text_bytes).sum::<usize>() > MAX_BYTES {
        return None;
    }
    let mut out = Vec::new();
    if plain {
        for argument in arguments {
            out.extend(pieces_of(argument)?);
        }
        out.retain(|piece| !piece.text.is_empty());
        return Some(Val::Text(out));
    }
    let (format, values) = arguments.split_first()?;
    let format = format.text()?;
    let mut values = values.iter();
    let mut rest = format.as_str();
    while let Some((before, after)) = rest.split_once('%') {
        out.push(Piece::new(before, here));
        let verb = after.chars().next()?;
        match verb {
            's' | 'v' | 'd' => out.extend(pieces_of(values.next()?)?),
            '%' => out.push(Piece::new("%", here)),
            _ => return None,
        }
        rest = &after[1..];
    }
    out.push(Piece::new(rest, here));
    out.retain(|piece| !piece.text.is_empty());
    values.next().is_none().then_some(Val::Text(out))
}
