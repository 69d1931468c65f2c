//! Workloads: every kind that contains a pod template, including kinds of other projects.

use super::object::{Object, text, texts};
use super::{describe, pod, processes, scaling};
use crate::facts::NodeFacts as _;
use cofferdam_model::delivery::{DanglingKind, Delivery};
use cofferdam_model::workload::{Amount, CLAIM_TEMPLATE, Completeness, Lifecycle, Rollout, Spread, Workload};
use cofferdam_model::{Fact, Parts, Service, Texts};
use cofferdam_syntax::tree::Node;
use std::collections::BTreeSet;

/// Kinds, their lifetime, and the place of their pod template; a Pod is its own.
const KINDS: &[(&str, Lifecycle, &str)] = &[
    ("Deployment", Lifecycle::Service, "spec/template"),
    ("StatefulSet", Lifecycle::Service, "spec/template"),
    ("DaemonSet", Lifecycle::Daemon, "spec/template"),
    ("ReplicaSet", Lifecycle::Service, "spec/template"),
    ("ReplicationController", Lifecycle::Service, "spec/template"),
    ("DeploymentConfig", Lifecycle::Service, "spec/template"),
    ("Rollout", Lifecycle::Service, "spec/template"),
    ("Job", Lifecycle::Batch, "spec/template"),
    ("CronJob", Lifecycle::Batch, "spec/jobTemplate/spec/template"),
    ("ScaledJob", Lifecycle::Batch, "spec/jobTargetRef/template"),
];

/// The field of a workload that names what keeps it.
const CONTROLLER: &str = "ownerReferences";

/// Labels that controllers give to their pods, whose value is the object's name.
const CONTROLLERS_LABELS: &[(&str, &str)] = &[
    ("DeploymentConfig", "deploymentconfig"),
    ("Job", "job-name"),
    ("Job", "batch.kubernetes.io/job-name"),
];

/// Fields of a workload's specification that checks read as they are.
const FIELDS: &[&str] = &[
    "schedule",
    "timeZone",
    "suspend",
    "concurrencyPolicy",
    "startingDeadlineSeconds",
    "backoffLimit",
    "activeDeadlineSeconds",
    "ttlSecondsAfterFinished",
    "parallelism",
    "completions",
    "minReadySeconds",
    "progressDeadlineSeconds",
    "revisionHistoryLimit",
    "serviceName",
    "podManagementPolicy",
    "paused",
];

/// Reads a workload; returns whether the object is one.
pub(super) fn interpret(object: &Object<'_>, parts: &mut Parts) -> bool {
    if object.id.kind == "Pod" && object.group.is_empty() {
        push(object, object.node, Lifecycle::Pod, parts);
        return true;
    }
    if object.group == "serving.knative.dev" && object.id.kind == "Service" {
        return hosted(object, Lifecycle::Service, parts);
    }
    if object.group == "run.googleapis.com" && object.id.kind == "Job" {
        return hosted(object, Lifecycle::Batch, parts);
    }
    let known = KINDS.iter().find(|(kind, ..)| *kind == object.id.kind);
    let (lifecycle, path) = known.map_or((Lifecycle::Service, "spec/template"), |(_, l, p)| (*l, *p));
    let Some(template) = object.at(path) else {
        if object.id.kind == "Rollout" {
            argo(object, parts);
        }
        return known.is_some();
    };
    if known.is_none() && template.at("spec/containers").is_none() {
        return false;
    }
    push(object, template, lifecycle, parts);
    if object.id.kind == "Rollout" {
        argo(object, parts);
    }
    true
}

