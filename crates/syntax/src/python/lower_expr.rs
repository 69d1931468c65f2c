//! Converts expressions of the syntax tree to those of [`super::ast`].

use super::ast::{ArgKind, Call, CallArg, Choice, Each, Expr, ExprKind, Operator};
use super::lower::{Lower, MAX_DEPTH};
use tree_sitter::Node;

impl Lower<'_> {
    pub(super) fn expr(&mut self, node: Node<'_>, depth: usize) -> Expr {
        let span = self.span(node);
        let kind = if depth > MAX_DEPTH {
            self.too_deep = true;
            ExprKind::Other(Vec::new())
        } else {
            self.expr_kind(node, depth + 1)
        };
        // Brackets and `await` do not change what a value is.
        if let ExprKind::Other(items) = &kind
            && matches!(node.kind(), "parenthesized_expression" | "await" | "type")
            && items.len() == 1
        {
            let ExprKind::Other(mut items) = kind else {
                return Expr { span, kind };
            };
            return items.swap_remove(0);
        }
        Expr { span, kind }
    }

    pub(super) fn field(&mut self, node: Node<'_>, field: &str, depth: usize) -> Expr {
        match node.child_by_field_name(field) {
            Some(child) => self.expr(child, depth),
            None => Expr {
                span: self.span(node),
                kind: ExprKind::Other(Vec::new()),
            },
        }
    }

    fn all(&mut self, node: Node<'_>, depth: usize) -> Vec<Expr> {
        self.named(node)
            .into_iter()
            .map(|n| self.expr(n, depth))
            .collect()
    }

    fn expr_kind(&mut self, node: Node<'_>, depth: usize) -> ExprKind {
        match node.kind() {
            "none" => ExprKind::None,
            "true" => ExprKind::Bool(true),
            "false" => ExprKind::Bool(false),
            "integer" => integer(self.text(node)).map_or(ExprKind::Other(Vec::new()), ExprKind::Int),
            "float" => float(self.text(node)).map_or(ExprKind::Other(Vec::new()), ExprKind::Float),
            "string" => self.string(node, depth),
            "concatenated_string" => join(self.all(node, depth)),
            "identifier" | "keyword_identifier" => ExprKind::Name(self.text(node).into()),
            "attribute" => {
                let base = self.field(node, "object", depth);
                let name = node.child_by_field_name("attribute");
                let name = name.map(|n| self.text(n)).unwrap_or_default();
                ExprKind::Attribute(Box::new(base), name.into())
            }
            "subscript" => {
                let base = self.field(node, "value", depth);
                ExprKind::Index(Box::new(base), Box::new(self.field(node, "subscript", depth)))
            }
            "call" => self.call(node, depth),
            "dictionary" => self.dictionary(node, depth),
            "list" | "tuple" | "set" | "expression_list" | "pattern_list" | "tuple_pattern"
            | "list_pattern" => ExprKind::List(self.all(node, depth)),
            "unary_operator" => self.unary(node, depth),
            "binary_operator" => self.binary(node, depth),
            "boolean_operator" => {
                let pair = (self.field(node, "left", depth), self.field(node, "right", depth));
                match node.child_by_field_name("operator").map(|n| n.kind()) {
                    Some("or") => ExprKind::Or(Box::new(pair)),
                    _ => ExprKind::Other(vec![pair.0, pair.1]),
                }
            }
            "comparison_operator" => self.comparison(node, depth),
            "conditional_expression" => self.choice(node, depth),
            "list_comprehension"
            | "set_comprehension"
            | "generator_expression"
            | "dictionary_comprehension" => self.each(node, depth),
            "named_expression" => {
                let name = node.child_by_field_name("name");
                let name = name.map(|n| self.text(n)).unwrap_or_default().into();
                ExprKind::Named(name, Box::new(self.field(node, "value", depth)))
            }
            "lambda" => ExprKind::Other(vec![self.field(node, "body", depth)]),
            _ => ExprKind::Other(self.all(node, depth)),
        }
    }

    fn call(&mut self, node: Node<'_>, depth: usize) -> ExprKind {
        let callee = self.field(node, "function", depth);
        let mut args = Vec::new();
        if let Some(list) = node.child_by_field_name("arguments") {
            if list.kind() == "argument_list" {
                for arg in self.named(list) {
                    args.push(self.argument(arg, depth));
                }
            } else {
                let value = self.expr(list, depth);
                args.push(CallArg {
                    span: value.span,
                    kind: ArgKind::Positional,
                    value,
                });
            }
        }
        ExprKind::Call(Box::new(Call { callee, args }))
    }

    fn argument(&mut self, node: Node<'_>, depth: usize) -> CallArg {
        let span = self.span(node);
        let inner = |lower: &mut Self| match lower.named(node).first() {
            Some(child) => lower.expr(*child, depth),
            None => Expr {
                span,
                kind: ExprKind::Other(Vec::new()),
            },
        };
        let (kind, value) = match node.kind() {
            "keyword_argument" => {
                let (name, _) = self.field_name(node);
                (ArgKind::Named(name), self.field(node, "value", depth))
            }
            "list_splat" | "list_splat_pattern" => (ArgKind::Splat, inner(self)),
            "dictionary_splat" => (ArgKind::DoubleSplat, inner(self)),
            _ => (ArgKind::Positional, self.expr(node, depth)),
        };
        CallArg { span, kind, value }
    }

    fn dictionary(&mut self, node: Node<'_>, depth: usize) -> ExprKind {
        let mut items = Vec::new();
        for child in self.named(node) {
            match child.kind() {
                "pair" => {
                    let key = self.field(child, "key", depth);
                    items.push((Some(key), self.field(child, "value", depth)));
                }
                "dictionary_splat" => {
                    if let Some(value) = self.named(child).first() {
                        items.push((None, self.expr(*value, depth)));
                    }
                }
                // A broken piece: its contents are read as pairs if it has any.
                _ => {}
            }
        }
        ExprKind::Dict(items)
    }

    fn unary(&mut self, node: Node<'_>, depth: usize) -> ExprKind {
        let argument = self.field(node, "argument", depth);
        match node.child_by_field_name("operator").map(|n| n.kind()) {
            Some("-") => ExprKind::Negative(Box::new(argument)),
            Some("+") => argument.kind,
            _ => ExprKind::Other(vec![argument]),
        }
    }

    fn binary(&mut self, node: Node<'_>, depth: usize) -> ExprKind {
        let pair = (self.field(node, "left", depth), self.field(node, "right", depth));
        let operator = match node.child_by_field_name("operator").map(|n| n.kind()) {
            Some("+") => Operator::Add,
            Some("-") => Operator::Subtract,
            Some("*") => Operator::Multiply,
            Some("/") => Operator::Divide,
            Some("//") => Operator::FloorDivide,
            Some("%") => Operator::Modulo,
            Some("**") => Operator::Power,
            Some("<<") => Operator::ShiftLeft,
            _ => return ExprKind::Other(vec![pair.0, pair.1]),
        };
        ExprKind::Binary(operator, Box::new(pair))
    }

    fn comparison(&mut self, node: Node<'_>, depth: usize) -> ExprKind {
        let operators: Vec<_> = node
            .children_by_field_name("operators", &mut node.walk())
            .map(|n| n.kind())
            .collect();
        let mut sides = self.all(node, depth);
        if matches!(operators.as_slice(), ["==" | "in"]) && sides.len() == 2 {
            let right = sides.pop();
            let left = sides.pop();
            if let (Some(left), Some(right)) = (left, right) {
                return ExprKind::Equals(Box::new((left, right)));
            }
        }
        ExprKind::Other(sides)
    }

    fn choice(&mut self, node: Node<'_>, depth: usize) -> ExprKind {
        let mut parts = self.all(node, depth).into_iter();
        match (parts.next(), parts.next(), parts.next()) {
            (Some(then), Some(condition), Some(other)) => ExprKind::Choice(Box::new(Choice {
                then,
                condition,
                other,
            })),
            (then, condition, _) => ExprKind::Other(then.into_iter().chain(condition).collect()),
        }
    }

    fn each(&mut self, node: Node<'_>, depth: usize) -> ExprKind {
        let mut over = Vec::new();
        for child in self.named(node) {
            if child.kind() == "for_in_clause" {
                for right in child.children_by_field_name("right", &mut child.walk()) {
                    over.push(self.expr(right, depth));
                }
            }
        }
        ExprKind::Each(Box::new(Each {
            element: self.field(node, "body", depth),
            over,
        }))
    }

    fn string(&mut self, node: Node<'_>, depth: usize) -> ExprKind {
        let children = self.named(node);
        let prefix = children
            .iter()
            .find(|n| n.kind() == "string_start")
            .map(|n| self.text(*n).to_ascii_lowercase())
            .unwrap_or_default();
        let raw = prefix.contains('r');
        let format = prefix.contains('f') || prefix.contains('t');
        let mut pieces = Vec::new();
        for child in children {
            let span = self.span(child);
            match child.kind() {
                "string_content" => {
                    let text = self.text(child);
                    let text = if raw { text.to_owned() } else { unescape(text) };
                    let text = if format { unbrace(&text) } else { text };
                    pieces.push(Expr {
                        span,
                        kind: ExprKind::Str(text.into()),
                    });
                }
                "interpolation" => pieces.push(self.field(child, "expression", depth)),
                _ => {}
            }
        }
        join(pieces)
    }
}

