//! Without a readiness probe a pod gets requests before it can answer them.

use super::{common, pods};
use crate::finding::{Finding, Severity};
use crate::rule::{Context, Fix, Group, Rule, Verdicts};
use cofferdam_model::workload::Container;

/// The rule.
pub const RULE: Rule = Rule {
    id: "probe-missing",
    group: Group::Scaling,
    severity: Severity::Medium,
    fix: Fix::Proposed,
    summary: "a container that is called has no readiness probe, or a service no liveness probe",
    page: include_str!("../../../../docs/rules/probe-missing.md"),
    check,
};

fn check(cx: &Context<'_>, out: &mut Verdicts) {
    for workload in pods::services(cx.env) {
        let called: Vec<&Container> = workload.containers.iter().filter(|c| !c.ports.is_empty()).collect();
        let not_ready: Vec<&Container> = called.iter().copied().filter(|c| c.readiness.is_none()).collect();
        let not_live: Vec<&Container> = called.iter().copied().filter(|c| c.liveness.is_none() && c.readiness.is_some()).collect();
        // A second container (a proxy, an exporter) need not say that the pod is ready if another does.
        let someone_says = workload.containers.iter().any(|c| c.readiness.is_some());
        if !not_ready.is_empty() && !someone_says {
            report(cx, workload, &not_ready, out);
        }
        if !not_live.is_empty() && workload.containers.iter().all(|c| c.liveness.is_none()) {
            let mut finding = Finding::new(workload.id.to_string(), format!("{}: {} without a liveness probe", workload.id, pods::names(&not_live)))
                .severity(Severity::Low)
                .explain("A process that hangs stays: it is taken out of service by its readiness probe and never comes back.")
                .remedy("Add a liveness probe that asks only whether the process itself still works, never its dependencies.")
                .figure("containers", not_live.len() as f64, "containers");
            for span in not_live.iter().filter_map(|c| c.span) {
                finding = finding.at(span, "no liveness probe");
            }
            out.report(finding.at(workload.span, "the workload"));
        }
    }
}

fn report(cx: &Context<'_>, workload: &cofferdam_model::workload::Workload, bare: &[&Container], out: &mut Verdicts) {
    let mut finding = Finding::new(workload.id.to_string(), format!("{}: {} without a readiness probe", workload.id, pods::names(bare)))
        .severity(common::severity_in(cx.env, Severity::Medium))
        .explain("A pod without one counts as ready the moment its process starts: with every deploy and every scale-out requests go to pods that cannot answer yet, and a rollout replaces good pods with bad ones without noticing.")
        .remedy("Add a readiness probe that succeeds once the process can serve, and a start-up probe if that takes long.")
        .figure("containers", bare.len() as f64, "containers");
    for span in bare.iter().filter_map(|c| c.span) {
        finding = finding.at(span, "no readiness probe");
    }
    out.report(finding.at(workload.span, "the workload"));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing::{self, span};
    use cofferdam_model::workload::{Probe, ProbeCheck};

    fn probe() -> Option<Probe> {
        Some(Probe {
            check: ProbeCheck::Tcp { port: "8080".to_owned() },
            span: span(9),
            initial_delay: None,
            period: None,
            timeout: None,
            failure_threshold: None,
        })
    }

    #[test]
    fn what_has_a_port_wants_a_readiness_probe() {
        assert_eq!(testing::only(&RULE, &pods::testing::env((2, 2, 2), |_| {})).severity, Some(Severity::Medium));
        assert!(testing::all(&RULE, &pods::testing::env((2, 2, 2), |w| w.containers[0].ports.clear())).is_empty());
        let ready = pods::testing::env((2, 2, 2), |w| w.containers[0].readiness = probe());
        assert_eq!(testing::only(&RULE, &ready).severity, Some(Severity::Low));
        let both = pods::testing::env((2, 2, 2), |w| {
            w.containers[0].readiness = probe();
            w.containers[0].liveness = probe();
        });
        assert!(testing::all(&RULE, &both).is_empty());
    }
}
