//! Converts the facts of modules into the platform's parts. A literal in code is an interpretation that a
//! person may dispute, so its facts are [`Source::Inferred`]; a variable that a manifest sets has the
//! manifest's certainty. The owner of a part is the directory of the module.

mod http;
mod kafka;
mod local;
mod sections;
mod stores;

use cofferdam_code::python::value::{Argument, EnvValue, PyValue, SPREAD, Val};
use cofferdam_code::python::{ClientCall, Code, Module, labels};
use cofferdam_model::calls::{Breaker, Call, Deadline};
use cofferdam_model::cells::LocalCache;
use cofferdam_model::database::Pool;
use cofferdam_model::delivery::VariableUse;
use cofferdam_model::kafka::Producer;
use cofferdam_model::link::Owners;
use cofferdam_model::{Environment, Fact, Owner, ProjectId, Source, Span, Variables};
use cofferdam_syntax::tree::{Node, Scalar, Style, Value};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};

/// The maximum number of names that are followed from module to module.
const MAX_IMPORTS: u8 = 6;

/// Directories whose code is run by hand or once, not as a service.
const NOT_SERVICES: &[&str] = &[
    "scripts",
    "script",
    "migrations",
    "alembic",
    "examples",
    "example",
    "docs",
    "doc",
    "notebooks",
    "benchmarks",
    "benchmark",
    "tools",
    "hack",
    "loadtest",
    "load_tests",
    "fixtures",
];

/// All modules of one project, so that a name can be followed from one to another.
#[derive(Debug, Default)]
pub struct Project<'m> {
    modules: Vec<&'m Module>,
    /// Every file by the last part of its dotted path, with that path.
    by_last: BTreeMap<String, Vec<(usize, String)>>,
    files: Vec<&'m (PathBuf, Vec<String>)>,
    /// The number of each of them.
    file_at: HashMap<&'m Path, usize>,
    /// Module of a file, if it contains something.
    module_of: BTreeMap<&'m Path, usize>,
    /// Files that import a file.
    importers: BTreeMap<usize, Vec<usize>>,
    /// Directories that are built and deployed as one.
    roots: BTreeSet<PathBuf>,
}

/// Files at the root of something that is built and deployed as one.
const ROOT_FILES: &[&str] = &[
    "dockerfile",
    "pyproject.toml",
    "setup.py",
    "setup.cfg",
    "requirements.txt",
    "pipfile",
    "manage.py",
    "poetry.lock",
    "uv.lock",
    "procfile",
    "cloudbuild.yaml",
    "app.yaml",
];

/// Directories whose children are services or packages.
const HOMES: &[&str] = &["services", "apps", "packages", "src", "python", "microservices"];

/// Directories of code that are not a service by themselves.
const SHARED: &[&str] = &[
    "common", "shared", "lib", "libs", "utils", "util", "core", "internal", "pkg", "packages", "commons",
];

fn is_one_of(part: &std::ffi::OsStr, words: &[&str]) -> bool {
    part.to_str()
        .is_some_and(|p| words.contains(&p.to_lowercase().as_str()))
}

/// Whether an owner is not a service but a directory of shared code.
fn is_shared(owner: &Owner, owners: &Owners) -> bool {
    let last = owner.directory.as_deref().and_then(Path::file_name);
    owners.find(owner).is_none() && last.is_some_and(|l| is_one_of(l, SHARED))
}

fn same_service(a: &Owner, b: &Owner, owners: &Owners) -> bool {
    match (owners.find(a), owners.find(b)) {
        (None, None) => a.directory == b.directory,
        (a, b) => a == b,
    }
}

fn is_root_file(path: &Path) -> bool {
    let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default();
    ROOT_FILES.iter().any(|root| name.eq_ignore_ascii_case(root))
}

/// Whether code runs as part of a service, by its path.
fn is_service_code(path: &Path) -> bool {
    !path.iter().any(|p| is_one_of(p, NOT_SERVICES))
}

