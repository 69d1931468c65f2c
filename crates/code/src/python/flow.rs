//! The order in which a consumer's code polls, works and commits, and how often one process builds something.
//! It is read only from the text: functions of the same module are followed, nothing else.

use super::clients::{self, ClientKind};
use super::eval::Eval;
use super::scope::{FunctionId, Scope, Symbols};
use super::value::PyValue;
use cofferdam_syntax::Span;
use cofferdam_syntax::python::ast::{Call, Expr, ExprKind, Jump, Stmt, StmtKind};
use std::cell::Cell;
use std::collections::BTreeSet;

/// The maximum depth of followed calls between functions.
const MAX_CALLS: usize = 5;
/// The maximum number of expressions that are looked at in the functions of one module, those included that are looked
/// at again for each of their callers. After them no function is judged.
const MAX_STEPS: usize = 2_000_000;
/// The maximum number of events of one function; a longer one is not judged.
const MAX_EVENTS: usize = 2000;

/// When a consumer commits manually.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitFlow {
    /// Place of the commit.
    pub span: Span,
    /// The class that contains it.
    pub class: Option<String>,
    /// The function that contains it.
    pub function: String,
    /// Before or after the work.
    pub order: WorkOrder,
    /// Place of the work, or of the hand-over to a queue.
    pub work: Span,
}

/// The order of a commit and the work it confirms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum WorkOrder {
    /// The work comes first, and the commit is reached only when it succeeded.
    AfterWork,
    /// The commit is also reached after failed work (`finally`, an error that is only logged).
    EvenAfterFailure,
    /// The work has only been put into a queue in memory or given to a thread.
    HandedOver,
    /// The commit comes first.
    BeforeWork,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Poll,
    /// Into a queue, or to a thread.
    HandOver,
    /// Out of a queue.
    Take,
    Wait,
    Work,
    Commit,
}

#[derive(Debug, Clone)]
struct Event {
    what: What,
    span: Span,
    /// The enclosing `try` bodies whose errors are swallowed.
    swallowed: Vec<u32>,
    /// Whether it is in a `finally`.
    last: bool,
    /// Name of the queue.
    queue: Option<String>,
}

/// First words of functions that do a consumer's work.
#[rustfmt::skip]
const VERBS: &[&str] = &[
    "process", "handle", "work", "execute", "insert", "save", "store", "persist", "write", "upsert",
    "index", "transform", "dispatch", "callback", "ingest", "deliver", "publish", "produce", "bulk",
    "apply", "send", "on", "record", "run", "enrich", "consume", "forward", "post", "update", "add",
    "perform", "render", "generate", "email", "mail", "sendmail", "notify", "charge", "bill", "pay", "refund", "ship",
    "reserve", "upload", "sync", "submit", "predict", "classify", "score", "resize", "transcode",
];

struct Walker<'a, 's> {
    eval: &'s Eval<'a, 's>,
    symbols: &'s Symbols<'a>,
    stack: Vec<FunctionId>,
    tries: u32,
    budget: usize,
    /// Steps that are left for the module.
    steps: &'s Cell<usize>,
}

/// The order in which the functions of a module poll, hand over, work and commit.
pub struct Flows {
    /// Every commit of a consumer, with its order relative to the work; the worst order of a place counts.
    pub commits: Vec<CommitFlow>,
    /// Queues of items that have already been processed.
    pub of_results: BTreeSet<String>,
}

/// Reads the order of work in every function of a module, and in its `body` outside of them.
pub(super) fn read<'a>(eval: &Eval<'a, '_>, body: &'a [Stmt]) -> Flows {
    let symbols = eval.symbols;
    let steps = Cell::new(MAX_STEPS);
    let functions = (0..symbols.functions.len()).map(|index| {
        let id = FunctionId(index);
        (Some(id), symbols.function(id).function.body.as_slice())
    });
    // The loop of a small consumer is often in no function.
    let all: Vec<Vec<Event>> = functions
        .chain([(None, body)])
        .map(|(id, body)| {
            let mut walker = Walker {
                eval,
                symbols,
                stack: id.into_iter().collect(),
                tries: 0,
                budget: MAX_EVENTS,
                steps: &steps,
            };
            let mut events = Vec::new();
            walker.block(body, id, &mut events, &Mode::default());
            if walker.budget == 0 {
                events.clear();
            }
            events
        })
        .collect();
    let mut commits: Vec<CommitFlow> = Vec::new();
    for (span, order, work) in all.iter().flat_map(|events| judge(events, &all)) {
        match commits.iter_mut().find(|f| f.span == span) {
            Some(old) if old.order < order => (old.order, old.work) = (order, work),
            Some(_) => {}
            None => commits.push(placed(symbols, span, order, work)),
        }
    }
    commits.sort_by_key(|f| f.span);
    let names = all.iter().flatten().filter(|e| e.what == What::HandOver);
    let names: BTreeSet<&String> = names.filter_map(|e| e.queue.as_ref()).collect();
    let of_results = names
        .into_iter()
        .filter(|name| origin(name, &all).is_some_and(|o| o.all_worked))
        .cloned()
        .collect();
    Flows { commits, of_results }
}

