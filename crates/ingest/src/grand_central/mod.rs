//! Deployment files of the Grand Central kind: one nested file for each project with its services, a base,
//! environments that override it, variables, and sections for everything around them. They are recognised by
//! their keys, whatever the file is called, and read liberally: the keys are compared without case and
//! separators, and each part is known under several names.

mod keys;
mod merge;
#[cfg(test)]
mod tests;
mod variables;

pub use merge::{environments, for_environment};

use crate::context::Place;
use crate::facts::NodeFacts as _;
use crate::ideas;
use crate::parts;
use crate::settings;
use cofferdam_model::{Fact, Owner, Parts, Rate, Span};
use cofferdam_syntax::tree::{Key, Map, Node, Value, fold};

/// The name of such files in reports.
pub const FORMAT: &str = "Grand Central";

/// Whether a tree is such a file: several of its keys belong to this format, at least one of them
/// exclusively, and none belongs to a similar format.
pub fn is_deployment_file(node: &Node) -> bool {
    let Some(map) = node.as_map() else { return false };
    if map.iter().any(|(key, _)| keys::FOREIGN.contains(&&*key.text)) {
        return false;
    }
    let (mut strong, mut weak) = count(map);
    // The contents of the base count like those at the top.
    for (key, value) in map.iter() {
        if let Some(inner) = value
            .as_map()
            .filter(|_| keys::BASE.contains(&fold(&key.text).as_str()))
        {
            let (s, w) = count(inner);
            strong += s;
            weak += w;
        }
    }
    (strong >= 2 && strong + weak >= 3) || (strong >= 1 && weak >= 2)
}

fn count(map: &Map) -> (usize, usize) {
    let of = |names: &[&str]| {
        map.iter()
            .filter(|(key, _)| names.contains(&fold(&key.text).as_str()))
            .count()
    };
    (of(keys::STRONG), of(keys::WEAK))
}

/// Reads one document.
pub fn read(node: &Node, place: Place<'_>) -> Parts {
    let mut parts = Parts::default();
    interpret(node, place, &mut parts);
    parts
}

/// Reads the file's statements for the place's environment. A file that names its environments has no
/// statements for others.
pub fn interpret(node: &Node, place: Place<'_>, parts: &mut Parts) {
    let named = environments(node);
    if !named.is_empty() && !named.iter().any(|name| name == place.environment) {
        return;
    }
    let merged = hoisted(&for_environment(node, place.environment));
    let project = project_name(&merged);
    let services = merged
        .like_any(keys::SERVICES)
        .map(|(_, list)| list.named_items())
        .unwrap_or_default()
        .into_iter()
        .filter(|(_, _, item)| item.as_map().is_some() || item.is_null())
        .collect::<Vec<_>>();
    if services.is_empty() {
        let Some((name, span)) = project else { return };
        service(&merged, (&name, span), place, parts);
        parts::delivery_mut(parts, &Owner::named(name.as_str()), &name, span).declarable = true;
        return;
    }
    let inherited = only(&merged, |key| is_of_a_service(key) || key == "kafka");
    let shared = only(&merged, |key| {
        !keys::SERVICES.contains(&key) && !is_of_a_service(key)
    });
    let owner = project
        .as_ref()
        .map_or_else(Owner::default, |(name, _)| Owner::named(name.as_str()));
    let is_kafka = |key: &str| key == "kafka";
    ideas::read_as(&only(&shared, |key| !is_kafka(key)), &owner, place, FORMAT, parts);
    // A group without a service belongs to nobody, and not to a service called like the project.
    let kafka = without_clients(&only(&shared, is_kafka));
    ideas::read_as(&kafka, &Owner::default(), place, FORMAT, parts);
    for (name, span, item) in services {
        let own_name = item
            .like_any(&["name", "servicename"])
            .and_then(|(_, n)| Some((n.as_str()?, n.span)));
        let (name, span) = own_name.unwrap_or((name, span));
        service(
            &hoisted(&merge::over(&without_topics(&inherited), item)),
            (name, span),
            place,
            parts,
        );
    }
    // Windows and similar settings of the project apply to every service; they are reported once, under its
    // name.
    if let Some((name, span)) = project {
        parts::delivery_mut(parts, &owner, &name, span).declarable = true;
    }
}

fn is_of_a_service(key: &str) -> bool {
    [
        keys::VARIABLES,
        keys::SECRETS,
        keys::REPLICAS,
        keys::PRIORITY,
        keys::OF_A_SERVICE,
    ]
    .iter()
    .any(|names| names.contains(&key))
}

/// The entries whose folded key `keep` takes.
fn only(node: &Node, keep: impl Fn(&str) -> bool) -> Node {
    let entries = node
        .entries()
        .filter(|(key, _)| keep(&fold(&key.text)))
        .map(|(k, v)| (k.clone(), v.clone()));
    Node {
        span: node.span,
        value: Value::Map(entries.collect()),
    }
}

