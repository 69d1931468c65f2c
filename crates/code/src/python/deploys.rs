//! Deployments by Python code that calls `gcloud`: lists of words, and tables of services that a script turns
//! into such calls.

use cofferdam_syntax::Span;
use cofferdam_syntax::python::ast::{ArgKind, Expr, ExprKind, Stmt};
use cofferdam_syntax::tree::{Key, Map, Node, Value};

/// The contents of a module: lists of words that begin with `gcloud`, and entries of tables of services.
pub(super) fn read(body: &[Stmt]) -> (Vec<Vec<Node>>, Vec<Node>) {
    let mut found = (Vec::new(), Vec::new());
    statements(body, &mut found);
    found
}

fn statements(body: &[Stmt], found: &mut (Vec<Vec<Node>>, Vec<Node>)) {
    for statement in body {
        for expression in statement.expressions() {
            expression.visit(&mut |e| match &e.kind {
                ExprKind::List(items) if items.first().and_then(Expr::text) == Some("gcloud") => {
                    found.0.push(items.iter().map(node).collect());
                }
                ExprKind::Call(_) | ExprKind::Dict(_) => {
                    let table = node(e);
                    if table.like("maxinstances").is_some() || table.like("maxinstancecount").is_some() {
                        found.1.push(table);
                    }
                }
                _ => {}
            });
        }
        for inner in statement.bodies() {
            statements(inner, found);
        }
    }
}

/// Literals as a tree; a call is the map of its named arguments, and anything else is unknown.
fn node(expression: &Expr) -> Node {
    let span = expression.span;
    let plain = |text: String| Node::plain(&text, span);
    let unknown = || Node {
        span,
        value: Value::Unknown("a value that code computes".into()),
    };
    match &expression.kind {
        ExprKind::Str(text) => Node::text(text, span),
        ExprKind::Int(n) => plain(n.to_string()),
        ExprKind::Float(n) => plain(n.to_string()),
        ExprKind::Bool(b) => plain(b.to_string()),
        ExprKind::Dict(items) => {
            let entries = items.iter().filter_map(|(key, value)| {
                let key = key.as_ref()?;
                Some((named(key.text()?, key.span), leaf(value)))
            });
            map(entries.collect(), span)
        }
        ExprKind::Call(call) => {
            let entries = call.args.iter().filter_map(|arg| match &arg.kind {
                ArgKind::Named(name) => Some((named(name, arg.span), leaf(&arg.value))),
                _ => None,
            });
            map(entries.collect(), span)
        }
        _ => unknown(),
    }
}

/// A value of a table: a call is unknown.
fn leaf(expression: &Expr) -> Node {
    match &expression.kind {
        ExprKind::Call(_) => Node {
            span: expression.span,
            value: Value::Unknown("a value that code computes".into()),
        },
        _ => node(expression),
    }
}

fn named(text: &str, span: Span) -> Key {
    Key {
        text: text.into(),
        span,
    }
}

fn map(entries: Map, span: Span) -> Node {
    Node {
        span,
        value: Value::Map(entries),
    }
}
