//! What objects of each kind become, read the way users give them.

use crate::pipeline::Place;
use crate::repo::Repo;
use cofferdam_model::Environment;
use cofferdam_model::workload::Completeness;
use std::path::{Path, PathBuf};

/// Reads the documents of one file as whole objects.
pub(super) fn read(text: &str) -> Environment {
    read_as(text, Completeness::Whole)
}

/// The same as fragments of a template.
pub(super) fn read_fragment(text: &str) -> Environment {
    read_as(text, Completeness::Fragment)
}

/// Reads whole objects and finishes.
pub(super) fn finished(text: &str) -> Environment {
    let (repo, mut env) = read_repo(text, Completeness::Whole);
    super::finish(&repo, &mut env);
    env
}

fn read_as(text: &str, completeness: Completeness) -> Environment {
    read_repo(text, completeness).1
}

fn read_repo(text: &str, completeness: Completeness) -> (Repo, Environment) {
    let repo = Repo::from_files([(PathBuf::from("a.yaml"), text.as_bytes().to_vec())]);
    assert!(repo.unreadable.is_empty(), "{:?}", repo.unreadable);
    let mut env = Environment::default();
    let place = Place {
        repo: &repo,
        environment: "production",
        path: Path::new("a.yaml"),
        completeness,
    };
    for document in &repo.yaml[Path::new("a.yaml")].documents {
        super::interpret(document, place, &mut env);
    }
    (repo, env)
}
