//! What deploy tools make of the files, and where each tree of it holds: the first stage after reading.

use super::manifests::{self, Directory, Roots};
use super::pieces::Taken;
use super::{made, remote, unused};
use crate::code::Project;
use crate::commands::{self, Commands};
use crate::dockerfile::{self, Dockerfile};
use crate::overlay::OverlayDocument;
use crate::scope::{self, Evidence, Projects};
use crate::skaffold::Skaffold;
use crate::{cloud_run, config, grand_central, kubernetes};
use cofferdam_code::python::Code;
use cofferdam_model::workload::Completeness;
use cofferdam_model::{DeploymentId, Kept, Owner, ProjectId, ReleaseOf};
use cofferdam_render::argo::{self, Applications, Deploys};
use cofferdam_render::hcl::{self, Terraform};
use cofferdam_render::helm::{self, Charts};
use cofferdam_render::kustomize::{self, Build, Built};
use cofferdam_syntax::environment;
use cofferdam_syntax::repo::{Repo, Unreadable};
use cofferdam_syntax::tree::Node;
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};

/// Where a tree holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Holder<'a> {
    /// The project it belongs to.
    pub(super) project: ProjectId,
    /// The environment it is for; `None` is all of the project.
    pub(super) environment: Option<&'a str>,
    /// The cluster it is for; `None` is all of the environment.
    pub(super) cluster: Option<&'a str>,
    /// The deployment that brings it; `None` for what belongs to none.
    pub(super) deployment: Option<DeploymentId>,
}

/// A tree and where it holds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Piece<'a> {
    pub(super) holder: Holder<'a>,
    pub(super) path: &'a Path,
    pub(super) completeness: Completeness,
    pub(super) node: &'a Node,
}

/// Everything that stands between the files and the model.
pub(super) struct Sources<'a> {
    pub(super) repo: &'a Repo,
    pub(super) built: Built,
    pub(super) charts: Charts,
    pub(super) releases: Vec<Release>,
    pub(super) applications: Applications,
    pub(super) terraform: Terraform,
    /// The environment of each file whose path names one. Paths are compared part by part, which an ordered map would
    /// do a dozen times for each question.
    pub(super) file_environments: HashMap<&'a Path, String>,
    /// Which files belong together.
    pub(super) projects: Projects,
    pub(super) overlay: &'a OverlayDocument,
    /// Dockerfiles of each project.
    pub(super) dockerfiles: BTreeMap<ProjectId, Vec<Dockerfile<'a>>>,
    /// Python code of each project.
    pub(super) code: BTreeMap<ProjectId, Project<'a>>,
    /// Images that Skaffold builds.
    pub(super) skaffold: Skaffold,
    /// What commands of scripts and pipelines deploy.
    pub(super) commands: Commands,
    /// Directories of manifests that are deployed by themselves.
    pub(super) directories: Vec<Directory>,
    /// Where deployments of other plain manifests begin.
    pub(super) manifests: Roots,
    /// What applications say of the builds that they deploy, by directory.
    pub(super) of_builds: HashMap<PathBuf, OfBuild>,
    /// Services that commands deploy.
    pub(super) deploys: Vec<cloud_run::Deploy>,
    /// Code that could not be read, or only in part.
    pub(super) code_notes: &'a [Unreadable],
}

/// A chart as one application, or one environment's values, render it.
pub(super) struct Release {
    pub(super) environment: Option<String>,
    /// The cluster that it is deployed to, where known.
    pub(super) cluster: Option<String>,
    pub(super) dir: PathBuf,
    pub(super) objects: Vec<Node>,
    /// The chart's name there and its values.
    pub(super) name: String,
    pub(super) values: Node,
    /// Whether nothing here installs it, so that its values are a chart's defaults.
    pub(super) by_default: bool,
    /// Name of the release, where it is known.
    pub(super) release: Option<String>,
    /// Whether another chart brings it: it belongs to the release before it.
    pub(super) is_part: bool,
    /// The namespace and the files of values that it is installed with.
    pub(super) of: ReleaseOf,
    /// Workloads whose number of replicas its application leaves alone.
    pub(super) kept_replicas: Vec<Kept>,
}

/// What the applications that deploy a build say of it.
#[derive(Debug, Default)]
pub(super) struct OfBuild {
    /// The cluster, where they name one and the same.
    pub(super) cluster: Option<String>,
    /// Workloads whose number of replicas all of them leave alone.
    pub(super) kept_replicas: Vec<Kept>,
    environment: Option<String>,
}

