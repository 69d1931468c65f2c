//! One cause is one finding, named after what matters most in it; what a person accepts at one place stays at the others.

use cofferdam_audit::{Finding, Options, Report, audit};

fn report(files: &[(&str, &str)]) -> Report {
    let files = files.iter().map(|(p, t)| ((*p).into(), t.as_bytes().to_vec()));
    audit(&cofferdam_ingest::read_files(files), &Options::default())
}

fn of<'r>(report: &'r Report, rule: &str) -> Vec<&'r Finding> {
    report.findings.iter().filter(|f| f.rule == rule).collect()
}

fn deployment(image: &str, comment: &str) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web, namespace: shop}}{comment}\nspec:\n  replicas: 1\n  selector: {{matchLabels: {{app: web}}}}\n  template:\n    metadata: {{labels: {{app: web}}}}\n    spec:\n      containers:\n        - name: web\n          image: {image}\n          ports: [{{containerPort: 80}}]\n"
    )
}

#[test]
fn a_comment_at_one_copy_accepts_that_copy_only() {
    let plain = deployment("r.example.net/web:1", "");
    let accepted = deployment(
        "r.example.net/web:1",
        " # cofferdam: ignore[single-replica] a trial",
    );
    let with = |a: &str, b: &str| {
        report(&[
            ("clusters/a/web.yaml", a),
            ("clusters/b/web.yaml", b),
            ("clusters/c/web.yaml", &plain),
        ])
    };
    let found = with(&plain, &plain);
    assert_eq!(of(&found, "single-replica").len(), 1, "copies are one finding");
    let found = with(&accepted, &plain);
    assert_eq!(of(&found, "single-replica").len(), 1);
    assert_eq!(found.suppressed, 1);
    assert!(
        found.suppression_notes.is_empty(),
        "{:?}",
        found.suppression_notes
    );
    // The same if it is not the copy that the finding shows first.
    let found = with(&plain, &accepted);
    assert_eq!((of(&found, "single-replica").len(), found.suppressed), (1, 1));
    assert!(
        found.suppression_notes.is_empty(),
        "{:?}",
        found.suppression_notes
    );
}

#[test]
fn pods_that_only_hold_a_place_are_not_judged_as_services() {
    let rules = |image: &str| -> Vec<String> {
        let found = report(&[("k8s/web.yaml", &deployment(image, ""))]);
        found.findings.iter().map(|f| f.rule.to_string()).collect()
    };
    let ordinary =
        rules("r.example.net/web:1@sha256:4c1d5a3f3f1c8a52f0a2b7c6a2e2b6f5c1d0e9f8a7b6c5d4e3f2a1b0c9d8e7f6");
    for rule in [
        "single-replica",
        "probe-missing",
        "requests-missing",
        "ephemeral-storage-missing",
    ] {
        assert!(ordinary.iter().any(|own| own == rule), "{ordinary:?}");
        for image in [
            "registry.k8s.io/pause:3.9",
            "gcr.io/google_containers/pause-amd64:3.0",
        ] {
            assert!(!rules(image).iter().any(|own| own == rule), "{rule} of {image}");
        }
    }
    assert!(
        rules("r.example.net/pauser:1")
            .iter()
            .any(|own| own == "single-replica")
    );
}

#[test]
fn an_image_that_openshift_sets_has_no_moving_tag() {
    let stream =
        "apiVersion: image.openshift.io/v1\nkind: ImageStream\nmetadata: {name: web, namespace: shop}\n";
    let tags = |image: &str, annotation: &str, more: &str| {
        let text =
            deployment(image, "").replace("namespace: shop}", &format!("namespace: shop{annotation}}}"));
        let found = report(&[("k8s/web.yaml", &format!("{text}---\n{more}"))]);
        of(&found, "image-mutable-tag").len()
    };
    let trigger = ", annotations: {image.openshift.io/triggers: '[{\"from\":{\"kind\":\"ImageStreamTag\",\"name\":\"web:latest\"}}]'}";
    assert_eq!(tags("web:latest", "", ""), 1);
    assert_eq!(tags("web:latest", trigger, ""), 0);
    assert_eq!(tags("web:latest", "", stream), 0);
    assert_eq!(tags("r.example.net/web:latest", "", stream), 1, "another image");
    assert_eq!(tags("$(WEB_IMAGE)", "", ""), 0);
}

#[test]
fn a_service_for_metrics_makes_nobody_depend_on_a_pod() {
    let title = |port: &str, service: &str| {
        let text = deployment("r.example.net/web:1", "").replace("ports: [{containerPort: 80}]", port);
        let service = format!(
            "apiVersion: v1\nkind: Service\nmetadata: {{name: web, namespace: shop}}\nspec: {{selector: {{app: web}}, ports: [{service}]}}\n"
        );
        let found = report(&[("k8s/web.yaml", &format!("{text}---\n{service}"))]);
        of(&found, "single-replica")[0].title.clone()
    };
    let alone = "Deployment shop/web: one replica";
    let served = "Deployment shop/web: one replica behind a Service";
    let metrics = "{name: metrics, port: 9090, targetPort: 9090}";
    assert_eq!(title("ports: []", metrics), alone);
    assert_eq!(title("ports: [{containerPort: 9090}]", metrics), alone);
    assert_eq!(
        title("ports: [{name: debug, containerPort: 6060}]", metrics),
        alone
    );
    // A port alone says nothing of callers.
    assert_eq!(title("ports: [{containerPort: 80}]", metrics), alone);
    assert_eq!(title("ports: []", "{name: health, port: 8081}"), alone);
    assert_eq!(title("ports: []", "{name: http, port: 80}"), served);
}

