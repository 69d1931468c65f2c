//! Documents as written in their file: every value with its route, its place, its notation and the places of
//! its comments. A document is built only for viewing or editing a text; readers work on the smaller
//! [`crate::tree::Node`].

mod find;
mod flat;
mod hcl;
mod json;
mod python;
mod toml;
mod yaml;

use crate::source::{FileId, Span};
use crate::tree::{Key, Map, Node, Scalar, Style, Value};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

pub use find::{Located, Via};

pub(crate) use json::is_number as is_json_number;
pub(crate) use yaml::plain_kind;

/// Nesting beyond which a document is refused; no real configuration comes close to it.
pub(crate) const MAX_DEPTH: usize = 200;

/// The formats whose documents have routes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// YAML, also several documents in one stream.
    Yaml,
    /// JSON, also several values in one file; comments and trailing commas are read.
    Json,
    /// HCL as Terraform writes it.
    Hcl,
    /// TOML.
    Toml,
    /// Java properties.
    Properties,
    /// Ini files.
    Ini,
    /// `.env` files.
    Env,
    /// Python source.
    Python,
}

impl Format {
    /// All formats.
    pub const ALL: [Format; 8] = [
        Format::Yaml,
        Format::Json,
        Format::Hcl,
        Format::Toml,
        Format::Properties,
        Format::Ini,
        Format::Env,
        Format::Python,
    ];

    /// The name for people.
    pub fn name(self) -> &'static str {
        match self {
            Format::Yaml => "YAML",
            Format::Json => "JSON",
            Format::Hcl => "HCL",
            Format::Toml => "TOML",
            Format::Properties => "properties",
            Format::Ini => "ini",
            Format::Env => ".env",
            Format::Python => "Python",
        }
    }

    /// The format that a file's name suggests.
    pub fn of(path: &Path) -> Option<Format> {
        let name = path.file_name()?.to_str()?.to_ascii_lowercase();
        if name == ".env" || name.starts_with(".env.") || name.ends_with(".env") {
            return Some(Format::Env);
        }
        if name == "kustomization" {
            return Some(Format::Yaml);
        }
        Some(match name.rsplit_once('.')?.1 {
            "yaml" | "yml" => Format::Yaml,
            "json" => Format::Json,
            "tf" | "tfvars" | "hcl" => Format::Hcl,
            "toml" => Format::Toml,
            "properties" => Format::Properties,
            "ini" => Format::Ini,
            "py" => Format::Python,
            _ => return None,
        })
    }
}

/// The kind of an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ItemKind {
    /// `null`, or nothing at all.
    Null,
    /// `true` or `false`.
    Bool,
    /// A number.
    Number,
    /// Text.
    Text,
    /// A list.
    List,
    /// A map.
    Map,
    /// The body of an HCL block.
    Block,
    /// Python: named and unnamed parts together (arguments of a call, statements of a body).
    Mixed,
    /// A computed value: an HCL or Python expression.
    Expression,
    /// A YAML alias.
    Alias,
}

impl ItemKind {
    /// The kind for people.
    pub(crate) fn name(self) -> &'static str {
        match self {
            ItemKind::Null => "null",
            ItemKind::Bool => "a boolean",
            ItemKind::Number => "a number",
            ItemKind::Text => "text",
            ItemKind::List => "a list",
            ItemKind::Map => "a map",
            ItemKind::Block => "a block",
            ItemKind::Mixed => "a part of a program",
            ItemKind::Expression => "an expression",
            ItemKind::Alias => "an alias",
        }
    }
}

/// The notation of an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Layout {
    /// A scalar without quotes; also the default of what is built in memory.
    #[default]
    Plain,
    /// A scalar in single quotes.
    Single,
    /// A scalar in double quotes.
    Double,
    /// A YAML block scalar that keeps its lines, or an HCL heredoc.
    Literal,
    /// A YAML block scalar that folds its lines.
    Folded,
    /// A collection with each entry on its own line, without brackets.
    Lines,
    /// A collection in brackets.
    Flow,
    /// A YAML map of one pair in a list, without braces: `[a: 1]`.
    Pair,
    /// Nothing is written.
    Empty,
}

