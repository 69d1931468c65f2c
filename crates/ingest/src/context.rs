//! What a reader is told besides the document it reads.

use cofferdam_model::workload::Completeness;
use cofferdam_syntax::repo::Repo;
use std::path::Path;

/// Where a document stands and for whom it is read.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// All files.
    pub repo: &'a Repo,
    /// The environment that it is read for; a document without sections for environments reads the same for all.
    pub environment: &'a str,
    /// File of the document, or directory of the build.
    pub path: &'a Path,
    /// Whether what is absent is really unset.
    pub completeness: Completeness,
}
