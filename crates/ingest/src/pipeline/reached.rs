//! Which applications are seen to be deployed. Where applications deploy applications (an app-of-apps), one that none of
//! those brings is somebody's draft, or left over: nothing follows from it for certain.

use super::sources::Sources;
use cofferdam_model::{Apart, ProjectId};
use cofferdam_render::argo::{Application, Deploys};
use cofferdam_syntax::Span;
use cofferdam_syntax::hash::HashMap;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// For each application, whether it is seen to be deployed.
pub(super) struct Reached(Vec<bool>);

impl Reached {
    /// Follows the applications from those that nothing brings and that bring others.
    pub(super) fn of(sources: &Sources<'_>) -> Reached {
        let all = &sources.applications.applications;
        // Only what is missing is asked for.
        if sources.applications.missing.is_empty() {
            return Reached(vec![true; all.len()]);
        }
        let brings = brings(sources);
        let count = all.len();
        let mut brought = vec![BTreeSet::new(); count];
        for (by, others) in brings.iter().enumerate() {
            others.iter().filter(|other| **other != by).for_each(|other| {
                brought[*other].insert(by);
            });
        }
        let projects: Vec<ProjectId> = all
            .iter()
            .map(|a| sources.projects.of_place(file(sources, a)))
            .collect();
        // Without an app-of-apps each is applied by somebody.
        let with_roots: BTreeSet<ProjectId> = (0..count)
            .filter(|at| !brought[*at].is_empty())
            .map(|at| projects[at])
            .collect();
        let mut reached: Vec<bool> = (0..count)
            .map(|at| !with_roots.contains(&projects[at]) || is_deployed(sources, &all[at]))
            .collect();
        let mut to_visit: Vec<usize> = (0..count).filter(|at| reached[*at]).collect();
        to_visit.extend((0..count).filter(|at| {
            let is_root = || brought[*at].is_empty() || brought_by(&brought, *at).contains(at);
            !brings[*at].is_empty() && !is_unused(sources, &all[*at]) && is_root()
        }));
        // An overlay may change the path of one that is a root in another overlay.
        let roots: BTreeSet<Span> = to_visit.iter().map(|at| all[*at].span).collect();
        to_visit.extend((0..count).filter(|at| {
            brought[*at].is_empty() && !all[*at].builds.is_empty() && roots.contains(&all[*at].span)
        }));
        to_visit.iter().for_each(|at| reached[*at] = true);
        let mut beside = beside(sources);
        while let Some(at) = to_visit.pop() {
            let places = places(sources, &all[at]);
            let beside = places.iter().filter_map(|place| beside.remove(place)).flatten();
            for other in beside.chain(brings[at].iter().copied()) {
                if !std::mem::replace(&mut reached[other], true) {
                    to_visit.push(other);
                }
            }
        }
        Reached(reached)
    }

    /// Whether the application of this index is deployed, as far as is seen.
    pub(super) fn has(&self, at: usize) -> bool {
        self.0.get(at).copied().unwrap_or(true)
    }
}

/// What applications are deployed together by: a kustomization, or a directory of plain files.
type Place<'s> = (bool, &'s Path);

fn places<'s>(sources: &'s Sources<'_>, application: &'s Application) -> Vec<Place<'s>> {
    let builds: Vec<Place<'s>> = application
        .builds
        .iter()
        .map(|dir| (true, dir.as_path()))
        .collect();
    // A file that no kustomization beside it names is not deployed with what they build.
    if !builds.is_empty() || is_unused(sources, application) {
        return builds;
    }
    file(sources, application)
        .parent()
        .map(|dir| (false, dir))
        .into_iter()
        .collect()
}

/// Applications that are deployed together.
fn beside<'s>(sources: &'s Sources<'_>) -> HashMap<Place<'s>, Vec<usize>> {
    let mut found: HashMap<Place<'s>, Vec<usize>> = HashMap::default();
    for (at, application) in sources.applications.applications.iter().enumerate() {
        for place in places(sources, application) {
            found.entry(place).or_default().push(at);
        }
    }
    found
}

fn file<'s>(sources: &'s Sources<'_>, application: &Application) -> &'s Path {
    sources.repo.sources.path(application.span.file)
}

/// Whether no kustomization beside the file of an application names it.
fn is_unused(sources: &Sources<'_>, application: &Application) -> bool {
    let project = sources.projects.of_path(file(sources, application));
    sources.projects.get(project).apart == Some(Apart::Unused)
}

/// Whether a chart, Flux or a command deploys an application.
fn is_deployed(sources: &Sources<'_>, application: &Application) -> bool {
    let path = file(sources, application);
    let by_command = sources.commands.files.contains(path)
        || sources
            .commands
            .directories
            .keys()
            .any(|dir| path.starts_with(dir));
    application.of_chart
        || by_command
        || (application.builds.iter())
            .any(|dir| sources.commands.kustomizations.contains(dir) || sources.flux.deploys(dir))
}

/// The applications that each one brings, by the files that it deploys.
fn brings(sources: &Sources<'_>) -> Vec<BTreeSet<usize>> {
    let all = &sources.applications.applications;
    let mut by_file: HashMap<&Path, Vec<usize>> = HashMap::default();
    for (at, application) in all.iter().enumerate() {
        by_file.entry(file(sources, application)).or_default().push(at);
    }
    let mut files_of: HashMap<&Path, Vec<&PathBuf>> = HashMap::default();
    for build in &sources.built.builds {
        files_of.entry(&build.dir).or_default().extend(&build.files);
    }
    let mut by_build: HashMap<&Path, Vec<usize>> = HashMap::default();
    for (at, application) in all.iter().enumerate() {
        for dir in &application.builds {
            by_build.entry(dir).or_default().push(at);
        }
    }
    let of_source = |deploys: &Deploys| -> BTreeSet<usize> {
        match deploys {
            Deploys::Kustomization(dir) => {
                let built = by_build.get(dir.as_path()).into_iter().flatten().copied();
                // A base that is deployed by itself is built in what uses it too.
                let files = files_of.get(dir.as_path()).into_iter().flatten();
                let others = files
                    .filter_map(|path| by_file.get(path.as_path()))
                    .flatten()
                    .copied();
                built.chain(others).collect()
            }
            Deploys::Directory(dir) => {
                let files = by_file.iter().filter(|(path, _)| path.starts_with(dir));
                files.flat_map(|(_, all)| all.iter().copied()).collect()
            }
            Deploys::Chart(_) => BTreeSet::new(),
        }
    };
    let of_application = |application: &Application| {
        let deploys = application
            .sources
            .iter()
            .filter_map(|source| source.deploys.as_ref());
        deploys.flat_map(of_source).collect()
    };
    all.iter().map(of_application).collect()
}

/// All that bring an application, directly or through others.
fn brought_by(brought: &[BTreeSet<usize>], at: usize) -> BTreeSet<usize> {
    let mut found = BTreeSet::new();
    let mut to_visit: Vec<usize> = brought[at].iter().copied().collect();
    while let Some(by) = to_visit.pop() {
        if found.insert(by) {
            to_visit.extend(&brought[by]);
        }
    }
    found
}
