//! From paths on a command line to files in memory: the only part of this crate that uses the file system.
//! The given paths are located (`given`), walked and read here, and the overlay is found (`config`). All
//! later code works on the resulting [`Repo`].

mod config;
mod given;
mod rules;

use cofferdam_syntax::hash::HashMap;
use cofferdam_syntax::links::Target;
use cofferdam_syntax::repo::{MAX_FILE_BYTES, Repo, are_alike, may_be_configuration};
pub use config::Config;
use given::Given;
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// The input that a person gave.
#[derive(Debug, Clone, Default)]
pub struct Input {
    /// Directories and files. Several are one platform, whose root is their nearest common directory.
    pub paths: Vec<PathBuf>,
    /// The content of standard input, if it was given: a stream of manifests.
    pub stdin: Option<Vec<u8>>,
    /// The overlay to use, instead of the `cofferdam.yaml` that is found.
    pub config: Option<PathBuf>,
    /// Statements that override those of the overlay, such as `services.api.requests_per_second=7000`.
    pub statements: Vec<String>,
}

impl Input {
    /// A single directory or file.
    pub fn path(path: &Path) -> Input {
        Input {
            paths: vec![path.to_path_buf()],
            ..Input::default()
        }
    }
}

/// Why nothing could be read at all.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// Given paths that do not exist, cannot be opened, or are neither files nor directories. One message for each.
    #[error("{}", .0.join("\n"))]
    Paths(Vec<String>),
    /// The given overlay cannot be read.
    #[error("{0}")]
    Config(String),
    /// A statement of the command line cannot be understood.
    #[error("{0}")]
    Statement(String),
}

/// The given files, and the settings of their check.
#[derive(Debug, Default)]
pub struct Walked {
    /// The files.
    pub repo: Repo,
    /// The overlay that is used.
    pub config: Option<Config>,
    /// Existing overlays that are not used, as paths below the root.
    pub unused: Vec<PathBuf>,
    /// The root in readable form, unless it is the one given directory.
    pub root: Option<PathBuf>,
    /// Whether files below the root, or beside it in the overlay's directory, were not given.
    pub part: bool,
}

/// The name under which standard input is read.
pub const STDIN: &str = "stdin.yaml";

/// Reads the input. Files that git ignores are left out unless they were given by name; dotfiles are read.
///
/// # Errors
/// [`ReadError`] if a given path or the given overlay cannot be opened; other files that cannot be read are
/// in [`Repo::unreadable`].
pub fn read(input: &Input) -> Result<Walked, ReadError> {
    let given = Given::locate(input)?;
    let mut found = Files::default();
    let mut inside = BTreeSet::new();
    for (below, path) in &given.directories {
        let repositories = walk((path, &given.root), below, &mut found);
        inside.extend(repositories);
    }
    let files: Vec<(PathBuf, Seen)> = (given.files.par_iter())
        .map(|(below, path)| (below.clone(), look(path, below, read_bounded)))
        .collect();
    found.extend(files);
    if let Some(bytes) = &input.stdin {
        let name = free_name(&found);
        found.insert(name, Seen::Read(Ok(bytes.clone())));
    }
    let config = config::find(&given, input.config.as_deref())?;
    let mut unused = config::unused(&given, config.as_ref(), found.keys());
    unused.sort();
    let part = !given.is_whole() || config.as_ref().is_some_and(|c| !c.above.as_os_str().is_empty());
    let links = links(&mut found, &given.root);
    let (mut read, mut passed_over) = (Vec::new(), Vec::new());
    for (path, seen) in found {
        match seen {
            Seen::Read(bytes) => read.push((path, bytes)),
            Seen::PassedOver | Seen::Link(_) => passed_over.push(path),
        }
    }
    let mut repo = Repo::build(read, passed_over);
    repo.add_links(links);
    repo.repositories = inside;
    repo.below = config::below_top(&given.root);
    repo.given = given.parts(input.stdin.is_some());
    Ok(Walked {
        repo,
        config,
        unused,
        root: given.shown,
        part,
    })
}

impl Walked {
    /// Files in memory, which are the complete input.
    pub fn of(repo: Repo) -> Walked {
        let config = Config::of(&repo);
        let used = config.as_ref().map(|config| &config.path);
        let unused = (repo.files.keys())
            .filter(|path| config::is_overlay(path) && Some(*path) != used)
            .cloned()
            .collect();
        Walked {
            repo,
            config,
            unused,
            ..Walked::default()
        }
    }
}

/// A file found during the walk.
#[derive(Debug)]
enum Seen {
    /// Its name shows that it is not configuration.
    PassedOver,
    /// It may be configuration; its bytes, or why they could not be read.
    Read(Result<Vec<u8>, String>),
    /// It is a symbolic link.
    Link(Target),
}

/// Files by their path below the root, each once, however often it was given. [`Repo::build`] sorts them.
type Files = HashMap<PathBuf, Seen>;

