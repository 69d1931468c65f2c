//! Skaffold builds images and writes their tags or digests into manifests before it applies them (Skaffold documentation,
//! "Tag" and "Render"): the names that stand in the files never reach a cluster. Chartpress does the same with the images
//! in the values of charts (its README, "Usage").

use crate::scope::Projects;
use cofferdam_model::ProjectId;
use cofferdam_model::images::Image;
use cofferdam_render::image::parse_image;
use cofferdam_syntax::repo::Repo;
use cofferdam_syntax::tree::Node;
use std::collections::{BTreeMap, BTreeSet};

/// Names of the images that are built in each project.
#[derive(Debug, Default)]
pub(crate) struct Skaffold(BTreeMap<ProjectId, BTreeSet<String>>);

impl Skaffold {
    /// Reads every configuration of Skaffold and of Chartpress.
    pub(crate) fn read(repo: &Repo, projects: &Projects) -> Skaffold {
        let mut found = Skaffold::default();
        let own = repo
            .yaml
            .iter()
            .filter(|(path, _)| !repo.links.contains_key(*path));
        for (path, stream) in own {
            for document in stream.documents.iter().filter(|d| is_configuration(d)) {
                let names = found.0.entry(projects.of_path(path)).or_default();
                let profiles = document.get("profiles").map_or(&[][..], Node::items);
                names.extend(std::iter::once(document).chain(profiles).flat_map(artifacts));
            }
            let is_chartpress = path.file_stem().is_some_and(|stem| stem == "chartpress");
            for document in stream.documents.iter().filter(|_| is_chartpress) {
                let names = found.0.entry(projects.of_path(path)).or_default();
                let charts = document.get("charts").map_or(&[][..], Node::items);
                names.extend(charts.iter().flat_map(of_chart));
            }
        }
        found
    }

    /// Whether an image is built, so that its tag in the files is not the one that runs.
    pub(crate) fn builds(&self, project: ProjectId, image: &Image) -> bool {
        self.0
            .get(&project)
            .is_some_and(|names| names.contains(&parse_image(&image.text.value).name()))
    }
}

fn is_configuration(document: &Node) -> bool {
    let version = document.get("apiVersion").and_then(Node::as_str);
    version.is_some_and(|version| version.starts_with("skaffold/"))
}

/// The images that a configuration or a profile of one builds.
fn artifacts(node: &Node) -> Vec<String> {
    let artifacts = node.at("build/artifacts").map_or(&[][..], Node::items);
    let names = artifacts
        .iter()
        .filter_map(|artifact| artifact.get("image")?.as_str());
    names.map(|name| parse_image(name).name()).collect()
}

/// The images that Chartpress builds for a chart: their names have the chart's prefix, unless they have a name of their own.
fn of_chart(chart: &Node) -> Vec<String> {
    let prefix = chart.get("imagePrefix").and_then(Node::as_str).unwrap_or("");
    let images = chart.get("images").into_iter().flat_map(Node::entries);
    let names = images.map(
        |(key, image)| match image.get("imageName").and_then(Node::as_str) {
            Some(name) => name.to_owned(),
            None => format!("{prefix}{}", key.text),
        },
    );
    names.map(|name| parse_image(&name).name()).collect()
}

#[cfg(test)]
mod tests {
    use crate::pipeline::read_files;

    fn images(skaffold: &str, image: &str) -> usize {
        let pod = format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: a}}\nspec: {{initContainers: [{{name: i, image: '{image}'}}], containers: [{{name: c, image: '{image}'}}]}}\n"
        );
        let files = [("skaffold.yaml", skaffold), ("k8s/a.yaml", &pod)];
        let platform = read_files(files.map(|(p, t)| (p.into(), t.as_bytes().to_vec())));
        let pod = &platform.environments[0].workloads[0];
        let containers = pod.containers.iter().chain(&pod.init_containers);
        containers.filter(|c| c.image.is_some()).count()
    }

    #[test]
    fn a_built_image_has_no_known_tag() {
        let of = |artifacts: &str| {
            format!("apiVersion: skaffold/v4beta11\nkind: Config\nbuild: {{artifacts: [{artifacts}]}}\n")
        };
        let web = of("{image: web, context: web}, {image: r.io/team/api}");
        for built in ["web", "web:latest", "r.io/team/api", "r.io/team/api:1"] {
            assert_eq!(images(&web, built), 0, "{built}");
        }
        for other in ["webs", "team/web", "r.io/web:latest", "api", "redis:7"] {
            assert_eq!(images(&web, other), 2, "{other}");
        }
        let profile = "apiVersion: skaffold/v2beta29\nkind: Config\nprofiles: [{name: dev, build: {artifacts: [{image: web}]}}]\n";
        assert_eq!(images(profile, "web"), 0);
        assert_eq!(images(&web.replace("skaffold/", "other/"), "web"), 2);
    }

    #[test]
    fn chartpress_replaces_the_tags_in_the_values_of_a_chart() {
        let count = |chartpress: &str| {
            let files = [
                ("chartpress.yaml", chartpress),
                (
                    "hub/Chart.yaml",
                    "apiVersion: v2\nname: hub\nversion: 0.0.1-set.by.chartpress\n",
                ),
                (
                    "hub/values.yaml",
                    "proxy: {image: {name: acme/hub-proxy, tag: set-by-chartpress}}\n",
                ),
                (
                    "hub/templates/d.yaml",
                    "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: p, image: '{{ .Values.proxy.image.name }}:{{ .Values.proxy.image.tag }}'}]}\n",
                ),
            ];
            let platform = read_files(files.map(|(p, t)| (p.into(), t.as_bytes().to_vec())));
            let pod = &platform.environments[0].workloads[0];
            pod.containers.iter().filter(|c| c.image.is_some()).count()
        };
        assert_eq!(
            count(
                "charts: [{name: hub, imagePrefix: acme/hub-, images: {proxy: {valuesPath: proxy.image}}}]\n"
            ),
            0
        );
        assert_eq!(
            count("charts: [{name: hub, images: {proxy: {imageName: acme/hub-proxy}}}]\n"),
            0
        );
        assert_eq!(
            count("charts: [{name: hub, imagePrefix: acme/hub-, images: {other: {valuesPath: o}}}]\n"),
            1
        );
    }
}
