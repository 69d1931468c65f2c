//! Names of environments, from words and from paths. People write one environment under many names and show
//! by a file's place for which one it is; both are resolved here, once. The danger is the opposite error: a
//! directory `test` that contains tests is not an environment. Therefore words that also mean other things
//! count only if the place shows that it contains configuration of a platform.

mod words;

use Weight::{Clear, NeedsPlace};
use std::path::{Path, PathBuf};
use words::{
    ALIASES, CODE, CONFIG_WORDS, LANGUAGES, NOT_ENVIRONMENTS, PACKAGES, PARENTS, PLACES, REGIONS, STACKS,
    Weight,
};

fn lookup(word: &str) -> Option<(&'static str, Weight)> {
    ALIASES
        .iter()
        .find(|(alias, ..)| crate::tree::folds_to(word, alias))
        .map(|(_, name, weight)| (*name, *weight))
}

/// The environment that `word` (the whole of it) stands for: `prod`, `PRD` and `production` are `production`;
/// `pre-prod` is `preproduction`. `None` for any other word.
///
/// Use it only if the place already shows that an environment is meant (a key, a label, an argument).
pub fn canonical(word: &str) -> Option<&'static str> {
    lookup(word.trim()).map(|(name, _)| name)
}

/// The environment's name for `word` if it certainly names one: [`canonical`], otherwise the word itself in
/// lower case.
pub fn name(word: &str) -> String {
    canonical(word).map_or_else(|| word.trim().to_lowercase(), str::to_owned)
}

/// Whether a name has a word for a stage in it: `prod`, `tokyo-dev`.
pub fn is_stage(name: &str) -> bool {
    canonical(name).is_some() || of_name(name).is_some()
}

/// Whether a name has a word for a region in it: `eu-west-1`.
pub fn is_region(name: &str) -> bool {
    let mut words = name.split(['-', '_', '.']);
    let plain = |word: &str| {
        word.trim_end_matches(|c: char| c.is_ascii_digit())
            .to_ascii_lowercase()
    };
    words.any(|word| REGIONS.contains(&plain(word).as_str()))
}

/// Whether a directory holds overlays of kustomize, which may be for environments or variants of one thing.
pub fn is_overlays(dir: &Path) -> bool {
    let name = dir.file_name().and_then(|name| name.to_str());
    name.is_some_and(|name| is_one_of(name, &["overlays", "overlay"]))
}

/// Whether a word names what all environments share, or what others are made from: `common`, `base`, `template`.
pub fn is_shared(word: &str) -> bool {
    is_one_of(word, NOT_ENVIRONMENTS)
}

/// The environment in a name of an application, cluster or namespace: its last or first words (`shop-prod`,
/// `staging_eu`, `pre-prod-shop`). Only words without another meaning count.
pub fn of_name(text: &str) -> Option<&'static str> {
    let words: Vec<&str> = text
        .split(['-', '_', '.', '/'])
        .filter(|w| !w.is_empty())
        .collect();
    let certain = |words: &[&str]| match lookup(&words.concat()) {
        Some((name, Clear)) => Some(name),
        _ => None,
    };
    [2, 1].into_iter().find_map(|take| {
        let at = words.len().checked_sub(take)?;
        certain(&words[at..]).or_else(|| certain(&words[..take]))
    })
}

/// The environment of a file or directory, from its path below the root: its own name (`values-prod.yaml`,
/// `.env.production`, `prod.tfvars`), the directory directly below `overlays`, `environments` or `envs`
/// (whatever its name is), or a directory with the name of an environment.
pub fn of_path(path: &Path) -> Option<String> {
    let name = path.file_name()?.to_str()?;
    Files::in_directory(path.parent().unwrap_or(Path::new(""))).named(name)
}

/// The environment in a path, and the part that names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// The environment.
    pub name: String,
    /// The file or directory whose own name contains it; its siblings show whether it names an environment at
    /// all.
    pub place: PathBuf,
}

/// The environment that the path of a file or directory names, with the part that names it; see [`of_path`].
pub fn label(path: &Path) -> Option<Label> {
    let name = path.file_name()?.to_str()?;
    Files::in_directory(path.parent().unwrap_or(Path::new(""))).label(name)
}

