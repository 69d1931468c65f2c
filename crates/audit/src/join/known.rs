//! Findings with one subject and one cause, among which another one is looked for.
//!
//! Usually there are a few, which are compared one by one. A file with thousands of secrets of one name has thousands: they
//! are put into groups of which one comparison decides, so that the time grows with their number and not with its square.

use super::crowds::Crowds;
use super::same::{are_disjoint, are_two};
use crate::finding::Finding;
use cofferdam_model::{FileId, Span};
use cofferdam_syntax::hash::HashMap;
use cofferdam_syntax::sorted::SortedSet;
use std::collections::BTreeSet;

/// As many are compared one by one.
const FEW: usize = 16;

/// The environments, variants and clusters of a finding and of those that it has absorbed.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Scene {
    environments: BTreeSet<String>,
    variants: SortedSet<Option<String>>,
    clusters: SortedSet<Option<String>>,
}

impl Scene {
    fn of(finding: &Finding) -> Scene {
        Scene {
            environments: finding.environments.iter().cloned().collect(),
            variants: finding.variants.clone(),
            clusters: finding.clusters.clone(),
        }
    }

    /// Whether it is also the scene of this finding.
    fn has(&self, finding: &Finding) -> bool {
        finding
            .environments
            .iter()
            .all(|name| self.environments.contains(name))
            && finding.variants.is_subset(&self.variants)
            && finding.clusters.is_subset(&self.clusters)
    }

    fn with(mut self, finding: &Finding) -> Scene {
        self.environments.extend(finding.environments.iter().cloned());
        self.variants.append(finding.variants.clone());
        self.clusters.append(finding.clusters.clone());
        self
    }

    /// Whether one environment may have both a finding of this scene and another one.
    fn meets(&self, finding: &Finding) -> bool {
        finding
            .environments
            .iter()
            .any(|name| self.environments.contains(name))
            && !are_disjoint(&self.variants, &finding.variants)
            && !are_disjoint(&self.clusters, &finding.clusters)
    }
}

/// Findings by their places in the list of all.
#[derive(Default)]
pub(super) struct Known {
    all: Vec<usize>,
    /// Only of many.
    groups: Option<Groups>,
}

#[derive(Default)]
struct Groups {
    scenes: Vec<(Scene, BTreeSet<usize>)>,
    /// The first finding at a place, also of an absorbed one.
    places: HashMap<Span, usize>,
    /// The first one without a place.
    placeless: Option<usize>,
}

impl Known {
    /// The first of them that is the same as another finding: no environment has both in two places.
    pub(super) fn same(&mut self, joined: &[Finding], finding: &Finding, crowds: &Crowds) -> Option<usize> {
        if self.all.len() <= FEW {
            return self
                .all
                .iter()
                .find(|at| {
                    let a = &joined[**at];
                    !are_two(a, finding, || crowds.meet(**at, a, finding))
                })
                .copied();
        }
        let groups = self.groups.get_or_insert_with(|| {
            let mut groups = Groups::default();
            for at in &self.all {
                groups.push(*at, &joined[*at]);
                for place in &joined[*at].also_at {
                    groups.places.entry(*place).or_insert(*at);
                }
            }
            groups
        });
        let Some(place) = place_of(finding) else {
            return self.all.first().copied();
        };
        let apart = groups.scenes.iter().filter(|(scene, _)| !scene.meets(finding));
        let apart = apart.filter_map(|(_, all)| all.first());
        let here = groups.places.get(&place);
        apart.chain(here).chain(&groups.placeless).min().copied()
    }

    pub(super) fn push(&mut self, at: usize, finding: &Finding) {
        self.all.push(at);
        if let Some(groups) = &mut self.groups {
            groups.push(at, finding);
        }
    }

    /// One of them is about to absorb a finding.
    pub(super) fn absorbed(&mut self, at: usize, finding: &Finding) {
        let Some(groups) = &mut self.groups else { return };
        let scenes = &mut groups.scenes;
        let Some(before) = scenes.iter().position(|(_, all)| all.contains(&at)) else {
            // Of another cause.
            return;
        };
        for place in place_of(finding)
            .into_iter()
            .chain(finding.also_at.iter().copied())
        {
            groups.places.entry(place).or_insert(at);
        }
        if scenes[before].0.has(finding) {
            return;
        }
        let scene = if scenes[before].1.len() == 1 {
            scenes.swap_remove(before).0
        } else {
            scenes[before].1.remove(&at);
            scenes[before].0.clone()
        };
        groups.enter(at, scene.with(finding));
    }
}

impl Groups {
    fn push(&mut self, at: usize, finding: &Finding) {
        match place_of(finding) {
            Some(place) => {
                self.places.entry(place).or_insert(at);
            }
            None => self.placeless = self.placeless.or(Some(at)),
        }
        self.enter(at, Scene::of(finding));
    }

    fn enter(&mut self, at: usize, scene: Scene) {
        match self.scenes.iter_mut().find(|(known, _)| *known == scene) {
            Some((_, all)) => {
                all.insert(at);
            }
            None => self.scenes.push((scene, BTreeSet::from([at]))),
        }
    }
}

fn place_of(finding: &Finding) -> Option<Span> {
    finding.locations.first().map(|l| l.span)
}

/// Findings by the files in which they are: whether two files may be copies is asked once.
#[derive(Default)]
pub(super) struct Copies {
    files: Vec<(FileId, BTreeSet<usize>)>,
}

impl Copies {
    /// The first of them that is in a copy of a file and is the same there.
    pub(super) fn find(
        &self,
        is_copy: impl Fn(FileId) -> bool,
        is_same: impl Fn(usize) -> bool,
    ) -> Option<usize> {
        let copies = self.files.iter().filter(|(file, _)| is_copy(*file));
        copies
            .filter_map(|(_, all)| all.iter().copied().find(|at| is_same(*at)))
            .min()
    }

    pub(super) fn push(&mut self, at: usize, file: FileId) {
        match self.files.iter_mut().find(|(known, _)| *known == file) {
            Some((_, all)) => {
                all.insert(at);
            }
            None => self.files.push((file, BTreeSet::from([at]))),
        }
    }

    /// One of them may be in another file now.
    pub(super) fn moved(&mut self, at: usize, file: Option<FileId>) {
        let Some(file) = file else { return };
        let Some(before) = self.files.iter().position(|(_, all)| all.contains(&at)) else {
            return;
        };
        if self.files[before].0 != file {
            self.files[before].1.remove(&at);
            self.push(at, file);
        }
    }
}
