//! Releases of charts from elsewhere, and charts that Terraform installs. The objects of a chart from elsewhere were not
//! read, and its release is a deployment all the same.

use super::naming;
use super::pieces::Deployments;
use super::sources::Sources;
use crate::scope::{self, Projects};
use cofferdam_model::{Deployment, DeploymentId, DeploymentKind, Environment, ProjectId, ReleaseOf};
use cofferdam_render::hcl::{self, Resource, Terraform};
use cofferdam_render::helm::{self, Chart, Charts, Remote};
use cofferdam_syntax::hash::HashMap;
use cofferdam_syntax::repo::{Repo, normalise};
use cofferdam_syntax::tree::Node;
use cofferdam_syntax::yaml;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Charts from elsewhere that commands install.
pub(super) fn of_commands(sources: &Sources<'_>) -> Vec<Remote> {
    let releases = sources.commands.releases.iter().filter(|r| r.dir.is_none());
    releases
        .filter_map(|release| {
            let (from, chart) = release.chart.as_str()?.rsplit_once('/')?;
            // A path that leads nowhere is no chart of a repository.
            (!from.is_empty() && !from.starts_with('.')).then(|| Remote {
                path: release.path.clone(),
                span: release.chart.span,
                chart: chart.to_owned(),
                from: Some(from.to_owned()),
                release: release.name.as_str().map(str::to_owned),
                namespace: release
                    .namespace
                    .as_ref()
                    .and_then(Node::as_str)
                    .map(str::to_owned),
                values: release.files.clone(),
                is_object: false,
            })
        })
        .collect()
}

/// Charts from elsewhere that files install. What somebody installs from a list before an object of the cluster takes it
/// over, under the same name in the same namespace, is one release.
pub(super) fn of_files(repo: &Repo, charts: &Charts, projects: &Projects) -> Vec<Remote> {
    let mut all = helm::remote(repo, charts);
    let key = |remote: &Remote| {
        let (release, namespace) = (remote.release.clone()?, remote.namespace.clone()?);
        let is_known = !release.contains(['{', '$']) && !namespace.contains(['{', '$']);
        is_known.then(|| (projects.of_path(&remote.path), release, namespace))
    };
    let mut objects: BTreeMap<(ProjectId, String, String), BTreeSet<Option<String>>> = BTreeMap::new();
    let cluster = |remote: &Remote| scope::cluster_of(&remote.path).map(str::to_owned);
    for remote in all.iter().filter(|remote| remote.is_object) {
        if let Some(key) = key(remote) {
            objects.entry(key).or_default().insert(cluster(remote));
        }
    }
    all.retain(|remote| {
        let clusters = key(remote).and_then(|key| objects.get(&key));
        let own = cluster(remote).or_else(|| cluster_file(&remote.path).map(str::to_owned));
        let is_again = clusters.is_some_and(|clusters| own.is_none() || clusters.contains(&own));
        remote.is_object || !is_again
    });
    all
}

/// What was not read of a release.
pub(super) fn reason(remote: &Remote) -> String {
    let of = remote.from.as_deref().filter(|from| !from.is_empty());
    let of = of.map_or(String::new(), |from| format!(" of {from}"));
    format!("the chart {}{of} was not read", remote.chart)
}

/// Releases of charts from elsewhere, with the environment and the cluster of each.
fn rows(sources: &Sources<'_>) -> Vec<(Remote, Option<String>, Option<String>)> {
    let mut all = sources.remotes.clone();
    all.extend(of_commands(sources));
    let mut rows: Vec<(Remote, Option<String>, Option<String>)> = all
        .into_iter()
        .map(|remote| {
            let environment = sources.file_environments.get(remote.path.as_path()).cloned();
            let cluster = scope::cluster_of(&remote.path).or_else(|| cluster_file(&remote.path));
            let cluster = cluster.map(str::to_owned);
            (remote, environment, cluster)
        })
        .collect();
    rows.extend(of_applications(sources));
    rows.extend(of_terraform(sources));
    rows
}

