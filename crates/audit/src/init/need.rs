//! Parses the needs of rules that could not judge into the statements of the overlay that would satisfy them.

use super::entries::parse;

/// A need that names a statement: its section, its name and its key, and the words in brackets after it.
pub(crate) struct Need<'a> {
    /// Section (`services`, `kafka.topics`).
    pub(crate) section: &'a str,
    /// The name in the section; `None` for a section without names.
    pub(crate) name: Option<&'a str>,
    /// The key (`requests_per_second`, `pool.size`).
    pub(crate) key: &'a str,
    /// The reason why it is needed.
    pub(crate) reason: Option<&'a str>,
}

/// Parses a need as rules write it: `services.api.requests_per_second (peak load)`. `None` if it names no
/// statement.
pub(crate) fn need(text: &str) -> Option<Need<'_>> {
    let (path, reason) = match text.split_once(" (") {
        Some((path, reason)) => (path, Some(reason.trim_end_matches(')'))),
        None => (text, None),
    };
    let (section, name, key) = match parse(path)?.as_slice() {
        ["kafka", "topics", name, key] => ("kafka.topics", Some(*name), *key),
        [section, name, key] => (*section, Some(*name), *key),
        [section, key] => (*section, None, *key),
        _ => return None,
    };
    Some(Need {
        section,
        name,
        key,
        reason,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_need_is_divided_into_section_name_and_key() {
        let parts = |text| need(text).map(|n| (n.section, n.name, n.key, n.reason));
        for (text, wanted) in [
            (
                "services.my.api.pool.size (connections kept)",
                Some(("services", Some("my.api"), "pool.size", Some("connections kept"))),
            ),
            (
                "kafka.topics.a.b.partitions",
                Some(("kafka.topics", Some("a.b"), "partitions", None)),
            ),
            (
                "kafka.replication_lag (how far)",
                Some(("kafka", None, "replication_lag", Some("how far"))),
            ),
            ("a time zone that exists", None),
            ("services.api.no_such_key", None),
        ] {
            assert_eq!(parts(text), wanted, "{text}");
        }
    }
}
