//! Functions of texts.

use super::super::value::{Eval, MAX_TEXT, number, unknown, wrong};
use super::seq;
use cofferdam_syntax::Span;
use cofferdam_syntax::tree::Node;

pub(super) fn title(text: &str) -> String {
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

pub(super) fn replace(args: &[Node], span: Span) -> Eval {
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

pub(super) fn substr(args: &[Node], span: Span) -> Eval {
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
pub(super) fn format(args: &[Node], span: Span) -> Eval {
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

pub(super) fn formatted(verb: char, spec: &str, arg: &Node) -> Option<String> {
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

pub(super) fn join(args: &[Node], span: Span) -> Eval {
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

pub(super) fn split(args: &[Node], span: Span) -> Eval {
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
