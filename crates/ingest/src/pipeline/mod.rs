//! From files to platform, in stages. Each stage works on what the one before it made, and nothing later changes it:
//!
//! 1. **detect**: files become documents; deploy tools' files become what the tools make of them (`builds`,
//!    `formats`).
//! 2. **read**: every document is given to the reader of its format and becomes parts (`read`).
//! 3. **settle**: the parts of one environment are merged by precedence, and what needs several documents is joined
//!    (`settle`).
//! 4. **observe**: what a person states and what code shows is added, now that variables are known.
//! 5. **link**: names become relations ([`cofferdam_model::link`]).
//!
//! A file is judged once: what a build consumes is judged as part of that build and nowhere else. A document that
//! names no environment holds in all of them.

mod apart;
mod app_of_apps;
mod builds;
mod composed;
mod declared;
mod defaults;
mod elsewhere;
mod evidence;
mod failed;
mod formats;
mod holds;
mod local;
mod made;
mod manifests;
mod naming;
mod openings;
mod overlays;
mod partial;
mod pieces;
mod reached;
mod read;
mod remote;
mod settle;
mod sources;
mod stated;
mod summary;
#[cfg(test)]
mod tests;
mod unread;
mod unused;
mod variants;

use crate::code::Project;
use crate::dockerfile;
use crate::kubernetes;
use crate::overlay::{self, Placed, Unmatched};
use crate::scope;
use crate::suppress;
use crate::templates;
use crate::walk::{self, Config, Input, ReadError, Walked};
use cofferdam_code::python::Code;
use cofferdam_model::images::Image;
use cofferdam_model::redact::Scans;
use cofferdam_model::{
    Deployment, DeploymentId, DeploymentKind, Environment, Platform, ProjectId, ReleaseOf, Scope, link,
};
use cofferdam_render::argo::Deploys;
use cofferdam_render::kustomize::Build;
use cofferdam_syntax::environment;
use cofferdam_syntax::hash::{HashMap, HashSet};
use cofferdam_syntax::repo::Repo;
use cofferdam_syntax::tree::Node;
use pieces::Deployments;
use rayon::prelude::*;
use sources::{Holder, Piece, Sources};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Names of the formats that are read, for people whose files are none of them.
pub fn looked_for() -> String {
    let mut names: Vec<&str> = Vec::new();
    for format in formats::FORMATS {
        if !names.contains(&format.name) {
            names.push(format.name);
        }
    }
    names.join(", ")
}

/// Reads one directory or file.
///
/// # Errors
/// [`ReadError`] when `root` cannot be opened; whatever else cannot be read is in [`Platform::reading`].
pub fn read(root: &Path) -> Result<Platform, ReadError> {
    read_input(&Input::path(root))
}

/// Reads what a person pointed at.
///
/// # Errors
/// [`ReadError`] when a given path or the given overlay cannot be opened, or a statement cannot be understood.
pub fn read_input(input: &Input) -> Result<Platform, ReadError> {
    let mut walked = walk::read(input)?;
    let given: Vec<Node> = (input.statements.iter())
        .map(|statement| overlay::given(&mut walked.repo, statement).map_err(ReadError::Statement))
        .collect::<Result<_, _>>()?;
    Ok(assemble(walked, &given))
}

/// The same for files in memory: paths below an imagined root and their bytes.
pub fn read_files(files: impl IntoIterator<Item = (PathBuf, Vec<u8>)>) -> Platform {
    assemble(Walked::of(Repo::from_files(files)), &[])
}

