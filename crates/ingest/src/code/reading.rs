//! One module read for one environment: values of variables and arguments as facts.

use super::imports::MAX_IMPORTS;
use super::project::Project;
use super::resolved::{Resolved, inferred};
use super::sections;
use cofferdam_code::python::value::{Argument, EnvValue, PyValue, SPREAD, Val};
use cofferdam_code::python::{ClientCall, Module, labels};
use cofferdam_model::{Environment, Fact, Owner, Source, Variables};
use cofferdam_syntax::tree::{Node, Scalar, Style, Value};
use std::borrow::Cow;

/// A module that is read for one environment.
pub(super) struct Reading<'r, 'm> {
    pub(super) project: &'r Project<'m>,
    pub(super) module: &'m Module,
    /// The module's calls, with the values of other modules' `**settings`.
    pub(super) calls: Cow<'m, [ClientCall]>,
    pub(super) variables: Option<&'r Variables>,
    pub(super) env: &'r Environment,
    pub(super) owner: Owner,
}

impl Reading<'_, '_> {
    /// The value in this environment; `None` if no file contains it.
    pub(super) fn resolve(&self, value: &Val) -> Option<Resolved> {
        match &value.value {
            PyValue::Ref(name) => {
                let (module, found) = self.project.lookup(self.module, name, MAX_IMPORTS)?;
                self.here(&found, &format!("a constant in {}", module.path.display()))
            }
            PyValue::Object(object) if object.class.contains('.') => {
                let settings = |v: &Val| {
                    let dictionary = matches!(v.value, PyValue::Dict(_) | PyValue::ByEnvironment(_));
                    dictionary
                        || matches!(
                            v.value,
                            PyValue::Str(_) | PyValue::Partial(_) | PyValue::Format(_)
                        )
                };
                match self.project.lookup(self.module, &object.class, MAX_IMPORTS) {
                    Some((_, found)) if settings(&found) => {
                        self.here(&found, &format!("what {} returns", object.class))
                    }
                    _ => self.here(value, "a literal in the code"),
                }
            }
            _ => self.here(value, "a literal in the code"),
        }
    }

    /// A value of one module in this environment.
    pub(super) fn here(&self, value: &Val, why: &str) -> Option<Resolved> {
        match &value.value {
            PyValue::Unknown | PyValue::Ref(_) => None,
            PyValue::Env(env) => self.variable(env),
            PyValue::ByEnvironment(dict) => {
                let names = dict.items.iter().filter_map(|i| labels::exact(&i.key));
                let item = match sections::chosen(&self.env.name, names) {
                    Some(name) => dict.items.iter().find(|i| labels::exact(&i.key) == Some(name)),
                    None => dict.items.iter().find(|i| i.key.is_empty()),
                }?;
                match &item.value.value {
                    // Environments nested in environments do not occur in practice.
                    PyValue::ByEnvironment(_) => None,
                    _ => self.here(&item.value, why),
                }
            }
            PyValue::Format(pieces) => {
                let known: Vec<Val> = pieces
                    .iter()
                    .map(|p| match &p.value {
                        PyValue::Format(_) => Val::unknown(p.span),
                        _ => self.resolve(p).map_or(Val::unknown(p.span), |k| k.value),
                    })
                    .collect();
                let text = Val {
                    value: cofferdam_code::python::eval::join(&known),
                    span: value.span,
                };
                Some(inferred(text, why))
            }
            _ => Some(inferred(value.clone(), why)),
        }
    }

    /// Adds the items of `**settings` to the arguments, if other modules or the environment contain them.
    pub(super) fn spread(&mut self) {
        let is_spread = |a: &Argument| &*a.name == SPREAD;
        if !self.calls.iter().any(|c| c.args.iter().any(is_spread)) {
            return;
        }
        let mut calls = self.calls.to_vec();
        for call in &mut calls {
            let mut args = Vec::new();
            for arg in std::mem::take(&mut call.args) {
                if !is_spread(&arg) {
                    args.push(arg);
                    continue;
                }
                match self.resolve(&arg.value).map(|k| k.value.value) {
                    Some(PyValue::Dict(dict)) => {
                        call.open |= dict.open;
                        args.extend(dict.items.into_iter().map(|item| Argument {
                            name: item.key,
                            span: item.key_span.to(item.value.span),
                            value: item.value,
                        }));
                    }
                    _ => call.open = true,
                }
            }
            call.args = args;
        }
        self.calls = Cow::Owned(calls);
    }

    /// A variable's value: as the service's files set it, otherwise the code's default.
    pub(super) fn variable(&self, env: &EnvValue) -> Option<Resolved> {
        match self.variables.and_then(|v| v.get(&*env.name)) {
            Some(variable) => {
                let text = variable.value.value.text()?;
                let span = variable.value.span().unwrap_or(variable.name_span);
                let value = if env.scale == 1.0 {
                    PyValue::Str(text.into())
                } else {
                    PyValue::Float(text.trim().parse::<f64>().ok()? * env.scale)
                };
                Some(Resolved {
                    value: Val { value, span },
                    source: variable.value.source.clone(),
                })
            }
            None => {
                let default = self.resolve(env.default.as_ref()?)?;
                let span = default.value.span;
                Some(Resolved {
                    source: Source::Inferred {
                        span,
                        why: format!("the code's default while {} is not set", env.name).into(),
                    },
                    value: default.value,
                })
            }
        }
    }

    /// A variable as a node of a configuration tree.
    pub(super) fn variable_node(&self, env: &EnvValue) -> Option<Node> {
        let variable = self.variables?.get(&*env.name)?;
        let span = variable.value.span().unwrap_or(variable.name_span);
        let value = match variable.value.value.text() {
            Some(text) => Value::Scalar(Scalar {
                text: text.into(),
                style: Style::Plain,
            }),
            None => Value::Unknown(format!("environment variable {}", env.name).into()),
        };
        Some(Node { span, value })
    }

    /// The fact of an argument.
    pub(super) fn fact<T>(
        &self,
        arg: Option<&Argument>,
        read: impl FnOnce(&Val) -> Option<T>,
    ) -> Option<Fact<T>> {
        self.resolve(&arg?.value)?.fact(read)
    }

    /// The fact of the first of several folded argument names.
    pub(super) fn arg<T>(
        &self,
        call: &ClientCall,
        names: &[&str],
        read: impl FnOnce(&Val) -> Option<T>,
    ) -> Option<Fact<T>> {
        self.fact(call.any_arg(names), read)
    }

    /// Whether an argument is given whose value no file contains.
    pub(super) fn is_hidden(&self, call: &ClientCall, name: &str) -> bool {
        let unknown = |known: Option<Resolved>| known.is_none_or(|k| k.value.object().is_some());
        call.arg(name)
            .is_some_and(|a| !a.value.is_none() && unknown(self.resolve(&a.value)))
    }

    /// An argument that is a dictionary.
    pub(super) fn dict_arg(&self, call: &ClientCall, name: &str) -> Option<cofferdam_code::python::Dict> {
        match self.resolve(&call.arg(name)?.value)?.value.value {
            PyValue::Dict(dict) => Some(dict),
            _ => None,
        }
    }
}
