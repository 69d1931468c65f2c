//! Converts Python text to the small syntax of [`super::ast`]. The only file that knows tree-sitter. Broken
//! text is read as far as possible; depth and work are bounded, so that no text can exhaust either.

use super::ast::{Assign, Class, Expr, Function, Jump, Loop, Parameter, Stmt, StmtKind, Try};
use super::slow;
use crate::source::{FileId, Span};
use std::ops::ControlFlow;
use tree_sitter::{Node, ParseOptions, Parser, Tree};

/// How deep expressions and blocks may nest; deeper ones are left out. CPython itself refuses more than 100
/// blocks and 200 parentheses.
pub const MAX_DEPTH: usize = 160;

/// The parser's result for a text.
#[derive(Debug)]
pub struct Parsed {
    /// The statements, as far as they could be read.
    pub body: Vec<Stmt>,
    /// First place that is not Python, if there is one.
    pub first_error: Option<Span>,
    /// Share of the text that is not Python, 0 to 1.
    pub error_share: f64,
    /// Whether something was left out because of its depth.
    pub too_deep: bool,
}

/// Parses `text`; `None` if the parser gives up (work out of proportion to the length).
pub fn parse(file: FileId, text: &str) -> Option<Parsed> {
    let tree = syntax_tree(text)?;
    let root = tree.root_node();
    let mut lower = Lower {
        text,
        file,
        too_deep: false,
    };
    let mut error_bytes = 0;
    let mut first_error = None;
    if root.has_error() {
        let mut cursor = root.walk();
        let mut pending = vec![root];
        while let Some(node) = pending.pop() {
            if node.is_error() {
                let range = node.byte_range();
                error_bytes += range.len();
                first_error = Some(match first_error {
                    Some(best) if best < range.start => best,
                    _ => range.start,
                });
            } else if node.has_error() {
                pending.extend(node.children(&mut cursor));
            }
        }
    }
    let body = lower.block(root, 0);
    Some(Parsed {
        body,
        first_error: first_error.map(|at| Span::new(file, at, at)),
        error_share: error_bytes as f64 / text.len().max(1) as f64,
        too_deep: lower.too_deep,
    })
}

/// A literal of the syntax tree of `text`; `None` for anything deeper than a string.
pub(crate) fn literal(node: Node<'_>, text: &str) -> Option<Expr> {
    let mut lower = Lower {
        text,
        file: FileId(0),
        too_deep: false,
    };
    Some(lower.expr(node, 0)).filter(|_| !lower.too_deep)
}

/// The parser's own tree of `text`; `None` if the parser gives up.
pub(crate) fn syntax_tree(text: &str) -> Option<Tree> {
    if slow::is_slow(text) {
        return None;
    }
    let mut parser = Parser::new();
    parser.set_language(&tree_sitter_python::LANGUAGE.into()).ok()?;
    // The callback comes once for about every hundred steps of the parser; valid text needs about one step a
    // byte. Counting calls instead of time gives the same result on every machine.
    let limit = 10_000 + text.len();
    let mut calls = 0usize;
    let mut progress = |_: &tree_sitter::ParseState| {
        calls += 1;
        if calls > limit {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    };
    let bytes = text.as_bytes();
    parser.parse_with_options(
        &mut |at, _| bytes.get(at..).unwrap_or_default(),
        None,
        Some(ParseOptions::new().progress_callback(&mut progress)),
    )
}

pub(super) struct Lower<'t> {
    pub(super) text: &'t str,
    pub(super) file: FileId,
    pub(super) too_deep: bool,
}

