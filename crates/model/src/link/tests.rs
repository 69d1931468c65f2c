//! Behaviour of linking, on environments built by hand.

use super::link;
use crate::alerts::{Alert, Timing};
use crate::calls::{Call, CallSite, CallTarget, TimeoutSetting};
use crate::database::{Database, Pool, PoolTarget, Pooler};
use crate::delivery::DanglingKind;
use crate::kafka::{Consumer, KafkaClient, Producer, ProducerRole, Topic, WorkerSetting};
use crate::owner::Owner;
use crate::platform::{Environment, Service};
use crate::scaling::{Autoscaler, MetricKind, ScalingBehaviour, ScalingMetric};
use crate::source::Fact;
use crate::units::Rate;
use crate::variable::{Variable, VariableValue};
use crate::workload::{
    Amount, Completeness, ConfigObject, Container, Lifecycle, ObjectId, Rollout, ServicePort, Spread,
    VariableSource, Workload,
};
use cofferdam_syntax::{FileId, Span};
use std::collections::BTreeMap;
use std::time::Duration;

fn span(n: usize) -> Span {
    Span::new(FileId(0), n, n + 1)
}

fn in_file(file: u32) -> Span {
    Span::new(FileId(file), 0, 1)
}

fn declared<T>(value: T) -> Option<Fact<T>> {
    Some(Fact::declared(value, span(0)))
}

fn coded<T>(value: T) -> Option<Fact<T>> {
    Some(Fact::inferred(value, in_file(9), "a literal in code"))
}

fn env(name: &str) -> Environment {
    Environment {
        name: name.to_owned(),
        ..Environment::default()
    }
}

fn object(kind: &str, name: &str) -> ObjectId {
    ObjectId {
        kind: kind.to_owned(),
        namespace: None,
        deployment: None,
        name: name.to_owned(),
    }
}

fn workload(kind: &str, name: &str) -> Workload {
    Workload {
        id: object(kind, name),
        span: span(1),
        completeness: Completeness::Whole,
        lifecycle: match kind {
            "CronJob" | "Job" => Lifecycle::Batch,
            "DaemonSet" => Lifecycle::Daemon,
            "Pod" => Lifecycle::Pod,
            _ => Lifecycle::Service,
        },
        owner: Owner::default(),
        replicas: None,
        rollout: Rollout::default(),
        labels: BTreeMap::new(),
        annotations: BTreeMap::new(),
        containers: Vec::new(),
        init_containers: Vec::new(),
        grace: None,
        service_account: None,
        volumes: Vec::new(),
        spread: Spread::default(),
        priority_class: None,
        fields: BTreeMap::new(),
    }
}

fn deployment(name: &str) -> Workload {
    workload("Deployment", name)
}

fn in_namespace(mut workload: Workload, namespace: &str) -> Workload {
    workload.id.namespace = Some(namespace.to_owned());
    workload
}

fn with_image(mut workload: Workload, repository: &str) -> Workload {
    workload.containers.push(Container {
        name: workload.id.name.clone(),
        image: Some(crate::images::Image {
            text: Fact::declared(repository.to_owned(), span(2)),
            registry: None,
            repository: repository.to_owned(),
            tag: None,
            digest: None,
        }),
        ..Container::default()
    });
    workload
}

fn with_variables(mut workload: Workload, variables: &[(&str, &str)]) -> Workload {
    let variables = variables
        .iter()
        .map(|(n, v)| ((*n).to_owned(), literal(v).into()))
        .collect();
    workload.containers.push(Container {
        name: "main".to_owned(),
        variables,
        ..Container::default()
    });
    workload
}

fn literal(text: &str) -> Variable {
    Variable {
        value: Fact::declared(VariableValue::Literal(text.to_owned()), span(3)),
        name_span: span(3),
    }
}

fn autoscaler(format: &str, target: Option<ObjectId>, limits: (Option<u32>, Option<u32>)) -> Autoscaler {
    Autoscaler {
        name: "scaler".to_owned(),
        format: format.to_owned(),
        span: span(4),
        completeness: crate::workload::Completeness::Whole,
        target: target.map(|t| Fact::declared(t, span(4))),
        workload: None,
        owner: Owner::default(),
        min: limits.0.map(|n| Fact::declared(n, span(4))),
        max: limits.1.map(|n| Fact::declared(n, span(4))),
        limit: None,
        metrics: Vec::new(),
        up: ScalingBehaviour::default(),
        down: ScalingBehaviour::default(),
    }
}

fn topic(name: &str) -> Topic {
    Topic {
        name: Fact::declared(name.to_owned(), span(5)),
        partitions: None,
        replication_factor: None,
        min_insync_replicas: None,
        retention: None,
        peak_rate: None,
    }
}

fn consumer_in(directory: &str, group: &str) -> Consumer {
    let mut consumer = Consumer::at(in_file(9), Owner::in_directory(directory));
    consumer.group = coded(group.to_owned());
    consumer
}

fn names(env: &Environment) -> Vec<&str> {
    env.services.iter().map(|s| s.name.as_str()).collect()
}

