//! Behaviour of linking, on environments built by hand.

mod kafka;
mod owners;
mod scale;
mod services;
mod stores;
mod variables;

use crate::kafka::Consumer;
use crate::owner::Owner;
use crate::platform::Environment;
use crate::scaling::{Autoscaler, ScalingBehaviour};
use crate::source::{Fact, Texts};
use crate::variable::{Variable, VariableValue};
use crate::workload::{Completeness, Container, Lifecycle, ObjectId, Rollout, ServicePort, Spread, Workload};
use cofferdam_syntax::{FileId, Span};

fn span(n: usize) -> Span {
    Span::new(FileId(0), n, n + 1)
}

fn in_file(file: u32) -> Span {
    Span::new(FileId(file), 0, 1)
}

fn declared<T>(value: T) -> Option<Fact<T>> {
    Some(Fact::declared(value, span(0)))
}

fn coded<T>(value: T) -> Option<Fact<T>> {
    Some(Fact::inferred(value, in_file(9), "a literal in code"))
}

fn env(name: &str) -> Environment {
    Environment {
        name: name.to_owned(),
        ..Environment::default()
    }
}

fn object(kind: &str, name: &str) -> ObjectId {
    ObjectId {
        kind: kind.to_owned(),
        namespace: None,
        deployment: None,
        name: name.to_owned(),
    }
}

fn workload(kind: &str, name: &str) -> Workload {
    Workload {
        id: object(kind, name),
        span: span(1),
        completeness: Completeness::Whole,
        lifecycle: match kind {
            "CronJob" | "Job" => Lifecycle::Batch,
            "DaemonSet" => Lifecycle::Daemon,
            "Pod" => Lifecycle::Pod,
            _ => Lifecycle::Service,
        },
        owner: Owner::default(),
        replicas: None,
        rollout: Rollout::default(),
        labels: Texts::new(),
        annotations: Texts::new(),
        containers: Vec::new(),
        init_containers: Vec::new(),
        grace: None,
        service_account: None,
        volumes: Vec::new(),
        spread: Spread::default(),
        priority_class: None,
        fields: Texts::new(),
    }
}

fn deployment(name: &str) -> Workload {
    workload("Deployment", name)
}

fn in_namespace(mut workload: Workload, namespace: &str) -> Workload {
    workload.id.namespace = Some(namespace.to_owned());
    workload
}

fn with_image(mut workload: Workload, repository: &str) -> Workload {
    workload.containers.push(Container {
        name: workload.id.name.clone(),
        image: Some(crate::images::Image {
            text: Fact::declared(repository.to_owned(), span(2)),
            registry: None,
            repository: repository.to_owned(),
            tag: None,
            digest: None,
        }),
        ..Container::default()
    });
    workload
}

fn with_variables(mut workload: Workload, variables: &[(&str, &str)]) -> Workload {
    let variables = variables
        .iter()
        .map(|(n, v)| ((*n).to_owned(), literal(v).into()))
        .collect();
    workload.containers.push(Container {
        name: "main".to_owned(),
        variables,
        ..Container::default()
    });
    workload
}

fn literal(text: &str) -> Variable {
    Variable {
        value: Fact::declared(VariableValue::Literal(text.to_owned()), span(3)),
        name_span: span(3),
    }
}

fn autoscaler(format: &str, target: Option<ObjectId>, limits: (Option<u32>, Option<u32>)) -> Autoscaler {
    Autoscaler {
        name: "scaler".to_owned(),
        format: format.to_owned(),
        span: span(4),
        completeness: crate::workload::Completeness::Whole,
        target: target.map(|t| Fact::declared(t, span(4))),
        workload: None,
        owner: Owner::default(),
        min: limits.0.map(|n| Fact::declared(n, span(4))),
        max: limits.1.map(|n| Fact::declared(n, span(4))),
        limit: None,
        metrics: Vec::new(),
        up: ScalingBehaviour::default(),
        down: ScalingBehaviour::default(),
    }
}

fn consumer_in(directory: &str, group: &str) -> Consumer {
    let mut consumer = Consumer::at(in_file(9), Owner::in_directory(directory));
    consumer.group = coded(group.to_owned());
    consumer
}

fn names(env: &Environment) -> Vec<&str> {
    env.services.iter().map(|s| s.name.as_str()).collect()
}

// --- services ---

/// A Service of Kubernetes that selects pods by these labels.
fn service_port(id: ObjectId, selector: Texts) -> ServicePort {
    ServicePort {
        id,
        span: span(0),
        labels: Texts::new(),
        selector,
        ports: Vec::new(),
        kind: None,
        address: None,
        external_name: None,
        completeness: Completeness::Whole,
    }
}