/// Knative's and Cloud Run's services and jobs, which scale by annotations.
fn hosted(object: &Object<'_>, lifecycle: Lifecycle, parts: &mut Parts) -> bool {
    let Some(outer) = object.at("spec/template") else {
        return true;
    };
    // A job of Cloud Run has a template of executions around the template of tasks.
    let template = outer.at("spec/template").unwrap_or(outer);
    let cloud_run = [object.node, outer].iter().any(|n| {
        let annotations = n.at("metadata/annotations").into_iter().flat_map(Node::entries);
        let labels = n.at("metadata/labels").into_iter().flat_map(Node::entries);
        annotations.chain(labels).any(|(k, _)| {
            k.text.starts_with("run.googleapis.com/") || k.text.starts_with("cloud.googleapis.com/")
        })
    });
    let mut object = object.clone();
    object.id.kind = match (cloud_run || object.group == "run.googleapis.com", lifecycle) {
        (true, Lifecycle::Batch) => "Cloud Run job",
        (true, _) => "Cloud Run service",
        (false, _) => "Knative Service",
    }
    .to_owned();
    if object.id.kind.starts_with("Cloud Run") {
        // Not a pod: Kubernetes' requirements for pods do not apply to it, and its secrets and accounts are
        // Google's, not objects of a cluster.
        object.place.completeness = Completeness::Fragment;
    }
    push(&object, template, lifecycle, parts);
    if lifecycle == Lifecycle::Service {
        scaling::knative(&object, template, parts);
    }
    true
}

fn push(object: &Object<'_>, template: &Node, lifecycle: Lifecycle, parts: &mut Parts) {
    let spec = object.spec();
    let mut workload = Workload {
        id: object.id.clone(),
        span: object.span,
        completeness: object.place.completeness,
        lifecycle,
        owner: object.owner(),
        replicas: object.at("spec/replicas").and_then(Node::u32_fact),
        rollout: rollout(object),
        labels: Texts::new(),
        annotations: texts(object.at("metadata/annotations")),
        containers: Vec::new(),
        init_containers: Vec::new(),
        grace: None,
        service_account: None,
        volumes: Vec::new(),
        spread: Spread::default(),
        priority_class: None,
        fields: Texts::new(),
    };
    if lifecycle != Lifecycle::Pod {
        for part in [spec, object.at("spec/jobTemplate/spec")].into_iter().flatten() {
            for field in FIELDS {
                if let Some(fact) = part.get(field).and_then(Node::text_fact) {
                    workload.fields.insert((*field).to_owned(), fact);
                }
            }
        }
    }
    if let Some(owner) = controller(object) {
        workload.fields.insert(CONTROLLER.to_owned(), owner);
    }
    pod::fill(&mut workload, template, object, parts);
    for (kind, label) in CONTROLLERS_LABELS {
        if object.id.kind == *kind {
            let name = Fact::declared(object.id.name.clone(), object.span);
            workload.labels.insert_if_new((*label).to_owned(), name);
        }
    }
    let claims = claim_templates(object);
    if let Some(first) = claims.first() {
        workload.fields.insert(CLAIM_TEMPLATE.to_owned(), first.clone());
    }
    let claims: Vec<String> = claims.into_iter().map(|claim| claim.value).collect();
    pod::check_mounts(&workload, &claims, object, parts);
    if object.id.kind == "StatefulSet"
        && let Some(service) = spec.and_then(|s| text(s, "serviceName"))
    {
        object.refers(parts, DanglingKind::Service, service);
    }
    if let Some(processes) = processes::of(&workload.containers) {
        parts.services.push(Service {
            name: workload.id.name.clone(),
            namespace: workload.id.namespace.clone(),
            processes: Some(processes),
            ..Service::default()
        });
    }
    describe::workload(&workload, parts);
    parts.workloads.push(workload);
}

/// The owner that keeps an object, as `Kind name`: objects that were exported from a cluster name it. Where several are
/// named, the one that is marked as the controller counts.
fn controller(object: &Object<'_>) -> Option<Fact<String>> {
    let owners = object.at("metadata/ownerReferences")?.items();
    let is_controller = |owner: &&Node| owner.get("controller").and_then(Node::as_bool) == Some(true);
    let owner = owners.iter().find(is_controller).or_else(|| owners.first())?;
    let text = |key: &str| owner.get(key).and_then(Node::as_str);
    Some(Fact::declared(
        format!("{} {}", text("kind")?, text("name")?),
        owner.span,
    ))
}

