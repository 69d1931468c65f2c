//! API versions and kinds.

use super::{each_has_one, of_kind};
use crate::kubernetes::schema::tests::*;

#[test]
fn removed_api_versions_name_their_replacement() {
    each_has_one(&[
        (
            of_kind("autoscaling/v2beta2", "HorizontalPodAutoscaler", "spec: {}\n"),
            "`apiVersion` names an API version that Kubernetes 1.26 and later do not serve",
        ),
        (
            of_kind("batch/v1beta1", "CronJob", "spec: {}\n"),
            "`apiVersion` names an API version that Kubernetes 1.25",
        ),
        (
            of_kind("apps/v1", "CronJob", "spec: {}\n"),
            "`apiVersion` is `apps/v1`, which has no kind CronJob",
        ),
        (
            of_kind("v1", "Deployment", "spec: {}\n"),
            "`apiVersion` is `v1`, which has no kind Deployment",
        ),
    ]);
    let found = validate(&documents(&of_kind("policy/v1beta1", "PodDisruptionBudget", "spec: {}\n"))[0]);
    assert_eq!(
        found[0].remedy(),
        "Write `apiVersion: policy/v1` and follow the fields of that version."
    );
}

#[test]
fn fields_of_another_api_version_are_reported_as_such() {
    let hpa = "spec:\n  maxReplicas: 3\n  scaleTargetRef: {kind: Deployment, name: x}\n";
    let ingress = "spec:\n  rules:\n  - http:\n      paths:\n      - path: /\n        pathType: Prefix\n        \
                   backend: {serviceName: web}\n";
    each_has_one(&[
        (
            of_kind(
                "autoscaling/v2",
                "HorizontalPodAutoscaler",
                &format!("{hpa}  targetCPUUtilizationPercentage: 70\n"),
            ),
            "`spec.targetCPUUtilizationPercentage` is a field of autoscaling/v1",
        ),
        (
            of_kind(
                "autoscaling/v1",
                "HorizontalPodAutoscaler",
                &format!("{hpa}  metrics: []\n"),
            ),
            "`spec.metrics` is a field of autoscaling/v2",
        ),
        (
            of_kind("networking.k8s.io/v1", "Ingress", ingress),
            "`spec.rules[0].http.paths[0].backend.serviceName` is a field of networking.k8s.io/v1beta1",
        ),
    ]);
}

#[test]
fn custom_kinds_are_judged_if_their_fields_are_certain() {
    let keda =
        "spec:\n  scaleTargetRef: {name: x}\n  triggers: [{type: kafka, metadata: {lagThreshold: 50}}]\n";
    let rule = "spec: {rules: [{name: a, match: {any: []}, validate: {mesage: x}}]}\n";
    each_has_one(&[
        (
            of_kind("keda.sh/v1alpha1", "ScaledObject", keda),
            "`spec.triggers[0].metadata.lagThreshold` must be text and is a number",
        ),
        (
            of_kind("keda.sh/v1alpha1", "ScaledObject", &keda.replace("50", "'50'").replace("  triggers", "  maxReplicas: 3\n  triggers")),
            "`spec.maxReplicas` is not a known field",
        ),
        (
            of_kind("kyverno.io/v1", "ClusterPolicy", rule),
            "`spec.rules[0].validate.mesage` is not a known field",
        ),
        (
            of_kind("kyverno.io/v1", "ClusterPolicy", "spec: {validationFailureAction: Block, rules: []}\n"),
            "`spec.validationFailureAction` is `Block`",
        ),
        (
            "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nimages: [{name: a, newTag: 1.20}]\n".to_owned(),
            "`images[0].newTag` must be text and is a number",
        ),
        (
            "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresource: [a.yaml]\n".to_owned(),
            "`resource` is not a known field",
        ),
        (
            of_kind("networking.istio.io/v1", "DestinationRule", "spec: {host: a, outlierDetection: {}}\n"),
            "`spec.outlierDetection` is misplaced: `outlierDetection` belongs under `spec.trafficPolicy`",
        ),
        (
            of_kind("cert-manager.io/v1", "Certificate", "spec: {issuerRef: {name: a}}\n"),
            "requires `spec.secretName`",
        ),
        (
            of_kind("monitoring.coreos.com/v1", "PrometheusRule", "spec: {groups: [{name: a, rules: [{alert: b}]}]}\n"),
            "requires `spec.groups[0].rules[0].expr`",
        ),
    ]);
}

