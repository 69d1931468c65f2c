//! HCL text to items: attributes by name, blocks by kind and labels. Several blocks of one kind and the same
//! labels are a list.

use super::{Broken, Entry, Item, ItemKind, Layout, MAX_DEPTH, Parts};
use crate::hcl::range;
use hcl_edit::Span as _;
use hcl_edit::expr::{Expression, ObjectKey};
use hcl_edit::structure::{Attribute, Block, Body, Structure};
use std::ops::Range;

pub(super) fn read(text: &str) -> Result<Parts, Broken> {
    let skip = if text.starts_with('\u{feff}') {
        '\u{feff}'.len_utf8()
    } else {
        0
    };
    let body = hcl_edit::parser::parse_body(&text[skip..])
        .map_err(|error| Broken::new(text, skip + error.location().offset(), error.message()))?;
    let reader = Reader { text, skip };
    let root = Item {
        entries: reader.body(&body, 0)?,
        ..Item::new(ItemKind::Block, Layout::Lines, "", 0..text.len())
    };
    Ok(Parts {
        roots: vec![root],
        comments: comments(text),
    })
}

struct Reader<'t> {
    text: &'t str,
    skip: usize,
}

impl Reader<'_> {
    fn at(&self, range: Option<Range<usize>>) -> Range<usize> {
        let range = range.unwrap_or(0..0);
        let end = self.text.len();
        (range.start + self.skip).min(end)..(range.end + self.skip).min(end)
    }

    fn body(&self, body: &Body, depth: usize) -> Result<Vec<Entry>, Broken> {
        let mut entries = Vec::new();
        for structure in body.iter() {
            match structure {
                Structure::Attribute(attribute) => entries.push(self.attribute(attribute, depth)?),
                Structure::Block(block) => self.block(block, &mut entries, depth)?,
            }
        }
        Ok(entries)
    }

    fn attribute(&self, attribute: &Attribute, depth: usize) -> Result<Entry, Broken> {
        let key_span = self.at(attribute.key.span());
        let value = self.expression(&attribute.value, depth)?;
        Ok(self.pair(attribute.key.as_str(), key_span, value))
    }

    fn pair(&self, key: &str, key_span: Range<usize>, value: Item) -> Entry {
        let between = self.text.get(key_span.end..value.span.start).unwrap_or_default();
        Entry {
            sep_end: between.find(['=', ':']).map(|at| key_span.end + at + 1),
            ..Entry::pair(key, key_span, value)
        }
    }

    /// Puts a block below its kind and labels.
    fn block(&self, block: &Block, entries: &mut Vec<Entry>, depth: usize) -> Result<(), Broken> {
        if depth > MAX_DEPTH {
            return Err(Broken::new(
                self.text,
                self.skip,
                "nested more than 200 levels deep",
            ));
        }
        let kind = self.at(block.ident.span());
        let mut keys = vec![(block.ident.as_str().to_owned(), kind.clone())];
        keys.extend(
            block
                .labels
                .iter()
                .map(|label| (label.as_str().to_owned(), self.at(label.span()))),
        );
        let header_end = keys.last().map_or(kind.end, |(_, span)| span.end);
        let whole = self.at(block.span());
        let whole = kind.start..whole.end.max(header_end);
        let open = self.text[header_end..whole.end]
            .find('{')
            .map_or(header_end, |n| header_end + n);
        let end = self.text[..whole.end].trim_end().len().max(open);
        let mut item = Item::new(ItemKind::Block, Layout::Lines, "", open..end);
        item.entries = self.body(&block.body, depth + 1)?;
        place(&keys, item, kind.start..end, entries);
        Ok(())
    }

    fn expression(&self, expression: &Expression, depth: usize) -> Result<Item, Broken> {
        let span = self.at(range(expression));
        if depth > MAX_DEPTH {
            return Err(Broken::new(
                self.text,
                span.start,
                "nested more than 200 levels deep",
            ));
        }
        // Brackets of objects and lists from the parser are part of the place; line breaks are not.
        let raw = self.text.get(span.clone()).unwrap_or_default();
        let span = span.start..span.start + raw.trim_end().len();
        let raw = raw.trim_end();
        Ok(match expression {
            Expression::Null(_) => Item::new(ItemKind::Null, Layout::Plain, "", span),
            Expression::Bool(_) => Item::new(ItemKind::Bool, Layout::Plain, raw, span),
            Expression::Number(_) => Item::new(ItemKind::Number, Layout::Plain, raw, span),
            Expression::UnaryOp(op) if matches!(op.expr, Expression::Number(_)) && raw.starts_with('-') => {
                Item::new(ItemKind::Number, Layout::Plain, raw, span)
            }
            Expression::String(text) => Item::new(ItemKind::Text, Layout::Double, text.as_str(), span),
            Expression::Array(array) => {
                let mut item = Item::new(ItemKind::List, Layout::Flow, "", span);
                for element in array.iter() {
                    item.entries
                        .push(Entry::element(self.expression(element, depth + 1)?));
                }
                item
            }
            Expression::Object(object) => {
                let mut item = Item::new(ItemKind::Map, Layout::Flow, "", span);
                for (key, value) in object.iter() {
                    let key_span = self.at(key.span());
                    let raw = self.text.get(key_span.clone()).unwrap_or_default();
                    let (name, simple) = match key {
                        ObjectKey::Ident(ident) => (ident.as_str(), true),
                        ObjectKey::Expression(Expression::String(text)) => (text.as_str(), true),
                        ObjectKey::Expression(Expression::Variable(name)) => (name.as_str(), true),
                        ObjectKey::Expression(_) => (raw, false),
                    };
                    let value = self.expression(value.expr(), depth + 1)?;
                    item.entries.push(Entry {
                        complex: !simple,
                        ..self.pair(name, key_span, value)
                    });
                }
                item
            }
            Expression::HeredocTemplate(_) => Item::new(ItemKind::Expression, Layout::Literal, raw, span),
            _ => Item::new(ItemKind::Expression, Layout::Plain, raw, span),
        })
    }
}

