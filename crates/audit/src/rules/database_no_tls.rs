//! A database accepts connections without TLS.

use super::database_flag::{Flag, Known, judge};
use crate::finding::Severity;
use crate::rule::{Check, Fix, Group, Rule, RuleId};
use std::borrow::Cow;

/// The rule.
pub static RULE: Rule = Rule {
    id: RuleId::new("database-no-tls"),
    group: Group::Database,
    severity: Severity::Medium,
    fix: Fix::Automatic,
    summary: Cow::Borrowed("a database accepts connections without TLS"),
    absences: &[],
    settings: &[],
    page: Cow::Borrowed(include_str!("../../../../docs/rules/database-no-tls.md")),
    check: Check::BuiltIn(|cx, out| judge(&FLAG, cx, out)),
};

const FLAG: Flag = Flag {
    fact: |database| database.tls_required.as_ref(),
    bad: false,
    severity: Severity::Medium,
    title: "accepts connections without TLS",
    explanation: "A client that does not ask for TLS does not get it: passwords and data cross the network \
        in clear text, and nothing reports it.",
    remedy: "Require TLS on the server: `rds.force_ssl = 1` in the parameter group, `ssl_mode = \"ENCRYPTED_ONLY\"` (Cloud SQL), `hostssl` lines in pg_hba.conf.",
    label: "TLS is not required",
    known: |_| Known::default(),
};

#[cfg(test)]
mod tests {
    #[test]
    fn the_setting_decides_and_a_missing_setting_is_no_finding() {
        crate::rules::database_flag::tests::the_setting_decides(
            &super::RULE,
            |d, on| d.tls_required = on,
            false,
        );
    }
}
