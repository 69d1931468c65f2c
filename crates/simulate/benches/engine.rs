//! How many events a second the simulator handles on one core.
//!
//! `cargo bench -p cofferdam-simulate` times the models with divan. `-- --rates` runs each once and prints lines of
//! `model customers events seconds`, which `benches/peers/simpy.py` compares with SimPy.
#![allow(
    clippy::unwrap_used,
    reason = "a benchmark of settings that are known to be sound"
)]

use std::time::{Duration, Instant};

use cofferdam_policy::Time;
use cofferdam_simulate::chance::{Distribution, Streams};
use cofferdam_simulate::components::load::{OpenLoad, Spacing};
use cofferdam_simulate::components::station::{Stale, Station, StationConfig};
use cofferdam_simulate::engine::Agenda;
use cofferdam_simulate::models::Chain;

/// Equal stations in a row.
struct Model {
    name: &'static str,
    stations: u32,
    servers: u32,
    /// Mean service time in seconds.
    service: f64,
    /// Arrivals a second.
    rate: f64,
}

const MM1: Model = Model {
    name: "mm1",
    stations: 1,
    servers: 1,
    service: 1.0,
    rate: 0.8,
};

const MM50: Model = Model {
    name: "mm50",
    stations: 1,
    servers: 50,
    service: 1.0,
    rate: 45.0,
};

/// 12,000 requests a second through three services whose 120 workers are 80 % busy.
const CHAIN: Model = Model {
    name: "chain",
    stations: 3,
    servers: 120,
    service: 0.008,
    rate: 12_000.0,
};

impl Model {
    /// Simulate about this many customers; returns how many came, how many events were handled, and the mean wait.
    fn run(&self, customers: f64) -> (u64, u64, f64) {
        let streams = Streams::new(1, 0);
        let load =
            OpenLoad::constant(self.rate, Spacing::Poisson, streams.stream("users", "arrivals")).unwrap();
        let stations = (0..self.stations).map(|place| {
            let config = StationConfig {
                servers: self.servers,
                queue: usize::MAX,
                service: Distribution::Exponential {
                    mean: Duration::from_secs_f64(self.service),
                },
                stale: Stale::Served,
            };
            Station::new(config, streams.stream(&place.to_string(), "service"))
        });
        let mut agenda = Agenda::new();
        let mut waits = 0.0;
        let observe = |_, served: &cofferdam_simulate::components::station::Served<Time>, _| {
            waits += served.started.since(served.arrived).as_secs_f64();
        };
        let mut chain = Chain::begin(load, stations.collect(), observe, &mut agenda);
        let end = Time::from_secs_f64(customers / self.rate);
        agenda.run(&mut chain, end);
        chain.invariants(end).unwrap();
        let came = chain.stations[0].counters(end).arrivals;
        (came, agenda.handled(), waits / came as f64)
    }
}

fn main() {
    if std::env::args().any(|argument| argument == "--rates") {
        for (model, customers) in [(&MM1, 4e6), (&MM50, 4e6), (&CHAIN, 12_000.0 * 600.0)] {
            let start = Instant::now();
            let (came, events, _) = model.run(customers);
            let seconds = start.elapsed().as_secs_f64();
            println!("{} {came} {events} {seconds:.3}", model.name);
        }
    } else {
        divan::main();
    }
}

fn bench(bencher: divan::Bencher<'_, '_>, model: &Model, customers: f64) {
    let (_, events, _) = model.run(customers);
    bencher
        .counter(divan::counter::ItemsCount::new(events))
        .bench(|| model.run(divan::black_box(customers)));
}

#[divan::bench(sample_count = 10)]
fn mm1(bencher: divan::Bencher<'_, '_>) {
    bench(bencher, &MM1, 500_000.0);
}

#[divan::bench(sample_count = 10)]
fn mm50(bencher: divan::Bencher<'_, '_>) {
    bench(bencher, &MM50, 500_000.0);
}

#[divan::bench(sample_count = 10)]
fn three_services_in_a_row(bencher: divan::Bencher<'_, '_>) {
    bench(bencher, &CHAIN, 200_000.0);
}