/// Leaves out what another workload of these files makes by itself: an export of a cluster has the ReplicaSets and pods
/// of a Deployment beside it, and each fault would be there three times.
pub(super) fn without_owned(parts: &mut Parts) {
    let key = |w: &Workload| (w.id.namespace.clone(), format!("{} {}", w.id.kind, w.id.name));
    let owner = |w: &Workload| {
        let owner = w.fields.get(CONTROLLER)?;
        Some((w.id.namespace.clone(), owner.value.clone()))
    };
    if parts.workloads.iter().all(|w| owner(w).is_none()) {
        return;
    }
    let known: BTreeSet<_> = parts.workloads.iter().map(key).collect();
    parts
        .workloads
        .retain(|w| !owner(w).is_some_and(|owner| known.contains(&owner)));
}

fn claim_templates(object: &Object<'_>) -> Vec<Fact<String>> {
    let templates = object
        .at("spec/volumeClaimTemplates")
        .map_or(&[][..], Node::items);
    templates
        .iter()
        .filter_map(|t| t.at("metadata/name")?.text_fact())
        .collect()
}

/// How a new version replaces the old one: `strategy` or, for StatefulSets and DaemonSets, `updateStrategy`;
/// the name of the parameters depends on the kind.
fn rollout(object: &Object<'_>) -> Rollout {
    let Some(strategy) = object
        .at("spec/strategy")
        .or_else(|| object.at("spec/updateStrategy"))
    else {
        return Rollout::default();
    };
    let argo = [("canary", "Canary"), ("blueGreen", "BlueGreen")]
        .iter()
        .find_map(|(key, name)| Some((strategy.get(key)?, *name)));
    let parameters = argo
        .map(|(node, _)| node)
        .or_else(|| strategy.get("rollingUpdate"))
        .or_else(|| strategy.get("rollingParams"));
    // OpenKruise has the amounts beside the type.
    let amount = |key| parameters.unwrap_or(strategy).get(key)?.fact(Amount::parse);
    let named = strategy.get("type").and_then(Node::text_fact).map(|fact| {
        // OpenShift's word for the same.
        fact.map(|t| {
            if t == "Rolling" {
                "RollingUpdate".to_owned()
            } else {
                t
            }
        })
    });
    Rollout {
        strategy: match argo {
            Some((node, name)) => Some(Fact::declared(name.to_owned(), node.span)),
            None => named,
        },
        max_surge: amount("maxSurge"),
        max_unavailable: amount("maxUnavailable"),
    }
}

/// An Argo Rollout shifts traffic in steps or switches between two versions, and rolls back by itself if an
/// analysis fails or the deadline is configured to abort.
fn argo(object: &Object<'_>, parts: &mut Parts) {
    let Some(strategy) = object.at("spec/strategy") else {
        return;
    };
    let Some(canary) = strategy.get("canary").or_else(|| strategy.get("blueGreen")) else {
        return;
    };
    let steps = canary.get("steps").map_or(&[][..], Node::items);
    let analysis = ["analysis", "prePromotionAnalysis", "postPromotionAnalysis"]
        .iter()
        .find_map(|key| canary.get(key))
        .or_else(|| steps.iter().find_map(|step| step.get("analysis")))
        .or_else(|| {
            object
                .at("spec/progressDeadlineAbort")
                .filter(|n| n.as_bool() == Some(true))
        });
    let target = object.at("spec/workloadRef/name").and_then(Node::as_str);
    parts.deliveries.push(Delivery {
        name: object.subject(),
        owner: object.owner_named(target.unwrap_or(&object.id.name)),
        span: Some(object.span),
        canary: Some(Fact::declared(true, canary.span)),
        rollback: analysis.map(|node| Fact::declared(true, node.span)),
        declarable: true,
        ..Delivery::default()
    });
}

