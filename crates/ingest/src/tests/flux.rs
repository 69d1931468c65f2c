//! Releases of Flux as kustomizations build them, and the variables that Flux puts into what it deploys.

use crate::pipeline::read_files;
use cofferdam_model::{DeploymentKind, Platform};

const TEMPLATE: &str = "apiVersion: apps/v1
kind: Deployment
metadata: {name: catalog}
spec:
  replicas: {{ .Values.replicas }}
  selector: {matchLabels: {app: catalog}}
  template:
    metadata: {labels: {app: catalog}}
    spec: {containers: [{name: main, image: 'registry.example.org/catalog:1.0.0'}]}
";
const RELEASE: &str = "apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: catalog, namespace: catalog}
spec:
  chart: {spec: {chart: ./charts/catalog, sourceRef: {kind: GitRepository, name: flux-system}}}
  values: {replicas: 2}
";

fn overlay(replicas: &str) -> String {
    format!(
        "resources: [../base]\npatches:\n  - patch: |\n      apiVersion: helm.toolkit.fluxcd.io/v2\n      kind: HelmRelease\n      metadata: {{name: catalog, namespace: catalog}}\n      spec: {{values: {{replicas: {replicas}}}}}\n"
    )
}

fn platform(more: &[(&str, &str)]) -> Platform {
    let chart = [
        (
            "charts/catalog/Chart.yaml",
            "apiVersion: v2\nname: catalog\nversion: 1.0.0\n",
        ),
        ("charts/catalog/values.yaml", "replicas: 1\n"),
        ("charts/catalog/templates/all.yaml", TEMPLATE),
    ];
    read_files(
        chart
            .iter()
            .chain(more)
            .map(|(p, t)| ((*p).into(), t.as_bytes().to_vec())),
    )
}

/// The environments of the releases, and in each environment the replicas of the workload.
fn shown(platform: &Platform) -> (Vec<String>, Vec<String>) {
    let of_helm = platform
        .scope
        .deployments
        .iter()
        .filter(|d| d.kind == DeploymentKind::Helm);
    let mut releases: Vec<String> = of_helm
        .map(|d| d.environment.clone().unwrap_or_else(|| "-".to_owned()))
        .collect();
    releases.sort();
    let workloads = platform.environments.iter().flat_map(|env| {
        let replicas = env.workloads.iter().map(|w| w.replicas.as_ref().map(|r| r.value));
        replicas.map(|replicas| format!("{} {replicas:?}", env.name))
    });
    (releases, workloads.collect())
}

#[test]
fn a_release_counts_as_each_overlay_builds_it() {
    let (staging, production) = (overlay("3"), overlay("9"));
    let found = platform(&[
        ("apps/base/kustomization.yaml", "resources: [release.yaml]\n"),
        ("apps/base/release.yaml", RELEASE),
        ("apps/staging/kustomization.yaml", &staging),
        ("apps/production/kustomization.yaml", &production),
    ]);
    let (releases, workloads) = shown(&found);
    assert_eq!(releases, ["production", "staging"]);
    assert_eq!(workloads, ["production Some(9)", "staging Some(3)"]);
}

#[test]
fn a_release_that_no_kustomization_builds_counts_as_it_is_written() {
    let (releases, workloads) = shown(&platform(&[("apps/release.yaml", RELEASE)]));
    assert_eq!(releases, ["-"]);
    assert_eq!(workloads, ["default Some(2)"]);
    // So does one whose kustomization cannot be built.
    let broken = platform(&[
        (
            "apps/kustomization.yaml",
            "resources: [release.yaml, missing.yaml]\n",
        ),
        ("apps/release.yaml", RELEASE),
    ]);
    assert_eq!(shown(&broken).1, ["default Some(2)"]);
}

#[test]
fn variables_of_flux_are_values_where_they_are_known_and_unknown_elsewhere() {
    let release = RELEASE.replace("{replicas: 2}", "\n    replicas: ${count}");
    let with = |section: &str, path: &str| {
        let kustomization = format!(
            "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {{name: apps}}\nspec: {{path: ./apps, {section}}}\n"
        );
        let built = ("apps/kustomization.yaml", "resources: [release.yaml]\n");
        let files = [
            ("cluster/apps.yaml", kustomization.as_str()),
            ("apps/release.yaml", &release),
            built,
        ];
        shown(&platform(&files[..if path == "built" { 3 } else { 2 }])).1
    };
    for how in ["built", "plain"] {
        let known = "postBuild: {substitute: {count: '4'}}";
        assert_eq!(with(known, how), ["default Some(4)"], "{how}");
        let unknown = "postBuild: {substituteFrom: [{kind: ConfigMap, name: settings}]}";
        assert_eq!(with(unknown, how), ["default None"], "{how}");
    }
}

#[test]
fn objects_of_a_build_are_filled_too() {
    let found = read_files(
        [
            (
                "cluster/apps.yaml",
                "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {name: apps}\nspec: {path: apps, postBuild: {substitute: {count: '4'}}}\n",
            ),
            ("apps/kustomization.yaml", "resources: [web.yaml]\n"),
            (
                "apps/web.yaml",
                "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  replicas: ${count}\n  template: {spec: {containers: [{name: web, image: 'x/web:${tag:=1.0.0}'}]}}\n",
            ),
        ]
        .map(|(path, text)| (path.into(), text.as_bytes().to_vec())),
    );
    let web = &found.environments[0].workloads[0];
    assert_eq!(web.replicas.as_ref().map(|r| r.value), Some(4));
    let image = web.containers[0].image.as_ref().unwrap();
    assert_eq!(image.tag.as_ref().map(|t| t.value.as_str()), Some("1.0.0"));
}
