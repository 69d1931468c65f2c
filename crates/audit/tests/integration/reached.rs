//! Who uses what: a database that a host names, one that is only assumed, a pooler beside its ini file, an autoscaler that
//! the partitions of a topic limit, an alert that names its service.

use cofferdam_audit::finding::Confidence;
use cofferdam_audit::{Finding, Options, Report, Severity, audit, severity_of};

fn judged(files: &[(&str, &str)]) -> Report {
    let files = files
        .iter()
        .map(|(path, text)| ((*path).into(), text.as_bytes().to_vec()));
    audit(&cofferdam_ingest::read_files(files), &Options::default())
}

fn of_rule<'r>(report: &'r Report, rule: &str) -> Vec<&'r Finding> {
    report.findings.iter().filter(|f| f.rule == rule).collect()
}

const SQL: &str = r#"
resource "google_sql_database_instance" "ledger" {
  name             = "ledger"
  database_version = "POSTGRES_15"
  settings {
    tier = "db-custom-2-8192"
    database_flags {
      name  = "max_connections"
      value = "100"
    }
  }
}
"#;

fn deployment(name: &str, entries: &str, more: &str) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}, namespace: shop}}\nspec:\n  replicas: 30\n  selector: {{matchLabels: {{app: {name}}}}}\n  template:\n    metadata: {{labels: {{app: {name}}}}}\n    spec:\n      containers:\n        - name: {name}\n          image: r.example.net/{name}:1.0\n          env:\n            - {{name: DB_POOL_SIZE, value: '10'}}\n{entries}{more}"
    )
}

fn variable(name: &str, value: &str) -> String {
    format!("            - {{name: {name}, value: '{value}'}}\n")
}

/// Severity and confidence of too many connections to the only database, if it is claimed.
fn exhausted(files: &[(&str, &str)]) -> Option<(Severity, Confidence, bool)> {
    let report = judged(files);
    let found = of_rule(&report, "database-connection-exhaustion");
    let finding = found.first()?;
    let assumed = finding.assumptions.iter().any(|a| a.contains("only database"));
    Some((severity_of(finding), finding.confidence, assumed))
}

fn with_host(entries: &str, more: &str) -> Option<(Severity, Confidence, bool)> {
    exhausted(&[("main.tf", SQL), ("api.yaml", &deployment("api", entries, more))])
}

#[test]
fn a_host_that_is_something_else_contradicts_the_only_database() {
    for host in [
        "pg.other-company.example",
        "db.example.com",
        "billing.abc123.eu-west-1.rds.amazonaws.com",
        "api",
    ] {
        assert_eq!(with_host(&variable("DB_HOST", host), ""), None, "{host}");
    }
    let url = variable("DATABASE_URL", "postgres://api@pg.other-company.example/orders");
    assert_eq!(with_host(&url, ""), None);
    let alias = "---\napiVersion: v1\nkind: Service\nmetadata: {name: db, namespace: shop}\nspec: {type: ExternalName, externalName: pg.other.example}\n";
    assert_eq!(with_host(&variable("DB_HOST", "db"), alias), None);
    let pods = "---\napiVersion: v1\nkind: Service\nmetadata: {name: db, namespace: shop}\nspec: {selector: {app: db}}\n";
    assert_eq!(with_host(&variable("DB_HOST", "db"), pods), None);
    let other = variable("INSTANCE_CONNECTION_NAME", "p:europe-west1:billing");
    assert_eq!(with_host(&other, ""), None);
    let driver = variable("DATABASE_URL", "mysql://api@10.30.0.5/orders");
    assert_eq!(with_host(&driver, ""), None);
}

#[test]
fn an_unknown_host_is_an_assumption_and_never_critical() {
    let secret = "            - {name: DB_HOST, valueFrom: {secretKeyRef: {name: db, key: host}}}\n";
    let entries = [
        String::new(),
        secret.to_owned(),
        variable("DB_HOST", "10.30.0.5"),
        variable("DB_HOST", "orders-db"),
        variable("DB_HOST", "orders-db.data.svc.cluster.local"),
        variable("DB_HOST", "db.internal"),
        variable("DB_HOST", "127.0.0.1"),
    ];
    for entry in entries {
        assert_eq!(
            with_host(&entry, ""),
            Some((Severity::High, Confidence::Assumed, true)),
            "{entry}"
        );
    }
}

