//! Emergency mode: what is reduced when not all can be served, and the share of each priority. These are kept
//! as statements, so that two contradicting files are visible.

use super::Section;
use super::aliases;
use super::fields::field;
use super::priorities::priority_of;
use crate::facts::NodeFacts as _;
use crate::parts;
use cofferdam_model::{Fact, Parts, Priority};
use cofferdam_syntax::tree::{Node, fold};

pub(super) fn read(section: &Section<'_>, parts: &mut Parts) -> bool {
    let own = section.path.last().map_or("", String::as_str);
    let under_allocation = section.is_under(&["resourceallocation"]);
    if own == "resourceallocation" {
        // The mode inside it is read when the walk reaches it; without one, the shares are here.
        let has_mode = field(section.node, aliases::EMERGENCY).is_some();
        return !has_mode && shares(section.node, section, parts);
    }
    if under_allocation {
        return shares(section.node, section, parts);
    }
    features(section, parts)
}

/// `critical_services: 70%`: the share of scarce resources for services of a priority.
fn shares(node: &Node, section: &Section<'_>, parts: &mut Parts) -> bool {
    let mut any = false;
    for (key, value) in node.entries() {
        let folded = fold(&key.text);
        let word = folded.trim_end_matches("services").trim_end_matches("service");
        let name = match priority_of(word).filter(|_| word.chars().any(char::is_alphabetic)) {
            Some(Priority::Critical) => "critical",
            Some(Priority::Important) => "important",
            Some(Priority::Optional) => "optional",
            None => continue,
        };
        if let Some(share) = value.fact(cofferdam_model::units::share) {
            any = true;
            let subject = format!("{name} services");
            parts::describe(
                parts,
                subject,
                "share in an emergency",
                share.map(|s| s.to_string()),
                section.format,
            );
        }
    }
    any
}

/// `features: {websocket_connections: 50, database_pools: 3}` under a mode with a switch.
fn features(section: &Section<'_>, parts: &mut Parts) -> bool {
    if section.node.like("enabled").is_none() {
        return false;
    }
    let Some((_, features)) = field(section.node, &["features", "limits", "overrides", "settings"]) else {
        return false;
    };
    let mut any = false;
    for (key, value) in features.entries() {
        if let Some(value) = value.text_fact() {
            any = true;
            let attribute = format!("{} in emergency mode", key.text.replace(['_', '-'], " "));
            let subject = section
                .owner
                .name
                .as_ref()
                .map_or_else(|| "the platform".to_owned(), |n| format!("service {n}"));
            let value: Fact<String> = value;
            parts::describe(parts, subject, &attribute, value, section.format);
        }
    }
    any
}

#[cfg(test)]
mod tests {
    use super::super::tests::read;

    fn said(text: &str) -> Vec<(String, String, String)> {
        read(text)
            .descriptions
            .into_iter()
            .map(|d| (d.subject, d.attribute, d.value.value))
            .collect()
    }

    #[test]
    fn the_quoted_emergency_mode_and_allocation_are_statements() {
        // As teams write it in a deployment file.
        let mode = said(
            "emergency_mode:\n  enabled: true\n  features:\n    websocket_connections: 50    # Limit\n    database_pools: 3\n    cache_ttl: 3600\n    background_tasks: disabled\n",
        );
        assert_eq!(mode.len(), 4);
        assert_eq!(mode[1].1, "database pools in emergency mode");
        assert_eq!(mode[1].2, "3");
        let shares = said(
            "resource_allocation:\n  emergency_mode:\n    critical_services: 70%    # of VPC connector capacity\n    important_services: 25%\n    optional_services: 5%\n",
        );
        let shares: Vec<(&str, &str)> = shares.iter().map(|(s, _, v)| (s.as_str(), v.as_str())).collect();
        assert_eq!(
            shares,
            [
                ("critical services", "70 %"),
                ("important services", "25 %"),
                ("optional services", "5 %")
            ]
        );
    }

    #[test]
    fn other_emergency_settings_state_no_fact() {
        for text in [
            "emergency: 112",
            "emergency_mode: true",
            "emergency: {contact: x}",
            "resource_allocation: {team: a}",
        ] {
            assert!(said(text).is_empty(), "{text}");
        }
    }
}
