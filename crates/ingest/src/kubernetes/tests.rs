//! The parts of objects of each kind, read the way users write them.

use crate::context::Place;
use cofferdam_model::Parts;
use cofferdam_model::workload::Completeness;
use cofferdam_syntax::repo::Repo;
use cofferdam_syntax::tree::{Node, Value};
use std::path::{Path, PathBuf};

/// Reads the documents of one file as whole objects.
pub(super) fn read(text: &str) -> Parts {
    read_as(text, Completeness::Whole)
}

/// The same as fragments of a template.
pub(super) fn read_fragment(text: &str) -> Parts {
    read_as(text, Completeness::Fragment)
}

/// Reads whole objects and finishes.
pub(super) fn finished(text: &str) -> Parts {
    let (repo, mut env) = read_repo(text, Completeness::Whole);
    super::finish(&repo, "production", std::iter::empty(), &mut env);
    env
}

fn read_as(text: &str, completeness: Completeness) -> Parts {
    read_repo(text, completeness).1
}

fn read_repo(text: &str, completeness: Completeness) -> (Repo, Parts) {
    let repo = Repo::from_files([(PathBuf::from("a.yaml"), text.as_bytes().to_vec())]);
    assert!(repo.unreadable.is_empty(), "{:?}", repo.unreadable);
    let mut env = Parts::default();
    let place = Place {
        repo: &repo,
        environment: "production",
        path: Path::new("a.yaml"),
        completeness,
    };
    for document in &repo.yaml[Path::new("a.yaml")].documents {
        super::interpret(document, place, &mut env);
    }
    (repo, env)
}

/// One object of each kind that some interpreter knows, as full as its reader cares for.
const EVERYTHING: &str = r#"
{apiVersion: apps/v1, kind: Deployment, metadata: {name: a, namespace: n, labels: {a: b}, annotations: {c: d}}, spec: {replicas: 2, strategy: {type: RollingUpdate, rollingUpdate: {maxSurge: 25%}}, template: {metadata: {labels: {app: a}, annotations: {vault.hashicorp.com/agent-inject-secret-x: database/creds/x}}, spec: {serviceAccountName: s, terminationGracePeriodSeconds: 3, topologySpreadConstraints: [{topologyKey: z, labelSelector: {matchLabels: {app: a}}}], affinity: {podAntiAffinity: {preferredDuringSchedulingIgnoredDuringExecution: [{podAffinityTerm: {topologyKey: h, labelSelector: {matchExpressions: [{key: app, operator: In, values: [a]}]}}}]}}, containers: [{name: a, image: "r/a:1", command: [gunicorn, -w, "4"], env: [{name: X, valueFrom: {secretKeyRef: {name: s, key: k}}}, {name: P_PASSWORD, value: h7Gk2pQ9}], envFrom: [{configMapRef: {name: c}}], ports: [{name: p, containerPort: 1}], resources: {limits: {cpu: 1, memory: 1Gi}}, livenessProbe: {httpGet: {path: /, port: p}}, lifecycle: {preStop: {exec: {command: [sleep, "5"]}}}, volumeMounts: [{name: v, mountPath: /v}]}], volumes: [{name: v, projected: {sources: [{configMap: {name: c}}]}}, {name: w, csi: {driver: d, volumeAttributes: {secretProviderClass: q}}}]}}}}
---
{apiVersion: autoscaling/v2, kind: HorizontalPodAutoscaler, metadata: {name: a}, spec: {scaleTargetRef: {kind: Deployment, name: a}, minReplicas: 1, maxReplicas: 3, metrics: [{type: External, external: {metric: {name: lag, selector: {matchLabels: {topic: t}}}, target: {averageValue: 5}}}], behavior: {scaleUp: {policies: [{type: Percent, value: 10, periodSeconds: 5}]}}}}
---
{apiVersion: keda.sh/v1alpha1, kind: ScaledObject, metadata: {name: a}, spec: {scaleTargetRef: {name: a}, triggers: [{type: kafka, metadata: {topic: t, lagThreshold: "5"}}]}}
---
{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: a}, spec: {podSelector: {matchLabels: {app: a}}, policyTypes: [Egress], egress: [{to: [{ipBlock: {cidr: 0.0.0.0/0, except: [1.1.1.1/32]}}, {namespaceSelector: {matchLabels: {name: n}}}], ports: [{port: 53, protocol: UDP}]}]}}
---
{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {name: a}, spec: {tls: [{secretName: t}], rules: [{http: {paths: [{backend: {service: {name: a, port: {name: http}}}}]}}]}}
---
{apiVersion: v1, kind: Service, metadata: {name: a}, spec: {selector: {app: b}, ports: [{name: http, port: 80, targetPort: p}]}}
---
{apiVersion: v1, kind: ConfigMap, metadata: {name: c}, data: {app.yaml: "cells: [{name: a, weight: 60}]\n", a.properties: "acks=1\nlinger.ms=5\n", K: v}}
---
{apiVersion: v1, kind: Secret, metadata: {name: s}, data: {k: aDdHazJwUTk=}, stringData: {url: "postgres://a:b@c/d"}}
---
{apiVersion: kyverno.io/v1, kind: ClusterPolicy, metadata: {name: p}, spec: {validationFailureAction: Enforce, rules: [{name: r, validate: {message: "only r.example.net/x/", pattern: {spec: {containers: [{image: "r/* | q/*"}]}}, deny: {conditions: [{key: image, operator: NotIn, value: [r.io/x]}]}}}]}}
---
{apiVersion: monitoring.coreos.com/v1, kind: PrometheusRule, metadata: {name: r}, spec: {groups: [{name: g, interval: 5s, rules: [{alert: A, expr: "rate(x{a='b'}[5m]) > 1", for: 5m, labels: {severity: page}}]}]}}
---
{apiVersion: sloth.slok.dev/v1, kind: PrometheusServiceLevel, metadata: {name: s}, spec: {service: a, slos: [{name: x, objective: 99.9, alerting: {name: Y}}]}}
---
{apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: {name: v}, spec: {http: [{timeout: 1s, retries: {attempts: 3}, route: [{destination: {host: a, subset: cell-a}, weight: 50}]}]}}
---
{apiVersion: networking.istio.io/v1, kind: DestinationRule, metadata: {name: v}, spec: {host: a, trafficPolicy: {outlierDetection: {consecutive5xxErrors: 5, interval: 1s}}}}
---
{apiVersion: postgresql.cnpg.io/v1, kind: Cluster, metadata: {name: pg}, spec: {imageName: "x:16", postgresql: {parameters: {max_connections: 5}}, backup: {retentionPolicy: 30d}}}
---
{apiVersion: serving.knative.dev/v1, kind: Service, metadata: {name: k}, spec: {template: {metadata: {annotations: {autoscaling.knative.dev/maxScale: "5"}}, spec: {containerConcurrency: 80, containers: [{image: x}]}}}}
"#;

