//! TOML text to items: tables are maps with entries on lines, wherever in the file their headers are.

use super::{Broken, Entry, Item, ItemKind, Layout, Parts};
use std::ops::Range;
use toml_edit::{InlineTable, Item as Toml, Table, Value};

pub(super) fn read(text: &str) -> Result<Parts, Broken> {
    // The parser does not accept a byte order mark.
    let skip = if text.starts_with('\u{feff}') {
        '\u{feff}'.len_utf8()
    } else {
        0
    };
    let document = toml_edit::Document::parse(&text[skip..]).map_err(|error| {
        let at = skip + error.span().map_or(0, |s| s.start);
        Broken::new(text, at, error.message())
    })?;
    let reader = Reader { text, skip };
    let mut root = reader.table(document.as_table(), 0..text.len());
    root.span = 0..text.len();
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
    fn range(&self, span: Option<Range<usize>>) -> Option<Range<usize>> {
        span.map(|s| s.start + self.skip..s.end + self.skip)
    }

    /// A table; `at` is its header, or its place if it has none.
    fn table(&self, table: &Table, at: Range<usize>) -> Item {
        // A table made by dotted keys or by the headers of other tables has no lines of its own.
        let layout = if table.is_dotted() || table.is_implicit() {
            Layout::Pair
        } else {
            Layout::Lines
        };
        let mut item = Item::new(ItemKind::Map, layout, "", at.clone());
        for (name, value) in table.iter() {
            let Some(key_span) = table.key(name).and_then(|k| self.range(k.span())) else {
                continue;
            };
            item.entries.extend(self.entry(name, key_span, value));
        }
        item.entries.sort_by_key(|e| e.span.start);
        let first = item.entries.first().map_or(at.start, |e| e.span.start);
        let last = item.entries.iter().map(|e| e.span.end).max().unwrap_or(at.end);
        item.span = at.start.min(first)..at.end.max(last);
        item
    }

    fn entry(&self, name: &str, key_span: Range<usize>, value: &Toml) -> Option<Entry> {
        Some(match value {
            Toml::None => return None,
            Toml::Value(value) => self.pair(name, key_span, value),
            Toml::Table(table) => {
                let header = match table.is_dotted() || table.is_implicit() {
                    true => None,
                    false => self.range(table.span()),
                };
                let item = self.table(table, header.clone().unwrap_or(key_span.clone()));
                let start = item.span.start.min(key_span.start);
                Entry {
                    span: start..item.span.end,
                    // For a table it is the end of its header.
                    sep_end: header.map(|h| h.end),
                    ..Entry::pair(name, key_span, item)
                }
            }
            Toml::ArrayOfTables(tables) => {
                let mut list = Item::new(ItemKind::List, Layout::Lines, "", key_span.clone());
                for table in tables.iter() {
                    let header = self.range(table.span()).unwrap_or(key_span.clone());
                    let item = self.table(table, header.clone());
                    list.entries.push(Entry {
                        sep_end: Some(header.end),
                        ..Entry::element(item)
                    });
                }
                let start = list.entries.first().map_or(key_span.start, |e| e.span.start);
                let end = list
                    .entries
                    .iter()
                    .map(|e| e.span.end)
                    .max()
                    .unwrap_or(key_span.end);
                list.span = start..end;
                Entry {
                    span: start..end,
                    ..Entry::pair(name, key_span, list)
                }
            }
        })
    }

    fn pair(&self, name: &str, key_span: Range<usize>, value: &Value) -> Entry {
        let item = self.value(value, key_span.clone());
        let between = self.text.get(key_span.end..item.span.start).unwrap_or_default();
        Entry {
            sep_end: between.find('=').map(|at| key_span.end + at + 1),
            ..Entry::pair(name, key_span, item)
        }
    }

    fn value(&self, value: &Value, near: Range<usize>) -> Item {
        let span = self.range(value.span()).unwrap_or(near);
        let raw = self.text.get(span.clone()).unwrap_or_default();
        match value {
            Value::String(text) => {
                let layout = match raw {
                    _ if raw.starts_with("\"\"\"") || raw.starts_with("'''") => Layout::Literal,
                    _ if raw.starts_with('\'') => Layout::Single,
                    _ => Layout::Double,
                };
                Item::new(ItemKind::Text, layout, text.value(), span)
            }
            Value::Integer(_) | Value::Float(_) => Item::new(ItemKind::Number, Layout::Plain, raw, span),
            Value::Boolean(_) => Item::new(ItemKind::Bool, Layout::Plain, raw, span),
            // A date is neither text nor number.
            Value::Datetime(_) => Item::new(ItemKind::Expression, Layout::Plain, raw, span),
            Value::Array(array) => {
                let mut item = Item::new(ItemKind::List, Layout::Flow, "", span.clone());
                item.entries = array
                    .iter()
                    .map(|v| Entry::element(self.value(v, span.clone())))
                    .collect();
                item
            }
            Value::InlineTable(table) => self.inline(table, span),
        }
    }

    fn inline(&self, table: &InlineTable, span: Range<usize>) -> Item {
        let layout = if table.is_dotted() {
            Layout::Pair
        } else {
            Layout::Flow
        };
        let mut item = Item::new(ItemKind::Map, layout, "", span);
        for (name, value) in table.iter() {
            if let Some(key_span) = table.key(name).and_then(|k| self.range(k.span())) {
                item.entries.push(self.pair(name, key_span, value));
            }
        }
        if layout == Layout::Pair
            && let (Some(first), Some(last)) = (item.entries.first(), item.entries.last())
        {
            item.span = first.span.start..last.span.end;
        }
        item
    }
}

/// Comments outside strings.
fn comments(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        let rest = &text[at..];
        at += match c {
            '#' => {
                let line = rest[..rest.find('\n').unwrap_or(rest.len())]
                    .trim_end_matches('\r')
                    .len();
                found.push(at..at + line);
                line
            }
            '"' | '\'' => string_length(rest, c),
            c => c.len_utf8(),
        };
    }
    found
}

/// Length of the string that `text` begins with.
fn string_length(text: &str, quote: char) -> usize {
    let triple: String = std::iter::repeat_n(quote, 3).collect();
    let (open, close) = if text.starts_with(&triple) {
        (3, &triple[..])
    } else {
        (1, &triple[..1])
    };
    let mut at = open;
    while let Some(c) = text[at..].chars().next() {
        if text[at..].starts_with(close) {
            at += close.len();
            // Up to two quotes may come directly before the closing ones.
            while open == 3 && text[at..].starts_with(quote) {
                at += 1;
            }
            return at;
        }
        if open == 1 && c == '\n' {
            return at;
        }
        at += c.len_utf8();
        if c == '\\' && quote == '"' {
            at += text[at..].chars().next().map_or(0, char::len_utf8);
        }
    }
    at
}
