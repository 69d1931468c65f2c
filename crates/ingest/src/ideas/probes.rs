//! Health checks of a service in a deployment file, to be compared with those in Kubernetes. The shape: a
//! path that begins with `/`.

use super::Section;
use super::aliases;
use super::fields::{field, text};
use crate::facts::NodeFacts as _;
use cofferdam_model::Parts;
use cofferdam_syntax::tree::Node;

pub(super) fn read(section: &Section<'_>, parts: &mut Parts) -> bool {
    let own = section.path.last().map_or("", String::as_str);
    if section.owner.name.is_none()
        || section.is_under(aliases::CELLS)
        || section.is_under(aliases::CELL_ROUTING)
        || section.is_under(&["pool", "kafka", "redis"])
    {
        return false;
    }
    // Only checks of the service itself: a library's settings have health checks too.
    if !section.is_deployment() || section.is_under(aliases::PROBES) {
        return false;
    }
    match own {
        "livenessprobe" | "liveness" => check("liveness", section.node, section, parts),
        "readinessprobe" | "readiness" => check("readiness", section.node, section, parts),
        _ => {
            let named = [
                ("liveness", ["liveness", "livenessprobe", "live"]),
                ("readiness", ["readiness", "readinessprobe", "ready"]),
            ];
            let mut any = false;
            for (what, names) in named {
                for name in names {
                    if let Some(probe) = section.node.like(name) {
                        any |= check(what, probe, section, parts);
                    }
                }
                for (name, _, item) in section.node.named_items() {
                    if section.node.as_map().is_none()
                        && names.contains(&cofferdam_syntax::tree::fold(name).as_str())
                    {
                        any |= check(what, item, section, parts);
                    }
                }
            }
            // A check without a name decides who gets traffic, like those of load balancers.
            any || check("readiness", section.node, section, parts)
        }
    }
}

fn check(what: &str, node: &Node, section: &Section<'_>, parts: &mut Parts) -> bool {
    let place = field(node, &["httpget", "http"])
        .map(|(_, n)| n)
        .filter(|n| n.as_map().is_some())
        .unwrap_or(node);
    let path = match place.as_str() {
        Some(_) => place.text_fact(),
        None => text(place, aliases::PATH),
    };
    let Some(path) = path.filter(|p| p.value.starts_with('/')) else {
        return false;
    };
    section.describe(&format!("{what} path"), path, parts);
    if let Some(port) = field(place, aliases::PORT).and_then(|(_, n)| n.u32_fact()) {
        section.describe(&format!("{what} port"), port.map(|p| p.to_string()), parts);
    }
    true
}

#[cfg(test)]
mod tests {
    use super::super::tests::{read, read_deployment};

    fn said(text: &str) -> Vec<(String, String)> {
        read_deployment(text)
            .descriptions
            .into_iter()
            .map(|d| (d.attribute, d.value.value))
            .collect()
    }

    #[test]
    fn checks_become_facts_named_as_in_kubernetes() {
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        assert_eq!(
            said("health_check: {path: /health, port: 8080}"),
            [pair("readiness path", "/health"), pair("readiness port", "8080")]
        );
        assert_eq!(
            said("healthChecks: {liveness: {path: /live}, readiness: {httpGet: {path: /ready, port: 8081}}}"),
            [
                pair("liveness path", "/live"),
                pair("readiness path", "/ready"),
                pair("readiness port", "8081")
            ]
        );
        assert_eq!(
            said("probes: [{name: liveness, path: /live}, {name: readiness, path: /ready}]"),
            [pair("liveness path", "/live"), pair("readiness path", "/ready")]
        );
        assert_eq!(
            said("kubernetes: {livenessProbe: {path: /live}}"),
            [pair("liveness path", "/live")]
        );
    }

    #[test]
    fn a_check_of_something_else_is_not_a_check_of_the_service() {
        for text in [
            "health_check: true",
            "health_check: {interval: 5}",
            "cell_routing: {health_check: {path: /health}}",
            "health: ok",
        ] {
            assert!(said(text).is_empty(), "{text}");
        }
        assert!(read("health_check: {path: /health}").descriptions.is_empty());
    }
}
