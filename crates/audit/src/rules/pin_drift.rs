//! A value that was pinned after an incident has changed again.

use crate::finding::{Evidence, Finding, Severity, Subject};
use crate::rule::{Check, Context, Fix, Group, Rule, RuleId, Verdicts};
use cofferdam_model::overlay::{Pin, PinValue};
use cofferdam_model::units::{duration, show_number};
use cofferdam_model::{Fact, Source};
use std::borrow::Cow;

/// The rule.
pub static RULE: Rule = Rule {
    id: RuleId::new("pin-drift"),
    group: Group::Delivery,
    severity: Severity::High,
    fix: Fix::Automatic,
    summary: Cow::Borrowed("a value differs from its pin"),
    absences: &[],
    settings: &[],
    page: Cow::Borrowed(include_str!("../../../../docs/rules/pin-drift.md")),
    check: Check::BuiltIn(check),
};

fn check(cx: &Context<'_>, out: &mut Verdicts) {
    for pin in &cx.platform.overlay.pins {
        if !pin.environments.is_empty() && !pin.environments.contains(&cx.env.name) {
            continue;
        }
        // If only a part was read, the value may be in the rest.
        if pin.found.is_empty() && !cx.platform.reading.part {
            out.cannot_judge(
                format!("pin {}", pin.name),
                ["a value at the place of its `select`: nothing exists there"],
                None,
            );
        }
        for found in pin.found.iter().filter(|f| !holds(&pin.expected, &f.value)) {
            report(pin, found, out);
        }
    }
}

/// A number, or a duration in seconds.
fn number(text: &str) -> Option<f64> {
    let text = text.trim();
    text.parse()
        .ok()
        .or_else(|| duration(text).map(|d| d.as_secs_f64()))
}

fn holds(expected: &PinValue, found: &str) -> bool {
    match expected {
        PinValue::Equal(text) => match (number(text), number(found)) {
            (Some(a), Some(b)) => (a - b).abs() <= a.abs() * 1e-12,
            _ => text.trim() == found.trim(),
        },
        PinValue::Range { min, max } => {
            number(found).is_some_and(|n| min.is_none_or(|m| n >= m) && max.is_none_or(|m| n <= m))
        }
    }
}

fn words(expected: &PinValue) -> String {
    match expected {
        PinValue::Equal(text) => text.clone(),
        PinValue::Range {
            min: Some(min),
            max: Some(max),
        } => format!("{} to {}", show_number(*min), show_number(*max)),
        PinValue::Range {
            min: Some(min),
            max: None,
        } => format!("at least {}", show_number(*min)),
        PinValue::Range {
            min: None,
            max: Some(max),
        } => format!("at most {}", show_number(*max)),
        PinValue::Range { min: None, max: None } => "any number".to_owned(),
    }
}

fn report(pin: &Pin, found: &Fact<String>, out: &mut Verdicts) {
    let mut evidence = Evidence::new();
    evidence.note(found, format!("is {}", found.value));
    evidence.place(pin.span, format!("pinned to {}", words(&pin.expected)));
    let issue = pin.issue.as_ref().map_or(String::new(), |i| format!(" ({i})"));
    let mut finding = Finding::new(
        Subject::named("pin", &pin.name),
        format!(
            "{} is {}, pinned to {}{issue}",
            pin.name,
            found.value,
            words(&pin.expected)
        ),
    )
    .explain(format!(
        "It was pinned because: {}.",
        pin.reason.trim_end_matches('.')
    ))
    .remedy(format!(
        "Set it back to {}, or change the pin with a new reason.",
        words(&pin.expected)
    ))
    .evidence(evidence);
    if let Some(n) = number(&found.value) {
        finding = finding.figure("found", n, "");
    }
    if matches!(found.source, Source::Inferred { .. }) {
        finding = finding.likely();
    }
    out.report(finding);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_compare_as_numbers_and_durations_as_seconds() {
        assert!(holds(&PinValue::Equal("75.0".into()), "75"));
        assert!(holds(&PinValue::Equal("75".into()), "75s"));
        assert!(!holds(&PinValue::Equal("75.0".into()), "25.0"));
        assert!(holds(&PinValue::Equal("all-traffic".into()), "all-traffic"));
        assert!(holds(
            &PinValue::Range {
                min: Some(3.0),
                max: Some(10.0)
            },
            "10"
        ));
        assert!(!holds(
            &PinValue::Range {
                min: Some(3.0),
                max: Some(10.0)
            },
            "30"
        ));
        assert!(!holds(&PinValue::Range { min: None, max: None }, "many"));
    }
}
