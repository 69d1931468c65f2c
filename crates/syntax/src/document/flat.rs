//! Properties, ini and `.env` files as items: maps of text, as their readers read them.

use super::{Entry, Item, ItemKind, Layout, Parts};
use crate::flat::Entry as Setting;
use crate::source::{FileId, Span};
use crate::{env_file, ini as ini_file, properties as properties_file};
use std::ops::Range;

fn range(span: Span) -> Range<usize> {
    span.start as usize..span.end as usize
}

/// A setting as an entry. `sep` are the characters that may separate name and value.
fn entry(text: &str, setting: &Setting, sep: &[char]) -> Entry {
    let (name, value) = (range(setting.name_span), range(setting.value.span));
    let before = text.get(..value.start).and_then(|t| t.chars().next_back());
    let quote = before.filter(|c| matches!(c, '"' | '\''));
    let first = text.get(value.clone()).and_then(|t| t.chars().next());
    let closes = quote.is_some() && text.get(value.end..).and_then(|t| t.chars().next()) == quote;
    // The reader of `.env` files excludes the quotes from the value's place, that of ini files does not.
    let (layout, span) = match (quote, first) {
        (Some('"'), _) if closes => (Layout::Double, value.start - 1..value.end + 1),
        (Some(_), _) if closes => (Layout::Single, value.start - 1..value.end + 1),
        (_, Some('"')) if value.len() > setting.value.value.len() => (Layout::Double, value),
        (_, Some('\'')) if value.len() > setting.value.value.len() => (Layout::Single, value),
        _ if value.is_empty() => (Layout::Empty, value),
        _ => (Layout::Plain, value),
    };
    let between = text.get(name.end..span.start.max(name.end)).unwrap_or_default();
    let sep_end = between.find(sep).map(|at| name.end + at + 1);
    // An empty value is directly after the sign, not before a comment further on.
    let span = match sep_end {
        Some(end) if layout == Layout::Empty => end..end,
        _ => span,
    };
    let item = Item::new(ItemKind::Text, layout, &setting.value.value, span);
    Entry {
        sep_end,
        ..Entry::pair(&setting.name, name, item)
    }
}

/// The root of a file of flat settings.
fn root(text: &str, entries: Vec<Entry>) -> Item {
    let mut root = Item::new(ItemKind::Map, Layout::Lines, "", 0..text.len());
    root.entries = entries;
    root
}

/// Comment lines: they begin with one of `marks` after blanks, and no entry covers them.
fn comment_lines(text: &str, marks: &[char], entries: &[Range<usize>]) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let body = line
            .trim_start_matches('\u{feff}')
            .trim_start_matches([' ', '\t', '\u{c}']);
        let start = at + line.len() - body.len();
        let body = body.trim_end_matches(['\n', '\r']);
        if body.starts_with(marks) {
            let range = start..start + body.len();
            let index = entries.partition_point(|e| e.end <= start);
            if entries.get(index).is_none_or(|e| e.start > start) {
                found.push(range);
            }
        }
        at += line.len();
    }
    found
}

/// The comment after a value on its line, if there is one.
fn trailing(text: &str, from: usize, marks: &[char]) -> Option<Range<usize>> {
    let rest = &text[from..];
    let line = rest[..rest.find('\n').unwrap_or(rest.len())].trim_end_matches('\r');
    let body = line.trim_start();
    body.starts_with(marks)
        .then(|| from + line.len() - body.len()..from + line.len())
}

pub(super) fn properties(text: &str) -> Parts {
    let settings = properties_file::read(text, FileId(0), 0);
    let entries: Vec<Entry> = settings.iter().map(|s| entry(text, s, &['=', ':'])).collect();
    let spans: Vec<Range<usize>> = entries.iter().map(|e| e.span.clone()).collect();
    Parts {
        comments: comment_lines(text, &['#', '!'], &spans),
        roots: vec![root(text, entries)],
    }
}

pub(super) fn env(text: &str) -> Parts {
    let settings = env_file::read(text, FileId(0), 0);
    let entries: Vec<Entry> = settings.iter().map(|s| entry(text, s, &['='])).collect();
    let spans: Vec<Range<usize>> = entries.iter().map(|e| e.span.clone()).collect();
    let mut comments = comment_lines(text, &['#'], &spans);
    comments.extend(entries.iter().filter_map(|e| trailing(text, e.span.end, &['#'])));
    comments.sort_by_key(|c| c.start);
    Parts {
        comments,
        roots: vec![root(text, entries)],
    }
}

pub(super) fn ini(text: &str) -> Parts {
    let file = ini_file::read(text, FileId(0), 0);
    let mut sections: Vec<Entry> = Vec::new();
    let mut spans = Vec::new();
    let mut comments = Vec::new();
    for section in &file.sections {
        let settings: Vec<Entry> = section.settings.iter().map(|s| entry(text, s, &['='])).collect();
        spans.extend(settings.iter().map(|e| e.span.clone()));
        comments.extend(
            settings
                .iter()
                .filter_map(|e| trailing(text, e.span.end, &['#', ';'])),
        );
        let mut header = range(section.span);
        // The reader's place continues to the end of the line.
        if let Some(close) = text.get(header.clone()).and_then(|t| t.find(']')) {
            header.end = header.start + close + 1;
        }
        let (start, end) = match (settings.first(), settings.last()) {
            (Some(first), Some(last)) => (first.span.start, last.span.end),
            _ => (header.end, header.end),
        };
        let mut body = Item::new(ItemKind::Map, Layout::Lines, "", start..end.max(header.end));
        body.entries = settings;
        if !section.name.is_empty() {
            comments.extend(trailing(text, header.end, &['#', ';']));
        }
        sections.push(Entry::pair(&section.name, header, body));
    }
    spans.sort_by_key(|s| s.start);
    comments.extend(comment_lines(text, &['#', ';'], &spans));
    comments.sort_by_key(|c| c.start);
    comments.dedup();
    Parts {
        comments,
        roots: vec![root(text, sections)],
    }
}
