//! What the deploy tools made of the files, as the later stages see it.

use super::composed::Composed;
use super::manifests::{Directories, Roots};
use super::unused;
use super::variants::{Variant, Variants};
use crate::cloud_run;
use crate::code::Project;
use crate::commands::Commands;
use crate::dockerfile::Dockerfile;
use crate::overlay::OverlayDocument;
use crate::scope::Projects;
use crate::skaffold::Skaffold;
use cofferdam_model::workload::Completeness;
use cofferdam_model::{Deployment, DeploymentId, Kept, Owner, ProjectId, ReleaseOf};
use cofferdam_render::argo::Applications;
use cofferdam_render::flux::Flux;
use cofferdam_render::hcl::Terraform;
use cofferdam_render::helm::{self, Charts, Remote};
use cofferdam_render::kustomize::{self, Build, Built};
use cofferdam_render::selected::Selected;
use cofferdam_syntax::hash::HashMap;
use cofferdam_syntax::repo::{Repo, Unreadable};
use cofferdam_syntax::tree::Node;
use std::collections::{BTreeMap, BTreeSet};
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
    /// The variant it belongs to; `None` is with all of them.
    pub(super) variant: Option<&'a Variant>,
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

/// A file of documents that no tool takes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plain<'a> {
    pub(super) path: &'a Path,
    pub(super) documents: &'a [Node],
    pub(super) completeness: Completeness,
}

/// Everything that stands between the files and the model.
pub(super) struct Sources<'a> {
    pub(super) repo: &'a Repo,
    pub(super) built: Built,
    pub(super) charts: Charts,
    /// Charts from elsewhere.
    pub(super) remotes: Vec<Remote>,
    pub(super) releases: Vec<Release>,
    pub(super) applications: Applications,
    /// What Flux deploys.
    pub(super) flux: Flux,
    pub(super) terraform: Terraform,
    /// The environment of each file whose path names one. Paths are compared part by part, which an ordered map would
    /// do a dozen times for each question.
    pub(super) file_environments: HashMap<&'a Path, String>,
    /// Files that something picks by name.
    pub(super) selected: Selected,
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
    pub(super) directories: Directories,
    /// Files that no tool takes.
    pub(super) plain: Vec<Plain<'a>>,
    /// Compose files that are laid over one another.
    pub(super) composed: Composed,
    /// Where deployments of other plain manifests begin.
    pub(super) manifests: Roots,
    /// What applications say of the builds that they deploy, by directory.
    pub(super) of_builds: HashMap<PathBuf, OfBuild>,
    /// Builds of which only one can be installed.
    pub(super) variants: Variants,
    /// Directories of kustomizations that applications, Flux or commands deploy.
    pub(super) deployed: BTreeSet<PathBuf>,
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
    /// For each object, whether its template gives these fields whatever is unknown.
    pub(super) whole: Vec<bool>,
    /// The chart's name there and its values.
    pub(super) name: String,
    pub(super) values: Node,
    /// Whether nothing here installs it, so that its values are a chart's defaults.
    pub(super) by_default: bool,
    /// Name of the release, where it is known.
    pub(super) release: Option<String>,
    /// Whether another chart brings it: it belongs to the release before it.
    pub(super) is_part: bool,
    /// Charts from elsewhere that it brings with these values.
    pub(super) unread: Vec<helm::Dependency>,
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
    pub(super) environment: Option<String>,
}

impl Release {
    /// What is installed for an environment, into a namespace.
    pub(super) fn of(
        environment: Option<String>,
        namespace: Option<&Node>,
        installed: helm::Installed,
    ) -> Release {
        let helm::Installed {
            name,
            dir,
            mut objects,
            whole,
            values,
            release,
            is_part,
            unread,
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
            whole,
            name,
            values,
            by_default: false,
            release,
            is_part,
            unread,
            of: ReleaseOf {
                by: None,
                namespace: namespace.and_then(Node::as_str).map(str::to_owned),
                values: Vec::new(),
            },
            kept_replicas: Vec::new(),
        }
    }

    /// Whose its values are: the one workload's that it runs, else those of the workload with its name.
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

impl Sources<'_> {
    /// Whether nothing is seen to deploy a build: an unused base, or one that fails where files say what is deployed and
    /// do not name it.
    pub(super) fn is_undeployed(&self, build: &Build) -> bool {
        let is_named = self.deployed.is_empty() || self.deployed.contains(&build.dir);
        self.is_unused_base(build) || build.failed.is_some() && !is_named
    }

    /// Whether a build is of a base or a component that nothing here uses or deploys.
    pub(super) fn is_unused_base(&self, build: &Build) -> bool {
        let is_component = || {
            let stream = self.repo.yaml.get(&build.path);
            let kinds = stream.into_iter().flat_map(|s| &s.documents);
            kinds
                .filter_map(|d| d.get("kind")?.as_str())
                .any(|kind| kind == "Component")
        };
        (unused::is_base(&build.dir) || is_component()) && !self.deployed.contains(&build.dir)
    }
}

/// The deployments that are variants.
pub(super) fn variant_deployments(sources: &Sources<'_>, all: &[Deployment]) -> BTreeSet<DeploymentId> {
    let ids = (0..).map(DeploymentId).zip(all);
    let is_variant =
        |root: &Path| sources.variants.of_path(root).is_some() || sources.composed.is_variant(root);
    ids.filter(|(_, deployment)| is_variant(&deployment.root))
        .map(|(id, _)| id)
        .collect()
}
