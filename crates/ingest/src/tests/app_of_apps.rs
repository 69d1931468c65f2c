//! An app-of-apps and its environments, commands that pick values by name, and variants.

use crate::pipeline::read_files;
use cofferdam_model::{Deployment, DeploymentKind, Platform};

fn platform(files: &[(&str, &str)]) -> Platform {
    read_files(files.iter().map(|(p, t)| ((*p).into(), t.as_bytes().to_vec())))
}

fn shown(platform: &Platform, kind: DeploymentKind, show: impl Fn(&Deployment) -> String) -> Vec<String> {
    let all = platform.scope.deployments.iter();
    let mut shown: Vec<String> = all.filter(|d| d.kind == kind).map(show).collect();
    shown.sort();
    shown
}

/// Root, environment and number of objects of each release.
fn releases(platform: &Platform) -> Vec<String> {
    shown(platform, DeploymentKind::Helm, |d| {
        let environment = d.environment.as_deref().unwrap_or("-");
        format!("{} {environment} {}", d.root.display(), d.objects)
    })
}

fn environments(platform: &Platform) -> Vec<String> {
    let mut names: Vec<String> = platform.environments.iter().map(|e| e.name.clone()).collect();
    names.sort();
    names.dedup();
    names
}

const APPS: &[(&str, &str)] = &[
    ("README.md", ""),
    ("top/Chart.yaml", "apiVersion: v2\nname: top\nversion: 1.0.0\n"),
    (
        "top/values.yaml",
        "name: ''\napplications: {web: false, mail: false, attic: false}\n",
    ),
    (
        "top/templates/web.yaml",
        "{{- if .Values.applications.web }}\napiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: web}\nspec:\n  destination: {namespace: web, server: https://kubernetes.default.svc}\n  source:\n    path: apps/web\n    repoURL: https://git.example.org/shop.git\n    helm:\n      valueFiles:\n        - values-{{ .Values.name }}.yaml\n{{- end }}\n",
    ),
    (
        "top/templates/mail.yaml",
        "{{- if .Values.applications.mail }}\napiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: mail}\nspec:\n  source:\n    path: apps/mail\n    repoURL: https://git.example.org/shop.git\n    helm:\n      valueFiles:\n        - values-{{ .Values.name }}.yaml\n{{- end }}\n",
    ),
    (
        "top/templates/attic.yaml",
        "{{- if .Values.applications.attic }}\napiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: attic}\nspec:\n  source:\n    path: apps/attic\n    repoURL: https://git.example.org/shop.git\n{{- end }}\n",
    ),
    ("top/values-base.yaml", "name: base\napplications: {web: true}\n"),
    (
        "top/values-hill-dev.yaml",
        "name: hill-dev\napplications: {web: true, mail: true}\n",
    ),
    (
        "top/values-hill-prod.yaml",
        "name: hill-prod\napplications: {web: true}\n",
    ),
    (
        "apps/web/Chart.yaml",
        "apiVersion: v2\nname: web\nversion: 1.0.0\n",
    ),
    ("apps/web/values.yaml", "replicas: 1\n"),
    ("apps/web/values-base.yaml", "replicas: 2\n"),
    ("apps/web/values-hill-dev.yaml", "replicas: 3\n"),
    ("apps/web/values-hill-prod.yaml", "replicas: 4\n"),
    ("apps/web/templates/c.yaml", CONFIG),
    (
        "apps/mail/Chart.yaml",
        "apiVersion: v2\nname: mail\nversion: 1.0.0\n",
    ),
    ("apps/mail/values.yaml", "replicas: 1\n"),
    ("apps/mail/values-base.yaml", "replicas: 2\n"),
    ("apps/mail/values-hill-dev.yaml", "replicas: 3\n"),
    ("apps/mail/templates/c.yaml", CONFIG),
    (
        "apps/attic/Chart.yaml",
        "apiVersion: v2\nname: attic\nversion: 1.0.0\n",
    ),
    ("apps/attic/values.yaml", "replicas: 1\n"),
    ("apps/attic/values-base.yaml", "replicas: 2\n"),
    ("apps/attic/values-hill-dev.yaml", "replicas: 2\n"),
    ("apps/attic/templates/c.yaml", CONFIG),
];

const CONFIG: &str =
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {replicas: '{{ .Values.replicas }}'}\n";

