//! Releases that helmfile and Flux list.

use crate::pipeline::read_files;
use cofferdam_model::DeploymentKind;

const CHART: &str = "apiVersion: v2\nname: service\n";
const TEMPLATE: &str = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: '{{ .Release.Name }}'}\nspec:\n  replicas: {{ .Values.replicas }}\n  template: {spec: {containers: [{name: a, image: x}]}}\n";

fn replicas(files: &[(&str, &str)]) -> Vec<(String, String, u32)> {
    let chart = [
        ("charts/service/Chart.yaml", CHART),
        ("charts/service/values.yaml", "replicas: 1\n"),
        ("charts/service/templates/d.yaml", TEMPLATE),
    ];
    let platform = read_files(
        chart
            .iter()
            .chain(files)
            .map(|(p, t)| ((*p).into(), t.as_bytes().to_vec())),
    );
    let mut found: Vec<(String, String, u32)> = Vec::new();
    for env in &platform.environments {
        for workload in &env.workloads {
            found.push((
                env.name.clone(),
                workload.id.name.clone(),
                workload.replicas.as_ref().unwrap().value,
            ));
        }
    }
    found.sort();
    found
}

fn row(environment: &str, name: &str, replicas: u32) -> (String, String, u32) {
    (environment.to_owned(), name.to_owned(), replicas)
}

#[test]
fn a_helmfile_installs_one_chart_under_many_names() {
    let helmfile = "environments: {prod: {}, staging: {}}\n---\nreleases:\n- name: api\n  chart: ./charts/service\n  values: ['values/api.{{ .Environment.Name }}.yaml']\n- name: worker\n  chart: ./charts/service\n  values: [{replicas: 4}]\n  set: [{name: replicas, value: 5}]\n- {name: off, chart: ./charts/service, installed: false}\n- {name: far, chart: bitnami/redis}\n";
    assert_eq!(
        replicas(&[
            ("helmfile.yaml", helmfile),
            ("values/api.prod.yaml", "replicas: 9\n"),
            ("values/api.staging.yaml", "replicas: 2\n"),
        ]),
        [
            row("production", "api", 9),
            row("production", "worker", 5),
            row("staging", "api", 2),
            row("staging", "worker", 5)
        ]
    );
}

#[test]
fn flux_installs_a_chart_of_the_tree() {
    let release = "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {name: api}\nspec:\n  chart: {spec: {chart: ./charts/service, sourceRef: {kind: GitRepository, name: r}}}\n  values: {replicas: 7}\n";
    assert_eq!(
        replicas(&[
            ("clusters/production/api.yaml", release),
            ("clusters/staging/README.md", ""),
            ("clusters/staging/api.yaml", release)
        ]),
        [row("production", "api", 7), row("staging", "api", 7)]
    );
}

#[test]
fn releases_of_charts_from_elsewhere_change_no_local_chart() {
    assert_eq!(
        replicas(&[(
            "notes.yaml",
            "releases: [{name: '1.0', date: x}, {name: a, chart: 5}]\n"
        )]),
        [row("default", "service", 1)]
    );
}

#[test]
fn a_release_that_a_list_begins_and_an_object_takes_over_is_one() {
    let object = |namespace: &str, chart: &str| {
        format!(
            "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {{name: cache, namespace: {namespace}}}\nspec: {{chart: {{spec: {{chart: {chart}, sourceRef: {{kind: GitRepository, name: r}}}}}}}}\n"
        )
    };
    let list = |chart: &str| format!("releases:\n- {{name: cache, namespace: data, chart: {chart}}}\n");
    let count = |object: &str, list: &str| {
        let files = [
            ("README.md", ""),
            ("setup/helmfile.d/apps.yaml", list),
            ("apps/cache.yaml", object),
            ("charts/redis/Chart.yaml", "apiVersion: v2\nname: redis\n"),
            (
                "charts/redis/templates/c.yaml",
                "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n",
            ),
        ];
        let platform = read_files(files.iter().map(|(p, t)| ((*p).into(), t.as_bytes().to_vec())));
        let all = platform.scope.deployments;
        all.iter().filter(|d| d.kind == DeploymentKind::Helm).count()
    };
    let far = "oci://r.example.com/charts/redis";
    assert_eq!(
        count(&object("data", "redis"), &list(far)),
        1 + 1,
        "the chart of the tree, and the release"
    );
    assert_eq!(count(&object("other", "redis"), &list(far)), 1 + 2);
    assert_eq!(
        count(&object("data", "./charts/redis"), &list("../../charts/redis")),
        1
    );
    assert_eq!(
        count(&object("other", "./charts/redis"), &list("../../charts/redis")),
        2
    );
}
