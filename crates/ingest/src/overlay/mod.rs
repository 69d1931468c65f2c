//! `cofferdam.yaml`: facts that people know and no file contains. All its statements go into the platform's
//! parts as stated facts, with the place of the statement; statements about the check itself are the model's
//! [`Overlay`]. It is the only format of our own, so it is read strictly: an unknown key, a value of the
//! wrong kind or a name that does not exist is an error at its line.

mod apply;
mod fields;
mod index;
mod names;
mod patterns;
mod pins;
mod placed;
mod sections;
mod steering;
#[cfg(test)]
mod tests;

pub use names::Unmatched;
pub use placed::Placed;

use cofferdam_model::overlay::{Overlay, seen_from};
use cofferdam_model::{FileId, SourceFile};
use cofferdam_syntax::environment;
use cofferdam_syntax::repo::{Repo, normalise};
use cofferdam_syntax::tree::{Key, Map, Node, Value};
use cofferdam_syntax::yaml::{self, Problem, Stream, parse_with};
use fields::{Fields, Problems};
use patterns::Patterns;
use sections::Sections;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use steering::Steering;

/// The overlay's file names, in order of preference.
pub const NAMES: [&str; 2] = ["cofferdam.yaml", "cofferdam.yml"];

/// Whether a file is an overlay in which nobody has stated anything yet, as `init` writes it. That it is there, and what
/// its comments name, says nothing about the platform.
pub(crate) fn is_silent(repo: &Repo, path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str());
    let says_nothing = |node: &Node| match &node.value {
        Value::Map(map) => map.iter().all(|(key, value)| match &*key.text {
            "version" => true,
            // The name of an environment is a statement by itself.
            "environments" => {
                matches!(&value.value, Value::Null)
                    || matches!(&value.value, Value::Map(map) if map.iter().next().is_none())
            }
            _ => fields::says_nothing(value),
        }),
        _ => fields::says_nothing(node),
    };
    if !name.is_some_and(|name| NAMES.contains(&name)) {
        return false;
    }
    let is_silent = |stream: &Stream| stream.errors.is_empty() && stream.documents.iter().all(says_nothing);
    match (repo.yaml.get(path), repo.files.get(path)) {
        (Some(stream), _) => is_silent(stream),
        // The one that is used is no file of the platform any more.
        (None, Some(id)) => is_silent(&yaml::parse(&repo.sources.file(*id).text, *id, 0)),
        (None, None) => false,
    }
}

/// An overlay that was read without problems.
#[derive(Debug, Default)]
pub struct OverlayDocument {
    /// The file itself.
    file: Option<FileId>,
    /// Statements for environments that have none of their own.
    common: Sections,
    /// Statements by environment, including those for all.
    by_environment: BTreeMap<String, Sections>,
    /// Aliases of environments, in lower case.
    aliases: BTreeMap<String, String>,
    /// Which paths belong to which environment, as stated.
    paths: Patterns,
    /// The environment of each of these patterns.
    path_environments: Vec<String>,
    exclude: Patterns,
    steering: Steering,
}

/// An overlay as it was written.
#[derive(Debug)]
pub struct Written<'a> {
    /// Its path, relative to the root.
    pub path: &'a Path,
    /// The root, relative to the directory that its paths are relative to.
    pub above: &'a Path,
    /// Its text as a tree.
    pub stream: &'a Stream,
}

