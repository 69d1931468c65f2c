//! The rules about one switch of a database differ in words only; this is what they share.

use super::common;
use crate::finding::{Evidence, Finding, Severity};
use crate::rule::{Context, Verdicts};
use cofferdam_model::Fact;
use cofferdam_model::database::Database;

/// A switch, which of its positions is bad, and what to say then.
pub(crate) struct Flag {
    /// The switch.
    pub(crate) fact: fn(&Database) -> Option<&Fact<bool>>,
    /// The position that is reported.
    pub(crate) bad: bool,
    /// Severity in an environment where an outage is one.
    pub(crate) severity: Severity,
    /// Headline after the database's name.
    pub(crate) title: &'static str,
    /// What happens.
    pub(crate) explanation: &'static str,
    /// What to do.
    pub(crate) remedy: &'static str,
    /// What the line says.
    pub(crate) label: &'static str,
}

/// Reports every database whose switch is in the bad position. One that says nothing is not judged: the
/// readers put the provider's default there where there is one.
pub(crate) fn judge(flag: &Flag, cx: &Context<'_>, out: &mut Verdicts) {
    for database in &cx.env.databases {
        let Some(fact) = (flag.fact)(database).filter(|f| f.value == flag.bad) else {
            continue;
        };
        let mut evidence = Evidence::new();
        evidence.note(fact, flag.label);
        let mut finding = Finding::new(
            format!("database {}", database.name),
            format!("{}: {}", database.name, flag.title),
        )
        .severity(common::severity_in(cx.env, flag.severity))
        .explain(flag.explanation)
        .remedy(flag.remedy)
        .evidence(evidence);
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
    use cofferdam_model::{Environment, Fact};

    /// The bad position fires, the other and silence do not.
    pub(crate) fn the_setting_decides(rule: &Rule, set: fn(&mut Database, Option<Fact<bool>>), bad: bool) {
        let mut env = Environment {
            databases: vec![Database::named("main", Some(span(1)))],
            ..Environment::default()
        };
        assert!(testing::all(rule, &env).is_empty());
        set(&mut env.databases[0], Some(fact(bad, 2)));
        assert_eq!(testing::only(rule, &env).locations.len(), 2);
        set(&mut env.databases[0], Some(fact(!bad, 2)));
        assert!(testing::all(rule, &env).is_empty());
    }
}
