//! Named timeouts in one section: they contain or wait for one another. The shape: at least two of them, so
//! that a single `timeout` of something else does not count.

use super::fields::{Bare, time_of};
use crate::context::Place;
use crate::facts::NodeFacts as _;
use crate::settings;
use cofferdam_model::calls::{Deadline, DeadlineRole};
use cofferdam_model::{Owner, Parts};
use cofferdam_syntax::tree::{Node, fold};

/// Names (folded, without a unit) and what they bound.
const ROLES: &[(&str, DeadlineRole)] = &[
    ("initializationtimeout", DeadlineRole::Initialisation),
    ("initialisationtimeout", DeadlineRole::Initialisation),
    ("inittimeout", DeadlineRole::Initialisation),
    ("startuptimeout", DeadlineRole::Initialisation),
    ("bootstraptimeout", DeadlineRole::Initialisation),
    ("tablesetuptimeout", DeadlineRole::Setup),
    ("setuptimeout", DeadlineRole::Setup),
    ("migrationtimeout", DeadlineRole::Setup),
    ("schematimeout", DeadlineRole::Setup),
    ("connectiontimeout", DeadlineRole::Connect),
    ("connecttimeout", DeadlineRole::Connect),
    ("pooltimeout", DeadlineRole::PoolWait),
    ("poolwaittimeout", DeadlineRole::PoolWait),
    ("acquiretimeout", DeadlineRole::PoolWait),
    ("healthchecktimeout", DeadlineRole::HealthCheck),
    ("statementtimeout", DeadlineRole::Statement),
    ("querytimeout", DeadlineRole::Statement),
    ("commandtimeout", DeadlineRole::Statement),
    ("requesttimeout", DeadlineRole::Request),
    ("httptimeout", DeadlineRole::Request),
    ("apitimeout", DeadlineRole::Request),
];

/// Reads the timeouts of a map; returns whether it had the shape.
pub(super) fn read(node: &Node, path: &[String], owner: &Owner, place: Place<'_>, parts: &mut Parts) -> bool {
    // Clients of Kafka and Redis wait for other things than those of a database.
    if path.iter().any(|p| {
        ["kafka", "redis", "producer", "consumer"]
            .iter()
            .any(|w| p.to_ascii_lowercase().contains(w))
    }) {
        return false;
    }
    let section = format!("{}: {}", place.path.display(), path.join("."));
    let found: Vec<Deadline> = node
        .entries()
        .filter_map(|(key, value)| {
            let role = role_of(&key.text)?;
            let value = read_time(&key.text, value)?;
            Some(Deadline {
                owner: owner.clone(),
                name: key.text.to_string(),
                section: section.clone(),
                role,
                value,
            })
        })
        .collect();
    let roles: std::collections::BTreeSet<DeadlineRole> = found.iter().map(|d| d.role).collect();
    if roles.len() < 2 {
        return false;
    }
    for deadline in found {
        // The same line read as a pool's setting is the same deadline.
        parts
            .deadlines
            .retain(|d| d.value.span() != deadline.value.span());
        settings::deadline(parts, deadline);
    }
    true
}

fn role_of(key: &str) -> Option<DeadlineRole> {
    let folded = fold(key);
    let name = ["seconds", "secs", "sec", "ms", "millis", "milliseconds"]
        .iter()
        .find_map(|unit| folded.strip_suffix(unit))
        .unwrap_or(&folded);
    ROLES
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, role)| *role)
}

fn read_time(key: &str, value: &Node) -> Option<cofferdam_model::Fact<std::time::Duration>> {
    let folded = fold(key);
    if folded.ends_with("ms") || folded.ends_with("millis") || folded.ends_with("milliseconds") {
        return value.fact(cofferdam_model::units::millis);
    }
    time_of(value, Bare::Wait)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{read, read_in};
    use super::*;

    /// Timeouts of one environment, each inside the one above it.
    const QUOTED: &str = "\"staging\": {\n  \"initialization_timeout\": 75.0,\n  \"table_setup_timeout\": 25.0,\n  \"connection_timeout\": 35.0,\n  \"pool_timeout\": 45.0,\n  \"health_check_timeout\": 20.0,\n}\n";

    #[test]
    fn the_quoted_timeouts_have_their_roles() {
        let env = read_in("staging", QUOTED);
        let found: Vec<_> = env
            .deadlines
            .iter()
            .map(|d| (d.name.as_str(), d.role, d.value.value.as_secs()))
            .collect();
        assert_eq!(
            found,
            [
                ("initialization_timeout", DeadlineRole::Initialisation, 75),
                ("table_setup_timeout", DeadlineRole::Setup, 25),
                ("connection_timeout", DeadlineRole::Connect, 35),
                ("pool_timeout", DeadlineRole::PoolWait, 45),
                ("health_check_timeout", DeadlineRole::HealthCheck, 20),
            ]
        );
        assert_eq!(env.deadlines[0].section, "config/app.yaml: staging");
    }

    #[test]
    fn a_section_of_another_environment_is_ignored() {
        assert!(read_in("production", QUOTED).deadlines.is_empty());
    }

    #[test]
    fn a_line_that_two_readers_understand_is_one_deadline() {
        let env = read("database: {pool_size: 5, pool_timeout: 45, connection_timeout: 35}");
        assert_eq!(env.deadlines.len(), 2, "{:?}", env.deadlines);
        let names: Vec<_> = env.deadlines.iter().map(|d| d.name.as_str()).collect();
        assert_eq!(names, ["pool_timeout", "connection_timeout"]);
    }

    #[test]
    fn an_unnamed_timeout_and_a_broker_timeout_state_no_fact() {
        for text in [
            "timeout: 5",
            "job: {connection_timeout: 5}",
            "kafka: {session_timeout_ms: 1, request_timeout_ms: 30000, connection_timeout: 3}",
            "a: {request_timeout: 5, api_timeout: 6}",
        ] {
            assert!(read(text).deadlines.is_empty(), "{text}");
        }
    }
}