impl Release {
    /// What is installed for an environment, into a namespace.
    fn of(environment: Option<String>, namespace: Option<&Node>, installed: helm::Installed) -> Release {
        let helm::Installed {
            name,
            dir,
            mut objects,
            values,
            release,
            is_part,
        } = installed;
        if let Some(namespace) = namespace {
            objects
                .iter_mut()
                .for_each(|object| kustomize::put_into(object, namespace));
        }
        Release {
            environment,
            cluster: None,
            dir,
            objects,
            name,
            values,
            by_default: false,
            release,
            is_part,
            of: ReleaseOf {
                by: None,
                namespace: namespace.and_then(Node::as_str).map(str::to_owned),
                values: Vec::new(),
            },
            kept_replicas: Vec::new(),
        }
    }

    /// Whose its values are: the one workload's that it runs, else those of what bears its name.
    pub(super) fn owner(&self) -> Owner {
        let mut names: Vec<&str> = self
            .objects
            .iter()
            .filter(|object| object.at("spec/template/spec/containers").is_some())
            .filter_map(|object| object.at("metadata/name")?.as_str())
            .collect();
        names.dedup();
        match names.as_slice() {
            [one] => Owner::named(*one),
            [] => Owner::in_directory(&self.dir),
            _ => Owner::named(&self.name),
        }
    }
}

impl<'a> Sources<'a> {
    /// Builds everything that has to be built.
    pub(super) fn of(repo: &'a Repo, stated: &'a OverlayDocument, code: &'a Code) -> Sources<'a> {
        // What does not need one another is read side by side.
        let (mut charts, (commands, mut terraform, projects)) = rayon::join(
            || helm::read(repo),
            || {
                let (commands, projects) = {
                    let projects = projects(repo, stated);
                    (commands::read(repo, &projects), projects)
                };
                let together = |a: &Path, b: &Path| projects.of_path(a) == projects.of_path(b);
                let terraform = hcl::read_with(repo, &together, &commands.given());
                (commands, terraform, projects)
            },
        );
        let manifests = repo
            .yaml
            .iter()
            .filter(|(path, _)| !charts.consumed.contains(*path) && !repo.links.contains_key(*path));
        let applications = argo::read(repo, manifests.flat_map(|(_, stream)| &stream.documents));
        let mut listed = helm::listed(repo, &charts);
        listed.extend(
            commands
                .releases
                .iter()
                .filter_map(|r| of_command(repo, &charts, r)),
        );
        listed.extend(remote::listed(repo, &charts, &terraform));
        charts
            .consumed
            .extend(listed.iter().flat_map(|l| l.files.iter().cloned()));
        let evidence = evidence(repo, &projects, stated, (&applications, &listed, &charts));
        let known = Naming {
            stated,
            projects: &projects,
            evidence: &evidence,
        };
        let file_environments = file_environments(repo, &known);
        name_environments(&mut terraform, &known);
        let releases = releases(repo, &charts, (&applications, listed), &known);
        let of_builds = of_builds(&applications, &known);
        let built = built(repo, (&applications, &commands, &of_builds), &known);
        let directories = manifests::directories(repo, (&applications, &commands), &known);
        let mut projects = projects;
        let built_by = (&built, &charts, &terraform);
        unused::set_apart(repo, built_by, (&directories, &commands), &mut projects);
        let mut manifests = {
            let taken = Taken::new(repo, &built, &charts, &terraform);
            let plain = repo.yaml.iter().filter(|(path, _)| {
                taken.of(path).is_some() && manifests::directory_of(&directories, path).is_none()
            });
            let plain: Vec<(&Path, &[Node])> = plain
                .map(|(path, stream)| (path.as_path(), stream.documents.as_slice()))
                .collect();
            Roots::of(&plain, &projects)
        };
        manifests.rename(|name| stated.environment_name(name));
        Sources {
            skaffold: Skaffold::read(repo, &projects),
            manifests,
            of_builds,
            code: Project::divide(
                code,
                repo.files.keys().chain(&repo.passed_over).map(PathBuf::as_path),
                &|path| projects.of_path(path),
            ),
            dockerfiles: dockerfile::find(repo, &|path| projects.of_path(path)),
            deploys: cloud_run::read(repo, code),
            code_notes: &code.notes,
            commands,
            directories,
            built,
            charts,
            releases,
            applications,
            terraform,
            repo,
            file_environments,
            projects,
            overlay: stated,
        }
    }
}

impl Sources<'_> {
    /// Whether a build is of a base that nothing here uses or deploys.
    pub(super) fn is_unused_base(&self, build: &Build) -> bool {
        unused::is_base(&build.dir)
            && !deployed(&self.applications).contains(&build.dir)
            && !self.commands.kustomizations.contains(&build.dir)
            && !unused::deployed_by_flux(self.repo).contains(&build.dir)
    }
}

