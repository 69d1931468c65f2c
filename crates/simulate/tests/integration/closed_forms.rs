//! Every closed form of the design, within three standard errors, and with error and distance at most 1 % of
//! the figure; and the laws that every station obeys, in every run.

use std::time::Duration;

use cofferdam_formulas::erlang;
use cofferdam_policy::Time;
use cofferdam_simulate::chance::{Distribution, Streams};
use cofferdam_simulate::components::load::{ClosedLoad, OpenLoad, Spacing};
use cofferdam_simulate::components::station::{Counters, Stale, Station, StationConfig};
use cofferdam_simulate::engine::Agenda;
use cofferdam_simulate::models::{Chain, Circle};
use cofferdam_simulate::statistics::{BatchMeans, Estimate};
use rayon::prelude::*;

const SEED: u64 = 2026;
/// Runs that share the work of one figure.
const RUNS: u64 = 4;
const SECOND: Duration = Duration::from_secs(1);

/// One station under a Poisson load. Times are in mean service times, which are one second.
struct Model {
    servers: u32,
    queue: usize,
    service: Distribution,
    /// Arrivals a second.
    rate: f64,
    /// Length of each of the runs, in seconds, after a tenth of it for settling.
    seconds: f64,
    /// Length of a batch, in seconds: many times longer than waits remember.
    batch: f64,
}

#[derive(Clone, Copy)]
enum Figure {
    /// Mean wait before service.
    Wait,
    /// Share of the work that had to wait.
    Waited,
    /// Share of the arrivals that were refused.
    Refused,
}

/// M/M/c with c of 1 and an unbounded queue, to be changed by the caller.
fn mm1(rate: f64, seconds: f64) -> Model {
    Model {
        servers: 1,
        queue: usize::MAX,
        service: Distribution::Exponential { mean: SECOND },
        rate,
        seconds,
        batch: 10_000.0,
    }
}

impl Model {
    fn estimate(&self, figure: Figure) -> Estimate {
        let runs: Vec<BatchMeans> = (0..RUNS)
            .into_par_iter()
            .map(|run| self.run(run, figure))
            .collect();
        let mut all = BatchMeans::new(1);
        runs.iter().for_each(|run| all.merge(run));
        all.estimate().unwrap()
    }

    /// Batches of equal time; each gives the figure of what happened in it.
    fn run(&self, run: u64, figure: Figure) -> BatchMeans {
        let streams = Streams::new(SEED, run);
        let load =
            OpenLoad::constant(self.rate, Spacing::Poisson, streams.stream("users", "arrivals")).unwrap();
        let config = StationConfig {
            servers: self.servers,
            queue: self.queue,
            service: self.service,
            stale: Stale::Served,
        };
        let station = Station::new(config, streams.stream("service", "time"));
        let mut agenda = Agenda::new();
        let (sum, count) = (std::cell::Cell::new(0.0), std::cell::Cell::new(0.0));
        let mut chain = Chain::begin(
            load,
            vec![station],
            |_, served, _| {
                let wait = served.started.since(served.arrived).as_secs_f64();
                sum.set(
                    sum.get()
                        + match figure {
                            Figure::Wait => wait,
                            Figure::Waited => f64::from(u8::from(wait > 0.0)),
                            Figure::Refused => 0.0,
                        },
                );
                count.set(count.get() + 1.0);
            },
            &mut agenda,
        );
        let mut end = Time::from_secs_f64(self.seconds / 10.0);
        agenda.run(&mut chain, end);
        let mut before = chain.stations[0].counters(end);
        let mut batches = BatchMeans::new(1);
        for _ in 0..(self.seconds / self.batch) as u32 {
            sum.set(0.0);
            count.set(0.0);
            end = end + Duration::from_secs_f64(self.batch);
            agenda.run(&mut chain, end);
            let now = chain.stations[0].counters(end);
            batches.push(match figure {
                Figure::Refused => now.since(&before).refused_share(),
                Figure::Wait | Figure::Waited => sum.get() / count.get(),
            });
            before = now;
        }
        assert_eq!(chain.invariants(end), Ok(()), "run {run}");
        assert!(before.arrivals as f64 > self.rate * self.seconds);
        batches
    }

    fn must_give(&self, figure: Figure, exact: f64) {
        let Estimate { mean, error } = self.estimate(figure);
        assert!(
            error <= 0.01 * exact,
            "{mean} ± {error} is too uncertain for {exact}"
        );
        assert!(
            (mean - exact).abs() <= 3.0 * error,
            "{mean} ± {error} is not {exact}"
        );
    }
}

#[test]
fn one_server_has_the_wait_of_mm1() {
    mm1(0.8, 1_000_000.0).must_give(Figure::Wait, 4.0);
}

#[test]
fn fifty_servers_have_the_wait_of_erlang_c() {
    let model = |seconds| Model {
        servers: 50,
        batch: 1_000.0,
        ..mm1(45.0, seconds)
    };
    model(50_000.0).must_give(Figure::Waited, 0.363_864);
    model(200_000.0).must_give(Figure::Wait, 0.072_773);
}

