//! The view of a deployment file for one environment: the base, overridden by the environment's own section.
//! Maps are merged by key (case and separators do not count), lists of named items by name, anything else is
//! replaced; every value keeps its place.

use super::keys;
use crate::ideas::section_environment;
use cofferdam_syntax::environment;
use cofferdam_syntax::tree::{Key, Map, Node, Value, fold};

/// Environments that the file names, each once, in the order written. Empty if the file applies to all.
pub fn environments(node: &Node) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut add = |word: &str| {
        let name = environment::name(word);
        if !name.is_empty() && !found.contains(&name) {
            found.push(name);
        }
    };
    if let Some((_, list)) = node.like_any(keys::ENVIRONMENTS) {
        list.items().iter().filter_map(Node::as_str).for_each(&mut add);
        for (name, _, value) in list.named_items() {
            if !is_base(name) && (value.as_map().is_some() || value.is_null()) {
                add(name);
            }
        }
    }
    for (key, value) in node.entries() {
        if value.as_map().is_some()
            && let Some(name) = section_environment(&key.text)
        {
            add(name);
        }
    }
    if found.is_empty()
        && let Some((_, name)) = node.like_any(&["environment", "env", "targetenvironment"])
        && let Some(name) = name.as_str().and_then(environment::canonical)
    {
        found.push(name.to_owned());
    }
    found
}

fn is_base(name: &str) -> bool {
    keys::BASE.contains(&fold(name).as_str())
}

/// The file for `environment`: the top level, then the base sections, then the environment's own. The
/// sections themselves are removed.
pub fn for_environment(node: &Node, environment: &str) -> Node {
    let Some(map) = node.as_map() else {
        return node.clone();
    };
    let is_section = |key: &str, value: &Node| {
        let folded = fold(key);
        keys::ENVIRONMENTS.contains(&folded.as_str())
            || (value.as_map().is_some()
                && (keys::BASE.contains(&folded.as_str()) || section_environment(key).is_some()))
    };
    let top = map.iter().filter(|(key, value)| !is_section(&key.text, value));
    let mut merged = Node {
        span: node.span,
        value: Value::Map(top.map(|(k, v)| (k.clone(), v.clone())).collect()),
    };
    let list = node.like_any(keys::ENVIRONMENTS).map(|(_, list)| list);
    let named = list.map(Node::named_items).unwrap_or_default();
    let bases = node
        .entries()
        .filter(|(key, value)| value.as_map().is_some() && is_base(&key.text))
        .map(|(_, value)| value);
    let bases = bases.chain(
        named
            .iter()
            .filter(|(name, ..)| is_base(name))
            .map(|(_, _, value)| *value),
    );
    for base in bases {
        merged = over(&merged, &without_name(base));
    }
    let own = node
        .entries()
        .filter(|(key, value)| {
            value.as_map().is_some() && section_environment(&key.text) == Some(environment)
        })
        .map(|(_, value)| value);
    let listed = named
        .iter()
        .filter(|(name, ..)| environment::name(name) == environment)
        .map(|(_, _, value)| *value);
    for section in own.chain(listed) {
        if section.as_map().is_some() {
            merged = over(&merged, &without_name(section));
        }
    }
    merged
}

/// The item of a list without the name that it is listed under.
fn without_name(node: &Node) -> Node {
    let mut node = node.clone();
    if let Some(map) = node.as_map_mut() {
        map.remove("name");
    }
    node
}

/// `base` with `nearer` over it.
pub(super) fn over(base: &Node, nearer: &Node) -> Node {
    match (&base.value, &nearer.value) {
        (Value::Map(low), Value::Map(high)) => Node {
            span: nearer.span,
            value: Value::Map(maps(low, high)),
        },
        (Value::Seq(low), Value::Seq(high)) if is_named(low) && is_named(high) => Node {
            span: nearer.span,
            value: Value::Seq(lists(low, high)),
        },
        (Value::Map(low), Value::Seq(high)) if is_named(high) && !low.is_empty() => Node {
            span: nearer.span,
            value: Value::Map(maps(low, &as_map(nearer))),
        },
        (Value::Seq(low), Value::Map(high)) if is_named(low) => Node {
            span: nearer.span,
            value: Value::Map(maps(&as_map(base), high)),
        },
        // An environment that mentions a section without content leaves it unchanged.
        (_, Value::Null) => base.clone(),
        _ => nearer.clone(),
    }
}

fn maps(low: &Map, high: &Map) -> Map {
    let mut merged: Vec<(Key, Node)> = low.iter().map(|(k, v)| (k.clone(), v.clone())).collect();
    for (key, value) in high.iter() {
        let folded = fold(&key.text);
        match merged.iter_mut().find(|(k, _)| fold(&k.text) == folded) {
            Some((slot, known)) => {
                *known = over(known, value);
                *slot = key.clone();
            }
            None => merged.push((key.clone(), value.clone())),
        }
    }
    merged.into_iter().collect()
}

fn lists(low: &[Node], high: &[Node]) -> Vec<Node> {
    let name = |node: &Node| item_name(node).map(|(name, _)| name.to_owned());
    let mut merged = low.to_vec();
    for item in high {
        match merged.iter_mut().find(|known| name(known) == name(item)) {
            Some(known) => *known = over(known, item),
            None => merged.push(item.clone()),
        }
    }
    merged
}

fn item_name(node: &Node) -> Option<(&str, cofferdam_model::Span)> {
    let (_, name) = node.like_any(&["name", "id", "key"])?;
    Some((name.as_str()?, name.span))
}

/// Whether a list is one of named items.
fn is_named(items: &[Node]) -> bool {
    !items.is_empty() && items.iter().all(|item| item_name(item).is_some())
}

/// A list of named items as the map that it means; `{name, value}` is the value.
fn as_map(node: &Node) -> Map {
    let named = node.items().iter().filter_map(|item| {
        let (name, span) = item_name(item)?;
        let bare = item
            .as_map()
            .filter(|m| m.len() == 2)
            .and_then(|m| m.get("value"));
        Some((
            Key {
                text: name.into(),
                span,
            },
            bare.cloned().unwrap_or_else(|| item.clone()),
        ))
    });
    named.collect()
}
