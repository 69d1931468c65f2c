//! What is too large to rehearse. A number in a file may be a mistake of typing: a simulation of a billion replicas
//! would take all memory of the machine, and the report with it.

use cofferdam_model::units::show_number;
use cofferdam_model::{Environment, Fact, Rate};

/// More replicas of one service, with their processes, are not simulated one by one.
const REPLICAS: f64 = 20_000.0;
/// More connections of one pool, with its overflow.
const CONNECTIONS: f64 = 100_000.0;
/// More brokers of a Kafka cluster, which decide together in each election.
const BROKERS: f64 = 2_000.0;
/// More partitions of one topic.
const PARTITIONS: f64 = 100_000.0;
/// More requests or messages a second, each of which is an event.
const RATE: f64 = 1_000_000.0;

/// More workers of one replica: `capacity_per_pod` × `service_time`.
pub(crate) const WORKERS: f64 = 1_000_000.0;
/// More requests or messages in one run, each of which is a few events and waits in memory. One run then takes less
/// than a minute and 1 GB.
pub(crate) const IN_A_RUN: f64 = 10_000_000.0;
/// More messages of one poll, which all wait at once.
pub(crate) const BATCH: f64 = 1_000_000.0;
/// More members of a consumer group, each with its own state in every second.
pub(crate) const MEMBERS: f64 = REPLICAS;
/// More members and partitions that a rollout assigns, member after member.
pub(crate) const ASSIGNED: f64 = 20_000_000.0;
/// More connections that replicas open, all together.
pub(crate) const OPENED: f64 = 1_000_000.0;
/// More partitions, each once for every broker that dies.
pub(crate) const LED: f64 = 50_000.0;

/// More days in which an autoscaler decides every 15 s.
pub(crate) const DAYS: f64 = 366.0;

/// A quantity of a case that follows from several facts and decides how long a run takes and how much memory.
#[derive(Debug, Clone)]
pub(crate) struct Quantity {
    /// In words, with the facts that it follows from (`workers in a replica (capacity_per_pod × service_time)`).
    pub(crate) what: &'static str,
    /// How many.
    pub(crate) value: f64,
    /// How many are simulated.
    pub(crate) most: f64,
}

/// Why a case about `who` is not rehearsed, as a sentence without a full stop; `None` if it can be.
pub(crate) fn too_much(who: &str, quantities: &[Quantity]) -> Option<String> {
    // What is not a number is no quantity that could be simulated.
    let fits = |q: &&Quantity| q.value <= q.most;
    let found = quantities.iter().find(|q| !fits(q))?;
    Some(sentence(who, found.what, found.value, found.most))
}

fn sentence(who: &str, what: &str, value: f64, most: f64) -> String {
    // A mistake of typing may have hundreds of digits.
    let shown = match value < 1e15 {
        true => show_number(value.ceil()),
        false => format!("more than {}", show_number(1e15)),
    };
    format!(
        "{who} has {shown} {what}, and no more than {} are simulated",
        show_number(most)
    )
}

