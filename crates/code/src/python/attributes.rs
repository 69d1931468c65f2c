//! The value of an attribute: of a class, of its instances, and of settings classes, whose fields are
//! variables of the environment.

use super::eval::{Eval, Frame, MAX_STEPS, env};
use super::scope::{Binding, ClassId, Holder};
use super::value::{PyValue, Val};
use cofferdam_syntax::Span;
use cofferdam_syntax::python::ast::{Expr, StmtKind};

impl<'a> Eval<'a, '_> {
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
        self.limited(|| self.class_attribute(class, name, info.class.name_span, frame))
    }

    pub(super) fn class_attribute(
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
        is_settings.then(|| self.prefix_of(class).unwrap_or_default())
    }

    /// The same for every field of a class, so it is looked for once.
    fn prefix_of(&self, class: ClassId) -> Option<String> {
        if let Some(known) = self.prefixes.borrow().get(&class) {
            return known.clone();
        }
        let prefix = self.declared_prefix(class);
        self.prefixes.borrow_mut().insert(class, prefix.clone());
        prefix
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

    /// A field of a settings class: the variable with its name and the field's default.
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
}
