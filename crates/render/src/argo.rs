//! Argo CD applications: which directory of this tree is deployed where, with which values and images
//! on top. A path may be of another repository; it counts as ours only when it is there.

use crate::helm::Charts;
use crate::image::{ImagePair, image_pairs, parse_image};
use crate::kustomize::merge::merge_values;
use crate::kustomize::{Dangling, Named};
use cofferdam_syntax::environment;
use cofferdam_syntax::nearest;
use cofferdam_syntax::repo::{Repo, normalise};
use cofferdam_syntax::tree::{Key, Map, Node, Scalar, Style, Value};
use cofferdam_syntax::yaml;
use cofferdam_syntax::{Span, Spanned};
use globset::{GlobBuilder, GlobMatcher};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::{Path, PathBuf};

/// Applications that one set may make; more are not read.
const MAX_ELEMENTS: usize = 1000;

/// All applications that were found.
#[derive(Debug, Default)]
pub struct Applications {
    /// In the order of the objects that they were read from.
    pub applications: Vec<Application>,
    /// Paths and value files that are named and do not exist.
    pub dangling: Vec<Dangling>,
}

/// An application, or one that an application set makes.
#[derive(Debug, Clone)]
pub struct Application {
    /// Its name, where it is known.
    pub name: Option<Spanned<String>>,
    /// Place of the object that it is read from.
    pub span: Span,
    /// Whether an ApplicationSet makes it.
    pub from_set: bool,
    /// The Argo CD project.
    pub project: Option<Spanned<String>>,
    /// The namespace it is deployed to.
    pub namespace: Option<Spanned<String>>,
    /// Name or address of the cluster it is deployed to.
    pub cluster: Option<Spanned<String>>,
    /// The environment, from its path, its value files, its cluster, its namespace or its name.
    pub environment: Option<String>,
    /// What it deploys.
    pub sources: Vec<AppSource>,
    /// The generator that makes it, where nothing in the files says what that gives.
    pub unknown_generator: Option<String>,
    /// Whether it follows the repository by itself.
    pub automated: Option<Spanned<bool>>,
    /// Whether it deletes what the repository no longer has.
    pub prune: Option<Spanned<bool>>,
    /// Whether it undoes changes that are made by hand.
    pub self_heal: Option<Spanned<bool>>,
}

/// One source of an application.
#[derive(Debug, Clone)]
pub struct AppSource {
    /// The repository.
    pub repository: Option<Spanned<String>>,
    /// The path in it.
    pub path: Option<Spanned<String>>,
    /// Branch, tag or version.
    pub revision: Option<Spanned<String>>,
    /// A chart of a chart repository.
    pub chart: Option<Spanned<String>>,
    /// What it deploys of this tree; `None` if its path is not here.
    pub deploys: Option<Deploys>,
    /// Name of the Helm release, where it is not the application's.
    pub release: Option<Node>,
    /// Value files, lowest first, with their path below the root where they are here.
    pub value_files: Vec<(Spanned<String>, Option<PathBuf>)>,
    /// Values in the application itself, lowest first; parameters are the last of them.
    pub values: Vec<Node>,
    /// Images that it sets: kustomize's, and those in its values.
    pub images: Vec<ImagePair>,
    /// What it lays over a kustomization.
    pub kustomize: Option<Node>,
}

/// What a source deploys of this tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deploys {
    /// The kustomization in a directory.
    Kustomization(PathBuf),
    /// The chart in a directory.
    Chart(PathBuf),
    /// The manifests in a directory.
    Directory(PathBuf),
}

impl Deploys {
    /// The directory.
    pub fn dir(&self) -> &Path {
        match self {
            Deploys::Kustomization(dir) | Deploys::Chart(dir) | Deploys::Directory(dir) => dir,
        }
    }
}

