//! Helm charts: their values, the images in them, and what their templates say as far as that can be
//! known from files. Helm itself is not run. Templates are evaluated by a small reader of our own that
//! knows conditions, loops, named templates and the usual functions; whatever it does not know is
//! unknown in the tree and never guessed. So a template gives fragments, not manifests: what is absent
//! may yet be there when helm renders it.

mod eval;
mod functions;
mod helmfile;
mod install;
mod output;
mod parse;
mod remote;
#[cfg(test)]
mod tests;

use crate::image::{ImagePair, image_pairs};
use crate::kustomize::merge::merge_values;
use cofferdam_syntax::environment;
use cofferdam_syntax::repo::{Repo, Unreadable, normalise};
use cofferdam_syntax::tree::{Map, Node, Value};
use cofferdam_syntax::yaml;
use cofferdam_syntax::{FileId, Span, Spanned};
use eval::{Evaluator, World};
pub use helmfile::{Listed, listed, values_with};
pub use install::{Installed, install, is_brought};
use output::Printed;
use parse::Defines;
use rayon::prelude::*;
pub use remote::{Remote, remote};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};

/// All charts of a tree.
#[derive(Debug, Default)]
pub struct Charts {
    /// In the order of their directories.
    pub charts: Vec<Chart>,
    /// Files that are judged only as part of a chart.
    pub consumed: BTreeSet<PathBuf>,
    /// What was left out, and why.
    pub notes: Vec<Unreadable>,
}

/// One chart.
#[derive(Debug)]
pub struct Chart {
    /// Its name.
    pub name: Spanned<String>,
    /// Its directory, below the root.
    pub dir: PathBuf,
    /// `Chart.yaml`.
    pub chart_file: PathBuf,
    /// Whether it only lends templates to others (`type: library`).
    pub library: bool,
    /// The chart whose `charts/` directory it is in, as an index; its values come from there too.
    pub parent: Option<usize>,
    /// What `Chart.yaml` and `requirements.yaml` name.
    pub dependencies: Vec<Dependency>,
    /// The chart's own values, and for each environment that has a values file these with that laid over.
    pub values: Vec<ChartValues>,
    /// Its own values alone.
    pub own: Node,
    /// Images in its values, each place once.
    pub images: Vec<ChartImage>,
    /// Its templates.
    pub templates: Vec<PathBuf>,
    /// What the templates give, for each environment that has a values file, or once.
    pub rendered: Vec<Rendered>,
    node: Node,
}

impl Chart {
    /// The values with which it is deployed: its own alone only where no environment has a file.
    pub fn deployed(&self) -> &[ChartValues] {
        if self.values.len() > 1 {
            &self.values[1..]
        } else {
            &self.values
        }
    }
}

/// Values for an environment.
#[derive(Debug)]
pub struct ChartValues {
    /// The environment; `None` for the chart's own.
    pub environment: Option<String>,
    /// The files, lowest first.
    pub files: Vec<PathBuf>,
    /// All of them, merged.
    pub values: Node,
}

/// An image in a chart's values.
#[derive(Debug)]
pub struct ChartImage {
    /// The environment whose file names it; `None` for the chart's own values.
    pub environment: Option<String>,
    /// The image.
    pub image: ImagePair,
}

/// A chart that a chart names.
#[derive(Debug, Clone)]
pub struct Dependency {
    /// Its name.
    pub name: Spanned<String>,
    /// The version or range.
    pub version: Option<Spanned<String>>,
    /// Where it is from.
    pub repository: Option<Spanned<String>>,
    /// The key under which its values stand, when it is not its name.
    pub alias: Option<String>,
    /// Path in the values that turns it on.
    pub condition: Option<String>,
}

/// What a chart's templates give.
#[derive(Debug)]
pub struct Rendered {
    /// The environment whose values were used; `None` where the chart's own are all there are.
    pub environment: Option<String>,
    /// The objects; all of them fragments.
    pub objects: Vec<Node>,
}

/// Reads every chart of `repo`.
pub fn read(repo: &Repo) -> Charts {
    let mut charts = find(repo);
    for number in 0..charts.charts.len() {
        let own = own_values(repo, &charts.charts[number], &mut charts.consumed);
        if let Some(first) = own.first() {
            charts.charts[number].own = first.values.clone();
        }
        let values = match charts.charts[number].parent {
            Some(parent) => under_parent(&charts.charts[parent], &charts.charts[number], own),
            None => own,
        };
        let chart = &mut charts.charts[number];
        chart.values = values;
        chart.images = images(&chart.values);
    }
    let rendered: Vec<(Vec<Rendered>, Vec<Unreadable>)> = (0..charts.charts.len())
        .into_par_iter()
        .map(|number| render_all(repo, &charts.charts, number))
        .collect();
    for (number, (rendered, notes)) in rendered.into_iter().enumerate() {
        charts.notes.extend(notes);
        charts.charts[number].rendered = rendered;
    }
    let mut seen = HashSet::new();
    charts
        .notes
        .retain(|n| seen.insert((n.path.clone(), n.span, n.message.clone())));
    charts
}

