//! Two files that say different things of one subject: one of them is wrong, and nobody knows which.

use crate::finding::{Finding, Severity};
use crate::rule::{Context, Fix, Group, Rule, Verdicts};
use cofferdam_model::delivery::Description;
use std::collections::BTreeMap;

/// The rule.
pub const RULE: Rule = Rule {
    id: "description-conflict",
    group: Group::Delivery,
    severity: Severity::Medium,
    fix: Fix::Advice,
    summary: "two descriptions of one service, topic, limit or probe disagree",
    absences: &[],
    page: include_str!("../../../../docs/rules/description-conflict.md"),
    check,
};

fn check(cx: &Context<'_>, out: &mut Verdicts) {
    let mut by_subject: BTreeMap<&str, BTreeMap<&str, Vec<&Description>>> = BTreeMap::new();
    for description in &cx.env.descriptions {
        by_subject
            .entry(&description.subject)
            .or_default()
            .entry(&description.attribute)
            .or_default()
            .push(description);
    }
    for (subject, attributes) in by_subject {
        let conflicts: Vec<(&str, Vec<&Description>)> = attributes
            .into_iter()
            .filter_map(|(attribute, all)| Some((attribute, sides(all)?)))
            .collect();
        if !conflicts.is_empty() {
            report(subject, &conflicts, out);
        }
    }
}

/// One description for each value, where formats disagree. Two values of one format are base and overlay.
fn sides(all: Vec<&Description>) -> Option<Vec<&Description>> {
    let mut values: Vec<&Description> = Vec::new();
    for description in &all {
        if !values.iter().any(|v| v.value.value == description.value.value) {
            values.push(description);
        }
    }
    let formats: std::collections::BTreeSet<&str> = all.iter().map(|d| d.by.as_str()).collect();
    // A value that one format has and another has too is agreed on.
    let agreed = formats.iter().all(|format| {
        all.iter().filter(|d| d.by == *format).any(|d| {
            all.iter()
                .any(|o| o.by != *format && o.value.value == d.value.value)
        })
    });
    (values.len() > 1 && formats.len() > 1 && !agreed).then_some(values)
}

fn report(subject: &str, conflicts: &[(&str, Vec<&Description>)], out: &mut Verdicts) {
    let words: Vec<String> = conflicts
        .iter()
        .map(|(attribute, sides)| {
            let each: Vec<String> = sides
                .iter()
                .map(|d| format!("{} ({})", d.value.value, d.by))
                .collect();
            format!("{attribute} {}", each.join(" against "))
        })
        .collect();
    let title = match words.as_slice() {
        [one] => format!("{subject}: {one}"),
        [first, rest @ ..] => format!("{subject}: {first}, and {} more that disagree", rest.len()),
        [] => return,
    };
    let mut finding = Finding::new(subject, title)
        .explain(format!(
            "{}. Only one of them runs; whoever reads the other sizes limits, alerts and capacity for something that is not there, and the \
             next deploy may bring it.",
            words.join("; ")
        ))
        .remedy("Decide which one counts, generate the other from it or remove it.")
        .figure("conflicts", conflicts.len() as f64, "attributes");
    for (attribute, sides) in conflicts.iter().take(3) {
        for side in sides {
            if let Some(span) = side.value.span() {
                finding = finding.at(span, format!("{attribute} {}", side.value.value));
            }
        }
    }
    // That both speak of one thing is told by their names only.
    out.report(finding.likely());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing::{self, fact};
    use cofferdam_model::{Environment, Parts};

    fn env(all: &[(&str, &str, &str)]) -> Environment {
        let descriptions = all
            .iter()
            .enumerate()
            .map(|(i, (attribute, value, by))| Description {
                subject: "service api".to_owned(),
                attribute: (*attribute).to_owned(),
                value: fact((*value).to_owned(), i),
                by: (*by).to_owned(),
            })
            .collect();
        Environment {
            parts: Parts {
                descriptions,
                ..Parts::default()
            },
            ..Environment::default()
        }
    }

    #[test]
    fn formats_that_disagree_are_told_side_by_side() {
        let finding = testing::only(
            &RULE,
            &env(&[
                ("max replicas", "50", "Grand Central"),
                ("max replicas", "20", "HorizontalPodAutoscaler"),
            ]),
        );
        assert!(
            finding
                .title
                .contains("50 (Grand Central) against 20 (HorizontalPodAutoscaler)")
        );
        assert_eq!(finding.locations.len(), 2);
    }

    #[test]
    fn agreement_and_one_format_alone_are_silent() {
        assert!(
            testing::all(
                &RULE,
                &env(&[("max replicas", "50", "A"), ("max replicas", "50", "B")])
            )
            .is_empty()
        );
        assert!(
            testing::all(
                &RULE,
                &env(&[("max replicas", "50", "A"), ("max replicas", "20", "A")])
            )
            .is_empty()
        );
    }
}