/// Puts a block's body at the path of its kind and labels.
fn place(keys: &[(String, Range<usize>)], body: Item, whole: Range<usize>, entries: &mut Vec<Entry>) {
    let Some(((key, key_span), rest)) = keys.split_first() else {
        return;
    };
    let known = entries
        .iter_mut()
        .find(|e| e.key.as_deref() == Some(key) && e.sep_end.is_none() && e.value.is_collection());
    if let Some(entry) = known {
        entry.span.end = entry.span.end.max(whole.end);
        if !rest.is_empty() && entry.value.kind == ItemKind::Map {
            entry.value.span.end = entry.value.span.end.max(whole.end);
            place(rest, body, whole, &mut entry.value.entries);
            return;
        }
        if rest.is_empty() && matches!(entry.value.kind, ItemKind::Block | ItemKind::List) {
            if entry.value.kind == ItemKind::Block {
                let first_end = entry.value.span.end;
                let mut list = Item::new(ItemKind::List, Layout::Lines, "", entry.span.clone());
                let first = std::mem::replace(
                    &mut entry.value,
                    Item::new(ItemKind::Null, Layout::Empty, "", 0..0),
                );
                list.entries.push(Entry {
                    span: entry.span.start..first_end,
                    key_span: entry.key_span.clone(),
                    ..Entry::element(first)
                });
                entry.value = list;
            }
            entry.value.span.end = entry.value.span.end.max(whole.end);
            entry.value.entries.push(Entry {
                span: whole,
                key_span: key_span.clone(),
                ..Entry::element(body)
            });
            return;
        }
    }
    let value = if rest.is_empty() {
        body
    } else {
        let mut group = Item::new(ItemKind::Map, Layout::Pair, "", whole.clone());
        place(rest, body, whole.clone(), &mut group.entries);
        group
    };
    entries.push(Entry {
        span: whole,
        ..Entry::pair(key, key_span.clone(), value)
    });
}

/// Comments outside strings and heredocs.
fn comments(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        let rest = &text[at..];
        let line = rest[..rest.find('\n').unwrap_or(rest.len())]
            .trim_end_matches('\r')
            .len();
        at += match c {
            '#' => {
                found.push(at..at + line);
                line
            }
            '/' if rest.starts_with("//") => {
                found.push(at..at + line);
                line
            }
            '/' if rest.starts_with("/*") => {
                let length = rest[2..].find("*/").map_or(rest.len(), |n| n + 4);
                found.push(at..at + length);
                length
            }
            '"' => string_length(rest),
            '<' if rest.starts_with("<<") => heredoc_length(rest),
            c => c.len_utf8(),
        };
    }
    found
}

/// Length of the quoted template that `text` begins with; strings inside its interpolations count.
fn string_length(text: &str) -> usize {
    // `true` means a string, `false` the code in its `${…}` or braces in that code.
    let mut inside = vec![true];
    let mut at = 1;
    while let Some(c) = text[at..].chars().next() {
        let rest = &text[at..];
        at += c.len_utf8();
        match (inside.last(), c) {
            (Some(true), '\\') => at += text[at..].chars().next().map_or(0, char::len_utf8),
            (Some(true), '$' | '%') if rest[1..].starts_with([c]) && rest[2..].starts_with('{') => at += 2,
            (Some(true), '$' | '%') if rest[1..].starts_with('{') => {
                at += 1;
                inside.push(false);
            }
            (Some(true), '"') => {
                inside.pop();
                if inside.is_empty() {
                    return at;
                }
            }
            (Some(false), '"') => inside.push(true),
            (Some(false), '{') => inside.push(false),
            (Some(false), '}') => {
                inside.pop();
            }
            _ => {}
        }
    }
    at
}

/// Length of the heredoc that `text` begins with; of its `<<` alone if it is none.
fn heredoc_length(text: &str) -> usize {
    let Some(line_end) = text.find('\n') else { return 2 };
    let name = text[2..line_end].trim_start_matches(['-', '~']).trim();
    if name.is_empty()
        || !name
            .chars()
            .all(|c| c.is_alphanumeric() || matches!(c, '_' | '-'))
    {
        return 2;
    }
    let mut at = line_end + 1;
    for line in text[at..].split_inclusive('\n') {
        if line.trim() == name {
            return at + line.trim_end().len();
        }
        at += line.len();
    }
    text.len()
}
