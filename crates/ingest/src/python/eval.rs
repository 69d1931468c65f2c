//! What an expression is worth without running it: literals, arithmetic of constants, names that are
//! bound once, defaults of parameters, environment variables with their defaults. Whatever could be
//! something else in another run is [`PyValue::Unknown`].

use super::arith::{compute, negate};
use super::ast::{ArgKind, Call, Expr, ExprKind, StmtKind};
use super::labels;
use super::scope::{Binding, Branch, ClassId, FunctionId, Holder, Scope, Symbols};
use super::value::{Argument, Dict, DictItem, EnvValue, HOLE, Object, PyValue, SPREAD, Val};
use cofferdam_model::Span;
use std::cell::Cell;
use std::collections::BTreeMap;

/// How many steps from name to name are followed.
const MAX_STEPS: u8 = 24;
/// How many expressions one module may cost; what comes later is unknown.
const FUEL: u32 = 2_000_000;
/// How deep one expression may lead, all names included; keeps the stack small.
const MAX_NESTING: u32 = 200;
/// Longest text and list that is built.
pub(super) const MAX_LENGTH: usize = 20_000;
/// How many calls of a function are compared to learn a parameter's value.
const MAX_SITES: usize = 12;

/// Evaluates expressions of one module.
pub(super) struct Eval<'a, 's> {
    pub(super) symbols: &'s Symbols<'a>,
    fuel: Cell<u32>,
    nesting: Cell<u32>,
}

/// Arguments that a function is evaluated with.
pub(super) struct Bound<'a> {
    pub(super) function: FunctionId,
    pub(super) values: BTreeMap<&'a str, Val>,
}