/// Charts from elsewhere that charts of the tree bring, with the environment in which their values turn them on: none
/// where all of the chart's releases do.
pub(super) fn brought(sources: &Sources<'_>) -> Vec<(Remote, Option<String>)> {
    type Brought<'s> = BTreeMap<(&'s Path, usize, Option<&'s str>), BTreeSet<Option<&'s str>>>;
    let charts = sources.charts.charts.iter();
    let by_dir: HashMap<&Path, &Chart> = charts.map(|chart| (chart.dir.as_path(), chart)).collect();
    let mut found: Brought<'_> = BTreeMap::new();
    let mut releases: BTreeMap<(&Path, Option<&str>), BTreeSet<Option<&str>>> = BTreeMap::new();
    for release in &sources.releases {
        let (dir, name) = (release.dir.as_path(), release.release.as_deref());
        let environment = release.environment.as_deref();
        releases.entry((dir, name)).or_default().insert(environment);
        let Some(chart) = by_dir.get(dir) else {
            continue;
        };
        let is_here = |d: &helm::Dependency| release.unread.iter().any(|u| u.name.span == d.name.span);
        for (number, _) in chart.dependencies.iter().enumerate().filter(|(_, d)| is_here(d)) {
            found.entry((dir, number, name)).or_default().insert(environment);
        }
    }
    let mut rows = Vec::new();
    for ((dir, number, name), environments) in found {
        let Some(chart) = by_dir.get(dir) else {
            continue;
        };
        let dependency = &chart.dependencies[number];
        let is_in_all = releases.get(&(dir, name)) == Some(&environments);
        let environments = match is_in_all {
            true => BTreeSet::from([None]),
            false => environments,
        };
        rows.extend(environments.into_iter().map(|environment| {
            let remote = Remote {
                path: chart.chart_file.clone(),
                span: dependency.name.span,
                chart: dependency.name.value.clone(),
                from: dependency.repository.as_ref().map(|r| r.value.clone()),
                release: Some(name.unwrap_or(&chart.name.value).to_owned()),
                namespace: None,
                values: Vec::new(),
                is_object: false,
            };
            (remote, environment.map(str::to_owned))
        }));
    }
    rows
}

/// What an object is called that a release of a chart from elsewhere makes: these begin with the name of the release, and
/// for a chart that another one brings with the names of both.
pub(super) struct Making {
    project: ProjectId,
    environment: Option<String>,
    namespace: Option<String>,
    prefix: String,
    /// Names that its pods may bear in labels: of the release and of the chart.
    names: Vec<String>,
    /// The file that installs it, and files of its values.
    files: Vec<PathBuf>,
}

impl Making {
    /// Whether the release makes an object of this name. What is not known of its place may be the same.
    pub(super) fn makes(&self, env: &Environment, namespace: Option<&str>, name: &str) -> bool {
        is_of(name, &self.prefix) && self.is_there(env, namespace)
    }

    /// Whether the release labels its objects so: charts write the name of the release or their own into labels, and
    /// others stand in the values.
    pub(super) fn labels(
        &self,
        repo: &Repo,
        env: &Environment,
        namespace: Option<&str>,
        labels: &[(&str, &str)],
    ) -> bool {
        let is_own = |(_, value): &(&str, &str)| {
            self.names.iter().any(|name| name == value) || is_of(value, &self.prefix)
        };
        self.is_there(env, namespace)
            && (labels.iter().any(is_own) || labels.iter().all(|label| self.writes(repo, *label)))
    }

    /// Whether the file that installs it or its values have this label.
    fn writes(&self, repo: &Repo, (key, value): (&str, &str)) -> bool {
        if key.is_empty() {
            return false;
        }
        let files = self.files.iter().filter(|path| {
            let text = repo.text(path).unwrap_or_default();
            text.contains(key) && text.contains(value)
        });
        let documents = files
            .filter_map(|path| repo.yaml.get(path))
            .flat_map(|s| &s.documents);
        documents.into_iter().any(|document| has(document, key, value))
    }

    /// Whether it is in this namespace of this environment.
    fn is_there(&self, env: &Environment, namespace: Option<&str>) -> bool {
        let is_here = match (namespace, &self.namespace) {
            (Some(a), Some(b)) => a == b,
            _ => true,
        };
        is_here
            && self.project == env.project
            && self.environment.as_ref().is_none_or(|name| *name == env.name)
    }
}

/// Whether something is named after a release.
fn is_of(name: &str, release: &str) -> bool {
    let rest = name.strip_prefix(release);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
}

/// Whether anything below a node has this key with this value.
fn has(node: &Node, key: &str, value: &str) -> bool {
    let mut entries = node.entries();
    entries.any(|(k, v)| (*k.text == *key && v.as_str() == Some(value)) || has(v, key, value))
        || node.items().iter().any(|n| has(n, key, value))
}

