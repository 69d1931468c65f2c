//! Finished jobs and their pods stay until someone removes them.

use super::pods;
use crate::finding::{Finding, Severity};
use crate::rule::{Check, Context, Fix, Group, Rule, RuleId, Verdicts};
use std::borrow::Cow;

/// The rule.
pub static RULE: Rule = Rule {
    id: RuleId::new("job-never-cleaned"),
    group: Group::Delivery,
    severity: Severity::Low,
    fix: Fix::Automatic,
    summary: Cow::Borrowed("a finished Job and its pods stay forever"),
    absences: &[],
    settings: &[],
    page: Cow::Borrowed(include_str!("../../../../docs/rules/job-never-cleaned.md")),
    check: Check::BuiltIn(check),
};

/// Annotations of tools that remove the jobs they create.
const CLEANED_BY: &[&str] = &["helm.sh/hook", "argocd.argoproj.io/hook"];

fn check(cx: &Context<'_>, out: &mut Verdicts) {
    for workload in pods::whole(cx.env).filter(|w| w.id.kind == "Job") {
        // What a CronJob or another controller made goes when it does.
        let is_kept = workload.fields.contains_key("ownerReferences");
        if is_kept
            || workload.fields.contains_key("ttlSecondsAfterFinished")
            || CLEANED_BY.iter().any(|a| workload.annotations.contains_key(*a))
        {
            continue;
        }
        out.report(
            Finding::new(
                &workload.id,
                format!("{}: nothing removes it when it has finished", workload.id),
            )
            .explain(
                "The Job and its pods stay in the API server after their end. The next deploy tries \
                    to change the Job's template, which is not allowed, and fails. If jobs are created \
                    often, their number slows down every list of pods.",
            )
            .remedy("Set `ttlSecondsAfterFinished`, for instance 86400 to keep the logs of one day.")
            .at(workload.span, "stays"),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing::{self, fact};
    use cofferdam_model::workload::Workload;

    fn env(set: impl FnOnce(&mut Workload)) -> cofferdam_model::Environment {
        pods::testing::env((1, 1, 1), |w| {
            w.id.kind = "Job".to_owned();
            set(w);
        })
    }

    #[test]
    fn a_time_to_live_or_a_tool_that_cleans_up_is_enough() {
        assert_eq!(testing::all(&RULE, &env(|_| {})).len(), 1);
        let ttl = |w: &mut Workload| {
            drop(
                w.fields
                    .insert("ttlSecondsAfterFinished".to_owned(), fact("60".to_owned(), 9)),
            )
        };
        assert!(testing::all(&RULE, &env(ttl)).is_empty());
        let owned = |w: &mut Workload| {
            drop(
                w.fields
                    .insert("ownerReferences".to_owned(), fact("CronJob night".to_owned(), 9)),
            )
        };
        assert!(testing::all(&RULE, &env(owned)).is_empty());
        let hook = |w: &mut Workload| {
            drop(
                w.annotations
                    .insert("helm.sh/hook".to_owned(), fact("pre-upgrade".to_owned(), 9)),
            )
        };
        assert!(testing::all(&RULE, &env(hook)).is_empty());
        assert!(
            testing::all(&RULE, &env(|w| w.id.kind = "CronJob".to_owned())).is_empty(),
            "a CronJob keeps three"
        );
    }
}
