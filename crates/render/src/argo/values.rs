//! The values that an application lays over the chart that it installs: value files, values written in it, single
//! parameters; and the images that it sets.

use super::{AppSource, Deploys, known};
use crate::helm::Charts;
use crate::image::{ImagePair, parse_image};
use crate::kustomize::merge::merge_values;
use cofferdam_syntax::repo::{Repo, normalise};
use cofferdam_syntax::tree::{Key, Map, Node, Value};
use cofferdam_syntax::yaml;
use cofferdam_syntax::{Layer, Span, Spanned};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The values with which an application installs a chart of this tree: the chart's own values, then value
/// files, then values in the application. With the chart's index in `charts`.
pub fn chart_values(repo: &Repo, charts: &Charts, source: &AppSource) -> Option<(usize, Node)> {
    let Some(Deploys::Chart(dir)) = &source.deploys else {
        return None;
    };
    let number = charts.charts.iter().position(|c| c.dir == *dir)?;
    let chains = repo.sources.chains();
    let mut values = charts.charts[number].values.first()?.values.clone();
    for (name, path) in &source.value_files {
        let document = path
            .as_ref()
            .and_then(|p| repo.yaml.get(p))
            .and_then(|s| s.documents.first());
        if let Some(document) = document {
            let document = chains.tree_through(document.clone(), Layer::Include, name.span);
            merge_values(chains, &mut values, &document);
        }
    }
    for over in &source.values {
        merge_values(chains, &mut values, over);
    }
    Some((number, values))
}

/// The path of a value file: below the chart, or below the root of the source that `$name` refers to.
pub(super) fn value_file(
    name: &Spanned<String>,
    dir: Option<&Path>,
    references: &BTreeMap<&str, &Node>,
    repo: &Repo,
) -> Option<PathBuf> {
    let written = name.value.as_str();
    let from_top = |path: &str| repo.from_top(Path::new(path), repo.sources.path(name.span.file));
    if written.contains("://") {
        return None;
    }
    if let Some(rest) = written.strip_prefix('$') {
        let (name, path) = rest.split_once('/')?;
        references.get(name)?;
        return from_top(path);
    }
    if written.starts_with('/') {
        return from_top(written);
    }
    Some(normalise(&dir?.join(written)))
}

/// The values in an application: text, tree, then single parameters.
pub(super) fn values(source: &Node, repo: &Repo) -> Vec<Node> {
    let mut values = Vec::new();
    if let Some(text) = source.at("helm/values").filter(|n| n.as_str().is_some()) {
        let file_text = &repo.sources.file(text.span.file).text;
        let stream = yaml::parse_embedded(text, file_text, repo.sources.chains()).unwrap_or_default();
        values.extend(
            stream
                .documents
                .into_iter()
                .next()
                .filter(|d| d.as_map().is_some()),
        );
    }
    values.extend(
        source
            .at("helm/valuesObject")
            .filter(|n| n.as_map().is_some())
            .cloned(),
    );
    let parameters = source.at("helm/parameters").map_or(&[][..], Node::items);
    let mut tree = Map::default();
    for parameter in parameters {
        let (Some(name), Some(value)) = (parameter.get("name"), parameter.get("value")) else {
            continue;
        };
        if let Some(path) = name.as_str() {
            let parts: Vec<&str> = path.split('.').take(32).collect();
            put(&mut tree, &parts, name.span, value);
        }
    }
    if !tree.is_empty() {
        let span = source.at("helm/parameters").map_or(source.span, |n| n.span);
        values.push(Node {
            span,
            value: Value::Map(tree),
        });
    }
    values
}

/// Sets `a.b.c` to a value; parts that go into lists (`a[0]`) are left out.
fn put(map: &mut Map, parts: &[&str], span: Span, value: &Node) {
    let Some((first, rest)) = parts.split_first() else {
        return;
    };
    if first.is_empty() || first.contains('[') {
        return;
    }
    let key = || Key {
        text: (*first).into(),
        span,
    };
    if rest.is_empty() {
        map.insert(key(), value.clone());
        return;
    }
    if map.get(first).is_none_or(|n| n.as_map().is_none()) {
        let empty = Value::Map(Map::default());
        map.insert(key(), Node { span, value: empty });
    }
    if let Some(below) = map.get_mut(first).and_then(Node::as_map_mut) {
        put(below, rest, span, value);
    }
}

/// `name:tag`, `name@digest` or `old=new:tag`.
pub(super) fn kustomize_image(node: &Node) -> Option<ImagePair> {
    let text = known(node)?.value;
    let new = text.split_once('=').map_or(text.as_str(), |(_, new)| new);
    let image = parse_image(new);
    let fact = |part: &Option<String>| part.clone().map(|p| Spanned::new(p, node.span));
    Some(ImagePair {
        path: "kustomize.images".to_owned(),
        repository: Spanned::new(image.name(), node.span),
        tag: fact(&image.tag),
        digest: fact(&image.digest),
        image,
        span: node.span,
    })
}