/// The part of the `kafka` section that belongs to the platform (topics, brokers) and not to a client.
fn without_clients(node: &Node) -> Node {
    with_kafka(node, |key| {
        matches!(
            key,
            "topics"
                | "topic"
                | "cluster"
                | "brokers"
                | "replicationlag"
                | "replicationlagms"
                | "consumergroups"
                | "consumers"
        )
    })
}

fn without_topics(node: &Node) -> Node {
    with_kafka(node, |key| {
        !matches!(
            key,
            "topics" | "cluster" | "brokers" | "consumergroups" | "consumers"
        )
    })
}

fn with_kafka(node: &Node, keep: impl Fn(&str) -> bool) -> Node {
    let mut node = node.clone();
    if let Some(map) = node.as_map_mut() {
        for (key, value) in map.iter_mut() {
            if cofferdam_syntax::tree::folds_to(&key.text, "kafka") && value.as_map().is_some() {
                *value = only(value, &keep);
            }
        }
    }
    node
}

/// The contents of `kubernetes` as if they were beside it; they are nearer and have precedence.
fn hoisted(node: &Node) -> Node {
    let mut merged = node.clone();
    for name in keys::RUNTIMES {
        if let Some((key, section)) = node.like_entry(name).filter(|(_, n)| n.as_map().is_some()) {
            let key: Key = key.clone();
            if let Some(map) = merged.as_map_mut() {
                map.remove(&key.text);
            }
            merged = merge::over(&merged, section);
        }
    }
    merged
}

/// Name of the deployed service: `project_name: x`, `service: {name: x}`.
fn project_name(node: &Node) -> Option<(String, Span)> {
    keys::PROJECT.iter().find_map(|key| {
        let value = node.like(key)?;
        let value = match value.as_map() {
            Some(_) => value.like_any(&["name", "id", "key"])?.1,
            None => value,
        };
        let text = value.as_str()?.trim();
        (!text.is_empty()).then(|| (text.to_owned(), value.span))
    })
}

/// Reads everything of one service.
fn service(node: &Node, (name, span): (&str, Span), place: Place<'_>, parts: &mut Parts) {
    let owner = Owner::named(name);
    parts::service_mut(parts, name, span);
    scale(node, name, span, parts);
    entity(node, name, parts);
    let ideas_of = only(node, |key| {
        !keys::VARIABLES.contains(&key) && !keys::SECRETS.contains(&key)
    });
    ideas::read_as(&ideas_of, &owner, place, FORMAT, parts);
    let settings = variables::read(node, &owner, name, parts);
    settings::apply(&settings, &owner, place, parts);
}

/// Replicas, priority and rate.
fn scale(node: &Node, name: &str, span: Span, parts: &mut Parts) {
    let replicas = node.like_any(keys::REPLICAS).map(|(_, n)| n);
    let fixed = replicas.and_then(Node::u32_fact);
    let bound = |names: &[&str]| {
        replicas
            .and_then(|r| r.like_any(names))
            .and_then(|(_, n)| n.u32_fact())
    };
    let (min, max) = (
        bound(&["min", "minimum", "minreplicas"]),
        bound(&["max", "maximum", "maxreplicas"]),
    );
    let priority = node
        .like_any(keys::PRIORITY)
        .and_then(|(_, n)| n.fact(ideas::priority_of));
    let peak = node
        .like_any(keys::PEAK)
        .and_then(|(_, n)| n.f64_fact())
        .filter(|f| f.value > 0.0);
    if let Some(fixed) = &fixed {
        parts::describe(
            parts,
            format!("service {name}"),
            "replicas",
            fixed.as_ref().map(u32::to_string),
            FORMAT,
        );
    }
    let service = parts::service_mut(parts, name, span);
    service.scale.current = fixed.or(service.scale.current.take());
    service.scale.min = min.or(service.scale.min.take());
    service.scale.max = max.or(service.scale.max.take());
    service.priority = priority.or(service.priority.take());
    service.peak_rate = peak.map(|f| f.map(Rate)).or(service.peak_rate.take());
}

/// The file's statements about the service's entities; a contradicting statement elsewhere is visible.
fn entity(node: &Node, name: &str, parts: &mut Parts) {
    let Some((_, rules)) = node.like_any(&["entitysynthesis", "entitydefinition", "entity"]) else {
        return;
    };
    let of = |key: &str| rules.like(key).and_then(Node::text_fact);
    if let (Some(domain), Some(kind)) = (of("domain"), of("type")) {
        let value: Fact<String> = Fact {
            value: format!("{} {}", domain.value, kind.value),
            source: kind.source,
        };
        parts::describe(parts, format!("service {name}"), "entity type", value, FORMAT);
    }
}