/// Divides the files into projects. A directory is no place apart if it is an environment or a chart's.
fn projects(repo: &Repo, stated: &OverlayDocument) -> Projects {
    let environments = scope::sibling_directories(repo);
    Projects::of(repo, &|dir| {
        let is_template_of_chart = dir.file_name().is_some_and(|n| n == "templates" || n == "tests")
            && dir
                .ancestors()
                .skip(1)
                .take(2)
                .any(|above| repo.files.contains_key(&above.join("Chart.yaml")));
        environments.contains(dir) || is_template_of_chart || stated.environment_of(&dir.join("x")).is_some()
    })
}

/// What is needed to name the environment of a place.
pub(super) struct Naming<'k> {
    stated: &'k OverlayDocument,
    projects: &'k Projects,
    evidence: &'k Evidence,
}

impl Naming<'_> {
    /// The environment of a directory: as a person states it, else as its path says.
    fn of_directory(&self, directory: &Path) -> Option<String> {
        if let Some(name) = self.stated.environment_of(&directory.join("x")) {
            return Some(name.to_owned());
        }
        let project = self.projects.of_path(directory);
        self.evidence
            .of_directory(project, directory)
            .map(|name| self.stated.environment_name(&name))
    }

    /// An environment that a file's name tells, if there is evidence for it; else that of the directory.
    pub(super) fn named(&self, name: Option<&String>, directory: &Path) -> Option<String> {
        let project = self.projects.of_path(directory);
        name.filter(|name| self.evidence.knows(project, name))
            .map(|name| self.stated.environment_name(name))
            .or_else(|| self.of_directory(directory))
    }
}

