//! VPC connectors, and the services and load balancers that name one, with what Google refuses about them.

use super::refusal::refuse;
use crate::facts::NodeFacts as _;
use crate::terraform::{Context, inner, name_of};
use cofferdam_model::connector::Connector;
use cofferdam_model::{Fact, Parts};
use cofferdam_render::hcl::{self, Resource};
use cofferdam_syntax::tree::Node;

/// Machine types that a connector may have.
const MACHINES: &[&str] = &["f1-micro", "e2-micro", "e2-standard-4"];

/// Reads a connector and its errors. Source: Serverless VPC Access documentation, "Configure connectors" and
/// the reference of `projects.locations.connectors`.
pub(super) fn connector(resource: &Resource, parts: &mut Parts) {
    let body = &resource.body;
    let name = name_of(resource, &["name"]);
    let number = |key: &str| body.get(key).and_then(Node::u32_fact);
    let (min, max) = (number("min_instances"), number("max_instances"));
    let place = |fact: &Fact<u32>| fact.span().unwrap_or(resource.span);
    if let Some(machine) = body.get("machine_type")
        && let Some(text) = machine.as_str().filter(|t| !MACHINES.contains(t))
    {
        let problem = format!("a connector cannot have the machine type `{text}`");
        let remedy = "Use `e2-micro`, `e2-standard-4` or `f1-micro`.";
        refuse(resource, "machine_type", machine.span, (problem, remedy), parts);
    }
    if let Some(max) = max.as_ref().filter(|m| !(3..=10).contains(&m.value)) {
        let problem = format!("max_instances is {}, and a connector has 3 to 10", max.value);
        refuse(
            resource,
            "max_instances",
            place(max),
            (
                problem,
                "Set 3 to 10; for more, use a second connector or direct VPC egress.",
            ),
            parts,
        );
    }
    if let Some(min) = min.as_ref().filter(|m| !(2..=9).contains(&m.value)) {
        let problem = format!("min_instances is {}, and a connector has 2 to 9", min.value);
        refuse(
            resource,
            "min_instances",
            place(min),
            (problem, "Set 2 to 9, below max_instances."),
            parts,
        );
    }
    if let (Some(min), Some(max)) = (&min, &max)
        && min.value >= max.value
    {
        let problem = format!(
            "min_instances {} is not below max_instances {}",
            min.value, max.value
        );
        refuse(
            resource,
            "min_instances",
            place(min),
            (problem, "Set min_instances below max_instances."),
            parts,
        );
    }
    let range = body.get("ip_cidr_range").and_then(Node::text_fact);
    if let Some(range) = range.as_ref().filter(|r| !r.value.ends_with("/28")) {
        let span = range.span().unwrap_or(resource.span);
        let problem = format!("the range `{}` is not a /28", range.value);
        refuse(
            resource,
            "ip_cidr_range",
            span,
            (problem, "Give it an unused /28."),
            parts,
        );
    }
    parts.connectors.push(Connector {
        span: name.span().unwrap_or(resource.span),
        region: body.get("region").and_then(Node::text_fact),
        machine_type: body.get("machine_type").and_then(Node::text_fact),
        min_instances: min,
        max_instances: max,
        max_throughput: number("max_throughput"),
        range,
        name: name.value,
    });
}

/// A service can use a connector of its own region only.
pub(super) fn connector_of(context: &Context<'_>, resource: &Resource, parts: &mut Parts) {
    let named = inner(&resource.body, "template/vpc_access")
        .and_then(|access| access.get("connector"))
        .or_else(|| {
            inner(&resource.body, "template/metadata")?
                .get("annotations")?
                .get("run.googleapis.com/vpc-access-connector")
        });
    let Some(named) = named else { return };
    let Some(connector) = context.follow(named, "google_vpc_access_connector", &["name"]) else {
        return;
    };
    let of = |r: &Resource, key: &str| r.body.get(key).and_then(Node::as_str).map(str::to_owned);
    if let (Some(here), Some(there)) = (of(resource, "location"), of(connector, "region"))
        && here != there
    {
        let problem = format!(
            "it is in {here} and the connector {} in {there}",
            connector.address
        );
        refuse(
            resource,
            "connector",
            named.span,
            (problem, "Use a connector of the service's own region."),
            parts,
        );
    }
}

/// A connector is for traffic from a service; requests cannot be sent to it.
pub(super) fn backend(context: &Context<'_>, resource: &Resource, parts: &mut Parts) {
    for block in hcl::blocks(&resource.body, "backend") {
        let Some(group) = block.get("group") else { continue };
        let leads = hcl::reference(group).and_then(|r| context.at(r));
        if leads.is_some_and(|r| r.kind == "google_vpc_access_connector") {
            let problem = "a VPC connector cannot be the backend of a load balancer".to_owned();
            refuse(
                resource,
                "backend.group",
                group.span,
                (problem, "Name an instance group or a network endpoint group."),
                parts,
            );
        }
    }
}
