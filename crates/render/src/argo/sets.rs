//! Application sets: the applications that their generators make, as far as the files show it.

use super::{Application, Directories, application, is_address, known};
use cofferdam_syntax::environment;
use cofferdam_syntax::glob;
use cofferdam_syntax::tree::{Node, Scalar, Style, Value};
use cofferdam_syntax::{Chains, Layer, Span};
use globset::GlobMatcher;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Applications that one set may make; more are not read.
const MAX_ELEMENTS: usize = 1000;

/// What a generator gives for one application: parameters by name, each with its place.
type Element = BTreeMap<String, Node>;

pub(super) fn application_set(set: &Node, here: &Directories<'_>) -> Vec<Application> {
    let Some(template) = set.at("spec/template") else {
        return Vec::new();
    };
    let generators = set.at("spec/generators").map_or(&[][..], Node::items);
    let mut applications = Vec::new();
    for generator in generators {
        let elements = elements(generator, here, 0);
        let unknown_generator = elements.is_none().then(|| generator_name(generator));
        // A generator may ask a cluster or a forge. Its result is not known then, and the template is read
        // with what the files say of it.
        let elements = elements.unwrap_or_else(|| said_of(generator, here, 0));
        // One unusual name may mean anything; of several, each is what its key says.
        let names: BTreeSet<String> = elements
            .iter()
            .filter_map(|element| said(element, ENVIRONMENTS))
            .collect();
        for element in elements.into_iter().take(MAX_ELEMENTS) {
            let filled = fill(here.repo.sources.chains(), template, &element);
            let mut application = application(&filled, set, here);
            named_by_element(&mut application, &element, names.len() > 1);
            application.from_set = true;
            application.unknown_generator.clone_from(&unknown_generator);
            applications.push(application);
        }
    }
    applications
}

/// Keys of an element that name its environment.
const ENVIRONMENTS: &[&str] = &["environment", "env", "stage", "values.environment", "values.env"];

/// Keys of an element that name its cluster beside the address that the template takes.
const CLUSTERS: &[&str] = &["cluster", "clusterName", "name", NORMALIZED];

/// The name of a cluster as Argo CD makes it fit for names of applications.
const NORMALIZED: &str = "nameNormalized";

/// What an element gives to the first of these keys that it has.
fn said(element: &Element, keys: &[&str]) -> Option<String> {
    keys.iter().find_map(|key| Some(known(element.get(*key)?)?.value))
}

/// What the element of a generator says outright, whatever the template makes of it.
fn named_by_element(application: &mut Application, element: &Element, several: bool) {
    let name = said(element, ENVIRONMENTS);
    let environment = name.filter(|name| several || environment::canonical(name).is_some());
    if let Some(name) = environment {
        application.environment = Some(environment::name(&name));
    }
    if application.cluster.is_none() || is_address(&application.cluster) {
        let cluster = CLUSTERS.iter().find_map(|key| known(element.get(*key)?));
        application.cluster = cluster
            .filter(|_| {
                ["url", "server", NORMALIZED]
                    .iter()
                    .any(|key| element.contains_key(*key))
            })
            .or(application.cluster.take());
    }
}

/// What a generator that asks Argo CD for its clusters says of each that it finds.
fn of_clusters(generator: &Node) -> Element {
    let mut element = Element::new();
    let Some(clusters) = generator.get("clusters") else {
        return element;
    };
    for (key, value) in clusters.get("values").into_iter().flat_map(Node::entries) {
        element.insert(format!("values.{}", key.text), value.clone());
    }
    let labels = clusters.at("selector/matchLabels");
    for (key, value) in labels.into_iter().flat_map(Node::entries) {
        if ENVIRONMENTS.contains(&&*key.text) {
            element.insert(key.text.to_string(), value.clone());
        }
    }
    element
}

/// The key that says what kind of generator it is.
fn generator_name(generator: &Node) -> String {
    let keys = generator.entries().map(|(key, _)| key.text.to_string());
    keys.into_iter()
        .find(|key| !matches!(&**key, "selector" | "template" | "values"))
        .unwrap_or_else(|| "unnamed".to_owned())
}

