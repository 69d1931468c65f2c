//! The part of Python's syntax that configuration uses, with the place of every piece. It owns its text, is
//! no deeper than [`super::lower::MAX_DEPTH`], and knows nothing of tree-sitter.

use crate::source::Span;

/// An expression and its place (a string's place includes its quotes).
#[derive(Debug, Clone, PartialEq)]
pub struct Expr {
    /// Its place.
    pub span: Span,
    /// Its kind.
    pub kind: ExprKind,
}

/// The kind of an expression.
#[derive(Debug, Clone, PartialEq)]
pub enum ExprKind {
    /// `None`.
    None,
    /// `True` or `False`.
    Bool(bool),
    /// A whole number that fits.
    Int(i64),
    /// A number with a fraction or an exponent.
    Float(f64),
    /// A string literal, escapes resolved and neighbours joined.
    Str(Box<str>),
    /// An f-string: literal pieces are `Str`, the rest is interpolated.
    Format(Vec<Expr>),
    /// A name.
    Name(Box<str>),
    /// `value.name`.
    Attribute(Box<Expr>, Box<str>),
    /// `value[index]`.
    Index(Box<Expr>, Box<Expr>),
    /// A call.
    Call(Box<Call>),
    /// A dictionary; an item without a key is `**value`.
    Dict(Vec<(Option<Expr>, Expr)>),
    /// A list, tuple or set.
    List(Vec<Expr>),
    /// `-value`.
    Negative(Box<Expr>),
    /// Arithmetic of two values.
    Binary(Operator, Box<(Expr, Expr)>),
    /// `a or b`.
    Or(Box<(Expr, Expr)>),
    /// `value if condition else other`.
    Choice(Box<Choice>),
    /// A comprehension or generator: `element` is built once for each item of `over`.
    Each(Box<Each>),
    /// `name := value`.
    Named(Box<str>, Box<Expr>),
    /// A comparison whose only operator is `==` or `in`.
    Equals(Box<(Expr, Expr)>),
    /// Anything else, with the expressions inside it.
    Other(Vec<Expr>),
}

/// `then if condition else other`.
#[derive(Debug, Clone, PartialEq)]
pub struct Choice {
    /// The value if the condition is true.
    pub then: Expr,
    /// The condition.
    pub condition: Expr,
    /// The value if it is not.
    pub other: Expr,
}

/// A comprehension.
#[derive(Debug, Clone, PartialEq)]
pub struct Each {
    /// The element, built each time.
    pub element: Expr,
    /// The iterated values, and the conditions.
    pub over: Vec<Expr>,
}

/// Arithmetic that is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `/`
    Divide,
    /// `//`
    FloorDivide,
    /// `%`
    Modulo,
    /// `**`
    Power,
    /// `<<`
    ShiftLeft,
}

/// A call.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// The callee.
    pub callee: Expr,
    /// The arguments, in the order written.
    pub args: Vec<CallArg>,
}

/// An argument of a call.
#[derive(Debug, Clone, PartialEq)]
pub struct CallArg {
    /// The whole argument, name included.
    pub span: Span,
    /// How it is passed.
    pub kind: ArgKind,
    /// Its value.
    pub value: Expr,
}

/// How an argument is passed.
#[derive(Debug, Clone, PartialEq)]
pub enum ArgKind {
    /// By position.
    Positional,
    /// By name.
    Named(Box<str>),
    /// `*value`.
    Splat,
    /// `**value`.
    DoubleSplat,
}

/// A statement and its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Stmt {
    /// Its place.
    pub span: Span,
    /// Its kind.
    pub kind: StmtKind,
}

