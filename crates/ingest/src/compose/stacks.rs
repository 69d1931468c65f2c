//! Which Compose files are laid over one another: the override file, the files that one command names, and files that
//! are named for an environment. What such a stack of files says together is one tree.

use super::merge;
use super::recognise::{self, BASES};
use cofferdam_syntax::repo::{Repo, normalise};
use cofferdam_syntax::tree::Node;
use cofferdam_syntax::{Span, env_file, environment};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Names of override files, in the order in which Docker looks for them.
const OVERRIDES: &[&str] = &[
    "compose.override.yml",
    "compose.override.yaml",
    "docker-compose.override.yml",
    "docker-compose.override.yaml",
];

/// The most files that one stack has: more are a mistake of a generator.
const MAX_FILES: usize = 16;
/// The most stacks of one file that are judged: each is an environment or variant with everything else in it.
const MAX_STACKS: usize = 8;

/// Files of which each is laid over the one before it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Stack {
    /// The files, the lowest first.
    pub(crate) files: Vec<PathBuf>,
    /// What they say together.
    pub(crate) document: Node,
}

/// The stacks of all files.
#[derive(Debug, Default)]
pub(crate) struct Stacks {
    /// What is judged instead of the lowest file alone. A file without an entry is judged by itself.
    pub(crate) of_base: BTreeMap<PathBuf, Vec<Stack>>,
    /// Values of lowest files that a file overrides of which nothing says whether it is used.
    pub(crate) overridden: BTreeSet<Span>,
}

impl Stacks {
    /// The stacks of a repository. `commands` are the files that commands name together; `has_environment` says whether
    /// there is evidence that a file is for an environment.
    pub(crate) fn of(
        repo: &Repo,
        commands: &[Vec<PathBuf>],
        has_environment: &dyn Fn(&Path) -> bool,
    ) -> Stacks {
        let mut lists: BTreeMap<&Path, Lists> = BTreeMap::new();
        for (path, _) in repo
            .yaml
            .iter()
            .filter(|(path, _)| !repo.links.contains_key(*path))
        {
            let name = path.file_name().and_then(|name| name.to_str());
            if name.is_some_and(|name| BASES.contains(&name)) && first_base(repo, path) == Some(path) {
                lists.entry(path).or_default().by_default = by_default(repo, path);
            }
        }
        for files in commands {
            let Some((base, _)) = files.first().and_then(|base| repo.yaml.get_key_value(base)) else {
                continue;
            };
            let of = lists.entry(base).or_default();
            if !of.named.contains(files) {
                of.named.push(files.clone());
            }
        }
        let mut found = Stacks::default();
        for (path, stream) in &repo.yaml {
            let base = stream
                .documents
                .first()
                .and_then(|node| recognise::base(repo, path, node));
            let Some((base, of)) = base.and_then(|base| Some((base, lists.get_mut(base)?))) else {
                continue;
            };
            if of.has(path) || OVERRIDES.iter().any(|name| path.ends_with(name)) {
                continue;
            }
            let stage = stage_of(path);
            if stage.is_some_and(|stage| has_environment(path) || !environment::is_before_production(stage)) {
                of.named.push(vec![base.to_path_buf(), path.clone()]);
            } else if stage.is_none() {
                found.overridden.extend(overridden(repo, base, path));
            }
        }
        for (base, of) in lists {
            let stacks: Option<Vec<Stack>> = of
                .judged(base)
                .into_iter()
                .map(|files| stack(repo, files))
                .collect();
            match stacks {
                Some(stacks) if stacks.iter().any(|stack| stack.files.len() > 1) => {
                    found.of_base.insert(base.to_path_buf(), stacks);
                }
                _ => {}
            }
        }
        found
    }
}

/// The lists of files that begin with one file.
#[derive(Default)]
struct Lists {
    /// What Docker takes where a command names no file; empty if it takes none of them.
    by_default: Vec<PathBuf>,
    /// What commands name, and what files are named for.
    named: Vec<Vec<PathBuf>>,
}

impl Lists {
    fn has(&self, path: &Path) -> bool {
        let all = self.named.iter().flatten().chain(&self.by_default);
        all.into_iter().any(|file| file == path)
    }

    /// The lists that are judged. The lowest file alone is not, if another list may be what runs in production.
    fn judged(&self, base: &Path) -> Vec<Vec<PathBuf>> {
        let mut judged = Vec::new();
        if self.by_default.len() > 1 {
            judged.push(self.by_default.clone());
        } else if self.named.iter().all(|files| is_early(files)) {
            judged.push(vec![base.to_path_buf()]);
        }
        for files in &self.named {
            if !judged.contains(files) {
                judged.push(files.clone());
            }
        }
        judged.truncate(MAX_STACKS);
        judged
    }
}