/// The files of one directory: its path is evaluated once for all of them.
pub struct Files<'p> {
    above: Vec<&'p str>,
    of_directory: Option<(usize, String)>,
}

impl<'p> Files<'p> {
    /// Those of this directory below the root.
    pub fn in_directory(path: &'p Path) -> Self {
        let above: Vec<&str> = path.iter().filter_map(|p| p.to_str()).collect();
        Self {
            of_directory: of_directories(&above),
            above,
        }
    }

    /// The environment of the file with this name; see [`of_path`].
    pub fn named(&self, name: &str) -> Option<String> {
        self.at(name).map(|(_, name)| name)
    }

    /// The environment of the directory itself.
    pub fn of_directory(&self) -> Option<String> {
        self.of_directory.as_ref().map(|(_, name)| name.clone())
    }

    /// The same with the part of the path that names it.
    pub fn label(&self, name: &str) -> Option<Label> {
        let (at, environment) = self.at(name)?;
        let parts = self.above.iter().copied().chain([name]);
        Some(Label {
            name: environment,
            place: parts.take(at + 1).collect(),
        })
    }

    /// The index of the part of the path that names the environment, and the environment.
    fn at(&self, name: &str) -> Option<(usize, String)> {
        let is_file = name.starts_with(".env") || name.get(1..).is_some_and(|rest| rest.contains('.'));
        if is_file {
            of_file_name(name, &self.above)
                .map(|found| (self.above.len(), found.to_owned()))
                .or_else(|| self.of_directory.clone())
        } else {
            let parts: Vec<&str> = self.above.iter().copied().chain([name]).collect();
            of_directories(&parts)
        }
    }
}

/// The environment of a directory, from its path below the root; see [`of_path`].
pub fn of_directory(path: &Path) -> Option<String> {
    let parts: Vec<&str> = path.iter().filter_map(|p| p.to_str()).collect();
    of_directories(&parts).map(|(_, name)| name)
}

/// The same with the directory that names it.
pub fn directory_label(path: &Path) -> Option<Label> {
    let parts: Vec<&str> = path.iter().filter_map(|p| p.to_str()).collect();
    let (at, name) = of_directories(&parts)?;
    Some(Label {
        name,
        place: parts[..=at].iter().collect(),
    })
}

/// Whether a name means a stage before production: `development`, `staging`, `tokyo-dev`.
pub fn is_before_production(name: &str) -> bool {
    let stage = canonical(name).or_else(|| of_name(name));
    stage.is_some_and(|stage| !matches!(stage, "production" | "disaster-recovery" | "canary"))
}

fn is_one_of(word: &str, table: &[&str]) -> bool {
    table.iter().any(|w| crate::tree::folds_to(word, w))
}

/// How many parts of a path stand before the packages of source code: `com/example/sample/dev` names packages, and
/// nothing of a platform follows from their words.
pub fn before_packages(parts: &[&str]) -> usize {
    let Some(src) = parts.iter().position(|part| part.eq_ignore_ascii_case("src")) else {
        return parts.len();
    };
    let below = &parts[src + 1..];
    if below.first().is_some_and(|part| is_one_of(part, PACKAGES)) {
        return src + 1;
    }
    let language = below.iter().position(|part| is_one_of(part, LANGUAGES));
    language.map_or(parts.len(), |at| src + 1 + at + 1)
}

/// The index of the directory that names the environment, and the environment.
fn of_directories(parts: &[&str]) -> Option<(usize, String)> {
    let parts = &parts[..before_packages(parts)];
    // A directory directly below `overlays` is an environment by its place; the deepest such one wins.
    for (index, pair) in parts.windows(2).enumerate().rev() {
        let names_none =
            pair[1].starts_with('.') || is_one_of(pair[1], NOT_ENVIRONMENTS) || is_one_of(pair[1], PARENTS);
        if is_one_of(pair[0], PARENTS) && !names_none && !in_tests(&parts[..index]) {
            return Some((index + 1, name(undecorated(pair[1]))));
        }
    }
    parts.iter().enumerate().rev().find_map(|(index, part)| {
        let above = &parts[..index];
        let Some((name, weight)) = lookup(undecorated(part)) else {
            return of_stack(part)
                .filter(|_| !in_tests(above))
                .map(|name| (index, name.to_owned()));
        };
        let counts = match weight {
            Clear => !in_tests(above),
            NeedsPlace => above.last().is_some_and(|a| is_one_of(a, PLACES)) && !in_tests(above),
        };
        counts.then(|| (index, name.to_owned()))
    })
}

