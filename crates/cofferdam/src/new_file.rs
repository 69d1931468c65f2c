//! Files that the command writes: an existing one is not replaced unless the user says so, and no half of a file is left.

use std::fs::OpenOptions;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// Refuses a file that must not be replaced, before any work is done.
///
/// # Errors
/// A sentence about this.
pub(crate) fn check(file: &Path, force: bool) -> Result<(), String> {
    let Ok(meta) = std::fs::symlink_metadata(file) else {
        return Ok(());
    };
    if file.is_dir() {
        return Err(format!("cannot write {}: it is a directory", file.display()));
    }
    let is_stream = !meta.is_symlink() && !meta.is_file();
    if force || is_stream || leads_to_stream(file) {
        return Ok(());
    }
    Err(exists(file))
}

/// Writes a file as a whole: under another name first.
///
/// # Errors
/// A sentence: the file exists, or the system's reason.
pub(crate) fn write(
    file: &Path,
    force: bool,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<(), String> {
    let failed = |e: io::Error| format!("cannot write {}: {e}", file.display());
    // A pipe or a terminal has nothing that could be replaced.
    if leads_to_stream(file) {
        let stream = OpenOptions::new().write(true).open(file).map_err(failed)?;
        let mut out = BufWriter::new(stream);
        return write(&mut out).and_then(|()| out.flush()).map_err(failed);
    }
    // A link stays, and what it leads to is replaced.
    let place = std::fs::canonicalize(file).unwrap_or_else(|_| file.to_path_buf());
    let (part, out) = part_of(&place).map_err(failed)?;
    let mut out = BufWriter::new(out);
    let written = write(&mut out).and_then(|()| out.flush());
    drop(out);
    let moved = written.and_then(|()| match force {
        true => std::fs::rename(&part, &place),
        false => to_free_place(&part, &place),
    });
    // After it was renamed it is gone.
    let _ = std::fs::remove_file(&part);
    moved.map_err(|e| match e.kind() {
        io::ErrorKind::AlreadyExists => exists(file),
        _ => failed(e),
    })
}

/// Gives a file its name. Unlike a renamed file, a second name never replaces a file that somebody else makes at this
/// moment; some file systems have none.
fn to_free_place(part: &Path, place: &Path) -> io::Result<()> {
    match std::fs::hard_link(part, place) {
        Err(e) if e.kind() != io::ErrorKind::AlreadyExists && !place.exists() => std::fs::rename(part, place),
        result => result,
    }
}

fn exists(file: &Path) -> String {
    format!(
        "{} already exists and is not changed; add --force to replace it",
        file.display()
    )
}

/// Whether a path leads to something that exists and is neither a file nor a directory.
fn leads_to_stream(file: &Path) -> bool {
    std::fs::metadata(file).is_ok_and(|meta| !meta.is_file() && !meta.is_dir())
}

/// A new file beside `place`.
fn part_of(place: &Path) -> io::Result<(PathBuf, std::fs::File)> {
    let name = place.file_name().unwrap_or_default().to_string_lossy();
    let own = std::process::id();
    let mut number = 0;
    loop {
        let part = place.with_file_name(format!(".{name}.{own}-{number}.part"));
        match OpenOptions::new().write(true).create_new(true).open(&part) {
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists && number < 100 => number += 1,
            result => return result.map(|out| (part, out)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(dir: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(dir).unwrap();
        entries
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .collect()
    }

    #[test]
    fn an_existing_file_stays_unless_it_is_to_be_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("trace");
        let write =
            |force: bool, text: &str| super::write(&file, force, |out| out.write_all(text.as_bytes()));
        assert_eq!(super::check(&file, false), Ok(()));
        assert_eq!(write(false, "one"), Ok(()));
        assert!(super::check(&file, false).is_err_and(|e| e.contains("--force")));
        assert!(write(false, "two").is_err_and(|e| e.contains("already exists")));
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "one");
        assert_eq!((super::check(&file, true), write(true, "two")), (Ok(()), Ok(())));
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "two");
        assert_eq!(names(dir.path()), ["trace"]);
    }

    #[test]
    fn what_fails_half_way_leaves_everything_as_it_was() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("trace");
        let fail = |out: &mut dyn Write| {
            out.write_all(b"half")?;
            Err(io::Error::other("the disk is full"))
        };
        assert!(super::write(&file, false, fail).is_err_and(|e| e.contains("the disk is full")));
        assert_eq!(names(dir.path()), Vec::<String>::new());
        std::fs::write(&file, "old").unwrap();
        assert!(super::write(&file, true, fail).is_err());
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "old");
        assert!(super::check(dir.path(), true).is_err_and(|e| e.contains("directory")));
    }
}
