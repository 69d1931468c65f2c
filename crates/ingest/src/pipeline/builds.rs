//! What deploy tools make of the files, and where each tree of it holds: the first stage after reading.

use super::composed::Composed;
use super::declared::Declared;
use super::manifests::{self, Roots};
use super::naming::{
    Naming, cluster_of_application, file_environments, is_part, kept_by, name_environments, namespace_of,
};
use super::overlays::Overlays;
use super::pieces::Taken;
use super::sources::{OfBuild, Release, Sources};
use super::variants::Variants;
use super::{app_of_apps, made, remote, unused};
use crate::code::Project;
use crate::commands::{self, Commands};
use crate::dockerfile;
use crate::overlay::OverlayDocument;
use crate::scope::{self, Evidence, Labels, Projects};
use crate::skaffold::Skaffold;
use crate::{cloud_run, config, grand_central, kubernetes};
use cofferdam_code::python::Code;
use cofferdam_model::ProjectId;
use cofferdam_render::argo::{self, Applications, Deploys};
use cofferdam_render::flux::{self, Flux};
use cofferdam_render::hcl::{self, Terraform};
use cofferdam_render::helm::{self, Charts};
use cofferdam_render::kustomize::{self, Built};
use cofferdam_render::selected::Selected;
use cofferdam_syntax::environment;
use cofferdam_syntax::hash::HashMap;
use cofferdam_syntax::repo::Repo;
use cofferdam_syntax::tree::Node;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