fn assemble(walked: Walked, given: &[Node]) -> Platform {
    let Walked {
        mut repo,
        config,
        unused,
        root,
        part,
    } = walked;
    let mut platform = Platform::default();
    let (mut stated, mut problems) = stated::overlay_of(&mut repo, config.as_ref(), given);
    repo.exclude(|path| stated.excludes(path));
    let templates = templates::set_aside(&mut repo);
    stated.find_pins(&repo);
    let code = Code::read(&repo);
    // No secret is looked for in what the tools make: it shows the texts of these files.
    let (sources, scans) = rayon::join(|| Sources::of(&repo, &stated, &code), || Scans::of(&repo.sources));
    platform.scans = scans;
    let (mut pieces, mut deployments) = pieces::pieces(&sources);
    failed::place(&sources, &mut pieces, &mut deployments);
    let sections = read::sections(&sources, &pieces);
    let universes = universes(&sources, &pieces, &sections);
    let read::Documented { groups, mut formats } = read::documents(&sources, &pieces, &universes);
    let (texts, text_formats) = read::texts(&sources);
    formats.extend(text_formats);
    let shares = read::shares(groups, texts, &universes);
    // What is judged together, and which platform this is, do not need one another.
    let config_path = config.as_ref().map(|config| config.path.as_path());
    let ((environments, unmatched), (mut scope, found)) = rayon::join(
        || environments(&sources, &universes, shares),
        || {
            let files = holds::Files::of(&pieces);
            let mut scope = Scope {
                holds: holds::of(&sources, &pieces, &files),
                users: holds::users(&sources, (&pieces, &files), &deployments.all),
                namespaces: openings::namespaces(&pieces),
                in_part: partial::of(&sources, &deployments),
                altered: partial::altered(&sources),
                apart: apart::files(&sources, &pieces),
                evidence: evidence::of(&sources, &sections, &universes, config_path),
                default_files: defaults::files(&sources),
                default_values: defaults::values(&sources),
                projects: sources.projects.all.clone(),
                ..Scope::default()
            };
            scope.unbuilt = failed::files(&sources, &scope.users, &deployments.all);
            scope.places_apart = apart::places(&sources, &scope.apart);
            let found = openings::of(&sources, &pieces, &universes, part);
            (scope, found)
        },
    );
    platform.environments = environments;
    let given = |config: &Config| !config.path.starts_with("..") && repo.is_given(&config.path);
    let reading = &mut platform.reading;
    reading.root = root;
    reading.part = part;
    reading.stated = config.as_ref().is_some_and(given) && stated.states_parts();
    if part {
        reading.notes.extend(stated::not_here(config.as_ref(), unmatched));
    } else {
        let unmatched = unmatched.problems().into_iter();
        problems.extend(unmatched.map(|problem| stated::in_file(&repo, problem)));
    }
    reading
        .notes
        .extend(stated::unused_overlays(config.as_ref(), &unused, &stated));
    reading.config = config.map(|config| config.path);
    reading.overlay_problems = problems;
    platform.overlay = stated.steering();
    platform.suppressions = suppress::find(&repo.sources);
    let of_environments = (pieces.as_slice(), &deployments);
    (scope.local, scope.local_files) = local::of(&sources, of_environments, &platform.environments);
    scope.releases = releases(&sources, &deployments);
    scope.by_default = by_default(&sources, &deployments);
    scope.lenient = lenient(&sources, &deployments);
    remote::add(
        &sources,
        &mut deployments,
        &mut scope.in_part,
        &mut scope.releases,
    );
    scope.variants = sources::variant_deployments(&sources, &deployments.all);
    scope.deployments = deployments.all.into();
    let mut opened = found.openings;
    opened.extend(openings::of_templates(&sources, &templates.manifests));
    opened.extend(openings::owned_elsewhere(&sources, &platform.environments));
    openings::locate(&scope, &mut opened, sources.repo);
    scope.openings = opened.into();
    platform.scope = scope;
    platform
        .reading
        .notes
        .extend(templates.notes.iter().map(summary::unreadable_file));
    platform.reading.templates = templates.count;
    summary::fill(&sources, &formats, &mut platform);
    platform.reading.notes.splice(0..0, found.notes);
    let withheld = summary::withheld(&platform.environments, &repo);
    platform.reading.notes.extend(withheld);
    let Sources {
        built,
        charts,
        releases,
        terraform,
        ..
    } = sources;
    platform.sources = repo.sources;
    // Freeing every tree takes as long as judging them, and nobody has to wait for it.
    let yaml = repo.yaml;
    rayon::spawn(move || drop((yaml, built, charts, releases, terraform, code)));
    platform
}

