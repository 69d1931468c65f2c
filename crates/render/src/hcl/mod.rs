//! Terraform configurations, read as Terraform reads them and evaluated as far as the files allow:
//! variables with their defaults and value files, locals, repetition, templates, functions and local
//! modules. Nothing is run and no provider is asked. So a value that only an apply can show is
//! [`cofferdam_syntax::tree::Value::Unknown`] with the reason, and a reference to another resource is the text
//! `ref:` and its address.

mod deployed;
mod eval;
mod files;
mod functions;
mod generated;
mod memo;
mod module;
mod names;
mod read;
mod references;
mod root;
mod template;
mod terragrunt;
mod types;
mod value;
mod vars;

#[cfg(test)]
mod tests;

use crate::budget::{Allowance, Budget, Cost};
use cofferdam_syntax::Span;
use cofferdam_syntax::hcl as parse;
use cofferdam_syntax::repo::{Repo, Unreadable};
use cofferdam_syntax::tree::{Node, Value};
pub use deployed::Sign;
use read::{Parsed, parse_all};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

/// Everything that the Terraform files of a tree say.
#[derive(Debug, Default)]
pub struct Terraform {
    /// Root modules: directories that no other module calls.
    pub roots: Vec<Root>,
    /// Files that could not be read.
    pub problems: Vec<Unreadable>,
    /// Files that were read here, so that no other reader of YAML or JSON takes them.
    pub claimed: BTreeSet<PathBuf>,
    /// Terraform under another ending (`alerts.yaml`), which Terraform itself never loads: the file and
    /// its first block.
    pub misnamed: Vec<(PathBuf, Span)>,
    /// What is at the top of a file and is not allowed there. Terraform refuses the whole module.
    pub misplaced: Vec<Misplaced>,
    /// Files that were read.
    pub files: BTreeSet<PathBuf>,
}

/// Something that is not allowed at the top of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misplaced {
    /// Path of the file below the root.
    pub path: PathBuf,
    /// Place of its name or header.
    pub span: Span,
    /// Name of the argument or type of the block.
    pub name: String,
    /// What is wrong, as a clause.
    pub problem: String,
}

impl Terraform {
    /// The environments of the roots that create or look up anything, as value files or directories name them.
    pub fn environments(&self) -> impl Iterator<Item = &str> {
        self.roots
            .iter()
            .flat_map(|root| &root.environments)
            .filter(|values| !(values.resources.is_empty() && values.modules.is_empty()))
            .filter_map(|values| values.environment.as_deref())
    }
}

/// A root module.
#[derive(Debug)]
pub struct Root {
    /// Its directory below the root of the tree.
    pub dir: PathBuf,
    /// Its values, once for each environment that its value files or its place name.
    pub environments: Vec<RootValues>,
    /// Signs that it is deployed. Without any, it is a module that nothing here calls.
    pub signs: BTreeSet<Sign>,
    /// Its variables, with the places of their defaults.
    pub defaults: BTreeMap<String, Span>,
    /// Defaults that a source which was not read may override.
    pub open_defaults: Vec<(String, Span)>,
}

/// A root module with the values of one environment.
#[derive(Debug)]
pub struct RootValues {
    /// The environment; `None` when nothing says which.
    pub environment: Option<String>,
    /// The environment that a value file names in a variable for it.
    pub stated: Option<String>,
    /// The name of the only file of values, which may be that of an environment.
    pub only: Option<String>,
    /// The value file, or the file of the unit, whose path names the environment, where only those beside it show that
    /// it is one.
    pub by: Option<PathBuf>,
    /// The directory of the unit of Terragrunt that deploys the module with these values.
    pub unit: Option<PathBuf>,
    /// Resources and data sources, those of called modules included.
    pub resources: Vec<Resource>,
    /// Calls of modules from elsewhere (a registry, git): their arguments are all that is known.
    pub modules: Vec<ModuleCall>,
    /// Configurations of providers.
    pub providers: Vec<Provider>,
    /// Names that lead to nothing, each once.
    pub dangling: Vec<Dangling>,
}

