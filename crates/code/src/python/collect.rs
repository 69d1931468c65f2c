//! Walks a module once and records everything known in it: calls of known constructors with their arguments,
//! which function calls which, and reads of the environment.

mod repeats;
mod uses;

use super::clients::{self, ClientKind, KnownClient, Library};
use super::eval::{Eval, comes_from_elsewhere};
use super::found::{BreakerUse, Client, ClientCall, Enclosing, EnvRead, Found, Repeat};
use super::scope::{Scope, Symbols};
use super::value::{self, Argument, PyValue, Val};
use cofferdam_syntax::Span;
use cofferdam_syntax::python::ast::{ArgKind, Call, Expr, ExprKind, Function, Loop, Stmt, StmtKind};
use std::collections::BTreeMap;

/// The context of the current expression.
#[derive(Clone, Default)]
struct Around {
    scope: Scope,
    repeated: Option<Repeat>,
    bounded: Option<Val>,
    decorates: Option<String>,
}

/// A known constructor that is called.
struct Seen {
    known: KnownClient,
    constructor: String,
    span: Span,
    callee_span: Span,
}

struct Collector<'a, 's> {
    eval: &'s Eval<'a, 's>,
    symbols: &'s Symbols<'a>,
    found: Found,
    env_reads: BTreeMap<Span, EnvRead>,
}

/// Records everything known in `body`.
pub(super) fn collect<'a, 's>(body: &'a [Stmt], eval: &'s Eval<'a, 's>) -> Found {
    let symbols = eval.symbols;
    let mut collector = Collector {
        eval,
        symbols,
        found: Found::default(),
        env_reads: BTreeMap::new(),
    };
    collector.body(body, &Around::default());
    collector.settings_fields();
    collector.found.env_reads = collector.env_reads.into_values().collect();
    collector.found
}

