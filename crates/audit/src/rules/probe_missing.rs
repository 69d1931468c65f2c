//! Without a readiness probe a pod gets requests before it can answer them.

use super::disruption_budget_missing::is_kubernetes;
use super::{common, pods};
use crate::finding::{Finding, Severity};
use crate::rule::{Check, Context, Fix, Group, Rule, RuleId, Verdicts};
use cofferdam_model::workload::{Container, Lifecycle, Workload};
use std::borrow::Cow;

/// The rule.
pub static RULE: Rule = Rule {
    id: RuleId::new("probe-missing"),
    group: Group::Scaling,
    severity: Severity::Medium,
    fix: Fix::Proposed,
    summary: Cow::Borrowed("a container has no readiness or no liveness probe"),
    absences: &[],
    settings: &[],
    page: Cow::Borrowed(include_str!("../../../../docs/rules/probe-missing.md")),
    check: Check::BuiltIn(check),
};

/// Annotations of pods that should run once.
const ONCE: &[&str] = &["helm.sh/hook", "argocd.argoproj.io/hook"];

fn check(cx: &Context<'_>, out: &mut Verdicts) {
    let counts = common::is_production_like(&cx.env.name);
    let callers = pods::Callers::new(cx.env);
    for workload in pods::whole(cx.env).filter(|w| counts && stays(w)) {
        judge(workload, callers.call(workload), out);
    }
}

/// Whether its pods should run until they are replaced.
fn stays(workload: &Workload) -> bool {
    let always = workload
        .fields
        .get("restartPolicy")
        .is_none_or(|p| p.value == "Always");
    let once = || ONCE.iter().any(|a| workload.annotations.contains_key(*a));
    match workload.lifecycle {
        Lifecycle::Service | Lifecycle::Daemon => true,
        Lifecycle::Pod => always && !once(),
        Lifecycle::Batch => false,
    }
}

/// Whether the kubelet runs its probes. On other platforms a container without a port needs no probe.
fn is_kubelets(workload: &Workload) -> bool {
    is_kubernetes(&workload.id.kind) || matches!(workload.lifecycle, Lifecycle::Daemon | Lifecycle::Pod)
}

fn judge(workload: &Workload, is_called: bool, out: &mut Verdicts) {
    let all = || workload.containers.iter();
    let asked: Vec<&Container> = all()
        .filter(|c| is_kubelets(workload) || !c.ports.is_empty())
        .collect();
    let lacks =
        |wanted: fn(&Container) -> bool| asked.iter().copied().filter(|c| wanted(c)).collect::<Vec<_>>();
    let not_ready = lacks(|c| c.readiness.is_none());
    if !not_ready.is_empty() {
        // A second container (a proxy, an exporter) needs no readiness probe if another container has one.
        let someone_says = all().any(|c| c.readiness.is_some());
        let daemon = workload.lifecycle == Lifecycle::Daemon;
        let grave = is_called && !someone_says && !daemon && workload.lifecycle != Lifecycle::Pod;
        out.report(without_readiness(workload, &not_ready, (grave, is_called)));
    }
    let not_live = lacks(|c| c.liveness.is_none() && c.readiness.is_some());
    if !not_live.is_empty() {
        let mut finding = Finding::new(
            &workload.id,
            format!(
                "{}: {} without a liveness probe",
                workload.id,
                pods::names(&not_live)
            ),
        )
        .cause("no liveness probe")
        .severity(Severity::Low)
        .explain(
            "A process that hangs is not restarted: its readiness probe removes it from service and \
                it never comes back.",
        )
        .remedy(
            "Add a liveness probe that checks only whether the process itself still works, never its \
                dependencies.",
        )
        .figure("containers", not_live.len() as f64, "containers");
        for span in not_live.iter().filter_map(|c| c.span) {
            finding = finding.at(span, "no liveness probe");
        }
        out.report(finding.at(workload.span, "the workload"));
    }
}

