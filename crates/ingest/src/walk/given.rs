//! The places of the given paths, and their common root.

use super::{Input, ReadError, plain};
use cofferdam_syntax::hash::HashMap;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// A given path, by its path below the root and its place in the file system.
#[derive(Debug, Default)]
pub(super) struct Given {
    /// Directory to which all paths of a report are relative, without symbolic links.
    pub(super) root: PathBuf,
    /// The root in readable form, unless it is the one given directory.
    pub(super) shown: Option<PathBuf>,
    pub(super) directories: BTreeMap<PathBuf, PathBuf>,
    pub(super) files: BTreeMap<PathBuf, PathBuf>,
}

/// One given path.
struct GivenPath {
    /// Its place with all symbolic links resolved: two paths with the same place are the same.
    real: PathBuf,
    /// The place as given: its own name is kept even if that is a symbolic link, because names have a
    /// meaning.
    named: PathBuf,
    is_directory: bool,
}

impl Given {
    /// Finds every given path.
    ///
    /// # Errors
    /// All paths that cannot be found or opened: the others alone are not what the user asked for.
    pub(super) fn locate(input: &Input) -> Result<Given, ReadError> {
        let (mut places, mut wrong) = (Vec::new(), Vec::new());
        for path in &input.paths {
            match place(path) {
                Ok(place) => places.push(place),
                Err(message) => wrong.push(message),
            }
        }
        if !wrong.is_empty() {
            return Err(ReadError::Paths(wrong));
        }
        let one_directory = matches!(places.as_slice(), [one] if one.is_directory);
        if let [one] = places.as_mut_slice()
            && one.is_directory
        {
            // Its own name is not part of any path below it.
            one.named.clone_from(&one.real);
        }
        nest(&mut places);
        let Some(common) = common(&places) else {
            return Given::current_directory();
        };
        let root = std::fs::canonicalize(&common)
            .map_err(|e| ReadError::Paths(vec![cannot_read(&common, &plain(&e))]))?;
        let mut given = Given {
            shown: (!one_directory).then(|| shown(&root)),
            root,
            ..Given::default()
        };
        for place in places {
            let below = place.named.strip_prefix(&common).unwrap_or(&place.named);
            let all = if place.is_directory {
                &mut given.directories
            } else {
                &mut given.files
            };
            all.insert(below.to_path_buf(), place.real);
        }
        Ok(given)
    }

    /// Only standard input: statements about it are in the current directory.
    fn current_directory() -> Result<Given, ReadError> {
        let here = std::env::current_dir().and_then(std::fs::canonicalize);
        here.map(|root| Given {
            root,
            ..Given::default()
        })
        .map_err(|e| ReadError::Paths(vec![cannot_read(Path::new("."), &plain(&e))]))
    }

    /// Whether everything below the root was given.
    pub(super) fn is_whole(&self) -> bool {
        self.directories.contains_key(Path::new(""))
    }

    /// The given paths, unless they are everything below the root.
    pub(super) fn parts(&self, stdin: bool) -> Option<BTreeSet<PathBuf>> {
        let paths = self.directories.keys().chain(self.files.keys()).cloned();
        let stdin = stdin.then(|| PathBuf::from(super::STDIN));
        (!self.is_whole()).then(|| paths.chain(stdin).collect())
    }
}

fn place(path: &Path) -> Result<GivenPath, String> {
    let wrong = |e: std::io::Error| cannot_read(path, &plain(&e));
    let meta = std::fs::metadata(path).map_err(wrong)?;
    let real = std::fs::canonicalize(path).map_err(wrong)?;
    if meta.is_dir() {
        std::fs::read_dir(&real).map_err(wrong)?;
    } else if !meta.is_file() {
        let why = "it is neither a file nor a directory; to check a stream, pipe it in and give `-`";
        return Err(cannot_read(path, why));
    }
    let named = named(path).unwrap_or_else(|| real.clone());
    Ok(GivenPath {
        real,
        named,
        is_directory: meta.is_dir(),
    })
}

fn cannot_read(path: &Path, why: &str) -> String {
    format!("cannot read {}: {why}", path.display())
}

/// The place of a path whose last part is a name: the name, in its directory without symbolic links. `None`
/// for `.`, `..` and `/`.
pub(super) fn named(path: &Path) -> Option<PathBuf> {
    let parent = match path.parent()? {
        empty if empty.as_os_str().is_empty() => Path::new("."),
        parent => parent,
    };
    Some(std::fs::canonicalize(parent).ok()?.join(path.file_name()?))
}

/// Gives a path inside another given directory its name below that one, so that it is read once.
fn nest(places: &mut [GivenPath]) {
    let directories: HashMap<PathBuf, PathBuf> = (places.iter().rev())
        .filter(|place| place.is_directory)
        .map(|place| (place.real.clone(), place.named.clone()))
        .collect();
    for place in places {
        let mut above: Vec<&Path> = place.real.ancestors().collect();
        // The outermost directory decides.
        above.reverse();
        if let Some((outer, named)) = above.into_iter().find_map(|a| directories.get_key_value(a))
            && let Ok(below) = place.real.strip_prefix(outer)
        {
            place.named = if below.as_os_str().is_empty() {
                named.clone()
            } else {
                named.join(below)
            };
        }
    }
}

/// The nearest directory that contains, or is, all places.
fn common(places: &[GivenPath]) -> Option<PathBuf> {
    let mut directories = places.iter().map(|place| {
        let parent = place.named.parent().filter(|_| !place.is_directory);
        parent.unwrap_or(&place.named)
    });
    let first = directories.next()?;
    let common = directories.fold(first, |common, directory| {
        (common.ancestors())
            .find(|above| directory.starts_with(above))
            .unwrap_or(common)
    });
    Some(common.to_path_buf())
}

/// A directory in readable form: relative to the current directory, if it is below.
fn shown(directory: &Path) -> PathBuf {
    let here = std::env::current_dir().and_then(std::fs::canonicalize);
    match here
        .as_ref()
        .ok()
        .and_then(|here| directory.strip_prefix(here).ok())
    {
        Some(below) if below.as_os_str().is_empty() => PathBuf::from("."),
        Some(below) => below.to_path_buf(),
        None => directory.to_path_buf(),
    }
}
