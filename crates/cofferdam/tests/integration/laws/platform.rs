//! Platforms made at random, as a person would write them: manifests, clients in Python, PgBouncer's file, conditions of New
//! Relic and rules of Prometheus, and `cofferdam.yaml` with what no file says.

use std::fmt::Write;
use std::path::PathBuf;

use cofferdam_ingest::read_files;
use cofferdam_model::Platform;
use proptest::prelude::*;

/// What a platform consists of.
#[derive(Debug, Clone)]
pub(crate) struct Spec {
    pub(crate) max_connections: u32,
    pub(crate) reserved: Option<u32>,
    pub(crate) engine: &'static str,
    /// The limit that a checklist states.
    pub(crate) checklist: Option<u32>,
    pub(crate) pooler: Option<Pooler>,
    pub(crate) services: Vec<Service>,
}

#[derive(Debug, Clone)]
pub(crate) struct Pooler {
    pub(crate) replicas: Option<u32>,
    pub(crate) pool: Option<u32>,
    pub(crate) reserve: Option<u32>,
    pub(crate) most: Option<u32>,
    pub(crate) users: Option<u32>,
    pub(crate) leases: bool,
}

#[derive(Debug, Clone)]
pub(crate) struct Service {
    pub(crate) least: u32,
    pub(crate) most: u32,
    /// Hundredths and seconds of the policy for scaling up, and the window.
    pub(crate) up: Option<(u32, u32, u32)>,
    /// `maxSurge`; nothing is the default.
    pub(crate) surge: Option<u32>,
    pub(crate) pool: Pool,
    pub(crate) pooled: bool,
    pub(crate) consumer: Option<Consumer>,
    pub(crate) alert: Option<Alert>,
}

/// What is known of a service's connections.
#[derive(Debug, Clone)]
pub(crate) enum Pool {
    /// Of a replica, all together.
    Stated(u32),
    /// Size, overflow, processes.
    Sized(u32, u32, u32),
    Unknown,
}

#[derive(Debug, Clone)]
pub(crate) struct Consumer {
    pub(crate) partitions: Vec<u32>,
    pub(crate) assignor: Option<&'static str>,
    pub(crate) consumers: Option<u32>,
    pub(crate) is_static: bool,
}

#[derive(Debug, Clone)]
pub(crate) enum Alert {
    /// Window, delay, threshold duration.
    NewRelic(u32, u32, u32),
    /// Scrape, evaluation, for, group wait, range: in seconds.
    Prometheus(u32, u32, u32, u32, u32),
}

/// Names of services, which mean nothing.
pub(crate) const NAMES: [&str; 4] = ["orders", "billing", "catalog", "search"];

pub(crate) fn specs() -> impl Strategy<Value = Spec> {
    let engines = prop::sample::select(vec!["postgresql", "aurora-postgresql", "mysql"]);
    (
        20u32..2000,
        prop::option::of(0u32..20),
        engines,
        prop::option::of(20u32..300),
        prop::option::of(poolers()),
        prop::collection::vec(services(), 1..4),
    )
        .prop_map(
            |(max_connections, reserved, engine, checklist, pooler, services)| Spec {
                max_connections,
                reserved,
                engine,
                checklist,
                pooler,
                services,
            },
        )
}

fn poolers() -> impl Strategy<Value = Pooler> {
    (
        prop::option::weighted(0.9, 1u32..5),
        prop::option::weighted(0.8, 1u32..60),
        prop::option::of(0u32..10),
        prop::option::of(0u32..150),
        prop::option::of(1u32..6),
        prop::bool::weighted(0.2),
    )
        .prop_map(|(replicas, pool, reserve, most, users, leases)| Pooler {
            replicas,
            pool,
            reserve,
            most,
            users,
            leases,
        })
}

