//! Stalls under a CPU limit.
//!
//! The kernel gives a container its limit × 100 ms of processor time in each period of 100 ms. Threads that run at once use
//! it up in limit × 100 ms ÷ threads, and then stop until the next period. Source: Linux kernel documentation, *CFS
//! Bandwidth Control*; Kubernetes, `--cpu-cfs-quota-period`.

use cofferdam_model::kafka::Consumer;
use cofferdam_model::units::count;
use cofferdam_model::workload::{Container, Workload};
use cofferdam_model::{Environment, Fact, Service};

/// The kernel's period, in milliseconds.
pub const PERIOD_MS: f64 = 100.0;

/// A part of each period in which threads run, and one in which they are stopped; both in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stall {
    /// How long the threads run.
    pub runs: f64,
    /// How long they are stopped.
    pub stalls: f64,
}

/// The stall of so many threads that all want a processor, under a limit of so many cores; `None` if the limit has a core
/// for each.
#[must_use]
pub fn stall(threads: u32, cores: f64) -> Option<Stall> {
    if cores <= 0.0 || f64::from(threads) <= cores {
        return None;
    }
    let runs = cores * PERIOD_MS / f64::from(threads);
    Some(Stall {
        runs,
        stalls: PERIOD_MS - runs,
    })
}

/// Threads of a container that may want a processor at once.
#[derive(Debug, Clone)]
pub struct Threads<'a> {
    /// How many, with the place of the setting.
    pub count: &'a Fact<u32>,
    /// The setting (`MAX_WORKERS`, `processes`).
    pub setting: &'a str,
    /// In words: "7 `MAX_WORKERS`", "4 processes".
    pub words: String,
}

/// The threads of the container that runs a service: the larger of its worker processes and of the worker settings of its
/// consumers. `None` if neither is known, or if the container is one beside it.
#[must_use]
pub fn threads<'a>(
    env: &'a Environment,
    service: &'a Service,
    workload: &Workload,
    container: &Container,
) -> Option<Threads<'a>> {
    if workload.containers.len() > 1 && container.name != service.name {
        return None;
    }
    let own = |consumer: &&Consumer| {
        env.owner_service(&consumer.owner)
            .is_some_and(|s| s.name == service.name)
    };
    let workers = env
        .consumers
        .iter()
        .filter(own)
        .flat_map(|consumer| &consumer.workers);
    let workers = workers.map(|worker| Threads {
        count: &worker.count,
        setting: &worker.name,
        words: format!("{} `{}`", worker.count.value, worker.name),
    });
    let processes = service.processes.iter().map(|processes| Threads {
        count: processes,
        setting: "processes",
        words: count(processes.value.into(), "process"),
    });
    workers.chain(processes).max_by_key(|threads| threads.count.value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seven_threads_under_one_core_stall_86_of_100_milliseconds() {
        // 1 core × 100 ms ÷ 7 = 14.29 ms; 100 − 14.29 = 85.71 ms.
        let stall = stall(7, 1.0).unwrap();
        assert!((stall.runs - 14.286).abs() < 1e-3 && (stall.stalls - 85.714).abs() < 1e-3);
        assert_eq!(super::stall(2, 2.0), None);
        assert_eq!(super::stall(1, 0.5).unwrap().stalls, 50.0);
    }
}
