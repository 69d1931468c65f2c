//! What names each environment, for people who ask why there is one.

use super::Universe;
use super::read::Sections;
use super::sources::Sources;
use cofferdam_model::ProjectId;
use cofferdam_syntax::environment;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

type Found = BTreeMap<(ProjectId, String), BTreeSet<(Kind, String)>>;

/// Where evidence stands, what people wrote on purpose first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Stated,
    Path,
    Section,
    Application,
    Command,
    Objects,
    Variables,
    Code,
}

/// The evidence for each environment of `universes`, as phrases.
pub(super) fn of(
    sources: &Sources<'_>,
    sections: &Sections<'_>,
    universes: &[Universe],
    config: Option<&Path>,
) -> BTreeMap<(ProjectId, String), Vec<String>> {
    let mut found = Found::new();
    stated(sources, universes, config, &mut found);
    paths(sources, &mut found);
    for ((project, name), files) in sections {
        for path in files {
            let phrase = format!("a section of {}", path.display());
            add(&mut found, (*project, name), Kind::Section, phrase);
        }
    }
    for application in &sources.applications.applications {
        let path = sources.repo.sources.path(application.span.file);
        if let Some(name) = &application.environment {
            let phrase = match &application.name {
                Some(app) => format!("the application {} in {}", app.value, path.display()),
                None => format!("an application in {}", path.display()),
            };
            let project = sources.projects.of_path(path);
            add(&mut found, (project, name), Kind::Application, phrase);
        }
    }
    for deploy in &sources.deploys {
        if let Some(name) = &deploy.environment {
            let phrase = format!("a deploy command in {}", deploy.path.display());
            let project = sources.projects.of_path(&deploy.path);
            add(&mut found, (project, name), Kind::Command, phrase);
        }
    }
    said_inside(sources, &mut found);
    for universe in universes {
        if !found.contains_key(&(universe.project, universe.name.clone())) {
            code(sources, universe, &mut found);
        }
    }
    // A place may name an environment for which nothing is declared.
    let known: BTreeSet<(ProjectId, &str)> = universes.iter().map(|u| (u.project, u.name.as_str())).collect();
    found
        .into_iter()
        .filter(|((project, name), _)| known.contains(&(*project, name.as_str())))
        .map(|(key, phrases)| (key, phrases.into_iter().map(|(_, phrase)| phrase).collect()))
        .collect()
}

fn add(found: &mut Found, (project, name): (ProjectId, &str), kind: Kind, phrase: String) {
    found
        .entry((project, name.to_owned()))
        .or_default()
        .insert((kind, phrase));
}

fn stated(sources: &Sources<'_>, universes: &[Universe], config: Option<&Path>, found: &mut Found) {
    let names: BTreeSet<&str> = sources.overlay.environments().collect();
    let config = config.unwrap_or(Path::new("cofferdam.yaml")).display();
    for universe in universes.iter().filter(|u| names.contains(u.name.as_str())) {
        let key = (universe.project, universe.name.as_str());
        add(found, key, Kind::Stated, config.to_string());
    }
}

/// Files and directories that are named for an environment: each the one with the name.
fn paths(sources: &Sources<'_>, found: &mut Found) {
    for (path, name) in &sources.file_environments {
        // Where a person gave the file its environment, that is named already.
        if sources.overlay.environment_of(path).is_some() {
            continue;
        }
        if let Some(picked) = sources.selected.get(path) {
            let phrase = format!("{}, picked by {}", path.display(), picked.by.display());
            let project = sources.projects.of_path(path);
            add(found, (project, name), Kind::Path, phrase);
            continue;
        }
        let Some(label) = environment::label(path) else {
            continue;
        };
        let slash = if label.place == **path { "" } else { "/" };
        let phrase = format!("{}{slash}", label.place.display());
        let project = sources.projects.of_path(path);
        add(found, (project, name), Kind::Path, phrase);
    }
}

/// What is deployed may name its environment itself: where nothing else does, that is the evidence.
fn said_inside(sources: &Sources<'_>, found: &mut Found) {
    let builds = sources.built.builds.iter();
    let builds = builds.filter_map(|b| Some((b.dir.as_path(), b.environment.as_deref()?)));
    let releases = sources.releases.iter();
    let releases = releases.filter_map(|r| Some((r.dir.as_path(), r.environment.as_deref()?)));
    let manifests = sources.manifests.environments();
    let objects = (builds.chain(releases))
        .map(|(root, name)| (sources.projects.of_path(root), root, name))
        .chain(manifests)
        .map(|found| (Kind::Objects, "labels or namespaces of the objects of", found));
    let roots = sources.terraform.roots.iter();
    let variables = roots.flat_map(|root| {
        let names = root.environments.iter().filter_map(|v| v.environment.as_deref());
        let project = sources.projects.of_path(&root.dir);
        names.map(move |name| {
            let found = (project, root.dir.as_path(), name);
            (Kind::Variables, "variables or locals of", found)
        })
    });
    let all: Vec<_> = objects.chain(variables).collect();
    let is_known = |(_, _, (project, _, name)): &(Kind, &str, (ProjectId, &Path, &str))| {
        found.contains_key(&(*project, (*name).to_owned()))
    };
    let unknown: Vec<_> = all.into_iter().filter(|one| !is_known(one)).collect();
    for (kind, what, (project, root, name)) in unknown {
        let root = match root.display().to_string() {
            root if root.is_empty() => "the root".to_owned(),
            root => format!("{root}/"),
        };
        add(found, (project, name), kind, format!("{what} {root}"));
    }
}

fn code(sources: &Sources<'_>, universe: &Universe, found: &mut Found) {
    let code = sources.code.get(&universe.project);
    if code.is_some_and(|code| code.environments().contains(&universe.name)) {
        let key = (universe.project, universe.name.as_str());
        add(found, key, Kind::Code, "settings in code".to_owned());
    }
}
