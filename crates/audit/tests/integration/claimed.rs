//! How strongly the absence of a thing is claimed: only what could bring it takes from the claim.

use cofferdam_audit::finding::Confidence;
use cofferdam_audit::{Finding, Options, Report, Severity, audit, severity_of};
use cofferdam_model::Platform;

fn platform(files: &[(&str, &str)]) -> Platform {
    cofferdam_ingest::read_files(files.iter().map(|(p, t)| ((*p).into(), t.as_bytes().to_vec())))
}

fn judged(files: &[(&str, &str)]) -> Report {
    audit(&platform(files), &Options::default())
}

fn of_rule<'r>(report: &'r Report, rule: &str) -> Vec<&'r Finding> {
    report.findings.iter().filter(|f| f.rule == rule).collect()
}

/// Severity, confidence and title of each missing thing.
fn missing(files: &[(&str, &str)]) -> Vec<(Severity, Confidence, String)> {
    let report = judged(files);
    let found = of_rule(&report, "dangling-reference").into_iter();
    found
        .map(|f| (severity_of(f), f.confidence, f.title.clone()))
        .collect()
}

const WEB: &str = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  replicas: 2\n  selector: {matchLabels: {app: web}}\n  template:\n    metadata: {labels: {app: web}}\n    spec: {containers: [{name: web, image: 'r.example.net/web:1.2'}]}\n";
/// An ApplicationSet whose generator no file fills.
const SET: &str = "apiVersion: argoproj.io/v1alpha1\nkind: ApplicationSet\nmetadata: {name: set}\nspec:\n  generators: [{clusters: {}}]\n  template:\n    metadata: {name: 'x-{{name}}'}\n    spec: {source: {repoURL: 'https://git.example.com/other', path: 'x'}, destination: {namespace: x, server: '{{server}}'}}\n";
const TEMPLATE: &str =
    "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: {{ name }}}\nspec: {replicas: {{ n }}}\n";

fn release(name: &str, namespace: &str, values: &str) -> String {
    format!(
        "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {{name: {name}, namespace: {namespace}}}\nspec:\n  chart: {{spec: {{chart: app, sourceRef: {{kind: HelmRepository, name: all}}}}}}\n  values: {values}\n"
    )
}

#[test]
fn a_production_overlay_that_names_a_missing_file_is_high_certain_and_said_once() {
    let files = [
        ("base/kustomization.yaml", "resources: [web.yaml]\n"),
        ("base/web.yaml", WEB),
        (
            "overlays/prod/kustomization.yaml",
            "resources: [../../base, gone.yaml]\n",
        ),
        ("overlays/staging/kustomization.yaml", "resources: [../../base]\n"),
    ];
    let found = missing(&files);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!((found[0].0, found[0].1), (Severity::High, Confidence::Certain));
    let platform = platform(&files);
    let report = audit(&platform, &Options::default());
    assert!(report.unreadable(&platform).is_empty());
    // Without the finding the reader still learns of it.
    let other = Options {
        rules: vec!["single-replica".to_owned()],
        ..Options::default()
    };
    assert_eq!(audit(&platform, &other).unreadable(&platform).len(), 1);
}

#[test]
fn files_and_targets_of_a_build_come_only_from_that_build() {
    let patched = |patches: &str| format!("resources: [web.yaml]\n{patches}\n");
    let target = patched(
        "patches: [{target: {kind: Deployment, name: wbe}, patch: '[{op: add, path: /spec/x, value: 1}]'}]",
    );
    let strategic = patched(
        "patches: [{patch: '{apiVersion: apps/v1, kind: Deployment, metadata: {name: wbe}, spec: {paused: true}}'}]",
    );
    let replicas = patched("replicas: [{name: wbe, count: 3}]");
    for (kustomization, severity) in [
        (target.as_str(), Severity::Medium),
        (&strategic, Severity::High),
        (&replicas, Severity::High),
        ("resources: [web.yaml, gone.yaml]\n", Severity::High),
        (
            "resources: [web.yaml]\nconfigMapGenerator: [{name: c, files: [gone.txt]}]\n",
            Severity::High,
        ),
    ] {
        for (path, text) in [
            ("argo/set.yaml", SET),
            ("other/deploy.yaml.j2", TEMPLATE),
            ("other/deploy.yaml", TEMPLATE),
            (
                "other/kustomization.yaml",
                "helmCharts: [{name: redis, repo: 'https://charts.example.com'}]\n",
            ),
            (
                "other/kustomization.yaml",
                "resources: ['https://example.com/r?ref=1']\n",
            ),
            ("other/kustomization.yaml", "resources: [missing.yaml]\n"),
        ] {
            let found = missing(&[
                ("k8s/kustomization.yaml", kustomization),
                ("k8s/web.yaml", WEB),
                (path, text),
            ]);
            let own: Vec<_> = found
                .iter()
                .filter(|(.., title)| title.starts_with("k8s/"))
                .collect();
            assert_eq!(own.len(), 1, "{kustomization} {path}: {found:?}");
            assert_eq!(
                (own[0].0, own[0].1),
                (severity, Confidence::Certain),
                "{kustomization} {path}"
            );
        }
    }
}

