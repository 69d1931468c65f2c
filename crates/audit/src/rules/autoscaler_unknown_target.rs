//! An autoscaler whose target does not exist does nothing, and only its status shows it.

use crate::finding::{Finding, Severity, Subject};
use crate::rule::{Check, Context, Fix, Group, Rule, RuleId, Verdicts};
use cofferdam_model::delivery::DanglingKind;
use cofferdam_model::scaling::Autoscaler;
use cofferdam_model::{Absence, Fact, Span};
use cofferdam_syntax::hash::HashMap;
use std::borrow::Cow;

/// The rule.
pub static RULE: Rule = Rule {
    id: RuleId::new("autoscaler-unknown-target"),
    group: Group::Scaling,
    severity: Severity::High,
    fix: Fix::Proposed,
    summary: Cow::Borrowed("an autoscaler scales a workload that is not declared"),
    absences: &[Absence::Workload],
    settings: &[],
    page: Cow::Borrowed(include_str!(
        "../../../../docs/rules/autoscaler-unknown-target.md"
    )),
    check: Check::BuiltIn(check),
};

fn check(cx: &Context<'_>, out: &mut Verdicts) {
    let of_target = |a: &Autoscaler| a.target.as_ref().and_then(Fact::span);
    let namespaces: HashMap<Span, &str> = (cx.env.autoscalers.iter())
        .filter_map(|a| Some((of_target(a)?, a.owner.namespace.as_deref()?)))
        .collect();
    for dangling in cx
        .env
        .dangling
        .iter()
        .filter(|d| d.kind == DanglingKind::ScaleTarget)
    {
        let name = &dangling.name.value;
        // Its subject names the autoscaler without its namespace.
        let namespace = dangling
            .name
            .span()
            .and_then(|span| namespaces.get(&span).copied());
        let mut finding = Finding::new(
            Subject::from(&dangling.subject).in_namespace(namespace),
            format!("{} scales `{name}`, which is not declared", dangling.subject),
        )
        .absent(Absence::Workload)
        .explain(
            "The autoscaler finds no workload to scale. The number of replicas does not change \
                under load, and only the autoscaler's status shows why.",
        )
        .remedy(match &dangling.nearest {
            Some(near) => format!("Write `{near}` if that is the intended name."),
            None => "Name the workload as it is declared: apiVersion, kind and name.".to_owned(),
        });
        if let Some(span) = dangling.name.span() {
            finding = finding.at(span, "not declared");
        }
        // If the files contain no workload at all, the target may be declared elsewhere.
        let elsewhere = cx.env.workloads.is_empty();
        if elsewhere {
            finding = finding.severity(Severity::Low);
        }
        out.report(if dangling.certain && !elsewhere {
            finding
        } else {
            finding.likely()
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::pods;
    use crate::rules::testing::{self, fact};
    use cofferdam_model::delivery::Dangling;
    use cofferdam_model::{Environment, Parts};

    #[test]
    fn a_missing_target_is_reported_and_other_missing_names_are_not() {
        let dangling = |kind| Dangling {
            subject: "HorizontalPodAutoscaler api".to_owned(),
            kind,
            name: fact("apo".to_owned(), 1),
            nearest: Some("api".to_owned()),
            certain: true,
        };
        let env = Environment {
            parts: Parts {
                dangling: vec![dangling(DanglingKind::ScaleTarget), dangling(DanglingKind::Topic)],
                ..Parts::default()
            },
            ..Environment::default()
        };
        let alone = testing::only(&RULE, &env);
        assert!(alone.remedy.contains("`api`"));
        assert_eq!(
            alone.severity,
            Some(Severity::Low),
            "no workload is in these files"
        );
        let among = Environment {
            parts: Parts {
                workloads: pods::testing::env((1, 1, 1), |_| {}).parts.workloads,
                ..env.parts
            },
            ..Environment::default()
        };
        assert_eq!(testing::only(&RULE, &among).severity, None);
    }
}
