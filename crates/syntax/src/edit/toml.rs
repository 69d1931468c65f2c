//! Edits of TOML.

use super::flow::Brackets;
use super::properties::{append_line, bom};
use super::scalar::json;
use super::site::{Site, Writer};
use super::{Change, EditError, lines};
use crate::document::{Document, Entry, Format, Item, ItemKind, Layout};
use crate::source::FileId;
use std::ops::Range;

pub(super) struct Toml;

/// Whether `name = text` reads as one value of this kind.
pub(super) fn reads_as(format: Format, text: &str, kind: ItemKind) -> bool {
    let line = format!("a = {text}\n");
    Document::read(&line, format, FileId(0)).is_ok_and(|doc| match &doc.roots[..] {
        [root] => match &root.entries[..] {
            [entry] => {
                entry.value.kind == kind && entry.value.text.trim() == text.trim() && doc.comments.is_empty()
            }
            _ => false,
        },
        _ => false,
    })
}

fn value(site: &Site<'_>, item: &Item, wanted: Layout) -> Result<String, EditError> {
    let parts = |key: bool| -> Result<String, EditError> {
        let mut parts = Vec::new();
        for entry in &item.entries {
            let value = value(site, &entry.value, wanted)?;
            parts.push(match entry.key.as_deref().filter(|_| key) {
                Some(name) => format!("{} = {value}", self::key(name)),
                None => value,
            });
        }
        Ok(parts.join(", "))
    };
    Ok(match item.kind {
        ItemKind::Null => return Err(site.cannot_hold("TOML has no null; delete the key instead")),
        ItemKind::Bool => item.text.to_string(),
        ItemKind::Text => string(&item.text, wanted),
        ItemKind::Number if reads_as(Format::Toml, &item.text, ItemKind::Number) => item.text.to_string(),
        ItemKind::Number => {
            return Err(site.cannot_hold(format!("`{}` is not a valid number in TOML", item.text)));
        }
        ItemKind::Expression if reads_as(Format::Toml, &item.text, ItemKind::Expression) => {
            item.text.to_string()
        }
        ItemKind::List => format!("[{}]", parts(false)?),
        ItemKind::Map if item.entries.is_empty() => "{}".to_owned(),
        ItemKind::Map => format!("{{ {} }}", parts(true)?),
        _ => return Err(site.cannot_hold("TOML has no blocks, and no expressions except dates")),
    })
}

fn string(text: &str, wanted: Layout) -> String {
    let literal = wanted == Layout::Single && !text.chars().any(|c| c == '\'' || c.is_control());
    if literal { format!("'{text}'") } else { json(text) }
}

fn key(name: &str) -> String {
    let bare = !name.is_empty()
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'));
    if bare { name.to_owned() } else { json(name) }
}

/// Whether an entry is a table, or an array of tables, with headers of its own.
fn has_header(entry: &Entry) -> bool {
    match (entry.value.kind, entry.value.layout) {
        (_, Layout::Lines) => true,
        (ItemKind::Map, Layout::Pair) => entry.value.entries.iter().any(has_header),
        _ => false,
    }
}

/// The lines of an entry: those of its headers and its keys, wherever they are.
fn regions(entry: &Entry, found: &mut Vec<Range<usize>>) {
    let item = &entry.value;
    match (item.kind, item.layout) {
        (ItemKind::List, Layout::Lines) => item.entries.iter().for_each(|e| regions(e, found)),
        (ItemKind::Map, Layout::Lines | Layout::Pair) => {
            if item.layout == Layout::Lines {
                found.push(item.span.start..entry.sep_end.unwrap_or(item.span.start));
            }
            item.entries.iter().for_each(|e| regions(e, found));
        }
        _ => found.push(entry.span.clone()),
    }
}

/// The place of a table's first key: after its header.
fn header_end(site: &Site<'_>) -> Option<usize> {
    site.entry()?
        .sep_end
        .filter(|_| site.item().layout == Layout::Lines)
}

impl Writer for Toml {
    fn replace(&self, site: &Site<'_>, new: &mut Item) -> Result<Vec<Change>, EditError> {
        let item = site.item();
        if site.entry().is_none() || matches!(item.layout, Layout::Lines | Layout::Pair) {
            return Err(
                site.unsupported("a table with a header or dotted keys cannot be replaced; edit its keys")
            );
        }
        Ok(vec![Change::new(
            item.span.clone(),
            value(site, new, item.layout)?,
        )])
    }

