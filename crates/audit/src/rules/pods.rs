//! Shared code of the rules about workloads: which of them are services, and how many pods they have.

use super::common;
use crate::finding::{Evidence, Subject};
use crate::rule::Context;
use cofferdam_model::calls::CallSite;
use cofferdam_model::delivery::{Dangling, DanglingKind};
use cofferdam_model::scaling::Autoscaler;
use cofferdam_model::workload::{Completeness, Container, Lifecycle, ServicePort, Workload};
use cofferdam_model::{Absence, ByHome, DeploymentKind, Environment, Fact, FileId, Service};
use cofferdam_syntax::hash::{HashMap, HashSet};
use std::collections::BTreeSet;

/// Long-running workloads that are completely known, in an environment where an outage counts as one. Pods that only hold
/// a place on a node may stop at any time.
pub(crate) fn services(env: &Environment) -> impl Iterator<Item = &Workload> {
    let counts = common::is_production_like(&env.name);
    env.workloads
        .iter()
        .filter(move |w| counts && w.completeness == Completeness::Whole && w.lifecycle == Lifecycle::Service)
        .filter(|w| !w.is_placeholder())
}

/// Completely known workloads of every lifetime, without those that only hold a place on a node.
pub(crate) fn whole(env: &Environment) -> impl Iterator<Item = &Workload> {
    env.workloads
        .iter()
        .filter(|w| w.completeness == Completeness::Whole && !w.is_placeholder())
}

/// Workloads for rules that set values against each other that are there: those of which the whole is known, and those
/// that a chart was rendered to. What its values may change is weighed later.
pub(crate) fn rendered<'a>(cx: &'a Context<'_>) -> impl Iterator<Item = &'a Workload> {
    cx.env
        .workloads
        .iter()
        .filter(|w| w.completeness == Completeness::Whole || is_of_a_chart(cx, w))
}

/// Whether a release of a chart brings a workload.
pub(crate) fn is_of_a_chart(cx: &Context<'_>, workload: &Workload) -> bool {
    let deployments = &cx.platform.scope.deployments;
    let deployment = workload
        .id
        .deployment
        .and_then(|id| deployments.get(id.0 as usize));
    deployment.is_some_and(|d| d.kind == DeploymentKind::Helm)
}

/// Pods for rules that judge only values that were read: pods that are completely known, and pods that a
/// chart makes. Cloud Run runs no pods.
pub(crate) fn present(env: &Environment) -> impl Iterator<Item = &Workload> {
    env.workloads
        .iter()
        .filter(|w| w.completeness == Completeness::Whole || !w.id.kind.starts_with("Cloud Run"))
}

/// What is one workload in a cluster: its kind, namespace and name. Without a namespace it may be installed into several,
/// so only the same manifest is the same.
pub(crate) type Identity<'a> = (&'a str, Option<&'a str>, &'a str, Option<FileId>);

/// What tells a workload from all others of its cluster.
pub(crate) fn identity(workload: &Workload) -> Identity<'_> {
    let id = &workload.id;
    let file = id.namespace.is_none().then_some(workload.span.file);
    (&id.kind, id.namespace.as_deref(), &id.name, file)
}

/// Each workload once, where roots of several clusters have copies of it.
pub(crate) fn once(workloads: &mut Vec<&Workload>) {
    let mut known = HashSet::default();
    workloads.retain(|workload| known.insert(identity(workload)));
}

/// The minimum number of pods of a workload: the autoscaler's minimum, otherwise the declared number.
/// Kubernetes runs one if none is declared.
pub(crate) fn fewest<'a>(env: &'a Environment, workload: &'a Workload) -> (u32, Option<&'a Fact<u32>>) {
    let own = service(env, workload);
    let scale = own.and_then(|s| s.scale.min.as_ref());
    // Of several autoscalers that set the same minimum, the one with the workload's name is shown.
    let named = || {
        let all = own.into_iter().flat_map(|service| &service.autoscalers);
        let mut all = all.filter_map(|id| env.autoscalers.get(id.0));
        let is_own = |a: &&Autoscaler| {
            a.name == workload.id.name || a.name.ends_with(&format!("/{}", workload.id.name))
        };
        let min = all.find(is_own)?.min.as_ref();
        min.filter(|min| scale.is_some_and(|scale| scale.value == min.value))
    };
    let scale = named().or(scale);
    match scale.or(workload.replicas.as_ref()) {
        Some(fact) => (fact.value, Some(fact)),
        None => (1, None),
    }
}

