//! Templates outside charts that must be filled in before they are applied: they are not YAML yet, and the
//! result of a parser has no meaning. They are reported as not read, each kind once.

use cofferdam_model::units::count;
use cofferdam_syntax::hash::HashSet;
use cofferdam_syntax::repo::{Repo, Unreadable};
use cofferdam_syntax::tree::{Node, Value};
use cofferdam_syntax::yaml::Stream;
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Endings of templates.
pub(crate) const ENDINGS: &[&str] = &[
    "j2", "jinja", "jinja2", "tmpl", "tpl", "template", "gotmpl", "erb", "mustache", "hbs", "ejs",
];
/// Endings before those, of files that would be read.
const CONFIGURATION: &[&str] = &[
    "yaml",
    "yml",
    "json",
    "tf",
    "tfvars",
    "properties",
    "ini",
    "env",
    "conf",
];

/// Why a file is a template.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Why {
    /// Its ending.
    Ending,
    /// The name of a directory above it is a placeholder.
    Directory,
    /// `{{ … }}` or `{% … %}` in place of YAML.
    Braces,
    /// `#NAME#` in place of a value.
    Hashes,
}

impl Why {
    fn text(self) -> &'static str {
        match self {
            Why::Ending => "its ending is that of a template",
            Why::Directory => "the name of a directory above it is a placeholder",
            Why::Braces => "it has `{{ … }}` or `{% … %}` in place of YAML",
            Why::Hashes => "it has `#NAME#` in place of a value",
        }
    }
}

/// The templates that were found.
pub(crate) struct Templates {
    /// One note for each kind.
    pub(crate) notes: Vec<Unreadable>,
    /// How many files they are.
    pub(crate) count: usize,
    /// Those that would be objects of Kubernetes.
    pub(crate) manifests: Vec<PathBuf>,
}

/// Removes the templates of `repo` from the files that readers see, and returns those that were found.
pub(crate) fn set_aside(repo: &mut Repo) -> Templates {
    let mut found: BTreeMap<Why, BTreeSet<PathBuf>> = BTreeMap::new();
    let charts: HashSet<PathBuf> = repo
        .yaml
        .keys()
        .filter(|path| {
            path.file_name()
                .is_some_and(|name| name.eq_ignore_ascii_case("chart.yaml"))
        })
        .filter_map(|path| Some(path.parent()?.join("templates")))
        .collect();
    let in_chart =
        |path: &Path| !charts.is_empty() && path.ancestors().skip(1).any(|above| charts.contains(above));
    let paths: Vec<&PathBuf> = repo.files.keys().chain(&repo.passed_over).collect();
    let named: Vec<(Why, &PathBuf)> = (paths.into_par_iter())
        .filter_map(|path| match has_open_name(path) {
            true => Some((Why::Directory, path)),
            false => (has_ending(path) && !in_chart(path)).then_some((Why::Ending, path)),
        })
        .collect();
    for (why, path) in named {
        found.entry(why).or_default().insert(path.clone());
    }
    let unreadable = repo.unreadable.iter().any(|file| has_open_name(&file.path));
    if unreadable || found.contains_key(&Why::Directory) {
        repo.exclude(has_open_name);
    }
    let streams: Vec<(&PathBuf, &Stream)> = repo.yaml.iter().collect();
    let written: Vec<(Why, &PathBuf)> = (streams.into_par_iter())
        .filter(|(path, _)| !in_chart(path) && !repo.links.contains_key(*path))
        .filter_map(|(path, stream)| {
            // The documents know their file; a search by path in a large repository costs more than a look at the
            // text.
            let text = match stream.documents.first() {
                Some(document) => &*repo.sources.file(document.span.file).text,
                None => repo.text(path).unwrap_or_default(),
            };
            Some((why(stream, text)?, path))
        })
        .collect();
    for (why, path) in written {
        found.entry(why).or_default().insert(path.clone());
    }
    if !found.is_empty() {
        let is_found = |path: &Path| found.values().any(|paths| paths.contains(path));
        let links = &repo.links;
        repo.yaml
            .retain(|path| !is_found(path) && !links.get(path).is_some_and(|real| is_found(real)));
    }
    let is_manifest = |path: &&PathBuf| {
        let text = repo.text(path).unwrap_or("");
        let has = |key: &str| text.lines().any(|line| line.starts_with(key));
        has("apiVersion:") && has("kind:")
    };
    Templates {
        manifests: found.values().flatten().filter(is_manifest).cloned().collect(),
        count: found.values().map(BTreeSet::len).sum(),
        notes: found
            .into_iter()
            .filter_map(|(why, paths)| note(why, &paths))
            .collect(),
    }
}

fn note(why: Why, paths: &BTreeSet<PathBuf>) -> Option<Unreadable> {
    let first = paths.first()?;
    let others = match paths.len() - 1 {
        0 => String::new(),
        n => format!(" (the same is true for {})", count(n as u64, "other file")),
    };
    Some(Unreadable {
        path: first.clone(),
        span: None,
        message: format!("template, not read: {}{others}", why.text()),
    })
}

/// Whether a directory of this path has a name such as `{{cookiecutter.name}}`.
fn has_open_name(path: &Path) -> bool {
    let bytes = path.as_os_str().as_encoded_bytes();
    bytes.windows(2).any(|pair| matches!(pair, b"{{" | b"{%" | b"[["))
}