#[derive(Clone, Copy)]
pub(super) struct Frame<'f, 'a> {
    pub(super) scope: Scope,
    pub(super) steps: u8,
    pub(super) bound: Option<&'f Bound<'a>>,
    /// The local whose own value is being looked for: `x = x or 5` means the parameter `x`.
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
        }
    }

    /// Whether the module cost more than it may; values found after that are unknown.
    pub(super) fn exhausted(&self) -> bool {
        self.fuel.get() == 0
    }

    /// The value of `expr`, which stands in `scope`.
    pub(super) fn value(&self, expr: &'a Expr, scope: Scope) -> Val {
        self.at(
            expr,
            Frame {
                scope,
                steps: 0,
                bound: None,
                busy: None,
            },
        )
    }

    /// The value of a name of the module.
    pub(super) fn global(&self, name: &'a str, span: Span) -> Val {
        let frame = Frame {
            scope: Scope::default(),
            steps: 0,
            bound: None,
            busy: None,
        };
        self.lookup(name, span, frame)
    }

    /// The dotted name that a callee stands for: `redis.asyncio.Redis`, `requests.Session.get`.
    pub(super) fn callee(&self, callee: &'a Expr, scope: Scope) -> Option<String> {
        match self.value(callee, scope).value {
            PyValue::Ref(name) => Some(name.into()),
            _ => None,
        }
    }

    /// Arguments of a call as named values, `parameters` naming the positional ones; the second part
    /// tells whether there may be more.
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
        self.named_arguments(call, frame, parameters)
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
                    // What another module or the environment tells is looked up when all is read.
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
                // `stop_after_attempt(3) | stop_after_delay(10)`: both are there.
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

    pub(super) fn lookup(&self, name: &'a str, span: Span, frame: Frame<'_, 'a>) -> Val {
        let symbols = self.symbols;
        let mut function = frame.scope.function;
        while let Some(id) = function {
            let info = symbols.function(id);
            if frame.busy != Some((id, name))
                && let Some(bindings) = info.locals.get(name)
            {
                let inner = Frame {
                    busy: Some((id, name)),
                    ..frame
                };
                return self.bindings(bindings, (Holder::Function(id), name), span, inner);
            }
            if info.function.parameters.iter().any(|p| &*p.name == name) {
                return self.parameter(id, name, span, frame);
            }
            function = info.outer.function;
        }
        if let Scope {
            class: Some(id),
            function: None,
        } = frame.scope
            && let Some(bindings) = symbols.class(id).attributes.get(name)
        {
            return self.bindings(bindings, (Holder::Class(id), name), span, frame);
        }
        // `except ImportError: KafkaConsumer = None` does not change what the import brought.
        let nothing = |b: &Binding<'a>| b.value.is_some_and(|v| v.kind == ExprKind::None);
        if let Some(bindings) = symbols.globals.get(name)
            && !(symbols.imports.contains_key(name) && bindings.iter().all(nothing))
        {
            return self.bindings(bindings, (Holder::Module, name), span, frame);
        }
        let target = symbols.imports.get(name).copied().unwrap_or(name);
        Val {
            value: PyValue::Ref(target.into()),
            span,
        }
    }

    /// The one value that all bindings of a name have, with what is later put into it.
    fn bindings(
        &self,
        bindings: &[Binding<'a>],
        place: (Holder, &'a str),
        span: Span,
        frame: Frame<'_, 'a>,
    ) -> Val {
        let is_none = |b: &&Binding<'a>| b.value.is_some_and(|v| v.kind == ExprKind::None);
        let real: Vec<_> = bindings.iter().filter(|b| !is_none(b)).collect();
        let chosen = if real.is_empty() {
            bindings.iter().collect()
        } else {
            real
        };
        let mut values = Vec::new();
        for binding in chosen {
            let Some(value) = binding.value else {
                return Val::unknown(span);
            };
            values.push((self.at(value, frame.deeper(binding.scope)), binding.branch));
        }
        let mut value = one_of(values, span);
        if let (PyValue::Dict(dict), Some(mutations)) = (&mut value.value, self.symbols.mutations.get(&place))
        {
            for mutation in mutations.iter().take(MAX_LENGTH) {
                let mut new = self.at(mutation.value, frame.deeper(mutation.scope));
                match mutation.key {
                    Some(key) => match self.at(key, frame.deeper(mutation.scope)).scalar_text() {
                        Some(text) => {
                            if mutation.conditional {
                                new = Val::unknown(new.span);
                            }
                            dict.set(DictItem {
                                key: text.into(),
                                key_span: key.span,
                                value: new,
                            });
                        }
                        None => dict.open = true,
                    },
                    None if mutation.conditional => dict.open = true,
                    None => merge(dict, new),
                }
            }
        }
        value
    }

    fn parameter(&self, id: FunctionId, name: &'a str, span: Span, frame: Frame<'_, 'a>) -> Val {
        let info = self.symbols.function(id);
        if let Some(bound) = frame.bound
            && bound.function == id
            && let Some(value) = bound.values.get(name)
        {
            return value.clone();
        }
        let Some(parameter) = info.function.parameters.iter().find(|p| &*p.name == name) else {
            return Val::unknown(span);
        };
        if name == "self" || name == "cls" {
            return match info.outer.class {
                Some(class) => Val {
                    value: PyValue::Object(Box::new(Object {
                        class: self.symbols.class(class).class.name.clone(),
                        args: Vec::new(),
                        open: true,
                    })),
                    span,
                },
                None => Val::unknown(span),
            };
        }
        let inner = Frame {
            scope: info.outer,
            steps: frame.steps + 1,
            bound: None,
            busy: None,
        };
        let default = parameter.default.as_ref().map(|d| self.at(d, inner));
        let mut values: Vec<Val> = Vec::new();
        let mut omitted = false;
        for (call, scope) in self.sites_of(id) {
            match passed(info, call, name) {
                Passed::Value(expr) => values.push(self.at(expr, frame.deeper(scope).unbound())),
                Passed::Nothing => omitted = true,
                Passed::Unknown => return Val::unknown(span),
            }
        }
        if omitted && let Some(default) = &default {
            values.push(default.clone());
        }
        match values.split_first() {
            Some((first, rest)) if rest.iter().all(|v| same(first, v)) && !first.is_unknown() => {
                return first.clone();
            }
            Some((_, rest)) if !rest.is_empty() => return Val::unknown(span),
            _ => {}
        }
        match (default, &parameter.annotation) {
            (Some(default), None) => default,
            (Some(default), _) if !default.is_none() => default,
            (default, Some(annotation)) => self
                .annotated(annotation, inner)
                .or(default)
                .unwrap_or_else(|| Val::unknown(span)),
            (None, None) => Val::unknown(span),
        }
    }

    /// The calls of a function in this module; of an initialiser, those of its class.
    pub(super) fn sites_of(&self, id: FunctionId) -> Vec<(&'a Call, Scope)> {
        let info = self.symbols.function(id);
        let name: &str = &info.function.name;
        let method_of = match info.outer {
            Scope {
                class: Some(class),
                function: None,
            } => Some(class),
            _ => None,
        };
        let wanted = match method_of {
            Some(class) if name == "__init__" => &*self.symbols.class(class).class.name,
            _ => name,
        };
        let sites = self.symbols.sites.get(wanted).map(Vec::as_slice);
        sites
            .unwrap_or_default()
            .iter()
            .filter(|site| match method_of {
                Some(_) if name == "__init__" => site.call.callee.name().is_some(),
                Some(class) => site.call.callee.self_attribute().is_some() && site.scope.class == Some(class),
                None => site.call.callee.name().is_some(),
            })
            .filter(|site| site.scope.function != Some(id))
            .take(MAX_SITES)
            .map(|site| (site.call, site.scope))
            .collect()
    }

    /// An object of the class that an annotation names.
    fn annotated(&self, annotation: &'a Expr, frame: Frame<'_, 'a>) -> Option<Val> {
        let class = match &annotation.kind {
            ExprKind::Name(_) | ExprKind::Attribute(..) => annotation,
            ExprKind::Index(base, inner) if base.last_name() == Some("Optional") => inner,
            ExprKind::Other(items) => items.iter().find(|i| i.kind != ExprKind::None)?,
            _ => return None,
        };
        match self.at(class, frame).value {
            PyValue::Ref(name) if name.contains('.') || self.symbols.class_names.contains_key(&*name) => {
                Some(Val {
                    value: PyValue::Object(Box::new(Object {
                        class: name,
                        args: Vec::new(),
                        open: true,
                    })),
                    span: annotation.span,
                })
            }
            _ => None,
        }
    }

    pub(super) fn attribute(&self, base: &'a Expr, name: &'a str, span: Span, frame: Frame<'_, 'a>) -> Val {
        if matches!(base.name(), Some("self" | "cls"))
            && let Some(class) = frame.scope.class
        {
            return self
                .class_attribute(class, name, span, frame)
                .unwrap_or_else(|| Val::unknown(span));
        }
        let owner = match self.at(base, frame).value {
            PyValue::Ref(owner) => owner,
            PyValue::Object(object) => object.class,
            _ => return Val::unknown(span),
        };
        match self.symbols.class_names.get(&*owner) {
            Some(class) => self
                .class_attribute(*class, name, span, frame)
                .unwrap_or_else(|| Val::unknown(span)),
            None if owner.len() + name.len() < 400 => Val {
                value: PyValue::Ref(format!("{owner}.{name}").into()),
                span,
            },
            None => Val::unknown(span),
        }
    }

    /// An attribute of a class of this module or of its instances.
    pub(super) fn attribute_value(&self, class: ClassId, name: &'a str) -> Option<Val> {
        let info = self.symbols.class(class);
        let frame = Frame {
            scope: info.outer,
            steps: 0,
            bound: None,
            busy: None,
        };
        self.class_attribute(class, name, info.class.name_span, frame)
    }

    fn class_attribute(
        &self,
        class: ClassId,
        name: &'a str,
        span: Span,
        frame: Frame<'_, 'a>,
    ) -> Option<Val> {
        if frame.steps > MAX_STEPS {
            return None;
        }
        let info = self.symbols.class(class);
        let place = (Holder::Class(class), name);
        let unbound = frame.unbound();
        let annotation = || {
            let (annotation, scope) = info.annotations.get(name)?;
            self.annotated(annotation, unbound.deeper(*scope))
        };
        if let Some(bindings) = info.self_attributes.get(name) {
            let value = self.bindings(bindings, place, span, unbound);
            return if value.is_unknown() || value.is_none() {
                annotation().or(Some(value))
            } else {
                Some(value)
            };
        }
        if let Some(bindings) = info.attributes.get(name) {
            let value = self.bindings(bindings, place, span, unbound);
            if info.annotations.contains_key(name)
                && let Some(prefix) = self.settings_prefix(class, 0)
            {
                return Some(self.setting(name, &prefix, value, bindings));
            }
            return Some(value);
        }
        if let Some((at, _)) = info.annotations.get(name) {
            if let Some(prefix) = self.settings_prefix(class, 0) {
                return Some(env(&format!("{prefix}{name}").to_uppercase(), at.span, None));
            }
            return annotation();
        }
        let bases = info.class.bases.iter().filter_map(Expr::name);
        bases
            .filter_map(|b| self.symbols.class_names.get(b))
            .find_map(|b| self.class_attribute(*b, name, span, frame.deeper(frame.scope)))
    }

    /// The prefix of the variables that a settings class (pydantic) reads; `None` for other classes.
    pub(super) fn settings_prefix(&self, class: ClassId, depth: u8) -> Option<String> {
        let info = self.symbols.class(class);
        let is_settings = info.class.bases.iter().any(|base| {
            base.last_name() == Some("BaseSettings")
                || depth < 4
                    && base
                        .name()
                        .and_then(|b| self.symbols.class_names.get(b))
                        .is_some_and(|b| self.settings_prefix(*b, depth + 1).is_some())
        });
        is_settings.then(|| self.declared_prefix(class).unwrap_or_default())
    }

    fn declared_prefix(&self, class: ClassId) -> Option<String> {
        let info = self.symbols.class(class);
        for binding in info.attributes.get("model_config").into_iter().flatten() {
            let value = self.value(binding.value?, binding.scope);
            let prefix = match &value.value {
                PyValue::Object(object) => object.arg("envprefix").map(|a| &a.value),
                PyValue::Dict(dict) => dict.get("env_prefix"),
                _ => None,
            };
            if let Some(prefix) = prefix.and_then(Val::as_str) {
                return Some(prefix.to_owned());
            }
        }
        let inner = info.class.body.iter().find_map(|stmt| match &stmt.kind {
            StmtKind::Class(c) if &*c.name == "Config" => Some(c),
            _ => None,
        })?;
        inner.body.iter().find_map(|stmt| match &stmt.kind {
            StmtKind::Assign(a) if a.targets.first()?.name()? == "env_prefix" => {
                a.value.as_ref()?.text().map(str::to_owned)
            }
            _ => None,
        })
    }

    /// A field of a settings class: the variable of its name with the field's default.
    fn setting(&self, name: &str, prefix: &str, value: Val, bindings: &[Binding<'a>]) -> Val {
        if matches!(value.value, PyValue::Env(_)) {
            return value;
        }
        let binding = bindings.first().copied();
        let declared = binding.and_then(|b| {
            let call = b.value?.call()?;
            let (args, _) = self.arguments(call, b.scope, &["default"]);
            ["env", "validationalias", "alias"]
                .iter()
                .find_map(|key| super::value::find(&args, key)?.value.as_str().map(str::to_owned))
        });
        let variable = declared.unwrap_or_else(|| format!("{prefix}{name}").to_uppercase());
        let span = value.span;
        let default = (!value.is_unknown()).then_some(value);
        env(&variable, span, default)
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

/// The one value of several bindings or returns: the same everywhere, or one for each environment
/// where conditions tell the environments apart.
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

/// A dictionary with a value for each environment, of which the environment chooses; `rest` is for those
/// that it does not name.
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

/// Pieces of text as one, with a hole for each that is not known.
pub(super) fn join(pieces: &[Val]) -> PyValue {
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

/// Whether other modules or the environment tell what a value is.
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

/// What a call passes for a parameter.
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

/// Whether two values are the same, wherever they are written.
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