impl<'a> Written<'a> {
    /// The overlay at the root of `repo`.
    fn at_root(repo: &'a Repo) -> Option<Written<'a>> {
        NAMES.iter().map(Path::new).find_map(|path| {
            Some(Written {
                path,
                above: Path::new(""),
                stream: repo.yaml.get(path)?,
            })
        })
    }
}

/// Reads the overlay at the root of `repo`, if there is one.
///
/// # Errors
/// All errors in it, in the order of the lines.
pub fn load(repo: &Repo) -> Result<OverlayDocument, Vec<Problem>> {
    load_with(Written::at_root(repo).as_ref(), &[])
}

/// Reads an overlay, if there is one, with statements that override its own, each a document like it (see
/// [`given`]).
///
/// # Errors
/// All errors in them, in the order of the lines.
pub fn load_with(written: Option<&Written<'_>>, given: &[Node]) -> Result<OverlayDocument, Vec<Problem>> {
    let Some(Written { path, above, stream }) = written else {
        let Some((first, rest)) = given.split_first() else {
            return Ok(OverlayDocument::default());
        };
        let problems = Problems::default();
        let document = read(first, Path::new(GIVEN), rest, &problems);
        let problems = problems.into_sorted();
        return if problems.is_empty() {
            Ok(document)
        } else {
            Err(problems)
        };
    };
    if !stream.errors.is_empty() {
        return Err(stream.errors.clone());
    }
    let problems = Problems::default();
    for duplicate in &stream.problems {
        problems.add(duplicate.span, duplicate.message.clone());
    }
    let mut document = match stream.documents.as_slice() {
        [] => match given.split_first() {
            Some((first, rest)) => read(first, path, rest, &problems),
            None => OverlayDocument::default(),
        },
        [one] => read(one, path, given, &problems),
        [_, second, ..] => {
            problems.add(
                second.span,
                "an overlay is one document; move this up and remove the `---`",
            );
            OverlayDocument::default()
        }
    };
    document.seen_from(above);
    let problems = problems.into_sorted();
    if problems.is_empty() {
        Ok(document)
    } else {
        Err(problems)
    }
}

/// The name under which places in statements of the command line are shown.
pub const GIVEN: &str = "--set";

/// A statement of the command line, `services.api.requests_per_second=7000`, as a document. A name with dots
/// is in double quotes (`services."a.b".processes=2`).
///
/// # Errors
/// The error, as a sentence.
pub fn given(repo: &mut Repo, statement: &str) -> Result<Node, String> {
    // The stated value may be a secret by mistake: a message repeats only the fact's name.
    let name = statement.split(['=', ' ']).next().unwrap_or_default();
    let wrong = || {
        format!(
            "`{name}` is not a statement; write FACT=VALUE, as in services.api.requests_per_second=7000 \
             (`cofferdam facts PATH --missing` lists the facts)"
        )
    };
    let (fact, value) = statement.split_once('=').ok_or_else(wrong)?;
    let mut keys: Vec<String> = vec![String::new()];
    let mut quoted = false;
    for c in fact.trim().chars() {
        match c {
            '"' => quoted = !quoted,
            '.' if !quoted => keys.push(String::new()),
            c if c.is_control() || c == '\\' => return Err(wrong()),
            c => {
                if let Some(key) = keys.last_mut() {
                    key.push(c);
                }
            }
        }
    }
    if quoted || keys.iter().any(String::is_empty) || value.contains(['\n', '\r']) || value.trim().is_empty()
    {
        return Err(wrong());
    }
    let mut text = String::new();
    for (depth, key) in keys.iter().enumerate() {
        let _ = write!(text, "\n{}\"{key}\":", "  ".repeat(depth));
    }
    let _ = writeln!(text, " {}", value.trim());
    let file = repo
        .sources
        .add(SourceFile::new(GIVEN.into(), text.trim_start().to_owned()));
    let mut stream = parse_with(&repo.sources.file(file).text, file, 0, repo.sources.chains());
    match (
        stream.documents.len(),
        stream.errors.first().or(stream.problems.first()),
    ) {
        (1, None) => Ok(stream.documents.remove(0)),
        (_, Some(problem)) => Err(format!("`{name}`: {}", problem.message)),
        _ => Err(wrong()),
    }
}

fn read(root: &Node, path: &Path, given: &[Node], problems: &Problems) -> OverlayDocument {
    let over = |node: &Node| {
        given
            .iter()
            .fold(node.clone(), |node, given| merged(&node, given))
    };
    let root = &over(root);
    let mut document = OverlayDocument {
        file: Some(root.span.file),
        ..OverlayDocument::default()
    };
    let Some(mut top) = Fields::of(root, "", problems) else {
        return document;
    };
    if let Some(version) = top.u32("version")
        && version.value != 1
    {
        let message = format!("version {} is not known; this program knows 1", version.value);
        problems.add(version.span().unwrap_or(top.span), message);
    }
    document.steering = steering::read(&mut top, path.to_path_buf());
    document.common = Sections::read(&mut top);
    for text in &document.steering.exclude {
        document.exclude.add(&text.value);
    }
    let base = without(root, "environments");
    for (name, mut fields) in top.named("environments") {
        let own = environment::name(&name.text);
        for alias in fields.texts("aliases") {
            document.aliases.insert(alias.value.to_lowercase(), own.clone());
        }
        document.aliases.insert(name.text.to_lowercase(), own.clone());
        for text in fields.texts("paths") {
            if document.paths.add(&text.value) {
                document.path_environments.push(own.clone());
            } else if let Some(span) = text.span() {
                problems.add(span, format!("`{}` is not a valid pattern of paths", text.value));
            }
        }
        // Reported once, with the spans of this environment's section.
        let of_own = Sections::read(&mut fields);
        let sections = top_node(root, &name.text).map(|node| over(&merged(&base, node)));
        fields.finish();
        if let Some(node) = sections {
            // All errors were reported by the two reads above.
            let silent = Problems::default();
            if let Some(mut both) = Fields::of(&node, "", &silent) {
                let mut sections = Sections::read(&mut both);
                sections.mark_own(&of_own);
                document.by_environment.insert(own, sections);
            }
        }
    }
    top.finish();
    document
}

fn top_node<'a>(root: &'a Node, environment: &str) -> Option<&'a Node> {
    root.get("environments")?.get(environment)
}