/// The elements of a generator; `None` if they are not in the files.
fn elements(generator: &Node, here: &Directories<'_>, depth: usize) -> Option<Vec<Element>> {
    if let Some(list) = generator.at("list/elements") {
        return Some(list.items().iter().map(|item| flat("", item)).collect());
    }
    if let Some(directories) = generator.at("git/directories") {
        return Some(git_directories(directories, here));
    }
    if let Some(files) = generator.at("git/files") {
        return Some(git_files(files, here));
    }
    if let Some(merge) = generator.get("merge").filter(|_| depth < 2) {
        let parts = merge.get("generators").map_or(&[][..], Node::items);
        let parts = parts.iter().map(|part| elements(part, here, depth + 1));
        return Some(merged(merge, parts.collect::<Option<Vec<_>>>()?));
    }
    let matrix = generator.at("matrix/generators").filter(|_| depth < 2)?;
    let parts = matrix.items().iter().map(|part| elements(part, here, depth + 1));
    Some(product(&parts.collect::<Option<Vec<_>>>()?))
}

/// Each element of the first part with each of the others.
fn product(parts: &[Vec<Element>]) -> Vec<Element> {
    let mut all = vec![Element::new()];
    for part in parts {
        let mut product = Vec::new();
        for left in &all {
            for right in part.iter().take(MAX_ELEMENTS.saturating_sub(product.len())) {
                let mut both = left.clone();
                both.extend(right.clone());
                product.push(both);
            }
        }
        all = product;
    }
    all
}

/// The keys by which the elements of a merge belong together.
fn merge_keys(merge: &Node) -> Vec<&str> {
    let keys = merge.get("mergeKeys").map_or(&[][..], Node::items);
    keys.iter().filter_map(Node::as_str).collect()
}

/// The elements of the first part, each overlaid with those of the others that agree on the keys.
fn merged(merge: &Node, parts: Vec<Vec<Element>>) -> Vec<Element> {
    let keys = merge_keys(merge);
    let text = |element: &Element, key: &str| element.get(key).and_then(Node::as_str).map(str::to_owned);
    let mut parts = parts.into_iter();
    let mut all = parts.next().unwrap_or_default();
    for over in parts.flatten() {
        let same = |own: &&mut Element| {
            let agrees = |key: &&str| text(own, key).is_some() && text(own, key) == text(&over, key);
            keys.iter().all(agrees)
        };
        for own in all.iter_mut().filter(same) {
            own.extend(over.clone());
        }
    }
    all
}

/// What the files say of the elements of a generator that they do not show: the values that all have, and for a merge
/// those that some have by name.
fn said_of(generator: &Node, here: &Directories<'_>, depth: usize) -> Vec<Element> {
    if depth > 2 {
        return vec![Element::new()];
    }
    let part = |part: &Node| elements(part, here, depth + 1);
    if let Some(matrix) = generator.at("matrix/generators") {
        let parts = matrix.items().iter();
        let parts = parts.map(|p| part(p).unwrap_or_else(|| said_of(p, here, depth + 1)));
        return product(&parts.collect::<Vec<_>>());
    }
    let Some(merge) = generator.get("merge") else {
        return vec![of_clusters(generator)];
    };
    let parts = merge.get("generators").map_or(&[][..], Node::items);
    let Some((first, others)) = parts.split_first() else {
        return vec![Element::new()];
    };
    let others: Vec<Vec<Element>> = others.iter().filter_map(part).collect();
    if let Some(all) = part(first) {
        return merged(merge, [vec![all], others].concat());
    }
    let bases = said_of(first, here, depth + 1);
    let Some(base) = bases.first() else {
        return Vec::new();
    };
    // Which elements there are is not known; those that others name are there, or they would not be named.
    let keys = merge_keys(merge);
    let mut named: BTreeMap<Vec<String>, Element> = BTreeMap::new();
    for over in others.into_iter().flatten() {
        let key: Option<Vec<String>> = keys
            .iter()
            .map(|key| Some(over.get(*key)?.as_str()?.to_owned()))
            .collect();
        if let Some(key) = key.filter(|key| !key.is_empty()) {
            named.entry(key).or_insert_with(|| base.clone()).extend(over);
        }
    }
    bases.iter().cloned().chain(named.into_values()).collect()
}

/// A tree as parameters: `a.b` for nested keys.
fn flat(prefix: &str, node: &Node) -> Element {
    let mut element = Element::new();
    for (key, value) in node.entries() {
        let name = if prefix.is_empty() {
            key.text.to_string()
        } else {
            format!("{prefix}.{}", key.text)
        };
        match &value.value {
            Value::Map(_) if prefix.len() < 200 => element.extend(flat(&name, value)),
            Value::Scalar(_) => {
                element.insert(name, value.clone());
            }
            _ => {}
        }
    }
    element
}

fn matcher(pattern: &str) -> Option<GlobMatcher> {
    glob::of_paths(pattern).ok()
}

