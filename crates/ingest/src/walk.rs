//! The files below the path that a person pointed at: walked once, read once. The only place of this crate that
//! touches a file system.

use cofferdam_syntax::repo::{Kind, MAX_FILE_BYTES, Repo, kind};
use std::io;
use std::path::{Path, PathBuf};

/// Why nothing could be read at all.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The path does not exist or cannot be opened.
    #[error("cannot read {path}: {source}")]
    Root {
        /// The path as given.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// A statement of the command line is none.
    #[error("{0}")]
    Statement(String),
}

/// What the walk came upon.
enum Seen {
    /// A directory or something that is no file.
    Nothing,
    /// A file that is no configuration by its name.
    Other(PathBuf),
    /// A file that may be configuration, or a place that could not be opened.
    File(PathBuf, Result<Vec<u8>, String>),
}

fn seen(entry: Result<ignore::DirEntry, ignore::Error>, root: &Path, base: &Path) -> Seen {
    let below = |path: &Path| path.strip_prefix(base).unwrap_or(path).to_path_buf();
    match entry {
        Ok(entry) if !entry.file_type().is_some_and(|t| t.is_file()) => Seen::Nothing,
        Ok(entry) => {
            let path = below(entry.path());
            if kind(&path) == Kind::Other {
                Seen::Other(path)
            } else {
                Seen::File(path, read_bounded(entry.path()))
            }
        }
        Err(error) => {
            let path = error_path(&error).unwrap_or_else(|| root.to_path_buf());
            Seen::File(below(&path), Err(format!("cannot be opened: {}", reason(&error))))
        }
    }
}

/// Walks `root` (a directory or one file) and reads every file that may be configuration. Files
/// that git ignores are left out, dotfiles are not. Fails only when `root` itself cannot be opened.
///
/// # Errors
/// [`ReadError::Root`] with the system's reason.
pub fn read(root: &Path) -> Result<Repo, ReadError> {
    let meta = std::fs::metadata(root).map_err(|source| ReadError::Root {
        path: root.into(),
        source,
    })?;
    if meta.is_dir() {
        std::fs::read_dir(root).map_err(|source| ReadError::Root {
            path: root.into(),
            source,
        })?;
    }
    let base = if meta.is_file() {
        root.parent().unwrap_or(root)
    } else {
        root
    };
    let walk = ignore::WalkBuilder::new(root)
        .hidden(false)
        .require_git(false)
        // What one person tells git to ignore everywhere is no part of the platform.
        .git_global(false)
        .threads(rayon::current_num_threads())
        .filter_entry(|entry| {
            !matches!(
                entry.file_name().to_str(),
                Some(".git" | "node_modules" | ".terraform" | ".venv" | "__pycache__" | ".hg" | ".svn")
            )
        })
        .build_parallel();
    // Whoever finds a file reads it; the order is made afterwards, by path.
    let (send, receive) = std::sync::mpsc::channel();
    walk.run(|| {
        let send = send.clone();
        Box::new(move |entry| {
            // The receiver outlives the walk, so that nothing is lost.
            let _ = send.send(seen(entry, root, base));
            ignore::WalkState::Continue
        })
    });
    drop(send);
    let mut found: Vec<(PathBuf, Result<Vec<u8>, String>)> = Vec::new();
    let mut passed_over = Vec::new();
    for seen in receive {
        match seen {
            Seen::Nothing => {}
            Seen::Other(path) => passed_over.push(path),
            Seen::File(path, bytes) => found.push((path, bytes)),
        }
    }
    let mut repo = Repo::build(found);
    passed_over.sort();
    repo.passed_over.extend(passed_over);
    Ok(repo)
}

fn read_bounded(path: &Path) -> Result<Vec<u8>, String> {
    let size = std::fs::metadata(path)
        .map_err(|e| format!("cannot be opened: {e}"))?
        .len();
    if size > MAX_FILE_BYTES {
        return Err(format!(
            "is {} MiB; files above {} MiB are not read (if it is no configuration, exclude it under `paths` in cofferdam.yaml)",
            size / (1024 * 1024),
            MAX_FILE_BYTES / (1024 * 1024)
        ));
    }
    std::fs::read(path).map_err(|e| format!("cannot be read: {e}"))
}

fn error_path(error: &ignore::Error) -> Option<PathBuf> {
    match error {
        ignore::Error::WithPath { path, .. } => Some(path.clone()),
        ignore::Error::WithDepth { err, .. } | ignore::Error::WithLineNumber { err, .. } => error_path(err),
        _ => None,
    }
}

fn reason(error: &ignore::Error) -> String {
    error
        .io_error()
        .map_or_else(|| error.to_string(), ToString::to_string)
}
