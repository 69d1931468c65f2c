//! What something that was not read could bring, judged by what it is and by its name.

use crate::compose::elsewhere::TakenBy;
use cofferdam_model::Absence;
use std::collections::BTreeSet;
use std::path::Path;

/// What an operator may make of a resource of its own: never what guards or watches other workloads.
const OPERATOR: &[Absence] = &[
    Absence::Workload,
    Absence::Service,
    Absence::ConfigMap,
    Absence::Secret,
];

/// What any chart may bring for itself.
const CHART: &[Absence] = &[
    Absence::Workload,
    Absence::Service,
    Absence::ConfigMap,
    Absence::Secret,
    Absence::ServiceAccount,
    Absence::Claim,
    Absence::Alert,
    Absence::MetricSource,
    Absence::NetworkPolicy,
];

/// What the repository that other applications come from may bring for all.
const REPOSITORY: &[Absence] = &[
    Absence::NetworkPolicy,
    Absence::AdmissionPolicy,
    Absence::Topic,
    Absence::Pooler,
    Absence::Breaker,
    Absence::Backup,
    Absence::NodeService,
    Absence::Delivery,
    Absence::LogRetention,
];

/// What any module of Terraform may bring.
const MODULE: &[Absence] = &[
    Absence::Alert,
    Absence::MetricSource,
    Absence::Topic,
    Absence::Pooler,
    Absence::Backup,
    Absence::LogRetention,
    Absence::Secret,
];

/// Words in names, and what a thing of that name may bring besides.
const WORDS: &[(&[&str], &[Absence])] = &[
    (
        &[
            "policy",
            "policies",
            "network",
            "namespace",
            "namespaces",
            "baseline",
            "cilium",
            "calico",
        ],
        &[Absence::NetworkPolicy],
    ),
    (
        &[
            "policy",
            "policies",
            "kyverno",
            "gatekeeper",
            "admission",
            "baseline",
            "cosign",
            "connaisseur",
        ],
        &[Absence::AdmissionPolicy],
    ),
    (
        &["kafka", "strimzi", "topic", "topics", "redpanda"],
        &[Absence::Topic],
    ),
    (
        &["pgbouncer", "pooler", "pgcat", "odyssey", "proxysql"],
        &[Absence::Pooler],
    ),
    (
        &["istio", "istiod", "mesh", "linkerd", "envoy", "consul", "gateway"],
        &[Absence::Breaker],
    ),
    (
        &["backup", "backups", "velero", "k8up", "stash", "snapshot"],
        &[Absence::Backup],
    ),
    (
        &["dns", "nodelocaldns", "chrony", "ntp", "node"],
        &[Absence::NodeService],
    ),
    (
        &[
            "rollouts",
            "flagger",
            "spinnaker",
            "argocd",
            "argo",
            "flux",
            "deploy",
            "pipeline",
        ],
        &[Absence::Delivery],
    ),
    (
        &[
            "log",
            "logs",
            "logging",
            "loki",
            "fluent",
            "vector",
            "elastic",
            "opensearch",
        ],
        &[Absence::LogRetention],
    ),
    (&["autoscaler", "keda", "hpa"], &[Absence::Autoscaler]),
];

/// Words in names of modules that make clusters or what runs on them.
const ON_CLUSTERS: &[&str] = &[
    "eks",
    "gke",
    "aks",
    "kubernetes",
    "k8s",
    "addons",
    "helm",
    "cluster",
];

/// Words in names of modules that only make networks, names or permissions.
const GROUNDWORK: &[&str] = &[
    "vpc",
    "vnet",
    "network",
    "subnet",
    "subnets",
    "security",
    "iam",
    "dns",
    "route53",
    "zone",
    "zones",
    "acm",
    "certificate",
    "label",
    "naming",
];

/// Whether a text has one of these words.
pub(super) fn has_word(text: &str, words: &[&str]) -> bool {
    text.split(|c: char| !c.is_ascii_alphanumeric())
        .any(|part| words.iter().any(|word| part.eq_ignore_ascii_case(word)))
}

