//! When all of a cell's traffic moves at once, it arrives at cold caches and small pools.

use crate::finding::{Finding, Severity, Subject};
use crate::rule::{Check, Context, Fix, Group, Rule, RuleId, Verdicts};
use cofferdam_model::Absence;
use std::borrow::Cow;

/// The rule.
pub static RULE: Rule = Rule {
    id: RuleId::new("failover-abrupt"),
    group: Group::Cells,
    severity: Severity::Medium,
    fix: Fix::Proposed,
    summary: Cow::Borrowed("traffic moves between cells all at once: no steps and no slow start"),
    absences: &[Absence::Breaker],
    settings: &[],
    page: Cow::Borrowed(include_str!("../../../../docs/rules/failover-abrupt.md")),
    check: Check::BuiltIn(check),
};

fn check(cx: &Context<'_>, out: &mut Verdicts) {
    for routing in &cx.env.routings {
        let cells = if routing.cells.is_empty() {
            cx.env.cells.len()
        } else {
            routing.cells.len()
        };
        if cells < 2 || routing.gradual.as_ref().is_some_and(|g| g.value) {
            continue;
        }
        let mut finding = Finding::new(
            Subject::named("routing", &routing.name),
            format!(
                "{}: {cells} cells and no gradual shift between them",
                routing.name
            ),
        )
        .explain(
            "When a cell fails its health check, all its requests go to the others at once. Their \
                caches are cold, their pools are small, and their autoscalers have not reacted yet. When the \
                cell comes back, it gets its full share at once.",
        )
        .remedy(
            "Move weights in steps (10 points every 30 s, in both directions) and let a recovered \
                cell start slowly.",
        )
        .figure("cells", cells as f64, "cells")
        .at(routing.span, "the routing");
        if let Some(gradual) = routing.gradual.as_ref().and_then(|g| g.span()) {
            finding = finding.at(gradual, "switched off");
        } else {
            finding = finding.likely().absent(Absence::Breaker);
        }
        out.report(finding);
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::rules::testing::{self, fact, span};
    use cofferdam_model::cells::Routing;
    use cofferdam_model::{Environment, Owner, Parts};

    /// A routing between two cells about which nothing else is known.
    pub(crate) fn env() -> Environment {
        Environment {
            parts: Parts {
                routings: vec![Routing {
                    name: "cell-router".to_owned(),
                    owner: Owner::default(),
                    span: span(1),
                    health_path: None,
                    health_interval: None,
                    health_threshold: None,
                    healthy_threshold: None,
                    gradual: None,
                    second_try: None,
                    cache_ttl: None,
                    cells: vec!["a".to_owned(), "b".to_owned()],
                }],
                ..Parts::default()
            },
            ..Environment::default()
        }
    }

    #[test]
    fn a_gradual_shift_is_enough() {
        let mut env = env();
        assert_eq!(testing::only(&RULE, &env).figures["cells"].value, 2.0);
        env.routings[0].gradual = Some(fact(true, 2));
        assert!(testing::all(&RULE, &env).is_empty());
    }
}
