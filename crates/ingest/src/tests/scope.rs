//! What makes a scope open, what is a default, and what is a deployment.

use crate::pipeline::read_files;
use cofferdam_model::{Absence, DeploymentKind, Platform, ProjectId};

fn platform(files: &[(&str, &str)]) -> Platform {
    read_files(files.iter().map(|(p, t)| ((*p).into(), t.as_bytes().to_vec())))
}

/// Why a scope is open for a kind.
fn reason(platform: &Platform, kind: Absence) -> Option<String> {
    let env = &platform.environments[0];
    platform
        .scope
        .open_for(kind, env.project, &env.name)
        .map(|opening| opening.reason.clone())
}

/// Reasons of openings that speak of this.
fn reasons(platform: &Platform, words: &str) -> Vec<String> {
    let all = platform.scope.openings.iter().map(|o| o.reason.clone());
    all.filter(|reason| reason.contains(words)).collect()
}

fn notes(platform: &Platform) -> String {
    let notes = platform.reading.notes.iter().map(|n| format!("{}\n", n.message));
    notes.collect()
}

const CONFIG: (&str, &str) = (
    "cm.yaml",
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\n",
);

#[test]
fn a_release_of_a_remote_chart_opens_the_scope_and_is_named() {
    let release = "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {name: cache}\nspec: {chart: {spec: {chart: redis, sourceRef: {kind: HelmRepository, name: pantry}}}}\n";
    let open = platform(&[("a.yaml", release)]);
    let wanted = "the chart redis of pantry (release cache) was not read";
    assert_eq!(reason(&open, Absence::Service).as_deref(), Some(wanted));
    assert!(reason(&open, Absence::DisruptionBudget).is_none());
    assert!(
        notes(&open).contains("not judged: the chart redis of pantry (release cache)"),
        "{}",
        notes(&open)
    );
    assert!(reason(&platform(&[CONFIG]), Absence::Service).is_none());
}

#[test]
fn applications_of_other_repositories_open_the_scope() {
    let app = |source: &str| {
        format!(
            "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {{name: x}}\nspec: {{source: {{repoURL: 'https://r', {source}}}}}\n"
        )
    };
    let chart = platform(&[("a.yaml", &app("chart: loki, targetRevision: '1'"))]);
    assert_eq!(
        reason(&chart, Absence::LogRetention).as_deref(),
        Some("the chart loki of https://r (release x) was not read")
    );
    let directory = platform(&[("a.yaml", &app("path: apps/far"))]);
    let wanted = "the directory apps/far of https://r (application x) was not read";
    assert_eq!(
        reason(&directory, Absence::NetworkPolicy).as_deref(),
        Some(wanted)
    );
    assert!(notes(&directory).contains("apps/far of https://r"));
    let here = platform(&[
        ("a.yaml", &app("path: apps/near")),
        ("apps/near/cm.yaml", CONFIG.1),
    ]);
    assert!(reason(&here, Absence::Service).is_none());
    // Applications that a chart brings count as well.
    let template = platform(&[
        ("apps/Chart.yaml", "apiVersion: v2\nname: apps\n"),
        ("apps/templates/a.yaml", &app("chart: loki, targetRevision: '1'")),
    ]);
    assert!(reason(&template, Absence::Service).is_some());
}

#[test]
fn a_generator_that_asks_a_cluster_opens_the_scope() {
    let set = |generator: &str| {
        format!(
            "apiVersion: argoproj.io/v1alpha1\nkind: ApplicationSet\nmetadata: {{name: s}}\nspec:\n  generators: [{generator}]\n  template: {{metadata: {{name: x}}, spec: {{source: {{repoURL: r, path: k8s}}}}}}\n"
        )
    };
    let files = |text: &str| platform(&[("s.yaml", text), ("k8s/cm.yaml", CONFIG.1)]);
    let open = files(&set("{clusters: {}}"));
    assert_eq!(
        reason(&open, Absence::NetworkPolicy).as_deref(),
        Some("what the generator `clusters` of an ApplicationSet gives is not in the files")
    );
    assert!(notes(&open).contains("`clusters`"));
    let closed = files(&set("{list: {elements: [{env: prod}]}}"));
    assert!(reasons(&closed, "generator").is_empty());
}