#[test]
fn an_application_belongs_to_the_environments_that_turn_it_on() {
    let found = platform(APPS);
    assert_eq!(
        releases(&found),
        [
            "apps/attic - 1",
            "apps/mail hill-dev 1",
            "apps/web base 1",
            "apps/web hill-dev 1",
            "apps/web hill-prod 1",
            "top base 1",
            "top hill-dev 2",
            "top hill-prod 1",
        ]
    );
    assert_eq!(environments(&found), ["base", "hill-dev", "hill-prod"]);
    assert_eq!(found.scope.by_default.len(), 1, "nothing turns the attic on");
    let of_web = found
        .scope
        .releases
        .values()
        .filter(|of| of.namespace.as_deref() == Some("web"));
    assert_eq!(of_web.count(), 3);
}

#[test]
fn without_what_picks_them_unusual_names_are_no_environments() {
    let files: Vec<(&str, &str)> = APPS
        .iter()
        .copied()
        .filter(|(path, _)| path.starts_with("apps/web/") || *path == "README.md")
        .collect();
    let found = platform(&files);
    let names = environments(&found);
    assert!(
        !names.iter().any(|name| name == "base" || name == "hill-dev"),
        "{names:?}"
    );
}

const SHOP: &[(&str, &str)] = &[
    ("README.md", ""),
    ("shop/Chart.yaml", "apiVersion: v2\nname: shop\nversion: 1.0.0\n"),
    ("shop/values.yaml", "replicas: 1\n"),
    ("shop/templates/c.yaml", CONFIG),
    ("config/hill.yaml", "replicas: 2\n"),
    ("config/prod.yaml", "replicas: 3\n"),
    ("config/staging.yaml", "replicas: 4\n"),
    ("config/mail.yaml", "replicas: 5\n"),
    ("config/test-secrets.yaml", "word: x\n"),
];

fn shop(path: &str, text: &str) -> Platform {
    let mut files = SHOP.to_vec();
    files.push((path, text));
    platform(&files)
}

#[test]
fn a_matrix_of_names_installs_a_chart_once_for_each() {
    let workflow = |command: &str, names: &str| {
        format!(
            "on: [push, pull_request]\njobs:\n  a:\n    strategy:\n      matrix:\n        include: [{names}]\n    steps:\n      - run: |\n          {command}\n"
        )
    };
    let path = ".github/workflows/d.yaml";
    let all = "{release: hill}, {release: prod}, {release: staging}";
    let three = ["shop hill 1", "shop production 1", "shop staging 1"];
    for command in [
        "helm upgrade --install shop ./shop -f config/${{ matrix.release }}.yaml",
        // Nothing else installs the chart, so what is tried shows what is installed.
        "helm template --validate shop ./shop --values=config/${{ matrix.release }}.yaml --values=config/test-secrets.yaml",
    ] {
        let found = shop(path, &workflow(command, all));
        assert_eq!(releases(&found), three, "{command}");
        assert!(found.scope.by_default.is_empty(), "{command}");
        let files: Vec<usize> = found.scope.releases.values().map(|of| of.values.len()).collect();
        assert_eq!(files, [1, 1, 1], "{command}");
    }
    let two_services = workflow(
        "helm upgrade --install shop ./shop -f config/${{ matrix.release }}.yaml",
        "{release: hill}, {release: mail}",
    );
    assert_eq!(environments(&shop(path, &two_services)), ["default"]);
    let tried = workflow(
        "helm template shop ./shop -f config/${{ matrix.release }}.yaml",
        all,
    );
    let mut files = SHOP.to_vec();
    files.extend([
        (path, tried.as_str()),
        ("up.sh", "helm upgrade --install front ./shop\n"),
    ]);
    assert!(releases(&platform(&files)).contains(&"shop - 1".to_owned()));
}

#[test]
fn what_only_pull_requests_run_is_no_deployment() {
    let install = |on: &str| {
        let text =
            format!("on: {on}\njobs: {{a: {{steps: [{{run: helm upgrade --install front ./shop}}]}}}}\n");
        let found = shop(".github/workflows/d.yaml", &text);
        found.scope.by_default.is_empty()
    };
    assert!(install("push"));
    assert!(install("[push, pull_request]"));
    assert!(!install("pull_request"));
    let terraform = |command: &str| {
        let found = platform(&[
            ("README.md", ""),
            (
                "infra/main.tf",
                "variable \"name\" {}\nresource \"aws_sqs_queue\" \"a\" { name = var.name }\n",
            ),
            ("up.sh", &format!("terraform -chdir=infra {command}\n")),
        ]);
        shown(&found, DeploymentKind::Terraform, |d| {
            d.root.display().to_string()
        })
    };
    assert_eq!(terraform("apply -auto-approve"), ["infra"]);
    assert_eq!(terraform("plan"), [""; 0]);
    assert_eq!(terraform("init -backend=false"), [""; 0]);
}

