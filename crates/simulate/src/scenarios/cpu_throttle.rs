//! A container with a CPU limit whose threads run at once: it is stopped in most periods while its average is
//! low.

use std::collections::VecDeque;
use std::time::Duration;

use cofferdam_model::kafka::Consumer;
use cofferdam_model::overlay::Overlay;
use cofferdam_model::registry;
use cofferdam_model::units::amount;
use cofferdam_model::workload::{Completeness, Container, Workload};
use cofferdam_model::{Environment, Service};
use cofferdam_policy::Time;

use super::{Case, Prepared, Scenario};
use crate::chance::{Chance, Streams};
use crate::components::cfs::{Cfs, CfsConfig, Wake};
use crate::components::load::{OpenLoad, Spacing};
use crate::engine::{Agenda, World};
use crate::limits::{self, Quantity};
use crate::outcome::{Outcome, Role};
use crate::statistics;
use cofferdam_formulas::throttling::{self, Threads};
use cofferdam_formulas::{Evidence, Need};

/// The scenario.
pub(super) const SCENARIO: Scenario = Scenario {
    name: "cpu-throttle",
    title: "a replica at its normal load, its threads under the CPU limit",
    text: include_str!("../../../../docs/scenarios/cpu-throttle.md"),
    rules: &["cpu-limit-throttling"],
    prepare,
};

/// How long a run is.
const LENGTH: Duration = Duration::from_secs(120);
/// The period of the kernel's quota, as Kubernetes leaves it.
const PERIOD: Duration = Duration::from_millis(100);

fn prepare(env: &Environment, _: &Overlay) -> Prepared {
    let mut prepared = Prepared::default();
    for workload in env
        .workloads
        .iter()
        .filter(|w| w.completeness == Completeness::Whole)
    {
        let Some(service) = env.owner_service(&workload.owner) else {
            continue;
        };
        for container in &workload.containers {
            if let Some(case) = case(env, service, workload, container) {
                prepared.add(case);
            }
        }
    }
    if prepared.is_empty() {
        let why =
            "no known workload runs several threads or processes in a container whose CPU request is known";
        return Prepared::nothing(why);
    }
    prepared
}

/// What one run needs.
#[derive(Debug, Clone, Copy)]
struct Setup {
    /// Threads that work at once.
    threads: u32,
    /// Cores of the limit; `None` without one.
    limit: Option<f64>,
    /// Cores of the request.
    request: f64,
    /// Cores that the replica uses on average.
    used: f64,
    /// Requests or messages that come together: 1, or the records of one poll.
    batch: u32,
    /// Processor time of one request or message, in seconds.
    work: f64,
}

fn case(
    env: &Environment,
    service: &Service,
    workload: &Workload,
    container: &Container,
) -> Option<Result<Case, Vec<Need>>> {
    let own = |c: &&Consumer| {
        env.owner_service(&c.owner)
            .is_some_and(|s| s.name == service.name)
    };
    let consumer = env.consumers.iter().find(own);
    let Threads {
        count: threads,
        setting: what,
        ..
    } = throttling::threads(env, service, workload, container)?;
    if threads.value < 2 {
        return None;
    }
    let request = container.cpu_request.as_ref().or(container.cpu_limit.as_ref())?;
    let mut facts = Evidence::new();
    let threads = facts.input(format!("threads ({what})"), threads);
    let limit = container.cpu_limit.as_ref().map(|limit| {
        facts.input("CPU limit", &limit.clone().map(|cpu| cpu.to_string()));
        limit.value.cores()
    });
    facts.input("CPU request", &request.clone().map(|cpu| cpu.to_string()));
    let request = request.value.cores();
    let work = facts.need(
        "processor time of one request",
        service.cpu_per_request.as_ref(),
        Need::of(&registry::services::CPU_PER_REQUEST, &service.name)
            .because("it decides for how long the threads run at once"),
    );
    let used = used(env, service, request, &mut facts);
    let batch = consumer
        .and_then(|c| c.max_poll_records.as_ref())
        .map_or(1, |records| facts.input("records of one poll", records));
    if consumer.is_some_and(|consumer| consumer.max_poll_records.is_none()) {
        facts.assume("a poll returns one record: max.poll.records is not declared");
    }
    let (Some(work), Some(used)) = (work, used) else {
        return Some(Err(facts.needs));
    };
    if work.is_zero() || used <= 0.0 {
        return None;
    }
    facts.assume("the quota is enforced in periods of 100 ms, the kubelet's default of cpuCFSQuotaPeriod");
    facts.assume("the node has a free core for every thread: the quota then has to stop them");
    facts.assume(
        "processor time of a request is exponentially distributed, and the threads wait for nothing else",
    );
    let setup = Setup {
        threads,
        limit,
        request,
        used,
        batch,
        work: work.as_secs_f64(),
    };
    let subject = workload.id.to_string();
    let quantities = [
        Quantity {
            what: "records in one poll",
            value: f64::from(batch),
            most: limits::BATCH,
        },
        Quantity {
            what: "requests at a replica in a run (cores that it uses ÷ cpu_per_request × 120 s)",
            value: used / setup.work * LENGTH.as_secs_f64(),
            most: limits::IN_A_RUN,
        },
    ];
    let case = Case::new(subject.clone(), facts, move |streams, _| {
        run(setup, &subject, streams)
    });
    Some(Ok(case.limited(&format!("service {}", service.name), &quantities)))
}

