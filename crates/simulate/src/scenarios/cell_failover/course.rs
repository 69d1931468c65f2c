//! The results of the requests of each tick, and the state of the survivors.

use std::time::Duration;

use cofferdam_policy::Time;
use cofferdam_policy::shift::{CellReading, Shift, ShiftConfig};
use cofferdam_policy::trace::{Entity, Recorder};

use super::{BACK, END, LOST, Setup, common};
use crate::chance::Streams;
use crate::components::cells::{Belief, Cell, Fate, Overload};

const TICK: Duration = Duration::from_millis(100);
/// How often the policy takes a step.
const STEP: Duration = Duration::from_secs(5);

/// Who decides where requests go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Steering {
    /// Routers with health checks and caches, all or nothing.
    Routers,
    /// The shift policy: steps, safe loads, shedding.
    Policy,
}

/// Requests of each tick, their results, and the state of the survivors.
#[derive(Debug, Default)]
pub(super) struct Course {
    pub(super) offered: Vec<u64>,
    pub(super) fates: Vec<Fate>,
    /// Requests that were served in time, by the tick in which they arrived.
    pub(super) in_time: Vec<u64>,
    /// Before this tick every request has been served or given up.
    seen: usize,
    /// Longest wait in a survivor after each tick, in seconds.
    pub(super) wait: Vec<f64>,
    /// Part of the routers that no longer send to the lost cell.
    pub(super) turned: Vec<f64>,
}

impl Course {
    /// Share of the requests that arrive in a time and are not served while their callers wait.
    pub(super) fn failed_share(&self, from: Time, to: Time, patience: Duration) -> f64 {
        // Requests so late that their end is not seen are not counted; those that wait longer than that have
        // failed.
        let waited = self.fates.len().saturating_sub(tick_of(Time::ZERO + patience));
        let seen = self.seen.max(waited);
        let (from, to) = (tick_of(from), tick_of(to).min(self.fates.len()).min(seen));
        let range = from.min(to)..to;
        let served: u64 = self.in_time[range.clone()].iter().sum();
        let offered: u64 = self.offered[range].iter().sum();
        if offered == 0 {
            0.0
        } else {
            (1.0 - served as f64 / offered as f64).max(0.0)
        }
    }

    /// The first tick from `from` on after which at least 99 % of a minute's requests are served.
    pub(super) fn recovers(&self, from: Time) -> Option<Time> {
        let minute = 600;
        let mut failing = 0.0;
        let share = |tick: usize| 1.0 - self.fates[tick].served as f64 / (self.offered[tick] as f64).max(1.0);
        let start = tick_of(from);
        for tick in start..self.fates.len() {
            failing += share(tick);
            if tick >= start + minute {
                failing -= share(tick - minute);
            }
            if tick + 1 >= start + minute && failing / (minute as f64) < 0.01 {
                return Some(time_of(tick + 1 - minute));
            }
        }
        None
    }
}

pub(super) fn tick_of(time: Time) -> usize {
    (time.as_nanos() / TICK.as_nanos() as u64) as usize
}

pub(super) fn time_of(tick: usize) -> Time {
    Time::from_nanos(tick as u64 * TICK.as_nanos() as u64)
}