#[test]
fn two_unknown_hosts_are_not_both_the_only_database() {
    let one = deployment("api", &variable("DB_HOST", "orders-db"), "");
    let other = deployment("beta", &variable("DB_HOST", "beta-db"), "");
    assert_eq!(
        exhausted(&[("main.tf", SQL), ("a.yaml", &one), ("b.yaml", &other)]),
        None
    );
    // Nor is a host beside one that is the database's.
    let named = deployment("beta", &variable("DB_HOST", "ledger"), "").replace("replicas: 30", "replicas: 2");
    assert_eq!(
        exhausted(&[("main.tf", SQL), ("a.yaml", &one), ("b.yaml", &named)]),
        None
    );
}

#[test]
fn a_name_of_the_database_is_a_link() {
    let critical = |found: Option<(Severity, Confidence, bool)>| {
        found.is_some_and(|(severity, _, assumed)| severity == Severity::Critical && !assumed)
    };
    let proxy = "        - name: proxy\n          image: gcr.io/cloud-sql-connectors/cloud-sql-proxy:2.8.0\n          args: ['p:europe-west1:ledger']\n";
    let alias = "---\napiVersion: v1\nkind: Service\nmetadata: {name: db, namespace: shop}\nspec: {type: ExternalName, externalName: ledger}\n";
    for (entry, more) in [
        (variable("DB_HOST", "ledger"), ""),
        (variable("DB_HOST", "db"), alias),
        (variable("DB_HOST", "127.0.0.1"), proxy),
        (variable("DB_HOST", "/cloudsql/p:europe-west1:ledger"), ""),
    ] {
        assert!(critical(with_host(&entry, more)), "{entry}{more}");
    }
    let record = "resource \"google_dns_record_set\" \"db\" {\n  name    = \"pg.example.com.\"\n  type    = \"A\"\n  rrdatas = [google_sql_database_instance.ledger.private_ip_address]\n}\n";
    let api = deployment("api", &variable("DB_HOST", "pg.example.com"), "");
    assert!(critical(exhausted(&[
        ("main.tf", &format!("{SQL}{record}")),
        ("api.yaml", &api)
    ])));
    // A name that is only similar is likely, and not critical.
    let similar = with_host(&variable("DB_HOST", "ledger.db.internal"), "");
    assert_eq!(similar.map(|(severity, ..)| severity), Some(Severity::High));
}

#[test]
fn databases_of_one_name_in_two_namespaces_are_two() {
    let cluster = |namespace: &str, connections: u32| {
        format!(
            "apiVersion: postgresql.cnpg.io/v1\nkind: Cluster\nmetadata: {{name: db, namespace: {namespace}}}\nspec: {{instances: 3, postgresql: {{parameters: {{max_connections: '{connections}'}}}}}}\n"
        )
    };
    let api = deployment("api", &variable("DB_HOST", "db-rw"), "");
    let beta = deployment("beta", &variable("DB_HOST", "db-rw.other.svc"), "");
    let wanted = |clusters: &[String]| -> Vec<f64> {
        let text = clusters.join("---\n");
        let report = judged(&[("db.yaml", &text), ("a.yaml", &api), ("b.yaml", &beta)]);
        let found = of_rule(&report, "database-connection-exhaustion");
        found.iter().map(|f| f.figures["wanted"].value).collect()
    };
    assert_eq!(wanted(&[cluster("shop", 100)]), [300.0]);
    assert_eq!(wanted(&[cluster("shop", 100), cluster("other", 1000)]), [300.0]);
    assert_eq!(wanted(&[cluster("elsewhere", 100)]), [0.0; 0]);
}

#[test]
fn terraform_passes_the_address_of_the_database() {
    let workload = "resource \"kubernetes_deployment\" \"api\" {\n  metadata {\n    name = \"api\"\n  }\n  spec {\n    replicas = 30\n    selector {\n      match_labels = { app = \"api\" }\n    }\n    template {\n      metadata {\n        labels = { app = \"api\" }\n      }\n      spec {\n        container {\n          name  = \"api\"\n          image = \"r.example.net/api:1.0\"\n          env {\n            name  = \"DB_POOL_SIZE\"\n            value = \"10\"\n          }\n          env {\n            name  = \"DB_HOST\"\n            value = google_sql_database_instance.ledger.private_ip_address\n          }\n        }\n      }\n    }\n  }\n}\n";
    let found = exhausted(&[("main.tf", &format!("{SQL}{workload}"))]);
    assert_eq!(
        found.map(|(severity, _, assumed)| (severity, assumed)),
        Some((Severity::Critical, false))
    );
}

#[test]
fn advice_that_no_pool_can_follow_is_not_given() {
    let many = deployment("api", &variable("DB_HOST", "ledger"), "").replace("replicas: 30", "replicas: 120");
    let report = judged(&[("main.tf", SQL), ("api.yaml", &many)]);
    let found = of_rule(&report, "database-connection-exhaustion");
    assert!(
        found[0].remedy.contains("no size of the pools is small enough"),
        "{}",
        found[0].remedy
    );
    assert!(!found[0].remedy.contains("at most 0"));
}

