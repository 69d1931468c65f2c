//! YAML and JSON text to [`Node`] trees. Every document of a stream is read; anchors and merge keys are
//! resolved here, once; comments are kept because people suppress findings with them.

use crate::source::{ChainId, Chains, Layer};
use crate::source::{FileId, Span};
use crate::tree::{INDEXED, Key, Map, Node, Scalar, Style, Value};
use granit_parser::{Event, Parser, ScalarStyle};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// Parts of values that one stream may have.
const MAX_NODES: usize = 2_000_000;
/// Parts of values that aliases may add to one file: otherwise a few lines of nested aliases can need more memory than
/// any machine has.
pub(crate) const MAX_ALIASED: usize = 1_000_000;
/// The same for a text inside a file, which is read again by each reader that looks into it.
const MAX_ALIASED_INSIDE: usize = 50_000;
/// Errors of one stream that are kept.
const MAX_ERRORS: usize = 100;
/// Nesting beyond which a document is refused; no real configuration comes close to it.
const MAX_DEPTH: usize = 200;

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

/// Where aliases and merge keys are recorded.
#[derive(Clone, Copy)]
struct Notes<'a> {
    chains: &'a Chains,
    /// The place of a span, if the file does not contain the text unchanged.
    place: Option<&'a dyn Fn(Span) -> Span>,
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
        file,
        base,
        stream: Stream::default(),
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

struct Builder<'c> {
    notes: Option<Notes<'c>>,
    file: FileId,
    base: usize,
    stream: Stream,
    stack: Vec<Frame>,
    anchors: HashMap<usize, Node>,
    root: Option<Node>,
    nodes: usize,
    most_aliased: usize,
}

/// Whether the map has this key. Notes it as one that it will have.
fn is_known(map: &Map, seen: &mut HashSet<Arc<str>>, key: &str) -> bool {
    if map.len() < INDEXED {
        return map.get(key).is_some();
    }
    if seen.is_empty() {
        seen.extend(map.iter().map(|(key, _)| key.text.clone()));
    }
    !seen.insert(key.into())
}

enum Frame {
    Seq {
        start: usize,
        anchor: usize,
        items: Vec<Node>,
    },
    Map {
        start: usize,
        anchor: usize,
        map: Map,
        /// The keys of a map of many; a search in the map itself would cost their square.
        seen: HashSet<Arc<str>>,
        merges: Vec<Node>,
        key: Option<Key>,
    },
}

