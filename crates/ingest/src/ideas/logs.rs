//! Where logs go and how long they are kept. The shape: a retention, or a store that keeps everything if no
//! retention is set.

use super::Section;
use super::aliases::{self, Aliases};
use super::fields::{Bare, field, text, time};
use cofferdam_model::alerts::LogStore;
use cofferdam_model::{Fact, Parts};
use cofferdam_syntax::tree::{Node, fold};
use std::time::Duration;

/// Keys that contain the retention by themselves.
pub(super) const FLAGS: Aliases = &[
    "logretentiondays",
    "logretentionperiod",
    "logsretention",
    "logsretentiondays",
    "loggingretention",
    "loggingretentiondays",
];

/// Stores that never expire their contents by default.
const KEEPS_ALL: &[&str] = &["cloudwatch", "elasticsearch", "elk", "opensearch", "loki"];

pub(super) fn read(section: &Section<'_>, parts: &mut Parts) -> bool {
    let own = section.path.last().map_or("", String::as_str);
    let retention = if section.node.as_map().is_some() {
        of_map(section.node)
    } else if own.contains("retention") {
        time(
            section.parent,
            &[
                "logretention",
                "logretentionperiod",
                "logsretention",
                "loggingretention",
            ],
            Bare::Days,
        )
        .map(Some)
    } else {
        return false;
    };
    let Some(retention) = retention else { return false };
    let name = match &section.owner.name {
        Some(owner) => format!("logs of {owner}"),
        None => format!("logs ({})", section.place.path.display()),
    };
    let store = LogStore {
        name,
        span: section.key.span,
        retention,
    };
    match parts.log_stores.iter_mut().find(|s| s.name == store.name) {
        Some(known) if store.retention.is_some() => *known = store,
        Some(_) => {}
        None => parts.log_stores.push(store),
    }
    true
}

/// The retention; `Some(None)` means without end, `None` means not set.
fn of_map(node: &Node) -> Option<Option<Fact<Duration>>> {
    if let Some((_, value)) = field(node, aliases::RETENTION) {
        if let Some(words) = value.as_str().map(fold)
            && matches!(words.as_str(), "never" | "unlimited" | "forever" | "infinite" | "none" | "0" | "1" if words != "1")
        {
            return Some(None);
        }
        // `retention: {days: 30}`.
        let inner = time(value, &["days", "period", "duration", "retention"], Bare::Days);
        if let Some(found) = inner.or_else(|| time(node, aliases::RETENTION, Bare::Days)) {
            return Some(Some(found));
        }
    }
    if let Some(found) = time(node, aliases::RETENTION, Bare::Days) {
        return Some(Some(found));
    }
    let store = text(
        node,
        &[
            "destination",
            "driver",
            "provider",
            "backend",
            "sink",
            "store",
            "type",
            "output",
        ],
    )?;
    KEEPS_ALL
        .iter()
        .any(|s| fold(&store.value).contains(s))
        .then_some(None)
}

#[cfg(test)]
mod tests {
    use super::super::tests::read;

    fn days(text: &str) -> Vec<Option<u64>> {
        read(text)
            .log_stores
            .iter()
            .map(|s| s.retention.as_ref().map(|r| r.value.as_secs() / 86_400))
            .collect()
    }

    #[test]
    fn retention_is_read_in_any_spelling() {
        for text in [
            "logging: {retention_days: 30}",
            "logs: {retention: 30d}",
            "logging: {retention: 30}",
            "logging: {retention: {days: 30}}",
            "log_retention_days: 30",
            "logging: {retentionPeriod: 720h}",
        ] {
            assert_eq!(days(text), [Some(30)], "{text}");
        }
    }

    #[test]
    fn a_store_that_keeps_everything_has_no_retention() {
        assert_eq!(days("logging: {destination: cloudwatch}"), [None]);
        assert_eq!(days("logging: {retention: never}"), [None]);
    }

    #[test]
    fn a_log_level_gives_no_retention() {
        for text in [
            "logging: {level: info}",
            "log: {format: json}",
            "logs: true",
            "logging: {destination: stdout}",
            "retention: 30d",
        ] {
            assert!(days(text).is_empty(), "{text}");
        }
    }
}