#[test]
fn a_kustomization_with_a_remote_base_opens_its_own_environment() {
    let files = |resources: &str| {
        let kustomization = format!("resources: [{resources}]\n");
        platform(&[
            ("overlays/dev/kustomization.yaml", &kustomization),
            ("overlays/dev/cm.yaml", CONFIG.1),
            ("overlays/prod/kustomization.yaml", "resources: [cm.yaml]\n"),
            ("overlays/prod/cm.yaml", CONFIG.1),
        ])
    };
    let open = files("cm.yaml, 'https://github.com/o/r//base?ref=v1'");
    let is_open = |platform: &Platform, name: &str| {
        platform
            .scope
            .open_for(Absence::Service, ProjectId(0), name)
            .is_some()
    };
    assert!(is_open(&open, "development") && !is_open(&open, "production"));
    let closed = files("cm.yaml");
    assert!(!is_open(&closed, "development"));
}

#[test]
fn keys_that_were_not_read_open_the_scope_only_for_config_maps() {
    let files = |ignored: &str| {
        platform(&[
            (".gitignore", ignored),
            (
                "kustomization.yaml",
                "secretGenerator: [{name: s, envs: [.env.secret]}]\n",
            ),
        ])
    };
    let open = files(".env.secret\n");
    assert!(reason(&open, Absence::Secret).unwrap().contains("`.env.secret`"));
    assert!(reason(&open, Absence::Service).is_none());
}

#[test]
fn a_template_that_cannot_be_rendered_opens_the_scope() {
    let files = |template: &str| {
        platform(&[
            ("c/Chart.yaml", "apiVersion: v2\nname: c\n"),
            ("c/templates/a.yaml", template),
        ])
    };
    let open = files("a: {{ if }\n");
    assert_eq!(
        reason(&open, Absence::Claim).as_deref(),
        Some("a template could not be rendered")
    );
    assert!(reason(&files(CONFIG.1), Absence::Claim).is_none());
}

#[test]
fn remote_modules_open_the_scope_and_are_named() {
    let open = platform(&[(
        "main.tf",
        "module \"ledger\" {\n  source = \"r.example.org/h/database/aws\"\n}\n",
    )]);
    let wanted = "the module ledger of r.example.org/h/database/aws was not read";
    assert_eq!(reason(&open, Absence::Pooler).as_deref(), Some(wanted));
    assert!(reason(&open, Absence::Service).is_none());
    assert!(notes(&open).contains("the module ledger of r.example.org/h/database/aws"));
    let here = platform(&[
        ("main.tf", "module \"ledger\" {\n  source = \"./m\"\n}\n"),
        ("m/main.tf", "locals {\n  a = 1\n}\n"),
    ]);
    assert!(reason(&here, Absence::Pooler).is_none());
}

#[test]
fn data_sources_and_broken_files_of_terraform_open_the_scope() {
    let data = platform(&[(
        "main.tf",
        "data \"aws_backup_plan\" \"p\" {\n  plan_id = \"x\"\n}\n",
    )]);
    assert!(reasons(&data, "made elsewhere").len() == 1);
    assert_eq!(
        reason(&data, Absence::Backup).as_deref(),
        Some("data.aws_backup_plan.p is only looked up, and made elsewhere")
    );
    let made = platform(&[(
        "main.tf",
        "resource \"aws_backup_plan\" \"p\" {\n  name = \"x\"\n}\n",
    )]);
    assert!(reasons(&made, "made elsewhere").is_empty());
    let zones = platform(&[("main.tf", "data \"aws_availability_zones\" \"z\" {}\n")]);
    assert!(reasons(&zones, "made elsewhere").is_empty());
    let broken = platform(&[("main.tf", "resource \"a\" {\n")]);
    assert_eq!(
        reason(&broken, Absence::Terraform).as_deref(),
        Some("main.tf could not be read")
    );
}