fn find(repo: &Repo) -> Charts {
    let mut found = Charts::default();
    let mut by_dir: HashMap<PathBuf, usize> = HashMap::new();
    for (path, stream) in &repo.yaml {
        let is_chart = path
            .file_name()
            .is_some_and(|n| n.eq_ignore_ascii_case("chart.yaml"));
        let Some(node) = stream.documents.first().filter(|_| is_chart) else {
            continue;
        };
        let Some(name) = node.get("name").and_then(Node::text_at) else {
            continue;
        };
        if node.get("apiVersion").is_none() && node.get("version").is_none() {
            continue;
        }
        let dir = path.parent().unwrap_or(Path::new("")).to_path_buf();
        let templates = below(repo, &dir.join("templates"));
        found.consumed.insert(path.clone());
        found.consumed.extend(templates.iter().cloned());
        for name in [
            "Chart.lock",
            "requirements.yaml",
            "requirements.lock",
            "values.schema.json",
        ] {
            let path = dir.join(name);
            if repo.files.contains_key(&path) {
                found.consumed.insert(path);
            }
        }
        found.consumed.extend(below(repo, &dir.join("ci")));
        by_dir.insert(dir.clone(), found.charts.len());
        found.charts.push(Chart {
            name,
            chart_file: path.clone(),
            library: node.get("type").and_then(Node::as_str) == Some("library"),
            parent: None,
            dependencies: dependencies(repo, &dir, node),
            values: Vec::new(),
            own: empty(node.span),
            images: Vec::new(),
            templates,
            rendered: Vec::new(),
            node: node.clone(),
            dir,
        });
    }
    for chart in &mut found.charts {
        let above = chart.dir.parent();
        if above.is_some_and(|a| a.file_name().is_some_and(|n| n == "charts")) {
            chart.parent = above
                .and_then(Path::parent)
                .and_then(|dir| by_dir.get(dir))
                .copied();
        }
    }
    let mut installed = found.charts.iter().filter(|c| c.parent.is_none());
    if let Some(first) = installed.next() {
        let others = match installed.count() {
            0 => String::new(),
            1 => " (the same holds for 1 other chart)".to_owned(),
            n => format!(" (the same holds for {n} other charts)"),
        };
        found.notes.push(Unreadable {
            path: first.chart_file.clone(),
            span: Some(first.name.span),
            message: format!(
                "chart templates are not rendered by helm: values, images and literals were read, and the release is taken to bear the chart's name{others}"
            ),
        });
    }
    found
}

/// Files below a directory.
fn below(repo: &Repo, dir: &Path) -> Vec<PathBuf> {
    repo.files
        .range(dir.to_path_buf()..)
        .take_while(|(path, _)| path.starts_with(dir))
        .map(|(path, _)| path.clone())
        .collect()
}

fn dependencies(repo: &Repo, dir: &Path, chart: &Node) -> Vec<Dependency> {
    let older = repo.yaml.get(&dir.join("requirements.yaml"));
    let older = older.and_then(|s| s.documents.first());
    [Some(chart), older]
        .into_iter()
        .flatten()
        .filter_map(|node| node.get("dependencies"))
        .flat_map(Node::items)
        .filter_map(|item| {
            let text = |key: &str| item.get(key).and_then(Node::text_at);
            Some(Dependency {
                name: text("name")?,
                version: text("version"),
                repository: text("repository"),
                alias: text("alias").map(|f| f.value),
                condition: text("condition").map(|f| f.value),
            })
        })
        .collect()
}

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

fn empty(span: Span) -> Node {
    Node {
        span,
        value: Value::Map(Map::default()),
    }
}