fn placed(symbols: &Symbols<'_>, span: Span, order: WorkOrder, work: Span) -> CommitFlow {
    let inside = |s: &Stmt| s.span.start <= span.start && span.end <= s.span.end;
    let owner = symbols
        .functions
        .iter()
        .filter(|f| f.function.body.iter().any(inside))
        .min_by_key(|f| {
            let body = &f.function.body;
            body.last().map_or(0, |s| s.span.end) - body.first().map_or(0, |s| s.span.start)
        });
    let class = owner.and_then(|o| o.outer.class);
    CommitFlow {
        span,
        class: class.map(|c| symbols.class(c).class.name.to_string()),
        function: owner.map(|o| o.function.name.to_string()).unwrap_or_default(),
        order,
        work,
    }
}

/// How items enter a queue.
struct Origin {
    /// Whether all of them have been processed before.
    all_worked: bool,
    /// The worst order of the work and the hand-over, and its place.
    order: WorkOrder,
    work: Span,
}

/// How items enter the queue with this name; `None` if no function puts any.
fn origin(queue: &str, all: &[Vec<Event>]) -> Option<Origin> {
    let mut found: Option<Origin> = None;
    for events in all {
        for (at, put) in events.iter().enumerate() {
            if put.what != What::HandOver || put.queue.as_deref() != Some(queue) {
                continue;
            }
            let start = events[..at]
                .iter()
                .rposition(|e| matches!(e.what, What::Take | What::Poll | What::Commit))
                .map_or(0, |p| p + 1);
            let work = events[start..at].iter().rev().find(|e| e.what == What::Work);
            let one = match work {
                Some(work) => Origin {
                    all_worked: true,
                    order: after(work, put),
                    work: work.span,
                },
                None => Origin {
                    all_worked: false,
                    order: WorkOrder::HandedOver,
                    work: put.span,
                },
            };
            found = Some(match found {
                Some(old) if old.order >= one.order => Origin {
                    all_worked: old.all_worked && one.all_worked,
                    ..old
                },
                Some(old) => Origin {
                    all_worked: old.all_worked && one.all_worked,
                    ..one
                },
                None => one,
            });
        }
    }
    found
}

/// The order of a later step and earlier work.
fn after(work: &Event, step: &Event) -> WorkOrder {
    if work.swallowed.iter().all(|t| step.swallowed.contains(t)) && !step.last {
        WorkOrder::AfterWork
    } else {
        WorkOrder::EvenAfterFailure
    }
}

fn judge(events: &[Event], all: &[Vec<Event>]) -> Vec<(Span, WorkOrder, Span)> {
    let mut out = Vec::new();
    for (at, commit) in events.iter().enumerate() {
        if commit.what == What::Commit
            && let Some((order, work)) = verdict(events, at, all)
        {
            out.push((commit.span, order, work));
        }
    }
    out
}

/// The order of the commit at `at` and the work: committed items come from the last poll, or out of a queue.
fn verdict(events: &[Event], at: usize, all: &[Vec<Event>]) -> Option<(WorkOrder, Span)> {
    let commit = &events[at];
    let start = events[..at]
        .iter()
        .rposition(|e| matches!(e.what, What::Commit | What::Take))
        .map_or(0, |p| p + 1);
    let before = &events[start..at];
    let end = events[at + 1..]
        .iter()
        .position(|e| matches!(e.what, What::Commit | What::Poll | What::Take))
        .map_or(events.len(), |p| at + 1 + p);
    let work = before.iter().rev().find(|e| e.what == What::Work);
    let handed = before.iter().rposition(|e| e.what == What::HandOver);
    let waited = before.iter().rposition(|e| e.what == What::Wait);
    if let Some(index) = handed
        && waited.is_none_or(|w| w < index)
    {
        return Some((WorkOrder::HandedOver, before[index].span));
    }
    if let Some(work) = work {
        return Some((after(work, commit), work.span));
    }
    if let Some(index) = handed {
        return Some((WorkOrder::AfterWork, before[index].span));
    }
    let mut later = events[at + 1..end].iter();
    if let Some(work) = later.find(|e| matches!(e.what, What::Work | What::HandOver)) {
        return Some((WorkOrder::BeforeWork, work.span));
    }
    let taken = events[..start].last().filter(|e| e.what == What::Take)?;
    let origin = origin(taken.queue.as_deref()?, all)?;
    Some((origin.order, origin.work))
}

