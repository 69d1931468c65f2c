//! Strategic merge: how a patch that looks like the object changes it. Lists of the kinds that
//! Kubernetes itself defines merge by the key that its API declares for them (`containers` by `name`);
//! every other list is replaced. Lists of custom resources are always replaced, as in JSON merge patch,
//! unless the kustomization brings a schema.

use super::object::laid_over;
use cofferdam_syntax::Chains;
use cofferdam_syntax::tree::{Key, Map, Node, Text, Value};
use std::collections::HashMap;

/// Lists that merge and the keys of their items, from `x-kubernetes-patch-merge-key` in Kubernetes'
/// published OpenAPI document. If there are several keys, the first one that the patch's items have counts.
const MERGE_KEYS: &[(&str, &[&str])] = &[
    ("containers", &["name"]),
    ("initContainers", &["name"]),
    ("ephemeralContainers", &["name"]),
    ("env", &["name"]),
    ("ports", &["containerPort", "port"]),
    ("volumes", &["name"]),
    ("volumeMounts", &["mountPath"]),
    ("volumeDevices", &["devicePath"]),
    ("imagePullSecrets", &["name"]),
    ("secrets", &["name"]),
    ("hostAliases", &["ip"]),
    ("topologySpreadConstraints", &["topologyKey"]),
    ("resourceClaims", &["name"]),
    ("schedulingGates", &["name"]),
    ("webhooks", &["name"]),
    ("ownerReferences", &["uid"]),
    ("conditions", &["type"]),
];

/// Lists of texts that are joined.
const UNIONS: &[&str] = &["finalizers"];

/// What is left of the object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Kept,
    /// `$patch: delete` at its top.
    Deleted,
}

/// Merges `patch` into `target`. `keyed` says whether lists merge by key.
pub(super) fn strategic(chains: &Chains, target: &mut Node, patch: &Node, keyed: bool) -> Outcome {
    match directive(patch) {
        Some("delete") => return Outcome::Deleted,
        Some("replace") => {
            *target = chains.tree_over(cleaned(patch), target.span);
            return Outcome::Kept;
        }
        _ => {}
    }
    match (&mut target.value, &patch.value) {
        (Value::Map(map), Value::Map(changes)) => merge_maps(chains, map, changes, keyed),
        (_, Value::Map(_)) | (_, Value::Seq(_)) | (_, Value::Scalar(_)) | (_, Value::Unknown(_)) => {
            *target = chains.tree_over(cleaned(patch), target.span);
        }
        (_, Value::Null) => target.value = Value::Null,
    }
    Outcome::Kept
}

fn directive(node: &Node) -> Option<&str> {
    node.get("$patch")?.as_str()
}

fn merge_maps(chains: &Chains, map: &mut Map, changes: &Map, keyed: bool) {
    for (key, change) in changes.iter() {
        if let Some(list) = key.text.strip_prefix("$deleteFromPrimitiveList/") {
            if let Some(Value::Seq(items)) = map.get_mut(list).map(|n| &mut n.value) {
                items.retain(|item| !change.items().iter().any(|gone| gone.as_str() == item.as_str()));
            }
            continue;
        }
        if key.text.starts_with('$') {
            continue;
        }
        if change.is_null() || directive(change) == Some("delete") {
            map.remove(&key.text);
            continue;
        }
        let Some(present) = map.get_mut(&key.text) else {
            map.insert(key.clone(), cleaned(change));
            continue;
        };
        match (&mut present.value, &change.value) {
            (Value::Map(_), Value::Map(_)) => {
                strategic(chains, present, change, keyed);
            }
            (Value::Seq(items), Value::Seq(changes)) if keyed && UNIONS.contains(&&*key.text) => {
                for change in changes {
                    if !items.iter().any(|i| i.as_str() == change.as_str()) {
                        items.push(change.clone());
                    }
                }
            }
            (Value::Seq(items), Value::Seq(changes)) => {
                let merge_key = if keyed {
                    merge_key(&key.text, changes)
                } else {
                    None
                };
                match merge_key {
                    Some(merge_key) => merge_lists(chains, items, changes, merge_key),
                    None => {
                        let value = chains.tree_over(cleaned(change), present.span);
                        map.insert(key.clone(), value);
                    }
                }
            }
            _ => {
                let value = chains.tree_over(cleaned(change), present.span);
                map.insert(key.clone(), value);
            }
        }
    }
}

