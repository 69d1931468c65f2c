//! The second stage: every document is given to the reader of its format, once, or once for each environment that it
//! has sections for. What holds in several environments is read here and shared later.

use super::Universe;
use super::formats::{self, Documents};
use super::sources::{Holder, Piece, Sources};
use crate::context::Place;
use crate::merge::{Merger, Rank};
use cofferdam_model::secrets::SecretLiteral;
use cofferdam_model::workload::Completeness;
use cofferdam_model::{Parts, ProjectId};
use cofferdam_syntax::hash::HashMap;
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

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

/// Reads all files of flat settings. What a build puts into a ConfigMap belongs to
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
    (read, formats)
}

/// Whether an environment is one person's machine or a test's, where a secret protects nothing.
fn is_private(environment: &str) -> bool {
    matches!(environment, "local" | "development" | "test" | "ci")
}

/// What one environment of one project consists of.
#[derive(Default)]
pub(super) struct Share {
    /// Parts in the order of their precedence. What several environments use is shared until each takes its copy; the
    /// last one takes the parts themselves.
    parts: Vec<(Rank, Arc<Parts>)>,
    /// Secrets of files for environments that nothing else names. No such environment is judged, but its secrets are
    /// still written in clear.
    stray_secrets: Arc<Vec<SecretLiteral>>,
}

impl Share {
    /// Merges the parts in the order of their precedence.
    pub(super) fn merge(self) -> Parts {
        let mut merger = Merger::for_parts(self.parts.iter().map(|(rank, parts)| (*rank, &**parts)));
        for (rank, parts) in self.parts {
            merger.add(Arc::unwrap_or_clone(parts), rank);
        }
        let mut merged = merger.finish();
        merged.secret_literals.extend(self.stray_secrets.iter().cloned());
        merged
    }
}

/// The share of each of `universes`, in their order. Each part is offered to the environments of its own project only:
/// offering all parts to all environments would cost their product.
pub(super) fn shares(groups: Vec<Group<'_>>, texts: Vec<TextParts>, universes: &[Universe]) -> Vec<Share> {
    let mut shares: Vec<Share> = universes.iter().map(|_| Share::default()).collect();
    let mut of_project: HashMap<ProjectId, Vec<usize>> = HashMap::default();
    for (at, universe) in universes.iter().enumerate() {
        of_project.entry(universe.project).or_default().push(at);
    }
    let here = |project: ProjectId| of_project.get(&project).map_or(&[][..], Vec::as_slice);
    for mut group in groups {
        let rank = rank(group.holder.environment);
        let parts = Arc::new(group.parts);
        let holding: Vec<usize> = (here(group.holder.project).iter().copied())
            .filter(|at| universes[*at].holds(&group.holder))
            .collect();
        for at in &holding {
            shares[*at].parts.push((rank, Arc::clone(&parts)));
        }
        let mut sections: HashMap<&str, Arc<Parts>> = HashMap::default();
        for at in holding {
            let name = universes[at].name.as_str();
            if let Some(parts) = group.by_environment.remove(name) {
                sections.insert(name, Arc::new(parts));
            }
            if let Some(parts) = sections.get(name) {
                shares[at].parts.push((rank, Arc::clone(parts)));
            }
        }
    }
    let mut stray: HashMap<ProjectId, Vec<SecretLiteral>> = HashMap::default();
    for text in texts {
        let universes_here = here(text.project);
        let environment = text.environment.as_deref();
        let is_judged = |name: &str| universes_here.iter().any(|at| universes[*at].name == name);
        if environment.is_some_and(|name| !is_judged(name) && !is_private(name)) {
            let secrets = text.parts.secret_literals.iter().cloned();
            stray.entry(text.project).or_default().extend(secrets);
        }
        let rank = rank(environment);
        let parts = Arc::new(text.parts);
        for at in universes_here {
            if text
                .environment
                .as_ref()
                .is_none_or(|name| *name == universes[*at].name)
            {
                shares[*at].parts.push((rank, Arc::clone(&parts)));
            }
        }
    }
    for (project, secrets) in stray {
        let secrets = Arc::new(secrets);
        for at in here(project) {
            shares[*at].stray_secrets = Arc::clone(&secrets);
        }
    }
    shares
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
