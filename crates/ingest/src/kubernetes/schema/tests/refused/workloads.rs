//! Pods and what creates them: selectors, probes, references inside a pod, schedules, autoscalers.

use super::{META, POD, container, deployment, each_has_one, of_kind};
use crate::kubernetes::schema::tests::*;

#[test]
fn selectors_must_match_the_template() {
    let with = |selector: &str, labels: &str| {
        of_kind(
            "apps/v1",
            "Deployment",
            &format!(
                "spec:\n  selector: {selector}\n  template:\n    metadata: {{labels: {labels}}}\n    \
                 spec: {{containers: [{{name: a, image: b}}]}}\n"
            ),
        )
    };
    each_has_one(&[
        (
            with("{matchLabels: {app: x}}", "{app: z}"),
            "`spec.selector.matchLabels.app` is `x`, and the template's label is `z`",
        ),
        (
            with("{matchLabels: {app: x, tier: y}}", "{app: x}"),
            "`spec.selector.matchLabels.tier` is `y`, and the template's labels have no `tier`",
        ),
        (with("{}", "{app: z}"), "`spec.selector` is empty"),
        (
            with("{app: z}", "{app: z}"),
            "`spec.selector.app` is not a known field",
        ),
    ]);
}

#[test]
fn probes_must_have_one_handler_and_valid_counts() {
    each_has_one(&[
        (
            container("livenessProbe: {periodSeconds: 5}"),
            "`spec.containers[0].livenessProbe` has no handler",
        ),
        (
            container("livenessProbe: {httpGet: {port: 80}, exec: {command: [a]}}"),
            "`spec.containers[0].livenessProbe` has several handlers (exec, httpGet)",
        ),
        (
            container("livenessProbe: {httpGet: {port: 80}, successThreshold: 2}"),
            "`spec.containers[0].livenessProbe.successThreshold` is 2 and must be 1",
        ),
        (
            container("readinessProbe: {httpGet: {port: '80'}}"),
            "`spec.containers[0].readinessProbe.httpGet.port` is the text \"80\"",
        ),
        (
            container("readinessProbe: {tcpSocket: {port: 70000}}"),
            "`spec.containers[0].readinessProbe.tcpSocket.port` is 70000 and must be from 1 to 65535",
        ),
        (
            container("readinessProbe: {tcpSocket: {port: 1}, periodSeconds: -1}"),
            "`spec.containers[0].readinessProbe.periodSeconds` is -1",
        ),
        (
            container("lifecycle: {preStop: {}}"),
            "`spec.containers[0].lifecycle.preStop` has no handler",
        ),
    ]);
}

#[test]
fn references_inside_a_pod_must_match() {
    each_has_one(&[
        (
            format!("{POD}  containers: [{{name: a, image: a}}, {{name: a, image: b}}]\n"),
            "`spec.containers[1].name` is `a`, which an earlier container has too",
        ),
        (
            format!(
                "{POD}  initContainers: [{{name: a, image: a}}]\n  containers: [{{name: a, image: b}}]\n"
            ),
            "`spec.initContainers[0].name` is `a`, which a container has too",
        ),
        (format!("{POD}  containers: []\n"), "`spec.containers` is empty"),
        (
            format!(
                "{}  volumes: [{{name: v, emptyDir: {{}}, configMap: {{name: c}}}}]\n",
                container("")
            ),
            "`spec.volumes[0]` has several sources",
        ),
        (
            format!(
                "{}  tolerations: [{{key: a, operator: Exists, value: b}}]\n",
                container("")
            ),
            "`spec.tolerations[0].value` must be absent",
        ),
        (
            container("env: [{name: A, value: b, valueFrom: {fieldRef: {fieldPath: metadata.name}}}]"),
            "`spec.containers[0].env[0].valueFrom` is set together with `value`",
        ),
        (
            container("securityContext: {privileged: true, allowPrivilegeEscalation: false}"),
            "`spec.containers[0].securityContext.allowPrivilegeEscalation` is false although",
        ),
        (
            container("volumeMounts: [{name: a, mountPath: /x}, {name: b, mountPath: /x}]"),
            "`spec.containers[0].volumeMounts[1].mountPath` is `/x`",
        ),
        (
            format!(
                "{}  hostNetwork: true\n",
                container("ports: [{containerPort: 80, hostPort: 81}]")
            ),
            "`spec.containers[0].ports[0].hostPort` is 81",
        ),
        (
            format!(
                "{POD}  initContainers: [{{name: i, image: a, livenessProbe: {{exec: {{command: [a]}}}}}}]\n  \
                 containers: [{{name: a, image: b}}]\n"
            ),
            "`spec.initContainers[0].livenessProbe` must be absent",
        ),
    ]);
}

