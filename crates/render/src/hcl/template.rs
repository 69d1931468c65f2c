//! Templates: texts with values and directives inside.

use super::eval::{Bind, Scope};
use super::parse::{At, Expr};
use super::value::{Eval, MAX_TEXT, Wrong, boolean, pairs, unknown, why_unknown, wrong};
use cofferdam_syntax::Span;
use cofferdam_syntax::tree::{Node, Value};
use hcl_edit::template::{Directive, Element, ForDirective, IfDirective};

impl Scope<'_, '_> {
    /// The text of a template; a single interpolation gives its value, of any type.
    pub(super) fn template<'e>(
        self,
        elements: impl Iterator<Item = &'e Element>,
        at: At,
        span: Span,
    ) -> Eval {
        let elements: Vec<&Element> = elements.collect();
        if let [Element::Interpolation(only)] = elements.as_slice() {
            return self.eval(Expr::Hcl(&only.expr, at));
        }
        let mut text = String::new();
        Ok(match self.render(&elements, (at, span), &mut text)? {
            Some(why) => unknown(why, span),
            None => Node::text(&text, span),
        })
    }

    /// Writes a template's text; `Some` is why it is not known.
    fn render(
        self,
        elements: &[&Element],
        (at, span): (At, Span),
        text: &mut String,
    ) -> Result<Option<String>, Wrong> {
        let mut strip_next = false;
        for (index, element) in elements.iter().enumerate() {
            self.run.spend(1);
            if text.len() > MAX_TEXT || self.run.is_over(span) {
                return Ok(Some("a text too long to build".to_owned()));
            }
            match element {
                Element::Literal(literal) => {
                    let mut literal: &str = literal;
                    if strip_next {
                        literal = literal.trim_start();
                    }
                    if elements.get(index + 1).is_some_and(|next| strips_before(next)) {
                        literal = literal.trim_end();
                    }
                    text.push_str(literal);
                    strip_next = false;
                }
                Element::Interpolation(interpolation) => {
                    let node = self.eval(Expr::Hcl(&interpolation.expr, at))?;
                    match node.value {
                        Value::Scalar(scalar) => text.push_str(&scalar.text),
                        Value::Unknown(why) => return Ok(Some(why.to_string())),
                        Value::Null => return wrong("a template takes no null"),
                        // The result of jsonencode() is kept as a tree.
                        _ => return Ok(Some("a list or map inside a text".to_owned())),
                    }
                    strip_next = interpolation.strip.strip_end();
                }
                Element::Directive(directive) => {
                    let why = match &**directive {
                        Directive::If(directive) => self.render_if(directive, (at, span), text)?,
                        Directive::For(directive) => self.render_for(directive, (at, span), text)?,
                    };
                    if why.is_some() {
                        return Ok(why);
                    }
                    strip_next = match &**directive {
                        Directive::If(d) => d.endif_expr.strip.strip_end(),
                        Directive::For(d) => d.endfor_expr.strip.strip_end(),
                    };
                }
            }
        }
        Ok(None)
    }

    fn render_if(
        self,
        directive: &IfDirective,
        (at, span): (At, Span),
        text: &mut String,
    ) -> Result<Option<String>, Wrong> {
        let condition = self.eval(Expr::Hcl(&directive.if_expr.cond_expr, at))?;
        if let Some(why) = why_unknown(&condition) {
            return Ok(Some(why.to_owned()));
        }
        let chosen = match boolean(&condition) {
            Some(true) => Some(&directive.if_expr.template),
            Some(false) => directive.else_expr.as_ref().map(|e| &e.template),
            None => return wrong("the condition is neither true nor false"),
        };
        match chosen {
            Some(template) => self.render(&template.iter().collect::<Vec<_>>(), (at, span), text),
            None => Ok(None),
        }
    }

    fn render_for(
        self,
        directive: &ForDirective,
        (at, span): (At, Span),
        text: &mut String,
    ) -> Result<Option<String>, Wrong> {
        let for_expr = &directive.for_expr;
        let collection = self.eval(Expr::Hcl(&for_expr.collection_expr, at))?;
        if let Some(why) = why_unknown(&collection) {
            return Ok(Some(why.to_owned()));
        }
        let elements: Vec<&Element> = for_expr.template.iter().collect();
        self.run.copy(&collection);
        for (key, value) in pairs(&collection)? {
            self.run.spend(1);
            if self.run.is_over(span) {
                return Ok(Some("a text too long to build".to_owned()));
            }
            let by_value = Bind {
                name: for_expr.value_var.as_str(),
                value: &value,
                next: self.bind,
            };
            let by_key = Bind {
                name: for_expr.key_var.as_ref().map_or("", |k| k.as_str()),
                value: &key,
                next: Some(&by_value),
            };
            let why = self.with(&by_key).render(&elements, (at, span), text)?;
            if why.is_some() {
                return Ok(why);
            }
        }
        Ok(None)
    }
}

fn strips_before(element: &Element) -> bool {
    match element {
        Element::Literal(_) => false,
        Element::Interpolation(interpolation) => interpolation.strip.strip_start(),
        Element::Directive(directive) => match &**directive {
            Directive::If(d) => d.if_expr.strip.strip_start(),
            Directive::For(d) => d.for_expr.strip.strip_start(),
        },
    }
}
