//! To which service code and statements belong.

use super::{consumer_in, deployment, env, in_file, names, span, with_image};
use crate::kafka::{Consumer, Producer, ProducerRole};
use crate::link::link;
use crate::owner::Owner;
use crate::platform::Service;
use crate::workload::Workload;

fn owner_of_consumer(workloads: Vec<Workload>, owner: Owner) -> Option<String> {
    let mut env = env("production");
    env.workloads = workloads;
    env.consumers.push(Consumer::at(in_file(9), owner));
    link(&mut env);
    let consumer = &env.consumers[0];
    env.owner_service(&consumer.owner).map(|s| s.name.clone())
}

// --- owners ---

#[test]
fn owners_are_found_by_name_in_every_spelling() {
    for name in [
        "data-collector",
        "data_collector",
        "DataCollector",
        "prod-data-collector",
        "data-collector-production",
    ] {
        let found = owner_of_consumer(
            vec![deployment("web"), deployment("data-collector")],
            Owner::named(name),
        );
        assert_eq!(found.as_deref(), Some("data-collector"), "{name}");
    }
    // The name contains the word in the manifests, not in the code.
    let found = owner_of_consumer(
        vec![deployment("prod-api"), deployment("prod-web")],
        Owner::named("api"),
    );
    assert_eq!(found.as_deref(), Some("prod-api"));
    // A prefix of the whole build.
    let found = owner_of_consumer(
        vec![deployment("acme-api"), deployment("acme-web")],
        Owner::named("web"),
    );
    assert_eq!(found.as_deref(), Some("acme-web"));
}

#[test]
fn owners_are_found_by_directory_of_the_code() {
    let workloads = || {
        vec![
            deployment("kafka-consumer"),
            with_image(deployment("collector"), "acme/edge-ingest"),
            deployment("app"),
        ]
    };
    for (directory, service) in [
        ("services/kafka-consumer/src/app", "kafka-consumer"),
        ("services/kafka_consumer", "kafka-consumer"),
        ("kafka-consumer/config", "kafka-consumer"),
        ("src/edge_ingest/worker", "collector"),
        ("app", "app"),
    ] {
        let found = owner_of_consumer(workloads(), Owner::in_directory(directory));
        assert_eq!(found.as_deref(), Some(service), "{directory}");
    }
}

#[test]
fn a_stated_directory_of_code_overrides_names_in_the_path() {
    let mut env = env("production");
    env.workloads = vec![deployment("api"), deployment("ingest")];
    env.services.push(Service {
        name: "ingest".to_owned(),
        directories: vec!["legacy/api".into()],
        ..Service::default()
    });
    env.consumers.push(consumer_in("legacy/api/consumer", "g"));
    link(&mut env);
    assert_eq!(env.owner_name(&env.consumers[0].owner), "ingest");
}

#[test]
fn code_that_no_file_describes_is_a_service_only_if_something_runs_in_it() {
    let mut env = env("production");
    env.workloads = vec![deployment("web"), deployment("api")];
    env.consumers.push(consumer_in("services/billing/src", "g"));
    env.slos.push(crate::alerts::Slo {
        name: "availability".to_owned(),
        owner: Owner::in_directory("services/reports"),
        span: span(0),
        target: None,
        window: None,
        indicator: None,
        said: Default::default(),
    });
    link(&mut env);
    assert_eq!(names(&env), ["api", "billing", "web"]);
    assert_eq!(env.owner_name(&env.consumers[0].owner), "billing");
    assert_eq!(env.slos[0].owner.service, None);
    assert_eq!(env.owner_name(&env.workloads[0].owner), "web");
}

#[test]
fn the_only_service_owns_code_at_the_root_but_not_a_directory_of_another_service() {
    let one = || {
        vec![
            with_image(deployment("shop"), "acme/shop"),
            with_image(deployment("cache"), "library/redis"),
        ]
    };
    assert_eq!(
        owner_of_consumer(one(), Owner::in_directory("")).as_deref(),
        Some("shop")
    );
    assert_eq!(
        owner_of_consumer(one(), Owner::in_directory("src/app")).as_deref(),
        Some("shop")
    );
    assert_eq!(
        owner_of_consumer(one(), Owner::in_directory("services/mail")).as_deref(),
        Some("mail")
    );
    // The name is ambiguous, so nothing is guessed.
    let two = vec![deployment("shop"), deployment("mail")];
    assert_eq!(owner_of_consumer(two, Owner::in_directory("src")), None);
}

#[test]
fn an_ambiguous_name_belongs_to_no_service() {
    let found = owner_of_consumer(
        vec![deployment("data-collector"), deployment("datacollector")],
        Owner {
            name: Some("DATA_COLLECTOR".to_owned()),
            ..Owner::default()
        },
    );
    // A consumer needs a subject: its own name.
    assert_eq!(found.as_deref(), Some("DATA_COLLECTOR"));
}

#[test]
fn an_owner_states_how_it_was_found() {
    use crate::owner::Linked;
    let mut env = env("production");
    env.workloads = vec![deployment("collector"), deployment("shop-mailer")];
    let of = |owner: Owner| Producer::at(in_file(9), owner, ProducerRole::Main);
    env.producers = vec![
        of(Owner::named("collector")),
        of(Owner::in_directory("services/collector")),
        of(Owner::named("Collector")),
        of(Owner::in_directory("services/mailer")),
    ];
    link(&mut env);
    let linked: Vec<Linked> = env.producers.iter().map(|p| p.owner.linked).collect();
    // Those of one service are joined with what was known first.
    assert!(linked.contains(&Linked::Named), "{linked:?}");
    let owners = crate::link::Owners::of(&env);
    for (owner, expected) in [
        (Owner::named("collector"), Linked::Named),
        (Owner::in_directory("services/collector"), Linked::Directory),
        (Owner::named("Collector"), Linked::Similar),
        (Owner::in_directory("services/mailer"), Linked::Similar),
    ] {
        let mut owner = owner;
        owners.tell(&mut owner);
        assert_eq!(
            (owner.service.is_some(), owner.linked),
            (true, expected),
            "{owner:?}"
        );
    }
}

#[test]
fn a_directory_named_like_the_end_of_a_service_name_belongs_to_it() {
    let workloads = || {
        vec![
            deployment("shop-backend-staging"),
            deployment("shop-auth-service"),
            deployment("pgbouncer"),
        ]
    };
    for (directory, service) in [
        ("shop_backend/app/routing", Some("shop-backend-staging")),
        ("backend", Some("shop-backend-staging")),
        ("auth_service", Some("shop-auth-service")),
        ("services/auth/core", Some("shop-auth-service")),
        // A directory below a significant one is one of its modules.
        ("tools/backend", None),
        ("components", None),
    ] {
        let mut env = env("staging");
        env.workloads = workloads();
        env.consumers.push(consumer_in(directory, "g"));
        link(&mut env);
        let owner = env.consumers[0]
            .owner
            .service
            .map(|id| env.services[id.0].name.clone());
        let wanted = service.map(str::to_owned);
        assert_eq!(
            owner.filter(|o| workloads().iter().any(|w| w.id.name == *o)),
            wanted,
            "{directory}"
        );
    }
    // Two services end like this: neither is chosen.
    let mut env = env("production");
    env.workloads = vec![deployment("a-worker"), deployment("b-worker")];
    env.consumers.push(consumer_in("worker", "g"));
    link(&mut env);
    assert_eq!(names(&env), ["a-worker", "b-worker", "worker"]);
}
