//! What `init` writes loads as it is and with any of its statements confirmed, and it changes no finding until one is:
//! over platforms made at random, with names that YAML, shells and people read as something else.

use cofferdam_audit::{Options, audit, init};
use cofferdam_model::Platform;
use cofferdam_simulate::rehearse;
use proptest::prelude::*;
use std::fmt::Write;
use std::path::PathBuf;

/// Names that mean something else somewhere: to YAML, in a path of keys, in a template, to the redaction; and pairs that
/// are one name to people.
const NAMES: &[&str] = &[
    "api",
    "API",
    "a_p_i",
    "api-production",
    "orders.v2",
    "orders-db",
    "main",
    "true",
    "Null",
    "no",
    "1e3",
    "1.5",
    "0x1F",
    "2024-01-02",
    "~",
    "*",
    "&anchor",
    "it's",
    "quo\"te",
    "back\\slash",
    "a: b",
    "a #b",
    "- dash",
    "{{ .Release.Name }}-api",
    "${NAME}",
    "$(NAME)-web",
    "名前",
    "NAME",
    "TOPIC",
    " padded ",
    "two words",
    "tab\tbed",
    "a=b",
    "password",
    "db-password",
    "AKIAIOSFODNN7EXAMPLE",
    "ghp_16C7e42F292c6912E7710c838347Ae178B4a",
    "services",
    "environments",
    "production",
    "x",
];

fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => proptest::sample::select(NAMES).prop_map(str::to_owned),
        3 => "[a-c]{1,2}(-(db|api|prod|staging))?",
        1 => "\\PC{1,12}",
        1 => "[a-z.\"'#:{}\\[\\],&*!|>%@` -]{1,10}",
    ]
}

/// Text as a YAML string that nothing can misread.
fn yaml(text: &str) -> String {
    serde_json::to_string(text).unwrap()
}

/// A file of the platform, by what it declares.
#[derive(Debug, Clone)]
enum Part {
    Service {
        kind: u8,
        name: String,
        namespace: Option<u8>,
        settings: u8,
        other: String,
    },
    Pooler {
        name: String,
    },
    Database {
        name: String,
        class: bool,
    },
    Topic {
        name: String,
        strimzi: bool,
    },
    Consumer {
        directory: String,
        topic: String,
    },
    Section {
        service: String,
        other: String,
        which: u8,
    },
    Cell {
        name: String,
        other: String,
    },
    Alert {
        service: String,
    },
    Objective {
        name: String,
    },
    /// A kustomization with an overlay for each of two environments, which rename what they include.
    Built {
        name: String,
        prefix: String,
        settings: u8,
    },
    /// A chart with two files of values.
    Chart {
        name: String,
        other: String,
    },
    /// Secrets that an agent writes or an operator fetches.
    Secret {
        name: String,
        other: String,
        agent: bool,
    },
    /// One name in two namespaces.
    Twice {
        name: String,
        settings: u8,
    },
}

fn part() -> impl Strategy<Value = Part> {
    let namespace = proptest::option::of(0u8..3);
    prop_oneof![
        4 => (0u8..4, name(), namespace, any::<u8>(), name()).prop_map(|(kind, name, namespace, settings, other)| {
            Part::Service { kind, name, namespace, settings, other }
        }),
        1 => name().prop_map(|name| Part::Pooler { name }),
        1 => (name(), any::<bool>()).prop_map(|(name, class)| Part::Database { name, class }),
        1 => (name(), any::<bool>()).prop_map(|(name, strimzi)| Part::Topic { name, strimzi }),
        1 => ("[a-z]{1,4}", name()).prop_map(|(directory, topic)| Part::Consumer { directory, topic }),
        2 => (name(), name(), 0u8..6).prop_map(|(service, other, which)| Part::Section { service, other, which }),
        1 => (name(), name()).prop_map(|(name, other)| Part::Cell { name, other }),
        1 => name().prop_map(|service| Part::Alert { service }),
        1 => name().prop_map(|name| Part::Objective { name }),
        2 => ("[a-c]{1,2}(-db)?", "[a-z]{0,3}-?", any::<u8>()).prop_map(|(name, prefix, settings)| Part::Built { name, prefix, settings }),
        1 => (name(), name()).prop_map(|(name, other)| Part::Chart { name, other }),
        1 => (name(), name(), any::<bool>()).prop_map(|(name, other, agent)| Part::Secret { name, other, agent }),
        1 => (name(), any::<u8>()).prop_map(|(name, settings)| Part::Twice { name, settings }),
    ]
}