impl<'a> Sources<'a> {
    /// Builds everything that has to be built.
    pub(super) fn of(repo: &'a Repo, stated: &'a OverlayDocument, code: &'a Code) -> Sources<'a> {
        let labels = Labels::of(repo);
        let projects = projects(repo, &labels, stated);
        let together = |a: &Path, b: &Path| projects.of_path(a) == projects.of_path(b);
        let selected = Selected::of(repo, &together);
        // What does not need one another is read side by side.
        let (mut charts, (commands, mut terraform)) = rayon::join(
            || helm::read(repo, &selected),
            || {
                let commands = commands::read(repo, &projects, &selected);
                let terraform = hcl::read_with(repo, &together, &commands.given());
                (commands, terraform)
            },
        );
        let flux = flux::read(repo);
        let declared = Declared::of(repo, &charts, &flux);
        let mut applications = argo::read_built(repo, &selected, declared.objects());
        let mut listed = helm::listed(repo, &charts, declared.objects());
        listed.extend(
            commands
                .releases
                .iter()
                .filter_map(|r| of_command(repo, &charts, r)),
        );
        listed.extend(remote::listed(repo, &charts, &terraform));
        listed.extend(tried(repo, &charts, &commands, (&applications, &listed)));
        let given = app_of_apps::read((repo, &selected), &charts, &applications.applications, &listed);
        applications.applications.extend(given.applications);
        charts
            .consumed
            .extend(listed.iter().flat_map(|l| l.files.iter().cloned()));
        let evidence = evidence(
            (repo, &selected),
            (&projects, &labels),
            stated,
            (&applications, &listed, &charts, &flux),
        );
        let naming = Naming {
            stated,
            projects: &projects,
            evidence: &evidence,
        };
        let mut file_environments = file_environments(&labels, &selected, &naming);
        name_environments(&mut terraform, &naming);
        file_environments.extend(of_value_files(repo, &terraform));
        let of_developers = repo.yaml.keys().filter(|path| is_of_developers(path));
        for path in of_developers {
            file_environments
                .entry(path)
                .or_insert_with(|| stated.environment_name("development"));
        }
        let releases = releases(repo, &charts, (&applications, listed, &given.left_out), &naming);
        charts.note_left_out();
        let of_builds = of_builds(&applications, &naming);
        let built = built(
            (repo, &flux),
            (&applications, &commands, &of_builds),
            (&naming, &file_environments),
        );
        // What a generator without known values might deploy is deployed by nothing for certain.
        let known = applications
            .applications
            .iter()
            .filter(|a| a.unknown_generator.is_none());
        let mut named = deployed(known);
        named.extend(commands.kustomizations.iter().cloned());
        named.extend(flux.directories().map(Path::to_path_buf));
        let variants = Variants::of(
            &built,
            &projects,
            &evidence,
            (
                |build| {
                    let of = || of_builds.get(&build.dir)?.cluster.as_deref();
                    scope::cluster_of(&build.path).or_else(of)
                },
                |build| unused::is_base(&build.dir) && !named.contains(&build.dir),
            ),
        );
        let directories = manifests::directories(repo, (&applications, &commands), &naming);
        let mut deployed = deployed(applications.applications.iter());
        deployed.extend(commands.kustomizations.iter().cloned());
        deployed.extend(flux.directories().map(Path::to_path_buf));
        let mut projects = projects;
        let built_by = (&built, &charts, &terraform);
        unused::set_apart(repo, built_by, (&directories, &commands), &mut projects);
        let plain = Taken::new(repo, &built, &charts, &terraform).others(repo);
        let alone = plain.iter().filter(|file| directories.of(file.path).is_none());
        let alone: Vec<(&Path, &[Node])> = alone.map(|file| (file.path, file.documents)).collect();
        let (mut manifests, (remotes, deploys)) = rayon::join(
            || Roots::of(&alone, &projects),
            || {
                let remotes = remote::of_files(repo, &charts, &projects);
                (remotes, cloud_run::read(repo, code))
            },
        );
        manifests.rename(|name| stated.environment_name(name));
        let files: Vec<(&Path, &[Node])> = plain.iter().map(|file| (file.path, file.documents)).collect();
        let composed = Composed::of((repo, &projects), &files, &commands.compose, &file_environments);
        let dockerfiles = dockerfile::find(repo, &|path| projects.of_path(path));
        Sources {
            skaffold: Skaffold::read(repo, &projects),
            plain,
            composed,
            manifests,
            of_builds,
            variants,
            deployed,
            code: code_of(repo, code, &dockerfiles, &projects),
            dockerfiles,
            deploys,
            remotes,
            code_notes: &code.notes,
            commands,
            directories,
            built,
            charts,
            releases,
            applications,
            flux,
            terraform,
            repo,
            file_environments,
            selected,
            projects,
            overlay: stated,
        }
    }
}

/// Divides the files into projects. A directory is no place apart if it is an environment's or lies in the templates of a
/// chart, where tests and whatever else has such a name are a part of the chart.
fn projects(repo: &Repo, labels: &Labels<'_>, stated: &OverlayDocument) -> Projects {
    let environments = labels.sibling_directories();
    Projects::of(repo, &|dir| {
        let is_chart = |dir: &Path| repo.files.contains_key(&dir.join("Chart.yaml"));
        let is_in_templates = dir
            .ancestors()
            .any(|above| above.ends_with("templates") && above.parent().is_some_and(is_chart));
        environments.contains(dir) || is_in_templates || stated.environment_of(&dir.join("x")).is_some()
    })
}

/// Evidence in paths, and what applications and lists of releases say outright.
fn evidence(
    (repo, selected): (&Repo, &Selected),
    (projects, labels): (&Projects, &Labels<'_>),
    stated: &OverlayDocument,
    (applications, listed, charts, flux): (&Applications, &[helm::Listed], &Charts, &Flux),
) -> Evidence {
    let mut evidence = Evidence::of(labels, selected, projects, stated);
    let mut overlays = Overlays::default();
    // What the values of a chart of applications say, their files or what installs the chart says already.
    for application in applications.applications.iter().filter(|a| !a.of_chart) {
        if let Some(name) = &application.environment {
            let project = projects.of_path(repo.sources.path(application.span.file));
            let is_told_by_path =
                environment::of_path(repo.sources.path(application.span.file)).as_ref() == Some(name);
            let paths = application
                .sources
                .iter()
                .filter_map(|source| Some(Path::new(&source.path.as_ref()?.value)));
            let cluster = cluster_of_application(application);
            let of_overlays: Vec<bool> = paths
                .map(|path| overlays.add(project, path, cluster.as_deref()).as_ref() == Some(name))
                .collect();
            if !of_overlays.contains(&true) && !is_told_by_path {
                evidence.add(project, name);
            }
        }
    }
    for dir in flux.directories() {
        overlays.add(projects.of_path(dir), dir, None);
    }
    for (project, name) in overlays.environments() {
        evidence.add(project, name);
    }
    for (path, stream) in &repo.yaml {
        for node in &stream.documents {
            let names = if grand_central::is_deployment_file(node) {
                grand_central::environments(node)
            } else if kubernetes::is_object(node) {
                continue;
            } else {
                config::environments(node, path)
            };
            let project = projects.of_path(path);
            names.iter().for_each(|name| evidence.add(project, name));
        }
    }
    let mut of_lists: BTreeMap<ProjectId, BTreeSet<&str>> = BTreeMap::new();
    for release in listed {
        if let Some(name) = &release.environment {
            let project = projects.of_path(place_of(release, charts));
            of_lists.entry(project).or_default().insert(name);
        }
    }
    for (project, names) in of_lists {
        for name in names.iter().filter(|_| names.len() >= 2) {
            evidence.add(project, name);
        }
    }
    evidence
}

/// Where a listed release belongs: with its first file of values, or else with its chart.
fn place_of<'l>(release: &'l helm::Listed, charts: &'l Charts) -> &'l Path {
    let chart = || charts.charts[release.chart].dir.as_path();
    release.files.first().map_or_else(chart, PathBuf::as_path)
}

/// Whether a file describes the container in which a developer works (`.devcontainer`, `devcontainer-example`).
fn is_of_developers(path: &Path) -> bool {
    let directories = path.parent().into_iter().flat_map(Path::iter);
    directories
        .filter_map(|part| part.to_str())
        .any(|part| part.trim_start_matches('.').starts_with("devcontainer"))
}

/// The value files whose names are environments because their siblings show it.
fn of_value_files<'a>(repo: &'a Repo, terraform: &Terraform) -> impl Iterator<Item = (&'a Path, String)> {
    let values = terraform.roots.iter().flat_map(|root| &root.environments);
    values.filter_map(|values| {
        let (path, _) = repo.files.get_key_value(values.by.as_ref()?)?;
        Some((path.as_path(), values.environment.clone()?))
    })
}

/// What the applications that deploy each build agree on.
fn of_builds(applications: &Applications, naming: &Naming<'_>) -> HashMap<PathBuf, OfBuild> {
    let mut found: HashMap<PathBuf, OfBuild> = HashMap::default();
    for application in &applications.applications {
        for source in &application.sources {
            let Some(Deploys::Kustomization(dir)) = &source.deploys else {
                continue;
            };
            let own = OfBuild {
                cluster: cluster_of_application(application),
                kept_replicas: kept_by(application),
                environment: naming.named(application.environment.as_ref(), dir),
            };
            match found.get_mut(dir) {
                None => drop(found.insert(dir.clone(), own)),
                Some(of) => {
                    of.cluster = of
                        .cluster
                        .take()
                        .filter(|name| own.cluster.as_ref() == Some(name));
                    let environment = of.environment.take();
                    of.environment = environment.filter(|name| own.environment.as_ref() == Some(name));
                    of.kept_replicas.retain(|kept| own.kept_replicas.contains(kept));
                }
            }
        }
    }
    found
}

/// The code of each project, with what its images start.
fn code_of<'c>(
    repo: &Repo,
    code: &'c Code,
    dockerfiles: &BTreeMap<ProjectId, Vec<dockerfile::Dockerfile<'_>>>,
    projects: &Projects,
) -> BTreeMap<ProjectId, Project<'c>> {
    let files = repo.files.keys().chain(&repo.passed_over).map(PathBuf::as_path);
    let mut all = Project::divide(code, files, &|path| projects.of_path(path));
    for (project, own) in &mut all {
        let images = dockerfiles.get(project).map_or(&[][..], Vec::as_slice);
        own.start(dockerfile::started(repo, images));
    }
    all
}

