//! Releases that `helm` commands install or render.

use super::{Arguments, Reader, Release, word};
use cofferdam_syntax::tree::{Node, Value};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

impl Reader<'_> {
    /// The releases of one command: one for each environment if it picks files of values by name.
    pub(super) fn releases(&self, words: &[Node], at: Option<&Path>) -> Vec<Release> {
        let arguments = Arguments::of(words, HELM_FLAGS);
        let text = |node: &Node| node.as_str().map(str::to_owned);
        let mut plain = arguments.plain.iter();
        if !matches!(
            plain.next().and_then(|w| w.as_str()),
            Some("install" | "upgrade" | "template")
        ) {
            return Vec::new();
        }
        let (Some(name), Some(chart)) = (plain.next(), plain.next()) else {
            return Vec::new();
        };
        let mut known = true;
        // Each with the environment that it is picked for, if it is picked by name.
        let mut files: Vec<(Option<&str>, PathBuf)> = Vec::new();
        for file in arguments.flags(&["f", "values"]) {
            let picked = match &file.value {
                Value::Unknown(written) => self.selected.files_of(written, self.path),
                _ => Vec::new(),
            };
            match text(file).and_then(|written| self.resolve(&written, at)) {
                Some(path) => files.push((None, path)),
                None if picked.is_empty() => known = false,
                None => {
                    let picked = picked.into_iter();
                    files.extend(picked.map(|(environment, path)| (Some(environment), path.to_path_buf())));
                }
            }
        }
        let mut set = Vec::new();
        for given in arguments.flags(&["set", "set-string", "set-json", "set-file"]) {
            // A value from the shell is unknown, but its name may be known.
            let written = match &given.value {
                Value::Scalar(scalar) => scalar.text.to_string(),
                Value::Unknown(written) => written.to_string(),
                _ => continue,
            };
            for pair in written.split(',') {
                match pair.split_once('=') {
                    Some((path, value)) if !path.contains('$') => {
                        known &= !value.contains('$');
                        set.push((path.to_owned(), word(value, given.span)));
                    }
                    _ => known = false,
                }
            }
        }
        let dir = text(chart).and_then(|written| self.resolve(&written, at));
        if !self.is_own(dir.as_deref().unwrap_or(Path::new(""))) {
            return Vec::new();
        }
        let dir = dir.filter(|dir| self.repo.has_directory(dir));
        let namespace = arguments.flags(&["n", "namespace"]).last().map(|n| (*n).clone());
        let mut environments: BTreeSet<Option<&str>> = files.iter().map(|(picked, _)| *picked).collect();
        if environments.is_empty() {
            environments.insert(None);
        } else if environments.len() > 1 {
            environments.remove(&None);
        }
        let of = |environment: Option<&str>| Release {
            path: self.path.to_path_buf(),
            // What names the environment often names the release too.
            name: match (&dir, environment) {
                (Some(dir), Some(_)) if name.as_str().is_none() => {
                    let own = dir.file_name().and_then(|n| n.to_str()).unwrap_or_default();
                    Node::text(own, name.span)
                }
                _ => (*name).clone(),
            },
            chart: (*chart).clone(),
            dir: dir.clone(),
            environment: environment.map(str::to_owned),
            files: (files.iter())
                .filter(|(picked, _)| picked.is_none() || *picked == environment)
                .map(|(_, path)| path.clone())
                .collect(),
            set: set.clone(),
            known,
            namespace: namespace.clone(),
        };
        environments.into_iter().map(of).collect()
    }
}

/// A release that is only tried, without values that stand in for those of the real one.
pub(super) fn without_stand_ins(mut release: Release) -> Release {
    let stands_in = |path: &PathBuf| {
        let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default();
        let mut words = name.split(|c: char| !c.is_ascii_alphanumeric());
        words.any(|word| matches!(word, "test" | "tests" | "ci" | "lint" | "dummy" | "fake" | "mock"))
    };
    if !release.files.iter().all(stands_in) {
        release.files.retain(|path| !stands_in(path));
    }
    release
}

const HELM_FLAGS: &[&str] = &[
    "f",
    "values",
    "set",
    "set-string",
    "set-json",
    "set-file",
    "n",
    "namespace",
    "version",
    "repo",
    "timeout",
    "kube-context",
    "kubeconfig",
    "description",
    "history-max",
    "post-renderer",
    "username",
    "password",
    "ca-file",
    "kube-token",
    "output",
    "o",
];