#[test]
fn a_shortage_begins_at_a_number_of_replicas_that_each_service_can_have() {
    let api = deployment("api", &variable("DB_HOST", "ledger"), "");
    let pay = deployment("pay", &variable("DB_HOST", "ledger"), "").replace("replicas: 30", "replicas: 1");
    let report = judged(&[("main.tf", SQL), ("api.yaml", &api), ("pay.yaml", &pay)]);
    let found = of_rule(&report, "database-connection-exhaustion");
    // 9 × 10 + 1 × 10 = 100 > 97.
    assert!(
        found[0]
            .explanation
            .contains("when api runs 9 replicas (pay 1): the fewest replicas are already too many."),
        "{}",
        found[0].explanation
    );
}

const INI: &str = "[databases]\norders = host=db port=5432 dbname=orders\n[pgbouncer]\npool_mode = transaction\ndefault_pool_size = 50\nmax_db_connections = 60\n";
const BOUNCER: &str = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: pgbouncer}\nspec:\n  replicas: 4\n  selector: {matchLabels: {app: pgbouncer}}\n  template:\n    metadata: {labels: {app: pgbouncer}}\n    spec: {containers: [{name: pgbouncer, image: 'edoburu/pgbouncer:v1.18.0'}]}\n";

#[test]
fn an_ini_file_beside_the_only_pooler_is_its_own() {
    let overlay = "databases:\n  db: {engine: postgresql, max_connections: 100}\n";
    let platform = |ini: &str| {
        judged(&[
            (ini, INI),
            ("k8s/pgbouncer.yaml", BOUNCER),
            ("cofferdam.yaml", overlay),
        ])
    };
    let report = platform("k8s/pgbouncer.ini");
    let found = of_rule(&report, "pooler-overcommit");
    // 4 × 50 = 200 of 97.
    assert_eq!(found[0].confidence.min(Confidence::Likely), found[0].confidence);
    assert!(found[0].title.contains("200"), "{}", found[0].title);
    assert!(report.unjudged.iter().all(|u| !u.subject.starts_with("pooler ")));
    // One in a directory of its own may be any pooler's.
    assert!(of_rule(&platform("docker/pgbouncer.ini"), "pooler-overcommit").is_empty());
}

fn scaled(metadata: &str, more: &str) -> Report {
    let topic = "apiVersion: kafka.strimzi.io/v1beta2\nkind: KafkaTopic\nmetadata: {name: orders}\nspec: {partitions: 6, replicas: 3}\n";
    let worker = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: worker}\nspec:\n  selector: {matchLabels: {app: worker}}\n  template:\n    metadata: {labels: {app: worker}}\n    spec:\n      containers:\n        - name: worker\n          image: r.example.net/worker:1.0\n          env: [{name: KAFKA_TOPIC, value: orders}, {name: KAFKA_GROUP_ID, value: orders}]\n";
    let scaler = format!(
        "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {{name: worker}}\nspec:\n  scaleTargetRef: {{name: worker}}\n  minReplicaCount: 1\n  maxReplicaCount: 20\n  triggers:\n    - {{type: kafka, metadata: {{consumerGroup: orders, lagThreshold: '50'{metadata}}}}}\n{more}"
    );
    judged(&[
        ("topic.yaml", topic),
        ("worker.yaml", worker),
        ("scaler.yaml", &scaler),
    ])
}

#[test]
fn the_partitions_limit_an_autoscaler_of_keda() {
    let idle =
        |metadata: &str, more: &str| !of_rule(&scaled(metadata, more), "kafka-idle-members").is_empty();
    assert!(!idle(", topic: orders", ""));
    assert!(!idle("", ""), "all topics of the group");
    assert!(!idle(", topic: orders, allowIdleConsumers: 'false'", ""));
    assert!(!idle(", topic: orders, limitToPartitionsWithLag: 'true'", ""));
    assert!(idle(", topic: orders, allowIdleConsumers: 'true'", ""));
    // Another trigger may ask for more.
    let cpu = "    - {type: cpu, metricType: Utilization, metadata: {value: '60'}}\n";
    assert!(idle(", topic: orders", cpu));
}

const UP: &str = "groups:\n  - name: api\n    rules:\n      - {alert: ApiDown, expr: 'up{job=\"api\"} == 0', for: 5m, labels: {severity: critical}}\n";
const SETTINGS: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: worker-settings}\ndata:\n  application.properties: |\n    spring.datasource.hikari.maximum-pool-size=15\n";

