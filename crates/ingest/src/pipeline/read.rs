//! The second stage: every document is given to the reader of its format, once, or once for each environment that it
//! has sections for. What holds in several environments is read here and shared later.

use super::builds::{Piece, Sources};
use super::formats::{self, Documents};
use crate::context::Place;
use crate::merge::{Merger, Rank};
use cofferdam_model::Parts;
use cofferdam_model::workload::Completeness;
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// What a run of documents with one holder says.
pub(super) struct Group {
    /// The environment that it holds in; `None` is all.
    pub(super) environment: Option<String>,
    /// What is the same for every environment.
    pub(super) parts: Parts,
    /// What documents with sections for environments say in each.
    pub(super) by_environment: BTreeMap<String, Parts>,
}

/// All documents, read.
pub(super) struct Documented<'a> {
    /// Groups in the order of their precedence.
    pub(super) groups: Vec<Group>,
    /// The format of each file of which a document was read.
    pub(super) formats: Vec<(&'a Path, &'static str)>,
}

/// How many documents are merged in one piece of work.
const CHUNK: usize = 64;

/// Reads all documents. `environments` are those of the platform.
pub(super) fn documents<'a>(
    sources: &'a Sources<'a>,
    pieces: &[Piece<'a>],
    environments: &[String],
) -> Documented<'a> {
    let chunks: Vec<&[Piece<'a>]> = pieces
        .chunk_by(|a, b| a.environment == b.environment)
        .flat_map(|run| run.chunks(CHUNK))
        .collect();
    let read: Vec<(Group, Vec<(&Path, &'static str)>)> = chunks
        .into_par_iter()
        .map(|chunk| of_chunk(sources, chunk, environments))
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
    environments: &[String],
) -> (Group, Vec<(&'a Path, &'static str)>) {
    let environment = chunk.first().and_then(|piece| piece.environment);
    let rank = rank(environment);
    let mut merger = Merger::new();
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
            for name in environments {
                let parts = (reader.read)(piece.node, place(name));
                spoke |= !parts.is_empty();
                varying.entry(name.clone()).or_default().add(parts, rank);
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
    let group = Group {
        environment: environment.map(str::to_owned),
        parts: merger.finish(),
        by_environment: varying
            .into_iter()
            .map(|(name, merger)| (name, merger.finish()))
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
    pub(super) environment: Option<String>,
    pub(super) parts: Parts,
}

/// Reads all files of flat settings, those for all environments first. What a build puts into a ConfigMap belongs to
/// the users of the ConfigMap, not to the directory.
pub(super) fn texts<'a>(sources: &'a Sources<'a>) -> (Vec<TextParts>, Vec<(&'a Path, &'static str)>) {
    let mut read: Vec<TextParts> = Vec::new();
    let mut formats = Vec::new();
    for (path, id) in &sources.repo.files {
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
        read.push(TextParts { environment, parts });
    }
    read.sort_by_key(|text| text.environment.is_some());
    (read, formats)
}

/// Everything that holds in one environment, merged in the order of precedence.
pub(super) fn merged(documented: &Documented<'_>, texts: &[TextParts], environment: &str) -> Parts {
    let mut merger = Merger::new();
    let holds = |of: &Option<String>| of.as_deref().is_none_or(|name| name == environment);
    for group in documented.groups.iter().filter(|g| holds(&g.environment)) {
        let rank = rank(group.environment.as_deref());
        merger.add(group.parts.clone(), rank);
        if let Some(parts) = group.by_environment.get(environment) {
            merger.add(parts.clone(), rank);
        }
    }
    for text in texts.iter().filter(|t| holds(&t.environment)) {
        merger.add(text.parts.clone(), rank(text.environment.as_deref()));
    }
    merger.finish()
}

/// Names of environments that documents have sections for.
pub(super) fn sections(sources: &Sources<'_>, pieces: &[Piece<'_>]) -> BTreeSet<String> {
    let shared = pieces.iter().filter(|p| p.environment.is_none());
    shared
        .filter_map(|piece| {
            let place = Place {
                repo: sources.repo,
                environment: "",
                path: piece.path,
                completeness: piece.completeness,
            };
            let (_, reader) = formats::of_document(piece.node, place)?;
            Some((reader.environments)(piece.node, piece.path))
        })
        .flatten()
        .collect()
}

/// Environments that documents are for by their place, where a reader knows the document.
pub(super) fn named(sources: &Sources<'_>, pieces: &[Piece<'_>]) -> BTreeSet<String> {
    let mut names: BTreeSet<String> = BTreeSet::new();
    for piece in pieces {
        let Some(environment) = piece.environment.filter(|name| !names.contains(*name)) else {
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
            names.insert(environment.to_owned());
        }
    }
    names
}
