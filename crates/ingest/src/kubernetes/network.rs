//! Objects that lead to pods and objects that block access to them: Services, Ingresses and routes of the
//! Gateway API, namespaces and network policies.

use super::object::{Object, duration, selector, text, texts};
use super::schema::templated;
use crate::facts::NodeFacts as _;
use cofferdam_model::calls::{Call, CallSite, CallTarget, TimeoutSetting};
use cofferdam_model::delivery::{DanglingKind, Reference};
use cofferdam_model::network::{Namespace, NetworkPolicy, Peer, PeerKind, PolicyRule, PortRange};
use cofferdam_model::workload::ServicePort;
use cofferdam_model::{Fact, Owner, Parts, units};
use cofferdam_syntax::tree::{Node, Value};

/// Reads an object of the network; returns whether it is one.
pub(super) fn interpret(object: &Object<'_>, parts: &mut Parts) -> bool {
    match (object.group, object.id.kind.as_str()) {
        ("", "Service") => service(object, parts),
        ("", "Namespace") => parts.namespaces.push(Namespace {
            name: object.id.name.clone(),
            labels: texts(object.at("metadata/labels")),
            span: object.span,
        }),
        ("networking.k8s.io" | "extensions", "NetworkPolicy") => policy(object, parts),
        ("networking.k8s.io" | "extensions", "Ingress") => ingress(object, parts),
        (group, kind) if FOREIGN.contains(&group) && kind.ends_with("NetworkPolicy") => {
            parts.foreign_policies.push(object.id.clone());
        }
        ("gateway.networking.k8s.io", kind) if kind.ends_with("Route") => gateway_route(object, parts),
        ("route.openshift.io", "Route") => {
            if let Some(name) = object.at("spec/to").and_then(|to| text(to, "name")) {
                object.refers(parts, DanglingKind::Service, name);
            }
        }
        _ => return false,
    }
    true
}

/// Groups of network plugins that have policies of their own.
const FOREIGN: &[&str] = &[
    "cilium.io",
    "crd.projectcalico.org",
    "projectcalico.org",
    "crd.antrea.io",
];

fn service(object: &Object<'_>, parts: &mut Parts) {
    let ports = object.at("spec/ports").map_or(&[][..], Node::items);
    parts.service_ports.push(ServicePort {
        id: object.id.clone(),
        span: object.span,
        labels: texts(object.at("metadata/labels")),
        selector: texts(object.at("spec/selector")),
        ports: ports
            .iter()
            .filter_map(|port| {
                let name = port.get("name").and_then(Node::as_str).map(str::to_owned);
                Some((name, port.get("port")?.u32_fact()?, text(port, "targetPort")))
            })
            .collect(),
        kind: object.spec().and_then(|s| text(s, "type")),
        completeness: object.place.completeness,
        address: object.spec().and_then(|s| text(s, "clusterIP")),
        external_name: object.spec().and_then(|s| text(s, "externalName")),
    });
}

/// Whether a part of this tree is unknown: a selector with such a part may select less than its readable
/// part.
fn has_unknown(node: &Node) -> bool {
    match &node.value {
        Value::Unknown(_) => true,
        Value::Seq(items) => items.iter().any(has_unknown),
        Value::Map(map) => map.iter().any(|(_, value)| has_unknown(value)),
        Value::Null | Value::Scalar(_) => false,
    }
}

fn policy(object: &Object<'_>, parts: &mut Parts) {
    let Some(spec) = object.spec() else { return };
    let pods = spec.get("podSelector");
    if pods.is_some_and(has_unknown) {
        return;
    }
    let types = spec.get("policyTypes").map(Node::items);
    let governs = |direction: &str, unless_said: bool| match types {
        Some(types) if !types.is_empty() => types
            .iter()
            .any(|t| t.as_str().is_some_and(|t| t.eq_ignore_ascii_case(direction))),
        _ => unless_said,
    };
    let rules = |key: &str, peers: &str| {
        let rules = spec.get(key).map_or(&[][..], Node::items);
        rules.iter().filter_map(|rule| policy_rule(rule, peers)).collect()
    };
    parts.network_policies.push(NetworkPolicy {
        id: object.id.clone(),
        span: object.span,
        selector: pods.map(selector).unwrap_or_default(),
        ingress: governs("Ingress", true),
        egress: governs(
            "Egress",
            spec.get("egress").is_some_and(|e| !e.items().is_empty()),
        ),
        ingress_rules: rules("ingress", "from"),
        egress_rules: rules("egress", "to"),
    });
}

