//! Objectives. The shape: a share of good events between a half and one, under a name or with a window.

use super::Section;
use super::aliases;
use super::fields::{Bare, field, text, time};
use crate::facts::NodeFacts as _;
use crate::parts::{self, same_owner};
use cofferdam_model::alerts::Slo;
use cofferdam_model::{Fact, Parts, Share, Span};
use cofferdam_syntax::tree::{Node, fold};

pub(super) fn read(section: &Section<'_>, parts: &mut Parts) -> bool {
    let own = section.path.last().map_or("", String::as_str);
    let mut any = false;
    for (name, span, item) in section.node.named_items() {
        any |= one((name, span, item), section, parts);
    }
    if !any && section.node.as_map().is_none() {
        // A list whose items have no names.
        for item in section.node.items() {
            let name = text(item, aliases::INDICATOR).map_or_else(|| "objective".to_owned(), |n| n.value);
            any |= one((&name, item.span, item), section, parts);
        }
    }
    if !any && section.node.as_map().is_some() && own != "objectives" {
        let name = text(section.node, aliases::NAME).map_or_else(|| own.to_owned(), |n| n.value);
        any = one((&name, section.key.span, section.node), section, parts);
    }
    any
}

/// A target as a share: `99.95`, `99.95%`, `0.9995`. A half or less is not an objective but something else
/// (milliseconds, a count).
fn target_of(node: &Node) -> Option<Fact<Share>> {
    node.fact(|t| {
        let number: f64 = t.trim().trim_end_matches('%').trim().parse().ok()?;
        let share = if t.trim().ends_with('%') || number > 1.0 {
            number / 100.0
        } else {
            number
        };
        (share > 0.5 && share < 1.0).then_some(Share(share))
    })
}

fn one((name, span, item): (&str, Span, &Node), section: &Section<'_>, parts: &mut Parts) -> bool {
    let own = section.path.last().map_or("", String::as_str);
    let (target, window) = match item.as_map() {
        Some(_) => (
            field(item, aliases::SLO_TARGET).and_then(|(_, n)| nested_target(n)),
            time(
                item,
                &[
                    "window",
                    "timewindow",
                    "period",
                    "rollingwindow",
                    "windowsize",
                    "compliancewindow",
                    "duration",
                ],
                Bare::Days,
            ),
        ),
        // `slos: {availability: 99.95}`: only a name of a share shows what the number is.
        None if ["availab", "success", "uptime", "reliab"]
            .iter()
            .any(|w| fold(name).contains(w)) =>
        {
            (
                target_of(item),
                time(section.node, &["window", "timewindow", "period"], Bare::Days),
            )
        }
        None => return false,
    };
    let Some(target) = target else { return false };
    // `objectives` may also be goals of people: one counts only with a window or an indicator.
    let indicator = text(item, aliases::INDICATOR);
    if own == "objectives" && window.is_none() && indicator.is_none() && !section.is_deployment() {
        return false;
    }
    let window = window.or_else(|| {
        field(item, &["timewindows", "timewindow"]).and_then(|(_, n)| {
            n.items()
                .first()
                .and_then(|w| time(w, &["duration", "window"], Bare::Days))
        })
    });
    if fold(name).contains("availab")
        || indicator
            .as_ref()
            .is_some_and(|i| fold(&i.value).contains("availab"))
    {
        let owner = section.owner_of(item);
        Section {
            owner: &owner,
            ..*section
        }
        .describe(
            "availability target",
            target.as_ref().map(|s| s.to_string()),
            parts,
        );
    }
    let slo = Slo {
        name: name.to_owned(),
        owner: section.owner_of(item),
        span,
        target: Some(target),
        window,
        indicator,
        said: Default::default(),
    };
    match parts
        .slos
        .iter_mut()
        .find(|s| s.name == slo.name && same_owner(&s.owner, &slo.owner))
    {
        Some(known) => {
            parts::fill(&mut known.indicator, slo.indicator.clone());
            known.target = slo.target;
            known.window = slo.window.or(known.window.take());
        }
        None => parts.slos.push(slo),
    }
    true
}

/// The target itself, or the share in a map of it (`target: {value: 99.9, unit: percent}`).
fn nested_target(node: &Node) -> Option<Fact<Share>> {
    target_of(node)
        .or_else(|| field(node, &["value", "percentage", "percent", "ratio"]).and_then(|(_, n)| target_of(n)))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{read, read_deployment};

    #[test]
    fn targets_are_shares_in_any_spelling() {
        for text in [
            "slos: [{name: availability, target: 99.95, window: 7d}]",
            "slos: {availability: {target: 0.9995, window_days: 7}}",
            "SLOs: [{name: availability, objective: '99.95%', timeWindow: {rolling: {count: 7, unit: DAY}}}]",
            "slo: {name: availability, target_percentage: 99.95, period: 7}",
            "slos: {availability: 99.95, window: 7d}",
        ] {
            let env = read(text);
            assert_eq!(env.slos.len(), 1, "{text}: {:?}", env.slos);
            let slo = &env.slos[0];
            assert!(
                (slo.target.as_ref().unwrap().value.0 - 0.9995).abs() < 1e-9,
                "{text}"
            );
            assert_eq!(slo.window.as_ref().unwrap().value.as_secs(), 7 * 86_400, "{text}");
        }
    }

    #[test]
    fn a_target_that_is_not_a_share_is_not_an_objective() {
        for text in [
            "slos: [{name: latency, target: 200}]",
            "objectives: [{name: learn rust, target: 1}]",
            "objectives: {revenue: {target: 0.9}}",
            "slo: high",
            "slos: {latency_ms: 500}",
        ] {
            assert!(read(text).slos.is_empty(), "{text}");
        }
    }

    #[test]
    fn the_availability_that_a_deployment_file_promises_is_stated() {
        let env = read_deployment(
            "slos: [{name: availability, target: 99.95}, {name: latency, target: 99, threshold: 500ms}]",
        );
        assert_eq!(env.slos.len(), 2);
        assert_eq!(env.descriptions.len(), 1);
        assert_eq!(env.descriptions[0].value.value, "99.95 %");
    }
}
