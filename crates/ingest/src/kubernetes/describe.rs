//! Statements of Kubernetes objects about services, in the notation in which other formats' statements can be
//! compared.

use super::pod::main_container;
use cofferdam_model::delivery::Description;
use cofferdam_model::workload::{Completeness, Container, Lifecycle, ObjectId, Probe, ProbeCheck, Workload};
use cofferdam_model::{Fact, Parts};

/// States one attribute of a service.
pub(super) fn state(parts: &mut Parts, service: &ObjectId, attribute: &str, value: Fact<String>, by: &str) {
    parts.descriptions.push(Description {
        subject: format!("service {}", service.name),
        namespace: service.namespace.clone(),
        deployment: service.deployment,
        attribute: attribute.to_owned(),
        value,
        by: by.to_owned(),
    });
}

/// States the values of a workload. A fragment states nothing, because its build may set something else.
pub(super) fn workload(workload: &Workload, parts: &mut Parts) {
    if workload.completeness != Completeness::Whole || workload.lifecycle == Lifecycle::Batch {
        return;
    }
    let name = &workload.id.name;
    let mut say = |attribute: &str, value: Option<Fact<String>>| {
        if let Some(value) = value {
            state(parts, &workload.id, attribute, value, &workload.id.kind);
        }
    };
    say("replicas", shown(&workload.replicas));
    let Some(container) = main_container(&workload.containers, name) else {
        return;
    };
    say("cpu request", shown(&container.cpu_request));
    say("cpu limit", shown(&container.cpu_limit));
    say("memory request", shown(&container.memory_request));
    say("memory limit", shown(&container.memory_limit));
    for (what, probe) in [
        ("liveness", &container.liveness),
        ("readiness", &container.readiness),
    ] {
        if let Some(probe) = probe {
            let (path, port) = asked(probe, container);
            say(&format!("{what} path"), path);
            say(&format!("{what} port"), port);
        }
    }
    say("image tag", container.image.as_ref().and_then(|i| i.tag.clone()));
}

/// A value in the notation for comparison.
pub(super) fn shown<T: ToString>(fact: &Option<Fact<T>>) -> Option<Fact<String>> {
    fact.as_ref().map(|f| f.as_ref().map(ToString::to_string))
}

/// Path and port of a probe; a port's name is looked up.
fn asked(probe: &Probe, container: &Container) -> (Option<Fact<String>>, Option<Fact<String>>) {
    let fact = |text: &str| Fact::declared(text.to_owned(), probe.span);
    let (path, port) = match &probe.check {
        ProbeCheck::Http { path, port } => (Some(fact(path)), port),
        ProbeCheck::Tcp { port } | ProbeCheck::Grpc { port, .. } => (None, port),
        ProbeCheck::Exec(_) => return (None, None),
    };
    let named = container
        .ports
        .iter()
        .find(|(name, _)| name.as_deref() == Some(port));
    let number = match named {
        Some((_, number)) => Some(number.value.to_string()),
        None => port.parse::<u32>().ok().map(|n| n.to_string()),
    };
    (path, number.map(|n| fact(&n)))
}
