//! Slots: how many connections a real PostgreSQL accepts, and whom it refuses.

use std::time::Duration;

use cofferdam_servers::Postgres;
use cofferdam_simulate::chance::Streams;
use cofferdam_simulate::components::postgres::{RESERVED, Slots, replay, visits};
use cofferdam_simulate::erlang::erlang_b;
use tokio::time::Instant;

use super::{connect, runtime, started};

const REFUSED: &str = "53300";

#[test]
fn a_burst_gets_exactly_the_slots_that_are_left() {
    let server = started(Postgres::start(&[("max_connections", "40")]));
    let url = server.url();
    for clients in [30, 60, 200] {
        let (accepted, refused) = runtime().block_on(async {
            let attempts: Vec<_> = (0..clients)
                .map(|_| {
                    let url = url.clone();
                    tokio::spawn(async move { connect(&url).await })
                })
                .collect();
            let mut open = Vec::new();
            let mut refused = 0;
            for attempt in attempts {
                match attempt.await.unwrap() {
                    Ok(connection) => open.push(connection),
                    Err(error) => {
                        assert_eq!(error.code().map(|code| code.code()), Some(REFUSED), "{error}");
                        refused += 1;
                    }
                }
            }
            let accepted = open.len();
            // The next burst finds all slots free only when the server has closed these.
            for (client, handle) in open {
                drop(client);
                handle.await.unwrap();
            }
            (accepted, refused)
        });
        wait_until_free(&url);
        let mut slots = Slots::new(40, RESERVED);
        let predicted = (0..clients).filter(|_| slots.connect()).count();
        assert_eq!(accepted, predicted, "of {clients}: 37 are left of 40");
        let share = f64::from(refused) / f64::from(clients);
        assert!(
            (share - slots.refused_share()).abs() <= 0.02,
            "{share} of {clients}"
        );
    }
}

/// Returns when no other connection of the role is left: a server process outlives its connection for a moment.
fn wait_until_free(url: &str) {
    let others =
        "SELECT count(*) FROM pg_stat_activity WHERE usename = current_user AND pid <> pg_backend_pid()";
    runtime().block_on(async {
        let (client, _handle) = loop {
            if let Ok(connection) = connect(url).await {
                break connection;
            }
        };
        while client.query_one(others, &[]).await.unwrap().get::<_, i64>(0) > 0 {}
    });
}

#[test]
fn poisson_demand_is_refused_as_erlang_b_and_the_simulator_say() {
    let server = started(Postgres::start(&[("max_connections", "13")]));
    let url = server.url();
    // 10 slots, 40 a second for half a second each: 20 erlangs.
    let hold = Duration::from_millis(500);
    let mut chance = Streams::new(11, 0).stream("postgres", "visits");
    let visits = visits(1200, 40.0, hold, &mut chance);
    let (_, simulated) = replay(&visits, Slots::new(13, RESERVED));
    let refused = runtime().block_on(async {
        let start = Instant::now();
        let attempts: Vec<_> = visits
            .iter()
            .map(|visit| {
                let (url, visit) = (url.clone(), visit.clone());
                tokio::spawn(async move {
                    let at = start + Duration::from_nanos(visit.at.as_nanos());
                    tokio::time::sleep_until(at).await;
                    match connect(&url).await {
                        Ok((client, handle)) => {
                            // It leaves when its time is over, whenever it was accepted.
                            tokio::time::sleep_until(at + visit.hold).await;
                            drop(client);
                            handle.await.unwrap();
                            false
                        }
                        Err(error) => {
                            assert_eq!(error.code().map(|code| code.code()), Some(REFUSED), "{error}");
                            true
                        }
                    }
                })
            })
            .collect();
        let mut refused = 0;
        for attempt in attempts {
            refused += u32::from(attempt.await.unwrap());
        }
        f64::from(refused) / visits.len() as f64
    });
    let predicted = simulated.refused_share();
    assert!(
        (refused - predicted).abs() <= 0.02,
        "{refused} refused, {predicted} predicted"
    );
    // 1,200 correlated attempts are about 2.5 points from the formula's 0.538.
    let formula = erlang_b(10, 20.0);
    assert!((predicted - formula).abs() < 0.05, "{predicted} is not {formula}");
}
