//! The registry keeps what it promises, whatever entries it has.

use super::*;
use crate::alerts::Slo;
use crate::database::{Database, Pool, PoolTarget, Pooler};
use crate::kafka::{Consumer, KafkaCluster};
use crate::overlay::Overlay;
use crate::platform::{Environment, Parts, Service};
use crate::units::{self, Bytes, Money, Rate};
use crate::{Owner, ServiceId};
use cofferdam_syntax::{FileId, Span};
use std::collections::BTreeSet;

fn all() -> impl Iterator<Item = &'static Entry> {
    Section::ALL.into_iter().flat_map(entries).copied()
}

fn span() -> Span {
    Span::new(FileId(0), 0, 1)
}

/// The value of an entry's example.
fn example(entry: &Entry) -> Option<Value> {
    let text = entry.example.trim_matches('\'');
    let names = || {
        let inner = text.trim_matches(['[', ']', '\'']);
        Value::Names(vec![Fact::stated(inner.to_owned(), span())])
    };
    Some(match entry.kind {
        Kind::Whole => Value::Whole(text.parse().ok()?),
        Kind::Count => Value::Whole(text.parse().ok().filter(|n| *n > 0)?),
        Kind::Rate | Kind::RateOrShare => Value::Rate(Rate(text.parse().ok()?)),
        Kind::Duration => Value::Duration(units::duration(text)?),
        Kind::Share => Value::Share(units::share(text)?),
        Kind::Bytes => Value::Bytes(Bytes::parse(text)?),
        Kind::Flag => Value::Flag(text.parse().ok()?),
        Kind::Name | Kind::Scalar => Value::Text(text.to_owned()),
        Kind::Names => names(),
        Kind::Choice(words) => Value::Word(words.iter().find(|word| **word == text)?),
        Kind::Money => Value::Money(Money(text.parse().ok()?)),
        Kind::Limits => Value::Limits(vec![(Fact::stated(100, span()), "a checklist".to_owned())]),
        Kind::Map => return None,
    })
}

/// What a part says about a fact that was stated for it.
fn kept<P: Part>(mut part: P, entry: &'static Entry, fact: &Fact<Value>) -> Option<Value> {
    part.state(entry, fact);
    Some(part.known(entry)?.value)
}

fn slo() -> Slo {
    Slo {
        name: "x".to_owned(),
        owner: Owner::default(),
        span: span(),
        target: None,
        window: None,
        indicator: None,
        said: Said::default(),
    }
}

#[test]
fn a_stated_value_is_the_known_value_of_every_fact() {
    for entry in all().filter(|entry| entry.is_fact()) {
        let path = format!("{}.{}", entry.section.path(), entry.key);
        let value = example(entry).unwrap_or_else(|| panic!("{path}: {} is not an example", entry.example));
        let fact = Fact::stated(value.clone(), span());
        let known = match &entry.slot {
            Slot::Pool(access) => {
                let mut pool = Pool::at(span(), Owner::default(), PoolTarget::Sql);
                (access.set)(&mut pool, &fact);
                (access.get)(&pool).map(|fact| fact.value)
            }
            Slot::Consumer(access) => {
                let mut consumer = Consumer::at(span(), Owner::default());
                (access.set)(&mut consumer, &fact);
                (access.get)(&consumer).map(|fact| fact.value)
            }
            Slot::Relation => continue,
            _ => match entry.section {
                Section::Services => kept(Service::default(), entry, &fact),
                Section::Databases => kept(Database::named("x", None), entry, &fact),
                Section::Poolers => kept(Pooler::named("x", span(), Owner::default()), entry, &fact),
                Section::Kafka => kept(KafkaCluster::default(), entry, &fact),
                Section::Topics => kept(topic(), entry, &fact),
                Section::Cells => kept(cell(), entry, &fact),
                Section::Slos => kept(slo(), entry, &fact),
                Section::Secrets => kept(secret(), entry, &fact),
                Section::Targets | Section::Registries | Section::Prices => {
                    kept(Overlay::default(), entry, &fact)
                }
            },
        };
        let known = known.map(|value| value.to_string());
        assert_eq!(known, Some(value.to_string()), "{path}");
    }
}

fn topic() -> crate::kafka::Topic {
    crate::kafka::Topic {
        name: Fact::stated("x".to_owned(), span()),
        partitions: None,
        replication_factor: None,
        min_insync_replicas: None,
        retention: None,
        peak_rate: None,
        said: Said::default(),
    }
}

fn cell() -> crate::cells::Cell {
    crate::cells::Cell {
        name: Fact::stated("x".to_owned(), span()),
        weight: None,
        capacity_share: None,
        capacity: None,
        traffic: None,
        region: None,
        failover_to: None,
        said: Said::default(),
    }
}

