//! Backups should have a copy in another region. If no file mentions one, we assume that there is none.

use super::database_flag::{Absent, judge_absent};
use crate::finding::Severity;
use crate::rule::{Check, Fix, Group, Rule, RuleId};
use cofferdam_model::Absence;
use std::borrow::Cow;

/// The rule.
pub static RULE: Rule = Rule {
    id: RuleId::new("backup-one-region"),
    group: Group::Database,
    severity: Severity::Low,
    fix: Fix::Proposed,
    summary: Cow::Borrowed("backups stay in the region of the database"),
    absences: &[Absence::Backup],
    settings: &[],
    page: Cow::Borrowed(include_str!("../../../../docs/rules/backup-one-region.md")),
    check: Check::BuiltIn(|cx, out| judge_absent(&ABSENT, cx, out)),
};

const ABSENT: Absent = Absent {
    fact: |database| database.backup.other_region.as_ref(),
    title: "no copy of the backups is declared in another region",
    explanation: "An event that destroys the region destroys the database and its backups together. Then \
        there is nothing left to restore.",
    remedy: "Copy backups to another region (`aws_db_instance_automated_backups_replication`, an AWS Backup plan with a copy action, Cloud SQL backups with `location`), and try a restore there.",
};

#[cfg(test)]
mod tests {
    #[test]
    fn a_file_that_could_state_it_and_does_not_is_reported_only_in_production() {
        crate::rules::database_flag::tests::silence_is_told(&super::RULE, |d, on| d.backup.other_region = on);
    }
}