/// Reads the applications and application sets among `objects` (documents of the tree, or what its
/// builds made).
pub fn read<'n>(repo: &Repo, objects: impl IntoIterator<Item = &'n Node>) -> Applications {
    let mut found = Applications::default();
    let mut here: Option<Directories<'_>> = None;
    for object in objects {
        let text = |key: &str| object.get(key).and_then(Node::as_str).unwrap_or("");
        if !text("apiVersion").starts_with("argoproj.io/") {
            continue;
        }
        match text("kind") {
            "Application" => {
                let here = here.get_or_insert_with(|| Directories::new(repo));
                found.applications.push(application(object, object, here));
            }
            "ApplicationSet" => {
                let here = here.get_or_insert_with(|| Directories::new(repo));
                found.applications.extend(application_set(object, here));
            }
            _ => {}
        }
    }
    if let Some(here) = &here {
        found.dangling = dangling(&found.applications, here);
    }
    found
}

/// The values with which an application installs a chart of this tree: the chart's own, its value
/// files, what stands in it. With the chart's index in `charts`.
pub fn chart_values(repo: &Repo, charts: &Charts, source: &AppSource) -> Option<(usize, Node)> {
    let Some(Deploys::Chart(dir)) = &source.deploys else {
        return None;
    };
    let number = charts.charts.iter().position(|c| c.dir == *dir)?;
    let mut values = charts.charts[number].values.first()?.values.clone();
    for (_, path) in &source.value_files {
        let document = path
            .as_ref()
            .and_then(|p| repo.yaml.get(p))
            .and_then(|s| s.documents.first());
        if let Some(document) = document {
            merge_values(&mut values, document);
        }
    }
    for over in &source.values {
        merge_values(&mut values, over);
    }
    Some((number, values))
}

/// The directories of a tree.
struct Directories<'r> {
    repo: &'r Repo,
    all: BTreeSet<&'r Path>,
}

impl<'r> Directories<'r> {
    fn new(repo: &'r Repo) -> Self {
        let mut all = BTreeSet::new();
        let seen = repo.files.keys().chain(&repo.passed_over);
        for path in seen {
            for above in path.ancestors().skip(1) {
                if !all.insert(above) {
                    break;
                }
            }
        }
        Directories { repo, all }
    }

    fn deploys(&self, written: &str) -> Option<Deploys> {
        let dir = normalise(Path::new(written.trim_start_matches('/')));
        if !self.all.contains(dir.as_path()) {
            return None;
        }
        let has = |name: &str| self.repo.files.contains_key(&dir.join(name));
        Some(
            if has("kustomization.yaml") || has("kustomization.yml") || has("Kustomization") {
                Deploys::Kustomization(dir)
            } else if has("Chart.yaml") {
                Deploys::Chart(dir)
            } else {
                Deploys::Directory(dir)
            },
        )
    }
}

/// A text that is known: no part of it is a template.
fn known(node: &Node) -> Option<Spanned<String>> {
    node.text_at()
        .filter(|f| !f.value.is_empty() && !f.value.contains("{{"))
}

fn application(object: &Node, written: &Node, here: &Directories<'_>) -> Application {
    let at = |path: &str| object.at(path);
    let text = |path: &str| at(path).and_then(known);
    let flag = |path: &str| at(path).and_then(Node::bool_at);
    let mut sources: Vec<&Node> = at("spec/sources").map_or(&[][..], Node::items).iter().collect();
    if sources.is_empty() {
        sources.extend(at("spec/source"));
    }
    let references: BTreeMap<&str, &Node> = sources
        .iter()
        .filter_map(|s| Some((s.get("ref")?.as_str()?, *s)))
        .collect();
    let sources: Vec<AppSource> = sources.iter().map(|s| source(s, &references, here)).collect();
    let mut application = Application {
        name: text("metadata/name"),
        span: written.span,
        from_set: false,
        project: text("spec/project"),
        namespace: text("spec/destination/namespace"),
        cluster: text("spec/destination/name").or_else(|| text("spec/destination/server")),
        environment: None,
        sources,
        unknown_generator: None,
        automated: at("spec/syncPolicy/automated").map(|node| {
            // Present is on, unless it says otherwise.
            let on = node.get("enabled").and_then(Node::as_bool).unwrap_or(true);
            Spanned::new(on && !node.is_null(), node.span)
        }),
        prune: flag("spec/syncPolicy/automated/prune"),
        self_heal: flag("spec/syncPolicy/automated/selfHeal"),
    };
    application.environment = environment_of(&application, here.repo);
    application
}