/// Cores in use at normal load: by the autoscaler's target, otherwise by the peak rate.
fn used(env: &Environment, service: &Service, request: f64, facts: &mut Evidence) -> Option<f64> {
    let metrics = service
        .autoscalers
        .iter()
        .flat_map(|id| &env.autoscalers[id.0].metrics);
    let target = metrics
        .filter(|m| m.name.value == "cpu")
        .find_map(|m| m.target.as_ref());
    if let Some(target) = target {
        let share = facts.input(
            "autoscaler's CPU target",
            &target.clone().map(|t| format!("{} %", (t * 100.0).round())),
        );
        facts.assume(format!(
            "the autoscaler holds the replica at its target: {share} of the request"
        ));
        return Some(target.value * request);
    }
    let work = service.cpu_per_request.as_ref()?.value.as_secs_f64();
    let replicas = service.scale.max.as_ref().or(service.scale.current.as_ref());
    let rate = facts.need(
        "requests a second, all replicas",
        service.peak_rate.as_ref(),
        Need::of(&registry::services::REQUESTS_PER_SECOND, &service.name)
            .because("without an autoscaler it decides how busy a replica is"),
    );
    let replicas = facts.need(
        "replicas",
        replicas,
        Need::of(&registry::services::REPLICAS, &service.name).because("it decides how busy a replica is"),
    );
    Some(rate?.0 / f64::from(replicas?.max(1)) * work)
}

enum Event {
    Arrival,
    Wake(Wake),
}

/// One replica: threads that take requests from a queue, on a processor with a quota.
struct Replica {
    cfs: Cfs<Time>,
    free: u32,
    queue: VecDeque<(Time, Duration)>,
    load: OpenLoad,
    setup: Setup,
    chance: Chance,
    done: Vec<Time>,
    latencies: Vec<f64>,
    first_stand: Option<Time>,
    used: Vec<(Time, f64)>,
    stood: Vec<(Time, f64)>,
}

impl Replica {
    fn new(setup: Setup, limit: Option<f64>, streams: &Streams, subject: &str) -> Option<Self> {
        let config = CfsConfig {
            quota: limit.map(|cores| PERIOD.mul_f64(cores)),
            period: PERIOD,
            cores: setup.threads,
            phase: Duration::ZERO,
        };
        let rate = setup.used / setup.work / f64::from(setup.batch);
        let load = OpenLoad::constant(rate, Spacing::Poisson, streams.stream(subject, "arrivals")).ok()?;
        Some(Self {
            cfs: Cfs::new(config).ok()?,
            free: setup.threads,
            queue: VecDeque::new(),
            load,
            setup,
            chance: streams.stream(subject, "processor time"),
            done: Vec::new(),
            latencies: Vec::new(),
            first_stand: None,
            used: Vec::new(),
            stood: Vec::new(),
        })
    }

    /// Gives waiting work to free threads, and schedules when something changes.
    fn dispatch(&mut self, mut wake: Option<Wake>, agenda: &mut Agenda<Event>) {
        while self.free > 0
            && let Some((came, work)) = self.queue.pop_front()
        {
            self.free -= 1;
            wake = self.cfs.start(came, work, agenda.now());
        }
        if self.first_stand.is_none() && self.cfs.is_throttled() {
            self.first_stand = Some(agenda.now());
        }
        if let Some(wake) = wake {
            agenda.at(wake.at, Event::Wake(wake));
        }
    }

    fn next_arrival(&mut self, agenda: &mut Agenda<Event>) {
        if let Some(at) = self.load.next_arrival() {
            agenda.at(at, Event::Arrival);
        }
    }
}

impl World for Replica {
    type Event = Event;

    fn handle(&mut self, event: Event, agenda: &mut Agenda<Event>) {
        let now = agenda.now();
        let wake = match event {
            Event::Arrival => {
                for _ in 0..self.setup.batch {
                    let work = Duration::from_secs_f64(self.chance.exponential(self.setup.work));
                    self.queue.push_back((now, work));
                }
                self.next_arrival(agenda);
                None
            }
            Event::Wake(wake) => {
                let next = self.cfs.wake(wake, now, &mut self.done);
                for came in self.done.drain(..) {
                    self.free += 1;
                    self.latencies.push(now.since(came).as_secs_f64());
                }
                next
            }
        };
        self.dispatch(wake, agenda);
    }
}

/// The results of a replica.
struct Life {
    replica: Replica,
    throttled_share: f64,
    used: f64,
    stood: f64,
}