fn owner_of_consumer(workloads: Vec<Workload>, owner: Owner) -> Option<String> {
    let mut env = env("production");
    env.workloads = workloads;
    env.consumers.push(Consumer::at(in_file(9), owner));
    link(&mut env);
    let consumer = &env.consumers[0];
    env.owner_service(&consumer.owner).map(|s| s.name.clone())
}

// --- services ---

/// A Service of Kubernetes that selects pods by these labels.
fn service_port(id: ObjectId, selector: BTreeMap<String, Fact<String>>) -> ServicePort {
    ServicePort {
        id,
        span: span(0),
        labels: BTreeMap::new(),
        selector,
        ports: Vec::new(),
        kind: None,
        address: None,
        external_name: None,
        completeness: Completeness::Whole,
    }
}

#[test]
fn each_name_is_one_service_and_a_canary_is_separate() {
    let mut env = env("production");
    env.workloads = vec![
        deployment("web"),
        deployment("api"),
        workload("CronJob", "api"),
        deployment("api-canary"),
        workload("DaemonSet", "agent"),
    ];
    link(&mut env);
    assert_eq!(names(&env), ["agent", "api", "api-canary", "web"]);
    assert_eq!(env.services[1].workloads.len(), 2);
    let owner = &env.workloads[0].owner;
    assert_eq!(env.owner_name(owner), "web");
}

#[test]
fn one_name_in_two_namespaces_is_two_services_and_an_unknown_namespace_matches_both() {
    let mut env = env("production");
    env.workloads = vec![
        deployment("api"),
        in_namespace(deployment("api"), "b"),
        in_namespace(deployment("api"), "a"),
    ];
    link(&mut env);
    let namespaces: Vec<_> = env.services.iter().map(|s| s.namespace.as_deref()).collect();
    assert_eq!(namespaces, [Some("a"), Some("b")]);
    assert_eq!(env.services.iter().map(|s| s.workloads.len()).sum::<usize>(), 3);
}

