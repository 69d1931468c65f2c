//! Which files give a root module's variables their values, and in which environment.

use super::Together;
use super::generated::UnitAt;
use super::parse::{File, Item};
use cofferdam_syntax::environment;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Words in the names of files that hold for every environment, although Terraform does not load them by itself.
const SHARED: &[&str] = &[
    "common",
    "global",
    "shared",
    "base",
    "default",
    "defaults",
    "variables",
    "vars",
    "values",
    "secrets",
];

/// The value files of one root: those for all environments, then those for each, in the order in
/// which later ones win.
#[derive(Debug, Default)]
pub(super) struct ValueFiles<'a> {
    shared: Vec<&'a File>,
    by_environment: BTreeMap<String, Vec<&'a File>>,
    others: Vec<&'a File>,
    /// The name of the only file, where that says nothing by itself.
    only: Option<String>,
    /// Files for the environment that the root's own directory names.
    of_root: Vec<&'a File>,
    /// The files whose names are environments only because their siblings show it.
    chosen: BTreeMap<String, &'a Path>,
}

/// The values of a root in one environment.
#[derive(Debug)]
pub(super) struct Chosen<'a> {
    pub(super) environment: Option<String>,
    /// The name of the only file of values, which may be that of an environment.
    pub(super) only: Option<String>,
    /// Later ones win.
    pub(super) files: Vec<&'a File>,
    /// The file whose name is the environment's, where only its siblings show that it is one.
    pub(super) by: Option<&'a Path>,
}

/// The name of a value file without its endings.
fn stem(path: &Path) -> String {
    let name = path
        .file_name()
        .and_then(|n| n.to_str())
        .unwrap_or_default()
        .to_ascii_lowercase();
    name.trim_end_matches(".json")
        .trim_end_matches(".tfvars")
        .trim_end_matches(".auto")
        .to_owned()
}

fn loaded_by_itself(path: &Path, root: &Path) -> bool {
    let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default();
    let name = name.trim_end_matches(".json");
    path.parent() == Some(root) && (name == "terraform.tfvars" || name.ends_with(".auto.tfvars"))
}

/// Names that a value file sets.
fn names(file: &File) -> BTreeSet<String> {
    file.body()
        .items()
        .into_iter()
        .filter_map(|item| match item {
            Item::Attribute(key, _) => Some(key.text.to_string()),
            Item::Block(_) => None,
        })
        .collect()
}

/// Assigns each value file to its root: the nearest root directory above it, or else the roots
/// that declare most of the names that it sets.
pub(super) fn assign<'a>(
    files: &'a [File],
    roots: &BTreeMap<PathBuf, BTreeSet<String>>,
    together: Together<'_>,
) -> BTreeMap<PathBuf, ValueFiles<'a>> {
    let mut assigned: BTreeMap<PathBuf, ValueFiles<'a>> = BTreeMap::new();
    for file in files {
        let is_near = |dir: &Path| together(&file.path, dir);
        let mut above = file.path.ancestors().skip(1);
        let above = above.find(|dir| roots.contains_key(*dir) && is_near(dir));
        let owners: Vec<&PathBuf> = match above {
            Some(dir) => roots.get_key_value(dir).map(|(dir, _)| dir).into_iter().collect(),
            None => {
                let set = names(file);
                let declared = |known: &BTreeSet<String>| known.intersection(&set).count();
                let near = || roots.iter().filter(|(dir, _)| is_near(dir));
                let most = near().map(|(_, known)| declared(known)).max().unwrap_or(0);
                near()
                    .filter(|(_, known)| most > 0 && declared(known) == most)
                    .map(|(dir, _)| dir)
                    .collect()
            }
        };
        for root in owners {
            let of_root = environment::of_directory(root);
            let of_file = environment::of_path(&file.path).filter(|e| Some(e) != of_root.as_ref());
            // Where it lies in the root.
            let inside = file.path.strip_prefix(root).ok().and_then(environment::of_path);
            let values = assigned.entry(root.clone()).or_default();
            match of_file {
                None if inside.is_some() && inside == of_root => values.of_root.push(file),
                Some(name) => values.by_environment.entry(name).or_default().push(file),
                None if loaded_by_itself(&file.path, root)
                    || SHARED.contains(&stem(&file.path).as_str())
                    || (of_root.is_some() && stem(&file.path) == "terraform")
                    || environment::of_path(&file.path).is_some() =>
                {
                    values.shared.push(file)
                }
                None => values.others.push(file),
            }
        }
    }
    for (root, values) in &mut assigned {
        // A directory that holds the values of several environments (`live/staging.tfvars`, `live/prod.tfvars`) is none
        // of them.
        let own = std::mem::take(&mut values.of_root);
        match environment::of_directory(root) {
            None => values.find_siblings(),
            Some(_) if values.by_environment.is_empty() => values.shared.extend(own),
            Some(name) if !own.is_empty() => values.by_environment.entry(name).or_default().extend(own),
            Some(_) => {}
        }
        // `terraform.tfvars` comes before `*.auto.tfvars`, and both before files that a person passes.
        values.shared.sort_by_key(|file| {
            (
                !loaded_by_itself(&file.path, root),
                stem(&file.path) != "terraform",
                file.path.clone(),
            )
        });
        // If there is only one file, it is the one that people pass when they run Terraform.
        if values.by_environment.is_empty()
            && let [only] = values.others.as_slice()
        {
            values.only = Some(environment::name(&stem(&only.path)));
            values.shared.append(&mut values.others);
        }
    }
    assigned
}

