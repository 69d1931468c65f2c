//! The pod template: what every kind of workload has in common.

use super::container;
use super::object::{Object, is_true, seconds, selector, text, texts};
use crate::facts::NodeFacts as _;
use cofferdam_model::delivery::{Dangling, DanglingKind};
use cofferdam_model::secrets::{Passage, SecretKind, SecretUse};
use cofferdam_model::workload::{Container, Spread, Volume, VolumeKind, Workload};
use cofferdam_model::{Fact, Parts, Span, Texts};
use cofferdam_syntax::tree::Node;

/// Fields of a pod's specification that checks read as they are.
const FIELDS: &[&str] = &[
    "hostNetwork",
    "hostPID",
    "hostIPC",
    "dnsPolicy",
    "restartPolicy",
    "activeDeadlineSeconds",
    "automountServiceAccountToken",
    "runtimeClassName",
    "schedulerName",
    "nodeName",
    "timeoutSeconds",
    "containerConcurrency",
];

/// Resources of the pod as a whole, which its containers share. Source: Kubernetes documentation, "Assign Pod-level CPU and
/// memory resources".
const RESOURCES: [&str; 4] = [
    "resources/requests/cpu",
    "resources/requests/memory",
    "resources/limits/cpu",
    "resources/limits/memory",
];

/// Fills a workload from its pod template (`metadata` and `spec`).
pub(super) fn fill(workload: &mut Workload, template: &Node, object: &Object<'_>, parts: &mut Parts) {
    let metadata = template.get("metadata");
    workload.labels = texts(metadata.and_then(|m| m.get("labels")));
    workload
        .annotations
        .extend(texts(metadata.and_then(|m| m.get("annotations"))));
    let Some(spec) = template.get("spec") else {
        return;
    };
    let containers = spec.get("containers").map_or(&[][..], Node::items);
    // A container is large, and most pods have one: room for more would be most of the memory.
    workload.containers.reserve_exact(containers.len());
    for node in containers {
        workload.containers.push(container::read(node, object, parts));
    }
    for node in spec.get("initContainers").map_or(&[][..], Node::items) {
        let read = container::read(node, object, parts);
        if node.get("restartPolicy").and_then(Node::as_str) == Some("Always") {
            workload.containers.push(read);
        } else {
            workload.init_containers.push(read);
        }
    }
    workload.grace = seconds(spec.get("terminationGracePeriodSeconds"));
    workload.service_account = text(spec, "serviceAccountName").or_else(|| text(spec, "serviceAccount"));
    workload.priority_class = text(spec, "priorityClassName");
    workload.spread = spread(spec, workload);
    for field in FIELDS {
        if let Some(fact) = spec.get(field).and_then(Node::text_fact) {
            workload.fields.insert((*field).to_owned(), fact);
        }
    }
    for path in RESOURCES {
        if let Some(fact) = spec.at(path).and_then(Node::text_fact) {
            workload.fields.insert(path.replace('/', "."), fact);
        }
    }
    if let Some(account) = &workload.service_account
        && account.value != "default"
    {
        object.refers(parts, DanglingKind::ServiceAccount, account.clone());
    }
    for node in spec.get("volumes").map_or(&[][..], Node::items) {
        workload.volumes.push(volume(node, object, parts));
    }
    vault_agent(&workload.annotations, object, parts);
}

/// A volume; its references and its secrets go into `env`.
fn volume(node: &Node, object: &Object<'_>, parts: &mut Parts) -> Volume {
    let name = node.get("name");
    let span = name.map_or(node.span, |n| n.span);
    let kind = volume_kind(node, object, parts);
    Volume {
        name: name.and_then(Node::as_str).unwrap_or_default().to_owned(),
        span,
        kind,
    }
}

fn volume_kind(node: &Node, object: &Object<'_>, parts: &mut Parts) -> VolumeKind {
    if let Some(config) = node.get("configMap") {
        return match config_map(config, object, parts) {
            Some((name, optional)) => VolumeKind::ConfigMap { name, optional },
            None => VolumeKind::Other("configMap".to_owned()),
        };
    }
    if let Some(secret) = node.get("secret") {
        return match secret_files(secret, "secretName", object, parts) {
            Some((name, optional)) => VolumeKind::Secret { name, optional },
            None => VolumeKind::Other("secret".to_owned()),
        };
    }
    if let Some(space) = node.get("emptyDir") {
        let memory = space.get("medium").and_then(Node::as_str) == Some("Memory");
        let bounded = memory || space.get("sizeLimit").is_some_and(|n| !n.is_null());
        return if bounded {
            VolumeKind::BoundedEmptyDir
        } else {
            VolumeKind::EmptyDir
        };
    }
    if let Some(claim) = node.get("persistentVolumeClaim") {
        return match text(claim, "claimName") {
            Some(name) => {
                object.refers(parts, DanglingKind::Claim, name.clone());
                VolumeKind::Claim(name.value)
            }
            None => VolumeKind::Other("persistentVolumeClaim".to_owned()),
        };
    }
    if let Some(csi) = node.get("csi") {
        return csi_volume(csi, object, parts);
    }
    if let Some(projected) = node.get("projected") {
        for source in projected.get("sources").map_or(&[][..], Node::items) {
            if let Some(config) = source.get("configMap") {
                config_map(config, object, parts);
            }
            if let Some(secret) = source.get("secret") {
                secret_files(secret, "name", object, parts);
            }
        }
        return VolumeKind::Projected;
    }
    if let Some(host) = node.get("hostPath") {
        let path = host.get("path").and_then(Node::as_str).unwrap_or_default();
        return VolumeKind::HostPath(path.to_owned());
    }
    let other = node.entries().find(|(key, _)| &*key.text != "name");
    VolumeKind::Other(other.map_or_else(String::new, |(key, _)| key.text.to_string()))
}

