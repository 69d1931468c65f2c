//! Alertmanager's tree of routes: which route an alert takes, how long its group waits, and whether its receiver
//! calls a person.
//!
//! A condition on a label that no file shows is neither true nor false: such a route may get the alert, and the
//! one after it too. The shortest wait of those that may get it counts, so that no delay is claimed that may not
//! exist.

use crate::facts::NodeFacts as _;
use cofferdam_model::alerts::{AlertRoute, Matcher};
use cofferdam_model::{Fact, Parts, units};
use cofferdam_syntax::hash::HashMap;
use cofferdam_syntax::pattern::Pattern;
use cofferdam_syntax::tree::{Node, fold};
use std::time::Duration;

/// Alertmanager's default. Source: Alertmanager documentation, `group_wait`.
const GROUP_WAIT: Duration = Duration::from_secs(30);

/// Integrations that write somewhere and call nobody, with a word for them. Others (PagerDuty, Opsgenie, a webhook) may
/// call a person.
const QUIET: &[(&str, &str)] = &[
    ("slackconfigs", "slack"),
    ("discordconfigs", "discord"),
    ("emailconfigs", "email"),
    ("msteamsconfigs", "teams"),
    ("msteamsv2configs", "teams"),
    ("mattermostconfigs", "chat"),
    ("rocketchatconfigs", "chat"),
    ("webexconfigs", "chat"),
    ("telegramconfigs", "chat"),
    ("jiraconfigs", "jira"),
];

/// Reads the tree of a configuration: `route` and `receivers`.
pub(crate) fn read(config: &Node, parts: &mut Parts) {
    if let Some(route) = config.get("route") {
        routes(route, None, &Matchers::default(), &receivers(config), parts);
    }
}

/// Reads the tree of an object of the operator, which gets only alerts of its own namespace.
pub(crate) fn namespaced(spec: &Node, namespace: Option<&str>, parts: &mut Parts) {
    let Some(route) = spec.get("route") else { return };
    let outer = Matchers {
        all: namespace.map_or_else(Vec::new, |namespace| {
            vec![Matcher {
                label: "namespace".to_owned(),
                is_not: false,
                is_pattern: false,
                value: namespace.to_owned(),
            }]
        }),
        unread: namespace.is_none(),
    };
    routes(route, None, &outer, &receivers(spec), parts);
}

/// Receivers by name, of several with one name the first.
type Receivers<'n> = HashMap<&'n str, &'n Node>;

fn receivers(config: &Node) -> Receivers<'_> {
    let mut receivers = Receivers::default();
    for receiver in config.get("receivers").map_or(&[][..], Node::items) {
        if let Some(name) = receiver.get("name").and_then(Node::as_str) {
            receivers.entry(name).or_insert(receiver);
        }
    }
    receivers
}

/// The conditions of a route and those above it.
#[derive(Debug, Clone, Default)]
struct Matchers {
    all: Vec<Matcher>,
    unread: bool,
}

/// Reads a route, children before their parents.
fn routes(
    node: &Node,
    parent: Option<&AlertRoute>,
    outer: &Matchers,
    receivers: &Receivers<'_>,
    parts: &mut Parts,
) {
    let mut matchers = outer.clone();
    for (key, is_pattern) in [("match", false), ("matchre", true)] {
        let pairs = node.like(key).into_iter().flat_map(Node::entries);
        for (label, value) in pairs {
            match value.as_str() {
                Some(value) => matchers.all.push(Matcher {
                    label: label.text.to_string(),
                    is_not: false,
                    is_pattern,
                    value: value.to_owned(),
                }),
                None => matchers.unread = true,
            }
        }
    }
    for matcher in node.get("matchers").map_or(&[][..], Node::items) {
        match one_matcher(matcher) {
            Some(matcher) => matchers.all.push(matcher),
            None => matchers.unread = true,
        }
    }
    let wait = node.like("groupwait").and_then(|n| n.fact(units::duration));
    let receiver = node.get("receiver").and_then(Node::text_fact);
    let route = AlertRoute {
        matchers: matchers.all.clone(),
        plain: !matchers.unread,
        group_wait: wait.or_else(|| parent?.group_wait.clone()),
        receiver: receiver
            .map(|name| described(name, receivers))
            .or_else(|| parent?.receiver.clone()),
    };
    for child in node.get("routes").map_or(&[][..], Node::items) {
        routes(child, Some(&route), &matchers, receivers, parts);
    }
    parts.alert_defaults.routes.push(route);
}

