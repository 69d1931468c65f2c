//! The printed text of a template, with the origin of every piece. So each value of the tree that is read from
//! it is at the place where it is written: in the template or in a values file.

use super::limits::{MAX_BYTES, MAX_PIECES};
use cofferdam_syntax::tree::{Key, Map, Node, Style, Value};
use cofferdam_syntax::{ChainId, Chains, Span};
use std::collections::HashSet;
use std::fmt::Write;
use std::rc::Rc;
use std::sync::Arc;

/// Characters around the number of an unknown value. They are for private use, so no configuration contains them.
pub(super) const MARK: char = '\u{E000}';
pub(super) const MARK_END: char = '\u{E001}';

/// Some text and where it comes from.
#[derive(Debug, Clone)]
pub(super) struct Piece<'a> {
    pub(super) text: String,
    pub(super) origin: Origin<'a>,
    /// The branches of unknown conditions that it was printed in; `None` outside of all branches.
    pub(super) within: Option<Within>,
}

/// The unknown conditions around a piece, each with the branch that the piece is in.
pub(super) type Within = Rc<[(usize, usize)]>;

/// Whether two pieces are never printed together: they are in different branches of one condition.
fn exclusive(a: Option<&Within>, b: Option<&Within>) -> bool {
    let (Some(a), Some(b)) = (a, b) else { return false };
    a.iter()
        .any(|(condition, branch)| b.iter().any(|(other, at)| other == condition && at != branch))
}

/// Where text comes from.
#[derive(Debug, Clone, Copy)]
pub(super) enum Origin<'a> {
    /// The file has it as it is, from the start of this place.
    Template(Span),
    /// A place stands for all of it.
    Place(Span),
    /// A value stands for all of it; with its place and all that it passed through until it was printed.
    Node(&'a Node, Span),
}

impl Origin<'_> {
    /// The place where it begins.
    pub(super) fn start(self) -> Span {
        match self {
            Origin::Template(span) | Origin::Place(span) | Origin::Node(_, span) => span,
        }
    }

    /// The same origin with another chain.
    pub(super) fn with_chain(mut self, chain: ChainId) -> Self {
        match &mut self {
            Origin::Template(span) | Origin::Place(span) | Origin::Node(_, span) => span.chain = chain,
        }
        self
    }

    /// The origin of what begins `offset` bytes later.
    fn after(self, offset: usize) -> Self {
        match self {
            Origin::Template(span) => {
                let start = span.start as usize + offset;
                Origin::Template(span.part(start, start))
            }
            other => other,
        }
    }

    fn span(self, offset: usize) -> Span {
        match self.after(offset) {
            Origin::Template(span) => Span {
                end: span.start.saturating_add(1),
                ..span
            },
            other => other.start(),
        }
    }
}

impl<'a> Piece<'a> {
    pub(super) fn new(text: impl Into<String>, origin: Origin<'a>) -> Self {
        Piece {
            text: text.into(),
            origin,
            within: None,
        }
    }

    /// Whether it holds something unknown.
    pub(super) fn is_unknown(&self) -> bool {
        self.text.contains(MARK)
    }
}

/// Puts `width` spaces before every line, as sprig's `indent`.
pub(super) fn indent<'a>(pieces: Vec<Piece<'a>>, width: usize, origin: Origin<'a>) -> Vec<Piece<'a>> {
    let pad = || Piece::new(" ".repeat(width.min(200)), origin);
    let mut out = vec![pad()];
    for piece in pieces {
        if !piece.text.contains('\n') {
            out.push(piece);
            continue;
        }
        let mut offset = 0;
        if out.len() > MAX_PIECES {
            break;
        }
        for line in piece.text.split_inclusive('\n').take(MAX_PIECES) {
            let origin = piece.origin.after(offset);
            out.push(Piece {
                within: piece.within.clone(),
                ..Piece::new(line, origin)
            });
            offset += line.len();
            if line.ends_with('\n') {
                out.push(pad());
            }
        }
    }
    out
}

