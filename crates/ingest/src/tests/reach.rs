//! What is deployed, what only looks like it, and which findings something that was not read makes uncertain.

use crate::pipeline::read_files;
use cofferdam_model::{Absence, Apart, DeploymentKind, FileId, Near, Platform};
use std::path::Path;

fn platform(files: &[(&str, &str)]) -> Platform {
    read_files(files.iter().map(|(p, t)| ((*p).into(), t.as_bytes().to_vec())))
}

/// A file by its path.
fn file(platform: &Platform, path: &str) -> Option<FileId> {
    let mut files = platform.sources.iter();
    files.find_map(|(id, file)| (file.path == Path::new(path)).then_some(id))
}

/// Why something of this kind may exist for what stands in a file.
fn reason(platform: &Platform, kind: Absence, path: &str) -> Option<String> {
    let file = file(platform, path)?;
    let env = &platform.environments[0];
    let near = Near {
        title: "",
        is_compose: false,
        files: vec![file],
        path: Some(Path::new(path)),
        namespace: None,
        cluster: None,
    };
    let found = platform.scope.open_near(kind, (env.project, &env.name), &near);
    found.map(|opening| opening.reason.clone())
}

/// Why a file is separate from the platform.
fn apart(platform: &Platform, path: &str) -> Option<Apart> {
    let file = file(platform, path)?;
    platform.scope.apart.get(&file).copied()
}

const WEB: &str = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {template: {spec: {containers: [{name: web, image: 'web:1'}]}}}\n";
const CONFIG: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\n";

fn release(name: &str, namespace: &str) -> String {
    format!(
        "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {{name: {name}, namespace: {namespace}}}\nspec: {{chart: {{spec: {{chart: {name}, sourceRef: {{kind: HelmRepository, name: all}}}}}}}}\n"
    )
}

#[test]
fn a_chart_brings_nothing_to_other_namespaces() {
    let (cache, queue, reflector) = (
        release("cache", "shop"),
        release("queue", "till"),
        release("reflector", "x"),
    );
    let of = |namespace: &str| format!("namespace: {namespace}\nresources: [web.yaml, release.yaml]\n");
    let (shop, till, other) = (
        of("shop"),
        of("till"),
        "namespace: other\nresources: [web.yaml]\n",
    );
    let mut files = vec![
        ("k8s/shop/kustomization.yaml", shop.as_str()),
        ("k8s/shop/web.yaml", WEB),
        ("k8s/shop/release.yaml", cache.as_str()),
        ("k8s/till/kustomization.yaml", till.as_str()),
        ("k8s/till/web.yaml", WEB),
        ("k8s/till/release.yaml", queue.as_str()),
        ("k8s/other/kustomization.yaml", other),
        ("k8s/other/web.yaml", WEB),
    ];
    let found = platform(&files);
    let named =
        |platform: &Platform, path: &str| reason(platform, Absence::Service, path).unwrap_or_default();
    assert!(named(&found, "k8s/shop/web.yaml").contains("chart cache"));
    assert!(named(&found, "k8s/till/web.yaml").contains("chart queue"));
    assert_eq!(named(&found, "k8s/other/web.yaml"), "");
    files.push(("k8s/tools/release.yaml", reflector.as_str()));
    assert!(named(&platform(&files), "k8s/other/web.yaml").contains("chart reflector"));
}

#[test]
fn an_application_brings_nothing_to_other_namespaces() {
    let open = |destination: &str| {
        let app = format!(
            "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {{name: far, namespace: argocd}}\nspec:\n  source: {{repoURL: 'https://example.org/x.git', path: far}}\n  destination: {{{destination}}}\n"
        );
        let found = platform(&[
            ("argo/kustomization.yaml", "resources: [app.yaml]\n"),
            ("argo/app.yaml", &app),
            (
                "k8s/shop/kustomization.yaml",
                "namespace: shop\nresources: [web.yaml]\n",
            ),
            ("k8s/shop/web.yaml", WEB),
        ]);
        let of =
            |kind| reason(&found, kind, "k8s/shop/web.yaml").is_some_and(|r| r.contains("directory far"));
        [of(Absence::Service), of(Absence::NetworkPolicy)]
    };
    assert_eq!(open("namespace: shop"), [true, true]);
    assert_eq!(open("namespace: till"), [false, true]);
    // Without one it may go anywhere.
    assert_eq!(open("name: in-cluster"), [true, true]);
}

