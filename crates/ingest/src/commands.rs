//! Commands of scripts, Makefiles and pipelines that deploy: `helm upgrade`, `kubectl apply`, `terraform
//! apply`, `docker compose -f`. They show which files are deployed, and with which values. Nothing is
//! executed.

mod found;
mod releases;
mod words;

use crate::local_cluster;
use crate::scope::Projects;
use crate::trials::{self, Trials};
use cofferdam_code::shell;
use cofferdam_render::selected::Selected;
use cofferdam_syntax::Span;
use cofferdam_syntax::repo::{Repo, normalise};
use cofferdam_syntax::tree::{Node, Style, Value};
use cofferdam_syntax::yaml;
pub(crate) use found::{Commands, Release, Set};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use words::{Arguments, without_variable, word};

/// Programs whose commands are read.
const PROGRAMS: &[&str] = &[
    "helm",
    "kubectl",
    "oc",
    "terraform",
    "tofu",
    "docker",
    "docker-compose",
    "podman-compose",
];

/// Reads every file of `repo` that may contain commands.
pub(crate) fn read(repo: &Repo, projects: &Projects, selected: &Selected) -> Commands {
    let mut found = Commands::default();
    let trials = Trials::of(repo);
    for (path, id) in repo.own_files() {
        let text = &*repo.sources.file(*id).text;
        if !PROGRAMS.iter().any(|program| text.contains(program)) {
            continue;
        }
        let mut reader = Reader {
            repo,
            path,
            set: names_set(text),
            projects,
            selected,
            is_trial: trials.holds(path) || is_script(path) && local_cluster::is_made_by(text),
            found: &mut found,
        };
        if is_script(path) {
            reader.script(text, &|range| Span::new(*id, range.start, range.end), None);
        } else if let Some(stream) = repo.yaml.get(path) {
            for document in &stream.documents {
                reader.steps(document, text, None);
            }
        }
    }
    found
}

pub(crate) fn is_script(path: &Path) -> bool {
    let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default();
    let ending = path.extension().and_then(|e| e.to_str()).unwrap_or_default();
    matches!(ending, "sh" | "bash" | "mk")
        || name.eq_ignore_ascii_case("makefile")
        || name.eq_ignore_ascii_case("justfile")
}

/// Names of variables that the file sets for Terraform.
fn names_set(text: &str) -> BTreeSet<String> {
    text.match_indices("TF_VAR_")
        .map(|(at, mark)| {
            let name = &text[at + mark.len()..];
            let end = name.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
            name[..end.unwrap_or(name.len())].to_owned()
        })
        .filter(|name| !name.is_empty())
        .collect()
}

struct Reader<'r> {
    repo: &'r Repo,
    path: &'r Path,
    /// Variables of Terraform that the file sets.
    set: BTreeSet<String>,
    projects: &'r Projects,
    selected: &'r Selected,
    /// Whether the commands deploy nothing of the platform: they run for pull requests only, or for a cluster that was
    /// made for them alone.
    is_trial: bool,
    found: &'r mut Commands,
}

