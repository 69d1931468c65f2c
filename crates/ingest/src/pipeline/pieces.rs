//! Every tree with the place it holds in, and the deployments that these are.

use super::composed::Judged;
use super::sources::{Holder, Piece, Plain, Sources};
use crate::scope;
use crate::{compose, kubernetes};
use cofferdam_model::workload::Completeness;
use cofferdam_model::{Deployment, DeploymentId, DeploymentKind, Kept, ProjectId};
use cofferdam_render::hcl::{self, Terraform};
use cofferdam_render::helm::Charts;
use cofferdam_render::kustomize::Built;
use cofferdam_syntax::hash::{HashMap, HashSet};
use cofferdam_syntax::repo::Repo;
use cofferdam_syntax::tree::Node;
use rayon::prelude::*;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// What makes one deployment of several files.
#[derive(PartialEq, Eq, Hash, Clone, Copy)]
struct Shared<'a> {
    kind: DeploymentKind,
    project: ProjectId,
    environment: Option<&'a str>,
    cluster: Option<&'a str>,
    root: &'a Path,
}

/// The deployments that were found while trees were put in their places.
#[derive(Default)]
pub(super) struct Deployments<'a> {
    pub(super) all: Vec<Deployment>,
    /// Deployments that consist of several files.
    shared: HashMap<Shared<'a>, DeploymentId>,
}

impl<'a> Deployments<'a> {
    pub(super) fn add(&mut self, deployment: Deployment) -> DeploymentId {
        self.all.push(deployment);
        DeploymentId(u32::try_from(self.all.len() - 1).unwrap_or(u32::MAX))
    }

    /// A deployment that has more objects.
    fn grown(&mut self, id: DeploymentId, objects: usize) -> DeploymentId {
        self.all[id.0 as usize].objects += objects;
        id
    }

    /// The deployment of this kind and root, which has one object more. `place` is where its first object holds.
    fn shared(&mut self, key: Shared<'a>, place: Option<&FilePlace<'a>>) -> DeploymentId {
        let id = match self.shared.get(&key) {
            Some(id) => *id,
            None => {
                let id = self.add(Deployment {
                    project: key.project,
                    kind: key.kind,
                    root: key.root.to_path_buf(),
                    name: place.and_then(|place| place.name).map(str::to_owned),
                    environment: key.environment.map(str::to_owned),
                    cluster: key.cluster.map(str::to_owned),
                    objects: 0,
                    kept_replicas: place.map_or_else(Vec::new, |place| place.kept_replicas.to_vec()),
                });
                self.shared.insert(key, id);
                id
            }
        };
        self.all[id.0 as usize].objects += 1;
        id
    }
}

/// Every tree with the place it holds in, and the deployments that these are.
pub(super) fn pieces<'a>(sources: &'a Sources<'a>) -> (Vec<Piece<'a>>, Deployments<'a>) {
    let mut found = Found::default();
    found.builds(sources);
    found.releases(sources);
    found.manifests(sources);
    found.terraform(sources);
    found.commands(sources);
    found.name_strays(sources);
    (found.pieces, found.deployments)
}

#[derive(Default)]
struct Found<'a> {
    pieces: Vec<Piece<'a>>,
    deployments: Deployments<'a>,
}

impl<'a> Found<'a> {
    /// What kustomizations make.
    fn builds(&mut self, sources: &'a Sources<'a>) {
        for build in &sources.built.builds {
            // What was not read of a build is missing from it; what is written there is written whole.
            let completeness = Completeness::Whole;
            let project = sources.projects.of_path(&build.dir);
            let of = sources.of_builds.get(&build.dir);
            let cluster = scope::cluster_of(&build.path).or_else(|| of?.cluster.as_deref());
            let deployment = self.deployments.add(Deployment {
                project,
                kind: DeploymentKind::Kustomize,
                root: build.dir.clone(),
                name: None,
                environment: build.environment.clone(),
                cluster: cluster.map(str::to_owned),
                objects: build.objects.len(),
                kept_replicas: of.map_or_else(Vec::new, |of| of.kept_replicas.clone()),
            });
            let holder = Holder {
                project,
                environment: build.environment.as_deref(),
                cluster,
                variant: sources.variants.of_path(&build.dir),
                deployment: Some(deployment),
            };
            let piece = |node| Piece {
                holder,
                path: &build.dir,
                completeness,
                node,
            };
            self.pieces.extend(build.objects.iter().map(piece));
        }
    }

