//! Evaluates expressions as Terraform does. A value that only an apply can show is
//! [`Value::Unknown`] with the reason. A reference to another resource is the text `ref:` and its
//! address, so that a later step can follow it. Nothing is ever guessed.
//!
//! The input is not trusted, so everything is bounded: steps, depth, the length of texts and lists.

use super::functions;
use super::module::Instance;
use super::parse::{self, At, Expr};
use super::root::Run;
use super::terragrunt;
use super::value::{
    Eval, Step, Wrong, attribute, bool_node, boolean, continue_reference, equal, number, number_node, pairs,
    unknown, why_unknown, wrong,
};
use crate::measure::{own_size, size};
use cofferdam_syntax::Span;
use cofferdam_syntax::tree::{Key, Map, Node, Style, Text, Value};
use hcl_edit::expr::{
    BinaryOp, BinaryOperator, Expression, ForExpr, FuncCall, Object, ObjectKey, Traversal, TraversalOperator,
    UnaryOperator,
};
use hcl_edit::template::Element;
use std::collections::HashMap;
use std::rc::Rc;

/// Nesting of expressions, and length of references to references, that is followed.
const MAX_DEPTH: usize = 160;

/// A name that is bound inside an expression: `each`, `count`, a `for` variable, a dynamic block's iterator.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bind<'b> {
    pub(super) name: &'b str,
    pub(super) value: &'b Node,
    pub(super) next: Option<&'b Bind<'b>>,
}

/// Where an expression is evaluated.
#[derive(Clone, Copy)]
pub(super) struct Scope<'b, 'w> {
    pub(super) run: &'b Run<'w>,
    pub(super) instance: &'b Rc<Instance<'w>>,
    pub(super) bind: Option<&'b Bind<'b>>,
}

impl<'b, 'w> Scope<'b, 'w> {
    /// The value of `expr`; unknown, with the reason, if Terraform would refuse the expression.
    pub(super) fn value(self, expr: Expr<'_>) -> Node {
        let span = expr.span();
        self.eval(expr)
            .unwrap_or_else(|Wrong(why)| unknown(format!("Terraform would refuse this: {why}"), span))
    }

    /// The value of `expr`.
    pub(super) fn eval(self, expr: Expr<'_>) -> Eval {
        let span = expr.span();
        let Some(_depth) = self.run.enter(MAX_DEPTH) else {
            return Ok(unknown("nested too deeply to follow", span));
        };
        self.run.spend(1);
        if self.run.is_over(span) {
            return Ok(too_much(span));
        }
        let node = match expr {
            Expr::Hcl(expr, at) => self.hcl(expr, at)?,
            Expr::Json(node) => self.json(node)?,
        };
        self.run.make(own_size(&node));
        Ok(if self.run.is_over(span) {
            too_much(span)
        } else {
            node
        })
    }

    /// The same with one more name bound.
    pub(super) fn with<'c>(self, bind: &'c Bind<'c>) -> Scope<'c, 'w>
    where
        'b: 'c,
    {
        Scope {
            run: self.run,
            instance: self.instance,
            bind: Some(bind),
        }
    }

    fn hcl(self, expr: &Expression, at: At) -> Eval {
        let span = at.span(parse::range(expr));
        match expr {
            Expression::Null(_) => Ok(Node {
                span,
                value: Value::Null,
            }),
            Expression::Bool(value) => Ok(bool_node(*value.value(), span)),
            Expression::Number(value) => Ok(Node::plain(&value.value().to_string(), span)),
            Expression::String(text) => Ok(Node::text(text, span)),
            Expression::Array(array) => {
                let items = array
                    .iter()
                    .map(|item| self.eval(Expr::Hcl(item, at)))
                    .collect::<Result<_, _>>()?;
                Ok(Node {
                    span,
                    value: Value::Seq(items),
                })
            }
            Expression::Object(object) => self.object(object, at, span),
            Expression::StringTemplate(template) => self.template(template.iter(), at, span),
            Expression::HeredocTemplate(heredoc) => {
                let content = at.span(hcl_edit::Span::span(&heredoc.template).or_else(|| parse::range(expr)));
                let plain = heredoc.template.iter().all(|e| matches!(e, Element::Literal(_)));
                let mut node = self.template(heredoc.template.iter(), at, content)?;
                if let (true, Value::Scalar(scalar)) = (plain, &mut node.value) {
                    // Its lines are in the file as they are.
                    scalar.style = Style::Literal;
                }
                Ok(node)
            }
            Expression::Parenthesis(inner) => self.eval(Expr::Hcl(inner.inner(), at)),
            Expression::Variable(name) => self.lookup(name.as_str(), Vec::new(), span),
            Expression::Conditional(conditional) => {
                let condition = self.eval(Expr::Hcl(&conditional.cond_expr, at))?;
                if let Value::Unknown(why) = condition.value {
                    return Ok(unknown(why.to_string(), span));
                }
                let chosen = match boolean(&condition) {
                    Some(true) => &conditional.true_expr,
                    Some(false) => &conditional.false_expr,
                    None => return wrong("the condition is neither true nor false"),
                };
                self.eval(Expr::Hcl(chosen, at))
            }
            Expression::FuncCall(call) => self.call(call, at, span),
            Expression::Traversal(traversal) => self.traversal(traversal, at, span),
            Expression::UnaryOp(op) => {
                let operand = self.eval(Expr::Hcl(&op.expr, at))?;
                unary(*op.operator.value(), operand, span)
            }
            Expression::BinaryOp(op) => self.binary(op, at, span),
            Expression::ForExpr(expr) => self.for_expr(expr, at, span),
        }
    }