/// One run of the loss, with the given overload behaviour and steering.
pub(super) fn course(
    setup: &Setup,
    streams: &Streams,
    overload: Overload,
    steering: Steering,
    trace: &mut Recorder,
) -> Course {
    let mut cells: Vec<Cell> = setup
        .cells
        .iter()
        .map(|(_, _, capacity)| Cell::new(*capacity, setup.patience, overload))
        .collect();
    let mut queues = vec![Came::default(); cells.len()];
    let load = setup.load();
    let mut arrivals = streams.stream("cells", "arrivals");
    let mut phases = streams.stream("routers", "phases");
    let mut beliefs: Vec<Belief> = (0..setup.routers)
        .map(|_| {
            let (check, refresh) = (
                cofferdam_policy::Random::unit(&mut phases),
                cofferdam_policy::Random::unit(&mut phases),
            );
            Belief::new(setup.checks, setup.cache, check, refresh)
        })
        .collect();
    let shares: Vec<f64> = setup.cells.iter().map(|(_, traffic, _)| traffic / load).collect();
    let config = ShiftConfig {
        safe_load: 1.0,
        ..ShiftConfig::default()
    };
    let mut shift = Shift::new(config, &shares).ok();
    let names = || {
        common::listed(
            "traffic shift",
            setup.cells.iter().map(|(name, ..)| name.as_str()),
        )
    };
    let recorded = trace.shift(names, config, &shares);
    // The policy learns of the cell by the same checks, and has no cache.
    let phase = cofferdam_policy::Random::unit(&mut phases);
    let mut heard = Belief::new(setup.checks, Duration::ZERO, phase, 0.0);
    let mut course = Course::default();
    let mut sent = shares.clone();
    for tick in 0..tick_of(END) {
        let now = time_of(tick + 1);
        let up = now <= LOST || now > BACK;
        let mut fate = Fate::default();
        if up != cells[setup.lost].is_up() {
            fate.refused += cells[setup.lost].set_up(up);
        }
        let turned = beliefs
            .iter_mut()
            .filter_map(|belief| (!belief.well(now, up)).then_some(()))
            .count() as f64
            / f64::from(setup.routers);
        let well = heard.well(now, up);
        match &mut shift {
            Some(shift) if steering == Steering::Policy => {
                if time_of(tick).as_nanos().is_multiple_of(STEP.as_nanos() as u64) {
                    step(setup, (recorded, shift), well, time_of(tick), trace);
                }
                for (number, share) in sent.iter_mut().enumerate() {
                    *share = shift.sent(number) / load;
                }
            }
            _ => {
                let moved = turned * shares[setup.lost];
                let rest: f64 = 1.0 - shares[setup.lost];
                for (number, share) in sent.iter_mut().enumerate() {
                    let own = shares[number];
                    *share = if number == setup.lost {
                        own - moved
                    } else {
                        own + moved * own / rest
                    };
                }
            }
        }
        let mut offered = 0;
        for (number, cell) in cells.iter_mut().enumerate() {
            let count = arrivals.poisson(load * sent[number] * TICK.as_secs_f64());
            offered += count;
            let own = cell.tick(now, TICK, count);
            fate.add(own);
            let came = queues[number].came(cell.wait());
            course.in_time.resize(course.fates.len() + 1, 0);
            course.in_time[came] += own.served;
        }
        // Requests that the policy refuses at the router count as requested and not served.
        let refused = (load * TICK.as_secs_f64() * (1.0 - sent.iter().sum::<f64>()))
            .max(0.0)
            .round() as u64;
        fate.refused += refused;
        course.offered.push(offered + refused);
        course.fates.push(fate);
        let waits = cells
            .iter()
            .enumerate()
            .filter(|(n, _)| *n != setup.lost)
            .map(|(_, cell)| cell.wait().as_secs_f64());
        course.wait.push(waits.fold(0.0, f64::max));
        course.turned.push(turned);
    }
    course.seen = queues.iter().map(|queue| queue.next).min().unwrap_or(0);
    course
}

/// When the requests that a first-in-first-out queue serves now had arrived.
#[derive(Debug, Clone, Default)]
struct Came {
    /// Wait of the requests that arrived in each tick.
    waits: Vec<f64>,
    /// The first tick whose requests are not served yet.
    next: usize,
}

impl Came {
    /// Records the wait of requests that arrived in this tick. Returns the tick in which the requests served now
    /// had arrived.
    fn came(&mut self, wait: Duration) -> usize {
        let tick = self.waits.len();
        self.waits.push(wait.as_secs_f64() / TICK.as_secs_f64());
        let is_over = |next: usize| next as f64 + self.waits[next] <= tick as f64 + 0.5;
        while self.next <= tick && is_over(self.next) {
            self.next += 1;
        }
        self.next.min(tick)
    }
}

fn step(setup: &Setup, (of, shift): (Entity, &mut Shift), well: bool, now: Time, trace: &mut Recorder) {
    let readings: Vec<CellReading> = setup
        .cells
        .iter()
        .enumerate()
        .map(|(number, (_, _, capacity))| CellReading {
            healthy: well || number != setup.lost,
            capacity: *capacity,
        })
        .collect();
    // Without classes every request is equally important.
    trace.shift_step((of, shift), now, [setup.load(), 0.0, 0.0], &readings);
}