/// Text in double quotes as YAML and JSON read it.
pub(super) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if (c as u32) < 0x20 => {
                // Writing to a String cannot fail.
                let _ = write!(out, "\\u{:04x}", c as u32);
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// The pieces with a line break after each separator of documents. Helm cuts what a template printed at
/// `(?:^|\s*\n)---\s*`, so a separator may have the first line of the next document behind it: a trimming action that
/// follows `---` puts it there. YAML knows no such line.
fn separated(pieces: Vec<Piece<'_>>) -> Vec<Piece<'_>> {
    let mut out = Vec::with_capacity(pieces.len());
    // Dashes at the beginning of the line; `None` once anything else is on it.
    let mut dashes = Some(0);
    for mut piece in pieces {
        let mut at = 0;
        while let Some(byte) = piece.text.as_bytes().get(at).copied() {
            dashes = match (dashes, byte) {
                (_, b'\n') => Some(0),
                (Some(count @ 0..3), b'-') => Some(count + 1),
                (Some(3), b' ' | b'\t' | b'\r') => Some(3),
                (Some(3), _) => {
                    let rest = Piece {
                        text: piece.text.split_off(at),
                        origin: piece.origin.after(at),
                        within: piece.within.clone(),
                    };
                    piece.text.push('\n');
                    out.push(std::mem::replace(&mut piece, rest));
                    at = 0;
                    None
                }
                _ => None,
            };
            at += 1;
        }
        out.push(piece);
    }
    out.retain(|piece| !piece.text.is_empty());
    out
}

/// All that a template printed.
pub(super) struct Printed<'a> {
    pub(super) text: String,
    chains: &'a Chains,
    /// Where each piece begins in `text`, in order.
    starts: Vec<usize>,
    origins: Vec<Origin<'a>>,
    within: Vec<Option<Within>>,
    /// The actions behind the marks, by their numbers.
    unknowns: &'a [&'a str],
}

