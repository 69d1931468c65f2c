//! If a container sets a variable twice, the process sees the last value.

use super::pods;
use crate::finding::{Finding, Severity};
use crate::rule::{Check, Context, Fix, Group, Rule, RuleId, Verdicts};
use std::borrow::Cow;

/// The rule.
pub static RULE: Rule = Rule {
    id: RuleId::new("variable-set-twice"),
    group: Group::Delivery,
    severity: Severity::Medium,
    fix: Fix::Proposed,
    summary: Cow::Borrowed("a container sets one variable twice: only the last value counts"),
    absences: &[],
    settings: &[],
    page: Cow::Borrowed(include_str!("../../../../docs/rules/variable-set-twice.md")),
    check: Check::BuiltIn(check),
};

fn check(cx: &Context<'_>, out: &mut Verdicts) {
    for workload in pods::whole(cx.env) {
        for container in workload.containers.iter().chain(&workload.init_containers) {
            for twice in &container.overridden {
                let (severity, title) = if twice.same {
                    (Severity::Low, "is set twice, to the same value")
                } else {
                    (Severity::Medium, "is set twice, and the last counts")
                };
                out.report(
                    Finding::new(
                        &workload.id,
                        format!("{}: {} of `{}` {title}", workload.id, twice.name, container.name),
                    )
                    .cause(format!("{}/{}", container.name, twice.name))
                    .severity(severity)
                    .explain(
                        "The process gets the value of the last entry. A change of the first entry \
                            has no effect, and a later `kubectl apply`, which merges the list by name, may \
                            keep the other one.",
                    )
                    .remedy("Remove the wrong entry.")
                    .figure("entries", 2, "entries")
                    .at(twice.first, "does not count")
                    .at(twice.last, "counts"),
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing::{self, span};
    use cofferdam_model::workload::Overridden;

    #[test]
    fn two_different_values_are_worse_than_the_same_value_twice() {
        let env = |same| {
            pods::testing::env((2, 2, 2), |w| {
                w.containers[0].overridden = vec![Overridden {
                    name: "URL".to_owned(),
                    first: span(10),
                    last: span(12),
                    same,
                }];
            })
        };
        let finding = testing::only(&RULE, &env(false));
        assert_eq!(
            (finding.severity, finding.locations.len()),
            (Some(Severity::Medium), 2)
        );
        assert_eq!(testing::only(&RULE, &env(true)).severity, Some(Severity::Low));
        assert!(testing::all(&RULE, &pods::testing::env((2, 2, 2), |_| {})).is_empty());
    }
}
