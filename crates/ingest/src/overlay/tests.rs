//! The overlay's statements, and how it refuses invalid ones.

use super::*;
use cofferdam_model::alerts::Slo;
use cofferdam_model::database::{Database, Engine};
use cofferdam_model::overlay::PinValue;
use cofferdam_model::workload::{Completeness, Lifecycle, ObjectId, Rollout, Spread, Workload};
use cofferdam_model::{Environment, Fact, FileId, Owner, Parts, Priority, Rate, Share, Source, Span, link};
use proptest::prelude::*;
use std::time::Duration;

fn repo(files: &[(&str, &str)]) -> Repo {
    Repo::from_texts(files)
}

fn loaded(text: &str) -> Result<OverlayDocument, Vec<String>> {
    load(&repo(&[("cofferdam.yaml", text)])).map_err(|all| all.into_iter().map(|p| p.message).collect())
}

fn document(text: &str) -> OverlayDocument {
    loaded(text).unwrap()
}

fn problems(text: &str) -> Vec<String> {
    loaded(text).unwrap_err()
}

fn place() -> Span {
    Span::new(FileId(0), 0, 1)
}

fn environment_with(services: &[&str]) -> Environment {
    let workloads = services.iter().map(|name| Workload {
        id: ObjectId {
            kind: "Deployment".to_owned(),
            namespace: None,
            deployment: None,
            name: (*name).to_owned(),
        },
        span: place(),
        completeness: Completeness::Whole,
        lifecycle: Lifecycle::Service,
        owner: Owner::default(),
        replicas: None,
        rollout: Rollout::default(),
        labels: Default::default(),
        annotations: Default::default(),
        containers: Vec::new(),
        init_containers: Vec::new(),
        grace: None,
        service_account: None,
        volumes: Vec::new(),
        spread: Spread::default(),
        priority_class: None,
        fields: Default::default(),
    });
    Environment {
        name: "production".to_owned(),
        parts: Parts {
            workloads: workloads.collect(),
            ..Parts::default()
        },
        ..Environment::default()
    }
}

/// The result of the overlay on a platform with these services, and the names without a match.
fn applied(text: &str, mut env: Environment) -> (Environment, Vec<String>) {
    let document = document(text);
    let name = env.name.clone();
    let mut unmatched = document.apply(&name, &mut env, &Placed::default());
    link::link(&mut env);
    unmatched.join(document.check_names(&name, &env));
    let problems = unmatched.problems().into_iter().map(|p| p.message).collect();
    (env, problems)
}

#[test]
fn statements_about_services_reach_their_parts_as_stated_facts() {
    let text = "
services:
  api:
    requests_per_second: 1_500
    connections_per_pod: 25
    pool: {size: 20, overflow: 5, timeout: 10s, connect_timeout: 5s}
    driver: asyncpg
    processes: 4
    priority: critical
    replicas: {min: 2, max: 40}
    start_up_time: 45s
    request_time: 2s
    depends_on: [worker, main, stripe.example.com]
    database: main
  worker: {}
databases:
  main: {engine: aurora-postgresql, max_connections: 1000, detection: 8h, hosts: [DB.internal]}
";
    let (env, problems) = applied(text, environment_with(&["api", "worker"]));
    assert!(problems.is_empty(), "{problems:?}");
    let api = &env.services[0];
    assert_eq!(api.peak_rate.as_ref().map(|r| r.value), Some(Rate(1500.0)));
    assert!(matches!(
        api.peak_rate.as_ref().unwrap().source,
        Source::Stated(_)
    ));
    assert_eq!(api.scale.max.as_ref().map(|m| m.value), Some(40));
    assert_eq!(api.priority.as_ref().map(|p| p.value), Some(Priority::Critical));
    assert_eq!(
        api.start_up_time.as_ref().map(|t| t.value),
        Some(Duration::from_secs(45))
    );
    assert_eq!(api.connections_per_pod.as_ref().map(|c| c.value), Some(25));
    let pool = &env.pools[0];
    assert_eq!(
        (env.owner_name(&pool.owner).as_str(), pool.database.map(|d| d.0)),
        ("api", Some(0))
    );
    assert_eq!(pool.size.as_ref().map(|s| s.value), Some(20));
    let database = &env.databases[0];
    assert_eq!(
        database.engine.as_ref().map(|e| e.value),
        Some(Engine::AuroraPostgreSql)
    );
    assert_eq!(database.hosts[0].value, "db.internal");
    assert_eq!(
        database.backup.detection.as_ref().map(|d| d.value),
        Some(Duration::from_secs(8 * 3600))
    );
    let targets: Vec<String> = env.calls.iter().map(|c| format!("{:?}", c.target)).collect();
    assert_eq!(targets, ["Service", "Database", "Outside"]);
}

