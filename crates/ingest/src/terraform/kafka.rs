//! Kafka in Terraform: topics of common providers, and clusters of Amazon MSK.

use super::{Context, inner, name_of};
use crate::facts::NodeFacts as _;
use crate::parts;
use cofferdam_model::kafka::{KafkaCluster, Topic};
use cofferdam_model::{Fact, Parts, units};
use cofferdam_render::hcl::Resource;
use cofferdam_syntax::properties;
use cofferdam_syntax::tree::Node;

/// A provider's resource for a topic and the names of its arguments.
struct Kind {
    resource: &'static str,
    name: &'static str,
    partitions: &'static str,
    factor: &'static str,
}

const KINDS: &[Kind] = &[
    Kind {
        resource: "kafka_topic",
        name: "name",
        partitions: "partitions",
        factor: "replication_factor",
    },
    Kind {
        resource: "confluent_kafka_topic",
        name: "topic_name",
        partitions: "partitions_count",
        factor: "",
    },
    Kind {
        resource: "aiven_kafka_topic",
        name: "topic_name",
        partitions: "partitions",
        factor: "replication",
    },
    Kind {
        resource: "redpanda_topic",
        name: "name",
        partitions: "partition_count",
        factor: "replication_factor",
    },
    Kind {
        resource: "aws_msk_topic",
        name: "topic_name",
        partitions: "partition_count",
        factor: "replication_factor",
    },
];

/// Reads topics and clusters.
pub(super) fn fill(context: &Context<'_>, parts: &mut Parts) {
    for kind in KINDS {
        for resource in context.managed(kind.resource) {
            topic(kind, resource, parts);
        }
    }
    let clusters: Vec<&Resource> = context.managed("aws_msk_cluster").collect();
    for cluster in &clusters {
        let body = &cluster.body;
        parts.kafka_clusters.push(KafkaCluster {
            name: name_of(cluster, &["cluster_name"]).value,
            brokers: body.get("number_of_broker_nodes").and_then(Node::u32_fact),
            version: body.get("kafka_version").and_then(Node::text_fact),
            ..KafkaCluster::default()
        });
    }
    if let [only] = clusters.as_slice() {
        broker_defaults(context, only, parts);
    }
}

fn topic(kind: &Kind, resource: &Resource, parts: &mut Parts) {
    let body = &resource.body;
    // A repeated resource with unknown names declares nothing that could be found.
    let Some(name) = body.get(kind.name).and_then(Node::text_fact) else {
        return;
    };
    let config = inner(body, "config");
    // `min.insync.replicas` in a map; `min_insync_replicas` in Aiven's block.
    let setting = |folded: &str| config?.like(folded);
    let partitions = body.get(kind.partitions).and_then(Node::u32_fact);
    let factor = match kind.resource {
        "confluent_kafka_topic" => Some(Fact::assumed(
            3,
            "the replication factor is 3, as in Confluent Cloud for every topic",
        )),
        _ => body.get(kind.factor).and_then(Node::u32_fact),
    };
    for (attribute, value) in [("partitions", &partitions), ("replication factor", &factor)] {
        if let Some(value) = value.as_ref().filter(|v| !v.is_assumed()) {
            let subject = format!("topic {}", name.value);
            parts::describe(
                parts,
                subject,
                attribute,
                value.as_ref().map(u32::to_string),
                "Terraform",
            );
        }
    }
    let found = Topic {
        name,
        partitions,
        replication_factor: factor,
        min_insync_replicas: setting("mininsyncreplicas").and_then(Node::u32_fact),
        // A negative retention means without end.
        retention: setting("retentionms").and_then(|n| n.fact(units::millis)),
        peak_rate: None,
        said: Default::default(),
    };
    match parts.topics.iter_mut().find(|t| t.name.value == found.name.value) {
        None => parts.topics.push(found),
        Some(known) => {
            parts::fill(&mut known.partitions, found.partitions);
            parts::fill(&mut known.replication_factor, found.replication_factor);
            parts::fill(&mut known.min_insync_replicas, found.min_insync_replicas);
            parts::fill(&mut known.retention, found.retention);
        }
    }
}

/// The broker settings of the only cluster apply to topics of these files without their own.
fn broker_defaults(context: &Context<'_>, cluster: &Resource, parts: &mut Parts) {
    let text = inner(&cluster.body, "configuration_info")
        .and_then(|info| context.follow(info.get("arn")?, "aws_msk_configuration", &["name"]))
        .and_then(|configuration| configuration.body.get("server_properties"));
    let Some(node) = text else { return };
    let Some(text) = node.as_str() else { return };
    let place = node.span;
    for setting in properties::read(text, place.file, 0) {
        if setting.name != "min.insync.replicas" {
            continue;
        }
        let Ok(value) = setting.value.value.trim().parse::<u32>() else {
            continue;
        };
        let why = format!("the default of the brokers of {}", cluster.address);
        for topic in &mut parts.topics {
            let fact = Fact::inferred(value, place, why.as_str());
            parts::fill(&mut topic.min_insync_replicas, Some(fact));
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::terraform::tests::environment;

    #[test]
    fn topics_of_every_provider_have_their_partitions() {
        let env = environment(&[(
            "topics.tf",
            r#"
locals {
  topics = { "platform-events" = 12, "platform-events-dlq" = 3 }
}
resource "kafka_topic" "this" {
  for_each           = local.topics
  name               = each.key
  partitions         = each.value
  replication_factor = 3
  config = {
    "min.insync.replicas" = "2"
    "retention.ms"        = "604800000"
  }
}
resource "confluent_kafka_topic" "c" {
  topic_name       = "orders"
  partitions_count = 6
}
resource "aws_msk_configuration" "c" {
  name              = "c"
  server_properties = <<-EOT
    auto.create.topics.enable = false
    min.insync.replicas = 2
  EOT
}
resource "aws_msk_cluster" "main" {
  cluster_name           = "main"
  kafka_version          = "3.6.0"
  number_of_broker_nodes = 3
  configuration_info {
    arn      = aws_msk_configuration.c.arn
    revision = 1
  }
}
"#,
        )]);
        let shown: Vec<(&str, u32, u32, u32)> = env
            .topics
            .iter()
            .map(|t| {
                let n = |f: &Option<cofferdam_model::Fact<u32>>| f.as_ref().unwrap().value;
                (
                    t.name.value.as_str(),
                    n(&t.partitions),
                    n(&t.replication_factor),
                    n(&t.min_insync_replicas),
                )
            })
            .collect();
        assert_eq!(
            shown,
            [
                ("platform-events", 12, 3, 2),
                ("platform-events-dlq", 3, 3, 2),
                ("orders", 6, 3, 2)
            ]
        );
        assert_eq!(
            env.topics[0].retention.as_ref().unwrap().value.as_secs(),
            7 * 86_400
        );
        assert_eq!(env.kafka_clusters[0].brokers.as_ref().unwrap().value, 3);
    }
}
