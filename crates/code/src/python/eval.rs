//! The value of an expression without running it: literals, arithmetic of constants, names that are bound
//! once, defaults of parameters, environment variables with their defaults. Everything that could be
//! different in another run is [`PyValue::Unknown`].

use super::arith::{compute, negate};
use super::labels;
use super::scope::{Branch, ClassId, FunctionId, Scope, Symbols};
use super::value::{Argument, Dict, DictItem, EnvValue, HOLE, MAX_LENGTH, PyValue, SPREAD, Val};
use cofferdam_syntax::Span;
use cofferdam_syntax::python::ast::{ArgKind, Call, Expr, ExprKind};
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap};

/// The maximum number of steps from name to name.
pub(super) const MAX_STEPS: u8 = 24;
/// The maximum number of expressions evaluated for one module; later ones are unknown.
const FUEL: u32 = 1_000_000;
/// The maximum of them for one value, so that names which refer to each other in many ways are given up soon.
const FUEL_OF_ONE: u32 = 4_000;
/// The maximum depth of one expression, names included; keeps the stack small.
const MAX_NESTING: u32 = 200;
/// The maximum number of values in one value; a larger one is data, not configuration.
const MAX_WEIGHT: usize = 1500;

/// Evaluates expressions of one module.
pub(super) struct Eval<'a, 's> {
    pub(super) symbols: &'s Symbols<'a>,
    fuel: Cell<u32>,
    nesting: Cell<u32>,
    /// The value of a name's bindings, by the address of their list.
    pub(super) known: RefCell<HashMap<usize, Val>>,
    /// The value of parameters outside any particular call.
    pub(super) parameters: RefCell<HashMap<(FunctionId, &'a str), Val>>,
    /// The prefix that a settings class declares for its variables.
    pub(super) prefixes: RefCell<BTreeMap<ClassId, Option<String>>>,
    /// The current depth of nested function evaluations.
    pub(super) calls: Cell<u8>,
}

/// The arguments with which a function is evaluated.
pub(super) struct Bound<'a> {
    pub(super) function: FunctionId,
    pub(super) values: BTreeMap<&'a str, Val>,
}

#[derive(Clone, Copy)]
pub(super) struct Frame<'f, 'a> {
    pub(super) scope: Scope,
    pub(super) steps: u8,
    pub(super) bound: Option<&'f Bound<'a>>,
    /// The local whose own value is being evaluated: `x = x or 5` means the parameter `x`.
    pub(super) busy: Option<(FunctionId, &'a str)>,
}

impl<'f, 'a> Frame<'f, 'a> {
    pub(super) fn deeper(self, scope: Scope) -> Frame<'f, 'a> {
        Frame {
            scope,
            steps: self.steps + 1,
            ..self
        }
    }
}

impl<'a, 's> Eval<'a, 's> {
    pub(super) fn new(symbols: &'s Symbols<'a>) -> Self {
        Eval {
            symbols,
            fuel: Cell::new(FUEL),
            nesting: Cell::new(0),
            known: RefCell::default(),
            parameters: RefCell::default(),
            prefixes: RefCell::default(),
            calls: Cell::new(0),
        }
    }

    /// Whether the module exceeded its budget; values found after that are unknown.
    pub(super) fn exhausted(&self) -> bool {
        self.fuel.get() == 0
    }

    /// The value of `expr` in `scope`.
    pub(super) fn value(&self, expr: &'a Expr, scope: Scope) -> Val {
        let frame = Frame {
            scope,
            steps: 0,
            bound: None,
            busy: None,
        };
        self.limited(|| self.at(expr, frame))
    }

    /// Runs `f` with the budget of one value.
    pub(super) fn limited<T>(&self, f: impl FnOnce() -> T) -> T {
        let all = self.fuel.get();
        let own = all.min(FUEL_OF_ONE);
        self.fuel.set(own);
        let result = f();
        self.fuel.set(all - own + self.fuel.get());
        result
    }