impl<'a> Collector<'a, '_> {
    fn body(&mut self, body: &'a [Stmt], around: &Around) {
        for stmt in body {
            self.statement(stmt, around);
        }
    }

    fn statement(&mut self, stmt: &'a Stmt, around: &Around) {
        match &stmt.kind {
            StmtKind::Function(function) => self.function(function, around),
            StmtKind::Class(class) => {
                for expr in class.decorators.iter().chain(&class.bases) {
                    self.expr(expr, around, None);
                }
                self.found.custom_adapter |= class.bases.iter().any(|b| b.last_name() == Some("HTTPAdapter"));
                let inner = Around {
                    scope: Scope {
                        class: self.symbols.class_at(class.name_span),
                        function: None,
                    },
                    ..Around::default()
                };
                self.body(&class.body, &inner);
            }
            StmtKind::Assign(assign) => {
                let assigned = assign.targets.iter().find_map(Expr::dotted);
                for target in &assign.targets {
                    self.expr(target, around, None);
                }
                if let Some(value) = &assign.value {
                    self.expr(value, around, assigned);
                }
            }
            StmtKind::Loop(l) => {
                self.loop_head(l, around);
                let inner = self.inside_loop(l, stmt, around);
                self.body(&l.body, &inner);
                self.body(&l.after, around);
            }
            StmtKind::With(items, body) => {
                let mut inner = around.clone();
                for (value, target) in items {
                    self.expr(value, around, target.as_ref().and_then(Expr::dotted));
                    if value.call().is_none() {
                        self.breaker_use(value, value.span, around);
                    }
                    if let Some(limit) = self.timeout_scope(value, around.scope) {
                        inner.bounded = Some(limit);
                    }
                }
                self.body(body, &inner);
            }
            _ => {
                for expr in stmt.expressions() {
                    self.expr(expr, around, None);
                }
                for inner in stmt.bodies() {
                    self.body(inner, around);
                }
            }
        }
    }

    fn function(&mut self, function: &'a Function, around: &Around) {
        let decorating = Around {
            decorates: Some(function.name.to_string()),
            ..around.clone()
        };
        for decorator in &function.decorators {
            if decorator.call().is_none() {
                self.bare_decorator(decorator, &decorating);
            }
            self.expr(decorator, &decorating, None);
        }
        for parameter in &function.parameters {
            if let Some(default) = &parameter.default {
                self.expr(default, around, None);
            }
        }
        let inner = Around {
            scope: Scope {
                class: around.scope.class,
                function: self.symbols.function_at(function.name_span),
            },
            ..Around::default()
        };
        self.body(&function.body, &inner);
    }

    /// `@retry`, `@lru_cache`, `@DB_BREAKER`: a known constructor with its defaults.
    fn bare_decorator(&mut self, decorator: &'a Expr, around: &Around) {
        self.breaker_use(decorator, decorator.span, around);
        let Some(dotted) = self.eval.callee(decorator, around.scope) else {
            return;
        };
        let Some(known) = clients::lookup(&dotted) else {
            return;
        };
        if matches!(
            known.kind,
            ClientKind::Retry | ClientKind::Cache | ClientKind::Breaker
        ) {
            let seen = Seen {
                known,
                constructor: dotted,
                span: decorator.span,
                callee_span: decorator.span,
            };
            self.push(seen, (Vec::new(), false), around);
        }
    }

    fn loop_head(&mut self, l: &'a Loop, around: &Around) {
        for expr in l.over.iter() {
            self.expr(expr, around, None);
        }
    }

    fn expr(&mut self, expr: &'a Expr, around: &Around, assigned: Option<String>) {
        match &expr.kind {
            ExprKind::Call(call) => return self.call(call, expr, around, assigned),
            ExprKind::Each(each) => {
                for over in &each.over {
                    self.expr(over, around, None);
                }
                let repeated = each.over.first().map(|over| self.repeat(expr.span, over, around));
                let inner = Around {
                    repeated: repeated.or_else(|| around.repeated.clone()),
                    ..around.clone()
                };
                return self.expr(&each.element, &inner, assigned);
            }
            ExprKind::Named(name, value) => return self.expr(value, around, Some(name.to_string())),
            ExprKind::Index(..) => self.env_read(expr, around),
            // `self.pool = pool or create_pool()`, `a if b else Consumer()`
            ExprKind::Or(pair) => {
                self.expr(&pair.0, around, assigned.clone());
                return self.expr(&pair.1, around, assigned);
            }
            ExprKind::Choice(choice) => {
                self.expr(&choice.condition, around, None);
                self.expr(&choice.then, around, assigned.clone());
                return self.expr(&choice.other, around, assigned);
            }
            _ => {}
        }
        for child in expr.children() {
            self.expr(child, around, None);
        }
    }

    fn call(&mut self, call: &'a Call, expr: &'a Expr, around: &Around, assigned: Option<String>) {
        self.env_read(expr, around);
        self.graph(call, expr.span, around);
        self.topics(call, expr.span, around);
        if let ExprKind::Attribute(base, _) = &call.callee.kind {
            self.breaker_use(base, expr.span, around);
        } else if around.decorates.is_none() {
            self.breaker_use(&call.callee, expr.span, around);
        }
        let mut inner = around.clone();
        if let Some(dotted) = self.eval.callee(&call.callee, around.scope) {
            if let Some(known) = clients::lookup(&dotted)
                && !self.is_local(&dotted, known)
            {
                let mut args = self.eval.arguments(call, around.scope, known.parameters);
                flatten(&mut args, known);
                if known.kind == ClientKind::Breaker
                    && let Some(name) = &around.decorates
                {
                    self.found.breaker_uses.push(BreakerUse {
                        name: call.callee.last_name().unwrap_or_default().to_owned(),
                        span: expr.span,
                        class: self.class_name(around.scope),
                        function: Some(name.clone()),
                    });
                }
                let seen = Seen {
                    known,
                    constructor: dotted.clone(),
                    span: expr.span,
                    callee_span: call.callee.span,
                };
                self.push(seen, args, around);
                if let Some(last) = self.found.calls.last_mut() {
                    last.assigned = assigned;
                    last.client = self.eval.receiver(&call.callee, around.scope);
                }
            }
            if matches!(&*dotted, "asyncio.wait_for" | "wait_for") {
                let limit = call
                    .args
                    .iter()
                    .find(|a| a.kind == ArgKind::Named("timeout".into()));
                let limit = limit.or(call.args.get(1));
                inner.bounded = limit.map(|a| self.eval.value(&a.value, around.scope));
            }
        }
        inner.decorates = around.decorates.clone();
        self.expr(&call.callee, &inner, None);
        for arg in &call.args {
            self.expr(&arg.value, &inner, None);
        }
    }

    /// A class of the module itself that only shares a known name; the project's own breakers count.
    fn is_local(&self, dotted: &str, known: KnownClient) -> bool {
        known.kind != ClientKind::Breaker
            && !dotted.contains('.')
            && (self.symbols.class_names.contains_key(dotted)
                || self.symbols.function_names.contains_key(dotted))
    }

    fn push(&mut self, seen: Seen, (args, open): (Vec<Argument>, bool), around: &Around) {
        self.found.calls.push(ClientCall {
            kind: seen.known.kind,
            library: seen.known.library,
            constructor: seen.constructor,
            span: seen.span,
            callee_span: seen.callee_span,
            args,
            open,
            assigned: None,
            place: self.place(around),
            client: None,
            bounded: around.bounded.clone(),
        });
    }

    fn place(&self, around: &Around) -> Enclosing {
        let function = around.scope.function.map(|f| self.symbols.function(f));
        Enclosing {
            class: self.class_name(around.scope),
            function: function.map(|f| f.function.name.to_string()),
            decorates: around.decorates.clone(),
            repeated: around.repeated.clone(),
            scope: around.scope,
        }
    }

    fn class_name(&self, scope: Scope) -> Option<String> {
        scope.class.map(|c| self.symbols.class(c).class.name.to_string())
    }
}

/// Takes the settings out of a configuration dictionary: they count as arguments.
fn flatten((args, open): &mut (Vec<Argument>, bool), known: KnownClient) {
    if known.library != Library::Confluent {
        return;
    }
    let Some(at) = args.iter().position(|a| &*a.name == "config") else {
        return;
    };
    let config = args.remove(at);
    match config.value.value {
        PyValue::Dict(dict) => {
            *open |= dict.open;
            for item in dict.items {
                args.push(Argument {
                    name: item.key,
                    span: item.key_span.to(item.value.span),
                    value: item.value,
                });
            }
        }
        ref elsewhere if comes_from_elsewhere(elsewhere) => args.push(Argument {
            name: value::SPREAD.into(),
            ..config
        }),
        _ => *open = true,
    }
}

impl<'a> Eval<'a, '_> {
    /// The object whose method a callee is.
    fn receiver(&self, callee: &'a Expr, scope: Scope) -> Option<Client> {
        let ExprKind::Attribute(base, _) = &callee.kind else {
            return None;
        };
        let value = self.value(base, scope);
        match value.value {
            PyValue::Object(object) => Some(Client {
                span: value.span,
                object: *object,
            }),
            _ => None,
        }
    }
}
