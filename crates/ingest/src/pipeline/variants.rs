//! Variants: builds of which only one can be installed at a time, since they make the same workload in the
//! same namespace (`overlays/minimal` and `overlays/with-tls`). They are no environments, and nothing of one
//! meets anything of another. Each is judged together with everything that is no variant.

use crate::scope::{self, Evidence, Projects};
use cofferdam_model::ProjectId;
use cofferdam_render::kustomize::{Build, Built};
use cofferdam_syntax::hash::HashMap;
use cofferdam_syntax::tree::Node;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// One of several things that are not installed together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Variant {
    /// Its family is too large to judge its variants one by one: they are all judged together.
    Together,
    /// It is judged in turn with the others of its family.
    InTurn {
        /// The turn in which it is judged, by the name of the first variant that is judged in it.
        turn: String,
        /// The turns in which it is there: its own, and for the first of a family those in which no other of the family
        /// is.
        present: BTreeSet<String>,
    },
}

impl Variant {
    /// The turn in which it is judged.
    pub(super) fn turn(&self) -> Option<&str> {
        match self {
            Variant::Together => None,
            Variant::InTurn { turn, .. } => Some(turn),
        }
    }

    /// Whether it is there in this turn.
    pub(super) fn is_in(&self, turn: &str) -> bool {
        match self {
            Variant::Together => true,
            Variant::InTurn { present, .. } => present.contains(turn),
        }
    }
}

/// All variants, by directory.
#[derive(Debug, Default)]
pub(super) struct Variants {
    by_dir: BTreeMap<PathBuf, Variant>,
}

/// What tells one deployment from another besides its root.
type Place<'b> = (ProjectId, Option<&'b str>);

/// The families of one environment.
type Families<'b> = Vec<BTreeSet<&'b Path>>;

