//! Shared code of the rules that check one switch of a database. They differ only in their words.

use super::common;
use crate::finding::{Evidence, Finding, Severity, Subject};
use crate::rule::{Context, Verdicts};
use cofferdam_model::database::Database;
use cofferdam_model::{Absence, Fact};

/// A switch, its bad position, and the text of the finding for it.
pub(crate) struct Flag {
    /// The switch.
    pub(crate) fact: fn(&Database) -> Option<&Fact<bool>>,
    /// The position that is reported.
    pub(crate) bad: bool,
    /// Severity in an environment where an outage counts as one.
    pub(crate) severity: Severity,
    /// The title after the database's name.
    pub(crate) title: &'static str,
    /// The consequence.
    pub(crate) explanation: &'static str,
    /// The fix.
    pub(crate) remedy: &'static str,
    /// The label of the place.
    pub(crate) label: &'static str,
    /// What else is known of the database that makes it better or worse.
    pub(crate) known: fn(&Database) -> Known,
}

/// What is known of a database beside the switch: the severity, title and texts that follow from it, where they differ, and
/// the fact.
#[derive(Default)]
pub(crate) struct Known {
    pub(crate) severity: Option<Severity>,
    pub(crate) title: Option<&'static str>,
    pub(crate) explanation: Option<&'static str>,
    pub(crate) remedy: Option<&'static str>,
    pub(crate) evidence: Evidence,
}

/// Reports every database whose switch is in the bad position. A database without a value is not judged: the
/// readers fill in the provider's default if there is one.
pub(crate) fn judge(flag: &Flag, cx: &Context<'_>, out: &mut Verdicts) {
    for database in &cx.env.databases {
        let Some(fact) = (flag.fact)(database).filter(|f| f.value == flag.bad) else {
            continue;
        };
        let known = (flag.known)(database);
        let mut evidence = Evidence::new();
        evidence.note(fact, flag.label);
        evidence.merge(known.evidence);
        let mut finding = Finding::new(
            Subject::named("database", &database.name),
            format!("{}: {}", database.name, known.title.unwrap_or(flag.title)),
        )
        .severity(common::severity_in(
            cx.env,
            known.severity.unwrap_or(flag.severity),
        ))
        .explain(known.explanation.unwrap_or(flag.explanation))
        .remedy(known.remedy.unwrap_or(flag.remedy))
        .evidence(evidence);
        if let Some(span) = database.span {
            finding = finding.at(span, "the database");
        }
        out.report(finding);
    }
}

/// A precaution for backups that counts as missing unless a file declares it.
pub(crate) struct Absent {
    /// Where it would be declared.
    pub(crate) fact: fn(&Database) -> Option<&Fact<bool>>,
    /// The title after the database's name.
    pub(crate) title: &'static str,
    /// The consequence.
    pub(crate) explanation: &'static str,
    /// The fix.
    pub(crate) remedy: &'static str,
}

/// Reports every database for which no file declares the precaution although one could, in environments where
/// an outage counts as one. The finding is only likely: the precaution may exist without being declared.
pub(crate) fn judge_absent(absent: &Absent, cx: &Context<'_>, out: &mut Verdicts) {
    if !common::is_production_like(&cx.env.name) {
        return;
    }
    for database in cx.env.databases.iter().filter(|d| d.backup.declarable) {
        let fact = (absent.fact)(database);
        if fact.is_some_and(|f| f.value) {
            continue;
        }
        let mut evidence = Evidence::new();
        match fact {
            Some(fact) => evidence.note(fact, "declared here"),
            None => evidence.likely(),
        }
        let title = format!("{}: {}", database.name, absent.title);
        let mut finding = Finding::new(Subject::named("database", &database.name), title)
            .explain(absent.explanation)
            .remedy(absent.remedy)
            .evidence(evidence);
        if fact.is_none() {
            finding = finding.absent(Absence::Backup);
        }
        if let Some(span) = database.span {
            finding = finding.at(span, "the database");
        }
        out.report(finding);
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use crate::rule::Rule;
    use crate::rules::testing::{self, fact, span};
    use cofferdam_model::database::Database;
    use cofferdam_model::{Environment, Fact, Parts};

    /// Only the bad position is reported; the other position and a missing value are not.
    pub(crate) fn the_setting_decides(rule: &Rule, set: fn(&mut Database, Option<Fact<bool>>), bad: bool) {
        let mut env = Environment {
            parts: Parts {
                databases: vec![Database::named("main", Some(span(1)))],
                ..Parts::default()
            },
            ..Environment::default()
        };
        assert!(testing::all(rule, &env).is_empty());
        set(&mut env.databases[0], Some(fact(bad, 2)));
        assert_eq!(testing::only(rule, &env).locations.len(), 2);
        set(&mut env.databases[0], Some(fact(!bad, 2)));
        assert!(testing::all(rule, &env).is_empty());
    }

    /// A missing declaration counts only where one could have been read, in production-like environments.
    pub(crate) fn silence_is_told(rule: &Rule, set: fn(&mut Database, Option<Fact<bool>>)) {
        let databases = vec![Database::named("main", Some(span(1)))];
        let mut env = Environment {
            name: "production".to_owned(),
            parts: Parts {
                databases,
                ..Parts::default()
            },
            ..Environment::default()
        };
        assert!(
            testing::all(rule, &env).is_empty(),
            "no file was read that could declare it"
        );
        env.databases[0].backup.declarable = true;
        assert_eq!(testing::all(rule, &env).len(), 1);
        set(&mut env.databases[0], Some(fact(true, 2)));
        assert!(testing::all(rule, &env).is_empty());
        set(&mut env.databases[0], Some(fact(false, 2)));
        assert_eq!(testing::only(rule, &env).locations.len(), 2);
        env.name = "development".to_owned();
        assert!(testing::all(rule, &env).is_empty());
    }
}
