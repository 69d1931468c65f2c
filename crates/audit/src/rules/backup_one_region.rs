//! A copy in another region: where nothing says so, there is none.

use crate::finding::{Evidence, Finding, Severity};
use crate::rule::{Context, Fix, Group, Rule, Verdicts};
use super::common;

/// The rule.
pub const RULE: Rule = Rule {
    id: "backup-one-region",
    group: Group::Database,
    severity: Severity::Low,
    fix: Fix::Proposed,
    summary: "backups stay in the region of the database",
    page: include_str!("../../../../docs/rules/backup-one-region.md"),
    check,
};

fn check(cx: &Context<'_>, out: &mut Verdicts) {
    for database in cx.env.databases.iter().filter(|d| d.backup.declarable) {
        let fact = database.backup.other_region.as_ref();
        if fact.is_some_and(|f| f.value) || !common::is_production_like(&cx.env.name) {
            continue;
        }
        let mut evidence = Evidence::new();
        match fact {
            Some(fact) => evidence.note(fact, "said here"),
            None => evidence.likely(),
        }
        let mut finding = Finding::new(format!("database {}", database.name), format!("{}: no copy of the backups is declared in another region", database.name))
            .explain("What takes the region takes the database and its backups together: there is then nothing to restore, anywhere.")
            .remedy("Copy backups to another region (`aws_db_instance_automated_backups_replication`, an AWS Backup plan with a copy action, Cloud SQL backups with `location`), and try a restore there.")
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
        env.databases[0].backup.other_region = Some(fact(true, 2));
        assert!(testing::all(&RULE, &env).is_empty());
    }
}
