//! Facts about the platform in Python code: literal arguments of well-known constructors (Kafka, SQL, Redis,
//! HTTP, breakers, queues), constants and settings, variables that are read, and the order in which a
//! consumer works and commits.
//!
//! Nothing is executed and no import is followed outside the files that were read. A value is known if it is
//! a literal, simple arithmetic of constants, a name bound once, a parameter's default, or an environment
//! variable with its default; anything else is [`PyValue::Unknown`]. Every value has the place of its
//! literal.

mod arith;
mod attributes;
mod callers;
mod calls;
pub mod clients;
mod collect;
mod deploys;
pub mod eval;
pub mod flow;
pub mod found;
mod imports;
pub mod labels;
mod names;
mod scope;
mod settings;
pub mod value;

pub use clients::{ClientKind, Library};
pub use flow::{CommitFlow, WorkOrder};
pub use found::{BreakerUse, Client, ClientCall, Enclosing, EnvRead, Repeat, TopicUse};
pub use value::{Argument, Dict, DictItem, EnvValue, HOLE, Object, PyValue, Val};

use cofferdam_syntax::python::ast::{Stmt, StmtKind};
use cofferdam_syntax::python::{lower, slow};
use cofferdam_syntax::repo::{Repo, Unreadable};
use cofferdam_syntax::tree::{Node, Value};
use cofferdam_syntax::{FileId, Span};
use eval::Eval;
use rayon::prelude::*;
use scope::{ClassId, Symbols};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Larger files are generated or data, and are skipped with a note.
pub const MAX_BYTES: usize = 1024 * 1024;

/// If a larger share of a text is inside syntax errors, it does not count as Python.
const MAX_ERROR_SHARE: f64 = 0.3;

/// The facts of one module.
#[derive(Debug, Clone)]
pub struct Module {
    /// Path below the root.
    pub path: PathBuf,
    /// The file.
    pub file: FileId,
    /// Whether it is a test: the objects that it builds are not part of the platform.
    pub is_test: bool,
    /// Calls of known constructors, in the order written.
    pub calls: Vec<ClientCall>,
    /// Circuit breakers that the module defines as classes.
    pub breaker_classes: Vec<BreakerClass>,
    /// Uses of circuit breakers.
    pub breaker_uses: Vec<BreakerUse>,
    /// Variables of the environment that it reads.
    pub env_reads: Vec<EnvRead>,
    /// Commits of Kafka consumers and their order relative to the work.
    pub commits: Vec<CommitFlow>,
    /// Queues of items that have already been processed.
    pub result_queues: BTreeSet<String>,
    /// Topics that are sent to and subscribed to.
    pub topic_uses: Vec<TopicUse>,
    /// The largest batch that a poll asks for, with the consumer as written.
    pub poll_sizes: Vec<(String, Val)>,
    /// Whether it starts several threads, tasks or processes in a loop.
    pub spawns: bool,
    /// Functions and methods with the places of their names.
    pub functions: Vec<(String, Span)>,
    /// Constants, fields and dictionaries, as a tree of names.
    pub settings: Dict,
    /// Values that other modules can import: `NAME`, `Class.attribute`.
    pub exports: BTreeMap<String, Val>,
    /// Whether it defines an HTTP adapter, which may set timeouts for a session.
    pub custom_adapter: bool,
    /// What could not be read.
    pub problems: Vec<PythonProblem>,
}

/// A circuit breaker that is a class of the project.
#[derive(Debug, Clone, PartialEq)]
pub struct BreakerClass {
    /// Name of the class.
    pub name: String,
    /// Place of the name.
    pub span: Span,
    /// Defaults of its initialiser's parameters and attributes of the class.
    pub defaults: Vec<Argument>,
}

/// Something that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PythonProblem {
    /// Where.
    pub span: Span,
    /// The problem.
    pub message: String,
}

/// Why a file was not read at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotRead {
    /// It contains nothing that this reader knows.
    #[error("mentions no known client")]
    NothingKnown,
    /// It is larger than [`MAX_BYTES`].
    #[error("is larger than 1 MiB and was not read as Python")]
    TooLarge,
    /// It has too many lines in a row that say nothing (see [`slow::is_slow`]).
    #[error("has so many lines in a row with only a comment or a backslash that it was not read as Python")]
    TooSlow,
    /// Most of it is not Python.
    #[error("is not Python that can be parsed")]
    NotPython,
}

