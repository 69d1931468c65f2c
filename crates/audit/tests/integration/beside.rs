//! Properties of the detection of platforms, tested on random platforms: an unrelated platform beside one
//! changes none of its findings, and neither does a directory name without meaning or the order of the files.

use cofferdam_audit::{Options, audit, severity_of};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// Names that both platforms of a pair use, so that they collide.
const NAMES: &[&str] = &["api", "worker", "ledger", "web", "orders"];
const ENVIRONMENTS: &[&str] = &["dev", "staging", "prod"];

/// A part of a platform.
#[derive(Debug, Clone)]
struct Part {
    kind: usize,
    name: &'static str,
    other: &'static str,
    number: u32,
}

type Files = Vec<(String, String)>;

fn deployment(part: &Part, namespace: Option<&str>) -> String {
    let Part {
        name, other, number, ..
    } = part;
    let namespace = namespace.map_or(String::new(), |ns| format!(", namespace: {ns}"));
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}{namespace}}}\nspec:\n  replicas: {number}\n  selector: {{matchLabels: {{app: {name}}}}}\n  template:\n    metadata: {{labels: {{app: {name}}}}}\n    spec:\n      containers:\n        - name: c\n          image: r.example.net/{name}:latest\n          env: [{{name: URL, value: 'http://{other}:80/'}}]\n          envFrom: [{{configMapRef: {{name: {other}-config}}}}]\n---\napiVersion: v1\nkind: Service\nmetadata: {{name: {name}{namespace}}}\nspec: {{selector: {{app: {name}}}, ports: [{{port: 80, targetPort: 8080}}]}}\n"
    )
}

/// The files of a part, below the platform's directory.
fn files(part: &Part) -> Files {
    let Part {
        kind,
        name,
        other,
        number,
    } = part;
    let environment = ENVIRONMENTS[*number as usize % ENVIRONMENTS.len()];
    let one = |path: String, text: String| vec![(path, text)];
    match kind {
        0 => one(format!("k8s/{name}.yaml"), deployment(part, None)),
        1 => one(format!("k8s/{name}-{other}.yaml"), deployment(part, Some(other))),
        2 => vec![
            (
                format!("deploy/{name}/base/kustomization.yaml"),
                "resources: [d.yaml]\n".to_owned(),
            ),
            (format!("deploy/{name}/base/d.yaml"), deployment(part, None)),
            (
                format!("deploy/{name}/overlays/{environment}/kustomization.yaml"),
                format!("resources: [../../base]\nreplicas: [{{name: {name}, count: {number}}}]\n"),
            ),
            (
                format!("deploy/{name}/overlays/prod/kustomization.yaml"),
                format!("namespace: {other}\nresources: [../../base]\n"),
            ),
        ],
        3 => vec![
            (
                format!("charts/{name}/Chart.yaml"),
                format!("apiVersion: v2\nname: {name}\n"),
            ),
            (
                format!("charts/{name}/values.yaml"),
                format!("replicas: {number}\n"),
            ),
            (
                format!("charts/{name}/templates/d.yaml"),
                format!(
                    "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}}}\nspec:\n  replicas: {{{{ .Values.replicas }}}}\n  template: {{spec: {{containers: [{{name: a, image: 'x:latest'}}]}}}}\n"
                ),
            ),
        ],
        4 => one(
            "infra/main.tf".to_owned(),
            format!(
                "variable \"zones\" {{\n  default = false\n}}\nresource \"aws_db_instance\" \"{name}\" {{\n  identifier = \"{name}\"\n  engine = \"postgres\"\n  instance_class = \"db.m6g.large\"\n  multi_az = var.zones\n}}\n"
            ),
        ),
        5 => one(
            format!("infra/{environment}.tfvars"),
            format!("zones = {}\n", number % 2 == 0),
        ),
        6 => one(
            "compose.yaml".to_owned(),
            format!(
                "services:\n  {name}:\n    image: {name}:latest\n    environment: {{URL: 'http://{other}:80'}}\n  {other}-db:\n    image: postgres:16\n"
            ),
        ),
        7 => one(
            format!("config/{environment}.env"),
            format!("DATABASE_URL=postgres://u@{name}-db:5432/x\nPOOL_SIZE={number}\n"),
        ),
        8 => one(
            format!("src/{name}/db.py"),
            format!(
                "import os\nfrom sqlalchemy import create_engine\nimport httpx\n\nengine = create_engine(os.environ['DATABASE_URL'], pool_size={number})\n\ndef call():\n    return httpx.get('http://{other}:80/x')\n"
            ),
        ),
        9 => one(
            "monitoring/rules.yaml".to_owned(),
            format!(
                "groups: [{{name: g, rules: [{{alert: Down, expr: 'up{{job=\"{name}\"}} == 0', for: {number}m}}]}}]\n"
            ),
        ),
        10 => one(
            format!("k8s/policy-{name}.yaml"),
            format!(
                "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: {name}, namespace: {other}}}\nspec: {{podSelector: {{matchLabels: {{app: {name}}}}}, policyTypes: [Egress]}}\n"
            ),
        ),
        11 => one(
            format!("k8s/scale-{name}.yaml"),
            format!(
                "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {{name: {name}}}\nspec: {{scaleTargetRef: {{apiVersion: apps/v1, kind: Deployment, name: {name}}}, minReplicas: {number}, maxReplicas: 9}}\n"
            ),
        ),
        12 => one(
            format!("releases/{name}.yaml"),
            format!(
                "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {{name: {name}}}\nspec: {{chart: {{spec: {{chart: {other}, sourceRef: {{kind: HelmRepository, name: r}}}}}}}}\n"
            ),
        ),
        13 => one(
            format!("k8s/topic-{name}.yaml"),
            format!(
                "apiVersion: kafka.strimzi.io/v1beta2\nkind: KafkaTopic\nmetadata: {{name: {name}}}\nspec: {{partitions: {number}, replicas: 1}}\n"
            ),
        ),
        14 => one(
            format!("clusters/{environment}/{name}.yaml"),
            deployment(part, Some(other)),
        ),
        _ => one(
            format!("k8s/{name}-config.yaml"),
            format!(
                "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}-config}}\ndata: {{POOL_SIZE: '{number}'}}\n"
            ),
        ),
    }
}

