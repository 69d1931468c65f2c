//! Commands of scripts, Makefiles and pipelines that deploy: `helm upgrade`, `kubectl apply`, `terraform
//! apply`, `docker compose -f`. They show which files are deployed, and with which values. Nothing is
//! executed.

mod releases;

use crate::local_cluster;
use crate::scope::Projects;
use crate::trials::{self, Trials};
use cofferdam_code::shell;
use cofferdam_render::selected::Selected;
use cofferdam_syntax::Span;
use cofferdam_syntax::repo::{Repo, normalise};
use cofferdam_syntax::tree::{Node, Style, Value};
use cofferdam_syntax::yaml;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// What commands deploy.
#[derive(Debug, Default)]
pub(crate) struct Commands {
    /// Releases of charts.
    pub(crate) releases: Vec<Release>,
    /// Releases that are only rendered, with the values that they pick for each environment.
    pub(crate) tried: Vec<Release>,
    /// Directories of kustomizations that are applied.
    pub(crate) kustomizations: BTreeSet<PathBuf>,
    /// Directories of manifests that are applied, with the namespace that the command names.
    pub(crate) directories: BTreeMap<PathBuf, Option<Node>>,
    /// Manifests from elsewhere that are applied: the file with the command, and the address.
    pub(crate) remote: BTreeSet<(PathBuf, String)>,
    /// Single files of manifests that are applied.
    pub(crate) files: BTreeSet<PathBuf>,
    /// Directories in which Terraform is run, and the variables that the commands may set there.
    pub(crate) terraform: BTreeMap<PathBuf, Set>,
    /// Compose files that one command names together.
    pub(crate) compose: Vec<Vec<PathBuf>>,
}

/// `helm install` or `helm upgrade`.
#[derive(Debug)]
pub(crate) struct Release {
    /// The file with the command.
    pub(crate) path: PathBuf,
    /// Name of the release.
    pub(crate) name: Node,
    /// The chart as written.
    pub(crate) chart: Node,
    /// The chart's directory, if it is here.
    pub(crate) dir: Option<PathBuf>,
    /// The environment whose values it picks by name.
    pub(crate) environment: Option<String>,
    /// Files of values, lowest first.
    pub(crate) files: Vec<PathBuf>,
    /// Values of `--set`, by path.
    pub(crate) set: Vec<(String, Node)>,
    /// Whether everything that it sets is known.
    pub(crate) known: bool,
    /// The namespace.
    pub(crate) namespace: Option<Node>,
}

/// Variables of Terraform that a command may set.
#[derive(Debug, Default, Clone)]
pub(crate) struct Set {
    /// Names that `-var` and `TF_VAR_` name.
    pub(crate) names: BTreeSet<String>,
    /// Whether it names an unknown file of values.
    pub(crate) unknown_file: bool,
    /// Whether anything is made there: a plan alone changes nothing.
    pub(crate) is_applied: bool,
    /// What each plan or apply sets: a value, or nothing where it is not known.
    runs: Vec<BTreeMap<String, Option<Node>>>,
}

impl Set {
    /// Values that every plan and apply gives, with the same text.
    fn values(&self) -> BTreeMap<String, Node> {
        let Some((first, others)) = self.runs.split_first() else {
            return BTreeMap::new();
        };
        let text = |run: &BTreeMap<String, Option<Node>>, name: &String| {
            Some(run.get(name)?.as_ref()?.as_str()?.to_owned())
        };
        let agreed = |name: &String| {
            let value = text(first, name);
            value.is_some() && others.iter().all(|run| text(run, name) == value)
        };
        let values = first.iter().filter(|(name, _)| agreed(name));
        values
            .filter_map(|(name, value)| Some((name.clone(), value.clone()?)))
            .collect()
    }

    /// Whether it may set a variable to a value that nobody knows.
    pub(crate) fn is_open(&self, name: &str) -> bool {
        self.unknown_file || self.names.contains(name)
    }
}

impl Commands {
    /// Values that commands give to variables of Terraform, by directory.
    pub(crate) fn given(&self) -> BTreeMap<PathBuf, BTreeMap<String, Node>> {
        let sets = self.terraform.iter();
        sets.map(|(dir, set)| (dir.clone(), set.values())).collect()
    }
}

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