    /// The value of a name of the module.
    pub(super) fn global(&self, name: &'a str, span: Span) -> Val {
        let frame = Frame {
            scope: Scope::default(),
            steps: 0,
            bound: None,
            busy: None,
        };
        self.limited(|| self.lookup(name, span, frame))
    }

    /// The dotted name of a callee: `redis.asyncio.Redis`, `requests.Session.get`.
    pub(super) fn callee(&self, callee: &'a Expr, scope: Scope) -> Option<String> {
        match self.value(callee, scope).value {
            PyValue::Ref(name) => Some(name.into()),
            _ => None,
        }
    }

    /// Arguments of a call as named values, `parameters` naming the positional ones; the second part tells
    /// whether there may be more.
    pub(super) fn arguments(
        &self,
        call: &'a Call,
        scope: Scope,
        parameters: &[&str],
    ) -> (Vec<Argument>, bool) {
        let frame = Frame {
            scope,
            steps: 0,
            bound: None,
            busy: None,
        };
        self.limited(|| self.named_arguments(call, frame, parameters))
    }

    pub(super) fn named_arguments(
        &self,
        call: &'a Call,
        frame: Frame<'_, 'a>,
        parameters: &[&str],
    ) -> (Vec<Argument>, bool) {
        let mut args = Vec::new();
        let mut open = false;
        let mut position = 0;
        for arg in &call.args {
            let mut push = |name: &str, span: Span, value: Val| {
                args.push(Argument {
                    name: name.into(),
                    span,
                    value,
                });
            };
            match &arg.kind {
                ArgKind::Named(name) => push(name, arg.span, self.at(&arg.value, frame)),
                ArgKind::Positional => {
                    let value = self.at(&arg.value, frame);
                    match parameters.get(position) {
                        Some(name) => push(name, arg.span, value),
                        None => push(&position.to_string(), arg.span, value),
                    }
                    position += 1;
                }
                ArgKind::Splat => {
                    let value = self.at(&arg.value, frame);
                    match value.value {
                        PyValue::List(items) => {
                            for item in items {
                                let name = parameters
                                    .get(position)
                                    .map_or_else(|| position.to_string(), |n| (*n).to_owned());
                                push(&name, item.span, item);
                                position += 1;
                            }
                        }
                        _ => open = true,
                    }
                }
                ArgKind::DoubleSplat => match self.at(&arg.value, frame).value {
                    PyValue::Dict(dict) => {
                        open |= dict.open;
                        for item in dict.items {
                            let span = item.key_span.to(item.value.span);
                            push(&item.key, span, item.value);
                        }
                    }
                    // Values from another module or the environment are resolved after everything is read.
                    value if comes_from_elsewhere(&value) => {
                        let value = Val {
                            value,
                            span: arg.value.span,
                        };
                        push(SPREAD, arg.span, value);
                    }
                    _ => open = true,
                },
            }
        }
        (args, open)
    }

    pub(super) fn at(&self, expr: &'a Expr, frame: Frame<'_, 'a>) -> Val {
        let (left, nesting) = (self.fuel.get(), self.nesting.get());
        if left == 0 || frame.steps > MAX_STEPS || nesting > MAX_NESTING {
            return Val::unknown(expr.span);
        }
        self.fuel.set(left - 1);
        self.nesting.set(nesting + 1);
        let value = self.evaluate(expr, frame);
        self.nesting.set(nesting);
        // Names that double their contents would otherwise fill the memory. Copies cost too.
        let weight = value.weight(MAX_WEIGHT);
        let cost = u32::try_from(weight / 2).unwrap_or(u32::MAX);
        self.fuel.set(self.fuel.get().saturating_sub(cost));
        if weight >= MAX_WEIGHT {
            return Val::unknown(expr.span);
        }
        value
    }

