//! Kinds that are usually kept in another repository: where none of a kind was recognised here, that says little.
//!
//! A kind counts only where a rule could miss it: topics where something uses Kafka, backups where there is a database.

use crate::kubernetes::MADE;
use crate::pipeline::sources::Sources;
use cofferdam_model::{Absence, Environment, Opening, ProjectId};
use cofferdam_render::hcl::Mode;
use cofferdam_syntax::hash::HashMap;
use cofferdam_syntax::tree::Node;
use std::collections::BTreeMap;
use std::path::Path;

/// A kind, whether anything here has a use for it, and whether any of it was read.
type Kind = (Absence, fn(&Environment) -> bool, fn(&Environment) -> bool);

const KINDS: &[Kind] = &[
    (Absence::Secret, runs, |env| {
        let is_kept = |kind: &str| kind != "ConfigMap" && kind != MADE;
        !env.secret_stores.is_empty() || env.config_objects.iter().any(|o| is_kept(&o.id.kind))
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

/// What shows that there is some of a kind although none of it was read.
struct Shown {
    kind: Absence,
    /// Words in types of resources of Terraform.
    resources: &'static [&'static str],
    /// Kinds of objects, each with its API group.
    objects: &'static [(&'static str, &'static str)],
    /// Parts of names of files.
    names: &'static [&'static str],
    /// Words that a text of this sort has, all of them at the beginning of a line or of an item.
    words: &'static [&'static str],
}

const SHOWN: &[Shown] = &[
    Shown {
        kind: Absence::Alert,
        resources: &["alert", "alarm", "monitor_scheduled_query", "datadog_monitor"],
        objects: &[],
        names: &[".rules."],
        words: &["alert:", "expr:"],
    },
    Shown {
        kind: Absence::Backup,
        resources: &[
            "backup_plan",
            "backup_policy",
            "backup_vault",
            "dlm_lifecycle_policy",
        ],
        objects: &[
            ("velero.io", "Schedule"),
            ("velero.io", "Backup"),
            ("oadp.openshift.io", "Schedule"),
            ("k8up.io", "Schedule"),
        ],
        names: &[],
        words: &[],
    },
];

/// The first file of each project that shows that there is some of a kind. Every file is looked at once, however many
/// projects there are.
fn found<'s>(sources: &'s Sources<'_>, shown: &Shown) -> HashMap<ProjectId, &'s Path> {
    let mut found: HashMap<ProjectId, &Path> = HashMap::default();
    let mut note = |path: &'s Path| {
        found.entry(sources.projects.of_path(path)).or_insert(path);
    };
    let roots = sources.terraform.roots.iter().flat_map(|root| &root.environments);
    for resource in roots.flat_map(|values| &values.resources) {
        let has_word = |word: &&str| resource.kind.contains(word);
        if resource.mode == Mode::Managed && shown.resources.iter().any(has_word) {
            note(sources.repo.sources.path(resource.span.file));
        }
    }
    let is_one = |node: &Node| {
        let text = |key: &str| node.get(key).and_then(Node::as_str).unwrap_or_default();
        let (group, _) = text("apiVersion").split_once('/').unwrap_or_default();
        shown.objects.contains(&(group, text("kind")))
    };
    if !shown.objects.is_empty() {
        let files = sources.repo.yaml.iter();
        let of_objects = files.filter(|(_, stream)| stream.documents.iter().any(is_one));
        of_objects.for_each(|(path, _)| note(path));
    }
    if !shown.names.is_empty() {
        for path in sources.repo.files.keys().chain(&sources.repo.passed_over) {
            let name = path
                .file_name()
                .and_then(|name| name.to_str())
                .unwrap_or_default();
            if shown.names.iter().any(|part| name.contains(part)) {
                note(path);
            }
        }
    }
    if !shown.words.is_empty() {
        let begins = |text: &str, word: &str| {
            let mut lines = text.lines();
            lines.any(|line| line.trim_start_matches([' ', '-']).starts_with(word))
        };
        for (path, id) in sources.repo.own_files() {
            let text = &*sources.repo.sources.file(*id).text;
            let mut words = shown.words.iter();
            if words.all(|word| text.contains(word) && begins(text, word)) {
                note(path);
            }
        }
    }
    found
}

/// An opening for each kind of which nothing was recognised in a project.
pub(in crate::pipeline) fn owned_elsewhere(
    sources: &Sources<'_>,
    environments: &[Environment],
) -> Vec<Opening> {
    let mut projects: BTreeMap<ProjectId, Vec<&Environment>> = BTreeMap::new();
    for env in environments {
        projects.entry(env.project).or_default().push(env);
    }
    let shown: HashMap<Absence, HashMap<ProjectId, &Path>> = SHOWN
        .iter()
        .map(|shown| (shown.kind, found(sources, shown)))
        .collect();
    let shown = |project: ProjectId, kind: Absence| shown.get(&kind)?.get(&project).copied();
    projects
        .into_iter()
        .flat_map(|(project, own)| {
            let missing = KINDS.iter().filter(move |(_, is_of_use, is_read)| {
                own.iter().any(|env| is_of_use(env)) && !own.iter().any(|env| is_read(env))
            });
            let shown = &shown;
            missing.map(move |(kind, _, _)| match shown(project, *kind) {
                Some(path) => Opening {
                    project,
                    kinds: [*kind].into(),
                    reason: format!(
                        "{} has {} in a form that is not read",
                        path.display(),
                        kind.name()
                    ),
                    ..Opening::default()
                },
                None => Opening::unrecognised(project, *kind),
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use cofferdam_model::alerts::Slo;

    #[test]
    fn each_thing_that_is_served_alone_needs_an_alert() {
        let mut env = Environment::default();
        assert!(!is_served(&env));
        env.slos.push(Slo {
            name: "checkout".to_owned(),
            owner: cofferdam_model::Owner::default(),
            span: cofferdam_model::Span::new(cofferdam_model::FileId(0), 0, 1),
            target: None,
            window: None,
            indicator: None,
            said: Default::default(),
        });
        assert!(is_served(&env));
        let mut env = Environment::default();
        env.services.push(cofferdam_model::Service::default());
        assert!(is_served(&env));
    }
}
