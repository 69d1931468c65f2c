//! From files to platform: read the tree, build what has to be built (kustomize, Terraform, charts),
//! and give every piece to the reader of its format, once for each environment it holds in.

use crate::kubernetes;
use crate::repo::{ReadError, Repo, Unreadable};
use crate::tree::Node;
use cofferdam_model::workload::Completeness;
use cofferdam_model::{Environment, Platform, UnreadableFile, link};
use rayon::prelude::*;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// What a reader is told besides the tree it reads.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// All files.
    pub repo: &'a Repo,
    /// The environment that is being filled.
    pub environment: &'a str,
    /// File of the piece, or directory of the build.
    pub path: &'a Path,
    /// Whether what is absent is really unset.
    pub completeness: Completeness,
}

/// A piece of configuration and where it holds.
#[derive(Debug)]
struct Piece {
    /// The environment it is for; `None` is all.
    environment: Option<String>,
    path: PathBuf,
    completeness: Completeness,
    node: Node,
}

/// Reads everything below `root`.
///
/// # Errors
/// [`ReadError`] when `root` cannot be opened; whatever else cannot be read is in [`Platform::reading`].
pub fn read(root: &Path) -> Result<Platform, ReadError> {
    Ok(assemble(Repo::read(root)?))
}

/// The same for files in memory: paths below an imagined root and their bytes.
pub fn read_files(files: impl IntoIterator<Item = (PathBuf, Vec<u8>)>) -> Platform {
    assemble(Repo::from_files(files))
}

fn assemble(mut repo: Repo) -> Platform {
    let mut pieces = Vec::new();
    for (path, stream) in std::mem::take(&mut repo.yaml) {
        for error in stream.errors {
            repo.unreadable.push(Unreadable {
                path: path.clone(),
                span: Some(error.span),
                message: error.message,
            });
        }
        for node in stream.documents {
            pieces.push(Piece {
                environment: None,
                path: path.clone(),
                completeness: Completeness::Whole,
                node,
            });
        }
    }
    let mut names: BTreeSet<String> = pieces.iter().filter_map(|p| p.environment.clone()).collect();
    if names.is_empty() {
        names.insert("default".to_owned());
    }
    let environments = names
        .into_iter()
        .collect::<Vec<_>>()
        .into_par_iter()
        .map(|name| {
            let mut env = Environment {
                name,
                ..Environment::default()
            };
            for piece in &pieces {
                if piece.environment.as_ref().is_none_or(|e| *e == env.name) {
                    let name = env.name.clone();
                    let place = Place {
                        repo: &repo,
                        environment: &name,
                        path: &piece.path,
                        completeness: piece.completeness,
                    };
                    interpret(&piece.node, place, &mut env);
                }
            }
            link::link(&mut env);
            env
        })
        .collect();
    let mut platform = Platform {
        environments,
        ..Platform::default()
    };
    platform.reading.passed_over = repo.passed_over.len();
    platform.reading.unreadable = repo
        .unreadable
        .into_iter()
        .map(|u| UnreadableFile {
            path: u.path,
            span: u.span,
            message: u.message,
        })
        .collect();
    platform.sources = repo.sources;
    platform
}

/// Gives a tree to the reader that knows it.
fn interpret(node: &Node, place: Place<'_>, env: &mut Environment) {
    if kubernetes::is_object(node) {
        kubernetes::interpret(node, place, env);
    }
}
