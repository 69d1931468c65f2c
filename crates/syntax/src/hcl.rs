//! Terraform's two syntaxes, HCL and JSON, as one view: blocks with labels, attributes and inner blocks.
//! Nothing is evaluated here; every piece knows its place in the file.

mod numbers;
mod splats;

use crate::repo::Unreadable;
use crate::source::{FileId, Span};
use crate::tree::{Key, Node, Value};
use hcl_edit::Span as _;
use hcl_edit::expr::Expression;
use hcl_edit::structure::{self, Structure};
use std::ops::Range;
use std::path::{Path, PathBuf};

/// A parsed file.
#[derive(Debug)]
pub struct File {
    /// Path below the root that was read.
    pub path: PathBuf,
    /// Converts ranges of the content into places of the file.
    pub at: At,
    /// Its contents.
    pub content: Content,
}

/// The contents of a file.
#[derive(Debug)]
pub enum Content {
    /// HCL's own syntax.
    Hcl(structure::Body),
    /// The JSON form of it.
    Json(Node),
}

/// Converts the parser's byte ranges into places of the file.
#[derive(Debug, Clone, Copy)]
pub struct At {
    file: FileId,
    base: usize,
    /// Set if the file does not contain the text as it was parsed (a template inside a JSON string).
    fixed: Option<Span>,
}

impl At {
    /// Every piece is at `span`: for text that the file does not contain as it was parsed.
    pub fn inside(span: Span) -> At {
        At {
            file: span.file,
            base: 0,
            fixed: Some(span),
        }
    }

    /// The place of a range; the start of the file for a piece without one.
    pub fn span(self, range: Option<Range<usize>>) -> Span {
        if let Some(fixed) = self.fixed {
            return fixed;
        }
        let range = range.unwrap_or(0..0);
        Span::new(self.file, self.base + range.start, self.base + range.end)
    }
}

/// The place of an expression. The parser keeps none for binary operations inside a longer chain; theirs is
/// from the first operand to the last.
pub fn range(expr: &Expression) -> Option<Range<usize>> {
    if let Some(range) = expr.span() {
        return Some(range);
    }
    match expr {
        Expression::BinaryOp(op) => {
            let (first, last) = (range(&op.lhs_expr)?, range(&op.rhs_expr)?);
            Some(first.start..last.end)
        }
        _ => None,
    }
}

/// Reads the text of a `.tf` or `.tfvars` file. A number that is too large for any computer is absent.
pub fn hcl(path: &Path, id: FileId, text: &str) -> Result<File, Unreadable> {
    let base = if text.starts_with('\u{feff}') {
        '\u{feff}'.len_utf8()
    } else {
        0
    };
    let at = At {
        file: id,
        base,
        fixed: None,
    };
    if let Some(start) = splats::too_many(&text[base..]) {
        let start = base + start;
        return Err(Unreadable {
            path: path.to_owned(),
            span: Some(Span::new(id, start, start)),
            message: format!("more than {} splats (`[*]`) follow one another", splats::MOST),
        });
    }
    let parsed = hcl_edit::parser::parse_body(&text[base..]).or_else(|error| {
        let without = numbers::without_too_large(&text[base..]).ok_or(error)?;
        hcl_edit::parser::parse_body(&without)
    });
    match parsed {
        Ok(body) => Ok(File {
            path: path.to_owned(),
            at,
            content: Content::Hcl(body),
        }),
        Err(error) => {
            let place = error.location();
            let start = base + place.offset();
            Err(Unreadable {
                path: path.to_owned(),
                span: Some(Span::new(id, start, start)),
                message: format!("HCL syntax error in line {}: {}", place.line(), error.message()),
            })
        }
    }
}

/// Converts a `.tf.json` or `.tfvars.json` file that was read as a tree.
pub fn json(path: &Path, document: Node) -> File {
    let at = At {
        file: document.span.file,
        base: 0,
        fixed: None,
    };
    File {
        path: path.to_owned(),
        at,
        content: Content::Json(document),
    }
}

/// An expression in either syntax.
#[derive(Debug, Clone, Copy)]
pub enum Expr<'a> {
    /// An expression of HCL, and the file of its ranges.
    Hcl(&'a Expression, At),
    /// A value of JSON, whose strings are templates.
    Json(&'a Node),
}

impl Expr<'_> {
    /// Its place.
    pub fn span(self) -> Span {
        match self {
            Expr::Hcl(expr, at) => at.span(range(expr)),
            Expr::Json(node) => node.span,
        }
    }

    /// The path of names of a plain reference (`aws.west`), which some arguments take unevaluated.
    pub fn path(self) -> Option<String> {
        match self {
            Expr::Hcl(Expression::Variable(name), _) => Some(name.to_string()),
            Expr::Hcl(Expression::Traversal(traversal), _) => {
                let Expression::Variable(root) = &traversal.expr else {
                    return None;
                };
                let mut path = root.to_string();
                for operator in &traversal.operators {
                    let hcl_edit::expr::TraversalOperator::GetAttr(name) = operator.value() else {
                        return None;
                    };
                    path.push('.');
                    path.push_str(name);
                }
                Some(path)
            }
            Expr::Hcl(Expression::String(text), _) => Some(text.to_string()),
            Expr::Hcl(..) => None,
            Expr::Json(node) => node.as_str().map(str::to_owned),
        }
    }
}

