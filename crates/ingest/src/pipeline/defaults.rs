//! Which values are defaults, so that what installs or runs a thing may set others: those of charts that nothing here
//! installs, and those of variables that something which was not read may set.

use super::partial;
use super::sources::{Release, Sources};
use crate::compose;
use cofferdam_model::{FileId, Span};
use cofferdam_render::kustomize::Build;
use cofferdam_syntax::hash::HashSet;
use std::collections::BTreeSet;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// Files of values of charts that nothing here installs, and files of bases that nothing here uses: what they say are
/// defaults.
pub(super) fn files(sources: &Sources<'_>) -> BTreeSet<FileId> {
    let is_chart = |path: &Path| path.file_name().is_some_and(|name| name == "Chart.yaml");
    let files = of_charts(sources).filter(|(path, _)| !is_template(path) && !is_chart(path));
    let mut found: BTreeSet<FileId> = files.map(|(_, id)| id).collect();
    let (bases, built): (Vec<&Build>, Vec<&Build>) =
        (sources.built.builds.iter()).partition(|build| sources.is_unused_base(build));
    let of_bases = bases.into_iter().flat_map(partial::files);
    let of_others: BTreeSet<FileId> = built.into_iter().flat_map(partial::files).collect();
    found.extend(of_bases.filter(|file| !of_others.contains(file)));
    found
}

/// Places of values that hold only where nothing sets another one.
pub(super) fn values(sources: &Sources<'_>) -> BTreeSet<Span> {
    let mut found = of_terraform(sources);
    for (path, id) in of_charts(sources).filter(|(path, _)| is_template(path)) {
        let text = sources.repo.text(path).unwrap_or_default();
        let places = by_values(text).into_iter().chain(containers_by_values(text));
        found.extend(places.map(|range| Span::new(id, range.start, range.end)));
    }
    for (path, id) in with_unread_values(sources) {
        let text = sources.repo.text(path).unwrap_or_default();
        let places = by_values(text).into_iter().chain(containers_by_values(text));
        found.extend(places.map(|range| Span::new(id, range.start, range.end)));
    }
    found.extend(&sources.composed.overridden);
    let own = sources.repo.yaml.iter();
    for (path, stream) in own.filter(|(path, _)| !sources.repo.links.contains_key(*path)) {
        for document in stream.documents.iter().filter(|d| compose::is_compose(d, path)) {
            found.extend(compose::default_images(document, sources.repo, path));
        }
    }
    found
}

/// Every file of the charts that nothing here installs.
fn of_charts<'s>(sources: &'s Sources<'_>) -> impl Iterator<Item = (&'s Path, FileId)> {
    let directories = sources.releases.iter().filter(|r| r.by_default);
    let directories: HashSet<&Path> = directories.map(|r| r.dir.as_path()).collect();
    let files = sources.repo.files.iter();
    files
        .filter(move |(path, _)| {
            !directories.is_empty() && path.ancestors().any(|above| directories.contains(above))
        })
        .map(|(path, id)| (path.as_path(), *id))
}

/// The templates of charts whose releases get values that cannot be read: encrypted files of the same name as those that
/// are read (`config/prod.yaml` and `secrets/config/prod.yaml`), which override them.
fn with_unread_values<'s>(sources: &'s Sources<'_>) -> Vec<(&'s Path, FileId)> {
    let is_yaml = |path: &&PathBuf| path.extension().is_some_and(|e| e == "yaml" || e == "yml");
    let encrypted: Vec<&PathBuf> = sources.repo.encrypted.iter().filter(is_yaml).collect();
    if encrypted.is_empty() {
        return Vec::new();
    }
    let is_beside = |read: &Path, unread: &Path| {
        read.file_name() == unread.file_name()
            && sources.projects.of_path(read) == sources.projects.of_path(unread)
    };
    let is_open = |release: &&Release| {
        let mut values = release.of.values.iter();
        values.any(|read| encrypted.iter().any(|unread| is_beside(read, unread)))
    };
    let open: HashSet<&Path> = (sources.releases.iter().filter(is_open))
        .map(|release| release.dir.as_path())
        .collect();
    let files = sources.repo.files.iter();
    files
        .filter(|(path, _)| is_template(path) && path.ancestors().any(|above| open.contains(above)))
        .map(|(path, id)| (path.as_path(), *id))
        .collect()
}

/// The first lines of containers whose template takes settings from values, so that these may set what it lacks.
fn containers_by_values(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut lines: Vec<(usize, &str)> = Vec::new();
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        lines.push((at, line));
        at += line.len();
    }
    let indent = |line: &str| line.len() - line.trim_start().len();
    for (number, (start, line)) in lines.iter().enumerate() {
        if !line.trim_start().starts_with("- name:") {
            continue;
        }
        let own = indent(line);
        let is_inside = |line: &str| {
            let is_action = line.trim_start().starts_with("{{");
            line.trim().is_empty() || is_action || indent(line) > own
        };
        let block = lines[number + 1..].iter().take_while(|(_, line)| is_inside(line));
        let takes =
            |line: &str| line.contains(".Values") && (line.contains("toYaml") || line.contains("resources"));
        let is_image = |line: &str| line.trim_start().starts_with("image:");
        let block: Vec<&str> = block.map(|(_, line)| *line).collect();
        if block.iter().any(|line| is_image(line)) && block.iter().any(|line| takes(line)) {
            found.push(*start..start + line.trim_end().len());
        }
    }
    found
}

