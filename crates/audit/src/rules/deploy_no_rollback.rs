//! How a bad version reaches users: a failed deploy is not rolled back automatically.

use super::delivery_flag::{Flag, judge};
use crate::finding::Severity;
use crate::rule::{Check, Fix, Group, Rule, RuleId};
use cofferdam_model::Absence;
use std::borrow::Cow;

/// The rule.
pub static RULE: Rule = Rule {
    id: RuleId::new("deploy-no-rollback"),
    group: Group::Delivery,
    severity: Severity::Medium,
    fix: Fix::Proposed,
    summary: Cow::Borrowed("a failed deploy is not rolled back automatically"),
    absences: &[Absence::Delivery],
    settings: &[],
    page: Cow::Borrowed(include_str!("../../../../docs/rules/deploy-no-rollback.md")),
    check: Check::BuiltIn(|cx, out| judge(&FLAG, cx, out)),
};

const FLAG: Flag = Flag {
    fact: |delivery| delivery.rollback.as_ref(),
    title: "a failed deploy is not rolled back automatically",
    explanation: "The new version stays until someone notices, decides and undoes it. The outage lasts as \
        long as the page, the decision and the rollback take together.",
    remedy: "Declare an automatic rollback on failed health checks or a rising error rate.",
};

#[cfg(test)]
mod tests {
    #[test]
    fn a_missing_setting_counts_only_in_files_that_could_contain_it() {
        crate::rules::delivery_flag::tests::silence_is_told(&super::RULE, |d, on| d.rollback = on);
    }
}