#[test]
fn restart_policy_and_strategy_must_fit_the_kind() {
    let job = |policy: &str| {
        of_kind(
            "batch/v1",
            "Job",
            &format!("spec: {{template: {{spec: {{{policy}containers: [{{name: a, image: b}}]}}}}}}\n"),
        )
    };
    each_has_one(&[
        (
            job(""),
            "`spec.template.spec` has no restartPolicy, so it is Always; a Job accepts only Never and OnFailure",
        ),
        (
            job("restartPolicy: Always, "),
            "`spec.template.spec.restartPolicy` is Always",
        ),
        (
            of_kind(
                "apps/v1",
                "StatefulSet",
                "spec: {selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}, spec: {restartPolicy: \
                 Never, containers: [{name: a, image: b}]}}}\n",
            ),
            "`spec.template.spec.restartPolicy` is Never, and a StatefulSet accepts only Always",
        ),
        (
            deployment("strategy: {type: Recreate, rollingUpdate: {maxSurge: 1}}"),
            "`spec.strategy.rollingUpdate` must be absent",
        ),
        (
            deployment("strategy: {rollingUpdate: {maxSurge: 0, maxUnavailable: 0%}}"),
            "`spec.strategy.rollingUpdate.maxUnavailable` is 0, and so is maxSurge",
        ),
        (
            deployment("strategy: {rollingUpdate: {maxSurge: '1'}}"),
            "`spec.strategy.rollingUpdate.maxSurge` is the text \"1\"",
        ),
        (
            deployment("strategy: {rollingUpdate: {maxUnavailable: 150%}}"),
            "`spec.strategy.rollingUpdate.maxUnavailable` is 150%",
        ),
        (
            deployment("replicas: -1"),
            "`spec.replicas` is -1 and must be at least 0",
        ),
        (
            deployment("progressDeadlineSeconds: 10\nminReadySeconds: 10"),
            "`spec.progressDeadlineSeconds` is 10 and must be more than minReadySeconds, 10",
        ),
    ]);
}

#[test]
fn cron_jobs_must_have_a_schedule_and_a_short_name() {
    let cron = |name: &str, fields: &str| {
        format!(
            "apiVersion: batch/v1\nkind: CronJob\nmetadata: {{name: {name}}}\nspec:\n  {fields}\n  jobTemplate: {{spec: \
             {{template: {{spec: {{restartPolicy: Never, containers: [{{name: a, image: b}}]}}}}}}}}\n"
        )
    };
    each_has_one(&[
        (
            cron("x", "schedule: '0 3 * *'"),
            "`spec.schedule` has 4 fields and must have 5",
        ),
        (
            cron("x", "schedule: '0 25 * * *'"),
            "`spec.schedule` has `25` as hour",
        ),
        (
            cron("x", "schedule: '@daily'\n  timeZone: Europe/Pari"),
            "`spec.timeZone` is `Europe/Pari`",
        ),
        (
            cron(&"x".repeat(53), "schedule: '@daily'"),
            "`metadata.name` has 53 characters",
        ),
        (
            cron("x", "schedule: '@daily'\n  concurrencyPolicy: Never"),
            "`spec.concurrencyPolicy` is `Never`",
        ),
    ]);
}

