//! What was read and what was not, for the report's summary.

use super::formats::{FORMATS, Reads};
use super::sources::Sources;
use crate::cloud_run;
use cofferdam_model::units::count;
use cofferdam_model::{Environment, Platform, Span, UnreadableFile};
use cofferdam_syntax::hash::HashMap;
use cofferdam_syntax::repo::{Repo, Unreadable};
use cofferdam_syntax::yaml;
use std::collections::BTreeSet;
use std::path::Path;

pub(super) fn unreadable_file(unreadable: &Unreadable) -> UnreadableFile {
    UnreadableFile {
        path: unreadable.path.clone(),
        span: unreadable.span,
        message: unreadable.message.clone(),
    }
}

/// Objects whose keys were dropped, each once.
pub(super) fn withheld(environments: &[Environment], repo: &Repo) -> Vec<UnreadableFile> {
    let objects = environments.iter().flat_map(|env| &env.config_objects);
    let spans: BTreeSet<Span> = objects
        .filter(|object| object.withheld)
        .map(|object| object.span)
        .collect();
    let note = |span: Span| UnreadableFile {
        path: repo.sources.path(span.file).to_path_buf(),
        span: Some(span),
        message: crate::settings::withheld::WHY.to_owned(),
    };
    spans.into_iter().map(note).collect()
}

/// Fills in what was read and what was not. `documents` are the formats of files that were read one by one.
pub(super) fn fill(sources: &Sources<'_>, documents: &[(&Path, &'static str)], platform: &mut Platform) {
    let mut formats: HashMap<&Path, &str> = documents.iter().copied().collect();
    // The trees of builds bear the path of a directory.
    let directories = (sources.built.builds.iter().map(|b| b.dir.as_path()))
        .chain(sources.releases.iter().map(|r| r.dir.as_path()));
    for directory in directories {
        formats.remove(directory);
    }
    for format in FORMATS {
        if let Reads::Together(files) = &format.reads {
            for path in files(sources) {
                let known = formats.entry(path).or_insert(format.name);
                // A file that is built counts for the tool that builds it; one that only names a command does not.
                if ![cloud_run::FORMAT, "helm commands"].contains(&format.name) {
                    *known = format.name;
                }
            }
        }
    }
    // What a release of a chart from elsewhere names was read too.
    let known = |path: &&Path| sources.repo.files.contains_key(path);
    for release in platform.scope.releases.values() {
        let named = release
            .by
            .iter()
            .chain(&release.values)
            .map(|path| path.as_path());
        for path in named.filter(known) {
            formats.entry(path).or_insert("Helm");
        }
    }
    // A Dockerfile alone describes no platform.
    if !formats.is_empty() {
        let files = sources.dockerfiles.values().flatten();
        formats.extend(files.map(|file| (file.path(), "Dockerfile")));
    }
    let config = platform.reading.config.clone();
    let reading = &mut platform.reading;
    for format in formats.values() {
        *reading.formats.entry((*format).to_owned()).or_default() += 1;
    }
    reading
        .unreadable
        .extend(sources.repo.unreadable.iter().map(unreadable_file));
    reading.unreadable.extend(
        sources
            .built
            .builds
            .iter()
            .filter_map(|b| b.failed.as_ref())
            .map(unreadable_file),
    );
    reading
        .unreadable
        .extend(sources.terraform.problems.iter().map(unreadable_file));
    for (path, stream) in &sources.repo.yaml {
        if stream.errors.is_empty() && stream.problems.is_empty()
            || sources.repo.links.contains_key(path)
            || sources.terraform.claimed.contains(path)
            || sources.charts.consumed.contains(path)
        {
            continue;
        }
        let told = |problem: &yaml::Problem| UnreadableFile {
            path: path.clone(),
            span: Some(problem.span),
            message: problem.message.clone(),
        };
        if !stream.errors.is_empty() && looks_like_configuration(path, sources.repo.text(path).unwrap_or(""))
        {
            reading.unreadable.extend(stream.errors.iter().map(told));
        }
        if formats.contains_key(path.as_path()) {
            reading.notes.extend(stream.problems.iter().map(told));
        }
    }
    reading
        .unreadable
        .sort_by(|a, b| (&a.path, a.span).cmp(&(&b.path, b.span)));
    // A base that several overlays build is read once for each.
    reading.unreadable.dedup_by(|a, b| {
        let start = |one: &UnreadableFile| one.span.map(|span| (span.file, span.start));
        a.path == b.path && a.message == b.message && start(a) == start(b)
    });
    let unreadable: BTreeSet<&Path> = reading.unreadable.iter().map(|u| u.path.as_path()).collect();
    let is_told = |path: &Path| {
        formats.contains_key(path) || unreadable.contains(path) || config.as_deref() == Some(path)
    };
    let files = sources.repo.files.keys().chain(&sources.repo.passed_over);
    // A link to a file that is read at its own place is not skipped.
    let skipped = files.filter(|path| !sources.repo.links.contains_key(*path) && !is_told(path));
    reading.skipped = skipped.cloned().collect();
    reading.skipped.sort();
    reading.notes.extend(
        sources
            .built
            .notes
            .iter()
            .chain(&sources.charts.notes)
            .map(unreadable_file),
    );
    reading
        .notes
        .extend(sources.code_notes.iter().map(unreadable_file));
    reading
        .notes
        .extend(sources.repo.named_unfollowed().iter().map(unreadable_file));
    if let [first, others @ ..] = sources.repo.encrypted.as_slice() {
        let others = match others.len() {
            0 => String::new(),
            n => format!(" (the same is true for {})", count(n as u64, "other file")),
        };
        reading.notes.push(UnreadableFile {
            path: first.clone(),
            span: None,
            message: format!("is encrypted by git-crypt, not read{others}"),
        });
    }
    reading
        .notes
        .sort_by(|a, b| (&a.path, a.span).cmp(&(&b.path, b.span)));
}

/// Whether a YAML or JSON file that cannot be read is likely to be platform configuration; anything else
/// (a document with its own tags, a template of some other tool) is passed over.
pub(super) fn looks_like_configuration(path: &Path, text: &str) -> bool {
    let hidden_tool = path
        .iter()
        .any(|p| matches!(p.to_str(), Some(".github" | ".vscode" | ".idea" | ".circleci")));
    let is_template = text.contains("{{") || text.contains("{%");
    let keys = ["apiVersion", "kind", "containers", "environments", "services"];
    let words = ["replicas", "env_vars", "kafka", "deployment"];
    let is_ours = keys.iter().any(|key| has_key(text, key)) || words.iter().any(|word| text.contains(word));
    !hidden_tool && !is_template && is_ours
}

/// Whether a text has this key, as YAML or JSON writes it: `kind:`, `"kind": `.
fn has_key(text: &str, key: &str) -> bool {
    text.match_indices(key).any(|(at, _)| {
        let rest = &text[at + key.len()..];
        let rest = rest.strip_prefix(['"', '\'']).unwrap_or(rest);
        rest.trim_start_matches([' ', '\t']).starts_with(':')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_that_cannot_be_read_is_known_in_either_notation() {
        let is = |path: &str, text: &str| looks_like_configuration(Path::new(path), text);
        assert!(is("a.yaml", "kind: Pod\n\t"));
        assert!(is("a.json", "{\"apiVersion\":\"v1\" \"kind\""));
        assert!(is("a.json", "{\"kind\" : \"Pod\""));
        assert!(!is("a.json", "{\"name\": \"kind\" 1}"));
        assert!(!is(".vscode/a.json", "{\"kind\": 1 2}"));
        assert!(!is("a.yaml", "kind: {{ kind }}"));
    }
}