/// A word; one that contains a variable is unknown, and keeps its text.
fn word(text: &str, span: Span) -> Node {
    let start = without_variable(text);
    if start.contains('$') || start.contains("{{") {
        return Node {
            span,
            value: Value::Unknown(text.into()),
        };
    }
    Node::text(text, span)
}

/// A path without a variable at its start, which is usually the root of the repository.
fn without_variable(written: &str) -> &str {
    let Some((first, rest)) = written.split_once('/') else {
        return written;
    };
    let is_variable = first.starts_with('$') && !first.contains(['=', ',']);
    if is_variable || first.is_empty() {
        rest
    } else {
        written
    }
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

/// The words of a command, in flags and others.
struct Arguments<'w> {
    plain: Vec<&'w Node>,
    flags: Vec<(String, Node)>,
}

impl<'w> Arguments<'w> {
    /// Takes words apart; `with_value` are the flags, without dashes, that have a value.
    fn of(words: &'w [Node], with_value: &[&str]) -> Self {
        let mut arguments = Arguments {
            plain: Vec::new(),
            flags: Vec::new(),
        };
        let mut words = words.iter();
        while let Some(node) = words.next() {
            let text = match &node.value {
                Value::Scalar(scalar) => &*scalar.text,
                Value::Unknown(written) => &**written,
                _ => continue,
            };
            let Some(flag) = text.strip_prefix('-').map(|f| f.trim_start_matches('-')) else {
                arguments.plain.push(node);
                continue;
            };
            if let Some((flag, value)) = flag.split_once('=') {
                arguments.flags.push((flag.to_owned(), word(value, node.span)));
            } else if with_value.contains(&flag)
                && let Some(value) = words.next()
            {
                arguments.flags.push((flag.to_owned(), value.clone()));
            }
        }
        arguments
    }

