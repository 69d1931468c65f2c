//! A database has a public address.

use super::database_flag::{Flag, judge};
use crate::finding::Severity;
use crate::rule::{Fix, Group, Rule};

/// The rule.
pub const RULE: Rule = Rule {
    id: "database-public",
    group: Group::Database,
    severity: Severity::High,
    fix: Fix::Automatic,
    summary: "a database has a public address",
    absences: &[],
    page: include_str!("../../../../docs/rules/database-public.md"),
    check: |cx, out| judge(&FLAG, cx, out),
};

const FLAG: Flag = Flag {
    fact: |database| database.public.as_ref(),
    bad: true,
    severity: Severity::High,
    title: "has a public address",
    explanation: "Anyone on the internet can reach the port. A leaked password or a vulnerability in the \
        server is then enough to break in, and every port scan finds the server.",
    remedy: "Switch the public address off (`publicly_accessible = false`; `ipv4_enabled = false` with a \
        private network) and connect through the private network.",
    label: "reachable from the internet",
};

#[cfg(test)]
mod tests {
    #[test]
    fn the_setting_decides_and_a_missing_setting_is_no_finding() {
        crate::rules::database_flag::tests::the_setting_decides(&super::RULE, |d, on| d.public = on, true);
    }
}