/// The builds, each under what the one application that deploys it lays over it.
fn built(
    (repo, flux): (&Repo, &Flux),
    (applications, commands, of_builds): (&Applications, &Commands, &HashMap<PathBuf, OfBuild>),
    (naming, file_environments): (&Naming<'_>, &HashMap<&Path, String>),
) -> Built {
    // A base that nothing but a generator without known values might deploy is only a base.
    let is_known = |a: &&argo::Application| a.unknown_generator.is_none();
    let known = deployed(applications.applications.iter().filter(is_known));
    let mut deployed = deployed(applications.applications.iter());
    deployed.retain(|dir| known.contains(dir) || !unused::is_base(dir));
    deployed.extend(commands.kustomizations.iter().cloned());
    let mut built = kustomize::build_with(repo, &deployed);
    made::take_back(repo, &mut built);
    // What each application lays over a build, and the namespace that it deploys into.
    type Laid<'n> = (Option<&'n Node>, Option<Node>);
    let mut over: HashMap<&Path, Vec<Laid<'_>>> = HashMap::default();
    for application in &applications.applications {
        for source in &application.sources {
            if let Some(Deploys::Kustomization(dir)) = &source.deploys {
                let laid = (source.kustomize.as_ref(), namespace_of(application));
                over.entry(dir).or_default().push(laid);
            }
        }
    }
    for build in &mut built.builds {
        flux.fill(repo.sources.chains(), &build.dir, &mut build.objects);
        let of_application = || of_builds.get(&build.dir)?.environment.clone();
        let of_objects = || {
            Some(
                naming
                    .stated
                    .environment_name(&scope::stated_by(build.objects.iter())?),
            )
        };
        // What is built only of files of one environment, and of what all share, is for that environment.
        let of_files = || {
            let files = build.files.iter().map(PathBuf::as_path);
            // What lies in a directory of the build's own is a part of it.
            let files = files.filter(|path| !is_part(path, &build.dir));
            let mut names: Vec<&String> = files.filter_map(|path| file_environments.get(path)).collect();
            names.sort();
            names.dedup();
            match names.as_slice() {
                [one] => Some((*one).clone()),
                _ => None,
            }
        };
        let environment = naming.of_directory(&build.dir).or_else(of_application);
        build.environment = environment.or_else(of_objects).or_else(of_files);
        let Some([(section, namespace)]) = over.get(build.dir.as_path()).map(Vec::as_slice) else {
            continue;
        };
        if let Some(section) = section {
            kustomize::lay_over(repo.sources.chains(), build, section);
        }
        if let Some(namespace) = namespace {
            let objects = build.objects.iter_mut();
            objects.for_each(|object| kustomize::put_into(object, namespace));
        }
    }
    built
}

