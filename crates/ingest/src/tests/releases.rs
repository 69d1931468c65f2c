//! What installs a chart, and what is no deployment of the platform though a command names it.

use crate::pipeline::read_files;
use cofferdam_model::workload::Completeness;
use cofferdam_model::{DeploymentKind, Platform};

fn platform(files: &[(&str, &str)]) -> Platform {
    read_files(files.iter().map(|(p, t)| ((*p).into(), t.as_bytes().to_vec())))
}

/// The Helm deployments: name, root, environment, cluster, number of objects.
fn releases(platform: &Platform) -> Vec<String> {
    let all = platform.scope.deployments.iter();
    let mut shown: Vec<String> = all
        .filter(|d| d.kind == DeploymentKind::Helm && platform.scope.project_apart(d.project).is_none())
        .map(|d| {
            let known = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
            format!(
                "{} {} {} {} {}",
                known(&d.name),
                d.root.display(),
                known(&d.environment),
                known(&d.cluster),
                d.objects
            )
        })
        .collect();
    shown.sort();
    shown
}

const CHART: [(&str, &str); 3] = [
    (
        "charts/web/Chart.yaml",
        "apiVersion: v2\nname: web\nversion: 1.0.0\n",
    ),
    ("charts/web/values.yaml", "replicas: 1\n"),
    (
        "charts/web/templates/d.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: {{ .Release.Name }}}\ndata: {replicas: '{{ .Values.replicas }}'}\n",
    ),
];

fn with<'f>(more: &[(&'f str, &'f str)]) -> Platform {
    let mut files: Vec<(&str, &str)> = CHART.to_vec();
    files.extend(more);
    platform(&files)
}

#[test]
fn a_lint_step_does_not_install_a_chart() {
    let defaults = with(&[]);
    for step in [
        "helm template front charts/web --validate\n",
        "kind create cluster\nhelm upgrade --install front charts/web\n",
        "helm upgrade --install front charts/web --dry-run\n",
    ] {
        let linted = with(&[("ci.sh", step)]);
        assert_eq!(releases(&linted), releases(&defaults), "{step}");
        assert!(!linted.scope.default_files.is_empty(), "{step}");
    }
    let installed = with(&[("up.sh", "helm upgrade --install front charts/web -n shop\n")]);
    assert_eq!(releases(&installed), ["front charts/web - - 1"]);
    let id = installed.scope.releases.values().next().unwrap();
    assert_eq!(id.namespace.as_deref(), Some("shop"));
}

#[test]
fn a_release_of_a_chart_from_elsewhere_is_a_deployment_that_was_not_read() {
    let helmfile = "repositories: [{name: pantry, url: 'https://charts.example.org'}]\nreleases:\n  - {name: cache, namespace: shop, chart: pantry/redis, values: [../config/cache.yaml]}\n  - {name: off, chart: pantry/redis, installed: false}\n";
    let found = platform(&[
        ("README.md", ""),
        ("clusters/eu1.yaml", helmfile),
        ("config/cache.yaml", "a: 1\n"),
    ]);
    assert_eq!(releases(&found), ["cache clusters/eu1.yaml - eu1 0"]);
    let scope = &found.scope;
    let reasons: Vec<&String> = scope.in_part.values().flatten().collect();
    assert_eq!(
        reasons,
        ["the chart redis of https://charts.example.org was not read"]
    );
    let of = scope.releases.values().next().unwrap();
    assert_eq!(of.namespace.as_deref(), Some("shop"));
    assert_eq!(of.values, [std::path::PathBuf::from("config/cache.yaml")]);
    let app = "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: logs}\nspec: {source: {repoURL: 'https://charts.example.org', chart: loki, targetRevision: '1'}}\n";
    let found = platform(&[("README.md", ""), ("apps/logs.yaml", app)]);
    assert_eq!(releases(&found), ["logs apps/logs.yaml - - 0"]);
    let command = platform(&[
        ("up.sh", "helm install cache pantry/redis -n shop\n"),
        ("a.yaml", "a: 1\n"),
    ]);
    assert_eq!(releases(&command), ["cache up.sh - - 0"]);
}

#[test]
fn a_subchart_belongs_to_the_release_of_its_parent_chart() {
    let found = with(&[
        (
            "charts/web/charts/side/Chart.yaml",
            "apiVersion: v2\nname: side\nversion: 1.0.0\n",
        ),
        (
            "charts/web/charts/side/templates/c.yaml",
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: side}\n",
        ),
        (
            "up.sh",
            "helm upgrade --install front charts/web\nhelm upgrade --install back charts/web\n",
        ),
    ]);
    assert_eq!(
        releases(&found),
        ["back charts/web - - 2", "front charts/web - - 2"]
    );
}