    fn evaluate(&self, expr: &'a Expr, frame: Frame<'_, 'a>) -> Val {
        let value = match &expr.kind {
            ExprKind::None => PyValue::None,
            ExprKind::Bool(b) => PyValue::Bool(*b),
            ExprKind::Int(n) => PyValue::Int(*n),
            ExprKind::Float(n) => PyValue::Float(*n),
            ExprKind::Str(text) => PyValue::Str(text.clone()),
            ExprKind::Format(pieces) => self.format(pieces, frame),
            ExprKind::Name(name) => return self.lookup(name, expr.span, frame),
            ExprKind::Attribute(base, name) => return self.attribute(base, name, expr.span, frame),
            ExprKind::Index(base, key) => return self.index(base, key, expr.span, frame),
            ExprKind::Call(call) => return self.call(call, expr.span, frame),
            ExprKind::Dict(items) if items.len() >= MAX_WEIGHT => PyValue::Unknown,
            ExprKind::List(items) if items.len() >= MAX_WEIGHT => PyValue::Unknown,
            ExprKind::Dict(items) => PyValue::Dict(self.dict(items, frame)),
            ExprKind::List(items) => PyValue::List(self.list(items, frame)),
            ExprKind::Negative(inner) => negate(self.at(inner, frame).value),
            ExprKind::Binary(operator, pair) => {
                let (left, right) = (self.at(&pair.0, frame), self.at(&pair.1, frame));
                compute(*operator, left, right)
            }
            ExprKind::Or(pair) => return self.either(&pair.0, &pair.1, frame),
            ExprKind::Choice(choice) => {
                let then = self.at(&choice.then, frame);
                let other = self.at(&choice.other, frame);
                if same(&then, &other) {
                    return then;
                }
                PyValue::Unknown
            }
            ExprKind::Named(_, value) => return self.at(value, frame),
            ExprKind::Each(_) | ExprKind::Equals(_) => PyValue::Unknown,
            ExprKind::Other(items) => {
                // `stop_after_attempt(3) | stop_after_delay(10)`: both apply.
                let values = self.list(items, frame);
                let objects = |v: &Val| matches!(v.value, PyValue::Object(_) | PyValue::List(_));
                if values.len() > 1 && values.iter().all(objects) {
                    PyValue::List(values)
                } else {
                    PyValue::Unknown
                }
            }
        };
        Val {
            value,
            span: expr.span,
        }
    }

    fn list(&self, items: &'a [Expr], frame: Frame<'_, 'a>) -> Vec<Val> {
        let mut out = Vec::new();
        for item in items.iter().take(MAX_LENGTH) {
            out.push(self.at(item, frame));
        }
        out
    }

    fn format(&self, pieces: &'a [Expr], frame: Frame<'_, 'a>) -> PyValue {
        let values = self.list(pieces, frame);
        let elsewhere = |v: &Val| v.env().is_some() || comes_from_elsewhere(&v.value);
        if values.iter().any(elsewhere) {
            return PyValue::Format(values);
        }
        join(&values)
    }

    fn dict(&self, items: &'a [(Option<Expr>, Expr)], frame: Frame<'_, 'a>) -> Dict {
        let mut dict = Dict::default();
        for (key, value) in items {
            let value_of = self.at(value, frame);
            match key {
                Some(key) => {
                    let name = self.at(key, frame);
                    match name.scalar_text() {
                        Some(text) => dict.set(DictItem {
                            key: text.into(),
                            key_span: key.span,
                            value: value_of,
                        }),
                        None => dict.open = true,
                    }
                }
                None => merge(&mut dict, value_of),
            }
            if dict.items.len() > MAX_LENGTH {
                dict.open = true;
                break;
            }
        }
        dict
    }

