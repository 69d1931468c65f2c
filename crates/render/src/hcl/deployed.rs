//! Whether a module that no other module calls is deployed, and which defaults of its variables are certain.

use super::generated::Units;
use super::module::Module;
use super::parse::Block;
use super::vars::ValueFiles;
use cofferdam_syntax::Span;
use cofferdam_syntax::environment;
use cofferdam_syntax::repo::Repo;
use cofferdam_syntax::tree::Node;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// A sign that somebody runs Terraform in a directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sign {
    /// A backend, or a workspace of HCP Terraform.
    Backend,
    /// A configuration of a provider.
    Provider,
    /// A file of values.
    Values,
    /// A unit of Terragrunt.
    Terragrunt,
    /// The versions of its providers, which `terraform init` writes.
    Lock,
    /// A directory that is called like an environment.
    Place,
    /// A call of a module of the tree that is not a part of it.
    Calls,
    /// No variables and no outputs: a module would have some.
    Alone,
}

/// All modules of a tree, and what else tells how they are used.
#[derive(Clone, Copy)]
pub(super) struct Tree<'t, 'a> {
    pub(super) repo: &'t Repo,
    pub(super) modules: &'t BTreeMap<PathBuf, Module<'a>>,
    pub(super) units: &'t Units,
}

/// Whether a directory is one of a library of modules, in which nobody runs Terraform.
fn is_of_library(dir: &Path) -> bool {
    let mut parts = dir.iter().filter_map(|part| part.to_str());
    parts.any(|part| part == "module" || part.ends_with("modules"))
}

/// The signs that a module is deployed.
pub(super) fn signs(tree: Tree<'_, '_>, module: &Module<'_>, values: &ValueFiles<'_>) -> BTreeSet<Sign> {
    let Tree { repo, modules, units } = tree;
    let dir = module.dir.as_path();
    let calls_another = || {
        let mut called = module.local_calls().into_iter();
        called.any(|target| modules.contains_key(&target) && !target.starts_with(dir))
    };
    let makes_something = !module.order.is_empty() || !module.calls.is_empty();
    let has_place = !is_of_library(dir) && makes_something;
    [
        (module.backend.is_some(), Sign::Backend),
        (!module.providers.is_empty(), Sign::Provider),
        (!values.is_empty(), Sign::Values),
        (units.inputs.contains_key(dir), Sign::Terragrunt),
        (repo.exists(&dir.join(".terraform.lock.hcl")), Sign::Lock),
        (has_place && environment::of_directory(dir).is_some(), Sign::Place),
        (has_place && calls_another(), Sign::Calls),
        (
            has_place && module.variables.is_empty() && module.outputs.is_empty(),
            Sign::Alone,
        ),
    ]
    .into_iter()
    .filter(|(is_there, _)| *is_there)
    .map(|(_, sign)| sign)
    .collect()
}

/// Defaults of a root's variables that a source which was not read may override. Without any sign that the root is
/// deployed, it is a module, and its callers may set any of them.
pub(super) fn open_defaults(
    tree: Tree<'_, '_>,
    module: &Module<'_>,
    values: &ValueFiles<'_>,
) -> Vec<(String, Span)> {
    let Tree { repo, units, .. } = tree;
    let is_module = signs(tree, module, values).is_empty();
    // The service that runs the plan has variables of its own.
    let is_kept_elsewhere = matches!(module.backend.as_deref(), Some("cloud" | "remote"));
    // Terraform loads a value file even if git ignores it.
    let is_ignored = values.is_empty() && repo.absent_by_design(&module.dir.join("terraform.tfvars"));
    let inputs = units.inputs.get(&module.dir);
    let all = is_module || is_kept_elsewhere || is_ignored || inputs.is_some_and(|i| !i.known);
    let set = values.unassigned();
    let defaults = module.variables.iter().filter_map(|(name, block)| {
        let default = block.body.attribute("default")?;
        let is_set = set.contains(name) || inputs.is_some_and(|i| i.names.contains(name));
        (all || is_set).then(|| (name.clone(), default.span()))
    });
    defaults.collect()
}

/// The environment that a value for it names: one that is given to a variable, or a local that is written out. The
/// default of a variable names none, since something else may be given.
pub(super) fn stated_environment(given: &BTreeMap<String, Node>, module: &Module<'_>) -> Option<String> {
    let names = ["environment", "env", "stage"];
    let variable = names
        .iter()
        .find_map(|name| environment::canonical(given.get(*name)?.as_str()?));
    let local = || {
        let literal = |name: &&str| {
            module
                .locals
                .get(*name)?
                .path()
                .filter(|text| !text.contains('.'))
        };
        names
            .iter()
            .find_map(|name| environment::canonical(&literal(name)?))
    };
    // What all calls of modules are told is so for all of it.
    let argument = || {
        let told = |block: &Block<'_>| {
            let value = names.iter().find_map(|name| block.body.attribute(name))?;
            environment::canonical(&value.path().filter(|text| !text.contains('.'))?)
        };
        let mut all = module.calls.values().map(told);
        let first = all.next()??;
        all.all(|other| other == Some(first)).then_some(first)
    };
    variable.or_else(local).or_else(argument).map(str::to_owned)
}