    /// JSON strings are templates; everything else is itself.
    fn json(self, node: &Node) -> Eval {
        match &node.value {
            Value::Scalar(scalar) if scalar.text.contains("${") || scalar.text.contains("%{") => {
                self.run.spend(scalar.text.len() / 16);
                match hcl_edit::parser::parse_template(&scalar.text) {
                    Ok(template) => self.template(template.iter(), At::inside(node.span), node.span),
                    Err(error) => wrong(format!("a template that cannot be read: {}", error.message())),
                }
            }
            Value::Seq(items) => Ok(Node {
                span: node.span,
                value: Value::Seq(
                    items
                        .iter()
                        .map(|item| self.eval(Expr::Json(item)))
                        .collect::<Result<_, _>>()?,
                ),
            }),
            Value::Map(map) => {
                let entries = map.iter();
                let evaluated = entries.map(|(key, value)| Ok((key.clone(), self.eval(Expr::Json(value))?)));
                Ok(Node {
                    span: node.span,
                    value: Value::Map(evaluated.collect::<Result<Map, Wrong>>()?),
                })
            }
            _ => Ok(node.clone()),
        }
    }

    fn object(self, object: &Object, at: At, span: Span) -> Eval {
        let mut entries = Vec::with_capacity(object.len());
        for (key, value) in object.iter() {
            let key = match key {
                ObjectKey::Ident(name) => Key {
                    text: name.as_str().into(),
                    span: at.span(hcl_edit::Span::span(name)),
                },
                ObjectKey::Expression(Expression::Variable(name)) => Key {
                    text: name.as_str().into(),
                    span: at.span(hcl_edit::Span::span(name)),
                },
                ObjectKey::Expression(expr) => {
                    let node = self.eval(Expr::Hcl(expr, at))?;
                    match &node.value {
                        Value::Scalar(scalar) => Key {
                            text: scalar.text.clone(),
                            span: at.span(parse::range(expr)),
                        },
                        Value::Unknown(why) => {
                            return Ok(unknown(format!("a key is not known: {why}"), span));
                        }
                        _ => return wrong("a key is not a string"),
                    }
                }
            };
            entries.push((key, self.eval(Expr::Hcl(value.expr(), at))?));
        }
        Ok(Node {
            span,
            value: Value::Map(entries.into_iter().collect()),
        })
    }

