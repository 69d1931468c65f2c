//! Which scope defines which name: imports, module constants, classes, functions and their locals, and where
//! each function is called. Built in one walk; [`super::eval`] looks names up in it.

use cofferdam_syntax::Span;
use cofferdam_syntax::python::ast::{ArgKind, Assign, Call, Class, Expr, ExprKind, Function, Stmt, StmtKind};
use std::collections::BTreeMap;

/// Index into [`Symbols::functions`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct FunctionId(pub(super) usize);

/// Index into [`Symbols::classes`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ClassId(pub(super) usize);

/// The scope of an expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) struct Scope {
    pub(super) class: Option<ClassId>,
    pub(super) function: Option<FunctionId>,
}

/// A value bound to a name; without a value it cannot be known (a loop's variable).
#[derive(Debug, Clone, Copy)]
pub(super) struct Binding<'a> {
    pub(super) value: Option<&'a Expr>,
    pub(super) scope: Scope,
    pub(super) branch: Branch<'a>,
}

/// The branch that contains something.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Branch<'a> {
    /// Whether it happens only in some runs.
    pub(super) conditional: bool,
    /// Condition of the innermost `if`; `else` has none.
    pub(super) condition: Option<&'a Expr>,
}

/// `name[key] = value` or `name.update(value)`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mutation<'a> {
    /// The key; `update` has none.
    pub(super) key: Option<&'a Expr>,
    pub(super) value: &'a Expr,
    /// Whether it happens only in some runs.
    pub(super) conditional: bool,
    pub(super) scope: Scope,
}

/// A call of something, by its last name.
#[derive(Debug, Clone, Copy)]
pub(super) struct Site<'a> {
    pub(super) call: &'a Call,
    pub(super) scope: Scope,
}

/// A function with its locals.
#[derive(Debug)]
pub(super) struct FunctionInfo<'a> {
    pub(super) function: &'a Function,
    /// The scope of the function itself.
    pub(super) outer: Scope,
    pub(super) locals: BTreeMap<&'a str, Vec<Binding<'a>>>,
    /// What it returns, in the order written.
    pub(super) returns: Vec<(&'a Expr, Branch<'a>)>,
    /// Whether it reads an environment variable.
    pub(super) reads_env: bool,
}

/// A class with its attributes.
#[derive(Debug)]
pub(super) struct ClassInfo<'a> {
    pub(super) class: &'a Class,
    /// The scope of the class.
    pub(super) outer: Scope,
    pub(super) attributes: BTreeMap<&'a str, Vec<Binding<'a>>>,
    pub(super) annotations: BTreeMap<&'a str, (&'a Expr, Scope)>,
    pub(super) self_attributes: BTreeMap<&'a str, Vec<Binding<'a>>>,
    pub(super) methods: BTreeMap<&'a str, FunctionId>,
}

/// The name whose value a mutation changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Holder {
    Module,
    Function(FunctionId),
    Class(ClassId),
}

/// All names of a module.
#[derive(Debug, Default)]
pub(super) struct Symbols<'a> {
    pub(super) imports: BTreeMap<&'a str, &'a str>,
    pub(super) stars: Vec<&'a str>,
    pub(super) globals: BTreeMap<&'a str, Vec<Binding<'a>>>,
    pub(super) functions: Vec<FunctionInfo<'a>>,
    pub(super) classes: Vec<ClassInfo<'a>>,
    pub(super) function_names: BTreeMap<&'a str, FunctionId>,
    pub(super) class_names: BTreeMap<&'a str, ClassId>,
    pub(super) mutations: BTreeMap<(Holder, &'a str), Vec<Mutation<'a>>>,
    pub(super) sites: BTreeMap<&'a str, Vec<Site<'a>>>,
    function_places: BTreeMap<Span, FunctionId>,
    class_places: BTreeMap<Span, ClassId>,
}

impl<'a> Symbols<'a> {
    /// Walks a module.
    pub(super) fn of(body: &'a [Stmt]) -> Self {
        let mut symbols = Symbols::default();
        symbols.walk(body, Scope::default(), Branch::default());
        symbols
    }

    /// The function defined at the place of its name.
    pub(super) fn function_at(&self, name_span: Span) -> Option<FunctionId> {
        self.function_places.get(&name_span).copied()
    }

