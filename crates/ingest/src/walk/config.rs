//! Which `cofferdam.yaml` is used: the given one, otherwise that of the root, otherwise the nearest one above
//! it in the same repository. A repository is the directory with `.git`; outside of one, directories above
//! the root are not searched.

use super::given::{self, Given};
use super::{ReadError, plain, read_bounded};
use crate::overlay::NAMES;
use cofferdam_syntax::repo::Repo;
use std::collections::BTreeSet;
use std::io;
use std::path::{Component, Path, PathBuf};

/// The overlay that is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Its path, relative to the root: `cofferdam.yaml`, `../cofferdam.yaml`.
    pub path: PathBuf,
    /// The root, relative to the directory that paths in the overlay are relative to. Empty if that is the
    /// root.
    pub above: PathBuf,
    /// Its bytes, or why they could not be read.
    pub bytes: Result<Vec<u8>, String>,
}

/// Finds the overlay.
///
/// # Errors
/// The `wanted` one does not exist or cannot be read. One that is found and cannot be read is a result whose
/// bytes are the reason.
pub(super) fn find(given: &Given, wanted: Option<&Path>) -> Result<Option<Config>, ReadError> {
    let directories = searched(&given.root);
    if let Some(wanted) = wanted {
        let file = wanted_file(wanted).map_err(ReadError::Config)?;
        let bytes = read_bounded(&file)
            .map_err(|why| ReadError::Config(format!("--config {}: {why}", wanted.display())))?;
        return Ok(Some(Config::at(&file, Ok(bytes), given, &directories)));
    }
    let there = directories
        .iter()
        .flat_map(|directory| NAMES.map(|name| directory.join(name)))
        .find(|file| is_there(file));
    let top = directories.last().copied().unwrap_or(&given.root);
    Ok(there.map(|file| Config::at(&file, read_found(&file, top), given, &directories)))
}

impl Config {
    /// The overlay at the root of files in memory.
    pub fn of(repo: &Repo) -> Option<Config> {
        let at_root = |path: &Path| NAMES.iter().any(|name| path == Path::new(name));
        let unread = repo.unreadable.iter().find(|unread| at_root(&unread.path));
        let (path, bytes) = match unread {
            Some(unread) => (unread.path.clone(), Err(unread.message.clone())),
            None => {
                let path = NAMES
                    .iter()
                    .map(PathBuf::from)
                    .find(|path| repo.files.contains_key(path))?;
                let bytes = repo.text(&path).unwrap_or_default().into();
                (path, Ok(bytes))
            }
        };
        Some(Config {
            path,
            above: PathBuf::new(),
            bytes,
        })
    }

    fn at(file: &Path, bytes: Result<Vec<u8>, String>, given: &Given, directories: &[&Path]) -> Config {
        let own = file.parent().filter(|own| directories.contains(own));
        let above = own.and_then(|own| given.root.strip_prefix(own).ok());
        Config {
            path: relative(&given.root, file),
            above: above.unwrap_or(Path::new("")).to_path_buf(),
            bytes,
        }
    }
}

/// The root and the directories above it, up to the top of its repository.
fn searched(root: &Path) -> Vec<&Path> {
    let above: Vec<&Path> = root.ancestors().collect();
    let top = above.iter().position(|directory| directory.join(".git").exists());
    above[..=top.unwrap_or(0)].to_vec()
}

/// Where the root is inside its repository; empty at its top and outside of any.
pub(super) fn below_top(root: &Path) -> PathBuf {
    let top = root.ancestors().find(|directory| directory.join(".git").exists());
    let below = top.and_then(|top| root.strip_prefix(top).ok());
    below.unwrap_or(Path::new("")).to_path_buf()
}

/// Whether an overlay is at `file`, readable or not. A directory with that name is not one.
fn is_there(file: &Path) -> bool {
    match std::fs::metadata(file) {
        Ok(meta) => !meta.is_dir(),
        // A symbolic link without a target counts as existing.
        Err(e) if e.kind() == io::ErrorKind::NotFound => std::fs::symlink_metadata(file).is_ok(),
        Err(_) => true,
    }
}

/// The bytes of an overlay that nobody named. A link out of the directories that are searched is not followed: an error
/// would show lines of a file that nobody gave. What is no file (a pipe) could block forever.
fn read_found(file: &Path, top: &Path) -> Result<Vec<u8>, String> {
    if let (Ok(real), Ok(top)) = (std::fs::canonicalize(file), std::fs::canonicalize(top)) {
        if !real.starts_with(top) {
            return Err(
                "is a link that leads out of the repository; name it with --config to use it".to_owned(),
            );
        }
        if !real.is_file() {
            return Err("is not a file".to_owned());
        }
    }
    read_bounded(file)
}

fn wanted_file(wanted: &Path) -> Result<PathBuf, String> {
    let wrong = |why: &str| format!("--config {}: {why}", wanted.display());
    let meta = std::fs::metadata(wanted).map_err(|e| wrong(&plain(&e)))?;
    if meta.is_dir() {
        let inside = NAMES.map(|name| wanted.join(name));
        return Err(match inside.iter().find(|file| is_there(file)) {
            Some(file) => wrong(&format!("it is a directory; give the file, {}", file.display())),
            None => wrong("it is a directory; give a file like cofferdam.yaml"),
        });
    }
    if !meta.is_file() {
        return Err(wrong("it is not a file"));
    }
    given::named(wanted).ok_or_else(|| wrong("it is not a file"))
}

/// `file` relative to `root`, both without symbolic links in their directories.
fn relative(root: &Path, file: &Path) -> PathBuf {
    let same = |(a, b): &(Component<'_>, Component<'_>)| a == b;
    let common = root.components().zip(file.components()).take_while(same).count();
    let up = root.components().skip(common).map(|_| Component::ParentDir);
    up.chain(file.components().skip(common)).collect()
}

/// Whether a file is an overlay by its name.
pub(super) fn is_overlay(path: &Path) -> bool {
    NAMES.iter().any(|name| path.ends_with(name))
}

/// The existing overlays below the root that are not used: among the found files, and in the directories
/// between the root and the given paths.
pub(super) fn unused<'a>(
    given: &Given,
    used: Option<&Config>,
    found: impl Iterator<Item = &'a PathBuf>,
) -> Vec<PathBuf> {
    let mut all: BTreeSet<PathBuf> = found.filter(|path| is_overlay(path)).cloned().collect();
    let paths = given.directories.keys().chain(given.files.keys());
    let between: BTreeSet<&Path> = paths.flat_map(|path| path.ancestors().skip(1)).collect();
    for directory in between {
        let files = NAMES.map(|name| directory.join(name));
        all.extend(files.into_iter().filter(|file| is_there(&given.root.join(file))));
    }
    all.into_iter()
        .filter(|path| used.is_none_or(|used| used.path != *path))
        .collect()
}
