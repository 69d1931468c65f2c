//! Waiting for a server connection in a real PgBouncer.

use std::sync::Arc;
use std::time::Duration;

use cofferdam_servers::{PgBouncer, Postgres, ROLES};
use cofferdam_simulate::chance::Streams;
use cofferdam_simulate::components::pgbouncer::{Mode, PgBouncerConfig, TICK, replay};
use cofferdam_simulate::components::postgres::{Visit, visits};
use tokio::time::Instant;
use tokio_postgres::Client;

use super::{connect, runtime, seconds, started};

const POOL: usize = 2;
/// Clients that are connected: more than ever wait at once.
const CLIENTS: usize = 90;

fn sleep(hold: Duration) -> String {
    format!("SELECT pg_sleep({})", seconds(hold))
}

/// The time of a transaction in addition to its sleep when no other client is connected, as its caller
/// measures it: the round trip, and the clock's resolution.
async fn alone(client: &Client) -> Duration {
    const COUNT: u32 = 100;
    let mut overhead = Duration::ZERO;
    for number in 0..COUNT {
        let hold = Duration::from_micros(u64::from(number) * 300);
        let begun = Instant::now();
        client.simple_query(&sleep(hold)).await.unwrap();
        overhead += begun.elapsed().saturating_sub(hold);
    }
    overhead / COUNT
}