#[test]
fn ten_servers_make_as_many_requests_wait_as_erlang_c() {
    let model = Model {
        servers: 10,
        batch: 1_000.0,
        ..mm1(8.0, 100_000.0)
    };
    model.must_give(Figure::Waited, 0.409_180);
}

#[test]
fn constant_service_times_halve_the_wait() {
    let model = Model {
        service: Distribution::Constant(SECOND),
        ..mm1(0.8, 1_000_000.0)
    };
    model.must_give(Figure::Wait, 2.0);
}

#[test]
fn variable_service_times_have_the_wait_of_pollaczek_and_khinchine() {
    let model = Model {
        service: Distribution::LogNormal {
            mean: SECOND,
            variation: 1.5,
        },
        ..mm1(0.6, 1_000_000.0)
    };
    // 0.6 × (1 + 2.25) / (2 × 0.4) = 2.4375.
    model.must_give(Figure::Wait, erlang::mg1_wait(0.6, 1.5));
}

#[test]
fn a_bounded_queue_refuses_as_many_as_mm1k() {
    // Ten in all: one in service, nine waiting.
    let model = Model {
        queue: 9,
        ..mm1(0.8, 1_000_000.0)
    };
    model.must_give(Figure::Refused, 0.023_493);
}

#[test]
fn pools_without_a_queue_refuse_as_many_as_erlang_b() {
    for (servers, rate, seconds, exact) in [(40, 80.0, 2_000.0, 0.5114), (1_000, 2_000.0, 400.0, 0.5005)] {
        let model = Model {
            servers,
            queue: 0,
            batch: seconds / 20.0,
            ..mm1(rate, seconds)
        };
        let exactly = erlang::erlang_b(servers, rate);
        assert!((exactly - exact).abs() < 5e-5);
        model.must_give(Figure::Refused, exactly);
    }
}

/// Burke's theorem: what leaves M/M/c is Poisson again, so each station of a chain is one by itself.
#[test]
fn stations_in_a_row_have_the_wait_of_independent_stations() {
    let runs: Vec<[Counters; 2]> = (0..32_u64)
        .into_par_iter()
        .map(|run| {
            let streams = Streams::new(SEED, run);
            let load =
                OpenLoad::constant(0.6, Spacing::Poisson, streams.stream("users", "arrivals")).unwrap();
            let stations = ["first", "second"].map(|name| {
                let config = StationConfig {
                    servers: 1,
                    queue: usize::MAX,
                    service: Distribution::Exponential { mean: SECOND },
                    stale: Stale::Served,
                };
                Station::new(config, streams.stream(name, "time"))
            });
            let mut agenda = Agenda::new();
            let mut chain = Chain::begin(load, stations.into(), |_, _, _| {}, &mut agenda);
            let (warm, end) = (Time::from_secs_f64(1_000.0), Time::from_secs_f64(31_000.0));
            agenda.run(&mut chain, warm);
            let before: Vec<Counters> = chain
                .stations
                .iter_mut()
                .map(|station| station.counters(warm))
                .collect();
            agenda.run(&mut chain, end);
            assert_eq!(chain.invariants(end), Ok(()));
            [0, 1].map(|place| chain.stations[place].counters(end).since(&before[place]))
        })
        .collect();
    for place in [0, 1] {
        let waiting: Vec<f64> = runs.iter().map(|run| run[place].mean_waiting()).collect();
        let Estimate { mean, error } = Estimate::of(&waiting).unwrap();
        // Little's law: 0.6 a second × 0.6 / 0.4 s of waiting.
        assert!(
            error < 0.01 && (mean - 0.9).abs() <= 3.0 * error,
            "{place}: {mean} ± {error}"
        );
    }
}

#[test]
fn clients_that_wait_for_answers_slow_down_with_the_service() {
    let (clients, think, seconds) = (20_u32, 15.0, 400_000.0);
    let streams = Streams::new(SEED, 0);
    let thinking = Distribution::Exponential {
        mean: Duration::from_secs_f64(think),
    };
    let load = ClosedLoad::new(clients, thinking, streams.stream("clients", "think"));
    let config = StationConfig {
        servers: 1,
        queue: usize::MAX,
        service: Distribution::Exponential { mean: SECOND },
        stale: Stale::Served,
    };
    let station = Station::new(config, streams.stream("service", "time"));
    let mut agenda = Agenda::new();
    let mut circle = Circle::begin(load, station, &mut agenda);
    let end = Time::from_secs_f64(seconds);
    agenda.run(&mut circle, end);
    assert_eq!(circle.station.invariants(end), Ok(()));
    let counters = circle.station.counters(end);
    let throughput = counters.done as f64 / seconds;
    let exact = erlang::closed_throughput(clients, think);
    assert!(
        (throughput / exact - 1.0).abs() < 0.01,
        "{throughput}, not {exact}"
    );
    // The interactive response time law: N = X (R + Z).
    let response = counters.mean_present() / throughput;
    assert!((throughput * (response + think) / f64::from(clients) - 1.0).abs() < 0.01);
}