fn named(text: &str) -> impl Iterator<Item = Absence> {
    WORDS
        .iter()
        .filter(move |(words, _)| has_word(text, words))
        .flat_map(|(_, kinds)| kinds.iter().copied())
}

/// What a chart of this name may bring.
pub(super) fn chart(name: &str) -> BTreeSet<Absence> {
    CHART.iter().copied().chain(named(name)).collect()
}

/// Whether a chart of this name may be there for network policies, and so bring them to any namespace.
pub(super) fn brings_policies(name: &str) -> bool {
    named(name).any(|kind| kind == Absence::NetworkPolicy)
}

/// What a directory of another repository may bring.
pub(super) fn repository() -> BTreeSet<Absence> {
    CHART.iter().chain(REPOSITORY).copied().collect()
}

/// What a module of Terraform with this name and source may bring. Only its source and name tell.
pub(super) fn module(text: &str) -> BTreeSet<Absence> {
    if has_word(text, GROUNDWORK) && !has_word(text, ON_CLUSTERS) {
        return [Absence::LogRetention].into();
    }
    let on_cluster = if has_word(text, ON_CLUSTERS) { CHART } else { &[] };
    MODULE
        .iter()
        .chain(on_cluster)
        .copied()
        .chain(named(text))
        .collect()
}

/// What a data source of this type shows to exist elsewhere.
pub(super) fn data(kind: &str) -> BTreeSet<Absence> {
    let table: &[(&str, &[Absence])] = &[
        ("remote_state", MODULE),
        ("secret", &[Absence::Secret]),
        ("backup", &[Absence::Backup]),
        ("log_group", &[Absence::LogRetention]),
        ("log_analytics", &[Absence::LogRetention]),
        ("kafka_topic", &[Absence::Topic]),
        ("monitor", &[Absence::Alert]),
        ("alarm", &[Absence::Alert]),
        ("alert", &[Absence::Alert]),
        ("kubernetes_service", &[Absence::Service]),
        ("kubernetes_config_map", &[Absence::ConfigMap]),
    ];
    let kinds = table.iter().filter(|(word, _)| kind.contains(word));
    kinds.flat_map(|(_, kinds)| kinds.iter().copied()).collect()
}

/// Groups whose objects only describe something.
const DESCRIBING: &[&str] = &[
    "backstage.io",
    "nfd.k8s-sigs.io",
    "nfd.openshift.io",
    "grafana.com",
];

/// Last words of kinds that describe, allow or restrict something that others run.
const DESCRIPTIONS: &[&str] = &[
    "Dashboard",
    "Folder",
    "Datasource",
    "Rule",
    "Rules",
    "Policy",
    "Class",
    "Profile",
    "Binding",
    "Role",
    "Group",
    "Quota",
    "Schema",
    "Definition",
    "Permission",
    "Grant",
    "Query",
    "Report",
    "Alert",
    "Silence",
    "Plugin",
    "Label",
];

/// Last words of kinds of which an operator makes names and passwords for something that runs elsewhere.
const CREDENTIALS: &[&str] = &[
    "Secret",
    "Secrets",
    "Certificate",
    "Credential",
    "Credentials",
    "Password",
    "User",
    "Token",
    "Account",
    "Key",
    "Claim",
    "Database",
];

/// What an operator may make of a resource; `None` for nothing. Kinds are named for what they are, by their last word.
pub(super) fn operator(kind: &str, group: &str, carries_pods: bool) -> Option<BTreeSet<Absence>> {
    let start = kind.rfind(|c: char| c.is_ascii_uppercase()).unwrap_or(0);
    let word = &kind[start..];
    if carries_pods {
        return Some(OPERATOR.iter().copied().collect());
    }
    if DESCRIBING.contains(&group) || DESCRIPTIONS.contains(&word) {
        return None;
    }
    Some(match CREDENTIALS.contains(&word) {
        true => [Absence::Secret, Absence::ConfigMap].into(),
        false => OPERATOR.iter().copied().collect(),
    })
}

