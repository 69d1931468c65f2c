//! What a Compose service is built from: its code is in the directory that `build` names, whatever the directory is
//! called.

use super::KIND;
use crate::context::Place;
use cofferdam_model::workload::Workload;
use cofferdam_model::{DeploymentId, Fact, Owner, Service, Span, Texts, link};
use cofferdam_syntax::repo::normalise;
use cofferdam_syntax::tree::{Key, Node};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The field of a workload with the directory of its code, below the root.
const DIRECTORY: &str = "build directory";
/// The field with its Dockerfile, below the root.
const DOCKERFILE: &str = "build dockerfile";
/// The field with the stage of the Dockerfile that it runs.
const TARGET: &str = "build target";

/// Directories of Dockerfiles that are beside the code and not around it.
const OF_DOCKERFILES: &[&str] = &[
    "docker",
    "dockerfiles",
    "build",
    "deploy",
    "compose",
    "ci",
    "images",
];

/// Adds what the service is built from, as far as it is here. `others` are services that are built elsewhere: a directory
/// with such a name is their code.
pub(super) fn add(service: &Node, others: &[&str], place: Place<'_>, fields: &mut Texts) {
    let Some(build) = service.get("build") else { return };
    let written = build.as_str().or_else(|| match build.get("context") {
        Some(context) => context.as_str(),
        None => build.as_map().map(|_| "."),
    });
    let Some(context) = written.and_then(|written| below(place.path.parent(), written)) else {
        return;
    };
    let mut set = |name: &str, text: String, span: Span| {
        fields.insert(name.to_owned(), Fact::declared(text, span));
    };
    let mut directory = context.clone();
    if build.get("dockerfile_inline").is_none() {
        let named = build.get("dockerfile");
        let path = match named {
            Some(node) => node.as_str().and_then(|written| below(Some(&context), written)),
            None => Some(context.join("Dockerfile")),
        };
        let Some(path) = path else { return };
        let own = path.parent().unwrap_or(Path::new(""));
        // One context for many services: the code is where the Dockerfile is.
        let parts = own.strip_prefix(&context).unwrap_or(Path::new(""));
        let is_of_code = |part: &str| !part.starts_with('.') && !OF_DOCKERFILES.contains(&part);
        if parts.iter().filter_map(|part| part.to_str()).all(is_of_code) && own.starts_with(&context) {
            directory = own.to_path_buf();
        }
        set(
            DOCKERFILE,
            path.display().to_string(),
            named.unwrap_or(build).span,
        );
    }
    let is_around = |name: &&str| place.repo.has_directory(&directory.join(name));
    if !others.iter().any(is_around) {
        set(DIRECTORY, directory.display().to_string(), build.span);
    }
    if let Some((target, span)) = build
        .get("target")
        .and_then(|node| Some((node.as_str()?, node.span)))
    {
        set(TARGET, target.to_owned(), span);
    }
}

/// The services that run an image of the platform's own which is not built here.
pub(super) fn elsewhere<'n>(services: impl Iterator<Item = (&'n Key, &'n Node)>) -> Vec<&'n str> {
    let is_own = |name: &str, service: &Node| {
        let image = service.get("image").and_then(Node::as_str).unwrap_or_default();
        let image = image.rsplit('/').next().unwrap_or_default();
        let image = image.split([':', '@']).next().unwrap_or_default();
        service.get("build").is_none() && !link::is_bought_in(image) && !link::is_bought_in(name)
    };
    let all = services.filter(|(key, service)| is_own(&key.text, service));
    all.map(|(key, _)| &*key.text).collect()
}

/// A path below the root; `None` for an address, or a path that is not here.
fn below(from: Option<&Path>, written: &str) -> Option<PathBuf> {
    let is_address = written.contains("://") || written.starts_with("git@") || written.contains('$');
    let path = normalise(&from.unwrap_or(Path::new("")).join(written));
    (!is_address && !path.is_absolute() && !path.starts_with("..")).then_some(path)
}