impl Lower<'_> {
    pub(super) fn span(&self, node: Node<'_>) -> Span {
        let range = node.byte_range();
        Span::new(self.file, range.start, range.end)
    }

    pub(super) fn text(&self, node: Node<'_>) -> &str {
        self.text.get(node.byte_range()).unwrap_or_default()
    }

    pub(super) fn named<'n>(&self, node: Node<'n>) -> Vec<Node<'n>> {
        node.named_children(&mut node.walk())
            .filter(|n| n.kind() != "comment")
            .collect()
    }

    fn block(&mut self, node: Node<'_>, depth: usize) -> Vec<Stmt> {
        if depth > MAX_DEPTH {
            self.too_deep = true;
            return Vec::new();
        }
        let mut body = Vec::new();
        for child in self.named(node) {
            self.statement(child, depth + 1, &mut body);
        }
        body
    }

    fn field_block(&mut self, node: Node<'_>, field: &str, depth: usize) -> Vec<Stmt> {
        node.child_by_field_name(field)
            .map(|n| self.block(n, depth))
            .unwrap_or_default()
    }

    fn statement(&mut self, node: Node<'_>, depth: usize, out: &mut Vec<Stmt>) {
        if depth > MAX_DEPTH {
            self.too_deep = true;
            return;
        }
        let kind = match node.kind() {
            "import_statement" => StmtKind::Import(self.imports(node, "")),
            "import_from_statement" => {
                let module = node.child_by_field_name("module_name");
                let module = module.map(|m| self.text(m).to_owned()).unwrap_or_default();
                StmtKind::Import(self.imports(node, &module))
            }
            "expression_statement" => {
                for child in self.named(node) {
                    self.expression_statement(child, depth, out);
                }
                return;
            }
            "assignment" | "augmented_assignment" => {
                self.expression_statement(node, depth, out);
                return;
            }
            "return_statement" => StmtKind::Return(self.named(node).first().map(|n| self.expr(*n, depth))),
            "raise_statement" => {
                for child in self.named(node) {
                    let value = self.expr(child, depth);
                    out.push(Stmt {
                        span: value.span,
                        kind: StmtKind::Expr(value),
                    });
                }
                StmtKind::Jump(Jump::Raise)
            }
            "break_statement" => StmtKind::Jump(Jump::Break),
            "continue_statement" => StmtKind::Jump(Jump::Continue),
            "function_definition" => self.function(node, Vec::new(), depth),
            "class_definition" => self.class(node, Vec::new(), depth),
            "decorated_definition" => self.decorated(node, depth),
            "if_statement" => self.if_statement(node, depth),
            "for_statement" | "while_statement" => self.loop_statement(node, depth),
            "try_statement" => self.try_statement(node, depth),
            "with_statement" => self.with_statement(node, depth),
            "match_statement" => self.match_statement(node, depth),
            "block" | "ERROR" | "case_clause" => StmtKind::Block(self.block(node, depth)),
            "comment"
            | "pass_statement"
            | "global_statement"
            | "nonlocal_statement"
            | "identifier"
            | "type_alias_statement"
            | "future_import_statement" => return,
            _ => StmtKind::Expr(self.expr(node, depth)),
        };
        out.push(Stmt {
            span: self.span(node),
            kind,
        });
    }

    fn imports(&self, node: Node<'_>, module: &str) -> Vec<(Box<str>, Box<str>)> {
        let prefix = |name: &str| match module {
            "" => name.to_owned(),
            m if m.ends_with('.') => format!("{m}{name}"),
            m => format!("{m}.{name}"),
        };
        let mut names = Vec::new();
        for child in node.children_by_field_name("name", &mut node.walk()) {
            if child.kind() == "aliased_import" {
                let name = child.child_by_field_name("name").map(|n| self.text(n));
                let alias = child.child_by_field_name("alias").map(|n| self.text(n));
                if let (Some(name), Some(alias)) = (name, alias) {
                    names.push((alias.into(), prefix(name).into()));
                }
            } else {
                let name = self.text(child);
                // `import a.b` binds `a`.
                let bound = if module.is_empty() {
                    name.split('.').next().unwrap_or(name)
                } else {
                    name
                };
                let target = if module.is_empty() {
                    bound.to_owned()
                } else {
                    prefix(name)
                };
                names.push((bound.into(), target.into()));
            }
        }
        if self.named(node).iter().any(|n| n.kind() == "wildcard_import") {
            names.push(("*".into(), module.into()));
        }
        names
    }

    fn expression_statement(&mut self, node: Node<'_>, depth: usize, out: &mut Vec<Stmt>) {
        let span = self.span(node);
        let kind = match node.kind() {
            "assignment" | "augmented_assignment" => {
                let augmented = node.kind() == "augmented_assignment";
                let mut targets = Vec::new();
                let mut annotation = None;
                let mut at = node;
                let mut level = depth;
                let value = loop {
                    if let Some(left) = at.child_by_field_name("left") {
                        targets.push(self.expr(left, depth));
                    }
                    if let Some(kind) = at.child_by_field_name("type") {
                        annotation = Some(self.expr(kind, depth));
                    }
                    match at.child_by_field_name("right") {
                        Some(right) if right.kind() == "assignment" && level < MAX_DEPTH => {
                            at = right;
                            level += 1;
                        }
                        Some(right) => break Some(self.expr(right, depth)),
                        None => break None,
                    }
                };
                StmtKind::Assign(Box::new(Assign {
                    targets,
                    annotation,
                    value,
                    augmented,
                }))
            }
            _ => StmtKind::Expr(self.expr(node, depth)),
        };
        out.push(Stmt { span, kind });
    }

    fn function(&mut self, node: Node<'_>, decorators: Vec<Expr>, depth: usize) -> StmtKind {
        let (name, name_span) = self.field_name(node);
        let parameters = match node.child_by_field_name("parameters") {
            Some(list) => self
                .named(list)
                .into_iter()
                .filter_map(|p| self.parameter(p, depth))
                .collect(),
            None => Vec::new(),
        };
        StmtKind::Function(Box::new(Function {
            name,
            name_span,
            parameters,
            decorators,
            body: self.field_block(node, "body", depth),
        }))
    }

    pub(super) fn field_name(&self, node: Node<'_>) -> (Box<str>, Span) {
        match node.child_by_field_name("name") {
            Some(name) => (self.text(name).into(), self.span(name)),
            None => ("".into(), self.span(node)),
        }
    }

    fn parameter(&mut self, node: Node<'_>, depth: usize) -> Option<Parameter> {
        let name = match node.kind() {
            "identifier" => node,
            "typed_parameter" => self.named(node).into_iter().find(|n| n.kind() == "identifier")?,
            "default_parameter" | "typed_default_parameter" => node.child_by_field_name("name")?,
            _ => return None,
        };
        Some(Parameter {
            name: self.text(name).into(),
            span: self.span(node),
            annotation: node.child_by_field_name("type").map(|n| self.expr(n, depth + 1)),
            default: node.child_by_field_name("value").map(|n| self.expr(n, depth + 1)),
        })
    }

    fn class(&mut self, node: Node<'_>, decorators: Vec<Expr>, depth: usize) -> StmtKind {
        let (name, name_span) = self.field_name(node);
        let bases = match node.child_by_field_name("superclasses") {
            Some(list) => self
                .named(list)
                .into_iter()
                .filter(|n| n.kind() != "keyword_argument")
                .map(|n| self.expr(n, depth))
                .collect(),
            None => Vec::new(),
        };
        StmtKind::Class(Box::new(Class {
            name,
            name_span,
            bases,
            decorators,
            body: self.field_block(node, "body", depth),
        }))
    }

    fn decorated(&mut self, node: Node<'_>, depth: usize) -> StmtKind {
        let mut decorators = Vec::new();
        for child in self.named(node) {
            if child.kind() == "decorator" {
                decorators.extend(self.named(child).first().map(|n| self.expr(*n, depth)));
            }
        }
        match node.child_by_field_name("definition") {
            Some(class) if class.kind() == "class_definition" => self.class(class, decorators, depth),
            Some(function) => self.function(function, decorators, depth),
            None => StmtKind::Block(Vec::new()),
        }
    }

    fn if_statement(&mut self, node: Node<'_>, depth: usize) -> StmtKind {
        let mut branches = vec![(
            node.child_by_field_name("condition").map(|n| self.expr(n, depth)),
            self.field_block(node, "consequence", depth),
        )];
        for child in self.named(node) {
            match child.kind() {
                "elif_clause" => branches.push((
                    child
                        .child_by_field_name("condition")
                        .map(|n| self.expr(n, depth)),
                    self.field_block(child, "consequence", depth),
                )),
                "else_clause" => branches.push((None, self.field_block(child, "body", depth))),
                _ => {}
            }
        }
        StmtKind::If(branches)
    }

    fn loop_statement(&mut self, node: Node<'_>, depth: usize) -> StmtKind {
        let target = node.child_by_field_name("left").map(|n| self.expr(n, depth));
        let over = node
            .child_by_field_name("right")
            .or_else(|| node.child_by_field_name("condition"))
            .map(|n| self.expr(n, depth));
        let after = match node.child_by_field_name("alternative") {
            Some(other) => self.field_block(other, "body", depth),
            None => Vec::new(),
        };
        StmtKind::Loop(Box::new(Loop {
            target,
            over,
            body: self.field_block(node, "body", depth),
            after,
        }))
    }

    fn try_statement(&mut self, node: Node<'_>, depth: usize) -> StmtKind {
        let mut parts = Try {
            body: self.field_block(node, "body", depth),
            handlers: Vec::new(),
            otherwise: Vec::new(),
            finally: Vec::new(),
        };
        for child in self.named(node) {
            let block = |lower: &mut Self| {
                let found = lower.named(child).into_iter().rfind(|n| n.kind() == "block");
                found.map(|b| lower.block(b, depth)).unwrap_or_default()
            };
            match child.kind() {
                "except_clause" | "except_group_clause" => {
                    let handler = block(self);
                    parts.handlers.push(handler);
                }
                "else_clause" => parts.otherwise = block(self),
                "finally_clause" => parts.finally = block(self),
                _ => {}
            }
        }
        StmtKind::Try(Box::new(parts))
    }

    fn with_statement(&mut self, node: Node<'_>, depth: usize) -> StmtKind {
        let mut items = Vec::new();
        for clause in self.named(node) {
            if clause.kind() != "with_clause" {
                continue;
            }
            for item in self.named(clause) {
                let Some(value) = item.child_by_field_name("value") else {
                    continue;
                };
                if value.kind() == "as_pattern" {
                    let alias = value.child_by_field_name("alias");
                    let alias = alias.and_then(|a| self.named(a).first().copied());
                    let managed = self.named(value).first().map(|n| self.expr(*n, depth));
                    if let Some(managed) = managed {
                        items.push((managed, alias.map(|n| self.expr(n, depth))));
                    }
                } else {
                    items.push((self.expr(value, depth), None));
                }
            }
        }
        StmtKind::With(items, self.field_block(node, "body", depth))
    }

    fn match_statement(&mut self, node: Node<'_>, depth: usize) -> StmtKind {
        let mut body = Vec::new();
        for subject in node.children_by_field_name("subject", &mut node.walk()) {
            let subject = self.expr(subject, depth);
            body.push(Stmt {
                span: subject.span,
                kind: StmtKind::Expr(subject),
            });
        }
        if let Some(cases) = node.child_by_field_name("body") {
            let mut branches = Vec::new();
            for case in self.named(cases) {
                branches.push((None, self.field_block(case, "consequence", depth)));
            }
            body.push(Stmt {
                span: self.span(cases),
                kind: StmtKind::If(branches),
            });
        }
        StmtKind::Block(body)
    }
}

