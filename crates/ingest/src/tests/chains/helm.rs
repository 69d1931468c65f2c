//! Chains through values and templates of charts.

use super::{assert_way, of, platform, with_replicas, workload};
use cofferdam_syntax::Layer::{Argument, Content, Include, Override, Reference};

const TEMPLATE: &str = "apiVersion: apps/v1
kind: Deployment
metadata: {name: '{{ .Release.Name }}'}
spec:
  replicas: {{ .Values.replicas }}
  template:
    spec:
      terminationGracePeriodSeconds: {{ include \"grace\" . }}
      containers:
        - name: a
          image: x
          resources:
            {{- toYaml .Values.resources | nindent 12 }}
";

const CHART: &[(&str, &str)] = &[
    ("charts/service/Chart.yaml", "apiVersion: v2\nname: service\n"),
    (
        "charts/service/values.yaml",
        "replicas: 1
grace: 45
resources:
  limits:
    memory: 512Mi
",
    ),
    ("charts/service/templates/d.yaml", TEMPLATE),
    (
        "charts/service/templates/_grace.tpl",
        "{{- define \"grace\" -}}
{{ .Values.grace }}
{{- end -}}
",
    ),
];

#[test]
fn a_template_passes_on_the_values_of_its_chart() {
    let platform = platform(CHART);
    let web = &platform.environments[0].workloads[0];
    assert_way(
        &platform,
        of(&web.replicas),
        "charts/service/values.yaml:1",
        &[(Reference, "charts/service/templates/d.yaml:5")],
    );
    // Through a named template: first its own expression, then the one that includes it.
    assert_way(
        &platform,
        of(&web.grace),
        "charts/service/values.yaml:2",
        &[
            (Reference, "charts/service/templates/_grace.tpl:2"),
            (Reference, "charts/service/templates/d.yaml:8"),
        ],
    );
    assert_way(
        &platform,
        of(&web.containers[0].memory_limit),
        "charts/service/values.yaml:5",
        &[(Reference, "charts/service/templates/d.yaml:13")],
    );
}

#[test]
fn a_release_overrides_the_values_of_its_chart() {
    let helmfile = "environments: {prod: {}}
---
releases:
  - name: api
    chart: ./charts/service
    values:
      - values/all.yaml
      - values/{{ .Environment.Name }}.yaml
";
    let files = [
        ("helmfile.yaml", helmfile),
        ("values/all.yaml", "replicas: 3\ngrace: 50\n"),
        ("values/prod.yaml", "# more\nreplicas: 9\n"),
    ];
    let platform = platform(&[CHART, &files].concat());
    let api = workload(&platform, "api");
    assert_way(
        &platform,
        of(&api.replicas),
        "values/prod.yaml:2",
        &[
            (Include, "helmfile.yaml:8"),
            (Override, "charts/service/values.yaml:1"),
            (Override, "values/all.yaml:1"),
            (Reference, "charts/service/templates/d.yaml:5"),
        ],
    );
    assert_way(
        &platform,
        of(&api.grace),
        "values/all.yaml:2",
        &[
            (Include, "helmfile.yaml:7"),
            (Override, "charts/service/values.yaml:2"),
            (Reference, "charts/service/templates/_grace.tpl:2"),
            (Reference, "charts/service/templates/d.yaml:8"),
        ],
    );
}

#[test]
fn a_release_of_flux_overrides_the_values_of_its_chart() {
    let release = "apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: api}
spec:
  chart: {spec: {chart: ./charts/service, sourceRef: {kind: GitRepository, name: r}}}
  values:
    replicas: 7
";
    let platform = platform(&[CHART, &[("flux/prod/api.yaml", release)]].concat());
    let api = workload(&platform, "api");
    assert_way(
        &platform,
        of(&api.replicas),
        "flux/prod/api.yaml:7",
        &[
            (Override, "charts/service/values.yaml:1"),
            (Reference, "charts/service/templates/d.yaml:5"),
        ],
    );
}

#[test]
fn files_and_inline_values_of_an_application_override_a_chart() {
    let app = "apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: api-prod}
spec:
  source:
    repoURL: git
    path: charts/service
    helm:
      valueFiles:
        - big.yaml
      values: |
        grace: 120
";
    let files = [
        ("apps/prod/api.yaml", app),
        ("charts/service/big.yaml", "replicas: 12\n"),
    ];
    let platform = platform(&[CHART, &files].concat());
    let api = with_replicas(&platform, 12);
    assert_way(
        &platform,
        of(&api.replicas),
        "charts/service/big.yaml:1",
        &[
            (Include, "apps/prod/api.yaml:10"),
            (Override, "charts/service/values.yaml:1"),
            (Reference, "charts/service/templates/d.yaml:5"),
        ],
    );
    assert_way(
        &platform,
        of(&api.grace),
        "apps/prod/api.yaml:12",
        &[
            (Content, "apps/prod/api.yaml:12"),
            (Override, "charts/service/values.yaml:2"),
            (Reference, "charts/service/templates/_grace.tpl:2"),
            (Reference, "charts/service/templates/d.yaml:8"),
        ],
    );
}

#[test]
fn a_parent_chart_passes_arguments_to_its_subcharts() {
    let files = [
        (
            "charts/shop/Chart.yaml",
            "apiVersion: v2
name: shop
dependencies:
  - name: service
    alias: api
    repository: file://../service
",
        ),
        (
            "charts/shop/values.yaml",
            "api:
  replicas: 6
",
        ),
    ];
    let platform = platform(&[CHART, &files].concat());
    let api = with_replicas(&platform, 6);
    assert_way(
        &platform,
        of(&api.replicas),
        "charts/shop/values.yaml:2",
        &[
            (Argument, "charts/shop/Chart.yaml:4"),
            (Override, "charts/service/values.yaml:1"),
            (Reference, "charts/service/templates/d.yaml:5"),
        ],
    );
}
