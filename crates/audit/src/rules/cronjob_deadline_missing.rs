//! Without a deadline, a missed run starts however late, and after many missed runs none starts.

use super::{pods, schedule};
use crate::finding::{Evidence, Finding, Severity};
use crate::rule::{Context, Fix, Group, Rule, Verdicts};
use cofferdam_model::units::show_number;

/// The rule.
pub const RULE: Rule = Rule {
    id: "cronjob-deadline-missing",
    group: Group::Delivery,
    severity: Severity::Low,
    fix: Fix::Automatic,
    summary: "a CronJob does not declare how late a missed run may start",
    absences: &[],
    page: include_str!("../../../../docs/rules/cronjob-deadline-missing.md"),
    check,
};

/// After this many missed runs, the controller starts none. Source: Kubernetes documentation, "CronJob", "Job
/// creation".
const MISSED: f64 = 100.0;
/// Hours of an outage of the control plane that may happen: a week. A job that runs once a day misses 100 runs in no outage.
const LONGEST_OUTAGE: f64 = 7.0 * 24.0;

fn check(cx: &Context<'_>, out: &mut Verdicts) {
    for workload in pods::whole(cx.env).filter(|w| w.id.kind == "CronJob") {
        let field = |name: &str| workload.fields.get(name);
        if field("startingDeadlineSeconds").is_some() || field("suspend").is_some_and(|s| s.value == "true") {
            continue;
        }
        let mut evidence = Evidence::new();
        let mut hours = None;
        if let Some(schedule) = field("schedule") {
            evidence.note(schedule, "when it should run");
            hours = schedule::frequency(&schedule.value)
                .map(|f| MISSED / f64::from(f.runs) * 24.0)
                .filter(|hours| *hours <= LONGEST_OUTAGE);
        }
        let title = match hours {
            Some(hours) => format!(
                "{}: no `startingDeadlineSeconds`: an outage of {} h misses 100 runs, and then none starts",
                workload.id,
                show_number((hours * 10.0).round() / 10.0)
            ),
            None => format!(
                "{}: no `startingDeadlineSeconds`: a missed run starts however late",
                workload.id
            ),
        };
        let mut finding = Finding::new(workload.id.to_string(), title);
        if let Some(hours) = hours {
            finding = finding.figure("hours_to_100_missed", hours, "h");
        }
        out.report(
            finding
                .explain(
                    "The controller starts a run that was missed during an outage of the control plane \
                    when it is back, however late that is. If more than 100 runs were missed since the last \
                    one, it starts none and only logs this. With a deadline it counts only the runs missed \
                    within the deadline.",
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
    fn a_run_every_minute_misses_100_runs_in_100_minutes() {
        let env = |deadline: bool| {
            pods::testing::env((1, 1, 1), |w| {
                w.id.kind = "CronJob".to_owned();
                w.fields
                    .insert("schedule".to_owned(), fact("* * * * *".to_owned(), 20));
                if deadline {
                    w.fields
                        .insert("startingDeadlineSeconds".to_owned(), fact("60".to_owned(), 21));
                }
            })
        };
        let daily = pods::testing::env((1, 1, 1), |w| {
            w.id.kind = "CronJob".to_owned();
            w.fields
                .insert("schedule".to_owned(), fact("0 4 * * *".to_owned(), 20));
        });
        assert!(
            testing::only(&RULE, &daily).figures.is_empty(),
            "no outage is 100 days long"
        );
        // 100 / 1440 of a day is 1.667 h.
        let hours = testing::only(&RULE, &env(false)).figures["hours_to_100_missed"].value;
        assert!((hours - 100.0 / 60.0).abs() < 1e-9, "{hours}");
        assert!(testing::all(&RULE, &env(true)).is_empty());
    }
}
