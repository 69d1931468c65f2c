//! A database has no standby in another zone.

use super::database_flag::{Flag, Known, judge};
use crate::finding::Severity;
use crate::rule::{Check, Fix, Group, Rule, RuleId};
use std::borrow::Cow;

/// The rule.
pub static RULE: Rule = Rule {
    id: RuleId::new("database-single-zone"),
    group: Group::Database,
    severity: Severity::High,
    fix: Fix::Automatic,
    summary: Cow::Borrowed("a database has no standby in another zone"),
    absences: &[],
    settings: &[],
    page: Cow::Borrowed(include_str!("../../../../docs/rules/database-single-zone.md")),
    check: Check::BuiltIn(|cx, out| judge(&FLAG, cx, out)),
};

const FLAG: Flag = Flag {
    fact: |database| database.multi_zone.as_ref(),
    bad: false,
    severity: Severity::High,
    title: "no standby in another zone: an outage of the zone is an outage of the database",
    explanation: "If its zone fails, everything that needs this database stops. It comes back only when the \
        zone does, or when a backup is restored elsewhere. Maintenance of the one instance is an outage too.",
    remedy: "Set `multi_az = true` (RDS), a second instance in the cluster (Aurora), or `availability_type = \"REGIONAL\"` (Cloud SQL).",
    label: "one zone only",
    known: |_| Known::default(),
};

#[cfg(test)]
mod tests {
    #[test]
    fn the_setting_decides_and_a_missing_setting_is_no_finding() {
        crate::rules::database_flag::tests::the_setting_decides(
            &super::RULE,
            |d, on| d.multi_zone = on,
            false,
        );
    }
}
