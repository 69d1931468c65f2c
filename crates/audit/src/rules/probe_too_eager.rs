//! A liveness probe that gives up before the process has started kills it again and again.

use super::pods;
use crate::finding::{Evidence, Finding, Severity};
use crate::rule::{Check, Context, Fix, Group, Rule, RuleId, Verdicts};
use cofferdam_model::calls::DeadlineRole;
use cofferdam_model::units::{show_duration, show_duration_up};
use cofferdam_model::workload::{Completeness, Container, Lifecycle, Workload};
use cofferdam_model::{Fact, Owner, Span};
use std::borrow::Cow;
use std::time::Duration;

/// The rule.
pub static RULE: Rule = Rule {
    id: RuleId::new("probe-too-eager"),
    group: Group::Scaling,
    severity: Severity::High,
    fix: Fix::Proposed,
    summary: Cow::Borrowed("a liveness or start-up probe gives up before the process can have started"),
    absences: &[],
    settings: &[],
    page: Cow::Borrowed(include_str!("../../../../docs/rules/probe-too-eager.md")),
    check: Check::BuiltIn(check),
};

fn check(cx: &Context<'_>, out: &mut Verdicts) {
    let fragments = cx
        .env
        .workloads
        .iter()
        .filter(|w| w.completeness == Completeness::Fragment && w.lifecycle == Lifecycle::Service);
    for workload in pods::whole(cx.env).chain(fragments) {
        for container in &workload.containers {
            // A chart was rendered with all of its probes.
            let whole = workload.completeness == Completeness::Whole || pods::is_of_a_chart(cx, workload);
            if whole || is_said(container) {
                judge(cx, workload, container, out);
            }
        }
    }
}

/// Whether there is a start-up probe with all of its numbers. Then nothing outside the files can change how
/// long it waits. (Cloud Run's services are read as fragments.)
fn is_said(container: &Container) -> bool {
    container
        .startup
        .as_ref()
        .is_some_and(|p| p.period.is_some() && p.failure_threshold.is_some())
}

/// How long the process may take to start: the declared time, otherwise the whole initialisation that its
/// settings allow.
fn start_up<'a>(
    cx: &Context<'a>,
    workload: &Workload,
) -> Option<(&'a Fact<Duration>, &'static str, Option<&'a Owner>)> {
    let service = pods::service(cx.env, workload)?;
    if let Some(stated) = &service.start_up_time {
        return Some((stated, "takes this long to start", None));
    }
    cx.env
        .deadlines
        .iter()
        .filter(|d| {
            d.role == DeadlineRole::Initialisation
                && cx
                    .env
                    .owner_service(&d.owner)
                    .is_some_and(|s| s.name == service.name)
        })
        .map(|d| (&d.value, "initialisation may take this long", Some(&d.owner)))
        .max_by_key(|(value, ..)| value.value)
}

fn judge(cx: &Context<'_>, workload: &Workload, container: &Container, out: &mut Verdicts) {
    // While a start-up probe runs, the liveness probe does not; after it, only the liveness probe's own
    // limits count.
    let (probe, kind) = match (&container.startup, &container.liveness) {
        (Some(startup), _) => (startup, "start-up"),
        (None, Some(liveness)) => (liveness, "liveness"),
        (None, None) => return,
    };
    let Some((needs, label, owner)) = start_up(cx, workload) else {
        return;
    };
    let patience = probe.patience();
    if patience >= needs.value {
        return;
    }
    let mut evidence = Evidence::new();
    evidence.place(
        probe.span,
        format!("gives up {} after the start", show_duration(patience)),
    );
    let needed = evidence.take(needs, label);
    if let Some(owner) = owner {
        evidence.owner(owner);
    }
    let place: Option<Span> = container.span;
    let mut finding = Finding::new(
        &workload.id,
        format!(
            "{}: the {kind} probe gives up after {}, and starting may take {}",
            workload.id,
            show_duration(patience),
            show_duration(needed)
        ),
    )
    .explain(
        "The container is killed while it starts, started again, and killed again, with longer and longer \
         waits. On a day when the database is slow, no pod ever starts.",
    )
    .remedy(format!(
        "Add a start-up probe with periodSeconds × failureThreshold of at least {} and leave the liveness probe short.",
        show_duration_up(needed)
    ))
    .cause(("container", container.name.as_str()))
    .figure("patience", patience.as_secs_f64(), "s")
    .figure("start_up", needed.as_secs_f64(), "s")
    .evidence(evidence);
    if let Some(place) = place {
        finding = finding.at(place, "the container");
    }
    out.report(finding);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing::{self, fact, span};
    use cofferdam_model::workload::{Probe, ProbeCheck};

    fn env(startup: bool) -> cofferdam_model::Environment {
        let probe = |failures| Probe {
            check: ProbeCheck::Http {
                path: "/health".to_owned(),
                port: "8080".to_owned(),
            },
            span: span(9),
            port_span: None,
            initial_delay: Some(fact(Duration::from_secs(15), 10)),
            period: None,
            timeout: None,
            failure_threshold: Some(fact(failures, 11)),
        };
        let mut env = pods::testing::env((2, 2, 2), |w| {
            w.containers[0].liveness = Some(Box::new(probe(3)));
            w.containers[0].startup = startup.then(|| Box::new(probe(30)));
        });
        env.services[0].start_up_time = Some(fact(Duration::from_secs(75), 12));
        env
    }

    #[test]
    fn a_delay_of_15_s_and_three_probes_of_10_s_are_too_short_for_a_start_of_75_s() {
        // 15 + 3 × 10 = 45 < 75; with a start-up probe 15 + 30 × 10 = 315.
        assert_eq!(testing::only(&RULE, &env(false)).figures["patience"].value, 45.0);
        assert!(testing::all(&RULE, &env(true)).is_empty());
    }

    #[test]
    fn a_fragment_is_judged_only_if_its_startup_probe_has_numbers() {
        let mut e = env(false);
        e.workloads[0].completeness = Completeness::Fragment;
        assert!(
            testing::all(&RULE, &e).is_empty(),
            "a start-up probe may yet be there"
        );
        let container = &mut e.workloads[0].containers[0];
        container.startup = container.liveness.clone();
        assert!(testing::all(&RULE, &e).is_empty(), "its period is not known");
        if let Some(startup) = &mut e.workloads[0].containers[0].startup {
            startup.period = Some(fact(Duration::from_secs(10), 13));
        }
        // 15 + 3 × 10 = 45 < 75.
        assert_eq!(testing::only(&RULE, &e).figures["patience"].value, 45.0);
    }

    #[test]
    fn a_startup_probe_as_advised_is_silent() {
        for seconds in [46u64, 75, 599, 601, 3601, 9001, 100_003] {
            let mut env = env(false);
            env.services[0].start_up_time = Some(fact(Duration::from_secs(seconds), 12));
            let finding = testing::only(&RULE, &env);
            let time = testing::advised(&finding.remedy, "of at least ", " and leave").unwrap();
            let container = &mut env.workloads[0].containers[0];
            container.startup = container.liveness.clone();
            if let Some(startup) = &mut container.startup {
                startup.initial_delay = None;
                startup.period = Some(fact(testing::advised_time(time), 13));
                startup.failure_threshold = Some(fact(1, 14));
            }
            assert!(testing::all(&RULE, &env).is_empty(), "{}", finding.remedy);
        }
    }
}