#[cfg(test)]
mod tests {
    use super::super::tests::{read, read_fragment};
    use cofferdam_model::delivery::DanglingKind;
    use cofferdam_model::workload::{Amount, Completeness, Lifecycle};

    const POD: &str =
        "{metadata: {labels: {app: web}}, spec: {containers: [{name: web, image: 'r.io/web:1'}]}}";

    fn lifecycle(kind: &str, version: &str, path: &str) -> Option<(String, Lifecycle, usize)> {
        let mut text = POD.to_owned();
        for key in path.rsplit('/').filter(|k| !k.is_empty()) {
            text = format!("{{{key}: {text}}}");
        }
        let env = read(&format!(
            "{{apiVersion: {version}, kind: {kind}, metadata: {{name: x}}, {}}}",
            &text[1..text.len() - 1]
        ));
        let w = env.workloads.first()?;
        Some((w.id.kind.clone(), w.lifecycle, w.containers.len()))
    }

    #[test]
    fn every_kind_that_carries_a_pod_template_is_a_workload() {
        let table = [
            (
                "Deployment",
                "apps/v1",
                "spec/template",
                "Deployment",
                Lifecycle::Service,
            ),
            (
                "StatefulSet",
                "apps/v1",
                "spec/template",
                "StatefulSet",
                Lifecycle::Service,
            ),
            (
                "DaemonSet",
                "apps/v1",
                "spec/template",
                "DaemonSet",
                Lifecycle::Daemon,
            ),
            (
                "ReplicaSet",
                "apps/v1",
                "spec/template",
                "ReplicaSet",
                Lifecycle::Service,
            ),
            (
                "ReplicationController",
                "v1",
                "spec/template",
                "ReplicationController",
                Lifecycle::Service,
            ),
            ("Job", "batch/v1", "spec/template", "Job", Lifecycle::Batch),
            (
                "CronJob",
                "batch/v1",
                "spec/jobTemplate/spec/template",
                "CronJob",
                Lifecycle::Batch,
            ),
            (
                "Rollout",
                "argoproj.io/v1alpha1",
                "spec/template",
                "Rollout",
                Lifecycle::Service,
            ),
            (
                "DeploymentConfig",
                "apps.openshift.io/v1",
                "spec/template",
                "DeploymentConfig",
                Lifecycle::Service,
            ),
            (
                "CloneSet",
                "apps.kruise.io/v1alpha1",
                "spec/template",
                "CloneSet",
                Lifecycle::Service,
            ),
            (
                "Service",
                "serving.knative.dev/v1",
                "spec/template",
                "Knative Service",
                Lifecycle::Service,
            ),
            (
                "Job",
                "run.googleapis.com/v1",
                "spec/template/spec/template",
                "Cloud Run job",
                Lifecycle::Batch,
            ),
            (
                "ScaledJob",
                "keda.sh/v1alpha1",
                "spec/jobTargetRef/template",
                "ScaledJob",
                Lifecycle::Batch,
            ),
        ];
        for (kind, version, path, name, life) in table {
            assert_eq!(
                lifecycle(kind, version, path),
                Some((name.to_owned(), life, 1)),
                "{kind}"
            );
        }
        assert_eq!(lifecycle("Widget", "example.net/v1", "spec/other"), None);
    }

    #[test]
    fn objects_in_lists_are_read() {
        let env = read(&format!(
            "apiVersion: v1\nkind: List\nitems:\n  - {{apiVersion: v1, kind: Pod, metadata: {{name: a}}, spec: {{containers: [{{name: c}}]}}}}\n  - {{apiVersion: apps/v1, kind: Deployment, metadata: {{name: b}}, spec: {{template: {POD}}}}}\n"
        ));
        let names: Vec<String> = env.workloads.iter().map(|w| w.id.to_string()).collect();
        assert_eq!(names, ["Pod a", "Deployment b"]);
    }

