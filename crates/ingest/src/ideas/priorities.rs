//! The priority of services when not all can be served.

use super::Section;
use crate::facts::NodeFacts as _;
use crate::parts;
use cofferdam_model::{Fact, Parts, Priority};
use cofferdam_syntax::tree::{Node, fold};

/// Words for a priority. Numbers are tiers: 0 and 1 come first.
pub(crate) fn priority_of(text: &str) -> Option<Priority> {
    match fold(text.trim()).as_str() {
        "critical" | "p0" | "tier0" | "tier1" | "0" | "1" | "highest" | "missioncritical" => {
            Some(Priority::Critical)
        }
        "important" | "high" | "p1" | "tier2" | "2" | "essential" | "medium" | "standard" => {
            Some(Priority::Important)
        }
        "optional" | "low" | "p2" | "p3" | "tier3" | "tier4" | "3" | "4" | "besteffort" | "noncritical"
        | "lowest" => Some(Priority::Optional),
        _ => None,
    }
}

/// Words that may be the key of a list of services; a number alone may be the key of anything.
fn heading(text: &str) -> Option<Priority> {
    priority_of(text).filter(|_| text.chars().any(char::is_alphabetic))
}

pub(super) fn read(section: &Section<'_>, parts: &mut Parts) -> bool {
    let mut any = false;
    for (key, value) in section.node.entries() {
        if let (Some(priority), Value::Names(names)) = (heading(&key.text), names(value)) {
            for name in names {
                any = true;
                let span = name.span();
                if let Some(span) = span {
                    parts::service_mut(parts, &name.value, span).priority = Some(Fact {
                        value: priority,
                        source: name.source.clone(),
                    });
                }
            }
        } else if let Some(priority) = value.fact(priority_of).or_else(|| {
            value
                .like_any(&["priority", "tier", "level"])
                .and_then(|(_, n)| n.fact(priority_of))
        }) {
            // `service_priorities: {auth: critical}`: the section must say that its keys are services.
            if section.path.last().is_some_and(|own| own.starts_with("service")) {
                any = true;
                parts::service_mut(parts, &key.text, key.span).priority = Some(priority);
            }
        }
    }
    any
}

enum Value {
    Names(Vec<Fact<String>>),
    Other,
}

fn names(node: &Node) -> Value {
    let found: Option<Vec<Fact<String>>> = node
        .items()
        .iter()
        .map(|item| item.text_fact().or_else(|| item.like("name")?.text_fact()))
        .collect();
    match found {
        Some(names) if !names.is_empty() => Value::Names(names),
        _ => Value::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::read;
    use super::*;

    #[test]
    fn the_quoted_matrix_gives_each_service_its_priority() {
        // As teams write it in a deployment file.
        let env = read(
            "service_priorities:\n  critical:\n    - auth-service      # Authentication is foundational\n    - backend-staging   # Core API functionality\n  important:\n    - frontend-staging  # User interface\n  optional:\n    - analytics-service       # Can be degraded temporarily\n    - monitoring-service      # Can use alternative metrics\n",
        );
        let found: Vec<_> = env
            .services
            .iter()
            .map(|s| (s.name.as_str(), s.priority.as_ref().unwrap().value))
            .collect();
        assert_eq!(
            found,
            [
                ("auth-service", Priority::Critical),
                ("backend-staging", Priority::Critical),
                ("frontend-staging", Priority::Important),
                ("analytics-service", Priority::Optional),
                ("monitoring-service", Priority::Optional),
            ]
        );
    }

    #[test]
    fn a_map_of_services_is_read_the_same_and_other_priorities_are_ignored() {
        let env = read("servicePriorities: {auth: critical, web: {tier: 3}}");
        let found: Vec<_> = env
            .services
            .iter()
            .map(|s| (s.name.as_str(), s.priority.as_ref().unwrap().value))
            .collect();
        assert_eq!(found, [("auth", Priority::Critical), ("web", Priority::Optional)]);
        for text in [
            "priorities: [a, b]",
            "priorities: {1: [a]}",
            "priorities: {bug: high}",
            "service_priorities: {x: someday}",
        ] {
            assert!(read(text).services.is_empty(), "{text}");
        }
    }
}