impl<'m> Project<'m> {
    /// Divides code into its projects and indexes each by its paths. `files` are all files of the platform:
    /// some show what is built as one.
    pub fn divide<'f>(
        code: &'m Code,
        files: impl Iterator<Item = &'f Path>,
        project_of: &dyn Fn(&Path) -> ProjectId,
    ) -> BTreeMap<ProjectId, Self> {
        let mut all: BTreeMap<ProjectId, Self> = BTreeMap::new();
        for module in &code.modules {
            let project = all.entry(project_of(&module.path)).or_default();
            project
                .module_of
                .insert(module.path.as_path(), project.modules.len());
            project.modules.push(module);
        }
        for file in &code.imports {
            let project = all.entry(project_of(&file.0)).or_default();
            let name = dotted(&file.0);
            let last = name.rsplit('.').next().unwrap_or(&name).to_owned();
            let at = project.files.len();
            project.by_last.entry(last).or_default().push((at, name));
            project.file_at.entry(&file.0).or_insert(at);
            project.files.push(file);
        }
        let files = files.filter(|path| !all.is_empty() && is_root_file(path));
        for file in files.collect::<Vec<_>>() {
            if let Some(project) = all.get_mut(&project_of(file)) {
                project.roots.extend(file.parent().map(Path::to_path_buf));
            }
        }
        all.values_mut().for_each(Self::follow_imports);
        all
    }

    /// Records which files import which.
    fn follow_imports(&mut self) {
        for (at, (path, names)) in self.files.iter().enumerate() {
            for name in names {
                let name = absolute(path, name);
                let parts: Vec<&str> = name.split('.').filter(|p| !p.is_empty()).collect();
                if let Some(imported) = self.file(path, &parts).filter(|i| *i != at) {
                    self.importers.entry(imported).or_default().push(at);
                }
            }
        }
    }

    /// The owners of a module's facts. Code in a shared directory belongs to each service that imports it;
    /// code that nothing imports belongs to its directory.
    fn owners(&self, module: &Module, owners: &Owners) -> Vec<Owner> {
        let own = self.owner(&module.path, owners);
        if !is_shared(&own, owners) {
            return vec![own];
        }
        let start = self.file_at.get(module.path.as_path()).copied();
        let mut pending: Vec<usize> = start.into_iter().collect();
        let mut seen: BTreeSet<usize> = pending.iter().copied().collect();
        let mut found: Vec<Owner> = Vec::new();
        while let Some(at) = pending.pop() {
            for importer in self.importers.get(&at).into_iter().flatten() {
                if !seen.insert(*importer) {
                    continue;
                }
                let path = &self.files[*importer].0;
                if !is_service_code(path) {
                    continue;
                }
                let owner = self.owner(path, owners);
                if is_shared(&owner, owners) {
                    pending.push(*importer);
                } else if !found.iter().any(|f| same_service(f, &owner, owners)) {
                    found.push(owner);
                }
            }
        }
        if found.is_empty() {
            return vec![own];
        }
        found.sort_by(|a, b| a.directory.cmp(&b.directory));
        found
    }

    /// The owner of a file by its place: its own directory if that identifies a service, otherwise the
    /// directory that is built as one, otherwise the outermost one with its own name.
    fn owner(&self, path: &Path, owners: &Owners) -> Owner {
        let directory = path.parent().unwrap_or(Path::new(""));
        let owner = Owner::in_directory(directory);
        if owners.find(&owner).is_some() {
            return owner;
        }
        if let Some(root) = directory.ancestors().find(|d| self.roots.contains(*d)) {
            return Owner::in_directory(root);
        }
        let outer = directory.iter().take_while(|p| is_one_of(p, HOMES)).count();
        Owner::in_directory(directory.iter().take(outer + 1).collect::<PathBuf>())
    }

    /// Names of environments that are sections in the code (`"staging": {…}`).
    pub fn environments(&self) -> BTreeSet<String> {
        self.services()
            .flat_map(|module| sections::labels(&module.settings))
            .map(str::to_owned)
            .collect()
    }

    /// Paths of the modules that contain facts about the platform.
    pub fn telling(&self) -> impl Iterator<Item = &'m Path> {
        let tells =
            |m: &&Module| !(m.calls.is_empty() && m.env_reads.is_empty() && m.settings.items.is_empty());
        self.services().filter(tells).map(|m| m.path.as_path())
    }

    /// Fills `env` with the parts in code that are for this environment according to `holds`. `owners` comes
    /// from [`cofferdam_model::link::prepare`] of the same environment: it shows whose variables a module
    /// reads.
    pub fn interpret(&self, env: &mut Environment, owners: &Owners, holds: &dyn Fn(&Path) -> bool) {
        let mut parts = Parts::default();
        let mut sections = Vec::new();
        for module in self.services().filter(|m| holds(&m.path)) {
            for owner in self.owners(module, owners) {
                let service = owners.find(&owner).map(|id| env.service(id));
                let mut reading = Reading {
                    project: self,
                    module,
                    calls: Cow::Borrowed(&module.calls),
                    variables: service.map(|s| &s.variables),
                    env,
                    owner,
                };
                reading.spread();
                kafka::read(&reading, &mut parts);
                stores::read(&reading, &mut parts);
                http::read(&reading, &mut parts);
                local::read(&reading, &mut parts);
                let tree = module.tree(&|variable| reading.variable_node(variable));
                sections.push((reading.owner, tree, module));
            }
        }
        kafka::commits_of_other_modules(self, &mut parts);
        for (owner, count) in parts.processes {
            if let Some(id) = owners.find(&owner) {
                let slot = &mut env.services[id.0].processes;
                if slot.is_none() {
                    *slot = Some(count);
                }
            }
        }
        env.consumers
            .extend(parts.consumers.into_iter().map(|c| c.consumer));
        env.producers.extend(parts.producers);
        env.pools.extend(parts.pools);
        env.calls.extend(parts.calls);
        env.breakers.extend(parts.breakers);
        env.deadlines.extend(parts.deadlines);
        env.local_caches.extend(parts.local_caches);
        env.variable_uses.extend(parts.variable_uses);
        for (owner, tree, module) in sections {
            sections::apply(&owner, &tree, module, env);
        }
    }

    /// The modules that run as part of a service.
    fn services(&self) -> impl Iterator<Item = &'m Module> {
        self.modules
            .iter()
            .copied()
            .filter(|m| !m.is_test && is_service_code(&m.path))
    }

    /// The value that a dotted name imported by `from` has in another module.
    fn lookup(&self, from: &Module, name: &str, steps: u8) -> Option<(&'m Module, Val)> {
        let steps = steps.checked_sub(1)?;
        let name = absolute(&from.path, name);
        let parts: Vec<&str> = name.split('.').filter(|p| !p.is_empty()).collect();
        for cut in (1..parts.len()).rev() {
            let Some(module) = self.module(from, &parts[..cut]) else {
                continue;
            };
            let symbol = parts[cut..].join(".");
            if let Some(found) = self.symbol(module, &symbol, steps) {
                return Some(found);
            }
        }
        None
    }

    /// The module with the name `path`.
    fn module(&self, from: &Module, path: &[&str]) -> Option<&'m Module> {
        let file = self.file(&from.path, path)?;
        let at = self.module_of.get(self.files[file].0.as_path())?;
        Some(self.modules[*at])
    }

    /// The file with the dotted name `path`, the nearest to `from` if there are several.
    fn file(&self, from: &Path, path: &[&str]) -> Option<usize> {
        let tail = path.join(".");
        let inner = format!(".{tail}");
        let near = |at: usize| {
            let shared = self.files[at].0.iter().zip(from.iter());
            (shared.take_while(|(a, b)| a == b).count(), std::cmp::Reverse(at))
        };
        self.by_last
            .get(*path.last()?)?
            .iter()
            .filter(|(_, name)| *name == tail || name.ends_with(&inner))
            .map(|(at, _)| *at)
            .max_by_key(|at| near(*at))
    }

    /// The value of `symbol` (`NAME`, `NAME.attribute`, `function.key`) in a module.
    fn symbol(&self, module: &'m Module, symbol: &str, steps: u8) -> Option<(&'m Module, Val)> {
        let steps = steps.checked_sub(1)?;
        if let Some(value) = module.exports.get(symbol) {
            return match &value.value {
                PyValue::Ref(name) if &**name != symbol && module.exports.contains_key(&**name) => {
                    self.symbol(module, name, steps)
                }
                PyValue::Ref(name) => self.lookup(module, name, steps),
                _ => Some((module, value.clone())),
            };
        }
        // An attribute of an object, an item of a dictionary.
        let (owner, last) = symbol.rsplit_once('.')?;
        let (found_in, value) = self.symbol(module, owner, steps)?;
        match &value.value {
            PyValue::Object(object) => self.member(found_in, &object.class, last, steps),
            PyValue::Dict(_) | PyValue::ByEnvironment(_) => Some((found_in, value.item(last)?)),
            _ => None,
        }
    }

    /// An attribute of a class, which the module defines or imports.
    fn member(&self, module: &'m Module, class: &str, name: &str, steps: u8) -> Option<(&'m Module, Val)> {
        let inside = format!("{class}.{name}");
        match module.exports.get(&inside) {
            Some(_) => self.symbol(module, &inside, steps),
            None => self.lookup(module, &inside, steps),
        }
    }
}

