//! An alert that selects a name which does not exist never fires, and nobody notices.

use crate::finding::{Evidence, Finding, Severity, Subject};
use crate::rule::{Check, Context, Fix, Group, Rule, RuleId, Verdicts};
use cofferdam_model::Absence;
use cofferdam_model::delivery::{Dangling, DanglingKind};
use cofferdam_syntax::nearest::nearest;
use std::borrow::Cow;
use std::collections::BTreeSet;

/// The rule.
pub static RULE: Rule = Rule {
    id: RuleId::new("alert-unknown-signal"),
    group: Group::Alerts,
    severity: Severity::Medium,
    fix: Fix::Proposed,
    summary: Cow::Borrowed("an alert selects a service, cell or topic by a name that does not exist here"),
    absences: &[Absence::MetricSource],
    settings: &[],
    page: Cow::Borrowed(include_str!("../../../../docs/rules/alert-unknown-signal.md")),
    check: Check::BuiltIn(check),
};

fn check(cx: &Context<'_>, out: &mut Verdicts) {
    let env = cx.env;
    let known: Vec<&str> = env
        .services
        .iter()
        .map(|s| s.name.as_str())
        .chain(env.topics.iter().map(|t| t.name.value.as_str()))
        .chain(env.cells.iter().map(|c| c.name.value.as_str()))
        .chain(
            env.consumers
                .iter()
                .filter_map(|c| c.group.as_ref())
                .map(|g| g.value.as_str()),
        )
        .collect();
    // These are names too, of what an alert is not meant if it selects something else.
    let others: BTreeSet<&str> = (env.databases.iter().map(|d| d.name.as_str()))
        .chain(env.caches.iter().map(|c| c.name.as_str()))
        .chain(env.workloads.iter().map(|w| w.id.name.as_str()))
        .chain(
            env.workloads
                .iter()
                .flat_map(|w| &w.containers)
                .map(|c| c.name.as_str()),
        )
        .chain(env.service_ports.iter().map(|s| s.id.name.as_str()))
        .chain(env.metric_sources.iter().map(|s| s.name.as_str()))
        .collect();
    for alert in &env.alerts {
        for selected in &alert.selects {
            let name = selected.value.as_str();
            // A pattern is not a name. A name that resembles nothing here probably refers to something else.
            let is_topic = |d: &Dangling| d.kind == DanglingKind::Topic && d.name.span() == selected.span();
            // An undeclared topic has its own rule.
            if env.dangling.iter().any(is_topic) {
                continue;
            }
            if name.contains(['%', '*', '$', '{', '|', '(', ' '])
                || known.contains(&name)
                || others.contains(name)
            {
                continue;
            }
            let Some(near) = nearest(name, known.iter().copied()) else {
                continue;
            };
            // Names that differ only in case or separators may be matched case-insensitively.
            let fold = |s: &str| {
                s.chars()
                    .filter(|c| c.is_alphanumeric())
                    .flat_map(char::to_lowercase)
                    .collect::<String>()
            };
            let differs_little = fold(near) == fold(name);
            let mut evidence = Evidence::new();
            evidence.likely();
            evidence.note(selected, format!("nothing here is called `{name}`"));
            out.report(
                Finding::new(
                    Subject::named("alert", &alert.name.value),
                    format!(
                        "`{}` selects `{name}`, which does not exist here; `{near}` does",
                        alert.name.value
                    ),
                )
                .severity(if differs_little {
                    Severity::Low
                } else {
                    Severity::Medium
                })
                .cause(("signal", name))
                .absent(Absence::MetricSource)
                .explain(
                    "A query for something that does not exist returns no data. The alert never fires, \
                    and its silence looks like health.",
                )
                .remedy(format!("Write `{near}` if that is the intended name."))
                .at(alert.span, "the alert")
                .evidence(evidence),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing::{self, fact, service};
    use crate::rules::testing::{alert, condition};
    use cofferdam_model::alerts::Timing;
    use cofferdam_model::{Environment, Parts};

    #[test]
    fn a_misspelt_name_is_reported_and_other_unknown_names_are_not() {
        let mut one = alert("a", Timing::NewRelic(condition(60, 0, 60)));
        one.selects = vec![
            fact("data-colector".to_owned(), 5),
            fact("data-collector".to_owned(), 6),
            fact("checkout".to_owned(), 7),
            fact("data-%".to_owned(), 8),
        ];
        let mut env = Environment {
            parts: Parts {
                services: vec![service("data-collector", (1, 1, 1))],
                alerts: vec![one],
                ..Parts::default()
            },
            ..Environment::default()
        };
        assert!(testing::only(&RULE, &env).title.contains("`data-colector`"));
        env.dangling.push(Dangling {
            subject: "alert a".to_owned(),
            kind: DanglingKind::Topic,
            name: fact("data-colector".to_owned(), 5),
            nearest: None,
            certain: false,
        });
        assert!(
            testing::all(&RULE, &env).is_empty(),
            "a topic that nothing declares has a rule of its own"
        );
    }
}