/// What releases of charts from elsewhere make.
pub(super) fn makings(sources: &Sources<'_>) -> Vec<Making> {
    let of = |remote: &Remote, environment: Option<String>, prefix: String| Making {
        project: sources.projects.of_path(&remote.path),
        environment,
        namespace: remote.namespace.clone().filter(|name| !name.contains(['{', '$'])),
        prefix,
        names: remote.release.iter().chain([&remote.chart]).cloned().collect(),
        files: std::iter::once(&remote.path)
            .chain(&remote.values)
            .cloned()
            .collect(),
    };
    let releases = rows(sources).into_iter().map(|(remote, environment, _)| {
        let name = remote.release.clone().unwrap_or_else(|| remote.chart.clone());
        of(&remote, environment, name)
    });
    let parts = brought(sources).into_iter().filter_map(|(remote, environment)| {
        let release = remote.release.clone()?;
        let prefix = format!("{release}-{}", remote.chart);
        Some(of(&remote, environment, prefix))
    });
    releases
        .chain(parts)
        .filter(|making| !making.prefix.is_empty())
        .collect()
}

/// Adds the releases of charts from elsewhere to the deployments; returns what each is.
pub(super) fn add(
    sources: &Sources<'_>,
    deployments: &mut Deployments<'_>,
    in_part: &mut BTreeMap<DeploymentId, Vec<String>>,
    releases: &mut BTreeMap<DeploymentId, ReleaseOf>,
) {
    for (remote, environment, cluster) in rows(sources) {
        let id = deployments.add(Deployment {
            project: sources.projects.of_path(&remote.path),
            kind: DeploymentKind::Helm,
            root: remote.path.clone(),
            name: remote.release.clone().or_else(|| Some(remote.chart.clone())),
            environment,
            cluster,
            objects: 0,
            kept_replicas: Vec::new(),
        });
        in_part.entry(id).or_default().push(reason(&remote));
        releases.insert(
            id,
            ReleaseOf {
                by: None,
                namespace: remote.namespace,
                values: remote.values,
            },
        );
    }
}

/// The cluster that a list of releases directly below `clusters` is for.
fn cluster_file(path: &Path) -> Option<&str> {
    let is_list = path.parent()?.file_name()? == "clusters";
    is_list.then(|| path.file_stem()?.to_str())?
}

/// Charts from elsewhere that applications of Argo CD install.
fn of_applications(sources: &Sources<'_>) -> Vec<(Remote, Option<String>, Option<String>)> {
    let applications = sources.applications.applications.iter();
    applications
        .flat_map(|application| {
            let path = sources.repo.sources.path(application.span.file).to_path_buf();
            let of_path = sources.file_environments.get(path.as_path()).cloned();
            // What a chart of applications turns on is for the environment whose values do.
            let of_values = application.environment.clone().filter(|_| application.of_chart);
            let environment = of_path.or_else(|| of_values.filter(|name| is_known(sources, name)));
            let of_path = scope::cluster_of(&path).map(str::to_owned);
            let cluster = of_path.or_else(|| naming::cluster_of_application(application));
            application.sources.iter().filter_map(move |source| {
                let chart = source.chart.as_ref()?;
                let remote = Remote {
                    path: path.clone(),
                    span: chart.span,
                    chart: chart.value.clone(),
                    from: source.repository.as_ref().map(|r| r.value.clone()),
                    release: application.name.as_ref().map(|name| name.value.clone()),
                    namespace: application.namespace.as_ref().map(|n| n.value.clone()),
                    values: source
                        .value_files
                        .iter()
                        .filter_map(|(_, path)| path.clone())
                        .collect(),
                    is_object: true,
                };
                Some((remote, environment.clone(), cluster.clone()))
            })
        })
        .collect()
}

/// Whether a file or a release is for an environment of this name.
fn is_known(sources: &Sources<'_>, name: &str) -> bool {
    let of_releases = sources
        .releases
        .iter()
        .filter_map(|release| release.environment.as_deref());
    let mut known = sources
        .file_environments
        .values()
        .map(String::as_str)
        .chain(of_releases);
    known.any(|own| own == name)
}

fn is_release(resource: &Resource) -> bool {
    resource.kind == "helm_release"
}

