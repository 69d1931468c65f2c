//! The third stage: what one environment's documents say together. Settings that need one another are joined, charts'
//! values and commands are laid over what files declare, references are looked up.

use super::Universe;
use super::reached::Reached;
use super::sources::{Release, Sources};
use crate::context::Place;
use crate::terraform::Declared;
use crate::{cloud_run, compose, ideas, kubernetes, pgbouncer, prometheus, settings, terraform};
use cofferdam_model::delivery::{Dangling, DanglingKind};
use cofferdam_model::images::Image;
use cofferdam_model::workload::Completeness;
use cofferdam_model::{Fact, Parts, ProjectId};
use cofferdam_render::argo::Application;
use cofferdam_render::kustomize::{self, Named};
use cofferdam_syntax::hash::HashMap;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// What settling takes from one project. It is divided once: asking everything for every environment would cost their
/// product.
#[derive(Default)]
pub(super) struct OfProject<'s> {
    terraform: Declared<'s>,
    deploys: Vec<&'s cloud_run::Deploy>,
    releases: Vec<&'s Release>,
    applications: Vec<&'s Application>,
    dangling: Vec<Unbuilt<'s>>,
}

/// A name that a build or an application has and no object has, with the environments that it is built for.
struct Unbuilt<'s> {
    what: &'s kustomize::Dangling,
    /// Whether what names it is seen to be deployed.
    deployed: bool,
    /// The environments of its builds; `None` holds for all. No build holds for all too.
    environments: Vec<Option<&'s str>>,
}

impl<'s> OfProject<'s> {
    /// Everything, by project.
    pub(super) fn divide(sources: &'s Sources<'_>) -> BTreeMap<ProjectId, OfProject<'s>> {
        let project_of = |path: &Path| sources.projects.of_path(path);
        let mut all: BTreeMap<ProjectId, OfProject<'s>> = BTreeMap::new();
        for (project, terraform) in terraform::divide(&sources.terraform, &project_of) {
            all.entry(project).or_default().terraform = terraform;
        }
        for deploy in &sources.deploys {
            let of = all.entry(project_of(&deploy.path)).or_default();
            of.deploys.push(deploy);
        }
        for release in &sources.releases {
            let of = all.entry(project_of(&release.dir)).or_default();
            of.releases.push(release);
        }
        for application in &sources.applications.applications {
            let path = sources.repo.sources.path(application.span.file);
            let of = all.entry(project_of(path)).or_default();
            of.applications.push(application);
        }
        let mut builds: HashMap<&Path, Vec<Option<&str>>> = HashMap::default();
        for build in &sources.built.builds {
            for file in &build.files {
                let environments = builds.entry(file).or_default();
                environments.push(build.environment.as_deref());
            }
        }
        let reached = Reached::of(sources);
        let of_applications = sources.applications.missing.iter().map(|m| (&m.what, Some(m)));
        let dangling = sources.built.dangling.iter().map(|what| (what, None));
        for (what, missing) in dangling.chain(of_applications) {
            let path = sources.repo.sources.path(what.span.file);
            let of_file = || {
                sources
                    .file_environments
                    .get(path)
                    .map(|name| vec![Some(name.as_str())])
            };
            // Of the overlays that build an application, those whose application names it.
            let of_builds = || {
                let by = missing?.applications.iter();
                let dirs: BTreeSet<&PathBuf> = by
                    .flat_map(|at| &sources.applications.applications[*at].builds)
                    .collect();
                let builds = sources
                    .built
                    .builds
                    .iter()
                    .filter(|build| dirs.contains(&build.dir));
                let environments: Vec<_> = builds.map(|build| build.environment.as_deref()).collect();
                (!environments.is_empty()).then_some(environments)
            };
            let environments = of_builds().or_else(|| builds.get(path).cloned());
            let of = all.entry(project_of(path)).or_default();
            of.dangling.push(Unbuilt {
                what,
                deployed: missing.is_none_or(|m| m.applications.iter().any(|at| reached.has(*at))),
                environments: environments.or_else(of_file).unwrap_or_default(),
            });
        }
        all
    }
}

/// Images that applications set for what they deploy from elsewhere. Of one without a tag or digest nothing is known.
pub(super) fn set_images(
    here: &OfProject<'_>,
    universe: &Universe,
    universes: &[Universe],
    parts: &mut Parts,
) {
    let is_here = |application: &&&Application| {
        let is_environment = |name: &String| {
            universes
                .iter()
                .any(|u| u.project == universe.project && u.name == *name)
        };
        let named = application
            .environment
            .as_ref()
            .filter(|name| is_environment(name));
        named.is_none_or(|name| *name == universe.name)
    };
    let elsewhere = (here.applications.iter())
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
pub(super) fn settle(sources: &Sources<'_>, here: &OfProject<'_>, universe: &Universe, parts: &mut Parts) {
    let environment = universe.name.as_str();
    let place = Place {
        repo: sources.repo,
        environment,
        path: Path::new(""),
        completeness: Completeness::Whole,
    };
    terraform::interpret(&here.terraform, place, parts);
    let deployed_here = |deploy: &cloud_run::Deploy| {
        let of_file = || sources.file_environments.get(deploy.path.as_path());
        (deploy.environment.as_ref().or_else(of_file)).is_none_or(|e| *e == environment)
    };
    let deploys = here.deploys.iter().copied();
    cloud_run::interpret(deploys.filter(|deploy| deployed_here(deploy)), place, parts);
    compose::settle(parts);
    let is_here = |release: &&Release| release.environment.as_ref().is_none_or(|e| *e == environment);
    // Before alerts get the intervals of their server.
    for release in here.releases.iter().copied().filter(is_here) {
        prometheus::values(&release.values, parts);
    }
    let values = here.releases.iter().copied().filter(is_here).map(|r| &r.values);
    kubernetes::finish(sources.repo, environment, values, parts);
    let mut known = None;
    for release in here.releases.iter().copied().filter(is_here) {
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
    let is_built =
        |of: &[Option<&str>]| of.is_empty() || of.iter().any(|e| e.is_none_or(|e| e == environment));
    for unbuilt in here.dangling.iter().filter(|d| is_built(&d.environments)) {
        let dangling = unbuilt.what;
        let path = sources.repo.sources.path(dangling.span.file).display();
        parts.dangling.push(Dangling {
            subject: path.to_string(),
            kind: match dangling.what {
                Named::File => DanglingKind::File,
                Named::PatchTarget => DanglingKind::PatchTarget,
                what if dangling.refused => DanglingKind::Refused(what.name()),
                what => DanglingKind::Unused(what.name()),
            },
            name: Fact::declared(dangling.name.clone(), dangling.span),
            nearest: dangling.nearest.clone(),
            // An image that nothing has (any more) is mostly left over.
            certain: unbuilt.deployed && (dangling.what != Named::Image || dangling.nearest.is_some()),
        });
    }
}
