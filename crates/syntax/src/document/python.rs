//! Python text to items. Assignments, functions and classes are found by name, everything else by its number;
//! calls have their named arguments by name and the others by number.

use super::{Broken, Entry, Item, ItemKind, Layout, MAX_DEPTH, Parts, line_of};
use crate::python::ast::{Expr, ExprKind};
use crate::python::lower::{literal, syntax_tree};
use std::collections::HashMap;
use std::ops::Range;
use tree_sitter::Node;

pub(super) fn read(text: &str) -> Result<Parts, Broken> {
    let Some(tree) = syntax_tree(text) else {
        return Err(Broken::new(text, 0, "the text is too complex for the parser"));
    };
    let root = tree.root_node();
    if root.has_error() {
        let at = first_error(root);
        return Err(Broken::new(text, at, "this is not valid Python"));
    }
    let mut reader = Reader {
        text,
        comments: Vec::new(),
    };
    reader.comments(root);
    let mut item = reader.body(root, 0)?;
    item.span = 0..text.len();
    Ok(Parts {
        roots: vec![item],
        comments: reader.comments,
    })
}

fn first_error(root: Node<'_>) -> usize {
    let mut node = root;
    loop {
        let mut cursor = node.walk();
        let bad = node
            .children(&mut cursor)
            .find(|n| n.is_error() || n.is_missing() || n.has_error());
        match bad {
            Some(child) => node = child,
            None => return node.start_byte(),
        }
    }
}

struct Reader<'t> {
    text: &'t str,
    comments: Vec<Range<usize>>,
}

fn named<'n>(node: Node<'n>) -> Vec<Node<'n>> {
    let mut cursor = node.walk();
    node.named_children(&mut cursor)
        .filter(|n| n.kind() != "comment" && n.kind() != "line_continuation")
        .collect()
}

