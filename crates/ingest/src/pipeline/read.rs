//! The second stage: every document is given to the reader of its format, once, or once for each environment that it
//! has sections for. What holds in several environments is read here and shared later.

use super::Universe;
use super::builds::{Holder, Piece, Sources};
use super::formats::{self, Documents};
use crate::context::Place;
use crate::merge::{Merger, Rank};
use cofferdam_model::secrets::SecretLiteral;
use cofferdam_model::workload::Completeness;
use cofferdam_model::{Parts, ProjectId};
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// What a run of documents with one holder says.
pub(super) struct Group<'a> {
    /// Where it holds.
    pub(super) holder: Holder<'a>,
    /// What is the same for every environment.
    pub(super) parts: Parts,
    /// What documents with sections for environments say in each.
    pub(super) by_environment: BTreeMap<String, Parts>,
}

/// All documents, read.
pub(super) struct Documented<'a> {
    /// Groups in the order of their precedence.
    pub(super) groups: Vec<Group<'a>>,
    /// The format of each file of which a document was read.
    pub(super) formats: Vec<(&'a Path, &'static str)>,
}

/// How many documents are merged in one piece of work.
const CHUNK: usize = 64;

/// Reads all documents. `environments` are those of the platform.
pub(super) fn documents<'a>(
    sources: &'a Sources<'a>,
    pieces: &[Piece<'a>],
    universes: &[Universe],
) -> Documented<'a> {
    let chunks: Vec<&[Piece<'a>]> = pieces
        .chunk_by(|a, b| a.holder == b.holder)
        .flat_map(|run| run.chunks(CHUNK))
        .collect();
    let read: Vec<(Group<'a>, Vec<(&Path, &'static str)>)> = chunks
        .into_par_iter()
        .map(|chunk| of_chunk(sources, chunk, universes))
        .collect();
    let mut all = Documented {
        groups: Vec::with_capacity(read.len()),
        formats: Vec::new(),
    };
    for (group, formats) in read {
        all.groups.push(group);
        all.formats.extend(formats);
    }
    all
}

fn of_chunk<'a>(
    sources: &'a Sources<'a>,
    chunk: &[Piece<'a>],
    universes: &[Universe],
) -> (Group<'a>, Vec<(&'a Path, &'static str)>) {
    let holder = chunk.first().map_or_else(Holder::default, |piece| piece.holder);
    let environment = holder.environment;
    let environments: BTreeSet<&str> = (universes.iter())
        .filter(|u| u.project == holder.project)
        .map(|u| u.name.as_str())
        .collect();
    let rank = rank(environment);
    let mut merger = Merger::default();
    let mut varying: BTreeMap<String, Merger> = BTreeMap::new();
    let mut formats = Vec::new();
    for piece in chunk {
        let place = |environment| Place {
            repo: sources.repo,
            environment,
            path: piece.path,
            completeness: piece.completeness,
        };
        let here = place(environment.unwrap_or(""));
        let Some((format, reader)) = formats::of_document(piece.node, here) else {
            continue;
        };
        let mut spoke = !reader.by_content;
        if environment.is_none() && varies(piece, reader) {
            for name in &environments {
                let parts = (reader.read)(piece.node, place(name));
                spoke |= !parts.is_empty();
                varying.entry((*name).to_owned()).or_default().add(parts, rank);
            }
        } else {
            let parts = (reader.read)(piece.node, here);
            spoke |= !parts.is_empty();
            merger.add(parts, rank);
        }
        if spoke {
            formats.push((piece.path, format.name));
        }
    }
    let finish = |merger: Merger| {
        let mut parts = merger.finish();
        if let Some(deployment) = holder.deployment {
            parts.set_deployment(deployment);
        }
        parts
    };
    let group = Group {
        holder,
        parts: finish(merger),
        by_environment: varying
            .into_iter()
            .map(|(name, merger)| (name, finish(merger)))
            .collect(),
    };
    (group, formats)
}

fn rank(environment: Option<&str>) -> Rank {
    if environment.is_some() {
        Rank::Specific
    } else {
        Rank::Shared
    }
}

/// Whether a document says different things in different environments.
fn varies(piece: &Piece<'_>, reader: &Documents) -> bool {
    !(reader.environments)(piece.node, piece.path).is_empty() || (reader.has_sections)(piece.node)
}

/// A text with the environment that it is for.
pub(super) struct TextParts {
    pub(super) project: ProjectId,
    pub(super) environment: Option<String>,
    pub(super) parts: Parts,
}