fn free_name(found: &Files) -> PathBuf {
    let taken = |name: &PathBuf| found.contains_key(name);
    let numbered = (2..).map(|n| PathBuf::from(format!("stdin-{n}.yaml")));
    std::iter::once(PathBuf::from(STDIN))
        .chain(numbered)
        .find(|name| !taken(name))
        .unwrap_or_default()
}

fn look(path: &Path, below: &Path, read: fn(&Path) -> Result<Vec<u8>, String>) -> Seen {
    match may_be_configuration(below) {
        true => Seen::Read(read(path)),
        false => Seen::PassedOver,
    }
}

/// The target of a link, relative to the root.
fn target(link: &Path, root: &Path) -> Target {
    let Ok(real) = std::fs::canonicalize(link) else {
        return Target::Unfollowed("has a target that does not exist, or points to itself");
    };
    let Ok(below) = real.strip_prefix(root) else {
        return Target::Unfollowed("leaves the directory that was given");
    };
    if real.is_dir() {
        Target::Directory(below.to_path_buf())
    } else {
        Target::File(below.to_path_buf())
    }
}

/// Removes the links from the found files. A link to a file that was not read under its own name, because git
/// ignores it or its name does not suggest configuration, is read as a separate file.
fn links(found: &mut Files, root: &Path) -> BTreeMap<PathBuf, Target> {
    let mut links: BTreeMap<PathBuf, Target> = found
        .iter()
        .filter_map(|(path, seen)| match seen {
            Seen::Link(target) => Some((path.clone(), target.clone())),
            _ => None,
        })
        .collect();
    links.retain(|path, target| {
        let Target::File(real) = target else {
            found.remove(path);
            return true;
        };
        let is_read = matches!(found.get(real), Some(Seen::Read(_)));
        if is_read && are_alike(path, real) {
            found.remove(path);
            return true;
        }
        let seen = if may_be_configuration(path) {
            Seen::Read(read_bounded(&root.join(real)))
        } else {
            Seen::PassedOver
        };
        found.insert(path.clone(), seen);
        false
    });
    links
}

/// Reads the files of a directory that stands at `below` under the root. Returns the directories below it that are
/// repositories of their own.
fn walk((directory, root): (&Path, &Path), below: &Path, found: &mut Files) -> Vec<PathBuf> {
    // The rules of the directories above count too.
    let own = rules::unusable(directory).map(|(name, why)| (below.join(name), why));
    let above = directory
        .ancestors()
        .skip(1)
        .zip(1..)
        .find_map(|(above, levels)| {
            let (name, why) = rules::unusable(above)?;
            let up: PathBuf = std::iter::repeat_n("..", levels).collect();
            Some((up.join(name), why))
        });
    let without_rules = own.or(above);
    let (mut repositories, set_aside) = walk_with((directory, root), (below, without_rules.is_none()), found);
    for (inner, (rules, why)) in set_aside {
        let place = below.join(&inner);
        let (more, _) = walk_with((&directory.join(&inner), root), (&place, false), found);
        if directory.join(&inner).join(".git").exists() {
            repositories.push(place.clone());
        }
        repositories.extend(more);
        found.insert(place.join(rules), Seen::Read(Err(why)));
    }
    if let Some((path, why)) = without_rules {
        found.insert(path, Seen::Read(Err(why)));
    }
    repositories
}

/// A directory whose rules must not be read, with the file of rules and the reason.
type SetAside = (PathBuf, (PathBuf, String));

/// The same, by the rules that say which files are ignored or without them. Directories whose rules must not be read
/// are not walked but returned.
fn walk_with(
    (directory, root): (&Path, &Path),
    (below, by_rules): (&Path, bool),
    found: &mut Files,
) -> (Vec<PathBuf>, Vec<SetAside>) {
    let (tops, repositories) = std::sync::mpsc::channel();
    let (aside, set_aside) = std::sync::mpsc::channel();
    let top = directory.to_path_buf();
    let walk = ignore::WalkBuilder::new(directory)
        .hidden(false)
        .require_git(false)
        // A user's global git ignore file is not part of the platform.
        .git_global(false)
        .git_ignore(by_rules)
        .git_exclude(by_rules)
        .ignore(by_rules)
        .parents(by_rules)
        .threads(rayon::current_num_threads())
        .filter_entry(move |entry| {
            let is_directory = entry.file_type().is_some_and(|t| t.is_dir());
            if by_rules
                && is_directory
                && entry.depth() > 0
                && let Some(unusable) = rules::unusable(entry.path())
                && let Ok(inner) = entry.path().strip_prefix(&top)
            {
                // The receiver outlives the walk, so that nothing is lost.
                let _ = aside.send((inner.to_path_buf(), unusable));
                return false;
            }
            if entry.file_name() == ".git"
                && let Some(own) = entry.path().parent().and_then(|own| own.strip_prefix(&top).ok())
                && !own.as_os_str().is_empty()
            {
                // The receiver outlives the walk, so that nothing is lost.
                let _ = tops.send(own.to_path_buf());
            }
            !matches!(
                entry.file_name().to_str(),
                Some(".git" | "node_modules" | ".terraform" | ".venv" | "__pycache__" | ".hg" | ".svn")
            )
        })
        .build_parallel();
    // The thread that finds a file reads it; the files are sorted afterwards, by path.
    let (send, receive) = std::sync::mpsc::channel();
    walk.run(|| {
        let send = send.clone();
        Box::new(move |entry| {
            if let Some((path, seen)) = entry_seen(entry, (directory, root)) {
                // The receiver outlives the walk, so that nothing is lost.
                let _ = send.send((below.join(path), seen));
            }
            ignore::WalkState::Continue
        })
    });
    drop(send);
    // All at once: a map that grows hashes its paths again and again.
    let all: Vec<(PathBuf, Seen)> = receive.into_iter().collect();
    found.extend(all);
    let mut set_aside: Vec<SetAside> = set_aside.try_iter().collect();
    set_aside.sort();
    let repositories = repositories.try_iter().map(|own| below.join(own));
    (repositories.collect(), set_aside)
}

