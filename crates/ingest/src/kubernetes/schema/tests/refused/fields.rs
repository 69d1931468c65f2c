//! Fields that are unknown, missing, or in the wrong place.

use super::{POD, container, deployment, each_has_one, of_kind};
use crate::kubernetes::schema::tests::*;
use cofferdam_model::delivery::DefectEffect;

#[test]
fn the_pooler_of_the_mitigation_plan_has_no_selector_and_no_labels() {
    let text = "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: pgbouncer\nspec:\n  replicas: 3\n  template:\n    \
                spec:\n      containers:\n      - name: pgbouncer\n        image: pgbouncer/pgbouncer:1.20.1\n";
    let object = &documents(text)[0];
    let found = validate(object);
    let paths: Vec<&str> = found.iter().map(|p| p.path.as_str()).collect();
    assert_eq!(paths, ["spec.selector", "spec.template.metadata.labels"]);
    assert!(found.iter().all(|p| p.kind == ProblemKind::Missing));
    // The place shown is the key `spec`.
    assert_eq!(
        &text[found[0].span.start as usize..found[0].span.end as usize],
        "spec"
    );
    let defect = found[0].to_defect("Deployment pgbouncer");
    assert_eq!(defect.problem, "requires `spec.selector`, which is missing");
    assert_eq!(defect.effect, DefectEffect::Refused);
}

#[test]
fn unknown_and_misplaced_fields_get_a_suggestion() {
    let kind_of = |text: &str| {
        let found: Vec<_> = documents(text).iter().flat_map(validate).collect();
        assert_eq!(found.len(), 1, "{found:?}\n{text}");
        found[0].kind.clone()
    };
    let near = |name: &str| ProblemKind::Unknown {
        nearest: Some(name.to_owned()),
    };
    let belongs = |path: &str| ProblemKind::Misplaced {
        belongs: path.to_owned(),
    };
    assert_eq!(
        kind_of(&container("ReadinessProbe: {exec: {command: [a]}}")),
        near("readinessProbe")
    );
    assert_eq!(
        kind_of(&container("image_pull_policy: Always")),
        near("imagePullPolicy")
    );
    assert_eq!(
        kind_of(&container("enviroment: []")),
        ProblemKind::Unknown { nearest: None }
    );
    assert_eq!(kind_of(&deployment("replica: 3")), near("replicas"));
    assert_eq!(
        kind_of(&container("terminationGracePeriodSeconds: 30")),
        belongs("spec")
    );
    assert_eq!(
        kind_of(&container("runAsNonRoot: true")),
        belongs("securityContext").below("spec.containers[0]")
    );
    assert_eq!(
        kind_of(&deployment("containers: []")),
        belongs("template.spec").below("spec")
    );
    assert_eq!(
        kind_of(&deployment("strategy: {maxSurge: 1}")),
        belongs("rollingUpdate").below("spec.strategy")
    );
    assert_eq!(
        kind_of(&deployment("xyzzy: 1")),
        ProblemKind::Unknown { nearest: None }
    );
    let behavior = "spec:\n  maxReplicas: 3\n  scaleTargetRef: {kind: Deployment, name: x}\n  behavior:\n    scaleUp:\n      \
                    stabilization_window_seconds: 60\n";
    assert_eq!(
        kind_of(&of_kind("autoscaling/v2", "HorizontalPodAutoscaler", behavior)),
        near("stabilizationWindowSeconds")
    );
    let probe = "livenessProbe:\n  httpGet: {path: /, port: 80, periodSeconds: 5}";
    assert_eq!(
        kind_of(&container(probe)),
        belongs("spec.containers[0].livenessProbe")
    );
}

#[test]
fn missing_fields_are_named() {
    each_has_one(&[
        (
            "apiVersion: v1\nkind: ConfigMap\ndata: {}\n".to_owned(),
            "requires `metadata`",
        ),
        (
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {labels: {a: b}}\n".to_owned(),
            "requires `metadata.name`",
        ),
        (of_kind("apps/v1", "Deployment", ""), "requires `spec`"),
        (
            of_kind("apps/v1", "Deployment", "spec: null\n"),
            "requires `spec`",
        ),
        (
            format!("{POD}  containers: [{{image: a}}]\n"),
            "requires `spec.containers[0].name`",
        ),
        (
            format!("{POD}  containers: [{{name: a}}]\n"),
            "requires `spec.containers[0].image`",
        ),
        (
            container("volumeMounts: [{name: data}]"),
            "requires `spec.containers[0].volumeMounts[0].mountPath`",
        ),
        (
            container("env: [{name: A, valueFrom: {secretKeyRef: {name: s}}}]"),
            "requires `spec.containers[0].env[0].valueFrom.secretKeyRef.key`",
        ),
        (
            of_kind(
                "v1",
                "PersistentVolumeClaim",
                "spec: {resources: {requests: {storage: 1Gi}}}\n",
            ),
            "requires `spec.accessModes`",
        ),
        (
            of_kind(
                "v1",
                "PersistentVolumeClaim",
                "spec: {accessModes: [ReadWriteOnce]}\n",
            ),
            "requires `spec.resources.requests.storage`",
        ),
        (
            of_kind(
                "v1",
                "Secret",
                "type: kubernetes.io/tls\nstringData: {tls.crt: a}\n",
            ),
            "requires `data.tls.key`",
        ),
    ]);
}

#[test]
fn each_item_of_a_list_is_judged() {
    let text = "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: ConfigMap\n  metadata: {name: a}\n  data: {a: 1}\n- \
                apiVersion: v1\n  kind: ConfigMap\n  metadata: {name: b}\n";
    assert_eq!(problems(text), ["`data.a` must be text and is a number"]);
}

#[test]
fn only_the_written_fields_of_a_fragment_are_judged() {
    let text = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {}\nspec:\n  replicas: x\n  template:\n    spec:\n      \
                containers:\n      - env: []\n        livenessProbes: {}\n";
    let found: Vec<String> = documents(text)
        .iter()
        .flat_map(validate_fragment)
        .map(|p| p.problem())
        .collect();
    assert_eq!(
        found,
        [
            "`spec.replicas` must be a whole number and is text",
            "`spec.template.spec.containers[0].livenessProbes` is not a known field",
        ]
    );
}

#[test]
fn ephemeral_containers_are_refused_in_manifests() {
    let text = format!(
        "{POD}  containers: [{{name: app, image: 'app:1'}}]\n  ephemeralContainers: [{{name: debug, image: 'busybox:1'}}]\n"
    );
    each_has_one(&[(text, "`spec.ephemeralContainers` cannot be set in a manifest")]);
}
