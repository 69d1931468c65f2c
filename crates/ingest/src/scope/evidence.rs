//! Which words of paths name environments. One directory called `dev` names none: siblings have to name at least two,
//! or a person, a deployment file or a destination says so.

use super::Projects;
use crate::overlay::OverlayDocument;
use cofferdam_model::ProjectId;
use cofferdam_syntax::environment::{self, Files};
use cofferdam_syntax::repo::Repo;
use cofferdam_syntax::tree::Node;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};

/// The environments of each project for which there is evidence.
#[derive(Debug, Default)]
pub(crate) struct Evidence {
    names: BTreeMap<ProjectId, BTreeSet<String>>,
}

/// Directories that are called like an environment and have a sibling that is called like another one.
pub(crate) fn sibling_directories(repo: &Repo) -> BTreeSet<PathBuf> {
    let mut groups: HashMap<PathBuf, BTreeMap<String, BTreeSet<PathBuf>>> = HashMap::new();
    each_label(repo, |label| {
        let parent = label.place.parent().unwrap_or(Path::new("")).to_path_buf();
        groups
            .entry(parent)
            .or_default()
            .entry(label.name)
            .or_default()
            .insert(label.place);
    });
    groups
        .into_values()
        .filter(|names| names.len() >= 2)
        .flat_map(|names| names.into_values().flatten())
        .collect()
}

fn each_label(repo: &Repo, mut visit: impl FnMut(environment::Label)) {
    let paths: Vec<&Path> = repo.files.keys().map(PathBuf::as_path).collect();
    for run in paths.chunk_by(|a, b| a.parent() == b.parent()) {
        let directory = run
            .first()
            .and_then(|path| path.parent())
            .unwrap_or(Path::new(""));
        let files = Files::in_directory(directory);
        for path in run {
            let label = path
                .file_name()
                .and_then(|n| n.to_str())
                .and_then(|n| files.label(n));
            // What the directory says is visited once, below.
            if let Some(label) = label.filter(|label| label.place == **path) {
                visit(label);
            }
        }
        // A file may name another environment than its directory.
        if let Some(label) = environment::directory_label(directory) {
            visit(label);
        }
    }
}

impl Evidence {
    /// Looks for evidence in the paths of all files and in what a person states.
    pub(crate) fn of(repo: &Repo, projects: &Projects, stated: &OverlayDocument) -> Evidence {
        let mut groups: HashMap<(ProjectId, PathBuf), BTreeSet<String>> = HashMap::new();
        each_label(repo, |label| {
            let project = projects.of_path(&label.place);
            let parent = label.place.parent().unwrap_or(Path::new("")).to_path_buf();
            groups.entry((project, parent)).or_default().insert(label.name);
        });
        let mut evidence = Evidence::default();
        for ((project, _), names) in groups {
            if names.len() >= 2 {
                evidence.names.entry(project).or_default().extend(names);
            }
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

    /// The environment of a file by its own name or else by its directories'.
    pub(crate) fn of_file(&self, project: ProjectId, files: &Files<'_>, name: &str) -> Option<String> {
        files
            .named(name)
            .filter(|name| self.knows(project, name))
            .or_else(|| files.of_directory().filter(|name| self.knows(project, name)))
    }

    /// The environment of a directory.
    pub(crate) fn of_directory(&self, project: ProjectId, directory: &Path) -> Option<String> {
        environment::of_directory(directory).filter(|name| self.knows(project, name))
    }
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
        let evidence = Evidence::of(&repo, &projects, &OverlayDocument::default());
        evidence.names.into_values().flatten().collect()
    }

    #[test]
    fn one_name_is_no_evidence_and_two_siblings_are() {
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
        assert_eq!(
            evidence(&["overlays/base/a.yaml", "overlays/dev/a.yaml"]),
            [""; 0]
        );
    }
}