/// Directories of kustomizations that applications deploy: each is a build of its own, used as a base or not.
fn deployed<'a>(applications: impl Iterator<Item = &'a argo::Application>) -> BTreeSet<PathBuf> {
    let sources = applications.flat_map(|a| &a.sources);
    sources
        .filter_map(|source| match &source.deploys {
            Some(Deploys::Kustomization(dir)) => Some(dir.clone()),
            _ => None,
        })
        .collect()
}

/// What the charts become: with the values of the applications that deploy them, else with their own and
/// those of each environment.
fn releases(
    repo: &Repo,
    charts: &Charts,
    (applications, listed, left_out): (&Applications, Vec<helm::Listed>, &BTreeSet<PathBuf>),
    naming: &Naming<'_>,
) -> Vec<Release> {
    let mut releases = Vec::new();
    let mut by_application = BTreeSet::new();
    for application in &applications.applications {
        for source in &application.sources {
            let Some((number, values)) = argo::chart_values(repo, charts, source) else {
                continue;
            };
            by_application.insert(number);
            let file = repo.sources.path(application.span.file);
            let environment = naming.named(application.environment.as_ref(), file);
            let namespace = namespace_of(application);
            let installed = helm::install(repo, charts, number, &values, source.release.as_ref());
            let files = source.value_files.iter().filter_map(|(_, path)| path.clone());
            let files: Vec<PathBuf> = files.collect();
            let of = |i| {
                let mut release = Release::of(environment.clone(), namespace.as_ref(), i);
                release.of.values.clone_from(&files);
                Release {
                    cluster: cluster_of_application(application),
                    kept_replicas: kept_by(application),
                    by_default: application.by_default,
                    ..release
                }
            };
            releases.extend(installed.into_iter().map(of));
        }
    }
    for listed in listed {
        by_application.insert(listed.chart);
        let installed = helm::install(repo, charts, listed.chart, &listed.values, Some(&listed.name));
        let environment = naming.named(listed.environment.as_ref(), place_of(&listed, charts));
        releases.extend(installed.into_iter().map(|i| {
            let mut release = Release::of(environment.clone(), listed.namespace.as_ref(), i);
            release.by_default = !listed.known;
            release.of.values.clone_from(&listed.files);
            release.of.by = Some(listed.by.clone());
            release
        }));
    }
    for (number, chart) in charts.charts.iter().enumerate() {
        // A chart that stands behind a link stands somewhere else as well.
        let is_copy = repo.links.contains_key(&chart.chart_file);
        if by_application.contains(&number) || is_copy || helm::is_brought(charts, number) {
            continue;
        }
        // What a chart of applications turns on in no environment is deployed to none.
        let values = match left_out.contains(&chart.dir) {
            true => chart.values.get(..1).unwrap_or_default(),
            false => chart.deployed(),
        };
        // One file of values that is called like an environment, and that nothing takes, names none.
        let is_one = chart.values.len() == 2;
        for values in values {
            let name = values.environment.as_ref().filter(|_| !is_one);
            let environment = naming.named(name, &chart.dir);
            // Values for one of several environments are there to install it with; the chart's own alone are defaults.
            let by_default = values.environment.is_none() || is_one;
            let installed = helm::install(repo, charts, number, &values.values, None);
            releases.extend(installed.into_iter().map(|i| Release {
                by_default,
                ..Release::of(environment.clone(), None, i)
            }));
        }
    }
    // What is installed may name its environment itself; a chart's defaults name none.
    for release in releases
        .iter_mut()
        .filter(|r| r.environment.is_none() && !r.by_default)
    {
        let stated = scope::stated_by(release.objects.iter());
        release.environment = stated.map(|name| naming.stated.environment_name(&name));
    }
    releases
}

