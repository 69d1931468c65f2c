//! What code uses in addition to known clients: variables of the environment, breakers, topics, its own
//! functions.

use super::super::clients::{self, ClientKind};
use super::super::found::{BreakerUse, Edge, EnvRead, Instance, TopicUse};
use super::super::scope::{ClassId, FunctionId};
use super::super::value::{self, EnvValue, PyValue};
use super::{Around, Collector};
use cofferdam_syntax::Span;
use cofferdam_syntax::python::ast::{Call, Expr, ExprKind};

/// Functions and methods that start something in a separate thread, task or process.
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

impl<'a> Collector<'a, '_> {
    pub(super) fn env_read(&mut self, expr: &'a Expr, around: &Around) {
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

    /// Records a variable once; a helper's call knows the default that its body does not.
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
    pub(super) fn settings_fields(&mut self) {
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

    pub(super) fn graph(&mut self, call: &'a Call, span: Span, around: &Around) {
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

    pub(super) fn breaker_use(&mut self, expr: &'a Expr, span: Span, around: &Around) {
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

    pub(super) fn topics(&mut self, call: &'a Call, span: Span, around: &Around) {
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
