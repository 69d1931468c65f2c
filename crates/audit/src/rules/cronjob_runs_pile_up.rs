//! Runs that take longer than the interval between them overlap, and their number grows.

use super::{common, pods, schedule};
use crate::finding::{Evidence, Finding, Severity};
use crate::rule::{Check, Context, Fix, Group, Rule, RuleId, Verdicts};
use std::borrow::Cow;

/// The rule.
pub static RULE: Rule = Rule {
    id: RuleId::new("cronjob-runs-pile-up"),
    group: Group::Delivery,
    severity: Severity::Medium,
    fix: Fix::Proposed,
    summary: Cow::Borrowed("runs of a CronJob that hang or are slow overlap without limit"),
    absences: &[],
    settings: &[],
    page: Cow::Borrowed(include_str!("../../../../docs/rules/cronjob-runs-pile-up.md")),
    check: Check::BuiltIn(check),
};

/// How many minutes a dependency is slow, for the figure.
const HANGING: u32 = 60;
/// The longest interval, in minutes, at which an hour of trouble makes several runs overlap.
const OFTEN: u32 = 15;

fn check(cx: &Context<'_>, out: &mut Verdicts) {
    for workload in pods::whole(cx.env).filter(|w| w.id.kind == "CronJob") {
        let field = |name: &str| workload.fields.get(name);
        let policy = field("concurrencyPolicy");
        let suspended = field("suspend").is_some_and(|s| s.value == "true");
        if suspended || policy.is_some_and(|p| p.value != "Allow") || field("activeDeadlineSeconds").is_some()
        {
            continue;
        }
        let Some(schedule) = field("schedule") else {
            continue;
        };
        let Some(frequency) = schedule::frequency(&schedule.value) else {
            continue;
        };
        let at_once = HANGING.div_ceil(frequency.shortest);
        // If someone wrote `Allow`, it is intended.
        let severity = if policy.is_none() && frequency.shortest <= OFTEN {
            common::severity_in(cx.env, Severity::Medium)
        } else {
            Severity::Low
        };
        let mut evidence = Evidence::new();
        evidence.note(
            schedule,
            format!(
                "a run every {}",
                common::count(frequency.shortest.into(), "minute")
            ),
        );
        if let Some(policy) = policy {
            evidence.note(policy, "lets runs overlap");
        }
        let title = if at_once > 1 {
            format!(
                "{}: the number of overlapping runs has no limit, {at_once} run at once after an hour in \
                 which none ends",
                workload.id
            )
        } else {
            format!(
                "{}: a run that hangs never ends, and the next one starts beside it",
                workload.id
            )
        };
        out.report(
            Finding::new(&workload.id, title)
                .severity(severity)
                .explain(
                    "When a dependency of the job is slow or down, every run waits for it. After each \
                    interval another run joins with its own connections and memory, so the load grows on a \
                    dependency that is already in trouble. Two runs may also work on the same rows.",
                )
                .remedy(
                    "Set `concurrencyPolicy: Forbid` (or `Replace`), and `activeDeadlineSeconds` on the \
                    job so that a run that hangs ends.",
                )
                .figure("interval", frequency.shortest, "min")
                .figure("runs_at_once", at_once, "runs")
                .evidence(evidence)
                .at(workload.span, "no deadline of a run, runs may overlap"),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing::{self, fact};

    fn env(fields: &[(&str, &str)]) -> cofferdam_model::Environment {
        pods::testing::env((1, 1, 1), |w| {
            w.id.kind = "CronJob".to_owned();
            for (n, (name, value)) in fields.iter().enumerate() {
                w.fields
                    .insert((*name).to_owned(), fact((*value).to_owned(), 20 + n));
            }
        })
    }

    #[test]
    fn a_run_every_five_minutes_means_twelve_waiting_runs_after_an_hour() {
        let often = ("schedule", "*/5 * * * *");
        let finding = testing::only(&RULE, &env(&[often]));
        // 60 / 5 = 12.
        assert_eq!(
            (finding.figures["runs_at_once"].value, finding.severity),
            (12.0, Some(Severity::Medium))
        );
        assert_eq!(
            testing::only(&RULE, &env(&[often, ("concurrencyPolicy", "Allow")])).severity,
            Some(Severity::Low)
        );
        assert_eq!(
            testing::only(&RULE, &env(&[("schedule", "0 3 * * *")])).severity,
            Some(Severity::Low)
        );
        for mended in [
            ("concurrencyPolicy", "Forbid"),
            ("concurrencyPolicy", "Replace"),
            ("activeDeadlineSeconds", "240"),
            ("suspend", "true"),
        ] {
            assert!(
                testing::all(&RULE, &env(&[often, mended])).is_empty(),
                "{mended:?}"
            );
        }
    }
}
