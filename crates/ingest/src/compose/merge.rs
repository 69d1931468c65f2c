//! How Compose lays one file over another (Docker documentation, "Merge Compose files"): maps are merged by key, lists
//! are appended, commands and single values are replaced. Every value keeps its place, and one that overrides another
//! keeps that one's place in its chain.

use cofferdam_syntax::tree::{Key, Map, Node, Value};
use cofferdam_syntax::{Chains, SourceMap, Span};
use std::collections::BTreeSet;

/// Maps that may be written as a list: `NAME=value`, or only a name.
const KEYED: &[&str] = &[
    "environment",
    "labels",
    "annotations",
    "args",
    "sysctls",
    "extra_hosts",
    "depends_on",
    "networks",
    "additional_contexts",
];

/// Lists of which a whole one replaces a whole one.
const COMMANDS: &[&str] = &["command", "entrypoint", "test"];

/// Lists that may be written as one text.
const LISTED: &[&str] = &["env_file", "dns", "dns_search", "tmpfs", "label_file"];

/// Lists whose entries are told apart by the path in the container.
const BY_TARGET: &[&str] = &["volumes", "devices"];

/// Lays `top` over `base`. `sources` have the texts: tags (`!reset`, `!override`) are only there.
pub(super) fn over(base: &Node, top: &Node, sources: &SourceMap) -> Node {
    let merge = Merge {
        sources,
        chains: sources.chains(),
    };
    merge.map(base, top, Level::File)
}

/// What the keys of a map are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Level {
    /// Keys of a file.
    File,
    /// Names that people choose: services, volumes, variables.
    Names,
    /// Keys of Compose.
    Settings,
}

struct Merge<'s> {
    sources: &'s SourceMap,
    chains: &'s Chains,
}

impl Merge<'_> {
    fn map(&self, base: &Node, top: &Node, level: Level) -> Node {
        let mut merged = base.as_map().cloned().unwrap_or_default();
        for (key, value) in top.entries() {
            let below = match (level, &*key.text) {
                (Level::File, "services" | "volumes" | "networks" | "configs" | "secrets" | "models") => {
                    Level::Names
                }
                _ => Level::Settings,
            };
            if self.has_tag(value, "!reset") {
                merged.remove(&key.text);
                continue;
            }
            match merged.get_mut(&key.text) {
                Some(slot) => *slot = self.value(&key.text, slot, value, (level, below)),
                None => drop(merged.insert(key.clone(), value.clone())),
            }
        }
        Node::map(merged, base.span)
    }

    /// The value of a key that both files have. `own` is what the key is, `below` what its keys are.
    fn value(&self, key: &str, base: &Node, top: &Node, (own, below): (Level, Level)) -> Node {
        let is = |names: &[&str]| own == Level::Settings && names.contains(&key);
        let replaced = || self.chains.tree_over(top.clone(), base.span);
        if self.has_tag(top, "!override") || is(COMMANDS) {
            return replaced();
        }
        if top.is_null() && matches!(base.value, Value::Map(_) | Value::Seq(_)) {
            return base.clone();
        }
        let (base, top) = match key {
            _ if is(KEYED) => (as_keyed(base), as_keyed(top)),
            _ if is(LISTED) => (as_list(base), as_list(top)),
            "build" if own == Level::Settings => (as_build(base), as_build(top)),
            _ => (base.clone(), top.clone()),
        };
        match (&base.value, &top.value) {
            (Value::Map(_), Value::Map(_)) if is(KEYED) => self.map(&base, &top, Level::Names),
            (Value::Map(_), Value::Map(_)) => self.map(&base, &top, below),
            (Value::Seq(_), Value::Seq(_)) => self.appended(&base, &top, is(BY_TARGET)),
            _ => self.chains.tree_over(top, base.span),
        }
    }

    /// Both lists. An entry for the same path replaces the earlier one, and one that says the same is not repeated.
    fn appended(&self, base: &Node, top: &Node, by_target: bool) -> Node {
        let mut items = base.items().to_vec();
        for item in top.items() {
            let same = items.iter_mut().find(|known| match by_target {
                true => target(known).is_some_and(|own| target(item) == Some(own)),
                false => known.says_the_same(item),
            });
            match same {
                Some(known) if by_target => *known = self.chains.tree_over(item.clone(), known.span),
                Some(_) => {}
                None => items.push(item.clone()),
            }
        }
        Node {
            span: base.span,
            value: Value::Seq(items),
        }
    }

    /// Whether a value is written with this tag, directly before it or at its beginning.
    fn has_tag(&self, node: &Node, tag: &str) -> bool {
        let text = &*self.sources.file(node.span.file).text;
        let (Some(mut before), Some(own)) = (
            text.get(..node.span.start as usize),
            text.get(node.span.start as usize..),
        ) else {
            return false;
        };
        before = before.trim_end();
        if matches!(node.value, Value::Seq(_)) {
            // The place of a list in several lines may begin after its first dash.
            before = before.strip_suffix('-').unwrap_or(before).trim_end();
        }
        before = without_comment(before);
        let is_whole =
            |rest: &str| !rest.starts_with(|c: char| c.is_alphanumeric() || matches!(c, '_' | '-'));
        before.ends_with(tag) || own.strip_prefix(tag).is_some_and(is_whole)
    }
}

