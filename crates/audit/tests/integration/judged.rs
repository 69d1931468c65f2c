//! What is deployed is judged, also where a part of it was not read, and what nothing deploys is put apart.

use cofferdam_audit::finding::Confidence;
use cofferdam_audit::{Finding, Options, Report, Severity, audit, severity_of};
use cofferdam_model::{Apart, Platform};

const WEB: &str = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  replicas: 1\n  selector: {matchLabels: {app: web}}\n  template:\n    metadata: {labels: {app: web}}\n    spec:\n      containers:\n        - name: web\n          image: r.example.net/web:latest\n          ports: [{containerPort: 80}]\n---\napiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {selector: {app: web}, ports: [{port: 80}]}\n";

fn platform(files: &[(&str, &str)]) -> Platform {
    cofferdam_ingest::read_files(files.iter().map(|(p, t)| ((*p).into(), t.as_bytes().to_vec())))
}

fn judged(platform: &Platform) -> Report {
    audit(platform, &Options::default())
}

fn of_rule<'r>(report: &'r Report, rule: &str) -> Vec<&'r Finding> {
    report.findings.iter().filter(|f| f.rule == rule).collect()
}

fn overlay<'f>(kustomization: &'f str, more: &[(&'f str, &'f str)]) -> Vec<(&'f str, &'f str)> {
    let mut files = vec![
        ("base/kustomization.yaml", "resources: [web.yaml]\n"),
        ("base/web.yaml", WEB),
        ("overlays/prod/kustomization.yaml", kustomization),
    ];
    files.extend(more);
    files
}

#[test]
fn an_unread_part_of_a_build_hides_no_finding_in_the_rest() {
    let own = "apiVersion: builtin\nkind: LabelTransformer\nmetadata: {name: l}\nlabels: {env: prod}\nfieldSpecs: [{path: metadata/labels, create: true}]\n";
    let other = "apiVersion: example.com/v1\nkind: Rewrite\nmetadata: {name: r}\n";
    let rules = |kustomization: &str, extra: &str| {
        let files = overlay(kustomization, &[("overlays/prod/extra.yaml", extra)]);
        let found = judged(&platform(&files));
        let mut rules: Vec<String> = found.findings.iter().map(|f| f.rule.to_string()).collect();
        rules.sort_unstable();
        rules.dedup();
        rules
    };
    let plain = rules("resources: [../../base]\n", "x: 1\n");
    assert!(
        plain.contains(&"single-replica".to_owned()) && plain.contains(&"requests-missing".to_owned()),
        "{plain:?}"
    );
    for (more, extra) in [
        ("transformers: [extra.yaml]\n", own),
        ("transformers: [extra.yaml]\n", other),
        ("generators: [extra.yaml]\n", other),
        (
            "helmCharts: [{name: redis, repo: 'https://charts.example.com'}]\n",
            "x: 1\n",
        ),
        ("components: ['https://example.com/c?ref=1']\n", "x: 1\n"),
    ] {
        let found = rules(&format!("resources: [../../base]\n{more}"), extra);
        let lost: Vec<_> = plain.iter().filter(|rule| !found.contains(rule)).collect();
        assert!(lost.is_empty(), "{more}: {lost:?} are lost");
    }
    let remote = "resources: [../../base, 'https://example.com/r?ref=1']\n";
    assert!(rules(remote, "x: 1\n").contains(&"single-replica".to_owned()));
}

#[test]
fn a_value_that_a_transformer_may_change_is_likely_and_the_finding_says_why() {
    let other = "apiVersion: example.com/v1\nkind: Rewrite\nmetadata: {name: r}\n";
    let kustomization = "resources: [../../base]\ntransformers: [t.yaml]\n";
    let open = platform(&overlay(kustomization, &[("overlays/prod/t.yaml", other)]));
    let report = judged(&open);
    let tag = of_rule(&report, "image-mutable-tag")[0];
    assert_eq!(tag.confidence, Confidence::Likely);
    assert!(
        tag.assumptions.iter().any(|a| a.contains("`Rewrite` is not run")),
        "{:?}",
        tag.assumptions
    );
    let closed = platform(&overlay("resources: [../../base]\n", &[]));
    assert_eq!(
        of_rule(&judged(&closed), "image-mutable-tag")[0].confidence,
        Confidence::Certain
    );
    // The reader is told which deployments were judged in part.
    assert_eq!(open.scope.in_part.len(), 1);
    assert!(closed.scope.in_part.is_empty());
}