/// The dotted path of a module: `services.api.app.config`.
fn dotted(path: &Path) -> String {
    let path = path.with_extension("");
    let mut parts: Vec<&str> = path.iter().filter_map(|p| p.to_str()).collect();
    if parts.last() == Some(&"__init__") {
        parts.pop();
    }
    parts.join(".")
}

/// A relative import (`.config.settings`, `..db.engine`) as a dotted path.
fn absolute(from: &Path, name: &str) -> String {
    let dots = name.chars().take_while(|c| *c == '.').count();
    if dots == 0 {
        return name.to_owned();
    }
    let mut package: Vec<&str> = from.iter().filter_map(|p| p.to_str()).collect();
    for _ in 0..dots {
        package.pop();
    }
    format!("{}.{}", package.join("."), &name[dots..])
}

/// Parts found in code, before they go into an environment.
#[derive(Debug, Default)]
struct Parts {
    consumers: Vec<kafka::FoundConsumer>,
    producers: Vec<Producer>,
    pools: Vec<Pool>,
    calls: Vec<Call>,
    breakers: Vec<Breaker>,
    deadlines: Vec<Deadline>,
    local_caches: Vec<LocalCache>,
    variable_uses: Vec<VariableUse>,
    processes: Vec<(Owner, Fact<u32>)>,
}