const PLACES: &[&str] = &[
    "k8s",
    "k8s/production",
    "k8s/staging",
    "deploy/prod",
    "deploy/dev",
    "config/production",
    "examples/k8s",
    "team-a/k8s/production",
    "team-b/k8s/production",
    "tests/k8s",
    "",
];

fn workload(kind: u8, name: &str, namespace: Option<u8>, settings: u8, other: &str) -> String {
    let kind = ["Deployment", "StatefulSet", "Job", "Deployment"][usize::from(kind) % 4];
    let space = namespace.map_or(String::new(), |n| format!(", namespace: space-{n}"));
    let name = yaml(name);
    let mut env = String::new();
    let mut set = |at: u8, text: String| {
        if settings & (1 << at) != 0 {
            let _ = write!(env, "\n            - {text}");
        }
    };
    set(
        0,
        format!(
            "{{name: DATABASE_URL, value: {}}}",
            yaml(&format!("postgresql://u@{other}:5432/app"))
        ),
    );
    set(1, "{name: DB_POOL_SIZE, value: '20'}".to_owned());
    set(2, "{name: KAFKA_GROUP_ID, value: workers}".to_owned());
    set(3, format!("{{name: KAFKA_TOPIC, value: {}}}", yaml(other)));
    set(4, "{name: KAFKA_CONSUMER_WORKERS, value: '12'}".to_owned());
    let secret = yaml(other);
    set(
        5,
        format!("{{name: DB_PASSWORD, valueFrom: {{secretKeyRef: {{name: {secret}, key: password}}}}}}"),
    );
    set(6, "{name: KAFKA_ACKS, value: '0'}".to_owned());
    let replicas = if settings & 128 != 0 {
        "  replicas: 0\n"
    } else {
        ""
    };
    let env = if env.is_empty() { " []".to_owned() } else { env };
    format!(
        "apiVersion: apps/v1\nkind: {kind}\nmetadata: {{name: {name}{space}}}\nspec:\n{replicas}  selector: {{matchLabels: \
         {{app: {name}}}}}\n  template:\n    metadata: {{labels: {{app: {name}}}}}\n    spec:\n      containers:\n        \
         - name: {name}\n          image: r.example/x:1\n          resources: {{requests: {{cpu: 500m}}, limits: {{cpu: '1', \
         memory: 256Mi}}}}\n          env:{env}\n"
    )
}