#[test]
fn a_template_beside_it_may_become_the_missing_file() {
    let found = missing(&[
        ("k8s/kustomization.yaml", "resources: [web.yaml, gone.yaml]\n"),
        ("k8s/web.yaml", WEB),
        ("k8s/gone.yaml.j2", TEMPLATE),
    ]);
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn what_kustomize_ignores_changes_no_build() {
    let replacement = "resources: [web.yaml]\nreplacements: [{source: {kind: Deployment, name: web}, targets: [{select: {kind: Deployment, name: wbe}, fieldPaths: [spec.x]}]}]\n";
    let found = missing(&[("k8s/kustomization.yaml", replacement), ("k8s/web.yaml", WEB)]);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].0, Severity::Medium);
}

#[test]
fn nothing_of_kubernetes_brings_a_service_of_compose() {
    let compose = "services:\n  web: {image: 'web:1', depends_on: [dbb]}\n  db: {image: 'postgres:16'}\n";
    let cache = release("dbb", "shop", "{}");
    for (path, text) in [
        ("k8s/deploy.yaml.j2", TEMPLATE),
        ("k8s/deploy.yaml", TEMPLATE),
        ("k8s/cache.yaml", cache.as_str()),
        ("argo/set.yaml", SET),
        ("k8s/kustomization.yaml", "resources: [gone.yaml]\n"),
    ] {
        let found = missing(&[("compose.yaml", compose), (path, text)]);
        let own = found
            .iter()
            .find(|(.., title)| title.starts_with("Compose service"));
        assert!(
            own.is_some_and(|own| own.1 == Confidence::Certain),
            "{path}: {found:?}"
        );
    }
}

fn monitor(labels: &str) -> String {
    format!(
        "apiVersion: monitoring.coreos.com/v1\nkind: ServiceMonitor\nmetadata: {{name: m, namespace: shop}}\nspec: {{selector: {{matchLabels: {{{labels}}}}}, endpoints: [{{port: http}}]}}\n---\napiVersion: v1\nkind: Service\nmetadata: {{name: s, namespace: shop, labels: {{a: b}}}}\nspec: {{ports: [{{port: 80}}]}}\n"
    )
}

#[test]
fn what_selects_an_unread_release_of_its_namespace_is_not_missing() {
    let labelled = release("queue", "shop", "{service: {labels: {metrics: 'yes', tier: x}}}");
    let (cache, other) = (release("cache", "shop", "{}"), release("cache", "till", "{}"));
    for (labels, release, is_silent) in [
        ("app.kubernetes.io/name: cache", &cache, true),
        ("app.kubernetes.io/instance: cache", &cache, true),
        ("release: cache", &cache, true),
        ("app: cache-master", &cache, true),
        ("app.kubernetes.io/name: app", &cache, true),
        (
            "app.kubernetes.io/name: cache, app.kubernetes.io/component: web",
            &cache,
            true,
        ),
        ("app.kubernetes.io/name: cachet", &cache, false),
        ("app.kubernetes.io/name: cache", &other, false),
        ("metrics: 'yes'", &labelled, true),
        ("metrics: 'no'", &labelled, false),
        ("metrics: 'yes', tier: y", &labelled, false),
    ] {
        let monitor = monitor(labels);
        let found = missing(&[("k8s/monitor.yaml", &monitor), ("k8s/release.yaml", release)]);
        assert_eq!(found.is_empty(), is_silent, "{labels}: {found:?}");
    }
}