fn secret() -> crate::secrets::SecretStore {
    crate::secrets::SecretStore {
        name: "x".to_owned(),
        namespace: None,
        span: span(),
        rotation: None,
        overlap: None,
        reload: None,
        said: Said::default(),
    }
}

#[test]
fn every_key_is_there_once_below_its_map_and_is_described() {
    let mut seen = BTreeSet::new();
    for entry in all() {
        assert!(seen.insert((entry.section, entry.key)), "{}", entry.key);
        assert_eq!(find(entry.section, entry.key), Some(entry));
        assert!(
            entry.sentence.ends_with('.') && !entry.example.is_empty(),
            "{}",
            entry.key
        );
        let (map, key) = entry.in_map();
        assert!(!key.contains('.'), "{}: one map is as deep as it goes", entry.key);
        if let Some(map) = map {
            let above = find(entry.section, map).map(|above| above.kind);
            assert!(
                seen.contains(&(entry.section, map)) && above == Some(Kind::Map),
                "{}",
                entry.key
            );
        }
        assert_eq!(
            entry.kind == Kind::Map,
            matches!(entry.slot, Slot::Map),
            "{}",
            entry.key
        );
        let clauses = entry.default.iter().map(|(_, why)| *why).chain(entry.decides);
        for clause in clauses {
            assert!(
                !clause.is_empty() && !clause.ends_with('.'),
                "{}: {clause}",
                entry.key
            );
        }
    }
}

#[test]
fn a_need_has_a_path_that_a_name_cannot_divide_and_lines_to_add() {
    for (need, path, lines) in [
        (
            Need::of(&services::POOL_SIZE, "my.api"),
            "services.\"my.api\".pool.size",
            "services:\n  my.api:\n    pool:\n      size: 10",
        ),
        (
            Need::of(&topics::PARTITIONS, "orders"),
            "kafka.topics.orders.partitions",
            "kafka:\n  topics:\n    orders:\n      partitions: 1",
        ),
        (
            Need::of_any(&services::PROCESSES),
            "services.NAME.processes",
            "services:\n  NAME:\n    processes: 1",
        ),
        (
            Need::one(&kafka::BROKERS),
            "kafka.brokers",
            "kafka:\n  brokers: 3",
        ),
        (
            Need::of(&secrets::ROTATION, "true"),
            "secrets.true.rotation",
            "secrets:\n  \"true\":\n    rotation: 90d",
        ),
        (
            Need::of(&slos::WINDOW, "fast: 1"),
            "slos.\"fast: 1\".window",
            "slos:\n  - name: \"fast: 1\"\n    window: 30d",
        ),
    ] {
        assert_eq!((need.path().as_str(), need.lines().as_str()), (path, lines));
    }
    let need = Need::one(&prices::POD_HOUR).because("cost at the maximum");
    assert_eq!(need.to_string(), "prices.pod_hour (cost at the maximum)");
    assert_eq!(need.reason(), "cost at the maximum");
    assert_eq!(Missing::from("a time zone").to_string(), "a time zone");
    assert_eq!(
        Need::one(&kafka::BROKERS).reason(),
        "how many messages pass one leader"
    );
}

#[test]
fn the_facts_of_an_environment_are_those_of_its_parts_with_their_sources() {
    let mut pool = Pool::at(span(), Owner::default(), PoolTarget::Sql);
    pool.owner.service = Some(ServiceId(0));
    pool.size = Some(Fact::declared(7, span()));
    let env = Environment {
        parts: Parts {
            services: vec![Service {
                name: "api".to_owned(),
                peak_rate: Some(Fact::stated(Rate(5.0), span())),
                ..Service::default()
            }],
            pools: vec![pool],
            databases: vec![Database::named("main", None)],
            ..Parts::default()
        },
        ..Environment::default()
    };
    let facts = facts_of(&env);
    let value = |path: &str| {
        let known = facts.iter().find(|known| known.path() == path);
        known
            .unwrap_or_else(|| panic!("{path} is not there"))
            .value
            .clone()
    };
    assert_eq!(
        value("services.api.requests_per_second"),
        Some(Fact::stated(Value::Rate(Rate(5.0)), span()))
    );
    assert_eq!(
        value("services.api.pool.size"),
        Some(Fact::declared(Value::Whole(7), span()))
    );
    assert_eq!(value("databases.main.max_connections"), None);
    assert!(facts.iter().all(|known| known.entry.is_fact()));
    assert!(facts.iter().all(|known| known.entry.section != Section::Kafka));
}
