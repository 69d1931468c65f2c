//! Topics: finds the topics that consumers, producers, autoscalers and alerts name among the declared ones.

use super::names::Suggestions;
use crate::delivery::{Dangling, DanglingKind};
use crate::owner::TopicId;
use crate::platform::Parts;
use crate::source::{Fact, Source};
use cofferdam_syntax::hash::HashMap;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Links consumers to declared topics and records every name that is not declared. If no file declares any
/// topic, topics are created elsewhere and no name is missing. Topics declared by a person are not a complete
/// list, so only a name that differs from one of them by a slip is reported.
pub(super) fn link(parts: &mut Parts, root: &Path) {
    if parts.topics.is_empty() {
        return;
    }
    only_topic(parts);
    let mut ids: HashMap<&str, TopicId> =
        HashMap::with_capacity_and_hasher(parts.topics.len(), Default::default());
    for (at, topic) in parts.topics.iter().enumerate() {
        ids.entry(&topic.name.value).or_insert(TopicId(at));
    }
    for consumer in &mut parts.consumers {
        consumer.topic_ids = (consumer.topics.iter())
            .filter_map(|t| ids.get(t.value.as_str()).copied())
            .collect();
    }
    let listed = !parts
        .topics
        .iter()
        .all(|t| matches!(t.name.source, Source::Stated(_)));
    // By subject and name, so that a repeated name is reported once.
    let mut missing: BTreeMap<(String, String), Fact<String>> = BTreeMap::new();
    for (subject, topic) in named(parts, root) {
        if !ids.contains_key(topic.value.as_str()) && is_one_name(&topic.value) {
            missing
                .entry((subject, topic.value.clone()))
                .or_insert_with(|| topic.clone());
        }
    }
    let mut suggestions = Suggestions::among(parts.topics.len());
    let mut found: Vec<Dangling> = Vec::new();
    for ((subject, name), fact) in missing {
        let nearest = suggestions.find(&name, parts.topics.iter().map(|t| t.name.value.as_str()));
        if !listed && nearest.is_none() {
            continue;
        }
        found.push(Dangling {
            subject,
            kind: DanglingKind::Topic,
            name: fact,
            nearest,
            certain: listed,
        });
    }
    found.extend(of_alerts(parts, &ids));
    parts.dangling.extend(found);
}

/// If one topic is declared in addition to those for dead letters and retries, a group that names none reads
/// it.
fn only_topic(parts: &mut Parts) {
    let is_aside = |name: &str| {
        let name = name.to_ascii_lowercase();
        ["dlq", "dlt", "dead", "retry"]
            .iter()
            .any(|word| name.contains(word))
    };
    let main: BTreeSet<&str> = (parts.topics.iter())
        .map(|t| t.name.value.as_str())
        .filter(|name| !is_aside(name))
        .collect();
    let [name] = main.into_iter().collect::<Vec<_>>()[..] else {
        return;
    };
    let why = format!("it reads {name}, the only topic that is declared here");
    let only = Fact::assumed(name.to_owned(), why);
    for consumer in &mut parts.consumers {
        if consumer.topics.is_empty() && consumer.group.is_some() {
            consumer.topics.push(only.clone());
        }
    }
}

/// The objects that name each topic.
fn named<'p>(parts: &'p Parts, root: &Path) -> Vec<(String, &'p Fact<String>)> {
    let mut all = Vec::new();
    for consumer in &parts.consumers {
        let subject = match &consumer.group {
            Some(group) => format!("consumer group {}", group.value),
            None => format!("consumer of {}", parts.owner_name(&consumer.owner, root)),
        };
        let topics = consumer.topics.iter().chain(&consumer.dead_letter);
        all.extend(topics.map(|t| (subject.clone(), t)));
    }
    for producer in &parts.producers {
        let subject = format!("producer of {}", parts.owner_name(&producer.owner, root));
        all.extend(producer.topics.iter().map(|t| (subject.clone(), t)));
    }
    for autoscaler in &parts.autoscalers {
        let topics = autoscaler.metrics.iter().filter_map(|m| m.topic.as_ref());
        all.extend(topics.map(|t| (format!("{} {}", autoscaler.format, autoscaler.name), t)));
    }
    all
}

/// Whether a text names one topic: not a pattern, and not a text that is filled in later.
fn is_one_name(name: &str) -> bool {
    // Kafka allows letters, digits, `.`, `_` and `-` in a topic's name (up to 249 characters).
    !name.is_empty()
        && name.len() <= 249
        && (name.chars()).all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))
}

/// An alert's query selects by many things. A value counts as a topic only if the alert reads something of
/// Kafka, and the value differs from a declared topic by a slip and is nothing else here.
fn of_alerts(parts: &Parts, ids: &HashMap<&str, TopicId>) -> Vec<Dangling> {
    let mut known: BTreeSet<&str> = parts.services.iter().map(|s| s.name.as_str()).collect();
    known.extend(
        parts
            .consumers
            .iter()
            .filter_map(|c| c.group.as_ref())
            .map(|g| g.value.as_str()),
    );
    known.extend(parts.databases.iter().map(|d| d.name.as_str()));
    known.extend(parts.caches.iter().map(|c| c.name.as_str()));
    let mut found: Vec<Dangling> = Vec::new();
    let mut suggestions = Suggestions::among(parts.topics.len());
    for alert in &parts.alerts {
        let of_kafka = |text: &str| {
            let text = text.to_ascii_lowercase();
            ["kafka", "topic", "consumer_lag", "consumerlag", "offset"]
                .iter()
                .any(|word| text.contains(word))
        };
        if !alert.signals.iter().any(|s| of_kafka(&s.value))
            && !alert.query.as_ref().is_some_and(|q| of_kafka(&q.value))
        {
            continue;
        }
        for value in &alert.selects {
            let name = value.value.as_str();
            if ids.contains_key(name) || known.contains(name) || !is_one_name(name) {
                continue;
            }
            if let Some(near) = suggestions.find(name, parts.topics.iter().map(|t| t.name.value.as_str())) {
                found.push(Dangling {
                    subject: format!("alert {}", alert.name.value),
                    kind: DanglingKind::Topic,
                    name: value.clone(),
                    nearest: Some(near),
                    certain: false,
                });
            }
        }
    }
    found
}
