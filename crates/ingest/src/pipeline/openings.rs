//! What could bring more than was read: builds that cannot be built whole, files that cannot be read, charts and modules
//! from elsewhere. While it is there, nobody can say for certain that a thing does not exist.

use super::Universe;
use super::builds::Sources;
use cofferdam_model::{Opening, ProjectId};
use std::collections::BTreeSet;

/// Every opening, in the order of its project.
pub(super) fn of(sources: &Sources<'_>, universes: &[Universe], part: bool) -> Vec<Opening> {
    let mut found = Vec::new();
    if part {
        let projects: BTreeSet<ProjectId> = universes.iter().map(|u| u.project).collect();
        found.extend(projects.into_iter().map(|project| Opening {
            project,
            environment: None,
            kinds: BTreeSet::new(),
            reason: "only a part of the platform was given".to_owned(),
            span: None,
        }));
    }
    for build in sources
        .built
        .builds
        .iter()
        .filter(|b| !b.complete || b.failed.is_some())
    {
        found.push(Opening {
            project: sources.projects.of_path(&build.dir),
            environment: build.environment.clone(),
            kinds: BTreeSet::new(),
            reason: format!("the kustomization {} was not built whole", build.path.display()),
            span: None,
        });
    }
    for unread in &sources.repo.unreadable {
        found.push(Opening {
            project: sources.projects.of_path(&unread.path),
            environment: sources.file_environments.get(unread.path.as_path()).cloned(),
            kinds: BTreeSet::new(),
            reason: format!("{} could not be read", unread.path.display()),
            span: unread.span,
        });
    }
    for (path, stream) in sources
        .repo
        .yaml
        .iter()
        .filter(|(_, stream)| !stream.errors.is_empty())
    {
        if super::summary::looks_like_configuration(path, sources.repo.text(path).unwrap_or("")) {
            found.push(Opening {
                project: sources.projects.of_path(path),
                environment: sources.file_environments.get(path.as_path()).cloned(),
                kinds: BTreeSet::new(),
                reason: format!("{} could not be read", path.display()),
                span: stream.errors.first().map(|e| e.span),
            });
        }
    }
    found.sort_by(|a, b| (a.project, &a.reason).cmp(&(b.project, &b.reason)));
    found
}
