//! Which words of paths name environments. One directory called `dev` names none: siblings have to name at least two,
//! or a person, a deployment file or a destination says so.

use super::projects::{Projects, around, directory_of, in_directories};
use crate::overlay::OverlayDocument;
use cofferdam_model::ProjectId;
use cofferdam_render::selected::Selected;
use cofferdam_syntax::environment::{self, Files, Label};
use cofferdam_syntax::hash::{HashMap, HashSet};
use cofferdam_syntax::repo::Repo;
use cofferdam_syntax::tree::Node;
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The environments of each project for which there is evidence.
#[derive(Debug, Default)]
pub(crate) struct Evidence {
    names: BTreeMap<ProjectId, BTreeSet<String>>,
}

/// What the path of every file says of its environment. Every word of every path is looked up, so this is done once.
pub(crate) struct Labels<'r>(Vec<Run<'r>>);

/// Files of one directory.
struct Run<'r> {
    directory: &'r Path,
    of_directory: Option<Label>,
    files: Vec<(&'r Path, Option<Label>)>,
}

impl<'r> Labels<'r> {
    pub(crate) fn of(repo: &'r Repo) -> Labels<'r> {
        let paths: Vec<&Path> = repo.files.keys().map(PathBuf::as_path).collect();
        let runs: Vec<&[&Path]> = in_directories(&paths).collect();
        let of_run = |paths: &[&'r Path]| {
            let directory = directory_of(paths);
            let files = Files::in_directory(directory);
            let label = |path: &Path| files.label(path.file_name()?.to_str()?);
            Run {
                directory,
                of_directory: environment::directory_label(directory),
                files: paths.iter().map(|path| (*path, label(path))).collect(),
            }
        };
        Labels(runs.into_par_iter().map(of_run).collect())
    }

    /// Every file and directory that bears the name of an environment itself, and whether it is a file or has files of its
    /// own.
    fn each<'l>(&'l self, mut visit: impl FnMut(&'l Label, bool)) {
        for run in &self.0 {
            for (path, label) in &run.files {
                // What the directory says is visited once, below.
                if let Some(label) = label.as_ref().filter(|label| label.place == **path) {
                    visit(label, true);
                }
            }
            // A file may name another environment than its directory.
            if let Some(label) = &run.of_directory {
                visit(label, label.place == run.directory);
            }
        }
    }

    /// Directories that are called like an environment and have a sibling that is called like another one.
    pub(crate) fn sibling_directories(&self) -> HashSet<&Path> {
        let mut groups: HashMap<&Path, BTreeMap<&str, BTreeSet<&Path>>> = HashMap::default();
        self.each(|label, _| {
            let group = groups.entry(around(&label.place)).or_default();
            group.entry(&label.name).or_default().insert(&label.place);
        });
        groups
            .into_values()
            .filter(|names| names.len() >= 2)
            .flat_map(|names| names.into_values().flatten())
            .collect()
    }

    /// The environment of each file by its own name or else by its directories', where there is evidence for it.
    pub(crate) fn of_files<'l>(
        &'l self,
        projects: &Projects,
        evidence: &'l Evidence,
    ) -> impl ParallelIterator<Item = (&'r Path, Option<&'l str>)> {
        self.0.par_iter().flat_map_iter(move |run| {
            let project = projects.of_path(run.directory);
            let known = move |label: &'l Option<Label>| {
                let name = label.as_ref().map(|label| label.name.as_str());
                name.filter(|name| evidence.knows(project, name))
            };
            let of_directory = known(&run.of_directory);
            let files = run.files.iter();
            files.map(move |(path, label)| (*path, known(label).or(of_directory)))
        })
    }
}

impl Evidence {
    /// Looks for evidence in the paths of all files and in what a person states.
    pub(crate) fn of(
        labels: &Labels<'_>,
        selected: &Selected,
        projects: &Projects,
        stated: &OverlayDocument,
    ) -> Evidence {
        let mut groups: HashMap<(ProjectId, &Path), BTreeMap<&str, bool>> = HashMap::default();
        labels.each(|label, is_whole| {
            // What is picked by its whole name is for no environment of which the name only has the word.
            if selected.get(&label.place).is_some() {
                return;
            }
            let project = projects.of_path(&label.place);
            let group = groups.entry((project, around(&label.place)));
            *group.or_default().entry(&label.name).or_default() |= is_whole;
        });
        let mut evidence = Evidence::default();
        for ((project, parent), named) in groups {
            if named.len() < 2 {
                continue;
            }
            let mut names = without_groups(&named);
            if !selected.picks_overlays(parent) {
                names = environments(parent, names);
            }
            let names = names.into_iter().map(str::to_owned);
            evidence.names.entry(project).or_default().extend(names);
        }
        for (path, picked) in selected.files() {
            let names = evidence.names.entry(projects.of_path(path)).or_default();
            names.insert(picked.environment.clone());
        }
        for at in 0..projects.all.len() {
            let project = ProjectId(u32::try_from(at).unwrap_or(u32::MAX));
            let named = stated.environments().map(str::to_owned);
            evidence.names.entry(project).or_default().extend(named);
        }
        evidence
    }

