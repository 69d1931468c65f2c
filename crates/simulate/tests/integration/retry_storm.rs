//! The retry storm: a service that also serves abandoned requests stays down after the trigger is gone if and
//! only if ρ(1 + R) > 1, with a load of ρ and R retries.
//!
//! The service has ten workers and takes 0.1 s on average (100 a second). Callers wait 1 s for each try and
//! try again at once. The trigger: for 10 s, from 20 s on, the service starts no work. Recovered means that
//! from some second until the end at least 99 % of the calls that end in each second are answered.

use std::time::Duration;

use cofferdam_policy::Time;
use cofferdam_policy::breaker::BreakerConfig;
use cofferdam_policy::budget::BudgetConfig;
use cofferdam_policy::retry::RetryConfig;
use cofferdam_simulate::chance::{Distribution, Streams};
use cofferdam_simulate::components::callers::{Callers, CallersConfig, CallersWorld, Fault, What};
use cofferdam_simulate::components::load::{OpenLoad, Spacing};
use cofferdam_simulate::components::station::{Stale, Station, StationConfig};
use cofferdam_simulate::engine::Agenda;
use rayon::prelude::*;

const CAPACITY: f64 = 100.0;
const TRIGGER: (u64, u64) = (20, 30);

/// What limits the callers.
#[derive(Clone, Copy, PartialEq)]
enum Guard {
    None,
    Budget,
    BreakerAndBudget,
}

impl Guard {
    /// A retry for each ten calls, and one a second: the policy's defaults.
    fn budget(self) -> Option<BudgetConfig> {
        (self != Self::None).then(BudgetConfig::default)
    }

    fn breaker(self) -> Option<BreakerConfig> {
        (self == Self::BreakerAndBudget).then(breaker)
    }
}

#[derive(Clone, Copy)]
struct Setting {
    load: f64,
    retries: u32,
    stale: Stale,
    guard: Guard,
    /// Length of the run in seconds.
    seconds: u64,
}

fn at(seconds: u64) -> Time {
    Time::ZERO + Duration::from_secs(seconds)
}

/// When the service had recovered, in seconds after the trigger's end.
fn run(setting: Setting, seed: u64) -> Option<u64> {
    let streams = Streams::new(seed, 0);
    let service = Distribution::Exponential {
        mean: Duration::from_millis(100),
    };
    let config = StationConfig {
        servers: 10,
        queue: usize::MAX,
        service,
        stale: setting.stale,
    };
    let station = Station::new(config, streams.stream("service", "time"));
    let load = OpenLoad::constant(
        setting.load * CAPACITY,
        Spacing::Poisson,
        streams.stream("users", "arrivals"),
    )
    .unwrap();
    let config = CallersConfig {
        name: "caller → service".into(),
        instances: 1,
        timeout: Duration::from_secs(1),
        retry: RetryConfig {
            attempts: 1 + setting.retries,
            base: Duration::ZERO,
            deadline: None,
            ..RetryConfig::default()
        },
        budget: setting.guard.budget(),
        breaker: setting.guard.breaker(),
    };
    let callers = Callers::new(config, streams.stream("callers", "jitter")).unwrap();
    let fault = Fault {
        from: at(TRIGGER.0),
        until: at(TRIGGER.1),
        what: What::Stall,
    };
    let mut agenda = Agenda::new();
    let mut world = CallersWorld::begin(load, callers, (station, service), Some(fault), &mut agenda);
    let end = at(setting.seconds);
    agenda.run(&mut world, end);
    assert_eq!(world.station.invariants(end), Ok(()), "seed {seed}");
    let tally = world.callers.tally();
    assert_eq!(
        tally.calls,
        tally.answered + tally.failed + world.callers.open_calls() as u64
    );
    world
        .recovered(0.99)
        .map(|time| time.since(fault.until).as_secs())
}

/// Half of at least 20 of the last 100 tries fail: 2 s open, growing by half to at most 5 s; 3 of 5 probes close it.
fn breaker() -> BreakerConfig {
    BreakerConfig {
        open_time: Duration::from_secs(2),
        open_growth: 1.5,
        open_time_cap: Duration::from_secs(5),
        probe_timeout: Duration::from_secs(2),
        ..BreakerConfig::default()
    }
}

/// How many of the seeds recover, and the longest time that one of them took.
fn recover(setting: Setting, seeds: u64) -> (u64, u64) {
    let ends: Vec<Option<u64>> = (0..seeds)
        .into_par_iter()
        .map(|seed| run(setting, seed))
        .collect();
    let recovered: Vec<u64> = ends.into_iter().flatten().collect();
    (recovered.len() as u64, recovered.into_iter().max().unwrap_or(0))
}

/// Three retries; while every try times out, the tries are `busy` times what the service can do.
fn three_retries(busy: f64) -> Setting {
    Setting {
        load: busy / 4.0,
        retries: 3,
        stale: Stale::Served,
        guard: Guard::None,
        seconds: 240,
    }
}

#[test]
fn below_one_it_recovers_on_every_seed() {
    // 10 s of tries at 0.8 of capacity are 8 s of work, worked off at 0.2 a second: about 40 s.
    let (recovered, slowest) = recover(three_retries(0.8), 200);
    assert_eq!(recovered, 200);
    assert!((20..100).contains(&slowest), "{slowest} s");
}

#[test]
fn above_one_it_stays_down_on_every_seed() {
    assert_eq!(recover(three_retries(1.3), 200).0, 0);
}

#[test]
fn with_four_retries_the_threshold_is_between_19_and_21_percent() {
    let setting = |load| Setting {
        load,
        retries: 4,
        stale: Stale::Served,
        guard: Guard::None,
        seconds: 600,
    };
    assert_eq!(recover(setting(0.19), 40).0, 40);
    assert_eq!(recover(setting(0.21), 40).0, 0);
}

#[test]
fn it_recovers_soon_if_it_drops_requests_without_waiting_callers() {
    let setting = Setting {
        stale: Stale::Dropped,
        ..three_retries(1.3)
    };
    let (recovered, slowest) = recover(setting, 200);
    assert_eq!(recovered, 200);
    // Not at once: for a while it starts work just before its caller gives up.
    assert!(slowest <= 10, "{slowest} s");
}

#[test]
fn a_breaker_and_a_budget_recover_it_within_ten_seconds() {
    let setting = Setting {
        guard: Guard::BreakerAndBudget,
        ..three_retries(1.3)
    };
    let (recovered, slowest) = recover(setting, 200);
    assert_eq!(recovered, 200);
    assert!(slowest <= 10, "{slowest} s");
}

#[test]
fn a_budget_alone_prevents_that_retries_sustain_the_storm() {
    let setting = Setting {
        guard: Guard::Budget,
        ..three_retries(1.3)
    };
    // Tries at 0.325 × 1.1 + 0.01 = 0.37 of capacity: 10 s of them are 3.7 s of work, worked off in about 6 s.
    let (recovered, slowest) = recover(setting, 200);
    assert_eq!(recovered, 200);
    assert!((2..=10).contains(&slowest), "{slowest} s");
}
