//! Walks a module once and notes what is known in it: calls of known constructors with their
//! arguments, what calls what, what reads the environment.

use super::clients::{self, ClientKind, Known, Library};
use super::eval::{Eval, comes_from_elsewhere};
use super::found::{BreakerUse, Client, ClientCall, Edge, EnvRead, Found, Instance, Place, Repeat, TopicUse};
use super::scope::{ClassId, FunctionId, Scope, Symbols};
use super::value::{self, Argument, EnvValue, PyValue, Val};
use cofferdam_syntax::Span;
use cofferdam_syntax::python::ast::{ArgKind, Call, Expr, ExprKind, Function, Jump, Loop, Stmt, StmtKind};
use std::collections::BTreeMap;

/// Functions and methods that start something in a thread, task or process of its own.
const SPAWNERS: &[&str] = &[
    "Thread",
    "Process",
    "submit",
    "create_task",
    "ensure_future",
    "run_in_executor",
    "to_thread",
    "start_soon",
    "map",
    "imap",
    "imap_unordered",
    "apply_async",
    "spawn",
    "Greenlet",
    "gather",
    "add_task",
    "Timer",
];

/// What surrounds the expression at hand.
#[derive(Clone, Default)]
struct Around {
    scope: Scope,
    repeated: Option<Repeat>,
    bounded: Option<Val>,
    decorates: Option<String>,
}

/// A known constructor that is called.
struct Seen {
    known: Known,
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

/// Notes everything that is known in `body`.
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

    /// `@retry`, `@lru_cache`, `@DB_BREAKER`: a known thing with its defaults.
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

    fn inside_loop(&self, l: &'a Loop, stmt: &'a Stmt, around: &Around) -> Around {
        let (Some(target), Some(over)) = (&l.target, &l.over) else {
            return around.clone();
        };
        let name = target.name().unwrap_or_default().to_ascii_lowercase();
        let tries = ["attempt", "retry", "retries", "tries", "try"]
            .iter()
            .any(|w| name.contains(w));
        if tries || leaves(&l.body, 0) {
            // A loop that is left once it succeeds repeats nothing.
            return around.clone();
        }
        let head = Span {
            file: stmt.span.file,
            start: stmt.span.start,
            end: over.span.end,
        };
        Around {
            repeated: Some(self.repeat(head, over, around)),
            ..around.clone()
        }
    }

    fn repeat(&self, span: Span, over: &'a Expr, around: &Around) -> Repeat {
        Repeat {
            span,
            count: self.count(over, around.scope),
            spawned: false,
        }
    }

    /// How many items a loop goes over.
    fn count(&self, over: &'a Expr, scope: Scope) -> Option<Val> {
        if let Some(call) = over.call()
            && call.callee.name() == Some("range")
        {
            return match call.args.as_slice() {
                [end] => Some(self.eval.value(&end.value, scope)).filter(|v| !v.is_unknown()),
                [start, end] => {
                    let start = self.eval.value(&start.value, scope);
                    let end = self.eval.value(&end.value, scope);
                    match (&start.value, &end.value) {
                        (PyValue::Int(0), _) => Some(end),
                        (PyValue::Int(a), PyValue::Int(b)) => Some(Val {
                            value: PyValue::Int(b.saturating_sub(*a).max(0)),
                            span: end.span,
                        }),
                        _ => None,
                    }
                }
                _ => None,
            };
        }
        let value = self.eval.value(over, scope);
        match &value.value {
            PyValue::List(items) => Some(Val {
                value: PyValue::Int(i64::try_from(items.len()).ok()?),
                span: value.span,
            }),
            _ => None,
        }
    }

