//! The files of a platform: each read once and parsed once. All later code works on this and does not touch
//! the file system (the walk of `cofferdam-ingest` does), so that tests and fuzzers use the same path with
//! files from memory.

use crate::paths::PathMap;
use crate::source::{FileId, SourceFile, SourceMap, Span};
use crate::yaml::{self, Stream};
use ignore::gitignore::{Gitignore, GitignoreBuilder};
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ffi::OsStr;
use std::path::{Component, Path, PathBuf};
use std::sync::OnceLock;

/// Configuration files above this size are reported and not read; the largest real ones are far smaller.
pub const MAX_FILE_BYTES: u64 = 8 * 1024 * 1024;

/// Rules of a `.gitignore` that are used; more need much memory, and real ones have a few hundred bytes.
const MAX_GITIGNORE_BYTES: usize = 128 * 1024;

/// The first bytes of a file that git-crypt has encrypted.
const GIT_CRYPT: &[u8] = b"\0GITCRYPT\0";

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

/// A file, or a place in one, that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    /// Path below the root.
    pub path: PathBuf,
    /// Where in it, when the file's text is known.
    pub span: Option<Span>,
    /// What is wrong and what to do, in a sentence.
    pub message: String,
}

/// What a file name suggests; the content decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Yaml,
    Text,
    Other,
}

/// Whether a file with this name may be configuration, so that its content decides.
pub fn may_be_configuration(path: &Path) -> bool {
    kind(path) != Kind::Other
}

/// Whether the names of two files suggest the same.
pub fn are_alike(a: &Path, b: &Path) -> bool {
    kind(a) == kind(b)
}