#[test]
fn resources_of_unknown_operators_open_the_scope_and_those_with_pods_are_named() {
    let app = |spec: &str| {
        format!("apiVersion: example.org/v1\nkind: HarbourApp\nmetadata: {{name: parcels}}\nspec: {spec}\n")
    };
    let pods = platform(&[("a.yaml", &app("{parts: [{podSpec: {image: x}}]}"))]);
    assert!(
        reason(&pods, Absence::Workload)
            .unwrap()
            .contains("HarbourApp of example.org")
    );
    assert!(reason(&pods, Absence::DisruptionBudget).is_none());
    assert!(notes(&pods).contains("not judged"), "{}", notes(&pods));
    let plain = platform(&[("a.yaml", &app("{size: 3}"))]);
    assert!(reason(&plain, Absence::Workload).is_some());
    assert!(!notes(&plain).contains("HarbourApp"));
}

const RUNS: (&str, &str) = (
    "runs.yaml",
    "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: r}\nspec: {template: {spec: {containers: [{name: r, image: 'r:1'}]}}}\n",
);

#[test]
fn kinds_that_nothing_here_uses_are_not_reported_as_missing() {
    assert!(reasons(&platform(&[CONFIG]), "at all").is_empty());
    let runs = reasons(&platform(&[RUNS]), "at all");
    assert!(runs.iter().any(|r| r.contains("no alert at all")), "{runs:?}");
    for absent in ["topics", "backups", "pipeline", "agents"] {
        assert!(!runs.iter().any(|r| r.contains(absent)), "{runs:?}");
    }
}

#[test]
fn kinds_usually_kept_elsewhere_are_open_until_one_is_read() {
    let alert = "groups: [{name: g, rules: [{alert: A, expr: up == 0, for: 5m}]}]\n";
    let cluster = (
        "kafka.yaml",
        "apiVersion: kafka.strimzi.io/v1beta2\nkind: Kafka\nmetadata: {name: k}\nspec: {kafka: {replicas: 3}}\n",
    );
    let without = platform(&[CONFIG, RUNS, cluster]);
    let wanted = "these files contain no alert at all, so alerts may be kept in another repository";
    assert_eq!(reason(&without, Absence::Alert).as_deref(), Some(wanted));
    assert!(reason(&platform(&[CONFIG, RUNS, ("rules.yaml", alert)]), Absence::Alert).is_none());
    for (kind, text) in [
        (
            Absence::Secret,
            "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\n",
        ),
        (
            Absence::NetworkPolicy,
            "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: n}\nspec: {podSelector: {}}\n",
        ),
        (
            Absence::Topic,
            "apiVersion: kafka.strimzi.io/v1beta2\nkind: KafkaTopic\nmetadata: {name: t}\nspec: {partitions: 1}\n",
        ),
    ] {
        assert!(reason(&without, kind).is_some(), "{kind:?}");
        assert!(
            reason(&platform(&[CONFIG, RUNS, ("one.yaml", text)]), kind).is_none(),
            "{kind:?}"
        );
    }
    // What another project has says nothing of this one.
    let two = platform(&[("shop/run.yaml", RUNS.1), ("till/rules.yaml", alert)]);
    let open: Vec<bool> = (two.environments.iter())
        .map(|env| {
            two.scope
                .open_for(Absence::Alert, env.project, &env.name)
                .is_some()
        })
        .collect();
    assert!(open.contains(&true) && open.contains(&false), "{open:?}");
}

const DATABASE: &str = "variable \"zones\" {\n  default = false\n}\nresource \"aws_db_instance\" \"d\" {\n  identifier = \"d\"\n  multi_az   = var.zones\n}\n";

/// How many places are defaults that something else may set.
fn defaults(files: &[(&str, &str)]) -> usize {
    let mut all = vec![("main.tf", DATABASE)];
    all.extend(files);
    platform(&all).scope.default_values.len()
}