fn services() -> impl Strategy<Value = Service> {
    let pool = prop_oneof![
        4 => (1u32..40).prop_map(Pool::Stated),
        4 => (1u32..30, 0u32..15, 1u32..5).prop_map(|(size, overflow, processes)| {
            Pool::Sized(size, overflow, processes)
        }),
        1 => Just(Pool::Unknown),
    ];
    let consumer = (
        prop::collection::vec(1u32..24, 1..4),
        prop::option::of(prop::sample::select(vec![
            "range",
            "roundrobin",
            "cooperative-sticky",
        ])),
        prop::option::of(1u32..4),
        any::<bool>(),
    )
        .prop_map(|(partitions, assignor, consumers, is_static)| Consumer {
            partitions,
            assignor,
            consumers,
            is_static,
        });
    let alert = prop_oneof![
        (prop::sample::select(vec![30u32, 60, 120]), 0u32..180, 1u32..6)
            .prop_map(|(window, delay, windows)| Alert::NewRelic(window, delay, window * windows)),
        (15u32..60, 15u32..60, 0u32..300, 0u32..60, 120u32..600).prop_map(
            |(scrape, evaluation, hold, wait, range)| {
                Alert::Prometheus(scrape, evaluation, hold, wait, range)
            }
        ),
    ];
    (
        1u32..6,
        0u32..50,
        prop::option::of((20u32..200, 15u32..90, 0u32..120)),
        prop::option::of(0u32..6),
        pool,
        any::<bool>(),
        prop::option::of(consumer),
        prop::option::of(alert),
    )
        .prop_map(
            |(least, more, up, surge, pool, pooled, consumer, alert)| Service {
                least,
                most: least + more,
                up,
                surge,
                pool,
                pooled,
                consumer,
                alert,
            },
        )
}

impl Spec {
    /// The services with their names.
    pub(crate) fn named(&self) -> impl Iterator<Item = (&'static str, &Service)> {
        NAMES.into_iter().zip(&self.services)
    }

    /// Whether a service connects through the pooler.
    pub(crate) fn goes_through(&self, service: &Service) -> bool {
        self.pooler.is_some() && service.pooled
    }

    pub(crate) fn read(&self) -> Platform {
        read_files(self.files())
    }

    /// Its files.
    pub(crate) fn files(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let mut files: Vec<(String, String)> = vec![("cofferdam.yaml".to_owned(), self.overlay())];
        for (name, service) in self.named() {
            files.push((format!("{name}/deploy.yaml"), service.manifests(name)));
            if let Some(consumer) = &service.consumer {
                files.push((format!("{name}/consumer.py"), consumer.code(name)));
            }
            match &service.alert {
                Some(Alert::NewRelic(..)) => {
                    files.push((format!("alerts/{name}.tf"), service.condition(name)))
                }
                Some(Alert::Prometheus(..)) => {
                    files.push((format!("{name}/alerts.yaml"), service.rule(name)))
                }
                None => {}
            }
        }
        if let Some(pooler) = &self.pooler {
            files.push(("pgbouncer.ini".to_owned(), pooler.file()));
        }
        files
            .into_iter()
            .map(|(path, text)| (path.into(), text.into_bytes()))
            .collect()
    }

    fn overlay(&self) -> String {
        let mut text = String::from("services:\n");
        for (name, service) in self.named() {
            let database = if self.goes_through(service) {
                "pgbouncer"
            } else {
                "main"
            };
            let _ = writeln!(text, "  {name}:\n    code: [{name}]\n    database: {database}");
            match service.pool {
                Pool::Stated(each) => {
                    let _ = writeln!(text, "    connections_per_pod: {each}");
                }
                Pool::Sized(size, overflow, processes) => {
                    let _ = writeln!(
                        text,
                        "    processes: {processes}\n    pool: {{size: {size}, overflow: {overflow}}}"
                    );
                }
                Pool::Unknown => {}
            }
            if let Some(consumer) = &service.consumer {
                let _ = writeln!(text, "    time_per_message: 5ms\n    requests_per_second: 100");
                if let Some(consumers) = consumer.consumers {
                    let _ = writeln!(text, "    consumers_per_process: {consumers}");
                }
            }
        }
        let _ = writeln!(
            text,
            "databases:\n  main:\n    engine: {}\n    max_connections: {}\n    hosts: [main.db.example]",
            self.engine, self.max_connections
        );
        if let Some(reserved) = self.reserved {
            let _ = writeln!(text, "    reserved_connections: {reserved}");
        }
        if let Some(limit) = self.checklist {
            let _ = writeln!(
                text,
                "    limits: [{{connections: {limit}, reason: a checklist}}]"
            );
        }
        if let Some(pooler) = &self.pooler {
            text.push_str("poolers:\n  pgbouncer:\n    databases: 1\n");
            if let Some(replicas) = pooler.replicas {
                let _ = writeln!(text, "    replicas: {replicas}");
            }
            match (pooler.leases, pooler.users) {
                (true, _) => text.push_str("    dynamic_credentials: true\n"),
                (false, Some(users)) => {
                    let _ = writeln!(text, "    users: {users}");
                }
                (false, None) => {}
            }
        }
        if self.services.iter().any(|service| service.consumer.is_some()) {
            text.push_str("kafka:\n  topics:\n");
        }
        for (name, service) in self.named() {
            for (at, partitions) in service
                .consumer
                .iter()
                .flat_map(|c| c.partitions.iter().enumerate())
            {
                let _ = writeln!(text, "    {name}-{at}: {{partitions: {partitions}}}");
            }
        }
        text.push_str("targets: {detection: 1s}\n");
        text
    }
}

