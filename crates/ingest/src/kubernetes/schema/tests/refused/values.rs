//! Values of the wrong type, outside of a closed set, or in the wrong format.

use super::{POD, container, deployment, each_has_one, of_kind};
use crate::kubernetes::schema::tests::*;

#[test]
fn wrong_types_are_named_and_texts_are_never_shown() {
    each_has_one(&[
        (
            container("env: [{name: A, value: 5}]"),
            "`spec.containers[0].env[0].value` must be text and is a number",
        ),
        (
            container("env: [{name: A, value: true}]"),
            "`spec.containers[0].env[0].value` must be text and is the boolean true",
        ),
        (
            of_kind("v1", "ConfigMap", "data: {PORT: 8080}\n"),
            "`data.PORT` must be text and is a number",
        ),
        (
            of_kind("v1", "ConfigMap", "data: {a: {b: c}}\n"),
            "`data.a` must be text and is a map",
        ),
        (
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x, annotations: {a: true}}\n".to_owned(),
            "`metadata.annotations.a` must be text and is the boolean true",
        ),
        (
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x, labels: {version: 1.0}}\n".to_owned(),
            "`metadata.labels.version` must be text and is a number",
        ),
        (
            deployment("replicas: '3'"),
            "`spec.replicas` must be a whole number and is text",
        ),
        (
            deployment("replicas: 2.5"),
            "`spec.replicas` must be a whole number and is the number 2.5",
        ),
        (
            deployment("paused: 'true'"),
            "`spec.paused` must be true or false and is text",
        ),
        (
            container("command: run"),
            "`spec.containers[0].command` must be a list and is text",
        ),
        (
            container("args: [--port, 80]"),
            "`spec.containers[0].args[1]` must be text and is a number",
        ),
        (
            container("env: {A: b}"),
            "`spec.containers[0].env` must be a list and is a map",
        ),
        (
            container("resources: {limits: {cpu: true}}"),
            "`spec.containers[0].resources.limits.cpu` must be a quantity",
        ),
        (
            of_kind("v1", "Secret", "data: {k: 'not base64'}\n"),
            "`data.k` is not base64",
        ),
    ]);
}

#[test]
fn values_outside_a_closed_set_are_refused() {
    each_has_one(&[
        (
            container("imagePullPolicy: always"),
            "`spec.containers[0].imagePullPolicy` is `always`, which is not one of Always, IfNotPresent, Never",
        ),
        (
            container("ports: [{containerPort: 80, protocol: tcp}]"),
            "`spec.containers[0].ports[0].protocol` is `tcp`",
        ),
        (
            deployment("strategy: {type: Rolling}"),
            "`spec.strategy.type` is `Rolling`",
        ),
        (
            of_kind(
                "v1",
                "Service",
                "spec: {type: Loadbalancer, ports: [{port: 80}]}\n",
            ),
            "`spec.type` is `Loadbalancer`",
        ),
    ]);
    let found = validate(&documents(&container("imagePullPolicy: always"))[0]);
    assert_eq!(found[0].remedy(), "Write `Always`.");
}

#[test]
fn quantities_that_do_not_parse_get_a_suggestion() {
    let text = container("resources: {requests: {memory: 512MB}}");
    each_has_one(&[
        (
            text.clone(),
            "`spec.containers[0].resources.requests.memory` is `512MB`, which is not a quantity",
        ),
        (
            container("resources: {requests: {memory: 500mi}}"),
            "`spec.containers[0].resources.requests.memory` is `500mi`",
        ),
        (
            container("resources: {requests: {mem: 1Gi}}"),
            "`spec.containers[0].resources.requests.mem` is not a resource of a container",
        ),
        (
            container("resources: {requests: {cpu: -1}}"),
            "`spec.containers[0].resources.requests.cpu` is negative",
        ),
    ]);
    assert_eq!(validate(&documents(&text)[0])[0].remedy(), "Write `512M`.");
}

#[test]
fn names_and_labels_must_have_their_format() {
    let named =
        |kind: &str, name: &str| format!("apiVersion: v1\nkind: {kind}\nmetadata: {{name: {name}}}\n");
    each_has_one(&[
        (named("ConfigMap", "My_Config"), "`metadata.name` is `My_Config`"),
        (named("Namespace", "a.b"), "`metadata.name` is `a.b`"),
        (
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x, labels: {a: b c}}\n".to_owned(),
            "`metadata.labels.a` is `b c`",
        ),
        (
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x, labels: {a b: c}}\n".to_owned(),
            "`metadata.labels.a b` has the key `a b`",
        ),
        (
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x, namespace: A}\n".to_owned(),
            "`metadata.namespace` is `A`",
        ),
        (
            format!("{POD}  containers: [{{name: App_1, image: a}}]\n"),
            "`spec.containers[0].name` is `App_1`",
        ),
        (
            container("ports: [{containerPort: 80, name: prometheus-metrics}]"),
            "`spec.containers[0].ports[0].name` is `prometheus-metrics`",
        ),
        (
            of_kind("v1", "ConfigMap", "data: {a/b: c}\n"),
            "`data` has the key `a/b`",
        ),
    ]);
}

#[test]
fn rbac_rules_must_name_groups_resources_and_verbs() {
    let kind = |kind: &str, rest: &str| of_kind("rbac.authorization.k8s.io/v1", kind, rest);
    each_has_one(&[
        (
            kind("Role", "rules: [{apiGroups: [''], resources: [pods]}]\n"),
            "requires `rules[0].verbs`",
        ),
        (
            kind("Role", "rules: [{resources: [pods], verbs: [get]}]\n"),
            "requires `rules[0].apiGroups`",
        ),
        (
            kind(
                "ClusterRoleBinding",
                "roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: a}\nsubjects: [{kind: \
                 ServiceAccount, name: b}]\n",
            ),
            "requires `subjects[0].namespace`",
        ),
        (
            kind("ClusterRoleBinding", "roleRef: {kind: Role, name: a}\n"),
            "`roleRef.kind` is Role",
        ),
        (
            kind(
                "RoleBinding",
                "roleRef: {kind: Role, name: a}\nsubjects: [{kind: user, name: b}]\n",
            ),
            "`subjects[0].kind` is `user`",
        ),
    ]);
}