/// A text without a comment at its end.
fn without_comment(text: &str) -> &str {
    let start = text.rfind('\n').map_or(0, |at| at + 1);
    match text[start..].find(" #") {
        Some(at) => text[..start + at].trim_end(),
        None => text,
    }
}

/// The path in the container that an entry is for.
fn target(entry: &Node) -> Option<&str> {
    match entry.as_str() {
        Some(text) => {
            let mut parts = text.split(':');
            let first = parts.next()?;
            Some(parts.next().unwrap_or(first))
        }
        None => entry.get("target")?.as_str(),
    }
}

/// A list of `NAME=value` as the map that it means.
fn as_keyed(node: &Node) -> Node {
    let Value::Seq(items) = &node.value else {
        return node.clone();
    };
    let mut map = Map::default();
    for item in items {
        let Some(text) = item.as_str() else { continue };
        let (name, value) = match text.split_once('=') {
            Some((name, value)) => (name, Node::text(value, item.span)),
            None => (
                text,
                Node {
                    span: item.span,
                    value: Value::Null,
                },
            ),
        };
        map.insert(Key::new(name.trim(), item.span), value);
    }
    Node::map(map, node.span)
}

/// One text as the list of it.
fn as_list(node: &Node) -> Node {
    match &node.value {
        Value::Scalar(_) => Node {
            span: node.span,
            value: Value::Seq(vec![node.clone()]),
        },
        _ => node.clone(),
    }
}

/// `build: DIRECTORY` as the map that it means.
fn as_build(node: &Node) -> Node {
    match &node.value {
        Value::Scalar(_) => {
            let context = (Key::new("context", node.span), node.clone());
            Node::map(Map::from_iter([context]), node.span)
        }
        _ => node.clone(),
    }
}

/// The places of values of `base` that `top` overrides.
pub(super) fn overridden(base: &Node, top: &Node, sources: &SourceMap) -> BTreeSet<Span> {
    let mut kept = BTreeSet::new();
    spans(&over(base, top, sources), &mut kept);
    let mut all = BTreeSet::new();
    spans(base, &mut all);
    all.difference(&kept).copied().collect()
}