/// The release that a command installs, where its chart is here. Where values of environments lie beside the chart and
/// the command does not say which of them it takes, those of the environments are judged instead.
fn of_command(repo: &Repo, charts: &Charts, release: &commands::Release) -> Option<helm::Listed> {
    let dir = release.dir.as_ref()?;
    let chart = charts.charts.iter().position(|c| c.dir == *dir)?;
    let of_files = || {
        let mut files = release.files.iter().rev();
        files.find_map(|file| environment::of_path(file))
    };
    let environment = release.environment.clone().or_else(of_files);
    let may_be_any = !release.known && environment.is_none() && charts.charts[chart].values.len() > 1;
    if may_be_any || release.name.as_str().is_none() {
        return None;
    }
    Some(helm::Listed {
        chart,
        environment,
        name: release.name.clone(),
        values: helm::values_with(repo, charts, chart, &release.files, &release.set),
        files: release.files.clone(),
        by: release.path.clone(),
        namespace: release.namespace.clone().filter(|n| n.as_str().is_some()),
        known: release.known,
    })
}

/// Releases of charts that commands only try, once for each environment whose values they pick. Nothing else installs
/// these charts, so the values are there for what is not seen to install them.
fn tried(
    repo: &Repo,
    charts: &Charts,
    commands: &Commands,
    (applications, listed): (&Applications, &[helm::Listed]),
) -> Vec<helm::Listed> {
    let mut installed: BTreeSet<usize> = listed.iter().map(|l| l.chart).collect();
    let sources = applications.applications.iter().flat_map(|a| &a.sources);
    installed.extend(sources.filter_map(|source| Some(argo::chart_values(repo, charts, source)?.0)));
    let releases = commands
        .tried
        .iter()
        .filter_map(|release| of_command(repo, charts, release));
    releases
        .filter(|l| !installed.contains(&l.chart) && charts.charts[l.chart].values.len() == 1)
        .collect()
}