/// The maximum number of pods of a workload.
pub(crate) fn most(env: &Environment, workload: &Workload) -> u32 {
    let scale = service(env, workload).and_then(|s| s.scale.max.as_ref());
    scale.or(workload.replicas.as_ref()).map_or(1, |f| f.value)
}

/// The service that a workload runs.
pub(crate) fn service<'a>(env: &'a Environment, workload: &Workload) -> Option<&'a Service> {
    env.owner_service(&workload.owner)
}

/// Kubernetes Services by a label that they select, to find which pods are called.
pub(crate) struct Callers<'a>(HashMap<(&'a str, &'a str), ByHome<&'a ServicePort>>);

impl<'a> Callers<'a> {
    /// The Services of an environment.
    pub(crate) fn new(env: &'a Environment) -> Self {
        let mut by_label: HashMap<(&str, &str), ByHome<&ServicePort>> = HashMap::default();
        for service in &env.service_ports {
            if let Some((key, value)) = service.selector.iter().next() {
                let same = by_label.entry((key, &value.value)).or_default();
                same.push(service.id.home(), service);
            }
        }
        Callers(by_label)
    }

    /// Whether its pods are called: a Service leads to them, or a container has a port. A port that only a monitoring
    /// system or the kubelet reads makes nobody depend on it.
    pub(crate) fn call(&self, workload: &Workload) -> bool {
        self.led_to(workload).is_some() || self.has_port(workload)
    }

    /// The Services that select a workload.
    fn selecting<'s>(&'s self, workload: &'s Workload) -> impl Iterator<Item = &'a ServicePort> + 's {
        let labels = workload.labels.iter();
        let indexed = labels.filter_map(|(key, value)| self.0.get(&(key.as_str(), value.value.as_str())));
        // A Service selects pods of its own namespace.
        let all = indexed.flat_map(|services| services.related(workload.id.home()));
        all.filter(|service| service.selects(workload)).copied()
    }

    /// The first Service that leads to a workload by a port that is not only for metrics or probes.
    pub(crate) fn led_to(&self, workload: &Workload) -> Option<&'a ServicePort> {
        let leads = |service: &&ServicePort| {
            let mut ports = service.ports.iter();
            service.ports.is_empty() || ports.any(|(name, ..)| !is_scraped(name.as_deref()))
        };
        self.selecting(workload).find(leads)
    }

    /// Whether a container has a port that is not only for metrics or probes.
    fn has_port(&self, workload: &Workload) -> bool {
        let services: Vec<&ServicePort> = self.selecting(workload).collect();
        let scraped = |number: u32| {
            let mut ports = services.iter().flat_map(|service| &service.ports);
            ports.any(|(_, port, target)| match target {
                Some(target) => target.value == number.to_string(),
                None => port.value == number,
            })
        };
        let mut ports = workload.containers.iter().flat_map(|c| &c.ports);
        ports.any(|(name, number)| !is_scraped(name.as_deref()) && !scraped(number.value))
    }
}

/// The services that call others, by the host that they name.
pub(crate) struct Hosts<'a>(HashMap<&'a str, BTreeSet<(&'a str, Option<&'a str>)>>);

impl<'a> Hosts<'a> {
    /// The calls of an environment.
    pub(crate) fn new(env: &'a Environment) -> Self {
        let mut hosts: HashMap<&str, BTreeSet<(&str, Option<&str>)>> = HashMap::default();
        for call in env.calls.iter().filter(|call| call.site == CallSite::Service) {
            let caller = call.owner.service.map(|id| env.service(id).name.as_str());
            let host = call.target_name.as_ref().map(|name| host(&name.value));
            if let (Some(caller), Some((name, namespace))) = (caller, host) {
                hosts.entry(name).or_default().insert((caller, namespace));
            }
        }
        Hosts(hosts)
    }