/// Reads the text of a module.
///
/// # Errors
/// [`NotRead`] if the text contains nothing for this reader, is too large, or is not Python.
pub fn read(file: FileId, path: &Path, text: &str) -> Result<Module, NotRead> {
    if !clients::KEYWORDS.iter().any(|word| text.contains(word)) {
        return Err(NotRead::NothingKnown);
    }
    if text.len() > MAX_BYTES {
        return Err(NotRead::TooLarge);
    }
    if slow::is_slow(text) {
        return Err(NotRead::TooSlow);
    }
    let parsed = lower::parse(file, text).ok_or(NotRead::NotPython)?;
    if parsed.error_share > MAX_ERROR_SHARE {
        return Err(NotRead::NotPython);
    }
    let symbols = Symbols::of(&parsed.body);
    let eval = Eval::new(&symbols);
    let mut found = collect::collect(&parsed.body, &eval);
    let mut callers = callers::Callers::of(&found);
    let repeated: Vec<Option<Repeat>> = (found.calls.iter())
        .map(|call| callers.repeated(&symbols, &call.place))
        .collect();
    for (call, repeated) in found.calls.iter_mut().zip(repeated) {
        call.place.repeated = repeated;
    }
    let flows = flow::read(&eval, &parsed.body);
    let settings = settings::read(file, &parsed.body, &eval);
    let mut problems = Vec::new();
    let mut note = |span: Option<Span>, message: &str| {
        problems.push(PythonProblem {
            span: span.unwrap_or(Span::new(file, 0, 0)),
            message: message.to_owned(),
        });
    };
    if parsed.first_error.is_some() {
        note(
            parsed.first_error,
            "syntax error; the rest of the file was read as far as possible",
        );
    }
    if parsed.too_deep {
        note(None, "nested too deeply; the innermost parts were not read");
    }
    if eval.exhausted() {
        note(
            None,
            "too long to follow every name; some values count as unknown",
        );
    }
    Ok(Module {
        path: path.to_owned(),
        file,
        is_test: is_test(path, &parsed.body),
        breaker_classes: breaker_classes(&eval),
        calls: found.calls,
        breaker_uses: found.breaker_uses,
        env_reads: found.env_reads,
        commits: flows.commits,
        result_queues: flows.of_results,
        topic_uses: found.topic_uses,
        poll_sizes: found.poll_sizes,
        spawns: found.spawns,
        functions: symbols
            .functions
            .iter()
            .map(|f| (f.function.name.to_string(), f.function.name_span))
            .collect(),
        settings: settings.tree,
        exports: settings.exports,
        custom_adapter: found.custom_adapter,
        problems,
    })
}

/// All Python code of a platform.
#[derive(Debug, Default)]
pub struct Code {
    /// Modules that contain something for this reader, ordered by path.
    pub modules: Vec<Module>,
    /// Every file with the dotted names that it imports.
    pub imports: Vec<(PathBuf, Vec<String>)>,
    /// Commands that code calls `gcloud` with, as words, with the file of each.
    pub commands: Vec<(PathBuf, Vec<Node>)>,
    /// Entries of tables of services in code that calls `gcloud`, with the file of each.
    pub service_tables: Vec<(PathBuf, Node)>,
    /// What could not be read, or only in part.
    pub notes: Vec<Unreadable>,
}

impl Code {
    /// Reads every Python file of `repo`.
    pub fn read(repo: &Repo) -> Code {
        let files: Vec<_> = repo
            .files
            .iter()
            .filter(|(path, _)| path.extension().is_some_and(|e| e == "py"))
            .map(|(path, id)| (*id, path.as_path(), &*repo.sources.file(*id).text))
            .collect();
        Code::of(&files)
    }