#[test]
fn a_default_is_open_if_something_else_may_set_it() {
    let provider = ("provider.tf", "provider \"aws\" {}\n");
    assert_eq!(defaults(&[]), 1, "a module that nothing runs");
    assert_eq!(defaults(&[provider]), 0, "a root sets its own");
    assert_eq!(
        defaults(&[("backend.tf", "terraform {\n  backend \"s3\" {}\n}\n")]),
        0
    );
    assert_eq!(defaults(&[("terraform.tfvars", "other = 1\n")]), 0);
    let cloud = ("cloud.tf", "terraform {\n  cloud {}\n}\n");
    assert_eq!(defaults(&[cloud]), 1, "a workspace keeps variables of its own");
    let remote = ("remote.tf", "terraform {\n  backend \"remote\" {}\n}\n");
    assert_eq!(defaults(&[remote]), 1, "so does its older form");
    assert_eq!(defaults(&[provider, (".gitignore", "*.tfvars\n")]), 1);
    let read = ("terraform.tfvars", "other = 1\n");
    assert_eq!(defaults(&[provider, (".gitignore", "*.tfvars\n"), read]), 0);
    let unit = |text| ("terragrunt.hcl", text);
    assert_eq!(defaults(&[unit("inputs = {\n  zones = true\n}\n")]), 1);
    assert_eq!(defaults(&[unit("inputs = {\n  other = true\n}\n")]), 0);
    assert_eq!(defaults(&[unit("inputs = merge(local.a, local.b)\n")]), 1);
    let many = [("one.tfvars", "zones = true\n"), ("two.tfvars", "other = 1\n")];
    assert_eq!(defaults(&many), 1, "nobody knows which file is used");
    let others = [("one.tfvars", "other = true\n"), ("two.tfvars", "other = 1\n")];
    assert_eq!(defaults(&others), 0);
}

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

const CHART: &[(&str, &str)] = &[
    ("charts/web/Chart.yaml", "apiVersion: v2\nname: web\n"),
    ("charts/web/values.yaml", "replicas: 1\n"),
    (
        "charts/web/templates/d.yaml",
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: '{{ .Release.Name }}'}\nspec:\n  replicas: {{ .Values.replicas }}\n  template: {spec: {containers: [{name: a, image: x}]}}\n",
    ),
];

/// Names, namespaces and replicas of what the chart and these files run, and whether its values are defaults.
fn releases(files: &[(&str, &str)]) -> (Vec<(String, Option<String>, u32)>, bool) {
    let mut all = CHART.to_vec();
    all.extend(files);
    let platform = platform(&all);
    let workloads = platform.environments.iter().flat_map(|env| &env.workloads);
    let shown = workloads
        .map(|w| {
            (
                w.id.name.clone(),
                w.id.namespace.clone(),
                w.replicas.as_ref().unwrap().value,
            )
        })
        .collect();
    (shown, !platform.scope.default_files.is_empty())
}

fn release(name: &str, namespace: Option<&str>, replicas: u32) -> (String, Option<String>, u32) {
    (name.to_owned(), namespace.map(str::to_owned), replicas)
}

#[test]
fn values_of_a_chart_that_a_command_installs_are_not_defaults() {
    assert_eq!(releases(&[]), (vec![release("web", None, 1)], true));
    let values = ("big.yaml", "replicas: 5\n");
    let command = |rest: &str| format!("helm upgrade --install front charts/web {rest}\n");
    let with = |rest: &str| releases(&[("deploy.sh", &command(rest)), values]);
    assert_eq!(with(""), (vec![release("front", None, 1)], false));
    assert_eq!(
        with("-n shop -f big.yaml"),
        (vec![release("front", Some("shop"), 5)], false)
    );
    assert_eq!(
        with("-f big.yaml --set replicas=7"),
        (vec![release("front", None, 7)], false)
    );
    // What the script fills in is one value that is not known; a file may set anything.
    assert_eq!(with("--set image=$TAG"), (vec![release("front", None, 1)], false));
    assert_eq!(with("-f $FILE"), (vec![release("front", None, 1)], true));
    // What picks the values of an environment by name is one release for each.
    let prod = [
        ("charts/web/values-prod.yaml", "replicas: 9\n"),
        ("charts/web/values-dev.yaml", "replicas: 2\n"),
        (
            "deploy.sh",
            "helm upgrade --install front charts/web -f charts/web/values-$ENV.yaml\n",
        ),
    ];
    let (mut found, by_default) = releases(&prod);
    found.sort();
    assert_eq!(
        (found, by_default),
        (vec![release("front", None, 2), release("front", None, 9)], false)
    );
}

