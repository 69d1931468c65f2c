//! Parses Go templates to a tree: text, actions and the blocks that they open. Only the syntax is handled
//! here. An expression that is not understood is kept as such, and its value is unknown.

mod expression;
#[cfg(test)]
mod tests;

use expression::{arguments, expression};
use std::collections::BTreeMap;

/// Nesting of blocks and parentheses beyond which a template is refused.
const MAX_DEPTH: usize = 64;

/// A piece of a template.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Item<'t> {
    /// Text as it is, from byte `start` of the file.
    Text { start: usize, text: &'t str },
    /// `{{ … }}` that prints.
    Output(Output<'t>),
    /// `{{ $x := … }}` (`declare`) or `{{ $x = … }}`.
    Assign {
        name: &'t str,
        value: Expr<'t>,
        declare: bool,
    },
    /// Conditions and the items under each; the condition of `else` is `None`.
    If(Branches<'t>),
    With {
        variable: Option<&'t str>,
        value: Expr<'t>,
        body: Vec<Item<'t>>,
        otherwise: Vec<Item<'t>>,
    },
    Range {
        /// None, one (the value) or two (key and value) variables.
        variables: Vec<&'t str>,
        over: Expr<'t>,
        body: Vec<Item<'t>>,
        otherwise: Vec<Item<'t>>,
    },
}

/// Conditions and what stands under each.
pub(super) type Branches<'t> = Vec<(Option<Expr<'t>>, Vec<Item<'t>>)>;

/// An action that prints.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Output<'t> {
    pub(super) value: Expr<'t>,
    /// First byte of the action, `{{` included.
    pub(super) start: usize,
    /// The action as written.
    pub(super) source: &'t str,
    /// Whether nothing else is on its line.
    pub(super) alone: bool,
}

/// An expression.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Expr<'t> {
    /// `.a.b`; `.` alone has no parts.
    Field(Vec<&'t str>),
    /// `$x.a`; `$` alone has an empty name.
    Variable(&'t str, Vec<&'t str>),
    /// Fields of a parenthesis.
    Of(Box<Expr<'t>>, Vec<&'t str>),
    Text(String),
    /// A number or a boolean as written.
    Plain(&'t str),
    Nil,
    Call(&'t str, Vec<Expr<'t>>),
    /// Anything else.
    Unknown,
}

/// The named templates of a file.
pub(super) type Defines<'t> = BTreeMap<String, Vec<Item<'t>>>;

/// A template that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Malformed {
    pub(super) at: usize,
    pub(super) message: &'static str,
}

/// An action as found in the text.
struct Action<'t> {
    start: usize,
    end: usize,
    /// Without braces and trim marks.
    body: &'t str,
    trim_before: bool,
    trim_after: bool,
}

/// Reads a template; named ones are added to `defines`.
pub(super) fn parse<'t>(text: &'t str, defines: &mut Defines<'t>) -> Result<Vec<Item<'t>>, Malformed> {
    let actions = actions(text)?;
    let mut parser = Parser {
        text,
        actions: &actions,
        next: 0,
        at: 0,
        depth: 0,
        defines,
    };
    let (items, closer) = parser.block()?;
    match closer {
        None => Ok(items),
        Some(_) => Err(Malformed {
            at: parser.at,
            message: "`end` or `else` closes a block that nothing opens",
        }),
    }
}

fn actions(text: &str) -> Result<Vec<Action<'_>>, Malformed> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(at) = text[from..].find("{{") {
        let start = from + at;
        let unclosed = Malformed {
            at: start,
            message: "`{{` is never closed",
        };
        let mut inner = start + 2;
        let trim_before = ["- ", "-\n", "-\t", "-\r", "-/*"]
            .iter()
            .any(|start| text[inner..].starts_with(start));
        if trim_before {
            inner += 1;
        }
        let close = closing(&text[inner..]).ok_or(unclosed)?;
        let raw = &text[inner..inner + close];
        let trim_after = raw.ends_with('-') && raw[..raw.len() - 1].ends_with([' ', '\n', '\t', '\r', '/']);
        let body = if trim_after { &raw[..raw.len() - 1] } else { raw };
        let end = inner + close + 2;
        found.push(Action {
            start,
            end,
            body: body.trim(),
            trim_before,
            trim_after,
        });
        from = end;
    }
    Ok(found)
}

/// The `}}` that closes an action; those inside texts and comments do not count.
fn closing(text: &str) -> Option<usize> {
    let trimmed = text.trim_start();
    if trimmed.starts_with("/*") {
        let end = text.find("*/")? + 2;
        return text[end..].find("}}").map(|at| end + at);
    }
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'}' if bytes.get(at + 1) == Some(&b'}') => return Some(at),
            quote @ (b'"' | b'`' | b'\'') => {
                at += 1;
                while at < bytes.len() && bytes[at] != quote {
                    at += if bytes[at] == b'\\' && quote != b'`' { 2 } else { 1 };
                }
                at += 1;
            }
            _ => at += 1,
        }
    }
    None
}

struct Parser<'t, 'p> {
    text: &'t str,
    actions: &'p [Action<'t>],
    next: usize,
    /// Where the unread text begins.
    at: usize,
    depth: usize,
    defines: &'p mut Defines<'t>,
}

/// The end of a block: `end`, or `else` with its condition.
enum Closer<'t> {
    End,
    Else(&'t str),
}

type Block<'t> = (Vec<Item<'t>>, Option<Closer<'t>>);

