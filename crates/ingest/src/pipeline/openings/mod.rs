//! What could bring more than was read: builds that cannot be built whole, files that cannot be read, charts and modules
//! from elsewhere, operators. While it is there, nobody can say for certain that a thing does not exist.

mod kinds;
mod owned;
mod reach;
mod states;
mod told;

pub(super) use owned::owned_elsewhere;
pub(super) use reach::{locate, namespaces};

use super::Universe;
use super::remote;
use super::sources::{Piece, Sources};
use crate::context::Place;
use crate::{compose, kubernetes};
use cofferdam_model::{Absence, Opening, ProjectId, Reach, Span, UnreadableFile};
use cofferdam_render::argo::Application;
use cofferdam_render::hcl::Mode;
use cofferdam_render::helm;
use cofferdam_render::kustomize::Brings;
use cofferdam_syntax::Spanned;
use cofferdam_syntax::repo::normalise;
use cofferdam_syntax::tree::Node;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use told::{Told, What};

/// What was found.
pub(super) struct Found {
    /// Every opening, in the order of its project.
    pub(super) openings: Vec<Opening>,
    /// What was not read and no other note names, largest first.
    pub(super) notes: Vec<UnreadableFile>,
}

/// Every opening that files show.
pub(super) fn of(sources: &Sources<'_>, pieces: &[Piece<'_>], universes: &[Universe], part: bool) -> Found {
    let mut finder = Finder {
        sources,
        universes,
        openings: Vec::new(),
        told: Told::default(),
    };
    if part {
        let projects: BTreeSet<ProjectId> = universes.iter().map(|u| u.project).collect();
        let of_part = projects.into_iter().map(|project| Opening {
            project,
            reason: "only a part of the platform was given".to_owned(),
            ..Opening::default()
        });
        finder.openings.extend(of_part);
    }
    finder.files();
    finder.builds();
    finder.charts();
    finder.applications(&sources.applications.applications);
    finder.objects(pieces);
    finder.terraform();
    finder.compose();
    let mut openings = finder.openings;
    openings.sort_by(|a, b| {
        let key = |o: &'_ Opening| {
            (
                o.project,
                o.reason.clone(),
                o.environment.clone(),
                o.at.clone(),
                o.span,
            )
        };
        key(a).cmp(&key(b))
    });
    openings.dedup_by(|later, first| {
        let same = (later.project, &later.reason, &later.environment, &later.at)
            == (first.project, &first.reason, &first.environment, &first.at);
        if same {
            reach::join(first, later);
        }
        same
    });
    Found {
        openings,
        notes: finder.told.notes(),
    }
}

/// The file of a root module that asks for the workspace it is applied in.
fn uses_workspaces<'s>(sources: &'s Sources<'_>, root: &'s Path) -> Option<&'s Path> {
    let files = sources.repo.files.below(root);
    let own = files
        .map(|(path, _)| path.as_path())
        .filter(|path| path.parent() == Some(root) && path.extension().is_some_and(|e| e == "tf"));
    let asks =
        |line: &str| line.contains("terraform.workspace") && !line.trim_start().starts_with(['#', '/']);
    own.into_iter()
        .find(|path| sources.repo.text(path).is_some_and(|text| text.lines().any(asks)))
}

/// What one or the other could bring; nothing named is anything.
fn joined(a: &BTreeSet<Absence>, b: &BTreeSet<Absence>) -> BTreeSet<Absence> {
    match a.is_empty() || b.is_empty() {
        true => BTreeSet::new(),
        false => a.union(b).copied().collect(),
    }
}

/// Templates of manifests that nothing here fills in.
pub(super) fn of_templates(sources: &Sources<'_>, templates: &[PathBuf]) -> Vec<Opening> {
    let each = templates.iter().map(|path| Opening {
        project: sources.projects.of_path(path),
        environment: sources.file_environments.get(path.as_path()).cloned(),
        kinds: kinds::templates(),
        reason: "templates of manifests were not filled in".to_owned(),
        at: [path.clone()].into(),
        ..Opening::default()
    });
    let mut found: Vec<Opening> = Vec::new();
    for opening in each {
        let same = |o: &&mut Opening| (o.project, &o.environment) == (opening.project, &opening.environment);
        match found.iter_mut().find(same) {
            Some(known) => known.at.extend(opening.at),
            None => found.push(opening),
        }
    }
    found
}