#[cfg(test)]
mod tests {
    use super::super::ast::{ArgKind, ExprKind};
    use super::*;

    fn body(text: &str) -> Vec<Stmt> {
        parse(FileId(0), text).unwrap().body
    }

    fn value(text: &str) -> ExprKind {
        match body(text).into_iter().next().unwrap().kind {
            StmtKind::Expr(e) => e.kind,
            StmtKind::Assign(a) => a.value.unwrap().kind,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn literals_keep_their_values() {
        assert_eq!(value("x = 1_000"), ExprKind::Int(1000));
        assert_eq!(value("x = 0x10"), ExprKind::Int(16));
        assert_eq!(value("x = 1.5e3"), ExprKind::Float(1500.0));
        assert_eq!(value("x = ('a' \"b\")"), ExprKind::Str("ab".into()));
        assert_eq!(value(r#"x = "a\tb\\""#), ExprKind::Str("a\tb\\".into()));
        assert_eq!(value(r#"x = r"a\t""#), ExprKind::Str(r"a\t".into()));
        assert_eq!(value("x = await f"), ExprKind::Name("f".into()));
        assert_eq!(value("x = f'a{{b'"), ExprKind::Str("a{b".into()));
        assert!(matches!(value("x = f'a{b}c'"), ExprKind::Format(p) if p.len() == 3));
        assert!(matches!(value("x = 99999999999999999999"), ExprKind::Other(_)));
    }

    #[test]
    fn spans_point_at_the_text() {
        let text = "create_engine(url, pool_size=10)\n";
        let StmtKind::Expr(e) = body(text).remove(0).kind else {
            panic!()
        };
        let call = e.call().unwrap();
        let at = |s: Span| &text[s.start as usize..s.end as usize];
        assert_eq!(at(call.args[1].span), "pool_size=10");
        assert_eq!(at(call.args[1].value.span), "10");
        assert_eq!(call.args[1].kind, ArgKind::Named("pool_size".into()));
    }

    #[test]
    fn imports_resolve_names() {
        let names = |text: &str| match body(text).remove(0).kind {
            StmtKind::Import(names) => names,
            other => panic!("{other:?}"),
        };
        let pair = |a: &str, b: &str| (Box::<str>::from(a), Box::<str>::from(b));
        assert_eq!(
            names("from kafka import KafkaConsumer as KC, KafkaProducer"),
            [
                pair("KC", "kafka.KafkaConsumer"),
                pair("KafkaProducer", "kafka.KafkaProducer")
            ]
        );
        assert_eq!(names("import redis.asyncio as r"), [pair("r", "redis.asyncio")]);
        assert_eq!(names("import redis.asyncio"), [pair("redis", "redis")]);
        assert_eq!(
            names("from .config import settings"),
            [pair("settings", ".config.settings")]
        );
        assert_eq!(names("from . import db"), [pair("db", ".db")]);
        assert_eq!(names("from kafka import *"), [pair("*", "kafka")]);
    }

    #[test]
    fn statements_keep_their_shape() {
        let text = "\
class A(B, metaclass=M):
    x: int = 4
    @retry(stop=3)
    async def run(self, n: int = 5, *args, **kw):
        async with s.get(u) as r, t():
            for i in range(n):
                pass
        try:
            a = b = 1
        except (E, F) as e:
            raise
        else:
            f()
        finally:
            g()
";
        let StmtKind::Class(class) = body(text).remove(0).kind else {
            panic!()
        };
        assert_eq!(class.bases.len(), 1);
        let StmtKind::Function(run) = &class.body[1].kind else {
            panic!()
        };
        assert_eq!(run.decorators.len(), 1);
        assert_eq!(
            run.parameters.iter().map(|p| &*p.name).collect::<Vec<_>>(),
            ["self", "n"]
        );
        let StmtKind::With(items, with_body) = &run.body[0].kind else {
            panic!()
        };
        assert_eq!(items.len(), 2);
        assert_eq!(items[0].1.as_ref().and_then(Expr::name), Some("r"));
        assert!(matches!(with_body[0].kind, StmtKind::Loop(_)));
        let StmtKind::Try(parts) = &run.body[1].kind else {
            panic!()
        };
        assert_eq!(parts.handlers.len(), 1);
        assert_eq!((parts.otherwise.len(), parts.finally.len()), (1, 1));
        let StmtKind::Assign(chain) = &parts.body[0].kind else {
            panic!()
        };
        assert_eq!(chain.targets.len(), 2);
    }

    #[test]
    fn broken_text_is_read_as_far_as_it_goes() {
        let parsed = parse(FileId(0), "x = 1\ndef f(:\n  y = (2\nz = 3\n").unwrap();
        assert!(parsed.first_error.is_some());
        assert!(matches!(parsed.body[0].kind, StmtKind::Assign(_)));
    }

    #[test]
    fn deep_nesting_is_cut_off() {
        for text in [
            "(".repeat(5000) + "1" + &")".repeat(5000),
            "x = ".to_owned() + &"-".repeat(5000) + "1",
            "x = 1".to_owned() + &" + 1".repeat(5000),
            "[".repeat(3000),
            "a".to_owned() + &".b()".repeat(3000),
            (0..300).map(|i| " ".repeat(i) + "if x:\n").collect::<String>(),
        ] {
            let parsed = parse(FileId(0), &text);
            assert!(parsed.is_none_or(|p| p.body.len() < 2000));
        }
    }
}
