//! Probes of a container, and what it does before it stops.

use crate::facts::NodeFacts as _;
use crate::kubernetes::object::{Object, seconds};
use cofferdam_model::delivery::{Dangling, DanglingKind};
use cofferdam_model::workload::{Container, Probe, ProbeCheck};
use cofferdam_model::{Fact, Parts, units};
use cofferdam_syntax::tree::Node;
use std::time::Duration;

/// A probe; one without a check that Kubernetes knows is not a probe.
pub(super) fn probe(node: &Node) -> Option<Probe> {
    let port = |check: &Node| {
        check
            .get("port")
            .and_then(Node::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    let check = if let Some(http) = node.get("httpGet") {
        let path = http.get("path").and_then(Node::as_str).filter(|p| !p.is_empty());
        ProbeCheck::Http {
            path: path.unwrap_or("/").to_owned(),
            port: port(http),
        }
    } else if let Some(tcp) = node.get("tcpSocket") {
        ProbeCheck::Tcp { port: port(tcp) }
    } else if let Some(grpc) = node.get("grpc") {
        let service = grpc.get("service").and_then(Node::as_str).unwrap_or_default();
        ProbeCheck::Grpc {
            port: port(grpc),
            service: service.to_owned(),
        }
    } else {
        ProbeCheck::Exec(words(node.at("exec/command")?))
    };
    let asks = ["httpGet", "tcpSocket", "grpc"]
        .iter()
        .find_map(|kind| node.get(kind));
    Some(Probe {
        check,
        span: node.span,
        port_span: asks.and_then(|asks| asks.get("port")).map(|port| port.span),
        initial_delay: seconds(node.get("initialDelaySeconds")),
        period: seconds(node.get("periodSeconds")),
        timeout: seconds(node.get("timeoutSeconds")),
        failure_threshold: node.get("failureThreshold").and_then(Node::u32_fact),
    })
}

/// A probe names a port: the kubelet looks the name up among the container's own ports.
pub(super) fn probe_port(
    what: &str,
    probe: &Probe,
    container: &Container,
    object: &Object<'_>,
    parts: &mut Parts,
) {
    let (ProbeCheck::Http { port, .. } | ProbeCheck::Tcp { port } | ProbeCheck::Grpc { port, .. }) =
        &probe.check
    else {
        return;
    };
    let named = |n: &(Option<String>, Fact<u32>)| n.0.as_deref() == Some(port);
    let is_number = port.chars().all(|c| c.is_ascii_digit());
    if !object.is_whole() || is_number || container.ports.iter().any(named) {
        return;
    }
    let names = container.ports.iter().filter_map(|(name, _)| name.as_deref());
    parts.dangling.push(Dangling {
        subject: format!("the {what} probe of {}", object.subject()),
        kind: DanglingKind::Port,
        name: Fact::declared(port.clone(), probe.port_span.unwrap_or(probe.span)),
        nearest: cofferdam_syntax::nearest::nearest(port, names).map(str::to_owned),
        certain: true,
    });
}

/// What runs before TERM, and how long it sleeps if that can be read.
pub(super) fn pre_stop(hook: &Node) -> (Option<Fact<String>>, Option<Fact<Duration>>) {
    if let Some(command) = hook.at("exec/command") {
        let text = words(command);
        let sleep = sleep_in(&text).map(|d| Fact::declared(d, command.span));
        return (Some(Fact::declared(text, command.span)), sleep);
    }
    if let Some(length) = hook.at("sleep/seconds") {
        let sleep = seconds(Some(length));
        return (length.fact(|t| Some(format!("sleep {t}"))), sleep);
    }
    let other = ["httpGet/path", "httpGet/port", "tcpSocket/port"]
        .iter()
        .find_map(|path| hook.at(path)?.text_fact());
    (other, None)
}

pub(super) fn words(list: &Node) -> String {
    match list.as_str() {
        Some(text) => text.to_owned(),
        None => {
            let words: Vec<&str> = list.items().iter().filter_map(Node::as_str).collect();
            words.join(" ")
        }
    }
}

/// The seconds of every `sleep N` in a command that is a plain sequence of words. A command with a variable
/// or a loop is not evaluated.
fn sleep_in(command: &str) -> Option<Duration> {
    let words: Vec<&str> = command
        .split(|c: char| c.is_whitespace() || matches!(c, ';' | '&' | '|' | '\'' | '"' | '(' | ')'))
        .filter(|w| !w.is_empty())
        .collect();
    if words
        .iter()
        .any(|w| matches!(*w, "while" | "until" | "for" | "if" | "case"))
    {
        return None;
    }
    let mut total = None;
    for pair in words.windows(2) {
        if pair[0] == "sleep" || pair[0].ends_with("/sleep") {
            total = Some(total.unwrap_or(Duration::ZERO) + units::seconds(pair[1])?);
        }
    }
    total
}
