use std::time::Duration;

use cofferdam_policy::trace::Recorder;
use proptest::prelude::*;

use super::storm::run;
use super::*;
use crate::chance::Streams;
use crate::components::autoscaler::Target;
use crate::components::pgbouncer::Mode;
use crate::outcome::{Outcome, Role};

fn part(service: &str) -> Part {
    Part {
        id: ServiceId(0),
        service: service.into(),
        each: 20,
        pooled: false,
        surge: 13,
        start_up: Duration::from_secs(30),
        scaler: AutoscalerConfig {
            minimum: 2,
            maximum: 50,
            targets: vec![Target::Value(1000)],
            ..AutoscalerConfig::default()
        },
        flow: None,
    }
}

fn setup(between: Option<Between>) -> Setup {
    let of = |service: &str| Part {
        pooled: between.is_some(),
        ..part(service)
    };
    Setup {
        parts: vec![of("a"), of("b")],
        slots: Slots {
            limit: 1000,
            reserved: 5,
        },
        costs: Costs::default(),
        refusal: "remaining connection slots are reserved",
        between,
        stated: Some((100, "the checklist".into())),
    }
}

fn between(pool_mode: Mode, users: Option<u32>) -> Between {
    Between {
        limits: Limits {
            replicas: 3,
            replicas_known: true,
            users,
            databases: 1,
            pool: 25,
            reserve: 0,
            most: 100,
        },
        config: PgBouncerConfig {
            pool_mode,
            default_pool_size: 25,
            max_db_connections: 100,
            max_client_conn: 1000,
            ..PgBouncerConfig::default()
        },
    }
}

/// The pooler with `default_pool_size` and `max_db_connections`.
fn sized(mut between: Between, pool: u32, most: u32) -> Between {
    (between.config.default_pool_size, between.limits.pool) = (pool, pool);
    (between.config.max_db_connections, between.limits.most) = (most, most);
    between
}

/// Requests of both services, so many a second each, of 5 ms.
fn with_requests(mut setup: Setup, rate: f64) -> Setup {
    for part in &mut setup.parts {
        part.flow = Some(Flow {
            rate,
            hold: Duration::from_millis(5),
            patience: Some(Duration::from_secs(10)),
            last_first: false,
        });
    }
    setup
}

fn rehearsed(setup: &Setup) -> Outcome {
    run(setup, &Streams::new(1, 0), &mut Recorder::off())
}

fn figure(out: &Outcome, name: &str) -> f64 {
    out.figures
        .iter()
        .find(|f| f.name == name)
        .unwrap_or_else(|| panic!("no figure {name}"))
        .value
}

#[test]
fn two_thousand_connections_are_wanted_and_995_are_available() {
    let out = rehearsed(&setup(None));
    assert_eq!(figure(&out, "connections wanted at full scale"), 2000.0);
    assert_eq!(figure(&out, "available connections"), 995.0);
    assert_eq!(figure(&out, "connections missing at full scale"), 1005.0);
    // 1,005 of 2,000.
    assert!((figure(&out, "share of the connections that is missing") - 50.25).abs() < 1e-9);
    // (50 + 13) × 20 × 2.
    assert_eq!(
        figure(&out, "connections wanted while a rollout overlaps"),
        2520.0
    );
    assert_eq!(figure(&out, "maximum connections to the server at a time"), 995.0);
    assert!(figure(&out, "replicas without any connection") > 20.0);
    assert!((figure(&out, "refused if each request opened its own (Erlang B)") - 50.3).abs() < 0.2);
    assert!(out.moments.iter().any(|m| m.role == Role::Loop));
    // About 50 refused attempts a second, of 0.35 ms each for the postmaster: 1.8 %.
    let busy = figure(
        &out,
        "share of the postmaster's time for new processes, at full scale",
    );
    let refused = figure(&out, "refused attempts a second, at the end");
    assert!((busy - refused * 0.035).abs() < 0.1, "{busy} at {refused}");
    let processors = figure(
        &out,
        "server processors used by connection attempts, at full scale",
    );
    assert!((processors - refused * 0.002_55).abs() < 0.02, "{processors}");
}

#[test]
fn replicas_without_a_connection_fail_their_requests() {
    let out = rehearsed(&with_requests(setup(None), 1000.0));
    let without = figure(&out, "replicas without any connection");
    let failing = figure(&out, "requests that fail without a connection, at full scale");
    // Of 100 replicas.
    assert!((failing - without).abs() < 1.0, "{failing}, {without} without");
}

#[test]
fn a_pool_without_a_timeout_lets_requests_wait_without_end() {
    let mut setup = with_requests(setup(None), 100.0);
    for part in &mut setup.parts {
        part.flow = part.flow.map(|flow| Flow {
            patience: None,
            ..flow
        });
    }
    let out = rehearsed(&setup);
    let without = figure(&out, "replicas without any connection");
    let endless = figure(&out, "requests that wait without end");
    assert!((endless - without).abs() < 1.5, "{endless}, {without} without");
}