#[test]
fn a_plain_database_is_not_told_to_run_twice() {
    let database = |kind: &str, image: &str, replicas: u32| {
        report(&[(
            "k8s/db.yaml",
            &format!(
                "apiVersion: apps/v1\nkind: {kind}\nmetadata: {{name: db}}\nspec:\n  replicas: {replicas}\n  serviceName: db\n  selector: {{matchLabels: {{app: db}}}}\n  template:\n    metadata: {{labels: {{app: db}}}}\n    spec:\n      containers:\n        - name: db\n          image: {image}\n          ports: [{{containerPort: 5432}}]\n          volumeMounts: [{{name: data, mountPath: /data}}]\n  volumeClaimTemplates: [{{metadata: {{name: data}}, spec: {{accessModes: [ReadWriteOnce], resources: {{requests: {{storage: 1Gi}}}}}}}}]\n"
            ),
        )])
    };
    for image in ["postgres:16.4", "docker.io/bitnami/mysql:8", "mongo:7"] {
        let one = database("StatefulSet", image, 1);
        let [single] = of(&one, "single-replica")[..] else {
            panic!("{image}")
        };
        assert!(
            single.explanation.contains("second, empty database"),
            "{}",
            single.explanation
        );
        assert!(single.remedy.contains("replication"), "{}", single.remedy);
        assert!(of(&one, "no-graceful-stop").is_empty(), "a pause helps nobody");
        assert!(of(&database("StatefulSet", image, 2), "no-spare-replica").is_empty());
    }
    let other = database("StatefulSet", "r.example.net/queue:1", 2);
    assert_eq!(of(&other, "no-spare-replica").len(), 1);
}

#[test]
fn a_program_that_belongs_to_no_service_is_named_by_its_file() {
    let call = "import requests\n\nrequests.get('https://example.net', timeout=None)\n";
    let other = deployment("r.example.net/api:1", "").replace("web", "api");
    let subject = |path: &str| {
        let found = report(&[
            ("k8s/api.yaml", &other),
            (path, call),
            ("k8s/web.yaml", &deployment("r.example.net/web:1", "")),
        ]);
        of(&found, "call-without-timeout")[0].subject.clone()
    };
    assert_eq!(subject("clean.py"), "calls of clean.py");
    assert_eq!(subject("config/stage/clean.py"), "calls of config/stage/clean.py");
    assert_eq!(subject("services/orders/main.py"), "calls of orders");
}

#[test]
fn an_api_that_newer_clusters_do_not_serve_is_not_called_refused() {
    let text = "apiVersion: autoscaling/v2beta2\nkind: HorizontalPodAutoscaler\nmetadata: {name: web}\nspec:\n  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}\n  minReplicas: 2\n  maxReplicas: 4\n";
    let found = report(&[("k8s/hpa.yaml", text)]);
    let [invalid] = of(&found, "manifest-invalid")[..] else {
        panic!("{:?}", found.findings)
    };
    assert!(invalid.title.contains("1.26 and later"), "{}", invalid.title);
    assert!(!invalid.title.contains("refused"), "{}", invalid.title);
    assert_eq!(invalid.severity.unwrap().name(), "medium");
}

/// An autoscaler that never scales, in the namespaces of two environments.
fn autoscalers(namespaces: [&str; 2]) -> Report {
    let text = format!(
        "{}---\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {{name: web}}\nspec: {{scaleTargetRef: {{apiVersion: apps/v1, kind: Deployment, name: web}}, minReplicas: 3, maxReplicas: 3}}\n",
        deployment("r.example.net/web:1", "").replace(", namespace: shop", "")
    );
    let kustomization = namespaces.map(|name| format!("namespace: {name}\nresources: [web.yaml]\n"));
    report(&[
        ("overlays/dev/kustomization.yaml", &kustomization[0]),
        ("overlays/dev/web.yaml", &text),
        ("overlays/prod/kustomization.yaml", &kustomization[1]),
        ("overlays/prod/web.yaml", &text),
    ])
}

#[test]
fn two_objects_of_one_name_in_two_namespaces_are_two_findings_whose_texts_differ() {
    let found = autoscalers(["orders", "billing"]);
    let mut all = of(&found, "autoscaler-cannot-scale");
    all.sort_by_key(|finding| finding.subject.to_string());
    let shown: Vec<(&str, &[String])> = all
        .iter()
        .map(|f| (f.subject.as_str(), f.environments.as_slice()))
        .collect();
    assert_eq!(
        shown,
        [
            (
                "HorizontalPodAutoscaler billing/web",
                &["production".to_owned()][..]
            ),
            (
                "HorizontalPodAutoscaler orders/web",
                &["development".to_owned()][..]
            ),
        ]
    );
    assert!(all[0].title.ends_with("(in billing)"), "{}", all[0].title);
    assert_ne!(all[0].fingerprint, all[1].fingerprint);
}

#[test]
fn one_object_in_the_namespaces_of_two_environments_is_one_finding() {
    let found = autoscalers(["shop-dev", "shop-prod"]);
    for (rule, subject) in [
        ("autoscaler-cannot-scale", "HorizontalPodAutoscaler web"),
        ("requests-missing", "Deployment shop-prod/web"),
    ] {
        let all = of(&found, rule);
        assert_eq!(all.len(), 1, "{all:#?}");
        assert_eq!(all[0].environments, ["development", "production"]);
        assert_eq!(all[0].subject, subject);
        assert_eq!(all[0].subject.bare_namespace(), Some("shop"));
    }
}