/// A rule. One with an unknown part is left out: without that part it would allow more than it does.
fn policy_rule(rule: &Node, peers: &str) -> Option<PolicyRule> {
    if has_unknown(rule) {
        return None;
    }
    let ports = rule.get("ports").map_or(&[][..], Node::items);
    Some(PolicyRule {
        span: rule.span,
        peers: rule
            .get(peers)
            .map_or(&[][..], Node::items)
            .iter()
            .map(peer)
            .collect(),
        ports: ports
            .iter()
            .map(|port| PortRange {
                protocol: text(port, "protocol").map_or_else(|| "TCP".to_owned(), |f| f.value),
                port: text(port, "port").map(|f| f.value),
                end: port.get("endPort").and_then(Node::as_u32),
            })
            .collect(),
    })
}

fn peer(node: &Node) -> Peer {
    let kind = match node.get("ipBlock") {
        Some(block) => PeerKind::Addresses {
            cidr: text(block, "cidr").map_or_else(String::new, |f| f.value),
            except: block
                .get("except")
                .map_or(&[][..], Node::items)
                .iter()
                .filter_map(|e| e.as_str().map(str::to_owned))
                .collect(),
        },
        None => PeerKind::Pods {
            namespaces: node.get("namespaceSelector").map(selector),
            pods: node.get("podSelector").map(selector),
        },
    };
    Peer {
        span: node.span,
        kind,
    }
}

/// Backends of an Ingress, in the present form and the one of the beta versions.
fn ingress(object: &Object<'_>, parts: &mut Parts) {
    let Some(spec) = object.spec() else { return };
    let rules = spec.get("rules").map_or(&[][..], Node::items);
    let paths = rules
        .iter()
        .filter_map(|rule| rule.at("http/paths"))
        .flat_map(Node::items)
        .filter_map(|path| path.get("backend"));
    let backends: Vec<&Node> = ["defaultBackend", "backend"]
        .iter()
        .filter_map(|key| spec.get(key))
        .chain(paths)
        .collect();
    for backend in &backends {
        let service = backend.get("service").unwrap_or(backend);
        let name = text(service, "name").or_else(|| text(backend, "serviceName"));
        let port = service.get("port");
        let port = port
            .and_then(|p| text(p, "name").or_else(|| text(p, "number")))
            .or_else(|| text(backend, "servicePort"));
        // An annotation of the AWS controller is used in place of the service then.
        let by_annotation = port.as_ref().is_some_and(|p| p.value == "use-annotation");
        if let Some(name) = name.filter(|_| !by_annotation) {
            if let Some(port) = port {
                object.refers_within(parts, DanglingKind::Port, port, Some(name.value.clone()));
            }
            nginx(object, &name, parts);
            object.refers(parts, DanglingKind::Service, name);
        }
    }
    // cert-manager creates the certificates of an Ingress that asks for them.
    let asks = [
        "cert-manager.io/cluster-issuer",
        "cert-manager.io/issuer",
        "cert-manager.io/issuer-kind",
        "certmanager.k8s.io/cluster-issuer",
        "certmanager.k8s.io/issuer",
        "kubernetes.io/tls-acme",
    ];
    let made = asks.iter().any(|key| object.annotation(key).is_some());
    for tls in spec.get("tls").map_or(&[][..], Node::items) {
        match text(tls, "secretName") {
            Some(secret) if made => super::config::exists(object, &secret.value, parts),
            Some(secret) => object.refers(parts, DanglingKind::Secret, secret),
            None => {}
        }
    }
}