#[test]
fn values_of_autoscalers_and_budgets_must_fit_each_other() {
    let hpa = |lines: &str| {
        of_kind(
            "autoscaling/v2",
            "HorizontalPodAutoscaler",
            &format!("spec:\n  scaleTargetRef: {{kind: Deployment, name: x}}\n{lines}"),
        )
    };
    let pdb = |fields: &str| {
        of_kind(
            "policy/v1",
            "PodDisruptionBudget",
            &format!("spec: {{{fields}}}\n"),
        )
    };
    let metric = |metric: &str| hpa(&format!("  maxReplicas: 3\n  metrics: [{metric}]\n"));
    each_has_one(&[
        (hpa("  minReplicas: 2\n"), "requires `spec.maxReplicas`"),
        (
            hpa("  minReplicas: 5\n  maxReplicas: 3\n"),
            "`spec.maxReplicas` is 3, less than minReplicas, 5",
        ),
        (metric("{type: Resource}"), "requires `spec.metrics[0].resource`"),
        (
            metric("{type: Resource, resource: {name: cpu, target: {type: Utilization}}}"),
            "requires `spec.metrics[0].resource.target.averageUtilization`",
        ),
        (
            metric(
                "{type: Resource, resource: {name: cpu, targetAverageUtilization: 5, target: {type: Utilization, averageUtilization: 5}}}",
            ),
            "`spec.metrics[0].resource.targetAverageUtilization` is a field of autoscaling/v2beta1",
        ),
        (
            hpa(
                "  maxReplicas: 3\n  behavior: {scaleUp: {policies: [{type: Pods, value: 1, periodSeconds: 3600}]}}\n",
            ),
            "`spec.behavior.scaleUp.policies[0].periodSeconds` is 3600 and must be from 1 to 1800",
        ),
        (
            hpa("  maxReplicas: 3\n  behavior: {scaleDown: {stabilizationWindowSeconds: 7200}}\n"),
            "`spec.behavior.scaleDown.stabilizationWindowSeconds` is 7200",
        ),
        (
            pdb("minAvailable: 1, maxUnavailable: 1"),
            "`spec.maxUnavailable` is set together with minAvailable",
        ),
        (pdb("minAvailable: '2'"), "`spec.minAvailable` is the text \"2\""),
    ]);
}

#[test]
fn a_selector_is_judged_by_its_expressions_too() {
    let with = |expression: &str| {
        format!(
            "apiVersion: apps/v1\nkind: DaemonSet\n{META}spec:\n  selector: {{matchExpressions: [{{{expression}}}]}}\n  template:\n    \
             metadata: {{labels: {{app: x, tier: back}}}}\n    spec: {{containers: [{{name: app, image: 'app:1'}}]}}\n"
        )
    };
    each_has_one(&[
        (
            with("key: tier, operator: In, values: [front, edge]"),
            "`spec.selector.matchExpressions[0]` requires In front, edge, and the template's label `tier` is `back`",
        ),
        (
            with("key: app, operator: NotIn, values: [x]"),
            "`spec.selector.matchExpressions[0]` requires NotIn x",
        ),
        (
            with("key: zone, operator: Exists"),
            "`spec.selector.matchExpressions[0]` requires Exists, and the template's labels have no `zone`",
        ),
        (
            with("key: app, operator: DoesNotExist"),
            "`spec.selector.matchExpressions[0]` requires DoesNotExist",
        ),
    ]);
    for fits in [
        "key: tier, operator: In, values: [back]",
        "key: zone, operator: DoesNotExist",
        "key: zone, operator: NotIn, values: [a]",
    ] {
        assert_eq!(problems(&with(fits)), Vec::<String>::new());
    }
}

#[test]
fn the_labels_of_a_replication_controller_are_plain() {
    let with = |selector: &str| {
        let rest = format!(
            "spec:\n  {selector}\n  template: {{metadata: {{labels: {{app: x}}}}, spec: {{containers: [{{name: app, image: 'app:1'}}]}}}}\n"
        );
        of_kind("v1", "ReplicationController", &rest)
    };
    each_has_one(&[(
        with("selector: {app: y}"),
        "`spec.selector.app` is `y`, and the template's label is `x`",
    )]);
    assert_eq!(problems(&with("selector: {app: x}")), Vec::<String>::new());
    assert_eq!(problems(&with("replicas: 1")), Vec::<String>::new());
}
