//! Objects of unknown operators: an operator may create other objects from them.

use super::Reader;
use super::object::Object;
use crate::context::Place;
use cofferdam_model::Parts;
use cofferdam_syntax::tree::{Node, Value, fold};

/// Groups whose objects create no unknown workloads, services, config maps or secrets: they are read, they
/// only configure others, or what they deploy is followed elsewhere. A group ends in one of these.
const KNOWN: &[&str] = &[
    "k8s.io",
    "argoproj.io",
    "cert-manager.io",
    "fluxcd.io",
    "monitoring.coreos.com",
    "monitoring.googleapis.com",
    "cilium.io",
    "projectcalico.org",
    "antrea.io",
    "kyverno.io",
    "gatekeeper.sh",
    "keda.sh",
    "istio.io",
    "flagger.app",
    "external-secrets.io",
    "bitnami.com",
    "openshift.io",
    "strimzi.io",
    "postgresql.cnpg.io",
    "acid.zalan.do",
    "sloth.slok.dev",
    "pyrra.dev",
    "knative.dev",
    "traefik.io",
    "containo.us",
    "velero.io",
    "karpenter.sh",
    "metallb.io",
    "run.googleapis.com",
    "cloud.google.com",
    "kustomize.config.k8s.io",
];

/// Groups of Kubernetes itself that have no dot.
const BUILT_IN: &[&str] = &["", "apps", "batch", "autoscaling", "policy", "extensions"];

/// An object of a group that no reader knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Foreign<'n> {
    /// Its kind.
    pub kind: &'n str,
    /// Its API group.
    pub group: &'n str,
    /// Its name.
    pub name: &'n str,
    /// Whether it contains the specification of pods somewhere inside, which was not read.
    pub carries_pods: bool,
}

/// The object as one of an unknown operator.
pub(super) fn foreign<'n>(node: &'n Node, place: Place<'n>, readers: &[Reader]) -> Option<Foreign<'n>> {
    let object = Object::read(node, place)?;
    let is_below = |known: &&str| {
        let above = object.group.strip_suffix(*known);
        above.is_some_and(|above| above.is_empty() || above.ends_with('.'))
    };
    if BUILT_IN.contains(&object.group) || KNOWN.iter().any(is_below) {
        return None;
    }
    let mut parts = Parts::default();
    if readers.iter().any(|read| read(&object, &mut parts)) {
        return None;
    }
    Some(Foreign {
        kind: node.get("kind")?.as_str()?,
        group: object.group,
        name: node
            .at("metadata/name")
            .and_then(Node::as_str)
            .unwrap_or("without a name"),
        carries_pods: object.spec().is_some_and(|spec| carries_pods(spec, 0)),
    })
}

/// Levels of a tree below which nobody keeps pods.
const MAX_DEPTH: usize = 16;

/// Whether a tree contains a list of containers or a key called like the specification of a pod.
fn carries_pods(node: &Node, depth: usize) -> bool {
    if depth > MAX_DEPTH {
        return false;
    }
    match &node.value {
        Value::Map(map) => map.iter().any(|(key, below)| {
            let name = fold(&key.text);
            let is_spec =
                matches!(&*name, "podspec" | "podtemplate" | "podtemplatespec") && below.as_map().is_some();
            let is_list = matches!(&*name, "containers" | "initcontainers")
                && below.items().iter().any(|item| item.get("image").is_some());
            is_spec || is_list || carries_pods(below, depth + 1)
        }),
        Value::Seq(items) => items.iter().any(|item| carries_pods(item, depth + 1)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::foreign;
    use super::*;
    use cofferdam_model::workload::Completeness;
    use cofferdam_syntax::repo::Repo;
    use std::path::{Path, PathBuf};

    fn shown(text: &str) -> Option<(String, bool)> {
        let repo = Repo::from_files([(PathBuf::from("a.yaml"), text.as_bytes().to_vec())]);
        let place = Place {
            repo: &repo,
            environment: "",
            path: Path::new("a.yaml"),
            completeness: Completeness::Whole,
        };
        let node = &repo.yaml[Path::new("a.yaml")].documents[0];
        foreign(node, place).map(|f| (format!("{} {} {}", f.group, f.kind, f.name), f.carries_pods))
    }

    fn object(api: &str, spec: &str) -> String {
        format!("apiVersion: {api}\nkind: Thing\nmetadata: {{name: a}}\nspec: {spec}\n")
    }

    #[test]
    fn objects_of_unknown_groups_are_foreign() {
        let name = || "example.org Thing a".to_owned();
        let pods = "{parts: [{podSpec: {image: x}}]}";
        assert_eq!(shown(&object("example.org/v1", pods)), Some((name(), true)));
        let list = "{parts: [{x: {containers: [{image: x}]}}]}";
        assert_eq!(shown(&object("example.org/v1", list)), Some((name(), true)));
        let none = "{containers: [{name: x}], podSpec: true}";
        assert_eq!(shown(&object("example.org/v1", none)), Some((name(), false)));
        for known in [
            "apps/v1",
            "v1",
            "cert-manager.io/v1",
            "image.toolkit.fluxcd.io/v1",
            "gateway.networking.k8s.io/v1",
        ] {
            assert_eq!(shown(&object(known, pods)), None, "{known}");
        }
        // An object whose pods are read is a workload, whatever its kind is.
        let read = "{template: {spec: {containers: [{name: a, image: x}]}}}";
        assert_eq!(shown(&object("example.org/v1", read)), None);
        assert_eq!(shown("a: 1\n"), None);
    }
}
