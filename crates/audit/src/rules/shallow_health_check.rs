//! One path cannot answer two questions.

use super::pods;
use crate::finding::{Finding, Severity};
use crate::rule::{Context, Fix, Group, Rule, Verdicts};
use cofferdam_model::workload::ProbeCheck;

/// The rule.
pub const RULE: Rule = Rule {
    id: "shallow-health-check",
    group: Group::Cells,
    severity: Severity::Low,
    fix: Fix::Advice,
    summary: "liveness and readiness, or the health of a whole cell, are one path",
    page: include_str!("../../../../docs/rules/shallow-health-check.md"),
    check,
};

fn check(cx: &Context<'_>, out: &mut Verdicts) {
    let mut live_paths = Vec::new();
    for workload in pods::whole(cx.env) {
        for container in &workload.containers {
            let (Some(live), Some(ready)) = (&container.liveness, &container.readiness) else { continue };
            let ProbeCheck::Http { path, .. } = &live.check else { continue };
            live_paths.push((path.as_str(), live.span));
            if live.check != ready.check {
                continue;
            }
            out.report(
                Finding::new(workload.id.to_string(), format!("{}: liveness and readiness both ask {path}", workload.id))
                    .explain("If the path asks its dependencies, a slow database gets every pod killed; if it does not, pods that cannot do their work go on getting requests. One answer cannot be right for both.")
                    .remedy("Let liveness ask only whether the process itself works, and readiness whether it can serve (its pool has a connection, its caches are filled).")
                    .at(ready.span, "readiness")
                    .at(live.span, "liveness"),
            );
        }
    }
    for routing in &cx.env.routings {
        let Some(health) = &routing.health_path else { continue };
        let Some((_, live)) = live_paths.iter().find(|(path, _)| *path == health.value) else { continue };
        let mut finding = Finding::new(format!("routing {}", routing.name), format!("{}: a cell counts as healthy while {} answers, which asks no dependency", routing.name, health.value))
            .severity(Severity::Medium)
            .likely()
            .explain("The router asks the path by which pods say that their process lives. A cell whose database or broker is gone, or that loses one request in ten, answers it as before and keeps its share of the traffic.")
            .remedy("Ask a path that does a small piece of real work, and judge cells by the success rate of real requests as well.");
        if let Some(span) = health.span() {
            finding = finding.at(span, "health of the cell");
        }
        out.report(finding.at(*live, "the same path as liveness"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::failover_abrupt::tests::env as routing;
    use crate::rules::testing::{self, fact, span};
    use cofferdam_model::workload::Probe;

    fn probe(path: &str, n: usize) -> Option<Probe> {
        Some(Probe {
            check: ProbeCheck::Http { path: path.to_owned(), port: "8080".to_owned() },
            span: span(n),
            initial_delay: None,
            period: None,
            timeout: None,
            failure_threshold: None,
        })
    }

    #[test]
    fn one_path_for_both_is_told_and_two_are_not() {
        let env = |ready: &str| {
            pods::testing::env((2, 2, 2), |w| {
                w.containers[0].liveness = probe("/health", 9);
                w.containers[0].readiness = probe(ready, 10);
            })
        };
        assert_eq!(testing::all(&RULE, &env("/health")).len(), 1);
        assert!(testing::all(&RULE, &env("/ready")).is_empty());
        let mut cells = env("/ready");
        cells.routings = routing().routings;
        cells.routings[0].health_path = Some(fact("/health".to_owned(), 11));
        assert_eq!(testing::only(&RULE, &cells).severity, Some(Severity::Medium));
    }
}
