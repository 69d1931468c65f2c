//! The files of a platform: each read once and parsed once. All later code works on this and does not touch
//! the file system (the walk of `cofferdam-ingest` does), so that tests and fuzzers use the same path with
//! files from memory.

mod kinds;
mod parse;
mod read;

use crate::paths::PathMap;
use crate::source::{FileId, SourceMap};
use crate::yaml::Stream;
use ignore::gitignore::{Gitignore, GitignoreBuilder};
pub use kinds::{are_alike, may_be_configuration};
use parse::parse_all;
use rayon::prelude::*;
use read::Read;
pub use read::{Unreadable, to_text};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Component, Path, PathBuf};
use std::sync::OnceLock;

/// Configuration files above this size are reported and not read; the largest real ones are far smaller.
pub const MAX_FILE_BYTES: u64 = 8 * 1024 * 1024;

/// Rules of a `.gitignore` that are used; more need much memory, and real ones have a few hundred bytes.
const MAX_GITIGNORE_BYTES: usize = 128 * 1024;

/// All input that was read.
#[derive(Debug, Default)]
pub struct Repo {
    /// All text files, by id.
    pub sources: SourceMap,
    /// Path below the root to file, for every file that was read.
    pub files: PathMap<FileId>,
    /// YAML and JSON files as trees, by path below the root. A file with errors is included, with the
    /// documents that could be read.
    pub yaml: PathMap<Stream>,
    /// What could not be read, and why.
    pub unreadable: Vec<Unreadable>,
    /// Paths of files that exist and are not configuration that any reader knows (not read).
    pub passed_over: Vec<PathBuf>,
    /// The given files and directories below the root, unless the whole root was given.
    pub given: Option<BTreeSet<PathBuf>>,
    /// Files that git-crypt has encrypted: they exist, but cannot be read without its key.
    pub encrypted: Vec<PathBuf>,
    /// Symbolic links to files that were also read at their own place, with their targets. The same file,
    /// with the same id, is at a link's place: a build that names the link gets it, and judgements of single
    /// files are made once, at the real place.
    pub links: BTreeMap<PathBuf, PathBuf>,
    /// Symbolic links to directories, with their targets. Every file below the target is also below the link.
    pub linked_directories: BTreeMap<PathBuf, PathBuf>,
    /// Symbolic links that were not followed, and why, as a clause.
    pub unfollowed: BTreeMap<PathBuf, &'static str>,
    /// Directories below the root that are repositories of their own.
    pub repositories: BTreeSet<PathBuf>,
    /// Where the root is inside the repository that holds it; empty where it is the top, or where nobody knows.
    pub below: PathBuf,
    gitignores: Vec<(PathBuf, Gitignore)>,
    /// Directories that git fills from other repositories.
    submodules: Vec<PathBuf>,
    /// Every file and directory by the last two parts of its path; made when it is first needed.
    by_ending: OnceLock<HashMap<PathBuf, Vec<PathBuf>>>,
}

impl Repo {
    /// Files in memory: paths below an imagined root and their bytes.
    pub fn from_files(files: impl IntoIterator<Item = (PathBuf, Vec<u8>)>) -> Repo {
        let (found, passed_over) = files
            .into_iter()
            .partition::<Vec<_>, _>(|(path, _)| may_be_configuration(path));
        let found = found.into_iter().map(|(path, bytes)| (path, Ok(bytes)));
        Repo::build(
            found.collect(),
            passed_over.into_iter().map(|(path, _)| path).collect(),
        )
    }