/// A value in a document.
#[derive(Debug, Clone)]
pub struct Item {
    pub(crate) kind: ItemKind,
    pub(crate) layout: Layout,
    /// The scalar after escapes, the expression as written, or the alias' name.
    pub(crate) text: Box<str>,
    /// The value's own text; block scalars with their indicator.
    pub(crate) span: Range<usize>,
    /// End of the anchor and tag before the value, if it has any.
    pub(crate) props_end: Option<usize>,
    pub(crate) anchor: Option<Box<str>>,
    pub(crate) tag: Option<Box<str>>,
    /// The opening bracket of a collection in brackets.
    pub(crate) open: usize,
    pub(crate) entries: Vec<Entry>,
}

/// One entry of a collection.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The key; elements of lists have none.
    pub(crate) key: Option<Box<str>>,
    /// The key's place, quotes included.
    pub(crate) key_span: Range<usize>,
    /// One past the colon, equals sign or dash; `None` if there is none.
    pub(crate) sep_end: Option<usize>,
    /// From its first byte to the end of the value.
    pub(crate) span: Range<usize>,
    /// A YAML merge key.
    pub(crate) merge: bool,
    /// A YAML key that is written with `?` or is not a plain scalar.
    pub(crate) complex: bool,
    pub(crate) value: Item,
}

impl Item {
    pub(crate) fn new(kind: ItemKind, layout: Layout, text: &str, span: Range<usize>) -> Item {
        Item {
            kind,
            layout,
            text: text.into(),
            open: span.start,
            span,
            props_end: None,
            anchor: None,
            tag: None,
            entries: Vec::new(),
        }
    }

    /// The kind of the item.
    pub fn kind(&self) -> ItemKind {
        self.kind
    }

    /// A scalar's text after escapes; the expression as written; empty for collections.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The bytes of the value in the text.
    pub fn range(&self) -> Range<usize> {
        self.span.clone()
    }

    /// The entries of a collection; none for a scalar.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    pub(crate) fn is_collection(&self) -> bool {
        matches!(
            self.kind,
            ItemKind::List | ItemKind::Map | ItemKind::Block | ItemKind::Mixed
        )
    }

    /// Whether both mean the same: equal values, keys, anchors and order; place and notation do not count.
    pub(crate) fn same(&self, other: &Item) -> bool {
        self.kind == other.kind
            && self.text == other.text
            && self.anchor == other.anchor
            && self.tag == other.tag
            && self.entries.len() == other.entries.len()
            && self
                .entries
                .iter()
                .zip(&other.entries)
                .all(|(a, b)| a.key == b.key && a.value.same(&b.value))
    }

    /// Calls `f` with this item and every one below it, in the order written.
    pub(crate) fn visit<'a>(&'a self, f: &mut dyn FnMut(&'a Item)) {
        f(self);
        for entry in &self.entries {
            entry.value.visit(f);
        }
    }

    /// The item as a tree for readers. Aliases and expressions become unknown values.
    fn node(&self, file: FileId) -> Node {
        let span = Span::new(file, self.span.start, self.span.end);
        let value = match self.kind {
            ItemKind::Null => Value::Null,
            ItemKind::Bool | ItemKind::Number | ItemKind::Text => Value::Scalar(Scalar {
                text: (&*self.text).into(),
                style: match (self.kind, self.layout) {
                    (ItemKind::Text, Layout::Literal) => Style::Literal,
                    (ItemKind::Text, Layout::Folded) => Style::Folded,
                    (ItemKind::Text, _) => Style::Quoted,
                    _ => Style::Plain,
                },
            }),
            ItemKind::Alias | ItemKind::Expression => Value::Unknown(Arc::from(&*self.text)),
            ItemKind::List => Value::Seq(self.entries.iter().map(|e| e.value.node(file)).collect()),
            ItemKind::Map | ItemKind::Block | ItemKind::Mixed => {
                let mut map = Map::default();
                for entry in &self.entries {
                    let Some(key) = &entry.key else { continue };
                    let span = Span::new(file, entry.key_span.start, entry.key_span.end);
                    map.insert(
                        Key {
                            text: (&**key).into(),
                            span,
                        },
                        entry.value.node(file),
                    );
                }
                Value::Map(map)
            }
        };
        Node { span, value }
    }
}

