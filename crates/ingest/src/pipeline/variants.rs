//! Variants: builds of which only one can be installed at a time, since they make the same workload in the same
//! namespace (`overlays/minimal` and `overlays/with-tls`). They are no environments, and nothing of one meets anything of
//! another. Each is judged together with everything that is no variant.

use super::sources::Sources;
use crate::scope::{self, Evidence, Projects};
use cofferdam_model::{Deployment, DeploymentId, ProjectId};
use cofferdam_render::kustomize::{Build, Built};
use cofferdam_syntax::hash::HashMap;
use cofferdam_syntax::tree::Node;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// One of several things that are not installed together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Variant {
    /// The part of its path that tells it from the others.
    pub(super) name: String,
    /// The variants together with which it is judged: itself, and for the first of a family those of all others.
    present: BTreeSet<String>,
}

impl Variant {
    /// Whether it is judged with the variant of this name.
    pub(super) fn is_with(&self, name: &str) -> bool {
        self.present.contains(name)
    }
}

/// All variants, by directory.
#[derive(Debug, Default)]
pub(super) struct Variants {
    by_dir: BTreeMap<PathBuf, Variant>,
}

/// What tells one deployment from another besides its root.
type Place<'b> = (ProjectId, Option<&'b str>);

impl Variants {
    /// The variants among `built`. `cluster_of` is the cluster of a build.
    pub(super) fn of<'b>(
        built: &'b Built,
        projects: &Projects,
        evidence: &Evidence,
        cluster_of: impl Fn(&'b Build) -> Option<&'b str>,
    ) -> Variants {
        let mut families = families(built, projects, evidence, cluster_of);
        families.retain(|family| family.len() > 1);
        drop_large(&mut families, built, projects);
        let mut all: BTreeMap<ProjectId, BTreeSet<String>> = BTreeMap::new();
        let named: Vec<(ProjectId, Vec<(&Path, String)>)> = (families.into_iter())
            .map(|family| {
                let project = family.first().map_or(ProjectId(0), |dir| projects.of_path(dir));
                (project, names(&family))
            })
            .collect();
        for (project, family) in &named {
            let names = family.iter().map(|(_, name)| name.clone());
            all.entry(*project).or_default().extend(names);
        }
        let mut found = Variants::default();
        for (project, family) in named {
            let own: BTreeSet<&String> = family.iter().map(|(_, name)| name).collect();
            for (at, (dir, name)) in family.iter().enumerate() {
                let mut present = BTreeSet::from([name.clone()]);
                if at == 0 {
                    // Where a variant of something else is judged, one of these is there too.
                    let others = all[&project].iter().filter(|other| !own.contains(other));
                    present.extend(others.cloned());
                }
                let name = name.clone();
                found.by_dir.insert(dir.to_path_buf(), Variant { name, present });
            }
        }
        found
    }

    /// The variant that a file or directory belongs to.
    pub(super) fn of_path(&self, path: &Path) -> Option<&Variant> {
        if self.by_dir.is_empty() {
            return None;
        }
        path.ancestors().find_map(|above| self.by_dir.get(above))
    }
}

/// Objects that the variants of a project may repeat beside those that it has.
const MAX_REPEATED: usize = 50_000;

/// Leaves the variants of a project together where judging each with everything that is no variant would cost much more
/// than the project has objects.
fn drop_large(families: &mut Vec<BTreeSet<&Path>>, built: &Built, projects: &Projects) {
    let of_family = |family: &BTreeSet<&Path>| family.first().map(|dir| projects.of_path(dir));
    let mut variants: BTreeMap<ProjectId, BTreeSet<&Path>> = BTreeMap::new();
    for family in families.iter() {
        if let Some(project) = of_family(family) {
            variants.entry(project).or_default().extend(family);
        }
    }
    let mut objects: BTreeMap<ProjectId, (usize, usize)> = BTreeMap::new();
    for build in &built.builds {
        let project = projects.of_path(&build.dir);
        let (all, others) = objects.entry(project).or_default();
        *all += build.objects.len();
        if !variants
            .get(&project)
            .is_some_and(|own| own.contains(build.dir.as_path()))
        {
            *others += build.objects.len();
        }
    }
    families.retain(|family| {
        let project = of_family(family);
        let known = project.and_then(|project| Some((variants.get(&project)?, objects.get(&project)?)));
        known.is_none_or(|(own, (all, others))| own.len() * others <= all + MAX_REPEATED)
    });
}

/// The deployments that are variants.
pub(super) fn deployments(sources: &Sources<'_>, all: &[Deployment]) -> BTreeSet<DeploymentId> {
    let ids = (0..).map(DeploymentId).zip(all);
    let is_variant = |root: &Path| sources.variants.of_path(root).is_some();
    ids.filter(|(_, deployment)| is_variant(&deployment.root))
        .map(|(id, _)| id)
        .collect()
}