/// What a file of Terraform that cannot be read may bring.
pub(super) fn terraform_file() -> BTreeSet<Absence> {
    let mut kinds: BTreeSet<Absence> = MODULE.iter().chain(CHART).chain(REPOSITORY).copied().collect();
    kinds.extend([Absence::Terraform, Absence::Autoscaler]);
    kinds
}

/// Kinds of objects, and what each is.
const OBJECTS: &[(&[&str], &[Absence])] = &[
    (
        &[
            "Deployment",
            "StatefulSet",
            "DaemonSet",
            "ReplicaSet",
            "Job",
            "CronJob",
            "Pod",
        ],
        &[Absence::Workload, Absence::MetricSource],
    ),
    (&["Service"], &[Absence::Service]),
    (&["ConfigMap"], &[Absence::ConfigMap]),
    (&["Secret"], &[Absence::Secret]),
    (&["ServiceAccount"], &[Absence::ServiceAccount]),
    (&["PersistentVolumeClaim"], &[Absence::Claim]),
    (&["PodDisruptionBudget"], &[Absence::DisruptionBudget]),
    (&["NetworkPolicy"], &[Absence::NetworkPolicy]),
    (&["HorizontalPodAutoscaler"], &[Absence::Autoscaler]),
    (
        &[
            "Ingress",
            "Role",
            "RoleBinding",
            "ClusterRole",
            "ClusterRoleBinding",
            "Group",
            "User",
        ],
        &[],
    ),
];

/// What a template of a chart may bring, by the kinds of objects that are written in it; `None` for anything.
pub(super) fn template(path: &Path, text: &str) -> Option<BTreeSet<Absence>> {
    let mut kinds = BTreeSet::new();
    let mut written = text
        .lines()
        .filter_map(|line| line.trim().strip_prefix("kind:"))
        .peekable();
    written.peek()?;
    for kind in written {
        let kind = kind.trim().trim_matches(['"', '\'']);
        let (_, brings) = OBJECTS.iter().find(|(names, _)| names.contains(&kind))?;
        kinds.extend(*brings);
    }
    if kinds.contains(&Absence::Workload) {
        kinds.extend(named(&path.to_string_lossy()));
    }
    Some(kinds)
}

/// What templates of manifests may bring: any object of Kubernetes.
pub(super) fn templates() -> BTreeSet<Absence> {
    let more = [
        Absence::DisruptionBudget,
        Absence::Autoscaler,
        Absence::PodDefault,
        Absence::Variable,
    ];
    repository().into_iter().chain(more).collect()
}

/// What a file that a Compose file takes in may bring.
pub(super) fn compose_file(by: TakenBy) -> BTreeSet<Absence> {
    match by {
        TakenBy::Include => CHART
            .iter()
            .copied()
            .chain(keys())
            .chain([Absence::Pooler])
            .collect(),
        TakenBy::Extends | TakenBy::EnvFile => keys(),
    }
}

