//! Files that a deploy picks by name. Siblings such as `values-tokyo.yaml` and `values-summit.yaml` are for environments
//! if something picks one of them each time: the applications of an app-of-apps, a matrix of a workflow, an argument of
//! a script. The word alone proves nothing: `values-api.yaml` and `values-web.yaml` beside it may be picked by name too,
//! and are two services. So the variable or the names themselves have to show that environments are meant.

mod names;
mod words;

use cofferdam_syntax::environment;
use cofferdam_syntax::hash::HashMap;
use cofferdam_syntax::repo::Repo;
use cofferdam_syntax::words::of as words_of;
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use words::Pattern;

/// Whether two paths belong to one project.
pub type Together<'t> = &'t dyn Fn(&Path, &Path) -> bool;

/// Files that are picked by name, with the environments that the names are.
#[derive(Debug, Default)]
pub struct Selected {
    by_path: HashMap<PathBuf, Picked>,
    families: Vec<Family>,
    /// Ends of the paths of directories of overlays of which one is picked, and the files that pick it.
    overlays: BTreeSet<PathBuf>,
}

/// A file that is picked by its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picked {
    /// The environment.
    pub environment: String,
    /// The file that picks it.
    pub by: PathBuf,
}

/// Files of which one is picked each time.
#[derive(Debug)]
struct Family {
    by: PathBuf,
    pattern: Pattern,
    /// Environments and their files.
    files: Vec<(String, PathBuf)>,
}

/// Words in names of variables that stand for an environment or for the place that something is deployed to.
const VARIABLES: &[&str] = &[
    "env",
    "environment",
    "stage",
    "cluster",
    "site",
    "region",
    "landscape",
];

/// Words in names of variables that stand for what is deployed.
const THINGS: &[&str] = &[
    "app",
    "application",
    "service",
    "svc",
    "chart",
    "component",
    "module",
    "package",
    "image",
    "job",
];

/// Files that a pattern picks, each with the name that picks it.
type Named<'r> = Vec<(&'r str, &'r Path)>;

impl Selected {
    /// Finds what the files of `repo` pick by name. A file picks only files of its own project.
    pub fn of(repo: &Repo, together: Together<'_>) -> Selected {
        let own: Vec<_> = repo.own_files().filter(|(path, _)| may_pick(path)).collect();
        let picking: Vec<_> = (own.into_par_iter())
            .filter_map(|(path, id)| {
                let text = &*repo.sources.file(*id).text;
                let (overlays, patterns) = (words::overlays(text), words::patterns(text));
                (!overlays.is_empty() || !patterns.is_empty()).then_some((path, text, overlays, patterns))
            })
            .collect();
        let mut found = Selected::default();
        if picking.is_empty() {
            return found;
        }
        let mut directories: BTreeMap<&Path, Vec<&Path>> = BTreeMap::new();
        for path in repo
            .yaml
            .keys()
            .chain(repo.files.keys().filter(|path| is_tfvars(path)))
        {
            let directory = path.parent().unwrap_or(Path::new(""));
            directories.entry(directory).or_default().push(path);
        }
        // The templates of one chart pick the same files.
        let mut known: BTreeMap<(Pattern, BTreeSet<String>), (&Path, Named<'_>)> = BTreeMap::new();
        for (path, text, overlays, patterns) in picking {
            let overlays = overlays.into_iter().filter(|(variable, dir)| {
                environment::is_overlays(dir) && has_word(&words_of(variable), VARIABLES)
            });
            found.overlays.extend(overlays.map(|(_, dir)| dir));
            for pattern in &patterns {
                // Where two variables pick of the same files, nobody can tell which name is of which.
                let is_clear = patterns
                    .iter()
                    .all(|other| other == pattern || !other.picks_as(pattern));
                if !is_clear {
                    continue;
                }
                let listed = names::listed(repo, path, text, &pattern.variable);
                let key = (pattern.clone(), listed);
                let files = match known.get(&key).filter(|(by, _)| together(by, path)) {
                    Some((_, files)) => files.clone(),
                    None => matching(&directories, pattern, &key.1, |file| together(file, path)),
                };
                let environments = environments(pattern, &key.1, &files, text);
                if !environments.is_empty() {
                    found.add(path, pattern, &environments);
                }
                known.insert(key, (path, files));
            }
        }
        found
    }

    fn add(&mut self, by: &Path, pattern: &Pattern, files: &[(&str, &Path)]) {
        let files: Vec<(String, PathBuf)> = files
            .iter()
            .map(|(name, path)| (environment::name(name), path.to_path_buf()))
            .collect();
        for (name, path) in &files {
            self.by_path.entry(path.clone()).or_insert_with(|| Picked {
                environment: name.clone(),
                by: by.to_path_buf(),
            });
        }
        self.families.push(Family {
            by: by.to_path_buf(),
            pattern: pattern.clone(),
            files,
        });
    }

    /// How a file is picked, if it is.
    pub fn get(&self, path: &Path) -> Option<&Picked> {
        self.by_path.get(path)
    }

    /// The environment of a file that is picked by name.
    pub fn environment(&self, path: &Path) -> Option<&str> {
        self.get(path).map(|picked| picked.environment.as_str())
    }

    /// All files that are picked, in no order.
    pub fn files(&self) -> impl Iterator<Item = (&Path, &Picked)> {
        self.by_path.iter().map(|(path, picked)| (path.as_path(), picked))
    }

    /// Whether one of the overlays in a directory is picked for an environment.
    pub fn picks_overlays(&self, dir: &Path) -> bool {
        self.overlays.iter().any(|end| dir.ends_with(end))
    }

    /// The files that a word of the file `by` stands for, with their environments.
    pub fn files_of(&self, word: &str, by: &Path) -> Vec<(&str, &Path)> {
        let Some(pattern) = words::patterns(word).into_iter().next() else {
            return Vec::new();
        };
        let families = self.families.iter().filter(|family| family.by == by);
        let same = families.filter(|family| family.pattern.picks_as(&pattern));
        same.flat_map(|family| &family.files)
            .map(|(name, path)| (name.as_str(), path.as_path()))
            .collect()
    }
}

fn is_tfvars(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == "tfvars")
}