/// The environments with all their parts, linked, and what a person states that none of them has.
fn environments(
    sources: &Sources<'_>,
    universes: &[Universe],
    shares: Vec<read::Share>,
) -> (Vec<Environment>, Unmatched) {
    let (of_project, nothing) = (settle::OfProject::divide(sources), settle::OfProject::default());
    let mut read: Vec<Environment> = universes
        .par_iter()
        .zip(shares)
        .map(|(universe, share)| {
            let mut parts = share.merge();
            let here = of_project.get(&universe.project).unwrap_or(&nothing);
            settle::settle(sources, here, universe, &mut parts);
            settle::set_images(here, universe, universes, &mut parts);
            Environment {
                name: universe.name.clone(),
                project: universe.project,
                root: sources.projects.get(universe.project).root.clone(),
                cluster: universe.cluster.clone(),
                variant: universe.variant.clone(),
                parts,
            }
        })
        .collect();
    kubernetes::compare(&mut read);
    elsewhere::take_back(&mut read);
    unread::take_back(sources, &mut read);
    // What a person states depends on what the files of every environment declare.
    let placed = Placed::of(&read);
    let filled: Vec<(Environment, Unmatched)> = universes
        .par_iter()
        .zip(read)
        .map(|(universe, mut env)| {
            let unmatched = observe(sources, universe, &placed, &mut env);
            (env, unmatched)
        })
        .collect();
    let mut unmatched = Unmatched::default();
    let mut environments = Vec::with_capacity(filled.len());
    for (env, names) in filled {
        environments.push(env);
        unmatched.join(names);
    }
    (environments, unmatched)
}

/// The deployments that nothing here is seen to make.
fn by_default(sources: &Sources<'_>, deployments: &Deployments<'_>) -> BTreeSet<DeploymentId> {
    let of_kind =
        |kind| (deployments.all.iter().zip((0..).map(DeploymentId))).filter(move |(d, _)| d.kind == kind);
    let releases = of_kind(DeploymentKind::Helm)
        .zip(sources.releases.iter().filter(|release| !release.is_part))
        .filter(|(_, release)| release.by_default && release.of.by.is_none())
        .map(|((_, id), _)| id);
    // The builds come first, in their order.
    let builds = of_kind(DeploymentKind::Kustomize)
        .zip(&sources.built.builds)
        .filter(|(_, build)| sources.is_unused_base(build))
        .map(|((_, id), _)| id);
    releases.chain(builds).collect()
}

/// Deployments whose tool drops fields that the API does not know.
fn lenient(sources: &Sources<'_>, deployments: &Deployments<'_>) -> BTreeSet<DeploymentId> {
    let applied = |server_side: bool| -> HashSet<&Path> {
        let all = sources.applications.applications.iter();
        let applications = all.filter(move |application| application.server_side == server_side);
        let sources = applications.flat_map(|application| &application.sources);
        sources
            .filter_map(|source| source.deploys.as_ref().map(Deploys::dir))
            .collect()
    };
    let (by_clients, by_servers) = (applied(false), applied(true));
    let is_lenient = |deployment: &Deployment| match deployment.kind {
        DeploymentKind::Helm => !by_servers.contains(&*deployment.root),
        DeploymentKind::Kustomize | DeploymentKind::Manifests => {
            by_clients.contains(&*deployment.root) && !by_servers.contains(&*deployment.root)
        }
        _ => false,
    };
    let all = deployments.all.iter().zip((0..).map(DeploymentId));
    all.filter(|(deployment, _)| is_lenient(deployment))
        .map(|(_, id)| id)
        .collect()
}

/// Namespace and values of the deployments that are releases, which stand in the order of the releases.
fn releases(sources: &Sources<'_>, deployments: &Deployments<'_>) -> BTreeMap<DeploymentId, ReleaseOf> {
    let of_charts = (deployments.all.iter().zip((0..).map(DeploymentId)))
        .filter(|(deployment, _)| deployment.kind == DeploymentKind::Helm);
    of_charts
        .zip(sources.releases.iter().filter(|release| !release.is_part))
        .map(|((_, id), release)| (id, release.of.clone()))
        .collect()
}