fn without_readiness(workload: &Workload, bare: &[&Container], (grave, is_called): (bool, bool)) -> Finding {
    let neither = bare.iter().all(|c| c.liveness.is_none());
    let what = if neither {
        "a readiness or a liveness probe"
    } else {
        "a readiness probe"
    };
    let mut explanation = if is_called {
        "A pod without one counts as ready as soon as its process starts. With every deploy and every \
         scale-out, requests go to pods that cannot answer yet, and a rollout replaces good pods with bad \
         ones without noticing."
            .to_owned()
    } else {
        "A pod without one counts as ready as soon as its process starts: a rollout replaces every good pod \
         with one that cannot do its work, and does not notice."
            .to_owned()
    };
    if neither {
        explanation.push_str(" And a process that hangs is never restarted.");
    }
    let mut finding = Finding::new(
        &workload.id,
        format!("{}: {} without {what}", workload.id, pods::names(bare)),
    )
    .cause("no readiness probe")
    .severity(if grave { Severity::Medium } else { Severity::Low })
    .explain(explanation)
    .remedy(
        "Add a readiness probe that succeeds once the process can do its work, and a start-up probe \
            if that takes long. A process that answers no requests can be checked by a command.",
    )
    .figure("containers", bare.len() as f64, "containers");
    for span in bare.iter().filter_map(|c| c.span) {
        finding = finding.at(
            span,
            format!("no {}", what.trim_start_matches("a ").replace(" a ", " ")),
        );
    }
    finding.at(workload.span, "the workload")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing::{self, span};
    use cofferdam_model::workload::{Probe, ProbeCheck};

    fn probe() -> Option<Probe> {
        Some(Probe {
            check: ProbeCheck::Tcp {
                port: "8080".to_owned(),
            },
            span: span(9),
            port_span: None,
            initial_delay: None,
            period: None,
            timeout: None,
            failure_threshold: None,
        })
    }

    #[test]
    fn a_container_with_a_port_needs_a_readiness_probe() {
        assert_eq!(
            testing::only(&RULE, &pods::testing::env((2, 2, 2), |_| {})).severity,
            Some(Severity::Medium)
        );
        let worker = pods::testing::env((2, 2, 2), |w| w.containers[0].ports.clear());
        assert_eq!(
            testing::only(&RULE, &worker).severity,
            Some(Severity::Low),
            "a rollout waits for readiness there too"
        );
        let ready = pods::testing::env((2, 2, 2), |w| w.containers[0].readiness = probe().map(Box::new));
        assert_eq!(testing::only(&RULE, &ready).severity, Some(Severity::Low));
        let both = pods::testing::env((2, 2, 2), |w| {
            w.containers[0].readiness = probe().map(Box::new);
            w.containers[0].liveness = probe().map(Box::new);
        });
        assert!(testing::all(&RULE, &both).is_empty());
    }

    #[test]
    fn daemons_and_long_lived_pods_are_judged_and_jobs_are_not() {
        let of = |lifecycle: Lifecycle| pods::testing::env((1, 1, 1), |w| w.lifecycle = lifecycle);
        assert_eq!(
            testing::only(&RULE, &of(Lifecycle::Daemon)).severity,
            Some(Severity::Low)
        );
        assert_eq!(
            testing::only(&RULE, &of(Lifecycle::Pod)).severity,
            Some(Severity::Low)
        );
        assert!(testing::all(&RULE, &of(Lifecycle::Batch)).is_empty());
        let once = pods::testing::env((1, 1, 1), |w| {
            w.lifecycle = Lifecycle::Pod;
            w.fields
                .insert("restartPolicy".to_owned(), testing::fact("Never".to_owned(), 7));
        });
        assert!(testing::all(&RULE, &once).is_empty());
    }

    #[test]
    fn a_second_container_with_a_port_is_low() {
        let env = pods::testing::env((2, 2, 2), |w| {
            w.containers[0].readiness = probe().map(Box::new);
            w.containers[0].liveness = probe().map(Box::new);
            let second = Container {
                name: "admin".to_owned(),
                ports: w.containers[0].ports.clone(),
                ..Container::default()
            };
            w.containers.push(second);
        });
        let finding = testing::only(&RULE, &env);
        assert_eq!(finding.severity, Some(Severity::Low));
        assert!(
            finding
                .title
                .contains("`admin` without a readiness or a liveness probe"),
            "{}",
            finding.title
        );
    }
}
