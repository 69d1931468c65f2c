//! References to missing objects. Everything that could declare them has been read when this runs, so names
//! are looked up in indexes, and selectors by one of their labels.

mod selectors;

use self::selectors::namespace_selector;
use super::config::leads_to;
use cofferdam_model::delivery::{Dangling, DanglingKind, Reference};
use cofferdam_model::network::PeerKind;
use cofferdam_model::scaling::Selector;
use cofferdam_model::workload::{Completeness, ConfigObject, ObjectId, ServicePort, Workload};
use cofferdam_model::{ByHome, Environment, Fact, Home, Parts, ProjectId};
use cofferdam_syntax::hash::HashMap;
use cofferdam_syntax::nearest::nearest;
use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

/// Objects that clusters and their operators create in every namespace.
const ALWAYS_THERE: &[&str] = &[
    "kube-root-ca.crt",
    "openshift-service-ca.crt",
    "istio-ca-root-cert",
    "default",
];

/// Kinds that every reader knows and that a vertical autoscaler may name.
const SCALED: &[&str] = &[
    "Deployment",
    "StatefulSet",
    "DaemonSet",
    "ReplicaSet",
    "ReplicationController",
    "Rollout",
    "Job",
    "CronJob",
];

/// The budget of name comparisons for suggestions; beyond it, findings come without one.
const MAX_COMPARISONS: usize = 300_000;

/// The label that Kubernetes gives every namespace.
const NAMESPACE_NAME: &str = "kubernetes.io/metadata.name";

/// Turns the references of `env` without a target into dangling ones, and adds selectors that select no pods
/// and ports that no container has.
pub(super) fn check(parts: &mut Parts) {
    let references = std::mem::take(&mut parts.references);
    let index = Index::new(parts);
    let mut found: Vec<Dangling> = references.into_iter().filter_map(|r| index.missing(r)).collect();
    for service in &parts.service_ports {
        index.service(service, &mut found);
    }
    let budgets = parts.disruption_budgets.iter();
    for budget in budgets.filter(|b| b.completeness == Completeness::Whole) {
        index.selector(&budget.id, &budget.selector, &mut found);
    }
    for policy in &parts.network_policies {
        index.selector(&policy.id, &policy.selector, &mut found);
        let rules = policy.ingress_rules.iter().chain(&policy.egress_rules);
        for peer in rules.flat_map(|r| &r.peers) {
            match &peer.kind {
                PeerKind::Pods {
                    namespaces: Some(selector),
                    ..
                } => found.extend(namespace_selector(parts, &policy.id, selector)),
                PeerKind::Pods {
                    namespaces: None,
                    pods: Some(pods),
                } => index.peer(&policy.id, pods, &mut found),
                _ => {}
            }
        }
    }
    parts.dangling.extend(found);
}

/// Names by their namespace.
type Names<'a> = BTreeMap<Option<&'a str>, BTreeSet<&'a str>>;

/// Kinds of references to objects from which pods take configuration.
const CONFIGURATION: [DanglingKind; 4] = [
    DanglingKind::ConfigMap,
    DanglingKind::Secret,
    DanglingKind::ServiceAccount,
    DanglingKind::Claim,
];

/// The existing objects, by name and by label.
struct Index<'a> {
    parts: &'a Parts,
    objects: HashMap<&'a str, ByHome<&'a ConfigObject>>,
    services: HashMap<&'a str, ByHome<&'a ServicePort>>,
    /// All Kubernetes Services.
    ports: ByHome<&'a ServicePort>,
    workloads: HashMap<&'a str, ByHome<&'a ObjectId>>,
    /// All workloads.
    pods: ByHome<&'a Workload>,
    /// Workloads by a label of their pods.
    labels: HashMap<(&'a str, &'a str), ByHome<&'a Workload>>,
    /// Values of each label of pods, by namespace.
    values: HashMap<&'a str, Names<'a>>,
    /// Names of objects by the kind of reference, by namespace.
    names: BTreeMap<DanglingKind, Names<'a>>,
    has_fragments: bool,
    comparisons: Cell<usize>,
}

