//! YAML inside a scalar of another document, with the places of the outer file.

use super::placed::place_stream;
use super::{Stream, parse_made};
use crate::source::Span;
use crate::source::{ChainId, Chains};
use crate::tree::{Node, Style, Value};

/// Reads YAML inside a scalar (a ConfigMap's entry, an inline patch). In a `|` block the lines are unchanged
/// in the file, so spans are exact; in any other notation all spans are those of the scalar. `file_text` is
/// the text of the scalar's file. Every value has the scalar, and the scalar's own chain, in its chain.
pub fn parse_embedded(node: &Node, file_text: &str, chains: &Chains) -> Option<Stream> {
    let Value::Scalar(scalar) = &node.value else {
        return None;
    };
    let lines = if scalar.style == Style::Literal {
        block_lines(&scalar.text, node.span, file_text)
    } else {
        None
    };
    let own = Span {
        chain: ChainId::NONE,
        ..node.span
    };
    let place = |span: Span| match &lines {
        Some(lines) => lines.place(span),
        None => Span {
            chain: span.chain,
            ..own
        },
    };
    let mut stream = parse_made(&scalar.text, node.span.file, chains, &place);
    place_stream(&mut stream, &place);
    if lines.is_none() {
        stream.comments.clear();
    }
    let links = chains.inside(node.span, is_file(node.span, file_text));
    for document in &mut stream.documents {
        chains.mark(document, &links);
    }
    Some(stream)
}

/// Whether a span is all of its file.
pub fn is_file(span: Span, file_text: &str) -> bool {
    (span.start as usize, span.end as usize) == (0, file_text.len())
}

/// Where each line of a block scalar's text begins, in the text and in the file.
pub struct BlockLines(Vec<(usize, usize)>);

impl BlockLines {
    fn offset(&self, at: usize) -> usize {
        let line = self.0.partition_point(|(text, _)| *text <= at).max(1) - 1;
        self.0.get(line).map_or(at, |(text, file)| file + (at - text))
    }

    /// The place in the file of a span in the text.
    pub fn place(&self, span: Span) -> Span {
        let (start, end) = (span.start as usize, span.end as usize);
        let from = self.offset(start);
        // The end is one past the last byte, which may be on the line before.
        let to = if end > start {
            self.offset(end - 1) + 1
        } else {
            from
        };
        span.part(from, to)
    }
}

/// Finds the lines of a block scalar in its file; `None` if the file does not contain them unchanged.
pub fn block_lines(text: &str, span: Span, file_text: &str) -> Option<BlockLines> {
    let (start, end) = (span.start as usize, span.end as usize);
    let raw = file_text.get(start..end)?;
    let mut at = if raw.starts_with('|') && !is_file(span, file_text) {
        start + raw.find('\n')? + 1
    } else {
        file_text.get(..start)?.rfind('\n').map_or(0, |i| i + 1)
    };
    let mut lines = Vec::new();
    let mut in_text = 0;
    for line in text.split_inclusive('\n') {
        let content = line.trim_end_matches(['\n', '\r']);
        let rest = file_text.get(at..)?;
        let raw_line = rest.split_inclusive('\n').next().unwrap_or("");
        let raw_content = raw_line.trim_end_matches(['\n', '\r']);
        let indent = match raw_content.strip_suffix(content) {
            Some(indent) if indent.bytes().all(|b| b == b' ') => indent.len(),
            _ => return None,
        };
        lines.push((in_text, at + indent));
        in_text += line.len();
        at += raw_line.len();
    }
    Some(BlockLines(lines))
}