/// The file at an entry, with its path below `directory`; `None` for a directory or something that is not a
/// file.
fn entry_seen(
    entry: Result<ignore::DirEntry, ignore::Error>,
    (directory, root): (&Path, &Path),
) -> Option<(PathBuf, Seen)> {
    let below = |path: &Path| path.strip_prefix(directory).unwrap_or(path).to_path_buf();
    match entry {
        Ok(entry) if entry.depth() > 0 && entry.path_is_symlink() => {
            let target = target(entry.path(), root);
            Some((below(entry.path()), Seen::Link(target)))
        }
        Ok(entry) if entry.file_type().is_none_or(|t| t.is_dir()) => None,
        Ok(entry) if !entry.file_type().is_some_and(|t| t.is_file()) => {
            let path = below(entry.path());
            may_be_configuration(&path).then(|| (path, Seen::Read(Err(NO_FILE.to_owned()))))
        }
        Ok(entry) => {
            let path = below(entry.path());
            let seen = look(entry.path(), &path, read_file);
            Some((path, seen))
        }
        Err(error) => {
            let path = error_path(&error).unwrap_or_else(|| directory.to_path_buf());
            let reason = error.io_error().map_or_else(|| error.to_string(), plain);
            Some((
                below(&path),
                Seen::Read(Err(format!("cannot be opened: {reason}"))),
            ))
        }
    }
}

/// A size above the limit with one decimal, rounded up: a file of one byte more is not `8 MiB`.
fn in_mebibytes(size: u64) -> String {
    let tenths = (size.saturating_mul(10)).div_ceil(1024 * 1024);
    match tenths % 10 {
        0 => (tenths / 10).to_string(),
        tenth => format!("{}.{tenth}", tenths / 10),
    }
}

/// Why something with a file's name is not read.
const NO_FILE: &str = "is not a file but a pipe, a socket or a device; it was not read";

/// The bytes of something that may be no file at all.
fn read_bounded(path: &Path) -> Result<Vec<u8>, String> {
    let meta = std::fs::metadata(path).map_err(|e| format!("cannot be opened: {}", plain(&e)))?;
    // To open a pipe waits for somebody who writes into it.
    if !(meta.is_file() || meta.is_dir()) {
        return Err(NO_FILE.to_owned());
    }
    read_file(path)
}

/// The bytes of what is known to be no pipe, socket or device.
fn read_file(path: &Path) -> Result<Vec<u8>, String> {
    let cannot_open = |e: io::Error| format!("cannot be opened: {}", plain(&e));
    let too_large = |size: u64| {
        format!(
            "is {} MiB, more than the limit of {} MiB; it was not read (if it is not configuration, exclude \
             it under `paths` in cofferdam.yaml)",
            in_mebibytes(size),
            MAX_FILE_BYTES / (1024 * 1024)
        )
    };
    let file = std::fs::File::open(path).map_err(cannot_open)?;
    let size = file.metadata().map_err(cannot_open)?.len();
    if size > MAX_FILE_BYTES {
        return Err(too_large(size));
    }
    // The size of some files is said to be 0 though they hold something. The others end where their size says, so that
    // nobody has to ask for more.
    let limit = if size == 0 { MAX_FILE_BYTES + 1 } else { size };
    let mut bytes = Vec::with_capacity(size as usize);
    file.take(limit)
        .read_to_end(&mut bytes)
        .map_err(|e| format!("cannot be read: {}", plain(&e)))?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(too_large(bytes.len() as u64));
    }
    Ok(bytes)
}

fn error_path(error: &ignore::Error) -> Option<PathBuf> {
    match error {
        ignore::Error::WithPath { path, .. } => Some(path.clone()),
        ignore::Error::WithDepth { err, .. } | ignore::Error::WithLineNumber { err, .. } => error_path(err),
        _ => None,
    }
}

/// The system's reason in plain words.
fn plain(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "no such file or directory".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        io::ErrorKind::NotADirectory => "a part of the path is not a directory".to_owned(),
        io::ErrorKind::IsADirectory => "it is a directory".to_owned(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests;
