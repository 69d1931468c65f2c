//! Configuration inside configuration: entries of ConfigMaps that are files of their own, and custom
//! resources that carry a platform's ideas under their own kinds.

use super::object::{Object, text};
use crate::settings::{self, properties};
use crate::tree::{Node, Style, Value};
use crate::{prometheus, secret_scan, yaml};
use cofferdam_model::delivery::Delivery;
use cofferdam_model::kafka::{KafkaCluster, Topic};
use cofferdam_model::{Environment, Fact, Owner, units};

/// Reads an object of a kind that no other interpreter knows.
pub(super) fn interpret(object: &Object<'_>, env: &mut Environment) {
    match (object.group, object.id.kind.as_str()) {
        ("kafka.strimzi.io", "KafkaTopic") => topic(object, env),
        ("kafka.strimzi.io", "Kafka") => kafka(object, env),
        ("flagger.app", "Canary") => flagger(object, env),
        _ => {
            if let Some(spec) = object.spec() {
                section(spec, &object.owner(), object, env);
            }
        }
    }
}

/// Reads an entry of a ConfigMap. One of a single line is a variable, and whoever reads it sees it
/// among its own.
pub(super) fn read_entry(object: &Object<'_>, value: &Node, env: &mut Environment) {
    let Value::Scalar(scalar) = &value.value else {
        return;
    };
    let is_json = scalar.text.trim_start().starts_with('{');
    if !scalar.text.trim().contains('\n') && !is_json {
        return;
    }
    let file = object.place.repo.sources.file(value.span.file);
    let owner = object.owner();
    if let Some(stream) = yaml::parse_embedded(value, &file.text)
        && stream.errors.is_empty()
        && stream.documents.iter().any(|d| d.as_map().is_some())
    {
        for document in &stream.documents {
            if document.as_map().is_none() || super::is_object(document) {
                continue;
            }
            env.secret_literals.extend(secret_scan::literals(document));
            if !prometheus::interpret(document, env) {
                section(document, &owner, object, env);
            }
        }
        return;
    }
    let settings = properties_of(value, &scalar.text, scalar.style == Style::Literal, &file.text);
    // Properties only where nearly every line assigns something: scripts and prose assign here and there.
    let lines = scalar.text.lines().map(str::trim);
    let lines: Vec<&str> = lines
        .filter(|l| !l.is_empty() && !l.starts_with(['#', '!', ';', '[']))
        .collect();
    let assigns = lines
        .iter()
        .filter(|l| l.contains('=') || l.contains(": "))
        .count();
    if assigns * 10 >= lines.len() * 9 {
        for setting in &settings {
            let name = &setting.name;
            if let (Some(span), Some((kind, evidence))) = (
                setting.value.span(),
                secret_scan::classify(name, &setting.value.value),
            ) {
                let found = secret_scan::literal(name, &setting.value.value, span, (kind, evidence));
                env.secret_literals.push(found);
            }
        }
        settings::apply(&settings, &owner, object.place, env);
    }
}

/// The lines of an entry as properties, each at its place where the entry's lines are the file's.
fn properties_of(value: &Node, text: &str, literal: bool, file_text: &str) -> Vec<settings::Setting> {
    let raw = file_text.get(value.span.start as usize..value.span.end as usize);
    if literal && let Some((offset, body)) = raw.and_then(yaml::block_body) {
        return properties::read(body, value.span.file, value.span.start as usize + offset);
    }
    let mut settings = properties::read(text, value.span.file, 0);
    for setting in &mut settings {
        setting.name_span = value.span;
        setting.value = Fact::declared(setting.value.value.clone(), value.span);
    }
    settings
}

/// The one place where a section of settings is given to the readers of ideas that stand under any name.
fn section(node: &Node, owner: &Owner, object: &Object<'_>, env: &mut Environment) {
    settings::apply(&settings::flatten(node, ""), owner, object.place, env);
}

/// A topic of Strimzi's operator.
fn topic(object: &Object<'_>, env: &mut Environment) {
    let Some(spec) = object.spec() else { return };
    let named =
        text(spec, "topicName").unwrap_or_else(|| Fact::declared(object.id.name.clone(), object.span));
    let config = |key: &str| spec.get("config")?.get(key);
    env.topics.push(Topic {
        name: named,
        partitions: spec.get("partitions").and_then(Node::u32_fact),
        replication_factor: spec.get("replicas").and_then(Node::u32_fact),
        min_insync_replicas: config("min.insync.replicas").and_then(Node::u32_fact),
        // A negative retention is without end.
        retention: config("retention.ms").and_then(|n| n.fact(units::millis)),
        peak_rate: None,
    });
}

fn kafka(object: &Object<'_>, env: &mut Environment) {
    env.kafka_clusters.push(KafkaCluster {
        name: object.id.name.clone(),
        brokers: object.at("spec/kafka/replicas").and_then(Node::u32_fact),
        version: object.at("spec/kafka/version").and_then(Node::text_fact),
        ..KafkaCluster::default()
    });
}

/// Flagger shifts traffic in steps and goes back when its analysis fails.
fn flagger(object: &Object<'_>, env: &mut Environment) {
    let Some(target) = object.at("spec/targetRef").and_then(|t| text(t, "name")) else {
        return;
    };
    let place = object.at("spec/analysis").map_or(object.span, |n| n.span);
    env.deliveries.push(Delivery {
        name: object.subject(),
        owner: object.owner_named(&target.value),
        span: Some(object.span),
        canary: Some(Fact::declared(true, place)),
        rollback: Some(Fact::declared(true, place)),
        declarable: true,
        ..Delivery::default()
    });
}

#[cfg(test)]
mod tests {
    use super::super::tests::read;

    #[test]
    fn strimzi_declares_topics() {
        let env = read(
            "apiVersion: kafka.strimzi.io/v1beta2\nkind: KafkaTopic\nmetadata: {name: events}\nspec: {partitions: 12, replicas: 3, config: {retention.ms: 604800000, min.insync.replicas: 2}}\n",
        );
        let t = &env.topics[0];
        assert_eq!(
            (t.name.value.as_str(), t.partitions.as_ref().unwrap().value),
            ("events", 12)
        );
        assert_eq!(t.retention.as_ref().unwrap().value.as_secs(), 7 * 86_400);
        assert_eq!(t.min_insync_replicas.as_ref().unwrap().value, 2);
    }

    #[test]
    fn properties_in_a_config_map_keep_their_lines() {
        let text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata:\n  producer.properties: |\n    # who waits\n    acks=1\n    linger.ms=5\n    bootstrap.servers=kafka:9092\n";
        let env = read(text);
        let producer = env.producers.first().expect("a producer");
        let span = producer.acks.as_ref().unwrap().span().unwrap();
        assert_eq!(&text[span.start as usize..span.end as usize], "1");
    }

    #[test]
    fn secrets_deep_in_an_entry_are_found_at_their_place() {
        let text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata:\n  app.yaml: |\n    database:\n      password: h7Gk2pQ9\n      host: db\n";
        let env = read(text);
        let [one] = env.secret_literals.as_slice() else {
            panic!("{:?}", env.secret_literals)
        };
        assert_eq!(&text[one.span.start as usize..one.span.end as usize], "h7Gk2pQ9");
    }

    #[test]
    fn a_script_is_no_properties_file() {
        let env = read(
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata:\n  run.sh: |\n    set -e\n    acks=1\n    exec app\n    echo done\n",
        );
        assert!(env.producers.is_empty());
    }
}
