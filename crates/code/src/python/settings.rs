//! The settings of a module: constants, fields of classes with their defaults, dictionaries in functions, as
//! one tree of names that a generic reader of configuration can search.

use super::eval::Eval;
use super::labels;
use super::scope::{ClassId, Scope};
use super::value::{Dict, DictItem, PyValue, Val};
use cofferdam_syntax::python::ast::{Expr, ExprKind, Stmt, StmtKind};
use cofferdam_syntax::{FileId, Span};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// The tree of settings, and the values that other modules can import by name.
pub(super) struct Settings {
    pub(super) tree: Dict,
    pub(super) exports: BTreeMap<String, Val>,
}

/// Reads the settings of a module.
pub(super) fn read<'a>(file: FileId, body: &'a [Stmt], eval: &Eval<'a, '_>) -> Settings {
    let mut tree = Growing::default();
    let reader = Reader { eval };
    reader.body(body, Scope::default(), None, &mut tree);
    Settings {
        tree: tree.dict,
        exports: exports(file, eval),
    }
}

struct Reader<'a, 's, 'e> {
    eval: &'e Eval<'a, 's>,
}

impl<'a> Reader<'a, '_, '_> {
    fn body(&self, body: &'a [Stmt], scope: Scope, label: Option<&Label>, out: &mut Growing) {
        for stmt in body {
            match &stmt.kind {
                StmtKind::Function(function) => {
                    let Some(id) = self.eval.symbols.function_at(function.name_span) else {
                        continue;
                    };
                    let mut inner = Growing::default();
                    let inner_scope = Scope {
                        class: scope.class,
                        function: Some(id),
                    };
                    self.body(&function.body, inner_scope, None, &mut inner);
                    if !inner.dict.items.is_empty() {
                        out.put(
                            &function.name,
                            function.name_span,
                            dict_val(inner.dict, function.name_span),
                            label,
                        );
                    }
                }
                StmtKind::Class(class) => {
                    let Some(id) = self.eval.symbols.class_at(class.name_span) else {
                        continue;
                    };
                    let mut inner = Growing::default();
                    let inner_scope = Scope {
                        class: Some(id),
                        function: None,
                    };
                    self.body(&class.body, inner_scope, None, &mut inner);
                    self.fields(id, &mut inner);
                    if !inner.dict.items.is_empty() {
                        out.put(
                            &class.name,
                            class.name_span,
                            dict_val(inner.dict, class.name_span),
                            label,
                        );
                    }
                }
                StmtKind::Assign(assign) if !assign.augmented => {
                    let (Some(value), [target, ..]) = (&assign.value, assign.targets.as_slice()) else {
                        continue;
                    };
                    if let Some(name) = target.name() {
                        let value = self.eval.value(value, scope);
                        if worth(&value, scope.function.is_some()) {
                            out.put(name, target.span, value, label);
                        }
                    } else if let (Some(name), ExprKind::Dict(_)) = (target.self_attribute(), &value.kind)
                        && label.is_some()
                    {
                        let value = self.eval.value(value, scope);
                        out.put(name, target.span, value, label);
                    }
                }
                StmtKind::Return(Some(value)) => {
                    let value = self.eval.value(value, scope);
                    // A name that was bound to a dictionary above already exists.
                    if stmt.span.start <= value.span.start && worth(&value, true) {
                        out.put("returns", stmt.span, value, label);
                    }
                }
                StmtKind::If(branches) => {
                    for (condition, inner) in branches {
                        let own = condition.as_ref().and_then(label_of);
                        self.body(inner, scope, own.as_ref().or(label), out);
                    }
                }
                _ => {
                    for inner in stmt.bodies() {
                        self.body(inner, scope, label, out);
                    }
                }
            }
        }
    }

    /// Attributes that the instances of a class have.
    fn fields(&self, id: ClassId, out: &mut Growing) {
        let info = self.eval.symbols.class(id);
        let names = info
            .self_attributes
            .iter()
            .chain(&info.attributes)
            .map(|(name, bindings)| (*name, bindings.first().and_then(|b| b.value).map(|v| v.span)))
            .chain(
                info.annotations
                    .iter()
                    .map(|(name, (at, _))| (*name, Some(at.span))),
            );
        for (name, span) in names {
            if info.self_attributes.contains_key(name) && out.has(name) {
                continue;
            }
            let Some(value) = self.eval.attribute_value(id, name) else {
                continue;
            };
            if worth(&value, false) {
                out.put(name, span.unwrap_or(value.span), value, None);
            }
        }
        let init = info
            .methods
            .get("__init__")
            .map(|f| self.eval.symbols.function(*f));
        for parameter in init.iter().flat_map(|f| &f.function.parameters) {
            if let Some(default) = &parameter.default {
                let value = self.eval.value(default, info.outer);
                if worth(&value, false) && !out.has(&parameter.name) {
                    out.put(&parameter.name, parameter.span, value, None);
                }
            }
        }
        out.dict.items.sort_by_key(|i| i.key_span);
    }
}

fn dict_val(dict: Dict, span: Span) -> Val {
    Val {
        value: PyValue::Dict(dict),
        span,
    }
}