/// Kinds that one environment forgets if another declares the object. A Secret may be created by hand in
/// production although development declares its own.
const FORGOTTEN: [DanglingKind; 4] = [
    DanglingKind::ConfigMap,
    DanglingKind::ServiceAccount,
    DanglingKind::Claim,
    DanglingKind::Service,
];

/// Makes a missing object certain if another environment of the project declares one of this name: then it
/// comes from these files, and is forgotten here.
pub(crate) fn compare(environments: &mut [Environment]) {
    let mut declared: BTreeSet<(ProjectId, DanglingKind, String)> = BTreeSet::new();
    for env in environments.iter() {
        for object in &env.config_objects {
            let kinds = FORGOTTEN
                .into_iter()
                .filter(|kind| leads_to(*kind, &object.id.kind));
            declared.extend(kinds.map(|kind| (env.project, kind, object.id.name.clone())));
        }
        let services = env.service_ports.iter();
        declared.extend(services.map(|s| (env.project, DanglingKind::Service, s.id.name.clone())));
    }
    for env in environments {
        let project = env.project;
        for dangling in env.dangling.iter_mut().filter(|d| !d.certain) {
            dangling.certain = FORGOTTEN.contains(&dangling.kind)
                && declared.contains(&(project, dangling.kind, dangling.name.value.clone()));
        }
    }
}

/// The names that may be in this namespace.
fn in_namespace<'n>(names: &'n Names<'_>, home: Home<'n>) -> impl Iterator<Item = &'n str> {
    let here = names.iter().filter(move |(n, _)| {
        let other = Home {
            namespace: **n,
            deployment: None,
        };
        other.may_meet(home)
    });
    here.flat_map(|(_, names)| names.iter().copied())
}

impl<'a> Index<'a> {
    fn new(parts: &'a Parts) -> Self {
        let mut index = Index {
            parts,
            objects: HashMap::default(),
            services: HashMap::default(),
            ports: ByHome::default(),
            workloads: HashMap::default(),
            pods: ByHome::default(),
            labels: HashMap::default(),
            values: HashMap::default(),
            names: BTreeMap::new(),
            has_fragments: false,
            comparisons: Cell::new(0),
        };
        for object in &parts.config_objects {
            let same_name = index.objects.entry(&object.id.name).or_default();
            same_name.push(object.id.home(), object);
            for kind in CONFIGURATION
                .into_iter()
                .filter(|k| leads_to(*k, &object.id.kind))
            {
                index.name(kind, &object.id);
            }
        }
        for service in &parts.service_ports {
            let same_name = index.services.entry(&service.id.name).or_default();
            same_name.push(service.id.home(), service);
            index.ports.push(service.id.home(), service);
            index.name(DanglingKind::Service, &service.id);
        }
        for workload in &parts.workloads {
            let same_name = index.workloads.entry(&workload.id.name).or_default();
            same_name.push(workload.id.home(), &workload.id);
            index.pods.push(workload.id.home(), workload);
            index.name(DanglingKind::ScaleTarget, &workload.id);
            // Services run by Google have no labels that a selector could match.
            index.has_fragments |=
                workload.completeness == Completeness::Fragment && !workload.id.kind.starts_with("Cloud Run");
            for (key, value) in &workload.labels {
                let same_label = index.labels.entry((key, &value.value)).or_default();
                same_label.push(workload.id.home(), workload);
                let values = index.values.entry(key).or_default();
                let namespace = workload.id.namespace.as_deref();
                values.entry(namespace).or_default().insert(&value.value);
            }
        }
        index
    }

    fn name(&mut self, kind: DanglingKind, id: &'a ObjectId) {
        let names = self.names.entry(kind).or_default();
        names.entry(id.namespace.as_deref()).or_default().insert(&id.name);
    }

