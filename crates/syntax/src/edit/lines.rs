//! Lines of a text: shared code of all formats to insert and delete them.

use super::change::Change;
use std::ops::Range;

/// First byte of the line that `at` is on.
pub(super) fn start(text: &str, at: usize) -> usize {
    text[..at].rfind('\n').map_or(0, |n| n + 1)
}

/// End of the line that `at` is on, without its line break.
pub(super) fn end(text: &str, at: usize) -> usize {
    let end = text[at..].find('\n').map_or(text.len(), |n| at + n);
    // A single `\r` at the end of the text is not a line break.
    if end < text.len() && end > at && text[..end].ends_with('\r') {
        end - 1
    } else {
        end
    }
}

/// First byte of the next line; the end of the text on its last one.
pub(super) fn next(text: &str, at: usize) -> usize {
    text[at..].find('\n').map_or(text.len(), |n| at + n + 1)
}

/// The line break in use near `at`: the next one, otherwise the one before.
pub(super) fn newline(text: &str, at: usize) -> &'static str {
    let near = text[at..]
        .find('\n')
        .map(|n| at + n)
        .or_else(|| text[..at].rfind('\n'));
    match near {
        Some(n) if text[..n].ends_with('\r') => "\r\n",
        _ => "\n",
    }
}

/// The column of `at` in bytes, from 0; a byte order mark takes none.
pub(super) fn column(text: &str, at: usize) -> usize {
    text[start(text, at)..at].trim_start_matches('\u{feff}').len()
}

/// Whether only blanks (and a byte order mark) precede `at` on its line.
pub(super) fn begins(text: &str, at: usize) -> bool {
    let line = &text[start(text, at)..at];
    line.trim_start_matches('\u{feff}')
        .bytes()
        .all(|b| matches!(b, b' ' | b'\t'))
}

/// The blanks at the beginning of the line that `at` is on, at most up to `at`.
pub(super) fn indent(text: &str, at: usize) -> &str {
    let line = &text[start(text, at)..at];
    let line = line.trim_start_matches('\u{feff}');
    &line[..line.len() - line.trim_start_matches([' ', '\t']).len()]
}

/// Deletes the lines that a range touches. If the last line of a text has no final line break, the break
/// before it is removed too, so that there is still none.
pub(super) fn delete(text: &str, range: Range<usize>) -> Change {
    let (from, to) = (start(text, range.start), next(text, range.end));
    if to == text.len() && !text.ends_with('\n') && from > 0 {
        let before = from - 1;
        let before = if text[..before].ends_with('\r') {
            before - 1
        } else {
            before
        };
        return Change::delete(before..to);
    }
    // A byte order mark stays.
    let from = if from == 0 && text.starts_with('\u{feff}') {
        '\u{feff}'.len_utf8()
    } else {
        from
    };
    Change::delete(from..to)
}

/// The beginning of the comment lines directly above the line of `at`, without a blank line between and with
/// the same indentation; the line itself if there are none.
pub(super) fn above_comments(text: &str, at: usize, comments: &[Range<usize>]) -> usize {
    let mut line = start(text, at);
    let indent = &text[line..at];
    while line > 0 {
        let before = start(text, line - 1);
        let body = before + text[before..].len() - text[before..].trim_start_matches([' ', '\t']).len();
        let is_comment = comments.binary_search_by_key(&body, |c| c.start).is_ok();
        if !is_comment || &text[before..body] != indent {
            break;
        }
        line = before;
    }
    line
}