/// Whether a value is useful: in a function only dictionaries are.
fn worth(value: &Val, in_function: bool) -> bool {
    match &value.value {
        PyValue::Dict(dict) => !dict.items.is_empty(),
        PyValue::Bool(_) | PyValue::Int(_) | PyValue::Float(_) | PyValue::Str(_) | PyValue::Env(_) => {
            !in_function
        }
        PyValue::List(items) => !in_function && items.iter().any(|i| worth(i, false)),
        _ => false,
    }
}

/// The environment or mode that a branch is for.
struct Label(Vec<(Box<str>, Span)>);

fn label_of(condition: &Expr) -> Option<Label> {
    let names = labels::of_condition(condition).into_iter();
    let names: Vec<_> = names.map(|(name, span)| (name.into(), span)).collect();
    (!names.is_empty()).then_some(Label(names))
}

/// Where the keys of a dictionary are, by label and key.
type Places = HashMap<(Option<Box<str>>, Box<str>), usize>;

/// A dictionary that grows, and where each of its keys is. A class of settings may have thousands of fields.
#[derive(Default)]
struct Growing {
    dict: Dict,
    /// The items by key; with a label, those of the dictionary under the label.
    places: Places,
    /// The labels whose dictionaries are in `places`.
    labels: BTreeSet<Box<str>>,
}

impl Growing {
    fn has(&self, name: &str) -> bool {
        self.places.contains_key(&(None, name.into()))
    }

    fn put(&mut self, name: &str, span: Span, value: Val, label: Option<&Label>) {
        let Some(Label(labels)) = label else {
            put(&mut self.dict, (&mut self.places, None), name, span, value);
            return;
        };
        for (label, label_span) in labels {
            let at = *self.places.entry((None, label.clone())).or_insert_with(|| {
                self.dict.items.push(DictItem {
                    key: label.clone(),
                    key_span: *label_span,
                    value: dict_val(Dict::default(), *label_span),
                });
                self.dict.items.len() - 1
            });
            let Some(section) = self.dict.items.get_mut(at) else {
                continue;
            };
            if let PyValue::Dict(inner) = &mut section.value.value {
                if self.labels.insert(label.clone()) {
                    // A dictionary that was written under this name.
                    let keys = inner
                        .items
                        .iter()
                        .map(|item| (Some(label.clone()), item.key.clone()));
                    self.places.extend(keys.zip(0..));
                }
                put(
                    inner,
                    (&mut self.places, Some(label.clone())),
                    name,
                    span,
                    value.clone(),
                );
            }
        }
    }
}

/// Sets a key of a dictionary whose items are in `places` under `label`.
fn put(out: &mut Dict, (places, label): (&mut Places, Option<Box<str>>), name: &str, span: Span, value: Val) {
    let mut key: Box<str> = name.into();
    let mut number = 1;
    // If two dictionaries in different functions' branches have one name, both are kept.
    loop {
        let item = DictItem {
            key: key.clone(),
            key_span: span,
            value: value.clone(),
        };
        let known = places.get(&(label.clone(), key.clone())).copied();
        match known.and_then(|at| out.items.get_mut(at)) {
            Some(known) if known.key_span != span && number < 50 => {
                number += 1;
                key = format!("{name} {number}").into();
            }
            Some(known) => {
                *known = item;
                return;
            }
            None => {
                places.insert((label, key), out.items.len());
                out.items.push(item);
                return;
            }
        }
    }
}

/// The exports of a module: `NAME`, `Class.attribute`, and objects of classes by name.
fn exports(file: FileId, eval: &Eval<'_, '_>) -> BTreeMap<String, Val> {
    let symbols = eval.symbols;
    let mut exports = BTreeMap::new();
    for (name, bindings) in &symbols.globals {
        let Some(at) = bindings.iter().find_map(|b| b.value) else {
            continue;
        };
        let value = eval.global(name, at.span);
        if value.value != PyValue::Unknown {
            exports.insert((*name).to_owned(), value);
        }
    }
    for (local, target) in &symbols.imports {
        exports.entry((*local).to_owned()).or_insert_with(|| Val {
            value: PyValue::Ref((*target).into()),
            span: Span::new(file, 0, 0),
        });
    }
    for (name, id) in &symbols.function_names {
        let value = eval.result(*id);
        if matches!(
            value.value,
            PyValue::Object(_)
                | PyValue::Dict(_)
                | PyValue::ByEnvironment(_)
                | PyValue::Str(_)
                | PyValue::Partial(_)
                | PyValue::Format(_)
        ) {
            exports.entry((*name).to_owned()).or_insert(value);
        }
    }
    for (index, info) in symbols.classes.iter().enumerate() {
        let names = info
            .attributes
            .keys()
            .chain(info.annotations.keys())
            .chain(info.self_attributes.keys());
        for name in names {
            if let Some(value) = eval.attribute_value(ClassId(index), name)
                && !value.is_unknown()
            {
                exports.insert(format!("{}.{name}", info.class.name), value);
            }
        }
    }
    exports
}