/// Documentation and code of other languages name paths for other reasons.
fn may_pick(path: &Path) -> bool {
    let ending = path.extension().and_then(|e| e.to_str()).unwrap_or_default();
    !matches!(
        ending.to_ascii_lowercase().as_str(),
        "md" | "rst" | "txt" | "py" | "js" | "ts" | "json" | "java" | "rb"
    )
}

/// The files that a pattern may pick, each with the name that it is picked by.
fn matching<'r>(
    directories: &BTreeMap<&'r Path, Vec<&'r Path>>,
    pattern: &Pattern,
    listed: &BTreeSet<String>,
    is_near: impl Fn(&Path) -> bool,
) -> Vec<(&'r str, &'r Path)> {
    // Every file of a directory would match, and nothing says which are meant.
    if listed.is_empty() && pattern.prefix.is_empty() && pattern.suffix.starts_with('.') {
        return Vec::new();
    }
    let mut found = Vec::new();
    for (directory, files) in directories {
        if !directory.ends_with(&pattern.dir) {
            continue;
        }
        for path in files {
            let file = path.file_name().and_then(|n| n.to_str()).unwrap_or_default();
            if let Some(name) = pattern.name(file)
                && (listed.is_empty() || listed.contains(name))
                && is_near(path)
            {
                found.push((name, *path));
            }
        }
    }
    found
}

/// The files that a pattern picks for environments; none where neither its variable nor the names show that
/// environments are meant.
fn environments<'r>(
    pattern: &Pattern,
    listed: &BTreeSet<String>,
    files: &[(&'r str, &'r Path)],
    text: &str,
) -> Vec<(&'r str, &'r Path)> {
    let words = words_of(&pattern.variable);
    let has = |table: &[&str]| has_word(&words, table);
    // Where nothing lists the names: what is named outright is taken every time, and so is what all share.
    let is_one = |name: &str| {
        let is_fixed = || text.contains(&format!("{}{name}{}", pattern.prefix, pattern.suffix));
        listed.contains(name)
            || environment::canonical(name).is_some()
            || !(environment::is_shared(name) || is_fixed())
    };
    let chosen: Vec<(&str, &Path)> = files.iter().copied().filter(|(name, _)| is_one(name)).collect();
    let names: BTreeSet<&str> = chosen.iter().map(|(name, _)| *name).collect();
    let stages = names.iter().filter(|name| environment::is_stage(name)).count();
    match names.len() >= 2 && !has(THINGS) && (has(VARIABLES) || stages >= 2) {
        true => chosen,
        false => Vec::new(),
    }
}