/// Whether files that are laid over one another are for a stage before production, by the name of the last that names one.
pub(crate) fn is_early(files: &[PathBuf]) -> bool {
    let stage = files.iter().rev().find_map(|file| stage_of(file));
    stage.is_some_and(environment::is_before_production)
}

/// The environment in the name of a file (`compose.prod.yaml`), with or without evidence.
fn stage_of(path: &Path) -> Option<&'static str> {
    let stem = path.file_stem()?.to_str()?;
    environment::of_name(stem).or_else(|| {
        stem.split(['.', '-', '_'])
            .skip(1)
            .find_map(environment::canonical)
    })
}

/// The file that Docker takes of those in one directory.
fn first_base<'r>(repo: &'r Repo, path: &Path) -> Option<&'r Path> {
    let directory = path.parent().unwrap_or(Path::new(""));
    let found = BASES
        .iter()
        .find_map(|name| repo.yaml.get_key_value(&directory.join(name)));
    found.map(|(path, _)| path.as_path())
}

/// The files that Docker takes where a command names none: those of `COMPOSE_FILE` in the `.env` beside them, else the
/// file and its override.
fn by_default(repo: &Repo, base: &Path) -> Vec<PathBuf> {
    let directory = base.parent().unwrap_or(Path::new(""));
    if let Some(files) = of_env_file(repo, directory) {
        // Another file that is the lowest one has its own list.
        return if files.first().is_some_and(|first| first == base) {
            files
        } else {
            Vec::new()
        };
    }
    let overrides = OVERRIDES.iter().map(|name| directory.join(name));
    let found = overrides.into_iter().find(|path| repo.yaml.contains_key(path));
    std::iter::once(base.to_path_buf()).chain(found).collect()
}

fn of_env_file(repo: &Repo, directory: &Path) -> Option<Vec<PathBuf>> {
    let id = *repo.files.get(&directory.join(".env"))?;
    let entries = env_file::read(&repo.sources.file(id).text, id, 0);
    let value = |name: &str| {
        entries
            .iter()
            .rev()
            .find(|e| e.name == name)
            .map(|e| e.value.value.as_str())
    };
    let separator = value("COMPOSE_PATH_SEPARATOR")
        .filter(|text| !text.is_empty())
        .unwrap_or(":");
    let files = value("COMPOSE_FILE")?
        .split(separator)
        .map(|file| normalise(&directory.join(file.trim())));
    let files: Vec<PathBuf> = files.collect();
    files
        .iter()
        .all(|file| repo.yaml.contains_key(file))
        .then_some(files)
}

/// What files say together; `None` if one of them is no Compose file or cannot be read.
fn stack(repo: &Repo, files: Vec<PathBuf>) -> Option<Stack> {
    if files.is_empty() || files.len() > MAX_FILES {
        return None;
    }
    let mut document: Option<Node> = None;
    for file in &files {
        let stream = repo.yaml.get(file).filter(|stream| stream.errors.is_empty())?;
        for own in &stream.documents {
            let is_part = ["services", "volumes", "networks", "include", "configs", "secrets"];
            if !is_part.iter().any(|key| own.get(key).is_some()) || own.get("apiVersion").is_some() {
                return None;
            }
            document = Some(match document {
                Some(below) => merge::over(&below, own, &repo.sources),
                None => own.clone(),
            });
        }
    }
    Some(Stack {
        files,
        document: document?,
    })
}

