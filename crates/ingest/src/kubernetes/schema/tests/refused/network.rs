//! Network policies, Services and Ingresses.

use super::{each_has_one, of_kind};

#[test]
fn network_policies_must_have_valid_ranges_and_ports() {
    let policy = |peer: &str| {
        of_kind(
            "networking.k8s.io/v1",
            "NetworkPolicy",
            &format!("spec: {{podSelector: {{}}, policyTypes: [Egress], egress: [{peer}]}}\n"),
        )
    };
    each_has_one(&[
        (
            policy("{to: [{ipBlock: {cidr: 10.0.0.0}}]}"),
            "`spec.egress[0].to[0].ipBlock.cidr` is `10.0.0.0`, which is not a range",
        ),
        (
            policy("{to: [{ipBlock: {cidr: 10.0.0.0/8, except: [169.254.169.254/32]}}]}"),
            "`spec.egress[0].to[0].ipBlock.except[0]` is 169.254.169.254/32, which is not part of 10.0.0.0/8",
        ),
        (policy("{to: [{}]}"), "`spec.egress[0].to[0]` names no peer"),
        (
            policy("{to: [{ipBlock: {cidr: 10.0.0.0/8}, podSelector: {}}]}"),
            "`spec.egress[0].to[0]` has ipBlock together with a selector",
        ),
        (
            policy("{ports: [{endPort: 90}]}"),
            "requires `spec.egress[0].ports[0].port`",
        ),
        (
            policy("{ports: [{port: 100, endPort: 90}]}"),
            "`spec.egress[0].ports[0].endPort` is 90, less than port, 100",
        ),
        (
            policy("{ports: [{port: '443'}]}"),
            "`spec.egress[0].ports[0].port` is the text \"443\"",
        ),
        (
            policy("{to: [{ipBlock: {cidr: 0.0.0.0/0, excepts: [10.0.0.0/8]}}]}"),
            "`spec.egress[0].to[0].ipBlock.excepts` is not a known field",
        ),
    ]);
}

#[test]
fn services_and_ingresses_must_have_targets() {
    let service = |spec: &str| of_kind("v1", "Service", &format!("spec: {{{spec}}}\n"));
    let ingress = |spec: &str| of_kind("networking.k8s.io/v1", "Ingress", &format!("spec: {{{spec}}}\n"));
    let path = |fields: &str| {
        ingress(&format!(
            "rules: [{{http: {{paths: [{{{fields}backend: {{service: {{name: a, port: {{number: 80}}}}}}}}]}}}}]"
        ))
    };
    each_has_one(&[
        (service("selector: {a: b}"), "requires `spec.ports`"),
        (
            service("ports: [{port: 80, name: a}, {port: 81}]"),
            "requires `spec.ports[1].name`",
        ),
        (
            service("ports: [{port: 80, name: a}, {port: 80, name: b}]"),
            "`spec.ports[1].port` is 80 over TCP",
        ),
        (service("ports: [{port: 0}]"), "`spec.ports[0].port` is 0"),
        (service("type: ExternalName"), "requires `spec.externalName`"),
        (
            service("type: LoadBalancer, clusterIP: None, ports: [{port: 80}]"),
            "`spec.clusterIP` is None",
        ),
        (
            service("ports: [{port: 80, targetPort: '8080'}]"),
            "`spec.ports[0].targetPort` is the text \"8080\"",
        ),
        (ingress("ingressClassName: nginx"), "requires `spec.rules`"),
        (
            path("path: /, "),
            "requires `spec.rules[0].http.paths[0].pathType`",
        ),
        (
            path("path: a, pathType: Prefix, "),
            "`spec.rules[0].http.paths[0].path` is `a`",
        ),
        (
            ingress("rules: [{host: 'https://a.b'}]"),
            "`spec.rules[0].host` is `https://a.b`",
        ),
        (
            ingress("defaultBackend: {service: {name: a}}"),
            "requires `spec.defaultBackend.service.port`",
        ),
    ]);
}