impl Reader<'_> {
    /// Reads each text of a document that contains commands, wherever it is.
    fn steps(&mut self, document: &Node, text: &str, directory: Option<&str>) {
        match &document.value {
            Value::Map(map) => {
                // An object of Kubernetes runs its commands in the cluster.
                if map.get("apiVersion").is_some() && map.get("kind").is_some() {
                    return;
                }
                let was_trial = self.is_trial;
                self.is_trial |= local_cluster::is_made_in(document) || trials::is_trial(document);
                let own = document.get("working-directory").or_else(|| document.get("dir"));
                let directory = own.and_then(Node::as_str).or(directory);
                if let Some(words) = build_step(document) {
                    self.command(&words, directory.map(PathBuf::from).as_deref());
                }
                map.iter()
                    .for_each(|(_, below)| self.steps(below, text, directory));
                self.is_trial = was_trial;
            }
            Value::Seq(items) => {
                // The lines of one script follow one another.
                let lines: Option<Vec<&str>> = items.iter().map(Node::as_str).collect();
                match lines.filter(|lines| lines.iter().any(|line| is_command(line))) {
                    Some(lines) => {
                        let span = document.span;
                        self.script(&lines.join("\n"), &|_| span, directory);
                    }
                    None => items.iter().for_each(|item| self.steps(item, text, directory)),
                }
            }
            Value::Scalar(scalar) if is_command(&scalar.text) => {
                let lines = match scalar.style {
                    Style::Literal => yaml::block_lines(&scalar.text, document.span, text),
                    _ => None,
                };
                let place = |range: std::ops::Range<usize>| match &lines {
                    Some(lines) => lines.place(document.span.part(range.start, range.end)),
                    None => document.span,
                };
                self.script(&scalar.text, &place, directory);
            }
            _ => {}
        }
    }

    fn script(
        &mut self,
        text: &str,
        place: &dyn Fn(std::ops::Range<usize>) -> Span,
        directory: Option<&str>,
    ) {
        let mut at = directory.map(PathBuf::from);
        let commands = shell::commands(text);
        for (number, words) in commands.iter().enumerate() {
            if let [cd, to] = words.as_slice()
                && matches!(cd.text.as_str(), "cd" | "pushd")
            {
                let base = at.take().unwrap_or_default();
                at = Some(normalise(&base.join(without_variable(&to.text))));
                continue;
            }
            let words: Vec<Node> = words
                .iter()
                .map(|w| word(&w.text, place(w.place.clone())))
                .collect();
            let next = commands.get(number + 1).map_or(&[][..], Vec::as_slice);
            if !is_template(&words) || is_applied(text, &commands[number], next) {
                self.command(&words, at.as_deref());
            } else if let Some(start) = words.iter().position(|w| w.as_str() == Some("helm")) {
                let picking = self.releases(&words[start + 1..], at.as_deref());
                let picking = picking
                    .into_iter()
                    .filter(|release| release.environment.is_some());
                self.found.tried.extend(picking.map(releases::without_stand_ins));
            }
        }
    }

    /// Whether a command deploys nothing that counts.
    fn is_trial(&self, words: &[Node]) -> bool {
        self.is_trial
            || words.iter().filter_map(Node::as_str).any(|word| {
                word.strip_prefix("--dry-run")
                    .is_some_and(|value| !matches!(value, "=none" | "=false"))
            })
    }

    /// Whether a path belongs to the script's own project: tests and examples deploy nothing of the platform.
    fn is_own(&self, path: &Path) -> bool {
        let own = self.projects.of_path(self.path);
        self.projects.get(own).apart.is_none() || self.projects.of_path(path) == own
    }

    /// Reads one command.
    fn command(&mut self, words: &[Node], at: Option<&Path>) {
        let name = |w: &Node| w.as_str().map(|t| t.rsplit('/').next().unwrap_or(t).to_owned());
        let Some(start) = words
            .iter()
            .position(|w| name(w).is_some_and(|n| PROGRAMS.contains(&&*n)))
        else {
            return;
        };
        let (program, rest) = (name(&words[start]).unwrap_or_default(), &words[start + 1..]);
        match &*program {
            "helm" | "kubectl" | "oc" if self.is_trial(rest) => {}
            "helm" => self.helm(rest, at),
            "kubectl" | "oc" => self.kubectl(rest, at),
            "terraform" | "tofu" => self.terraform(rest, at),
            "docker" if rest.first().and_then(Node::as_str) == Some("compose") => {
                self.compose(&rest[1..], at)
            }
            "docker-compose" | "podman-compose" => self.compose(rest, at),
            _ => {}
        }
    }

    /// A path of a command below the root: relative to the command's directory, the root, or the script's
    /// directory.
    fn resolve(&self, written: &str, at: Option<&Path>) -> Option<PathBuf> {
        if written.contains("://") || written == "-" {
            return None;
        }
        let written = without_variable(written);
        let beside = self.path.parent().unwrap_or(Path::new(""));
        let bases = at
            .into_iter()
            .flat_map(|at| [at.to_path_buf(), beside.join(at)])
            .chain([PathBuf::new(), beside.to_path_buf()]);
        bases
            .map(|base| normalise(&base.join(written)))
            .find(|path| !path.as_os_str().is_empty() && self.repo.exists(path))
            .or_else(|| {
                let from_top = normalise(&at.unwrap_or(Path::new("")).join(written));
                let found = self.repo.from_top(&from_top, self.path)?;
                (!found.as_os_str().is_empty()).then_some(found)
            })
    }

    fn helm(&mut self, words: &[Node], at: Option<&Path>) {
        let releases = self.releases(words, at);
        self.found.releases.extend(releases);
    }

    fn kubectl(&mut self, words: &[Node], at: Option<&Path>) {
        let arguments = Arguments::of(words, KUBECTL_FLAGS);
        let verb = arguments.plain.first().and_then(|w| w.as_str());
        if !matches!(verb, Some("apply" | "create" | "replace")) {
            return;
        }
        let namespaces = arguments.flags(&["n", "namespace"]);
        let namespace = namespaces.last().filter(|n| n.as_str().is_some());
        let namespace = namespace.map(|n| (*n).clone());
        for (flags, is_kustomization) in [(["f", "filename"], false), (["k", "kustomize"], true)] {
            for written in arguments.flags(&flags).iter().filter_map(|node| node.as_str()) {
                if written.contains("://") && self.is_own(Path::new("")) {
                    self.found
                        .remote
                        .insert((self.path.to_path_buf(), written.to_owned()));
                }
                let Some(path) = self.resolve(written, at).filter(|path| self.is_own(path)) else {
                    continue;
                };
                if !self.repo.has_directory(&path) {
                    self.found.files.insert(path);
                    continue;
                }
                if is_kustomization {
                    self.found.kustomizations.insert(path);
                } else {
                    self.found.directories.insert(path, namespace.clone());
                }
            }
        }
    }

    fn terraform(&mut self, words: &[Node], at: Option<&Path>) {
        let arguments = Arguments::of(words, TERRAFORM_FLAGS);
        let verb = arguments.plain.first().and_then(|w| w.as_str());
        if !matches!(verb, Some("apply" | "plan" | "init" | "destroy" | "import")) {
            return;
        }
        let chdir = arguments.flags(&["chdir"]);
        let dir = match (chdir.first(), at) {
            (Some(dir), _) => dir.as_str().and_then(|written| self.resolve(written, at)),
            (None, Some(at)) => self.resolve(&at.display().to_string(), None),
            (None, None) => Some(self.path.parent().unwrap_or(Path::new("")).to_path_buf()),
        };
        let Some(dir) = dir else { return };
        let mut set = Set {
            names: self.set.clone(),
            ..Set::default()
        };
        let mut run = BTreeMap::new();
        for given in arguments.flags(&["var"]) {
            let written = match &given.value {
                Value::Scalar(scalar) => &*scalar.text,
                Value::Unknown(written) => &**written,
                _ => continue,
            };
            if let Some((name, value)) = written.split_once('=') {
                set.names.insert(name.to_owned());
                // A list or a map is written in Terraform's own language.
                let is_literal = given.as_str().is_some() && !value.starts_with(['[', '{', '<']);
                let value = is_literal.then(|| Node::plain(value, given.span));
                run.insert(name.to_owned(), value);
            }
        }
        // A plan that was saved has its values in it.
        let is_saved = verb == Some("apply") && arguments.plain.len() > 1;
        if matches!(verb, Some("apply" | "plan")) && !is_saved {
            set.runs.push(run);
        }
        set.is_applied = !self.is_trial && matches!(verb, Some("apply" | "destroy" | "import"));
        set.unknown_file = arguments.flags(&["var-file"]).iter().any(|file| {
            file.as_str()
                .is_none_or(|written| self.resolve(written, Some(&dir)).is_none())
        });
        let known = self.found.terraform.entry(dir).or_default();
        known.names.extend(set.names);
        known.unknown_file |= set.unknown_file;
        known.is_applied |= set.is_applied;
        known.runs.extend(set.runs);
    }

    fn compose(&mut self, words: &[Node], at: Option<&Path>) {
        let arguments = Arguments::of(words, COMPOSE_FLAGS);
        let files: Vec<PathBuf> = arguments
            .flags(&["f", "file"])
            .iter()
            .filter_map(|file| self.resolve(file.as_str()?, at))
            .collect();
        if !files.is_empty() {
            self.found.compose.push(files);
        }
    }
}