/// Directories of builds that cannot be installed together.
fn families<'b>(
    built: &'b Built,
    projects: &Projects,
    evidence: &Evidence,
    cluster_of: impl Fn(&'b Build) -> Option<&'b str>,
) -> Vec<BTreeSet<&'b Path>> {
    let mut of_place: BTreeMap<Place<'b>, Vec<&'b Build>> = BTreeMap::new();
    for build in &built.builds {
        let place = (projects.of_path(&build.dir), build.environment.as_deref());
        of_place.entry(place).or_default().push(build);
    }
    let inside = inside(built);
    let mut all = Vec::new();
    for ((project, _), mut builds) in of_place {
        // What one other build alone is built on is a part of it.
        builds.retain(|build| !inside.contains(build.dir.as_path()));
        let mut group: Vec<usize> = (0..builds.len()).collect();
        let mut join = |a: usize, b: usize| {
            let (from, to) = (group[a], group[b]);
            group.iter_mut().filter(|of| **of == from).for_each(|of| *of = to);
        };
        let mut known: HashMap<Identity<'b>, Vec<usize>> = HashMap::default();
        for (at, build) in builds.iter().enumerate() {
            let own: BTreeSet<Identity<'b>> = build.objects.iter().filter_map(identity).collect();
            for identity in own {
                let others = known.entry(identity).or_default();
                for other in others.iter() {
                    let clusters = (cluster_of(build), cluster_of(builds[*other]));
                    if !matches!(clusters, (Some(a), Some(b)) if a != b) {
                        join(at, *other);
                    }
                }
                others.push(at);
            }
        }
        // What an overlay makes that cannot be built is not known, and its siblings are variants by their place.
        for (at, build) in builds
            .iter()
            .enumerate()
            .filter(|(_, build)| build.failed.is_some())
        {
            let siblings = (0..builds.len()).filter(|other| *other != at);
            let overlays =
                overlays_of(&build.dir).filter(|_| evidence.of_directory(project, &build.dir).is_none());
            let first = siblings
                .into_iter()
                .find(|other| overlays.is_some() && overlays_of(&builds[*other].dir) == overlays);
            if let Some(other) = first {
                join(at, other);
            }
        }
        let mut families: BTreeMap<usize, BTreeSet<&Path>> = BTreeMap::new();
        for (at, build) in builds.iter().enumerate() {
            families.entry(group[at]).or_default().insert(&build.dir);
        }
        all.extend(families.into_values());
    }
    all
}

/// Directories of builds that exactly one other build is built on.
fn inside(built: &Built) -> BTreeSet<&Path> {
    let mut users: HashMap<&Path, usize> = HashMap::default();
    let builds = built.builds.iter();
    let dirs: HashMap<&Path, &Path> = builds.map(|b| (b.path.as_path(), b.dir.as_path())).collect();
    for build in &built.builds {
        let used = build.files.iter().filter_map(|file| dirs.get(file.as_path()));
        for dir in used.filter(|dir| **dir != build.dir) {
            *users.entry(dir).or_default() += 1;
        }
    }
    let users = users.into_iter().filter(|(_, count)| *count == 1);
    users.map(|(dir, _)| dir).collect()
}

/// The directory of overlays that a directory is directly in.
fn overlays_of(dir: &Path) -> Option<&Path> {
    dir.parent().filter(|parent| scope::is_overlays(parent))
}

/// Kind, namespace and name of a workload. Without a namespace it may be installed anywhere, so only the same manifest
/// is the same workload: the file that its name stands in.
type Identity<'b> = (&'b str, Option<&'b str>, &'b str, Option<u32>);

fn identity(object: &Node) -> Option<Identity<'_>> {
    let text = |path: &str| object.at(path).and_then(Node::as_str);
    let runs =
        object.at("spec/template/spec/containers").is_some() || object.at("spec/jobTemplate").is_some();
    let name = object.at("metadata/name").filter(|_| runs)?;
    let namespace = text("metadata/namespace");
    let file = namespace.is_none().then_some(name.span.file.0);
    Some((text("kind")?, namespace, name.as_str()?, file))
}

/// The directories of a family with the shortest parts of their paths that tell them apart.
fn names<'p>(family: &BTreeSet<&'p Path>) -> Vec<(&'p Path, String)> {
    let mut together: PathBuf = family
        .iter()
        .next()
        .map_or_else(PathBuf::new, |dir| dir.to_path_buf());
    while !family.iter().all(|dir| dir.starts_with(&together)) {
        together.pop();
    }
    let part = |dir: &Path, count: usize| -> PathBuf {
        let below = dir.strip_prefix(&together).unwrap_or(dir);
        below.iter().take(count).collect()
    };
    let longest = family.iter().map(|dir| dir.iter().count()).max().unwrap_or(0);
    let is_clear = |count: &usize| {
        let parts: BTreeSet<PathBuf> = family.iter().map(|dir| part(dir, *count)).collect();
        parts.len() == family.len()
    };
    let count = (1..=longest).find(is_clear).unwrap_or(longest);
    let name = |dir: &Path| match part(dir, count) {
        own if own.as_os_str().is_empty() => dir.display().to_string(),
        own => own.display().to_string(),
    };
    family.iter().map(|dir| (*dir, name(dir))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variant_is_named_by_what_tells_it_from_the_others() {
        let named = |dirs: &[&'static str]| -> Vec<String> {
            let family = dirs.iter().map(Path::new).collect();
            names(&family).into_iter().map(|(_, name)| name).collect()
        };
        assert_eq!(named(&["a/overlays/ha", "a/overlays/minimal"]), ["ha", "minimal"]);
        assert_eq!(
            named(&["a/env/ha/tls", "a/env/ha/plain", "a/env/x"]),
            ["ha/plain", "ha/tls", "x"]
        );
        assert_eq!(named(&["a/x/site-1/k8s", "a/x/site-2/k8s"]), ["site-1", "site-2"]);
        assert_eq!(named(&["a/base", "a/base/more"]), ["a/base", "more"]);
    }
}