/// What is judged together: one environment of one project, on one cluster where its deployments name several.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Universe {
    project: ProjectId,
    name: String,
    cluster: Option<String>,
    /// The variant that is judged here, where there are variants.
    variant: Option<String>,
}

impl Universe {
    /// Whether what this holder brings is here.
    fn holds(&self, holder: &Holder<'_>) -> bool {
        let same = |own: &str, of: Option<&str>| of.is_none_or(|name| name == own);
        let is_variant = match (&self.variant, holder.variant) {
            (Some(own), Some(of)) => of.is_in(own),
            _ => true,
        };
        holder.project == self.project
            && is_variant
            && same(&self.name, holder.environment)
            && match (&self.cluster, holder.cluster) {
                (Some(own), of) => same(own, of),
                (None, of) => of.is_none(),
            }
    }

    /// Whether a file is here that is for this environment, if for any.
    fn holds_file(&self, sources: &Sources<'_>, path: &Path) -> bool {
        sources.projects.of_path(path) == self.project
            && sources
                .file_environments
                .get(path)
                .is_none_or(|name| *name == self.name)
    }
}

/// Adds what a person states, then what code shows, and links. Code comes last: what it reads from its environment is
/// known by then.
fn observe(sources: &Sources<'_>, universe: &Universe, placed: &Placed, env: &mut Environment) -> Unmatched {
    let mut unmatched = sources.overlay.apply(&universe.name, env, placed);
    let owners = link::prepare(env);
    let holds = |path: &Path| universe.holds_file(sources, path);
    if let Some(dockerfiles) = sources.dockerfiles.get(&universe.project) {
        dockerfile::interpret(dockerfiles, &owners, &holds, env);
    }
    if let Some(code) = sources.code.get(&universe.project) {
        code.interpret(env, &owners, &holds);
    }
    link::link(env);
    // Only now: the names of images tell which directory a workload's code is in.
    let is_built = |image: &Image| sources.skaffold.builds(universe.project, image);
    for container in env
        .workloads
        .iter_mut()
        .flat_map(|w| w.containers.iter_mut().chain(&mut w.init_containers))
    {
        container.image.take_if(|image| is_built(image));
    }
    unmatched.join(sources.overlay.check_names(&universe.name, env));
    unmatched
}

