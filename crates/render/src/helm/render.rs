//! Templates to objects: which templates a chart has and can use, and what they give with some values.

use super::eval::{Evaluator, World};
use super::output::Printed;
use super::parse::{self, Defines};
use super::values::turned_off;
use super::{Chart, Charts, LARGE, Rendered};
use crate::budget::{Allowance, Cost};
use cofferdam_syntax::environment;
use cofferdam_syntax::repo::{Repo, Unreadable, normalise};
use cofferdam_syntax::tree::Node;
use cofferdam_syntax::yaml;
use cofferdam_syntax::{Chains, FileId, Span};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::{Path, PathBuf};

/// An object that a template gives.
pub(super) struct Object {
    pub(super) node: Node,
    /// Whether it has these fields whatever is unknown.
    pub(super) is_whole: bool,
}

/// Templates of a chart that were read, by file.
struct Templates<'t> {
    /// What values of the tree passed through.
    chains: &'t Chains,
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
        chains: repo.sources.chains(),
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

pub(super) fn render_all(
    repo: &Repo,
    charts: &[Chart],
    number: usize,
    allowance: &Allowance,
) -> (Vec<Rendered>, Vec<Unreadable>) {
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
                (&values.values, release_name(charts, number)),
                allowance,
                &mut notes,
            )
            .into_iter()
            .map(|object| object.node)
            .collect(),
        })
        .collect();
    (rendered, notes)
}

/// The name of the chart that is installed, which is the release's name.
fn release_name(charts: &[Chart], number: usize) -> Option<&Node> {
    let top = charts[number].parent.map_or(&charts[number], |p| &charts[p]);
    top.node.get("name")
}

/// What the templates of a chart give with these values, as part of a release of this name. The chart
/// may have another name there. The objects are fragments. Templates that cannot be read are left out, and
/// [`super::read`] has reported them; those that take too much with these values are reported here.
pub(super) fn render_with(
    repo: &Repo,
    charts: &Charts,
    (number, alias): (usize, Option<&str>),
    values: &Node,
    release: Option<&Node>,
) -> Vec<Object> {
    let Some(chart) = charts.charts.get(number) else {
        return Vec::new();
    };
    let allowance = charts.spending().budget.allow(LARGE);
    let mut notes = Vec::new();
    let read = templates(repo, &charts.charts, number, &mut notes);
    let mut node = chart.node.clone();
    if let (Some(alias), Some(map)) = (alias, node.as_map_mut())
        && let Some(name) = map.get_mut("name")
    {
        *name = Node::text(alias, name.span);
    }
    let objects = objects(&node, &read, (values, release), &allowance, &mut notes);
    notes.retain(|note| note.message == TOO_MUCH);
    let mut spending = charts.spending();
    spending.budget.take(allowance.spent());
    spending.left_out.extend(notes);
    objects
}

/// Why a template is not read.
const TOO_MUCH: &str = "evaluating this template takes too much time or memory and was stopped here, so its objects \
                        were not read; look for loops and texts that grow with each other";

/// What one template may cost.
const TEMPLATE: Cost = Cost {
    steps: 4_000_000,
    bytes: 256 << 20,
};

/// Bytes of a tree for each byte of the text that it is read from, about.
const BYTES_OF_TREE: usize = 8;

fn objects(
    chart: &Node,
    read: &Templates<'_>,
    (values, release): (&Node, Option<&Node>),
    allowance: &Allowance,
    notes: &mut Vec<Unreadable>,
) -> Vec<Object> {
    let chains = read.chains;
    let mut objects = Vec::new();
    for (path, file, items) in &read.bodies {
        let own = allowance.part(TEMPLATE);
        let world = World {
            chains,
            values,
            chart,
            release,
            defines: &read.defines,
            allowance: &own,
        };
        let mut problem = None;
        // A mark that is alone on its line is mostly an entry of a map. Where that does not parse, it is left out.
        for marks_alone in [true, false] {
            let evaluated = Evaluator::new(world, *file, marks_alone).run(items);
            if let Some(span) = evaluated.cut_at {
                // A part of an object would look like one that lacks the rest.
                problem = Some((span, TOO_MUCH.to_owned()));
                break;
            }
            let unknowns = evaluated.unknowns;
            let printed = Printed::new(chains, evaluated.pieces, &unknowns);
            own.keep(printed.text.len() * BYTES_OF_TREE);
            own.step(printed.text.len() / 16);
            let stream = yaml::parse_made(&printed.text, *file, chains, &|span| printed.place(span));
            if let (Some(error), true) = (stream.errors.first(), marks_alone) {
                problem = Some((
                    printed.place(error.span),
                    format!(
                        "the template gives no YAML without helm ({}); parts of it were not read",
                        error.message
                    ),
                ));
                continue;
            }
            if stream.errors.is_empty() {
                problem = None;
            }
            let clashes: HashSet<Span> = stream.problems.iter().map(|p| p.span).collect();
            // Where marks were left out, nobody can tell what they stood for.
            let is_read = marks_alone && stream.errors.is_empty() && clashes.is_empty();
            for document in one_of_each(&printed, stream.documents) {
                let is_whole = is_read && printed.is_whole(document.span.start as usize);
                let node = printed.finish(document, &clashes);
                if node.get("kind").is_some() && !is_helm_test(&node) {
                    objects.push(Object { node, is_whole });
                }
            }
            break;
        }
        allowance.take(&own);
        if let Some((span, message)) = problem {
            notes.push(Unreadable {
                path: path.to_path_buf(),
                span: Some(span),
                message,
            });
        }
    }
    objects
}

/// Documents of the same kind and name in different branches of a condition are one object.
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

/// Whether an object only exists when somebody asks helm to test a release.
fn is_helm_test(node: &Node) -> bool {
    let hook = node
        .at("metadata/annotations")
        .and_then(|a| a.get("helm.sh/hook"));
    hook.and_then(Node::as_str)
        .is_some_and(|h| h.split(',').any(|h| h.trim().starts_with("test")))
}
