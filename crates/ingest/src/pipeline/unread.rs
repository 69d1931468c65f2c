//! Objects that something makes which was not read: what is named like a release of a chart from elsewhere, or is selected
//! by its labels, in the namespace of that release, is not missing.

use super::remote::{self, Making};
use super::sources::Sources;
use crate::compose;
use crate::kubernetes::scripts::{self, Made};
use cofferdam_model::delivery::{Dangling, DanglingKind};
use cofferdam_model::{Environment, ProjectId};
use cofferdam_syntax::tree::Node;

/// Kinds of objects that charts make.
const MADE: &[DanglingKind] = &[
    DanglingKind::ConfigMap,
    DanglingKind::Secret,
    DanglingKind::ServiceAccount,
    DanglingKind::Service,
    DanglingKind::Claim,
    DanglingKind::ScaleTarget,
];

/// The values in a selector as `kubectl` writes it.
fn values(selector: &str) -> impl Iterator<Item = &str> + Clone {
    let words = selector.split([',', '=', '(', ')', ' ']);
    words.filter(|word| !word.is_empty())
}

/// Takes back that objects are missing which an unread release makes.
pub(super) fn take_back(sources: &Sources<'_>, environments: &mut [Environment]) {
    if environments.iter().all(|env| env.dangling.is_empty()) {
        return;
    }
    let makings = remote::makings(sources);
    let scripts = of_scripts(sources);
    for env in environments {
        let mut dangling = std::mem::take(&mut env.dangling);
        dangling.retain(|dangling| {
            !(is_made(sources, dangling, env, &makings) || is_of_script(dangling, env, &scripts))
        });
        env.dangling = dangling;
    }
}

/// What scripts in manifests make that nothing here deploys: somebody ran them once.
fn of_scripts(sources: &Sources<'_>) -> Vec<(ProjectId, Made)> {
    let files = sources.repo.yaml.iter().filter(|(path, _)| {
        let text = sources.repo.text(path).unwrap_or_default();
        text.contains("create secret") || text.contains("apply -f -") || text.contains("create configmap")
    });
    files
        .flat_map(|(path, stream)| {
            let project = sources.projects.of_place(path);
            let made = stream.documents.iter().flat_map(|document| {
                let namespace = document.at("metadata/namespace").and_then(Node::as_str);
                scripts::made(document, namespace)
            });
            made.map(move |made| (project, made))
        })
        .collect()
}

fn is_of_script(dangling: &Dangling, env: &Environment, scripts: &[(ProjectId, Made)]) -> bool {
    let kind = match dangling.kind {
        DanglingKind::Secret => "Secret",
        DanglingKind::ConfigMap => "ConfigMap",
        DanglingKind::ServiceAccount => "ServiceAccount",
        _ => return false,
    };
    let namespace = namespace(dangling);
    scripts.iter().any(|(project, made)| {
        let is_there = made
            .namespace
            .as_deref()
            .zip(namespace)
            .is_none_or(|(a, b)| a == b);
        *project == env.project && made.kind == kind && made.name == dangling.name.value && is_there
    })
}

/// The namespace of the object that names a missing one.
pub(super) fn namespace(dangling: &Dangling) -> Option<&str> {
    dangling.subject.split(' ').find_map(|word| {
        let (namespace, name) = word.split_once('/')?;
        (!name.contains('/')).then_some(namespace)
    })
}

fn is_made(sources: &Sources<'_>, dangling: &Dangling, env: &Environment, makings: &[Making]) -> bool {
    // No chart makes a service of Compose.
    if dangling.subject.starts_with(compose::KIND) {
        return false;
    }
    let namespace = namespace(dangling);
    let name = dangling.name.value.as_str();
    if dangling.kind == DanglingKind::Selector {
        let pairs: Option<Vec<(&str, &str)>> = name.split(',').map(|pair| pair.split_once('=')).collect();
        // Of an expression only the values are known.
        let labels = pairs.unwrap_or_else(|| values(name).map(|value| ("", value)).collect());
        let makes = |making: &Making| making.labels(sources.repo, env, namespace, &labels);
        // A label that is nearly one of a pod here is wrong.
        let is_wrong = dangling.certain && dangling.nearest.is_some();
        return !is_wrong && !labels.is_empty() && makings.iter().any(makes);
    }
    MADE.contains(&dangling.kind) && makings.iter().any(|making| making.makes(env, namespace, name))
}
