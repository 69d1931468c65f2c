//! Edits of a platform's files, of all of them at once.

use cofferdam_audit::Finding;
use std::collections::BTreeSet;
use std::path::Path;

/// Paths and texts.
pub(super) type Files = Vec<(String, String)>;

/// A change of files.
#[derive(Debug, Clone)]
pub(super) enum Edit {
    /// The text of one file; `what` is for whoever reads the failure of a test.
    Text {
        path: String,
        text: String,
        #[allow(dead_code, reason = "printed when a test fails")]
        what: String,
    },
    /// The order of the files: they begin with this one, and are reversed.
    Order { first: usize, reversed: bool },
    /// A directory, and its name in kustomizations.
    Directory { from: &'static str, to: &'static str },
    /// A word, wherever it is.
    Word { from: String, to: String },
}

impl Edit {
    pub(super) fn apply(&self, files: &Files) -> Files {
        let mut files = files.clone();
        match self {
            Edit::Text { path, text, .. } => {
                let file = files.iter_mut().find(|(known, _)| known == path).unwrap();
                file.1.clone_from(text);
            }
            Edit::Order { first, reversed } => {
                files.rotate_left(*first);
                if *reversed {
                    files.reverse();
                }
            }
            Edit::Directory { from, to } => {
                for (path, text) in &mut files {
                    if let Some(rest) = path.strip_prefix(from) {
                        *path = format!("{to}{rest}");
                    }
                    if path.ends_with("kustomization.yaml") {
                        *text = replaced(text, name(from), name(to));
                    }
                }
            }
            Edit::Word { from, to } => {
                for (path, text) in &mut files {
                    *path = replaced(path, from, to);
                    *text = replaced(text, from, to);
                }
            }
        }
        files
    }
}

/// The name of a directory.
fn name(path: &str) -> &str {
    path.trim_end_matches('/').rsplit('/').next().unwrap_or_default()
}

/// A text in which a word is another one, where it is not a part of a longer word.
fn replaced(text: &str, from: &str, to: &str) -> String {
    let is_part = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_');
    let mut out = String::new();
    let mut done = 0;
    for (at, _) in text.match_indices(from) {
        let end = at + from.len();
        if !text[..at].ends_with(is_part) && !text[end..].starts_with(is_part) {
            out.push_str(&text[done..at]);
            out.push_str(to);
            done = end;
        }
    }
    out + &text[done..]
}

/// The files of an example.
pub(super) fn example(name: &str) -> Files {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../examples")
        .join(name);
    let mut files = Vec::new();
    collect(&root, &root, &mut files);
    files.sort();
    files
}

fn collect(root: &Path, directory: &Path, files: &mut Files) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(root, &path, files);
        } else {
            let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
            files.push((name, std::fs::read_to_string(&path).unwrap()));
        }
    }
}

fn is_yaml(path: &str) -> bool {
    path.ends_with(".yaml") || path.ends_with(".yml")
}

fn text(path: &str, text: String, what: impl Into<String>) -> Edit {
    Edit::Text {
        path: path.to_owned(),
        text,
        what: what.into(),
    }
}

/// Comments above everything, in each file that has comments.
pub(super) fn moved_lines(files: &Files) -> Vec<Edit> {
    let with_comments = files.iter().filter(|(path, _)| {
        is_yaml(path) || path.ends_with(".tf") || path.ends_with(".tfvars") || path.ends_with(".py")
    });
    with_comments
        .map(|(path, old)| text(path, format!("# One.\n\n# Two.\n{old}"), "comments above"))
        .collect()
}

pub(super) fn reordered_files(files: &Files) -> Vec<Edit> {
    let starts = (0..files.len()).step_by(files.len() / 4);
    let both = starts.flat_map(|first| [false, true].map(|reversed| Edit::Order { first, reversed }));
    both.collect()
}

pub(super) fn reordered_documents(files: &Files) -> Vec<Edit> {
    let several = files
        .iter()
        .filter(|(path, text)| is_yaml(path) && text.contains("\n---\n"));
    several
        .map(|(path, old)| {
            let mut documents: Vec<String> = old
                .split("\n---\n")
                .map(|one| one.trim_end().to_owned())
                .collect();
            documents.reverse();
            text(path, documents.join("\n---\n") + "\n", "documents reversed")
        })
        .collect()
}

/// The keys at the top of each document in reverse order.
pub(super) fn reordered_keys(files: &Files) -> Vec<Edit> {
    let is_key = |line: &str| line.starts_with(|c: char| c.is_alphabetic()) && line.contains(':');
    let reorder = |document: &str| -> String {
        let mut blocks: Vec<String> = vec![String::new()];
        for line in document.lines() {
            if is_key(line) {
                blocks.push(String::new());
            }
            let block = blocks.last_mut().unwrap();
            block.push_str(line);
            block.push('\n');
        }
        blocks[1..].reverse();
        blocks.concat()
    };
    let objects = files
        .iter()
        .filter(|(path, text)| is_yaml(path) && text.contains("apiVersion:"));
    objects
        .map(|(path, old)| {
            let documents: Vec<String> = old.split("---\n").map(reorder).collect();
            text(path, documents.join("---\n"), "keys reversed")
        })
        .collect()
}