/// A workload that names a ConfigMap that is not there, where another one is.
fn referring() -> String {
    let with = "envFrom: [{configMapRef: {name: conf}}]\n          ports: [{containerPort";
    let other = "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: other}\ndata: {a: b}\n";
    format!("{}{other}", WEB.replace("ports: [{containerPort", with))
}

#[test]
fn an_absence_in_a_deployment_that_was_read_in_part_is_not_certain() {
    let reference = referring();
    let severity = |kustomization: &str| {
        let mut files = overlay(kustomization, &[]);
        files[1].1 = &reference;
        let report = judged(&platform(&files));
        let found = of_rule(&report, "dangling-reference");
        found.iter().map(|f| (severity_of(f), f.confidence)).max()
    };
    assert_eq!(
        severity("resources: [../../base]\n"),
        Some((Severity::High, Confidence::Certain))
    );
    let open = severity("resources: [../../base, 'https://example.com/r?ref=1']\n");
    assert_eq!(open, Some((Severity::Low, Confidence::Likely)));
}

const DEBUG: &str = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: debug}\nspec:\n  template:\n    spec:\n      containers: [{name: debug, image: 'r.example.net/debug:latest'}]\n";

#[test]
fn a_manifest_that_no_kustomization_names_is_a_separate_place() {
    for (files, is_apart) in [
        // Beside a kustomization.
        (
            overlay(
                "resources: [../../base]\n",
                &[("overlays/prod/debug.yaml", DEBUG)],
            ),
            true,
        ),
        (
            overlay("resources: [../../base]\n", &[("base/debug.yaml", DEBUG)]),
            true,
        ),
        // In a directory of which a kustomization names manifests.
        (
            vec![
                ("kustomization.yaml", "resources: [a/web.yaml]\n"),
                ("a/web.yaml", WEB),
                ("a/debug.yaml", DEBUG),
            ],
            true,
        ),
        // Below a kustomization that keeps its manifests in directories.
        (
            vec![
                ("kustomization.yaml", "resources: [a/web.yaml]\n"),
                ("a/web.yaml", WEB),
                ("b/debug.yaml", DEBUG),
            ],
            true,
        ),
        (
            vec![
                ("kustomization.yaml", "resources: [web.yaml]\n"),
                ("web.yaml", WEB),
                ("b/debug.yaml", DEBUG),
            ],
            false,
        ),
        // A component that nothing uses.
        (
            overlay(
                "resources: [../../base]\n",
                &[
                    (
                        "parts/debug/kustomization.yaml",
                        "kind: Component\napiVersion: kustomize.config.k8s.io/v1alpha1\nresources: [debug.yaml]\n",
                    ),
                    ("parts/debug/debug.yaml", DEBUG),
                ],
            ),
            true,
        ),
        // A plain directory is deployed, and so is what a command names.
        (
            overlay("resources: [../../base]\n", &[("plain/debug.yaml", DEBUG)]),
            false,
        ),
        (
            overlay(
                "resources: [../../base]\n",
                &[
                    ("base/debug.yaml", DEBUG),
                    ("up.sh", "kubectl apply -f base/debug.yaml\n"),
                ],
            ),
            false,
        ),
    ] {
        let platform = platform(&files);
        let report = judged(&platform);
        let speaks = |f: &&Finding| f.subject.contains("debug") || f.title.contains("debug");
        let found: Vec<&Finding> = report.findings.iter().filter(speaks).collect();
        let apart: Vec<&Finding> = report.apart.iter().filter(speaks).collect();
        assert_eq!(found.is_empty(), is_apart, "{files:?}\n{found:?}");
        assert_eq!(!apart.is_empty(), is_apart, "{files:?}");
        assert!(
            apart
                .iter()
                .all(|f| f.apart == Some(Apart::Unused) && severity_of(f) == Severity::Low)
        );
        let places = &platform.scope.places_apart;
        assert_eq!(
            places.iter().any(|p| p.why == Apart::Unused && p.files == 1),
            is_apart,
            "{places:?}"
        );
    }
}

