//! A database that keeps its data in its pod loses the data with the pod.

use super::disruption_budget_missing::is_kubernetes;
use super::{common, pods};
use crate::finding::{Finding, Severity};
use crate::rule::{Check, Context, Fix, Group, Rule, RuleId, Verdicts};
use cofferdam_model::Span;
use cofferdam_model::workload::{CLAIM_TEMPLATE, Container, Lifecycle, Volume, VolumeKind, Workload};
use std::borrow::Cow;

/// The rule.
pub static RULE: Rule = Rule {
    id: RuleId::new("state-in-pod"),
    group: Group::Scaling,
    severity: Severity::High,
    fix: Fix::Proposed,
    summary: Cow::Borrowed(
        "a database keeps its data in the pod or on one node, or a service writes to its node",
    ),
    absences: &[],
    settings: &[],
    page: Cow::Borrowed(include_str!("../../../../docs/rules/state-in-pod.md")),
    check: Check::BuiltIn(check),
};

/// Images whose processes store the only copy of their data. Caches are not included.
const STATEFUL: &[&str] = &[
    "postgres",
    "postgresql",
    "postgis",
    "timescaledb",
    "timescaledb-ha",
    "mysql",
    "mysql-server",
    "percona-server",
    "mariadb",
    "mongo",
    "mongodb",
    "mongodb-community-server",
    "kafka",
    "cp-kafka",
    "redpanda",
    "elasticsearch",
    "opensearch",
    "cassandra",
    "scylla",
    "clickhouse",
    "clickhouse-server",
    "cockroach",
    "influxdb",
    "couchdb",
    "etcd",
    "zookeeper",
    "cp-zookeeper",
    "rabbitmq",
    "minio",
    "neo4j",
];

/// Words of a command that show that the image runs as a client or a router, not as a server.
const NO_SERVER: &[&str] = &[
    "sleep",
    "psql",
    "pg_dump",
    "pg_basebackup",
    "mysqldump",
    "mongodump",
    "mongos",
    "mongosh",
    "mc",
    "etcdctl",
];

/// Where data is.
enum Kept {
    /// In the container, although the pod has a claim for it that no container mounts.
    Unmounted(Span),
    /// In an emptyDir, or in the container itself.
    InPod(Option<Span>),
    /// In a directory of the node.
    OnNode(Span),
    /// On storage that outlives both, or that the files do not describe.
    Elsewhere,
}

fn check(cx: &Context<'_>, out: &mut Verdicts) {
    for workload in
        pods::whole(cx.env).filter(|w| w.lifecycle == Lifecycle::Service && is_kubernetes(&w.id.kind))
    {
        let before = out.findings.len();
        for container in &workload.containers {
            let alone = workload.containers.len() == 1;
            if (alone || !container.ports.is_empty()) && is_server(container) {
                judge(cx, workload, container, out);
            }
        }
        if out.findings.len() == before {
            out.findings.extend(on_node(workload));
        }
    }
}

/// System directories of a node, or directories that agents read: files there are not the data of a service.
const OF_THE_NODE: &[&str] = &[
    "/etc",
    "/dev",
    "/sys",
    "/proc",
    "/run",
    "/var/run",
    "/var/log",
    "/var/lib/kubelet",
    "/var/lib/docker",
    "/var/lib/containerd",
    "/var/lib/rancher",
    "/lib",
    "/usr",
    "/boot",
    "/tmp",
    "/opt/cni",
    "/cgroup",
];

/// Any service that writes into a directory of its node.
fn on_node(workload: &Workload) -> Option<Finding> {
    let directory = |name: &str| {
        workload.volumes.iter().find_map(|v| match &v.kind {
            VolumeKind::HostPath(path) if v.name == name => Some((path.as_str(), v.span)),
            _ => None,
        })
    };
    let below =
        |path: &str, of: &str| path == of || path.strip_prefix(of).is_some_and(|rest| rest.starts_with('/'));
    let (container, path, span, mount) = workload.containers.iter().find_map(|c| {
        let writable = c
            .mounts
            .iter()
            .filter(|(name, _)| !c.read_only_mounts.contains(name));
        writable.into_iter().find_map(|(name, mount)| {
            let (path, span) = directory(name)?;
            let own = path.len() > 1 && !OF_THE_NODE.iter().any(|of| below(path, of));
            own.then_some((c, path, span, mount))
        })
    })?;
    let finding = Finding::new(
        &workload.id,
        format!(
            "{}: `{}` writes into {path} of its node",
            workload.id, container.name
        ),
    )
    .cause(("container", container.name.as_str()))
    .severity(Severity::Low)
    .likely()
    .explain(
        "Its files stay on that node. A pod that starts on another node does not find them, \
            replicas on different nodes see different files, and if the node is lost the files are lost.",
    )
    .remedy(
        "Mount a PersistentVolumeClaim; or set `readOnly: true` if it only reads, or use an emptyDir \
            if its files may be lost.",
    )
    .at(span, "a directory of the node");
    let finding = match mount.span() {
        Some(mount) => finding.at(mount, "written to"),
        None => finding,
    };
    Some(finding.at(workload.span, "the workload"))
}

