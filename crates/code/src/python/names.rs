//! The value of a name: locals, parameters by the callers' arguments, module constants, imports.

use super::eval::{Bound, Eval, Frame, MAX_STEPS, Passed, merge, one_of, passed, same};
use super::scope::{Binding, FunctionId, Holder, Scope};
use super::value::{DictItem, MAX_LENGTH, Object, PyValue, Val};
use cofferdam_syntax::Span;
use cofferdam_syntax::python::ast::{Call, Expr, ExprKind};

/// How many calls of a function are compared to learn a parameter's value.
const MAX_SITES: usize = 12;

impl<'a> Eval<'a, '_> {
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
        // `except ImportError: KafkaConsumer = None` does not change the imported value.
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

    /// The single value of all bindings of a name, with later additions.
    ///
    /// A name has the same value wherever it is used, unless a function is evaluated with its own arguments,
    /// so it is evaluated once. During its own evaluation it is unknown, which ends cycles.
    pub(super) fn bindings(
        &self,
        bindings: &[Binding<'a>],
        place: (Holder, &'a str),
        span: Span,
        frame: Frame<'_, 'a>,
    ) -> Val {
        let own = |b: &Bound<'a>| place.0 == Holder::Function(b.function);
        if frame.bound.is_some_and(own) {
            return self.find_bindings(bindings, place, span, frame);
        }
        // The list's address identifies it: lists live as long as the symbols.
        let key = bindings.as_ptr() as usize;
        if let Some(known) = self.known.borrow().get(&key) {
            return known.clone();
        }
        self.known.borrow_mut().insert(key, Val::unknown(span));
        let frame = Frame { bound: None, ..frame };
        let value = self.find_bindings(bindings, place, span, frame);
        if frame.steps > MAX_STEPS / 2 {
            // At this depth the result may be cut short; from elsewhere it may be complete.
            self.known.borrow_mut().remove(&key);
        } else {
            self.known.borrow_mut().insert(key, value.clone());
        }
        value
    }

    fn find_bindings(
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
        if let Some(bound) = frame.bound
            && bound.function == id
            && let Some(value) = bound.values.get(name)
        {
            return value.clone();
        }
        let key = (id, name);
        if let Some(known) = self.parameters.borrow().get(&key) {
            return known.clone();
        }
        self.parameters.borrow_mut().insert(key, Val::unknown(span));
        let value = self.passed_everywhere(id, name, span, frame);
        if frame.steps > MAX_STEPS / 2 {
            self.parameters.borrow_mut().remove(&key);
        } else {
            self.parameters.borrow_mut().insert(key, value.clone());
        }
        value
    }

    /// The value of a parameter: from all calls of its function in the module, otherwise its default,
    /// otherwise an object of its annotated class.
    fn passed_everywhere(&self, id: FunctionId, name: &'a str, span: Span, frame: Frame<'_, 'a>) -> Val {
        let info = self.symbols.function(id);
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
    pub(super) fn annotated(&self, annotation: &'a Expr, frame: Frame<'_, 'a>) -> Option<Val> {
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
}