fn has_word(words: &[String], table: &[&str]) -> bool {
    words.iter().any(|word| table.contains(&word.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picked(files: &[(&str, &str)]) -> Vec<String> {
        let repo = Repo::from_texts(files);
        let selected = Selected::of(&repo, &|_, _| true);
        let mut shown: Vec<String> = selected
            .files()
            .map(|(path, picked)| format!("{} {}", path.display(), picked.environment))
            .collect();
        shown.sort();
        shown
    }

    const TEMPLATE: (&str, &str) = (
        "top/templates/app.yaml",
        "spec: {source: {path: apps/a, helm: {valueFiles: ['values-{{ .Values.name }}.yaml']}}}\n",
    );

    #[test]
    fn the_values_of_a_chart_pick_files_of_unusual_names() {
        let files = [
            ("top/Chart.yaml", "apiVersion: v2\nname: top\n"),
            TEMPLATE,
            ("top/values-base.yaml", "name: base\n"),
            ("top/values-hill-dev.yaml", "name: hill-dev\n"),
            ("top/values-hill-prod.yaml", "name: hill-prod\n"),
            ("apps/a/values-base.yaml", "a: 1\n"),
            ("apps/a/values-other.yaml", "a: 1\n"),
        ];
        assert_eq!(
            picked(&files),
            [
                "apps/a/values-base.yaml base",
                "top/values-base.yaml base",
                "top/values-hill-dev.yaml hill-dev",
                "top/values-hill-prod.yaml hill-prod",
            ]
        );
        // Without what picks them, the names prove nothing.
        assert_eq!(picked(&files[2..]), [""; 0]);
    }

    #[test]
    fn a_matrix_picks_files_by_name() {
        let workflow = |key: &str, names: &str| {
            format!(
                "jobs:\n  a:\n    strategy: {{matrix: {{{key}: [{names}]}}}}\n    steps:\n      - run: helm upgrade shop ./shop -f config/${{{{ matrix.{key} }}}}.yaml\n"
            )
        };
        let with = |key: &str, names: &str| {
            picked(&[
                (".github/workflows/d.yaml", &workflow(key, names)),
                ("config/hill.yaml", "a: 1\n"),
                ("config/prod.yaml", "a: 1\n"),
                ("config/staging.yaml", "a: 1\n"),
                ("config/monitoring.yaml", "a: 1\n"),
            ])
        };
        let all = [
            "config/hill.yaml hill",
            "config/prod.yaml production",
            "config/staging.yaml staging",
        ];
        assert_eq!(with("release", "hill, prod, staging"), all);
        assert_eq!(with("env", "hill, prod, staging"), all);
        assert_eq!(with("site", "hill, monitoring").len(), 2);
        assert_eq!(
            with("release", "hill, monitoring"),
            [""; 0],
            "they may be two services"
        );
        assert_eq!(with("service", "prod, staging"), [""; 0]);
    }

    #[test]
    fn a_script_picks_among_siblings() {
        let with = |script: &str| {
            picked(&[
                ("up.sh", script),
                ("shop/values-hill.yaml", "a: 1\n"),
                ("shop/values-dale.yaml", "a: 1\n"),
            ])
        };
        let both = ["shop/values-dale.yaml dale", "shop/values-hill.yaml hill"];
        assert_eq!(with("helm upgrade shop ./shop -f shop/values-$ENV.yaml\n"), both);
        assert_eq!(
            with("helm upgrade shop ./shop -f shop/values-${CLUSTER_NAME}.yaml\n"),
            both
        );
        for other in [
            "helm upgrade shop ./shop -f shop/values-$APP.yaml\n",
            "helm upgrade shop ./shop -f shop/values-$NAME.yaml\n",
            "helm upgrade shop ./shop -f shop/values-hill.yaml -f shop/values-$ENV.yaml\n",
            "helm upgrade shop ./shop -f shop/values-$ENV.yaml -f shop/values-$REGION.yaml\n",
            "helm upgrade shop ./shop -f shop/$ENV.yaml\n",
            "helm upgrade shop ./shop -f other/values-$ENV.yaml\n",
        ] {
            assert_eq!(with(other), [""; 0], "{other}");
        }
    }

    #[test]
    fn a_script_picks_overlays() {
        let picks = |script: &str| {
            let repo = Repo::from_files([(PathBuf::from("up.sh"), script.as_bytes().to_vec())]);
            Selected::of(&repo, &|_, _| true).picks_overlays(Path::new("k8s/overlays"))
        };
        assert!(picks("kubectl apply -k k8s/overlays/$ENV\n"));
        assert!(picks("kubectl apply -k \"${ROOT}/overlays/${TARGET_ENV}/web\"\n"));
        assert!(!picks("kubectl apply -k k8s/overlays/$FLAVOUR\n"));
        assert!(!picks("kubectl apply -k other/overlays/$ENV\n"));
        assert!(!picks("kubectl apply -k k8s/overlays/ha\n"));
    }

    #[test]
    fn what_all_environments_share_is_none() {
        let script = "helm upgrade shop ./shop -f shop/values-$ENV.yaml\n";
        let files = [
            ("up.sh", script),
            ("shop/values-common.yaml", "a: 1\n"),
            ("shop/values-hill.yaml", "a: 1\n"),
            ("shop/values-dale.yaml", "a: 1\n"),
        ];
        let both = ["shop/values-dale.yaml dale", "shop/values-hill.yaml hill"];
        assert_eq!(picked(&files), both);
        assert_eq!(picked(&files[..3]), [""; 0]);
    }
}
