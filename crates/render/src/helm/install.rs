//! What the installation of a chart creates: its own objects and those of every chart that it depends on, each
//! with the values that the chart above gives it. One chart may be a dependency several times under different
//! names (`alias`), for example a shared service chart.

use super::render::render_with;
use super::values::{entry_given, given, turned_on};
use super::{Chart, Charts, Dependency};
use crate::kustomize::merge::merge_values;
use cofferdam_syntax::repo::{Repo, normalise};
use cofferdam_syntax::tree::{Node, Value};
use std::path::PathBuf;

/// Levels of charts that are read. A chart that depends on itself ends here.
const MAX_DEPTH: usize = 8;
/// Charts that one installation may have.
const MAX_CHARTS: usize = 1_000;

/// One chart of an installation.
#[derive(Debug)]
pub struct Installed {
    /// Its name in this installation: the alias if the chart above gives one.
    pub name: String,
    /// Its directory.
    pub dir: PathBuf,
    /// Its objects.
    pub objects: Vec<Node>,
    /// For each of its objects, in their order, whether it has these fields whatever is unknown. Others are fragments.
    pub whole: Vec<bool>,
    /// Its values, without those of the charts below it.
    pub values: Node,
    /// Name of the release, where it is known.
    pub release: Option<String>,
    /// Whether another chart brings it: it belongs to the release of the chart before it.
    pub is_part: bool,
    /// Charts from elsewhere that it brings with these values.
    pub unread: Vec<Dependency>,
}

/// Installs chart `number` of `charts` with these values, as a release of this name.
pub fn install(
    repo: &Repo,
    charts: &Charts,
    number: usize,
    values: &Node,
    release: Option<&Node>,
) -> Vec<Installed> {
    let mut installed = Vec::new();
    let Some(chart) = charts.charts.get(number) else {
        return installed;
    };
    let release = release.or_else(|| chart.node.get("name"));
    let walk = Walk {
        repo,
        charts,
        release,
    };
    walk.chart((number, None), values, 0, &mut installed);
    installed
}

/// Whether another chart of the tree depends on chart `number`.
pub fn is_brought(charts: &Charts, number: usize) -> bool {
    charts.charts[number].parent.is_some()
        || (0..charts.charts.len()).any(|other| {
            other != number
                && charts.charts[other]
                    .dependencies
                    .iter()
                    .any(|d| of_dependency(charts, other, d) == Some(number))
        })
}

struct Walk<'a> {
    repo: &'a Repo,
    charts: &'a Charts,
    release: Option<&'a Node>,
}

impl Walk<'_> {
    fn chart(
        &self,
        (number, alias): (usize, Option<&str>),
        values: &Node,
        depth: usize,
        out: &mut Vec<Installed>,
    ) {
        let chart = &self.charts.charts[number];
        if chart.library || depth >= MAX_DEPTH || out.len() >= MAX_CHARTS {
            return;
        }
        let below = below(self.charts, number);
        let mut own = values.clone();
        let elsewhere = chart
            .dependencies
            .iter()
            .filter(|dependency| of_dependency(self.charts, number, dependency).is_none());
        let (unread, left_out): (Vec<&Dependency>, Vec<&Dependency>) =
            elsewhere.partition(|dependency| turned_on(dependency, values));
        if let Some(map) = own.as_map_mut() {
            let of_others = below.iter().map(|(_, key, _)| *key);
            for key in of_others.chain(left_out.iter().map(|dependency| dependency.key())) {
                map.remove(key);
            }
        }
        let objects = render_with(self.repo, self.charts, (number, alias), values, self.release);
        out.push(Installed {
            whole: objects.iter().map(|object| object.is_whole).collect(),
            name: alias.unwrap_or(&chart.name.value).to_owned(),
            dir: chart.dir.clone(),
            objects: objects.into_iter().map(|object| object.node).collect(),
            values: own,
            release: self.release.and_then(Node::as_str).map(str::to_owned),
            is_part: depth > 0,
            unread: unread.into_iter().cloned().collect(),
        });
        for (child, key, dependency) in below {
            if dependency.is_some_and(|d| !turned_on(d, values)) {
                continue;
            }
            let given = self.values_below(child, (dependency, key), values);
            let alias = dependency.and_then(|d| d.alias.as_deref());
            self.chart((child, alias), &given, depth + 1, out);
        }
    }

    /// The child's own values, with those that the chart above gives it and the global ones laid over them.
    fn values_below(&self, child: usize, named: (Option<&Dependency>, &str), above: &Node) -> Node {
        let chains = self.repo.sources.chains();
        let chart = &self.charts.charts[child];
        let mut values = chart.own.clone();
        if let Some(over) = given(chains, named, above).filter(|n| n.as_map().is_some()) {
            merge_values(chains, &mut values, &over);
        }
        if let (Some((key, global)), Value::Map(map)) =
            (entry_given(chains, None, above, "global"), &mut values.value)
        {
            let all = match map.get("global") {
                Some(own) => {
                    let mut all = own.clone();
                    merge_values(chains, &mut all, &global);
                    all
                }
                None => global,
            };
            map.insert(key, all);
        }
        values
    }
}