/// A module that is read for one environment.
struct Reading<'r, 'm> {
    project: &'r Project<'m>,
    module: &'m Module,
    /// The module's calls, with the values of other modules' `**settings`.
    calls: Cow<'m, [ClientCall]>,
    variables: Option<&'r Variables>,
    env: &'r Environment,
    owner: Owner,
}

/// A value that is known in this environment, with its source.
#[derive(Debug, Clone)]
struct Resolved {
    value: Val,
    source: Source,
}

impl Resolved {
    fn fact<T>(self, read: impl FnOnce(&Val) -> Option<T>) -> Option<Fact<T>> {
        Some(Fact {
            value: read(&self.value)?,
            source: self.source,
        })
    }
}

impl Reading<'_, '_> {
    /// The value in this environment; `None` if no file contains it.
    fn resolve(&self, value: &Val) -> Option<Resolved> {
        match &value.value {
            PyValue::Ref(name) => {
                let (module, found) = self.project.lookup(self.module, name, MAX_IMPORTS)?;
                self.here(&found, &format!("a constant in {}", module.path.display()))
            }
            PyValue::Object(object) if object.class.contains('.') => {
                let settings = |v: &Val| {
                    let dictionary = matches!(v.value, PyValue::Dict(_) | PyValue::ByEnvironment(_));
                    dictionary
                        || matches!(
                            v.value,
                            PyValue::Str(_) | PyValue::Partial(_) | PyValue::Format(_)
                        )
                };
                match self.project.lookup(self.module, &object.class, MAX_IMPORTS) {
                    Some((_, found)) if settings(&found) => {
                        self.here(&found, &format!("what {} returns", object.class))
                    }
                    _ => self.here(value, "a literal in the code"),
                }
            }
            _ => self.here(value, "a literal in the code"),
        }
    }

    /// A value of one module in this environment.
    fn here(&self, value: &Val, why: &str) -> Option<Resolved> {
        match &value.value {
            PyValue::Unknown | PyValue::Ref(_) => None,
            PyValue::Env(env) => self.variable(env),
            PyValue::ByEnvironment(dict) => {
                let names = dict.items.iter().filter_map(|i| labels::exact(&i.key));
                let item = match sections::chosen(&self.env.name, names) {
                    Some(name) => dict.items.iter().find(|i| labels::exact(&i.key) == Some(name)),
                    None => dict.items.iter().find(|i| i.key.is_empty()),
                }?;
                match &item.value.value {
                    // Environments nested in environments do not occur in practice.
                    PyValue::ByEnvironment(_) => None,
                    _ => self.here(&item.value, why),
                }
            }
            PyValue::Format(pieces) => {
                let known: Vec<Val> = pieces
                    .iter()
                    .map(|p| match &p.value {
                        PyValue::Format(_) => Val::unknown(p.span),
                        _ => self.resolve(p).map_or(Val::unknown(p.span), |k| k.value),
                    })
                    .collect();
                let text = Val {
                    value: cofferdam_code::python::eval::join(&known),
                    span: value.span,
                };
                Some(inferred(text, why))
            }
            _ => Some(inferred(value.clone(), why)),
        }
    }

