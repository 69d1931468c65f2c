//! Values as text: what `toYaml` and `toJson` print.

use super::limits::MAX_PIECES;
use super::output::{MARK, MARK_END, Origin, Piece, quoted};
use super::value::Val;
use cofferdam_syntax::tree::{Node, Style, Value};

/// A value that a template made or took, as block YAML. `None` if it has no such form.
pub(super) fn yaml_of<'a>(value: &Val<'a>, here: Origin<'a>) -> Option<Vec<Piece<'a>>> {
    // Values that are made in a template are small: each of them is on one line.
    let mut out = Vec::new();
    match value {
        Val::Node(node) => return Some(to_yaml(node)),
        Val::Map(entries) if !entries.is_empty() => {
            for (index, (key, value)) in entries.iter().enumerate() {
                let start = if index > 0 { "\n" } else { "" };
                out.push(Piece::new(format!("{start}{}: ", quoted(key)), here));
                write_json(value, here, 0, &mut out)?;
            }
        }
        Val::List(items) if !items.is_empty() => {
            for (index, item) in items.iter().enumerate() {
                out.push(Piece::new(if index > 0 { "\n- " } else { "- " }, here));
                write_json(item, here, 0, &mut out)?;
            }
        }
        Val::Plain(_) | Val::Text(_) => return pieces_of(value, here),
        other => write_json(other, here, 0, &mut out)?,
    }
    Some(out)
}

/// A value as JSON on one line; each scalar and key keeps its place. `None` if it has no such form.
pub(super) fn json_of<'a>(value: &Val<'a>, here: Origin<'a>) -> Option<Vec<Piece<'a>>> {
    let mut out = Vec::new();
    write_json(value, here, 0, &mut out)?;
    Some(out)
}

fn pieces_of<'a>(value: &Val<'a>, here: Origin<'a>) -> Option<Vec<Piece<'a>>> {
    match value {
        Val::Text(pieces) => Some(pieces.clone()),
        Val::Plain(text) => Some(vec![Piece::new(text.as_str(), here)]),
        _ => None,
    }
}

/// Levels of lists and maps of a value that is written as JSON.
const MAX_LEVELS: usize = 64;

fn write_json<'a>(value: &Val<'a>, here: Origin<'a>, level: usize, out: &mut Vec<Piece<'a>>) -> Option<()> {
    if out.len() > MAX_PIECES || level > MAX_LEVELS {
        return None;
    }
    match value {
        Val::Nil => out.push(Piece::new("null", here)),
        Val::Plain(text) => out.push(Piece::new(text.as_str(), here)),
        Val::Text(pieces) => {
            out.push(Piece::new("\"", here));
            for piece in pieces {
                let text = quoted(&piece.text);
                out.push(Piece {
                    text: text[1..text.len() - 1].to_owned(),
                    ..piece.clone()
                });
            }
            out.push(Piece::new("\"", here));
        }
        Val::Node(node) => write_json_node(node, level, out)?,
        Val::Map(entries) => {
            out.push(Piece::new("{", here));
            for (index, (key, value)) in entries.iter().enumerate() {
                let start = if index > 0 { ", " } else { "" };
                out.push(Piece::new(format!("{start}{}: ", quoted(key)), here));
                write_json(value, here, level + 1, out)?;
            }
            out.push(Piece::new("}", here));
        }
        Val::List(items) => {
            out.push(Piece::new("[", here));
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(Piece::new(", ", here));
                }
                write_json(item, here, level + 1, out)?;
            }
            out.push(Piece::new("]", here));
        }
        Val::Unknown | Val::Root | Val::Chart | Val::Release => return None,
    }
    Some(())
}

