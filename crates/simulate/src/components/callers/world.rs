//! Callers and a service that has a fault for a while.

use std::time::Duration;

use cofferdam_policy::Time;

use super::{Callers, Next, Tally, Try};
use crate::chance::Distribution;
use crate::components::load::OpenLoad;
use crate::components::station::{Admission, Start, Station, Ticket};
use crate::engine::{Agenda, Lane, World};

/// How often [`CallersWorld`] takes a sample.
const SAMPLING: Duration = Duration::from_secs(1);

/// The kind of fault.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum What {
    /// It starts no work (a long pause, a lock, a dependency that hangs); work that it has started ends.
    Stall,
    /// Work that starts takes this long.
    Slow(Distribution),
    /// This many of its servers crash and lose the work in service; they come back at the end.
    Crash(u32),
}

/// A fault of the service for a while: the trigger.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fault {
    /// When it begins.
    pub from: Time,
    /// When it is over.
    pub until: Time,
    /// Its kind.
    pub what: What,
}

/// The state at the end of a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    /// When.
    pub at: Time,
    /// What callers had counted by then.
    pub tally: Tally,
    /// How many tries waited in the service's queue.
    pub waiting: usize,
}

/// The consequence.
#[derive(Debug)]
pub enum Event {
    /// Somebody calls.
    Call,
    /// A caller's timeout for a try has passed.
    Timeout(Try),
    /// A caller tries again.
    Retry(Try),
    /// The service has completed a try.
    Done(Ticket),
    /// The fault begins.
    FaultBegins,
    /// The fault is over.
    FaultEnds,
    /// A second is over.
    Sample,
}

/// Callers, the service they call, and a fault.
#[derive(Debug)]
pub struct CallersWorld {
    load: OpenLoad,
    /// The callers.
    pub callers: Callers,
    /// The service.
    pub station: Station<Try>,
    service: Distribution,
    servers: u32,
    fault: Option<Fault>,
    timeouts: Lane,
    /// One a second, in order of time.
    pub samples: Vec<Sample>,
}

impl CallersWorld {
    /// Puts callers, service and fault on the agenda. `service` is the service time of the station without a
    /// fault.
    pub fn begin(
        load: OpenLoad,
        callers: Callers,
        (station, service): (Station<Try>, Distribution),
        fault: Option<Fault>,
        agenda: &mut Agenda<Event>,
    ) -> Self {
        if let Some(fault) = fault {
            agenda.at(fault.from, Event::FaultBegins);
            agenda.at(fault.until, Event::FaultEnds);
        }
        agenda.after(SAMPLING, Event::Sample);
        let mut world = Self {
            load,
            timeouts: agenda.lane(callers.config.timeout),
            callers,
            servers: station.servers(),
            station,
            service,
            fault,
            samples: Vec::new(),
        };
        world.next_call(agenda);
        world
    }

    /// The first second after the fault from which, until the last sample, at least this share of the calls
    /// that end are answered. It is checked second by second if 300 calls end in one, otherwise over as many
    /// seconds as that takes, at most 30: of 20 calls a single one is more than a hundredth. `None` if there
    /// is none.
    #[must_use]
    pub fn recovered(&self, share: f64) -> Option<Time> {
        let over = self.fault.map_or(Time::ZERO, |fault| fault.until);
        let mut since = None;
        let calls = self.samples.last().map_or(0, |sample| sample.tally.calls) as f64;
        let rate = calls / (self.samples.len() as f64).max(1.0);
        let seconds = (300.0 / rate.max(1.0)).ceil().clamp(1.0, 30.0) as usize;
        for window in self.samples.windows(seconds + 1).rev() {
            let (first, last) = (&window[0].tally, &window[seconds].tally);
            let answered = (last.answered - first.answered) as f64;
            let failed = (last.failed - first.failed) as f64;
            if window[1].at <= over || answered == 0.0 || answered < share * (answered + failed) {
                break;
            }
            since = Some(window[1].at);
        }
        since
    }

    fn next_call(&mut self, agenda: &mut Agenda<Event>) {
        if let Some(time) = self.load.next_arrival() {
            agenda.at(time, Event::Call);
        }
    }

    /// Does what a caller decided. A refusal is also an answer, so this may take several rounds.
    fn act(&mut self, mut next: Next, agenda: &mut Agenda<Event>) {
        let now = agenda.now();
        loop {
            match next {
                Next::Send { attempt, deadline } => {
                    match self.station.arrive(attempt, deadline, now) {
                        Admission::Started(start) => promise(start, agenda),
                        Admission::Queued => {}
                        Admission::Refused => {
                            next = self.callers.failed(attempt, now);
                            continue;
                        }
                    }
                    agenda.in_lane(self.timeouts, Event::Timeout(attempt));
                }
                Next::Wait { attempt, until } => agenda.at(until, Event::Retry(attempt)),
                Next::Answered(_) | Next::Failed(_) | Next::Nothing => {}
            }
            return;
        }
    }

    fn start_waiting(&mut self, agenda: &mut Agenda<Event>) {
        while let Some(start) = self.station.start_next(agenda.now()) {
            promise(start, agenda);
        }
    }

