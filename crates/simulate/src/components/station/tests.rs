use proptest::prelude::*;

use super::*;
use crate::chance::Streams;

fn station(servers: u32, queue: usize, stale: Stale) -> Station<u32> {
    let config = StationConfig {
        servers,
        queue,
        service: Distribution::Constant(Duration::from_secs(2)),
        stale,
    };
    Station::new(config, Streams::new(1, 0).stream("test", "service"))
}

fn at(seconds: u64) -> Time {
    Time::ZERO + Duration::from_secs(seconds)
}

fn started(admission: Admission) -> Start {
    match admission {
        Admission::Started(start) => start,
        other => panic!("not started: {other:?}"),
    }
}

#[test]
fn work_is_served_in_order_of_arrival_and_its_time_is_recorded() {
    let mut station = station(1, 1, Stale::Served);
    let first = started(station.arrive(1, Time::MAX, at(0)));
    assert_eq!(first.ends, at(2));
    assert_eq!(station.arrive(2, Time::MAX, at(1)), Admission::Queued);
    assert_eq!(station.arrive(3, Time::MAX, at(1)), Admission::Refused);
    assert_eq!(
        station.finish(first.ticket, at(2)).map(|served| served.job),
        Some(1)
    );
    let second = station.start_next(at(2)).unwrap();
    assert!(station.start_next(at(2)).is_none());
    let served = station.finish(second.ticket, at(4)).unwrap();
    assert_eq!((served.job, served.arrived, served.started), (2, at(1), at(2)));
    let counters = station.counters(at(8));
    // Present: 1 in 0–1, 2 in 1–2, 1 in 2–4: 5 s over 8 s. In service: 4 s. Waiting: 1 s.
    assert_eq!(counters.mean_present(), 5.0 / 8.0);
    assert_eq!(counters.mean_waiting(), 1.0 / 8.0);
    assert_eq!(counters.utilisation(), 4.0 / 8.0);
    assert_eq!(counters.refused_share(), 1.0 / 3.0);
    // The second half saw nothing.
    let middle = station.counters(at(8));
    assert_eq!(station.counters(at(10)).since(&middle).mean_present(), 0.0);
    assert_eq!(station.invariants(at(10)), Ok(()));
}

#[test]
fn work_that_nobody_waits_for_is_served_or_dropped_as_configured() {
    for (stale, expected) in [(Stale::Served, 2), (Stale::Dropped, 3)] {
        let mut station = station(1, 5, stale);
        let first = started(station.arrive(1, at(1), at(0)));
        station.arrive(2, at(1), at(0));
        station.arrive(3, at(9), at(0));
        assert!(station.finish(first.ticket, at(2)).is_some());
        let next = station.start_next(at(2)).unwrap();
        assert_eq!(station.finish(next.ticket, at(4)).unwrap().job, expected);
        station.start_next(at(4));
        assert_eq!(station.invariants(at(5)), Ok(()));
        assert_eq!(
            station.counters(at(5)).dropped,
            u64::from(stale == Stale::Dropped)
        );
    }
}

#[test]
fn a_crash_loses_the_work_in_service_and_a_graceful_stop_does_not() {
    let mut station = station(2, 5, Stale::Served);
    let first = started(station.arrive(1, Time::MAX, at(0)));
    let second = started(station.arrive(2, Time::MAX, at(0)));
    station.arrive(3, Time::MAX, at(0));
    station.set_servers(1, at(1));
    assert_eq!((station.servers(), station.in_service()), (1, 2));
    assert!(station.finish(first.ticket, at(2)).is_some());
    assert!(station.start_next(at(2)).is_none(), "the freed server has gone");
    assert_eq!(station.crash(1, at(2)), [2]);
    assert!(
        station.finish(second.ticket, at(2)).is_none(),
        "its work was lost"
    );
    assert_eq!(station.servers(), 0);
    assert_eq!(station.invariants(at(3)), Ok(()));
    station.set_servers(1, at(3));
    assert!(station.start_next(at(3)).is_some());
    assert_eq!(station.arrive(4, Time::MAX, at(3)), Admission::Queued);
    assert_eq!(station.lose_queue(at(4)), [4]);
    let counters = station.counters(at(4));
    assert_eq!((counters.done, counters.lost, counters.dropped), (1, 1, 1));
    assert_eq!(station.invariants(at(4)), Ok(()));
}

#[test]
fn a_crash_affects_busy_and_idle_servers_equally() {
    // Half of 1,000 servers are busy; of 200 that crash, 100 ± 8.9 are (hypergeometric deviation
    // √(200 × ¼ × 800/999) ≈ 6.3; five of them below).
    let mut station = station(1_000, 0, Stale::Served);
    for job in 0..500 {
        station.arrive(job, Time::MAX, at(0));
    }
    let lost = station.crash(200, at(1)).len();
    assert!(lost.abs_diff(100) < 32, "{lost}");
    assert_eq!(station.servers(), 800);
    assert_eq!(station.invariants(at(1)), Ok(()));
}

#[test]
fn an_idle_server_while_work_waits_is_an_error_of_the_caller() {
    let mut station = station(1, 5, Stale::Served);
    let first = started(station.arrive(1, Time::MAX, at(0)));
    station.arrive(2, Time::MAX, at(0));
    station.finish(first.ticket, at(2));
    assert_eq!(
        station.invariants(at(2)),
        Err(Broken::Idle { idle: 1, waiting: 1 })
    );
}

proptest! {
    #[test]
    fn conservation_laws_hold_for_every_sequence_of_events(
        steps in prop::collection::vec((0_u8..6, 0_u32..5, 0_u64..3), 1..200),
        bound in 0_usize..4,
        drops in any::<bool>(),
    ) {
        let mut station = station(2, bound, if drops { Stale::Dropped } else { Stale::Served });
        let mut running = Vec::new();
        let mut now = 0;
        for (what, number, wait) in steps {
            now += wait;
            match what {
                0 | 1 => match station.arrive(number, at(now + 3), at(now)) {
                    Admission::Started(start) => running.push(start.ticket),
                    Admission::Queued | Admission::Refused => {}
                },
                2 => station.set_servers(number, at(now)),
                3 => drop(station.crash(number, at(now))),
                4 if number == 0 => drop(station.lose_queue(at(now))),
                _ => {
                    if !running.is_empty() {
                        station.finish(running.remove(0), at(now));
                    }
                }
            }
            while let Some(start) = station.start_next(at(now)) {
                running.push(start.ticket);
            }
            prop_assert_eq!(station.invariants(at(now)), Ok(()));
        }
    }
}