/// The charts right below chart `number`, each with the key of its values and how it is named as a
/// dependency.
fn below(charts: &Charts, number: usize) -> Vec<(usize, &str, Option<&Dependency>)> {
    let chart = &charts.charts[number];
    let mut found: Vec<(usize, &str, Option<&Dependency>)> = chart
        .dependencies
        .iter()
        .filter_map(|dependency| {
            let child = of_dependency(charts, number, dependency)?;
            Some((child, dependency.key(), Some(dependency)))
        })
        .collect();
    // A chart in `charts/` is installed, named or not.
    for (index, other) in charts.charts.iter().enumerate() {
        if other.parent == Some(number) && !found.iter().any(|(child, ..)| *child == index) {
            found.push((index, &other.name.value, None));
        }
    }
    found
}

/// The chart of this tree that a dependency names: in the `charts/` directory, else by its local path.
pub(super) fn of_dependency(charts: &Charts, number: usize, dependency: &Dependency) -> Option<usize> {
    let chart: &Chart = &charts.charts[number];
    let vendored = charts
        .charts
        .iter()
        .position(|c| c.parent == Some(number) && c.name.value == dependency.name.value);
    vendored.or_else(|| {
        let path = dependency.repository.as_ref()?.value.strip_prefix("file://")?;
        let dir = normalise(&chart.dir.join(path));
        charts
            .charts
            .iter()
            .position(|c| c.dir == dir)
            .filter(|found| *found != number)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::helm;
    use crate::selected::Selected;

    fn repo(files: &[(&str, &str)]) -> Repo {
        Repo::from_texts(files)
    }

    const DEPLOYMENT: &str = "kind: X\nmetadata: {name: '{{ .Release.Name }}-{{ .Chart.Name }}'}\nreplicas: {{ .Values.replicas }}\nregistry: {{ .Values.global.registry }}\n";

    fn shown(installed: &[Installed]) -> Vec<(String, String, String, String)> {
        let text = |node: &Node, path: &str| node.at(path).and_then(Node::as_str).unwrap_or("?").to_owned();
        installed
            .iter()
            .flat_map(|i| i.objects.iter().map(move |o| (i, o)))
            .map(|(i, o)| {
                (
                    i.name.clone(),
                    text(o, "metadata/name"),
                    text(o, "replicas"),
                    text(o, "registry"),
                )
            })
            .collect()
    }

    fn row(name: &str, object: &str, replicas: &str, registry: &str) -> (String, String, String, String) {
        (name.into(), object.into(), replicas.into(), registry.into())
    }

    #[test]
    fn subcharts_are_installed_with_the_values_of_their_parent() {
        let repo = repo(&[
            (
                "c/Chart.yaml",
                "apiVersion: v2\nname: shop\ndependencies: [{name: api, version: 1}, {name: old, version: 1, condition: old.enabled}]\n",
            ),
            (
                "c/values.yaml",
                "global: {registry: r.io}\napi: {replicas: 4}\nold: {enabled: false}\n",
            ),
            ("c/charts/api/Chart.yaml", "apiVersion: v2\nname: api\n"),
            ("c/charts/api/values.yaml", "replicas: 1\n"),
            ("c/charts/api/templates/d.yaml", DEPLOYMENT),
            ("c/charts/old/Chart.yaml", "apiVersion: v2\nname: old\n"),
            ("c/charts/old/templates/d.yaml", DEPLOYMENT),
        ]);
        let charts = helm::read(&repo, &Selected::default());
        let top = charts.charts.iter().position(|c| c.parent.is_none()).unwrap();
        let installed = install(&repo, &charts, top, &charts.charts[top].own, None);
        assert_eq!(shown(&installed), [row("api", "shop-api", "4", "r.io")]);
        assert!(
            installed[0].values.get("api").is_none(),
            "the child's values are the child's"
        );
        assert!(!is_brought(&charts, top));
    }

    #[test]
    fn charts_from_elsewhere_are_brought_where_the_values_turn_them_on() {
        let chart = "apiVersion: v2\nname: shop\ndependencies:\n\
            - {name: redis, repository: 'https://c.example.com'}\n\
            - {name: kafka, repository: 'https://c.example.com', condition: kafka.enabled}\n\
            - {name: mail, alias: post, repository: 'https://c.example.com', condition: 'post.on,global.post', tags: [extra]}\n\
            - {name: logs, repository: 'https://c.example.com', tags: [extra, seen]}\n\
            - {name: api, repository: 'file://../api'}\n\
            - {name: lib, repository: 'https://c.example.com'}\n";
        let brought = |values: &str| {
            let repo = repo(&[
                ("shop/Chart.yaml", chart),
                ("shop/values.yaml", values),
                ("shop/charts/lib/Chart.yaml", "apiVersion: v2\nname: lib\n"),
                ("api/Chart.yaml", "apiVersion: v2\nname: api\n"),
            ]);
            let charts = helm::read(&repo, &Selected::default());
            let top = charts.charts.iter().position(|c| c.name.value == "shop").unwrap();
            let installed = install(&repo, &charts, top, &charts.charts[top].own, None);
            let names: Vec<&str> = installed[0]
                .unread
                .iter()
                .map(|d| d.name.value.as_str())
                .collect();
            let kept = ["kafka", "post"].map(|key| installed[0].values.get(key).is_some());
            (names.join(" "), kept)
        };
        for (values, wanted, kept) in [
            ("{}", "redis kafka mail logs", [false, false]),
            ("kafka: {enabled: false}", "redis mail logs", [false, false]),
            ("kafka: {enabled: true}", "redis kafka mail logs", [true, false]),
            ("tags: {extra: false}", "redis kafka", [false, false]),
            (
                "tags: {extra: false, seen: true}",
                "redis kafka logs",
                [false, false],
            ),
            // A condition counts before a tag, and its first path that is set before the others.
            (
                "tags: {extra: false}\npost: {on: true}",
                "redis kafka mail",
                [false, true],
            ),
            (
                "post: {on: false}\nglobal: {post: true}",
                "redis kafka logs",
                [false, false],
            ),
            ("global: {post: false}", "redis kafka logs", [false, false]),
            ("kafka: {enabled: maybe}", "redis kafka mail logs", [true, false]),
        ] {
            assert_eq!(brought(values), (wanted.to_owned(), kept), "{values}");
        }
    }

    #[test]
    fn one_local_chart_is_installed_under_several_names() {
        let repo = repo(&[
            ("charts/service/Chart.yaml", "apiVersion: v2\nname: service\n"),
            ("charts/service/values.yaml", "replicas: 1\n"),
            ("charts/service/templates/d.yaml", DEPLOYMENT),
            (
                "charts/shop/Chart.yaml",
                "apiVersion: v2\nname: shop\ndependencies:\n- {name: service, alias: api, repository: 'file://../service'}\n- {name: service, alias: worker, repository: 'file://../service'}\n",
            ),
            (
                "charts/shop/values.yaml",
                "api: {replicas: 3}\nworker: {replicas: 7}\n",
            ),
        ]);
        let charts = helm::read(&repo, &Selected::default());
        let number = |name: &str| charts.charts.iter().position(|c| c.name.value == name).unwrap();
        let shop = number("shop");
        let installed = install(&repo, &charts, shop, &charts.charts[shop].own, None);
        assert_eq!(
            shown(&installed),
            [
                row("api", "shop-api", "3", "?"),
                row("worker", "shop-worker", "7", "?")
            ]
        );
        assert!(is_brought(&charts, number("service")) && !is_brought(&charts, shop));
    }

    #[test]
    fn a_chart_that_depends_on_itself_ends() {
        let repo = repo(&[
            (
                "a/Chart.yaml",
                "apiVersion: v2\nname: a\ndependencies: [{name: b, repository: 'file://../b'}]\n",
            ),
            ("a/templates/d.yaml", DEPLOYMENT),
            (
                "b/Chart.yaml",
                "apiVersion: v2\nname: b\ndependencies: [{name: a, repository: 'file://../a'}]\n",
            ),
        ]);
        let charts = helm::read(&repo, &Selected::default());
        assert!(install(&repo, &charts, 0, &charts.charts[0].own, None).len() <= MAX_DEPTH);
    }
}