/// Evidence in paths, and what applications and lists of releases say outright.
fn evidence(
    repo: &Repo,
    projects: &Projects,
    stated: &OverlayDocument,
    (applications, listed, charts): (&Applications, &[helm::Listed], &Charts),
) -> Evidence {
    let mut evidence = Evidence::of(repo, projects, stated);
    for application in &applications.applications {
        if let Some(name) = &application.environment {
            let project = projects.of_path(repo.sources.path(application.span.file));
            let is_told_by_path =
                environment::of_path(repo.sources.path(application.span.file)).as_ref() == Some(name);
            if !is_told_by_path {
                evidence.add(project, name);
            }
        }
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

/// The environment of each file whose path names one, or for which a person states one.
fn file_environments<'a>(repo: &'a Repo, known: &Naming<'_>) -> HashMap<&'a Path, String> {
    let paths: Vec<&Path> = repo.files.keys().map(PathBuf::as_path).collect();
    paths
        .par_chunk_by(|a, b| a.parent() == b.parent())
        .flat_map_iter(|paths| {
            let directory = paths
                .first()
                .and_then(|path| path.parent())
                .unwrap_or(Path::new(""));
            let files = environment::Files::in_directory(directory);
            let project = known.projects.of_path(directory);
            paths.iter().filter_map(move |path| {
                let name = match known.stated.environment_of(path) {
                    Some(name) => name.to_owned(),
                    None => {
                        let name = known
                            .evidence
                            .of_file(project, &files, path.file_name()?.to_str()?)?;
                        known.stated.environment_name(&name)
                    }
                };
                Some((*path, name))
            })
        })
        .collect()
}

/// Gives the environments of Terraform's roots the names that a person gave them, where there is evidence for them.
fn name_environments(terraform: &mut Terraform, known: &Naming<'_>) {
    for root in &mut terraform.roots {
        let place = known
            .stated
            .environment_of(&root.dir.join("main.tf"))
            .map(str::to_owned);
        for values in &mut root.environments {
            let name = values.environment.take();
            let stated = values.stated.as_ref();
            values.environment = known
                .named(name.as_ref(), &root.dir)
                .or_else(|| place.clone())
                .or_else(|| stated.map(|name| known.stated.environment_name(name)));
        }
    }
}

/// What the applications that deploy each build agree on.
fn of_builds(applications: &Applications, known: &Naming<'_>) -> HashMap<PathBuf, OfBuild> {
    let mut found: HashMap<PathBuf, OfBuild> = HashMap::new();
    for application in &applications.applications {
        for source in &application.sources {
            let Some(Deploys::Kustomization(dir)) = &source.deploys else {
                continue;
            };
            let own = OfBuild {
                cluster: cluster_of_application(application),
                kept_replicas: kept_by(application),
                environment: known.named(application.environment.as_ref(), dir),
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

/// Workloads whose number of replicas an application leaves alone.
pub(super) fn kept_by(application: &argo::Application) -> Vec<Kept> {
    let kept = application.kept_replicas.iter().cloned();
    kept.map(
        |argo::Kept {
             kind,
             name,
             namespace,
         }| Kept {
            kind,
            name,
            namespace,
        },
    )
    .collect()
}

/// The builds, each under what the one application that deploys it lays over it.
fn built(
    repo: &Repo,
    (applications, commands, of_builds): (&Applications, &Commands, &HashMap<PathBuf, OfBuild>),
    known: &Naming<'_>,
) -> Built {
    let mut deployed = deployed(applications);
    deployed.extend(commands.kustomizations.iter().cloned());
    let mut built = kustomize::build_with(repo, &deployed);
    made::take_back(repo, &mut built);
    // What each application lays over a build, and the namespace that it deploys into.
    type Laid<'n> = (Option<&'n Node>, Option<Node>);
    let mut over: HashMap<&Path, Vec<Laid<'_>>> = HashMap::new();
    for application in &applications.applications {
        for source in &application.sources {
            if let Some(Deploys::Kustomization(dir)) = &source.deploys {
                let laid = (source.kustomize.as_ref(), namespace_of(application));
                over.entry(dir).or_default().push(laid);
            }
        }
    }
    for build in &mut built.builds {
        let of_application = || of_builds.get(&build.dir)?.environment.clone();
        let of_objects = || {
            Some(
                known
                    .stated
                    .environment_name(&scope::stated_by(build.objects.iter())?),
            )
        };
        let environment = known.of_directory(&build.dir).or_else(of_application);
        build.environment = environment.or_else(of_objects);
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

/// The namespace that an application deploys into.
pub(super) fn namespace_of(application: &argo::Application) -> Option<Node> {
    let namespace = application.namespace.as_ref()?;
    Some(Node::text(&namespace.value, namespace.span))
}

/// The cluster that an application names, or the host of its address. The cluster of Argo CD itself has no name.
pub(super) fn cluster_of_application(application: &argo::Application) -> Option<String> {
    let cluster = &application.cluster.as_ref()?.value;
    let name = match cluster.split_once("://") {
        Some((_, address)) => address.split(['/', ':']).next().unwrap_or(address),
        None => cluster,
    };
    let is_own = name == "in-cluster" || name.starts_with("kubernetes.default");
    (!is_own && !name.is_empty() && !name.contains(['{', '$'])).then(|| name.to_owned())
}

/// Directories of kustomizations that applications deploy: each is a build of its own, used as a base or not.
fn deployed(applications: &Applications) -> BTreeSet<PathBuf> {
    let sources = applications.applications.iter().flat_map(|a| &a.sources);
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
    (applications, listed): (&Applications, Vec<helm::Listed>),
    known: &Naming<'_>,
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
            let environment = known.named(application.environment.as_ref(), file);
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
                    ..release
                }
            };
            releases.extend(installed.into_iter().map(of));
        }
    }
    for listed in listed {
        by_application.insert(listed.chart);
        let installed = helm::install(repo, charts, listed.chart, &listed.values, Some(&listed.name));
        let environment = known.named(listed.environment.as_ref(), place_of(&listed, charts));
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
        if by_application.contains(&number) || chart.library || is_copy || helm::is_brought(charts, number) {
            continue;
        }
        for values in chart.deployed() {
            let environment = known.named(values.environment.as_ref(), &chart.dir);
            // Values for one environment are there to install it with; the chart's own alone are defaults.
            let by_default = values.environment.is_none();
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
        release.environment = stated.map(|name| known.stated.environment_name(&name));
    }
    releases
}

/// The release that a command installs, where its chart is here. Where values of environments lie beside the chart and
/// the command does not say which of them it takes, those of the environments are judged instead.
fn of_command(repo: &Repo, charts: &Charts, release: &commands::Release) -> Option<helm::Listed> {
    let dir = release.dir.as_ref()?;
    let chart = charts.charts.iter().position(|c| c.dir == *dir)?;
    if !release.known && charts.charts[chart].values.len() > 1 || release.name.as_str().is_none() {
        return None;
    }
    let environment = release
        .files
        .iter()
        .rev()
        .find_map(|file| environment::of_path(file));
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
