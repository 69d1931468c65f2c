//! Units of Terragrunt: one module, deployed with the inputs of one directory. Inputs are evaluated like values of
//! Terraform, with the functions that only Terragrunt has. What a dependency gives, or a command, is not known.

use super::eval::Scope;
use super::generated::UnitAt;
use super::module::{Instance, Module};
use super::parse::File;
use super::root::Run;
use super::value::{Eval, unknown, wrong};
use crate::budget::Allowance;
use cofferdam_syntax::Span;
use cofferdam_syntax::environment;
use cofferdam_syntax::repo::{Repo, normalise};
use cofferdam_syntax::tree::{Key, Map, Node};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// Levels of files that read one another.
const MAX_DEEP: usize = 8;

/// Functions that only Terragrunt has.
pub(super) const FUNCTIONS: &[&str] = &[
    "find_in_parent_folders",
    "read_terragrunt_config",
    "get_terragrunt_dir",
    "get_original_terragrunt_dir",
    "get_parent_terragrunt_dir",
    "get_repo_root",
    "get_path_to_repo_root",
    "path_relative_to_include",
];

/// The files of Terragrunt as modules, by their paths: only their locals and their inputs are looked at.
pub(super) fn modules<'f>(files: &'f BTreeMap<PathBuf, File>) -> BTreeMap<PathBuf, Module<'f>> {
    let read = files.iter().map(|(path, file)| {
        let mut module = Module::default();
        module.add(file);
        module.dir = path.parent().unwrap_or(Path::new("")).to_path_buf();
        module.inputs = file.body().attribute("inputs");
        // Names of blocks that only Terragrunt has are not declared like those of Terraform.
        module.incomplete = true;
        (path.clone(), module)
    });
    read.collect()
}

/// The environments that the paths of units name: a directory on the way is called for one (`prod`, `bors-prod`), and a
/// directory beside it, also with units, for another one.
pub(super) fn environments<'u>(units: impl Iterator<Item = &'u UnitAt>) -> BTreeMap<&'u Path, String> {
    let named = |dir: &Path| {
        let name = dir.file_name()?.to_str()?;
        environment::canonical(name).or_else(|| environment::of_name(name))
    };
    let dirs: Vec<&Path> = units.map(|unit| unit.dir.as_path()).collect();
    let mut beside: BTreeMap<&Path, BTreeSet<&str>> = BTreeMap::new();
    for above in dirs.iter().flat_map(|dir| dir.ancestors()) {
        if let (Some(parent), Some(name)) = (above.parent(), named(above)) {
            beside.entry(parent).or_default().insert(name);
        }
    }
    let of = |dir: &Path| {
        let is_shown = |above: &Path| {
            above
                .parent()
                .is_some_and(|p| beside.get(p).is_some_and(|n| n.len() > 1))
        };
        let name = dir.ancestors().filter(|above| is_shown(above)).find_map(named);
        name.map(str::to_owned)
    };
    dirs.into_iter().filter_map(|dir| Some((dir, of(dir)?))).collect()
}

/// The values that a unit gives to the variables of its module.
pub(super) fn inputs<'w>(
    repo: &'w Repo,
    modules: &'w BTreeMap<PathBuf, Module<'w>>,
    unit: &'w UnitAt,
    allowance: &'w Allowance,
) -> BTreeMap<String, Node> {
    let run = Run::new(repo, modules, &unit.dir, allowance);
    let mut given: BTreeMap<String, Node> = BTreeMap::new();
    // The unit's own file comes first, and counts over those that it includes; of these the last one counts.
    let (own, included) = unit
        .files
        .split_first()
        .map_or((None, &[][..]), |(own, rest)| (Some(own), rest));
    for path in included.iter().chain(own) {
        let Some(module) = modules.get(path) else { continue };
        let instance = Rc::new(Instance::root(module, BTreeMap::new()));
        let scope = Scope {
            run: &run,
            instance: &instance,
            bind: None,
        };
        let Some(inputs) = module.inputs.map(|inputs| scope.value(inputs)) else {
            continue;
        };
        for (key, value) in inputs.entries() {
            let value = match given.get(&*key.text) {
                Some(other) => repo.sources.chains().tree_over(value.clone(), other.span),
                None => value.clone(),
            };
            given.insert(key.text.to_string(), value);
        }
    }
    given
}

impl Scope<'_, '_> {
    /// A function of Terragrunt.
    pub(super) fn terragrunt_function(self, name: &str, args: &[Node], span: Span) -> Eval {
        let unit = self.run.root_dir();
        let file = self.instance.module.dir.as_path();
        let text = |path: String| Ok(Node::text(&path, span));
        match name {
            "get_terragrunt_dir" | "get_original_terragrunt_dir" => text(format!("/{}", unit.display())),
            "get_parent_terragrunt_dir" => text(format!("/{}", file.display())),
            "get_repo_root" | "get_path_to_repo_root" => text(String::new()),
            "path_relative_to_include" => match unit.strip_prefix(file) {
                Ok(path) => text(path.display().to_string()),
                Err(_) => Ok(unknown(
                    "a unit that is not below the file that it includes",
                    span,
                )),
            },
            "find_in_parent_folders" => {
                let name = args.first().map_or(Some("terragrunt.hcl"), Node::as_str);
                let Some(name) = name else {
                    return Ok(unknown("the name of a file that is not known", span));
                };
                let mut above = unit.ancestors().skip(1).map(|dir| dir.join(name));
                match above.find(|path| self.run.repo().files.contains_key(path)) {
                    Some(path) => text(format!("/{}", path.display())),
                    None => Ok(args
                        .get(1)
                        .cloned()
                        .unwrap_or_else(|| unknown(format!("no {name} above was read"), span))),
                }
            }
            _ => self.read_config(args, span),
        }
    }

    /// `read_terragrunt_config(FILE)`: the locals and inputs of another file.
    fn read_config(self, args: &[Node], span: Span) -> Eval {
        let Some(first) = args.first() else {
            return wrong("read_terragrunt_config() takes a path");
        };
        let Some(path) = first.as_str() else {
            return Ok(unknown("the path of a file that is not known", span));
        };
        let path = match path.strip_prefix('/') {
            Some(from_root) => normalise(Path::new(from_root.trim_start_matches('/'))),
            None => normalise(&self.instance.module.dir.join(path)),
        };
        let (Some(module), Some(_deeper)) = (self.run.module(&path), self.run.enter(MAX_DEEP)) else {
            let other = args.get(1).cloned();
            let why = || unknown(format!("the file {} was not read", path.display()), span);
            return Ok(other.unwrap_or_else(why));
        };
        let instance = Rc::new(Instance::root(module, BTreeMap::new()));
        let scope = Scope {
            run: self.run,
            instance: &instance,
            bind: None,
        };
        let mut locals = Map::default();
        for (name, expr) in &module.locals {
            let value = scope.value(*expr);
            self.run.make(1);
            locals.insert(Key::new(name, expr.span()), value);
        }
        let mut config = Map::default();
        config.insert(Key::new("locals", span), Node::map(locals, span));
        if let Some(inputs) = module.inputs {
            config.insert(Key::new("inputs", span), scope.value(inputs));
        }
        Ok(Node::map(config, span))
    }
}