    #[test]
    fn the_strategy_is_read_for_every_kind() {
        let env = read(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a, namespace: n}\nspec:\n  replicas: 3\n  strategy: {type: RollingUpdate, rollingUpdate: {maxSurge: 25%, maxUnavailable: 0}}\n  template: {spec: {containers: []}}\n---\napiVersion: apps.openshift.io/v1\nkind: DeploymentConfig\nmetadata: {name: b}\nspec:\n  strategy: {type: Rolling, rollingParams: {maxSurge: 2}}\n  template: {spec: {containers: []}}\n",
        );
        let [a, b] = env.workloads.as_slice() else {
            panic!("two workloads")
        };
        assert_eq!(a.replicas.as_ref().unwrap().value, 3);
        assert_eq!(a.rollout.max_surge.as_ref().unwrap().value, Amount::Percent(25.0));
        assert_eq!(
            a.rollout.max_unavailable.as_ref().unwrap().value,
            Amount::Count(0)
        );
        assert_eq!(b.rollout.strategy.as_ref().unwrap().value, "RollingUpdate");
        assert_eq!(b.rollout.max_surge.as_ref().unwrap().value, Amount::Count(2));
        assert_eq!(a.id.namespace.as_deref(), Some("n"));
        assert_eq!(b.id.namespace, None);
    }

    #[test]
    fn an_argo_rollout_is_a_canary_and_rolls_back_if_an_analysis_fails() {
        let env = read(
            "apiVersion: argoproj.io/v1alpha1\nkind: Rollout\nmetadata: {name: web}\nspec:\n  strategy:\n    canary:\n      maxSurge: 1\n      steps: [{setWeight: 20}, {analysis: {templates: [{templateName: ok}]}}]\n  template: {spec: {containers: []}}\n",
        );
        let delivery = &env.deliveries[0];
        assert_eq!(delivery.canary.as_ref().map(|f| f.value), Some(true));
        assert_eq!(delivery.rollback.as_ref().map(|f| f.value), Some(true));
        let rollout = &env.workloads[0].rollout;
        assert_eq!(rollout.strategy.as_ref().unwrap().value, "Canary");
        assert_eq!(rollout.max_surge.as_ref().unwrap().value, Amount::Count(1));
    }

    #[test]
    fn a_rollout_that_refers_to_a_workload_is_not_a_second_workload() {
        let env = read(
            "apiVersion: argoproj.io/v1alpha1\nkind: Rollout\nmetadata: {name: web}\nspec:\n  workloadRef: {kind: Deployment, name: api}\n  strategy: {blueGreen: {activeService: api}}\n",
        );
        assert!(env.workloads.is_empty());
        assert_eq!(env.deliveries[0].owner.name.as_deref(), Some("api"));
        assert_eq!(env.deliveries[0].rollback, None);
    }

    #[test]
    fn objects_owned_by_a_workload_in_the_files_are_judged_as_a_part_of_it() {
        let object = |kind: &str, name: &str, owner: &str| {
            format!(
                "kind: {kind}\napiVersion: v1\nmetadata: {{name: {name}, namespace: shop{owner}}}\nspec: {{template: {POD}, containers: [{{name: c}}]}}\n"
            )
        };
        let owned = |kind: &str, name: &str| {
            format!(
                ", ownerReferences: [{{kind: Secret, name: s}}, {{kind: {kind}, name: {name}, controller: true}}]"
            )
        };
        let of_deployment = owned("Deployment", "web");
        let pods = |owner: &str| {
            let mut env = read(
                &[
                    object("Deployment", "web", ""),
                    object("ReplicaSet", "web-1", &of_deployment),
                    object("Pod", "web-1-a", owner),
                ]
                .join("---\n"),
            );
            super::without_owned(&mut env);
            let names: Vec<String> = env.workloads.iter().map(|w| w.id.to_string()).collect();
            names.join(", ")
        };
        assert_eq!(pods(&owned("ReplicaSet", "web-1")), "Deployment shop/web");
        assert_eq!(
            pods(&owned("ReplicaSet", "gone-1")),
            "Deployment shop/web, Pod shop/web-1-a"
        );
        assert_eq!(pods(""), "Deployment shop/web, Pod shop/web-1-a");
    }

    #[test]
    fn a_stateful_set_needs_its_service_and_its_claims_are_volumes() {
        let env = read(
            "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: db}\nspec:\n  serviceName: db-headless\n  template: {spec: {containers: [{name: db, volumeMounts: [{name: data, mountPath: /data}]}]}}\n  volumeClaimTemplates: [{metadata: {name: data}}]\n",
        );
        assert!(env.dangling.is_empty(), "{:?}", env.dangling);
        assert_eq!(env.references[0].kind, DanglingKind::Service);
        assert_eq!(env.references[0].name.value, "db-headless");
    }

    #[test]
    fn a_fragment_is_marked_and_makes_no_claim_or_reference() {
        let env = read_fragment(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  replicas: 2\n  template: {spec: {serviceAccountName: x, containers: [{name: web, volumeMounts: [{name: gone, mountPath: /x}]}]}}\n",
        );
        assert_eq!(env.workloads[0].completeness, Completeness::Fragment);
        assert!(env.references.is_empty() && env.dangling.is_empty() && env.descriptions.is_empty());
    }

    #[test]
    fn fields_of_jobs_are_kept() {
        let env = read(
            "apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: night}\nspec:\n  schedule: '0 3 * * *'\n  concurrencyPolicy: Forbid\n  jobTemplate: {spec: {backoffLimit: 2, template: {spec: {restartPolicy: Never, containers: []}}}}\n",
        );
        let fields = &env.workloads[0].fields;
        let get = |k: &str| fields.get(k).map(|f| f.value.as_str());
        assert_eq!(get("schedule"), Some("0 3 * * *"));
        assert_eq!(get("concurrencyPolicy"), Some("Forbid"));
        assert_eq!(get("backoffLimit"), Some("2"));
        assert_eq!(get("restartPolicy"), Some("Never"));
    }

    #[test]
    fn an_error_that_kubernetes_would_refuse_is_a_problem_of_the_object() {
        let text = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  replica: 2\n  template: {spec: {containers: [{name: web}]}}\n";
        let env = read(text);
        let paths: Vec<&str> = env.defects.iter().map(|d| d.path.as_str()).collect();
        assert!(
            paths.contains(&"spec.replica") && paths.contains(&"spec.selector"),
            "{paths:?}"
        );
        assert!(env.defects.iter().all(|d| d.subject == "Deployment web"));
        // A fragment has no missing fields, but unknown fields are still unknown.
        assert_eq!(read_fragment(text).defects.len(), 1);
    }

    #[test]
    fn values_are_normalised_for_comparison() {
        let env = read(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  replicas: 2\n  template:\n    spec:\n      containers:\n        - name: proxy\n        - name: web\n          image: r.io/web:1.4\n          ports: [{name: http, containerPort: 8080}]\n          resources: {limits: {cpu: 1000m, memory: 2048Mi}}\n          readinessProbe: {httpGet: {path: /ready, port: http}}\n",
        );
        let said: Vec<String> = env
            .descriptions
            .iter()
            .map(|d| format!("{}: {} = {}", d.subject, d.attribute, d.value.value))
            .collect();
        assert_eq!(
            said,
            [
                "service web: replicas = 2",
                "service web: cpu limit = 1 CPU",
                "service web: memory limit = 2 GiB",
                "service web: readiness path = /ready",
                "service web: readiness port = 8080",
                "service web: image tag = 1.4",
            ]
        );
    }
}