    fn for_expr(self, expr: &ForExpr, at: At, span: Span) -> Eval {
        let collection = self.eval(Expr::Hcl(&expr.intro.collection_expr, at))?;
        if let Value::Unknown(why) = collection.value {
            return Ok(unknown(why.to_string(), span));
        }
        let mut seq = Vec::new();
        let mut entries: Vec<(Key, Node)> = Vec::new();
        let mut groups: HashMap<Text, usize> = HashMap::new();
        self.run.copy(&collection);
        for (key, value) in pairs(&collection)? {
            self.run.spend(1);
            if self.run.is_over(span) {
                return Ok(too_much(span));
            }
            let by_value = Bind {
                name: expr.intro.value_var.as_str(),
                value: &value,
                next: self.bind,
            };
            let by_key = Bind {
                name: expr.intro.key_var.as_ref().map_or("", |k| k.as_str()),
                value: &key,
                next: Some(&by_value),
            };
            let scope = self.with(&by_key);
            if let Some(condition) = &expr.cond {
                let condition = scope.eval(Expr::Hcl(&condition.expr, at))?;
                if let Value::Unknown(why) = condition.value {
                    return Ok(unknown(why.to_string(), span));
                }
                match boolean(&condition) {
                    Some(true) => {}
                    Some(false) => continue,
                    None => return wrong("the condition is neither true nor false"),
                }
            }
            let item = scope.eval(Expr::Hcl(&expr.value_expr, at))?;
            let Some(key_expr) = &expr.key_expr else {
                seq.push(item);
                continue;
            };
            let key = scope.eval(Expr::Hcl(key_expr, at))?;
            let key = match &key.value {
                Value::Scalar(scalar) => Key {
                    text: scalar.text.clone(),
                    span: key.span,
                },
                Value::Unknown(why) => return Ok(unknown(format!("a key is not known: {why}"), span)),
                _ => return wrong("a key is not a string"),
            };
            if !expr.grouping {
                entries.push((key, item));
                continue;
            }
            let at = *groups.entry(key.text.clone()).or_insert(entries.len());
            if let Some((
                _,
                Node {
                    value: Value::Seq(group),
                    ..
                },
            )) = entries.get_mut(at)
            {
                group.push(item);
            } else {
                let group = Node {
                    span,
                    value: Value::Seq(vec![item]),
                };
                entries.push((key, group));
            }
        }
        Ok(Node {
            span,
            value: if expr.key_expr.is_some() {
                Value::Map(entries.into_iter().collect())
            } else {
                Value::Seq(seq)
            },
        })
    }

    fn call(self, call: &FuncCall, at: At, span: Span) -> Eval {
        let name = call.name.name.as_str();
        if call.name.is_namespaced() {
            return Ok(unknown(format!("{name}() is a function of a provider"), span));
        }
        // These two catch errors, so their arguments are not evaluated before the call.
        match name {
            "try" => {
                let mut last = Wrong("try() has no arguments".to_owned());
                for arg in call.args.iter() {
                    match self.run.trying(|| self.eval(Expr::Hcl(arg, at))) {
                        Ok(node) => return Ok(node),
                        Err(why) => last = why,
                    }
                }
                return Err(last);
            }
            "can" => {
                let result = call
                    .args
                    .get(0)
                    .map(|arg| self.run.trying(|| self.eval(Expr::Hcl(arg, at))));
                return Ok(match result {
                    Some(Ok(node)) => match node.value {
                        Value::Unknown(why) => unknown(why.to_string(), span),
                        _ => bool_node(true, span),
                    },
                    _ => bool_node(false, span),
                });
            }
            _ => {}
        }
        let mut args = Vec::with_capacity(call.args.len());
        for arg in call.args.iter() {
            args.push(self.eval(Expr::Hcl(arg, at))?);
        }
        if call.args.expand_final()
            && let Some(last) = args.pop()
        {
            match last.value {
                Value::Seq(items) => args.extend(items),
                Value::Unknown(why) => return Ok(unknown(why.to_string(), span)),
                _ => return wrong("`...` takes a list"),
            }
        }
        self.run
            .spend(functions::steps(name, &args, args.iter().map(size).sum()));
        if self.run.is_over(span) {
            return Ok(too_much(span));
        }
        if matches!(
            name,
            "file" | "jsondecode" | "yamldecode" | "templatefile" | "fileexists"
        ) {
            let node = self.file_function(name, &args, span)?;
            self.run.copy(&node);
            return Ok(node);
        }
        if terragrunt::FUNCTIONS.contains(&name) {
            let node = self.terragrunt_function(name, &args, span)?;
            self.run.copy(&node);
            return Ok(node);
        }
        let node = functions::call(name, &args, span)?;
        self.run.copy(&node);
        Ok(node)
    }

    fn traversal(self, traversal: &Traversal, at: At, span: Span) -> Eval {
        let mut steps = Vec::with_capacity(traversal.operators.len());
        for operator in &traversal.operators {
            steps.push(match operator.value() {
                TraversalOperator::GetAttr(name) => Step::Attribute(name.to_string()),
                TraversalOperator::LegacyIndex(index) => {
                    Step::Index(Node::plain(&index.value().to_string(), span))
                }
                TraversalOperator::Index(expr) => Step::Index(self.eval(Expr::Hcl(expr, at))?),
                TraversalOperator::AttrSplat(_) | TraversalOperator::FullSplat(_) => Step::Splat,
            });
        }
        match &traversal.expr {
            Expression::Variable(name) => self.lookup(name.as_str(), steps, span),
            expr => {
                let root = self.eval(Expr::Hcl(expr, at))?;
                self.walk(root, &steps, span)
            }
        }
    }