#[test]
fn a_pooler_may_open_300_connections_with_a_user_a_replica_and_75_with_one() {
    for (users, replicas, may) in [
        (None, 100, 300),
        (Some(1), 100, 75),
        (Some(4), 100, 300),
        (Some(3), 9, 225),
    ] {
        let between = between(Mode::Transaction, users);
        assert_eq!(between.server_connections(replicas), may, "{users:?}");
    }
    // 100 users with one connection each in each of three.
    let each = sized(between(Mode::Transaction, None), 1, 0);
    assert_eq!(each.server_connections(100), 300);
    // It has no limit of its own, but opens no more than there are clients.
    let mut open = sized(between(Mode::Transaction, None), 25, 0);
    open.config.max_client_conn = 100;
    assert_eq!(open.server_connections(100), 300);
    let out = rehearsed(&setup(Some(between(Mode::Transaction, None))));
    assert_eq!(figure(&out, "connections missing at full scale"), 0.0);
    assert_eq!(figure(&out, "maximum connections to the server at a time"), 300.0);
    assert_eq!(
        figure(&out, "connections that the pooler may open to the server"),
        300.0
    );
    assert_eq!(
        figure(&out, "connections to the server above the stated limit"),
        200.0
    );
}

#[test]
fn in_session_mode_all_clients_but_75_wait_and_are_disconnected() {
    let out = rehearsed(&setup(Some(between(Mode::Session, Some(1)))));
    // 2,000 wanted; each replica of the pooler has 25 to the server, and each keeps its first client.
    assert_eq!(figure(&out, "connections missing at full scale"), 1925.0);
    assert_eq!(figure(&out, "maximum connections to the server at a time"), 75.0);
    let first = out.moments.iter().find(|m| m.key == "disconnected").unwrap();
    let begun = out.moments.iter().find(|m| m.key == "pooler full").unwrap();
    assert_eq!(first.at.since(begun.at), Duration::from_secs(120));
}

#[test]
fn a_pooler_that_may_open_more_than_the_server_has_is_refused_the_rest() {
    let mut setup = setup(Some(between(Mode::Session, Some(1))));
    setup.slots.limit = 50;
    let out = rehearsed(&setup);
    // 75 of 45 slots.
    assert_eq!(figure(&out, "maximum connections to the server at a time"), 45.0);
    assert_eq!(figure(&out, "connections missing at full scale"), 1955.0);
    assert_eq!(
        figure(&out, "connections of the pooler that the server has no slot for"),
        30.0
    );
}

#[test]
fn in_transaction_mode_75_connections_carry_a_load_that_needs_fewer() {
    // 2 × 5,000 × 5 ms keep 50 of 75 busy.
    let setup = with_requests(setup(Some(between(Mode::Transaction, Some(1)))), 5000.0);
    let out = rehearsed(&setup);
    assert!((figure(&out, "connections that transactions want at a time") - 50.0).abs() < 1e-9);
    assert_eq!(
        figure(&out, "requests that fail without a connection, at full scale"),
        0.0
    );
    assert_eq!(figure(&out, "wait for a connection at full scale, median"), 0.0);
    assert!(figure(&out, "wait for a connection at full scale, 99th percentile") < 20.0);
}

#[test]
fn waits_in_the_pooler_follow_erlang_c() {
    let mut between = sized(between(Mode::Transaction, Some(1)), 20, 100);
    between.limits.replicas = 1;
    between.config.max_client_conn = 2000;
    let mut setup = with_requests(setup(Some(between)), 900.0);
    for part in &mut setup.parts {
        part.flow = part.flow.map(|flow| Flow {
            hold: Duration::from_millis(10),
            ..flow
        });
    }
    let out = rehearsed(&setup);
    // 18 of 20 connections: C = 0.551 wait, and a wait is longer than t with C × e^(−200 t), since 2,000 a second are
    // served and 1,800 come: 0.05 at ln(0.551 ÷ 0.05) ÷ 200 = 12 ms. Of 15 s a few hundred waits are independent.
    let wait = figure(&out, "wait for a connection at full scale, 95th percentile");
    assert!((wait - 12.0).abs() < 5.0, "{wait}");
}

#[test]
fn load_above_the_capacity_of_the_pooler_waits_in_the_pools_until_the_timeout() {
    // 2 × 2,000 × 25 ms want 100 of 75: 4,000 a second come and 3,000 are served.
    let mut setup = with_requests(setup(Some(between(Mode::Transaction, Some(1)))), 2000.0);
    for part in &mut setup.parts {
        part.flow = part.flow.map(|flow| Flow {
            hold: Duration::from_millis(25),
            ..flow
        });
    }
    let out = rehearsed(&setup);
    // The wait grows by a third of a second each second, so that after 30 s it is 10 s, and from then on a
    // quarter gives up.
    let failing = figure(&out, "requests that fail without a connection, at full scale");
    assert!((failing - 25.0).abs() < 1.0, "{failing}");
    let wait = figure(&out, "wait for a connection at full scale, 95th percentile");
    assert!((10_000.0..11_000.0).contains(&wait), "{wait}");
    let own = figure(&out, "requests that wait too long for their service's own pool");
    assert_eq!(own, failing);
    assert!(
        out.moments
            .iter()
            .any(|m| m.key == "more transactions than connections")
    );
}