/// Directories whose names say nothing of what is in them.
pub(super) fn renamed_directories() -> Vec<Edit> {
    [
        ("k8s/base/shared/", "k8s/base/together/"),
        ("k8s/base/security/", "k8s/base/walls/"),
        ("k8s/base/kafka/", "k8s/base/broker/"),
        ("ops/", "operations/"),
        ("monitoring/", "metrics/"),
    ]
    .map(|(from, to)| Edit::Directory { from, to })
    .into()
}

/// Keys whose values are figures.
const FIGURES: &[&str] = &[
    "replicas",
    "minReplicas",
    "maxReplicas",
    "min_replicas",
    "max_replicas",
    "cpu",
    "memory",
    "partitions",
    "averageUtilization",
    "stabilizationWindowSeconds",
    "terminationGracePeriodSeconds",
    "periodSeconds",
    "failureThreshold",
    "timeoutSeconds",
    "initialDelaySeconds",
    "requests_per_second",
    "connection_limit",
    "pool_size",
    "max_overflow",
    "pool_timeout",
    "max_connections",
    "default_pool_size",
    "threshold_duration",
    "aggregation_window",
    "aggregation_delay",
    "retained_backups",
    "session_timeout_ms",
    "max_poll_records",
    "replication_lag",
    "ttl",
];

/// One more of something, at each place where such a figure is written.
pub(super) fn changed_figures(files: &Files) -> Vec<Edit> {
    let mut edits = Vec::new();
    for (path, old) in files {
        let mut start = 0;
        for line in old.split_inclusive('\n') {
            if let Some((at, end)) = figure(line) {
                let number: u64 = line[at..end].parse().unwrap();
                let line = format!("{}{}{}", &line[..at], number + 1, &line[end..]);
                let rest = &old[start..][old[start..].find('\n').map_or(old.len() - start, |at| at + 1)..];
                edits.push(text(path, format!("{}{line}{rest}", &old[..start]), line.trim()));
            }
            start += line.len();
        }
    }
    edits
}

/// Where the number of a line is.
fn figure(line: &str) -> Option<(usize, usize)> {
    let separator = line.find([':', '='])?;
    let key = line[..separator].trim().trim_start_matches("- ");
    if !FIGURES.contains(&key) {
        return None;
    }
    let digits = |c: char| c.is_ascii_digit();
    let at = separator + 1 + line[separator + 1..].find(|c: char| !matches!(c, ' ' | '"'))?;
    let length = line[at..].find(|c| !digits(c)).unwrap_or(line.len() - at);
    // A large number may stand for a version or an identifier.
    (1..=7).contains(&length).then_some((at, at + length))
}

/// What people could rename: names, namespaces and kinds of the subjects of findings, if files say them so. Names that are
/// composed of several (`${name}-production`) are in no file.
pub(super) fn names(findings: &[Finding], files: &Files) -> BTreeSet<String> {
    let subjects = || findings.iter().map(|finding| &finding.subject);
    let names = subjects()
        .flat_map(|subject| [Some(subject.name()), subject.namespace()])
        .flatten();
    let kinds = subjects().map(|subject| subject.kind());
    let is_object = |kind: &&str| kind.starts_with(|c: char| c.is_uppercase()) && !kind.contains(' ');
    // The words of a schema are not people's.
    let causes = findings.iter().filter(|finding| finding.cause.what() != "field");
    let causes = causes.filter_map(|finding| finding.cause.of());
    let all = names
        .chain(kinds.filter(is_object))
        .chain(causes)
        .filter(|name| name.len() > 3);
    let is_written = |name: &&str| files.iter().any(|(_, text)| replaced(text, name, "") != *text);
    all.filter(is_written).map(str::to_owned).collect()
}

/// Whether a finding is about something with this name.
pub(super) fn is_about(finding: &Finding, name: &str) -> bool {
    let subject = &finding.subject;
    subject.name() == name
        || finding.cause.of() == Some(name)
        || subject.namespace() == Some(name)
        || subject.kind() == name && name.starts_with(|c: char| c.is_uppercase())
}

pub(super) fn rename(name: &str) -> Edit {
    word(name, &format!("{name}x"))
}

pub(super) fn word(from: &str, to: &str) -> Edit {
    Edit::Word {
        from: from.to_owned(),
        to: to.to_owned(),
    }
}
