//! Restores should be tested on a schedule. If no file mentions a restore test, we assume that there is none.

use super::database_flag::{Absent, judge_absent};
use crate::finding::Severity;
use crate::rule::{Check, Fix, Group, Rule, RuleId};
use cofferdam_model::Absence;
use std::borrow::Cow;

/// The rule.
pub static RULE: Rule = Rule {
    id: RuleId::new("backup-never-restored"),
    group: Group::Database,
    severity: Severity::Low,
    fix: Fix::Proposed,
    summary: Cow::Borrowed("no restore test of a backup is declared here"),
    absences: &[Absence::Backup],
    settings: &[],
    page: Cow::Borrowed(include_str!("../../../../docs/rules/backup-never-restored.md")),
    check: Check::BuiltIn(|cx, out| judge_absent(&ABSENT, cx, out)),
};

const ABSENT: Absent = Absent {
    fact: |database| database.backup.restore_tested.as_ref(),
    title: "no restore test of a backup is declared here",
    explanation: "A backup that has never been restored may not work. Problems with it (a missing role, an \
        extension, hours of replay) are found during the outage.",
    remedy: "Restore the latest backup into a scratch instance on a schedule, run a query against it, and \
        declare it in cofferdam.yaml (`databases.NAME.backups.restore_tested: true`).",
};

#[cfg(test)]
mod tests {
    #[test]
    fn a_file_that_could_state_it_and_does_not_is_reported_only_in_production() {
        crate::rules::database_flag::tests::silence_is_told(&super::RULE, |d, on| {
            d.backup.restore_tested = on
        });
    }
}
