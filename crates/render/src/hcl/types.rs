//! A variable's declared type, as far as it changes the value: conversions between text, number and
//! boolean, and the defaults of optional attributes.

use super::eval::Scope;
use super::parse::{At, Expr};
use super::value::{number, number_node};
use crate::measure::size;
use cofferdam_syntax::tree::{Key, Node, Style, Value};
use hcl_edit::expr::{Expression, FuncCall, ObjectKey};

/// `node` converted to the type that `expr` declares. A value that does not fit stays as it is.
pub(super) fn convert(scope: Scope<'_, '_>, expr: Option<Expr<'_>>, node: Node) -> Node {
    match expr {
        Some(Expr::Hcl(expr, at)) => {
            // Each level of the type copies what is below it.
            scope.run.spend(size(&node).saturating_mul(2));
            to_type(scope, expr, at, node)
        }
        _ => node,
    }
}

fn to_type(scope: Scope<'_, '_>, expr: &Expression, at: At, mut node: Node) -> Node {
    if matches!(node.value, Value::Unknown(_) | Value::Null) {
        return node;
    }
    match expr {
        Expression::Variable(name) => {
            let read = number(&node);
            if let Value::Scalar(scalar) = &mut node.value {
                match name.as_str() {
                    "string" if scalar.style == Style::Plain => scalar.style = Style::Quoted,
                    "number" => {
                        if let Some(n) = read
                            && scalar.style != Style::Plain
                        {
                            return number_node(n, node.span);
                        }
                    }
                    "bool" if matches!(&*scalar.text, "true" | "false") => scalar.style = Style::Plain,
                    _ => {}
                }
            }
            node
        }
        Expression::FuncCall(call) => of_constructor(scope, call, at, node),
        _ => node,
    }
}

fn of_constructor(scope: Scope<'_, '_>, call: &FuncCall, at: At, mut node: Node) -> Node {
    let Some(inner) = call.args.get(0) else {
        return node;
    };
    match (call.name.name.as_str(), &mut node.value) {
        ("optional", _) => to_type(scope, inner, at, node),
        ("list" | "set", Value::Seq(items)) => {
            for item in items {
                *item = to_type(scope, inner, at, item.clone());
            }
            node
        }
        ("map", Value::Map(map)) => {
            for (_, value) in map.iter_mut() {
                *value = to_type(scope, inner, at, value.clone());
            }
            node
        }
        ("object", Value::Map(map)) => {
            let Expression::Object(object) = inner else {
                return node;
            };
            for (key, wanted) in object.iter() {
                let name = match key {
                    ObjectKey::Ident(name) => name.as_str(),
                    ObjectKey::Expression(Expression::Variable(name)) => name.as_str(),
                    ObjectKey::Expression(Expression::String(name)) => name.as_str(),
                    ObjectKey::Expression(_) => continue,
                };
                let present = map.get(name).filter(|value| !value.is_null()).cloned();
                let (value, span) = match (present, wanted.expr()) {
                    (Some(value), _) => {
                        let span = value.span;
                        (value, span)
                    }
                    (None, Expression::FuncCall(call)) if call.name.name.as_str() == "optional" => {
                        match call.args.get(1) {
                            Some(default) => {
                                let value = scope.value(Expr::Hcl(default, at));
                                let span = value.span;
                                (value, span)
                            }
                            None => {
                                let null = Node {
                                    span: node.span,
                                    value: Value::Null,
                                };
                                (null, node.span)
                            }
                        }
                    }
                    (None, _) => continue,
                };
                let value = to_type(scope, wanted.expr(), at, value);
                if let Some(slot) = map.get_mut(name) {
                    *slot = value;
                } else {
                    let key = Key {
                        text: name.into(),
                        span,
                    };
                    map.insert(key, value);
                }
            }
            node
        }
        _ => node,
    }
}
