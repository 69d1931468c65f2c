//! Hand-built platforms for the tests of rules.

use crate::engine::{Options, audit_with};
use crate::finding::Finding;
use crate::rule::{Context, Rule, Shared, Verdicts};
use crate::rule_set::RuleSet;
use cofferdam_model::Texts;
use cofferdam_model::alerts::{Alert, NewRelicTiming, Timing};
use cofferdam_model::calls::{Call, CallSite, CallTarget};
use cofferdam_model::kafka::{Consumer, Topic, WorkerSetting};
use cofferdam_model::workload::{Completeness, ObjectId, ServicePort};
use cofferdam_model::{
    Environment, Fact, FileId, Owner, Parts, Platform, Scale, Service, ServiceId, Span, TopicId,
};
use std::time::Duration;

/// A different place for each `n`.
pub(crate) fn span(n: usize) -> Span {
    Span::new(FileId(0), n, n + 1)
}

/// A declared fact.
pub(crate) fn fact<T>(value: T, n: usize) -> Fact<T> {
    Fact::declared(value, span(n))
}

/// All results of the rule for one environment.
pub(crate) fn verdicts(rule: &Rule, env: &Environment) -> Verdicts {
    verdicts_in(rule, env, &Platform::default())
}

/// The same in a platform.
pub(crate) fn verdicts_in(rule: &Rule, env: &Environment, platform: &Platform) -> Verdicts {
    let mut out = Verdicts::default();
    let cx = Context {
        env,
        platform,
        settings: None,
        shared: &Shared::default(),
    };
    rule.check.run(&cx, &mut out);
    out
}

/// The findings.
pub(crate) fn all(rule: &Rule, env: &Environment) -> Vec<Finding> {
    verdicts(rule, env).findings
}

/// The single finding that must exist.
pub(crate) fn only(rule: &Rule, env: &Environment) -> Finding {
    let mut found = all(rule, env);
    assert_eq!(found.len(), 1, "{found:#?}");
    found.remove(0)
}

/// A service with replicas (min, current, max).
pub(crate) fn service(name: &str, replicas: (u32, u32, u32)) -> Service {
    Service {
        name: name.to_owned(),
        scale: Scale {
            min: Some(fact(replicas.0, 101)),
            current: Some(fact(replicas.1, 102)),
            max: Some(fact(replicas.2, 103)),
            surge: None,
        },
        ..Service::default()
    }
}

/// The owner of service number `id`.
pub(crate) fn owned_by(id: usize) -> Owner {
    Owner {
        service: Some(ServiceId(id)),
        ..Owner::default()
    }
}

/// One consumer on one topic, its service at (min, current, max) replicas, perhaps with workers.
pub(crate) fn env_with_consumer(
    partitions: u32,
    replicas: (u32, u32, u32),
    workers: Option<u32>,
) -> Environment {
    let mut consumer = Consumer::at(span(1), owned_by(0));
    consumer.topics = vec![fact("events".to_owned(), 2)];
    consumer.topic_ids = vec![TopicId(0)];
    consumer.workers = workers
        .map(|n| WorkerSetting {
            name: "WORKER_THREADS".to_owned(),
            count: fact(n, 3),
            builds_consumer: None,
        })
        .into_iter()
        .collect();
    Environment {
        name: "production".to_owned(),
        parts: Parts {
            services: vec![service("processor", replicas)],
            topics: vec![Topic {
                name: fact("events".to_owned(), 4),
                partitions: Some(fact(partitions, 5)),
                replication_factor: None,
                min_insync_replicas: None,
                retention: None,
                peak_rate: None,
                said: Default::default(),
            }],
            consumers: vec![consumer],
            ..Parts::default()
        },
        ..Environment::default()
    }
}

/// The engine's report on a platform of one environment, for tests of order and suppression.
#[allow(dead_code, reason = "used by some rules only")]
pub(crate) fn report(env: Environment) -> crate::engine::Report {
    audit_with(
        &Platform {
            environments: vec![env],
            ..Platform::default()
        },
        &RuleSet::built_in(),
        &Options::default(),
    )
}

/// A Service of Kubernetes that selects pods by these labels.
pub(crate) fn service_port(id: ObjectId, selector: &Texts) -> ServicePort {
    ServicePort {
        id: ObjectId {
            kind: "Service".to_owned(),
            ..id
        },
        span: span(40),
        labels: Texts::new(),
        selector: selector.clone(),
        ports: Vec::new(),
        kind: None,
        address: None,
        external_name: None,
        completeness: Completeness::Whole,
    }
}

/// A call of the service at a place in the list of services, of which nothing else is known.
pub(crate) fn call(from: usize, site: CallSite) -> Call {
    Call::at(span(50), owned_by(from), site, CallTarget::Service)
}

/// An alert with this timing.
pub(crate) fn alert(name: &str, timing: Timing) -> Alert {
    Alert {
        name: fact(name.to_owned(), 1),
        span: span(1),
        owner: Owner::default(),
        severity: None,
        labels: std::collections::BTreeMap::new(),
        enabled: None,
        query: None,
        signals: Vec::new(),
        selects: Vec::new(),
        threshold: None,
        timing,
        notifies: Vec::new(),
        promised: None,
    }
}

/// Window, delay and threshold duration of a New Relic condition.
pub(crate) fn condition(window: u64, delay: u64, duration: u64) -> NewRelicTiming {
    NewRelicTiming {
        window: Some(fact(Duration::from_secs(window), 2)),
        delay: Some(fact(Duration::from_secs(delay), 3)),
        threshold_duration: Some(fact(Duration::from_secs(duration), 4)),
        ..NewRelicTiming::default()
    }
}

/// The words of a remedy between two others: a number with its unit, which a test applies.
pub(crate) fn advised<'a>(remedy: &'a str, before: &str, after: &str) -> Option<&'a str> {
    let (_, rest) = remedy.split_once(before)?;
    Some(rest.split_once(after)?.0)
}

/// A duration or a rate as advice shows it: `10.1 min`, `7,000`.
pub(crate) fn advised_time(text: &str) -> Duration {
    let text = text.replace([' ', ','], "");
    cofferdam_model::units::duration(&text).unwrap_or_else(|| panic!("{text}"))
}
