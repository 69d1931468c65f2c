//! Circuit breakers and outlier ejection. The shape: a number of failures, a share of failures, or an open
//! time.

use super::Section;
use super::aliases;
use super::fields::{Bare, field, is_off, number, share, time};
use crate::facts::NodeFacts as _;
use crate::parts;
use cofferdam_model::calls::{Breaker, CallTarget};
use cofferdam_model::{Fact, Parts, Share, Span};
use cofferdam_syntax::tree::Node;

pub(super) fn read(section: &Section<'_>, parts: &mut Parts) -> bool {
    let above = section
        .path
        .len()
        .checked_sub(2)
        .map(|at| section.written[at].clone());
    let own = section.key.text.to_string();
    if has_shape(section.node) {
        // The section's place names it: `database: {circuit_breaker: …}` is the database's.
        let name = match above {
            Some(above) => format!("{above} {own}"),
            None => own,
        };
        fill(section, &name, section.key.span, section.node, parts);
        return true;
    }
    let mut any = false;
    for (name, span, item) in section.node.named_items() {
        if has_shape(item) {
            fill(section, name, span, item, parts);
            any = true;
        }
    }
    any
}

fn has_shape(node: &Node) -> bool {
    let numbers = |names| field(node, names).is_some_and(|(_, n)| n.as_str().is_some());
    numbers(aliases::CONSECUTIVE)
        || numbers(aliases::FAILURE_RATE)
        || (numbers(aliases::FAILURE_THRESHOLD)
            && field(node, aliases::FAILURE_THRESHOLD).is_some_and(|(_, n)| threshold(n).is_some()))
        || [
            "recoverytimeout",
            "baseejectiontime",
            "waitdurationinopenstate",
            "opentimeout",
            "resettimeout",
            "halfopenrequests",
        ]
        .iter()
        .any(|k| node.like(k).is_some())
}

/// A threshold without a unit: whole numbers count failures, fractions are shares.
enum Threshold {
    Failures(Fact<u32>),
    Rate(Fact<Share>),
}

fn threshold(node: &Node) -> Option<Threshold> {
    let text = node.as_str()?.trim();
    if text.ends_with('%') {
        return node.fact(cofferdam_model::units::share).map(Threshold::Rate);
    }
    let n = node.as_f64()?;
    if n > 0.0 && n < 1.0 {
        return Some(Threshold::Rate(Fact::declared(Share(n), node.span)));
    }
    node.u32_fact().map(Threshold::Failures)
}

fn fill(section: &Section<'_>, name: &str, span: Span, node: &Node, parts: &mut Parts) {
    if is_off(node) {
        return;
    }
    let protects = target_of(&format!("{} {name}", section.path.join(" ")));
    let breaker: &mut Breaker = parts::breaker_mut(parts, section.owner, name, span);
    breaker.protects = protects;
    breaker.consecutive_failures = number(node, aliases::CONSECUTIVE);
    breaker.failure_rate = share(node, aliases::FAILURE_RATE);
    if breaker.consecutive_failures.is_none() && breaker.failure_rate.is_none() {
        match field(node, aliases::FAILURE_THRESHOLD).and_then(|(_, n)| threshold(n)) {
            Some(Threshold::Failures(n)) => breaker.consecutive_failures = Some(n),
            Some(Threshold::Rate(n)) => breaker.failure_rate = Some(n),
            None => {}
        }
    }
    breaker.minimum_calls = number(node, aliases::MINIMUM_CALLS);
    breaker.window = time(node, aliases::WINDOW, Bare::Wait);
    breaker.open_time = time(node, aliases::OPEN_TIME, Bare::Wait);
    breaker.half_open_calls = number(node, aliases::HALF_OPEN);
}

/// The target that words in a name or path suggest.
pub(super) fn target_of(words: &str) -> Option<CallTarget> {
    const WORDS: &[(&str, CallTarget)] = &[
        ("database", CallTarget::Database),
        ("postgres", CallTarget::Database),
        ("sql", CallTarget::Database),
        ("aurora", CallTarget::Database),
        ("datasource", CallTarget::Database),
        ("kafka", CallTarget::Kafka),
        ("redis", CallTarget::Cache),
        ("vault", CallTarget::Secrets),
        ("secret", CallTarget::Secrets),
        ("external", CallTarget::Outside),
        ("thirdparty", CallTarget::Outside),
        ("http", CallTarget::Service),
        ("grpc", CallTarget::Service),
        ("upstream", CallTarget::Service),
        ("traffic", CallTarget::Service),
        ("service", CallTarget::Service),
    ];
    let folded: String = words
        .to_lowercase()
        .chars()
        .filter(|c| !matches!(c, '_' | '-'))
        .collect();
    let is_db = folded.split([' ', '.']).any(|w| w == "db" || w == "pg");
    if is_db {
        return Some(CallTarget::Database);
    }
    WORDS
        .iter()
        .find(|(word, _)| folded.contains(word))
        .map(|(_, target)| *target)
}

#[cfg(test)]
mod tests {
    use super::super::tests::read;
    use super::*;
    use std::time::Duration;

    #[test]
    fn the_quoted_traffic_policy_is_a_breaker() {
        // As teams write it in a deployment file.
        let env = read(
            "traffic_policies:\n  circuit_breaker:\n    consecutive_errors: 5\n    interval: 30s\n    base_ejection_time: 30s\n",
        );
        let [b] = env.breakers.as_slice() else {
            panic!("{:?}", env.breakers)
        };
        assert_eq!(b.consecutive_failures.as_ref().unwrap().value, 5);
        assert_eq!(b.window.as_ref().unwrap().value, Duration::from_secs(30));
        assert_eq!(b.open_time.as_ref().unwrap().value, Duration::from_secs(30));
        assert_eq!(b.protects, Some(CallTarget::Service));
    }

    #[test]
    fn a_half_is_a_failure_rate_and_five_is_a_number_of_failures() {
        let env = read(
            "circuitBreakers:\n  database: {failureThreshold: 5, recoveryTimeout: 60}\n  kafka: {failure_threshold: 0.5, minimum_requests: 20, window_seconds: 60}\n  cells: {error_threshold_percentage: 50}\n",
        );
        let found: Vec<_> = env
            .breakers
            .iter()
            .map(|b| {
                (
                    b.name.as_str(),
                    b.consecutive_failures.as_ref().map(|c| c.value),
                    b.failure_rate.as_ref().map(|r| r.value.0),
                    b.protects,
                )
            })
            .collect();
        assert_eq!(
            found,
            [
                ("database", Some(5), None, Some(CallTarget::Database)),
                ("kafka", None, Some(0.5), Some(CallTarget::Kafka)),
                ("cells", None, Some(0.5), None),
            ]
        );
        assert_eq!(
            env.breakers[0].open_time.as_ref().unwrap().value,
            Duration::from_secs(60)
        );
        assert_eq!(env.breakers[1].minimum_calls.as_ref().unwrap().value, 20);
    }

    #[test]
    fn a_breaker_that_is_disabled_or_only_named_is_ignored() {
        for text in [
            "circuit_breaker: true",
            "circuit_breaker: {enabled: false, failure_threshold: 5}",
            "breakers: [a, b]",
            "breaker: {voltage: 230}",
            "service_mesh: {benefits: [Circuit breakers, Retry policies]}",
        ] {
            assert!(read(text).breakers.is_empty(), "{text}");
        }
    }
}