fn environment_of(application: &Application, repo: &Repo) -> Option<String> {
    let path = |fact: &Spanned<String>| environment::of_path(Path::new(&fact.value));
    let from_path = application.sources.iter().find_map(|s| {
        s.path
            .as_ref()
            .and_then(|p| environment::of_directory(Path::new(&p.value)))
    });
    let from_values = || {
        // The last value file lies on top.
        application
            .sources
            .iter()
            .flat_map(|s| &s.value_files)
            .filter_map(|(name, _)| path(name))
            .next_back()
    };
    let named = |fact: &Option<Spanned<String>>| {
        let fact = fact.as_ref()?;
        environment::of_name(&fact.value).map(str::to_owned)
    };
    from_path
        .or_else(from_values)
        .or_else(|| named(&application.cluster).filter(|_| !is_address(&application.cluster)))
        .or_else(|| named(&application.namespace))
        .or_else(|| named(&application.name))
        .or_else(|| environment::of_path(repo.sources.path(application.span.file)))
}

fn is_address(fact: &Option<Spanned<String>>) -> bool {
    fact.as_ref().is_some_and(|f| f.value.contains("://"))
}

fn source(node: &Node, references: &BTreeMap<&str, &Node>, here: &Directories<'_>) -> AppSource {
    let text = |path: &str| node.at(path).and_then(known);
    let path = text("path");
    let chart = text("chart");
    let deploys = match (&path, &chart) {
        (Some(path), None) => here.deploys(&path.value),
        _ => None,
    };
    let dir = deploys.as_ref().map(|d| d.dir().to_path_buf());
    let value_files = node
        .at("helm/valueFiles")
        .map_or(&[][..], Node::items)
        .iter()
        .filter_map(known)
        .map(|name| {
            let path = value_file(&name.value, dir.as_deref(), references);
            let path = path.filter(|p| here.repo.files.contains_key(p));
            (name, path)
        })
        .collect();
    let values = values(node, here.repo);
    let mut images: Vec<ImagePair> = values.iter().flat_map(image_pairs).collect();
    let kustomize = node.at("kustomize/images").map_or(&[][..], Node::items);
    images.extend(kustomize.iter().filter_map(kustomize_image));
    AppSource {
        repository: text("repoURL"),
        path,
        revision: text("targetRevision"),
        chart,
        deploys,
        release: node
            .at("helm/releaseName")
            .filter(|n| known(n).is_some())
            .cloned(),
        value_files,
        values,
        images,
        kustomize: node.get("kustomize").cloned(),
    }
}

/// Where a value file is: below the chart, or below the root of a source that `$name` refers to.
fn value_file(written: &str, dir: Option<&Path>, references: &BTreeMap<&str, &Node>) -> Option<PathBuf> {
    if written.contains("://") {
        return None;
    }
    if let Some(rest) = written.strip_prefix('$') {
        let (name, path) = rest.split_once('/')?;
        references.get(name)?;
        return Some(normalise(Path::new(path)));
    }
    if let Some(rooted) = written.strip_prefix('/') {
        return Some(normalise(Path::new(rooted)));
    }
    Some(normalise(&dir?.join(written)))
}