#[test]
fn a_build_that_was_not_made_opens_only_itself() {
    let files = |broken: &'static str, text: &'static str| {
        platform(&[
            (
                "shop/kustomization.yaml",
                "namespace: shop\nresources: [web.yaml]\n",
            ),
            ("shop/web.yaml", WEB),
            (broken, text),
        ])
    };
    let failed = files("broken/kustomization.yaml", "resources: [gone.yaml]\n");
    assert_eq!(reason(&failed, Absence::Service, "shop/web.yaml"), None);
    assert!(reason(&failed, Absence::Service, "broken/kustomization.yaml").is_some());
    assert!(
        reason(&failed, Absence::Alert, "shop/web.yaml").is_some_and(|r| r.contains("could not be built"))
    );
    // Where an application says what is deployed, what none names is deployed nowhere.
    let app = "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: shop}\nspec: {source: {repoURL: r, path: k8s/shop}, destination: {namespace: shop}}\n";
    let named = platform(&[
        ("k8s/shop/kustomization.yaml", "resources: [web.yaml]\n"),
        ("k8s/shop/web.yaml", WEB),
        ("k8s/broken/kustomization.yaml", "resources: [gone.yaml]\n"),
        ("argo/app.yaml", app),
    ]);
    let alert = reason(&named, Absence::Alert, "k8s/shop/web.yaml").unwrap_or_default();
    assert!(!alert.contains("could not be built"), "{alert}");
    // A component that nothing uses is deployed by nothing.
    let component = files(
        "components/x/y/kustomization.yaml",
        "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nresources: ['https://example.org/x.yaml']\n",
    );
    let alert = reason(&component, Absence::Alert, "shop/web.yaml").unwrap_or_default();
    assert!(!alert.contains("example.org"), "{alert}");
}

#[test]
fn a_resource_that_only_describes_something_opens_nothing() {
    let open = |api: &str, kind: &str| {
        let object = format!(
            "apiVersion: {api}/v1\nkind: {kind}\nmetadata: {{name: x, namespace: shop}}\nspec: {{a: 1}}\n"
        );
        let web = WEB.replace("name: web}\nspec", "name: web, namespace: shop}\nspec");
        let found = platform(&[("k8s/x.yaml", object.as_str()), ("k8s/web.yaml", web.as_str())]);
        [Absence::Workload, Absence::Secret]
            .map(|kind| reason(&found, kind, "k8s/web.yaml").is_some_and(|r| r.contains("operator")))
    };
    assert_eq!(open("backstage.io", "Component"), [false, false]);
    assert_eq!(
        open("grafana.integreatly.org", "GrafanaDashboard"),
        [false, false]
    );
    assert_eq!(open("ricoberger.de", "VaultSecret"), [false, true]);
    assert_eq!(open("example.org", "Harbour"), [true, true]);
}

#[test]
fn a_state_that_a_root_here_stores_is_not_made_elsewhere() {
    let reader = "terraform {\n  backend \"s3\" {\n    bucket = \"states\"\n    key = \"app\"\n  }\n}\ndata \"terraform_remote_state\" \"shared\" {\n  backend = \"s3\"\n  config = {\n    bucket = \"states\"\n    key = \"shared\"\n  }\n}\n";
    let root = |key: &str| {
        format!(
            "terraform {{\n  backend \"s3\" {{\n    bucket = \"states\"\n    key = \"{key}\"\n  }}\n}}\nresource \"aws_sqs_queue\" \"q\" {{\n  name = \"q\"\n}}\n"
        )
    };
    for (key, wanted) in [("shared", false), ("other", true)] {
        let other = root(key);
        let found = platform(&[("app/main.tf", reader), ("shared/main.tf", &other)]);
        let all = &found.scope.openings;
        assert_eq!(
            all.iter().any(|o| o.reason.contains("only looked up")),
            wanted,
            "{key}"
        );
    }
}

#[test]
fn what_a_test_applies_is_no_part_of_the_platform() {
    for (path, api, kind) in [
        (
            "policies/x/check/test.yaml",
            "chainsaw.kyverno.io/v1alpha1",
            "Test",
        ),
        ("policies/x/check/test.yaml", "cli.kyverno.io/v1alpha1", "Test"),
        (
            "policies/x/check/00-assert.yaml",
            "kuttl.dev/v1beta1",
            "TestAssert",
        ),
    ] {
        let test = format!("apiVersion: {api}\nkind: {kind}\nmetadata: {{name: x}}\n");
        let files = [
            (path, test.as_str()),
            ("policies/x/check/resources/web.yaml", WEB),
            ("policies/x/web.yaml", WEB),
        ];
        let found = platform(&files);
        assert_eq!(
            apart(&found, "policies/x/check/resources/web.yaml"),
            Some(Apart::Tests),
            "{api}"
        );
        assert_eq!(apart(&found, "policies/x/web.yaml"), None, "{api}");
    }
    // What is built is deployed, whatever lies beside it.
    let found = platform(&[
        (
            "x/test.yaml",
            "apiVersion: chainsaw.kyverno.io/v1alpha1\nkind: Test\nmetadata: {name: x}\n",
        ),
        ("x/kustomization.yaml", "resources: [web.yaml]\n"),
        ("x/web.yaml", WEB),
    ]);
    assert_eq!(apart(&found, "x/web.yaml"), None);
}