/// The inside of a block in either syntax.
#[derive(Debug, Clone, Copy)]
pub enum Body<'a> {
    /// A body of HCL, and the file of its ranges.
    Hcl(&'a structure::Body, At),
    /// A map of JSON.
    Json(&'a Node),
}

/// One piece of a body.
#[derive(Debug)]
pub enum Item<'a> {
    /// A name and its value.
    Attribute(Key, Expr<'a>),
    /// A block with a body of its own.
    Block(Block<'a>),
}

impl Item<'_> {
    /// Its place: the name of an attribute, the header of a block.
    pub fn span(&self) -> Span {
        match self {
            Item::Attribute(key, _) => key.span,
            Item::Block(block) => block.header,
        }
    }
}

/// A block.
#[derive(Debug, Clone)]
pub struct Block<'a> {
    /// Its first word.
    pub kind: Key,
    /// The words after it.
    pub labels: Vec<Key>,
    /// What is between its braces.
    pub body: Body<'a>,
    /// The header: kind and labels.
    pub header: Span,
}

impl<'a> Body<'a> {
    /// The pieces in the order written. JSON does not distinguish attributes from blocks; there everything is
    /// an attribute.
    pub fn items(self) -> Vec<Item<'a>> {
        match self {
            Body::Hcl(body, at) => body
                .iter()
                .map(|structure| match structure {
                    Structure::Attribute(attribute) => Item::Attribute(
                        Key {
                            text: attribute.key.as_str().into(),
                            span: at.span(attribute.key.span()),
                        },
                        Expr::Hcl(&attribute.value, at),
                    ),
                    Structure::Block(block) => Item::Block(hcl_block(block, at)),
                })
                .collect(),
            Body::Json(node) => node
                .entries()
                .filter(|(key, _)| &*key.text != "//")
                .map(|(key, value)| Item::Attribute(key.clone(), Expr::Json(value)))
                .collect(),
        }
    }

    /// The attribute `name`.
    pub fn attribute(self, name: &str) -> Option<Expr<'a>> {
        match self {
            Body::Hcl(body, at) => body
                .get_attribute(name)
                .map(|attribute| Expr::Hcl(&attribute.value, at)),
            Body::Json(node) => node.get(name).map(Expr::Json),
        }
    }
}

fn hcl_block<'a>(block: &'a structure::Block, at: At) -> Block<'a> {
    let kind = Key {
        text: block.ident.as_str().into(),
        span: at.span(block.ident.span()),
    };
    let labels: Vec<Key> = block
        .labels
        .iter()
        .map(|label| Key {
            text: label.as_str().into(),
            span: at.span(label.span()),
        })
        .collect();
    let header = labels.last().map_or(kind.span, |label| kind.span.to(label.span));
    Block {
        kind,
        labels,
        body: Body::Hcl(&block.body, at),
        header,
    }
}

impl File {
    /// The body of the whole file.
    pub fn body(&self) -> Body<'_> {
        match &self.content {
            Content::Hcl(body) => Body::Hcl(body, self.at),
            Content::Json(node) => Body::Json(node),
        }
    }

    /// The blocks at the top, with labels for both syntaxes.
    pub fn blocks(&self) -> Vec<Block<'_>> {
        match &self.content {
            Content::Hcl(_) => self
                .body()
                .items()
                .into_iter()
                .filter_map(|item| match item {
                    Item::Block(block) => Some(block),
                    Item::Attribute(..) => None,
                })
                .collect(),
            Content::Json(node) => {
                let mut blocks = Vec::new();
                for (key, value) in node.entries() {
                    let depth = match &*key.text {
                        "resource" | "data" => 2,
                        "variable" | "module" | "output" | "provider" => 1,
                        "locals" => 0,
                        _ => continue,
                    };
                    json_blocks(key, &mut Vec::new(), depth, value, &mut blocks);
                }
                blocks
            }
        }
    }
}

/// JSON writes labels as nested maps, and several blocks under one key as a list.
fn json_blocks<'a>(
    kind: &Key,
    labels: &mut Vec<Key>,
    depth: usize,
    node: &'a Node,
    blocks: &mut Vec<Block<'a>>,
) {
    if let Value::Seq(items) = &node.value {
        for item in items {
            json_blocks(kind, labels, depth, item, blocks);
        }
    } else if depth == 0 {
        blocks.push(Block {
            kind: kind.clone(),
            labels: labels.clone(),
            body: Body::Json(node),
            header: labels.last().map_or(kind.span, |label| label.span),
        });
    } else {
        for (key, value) in node.entries() {
            labels.push(key.clone());
            json_blocks(kind, labels, depth - 1, value, blocks);
            labels.pop();
        }
    }
}

/// Whether text is Terraform, whatever the file's name: a line that opens one of its blocks.
pub fn looks_like_terraform(text: &str) -> bool {
    text.lines().any(|line| {
        let line = line.trim_start();
        let Some(rest) = ["resource", "data", "variable", "locals", "module", "provider"]
            .iter()
            .find_map(|word| line.strip_prefix(word))
        else {
            return false;
        };
        // A longer word (`resources: {`) opens no block; neither does a map's key.
        rest.starts_with([' ', '\t', '"', '{'])
            && rest.split_once('{').is_some_and(|(labels, _)| {
                // Outside the quotes of labels there is nothing.
                labels
                    .split('"')
                    .step_by(2)
                    .all(|between| between.trim().is_empty())
            })
    })
}