fn config_map(node: &Node, object: &Object<'_>, parts: &mut Parts) -> Option<(String, bool)> {
    let name = text(node, "name")?;
    let optional = is_true(node, "optional");
    if !optional {
        object.refers(parts, DanglingKind::ConfigMap, name.clone());
        for item in node.get("items").map_or(&[][..], Node::items) {
            if let Some(key) = text(item, "key") {
                object.refers_within(parts, DanglingKind::ConfigMapKey, key, Some(name.value.clone()));
            }
        }
    }
    Some((name.value, optional))
}

fn secret_files(node: &Node, key: &str, object: &Object<'_>, parts: &mut Parts) -> Option<(String, bool)> {
    let name = text(node, key)?;
    let optional = is_true(node, "optional");
    if !optional {
        object.refers(parts, DanglingKind::Secret, name.clone());
        for item in node.get("items").map_or(&[][..], Node::items) {
            if let Some(key) = text(item, "key") {
                object.refers_within(parts, DanglingKind::SecretKey, key, Some(name.value.clone()));
            }
        }
    }
    push_file(&name, object, parts);
    Some((name.value, optional))
}

fn push_file(name: &Fact<String>, object: &Object<'_>, parts: &mut Parts) {
    parts.secret_uses.push(SecretUse {
        owner: object.owner(),
        span: name.span().unwrap_or(object.span),
        name: name.value.clone(),
        kind: crate::secret_scan::kind_of_name(&name.value).unwrap_or(SecretKind::Other),
        passage: Passage::File {
            secret: name.value.clone(),
        },
        dynamic: None,
    });
}

fn csi_volume(node: &Node, object: &Object<'_>, parts: &mut Parts) -> VolumeKind {
    let driver = node.get("driver").and_then(Node::as_str).unwrap_or_default();
    if let Some(class) = node
        .get("volumeAttributes")
        .and_then(|a| text(a, "secretProviderClass"))
    {
        push_file(&class, object, parts);
        object.refers(parts, DanglingKind::Secret, class);
    }
    VolumeKind::Csi(driver.to_owned())
}

/// Labels with the same value on neighbouring nodes: separating pods by them separates nothing.
const NOT_APART: &[&str] = &[
    "kubernetes.io/os",
    "kubernetes.io/arch",
    "beta.kubernetes.io/os",
    "beta.kubernetes.io/arch",
    "node.kubernetes.io/instance-type",
    "beta.kubernetes.io/instance-type",
];

/// How pods are distributed: only terms about the workload's own pods count.
fn spread(spec: &Node, workload: &Workload) -> Spread {
    let namespace = workload.id.namespace.as_deref();
    let own = |term: &Node| {
        let here = match (term.get("namespaces").map(Node::items), namespace) {
            (Some(names), Some(own)) if !names.is_empty() => names.iter().any(|n| n.as_str() == Some(own)),
            _ => true,
        };
        // Without a selector, Kubernetes matches no pods; with an empty one, all.
        here && term
            .get("labelSelector")
            .is_some_and(|s| selector(s).matches(&workload.labels))
    };
    let key = |term: &Node| {
        let key = text(term, "topologyKey");
        key.filter(|k| !NOT_APART.contains(&k.value.as_str()))
    };
    // With a skew as large as the number of pods, all may be on one node.
    let parts = |constraint: &Node| {
        let skew = constraint.get("maxSkew").and_then(Node::as_u32);
        let pods = workload.replicas.as_ref().map(|r| r.value);
        skew.zip(pods).is_none_or(|(skew, pods)| pods < 2 || skew < pods)
    };
    let list = |path: &str| spec.at(path).map_or(&[][..], Node::items).iter();
    let required = list("affinity/podAntiAffinity/requiredDuringSchedulingIgnoredDuringExecution");
    let preferred = list("affinity/podAntiAffinity/preferredDuringSchedulingIgnoredDuringExecution")
        .filter_map(|p| p.get("podAffinityTerm"));
    Spread {
        constraints: list("topologySpreadConstraints")
            .filter(|c| own(c) && parts(c))
            .filter_map(key)
            .collect(),
        anti_affinity: required
            .chain(preferred)
            .filter(|t| own(t))
            .filter_map(key)
            .collect(),
    }
}