fn git_directories(patterns: &Node, here: &Directories<'_>) -> Vec<Element> {
    let mut wanted = Vec::new();
    let mut unwanted = Vec::new();
    for item in patterns.items() {
        let Some(path) = item.get("path") else { continue };
        let Some(glob) = path.as_str().and_then(matcher) else {
            continue;
        };
        if item.get("exclude").and_then(Node::as_bool) == Some(true) {
            unwanted.push(glob);
        } else {
            wanted.push((glob, path.span));
        }
    }
    here.all
        .iter()
        .filter(|dir| !dir.as_os_str().is_empty() && !unwanted.iter().any(|g| g.is_match(dir)))
        .filter_map(|dir| {
            let (_, span) = wanted.iter().find(|(glob, _)| glob.is_match(dir))?;
            Some(path_element(dir.to_str()?, *span))
        })
        .take(MAX_ELEMENTS)
        .collect()
}

fn git_files(patterns: &Node, here: &Directories<'_>) -> Vec<Element> {
    let globs: Vec<GlobMatcher> = patterns
        .items()
        .iter()
        .filter_map(|item| matcher(item.get("path")?.as_str()?))
        .collect();
    here.repo
        .yaml
        .iter()
        .filter(|(path, _)| globs.iter().any(|g| g.is_match(path)))
        .flat_map(|(path, stream)| {
            stream.documents.iter().map(move |document| {
                let mut element = flat("", document);
                let dir = path.parent().and_then(Path::to_str).unwrap_or("");
                element.extend(path_element(dir, document.span));
                element
            })
        })
        .take(MAX_ELEMENTS)
        .collect()
}

/// The parameters that Argo CD provides for a path, in both of its notations.
fn path_element(path: &str, span: Span) -> Element {
    let mut element = Element::new();
    let mut set = |name: String, text: &str| {
        element.insert(name, Node::text(text, span));
    };
    set("path".to_owned(), path);
    set("path.path".to_owned(), path);
    for (index, segment) in path.split('/').enumerate() {
        set(format!("path[{index}]"), segment);
        set(format!("path.segments[{index}]"), segment);
        set("path.basename".to_owned(), segment);
        set(
            "path.basenameNormalized".to_owned(),
            &segment.replace(['_', '.'], "-"),
        );
    }
    element
}

/// The template with the parameters put in; what names no parameter stays as it is.
fn fill(chains: &Chains, node: &Node, element: &Element) -> Node {
    let value = match &node.value {
        Value::Map(map) => Value::Map(
            map.iter()
                .map(|(key, value)| (key.clone(), fill(chains, value, element)))
                .collect(),
        ),
        Value::Seq(items) => Value::Seq(items.iter().map(|item| fill(chains, item, element)).collect()),
        Value::Scalar(scalar) if scalar.text.contains("{{") => {
            return fill_text(chains, (node, scalar), element);
        }
        other => other.clone(),
    };
    Node {
        span: node.span,
        value,
    }
}

fn fill_text(chains: &Chains, (node, scalar): (&Node, &Scalar), element: &Element) -> Node {
    let mut text = String::new();
    let mut rest: &str = &scalar.text;
    let mut span = node.span;
    while let Some((before, after)) = rest.split_once("{{") {
        let Some((action, after)) = after.split_once("}}") else {
            break;
        };
        text.push_str(before);
        match element.get(&parameter(action)) {
            Some(value) => {
                text.push_str(value.as_str().unwrap_or(""));
                // A text that is only a parameter is at the place where the parameter is given.
                if before.is_empty() && after.is_empty() && text.len() == value.as_str().map_or(0, str::len) {
                    span = chains.through(value.span, Layer::Reference, node.span);
                }
            }
            None => {
                text.push_str("{{");
                text.push_str(action);
                text.push_str("}}");
            }
        }
        rest = after;
    }
    text.push_str(rest);
    Node {
        span,
        value: Value::Scalar(Scalar {
            text: text.into(),
            style: Style::Quoted,
        }),
    }
}

/// `{{ name }}`, `{{ .name }}` and `{{ index .path.segments 1 }}` as a parameter's name.
fn parameter(action: &str) -> String {
    let action = action.trim().trim_matches('-').trim();
    if let Some(rest) = action.strip_prefix("index ")
        && let Some((list, index)) = rest.trim().rsplit_once(' ')
    {
        return format!("{}[{}]", list.trim().trim_start_matches('.'), index.trim());
    }
    action.trim_start_matches('.').to_owned()
}
