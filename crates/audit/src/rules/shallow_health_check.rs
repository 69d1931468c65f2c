//! One health path cannot serve as both liveness and readiness, or as the health of a whole cell.

use super::pods;
use crate::finding::{Finding, Severity, Subject};
use crate::rule::{Check, Context, Fix, Group, Rule, RuleId, Verdicts};
use cofferdam_model::workload::{Completeness, Container, ProbeCheck};
use std::borrow::Cow;

/// The rule.
pub static RULE: Rule = Rule {
    id: RuleId::new("shallow-health-check"),
    group: Group::Cells,
    severity: Severity::Low,
    fix: Fix::Advice,
    summary: Cow::Borrowed("liveness and readiness, or the health of a whole cell, use the same check"),
    absences: &[],
    settings: &[],
    page: Cow::Borrowed(include_str!("../../../../docs/rules/shallow-health-check.md")),
    check: Check::BuiltIn(check),
};

fn check(cx: &Context<'_>, out: &mut Verdicts) {
    let mut live_paths = Vec::new();
    for workload in pods::present(cx.env) {
        let whole = workload.completeness == Completeness::Whole;
        for container in &workload.containers {
            let (Some(live), Some(ready)) = (&container.liveness, &container.readiness) else {
                continue;
            };
            if let ProbeCheck::Http { path, .. } = &live.check {
                live_paths.push((path.as_str(), live.span));
            }
            // In a template a path that cannot be known is read as none.
            if !same(&live.check, &ready.check, container) || (!whole && !is_said(&live.check)) {
                continue;
            }
            let (asks, why) = asked(&live.check);
            out.report(
                Finding::new(
                    &workload.id,
                    format!("{}: liveness and readiness both {asks}", workload.id),
                )
                .cause(("container", container.name.as_str()))
                .severity(Severity::Low)
                .explain(why)
                .remedy(
                    "Let liveness check only whether the process itself works, and readiness whether \
                        it can serve (its pool has a connection, its caches are filled).",
                )
                .at(ready.span, "readiness")
                .at(live.span, "liveness"),
            );
        }
    }
    for routing in &cx.env.routings {
        let Some(health) = &routing.health_path else {
            continue;
        };
        let Some((_, live)) = live_paths.iter().find(|(path, _)| *path == health.value) else {
            continue;
        };
        let mut finding = Finding::new(
            Subject::named("routing", &routing.name),
            format!(
                "{}: a cell counts as healthy while {} answers, which checks no dependency",
                routing.name, health.value
            ),
        )
        .severity(Severity::Medium)
        .likely()
        .explain(
            "The router checks the path by which pods report that their process is alive. A cell \
                whose database or broker is down, or that loses one request in ten, answers this check as \
                before and keeps its share of the traffic.",
        )
        .remedy(
            "Check a path that does a small piece of real work, and also judge cells by the success \
                rate of real requests.",
        );
        if let Some(span) = health.span() {
            finding = finding.at(span, "health of the cell");
        }
        out.report(finding.at(*live, "the same path as liveness"));
    }
}

/// Whether the check is set explicitly, not only by default.
fn is_said(check: &ProbeCheck) -> bool {
    matches!(check, ProbeCheck::Http { path, port } if path != "/" && !port.is_empty())
}

/// Whether two probes of a container get the same answer: they make the same check, on the same port by name
/// or by number.
fn same(live: &ProbeCheck, ready: &ProbeCheck, container: &Container) -> bool {
    let number = |port: &str| {
        let named = container
            .ports
            .iter()
            .find(|(name, _)| name.as_deref() == Some(port));
        named.map_or_else(|| port.to_owned(), |(_, number)| number.value.to_string())
    };
    match (live, ready) {
        (ProbeCheck::Http { path: a, port: p }, ProbeCheck::Http { path: b, port: q }) => {
            a == b && number(p) == number(q)
        }
        (ProbeCheck::Tcp { port: p }, ProbeCheck::Tcp { port: q }) => number(p) == number(q),
        _ => live == ready,
    }
}

