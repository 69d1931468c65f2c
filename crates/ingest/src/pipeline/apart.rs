//! Places apart from the platform: which files are there, and which directories they are.

use super::sources::{Piece, Sources};
use cofferdam_model::{Apart, FileId, PlaceApart, ProjectId};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Files in places apart that nothing of the platform deploys.
pub(super) fn files(sources: &Sources<'_>, pieces: &[Piece<'_>]) -> BTreeMap<FileId, Apart> {
    if sources.projects.all.iter().all(|project| project.apart.is_none()) {
        return BTreeMap::new();
    }
    let is_apart = |project: ProjectId| sources.projects.get(project).apart;
    let used: BTreeSet<FileId> = (pieces.iter())
        .filter(|piece| is_apart(piece.holder.project).is_none())
        .map(|piece| piece.node.span.file)
        .collect();
    let files = sources.repo.files.iter();
    files
        .filter(|(_, id)| !used.contains(id))
        .filter_map(|(path, id)| Some((*id, is_apart(sources.projects.of_path(path))?)))
        .collect()
}

/// The directories of these files: each the outermost one that is apart.
pub(super) fn places(sources: &Sources<'_>, files: &BTreeMap<FileId, Apart>) -> Vec<PlaceApart> {
    let mut places: BTreeMap<PathBuf, PlaceApart> = BTreeMap::new();
    for (id, why) in files {
        let path = sources.repo.sources.path(*id);
        let (directory, file) = directory(sources, path);
        let place = places.entry(directory.clone()).or_insert(PlaceApart {
            directory,
            file: None,
            why: *why,
            files: 0,
        });
        place.files += 1;
        place.file = file.filter(|_| place.files == 1);
    }
    places.into_values().collect()
}

/// The place of a file apart. Single files, such as manifests that no build uses, have none, and are named by their
/// directory or, where one is alone in it, by themselves.
fn directory(sources: &Sources<'_>, path: &Path) -> (PathBuf, Option<PathBuf>) {
    match sources.projects.place_of(sources.projects.of_path(path)) {
        Some(place) => (place.to_path_buf(), None),
        None => {
            let directory = path.parent().unwrap_or(Path::new(""));
            (directory.to_path_buf(), Some(path.to_path_buf()))
        }
    }
}
