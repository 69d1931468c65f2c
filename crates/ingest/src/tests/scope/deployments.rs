//! What is a deployment, and in which namespace and cluster it is.

use super::openings::CONFIG;
use super::values::{DATABASE, release, releases};
use super::{CHART, platform};
use cofferdam_model::DeploymentKind;

#[test]
fn only_a_terraform_root_that_is_run_is_a_deployment() {
    let count = |files: &[(&str, &str)]| {
        let mut all = vec![("main.tf", DATABASE)];
        all.extend(files);
        let deployments = platform(&all).scope.deployments;
        deployments
            .iter()
            .filter(|d| d.kind == DeploymentKind::Terraform)
            .count()
    };
    assert_eq!(count(&[]), 0);
    let nothing = platform(&[("main.tf", "provider \"aws\" {}\n")]);
    assert!(nothing.scope.deployments.is_empty(), "it makes nothing");
    assert_eq!(count(&[("provider.tf", "provider \"aws\" {}\n")]), 1);
    for backend in ["backend \"s3\" {}", "backend \"remote\" {}", "cloud {}"] {
        let text = format!("terraform {{\n  {backend}\n}}\n");
        assert_eq!(count(&[("backend.tf", &text)]), 1, "{backend}");
    }
    assert_eq!(
        count(&[("versions.tf", "terraform {\n  required_version = \"1\"\n}\n")]),
        0
    );
    assert_eq!(count(&[("prod.tfvars", "zones = true\n")]), 1);
    assert_eq!(count(&[("terragrunt.hcl", "inputs = {}\n")]), 1);
}

#[test]
fn objects_without_a_namespace_get_the_namespace_of_their_deployment() {
    let flux = |spec: &str| {
        format!(
            "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {{name: front, namespace: own}}\nspec:\n  chart: {{spec: {{chart: ./charts/web, sourceRef: {{kind: GitRepository, name: r}}}}}}\n{spec}"
        )
    };
    let targeted = flux("  targetNamespace: shop\n");
    assert_eq!(
        releases(&[("r.yaml", &targeted)]).0,
        [release("front", Some("shop"), 1)]
    );
    assert_eq!(
        releases(&[("r.yaml", &flux(""))]).0,
        [release("front", Some("own"), 1)]
    );
    let app = |path: &str| {
        format!(
            "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {{name: front}}\nspec: {{source: {{repoURL: r, path: {path}}}, destination: {{namespace: shop}}}}\n"
        )
    };
    assert_eq!(
        releases(&[("a.yaml", &app("charts/web"))]).0,
        [release("web", Some("shop"), 1)]
    );
    let helmfile = "releases: [{name: front, chart: ./charts/web, namespace: shop}]\n";
    assert_eq!(
        releases(&[("helmfile.yaml", helmfile)]).0,
        [release("front", Some("shop"), 1)]
    );
    let deployment = |namespace: &str| {
        format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: d{namespace}}}\nspec: {{replicas: 1, selector: {{matchLabels: {{a: b}}}}, template: {{metadata: {{labels: {{a: b}}}}, spec: {{containers: [{{name: c, image: x}}]}}}}}}\n"
        )
    };
    let namespaces = |files: &[(&str, &str)]| -> Vec<Option<String>> {
        let platform = platform(files);
        platform.environments[0]
            .workloads
            .iter()
            .map(|w| w.id.namespace.clone())
            .collect()
    };
    let (plain, named) = (deployment(""), deployment(", namespace: other"));
    let of_directory = app("k8s");
    let shop = || Some("shop".to_owned());
    assert_eq!(
        namespaces(&[("a.yaml", &of_directory), ("k8s/d.yaml", &plain)]),
        [shop()]
    );
    assert_eq!(
        namespaces(&[("a.yaml", &of_directory), ("k8s/d.yaml", &named)]),
        [Some("other".to_owned())]
    );
    assert_eq!(
        namespaces(&[("a.yaml", &of_directory), ("far/d.yaml", &plain)]),
        [None]
    );
    let build = ("k8s/kustomization.yaml", "resources: [d.yaml]\n");
    assert_eq!(
        namespaces(&[("a.yaml", &of_directory), ("k8s/d.yaml", &plain), build]),
        [shop()]
    );
    let apply = ("d.sh", "kubectl apply -n shop -f k8s\n");
    assert_eq!(namespaces(&[apply, ("k8s/d.yaml", &plain)]), [shop()]);
    // Two applications of one directory deploy it twice, and neither namespace is the one.
    let second = of_directory.replace("shop", "till");
    assert_eq!(
        namespaces(&[
            ("a.yaml", &of_directory),
            ("b.yaml", &second),
            ("k8s/d.yaml", &plain)
        ]),
        [None]
    );
}

