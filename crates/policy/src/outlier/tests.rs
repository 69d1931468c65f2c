use proptest::prelude::*;

use super::*;

fn at(seconds: u64) -> Time {
    Time::ZERO + Duration::from_secs(seconds)
}

fn detector(config: OutlierConfig, hosts: usize) -> OutlierDetector {
    OutlierDetector::new(config, hosts).unwrap()
}

/// Makes calls to a host that end at once.
fn calls(detector: &mut OutlierDetector, now: Time, host: usize, outcomes: (u32, Outcome)) -> Noted {
    let mut noted = Noted::Ignored;
    for _ in 0..outcomes.0 {
        let Ok(ticket) = detector.acquire(now, host) else {
            return noted;
        };
        noted = detector.record(now, ticket, outcomes.1);
    }
    noted
}

fn fail(detector: &mut OutlierDetector, now: Time, host: usize) -> Noted {
    calls(detector, now, host, (5, Outcome::Failure))
}

/// Only failures in a row, and no limits but the percentage.
fn in_a_row() -> OutlierConfig {
    OutlierConfig {
        deviation: None,
        most_percent: 100,
        ..OutlierConfig::envoy()
    }
}

#[test]
fn the_share_ejected_is_capped_for_every_number_of_hosts_and_every_tenth() {
    // ⌊hosts × percentage / 100⌋, by hand.
    //               0 10 20 30 40 50 60 70 80 90 100 %
    let table: [[usize; 11]; 10] = [
        [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
        [0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 2],
        [0, 0, 0, 0, 1, 1, 1, 2, 2, 2, 3],
        [0, 0, 0, 1, 1, 2, 2, 2, 3, 3, 4],
        [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5],
        [0, 0, 1, 1, 2, 3, 3, 4, 4, 5, 6],
        [0, 0, 1, 2, 2, 3, 4, 4, 5, 6, 7],
        [0, 0, 1, 2, 3, 4, 4, 5, 6, 7, 8],
        [0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
    ];
    for (hosts, row) in (1_usize..).zip(table) {
        for (tenth, most) in (0..).zip(row) {
            for (at_least_one, keep) in [(false, 0), (true, 0), (false, 1), (true, 1), (true, 3)] {
                let percent = tenth * 10;
                let config = OutlierConfig {
                    most_percent: percent,
                    at_least_one,
                    keep,
                    ..in_a_row()
                };
                let least = usize::from(at_least_one);
                let expected = most.max(least).min(hosts.saturating_sub(keep as usize));
                assert_eq!(config.most_ejected(hosts), expected, "{hosts} hosts, {config:?}");
                // This is also the result when all fail.
                let mut detector = detector(config, hosts);
                let noted: Vec<Noted> = (0..hosts).map(|host| fail(&mut detector, at(1), host)).collect();
                let reason = EjectReason::InARow(5);
                let (ejected, spared) = noted.split_at(expected);
                assert!(
                    ejected.iter().all(|noted| *noted == Noted::Ejected(reason)),
                    "{noted:?}"
                );
                assert!(
                    spared.iter().all(|noted| *noted == Noted::Spared(reason)),
                    "{noted:?}"
                );
                assert_eq!(detector.ejected(at(1)), expected);
            }
        }
    }
}

#[test]
fn every_percentage_is_rounded_down() {
    for hosts in 1..=10 {
        for percent in 0..=100 {
            let most = OutlierConfig {
                most_percent: percent,
                ..in_a_row()
            }
            .most_ejected(hosts) as u32;
            let hosts = hosts as u32;
            assert!(
                most * 100 <= hosts * percent,
                "{most} of {hosts} is more than {percent} %"
            );
            assert!(
                (most + 1) * 100 > hosts * percent,
                "{most} of {hosts} is too few for {percent} %"
            );
        }
    }
    let all = OutlierConfig {
        most_percent: 100,
        ..in_a_row()
    };
    assert_eq!(all.most_ejected(usize::MAX), usize::MAX);
}

#[test]
fn envoys_ten_per_cent_ejects_none_of_nine_and_the_default_one() {
    for (config, expected) in [(OutlierConfig::envoy(), 0), (OutlierConfig::default(), 1)] {
        let mut detector = detector(config, 9);
        for host in 0..9 {
            fail(&mut detector, at(1), host);
        }
        assert_eq!(detector.ejected(at(1)), expected);
    }
}

#[test]
fn the_mesh_ejects_after_five_failures_in_a_row_and_returns_the_host_at_the_first_sweep_after_thirty_seconds()
{
    let mut detector = detector(OutlierConfig::mesh(), 3);
    calls(&mut detector, at(35), 0, (4, Outcome::Failure));
    calls(&mut detector, at(35), 0, (1, Outcome::Slow));
    assert_eq!(
        calls(&mut detector, at(35), 0, (4, Outcome::Failure)),
        Noted::Counted
    );
    let reason = EjectReason::InARow(5);
    assert_eq!(
        calls(&mut detector, at(35), 0, (1, Outcome::Failure)),
        Noted::Ejected(reason)
    );
    let ejected = detector.acquire(at(36), 0).unwrap_err();
    assert_eq!(
        ejected.to_string(),
        "the host is ejected since +00:35.000: 5 failures in a row"
    );
    // Over at 65 s; sweeps are at 60 s and 90 s.
    assert!(detector.acquire(at(89), 0).is_err());
    assert!(detector.acquire(at(90), 0).is_ok());
}

#[test]
fn ejections_grow_with_their_number_to_the_longest_and_healthy_sweeps_shorten_them() {
    let longest = Duration::from_secs(70);
    let config = OutlierConfig {
        longest_ejection: longest,
        ..in_a_row()
    };
    let mut detector = detector(config, 1);
    let mut now = at(0);
    // 30, 60, then 90 cut to 70 and again 70.
    for lasts in [30, 60, 70, 70] {
        fail(&mut detector, now, 0);
        let ejected = detector.ejection(now, 0).unwrap();
        assert_eq!(ejected.lasts, Duration::from_secs(lasts));
        now = now + ejected.lasts;
        assert_eq!(detector.ejection(now, 0), None);
    }
    // It stopped at 3. The sweep at which it came back and those 10 s and 20 s later: two healthy ones, 3 → 1.
    fail(&mut detector, now + Duration::from_secs(20), 0);
    let ejected = detector.ejection(now + Duration::from_secs(20), 0).unwrap();
    assert_eq!(ejected.lasts, Duration::from_secs(60));
}

#[test]
fn a_low_success_rate_ejects_at_the_sweep() {
    // Envoy's own example: rates 50, 100, 100, 100, 100 %: mean 90, standard deviation 20, bound 90 − 38 = 52.
    let mut detector = detector(OutlierConfig::default(), 5);
    for host in 0..5 {
        for n in 0..100 {
            let outcome = if host == 3 && n % 2 == 0 {
                Outcome::Failure
            } else {
                Outcome::Success
            };
            assert_eq!(calls(&mut detector, at(5), host, (1, outcome)), Noted::Counted);
        }
    }
    assert_eq!(detector.ejected(at(9)), 0);
    assert_eq!(detector.ejected(at(10)), 1);
    let Some(Ejected { since, reason, .. }) = detector.ejection(at(10), 3) else {
        panic!("not ejected")
    };
    assert_eq!(since, at(10));
    let text = "50.0 % of its calls succeed, below 52.0 % (mean of the hosts 90.0 %)";
    assert_eq!(reason.to_string(), text);
}

/// Gives each host 100 calls at `now`, never two failures running.
fn load(detector: &mut OutlierDetector, now: Time, failures: &[u32]) {
    for (host, failures) in failures.iter().enumerate() {
        for n in 0..100 {
            let outcome = if n % 2 == 0 && n / 2 < *failures {
                Outcome::Failure
            } else {
                Outcome::Success
            };
            calls(detector, now, host, (1, outcome));
        }
    }
}

#[test]
fn one_of_four_hosts_is_never_an_outlier_and_two_need_ten_hosts() {
    let deviation = Some(Deviation {
        factor: 1.9,
        minimum_hosts: 1,
        minimum_calls: 100,
    });
    let config = OutlierConfig {
        deviation,
        most_percent: 100,
        ..OutlierConfig::default()
    };
    for (hosts, bad, ejected) in [(4, 1, 0), (5, 1, 1), (9, 2, 0), (10, 2, 2)] {
        let mut detector = detector(config, hosts);
        let failures: Vec<u32> = (0..hosts).map(|host| if host < bad { 50 } else { 0 }).collect();
        load(&mut detector, at(1), &failures);
        assert_eq!(detector.ejected(at(10)), ejected, "{bad} of {hosts}");
    }
}

#[test]
fn the_worst_hosts_are_ejected_first_if_not_all_may_be() {
    let deviation = Some(Deviation {
        factor: 1.0,
        minimum_hosts: 5,
        minimum_calls: 100,
    });
    let mut detector = detector(
        OutlierConfig {
            deviation,
            ..OutlierConfig::default()
        },
        10,
    );
    load(&mut detector, at(1), &[0, 40, 0, 50, 0, 0, 0, 0, 0, 0]);
    // Mean (8 × 100 + 60 + 50) / 10 = 91 %; √((8 × 9² + 31² + 41²) / 10) = 18.1: both are below 72.9 %, and 10 % of ten
    // is one.
    assert_eq!(detector.ejected(at(10)), 1);
    assert!(detector.ejection(at(10), 3).is_some());
}

#[test]
fn too_few_calls_or_hosts_eject_nobody() {
    let mut few_hosts = detector(OutlierConfig::default(), 5);
    load(&mut few_hosts, at(1), &[50, 0, 0, 0]);
    assert_eq!(few_hosts.ejected(at(10)), 0);
    let mut few_calls = detector(OutlierConfig::default(), 5);
    load(&mut few_calls, at(1), &[0, 0, 0, 0, 0]);
    // The next interval: the fifth has 99 calls, half of them bad.
    load(&mut few_calls, at(11), &[0, 0, 0, 0]);
    for n in 0..99 {
        let outcome = if n % 2 == 0 {
            Outcome::Failure
        } else {
            Outcome::Success
        };
        calls(&mut few_calls, at(11), 4, (1, outcome));
    }
    assert_eq!(few_calls.ejected(at(20)), 0);
}

#[test]
fn calls_from_before_an_ejection_do_not_eject_a_returned_host() {
    let mut detector = detector(in_a_row(), 2);
    let under_way: Vec<Ticket> = (0..10).map(|_| detector.acquire(at(1), 0).unwrap()).collect();
    fail(&mut detector, at(1), 0);
    assert_eq!(detector.ejection(at(40), 0), None);
    for ticket in under_way {
        assert_eq!(detector.record(at(40), ticket, Outcome::Failure), Noted::Ignored);
    }
    assert_eq!(detector.ejected(at(40)), 0);
}

#[test]
fn a_replaced_host_starts_empty_and_frees_its_ejection() {
    let mut detector = detector(OutlierConfig::mesh(), 3);
    let old = detector.acquire(at(1), 0).unwrap();
    fail(&mut detector, at(1), 0);
    assert_eq!(
        fail(&mut detector, at(1), 1),
        Noted::Spared(EjectReason::InARow(5))
    );
    detector.replace(at(2), 0);
    assert_eq!(detector.ejected(at(2)), 0);
    assert_eq!(detector.record(at(2), old, Outcome::Failure), Noted::Ignored);
    assert_eq!(detector.weight(at(2), 0), FULL_WEIGHT);
    assert_eq!(
        fail(&mut detector, at(2), 1),
        Noted::Ejected(EjectReason::InARow(5))
    );
}

#[test]
fn a_returned_host_gets_its_load_in_steps() {
    // Ejected at 0, back at 30 s, ramp of 30 s from a tenth.
    let mut detector = detector(OutlierConfig::default(), 3);
    fail(&mut detector, at(0), 0);
    for (second, weight) in [
        (0, 0),
        (29, 0),
        (30, 100),
        (32, 100),
        (33, 100),
        (36, 200),
        (45, 500),
        (59, 966),
        (60, 1000),
    ] {
        assert_eq!(detector.weight(at(second), 0), weight, "{second} s");
    }
    assert_eq!(detector.weight(at(0), 1), FULL_WEIGHT);
    assert_eq!(detector.weight(at(0), 3), 0);
}

#[test]
fn an_unknown_host_changes_nothing() {
    let mut detector = detector(OutlierConfig::default(), 0);
    let ticket = detector.acquire(at(0), 7).unwrap();
    assert_eq!(detector.record(at(0), ticket, Outcome::Failure), Noted::Ignored);
    assert_eq!(detector.ejected(Time::MAX), 0);
}

#[test]
fn an_invalid_configuration_names_its_error() {
    let good = OutlierConfig::default();
    let deviation = Deviation {
        factor: 1.9,
        minimum_hosts: 5,
        minimum_calls: 100,
    };
    let seconds = Duration::from_secs;
    for (config, error) in [
        (
            OutlierConfig {
                consecutive_failures: None,
                deviation: None,
                ..good
            },
            OutlierError::NoCondition,
        ),
        (
            OutlierConfig {
                consecutive_failures: Some(0),
                ..good
            },
            OutlierError::ConsecutiveFailures,
        ),
        (
            OutlierConfig {
                deviation: Some(Deviation {
                    factor: -1.0,
                    ..deviation
                }),
                ..good
            },
            OutlierError::Factor(-1.0),
        ),
        (
            OutlierConfig {
                deviation: Some(Deviation {
                    minimum_calls: 0,
                    ..deviation
                }),
                ..good
            },
            OutlierError::MinimumCalls,
        ),
        (
            OutlierConfig {
                interval: Duration::ZERO,
                ..good
            },
            OutlierError::Interval(Duration::ZERO),
        ),
        (
            OutlierConfig {
                longest_ejection: seconds(29),
                ..good
            },
            OutlierError::Ejection {
                base: seconds(30),
                longest: seconds(29),
            },
        ),
        (
            OutlierConfig {
                most_percent: 101,
                ..good
            },
            OutlierError::Percent(101),
        ),
        (
            OutlierConfig {
                ramp_from: 1.5,
                ..good
            },
            OutlierError::RampFrom(1.5),
        ),
    ] {
        assert_eq!(OutlierDetector::new(config, 3).unwrap_err(), error);
    }
    for preset in [
        OutlierConfig::default(),
        OutlierConfig::envoy(),
        OutlierConfig::mesh(),
    ] {
        assert_eq!(preset.check(), Ok(()));
    }
}

proptest! {
    /// Missed sweeps that are made at once equal sweeps made on time.
    #[test]
    fn late_sweeps_equal_sweeps_on_time(
        base in 1_u64..50,
        longest in 0_u64..200,
        interval in 1_u64..20,
        steps in prop::collection::vec((0_u64..150, 0_usize..4, 1_u32..8), 0..40),
    ) {
        let config = OutlierConfig {
            interval: Duration::from_secs(interval),
            base_ejection: Duration::from_secs(base),
            longest_ejection: Duration::from_secs(base + longest),
            ..OutlierConfig { most_percent: 50, ..in_a_row() }
        };
        let (mut late, mut prompt) = (detector(config, 4), detector(config, 4));
        let mut now = 0;
        for (gap, host, failures) in steps {
            for second in now..=now + gap {
                prompt.sweep(at(second));
            }
            now += gap;
            for detector in [&mut late, &mut prompt] {
                calls(detector, at(now), host, (failures, Outcome::Failure));
            }
            prop_assert_eq!(&late.hosts, &prompt.hosts);
            prop_assert_eq!((late.ejected, late.due), (prompt.ejected, prompt.due));
        }
    }

    /// Whatever fails: never more than the maximum are ejected, the number is that of the ejected hosts,
    /// weights are in range, and hosts that behave alike are not distinguished by success rate.
    #[test]
    fn the_limits_are_never_exceeded(
        hosts in 1_usize..12,
        percent in 0_u32..=100,
        keep in 0_u32..3,
        at_least_one in any::<bool>(),
        equal in any::<bool>(),
        intervals in prop::collection::vec(prop::collection::vec(0_u32..=50, 12), 1..8),
    ) {
        let deviation = Some(Deviation { factor: 0.5, minimum_hosts: 2, minimum_calls: 100 });
        let config = OutlierConfig { deviation, most_percent: percent, keep, at_least_one, ..OutlierConfig::default() };
        let mut detector = detector(config, hosts);
        for (n, mut failures) in (0..).zip(intervals) {
            if equal {
                let first = failures[0];
                failures.fill(first);
            }
            load(&mut detector, at(n * 10 + 1), &failures[..hosts]);
            let now = at(n * 10 + 10);
            let ejected = detector.ejected(now);
            prop_assert!(ejected <= config.most_ejected(hosts));
            prop_assert!(!equal || ejected == 0);
            let gone = (0..hosts).filter(|host| detector.ejection(now, *host).is_some()).count();
            prop_assert_eq!(gone, ejected);
            for host in 0..hosts {
                let weight = detector.weight(now, host);
                prop_assert!(weight <= FULL_WEIGHT);
                prop_assert_eq!(weight == 0, detector.ejection(now, host).is_some());
            }
        }
    }
}
