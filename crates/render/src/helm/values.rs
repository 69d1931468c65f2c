//! The values of charts: a chart's own files, those of its environments, and what the chart above gives. They are
//! merged, and every value keeps what it passed through.

use super::{Chart, ChartImage, ChartValues, Dependency, below};
use crate::image::image_pairs;
use crate::kustomize::merge::merge_values;
use crate::selected::Selected;
use cofferdam_syntax::environment;
use cofferdam_syntax::repo::Repo;
use cofferdam_syntax::tree::{Key, Map, Node, Value};
use cofferdam_syntax::{Chains, Layer, Span};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::{Path, PathBuf};

/// Directories below a chart that hold values for environments.
const VALUES_DIRS: &[&str] = &[
    "values",
    "environments",
    "environment",
    "envs",
    "env",
    "config",
    "configs",
];

fn is_values_file(below: &Path) -> bool {
    let Some(name) = below.file_name().and_then(|n| n.to_str()) else {
        return false;
    };
    let name = name.to_ascii_lowercase();
    if !(name.ends_with(".yaml") || name.ends_with(".yml")) {
        return false;
    }
    let mut parts = below.iter();
    match (parts.next().and_then(|p| p.to_str()), parts.next()) {
        (Some(_), None) => name.contains("values"),
        (Some(dir), Some(_)) => VALUES_DIRS.contains(&dir.to_ascii_lowercase().as_str()),
        _ => false,
    }
}

pub(super) fn empty(span: Span) -> Node {
    Node {
        span,
        value: Value::Map(Map::default()),
    }
}

/// The values of a chart from its own files: its defaults, and those of environments.
pub(super) fn own_values(
    repo: &Repo,
    selected: &Selected,
    chart: &Chart,
    consumed: &mut BTreeSet<PathBuf>,
) -> Vec<ChartValues> {
    let chains = repo.sources.chains();
    let mut own = ChartValues {
        environment: None,
        files: Vec::new(),
        values: empty(chart.node.span),
    };
    let mut layers: BTreeMap<String, Vec<(PathBuf, &Node)>> = BTreeMap::new();
    for path in below(repo, &chart.dir) {
        let Ok(inside) = path.strip_prefix(&chart.dir) else {
            continue;
        };
        if !is_values_file(inside) {
            continue;
        }
        let Some(document) = repo
            .yaml
            .get(&path)
            .and_then(|s| s.documents.first())
            .filter(|d| d.as_map().is_some())
        else {
            continue;
        };
        let plain = inside
            .to_str()
            .is_some_and(|n| n.eq_ignore_ascii_case("values.yaml") || n.eq_ignore_ascii_case("values.yml"));
        if plain {
            merge_values(chains, &mut own.values, document);
            own.files.insert(0, path.clone());
        } else if let Some(environment) =
            (selected.environment(&path).map(str::to_owned)).or_else(|| environment::of_path(inside))
        {
            layers
                .entry(environment)
                .or_default()
                .push((path.clone(), document));
        }
        consumed.insert(path);
    }
    let mut all = vec![own];
    for (environment, files) in layers {
        let mut values = all[0].values.clone();
        let mut paths = all[0].files.clone();
        for (path, document) in files {
            merge_values(chains, &mut values, document);
            paths.push(path);
        }
        all.push(ChartValues {
            environment: Some(environment),
            files: paths,
            values,
        });
    }
    all
}

/// The values that a parent chart gives to a chart below it, for each environment of the parent.
pub(super) fn under_parent(
    chains: &Chains,
    parent: &Chart,
    chart: &Chart,
    own: Vec<ChartValues>,
) -> Vec<ChartValues> {
    let dependency = dependency_on(parent, chart);
    let key = dependency.map_or(&*chart.name.value, Dependency::key);
    let Some(base) = own.into_iter().next() else {
        return Vec::new();
    };
    parent
        .values
        .iter()
        .map(|above| {
            let mut values = base.values.clone();
            if let Some(over) = given(chains, (dependency, key), &above.values) {
                merge_values(chains, &mut values, &over);
            }
            if let (Some((key, global)), Some(map)) = (
                entry_given(chains, None, &above.values, "global"),
                values.as_map_mut(),
            ) {
                map.insert(key, global);
            }
            ChartValues {
                environment: above.environment.clone(),
                files: base.files.iter().chain(&above.files).cloned().collect(),
                values,
            }
        })
        .collect()
}

/// What the values above give to a chart below. It passes through the place that names the dependency, or else
/// through its key.
pub(super) fn given(
    chains: &Chains,
    (dependency, key): (Option<&Dependency>, &str),
    above: &Node,
) -> Option<Node> {
    entry_given(chains, dependency, above, key).map(|(_, value)| value)
}

/// The same with its key, which is `global` for what every chart below gets.
pub(super) fn entry_given(
    chains: &Chains,
    dependency: Option<&Dependency>,
    above: &Node,
    key: &str,
) -> Option<(Key, Node)> {
    let (key, value) = above.as_map()?.entry(key)?;
    let at = dependency.map_or(key.span, |d| d.name.span);
    let value = chains.tree_through(value.clone(), Layer::Argument, at);
    Some((key.clone(), value))
}

/// The entry of a chart's dependencies that names the other.
fn dependency_on<'c>(parent: &'c Chart, chart: &Chart) -> Option<&'c Dependency> {
    parent
        .dependencies
        .iter()
        .find(|d| d.name.value == chart.name.value)
}

pub(super) fn images(values: &[ChartValues]) -> Vec<ChartImage> {
    let mut seen = HashSet::new();
    let mut images = Vec::new();
    for layer in values {
        for image in image_pairs(&layer.values) {
            let places = [
                Some(image.repository.span),
                image.tag.as_ref().map(|s| s.span),
                image.digest.as_ref().map(|s| s.span),
            ];
            if seen.insert((image.path.clone(), places)) {
                images.push(ChartImage {
                    environment: layer.environment.clone(),
                    image,
                });
            }
        }
    }
    images
}

/// Whether a parent's values turn a chart off.
pub(super) fn turned_off(parent: &Chart, chart: &Chart, environment: Option<&str>) -> bool {
    let dependency = dependency_on(parent, chart);
    let values = parent
        .values
        .iter()
        .find(|v| v.environment.as_deref() == environment);
    matches!((dependency, values), (Some(d), Some(v)) if !turned_on(d, &v.values))
}

/// Whether a dependency is turned on in the values of the chart that names it.
pub(super) fn turned_on(dependency: &Dependency, values: &Node) -> bool {
    // The first of several paths that is set decides. An unknown value may turn it on.
    let conditions = dependency.condition.as_deref().unwrap_or_default().split(',');
    let set = conditions
        .filter_map(|path| values.at(&path.trim().replace('.', "/")))
        .find_map(switch);
    if let Some(is_on) = set {
        return is_on;
    }
    // Without one, any tag that is set to true; if none is set, it is on.
    let tags = dependency.tags.iter();
    let mut tags = tags
        .filter_map(|tag| values.get("tags")?.get(tag))
        .filter_map(switch)
        .peekable();
    tags.peek().is_none() || tags.any(|is_on| is_on)
}

/// What a value turns on or off; a value that is not known may turn on.
fn switch(value: &Node) -> Option<bool> {
    match &value.value {
        Value::Unknown(_) => Some(true),
        _ => value.as_bool(),
    }
}