#[test]
fn the_reason_for_doubt_is_in_the_same_namespace() {
    let service = "apiVersion: v1\nkind: Service\nmetadata: {name: s, namespace: shop}\nspec: {selector: {app: gone}, ports: [{port: 80}]}\n";
    let (far, near) = (release("aaa", "till", "{}"), release("zzz", "shop", "{}"));
    let report = judged(&[
        ("k8s/web.yaml", WEB),
        ("k8s/service.yaml", service),
        ("k8s/far.yaml", &far),
        ("k8s/near.yaml", &near),
    ]);
    let found = of_rule(&report, "dangling-reference");
    assert!(
        found[0].explanation.contains("release zzz"),
        "{}",
        found[0].explanation
    );
    let alone = judged(&[
        ("k8s/web.yaml", WEB),
        ("k8s/service.yaml", service),
        ("k8s/far.yaml", &far),
    ]);
    let found = of_rule(&alone, "dangling-reference");
    assert!(
        !found[0].explanation.contains("was not read"),
        "{}",
        found[0].explanation
    );
}

#[test]
fn a_chart_may_bring_policies_to_its_own_namespace() {
    let policy = "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: p, namespace: shop}\nspec: {podSelector: {matchLabels: {app: other}}, policyTypes: [Ingress, Egress], egress: [{to: [{podSelector: {}}]}]}\n";
    let web = WEB.replace("{name: web}\nspec", "{name: web, namespace: shop}\nspec");
    let of = |namespace: &str| {
        let chart = release("cache", namespace, "{}");
        let report = judged(&[
            ("k8s/web.yaml", &web),
            ("k8s/policy.yaml", policy),
            ("k8s/release.yaml", &chart),
        ]);
        let found = ["network-no-default-deny", "metadata-reachable"].map(|rule| {
            let of = of_rule(&report, rule);
            assert_eq!(of.len(), 1, "{rule}");
            of[0].confidence
        });
        assert_eq!(found[0], found[1]);
        found[0]
    };
    assert_eq!(of("shop"), Confidence::Likely);
    assert_eq!(of("till"), Confidence::Certain);
}

#[test]
fn the_mount_of_a_missing_volume_is_shown_at_its_name() {
    let web = WEB.replace(
        "image: 'r.example.net/web:1.2'",
        "image: 'r.example.net/web:1.2', volumeMounts: [{name: nope, mountPath: /x}]",
    );
    let platform = platform(&[("k8s/web.yaml", web.as_str())]);
    let report = audit(&platform, &Options::default());
    let found = of_rule(&report, "dangling-reference");
    assert_eq!(platform.sources.text(found[0].locations[0].span), "nope");
}

#[test]
fn a_refused_autoscaler_is_one_finding_and_scales_nothing() {
    let autoscaler = "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: web}\nspec: {minReplicas: 5, maxReplicas: 3, scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}}\n";
    let report = judged(&[("k8s/web.yaml", WEB), ("k8s/hpa.yaml", autoscaler)]);
    let at = |f: &&Finding| f.subject.starts_with("HorizontalPodAutoscaler");
    let rules: Vec<&str> = report
        .findings
        .iter()
        .filter(at)
        .map(|f| f.rule.as_str())
        .collect();
    assert_eq!(rules, ["manifest-invalid"]);
    let fights = of_rule(&report, "autoscaler-fights-replicas");
    assert!(fights.is_empty(), "{fights:?}");
}