#[test]
fn a_manifest_called_example_beside_code_is_an_example() {
    let code = ("images/init/main.py", "print(1)\n");
    let found = |files: &[(&str, &str)]| platform(files);
    assert_eq!(
        apart(
            &found(&[("images/init/example.yml", WEB), code]),
            "images/init/example.yml"
        ),
        Some(Apart::Examples)
    );
    assert_eq!(
        apart(&found(&[("k8s/example.yml", WEB)]), "k8s/example.yml"),
        None
    );
    let other = ("images/init/config.yaml", CONFIG);
    assert_eq!(
        apart(
            &found(&[("images/init/example.yml", WEB), code, other]),
            "images/init/example.yml"
        ),
        None
    );
    let used = ("images/init/kustomization.yaml", "resources: [example.yml]\n");
    assert_eq!(
        apart(
            &found(&[("images/init/example.yml", WEB), code, used]),
            "images/init/example.yml"
        ),
        None
    );
    assert_eq!(
        apart(
            &found(&[("images/init/example-app.yml", WEB), code]),
            "images/init/example-app.yml"
        ),
        None
    );
}

#[test]
fn a_directory_beside_those_that_a_build_takes_is_deployed_by_nothing() {
    let files = [
        (
            "deploy/kustomize/kustomization.yaml",
            "resources: [../services/a.yaml, ../config/b.yaml]\n",
        ),
        ("deploy/services/a.yaml", WEB),
        ("deploy/config/b.yaml", CONFIG),
        ("deploy/extra/c.yaml", WEB),
        ("other/d.yaml", WEB),
    ];
    let found = platform(&files);
    assert_eq!(apart(&found, "deploy/extra/c.yaml"), Some(Apart::Unused));
    assert_eq!(apart(&found, "other/d.yaml"), None);
    // One directory says nothing of the others.
    let found = platform(&[
        (
            "deploy/kustomize/kustomization.yaml",
            "resources: [../services/a.yaml]\n",
        ),
        files[1],
        files[3],
    ]);
    assert_eq!(apart(&found, "deploy/extra/c.yaml"), None);
}

#[test]
fn a_directory_that_a_kustomization_leaves_out_is_deployed_by_nothing() {
    let unused = |resources: &str| {
        let top = format!("resources: [{resources}]\n");
        let found = platform(&[
            ("k8s/web/kustomization.yaml", &top),
            ("k8s/web/a/kustomization.yaml", "resources: [a.yaml]\n"),
            ("k8s/web/a/a.yaml", WEB),
            ("k8s/web/b/kustomization.yaml", "resources: [b.yaml]\n"),
            ("k8s/web/b/b.yaml", CONFIG),
            ("k8s/web/jobs/c.yaml", WEB),
        ]);
        apart(&found, "k8s/web/jobs/c.yaml")
    };
    assert_eq!(unused("a, ./b"), Some(Apart::Unused));
    assert_eq!(unused("a, b, jobs/c.yaml"), None);
    // One directory says nothing of the others.
    assert_eq!(unused("a"), None);
}