    /// What releases of charts make.
    fn releases(&mut self, sources: &'a Sources<'a>) {
        let mut of_release: Option<DeploymentId> = None;
        for release in &sources.releases {
            let project = sources.projects.of_path(&release.dir);
            let deployment = match of_release.filter(|_| release.is_part) {
                Some(id) => self.deployments.grown(id, release.objects.len()),
                None => self.deployments.add(Deployment {
                    project,
                    kind: DeploymentKind::Helm,
                    root: release.dir.clone(),
                    name: release.release.clone().or_else(|| Some(release.name.clone())),
                    environment: release.environment.clone(),
                    cluster: release.cluster.clone(),
                    objects: release.objects.len(),
                    kept_replicas: release.kept_replicas.clone(),
                }),
            };
            of_release = Some(deployment);
            let holder = Holder {
                project,
                environment: release.environment.as_deref(),
                cluster: release.cluster.as_deref(),
                variant: None,
                deployment: Some(deployment),
            };
            // Of a chart that is installed with known values, what is written in a template is certain.
            let is_whole = |(node, is_whole): &(&Node, &bool)| {
                !release.by_default && **is_whole && kubernetes::known::is_known(node)
            };
            let piece = |object| Piece {
                holder,
                path: &release.dir,
                completeness: match is_whole(&object) {
                    true => Completeness::Whole,
                    false => Completeness::Fragment,
                },
                node: object.0,
            };
            self.pieces
                .extend(release.objects.iter().zip(&release.whole).map(piece));
        }
    }

    /// Files that no tool takes.
    fn manifests(&mut self, sources: &'a Sources<'a>) {
        let placed: Vec<(&Plain<'a>, Vec<FilePlace<'a>>)> = (sources.plain.par_iter())
            .map(|file| (file, places(sources, file.path)))
            .collect();
        for (
            &Plain {
                path,
                documents,
                completeness,
            },
            places,
        ) in placed
        {
            if sources.composed.takes(path) {
                continue;
            }
            for place in places {
                if let Some(judged) = sources.composed.of_path(path) {
                    self.composed(sources, judged, (place, completeness));
                    continue;
                }
                let nodes = place.documents.map_or(documents, Vec::as_slice);
                for node in nodes {
                    let deployment = self.of_document(sources, node, &place);
                    self.pieces.push(Piece {
                        holder: Holder {
                            deployment,
                            ..place.holder
                        },
                        path,
                        completeness,
                        node,
                    });
                }
            }
        }
    }

