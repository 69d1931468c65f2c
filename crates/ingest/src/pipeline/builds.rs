//! What deploy tools make of the files, and where each tree of it holds: the first stage after reading.

use crate::cloud_run;
use crate::code::Project;
use crate::overlay::OverlayDocument;
use cofferdam_code::python::Code;
use cofferdam_model::Owner;
use cofferdam_model::workload::Completeness;
use cofferdam_render::argo::{self, Applications, Deploys};
use cofferdam_render::hcl::{self, Terraform};
use cofferdam_render::helm::{self, Charts};
use cofferdam_render::kustomize::{self, Built};
use cofferdam_syntax::environment;
use cofferdam_syntax::repo::{Repo, Unreadable};
use cofferdam_syntax::tree::Node;
use rayon::prelude::*;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};

/// A tree and where it holds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Piece<'a> {
    /// The environment it is for; `None` is all.
    pub(super) environment: Option<&'a str>,
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
    pub(super) overlay: &'a OverlayDocument,
    /// Python code that says something of the platform.
    pub(super) code: Project<'a>,
    /// Services that commands deploy.
    pub(super) deploys: Vec<cloud_run::Deploy>,
    /// Code that could not be read, or only in part.
    pub(super) code_notes: &'a [Unreadable],
}

/// A chart as one application, or one environment's values, render it.
pub(super) struct Release {
    pub(super) environment: Option<String>,
    pub(super) dir: PathBuf,
    pub(super) objects: Vec<Node>,
    /// The chart's name there and its values.
    pub(super) name: String,
    pub(super) values: Node,
}

impl Release {
    fn of(environment: Option<String>, installed: helm::Installed) -> Release {
        let helm::Installed {
            name,
            dir,
            objects,
            values,
        } = installed;
        Release {
            environment,
            dir,
            objects,
            name,
            values,
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
        let (mut charts, (file_environments, terraform)) = rayon::join(
            || helm::read(repo),
            || rayon::join(|| file_environments(repo, stated), || terraform_of(repo, stated)),
        );
        let manifests = repo
            .yaml
            .iter()
            .filter(|(path, _)| !charts.consumed.contains(*path));
        let applications = argo::read(repo, manifests.flat_map(|(_, stream)| &stream.documents));
        let listed = helm::listed(repo, &charts);
        charts
            .consumed
            .extend(listed.iter().flat_map(|l| l.files.iter().cloned()));
        let releases = releases(repo, &charts, (&applications, listed), stated);
        Sources {
            code: Project::new(
                code,
                repo.files.keys().chain(&repo.passed_over).map(PathBuf::as_path),
            ),
            deploys: cloud_run::read(repo, code),
            code_notes: &code.notes,
            built: built(repo, &applications),
            charts,
            releases,
            applications,
            terraform,
            repo,
            file_environments,
            overlay: stated,
        }
    }
}

/// The environment of each file whose path names one, or for which a person states one.
fn file_environments<'a>(repo: &'a Repo, stated: &OverlayDocument) -> HashMap<&'a Path, String> {
    let paths: Vec<&Path> = repo.files.keys().map(PathBuf::as_path).collect();
    paths
        .par_chunk_by(|a, b| a.parent() == b.parent())
        .flat_map_iter(|paths| {
            let directory = paths.first().and_then(|path| path.parent());
            let files = environment::Files::in_directory(directory.unwrap_or(Path::new("")));
            paths
                .iter()
                .filter_map(move |path| Some((*path, environment_of(path, &files, stated)?)))
        })
        .collect()
}

/// The environment that a file is for: as a person states it, else as its path says.
fn environment_of(path: &Path, files: &environment::Files<'_>, stated: &OverlayDocument) -> Option<String> {
    match stated.environment_of(path) {
        Some(name) => Some(name.to_owned()),
        None => files
            .named(path.file_name()?.to_str()?)
            .map(|name| stated.environment_name(&name)),
    }
}

/// Terraform's modules, their environments under the names that a person gave them.
fn terraform_of(repo: &Repo, stated: &OverlayDocument) -> Terraform {
    let mut terraform = hcl::read(repo);
    for root in &mut terraform.roots {
        let place = stated
            .environment_of(&root.dir.join("main.tf"))
            .map(str::to_owned);
        for values in &mut root.environments {
            values.environment = match values.environment.take() {
                Some(name) => Some(stated.environment_name(&name)),
                None => place.clone(),
            };
        }
    }
    terraform
}