impl Reader<'_> {
    fn comments(&mut self, root: Node<'_>) {
        let mut cursor = root.walk();
        let mut pending = vec![root];
        while let Some(node) = pending.pop() {
            if node.kind() == "comment" {
                self.comments.push(node.byte_range());
            }
            pending.extend(node.children(&mut cursor));
        }
        self.comments.sort_by_key(|c| c.start);
    }

    fn raw(&self, node: Node<'_>) -> &str {
        self.text.get(node.byte_range()).unwrap_or_default()
    }

    /// The statements of a module, class or function.
    fn body(&self, node: Node<'_>, depth: usize) -> Result<Item, Broken> {
        let mut parts = Vec::new();
        for statement in named(node) {
            parts.push(self.statement(statement, depth)?);
        }
        Ok(self.mixed(node.byte_range(), parts))
    }

    /// Parts as one item. A name that occurs once is a key; any other part has a number.
    fn mixed(&self, span: Range<usize>, mut parts: Vec<Entry>) -> Item {
        let mut times: HashMap<Box<str>, usize> = HashMap::new();
        for key in parts.iter().filter_map(|p| p.key.clone()) {
            *times.entry(key).or_default() += 1;
        }
        for part in &mut parts {
            if part.key.as_ref().is_some_and(|key| times.get(key) != Some(&1)) {
                part.key = None;
            }
        }
        let mut item = Item::new(ItemKind::Mixed, Layout::Lines, "", span);
        item.entries = parts;
        item
    }

    fn statement(&self, node: Node<'_>, depth: usize) -> Result<Entry, Broken> {
        let whole = node.byte_range();
        let inner = match node.kind() {
            "expression_statement" if node.named_child_count() == 1 => node.named_child(0).unwrap_or(node),
            "decorated_definition" => node.child_by_field_name("definition").unwrap_or(node),
            _ => node,
        };
        let name = match inner.kind() {
            "assignment" => inner
                .child_by_field_name("left")
                .filter(|n| n.kind() == "identifier"),
            "class_definition" | "function_definition" => inner.child_by_field_name("name"),
            _ => None,
        };
        let value = match inner.kind() {
            "assignment" if name.is_some() => match inner.child_by_field_name("right") {
                Some(right) => self.expression(right, depth + 1)?,
                None => Item::new(
                    ItemKind::Expression,
                    Layout::Plain,
                    self.raw(inner),
                    whole.clone(),
                ),
            },
            "class_definition" => match inner.child_by_field_name("body") {
                Some(body) => self.body(body, depth + 1)?,
                None => self.other(inner, depth)?,
            },
            "function_definition" => self.function(inner, depth)?,
            _ => self.expression(inner, depth + 1)?,
        };
        let mut entry = match name {
            Some(name) => Entry::pair(self.raw(name), name.byte_range(), value),
            None => Entry::element(value),
        };
        entry.span = whole;
        Ok(entry)
    }

    /// A function: its parameters with defaults, then its statements.
    fn function(&self, node: Node<'_>, depth: usize) -> Result<Item, Broken> {
        let mut parts = Vec::new();
        for parameter in node
            .child_by_field_name("parameters")
            .map(named)
            .unwrap_or_default()
        {
            if let (Some(name), Some(value)) = (
                parameter.child_by_field_name("name"),
                parameter.child_by_field_name("value"),
            ) {
                let item = self.expression(value, depth + 1)?;
                parts.push(Entry::pair(self.raw(name), name.byte_range(), item));
            }
        }
        for statement in node.child_by_field_name("body").map(named).unwrap_or_default() {
            parts.push(self.statement(statement, depth + 1)?);
        }
        Ok(self.mixed(node.byte_range(), parts))
    }

    fn expression(&self, node: Node<'_>, depth: usize) -> Result<Item, Broken> {
        if depth > MAX_DEPTH {
            let message = format!("nested more than {MAX_DEPTH} levels deep");
            return Err(Broken::new(self.text, node.start_byte(), message));
        }
        let span = node.byte_range();
        let raw = self.raw(node);
        let scalar = |kind, layout, text: &str| Ok(Item::new(kind, layout, text, span.clone()));
        match node.kind() {
            "none" => scalar(ItemKind::Null, Layout::Plain, ""),
            "true" => scalar(ItemKind::Bool, Layout::Plain, "true"),
            "false" => scalar(ItemKind::Bool, Layout::Plain, "false"),
            "integer" | "float" => scalar(ItemKind::Number, Layout::Plain, raw),
            "unary_operator" if is_negative_number(node) => scalar(ItemKind::Number, Layout::Plain, raw),
            "string" | "concatenated_string" => match literal(node, self.text) {
                Some(Expr {
                    kind: ExprKind::Str(text),
                    ..
                }) if !raw
                    .to_ascii_lowercase()
                    .split(['"', '\''])
                    .next()
                    .unwrap_or("")
                    .contains('b') =>
                {
                    let layout = match raw {
                        _ if raw.ends_with("\"\"\"") || raw.ends_with("'''") => Layout::Literal,
                        _ if raw.ends_with('\'') => Layout::Single,
                        _ => Layout::Double,
                    };
                    scalar(ItemKind::Text, layout, &text)
                }
                _ => self.other(node, depth),
            },
            "parenthesized_expression" => match named(node).first() {
                Some(inner) => self.expression(*inner, depth + 1),
                None => self.other(node, depth),
            },
            "list" | "set" => self.elements(node, depth),
            "dictionary" => self.dictionary(node, depth),
            "call" => self.call(node, depth),
            _ => self.other(node, depth),
        }
    }

    fn elements(&self, node: Node<'_>, depth: usize) -> Result<Item, Broken> {
        let mut item = Item::new(ItemKind::List, Layout::Flow, "", node.byte_range());
        for child in named(node) {
            item.entries.push(Entry {
                span: child.byte_range(),
                ..Entry::element(self.expression(child, depth + 1)?)
            });
        }
        Ok(item)
    }

    fn dictionary(&self, node: Node<'_>, depth: usize) -> Result<Item, Broken> {
        let mut item = Item::new(ItemKind::Map, Layout::Flow, "", node.byte_range());
        for child in named(node) {
            let pair = (
                child.child_by_field_name("key"),
                child.child_by_field_name("value"),
            );
            let mut entry = match pair {
                (Some(key), Some(value)) => {
                    let value = self.expression(value, depth + 1)?;
                    let colon = self.text[key.end_byte()..value.span.start.max(key.end_byte())].find(':');
                    let named = self.expression(key, depth + 1)?;
                    let mut entry = if named.kind == ItemKind::Text {
                        Entry::pair(&named.text, key.byte_range(), value)
                    } else {
                        item.kind = ItemKind::Mixed;
                        Entry::element(value)
                    };
                    entry.sep_end = colon.map(|at| key.end_byte() + at + 1);
                    entry
                }
                _ => {
                    item.kind = ItemKind::Mixed;
                    Entry::element(self.expression(child, depth + 1)?)
                }
            };
            entry.span = child.byte_range();
            item.entries.push(entry);
        }
        Ok(item)
    }

    fn call(&self, node: Node<'_>, depth: usize) -> Result<Item, Broken> {
        let Some(arguments) = node
            .child_by_field_name("arguments")
            .filter(|a| a.kind() == "argument_list")
        else {
            return self.other(node, depth);
        };
        let mut item = Item::new(ItemKind::Mixed, Layout::Flow, "", node.byte_range());
        item.open = arguments.start_byte();
        // The callee may contain calls itself: `Client(retries=3).get(…)`.
        if let Some(callee) = node.child_by_field_name("function")
            && named(callee).iter().any(|n| n.named_child_count() > 0)
        {
            let value = self.other(callee, depth + 1)?;
            item.entries.push(Entry::pair("()", callee.byte_range(), value));
        }
        for argument in named(arguments) {
            let mut entry = match (
                argument.kind(),
                argument.child_by_field_name("name"),
                argument.child_by_field_name("value"),
            ) {
                ("keyword_argument", Some(name), Some(value)) => {
                    let item = self.expression(value, depth + 1)?;
                    let equals = self.text[name.end_byte()..value.start_byte()].find('=');
                    Entry {
                        sep_end: equals.map(|at| name.end_byte() + at + 1),
                        ..Entry::pair(self.raw(name), name.byte_range(), item)
                    }
                }
                _ => Entry::element(self.expression(argument, depth + 1)?),
            };
            entry.span = argument.byte_range();
            item.entries.push(entry);
        }
        Ok(item)
    }

    /// Anything else: its contents, by number; its text if there are none.
    fn other(&self, node: Node<'_>, depth: usize) -> Result<Item, Broken> {
        let children = named(node);
        if children.is_empty() || matches!(node.kind(), "string" | "concatenated_string") {
            return Ok(Item::new(
                ItemKind::Expression,
                Layout::Plain,
                self.raw(node),
                node.byte_range(),
            ));
        }
        if depth > MAX_DEPTH {
            let line = line_of(self.text, node.start_byte());
            return Err(Broken {
                at: node.start_byte(),
                line,
                message: format!("nested more than {MAX_DEPTH} levels deep"),
            });
        }
        let mut parts = Vec::new();
        for child in children {
            parts.push(match child.kind() {
                "block" => Entry::element(self.body(child, depth + 1)?),
                kind if kind.ends_with("_statement") || kind.ends_with("_definition") => {
                    self.statement(child, depth + 1)?
                }
                _ => Entry {
                    span: child.byte_range(),
                    ..Entry::element(self.expression(child, depth + 1)?)
                },
            });
        }
        Ok(self.mixed(node.byte_range(), parts))
    }
}

fn is_negative_number(node: Node<'_>) -> bool {
    node.child_by_field_name("operator")
        .is_some_and(|o| o.kind() == "-")
        && node
            .child_by_field_name("argument")
            .is_some_and(|a| matches!(a.kind(), "integer" | "float"))
}
