//! What deploy tools make of the files, and where each tree of it holds: the first stage after reading.

use super::{made, remote, unused};
use crate::code::Project;
use crate::commands::{self, Commands};
use crate::dockerfile::{self, Dockerfile};
use crate::overlay::OverlayDocument;
use crate::scope::{self, Evidence, Projects};
use crate::{cloud_run, compose, config, grand_central, kubernetes};
use cofferdam_code::python::Code;
use cofferdam_model::workload::Completeness;
use cofferdam_model::{Deployment, DeploymentId, DeploymentKind, Owner, ProjectId, ReleaseOf};
use cofferdam_render::argo::{self, Applications, Deploys};
use cofferdam_render::hcl::{self, Terraform};
use cofferdam_render::helm::{self, Charts};
use cofferdam_render::kustomize::{self, Build, Built};
use cofferdam_syntax::environment;
use cofferdam_syntax::repo::{Repo, Unreadable};
use cofferdam_syntax::tree::Node;
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
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
    /// What commands of scripts and pipelines deploy.
    pub(super) commands: Commands,
    /// Directories of manifests that are deployed by themselves.
    pub(super) directories: Vec<Directory>,
    /// Services that commands deploy.
    pub(super) deploys: Vec<cloud_run::Deploy>,
    /// Code that could not be read, or only in part.
    pub(super) code_notes: &'a [Unreadable],
}

/// A directory of manifests that an application or a command deploys.
pub(super) struct Directory {
    pub(super) dir: PathBuf,
    /// The application, where it has a name.
    pub(super) name: Option<String>,
    /// The cluster that it is deployed to.
    pub(super) cluster: Option<String>,
    /// Its documents, with the namespace that they are deployed into.
    documents: BTreeMap<PathBuf, Vec<Node>>,
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
        let (mut charts, (mut terraform, projects)) = rayon::join(
            || helm::read(repo),
            || {
                let projects = projects(repo, stated);
                let together = |a: &Path, b: &Path| projects.of_path(a) == projects.of_path(b);
                (hcl::read_with(repo, &together), projects)
            },
        );
        let manifests = repo
            .yaml
            .iter()
            .filter(|(path, _)| !charts.consumed.contains(*path) && !repo.links.contains_key(*path));
        let applications = argo::read(repo, manifests.flat_map(|(_, stream)| &stream.documents));
        let commands = commands::read(repo, &projects);
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
        let evidence = evidence(repo, &projects, stated, (&applications, &listed));
        let known = Known {
            stated,
            projects: &projects,
            evidence: &evidence,
        };
        let file_environments = file_environments(repo, &known);
        name_environments(&mut terraform, &known);
        let releases = releases(repo, &charts, (&applications, listed), &known);
        let built = built(repo, (&applications, &commands), &known);
        let directories = directories(repo, (&applications, &commands));
        let mut projects = projects;
        let built_by = (&built, &charts, &terraform);
        unused::set_apart(repo, built_by, (&directories, &commands), &mut projects);
        Sources {
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
struct Known<'k> {
    stated: &'k OverlayDocument,
    projects: &'k Projects,
    evidence: &'k Evidence,
}

impl Known<'_> {
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
    fn named(&self, name: Option<&String>, directory: &Path) -> Option<String> {
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
    (applications, listed): (&Applications, &[helm::Listed]),
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
        if let (Some(name), Some(file)) = (&release.environment, release.files.first()) {
            of_lists.entry(projects.of_path(file)).or_default().insert(name);
        }
    }
    for (project, names) in of_lists {
        for name in names.iter().filter(|_| names.len() >= 2) {
            evidence.add(project, name);
        }
    }
    evidence
}