/// What both probes do, for the title, and the consequence.
fn asked(check: &ProbeCheck) -> (String, &'static str) {
    const DEPENDS: &str = "If the answer depends on other services, a slow database gets every pod killed; \
        if it does not, pods that cannot do their work continue to get requests. One answer cannot be right \
        for both.";
    match check {
        ProbeCheck::Http { path, .. } => (format!("ask {path}"), DEPENDS),
        ProbeCheck::Grpc { port, .. } => (format!("ask the gRPC health service on port {port}"), DEPENDS),
        ProbeCheck::Exec(command) => (
            format!("run `{}`", command.chars().take(60).collect::<String>()),
            DEPENDS,
        ),
        ProbeCheck::Tcp { port } => (
            format!("connect to port {port}"),
            "The kernel accepts a connection for any process that listens. A process that is overloaded or \
             cannot reach its database still gets requests, and neither probe finds a process that hangs.",
        ),
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
            check: ProbeCheck::Http {
                path: path.to_owned(),
                port: "8080".to_owned(),
            },
            span: span(n),
            port_span: None,
            initial_delay: None,
            period: None,
            timeout: None,
            failure_threshold: None,
        })
    }

    #[test]
    fn one_path_for_both_checks_is_reported_and_two_paths_are_not() {
        let env = |ready: &str| {
            pods::testing::env((2, 2, 2), |w| {
                w.containers[0].liveness = probe("/health", 9).map(Box::new);
                w.containers[0].readiness = probe(ready, 10).map(Box::new);
            })
        };
        assert_eq!(testing::all(&RULE, &env("/health")).len(), 1);
        assert!(testing::all(&RULE, &env("/ready")).is_empty());
        let mut chart = env("/health");
        chart.workloads[0].completeness = Completeness::Fragment;
        assert_eq!(testing::all(&RULE, &chart).len(), 1, "both stand there");
        chart.workloads[0].containers[0].liveness = probe("/", 9).map(Box::new);
        chart.workloads[0].containers[0].readiness = probe("/", 10).map(Box::new);
        assert!(
            testing::all(&RULE, &chart).is_empty(),
            "the path may not be known"
        );
        let mut cells = env("/ready");
        cells.routings = routing().parts.routings;
        cells.routings[0].health_path = Some(fact("/health".to_owned(), 11));
        assert_eq!(testing::only(&RULE, &cells).severity, Some(Severity::Medium));
    }

    #[test]
    fn checks_other_than_http_are_compared_too() {
        let env = |live: ProbeCheck, ready: ProbeCheck| {
            pods::testing::env((2, 2, 2), |w| {
                w.containers[0].ports[0].0 = Some("http".to_owned());
                w.containers[0].liveness = probe("/", 9).map(|p| Probe { check: live, ..p }).map(Box::new);
                w.containers[0].readiness = probe("/", 10).map(|p| Probe { check: ready, ..p }).map(Box::new);
            })
        };
        let tcp = |port: &str| ProbeCheck::Tcp {
            port: port.to_owned(),
        };
        let grpc = |service: &str| ProbeCheck::Grpc {
            port: "9000".to_owned(),
            service: service.to_owned(),
        };
        assert!(
            testing::only(&RULE, &env(tcp("http"), tcp("8080")))
                .title
                .ends_with("both connect to port http")
        );
        assert!(testing::all(&RULE, &env(tcp("http"), tcp("9090"))).is_empty());
        assert_eq!(testing::all(&RULE, &env(grpc(""), grpc(""))).len(), 1);
        assert!(testing::all(&RULE, &env(grpc("live"), grpc("ready"))).is_empty());
        let exec = || ProbeCheck::Exec("pg_isready".to_owned());
        assert!(
            testing::only(&RULE, &env(exec(), exec()))
                .title
                .ends_with("both run `pg_isready`")
        );
    }
}
