//! Reads a field under any of its names, with its unit from the value (`30s`), from the name
//! (`interval_seconds`), or known for the field.

use super::aliases::Aliases;
use crate::facts::NodeFacts as _;
use cofferdam_model::units::{duration, share as parse_share};
use cofferdam_model::{Fact, Rate, Share};
use cofferdam_syntax::tree::{Key, Node, fold};
use std::time::Duration;

/// The unit of a bare number of a time without a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bare {
    /// Seconds.
    Seconds,
    /// Seconds below 1,000, milliseconds from there on: waits of calls, for which nobody sets a quarter of an
    /// hour.
    Wait,
    /// Days.
    Days,
    /// Nobody knows.
    Unknown,
}

/// Endings of names that contain a unit, in seconds. `ms` comes before `s`.
const UNITS: &[(&str, f64)] = &[
    ("milliseconds", 1e-3),
    ("millis", 1e-3),
    ("msec", 1e-3),
    ("ms", 1e-3),
    ("seconds", 1.0),
    ("secs", 1.0),
    ("sec", 1.0),
    ("minutes", 60.0),
    ("mins", 60.0),
    ("min", 60.0),
    ("hours", 3600.0),
    ("hrs", 3600.0),
    ("days", 86_400.0),
    ("weeks", 604_800.0),
];

/// The unit of a name in seconds, if the name contains one after one of `names`.
fn unit_after(key: &str, name: &str) -> Option<f64> {
    let folded = fold(key);
    let rest = folded.strip_prefix(name)?;
    let rest = rest.strip_prefix("in").unwrap_or(rest);
    UNITS
        .iter()
        .find(|(unit, _)| *unit == rest)
        .map(|(_, seconds)| *seconds)
}

/// The field of the best of its names.
pub(super) fn field(node: &Node, names: Aliases) -> Option<(&Key, &Node)> {
    node.like_any(names)
}

/// A whole number.
pub(super) fn number(node: &Node, names: Aliases) -> Option<Fact<u32>> {
    field(node, names)?.1.u32_fact()
}

/// Text that is not empty.
pub(super) fn text(node: &Node, names: Aliases) -> Option<Fact<String>> {
    field(node, names)?
        .1
        .fact(|t| Some(t.trim().to_owned()).filter(|t| !t.is_empty()))
}

/// Whether something is on: a boolean, a map's `enabled`, or `enabled`/`disabled` as a word. A map without it
/// is on.
pub(super) fn on(node: &Node) -> Option<Fact<bool>> {
    if let Some(value) = node.bool_fact() {
        return Some(value);
    }
    if node.as_map().is_some() {
        return match node.like("enabled") {
            Some(enabled) => enabled.bool_fact(),
            None => Some(Fact::declared(true, node.span)),
        };
    }
    node.fact(|t| match t.trim().to_ascii_lowercase().as_str() {
        "enabled" | "auto" | "automatic" => Some(true),
        "disabled" | "none" | "never" | "manual" => Some(false),
        _ => None,
    })
}

/// Whether a section contains `enabled: false`.
pub(super) fn is_off(node: &Node) -> bool {
    node.like("enabled").and_then(Node::as_bool) == Some(false)
        || node.like("disabled").and_then(Node::as_bool) == Some(true)
}

/// A time under one of `names`, its unit read from the value, otherwise from the name, otherwise given by
/// `bare`.
pub(super) fn time(node: &Node, names: Aliases, bare: Bare) -> Option<Fact<Duration>> {
    names.iter().find_map(|name| {
        node.entries().find_map(|(key, value)| {
            if cofferdam_syntax::tree::folds_to(&key.text, name) {
                return time_of(value, bare);
            }
            let unit = unit_after(&key.text, name)?;
            match value.as_f64() {
                Some(n) => value.fact(|_| Duration::try_from_secs_f64(n * unit).ok()),
                None => time_of(value, Bare::Unknown),
            }
        })
    })
}

/// A time as a value: text with a unit, a bare number, or `{value, unit}` / `{count, unit}` (with what
/// New Relic's and OpenSLO's files nest it in).
pub(super) fn time_of(node: &Node, bare: Bare) -> Option<Fact<Duration>> {
    if node.as_map().is_some() {
        if let Some(rolling) = node.like_any(&["rolling", "timewindow"]).map(|(_, n)| n) {
            return time_of(rolling, bare);
        }
        let (_, number) = node.like_any(&["value", "count", "amount", "duration"])?;
        let Some(unit) = node.like("unit").and_then(Node::as_str) else {
            return time_of(number, bare);
        };
        return number.fact(|t| duration(&format!("{}{}", t.trim(), unit.trim().to_ascii_lowercase())));
    }
    let Some(n) = node.as_f64() else {
        return node.fact(duration);
    };
    let seconds = match bare {
        Bare::Seconds => n,
        Bare::Wait if n >= 1000.0 => n / 1000.0,
        Bare::Wait => n,
        Bare::Days => n * 86_400.0,
        Bare::Unknown => return None,
    };
    node.fact(|_| Duration::try_from_secs_f64(seconds).ok())
}

