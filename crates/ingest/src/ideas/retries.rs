//! Retry policies. The shape: a number of tries, and a field about how or when they are made.

use super::Section;
use super::aliases;
use super::breakers::target_of;
use super::fields::{Bare, field, is_off, number, on, share, text, time};
use crate::facts::NodeFacts as _;
use crate::parts::same_owner;
use cofferdam_model::calls::{Call, CallSite, CallTarget, TimeoutSetting};
use cofferdam_model::{Fact, Parts};
use cofferdam_syntax::tree::{Node, fold};

/// One of these fields must be beside the number: CI jobs and tests have bare numbers of retries.
const MANNER: aliases::Aliases = &[
    "backoff",
    "backoffstrategy",
    "backofffactor",
    "backoffmultiplier",
    "multiplier",
    "initialdelay",
    "initialinterval",
    "basedelay",
    "delay",
    "maxdelay",
    "maxbackoff",
    "pertrytimeout",
    "retryon",
    "retryableerrors",
    "retryablestatuscodes",
    "jitter",
    "retrybudget",
    "budget",
    "initialbackoff",
    "exponential",
];

pub(super) fn read(section: &Section<'_>, parts: &mut Parts) -> bool {
    if section.is_under(&["kafka"]) || is_off(section.node) {
        return false;
    }
    if has_shape(section.node) {
        let words = section.path.join(" ");
        return push(
            section,
            section.node,
            &section.written.join("."),
            target_of(&words),
            parts,
        );
    }
    let mut any = false;
    for (name, _, item) in section.node.named_items() {
        if has_shape(item) && !is_off(item) {
            let words = format!("{} {name}", section.path.join(" "));
            any |= push(
                section,
                item,
                &format!("{}.{name}", section.written.join(".")),
                target_of(&words),
                parts,
            );
        }
    }
    any
}

fn has_shape(node: &Node) -> bool {
    let tries = field(node, aliases::ATTEMPTS).or_else(|| field(node, aliases::RETRIES));
    let with_unit = node
        .entries()
        .any(|(key, _)| MANNER.iter().any(|m| fold(&key.text).starts_with(m)));
    tries.is_some_and(|(_, n)| n.as_u32().is_some()) && with_unit
}

fn push(
    section: &Section<'_>,
    node: &Node,
    what: &str,
    target: Option<CallTarget>,
    parts: &mut Parts,
) -> bool {
    // Istio's `attempts` are retries in addition to the first try, and so is every name with "retry".
    let per_try = time(node, &["pertrytimeout"], Bare::Wait);
    let is_mesh = per_try.is_some() && node.like("retryon").is_some();
    let attempts = number(node, aliases::ATTEMPTS)
        .map(|n| {
            if is_mesh {
                n.map(|n| n.saturating_add(1))
            } else {
                n
            }
        })
        .or_else(|| number(node, aliases::RETRIES).map(|n| n.map(|n| n.saturating_add(1))));
    let timeout = per_try
        .or_else(|| time(node, aliases::TIMEOUT, Bare::Wait))
        .map_or(TimeoutSetting::Unknown, TimeoutSetting::After);
    let breaker = field(section.parent, aliases::BREAKER).filter(|(_, n)| n.as_map().is_some() && !is_off(n));
    let call = Call {
        owner: section.owner.clone(),
        site: if is_mesh {
            CallSite::Route
        } else {
            CallSite::Service
        },
        span: section.key.span,
        target: target.unwrap_or(CallTarget::Service),
        target_name: None,
        what: what.to_owned(),
        timeout,
        attempts,
        backoff: backoff(node),
        jitter: field(node, &["jitter"])
            .and_then(|(_, n)| on(n).or_else(|| n.f64_fact().map(|f| f.map(|v| v > 0.0)))),
        retry_budget: share(
            node,
            &["retrybudget", "budget", "retrybudgetpercent", "retryratio"],
        ),
        breaker: breaker.map(|(key, _)| Fact::declared(key.text.to_string(), key.span)),
    };
    parts
        .calls
        .retain(|c| !(c.what == call.what && same_owner(&c.owner, &call.owner)));
    parts.calls.push(call);
    true
}

