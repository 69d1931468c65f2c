//! Manifests that no build uses. In a directory that kustomize builds from, what is deployed is what a kustomization
//! names; a manifest beside it that none names (commented out, a patch nobody applies) is deployed by nothing. It is read
//! and judged all the same, apart from the platform and by itself: nothing deployed sees it.
//!
//! A directory is built from if it has a kustomization, if one names manifests in it, or if it lies below a kustomization
//! that keeps its manifests and patches in directories below itself or beside itself,
//! or that names several of its directories. A plain directory of manifests
//! without any of that stays a deployment, and so does what an application or a command deploys by its path.

use super::manifests::Directories;
use crate::commands::Commands;
use crate::kubernetes;
use crate::scope::Projects;
use cofferdam_model::{Apart, Project, ProjectId};
use cofferdam_render::hcl::Terraform;
use cofferdam_render::helm::Charts;
use cofferdam_render::kustomize::{self, Built};
use cofferdam_syntax::hash::HashSet;
use cofferdam_syntax::repo::{Repo, normalise};
use cofferdam_syntax::tree::Node;
use cofferdam_syntax::yaml::Stream;
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Puts the manifests that no build uses into projects of their own.
pub(super) fn set_apart(
    repo: &Repo,
    (built, charts, terraform): (&Built, &Charts, &Terraform),
    (directories, commands): (&Directories, &Commands),
    projects: &mut Projects,
) {
    let in_builds: HashSet<&Path> = (built.builds.iter())
        .flat_map(|build| build.files.iter().map(PathBuf::as_path))
        .collect();
    let is_used = |path: &Path| {
        in_builds.contains(path)
            || charts.consumed.contains(path)
            || terraform.claimed.contains(path)
            || repo.is_below_link(path)
            || commands.files.contains(path)
            || directories.of(path).is_some()
    };
    let spread = spread(repo, built);
    let mut built_from = built_from(repo, built);
    built_from.extend(&spread);
    let is_unused = |path: &Path, stream: &Stream| {
        let directory = path.parent().unwrap_or(Path::new(""));
        (built_from.contains(directory) || is_below_spread(directory, &built_from, &spread))
            && !is_used(path)
            && stream.documents.iter().any(is_manifest)
    };
    let files: Vec<(&PathBuf, &Stream)> = repo.yaml.iter().collect();
    let found: Vec<(&Path, Apart)> = (files.into_par_iter())
        .filter_map(|(path, stream)| {
            let is_example = || has_name_of_example(path) && !is_used(path) && is_alone(repo, path);
            let why = match is_unused(path, stream) {
                true => Some(Apart::Unused),
                false => is_example().then_some(Apart::Examples),
            };
            Some((path.as_path(), why?))
        })
        .collect();
    let mut of_project = BTreeMap::new();
    for apart in [Apart::Unused, Apart::Examples] {
        for (path, _) in found.iter().filter(|(_, why)| *why == apart) {
            place(path, apart, (projects, &mut of_project));
        }
    }
}

/// Puts a file of the platform into a project that is apart.
fn place(
    path: &Path,
    why: Apart,
    (projects, of_project): (&mut Projects, &mut BTreeMap<(ProjectId, Apart), ProjectId>),
) {
    let own = projects.of_path(path);
    if projects.get(own).apart.is_some() {
        return;
    }
    let apart = *of_project.entry((own, why)).or_insert_with(|| {
        let root = projects.get(own).root.clone();
        projects.add(Project {
            root,
            apart: Some(why),
        })
    });
    projects.place(path.to_path_buf(), apart);
}

/// Whether a file is called an example.
fn has_name_of_example(path: &Path) -> bool {
    let stem = path.file_stem().and_then(|n| n.to_str()).unwrap_or_default();
    matches!(stem.to_ascii_lowercase().as_str(), "example" | "sample")
}

/// Whether a file is the only manifest of its directory, beside files that are none.
fn is_alone(repo: &Repo, path: &Path) -> bool {
    let directory = path.parent().unwrap_or(Path::new(""));
    let is_beside = |other: &Path| other != path && other.parent() == Some(directory);
    let mut manifests = repo
        .yaml
        .below(directory)
        .filter(|(other, stream)| is_beside(other) && stream.documents.iter().any(is_manifest));
    let is_code = |other: &Path| is_beside(other) && !repo.yaml.contains_key(other);
    let mut beside = repo
        .files
        .keys()
        .chain(&repo.passed_over)
        .filter(|other| is_code(other));
    manifests.next().is_none() && beside.next().is_some()
}

/// Directories that kustomize builds from.
fn built_from<'b>(repo: &Repo, built: &'b Built) -> HashSet<&'b Path> {
    let manifests = built.consumed.iter().filter(|path| {
        let stream = repo.yaml.get(path);
        is_kustomization(path) || stream.is_some_and(|stream| stream.documents.iter().any(is_manifest))
    });
    manifests.filter_map(|path| path.parent()).collect()
}