fn kind(path: &Path) -> Kind {
    let name = path.file_name().map(OsStr::to_string_lossy).unwrap_or_default();
    let name = name.to_ascii_lowercase();
    if name == ".env" || name == ".secrets" || name.starts_with(".env.") || name.starts_with("dockerfile") {
        return Kind::Text;
    }
    if matches!(
        name.as_str(),
        ".gitignore" | ".gitmodules" | "procfile" | "package-lock.json" | "composer.lock"
    ) {
        return if name.starts_with(".git") {
            Kind::Text
        } else {
            Kind::Other
        };
    }
    if name == "makefile" || name.ends_with(".dockerfile") {
        return Kind::Text;
    }
    if name == "kustomization" {
        return Kind::Yaml;
    }
    match name.rsplit_once('.').map(|(_, e)| e) {
        Some("yaml" | "yml" | "json") => Kind::Yaml,
        Some(
            "tf" | "tfvars" | "hcl" | "env" | "properties" | "ini" | "conf" | "cnf" | "cfg" | "py" | "tpl"
            | "sh" | "bash" | "mk",
        ) => Kind::Text,
        _ => Kind::Other,
    }
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

/// What the bytes of a file are.
enum Read {
    /// A text, and whether it is YAML.
    Text(SourceFile, bool),
    /// One that git-crypt encrypted.
    Encrypted(PathBuf),
    Not(Unreadable),
}

impl Read {
    fn of((path, bytes): (PathBuf, Result<Vec<u8>, String>)) -> Read {
        let not = |path, message| {
            Read::Not(Unreadable {
                path,
                span: None,
                message,
            })
        };
        if path.to_str().is_none() {
            let message = "has a name that is not UTF-8 and was not read; rename it";
            return not(PathBuf::from(path.to_string_lossy().as_ref()), message.to_owned());
        }
        // Such a name would write lines of its own into reports and logs.
        if let Some(shown) = without_control(&path) {
            let message = "has a control character in its name and was not read; rename it";
            return not(shown, message.to_owned());
        }
        if bytes.as_ref().is_ok_and(|bytes| bytes.starts_with(GIT_CRYPT)) {
            return Read::Encrypted(path);
        }
        match bytes.and_then(to_text) {
            Ok(text) => {
                let is_yaml = kind(&path) == Kind::Yaml;
                Read::Text(SourceFile::new(path, text), is_yaml)
            }
            Err(message) => not(path, message),
        }
    }
}

/// Parts of values that aliases may add to all files together.
const MAX_ALIASED: usize = 4_000_000;
/// The same for one file of nearly any tree.
const FEW_ALIASED: usize = 2_500;
/// Files that are read side by side before their aliases are counted.
const ROUND: usize = 2048;

/// Reads the files as YAML. Those with unusually many aliases are read last, one by one, so that what is refused does
/// not depend on the number of threads.
fn parse_all(sources: &SourceMap, files: Vec<(PathBuf, FileId)>) -> PathMap<Stream> {
    let parse = |id: FileId, most: usize| {
        let stream = yaml::parse_file(&sources.file(id).text, id, (sources.chains(), most));
        let is_cut = stream.aliased > most;
        (stream, is_cut)
    };
    let mut left = MAX_ALIASED;
    let mut parsed = Vec::with_capacity(files.len());
    let mut again = Vec::new();
    for round in files.chunks(ROUND) {
        let most = left.min(FEW_ALIASED);
        let streams: Vec<(Stream, bool)> = round.par_iter().map(|(_, id)| parse(*id, most)).collect();
        for ((path, id), (stream, is_cut)) in round.iter().zip(streams) {
            if is_cut {
                again.push((parsed.len(), *id));
            } else {
                left = left.saturating_sub(stream.aliased);
            }
            parsed.push((path.clone(), stream));
        }
    }
    for (at, id) in again {
        let (stream, _) = parse(id, left.min(yaml::MAX_ALIASED));
        left = left.saturating_sub(stream.aliased);
        parsed[at].1 = stream;
    }
    parsed.into_iter().collect()
}

/// The path with a sign in place of each control character, if it has any.
fn without_control(path: &Path) -> Option<PathBuf> {
    let bytes = path.as_os_str().as_encoded_bytes();
    // Control characters above ASCII are two bytes in UTF-8, of which the first is 0xC2.
    if !bytes.iter().any(|b| *b < b' ' || matches!(b, 0x7f | 0xc2)) {
        return None;
    }
    let text = path.to_string_lossy();
    let shown = text.replace(char::is_control, "\u{FFFD}");
    (shown != text).then(|| PathBuf::from(shown))
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

/// The text of a file.
///
/// # Errors
/// The error in the bytes, as the end of a sentence about the file.
pub fn to_text(bytes: Vec<u8>) -> Result<String, String> {
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(format!(
            "is larger than {} MiB and was not read",
            MAX_FILE_BYTES / (1024 * 1024)
        ));
    }
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err("is UTF-16; save it as UTF-8".to_owned());
    }
    if memchr::memchr(0, &bytes[..bytes.len().min(8192)]).is_some() {
        return Err("is a binary file with a configuration file's name".to_owned());
    }
    String::from_utf8(bytes).map_err(|e| {
        let at = e.utf8_error().valid_up_to();
        let line = e.as_bytes()[..at].iter().filter(|b| **b == b'\n').count() + 1;
        format!("is not UTF-8: byte {at} (line {line}) is not valid; save it as UTF-8")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repo(files: &[(&str, &[u8])]) -> Repo {
        Repo::from_files(files.iter().map(|(p, b)| (PathBuf::from(p), b.to_vec())))
    }

    #[test]
    fn an_unreadable_file_is_reported_and_hides_no_other() {
        let repo = repo(&[
            ("a.yaml", b"a: 1"),
            ("bin.yaml", b"\0\x01"),
            ("latin.yaml", b"a: \xe9"),
            ("utf16.yaml", b"\xff\xfea\0"),
            ("photo.png", b"\x89PNG"),
            ("secrets/prod.yaml", b"\0GITCRYPT\0\x01"),
        ]);
        assert_eq!(repo.encrypted, [PathBuf::from("secrets/prod.yaml")]);
        assert!(repo.exists(Path::new("secrets/prod.yaml")));
        assert_eq!(repo.yaml.len(), 1);
        assert_eq!(repo.unreadable.len(), 3);
        assert_eq!(repo.passed_over, [PathBuf::from("photo.png")]);
    }

    #[test]
    fn a_path_from_the_repository_root_is_found_from_every_root() {
        let files: &[(&str, &[u8])] = &[
            ("a/README.md", b""),
            ("a/k8s/web/x.yaml", b"a: 1"),
            ("a/argo/k8s/y.yaml", b"a: 1"),
            ("b/k8s/z.yaml", b"a: 1"),
            ("b/deep/only/z.yaml", b"a: 1"),
            ("c/k8s/z.yaml", b"a: 1"),
        ];
        let mut repo = repo(files);
        // Behind a link is the same.
        let link = crate::links::Target::Directory(PathBuf::from("b"));
        repo.add_links([(PathBuf::from("zone"), link)].into());
        let found = |repo: &Repo, written: &str, by: &str| {
            let path = repo.from_top(Path::new(written), Path::new(by));
            path.map(|path| path.display().to_string())
        };
        let table = [
            ("a/k8s", "x.yaml", Some("a/k8s")),
            ("/a/k8s/", "x.yaml", Some("a/k8s")),
            ("./a/./k8s", "x.yaml", Some("a/k8s")),
            // The outermost directory around the file that has it is the top.
            ("k8s", "a/argo/app.yaml", Some("a/k8s")),
            ("k8s/y.yaml", "a/argo/app.yaml", Some("a/argo/k8s/y.yaml")),
            // Nothing around it has it: the only path that ends so, if it is more than a name.
            ("deep/only", "a/argo/app.yaml", Some("b/deep/only")),
            ("only", "a/argo/app.yaml", None),
            ("k8s/z.yaml", "a/argo/app.yaml", None),
            ("../a", "a/argo/app.yaml", None),
            ("gone/k8s", "a/argo/app.yaml", None),
        ];
        for (written, by, wanted) in table {
            assert_eq!(found(&repo, written, by).as_deref(), wanted, "{written} of {by}");
        }
        // Where a part of a repository was given, its paths begin above the root.
        repo.below = PathBuf::from("platform/all");
        assert_eq!(
            found(&repo, "platform/all/b/k8s", "x.yaml").as_deref(),
            Some("b/k8s")
        );
        assert_eq!(found(&repo, "platform/all/gone", "x.yaml"), None);
        assert_eq!(found(&repo, "b/k8s", "x.yaml").as_deref(), Some("b/k8s"));
    }

    #[test]
    fn a_file_with_a_control_character_in_its_name_is_reported_under_a_readable_name() {
        let repo = repo(&[
            ("a\n::error::x.yaml", b"a: 1"),
            ("b\u{9b}.yaml", b"a: 1"),
            ("é.yaml", b"a: 1"),
        ]);
        assert_eq!(repo.files.keys().collect::<Vec<_>>(), [Path::new("é.yaml")]);
        let shown: Vec<&Path> = repo.unreadable.iter().map(|u| u.path.as_path()).collect();
        assert_eq!(
            shown,
            [Path::new("a\u{FFFD}::error::x.yaml"), Path::new("b\u{FFFD}.yaml")]
        );
    }

    #[test]
    fn a_file_that_git_ignores_is_not_reported_as_missing() {
        let repo = repo(&[
            (".gitignore", b"*.secret.yaml\n"),
            ("k8s/.gitignore", b"local.env\n"),
        ]);
        assert!(repo.absent_by_design(Path::new("k8s/db.secret.yaml")));
        assert!(repo.absent_by_design(Path::new("k8s/local.env")));
        assert!(!repo.absent_by_design(Path::new("local.env")));
    }

    #[test]
    fn a_directory_of_a_submodule_is_not_reported_as_missing() {
        let repo = repo(&[("r/.gitmodules", b"[submodule \"s\"]\n\tpath = lib/s\n\turl = x\n")]);
        assert!(repo.absent_by_design(Path::new("r/lib/s/modules/a")));
        assert!(!repo.absent_by_design(Path::new("r/lib/t")));
    }

    #[test]
    fn nothing_is_missing_if_no_directory_was_given() {
        let mut repo = repo(&[("k8s/a.yaml", b"a: 1")]);
        assert!(!repo.absent_by_design(Path::new("k8s/b.yaml")));
        assert!(repo.is_given(Path::new("")));
        repo.given = Some(["k8s/a.yaml".into(), "base".into()].into());
        assert!(repo.absent_by_design(Path::new("k8s/b.yaml")));
        assert!(!repo.absent_by_design(Path::new("base/b.yaml")));
        assert!(!repo.is_given(Path::new("k8s")) && !repo.is_given(Path::new("")));
    }

    #[test]
    fn all_files_share_what_aliases_may_add() {
        let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for n in 1..5 {
            let all = vec![format!("*a{}", n - 1); 10].join(", ");
            text += &format!("a{n}: &a{n} [{all}]\n");
        }
        let small = "a: &a {x: 1}\nb: *a\n";
        let paths = (0..60).map(|n| format!("f{n:02}.yaml"));
        let files = paths.map(|path| (PathBuf::from(path), text.clone().into_bytes()));
        let small = [("z.yaml", small)].map(|(p, t)| (PathBuf::from(p), t.as_bytes().to_vec()));
        let repo = Repo::from_files(files.chain(small));
        let cut: Vec<&PathBuf> = (repo.yaml.iter())
            .filter(|(_, stream)| !stream.errors.is_empty())
            .map(|(path, _)| path)
            .collect();
        // Those that come first are read, and one with few aliases always.
        assert!((10..58).contains(&cut.len()), "{}", cut.len());
        assert!(cut.iter().all(|path| path.as_path() > Path::new("f01.yaml")));
        assert!(!cut.contains(&&PathBuf::from("z.yaml")));
    }

    #[test]
    fn paths_are_normalised_without_a_file_system() {
        assert_eq!(normalise(Path::new("a/./b/../c")), PathBuf::from("a/c"));
        assert_eq!(normalise(Path::new("a/../../c")), PathBuf::from("../c"));
    }
}