/// The environment of each file whose path names one, or for which a person states one.
fn file_environments<'a>(repo: &'a Repo, known: &Known<'_>) -> HashMap<&'a Path, String> {
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
fn name_environments(terraform: &mut Terraform, known: &Known<'_>) {
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

/// The builds, each under what the one application that deploys it lays over it.
fn built(repo: &Repo, (applications, commands): (&Applications, &Commands), known: &Known<'_>) -> Built {
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
        build.environment = known
            .of_directory(&build.dir)
            .or_else(|| Some(known.stated.environment_name(&scope::stated_by(&build.objects)?)));
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
fn namespace_of(application: &argo::Application) -> Option<Node> {
    let namespace = application.namespace.as_ref()?;
    Some(Node::text(&namespace.value, namespace.span))
}

/// The cluster that an application names, or the host of its address. The cluster of Argo CD itself has no name.
fn cluster_of_application(application: &argo::Application) -> Option<String> {
    let cluster = &application.cluster.as_ref()?.value;
    let name = match cluster.split_once("://") {
        Some((_, address)) => address.split(['/', ':']).next().unwrap_or(address),
        None => cluster,
    };
    let is_own = name == "in-cluster" || name.starts_with("kubernetes.default");
    (!is_own && !name.is_empty() && !name.contains(['{', '$'])).then(|| name.to_owned())
}

/// Directories of manifests that one application or a command deploys. One that several deploy holds for all of them.
fn directories(repo: &Repo, (applications, commands): (&Applications, &Commands)) -> Vec<Directory> {
    let mut by_dir: BTreeMap<&Path, Vec<(Directory, Option<Node>)>> = BTreeMap::new();
    for application in &applications.applications {
        for source in &application.sources {
            if let Some(Deploys::Directory(dir)) = &source.deploys {
                let directory = Directory {
                    dir: dir.clone(),
                    name: application.name.as_ref().map(|name| name.value.clone()),
                    cluster: cluster_of_application(application),
                    documents: BTreeMap::new(),
                };
                by_dir
                    .entry(dir)
                    .or_default()
                    .push((directory, namespace_of(application)));
            }
        }
    }
    for (dir, namespace) in &commands.directories {
        let directory = Directory {
            dir: dir.clone(),
            name: None,
            cluster: None,
            documents: BTreeMap::new(),
        };
        let all = by_dir.entry(dir).or_default();
        if all.is_empty() {
            all.push((directory, namespace.clone()));
        }
    }
    let mut found = Vec::new();
    for (dir, mut all) in by_dir {
        let (Some((mut directory, namespace)), true) = (all.pop(), all.is_empty()) else {
            continue;
        };
        if let Some(namespace) = namespace {
            let below = repo
                .yaml
                .range(dir.to_path_buf()..)
                .take_while(|(path, _)| path.starts_with(dir));
            for (path, stream) in below {
                let mut documents = stream.documents.clone();
                documents
                    .iter_mut()
                    .for_each(|node| kustomize::put_into(node, &namespace));
                directory.documents.insert(path.clone(), documents);
            }
        }
        found.push(directory);
    }
    found
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
    known: &Known<'_>,
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
                    ..release
                }
            };
            releases.extend(installed.into_iter().map(of));
        }
    }
    for listed in listed {
        by_application.insert(listed.chart);
        let installed = helm::install(repo, charts, listed.chart, &listed.values, Some(&listed.name));
        let file = listed.files.first().map_or(Path::new(""), PathBuf::as_path);
        let environment = known.named(listed.environment.as_ref(), file);
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

/// Kind, project, environment, cluster and root of a deployment.
type SharedKey = (DeploymentKind, ProjectId, Option<String>, Option<String>, PathBuf);

/// The deployments that were found while trees were put in their places.
#[derive(Default)]
pub(super) struct Deployments {
    pub(super) all: Vec<Deployment>,
    /// Deployments that consist of several files, by what makes them one.
    shared: BTreeMap<SharedKey, DeploymentId>,
}

impl Deployments {
    pub(super) fn add(&mut self, deployment: Deployment) -> DeploymentId {
        self.all.push(deployment);
        DeploymentId(u32::try_from(self.all.len() - 1).unwrap_or(u32::MAX))
    }

    /// A deployment that has more objects.
    fn grown(&mut self, id: DeploymentId, objects: usize) -> DeploymentId {
        self.all[id.0 as usize].objects += objects;
        id
    }

    /// The deployment of this kind and root, which has one object more.
    fn shared(&mut self, deployment: Deployment) -> DeploymentId {
        let key = (
            deployment.kind,
            deployment.project,
            deployment.environment.clone(),
            deployment.cluster.clone(),
            deployment.root.clone(),
        );
        let id = match self.shared.get(&key) {
            Some(id) => *id,
            None => {
                let id = self.add(deployment);
                self.shared.insert(key, id);
                id
            }
        };
        self.all[id.0 as usize].objects += 1;
        id
    }
}

/// Every tree with the place it holds in, and the deployments that these are.
pub(super) fn pieces<'a>(sources: &'a Sources<'a>) -> (Vec<Piece<'a>>, Deployments) {
    let mut pieces = Vec::new();
    let mut deployments = Deployments::default();
    for build in &sources.built.builds {
        // What was not read of a build is missing from it; what is written there is written whole.
        let completeness = Completeness::Whole;
        let project = sources.projects.of_path(&build.dir);
        let cluster = scope::cluster_of(&build.path);
        let deployment = deployments.add(Deployment {
            project,
            kind: DeploymentKind::Kustomize,
            root: build.dir.clone(),
            name: None,
            environment: build.environment.clone(),
            cluster: cluster.map(str::to_owned),
            objects: build.objects.len(),
        });
        for node in &build.objects {
            pieces.push(Piece {
                holder: Holder {
                    project,
                    environment: build.environment.as_deref(),
                    cluster,
                    deployment: Some(deployment),
                },
                path: &build.dir,
                completeness,
                node,
            });
        }
    }
    let mut of_release: Option<DeploymentId> = None;
    for release in &sources.releases {
        let project = sources.projects.of_path(&release.dir);
        let deployment = match of_release.filter(|_| release.is_part) {
            Some(id) => deployments.grown(id, release.objects.len()),
            None => deployments.add(Deployment {
                project,
                kind: DeploymentKind::Helm,
                root: release.dir.clone(),
                name: release.release.clone().or_else(|| Some(release.name.clone())),
                environment: release.environment.clone(),
                cluster: release.cluster.clone(),
                objects: release.objects.len(),
            }),
        };
        of_release = Some(deployment);
        for node in &release.objects {
            pieces.push(Piece {
                holder: Holder {
                    project,
                    environment: release.environment.as_deref(),
                    cluster: release.cluster.as_deref(),
                    deployment: Some(deployment),
                },
                path: &release.dir,
                completeness: Completeness::Fragment,
                node,
            });
        }
    }
    let in_charts = by_hash(&sources.charts.consumed);
    let in_builds = by_hash(&sources.built.consumed);
    let fragments = by_hash(&sources.built.fragments);
    let kustomized = kustomized(&sources.built);
    let of_terraform = by_hash(&sources.terraform.claimed);
    // What a build names through a link is judged in that build, as if it were named at its own place.
    let behind: HashSet<&Path> = (sources.repo.links.iter())
        .filter(|(link, _)| in_charts.contains(link.as_path()) || in_builds.contains(link.as_path()))
        .map(|(_, real)| real.as_path())
        .collect();
    for (path, stream) in &sources.repo.yaml {
        let path = path.as_path();
        if sources.repo.links.contains_key(path) || behind.contains(path) {
            continue;
        }
        let fragment = fragments.contains(path);
        let built = in_builds.contains(path) && !fragment;
        if built || in_charts.contains(path) || of_terraform.contains(path) {
            continue;
        }
        let completeness = if fragment || is_part(path, &kustomized) {
            Completeness::Fragment
        } else {
            Completeness::Whole
        };
        let stated = sources.file_environments.get(path).map(String::as_str);
        let environment = stated.or_else(|| environment_of_directory(sources, path));
        let project = sources.projects.of_path(path);
        let directory = directory_of(sources, path);
        let cluster = scope::cluster_of(path).or_else(|| directory?.cluster.as_deref());
        let placed = directory.and_then(|d| d.documents.get(path));
        for node in placed.unwrap_or(&stream.documents) {
            let kind = if kubernetes::is_object(node) {
                let root = directory.map_or(&sources.projects.get(project).root, |d| &d.dir);
                Some((DeploymentKind::Manifests, root.as_path()))
            } else if compose::is_compose(node) {
                Some((DeploymentKind::Compose, compose_root(sources, path)))
            } else {
                None
            };
            let deployment = kind.map(|(kind, root)| {
                deployments.shared(Deployment {
                    project,
                    kind,
                    root: root.to_path_buf(),
                    name: directory.and_then(|d| d.name.clone()),
                    environment: environment.map(str::to_owned),
                    cluster: cluster.map(str::to_owned),
                    objects: 0,
                })
            });
            pieces.push(Piece {
                holder: Holder {
                    project,
                    environment,
                    cluster,
                    deployment,
                },
                path,
                completeness,
                node,
            });
        }
    }
    // What is for one environment counts over what is for all, and so is read after it.
    pieces.sort_by_key(|p| p.holder.environment.is_some());
    // A module that nothing calls and nobody is seen to run deploys nothing by itself.
    let is_run =
        |root: &&hcl::Root| !root.signs.is_empty() || sources.commands.terraform.contains_key(&root.dir);
    for root in sources.terraform.roots.iter().filter(is_run) {
        for values in root.environments.iter().filter(|v| !v.resources.is_empty()) {
            deployments.add(Deployment {
                project: sources.projects.of_path(&root.dir),
                kind: DeploymentKind::Terraform,
                root: root.dir.clone(),
                name: None,
                environment: values.environment.clone(),
                cluster: None,
                objects: values.resources.len(),
            });
        }
    }
    for deploy in &sources.deploys {
        deployments.shared(Deployment {
            project: sources.projects.of_path(&deploy.path),
            kind: DeploymentKind::Command,
            root: deploy.path.clone(),
            name: None,
            environment: deploy
                .environment
                .clone()
                .or_else(|| sources.file_environments.get(deploy.path.as_path()).cloned()),
            cluster: None,
            objects: 0,
        });
    }
    (pieces, deployments)
}

