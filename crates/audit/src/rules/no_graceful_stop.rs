//! A pod that stops while it still receives or answers requests drops them.

use super::disruption_budget_missing::is_kubernetes;
use super::{pods, stores};
use crate::finding::{Evidence, Finding, Severity};
use crate::rule::{Check, Context, Fix, Group, Rule, RuleId, Verdicts};
use cofferdam_model::units::{show_duration, show_duration_up};
use cofferdam_model::workload::Workload;
use std::borrow::Cow;
use std::time::Duration;

/// The rule.
pub static RULE: Rule = Rule {
    id: RuleId::new("no-graceful-stop"),
    group: Group::Scaling,
    severity: Severity::Medium,
    fix: Fix::Proposed,
    summary: Cow::Borrowed("pods are killed before their work can end, or get requests while they stop"),
    absences: &[],
    settings: &[],
    page: Cow::Borrowed(include_str!("../../../../docs/rules/no-graceful-stop.md")),
    check: Check::BuiltIn(check),
};

/// Kubernetes' default of `terminationGracePeriodSeconds`.
const GRACE: Duration = Duration::from_secs(30);

fn check(cx: &Context<'_>, out: &mut Verdicts) {
    let callers = pods::Callers::new(cx.env);
    for workload in pods::services(cx.env).filter(|w| is_kubernetes(&w.id.kind)) {
        judge(cx, &callers, workload, out);
    }
}

/// Whether another pod gets the requests while one stops. Otherwise a pause only makes the outage longer.
fn another_takes_over(cx: &Context<'_>, workload: &Workload) -> bool {
    let recreated = workload
        .rollout
        .strategy
        .as_ref()
        .is_some_and(|s| s.value == "Recreate");
    let alone = pods::fewest(cx.env, workload).0 <= 1 && (workload.id.kind == "StatefulSet" || recreated);
    !alone && stores::database(workload).is_none()
}

/// The grace period includes preStop. If it ends while the pod still pauses, the process gets TERM and two more seconds.
/// Source: Kubernetes documentation, "Pod Lifecycle", "Termination of Pods".
fn pause_too_long(workload: &Workload, (pause, grace): (Duration, Duration), evidence: Evidence) -> Finding {
    Finding::new(
        &workload.id,
        format!(
            "{}: preStop pauses for {}, and the grace period ends after {}",
            workload.id,
            show_duration(pause),
            show_duration(grace)
        ),
    )
    .cause("the pause is too long")
    .explain(
        "The grace period includes preStop. It ends before the process gets TERM, so that it then has 2 s at most \
            to end its work. With every deploy, scale-in and drain, requests that are still being answered are cut off.",
    )
    .remedy(format!(
        "Set terminationGracePeriodSeconds above {} by the time that the longest request takes, or pause for less: 5 to \
            15 s are enough.",
        show_duration_up(pause)
    ))
    .figure("grace", grace.as_secs_f64(), "s")
    .figure("pause", pause.as_secs_f64(), "s")
    .evidence(evidence)
    .at(workload.span, "the workload")
}

fn judge(cx: &Context<'_>, callers: &pods::Callers<'_>, workload: &Workload, out: &mut Verdicts) {
    let mut evidence = Evidence::new();
    let grace = evidence.take_or(
        workload.grace.as_ref(),
        "killed after this",
        GRACE,
        "terminationGracePeriodSeconds is 30 s, Kubernetes' default",
    );
    let sleep = workload
        .containers
        .iter()
        .filter_map(|c| c.pre_stop_sleep.as_ref())
        .max_by_key(|s| s.value);
    let pause = sleep.map_or(Duration::ZERO, |s| evidence.take(s, "sleeps first"));
    if !pause.is_zero() && pause >= grace {
        out.report(pause_too_long(workload, (pause, grace), evidence));
        return;
    }
    let longest = pods::service(cx.env, workload).and_then(|s| s.request_time.as_ref());
    if let Some(longest) = longest.filter(|l| l.value + pause > grace) {
        let needs = evidence.take(longest, "one request may take this long") + pause;
        out.report(
            Finding::new(
                &workload.id,
                format!(
                    "{}: killed {} after {}, and its work may take {}",
                    workload.id,
                    show_duration(grace),
                    if pause.is_zero() { "TERM" } else { "preStop begins" },
                    show_duration(needs)
                ),
            )
            .cause("the grace period is too short")
            .explain(
                "With every deploy, scale-in and drain, requests that are still being answered are cut \
                off. Callers see a reset connection and may do the work twice.",
            )
            .remedy(format!(
                "Set terminationGracePeriodSeconds above {}.",
                show_duration_up(needs)
            ))
            .figure("grace", grace.as_secs_f64(), "s")
            .figure("needed", needs.as_secs_f64(), "s")
            .evidence(evidence)
            .at(workload.span, "the workload"),
        );
        return;
    }
    let handles = workload.containers.iter().any(|c| c.pre_stop.is_some());
    if !handles && callers.call(workload) && another_takes_over(cx, workload) {
        out.report(
            Finding::new(&workload.id, format!("{}: no preStop pause: requests still arrive while it stops", workload.id))
                .cause("no pause")
                .severity(Severity::Low)
                .likely()
                .explain("TERM and the removal from the Service happen at the same time, and every node \
                    learns of the removal a little later. A process that ends at once refuses the requests \
                    of that time. A process that continues to listen for some seconds after TERM needs no \
                    preStop.")
                .remedy("Add `lifecycle.preStop` with a sleep of 5 to 15 s (Kubernetes 1.30 has `sleep: {seconds: 10}`), within the grace period.")
                .at(workload.span, "the workload"),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing::{self, fact};

    #[test]
    fn forty_five_seconds_of_work_do_not_fit_in_a_grace_period_of_thirty() {
        let mut env = pods::testing::env((2, 2, 2), |w| {
            w.containers[0].pre_stop = Some(fact("sleep 10".to_owned(), 9));
            w.containers[0].pre_stop_sleep = Some(fact(Duration::from_secs(10), 9));
        });
        assert!(testing::all(&RULE, &env).is_empty());
        env.services[0].request_time = Some(fact(Duration::from_secs(35), 10));
        assert_eq!(testing::only(&RULE, &env).figures["needed"].value, 45.0);
        env.workloads[0].grace = Some(fact(Duration::from_secs(45), 11));
        assert!(testing::all(&RULE, &env).is_empty());
    }

    #[test]
    fn a_service_without_a_pause_before_the_stop_is_low() {
        assert_eq!(
            testing::only(&RULE, &pods::testing::env((2, 2, 2), |_| {})).severity,
            Some(Severity::Low)
        );
        assert!(
            testing::all(
                &RULE,
                &pods::testing::env((2, 2, 2), |w| w.containers[0].ports.clear())
            )
            .is_empty()
        );
    }

    #[test]
    fn a_grace_period_as_advised_is_silent() {
        for seconds in [31u64, 599, 601, 3601, 9001] {
            let mut env = pods::testing::env((2, 2, 2), |w| {
                w.containers[0].pre_stop = Some(fact("sleep 10".to_owned(), 9));
                w.containers[0].pre_stop_sleep = Some(fact(Duration::from_secs(10), 9));
            });
            env.services[0].request_time = Some(fact(Duration::from_secs(seconds), 10));
            let remedy = testing::only(&RULE, &env).remedy;
            let time = remedy.rsplit_once(" above ").unwrap().1.trim_end_matches('.');
            env.workloads[0].grace = Some(fact(testing::advised_time(time), 11));
            assert!(testing::all(&RULE, &env).is_empty(), "{remedy}");
        }
    }
}
