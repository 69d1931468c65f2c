//! Service level objectives in the formats of alert generators (Sloth, Pyrra, OpenSLO), and the alerts that
//! they create.

use crate::facts::NodeFacts as _;
use cofferdam_model::alerts::{Alert, BurnWindows, PrometheusTiming, Slo, Timing};
use cofferdam_model::{Fact, Owner, Parts, Share, Span};
use cofferdam_syntax::tree::Node;
use std::time::Duration;

fn text(node: &Node, key: &str) -> Option<Fact<String>> {
    node.get(key)?.text_fact()
}

/// A share of good events; objectives are written in hundredths.
pub(crate) fn hundredths(node: &Node) -> Option<Fact<Share>> {
    let number = node.f64_fact()?;
    (0.0..=100.0)
        .contains(&number.value)
        .then(|| number.map(|n| Share(n / 100.0)))
}

/// Sloth's objectives, in its objects and in its files. Its window is 30 days unless the generator is
/// configured otherwise, and it creates the alerts itself.
pub(crate) fn sloth(spec: &Node, span: Span, parts: &mut Parts) {
    let service = text(spec, "service");
    let owner = service
        .as_ref()
        .map_or_else(Owner::default, |s| Owner::named(&s.value));
    for slo in spec.get("slos").map_or(&[][..], Node::items) {
        let name = text(slo, "name");
        let place = name.as_ref().and_then(Fact::span).unwrap_or(span);
        let name = name.map_or_else(|| "objective".to_owned(), |n| n.value);
        let target = slo.get("objective").and_then(hundredths);
        parts.slos.push(Slo {
            owner: owner.clone(),
            span: place,
            window: Some(Fact::assumed(
                Duration::from_secs(30 * 86_400),
                "Sloth counts over 30 days",
            )),
            indicator: Some(Fact::inferred(
                indicator(&name).to_owned(),
                place,
                "the objective's name shows it",
            )),
            target: target.clone(),
            name: name.clone(),
            said: Default::default(),
        });
        let alerting = slo.get("alerting");
        let off = alerting
            .and_then(|a| a.like("pagealert")?.get("disable"))
            .and_then(Node::as_bool)
            == Some(true);
        if let (Some(alerting), false, Some(target)) = (alerting, off, target) {
            let named = text(alerting, "name").map_or_else(|| name.clone(), |n| n.value);
            parts
                .alerts
                .push(generated(&named, "Sloth", alerting.span, &owner, target.value));
        }
    }
}

/// The indicator of an objective, by the words of its name.
pub(crate) fn indicator(name: &str) -> &'static str {
    let lower = name.to_ascii_lowercase();
    if ["latency", "duration", "slow", "p99", "p95"]
        .iter()
        .any(|w| lower.contains(w))
    {
        "latency"
    } else {
        "availability"
    }
}

/// The alert on fast burning that a generator creates for each objective: the error ratio over 1 h and over 5
/// min, both above 14.4 times the budget (Google's Site Reliability Workbook, chapter 5).
pub(crate) fn generated(name: &str, by: &str, span: Span, owner: &Owner, target: Share) -> Alert {
    let budget = 14.4 * (1.0 - target.0);
    let why = format!("{by} creates burn-rate alerts for each objective that does not turn them off");
    let fact = |text: String| Fact::inferred(text, span, why.as_str());
    let query = format!("slo_errors:ratio_rate5m > {budget:.6} and slo_errors:ratio_rate1h > {budget:.6}");
    Alert {
        name: fact(name.to_owned()),
        span,
        owner: owner.clone(),
        severity: Some(fact("page".to_owned())),
        labels: std::collections::BTreeMap::new(),
        enabled: None,
        query: Some(fact(query)),
        signals: Vec::new(),
        selects: Vec::new(),
        threshold: Some(Fact::inferred(budget, span, why.as_str())),
        timing: Timing::Prometheus(PrometheusTiming {
            range: Some(Fact::inferred(Duration::from_secs(3600), span, why.as_str())),
            burn: vec![Fact::inferred(
                BurnWindows {
                    long: Duration::from_secs(3600),
                    short: Duration::from_secs(300),
                    share: budget,
                },
                span,
                why.as_str(),
            )],
            ..PrometheusTiming::default()
        }),
        notifies: Vec::new(),
        promised: None,
    }
}