/// Whether a resource is created or only looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mode {
    /// `resource`: created and managed by this configuration.
    Managed,
    /// `data`: created elsewhere.
    Data,
    /// `ephemeral`: exists while Terraform runs, and is stored nowhere.
    Ephemeral,
}

impl Mode {
    fn prefix(self) -> &'static str {
        match self {
            Mode::Managed => "",
            Mode::Data => "data.",
            Mode::Ephemeral => "ephemeral.",
        }
    }
}

/// A resource or data source.
#[derive(Debug, Clone)]
pub struct Resource {
    /// Created or looked up.
    pub mode: Mode,
    /// Type (`aws_db_instance`).
    pub kind: String,
    /// Name in the configuration.
    pub name: String,
    /// Key or number of this repetition, where it is repeated.
    pub index: Option<String>,
    /// Why the number of repetitions is not known. Then this one stands for all.
    pub uncertain: Option<Arc<str>>,
    /// Place of the number that `count` gets.
    pub count: Option<Span>,
    /// Full address (`module.a["x"].aws_db_instance.main[0]`).
    pub address: String,
    /// Arguments that are set, as a map. Inner blocks are a list of maps under their type, also when
    /// there is one; in JSON, where blocks and maps look alike, as written. See [`blocks`].
    pub body: Node,
    /// The header in the file.
    pub span: Span,
    /// Directory of the module that declares it.
    pub dir: PathBuf,
    /// Provider configuration it names (`aws.west`).
    pub provider: Option<String>,
}

/// The call of a module that is not in the tree.
#[derive(Debug, Clone)]
pub struct ModuleCall {
    /// Name of the call.
    pub name: String,
    /// Source as written (`terraform-aws-modules/rds/aws`).
    pub source: Option<String>,
    /// Full address.
    pub address: String,
    /// Arguments.
    pub body: Node,
    /// The header in the file.
    pub span: Span,
}

/// A provider's configuration.
#[derive(Debug, Clone)]
pub struct Provider {
    /// Name (`aws`).
    pub name: String,
    /// Alias, for all but the default one.
    pub alias: Option<String>,
    /// Arguments.
    pub body: Node,
}

/// A name that leads to nothing; Terraform would refuse the plan.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Dangling {
    /// Place of the name.
    pub span: Span,
    /// What it should lead to.
    pub what: Missing,
    /// The name.
    pub name: String,
    /// The nearest name that exists.
    pub nearest: Option<String>,
    /// Directory of the module in which it stands.
    pub dir: PathBuf,
}

/// What a name should lead to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Missing {
    /// A directory with a module.
    ModuleDirectory,
    /// A `module` block.
    ModuleCall,
    /// A variable of this module.
    Variable,
    /// A variable of the called module: the name is `NAME of module CALL`.
    Argument,
    /// A local value.
    Local,
    /// An output of the called module.
    Output,
    /// A resource or data source.
    Resource,
    /// Anything but itself.
    Cycle,
}

/// The inner blocks of type `kind` in a body: each item of the list; for JSON a lone map as well.
pub fn blocks<'n>(body: &'n Node, kind: &str) -> Vec<&'n Node> {
    match body.get(kind) {
        Some(node) => match &node.value {
            Value::Seq(items) => items.iter().collect(),
            Value::Null => Vec::new(),
            _ => vec![node],
        },
        None => Vec::new(),
    }
}

/// The first inner block of type `kind`.
pub fn block<'n>(body: &'n Node, kind: &str) -> Option<&'n Node> {
    blocks(body, kind).into_iter().next()
}

/// The address that an unknown value refers to (`aws_db_instance.main.id`), if it is a reference.
pub fn reference(node: &Node) -> Option<&str> {
    match &node.value {
        Value::Unknown(why) => why.strip_prefix("ref:"),
        _ => None,
    }
}