    fn insert(
        &self,
        site: &Site<'_>,
        index: usize,
        key: Option<&str>,
        new: &mut Item,
    ) -> Result<Vec<Change>, EditError> {
        let (item, text) = (site.item(), site.text());
        let line = match key {
            Some(name) => format!("{} = {}", self::key(name), value(site, new, Layout::Double)?),
            None => value(site, new, Layout::Double)?,
        };
        if item.layout == Layout::Flow {
            return Ok(Brackets::new(site.doc, item).insert(index, &|_| line.clone()));
        }
        if item.layout == Layout::Pair || item.kind == ItemKind::List {
            let why = "it exists through the headers or dotted keys of its parts; add the part by hand";
            return Err(site.unsupported(why));
        }
        let header = header_end(site);
        let before = index.checked_sub(1).and_then(|i| item.entries.get(i));
        if before.is_some_and(|e| has_header(e) && e.span.start >= header.unwrap_or(0)) {
            return Err(site.unsupported("lines after a table belong to it; insert before the first table"));
        }
        let after = item.entries.get(index..).unwrap_or_default();
        if after.first().is_some_and(has_header) && !after.iter().all(has_header) {
            return Err(
                site.unsupported("the keys of this table are further down; insert next to one of them")
            );
        }
        let nl = lines::newline(text, site.at());
        if let Some(before) = before.filter(|e| !has_header(e)) {
            let at = lines::end(text, before.span.end);
            let indent = lines::indent(text, before.span.start);
            return Ok(vec![Change::insert(at, format!("{nl}{indent}{line}"))]);
        }
        if let Some(first) = item.entries.get(index).filter(|e| !has_header(e)) {
            let indent = lines::indent(text, first.span.start);
            let at = lines::start(text, first.span.start).max(bom(text));
            return Ok(vec![Change::insert(at, format!("{indent}{line}{nl}"))]);
        }
        if let Some(header) = header {
            let at = lines::end(text, header);
            return Ok(vec![Change::insert(at, format!("{nl}{line}"))]);
        }
        match item.entries.first() {
            // Above the first table of the file.
            Some(table) => {
                let at =
                    lines::above_comments(text, lines::start(text, table.span.start), &site.doc.comments);
                Ok(vec![Change::insert(at.max(bom(text)), format!("{line}{nl}"))])
            }
            None => Ok(vec![append_line(text, &line)]),
        }
    }

    fn delete(&self, site: &Site<'_>) -> Result<Vec<Change>, EditError> {
        let (parent, index) = site.in_parent("delete it")?;
        let Some(entry) = site.entry() else {
            return Ok(Vec::new());
        };
        if parent.item().layout == Layout::Flow {
            return Ok(Brackets::new(site.doc, parent.item()).delete(index));
        }
        if site.in_brackets()
            && site.inside_brackets()
            && parent.item().layout == Layout::Pair
            && !is_plain_pair(&parent)
        {
            return Err(site.unsupported("a dotted key in braces; edit it by hand"));
        }
        let mut found = Vec::new();
        regions(entry, &mut found);
        Ok(delete_regions(site.text(), found))
    }

    fn rename(&self, site: &Site<'_>, name: &str) -> Result<Vec<Change>, EditError> {
        let Some(entry) = site.entry() else {
            return Ok(Vec::new());
        };
        if matches!(entry.value.layout, Layout::Lines | Layout::Pair) {
            return Err(
                site.unsupported("the name of a table may occur in several headers; rename it by hand")
            );
        }
        Ok(vec![Change::new(entry.key_span.clone(), key(name))])
    }

    fn end(&self, site: &Site<'_>) -> usize {
        let entries = &site.item().entries;
        if site.item().layout != Layout::Lines {
            return entries.len();
        }
        let header = header_end(site).unwrap_or(0);
        match entries.iter().rposition(|e| !has_header(e)) {
            Some(last) => last + 1,
            None => entries.iter().filter(|e| e.span.start < header).count(),
        }
    }
}

/// Whether a map of dotted keys is on lines, not in braces.
fn is_plain_pair(site: &Site<'_>) -> bool {
    (0..site.path.len()).all(|length| {
        site.doc
            .item(site.route.document, &site.path[..length])
            .is_some_and(|i| i.layout != Layout::Flow)
    })
}

/// Deletes the lines of several ranges.
pub(super) fn delete_regions(text: &str, mut found: Vec<Range<usize>>) -> Vec<Change> {
    found.sort_by_key(|r| r.start);
    let mut merged: Vec<Range<usize>> = Vec::new();
    for range in found {
        match merged.last_mut() {
            // Ranges on neighbouring lines go at once.
            Some(last) if lines::next(text, last.end) >= lines::start(text, range.start) => {
                last.end = last.end.max(range.end);
            }
            _ => merged.push(range),
        }
    }
    merged
        .into_iter()
        .map(|range| lines::delete(text, range))
        .collect()
}