    /// What Compose files say that are laid over one another.
    fn composed(
        &mut self,
        sources: &'a Sources<'a>,
        judged: &'a [Judged],
        (place, completeness): (FilePlace<'a>, Completeness),
    ) {
        for one in judged {
            let mut holder = place.holder;
            holder.environment = one.environment.as_deref().or(holder.environment);
            holder.variant = one.variant.as_ref().or(holder.variant);
            let key = Shared {
                kind: DeploymentKind::Compose,
                project: holder.project,
                environment: holder.environment,
                cluster: holder.cluster,
                root: match &one.root {
                    Some(root) => root,
                    None => compose_root(sources, place.path),
                },
            };
            holder.deployment = Some(self.deployments.shared(key, Some(&place)));
            self.pieces.push(Piece {
                holder,
                path: place.path,
                completeness,
                node: &one.stack.document,
            });
        }
    }

    /// Objects of operators alone make no directory of manifests, so all of them in a project are one deployment. Its root is
    /// the nearest directory that contains them.
    fn name_strays(&mut self, sources: &Sources<'_>) {
        let mut roots: HashMap<DeploymentId, PathBuf> = HashMap::default();
        for piece in &self.pieces {
            let Some(id) = piece.holder.deployment else {
                continue;
            };
            let deployment = &self.deployments.all[id.0 as usize];
            let is_stray = deployment.kind == DeploymentKind::Manifests
                && deployment.root == sources.projects.get(deployment.project).root
                && sources.directories.of(piece.path).is_none()
                && sources
                    .manifests
                    .root_of(deployment.project, piece.path)
                    .is_none();
            if !is_stray {
                continue;
            }
            let own = piece.path.parent().unwrap_or(Path::new(""));
            let known = roots.entry(id).or_insert_with(|| own.to_path_buf());
            while !own.starts_with(&*known) && known.pop() {}
        }
        for (id, root) in roots {
            self.deployments.all[id.0 as usize].root = root;
        }
    }

    /// The deployment that a document of a plain file belongs to, if any.
    fn of_document(
        &mut self,
        sources: &'a Sources<'a>,
        node: &Node,
        place: &FilePlace<'a>,
    ) -> Option<DeploymentId> {
        let (kind, root) = if kubernetes::is_object(node) {
            (DeploymentKind::Manifests, place.root)
        } else if compose::is_compose(node, place.path) {
            // A file that is laid over another one is no deployment without it.
            let base = compose::base(sources.repo, place.path, node);
            let path = base.unwrap_or(place.path);
            (DeploymentKind::Compose, compose_root(sources, path))
        } else {
            return None;
        };
        let key = Shared {
            kind,
            project: place.holder.project,
            environment: place.holder.environment,
            cluster: place.holder.cluster,
            root,
        };
        Some(self.deployments.shared(key, Some(place)))
    }

    /// Root modules. One that nothing calls, that has no sign of being run and that no command runs is a module of a
    /// library: it deploys nothing by itself.
    fn terraform(&mut self, sources: &Sources<'_>) {
        let is_applied = |dir: &PathBuf| {
            sources
                .commands
                .terraform
                .get(dir)
                .is_some_and(|set| set.is_applied)
        };
        let is_run = |root: &&hcl::Root| !root.signs.is_empty() || is_applied(&root.dir);
        for root in sources.terraform.roots.iter().filter(is_run) {
            // One that only calls modules from elsewhere is deployed too, though nothing of it could be read.
            let made =
                |values: &&hcl::RootValues| !(values.resources.is_empty() && values.modules.is_empty());
            for values in root.environments.iter().filter(made) {
                self.deployments.add(Deployment {
                    project: sources.projects.of_path(&root.dir),
                    kind: DeploymentKind::Terraform,
                    root: values.unit.clone().unwrap_or_else(|| root.dir.clone()),
                    name: None,
                    environment: values.environment.clone(),
                    cluster: None,
                    objects: values.resources.len(),
                    kept_replicas: Vec::new(),
                });
            }
        }
    }

    /// Services that commands deploy.
    fn commands(&mut self, sources: &'a Sources<'a>) {
        for deploy in &sources.deploys {
            let of_file = || sources.file_environments.get(deploy.path.as_path());
            let key = Shared {
                kind: DeploymentKind::Command,
                project: sources.projects.of_path(&deploy.path),
                environment: (deploy.environment.as_ref().or_else(of_file)).map(String::as_str),
                cluster: None,
                root: &deploy.path,
            };
            self.deployments.shared(key, None);
        }
    }
}

/// Where the objects of a plain file hold.
struct FilePlace<'a> {
    path: &'a Path,
    /// Without the deployment, which differs between the documents of a file.
    holder: Holder<'a>,
    /// Where the deployment of its objects begins.
    root: &'a Path,
    name: Option<&'a str>,
    kept_replicas: &'a [Kept],
    /// Its documents, where what deploys them changes them.
    documents: Option<&'a Vec<Node>>,
}