#[test]
fn an_image_that_some_set_by_default_is_as_certain_as_where_it_is_written() {
    let chart = [
        ("chart/Chart.yaml", "apiVersion: v2\nname: web\nversion: 1.0.0\n"),
        ("chart/values.yaml", "tag: '1.2'\n"),
        (
            "chart/templates/web.yaml",
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  selector: {matchLabels: {app: web}}\n  template:\n    metadata: {labels: {app: web}}\n    spec:\n      containers:\n        - name: web\n          image: r.example.net/web:{{ .Values.tag }}\n",
        ),
    ];
    let mut files = vec![
        ("k8s/base/kustomization.yaml", "resources: [web.yaml]\n"),
        ("k8s/base/web.yaml", WEB),
        (
            "k8s/overlays/production/kustomization.yaml",
            "resources: [../../base]\nnamespace: p\n",
        ),
        (
            "k8s/overlays/staging/kustomization.yaml",
            "resources: [../../base]\nnamespace: s\n",
        ),
    ];
    files.extend(chart);
    let platform = platform(&files);
    let report = audit(&platform, &Options::default());
    let found = of_rule(&report, "image-mutable-tag");
    assert_eq!(found.len(), 1, "{found:#?}");
    assert_eq!(found[0].confidence, Confidence::Certain);
    assert!(found[0].assumptions.is_empty(), "{:?}", found[0].assumptions);
    assert!(
        found[0].environments.contains(&"production".to_owned()),
        "{:?}",
        found[0].environments
    );
    let path = platform.sources.path(found[0].locations[0].span.file);
    assert_eq!(path.to_str(), Some("k8s/base/web.yaml"));
}

#[test]
fn what_a_script_beside_the_builds_makes_is_not_missing() {
    let web = WEB.replace(
        "image: 'r.example.net/web:1.2'",
        "image: 'r.example.net/web:1.2', envFrom: [{secretRef: {name: login}}]",
    );
    let job = |namespace: &str, command: &str| {
        format!(
            "apiVersion: batch/v1\nkind: Job\nmetadata: {{name: j, namespace: {namespace}}}\nspec: {{template: {{spec: {{containers: [{{name: c, image: 'k:1', command: [sh, -c, '{command}']}}]}}}}}}\n"
        )
    };
    let make = "kubectl create secret generic login --from-literal=a=b";
    for (job, is_silent) in [
        (job("shop", make), true),
        (job("till", make), false),
        (job("shop", "kubectl get secret login"), false),
    ] {
        let found = missing(&[
            (
                "k8s/kustomization.yaml",
                "namespace: shop\nresources: [web.yaml]\n# - job.yaml\n",
            ),
            ("k8s/web.yaml", &web),
            ("k8s/job.yaml", &job),
        ]);
        assert_eq!(found.is_empty(), is_silent, "{job}: {found:?}");
    }
}

#[test]
fn values_that_cannot_be_read_make_what_they_may_set_a_default() {
    const CHART: &str = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  replicas: 2\n  selector: {matchLabels: {app: web}}\n  template:\n    metadata: {labels: {app: web}}\n    spec:\n      containers:\n      - name: web\n        image: r.example.net/web:1.2\n        RESOURCES\n";
    let of = |resources: &str, secret: &[u8]| {
        let template = CHART.replace("RESOURCES", resources);
        let files: Vec<(std::path::PathBuf, Vec<u8>)> = [
            ("web/Chart.yaml", "apiVersion: v2\nname: web\nversion: 1.0.0\n"),
            ("web/values.yaml", "resources: {}\n"),
            ("web/templates/web.yaml", template.as_str()),
            ("config/prod.yaml", "x: 1\n"),
            (
                "deploy.sh",
                "helm upgrade --install web ./web -f config/prod.yaml --namespace shop\n",
            ),
        ]
        .into_iter()
        .map(|(path, text)| (path.into(), text.as_bytes().to_vec()))
        .chain([("secrets/config/prod.yaml".into(), secret.to_vec())])
        .collect();
        let report = audit(&cofferdam_ingest::read_files(files), &Options::default());
        let found = of_rule(&report, "requests-missing");
        found.first().map(|f| f.confidence)
    };
    let taken =
        "{{- with .Values.resources }}\n        resources: {{ toYaml . | nindent 10 }}\n        {{- end }}";
    let encrypted = b"\0GITCRYPT\0abc";
    assert_eq!(of(taken, encrypted), Some(Confidence::Likely));
    assert_eq!(of(taken, b"y: 1\n"), Some(Confidence::Certain));
    // What no value can set is certain all the same.
    assert_eq!(of("", encrypted), Some(Confidence::Certain));
}