#[test]
fn terraform_installs_charts() {
    let release = |chart: &str| {
        format!(
            "terraform {{\n  backend \"s3\" {{}}\n}}\nresource \"helm_release\" \"front\" {{\n  name = \"front\"\n  chart = \"{chart}\"\n  namespace = \"shop\"\n  values = [yamlencode({{ replicas = 3 }})]\n}}\n"
        )
    };
    let text = release("../../charts/web");
    let local = with(&[("infra/prod/main.tf", &text)]);
    assert_eq!(releases(&local), ["front charts/web - - 1"]);
    let text = release("redis").replace(
        "  chart",
        "  repository = \"https://charts.example.org\"\n  chart",
    );
    let remote = platform(&[("infra/prod/main.tf", &text)]);
    assert_eq!(releases(&remote), ["front infra/prod - - 0"]);
    assert!(
        remote
            .scope
            .in_part
            .values()
            .flatten()
            .any(|r| r.contains("the chart redis of https"))
    );
}

#[test]
fn a_compose_file_that_only_includes_others_is_a_deployment() {
    let files = [
        (
            "web/docker-compose.yml",
            "services: {web: {image: 'r.example.net/web:1'}}\n",
        ),
        (
            "all/docker-compose.yml",
            "include:\n  - ../web/docker-compose.yml\n",
        ),
        ("all/other.yaml", "include: [a, b]\n"),
    ];
    let found = platform(&files);
    let compose = found
        .scope
        .deployments
        .iter()
        .filter(|d| d.kind == DeploymentKind::Compose);
    let roots: Vec<String> = compose.map(|d| d.root.display().to_string()).collect();
    assert_eq!(roots, ["all", "web"]);
}

#[test]
fn a_chart_skeleton_is_a_separate_place() {
    let files = [
        ("README.md", ""),
        ("starters/web/Chart.yaml", "apiVersion: v2\nname: <CHARTNAME>\n"),
        ("starters/web/templates/d.yaml", CHART[2].1),
    ];
    assert!(releases(&platform(&files)).is_empty());
}

#[test]
fn manifests_from_elsewhere_open_the_scope() {
    let found = platform(&[
        ("up.sh", "kubectl apply -f https://example.com/velero.yaml\n"),
        ("a.yaml", "a: 1\n"),
    ]);
    let openings: Vec<&str> = found.scope.openings.iter().map(|o| o.reason.as_str()).collect();
    let wanted = "`https://example.com/velero.yaml` is applied from elsewhere and was not read";
    assert!(openings.contains(&wanted), "{openings:?}");
}

#[test]
fn the_address_of_a_cluster_names_it() {
    let cluster = |destination: &str| {
        let app = format!(
            "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {{name: x}}\nspec:\n  source: {{repoURL: 'https://r', path: charts/web}}\n  destination: {{{destination}}}\n"
        );
        let found = with(&[("apps/x.yaml", &app)]);
        found
            .scope
            .deployments
            .iter()
            .find(|d| d.kind == DeploymentKind::Helm)
            .and_then(|d| d.cluster.clone())
    };
    assert_eq!(
        cluster("server: 'https://api.eu1.example.net:6443'").as_deref(),
        Some("api.eu1.example.net")
    );
    assert_eq!(cluster("name: eu1").as_deref(), Some("eu1"));
    for own in [
        "server: 'https://kubernetes.default.svc'",
        "name: in-cluster",
        "server: 'https://{{url}}'",
        "server: 'https://'",
        "server: 'https://${HOST}'",
        "name: '${CLUSTER}'",
        "name: ''",
    ] {
        assert_eq!(cluster(own), None, "{own}");
    }
}

#[test]
fn files_of_a_failed_build_are_not_a_deployment_of_manifests() {
    let config = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\n";
    let broken = ("k8s/kustomization.yaml", "resources: [c.yaml, gone.yaml]\n");
    let kinds = |files: &[(&str, &str)]| {
        let found = platform(files);
        let shown =
            |d: &cofferdam_model::Deployment| format!("{} {} {}", d.kind.name(), d.root.display(), d.objects);
        found.scope.deployments.iter().map(shown).collect::<Vec<_>>()
    };
    assert_eq!(kinds(&[broken, ("k8s/c.yaml", config)]), ["kustomize k8s 0"]);
    let with_plain = kinds(&[broken, ("k8s/c.yaml", config), ("plain/d.yaml", config)]);
    assert_eq!(with_plain.len(), 2, "{with_plain:?}");
    assert!(
        with_plain[1].starts_with("manifests ") && with_plain[1].ends_with(" 1"),
        "{with_plain:?}"
    );
}

