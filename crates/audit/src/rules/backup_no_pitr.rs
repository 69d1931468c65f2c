//! Without point-in-time recovery, everything since the last backup is lost.

use super::common;
use crate::finding::{Evidence, Finding, Severity, Subject};
use crate::rule::{Check, Context, Fix, Group, Rule, RuleId, Verdicts};
use cofferdam_model::Absence;
use cofferdam_model::units::show_duration;
use std::borrow::Cow;
use std::time::Duration;

/// The rule.
pub static RULE: Rule = Rule {
    id: RuleId::new("backup-no-pitr"),
    group: Group::Database,
    severity: Severity::High,
    fix: Fix::Automatic,
    summary: Cow::Borrowed("no point-in-time recovery: everything since the last backup is lost"),
    absences: &[Absence::Backup],
    settings: &[],
    page: Cow::Borrowed(include_str!("../../../../docs/rules/backup-no-pitr.md")),
    check: Check::BuiltIn(check),
};

fn check(cx: &Context<'_>, out: &mut Verdicts) {
    for database in cx.env.databases.iter().filter(|d| d.backup.declarable) {
        let Some(pitr) = database.backup.point_in_time.as_ref().filter(|f| !f.value) else {
            continue;
        };
        // backup-retention reports databases without any backups.
        if database
            .backup
            .retention
            .as_ref()
            .is_some_and(|r| r.value.is_zero())
        {
            continue;
        }
        let mut evidence = Evidence::new();
        evidence.note(pitr, "no point-in-time recovery");
        let interval = evidence.take_or(
            database.backup.interval.as_ref(),
            "time between backups",
            Duration::from_secs(86_400),
            "automated backups are made once a day, as on every managed database",
        );
        let loss = show_duration(interval);
        let mut finding = Finding::new(
            Subject::named("database", &database.name),
            format!(
                "{}: no point-in-time recovery: a restore loses up to {loss} of data",
                database.name
            ),
        )
        .severity(common::severity_in(cx.env, Severity::High))
        .explain(format!(
            "A restore goes back to the last backup. Everything written since then, up to \
            {loss}, is lost, whatever the reason for the restore."
        ))
        .remedy(
            "Switch it on: `point_in_time_recovery_enabled = true` (Cloud SQL), a retention above 0 \
            (RDS), WAL archiving (your own).",
        )
        .figure("worst_loss", interval.as_secs_f64() / 3600.0, "h")
        .evidence(evidence);
        // The provider's default describes the provider's own backups; there may be other backups as well.
        if pitr.is_assumed() {
            finding = finding.absent(Absence::Backup);
        }
        if let Some(span) = database.span {
            finding = finding.at(span, "the database");
        }
        out.report(finding);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing::{self, fact, span};
    use cofferdam_model::database::Database;
    use cofferdam_model::{Environment, Parts};

    #[test]
    fn a_daily_backup_alone_can_lose_a_day() {
        let mut database = Database::named("main", Some(span(1)));
        database.backup.declarable = true;
        database.backup.point_in_time = Some(fact(false, 2));
        let mut env = Environment {
            parts: Parts {
                databases: vec![database],
                ..Parts::default()
            },
            ..Environment::default()
        };
        assert_eq!(testing::only(&RULE, &env).figures["worst_loss"].value, 24.0);
        env.databases[0].backup.retention = Some(fact(Duration::ZERO, 3));
        assert!(
            testing::all(&RULE, &env).is_empty(),
            "where backups are off, that is the finding"
        );
        env.databases[0].backup.retention = None;
        env.databases[0].backup.point_in_time = Some(fact(true, 2));
        assert!(testing::all(&RULE, &env).is_empty());
    }
}