    fn either(&self, left: &'a Expr, right: &'a Expr, frame: Frame<'_, 'a>) -> Val {
        let first = self.at(left, frame);
        let falsy = match &first.value {
            PyValue::Env(env) if env.default.as_ref().is_none_or(Val::is_none) && !env.required => {
                let mut env = env.clone();
                env.default = Some(self.at(right, frame));
                return Val {
                    value: PyValue::Env(env),
                    span: first.span,
                };
            }
            PyValue::None | PyValue::Bool(false) | PyValue::Int(0) => true,
            PyValue::Str(text) => text.is_empty(),
            PyValue::Unknown | PyValue::Ref(_) | PyValue::Partial(_) => {
                return Val::unknown(left.span.to(right.span));
            }
            _ => false,
        };
        if falsy { self.at(right, frame) } else { first }
    }

    fn index(&self, base: &'a Expr, key: &'a Expr, span: Span, frame: Frame<'_, 'a>) -> Val {
        let base = self.at(base, frame);
        let key_value = self.at(key, frame);
        match (&base.value, key_value.scalar_text()) {
            (PyValue::Ref(name), Some(variable)) if is_environ(name) => {
                let mut value = env(&variable, key.span, None);
                value.span = span;
                if let PyValue::Env(env) = &mut value.value {
                    env.required = true;
                }
                value
            }
            (PyValue::Dict(_) | PyValue::ByEnvironment(_), Some(key)) => {
                base.item(&key).unwrap_or_else(|| Val::unknown(span))
            }
            (PyValue::Dict(_), None) => by_environment(&base, None, span),
            (PyValue::Ref(name), Some(key)) => outside(name, &key, span),
            (PyValue::Object(object), Some(key)) => outside(&object.class, &key, span),
            (PyValue::List(items), Some(index)) => index
                .parse::<usize>()
                .ok()
                .and_then(|i| items.get(i).cloned())
                .unwrap_or_else(|| Val::unknown(span)),
            _ => Val::unknown(span),
        }
    }
}

/// The single value of several bindings or returns: the same everywhere, or one for each environment if
/// conditions distinguish the environments.
pub(super) fn one_of(mut values: Vec<(Val, Branch<'_>)>, span: Span) -> Val {
    if values.len() == 1 {
        return values.swap_remove(0).0;
    }
    let Some((first, rest)) = values.split_first() else {
        return Val::unknown(span);
    };
    if rest.iter().all(|(v, _)| same(&first.0, v)) {
        return first.0.clone();
    }
    let mut dict = Dict::default();
    for (value, branch) in &values {
        let labels = match branch.condition {
            None => vec![("", value.span)],
            Some(condition) => labels::of_condition(condition),
        };
        if labels.is_empty() {
            return Val::unknown(span);
        }
        for (label, key_span) in labels {
            dict.set(DictItem {
                key: label.into(),
                key_span,
                value: value.clone(),
            });
        }
    }
    by_environment(
        &Val {
            value: PyValue::Dict(dict),
            span,
        },
        None,
        span,
    )
}

/// A dictionary with a value for each environment, selected by the environment; `rest` is for those that it
/// does not name.
pub(super) fn by_environment(base: &Val, rest: Option<Val>, span: Span) -> Val {
    match &base.value {
        PyValue::Dict(dict) if labels::is_by_environment(dict) => {
            let mut dict = dict.clone();
            if let Some(value) = rest.filter(|r| !r.is_unknown()) {
                dict.set(DictItem {
                    key: "".into(),
                    key_span: value.span,
                    value,
                });
            }
            Val {
                value: PyValue::ByEnvironment(dict),
                span,
            }
        }
        _ => Val::unknown(span),
    }
}

/// Pieces of text as one, with a hole for each unknown piece.
pub fn join(pieces: &[Val]) -> PyValue {
    let mut text = String::new();
    let mut whole = true;
    for piece in pieces {
        match (&piece.value, piece.scalar_text()) {
            (_, Some(known)) if text.len() + known.len() <= MAX_LENGTH => text.push_str(&known),
            (PyValue::Partial(known), _) if text.len() + known.len() <= MAX_LENGTH => {
                text.push_str(known);
                whole = false;
            }
            _ => {
                text.push(HOLE);
                whole = false;
            }
        }
    }
    if whole {
        PyValue::Str(text.into())
    } else {
        PyValue::Partial(text.into())
    }
}

/// Whether a value comes from other modules or the environment.
pub(super) fn comes_from_elsewhere(value: &PyValue) -> bool {
    match value {
        PyValue::ByEnvironment(_) => true,
        PyValue::Ref(name) => name.contains('.'),
        PyValue::Object(object) => object.class.contains('.'),
        _ => false,
    }
}

/// An item of something that another module defines.
pub(super) fn outside(name: &str, key: &str, span: Span) -> Val {
    if name.len() + key.len() > 400 || !name.contains('.') {
        return Val::unknown(span);
    }
    Val {
        value: PyValue::Ref(format!("{name}.{key}").into()),
        span,
    }
}

impl<'a> Frame<'_, 'a> {
    pub(super) fn unbound<'f>(self) -> Frame<'f, 'a> {
        Frame {
            scope: self.scope,
            steps: self.steps,
            bound: None,
            busy: None,
        }
    }
}

