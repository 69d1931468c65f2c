//! Compose files. They describe how people run the platform on one machine. Missing fields in such a file
//! prove nothing for production, so its services are fragments, and if the platform has workloads of a
//! cluster they are left out altogether ([`settle`]).

pub(crate) mod build;
pub(crate) mod elsewhere;
mod interpolate;
mod merge;
mod recognise;
pub(crate) mod stacks;

use crate::context::Place;
use crate::facts::NodeFacts as _;
use crate::kubernetes::container::image;
use crate::kubernetes::processes;
use crate::{arguments, secret_scan};
use cofferdam_model::delivery::{Dangling, DanglingKind};
use cofferdam_model::secrets::{Passage, SecretKind, SecretLiteral, SecretUse};
use cofferdam_model::workload::{
    Completeness, Container, Lifecycle, ObjectId, Probe, ProbeCheck, Rollout, Spread, Volume, VolumeKind,
    Workload,
};
use cofferdam_model::{Bytes, Cpu, Fact, Owner, Parts, Service, Span, Texts, Variable, VariableValue, units};
use cofferdam_syntax::nearest::nearest;
use cofferdam_syntax::repo::{Repo, normalise};
use cofferdam_syntax::tree::{Node, Value};
use interpolate::Variables;
pub(crate) use recognise::base;
pub use recognise::is_compose;
use std::collections::BTreeMap;
use std::path::Path;

/// Kind of a Compose service in an [`ObjectId`].
pub const KIND: &str = "Compose service";

/// Whether a tree is a Compose file that only includes others.
fn includes_only(node: &Node) -> bool {
    let included = node.get("include").map_or(&[][..], Node::items);
    let is_compose_file = |item: &Node| {
        let path = item.as_str().or_else(|| item.get("path")?.as_str());
        path.is_some_and(|path| {
            path.contains("compose") && (path.ends_with(".yml") || path.ends_with(".yaml"))
        })
    };
    !included.is_empty() && included.iter().all(is_compose_file) && node.get("apiVersion").is_none()
}

/// Places of images of a Compose file that a default names: the shell may name another one.
pub(crate) fn default_images(node: &Node, repo: &Repo, path: &Path) -> Vec<Span> {
    let known = Variables::beside(repo, path);
    let services = node.get("services").into_iter().flat_map(Node::entries);
    services
        .filter_map(|(_, service)| service.get("image"))
        .filter(|image| image.as_str().is_some_and(|text| known.takes_default(text)))
        .map(|image| image.span)
        .collect()
}

/// Reads one document.
pub fn read(node: &Node, place: Place<'_>) -> Parts {
    let mut parts = Parts::default();
    interpret(node, place, &mut parts);
    parts
}

/// Reads the services of a Compose file.
fn interpret(node: &Node, place: Place<'_>, parts: &mut Parts) {
    let known = Variables::beside(place.repo, place.path);
    let filled = known.fill(node);
    let services = || filled.get("services").into_iter().flat_map(Node::entries);
    let included = elsewhere::included_services(node, place.repo, place.path);
    let laid_with = recognise::laid_with(place.repo, place.path);
    let built_elsewhere = build::elsewhere(services());
    for (key, service) in services() {
        let owner = Owner::named(&*key.text);
        for (needed, span) in depends_on(service) {
            // What is included and was not read may bring any service.
            let is_included = included
                .as_ref()
                .is_none_or(|names| names.contains(needed.as_str()));
            let is_laid_over = laid_with.contains(&needed.as_str());
            if !is_included && !is_laid_over && !services().any(|(k, _)| *k.text == *needed) {
                parts.dangling.push(Dangling {
                    subject: format!("{KIND} {}", key.text),
                    kind: DanglingKind::Service,
                    nearest: nearest(&needed, services().map(|(k, _)| &*k.text)).map(str::to_owned),
                    name: Fact::declared(needed, span),
                    certain: true,
                });
            }
        }
        env_files(service, &key.text, place, parts);
        secrets(service, &owner, parts);
        parts.secret_literals.extend(secrets_in_commands(service));
        let mut workload = workload(&key.text, key.span, service);
        build::add(service, &built_elsewhere, place, &mut workload.fields);
        let written = node
            .at("services")
            .and_then(|s| s.get(&key.text)?.get("environment"));
        if let (Some(container), Some(written)) = (workload.containers.first_mut(), written) {
            container.variables = variables(written, &key.text, &known, parts);
        }
        // A part of a service that another file declares is no service of its own.
        let is_whole = ["image", "build", "extends"]
            .iter()
            .any(|k| service.get(k).is_some());
        if is_whole || !laid_with.contains(&&*key.text) {
            parts.workloads.push(workload);
        }
    }
}

