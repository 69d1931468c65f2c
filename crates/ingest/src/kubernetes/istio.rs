//! Istio: how calls to a host are routed, bounded, retried, and how a failing host is ejected.

use super::object::{Object, duration, text};
use super::schema::templated;
use crate::facts::NodeFacts as _;
use cofferdam_model::calls::{Breaker, Call, CallSite, CallTarget, Deadline, DeadlineRole, TimeoutSetting};
use cofferdam_model::cells::Cell;
use cofferdam_model::delivery::{DanglingKind, Reference};
use cofferdam_model::{Fact, Owner, Parts, units};
use cofferdam_syntax::tree::Node;

/// Reads an object of Istio's network; returns whether it is one.
pub(super) fn interpret(object: &Object<'_>, parts: &mut Parts) -> bool {
    if object.group != "networking.istio.io" {
        return false;
    }
    match object.id.kind.as_str() {
        "DestinationRule" => destination(object, parts),
        "VirtualService" => routes(object, parts),
        _ => return false,
    }
    true
}

/// Name and namespace of the Kubernetes Service for a host; `None` for an external host.
fn service_of(host: &str) -> Option<(&str, Option<&str>)> {
    let mut parts = host.split('.');
    let name = parts.next().filter(|n| !n.is_empty() && !n.contains('*'))?;
    match (parts.next(), parts.next()) {
        (None, _) => Some((name, None)),
        (Some(namespace), Some("svc")) => Some((name, Some(namespace))),
        _ => None,
    }
}

/// The host must be a Service, if it refers to one.
fn refer(object: &Object<'_>, host: &Fact<String>, parts: &mut Parts) {
    if let Some((name, namespace)) = service_of(&host.value)
        && object.is_whole()
        && !templated(&host.value)
    {
        parts.references.push(Reference {
            subject: object.subject(),
            kind: DanglingKind::Service,
            name: host.clone().map(|_| name.to_owned()),
            namespace: namespace
                .map(str::to_owned)
                .or_else(|| object.id.namespace.clone()),
            deployment: None,
            within: None,
        });
    }
}

fn target_of(host: &str) -> CallTarget {
    if service_of(host).is_some() || host.contains('*') {
        CallTarget::Service
    } else {
        CallTarget::Outside
    }
}

fn owner_of(object: &Object<'_>, host: &str) -> Owner {
    match service_of(host) {
        Some((name, namespace)) => Owner {
            name: Some(name.to_owned()),
            namespace: namespace
                .map(str::to_owned)
                .or_else(|| object.id.namespace.clone()),
            ..Owner::default()
        },
        None => Owner::default(),
    }
}

fn destination(object: &Object<'_>, parts: &mut Parts) {
    let Some(spec) = object.spec() else { return };
    let Some(host) = text(spec, "host") else { return };
    refer(object, &host, parts);
    let Some(policy) = spec.get("trafficPolicy") else {
        return;
    };
    if let Some(outlier) = policy.get("outlierDetection") {
        let mut breaker = Breaker::at(outlier.span, owner_of(object, &host.value), host.value.clone());
        breaker.protects = Some(target_of(&host.value));
        breaker.consecutive_failures = [
            "consecutive5xxErrors",
            "consecutiveErrors",
            "consecutiveGatewayErrors",
        ]
        .iter()
        .find_map(|key| outlier.get(key)?.u32_fact());
        // Istio's documentation: interval 10 s, base ejection time 30 s unless set.
        breaker.window = duration(outlier.get("interval"));
        breaker.open_time = duration(outlier.get("baseEjectionTime"));
        parts.breakers.push(breaker);
    }
    if let Some(connect) = policy
        .at("connectionPool/tcp/connectTimeout")
        .and_then(|n| n.fact(units::duration))
    {
        parts.deadlines.push(Deadline {
            owner: owner_of(object, &host.value),
            name: "connectTimeout".to_owned(),
            section: object.subject(),
            role: DeadlineRole::Connect,
            value: connect,
        });
    }
}

fn routes(object: &Object<'_>, parts: &mut Parts) {
    for http in object.at("spec/http").map_or(&[][..], Node::items) {
        let destinations = http.get("route").map_or(&[][..], Node::items);
        for route in destinations {
            let Some(host) = route.get("destination").and_then(|d| text(d, "host")) else {
                continue;
            };
            refer(object, &host, parts);
            call(object, http, &host, parts);
            cell(route, parts);
        }
    }
}