/// The kind of a statement.
#[derive(Debug, Clone, PartialEq)]
pub enum StmtKind {
    /// Local names and the dotted names they stand for; `*` is all names of a module.
    Import(Vec<(Box<str>, Box<str>)>),
    /// An assignment.
    Assign(Box<Assign>),
    /// An expression on a line of its own.
    Expr(Expr),
    /// `return`, with its value.
    Return(Option<Expr>),
    /// `raise`, `break`, `continue`.
    Jump(Jump),
    /// A function.
    Function(Box<Function>),
    /// A class.
    Class(Box<Class>),
    /// Branches with their conditions; `else` has none.
    If(Vec<(Option<Expr>, Vec<Stmt>)>),
    /// `for` or `while`.
    Loop(Box<Loop>),
    /// `try`.
    Try(Box<Try>),
    /// Context managers with the names they are bound to.
    With(Vec<(Expr, Option<Expr>)>, Vec<Stmt>),
    /// Statements of which only the order is known (`match`, broken text).
    Block(Vec<Stmt>),
}

/// A statement that leaves the straight line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Jump {
    /// `raise`.
    Raise,
    /// `break`.
    Break,
    /// `continue`.
    Continue,
}

/// `a = b = value`, `a: type = value`, `a += value`.
#[derive(Debug, Clone, PartialEq)]
pub struct Assign {
    /// The targets, several for `a = b = value`.
    pub targets: Vec<Expr>,
    /// The written type.
    pub annotation: Option<Expr>,
    /// The value; `a: int` has none.
    pub value: Option<Expr>,
    /// Whether it is `+=` or similar.
    pub augmented: bool,
}

/// A function or method.
#[derive(Debug, Clone, PartialEq)]
pub struct Function {
    /// Its name.
    pub name: Box<str>,
    /// Place of the name.
    pub name_span: Span,
    /// Its parameters.
    pub parameters: Vec<Parameter>,
    /// Its decorators, without `@`.
    pub decorators: Vec<Expr>,
    /// Its statements.
    pub body: Vec<Stmt>,
}

/// A parameter of a function.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameter {
    /// Its name, stars included.
    pub name: Box<str>,
    /// Its place.
    pub span: Span,
    /// The written type.
    pub annotation: Option<Expr>,
    /// The default.
    pub default: Option<Expr>,
}

/// A class.
#[derive(Debug, Clone, PartialEq)]
pub struct Class {
    /// Its name.
    pub name: Box<str>,
    /// Place of the name.
    pub name_span: Span,
    /// The classes that it extends.
    pub bases: Vec<Expr>,
    /// Its decorators, without `@`.
    pub decorators: Vec<Expr>,
    /// Its statements.
    pub body: Vec<Stmt>,
}

/// `for target in over` or `while over`.
#[derive(Debug, Clone, PartialEq)]
pub struct Loop {
    /// The loop's variable; `while` has none.
    pub target: Option<Expr>,
    /// The iterated value, or the condition.
    pub over: Option<Expr>,
    /// The statements of the loop.
    pub body: Vec<Stmt>,
    /// The statements of its `else`.
    pub after: Vec<Stmt>,
}

/// `try`.
#[derive(Debug, Clone, PartialEq)]
pub struct Try {
    /// The statements that are tried.
    pub body: Vec<Stmt>,
    /// The statements of each `except`.
    pub handlers: Vec<Vec<Stmt>>,
    /// The statements of `else`.
    pub otherwise: Vec<Stmt>,
    /// The statements of `finally`.
    pub finally: Vec<Stmt>,
}

impl Expr {
    /// The name, if the expression is one.
    pub fn name(&self) -> Option<&str> {
        match &self.kind {
            ExprKind::Name(name) => Some(name),
            _ => None,
        }
    }

    /// The text, if the expression is a string literal.
    pub fn text(&self) -> Option<&str> {
        match &self.kind {
            ExprKind::Str(text) => Some(text),
            _ => None,
        }
    }

    /// The call, if the expression is one.
    pub fn call(&self) -> Option<&Call> {
        match &self.kind {
            ExprKind::Call(call) => Some(call),
            _ => None,
        }
    }