impl<'t> Parser<'t, '_> {
    fn text_until(&mut self, end: usize, trim_end: bool, items: &mut Vec<Item<'t>>) {
        let mut text = &self.text[self.at.min(end)..end];
        if trim_end {
            text = text.trim_end();
        }
        if !text.is_empty() {
            items.push(Item::Text { start: self.at, text });
        }
    }

    /// Reads up to the action that closes the block, or the end.
    fn block(&mut self) -> Result<Block<'t>, Malformed> {
        if self.depth > MAX_DEPTH {
            return Err(Malformed {
                at: self.at,
                message: "blocks are nested too deep",
            });
        }
        let mut items = Vec::new();
        while let Some(action) = self.actions.get(self.next) {
            self.next += 1;
            self.text_until(action.start, action.trim_before, &mut items);
            self.at = action.end;
            if action.trim_after {
                let rest = &self.text[self.at..];
                self.at += rest.len() - rest.trim_start().len();
            }
            let (word, rest) = first_word(action.body);
            match word {
                "end" => return Ok((items, Some(Closer::End))),
                "else" => return Ok((items, Some(Closer::Else(rest)))),
                "if" => {
                    let branches = self.branches(rest)?;
                    items.push(Item::If(branches));
                }
                "with" => {
                    let (variables, value) = declaration(rest);
                    let (body, otherwise) = self.body_and_else()?;
                    items.push(Item::With {
                        variable: variables.first().copied(),
                        value,
                        body,
                        otherwise,
                    });
                }
                "range" => {
                    let (variables, over) = declaration(rest);
                    let (body, otherwise) = self.body_and_else()?;
                    items.push(Item::Range {
                        variables,
                        over,
                        body,
                        otherwise,
                    });
                }
                "define" => {
                    let (body, _) = self.body_and_else()?;
                    if let Expr::Text(name) = expression(rest) {
                        self.defines.insert(name, body);
                    }
                }
                "block" => {
                    let (body, _) = self.body_and_else()?;
                    items.extend(body);
                }
                _ => {
                    if let Some(item) = self.plain_action(action) {
                        items.push(item);
                    }
                }
            }
        }
        self.text_until(self.text.len(), false, &mut items);
        Ok((items, None))
    }

    fn nested(&mut self) -> Result<(Vec<Item<'t>>, Closer<'t>), Malformed> {
        let opened = self.at;
        self.depth += 1;
        let (items, closer) = self.block()?;
        self.depth -= 1;
        let closer = closer.ok_or(Malformed {
            at: opened,
            message: "a block is never closed by `end`",
        })?;
        Ok((items, closer))
    }

    fn branches(&mut self, condition: &'t str) -> Result<Branches<'t>, Malformed> {
        let mut branches = Vec::new();
        let mut condition = Some(declaration(condition).1);
        loop {
            let (items, closer) = self.nested()?;
            branches.push((condition, items));
            condition = match closer {
                Closer::End => return Ok(branches),
                Closer::Else(rest) => match first_word(rest) {
                    ("if", condition) => Some(declaration(condition).1),
                    _ => None,
                },
            };
        }
    }

    fn body_and_else(&mut self) -> Result<(Vec<Item<'t>>, Vec<Item<'t>>), Malformed> {
        let (body, mut closer) = self.nested()?;
        let mut otherwise = Vec::new();
        while let Closer::Else(_) = closer {
            let (items, next) = self.nested()?;
            otherwise.extend(items);
            closer = next;
        }
        Ok((body, otherwise))
    }

    fn plain_action(&self, action: &Action<'t>) -> Option<Item<'t>> {
        let body = action.body;
        if body.is_empty() || body.starts_with("/*") || matches!(body, "break" | "continue") {
            return None;
        }
        if let Some(rest) = body.strip_prefix('$') {
            let end = rest
                .find(|c: char| !(c.is_alphanumeric() || c == '_'))
                .unwrap_or(rest.len());
            let (name, after) = rest.split_at(end);
            let after = after.trim_start();
            let assigned = after
                .strip_prefix(":=")
                .map(|v| (v, true))
                .or_else(|| after.strip_prefix('=').map(|v| (v, false)));
            if let Some((value, declare)) = assigned {
                return Some(Item::Assign {
                    name,
                    value: expression(value),
                    declare,
                });
            }
        }
        // `template` prints as `include` does.
        let value = match first_word(body) {
            ("template", rest) => match arguments(rest) {
                Some(arguments) => Expr::Call("include", arguments),
                None => Expr::Unknown,
            },
            _ => expression(body),
        };
        let before = &self.text[..action.start];
        let after = &self.text[action.end..];
        let blank = |text: &str| text.chars().all(char::is_whitespace);
        // With both of its ends trimmed, it is a part of the line that its text is printed in.
        let is_inline = action.trim_before && action.trim_after;
        let alone = !is_inline
            && blank(before.rsplit('\n').next().unwrap_or(""))
            && blank(after.split('\n').next().unwrap_or(""));
        Some(Item::Output(Output {
            value,
            start: action.start,
            source: &self.text[action.start..action.end],
            alone,
        }))
    }
}

fn first_word(body: &str) -> (&str, &str) {
    let end = body
        .find(|c: char| c.is_whitespace() || c == '(')
        .unwrap_or(body.len());
    (&body[..end], body[end..].trim_start())
}

/// `$k, $v := expression`, or only an expression.
fn declaration(text: &str) -> (Vec<&str>, Expr<'_>) {
    if let Some((names, value)) = text.split_once(":=")
        && names.trim_start().starts_with('$')
    {
        let names = names
            .split(',')
            .map(|n| n.trim().trim_start_matches('$'))
            .collect();
        return (names, expression(value));
    }
    (Vec::new(), expression(text))
}