impl<'a> ValueFiles<'a> {
    /// Whether there is no file.
    pub(super) fn is_empty(&self) -> bool {
        self.shared.is_empty() && self.by_environment.is_empty() && self.others.is_empty()
    }

    /// Names that are set by files whose use is not known.
    pub(super) fn unassigned(&self) -> BTreeSet<String> {
        self.others.iter().flat_map(|file| names(file)).collect()
    }

    /// Files of one directory that set mostly the same names are used one at a time: each is an environment, whatever
    /// its name is.
    fn find_siblings(&mut self) {
        let of_environments = self.by_environment.values().flatten();
        let all: Vec<(&Path, BTreeSet<String>)> = (of_environments.chain(&self.others))
            .map(|file| (file.path.as_path(), names(file)))
            .collect();
        let is_alike = |file: &File| {
            let own = names(file);
            all.iter().any(|(path, others)| {
                let both = own.intersection(others).count();
                *path != file.path
                    && path.parent() == file.path.parent()
                    && 2 * both > own.len().max(others.len())
            })
        };
        let (alike, others): (Vec<&File>, Vec<&File>) = self.others.iter().partition(|file| is_alike(file));
        self.others = others;
        for file in alike {
            let name = environment::name(&stem(&file.path));
            self.chosen.entry(name.clone()).or_insert(&file.path);
            self.by_environment.entry(name).or_default().push(file);
        }
    }

    /// The files that Terraform loads by itself for a unit of Terragrunt, and its environment: the one that units beside
    /// it show, or else the one of its directory.
    pub(super) fn of_unit(&self, unit: &'a UnitAt, shown: Option<&String>) -> Chosen<'a> {
        let by = unit.files.first().filter(|_| shown.is_some());
        Chosen {
            environment: shown.cloned().or_else(|| environment::of_directory(&unit.dir)),
            only: None,
            files: self.shared.clone(),
            by: by.map(PathBuf::as_path),
        }
    }

    /// The environments of a root in `dir` and the files that hold in each.
    pub(super) fn environments(&self, dir: &Path) -> Vec<Chosen<'a>> {
        if self.by_environment.is_empty() {
            return vec![Chosen {
                environment: environment::of_directory(dir),
                only: self.only.clone(),
                files: self.shared.clone(),
                by: None,
            }];
        }
        self.by_environment
            .iter()
            .map(|(name, files)| Chosen {
                environment: Some(name.clone()),
                only: None,
                files: self.shared.iter().chain(files).copied().collect(),
                by: self.chosen.get(name).copied(),
            })
            .collect()
    }
}