    fn timeout_scope(&self, value: &'a Expr, scope: Scope) -> Option<Val> {
        let call = value.call()?;
        let dotted = self.eval.callee(&call.callee, scope)?;
        matches!(
            &*dotted,
            "asyncio.timeout"
                | "async_timeout.timeout"
                | "anyio.fail_after"
                | "anyio.move_on_after"
                | "trio.fail_after"
        )
        .then(|| call.args.first().map(|a| self.eval.value(&a.value, scope)))?
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

    /// A class of the module itself that only shares a known name; breakers of the project's own count.
    fn is_local(&self, dotted: &str, known: Known) -> bool {
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

    fn place(&self, around: &Around) -> Place {
        let function = around.scope.function.map(|f| self.symbols.function(f));
        Place {
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

    fn env_read(&mut self, expr: &'a Expr, around: &Around) {
        let reads = match &expr.kind {
            ExprKind::Index(base, _) => {
                matches!(base.dotted().as_deref(), Some("os.environ" | "environ"))
            }
            ExprKind::Call(call) => match self.eval.local_callee(&call.callee, around.scope) {
                Some(id) => self.symbols.function(id).reads_env,
                None => self
                    .eval
                    .callee(&call.callee, around.scope)
                    .is_some_and(|d| reads_environment(&d)),
            },
            _ => false,
        };
        if !reads {
            return;
        }
        let value = self.eval.value(expr, around.scope);
        if let PyValue::Env(env) = value.value {
            let required = env.required;
            self.note_read(*env, required);
        }
    }

    /// Notes a variable once; a helper's call knows the default that its body does not.
    fn note_read(&mut self, env: EnvValue, required: bool) {
        let read = EnvRead {
            name: env.name.to_string(),
            name_span: env.name_span,
            default: env.default,
            required,
        };
        match self.env_reads.get_mut(&read.name_span) {
            Some(old) if old.default.is_some() => {}
            Some(old) => *old = read,
            None => {
                self.env_reads.insert(read.name_span, read);
            }
        }
    }

    /// Fields of settings classes (pydantic) are variables that are read.
    fn settings_fields(&mut self) {
        for (index, info) in self.symbols.classes.iter().enumerate() {
            let id = ClassId(index);
            if self.eval.settings_prefix(id, 0).is_none() {
                continue;
            }
            for name in info.annotations.keys() {
                let Some(value) = self.eval.attribute_value(id, name) else {
                    continue;
                };
                if let PyValue::Env(env) = value.value {
                    let required = env.default.is_none();
                    self.note_read(*env, required);
                }
            }
        }
    }

    fn graph(&mut self, call: &'a Call, span: Span, around: &Around) {
        if let Some(to) = self.eval.local_callee(&call.callee, around.scope) {
            self.edge(to, around, false);
        } else if let Some(class) = call.callee.name().and_then(|n| self.symbols.class_names.get(n)) {
            self.found.instances.push(Instance {
                from: around.scope,
                class: *class,
                repeated: around.repeated.clone(),
            });
        }
        let last = call.callee.last_name().unwrap_or_default();
        if !SPAWNERS.contains(&last) {
            return;
        }
        // `executor.map(worker, range(4))` repeats by itself.
        let mut around = around.clone();
        if last.contains("map")
            && around.repeated.is_none()
            && let Some(over) = call.args.get(1)
        {
            around.repeated = Some(self.repeat(span, &over.value, &around));
        }
        for arg in &call.args {
            let target = match &arg.value.kind {
                ExprKind::Call(inner) => self.eval.local_callee(&inner.callee, around.scope),
                _ => self.eval.local_callee(&arg.value, around.scope),
            };
            if let Some(to) = target {
                self.edge(to, &around, true);
            }
        }
    }

    fn edge(&mut self, to: FunctionId, around: &Around, spawned: bool) {
        self.found.spawns |= spawned && around.repeated.is_some();
        let mut repeated = around.repeated.clone();
        if let Some(repeat) = &mut repeated {
            repeat.spawned |= spawned;
        }
        self.found.edges.push(Edge {
            from: around.scope,
            to,
            repeated,
        });
    }

    fn breaker_use(&mut self, expr: &'a Expr, span: Span, around: &Around) {
        let Some(name) = expr.last_name() else { return };
        let folded = cofferdam_syntax::tree::fold(name);
        let is_module = self
            .symbols
            .imports
            .get(name)
            .is_some_and(|target| *target == name);
        if !folded.contains("breaker")
            || clients::is_breaker_class(name)
            || folded.contains("error")
            || is_module
        {
            return;
        }
        let function = around.scope.function.map(|f| self.symbols.function(f));
        let function = function.map(|f| f.function.name.to_string());
        self.found.breaker_uses.push(BreakerUse {
            name: name.to_owned(),
            span,
            class: self.class_name(around.scope),
            function: around.decorates.clone().or(function),
        });
    }

    fn topics(&mut self, call: &'a Call, span: Span, around: &Around) {
        let ExprKind::Attribute(base, method) = &call.callee.kind else {
            return;
        };
        let Some(client) = base.dotted() else { return };
        let folded = client.to_ascii_lowercase();
        let batch: &[&str] = match &**method {
            "poll" => &["timeout", "maxrecords"],
            "consume" => &["nummessages"],
            "getmany" => &[],
            _ => &["topic"],
        };
        if batch != ["topic"] && folded.contains("consumer") {
            let (args, _) = self.eval.arguments(call, around.scope, batch);
            let size = ["maxrecords", "nummessages"]
                .iter()
                .find_map(|name| value::find(&args, name));
            self.found
                .poll_sizes
                .extend(size.map(|s| (client.clone(), s.value.clone())));
        }
        let sends = matches!(&**method, "send" | "produce" | "send_and_wait");
        let reads = matches!(&**method, "subscribe" | "assign");
        let named = |word: &str| folded.contains(word);
        if !(sends || reads) {
            return;
        }
        let built = self.eval.value(base, around.scope);
        let built = built
            .object()
            .and_then(|o| clients::lookup(&o.class))
            .map(|k| k.kind);
        let writes = named("producer") || named("dlq") || built == Some(ClientKind::KafkaProducer);
        let consumes = named("consumer") || built == Some(ClientKind::KafkaConsumer);
        if !(sends && writes || reads && consumes) {
            return;
        }
        let (args, _) = self.eval.arguments(call, around.scope, &["topic"]);
        let Some(topic) = args.iter().find(|a| matches!(&*a.name, "topic" | "topics")) else {
            return;
        };
        let topics = match &topic.value.value {
            PyValue::List(items) => items.clone(),
            _ => vec![topic.value.clone()],
        };
        self.found.topic_uses.push(TopicUse {
            client,
            topics,
            span,
            sends,
            class: self.class_name(around.scope),
        });
    }
}

fn reads_environment(dotted: &str) -> bool {
    [
        "os.",
        "environ",
        "getenv",
        "decouple.",
        "starlette.config",
        "prettyconf.",
    ]
    .iter()
    .any(|p| dotted.starts_with(p))
}

/// Takes the settings out of a configuration dictionary: they count as arguments.
fn flatten((args, open): &mut (Vec<Argument>, bool), known: Known) {
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

/// Whether a loop's body leaves the loop before its end (`break`, `return`).
fn leaves(body: &[Stmt], depth: usize) -> bool {
    depth < 50
        && body.iter().any(|stmt| match &stmt.kind {
            StmtKind::Jump(Jump::Break) | StmtKind::Return(_) => true,
            StmtKind::Function(_) | StmtKind::Class(_) | StmtKind::Loop(_) => false,
            _ => stmt.bodies().iter().any(|b| leaves(b, depth + 1)),
        })
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
