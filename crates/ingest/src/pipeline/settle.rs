//! The third stage: what one environment's documents say together. Settings that need one another are joined, charts'
//! values and commands are laid over what files declare, references are looked up.

use super::Universe;
use super::builds::Sources;
use crate::context::Place;
use crate::{cloud_run, compose, ideas, kubernetes, pgbouncer, settings, terraform};
use cofferdam_model::delivery::{Dangling, DanglingKind};
use cofferdam_model::workload::Completeness;
use cofferdam_model::{Fact, FileId, Parts};
use cofferdam_render::kustomize::Named;
use std::path::Path;

/// Settles the merged parts of `environment`.
pub(super) fn settle(sources: &Sources<'_>, universe: &Universe, env: &mut Parts) {
    let environment = universe.name.as_str();
    let is_here = |path: &Path| sources.projects.of_path(path) == universe.project;
    let place = Place {
        repo: sources.repo,
        environment,
        path: Path::new(""),
        completeness: Completeness::Whole,
    };
    terraform::interpret(&sources.terraform, &is_here, place, env);
    let deployed_here = |deploy: &cloud_run::Deploy| {
        let of_file = || sources.file_environments.get(deploy.path.as_path());
        is_here(&deploy.path)
            && (deploy.environment.as_ref().or_else(of_file)).is_none_or(|e| *e == environment)
    };
    cloud_run::interpret(&sources.deploys, &deployed_here, place, env);
    compose::settle(env);
    kubernetes::finish(sources.repo, environment, env);
    let mut known = None;
    for release in (sources.releases.iter())
        .filter(|r| is_here(&r.dir) && r.environment.as_ref().is_none_or(|e| *e == environment))
    {
        let place = Place {
            path: &release.dir,
            ..place
        };
        let known = known.get_or_insert_with(|| ideas::KnownPlaces::of(env));
        ideas::read_values(&release.values, &release.owner(), place, known, env);
    }
    settings::finish(env, sources.repo.sources.chains());
    settings::settle(env);
    ideas::finish(env);
    pgbouncer::finish(env, &sources.repo.sources);
    for dangling in sources
        .built
        .dangling
        .iter()
        .chain(&sources.applications.dangling)
        .filter(|d| is_here(sources.repo.sources.path(d.span.file)))
        .filter(|d| is_built_for(sources, d.span.file, environment))
    {
        let path = sources.repo.sources.path(dangling.span.file).display();
        env.dangling.push(Dangling {
            subject: path.to_string(),
            kind: match dangling.what {
                Named::File => DanglingKind::File,
                _ => DanglingKind::PatchTarget,
            },
            name: Fact::declared(dangling.name.clone(), dangling.span),
            nearest: dangling.nearest.clone(),
            // An image that nothing has (any more) is mostly left over.
            certain: dangling.what != Named::Image || dangling.nearest.is_some(),
        });
    }
}

/// Whether a kustomization is built for an environment, or for none in particular.
fn is_built_for(sources: &Sources<'_>, file: FileId, environment: &str) -> bool {
    let path = sources.repo.sources.path(file);
    let mut builds = (sources.built.builds.iter())
        .filter(|build| build.files.contains(path))
        .peekable();
    builds.peek().is_none()
        || builds.any(|build| {
            build
                .environment
                .as_deref()
                .is_none_or(|name| name == environment)
        })
}