/// Whether a name is that of a template of configuration: `values.yaml.j2`.
fn has_ending(path: &Path) -> bool {
    let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default();
    let ending = |name: &str, known: &[&str]| {
        let (stem, ending) = name.rsplit_once('.')?;
        known
            .iter()
            .any(|k| ending.eq_ignore_ascii_case(k))
            .then(|| stem.to_owned())
    };
    ending(name, ENDINGS).is_some_and(|stem| ending(&stem, CONFIGURATION).is_some())
}

fn why(stream: &Stream, text: &str) -> Option<Why> {
    // Looking for one byte is far cheaper than looking for two, and most files have none.
    let braces = text.contains('{') && (text.contains("{{") || text.contains("{%"));
    let control = || text.lines().any(|line| line.trim_start().starts_with("{%"));
    if braces && (!stream.errors.is_empty() || control() || stream.documents.iter().any(|d| is_open(d, text)))
    {
        return Some(Why::Braces);
    }
    (text.contains('#') && text.contains(": #") && text.lines().any(has_hashes)).then_some(Why::Hashes)
}

/// Whether a value of the tree is `{{ … }}` without quotes, which YAML reads as a map in a map.
fn is_open(node: &Node, text: &str) -> bool {
    match &node.value {
        Value::Map(map) => {
            let start = node.span.start as usize;
            text.get(start..).is_some_and(|rest| rest.starts_with("{{"))
                || map.iter().any(|(_, value)| is_open(value, text))
        }
        Value::Seq(items) => items.iter().any(|item| is_open(item, text)),
        Value::Scalar(_) | Value::Null | Value::Unknown(_) => false,
    }
}

/// Whether a line has `#NAME#` as its value, which YAML reads as a comment.
fn has_hashes(line: &str) -> bool {
    let Some((key, value)) = line.split_once(": #") else {
        return false;
    };
    let key = key.trim_start().trim_start_matches("- ");
    let plain = !key.is_empty()
        && key
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"_.-/".contains(&b));
    let name = value.split_once('#').map_or("", |(name, _)| name);
    plain
        && name.len() > 1
        && name
            .bytes()
            .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(files: &[(&str, &str)]) -> (Repo, Vec<String>) {
        let files = files
            .iter()
            .map(|(p, t)| (PathBuf::from(p), t.as_bytes().to_vec()));
        let mut repo = Repo::from_files(files);
        let Templates { notes, count, .. } = set_aside(&mut repo);
        assert!(count >= notes.len());
        (
            repo,
            notes
                .into_iter()
                .map(|n| format!("{}: {}", n.path.display(), n.message))
                .collect(),
        )
    }

    #[test]
    fn templates_are_listed_and_not_read() {
        let (repo, notes) = read(&[
            (
                "a/quota.yaml",
                "kind: A\nmetadata:\n  namespace: {{ namespace }}\n",
            ),
            ("a/list.yaml", "items: [{{ x }}]\n"),
            ("a/loop.yaml", "a: 1\n{% if x %}\nb: 2\n{% endif %}\n"),
            ("b/deploy.yaml.j2", "a: 1\n"),
            ("b/main.tf.tmpl", "a: 1\n"),
            ("c/service.yml", "metadata:\n  name: #SERVICE_NAME#-web\n"),
            ("{{cookiecutter.name}}/k8s/a.yaml", "a: 1\n"),
            ("{{cookiecutter.name}}/main.tf", "locals {}\n"),
        ]);
        assert!(repo.yaml.is_empty(), "{:?}", repo.yaml.keys());
        assert!(
            !repo
                .files
                .contains_key(Path::new("{{cookiecutter.name}}/main.tf"))
        );
        assert_eq!(notes.len(), 4, "{notes:#?}");
        assert!(notes.iter().all(|note| note.contains("template, not read")));
        assert!(notes[0].starts_with("b/deploy.yaml.j2") && notes[0].contains("1 other file"));
        assert!(notes[2].contains("2 other files"), "{notes:#?}");
    }

    #[test]
    fn a_file_with_braces_only_in_its_strings_is_read() {
        let texts = [
            (
                "rules.yaml",
                "summary: \"{{ $labels.pod }} is down\"\nother: 'x {{ y }}'\n",
            ),
            (
                "cm.yaml",
                "data:\n  alert.tmpl: |\n    {{ define \"x\" }}\n    {{ end }}\n",
            ),
            ("flow.yaml", "a: {b: {c: 1}}\nd: ${{ secrets.X }}\n"),
            ("comment.yaml", "a: # A# and more\nb: #1 choice\nc: 1 # SEE#2\n"),
            ("chart/Chart.yaml", "name: c\nversion: 1.0.0\n"),
            ("chart/templates/a.yaml", "a: {{ .Values.x }}\n"),
            ("chart/templates/b.yaml.tpl", "a: {{ .Values.x }}\n"),
            ("broken.yaml", "a: [1\n"),
        ];
        let (repo, notes) = read(&texts);
        assert_eq!(notes, Vec::<String>::new());
        assert_eq!(repo.yaml.len(), texts.len() - 1);
    }
}