impl Variants {
    /// The variants among `built`. `cluster_of` is the cluster of a build; `is_base` says that nothing deploys it by itself.
    pub(super) fn of<'b>(
        built: &'b Built,
        projects: &Projects,
        evidence: &Evidence,
        (cluster_of, is_base): (impl Fn(&'b Build) -> Option<&'b str>, impl Fn(&'b Build) -> bool),
    ) -> Variants {
        let mut places = families(built, projects, evidence, (cluster_of, is_base));
        for families in places.values_mut() {
            families.retain(|family| family.len() > 1);
        }
        let mut found = Variants::default();
        for dir in costly(&mut places, built, projects).iter().flatten() {
            found.by_dir.insert(dir.to_path_buf(), Variant::Together);
        }
        let mut turns: BTreeMap<ProjectId, BTreeSet<String>> = BTreeMap::new();
        let mut placed: Vec<(ProjectId, Vec<(&Path, String)>)> = Vec::new();
        for (place, families) in &places {
            for family in in_turns(families) {
                let own = turns.entry(place.0).or_default();
                own.extend(family.iter().map(|(_, turn)| turn.clone()));
                placed.push((place.0, family));
            }
        }
        for (project, family) in placed {
            let own: BTreeSet<&String> = family.iter().map(|(_, turn)| turn).collect();
            for (at, (dir, turn)) in family.iter().enumerate() {
                let mut present = BTreeSet::from([turn.clone()]);
                if at == 0 {
                    // Where a variant of something else is judged, one of these is there too.
                    let others = turns[&project].iter().filter(|other| !own.contains(other));
                    present.extend(others.cloned());
                }
                let turn = turn.clone();
                found
                    .by_dir
                    .insert(dir.to_path_buf(), Variant::InTurn { turn, present });
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

/// The families of one environment with the turn of each variant. There are as many turns as the largest family has
/// variants: what has one name, as a cluster's directories have, is judged in one turn, and others in any that is left.
fn in_turns<'p>(families: &[BTreeSet<&'p Path>]) -> Vec<Vec<(&'p Path, String)>> {
    let mut named: Vec<Vec<(&Path, String)>> = families.iter().map(names).collect();
    named.sort_by_key(|family| std::cmp::Reverse(family.len()));
    let mut turns: Vec<String> = Vec::new();
    for family in &mut named {
        let mut left: Vec<String> = (turns.iter())
            .filter(|turn| family.iter().all(|(_, name)| name != *turn))
            .rev()
            .cloned()
            .collect();
        for (_, name) in family.iter_mut().filter(|(_, name)| !turns.contains(name)) {
            if let Some(turn) = left.pop() {
                *name = turn;
            }
        }
        let new = family.iter().map(|(_, name)| name);
        let new: Vec<String> = new.filter(|name| !turns.contains(name)).cloned().collect();
        turns.extend(new);
    }
    named
}

/// Objects that the variants of a project may repeat beside those that it has.
const MAX_REPEATED: usize = 64_000;

/// Takes the largest families out where to judge each variant with everything that is no variant would cost much more than
/// the project has objects. Returns those, whose variants are judged together.
fn costly<'b>(
    places: &mut BTreeMap<Place<'b>, Families<'b>>,
    built: &Built,
    projects: &Projects,
) -> Families<'b> {
    let variants: BTreeSet<&Path> = places.values().flatten().flatten().copied().collect();
    let mut objects: BTreeMap<ProjectId, usize> = BTreeMap::new();
    let mut others: BTreeMap<(ProjectId, Option<&str>), usize> = BTreeMap::new();
    for build in &built.builds {
        let project = projects.of_path(&build.dir);
        *objects.entry(project).or_default() += build.objects.len();
        if !variants.contains(build.dir.as_path()) {
            *others.entry((project, build.environment.as_deref())).or_default() += build.objects.len();
        }
    }
    let cost = |(place, families): (&Place<'_>, &Families<'_>)| {
        let of = |place: Place<'_>| others.get(&place).copied().unwrap_or(0);
        let beside: usize = match place.1 {
            Some(_) => of(*place) + of((place.0, None)),
            None => (others.iter().filter(|(other, _)| other.0 == place.0))
                .map(|(_, count)| count)
                .sum(),
        };
        families.iter().map(BTreeSet::len).max().unwrap_or(0) * beside
    };
    let mut taken = Families::new();
    for (project, objects) in objects {
        loop {
            let own = places.iter().filter(|(place, _)| place.0 == project);
            let costs: Vec<(usize, Place<'b>)> = own.map(|(p, f)| (cost((p, f)), *p)).collect();
            let total: usize = costs.iter().map(|(cost, _)| cost).sum();
            let Some((_, place)) = costs.iter().max().filter(|_| total > objects + MAX_REPEATED) else {
                break;
            };
            let Some(families) = places.get_mut(place) else {
                break;
            };
            let largest = families.iter().map(BTreeSet::len).max().unwrap_or(0);
            let (large, left) = std::mem::take(families)
                .into_iter()
                .partition(|family| family.len() == largest);
            *families = left;
            taken.extend::<Families<'b>>(large);
            if largest == 0 {
                break;
            }
        }
    }
    taken
}

/// Directories of builds that cannot be installed together.
fn families<'b>(
    built: &'b Built,
    projects: &Projects,
    evidence: &Evidence,
    (cluster_of, is_base): (impl Fn(&'b Build) -> Option<&'b str>, impl Fn(&'b Build) -> bool),
) -> BTreeMap<Place<'b>, Families<'b>> {
    let mut of_place: BTreeMap<Place<'b>, Vec<&'b Build>> = BTreeMap::new();
    for build in &built.builds {
        let place = (projects.of_path(&build.dir), build.environment.as_deref());
        of_place.entry(place).or_default().push(build);
    }
    let inside = inside(built);
    let mut all: BTreeMap<Place<'b>, Families<'b>> = BTreeMap::new();
    for (place, mut builds) in of_place {
        let project = place.0;
        // What one other build alone is built on is a part of it.
        builds.retain(|build| !inside.contains(build.dir.as_path()) && !is_base(build));
        let mut group: Vec<usize> = (0..builds.len()).collect();
        let mut join = |a: usize, b: usize| {
            let (from, to) = (group[a], group[b]);
            if from == to {
                return;
            }
            group.iter_mut().filter(|of| **of == from).for_each(|of| *of = to);
        };
        // One build of each cluster that makes a workload: the others of the cluster are joined to it already.
        let mut known: HashMap<Identity<'b>, BTreeMap<Option<&str>, usize>> = HashMap::default();
        for (at, build) in builds.iter().enumerate() {
            let cluster = cluster_of(build);
            let own: BTreeSet<Identity<'b>> = build.objects.iter().filter_map(identity).collect();
            for identity in own {
                let others = known.entry(identity).or_default();
                for (other, first) in others.iter() {
                    if !matches!((cluster, other), (Some(a), Some(b)) if a != *b) {
                        join(at, *first);
                    }
                }
                others.entry(cluster).or_insert(at);
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
        all.insert(place, families.into_values().collect());
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
    fn what_has_one_name_is_judged_in_one_turn_and_there_are_no_more_turns_than_variants() {
        fn family(dirs: &[&'static str]) -> BTreeSet<&'static Path> {
            dirs.iter().map(|dir| Path::new(*dir)).collect()
        }
        let families = [
            family(&["queue/two", "queue/three"]),
            family(&["web/one", "web/two", "web/three"]),
            family(&["mesh/left", "mesh/right"]),
        ];
        let turns: Vec<(String, String)> = (in_turns(&families).into_iter().flatten())
            .map(|(dir, turn)| (dir.display().to_string(), turn))
            .collect();
        let of = |dir: &str| {
            turns
                .iter()
                .find(|(d, _)| d == dir)
                .map(|(_, turn)| turn.as_str())
        };
        for name in ["one", "two", "three"] {
            assert_eq!(of(&format!("web/{name}")), Some(name));
        }
        assert_eq!((of("queue/two"), of("queue/three")), (Some("two"), Some("three")));
        let all: BTreeSet<&str> = turns.iter().map(|(_, turn)| turn.as_str()).collect();
        assert_eq!(all, ["one", "two", "three"].into());
        assert_ne!(of("mesh/left"), of("mesh/right"));
    }

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