struct Finder<'s> {
    sources: &'s Sources<'s>,
    universes: &'s [Universe],
    openings: Vec<Opening>,
    told: Told,
}

impl Finder<'_> {
    /// Adds an opening for what stands at a path.
    fn open(&mut self, path: &Path, span: Option<Span>, kinds: BTreeSet<Absence>, reason: String) {
        let environment = self.sources.file_environments.get(path).cloned();
        self.open_in(path, environment, (span, kinds, reason));
    }

    fn open_in(
        &mut self,
        path: &Path,
        environment: Option<String>,
        (span, kinds, reason): (Option<Span>, BTreeSet<Absence>, String),
    ) {
        self.openings.push(Opening {
            project: self.sources.projects.of_path(path),
            environment,
            kinds,
            reason,
            span,
            at: if path.as_os_str().is_empty() {
                BTreeSet::new()
            } else {
                [path.to_path_buf()].into()
            },
            ..Opening::default()
        });
    }

    /// Says how far the opening that was added last reaches, and into which namespace if that is known.
    fn reaches(&mut self, reach: Reach, namespace: Option<&str>) {
        if let Some(last) = self.openings.last_mut() {
            last.reach = reach;
            last.placed = namespace.is_some();
            last.namespaces.extend(namespace.map(str::to_owned));
        }
    }

    /// Says what the objects of the opening that was added last are named after.
    fn named<'n>(&mut self, names: impl IntoIterator<Item = &'n str>) {
        if let Some(last) = self.openings.last_mut() {
            let names = names.into_iter().filter(|name| !name.contains(['{', '$']));
            last.names.extend(names.map(str::to_owned));
        }
    }

    /// Files that cannot be read.
    fn files(&mut self) {
        let sources = self.sources;
        for unread in &sources.repo.unreadable {
            let reason = format!("{} could not be read", unread.path.display());
            self.open(&unread.path, unread.span, BTreeSet::new(), reason);
        }
        for (path, stream) in &sources.repo.yaml {
            let Some(error) = stream.errors.first() else {
                continue;
            };
            // Another format under this ending is no YAML.
            let is_other = sources.terraform.claimed.contains(path) || sources.charts.consumed.contains(path);
            if !is_other
                && super::summary::looks_like_configuration(path, sources.repo.text(path).unwrap_or(""))
            {
                let reason = format!("{} could not be read", path.display());
                self.open(path, Some(error.span), BTreeSet::new(), reason);
            }
        }
        for path in &sources.repo.encrypted {
            let reason = "files are encrypted by git-crypt and were not read".to_owned();
            self.open(path, None, kinds::keys(), reason);
        }
        for problem in &sources.terraform.problems {
            let reason = format!("{} could not be read", problem.path.display());
            self.open(&problem.path, problem.span, kinds::terraform_file(), reason);
        }
    }

    /// What kustomizations name and what was not built.
    fn builds(&mut self) {
        for build in &self.sources.built.builds {
            let environment = || build.environment.clone();
            // A base that nothing here uses brings nothing to what is deployed here.
            let is_unused = self.sources.is_unused_base(build);
            let is_own = self.sources.is_undeployed(build);
            let reach = |otherwise: Reach| if is_own { Reach::Own } else { otherwise };
            let is_left_out = build.failed.is_some() && is_unused;
            if is_left_out
                && self
                    .sources
                    .built
                    .builds
                    .iter()
                    .any(|other| other.failed.is_none())
            {
                continue;
            }
            if let Some(failed) = &build.failed {
                let reason = "a kustomization could not be built".to_owned();
                self.open_in(&build.dir, environment(), (failed.span, BTreeSet::new(), reason));
                self.reaches(reach(Reach::KnownNamespaces(Absence::of_namespaces())), None);
            }
            for gap in &build.gaps {
                let kinds = match gap.brings {
                    Brings::Changes => continue,
                    Brings::Secrets => [Absence::Secret].into(),
                    Brings::Anything => BTreeSet::new(),
                    Brings::Remote => kinds::repository(),
                    Brings::Keys => kinds::keys(),
                };
                self.open_in(
                    &build.dir,
                    environment(),
                    (Some(gap.span), kinds, gap.reason.clone()),
                );
                self.reaches(reach(Reach::KnownNamespaces(Absence::of_namespaces())), None);
            }
        }
    }

    /// Charts from elsewhere, and templates that could not be rendered.
    fn charts(&mut self) {
        let sources = self.sources;
        for remote in sources.remotes.iter().chain(&remote::of_commands(sources)) {
            let environment = sources.file_environments.get(remote.path.as_path());
            self.chart(remote, environment.cloned());
        }
        for (remote, environment) in remote::brought(sources) {
            self.chart(&remote, environment);
        }
        for (path, address) in &sources.commands.remote {
            let name = address.rsplit("://").next().unwrap_or(address);
            let reason = format!("`{address}` is applied from elsewhere and was not read");
            self.open(path, None, kinds::chart(name), reason);
        }
        self.helmfiles();
        let templates: BTreeSet<&Path> = (sources.charts.charts.iter())
            .flat_map(|chart| chart.templates.iter().map(AsRef::as_ref))
            .collect();
        for note in sources
            .charts
            .notes
            .iter()
            .filter(|n| templates.contains(n.path.as_path()))
        {
            let reason = "a template could not be rendered".to_owned();
            match kinds::template(&note.path, sources.repo.text(&note.path).unwrap_or_default()) {
                Some(kinds) if kinds.is_empty() => {}
                kinds => {
                    self.open(&note.path, note.span, kinds.unwrap_or_default(), reason);
                    self.reaches(Reach::KnownNamespaces(Absence::of_namespaces()), None);
                }
            }
        }
    }

    /// Secret values that a helmfile takes from files that are not here.
    fn helmfiles(&mut self) {
        let sources = self.sources;
        for (path, stream) in &sources.repo.yaml {
            let releases = stream.documents.iter().filter_map(|d| d.get("releases"));
            let charts = releases
                .flat_map(Node::items)
                .filter(|r| r.get("chart").is_some());
            let secrets = charts.filter_map(|release| Some(release.get("secrets")?.items()));
            for secret in secrets.flatten() {
                let Some(written) = secret.as_str() else { continue };
                let dir = path.parent().unwrap_or(Path::new(""));
                if !sources.repo.exists(&normalise(&dir.join(written))) {
                    let reason = format!("`{written}` holds values of a release and is not here");
                    self.open(path, Some(secret.span), kinds::keys(), reason);
                }
            }
        }
    }

    fn chart(&mut self, remote: &helm::Remote, environment: Option<String>) {
        let from = remote.from.as_deref();
        let of = from
            .filter(|f| !f.is_empty())
            .map_or(String::new(), |from| format!(" of {from}"));
        let release = remote.release.as_ref();
        let by = release.map_or(String::new(), |name| format!(" (release {name})"));
        let name = format!("{}{of}{by}", remote.chart);
        let kinds = kinds::chart(&remote.chart);
        let reason = format!("the chart {name} was not read");
        self.open_in(&remote.path, environment, (Some(remote.span), kinds, reason));
        let namespace = remote
            .namespace
            .as_deref()
            .filter(|name| !name.contains(['{', '$']));
        self.reaches(reach::chart(&remote.chart), namespace);
        self.named(
            release
                .map(String::as_str)
                .into_iter()
                .chain([remote.chart.as_str()]),
        );
        self.told.add(What::Chart, name, &remote.path, Some(remote.span));
    }

    /// What applications of Argo CD deploy from elsewhere, or for clusters that no file names.
    fn applications(&mut self, applications: &[Application]) {
        let here = applications.iter().flat_map(|a| &a.sources);
        let here = here.filter(|source| source.deploys.is_some());
        let ours: BTreeSet<&str> = here
            .filter_map(|source| Some(source.repository.as_ref()?.value.as_str()))
            .collect();
        for application in applications {
            let path = self
                .sources
                .repo
                .sources
                .path(application.span.file)
                .to_path_buf();
            let project = self.sources.projects.of_path(&path);
            // Only an environment for which there is evidence is one.
            let environment = application.environment.clone().filter(|name| {
                self.universes
                    .iter()
                    .any(|u| u.project == project && u.name == *name)
            });
            let name = application
                .name
                .as_ref()
                .map_or("without a known name", |n| n.value.as_str());
            let namespace = application.namespace.as_ref().map(|n| n.value.as_str());
            let namespace = namespace.filter(|name| !name.contains(['{', '$']));
            if let Some(generator) = &application.unknown_generator {
                let name = format!("the generator `{generator}` of an ApplicationSet");
                let reason = format!("what {name} gives is not in the files");
                self.open_in(
                    &path,
                    environment.clone(),
                    (Some(application.span), kinds::repository(), reason),
                );
                self.told
                    .add(What::Generator, name, &path, Some(application.span));
            }
            for source in &application.sources {
                // Of what an unknown generator could make, what this repository does not have is not made.
                let is_ours = |r: &Spanned<String>| ours.contains(r.value.as_str());
                let is_unmade = application.unknown_generator.is_some()
                    && source.deploys.is_none()
                    && source.repository.as_ref().is_some_and(is_ours);
                if is_unmade {
                    continue;
                }
                let repository = source.repository.as_ref().map_or("elsewhere", |r| &r.value);
                if let Some(chart) = &source.chart {
                    let shown = format!("{} of {repository} (release {name})", chart.value);
                    let reason = format!("the chart {shown} was not read");
                    let kinds = kinds::chart(&chart.value);
                    self.open_in(&path, environment.clone(), (Some(chart.span), kinds, reason));
                    if namespace.is_some() {
                        self.reaches(reach::chart(&chart.value), namespace);
                    }
                    self.named([name, chart.value.as_str()]);
                    self.told.add(What::Chart, shown, &path, Some(chart.span));
                } else if let (Some(below), None) = (&source.path, &source.deploys) {
                    let shown = format!("{} of {repository} (application {name})", below.value);
                    let reason = format!("the directory {shown} was not read");
                    self.open_in(
                        &path,
                        environment.clone(),
                        (Some(below.span), kinds::repository(), reason),
                    );
                    // Where the namespace is not known, that of the application itself says nothing.
                    if namespace.is_some() {
                        self.reaches(Reach::Namespaces(Absence::of_namespaces()), namespace);
                    }
                    self.told.add(What::Directory, shown, &path, Some(below.span));
                }
            }
        }
    }

    /// Objects that deploy from elsewhere, or of which an operator makes others.
    fn objects(&mut self, pieces: &[Piece<'_>]) {
        for piece in pieces {
            let text = |path: &str| piece.node.at(path).and_then(Node::as_str);
            let api = text("apiVersion").unwrap_or_default();
            let path = self.sources.repo.sources.path(piece.node.span.file).to_path_buf();
            let environment = piece.holder.environment.map(str::to_owned);
            if api.starts_with("kustomize.toolkit.fluxcd.io/")
                && let Some(below) = piece.node.at("spec/path").filter(|n| n.as_str().is_some())
            {
                let written = below.as_str().unwrap_or_default();
                let dir = self.sources.repo.from_top(Path::new(written), &path);
                if !dir.is_some_and(|dir| self.sources.repo.has_directory(&dir)) {
                    let name = text("metadata/name").unwrap_or_default();
                    let repository = text("spec/sourceRef/name").unwrap_or("elsewhere");
                    let shown = format!("{written} of {repository} (Kustomization {name})");
                    let reason = format!("the directory {shown} was not read");
                    self.open_in(
                        &path,
                        environment,
                        (Some(below.span), kinds::repository(), reason),
                    );
                    let namespace = text("spec/targetNamespace");
                    if namespace.is_some() {
                        self.reaches(Reach::Namespaces(Absence::of_namespaces()), namespace);
                    }
                    self.told.add(What::Directory, shown, &path, Some(below.span));
                }
                continue;
            }
            let place = Place {
                repo: self.sources.repo,
                environment: "",
                path: piece.path,
                completeness: piece.completeness,
            };
            if let Some(foreign) = kubernetes::foreign(piece.node, place) {
                let shown = format!("{} {} ({})", foreign.kind, foreign.name, foreign.group);
                let span = Some(piece.node.span);
                if let Some(kinds) = kinds::operator(foreign.kind, foreign.group, foreign.carries_pods) {
                    let reason = format!(
                        "what an operator makes of {} of {} is not known",
                        foreign.kind, foreign.group
                    );
                    self.open_in(&path, environment, (span, kinds, reason));
                    let reach = Reach::KnownNamespaces(Absence::of_namespaces());
                    self.reaches(reach, text("metadata/namespace"));
                }
                if foreign.carries_pods {
                    self.told.add(What::Pods, shown, &path, span);
                }
            }
        }
    }

    /// Files that Compose files take in from outside of what was given.
    fn compose(&mut self) {
        let sources = self.sources;
        for (path, stream) in &sources.repo.yaml {
            if sources.repo.links.contains_key(path) {
                continue;
            }
            for document in stream.documents.iter().filter(|d| compose::is_compose(d, path)) {
                for unread in compose::elsewhere::unread(document, sources.repo, path) {
                    let (kinds, span) = (kinds::compose_file(unread.by), Some(unread.span));
                    let reason = format!(
                        "`{}` is outside of what was given and was not read",
                        unread.written
                    );
                    self.open(path, span, kinds, reason);
                    self.reaches(Reach::Compose, None);
                    self.told.add(What::ComposeFile, unread.written, path, span);
                }
            }
        }
    }

    /// Modules from elsewhere, and what is only looked up.
    fn terraform(&mut self) {
        let sources = self.sources;
        let read = states::of_roots(sources);
        for root in sources
            .terraform
            .roots
            .iter()
            .filter(|root| !root.signs.is_empty())
        {
            let project = sources.projects.get(sources.projects.of_path(&root.dir));
            if let Some(path) = uses_workspaces(sources, &root.dir).filter(|_| project.apart.is_none()) {
                let name = root.dir.display().to_string();
                self.told.add(What::Workspaces, name, path, None);
            }
        }
        for root in &sources.terraform.roots {
            for values in &root.environments {
                for call in &values.modules {
                    let source = call.source.as_deref().unwrap_or("elsewhere");
                    let name = format!("{} of {source}", call.name);
                    let kinds = kinds::module(&format!("{} {source}", call.name));
                    let reason = format!("the module {name} was not read");
                    let environment = values.environment.clone();
                    self.open_in(&root.dir, environment, (Some(call.span), kinds, reason));
                    let path = sources.repo.sources.path(call.span.file).to_path_buf();
                    self.told.add(What::Module, name, &path, Some(call.span));
                }
                for resource in values.resources.iter().filter(|r| r.mode == Mode::Data) {
                    let kinds = kinds::data(&resource.kind);
                    let is_read = states::of_data(resource).is_some_and(|state| read.contains(&state));
                    if !kinds.is_empty() && !is_read {
                        let reason = format!("{} is only looked up, and made elsewhere", resource.address);
                        let environment = values.environment.clone();
                        self.open_in(&root.dir, environment, (Some(resource.span), kinds, reason));
                        self.reaches(Reach::Module, None);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_bring_anything_could_still_with_more() {
        let (alert, topic) = (BTreeSet::from([Absence::Alert]), BTreeSet::from([Absence::Topic]));
        assert_eq!(joined(&alert, &topic), [Absence::Alert, Absence::Topic].into());
        assert!(joined(&alert, &BTreeSet::new()).is_empty());
        assert!(joined(&BTreeSet::new(), &topic).is_empty());
    }
}
