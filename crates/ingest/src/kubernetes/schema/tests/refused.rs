//! Manifests that Kubernetes refuses, one fault each, with the words of the message.

use super::*;

const POD: &str = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n";
const META: &str = "metadata: {name: x}\n";

/// A pod with one container and these further lines in the container.
fn container(lines: &str) -> String {
    let mut text = format!("{POD}  containers:\n  - name: app\n    image: app:1\n");
    for line in lines.lines() {
        text.push_str("    ");
        text.push_str(line);
        text.push('\n');
    }
    text
}

/// A Deployment whose `spec` has these further lines.
fn deployment(lines: &str) -> String {
    let mut text = format!(
        "apiVersion: apps/v1\nkind: Deployment\n{META}spec:\n  selector: {{matchLabels: {{app: x}}}}\n  template:\n    \
         metadata: {{labels: {{app: x}}}}\n    spec: {{containers: [{{name: app, image: 'app:1'}}]}}\n"
    );
    for line in lines.lines() {
        text.push_str("  ");
        text.push_str(line);
        text.push('\n');
    }
    text
}

fn of_kind(version: &str, kind: &str, rest: &str) -> String {
    format!("apiVersion: {version}\nkind: {kind}\n{META}{rest}")
}

/// Each text has exactly the problem that begins with these words.
fn each_has_one(cases: &[(String, &str)]) {
    for (text, words) in cases {
        let found = problems(text);
        assert_eq!(found.len(), 1, "{found:?}\n{text}");
        assert!(
            found[0].starts_with(words),
            "{:?} is not {words:?}\n{text}",
            found[0]
        );
    }
}

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
    assert_eq!(defect.effect, DefectEffect::Unknown);
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

impl ProblemKind {
    /// The same with a longer path.
    fn below(self, path: &str) -> ProblemKind {
        match self {
            ProblemKind::Misplaced { belongs } => ProblemKind::Misplaced {
                belongs: format!("{path}.{belongs}"),
            },
            other => other,
        }
    }
}

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
fn network_policies_must_have_valid_ranges_and_ports() {
    let policy = |peer: &str| {
        of_kind(
            "networking.k8s.io/v1",
            "NetworkPolicy",
            &format!("spec: {{podSelector: {{}}, policyTypes: [Egress], egress: [{peer}]}}\n"),
        )
    };
    each_has_one(&[
        (
            policy("{to: [{ipBlock: {cidr: 10.0.0.0}}]}"),
            "`spec.egress[0].to[0].ipBlock.cidr` is `10.0.0.0`, which is not a range",
        ),
        (
            policy("{to: [{ipBlock: {cidr: 10.0.0.0/8, except: [169.254.169.254/32]}}]}"),
            "`spec.egress[0].to[0].ipBlock.except[0]` is 169.254.169.254/32, which is not part of 10.0.0.0/8",
        ),
        (policy("{to: [{}]}"), "`spec.egress[0].to[0]` names no peer"),
        (
            policy("{to: [{ipBlock: {cidr: 10.0.0.0/8}, podSelector: {}}]}"),
            "`spec.egress[0].to[0]` has ipBlock together with a selector",
        ),
        (
            policy("{ports: [{endPort: 90}]}"),
            "requires `spec.egress[0].ports[0].port`",
        ),
        (
            policy("{ports: [{port: 100, endPort: 90}]}"),
            "`spec.egress[0].ports[0].endPort` is 90, less than port, 100",
        ),
        (
            policy("{ports: [{port: '443'}]}"),
            "`spec.egress[0].ports[0].port` is the text \"443\"",
        ),
        (
            policy("{to: [{ipBlock: {cidr: 0.0.0.0/0, excepts: [10.0.0.0/8]}}]}"),
            "`spec.egress[0].to[0].ipBlock.excepts` is not a known field",
        ),
    ]);
}

#[test]
fn services_and_ingresses_must_have_targets() {
    let service = |spec: &str| of_kind("v1", "Service", &format!("spec: {{{spec}}}\n"));
    let ingress = |spec: &str| of_kind("networking.k8s.io/v1", "Ingress", &format!("spec: {{{spec}}}\n"));
    let path = |fields: &str| {
        ingress(&format!(
            "rules: [{{http: {{paths: [{{{fields}backend: {{service: {{name: a, port: {{number: 80}}}}}}}}]}}}}]"
        ))
    };
    each_has_one(&[
        (service("selector: {a: b}"), "requires `spec.ports`"),
        (
            service("ports: [{port: 80, name: a}, {port: 81}]"),
            "requires `spec.ports[1].name`",
        ),
        (
            service("ports: [{port: 80, name: a}, {port: 80, name: b}]"),
            "`spec.ports[1].port` is 80 over TCP",
        ),
        (service("ports: [{port: 0}]"), "`spec.ports[0].port` is 0"),
        (service("type: ExternalName"), "requires `spec.externalName`"),
        (
            service("type: LoadBalancer, clusterIP: None, ports: [{port: 80}]"),
            "`spec.clusterIP` is None",
        ),
        (
            service("ports: [{port: 80, targetPort: '8080'}]"),
            "`spec.ports[0].targetPort` is the text \"8080\"",
        ),
        (ingress("ingressClassName: nginx"), "requires `spec.rules`"),
        (
            path("path: /, "),
            "requires `spec.rules[0].http.paths[0].pathType`",
        ),
        (
            path("path: a, pathType: Prefix, "),
            "`spec.rules[0].http.paths[0].path` is `a`",
        ),
        (
            ingress("rules: [{host: 'https://a.b'}]"),
            "`spec.rules[0].host` is `https://a.b`",
        ),
        (
            ingress("defaultBackend: {service: {name: a}}"),
            "requires `spec.defaultBackend.service.port`",
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

#[test]
fn ephemeral_containers_are_refused_in_manifests() {
    let text = format!(
        "{POD}  containers: [{{name: app, image: 'app:1'}}]\n  ephemeralContainers: [{{name: debug, image: 'busybox:1'}}]\n"
    );
    each_has_one(&[(text, "`spec.ephemeralContainers` cannot be set in a manifest")]);
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