#[test]
fn an_application_set_counts_as_overlays_build_it() {
    let set = "apiVersion: argoproj.io/v1alpha1\nkind: ApplicationSet\nmetadata: {name: web}\nspec:\n  generators:\n  - merge:\n      mergeKeys: [nameNormalized]\n      generators:\n      - clusters: {values: {environment: staging, dir: base}}\n      - list: {elements: [{nameNormalized: hill, values.dir: hill}, {nameNormalized: dale, values.dir: dale}]}\n  template:\n    metadata: {name: 'web-{{nameNormalized}}'}\n    spec:\n      source: {repoURL: r, path: 'web/{{values.environment}}/{{values.dir}}'}\n      destination: {server: '{{server}}', namespace: shop}\n";
    let patch = "- op: replace\n  path: /spec/generators/0/merge/generators/0/clusters/values/environment\n  value: production\n";
    let production = "resources: [../base]\npatches: [{path: patch.yaml, target: {kind: ApplicationSet}}]\n";
    let own = "resources: [web.yaml]\n";
    let found = platform(&[
        ("argo/base/kustomization.yaml", "resources: [set.yaml]\n"),
        ("argo/base/set.yaml", set),
        ("argo/staging/kustomization.yaml", "resources: [../base]\n"),
        ("argo/production/kustomization.yaml", production),
        ("argo/production/patch.yaml", patch),
        ("web/staging/hill/kustomization.yaml", own),
        ("web/staging/hill/web.yaml", WEB),
        ("web/production/dale/kustomization.yaml", own),
        ("web/production/dale/web.yaml", WEB),
    ]);
    let all = found.scope.deployments.iter();
    let web: Vec<String> = all
        .filter(|d| d.kind == DeploymentKind::Kustomize && d.root.starts_with("web"))
        .map(|d| format!("{} {:?} {:?}", d.root.display(), d.environment, d.cluster))
        .collect();
    assert_eq!(
        web,
        [
            "web/production/dale Some(\"production\") Some(\"dale\")",
            "web/staging/hill Some(\"staging\") Some(\"hill\")",
        ]
    );
    // Each cluster is judged by itself, and nothing is missing that only another one has.
    let judged: Vec<(&str, Option<&str>)> = found
        .environments
        .iter()
        .map(|e| (e.name.as_str(), e.cluster.as_deref()))
        .collect();
    assert_eq!(judged, [("production", Some("dale")), ("staging", Some("hill"))]);
    assert!(found.environments.iter().all(|e| e.dangling.is_empty()));
}

/// A workload that names a Service in a route.
fn route(namespace: &str, service: &str) -> String {
    format!(
        "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {{name: web, namespace: {namespace}}}\nspec: {{rules: [{{http: {{paths: [{{path: /, pathType: Prefix, backend: {{service: {{name: {service}, port: {{number: 80}}}}}}}}]}}}}]}}\n"
    )
}

#[test]
fn what_an_unread_release_makes_is_not_missing() {
    let missing = |route: &str| {
        let chart = release("forge", "shop");
        let found = platform(&[("k8s/forge.yaml", &chart), ("k8s/route.yaml", route)]);
        found
            .environments
            .iter()
            .map(|env| env.dangling.len())
            .sum::<usize>()
    };
    for (namespace, service, wanted) in [
        ("shop", "forge", 0),
        ("shop", "forge-http", 0),
        ("shop", "forgery", 1),
        ("shop", "till", 1),
        ("till", "forge-http", 1),
    ] {
        assert_eq!(
            missing(&route(namespace, service)),
            wanted,
            "{namespace}/{service}"
        );
    }
}

#[test]
fn files_of_a_build_that_fails_are_not_deployed_as_they_are() {
    let found = platform(&[
        (
            "k8s/broken/kustomization.yaml",
            "resources: [gone.yaml, web.yaml, ../shared]\n",
        ),
        ("k8s/broken/web.yaml", WEB),
        ("k8s/shared/kustomization.yaml", "resources: [c.yaml]\n"),
        ("k8s/shared/c.yaml", CONFIG),
        ("k8s/sound/kustomization.yaml", "resources: [../shared]\n"),
    ]);
    let unbuilt: Vec<&Path> = found
        .scope
        .unbuilt
        .iter()
        .map(|file| found.sources.path(*file))
        .collect();
    assert_eq!(unbuilt, [Path::new("k8s/broken/web.yaml")]);
    // A base that nothing uses is deployed nowhere at all.
    let base = platform(&[("k8s/base/kustomization.yaml", "resources: [gone.yaml]\n")]);
    assert_eq!(base.scope.unbuilt.len(), 1);
}

#[test]
fn a_missing_file_is_missing_where_it_is_named() {
    let app = |name: &str, files: &str| {
        format!(
            "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {{name: web-{name}}}\nspec:\n  source: {{repoURL: r, path: charts/web, helm: {{valueFiles: [{files}]}}}}\n  destination: {{name: {name}, namespace: shop}}\n"
        )
    };
    let (dev, prod) = (
        app("dev", "values-dev.yaml"),
        app("prod", "values-prod.yaml, values-prod-eu.yaml"),
    );
    let found = platform(&[
        ("argocd/web-dev.yaml", &dev),
        ("argocd/web-prod.yaml", &prod),
        ("charts/web/Chart.yaml", "apiVersion: v2\nname: web\n"),
        ("charts/web/values-dev.yaml", "a: 1\n"),
        ("charts/web/values-prod.yaml", "a: 1\n"),
        ("charts/web/templates/web.yaml", WEB),
    ]);
    let missing = found.environments.iter().filter(|env| !env.dangling.is_empty());
    let names: Vec<&str> = missing.map(|env| env.name.as_str()).collect();
    assert_eq!(names, ["production"]);
}

