//! Kinds that are usually kept in another repository: where none of a kind is here, that says little.

use cofferdam_model::workload::Lifecycle;
use cofferdam_model::{Absence, Environment, Opening, ProjectId};
use std::collections::BTreeSet;

/// A kind, its name in a sentence, and whether any of it was read.
type Kind = (Absence, &'static str, fn(&Environment) -> bool);

const KINDS: &[Kind] = &[
    (Absence::Secret, "Secret", |env| {
        !env.secret_stores.is_empty() || env.config_objects.iter().any(|o| o.id.kind != "ConfigMap")
    }),
    (Absence::NetworkPolicy, "network policy", |env| {
        !(env.network_policies.is_empty() && env.foreign_policies.is_empty())
    }),
    (Absence::AdmissionPolicy, "admission policy", |env| {
        !env.admission_policies.is_empty()
    }),
    (Absence::Alert, "alert", |env| !env.alerts.is_empty()),
    (Absence::MetricSource, "scrape target", |env| {
        !env.metric_sources.is_empty()
    }),
    (Absence::Topic, "topic", |env| !env.topics.is_empty()),
    (Absence::Breaker, "circuit breaker", |env| {
        !env.breakers.is_empty()
    }),
    (Absence::Backup, "backup", |env| {
        env.databases.iter().any(|d| d.backup.declarable)
    }),
    (Absence::LogRetention, "log store", |env| {
        !env.log_stores.is_empty()
    }),
    (Absence::NodeService, "DaemonSet", |env| {
        env.workloads.iter().any(|w| w.lifecycle == Lifecycle::Daemon)
    }),
    (Absence::Delivery, "delivery pipeline", |env| {
        !env.deliveries.is_empty()
    }),
];

/// An opening for each kind of which nothing was read in a project.
pub(in crate::pipeline) fn owned_elsewhere(environments: &[Environment]) -> Vec<Opening> {
    let projects: BTreeSet<ProjectId> = environments.iter().map(|env| env.project).collect();
    let of_project = |project| environments.iter().filter(move |env| env.project == project);
    projects
        .into_iter()
        .flat_map(|project| {
            let missing = KINDS
                .iter()
                .filter(move |(_, _, is_read)| !of_project(project).any(is_read));
            missing.map(move |(kind, name, _)| Opening {
                project,
                environment: None,
                kinds: [*kind].into(),
                reason: format!("no {name} of any kind is in these files; they may be kept elsewhere"),
                span: None,
            })
        })
        .collect()
}