/// The values of a chart by its own files: its own, and those of environments.
fn own_values(repo: &Repo, chart: &Chart, consumed: &mut BTreeSet<PathBuf>) -> Vec<ChartValues> {
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
            merge_values(&mut own.values, document);
            own.files.insert(0, path.clone());
        } else if let Some(environment) = environment::of_path(inside) {
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
            merge_values(&mut values, document);
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

/// What a parent chart says about a chart below it, for each environment of the parent.
fn under_parent(parent: &Chart, chart: &Chart, own: Vec<ChartValues>) -> Vec<ChartValues> {
    let key = key_in(parent, chart);
    let Some(base) = own.into_iter().next() else {
        return Vec::new();
    };
    parent
        .values
        .iter()
        .map(|above| {
            let mut values = base.values.clone();
            if let Some(over) = above.values.get(&key) {
                merge_values(&mut values, over);
            }
            if let (Some((key, global)), Some(map)) = (
                above.values.as_map().and_then(|m| m.entry("global")),
                values.as_map_mut(),
            ) {
                map.insert(key.clone(), global.clone());
            }
            ChartValues {
                environment: above.environment.clone(),
                files: base.files.iter().chain(&above.files).cloned().collect(),
                values,
            }
        })
        .collect()
}

impl Dependency {
    /// The key of its values in those of the chart that names it.
    fn key(&self) -> &str {
        self.alias.as_deref().unwrap_or(&self.name.value)
    }
}

/// The key of a chart in its parent's values.
fn key_in(parent: &Chart, chart: &Chart) -> String {
    let dependency = parent
        .dependencies
        .iter()
        .find(|d| d.name.value == chart.name.value);
    dependency.map_or(&*chart.name.value, Dependency::key).to_owned()
}

fn images(values: &[ChartValues]) -> Vec<ChartImage> {
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
fn turned_off(parent: &Chart, chart: &Chart, environment: Option<&str>) -> bool {
    let dependency = parent
        .dependencies
        .iter()
        .find(|d| d.name.value == chart.name.value);
    let values = parent
        .values
        .iter()
        .find(|v| v.environment.as_deref() == environment);
    matches!((dependency, values), (Some(d), Some(v)) if !turned_on(d, &v.values))
}

/// Whether the values of the chart that names a dependency leave it on.
fn turned_on(dependency: &Dependency, values: &Node) -> bool {
    let Some(condition) = dependency.condition.as_deref() else {
        return true;
    };
    // Of several paths the first that is set decides.
    let set = condition
        .split(',')
        .find_map(|path| values.at(&path.trim().replace('.', "/"))?.as_bool());
    set != Some(false)
}

/// Templates of a chart that were read, by file.
struct Templates<'t> {
    bodies: Vec<(&'t Path, FileId, Vec<parse::Item<'t>>)>,
    defines: BTreeMap<FileId, Defines<'t>>,
}

fn templates<'t>(
    repo: &'t Repo,
    charts: &'t [Chart],
    number: usize,
    notes: &mut Vec<Unreadable>,
) -> Templates<'t> {
    let mut read = Templates {
        bodies: Vec::new(),
        defines: BTreeMap::new(),
    };
    for lender in lenders(charts, number) {
        for path in &charts[lender].templates {
            let name = path
                .file_name()
                .and_then(|n| n.to_str())
                .unwrap_or_default()
                .to_ascii_lowercase();
            let manifest = name.ends_with(".yaml") || name.ends_with(".yml") || name.ends_with(".json");
            if !(manifest || name.ends_with(".tpl")) {
                continue;
            }
            let Some(file) = repo.files.get(path).copied() else {
                continue;
            };
            let mut defines = Defines::new();
            match parse::parse(&repo.sources.file(file).text, &mut defines) {
                Ok(items) => {
                    if manifest && lender == number && !name.starts_with('_') {
                        read.bodies.push((path, file, items));
                    }
                }
                Err(error) if lender == number => notes.push(Unreadable {
                    path: path.clone(),
                    span: Some(Span::new(file, error.at, error.at)),
                    message: format!("{}; this template was not read", error.message),
                }),
                Err(_) => {}
            }
            read.defines.insert(file, defines);
        }
    }
    read
}

/// The chart itself and those whose named templates it can use: below it, above it, and local ones
/// that it names as dependencies.
fn lenders(charts: &[Chart], number: usize) -> BTreeSet<usize> {
    let chart = &charts[number];
    let mut lenders = BTreeSet::from([number]);
    lenders.extend(chart.parent);
    let local: Vec<PathBuf> = chart
        .dependencies
        .iter()
        .filter_map(|d| d.repository.as_ref()?.value.strip_prefix("file://"))
        .map(|path| normalise(&chart.dir.join(path)))
        .collect();
    for (index, other) in charts.iter().enumerate() {
        if other.parent == Some(number)
            || local.contains(&other.dir)
            || (chart.parent.is_some() && other.parent == chart.parent && other.library)
        {
            lenders.insert(index);
        }
    }
    lenders
}