#[test]
fn settings_of_another_name_leave_an_alert_with_its_service() {
    let api = deployment("api", "", "");
    let web = deployment("web", "", "");
    let owner = |files: &[(&str, &str)]| {
        let files = files
            .iter()
            .map(|(path, text)| ((*path).into(), text.as_bytes().to_vec()));
        let platform = cofferdam_ingest::read_files(files);
        let env = &platform.environments[0];
        env.owner_service(&env.alerts[0].owner)
            .map(|service| service.name.clone())
    };
    let api_owns = Some("api".to_owned());
    assert_eq!(owner(&[("r.yaml", UP), ("a.yaml", &api)]), api_owns);
    assert_eq!(
        owner(&[("r.yaml", UP), ("a.yaml", &api), ("c.yaml", SETTINGS)]),
        api_owns
    );
    assert_eq!(
        owner(&[("r.yaml", UP), ("a.yaml", &api), ("w.yaml", &web)]),
        api_owns
    );
    let nameless = UP.replace("job=\"api\"", "job=\"other\"");
    assert_eq!(
        owner(&[("r.yaml", &nameless), ("a.yaml", &api), ("c.yaml", SETTINGS)]),
        api_owns
    );
    assert_eq!(
        owner(&[("r.yaml", &nameless), ("a.yaml", &api), ("w.yaml", &web)]),
        None
    );
}

#[test]
fn the_routes_in_the_values_of_a_release_decide_who_is_paged_and_when() {
    let rules = "groups:\n  - name: g\n    interval: 30s\n    rules:\n      - {alert: Down, expr: 'up == 0', for: 2m, labels: {severity: critical}}\n";
    let release = |receiver: &str| {
        format!(
            "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {{name: vm}}\nspec:\n  chart: {{spec: {{chart: victoria-metrics-k8s-stack, sourceRef: {{kind: HelmRepository, name: vm}}}}}}\n  values:\n    alertmanager:\n      config:\n        route: {{receiver: ops, group_wait: 5m}}\n        receivers: [{{name: ops, {receiver}}}]\n"
        )
    };
    let found = |receiver: &str| {
        let report = judged(&[("rules.yaml", rules), ("release.yaml", &release(receiver))]);
        of_rule(&report, "alert-detection-delay").first().map(|f| {
            (
                f.figures["detection"].value,
                f.assumptions.iter().any(|a| a.contains("group_wait")),
            )
        })
    };
    // 60 s to the scrape, 30 s to the evaluation, 2 min, 5 min.
    assert_eq!(found("pagerduty_configs: [{}]"), Some((510.0, false)));
    assert_eq!(found("discord_configs: [{}]"), None);
}

#[test]
fn what_compose_does_with_a_missing_dependency() {
    let report = judged(&[(
        "compose.yaml",
        "services:\n  api: {image: 'r.example.net/api:1.0', depends_on: [cache]}\n",
    )]);
    let found = of_rule(&report, "dangling-reference");
    assert!(
        found[0].explanation.contains("Compose refuses the project"),
        "{}",
        found[0].explanation
    );
    assert!(found[0].remedy.contains("depends_on"), "{}", found[0].remedy);
}

#[test]
fn a_recovered_cluster_has_restored_a_backup_and_its_own_metrics_watch_it() {
    let cluster = |more: &str| {
        format!(
            "apiVersion: postgresql.cnpg.io/v1\nkind: Cluster\nmetadata: {{name: main}}\nspec:\n  instances: 3\n{more}"
        )
    };
    let rule = |expression: &str| {
        format!(
            "apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {{name: r}}\nspec: {{groups: [{{name: g, rules: [{{alert: A, expr: '{expression}'}}]}}]}}\n"
        )
    };
    let rules = |more: &str, expression: &str| {
        let report = judged(&[("c.yaml", &cluster(more)), ("r.yaml", &rule(expression))]);
        let has = |rule: &str| !of_rule(&report, rule).is_empty();
        (has("backup-never-restored"), has("alert-coverage-gap"))
    };
    assert_eq!(rules("", "cnpg_pg_replication_lag > 300"), (true, true));
    assert_eq!(
        rules(
            "  bootstrap: {recovery: {source: old}}\n",
            "cnpg_backends_total > 300"
        ),
        (false, false)
    );
    // A copy of a running server restores nothing.
    assert_eq!(
        rules(
            "  bootstrap: {pg_basebackup: {source: old}}\n",
            "cnpg_backends_waiting_total > 9"
        ),
        (true, false)
    );
}
