//! Facts in the values of a chart in addition to the output of its templates: windows, cells, limits that a
//! template passes on as a whole, or in a way that only helm can follow. Facts that a rendered object already
//! contains are not repeated; they are recognised by their place, because a rendered value keeps its place in
//! the values file.

use super::{Place, read_section};
use cofferdam_model::database::Pool;
use cofferdam_model::kafka::{Consumer, Producer};
use cofferdam_model::{Fact, Owner, Parts, Span};
use cofferdam_syntax::tree::Node;
use std::collections::BTreeSet;

/// The places of all known facts; collected once for all charts.
pub(crate) struct KnownPlaces(BTreeSet<Span>);

impl KnownPlaces {
    /// The places of the facts in `env`.
    pub(crate) fn of(parts: &Parts) -> KnownPlaces {
        let containers = parts
            .workloads
            .iter()
            .flat_map(|w| w.containers.iter().chain(&w.init_containers));
        let variables = containers
            .flat_map(|c| c.variables.values())
            .filter_map(|v| v.value.span());
        let mut known = KnownPlaces(variables.collect());
        known.add(parts);
        known
    }

    fn add(&mut self, parts: &Parts) {
        let ideas = (parts.cells.iter().filter_map(|c| c.name.span()))
            .chain(parts.routings.iter().map(|r| r.span))
            .chain(parts.breakers.iter().map(|b| b.span))
            .chain(parts.local_caches.iter().map(|c| c.span))
            .chain(parts.rate_limits.iter().filter_map(|r| r.limit.span()))
            .chain(parts.deliveries.iter().filter_map(|d| d.span))
            .chain(parts.topics.iter().filter_map(|t| t.name.span()))
            .chain(parts.slos.iter().map(|s| s.span))
            .chain(parts.deadlines.iter().filter_map(|d| d.value.span()))
            .chain(parts.producers.iter().flat_map(of_producer))
            .chain(parts.consumers.iter().flat_map(of_consumer))
            .chain(parts.pools.iter().flat_map(of_pool));
        self.0.extend(ideas);
    }

    fn lacks(&self, span: Option<Span>) -> bool {
        span.is_none_or(|s| !self.0.contains(&s))
    }

    fn any(&self, mut spans: impl Iterator<Item = Span>) -> bool {
        spans.any(|s| self.0.contains(&s))
    }
}

/// Adds the ideas in the values of a chart to its objects. Autoscalers, probes, resources and variables are
/// left to the templates, because only they show how these values are used.
pub(crate) fn read_values(
    values: &Node,
    owner: &Owner,
    place: Place<'_>,
    known: &mut KnownPlaces,
    parts: &mut Parts,
) {
    let mut told = Parts::default();
    read_section(values, owner, place, &mut told);
    let same_name = |a: &Fact<String>, b: &Fact<String>| a.value == b.value;
    told.routings
        .retain(|r| known.lacks(Some(r.span)) && !parts.routings.iter().any(|k| k.cells == r.cells));
    told.cells
        .retain(|c| !parts.cells.iter().any(|k| same_name(&k.name, &c.name)));
    told.topics
        .retain(|t| !parts.topics.iter().any(|k| same_name(&k.name, &t.name)));
    told.breakers.retain(|b| known.lacks(Some(b.span)));
    told.local_caches.retain(|c| known.lacks(Some(c.span)));
    told.rate_limits.retain(|r| known.lacks(r.limit.span()));
    told.deliveries.retain(|d| known.lacks(d.span));
    told.slos.retain(|s| known.lacks(Some(s.span)));
    told.deadlines.retain(|d| known.lacks(d.value.span()));
    told.producers.retain(|p| !known.any(of_producer(p)));
    told.consumers.retain(|c| !known.any(of_consumer(c)));
    told.pools.retain(|p| !known.any(of_pool(p)));
    known.add(&told);
    parts.routings.append(&mut told.routings);
    parts.cells.append(&mut told.cells);
    parts.topics.append(&mut told.topics);
    parts.breakers.append(&mut told.breakers);
    parts.local_caches.append(&mut told.local_caches);
    parts.rate_limits.append(&mut told.rate_limits);
    parts.deliveries.append(&mut told.deliveries);
    parts.slos.append(&mut told.slos);
    parts.deadlines.append(&mut told.deadlines);
    parts.producers.append(&mut told.producers);
    parts.consumers.append(&mut told.consumers);
    parts.pools.append(&mut told.pools);
}

fn of_producer(producer: &Producer) -> impl Iterator<Item = Span> + '_ {
    let span = |fact: &Option<Fact<u32>>| fact.as_ref().and_then(Fact::span);
    [
        producer.acks.as_ref().and_then(Fact::span),
        producer.idempotence.as_ref().and_then(Fact::span),
        span(&producer.max_in_flight),
    ]
    .into_iter()
    .flatten()
}

fn of_consumer(consumer: &Consumer) -> impl Iterator<Item = Span> + '_ {
    [
        consumer.group.as_ref().and_then(Fact::span),
        consumer.auto_commit.as_ref().and_then(Fact::span),
        consumer.max_poll_records.as_ref().and_then(Fact::span),
    ]
    .into_iter()
    .flatten()
    .chain(consumer.workers.iter().filter_map(|w| w.count.span()))
}

fn of_pool(pool: &Pool) -> impl Iterator<Item = Span> + '_ {
    [&pool.size, &pool.overflow]
        .into_iter()
        .filter_map(|fact| fact.as_ref().and_then(Fact::span))
}

#[cfg(test)]
mod tests {
    use crate::pipeline::read_files;
    use cofferdam_model::Parts;

    const DEPLOYMENT: &str = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: router}\nspec:\n  template:\n    spec:\n      containers:\n      - name: c\n        env:\n        - {name: KAFKA_PRODUCER_ACKS, value: '{{ .Values.kafka.producer.acks }}'}\n";

    fn read(values: &str) -> Parts {
        let files = [
            ("c/Chart.yaml", "apiVersion: v2\nname: edge\n"),
            ("c/values.yaml", values),
            ("c/templates/d.yaml", DEPLOYMENT),
        ];
        let mut platform = read_files(files.map(|(p, t)| (p.into(), t.as_bytes().to_vec())));
        platform.environments.remove(0).parts
    }

    #[test]
    fn ideas_in_values_are_read_at_every_level() {
        let env = read(
            "router:\n  settings:\n    cells: [{name: us, capacityPercentage: 60}, {name: eu, capacityPercentage: 40}]\n    routingCache: {type: memory, ttlSeconds: 300}\ndeploymentWindows:\n- {start: '09:00', end: '17:00', timezone: America/New_York, days: [monday]}\n",
        );
        assert_eq!(env.cells.len(), 2);
        assert_eq!(env.deliveries[0].windows.len(), 1);
        let owner = &env.routings[0].owner;
        assert_eq!(
            env.services[owner.service.unwrap().0].name,
            "router",
            "the chart's one workload"
        );
    }

    #[test]
    fn a_value_that_a_template_passes_on_is_read_once() {
        let env = read("kafka: {producer: {acks: 1}}\nautoscaling: {minReplicas: 2, maxReplicas: 50}\n");
        assert_eq!(env.producers.len(), 1);
        assert!(env.autoscalers.is_empty(), "the template makes none");
    }
}