fn deployments(files: &[(&str, &str)]) -> Vec<String> {
    let platform = platform(files);
    let mut shown: Vec<String> = (platform.scope.deployments.iter())
        .map(|d| {
            let cluster = d.cluster.as_ref().map_or(String::new(), |c| format!(" on {c}"));
            format!("{} {}{cluster}", d.kind.name(), d.root.display())
        })
        .collect();
    shown.sort();
    shown
}

#[test]
fn a_directory_that_an_application_deploys_is_a_deployment() {
    let app = |cluster: &str| {
        format!(
            "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {{name: x}}\nspec: {{source: {{repoURL: r, path: k8s/x}}, destination: {{{cluster}}}}}\n"
        )
    };
    let files = |app: &str| {
        deployments(&[
            ("a.yaml", app),
            ("k8s/x/cm.yaml", CONFIG.1),
            ("k8s/y/cm.yaml", CONFIG.1),
        ])
    };
    assert_eq!(
        files(&app("name: east")),
        ["manifests ", "manifests k8s/x on east", "manifests k8s/y"]
    );
    let unnamed = ["manifests ", "manifests k8s/x", "manifests k8s/y"];
    assert_eq!(files(&app("name: in-cluster")), unnamed);
    assert_eq!(
        files(&app("server: 'https://k'")),
        ["manifests ", "manifests k8s/x on k", "manifests k8s/y"]
    );
    assert_eq!(
        deployments(&[("k8s/x/cm.yaml", CONFIG.1), ("k8s/y/cm.yaml", CONFIG.1)]),
        ["manifests k8s"]
    );
}

#[test]
fn a_base_that_a_command_applies_is_a_deployment() {
    let base = [
        ("k8s/base/kustomization.yaml", "resources: [cm.yaml]\n"),
        ("k8s/base/cm.yaml", CONFIG.1),
        ("k8s/over/kustomization.yaml", "resources: [../base]\n"),
    ];
    assert_eq!(deployments(&base), ["kustomize k8s/over"]);
    let mut applied = base.to_vec();
    applied.push(("d.sh", "kubectl apply -k k8s/base\n"));
    assert_eq!(
        deployments(&applied),
        ["kustomize k8s/base", "kustomize k8s/over"]
    );
}

#[test]
fn a_compose_file_is_a_deployment_with_or_without_overrides() {
    let service = |name: &str| format!("services: {{{name}: {{image: x}}}}\n");
    let (a, b) = (service("a"), service("b"));
    let files = [
        ("compose.yaml", &*a),
        ("compose.override.yaml", &*b),
        ("compose.load.yaml", &*b),
    ];
    assert_eq!(deployments(&files), ["Compose ", "Compose compose.load.yaml"]);
    let command = (
        "up.sh",
        "docker compose -f compose.yaml -f compose.load.yaml up\n",
    );
    assert_eq!(deployments(&[files[0], files[2], command]), ["Compose "]);
    // With the command, Docker does not take the override: either one runs or the other.
    let mut named = files.to_vec();
    named.push(command);
    assert_eq!(deployments(&named), ["Compose ", "Compose compose.load.yaml"]);
    let others = [
        ("one.yaml", &*a),
        ("two.yaml", &*b),
        ("up.sh", "docker-compose -f one.yaml -f two.yaml up\n"),
    ];
    assert_eq!(deployments(&others), ["Compose one.yaml"]);
}

#[test]
fn a_root_that_a_pipeline_runs_is_a_deployment_with_open_arguments() {
    let run = |rest: &str| {
        let script = format!("terraform -chdir=infra apply {rest}\n");
        let platform = platform(&[("infra/main.tf", DATABASE), ("d.sh", &script)]);
        let count = platform
            .scope
            .deployments
            .iter()
            .filter(|d| d.kind == DeploymentKind::Terraform)
            .count();
        (count, platform.scope.default_values.len())
    };
    assert_eq!(run(""), (1, 0));
    assert_eq!(run("-var zones=$ZONES"), (1, 1));
    assert_eq!(run("-var other=1"), (1, 0));
    assert_eq!(run("-var-file=$ENV.tfvars"), (1, 1));
    // A workspace keeps variables of its own, wherever it runs.
    let cloud = platform(&[
        ("infra/main.tf", DATABASE),
        ("infra/cloud.tf", "terraform {\n  cloud {}\n}\n"),
        ("d.sh", "terraform -chdir=infra apply\n"),
    ]);
    assert_eq!(cloud.scope.default_values.len(), 1);
    let exported = "export TF_VAR_zones=true\nterraform -chdir=infra apply\n";
    let platform = platform(&[("infra/main.tf", DATABASE), ("d.sh", exported)]);
    assert_eq!(platform.scope.default_values.len(), 1);
}

