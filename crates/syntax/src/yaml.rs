//! YAML and JSON text to [`Node`] trees. Every document of a stream is read; anchors and merge keys are
//! resolved here, once; comments are kept because people suppress findings with them.

mod builder;
mod embedded;
mod placed;

use crate::source::Chains;
use crate::source::{FileId, Span};
use crate::tree::Node;
use builder::{Builder, MAX_ALIASED_INSIDE, Notes};
pub use embedded::{BlockLines, block_lines, is_file, parse_embedded};
use granit_parser::Parser;

/// Parts of values that aliases may add to one file: otherwise a few lines of nested aliases can need more memory than
/// any machine has.
pub(crate) const MAX_ALIASED: usize = 1_000_000;

/// Errors of one stream that are kept.
const MAX_ERRORS: usize = 100;

/// The contents of a stream of documents.
#[derive(Debug, Clone, Default)]
pub struct Stream {
    /// The documents that could be read. One that is empty or only comments is left out.
    pub documents: Vec<Node>,
    /// Comments with their text after `#`.
    pub comments: Vec<Comment>,
    /// Errors that do not make a document unreadable: duplicate keys.
    pub problems: Vec<Problem>,
    /// Why reading stopped, if it did; documents before and after the broken one are kept.
    pub errors: Vec<Problem>,
    /// How many parts of values the aliases added. Above the limit, the rest was not read.
    pub(crate) aliased: usize,
}

/// A comment.
#[derive(Debug, Clone)]
pub struct Comment {
    /// The text after `#`.
    pub text: String,
    /// The whole comment.
    pub span: Span,
}

/// An error at a place.
#[derive(Debug, Clone)]
pub struct Problem {
    /// What is wrong, and what to do.
    pub message: String,
    /// Where.
    pub span: Span,
}

/// Reads `text`, which begins at byte `base` of `file` (0 for a whole file; the offset of a block
/// scalar for YAML inside YAML).
pub fn parse(text: &str, file: FileId, base: usize) -> Stream {
    read(text, file, base, (None, MAX_ALIASED_INSIDE))
}

/// Reads like [`parse`], and records in `chains` the aliases and merge keys that values came through: an
/// alias' value is written at its anchor, and its chain contains the place of the alias.
pub fn parse_with(text: &str, file: FileId, base: usize, chains: &Chains) -> Stream {
    with_aliases(text, file, base, (chains, MAX_ALIASED_INSIDE))
}

fn with_aliases(text: &str, file: FileId, base: usize, (chains, most): (&Chains, usize)) -> Stream {
    read(text, file, base, (Some(Notes { chains, place: None }), most))
}

/// Reads like [`parse_with`] a text that was composed. The tree has the places in the text; the links in
/// `chains` have the places that `place` gives for them.
pub fn parse_made(text: &str, file: FileId, chains: &Chains, place: &dyn Fn(Span) -> Span) -> Stream {
    let place = Some(place);
    read(text, file, 0, (Some(Notes { chains, place }), MAX_ALIASED_INSIDE))
}

fn read(text: &str, file: FileId, base: usize, (notes, most): (Option<Notes<'_>>, usize)) -> Stream {
    let mut builder = Builder {
        notes,
        most_aliased: most,
        base,
        ..Builder::empty(file)
    };
    // A byte order mark is allowed at the start of a file and has no meaning.
    let skip = if text.starts_with('\u{feff}') {
        '\u{feff}'.len_utf8()
    } else {
        0
    };
    builder.base += skip;
    let mut parser = Parser::new_from_str(&text[skip..]);
    loop {
        match parser.next() {
            None => break,
            Some(Ok((event, span))) => {
                let range = span.byte_range().unwrap_or(0..0);
                if let Err(message) = builder.event(event, range.start, range.end) {
                    let at = builder.span(range.start, range.end);
                    builder.stream.errors.push(Problem { message, span: at });
                    break;
                }
            }
            Some(Err(error)) => {
                let at = error.marker().byte_offset().unwrap_or(text.len() - skip);
                let span = builder.span(at, at);
                let line_has_tab = line_indent_has_tab(&text[skip..], at);
                let message = if line_has_tab {
                    format!(
                        "{}; the line is indented with a tab, and YAML allows only spaces",
                        error.info()
                    )
                } else {
                    error.info()
                };
                builder.stream.errors.push(Problem { message, span });
                builder.abandon();
                if builder.stream.errors.len() >= MAX_ERRORS {
                    break;
                }
                match parser.proceed_next_document() {
                    Ok(true) => {}
                    Ok(false) | Err(_) => break,
                }
            }
        }
    }
    builder.stream
}

/// Reads a whole file. JSON documents may follow one another without a separator, as `kubectl` reads them. Aliases may
/// add `most` parts of values.
pub(crate) fn parse_file(text: &str, file: FileId, (chains, most): (&Chains, usize)) -> Stream {
    let stream = with_aliases(text, file, 0, (chains, most));
    if stream.errors.is_empty() || !text.trim_start_matches('\u{feff}').trim_start().starts_with('{') {
        return stream;
    }
    let Some(parts) = json_values(text).filter(|parts| parts.len() > 1) else {
        return stream;
    };
    let mut all = Stream::default();
    for part in parts {
        let left = most.saturating_sub(all.aliased);
        let one = with_aliases(&text[part.clone()], file, part.start, (chains, left));
        if !one.errors.is_empty() {
            return stream;
        }
        all.documents.extend(one.documents);
        all.problems.extend(one.problems);
        all.aliased += one.aliased;
    }
    all
}

/// The places of the objects of JSON that a text consists of; `None` where anything else is between them.
fn json_values(text: &str) -> Option<Vec<std::ops::Range<usize>>> {
    let mut found = Vec::new();
    let (mut depth, mut start) = (0usize, 0);
    let (mut in_text, mut escaped) = (false, false);
    // A byte order mark is allowed at the start.
    let skip = text.len() - text.trim_start_matches('\u{feff}').len();
    for (at, byte) in text.bytes().enumerate().skip(skip) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' if depth > 0 => in_text = !in_text,
            _ if in_text => {}
            b'{' | b'[' => {
                if depth == 0 {
                    start = at;
                }
                depth += 1;
            }
            b'}' | b']' => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    found.push(start..at + 1);
                }
            }
            _ if depth == 0 && !byte.is_ascii_whitespace() => return None,
            _ => {}
        }
    }
    (depth == 0).then_some(found)
}

fn line_indent_has_tab(text: &str, at: usize) -> bool {
    let at = at.min(text.len());
    let start = text.as_bytes()[..at]
        .iter()
        .rposition(|b| *b == b'\n')
        .map_or(0, |i| i + 1);
    text.as_bytes()[start..]
        .iter()
        .take_while(|b| **b == b' ' || **b == b'\t')
        .any(|b| *b == b'\t')
}

#[cfg(test)]
mod tests;