const KINDS: usize = 16;

fn part() -> impl Strategy<Value = Part> {
    let names = || prop::sample::select(NAMES);
    (0..KINDS, names(), names(), 1..4u32).prop_map(|(kind, name, other, number)| Part {
        kind,
        name,
        other,
        number,
    })
}

fn platform() -> impl Strategy<Value = Vec<Part>> {
    // If two parts write the same file, the first one is kept.
    prop::collection::vec(part(), 1..5).prop_map(|parts| {
        let mut seen = BTreeSet::new();
        let first = |part: &Part| files(part).into_iter().next().map(|(path, _)| path);
        parts
            .into_iter()
            .filter(|part| seen.insert(first(part)))
            .collect()
    })
}

/// The platform below a directory; of files with one path the first counts.
fn below(directory: &str, parts: &[Part]) -> Files {
    let mut all: BTreeMap<String, String> = BTreeMap::new();
    for (path, text) in parts.iter().flat_map(files) {
        all.entry(format!("{directory}{path}")).or_insert(text);
    }
    all.into_iter().collect()
}

/// Hosts that a platform calls, and those that it declares.
fn hosts(parts: &[Part]) -> (BTreeSet<String>, BTreeSet<String>) {
    let (mut called, mut declared) = (BTreeSet::new(), BTreeSet::new());
    for Part {
        kind, name, other, ..
    } in parts
    {
        match kind {
            0..=2 | 14 => {
                called.insert((*other).to_owned());
                declared.insert((*name).to_owned());
            }
            6 => {
                called.insert((*other).to_owned());
                declared.extend([(*name).to_owned(), format!("{other}-db")]);
            }
            7 => drop(called.insert(format!("{name}-db"))),
            8 => drop(called.insert((*other).to_owned())),
            _ => {}
        }
    }
    (called, declared)
}

