//! What an Argo CD application lays over a build (`source.kustomize`): images and numbers of replicas, as
//! `kustomize edit` would write them into the kustomization before it is built.

use super::Build;
use super::images::ImageChanges;
use super::object::Object;
use super::transform;
use crate::image::parse_image;
use cofferdam_syntax::tree::{Key, Map, Node, Value};
use cofferdam_syntax::{Chains, Span};

/// Changes the objects of `build` as `kustomize` (the section of an application) says.
pub fn lay_over(chains: &Chains, build: &mut Build, kustomize: &Node) {
    let entries: Vec<Node> = kustomize
        .get("images")
        .map_or(&[][..], Node::items)
        .iter()
        .filter_map(entry)
        .collect();
    let mut images = ImageChanges::new(chains, &entries);
    let counts: Vec<(&str, &Node)> = kustomize
        .get("replicas")
        .map_or(&[][..], Node::items)
        .iter()
        .filter_map(|item| Some((item.get("name")?.as_str()?, item.get("count")?)))
        .collect();
    for node in &mut build.objects {
        images.apply(node);
        let mut object = Object::new(std::mem::replace(node, Node::plain("", node.span)));
        if let Some((_, count)) = counts.iter().find(|(name, _)| *name == object.name()) {
            transform::replicas(chains, &mut object, count);
        }
        *node = object.node;
    }
}

/// Puts an object without a namespace into this one, like a tool that deploys into a namespace.
pub fn put_into(node: &mut Node, namespace: &Node) {
    let names_one = |node: &Node| {
        let own = node.at("metadata/namespace");
        own.is_some_and(|n| !n.is_null() && n.as_str() != Some(""))
    };
    if node.get("kind").is_none() || names_one(node) {
        return;
    }
    let mut object = Object::new(std::mem::replace(node, Node::plain("", node.span)));
    if object.is_namespaced() {
        object.set_metadata("namespace", namespace.clone());
    }
    *node = object.node;
}

/// `old=new:tag`, `name:tag` or `name@digest` as an entry of `images`.
fn entry(node: &Node) -> Option<Node> {
    let text = node.as_str().filter(|t| !t.is_empty() && !t.contains("{{"))?;
    let (old, new) = match text.split_once('=') {
        Some((old, new)) => (parse_image(old).name(), new),
        None => (parse_image(text).name(), text),
    };
    let image = parse_image(new);
    let mut map = Map::default();
    let mut put = |key: &str, text: &str| map.insert(named(key, node.span), Node::text(text, node.span));
    put("name", &old);
    put("newName", &image.name());
    if let Some(tag) = &image.tag {
        put("newTag", tag);
    }
    if let Some(digest) = &image.digest {
        put("digest", digest);
    }
    Some(Node {
        span: node.span,
        value: Value::Map(map),
    })
}

fn named(text: &str, span: Span) -> Key {
    Key {
        text: text.into(),
        span,
    }
}
