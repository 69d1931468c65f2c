//! Blocks in Terraform's JSON. There a block may look like a map, so this writes each block as a list, as HCL does.

use crate::terraform::Context;
use cofferdam_render::hcl::Resource;
use cofferdam_syntax::tree::{Key, Map, Node, Value};
use std::borrow::Cow;

/// Arguments that are maps with names of people's own.
const MAPS: &[&str] = &[
    "labels",
    "annotations",
    "match_labels",
    "limits",
    "requests",
    "selector",
    "node_selector",
    "data",
    "binary_data",
    "volume_attributes",
    "parameters",
    "options",
];

/// The resource with each block as a list. In JSON a block that stands alone may be written as an object (Terraform
/// language, JSON Configuration Syntax, "Nested Block Mapping"), which looks like a map.
pub(super) fn in_blocks<'r>(context: &Context<'_>, resource: &'r Resource) -> Cow<'r, Resource> {
    let path = context.place.repo.sources.path(resource.span.file);
    let is_json = path.extension().is_some_and(|ending| ending == "json");
    let Value::Map(body) = &resource.body.value else {
        return Cow::Borrowed(resource);
    };
    if !is_json {
        return Cow::Borrowed(resource);
    }
    Cow::Owned(Resource {
        body: Node::map(listed(body), resource.body.span),
        ..resource.clone()
    })
}

fn listed(map: &Map) -> Map {
    let each = |(name, value): (&Key, &Node)| {
        // The selector of a workload is a block, and that of a Service a map.
        let is_selector = &*name.text == "selector"
            && ["match_labels", "match_expressions"]
                .iter()
                .any(|key| value.get(key).is_some());
        let is_map = MAPS.contains(&&*name.text) && !is_selector;
        let value = match &value.value {
            Value::Map(block) if !is_map => Node {
                span: value.span,
                value: Value::Seq(vec![Node::map(listed(block), value.span)]),
            },
            Value::Seq(items) => Node {
                span: value.span,
                value: Value::Seq(items.iter().map(listed_item).collect()),
            },
            _ => value.clone(),
        };
        (name.clone(), value)
    };
    map.iter().map(each).collect()
}

fn listed_item(item: &Node) -> Node {
    match &item.value {
        Value::Map(block) => Node::map(listed(block), item.span),
        _ => item.clone(),
    }
}