/// Where a plain file holds: once for each environment and cluster that its directory is deployed to. What its path says
/// of the environment counts over what an application says of the whole directory.
fn places<'a>(sources: &'a Sources<'a>, path: &'a Path) -> Vec<FilePlace<'a>> {
    let project = sources.projects.of_path(path);
    let of_path = sources.file_environments.get(path).map(String::as_str);
    let cluster = scope::cluster_of(path);
    let Some(directory) = sources.directories.of(path) else {
        let root = sources.manifests.root_of(project, path);
        let of_objects = || sources.manifests.environment(project, root?);
        return vec![FilePlace {
            path,
            holder: Holder {
                project,
                environment: of_path.or_else(of_objects),
                cluster,
                variant: sources.variants.of_path(path),
                deployment: None,
            },
            root: root.unwrap_or(&sources.projects.get(project).root),
            name: None,
            kept_replicas: &[],
            documents: None,
        }];
    };
    let mut found: Vec<FilePlace<'a>> = Vec::new();
    for target in &directory.targets {
        // An application of one environment brings nothing of another's.
        let is_here = of_path.is_none_or(|name| target.environment.as_deref().is_none_or(|e| e == name));
        if is_here || directory.targets.len() == 1 {
            found.push(FilePlace {
                path,
                holder: Holder {
                    project,
                    environment: of_path.or(target.environment.as_deref()),
                    cluster: cluster.or(target.cluster.as_deref()),
                    variant: sources.variants.of_path(path),
                    deployment: None,
                },
                root: &directory.dir,
                name: target.name.as_deref(),
                kept_replicas: &target.kept_replicas,
                documents: target.documents(path),
            });
        }
    }
    // Two targets that the path makes one are one.
    found.dedup_by(|a, b| a.holder == b.holder);
    found
}

/// Files that a tool takes, which are judged as a part of what it makes.
pub(super) struct Taken<'t> {
    repo: &'t Repo,
    in_charts: HashSet<&'t Path>,
    in_builds: HashSet<&'t Path>,
    fragments: HashSet<&'t Path>,
    of_terraform: HashSet<&'t Path>,
    kustomized: HashSet<&'t Path>,
    /// What a build names through a link is judged in that build, as if it were named at its own place.
    behind: HashSet<&'t Path>,
}

impl<'t> Taken<'t> {
    pub(super) fn new(
        repo: &'t Repo,
        built: &'t Built,
        charts: &'t Charts,
        terraform: &'t Terraform,
    ) -> Self {
        let in_charts = by_hash(&charts.consumed);
        let in_builds = by_hash(&built.consumed);
        let behind = (repo.links.iter())
            .filter(|(link, _)| in_charts.contains(link.as_path()) || in_builds.contains(link.as_path()))
            .map(|(_, real)| real.as_path())
            .collect();
        Taken {
            repo,
            fragments: by_hash(&built.fragments),
            of_terraform: by_hash(&terraform.claimed),
            kustomized: kustomized(built),
            behind,
            in_charts,
            in_builds,
        }
    }

    /// The files of `repo` that no tool takes.
    pub(super) fn others<'r>(&self, repo: &'r Repo) -> Vec<Plain<'r>> {
        let files: Vec<_> = repo.yaml.iter().collect();
        let plain = files.into_par_iter().filter_map(|(path, stream)| {
            Some(Plain {
                path,
                documents: &stream.documents,
                completeness: self.of(path)?,
            })
        });
        plain.collect()
    }

    /// How much is known of a file that no tool takes; `None` for one that a tool takes.
    fn of(&self, path: &Path) -> Option<Completeness> {
        let fragment = self.fragments.contains(path);
        let is_taken = self.repo.links.contains_key(path)
            || self.behind.contains(path)
            || self.in_builds.contains(path) && !fragment
            || self.in_charts.contains(path)
            || self.of_terraform.contains(path);
        if is_taken {
            None
        } else if fragment || is_part(path, &self.kustomized) {
            Some(Completeness::Fragment)
        } else {
            Some(Completeness::Whole)
        }
    }
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
