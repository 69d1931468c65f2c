//! Whether a module that no other module calls is deployed, and which defaults of its variables are certain.

use super::generated::Units;
use super::module::Module;
use super::vars::ValueFiles;
use cofferdam_syntax::Span;
use cofferdam_syntax::repo::Repo;
use std::collections::BTreeSet;

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
}

/// The signs that a module is deployed.
pub(super) fn signs(module: &Module<'_>, values: &ValueFiles<'_>, units: &Units) -> BTreeSet<Sign> {
    [
        (module.backend.is_some(), Sign::Backend),
        (!module.providers.is_empty(), Sign::Provider),
        (!values.is_empty(), Sign::Values),
        (units.inputs.contains_key(&module.dir), Sign::Terragrunt),
    ]
    .into_iter()
    .filter(|(is_there, _)| *is_there)
    .map(|(_, sign)| sign)
    .collect()
}

/// Defaults of a root's variables that a source which was not read may override. Without any sign that the root is
/// deployed, it is a module, and its callers may set any of them.
pub(super) fn open_defaults(
    repo: &Repo,
    module: &Module<'_>,
    values: &ValueFiles<'_>,
    units: &Units,
) -> Vec<(String, Span)> {
    let is_module = signs(module, values, units).is_empty();
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