#[derive(Clone, Default)]
struct Mode {
    swallowed: Vec<u32>,
    last: bool,
}

impl<'a> Walker<'a, '_> {
    fn block(&mut self, body: &'a [Stmt], function: Option<FunctionId>, out: &mut Vec<Event>, mode: &Mode) {
        for stmt in body {
            self.statement(stmt, function, out, mode);
        }
    }

    fn statement(&mut self, stmt: &'a Stmt, function: Option<FunctionId>, out: &mut Vec<Event>, mode: &Mode) {
        match &stmt.kind {
            StmtKind::Function(_) | StmtKind::Class(_) => {}
            StmtKind::Try(parts) => {
                let mut inner = mode.clone();
                if parts.handlers.iter().any(|h| swallows(h)) {
                    self.tries += 1;
                    inner.swallowed.push(self.tries);
                }
                self.block(&parts.body, function, out, &inner);
                self.block(&parts.otherwise, function, out, &inner);
                let last = Mode {
                    last: true,
                    ..mode.clone()
                };
                self.block(&parts.finally, function, out, &last);
            }
            StmtKind::Loop(l) => {
                if let Some(over) = &l.over {
                    self.expr(over, function, out, mode);
                    if l.target.is_some() && self.is_consumer(over, function) {
                        self.push((What::Poll, None), over.span, out, mode);
                    }
                }
                self.block(&l.body, function, out, mode);
                self.block(&l.after, function, out, mode);
            }
            _ => {
                for expr in stmt.expressions() {
                    self.expr(expr, function, out, mode);
                }
                for inner in stmt.bodies() {
                    self.block(inner, function, out, mode);
                }
            }
        }
    }

    fn push(&mut self, (what, queue): (What, Option<String>), span: Span, out: &mut Vec<Event>, mode: &Mode) {
        if self.budget == 0 {
            return;
        }
        self.budget -= 1;
        out.push(Event {
            what,
            span,
            swallowed: mode.swallowed.clone(),
            last: mode.last,
            queue,
        });
    }

    fn scope(&self, function: Option<FunctionId>) -> Scope {
        Scope {
            class: function.and_then(|id| self.symbols.function(id).outer.class),
            function,
        }
    }

    /// Whether an expression is a Kafka consumer, by its constructor or by its name.
    fn is_consumer(&self, expr: &'a Expr, function: Option<FunctionId>) -> bool {
        let named = expr
            .last_name()
            .is_some_and(|n| n.to_ascii_lowercase().contains("consumer"));
        named
            || matches!(&self.eval.value(expr, self.scope(function)).value, PyValue::Object(o)
                if clients::lookup(&o.class).is_some_and(|k| k.kind == ClientKind::KafkaConsumer))
    }

    fn is_queue(&self, expr: &'a Expr, function: Option<FunctionId>) -> bool {
        let named = expr.last_name().is_some_and(|n| {
            let n = n.to_ascii_lowercase();
            n.contains("queue") || n.contains("buffer")
        });
        named
            || matches!(&self.eval.value(expr, self.scope(function)).value, PyValue::Object(o)
                if clients::lookup(&o.class).is_some_and(|k| k.kind == ClientKind::Queue))
    }

    fn expr(&mut self, expr: &'a Expr, function: Option<FunctionId>, out: &mut Vec<Event>, mode: &Mode) {
        match self.steps.get() {
            0 => self.budget = 0,
            left => self.steps.set(left - 1),
        }
        if self.budget == 0 {
            return;
        }
        let Some(call) = expr.call() else {
            for child in expr.children() {
                self.expr(child, function, out, mode);
            }
            return;
        };
        let name = call.callee.last_name().unwrap_or_default();
        let hands_over = matches!(
            name,
            "submit" | "create_task" | "ensure_future" | "run_in_executor" | "apply_async" | "start_soon"
        );
        if !hands_over {
            for arg in &call.args {
                self.expr(&arg.value, function, out, mode);
            }
            if let ExprKind::Attribute(base, _) = &call.callee.kind {
                self.expr(base, function, out, mode);
            }
        }
        if let Some(what) = self.known(call, name, hands_over, function) {
            self.push(what, expr.span, out, mode);
        } else if !self.follow(call, function, out, mode) && is_work(call, name) {
            self.push((What::Work, None), expr.span, out, mode);
        }
    }

    fn known(
        &self,
        call: &'a Call,
        name: &str,
        hands_over: bool,
        function: Option<FunctionId>,
    ) -> Option<(What, Option<String>)> {
        if hands_over {
            return Some((What::HandOver, None));
        }
        let ExprKind::Attribute(base, _) = &call.callee.kind else {
            return None;
        };
        let queue = || base.last_name().map(str::to_owned);
        Some(match name {
            "poll" | "consume" | "getmany" | "getone" if self.is_consumer(base, function) => {
                (What::Poll, None)
            }
            "commit" | "commit_async" | "commitAsync" | "store_offsets" | "commit_offsets"
                if self.is_consumer(base, function) =>
            {
                (What::Commit, None)
            }
            "put" | "put_nowait" if self.is_queue(base, function) => (What::HandOver, queue()),
            "get" | "get_nowait" | "popleft" if self.is_queue(base, function) => (What::Take, queue()),
            "join" if self.is_queue(base, function) => (What::Wait, None),
            "result" | "gather" | "wait" | "as_completed" if !self.is_consumer(base, function) => {
                (What::Wait, None)
            }
            _ => return None,
        })
    }

    /// Follows a call into a function of the module. A function that only works is one piece of work.
    fn follow(
        &mut self,
        call: &'a Call,
        function: Option<FunctionId>,
        out: &mut Vec<Event>,
        mode: &Mode,
    ) -> bool {
        let Some(id) = self.eval.local_callee(&call.callee, self.scope(function)) else {
            return false;
        };
        if self.stack.len() > MAX_CALLS || self.stack.contains(&id) {
            return false;
        }
        self.stack.push(id);
        let mut inside = Vec::new();
        self.block(
            &self.symbols.function(id).function.body,
            Some(id),
            &mut inside,
            mode,
        );
        self.stack.pop();
        let telling = inside
            .iter()
            .any(|e| matches!(e.what, What::Commit | What::Poll | What::HandOver | What::Take));
        if telling {
            out.append(&mut inside);
        }
        telling
    }
}

