//! Containers: image, variables, resources, probes, actions before they stop.

mod probes;
mod variables;

use super::object::{Object, is_true, place_of_name, text};
use super::schema;
use crate::arguments;
use crate::facts::NodeFacts as _;
use cofferdam_model::images::Image;
use cofferdam_model::workload::{Container, IMAGE_TRIGGER};
use cofferdam_model::{Bytes, Cpu, Fact, Parts, Texts};
use cofferdam_render::image::parse_image;
use cofferdam_syntax::tree::Node;
use probes::{pre_stop, probe, probe_port};
use variables::{overridden, variable_sources, variables};

/// Fields of a container that checks read as they are.
const FIELDS: &[&str] = &["imagePullPolicy", "restartPolicy", "tty", "stdin"];

/// Reads a container; its references and its secrets go into `env`.
pub(super) fn read(node: &Node, object: &Object<'_>, parts: &mut Parts) -> Container {
    super::image_variables::check(node, object, parts);
    let name = node.get("name");
    let resource = |path: &str| node.get("resources").and_then(|r| r.at(path));
    let mut container = Container {
        name: name.and_then(Node::as_str).unwrap_or_default().to_owned(),
        span: Some(place_of_name(node, "name", object.place).unwrap_or(node.span)),
        image: node.get("image").and_then(image),
        command: ["command", "args"]
            .iter()
            .filter_map(|key| node.get(key))
            .flat_map(Node::items)
            .filter_map(Node::text_fact)
            .collect(),
        variables: variables(node, object, parts),
        overridden: overridden(node),
        variable_sources: variable_sources(node, object, parts),
        cpu_request: resource("requests/cpu").and_then(|n| n.fact(Cpu::parse)),
        cpu_limit: resource("limits/cpu").and_then(|n| n.fact(Cpu::parse)),
        memory_request: resource("requests/memory").and_then(|n| n.fact(Bytes::parse)),
        memory_limit: resource("limits/memory").and_then(|n| n.fact(Bytes::parse)),
        liveness: node.get("livenessProbe").and_then(probe).map(Box::new),
        readiness: node.get("readinessProbe").and_then(probe).map(Box::new),
        startup: node.get("startupProbe").and_then(probe).map(Box::new),
        ports: ports(node),
        mounts: mounts(node),
        read_only_mounts: read_only_mounts(node),
        fields: fields(node, object),
        ..Container::default()
    };
    parts
        .secret_literals
        .extend(arguments::secrets(&container.command, true));
    let checks = [
        "livenessProbe",
        "readinessProbe",
        "startupProbe",
        "lifecycle/postStart",
        "lifecycle/preStop",
    ];
    for check in checks.iter().filter_map(|path| node.at(path)?.at("exec/command")) {
        let found = arguments::secrets(&arguments::words(check), true);
        parts.secret_literals.extend(found);
    }
    if let Some(hook) = node.at("lifecycle/preStop") {
        (container.pre_stop, container.pre_stop_sleep) = pre_stop(hook);
    }
    for (what, check) in [
        ("liveness", &container.liveness),
        ("readiness", &container.readiness),
        ("start-up", &container.startup),
    ] {
        if let Some(check) = check {
            probe_port(what, check, &container, object, parts);
        }
    }
    container
}

/// An image as written, in its parts.
pub(crate) fn image(node: &Node) -> Option<Image> {
    let text = node.text_fact().filter(|f| !f.value.trim().is_empty())?;
    let name = parse_image(&text.value);
    let part = |value: Option<String>| value.map(|v| text.clone().map(|_| v));
    Some(Image {
        tag: part(name.tag),
        digest: part(name.digest),
        registry: name.registry,
        repository: name.repository,
        text,
    })
}

fn fields(node: &Node, object: &Object<'_>) -> Texts {
    let mut fields: Texts = FIELDS
        .iter()
        .filter_map(|key| Some(((*key).to_owned(), node.get(key)?.text_fact()?)))
        .collect();
    for path in [
        "resources/requests/ephemeral-storage",
        "resources/limits/ephemeral-storage",
    ] {
        if let Some(fact) = node.at(path).and_then(Node::text_fact) {
            fields.insert(path.replace('/', "."), fact);
        }
    }
    for (key, value) in node.get("securityContext").into_iter().flat_map(Node::entries) {
        if let Some(fact) = value.text_fact() {
            fields.insert(format!("securityContext.{}", key.text), fact);
        }
    }
    if schema::has_image_of_trigger(object.node, node) {
        fields.insert(
            IMAGE_TRIGGER.to_owned(),
            Fact::declared("OpenShift".to_owned(), node.span),
        );
    }
    fields
}

fn ports(node: &Node) -> Vec<(Option<String>, Fact<u32>)> {
    let ports = node.get("ports").map_or(&[][..], Node::items);
    ports
        .iter()
        .filter_map(|port| {
            let name = port.get("name").and_then(Node::as_str).map(str::to_owned);
            Some((name, port.get("containerPort")?.u32_fact()?))
        })
        .collect()
}

fn mounts(node: &Node) -> Vec<(String, Fact<String>)> {
    let mounts = node.get("volumeMounts").map_or(&[][..], Node::items);
    mounts
        .iter()
        .filter_map(|mount| Some((mount.get("name")?.as_str()?.to_owned(), text(mount, "mountPath")?)))
        .collect()
}

fn read_only_mounts(node: &Node) -> Vec<String> {
    let all = node.get("volumeMounts").map_or(&[][..], Node::items);
    let name = |mount: &Node| mount.get("name").and_then(Node::as_str).map(str::to_owned);
    let writable: Vec<Option<String>> = all.iter().filter(|m| !is_true(m, "readOnly")).map(name).collect();
    let names = all.iter().map(name).filter(|n| !writable.contains(n));
    names.flatten().collect()
}

#[cfg(test)]
mod tests;