/// Timeouts and tries from annotations for the nginx controller.
fn nginx(object: &Object<'_>, service: &Fact<String>, parts: &mut Parts) {
    let annotation = |name: &str| object.annotation(&format!("nginx.ingress.kubernetes.io/{name}"));
    let timeout = annotation("proxy-read-timeout").and_then(|n| n.fact(units::seconds));
    // Nginx counts the first try too; 0 is no limit.
    let tries = annotation("proxy-next-upstream-tries")
        .and_then(Node::u32_fact)
        .filter(|f| f.value > 0);
    if timeout.is_some() || tries.is_some() {
        parts.calls.push(Call {
            owner: Owner::named(object.subject()),
            site: CallSite::Route,
            span: object.span,
            target: CallTarget::Service,
            target_name: Some(service.clone()),
            what: format!("{} → {}", object.subject(), service.value),
            timeout: timeout.map_or(TimeoutSetting::Unknown, TimeoutSetting::After),
            attempts: tries,
            backoff: None,
            jitter: None,
            retry_budget: None,
            breaker: None,
        });
    }
}

fn gateway_route(object: &Object<'_>, parts: &mut Parts) {
    for rule in object.at("spec/rules").map_or(&[][..], Node::items) {
        for backend in rule.get("backendRefs").map_or(&[][..], Node::items) {
            let kind = backend.get("kind").and_then(Node::as_str).unwrap_or("Service");
            let Some(name) = text(backend, "name").filter(|_| kind == "Service") else {
                continue;
            };
            let namespace = text(backend, "namespace")
                .map(|f| f.value)
                .or_else(|| object.id.namespace.clone());
            if let Some(timeout) = rule.get("timeouts").and_then(|t| duration(t.get("request"))) {
                parts.calls.push(Call {
                    owner: Owner::named(object.subject()),
                    site: CallSite::Route,
                    span: rule.span,
                    target: CallTarget::Service,
                    target_name: Some(name.clone()),
                    what: format!("{} → {}", object.subject(), name.value),
                    timeout: TimeoutSetting::After(timeout),
                    attempts: rule
                        .at("retry/attempts")
                        .and_then(Node::u32_fact)
                        .map(|f| f.map(|retries| retries.saturating_add(1))),
                    backoff: None,
                    jitter: None,
                    retry_budget: None,
                    breaker: None,
                });
            }
            if object.is_whole() && !templated(&name.value) {
                let reference = |kind, name, within| Reference {
                    subject: object.subject(),
                    kind,
                    name,
                    namespace: namespace.clone(),
                    deployment: None,
                    within,
                };
                if let Some(port) = text(backend, "port") {
                    let within = Some(name.value.clone());
                    parts.references.push(reference(DanglingKind::Port, port, within));
                }
                parts
                    .references
                    .push(reference(DanglingKind::Service, name, None));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{read, read_fragment};
    use super::*;

    #[test]
    fn a_policy_applies_to_its_types_or_to_the_types_of_its_rules() {
        let of = |spec: &str| {
            let env = read(&format!(
                "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: p}}\nspec: {spec}\n"
            ));
            let p = &env.network_policies[0];
            (p.ingress, p.egress, p.ingress_rules.len(), p.egress_rules.len())
        };
        assert_eq!(of("{podSelector: {}}"), (true, false, 0, 0));
        assert_eq!(of("{podSelector: {}, egress: [{}]}"), (true, true, 0, 1));
        assert_eq!(
            of("{podSelector: {}, policyTypes: [Egress]}"),
            (false, true, 0, 0)
        );
        assert_eq!(
            of("{podSelector: {}, policyTypes: [Ingress], egress: [{}]}"),
            (true, false, 0, 1)
        );
    }

    #[test]
    fn policies_of_a_network_plugin_are_remembered() {
        let env = read(
            "apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {name: p}\nspec: {endpointSelector: {}}\n---\napiVersion: projectcalico.org/v3\nkind: GlobalNetworkPolicy\nmetadata: {name: q}\nspec: {}\n",
        );
        assert_eq!((env.foreign_policies.len(), env.network_policies.len()), (2, 0));
    }

    #[test]
    fn peers_and_ports_are_read() {
        let env = read(
            "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: p}\nspec:\n  podSelector: {matchLabels: {app: web}}\n  policyTypes: [Egress]\n  egress:\n    - to: [{namespaceSelector: {}}]\n      ports: [{protocol: TCP, port: 443}, {port: 1000, endPort: 2000}]\n    - to: [{ipBlock: {cidr: 0.0.0.0/0, except: [169.254.169.254/32]}}]\n",
        );
        let rules = &env.network_policies[0].egress_rules;
        let PeerKind::Pods {
            namespaces: Some(all),
            pods: None,
        } = &rules[0].peers[0].kind
        else {
            panic!("{rules:?}")
        };
        assert!(all.is_empty());
        assert_eq!(rules[0].ports[0].port.as_deref(), Some("443"));
        assert_eq!(
            (rules[0].ports[1].protocol.as_str(), rules[0].ports[1].end),
            ("TCP", Some(2000))
        );
        let PeerKind::Addresses { cidr, except } = &rules[1].peers[0].kind else {
            panic!("{rules:?}")
        };
        assert_eq!((cidr.as_str(), except.len()), ("0.0.0.0/0", 1));
    }

    #[test]
    fn services_keep_selectors_and_target_ports_as_written() {
        let env = read(
            "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {type: LoadBalancer, selector: {app: web}, ports: [{name: http, port: 80, targetPort: web}, {port: 81}]}\n",
        );
        let s = &env.service_ports[0];
        assert_eq!(s.kind.as_ref().unwrap().value, "LoadBalancer");
        assert_eq!(s.ports[0].2.as_ref().unwrap().value, "web");
        assert!(s.ports[1].2.is_none());
    }

    #[test]
    fn an_ingress_needs_its_services_ports_and_certificates() {
        let text = "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: i, annotations: {nginx.ingress.kubernetes.io/proxy-read-timeout: '30'}}\nspec:\n  tls: [{secretName: cert}]\n  defaultBackend: {service: {name: fallback, port: {name: http}}}\n  rules: [{http: {paths: [{backend: {service: {name: web, port: {number: 80}}}}, {backend: {serviceName: old, servicePort: 81}}]}}]\n";
        let env = read(text);
        let needed: Vec<(DanglingKind, &str, Option<&str>)> = env
            .references
            .iter()
            .map(|r| (r.kind, r.name.value.as_str(), r.within.as_deref()))
            .collect();
        assert_eq!(
            needed,
            [
                (DanglingKind::Port, "http", Some("fallback")),
                (DanglingKind::Service, "fallback", None),
                (DanglingKind::Port, "80", Some("web")),
                (DanglingKind::Service, "web", None),
                (DanglingKind::Port, "81", Some("old")),
                (DanglingKind::Service, "old", None),
                (DanglingKind::Secret, "cert", None),
            ]
        );
        let issued = text.replace("annotations: {", "annotations: {cert-manager.io/issuer: ca, ");
        assert_eq!(read(&issued).references.len(), 6);
        assert_eq!(env.calls.len(), 3);
        assert!(matches!(&env.calls[0].timeout, TimeoutSetting::After(f) if f.value.as_secs() == 30));
        assert!(read_fragment(text).references.is_empty());
    }

    #[test]
    fn a_gateway_route_finds_services_in_the_namespace_it_names() {
        let env = read(
            "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: r, namespace: edge}\nspec: {rules: [{timeouts: {request: 10s}, backendRefs: [{name: web, namespace: shop, port: 80}]}]}\n",
        );
        assert_eq!(env.references[1].namespace.as_deref(), Some("shop"));
        assert_eq!(env.calls.len(), 1);
    }
}