/// The name of a receiver, with what it does if it calls nobody.
fn described(name: Fact<String>, receivers: &Receivers<'_>) -> Fact<String> {
    let Some(receiver) = receivers.get(name.value.as_str()) else {
        return name;
    };
    let mut words: Vec<&str> = Vec::new();
    let used = receiver
        .entries()
        .filter(|(key, value)| fold(&key.text).ends_with("configs") && !value.is_null());
    for (key, _) in used {
        let folded = fold(&key.text);
        match QUIET.iter().find(|(integration, _)| *integration == folded) {
            Some((_, word)) if words.contains(word) => {}
            Some((_, word)) => words.push(word),
            None => return name,
        }
    }
    let words = if words.is_empty() {
        "null".to_owned()
    } else {
        words.join(", ")
    };
    name.map(|name| format!("{name} ({words})"))
}

/// `severity="critical"`, `alertname=~"A|B"`, or `{name, value, matchType}` of the operator's objects.
fn one_matcher(node: &Node) -> Option<Matcher> {
    if let Some(text) = node.as_str() {
        let at = text.find(['=', '!'])?;
        let (label, rest) = text.split_at(at);
        let operator = ["!=", "!~", "=~", "="]
            .into_iter()
            .find(|op| rest.starts_with(op))?;
        let value = rest[operator.len()..].trim();
        let quoted = value.len() > 1 && value.starts_with(['"', '\'']) && value.ends_with(['"', '\'']);
        let value = if quoted { &value[1..value.len() - 1] } else { value };
        return Some(Matcher {
            label: label.trim().to_owned(),
            is_not: operator.starts_with('!'),
            is_pattern: operator.ends_with('~'),
            value: value.to_owned(),
        });
    }
    let kind = node.get("matchType").and_then(Node::as_str).unwrap_or("=");
    Some(Matcher {
        label: node.get("name")?.as_str()?.to_owned(),
        is_not: kind.starts_with('!'),
        is_pattern: kind.ends_with('~') || node.get("regex").and_then(Node::as_bool) == Some(true),
        value: node.get("value").map_or(Some(""), Node::as_str)?.to_owned(),
    })
}

/// The routes in the order in which an alert meets them, with their patterns.
pub(crate) struct Routes<'r> {
    all: &'r [AlertRoute],
    /// Each pattern once: hundreds of alerts meet it. `None` for one that is not valid.
    patterns: HashMap<&'r str, Option<Pattern>>,
}

impl<'r> Routes<'r> {
    pub(crate) fn new(all: &'r [AlertRoute]) -> Self {
        let matchers = all.iter().flat_map(|route| &route.matchers);
        let patterns = matchers.filter(|matcher| matcher.is_pattern);
        let patterns = patterns.map(|matcher| (&*matcher.value, Pattern::new(&matcher.value)));
        Routes {
            all,
            patterns: patterns.collect(),
        }
    }

