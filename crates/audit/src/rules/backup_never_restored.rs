//! Restores are tried on a schedule: where nothing says so, there is none.

use crate::finding::{Evidence, Finding, Severity};
use crate::rule::{Context, Fix, Group, Rule, Verdicts};
use super::common;

/// The rule.
pub const RULE: Rule = Rule {
    id: "backup-never-restored",
    group: Group::Database,
    severity: Severity::Low,
    fix: Fix::Proposed,
    summary: "nothing here restores a backup to try it",
    page: include_str!("../../../../docs/rules/backup-never-restored.md"),
    check,
};

fn check(cx: &Context<'_>, out: &mut Verdicts) {
    for database in cx.env.databases.iter().filter(|d| d.backup.declarable) {
        let fact = database.backup.restore_tested.as_ref();
        if fact.is_some_and(|f| f.value) || !common::is_production_like(&cx.env.name) {
            continue;
        }
        let mut evidence = Evidence::new();
        match fact {
            Some(fact) => evidence.note(fact, "said here"),
            None => evidence.likely(),
        }
        let mut finding = Finding::new(format!("database {}", database.name), format!("{}: nothing here restores a backup to try it", database.name))
            .explain("A backup that has never been restored is a hope. What is wrong with it (a missing role, an extension, hours of replay) is found during the outage.")
            .remedy("Restore the latest backup into a scratch instance on a schedule, run a query against it, and say so in cofferdam.yaml (`databases.NAME.backups.restore_tested: true`).")
            .evidence(evidence);
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
    use cofferdam_model::Environment;
    use cofferdam_model::database::Database;

    #[test]
    fn silence_in_a_file_that_could_say_so_is_told_in_production_only() {
        let mut database = Database::named("main", Some(span(1)));
        let mut env = Environment { name: "production".to_owned(), ..Environment::default() };
        env.databases = vec![database.clone()];
        assert!(testing::all(&RULE, &env).is_empty(), "nothing was read that could say so");
        database.backup.declarable = true;
        env.databases = vec![database];
        assert_eq!(testing::all(&RULE, &env).len(), 1);
        env.name = "development".to_owned();
        assert!(testing::all(&RULE, &env).is_empty());
        env.name = "production".to_owned();
        env.databases[0].backup.restore_tested = Some(fact(true, 2));
        assert!(testing::all(&RULE, &env).is_empty());
    }
}
