//! Services, Ingresses and network policies.

use super::{Out, PORT, invalid, invalid_map, missing, port_or_name, unique, within};
use crate::kubernetes::schema::cursor::Cursor;
use crate::kubernetes::schema::scalar;
use cofferdam_syntax::tree::{Node, Value};
use ipnet::IpNet;
use std::net::IpAddr;

/// A Service (`ValidateService`).
pub(super) fn service<'a>(at: &'a Cursor<'a>, out: &mut Out) {
    let kind = at.text_of("type");
    let unknown_type = at.has("type") && kind.is_none();
    if kind == Some("ExternalName") {
        if !at.has("externalName") {
            out.push(missing(at, "externalName"));
        }
        return;
    }
    let headless = at.text_of("clusterIP") == Some("None");
    let ports = at.node.get("ports");
    let none = ports.is_none_or(|p| p.is_null() || matches!(&p.value, Value::Seq(i) if i.is_empty()));
    if none && !headless && !unknown_type && at.node.get("clusterIP").is_none_or(|n| n.as_str() == Some("")) {
        out.push(missing(at, "ports"));
    }
    if headless
        && let Some(kind @ ("LoadBalancer" | "NodePort")) = kind
        && let Some(address) = at.get("clusterIP")
    {
        out.push(invalid(
            &address,
            format!("is None, which a Service of type {kind} cannot be"),
            "Remove `clusterIP`, or write `type: ClusterIP`.",
        ));
    }
    let Some(ports) = at.get("ports") else { return };
    unique(&ports, "name", "port", out);
    let items = ports.node.items();
    if items.len() > 1 {
        for port in ports.each() {
            if port.node.as_map().is_some() && !port.has("name") {
                out.push(missing(&port, "name"));
            }
        }
    }
    same_ports(&ports, out);
}

/// Port and protocol together are unique.
fn same_ports(ports: &Cursor<'_>, out: &mut Out) {
    let of = |node: &Node| {
        let protocol = match node.get("protocol") {
            None => "TCP",
            Some(node) if node.is_null() => "TCP",
            Some(node) => node.as_str().filter(|t| !scalar::templated(t))?,
        };
        Some((scalar::int(node.get("port")?)?, protocol.to_owned()))
    };
    let items = ports.node.items();
    for (index, item) in items.iter().enumerate().skip(1) {
        let Some(port) = of(item) else { continue };
        if items[..index]
            .iter()
            .any(|other| of(other).as_ref() == Some(&port))
        {
            let item = ports.item(index, item);
            if let Some(value) = item.get("port") {
                out.push(invalid(
                    &value,
                    format!("is {} over {}, which an earlier port is too", port.0, port.1),
                    "Give every port of the Service its own number.",
                ));
            }
        }
    }
}

/// A port of a Service (`validateServicePort`).
pub(super) fn service_port<'a>(at: &'a Cursor<'a>, out: &mut Out) {
    within(at, "port", PORT, out);
    // 0 is absent.
    within(at, "nodePort", (0, 65_535), out);
    if at.int_of("targetPort") != Some(0) {
        port_or_name(at, "targetPort", out);
    }
    if let Some(name) = at.get("name")
        && let Some(text) = name.text()
        && !text.is_empty()
        && !scalar::is_label(text)
    {
        out.push(invalid(
            &name,
            format!("is `{text}`, which is not a valid port name"),
            "Write at most 63 of a-z, 0-9 and -, letters or digits at the ends.",
        ));
    }
}

/// An Ingress has a target (`validateIngressSpec`).
pub(super) fn ingress<'a>(at: &'a Cursor<'a>, out: &mut Out) {
    let rules = at.node.get("rules");
    let none = rules.is_none_or(|r| r.is_null() || matches!(&r.value, Value::Seq(i) if i.is_empty()));
    // An old `backend` is reported as a field of another version.
    if none && !at.has("defaultBackend") && !at.has("backend") {
        out.push(missing(at, "rules"));
    }
}

/// A host of an Ingress (`validateIngressRules`).
pub(super) fn ingress_rule<'a>(at: &'a Cursor<'a>, out: &mut Out) {
    let Some(host) = at.get("host") else { return };
    let Some(text) = host.text().filter(|t| !t.is_empty() && !scalar::placeholder(t)) else {
        return;
    };
    let reason = if text.parse::<IpAddr>().is_ok() {
        "is an address, and a host is a name".to_owned()
    } else if !scalar::is_subdomain(text.strip_prefix("*.").unwrap_or(text)) {
        format!("is `{text}`, which is not a valid host name")
    } else {
        return;
    };
    out.push(invalid(
        &host,
        reason,
        "Write a name in small letters without scheme, port and path.",
    ));
}