#[test]
fn cells_objectives_and_topics_are_declared_if_no_file_declares_them() {
    let text = "
cells:
  east: {requests_per_second: 600, capacity: 1000, region: us-east-1}
  west: {capacity: 40%, weight: 0.4}
slos:
  - {name: availability, service: api, target: 99.95%, window: 30d}
kafka:
  brokers: 3
  replication_lag: 50ms
  topics:
    events: {partitions: 12, replication_factor: 3, messages_per_second: 7000}
";
    let (env, problems) = applied(text, environment_with(&["api"]));
    assert!(problems.is_empty(), "{problems:?}");
    assert_eq!(env.cells.len(), 2);
    assert_eq!(
        env.cells[0].capacity.as_ref().map(|c| c.value),
        Some(Rate(1000.0))
    );
    assert_eq!(
        env.cells[1].capacity_share.as_ref().map(|c| c.value),
        Some(Share(0.4))
    );
    assert!((env.slos[0].target.as_ref().unwrap().value.0 - 0.9995).abs() < 1e-9);
    assert_eq!(env.owner_name(&env.slos[0].owner), "api");
    assert_eq!(
        env.kafka_clusters[0].replication_lag.as_ref().map(|l| l.value),
        Some(Duration::from_millis(50))
    );
    assert_eq!(env.topics[0].partitions.as_ref().map(|p| p.value), Some(12));
}

#[test]
fn a_statement_changes_what_files_declare() {
    let mut env = environment_with(&["api"]);
    env.databases.push(Database::named("main-db", None));
    env.databases[0].max_connections = Some(Fact::declared(100, place()));
    env.slos.push(Slo {
        name: "availability".to_owned(),
        owner: Owner::default(),
        span: place(),
        target: Some(Fact::declared(Share(0.99), place())),
        window: None,
        indicator: None,
    });
    let text = "
databases:
  main_db: {max_connections: 500, limits: [{connections: 100, reason: the checklist}], used_by: [api]}
slos: [{name: availability, window: 7d}]
";
    let (env, problems) = applied(text, env);
    assert!(problems.is_empty(), "{problems:?}");
    assert_eq!((env.databases.len(), env.slos.len()), (1, 1));
    assert_eq!(
        env.databases[0].max_connections.as_ref().map(|m| m.value),
        Some(500)
    );
    assert_eq!(env.databases[0].stated_limits[0].1, "the checklist");
    assert_eq!(env.slos[0].target.as_ref().map(|t| t.value), Some(Share(0.99)));
    assert_eq!(
        env.slos[0].window.as_ref().map(|w| w.value),
        Some(Duration::from_secs(7 * 86_400))
    );
    assert_eq!(env.pools[0].database.map(|d| d.0), Some(0));
}

#[test]
fn statements_of_an_environment_override_those_for_all() {
    let text = "
services:
  api: {requests_per_second: 100, processes: 2}
slos: [{name: availability, service: api, target: 99%}]
environments:
  prod:
    aliases: [blue]
    paths: [clusters/main, 'sites/*/values.yaml']
    services:
      api: {requests_per_second: 900}
    slos: [{name: availability, target: 99.9%}, {name: latency, service: api}]
";
    let document = document(text);
    let rate = |environment: &str| {
        let mut env = environment_with(&["api"]);
        document.apply(environment, &mut env, &Placed::default());
        link::link(&mut env);
        let api = &env.services[0];
        (
            api.peak_rate.as_ref().map(|r| r.value.0),
            api.processes.as_ref().map(|p| p.value),
            env.slos.len(),
        )
    };
    assert_eq!(rate("production"), (Some(900.0), Some(2), 2));
    assert_eq!(rate("staging"), (Some(100.0), Some(2), 1));
    assert_eq!(document.environment_name("Blue"), "production");
    assert_eq!(document.environment_name("stg"), "staging");
    assert_eq!(
        document.environment_of(Path::new("clusters/main/a/b.yaml")),
        Some("production")
    );
    assert_eq!(
        document.environment_of(Path::new("sites/x/values.yaml")),
        Some("production")
    );
    assert_eq!(document.environment_of(Path::new("sites/x/y/values.yaml")), None);
    assert_eq!(document.environments().collect::<Vec<_>>(), ["production"]);
}

