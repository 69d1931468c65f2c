//! Compares how long backups are kept with how long it takes to notice that they are needed.

use super::common;
use crate::finding::{Evidence, Finding, Severity, Subject};
use crate::rule::{Check, Context, Fix, Group, Rule, RuleId, Verdicts};
use cofferdam_model::Absence;
use cofferdam_model::database::Database;
use cofferdam_model::units::show_duration;
use std::borrow::Cow;
use std::time::Duration;

/// The rule.
pub static RULE: Rule = Rule {
    id: RuleId::new("backup-retention"),
    group: Group::Database,
    severity: Severity::High,
    fix: Fix::Automatic,
    summary: Cow::Borrowed("backups are off, or are kept for less time than it takes to notice corrupt data"),
    absences: &[Absence::Backup],
    settings: &[],
    page: Cow::Borrowed(include_str!("../../../../docs/rules/backup-retention.md")),
    check: Check::BuiltIn(check),
};

const DAY: Duration = Duration::from_secs(86_400);
/// A week, the shortest time that covers a long weekend.
const WEEK: Duration = Duration::from_secs(7 * 86_400);

fn check(cx: &Context<'_>, out: &mut Verdicts) {
    for database in cx.env.databases.iter().filter(|d| d.backup.declarable) {
        judge(cx, database, out);
    }
}

fn judge(cx: &Context<'_>, database: &Database, out: &mut Verdicts) {
    let Some(retention) = &database.backup.retention else {
        return;
    };
    let mut evidence = Evidence::new();
    let kept = evidence.take(retention, "how long backups are kept");
    let detection = database.backup.detection.as_ref();
    let (title, explanation, severity) = if kept.is_zero() {
        (
            "backups are off".to_owned(),
            "There is no backup to restore: a dropped table, a bad migration or a lost volume is permanent."
                .to_owned(),
            Severity::Critical,
        )
    } else if let Some(detection) = detection.filter(|d| d.value > kept) {
        evidence.note(detection, "how long corruption goes unnoticed");
        (
            format!(
                "backups are kept {}, corruption is noticed after {}",
                show_duration(kept),
                show_duration(detection.value)
            ),
            "When someone looks for a good copy, the last good one has already been deleted.".to_owned(),
            Severity::High,
        )
    } else if kept < WEEK {
        (
            format!("backups are kept {} only", show_duration(kept)),
            format!(
                "Corruption that nobody notices within {} cannot be undone; over a long weekend nobody looks.",
                show_duration(kept)
            ),
            // A day is over before anyone looks.
            if kept < 2 * DAY {
                Severity::High
            } else {
                Severity::Medium
            },
        )
    } else {
        return;
    };
    let mut finding = Finding::new(
        Subject::named("database", &database.name),
        format!("{}: {title}", database.name),
    )
    .severity(common::severity_in(cx.env, severity))
    .explain(explanation)
    .remedy(
        "Keep automated backups for at least 7 days (35 is the maximum on RDS and Aurora), and \
            longer than it takes to notice corruption.",
    )
    .figure("retention", kept.as_secs_f64() / 3600.0, "h")
    .evidence(evidence);
    // If the files do not mention backups, another tool may make them.
    if kept.is_zero() && retention.is_assumed() {
        finding = finding.absent(Absence::Backup);
    }
    if let Some(detection) = detection {
        finding = finding.figure("time_to_detect", detection.value.as_secs_f64() / 3600.0, "h");
    }
    if let Some(span) = database.span {
        finding = finding.at(span, "the database");
    }
    out.report(finding);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing::{self, fact, span};
    use cofferdam_model::{Environment, Parts};

    fn env(days: u64) -> Environment {
        let mut database = Database::named("main", Some(span(1)));
        database.backup.declarable = true;
        database.backup.retention = Some(fact(Duration::from_secs(days * 86_400), 2));
        Environment {
            parts: Parts {
                databases: vec![database],
                ..Parts::default()
            },
            ..Environment::default()
        }
    }

    #[test]
    fn no_retention_is_critical_one_day_is_high_and_a_week_is_enough() {
        assert_eq!(testing::only(&RULE, &env(0)).severity, Some(Severity::Critical));
        let finding = testing::only(&RULE, &env(1));
        assert_eq!(
            (finding.severity, finding.figures["retention"].value),
            (Some(Severity::High), 24.0)
        );
        assert!(testing::all(&RULE, &env(7)).is_empty());
    }

    #[test]
    fn detection_later_than_retention_is_reported() {
        let mut env = env(7);
        env.databases[0].backup.detection = Some(fact(Duration::from_secs(10 * 86_400), 3));
        assert!(testing::only(&RULE, &env).title.contains("10 d"));
    }
}