/// Every place of a tree, as the child numbers that lead to it.
fn places(node: &Node, path: &mut Vec<usize>, found: &mut Vec<Vec<usize>>) {
    found.push(path.clone());
    let children: Vec<&Node> = match &node.value {
        Value::Seq(items) => items.iter().collect(),
        Value::Map(map) => map.iter().map(|(_, v)| v).collect(),
        _ => Vec::new(),
    };
    for (at, child) in children.into_iter().enumerate() {
        path.push(at);
        places(child, path, found);
        path.pop();
    }
}

fn replace(node: &mut Node, path: &[usize], with: &Value) {
    let Some((first, rest)) = path.split_first() else {
        node.value = with.clone();
        return;
    };
    match &mut node.value {
        Value::Seq(items) => replace(&mut items[*first], rest, with),
        Value::Map(map) => {
            if let Some((_, child)) = map.iter_mut().nth(*first) {
                replace(child, rest, with);
            }
        }
        _ => {}
    }
}

#[test]
fn a_value_of_a_wrong_type_breaks_no_reader() {
    let repo = Repo::from_files([(PathBuf::from("a.yaml"), EVERYTHING.as_bytes().to_vec())]);
    let documents = &repo.yaml[Path::new("a.yaml")].documents;
    assert_eq!(documents.len(), 15);
    let text = |text: &str| Node::plain(text, documents[0].span).value;
    let strangers = [
        Value::Null,
        Value::Seq(Vec::new()),
        Value::Seq(vec![documents[0].clone()]),
        Value::Map(cofferdam_syntax::tree::Map::default()),
        Value::Unknown("{{ .Values.x }}".into()),
        text(""),
        text("-1"),
        text("1e308"),
        text("99999999999999999999"),
        text("é√{[\"'`$("),
    ];
    let place = Place {
        repo: &repo,
        environment: "production",
        path: Path::new("a.yaml"),
        completeness: Completeness::Whole,
    };
    for document in documents {
        let mut found = Vec::new();
        places(document, &mut Vec::new(), &mut found);
        for path in &found {
            for stranger in &strangers {
                let mut changed = document.clone();
                replace(&mut changed, path, stranger);
                let mut env = Parts::default();
                super::interpret(&changed, place, &mut env);
                super::finish(&repo, "production", std::iter::empty(), &mut env);
            }
        }
    }
}

#[test]
fn the_objects_of_an_openshift_template_are_fragments() {
    let env = read(
        "apiVersion: template.openshift.io/v1\nkind: Template\nmetadata: {name: t}\nparameters: [{name: NAME}]\nobjects:\n  - apiVersion: apps.openshift.io/v1\n    kind: DeploymentConfig\n    metadata: {name: '${NAME}'}\n    spec: {replicas: 1, template: {spec: {containers: [{name: web, image: 'a:latest'}]}}}\n",
    );
    assert_eq!(env.workloads.len(), 1);
    assert_eq!(env.workloads[0].completeness, Completeness::Fragment);
}

#[test]
fn the_parameters_of_an_openshift_template_have_their_values() {
    let env = read(
        "apiVersion: template.openshift.io/v1\nkind: Template\nmetadata: {name: t}\nparameters: [{name: IMAGE, value: 'r.example.net/a:4.2'}, {name: COUNT, value: '3'}, {name: TAG}]\nobjects:\n  - apiVersion: apps/v1\n    kind: Deployment\n    metadata: {name: a}\n    spec: {replicas: '${{COUNT}}', template: {spec: {containers: [{name: web, image: '${IMAGE}-${COUNT}'}, {name: side, image: 'b:${TAG}'}, {name: shell, image: 'c:1', command: ['echo ${x:-1}']}]}}}\n",
    );
    let workload = &env.workloads[0];
    assert_eq!(workload.replicas.as_ref().unwrap().value, 3);
    let image = |at: usize| {
        workload.containers[at]
            .image
            .as_ref()
            .map(|i| i.text.value.clone())
    };
    assert_eq!(image(0).as_deref(), Some("r.example.net/a:4.2-3"));
    assert_eq!(image(1), None, "what it is depends on who fills it in");
    assert_eq!(workload.containers[2].command[0].value, "echo ${x:-1}");
}
