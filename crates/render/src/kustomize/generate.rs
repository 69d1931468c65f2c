//! Config maps and secrets that a kustomization makes from literals and files. The hash that kustomize
//! appends to their names is left out, here and in references to them.

use super::build::Session;
use super::load::{Kustomization, Target};
use super::object::{Object, child_map, laid_over, same_namespace, set};
use super::{Brings, Dangling, Named};
use crate::measure::{size, widest};
use cofferdam_syntax::nearest::nearest;
use cofferdam_syntax::tree::{Key, Map, Node, Scalar, Style, Value};
use cofferdam_syntax::{Chains, Span};

impl Session<'_> {
    /// Runs the generators of `kustomization`: new objects are added, others merged or replaced.
    pub(super) fn generate(&mut self, kustomization: &Kustomization<'_>, objects: &mut Vec<Object>) {
        for (field, kind) in [("configMapGenerator", "ConfigMap"), ("secretGenerator", "Secret")] {
            for entry in kustomization.node.get(field).map_or(&[][..], Node::items) {
                self.generate_one(kustomization, kind, entry, objects);
            }
        }
    }

    pub(super) fn generate_one(
        &mut self,
        kustomization: &Kustomization<'_>,
        kind: &str,
        entry: &Node,
        objects: &mut Vec<Object>,
    ) {
        let Some(name) = entry.get("name") else { return };
        let data = self.data(kustomization, entry);
        let namespace = entry.get("namespace").and_then(Node::as_str);
        let behavior = entry.get("behavior").and_then(Node::as_str).unwrap_or("create");
        if matches!(behavior, "merge" | "replace") {
            let wanted = name.as_str().unwrap_or("");
            let found = objects.iter_mut().find(|o| {
                o.kind() == kind
                    && o.identities()
                        .any(|(n, ns)| n == wanted && same_namespace(ns, namespace))
            });
            match found {
                Some(object) => {
                    // Each entry is searched for among those of the object.
                    let among = 1 + widest(&object.node) / 64;
                    self.allowance.step(data.len().saturating_mul(among));
                    if self.allowance.is_spent() {
                        return;
                    }
                    lay_over(self.chains(), object, data, entry, behavior == "replace");
                }
                None if self.complete => {
                    let names: Vec<&str> = objects
                        .iter()
                        .filter(|o| o.kind() == kind)
                        .map(Object::name)
                        .collect();
                    let dangling = Dangling {
                        what: Named::GeneratorTarget,
                        name: wanted.to_owned(),
                        span: name.span,
                        nearest: nearest(wanted, names).map(str::to_owned),
                        refused: true,
                    };
                    self.dangling.push(dangling);
                }
                None => {}
            }
            return;
        }
        let mut object = Object::new(skeleton(kind, entry, name));
        object.generated = true;
        if let Some(map) = child_map(&mut object.node, data_key(kind), entry.span) {
            *map = data;
        }
        options(
            &mut object,
            kustomization.node.get("generatorOptions"),
            entry.get("options"),
        );
        objects.push(object);
    }

    /// The entries: files, then env files, then literals, as kustomize orders them.
    fn data(&mut self, kustomization: &Kustomization<'_>, entry: &Node) -> Map {
        let mut data: Vec<(Key, Node)> = Vec::new();
        let list = |key: &str| -> Vec<&Node> {
            match entry.get(key) {
                Some(node) if node.as_str().is_some() => vec![node],
                Some(node) => node.items().iter().collect(),
                None => Vec::new(),
            }
        };
        for item in list("files") {
            let Some(written) = item.as_str() else { continue };
            let (key, path) = match written.split_once('=') {
                Some((key, path)) => (key, path),
                None => (
                    written.rsplit_once('/').map_or(written, |(_, name)| name),
                    written,
                ),
            };
            let content = self.content(kustomization, path, item.span);
            let key = Key {
                text: key.into(),
                span: item.span,
            };
            self.make(size(&content));
            data.push((key, content));
            if self.allowance.is_spent() {
                break;
            }
        }
        for item in list("envs").into_iter().chain(list("env")) {
            let Some(written) = item.as_str() else { continue };
            let content = self.content(kustomization, written, item.span);
            match &content.value {
                Value::Scalar(text) => {
                    self.make(2 * size(&content));
                    if self.allowance.is_spent() {
                        break;
                    }
                    let before = data.len();
                    data.extend(env_lines(&text.text, content.span));
                    self.make(2 * (data.len() - before));
                }
                // The content of such a file is not known, so its keys are not known either.
                _ => {
                    let reason = format!("the keys in `{written}` were not read");
                    self.gap(kustomization, item.span, (Brings::Keys, false), reason);
                }
            }
        }
        for item in list("literals") {
            let Some((key, value)) = item.as_str().and_then(|t| t.split_once('=')) else {
                continue;
            };
            let key = Key {
                text: key.into(),
                span: item.span,
            };
            data.push((key, Node::text(unquoted(value), item.span)));
        }
        data.into_iter().collect()
    }

    /// The text of a file that a generator names, with the file's own places. It is the content of the entry that
    /// names it.
    fn content(&mut self, kustomization: &Kustomization<'_>, written: &str, span: Span) -> Node {
        let unknown = |why: &str| Node {
            span,
            value: Value::Unknown(why.into()),
        };
        match self.index.resolve(&kustomization.dir, written) {
            Target::File(path) => {
                let repo = self.index.repo;
                let Some(id) = repo.files.get(&path) else {
                    return unknown("a file that was not read");
                };
                let text = &repo.sources.file(*id).text;
                let chains = repo.sources.chains();
                let whole = Span::new(*id, 0, text.len());
                Node {
                    span: chains.extended(whole, &chains.inside(span, false)),
                    value: Value::Scalar(Scalar {
                        text: (&**text).into(),
                        style: Style::Literal,
                    }),
                }
            }
            Target::Missing(path) => {
                let dangling = self.index.missing(written, &path, span);
                self.dangling.push(dangling);
                unknown("a file that is not there")
            }
            _ => unknown("a file that was not read"),
        }
    }
}