fn file(at: usize, part: &Part) -> Vec<(String, String)> {
    let place = PLACES[at % PLACES.len()];
    let one = match part {
        Part::Service {
            kind,
            name,
            namespace,
            settings,
            other,
        } => (
            format!("{place}/w{at}.yaml"),
            workload(*kind, name, *namespace, *settings, other),
        ),
        Part::Pooler { name } => {
            let text = workload(0, name, None, 0, "x")
                .replace("image: r.example/x:1", "image: pgbouncer/pgbouncer:1.18.0");
            let env = " [{name: PGBOUNCER_DEFAULT_POOL_SIZE, value: '25'}, {name: DATABASES_HOST, value: db.internal}]";
            (
                format!("{place}/p{at}.yaml"),
                text.replace("env: []", &format!("env:{env}")),
            )
        }
        Part::Database { name, class } => {
            let class = if *class { "db.t3.micro" } else { "db.unknown" };
            let name = yaml(name).replace("${", "$${").replace("%{", "%%{");
            let text = format!(
                "resource \"aws_db_instance\" \"d{at}\" {{\n  identifier = {name}\n  engine = \"postgres\"\n  instance_class = \
                 \"{class}\"\n}}\n"
            );
            (format!("terraform/d{at}.tf"), text)
        }
        Part::Topic { name, strimzi: true } => {
            let text = format!(
                "apiVersion: kafka.strimzi.io/v1beta2\nkind: KafkaTopic\nmetadata: {{name: {}}}\nspec: {{}}\n",
                yaml(name)
            );
            (format!("{place}/t{at}.yaml"), text)
        }
        Part::Topic { name, .. } => (
            format!("config/topics{at}.yaml"),
            format!("kafka:\n  topics:\n    {}: {{partitions: 3}}\n", yaml(name)),
        ),
        Part::Consumer { directory, topic } => {
            let text = format!(
                "from confluent_kafka import Consumer, Producer\nc = Consumer({{'bootstrap.servers': 'k:9092', 'group.id': \
                 'g{at}'}})\nc.subscribe([{}])\np = Producer({{'bootstrap.servers': 'k:9092'}})\np.produce('out', b'x')\nwhile \
                 True:\n    c.poll(1.0)\n",
                yaml(topic)
            );
            (format!("services/{directory}/app{at}.py"), text)
        }
        Part::Section {
            service,
            other,
            which,
        } => {
            let (service, other) = (yaml(service), yaml(other));
            let text = match which {
                0 => format!(
                    "services:\n  {service}:\n    replicas: 3\n    environment: {{DATABASE_URL: {other}}}\n"
                ),
                1 => format!("databases:\n  {service}:\n    engine: postgresql\n    host: {other}\n"),
                2 => format!("kafka:\n  consumer:\n    group_id: {service}\n    topics: [{other}]\n"),
                3 => format!("secrets:\n  {service}:\n    path: {other}\n"),
                4 => format!("database:\n  host: {other}\n  pool_size: 5\n"),
                _ => format!(
                    "services:\n  {service}:\n    image: x:1\n    secrets: [{other}]\n    depends_on: [{other}]\n"
                ),
            };
            let name = if *which == 5 { "compose" } else { "settings" };
            (format!("config/{name}{at}.yaml"), text)
        }
        Part::Cell { name, other } => {
            let text = format!(
                "routing:\n  cells:\n    - {{name: {}, weight: 60}}\n    - {{name: {}, weight: 40}}\n",
                yaml(name),
                yaml(other)
            );
            (format!("config/cells{at}.yaml"), text)
        }
        Part::Alert { service } => {
            let text = format!(
                "groups:\n  - name: g\n    rules:\n      - alert: Down{at}\n        expr: up{{job={}}} == 0\n        for: 5m\n        \
                 labels: {{severity: critical, service: {}}}\n",
                yaml(service),
                yaml(service)
            );
            (format!("{place}/alerts{at}.yaml"), text)
        }
        Part::Objective { name } => (
            format!("config/slo{at}.yaml"),
            format!("slos:\n  - name: {}\n    target: 99.9\n", yaml(name)),
        ),
        Part::Built {
            name,
            prefix,
            settings,
        } => {
            let mut all = vec![
                (
                    format!("app{at}/base/w.yaml"),
                    workload(0, name, None, *settings, "orders"),
                ),
                (
                    format!("app{at}/base/kustomization.yaml"),
                    "resources: [w.yaml]\n".to_owned(),
                ),
            ];
            for place in ["staging", "production"] {
                let text = format!(
                    "resources: [../../base]\nnamePrefix: {}\nnamespace: {place}\n",
                    yaml(prefix)
                );
                all.push((format!("app{at}/overlays/{place}/kustomization.yaml"), text));
            }
            return all;
        }
        Part::Chart { name, other } => {
            let template = workload(0, "NAMED", None, 0, "x")
                .replace("\"NAMED\"", "{{ .Values.name }}-{{ .Release.Name }}");
            let template = template.replace(
                "env: []",
                "env: [{name: KAFKA_TOPIC, value: {{ .Values.topic | quote }}}]",
            );
            return vec![
                (
                    format!("chart{at}/Chart.yaml"),
                    format!("apiVersion: v2\nname: c{at}\nversion: 1.0.0\n"),
                ),
                (format!("chart{at}/templates/w.yaml"), template),
                (
                    format!("chart{at}/values.yaml"),
                    format!("name: {}\ntopic: {}\n", yaml(name), yaml(other)),
                ),
                (
                    format!("chart{at}/values-production.yaml"),
                    format!("topic: {}\n", yaml(name)),
                ),
            ];
        }
        Part::Secret {
            name,
            other,
            agent: true,
        } => {
            let text = workload(0, name, None, 33, other).replace(
                "    metadata: {labels:",
                &format!(
                    "    metadata: {{annotations: {{vault.hashicorp.com/agent-inject: 'true', \
                     vault.hashicorp.com/agent-inject-secret-db: {}}}, labels:",
                    yaml(other)
                ),
            );
            (format!("{place}/v{at}.yaml"), text)
        }
        Part::Secret { name, other, .. } => {
            let text = format!(
                "apiVersion: external-secrets.io/v1\nkind: ExternalSecret\nmetadata: {{name: {}}}\nspec:\n  refreshInterval: 1h\n  \
                 target: {{name: {}}}\n  data: [{{secretKey: a, remoteRef: {{key: {}}}}}]\n",
                yaml(name),
                yaml(name),
                yaml(other)
            );
            (format!("{place}/e{at}.yaml"), text)
        }
        Part::Twice { name, settings } => {
            let first = workload(0, name, Some(0), *settings, "orders");
            let second = workload(0, name, Some(1), *settings, "orders");
            (format!("{place}/twice{at}.yaml"), format!("{first}---\n{second}"))
        }
    };
    vec![one]
}