fn live(setup: Setup, limit: Option<f64>, streams: &Streams, subject: &str) -> Option<Life> {
    let mut replica = Replica::new(setup, limit, streams, subject)?;
    let mut agenda = Agenda::new();
    replica.next_arrival(&mut agenda);
    let mut before = replica.cfs.counters(Time::ZERO);
    for second in 1..=LENGTH.as_secs() {
        let at = Time::ZERO + Duration::from_secs(second);
        agenda.run(&mut replica, at);
        let counters = replica.cfs.counters(at);
        replica.used.push((at, counters.used - before.used));
        replica
            .stood
            .push((at, (counters.stood - before.stood).as_secs_f64() * 100.0));
        before = counters;
    }
    let throttled_share = if before.periods == 0 {
        0.0
    } else {
        before.throttled as f64 / before.periods as f64
    };
    Some(Life {
        throttled_share,
        used: before.used / LENGTH.as_secs_f64(),
        stood: before.stood.as_secs_f64() / LENGTH.as_secs_f64(),
        replica,
    })
}

fn run(setup: Setup, subject: &str, streams: &Streams) -> Outcome {
    let mut outcome = Outcome::default();
    let (Some(mut limited), Some(mut free)) = (
        live(setup, setup.limit, streams, subject),
        live(setup, None, streams, subject),
    ) else {
        return outcome;
    };
    let quota = setup.limit.map(|cores| cores * 100.0);
    outcome.moment(
        Time::ZERO,
        Role::Trigger,
        "load",
        format!(
            "the replica is at its normal load, {} on average",
            amount(setup.used, "core")
        ),
    );
    if let (Some(at), Some(quota)) = (limited.replica.first_stand, quota) {
        let runs = quota / f64::from(setup.threads);
        outcome.moment(
            at,
            Role::Cause,
            "standing",
            format!(
                "{} threads run at once and use the quota of {} ms up in {} ms; all of them stop until the \
                 period of 100 ms is over",
                setup.threads,
                hundredths(quota),
                hundredths(runs)
            ),
        );
        outcome.moment(
            Time::ZERO,
            Role::Action,
            "remove",
            format!(
                "remove the CPU limit and keep the request, or run no more than {} of the threads",
                quota.max(100.0) as u32 / 100
            ),
        );
    }
    outcome.harm = limited.stood;
    outcome.amount(
        "periods in which it is stopped",
        limited.throttled_share * 100.0,
        "% of periods",
    );
    outcome.amount("time that it is stopped", limited.stood * 100.0, "% of the time");
    outcome.amount("cores used on average", limited.used, "cores");
    if let Some(limit) = setup.limit {
        outcome.amount(
            "what a graph of use by limit shows",
            limited.used / limit * 100.0,
            "%",
        );
    }
    outcome.amount(
        "what the autoscaler sees (use by request)",
        limited.used / setup.request * 100.0,
        "%",
    );
    let mut percentiles = |life: &mut Life, names: [&'static str; 2]| {
        life.replica.latencies.sort_by(f64::total_cmp);
        for (name, share) in names.into_iter().zip([0.5, 0.99]) {
            if let Some(latency) = statistics::percentile(&life.replica.latencies, share) {
                outcome.amount(name, latency * 1e3, "ms");
            }
        }
    };
    percentiles(&mut limited, ["latency, median", "latency, 99th percentile"]);
    if setup.limit.is_some() {
        percentiles(
            &mut free,
            [
                "latency without the limit, median",
                "latency without the limit, 99th percentile",
            ],
        );
    }
    outcome.series("processor time", "used", "cores", limited.replica.used);
    outcome.series(
        "standing still",
        "standing still",
        "% of the time",
        limited.replica.stood,
    );
    outcome
}

fn hundredths(n: f64) -> String {
    cofferdam_model::units::show_number(n)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETUP: Setup = Setup {
        threads: 7,
        limit: Some(1.0),
        request: 0.5,
        used: 0.35,
        batch: 500,
        work: 0.0025,
    };

    fn figure(outcome: &Outcome, name: &str) -> f64 {
        outcome.figures.iter().find(|f| f.name == name).unwrap().value
    }

    #[test]
    fn seven_threads_are_throttled_in_most_periods_at_a_third_of_their_limit() {
        // 500 × 2.5 ms = 1.25 s of work a batch: 12.5 quotas of 100 ms, so about 12 of 13 periods are
        // throttled. Seven threads use a quota up in 14.3 ms and are stopped for 85.7 ms.
        let outcome = run(SETUP, "x", &Streams::new(1, 0));
        let share = figure(&outcome, "periods in which it is stopped");
        assert!((share - 92.0).abs() < 4.0, "{share}");
        let graph = figure(&outcome, "what a graph of use by limit shows");
        assert!((20.0..50.0).contains(&graph), "{graph}");
        // A batch alone takes 1.25 s ÷ 7 ≈ 180 ms without the limit, and 12 periods more with it.
        let slow = figure(&outcome, "latency, 99th percentile")
            / figure(&outcome, "latency without the limit, 99th percentile");
        assert!(slow > 3.0, "{slow}");
    }

    #[test]
    fn without_a_limit_nothing_is_throttled() {
        let outcome = run(Setup { limit: None, ..SETUP }, "x", &Streams::new(1, 0));
        assert_eq!(figure(&outcome, "time that it is stopped"), 0.0);
        assert!(outcome.moments.iter().all(|m| m.role != Role::Cause));
    }
}
