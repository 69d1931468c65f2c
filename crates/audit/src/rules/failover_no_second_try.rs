//! A request that fails in one cell could succeed in another.

use crate::finding::{Finding, Severity, Subject};
use crate::rule::{Check, Context, Fix, Group, Rule, RuleId, Verdicts};
use cofferdam_model::Absence;
use std::borrow::Cow;

/// The rule.
pub static RULE: Rule = Rule {
    id: RuleId::new("failover-no-second-try"),
    group: Group::Cells,
    severity: Severity::Medium,
    fix: Fix::Proposed,
    summary: Cow::Borrowed("a request that fails in one cell is not tried in another"),
    absences: &[Absence::Breaker],
    settings: &[],
    page: Cow::Borrowed(include_str!("../../../../docs/rules/failover-no-second-try.md")),
    check: Check::BuiltIn(check),
};

fn check(cx: &Context<'_>, out: &mut Verdicts) {
    for routing in &cx.env.routings {
        let cells = if routing.cells.is_empty() {
            cx.env.cells.len()
        } else {
            routing.cells.len()
        };
        if cells < 2 || routing.second_try.as_ref().is_some_and(|s| s.value) {
            continue;
        }
        let mut finding = Finding::new(Subject::named("routing", &routing.name), format!("{}: a request that fails in one of {cells} cells is not tried in another", routing.name))
            .explain("Until a failing cell is removed from routing, every request that it fails is a failure \
                for the user, although another cell could have answered. A cell that loses 10 % of requests \
                loses them permanently.")
            .remedy("Retry idempotent requests once in another cell, or hedge after the 95th percentile of latency, both within a budget of about 10 % of requests.")
            .figure("cells", cells as f64, "cells")
            .at(routing.span, "the routing");
        if let Some(span) = routing.second_try.as_ref().and_then(|s| s.span()) {
            finding = finding.at(span, "switched off");
        } else {
            finding = finding.likely().absent(Absence::Breaker);
        }
        out.report(finding);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::failover_abrupt::tests::env;
    use crate::rules::testing::{self, fact};

    #[test]
    fn a_second_try_is_enough() {
        let mut env = env();
        assert_eq!(testing::all(&RULE, &env).len(), 1);
        env.routings[0].second_try = Some(fact(true, 2));
        assert!(testing::all(&RULE, &env).is_empty());
        env.routings[0].second_try = Some(fact(false, 2));
        assert_eq!(testing::all(&RULE, &env).len(), 1);
    }
}