fn files(parts: &[Part]) -> Vec<(PathBuf, Vec<u8>)> {
    let all = parts.iter().enumerate().flat_map(|(at, part)| file(at, part));
    all.map(|(path, text)| (path.into(), text.into_bytes())).collect()
}

fn read(files: &[(PathBuf, Vec<u8>)], overlay: Option<&str>) -> Platform {
    let overlay = overlay.map(|text| (PathBuf::from("cofferdam.yaml"), text.as_bytes().to_vec()));
    cofferdam_ingest::read_files(files.iter().cloned().chain(overlay))
}

/// What `cofferdam init` writes.
fn written(platform: &Platform) -> String {
    let report = audit(platform, &Options::default());
    let counted = platform
        .environments
        .iter()
        .filter(|e| platform.scope.project_apart(e.project).is_none());
    let needs: Vec<_> = counted
        .flat_map(|env| rehearse::needs((env, &platform.overlay)))
        .collect();
    init::template(platform, &report, &needs, &platform.redactor()).text
}

/// The file with the `# ` removed from the statements that are chosen.
fn confirmed(text: &str, chosen: impl Fn(usize) -> bool) -> String {
    let mut number = 0;
    let mut out = String::new();
    for line in text.lines() {
        let line = match line.strip_prefix("# ") {
            Some(statement) => {
                number += 1;
                if chosen(number - 1) { statement } else { line }
            }
            None => line,
        };
        out.push_str(line);
        out.push('\n');
    }
    out
}

fn problems(platform: &Platform) -> Vec<String> {
    platform
        .reading
        .overlay_problems
        .iter()
        .map(|problem| problem.message.clone())
        .collect()
}

/// The findings of a check with everything that is said about them, and what was not judged.
fn told(platform: &Platform) -> String {
    let report = audit(platform, &Options::default());
    let mut out = Vec::new();
    let run = cofferdam_model::report::Run {
        version: "0",
        exit_status: 0,
        docs_url: None,
    };
    let more = cofferdam_audit::report::json::More::default();
    cofferdam_audit::report::json::write(&report, platform, more, &run, &mut out).unwrap();
    let mut report: serde_json::Value = serde_json::from_slice(&out).unwrap();
    let told = ["findings", "findings_apart", "not_judged"].map(|key| report[key].take());
    serde_json::to_string_pretty(&told.to_vec()).unwrap()
}

fn check(parts: &[Part], seed: usize) -> Result<(), TestCaseError> {
    let files = files(parts);
    let before = read(&files, None);
    let text = written(&before);
    let after = read(&files, Some(&text));
    prop_assert_eq!(problems(&after), Vec::<String>::new(), "{}", text);
    let (before, after) = (told(&before), told(&after));
    if before != after {
        let differ = before.lines().zip(after.lines()).find(|(a, b)| a != b);
        prop_assert!(false, "init changes {differ:?}\n{text}");
    }
    let statements = text.lines().filter(|line| line.starts_with("# ")).count();
    let all = confirmed(&text, |_| true);
    prop_assert_eq!(
        problems(&read(&files, Some(&all))),
        Vec::<String>::new(),
        "{}",
        all
    );
    // Each statement of small files, some of large ones.
    for one in (0..statements).filter(|one| statements <= 4 || (one + seed) % statements < 4) {
        let one = confirmed(&text, |at| at == one);
        prop_assert_eq!(
            problems(&read(&files, Some(&one))),
            Vec::<String>::new(),
            "{}",
            one
        );
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, max_shrink_iters: 400, ..ProptestConfig::default() })]

    #[test]
    fn the_file_of_init_loads_and_changes_no_finding(parts in proptest::collection::vec(part(), 1..7), seed in 0usize..64) {
        check(&parts, seed)?;
    }
}

#[test]
fn two_platforms_side_by_side_stay_two() {
    let built = || Part::Built {
        name: "a".to_owned(),
        prefix: String::new(),
        settings: 0,
    };
    check(&[built(), built()], 0).unwrap();
}