#[test]
fn a_pooler_with_too_few_client_connections_refuses_the_rest() {
    let mut small = between(Mode::Transaction, Some(1));
    small.config.max_client_conn = 100;
    let out = rehearsed(&setup(Some(small)));
    assert_eq!(figure(&out, "available connections"), 300.0);
    assert_eq!(figure(&out, "connections missing at full scale"), 1700.0);
    assert!(out.moments.iter().any(|m| m.key == "slots full"));
}

#[test]
fn users_that_outnumber_the_connections_have_them_closed_for_each_other() {
    // 240 users with three connections each are clients of 170 pools of each replica of the pooler on
    // average, which share 100 connections; with 40 users there is enough room.
    let mut setup = with_requests(setup(Some(between(Mode::Transaction, None))), 1000.0);
    setup.parts[0].each = 3;
    setup.parts[1].each = 3;
    let rate = |setup: &Setup| {
        figure(
            &rehearsed(setup),
            "connections that the pooler opens a second, at full scale",
        )
    };
    let opens = "closed for another";
    setup.parts[0].scaler.maximum = 120;
    setup.parts[1].scaler.maximum = 120;
    let out = rehearsed(&setup);
    assert!(out.moments.iter().any(|m| m.key == opens));
    // 667 transactions a second find their connection closed in 1 − 100 ÷ 170 of all cases: about 275, three
    // times. A little more, because replicas use their three in turns: the one used next is the one that was
    // idle longest.
    let many = rate(&setup);
    assert!((825.0..1500.0).contains(&many), "{many}");
    setup.parts[0].scaler.maximum = 20;
    setup.parts[1].scaler.maximum = 20;
    assert!(rate(&setup) < 10.0, "{}", rate(&setup));
}

#[test]
fn services_beside_the_pooler_share_the_slots_with_it() {
    // 50 × 20 through the pooler, which opens 75, and 50 × 20 beside it: 1,000 + 75 > 995.
    let mut setup = setup(Some(between(Mode::Transaction, Some(1))));
    setup.parts[1].pooled = false;
    let out = rehearsed(&setup);
    assert_eq!(figure(&out, "maximum connections to the server at a time"), 995.0);
    assert_eq!(
        figure(&out, "connections that the pooler may open to the server"),
        75.0
    );
    // All clients of the pooler are accepted; the direct ones get what the pooler has left.
    let missing = figure(&out, "connections missing at full scale");
    assert!((5.0..=80.0).contains(&missing), "{missing}");
    let full = out.moments.iter().find(|m| m.key == "slots full").unwrap();
    assert_eq!(full.text, "all 995 connections are taken");
    // 100 + 75 fit: nothing is missing.
    setup.parts[1].each = 2;
    let out = rehearsed(&setup);
    assert_eq!(figure(&out, "connections missing at full scale"), 0.0);
    let most = figure(&out, "maximum connections to the server at a time");
    assert!((100.0..=175.0).contains(&most), "{most}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn connections_never_exceed_the_limit(
        limit in 6..400_u32,
        pooled in prop::option::of((any::<bool>(), prop::option::of(1..5_u32), 1..40_u32, 0..120_u32, 20..400_u32)),
        rate in prop::option::of(1.0..500.0_f64),
        seed in any::<u64>(),
    ) {
        let between = pooled.map(|(session, users, pool, most, clients)| {
            let mode = if session { Mode::Session } else { Mode::Transaction };
            let mut between = sized(between(mode, users), pool, most);
            between.config.max_client_conn = clients;
            between
        });
        let mut setup = setup(between);
        setup.slots.limit = limit;
        if let Some(rate) = rate {
            setup = with_requests(setup, rate);
        }
        let out = run(&setup, &Streams::new(seed, 0), &mut Recorder::off());
        let most = figure(&out, "maximum connections to the server at a time");
        prop_assert!(most <= f64::from(setup.slots()));
        let wanted = figure(&out, "connections wanted at full scale");
        let open = wanted - figure(&out, "connections missing at full scale");
        prop_assert!(open >= 0.0 && open <= f64::from(setup.there_are()), "{} open", open);
        if let Some(between) = &setup.between {
            prop_assert!(most <= f64::from(between.server_connections(100)));
        } else {
            prop_assert_eq!(open, most);
        }
        prop_assert!((0.0..=1.0).contains(&out.harm));
    }
}