/// Whether a container runs a database.
pub(crate) fn is_server(container: &Container) -> bool {
    let name = container
        .image
        .as_ref()
        .and_then(|i| i.repository.rsplit('/').next())
        .unwrap_or_default();
    let words = || {
        container
            .command
            .iter()
            .flat_map(|part| part.value.split_whitespace())
    };
    STATEFUL.contains(&name) && !words().any(|w| NO_SERVER.contains(&w.rsplit('/').next().unwrap_or(w)))
}

fn kept(workload: &Workload, container: &Container) -> Kept {
    let (mut in_pod, mut on_node) = (None, None);
    for (name, path) in &container.mounts {
        // A name without a volume is a claim template.
        let Some(volume) = workload.volumes.iter().find(|v| v.name == *name) else {
            return Kept::Elsewhere;
        };
        let of_the_system = ["/etc", "/dev", "/sys", "/proc", "/tmp", "/run", "/var/run"]
            .iter()
            .any(|p| path.value.starts_with(p));
        match &volume.kind {
            VolumeKind::Claim(_) | VolumeKind::Other(_) => return Kept::Elsewhere,
            VolumeKind::HostPath(_) if !of_the_system => on_node = Some(volume.span),
            VolumeKind::EmptyDir | VolumeKind::BoundedEmptyDir if !of_the_system => {
                in_pod = in_pod.or(Some(volume.span))
            }
            _ => {}
        }
    }
    match (on_node, unmounted(workload)) {
        (Some(span), _) => Kept::OnNode(span),
        (None, Some(claim)) if in_pod.is_none() => Kept::Unmounted(claim),
        (None, _) => Kept::InPod(in_pod),
    }
}

/// A claim of the pod that no container mounts.
fn unmounted(workload: &Workload) -> Option<Span> {
    let mounted = |name: &str| {
        let mut mounts = workload.containers.iter().flat_map(|c| &c.mounts);
        mounts.any(|(mounted, _)| mounted == name)
    };
    let template = workload.fields.get(CLAIM_TEMPLATE);
    let template = template
        .filter(|claim| !mounted(&claim.value))
        .and_then(|claim| claim.span());
    let is_claim = |v: &&Volume| matches!(v.kind, VolumeKind::Claim(_)) && !mounted(&v.name);
    template.or_else(|| workload.volumes.iter().find(is_claim).map(|v| v.span))
}