/// Directories with a kustomization that names manifests in directories below itself.
fn spread<'b>(repo: &Repo, built: &'b Built) -> HashSet<&'b Path> {
    let kustomizations = built.consumed.iter().filter(|path| is_kustomization(path));
    let own: HashSet<&Path> = kustomizations.filter_map(|path| path.parent()).collect();
    let manifests = built.consumed.iter().filter(|path| {
        let stream = repo.yaml.get(path);
        stream.is_some_and(|stream| stream.documents.iter().any(is_manifest))
    });
    let mut found: HashSet<&Path> = manifests
        .filter_map(|path| {
            let directory = path.parent()?;
            let nearest = directory.ancestors().find(|above| own.contains(above))?;
            (nearest != directory).then_some(nearest)
        })
        .collect();
    found.extend(around_siblings(repo, built, &own));
    found.extend(
        own.iter()
            .copied()
            .filter(|dir| names_directories(repo, dir, &own)),
    );
    found
}

/// Whether the kustomization of a directory names several of the directories in it, which have kustomizations of their own.
fn names_directories(repo: &Repo, dir: &Path, own: &HashSet<&Path>) -> bool {
    let files = ["kustomization.yaml", "kustomization.yml", "Kustomization"];
    let stream = files.iter().find_map(|name| repo.yaml.get(&dir.join(name)));
    let documents = stream.into_iter().flat_map(|stream| &stream.documents);
    let named = documents.flat_map(|node| node.get("resources").map_or(&[][..], Node::items));
    let directories: BTreeSet<PathBuf> = named
        .filter_map(|item| Some(normalise(&dir.join(item.as_str()?))))
        .filter(|target| target.parent() == Some(dir) && own.contains(target.as_path()))
        .collect();
    directories.len() > 1
}

/// Directories with a kustomization in one of their directories that keeps its manifests in several of the others.
fn around_siblings<'b>(repo: &Repo, built: &'b Built, own: &HashSet<&Path>) -> BTreeSet<&'b Path> {
    let is_one = |path: &Path| {
        let stream = repo.yaml.get(path);
        stream.is_some_and(|stream| stream.documents.iter().any(is_manifest))
    };
    let of_build = |build: &'b kustomize::Build| {
        let around = build.dir.parent().filter(|above| !above.as_os_str().is_empty())?;
        let directories = build
            .files
            .iter()
            .filter(|path| is_one(path))
            .filter_map(|path| path.parent());
        let siblings: BTreeSet<&Path> = directories
            .filter(|dir| dir.parent() == Some(around) && !own.contains(dir))
            .collect();
        (siblings.len() > 1).then_some(around)
    };
    built.builds.iter().filter_map(of_build).collect()
}

/// Whether the nearest directory above that is built from keeps its manifests in directories below itself.
fn is_below_spread(directory: &Path, built_from: &HashSet<&Path>, spread: &HashSet<&Path>) -> bool {
    let mut above = directory.ancestors().skip(1);
    above
        .find(|dir| built_from.contains(dir))
        .is_some_and(|dir| spread.contains(dir))
}

/// Whether a document is an object for the cluster, and no file of kustomize's own.
fn is_manifest(document: &Node) -> bool {
    let api = document
        .get("apiVersion")
        .and_then(Node::as_str)
        .unwrap_or_default();
    kubernetes::is_object(document) && !api.starts_with("kustomize.config.k8s.io/") && api != "builtin"
}

fn is_kustomization(path: &Path) -> bool {
    let name = path.file_stem().and_then(|n| n.to_str());
    name.is_some_and(|name| name.eq_ignore_ascii_case("kustomization"))
}

/// Whether a kustomization is by its place one that others build on: it deploys nothing by itself.
pub(super) fn is_base(dir: &Path) -> bool {
    let parts: Vec<String> = dir
        .iter()
        .map(|part| part.to_string_lossy().to_lowercase())
        .collect();
    let last = |names: &[&str]| parts.iter().rposition(|part| names.contains(&part.as_str()));
    let base = last(&["base", "bases"]);
    let overlay = last(&["overlay", "overlays", "environments", "envs", "clusters"]);
    // An overlay may lie below a base of something else.
    base > overlay || last(&["component", "components"]).is_some_and(|at| at + 2 >= parts.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_is_recognised_by_its_path() {
        for (dir, wanted) in [
            ("k8s/base", true),
            ("bases/api", true),
            ("cluster/base/core/namespaces/shop", true),
            ("components/tracing", true),
            ("components", true),
            ("k8s/overlays/prod", false),
            ("base/overlays/prod", false),
            ("components/api/deploy/prod", false),
            ("database", false),
            ("", false),
        ] {
            assert_eq!(is_base(Path::new(dir)), wanted, "{dir}");
        }
    }
}
