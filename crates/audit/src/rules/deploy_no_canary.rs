//! How a bad version reaches users: a new version gets all of the traffic at once.

use super::delivery_flag::{Flag, judge};
use crate::finding::Severity;
use crate::rule::{Check, Fix, Group, Rule, RuleId};
use cofferdam_model::Absence;
use std::borrow::Cow;

/// The rule.
pub static RULE: Rule = Rule {
    id: RuleId::new("deploy-no-canary"),
    group: Group::Delivery,
    severity: Severity::Low,
    fix: Fix::Proposed,
    summary: Cow::Borrowed("a new version gets all of the traffic at once"),
    absences: &[Absence::Delivery],
    settings: &[],
    page: Cow::Borrowed(include_str!("../../../../docs/rules/deploy-no-canary.md")),
    check: Check::BuiltIn(|cx, out| judge(&FLAG, cx, out)),
};

const FLAG: Flag = Flag {
    fact: |delivery| delivery.canary.as_ref(),
    title: "a new version gets all of the traffic at once",
    explanation: "A fault that appears only under real traffic affects all users at once.",
    remedy: "Give a new version a small share first (5 %), compare its errors and latency with those of the \
        old one, then continue in steps.",
};

#[cfg(test)]
mod tests {
    #[test]
    fn a_missing_setting_counts_only_in_files_that_could_contain_it() {
        crate::rules::delivery_flag::tests::silence_is_told(&super::RULE, |d, on| d.canary = on);
    }
}