fn judge(cx: &Context<'_>, workload: &Workload, container: &Container, out: &mut Verdicts) {
    let kept = kept(workload, container);
    let is_unmounted = matches!(kept, Kept::Unmounted(_));
    let (where_, span, severity, lost) = match kept {
        Kept::Elsewhere => return,
        Kept::Unmounted(span) => (
            "in its container: no container mounts its claim",
            Some(span),
            Severity::High,
            "Every deploy, eviction and node upgrade removes the pod and all its data, and the volume stays empty.",
        ),
        Kept::InPod(span) => (
            if span.is_some() {
                "in an emptyDir"
            } else {
                "in its container"
            },
            span,
            Severity::High,
            "Every deploy, eviction and node upgrade removes the pod and all its data.",
        ),
        Kept::OnNode(span) => (
            "in a directory of its node",
            Some(span),
            Severity::Medium,
            "A pod that starts on another node finds no data there and starts empty; if the node is lost the \
             data is lost.",
        ),
    };
    let mut finding = Finding::new(&workload.id, format!("{}: `{}` keeps its data {where_}", workload.id, container.name))
        .cause(("container", container.name.as_str()))
        .severity(common::severity_in(cx.env, severity))
        .explain(lost)
        .remedy(match is_unmounted {
            true => "Add a `volumeMounts` entry with the name of the claim, where the server writes its data.",
            false => "Run it as a StatefulSet with `volumeClaimTemplates`, or mount a PersistentVolumeClaim where the data is written.",
        });
    if let Some(span) = span {
        finding = finding.at(span, if is_unmounted { "not mounted" } else { "the data" });
    }
    if let Some(span) = container.image.as_ref().and_then(|i| i.text.span()) {
        finding = finding.at(span, "keeps data");
    }
    out.report(finding.at(workload.span, "the workload"));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing::{self, fact, span};
    use cofferdam_model::images::Image;

    fn severity(image: &str, kind: Option<VolumeKind>) -> Option<Severity> {
        let env = pods::testing::env((1, 1, 1), |w| {
            w.containers[0].image = Some(Image {
                text: fact(image.to_owned(), 9),
                registry: None,
                repository: image.to_owned(),
                tag: None,
                digest: None,
            });
            if let Some(kind) = kind {
                w.containers[0]
                    .mounts
                    .push(("data".to_owned(), fact("/var/lib/data".to_owned(), 10)));
                w.volumes.push(Volume {
                    name: "data".to_owned(),
                    span: span(11),
                    kind,
                });
            }
        });
        testing::all(&RULE, &env).first().and_then(|f| f.severity)
    }

    #[test]
    fn only_storage_that_outlives_the_pod_keeps_data() {
        assert_eq!(severity("library/postgres", None), Some(Severity::High));
        assert_eq!(
            severity("postgres", Some(VolumeKind::EmptyDir)),
            Some(Severity::High)
        );
        assert_eq!(
            severity("postgres", Some(VolumeKind::HostPath("/data".to_owned()))),
            Some(Severity::Medium)
        );
        assert_eq!(
            severity("postgres", Some(VolumeKind::Claim("data".to_owned()))),
            None
        );
        assert_eq!(severity("postgres-exporter", None), None);
        assert_eq!(
            severity("redis", Some(VolumeKind::EmptyDir)),
            None,
            "a cache may be lost"
        );
    }

    fn postgres() -> Image {
        Image {
            text: fact("postgres".to_owned(), 9),
            registry: None,
            repository: "postgres".to_owned(),
            tag: None,
            digest: None,
        }
    }

    #[test]
    fn a_claim_that_nothing_mounts_is_named() {
        let with = |mounted: bool| {
            let env = pods::testing::env((1, 1, 1), |w| {
                w.containers[0].image = Some(postgres());
                w.fields
                    .insert(CLAIM_TEMPLATE.to_owned(), fact("data".to_owned(), 12));
                if mounted {
                    let mount = ("data".to_owned(), fact("/var/lib/data".to_owned(), 10));
                    w.containers[0].mounts.push(mount);
                }
            });
            testing::all(&RULE, &env)
        };
        let found = with(false);
        assert!(
            found[0].title.ends_with("no container mounts its claim"),
            "{}",
            found[0].title
        );
        assert!(found[0].remedy.contains("volumeMounts"));
        assert!(with(true).is_empty());
    }

    #[test]
    fn a_service_that_writes_to_its_node_is_low() {
        let at = |path: &str, read_only: bool| {
            let env = pods::testing::env((2, 2, 2), |w| {
                w.containers[0]
                    .mounts
                    .push(("data".to_owned(), fact("/data".to_owned(), 10)));
                if read_only {
                    w.containers[0].read_only_mounts.push("data".to_owned());
                }
                w.volumes.push(Volume {
                    name: "data".to_owned(),
                    span: span(11),
                    kind: VolumeKind::HostPath(path.to_owned()),
                });
            });
            testing::all(&RULE, &env).first().and_then(|f| f.severity)
        };
        assert_eq!(at("/srv/uploads", false), Some(Severity::Low));
        assert_eq!(at("/srv/uploads", true), None);
        assert_eq!(
            (
                at("/var/run/docker.sock", false),
                at("/etc/ssl", false),
                at("/", false)
            ),
            (None, None, None)
        );
        assert_eq!(at("/etcetera", false), Some(Severity::Low), "a whole name counts");
    }

    #[test]
    fn a_claim_template_counts_as_a_claim() {
        let env = pods::testing::env((1, 1, 1), |w| {
            w.containers[0].image = Some(postgres());
            w.containers[0]
                .mounts
                .push(("data".to_owned(), fact("/var/lib/data".to_owned(), 10)));
        });
        assert!(testing::all(&RULE, &env).is_empty());
    }
}