    /// Adds an environment that something names outright.
    pub(crate) fn add(&mut self, project: ProjectId, name: &str) {
        self.names.entry(project).or_default().insert(name.to_owned());
    }

    /// Whether there is evidence for an environment of this name.
    pub(crate) fn knows(&self, project: ProjectId, name: &str) -> bool {
        self.names.get(&project).is_some_and(|names| names.contains(name))
    }

    /// The environment of a directory.
    pub(crate) fn of_directory(&self, project: ProjectId, directory: &Path) -> Option<String> {
        environment::of_directory(directory).filter(|name| self.knows(project, name))
    }
}

/// The names of several siblings without those of groups: beside a stage that has files of its own, a directory that only
/// holds others (`overlays/dev` and `overlays/site/east`) is a site or a team, of which each part is deployed by itself.
fn without_groups<'n>(named: &BTreeMap<&'n str, bool>) -> BTreeSet<&'n str> {
    let is_stage = |name: &str| environment::is_stage(name);
    let beside_stage = named.iter().any(|(name, is_whole)| *is_whole && is_stage(name));
    let kept = named.iter();
    kept.filter(|(name, is_whole)| **is_whole || !beside_stage || is_stage(name))
        .map(|(name, _)| *name)
        .collect()
}

/// Those of several siblings that are environments. Beside one that has a word for a stage, the others may be clusters,
/// namespaces or variants of one thing, which their place alone does not tell.
fn environments<'n>(parent: &Path, mut names: BTreeSet<&'n str>) -> BTreeSet<&'n str> {
    let is_word = |name: &str| environment::is_stage(name) || environment::is_region(name);
    let stages = names.iter().filter(|name| environment::is_stage(name)).count();
    let words = names.iter().filter(|name| is_word(name)).count();
    // Overlays have to say more: without any word they are variants.
    let is_clear = !environment::is_overlays(parent) || stages > 0 || words > 1;
    if !is_clear {
        return BTreeSet::new();
    }
    if words > 0 && names.len() - words > words {
        names.retain(|name| is_word(name));
    }
    names
}

/// Labels whose value names an environment.
const LABELS: &[&str] = &["environment", "env", "app.kubernetes.io/environment"];