/// Leaves Compose services out if other workloads show how the platform really runs, and sets how many
/// processes the others start and where their code is. Called once all files have been read, before settings are.
pub fn settle(parts: &mut Parts) {
    if parts.workloads.iter().any(|w| w.id.kind != KIND) {
        parts.workloads.retain(|w| w.id.kind != KIND);
        return;
    }
    for workload in &parts.workloads {
        if let Some(count) = processes::of(&workload.containers) {
            parts.services.push(Service {
                name: workload.id.name.clone(),
                deployment: workload.id.deployment,
                processes: Some(count),
                ..Service::default()
            });
        }
    }
    let built = build::services(&parts.workloads);
    parts.services.extend(built);
}

fn workload(name: &str, span: Span, service: &Node) -> Workload {
    let mut fields = Texts::new();
    for key in ["restart", "network_mode", "privileged"] {
        if let Some(fact) = service.get(key).and_then(Node::text_fact) {
            fields.insert(key.to_owned(), fact);
        }
    }
    let replicas = service.at("deploy/replicas").or_else(|| service.get("scale"));
    Workload {
        id: ObjectId {
            kind: KIND.to_owned(),
            namespace: None,
            deployment: None,
            name: name.to_owned(),
        },
        span,
        completeness: Completeness::Fragment,
        lifecycle: Lifecycle::Service,
        owner: Owner::named(name),
        replicas: replicas.and_then(Node::u32_fact),
        rollout: Rollout::default(),
        labels: Texts::new(),
        annotations: Texts::new(),
        containers: vec![container(name, span, service)],
        init_containers: Vec::new(),
        grace: service
            .get("stop_grace_period")
            .and_then(|n| n.fact(units::duration)),
        service_account: None,
        volumes: volumes(service),
        spread: Spread::default(),
        priority_class: None,
        fields,
    }
}

/// The secrets in the commands of a service. A password that everybody tries first is for the developer's own machine.
fn secrets_in_commands(service: &Node) -> Vec<SecretLiteral> {
    let command = ["entrypoint", "command"]
        .iter()
        .filter_map(|key| service.get(key))
        .flat_map(arguments::words)
        .collect::<Vec<_>>();
    let mut found = arguments::secrets(&command, false);
    if let Some(test) = service.at("healthcheck/test") {
        found.extend(arguments::secrets(&arguments::words(test), false));
    }
    found
}

fn container(name: &str, span: Span, service: &Node) -> Container {
    let resource = |path: &str, old: &str| service.at(path).or_else(|| service.get(old));
    Container {
        name: name.to_owned(),
        span: Some(span),
        image: service.get("image").and_then(image),
        command: ["entrypoint", "command"]
            .iter()
            .filter_map(|key| service.get(key))
            .flat_map(|node| {
                if node.as_str().is_some() {
                    std::slice::from_ref(node)
                } else {
                    node.items()
                }
            })
            .filter_map(Node::text_fact)
            .collect(),
        cpu_limit: resource("deploy/resources/limits/cpus", "cpus").and_then(|n| n.fact(Cpu::parse)),
        cpu_request: service
            .at("deploy/resources/reservations/cpus")
            .and_then(|n| n.fact(Cpu::parse)),
        memory_limit: resource("deploy/resources/limits/memory", "mem_limit").and_then(|n| n.fact(bytes)),
        memory_request: resource("deploy/resources/reservations/memory", "mem_reservation")
            .and_then(|n| n.fact(bytes)),
        readiness: service.get("healthcheck").and_then(health).map(Box::new),
        ports: ports(service),
        ..Container::default()
    }
}

