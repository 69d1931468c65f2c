//! Services: one for each name of workloads, joined with the data from other formats.

use super::facts::prefer;
use super::names::{Affixes, fold};
use crate::by_home::ByHome;
use crate::owner::{ServiceId, WorkloadId};
use crate::platform::{Environment, Scale, Service};
use cofferdam_syntax::hash::HashMap;

/// Fills [`crate::Parts::services`] from the workloads and from the partial entries that readers and the
/// overlay pushed, in order of name, and gives each workload its service.
///
/// A name in an unknown namespace is the same as this name in any known namespace; different names (`api`,
/// `api-canary`) are different services, even if they are similar.
pub(super) fn build(env: &mut Environment) {
    let mut built = std::mem::take(&mut env.services);
    let partial: Vec<Service> = built.extract_if(.., |s| s.workloads.is_empty()).collect();
    let mut services = of_workloads(env, built);
    if partial.is_empty() {
        return set(env, services);
    }
    let mut index = NameIndex::new(env, &services);
    for entry in partial {
        match index.find(&entry) {
            Some(at) => join(&mut services[at], entry),
            None => {
                index.insert(&entry, services.len());
                services.push(entry);
            }
        }
    }
    set(env, services);
}

/// Adds services that only code shows. Ids change, so call it before any id is stored.
pub(super) fn add(env: &mut Environment, more: Vec<Service>) {
    let mut services = std::mem::take(&mut env.services);
    services.extend(more);
    set(env, services);
}

/// Sorts `services` into the environment and updates the workloads.
fn set(env: &mut Environment, mut services: Vec<Service>) {
    services.sort_by(|a, b| (&a.name, &a.namespace).cmp(&(&b.name, &b.namespace)));
    for (at, service) in services.iter().enumerate() {
        for id in &service.workloads {
            let owner = &mut env.workloads[id.0].owner;
            owner.service = Some(ServiceId(at));
        }
    }
    env.services = services;
}

/// The services of all workloads; `services` are those that were built before, with their workloads.
fn of_workloads(env: &Environment, mut services: Vec<Service>) -> Vec<Service> {
    let mut is_placed = vec![false; env.workloads.len()];
    for id in services.iter().flat_map(|service| &service.workloads) {
        is_placed[id.0] = true;
    }
    // Known namespaces first, so that an unknown one finds the service that it belongs to.
    let mut order: Vec<usize> = (0..env.workloads.len()).filter(|at| !is_placed[*at]).collect();
    if order.is_empty() {
        return services;
    }
    order.sort_by_key(|at| env.workloads[*at].id.namespace.is_none());
    services.reserve(order.len());
    let mut by_name: Places = HashMap::default();
    for (at, service) in services.iter().enumerate() {
        let same_name = by_name.entry(service.name.clone()).or_default();
        same_name.push(service.home(), at);
    }
    for at in order {
        let workload = &env.workloads[at];
        let same_name = by_name.entry(workload.id.name.clone()).or_default();
        let known = same_name.related(workload.id.home()).next().copied();
        let service = known.unwrap_or_else(|| {
            same_name.push(workload.id.home(), services.len());
            services.push(Service {
                name: workload.id.name.clone(),
                namespace: workload.id.namespace.clone(),
                deployment: workload.id.deployment,
                ..Service::default()
            });
            services.len() - 1
        });
        services[service].workloads.push(WorkloadId(at));
        services[service].declared.push(workload.span);
    }
    for service in &mut services {
        service.workloads.sort();
    }
    services.shrink_to_fit();
    services
}

/// Positions of services in a list, by a name.
type Places = HashMap<String, ByHome<usize>>;

/// Finds the service of a partial entry: by its name, then regardless of case and separators, then without
/// the environment's words.
struct NameIndex {
    exact: Places,
    alike: Places,
    affixes: Affixes,
}

impl NameIndex {
    fn new(env: &Environment, services: &[Service]) -> NameIndex {
        let mut index = NameIndex {
            exact: HashMap::default(),
            alike: HashMap::default(),
            affixes: Affixes::new(&env.name, services.iter().map(|s| s.name.as_str())),
        };
        for (at, service) in services.iter().enumerate() {
            index.insert(service, at);
        }
        index
    }

    fn insert(&mut self, service: &Service, at: usize) {
        let add = |places: &mut Places, key: String| {
            places.entry(key).or_default().push(service.home(), at);
        };
        add(&mut self.exact, service.name.clone());
        let folded = fold(&service.name);
        if let Some(stripped) = self.affixes.strip(&service.name)
            && stripped != folded
        {
            add(&mut self.alike, stripped);
        }
        add(&mut self.alike, folded);
    }

    fn find(&self, partial: &Service) -> Option<usize> {
        let named = self.exact.get(&partial.name);
        if let Some(at) = named.and_then(|same| same.related(partial.home()).next()) {
            return Some(*at);
        }
        let folded = fold(&partial.name);
        [Some(folded), self.affixes.strip(&partial.name)]
            .into_iter()
            .flatten()
            .find_map(|key| {
                let mut same = self.alike.get(&key)?.related(partial.home());
                match (same.next(), same.next()) {
                    (Some(one), None) => Some(*one),
                    _ => None,
                }
            })
    }
}

/// Adds the data of `other` to `service`; a person's declaration overrides a file's, and of two files the
/// first has precedence.
fn join(service: &mut Service, other: Service) {
    if service.namespace.is_none() {
        service.namespace = other.namespace;
    }
    service.deployment = service.deployment.or(other.deployment);
    for span in other.declared {
        if !service.declared.contains(&span) {
            service.declared.push(span);
        }
    }
    for directory in other.directories {
        if !service.directories.contains(&directory) {
            service.directories.push(directory);
        }
    }
    let Scale {
        current,
        min,
        max,
        surge,
    } = other.scale;
    prefer(&mut service.scale.current, current);
    prefer(&mut service.scale.min, min);
    prefer(&mut service.scale.max, max);
    prefer(&mut service.scale.surge, surge);
    prefer(&mut service.processes, other.processes);
    prefer(&mut service.peak_rate, other.peak_rate);
    prefer(&mut service.priority, other.priority);
    prefer(&mut service.connections_per_pod, other.connections_per_pod);
    prefer(&mut service.start_up_time, other.start_up_time);
    prefer(&mut service.request_time, other.request_time);
    prefer(&mut service.service_time, other.service_time);
    prefer(&mut service.transaction_time, other.transaction_time);
    prefer(&mut service.capacity_per_pod, other.capacity_per_pod);
    prefer(&mut service.cpu_per_request, other.cpu_per_request);
    prefer(&mut service.memory_per_message, other.memory_per_message);
    prefer(&mut service.callers.timeout, other.callers.timeout);
    prefer(&mut service.callers.attempts, other.callers.attempts);
    prefer(&mut service.callers.backoff, other.callers.backoff);
    service.said.join(other.said);
    for (name, variable) in other.variables {
        service.variables.entry(name).or_insert(variable);
    }
}