/// The key by which this list merges: one that the API declares and that every item of the patch has.
fn merge_key(field: &str, changes: &[Node]) -> Option<&'static str> {
    let (_, keys) = MERGE_KEYS.iter().find(|(name, _)| *name == field)?;
    if changes.iter().any(is_replace_marker) {
        return None;
    }
    keys.iter()
        .find(|key| {
            changes
                .iter()
                .all(|c| c.get(key).is_some() || directive(c) == Some("delete"))
        })
        .copied()
}

/// `- $patch: replace` alone: the other items are the whole list.
fn is_replace_marker(item: &Node) -> bool {
    directive(item) == Some("replace") && item.entries().count() == 1
}

/// Whether two items of a keyed list are the same one. Ports differ by protocol too.
fn same_item(a: &Node, b: &Node, merge_key: &str) -> bool {
    let protocol = |n: &Node| {
        n.get("protocol")
            .and_then(Node::as_str)
            .unwrap_or("TCP")
            .to_ascii_uppercase()
    };
    let key = |n: &'_ Node| n.get(merge_key).and_then(Node::as_str).map(str::to_owned);
    key(a).is_some()
        && key(a) == key(b)
        && (!matches!(merge_key, "port" | "containerPort") || protocol(a) == protocol(b))
}

/// Merges by key. The patch's items come first, in its order, then the others: kustomize's order.
fn merge_lists(chains: &Chains, items: &mut Vec<Node>, changes: &[Node], merge_key: &str) {
    let mut rest = std::mem::take(items);
    for change in changes {
        let present = rest.iter().position(|item| same_item(item, change, merge_key));
        match (directive(change), present) {
            (Some("delete"), Some(at)) => {
                rest.remove(at);
            }
            (Some("delete"), None) => {}
            (_, Some(at)) => {
                let mut item = rest.remove(at);
                if strategic(chains, &mut item, change, true) == Outcome::Kept {
                    items.push(item);
                }
            }
            (_, None) => items.push(cleaned(change)),
        }
    }
    items.append(&mut rest);
}

/// A part of a patch as a value of its own: without directives and without the nulls that only delete.
fn cleaned(node: &Node) -> Node {
    let value = match &node.value {
        Value::Map(map) => Value::Map(
            map.iter()
                .filter(|(key, value)| !key.text.starts_with('$') && !value.is_null())
                .filter(|(_, value)| directive(value) != Some("delete"))
                .map(|(key, value)| (key.clone(), cleaned(value)))
                .collect(),
        ),
        Value::Seq(items) => Value::Seq(
            items
                .iter()
                .filter(|item| !is_replace_marker(item) && directive(item) != Some("delete"))
                .map(cleaned)
                .collect(),
        ),
        other => other.clone(),
    };
    Node {
        span: node.span,
        value,
    }
}

/// Merges maps by key and replaces everything else; null deletes (JSON merge patch, RFC 7396). Helm lays
/// one values file over another in this way.
pub(crate) fn merge_values(chains: &Chains, target: &mut Node, over: &Node) {
    match (&mut target.value, &over.value) {
        (Value::Map(map), Value::Map(changes)) if map.len() > MANY && changes.len() > MANY => {
            merge_many(chains, map, changes);
        }
        (Value::Map(map), Value::Map(changes)) => {
            for (key, change) in changes.iter() {
                if change.is_null() {
                    map.remove(&key.text);
                } else if let Some(present) = map.get_mut(&key.text)
                    && matches!((&present.value, &change.value), (Value::Map(_), Value::Map(_)))
                {
                    merge_values(chains, present, change);
                } else {
                    let value = laid_over(chains, change, map.get(&key.text));
                    map.insert(key.clone(), value);
                }
            }
        }
        _ => *target = chains.tree_over(over.clone(), target.span),
    }
}

/// Maps of more keys than this are merged with an index: a search for each key in thousands costs their square.
const MANY: usize = 64;