/// Secrets are kept as plain text, in the field that Kubernetes has for that.
fn data_key(kind: &str) -> &'static str {
    if kind == "Secret" { "stringData" } else { "data" }
}

fn skeleton(kind: &str, entry: &Node, name: &Node) -> Node {
    let key = |text: &str, span: Span| Key {
        text: text.into(),
        span,
    };
    let mut metadata = Map::from_iter([(key("name", name.span), name.clone())]);
    if let Some(namespace) = entry.get("namespace") {
        metadata.insert(key("namespace", namespace.span), namespace.clone());
    }
    let metadata = Node {
        span: name.span,
        value: Value::Map(metadata),
    };
    let mut map = Map::from_iter([
        (key("apiVersion", entry.span), Node::text("v1", entry.span)),
        (key("kind", entry.span), Node::text(kind, entry.span)),
        (key("metadata", name.span), metadata),
    ]);
    if let Some(kind_of_secret) = entry.get("type").filter(|_| kind == "Secret") {
        map.insert(key("type", kind_of_secret.span), kind_of_secret.clone());
    }
    Node {
        span: entry.span,
        value: Value::Map(map),
    }
}

fn options(object: &mut Object, general: Option<&Node>, own: Option<&Node>) {
    for options in [general, own].into_iter().flatten() {
        for field in ["labels", "annotations"] {
            let Some(pairs) = options.get(field) else {
                continue;
            };
            let Some(metadata) = child_map(&mut object.node, "metadata", pairs.span) else {
                continue;
            };
            if metadata.get(field).is_none() {
                let empty = Value::Map(Map::default());
                set(
                    metadata,
                    field,
                    Node {
                        span: pairs.span,
                        value: empty,
                    },
                );
            }
            if let Some(map) = metadata.get_mut(field).and_then(Node::as_map_mut) {
                pairs.entries().for_each(|(key, value)| {
                    map.insert(key.clone(), value.clone());
                });
            }
        }
        if let (Some(immutable), Some(map)) = (options.get("immutable"), object.node.as_map_mut()) {
            set(map, "immutable", immutable.clone());
        }
    }
}

fn lay_over(chains: &Chains, object: &mut Object, data: Map, entry: &Node, replace: bool) {
    let field = data_key(object.kind());
    let before = object.node.get(field).cloned();
    if replace && let Some(map) = object.node.as_map_mut() {
        for field in ["data", "binaryData", "stringData"] {
            map.remove(field);
        }
    }
    if let Some(map) = child_map(&mut object.node, field, entry.span) {
        for (key, value) in data.iter() {
            let old = before.as_ref().and_then(|before| before.get(&key.text));
            map.insert(key.clone(), laid_over(chains, value, old));
        }
    }
    options(object, None, entry.get("options"));
}

/// kustomize takes one pair of quotes off a literal's value.
fn unquoted(value: &str) -> &str {
    for quote in ['"', '\''] {
        if value.len() >= 2
            && let Some(inner) = value.strip_prefix(quote).and_then(|v| v.strip_suffix(quote))
        {
            return inner;
        }
    }
    value
}

/// `KEY=value` lines with their places; `file` is the span of the whole text.
fn env_lines(text: &str, file: Span) -> Vec<(Key, Node)> {
    let mut entries = Vec::new();
    let mut start = file.start as usize;
    for raw in text.split_inclusive('\n') {
        let line = raw.trim();
        let at = start + (raw.len() - raw.trim_start().len());
        start += raw.len();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let span_of = |start: usize, length: usize| file.part(start, start + length);
        let line_span = span_of(at, line.len());
        // A name alone takes its value from the environment in which the build runs.
        let (name, value) = match line.split_once('=') {
            Some((name, value)) => {
                let from = at + name.len() + 1;
                (name, Node::text(value, span_of(from, value.len())))
            }
            None => (
                line,
                Node {
                    span: line_span,
                    value: Value::Unknown("a variable of the environment that builds".into()),
                },
            ),
        };
        let key = Key {
            text: name.into(),
            span: span_of(at, name.len()),
        };
        entries.push((key, value));
    }
    entries
}

#[cfg(test)]
mod tests {
    use super::*;
    use cofferdam_syntax::FileId;

    #[test]
    fn lines_of_an_env_file_keep_their_location() {
        let text = "# c\nA=1\n\n  B=x=y\nC\r\n";
        let lines = env_lines(text, Span::new(FileId(0), 0, text.len()));
        let shown: Vec<(&str, Option<&str>, &str)> = lines
            .iter()
            .map(|(k, v)| {
                (
                    &*k.text,
                    v.as_str(),
                    &text[v.span.start as usize..v.span.end as usize],
                )
            })
            .collect();
        assert_eq!(
            shown,
            [("A", Some("1"), "1"), ("B", Some("x=y"), "x=y"), ("C", None, "C")]
        );
    }

    #[test]
    fn one_pair_of_quotes_is_removed() {
        assert_eq!(unquoted("\"two words\""), "two words");
        assert_eq!(unquoted("'x'"), "x");
        assert_eq!(unquoted("\""), "\"");
        assert_eq!(unquoted("a\"b"), "a\"b");
    }
}