fn render_all(repo: &Repo, charts: &[Chart], number: usize) -> (Vec<Rendered>, Vec<Unreadable>) {
    let chart = &charts[number];
    let mut notes = Vec::new();
    if chart.library {
        return (Vec::new(), notes);
    }
    let read = templates(repo, charts, number, &mut notes);
    let rendered = chart
        .deployed()
        .iter()
        .filter(|values| {
            let parent = chart.parent.map(|p| &charts[p]);
            !parent.is_some_and(|p| turned_off(p, chart, values.environment.as_deref()))
        })
        .map(|values| Rendered {
            environment: values
                .environment
                .clone()
                .or_else(|| environment::of_directory(&chart.dir)),
            objects: objects(
                &chart.node,
                &read,
                &values.values,
                release_name(charts, number),
                &mut notes,
            ),
        })
        .collect();
    (rendered, notes)
}

/// The release bears the name of the chart that is installed.
fn release_name(charts: &[Chart], number: usize) -> Option<&Node> {
    let top = charts[number].parent.map_or(&charts[number], |p| &charts[p]);
    top.node.get("name")
}

/// What the templates of a chart give with these values, as part of a release of this name; the chart
/// may bear another name there. The objects are fragments. Templates that cannot be read are left out;
/// [`read`] has noted them.
fn render_with(
    repo: &Repo,
    charts: &Charts,
    (number, alias): (usize, Option<&str>),
    values: &Node,
    release: Option<&Node>,
) -> Vec<Node> {
    let Some(chart) = charts.charts.get(number) else {
        return Vec::new();
    };
    let mut notes = Vec::new();
    let read = templates(repo, &charts.charts, number, &mut notes);
    let mut node = chart.node.clone();
    if let (Some(alias), Some(map)) = (alias, node.as_map_mut())
        && let Some(name) = map.get_mut("name")
    {
        *name = Node::text(alias, name.span);
    }
    objects(&node, &read, values, release, &mut notes)
}

fn objects(
    chart: &Node,
    read: &Templates<'_>,
    values: &Node,
    release: Option<&Node>,
    notes: &mut Vec<Unreadable>,
) -> Vec<Node> {
    let world = World {
        values,
        chart,
        release,
        defines: &read.defines,
    };
    let mut objects = Vec::new();
    for (path, file, items) in &read.bodies {
        let mut problem = None;
        // What stands alone on its line is mostly part of a map; where it is not, it is left out.
        for marks_alone in [true, false] {
            let (pieces, unknowns) = Evaluator::new(world, *file, marks_alone).run(items);
            let printed = Printed::new(pieces, &unknowns);
            let stream = yaml::parse(&printed.text, *file, 0);
            if let (Some(error), true) = (stream.errors.first(), marks_alone) {
                problem = Some((printed.place(error.span), error.message.clone()));
                continue;
            }
            if stream.errors.is_empty() {
                problem = None;
            }
            let clashes: HashSet<Span> = stream.problems.iter().map(|p| p.span).collect();
            for document in one_of_each(&printed, stream.documents) {
                let node = printed.finish(document, &clashes);
                if node.get("kind").is_some() && !is_helm_test(&node) {
                    objects.push(node);
                }
            }
            break;
        }
        if let Some((span, message)) = problem {
            notes.push(Unreadable {
                path: path.to_path_buf(),
                span: Some(span),
                message: format!(
                    "the template gives no YAML without helm ({message}); parts of it were not read"
                ),
            });
        }
    }
    objects
}

/// Documents of one kind and name that are in different branches of a condition are one object.
fn one_of_each(printed: &Printed<'_>, documents: Vec<Node>) -> Vec<Node> {
    let mut by_name: BTreeMap<(String, String), Vec<usize>> = BTreeMap::new();
    for (number, document) in documents.iter().enumerate() {
        let text = |path: &str| document.at(path).and_then(Node::as_str).map(str::to_owned);
        if let (Some(kind), Some(name)) = (text("kind"), text("metadata/name")) {
            by_name.entry((kind, name)).or_default().push(number);
        }
    }
    let mut left_out = HashSet::new();
    for numbers in by_name.into_values().filter(|numbers| numbers.len() > 1) {
        let possible = printed.possible(numbers.clone(), |number| Some(documents[*number].span));
        left_out.extend(numbers.into_iter().filter(|number| !possible.contains(number)));
    }
    let numbered = documents.into_iter().enumerate();
    numbered
        .filter(|(number, _)| !left_out.contains(number))
        .map(|(_, document)| document)
        .collect()
}

/// Pods that only run when somebody asks helm to test a release.
fn is_helm_test(node: &Node) -> bool {
    let hook = node
        .at("metadata/annotations")
        .and_then(|a| a.get("helm.sh/hook"));
    hook.and_then(Node::as_str)
        .is_some_and(|h| h.split(',').any(|h| h.trim().starts_with("test")))
}
