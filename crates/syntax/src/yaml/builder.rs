//! Builds trees from the events of the YAML parser, with anchors, merge keys and the limits that keep a small
//! file from becoming a large tree.

use super::{Comment, Problem, Stream};
use crate::source::{Chains, Layer};
use crate::source::{FileId, Span};
use crate::tree::{INDEXED, Key, Map, Node, Scalar, Style, Text, Value};
use granit_parser::{Event, ScalarStyle};
use std::collections::{HashMap, HashSet};

/// Parts of values that one stream may have.
const MAX_NODES: usize = 2_000_000;

/// The same for a text inside a file, which is read again by each reader that looks into it.
pub(super) const MAX_ALIASED_INSIDE: usize = 50_000;

/// Nesting beyond which a document is refused; no real configuration comes close to it.
const MAX_DEPTH: usize = 200;

/// Where aliases and merge keys are recorded.
#[derive(Clone, Copy)]
pub(super) struct Notes<'a> {
    pub(super) chains: &'a Chains,
    /// The place of a span, if the file does not contain the text unchanged.
    pub(super) place: Option<&'a dyn Fn(Span) -> Span>,
}

pub(super) struct Builder<'c> {
    pub(super) notes: Option<Notes<'c>>,
    pub(super) file: FileId,
    pub(super) base: usize,
    pub(super) stream: Stream,
    pub(super) stack: Vec<Frame>,
    /// Items of all open lists, the innermost last: a list is made when its length is known.
    pub(super) items: Vec<Node>,
    /// Entries of all open maps, the same way.
    pub(super) entries: Vec<(Key, Node)>,
    pub(super) anchors: HashMap<usize, Node>,
    pub(super) root: Option<Node>,
    pub(super) nodes: usize,
    pub(super) most_aliased: usize,
}

/// Whether one of the entries has this key. Notes it as one that they will have.
fn is_known(entries: &[(Key, Node)], seen: &mut HashSet<Text>, key: &Text) -> bool {
    if entries.len() < INDEXED {
        return entries.iter().any(|(known, _)| known.text == *key);
    }
    if seen.is_empty() {
        seen.extend(entries.iter().map(|(key, _)| key.text.clone()));
    }
    !seen.insert(key.clone())
}

pub(super) enum Frame {
    Seq {
        start: usize,
        anchor: usize,
        /// Its first item among those of all lists.
        first: usize,
    },
    Map {
        start: usize,
        anchor: usize,
        /// Its first entry among those of all maps.
        first: usize,
        /// The keys of a map of many; a search in the map itself would cost their square.
        seen: HashSet<Text>,
        merges: Vec<Node>,
        key: Option<Key>,
    },
}

impl Builder<'_> {
    pub(super) fn empty(file: FileId) -> Self {
        Builder {
            notes: None,
            file,
            base: 0,
            stream: Stream::default(),
            stack: Vec::new(),
            items: Vec::new(),
            entries: Vec::new(),
            anchors: HashMap::new(),
            root: None,
            nodes: 0,
            most_aliased: 0,
        }
    }

    pub(super) fn span(&self, start: usize, end: usize) -> Span {
        Span::new(self.file, self.base + start, self.base + end)
    }

    pub(super) fn abandon(&mut self) {
        self.stack.clear();
        self.items.clear();
        self.entries.clear();
        self.anchors.clear();
        self.root = None;
    }

    pub(super) fn event(&mut self, event: Event<'_>, start: usize, end: usize) -> Result<(), String> {
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
                    first: self.items.len(),
                })?;
            }
            Event::MappingStart(_, anchor, _) => {
                self.push(Frame::Map {
                    start,
                    anchor,
                    first: self.entries.len(),
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
            Frame::Seq { start, anchor, first } => {
                let items: Vec<Node> = self.items.drain(first..).collect();
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
                first,
                merges,
                ..
            } => {
                if !merges.is_empty() {
                    let own = self.entries[first..].iter();
                    let mut known: HashSet<Text> = own.map(|(key, _)| key.text.clone()).collect();
                    for (key, value) in merges.iter().flat_map(Node::entries) {
                        if known.insert(key.text.clone()) {
                            self.entries.push((key.clone(), value.clone()));
                        }
                    }
                }
                let map = Map::of_unique(self.entries.drain(first..).collect());
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

    pub(super) fn place(&mut self, node: Node, anchor: usize) -> Result<(), String> {
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
            Some(Frame::Seq { .. }) => self.items.push(node),
            Some(Frame::Map {
                first,
                merges,
                key,
                seen,
                ..
            }) => match key.take() {
                None => {
                    let text = match &node.value {
                        Value::Scalar(s) => s.text.clone(),
                        Value::Null => Text::new_static("null"),
                        // A collection as a key has no meaning in configuration; it cannot be looked up.
                        _ => Text::new_static("?"),
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
                    let known = &mut self.entries[*first..];
                    if !is_known(known, seen, &k.text) {
                        self.entries.push((k, node));
                        return Ok(());
                    }
                    self.stream.problems.push(Problem {
                        message: format!(
                            "the key `{}` occurs twice in this map; the last one counts",
                            k.text
                        ),
                        span: k.span,
                    });
                    if let Some(slot) = known.iter_mut().find(|(known, _)| known.text == k.text) {
                        *slot = (k, node);
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
