//! The third stage: what one environment's documents say together. Settings that need one another are joined, charts'
//! values and commands are laid over what files declare, references are looked up.

use super::Universe;
use super::sources::Sources;
use crate::context::Place;
use crate::{cloud_run, compose, ideas, kubernetes, pgbouncer, settings, terraform};
use cofferdam_model::delivery::{Dangling, DanglingKind};
use cofferdam_model::images::Image;
use cofferdam_model::workload::Completeness;
use cofferdam_model::{Fact, FileId, Parts};
use cofferdam_render::argo::Application;
use cofferdam_render::kustomize::Named;
use std::path::Path;

/// Images that applications set for what they deploy from elsewhere. Of one without a tag or digest nothing is known.
pub(super) fn set_images(
    sources: &Sources<'_>,
    universe: &Universe,
    universes: &[Universe],
    parts: &mut Parts,
) {
    let applications = sources.applications.applications.iter();
    let is_here = |application: &&Application| {
        let path = sources.repo.sources.path(application.span.file);
        let is_environment = |name: &String| {
            universes
                .iter()
                .any(|u| u.project == universe.project && u.name == *name)
        };
        let named = application
            .environment
            .as_ref()
            .filter(|name| is_environment(name));
        sources.projects.of_path(path) == universe.project && named.is_none_or(|name| *name == universe.name)
    };
    let elsewhere = applications
        .filter(is_here)
        .flat_map(|application| &application.sources)
        .filter(|source| source.deploys.is_none());
    for pair in elsewhere.flat_map(|source| &source.images) {
        let fact = |part: &Option<String>| part.clone().map(|text| Fact::declared(text, pair.span));
        let image = Image {
            text: Fact::declared(pair.image.to_string(), pair.span),
            registry: pair.image.registry.clone(),
            repository: pair.image.repository.clone(),
            tag: fact(&pair.image.tag),
            digest: fact(&pair.image.digest),
        };
        if (image.tag.is_some() || image.digest.is_some()) && !parts.set_images.contains(&image) {
            parts.set_images.push(image);
        }
    }
}

/// Settles the merged parts of `environment`.
pub(super) fn settle(sources: &Sources<'_>, universe: &Universe, parts: &mut Parts) {
    let environment = universe.name.as_str();
    let is_here = |path: &Path| sources.projects.of_path(path) == universe.project;
    let place = Place {
        repo: sources.repo,
        environment,
        path: Path::new(""),
        completeness: Completeness::Whole,
    };
    terraform::interpret(&sources.terraform, &is_here, place, parts);
    let deployed_here = |deploy: &cloud_run::Deploy| {
        let of_file = || sources.file_environments.get(deploy.path.as_path());
        is_here(&deploy.path)
            && (deploy.environment.as_ref().or_else(of_file)).is_none_or(|e| *e == environment)
    };
    cloud_run::interpret(&sources.deploys, &deployed_here, place, parts);
    compose::settle(parts);
    kubernetes::finish(sources.repo, environment, parts);
    let mut known = None;
    for release in (sources.releases.iter())
        .filter(|r| is_here(&r.dir) && r.environment.as_ref().is_none_or(|e| *e == environment))
    {
        let place = Place {
            path: &release.dir,
            ..place
        };
        let known = known.get_or_insert_with(|| ideas::KnownPlaces::of(parts));
        ideas::read_values(&release.values, &release.owner(), place, known, parts);
    }
    settings::finish(parts, sources.repo.sources.chains());
    settings::settle(parts);
    ideas::finish(parts);
    pgbouncer::finish(parts, &sources.repo.sources);
    for dangling in sources
        .built
        .dangling
        .iter()
        .chain(&sources.applications.dangling)
        .filter(|d| is_here(sources.repo.sources.path(d.span.file)))
        .filter(|d| is_built_for(sources, d.span.file, environment))
    {
        let path = sources.repo.sources.path(dangling.span.file).display();
        parts.dangling.push(Dangling {
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