#[test]
fn a_base_that_nothing_uses_is_not_high() {
    let worst = |files: &[(&str, &str)]| judged(&platform(files)).findings.iter().map(severity_of).max();
    let reference = referring();
    let base = [
        ("k8s/base/kustomization.yaml", "resources: [web.yaml]\n"),
        ("k8s/base/web.yaml", &*reference),
    ];
    assert_eq!(worst(&base), Some(Severity::Medium));
    let mut deployed = base.to_vec();
    deployed.push(("up.sh", "kubectl apply -k k8s/base\n"));
    assert_eq!(worst(&deployed), Some(Severity::High));
    assert_eq!(platform(&base).scope.by_default.len(), 1);
    assert!(platform(&deployed).scope.by_default.is_empty());
}

#[test]
fn a_base_that_a_script_creates_is_not_missing() {
    let kustomization = ("overlays/all/kustomization.yaml", "resources: [base]\n");
    let missing = |script: &str| {
        let platform = platform(&[kustomization, ("web/web.yaml", WEB), ("build.sh", script)]);
        let report = judged(&platform);
        of_rule(&report, "dangling-reference").len()
    };
    assert_eq!(missing("echo overlays/all/base\n"), 1);
    assert_eq!(missing("cp -R web \"${OUT}\"/overlays/all/base\n"), 0);
    assert_eq!(
        missing("mkdir -p overlays/all/base && touch overlays/all/base/x\n"),
        0
    );
    assert_eq!(missing("cp -R web other/base\n"), 1);
}

#[test]
fn a_placeholder_does_not_need_to_be_revoked() {
    let secret = |value: &str| {
        let text = format!(
            "apiVersion: v1\nkind: Secret\nmetadata: {{name: s}}\nstringData: {{POSTGRES_PASSWORD: {value}}}\n"
        );
        let report = judged(&platform(&[("k8s/s.yaml", &text)]));
        let found = of_rule(&report, "secret-in-clear");
        found.first().map(|f| (severity_of(f), f.remedy.clone()))
    };
    for value in ["changePassword", "changeMe", "yourPassword", "REPLACE_ME"] {
        let found = secret(value);
        assert!(
            found
                .as_ref()
                .is_none_or(|(s, remedy)| *s == Severity::Low && !remedy.contains("Revoke it first")),
            "{value}: {found:?}"
        );
    }
    let real = secret("h7Gk2pQ9vvLq");
    assert!(real.is_some_and(|(s, remedy)| s == Severity::High && remedy.contains("Revoke it first")));
}

fn in_environment(environment: &str, more: &str) -> (String, String) {
    (
        format!("overlays/{environment}/kustomization.yaml"),
        format!("resources: [../../base]\nnamespace: {environment}\n{more}"),
    )
}

#[test]
fn a_finding_names_only_the_environments_where_its_objects_are() {
    let (staging, prod) = (in_environment("staging", ""), in_environment("prod", ""));
    let tools = WEB.replace("web", "tool");
    let files = [
        ("base/kustomization.yaml", "resources: [web.yaml]\n"),
        ("base/web.yaml", WEB),
        (&*staging.0, &*staging.1),
        (&*prod.0, &*prod.1),
        ("tools/kustomization.yaml", "resources: [tool.yaml]\n"),
        ("tools/tool.yaml", &tools),
    ];
    let report = judged(&platform(&files));
    let of = |name: &str| -> Vec<Vec<String>> {
        let found = of_rule(&report, "image-mutable-tag").into_iter();
        found
            .filter(|f| f.title.contains(name))
            .map(|f| f.environments.clone())
            .collect()
    };
    assert_eq!(of("/web"), [["production", "staging"]]);
    // It is built for no named environment.
    assert_eq!(of("/tool"), [["default"]]);
}