impl Builder<'_> {
    fn empty(file: FileId) -> Self {
        Builder {
            notes: None,
            file,
            base: 0,
            stream: Stream::default(),
            stack: Vec::new(),
            anchors: HashMap::new(),
            root: None,
            nodes: 0,
            most_aliased: 0,
        }
    }

    fn span(&self, start: usize, end: usize) -> Span {
        Span::new(self.file, self.base + start, self.base + end)
    }

    fn abandon(&mut self) {
        self.stack.clear();
        self.anchors.clear();
        self.root = None;
    }

    fn event(&mut self, event: Event<'_>, start: usize, end: usize) -> Result<(), String> {
        match event {
            Event::Comment(text, _) => {
                let span = self.span(start, end);
                self.stream.comments.push(Comment {
                    text: text.into_owned(),
                    span,
                });
            }
            Event::Scalar(text, style, anchor, tag) => {
                let style = match style {
                    // `!!str 5` is text like "5".
                    ScalarStyle::Plain if tag.as_ref().is_some_and(|t| t.is_yaml_core_schema_tag("str")) => {
                        Style::Quoted
                    }
                    ScalarStyle::Plain => Style::Plain,
                    ScalarStyle::Literal => Style::Literal,
                    ScalarStyle::Folded => Style::Folded,
                    _ => Style::Quoted,
                };
                let null = style == Style::Plain
                    && tag.is_none()
                    && matches!(&*text, "" | "~" | "null" | "Null" | "NULL");
                let value = if null {
                    Value::Null
                } else {
                    Value::Scalar(Scalar {
                        text: text.into(),
                        style,
                    })
                };
                let node = Node {
                    span: self.span(start, end),
                    value,
                };
                self.place(node, anchor)?;
            }
            Event::SequenceStart(_, anchor, _) => {
                self.push(Frame::Seq {
                    start,
                    anchor,
                    items: Vec::new(),
                })?;
            }
            Event::MappingStart(_, anchor, _) => {
                self.push(Frame::Map {
                    start,
                    anchor,
                    map: Map::default(),
                    seen: HashSet::new(),
                    merges: Vec::new(),
                    key: None,
                })?;
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(end)?,
            Event::Alias(id) => {
                let added = self.anchors.get(&id).map_or(1, count);
                self.expand(added)?;
                let node = self.anchors.get(&id).cloned().unwrap_or(Node {
                    span: self.span(start, end),
                    value: Value::Unknown("an alias of a node that contains itself".into()),
                });
                let layer = if self.in_merge() {
                    Layer::Merge
                } else {
                    Layer::Alias
                };
                let node = match self.notes {
                    Some(Notes { chains, place }) => {
                        let at = self.span(start, end);
                        chains.tree_through(node, layer, place.map_or(at, |place| place(at)))
                    }
                    None => node,
                };
                self.place(node, 0)?;
            }
            Event::DocumentEnd => {
                if let Some(root) = self.root.take()
                    && !root.is_null()
                {
                    self.stream.documents.push(root);
                }
                self.abandon();
            }
            _ => {}
        }
        Ok(())
    }

    /// Whether the next event is the value of a merge key, or is in the list that is one.
    fn in_merge(&self) -> bool {
        let mut frames = self.stack.iter().rev();
        let frame = match frames.next() {
            Some(Frame::Seq { .. }) => frames.next(),
            frame => frame,
        };
        matches!(frame, Some(Frame::Map { key: Some(key), .. }) if &*key.text == "<<")
    }

    fn push(&mut self, frame: Frame) -> Result<(), String> {
        if self.stack.len() >= MAX_DEPTH {
            return Err(format!("nested more than {MAX_DEPTH} levels deep"));
        }
        self.stack.push(frame);
        Ok(())
    }

    fn close(&mut self, end: usize) -> Result<(), String> {
        let Some(frame) = self.stack.pop() else {
            return Ok(());
        };
        let (node, anchor) = match frame {
            Frame::Seq { start, anchor, items } => {
                let end = items
                    .last()
                    .map_or(self.base + end, |n| (n.span.end as usize).max(self.base + start));
                let end = end.max(self.base + start) - self.base;
                (
                    Node {
                        span: self.span(start, end),
                        value: Value::Seq(items),
                    },
                    anchor,
                )
            }
            Frame::Map {
                start,
                anchor,
                mut map,
                merges,
                ..
            } => {
                let mut known: HashSet<Arc<str>> = match merges.is_empty() {
                    true => HashSet::new(),
                    false => map.iter().map(|(key, _)| key.text.clone()).collect(),
                };
                for (key, value) in merges.iter().flat_map(Node::entries) {
                    if known.insert(key.text.clone()) {
                        map.push(key.clone(), value.clone());
                    }
                }
                (
                    Node {
                        span: self.span(start, end.max(start)),
                        value: Value::Map(map),
                    },
                    anchor,
                )
            }
        };
        self.place(node, anchor)
    }

    /// Counts what an alias adds, before it is added.
    fn expand(&mut self, added: usize) -> Result<(), String> {
        self.stream.aliased = self.stream.aliased.saturating_add(added);
        if self.stream.aliased > self.most_aliased {
            return Err(format!(
                "its aliases expand to more than {} values; the rest of this file was not read",
                self.most_aliased
            ));
        }
        Ok(())
    }

    fn place(&mut self, node: Node, anchor: usize) -> Result<(), String> {
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            return Err(format!(
                "has more than {MAX_NODES} values; the rest of this file was not read"
            ));
        }
        if anchor != 0 {
            // Anchors inside each other copy the innermost value again and again.
            self.expand(count(&node) / 4)?;
            self.anchors.insert(anchor, node.clone());
        }
        match self.stack.last_mut() {
            None => self.root = Some(node),
            Some(Frame::Seq { items, .. }) => items.push(node),
            Some(Frame::Map {
                map,
                merges,
                key,
                seen,
                ..
            }) => match key.take() {
                None => {
                    let text = match &node.value {
                        Value::Scalar(s) => s.text.clone(),
                        Value::Null => "null".into(),
                        // A collection as a key has no meaning in configuration; it cannot be looked up.
                        _ => "?".into(),
                    };
                    *key = Some(Key {
                        text,
                        span: node.span,
                    });
                }
                Some(k) if &*k.text == "<<" => match node.value {
                    Value::Seq(items) => merges.extend(items),
                    _ => merges.push(node),
                },
                Some(k) => {
                    let (text, span) = (k.text.clone(), k.span);
                    if is_known(map, seen, &text) {
                        map.insert(k, node);
                        self.stream.problems.push(Problem {
                            message: format!(
                                "the key `{text}` occurs twice in this map; the last one counts"
                            ),
                            span,
                        });
                    } else {
                        map.push(k, node);
                    }
                }
            },
        }
        Ok(())
    }
}

/// Parts of a value; a long text counts as many.
fn count(node: &Node) -> usize {
    1 + match &node.value {
        Value::Seq(items) => items.iter().map(count).sum(),
        Value::Map(map) => map.iter().map(|(k, v)| k.text.len() / 64 + count(v)).sum(),
        Value::Scalar(scalar) => scalar.text.len() / 64,
        Value::Unknown(_) | Value::Null => 0,
    }
}

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

fn place_stream(stream: &mut Stream, place: &dyn Fn(Span) -> Span) {
    for document in std::mem::take(&mut stream.documents) {
        stream.documents.push(placed(document, place));
    }
    for problem in stream.problems.iter_mut().chain(&mut stream.errors) {
        problem.span = place(problem.span);
    }
    for comment in &mut stream.comments {
        comment.span = place(comment.span);
    }
}

/// The same tree with every span moved.
fn placed(node: Node, place: &dyn Fn(Span) -> Span) -> Node {
    let value = match node.value {
        Value::Seq(items) => Value::Seq(items.into_iter().map(|n| placed(n, place)).collect()),
        Value::Map(map) => Value::Map(
            map.into_iter()
                .map(|(key, value)| {
                    let span = place(key.span);
                    (Key { span, ..key }, placed(value, place))
                })
                .collect(),
        ),
        other => other,
    };
    Node {
        span: place(node.span),
        value,
    }
}

#[cfg(test)]
mod tests;
