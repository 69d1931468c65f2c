//! What makes the scope open: something that exists elsewhere, or that was not read.

use super::platform;
use cofferdam_model::{Absence, Platform, ProjectId};

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

pub(super) const CONFIG: (&str, &str) = (
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