#[test]
fn a_broken_overlay_is_broken_in_its_own_environment() {
    let staging = in_environment("staging", "patches: [{path: gone.yaml}]\n");
    let prod = in_environment("prod", "");
    let files = [
        ("base/kustomization.yaml", "resources: [web.yaml]\n"),
        ("base/web.yaml", WEB),
        (&*staging.0, &*staging.1),
        (&*prod.0, &*prod.1),
    ];
    let report = judged(&platform(&files));
    let found = of_rule(&report, "dangling-reference");
    let environments: Vec<&Vec<String>> = found
        .iter()
        .filter(|f| f.title.contains("gone"))
        .map(|f| &f.environments)
        .collect();
    assert_eq!(environments, [&["staging"]]);
}

#[test]
fn two_autoscalers_of_one_workload_are_named_with_the_one_that_has_none() {
    let workload = |name: &str| {
        format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}, namespace: shop}}\nspec:\n  selector: {{matchLabels: {{app: {name}}}}}\n  template:\n    metadata: {{labels: {{app: {name}}}}}\n    spec: {{containers: [{{name: c, image: 'r.example.net/{name}:1'}}]}}\n"
        )
    };
    let scaler = |name: &str, target: &str, most: u32| {
        format!(
            "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {{name: {name}, namespace: shop}}\nspec:\n  scaleTargetRef: {{apiVersion: apps/v1, kind: Deployment, name: {target}}}\n  minReplicas: 1\n  maxReplicas: {most}\n"
        )
    };
    let found = |of_front: &str| {
        let files = [
            ("k8s/back.yaml", workload("back")),
            ("k8s/front.yaml", workload("front")),
            ("k8s/back-hpa.yaml", scaler("back", "back", 2)),
            ("k8s/front-hpa.yaml", scaler("front", of_front, 4)),
        ];
        let files: Vec<(&str, &str)> = files.iter().map(|(p, t)| (*p, t.as_str())).collect();
        let report = judged(&platform(&files));
        of_rule(&report, "description-conflict")
            .into_iter()
            .map(|f| format!("{} {} {}", f.title, f.explanation, f.remedy))
            .collect::<Vec<String>>()
    };
    assert_eq!(found("front"), [""; 0]);
    let rivals = found("back");
    assert_eq!(rivals.len(), 1, "{rivals:?}");
    for words in [
        "2 autoscalers act on it",
        "shop/front has no autoscaler",
        "Let the autoscaler `front` name Deployment shop/front",
    ] {
        assert!(rivals[0].contains(words), "{rivals:?}");
    }
}

#[test]
fn a_key_of_values_that_a_template_uses_is_not_to_be_removed() {
    let template = "apiVersion: batch/v1\nkind: Job\nmetadata: {name: j}\nspec:\n  template:\n    spec:\n      restartPolicy: Never\n      containers:\n        - name: c\n          image: r.example.net/c:1\n          resources:\n{{ toYaml .Values.resources | indent 12 }}\n";
    let other = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {cpu: '{{ .Values.resources.worker.cpu }}'}\n";
    let remedy = |other: &str| {
        let files = [
            ("charts/a/Chart.yaml", "apiVersion: v2\nname: a\nversion: 1.0.0\n"),
            (
                "charts/a/values.yaml",
                "resources:\n  limits: {memory: 64Mi}\n  worker: {cpu: '1'}\n",
            ),
            ("charts/a/templates/job.yaml", template),
            ("charts/a/templates/other.yaml", other),
        ];
        let report = judged(&platform(&files));
        let found = of_rule(&report, "manifest-invalid")
            .into_iter()
            .find(|f| f.title.contains("worker"));
        found.map(|f| f.remedy.clone())
    };
    let used = remedy(other).unwrap();
    assert!(
        !used.contains("Remove") && used.contains("templates/other.yaml"),
        "{used}"
    );
    assert_eq!(
        remedy("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\n").as_deref(),
        Some("Remove `worker`.")
    );
}

