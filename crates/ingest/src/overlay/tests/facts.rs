//! What statements about services and infrastructure become.

use super::{applied, document, environment_with, place};
use crate::overlay::*;
use cofferdam_model::alerts::Slo;
use cofferdam_model::database::{Database, Engine};
use cofferdam_model::registry::{Section, Value, services};
use cofferdam_model::{Environment, Fact, Owner, Priority, Rate, Share, Source, link};
use std::time::Duration;

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
        said: Default::default(),
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
                said: Default::default(),
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
fn a_service_with_stated_code_needs_no_file_that_describes_it() {
    let text = "services: {billing: {code: [legacy/billing/], replicas: {max: 3}}}";
    let (env, problems) = applied(text, environment_with(&["api"]));
    assert!(problems.is_empty(), "{problems:?}");
    assert_eq!(env.services[1].directories, [PathBuf::from("legacy/billing")]);
}

#[test]
fn statements_on_the_command_line_override_the_file() {
    let text = "services: {api: {requests_per_second: 5, processes: 2}}\nenvironments: {prod: {services: {api: {requests_per_second: 6}}}}\n";
    let mut repo = Repo::from_files([(PathBuf::from("cofferdam.yaml"), text.as_bytes().to_vec())]);
    let given = given(&mut repo, "services.\"api\".requests_per_second = 7").unwrap();
    let document = load_with(Written::at_root(&repo).as_ref(), std::slice::from_ref(&given)).unwrap();
    for environment in ["production", "other"] {
        let service = &document.sections(environment).of(Section::Services)[0];
        let value = |fact| service.get(fact).map(|stated| stated.value.clone());
        assert_eq!(
            value(&services::REQUESTS_PER_SECOND),
            Some(Value::Rate(Rate(7.0))),
            "{environment}"
        );
        assert_eq!(value(&services::PROCESSES), Some(Value::Whole(2)));
    }
    // Without a file they are the overlay.
    let alone = load_with(None, &[given]).unwrap();
    assert_eq!(alone.sections("production").of(Section::Services).len(), 1);
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