/// A size as Compose writes it: `b`, `k`, `m`, `g`, with or without a `b` after it, in powers of 1024.
fn bytes(text: &str) -> Option<Bytes> {
    let lower = text.trim().to_ascii_lowercase();
    let digits = lower
        .find(|c: char| !(c.is_ascii_digit() || c == '.'))
        .unwrap_or(lower.len());
    let number: f64 = lower[..digits].parse().ok()?;
    let factor = match lower[digits..].trim() {
        "" | "b" => 1.0,
        "k" | "kb" => 1024.0,
        "m" | "mb" => 1024f64.powi(2),
        "g" | "gb" => 1024f64.powi(3),
        _ => return None,
    };
    let bytes = number * factor;
    // Far beyond any machine; an f64 is exact below it.
    (bytes < 9e15).then_some(Bytes(bytes as u64))
}

/// `environment` as written, a map or a list of `NAME=value`.
fn variables(node: &Node, owner: &str, known: &Variables, parts: &mut Parts) -> cofferdam_model::Variables {
    let mut variables = BTreeMap::new();
    let nothing = Variables::default();
    let mut add = |name: &str, name_span: Span, text: Option<&str>, span: Span| {
        let value = match text.map(|text| known.address(text)) {
            Some(Some(text)) => VariableValue::Literal(text),
            Some(None) => VariableValue::Unknown("a variable of the shell".to_owned()),
            // A name without a value comes from the shell.
            None => VariableValue::Unknown("the shell's own variable".to_owned()),
        };
        // A secret of `.env` stands there, and is told of there.
        if let Some(text) = text.and_then(|text| nothing.interpolate(text))
            && !secret_scan::is_first_guess(&text)
            && let Some(found) = secret_scan::classify(name, &text)
        {
            parts.secret_uses.push(SecretUse {
                owner: Owner::named(owner),
                span,
                name: name.to_owned(),
                kind: found.0,
                passage: Passage::EnvironmentLiteral,
                dynamic: None,
            });
            parts
                .secret_literals
                .push(secret_scan::literal(name, &text, span, found));
        }
        let value = Fact::declared(value, span);
        variables.insert(name.to_owned(), Variable { value, name_span }.into());
    };
    for (key, value) in node.entries() {
        match &value.value {
            Value::Scalar(scalar) => add(&key.text, key.span, Some(&scalar.text), value.span),
            _ => add(&key.text, key.span, None, key.span),
        }
    }
    for item in node.items() {
        let Some(text) = item.as_str() else { continue };
        match text.split_once('=') {
            Some((name, value)) => add(name.trim(), item.span, Some(value), item.span),
            None => add(text.trim(), item.span, None, item.span),
        }
    }
    variables
}

/// Docker's checks: interval 30 s, timeout 30 s, three failures, unless set.
fn health(node: &Node) -> Option<Probe> {
    if node.get("disable").and_then(Node::as_bool) == Some(true) {
        return None;
    }
    let test = node.get("test")?;
    let command = match test.as_str() {
        Some(text) => text.to_owned(),
        None => {
            let words: Vec<&str> = test.items().iter().filter_map(Node::as_str).collect();
            match words.as_slice() {
                ["NONE", ..] => return None,
                ["CMD" | "CMD-SHELL", command @ ..] => command.join(" "),
                other => other.join(" "),
            }
        }
    };
    let time = |key: &str| node.get(key)?.fact(units::duration);
    let unset = |seconds, what: &str| {
        Some(Fact::assumed(
            std::time::Duration::from_secs(seconds),
            format!("a health check's {what} is {seconds} s, Docker's default"),
        ))
    };
    Some(Probe {
        check: ProbeCheck::Exec(command),
        span: node.span,
        port_span: None,
        initial_delay: time("start_period"),
        period: time("interval").or_else(|| unset(30, "interval")),
        timeout: time("timeout").or_else(|| unset(30, "timeout")),
        failure_threshold: node.get("retries").and_then(Node::u32_fact),
    })
}

