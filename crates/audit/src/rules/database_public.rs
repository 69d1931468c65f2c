//! A database has a public address.

use super::database_flag::{Flag, Known, judge};
use crate::finding::{Evidence, Severity};
use crate::rule::{Check, Fix, Group, Rule, RuleId};
use cofferdam_model::Source;
use cofferdam_model::database::Database;
use std::borrow::Cow;

/// The rule.
pub static RULE: Rule = Rule {
    id: RuleId::new("database-public"),
    group: Group::Database,
    severity: Severity::High,
    fix: Fix::Automatic,
    summary: Cow::Borrowed("a database has a public address"),
    absences: &[],
    settings: &[],
    page: Cow::Borrowed(include_str!("../../../../docs/rules/database-public.md")),
    check: Check::BuiltIn(|cx, out| judge(&FLAG, cx, out)),
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
    label: "a public address",
    known,
};

/// A public address is as bad as what its firewall lets in.
fn known(database: &Database) -> Known {
    let stated = database
        .public
        .as_ref()
        .is_some_and(|public| matches!(public.source, Source::Stated(_)));
    let mut evidence = Evidence::new();
    match &database.open_to_all {
        Some(open) if open.value => {
            evidence.note(open, "every address is let in");
            Known {
                title: Some("has a public address that lets in every address"),
                evidence,
                ..Known::default()
            }
        }
        Some(closed) => {
            evidence.note(closed, "only listed addresses are let in");
            Known {
                severity: Some(Severity::Low),
                title: Some("has a public address, which only listed addresses reach"),
                explanation: Some(
                    "Its firewall is the only thing between the port and the internet: one rule with 0.0.0.0/0, added \
                     in a hurry, opens it.",
                ),
                evidence,
                ..Known::default()
            }
        }
        // A person who says that it is public has looked.
        None if stated => Known::default(),
        None => {
            evidence.likely();
            Known {
                severity: Some(Severity::Medium),
                title: Some("has a public address, and these files do not show which addresses may reach it"),
                explanation: Some(
                    "If its security group lets in every address, anyone on the internet can reach the port. A leaked \
                     password or a vulnerability in the server is then enough to break in.",
                ),
                evidence,
                ..Known::default()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::Confidence;
    use crate::rules::testing::{self, fact, span};
    use cofferdam_model::{Environment, Fact, Parts};

    #[test]
    fn a_public_address_is_as_bad_as_what_reaches_it() {
        let found = |open: Option<bool>, public: Fact<bool>| {
            let mut database = Database::named("main", Some(span(1)));
            database.public = Some(public);
            database.open_to_all = open.map(|open| fact(open, 3));
            let env = Environment {
                parts: Parts {
                    databases: vec![database],
                    ..Parts::default()
                },
                ..Environment::default()
            };
            let finding = testing::only(&RULE, &env);
            (finding.severity.unwrap(), finding.confidence)
        };
        assert_eq!(
            found(Some(true), fact(true, 2)),
            (Severity::High, Confidence::Certain)
        );
        assert_eq!(
            found(Some(false), fact(true, 2)),
            (Severity::Low, Confidence::Certain)
        );
        assert_eq!(found(None, fact(true, 2)), (Severity::Medium, Confidence::Likely));
        assert_eq!(
            found(None, Fact::stated(true, span(2))),
            (Severity::High, Confidence::Certain)
        );
    }

    #[test]
    fn the_setting_decides_and_a_missing_setting_is_no_finding() {
        crate::rules::database_flag::tests::the_setting_decides(&RULE, |d, on| d.public = on, true);
    }
}
