//! The result of a call, as far as it can be known: reads of the environment, functions of the module itself,
//! conversions, and methods of known values.

use super::arith::{convert, timedelta};
use super::eval::{Bound, Eval, Frame, Passed, by_environment, env, merge, one_of, outside, passed};
use super::scope::{FunctionId, Scope};
use super::value::{Dict, DictItem, MAX_LENGTH, Object, PyValue, SPREAD, Val};
use cofferdam_syntax::Span;
use cofferdam_syntax::python::ast::{ArgKind, Call, Expr, ExprKind};
use std::collections::BTreeMap;

/// The maximum depth of nested function evaluations.
const MAX_CALLS: u8 = 4;

impl<'a> Eval<'a, '_> {
    pub(super) fn call(&self, call: &'a Call, span: Span, frame: Frame<'_, 'a>) -> Val {
        if let ExprKind::Attribute(base, _) = &call.callee.kind {
            let receiver = self.at(base, frame);
            if let Some(value) = self.method_of_value(&receiver, call, span, frame) {
                return value;
            }
        }
        if let Some(id) = self.local_function(&call.callee, frame) {
            return self.returned(id, call, span, frame);
        }
        let callee = match self.at(&call.callee, frame).value {
            PyValue::Ref(name) => name,
            // A callable object: `config("NAME", default=5)` of starlette or environs.
            PyValue::Object(object) => object.class,
            _ => return Val::unknown(span),
        };
        if let Some(value) = self.variable(&callee, call, span, frame) {
            return value;
        }
        self.builtin(&callee, call, span, frame)
    }

    /// The function of this module that a callee refers to: `f()` or `self.f()`.
    pub(super) fn local_callee(&self, callee: &Expr, scope: Scope) -> Option<FunctionId> {
        match (callee.name(), callee.self_attribute()) {
            (Some(name), _) => self.symbols.function_names.get(name).copied(),
            (_, Some(name)) => self.symbols.method(scope.class?, name),
            _ => None,
        }
    }

    fn local_function(&self, callee: &Expr, frame: Frame<'_, 'a>) -> Option<FunctionId> {
        self.local_callee(callee, frame.scope)
    }

    /// The result of a function of this module for these arguments, if there is exactly one.
    fn returned(&self, id: FunctionId, call: &'a Call, span: Span, frame: Frame<'_, 'a>) -> Val {
        let info = self.symbols.function(id);
        let within = self.calls.get();
        let recursive = frame.scope.function == Some(id);
        if recursive || info.returns.is_empty() || info.returns.len() > 6 || within >= MAX_CALLS {
            return Val::unknown(span);
        }
        self.calls.set(within + 1);
        let value = self.returned_by(id, call, span, frame);
        self.calls.set(within);
        value
    }

    fn returned_by(&self, id: FunctionId, call: &'a Call, span: Span, frame: Frame<'_, 'a>) -> Val {
        let info = self.symbols.function(id);
        let mut values = BTreeMap::new();
        for parameter in &info.function.parameters {
            match passed(info, call, &parameter.name) {
                Passed::Value(expr) => {
                    values.insert(&*parameter.name, self.at(expr, frame.deeper(frame.scope)));
                }
                Passed::Nothing => {
                    if let Some(default) = &parameter.default {
                        let inner = frame.deeper(info.outer).unbound();
                        values.insert(&*parameter.name, self.at(default, inner));
                    }
                }
                Passed::Unknown => return Val::unknown(span),
            }
        }
        let bound = Bound { function: id, values };
        let inner = Frame {
            scope: Scope {
                class: info.outer.class,
                function: Some(id),
            },
            steps: frame.steps + 1,
            bound: Some(&bound),
            busy: None,
        };
        let mut results: Vec<Val> = info.returns.iter().map(|(r, _)| self.at(r, inner)).collect();
        if let [_] = results.as_slice()
            && let Some(only) = results.pop()
        {
            return only;
        }
        // A helper that reads a variable and uses an argument as its default has two results: both count.
        let variable = results.iter().position(|v| v.env().is_some());
        if let (true, Some(at)) = (info.reads_env, variable) {
            let mut value = results.swap_remove(at);
            if let PyValue::Env(env) = &mut value.value
                && env.default.as_ref().is_none_or(Val::is_none)
            {
                env.default = results.into_iter().find(|v| v.scalar_text().is_some());
            }
            return value;
        }
        let branches = info.returns.iter().map(|(_, branch)| *branch);
        one_of(results.into_iter().zip(branches).collect(), span)
    }

    /// The result of a function, whatever its arguments are.
    pub(super) fn result(&self, id: FunctionId) -> Val {
        let info = self.symbols.function(id);
        let scope = Scope {
            class: info.outer.class,
            function: Some(id),
        };
        let results = info.returns.iter();
        let results = results.map(|(value, branch)| (self.value(value, scope), *branch));
        one_of(results.collect(), info.function.name_span)
    }

    fn variable(&self, callee: &str, call: &'a Call, span: Span, frame: Frame<'_, 'a>) -> Option<Val> {
        let reader = match callee {
            "os.getenv" | "os.environ.get" | "getenv" | "environ.get" => Reader::Optional,
            "decouple.config"
            | "starlette.config.Config"
            | "environ.Env"
            | "environs.Env"
            | "environs.env"
            | "prettyconf.config" => Reader::Required,
            _ if ["environs.Env.", "environs.env.", "environ.Env."]
                .iter()
                .any(|p| callee.starts_with(p)) =>
            {
                Reader::Required
            }
            _ => return None,
        };
        let (args, _) = self.named_arguments(call, frame.deeper(frame.scope), &["name", "default"]);
        let name = args.iter().find(|a| matches!(&*a.name, "name" | "key" | "var"))?;
        let variable = match (&name.value.value, callee) {
            // `Config(".env")` creates the reader; it reads nothing.
            (PyValue::Str(text), "starlette.config.Config") if text.starts_with('.') => return None,
            (PyValue::Str(text), _) if !text.is_empty() && text.len() < 200 => text.to_string(),
            _ => return None,
        };
        let default = args
            .iter()
            .find(|a| &*a.name == "default")
            .map(|a| a.value.clone());
        let required = reader == Reader::Required && default.is_none();
        let mut value = env(&variable, name.value.span, default);
        value.span = span;
        if let PyValue::Env(env) = &mut value.value {
            env.required = required;
        }
        Some(value)
    }

    fn builtin(&self, callee: &str, call: &'a Call, span: Span, frame: Frame<'_, 'a>) -> Val {
        let inner = frame.deeper(frame.scope);
        let known = |value: PyValue| Val { value, span };
        let first = || call.args.first().filter(|a| a.kind == ArgKind::Positional);
        match callee {
            "int"
            | "float"
            | "str"
            | "bool"
            | "Decimal"
            | "decimal.Decimal"
            | "pydantic.SecretStr"
            | "sqlalchemy.engine.make_url"
            | "sqlalchemy.make_url"
            | "sqlalchemy.text"
            | "list"
            | "tuple"
            | "set"
            | "typing.cast" => {
                let arg = match (callee, first()) {
                    ("typing.cast", _) => call.args.get(1),
                    (_, first) => first,
                };
                match arg {
                    Some(arg) => convert(callee, self.at(&arg.value, inner), span),
                    None => Val::unknown(span),
                }
            }
            "dict" | "collections.OrderedDict" => {
                let mut dict = Dict::default();
                if let Some(arg) = first() {
                    merge(&mut dict, self.at(&arg.value, inner));
                }
                let (args, open) = self.named_arguments(call, inner, &[""]);
                for arg in args.into_iter().filter(|a| !a.name.is_empty()) {
                    dict.set(DictItem {
                        key: arg.name,
                        key_span: arg.span,
                        value: arg.value,
                    });
                }
                dict.open |= open;
                known(PyValue::Dict(dict))
            }
            "datetime.timedelta" | "timedelta" => {
                let (args, open) = self.named_arguments(call, inner, &["days", "seconds", "microseconds"]);
                known(match timedelta(&args) {
                    Some(seconds) if !open => PyValue::Float(seconds),
                    _ => PyValue::Unknown,
                })
            }
            "field"
            | "dataclasses.field"
            | "Field"
            | "pydantic.Field"
            | "attr.ib"
            | "attrs.field"
            | "attr.field"
            | "pydantic.fields.Field"
            | "sqlmodel.Field" => {
                let (args, _) = self.named_arguments(call, inner, &["default"]);
                if let Some(default) = args.iter().find(|a| &*a.name == "default") {
                    return default.value.clone();
                }
                let factory = call.args.iter().find(
                    |a| matches!(&a.kind, ArgKind::Named(n) if matches!(&**n, "default_factory" | "factory")),
                );
                match factory.map(|f| &f.value.kind) {
                    // A lambda: its body is its result.
                    Some(ExprKind::Other(body)) if body.len() == 1 => self.at(&body[0], inner),
                    _ => Val::unknown(span),
                }
            }
            _ if callee.len() < 400 => {
                let (args, open) = self.named_arguments(call, inner, &[]);
                let open = open || args.iter().any(|a| &*a.name == SPREAD);
                known(PyValue::Object(Box::new(Object {
                    class: callee.into(),
                    args,
                    open,
                })))
            }
            _ => Val::unknown(span),
        }
    }

    /// A method of a known value: `dict.get`, `str.split`, `timedelta.total_seconds`.
    fn method_of_value(
        &self,
        receiver: &Val,
        call: &'a Call,
        span: Span,
        frame: Frame<'_, 'a>,
    ) -> Option<Val> {
        let arg = |i: usize| {
            let arg = call.args.get(i)?;
            (arg.kind == ArgKind::Positional).then(|| self.at(&arg.value, frame.deeper(frame.scope)))
        };
        match (&receiver.value, call.callee.last_name()?) {
            (PyValue::Dict(dict), "get" | "pop" | "setdefault") => {
                let Some(key) = arg(0)?.scalar_text() else {
                    return Some(by_environment(receiver, arg(1), span));
                };
                match dict.get(&key) {
                    Some(value) => Some(value.clone()),
                    None if dict.open => Some(Val::unknown(span)),
                    None => arg(1),
                }
            }
            (PyValue::ByEnvironment(_), "get") => {
                let key = arg(0)?.scalar_text()?;
                receiver.item(&key).or_else(|| arg(1))
            }
            // A dictionary of another module; the default counts only if the dictionary has no such key.
            (PyValue::Object(object), "get") if call.args.len() <= 2 && is_lower(&object.class) => {
                let key = arg(0)?.scalar_text()?;
                Some(outside(&object.class, &key, span))
            }
            (PyValue::Ref(name), "get")
                if call.args.len() <= 2 && is_lower(name) && !name.contains("environ") =>
            {
                let key = arg(0)?.scalar_text()?;
                Some(outside(name, &key, span))
            }
            (PyValue::Dict(_) | PyValue::ByEnvironment(_), "copy") => Some(receiver.clone()),
            (PyValue::Float(_), "total_seconds") => Some(receiver.clone()),
            (PyValue::Env(_) | PyValue::Str(_), "strip" | "lower" | "upper" | "rstrip" | "lstrip")
                if call.args.is_empty() =>
            {
                Some(receiver.clone())
            }
            (PyValue::Env(_), "split" | "encode" | "get_secret_value") => Some(receiver.clone()),
            (PyValue::Str(_), "encode" | "get_secret_value") => Some(receiver.clone()),
            (PyValue::Str(text), "split") => {
                let separator = arg(0)?;
                let separator = separator.as_str().filter(|s| !s.is_empty())?;
                let parts = text.split(separator).take(MAX_LENGTH).map(|part| Val {
                    value: PyValue::Str(part.into()),
                    span: receiver.span,
                });
                Some(Val {
                    value: PyValue::List(parts.collect()),
                    span: receiver.span,
                })
            }
            _ => None,
        }
    }
}

/// Whether a dotted name ends in a function's name; a client's `get` is a request.
fn is_lower(name: &str) -> bool {
    let last = name.rsplit('.').next().unwrap_or(name);
    name.contains('.')
        && last.starts_with(|c: char| c.is_lowercase())
        && super::clients::lookup(name).is_none()
        && super::clients::lookup(&format!("{name}.get")).is_none()
}

#[derive(PartialEq, Eq)]
enum Reader {
    /// Returns `None` for a variable that is not set.
    Optional,
    /// Fails for a variable that is not set and has no default.
    Required,
}