/// Ports of the container: the last part of `host:container`, or `target`.
fn ports(service: &Node) -> Vec<(Option<String>, Fact<u32>)> {
    let listed = ["ports", "expose"].iter().filter_map(|key| service.get(key));
    listed
        .flat_map(Node::items)
        .filter_map(|port| match port.get("target") {
            Some(target) => target.u32_fact(),
            None => port.fact(|text| text.split('/').next()?.rsplit(':').next()?.parse().ok()),
        })
        .map(|port| (None, port))
        .collect()
}

fn volumes(service: &Node) -> Vec<Volume> {
    let listed = service.get("volumes").map_or(&[][..], Node::items);
    listed
        .iter()
        .filter_map(|volume| {
            let source = match volume.as_str() {
                Some(text) => text.split(':').next()?.to_owned(),
                None => volume.get("source")?.as_str()?.to_owned(),
            };
            let is_path = source.starts_with(['/', '.', '~', '$']);
            Some(Volume {
                name: source.clone(),
                span: volume.span,
                kind: if is_path {
                    VolumeKind::HostPath(source)
                } else {
                    VolumeKind::Claim(source)
                },
            })
        })
        .collect()
}

/// Services that must start first, with the place of their names.
fn depends_on(service: &Node) -> Vec<(String, Span)> {
    let Some(node) = service.get("depends_on") else {
        return Vec::new();
    };
    let listed = node
        .items()
        .iter()
        .filter_map(|n| Some((n.as_str()?.to_owned(), n.span)));
    let required = node
        .entries()
        .filter(|(_, n)| n.get("required").and_then(Node::as_bool) != Some(false));
    listed
        .chain(required.map(|(k, _)| (k.text.to_string(), k.span)))
        .collect()
}

/// Files of variables must exist, unless git ignores them.
fn env_files(service: &Node, name: &str, place: Place<'_>, parts: &mut Parts) {
    let Some(node) = service.get("env_file") else {
        return;
    };
    let files = if node.items().is_empty() {
        std::slice::from_ref(node)
    } else {
        node.items()
    };
    for file in files {
        if file.get("required").and_then(Node::as_bool) == Some(false) {
            continue;
        }
        let written = file.get("path").unwrap_or(file);
        let Some(text) = written.as_str().filter(|t| !t.contains('$')) else {
            continue;
        };
        let path = normalise(&place.path.parent().unwrap_or(Path::new("")).join(text));
        if path.starts_with("..") || path.is_absolute() || place.repo.exists(&path) {
            continue;
        }
        if !place.repo.absent_by_design(&path) {
            parts.dangling.push(Dangling {
                subject: format!("{KIND} {name}"),
                kind: DanglingKind::File,
                name: Fact::declared(text.to_owned(), written.span),
                nearest: None,
                certain: true,
            });
        }
    }
}

fn secrets(service: &Node, owner: &Owner, parts: &mut Parts) {
    for node in service.get("secrets").map_or(&[][..], Node::items) {
        let source = node.get("source").unwrap_or(node);
        if let Some(name) = source.as_str() {
            parts.secret_uses.push(SecretUse {
                owner: owner.clone(),
                span: source.span,
                name: name.to_owned(),
                kind: secret_scan::kind_of_name(name).unwrap_or(SecretKind::Other),
                passage: Passage::File {
                    secret: name.to_owned(),
                },
                dynamic: None,
            });
        }
    }
}

#[cfg(test)]
mod tests;
