//! Edits of Java properties.

use super::site::{Site, Writer};
use super::{Change, EditError, lines};
use crate::document::{Entry, Item, ItemKind};
use std::fmt::Write as _;
use std::ops::Range;

pub(super) struct Properties;

/// A name or a value with the necessary escapes. Characters beyond ASCII are escaped unless the file already
/// has such characters: older readers read these files as Latin-1.
fn escape(text: &str, is_name: bool, ascii: bool) -> String {
    let mut out = String::with_capacity(text.len());
    let last = text.chars().count().saturating_sub(1);
    for (index, c) in text.chars().enumerate() {
        let unicode = |out: &mut String, c: char| {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(out, "\\u{unit:04X}");
            }
        };
        match c {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{c}' => out.push_str("\\f"),
            '=' | ':' | '#' | '!' if is_name => {
                out.push('\\');
                out.push(c);
            }
            ' ' if is_name || index == 0 => out.push_str("\\ "),
            // A blank at the end of a line is easily lost.
            ' ' if index == last => unicode(&mut out, c),
            c if c.is_control() || c.is_whitespace() && c != ' ' || c == '\u{feff}' => unicode(&mut out, c),
            c if ascii && !c.is_ascii() => unicode(&mut out, c),
            c => out.push(c),
        }
    }
    // A value that is a single blank.
    if !is_name && text == " " {
        "\\u0020".to_owned()
    } else {
        out
    }
}

/// Refuses a file whose last line is continued without a next line: a new line would become part of it.
fn check_end(site: &Site<'_>) -> Result<(), EditError> {
    let text = site.text();
    let slashes = text.len() - text.trim_end_matches('\\').len();
    if slashes.is_multiple_of(2) {
        Ok(())
    } else {
        Err(site.unsupported("the file ends in a `\\`, which joins the next line; remove it first"))
    }
}

/// The text between name and value of an entry; that of the first entry with both if this one has none.
fn separator(site: &Site<'_>, near: Option<&Entry>) -> String {
    let root = site.doc.roots.first();
    let all = root.map(|r| &r.entries[..]).unwrap_or_default();
    near.into_iter()
        .chain(all)
        .find(|e| !e.value.text.is_empty())
        .and_then(|e| site.text().get(e.key_span.end..e.value.span.start))
        .filter(|s| !s.contains(['\n', '\\']))
        .unwrap_or("=")
        .to_owned()
}

/// The value as text; refuses collections.
pub(super) fn flat(site: &Site<'_>, new: &Item) -> Result<(), EditError> {
    match new.kind {
        ItemKind::Text => Ok(()),
        kind => Err(site.cannot_hold(format!("it has no {}, only text", plural(kind)))),
    }
}

fn plural(kind: ItemKind) -> &'static str {
    match kind {
        ItemKind::List => "lists",
        ItemKind::Map => "maps of maps",
        ItemKind::Block => "blocks",
        _ => "expressions",
    }
}

/// Inserts a new line before the entry at `index`, or after the last of `entries`.
pub(super) fn insert_line(site: &Site<'_>, entries: &[Entry], index: usize, line: &str) -> Change {
    let text = site.text();
    match index
        .checked_sub(1)
        .and_then(|i| entries.get(i))
        .map(|e| &e.value.span)
    {
        Some(before) => {
            let at = lines::end(text, before.end);
            Change::insert(at, format!("{}{line}", lines::newline(text, at)))
        }
        None => {
            let first = entries.first().map(|e| lines::start(text, e.span.start));
            match first {
                Some(at) => {
                    let at = at.max(bom(text));
                    Change::insert(at, format!("{line}{}", lines::newline(text, at)))
                }
                None => append_line(text, line),
            }
        }
    }
}

/// Adds a line at the end of a text, which then ends as before: with a line break or without.
pub(super) fn append_line(text: &str, line: &str) -> Change {
    let nl = lines::newline(text, text.len());
    let new = if text.len() == bom(text) || text.ends_with('\n') {
        format!("{line}{nl}")
    } else {
        format!("{nl}{line}")
    };
    Change::insert(text.len(), new)
}

pub(super) fn bom(text: &str) -> usize {
    if text.starts_with('\u{feff}') {
        '\u{feff}'.len_utf8()
    } else {
        0
    }
}

impl Writer for Properties {
    fn replace(&self, site: &Site<'_>, new: &mut Item) -> Result<Vec<Change>, EditError> {
        flat(site, new)?;
        check_end(site)?;
        let Some(entry) = site.entry() else {
            return Err(site.unsupported("a whole file cannot be replaced; edit its entries"));
        };
        let value = escape(&new.text, false, site.text().is_ascii());
        let span = entry.value.span.clone();
        if entry.sep_end.is_none() && entry.value.span.is_empty() {
            let sep = separator(site, None);
            let range: Range<usize> = entry.key_span.end..span.end.max(entry.key_span.end);
            return Ok(vec![Change::new(range, format!("{sep}{value}"))]);
        }
        Ok(vec![Change::new(span, value)])
    }

    fn insert(
        &self,
        site: &Site<'_>,
        index: usize,
        key: Option<&str>,
        new: &mut Item,
    ) -> Result<Vec<Change>, EditError> {
        flat(site, new)?;
        check_end(site)?;
        let name = key.unwrap_or_default();
        if name.is_empty() {
            return Err(site.cannot_hold("a name may not be empty"));
        }
        let ascii = site.text().is_ascii();
        let entries = &site.item().entries;
        let near = index
            .checked_sub(1)
            .and_then(|i| entries.get(i))
            .or(entries.first());
        let sep = separator(site, near);
        let line = format!(
            "{}{sep}{}",
            escape(name, true, ascii),
            escape(&new.text, false, ascii)
        );
        Ok(vec![insert_line(site, entries, index, &line)])
    }

    fn delete(&self, site: &Site<'_>) -> Result<Vec<Change>, EditError> {
        let entry = site.entry().map(|e| e.span.clone());
        Ok(entry.map(|e| lines::delete(site.text(), e)).into_iter().collect())
    }

    fn rename(&self, site: &Site<'_>, name: &str) -> Result<Vec<Change>, EditError> {
        if name.is_empty() {
            return Err(site.cannot_hold("a name may not be empty"));
        }
        let name = escape(name, true, site.text().is_ascii());
        let entry = site.entry().map(|e| e.key_span.clone());
        Ok(entry.map(|span| Change::new(span, name)).into_iter().collect())
    }
}
