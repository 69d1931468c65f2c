//! Finds the files of Terraform by name and content, and reads them.

use super::parse;
use cofferdam_syntax::Span;
use cofferdam_syntax::repo::{Repo, Unreadable};
use cofferdam_syntax::yaml::Stream;
use rayon::prelude::*;
use std::collections::BTreeSet;
use std::path::PathBuf;

/// What a file is to Terraform.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Module,
    Values,
}

/// The files of Terraform in a tree.
pub(super) struct Parsed {
    pub(super) modules: Vec<parse::File>,
    pub(super) values: Vec<parse::File>,
    pub(super) problems: Vec<Unreadable>,
    pub(super) claimed: BTreeSet<PathBuf>,
    pub(super) misnamed: Vec<(PathBuf, Span)>,
}

fn role(name: &str) -> Option<Role> {
    let name = name.to_ascii_lowercase();
    if name.ends_with(".tfvars") || name.ends_with(".tfvars.json") {
        Some(Role::Values)
    } else if name.ends_with(".tf") || name.ends_with(".tf.json") {
        Some(Role::Module)
    } else {
        None
    }
}

/// Reads every file of Terraform.
pub(super) fn parse_all(repo: &Repo) -> Parsed {
    let mut out = Parsed {
        modules: Vec::new(),
        values: Vec::new(),
        problems: Vec::new(),
        claimed: BTreeSet::new(),
        misnamed: Vec::new(),
    };
    // Files that are HCL by name, and files that are HCL by content although the name says otherwise.
    let mut candidates: Vec<(&PathBuf, Option<Role>)> = Vec::new();
    for (path, stream) in &repo.yaml {
        let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default();
        let Some(role) = role(name) else {
            if no_yaml(stream) && repo.text(path).is_some_and(parse::looks_like_terraform) {
                candidates.push((path, None));
            }
            continue;
        };
        out.claimed.insert(path.clone());
        out.problems.extend(stream.errors.iter().map(|error| Unreadable {
            path: path.clone(),
            span: Some(error.span),
            message: error.message.clone(),
        }));
        if let Some(document) = stream.documents.first() {
            let file = parse::json(path, document.clone());
            match role {
                Role::Module => out.modules.push(file),
                Role::Values => out.values.push(file),
            }
        }
    }
    candidates.extend(repo.files.iter().filter_map(|(path, id)| {
        let name = path.file_name().and_then(|n| n.to_str())?;
        match role(name) {
            Some(role) => (!out.claimed.contains(path)).then_some((path, Some(role))),
            None => disguised(name, &repo.sources.file(*id).text).then_some((path, None)),
        }
    }));
    candidates.sort_by_key(|(path, _)| *path);
    let results: Vec<_> = candidates
        .into_par_iter()
        .filter_map(|(path, role)| {
            let id = repo.files.get(path)?;
            let text = &repo.sources.file(*id).text;
            Some((path, role, parse::hcl(path, *id, text)))
        })
        .collect();
    for (path, role, result) in results {
        let hidden = role.is_none();
        match result {
            Ok(file) if hidden && file.blocks().is_empty() => continue,
            Ok(file) => {
                if hidden && let Some(first) = file.blocks().first() {
                    out.misnamed.push((path.clone(), first.header));
                }
                match role {
                    Some(Role::Values) => out.values.push(file),
                    _ => out.modules.push(file),
                }
            }
            Err(problem) => out.problems.push(problem),
        }
        if hidden {
            out.claimed.insert(path.clone());
        }
    }
    out.modules.sort_by(|a, b| a.path.cmp(&b.path));
    out.values.sort_by(|a, b| a.path.cmp(&b.path));
    out
}

/// Whether a file that should be YAML is something else: it has errors, or is one piece of text.
fn no_yaml(stream: &Stream) -> bool {
    !stream.errors.is_empty() || stream.documents.iter().any(|d| d.as_str().is_some())
}

/// Whether a file with HCL's general ending has blocks that only Terraform has. Lock files, tests and Terragrunt have
/// blocks with the same names and other meanings.
fn disguised(name: &str, text: &str) -> bool {
    name.ends_with(".hcl")
        && !name.ends_with(".lock.hcl")
        && !name.contains(".tftest.")
        && !name.starts_with("terragrunt")
        && text.contains("resource \"")
        && parse::looks_like_terraform(text)
}