    /// `X` of `self.X` or `cls.X`.
    pub fn self_attribute(&self) -> Option<&str> {
        match &self.kind {
            ExprKind::Attribute(base, name) => matches!(base.name(), Some("self" | "cls")).then_some(name),
            _ => None,
        }
    }

    /// The dotted name as written: `a.b.c`.
    pub fn dotted(&self) -> Option<String> {
        match &self.kind {
            ExprKind::Name(name) => Some(name.to_string()),
            ExprKind::Attribute(base, name) => Some(format!("{}.{name}", base.dotted()?)),
            _ => None,
        }
    }

    /// The last part of the name: `c` of `a.b().c`.
    pub fn last_name(&self) -> Option<&str> {
        match &self.kind {
            ExprKind::Name(name) | ExprKind::Attribute(_, name) => Some(name),
            _ => None,
        }
    }

    /// Calls `f` with this expression and every one inside it, outermost first, in the order written.
    pub fn visit<'a>(&'a self, f: &mut dyn FnMut(&'a Expr)) {
        f(self);
        for child in self.children() {
            child.visit(f);
        }
    }

    /// The expressions directly inside this one, in the order written.
    pub fn children(&self) -> Vec<&Expr> {
        match &self.kind {
            ExprKind::Format(items) | ExprKind::List(items) | ExprKind::Other(items) => {
                items.iter().collect()
            }
            ExprKind::Attribute(base, _) | ExprKind::Negative(base) | ExprKind::Named(_, base) => {
                vec![base]
            }
            ExprKind::Index(base, index) => vec![base, index],
            ExprKind::Call(call) => std::iter::once(&call.callee)
                .chain(call.args.iter().map(|a| &a.value))
                .collect(),
            ExprKind::Dict(items) => items.iter().flat_map(|(k, v)| k.iter().chain([v])).collect(),
            ExprKind::Binary(_, pair) | ExprKind::Or(pair) | ExprKind::Equals(pair) => {
                vec![&pair.0, &pair.1]
            }
            ExprKind::Choice(choice) => vec![&choice.then, &choice.condition, &choice.other],
            ExprKind::Each(each) => std::iter::once(&each.element).chain(&each.over).collect(),
            _ => Vec::new(),
        }
    }
}

impl Stmt {
    /// The lists of statements directly inside this one; those of functions and classes too.
    pub fn bodies(&self) -> Vec<&[Stmt]> {
        match &self.kind {
            StmtKind::Function(f) => vec![&f.body],
            StmtKind::Class(c) => vec![&c.body],
            StmtKind::If(branches) => branches.iter().map(|(_, body)| body.as_slice()).collect(),
            StmtKind::Loop(l) => vec![&l.body, &l.after],
            StmtKind::Try(t) => std::iter::once(t.body.as_slice())
                .chain(t.handlers.iter().map(Vec::as_slice))
                .chain([t.otherwise.as_slice(), t.finally.as_slice()])
                .collect(),
            StmtKind::With(_, body) | StmtKind::Block(body) => vec![body],
            _ => Vec::new(),
        }
    }

    /// The expressions in the statement itself, not in its bodies, in the order written.
    pub fn expressions(&self) -> Vec<&Expr> {
        match &self.kind {
            StmtKind::Assign(a) => a.targets.iter().chain(&a.annotation).chain(&a.value).collect(),
            StmtKind::Expr(e) => vec![e],
            StmtKind::Return(e) => e.iter().collect(),
            StmtKind::Function(f) => f
                .decorators
                .iter()
                .chain(f.parameters.iter().filter_map(|p| p.default.as_ref()))
                .collect(),
            StmtKind::Class(c) => c.decorators.iter().chain(&c.bases).collect(),
            StmtKind::If(branches) => branches.iter().filter_map(|(c, _)| c.as_ref()).collect(),
            StmtKind::Loop(l) => l.target.iter().chain(&l.over).collect(),
            StmtKind::With(items, _) => items.iter().map(|(e, _)| e).collect(),
            _ => Vec::new(),
        }
    }
}