    /// Files in memory: paths and texts, as tests write them.
    pub fn from_texts<'t>(files: impl IntoIterator<Item = &'t (&'t str, &'t str)>) -> Repo {
        let bytes = |(path, text): &(&str, &str)| (PathBuf::from(path), text.as_bytes().to_vec());
        Repo::from_files(files.into_iter().map(bytes))
    }

    /// Parses the `found` files: each path below the root once, with its bytes or the reason why it could not
    /// be read. `passed_over` are the files that were not read.
    pub fn build(mut found: Vec<(PathBuf, Result<Vec<u8>, String>)>, mut passed_over: Vec<PathBuf>) -> Repo {
        found.par_sort_by(|a, b| a.0.cmp(&b.0));
        passed_over.par_sort();
        let mut repo = Repo {
            passed_over,
            ..Repo::default()
        };
        let mut to_parse = Vec::new();
        let mut files = Vec::with_capacity(found.len());
        repo.sources.reserve(found.len());
        let read: Vec<Read> = found.into_par_iter().map(Read::of).collect();
        for file in read {
            match file {
                Read::Text(file, is_yaml) => {
                    let path = file.path.clone();
                    let id = repo.sources.add(file);
                    if is_yaml {
                        to_parse.push((path.clone(), id));
                    }
                    if path.file_name().is_some_and(|n| n == ".gitignore") {
                        repo.add_gitignore(&path, id);
                    }
                    if path.file_name().is_some_and(|n| n == ".gitmodules") {
                        repo.add_submodules(&path, id);
                    }
                    files.push((path, id));
                }
                Read::Encrypted(path) => repo.encrypted.push(path),
                Read::Not(unreadable) => repo.unreadable.push(unreadable),
            }
        }
        repo.files = files.into_iter().collect();
        repo.yaml = parse_all(&repo.sources, to_parse);
        repo
    }

    fn add_gitignore(&mut self, path: &Path, id: FileId) {
        if self.sources.file(id).text.len() > MAX_GITIGNORE_BYTES {
            return;
        }
        let dir = path.parent().unwrap_or(Path::new("")).to_path_buf();
        let mut builder = GitignoreBuilder::new("/");
        for line in self
            .sources
            .file(id)
            .text
            .lines()
            .filter(|line| line.len() <= 4096)
        {
            // A line that is not a valid pattern ignores nothing, as in git.
            let _ = builder.add_line(None, line);
        }
        if let Ok(matcher) = builder.build() {
            self.gitignores.push((dir, matcher));
        }
    }

    fn add_submodules(&mut self, path: &Path, id: FileId) {
        let dir = path.parent().unwrap_or(Path::new(""));
        let paths = self.sources.file(id).text.lines().filter_map(|line| {
            let (key, value) = line.split_once('=')?;
            (key.trim() == "path").then(|| normalise(&dir.join(value.trim())))
        });
        let paths: Vec<PathBuf> = paths.filter(|path| !path.as_os_str().is_empty()).collect();
        self.submodules.extend(paths);
    }

    /// Directories that git fills from other repositories.
    pub fn submodules(&self) -> &[PathBuf] {
        &self.submodules
    }

    /// Skips the files in `left_out`: they exist but are not read.
    pub fn exclude(&mut self, left_out: impl Fn(&Path) -> bool) {
        let excluded = self.files.keys().filter(|path| left_out(path));
        let excluded: BTreeSet<PathBuf> = excluded.cloned().collect();
        if !excluded.is_empty() {
            self.files.retain(|path| !excluded.contains(path));
            self.yaml.retain(|path| !excluded.contains(path));
            self.passed_over.extend(excluded);
        }
        self.unreadable.retain(|u| !left_out(&u.path));
        self.passed_over.sort();
    }

    /// Whether all of `path` (below the root) was to be read. Nothing can be claimed about files that were
    /// not given.
    pub fn is_given(&self, path: &Path) -> bool {
        self.given
            .as_ref()
            .is_none_or(|given| path.ancestors().any(|above| given.contains(above)))
    }

    /// Whether `path` (below the root) may exist although it was not read: git ignores it or fills it from
    /// another repository, or it is outside of the given paths.
    pub fn absent_by_design(&self, path: &Path) -> bool {
        if !self.is_given(path) || self.submodules.iter().any(|dir| path.starts_with(dir)) {
            return true;
        }
        self.gitignores.iter().any(|(dir, matcher)| {
            path.strip_prefix(dir).is_ok_and(|below| {
                matcher
                    .matched_path_or_any_parents(Path::new("/").join(below), false)
                    .is_ignore()
            })
        })
    }

    /// Whether a file or directory with this path below the root exists, read or skipped.
    pub fn exists(&self, path: &Path) -> bool {
        let path = normalise(path);
        self.files.contains_key(&path)
            || self.passed_over.binary_search(&path).is_ok()
            || self.unreadable.iter().any(|u| u.path == path)
            || self.encrypted.contains(&path)
            || self.has_directory(&path)
    }

    /// Whether any known file is below this directory.
    pub fn has_directory(&self, dir: &Path) -> bool {
        let dir = normalise(dir);
        let from = self.passed_over.partition_point(|path| *path <= dir);
        dir.as_os_str().is_empty()
            || self.files.below(&dir).any(|(path, _)| *path != dir)
            || (self.passed_over.get(from)).is_some_and(|path| path.starts_with(&dir))
    }

    /// The file or directory that a path means which is written from the top of a repository, in the file `by`. What
    /// was given may be a part of that repository, or hold it.
    pub fn from_top(&self, written: &Path, by: &Path) -> Option<PathBuf> {
        let written = written.strip_prefix("/").unwrap_or(written);
        let written = normalise(written);
        if written.starts_with("..") {
            return None;
        }
        if !self.below.as_os_str().is_empty()
            && let Ok(inside) = written.strip_prefix(&self.below)
        {
            return self.exists(inside).then(|| inside.to_path_buf());
        }
        if self.exists(&written) {
            return Some(written);
        }
        // The outermost directory around the file that has it is the top.
        let above: Vec<&Path> = by.ancestors().skip(1).collect();
        let around = above.iter().rev().map(|top| top.join(&written));
        if let Some(found) = around.into_iter().find(|path| self.exists(path)) {
            return Some(found);
        }
        self.one_that_ends(&written)
    }

    /// The only file or directory whose path ends so, for a path of at least two parts.
    fn one_that_ends(&self, ending: &Path) -> Option<PathBuf> {
        let of = |path: &Path| {
            let mut last = path.iter().rev();
            let (name, parent) = (last.next()?, last.next()?);
            Some(Path::new(parent).join(name))
        };
        let index = self.by_ending.get_or_init(|| {
            let mut all: BTreeSet<&Path> = BTreeSet::new();
            for path in self.files.keys().chain(&self.passed_over) {
                for part in path.ancestors() {
                    if !all.insert(part) {
                        break;
                    }
                }
            }
            let mut index: HashMap<PathBuf, Vec<PathBuf>> = HashMap::new();
            for path in all {
                if let Some(key) = of(path) {
                    index.entry(key).or_default().push(path.to_path_buf());
                }
            }
            index
        });
        let mut alike = (index.get(&of(ending)?)?.iter())
            .filter(|path| path.ends_with(ending) && !self.is_below_link(path) && self.exists(path));
        match (alike.next(), alike.next()) {
            (Some(one), None) => Some(one.clone()),
            _ => None,
        }
    }

    /// Text of a file that was read.
    pub fn text(&self, path: &Path) -> Option<&str> {
        let id = self.files.get(path)?;
        Some(&self.sources.file(*id).text)
    }
}

/// Resolves `.` and `..` in a path below the root without touching the file system. A path that leaves
/// the root keeps its leading `..`.
pub fn normalise(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                if !matches!(out.components().next_back(), Some(Component::Normal(_))) {
                    out.push("..");
                } else {
                    out.pop();
                }
            }
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests;