/// The builds, each under what the one application that deploys it lays over it.
fn built(repo: &Repo, applications: &Applications) -> Built {
    let mut built = kustomize::build_with(repo, &deployed(applications));
    let mut over: HashMap<&Path, Vec<Option<&Node>>> = HashMap::new();
    for source in applications.applications.iter().flat_map(|a| &a.sources) {
        if let Some(Deploys::Kustomization(dir)) = &source.deploys {
            over.entry(dir).or_default().push(source.kustomize.as_ref());
        }
    }
    for build in &mut built.builds {
        if let Some([Some(section)]) = over.get(build.dir.as_path()).map(Vec::as_slice) {
            kustomize::lay_over(build, section);
        }
    }
    built
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
    stated: &OverlayDocument,
) -> Vec<Release> {
    let named = |environment: &Option<String>| environment.as_ref().map(|name| stated.environment_name(name));
    let mut releases = Vec::new();
    let mut by_application = BTreeSet::new();
    for application in &applications.applications {
        for source in &application.sources {
            let Some((number, values)) = argo::chart_values(repo, charts, source) else {
                continue;
            };
            by_application.insert(number);
            let environment = named(&application.environment);
            let installed = helm::install(repo, charts, number, &values, source.release.as_ref());
            releases.extend(installed.into_iter().map(|i| Release::of(environment.clone(), i)));
        }
    }
    for listed in listed {
        by_application.insert(listed.chart);
        let installed = helm::install(repo, charts, listed.chart, &listed.values, Some(&listed.name));
        let environment = named(&listed.environment);
        releases.extend(installed.into_iter().map(|i| Release::of(environment.clone(), i)));
    }
    for (number, chart) in charts.charts.iter().enumerate() {
        if by_application.contains(&number) || chart.library || helm::is_brought(charts, number) {
            continue;
        }
        for values in chart.deployed() {
            let environment = values.environment.clone();
            let environment = named(&environment.or_else(|| environment::of_directory(&chart.dir)));
            let installed = helm::install(repo, charts, number, &values.values, None);
            releases.extend(installed.into_iter().map(|i| Release::of(environment.clone(), i)));
        }
    }
    releases
}

/// Every tree with the environment it holds in.
pub(super) fn pieces<'a>(sources: &'a Sources<'a>) -> Vec<Piece<'a>> {
    let mut pieces = Vec::new();
    for build in &sources.built.builds {
        let completeness = if build.complete {
            Completeness::Whole
        } else {
            Completeness::Fragment
        };
        for node in &build.objects {
            pieces.push(Piece {
                environment: build.environment.as_deref(),
                path: &build.dir,
                completeness,
                node,
            });
        }
    }
    for release in &sources.releases {
        for node in &release.objects {
            pieces.push(Piece {
                environment: release.environment.as_deref(),
                path: &release.dir,
                completeness: Completeness::Fragment,
                node,
            });
        }
    }
    let in_charts = by_hash(&sources.charts.consumed);
    let in_builds = by_hash(&sources.built.consumed);
    let fragments = by_hash(&sources.built.fragments);
    let of_terraform = by_hash(&sources.terraform.claimed);
    for (path, stream) in &sources.repo.yaml {
        let path = path.as_path();
        let fragment = fragments.contains(path);
        let built = in_builds.contains(path) && !fragment;
        if built || in_charts.contains(path) || of_terraform.contains(path) {
            continue;
        }
        let completeness = if fragment {
            Completeness::Fragment
        } else {
            Completeness::Whole
        };
        let stated = sources.file_environments.get(path).map(String::as_str);
        let environment = stated.or_else(|| environment_of_directory(sources, path));
        for node in &stream.documents {
            pieces.push(Piece {
                environment,
                path,
                completeness,
                node,
            });
        }
    }
    // What is for one environment counts over what is for all, and so is read after it.
    pieces.sort_by_key(|p| p.environment.is_some());
    pieces
}

/// Paths to look up, without an order.
pub(super) fn by_hash(paths: &BTreeSet<PathBuf>) -> HashSet<&Path> {
    paths.iter().map(PathBuf::as_path).collect()
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