    /// The values of flags of these names, in order.
    fn flags(&self, names: &[&str]) -> Vec<&Node> {
        let named = self.flags.iter().filter(|(flag, _)| names.contains(&&**flag));
        named.map(|(_, value)| value).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn commands(files: &[(&str, &str)]) -> Commands {
        let repo = Repo::from_texts(files);
        let selected = Selected::of(&repo, &|_, _| true);
        read(&repo, &Projects::of(&repo, &|_| false), &selected)
    }

    const HERE: &[(&str, &str)] = &[
        ("charts/a/Chart.yaml", "apiVersion: v2\nname: a\n"),
        ("charts/a/prod.yaml", "x: 1\n"),
        ("k8s/base/kustomization.yaml", "resources: []\n"),
        ("infra/prod/main.tf", "\n"),
        ("infra/prod/a.tfvars", "\n"),
    ];

    fn with(path: &str, text: &str) -> Commands {
        let mut files = HERE.to_vec();
        files.push((path, text));
        commands(&files)
    }

    #[test]
    fn a_helm_command_gives_chart_values_and_namespace() {
        let command =
            "helm upgrade --install web ./charts/a -f charts/a/prod.yaml --set a.b=1,c=2 -n shop --wait";
        for (path, text) in [
            ("deploy.sh", command.to_owned()),
            ("Makefile", format!("deploy:\n\t{command}\n")),
            (
                ".github/workflows/d.yaml",
                format!("jobs: {{d: {{steps: [{{run: '{command}'}}]}}}}\n"),
            ),
            (".gitlab-ci.yml", format!("d:\n  script:\n    - {command}\n")),
            (
                "cloudbuild.yaml",
                format!(
                    "steps: [{{name: gcr.io/x/helm, args: {:?}}}]\n",
                    command.split(' ').skip(1).collect::<Vec<_>>()
                ),
            ),
            (
                "scripts/d.sh",
                command.replace("charts/a", "$ROOT/charts/a").replace("./$", "$"),
            ),
        ] {
            let found = with(path, &text);
            let release = &found.releases[0];
            let set: Vec<(&str, Option<&str>)> =
                release.set.iter().map(|(p, v)| (&**p, v.as_str())).collect();
            assert_eq!(release.name.as_str(), Some("web"), "{path}");
            assert_eq!(release.dir.as_deref(), Some(Path::new("charts/a")), "{path}");
            assert_eq!(release.files, [PathBuf::from("charts/a/prod.yaml")], "{path}");
            assert_eq!(set, [("a.b", Some("1")), ("c", Some("2"))], "{path}");
            assert_eq!(
                release.namespace.as_ref().and_then(Node::as_str),
                Some("shop"),
                "{path}"
            );
            assert!(release.known, "{path}");
        }
    }

    #[test]
    fn dry_runs_and_test_clusters_are_not_deployments() {
        let install = "helm upgrade --install web charts/a\n";
        let installs = |path: &str, text: &str| !with(path, text).releases.is_empty();
        assert!(installs("d.sh", install));
        for trial in [
            "helm template web charts/a\n",
            "helm template web charts/a | kubeconform -\n",
            "helm template web charts/a | kubectl apply --dry-run=server -f -\n",
            "helm upgrade --install web charts/a --dry-run\n",
            "helm lint charts/a\n",
        ] {
            assert!(!installs("d.sh", trial) || trial.contains("kubectl"), "{trial}");
        }
        assert!(installs(
            "d.sh",
            "helm template web charts/a -f charts/a/prod.yaml | kubectl apply -f -\n"
        ));
        assert!(installs("d.sh", &install.replace("\n", " --dry-run=none\n")));
        // A cluster that the script or the job makes is there for a test.
        assert!(!installs("up.sh", &format!("kind create cluster\n{install}")));
        let job = |step: &str| {
            format!(
                "jobs:\n  a:\n    steps:\n      - {step}\n      - run: {install}  b:\n    steps: [{{run: make}}]\n"
            )
        };
        assert!(!installs(
            ".github/workflows/t.yaml",
            &job("uses: helm/kind-action@v1")
        ));
        assert!(!installs(
            ".github/workflows/t.yaml",
            &job("run: k3d cluster create x")
        ));
        assert!(installs(
            ".github/workflows/t.yaml",
            &job("uses: azure/setup-helm@v4")
        ));
        // A script of tests deploys nothing of the platform.
        assert!(!installs("tests/up.sh", install));
        let kubectl = |text: &str| with("d.sh", text).directories.len();
        assert_eq!(
            (
                kubectl("kubectl apply -f k8s\n"),
                kubectl("kubectl apply -f k8s --dry-run=client\n")
            ),
            (1, 0)
        );
    }

    #[test]
    fn manifests_from_elsewhere_are_remembered() {
        let found = with("d.sh", "kubectl apply -f https://example.com/a.yaml\n");
        assert_eq!(found.remote.len(), 1);
    }

    #[test]
    fn shell_variables_are_unknown() {
        let known =
            |rest: &str| with("d.sh", &format!("helm install web charts/a {rest}\n")).releases[0].known;
        assert!(known("--set a=1"));
        // One value that is not known leaves all others as they are.
        assert!(known("--set a=$TAG"));
        assert!(known("--set-string 'a.b[0].c=x,d={x,y}'"));
        assert!(!known("--set $NAME=1"));
        assert!(!known("--set $ALL"));
        assert!(!known("$ARGS"));
        assert!(!known("-f values-$ENV.yaml"));
        assert!(!known("-f gone.yaml"));
        assert!(
            with("d.sh", "helm install web bitnami/redis\n").releases[0]
                .dir
                .is_none()
        );
        assert!(with("d.sh", "helm lint charts/a\n").releases.is_empty());
        // The chart of the directory that the command runs in.
        let own = |path: &str| with(path, "helm install web .\n").releases[0].dir.clone();
        assert_eq!(own("charts/a/d.sh"), Some(PathBuf::from("charts/a")));
    }

    #[test]
    fn options_set_values_by_path_and_what_the_shell_knows_is_unknown() {
        let set = |options: &str| {
            let found = with(
                "d.sh",
                &format!("helm upgrade --install web charts/a {options}\n"),
            );
            let [release] = found.releases.as_slice() else {
                panic!("{options}")
            };
            assert_eq!(release.name.as_str(), Some("web"), "{options}");
            let shown = |node: &Node| match &node.value {
                Value::Seq(items) => format!("{:?}", items.iter().map(Node::as_str).collect::<Vec<_>>()),
                _ => node.as_str().unwrap_or("?").to_owned(),
            };
            let set = release.set.iter();
            let set: Vec<String> = set
                .map(|(path, node)| format!("{path}={}", shown(node)))
                .collect();
            set.join(" ")
        };
        for (options, wanted) in [
            ("--set image.tag=$TAG --set b=2", "image.tag=? b=2"),
            ("--set-string image.tag=\"${TAG}\"", "image.tag=?"),
            (
                "--set image.tag=${{ needs.build-image.outputs.tag }}",
                "image.tag=?",
            ),
            ("--set=image.tag=`git rev-parse`,b=2", "image.tag=? b=2"),
            ("--set image=$REGISTRY/web", "image=?"),
            (
                "--set 'hosts={a.example.com,b.example.com},c=1'",
                "hosts=[Some(\"a.example.com\"), Some(\"b.example.com\")] c=1",
            ),
            ("--set 'a=x\\,y'", "a=x,y"),
            ("--set 'hosts[0].host=x'", "hosts=?"),
            ("--set 'labels.app\\.io/name=x'", "labels=?"),
            ("--set-json 'a={\"b\": [1, 2]}'", "a=?"),
            ("--set-file key=./key.pem", "key=?"),
            ("$EXTRA_ARGS --set b=2", "b=2"),
        ] {
            assert_eq!(set(options), wanted, "{options}");
        }
    }

    #[test]
    fn a_kubectl_command_gives_the_applied_paths() {
        let found = with(
            "d.sh",
            "kubectl apply -k k8s/base\nkubectl -n shop apply -f k8s\nkubectl apply -f k8s/a.yaml\n",
        );
        assert_eq!(found.kustomizations, [PathBuf::from("k8s/base")].into());
        assert_eq!(found.directories.len(), 1);
        let namespace = found.directories[Path::new("k8s")].as_ref();
        assert_eq!(namespace.and_then(Node::as_str), Some("shop"));
        assert!(
            with("d.sh", "kubectl delete -k k8s/base\n")
                .kustomizations
                .is_empty()
        );
        // A Job of the cluster runs in the cluster.
        let job = "apiVersion: batch/v1\nkind: Job\nspec: {args: ['kubectl apply -k k8s/base']}\n";
        assert!(with("job.yaml", job).kustomizations.is_empty());
    }

    #[test]
    fn terraform_is_run_in_a_directory() {
        let dirs = |path: &str, text: &str| -> Vec<String> {
            let found = with(path, text);
            found
                .terraform
                .keys()
                .map(|dir| dir.display().to_string())
                .collect()
        };
        assert_eq!(dirs("d.sh", "cd infra/prod && terraform apply\n"), ["infra/prod"]);
        assert_eq!(
            dirs("d.sh", "terraform -chdir=infra/prod apply\n"),
            ["infra/prod"]
        );
        let step = "jobs: {d: {steps: [{run: terraform apply, working-directory: infra/prod}]}}\n";
        assert_eq!(dirs(".github/workflows/d.yaml", step), ["infra/prod"]);
        assert_eq!(
            dirs("infra/prod/Makefile", "apply:\n\tterraform apply\n"),
            ["infra/prod"]
        );
        assert_eq!(dirs("d.sh", "cd infra/prod && terraform fmt\n"), [""; 0]);
    }

    #[test]
    fn arguments_of_terraform_set_variables() {
        let set = |rest: &str| {
            let found = with(
                "d.sh",
                &format!("export TF_VAR_one=1\nterraform -chdir=infra/prod apply {rest}\n"),
            );
            let set = found.terraform[Path::new("infra/prod")].clone();
            (
                set.names.into_iter().collect::<Vec<_>>().join(" "),
                set.unknown_file,
            )
        };
        assert_eq!(set(""), ("one".to_owned(), false));
        assert_eq!(set("-var two=$X"), ("one two".to_owned(), false));
        assert_eq!(set("-var-file=a.tfvars"), ("one".to_owned(), false));
        assert_eq!(set("-var-file=$ENV.tfvars"), ("one".to_owned(), true));
    }

    #[test]
    fn compose_files_of_one_command_are_one_deployment() {
        let mut files = HERE.to_vec();
        files.extend([
            ("compose.yaml", ""),
            ("compose.prod.yaml", ""),
            (
                "up.sh",
                "docker compose -f compose.yaml -f compose.prod.yaml up -d\ndocker-compose up\n",
            ),
        ]);
        let found = commands(&files);
        assert_eq!(
            found.compose,
            [["compose.yaml", "compose.prod.yaml"].map(PathBuf::from)]
        );
    }
}