#[test]
fn one_file_of_values_that_nothing_takes_is_no_release() {
    let files = [
        ("charts/web/Chart.yaml", "apiVersion: v2\nname: web\n"),
        ("charts/web/values.yaml", "a: 1\n"),
        ("charts/web/values-prod.yaml", "a: 2\n"),
        ("charts/web/templates/web.yaml", WEB),
        ("k8s/dev/c.yaml", CONFIG),
        ("k8s/prod/c.yaml", CONFIG),
        ("charts/web/values-dev.yaml", "a: 3\n"),
    ];
    let releases = |files: &[(&str, &str)]| -> Vec<Option<String>> {
        let found = platform(files);
        let all = found.scope.deployments.into_iter();
        all.filter(|d| d.kind == DeploymentKind::Helm)
            .map(|d| d.environment)
            .collect()
    };
    assert_eq!(releases(&files[..6]), [None]);
    let both = ["development", "production"].map(|name| Some(name.to_owned()));
    assert_eq!(releases(&files), both);
}

#[test]
fn what_names_no_environment_is_judged_beside_stages_before_production() {
    let names = |files: &[(&str, &str)]| -> Vec<String> {
        let all = platform(files).environments.into_iter();
        all.map(|env| env.name).collect()
    };
    let of = |name: &'static str| {
        let (kustomization, object) = match name {
            "dev" => ("k8s/overlays/dev/kustomization.yaml", "k8s/overlays/dev/a.yaml"),
            "plain" => (
                "k8s/overlays/plain/kustomization.yaml",
                "k8s/overlays/plain/a.yaml",
            ),
            _ => ("k8s/overlays/site/kustomization.yaml", "k8s/overlays/site/a.yaml"),
        };
        [(kustomization, "resources: [a.yaml]\n"), (object, CONFIG)]
    };
    let files = [of("dev"), of("plain"), of("site")].concat();
    assert_eq!(names(&files), ["default", "development"]);
}

#[test]
fn what_was_not_read_of_a_kind_is_not_said_to_be_missing() {
    let reasons = |path: &str, text: &str, kind: Absence| -> Vec<String> {
        let service = "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {ports: [{port: 80}]}\n";
        let database = "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: main}\nspec: {template: {spec: {containers: [{name: db, image: 'postgres:15', ports: [{containerPort: 5432}]}]}}}\n";
        let found = platform(&[("k8s/web.yaml", service), ("k8s/db.yaml", database), (path, text)]);
        let all = found.scope.openings.into_iter();
        all.filter(|o| o.kinds == [kind].into())
            .map(|o| o.reason)
            .collect()
    };
    let metric = "resource \"azurerm_monitor_metric_alert\" \"node\" {\n  name = \"node\"\n}\n";
    for (path, text, kind, wanted) in [
        (
            "terraform/alerts.tf",
            metric,
            Absence::Alert,
            "terraform/alerts.tf has alerts in a form",
        ),
        (
            "ops/alerts.d/a.yml",
            "- type: replace\n  value:\n    rules:\n    - alert: A\n      expr: up < 1\n",
            Absence::Alert,
            "ops/alerts.d/a.yml has alerts",
        ),
        (
            "config/node.rules.tmpl",
            "x\n",
            Absence::Alert,
            "config/node.rules.tmpl has alerts",
        ),
        (
            "k8s/backup.yaml",
            "apiVersion: velero.io/v1\nkind: Schedule\nmetadata: {name: nightly}\nspec: {schedule: '0 1 * * *'}\n",
            Absence::Backup,
            "k8s/backup.yaml has backups",
        ),
        (
            "k8s/c.yaml",
            CONFIG,
            Absence::Alert,
            "these files contain no alert",
        ),
        (
            "k8s/c.yaml",
            CONFIG,
            Absence::Backup,
            "these files contain no backup",
        ),
    ] {
        let found = reasons(path, text, kind);
        assert!(
            found.iter().any(|reason| reason.starts_with(wanted)),
            "{path}: {found:?}"
        );
    }
}

#[test]
fn secrets_of_a_helmfile_that_are_not_here_are_an_opening() {
    let of = |file: &str| {
        let helmfile = format!("releases:\n- name: web\n  chart: r/web\n  secrets: [{file}]\n");
        let found = platform(&[("deploy/helmfile.yaml", &helmfile), ("deploy/own.yaml", "a: 1\n")]);
        found
            .scope
            .openings
            .iter()
            .any(|o| o.reason.contains("holds values of a release"))
    };
    assert!(of("../../secrets/web.yaml") && !of("own.yaml"));
}