/// A route is a call that someone makes through the mesh. Without a timeout, Istio sets none, but the caller
/// may: then it is unknown.
fn call(object: &Object<'_>, http: &Node, host: &Fact<String>, parts: &mut Parts) {
    let retries = http.get("retries");
    // `attempts` counts the tries after the first.
    let attempts = retries
        .and_then(|r| r.get("attempts")?.u32_fact())
        .map(|f| f.map(|n| n.saturating_add(1)));
    let waits = attempts.as_ref().filter(|f| f.value > 1).map(|_| {
        Fact::assumed(
            true,
            "Envoy waits 25 ms and more between tries, longer each time and randomised",
        )
    });
    parts.calls.push(Call {
        owner: Owner::named(object.subject()),
        site: CallSite::Route,
        span: host.span().unwrap_or(http.span),
        target: target_of(&host.value),
        target_name: Some(host.clone()),
        what: format!("{} → {}", object.subject(), host.value),
        timeout: duration(http.get("timeout")).map_or(TimeoutSetting::Unknown, TimeoutSetting::After),
        attempts,
        backoff: waits.clone(),
        jitter: waits,
        retry_budget: None,
        breaker: None,
    });
}

/// A destination that calls itself a cell, with its weight.
fn cell(route: &Node, parts: &mut Parts) {
    let Some(destination) = route.get("destination") else {
        return;
    };
    let Some(weight) = route
        .get("weight")
        .and_then(|w| w.fact(|t| units::share(&format!("{t}%"))))
    else {
        return;
    };
    let name = ["subset", "host"]
        .iter()
        .filter_map(|key| text(destination, key))
        .find(|f| {
            f.value
                .split(['-', '.', '_'])
                .any(|word| word.eq_ignore_ascii_case("cell"))
        });
    if let Some(name) = name {
        parts.cells.push(Cell {
            name,
            weight: Some(weight),
            capacity_share: None,
            capacity: None,
            traffic: None,
            region: None,
            failover_to: None,
            said: Default::default(),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::read;
    use super::*;

    #[test]
    fn outlier_detection_is_a_breaker_of_the_host() {
        let env = read(
            "apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: d, namespace: shop}\nspec:\n  host: orders.shop.svc.cluster.local\n  trafficPolicy:\n    connectionPool: {tcp: {connectTimeout: 2s}}\n    outlierDetection: {consecutive5xxErrors: 5, interval: 10s, baseEjectionTime: 30s}\n",
        );
        let b = &env.breakers[0];
        assert_eq!(b.owner.name.as_deref(), Some("orders"));
        assert_eq!(b.consecutive_failures.as_ref().unwrap().value, 5);
        assert_eq!(b.open_time.as_ref().unwrap().value.as_secs(), 30);
        assert_eq!(env.deadlines[0].value.value.as_secs(), 2);
        assert_eq!(env.references[0].name.value, "orders");
    }

    #[test]
    fn a_route_is_a_call_whose_tries_count_the_first() {
        let env = read(
            "apiVersion: networking.istio.io/v1beta1\nkind: VirtualService\nmetadata: {name: v}\nspec:\n  http:\n    - timeout: 3s\n      retries: {attempts: 3, perTryTimeout: 1s}\n      route: [{destination: {host: orders}}]\n    - route: [{destination: {host: api.example.com}}]\n",
        );
        assert!(matches!(&env.calls[0].timeout, TimeoutSetting::After(f) if f.value.as_secs() == 3));
        assert_eq!(env.calls[0].attempts.as_ref().unwrap().value, 4);
        assert_eq!(env.calls[1].target, CallTarget::Outside);
        assert_eq!(env.calls[1].timeout, TimeoutSetting::Unknown);
        assert_eq!(env.references.len(), 1);
    }

    #[test]
    fn a_host_with_a_placeholder_names_no_service() {
        for host in ["orders.$(NAMESPACE).svc.cluster.local", "${APP}", "'{{ app }}'"] {
            let env = read(&format!(
                "apiVersion: networking.istio.io/v1beta1\nkind: VirtualService\nmetadata: {{name: v}}\nspec:\n  http:\n    - route:\n        - destination:\n            host: {host}\n"
            ));
            assert!(env.references.is_empty(), "{host}");
        }
    }

    #[test]
    fn weights_are_cells_only_if_the_subset_is_named_cell() {
        let route = |subset: &str| {
            read(&format!(
                "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: v}}\nspec: {{http: [{{route: [{{destination: {{host: web, subset: {subset}}}, weight: 60}}]}}]}}\n"
            ))
        };
        assert_eq!(route("cell-1").cells[0].weight.as_ref().unwrap().value.0, 0.6);
        assert!(route("v1").cells.is_empty());
    }
}