    /// The wait and the receiver of an alert with these labels, as far as they are known.
    pub(crate) fn of<'a>(
        &self,
        label: &dyn Fn(&str) -> Option<&'a str>,
    ) -> (Option<Fact<Duration>>, Option<Fact<String>>) {
        let mut possible: Vec<&AlertRoute> = Vec::new();
        let mut taken = None;
        for route in self.all {
            match self.takes(route, label) {
                Some(true) => {
                    taken = Some(route);
                    break;
                }
                Some(false) => {}
                None => possible.push(route),
            }
        }
        let receiver = taken.and_then(|route| route.receiver.clone());
        let all = possible.into_iter().chain(taken);
        let wait_of = |route: &&AlertRoute| route.group_wait.as_ref().map_or(GROUP_WAIT, |wait| wait.value);
        let wait = all.min_by_key(wait_of).and_then(|route| route.group_wait.clone());
        (wait, receiver)
    }

    /// Whether a route takes an alert; `None` if that is not known.
    fn takes<'a>(&self, route: &AlertRoute, label: &dyn Fn(&str) -> Option<&'a str>) -> Option<bool> {
        let mut known = route.plain;
        for matcher in &route.matchers {
            let matches = label(&matcher.label).and_then(|value| {
                let equal = match matcher.is_pattern {
                    true => self.patterns.get(&*matcher.value)?.as_ref()?.matches(value),
                    false => value == matcher.value,
                };
                Some(equal != matcher.is_not)
            });
            match matches {
                Some(false) => return Some(false),
                Some(true) => {}
                None => known = false,
            }
        }
        known.then_some(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cofferdam_syntax::FileId;
    use cofferdam_syntax::yaml;

    fn parts(text: &str) -> Parts {
        let mut parts = Parts::default();
        read(&yaml::parse(text, FileId(0), 0).documents[0], &mut parts);
        parts
    }

    fn route(text: &str, name: &str, severity: &str) -> (Option<u64>, Option<String>) {
        let label = |label: &str| match label {
            "alertname" => Some(name),
            "severity" => Some(severity),
            _ => None,
        };
        let (wait, receiver) = Routes::new(&parts(text).alert_defaults.routes).of(&label);
        (wait.map(|w| w.value.as_secs()), receiver.map(|r| r.value))
    }

    const TREE: &str = "route:\n  receiver: none\n  group_wait: 40s\n  routes:\n    - {matchers: ['alertname=~\"Watch.*|Info\"'], receiver: none}\n    - {matchers: [severity = \"critical\", 'alertname=~\".*Pod.*\"'], receiver: duty, group_wait: 10s}\n    - {matchers: ['severity!=\"critical\"'], receiver: chat, group_wait: 20s}\nreceivers: [{name: none}, {name: duty, pagerduty_configs: [{}]}, {name: chat, slack_configs: [{}]}]\n";

    #[test]
    fn the_first_route_whose_conditions_hold_gets_the_alert() {
        let some = |wait, receiver: &str| (Some(wait), Some(receiver.to_owned()));
        assert_eq!(route(TREE, "Watchdog", "critical"), some(40, "none (null)"));
        assert_eq!(route(TREE, "Inform", "critical"), some(40, "none (null)"));
        assert_eq!(route(TREE, "KubePodDown", "critical"), some(10, "duty"));
        assert_eq!(route(TREE, "DiskFull", "warning"), some(20, "chat (slack)"));
    }

    #[test]
    fn of_routes_that_may_get_the_alert_the_shortest_wait_counts() {
        let tree = "route: {receiver: a, routes: [{matchers: [team=x], group_wait: 5s}, {matchers: [team=y], group_wait: 2m}]}\nreceivers: []\n";
        assert_eq!(route(tree, "A", "critical"), (Some(5), Some("a".to_owned())));
        // The root waits 30 s, the default, which is shorter than the two minutes of the route that may get it.
        let tree = "route: {receiver: a, routes: [{matchers: [team=y], group_wait: 2m}]}\n";
        assert_eq!(route(tree, "A", "critical"), (None, Some("a".to_owned())));
    }

    #[test]
    fn a_pattern_that_is_not_valid_decides_nothing() {
        let tree = |pattern: &str| {
            format!(
                "route: {{receiver: a, group_wait: 40s, routes: [{{matchers: ['alertname=~\"{pattern}\"'], receiver: b, group_wait: 5s}}]}}\n"
            )
        };
        let of = |pattern: &str| route(&tree(pattern), "HostDown", "critical");
        let some = |wait, receiver: &str| (Some(wait), Some(receiver.to_owned()));
        assert_eq!(of("(Host|Node)D.*"), some(5, "b"));
        assert_eq!(of("(Host|Node)"), some(40, "a"));
        // It may get the alert: the shorter wait counts.
        assert_eq!(of("(Host"), some(5, "a"));
    }
}
