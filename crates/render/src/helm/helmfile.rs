//! Releases that files list: helmfile's `releases`, and Flux's HelmRelease of a chart in this tree. Each
//! installs a chart with its own values. Mostly, many releases install the same chart.

use super::Charts;
use crate::kustomize::merge::merge_values;
use cofferdam_syntax::Layer;
use cofferdam_syntax::environment;
use cofferdam_syntax::repo::{Repo, normalise};
use cofferdam_syntax::tree::{Key, Map, Node, Value};
use std::path::{Path, PathBuf};

/// A release of a chart of this tree.
#[derive(Debug)]
pub struct Listed {
    /// The chart, as an index.
    pub chart: usize,
    /// The environment; `None` if the file names none.
    pub environment: Option<String>,
    /// Name of the release.
    pub name: Node,
    /// The chart's own values and the release's laid over them.
    pub values: Node,
    /// The file that lists it.
    pub by: PathBuf,
    /// Values files that it takes.
    pub files: Vec<PathBuf>,
    /// The namespace of what it installs, where it names one.
    pub namespace: Option<Node>,
    /// Whether everything that it sets is known. If not, the chart's own values are only defaults.
    pub known: bool,
}

/// The chart's own values, with values files and then single values (by path) laid over them.
pub fn values_with(
    repo: &Repo,
    charts: &Charts,
    chart: usize,
    files: &[PathBuf],
    set: &[(String, Node)],
) -> Node {
    let chains = repo.sources.chains();
    let mut values = charts.charts[chart].own.clone();
    for file in files {
        if let Some(document) = repo.yaml.get(file).and_then(|s| s.documents.first()) {
            merge_values(chains, &mut values, document);
        }
    }
    for (path, value) in set {
        if let Some(over) = nested(path, value) {
            merge_values(chains, &mut values, &over);
        }
    }
    values
}

/// The chart's own values with these trees laid over them, the lowest first.
pub fn values_over(repo: &Repo, charts: &Charts, chart: usize, layers: &[Node]) -> Node {
    let mut values = charts.charts[chart].own.clone();
    let chains = repo.sources.chains();
    layers
        .iter()
        .for_each(|layer| merge_values(chains, &mut values, layer));
    values
}

/// Whether an object is a release of Flux of a chart of `repo`, in the file at `path`.
pub fn is_release_of_flux(repo: &Repo, charts: &Charts, path: &Path, object: &Node) -> bool {
    object.get("kind").and_then(Node::as_str) == Some("HelmRelease")
        && chart_of_flux(repo, charts, path, object).is_some()
}

/// Every release of a chart of `repo` that a file lists. `objects` are those that may be releases of Flux, each with the
/// directory of the kustomization that builds it, if one does.
pub fn listed<'n>(
    repo: &Repo,
    charts: &Charts,
    objects: impl Iterator<Item = (&'n Node, Option<&'n Path>)>,
) -> Vec<Listed> {
    let mut found = Vec::new();
    if charts.charts.is_empty() {
        return found;
    }
    for (object, directory) in objects {
        if object.get("kind").and_then(Node::as_str) == Some("HelmRelease") {
            let path = repo.sources.path(object.span.file);
            found.extend(of_flux((repo, charts), (path, directory), object));
        }
    }
    let of_objects = found.len();
    for (path, stream) in &repo.yaml {
        let lists = stream.documents.iter().filter_map(|d| d.get("releases"));
        for release in lists.flat_map(Node::items) {
            for environment in environments(&stream.documents, path) {
                let listed = of_helmfile(repo, charts, path, release, environment);
                // What an object installs again later, under the same name in the same place, is that release.
                let is_again = |l: &Listed| found[..of_objects].iter().any(|object| is_same(object, l));
                found.extend(listed.filter(|l| !is_again(l)));
            }
        }
    }
    found
}

/// Whether two releases are one: they have the same name in the same namespace of the same environment.
fn is_same(object: &Listed, listed: &Listed) -> bool {
    let text = |node: Option<&Node>| node.and_then(Node::as_str).map(str::to_owned);
    let namespace = text(object.namespace.as_ref());
    namespace.is_some()
        && namespace == text(listed.namespace.as_ref())
        && object.name.as_str() == listed.name.as_str()
        && (listed.environment.is_none() || listed.environment == object.environment)
}

/// The environments that a helmfile names; one for all if it names none.
fn environments(documents: &[Node], path: &Path) -> Vec<Option<(String, String)>> {
    let named: Vec<Option<(String, String)>> = documents
        .iter()
        .filter_map(|d| d.get("environments"))
        .flat_map(Node::entries)
        .filter(|(key, _)| &*key.text != "default")
        .map(|(key, _)| Some((key.text.to_string(), environment::name(&key.text))))
        .collect();
    if named.is_empty() {
        return vec![environment::of_path(path).map(|name| (name.clone(), name))];
    }
    named
}