#[test]
fn a_remote_chart_that_a_command_installs_opens_the_scope() {
    let open = platform(&[("d.sh", "helm install cache bitnami/redis\n")]);
    assert_eq!(
        reason(&open, Absence::Service).as_deref(),
        Some("the chart redis of bitnami (release cache) was not read")
    );
    assert!(
        reason(
            &platform(&[("d.sh", "helm install cache ./redis\n")]),
            Absence::Service
        )
        .is_none()
    );
    assert!(
        reason(
            &platform(&[("d.sh", "helm install cache redis\n")]),
            Absence::Service
        )
        .is_none()
    );
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
    let mut named = files.to_vec();
    named.push((
        "up.sh",
        "docker compose -f compose.yaml -f compose.load.yaml up\n",
    ));
    assert_eq!(deployments(&named), ["Compose "]);
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
fn value_files_of_another_project_set_nothing() {
    let zones = |files: &[(&str, &str)]| {
        let platform = platform(files);
        let env = platform
            .environments
            .iter()
            .find(|env| !env.databases.is_empty())
            .unwrap();
        env.databases[0].multi_zone.as_ref().map(|fact| fact.value)
    };
    let root = ("shop/infra/main.tf", DATABASE);
    assert_eq!(
        zones(&[root, ("shop/values/a.tfvars", "zones = true\n")]),
        Some(true)
    );
    assert_eq!(
        zones(&[root, ("till/values/a.tfvars", "zones = true\n")]),
        Some(false)
    );
    // Nor does that of a repository inside.
    let inside = |top: (&str, &str)| {
        zones(&[
            ("main.tf", DATABASE),
            ("k8s/a.yaml", "a: 1\n"),
            top,
            ("tools/x/zones.tfvars", "zones = true\n"),
        ])
    };
    assert_eq!(inside(("tools/x/.gitlab-ci.yml", "a: {}\n")), Some(false));
    assert_eq!(inside(("tools/x/a.yaml", "a: 1\n")), Some(true));
}

#[test]
fn a_value_that_names_an_environment_is_enough_alone() {
    let names = |files: &[(&str, &str)]| -> Vec<String> {
        platform(files)
            .environments
            .iter()
            .map(|env| env.name.clone())
            .collect()
    };
    let build = |rest: &str| format!("resources: [cm.yaml]\n{rest}");
    let kustomize = |rest: &str| names(&[("k/kustomization.yaml", &build(rest)), ("k/cm.yaml", CONFIG.1)]);
    assert_eq!(kustomize(""), ["default"]);
    assert_eq!(kustomize("commonLabels: {environment: prod}\n"), ["production"]);
    assert_eq!(kustomize("namespace: shop-staging\n"), ["staging"]);
    let root = |values: &str| names(&[("main.tf", DATABASE), ("terraform.tfvars", values)]);
    assert_eq!(root("zones = true\n"), ["default"]);
    for name in ["environment", "env", "stage"] {
        assert_eq!(root(&format!("{name} = \"prod\"\n")), ["production"], "{name}");
    }
    assert_eq!(root("stage = \"blue\"\n"), ["default"]);
}

#[test]
fn a_release_is_on_the_cluster_that_its_application_names() {
    let app = "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: x}\nspec: {source: {repoURL: r, path: charts/web}, destination: {name: east}}\n";
    let mut files = CHART.to_vec();
    files.push(("a.yaml", app));
    assert_eq!(deployments(&files), ["Helm charts/web on east", "manifests "]);
}

#[test]
fn a_literal_in_a_chart_that_nothing_installs_is_not_a_default() {
    let template = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: '{{ .Release.Name }}-a'\n  labels:\n    fixed: here\n    set: '{{ .Values.a }}'\nspec: {containers: [{name: c, image: x}]}\n{{- if .Values.more }}\n---\napiVersion: v1\nkind: Pod\nmetadata: {name: b, labels: {fixed: there}}\nspec: {containers: [{name: c, image: x}]}\n{{- end }}\n";
    let files = [
        ("c/Chart.yaml", "apiVersion: v2\nname: c\n"),
        ("c/values.yaml", "a: 1\nmore: true\n"),
        ("c/templates/a.yaml", template),
        (
            "compose.yaml",
            "services: {a: {image: 'x:${TAG:-1}'}, b: {image: 'y:1'}}\n",
        ),
    ];
    let platform = platform(&files);
    let is_default = |span| platform.scope.is_default(span);
    let pods = &platform.environments[0].workloads;
    let [a, b] = ["c-a", "b"].map(|name| pods.iter().find(|pod| pod.id.name == name).unwrap());
    assert!(!is_default(a.span), "the name of a release is no value");
    assert!(is_default(a.labels["set"].span().unwrap()));
    assert!(is_default(b.span) && is_default(b.labels["fixed"].span().unwrap()));
    assert!(!is_default(a.labels["fixed"].span().unwrap()));
    assert_eq!(
        platform.scope.default_values.len(),
        3,
        "a line and a branch of the template, and the default of an image"
    );
}

#[test]
fn a_value_file_belongs_to_the_roots_that_declare_most_of_its_variables() {
    let roots = |values: &str| {
        let other = format!("{DATABASE}variable \"size\" {{\n  default = 1\n}}\n");
        let platform = platform(&[
            ("README.md", ""),
            ("one/main.tf", DATABASE),
            ("two/main.tf", &other),
            ("values/x.tfvars", values),
        ]);
        let all = platform.scope.deployments.iter();
        all.map(|d| d.root.display().to_string())
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!(roots("other = 1\n"), "");
    assert_eq!(roots("zones = true\n"), "one two");
    assert_eq!(roots("zones = true\nsize = 2\n"), "two");
}

#[test]
fn a_value_file_next_to_those_of_environments_is_not_assigned() {
    let zones = |files: &[(&str, &str)]| {
        let mut all = vec![("main.tf", DATABASE), ("x.tfvars", "zones = true\n")];
        all.extend(files);
        let all = platform(&all).environments;
        let fact = all[0].databases[0].multi_zone.as_ref();
        fact.map(|fact| fact.value)
    };
    assert_eq!(zones(&[]), Some(true), "the only one is the one that is used");
    let of_environments = [("prod.tfvars", "other = 1\n"), ("dev.tfvars", "other = 1\n")];
    assert_eq!(zones(&of_environments), Some(false));
}

#[test]
fn only_what_may_change_values_makes_values_of_a_build_open() {
    let altered = |kustomization: &str, plugin: &str| {
        let web = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\n";
        let plugin = format!("apiVersion: example.com/v1\nkind: {plugin}\nmetadata: {{name: x}}\n");
        let platform = platform(&[
            (
                "k/kustomization.yaml",
                &format!("resources: [web.yaml]\n{kustomization}\n"),
            ),
            ("k/web.yaml", web),
            ("k/p.yaml", &plugin),
        ]);
        platform.scope.altered.len()
    };
    assert_eq!(altered("transformers: [p.yaml]", "SetAll"), 1);
    assert_eq!(altered("generators: [p.yaml]", "MakeAll"), 0, "it only adds");
    assert_eq!(altered("", "MakeAll"), 0);
}

#[test]
fn a_chart_that_is_no_yaml_hides_nothing_and_a_broken_manifest_may() {
    let with = |path: &str| {
        let chart = ("c/Chart.yaml", "apiVersion: v2\nname: c\nversion: 1.0.0\n");
        let broken = "apiVersion: v1\nkind: Service\nmetadata:\n  name: a\n  labels: [\n";
        reasons(&platform(&[chart, (path, broken)]), "could not be read")
    };
    assert_eq!(with("k8s/a.yaml").len(), 1);
    assert_eq!(with("c/templates/a.yaml"), [""; 0]);
}

#[test]
fn only_compose_files_open_the_scope_by_what_they_include() {
    let with = |text: &str| reasons(&platform(&[("x/stack.yaml", text)]), "outside of what was given");
    let compose = "include: [../../other/compose.yaml]\nservices: {web: {image: 'web:1'}}\n";
    assert_eq!(with(compose).len(), 1);
    let settings = "include: [../../other/compose.yaml]\nservices: {web: {port: 1}}\n";
    assert_eq!(with(settings), [""; 0]);
}