/// One string of pieces: a plain one if all are text.
fn join(pieces: Vec<Expr>) -> ExprKind {
    if pieces.iter().all(|p| p.text().is_some()) {
        return ExprKind::Str(pieces.iter().filter_map(Expr::text).collect::<String>().into());
    }
    let mut flat = Vec::new();
    for piece in pieces {
        match piece.kind {
            ExprKind::Format(inner) => flat.extend(inner),
            kind => flat.push(Expr {
                span: piece.span,
                kind,
            }),
        }
    }
    ExprKind::Format(flat)
}

fn unbrace(text: &str) -> String {
    text.replace("{{", "{").replace("}}", "}")
}

/// Text with the usual escapes resolved; others stay as written.
fn unescape(text: &str) -> String {
    if !text.contains('\\') {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match chars.next() {
            Some('n') => out.push('\n'),
            Some('t') => out.push('\t'),
            Some('r') => out.push('\r'),
            Some('a') => out.push('\u{7}'),
            Some('b') => out.push('\u{8}'),
            Some('f') => out.push('\u{c}'),
            Some('v') => out.push('\u{b}'),
            Some(c @ '0'..='7') => {
                let rest: String = std::iter::from_fn(|| chars.next_if(|c| matches!(c, '0'..='7')))
                    .take(2)
                    .collect();
                let code = u32::from_str_radix(&format!("{c}{rest}"), 8).ok();
                out.extend(code.and_then(char::from_u32));
            }
            Some(c @ ('x' | 'u' | 'U')) => {
                let length = match c {
                    'x' => 2,
                    'u' => 4,
                    _ => 8,
                };
                let digits: String = std::iter::from_fn(|| chars.next_if(char::is_ascii_hexdigit))
                    .take(length)
                    .collect();
                let code = u32::from_str_radix(&digits, 16)
                    .ok()
                    .filter(|_| digits.len() == length);
                match code.and_then(char::from_u32) {
                    Some(c) => out.push(c),
                    None => {
                        out.push('\\');
                        out.push(c);
                        out.push_str(&digits);
                    }
                }
            }
            Some(c @ ('\\' | '\'' | '"')) => out.push(c),
            Some('\n') => {}
            Some('\r') if chars.peek() == Some(&'\n') => {
                chars.next();
            }
            Some(other) => {
                out.push('\\');
                out.push(other);
            }
            None => out.push('\\'),
        }
    }
    out
}

fn integer(text: &str) -> Option<i64> {
    let text = text.replace('_', "").to_ascii_lowercase();
    if let Some(digits) = text.strip_prefix("0x") {
        i64::from_str_radix(digits, 16).ok()
    } else if let Some(digits) = text.strip_prefix("0o") {
        i64::from_str_radix(digits, 8).ok()
    } else if let Some(digits) = text.strip_prefix("0b") {
        i64::from_str_radix(digits, 2).ok()
    } else {
        text.parse().ok()
    }
}

fn float(text: &str) -> Option<f64> {
    text.replace('_', "").parse().ok().filter(|n: &f64| n.is_finite())
}

#[cfg(test)]
mod tests {
    #[test]
    fn escapes_are_those_of_python() {
        for (written, meant) in [
            (r"a\nb", "a\nb"),
            (r"\x41\u00e9\U0001F600\101\0", "A\u{e9}\u{1f600}A\0"),
            (r"\a\b\f\v", "\u{7}\u{8}\u{c}\u{b}"),
            (r"\d\xg\u12", r"\d\xg\u12"),
            ("a\\\r\nb\\\nc", "abc"),
        ] {
            assert_eq!(super::unescape(written), meant, "{written}");
        }
    }
}