/// Whether tries wait longer each time.
fn backoff(node: &Node) -> Option<Fact<bool>> {
    if let Some((_, value)) = field(
        node,
        &[
            "backoff",
            "backoffstrategy",
            "strategy",
            "exponential",
            "exponentialbackoff",
        ],
    ) {
        if let Some(switch) = on(value).filter(|_| value.as_map().is_none()) {
            return Some(switch);
        }
        let kind = match value.as_map() {
            Some(_) => text(value, &["type", "strategy", "policy"]),
            None => value.text_fact(),
        };
        if let Some(kind) = kind {
            let grows = ["exponential", "linear", "fibonacci"]
                .iter()
                .any(|w| fold(&kind.value).contains(w));
            let flat = ["fixed", "constant", "none"]
                .iter()
                .any(|w| fold(&kind.value).contains(w));
            return (grows || flat).then(|| kind.map(|_| grows));
        }
        return value
            .like_any(&["multiplier", "factor", "base"])
            .and_then(|(_, n)| n.f64_fact())
            .map(|f| f.map(|m| m > 1.0));
    }
    let (_, factor) = field(node, &["backoffmultiplier", "multiplier", "backofffactor"])?;
    factor.f64_fact().map(|f| f.map(|m| m > 0.0 && m != 1.0))
}

#[cfg(test)]
mod tests {
    use super::super::tests::read;
    use super::*;
    use std::time::Duration;

    #[test]
    fn the_quoted_retry_policy_is_three_retries_with_a_breaker() {
        // As teams write it in a deployment file.
        let env = read(
            "service_mesh:\n  technology: Istio\n  benefits:\n    - Circuit breakers\n    - Retry policies\ntraffic_policies:\n  circuit_breaker:\n    consecutive_errors: 5\n    interval: 30s\n    base_ejection_time: 30s\n\n  retry_policy:\n    attempts: 3\n    per_try_timeout: 10s\n    retry_on: 5xx,gateway-error,connect-failure\n",
        );
        let [call] = env.calls.as_slice() else {
            panic!("{:?}", env.calls)
        };
        assert_eq!(call.attempts.as_ref().unwrap().value, 4);
        let TimeoutSetting::After(timeout) = &call.timeout else {
            panic!()
        };
        assert_eq!(timeout.value, Duration::from_secs(10));
        assert_eq!(call.breaker.as_ref().unwrap().value, "circuit_breaker");
        assert_eq!(call.target, CallTarget::Service);
        assert_eq!(env.breakers.len(), 1);
    }

    #[test]
    fn tries_count_the_first_and_backoff_is_read_from_words_or_numbers() {
        for (text, attempts, backoff, jitter) in [
            (
                "database: {retry: {max_retries: 2, backoff: exponential, jitter: true}}",
                3,
                Some(true),
                Some(true),
            ),
            (
                "database: {retryPolicy: {maxAttempts: 3, backoff: {type: fixed, delay: 1s}}}",
                3,
                Some(false),
                None,
            ),
            (
                "database: {retries: {max_attempts: 3, initial_delay_ms: 100, multiplier: 2}}",
                3,
                Some(true),
                None,
            ),
            (
                "retry_policies: {database: {attempts: 3, delay: 1s}}",
                3,
                None,
                None,
            ),
        ] {
            let env = read(text);
            let call = &env.calls[0];
            assert_eq!(call.attempts.as_ref().unwrap().value, attempts, "{text}");
            assert_eq!(call.backoff.as_ref().map(|b| b.value), backoff, "{text}");
            assert_eq!(call.jitter.as_ref().map(|b| b.value), jitter, "{text}");
            assert_eq!(call.target, CallTarget::Database, "{text}");
        }
    }

    #[test]
    fn retries_of_a_job_are_not_retries_of_a_call() {
        for text in [
            "retry: 2",
            "test: {retry: {max: 2, when: runner_system_failure}}",
            "retries: {max_retries: 3}",
            "retry: {enabled: false, attempts: 3, delay: 1s}",
            "kafka: {retry: {attempts: 3, delay: 1s}}",
        ] {
            assert!(read(text).calls.is_empty(), "{text}");
        }
    }
}