#[test]
fn a_deployment_config_is_judged_by_the_rules_of_openshift() {
    let with = |lines: &str| {
        let rest = format!(
            "spec:\n{lines}\n  template: {{metadata: {{labels: {{app: x}}}}, spec: {{containers: [{{name: app, image: 'app:1', imagePolicy: Always}}]}}}}\n"
        );
        of_kind("apps.openshift.io/v1", "DeploymentConfig", &rest)
    };
    let sound = |lines: &str| with(lines).replace(", imagePolicy: Always", "");
    each_has_one(&[
        (
            sound("  selector: {app: y}"),
            "`spec.selector.app` is `y`, and the template's label is `x`",
        ),
        (
            sound("  strategy: {type: RollingUpdate}"),
            "`spec.strategy.type` is `RollingUpdate`",
        ),
        (
            with("  replicas: 1"),
            "`spec.template.spec.containers[0].imagePolicy` is not a known field",
        ),
    ]);
    assert_eq!(problems(&sound("  selector: {app: x}")), Vec::<String>::new());
    let bare = of_kind(
        "apps.openshift.io/v1",
        "DeploymentConfig",
        "spec: {replicas: 2}\n",
    );
    each_has_one(&[(bare, "requires `spec.template`, which is missing")]);
    let without = |lines: &str| sound(lines).replace(", image: 'app:1'", "");
    let trigger = |name: &str| {
        format!(
            "  triggers: [{{type: ImageChange, imageChangeParams: {{containerNames: [{name}], from: {{kind: ImageStreamTag, name: 'a:b'}}}}}}]"
        )
    };
    each_has_one(&[
        (
            without("  replicas: 1"),
            "requires `spec.template.spec.containers[0].image`",
        ),
        (
            without(&trigger("other")),
            "requires `spec.template.spec.containers[0].image`",
        ),
    ]);
    assert_eq!(problems(&without(&trigger("app"))), Vec::<String>::new());
}

#[test]
fn unknown_versions_and_kinds_of_kubernetes_are_reported() {
    let spec = "spec: {selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}, spec: {containers: [{name: a, image: 'a:1'}]}}}\n";
    each_has_one(&[
        (
            of_kind("apps/v2", "Deployment", spec),
            "`apiVersion` is `apps/v2`, which Kubernetes does not have",
        ),
        (
            of_kind("apps/v1", "deployment", spec),
            "`kind` is `deployment`, and apps/v1 has the kind Deployment",
        ),
    ]);
    for others in [
        ("apps/v1beta3", "Deployment"),
        ("example.net/v1", "deployment"),
        ("apps/v1", "Deploy"),
    ] {
        assert_eq!(problems(&of_kind(others.0, others.1, spec)), Vec::<String>::new());
    }
}

#[test]
fn an_object_without_version_or_kind_is_recognised_by_its_other_fields() {
    let missing = |text: &str| lacks(&documents(text)[0]).map(|p| p.path);
    let whole = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {replicas: 1}\n";
    assert_eq!(missing(whole), None);
    assert_eq!(
        missing(&whole.replace("apiVersion: apps/v1\n", "")).as_deref(),
        Some("apiVersion")
    );
    assert_eq!(
        missing(&whole.replace("kind: Deployment\n", "")).as_deref(),
        Some("kind")
    );
    for other in [
        "kind: Deployment\nname: a\n",
        "kind: pipeline\nmetadata: {name: a}\nspec: {a: b}\n",
        "apiVersion: v2\nmetadata: {name: a}\nspec: {a: b}\n",
    ] {
        assert_eq!(missing(other), None, "{other}");
    }
}