const DEPLOYMENT: &str = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {replicas: 1, selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}, spec: {containers: [{name: web, image: web}]}}}\n";

/// Overlays of one base, each with this many replicas.
fn overlays(names: &[&str]) -> Vec<(String, String)> {
    let mut files = vec![
        ("README.md".to_owned(), String::new()),
        (
            "k8s/base/kustomization.yaml".to_owned(),
            "resources: [d.yaml]\n".to_owned(),
        ),
        ("k8s/base/d.yaml".to_owned(), DEPLOYMENT.to_owned()),
    ];
    for (number, name) in names.iter().enumerate() {
        let text = format!(
            "resources: [../../base]\nreplicas: [{{name: web, count: {}}}]\n",
            number + 1
        );
        files.push((format!("k8s/overlays/{name}/kustomization.yaml"), text));
    }
    files
}

fn of_overlays(names: &[&str], more: &[(&str, &str)]) -> Platform {
    let files = overlays(names);
    let mut files: Vec<(&str, &str)> = files.iter().map(|(p, t)| (p.as_str(), t.as_str())).collect();
    files.extend(more);
    platform(&files)
}

/// For each environment that is judged: its name, and the workloads in it.
fn judged(platform: &Platform) -> Vec<String> {
    let mut shown: Vec<String> = (platform.environments.iter())
        .map(|env| format!("{} {}", env.name, env.workloads.len()))
        .collect();
    shown.sort();
    shown
}

#[test]
fn overlays_that_are_variants_never_meet_and_are_no_environments() {
    let found = of_overlays(&["ha", "minimal", "with-tls"], &[]);
    assert_eq!(judged(&found), ["default 1", "default 1", "default 1"]);
    assert_eq!(found.scope.variants.len(), 3);
    let workloads = found.environments.iter().flat_map(|env| &env.workloads);
    let mut replicas: Vec<u32> = workloads
        .filter_map(|w| Some(w.replicas.as_ref()?.value))
        .collect();
    replicas.sort_unstable();
    assert_eq!(replicas, [1, 2, 3]);
    // Names of stages and regions, and overlays that something picks for an environment, are environments.
    assert_eq!(
        judged(&of_overlays(&["hill", "hill-dev"], &[])),
        ["hill 1", "hill-dev 1"]
    );
    assert_eq!(
        judged(&of_overlays(&["eu-west-1", "us-east-1"], &[])),
        ["eu-west-1 1", "us-east-1 1"]
    );
    let script = ("up.sh", "kubectl apply -k k8s/overlays/$ENV\n");
    assert_eq!(
        judged(&of_overlays(&["hill", "dale"], &[script])),
        ["dale 1", "hill 1"]
    );
    let flux = |name: &str| {
        format!(
            "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {{name: {name}}}\nspec: {{path: ./k8s/overlays/{name}}}\n"
        )
    };
    let both = [("flux/hill.yaml", flux("hill")), ("flux/dale.yaml", flux("dale"))];
    let both: Vec<(&str, &str)> = both.iter().map(|(p, t)| (*p, t.as_str())).collect();
    assert_eq!(
        judged(&of_overlays(&["hill", "dale"], &both)),
        ["dale 1", "hill 1"]
    );
}

#[test]
fn variants_are_known_by_what_they_make_wherever_they_are() {
    let install = |dir: &str, name: &str| {
        let path = format!("{dir}/kustomization.yaml");
        let text = format!("namespace: shop\nnamePrefix: '{name}'\nresources: [../../base]\n");
        (path, text)
    };
    let with = |a: &str, b: &str| {
        let files = [
            install("k8s/installs/plain", a),
            install("k8s/installs/openshift", b),
        ];
        let files: Vec<(&str, &str)> = files.iter().map(|(p, t)| (p.as_str(), t.as_str())).collect();
        let other = (
            "other/d.yaml",
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\n",
        );
        let all: Vec<(&str, &str)> = files.into_iter().chain([other]).collect();
        of_overlays(&[], &all)
    };
    let same = with("", "");
    assert_eq!(judged(&same), ["default 1", "default 1"]);
    assert_eq!(same.scope.variants.len(), 2);
    // Under two names they can be installed together.
    let two = with("a-", "b-");
    assert_eq!(judged(&two), ["default 2"]);
    assert!(two.scope.variants.is_empty());
}
