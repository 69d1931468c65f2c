//! Without a deadline, a missed run starts however late.

use super::{pods, schedule};
use crate::finding::{Evidence, Finding, Severity};
use crate::rule::{Check, Context, Fix, Group, Rule, RuleId, Verdicts};
use std::borrow::Cow;

/// The rule.
pub static RULE: Rule = Rule {
    id: RuleId::new("cronjob-deadline-missing"),
    group: Group::Delivery,
    severity: Severity::Low,
    fix: Fix::Automatic,
    summary: Cow::Borrowed("a CronJob does not declare how late a missed run may start"),
    absences: &[],
    settings: &[],
    page: Cow::Borrowed(include_str!("../../../../docs/rules/cronjob-deadline-missing.md")),
    check: Check::BuiltIn(check),
};

/// Minutes of a day.
const DAY: f64 = 24.0 * 60.0;

fn check(cx: &Context<'_>, out: &mut Verdicts) {
    for workload in pods::whole(cx.env).filter(|w| w.id.kind == "CronJob") {
        let field = |name: &str| workload.fields.get(name);
        if field("startingDeadlineSeconds").is_some() || field("suspend").is_some_and(|s| s.value == "true") {
            continue;
        }
        let mut evidence = Evidence::new();
        let mut interval = None;
        if let Some(schedule) = field("schedule") {
            evidence.note(schedule, "when it should run");
            interval = schedule::frequency(&schedule.value).map(|f| DAY / f64::from(f.runs));
        }
        let mut finding = Finding::new(
            &workload.id,
            format!(
                "{}: no `startingDeadlineSeconds`: a missed run starts however late",
                workload.id
            ),
        );
        if let Some(interval) = interval {
            finding = finding.figure("interval", interval, "min");
        }
        out.report(
            finding
                .explain(
                    "When the control plane is back after an outage, the controller starts one run for all that \
                     were missed, however late that is. With a deadline it starts none that is later than \
                     that.",
                )
                .remedy(
                    "Set `startingDeadlineSeconds` to the longest delay at which a run is still useful, \
                    and to more than 10 (the controller checks every 10 s).",
                )
                .evidence(evidence)
                .at(workload.span, "no deadline for a start"),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing::{self, fact};

    #[test]
    fn without_a_deadline_a_run_starts_however_late() {
        let env = |deadline: bool| {
            pods::testing::env((1, 1, 1), |w| {
                w.id.kind = "CronJob".to_owned();
                w.fields
                    .insert("schedule".to_owned(), fact("*/5 * * * *".to_owned(), 20));
                if deadline {
                    w.fields
                        .insert("startingDeadlineSeconds".to_owned(), fact("60".to_owned(), 21));
                }
            })
        };
        // Twelve runs an hour.
        let interval = testing::only(&RULE, &env(false)).figures["interval"].value;
        assert!((interval - 5.0).abs() < 1e-9, "{interval}");
        assert!(testing::all(&RULE, &env(true)).is_empty());
    }
}