/// The Dockerfile of a workload, below the root, if it is known.
pub(crate) fn dockerfile(workload: &Workload) -> Option<&Path> {
    field(workload, DOCKERFILE).map(Path::new)
}

/// The stage of its Dockerfile that a workload runs, if it is not the last one by default.
pub(crate) fn target(workload: &Workload) -> Option<&str> {
    field(workload, TARGET)
}

fn field<'w>(workload: &'w Workload, name: &str) -> Option<&'w str> {
    workload.fields.get(name).map(|fact| fact.value.as_str())
}

/// Words of commands that run once, or that do none of the work of the code.
const ASIDE: &[&str] = &[
    "migrate",
    "collectstatic",
    "createsuperuser",
    "alembic",
    "shell",
    "pytest",
    "test",
    "beat",
    "flower",
];

/// The workloads whose code is in each directory of each deployment. Of several that are built from one directory, it is the
/// one that leaves the command to the image; otherwise all whose command is not something else.
fn by_directory(workloads: &[Workload]) -> BTreeMap<(&Path, Option<DeploymentId>), Vec<&Workload>> {
    let mut found: BTreeMap<_, Vec<&Workload>> = BTreeMap::new();
    for workload in workloads.iter().filter(|w| w.id.kind == KIND) {
        if let Some(directory) = field(workload, DIRECTORY) {
            let key = (Path::new(directory), workload.id.deployment);
            found.entry(key).or_default().push(workload);
        }
    }
    let words = |workload: &Workload| -> Vec<String> {
        let commands = workload.containers.iter().flat_map(|c| &c.command);
        let words = commands.flat_map(|part| part.value.split_whitespace());
        words.map(str::to_owned).collect()
    };
    for built in found.values_mut().filter(|built| built.len() > 1) {
        let runs_the_image = |workload: &&Workload| words(workload).is_empty();
        let is_aside =
            |workload: &&Workload| words(workload).iter().any(|word| ASIDE.contains(&word.as_str()));
        if built.iter().filter(|workload| runs_the_image(workload)).count() == 1 {
            built.retain(runs_the_image);
        } else if !built.iter().all(is_aside) {
            built.retain(|workload| !is_aside(workload));
        }
    }
    found
}

/// The services of which each is alone built from a directory.
pub(super) fn services(workloads: &[Workload]) -> Vec<Service> {
    let mut found = Vec::new();
    for ((directory, deployment), built) in by_directory(workloads) {
        if let [one] = built.as_slice() {
            found.push(Service {
                name: one.id.name.clone(),
                deployment,
                directories: vec![directory.to_path_buf()],
                ..Service::default()
            });
        }
    }
    found
}

/// Directories of code with their services, which may be several.
#[derive(Debug, Default)]
pub(crate) struct Shared(BTreeMap<PathBuf, Vec<Owner>>);

impl Shared {
    /// Those of an environment's workloads.
    pub(crate) fn of(workloads: &[Workload]) -> Shared {
        let mut found: BTreeMap<PathBuf, Vec<Owner>> = BTreeMap::new();
        for ((directory, _), built) in by_directory(workloads) {
            let owners: Vec<Owner> = built.iter().map(|workload| workload.owner.clone()).collect();
            let known = found.entry(directory.to_path_buf()).or_default();
            // Of two deployments, the one that says most exactly whose it is.
            if known.is_empty() || owners.len() < known.len() {
                *known = owners;
            }
        }
        Shared(found)
    }

    /// The owners of a file of code, if there are several.
    pub(crate) fn owners(&self, path: &Path) -> Option<Vec<Owner>> {
        let directory = path.parent().unwrap_or(Path::new(""));
        let owners = directory.ancestors().find_map(|above| self.0.get(above));
        let with_place = |owner: &Owner| Owner {
            directory: Some(directory.to_path_buf()),
            ..owner.clone()
        };
        let several = owners.filter(|owners| owners.len() > 1);
        several.map(|owners| owners.iter().map(with_place).collect())
    }
}
