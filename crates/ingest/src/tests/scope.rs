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
fn a_release_of_a_chart_from_elsewhere_opens_and_is_named() {
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
fn applications_of_elsewhere_open() {
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
fn a_generator_that_asks_a_cluster_opens() {
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
fn keys_that_were_not_read_open_config_maps_alone() {
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
fn a_template_that_cannot_be_rendered_opens() {
    let files = |template: &str| {
        platform(&[
            ("c/Chart.yaml", "apiVersion: v2\nname: c\n"),
            ("c/templates/a.yaml", template),
        ])
    };
    let open = files("a: {{ if }\n");
    assert_eq!(
        reason(&open, Absence::Claim).as_deref(),
        Some("the template c/templates/a.yaml could not be rendered")
    );
    assert!(reason(&files(CONFIG.1), Absence::Claim).is_none());
}

#[test]
fn modules_from_elsewhere_open_and_are_named() {
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
fn data_sources_and_broken_files_of_terraform_open() {
    let data = platform(&[(
        "main.tf",
        "data \"aws_backup_plan\" \"p\" {\n  plan_id = \"x\"\n}\n",
    )]);
    assert!(reasons(&data, "made elsewhere").len() == 1);
    assert_eq!(
        reason(&data, Absence::Backup).as_deref(),
        Some("data.aws_backup_plan.p is only looked up, and made elsewhere")
    );
    let zones = platform(&[("main.tf", "data \"aws_availability_zones\" \"z\" {}\n")]);
    assert!(reasons(&zones, "made elsewhere").is_empty());
    let broken = platform(&[("main.tf", "resource \"a\" {\n")]);
    assert_eq!(
        reason(&broken, Absence::Terraform).as_deref(),
        Some("main.tf could not be read")
    );
}

#[test]
fn resources_of_unknown_operators_open_and_those_with_pods_are_named() {
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

#[test]
fn what_is_usually_kept_elsewhere_is_open_until_one_is_read() {
    let alert = "groups: [{name: g, rules: [{alert: A, expr: up == 0, for: 5m}]}]\n";
    let without = platform(&[CONFIG]);
    let wanted = "no alert of any kind is in these files; they may be kept elsewhere";
    assert_eq!(reason(&without, Absence::Alert).as_deref(), Some(wanted));
    assert!(reason(&platform(&[CONFIG, ("rules.yaml", alert)]), Absence::Alert).is_none());
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
        (
            Absence::NodeService,
            "apiVersion: apps/v1\nkind: DaemonSet\nmetadata: {name: d}\nspec: {selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}, spec: {containers: [{name: c, image: x}]}}}\n",
        ),
    ] {
        assert!(reason(&without, kind).is_some(), "{kind:?}");
        assert!(
            reason(&platform(&[CONFIG, ("one.yaml", text)]), kind).is_none(),
            "{kind:?}"
        );
    }
    // What another project has says nothing of this one.
    let two = platform(&[("shop/cm.yaml", CONFIG.1), ("till/rules.yaml", alert)]);
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
fn a_default_is_open_where_something_else_may_set_it() {
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
fn only_a_root_that_somebody_runs_is_a_deployment() {
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
    assert_eq!(count(&[("provider.tf", "provider \"aws\" {}\n")]), 1);
    assert_eq!(count(&[("prod.tfvars", "zones = true\n")]), 1);
    assert_eq!(count(&[("terragrunt.hcl", "inputs = {}\n")]), 1);
}