impl<'a> Printed<'a> {
    pub(super) fn new(chains: &'a Chains, pieces: Vec<Piece<'a>>, unknowns: &'a [&'a str]) -> Self {
        let mut printed = Printed {
            chains,
            text: String::new(),
            starts: Vec::with_capacity(pieces.len()),
            origins: Vec::with_capacity(pieces.len()),
            within: Vec::with_capacity(pieces.len()),
            unknowns,
        };
        for piece in separated(pieces) {
            printed.starts.push(printed.text.len());
            printed.origins.push(piece.origin);
            printed.within.push(piece.within);
            printed.text.push_str(&piece.text);
        }
        printed
    }

    /// The piece that a byte is in, and the byte's offset in it.
    fn piece(&self, at: usize) -> Option<(Origin<'a>, usize)> {
        let index = self.starts.partition_point(|start| *start <= at).checked_sub(1)?;
        Some((self.origins[index], at - self.starts[index]))
    }

    /// The branches of unknown conditions that a byte was printed in.
    fn within(&self, at: usize) -> Option<&Within> {
        let index = self.starts.partition_point(|start| *start <= at).checked_sub(1)?;
        self.within.get(index)?.as_ref()
    }

    /// Whether the document with a byte is printed whatever the unknown values are: no part of it is in a branch of an
    /// unknown condition, and nothing unknown is left out of it. Values of it may be unknown.
    pub(super) fn is_whole(&self, at: usize) -> bool {
        let at = at.min(self.text.len());
        let from = self.text[..at].rfind("\n---").map_or(0, |start| start + 1);
        let to = self.text[at..]
            .find("\n---")
            .map_or(self.text.len(), |end| at + end);
        let first = self
            .starts
            .partition_point(|start| *start <= from)
            .saturating_sub(1);
        let last = self.starts.partition_point(|start| *start < to);
        let certain = self.within[first..last].iter().all(Option::is_none);
        // A mark that is alone on its line may stand for more fields.
        certain && self.text[from..to].lines().all(|line| !is_alone(line))
    }

    /// Keeps the first of the parts that are never printed together. Which branch holds is not known, but only one
    /// of them does; the template never gives all of them at once.
    pub(super) fn possible<T>(
        &self,
        parts: impl IntoIterator<Item = T>,
        at: impl Fn(&T) -> Option<Span>,
    ) -> Vec<T> {
        let mut kept: Vec<&Within> = Vec::new();
        let mut possible = Vec::new();
        for part in parts {
            if let Some(within) = at(&part).and_then(|span| self.within(span.start as usize)) {
                if kept.iter().any(|other| exclusive(Some(other), Some(within))) {
                    continue;
                }
                if !kept.contains(&within) {
                    kept.push(within);
                }
            }
            possible.push(part);
        }
        possible
    }

    /// The place in a file of what is at `span` in the printed text.
    pub(super) fn place(&self, span: Span) -> Span {
        let (start, end) = (
            span.start as usize,
            (span.end as usize).max(span.start as usize + 1),
        );
        let (Some((first, from)), Some((last, to))) = (self.piece(start), self.piece(end - 1)) else {
            return span;
        };
        first.span(from).to(last.span(to))
    }

    /// Where a scalar is written: at the last value that it is made of, because a person would change
    /// that one (the tag of an image); or else in the template.
    fn place_of_scalar(&self, span: Span) -> Span {
        let (start, end) = (
            span.start as usize,
            (span.end as usize).max(span.start as usize + 1),
        );
        let from = self.starts.partition_point(|s| *s <= start).saturating_sub(1);
        let to = self.starts.partition_point(|s| *s < end);
        let whole = self.origins[from.min(to)..to]
            .iter()
            .rev()
            .find_map(|origin| match origin {
                Origin::Node(_, span) => Some(*span),
                _ => None,
            });
        let place = whole.unwrap_or_else(|| self.place(span));
        self.kept(place, span)
    }

    /// A place with what was noted while the text was read: an alias in a template.
    fn kept(&self, place: Span, read: Span) -> Span {
        self.chains.extended(place, &self.chains.of(read))
    }

    /// The value of which the scalar consists, if it consists of one value only.
    fn value_behind(&self, span: Span) -> Option<&'a Node> {
        let index = self.starts.binary_search(&(span.start as usize)).ok()?;
        let next = self.starts.get(index + 1).copied().unwrap_or(self.text.len());
        match self.origins[index] {
            Origin::Node(node, _) if next == span.end as usize => Some(node),
            _ => None,
        }
    }

    /// The tree read from the text, with every value at its real place. `clashes` are the keys that
    /// occur twice because both branches of a condition were printed.
    pub(super) fn finish(&self, node: Node, clashes: &HashSet<Span>) -> Node {
        match node.value {
            Value::Scalar(scalar) => {
                let span = self.place_of_scalar(node.span);
                if scalar.text.contains(MARK) {
                    let whole_lines = matches!(scalar.style, Style::Literal | Style::Folded)
                        && scalar.text.trim_end().contains('\n');
                    if !whole_lines {
                        return unknown(span);
                    }
                    // A whole file inside the template: the rest of it can still be read.
                    let text = self.with_actions(&scalar.text);
                    let value = Value::Scalar(cofferdam_syntax::tree::Scalar {
                        text: text.into(),
                        style: Style::Quoted,
                    });
                    return Node { span, value };
                }
                if let Some(value) = self.value_behind(node.span)
                    && matches!(&value.value, Value::Scalar(s) if s.style == Style::Literal && s.text == scalar.text)
                {
                    let value = value.value.clone();
                    return Node { span, value };
                }
                Node {
                    span,
                    value: Value::Scalar(scalar),
                }
            }
            Value::Map(map) => {
                let held = map.len();
                // A key that is in several branches exists in any case.
                let at = |(key, _): &(Key, Node)| (!clashes.contains(&key.span)).then_some(key.span);
                let map: Map = self
                    .possible(map, at)
                    .into_iter()
                    .filter(|(key, _)| !(key.text.starts_with(MARK) && key.text.ends_with(MARK_END)))
                    .map(|(key, value)| self.entry(key, value, clashes))
                    .collect();
                let span = self.place(node.span);
                if map.is_empty() && held > 0 {
                    return unknown(span);
                }
                Node {
                    span,
                    value: Value::Map(map),
                }
            }
            Value::Seq(items) => Node {
                span: self.place(node.span),
                value: Value::Seq(
                    self.possible(items, |item| Some(item.span))
                        .into_iter()
                        .map(|i| self.finish(i, clashes))
                        .collect(),
                ),
            },
            other => Node {
                span: self.place(node.span),
                value: other,
            },
        }
    }

    fn entry(&self, key: Key, value: Node, clashes: &HashSet<Span>) -> (Key, Node) {
        let span = self.place_of_scalar(key.span);
        let value = if clashes.contains(&key.span) {
            Node {
                span: self.place(value.span),
                value: Value::Unknown("a value that depends on a condition of the template".into()),
            }
        } else {
            self.finish(value, clashes)
        };
        let text = if key.text.contains(MARK) {
            self.with_actions(&key.text).into()
        } else {
            key.text
        };
        (Key { text, span }, value)
    }

    /// The text with the actions in place of their marks.
    fn with_actions(&self, text: &str) -> String {
        let mut out = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once(MARK) {
            out.push_str(before);
            let (number, after) = after.split_once(MARK_END).unwrap_or((after, ""));
            let action = number.parse::<usize>().ok().and_then(|n| self.unknowns.get(n));
            out.push_str(action.copied().unwrap_or("{{ … }}"));
            rest = after;
        }
        out.push_str(rest);
        out
    }
}

fn unknown(span: Span) -> Node {
    let why: Arc<str> = "a Helm template value".into();
    Node {
        span,
        value: Value::Unknown(why),
    }
}

/// Whether a line has something unknown and no key or item that it is the value of.
fn is_alone(line: &str) -> bool {
    line.contains(MARK) && {
        let before = line.split(MARK).next().unwrap_or("").trim();
        before.is_empty() || before == "-"
    }
}

/// Whether a text is `null` alone.
pub(super) fn is_null(pieces: &[Piece<'_>]) -> bool {
    let mut parts = pieces
        .iter()
        .map(|p| p.text.trim())
        .filter(|text| !text.is_empty());
    (parts.next(), parts.next()) == (Some("null"), None)
}

/// Whether a computed text is longer than any that is kept.
pub(super) fn is_too_long(pieces: &[Piece<'_>]) -> bool {
    pieces.len() > MAX_PIECES || pieces.iter().map(|p| p.text.len()).sum::<usize>() > MAX_BYTES
}