/// A path of an Ingress (`validateHTTPIngressPath`).
pub(super) fn ingress_path<'a>(at: &'a Cursor<'a>, out: &mut Out) {
    let Some(kind) = at.text_of("pathType") else {
        return;
    };
    let text = at.text_of("path");
    if at.has("path") && text.is_none() {
        return;
    }
    let text = text.unwrap_or("");
    let relative = !text.starts_with('/');
    let must = matches!(kind, "Exact" | "Prefix") || (kind == "ImplementationSpecific" && !text.is_empty());
    if must && relative {
        match at.get("path") {
            Some(path) => out.push(invalid(
                &path,
                format!("is `{text}` and must begin with /"),
                "Begin the path with /.",
            )),
            None => out.push(missing(at, "path")),
        }
    }
}

/// The target of an Ingress: a service or a resource (`validateIngressBackend`).
pub(super) fn ingress_backend<'a>(at: &'a Cursor<'a>, out: &mut Out) {
    let (service, resource) = (at.has("service"), at.has("resource"));
    if service && resource {
        out.push(invalid_map(
            at,
            "has both service and resource and may have one",
            "Keep one of them.",
        ));
    } else if !service
        && !resource
        && at
            .node
            .as_map()
            .is_some_and(cofferdam_syntax::tree::Map::is_empty)
    {
        out.push(missing(at, "service"));
    }
}

/// A service is named with one port, by number or name.
pub(super) fn ingress_service<'a>(at: &'a Cursor<'a>, out: &mut Out) {
    let Some(port) = at.get("port") else {
        if at.node.get("port").is_none_or(Node::is_null) {
            out.push(missing(at, "port"));
        }
        return;
    };
    if port.node.as_map().is_none() {
        return;
    }
    match (port.has("name"), port.has("number")) {
        (true, true) => out.push(invalid_map(
            &port,
            "has both name and number and may have one",
            "Keep one of them.",
        )),
        (false, false) => out.push(missing(&port, "number")),
        _ => within(&port, "number", PORT, out),
    }
}

/// A peer of a network policy (`ValidateNetworkPolicyPeer`).
pub(super) fn peer<'a>(at: &'a Cursor<'a>, out: &mut Out) {
    let Some(map) = at.node.as_map() else { return };
    if map.iter().all(|(_, value)| value.is_null()) {
        out.push(invalid_map(
            at,
            "names no peer",
            "Add `podSelector`, `namespaceSelector` or `ipBlock`; to allow every peer, remove the list.",
        ));
    }
    if at.has("ipBlock") && (at.has("podSelector") || at.has("namespaceSelector")) {
        out.push(invalid_map(
            at,
            "has ipBlock together with a selector; a peer is one of the two",
            "Make two peers of it, each with its own dash.",
        ));
    }
}

/// A range of addresses (`ValidateIPBlock`).
pub(super) fn ip_block<'a>(at: &'a Cursor<'a>, out: &mut Out) {
    let Some(range) = at.get("cidr") else { return };
    let Some(text) = range.text() else { return };
    let Some(outer) = network(&range, text, out) else {
        return;
    };
    let Some(except) = at.get("except") else { return };
    for item in except.each() {
        let Some(text) = item.text() else { continue };
        if let Some(inner) = network(&item, text, out)
            && !scalar::strictly_within(inner, outer)
        {
            out.push(invalid(
                &item,
                format!("is {text}, which is not part of {outer}"),
                "Except only ranges that are in `cidr` and are smaller.",
            ));
        }
    }
}

/// The network of a text. Leading zeros, on which parsers disagree, are not judged.
fn network(at: &Cursor<'_>, text: &str, out: &mut Out) -> Option<IpNet> {
    let parsed = text.parse::<IpNet>().ok();
    let zeros = text
        .split(['.', '/'])
        .any(|part| part.len() > 1 && part.starts_with('0') && !part.contains(':'));
    if parsed.is_none() && !zeros && !scalar::placeholder(text) {
        let remedy = match text.parse::<IpAddr>() {
            Ok(IpAddr::V4(_)) => format!("Write {text}/32."),
            Ok(IpAddr::V6(_)) => format!("Write {text}/128."),
            Err(_) => "Write an address, / and the number of fixed bits: 10.0.0.0/8.".to_owned(),
        };
        out.push(invalid(
            at,
            format!("is `{text}`, which is not a range of addresses"),
            remedy,
        ));
    }
    parsed
}

/// A port or range of ports of a network policy (`ValidateNetworkPolicyPort`).
pub(super) fn policy_port<'a>(at: &'a Cursor<'a>, out: &mut Out) {
    port_or_name(at, "port", out);
    let Some(end) = at.get("endPort") else { return };
    match at.get("port") {
        None => out.push(missing(at, "port")),
        Some(port) => {
            if let (Some(first), Some(last)) = (port.int(), end.int())
                && last < first
            {
                out.push(invalid(
                    &end,
                    format!("is {last}, less than port, {first}"),
                    format!("Write {first} or more."),
                ));
            }
        }
    }
    within(at, "endPort", PORT, out);
}