    /// The name of something of this kind that was probably intended.
    fn nearest_of(&self, kind: DanglingKind, name: &str, home: Home<'_>) -> Option<String> {
        self.nearest(name, in_namespace(self.names.get(&kind)?, home))
    }

    /// The reference as dangling, if its target does not exist.
    fn missing(&self, reference: Reference) -> Option<Dangling> {
        let home = reference.home();
        let name = reference.name.value.as_str();
        let (nearest, certain) = match reference.kind {
            DanglingKind::ConfigMap
            | DanglingKind::Secret
            | DanglingKind::ServiceAccount
            | DanglingKind::Claim => {
                if ALWAYS_THERE.contains(&name) || self.object(reference.kind, name, home).is_some() {
                    return None;
                }
                let certain = match reference.kind {
                    DanglingKind::Secret => false,
                    // Others may come from elsewhere unless the files declare such things at all.
                    _ => !self.has_fragments && self.names.contains_key(&reference.kind),
                };
                (self.nearest_of(reference.kind, name, home), certain)
            }
            DanglingKind::SecretKey => (self.missing_key(&reference)?, true),
            DanglingKind::ConfigMapKey => {
                let object = self.object(reference.kind, reference.within.as_deref()?, home)?;
                if !object.complete || object.data.contains_key(name) {
                    return None;
                }
                (self.nearest(name, object.data.keys().map(String::as_str)), true)
            }
            DanglingKind::Service => {
                if self.service_of(name, home).is_some() {
                    return None;
                }
                let certain = !self.has_fragments && !self.parts.service_ports.is_empty();
                (self.nearest_of(reference.kind, name, home), certain)
            }
            DanglingKind::Port => {
                let service = self.service_of(reference.within.as_deref()?, home)?;
                let of_port = |(port, number, _): &(Option<String>, Fact<u32>, _)| {
                    port.as_deref() == Some(name) || number.value.to_string() == name
                };
                // A name may also lead to several Services of one name; an external name has no ports.
                if service.ports.iter().any(of_port) || service.ports.is_empty() {
                    return None;
                }
                let names = service.ports.iter().filter_map(|(port, ..)| port.as_deref());
                (self.nearest(name, names), true)
            }
            DanglingKind::ScaleTarget => {
                let kind = reference.within.as_deref();
                // A kind that no reader knows may have an object of this name in any file.
                if kind.is_some_and(|kind| !SCALED.contains(&kind)) {
                    return None;
                }
                let known = self.workloads.get(name).into_iter();
                let here: Vec<&ObjectId> = (known.flat_map(|same| same.near(home.namespace)))
                    .copied()
                    .collect();
                let meant = here.first();
                if here.iter().any(|id| kind.is_none_or(|kind| kind == id.kind)) {
                    return None;
                }
                let nearest = match meant {
                    Some(id) => Some(id.to_string()),
                    None => self.nearest_of(reference.kind, name, home),
                };
                (nearest, !self.has_fragments)
            }
            DanglingKind::Selector => self.monitored(name, home)?,
            _ => return None,
        };
        Some(Dangling {
            subject: reference.subject,
            kind: reference.kind,
            nearest,
            name: reference.name,
            certain,
        })
    }

    /// For a key that no Secret of the name has: the key that was probably intended. `None` if something else
    /// may write into the Secret, or if it is not here at all.
    fn missing_key(&self, reference: &Reference) -> Option<Option<String>> {
        let key = reference.name.value.as_str();
        let home = reference.home();
        let all = self.objects.get(reference.within.as_deref()?)?;
        let mut keys = Vec::new();
        for object in all.near(home.namespace) {
            if !leads_to(DanglingKind::Secret, &object.id.kind) {
                continue;
            }
            if object.id.kind != "Secret" || !object.complete {
                return None;
            }
            keys.extend(object.data.keys().map(String::as_str));
        }
        if keys.is_empty() || keys.contains(&key) {
            return None;
        }
        Some(self.nearest(key, keys.into_iter()))
    }

