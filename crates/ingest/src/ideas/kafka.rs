//! Kafka sections: topics that they declare, groups, and the clients' settings in any nesting. A topic is
//! declared where its partitions or replication are; a name alone is only a use.

use super::Section;
use super::aliases::{self, TOPICS};
use super::fields::{Bare, field, number, text, time};
use crate::facts::NodeFacts as _;
use crate::parts::{self, same_owner};
use crate::settings;
use cofferdam_model::kafka::{Consumer, KafkaCluster, Topic, WorkerSetting};
use cofferdam_model::{Fact, Parts, Span};
use cofferdam_syntax::tree::Node;

pub(super) fn read(section: &Section<'_>, parts: &mut Parts) -> bool {
    let own = section.path.last().map_or("", String::as_str);
    if own != "kafka" {
        // `topics` inside `kafka` is read with it, and counts wherever it is.
        return topics(section.node, section, parts);
    }
    if section.node.as_map().is_none() {
        return false;
    }
    groups(section, parts);
    cluster(section.node, parts);
    let prefix = if section.path.iter().rev().nth(1).is_some_and(|p| p == "spring") {
        "spring.kafka"
    } else {
        "kafka"
    };
    let flat = settings::flatten(section.node, prefix);
    settings::apply(&flat, section.owner, section.place, parts) > 0
}

/// Declares the topics of a list or map; returns whether any was one.
fn topics(node: &Node, section: &Section<'_>, parts: &mut Parts) -> bool {
    let mut any = false;
    for (name, span, item) in node.named_items() {
        let declares = field(item, aliases::PARTITIONS).is_some()
            || item
                .like_any(&["replicationfactor", "mininsyncreplicas"])
                .is_some();
        if item.as_map().is_none() || !declares {
            continue;
        }
        any = true;
        let name = text(item, &["name", "topic", "topicname"])
            .unwrap_or_else(|| Fact::declared(name.to_owned(), span));
        topic(name, item, section, parts);
    }
    if !any && node.as_map().is_some() && field(node, aliases::PARTITIONS).is_some() {
        // `topic: {name: events, partitions: 12}`.
        if let Some(name) = text(node, &["name", "topicname"]) {
            topic(name, node, section, parts);
            any = true;
        }
    }
    any
}

fn topic(name: Fact<String>, item: &Node, section: &Section<'_>, parts: &mut Parts) {
    let config = field(item, &["config", "configs", "configuration", "settings"]).map(|(_, n)| n);
    let also = |read: &dyn Fn(&Node) -> Option<Fact<u32>>| read(item).or_else(|| config.and_then(read));
    let partitions = number(item, aliases::PARTITIONS);
    let factor = number(item, aliases::REPLICATION);
    let min_isr = also(&|n| number(n, aliases::MIN_ISR));
    let retention = time(item, aliases::RETENTION, Bare::Unknown)
        .or_else(|| config.and_then(|c| time(c, aliases::RETENTION, Bare::Unknown)));
    for (attribute, value) in [("partitions", &partitions), ("replication factor", &factor)] {
        if let Some(value) = value {
            let subject = format!("topic {}", name.value);
            parts::describe(
                parts,
                subject,
                attribute,
                value.as_ref().map(u32::to_string),
                section.format,
            );
        }
    }
    let peak_rate = field(item, aliases::TRAFFIC).and_then(|(_, n)| super::fields::rate_of(n));
    let found = Topic {
        name,
        partitions,
        replication_factor: factor,
        min_insync_replicas: min_isr,
        retention,
        peak_rate,
        said: Default::default(),
    };
    match parts.topics.iter_mut().find(|t| t.name.value == found.name.value) {
        None => parts.topics.push(found),
        Some(known) => {
            known.partitions = found.partitions.or(known.partitions.take());
            known.replication_factor = found.replication_factor.or(known.replication_factor.take());
            known.min_insync_replicas = found.min_insync_replicas.or(known.min_insync_replicas.take());
            known.retention = found.retention.or(known.retention.take());
            known.peak_rate = found.peak_rate.or(known.peak_rate.take());
        }
    }
}

/// `consumer_groups: [{name: g, topics: [a], workers: 4}]`: each is a separate consumer.
fn groups(section: &Section<'_>, parts: &mut Parts) {
    let Some((_, list)) = field(section.node, &["consumergroups", "consumers", "groups"]) else {
        return;
    };
    for (name, span, item) in list.named_items() {
        if item.as_map().is_none() {
            continue;
        }
        let group = text(item, &["groupid", "group", "consumergroup", "name"])
            .unwrap_or_else(|| Fact::declared(name.to_owned(), span));
        let owner = section.owner_of(item);
        let known = parts.consumers.iter().position(|c| {
            same_owner(&c.owner, &owner) && c.group.as_ref().is_none_or(|g| g.value == group.value)
        });
        let at = known.unwrap_or_else(|| {
            parts.consumers.push(Consumer::at(span, owner.clone()));
            parts.consumers.len() - 1
        });
        let consumer = &mut parts.consumers[at];
        consumer.group = Some(group);
        let topics = names(item, TOPICS);
        if !topics.is_empty() {
            consumer.topics = topics;
        }
        if let Some((key, count)) = field(item, aliases::WORKERS)
            && let Some(count) = count.u32_fact()
        {
            consumer.workers.retain(|w| w.name != *key.text);
            consumer.workers.push(WorkerSetting {
                name: key.text.to_string(),
                count,
                builds_consumer: None,
            });
        }
    }
}