/// The values in an application: text, tree, then single parameters.
fn values(source: &Node, repo: &Repo) -> Vec<Node> {
    let mut values = Vec::new();
    if let Some(text) = source.at("helm/values").filter(|n| n.as_str().is_some()) {
        let file_text = &repo.sources.file(text.span.file).text;
        let stream = yaml::parse_embedded(text, file_text).unwrap_or_default();
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
fn kustomize_image(node: &Node) -> Option<ImagePair> {
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

/// Names that lead nowhere. A path is of this tree when another path of the same repository is; value
/// files are when their chart is.
fn dangling(applications: &[Application], here: &Directories<'_>) -> Vec<Dangling> {
    let sources = || applications.iter().flat_map(|a| &a.sources);
    let ours: HashSet<&str> = sources()
        .filter(|s| {
            s.deploys
                .as_ref()
                .is_some_and(|d| !d.dir().as_os_str().is_empty())
        })
        .filter_map(|s| Some(s.repository.as_ref()?.value.as_str()))
        .collect();
    let mut found = Vec::new();
    for source in sources() {
        let is_ours = source
            .repository
            .as_ref()
            .is_some_and(|r| ours.contains(r.value.as_str()));
        if let (Some(path), None, None, true) = (&source.path, &source.deploys, &source.chart, is_ours) {
            let span = path.span;
            let known = here.all.iter().filter_map(|d| d.to_str());
            found.push(Dangling {
                what: Named::File,
                name: path.value.clone(),
                span,
                nearest: nearest::nearest(&path.value, known).map(str::to_owned),
                refused: true,
            });
        }
        let Some(Deploys::Chart(dir)) = &source.deploys else {
            continue;
        };
        for (name, path) in &source.value_files {
            let written = &name.value;
            if path.is_some() || written.starts_with('$') || written.contains("://") {
                continue;
            }
            let span = name.span;
            let wanted = normalise(&dir.join(written.trim_start_matches('/')));
            if here.repo.absent_by_design(&wanted) || wanted.starts_with("..") {
                continue;
            }
            let beside: Vec<&str> = here
                .repo
                .files
                .range(dir.clone()..)
                .take_while(|(p, _)| p.starts_with(dir))
                .filter_map(|(p, _)| p.strip_prefix(dir).ok()?.to_str())
                .collect();
            found.push(Dangling {
                what: Named::File,
                name: written.clone(),
                span,
                nearest: nearest::nearest(written, beside).map(str::to_owned),
                refused: true,
            });
        }
    }
    let mut seen = HashSet::new();
    found.retain(|d| seen.insert((d.span, d.name.clone())));
    found
}

// === application sets ===

/// What a generator gives for one application: parameters by name, each with its place.
type Element = BTreeMap<String, Node>;

fn application_set(set: &Node, here: &Directories<'_>) -> Vec<Application> {
    let Some(template) = set.at("spec/template") else {
        return Vec::new();
    };
    let generators = set.at("spec/generators").map_or(&[][..], Node::items);
    let mut applications = Vec::new();
    for generator in generators {
        let elements = elements(generator, here, 0);
        let unknown_generator = elements.is_none().then(|| generator_name(generator));
        // What a generator that asks a cluster or a forge gives is not known: the template is read with
        // what it says by itself.
        let elements = elements.unwrap_or_else(|| vec![Element::new()]);
        for element in elements.into_iter().take(MAX_ELEMENTS) {
            let filled = fill(template, &element);
            let mut application = application(&filled, set, here);
            application.from_set = true;
            application.unknown_generator.clone_from(&unknown_generator);
            applications.push(application);
        }
    }
    applications
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
    let matrix = generator.at("matrix/generators").filter(|_| depth < 2)?;
    let mut all = vec![Element::new()];
    for part in matrix.items() {
        let part = elements(part, here, depth + 1)?;
        let mut product = Vec::new();
        for left in &all {
            for right in &part {
                if product.len() >= MAX_ELEMENTS {
                    break;
                }
                let mut both = left.clone();
                both.extend(right.clone());
                product.push(both);
            }
        }
        all = product;
    }
    Some(all)
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
    let glob = GlobBuilder::new(pattern).literal_separator(true).build().ok()?;
    Some(glob.compile_matcher())
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

/// The parameters that Argo CD gives for a path, in both of its notations.
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
fn fill(node: &Node, element: &Element) -> Node {
    let value = match &node.value {
        Value::Map(map) => Value::Map(
            map.iter()
                .map(|(key, value)| (key.clone(), fill(value, element)))
                .collect(),
        ),
        Value::Seq(items) => Value::Seq(items.iter().map(|item| fill(item, element)).collect()),
        Value::Scalar(scalar) if scalar.text.contains("{{") => return fill_text(node, scalar, element),
        other => other.clone(),
    };
    Node {
        span: node.span,
        value,
    }
}

fn fill_text(node: &Node, scalar: &Scalar, element: &Element) -> Node {
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
                // What is nothing but a parameter stands where the parameter is given.
                if before.is_empty() && after.is_empty() && text.len() == value.as_str().map_or(0, str::len) {
                    span = value.span;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::helm;
    use proptest::prelude::*;

    fn repo(files: &[(&str, &str)]) -> Repo {
        Repo::from_files(
            files
                .iter()
                .map(|(p, t)| (PathBuf::from(p), t.as_bytes().to_vec())),
        )
    }

    fn read_all(repo: &Repo) -> Applications {
        read(repo, repo.yaml.values().flat_map(|s| &s.documents))
    }

    fn value(fact: &Option<Spanned<String>>) -> Option<&str> {
        fact.as_ref().map(|f| f.value.as_str())
    }

    const HEAD: &str = "apiVersion: argoproj.io/v1alpha1\nkind: Application\n";

    #[test]
    fn an_application_says_what_it_deploys_where() {
        let app = format!(
            "{HEAD}metadata: {{name: shop}}\nspec:\n  project: p\n  source: {{repoURL: git, path: k8s/overlays/prod/, targetRevision: main, kustomize: {{images: ['web=r.io/web:2', 'api@sha256:aa']}}}}\n  destination: {{namespace: shop, server: 'https://prod.example'}}\n  syncPolicy: {{automated: {{prune: true}}}}\n"
        );
        let repo = repo(&[
            ("argo/shop.yaml", &app),
            ("k8s/overlays/prod/kustomization.yaml", "resources: []"),
        ]);
        let found = read_all(&repo);
        let app = &found.applications[0];
        assert_eq!(value(&app.name), Some("shop"));
        assert_eq!(value(&app.namespace), Some("shop"));
        assert_eq!(app.environment.as_deref(), Some("production"));
        assert_eq!(
            app.sources[0].deploys,
            Some(Deploys::Kustomization("k8s/overlays/prod".into()))
        );
        let images: Vec<String> = app.sources[0]
            .images
            .iter()
            .map(|i| i.image.to_string())
            .collect();
        assert_eq!(images, ["r.io/web:2", "api@sha256:aa"]);
        assert_eq!(
            repo.sources.text(app.sources[0].images[0].span),
            "'web=r.io/web:2'"
        );
        assert!(app.automated.as_ref().unwrap().value && app.prune.as_ref().unwrap().value);
        assert!(app.self_heal.is_none());
        assert_eq!(found.dangling, []);
    }

    fn chart_repo(helm: &str) -> Repo {
        let app = format!(
            "{HEAD}metadata: {{name: shop-staging}}\nspec:\n  source:\n    repoURL: git\n    path: charts/shop\n    helm:\n{helm}  destination: {{namespace: x}}\n"
        );
        repo(&[
            ("apps/shop.yaml", &app),
            ("charts/shop/Chart.yaml", "apiVersion: v2\nname: shop\n"),
            ("charts/shop/values.yaml", "a: 1\nb: {c: 1, d: 1, e: 1}\n"),
            ("charts/shop/more.yaml", "b: {c: 2, d: 2, e: 2}\n"),
        ])
    }

    #[test]
    fn values_of_an_application_lie_over_those_of_the_chart() {
        let repo = chart_repo(
            "      releaseName: eu\n      valueFiles: [more.yaml]\n      values: |\n        b:\n          d: 3\n        image: {repository: r.io/x, tag: '7'}\n      valuesObject: {b: {e: 4}}\n      parameters:\n        - {name: b.f.g, value: '5'}\n        - {name: 'l[0]', value: '5'}\n",
        );
        let found = read_all(&repo);
        let app = &found.applications[0];
        assert_eq!(app.environment.as_deref(), Some("staging"));
        assert_eq!(app.sources[0].release.as_ref().and_then(Node::as_str), Some("eu"));
        let charts = helm::read(&repo);
        let (number, values) = chart_values(&repo, &charts, &app.sources[0]).unwrap();
        assert_eq!(number, 0);
        for (path, wanted) in [("a", 1), ("b/c", 2), ("b/d", 3), ("b/e", 4), ("b/f/g", 5)] {
            assert_eq!(values.at(path).and_then(Node::as_i64), Some(wanted), "{path}");
        }
        assert!(values.get("l[0]").is_none() && values.get("l").is_none());
        let d = values.at("b/d").unwrap();
        assert_eq!(
            (repo.sources.path(d.span.file), repo.sources.text(d.span)),
            (Path::new("apps/shop.yaml"), "3")
        );
        assert_eq!(app.sources[0].images[0].image.to_string(), "r.io/x:7");
    }

    #[test]
    fn a_value_file_that_is_not_there_is_told() {
        let repo = chart_repo("      valueFiles: [mor.yaml, $other/x.yaml, 'https://x/y.yaml']\n");
        let found = read_all(&repo);
        assert_eq!(found.dangling.len(), 1);
        assert_eq!(found.dangling[0].nearest.as_deref(), Some("more.yaml"));
    }

    #[test]
    fn a_path_dangles_only_where_its_repository_is_this_one() {
        let app = |name: &str, repository: &str, path: &str| {
            format!(
                "{HEAD}metadata: {{name: {name}}}\nspec: {{source: {{repoURL: {repository}, path: {path}}}}}\n"
            )
        };
        let apps = [
            app("a", "ours", "k8s/shop"),
            app("b", "ours", "k8s/shoop"),
            app("c", "theirs", "k8s/other"),
        ]
        .join("---\n");
        let repo = repo(&[("apps.yaml", &apps), ("k8s/shop/web.yaml", "a: 1")]);
        let found = read_all(&repo);
        let names: Vec<(&str, Option<&str>)> = found
            .dangling
            .iter()
            .map(|d| (d.name.as_str(), d.nearest.as_deref()))
            .collect();
        assert_eq!(names, [("k8s/shoop", Some("k8s/shop"))]);
    }

    #[test]
    fn value_files_of_another_source_are_found() {
        let app = format!(
            "{HEAD}metadata: {{name: x}}\nspec:\n  sources:\n  - {{repoURL: charts, chart: redis, targetRevision: 1.2.3, helm: {{valueFiles: [$v/envs/prod/redis.yaml]}}}}\n  - {{repoURL: ours, ref: v}}\n"
        );
        let repo = repo(&[("app.yaml", &app), ("envs/prod/redis.yaml", "a: 1")]);
        let found = read_all(&repo);
        let app = &found.applications[0];
        assert_eq!(
            app.sources[0].value_files[0].1.as_deref(),
            Some(Path::new("envs/prod/redis.yaml"))
        );
        assert_eq!(app.environment.as_deref(), Some("production"));
        assert!(app.sources[0].deploys.is_none());
    }

    fn set(generators: &str, path: &str) -> String {
        format!(
            "apiVersion: argoproj.io/v1alpha1\nkind: ApplicationSet\nmetadata: {{name: s}}\nspec:\n  generators:\n{generators}  template:\n    metadata: {{name: 'shop-{{{{env}}}}'}}\n    spec:\n      source: {{repoURL: ours, path: '{path}'}}\n      destination: {{namespace: '{{{{.ns}}}}', name: '{{{{cluster}}}}'}}\n"
        )
    }

    #[test]
    fn a_list_makes_one_application_each() {
        let text = set(
            "  - list: {elements: [{env: prod, ns: shop}, {env: dev, ns: shop-dev}]}\n",
            "overlays/{{env}}",
        );
        let repo = repo(&[
            ("set.yaml", &text),
            ("overlays/prod/kustomization.yaml", "{}"),
            ("overlays/dev/a.yaml", "a: 1"),
        ]);
        let found = read_all(&repo);
        let shown: Vec<_> = found
            .applications
            .iter()
            .map(|a| {
                (
                    value(&a.name),
                    value(&a.namespace),
                    value(&a.cluster),
                    a.environment.as_deref(),
                    a.sources[0].deploys.clone(),
                )
            })
            .collect();
        assert_eq!(
            shown,
            [
                (
                    Some("shop-prod"),
                    Some("shop"),
                    None,
                    Some("production"),
                    Some(Deploys::Kustomization("overlays/prod".into()))
                ),
                (
                    Some("shop-dev"),
                    Some("shop-dev"),
                    None,
                    Some("development"),
                    Some(Deploys::Directory("overlays/dev".into()))
                ),
            ]
        );
        let namespace = found.applications[0].namespace.as_ref().unwrap();
        assert_eq!(repo.sources.text(namespace.span), "shop");
        assert!(found.applications.iter().all(|a| a.from_set));
    }

    #[test]
    fn directories_files_and_products_make_applications() {
        let files: &[(&str, &str)] = &[
            ("apps/web/a.yaml", "a: 1"),
            ("apps/api/a.yaml", "a: 1"),
            ("apps/old/a.yaml", "a: 1"),
            ("envs/prod/c.json", "{\"env\": \"prod\"}"),
        ];
        for (generators, path, wanted) in [
            (
                "  - git: {directories: [{path: 'apps/*'}, {path: apps/old, exclude: true}]}\n",
                "{{path}}",
                vec!["apps/api", "apps/web"],
            ),
            (
                "  - git: {directories: [{path: 'apps/*'}]}\n",
                "apps/{{ index .path.segments 1 }}",
                vec!["apps/api", "apps/old", "apps/web"],
            ),
            (
                "  - git: {files: [{path: 'envs/**/c.json'}]}\n",
                "envs/{{.env}}",
                vec!["envs/prod"],
            ),
            (
                "  - matrix: {generators: [{list: {elements: [{d: apps}]}}, {list: {elements: [{n: web}, {n: api}]}}]}\n",
                "{{d}}/{{n}}",
                vec!["apps/web", "apps/api"],
            ),
        ] {
            let text = set(generators, path);
            let mut all = files.to_vec();
            all.push(("set.yaml", &text));
            let repo = repo(&all);
            let found = read_all(&repo);
            let dirs: Vec<&str> = found
                .applications
                .iter()
                .filter_map(|a| a.sources[0].deploys.as_ref()?.dir().to_str())
                .collect();
            assert_eq!(dirs, wanted, "{generators}");
        }
    }

    #[test]
    fn what_a_cluster_would_say_is_not_known() {
        let text = set("  - clusters: {}\n", "k8s");
        let repo = repo(&[("set.yaml", &text), ("k8s/a.yaml", "a: 1")]);
        let found = read_all(&repo);
        let app = &found.applications[0];
        assert!(app.name.is_none() && app.namespace.is_none() && app.cluster.is_none());
        assert!(app.sources[0].deploys.is_some());
    }

    proptest! {
        #[test]
        fn no_application_panics(
            generators in "  - (list: \\{elements: [\\[{]?|git: \\{(files|directories): \\[\\{path: '[*a{\\[]'\\}\\]\\}|matrix: ~|x)\n",
            path in "(\\{\\{|\\}\\}|env|path|/|[.]|index .a 1|é|'){0,6}",
        ) {
            let text = set(&generators, &path);
            let repo = repo(&[("set.yaml", &text), ("a/b.yaml", "a: 1")]);
            read_all(&repo);
        }
    }
}