#[test]
fn an_unknown_field_is_refused_or_lost_as_the_tool_applies_it() {
    let object =
        "apiVersion: v1\nkind: Service\nmetadata: {name: s}\nspec: {ports: [{port: 80}], clusterip: None}\n";
    let application = |path: &str, options: &str| {
        format!(
            "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {{name: a, namespace: argocd}}\nspec:\n  project: default\n  source: {{repoURL: 'https://git.example.net/r.git', path: {path}}}\n  destination: {{namespace: shop, server: 'https://kubernetes.default.svc'}}\n{options}"
        )
    };
    let title = |files: &[(&str, &str)]| {
        let report = judged(&platform(files));
        let found = of_rule(&report, "manifest-invalid");
        let [one] = found[..] else { panic!("{found:?}") };
        (one.title.clone(), severity_of(one))
    };
    let kustomization = ("k8s/app/kustomization.yaml", "resources: [s.yaml]\n");
    let alone = [kustomization, ("k8s/app/s.yaml", object)];
    let (refused, severity) = title(&alone);
    assert!(refused.contains(" is refused: `spec.clusterip`"), "{refused}");
    assert_eq!(severity, Severity::High);
    let plain = application("k8s/app", "");
    let (lost, severity) = title(&[alone[0], alone[1], ("argo/a.yaml", &plain)]);
    assert!(lost.contains(" loses a field: `spec.clusterip`"), "{lost}");
    assert_eq!(severity, Severity::Medium);
    let on_server = application(
        "k8s/app",
        "  syncPolicy: {syncOptions: ['ServerSideApply=true']}\n",
    );
    let (refused, _) = title(&[alone[0], alone[1], ("argo/a.yaml", &on_server)]);
    assert!(refused.contains(" is refused: "), "{refused}");
    let chart = [
        ("charts/a/Chart.yaml", "apiVersion: v2\nname: a\nversion: 1.0.0\n"),
        ("charts/a/templates/s.yaml", object),
    ];
    assert!(title(&chart).0.contains(" loses a field: "));
}

#[test]
fn an_object_that_has_its_charts_name_is_shown_in_its_template() {
    let template = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  replicas: 2\n  selector: {matchLabels: {app: web}}\n  template:\n    metadata: {labels: {app: web}}\n    spec:\n      containers:\n        - name: {{ .Chart.Name }}\n          image: r.example.net/web:1\n";
    let platform = platform(&[
        (
            "charts/web/Chart.yaml",
            "apiVersion: v2\nname: web\nversion: 1.0.0\n",
        ),
        ("charts/web/templates/web.yaml", template),
        ("deploy.sh", "helm upgrade --install web charts/web\n"),
    ]);
    let report = judged(&platform);
    let found = of_rule(&report, "requests-missing");
    let place = found[0].locations[0].span;
    let path = platform.sources.path(place.file).display().to_string();
    let text = &platform.sources.file(place.file).text[place.start as usize..place.end as usize];
    assert_eq!((path.as_str(), text), ("charts/web/templates/web.yaml", "name"));
}

#[test]
fn replicas_that_a_template_writes_are_to_be_changed_in_the_template() {
    let template = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  replicas: {{ .Values.replicaCount }}\n  selector: {matchLabels: {app: web}}\n  template:\n    metadata: {labels: {app: web}}\n    spec: {containers: [{name: web, image: 'r.example.net/web:1'}]}\n---\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: web}\nspec:\n  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}\n  minReplicas: 2\n  maxReplicas: 9\n";
    let platform = platform(&[
        (
            "charts/web/Chart.yaml",
            "apiVersion: v2\nname: web\nversion: 1.0.0\n",
        ),
        ("charts/web/values.yaml", "replicaCount: 3\n"),
        ("charts/web/templates/web.yaml", template),
        ("deploy.sh", "helm upgrade --install web charts/web\n"),
    ]);
    let report = judged(&platform);
    let found = of_rule(&report, "autoscaler-fights-replicas");
    assert!(
        found[0].remedy.starts_with("Let the template"),
        "{}",
        found[0].remedy
    );
    let paths = found[0]
        .locations
        .iter()
        .map(|at| platform.sources.path(at.span.file).display().to_string());
    let paths: Vec<String> = paths.collect();
    for wanted in ["charts/web/values.yaml", "charts/web/templates/web.yaml"] {
        assert!(paths.iter().any(|path| path == wanted), "{paths:?}");
    }
    let plain = template.replace("{{ .Values.replicaCount }}", "3");
    let report = judged(&self::platform(&[("k8s/web.yaml", &plain)]));
    let found = of_rule(&report, "autoscaler-fights-replicas");
    assert!(
        found[0].remedy.starts_with("Remove `replicas`"),
        "{}",
        found[0].remedy
    );
}
