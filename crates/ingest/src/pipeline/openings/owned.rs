//! Kinds that are usually kept in another repository: where none of a kind was recognised here, that says little.
//!
//! A kind counts only where a rule could miss it: topics where something uses Kafka, backups where there is a database.

use cofferdam_model::{Absence, Environment, Opening, ProjectId};
use std::collections::BTreeSet;

/// A kind, whether anything here has a use for it, and whether any of it was read.
type Kind = (Absence, fn(&Environment) -> bool, fn(&Environment) -> bool);

const KINDS: &[Kind] = &[
    (Absence::Secret, runs, |env| {
        !env.secret_stores.is_empty() || env.config_objects.iter().any(|o| o.id.kind != "ConfigMap")
    }),
    (Absence::NetworkPolicy, runs, |env| {
        !(env.network_policies.is_empty() && env.foreign_policies.is_empty())
    }),
    (Absence::AdmissionPolicy, runs, |env| {
        !env.admission_policies.is_empty()
    }),
    (Absence::Alert, is_served, |env| !env.alerts.is_empty()),
    (
        Absence::MetricSource,
        |env| !env.alerts.is_empty(),
        |env| !env.metric_sources.is_empty(),
    ),
    (Absence::Topic, uses_kafka, |env| !env.topics.is_empty()),
    (
        Absence::Breaker,
        |env| !env.calls.is_empty(),
        |env| !env.breakers.is_empty(),
    ),
    (
        Absence::Backup,
        |env| !env.databases.is_empty(),
        |env| env.databases.iter().any(|d| d.backup.declarable),
    ),
];

fn runs(env: &Environment) -> bool {
    !env.workloads.is_empty()
}

fn is_served(env: &Environment) -> bool {
    !(env.services.is_empty() && env.workloads.is_empty() && env.databases.is_empty() && env.slos.is_empty())
}

fn uses_kafka(env: &Environment) -> bool {
    !(env.producers.is_empty() && env.consumers.is_empty() && env.kafka_clusters.is_empty())
}

/// An opening for each kind of which nothing was recognised in a project.
pub(in crate::pipeline) fn owned_elsewhere(environments: &[Environment]) -> Vec<Opening> {
    let projects: BTreeSet<ProjectId> = environments.iter().map(|env| env.project).collect();
    let of_project = |project| environments.iter().filter(move |env| env.project == project);
    projects
        .into_iter()
        .flat_map(|project| {
            let missing = KINDS.iter().filter(move |(_, is_of_use, is_read)| {
                of_project(project).any(is_of_use) && !of_project(project).any(is_read)
            });
            missing.map(move |(kind, _, _)| Opening::unrecognised(project, *kind))
        })
        .collect()
}