#[test]
fn facts_of_other_formats_join_the_service_and_statements_win() {
    let mut env = env("production");
    env.workloads = vec![deployment("data-collector")];
    for (rate, stated) in [(100.0, false), (300.0, true), (200.0, false)] {
        let fact = if stated {
            Fact::stated(Rate(rate), span(7))
        } else {
            Fact::declared(Rate(rate), span(7))
        };
        env.services.push(Service {
            name: "DataCollector".to_owned(),
            peak_rate: Some(fact),
            ..Service::default()
        });
    }
    env.services.push(Service {
        name: "billing".to_owned(),
        ..Service::default()
    });
    link(&mut env);
    assert_eq!(names(&env), ["billing", "data-collector"]);
    assert_eq!(
        env.services[1].peak_rate.as_ref().map(|r| r.value),
        Some(Rate(300.0))
    );
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

// --- scale ---

fn scale_of(
    workload: Workload,
    autoscalers: Vec<Autoscaler>,
) -> (Option<u32>, Option<u32>, Option<u32>, Option<u32>) {
    let mut env = env("production");
    env.workloads = vec![workload];
    env.autoscalers = autoscalers;
    link(&mut env);
    let scale = &env.services[0].scale;
    let value = |f: &Option<Fact<u32>>| f.as_ref().map(|f| f.value);
    (
        value(&scale.current),
        value(&scale.min),
        value(&scale.max),
        value(&scale.surge),
    )
}

#[test]
fn missing_replicas_are_one_and_assumed() {
    let mut env = env("production");
    env.workloads = vec![deployment("api")];
    link(&mut env);
    let scale = &env.services[0].scale;
    assert_eq!(
        scale.max,
        Some(Fact::assumed(1, "replicas is not set; Kubernetes runs 1"))
    );
    // 25 % of 1, rounded up.
    assert_eq!(
        scale.surge.as_ref().map(|s| (s.value, s.is_assumed())),
        Some((1, true))
    );
}

#[test]
fn surge_depends_on_kind_and_strategy() {
    let with = |kind: &str, replicas: u32, strategy: Option<&str>, surge: Option<Amount>| {
        let mut workload = workload(kind, "api");
        workload.replicas = declared(replicas);
        workload.rollout.strategy = strategy.and_then(|s| declared(s.to_owned()));
        workload.rollout.max_surge = surge.and_then(declared);
        scale_of(workload, Vec::new()).3
    };
    // 25 % of 50 is 12.5, rounded up 13.
    assert_eq!(with("Deployment", 50, None, None), Some(13));
    assert_eq!(with("Deployment", 50, None, Some(Amount::Count(2))), Some(2));
    assert_eq!(
        with(
            "Deployment",
            7,
            Some("RollingUpdate"),
            Some(Amount::Percent(50.0))
        ),
        Some(4)
    );
    assert_eq!(with("Deployment", 50, Some("Recreate"), None), Some(0));
    assert_eq!(with("StatefulSet", 50, None, None), Some(0));
    assert_eq!(with("Rollout", 6, Some("BlueGreen"), None), Some(6));
}

#[test]
fn an_autoscaler_sets_the_limits_and_its_unset_minimum_is_one() {
    let mut twelve = deployment("api");
    twelve.replicas = declared(12);
    let hpa = autoscaler(
        "HorizontalPodAutoscaler",
        Some(object("Deployment", "api")),
        (None, Some(50)),
    );
    assert_eq!(
        scale_of(twelve, vec![hpa]),
        (Some(12), Some(1), Some(50), Some(13))
    );
    let hpa = autoscaler(
        "HorizontalPodAutoscaler",
        Some(object("Deployment", "api")),
        (Some(10), Some(50)),
    );
    assert_eq!(
        scale_of(deployment("api"), vec![hpa]),
        (Some(10), Some(10), Some(50), Some(13))
    );
}

#[test]
fn the_autoscaler_of_kubernetes_overrides_other_formats_and_rivals_are_kept() {
    let mut env = env("production");
    env.workloads = vec![deployment("api")];
    let mut other = autoscaler("Grand Central", None, (Some(3), Some(80)));
    other.owner = Owner::named("api");
    env.autoscalers = vec![
        other,
        autoscaler(
            "HorizontalPodAutoscaler",
            Some(object("Deployment", "api")),
            (Some(2), Some(50)),
        ),
    ];
    link(&mut env);
    let api = &env.services[0];
    assert_eq!(api.scale.max.as_ref().map(|m| m.value), Some(50));
    assert_eq!(api.autoscalers.iter().map(|a| a.0).collect::<Vec<_>>(), [1, 0]);
    assert_eq!(env.autoscalers[0].workload, env.autoscalers[1].workload);
}

#[test]
fn stated_replicas_override_the_autoscaler() {
    let mut env = env("production");
    env.workloads = vec![deployment("api")];
    env.autoscalers = vec![autoscaler(
        "HorizontalPodAutoscaler",
        Some(object("Deployment", "api")),
        (Some(2), Some(50)),
    )];
    let mut stated = Service {
        name: "api".to_owned(),
        ..Service::default()
    };
    stated.scale.max = Some(Fact::stated(40, span(8)));
    env.services.push(stated);
    link(&mut env);
    let scale = &env.services[0].scale;
    assert_eq!(scale.max.as_ref().map(|m| m.value), Some(40));
    assert_eq!(scale.min.as_ref().map(|m| m.value), Some(2));
}

#[test]
fn an_autoscaler_without_a_target_is_reported_with_the_nearest_name() {
    let mut env = env("production");
    env.workloads = vec![deployment("data-collector"), workload("StatefulSet", "store")];
    env.autoscalers = vec![
        autoscaler(
            "HorizontalPodAutoscaler",
            Some(object("Deployment", "data-colector")),
            (None, None),
        ),
        autoscaler(
            "HorizontalPodAutoscaler",
            Some(object("Deployment", "store")),
            (None, None),
        ),
        // A kind that no reader knows may still exist.
        autoscaler(
            "HorizontalPodAutoscaler",
            Some(object("CloneSet", "data-collector")),
            (None, None),
        ),
    ];
    link(&mut env);
    let told: Vec<_> = env
        .dangling
        .iter()
        .map(|d| (d.kind, d.name.value.as_str(), d.nearest.as_deref(), d.certain))
        .collect();
    assert_eq!(
        told,
        [
            (
                DanglingKind::ScaleTarget,
                "data-colector",
                Some("data-collector"),
                true
            ),
            (
                DanglingKind::ScaleTarget,
                "store",
                Some("StatefulSet store"),
                true
            ),
        ]
    );
}

#[test]
fn an_autoscaler_scales_in_its_own_namespace() {
    let mut env = env("production");
    env.workloads = vec![
        in_namespace(deployment("api"), "a"),
        in_namespace(deployment("api"), "b"),
    ];
    let mut target = object("Deployment", "api");
    target.namespace = Some("b".to_owned());
    env.autoscalers = vec![autoscaler(
        "HorizontalPodAutoscaler",
        Some(target),
        (Some(1), Some(9)),
    )];
    link(&mut env);
    let most: Vec<_> = env
        .services
        .iter()
        .map(|s| s.scale.max.as_ref().map(|m| m.value))
        .collect();
    assert_eq!(most, [Some(1), Some(9)]);
}

// --- variables ---

#[test]
fn container_variables_override_other_formats_and_config_maps_are_resolved() {
    let mut env = env("production");
    let mut api = with_variables(deployment("api"), &[("POOL", "20")]);
    api.containers[0].variables.insert(
        "GROUP".to_owned(),
        Variable {
            value: Fact::declared(
                VariableValue::Config {
                    name: "settings".to_owned(),
                    key: "group".to_owned(),
                    value: None,
                    optional: false,
                },
                span(3),
            ),
            name_span: span(3),
        }
        .into(),
    );
    env.workloads = vec![api];
    env.config_objects.push(ConfigObject {
        id: object("ConfigMap", "settings"),
        span: span(6),
        data: BTreeMap::from([(
            "group".to_owned(),
            Fact::declared("collectors".to_owned(), span(6)),
        )]),
        complete: true,
    });
    env.services.push(Service {
        name: "api".to_owned(),
        variables: BTreeMap::from([
            ("POOL".to_owned(), literal("50").into()),
            ("MODE".to_owned(), literal("fast").into()),
        ]),
        ..Service::default()
    });
    link(&mut env);
    let text = |name: &str| env.services[0].variables[name].value.value.text();
    assert_eq!(
        (text("POOL"), text("MODE"), text("GROUP")),
        (Some("20"), Some("fast"), Some("collectors"))
    );
}

#[test]
fn every_key_of_a_config_map_is_a_variable_with_env_from() {
    let mut env = env("production");
    let mut api = with_variables(deployment("api"), &[("APP_MODE", "fast")]);
    api.containers[0].variable_sources.push(VariableSource {
        secret: false,
        name: Fact::declared("settings".to_owned(), span(3)),
        prefix: "APP_".to_owned(),
        optional: false,
    });
    env.workloads = vec![api];
    let text = |t: &str| Fact::declared(t.to_owned(), span(6));
    env.config_objects.push(ConfigObject {
        id: object("ConfigMap", "settings"),
        span: span(6),
        data: BTreeMap::from([("MODE".to_owned(), text("slow")), ("GROUP".to_owned(), text("g"))]),
        complete: true,
    });
    link(&mut env);
    let text = |name: &str| env.services[0].variables[name].value.value.text();
    assert_eq!((text("APP_MODE"), text("APP_GROUP")), (Some("fast"), Some("g")));
}

// --- consumers, producers, pools ---

#[test]
fn a_group_in_a_shared_variable_belongs_to_the_service_whose_code_is_a_member() {
    let mut env = env("production");
    env.workloads = vec![deployment("collector"), deployment("web")];
    let mut code = consumer_in("services/collector", "collectors");
    code.client = coded(KafkaClient::AioKafka);
    code.group = Some(Fact::declared("collectors".to_owned(), in_file(1)));
    let mut shared = Consumer::at(in_file(1), Owner::named("web"));
    shared.group = Some(Fact::declared("collectors".to_owned(), in_file(1)));
    env.consumers = vec![code.clone(), shared.clone()];
    link(&mut env);
    assert_eq!(env.consumers.len(), 2, "the code of web was not read");
    let mut other = Producer::at(in_file(3), Owner::named("web"), ProducerRole::Main);
    other.client = coded(KafkaClient::AioKafka);
    env.producers = vec![other];
    env.consumers = vec![code, shared];
    link(&mut env);
    assert_eq!(env.consumers.len(), 1);
    assert_eq!(env.owner_name(&env.consumers[0].owner), "collector");
}

#[test]
fn a_group_in_code_and_settings_is_one_consumer_and_settings_override_code() {
    let mut env = env("production");
    env.workloads = vec![deployment("collector"), deployment("web")];
    let mut code = consumer_in("services/collector", "collectors");
    code.client = coded(KafkaClient::AioKafka);
    code.max_poll_records = coded(500);
    code.session_timeout = coded(Duration::from_secs(30));
    let mut settings = Consumer::at(in_file(1), Owner::named("collector"));
    settings.group = declared("collectors".to_owned());
    settings.max_poll_records = declared(1000);
    settings.workers = vec![WorkerSetting {
        name: "CONSUMER_THREADS".to_owned(),
        count: Fact::declared(12, in_file(1)),
        builds_consumer: None,
    }];
    let mut elsewhere = Consumer::at(in_file(2), Owner::named("web"));
    elsewhere.group = Some(Fact::declared("collectors".to_owned(), in_file(2)));
    env.consumers = vec![settings, code, elsewhere];
    link(&mut env);
    assert_eq!(env.consumers.len(), 2);
    let one = &env.consumers[0];
    assert_eq!(one.span, in_file(9));
    assert_eq!(one.max_poll_records.as_ref().map(|f| f.value), Some(1000));
    assert_eq!(
        one.session_timeout.as_ref().map(|f| f.value),
        Some(Duration::from_secs(30))
    );
    assert_eq!(one.workers.len(), 1);
}

#[test]
fn two_consumers_in_code_stay_two_and_share_what_the_settings_add() {
    let mut env = env("production");
    env.workloads = vec![deployment("collector")];
    let mut first = consumer_in("services/collector", "g");
    first.max_poll_records = coded(10);
    let second = consumer_in("services/collector", "g");
    let mut settings = Consumer::at(in_file(1), Owner::named("collector"));
    settings.max_poll_records = declared(1000);
    env.consumers = vec![first, second, settings];
    link(&mut env);
    let records: Vec<_> = env
        .consumers
        .iter()
        .map(|c| c.max_poll_records.as_ref().map(|f| f.value))
        .collect();
    assert_eq!(records, [Some(10), Some(1000)]);
}

#[test]
fn statements_about_consumers_apply_to_all_of_the_service_and_create_none() {
    let mut env = env("production");
    env.workloads = vec![deployment("collector"), deployment("web")];
    let statement = |service: &str| {
        let mut stated = Consumer::at(in_file(7), Owner::named(service));
        stated.time_per_record = Some(Fact::stated(Duration::from_millis(5), in_file(7)));
        stated.workers_build_consumers = Some(Fact::stated(true, in_file(7)));
        stated
    };
    let mut first = consumer_in("services/collector", "g");
    first.time_per_record = coded(Duration::from_millis(1));
    first.workers = vec![WorkerSetting {
        name: "WORKERS".to_owned(),
        count: Fact::declared(12, in_file(1)),
        builds_consumer: None,
    }];
    env.consumers = vec![
        first,
        consumer_in("services/collector", "h"),
        statement("collector"),
        statement("web"),
    ];
    link(&mut env);
    assert_eq!(env.consumers.len(), 2);
    for consumer in &env.consumers {
        assert_eq!(
            consumer.time_per_record.as_ref().map(|t| t.value),
            Some(Duration::from_millis(5))
        );
    }
    assert_eq!(
        env.consumers[0].workers[0]
            .builds_consumer
            .as_ref()
            .map(|b| b.value),
        Some(true)
    );
}

#[test]
fn variables_can_be_resolved_before_linking() {
    let mut env = env("production");
    env.workloads = vec![with_variables(deployment("collector"), &[("TOPIC", "events")])];
    let owners = super::prepare(&mut env);
    let service = owners.find(&Owner::in_directory("services/collector")).unwrap();
    assert_eq!(
        env.service(service).variables["TOPIC"].value.value.text(),
        Some("events")
    );
    let before = env.services[0].declared.len();
    link(&mut env);
    assert_eq!((env.services.len(), env.services[0].declared.len()), (1, before));
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
    let owners = super::Owners::of(&env);
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
fn a_patch_that_was_not_applied_overrides_the_limits_of_its_autoscaler() {
    let limits = |patches: usize| {
        let mut env = env("production");
        env.workloads = vec![deployment("api")];
        let mut base = autoscaler(
            "HorizontalPodAutoscaler",
            Some(object("Deployment", "api")),
            (Some(2), Some(4)),
        );
        base.name = "api".to_owned();
        let mut patch = autoscaler("HorizontalPodAutoscaler", None, (Some(6), None));
        patch.name = "api".to_owned();
        patch.completeness = Completeness::Fragment;
        env.autoscalers = vec![base];
        env.autoscalers.extend(vec![patch; patches]);
        link(&mut env);
        let scale = &env.services[0].scale;
        (
            scale.min.as_ref().map(|m| m.value),
            scale.max.as_ref().map(|m| m.value),
        )
    };
    assert_eq!(limits(0), (Some(2), Some(4)));
    assert_eq!(limits(1), (Some(6), Some(4)));
    // Two overlays patch it: neither applies to both.
    assert_eq!(limits(2), (Some(2), Some(4)));
}

#[test]
fn an_autoscaler_of_another_deployment_has_no_missing_target() {
    use crate::scope::DeploymentId;
    let mut env = env("production");
    env.workloads = vec![deployment("api")];
    env.workloads[0].id.deployment = Some(DeploymentId(0));
    let mut target = object("Deployment", "api");
    target.deployment = Some(DeploymentId(1));
    env.autoscalers = vec![autoscaler(
        "HorizontalPodAutoscaler",
        Some(target),
        (Some(2), Some(4)),
    )];
    link(&mut env);
    assert!(env.autoscalers[0].workload.is_none());
    assert!(env.dangling.is_empty(), "{:?}", env.dangling);
}

#[test]
fn producers_join_by_owner_and_role() {
    let mut env = env("production");
    env.workloads = vec![deployment("collector")];
    let producer = |file, role| Producer::at(in_file(file), Owner::named("collector"), role);
    let mut code = producer(9, ProducerRole::Main);
    code.client = coded(KafkaClient::Librdkafka);
    let mut settings = producer(1, ProducerRole::Main);
    settings.linger = declared(Duration::from_millis(5));
    env.producers = vec![code, settings, producer(1, ProducerRole::DeadLetter)];
    link(&mut env);
    assert_eq!(env.producers.len(), 2);
    assert!(env.producers[0].linger.is_some());
}

#[test]
fn second_pools_of_a_service_stay_and_settings_fill_the_first() {
    let mut env = env("production");
    env.workloads = vec![deployment("api")];
    let pool = |file, size: Option<u32>| {
        let mut pool = Pool::at(in_file(file), Owner::named("api"), PoolTarget::Sql);
        pool.size = size.and_then(declared);
        pool
    };
    // Two sections of one file with two sizes are two pools; another file repeats one of them.
    env.pools = vec![pool(1, Some(20)), pool(1, Some(5)), pool(2, Some(20))];
    link(&mut env);
    let sizes: Vec<_> = env
        .pools
        .iter()
        .map(|p| p.size.as_ref().map(|s| s.value))
        .collect();
    assert_eq!(sizes, [Some(20), Some(5)]);
}

// --- topics ---

#[test]
fn topics_are_found_and_undeclared_topics_are_reported() {
    let mut env = env("production");
    env.workloads = vec![deployment("collector")];
    env.topics = vec![topic("platform-events"), topic("audit")];
    let mut consumer = consumer_in("services/collector", "g");
    consumer.topics = ["platform-events", "platform-event", "^metrics-.*", "${TOPIC}"]
        .into_iter()
        .map(|t| Fact::declared(t.to_owned(), span(9)))
        .collect();
    env.consumers.push(consumer);
    let mut hpa = autoscaler("KEDA ScaledObject", None, (None, None));
    hpa.metrics.push(ScalingMetric {
        name: Fact::declared("kafka".to_owned(), span(4)),
        kind: MetricKind::External,
        target: None,
        topic: declared("events".to_owned()),
        group: None,
        labels: BTreeMap::new(),
    });
    env.autoscalers.push(hpa);
    link(&mut env);
    assert_eq!(env.consumers[0].topic_ids, [crate::TopicId(0)]);
    let told: Vec<_> = env
        .dangling
        .iter()
        .map(|d| (d.subject.as_str(), d.name.value.as_str(), d.nearest.as_deref()))
        .collect();
    assert_eq!(
        told,
        [
            ("KEDA ScaledObject scaler", "events", None),
            ("consumer group g", "platform-event", Some("platform-events")),
        ]
    );
}

#[test]
fn without_any_declared_topic_no_name_is_missing() {
    let mut env = env("production");
    let mut consumer = consumer_in("services/collector", "g");
    consumer.topics = vec![Fact::declared("events".to_owned(), span(9))];
    env.consumers.push(consumer);
    link(&mut env);
    assert!(env.dangling.is_empty());
}

#[test]
fn stated_topics_are_not_a_complete_list() {
    let mut env = env("production");
    env.topics = vec![topic("platform-events")];
    env.topics[0].name = Fact::stated("platform-events".to_owned(), span(5));
    let mut consumer = consumer_in("services/collector", "g");
    consumer.topics = ["events", "platform-event"]
        .map(|t| Fact::declared(t.to_owned(), span(9)))
        .to_vec();
    env.consumers.push(consumer);
    link(&mut env);
    // The name that differs by one letter, and not with certainty.
    assert_eq!(env.dangling.len(), 1);
    assert_eq!(
        (env.dangling[0].name.value.as_str(), env.dangling[0].certain),
        ("platform-event", false)
    );
}

#[test]
fn an_alert_on_a_misspelt_topic_is_only_likely() {
    let mut env = env("production");
    env.workloads = vec![deployment("platform-event-api")];
    env.topics = vec![topic("platform-events")];
    let alert = |signal: &str, value: &str| Alert {
        name: Fact::declared("lag".to_owned(), span(0)),
        span: span(0),
        owner: Owner::default(),
        severity: None,
        labels: std::collections::BTreeMap::new(),
        enabled: None,
        query: None,
        signals: vec![Fact::declared(signal.to_owned(), span(0))],
        selects: vec![Fact::declared(value.to_owned(), span(0))],
        threshold: None,
        timing: Timing::Generic {
            product: None,
            window: None,
            interval: None,
            hold: None,
        },
        notifies: Vec::new(),
        promised: None,
    };
    env.alerts = vec![
        alert("kafka_consumer_lag", "platform-evnts"),
        alert("kafka_consumer_lag", "platform-event-api"),
        alert("http_errors", "platform-evnts"),
    ];
    link(&mut env);
    assert_eq!(env.dangling.len(), 1);
    assert_eq!(
        (env.dangling[0].name.value.as_str(), env.dangling[0].certain),
        ("platform-evnts", false)
    );
}

// --- databases ---

fn sql_pool(service: &str, host: Option<&str>) -> Pool {
    let mut pool = Pool::at(in_file(1), Owner::named(service), PoolTarget::Sql);
    pool.host = host.and_then(|h| declared(h.to_owned()));
    pool
}

fn pgbouncer(server: Option<&str>) -> Pooler {
    Pooler {
        server_host: server.and_then(|h| declared(h.to_owned())),
        ..Pooler::named("pgbouncer", span(0), Owner::named("pgbouncer"))
    }
}

#[test]
fn a_host_in_another_namespace_is_not_the_pooler() {
    let reached = |namespace: &str| {
        let mut env = env("production");
        let mut bouncer = deployment("pgbouncer");
        bouncer.id.namespace = Some("data".to_owned());
        let labelled = || BTreeMap::from([("app".to_owned(), Fact::declared("bouncer".to_owned(), span(0)))]);
        bouncer.labels = labelled();
        env.workloads = vec![bouncer, deployment("a")];
        let mut id = object("Service", "db-pool");
        id.namespace = Some(namespace.to_owned());
        env.service_ports.push(service_port(id, labelled()));
        env.poolers.push(pgbouncer(None));
        env.pools = vec![sql_pool("a", Some("db-pool"))];
        link(&mut env);
        env.pools[0].pooler
    };
    assert_eq!(reached("data"), Some(0));
    assert_eq!(reached("other"), None);
}

#[test]
fn a_pool_uses_the_pooler_that_its_host_names() {
    let mut env = env("production");
    let mut bouncer = deployment("pgbouncer");
    bouncer.replicas = declared(3);
    bouncer
        .labels
        .insert("app".to_owned(), Fact::declared("bouncer".to_owned(), span(0)));
    env.workloads = vec![
        bouncer,
        deployment("a"),
        deployment("b"),
        deployment("c"),
        deployment("d"),
    ];
    env.service_ports.push(service_port(
        object("Service", "db-pool"),
        BTreeMap::from([("app".to_owned(), Fact::declared("bouncer".to_owned(), span(0)))]),
    ));
    env.databases = vec![Database::named("aurora", None), Database::named("reports", None)];
    env.databases[0]
        .hosts
        .push(Fact::declared("aurora.example.net".to_owned(), span(0)));
    env.poolers.push(pgbouncer(Some("aurora.example.net")));
    env.pools = vec![
        sql_pool("a", Some("pgbouncer.platform.svc.cluster.local")),
        sql_pool("b", Some("DB-Pool:6432")),
        sql_pool("c", Some("aurora.example.net:5432")),
        sql_pool("d", Some("pgbouncer.elsewhere.example.com")),
    ];
    link(&mut env);
    let reached: Vec<_> = env
        .pools
        .iter()
        .map(|p| (p.pooler, p.database.map(|d| d.0)))
        .collect();
    assert_eq!(
        reached,
        [
            (Some(0), Some(0)),
            (Some(0), Some(0)),
            (None, Some(0)),
            (None, None)
        ]
    );
    assert_eq!(env.poolers[0].replicas.as_ref().map(|r| r.value), Some(3));
    assert_eq!(env.poolers[0].workload, Some(crate::WorkloadId(0)));
}

#[test]
fn the_host_may_be_in_a_variable_of_the_service() {
    let mut env = env("production");
    let url = "postgresql+asyncpg://app:${PASSWORD}@Aurora.example.net:5432/app?ssl=true";
    env.workloads = vec![with_variables(deployment("api"), &[("DATABASE_URL", url)])];
    env.databases = vec![Database::named("one", None), Database::named("two", None)];
    env.databases[1]
        .hosts
        .push(Fact::declared("aurora.example.net".to_owned(), span(0)));
    env.pools = vec![sql_pool("api", None)];
    link(&mut env);
    assert_eq!(env.pools[0].database.map(|d| d.0), Some(1));
    assert_eq!(
        env.pools[0].host.as_ref().map(|h| h.value.as_str()),
        Some("aurora.example.net")
    );
}

#[test]
fn a_database_is_found_by_its_name_without_words_for_environments() {
    let mut env = env("production");
    env.workloads = vec![deployment("api"), deployment("web")];
    env.databases = vec![
        Database::named("orders-production", None),
        Database::named("users_prod", None),
    ];
    env.pools = vec![sql_pool("api", Some("orders")), sql_pool("web", Some("users"))];
    link(&mut env);
    let reached: Vec<_> = env.pools.iter().map(|p| p.database.map(|d| d.0)).collect();
    assert_eq!(reached, [Some(0), Some(1)]);
}

#[test]
fn a_stated_database_is_the_target_and_a_pooler_stays_in_between() {
    let mut env = env("production");
    env.workloads = vec![
        deployment("pgbouncer"),
        deployment("api"),
        deployment("web"),
        deployment("job"),
    ];
    env.databases = vec![Database::named("one", None), Database::named("two", None)];
    env.poolers.push(pgbouncer(Some("two")));
    env.pools = vec![
        sql_pool("api", Some("pgbouncer")),
        sql_pool("web", Some("aurora.example.net")),
        sql_pool("job", None),
    ];
    for (pool, name) in env.pools.iter_mut().zip(["two", "two", "pgbouncer"]) {
        pool.database_name = Some(Fact::stated(name.to_owned(), span(7)));
    }
    link(&mut env);
    let reached: Vec<_> = env
        .pools
        .iter()
        .map(|p| (p.pooler, p.database.map(|d| d.0)))
        .collect();
    assert_eq!(reached, [(Some(0), Some(1)), (None, Some(1)), (Some(0), Some(1))]);
}

#[test]
fn the_only_database_is_the_target_unless_its_hosts_differ() {
    let reach = |hosts: &[&str], host: Option<&str>| {
        let mut env = env("production");
        env.workloads = vec![deployment("api")];
        let mut database = Database::named("aurora", None);
        database.hosts = hosts
            .iter()
            .map(|h| Fact::declared((*h).to_owned(), span(0)))
            .collect();
        env.databases = vec![database];
        env.pools = vec![sql_pool("api", host)];
        link(&mut env);
        env.pools[0].database.is_some()
    };
    assert!(reach(&[], None));
    assert!(reach(&[], Some("db.internal")));
    assert!(reach(&["db.internal"], None));
    assert!(reach(&["db.internal"], Some("localhost")));
    assert!(!reach(&["db.internal"], Some("other.internal")));
}

#[test]
fn hosts_are_read_in_every_spelling() {
    for (text, host) in [
        ("postgres://u:p@db:5432/app", Some("db")),
        ("jdbc:postgresql://db.internal/app", Some("db.internal")),
        ("host=db port=5432 dbname=app", Some("db")),
        ("[::1]:5432", Some("::1")),
        ("DB.Internal.", Some("db.internal")),
        ("${DB_HOST}", None),
        ("", None),
    ] {
        assert_eq!(super::addresses::host_in(text).as_deref(), host, "{text}");
    }
}

#[test]
fn ten_thousand_workloads_link_without_a_quadratic_step() {
    let mut env = env("production");
    for n in 0..10_000usize {
        let name = format!("service-{n}");
        let mut workload = with_variables(deployment(&name), &[("POOL_SIZE", "5"), ("LOG_LEVEL", "info")]);
        workload.replicas = declared(2);
        env.workloads.push(workload);
        env.autoscalers.push(autoscaler(
            "HorizontalPodAutoscaler",
            Some(object(
                "Deployment",
                &format!("{name}{}", if n % 2 == 0 { "" } else { "-gone" }),
            )),
            (Some(1), Some(3)),
        ));
        let mut consumer = consumer_in(&format!("services/{name}/src"), &name);
        consumer.topics = vec![Fact::declared(format!("topic-{}", n + 5000), span(0))];
        env.consumers.push(consumer);
        env.topics.push(topic(&format!("topic-{n}")));
        env.pools.push(sql_pool(&name, Some("db")));
        env.calls.push(Call {
            owner: Owner::named(name.to_uppercase()),
            site: CallSite::default(),
            span: span(0),
            target: CallTarget::Outside,
            target_name: None,
            what: String::new(),
            timeout: TimeoutSetting::Unknown,
            attempts: None,
            backoff: None,
            jitter: None,
            retry_budget: None,
            breaker: None,
        });
    }
    let start = std::time::Instant::now();
    link(&mut env);
    // An unoptimised build on a busy machine; a quadratic step takes minutes.
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    assert_eq!(env.services.len(), 10_000);
    assert_eq!(env.dangling.len(), 10_000);
}

#[test]
fn a_cache_in_code_and_in_settings_is_one() {
    use crate::cells::{LocalCache, LocalCacheKind};
    let cache = |service: usize, kind, in_code: bool| LocalCache {
        name: "flags".to_owned(),
        owner: Owner::named(["api", "web"][service]),
        span: span(1),
        kind,
        ttl: None,
        medium: in_code.then(|| Fact::inferred("memory".to_owned(), span(2), "an object")),
        invalidation: None,
    };
    let mut env = Environment::default();
    for name in ["api", "web"] {
        env.services.push(Service {
            name: name.to_owned(),
            ..Service::default()
        });
    }
    env.local_caches = vec![
        cache(0, LocalCacheKind::Flags, false),
        cache(0, LocalCacheKind::Flags, true),
        cache(0, LocalCacheKind::Discovery, true),
        cache(1, LocalCacheKind::Flags, true),
        cache(0, LocalCacheKind::Other, true),
    ];
    link(&mut env);
    let kinds: Vec<_> = env
        .local_caches
        .iter()
        .map(|c| (c.owner.service.map(|s| s.0), c.kind))
        .collect();
    assert_eq!(
        kinds,
        [
            (Some(0), LocalCacheKind::Flags),
            (Some(0), LocalCacheKind::Discovery),
            (Some(1), LocalCacheKind::Flags),
            (Some(0), LocalCacheKind::Other),
        ]
    );
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

#[test]
fn a_group_without_a_topic_reads_the_only_topic() {
    let read = |topics: &[&str]| {
        let mut env = env("production");
        env.workloads = vec![deployment("collector")];
        env.topics = topics.iter().map(|name| topic(name)).collect();
        env.consumers.push(consumer_in("services/collector", "g"));
        link(&mut env);
        env.consumers[0].topic_ids.clone()
    };
    assert_eq!(read(&["events-dlq", "events"]), [crate::TopicId(1)]);
    assert_eq!(read(&["events", "audit"]), []);
    assert_eq!(read(&["events-dlq"]), []);
}

#[test]
fn overflow_next_to_a_different_size_is_ignored() {
    let mut env = env("production");
    env.workloads = vec![deployment("api")];
    let pool = |file: u32, size: Option<u32>, overflow: Option<u32>| {
        let mut pool = sql_pool("api", None);
        pool.span = Span::new(crate::FileId(file), 0, 1);
        pool.size = size.and_then(declared);
        pool.overflow = overflow.and_then(declared);
        pool
    };
    // A variable sets 10; one dictionary says 5 and 3, another one 10 and 15.
    env.pools = vec![
        pool(1, Some(10), None),
        pool(2, Some(5), Some(3)),
        pool(3, Some(10), Some(15)),
    ];
    link(&mut env);
    let [pool] = env.pools.as_slice() else {
        panic!("{:?}", env.pools)
    };
    assert_eq!(pool.size.as_ref().unwrap().value, 10);
    assert_eq!(pool.overflow.as_ref().unwrap().value, 15);
}