#[test]
fn unknown_names_are_reported_with_the_nearest_name() {
    let text = "
services:
  apy: {processes: 2}
  api: {depends_on: [wroker], database: man}
databases: {main: {used_by: [wrker]}}
poolers: {pgbouncer: {users: 4}}
secrets: {db-credentials: {rotation: 30d}}
";
    let (_, problems) = applied(text, environment_with(&["api", "worker"]));
    let mut told = problems;
    told.sort();
    assert_eq!(
        told,
        [
            "no database is called `man`; did you mean `main`?",
            "no pooler is called `pgbouncer`; no file declares any pooler",
            "no secret is called `db-credentials`; no file declares any secret",
            "no service is called `apy`; did you mean `api`?",
            "no service is called `wrker`; did you mean `worker`?",
            "no service is called `wroker`; did you mean `worker`?",
        ]
    );
}

#[test]
fn statements_match_other_spellings_of_a_name_in_code_and_files() {
    let mut env = environment_with(&["api"]);
    env.databases.push(Database::named("orders-production", None));
    let mut pool = cofferdam_model::database::Pool::at(
        place(),
        Owner::named("api"),
        cofferdam_model::database::PoolTarget::Sql,
    );
    pool.constructed = true;
    pool.host = Some(Fact::declared("db.internal".to_owned(), place()));
    env.pools.push(pool);
    let text =
        "databases: {orders: {max_connections: 500}}\nservices: {api: {database: orders, driver: asyncpg}}";
    let (env, problems) = applied(text, env);
    assert!(problems.is_empty(), "{problems:?}");
    assert_eq!((env.databases.len(), env.pools.len()), (1, 1));
    assert_eq!(env.pools[0].database.map(|d| d.0), Some(0));
    assert_eq!(
        env.pools[0].driver.as_ref().map(|d| d.value.as_str()),
        Some("asyncpg")
    );
}

#[test]
fn a_stated_topic_must_be_listed_or_used_by_files() {
    use cofferdam_model::kafka::{Consumer, Topic};
    let environment = |listed: bool| {
        let mut env = environment_with(&["api"]);
        let mut consumer = Consumer::at(place(), Owner::named("api"));
        consumer.topics = vec![Fact::declared("audit".to_owned(), place())];
        env.consumers.push(consumer);
        if listed {
            env.topics.push(Topic {
                name: Fact::declared("platform-events".to_owned(), place()),
                partitions: None,
                replication_factor: None,
                min_insync_replicas: None,
                retention: None,
                peak_rate: None,
            });
        }
        env
    };
    let text = "kafka: {topics: {platform-event: {partitions: 3}, audit: {partitions: 3}, platform-events: {partitions: 12}}}";
    let (env, problems) = applied(text, environment(true));
    assert_eq!(
        problems,
        ["no topic is called `platform-event`; did you mean `platform-events`?"]
    );
    assert_eq!(env.topics[0].partitions.as_ref().map(|p| p.value), Some(12));
    assert!(applied(text, environment(false)).1.is_empty());
    // What a message or a page writes for the name of any topic.
    let copied = applied("kafka: {topics: {TOPIC: {partitions: 3}}}", environment(false)).1;
    assert_eq!(copied.len(), 1, "{copied:?}");
}

#[test]
fn a_name_of_a_single_environment_is_accepted() {
    let document = document("services: {api: {processes: 2}}");
    let mut all = Unmatched::default();
    for (name, services) in [("staging", &["web"][..]), ("production", &["api"])] {
        let mut env = environment_with(services);
        all.join(document.apply(name, &mut env, &Placed::default()));
        link::link(&mut env);
        all.join(document.check_names(name, &env));
    }
    assert!(all.problems().is_empty());
}