/// Files that Vault's agent writes into the pod.
fn vault_agent(annotations: &Texts, object: &Object<'_>, parts: &mut Parts) {
    const PREFIX: &str = "vault.hashicorp.com/agent-inject-secret-";
    for (key, path) in annotations {
        let Some(name) = key.strip_prefix(PREFIX) else {
            continue;
        };
        let Some(span) = path.span() else { continue };
        let dynamic = if path.value.contains("/creds/") || path.value.contains("/issue/") {
            Some(true)
        } else if ["secret/", "kv/"].iter().any(|p| path.value.starts_with(p)) {
            Some(false)
        } else {
            None
        };
        let kind = if path.value.starts_with("database/") {
            SecretKind::Password
        } else {
            crate::secret_scan::kind_of_name(name).unwrap_or(SecretKind::Other)
        };
        parts.secret_uses.push(SecretUse {
            owner: object.owner(),
            span,
            name: name.to_owned(),
            kind,
            passage: Passage::Agent {
                path: path.value.clone(),
            },
            dynamic: dynamic.map(|d| Fact::declared(d, span)),
        });
    }
}

/// Mounts of volumes that the pod does not have: the server refuses the pod. `claims` are the names of a
/// StatefulSet's claim templates, which are volumes too.
pub(super) fn check_mounts(workload: &Workload, claims: &[String], object: &Object<'_>, parts: &mut Parts) {
    if !object.is_whole() {
        return;
    }
    let volumes = || {
        let own = workload.volumes.iter().map(|v| v.name.as_str());
        own.chain(claims.iter().map(String::as_str))
    };
    let containers = workload.containers.iter().chain(&workload.init_containers);
    for (container, (name, path)) in containers.flat_map(|c| c.mounts.iter().map(move |m| (c, m))) {
        if !volumes().any(|v| v == name) {
            parts.dangling.push(Dangling {
                subject: format!("container {} of {}", container.name, object.subject()),
                kind: DanglingKind::Volume,
                name: match path.span().and_then(|span| name_of_mount(object.node, span)) {
                    Some(span) => Fact::declared(name.clone(), span),
                    None => path.clone().map(|_| name.clone()),
                },
                nearest: cofferdam_syntax::nearest::nearest(name, volumes()).map(str::to_owned),
                certain: true,
            });
        }
    }
}

/// Where the mount with this path names its volume.
fn name_of_mount(node: &Node, path: Span) -> Option<Span> {
    if node.get("mountPath").is_some_and(|n| n.span == path) {
        return node.get("name").map(|name| name.span);
    }
    let below = node.entries().map(|(_, value)| value).chain(node.items());
    below.into_iter().find_map(|value| name_of_mount(value, path))
}

/// The main container of a workload: the one with its name, or the first.
pub(super) fn main_container<'a>(containers: &'a [Container], name: &str) -> Option<&'a Container> {
    containers
        .iter()
        .find(|c| c.name == name)
        .or_else(|| containers.first())
}

#[cfg(test)]
mod tests {
    use super::super::tests::read;
    use super::*;

