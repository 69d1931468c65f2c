//! The context of a document for its reader.

use cofferdam_model::workload::Completeness;
use cofferdam_syntax::repo::Repo;
use std::path::Path;

/// The place of a document and its environment.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// All files.
    pub repo: &'a Repo,
    /// The environment for which it is read; a document without sections for environments reads the same for
    /// all.
    pub environment: &'a str,
    /// File of the document, or directory of the build.
    pub path: &'a Path,
    /// Whether missing fields are really unset.
    pub completeness: Completeness,
}
