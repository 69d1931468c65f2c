//! Objects that something makes which was not read: what is named like a release of a chart from elsewhere, in the
//! namespace of that release, is not missing.

use super::remote::{self, Making};
use super::sources::Sources;
use cofferdam_model::Environment;
use cofferdam_model::delivery::{Dangling, DanglingKind};

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
    for env in environments {
        let mut dangling = std::mem::take(&mut env.dangling);
        dangling.retain(|dangling| !is_made(dangling, env, &makings));
        env.dangling = dangling;
    }
}

fn is_made(dangling: &Dangling, env: &Environment, makings: &[Making]) -> bool {
    if dangling.kind == DanglingKind::Selector {
        // A chart labels its pods with its name and that of its release. A label that is nearly one of a pod here is wrong.
        let values = values(&dangling.name.value);
        let may_be = |making: &Making| values.clone().any(|value| making.labels(env, value));
        return dangling.nearest.is_none() && makings.iter().any(may_be);
    }
    let namespace = dangling.subject.split(' ').find_map(|word| {
        let (namespace, name) = word.split_once('/')?;
        (!name.contains('/')).then_some(namespace)
    });
    let name = dangling.name.value.as_str();
    MADE.contains(&dangling.kind) && makings.iter().any(|making| making.makes(env, namespace, name))
}