/// Whether the files of two paths belong to one project.
pub type Together<'t> = &'t (dyn Fn(&Path, &Path) -> bool + Sync);

/// Values that commands give to the variables of roots, by directory and name.
pub type Given = BTreeMap<PathBuf, BTreeMap<String, Node>>;

/// Reads every Terraform file of `repo` as one project.
pub fn read(repo: &Repo) -> Terraform {
    read_with(repo, &|_, _| true, &Given::new())
}

/// The same for several projects: value files belong to roots of their own project. What `commands` give overrides value
/// files.
pub fn read_with(repo: &Repo, together: Together<'_>, commands: &Given) -> Terraform {
    let parsed = parse_all(repo);
    let broken: BTreeSet<PathBuf> = parsed
        .problems
        .iter()
        .filter_map(|p| p.path.parent())
        .map(Path::to_owned)
        .collect();
    let mut modules: BTreeMap<PathBuf, module::Module<'_>> = BTreeMap::new();
    for file in &parsed.modules {
        let dir = file.path.parent().unwrap_or(Path::new("")).to_owned();
        let module = modules.entry(dir.clone()).or_default();
        module.add(file);
        module.incomplete = broken.contains(&dir) || !repo.is_given(&dir);
        module.dir = dir;
    }
    modules.retain(|_, module| !module.is_empty());
    let terragrunt = generated::files(repo);
    let units = generated::declare(repo, &terragrunt, &mut modules);
    let terragrunt = terragrunt::modules(&terragrunt);
    for module in modules.values_mut() {
        module.undeclared = references::undeclared(module);
    }
    let mut roots = find_roots(repo, &modules);
    // A module that units deploy is deployed, also if another module calls it.
    roots.extend(units.of_modules.keys().cloned());
    roots.sort();
    roots.dedup();
    let stores = stores(repo, &parsed.modules);
    roots.retain(|dir| !stores.contains(dir.as_path()));
    let declared: BTreeMap<PathBuf, BTreeSet<String>> = roots
        .iter()
        .filter_map(|dir| {
            let names = modules.get(dir)?.variables.keys().cloned().collect();
            Some((dir.clone(), names))
        })
        .collect();
    let values = vars::assign(&parsed.values, &declared, together);
    let none = vars::ValueFiles::default();
    let nothing = module::Module::default();
    let of_units = terragrunt::environments(units.of_modules.values().flatten());
    let each: Vec<Evaluation<'_>> = roots
        .iter()
        .flat_map(|dir| {
            let values = values.get(dir).unwrap_or(&none);
            match units.of_modules.get(dir) {
                Some(units) => {
                    let each = units.iter().map(|unit| Evaluation {
                        dir,
                        chosen: values.of_unit(unit, of_units.get(unit.dir.as_path())),
                        unit: Some(unit),
                    });
                    each.collect()
                }
                None => {
                    let environments = values.environments(dir).into_iter();
                    let of_environment = |chosen| Evaluation {
                        dir,
                        chosen,
                        unit: None,
                    };
                    environments.map(of_environment).collect::<Vec<_>>()
                }
            }
        })
        .collect();
    let evaluate = |Evaluation { dir, chosen, unit }: &Evaluation<'_>, allowance: &Allowance| {
        let module = modules.get(*dir).unwrap_or(&nothing);
        // Terragrunt passes inputs by the process environment, over which files of values count.
        let of_unit = unit.map(|unit| terragrunt::inputs(repo, &terragrunt, unit, allowance));
        let mut given = of_unit.unwrap_or_default();
        given.extend(given_values(repo, dir, &chosen.files, allowance));
        given.extend(commands.get(*dir).into_iter().flatten().map(cloned));
        let stated = deployed::stated_environment(&given, module);
        let run = root::Run::new(repo, &modules, dir, allowance);
        let (values, left_out) = run.evaluate(chosen.environment.clone(), given);
        let by = chosen.by.map(Path::to_path_buf);
        let values = RootValues {
            stated,
            only: chosen.only.clone(),
            by,
            unit: unit.map(|unit| unit.dir.clone()),
            ..values
        };
        (values, left_out)
    };
    let mut budget = budget(repo, &parsed);
    let evaluated = budget.spread(&each, (SMALL, LARGE), evaluate);
    let mut problems = parsed.problems;
    let mut by_dir: BTreeMap<&Path, Vec<RootValues>> = BTreeMap::new();
    for (Evaluation { dir, .. }, (values, left_out)) in each.iter().zip(evaluated) {
        by_dir.entry(dir).or_default().push(values);
        for problem in left_out {
            if !problems.contains(&problem) {
                problems.push(problem);
            }
        }
    }
    let tree = deployed::Tree {
        repo,
        modules: &modules,
        units: &units,
    };
    let evaluated = roots
        .iter()
        .map(|dir| {
            let values = values.get(dir).unwrap_or(&none);
            let module = modules.get(dir).unwrap_or(&nothing);
            Root {
                dir: dir.clone(),
                environments: by_dir.remove(dir.as_path()).unwrap_or_default(),
                signs: deployed::signs(tree, module, values),
                defaults: module.defaults(),
                open_defaults: deployed::open_defaults(tree, module, values),
            }
        })
        .collect();
    Terraform {
        roots: evaluated,
        files: parsed
            .modules
            .iter()
            .chain(&parsed.values)
            .map(|file| file.path.clone())
            .collect(),
        problems,
        misplaced: parsed.modules.iter().flat_map(misplaced).collect(),
        claimed: parsed.claimed,
        misnamed: parsed.misnamed,
    }
}

