//! A database can be deleted by one command.

use super::database_flag::{Flag, judge};
use crate::finding::Severity;
use crate::rule::{Fix, Group, Rule};

/// The rule.
pub const RULE: Rule = Rule {
    id: "database-deletable",
    group: Group::Database,
    severity: Severity::Medium,
    fix: Fix::Automatic,
    summary: "a database can be deleted by one command",
    absences: &[],
    page: include_str!("../../../../docs/rules/database-deletable.md"),
    check: |cx, out| judge(&FLAG, cx, out),
};

const FLAG: Flag = Flag {
    fact: |database| database.deletion_protection.as_ref(),
    bad: false,
    severity: Severity::Medium,
    title: "deletion protection is off: one command, or one wrong plan, deletes it",
    explanation: "If a resource is renamed in Terraform, Terraform deletes the old one and creates a new \
        one. With protection off the plan succeeds and the data is lost.",
    remedy: "Set `deletion_protection = true`, and `lifecycle { prevent_destroy = true }` if Terraform \
        creates the database.",
    label: "not protected",
};

#[cfg(test)]
mod tests {
    #[test]
    fn the_setting_decides_and_a_missing_setting_is_no_finding() {
        crate::rules::database_flag::tests::the_setting_decides(
            &super::RULE,
            |d, on| d.deletion_protection = on,
            false,
        );
    }
}
