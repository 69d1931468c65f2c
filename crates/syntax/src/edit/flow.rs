//! Collections in brackets, whose entries are separated by commas: those of JSON, of YAML's flow style, of HCL, of
//! TOML and of Python.

use super::change::Change;
use super::lines;
use crate::document::{Document, Item};
use std::ops::Range;

/// A collection in brackets.
pub(super) struct Brackets<'a> {
    doc: &'a Document,
    /// One past the opening bracket.
    open: usize,
    /// The closing bracket.
    close: usize,
    entries: Vec<Range<usize>>,
    /// How many of the item's entries come before the bracket (the callee of a call).
    hidden: usize,
    /// Whether line breaks separate entries too (HCL's objects).
    pub(super) commas_optional: bool,
    /// What goes between a comma and the next entry on the same line.
    pub(super) space: &'static str,
    /// The place of the first entry of an empty collection on its own line: its indentation.
    pub(super) expand: Option<String>,
}

impl<'a> Brackets<'a> {
    pub(super) fn new(doc: &'a Document, item: &Item) -> Brackets<'a> {
        let open = item.open.max(item.span.start) + 1;
        let close = item.span.end.saturating_sub(1).max(open);
        let entries: Vec<Range<usize>> = item
            .entries
            .iter()
            .map(|e| e.span.clone())
            .filter(|s| s.start >= open)
            .collect();
        let mut brackets = Brackets {
            doc,
            open,
            close,
            hidden: item.entries.len() - entries.len(),
            entries,
            commas_optional: false,
            space: " ",
            expand: None,
        };
        if let [first, second, ..] = &brackets.entries[..]
            && brackets.comma(0) == Some(first.end)
            && second.start == first.end + 1
        {
            brackets.space = "";
        }
        brackets
    }

    /// The comma after an entry.
    fn comma(&self, index: usize) -> Option<usize> {
        let from = self.entries.get(index)?.end;
        let to = self.entries.get(index + 1).map_or(self.close, |e| e.start);
        let at = self.doc.skip_gap(from, to);
        (at < to && self.doc.text.as_bytes()[at] == b',').then_some(at)
    }

    /// The end of the line that an entry ends on, if the entry is on its own lines: only blanks before it,
    /// and only its comma and comments after it.
    fn own_lines(&self, index: usize) -> Option<usize> {
        let entry = self.entries.get(index)?;
        if !lines::begins(&self.doc.text, entry.start) {
            return None;
        }
        let tail = self.comma(index).map_or(entry.end, |c| c + 1);
        let end = lines::end(&self.doc.text, tail);
        let stop = self.doc.skip_gap(tail, end);
        let whole = stop >= end && !self.doc.comments.iter().any(|c| c.start < end && c.end > end);
        (whole && end < self.close).then_some(end)
    }

    fn text(&self, range: Range<usize>) -> &'a str {
        self.doc.text.get(range).unwrap_or_default()
    }

    fn no_commas(&self) -> bool {
        self.commas_optional && (0..self.entries.len()).all(|i| self.comma(i).is_none())
    }

    /// Inserts an entry before the one at `index`. `render` writes it, and gets its indentation if it goes on
    /// its own line.
    pub(super) fn insert(&self, index: usize, render: &dyn Fn(Option<&str>) -> String) -> Vec<Change> {
        let text = &self.doc.text;
        let index = index.saturating_sub(self.hidden).min(self.entries.len());
        let nl = lines::newline(text, self.open);
        if self.entries.is_empty() {
            return vec![self.insert_first(nl, render)];
        }
        let Some(before) = index.checked_sub(1) else {
            let first = self.entries[0].start;
            if self.own_lines(0).is_some() {
                let indent = lines::indent(text, first);
                let comma = if self.no_commas() { "" } else { "," };
                let at = lines::above_comments(text, first, &self.doc.comments);
                return vec![Change::insert(
                    at,
                    format!("{indent}{}{comma}{nl}", render(Some(indent))),
                )];
            }
            return vec![Change::insert(first, format!("{},{}", render(None), self.space))];
        };
        let entry = &self.entries[before];
        let comma = self.comma(before);
        if let Some(end) = self.own_lines(before) {
            let indent = lines::indent(text, entry.start);
            let new = render(Some(indent));
            return match comma {
                Some(_) => vec![Change::insert(end, format!("{nl}{indent}{new},"))],
                None if self.no_commas() => vec![Change::insert(end, format!("{nl}{indent}{new}"))],
                None => vec![
                    Change::insert(entry.end, ","),
                    Change::insert(end, format!("{nl}{indent}{new}")),
                ],
            };
        }
        if comma.is_none() && self.entries.len() > 1 && lines::begins(text, entry.start) {
            let indent = lines::indent(text, entry.start);
            let new = render(Some(indent));
            return vec![Change::insert(entry.end, format!(",{nl}{indent}{new}"))];
        }
        vec![Change::insert(
            entry.end,
            format!(",{}{}", self.space, render(None)),
        )]
    }