/// How much is known of the workloads of an installed chart with one template.
fn completeness(template: &str, values: &str, application: &str) -> Vec<(String, Completeness)> {
    let source = format!(
        "{{repoURL: 'https://git.example.com/p.git', path: charts/web, helm: {{releaseName: web{application}}}}}"
    );
    let application = format!(
        "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {{name: web}}\nspec: {{source: {source}, destination: {{namespace: shop}}}}\n"
    );
    let platform = platform(&[
        (
            "charts/web/Chart.yaml",
            "apiVersion: v2\nname: web\nversion: 1.0.0\n",
        ),
        ("charts/web/values.yaml", values),
        ("charts/web/templates/d.yaml", template),
        ("argocd/web.yaml", &application),
    ]);
    let workloads = platform.environments[0].workloads.iter();
    workloads.map(|w| (w.id.name.clone(), w.completeness)).collect()
}

#[test]
fn what_a_template_gives_whatever_is_unknown_is_whole() {
    let pod = |name: &str, more: &str| {
        format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}}}\nspec:\n  containers:\n    - name: a\n      image: '{{{{ .Values.image }}}}'\n{more}\n"
        )
    };
    let template = [
        pod("literal", ""),
        pod("known", "{{- if .Values.on }}\n      workingDir: /x\n{{- end }}"),
        pod("value", "      env: [{name: A, value: '{{ lookup \"v1\" }}'}]"),
        pod(
            "condition",
            "{{- if .Capabilities.X }}\n      workingDir: /x\n{{- end }}",
        ),
        pod(
            "list",
            "{{- range .Capabilities.X }}\n      {{ . }}: 1\n{{- end }}",
        ),
        pod("fields", "      {{- include \"elsewhere\" . | nindent 6 }}"),
    ]
    .join("---\n");
    let found = completeness(&template, "image: 'r.io/a:1'\non: true\n", "");
    let whole: Vec<&str> = (found.iter())
        .filter(|(_, completeness)| *completeness == Completeness::Whole)
        .map(|(name, _)| name.as_str())
        .collect();
    assert_eq!(found.len(), 6, "{found:?}");
    assert_eq!(whole, ["literal", "known", "value"]);
}

#[test]
fn a_name_that_a_helper_gives_inside_a_line_is_unknown_and_not_missing() {
    let template = "{{- define \"place\" -}}\n  {{- .Release.Namespace -}}\n{{- end -}}\napiVersion: v1\nkind: Pod\nmetadata:\n  name: p\nspec:\n  containers:\n    - name: {{ template \"place\" . }}\n      image: a:1\n";
    assert_eq!(
        completeness(template, "{}", ""),
        [("p".to_owned(), Completeness::Fragment)]
    );
}

#[test]
fn objects_of_operators_alone_are_a_deployment_where_they_are() {
    let app = |name: &str| {
        format!(
            "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {{name: {name}}}\nspec:\n  source: {{repoURL: 'https://charts.example', chart: {name}, targetRevision: 1.0.0}}\n  destination: {{server: 'https://prd.example:6443', namespace: x}}\n"
        )
    };
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: c, image: x}]}\n";
    let all = platform(&[
        ("README.md", ""),
        ("apps/eu/web.yaml", &app("web")),
        ("apps/us/api.yaml", &app("api")),
        ("k8s/p.yaml", pod),
    ]);
    let of_kind = |kind: DeploymentKind| -> Vec<(String, Option<&str>)> {
        (all.scope.deployments.iter())
            .filter(|d| d.kind == kind)
            .map(|d| (d.root.display().to_string(), d.cluster.as_deref()))
            .collect()
    };
    assert_eq!(
        of_kind(DeploymentKind::Manifests),
        [("apps".to_owned(), None), ("k8s".to_owned(), None)]
    );
    // The chart was not read, and its cluster is known.
    assert_eq!(
        of_kind(DeploymentKind::Helm),
        [
            ("apps/eu/web.yaml".to_owned(), Some("prd.example")),
            ("apps/us/api.yaml".to_owned(), Some("prd.example"))
        ]
    );
}
