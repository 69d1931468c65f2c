//! Changes of a text, and the text as pieces that are kept or new.

use std::ops::Range;

/// A part of a text that becomes another text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The removed bytes; empty if text is only added.
    pub range: Range<usize>,
    /// The new text.
    pub text: String,
}

impl Change {
    pub(crate) fn new(range: Range<usize>, text: impl Into<String>) -> Change {
        Change {
            range,
            text: text.into(),
        }
    }

    pub(crate) fn insert(at: usize, text: impl Into<String>) -> Change {
        Change::new(at..at, text)
    }

    pub(crate) fn delete(range: Range<usize>) -> Change {
        Change::new(range, "")
    }
}

/// Applies changes that do not overlap. `None` if they do, or if they are outside the text.
pub(crate) fn apply(text: &str, changes: &[Change]) -> Option<String> {
    let mut sorted: Vec<&Change> = changes.iter().collect();
    sorted.sort_by_key(|c| (c.range.start, c.range.end));
    let mut out = String::with_capacity(text.len() + 64);
    let mut at = 0;
    for change in sorted {
        out.push_str(text.get(at..change.range.start)?);
        out.push_str(&change.text);
        text.get(change.range.clone())?;
        at = change.range.end;
    }
    out.push_str(text.get(at..)?);
    Some(out)
}

/// A text that was changed several times: the kept pieces of the original, and the new ones.
#[derive(Debug)]
pub(crate) struct Pieces {
    pieces: Vec<Piece>,
    length: usize,
}

#[derive(Debug, Clone)]
enum Piece {
    Kept(Range<usize>),
    New(String),
}

impl Piece {
    fn len(&self) -> usize {
        match self {
            Piece::Kept(range) => range.len(),
            Piece::New(text) => text.len(),
        }
    }

    /// The first `at` bytes and the rest.
    fn split(self, at: usize) -> (Piece, Piece) {
        match self {
            Piece::Kept(range) => {
                let middle = range.start + at;
                (Piece::Kept(range.start..middle), Piece::Kept(middle..range.end))
            }
            Piece::New(mut text) => {
                let rest = text.split_off(at);
                (Piece::New(text), Piece::New(rest))
            }
        }
    }
}

impl Pieces {
    /// The text before any change.
    pub(crate) fn new(length: usize) -> Pieces {
        Pieces {
            pieces: vec![Piece::Kept(0..length)],
            length,
        }
    }

    /// Records changes of the current text; they must not overlap.
    pub(crate) fn change(&mut self, changes: &[Change]) {
        let mut sorted: Vec<&Change> = changes.iter().collect();
        sorted.sort_by_key(|c| (c.range.start, c.range.end));
        // From the back, so that earlier places do not move.
        for change in sorted.into_iter().rev() {
            let mut before = Vec::new();
            let mut after = Vec::new();
            let mut at = 0;
            for piece in std::mem::take(&mut self.pieces) {
                let (start, end) = (at, at + piece.len());
                at = end;
                if end <= change.range.start {
                    before.push(piece);
                } else if start >= change.range.end {
                    after.push(piece);
                } else {
                    let (left, rest) = piece.split(change.range.start.saturating_sub(start));
                    before.push(left);
                    let gone = change.range.end.min(end) - change.range.start.max(start);
                    after.push(rest.split(gone).1);
                }
            }
            before.push(Piece::New(change.text.clone()));
            before.append(&mut after);
            before.retain(|p| p.len() > 0);
            self.pieces = before;
        }
    }

    /// The changes from the original text to the current one.
    pub(crate) fn changes(&self) -> Vec<Change> {
        let mut changes = Vec::new();
        let mut at = 0;
        let mut new = String::new();
        let end = Piece::Kept(self.length..self.length);
        for piece in self.pieces.iter().chain([&end]) {
            match piece {
                Piece::New(text) => new.push_str(text),
                Piece::Kept(range) => {
                    if range.start > at || !new.is_empty() {
                        changes.push(Change::new(at..range.start, std::mem::take(&mut new)));
                    }
                    at = range.end;
                }
            }
        }
        changes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn changes_that_overlap_are_refused() {
        let overlapping = [Change::delete(0..2), Change::delete(1..3)];
        assert_eq!(apply("abcd", &overlapping), None);
        assert_eq!(apply("é", &[Change::delete(0..1)]), None);
        let both = [Change::insert(4, "!"), Change::new(1..2, "xy")];
        assert_eq!(apply("abcd", &both).as_deref(), Some("axycd!"));
    }

    proptest! {
        #[test]
        fn several_changes_become_one_change_of_the_original(
            text in "[a-f]{0,12}",
            steps in prop::collection::vec((0usize..14, 0usize..5, "[A-F]{0,3}"), 0..6),
        ) {
            let mut now = text.clone();
            let mut pieces = Pieces::new(text.len());
            for (at, length, new) in steps {
                let start = at.min(now.len());
                let change = [Change::new(start..(start + length).min(now.len()), new)];
                now = apply(&now, &change).unwrap();
                pieces.change(&change);
            }
            prop_assert_eq!(apply(&text, &pieces.changes()), Some(now));
        }
    }
}