/// The places of all values below a tree that are no map.
fn spans(node: &Node, found: &mut BTreeSet<Span>) {
    match &node.value {
        Value::Map(map) => map.iter().for_each(|(_, below)| spans(below, found)),
        Value::Seq(items) => {
            found.insert(node.span);
            items.iter().for_each(|item| spans(item, found));
        }
        _ => drop(found.insert(node.span)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cofferdam_syntax::Layer;
    use cofferdam_syntax::repo::Repo;
    use std::path::Path;

    /// The service `a` of one text laid over another, in the notation of JSON without quotes.
    fn merged(base: &str, top: &str) -> String {
        let text = |service: &str| format!("services:\n  a:\n    {service}\n");
        let repo = Repo::from_texts(&[("a.yaml", &*text(base)), ("b.yaml", &*text(top))]);
        let document = |path: &str| &repo.yaml[Path::new(path)].documents[0];
        let node = over(document("a.yaml"), document("b.yaml"), &repo.sources);
        shown(node.at("services/a").unwrap())
    }

    fn shown(node: &Node) -> String {
        match &node.value {
            Value::Map(map) => {
                let all: Vec<String> = map
                    .iter()
                    .map(|(k, v)| format!("{}: {}", k.text, shown(v)))
                    .collect();
                format!("{{{}}}", all.join(", "))
            }
            Value::Seq(items) => format!("[{}]", items.iter().map(shown).collect::<Vec<_>>().join(", ")),
            Value::Scalar(scalar) => scalar.text.to_string(),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn files_are_merged_as_docker_merges_them() {
        for (base, top, wanted) in [
            ("image: x:1", "image: x:2", "{image: x:2}"),
            ("image: x:1", "restart: always", "{image: x:1, restart: always}"),
            (
                "environment: {A: 1, B: 2}",
                "environment: {B: 3, C: 4}",
                "{environment: {A: 1, B: 3, C: 4}}",
            ),
            (
                "environment: [A=1, B=2]",
                "environment: {B: 3}",
                "{environment: {A: 1, B: 3}}",
            ),
            (
                "environment: {A: 1}",
                "environment: [A=2, C]",
                "{environment: {A: 2, C: Null}}",
            ),
            (
                "environment: {command: x}",
                "environment: {command: y}",
                "{environment: {command: y}}",
            ),
            ("labels: [a=1]", "labels: {a: 2}", "{labels: {a: 2}}"),
            (
                "build: ./x",
                "build: {args: [V=1]}",
                "{build: {context: ./x, args: [V=1]}}",
            ),
            (
                "build: {context: ., args: {V: 1}}",
                "build: {args: [V=2]}",
                "{build: {context: ., args: {V: 2}}}",
            ),
            ("build: {context: x}", "build: y", "{build: {context: y}}"),
            ("command: [a, b]", "command: c d", "{command: c d}"),
            ("command: [a, b]", "command: [c]", "{command: [c]}"),
            ("entrypoint: a", "entrypoint: [b]", "{entrypoint: [b]}"),
            (
                "healthcheck: {test: [CMD, a], retries: 3}",
                "healthcheck: {test: [CMD, b]}",
                "{healthcheck: {test: [CMD, b], retries: 3}}",
            ),
            (
                "ports: ['80:80']",
                "ports: ['81:80', '80:80']",
                "{ports: [80:80, 81:80]}",
            ),
            ("expose: [1]", "expose: [2]", "{expose: [1, 2]}"),
            (
                "volumes: ['a:/x', 'b:/y:ro', /z]",
                "volumes: ['./c:/y', {source: d, target: /x}]",
                "{volumes: [{source: d, target: /x}, ./c:/y, /z]}",
            ),
            (
                "env_file: a.env",
                "env_file: [b.env]",
                "{env_file: [a.env, b.env]}",
            ),
            (
                "depends_on: [b]",
                "depends_on: {c: {required: false}}",
                "{depends_on: {b: Null, c: {required: false}}}",
            ),
            (
                "deploy: {replicas: 2, resources: {limits: {cpus: 1}}}",
                "deploy: {resources: {limits: {memory: 1g}}, replicas: 5}",
                "{deploy: {replicas: 5, resources: {limits: {cpus: 1, memory: 1g}}}}",
            ),
            ("ports: ['80:80']", "ports: !reset []", "{}"),
            (
                "ports: ['80:80']",
                "ports: !override ['81:80']",
                "{ports: [81:80]}",
            ),
            (
                "environment: {A: 1, B: 2}",
                "environment: {A: !reset null}",
                "{environment: {B: 2}}",
            ),
            (
                "environment: {A: 1, B: 2}",
                "environment: !override {C: 3}",
                "{environment: {C: 3}}",
            ),
            (
                "image: x",
                "environment: {RESET: a !reset b}",
                "{image: x, environment: {RESET: a !reset b}}",
            ),
        ] {
            assert_eq!(merged(base, top), wanted, "{base} < {top}");
        }
    }

    #[test]
    fn tags_of_blocks_are_read_and_a_null_service_changes_nothing() {
        assert_eq!(
            merged("ports:\n    - '80:80'", "ports: !override\n    - '81:80'"),
            "{ports: [81:80]}"
        );
        for top in [
            "ports: !override # not in production\n    - '81:80'",
            "ports: !override\n      - '81:80'",
        ] {
            assert_eq!(merged("ports: ['80:80']", top), "{ports: [81:80]}");
        }
        assert_eq!(
            merged("environment: {A: 1}", "environment: !override\n      B: 2"),
            "{environment: {B: 2}}"
        );
        assert_eq!(merged("image: x", "ports: !reset"), "{image: x}");
        let repo = Repo::from_texts(&[
            ("a.yaml", "services: {a: {image: x}}"),
            ("b.yaml", "services:\n  a:\n"),
        ]);
        let document = |path: &str| &repo.yaml[Path::new(path)].documents[0];
        let node = over(document("a.yaml"), document("b.yaml"), &repo.sources);
        assert_eq!(shown(&node), "{services: {a: {image: x}}}");
    }

    #[test]
    fn what_overrides_a_value_keeps_the_place_of_it() {
        let repo = Repo::from_texts(&[
            ("a.yaml", "services: {a: {image: x, environment: [A=1, B=2]}}"),
            ("b.yaml", "services: {a: {environment: {A: 2}}}"),
            ("c.yaml", "services: {a: {environment: {A: 3}}}"),
        ]);
        let document = |path: &str| &repo.yaml[Path::new(path)].documents[0];
        let sources = &repo.sources;
        let two = over(document("a.yaml"), document("b.yaml"), sources);
        let three = over(&two, document("c.yaml"), sources);
        let value = three.at("services/a/environment/A").unwrap();
        assert_eq!(sources.text(value.span), "3");
        let links: Vec<(Layer, &str)> = (sources.chains().of(value.span).iter())
            .map(|link| (link.layer, sources.text(link.span)))
            .collect();
        assert_eq!(links, [(Layer::Override, "A=1"), (Layer::Override, "2")]);
        let other = three.at("services/a/environment/B").unwrap();
        assert!(sources.chains().of(other.span).is_empty());
        let gone = overridden(document("a.yaml"), document("b.yaml"), sources);
        assert!(gone.iter().any(|span| sources.text(*span) == "A=1"));
        assert!(
            gone.iter()
                .all(|span| sources.text(*span) != "B=2" && sources.text(*span) != "x")
        );
    }
}