/// Whether one platform calls a host that only the other declares: then they are one platform.
fn is_related(a: &[Part], b: &[Part]) -> bool {
    let ((calls, own), (_, others)) = (hosts(a), hosts(b));
    calls
        .iter()
        .any(|host| !own.contains(host) && others.contains(host))
}

/// All results about the files, sorted.
fn findings(files: &[(String, String)]) -> Vec<String> {
    let given = files
        .iter()
        .map(|(path, text)| (PathBuf::from(path), text.clone().into_bytes()));
    let platform = cofferdam_ingest::read_files(given);
    let report = audit(&platform, &Options::default());
    let all = || report.findings.iter().chain(&report.apart);
    let fingerprints: BTreeSet<_> = all().map(|finding| finding.fingerprint).collect();
    assert_eq!(
        fingerprints.len(),
        all().count(),
        "two findings have one fingerprint"
    );
    let show = |finding: &cofferdam_audit::Finding| {
        let places: Vec<String> = (finding.locations.iter())
            .map(|l| {
                let at = platform.sources.position(l.span);
                format!("{}:{}", platform.sources.path(l.span.file).display(), at.line)
            })
            .collect();
        let figures: Vec<String> = (finding.figures.iter())
            .map(|(name, figure)| format!("{name}={}", figure.value))
            .collect();
        format!(
            "{} | {} | {} | {} | {:?} | {:?} | {:?} | {} | {}",
            finding.fingerprint,
            finding.rule,
            finding.subject,
            finding.title,
            severity_of(finding),
            finding.confidence,
            finding.environments,
            figures.join(" "),
            places.join(" "),
        )
    };
    let mut shown: Vec<String> = report.findings.iter().map(show).collect();
    shown.sort();
    shown
}

/// The entries of one list that are missing in the other.
fn difference(wanted: &[String], found: &[String]) -> Vec<String> {
    let count = |list: &[String], item: &String| list.iter().filter(|other| *other == item).count();
    let mut lines: Vec<String> = Vec::new();
    for item in wanted
        .iter()
        .filter(|item| count(wanted, item) > count(found, item))
    {
        lines.push(format!("- {item}"));
    }
    for item in found
        .iter()
        .filter(|item| count(found, item) > count(wanted, item))
    {
        lines.push(format!("+ {item}"));
    }
    lines.dedup();
    lines
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, max_global_rejects: 100_000, ..ProptestConfig::default() })]

    #[test]
    fn a_platform_next_to_another_gets_the_same_findings_as_alone(a in platform(), b in platform()) {
        prop_assume!(!is_related(&a, &b) && !is_related(&b, &a));
        let (a, b) = (below("zorp/", &a), below("blick/", &b));
        let mut wanted = findings(&a);
        wanted.extend(findings(&b));
        wanted.sort();
        let both: Files = a.iter().chain(&b).cloned().collect();
        let found = findings(&both);
        // A finding that two platforms share is reported once; nothing else may differ.
        let lines = difference(&wanted, &found);
        prop_assert!(lines.is_empty(), "{}\n{both:#?}", lines.join("\n"));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn meaningless_names_and_the_order_of_files_change_no_finding(a in platform()) {
        let wanted = findings(&below("zorp/", &a));
        let renamed = findings(&below("blick/", &a));
        let renamed: Vec<String> = renamed.iter().map(|f| f.replace("blick", "zorp")).collect();
        // The directory of a project is its name in fingerprints: nothing else tells two projects apart.
        let unnamed = |all: &[String]| -> Vec<String> {
            all.iter().filter_map(|line| Some(line.split_once(" | ")?.1.to_owned())).collect()
        };
        let lines = difference(&unnamed(&wanted), &unnamed(&renamed));
        prop_assert!(lines.is_empty(), "{}", lines.join("\n"));
        let mut turned = below("zorp/", &a);
        turned.reverse();
        let lines = difference(&wanted, &findings(&turned));
        prop_assert!(lines.is_empty(), "{}", lines.join("\n"));
    }
}