/// Reads all files of flat settings, those for all environments first. What a build puts into a ConfigMap belongs to
/// the users of the ConfigMap, not to the directory.
pub(super) fn texts<'a>(sources: &'a Sources<'a>) -> (Vec<TextParts>, Vec<(&'a Path, &'static str)>) {
    let mut read: Vec<TextParts> = Vec::new();
    let mut formats = Vec::new();
    for (path, id) in &sources.repo.files {
        if sources.repo.is_below_link(path) {
            continue;
        }
        let Some((format, reader)) = formats::of_text(path) else {
            continue;
        };
        let environment = sources.file_environments.get(path.as_path()).cloned();
        let place = Place {
            repo: sources.repo,
            environment: environment.as_deref().unwrap_or(""),
            path,
            completeness: Completeness::Whole,
        };
        let text = &sources.repo.sources.file(*id).text;
        let Some(parts) = (reader.read)(text, *id, place) else {
            continue;
        };
        formats.push((path.as_path(), format.name));
        if sources.built.consumed.contains(path) && !sources.built.fragments.contains(path) {
            continue;
        }
        read.push(TextParts {
            project: sources.projects.of_path(path),
            environment,
            parts,
        });
    }
    read.sort_by_key(|text| text.environment.is_some());
    (read, formats)
}

/// Whether an environment is one person's machine or a test's, where a secret protects nothing.
fn is_private(environment: &str) -> bool {
    matches!(environment, "local" | "development" | "test" | "ci")
}

/// Secrets of files for environments that nothing else names: such an environment is judged nowhere, and its secrets
/// stand in clear all the same.
pub(super) fn stray_secrets(
    texts: &[TextParts],
    universe: &Universe,
    universes: &[Universe],
) -> Vec<SecretLiteral> {
    let judged = |text: &TextParts, name: &str| {
        universes
            .iter()
            .any(|u| u.project == text.project && u.name == name)
    };
    let stray = |text: &&TextParts| {
        let of = text.environment.as_ref();
        text.project == universe.project && of.is_some_and(|name| !judged(text, name) && !is_private(name))
    };
    let secrets = texts.iter().filter(stray).map(|text| &text.parts.secret_literals);
    secrets.flatten().cloned().collect()
}

/// Everything that holds in one environment, merged in the order of precedence.
pub(super) fn merged(documented: &Documented<'_>, texts: &[TextParts], universe: &Universe) -> Parts {
    let mut merger = Merger::default();
    let environment = universe.name.as_str();
    for group in documented.groups.iter().filter(|g| universe.holds(&g.holder)) {
        let rank = rank(group.holder.environment);
        merger.add(group.parts.clone(), rank);
        if let Some(parts) = group.by_environment.get(environment) {
            merger.add(parts.clone(), rank);
        }
    }
    let holds = |text: &&TextParts| {
        text.project == universe.project && text.environment.as_deref().is_none_or(|name| name == environment)
    };
    for text in texts.iter().filter(holds) {
        merger.add(text.parts.clone(), rank(text.environment.as_deref()));
    }
    merger.finish()
}

/// The environments that sections of files name, and those files.
pub(super) type Sections<'a> = BTreeMap<(ProjectId, String), BTreeSet<&'a Path>>;

/// Environments that sections of documents name. A file that is for one environment by its path names no others.
pub(super) fn sections<'a>(sources: &Sources<'_>, pieces: &[Piece<'a>]) -> Sections<'a> {
    let mut found = Sections::new();
    for piece in pieces.iter().filter(|p| p.holder.environment.is_none()) {
        let place = Place {
            repo: sources.repo,
            environment: "",
            path: piece.path,
            completeness: piece.completeness,
        };
        let reader = formats::of_document(piece.node, place).map(|(_, reader)| reader);
        let names = reader.map_or_else(Vec::new, |r| (r.environments)(piece.node, piece.path));
        for name in names {
            let files = found.entry((piece.holder.project, name)).or_default();
            files.insert(piece.path);
        }
    }
    found
}

/// Environments that documents are for by their place, where a reader knows the document.
pub(super) fn named(sources: &Sources<'_>, pieces: &[Piece<'_>]) -> BTreeSet<(ProjectId, String)> {
    let mut names: BTreeSet<(ProjectId, String)> = BTreeSet::new();
    let mut seen: BTreeSet<(ProjectId, &str)> = BTreeSet::new();
    for piece in pieces {
        let project = piece.holder.project;
        let Some(environment) = piece
            .holder
            .environment
            .filter(|name| !seen.contains(&(project, *name)))
        else {
            continue;
        };
        let place = Place {
            repo: sources.repo,
            environment,
            path: piece.path,
            completeness: piece.completeness,
        };
        let says_something = formats::of_document(piece.node, place)
            .is_some_and(|(_, reader)| !reader.by_content || !(reader.read)(piece.node, place).is_empty());
        if says_something {
            seen.insert((project, environment));
            names.insert((project, environment.to_owned()));
        }
    }
    names
}