#[test]
fn a_release_is_on_the_cluster_that_its_application_names() {
    let app = "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: x}\nspec: {source: {repoURL: r, path: charts/web}, destination: {name: east}}\n";
    let mut files = CHART.to_vec();
    files.push(("a.yaml", app));
    assert_eq!(deployments(&files), ["Helm charts/web on east", "manifests "]);
}

/// A workload with a pool, and the database that it names, in no namespace.
fn with_database(namespace: &str, limit: u32) -> String {
    format!(
        "apiVersion: apps/v1
kind: Deployment
metadata: {{name: web{namespace}}}
spec:
  replicas: 2
  template:
    metadata: {{labels: {{app: web}}}}
    spec:
      containers: [{{name: web, image: 'x/web:1', env: [{{name: DB_HOST, value: db}}, {{name: DB_POOL_SIZE, value: '40'}}]}}]
---
apiVersion: v1
kind: Service
metadata: {{name: db{namespace}}}
spec: {{selector: {{app: db}}, ports: [{{port: 5432}}]}}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {{name: db{namespace}}}
spec:
  serviceName: db
  template:
    metadata: {{labels: {{app: db}}}}
    spec: {{containers: [{{name: pg, image: 'postgres:16', args: [-c, max_connections={limit}]}}]}}
"
    )
}

/// For each pool of the only environment, the limit of the database that it reaches.
fn reached(files: &[(&str, &str)]) -> Vec<Option<u32>> {
    let platform = platform(files);
    let env = &platform.environments[0];
    let limit = |pool: &cofferdam_model::database::Pool| {
        let database = &env.databases[pool.database?.0];
        database.max_connections.as_ref().map(|most| most.value)
    };
    env.pools.iter().map(limit).collect()
}

#[test]
fn databases_of_one_name_in_two_deployments_are_two() {
    let (alpha, beta) = (with_database("", 100), with_database("", 200));
    let apart = reached(&[("alpha/all.yaml", &alpha), ("beta/all.yaml", &beta)]);
    assert_eq!(apart, [Some(100), Some(200)]);
    // So they are in two namespaces of one deployment.
    let (alpha, beta) = (
        with_database(", namespace: alpha", 100),
        with_database(", namespace: beta", 200),
    );
    let both = format!("{alpha}---\n{beta}");
    assert_eq!(reached(&[("all.yaml", &both)]), [Some(100), Some(200)]);
    // What two deployments put into one namespace is one thing there.
    let named = with_database(", namespace: shop", 100);
    let (database, web) = named.split_once("---\n").map(|(web, rest)| (rest, web)).unwrap();
    assert_eq!(
        reached(&[("a/web.yaml", web), ("b/db.yaml", database)]),
        [Some(100)]
    );
}

#[test]
fn the_directory_of_a_project_names_no_service() {
    let deployment = |name: &str| {
        format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}}}\nspec: {{template: {{spec: {{containers: [{{name: {name}, image: 'x/{name}:1'}}]}}}}}}\n"
        )
    };
    let (a, b) = (deployment("orders"), deployment("billing"));
    let code = "import requests\nrequests.get('http://flags/all')\n";
    let services = |top: &str| {
        let files = [
            ("k8s/orders.yaml", a.as_str()),
            ("k8s/billing.yaml", &b),
            ("services/common/flags.py", code),
            ("services/mailer/main.py", code),
            ("main.py", code),
        ];
        let paths: Vec<String> = files.iter().map(|(path, _)| format!("{top}{path}")).collect();
        let files: Vec<(&str, &str)> = paths
            .iter()
            .map(String::as_str)
            .zip(files.map(|(_, text)| text))
            .collect();
        let platform = platform(&files);
        let env = &platform.environments[0];
        let names = env.services.iter().map(|service| service.name.clone());
        let calls = env
            .calls
            .iter()
            .map(|call| env.owner_name(&call.owner).replace(top, ""));
        names.chain(calls).collect::<Vec<String>>()
    };
    let own = services("");
    assert!(own.contains(&"mailer".to_owned()), "{own:?}");
    assert_eq!(services("platform/"), own);
    assert_eq!(services("a/b/"), own);
}