/// Whether a command only renders a chart.
fn is_template(words: &[Node]) -> bool {
    let mut words = words.iter().filter_map(Node::as_str);
    words.any(|word| word.rsplit('/').next() == Some("helm")) && words.any(|word| word == "template")
}

/// Whether the next command applies what this one prints.
fn is_applied(text: &str, words: &[shell::Word], next: &[shell::Word]) -> bool {
    let (Some(last), Some(first)) = (words.last(), next.first()) else {
        return false;
    };
    let between = text.get(last.place.end..first.place.start).unwrap_or_default();
    let is = |word: &str| next.iter().any(|w| w.text == word);
    between.contains('|') && first.text.ends_with("kubectl") && (is("apply") || is("create"))
}

/// Whether a text begins one of the commands that are read, anywhere in it.
fn is_command(text: &str) -> bool {
    PROGRAMS.iter().any(|program| {
        text.match_indices(program)
            .any(|(at, _)| text[at + program.len()..].starts_with(' '))
    })
}

/// The words of a step of Cloud Build whose program is one of those that are read.
fn build_step(step: &Node) -> Option<Vec<Node>> {
    let text = |key: &str| step.get(key).and_then(Node::as_str);
    let args = step.get("args")?.items();
    let program = text("entrypoint").or_else(|| text("name"))?;
    let program = program.rsplit('/').next()?.split(':').next()?;
    PROGRAMS.contains(&program).then(|| {
        let first = Node::plain(program, step.span);
        let rest = args.iter().filter_map(|arg| Some(word(arg.as_str()?, arg.span)));
        std::iter::once(first).chain(rest).collect()
    })
}

const KUBECTL_FLAGS: &[&str] = &[
    "f",
    "filename",
    "k",
    "kustomize",
    "n",
    "namespace",
    "context",
    "cluster",
    "kubeconfig",
    "l",
    "selector",
    "o",
    "output",
    "timeout",
    "token",
    "user",
    "server",
    "s",
];

const TERRAFORM_FLAGS: &[&str] = &[
    "var",
    "var-file",
    "chdir",
    "target",
    "backend-config",
    "out",
    "parallelism",
];

const COMPOSE_FLAGS: &[&str] = &[
    "f",
    "file",
    "p",
    "project-name",
    "profile",
    "env-file",
    "project-directory",
];

#[cfg(test)]
mod tests;
