//! Files that a script makes before anything is built, or that a template beside them is filled into: what a kustomization
//! names and is not here yet is not missing.

use crate::commands::is_script;
use crate::templates::ENDINGS;
use cofferdam_code::shell;
use cofferdam_render::kustomize::{Built, Named};
use cofferdam_syntax::repo::{Repo, normalise};
use std::path::{Path, PathBuf};

/// Commands that make files or directories, of which a later word is the place.
const MAKERS: &[&str] = &[
    "cp", "mkdir", "mv", "rsync", "ln", "install", "tar", "unzip", "git", "tee",
];

/// Takes back that files are missing which a script makes. Their builds stay unbuilt, and say why.
pub(super) fn take_back(repo: &Repo, built: &mut Built) {
    if !built.dangling.iter().any(|dangling| dangling.what == Named::File) {
        return;
    }
    let words = made(repo);
    let script_of = |path: &Path| {
        let found = words
            .iter()
            .find(|(script, word)| makes(repo, script, word, path));
        found
            .map(|(script, _)| *script)
            .or_else(|| template_of(repo, path))
    };
    built.dangling.retain(|dangling| {
        dangling.what != Named::File || script_of(&place(repo, dangling.span.file, &dangling.name)).is_none()
    });
    for failed in built.builds.iter_mut().filter_map(|build| build.failed.as_mut()) {
        let Some(span) = failed.span else { continue };
        let written = &repo.sources.file(span.file).text[span.start as usize..span.end as usize];
        let written = written.trim_matches(['"', '\'']);
        if let Some(script) = script_of(&place(repo, span.file, written)) {
            let by = script.display();
            failed.message = match is_script(script) {
                true => format!("`{written}` is made by {by}, so this can be built only after it has run"),
                false => {
                    format!("`{written}` is made from {by}, so this can be built only after it was filled in")
                }
            };
        }
    }
}

/// A template beside a path that would have its name: `web.yaml.j2` for `web.yaml`.
fn template_of<'r>(repo: &'r Repo, path: &Path) -> Option<&'r Path> {
    let name = path.file_name()?.to_str()?;
    let is_template = |beside: &&PathBuf| {
        let ending = beside
            .file_name()
            .and_then(|other| other.to_str()?.strip_prefix(name));
        let ending = ending.and_then(|rest| rest.strip_prefix('.'));
        beside.parent() == path.parent() && ending.is_some_and(|ending| ENDINGS.contains(&ending))
    };
    let mut all = repo.files.keys().chain(&repo.passed_over);
    all.find(is_template).map(PathBuf::as_path)
}

/// The path that a file names, below the root.
fn place(repo: &Repo, file: cofferdam_syntax::FileId, written: &str) -> PathBuf {
    let directory = repo.sources.path(file).parent().unwrap_or(Path::new(""));
    normalise(&directory.join(written.trim_end_matches('/')))
}

/// The words of commands that make something, with their scripts.
fn made(repo: &Repo) -> Vec<(&Path, PathBuf)> {
    let mut found = Vec::new();
    for (path, id) in repo.own_files().filter(|(path, _)| is_script(path)) {
        for words in shell::commands(&repo.sources.file(*id).text) {
            let words = words.iter().map(|word| word.text.as_str());
            let places = words.skip_while(|word| !MAKERS.contains(word)).skip(1);
            found.extend(places.map(|word| (path.as_path(), without_variables(word))));
        }
    }
    found
}

/// A path without the variables at its start, which are directories that only the script knows.
fn without_variables(word: &str) -> PathBuf {
    let parts = word
        .trim_end_matches('/')
        .split('/')
        .map(|part| part.trim_matches('"'));
    parts
        .skip_while(|part| part.starts_with('$') || *part == ".")
        .collect()
}

/// Whether a word of a script is this path, or a directory on the way to it that is not here.
fn makes(repo: &Repo, script: &Path, word: &Path, path: &Path) -> bool {
    let beside = normalise(&script.parent().unwrap_or(Path::new("")).join(word));
    path.ancestors()
        .take_while(|above| !repo.exists(above))
        .any(|above| beside == above || word == above || (word.iter().count() > 1 && above.ends_with(word)))
}
