//! Charts that files name and that are not in the tree. They could bring objects that cannot be read here.

use super::Charts;
use cofferdam_syntax::Span;
use cofferdam_syntax::repo::{Repo, normalise};
use cofferdam_syntax::tree::Node;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A chart from another place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remote {
    /// The file that names it.
    pub path: PathBuf,
    /// The place of its name.
    pub span: Span,
    /// Its name.
    pub chart: String,
    /// Its source: an address, or the name of a repository.
    pub from: Option<String>,
    /// The release that installs it, or that it is a part of.
    pub release: Option<String>,
    /// The namespace that it is installed into, where known.
    pub namespace: Option<String>,
    /// Files of values that it is installed with.
    pub values: Vec<PathBuf>,
    /// Whether an object in a cluster installs it, not a list that somebody runs.
    pub is_object: bool,
}

/// Repositories that objects of Flux declare, with their addresses.
type Addresses = BTreeMap<(String, String), String>;

/// Every chart from another place that a release installs. What such a chart depends on is not known; what a chart of the
/// tree depends on, its installation tells ([`super::Installed::unread`]).
pub fn remote(repo: &Repo, charts: &Charts) -> Vec<Remote> {
    let documents = || {
        let yaml = repo
            .yaml
            .iter()
            .filter(|(path, _)| !repo.links.contains_key(*path));
        yaml.flat_map(|(path, stream)| {
            stream
                .documents
                .iter()
                .map(move |document| (path.as_path(), document))
        })
    };
    let addresses = addresses(documents().map(|(_, document)| document));
    let mut found = Vec::new();
    for (path, document) in documents() {
        match document.get("kind").and_then(Node::as_str) {
            Some("HelmRelease") => found.extend(of_flux((repo, charts), path, document, &addresses)),
            Some(_) => {}
            None => {
                let releases = document.get("releases").map_or(&[][..], Node::items);
                let listed = releases
                    .iter()
                    .filter_map(|r| of_helmfile(charts, path, r, document));
                found.extend(listed);
            }
        }
    }
    found
}

fn addresses<'n>(documents: impl Iterator<Item = &'n Node>) -> Addresses {
    documents
        .filter_map(|document| {
            let text = |path: &str| document.at(path).and_then(Node::as_str).map(str::to_owned);
            let kind = text("kind").filter(|kind| kind.ends_with("Repository"))?;
            Some(((kind, text("metadata/name")?), text("spec/url")?))
        })
        .collect()
}

fn of_flux(
    (repo, charts): (&Repo, &Charts),
    path: &Path,
    object: &Node,
    addresses: &Addresses,
) -> Option<Remote> {
    let text = |path: &str| object.at(path).and_then(Node::as_str);
    let reference = |at: &str| {
        let kind = text(&format!("{at}/kind"))?;
        let name = text(&format!("{at}/name"))?;
        let address = addresses.get(&(kind.to_owned(), name.to_owned()));
        Some(address.map_or_else(|| name.to_owned(), Clone::clone))
    };
    let (node, from) = match object.at("spec/chart/spec/chart") {
        Some(chart) => {
            let below = repo.from_top(Path::new(chart.as_str()?), path);
            if charts.charts.iter().any(|c| Some(&c.dir) == below.as_ref()) {
                return None;
            }
            (chart, reference("spec/chart/spec/sourceRef"))
        }
        None => (object.at("spec/chartRef/name")?, reference("spec/chartRef")),
    };
    Some(Remote {
        path: path.to_path_buf(),
        span: node.span,
        chart: node.as_str()?.to_owned(),
        from,
        release: text("spec/releaseName")
            .or_else(|| text("metadata/name"))
            .map(str::to_owned),
        namespace: text("spec/targetNamespace")
            .or_else(|| text("metadata/namespace"))
            .map(str::to_owned),
        values: Vec::new(),
        is_object: true,
    })
}