/// Where the chart of a `helm_release` lies in the tree.
fn chart_of(charts: &Charts, root: &hcl::Root, resource: &Resource) -> Option<usize> {
    let written = resource.body.get("chart")?.as_str()?;
    let bases = [root.dir.as_path(), resource.dir.as_path(), Path::new("")];
    let mut dirs = bases.iter().map(|base| normalise(&base.join(written)));
    dirs.find_map(|dir| charts.charts.iter().position(|chart| chart.dir == dir))
}

/// Releases that Terraform makes of charts of this tree.
pub(super) fn listed(repo: &Repo, charts: &Charts, terraform: &Terraform) -> Vec<helm::Listed> {
    let mut found = Vec::new();
    for root in &terraform.roots {
        for values in &root.environments {
            for resource in values.resources.iter().filter(|r| is_release(r)) {
                let Some(chart) = chart_of(charts, root, resource) else {
                    continue;
                };
                let Some(name) = resource.body.get("name").filter(|n| n.as_str().is_some()) else {
                    continue;
                };
                let (own, known) = values_of(repo, resource);
                found.push(helm::Listed {
                    chart,
                    environment: values.environment.clone(),
                    name: name.clone(),
                    values: helm::values_over(repo, charts, chart, &own),
                    files: Vec::new(),
                    by: repo.sources.path(resource.span.file).to_path_buf(),
                    namespace: resource
                        .body
                        .get("namespace")
                        .filter(|n| n.as_str().is_some())
                        .cloned(),
                    known,
                });
            }
        }
    }
    found
}

/// The trees of values that a `helm_release` sets, lowest first, and whether that is all.
fn values_of(repo: &Repo, resource: &Resource) -> (Vec<Node>, bool) {
    let mut known = hcl::blocks(&resource.body, "set").is_empty();
    let mut found = Vec::new();
    for text in resource.body.get("values").map_or(&[][..], Node::items) {
        let file_text = repo.text(repo.sources.path(text.span.file)).unwrap_or("");
        match yaml::parse_embedded(text, file_text, repo.sources.chains()) {
            Some(stream) if stream.errors.is_empty() => found.extend(stream.documents),
            _ => known = false,
        }
    }
    (found, known)
}

/// Releases that Terraform makes of charts from elsewhere.
fn of_terraform(sources: &Sources<'_>) -> Vec<(Remote, Option<String>, Option<String>)> {
    let mut found = Vec::new();
    for root in &sources.terraform.roots {
        for values in &root.environments {
            for resource in values.resources.iter().filter(|r| is_release(r)) {
                let text = |key: &str| resource.body.get(key).and_then(Node::as_str).map(str::to_owned);
                let Some(chart) =
                    text("chart").filter(|_| chart_of(&sources.charts, root, resource).is_none())
                else {
                    continue;
                };
                let name = chart.rsplit('/').next().unwrap_or(&chart).to_owned();
                found.push((
                    Remote {
                        path: root.dir.clone(),
                        span: resource.span,
                        chart: name,
                        from: text("repository"),
                        release: text("name"),
                        namespace: text("namespace"),
                        values: Vec::<PathBuf>::new(),
                        is_object: false,
                    },
                    values.environment.clone(),
                    None,
                ));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_makes_what_begins_with_its_name_where_it_may_be() {
        let making = |namespace: Option<&str>, environment: Option<&str>| Making {
            project: ProjectId::default(),
            environment: environment.map(str::to_owned),
            namespace: namespace.map(str::to_owned),
            prefix: "shop-redis".to_owned(),
            names: Vec::new(),
            files: Vec::new(),
        };
        let env = Environment {
            name: "production".to_owned(),
            ..Environment::default()
        };
        for (namespace, of, name, wanted) in [
            (Some("a"), Some("a"), "shop-redis", true),
            (Some("a"), Some("a"), "shop-redis-master", true),
            (Some("a"), Some("a"), "shop-redisx", false),
            (Some("a"), Some("b"), "shop-redis", false),
            // What is not known may be the same.
            (None, Some("b"), "shop-redis", true),
            (Some("a"), None, "shop-redis", true),
        ] {
            let found = making(of, None).makes(&env, namespace, name);
            assert_eq!(found, wanted, "{namespace:?} {of:?} {name}");
        }
        let of = |environment| making(None, environment).makes(&env, None, "shop-redis");
        assert!(of(Some("production")) && of(None) && !of(Some("staging")));
        let other = Environment {
            project: ProjectId(1),
            ..Environment::default()
        };
        assert!(!making(None, None).makes(&other, None, "shop-redis"));
    }
}
