//! A database can be deleted by one command.

use super::database_flag::{Flag, Known, judge};
use crate::finding::{Evidence, Severity};
use crate::rule::{Check, Fix, Group, Rule, RuleId};
use cofferdam_model::database::{Database, OnDelete};
use std::borrow::Cow;

/// The rule.
pub static RULE: Rule = Rule {
    id: RuleId::new("database-deletable"),
    group: Group::Database,
    severity: Severity::Medium,
    fix: Fix::Automatic,
    summary: Cow::Borrowed("a database can be deleted by one command"),
    absences: &[],
    settings: &[],
    page: Cow::Borrowed(include_str!("../../../../docs/rules/database-deletable.md")),
    check: Check::BuiltIn(|cx, out| judge(&FLAG, cx, out)),
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
    known,
};

/// What is left of the data decides how bad a deletion is.
fn known(database: &Database) -> Known {
    let Some(left) = &database.on_delete else {
        return Known::default();
    };
    let mut evidence = Evidence::new();
    match left.value {
        OnDelete::Nothing => {
            evidence.note(left, "no final snapshot");
            Known {
                title: Some(
                    "deletion protection is off, and no final snapshot is made: one command, or one wrong plan, deletes all its data",
                ),
                evidence,
                ..Known::default()
            }
        }
        OnDelete::Snapshot => {
            evidence.note(left, "the final snapshot");
            Known {
                severity: Some(Severity::Low),
                title: Some(
                    "deletion protection is off: one command, or one wrong plan, deletes it after a final snapshot",
                ),
                explanation: Some(
                    "If a resource is renamed in Terraform, Terraform deletes the old one and creates a new, empty one. \
                     The data is in the final snapshot: it is an outage for as long as a restore takes.",
                ),
                evidence,
                ..Known::default()
            }
        }
        OnDelete::Refused => {
            evidence.note(left, "a final snapshot is asked for, and has no name");
            Known {
                severity: Some(Severity::Low),
                title: Some(
                    "deletion protection is off, and only a missing name of its final snapshot keeps Terraform from deleting it",
                ),
                explanation: Some(
                    "Terraform asks for a final snapshot and refuses to delete it, because \
                     `final_snapshot_identifier` is not set. The console and the command line are not kept from it.",
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
    use crate::rules::testing::{self, fact, span};
    use cofferdam_model::{Environment, Parts};

    #[test]
    fn a_deletion_is_as_bad_as_what_it_leaves() {
        let found = |left: Option<OnDelete>| {
            let mut database = Database::named("main", Some(span(1)));
            database.deletion_protection = Some(fact(false, 2));
            database.on_delete = left.map(|left| fact(left, 3));
            let env = Environment {
                parts: Parts {
                    databases: vec![database],
                    ..Parts::default()
                },
                ..Environment::default()
            };
            testing::only(&RULE, &env)
        };
        assert_eq!(found(None).severity, Some(Severity::Medium));
        assert_eq!(found(Some(OnDelete::Nothing)).severity, Some(Severity::Medium));
        let kept = found(Some(OnDelete::Snapshot));
        assert_eq!(kept.severity, Some(Severity::Low));
        assert!(!kept.explanation.contains("lost"), "{}", kept.explanation);
        assert_eq!(found(Some(OnDelete::Refused)).severity, Some(Severity::Low));
    }

    #[test]
    fn the_setting_decides_and_a_missing_setting_is_no_finding() {
        crate::rules::database_flag::tests::the_setting_decides(
            &RULE,
            |d, on| d.deletion_protection = on,
            false,
        );
    }
}