fn write_json_node<'a>(node: &'a Node, level: usize, out: &mut Vec<Piece<'a>>) -> Option<()> {
    if out.len() > MAX_PIECES || level > MAX_LEVELS {
        return None;
    }
    let at = Origin::Place(node.span);
    match &node.value {
        Value::Map(map) if !map.is_empty() => {
            for (index, (key, value)) in map.iter().enumerate() {
                out.push(Piece::new(if index > 0 { ", " } else { "{" }, at));
                let key_at = Origin::Place(key.span);
                out.push(Piece::new(format!("{}: ", quoted(&key.text)), key_at));
                write_json_node(value, level + 1, out)?;
            }
            out.push(Piece::new("}", at));
        }
        Value::Seq(items) if !items.is_empty() => {
            for (index, item) in items.iter().enumerate() {
                out.push(Piece::new(if index > 0 { ", " } else { "[" }, at));
                write_json_node(item, level + 1, out)?;
            }
            out.push(Piece::new("]", at));
        }
        Value::Scalar(scalar) if scalar.style != Style::Plain || is_text(node) => {
            out.push(Piece::new(quoted(&scalar.text), Origin::Node(node, node.span)));
        }
        _ => write_yaml(node, 0, false, out),
    }
    Some(())
}

/// Whether a scalar without quotes is a text for YAML, and neither a number, a boolean nor nothing.
fn is_text(node: &Node) -> bool {
    let Some(text) = node.as_str() else { return false };
    let digits = text.trim_start_matches(['+', '-']).replace('_', "");
    let is_number = digits.parse::<f64>().is_ok() || digits.starts_with("0x") || digits.starts_with("0o");
    let is_word = [
        "y", "n", "yes", "no", "on", "off", "true", "false", "null", "~", ".inf", ".nan",
    ]
    .iter()
    .any(|word| word.eq_ignore_ascii_case(text));
    !(is_number || is_word)
}

/// A value as block YAML without a last line break; each scalar and key keeps its place.
fn to_yaml<'a>(node: &'a Node) -> Vec<Piece<'a>> {
    let mut out = Vec::new();
    write_yaml(node, 0, false, &mut out);
    out
}

fn write_yaml<'a>(node: &'a Node, depth: usize, inline: bool, out: &mut Vec<Piece<'a>>) {
    // What has more pieces is not known, so the rest of them is not needed.
    if out.len() > MAX_PIECES {
        return;
    }
    let at = Origin::Place(node.span);
    let line = |depth: usize| Piece::new(format!("\n{}", "  ".repeat(depth)), at);
    match &node.value {
        Value::Map(map) if !map.is_empty() => {
            for (index, (key, value)) in map.iter().enumerate() {
                if index > 0 || inline {
                    out.push(line(depth));
                }
                let place = Origin::Place(key.span);
                out.push(Piece::new(format!("{}:", quoted(&key.text)), place));
                nested(value, depth, out);
            }
        }
        Value::Seq(items) if !items.is_empty() => {
            for (index, item) in items.iter().enumerate() {
                if index > 0 || inline {
                    out.push(line(depth));
                }
                out.push(Piece::new("-", at));
                nested(item, depth, out);
            }
        }
        Value::Map(_) => out.push(Piece::new("{}", Origin::Node(node, node.span))),
        Value::Seq(_) => out.push(Piece::new("[]", Origin::Node(node, node.span))),
        Value::Null => out.push(Piece::new("null", Origin::Node(node, node.span))),
        Value::Scalar(scalar) => {
            let text = if scalar.style == Style::Plain {
                scalar.text.to_string()
            } else {
                quoted(&scalar.text)
            };
            out.push(Piece::new(text, Origin::Node(node, node.span)));
        }
        Value::Unknown(_) => out.push(Piece::new(
            format!("{MARK}{MARK_END}"),
            Origin::Node(node, node.span),
        )),
    }
}

fn nested<'a>(value: &'a Node, depth: usize, out: &mut Vec<Piece<'a>>) {
    let holds = match &value.value {
        Value::Map(map) => !map.is_empty(),
        Value::Seq(items) => !items.is_empty(),
        _ => false,
    };
    if !holds {
        out.push(Piece::new(" ", Origin::Place(value.span)));
    }
    write_yaml(value, depth + 1, true, out);
}
