//! Paths and value files that applications name and that do not exist.

use super::{Application, Deploys, Directories, Missing};
use crate::kustomize::{Dangling, Named};
use cofferdam_syntax::Span;
use cofferdam_syntax::nearest;
use cofferdam_syntax::repo::normalise;
use std::collections::{BTreeMap, HashSet};

/// Names that lead nowhere. A path belongs to this tree if another path of the same repository does. Value
/// files do if their chart does.
pub(super) fn missing(applications: &[Application], here: &Directories<'_>) -> Vec<Missing> {
    // Which of what an unknown generator could make is made, nobody knows.
    let known = applications.iter().enumerate();
    let known = known.filter(|(_, a)| a.unknown_generator.is_none());
    let sources = known.flat_map(|(at, a)| a.sources.iter().map(move |source| (at, source)));
    let ours: HashSet<&str> = (applications.iter().flat_map(|a| &a.sources))
        .filter(|s| {
            s.deploys
                .as_ref()
                .is_some_and(|d| !d.dir().as_os_str().is_empty())
        })
        .filter_map(|s| Some(s.repository.as_ref()?.value.as_str()))
        .collect();
    let mut found: Vec<Missing> = Vec::new();
    let mut places: BTreeMap<(Span, String), usize> = BTreeMap::new();
    for (application, source) in sources {
        let mut add = |what: Dangling| {
            let next = found.len();
            let at = *places.entry((what.span, what.name.clone())).or_insert(next);
            match found.get_mut(at) {
                Some(missing) if missing.applications.last() == Some(&application) => {}
                Some(missing) => missing.applications.push(application),
                None => found.push(Missing {
                    what,
                    applications: vec![application],
                }),
            }
        };
        let is_ours = source
            .repository
            .as_ref()
            .is_some_and(|r| ours.contains(r.value.as_str()));
        if let (Some(path), None, None, true) = (&source.path, &source.deploys, &source.chart, is_ours) {
            let span = path.span;
            let known = here.all.iter().filter_map(|d| d.to_str());
            add(Dangling {
                what: Named::File,
                name: path.value.clone(),
                span,
                nearest: nearest::nearest(&path.value, known).map(str::to_owned),
                refused: true,
            });
        }
        let Some(Deploys::Chart(dir)) = &source.deploys else {
            continue;
        };
        for (name, path) in &source.value_files {
            let written = &name.value;
            if path.is_some() || written.starts_with('$') || written.contains("://") {
                continue;
            }
            let span = name.span;
            let wanted = normalise(&dir.join(written.trim_start_matches('/')));
            if here.repo.absent_by_design(&wanted) || wanted.starts_with("..") {
                continue;
            }
            let beside: Vec<&str> = here
                .repo
                .files
                .below(dir)
                .filter_map(|(p, _)| p.strip_prefix(dir).ok()?.to_str())
                .collect();
            add(Dangling {
                what: Named::File,
                name: written.clone(),
                span,
                nearest: nearest::nearest(written, beside).map(str::to_owned),
                refused: true,
            });
        }
    }
    found
}