/// Keys of ConfigMaps and Secrets, and variables made of them.
pub(super) fn keys() -> BTreeSet<Absence> {
    [Absence::ConfigMap, Absence::Secret, Absence::Variable].into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every word, and what a thing of that name may bring besides.
    const NAMED: &[(&str, Absence)] = &[
        (
            "policy policies network namespace namespaces baseline cilium calico",
            Absence::NetworkPolicy,
        ),
        (
            "policy policies kyverno gatekeeper admission baseline cosign connaisseur",
            Absence::AdmissionPolicy,
        ),
        ("kafka strimzi topic topics redpanda", Absence::Topic),
        ("pgbouncer pooler pgcat odyssey proxysql", Absence::Pooler),
        ("istio istiod mesh linkerd envoy consul gateway", Absence::Breaker),
        ("backup backups velero k8up stash snapshot", Absence::Backup),
        ("dns nodelocaldns chrony ntp node", Absence::NodeService),
        (
            "rollouts flagger spinnaker argocd argo flux deploy pipeline",
            Absence::Delivery,
        ),
        (
            "log logs logging loki fluent vector elastic opensearch",
            Absence::LogRetention,
        ),
        ("autoscaler keda hpa", Absence::Autoscaler),
    ];

    #[test]
    fn each_word_means_its_kinds() {
        for (words, kind) in NAMED {
            // Any chart may bring policies for its own pods.
            let is_of_all = *kind == Absence::NetworkPolicy;
            assert_eq!(chart("web").contains(kind), is_of_all, "{kind:?}");
            for word in words.split(' ') {
                for name in [word.to_owned(), format!("my-{word}"), word.to_uppercase()] {
                    assert!(chart(&name).contains(kind), "{name}: {kind:?}");
                }
                let other = format!("{word}x");
                assert_eq!(chart(&other).contains(kind), is_of_all, "{word}: {kind:?}");
                assert!(
                    !is_of_all || brings_policies(word) && !brings_policies(&other),
                    "{word}"
                );
            }
        }
        let listed: usize = NAMED.iter().map(|(words, _)| words.split(' ').count()).sum();
        let known = WORDS.iter().map(|(words, kinds)| words.len() * kinds.len()).sum();
        assert_eq!(listed, known);
    }

    #[test]
    fn words_distinguish_modules_for_clusters_from_modules_for_networks() {
        let on_clusters = "eks gke aks kubernetes k8s addons helm cluster";
        assert_eq!(on_clusters.split(' ').count(), ON_CLUSTERS.len());
        for word in on_clusters.split(' ') {
            assert!(module(word).contains(&Absence::Service), "{word}");
            assert!(
                module(&format!("vpc of {word}")).contains(&Absence::Service),
                "{word}"
            );
        }
        let groundwork = "vpc vnet network subnet subnets security iam dns route53 zone zones acm certificate label naming";
        assert_eq!(groundwork.split(' ').count(), GROUNDWORK.len());
        for word in groundwork.split(' ') {
            assert_eq!(module(word), [Absence::LogRetention].into(), "{word}");
        }
        assert!(!module("database").contains(&Absence::Service));
        assert!(module("kafka").contains(&Absence::Topic));
    }

    #[test]
    fn each_source_may_contain_the_listed_kinds() {
        use Absence::*;
        let of_chart = [
            Workload,
            Service,
            ConfigMap,
            Secret,
            ServiceAccount,
            Claim,
            Alert,
            MetricSource,
            NetworkPolicy,
        ];
        assert_eq!(chart("web"), of_chart.into());
        let of_repository = [
            NetworkPolicy,
            AdmissionPolicy,
            Topic,
            Pooler,
            Breaker,
            Backup,
            NodeService,
            Delivery,
            LogRetention,
        ];
        let all: BTreeSet<Absence> = of_chart.into_iter().chain(of_repository).collect();
        assert_eq!(repository(), all);
        let of_module = [Alert, MetricSource, Topic, Pooler, Backup, LogRetention, Secret];
        assert_eq!(module("thing"), of_module.into());
        let of_operator = |kind: &str, group: &str| operator(kind, group, false);
        let any = Some(BTreeSet::from([Workload, Service, ConfigMap, Secret]));
        for kind in ["Grafana", "KfDef", "Redis", "TektonConfig"] {
            assert_eq!(of_operator(kind, "example.org"), any, "{kind}");
        }
        for kind in ["VaultSecret", "ObjectBucketClaim", "PostgresUser"] {
            let keys = Some(BTreeSet::from([Secret, ConfigMap]));
            assert_eq!(of_operator(kind, "example.org"), keys, "{kind}");
        }
        for kind in [
            "GrafanaDashboard",
            "NodeFeatureRule",
            "OperatorGroup",
            "BackupPolicy",
        ] {
            assert_eq!(of_operator(kind, "example.org"), None, "{kind}");
            assert_eq!(operator(kind, "example.org", true), any, "{kind}");
        }
        assert_eq!(of_operator("Component", "backstage.io"), None);
        let of_file: BTreeSet<Absence> = all
            .into_iter()
            .chain(of_module)
            .chain([Terraform, Autoscaler])
            .collect();
        assert_eq!(terraform_file(), of_file);
        assert_eq!(keys(), [ConfigMap, Secret, Variable].into());
        for (data_source, kinds) in [
            ("terraform_remote_state", of_module.into()),
            ("aws_secretsmanager_secret", BTreeSet::from([Secret])),
            ("aws_backup_plan", [Backup].into()),
            ("aws_cloudwatch_log_group", [LogRetention].into()),
            ("azurerm_log_analytics_workspace", [LogRetention].into()),
            ("confluent_kafka_topic", [Topic].into()),
            ("datadog_monitor", [Alert].into()),
            ("alicloud_cms_alarm", [Alert].into()),
            ("grafana_alert", [Alert].into()),
            ("kubernetes_service", [Service].into()),
            ("kubernetes_config_map", [ConfigMap].into()),
            ("aws_vpc", BTreeSet::new()),
        ] {
            assert_eq!(data(data_source), kinds, "{data_source}");
        }
    }

    #[test]
    fn a_template_brings_the_kinds_that_are_written_in_it() {
        let of = |text: &str| template(Path::new("web/templates/a.yaml"), text);
        let workload = BTreeSet::from([Absence::Workload, Absence::MetricSource]);
        assert_eq!(of("{{ if .x }}\nkind: Deployment\n"), Some(workload));
        assert_eq!(of("kind: Ingress\n"), Some(BTreeSet::new()));
        assert_eq!(
            of("kind: Secret\n---\nkind: \"ConfigMap\"\n"),
            Some([Absence::Secret, Absence::ConfigMap].into())
        );
        for any in [
            "kind: {{ .kind }}\n",
            "{{ include \"all\" . }}\n",
            "kind: Service\n---\nkind: Kafka\n",
        ] {
            assert_eq!(of(any), None, "{any}");
        }
        let pooler = template(Path::new("pgbouncer/templates/a.yaml"), "kind: Deployment\n");
        assert!(pooler.is_some_and(|kinds| kinds.contains(&Absence::Pooler)));
    }

    #[test]
    fn a_name_decides_which_kinds_a_source_may_contain() {
        for (kinds, has, has_not) in [
            (chart("redis"), Absence::Service, Absence::AdmissionPolicy),
            (chart("redis"), Absence::Alert, Absence::DisruptionBudget),
            (
                chart("kyverno-policies"),
                Absence::AdmissionPolicy,
                Absence::Backup,
            ),
            (chart("velero"), Absence::Backup, Absence::Topic),
            (
                module("terraform-aws-modules/vpc/aws"),
                Absence::LogRetention,
                Absence::Alert,
            ),
            (
                module("terraform-aws-modules/eks/aws"),
                Absence::Service,
                Absence::DisruptionBudget,
            ),
            (module("registry/database/aws"), Absence::Alert, Absence::Service),
            (data("aws_secretsmanager_secret"), Absence::Secret, Absence::Alert),
            (data("terraform_remote_state"), Absence::Alert, Absence::Workload),
            (
                operator("Redis", "example.org", false).unwrap_or_default(),
                Absence::Workload,
                Absence::DisruptionBudget,
            ),
            (repository(), Absence::NetworkPolicy, Absence::DisruptionBudget),
            (terraform_file(), Absence::Terraform, Absence::File),
            (keys(), Absence::ConfigMap, Absence::Service),
        ] {
            assert!(kinds.contains(&has), "{has:?} in {kinds:?}");
            assert!(!kinds.contains(&has_not), "{has_not:?} in {kinds:?}");
        }
        assert!(data("aws_availability_zones").is_empty());
    }
}