#[test]
fn a_service_with_stated_code_needs_no_file_that_describes_it() {
    let text = "services: {billing: {code: [legacy/billing/], replicas: {max: 3}}}";
    let (env, problems) = applied(text, environment_with(&["api"]));
    assert!(problems.is_empty(), "{problems:?}");
    assert_eq!(env.services[1].directories, [PathBuf::from("legacy/billing")]);
}

#[test]
fn settings_of_the_check_are_read() {
    let text = "
version: 1
min_severity: medium
targets: {detection: 60s, response: 10m}
registries: {trusted: [registry.example.net/platform/*], open: [registry.example.net/playground/*]}
prices: {pod_hour: 0.12, log_gb_month: 0.03}
rules:
  single-replica: {enabled: false}
  alert-detection-delay: {severity: critical, scrape: 30s, depth: 3}
ignore:
  - {rule: image-mutable-tag, path: 'vendor/**', reason: not ours, until: '2027-03-31'}
paths: {exclude: [fixtures, '**/*.bak.yaml']}
required_variables: [{name: DATABASE_URL, service: api, environments: [prod], shape: 'postgres*'}]
may_differ: [replicas]
";
    let document = document(text);
    let overlay = document.steering();
    assert_eq!(overlay.path, Some(PathBuf::from("cofferdam.yaml")));
    assert_eq!(
        overlay.detection_target.map(|d| d.value),
        Some(Duration::from_secs(60))
    );
    assert_eq!(overlay.response.map(|d| d.value), Some(Duration::from_secs(600)));
    assert_eq!(
        overlay.rules["single-replica"].enabled.as_ref().map(|e| e.value),
        Some(false)
    );
    let rule = &overlay.rules["alert-detection-delay"];
    assert_eq!(rule.severity.as_ref().map(|s| s.value.as_str()), Some("critical"));
    assert_eq!(
        (
            rule.settings["scrape"].value.as_str(),
            rule.settings["depth"].value.as_str()
        ),
        ("30s", "3")
    );
    assert_eq!(
        overlay.ignores[0].until.as_ref().map(|u| u.value),
        Some(jiff::civil::date(2027, 3, 31))
    );
    assert_eq!(overlay.required_variables[0].environments, ["production"]);
    assert_eq!(
        (
            overlay.prices.len(),
            overlay.trusted_registries.len(),
            overlay.open_registries.len()
        ),
        (2, 1, 1)
    );
    assert!(document.excludes(Path::new("fixtures/a/b.yaml")));
    assert!(document.excludes(Path::new("k8s/old.bak.yaml")));
    assert!(!document.excludes(Path::new("k8s/fixtures.yaml")));
}

#[test]
fn an_invalid_statement_is_an_error_at_its_line() {
    for (text, wanted) in [
        (
            "servces: {}",
            "unknown key `servces` at the top level; did you mean `services`?",
        ),
        (
            "services: {api: {proceses: 2}}",
            "unknown key `proceses` in `services.api`; did you mean `processes`?",
        ),
        (
            "services: {api: {pool: {sise: 2}}}",
            "unknown key `sise` in `services.api.pool`; did you mean `size`?",
        ),
        ("services: [api]", "`services` must be a map of keys to values"),
        (
            "services: {api: {processes: '2'}}",
            "`services.api.processes` must be a whole number, 1 or more, not `2`",
        ),
        (
            "services: {api: {processes: 0}}",
            "`services.api.processes` must be a whole number, 1 or more, not `0`",
        ),
        (
            "services: {api: {replicas: {min: 5, max: 2}}}",
            "`min` 5 is above `max` 2",
        ),
        (
            "targets: {detection: 60}",
            "`targets.detection` must be a duration with its unit, such as `30s`, `250ms` or `7d`, not `60`",
        ),
        (
            "min_severity: hihg",
            "`min_severity` cannot be `hihg`; did you mean `high`?",
        ),
        (
            "services: {api: {priority: vital}}",
            "`services.api.priority` cannot be `vital`; it must be one of critical, important, optional",
        ),
        ("ignore: [{rule: a}]", "`ignore[0].reason` is missing"),
        (
            "ignore: [{reason: a}]",
            "this would ignore everything; give a `rule`, `path` or `subject`",
        ),
        (
            "ignore: [{rule: a, reason: b, until: soon}]",
            "`soon` is not a date; write `2027-03-31`",
        ),
        ("version: 2", "version 2 is not known; this program knows 1"),
        ("slos: [{target: 99%}]", "`slos[0].name` is missing"),
        (
            "slos: [{name: a, target: 120%}]",
            "`slos[0].target` must be a share, such as `99.95%` or 0.9995, not `120%`",
        ),
        (
            "pins: [{name: a, select: 'x', equals: 1, reason: b}]",
            "`x` selects nothing; write `PATH:key.in.dots` or `PATH:text with {} for the value`",
        ),
        (
            "pins: [{name: a, select: 'x:y', reason: b}]",
            "a pin needs `equals`, or `min` or `max` or both",
        ),
        (
            "environments: {prod: {servces: {}}}",
            "unknown key `servces` in `environments.prod`; did you mean `services`?",
        ),
        (
            "a: 1\n---\nb: 2",
            "an overlay is one document; move this up and remove the `---`",
        ),
        (
            "version: 1\nversion: 1",
            "the key `version` occurs twice in this map; the last one counts",
        ),
        ("- a", "this file must be a map of keys to values"),
    ] {
        assert_eq!(problems(text).first().map(String::as_str), Some(wanted), "{text}");
    }
}

#[test]
fn all_problems_are_reported_together_with_their_lines() {
    let text = "services:\n  api:\n    proceses: 2\n    driver: 5\n";
    let repo = repo(&[("cofferdam.yaml", text)]);
    let found = load(&repo).unwrap_err();
    let lines: Vec<u32> = found.iter().map(|p| repo.sources.position(p.span).line).collect();
    assert_eq!(lines, [3, 4]);
}

#[test]
fn a_missing_or_empty_overlay_states_nothing() {
    assert!(load(&repo(&[("a.yaml", "a: 1")])).is_ok());
    assert!(loaded("").is_ok());
    assert!(loaded("services:\n").is_ok());
    assert!(load(&repo(&[("cofferdam.yml", "servces: {}")])).is_err());
}

#[test]
fn pins_find_values_in_every_kind_of_file() {
    let files = [
        (
            "k8s/a.yaml",
            "spec:\n  replicas: 3\n  containers:\n    - name: api\n      image: x\n",
        ),
        (
            "k8s/config.yaml",
            "data:\n  app.yaml: |\n    pool:\n      size: 20\n",
        ),
        ("app/.env", "# POOL=1\nexport POOL=10 # ten\n"),
        ("app/prod.env", "POOL=30\n"),
        ("app/staging.env", "POOL=40\n"),
        ("kafka.properties", "max.poll.records=500\n"),
        (
            "bouncer.ini",
            "[pgbouncer]\ndefault_pool_size = 25\n[other]\ndefault_pool_size = 1\n",
        ),
        (
            "app/settings.py",
            "DATABASE = {\n    \"staging\": {\"pool_timeout\": 8.0},\n    \"production\": {\"pool_timeout\": 9.0},\n}\n",
        ),
        (
            "app/db.py",
            "engine = create(url,\n    pool_timeout = 30, timeout=5)\nD = {\"pool_timeout\": 15}\n",
        ),
    ];
    let found = |select: &str, environments: &str| -> Vec<String> {
        let text = format!(
            "pins: [{{name: p, select: '{select}', equals: 1, reason: r, environments: [{environments}]}}]"
        );
        let mut all = files.to_vec();
        all.push(("cofferdam.yaml", &text));
        let repo = repo(&all);
        let mut document = load(&repo).unwrap();
        document.find_pins(&repo);
        let pin = document.steering().pins.remove(0);
        assert_eq!(pin.expected, PinValue::Equal("1".to_owned()));
        for fact in &pin.found {
            assert!(repo.sources.text(fact.span().unwrap()).contains(&fact.value));
        }
        pin.found.into_iter().map(|f| f.value).collect()
    };
    assert_eq!(found("k8s/*.yaml:spec.replicas", ""), ["3"]);
    assert_eq!(found("k8s/*.yaml:spec.containers.api.image", ""), ["x"]);
    assert_eq!(found("k8s/*.yaml:spec.containers.0.image", ""), ["x"]);
    assert_eq!(found("**/*.yaml:data.app.yaml.pool.size", ""), ["20"]);
    assert_eq!(found("k8s/config.yaml:data.*.pool.size", ""), ["20"]);
    assert_eq!(found("app/.env:POOL", ""), ["10"]);
    assert_eq!(found("app/*.env:POOL", ""), ["10", "30", "40"]);
    assert_eq!(found("app/*.env:POOL", "prod"), ["10", "30"]);
    assert_eq!(found("*.properties:max.poll.records", ""), ["500"]);
    assert_eq!(found("*.ini:pgbouncer.default_pool_size", ""), ["25"]);
    assert_eq!(found("app/*.py:pool_timeout={}", ""), ["30"]);
    assert_eq!(found("app/db.py:\"pool_timeout\": {}", ""), ["15"]);
    assert_eq!(found("app/*.py: timeout={}", ""), ["5"]);
    assert_eq!(found("app/settings.py:DATABASE.staging.pool_timeout", ""), ["8"]);
    assert_eq!(found("nothing/*:a", ""), Vec::<String>::new());
}

proptest! {
    #[test]
    fn no_text_panics(text in "(services|pins|environments|prod|api|pool|select|name|[\\[\\]{}:,\\-? \n'\"0-9a%é*.]){0,30}") {
        let _ = loaded(&text);
    }
}

#[test]
fn statements_on_the_command_line_override_the_file() {
    let text = "services: {api: {requests_per_second: 5, processes: 2}}\nenvironments: {prod: {services: {api: {requests_per_second: 6}}}}\n";
    let mut repo = Repo::from_files([(PathBuf::from("cofferdam.yaml"), text.as_bytes().to_vec())]);
    let given = given(&mut repo, "services.\"api\".requests_per_second = 7").unwrap();
    let document = load_with(Written::at_root(&repo).as_ref(), std::slice::from_ref(&given)).unwrap();
    for environment in ["production", "other"] {
        let service = &document.sections(environment).services[0].entry;
        assert_eq!(service.rate.as_ref().unwrap().value.0, 7.0, "{environment}");
        assert_eq!(service.processes.as_ref().unwrap().value, 2);
    }
    // Without a file they are the overlay.
    let alone = load_with(None, &[given]).unwrap();
    assert_eq!(alone.sections("production").services.len(), 1);
}

/// The overlay of a directory from which the root is at `above`.
fn document_above(text: &str, above: &str) -> OverlayDocument {
    let repo = repo(&[("cofferdam.yaml", text)]);
    let written = Written {
        above: Path::new(above),
        ..Written::at_root(&repo).unwrap()
    };
    load_with(Some(&written), &[]).unwrap()
}

#[test]
fn patterns_of_paths_are_relative_to_the_overlays_directory() {
    let text = "paths: {exclude: [k8s/old]}\nenvironments: {production: {paths: [k8s/blue/**]}, staging: {paths: [k8s]}}\n\
                pins: [{name: p, select: \"k8s/*.env:SIZE\", equals: 5, reason: r}, {name: q, select: \"*.env:SIZE\", equals: 5, reason: r}]\n";
    let mut document = document_above(text, "k8s");
    let environment = |path: &str| document.environment_of(Path::new(path));
    assert_eq!(environment("blue/a.yaml"), Some("production"));
    assert_eq!(environment("a.yaml"), Some("staging"));
    assert!(document.excludes(Path::new("old/a.yaml")));
    assert!(!document.excludes(Path::new("k8s/old/a.yaml")) && !document.excludes(Path::new("a.yaml")));
    document.find_pins(&repo(&[("app.env", "SIZE=5\n"), ("k8s/app.env", "SIZE=6\n")]));
    let pins = document.steering().pins;
    assert_eq!(pins[0].found.len(), 1);
    assert_eq!(pins[0].found[0].value, "5");
    assert!(pins[1].found.is_empty());
    let overlay = document.steering();
    assert_eq!(overlay.sees(Path::new("a.yaml")), Path::new("k8s/a.yaml"));
    assert_eq!(
        overlay.sees(Path::new("../cofferdam.yaml")),
        Path::new("cofferdam.yaml")
    );
}

#[test]
fn directories_of_code_are_made_relative_to_the_root() {
    let text = "services:\n  a: {code: [src/a, ./src/a/lib]}\n  b: {code: [src/b]}\n  all: {code: [src]}\n";
    let document = document_above(text, "src/a");
    let code: Vec<Vec<PathBuf>> = (document.common.services.iter())
        .map(|service| service.entry.code.clone())
        .collect();
    assert_eq!(
        code,
        [vec![PathBuf::new(), "lib".into()], vec![], vec![PathBuf::new()]]
    );
}

#[test]
fn an_overlay_with_settings_only_states_no_fact() {
    assert!(
        !document("targets: {detection: 60s}\nignore: [{rule: single-replica, reason: r}]\n").states_parts()
    );
    for text in [
        "kafka: {brokers: 3}",
        "services: {api: {processes: 2}}",
        "environments: {prod: {cells: {a: {weight: 5}}}}",
    ] {
        assert!(document(text).states_parts(), "{text}");
    }
}

#[test]
fn a_malformed_statement_is_reported() {
    let mut repo = Repo::default();
    for statement in [
        "services.api",
        "=5",
        "services..api=5",
        "services.\"api=5",
        "a.b=",
        "a.b=[1",
        "a.b=1\nc: 2",
    ] {
        assert!(given(&mut repo, statement).is_err(), "{statement}");
    }
}

#[test]
fn a_name_without_a_value_states_nothing() {
    let text = "services: {api: , worker: {pool: {size: }}}\ndatabases: {orders: {backups: {}}}\nkafka: {topics: {events: }}\ncells: {a: }\nsecrets: {token: }\nenvironments: {staging: {databases: {orders: }}}\n";
    let document = document(text);
    assert!(!document.states_parts());
    for name in ["staging", "production"] {
        let mut env = environment_with(&["api", "worker"]);
        let before = format!("{env:?}");
        let unmatched = document.apply(name, &mut env, &Placed::default());
        assert_eq!(format!("{env:?}"), before, "{name}");
        assert!(unmatched.problems().is_empty());
    }
}

#[test]
fn a_statement_about_one_environment_declares_nothing_in_another() {
    let text = "databases: {orders-prod: {detection: 8h}, audit: {max_connections: 50}}\ncells: {a: {weight: 1}}\nkafka: {topics: {events: {partitions: 3}}}\nslos: [{name: fast, target: 99%}]\n";
    let everywhere = document(text);
    let mut production = environment_with(&["api"]);
    production.name = "production".to_owned();
    production
        .databases
        .push(Database::named("orders-prod".to_owned(), None));
    let named = |name: &str, env: &Environment| Environment {
        name: name.to_owned(),
        parts: env.parts.clone(),
        ..Environment::default()
    };
    let staging = named("staging", &environment_with(&["api"]));
    let placed = Placed::of([&production, &staging]);
    let names = |document: &OverlayDocument, env: &Environment| {
        let mut env = named(&env.name, env);
        let _ = document.apply(&env.name.clone(), &mut env, &placed);
        let databases: Vec<String> = env.databases.iter().map(|d| d.name.clone()).collect();
        (databases, env.cells.len(), env.topics.len(), env.slos.len())
    };
    let (databases, ..) = names(&everywhere, &production);
    assert_eq!(databases, ["orders-prod", "audit"]);
    // What no file declares is declared by the statement.
    assert_eq!(names(&everywhere, &staging), (vec!["audit".to_owned()], 1, 1, 1));
    // The environment's own section means it.
    let own = document("environments: {staging: {databases: {orders-prod: {detection: 8h}}}}");
    assert_eq!(names(&own, &staging).0, ["orders-prod"]);
    let mut full = environment_with(&[]);
    full.name = "production".to_owned();
    let _ = everywhere.apply("production", &mut full, &Placed::default());
    let placed = Placed::of([&full]);
    let mut bare = named("staging", &staging);
    let _ = everywhere.apply("staging", &mut bare, &placed);
    assert!(bare.cells.is_empty() && bare.topics.is_empty() && bare.slos.is_empty());
}