    fn environment(spec: &str) -> Parts {
        let indented = spec.replace('\n', "\n      ");
        read(&format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web, namespace: shop}}\nspec:\n  template:\n    metadata: {{labels: {{app: web, tier: front}}}}\n    spec:\n      {indented}\n"
        ))
    }

    #[test]
    fn sidecars_that_restart_are_containers() {
        let env = environment(
            "initContainers:\n  - {name: migrate}\n  - {name: proxy, restartPolicy: Always}\ncontainers: [{name: web}]\nterminationGracePeriodSeconds: 60",
        );
        let w = &env.workloads[0];
        let names = |c: &[Container]| c.iter().map(|c| c.name.clone()).collect::<Vec<_>>();
        assert_eq!(names(&w.containers), ["web", "proxy"]);
        assert_eq!(names(&w.init_containers), ["migrate"]);
        assert_eq!(w.grace.as_ref().unwrap().value.as_secs(), 60);
    }

    #[test]
    fn only_a_spread_over_its_own_pods_counts() {
        let env = environment(
            "topologySpreadConstraints:\n  - {topologyKey: zone, labelSelector: {matchLabels: {app: web}}}\n  - {topologyKey: other, labelSelector: {matchLabels: {app: api}}}\n  - {topologyKey: none}\naffinity:\n  podAntiAffinity:\n    requiredDuringSchedulingIgnoredDuringExecution:\n      - {topologyKey: host, labelSelector: {matchExpressions: [{key: app, operator: In, values: [web]}]}}\n      - {topologyKey: elsewhere, namespaces: [other], labelSelector: {matchLabels: {app: web}}}\n    preferredDuringSchedulingIgnoredDuringExecution:\n      - {weight: 1, podAffinityTerm: {topologyKey: rack, labelSelector: {matchLabels: {tier: front}}}}",
        );
        let spread = &env.workloads[0].spread;
        let keys = |f: &[Fact<String>]| f.iter().map(|f| f.value.clone()).collect::<Vec<_>>();
        assert_eq!(keys(&spread.constraints), ["zone"]);
        assert_eq!(keys(&spread.anti_affinity), ["host", "rack"]);
    }

    #[test]
    fn volumes_of_every_kind_are_read_with_the_objects_they_need() {
        let env = environment(
            "containers: []\nvolumes:\n  - {name: a, configMap: {name: cm, items: [{key: k, path: p}]}}\n  - {name: b, secret: {secretName: sec, optional: true}}\n  - {name: c, emptyDir: {}}\n  - {name: d, persistentVolumeClaim: {claimName: data}}\n  - {name: e, csi: {driver: secrets-store.csi.k8s.io, volumeAttributes: {secretProviderClass: vault-db}}}\n  - {name: f, projected: {sources: [{secret: {name: tok}}, {configMap: {name: ca}}]}}\n  - {name: g, hostPath: {path: /var}}\n  - {name: h, nfs: {server: x}}",
        );
        let kinds: Vec<VolumeKind> = env.workloads[0].volumes.iter().map(|v| v.kind.clone()).collect();
        assert_eq!(
            kinds,
            [
                VolumeKind::ConfigMap {
                    name: "cm".into(),
                    optional: false
                },
                VolumeKind::Secret {
                    name: "sec".into(),
                    optional: true
                },
                VolumeKind::EmptyDir,
                VolumeKind::Claim("data".into()),
                VolumeKind::Csi("secrets-store.csi.k8s.io".into()),
                VolumeKind::Projected,
                VolumeKind::HostPath("/var".into()),
                VolumeKind::Other("nfs".into()),
            ]
        );
        let needed: Vec<(DanglingKind, &str)> = env
            .references
            .iter()
            .map(|r| (r.kind, r.name.value.as_str()))
            .collect();
        assert_eq!(
            needed,
            [
                (DanglingKind::ConfigMap, "cm"),
                (DanglingKind::ConfigMapKey, "k"),
                (DanglingKind::Claim, "data"),
                (DanglingKind::Secret, "vault-db"),
                (DanglingKind::Secret, "tok"),
                (DanglingKind::ConfigMap, "ca"),
            ]
        );
        assert_eq!(env.secret_uses.len(), 3);
    }

    #[test]
    fn resources_of_the_pod_are_read() {
        let env = environment(
            "resources: {requests: {cpu: 1}, limits: {memory: 1Gi}}\ncontainers: [{name: a, image: b}]",
        );
        let fields = &env.workloads[0].fields;
        assert_eq!(fields["resources.requests.cpu"].value, "1");
        assert_eq!(fields["resources.limits.memory"].value, "1Gi");
        assert!(!fields.contains_key("resources.requests.memory"));
    }

    #[test]
    fn a_mount_of_a_missing_volume_is_a_dangling_reference() {
        let env = environment(
            "containers: [{name: web, volumeMounts: [{name: cahce, mountPath: /c}, {name: cache, mountPath: /d}]}]\nvolumes: [{name: cache, emptyDir: {}}]",
        );
        let [one] = env.dangling.as_slice() else {
            panic!("{:?}", env.dangling)
        };
        assert_eq!(
            (one.name.value.as_str(), one.nearest.as_deref()),
            ("cahce", Some("cache"))
        );
    }

    #[test]
    fn files_of_the_vault_agent_are_secrets_and_a_database_role_makes_them_dynamic() {
        let env = read(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  template:\n    metadata:\n      annotations:\n        vault.hashicorp.com/agent-inject: \"true\"\n        vault.hashicorp.com/agent-inject-secret-db: database/creds/clean\n        vault.hashicorp.com/agent-inject-secret-token: secret/data/web\n    spec: {containers: []}\n",
        );
        let seen: Vec<(&str, SecretKind, Option<bool>)> = env
            .secret_uses
            .iter()
            .map(|u| (u.name.as_str(), u.kind, u.dynamic.as_ref().map(|f| f.value)))
            .collect();
        assert_eq!(
            seen,
            [
                ("db", SecretKind::Password, Some(true)),
                ("token", SecretKind::Token, Some(false))
            ]
        );
    }
}