    fn begin_fault(&mut self, now: Time) {
        match self.fault.map(|fault| fault.what) {
            Some(What::Stall) => self.station.set_servers(0, now),
            Some(What::Slow(service)) => self.station.set_service(service),
            // Its callers learn of it by their timeouts.
            Some(What::Crash(servers)) => drop(self.station.crash(servers, now)),
            None => {}
        }
    }
}

fn promise(Start { ticket, ends }: Start, agenda: &mut Agenda<Event>) {
    agenda.at(ends, Event::Done(ticket));
}

impl World for CallersWorld {
    type Event = Event;

    fn handle(&mut self, event: Event, agenda: &mut Agenda<Event>) {
        let now = agenda.now();
        match event {
            Event::Call => {
                self.next_call(agenda);
                let next = self.callers.call(now);
                self.act(next, agenda);
            }
            Event::Timeout(attempt) => {
                let next = self.callers.failed(attempt, now);
                self.act(next, agenda);
            }
            Event::Retry(attempt) => {
                let next = self.callers.retry(attempt, now);
                self.act(next, agenda);
            }
            Event::Done(ticket) => {
                if let Some(served) = self.station.finish(ticket, now) {
                    let next = self.callers.answered(served.job, now);
                    self.act(next, agenda);
                }
                self.start_waiting(agenda);
            }
            Event::FaultBegins => self.begin_fault(now),
            Event::FaultEnds => {
                self.station.set_service(self.service);
                self.station.set_servers(self.servers, now);
                self.start_waiting(agenda);
            }
            Event::Sample => {
                self.samples.push(Sample {
                    at: now,
                    tally: *self.callers.tally(),
                    waiting: self.station.waiting(),
                });
                agenda.after(SAMPLING, Event::Sample);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use cofferdam_policy::retry::RetryConfig;

    use super::*;
    use crate::chance::Streams;
    use crate::components::callers::CallersConfig;
    use crate::components::load::Spacing;
    use crate::components::station::{Stale, StationConfig};

    /// Ten calls a second, evenly, to four servers that take 0.1 s; the fault lasts from 10 s to 20 s.
    fn run(what: What, queue: usize, backoff: Duration) -> CallersWorld {
        let at = |seconds| Time::ZERO + Duration::from_secs(seconds);
        let streams = Streams::new(5, 0);
        let service = Distribution::Constant(Duration::from_millis(100));
        let config = StationConfig {
            servers: 4,
            queue,
            service,
            stale: Stale::Served,
        };
        let station = Station::new(config, streams.stream("service", "time"));
        let load = OpenLoad::constant(10.0, Spacing::Even, streams.stream("users", "arrivals")).unwrap();
        let config = CallersConfig {
            name: "a → b".into(),
            instances: 1,
            timeout: Duration::from_millis(550),
            retry: RetryConfig {
                attempts: 2,
                base: backoff,
                cap: backoff,
                deadline: None,
            },
            budget: None,
            breaker: None,
        };
        let callers = Callers::new(config, streams.stream("a", "jitter")).unwrap();
        let fault = Fault {
            from: at(10),
            until: at(20),
            what,
        };
        let mut agenda = Agenda::new();
        let mut world = CallersWorld::begin(load, callers, (station, service), Some(fault), &mut agenda);
        agenda.run(&mut world, at(60));
        assert_eq!(world.station.invariants(at(60)), Ok(()));
        world
    }

    #[test]
    fn slow_work_fails_calls_that_do_not_wait_long_enough() {
        let slow = |millis| What::Slow(Distribution::Constant(Duration::from_millis(millis)));
        // 0.3 s × 10 a second keep three of four servers busy, and 0.3 s is in time.
        let world = run(slow(300), 100, Duration::ZERO);
        assert_eq!(world.callers.tally().failed, 0);
        // 0.6 s is too late: each call of the ten seconds fails, and its second try too.
        let world = run(slow(600), 0, Duration::ZERO);
        assert!(world.callers.tally().failed >= 95, "{:?}", world.callers.tally());
        assert!(world.recovered(0.99).is_some());
    }

    #[test]
    fn a_crash_of_some_servers_moves_their_load_to_the_others() {
        let world = run(What::Crash(3), 100, Duration::ZERO);
        let counters = world.samples.last().unwrap();
        // One server carries exactly 0.1 s × 10 a second; at most the work that the three had in service is
        // lost.
        assert!(counters.tally.failed <= 3, "{:?}", counters.tally);
        assert_eq!(world.station.servers(), 4);
    }

    #[test]
    fn a_full_queue_refuses_at_once_and_a_retry_may_succeed() {
        let impatient = run(What::Stall, 0, Duration::ZERO);
        // No work starts for ten seconds, and both tries of a call arrive in the same instant: 100 calls
        // fail.
        assert!(impatient.callers.tally().failed.abs_diff(100) <= 2);
        let patient = run(What::Stall, 0, Duration::from_secs(10));
        assert!(
            patient.callers.tally().failed < 70,
            "{:?}",
            patient.callers.tally()
        );
    }

    #[test]
    fn a_run_repeats_exactly() {
        let wait = Duration::from_millis(300);
        assert_eq!(
            run(What::Stall, 5, wait).samples,
            run(What::Stall, 5, wait).samples
        );
    }
}
