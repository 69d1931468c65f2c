//! How often the body of a loop runs, and what limits the time of the code in a scope.

use super::super::found::Repeat;
use super::super::scope::Scope;
use super::super::value::{PyValue, Val};
use super::{Around, Collector};
use cofferdam_syntax::Span;
use cofferdam_syntax::python::ast::{Expr, Jump, Loop, Stmt, StmtKind};

impl<'a> Collector<'a, '_> {
    pub(super) fn inside_loop(&self, l: &'a Loop, stmt: &'a Stmt, around: &Around) -> Around {
        let (Some(target), Some(over)) = (&l.target, &l.over) else {
            return around.clone();
        };
        let name = target.name().unwrap_or_default().to_ascii_lowercase();
        let tries = ["attempt", "retry", "retries", "tries", "try"]
            .iter()
            .any(|w| name.contains(w));
        if tries || leaves(&l.body, 0) {
            // A loop that ends after a success repeats nothing.
            return around.clone();
        }
        let head = Span {
            file: stmt.span.file,
            start: stmt.span.start,
            end: over.span.end,
            ..stmt.span
        };
        Around {
            repeated: Some(self.repeat(head, over, around)),
            ..around.clone()
        }
    }

    pub(super) fn repeat(&self, span: Span, over: &'a Expr, around: &Around) -> Repeat {
        Repeat {
            span,
            count: self.count(over, around.scope),
            spawned: false,
        }
    }

    /// How many items a loop iterates over.
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

    pub(super) fn timeout_scope(&self, value: &'a Expr, scope: Scope) -> Option<Val> {
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