/// Merges maps of many keys as [`merge_values`] does.
fn merge_many(chains: &Chains, map: &mut Map, changes: &Map) {
    let mut entries: Vec<Option<(Key, Node)>> = std::mem::take(map).into_iter().map(Some).collect();
    let mut places: HashMap<Text, usize> = HashMap::with_capacity(entries.len());
    for (at, entry) in entries.iter().enumerate() {
        places.extend(entry.iter().map(|(key, _)| (key.text.clone(), at)));
    }
    for (key, change) in changes.iter() {
        let slot = places.get(&key.text).and_then(|at| entries.get_mut(*at));
        match slot {
            Some(slot) if change.is_null() => {
                *slot = None;
                places.remove(&key.text);
            }
            Some(Some((_, present)))
                if matches!((&present.value, &change.value), (Value::Map(_), Value::Map(_))) =>
            {
                merge_values(chains, present, change);
            }
            Some(slot) => {
                let old = slot.as_ref().map(|(_, old)| old);
                *slot = Some((key.clone(), laid_over(chains, change, old)));
            }
            None if change.is_null() => {}
            None => {
                places.insert(key.text.clone(), entries.len());
                entries.push(Some((key.clone(), change.clone())));
            }
        }
    }
    *map = entries.into_iter().flatten().collect();
}

#[cfg(test)]
mod tests {
    use super::*;
    use cofferdam_syntax::FileId;
    use cofferdam_syntax::yaml;
    use proptest::prelude::*;

    fn tree(text: &str, file: u32) -> Node {
        let stream = yaml::parse(text, FileId(file), 0);
        assert!(stream.errors.is_empty(), "{:?}", stream.errors);
        stream.documents.into_iter().next().unwrap()
    }

    /// A tree as flow-style text, to compare.
    fn show(node: &Node) -> String {
        match &node.value {
            Value::Null => "null".to_owned(),
            Value::Scalar(s) => s.text.to_string(),
            Value::Seq(items) => format!("[{}]", items.iter().map(show).collect::<Vec<_>>().join(" ")),
            Value::Map(map) => {
                let entries: Vec<String> = map
                    .iter()
                    .map(|(k, v)| format!("{}:{}", k.text, show(v)))
                    .collect();
                format!("{{{}}}", entries.join(" "))
            }
            Value::Unknown(why) => format!("<{why}>"),
        }
    }

    fn merged(target: &str, patch: &str, keyed: bool) -> String {
        let mut node = tree(target, 0);
        strategic(&Chains::default(), &mut node, &tree(patch, 1), keyed);
        show(&node)
    }

    #[test]
    fn lists_merge_by_the_keys_of_the_api() {
        // Each row was compared with the output of kustomize 5.5.
        let table = [
            (
                "containers: [{name: a, image: x}, {name: b}]",
                "containers: [{name: new}, {name: a, image: y}]",
                "{containers:[{name:new} {name:a image:y} {name:b}]}",
            ),
            (
                "env: [{name: X, value: 1}, {name: Y, value: 2}]",
                "env: [{name: Z, value: 3}, {name: X, value: 9}, {name: Y, $patch: delete}]",
                "{env:[{name:Z value:3} {name:X value:9}]}",
            ),
            (
                "ports: [{containerPort: 80}]",
                "ports: [{containerPort: 81}, {containerPort: 80, name: http}]",
                "{ports:[{containerPort:81} {containerPort:80 name:http}]}",
            ),
            (
                "volumeMounts: [{name: v, mountPath: /a}]",
                "volumeMounts: [{name: w, mountPath: /a}]",
                "{volumeMounts:[{name:w mountPath:/a}]}",
            ),
            ("args: [a, b]", "args: [c]", "{args:[c]}"),
            (
                "tolerations: [{key: a}]",
                "tolerations: [{key: b}]",
                "{tolerations:[{key:b}]}",
            ),
            ("finalizers: [a]", "finalizers: [b, a]", "{finalizers:[a b]}"),
            (
                "containers: [{name: a}, {name: b}]",
                "containers: [{$patch: replace}, {name: c}]",
                "{containers:[{name:c}]}",
            ),
        ];
        for (target, patch, wanted) in table {
            assert_eq!(merged(target, patch, true), wanted, "{target} + {patch}");
        }
    }

    #[test]
    fn ports_differ_by_protocol() {
        assert_eq!(
            merged(
                "ports: [{port: 53, protocol: UDP}]",
                "ports: [{port: 53, name: tcp}]",
                true
            ),
            "{ports:[{port:53 name:tcp} {port:53 protocol:UDP}]}"
        );
    }