/// The environment that the objects of one deployment name themselves: by a label that all of them bear, or by the
/// ending of the one namespace that they name. Such a value counts alone.
pub(crate) fn stated_by<'n>(objects: impl Iterator<Item = &'n Node> + Clone) -> Option<String> {
    let one = |mut names: Vec<Option<&'static str>>| {
        names.dedup();
        match names.as_slice() {
            [Some(name)] => Some((*name).to_owned()),
            _ => None,
        }
    };
    let labelled = |object: &Node| {
        let labels = object.at("metadata/labels")?;
        let value = LABELS.iter().find_map(|label| labels.get(label)?.as_str())?;
        environment::canonical(value)
    };
    let namespaces = objects
        .clone()
        .filter_map(|object| object.at("metadata/namespace")?.as_str());
    one(objects.map(labelled).collect()).or_else(|| one(namespaces.map(environment::of_name).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_name_their_environment_by_label_or_namespace() {
        let stated = |objects: &[&str]| {
            let files = objects.iter().enumerate();
            let repo = Repo::from_files(files.map(|(n, metadata)| {
                let text = format!("kind: X\nmetadata: {{{metadata}}}\n");
                (PathBuf::from(format!("{n}.yaml")), text.into_bytes())
            }));
            let objects: Vec<Node> = repo.yaml.values().flat_map(|s| s.documents.clone()).collect();
            stated_by(objects.iter())
        };
        for label in ["environment", "env", "app.kubernetes.io/environment"] {
            let prod = format!("labels: {{{label}: prod}}");
            let dev = format!("labels: {{{label}: dev}}");
            assert_eq!(stated(&[&prod, &prod]).as_deref(), Some("production"), "{label}");
            assert_eq!(stated(&[&prod, &dev]), None);
            assert_eq!(stated(&[&prod, "name: x"]), None, "all of them have to bear it");
        }
        assert_eq!(stated(&["labels: {env: blue}"]), None);
        assert_eq!(
            stated(&["namespace: shop-staging", "name: x"]).as_deref(),
            Some("staging")
        );
        assert_eq!(stated(&["namespace: shop-staging", "namespace: shop-prod"]), None);
        assert_eq!(stated(&["namespace: shop-staging", "namespace: shop"]), None);
        assert_eq!(stated(&[]), None);
        // A label says it on purpose; a namespace may be shared.
        let both = "namespace: shop-staging, labels: {env: prod}";
        assert_eq!(stated(&[both]).as_deref(), Some("production"));
    }

    fn evidence(paths: &[&str]) -> Vec<String> {
        let repo = Repo::from_files(paths.iter().map(|p| (PathBuf::from(p), Vec::new())));
        let projects = Projects::of(&repo, &|_| false);
        let evidence = Evidence::of(
            &Labels::of(&repo),
            &Selected::default(),
            &projects,
            &OverlayDocument::default(),
        );
        evidence.names.into_values().flatten().collect()
    }

    #[test]
    fn one_name_is_no_evidence_for_an_environment_and_two_siblings_are() {
        assert_eq!(evidence(&["dev.yml", "main.tf"]), [""; 0]);
        assert_eq!(evidence(&["overlays/dev/kustomization.yaml"]), [""; 0]);
        assert_eq!(
            evidence(&["overlays/dev/a.yaml", "overlays/prod/a.yaml"]),
            ["development", "production"]
        );
        assert_eq!(
            evidence(&["values-dev.yaml", "values-prod.yaml"]),
            ["development", "production"]
        );
        // Names in different directories are no siblings.
        assert_eq!(evidence(&["a.yaml", "k8s/dev/a.yaml", "tf/prod/a.tf"]), [""; 0]);
        // Whatever stands below `overlays` names an environment by its place, if there are two.
        assert_eq!(
            evidence(&["overlays/east/a.yaml", "overlays/west/a.yaml"]),
            ["east", "west"]
        );
        // Names of variants are none: of them one is installed at a time.
        assert_eq!(
            evidence(&["overlays/with-tls/a.yaml", "overlays/ha/a.yaml"]),
            [""; 0]
        );
        assert_eq!(
            evidence(&["environments/with-tls/a.yaml", "environments/ha/a.yaml"]),
            ["ha", "with-tls"]
        );
        assert_eq!(
            evidence(&["overlays/hill/a.yaml", "overlays/dale-dev/a.yaml"]),
            ["dale-dev", "hill"]
        );
        assert_eq!(
            evidence(&["overlays/base/a.yaml", "overlays/dev/a.yaml"]),
            [""; 0]
        );
        // A directory of others beside a stage that is whole is a group of what is deployed.
        let groups = [
            "dev/a.yaml",
            "emea/one/a.yaml",
            "hill/two/a.yaml",
            "hill/three/a.yaml",
        ];
        for parent in ["overlays", "envs"] {
            let siblings = groups.map(|path| format!("{parent}/{path}"));
            assert_eq!(
                evidence(&siblings.each_ref().map(String::as_str)),
                ["development"],
                "{parent}"
            );
        }
        assert_eq!(
            evidence(&["overlays/dev/web/a.yaml", "overlays/hill-prod/web/a.yaml"]),
            ["development", "hill-prod"],
            "all of them hold others"
        );
        assert_eq!(
            evidence(&["overlays/dev/a.yaml", "overlays/staging/web/a.yaml"]),
            ["development", "staging"]
        );
        // Beside a stage, most of the others being none, these are variants or clusters.
        for parent in ["overlays", "env"] {
            let siblings =
                ["plain", "openshift", "cert-manager", "dev"].map(|name| format!("{parent}/{name}/a.yaml"));
            assert_eq!(
                evidence(&siblings.each_ref().map(String::as_str)),
                ["development"],
                "{parent}"
            );
        }
        assert_eq!(
            evidence(&[
                "environments/a/x.tf",
                "environments/b/x.tf",
                "environments/c/x.tf"
            ]),
            ["a", "b", "c"]
        );
    }
}