/// Block types that are allowed at the top of a file, and their number of labels; `None` is not checked.
/// Source: Terraform's documentation, "Terraform language: blocks".
const TOP: &[(&str, Option<usize>)] = &[
    ("resource", Some(2)),
    ("data", Some(2)),
    ("ephemeral", Some(2)),
    ("action", None),
    ("list", None),
    ("variable", Some(1)),
    ("output", Some(1)),
    ("module", Some(1)),
    ("provider", Some(1)),
    ("check", Some(1)),
    ("locals", Some(0)),
    ("terraform", Some(0)),
    ("moved", Some(0)),
    ("removed", Some(0)),
    ("import", Some(0)),
    ("language", None),
];

fn misplaced(file: &parse::File) -> Vec<Misplaced> {
    // JSON has other rules at its top, and comments with any name.
    if matches!(file.content, parse::Content::Json(_)) {
        return Vec::new();
    }
    let found = |key: &cofferdam_syntax::tree::Key, span, problem| Misplaced {
        path: file.path.clone(),
        span,
        name: key.text.to_string(),
        problem,
    };
    file.body()
        .items()
        .iter()
        .filter_map(|item| match item {
            parse::Item::Attribute(key, _) => {
                let problem = format!("`{}` is outside any block", key.text);
                Some(found(key, key.span, problem))
            }
            parse::Item::Block(block) => {
                let name = &*block.kind.text;
                let problem = match TOP.iter().find(|(known, _)| *known == name) {
                    Some((_, Some(labels))) if *labels != block.labels.len() => {
                        format!(
                            "a `{name}` block takes {labels} {}, and this has {}",
                            if *labels == 1 { "label" } else { "labels" },
                            block.labels.len()
                        )
                    }
                    Some(_) => return None,
                    None => format!("`{name}` is not a type of block"),
                };
                Some(found(&block.kind, block.header, problem))
            }
        })
        .collect()
}

fn cloned((name, value): (&String, &Node)) -> (String, Node) {
    (name.clone(), value.clone())
}

/// A root and one of its environments, or one unit of Terragrunt that deploys it.
struct Evaluation<'p> {
    dir: &'p Path,
    chosen: vars::Chosen<'p>,
    unit: Option<&'p generated::UnitAt>,
}