fn without(node: &Node, key: &str) -> Node {
    let mut node = node.clone();
    if let Value::Map(map) = &mut node.value {
        map.remove(key);
    }
    node
}

/// `over` on `base`: maps by key, lists of named maps by name, anything else replaced.
fn merged(base: &Node, over: &Node) -> Node {
    match (&base.value, &over.value) {
        (Value::Map(a), Value::Map(b)) => {
            let mut map = Map::default();
            for (key, value) in a.iter() {
                map.insert(key.clone(), value.clone());
            }
            for (key, value) in b.iter() {
                let value = match a.get(&key.text) {
                    Some(below) => merged(below, value),
                    None => value.clone(),
                };
                map.insert(Key::clone(key), value);
            }
            Node {
                span: over.span,
                value: Value::Map(map),
            }
        }
        (Value::Seq(a), Value::Seq(b))
            if !a.is_empty() && a.iter().chain(b).all(|i| i.get("name").is_some()) =>
        {
            let same = |x: &Node, y: &Node| {
                x.get("name").and_then(Node::as_str) == y.get("name").and_then(Node::as_str)
            };
            let mut items: Vec<Node> = a
                .iter()
                .map(|x| {
                    b.iter()
                        .find(|y| same(x, y))
                        .map_or_else(|| x.clone(), |y| merged(x, y))
                })
                .collect();
            items.extend(b.iter().filter(|y| !a.iter().any(|x| same(x, y))).cloned());
            Node {
                span: over.span,
                value: Value::Seq(items),
            }
        }
        (_, Value::Null) => base.clone(),
        _ => over.clone(),
    }
}

impl OverlayDocument {
    /// The statements about the check itself, with the values of its pins as far as they have been found (see
    /// [`OverlayDocument::find_pins`]).
    pub fn steering(&self) -> Overlay {
        let mut overlay = self.steering.overlay.clone();
        overlay.pins = self.steering.pins.iter().map(|s| s.pin.clone()).collect();
        overlay
    }

    /// Records that from the directory to which its paths are relative, the root is at `above`.
    fn seen_from(&mut self, above: &Path) {
        self.steering.overlay.above = above.to_path_buf();
        for sections in self.by_environment.values_mut().chain([&mut self.common]) {
            sections.code_below(above);
        }
    }

    /// A path below the root in the form in which its patterns match it.
    fn sees(&self, path: &Path) -> PathBuf {
        seen_from(&self.steering.overlay.above, &normalise(path))
    }

    /// Whether it states parts of the platform, and not only settings of the check.
    pub fn states_parts(&self) -> bool {
        (self.by_environment.values()).any(Sections::states_parts) || self.common.states_parts()
    }

    /// Whether a file is left out by `paths.exclude`.
    pub fn excludes(&self, path: &Path) -> bool {
        !self.exclude.is_empty() && self.exclude.first(&self.sees(path)).is_some()
    }

    /// The environment of a file by `environments.NAME.paths`; the first that matches.
    pub fn environment_of(&self, path: &Path) -> Option<&str> {
        if self.paths.is_empty() {
            return None;
        }
        let at = self.paths.first(&self.sees(path))?;
        self.path_environments.get(at).map(String::as_str)
    }

    /// The full name of the environment that `word` means here; otherwise `word`'s usual meaning.
    pub fn environment_name(&self, word: &str) -> String {
        self.aliases
            .get(&word.trim().to_lowercase())
            .cloned()
            .unwrap_or_else(|| environment::name(word))
    }

    /// The environments that it names, in order.
    pub fn environments(&self) -> impl Iterator<Item = &str> {
        self.by_environment.keys().map(String::as_str)
    }

    fn sections(&self, environment: &str) -> &Sections {
        self.by_environment.get(environment).unwrap_or(&self.common)
    }

    /// Looks up the values of pins in the files of `repo`.
    pub fn find_pins(&mut self, repo: &Repo) {
        let above = &self.steering.overlay.above;
        for selected in &mut self.steering.pins {
            selected.pin.found = pins::find(repo, above, selected);
        }
    }
}