    #[test]
    fn lists_of_custom_resources_are_replaced() {
        assert_eq!(
            merged(
                "containers: [{name: a, image: x}]",
                "containers: [{name: b}]",
                false
            ),
            "{containers:[{name:b}]}"
        );
    }

    #[test]
    fn maps_merge_null_deletes_and_directives_replace() {
        assert_eq!(
            merged("a: {x: 1, y: 2}\nb: 1\n", "a: {y: null, z: 3}\n", true),
            "{a:{x:1 z:3} b:1}"
        );
        assert_eq!(
            merged(
                "a: {x: 1}\nb: {c: 1}",
                "a: {$patch: replace, z: 3}\nb: {$patch: delete}",
                true
            ),
            "{a:{z:3}}"
        );
        assert_eq!(
            merged("b: 1", "a: {x: null, y: {z: null}}", true),
            "{b:1 a:{y:{}}}"
        );
        let mut node = tree("a: 1", 0);
        assert_eq!(
            strategic(&Chains::default(), &mut node, &tree("$patch: delete", 1), true),
            Outcome::Deleted
        );
    }

    #[test]
    fn a_value_from_the_patch_keeps_its_location() {
        let mut node = tree("a: {x: 1, y: 2}", 0);
        strategic(&Chains::default(), &mut node, &tree("a: {y: 3}", 7), true);
        assert_eq!(node.at("a/x").unwrap().span.file, FileId(0));
        assert_eq!(node.at("a/y").unwrap().span.file, FileId(7));
    }

    #[test]
    fn later_values_files_override_earlier_ones() {
        let mut node = tree("a: {x: 1, l: [1, 2]}\nb: 2", 0);
        merge_values(
            &Chains::default(),
            &mut node,
            &tree("a: {l: [3], z: 1}\nb: null", 1),
        );
        assert_eq!(show(&node), "{a:{x:1 l:[3] z:1}}");
    }

    proptest! {
        #[test]
        fn no_patch_panics_and_an_object_merged_into_itself_is_itself(
            a in "[a-c]: (\\{x: 1, y: \\[1, 2\\]\\}|1|~|\\[\\{name: a, v: 1\\}\\])",
            b in "([a-c]|env|containers): (\\{x: ~, \\$patch: (replace|delete)\\}|1|~|\\[\\{name: a, v: 2\\}, \\{\\$patch: replace\\}\\]|\\[1\\])",
        ) {
            let mut node = tree(&a, 0);
            strategic(&Chains::default(), &mut node, &tree(&b, 1), true);
            let mut same = tree("containers: [{name: a, env: [{name: X, value: 1}]}]\nm: {k: v}", 0);
            let copy = same.clone();
            strategic(&Chains::default(), &mut same, &copy, true);
            prop_assert_eq!(same, copy);
        }
    }

    #[test]
    fn maps_of_many_keys_merge_like_small_ones() {
        let text = |keys: std::ops::Range<usize>, value: &str| -> String {
            keys.map(|n| format!("k{n}: {{v: {value}, w{value}: 1}}\n"))
                .collect()
        };
        let below = text(0..200, "a");
        let over = format!("{}k3: ~\ngone: ~\nk5: x\n", text(100..300, "b"));
        let mut node = tree(&below, 0);
        merge_values(&Chains::default(), &mut node, &tree(&over, 1));
        assert_eq!(node.as_map().map(Map::len), Some(299));
        assert_eq!(node.get("k5").and_then(Node::as_str), Some("x"));
        let value = |path: &str| node.at(path).and_then(Node::as_str).map(str::to_owned);
        assert_eq!(value("k99/v").as_deref(), Some("a"));
        assert_eq!(value("k150/v").as_deref(), Some("b"));
        assert_eq!(
            (value("k150/wa").as_deref(), value("k150/wb").as_deref()),
            (Some("1"), Some("1"))
        );
        assert!(node.get("k3").is_none() && node.get("gone").is_none());
        // A key keeps its place, and new ones come last.
        let keys: Vec<&str> = node.entries().map(|(key, _)| &*key.text).collect();
        assert_eq!((keys[3], keys[298]), ("k4", "k299"));
    }
}
