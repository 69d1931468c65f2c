//! A probe of a port on which nothing listens keeps a pod from ever being ready, or kills it.

use super::{common, pods};
use crate::finding::{Finding, Severity};
use crate::rule::{Check, Context, Fix, Group, Rule, RuleId, Verdicts};
use cofferdam_model::Environment;
use cofferdam_model::workload::{Container, Probe, ProbeCheck, VolumeKind, Workload};
use std::borrow::Cow;

/// The rule.
pub static RULE: Rule = Rule {
    id: RuleId::new("probe-port-unknown"),
    group: Group::Scaling,
    severity: Severity::Medium,
    fix: Fix::Proposed,
    summary: Cow::Borrowed("a probe uses a port that its container does not name"),
    absences: &[],
    settings: &[],
    page: Cow::Borrowed(include_str!("../../../../docs/rules/probe-port-unknown.md")),
    check: Check::BuiltIn(check),
};

/// Ports on which common servers and proxies answer health checks without a declaration (Spring's and
/// controllers' management ports, Prometheus, Envoy, Istio, ingress-nginx, kube-proxy, Caddy).
const MANAGEMENT: &[&str] = &[
    "2019", "8081", "8082", "8086", "8090", "8558", "8888", "9000", "9001", "9090", "9091", "9100", "9102",
    "9901", "9990", "10254", "10256", "15000", "15020", "15021", "15090", "19000",
];

fn check(cx: &Context<'_>, out: &mut Verdicts) {
    for workload in pods::whole(cx.env) {
        for container in &workload.containers {
            judge(cx.env, workload, container, out);
        }
    }
}

fn port(probe: &Probe) -> Option<&str> {
    match &probe.check {
        ProbeCheck::Http { port, .. } | ProbeCheck::Tcp { port } | ProbeCheck::Grpc { port, .. } => {
            Some(port)
        }
        ProbeCheck::Exec(_) => None,
    }
}

/// Whether another part of the pod names the number: its containers share one network, and the process may
/// get its port from a command, a variable, an annotation or a file.
fn is_named(env: &Environment, workload: &Workload, number: &str) -> bool {
    let containers = || workload.containers.iter().chain(&workload.init_containers);
    let says = |text: &str| text.contains(number);
    let configs: Vec<&str> = workload
        .volumes
        .iter()
        .filter_map(|v| match &v.kind {
            VolumeKind::ConfigMap { name, .. } => Some(name.as_str()),
            _ => None,
        })
        .chain(containers().flat_map(|c| c.variable_sources.iter().map(|s| s.name.value.as_str())))
        .collect();
    containers().any(|c| {
        c.ports.iter().any(|(_, p)| p.value.to_string() == number)
            || c.command.iter().any(|part| says(&part.value))
            || c.variables
                .values()
                .any(|v| v.value.value.text().is_some_and(says))
    }) || workload.annotations.values().any(|a| says(&a.value))
        || env.config_objects.iter().any(|o| {
            // An object that is not completely known may name it.
            configs.contains(&o.id.name.as_str())
                && o.id.home().may_meet(workload.id.home())
                && (!o.complete || o.id.kind == "Secret" || o.data.values().any(|text| says(&text.value)))
        })
}

fn judge(env: &Environment, workload: &Workload, container: &Container, out: &mut Verdicts) {
    if container.ports.is_empty() && !super::image_pull_stale::is_kubelets(&workload.id.kind) {
        return;
    }
    let probes = [
        ("start-up", &container.startup),
        ("readiness", &container.readiness),
        ("liveness", &container.liveness),
    ];
    let wrong: Vec<(&str, &Probe, &str)> = probes
        .iter()
        .filter_map(|(what, probe)| {
            let probe = probe.as_deref()?;
            let number = port(probe)?;
            let plain = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
            (plain && !is_named(env, workload, number)).then_some((*what, probe, number))
        })
        .collect();
    let Some((what, _, number)) = wrong.first() else {
        return;
    };
    let low = container.ports.is_empty() || wrong.iter().all(|(_, _, n)| MANAGEMENT.contains(n));
    let severity = if low {
        Severity::Low
    } else {
        common::severity_in(env, Severity::Medium)
    };
    let declared: Vec<String> = container.ports.iter().map(|(_, p)| p.value.to_string()).collect();
    let names = if declared.is_empty() {
        "no port".to_owned()
    } else {
        declared.join(", ")
    };
    let mut finding = Finding::new(
        &workload.id,
        format!(
            "{}: the {what} probe of `{}` uses port {number}, and the container names {names}",
            workload.id, container.name
        ),
    )
    .cause(("container", container.name.as_str()))
    .severity(severity)
    .likely()
    .explain(
        "If nothing listens there the probe always fails: without readiness the pod never gets a \
        request and the rollout stops, and a liveness or start-up probe kills the process again and again.",
    )
    .remedy(match declared.first() {
        Some(first) => format!(
            "Use port {first}, preferably by the name of the port; or add {number} to \
            `ports` if the process does listen on it."
        ),
        None => format!(
            "Add {number} to `ports` with a name, if the process does listen on it, and use that \
            name in the probe: then a typing error is refused or found."
        ),
    })
    .figure("probes", wrong.len() as f64, "probes");
    for (what, probe, number) in &wrong {
        finding = finding.at(
            probe.port_span.unwrap_or(probe.span),
            format!("{what} asks {number}"),
        );
    }
    for (_, number) in &container.ports {
        if let Some(span) = number.span() {
            finding = finding.at(span, "what the container names");
        }
    }
    out.report(finding);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing::{self, fact, span};

    fn env(number: &str, set: impl FnOnce(&mut Workload)) -> Environment {
        pods::testing::env((2, 2, 2), |w| {
            w.containers[0].readiness = Some(Box::new(Probe {
                check: ProbeCheck::Http {
                    path: "/".to_owned(),
                    port: number.to_owned(),
                },
                span: span(9),
                port_span: None,
                initial_delay: None,
                period: None,
                timeout: None,
                failure_threshold: None,
            }));
            set(w);
        })
    }

    #[test]
    fn a_port_that_nothing_names_is_reported_and_a_named_port_is_not() {
        assert_eq!(
            testing::only(&RULE, &env("8000", |_| {})).severity,
            Some(Severity::Medium)
        );
        assert!(testing::all(&RULE, &env("8080", |_| {})).is_empty());
        assert!(
            testing::all(&RULE, &env("http", |_| {})).is_empty(),
            "names are looked up by the reader"
        );
        assert!(
            testing::all(
                &RULE,
                &env("8000", |w| w.containers[0]
                    .command
                    .push(fact("--health=:8000".to_owned(), 11)))
            )
            .is_empty()
        );
        let unnamed = testing::only(&RULE, &env("8000", |w| w.containers[0].ports.clear()));
        assert_eq!(unnamed.severity, Some(Severity::Low), "ports need not be named");
        assert!(unnamed.title.ends_with("names no port"), "{}", unnamed.title);
    }

    #[test]
    fn a_management_port_is_low() {
        assert_eq!(
            testing::only(&RULE, &env("9090", |_| {})).severity,
            Some(Severity::Low)
        );
    }
}