/// What the evaluation of nearly every root costs less than.
const SMALL: Cost = Cost {
    steps: 400_000,
    bytes: 32 << 20,
};

/// What the evaluation of one root in one environment may cost: far more than any real one needs.
const LARGE: Cost = Cost {
    steps: 4_000_000,
    bytes: 256 << 20,
};

/// What all evaluations may cost. A large tree may cost more than a small one.
fn budget(repo: &Repo, parsed: &Parsed) -> Budget {
    let text = |file: &parse::File| Some(repo.text(&file.path)?.len() as u64);
    let written: u64 = parsed.modules.iter().chain(&parsed.values).filter_map(text).sum();
    Budget::new(Cost {
        steps: 16_000_000 + 20 * written,
        bytes: (384 << 20) + 50 * written,
    })
}

/// Values that value files give to a root's variables; they are literals.
fn given_values(
    repo: &Repo,
    dir: &Path,
    files: &[&parse::File],
    allowance: &Allowance,
) -> BTreeMap<String, Node> {
    let (nothing, empty) = (BTreeMap::new(), module::Module::default());
    let run = root::Run::new(repo, &nothing, dir, allowance);
    let instance = Rc::new(module::Instance::root(&empty, BTreeMap::new()));
    let scope = eval::Scope {
        run: &run,
        instance: &instance,
        bind: None,
    };
    let mut given: BTreeMap<String, Node> = BTreeMap::new();
    for file in files {
        for item in file.body().items() {
            if let parse::Item::Attribute(key, expr) = item {
                let mut value = scope.value(expr);
                if let Some(other) = given.get(&*key.text) {
                    value = repo.sources.chains().tree_over(value, other.span);
                }
                given.insert(key.text.to_string(), value);
            }
        }
    }
    given
}

/// Directories that no other module calls; of modules that only call each other, the first.
fn find_roots(repo: &Repo, modules: &BTreeMap<PathBuf, module::Module<'_>>) -> Vec<PathBuf> {
    let calls = |dir: &Path| -> Vec<PathBuf> {
        let Some(module) = modules.get(dir) else {
            return Vec::new();
        };
        module.local_calls()
    };
    let called: BTreeSet<PathBuf> = modules.keys().flat_map(|dir| calls(dir)).collect();
    // Behind a link to a directory are files that also exist elsewhere.
    let is_root = |dir: &PathBuf| !called.contains(dir) && !repo.is_below_link(dir);
    let mut roots: Vec<PathBuf> = modules.keys().filter(|dir| is_root(dir)).cloned().collect();
    let mut reached: BTreeSet<PathBuf> = BTreeSet::new();
    let mut open = roots.clone();
    let mut rest = modules.keys();
    loop {
        while let Some(dir) = open.pop() {
            if reached.insert(dir.clone()) {
                open.extend(calls(&dir));
            }
        }
        let Some(dir) = rest.find(|dir| !reached.contains(*dir) && !repo.is_below_link(dir)) else {
            break;
        };
        roots.push(dir.clone());
        open.push(dir.clone());
    }
    roots.sort();
    roots
}

/// Directories that only hold files to which links in other directories lead.
fn stores<'f>(repo: &Repo, files: &'f [parse::File]) -> BTreeSet<&'f Path> {
    let lent: BTreeSet<&Path> = repo
        .links
        .iter()
        // A link to the whole directory takes nothing out of it.
        .filter(|(link, real)| link.parent() != real.parent() && !repo.is_below_link(link))
        .map(|(_, real)| real.as_path())
        .collect();
    let files = || {
        files
            .iter()
            .filter_map(|file| Some((file.path.parent()?, file.path.as_path())))
    };
    let own: BTreeSet<&Path> = files()
        .filter(|(_, path)| !lent.contains(path))
        .map(|(dir, _)| dir)
        .collect();
    files()
        .map(|(dir, _)| dir)
        .filter(|dir| !own.contains(dir))
        .collect()
}