/// `terraform-staging`, `prod-infra`, `k8s-gcp-staging`: the first or last word names the environment, and
/// another one describes the contents.
fn of_stack(part: &str) -> Option<&'static str> {
    let words: Vec<&str> = part.split(['-', '_', '.']).filter(|w| !w.is_empty()).collect();
    let (first, last) = (words.first()?, words.last()?);
    if !words.iter().any(|w| is_one_of(w, STACKS)) {
        return None;
    }
    [last, first].into_iter().find_map(|word| match lookup(word) {
        Some((name, Clear)) => Some(name),
        _ => None,
    })
}

/// Whether a directory above contains tests: an apparent environment below it is test data.
fn in_tests(above: &[&str]) -> bool {
    above.iter().any(|part| {
        is_one_of(
            part,
            &[
                "tests",
                "testdata",
                "fixtures",
                "spec",
                "specs",
                "__tests__",
                "e2e",
            ],
        )
    })
}

/// `prod-env`, `env-prod`, `prod-cluster` are `prod`.
fn undecorated(part: &str) -> &str {
    for decoration in ["env", "environment", "cluster", "overlay"] {
        for separator in ['-', '_', '.'] {
            let stripped = part
                .strip_suffix(decoration)
                .and_then(|p| p.strip_suffix(separator))
                .or_else(|| {
                    part.strip_prefix(decoration)
                        .and_then(|p| p.strip_prefix(separator))
                });
            if let Some(word) = stripped
                && lookup(word).is_some()
            {
                return word;
            }
        }
    }
    part
}

fn of_file_name(file: &str, above: &[&str]) -> Option<&'static str> {
    let (stem, extension) = match file.strip_prefix('.') {
        // `.env.production` has its environment in place of an extension.
        Some(dotfile) => (dotfile, ""),
        None => file.rsplit_once('.')?,
    };
    let code = is_one_of(extension, CODE);
    let words: Vec<&str> = stem.split(['.', '-', '_']).filter(|w| !w.is_empty()).collect();
    let place_says = above
        .last()
        .is_some_and(|a| is_one_of(a, PLACES) || is_one_of(a, PARENTS));
    // The whole stem: `prod.tfvars`, `pre-prod.yaml`.
    if let Some((name, weight)) = lookup(stem) {
        let is_settings = matches!(extension, "tfvars" | "env" | "properties");
        return (weight == Clear || (!code && (place_says || is_settings))).then_some(name);
    }
    // The last word or two, then the first: `values-prod`, `application-pre-prod`, `prod.values`.
    let described = |rest: &[&str]| !rest.is_empty() && rest.iter().any(|w| is_one_of(w, CONFIG_WORDS));
    for take in [2, 1] {
        let Some(at) = words.len().checked_sub(take).filter(|at| *at > 0) else {
            continue;
        };
        if let Some((name, weight)) = lookup(&words[at..].concat()) {
            // `.env.production.local` is for production, on one machine.
            if name == "local"
                && let Some((name, Clear)) = lookup(words[at - 1])
            {
                return Some(name);
            }
            if !code && (weight == Clear || described(&words[..at])) {
                return Some(name);
            }
            if code && weight == Clear && described(&words[..at]) {
                return Some(name);
            }
        }
    }
    for take in [2, 1] {
        if words.len() > take
            && let Some((name, weight)) = lookup(&words[..take].concat())
            && words[take..].iter().all(|w| is_one_of(w, CONFIG_WORDS))
            && (weight == Clear || !code)
        {
            return Some(name);
        }
    }
    None
}

#[cfg(test)]
mod tests;
