//! Helm charts: their values, the images in them, and what their templates say as far as the files show
//! it. Helm itself is not run. A small evaluator of our own knows conditions, loops, named templates and
//! the usual functions. What it does not know is unknown in the tree and never guessed. So a template
//! gives fragments, not manifests: what is absent here may be there when helm renders it.

mod eval;
mod functions;
mod helmfile;
mod install;
mod limits;
mod output;
mod parse;
mod remote;
mod render;
#[cfg(test)]
mod tests;
mod value;
mod values;
mod written;

use crate::budget::{Budget, Cost};
use crate::image::ImagePair;
use crate::selected::Selected;
use cofferdam_syntax::Spanned;
use cofferdam_syntax::hash::{HashMap, HashSet};
use cofferdam_syntax::repo::{Repo, Unreadable};
use cofferdam_syntax::tree::Node;
pub use helmfile::{Listed, is_release_of_flux, listed, values_over, values_with};
pub use install::{Installed, install, is_brought};
pub use remote::{Remote, remote};
use render::render_all;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use values::{empty, images, own_values, under_parent};

/// All charts of a tree.
#[derive(Debug, Default)]
pub struct Charts {
    /// In the order of their directories.
    pub charts: Vec<Chart>,
    /// Files that are judged only as part of a chart.
    pub consumed: BTreeSet<PathBuf>,
    /// What was left out, and why.
    pub notes: Vec<Unreadable>,
    spending: Mutex<Spending>,
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
    /// Whether it only provides templates for other charts (`type: library`).
    pub library: bool,
    /// The chart whose `charts/` directory it is in, as an index; its values come from there too.
    pub parent: Option<usize>,
    /// What `Chart.yaml` and `requirements.yaml` name.
    pub dependencies: Vec<Dependency>,
    /// The chart's own values first; then, for each environment that has a values file, both merged.
    pub values: Vec<ChartValues>,
    /// Its own values alone.
    pub own: Node,
    /// Images in its values, each place once.
    pub images: Vec<ChartImage>,
    /// Its templates.
    pub templates: Vec<PathBuf>,
    /// What the templates give: for each environment that has a values file, or once.
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
    /// The key of its values, if that is not its name.
    pub alias: Option<String>,
    /// Path of the value that turns it on.
    pub condition: Option<String>,
    /// Names below `tags` in the values, any of which turns it on.
    pub tags: Vec<String>,
}

/// What a chart's templates give.
#[derive(Debug)]
pub struct Rendered {
    /// The environment whose values were used; `None` if the chart has only its own values.
    pub environment: Option<String>,
    /// The objects; all of them fragments.
    pub objects: Vec<Node>,
}

/// What the templates of nearly every chart cost less than.
const SMALL: Cost = Cost {
    steps: 1_000_000,
    bytes: 64 << 20,
};

/// What the templates of one chart may cost, with the values of all its environments.
const LARGE: Cost = Cost {
    steps: 12_000_000,
    bytes: 1 << 30,
};

/// What all templates may cost. Large charts may cost more than small ones.
fn budget(repo: &Repo, charts: &Charts) -> Budget {
    let text = |path: &PathBuf| Some(repo.text(path)?.len() as u64);
    let templates = charts.charts.iter().flat_map(|chart| &chart.templates);
    let written: u64 = templates.filter_map(text).sum();
    Budget::new(Cost {
        steps: 24_000_000 + 100 * written,
        bytes: (384 << 20) + 100 * written,
    })
}

/// What is left of the budget of templates, and what was left out of releases because of it.
#[derive(Debug)]
struct Spending {
    budget: Budget,
    left_out: Vec<Unreadable>,
}

impl Default for Spending {
    fn default() -> Self {
        Spending {
            budget: Budget::new(LARGE),
            left_out: Vec::new(),
        }
    }
}

impl Charts {
    fn spending(&self) -> MutexGuard<'_, Spending> {
        // A count is right whatever happened to another thread.
        self.spending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds to the notes what was left out of releases so far because it takes too much to evaluate.
    pub fn note_left_out(&mut self) {
        let left_out = std::mem::take(&mut self.spending().left_out);
        for note in left_out {
            if !self.notes.contains(&note) {
                self.notes.push(note);
            }
        }
    }
}

/// Reads every chart of `repo`. Files of values that something picks by name are those of environments.
pub fn read(repo: &Repo, selected: &Selected) -> Charts {
    let mut charts = find(repo);
    for number in 0..charts.charts.len() {
        let own = own_values(repo, selected, &charts.charts[number], &mut charts.consumed);
        if let Some(first) = own.first() {
            charts.charts[number].own = first.values.clone();
        }
        let values = match charts.charts[number].parent {
            Some(parent) => {
                let chains = repo.sources.chains();
                under_parent(chains, &charts.charts[parent], &charts.charts[number], own)
            }
            None => own,
        };
        let chart = &mut charts.charts[number];
        chart.values = values;
        chart.images = images(&chart.values);
    }
    let numbers: Vec<usize> = (0..charts.charts.len()).collect();
    let mut budget = budget(repo, &charts);
    let rendered = budget.spread(&numbers, (SMALL, LARGE), |number, allowance| {
        render_all(repo, &charts.charts, *number, allowance)
    });
    charts.spending().budget = budget;
    for (number, (rendered, notes)) in rendered.into_iter().enumerate() {
        charts.notes.extend(notes);
        charts.charts[number].rendered = rendered;
    }
    let mut seen = HashSet::default();
    charts
        .notes
        .retain(|n| seen.insert((n.path.clone(), n.span, n.message.clone())));
    charts
}

fn find(repo: &Repo) -> Charts {
    let mut found = Charts::default();
    let mut by_dir: HashMap<PathBuf, usize> = HashMap::default();
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
            1 => " (the same is true for 1 other chart)".to_owned(),
            n => format!(" (the same is true for {n} other charts)"),
        };
        found.notes.push(Unreadable {
            path: first.chart_file.clone(),
            span: Some(first.name.span),
            message: format!(
                "chart templates are evaluated without Helm: what only Helm or the cluster knows stays unknown{others}"
            ),
        });
    }
    found
}

/// Files below a directory.
fn below(repo: &Repo, dir: &Path) -> Vec<PathBuf> {
    repo.files.below(dir).map(|(path, _)| path.clone()).collect()
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
                tags: (item.get("tags").map_or(&[][..], Node::items).iter())
                    .filter_map(|tag| Some(tag.as_str()?.to_owned()))
                    .collect(),
            })
        })
        .collect()
}

impl Dependency {
    /// The key of its values in those of the chart that names it.
    fn key(&self) -> &str {
        self.alias.as_deref().unwrap_or(&self.name.value)
    }
}
