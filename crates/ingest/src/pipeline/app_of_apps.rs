//! Applications that templates of charts give: an app-of-apps. Such a chart turns each application on or off by its
//! values, so an application belongs to the environments whose values turn it on, and to no other.

use cofferdam_render::argo::{self, Application, Deploys};
use cofferdam_render::helm::{self, Charts, Listed};
use cofferdam_render::selected::Selected;
use cofferdam_syntax::repo::Repo;
use cofferdam_syntax::tree::Node;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// What charts of applications give.
#[derive(Default)]
pub(super) struct Given {
    /// The applications, with the environment that turns them on.
    pub(super) applications: Vec<Application>,
    /// Directories that such a chart could deploy and that no environment turns on.
    pub(super) left_out: BTreeSet<PathBuf>,
}

/// One installation of a chart of applications.
struct Installation {
    environment: Option<String>,
    values: Node,
    by_default: bool,
}

/// Reads the applications that the charts of `repo` give. `known` are those that files declare.
pub(super) fn read(
    (repo, selected): (&Repo, &Selected),
    charts: &Charts,
    known: &[Application],
    listed: &[Listed],
) -> Given {
    let mut given = Given::default();
    let mut waiting: Vec<usize> = (0..charts.charts.len())
        .filter(|number| gives_applications(repo, charts, *number))
        .collect();
    while !waiting.is_empty() {
        // A chart of applications may be deployed by another one, so what is known to be installed comes first.
        let is_installed = |number: &usize| {
            let dir = &charts.charts[*number].dir;
            deploys(known, dir)
                || deploys(&given.applications, dir)
                || listed.iter().any(|l| l.chart == *number)
        };
        let (mut now, mut later): (Vec<usize>, Vec<usize>) = waiting.into_iter().partition(is_installed);
        if now.is_empty() {
            let all = later.clone();
            let is_named = |number: &usize| {
                let others = all.iter().filter(|other| *other != number);
                let dir = &charts.charts[*number].dir;
                others
                    .into_iter()
                    .any(|other| paths(repo, charts, *other).contains(dir))
            };
            (later, now) = later.into_iter().partition(is_named);
            if now.is_empty() {
                std::mem::swap(&mut now, &mut later);
            }
        }
        for number in now {
            let all = || known.iter().chain(&given.applications);
            let installations = installations(repo, charts, number, all(), listed);
            let mut found = Vec::new();
            for installation in &installations {
                found.extend(applications((repo, selected), charts, number, installation));
            }
            // What is on only by values that are not here may be on all the same.
            if installations.iter().any(|installation| !installation.by_default) {
                given.left_out.extend(paths(repo, charts, number));
            }
            given.applications.extend(found);
        }
        waiting = later;
    }
    let left_out = std::mem::take(&mut given.left_out);
    given.left_out = left_out
        .into_iter()
        .filter(|dir| !deploys(known, dir) && !deploys(&given.applications, dir))
        .collect();
    given
}

fn deploys(applications: &[Application], dir: &Path) -> bool {
    let mut sources = applications.iter().flat_map(|application| &application.sources);
    sources.any(|source| {
        source
            .deploys
            .as_ref()
            .is_some_and(|deploys| deploys.dir() == dir)
    })
}

/// Whether templates of a chart declare applications.
fn gives_applications(repo: &Repo, charts: &Charts, number: usize) -> bool {
    let chart = &charts.charts[number];
    let is_copy = repo.links.contains_key(&chart.chart_file);
    let texts = chart.templates.iter().filter_map(|path| repo.text(path));
    let declares = |text: &str| text.contains("argoproj.io/") && text.contains("kind: Application");
    !is_copy && !chart.library && texts.into_iter().any(declares)
}

/// Directories that the templates of a chart name as the path of an application.
fn paths(repo: &Repo, charts: &Charts, number: usize) -> BTreeSet<PathBuf> {
    let templates = charts.charts[number].templates.iter();
    let lines = templates.filter_map(|path| repo.text(path)).flat_map(str::lines);
    lines
        .filter_map(|line| line.trim().trim_start_matches("- ").strip_prefix("path:"))
        .map(|written| Path::new(written.trim().trim_matches(['"', '\''])).to_path_buf())
        .filter(|dir| repo.has_directory(dir))
        .collect()
}

/// With which values a chart of applications is installed, for which environments.
fn installations<'a>(
    repo: &Repo,
    charts: &Charts,
    number: usize,
    applications: impl Iterator<Item = &'a Application>,
    listed: &[Listed],
) -> Vec<Installation> {
    let chart = &charts.charts[number];
    let mut found = Vec::new();
    for application in applications {
        for source in &application.sources {
            let is_this = matches!(&source.deploys, Some(Deploys::Chart(dir)) if *dir == chart.dir);
            if let Some((_, values)) = is_this
                .then(|| argo::chart_values(repo, charts, source))
                .flatten()
            {
                found.push(Installation {
                    environment: application.environment.clone(),
                    values,
                    by_default: application.by_default,
                });
            }
        }
    }
    found.extend(listed.iter().filter(|l| l.chart == number).map(|l| Installation {
        environment: l.environment.clone(),
        values: l.values.clone(),
        by_default: !l.known,
    }));
    if found.is_empty() {
        let own = chart.deployed();
        // One file that is called like an environment names none.
        let is_several = own.len() > 1;
        found.extend(own.iter().map(|values| Installation {
            environment: values.environment.clone().filter(|_| is_several),
            values: values.values.clone(),
            by_default: values.environment.is_none(),
        }));
    }
    found
}

/// The applications that one installation gives.
fn applications(
    (repo, selected): (&Repo, &Selected),
    charts: &Charts,
    number: usize,
    installation: &Installation,
) -> Vec<Application> {
    let installed = helm::install(repo, charts, number, &installation.values, None);
    let objects = installed
        .iter()
        .filter(|part| !part.is_part)
        .flat_map(|part| &part.objects);
    let mut found = argo::read(repo, selected, objects).applications;
    for application in &mut found {
        application.of_chart = true;
        application.by_default = installation.by_default;
        if installation.environment.is_some() {
            application.environment.clone_from(&installation.environment);
        }
    }
    found
}