/// Directories with a kustomization.
fn kustomized(built: &Built) -> HashSet<&Path> {
    let kustomizations = built.consumed.iter().filter(|path| {
        let name = path.file_stem().and_then(|n| n.to_str());
        name.is_some_and(|name| name.eq_ignore_ascii_case("kustomization"))
    });
    kustomizations.filter_map(|path| path.parent()).collect()
}

/// Whether a file that no build takes is likely a part of one all the same: a patch that is named as one, or what
/// lies beside a kustomization that does not name it. What it lacks may stand in what it would be laid over.
fn is_part(path: &Path, kustomized: &HashSet<&Path>) -> bool {
    let is_patch = |part: &str| {
        part.split(|c: char| !c.is_ascii_alphanumeric())
            .any(|word| word.eq_ignore_ascii_case("patch") || word.eq_ignore_ascii_case("patches"))
    };
    path.parent().is_some_and(|dir| kustomized.contains(dir))
        || path.iter().filter_map(|part| part.to_str()).any(is_patch)
}

/// Paths to look up, without an order.
pub(super) fn by_hash(paths: &BTreeSet<PathBuf>) -> HashSet<&Path> {
    paths.iter().map(PathBuf::as_path).collect()
}

/// The innermost directory that is deployed by itself and holds this file.
fn directory_of<'s>(sources: &'s Sources<'_>, path: &Path) -> Option<&'s Directory> {
    let holding = sources.directories.iter().filter(|d| path.starts_with(&d.dir));
    holding.max_by_key(|d| d.dir.iter().count())
}