fn of_helmfile(charts: &Charts, path: &Path, release: &Node, document: &Node) -> Option<Remote> {
    if release.get("installed").and_then(Node::as_bool) == Some(false) {
        return None;
    }
    // A list of other releases has no charts; a helmfile's releases have names too.
    let name = release.get("name").and_then(Node::as_str)?;
    let node = release.get("chart")?;
    let written = node.as_str()?;
    let base = path.parent().unwrap_or(Path::new(""));
    let is_path = written.starts_with(['.', '/']) || !written.contains('/');
    if is_path
        || charts
            .charts
            .iter()
            .any(|c| c.dir == normalise(&base.join(written)))
    {
        return None;
    }
    let (repository, chart) = match written.split_once("://") {
        Some(_) => written.rsplit_once('/')?,
        None => written.split_once('/')?,
    };
    let listed = document.get("repositories").map_or(&[][..], Node::items);
    let address = listed
        .iter()
        .find(|r| r.get("name").and_then(Node::as_str) == Some(repository))
        .and_then(|r| r.get("url")?.as_str());
    Some(Remote {
        path: path.to_path_buf(),
        span: node.span,
        chart: chart.to_owned(),
        from: Some(address.unwrap_or(repository).to_owned()),
        release: Some(name.to_owned()),
        namespace: release.get("namespace").and_then(Node::as_str).map(str::to_owned),
        values: release
            .get("values")
            .map_or(&[][..], Node::items)
            .iter()
            .filter_map(|written| Some(normalise(&base.join(written.as_str()?))))
            .collect(),
        is_object: false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::helm;
    use crate::selected::Selected;

    fn shown(files: &[(&str, &str)]) -> Vec<String> {
        let repo = Repo::from_texts(files);
        let charts = helm::read(&repo, &Selected::default());
        let text = |t: &Option<String>| t.clone().unwrap_or_else(|| "-".to_owned());
        remote(&repo, &charts)
            .iter()
            .map(|r| format!("{} of {} in {}", r.chart, text(&r.from), text(&r.release)))
            .collect()
    }

    #[test]
    fn releases_of_flux_name_remote_charts() {
        let release = |chart: &str| {
            format!(
                "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {{name: cache}}\nspec: {chart}\n"
            )
        };
        let repository = "apiVersion: source.toolkit.fluxcd.io/v1\nkind: HelmRepository\nmetadata: {name: pantry}\nspec: {url: 'https://charts.example.org'}\n";
        let of_repository =
            release("{chart: {spec: {chart: redis, sourceRef: {kind: HelmRepository, name: pantry}}}}");
        assert_eq!(
            shown(&[("a.yaml", &of_repository), ("b.yaml", repository)]),
            ["redis of https://charts.example.org in cache"]
        );
        assert_eq!(shown(&[("a.yaml", &of_repository)]), ["redis of pantry in cache"]);
        let of_oci = release("{chartRef: {kind: OCIRepository, name: podinfo}, releaseName: pod}");
        assert_eq!(shown(&[("a.yaml", &of_oci)]), ["podinfo of podinfo in pod"]);
        let here = release("{chart: {spec: {chart: ./charts/x, sourceRef: {kind: GitRepository, name: r}}}}");
        let chart = ("charts/x/Chart.yaml", "apiVersion: v2\nname: x\n");
        assert_eq!(shown(&[("a.yaml", &here), chart]), [""; 0]);
        assert_eq!(shown(&[("a.yaml", &here)]), ["./charts/x of r in cache"]);
        // A patch of a release does not name a chart.
        assert_eq!(shown(&[("a.yaml", &release("{values: {a: 1}}"))]), [""; 0]);
    }

    #[test]
    fn a_helmfile_names_remote_charts() {
        let helmfile = "repositories: [{name: bitnami, url: 'https://charts.example.com'}]\nreleases:\n- {name: far, chart: bitnami/redis}\n- {name: oci, chart: 'oci://r.example.com/charts/app'}\n- {name: near, chart: ./charts/x}\n- {name: off, chart: bitnami/nginx, installed: false}\n- {name: gone, chart: ./gone/x}\n- {name: bare, chart: redis}\n- {name: root, chart: /x/y}\n";
        assert_eq!(
            shown(&[
                ("helmfile.yaml", helmfile),
                ("charts/x/Chart.yaml", "apiVersion: v2\nname: x\n")
            ]),
            [
                "redis of https://charts.example.com in far",
                "app of oci://r.example.com/charts in oci"
            ]
        );
    }
}