    /// Adds the items of `**settings` to the arguments, if other modules or the environment contain them.
    fn spread(&mut self) {
        let is_spread = |a: &Argument| &*a.name == SPREAD;
        if !self.calls.iter().any(|c| c.args.iter().any(is_spread)) {
            return;
        }
        let mut calls = self.calls.to_vec();
        for call in &mut calls {
            let mut args = Vec::new();
            for arg in std::mem::take(&mut call.args) {
                if !is_spread(&arg) {
                    args.push(arg);
                    continue;
                }
                match self.resolve(&arg.value).map(|k| k.value.value) {
                    Some(PyValue::Dict(dict)) => {
                        call.open |= dict.open;
                        args.extend(dict.items.into_iter().map(|item| Argument {
                            name: item.key,
                            span: item.key_span.to(item.value.span),
                            value: item.value,
                        }));
                    }
                    _ => call.open = true,
                }
            }
            call.args = args;
        }
        self.calls = Cow::Owned(calls);
    }

    /// A variable's value: as the service's files set it, otherwise the code's default.
    fn variable(&self, env: &EnvValue) -> Option<Resolved> {
        match self.variables.and_then(|v| v.get(&*env.name)) {
            Some(variable) => {
                let text = variable.value.value.text()?;
                let span = variable.value.span().unwrap_or(variable.name_span);
                let value = if env.scale == 1.0 {
                    PyValue::Str(text.into())
                } else {
                    PyValue::Float(text.trim().parse::<f64>().ok()? * env.scale)
                };
                Some(Resolved {
                    value: Val { value, span },
                    source: variable.value.source.clone(),
                })
            }
            None => {
                let default = self.resolve(env.default.as_ref()?)?;
                let span = default.value.span;
                Some(Resolved {
                    source: Source::Inferred {
                        span,
                        why: format!("the code's default while {} is not set", env.name).into(),
                    },
                    value: default.value,
                })
            }
        }
    }

    /// A variable as a node of a configuration tree.
    fn variable_node(&self, env: &EnvValue) -> Option<Node> {
        let variable = self.variables?.get(&*env.name)?;
        let span = variable.value.span().unwrap_or(variable.name_span);
        let value = match variable.value.value.text() {
            Some(text) => Value::Scalar(Scalar {
                text: text.into(),
                style: Style::Plain,
            }),
            None => Value::Unknown(format!("environment variable {}", env.name).into()),
        };
        Some(Node { span, value })
    }

    /// The fact of an argument.
    fn fact<T>(&self, arg: Option<&Argument>, read: impl FnOnce(&Val) -> Option<T>) -> Option<Fact<T>> {
        self.resolve(&arg?.value)?.fact(read)
    }

    /// The fact of the first of several folded argument names.
    fn arg<T>(
        &self,
        call: &ClientCall,
        names: &[&str],
        read: impl FnOnce(&Val) -> Option<T>,
    ) -> Option<Fact<T>> {
        self.fact(call.any_arg(names), read)
    }

    /// Whether an argument is given whose value no file contains.
    fn is_hidden(&self, call: &ClientCall, name: &str) -> bool {
        let unknown = |known: Option<Resolved>| known.is_none_or(|k| k.value.object().is_some());
        call.arg(name)
            .is_some_and(|a| !a.value.is_none() && unknown(self.resolve(&a.value)))
    }

    /// An argument that is a dictionary.
    fn dict_arg(&self, call: &ClientCall, name: &str) -> Option<cofferdam_code::python::Dict> {
        match self.resolve(&call.arg(name)?.value)?.value.value {
            PyValue::Dict(dict) => Some(dict),
            _ => None,
        }
    }
}

fn inferred(value: Val, why: &str) -> Resolved {
    Resolved {
        source: Source::Inferred {
            span: value.span,
            why: why.into(),
        },
        value,
    }
}

/// A non-negative whole number.
fn whole(value: &Val) -> Option<u32> {
    u32::try_from(value.as_i64()?).ok()
}

/// Text that is not empty.
fn text(value: &Val) -> Option<String> {
    value.as_str().filter(|t| !t.is_empty()).map(str::to_owned)
}

/// Topics: one text, a list of texts, or a text with commas.
fn texts(known: &Resolved) -> Vec<Fact<String>> {
    let fact = |text: &str, span: Span| Fact {
        value: text.to_owned(),
        source: match &known.source {
            Source::Inferred { why, .. } => Source::Inferred {
                span,
                why: why.clone(),
            },
            other => other.clone(),
        },
    };
    match &known.value.value {
        PyValue::Str(text) => text
            .split(',')
            .map(str::trim)
            .filter(|t| !t.is_empty())
            .map(|t| fact(t, known.value.span))
            .collect(),
        PyValue::List(items) => items
            .iter()
            .filter_map(|i| Some(fact(i.as_str()?, i.span)))
            .collect(),
        _ => Vec::new(),
    }
}

/// The name to which a thing is assigned, without the part before the last dot.
fn last(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or(name)
}

#[cfg(test)]
mod tests;