    fn insert_first(&self, nl: &str, render: &dyn Fn(Option<&str>) -> String) -> Change {
        let inner = self.text(self.open..self.close);
        if self.doc.has_comment(self.open..self.close) {
            let line = lines::start(&self.doc.text, self.close);
            if line >= self.open && lines::begins(&self.doc.text, self.close) {
                let indent = format!("{}  ", lines::indent(&self.doc.text, self.close));
                return Change::insert(line, format!("{indent}{}{nl}", render(Some(&indent))));
            }
            return Change::insert(self.close, render(None));
        }
        if let Some(indent) = &self.expand {
            let outer = lines::indent(&self.doc.text, self.open);
            let new = format!("{nl}{indent}{}{nl}{outer}", render(Some(indent)));
            return Change::new(self.open..self.close, new);
        }
        if inner.bytes().all(|b| matches!(b, b' ' | b'\t')) {
            return Change::insert(self.close, format!("{}{inner}", render(None)));
        }
        Change::new(self.open..self.close, render(None))
    }

    /// Deletes an entry.
    pub(super) fn delete(&self, index: usize) -> Vec<Change> {
        let text = &self.doc.text;
        let index = index.saturating_sub(self.hidden);
        let Some(entry) = self.entries.get(index).cloned() else {
            return Vec::new();
        };
        let comma = self.comma(index);
        let tail = comma.map_or(entry.end, |c| c + 1);
        let before = index.checked_sub(1);
        if self.entries.len() == 1
            && !self.doc.has_comment(self.open..entry.start)
            && !self.doc.has_comment(tail..self.close)
        {
            let pad = self.text(self.open..entry.start);
            let keep = pad == self.text(tail..self.close) && !pad.contains('\n');
            return vec![Change::new(self.open..self.close, if keep { pad } else { "" })];
        }
        let mut changes = Vec::new();
        if let Some(end) = self.own_lines(index) {
            changes.push(lines::delete(text, entry.start..end));
            if comma.is_none()
                && let Some(comma) = before.and_then(|b| self.comma(b))
            {
                changes.push(Change::delete(comma..comma + 1));
            }
            return changes;
        }
        // With the comma and the blanks before it, unless those are more than that.
        if let Some(last) = before.map(|b| self.entries[b].end)
            && !self.doc.has_comment(last..entry.start)
            && self.text(last..entry.start).trim_matches([' ', '\t']) == ","
        {
            return vec![Change::delete(last..entry.end)];
        }
        if let Some(next) = self.entries.get(index + 1) {
            let gap = tail..next.start;
            let from = if self.doc.has_comment(gap.clone()) || self.text(gap.clone()).contains('\n') {
                // The text after it stays in place; blanks before the entry would be left at the end of a
                // line.
                let rest = self.text(gap.clone()).trim_start_matches([' ', '\t']);
                let blank = text[..entry.start].trim_end_matches([' ', '\t']).len();
                if rest.starts_with(['\n', '\r']) && !lines::begins(text, entry.start) && blank >= self.open {
                    blank..tail
                } else {
                    entry.start..tail
                }
            } else {
                entry.start..next.start
            };
            return vec![Change::delete(from)];
        }
        let Some(last) = before.map(|b| self.entries[b].end) else {
            return vec![Change::delete(entry.start..tail)];
        };
        if !self.doc.has_comment(last..entry.start) {
            return vec![Change::delete(last..entry.end)];
        }
        if comma.is_none()
            && let Some(comma) = before.and_then(|b| self.comma(b))
        {
            changes.push(Change::delete(comma..comma + 1));
        }
        changes.push(Change::delete(entry.start..tail));
        changes
    }
}