    /// Reads these files: id, path below the root, text.
    pub fn of(files: &[(FileId, &Path, &str)]) -> Code {
        let read: Vec<_> = files
            .par_iter()
            .map(|(id, path, text)| {
                let deploys = deploys(*id, path, text);
                (*path, read(*id, path, text), imports::of_text(text), deploys)
            })
            .collect();
        let mut code = Code::default();
        for (path, result, imports, (commands, tables)) in read {
            code.imports.push((path.to_owned(), imports));
            code.commands
                .extend(commands.into_iter().map(|c| (path.to_owned(), c)));
            code.service_tables
                .extend(tables.into_iter().map(|t| (path.to_owned(), t)));
            let mut note = |span: Option<Span>, message: String| {
                code.notes.push(Unreadable {
                    path: path.to_owned(),
                    span,
                    message,
                });
            };
            match result {
                Ok(mut module) => {
                    for problem in module.problems.drain(..) {
                        note(Some(problem.span), problem.message);
                    }
                    code.modules.push(module);
                }
                Err(NotRead::NothingKnown) => {}
                Err(reason) => note(None, reason.to_string()),
            }
        }
        code
    }
}

/// The deployments in a module that calls `gcloud`; none of a test.
fn deploys(file: FileId, path: &Path, text: &str) -> (Vec<Vec<Node>>, Vec<Node>) {
    if !text.contains("gcloud") || text.len() > MAX_BYTES {
        return Default::default();
    }
    match lower::parse(file, text).filter(|parsed| parsed.error_share <= MAX_ERROR_SHARE) {
        Some(parsed) if !is_test(path, &parsed.body) => deploys::read(&parsed.body),
        _ => Default::default(),
    }
}

impl Module {
    /// The settings as a configuration tree. `variable` returns the value of an environment variable of the
    /// platform; without one the code's default is used.
    pub fn tree(&self, variable: &dyn Fn(&EnvValue) -> Option<Node>) -> Node {
        let root = Val {
            value: PyValue::Dict(self.settings.clone()),
            span: Span::new(self.file, 0, 0),
        };
        let mut node = root.to_node(variable);
        if matches!(node.value, Value::Null) {
            node.value = Value::Map(cofferdam_syntax::tree::Map::default());
        }
        node
    }
}

impl ClientCall {
    /// The argument whose name folds to `folded` (see [`cofferdam_syntax::tree::fold`]); the last of several.
    pub fn arg(&self, folded: &str) -> Option<&Argument> {
        value::find(&self.args, folded)
    }

    /// The first argument of several folded names.
    pub fn any_arg(&self, folded: &[&str]) -> Option<&Argument> {
        folded.iter().find_map(|name| self.arg(name))
    }
}

/// A test is recognised by its name or place and by its imports.
fn is_test(path: &Path, body: &[Stmt]) -> bool {
    let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default();
    let named = name.starts_with("test_") || name.ends_with("_test.py") || name == "conftest.py";
    let placed = path
        .components()
        .any(|c| matches!(c.as_os_str().to_str(), Some("tests" | "test" | "testing")));
    let imports = |stmt: &Stmt| match &stmt.kind {
        StmtKind::Import(names) => names
            .iter()
            .any(|(_, target)| matches!(target.split('.').next(), Some("pytest" | "unittest"))),
        _ => false,
    };
    named || placed || body.iter().any(imports)
}

fn breaker_classes(eval: &Eval<'_, '_>) -> Vec<BreakerClass> {
    let symbols = eval.symbols;
    let mut out = Vec::new();
    for (index, info) in symbols.classes.iter().enumerate() {
        let id = ClassId(index);
        if !clients::is_breaker_class(&info.class.name) {
            continue;
        }
        let mut defaults = Vec::new();
        let mut push = |name: &str, span: Span, value: Val| {
            if value.scalar_text().is_some() || value.env().is_some() {
                defaults.push(Argument {
                    name: name.into(),
                    span,
                    value,
                });
            }
        };
        for name in info.attributes.keys().chain(info.self_attributes.keys()) {
            if let Some(value) = eval.attribute_value(id, name) {
                push(name, value.span, value);
            }
        }
        let init = info.methods.get("__init__").map(|f| symbols.function(*f));
        for parameter in init.iter().flat_map(|f| &f.function.parameters) {
            if let Some(default) = &parameter.default {
                push(&parameter.name, parameter.span, eval.value(default, info.outer));
            }
        }
        out.push(BreakerClass {
            name: info.class.name.to_string(),
            span: info.class.name_span,
            defaults,
        });
    }
    out
}

#[cfg(test)]
mod tests;
