//! From files to platform: read the tree, build what has to be built (kustomize, charts, Terraform),
//! and give every piece to the reader of its format, once for each environment it holds in.
//!
//! A file is judged once: what a build consumes is judged as part of that build and nowhere else. A piece
//! that names no environment holds in all of them.

use crate::environment;
use crate::kustomize::{self, Built, Named};
use crate::repo::{ReadError, Repo, Unreadable};
use crate::tree::Node;
use cofferdam_model::delivery::{Dangling, DanglingKind};
use cofferdam_model::workload::Completeness;
use cofferdam_model::{Environment, Fact, Platform, UnreadableFile, link};
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
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

/// A tree and where it holds.
#[derive(Debug, Clone, Copy)]
struct Piece<'a> {
    /// The environment it is for; `None` is all.
    environment: Option<&'a str>,
    path: &'a Path,
    completeness: Completeness,
    node: &'a Node,
}

/// Everything that stands between the files and the model.
struct Sources<'a> {
    repo: &'a Repo,
    built: Built,
    /// The environment of each file whose path names one.
    file_environments: BTreeMap<&'a Path, String>,
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

fn assemble(repo: Repo) -> Platform {
    let mut platform = Platform::default();
    let file_environments = repo
        .files
        .keys()
        .filter_map(|p| Some((p.as_path(), environment::of_path(p)?)))
        .collect();
    let sources = Sources {
        built: kustomize::build(&repo),
        repo: &repo,
        file_environments,
    };
    let pieces = pieces(&sources);
    platform.environments = names(&sources, &pieces)
        .into_par_iter()
        .map(|name| {
            let mut env = Environment {
                name,
                ..Environment::default()
            };
            fill(&sources, &pieces, &mut env);
            link::link(&mut env);
            env
        })
        .collect();
    report_reading(&sources, &pieces, &mut platform);
    platform.sources = repo.sources;
    platform
}

/// Every tree with the environment it holds in.
fn pieces<'a>(sources: &'a Sources<'a>) -> Vec<Piece<'a>> {
    let mut pieces = Vec::new();
    for build in &sources.built.builds {
        let completeness = if build.complete {
            Completeness::Whole
        } else {
            Completeness::Fragment
        };
        for node in &build.objects {
            pieces.push(Piece {
                environment: build.environment.as_deref(),
                path: &build.dir,
                completeness,
                node,
            });
        }
    }
    for (path, stream) in &sources.repo.yaml {
        let consumed = sources.built.consumed.contains(path);
        let fragment = sources.built.fragments.contains(path);
        if consumed && !fragment {
            continue;
        }
        let completeness = if fragment {
            Completeness::Fragment
        } else {
            Completeness::Whole
        };
        let environment = sources.file_environments.get(path.as_path()).map(String::as_str);
        for node in &stream.documents {
            pieces.push(Piece {
                environment,
                path,
                completeness,
                node,
            });
        }
    }
    pieces
}

/// The environments that anything names; one called `default` where nothing does.
fn names(_sources: &Sources<'_>, pieces: &[Piece<'_>]) -> Vec<String> {
    let mut names: BTreeSet<String> = pieces
        .iter()
        .filter(|p| is_configuration(p.node))
        .filter_map(|p| p.environment.map(str::to_owned))
        .collect();
    if names.is_empty() {
        names.insert("default".to_owned());
    }
    names.into_iter().collect()
}

/// Gives everything that holds in `env` to the readers.
fn fill(sources: &Sources<'_>, pieces: &[Piece<'_>], env: &mut Environment) {
    let name = env.name.clone();
    for piece in pieces.iter().filter(|p| p.environment.is_none_or(|e| e == name)) {
        let place = Place {
            repo: sources.repo,
            environment: &name,
            path: piece.path,
            completeness: piece.completeness,
        };
        interpret(piece.node, place, env);
    }
    for dangling in &sources.built.dangling {
        env.dangling.push(Dangling {
            subject: format!(
                "kustomization {}",
                sources.repo.sources.path(dangling.span.file).display()
            ),
            kind: match dangling.what {
                Named::File => DanglingKind::File,
                _ => DanglingKind::PatchTarget,
            },
            name: Fact::declared(dangling.name.clone(), dangling.span),
            nearest: dangling.nearest.clone(),
            certain: true,
        });
    }
}

/// Gives a tree to the reader that knows it.
fn interpret(_node: &Node, _place: Place<'_>, _env: &mut Environment) {}

/// Whether some reader knows what this tree is.
fn is_configuration(node: &Node) -> bool {
    format_of(node).is_some()
}

/// The name of a tree's format for the summary; `None` for what no reader knows.
fn format_of(node: &Node) -> Option<&'static str> {
    if node.get("apiVersion").is_some() && node.get("kind").is_some() {
        return Some("Kubernetes");
    }
    None
}

/// Fills in what was read and what was not.
fn report_reading(sources: &Sources<'_>, pieces: &[Piece<'_>], platform: &mut Platform) {
    let mut formats: BTreeMap<&Path, &str> = BTreeMap::new();
    for piece in pieces {
        if let Some(format) = format_of(piece.node) {
            formats.insert(piece.path, format);
        }
    }
    for path in &sources.built.consumed {
        formats.insert(path, "kustomize");
    }
    for build in &sources.built.builds {
        formats.remove(build.dir.as_path());
    }
    let reading = &mut platform.reading;
    for format in formats.values() {
        *reading.formats.entry((*format).to_owned()).or_default() += 1;
    }
    let files = sources.repo.files.len() + sources.repo.passed_over.len();
    reading.passed_over = files.saturating_sub(formats.len());
    let unreadable = |u: &Unreadable| UnreadableFile {
        path: u.path.clone(),
        span: u.span,
        message: u.message.clone(),
    };
    reading
        .unreadable
        .extend(sources.repo.unreadable.iter().map(unreadable));
    reading.unreadable.extend(
        sources
            .built
            .builds
            .iter()
            .filter_map(|b| b.failed.as_ref())
            .map(unreadable),
    );
    for (path, stream) in &sources.repo.yaml {
        let text = sources.repo.text(path).unwrap_or("");
        for error in stream
            .errors
            .iter()
            .filter(|_| looks_like_configuration(path, text))
        {
            reading.unreadable.push(UnreadableFile {
                path: path.clone(),
                span: Some(error.span),
                message: error.message.clone(),
            });
        }
    }
    reading
        .unreadable
        .sort_by(|a, b| (&a.path, a.span).cmp(&(&b.path, b.span)));
    reading.notes.extend(sources.built.notes.iter().map(unreadable));
    reading
        .notes
        .sort_by(|a, b| (&a.path, a.span).cmp(&(&b.path, b.span)));
}

/// Whether a YAML or JSON file that cannot be read is likely to be platform configuration; anything else
/// (a document with its own tags, a template of some other tool) is passed over.
fn looks_like_configuration(path: &Path, text: &str) -> bool {
    let hidden_tool = path
        .iter()
        .any(|p| matches!(p.to_str(), Some(".github" | ".vscode" | ".idea" | ".circleci")));
    let is_template = text.contains("{{") || text.contains("{%");
    let marks = [
        "apiVersion:",
        "kind:",
        "replicas",
        "containers:",
        "env_vars",
        "environments:",
        "kafka",
        "deployment",
        "services:",
    ];
    !hidden_tool && !is_template && marks.iter().any(|mark| text.contains(mark))
}