pub(super) enum Passed<'a> {
    Value(&'a Expr),
    Nothing,
    Unknown,
}

/// The value that a call passes for a parameter.
pub(super) fn passed<'a>(info: &super::scope::FunctionInfo<'a>, call: &'a Call, name: &str) -> Passed<'a> {
    let positional: Vec<_> = info
        .function
        .parameters
        .iter()
        .map(|p| &*p.name)
        .filter(|p| !matches!(*p, "self" | "cls"))
        .collect();
    let index = positional.iter().position(|p| *p == name);
    let mut position = 0;
    let mut splat = false;
    for arg in &call.args {
        match &arg.kind {
            ArgKind::Named(n) if &**n == name => return Passed::Value(&arg.value),
            ArgKind::Positional => {
                if Some(position) == index && !splat {
                    return Passed::Value(&arg.value);
                }
                position += 1;
            }
            ArgKind::Splat | ArgKind::DoubleSplat => splat = true,
            ArgKind::Named(_) => {}
        }
    }
    if splat { Passed::Unknown } else { Passed::Nothing }
}

fn is_environ(name: &str) -> bool {
    matches!(name, "os.environ" | "environ")
}

pub(super) fn env(name: &str, span: Span, default: Option<Val>) -> Val {
    Val {
        value: PyValue::Env(Box::new(EnvValue {
            name: name.into(),
            name_span: span,
            default,
            required: false,
            scale: 1.0,
        })),
        span,
    }
}

pub(super) fn merge(dict: &mut Dict, other: Val) {
    match other.value {
        PyValue::Dict(more) => {
            dict.open |= more.open;
            for item in more.items {
                dict.set(item);
            }
        }
        _ => dict.open = true,
    }
}

/// Whether two values are the same, whatever their places.
pub(super) fn same(a: &Val, b: &Val) -> bool {
    match (&a.value, &b.value) {
        (PyValue::Unknown, _) | (_, PyValue::Unknown) => false,
        (PyValue::List(x), PyValue::List(y)) => {
            x.len() == y.len() && x.iter().zip(y).all(|(x, y)| same(x, y))
        }
        (PyValue::Dict(x), PyValue::Dict(y)) => {
            x.open == y.open
                && x.items.len() == y.items.len()
                && x.items
                    .iter()
                    .zip(&y.items)
                    .all(|(x, y)| x.key == y.key && same(&x.value, &y.value))
        }
        (PyValue::ByEnvironment(x), PyValue::ByEnvironment(y)) => {
            x.items.len() == y.items.len()
                && x.items
                    .iter()
                    .zip(&y.items)
                    .all(|(x, y)| x.key == y.key && same(&x.value, &y.value))
        }
        (PyValue::Object(x), PyValue::Object(y)) => x.class == y.class,
        (PyValue::Env(x), PyValue::Env(y)) => x.name == y.name,
        (x, y) => x == y,
    }
}