/// Whether a handler continues with the code after the `try` as if nothing had happened.
fn swallows(handler: &[Stmt]) -> bool {
    let leaves = matches!(
        handler.last().map(|s| &s.kind),
        Some(StmtKind::Jump(Jump::Raise | Jump::Continue | Jump::Break) | StmtKind::Return(_))
    );
    !leaves && !mentions_dead_letter(handler, 0)
}

/// Whether failed messages are stored somewhere: then they are handled.
fn mentions_dead_letter(body: &[Stmt], depth: usize) -> bool {
    depth < 40
        && body.iter().any(|stmt| {
            let mut found = matches!(stmt.kind, StmtKind::Jump(Jump::Raise));
            for expr in stmt.expressions() {
                expr.visit(&mut |e| {
                    let name = match &e.kind {
                        ExprKind::Call(call) => call.callee.dotted(),
                        _ => None,
                    };
                    found |= name.is_some_and(|n| is_dead_letter(&n) || n == "sys.exit");
                });
            }
            found || stmt.bodies().iter().any(|b| mentions_dead_letter(b, depth + 1))
        })
}

/// Whether a name refers to messages that could not be processed.
pub fn is_dead_letter(name: &str) -> bool {
    let folded = cofferdam_syntax::tree::fold(name);
    ["dlq", "deadletter", "dlt", "poison"]
        .iter()
        .any(|w| folded.contains(w))
}

fn is_work(call: &Call, name: &str) -> bool {
    let plain = name.trim_start_matches('_');
    let first = plain.split('_').next().unwrap_or(plain);
    if !VERBS.contains(&first) || call.args.is_empty() {
        return false;
    }
    // Logging, metrics and settings share these verbs.
    let receiver = match &call.callee.kind {
        ExprKind::Attribute(base, _) => base.dotted().unwrap_or_default().to_ascii_lowercase(),
        _ => String::new(),
    };
    ![
        "log",
        "metric",
        "stats",
        "counter",
        "gauge",
        "histogram",
        "tracer",
        "span",
        "health",
        "set",
        "config",
    ]
    .iter()
    .any(|w| receiver.contains(w))
}