/// A share under one of `names`: `60%`, `60`, `0.6`; a name that says percent counts in hundredths.
pub(super) fn share(node: &Node, names: Aliases) -> Option<Fact<Share>> {
    let (key, value) = field(node, names)?;
    let folded = fold(&key.text);
    if ["percentage", "percent", "pct"]
        .iter()
        .any(|p| folded.ends_with(p))
        && let Some(n) = value.as_f64().filter(|n| *n >= 0.0)
    {
        return value.fact(|_| Some(Share(n / 100.0)));
    }
    value.fact(parse_share)
}

/// A rate: `100`, `100/s`, `100r/s`, `6000 per minute`, `5k`; a bare number is a second's.
pub(super) fn rate_of(node: &Node) -> Option<Fact<Rate>> {
    node.fact(|text| {
        let text = text.trim().to_ascii_lowercase().replace([',', '_'], "");
        let digits = text
            .find(|c: char| !(c.is_ascii_digit() || c == '.'))
            .unwrap_or(text.len());
        let number: f64 = text[..digits].parse().ok()?;
        let rest = text[digits..].trim();
        let (factor, rest) = match rest.strip_prefix('k') {
            Some(rest) => (1000.0, rest),
            None => (1.0, rest),
        };
        let rest = rest
            .trim()
            .replace("requests", "")
            .replace("req", "")
            .replace("per", "/")
            .replace(' ', "");
        let seconds = match rest.trim_start_matches('r').trim_start_matches('/') {
            "" | "s" | "sec" | "second" | "ps" | "qps" => 1.0,
            "m" | "min" | "minute" | "pm" => 60.0,
            "h" | "hour" => 3600.0,
            "d" | "day" => 86_400.0,
            _ => return None,
        };
        let rate = number * factor / seconds;
        rate.is_finite().then_some(Rate(rate))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use cofferdam_model::FileId;
    use cofferdam_syntax::yaml;

    fn node(text: &str) -> Node {
        yaml::parse(text, FileId(0), 0).documents.remove(0)
    }

    #[test]
    fn the_unit_of_a_time_is_found_in_name_or_value() {
        let names: Aliases = &["interval", "ttl"];
        for (text, seconds) in [
            ("interval: 30s", 30.0),
            ("intervalSeconds: 30", 30.0),
            ("interval_ms: 1500", 1.5),
            ("interval-in-minutes: 2", 120.0),
            ("ttl: {value: 7, unit: DAY}", 604_800.0),
            ("interval: {rolling: {count: 7, unit: days}}", 604_800.0),
            ("interval: 5", 5.0),
            ("interval: 5000", 5.0),
            ("interval_seconds: 90s", 90.0),
        ] {
            let read = time(&node(text), names, Bare::Wait).unwrap();
            assert_eq!(read.value, Duration::from_secs_f64(seconds), "{text}");
        }
        assert!(time(&node("interval: 5"), names, Bare::Unknown).is_none());
        assert!(time(&node("intervals: 5"), names, Bare::Seconds).is_none());
        assert!(time(&node("interval: -5"), names, Bare::Seconds).is_none());
    }

    #[test]
    fn rates_and_shares_are_read_in_common_spellings() {
        for (text, rate) in [
            ("100", 100.0),
            ("100/s", 100.0),
            ("100r/s", 100.0),
            ("6000 per minute", 100.0),
            ("5k", 5000.0),
            ("\"7,000 rps\"", 7000.0),
            ("fast", f64::NAN),
            ("12000 requests/min", 200.0),
        ] {
            let read = rate_of(&node(&format!("x: {text}")).get("x").unwrap().clone());
            match read {
                Some(read) => assert_eq!(read.value.0, rate, "{text}"),
                None => assert!(rate.is_nan(), "{text}"),
            }
        }
        assert_eq!(
            share(&node("capacity_percentage: 1"), &["capacitypercentage"])
                .unwrap()
                .value,
            Share(0.01)
        );
        assert_eq!(
            share(&node("weight: 60%"), &["weight"]).unwrap().value,
            Share(0.6)
        );
    }

    #[test]
    fn a_switch_is_read_from_words_too() {
        assert!(
            on(&node("a: {enabled: true}").get("a").unwrap().clone())
                .unwrap()
                .value
        );
        assert!(!on(&node("a: disabled").get("a").unwrap().clone()).unwrap().value);
        assert!(
            on(&node("a: {steps: [1]}").get("a").unwrap().clone())
                .unwrap()
                .value
        );
        assert!(on(&node("a: 5").get("a").unwrap().clone()).is_none());
    }
}