    fn binary(self, op: &BinaryOp, at: At, span: Span) -> Eval {
        use BinaryOperator as Op;
        let left = self.eval(Expr::Hcl(&op.lhs_expr, at))?;
        let right = self.eval(Expr::Hcl(&op.rhs_expr, at))?;
        let operator = *op.operator.value();
        if let Op::Eq | Op::NotEq = operator {
            return Ok(match equal(&left, &right) {
                Some(same) => bool_node(same == (operator == Op::Eq), span),
                None => unknown(
                    why_unknown(&left)
                        .or(why_unknown(&right))
                        .unwrap_or("a part of it is not known"),
                    span,
                ),
            });
        }
        if let Op::And | Op::Or = operator {
            // One side may decide alone.
            let decides = operator == Op::Or;
            for side in [&left, &right] {
                if boolean(side) == Some(decides) {
                    return Ok(bool_node(decides, span));
                }
            }
        }
        for side in [&left, &right] {
            if let Some(why) = why_unknown(side) {
                return Ok(unknown(why, span));
            }
        }
        if let Op::And | Op::Or = operator {
            return match (boolean(&left), boolean(&right)) {
                (Some(_), Some(_)) => Ok(bool_node(operator == Op::And, span)),
                _ => wrong("`&&` and `||` take true or false"),
            };
        }
        let (Some(a), Some(b)) = (number(&left), number(&right)) else {
            return wrong("a number is needed on both sides");
        };
        let number = |n: f64| {
            if n.is_finite() {
                Ok(number_node(n, span))
            } else {
                wrong("not a finite number")
            }
        };
        match operator {
            Op::Less => Ok(bool_node(a < b, span)),
            Op::LessEq => Ok(bool_node(a <= b, span)),
            Op::Greater => Ok(bool_node(a > b, span)),
            Op::GreaterEq => Ok(bool_node(a >= b, span)),
            Op::Plus => number(a + b),
            Op::Minus => number(a - b),
            Op::Mul => number(a * b),
            Op::Div => number(a / b),
            Op::Mod => number(a % b),
            Op::Eq | Op::NotEq | Op::And | Op::Or => wrong("an operator that takes no numbers"),
        }
    }

    /// Follows `steps` into a value.
    pub(super) fn walk(self, root: Node, steps: &[Step], span: Span) -> Eval {
        let mut node = root;
        for (index, step) in steps.iter().enumerate() {
            if let Value::Unknown(why) = &node.value {
                return Ok(unknown(continue_reference(why, &steps[index..]), span));
            }
            node = match step {
                Step::Attribute(name) => attribute(&node, name)?,
                Step::Index(key) => match (&node.value, &key.value) {
                    (_, Value::Unknown(why)) => return Ok(unknown(why.to_string(), span)),
                    (Value::Seq(items), _) => {
                        let at = number(key).filter(|n| *n >= 0.0 && n.fract() == 0.0);
                        match at.and_then(|n| items.get(n as usize)) {
                            Some(item) => item.clone(),
                            None => return wrong("the list has no such element"),
                        }
                    }
                    (_, Value::Scalar(scalar)) => attribute(&node, &scalar.text)?,
                    _ => return wrong("an index is a number or a text"),
                },
                Step::Splat => {
                    let items = match node.value {
                        Value::Seq(items) => items,
                        Value::Null => Vec::new(),
                        _ => vec![node],
                    };
                    let rest = &steps[index + 1..];
                    self.run.make(items.len());
                    if self.run.is_over(span) {
                        return Ok(too_much(span));
                    }
                    let items = items
                        .into_iter()
                        .map(|item| self.walk(item, rest, span))
                        .collect::<Result<_, _>>()?;
                    return Ok(Node {
                        span,
                        value: Value::Seq(items),
                    });
                }
            };
        }
        Ok(node)
    }
}

/// The value of what is not evaluated because the allowance is spent.
pub(super) fn too_much(span: Span) -> Node {
    unknown("too much to evaluate", span)
}

fn unary(operator: UnaryOperator, operand: Node, span: Span) -> Eval {
    if let Value::Unknown(why) = operand.value {
        return Ok(unknown(why.to_string(), span));
    }
    match operator {
        UnaryOperator::Neg => match number(&operand) {
            Some(n) => Ok(number_node(-n, span)),
            None => wrong("`-` takes a number"),
        },
        UnaryOperator::Not => match boolean(&operand) {
            Some(value) => Ok(bool_node(!value, span)),
            None => wrong("`!` takes true or false"),
        },
    }
}