fn chart_at(charts: &Charts, dir: &Path) -> Option<usize> {
    charts.charts.iter().position(|c| c.dir == dir)
}

fn of_helmfile(
    repo: &Repo,
    charts: &Charts,
    path: &Path,
    release: &Node,
    environment: Option<(String, String)>,
) -> Option<Listed> {
    if release.get("installed").and_then(Node::as_bool) == Some(false) {
        return None;
    }
    let base = path.parent().unwrap_or(Path::new(""));
    let chart = chart_at(charts, &normalise(&base.join(release.get("chart")?.as_str()?)))?;
    let name = release.get("name").filter(|n| n.as_str().is_some())?.clone();
    let chains = repo.sources.chains();
    let mut values = charts.charts[chart].own.clone();
    let mut files = Vec::new();
    for layer in release.get("values").map_or(&[][..], Node::items) {
        if layer.as_map().is_some() {
            merge_values(chains, &mut values, layer);
            continue;
        }
        let Some(written) = layer.as_str() else { continue };
        let written = match &environment {
            Some((as_written, _)) => named_in(written, as_written),
            None => written.to_owned(),
        };
        let file = normalise(&base.join(written));
        if let Some(document) = repo.yaml.get(&file).and_then(|s| s.documents.first()) {
            let document = chains.tree_through(document.clone(), Layer::Include, layer.span);
            merge_values(chains, &mut values, &document);
            files.push(file);
        }
    }
    for item in release.get("set").map_or(&[][..], Node::items) {
        if let (Some(at), Some(value)) = (item.get("name").and_then(Node::as_str), item.get("value"))
            && let Some(over) = nested(at, value)
        {
            merge_values(chains, &mut values, &over);
        }
    }
    Some(Listed {
        chart,
        environment: environment.map(|(_, name)| name),
        name,
        values,
        files,
        by: path.to_path_buf(),
        namespace: release.get("namespace").filter(|n| is_plain(n)).cloned(),
        known: true,
    })
}

/// The text with the environment's name in place of `{{ .Environment.Name }}`.
fn named_in(text: &str, environment: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        let Some((action, after)) = after.split_once("}}") else {
            break;
        };
        out.push_str(before);
        if action.trim().trim_matches('-').trim() == ".Environment.Name" {
            out.push_str(environment);
        } else {
            out.push_str("{{");
            out.push_str(action);
            out.push_str("}}");
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

/// `a.b.c` and a value as a tree; parts that go into lists are left out.
fn nested(path: &str, value: &Node) -> Option<Node> {
    let mut node = value.clone();
    for part in path.split('.').take(32).collect::<Vec<_>>().into_iter().rev() {
        if part.is_empty() || part.contains('[') {
            return None;
        }
        let key = Key {
            text: part.into(),
            span: value.span,
        };
        node = Node {
            span: value.span,
            value: Value::Map([(key, node)].into_iter().collect::<Map>()),
        };
    }
    Some(node)
}

/// Whether a text is final: no tool puts anything into it.
fn is_plain(node: &Node) -> bool {
    node.as_str()
        .is_some_and(|text| !text.is_empty() && !text.contains(['{', '$']))
}

/// Flux: `spec.chart.spec.chart` is a path of the repository that the source names.
fn chart_of_flux(repo: &Repo, charts: &Charts, path: &Path, object: &Node) -> Option<usize> {
    let written = object.at("spec/chart/spec/chart")?.as_str()?;
    chart_at(charts, &repo.from_top(Path::new(written), path)?)
}

fn of_flux(
    (repo, charts): (&Repo, &Charts),
    (path, directory): (&Path, Option<&Path>),
    object: &Node,
) -> Option<Listed> {
    let chains = repo.sources.chains();
    let chart = chart_of_flux(repo, charts, path, object)?;
    let name = object
        .at("spec/releaseName")
        .or_else(|| object.at("metadata/name"))
        .filter(|n| n.as_str().is_some())?
        .clone();
    let mut values = charts.charts[chart].own.clone();
    if let Some(over) = object.at("spec/values").filter(|n| n.as_map().is_some()) {
        merge_values(chains, &mut values, over);
    }
    Some(Listed {
        chart,
        environment: match directory {
            Some(directory) => environment::of_directory(directory),
            None => environment::of_path(path),
        },
        name,
        values,
        files: Vec::new(),
        by: path.to_path_buf(),
        // Without a target, a release installs into its own namespace.
        namespace: (object.at("spec/targetNamespace"))
            .or_else(|| object.at("metadata/namespace"))
            .filter(|n| is_plain(n))
            .cloned(),
        known: true,
    })
}