    /// For labels that no Service has: the pair that was probably intended, and whether it is certain. `None`
    /// if a Service has them all, or if the files declare Services and none there: charts and operators bring
    /// their own.
    fn monitored(&self, labels: &str, home: Home<'_>) -> Option<(Option<String>, bool)> {
        let wanted: Vec<(&str, &str)> = labels
            .split(',')
            .filter_map(|pair| pair.split_once('='))
            .collect();
        let here = || self.ports.near(home.namespace).copied();
        let has = |s: &ServicePort, (key, value): &(&str, &str)| {
            s.labels.get(*key).is_some_and(|l| l.value == *value)
        };
        if self.parts.service_ports.is_empty() {
            return Some((None, false));
        }
        let has_all = |s: &ServicePort| wanted.iter().all(|pair| has(s, pair));
        if here().any(has_all) {
            return None;
        }
        if here().next().is_none() {
            // A monitor looks in its own namespace unless it names others.
            let meant = self.parts.service_ports.iter().find(|s| has_all(s))?;
            let namespace = meant.id.namespace.as_deref()?;
            let write = format!("namespaceSelector: {{matchNames: [{namespace}]}}");
            return Some((Some(write), !self.has_fragments));
        }
        let (key, value) = wanted
            .iter()
            .find(|pair| !here().any(|s| has(s, pair)))
            .or_else(|| wanted.first())?;
        let values = here()
            .filter_map(|s| s.labels.get(*key))
            .map(|l| l.value.as_str());
        let nearest = self.nearest(value, values).map(|near| format!("{key}={near}"));
        // A Service of the same selection that lacks the label was also intended.
        let meant =
            here().any(|s| s.id.name == *value || s.selector.get(*key).is_some_and(|l| l.value == *value));
        Some((
            nearest.clone(),
            !self.has_fragments && (meant || nearest.is_some()),
        ))
    }

    fn object(
        &self,
        kind: DanglingKind,
        name: &str,
        home: Home<'_>,
    ) -> Option<&'a cofferdam_model::workload::ConfigObject> {
        let mut known = self.objects.get(name)?.near(home.namespace).copied();
        known.find(|o| leads_to(kind, &o.id.kind))
    }

    fn service_of(&self, name: &str, home: Home<'_>) -> Option<&'a ServicePort> {
        self.services.get(name)?.near(home.namespace).next().copied()
    }

    /// The probable name among `names`, as long as the budget allows.
    fn nearest<'n>(&self, name: &str, names: impl Iterator<Item = &'n str>) -> Option<String> {
        let counted = names.inspect(|_| self.comparisons.set(self.comparisons.get() + 1));
        if self.comparisons.get() > MAX_COMPARISONS {
            return None;
        }
        nearest(name, counted).map(str::to_owned)
    }

    fn service(&self, service: &ServicePort, found: &mut Vec<Dangling>) {
        // The template of a chart may select more than can be read of it.
        if service.completeness == Completeness::Fragment {
            return;
        }
        let selector = Selector {
            labels: service.selector.clone(),
            ..Selector::default()
        };
        if selector.is_empty() {
            return;
        }
        self.selector(&service.id, &selector, found);
        let workloads = self.selected(&selector, service.id.home());
        if workloads.is_empty() || workloads.iter().any(|w| w.completeness == Completeness::Fragment) {
            return;
        }
        let ports = || {
            let containers = workloads
                .iter()
                .flat_map(|w| w.containers.iter().chain(&w.init_containers));
            containers.flat_map(|c| c.ports.iter().filter_map(|(name, _)| name.as_deref()))
        };
        for target in service.ports.iter().filter_map(|(.., target)| target.as_ref()) {
            let is_number = target.value.bytes().all(|b| b.is_ascii_digit());
            if !is_number && !ports().any(|name| name == target.value) {
                found.push(Dangling {
                    subject: service.id.to_string(),
                    kind: DanglingKind::Port,
                    name: target.clone(),
                    nearest: self.nearest(&target.value, ports()),
                    certain: true,
                });
            }
        }
    }
}

#[cfg(test)]
mod tests;