    /// The services that call a Service of Kubernetes, without the one that it leads to.
    pub(crate) fn callers(&self, service: &ServicePort, own: Option<&str>) -> BTreeSet<&'a str> {
        let found = self.0.get(service.id.name.as_str()).into_iter().flatten();
        let is_there = |namespace: &Option<&str>| match (namespace, service.id.namespace.as_deref()) {
            (Some(a), Some(b)) => *a == b,
            _ => true,
        };
        found
            .filter(|(name, namespace)| is_there(namespace) && own != Some(*name))
            .map(|(name, _)| *name)
            .collect()
    }
}

/// The name of a host, and its namespace if it has one: of `http://orders.shop.svc:80/x`, `orders` and `shop`.
fn host(written: &str) -> (&str, Option<&str>) {
    let after = written.split_once("://").map_or(written, |(_, rest)| rest);
    let host = after.split(['/', ':']).next().unwrap_or_default();
    let mut parts = host.split('.');
    let name = parts.next().unwrap_or_default();
    let namespace = parts
        .next()
        .filter(|_| parts.next().is_none_or(|part| part == "svc"));
    (name, namespace)
}

/// Whether the name of a port shows that only a monitoring system, the kubelet or a developer reads it.
pub(crate) fn is_scraped(name: Option<&str>) -> bool {
    name.is_some_and(|name| {
        let is_it = |word: &str| {
            matches!(
                word,
                "metrics"
                    | "metric"
                    | "debug"
                    | "prometheus"
                    | "prom"
                    | "pprof"
                    | "probe"
                    | "probes"
                    | "health"
                    | "healthz"
                    | "liveness"
                    | "readiness"
            )
        };
        name.split(['-', '_']).any(is_it)
    })
}

/// A HorizontalPodAutoscaler of which only the limits are known, because the workload that it scales was not read.
pub(crate) struct LoneAutoscaler {
    /// Its name in reports.
    pub subject: Subject,
    /// Minimum number of replicas.
    pub fewest: u32,
    /// The place of the minimum, or the note that it is Kubernetes' default.
    pub evidence: Evidence,
}

/// The autoscalers, in an environment where an outage counts as one, whose workload is in no file here. If everything
/// was read that could have it, there is none, and its replicas are no question.
pub(crate) fn lone_autoscalers<'a>(cx: &Context<'a>) -> impl Iterator<Item = LoneAutoscaler> + use<'a> {
    let env = cx.env;
    let scope = &cx.platform.scope;
    let is_closed = scope
        .open_for(Absence::Workload, env.project, &env.name)
        .is_none();
    let is_missing = move |autoscaler: &Autoscaler| {
        let subject = format!("{} {}", autoscaler.format, autoscaler.name);
        let missing = |d: &Dangling| d.kind == DanglingKind::ScaleTarget && d.subject == subject;
        // Files without any workload are a part of a platform: its workloads are elsewhere.
        is_closed && !env.workloads.is_empty() && env.dangling.iter().any(missing)
    };
    let counts = common::is_production_like(&env.name);
    // A workload that exists only in another deployment may be the target.
    let mut workloads: HashMap<(&str, &str), ByHome<()>> = HashMap::default();
    for Workload { id, .. } in &env.workloads {
        let same_name = workloads.entry((&id.kind, &id.name)).or_default();
        same_name.push(id.home(), ());
    }
    let is_here = move |a: &Autoscaler| {
        let target = a.target.as_ref().map(|t| &t.value);
        target.is_some_and(|t| {
            let same_name = workloads.get(&(t.kind.as_str(), t.name.as_str()));
            same_name.is_some_and(|same| same.near(t.namespace.as_deref()).next().is_some())
        })
    };
    let lone = env.autoscalers.iter().filter(move |a| {
        counts
            && a.workload.is_none()
            && !is_here(a)
            && !is_missing(a)
            && a.format == "HorizontalPodAutoscaler"
            && a.completeness == Completeness::Whole
    });
    lone.map(|autoscaler| {
        let mut evidence = Evidence::new();
        let fewest = match &autoscaler.min {
            Some(min) => evidence.take(min, "minimum replicas"),
            None => {
                evidence.assume("minReplicas is not set; a HorizontalPodAutoscaler uses 1");
                1
            }
        };
        evidence.place(autoscaler.span, "the autoscaler");
        LoneAutoscaler {
            subject: common::autoscaler(autoscaler, &autoscaler.format),
            fewest,
            evidence,
        }
    })
}

