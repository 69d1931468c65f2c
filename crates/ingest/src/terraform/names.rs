//! Under which names a resource is reached: its own address, by which other resources refer to it, and the names
//! that DNS records give it.

use super::Context;
use cofferdam_render::hcl::{self, Resource};
use cofferdam_syntax::tree::{Node, Value};

/// Types of DNS records, with the arguments that hold the target.
const RECORDS: &[(&str, &[&str])] = &[
    ("aws_route53_record", &["records", "alias"]),
    ("google_dns_record_set", &["rrdatas"]),
    ("cloudflare_record", &["content", "value"]),
    ("cloudflare_dns_record", &["content"]),
    ("azurerm_private_dns_cname_record", &["record"]),
    ("azurerm_dns_cname_record", &["record"]),
];

/// The names of a resource, in lower case if they are hosts.
pub(super) fn of(context: &Context<'_>, resource: &Resource) -> Vec<String> {
    let mut names = vec![resource.address.clone()];
    for (kind, arguments) in RECORDS {
        for record in context.managed(kind) {
            let leads = |argument: &&str| {
                let target = record.body.get(argument);
                target.is_some_and(|target| refers(context, target, &resource.address))
            };
            let name = record.body.get("name").and_then(Node::as_str);
            if let Some(name) = name.filter(|_| arguments.iter().any(leads)) {
                names.push(name.trim_end_matches('.').to_ascii_lowercase());
            }
        }
    }
    names
}

/// Whether a value is, or contains, a reference to a resource.
fn refers(context: &Context<'_>, node: &Node, address: &str) -> bool {
    match &node.value {
        Value::Seq(items) => items.iter().any(|item| refers(context, item, address)),
        Value::Map(map) => map.iter().any(|(_, value)| refers(context, value, address)),
        _ => hcl::reference(node)
            .and_then(|reference| context.at(reference))
            .is_some_and(|found| found.address == address),
    }
}