/// Why nothing of an environment is rehearsed, as a sentence without a full stop; `None` if all of it can be.
pub(crate) fn beyond(env: &Environment) -> Option<String> {
    let count = |fact: &Option<Fact<u32>>| fact.as_ref().map_or(0.0, |f| f64::from(f.value));
    let rate = |fact: &Option<Fact<Rate>>| fact.as_ref().map_or(0.0, |f| f.value.0);
    let services = env.services.iter().flat_map(|service| {
        let scale = &service.scale;
        let replicas = [&scale.current, &scale.min, &scale.max].map(count);
        let replicas = replicas.into_iter().fold(0.0, f64::max) + count(&scale.surge);
        let name = || format!("service {}", service.name);
        [
            (name(), "replicas", replicas, REPLICAS),
            (
                name(),
                "processes",
                replicas * count(&service.processes),
                REPLICAS,
            ),
            (
                name(),
                "connections in a replica",
                count(&service.connections_per_pod),
                CONNECTIONS,
            ),
            (name(), "requests a second", rate(&service.peak_rate), RATE),
        ]
    });
    let pools = env.pools.iter().map(|pool| {
        let of = pool.owner.name.clone().unwrap_or_else(|| "a service".to_owned());
        (
            format!("the pool of {of}"),
            "connections",
            count(&pool.size) + count(&pool.overflow),
            CONNECTIONS,
        )
    });
    let poolers = env.poolers.iter().flat_map(|pooler| {
        let sizes = [
            &pooler.max_client_conn,
            &pooler.default_pool_size,
            &pooler.reserve_pool_size,
            &pooler.max_db_connections,
        ];
        let connections = sizes.map(count).into_iter().fold(0.0, f64::max);
        [
            (pooler.name.clone(), "replicas", count(&pooler.replicas), REPLICAS),
            (pooler.name.clone(), "connections", connections, CONNECTIONS),
        ]
    });
    let databases = env.databases.iter().map(|database| {
        let name = format!("database {}", database.name);
        (name, "connections", count(&database.max_connections), CONNECTIONS)
    });
    let clusters = env.kafka_clusters.iter().map(|cluster| {
        let name = format!("Kafka cluster {}", cluster.name);
        (name, "brokers", count(&cluster.brokers), BROKERS)
    });
    let topics = env.topics.iter().flat_map(|topic| {
        let name = || format!("topic {}", topic.name.value);
        [
            (name(), "partitions", count(&topic.partitions), PARTITIONS),
            (
                name(),
                "copies of each partition",
                count(&topic.replication_factor),
                BROKERS,
            ),
            (name(), "messages a second", rate(&topic.peak_rate), RATE),
        ]
    });
    let producers = env.producers.iter().map(|producer| {
        let of = producer
            .owner
            .name
            .clone()
            .unwrap_or_else(|| "a service".to_owned());
        (
            format!("the producer of {of}"),
            "messages a second",
            rate(&producer.peak_rate),
            RATE,
        )
    });
    let consumers = env.consumers.iter().flat_map(|consumer| {
        let of = consumer
            .owner
            .name
            .clone()
            .unwrap_or_else(|| "a service".to_owned());
        let workers = consumer
            .workers
            .iter()
            .map(|worker| f64::from(worker.count.value));
        [
            (
                format!("a consumer of {of}"),
                "threads",
                workers.fold(0.0, f64::max),
                REPLICAS,
            ),
            (
                format!("a consumer of {of}"),
                "consumers in a process",
                count(&consumer.consumers_per_process),
                REPLICAS,
            ),
        ]
    });
    let mut all = services
        .chain(pools)
        .chain(consumers)
        .chain(poolers)
        .chain(databases)
        .chain(clusters)
        .chain(topics)
        .chain(producers);
    let (who, what, value, limit) = all.find(|(_, _, value, limit)| value > limit)?;
    Some(sentence(&who, what, value, limit))
}

#[cfg(test)]
mod tests {
    use super::*;
    use cofferdam_ingest::read_files;
    use std::path::PathBuf;

    const API: &str = "kind: Deployment\napiVersion: apps/v1\nmetadata: {name: api}\nspec:\n  \
        selector: {matchLabels: {app: api}}\n  template: {metadata: {labels: {app: api}}, spec: {containers: \
        [{name: main, image: 'registry.example.net/api:1'}]}}\n";

    fn env(overlay: &str) -> Option<String> {
        let platform = read_files([
            (PathBuf::from("api.yaml"), API.as_bytes().to_vec()),
            (PathBuf::from("cofferdam.yaml"), overlay.as_bytes().to_vec()),
        ]);
        let problems = &platform.reading.overlay_problems;
        assert!(problems.is_empty(), "{problems:?}");
        platform.environments.iter().find_map(beyond)
    }

    #[test]
    fn what_real_platforms_have_is_simulated_and_a_billion_is_not() {
        let of = |key: &str, value: &str| env(&format!("services: {{api: {{{key}: {value}}}}}\n"));
        assert_eq!(of("requests_per_second", "900000"), None);
        let rate = of("requests_per_second", "1e9").expect("a billion requests");
        assert!(
            rate.starts_with("service api has 1,000,000,000 requests a second"),
            "{rate}"
        );
        assert_eq!(of("replicas", "{min: 2, max: 15000}"), None);
        let replicas = of("replicas", "{min: 2, max: 1000000000}").expect("a billion replicas");
        assert!(
            replicas.contains("replicas, and no more than 20,000"),
            "{replicas}"
        );
        assert_eq!(env("kafka: {brokers: 200}\n"), None);
        let brokers = env("kafka: {brokers: 1000000}\n").expect("a million brokers");
        assert!(brokers.contains("1,000,000 brokers"), "{brokers}");
    }
}