fn overridden(repo: &Repo, base: &Path, path: &Path) -> BTreeSet<Span> {
    let documents = |path: &Path| repo.yaml.get(path).map_or(&[][..], |stream| &stream.documents);
    match (documents(base), documents(path)) {
        ([base], [top]) => merge::overridden(base, top, &repo.sources),
        _ => BTreeSet::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The stacks of some files, as the names of their files.
    fn stacks(files: &[(&str, &str)], commands: &[&[&str]], evidence: bool) -> Vec<String> {
        let repo = Repo::from_texts(files);
        let commands: Vec<Vec<PathBuf>> = commands
            .iter()
            .map(|files| files.iter().map(PathBuf::from).collect())
            .collect();
        let found = Stacks::of(&repo, &commands, &|_| evidence);
        let stacks = found.of_base.values().flatten();
        stacks
            .map(|stack| {
                stack
                    .files
                    .iter()
                    .map(|f| f.display().to_string())
                    .collect::<Vec<_>>()
                    .join(" ")
            })
            .collect()
    }

    const BASE: &str = "services: {web: {image: x}}";
    const MORE: &str = "services: {web: {environment: {A: 1}}}";
    const WHOLE: &str = "services: {web: {image: y}}";

    #[test]
    fn a_file_and_its_override_are_one() {
        for (base, over) in [
            ("compose.yaml", "compose.override.yaml"),
            ("docker-compose.yml", "docker-compose.override.yml"),
            ("d/docker-compose.yml", "d/compose.override.yml"),
        ] {
            // An override counts whatever is in it.
            for text in [MORE, WHOLE] {
                assert_eq!(
                    stacks(&[(base, BASE), (over, text)], &[], false),
                    [format!("{base} {over}")]
                );
            }
        }
        assert!(stacks(&[("compose.yaml", BASE)], &[], false).is_empty());
        assert!(
            stacks(
                &[("a/compose.yaml", BASE), ("b/compose.override.yaml", MORE)],
                &[],
                false
            )
            .is_empty()
        );
        assert!(
            stacks(
                &[("compose.yaml", BASE), ("compose.override.yaml", "a: 1")],
                &[],
                false
            )
            .is_empty()
        );
    }

    #[test]
    fn files_of_one_command_are_laid_over_one_another() {
        let files = [
            ("compose.yaml", BASE),
            ("compose.override.yaml", MORE),
            ("x/tls.yaml", MORE),
        ];
        let command: &[&[&str]] = &[&["compose.yaml", "x/tls.yaml"]];
        assert_eq!(
            stacks(&files, command, false),
            ["compose.yaml compose.override.yaml", "compose.yaml x/tls.yaml"]
        );
        assert_eq!(
            stacks(&[files[0], files[2]], command, false),
            ["compose.yaml x/tls.yaml"]
        );
        assert!(stacks(&[files[0], files[2]], &[&["compose.yaml"]], false).is_empty());
        let named = [("infra.yml", BASE), ("more.yml", MORE)];
        assert_eq!(
            stacks(&named, &[&["infra.yml", "more.yml"]], false),
            ["infra.yml more.yml"]
        );
    }

    #[test]
    fn the_files_of_an_env_file_are_taken_without_the_override() {
        let files = |value| {
            [
                ("d/compose.yaml", BASE),
                ("d/compose.override.yaml", MORE),
                ("d/compose.x.yaml", MORE),
                ("d/.env", value),
            ]
        };
        assert_eq!(
            stacks(&files("COMPOSE_FILE=compose.yaml:compose.x.yaml\n"), &[], false),
            ["d/compose.yaml d/compose.x.yaml"]
        );
        assert_eq!(
            stacks(
                &files("COMPOSE_PATH_SEPARATOR=;\nCOMPOSE_FILE=compose.yaml;compose.x.yaml\n"),
                &[],
                false
            ),
            ["d/compose.yaml d/compose.x.yaml"]
        );
        assert!(stacks(&files("COMPOSE_FILE=compose.yaml\n"), &[], false).is_empty());
        assert_eq!(
            stacks(&files("A=1\n"), &[], false),
            ["d/compose.yaml d/compose.override.yaml"]
        );
    }

    #[test]
    fn a_file_that_is_named_for_an_environment_is_laid_over_the_one_that_it_needs() {
        let prod = ("compose.prod.yaml", MORE);
        let base = ("compose.yaml", BASE);
        assert_eq!(
            stacks(&[base, prod], &[], false),
            ["compose.yaml compose.prod.yaml"]
        );
        // It stands alone.
        assert!(stacks(&[base, ("compose.prod.yaml", WHOLE)], &[], false).is_empty());
        // Nothing says that a lone `dev` is an environment; where it is one, it is judged beside the base.
        let dev = ("docker-compose.dev.yml", MORE);
        let old = ("docker-compose.yml", BASE);
        assert!(stacks(&[old, dev], &[], false).is_empty());
        assert_eq!(
            stacks(&[old, dev], &[], true),
            ["docker-compose.yml", "docker-compose.yml docker-compose.dev.yml"]
        );
        let both = [old, dev, ("docker-compose.prod.yml", MORE)];
        assert_eq!(
            stacks(&both, &[], true),
            [
                "docker-compose.yml docker-compose.dev.yml",
                "docker-compose.yml docker-compose.prod.yml"
            ]
        );
    }

    #[test]
    fn what_an_optional_file_overrides_is_not_certain() {
        let repo = Repo::from_texts(&[
            (
                "compose.yaml",
                "services: {web: {image: x, environment: {A: 1, B: 2}}}",
            ),
            ("compose.gpu.yaml", MORE),
        ]);
        let found = Stacks::of(&repo, &[], &|_| false);
        assert!(found.of_base.is_empty());
        let texts: Vec<&str> = found
            .overridden
            .iter()
            .map(|span| repo.sources.text(*span))
            .collect();
        assert_eq!(texts, ["1"]);
    }
}