fn is_template(path: &Path) -> bool {
    let above = path.ancestors().skip(1);
    above
        .filter_map(|dir| dir.file_name())
        .any(|name| name == "templates")
}

/// The parts of a template that values decide: what stands in a branch, and lines with a value in them. A literal that
/// stands outside of these is what every release has.
fn by_values(text: &str) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    // Blocks that are open, and the start of those that are branches.
    let mut open: Vec<Option<usize>> = Vec::new();
    let mut at = 0;
    while let Some(start) = text[at..].find("{{").map(|n| at + n) {
        let Some(end) = text[start..].find("}}").map(|n| start + n + 2) else {
            break;
        };
        at = end;
        let action = text[start + 2..end - 2].trim_start_matches('-').trim_start();
        let word = action.split(|c: char| !c.is_ascii_alphabetic()).next();
        let in_branch = open.iter().any(Option::is_some);
        match word.unwrap_or_default() {
            "if" | "with" | "range" => open.push(Some(start)),
            "define" | "block" => open.push(None),
            "end" => {
                let begun = open.pop().flatten();
                if let Some(begun) = begun.filter(|_| !open.iter().any(Option::is_some)) {
                    found.push(begun..end);
                }
            }
            _ if !in_branch && action.contains(".Values") => {
                let line_start = text[..start].rfind('\n').map_or(0, |n| n + 1);
                let line_end = text[end..].find('\n').map_or(text.len(), |n| end + n);
                found.push(line_start..line_end);
            }
            _ => {}
        }
    }
    found
}

/// Places of defaults of Terraform's variables that something which was not read may set otherwise.
fn of_terraform(sources: &Sources<'_>) -> BTreeSet<Span> {
    let mut found = BTreeSet::new();
    for root in &sources.terraform.roots {
        let run = sources.commands.terraform.get(&root.dir);
        // What a command runs is deployed, so that its defaults hold unless the command sets others.
        if run.is_none() || !root.signs.is_empty() {
            found.extend(root.open_defaults.iter().map(|(_, span)| *span));
        }
        if let Some(set) = run {
            let defaults = root.defaults.iter();
            found.extend(
                defaults
                    .filter(|(name, _)| set.is_open(name))
                    .map(|(_, span)| *span),
            );
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_that_takes_settings_from_values_may_get_what_it_lacks() {
        let text = "containers:\n- name: a\n  image: x\n  {{- with .Values.a.resources }}\n  resources:\n    {{- . | toYaml | nindent 4 }}\n  {{- end }}\n- name: b\n  image: {{ .Values.image }}\n- name: c\n  image: y\n  {{- toYaml .Values.extra | nindent 2 }}\nvolumes:\n- name: d\n  secret: {{ .Values.resources }}\n";
        let found: Vec<&str> = containers_by_values(text)
            .into_iter()
            .map(|range| &text[range])
            .collect();
        assert_eq!(found, ["- name: a", "- name: c"]);
    }

    #[test]
    fn a_branch_or_line_with_a_value_depends_on_values() {
        for (text, wanted) in [
            ("replicas: 1\nname: {{ .Release.Name }}\n", vec![]),
            (
                "a: 1\n  tag: \"{{ .Values.a }}:{{ .Values.b }}\"\nb: 1\n",
                vec!["  tag: \"{{ .Values.a }}:{{ .Values.b }}\""],
            ),
            (
                "a: 1\n{{- if .Values.x }}\nb: {{ .Values.y }}\n{{- else }}\nb: 2\n{{- end }}\nc: 3\n",
                vec!["{{- if .Values.x }}\nb: {{ .Values.y }}\n{{- else }}\nb: 2\n{{- end }}"],
            ),
            (
                "{{ with .a }}{{ range .b }}x{{ end }}y{{ end }}z",
                vec!["{{ with .a }}{{ range .b }}x{{ end }}y{{ end }}"],
            ),
            (
                "{{ define \"x\" }}\na: 1\n{{ if .b }}c: 2{{ end }}\n{{ end }}\n",
                vec!["{{ if .b }}c: 2{{ end }}"],
            ),
            ("{{ end }}{{ if .x }}", vec![]),
            ("{{ .Values", vec![]),
            ("", vec![]),
        ] {
            let found: Vec<&str> = by_values(text).into_iter().map(|range| &text[range]).collect();
            let mut found = found;
            found.dedup();
            assert_eq!(found, wanted, "{text}");
        }
    }
}