/// Names of files that Compose reads together where nobody names files.
const COMPOSE_FILES: &[&str] = &[
    "compose",
    "docker-compose",
    "compose.override",
    "docker-compose.override",
];

/// What makes Compose files one deployment: the directory of the main file and its overrides, the first file of a
/// command that names several, else the file itself.
fn compose_root<'p>(sources: &'p Sources<'_>, path: &'p Path) -> &'p Path {
    let directory = path.parent().unwrap_or(Path::new(""));
    let is_main = |path: &Path| {
        let stem = path.file_stem().and_then(|n| n.to_str()).unwrap_or_default();
        COMPOSE_FILES.contains(&stem)
    };
    let together = sources
        .commands
        .compose
        .iter()
        .find(|files| files.iter().any(|file| file == path));
    match together.and_then(|files| files.first()) {
        _ if is_main(path) => directory,
        Some(first) if is_main(first) => first.parent().unwrap_or(Path::new("")),
        Some(first) => first,
        None => path,
    }
}

/// The environment of the one application that deploys the directory of a plain manifest.
fn environment_of_directory<'a>(sources: &'a Sources<'_>, path: &Path) -> Option<&'a str> {
    let mut found = None;
    for application in &sources.applications.applications {
        let here = application
            .sources
            .iter()
            .any(|s| matches!(&s.deploys, Some(Deploys::Directory(dir)) if path.starts_with(dir)));
        match (&application.environment, found) {
            (Some(name), None) if here => found = Some(name.as_str()),
            (Some(name), Some(other)) if here && name != other => return None,
            _ => {}
        }
    }
    found
}
