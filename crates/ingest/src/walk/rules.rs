//! Files of ignore rules (`.gitignore` and its like), looked at before they are read: one that is a pipe would block
//! forever, one that is a device never ends, and very many rules need more memory than all the files they are about.

use std::path::{Path, PathBuf};

/// Bytes of rules in one file; real ones have a few hundred.
pub(super) const MAX_BYTES: u64 = 128 * 1024;
/// Bytes of one rule.
const MAX_LINE: usize = 4 * 1024;
/// The files that say which other files are ignored, relative to a directory.
const NAMES: &[&str] = &[".gitignore", ".ignore", ".git/info/exclude"];
/// Bytes of a `.git` that is a file. It names a directory.
const MAX_POINTER: u64 = 4 * 1024;

/// The first file of rules in `directory` that must not be read, and why, as the end of a sentence about it.
pub(super) fn unusable(directory: &Path) -> Option<(PathBuf, String)> {
    let own = NAMES.iter().map(|name| PathBuf::from(*name));
    let mut found = own.filter_map(|name| Some((name.clone(), why_unusable(&directory.join(&name))?)));
    found.next().or_else(|| {
        let why = why_pointer_unusable(&directory.join(".git"))?;
        Some((PathBuf::from(".git"), why))
    })
}

fn why_unusable(file: &Path) -> Option<String> {
    // What cannot be opened is no rule.
    let meta = std::fs::metadata(file).ok()?;
    if meta.is_dir() {
        return None;
    }
    if !meta.is_file() || is_of_system(file) {
        return Some(super::NO_FILE.to_owned());
    }
    if meta.len() > MAX_BYTES {
        return Some(format!(
            "has more than {} KiB of rules, which were not read: nothing is left out because of them",
            MAX_BYTES / 1024
        ));
    }
    if meta.len() <= MAX_LINE as u64 {
        return None;
    }
    let text = super::read_bounded(file).ok()?;
    let is_long = text
        .split(|byte| *byte == b'\n')
        .any(|line| line.len() > MAX_LINE);
    is_long.then(|| {
        format!(
            "has a rule of more than {} KiB, so its rules were not read: nothing is left out because of them",
            MAX_LINE / 1024
        )
    })
}

/// Whether a link leads to what the system only shows as files, which may have no end.
fn is_of_system(file: &Path) -> bool {
    let real = std::fs::canonicalize(file);
    real.is_ok_and(|real| {
        ["/proc", "/sys", "/dev"]
            .iter()
            .any(|above| real.starts_with(above))
    })
}

/// A `.git` that is a file names the directory of the repository, and the rules there are read too.
fn why_pointer_unusable(file: &Path) -> Option<String> {
    let meta = std::fs::metadata(file).ok().filter(std::fs::Metadata::is_file)?;
    let leads_away = || "leads to files of rules that cannot be read as such".to_owned();
    if meta.len() > MAX_POINTER || is_of_system(file) {
        return Some(leads_away());
    }
    let text = String::from_utf8(super::read_bounded(file).ok()?).ok()?;
    let directory = PathBuf::from(text.lines().next()?.strip_prefix("gitdir: ")?);
    let common = directory.join("commondir");
    let meta = std::fs::metadata(&common).ok()?;
    if !meta.is_file() || meta.len() > MAX_POINTER || is_of_system(&common) {
        return Some(leads_away());
    }
    let text = String::from_utf8(super::read_bounded(&common).ok()?).ok()?;
    let shared = directory.join(text.lines().next()?);
    why_unusable(&shared.join("info/exclude")).map(|_| leads_away())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_looked_at_before_they_are_read() {
        let dir = tempfile::tempdir().unwrap();
        let why = || unusable(dir.path()).map(|(name, why)| (name.display().to_string(), why));
        assert_eq!(why(), None);
        let file = dir.path().join(".gitignore");
        std::fs::write(&file, "*.bak\n".repeat(1_000)).unwrap();
        assert_eq!(why(), None);
        std::fs::write(&file, "*a".repeat(3_000)).unwrap();
        assert!(why().is_some_and(|(name, why)| name == ".gitignore" && why.contains("4 KiB")));
        std::fs::write(&file, "*.bak\n".repeat(30_000)).unwrap();
        assert!(why().is_some_and(|(_, why)| why.contains("128 KiB")));
        std::fs::remove_file(&file).unwrap();
        std::fs::create_dir(&file).unwrap();
        assert_eq!(why(), None);
    }

    #[cfg(unix)]
    #[test]
    fn a_device_is_no_file_of_rules_wherever_the_name_leads_from() {
        use std::os::unix::fs::symlink;
        let dir = tempfile::tempdir().unwrap();
        symlink("/dev/zero", dir.path().join(".ignore")).unwrap();
        assert!(unusable(dir.path()).is_some_and(|(name, _)| name == Path::new(".ignore")));
        let other = tempfile::tempdir().unwrap();
        let shared = tempfile::tempdir().unwrap();
        let pointer = format!("gitdir: {}\n", shared.path().display());
        std::fs::write(other.path().join(".git"), pointer).unwrap();
        assert_eq!(unusable(other.path()), None);
        symlink("/dev/zero", shared.path().join("commondir")).unwrap();
        assert!(unusable(other.path()).is_some_and(|(name, _)| name == Path::new(".git")));
    }
}