impl Pooler {
    fn file(&self) -> String {
        let mut text = String::from(
            "[databases]\nmain = host=main.db.example\n\n[pgbouncer]\npool_mode = transaction\nmax_client_conn = 10000\n",
        );
        for (name, value) in [
            ("default_pool_size", self.pool),
            ("reserve_pool_size", self.reserve),
            ("max_db_connections", self.most),
        ] {
            if let Some(value) = value {
                let _ = writeln!(text, "{name} = {value}");
            }
        }
        text
    }
}

impl Service {
    fn manifests(&self, name: &str) -> String {
        let surge = self.surge.map_or_else(String::new, |surge| {
            let unavailable = if surge == 0 { 1 } else { 0 };
            format!(
                "  strategy:\n    type: RollingUpdate\n    rollingUpdate: {{maxSurge: {surge}, maxUnavailable: {unavailable}}}\n"
            )
        });
        let mut text = format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}}}\nspec:\n  replicas: {least}\n{surge}  \
             selector: {{matchLabels: {{app: {name}}}}}\n  template:\n    metadata: {{labels: {{app: {name}}}}}\n    spec:\n      \
             containers:\n        - {{name: {name}, image: \"registry.example.net/{name}:1.0\"}}\n",
            least = self.least
        );
        if self.most > self.least {
            let _ = write!(
                text,
                "---\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {{name: {name}}}\nspec:\n  \
                 scaleTargetRef: {{apiVersion: apps/v1, kind: Deployment, name: {name}}}\n  minReplicas: {}\n  \
                 maxReplicas: {}\n  metrics:\n    - {{type: Resource, resource: {{name: cpu, target: {{type: \
                 Utilization, averageUtilization: 70}}}}}}\n",
                self.least, self.most
            );
            if let Some((percent, period, window)) = self.up {
                let _ = writeln!(
                    text,
                    "  behavior:\n    scaleUp:\n      stabilizationWindowSeconds: {window}\n      policies:\n        - {{type: \
                     Percent, value: {percent}, periodSeconds: {period}}}"
                );
            }
        }
        text
    }

    fn condition(&self, name: &str) -> String {
        let Some(Alert::NewRelic(window, delay, duration)) = self.alert else {
            return String::new();
        };
        format!(
            "resource \"newrelic_nrql_alert_condition\" \"{name}\" {{\n  name               = \"{name} errors\"\n  \
             aggregation_window = {window}\n  aggregation_delay  = {delay}\n  nrql {{\n    query = \"SELECT \
             percentage(count(*), WHERE error IS true) FROM Transaction WHERE appName = '{name}'\"\n  }}\n  critical \
             {{\n    operator = \"above\"\n    threshold = 5\n    threshold_duration = {duration}\n    \
             threshold_occurrences = \"all\"\n  }}\n}}\n"
        )
    }

    fn rule(&self, name: &str) -> String {
        let Some(Alert::Prometheus(scrape, evaluation, hold, wait, range)) = self.alert else {
            return String::new();
        };
        format!(
            "apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {{name: {name}}}\nspec:\n  groups:\n    - name: \
             {name}\n      interval: {evaluation}s\n      rules:\n        - alert: {name} errors\n          expr: \
             sum(rate(errors_total{{service=\"{name}\"}}[{range}s])) / sum(rate(requests_total{{service=\"{name}\"}}[{range}s])) > \
             0.05\n          for: {hold}s\n          labels: {{severity: critical, service: {name}}}\n# scrape {scrape} wait \
             {wait}\n"
        )
    }
}

impl Consumer {
    fn code(&self, name: &str) -> String {
        let topics: Vec<String> = (0..self.partitions.len())
            .map(|at| format!("\"{name}-{at}\""))
            .collect();
        let mut text = format!(
            "from confluent_kafka import Consumer\n\nconsumer = Consumer({{\n    \"bootstrap.servers\": \"kafka:9092\",\n    \
             \"group.id\": \"{name}\",\n"
        );
        if let Some(assignor) = self.assignor {
            let _ = writeln!(text, "    \"partition.assignment.strategy\": \"{assignor}\",");
        }
        if self.is_static {
            text.push_str("    \"group.instance.id\": HOSTNAME,\n");
        }
        let _ = write!(text, "}})\nconsumer.subscribe([{}])\n", topics.join(", "));
        text
    }
}
