use cofferdam_policy::trace::Recorder;

use super::tell::run;
use super::*;
use crate::chance::Streams;
use crate::outcome::{Outcome, Role};

fn setup() -> Setup {
    Setup {
        cells: vec![("core".into(), 7000.0, 7000.0), ("alt".into(), 5000.0, 5000.0)],
        lost: 0,
        routers: 2,
        checks: Checks {
            interval: Duration::from_secs(10),
            failures: 3,
            successes: 1,
        },
        cache: Duration::from_secs(60),
        patience: Duration::from_secs(5),
    }
}

fn figure(outcome: &Outcome, name: &str) -> f64 {
    outcome.figures.iter().find(|f| f.name == name).unwrap().value
}

#[test]
fn the_survivor_of_a_60_40_split_gets_240_percent() {
    let outcome = run(&setup(), &Streams::new(1, 0), &mut Recorder::off());
    // 12,000 ÷ 5,000 = 240 % of its capacity; its traffic grows 12,000 ÷ 5,000 = 2.4 times.
    assert!((figure(&outcome, "load of the survivors, by capacity") - 240.0).abs() < 1e-9);
    assert!((figure(&outcome, "traffic of the survivors, compared with before") - 2.4).abs() < 1e-9);
    // Checks fail at most 30 s after the loss, and a cache entry lives 60 s more.
    let heard = figure(&outcome, "time until the last router knows");
    assert!((20.0..=90.0).contains(&heard), "{heard}");
    // With the excess refused, 5,000 of 12,000 are served once the routers know: 58.3 % fail.
    let refusing = figure(&outcome, "… if survivors refuse what they cannot serve in time");
    assert!((refusing - 58.3).abs() < 3.0, "{refusing}");
    assert!(figure(&outcome, "requests that fail during the loss") > 80.0);
}

#[test]
fn survivors_with_enough_capacity_carry_the_load() {
    let mut setup = setup();
    setup.cells = vec![("a".into(), 400.0, 1500.0), ("b".into(), 400.0, 1500.0)];
    let outcome = run(&setup, &Streams::new(1, 0), &mut Recorder::off());
    let cause = outcome.moments.iter().find(|m| m.role == Role::Cause).unwrap();
    assert!(cause.text.contains("until every router has learned of it"));
    assert!(outcome.moments.iter().all(|m| m.role != Role::Loop));
    assert_eq!(
        figure(&outcome, "still down ten minutes after the cell is back"),
        0.0
    );
    // Only requests that were sent to the lost cell until the routers knew fail.
    assert!(figure(&outcome, "requests that fail during the loss") < 20.0);
}

#[test]
fn requests_that_wait_when_the_cell_is_back_count_by_arrival_time() {
    // b carries 1,200 and gets 1,500. Until the router knows, 20 to 30 s, 1,000 of 1,500 fail: 4.4 to 6.7 %
    // of the 300 s. The queue then grows by 300 a second, to 75,000 at most, which is a minute; callers wait
    // longer.
    let setup = Setup {
        cells: vec![("a".into(), 1000.0, 1000.0), ("b".into(), 500.0, 1200.0)],
        routers: 1,
        cache: Duration::ZERO,
        patience: Duration::from_secs(90),
        ..setup()
    };
    let out = run(&setup, &Streams::new(1, 0), &mut Recorder::off());
    let during = figure(&out, "requests that fail during the loss");
    assert!((4.0..=7.0).contains(&during), "{during}");
    let after = figure(&out, "requests that fail in the ten minutes after it");
    assert!(after < 0.1, "{after}");
    // Callers who wait only 30 s: the queue is that long after 120 s, and from then on every request at b is
    // late.
    let setup = Setup {
        patience: Duration::from_secs(30),
        ..setup
    };
    let out = run(&setup, &Streams::new(1, 0), &mut Recorder::off());
    let during = figure(&out, "requests that fail during the loss");
    assert!((50.0..=62.0).contains(&during), "{during}");
}
