//! The overlay of a check: where it is taken from, and what is told of it besides its statements.

use crate::overlay::{self, OverlayDocument, Unmatched};
use crate::walk::Config;
use cofferdam_model::{SourceFile, UnreadableFile};
use cofferdam_syntax::repo::{self, Repo};
use cofferdam_syntax::tree::Node;
use cofferdam_syntax::yaml;
use std::path::PathBuf;

/// The overlay as it was read, or what is wrong in it.
pub(super) fn overlay_of(
    repo: &mut Repo,
    config: Option<&Config>,
    given: &[Node],
) -> (OverlayDocument, Vec<UnreadableFile>) {
    let parsed = config.map(|config| (config, parse_overlay(repo, config)));
    let written = match &parsed {
        None => None,
        Some((config, Ok(stream))) => Some(overlay::Written {
            path: &config.path,
            above: &config.above,
            stream,
        }),
        Some((config, Err(message))) => {
            let unread = UnreadableFile {
                path: config.path.clone(),
                span: None,
                message: message.clone(),
            };
            return (OverlayDocument::default(), vec![unread]);
        }
    };
    match overlay::load_with(written.as_ref(), given) {
        Ok(document) => (document, Vec::new()),
        Err(problems) => {
            let problems = problems.into_iter().map(|problem| in_file(repo, problem));
            (OverlayDocument::default(), problems.collect())
        }
    }
}

/// The tree of the overlay, which no other reader gets.
fn parse_overlay(repo: &mut Repo, config: &Config) -> Result<yaml::Stream, String> {
    if let Some(stream) = repo.yaml.remove(&config.path) {
        return Ok(stream);
    }
    let id = match repo.files.remove(&config.path) {
        Some(id) => id,
        None => {
            let text = config.bytes.clone().and_then(repo::to_text)?;
            repo.sources.add(SourceFile::new(config.path.clone(), text))
        }
    };
    Ok(yaml::parse_with(
        &repo.sources.file(id).text,
        id,
        0,
        repo.sources.chains(),
    ))
}

pub(super) fn in_file(repo: &Repo, problem: yaml::Problem) -> UnreadableFile {
    UnreadableFile {
        path: repo.sources.path(problem.span.file).to_path_buf(),
        span: Some(problem.span),
        message: problem.message,
    }
}

/// Names in the overlay that nothing here has, if only a part was read. This is not an error, because the rest may
/// have them.
pub(super) fn not_here(config: Option<&Config>, unmatched: Unmatched) -> Option<UnreadableFile> {
    let names = unmatched.names();
    let path = config?.path.clone();
    let shown: Vec<&str> = names.iter().take(3).map(String::as_str).collect();
    let message = match names.len() {
        0 => return None,
        1 => format!(
            "`{}` is not in the files that were given; only a part was checked",
            shown[0]
        ),
        n => format!(
            "{n} names are not in the files that were given ({}{}); only a part was checked",
            shown.join(", "),
            if n > shown.len() { ", …" } else { "" }
        ),
    };
    Some(UnreadableFile {
        path,
        span: None,
        message,
    })
}

/// Overlays are named that a person may believe to be in use; only so many, since each says the same.
pub(super) fn unused_overlays(
    config: Option<&Config>,
    unused: &[PathBuf],
    stated: &OverlayDocument,
) -> Vec<UnreadableFile> {
    const NAMED: usize = 5;
    let unused: Vec<&PathBuf> = unused.iter().filter(|path| !stated.excludes(path)).collect();
    let note = |(at, path): (usize, &&PathBuf)| {
        UnreadableFile {
        path: (*path).clone(),
        span: None,
        message: match config {
            _ if at == NAMED => format!("is not used, and {} more", unused.len() - NAMED),
            Some(config) => format!(
                "is not used, because {} is; check its directory alone, or give it with --config",
                config.path.display()
            ),
            None => "is not used, because it is below the root; check its directory alone, or give it with --config"
                .to_owned(),
        },
    }
    };
    unused.iter().enumerate().take(NAMED + 1).map(note).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_so_many_unused_overlays_are_named() {
        let notes = |count: usize| {
            let unused: Vec<PathBuf> = (0..count).map(|n| format!("{n}/cofferdam.yaml").into()).collect();
            let notes = unused_overlays(None, &unused, &OverlayDocument::default());
            notes.into_iter().map(|note| note.message).collect::<Vec<_>>()
        };
        assert!(notes(0).is_empty());
        assert!(
            notes(5)
                .iter()
                .all(|message| message.starts_with("is not used, because"))
        );
        let seven = notes(7);
        assert_eq!((seven.len(), seven[5].as_str()), (6, "is not used, and 2 more"));
    }

    #[test]
    fn an_unused_overlay_that_is_excluded_is_not_named() {
        let text = "paths: {exclude: [old/**]}\n";
        let repo = Repo::from_texts(&[("cofferdam.yaml", text)]);
        let stated = overlay::load(&repo).unwrap();
        let named = unused_overlays(
            None,
            &["new/cofferdam.yaml".into(), "old/cofferdam.yaml".into()],
            &stated,
        );
        let paths: Vec<PathBuf> = named.into_iter().map(|note| note.path).collect();
        assert_eq!(paths, [PathBuf::from("new/cofferdam.yaml")]);
    }
}