impl Entry {
    pub(crate) fn element(value: Item) -> Entry {
        Entry {
            key: None,
            key_span: value.span.clone(),
            sep_end: None,
            span: value.span.clone(),
            merge: false,
            complex: false,
            value,
        }
    }

    pub(crate) fn pair(key: &str, key_span: Range<usize>, value: Item) -> Entry {
        Entry {
            key: Some(key.into()),
            span: key_span.start..value.span.end.max(key_span.end),
            key_span,
            sep_end: None,
            merge: false,
            complex: false,
            value,
        }
    }

    /// The key; elements of lists have none.
    pub fn key(&self) -> Option<&str> {
        self.key.as_deref()
    }

    /// The value.
    pub fn value(&self) -> &Item {
        &self.value
    }
}

/// Why a text has no documents.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {message}")]
pub struct Broken {
    /// The byte where reading stopped.
    pub at: usize,
    /// Its line, from 1.
    pub line: usize,
    /// The problem.
    pub message: String,
}

impl Broken {
    pub(crate) fn new(text: &str, at: usize, message: impl Into<String>) -> Broken {
        Broken {
            at,
            line: line_of(text, at),
            message: message.into(),
        }
    }
}

/// The line of a byte, from 1.
pub(crate) fn line_of(text: &str, at: usize) -> usize {
    let at = at.min(text.len());
    text.as_bytes()[..at].iter().filter(|b| **b == b'\n').count() + 1
}

/// A text and the documents in it.
#[derive(Debug, Clone)]
pub struct Document {
    pub(crate) format: Format,
    pub(crate) file: FileId,
    pub(crate) text: String,
    /// The roots of the documents. Empty YAML documents are left out.
    pub(crate) roots: Vec<Item>,
    /// The comments, in the order written.
    pub(crate) comments: Vec<Range<usize>>,
}

/// The contents that the reader of a format finds in a text.
#[derive(Debug, Default)]
pub(crate) struct Parts {
    pub(crate) roots: Vec<Item>,
    pub(crate) comments: Vec<Range<usize>>,
}

impl Document {
    /// Reads the documents of a text. A text with an error has none, because an edit of it could not be
    /// checked.
    pub fn read(text: &str, format: Format, file: FileId) -> Result<Document, Broken> {
        let parts = match format {
            Format::Yaml => yaml::read(text)?,
            Format::Json => json::read(text)?,
            Format::Hcl => hcl::read(text)?,
            Format::Toml => toml::read(text)?,
            Format::Properties => flat::properties(text),
            Format::Ini => flat::ini(text),
            Format::Env => flat::env(text),
            Format::Python => python::read(text)?,
        };
        Ok(Document {
            format,
            file,
            text: text.to_owned(),
            roots: parts.roots,
            comments: parts.comments,
        })
    }

    /// The format.
    pub fn format(&self) -> Format {
        self.format
    }

    /// The text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The root of each document.
    pub fn roots(&self) -> &[Item] {
        &self.roots
    }

    /// The text of every comment, in the order written.
    pub fn comments(&self) -> impl Iterator<Item = &str> {
        self.comments.iter().map(|range| &self.text[range.clone()])
    }

    /// The documents as trees for readers.
    pub fn nodes(&self) -> Vec<Node> {
        self.roots.iter().map(|root| root.node(self.file)).collect()
    }

    /// Whether a comment covers or touches a byte range.
    pub(crate) fn has_comment(&self, range: Range<usize>) -> bool {
        let first = self.comments.partition_point(|c| c.end <= range.start);
        self.comments.get(first).is_some_and(|c| c.start < range.end)
    }

    /// The place after blanks, line breaks and comments from `at`, at most `end`.
    pub(crate) fn skip_gap(&self, at: usize, end: usize) -> usize {
        skip_gap(&self.text, &self.comments, at, end)
    }
}

/// See [`Document::skip_gap`].
pub(crate) fn skip_gap(text: &str, comments: &[Range<usize>], mut at: usize, end: usize) -> usize {
    let bytes = text.as_bytes();
    while at < end {
        match bytes[at] {
            b' ' | b'\t' | b'\n' | b'\r' => at += 1,
            _ => {
                let index = comments.partition_point(|c| c.end <= at);
                match comments.get(index) {
                    Some(comment) if comment.start <= at => at = comment.end,
                    _ => break,
                }
            }
        }
    }
    at.min(end)
}