/// How long a transaction holds its server connection in addition to its sleep: with more clients than
/// connections, every connection is busy all the time.
async fn held(clients: &[Arc<Client>]) -> Duration {
    const EACH: u32 = 25;
    const BUSY: u32 = 12;
    let hold = |number: u32| Duration::from_micros(5000 + u64::from(number) * 400);
    let begun = Instant::now();
    let tasks: Vec<_> = clients
        .iter()
        .take(BUSY as usize)
        .map(|client| {
            let client = Arc::clone(client);
            tokio::spawn(async move {
                for number in 0..EACH {
                    client.simple_query(&sleep(hold(number))).await.unwrap();
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let slept: Duration = (0..EACH).map(hold).sum::<Duration>() * BUSY;
    (begun.elapsed() * POOL as u32).saturating_sub(slept) / (EACH * BUSY)
}

#[test]
fn waits_are_within_a_tenth_of_the_simulated_ones() {
    let _alone = super::alone();
    let server = started(Postgres::start(&[("max_connections", "20")]));
    let settings = [
        ("pool_mode", "transaction"),
        ("default_pool_size", "2"),
        ("max_client_conn", "200"),
        ("query_wait_timeout", "0"),
    ];
    let pooler = started(PgBouncer::start(&server, &settings));
    // 40 ms at 35 a second on 2 connections: ρ = 0.7.
    let mut chance = Streams::new(12, 0).stream("pgbouncer", "visits");
    let visits = visits(1500, 35.0, Duration::from_millis(40), &mut chance);
    let (held, waits) = runtime().block_on(async {
        let mut clients = Vec::new();
        for _ in 0..CLIENTS {
            clients.push(connect(&pooler.url()).await.unwrap().0);
        }
        // Warm: both server connections are open.
        let warm = sleep(Duration::from_millis(20));
        let (one, two) = tokio::join!(clients[0].simple_query(&warm), clients[1].simple_query(&warm));
        one.and(two).unwrap();
        let clients: Vec<_> = clients.into_iter().map(Arc::new).collect();
        let alone = alone(&clients[0]).await;
        let held = held(&clients).await;
        let start = Instant::now() + Duration::from_millis(100);
        let tasks: Vec<_> = visits
            .iter()
            .enumerate()
            .map(|(number, visit)| {
                let (client, visit) = (Arc::clone(&clients[number % CLIENTS]), visit.clone());
                tokio::spawn(async move {
                    tokio::time::sleep_until(start + Duration::from_nanos(visit.at.as_nanos())).await;
                    let begun = Instant::now();
                    client.simple_query(&sleep(visit.hold)).await.unwrap();
                    seconds(begun.elapsed()) - seconds(visit.hold + alone)
                })
            })
            .collect();
        let mut waits = Vec::new();
        for task in tasks {
            waits.push(task.await.unwrap());
        }
        (held, waits)
    });
    let whole: Vec<Visit> = visits
        .iter()
        .map(|visit| Visit {
            hold: visit.hold + held,
            ..visit.clone()
        })
        .collect();
    let config = PgBouncerConfig {
        pool_mode: Mode::Transaction,
        default_pool_size: POOL as u32,
        max_client_conn: whole.len() as u32,
        query_wait_timeout: Duration::ZERO,
        ..PgBouncerConfig::default()
    };
    // Warm: a requested connection is open.
    let simulated = replay(&whole, 1, config, Duration::ZERO).waits;
    let mean = |waits: &[f64]| waits.iter().sum::<f64>() / waits.len() as f64;
    let simulated: Vec<f64> = simulated.into_iter().flatten().map(seconds).collect();
    assert_eq!(simulated.len(), waits.len());
    let (real, predicted) = (mean(&waits), mean(&simulated));
    println!(
        "mean wait {:.1} ms, simulated {:.1} ms, held {:.2} ms longer",
        real * 1e3,
        predicted * 1e3,
        seconds(held) * 1e3
    );
    assert!(
        (real / predicted - 1.0).abs() <= 0.10,
        "{real} s, simulated {predicted} s"
    );
}

#[test]
fn users_that_share_too_few_connections_open_one_for_each_transaction() {
    let _shared = super::shared();
    const TRANSACTIONS: u64 = 120;
    let server = started(Postgres::start(&[("max_connections", "20")]));
    let settings = [("pool_mode", "transaction"), ("max_db_connections", "2")];
    let pooler = started(PgBouncer::start(&server, &settings));
    // Four users take turns, and each finds that the others have had its connection closed.
    let processes = runtime().block_on(async {
        let mut clients = Vec::new();
        for role in ROLES {
            clients.push(connect(&pooler.url_of(role)).await.unwrap().0);
        }
        let mut processes = std::collections::BTreeSet::new();
        for number in 0..TRANSACTIONS as usize {
            let rows = clients[number % ROLES.len()]
                .simple_query("SELECT pg_backend_pid()")
                .await
                .unwrap();
            let process = rows.iter().find_map(|row| match row {
                tokio_postgres::SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
                _ => None,
            });
            processes.insert(process.unwrap());
        }
        processes.len() as u64
    });
    let visits: Vec<Visit> = (0..TRANSACTIONS)
        .map(|number| Visit {
            at: cofferdam_policy::Time::from_nanos(number * 10_000_000),
            hold: Duration::from_millis(1),
        })
        .collect();
    let config = PgBouncerConfig {
        pool_mode: Mode::Transaction,
        max_db_connections: 2,
        ..PgBouncerConfig::default()
    };
    let simulated = replay(&visits, ROLES.len() as u32, config, Duration::from_millis(3));
    assert_eq!(processes, simulated.counts.opened);
}

/// The pooler's message.
fn words(error: &tokio_postgres::Error) -> String {
    let said = error.as_db_error().map(|error| error.message().to_owned());
    said.unwrap_or_else(|| error.to_string())
}

#[test]
fn a_wait_ends_after_query_wait_timeout_and_a_refusal_of_the_server_is_passed_on() {
    let _shared = super::shared();
    let server = started(Postgres::start(&[("max_connections", "4")]));
    let settings = [
        ("pool_mode", "transaction"),
        ("default_pool_size", "2"),
        ("query_wait_timeout", "1"),
    ];
    let pooler = started(PgBouncer::start(&server, &settings));
    let (waited, why, turned_away) = runtime().block_on(async {
        // One slot: the second connection of the pool is refused, and its client waits for the first.
        let (busy, _) = connect(&pooler.url()).await.unwrap();
        let (client, _) = connect(&pooler.url()).await.unwrap();
        let long = sleep(Duration::from_secs(3));
        let short = async {
            tokio::time::sleep(Duration::from_millis(200)).await;
            let begun = Instant::now();
            let error = client.simple_query("SELECT 1").await.unwrap_err();
            (begun.elapsed(), words(&error))
        };
        let other = async {
            tokio::time::sleep(Duration::from_millis(400)).await;
            connect(&pooler.url_of(ROLES[1]))
                .await
                .err()
                .map(|error| words(&error))
        };
        let (long, (waited, why), turned_away) = tokio::join!(busy.simple_query(&long), short, other);
        long.unwrap();
        (waited, why, turned_away)
    });
    assert!(why.contains("query_wait_timeout"), "{why}");
    // At the first check after it, of three a second.
    let latest = 1.0 + seconds(TICK) + 0.2;
    assert!(seconds(waited) >= 1.0 && seconds(waited) <= latest, "{waited:?}");
    // A user without a connection gets the server's message.
    assert!(turned_away.unwrap().contains("slots"));
}
