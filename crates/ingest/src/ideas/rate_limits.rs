//! Rate limits. The shape: a number of requests with a time, in the name or beside it.

use super::Section;
use super::fields::{Bare, field, is_off, on, rate_of, time_of};
use crate::facts::NodeFacts as _;
use crate::parts::same_owner;
use cofferdam_model::cells::RateLimit;
use cofferdam_model::{Fact, Parts, Rate};
use cofferdam_syntax::tree::Node;

/// Names that contain their time, with the seconds.
const TIMED: &[(&str, f64)] = &[
    ("requestspersecond", 1.0),
    ("rps", 1.0),
    ("qps", 1.0),
    ("maxrps", 1.0),
    ("limitpersecond", 1.0),
    ("ratepersecond", 1.0),
    ("persecond", 1.0),
    ("globalrps", 1.0),
    ("eventspersecond", 1.0),
    ("requestsperminute", 60.0),
    ("rpm", 60.0),
    ("limitperminute", 60.0),
    ("perminute", 60.0),
    ("maxrequestsperminute", 60.0),
    ("requestsperhour", 3600.0),
    ("perhour", 3600.0),
    ("maxrequestspersecond", 1.0),
];

/// Names whose number needs a time beside it.
const COUNTS: &[&str] = &[
    "limit",
    "requests",
    "maxrequests",
    "max",
    "rate",
    "quota",
    "requestlimit",
    "averagerate",
    "average",
];

/// Names of the time beside it.
const PERIODS: &[&str] = &[
    "window",
    "per",
    "period",
    "interval",
    "windowseconds",
    "windowsize",
    "unit",
    "duration",
    "timewindow",
];

pub(super) fn read(section: &Section<'_>, parts: &mut Parts) -> bool {
    if is_off(section.node) {
        return false;
    }
    let name = section.written.join(".");
    if let Some(limit) = limit_of(section.node) {
        push(section, name, limit, section.node, parts);
        return true;
    }
    let mut any = false;
    for (item_name, _, item) in section.node.named_items() {
        if let Some(limit) = limit_of(item).filter(|_| !is_off(item)) {
            push(section, format!("{name}.{item_name}"), limit, item, parts);
            any = true;
        }
    }
    any
}

fn limit_of(node: &Node) -> Option<Fact<Rate>> {
    node.as_map()?;
    for (name, seconds) in TIMED {
        if let Some(number) = node.like(name).and_then(Node::f64_fact).filter(|n| n.value > 0.0) {
            return Some(number.map(|n| Rate(n / seconds)));
        }
    }
    let (_, count) = field(node, COUNTS)?;
    let written = count.as_str()?;
    if written.contains('/') || written.to_ascii_lowercase().contains("per ") {
        return rate_of(count);
    }
    let number = count.f64_fact().filter(|n| n.value > 0.0)?;
    let (key, period) = field(node, PERIODS)?;
    let seconds = match period.as_str()?.trim().to_ascii_lowercase().as_str() {
        "second" | "s" | "sec" => 1.0,
        "minute" | "m" | "min" => 60.0,
        "hour" | "h" => 3600.0,
        "day" | "d" => 86_400.0,
        _ => {
            let bare = if cofferdam_syntax::tree::fold(&key.text).ends_with("ms") {
                return None;
            } else {
                Bare::Seconds
            };
            time_of(period, bare)?.value.as_secs_f64()
        }
    };
    (seconds > 0.0).then(|| number.map(|n| Rate(n / seconds)))
}

fn push(section: &Section<'_>, name: String, limit: Fact<Rate>, node: &Node, parts: &mut Parts) {
    let per_replica = field(node, &["perreplica", "perpod", "perinstance", "local"])
        .and_then(|(_, n)| on(n))
        .or_else(|| {
            field(node, &["distributed", "global", "shared"])
                .and_then(|(_, n)| on(n))
                .map(|f| f.map(|b| !b))
        })
        .or_else(|| {
            let (_, scope) = field(node, &["scope", "type", "backend", "storage"])?;
            scope.fact(|t| match t.to_ascii_lowercase().as_str() {
                "local" | "memory" | "pod" | "instance" | "in-memory" => Some(true),
                "global" | "redis" | "distributed" | "cluster" => Some(false),
                _ => None,
            })
        });
    parts
        .rate_limits
        .retain(|r| !(r.name == name && same_owner(&r.owner, section.owner)));
    parts.rate_limits.push(RateLimit {
        name,
        owner: section.owner.clone(),
        limit,
        per_replica,
    });
}

#[cfg(test)]
mod tests {
    use super::super::tests::read;

    #[test]
    fn limits_are_converted_to_a_rate_per_second() {
        for (text, rate) in [
            ("rate_limit: {requests_per_second: 100}", 100.0),
            ("rateLimiting: {requestsPerMinute: 6000}", 100.0),
            ("rate_limiter: {limit: 6000, window: 1m}", 100.0),
            ("rate_limits: {api: {limit: 100, per: second}}", 100.0),
            ("rate_limits: [{name: api, rate: 100r/s}]", 100.0),
            ("throttling: {rate: 6000 per minute}", 100.0),
        ] {
            let env = read(text);
            assert_eq!(env.rate_limits.len(), 1, "{text}");
            assert_eq!(env.rate_limits[0].limit.value.0, rate, "{text}");
        }
        assert_eq!(
            read("rate_limit: {rps: 5, per_pod: true}").rate_limits[0]
                .per_replica
                .as_ref()
                .map(|p| p.value),
            Some(true)
        );
        assert_eq!(
            read("rate_limit: {rps: 5, backend: redis}").rate_limits[0]
                .per_replica
                .as_ref()
                .map(|p| p.value),
            Some(false)
        );
    }

    #[test]
    fn a_number_without_a_time_is_not_a_rate() {
        for text in [
            "rate_limit: {limit: 100}",
            "rate_limit: 100",
            "throttle: {max: 3}",
            "rate_limit: {enabled: false, rps: 5}",
            "rate_limit: {rps: 0}",
        ] {
            assert!(read(text).rate_limits.is_empty(), "{text}");
        }
    }
}