/// The environments that anything names, in each project; one without a name where nothing does.
fn universes(sources: &Sources<'_>, pieces: &[Piece<'_>], sections: &read::Sections<'_>) -> Vec<Universe> {
    let mut names: BTreeSet<(ProjectId, String)> = read::named(sources, pieces);
    names.extend(sections.keys().cloned());
    for root in &sources.terraform.roots {
        let project = sources.projects.of_path(&root.dir);
        let values = root.environments.iter();
        let made = values.filter(|v| !(v.resources.is_empty() && v.modules.is_empty()));
        names.extend(made.filter_map(|v| Some((project, v.environment.clone()?))));
    }
    // One that cannot be built is an environment all the same: what is for all holds there too.
    for build in sources.built.builds.iter().filter(|b| b.failed.is_some()) {
        let project = sources.projects.of_path(&build.dir);
        names.extend(build.environment.clone().map(|name| (project, name)));
    }
    for deploy in &sources.deploys {
        let project = sources.projects.of_path(&deploy.path);
        names.extend(deploy.environment.clone().map(|name| (project, name)));
    }
    let stated: Vec<&str> = sources.overlay.environments().collect();
    let mut used: HashSet<ProjectId> = pieces.iter().map(|p| p.holder.project).collect();
    used.extend(
        sources
            .repo
            .files
            .keys()
            .map(|path| sources.projects.of_path(path)),
    );
    if used.is_empty() {
        used.insert(ProjectId::default());
    }
    let used: BTreeSet<ProjectId> = used.into_iter().collect();
    // Once: there may be as many environments as pieces.
    let mut of_projects: HashMap<ProjectId, Vec<&Piece<'_>>> = HashMap::default();
    for piece in pieces {
        of_projects.entry(piece.holder.project).or_default().push(piece);
    }
    let mut universes = Vec::new();
    for project in used {
        let mut here: BTreeSet<String> = names
            .range((project, String::new())..)
            .take_while(|(of, _)| *of == project)
            .map(|(_, name)| name.clone())
            .collect();
        here.extend(stated.iter().map(|name| (*name).to_owned()));
        if here.is_empty() {
            here = (sources.code.get(&project)).map_or_else(BTreeSet::new, Project::environments);
        }
        if here.is_empty() {
            here.insert(scope::UNNAMED.to_owned());
        }
        let pieces = of_projects.get(&project).map_or(&[][..], Vec::as_slice);
        let in_turn: Vec<(&Piece<'_>, &str)> = (pieces.iter())
            .filter_map(|piece| Some((*piece, piece.holder.variant?.turn()?)))
            .collect();
        // Variants of no named environment hold in all of them: each is judged once, in one after the other.
        let everywhere: BTreeSet<&str> = (in_turn.iter())
            .filter(|(piece, _)| piece.holder.environment.is_none())
            .map(|(_, variant)| *variant)
            .collect();
        let everywhere: Vec<&str> = everywhere.into_iter().collect();
        // Where environments name their clusters, a cluster that none of them names is for no named environment.
        let of_environments: BTreeSet<(&str, &str)> = (pieces.iter())
            .filter_map(|p| p.holder.environment.zip(p.holder.cluster))
            .collect();
        let others: BTreeSet<&str> = (pieces.iter())
            .filter(|p| p.holder.environment.is_none())
            .filter_map(|p| p.holder.cluster)
            .filter(|cluster| of_environments.iter().all(|(_, of)| of != cluster))
            .collect();
        let is_divided = !of_environments.is_empty();
        // A build that names no environment may be in production, even where all that are named come before it.
        let is_unnamed = |build: &Build| {
            build.environment.is_none()
                && !build.objects.is_empty()
                && sources.projects.of_path(&build.dir) == project
                && !sources.is_unused_base(build)
        };
        let is_before = !here.contains(scope::UNNAMED)
            && here.iter().all(|name| environment::is_before_production(name))
            && sources.built.builds.iter().any(is_unnamed);
        if is_divided && !others.is_empty() || is_before {
            here.insert(scope::UNNAMED.to_owned());
        }
        let count = here.len();
        for (at, name) in here.into_iter().enumerate() {
            let clusters: BTreeSet<&str> = match is_divided {
                true if name == scope::UNNAMED => others.clone(),
                true => (of_environments.iter())
                    .filter(|(of, _)| *of == name)
                    .map(|(_, cluster)| *cluster)
                    .collect(),
                false => others.clone(),
            };
            let clusters: Vec<Option<&str>> = match clusters.is_empty() {
                true => vec![None],
                false => clusters.into_iter().map(Some).collect(),
            };
            let mut shared: Vec<&str> = everywhere.iter().copied().skip(at).step_by(count).collect();
            if shared.is_empty() {
                shared.extend(everywhere.get(at % everywhere.len().max(1)));
            }
            for cluster in clusters {
                let mut universe = Universe {
                    project,
                    name: name.clone(),
                    cluster: cluster.map(str::to_owned),
                    variant: None,
                };
                let own =
                    |piece: &Piece<'_>| piece.holder.environment.is_some() && universe.holds(&piece.holder);
                let mut all: BTreeSet<&str> = (in_turn.iter())
                    .filter(|(piece, _)| own(piece))
                    .map(|(_, variant)| *variant)
                    .collect();
                all.extend(&shared);
                if all.is_empty() {
                    universes.push(universe);
                    continue;
                }
                for variant in all {
                    universe.variant = Some(variant.to_owned());
                    universes.push(universe.clone());
                }
            }
        }
    }
    universes
}
