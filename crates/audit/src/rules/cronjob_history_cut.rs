//! Two settings remove the runs of a CronJob. The one in the Job's template also removes the evidence of a
//! failure.

use super::pods;
use crate::finding::{Evidence, Finding, Severity};
use crate::rule::{Check, Context, Fix, Group, Rule, RuleId, Verdicts};
use cofferdam_model::units::show_duration;
use std::borrow::Cow;
use std::time::Duration;

/// The rule.
pub static RULE: Rule = Rule {
    id: RuleId::new("cronjob-history-cut"),
    group: Group::Delivery,
    severity: Severity::Low,
    fix: Fix::Automatic,
    summary: Cow::Borrowed(
        "the runs of a CronJob are removed by age as well as by number: a failed one may be gone before \
        anyone looks at it",
    ),
    absences: &[],
    settings: &[],
    page: Cow::Borrowed(include_str!("../../../../docs/rules/cronjob-history-cut.md")),
    check: Check::BuiltIn(check),
};

/// Seconds within which people look at a failure, a weekend included.
const LONG_ENOUGH: u32 = 3 * 86_400;

fn check(cx: &Context<'_>, out: &mut Verdicts) {
    for workload in pods::whole(cx.env).filter(|w| w.id.kind == "CronJob") {
        let Some(ttl) = workload.fields.get("ttlSecondsAfterFinished") else {
            continue;
        };
        let Ok(seconds) = ttl.value.parse::<u32>() else {
            continue;
        };
        if seconds >= LONG_ENOUGH {
            continue;
        }
        let mut evidence = Evidence::new();
        evidence.note(ttl, "removes each run after this time");
        let after = show_duration(Duration::from_secs(seconds.into()));
        out.report(
            Finding::new(
                &workload.id,
                format!(
                    "{}: a failed run and its logs are gone after {after}, whatever the history limits say",
                    workload.id
                ),
            )
            .explain(
                "A CronJob keeps its last runs by number (by default `failedJobsHistoryLimit` 1, \
                    `successfulJobsHistoryLimit` 3) and therefore cleans up by itself. The time to live in \
                    its template removes them earlier: whoever looks for the cause of a failure after that time \
                    finds no pod, no events and no logs.",
            )
            .remedy(
                "Remove `ttlSecondsAfterFinished` from the template and set the two history limits; \
                    the field is for Jobs that nothing else removes.",
            )
            .figure("kept", seconds, "s")
            .evidence(evidence)
            .at(workload.span, "the CronJob"),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing::{self, fact};

    #[test]
    fn a_time_to_live_is_only_for_jobs_without_a_cronjob() {
        let env = |kind: &str, ttl: Option<&str>| {
            pods::testing::env((1, 1, 1), |w| {
                w.id.kind = kind.to_owned();
                if let Some(ttl) = ttl {
                    w.fields
                        .insert("ttlSecondsAfterFinished".to_owned(), fact(ttl.to_owned(), 21));
                }
            })
        };
        let finding = testing::only(&RULE, &env("CronJob", Some("3600")));
        assert_eq!(finding.figures["kept"].value, 3600.0);
        assert!(finding.title.contains("after 60 min"), "{}", finding.title);
        assert!(testing::all(&RULE, &env("CronJob", None)).is_empty());
        assert!(testing::all(&RULE, &env("Job", Some("3600"))).is_empty());
    }
}