/// Plain names under one of `keys`: a list, or one text separated by commas.
fn names(node: &Node, keys: aliases::Aliases) -> Vec<Fact<String>> {
    let Some((_, value)) = field(node, keys) else {
        return Vec::new();
    };
    let of = |text: &str, span: Span| -> Vec<Fact<String>> {
        text.split(',')
            .map(str::trim)
            .filter(|t| !t.is_empty())
            .map(|t| Fact::declared(t.to_owned(), span))
            .collect()
    };
    match value.as_str() {
        Some(text) => of(text, value.span),
        None => value
            .items()
            .iter()
            .filter_map(|i| Some(of(i.as_str()?, i.span)))
            .flatten()
            .collect(),
    }
}

/// The section's facts about the cluster: number of brokers, replication lag.
fn cluster(node: &Node, parts: &mut Parts) {
    let place = field(node, &["cluster"])
        .map(|(_, n)| n)
        .filter(|n| n.as_map().is_some())
        .unwrap_or(node);
    let brokers =
        number(place, &["brokers", "brokercount", "numbrokers"]).filter(|b| b.value > 0 && b.value < 10_000);
    let lag = time(place, &["replicationlag", "replicalag"], Bare::Unknown);
    if brokers.is_none() && lag.is_none() {
        return;
    }
    let name = text(place, &["name", "bootstrapservers", "bootstrap"])
        .map_or_else(|| "kafka".to_owned(), |n| n.value);
    let known = parts.kafka_clusters.iter().position(|c| c.name == name);
    let at = known.unwrap_or_else(|| {
        parts.kafka_clusters.push(KafkaCluster {
            name,
            ..KafkaCluster::default()
        });
        parts.kafka_clusters.len() - 1
    });
    let cluster = &mut parts.kafka_clusters[at];
    cluster.brokers = brokers.or(cluster.brokers.take());
    cluster.replication_lag = lag.or(cluster.replication_lag.take());
}

#[cfg(test)]
mod tests {
    use super::super::tests::{read, read_deployment};
    use cofferdam_model::kafka::Acks;
    use std::time::Duration;

    #[test]
    fn the_mitigation_plans_section_declares_its_topic_and_workers() {
        // As teams write it in a deployment file.
        let env = read_deployment(
            "kafka:\n  topics:\n    - name: \"platform-events\"\n      partitions: 12\n  performance:\n    worker_threads: 12  # MUST equal partitions\n",
        );
        let [topic] = env.topics.as_slice() else { panic!() };
        assert_eq!(
            (
                topic.name.value.as_str(),
                topic.partitions.as_ref().unwrap().value
            ),
            ("platform-events", 12)
        );
        let [consumer] = env.consumers.as_slice() else {
            panic!("{:?}", env.consumers)
        };
        assert_eq!(consumer.workers[0].count.value, 12);
        assert_eq!(env.descriptions[0].subject, "topic platform-events");
    }

    #[test]
    fn clients_at_any_nesting_are_one_producer_and_one_consumer() {
        for text in [
            "kafka: {producer: {acks: 1, enable_idempotence: false}, consumer: {group_id: g, topics: [a, b], enable_auto_commit: false}}",
            "kafka: {producer: {acks: '1', enableIdempotence: false}, consumerGroup: g, consumer: {topics: 'a,b', enableAutoCommit: false}}",
            "spring: {kafka: {producer: {acks: '1', properties: {enable.idempotence: false}}, consumer: {group-id: g, topics: [a, b], enable-auto-commit: false}}}",
        ] {
            let env = read(text);
            assert_eq!((env.producers.len(), env.consumers.len()), (1, 1), "{text}");
            assert_eq!(
                env.producers[0].acks.as_ref().unwrap().value,
                Acks::Leader,
                "{text}"
            );
            assert!(!env.producers[0].idempotence.as_ref().unwrap().value, "{text}");
            let consumer = &env.consumers[0];
            assert_eq!(consumer.group.as_ref().unwrap().value, "g", "{text}");
            assert_eq!(consumer.topics.len(), 2, "{text}");
            assert!(!consumer.auto_commit.as_ref().unwrap().value, "{text}");
        }
    }

    #[test]
    fn each_group_of_a_list_is_a_consumer() {
        let env = read(
            "kafka: {consumer_groups: [{name: a, topics: [x], worker_threads: 7}, {name: b, topics: [y]}], brokers: 3, replication_lag_ms: 50}",
        );
        let groups: Vec<_> = env
            .consumers
            .iter()
            .map(|c| c.group.as_ref().unwrap().value.as_str())
            .collect();
        assert_eq!(groups, ["a", "b"]);
        assert_eq!(env.consumers[0].workers[0].count.value, 7);
        assert_eq!(env.kafka_clusters[0].brokers.as_ref().unwrap().value, 3);
        assert_eq!(
            env.kafka_clusters[0].replication_lag.as_ref().unwrap().value,
            Duration::from_millis(50)
        );
    }

    #[test]
    fn a_group_that_names_its_service_belongs_to_it() {
        let env =
            read_deployment("kafka: {consumer_groups: [{name: a, topics: [x], service: data-processor}]}");
        assert_eq!(env.consumers[0].owner.name.as_deref(), Some("data-processor"));
    }

    #[test]
    fn a_topic_that_is_not_of_kafka_is_ignored() {
        for text in [
            "topics: [a, b]",
            "topic: news",
            "topics: {x: {title: y}}",
            "topics: [{name: x, description: y}]",
            "kafka: true",
            "kafka: {enabled: true, image: kafka}",
        ] {
            let env = read(text);
            assert!(
                env.topics.is_empty() && env.consumers.is_empty() && env.producers.is_empty(),
                "{text}"
            );
        }
    }
}