    /// The class defined at the place of its name.
    pub(super) fn class_at(&self, name_span: Span) -> Option<ClassId> {
        self.class_places.get(&name_span).copied()
    }

    /// The function of an id; ids come from this table.
    pub(super) fn function(&self, id: FunctionId) -> &FunctionInfo<'a> {
        &self.functions[id.0]
    }

    /// The class of an id; ids come from this table.
    pub(super) fn class(&self, id: ClassId) -> &ClassInfo<'a> {
        &self.classes[id.0]
    }

    /// A method of a class or of its bases in this module.
    pub(super) fn method(&self, class: ClassId, name: &str) -> Option<FunctionId> {
        let mut next = Some(class);
        for _ in 0..8 {
            let info = self.class(next?);
            if let Some(id) = info.methods.get(name) {
                return Some(*id);
            }
            next = info
                .class
                .bases
                .iter()
                .filter_map(Expr::name)
                .find_map(|b| self.class_names.get(b).copied());
        }
        None
    }

    fn walk(&mut self, body: &'a [Stmt], scope: Scope, branch: Branch<'a>) {
        for stmt in body {
            for expr in stmt.expressions() {
                self.expressions(expr, scope, branch);
            }
            match &stmt.kind {
                StmtKind::Import(names) => {
                    for (local, target) in names {
                        if &**local == "*" {
                            self.stars.push(target);
                        } else {
                            self.imports.entry(local).or_insert(target);
                        }
                    }
                }
                StmtKind::Assign(assign) => self.assign(assign, scope, branch),
                StmtKind::Return(Some(value)) => {
                    if let Some(id) = scope.function {
                        self.functions[id.0].returns.push((value, branch));
                    }
                }
                StmtKind::Function(function) => {
                    self.enter_function(function, scope);
                    continue;
                }
                StmtKind::Class(class) => {
                    self.enter_class(class, scope);
                    continue;
                }
                StmtKind::Loop(l) => {
                    for name in l.target.iter().flat_map(names_in) {
                        self.bind(name, None, scope, branch);
                    }
                }
                StmtKind::With(items, _) => {
                    for (value, target) in items {
                        if let Some(target) = target {
                            self.target(target, Some(value), scope, branch);
                        }
                    }
                }
                _ => {}
            }
            if let StmtKind::If(branches) = &stmt.kind {
                for (condition, inner) in branches {
                    let inside = Branch {
                        conditional: true,
                        condition: condition.as_ref(),
                    };
                    self.walk(inner, scope, inside);
                }
                continue;
            }
            let inside = Branch {
                conditional: branch.conditional
                    || matches!(stmt.kind, StmtKind::Loop(_) | StmtKind::Block(_)),
                ..branch
            };
            for inner in stmt.bodies() {
                self.walk(inner, scope, inside);
            }
        }
    }

    fn enter_function(&mut self, function: &'a Function, scope: Scope) {
        let id = FunctionId(self.functions.len());
        self.function_places.insert(function.name_span, id);
        self.functions.push(FunctionInfo {
            function,
            outer: scope,
            locals: BTreeMap::new(),
            returns: Vec::new(),
            reads_env: false,
        });
        match scope {
            Scope {
                class: Some(class),
                function: None,
            } => {
                self.classes[class.0].methods.insert(&function.name, id);
            }
            _ => {
                self.function_names.entry(&function.name).or_insert(id);
            }
        }
        let inner = Scope {
            class: scope.class,
            function: Some(id),
        };
        self.walk(&function.body, inner, Branch::default());
    }

    fn enter_class(&mut self, class: &'a Class, scope: Scope) {
        let id = ClassId(self.classes.len());
        self.class_places.insert(class.name_span, id);
        self.classes.push(ClassInfo {
            class,
            outer: scope,
            attributes: BTreeMap::new(),
            annotations: BTreeMap::new(),
            self_attributes: BTreeMap::new(),
            methods: BTreeMap::new(),
        });
        self.class_names.entry(&class.name).or_insert(id);
        let inner = Scope {
            class: Some(id),
            function: None,
        };
        self.walk(&class.body, inner, Branch::default());
    }

    fn assign(&mut self, assign: &'a Assign, scope: Scope, branch: Branch<'a>) {
        for target in &assign.targets {
            if let (Some(annotation), Some(class)) = (&assign.annotation, scope.class) {
                let name = match scope.function {
                    None => target.name(),
                    Some(_) => target.self_attribute(),
                };
                if let Some(name) = name {
                    self.classes[class.0]
                        .annotations
                        .insert(name, (annotation, scope));
                }
            }
            if assign.augmented {
                self.target(target, None, scope, branch);
            } else if let Some(value) = &assign.value {
                self.target(target, Some(value), scope, branch);
            }
        }
    }

    fn target(&mut self, target: &'a Expr, value: Option<&'a Expr>, scope: Scope, branch: Branch<'a>) {
        match &target.kind {
            ExprKind::Name(name) => self.bind(name, value, scope, branch),
            ExprKind::Attribute(..) => {
                if let (Some(name), Some(class)) = (target.self_attribute(), scope.class) {
                    self.classes[class.0]
                        .self_attributes
                        .entry(name)
                        .or_default()
                        .push(Binding { value, scope, branch });
                }
            }
            ExprKind::Index(base, key) => {
                if let Some(value) = value {
                    let mutation = Mutation {
                        key: Some(key),
                        value,
                        conditional: branch.conditional,
                        scope,
                    };
                    self.mutate(base, mutation);
                }
            }
            ExprKind::List(targets) => {
                let values = match value.map(|v| &v.kind) {
                    Some(ExprKind::List(values)) if values.len() == targets.len() => Some(values),
                    _ => None,
                };
                for (i, target) in targets.iter().enumerate() {
                    self.target(target, values.map(|v| &v[i]), scope, branch);
                }
            }
            _ => {}
        }
    }

    fn mutate(&mut self, base: &'a Expr, mutation: Mutation<'a>) {
        let place = match (base.name(), base.self_attribute(), mutation.scope) {
            (
                Some(name),
                _,
                Scope {
                    function: Some(f), ..
                },
            ) => (Holder::Function(f), name),
            (Some(name), _, Scope { class: Some(c), .. }) => (Holder::Class(c), name),
            (Some(name), ..) => (Holder::Module, name),
            (None, Some(name), Scope { class: Some(c), .. }) => (Holder::Class(c), name),
            _ => return,
        };
        self.mutations.entry(place).or_default().push(mutation);
    }

    fn bind(&mut self, name: &'a str, value: Option<&'a Expr>, scope: Scope, branch: Branch<'a>) {
        let binding = Binding { value, scope, branch };
        let table = match scope {
            Scope {
                function: Some(f), ..
            } => &mut self.functions[f.0].locals,
            Scope { class: Some(c), .. } => &mut self.classes[c.0].attributes,
            _ => &mut self.globals,
        };
        table.entry(name).or_default().push(binding);
    }

    /// Records the calls, bindings and reads of variables inside an expression.
    fn expressions(&mut self, expr: &'a Expr, scope: Scope, branch: Branch<'a>) {
        let mut found: Vec<&'a Expr> = Vec::new();
        expr.visit(&mut |e| {
            if matches!(
                e.kind,
                ExprKind::Call(_) | ExprKind::Named(..) | ExprKind::Attribute(..) | ExprKind::Name(_)
            ) {
                found.push(e);
            }
        });
        for e in found {
            match &e.kind {
                ExprKind::Named(name, value) => self.bind(name, Some(value), scope, branch),
                ExprKind::Call(call) => {
                    if let Some(name) = call.callee.last_name() {
                        self.sites.entry(name).or_default().push(Site { call, scope });
                        if let ("update", ExprKind::Attribute(base, _)) = (name, &call.callee.kind)
                            && let [arg] = call.args.as_slice()
                            && arg.kind == ArgKind::Positional
                        {
                            let mutation = Mutation {
                                key: None,
                                value: &arg.value,
                                conditional: branch.conditional,
                                scope,
                            };
                            self.mutate(base, mutation);
                        }
                    }
                }
                ExprKind::Attribute(_, name) | ExprKind::Name(name) => {
                    if let (Some(f), "environ" | "getenv") = (scope.function, &**name) {
                        self.functions[f.0].reads_env = true;
                    }
                }
                _ => {}
            }
        }
    }
}

/// The names that a loop or an unpacking binds.
fn names_in(target: &Expr) -> Vec<&str> {
    match &target.kind {
        ExprKind::Name(name) => vec![name],
        ExprKind::List(items) => items.iter().filter_map(Expr::name).collect(),
        _ => Vec::new(),
    }
}
