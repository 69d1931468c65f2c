//! Objects that one environment lacks and another has on the same cluster. Environments are often only guessed from
//! names of directories, and a cluster has one object of a name in a namespace, whatever they are called: what one
//! deployment brings is there for all deployments of its cluster.

use super::unread;
use crate::kubernetes;
use cofferdam_model::delivery::{Dangling, DanglingKind};
use cofferdam_model::workload::ObjectId;
use cofferdam_model::{Environment, ProjectId};
use cofferdam_syntax::environment;
use std::collections::{BTreeMap, BTreeSet};

/// Kinds of references to whole objects.
const OBJECTS: [DanglingKind; 5] = [
    DanglingKind::ConfigMap,
    DanglingKind::Secret,
    DanglingKind::ServiceAccount,
    DanglingKind::Claim,
    DanglingKind::Service,
];

/// Project, kind of reference, namespace and name.
type Wanted = (ProjectId, DanglingKind, String, String);

/// Takes back that objects are missing which another environment of the project has in the same namespace, and which may
/// be on the same cluster.
pub(super) fn take_back(environments: &mut [Environment]) {
    let missing = environments
        .iter()
        .flat_map(|env| env.dangling.iter().map(move |dangling| (env, dangling)));
    let wanted: BTreeSet<Wanted> = missing
        .filter_map(|(env, dangling)| wanted(env, dangling))
        .collect();
    if wanted.is_empty() {
        return;
    }
    let mut declared: BTreeMap<Wanted, Vec<usize>> = BTreeMap::new();
    for (at, env) in environments.iter().enumerate() {
        let mut add = |kind, id: &ObjectId| {
            let key = id
                .namespace
                .clone()
                .map(|n| (env.project, kind, n, id.name.clone()));
            if let Some(key) = key.filter(|key| wanted.contains(key)) {
                declared.entry(key).or_default().push(at);
            }
        };
        for object in &env.config_objects {
            let kinds = OBJECTS.iter();
            kinds
                .filter(|kind| kubernetes::leads_to(**kind, &object.id.kind))
                .for_each(|kind| add(*kind, &object.id));
        }
        for service in &env.service_ports {
            add(DanglingKind::Service, &service.id);
        }
    }
    let is_there = |env: &Environment, dangling: &Dangling| {
        let others = wanted_in(&declared, env, dangling).iter();
        let mut others = others.map(|at| &environments[*at]);
        others.any(|other| may_be_beside(env, other, dangling))
    };
    let found: Vec<Vec<bool>> = environments
        .iter()
        .map(|env| {
            env.dangling
                .iter()
                .map(|dangling| is_there(env, dangling))
                .collect()
        })
        .collect();
    for (env, found) in environments.iter_mut().zip(found) {
        let mut found = found.into_iter();
        env.dangling.retain(|_| found.next() != Some(true));
    }
}

fn wanted(env: &Environment, dangling: &Dangling) -> Option<Wanted> {
    let namespace = unread::namespace(dangling).filter(|_| OBJECTS.contains(&dangling.kind))?;
    let name = dangling.name.value.clone();
    Some((env.project, dangling.kind, namespace.to_owned(), name))
}

fn wanted_in<'d>(
    declared: &'d BTreeMap<Wanted, Vec<usize>>,
    env: &Environment,
    dangling: &Dangling,
) -> &'d [usize] {
    let key = wanted(env, dangling);
    key.and_then(|key| declared.get(&key)).map_or(&[], Vec::as_slice)
}

/// Whether what `other` has may be on the cluster of `env`. Where a cluster is not known, two stages have one each, and so
/// have environments that both have what names the object: one cluster cannot have it twice.
fn may_be_beside(env: &Environment, other: &Environment, dangling: &Dangling) -> bool {
    if let (Some(own), Some(of)) = (&env.cluster, &other.cluster) {
        return own == of;
    }
    let is_stage = |env: &Environment| environment::is_stage(&env.name);
    if env.name != other.name && is_stage(env) && is_stage(other) {
        return false;
    }
    let names = |id: &ObjectId| {
        let (subject, id) = (&dangling.subject, id.to_string());
        *subject == id
            || subject
                .strip_suffix(&*id)
                .is_some_and(|before| before.ends_with(' '))
    };
    let own = env.workloads.iter().find(|workload| names(&workload.id));
    own.is_some_and(|own| {
        let is_same = |id: &ObjectId| {
            id.kind == own.id.kind && id.namespace == own.id.namespace && id.name == own.id.name
        };
        !other.workloads.iter().any(|workload| is_same(&workload.id))
    })
}