/// Containers of a workload that lack a setting.
pub(crate) struct Bare<'a> {
    /// The containers that lack it, with those that prepare the pod last.
    pub containers: Vec<&'a Container>,
    /// Whether all containers that lack it end before the pod does its work.
    pub only_init: bool,
}

/// The containers of a workload that lack a setting. Containers that prepare the pod count if the kubelet
/// runs it.
pub(crate) fn bare<'a>(workload: &'a Workload, lacks: impl Fn(&Container) -> bool) -> Bare<'a> {
    let of = |list: &'a [Container]| list.iter().filter(|c| lacks(c)).collect::<Vec<&Container>>();
    let mut containers = of(&workload.containers);
    let only_init = containers.is_empty();
    containers.extend(of(&workload.init_containers));
    Bare {
        containers,
        only_init,
    }
}

/// Whether the pod as a whole requests a resource (`cpu`, `memory`): then its containers share that. A limit without a
/// request is the request, too. Kubernetes reads these fields by default from 1.34; before, only with the feature gate
/// `PodLevelResources`. Source: Kubernetes documentation, "Assign Pod-level CPU and memory resources".
pub(crate) fn requests_together(workload: &Workload, resource: &str) -> bool {
    let of = |kind: &str| workload.fields.get(&format!("resources.{kind}.{resource}"));
    of("requests")
        .or_else(|| of("limits"))
        .is_some_and(|fact| fact.value != "0")
}

/// Whether the pod as a whole has a limit of a resource, as in [`requests_together`].
pub(crate) fn is_limited_together(workload: &Workload, resource: &str) -> bool {
    let limit = workload.fields.get(&format!("resources.limits.{resource}"));
    limit.is_some_and(|fact| fact.value != "0")
}

/// Names of containers for a title: `api`, or `api and proxy`.
pub(crate) fn names(containers: &[&Container]) -> String {
    let names: Vec<String> = containers.iter().map(|c| format!("`{}`", c.name)).collect();
    match names.as_slice() {
        [one] => one.clone(),
        [rest @ .., last] => format!("{} and {last}", rest.join(", ")),
        [] => String::new(),
    }
}

#[cfg(test)]
pub(crate) mod testing {
    use crate::rules::testing::{fact, owned_by, service, span};
    use cofferdam_model::Texts;
    use cofferdam_model::workload::{
        Completeness, Container, Lifecycle, ObjectId, Rollout, Spread, Workload,
    };
    use cofferdam_model::{Environment, Parts};

    /// A Deployment `api` of one container, its service at (min, current, max) replicas.
    pub(crate) fn env(replicas: (u32, u32, u32), set: impl FnOnce(&mut Workload)) -> Environment {
        let mut workload = Workload {
            id: ObjectId {
                kind: "Deployment".to_owned(),
                namespace: None,
                deployment: None,
                name: "api".to_owned(),
            },
            span: span(1),
            completeness: Completeness::Whole,
            lifecycle: Lifecycle::Service,
            owner: owned_by(0),
            replicas: Some(fact(replicas.1, 102)),
            rollout: Rollout::default(),
            labels: Texts::from([("app".to_owned(), fact("api".to_owned(), 3))]),
            annotations: Texts::new(),
            containers: vec![Container {
                name: "api".to_owned(),
                span: Some(span(4)),
                ports: vec![(None, fact(8080, 5))],
                ..Container::default()
            }],
            init_containers: Vec::new(),
            grace: None,
            service_account: None,
            volumes: Vec::new(),
            spread: Spread::default(),
            priority_class: None,
            fields: Texts::new(),
        };
        set(&mut workload);
        Environment {
            name: "production".to_owned(),
            parts: Parts {
                services: vec![service("api", replicas)],
                workloads: vec![workload],
                ..Parts::default()
            },
            ..Environment::default()
        }
    }
}
