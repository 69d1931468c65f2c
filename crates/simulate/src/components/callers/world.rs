//! Callers and a service that something befalls for a while.

use std::time::Duration;

use cofferdam_policy::Time;

use super::{Callers, Next, Tally, Try};
use crate::chance::Distribution;
use crate::components::load::OpenLoad;
use crate::components::station::{Admission, Start, Station, Ticket};
use crate::engine::{Agenda, Lane, World};

/// How often [`CallersWorld`] takes a sample.
const SAMPLING: Duration = Duration::from_secs(1);

/// What befalls the service.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum What {
    /// It begins nothing (a long pause, a lock, a dependency that hangs); what it has begun, it ends.
    Stall,
    /// Work that begins takes this long.
    Slow(Distribution),
    /// So many of its servers crash, with what they had in service, and come back at the end.
    Crash(u32),
}

/// Something that befalls the service for a while: the trigger.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fault {
    /// When it begins.
    pub from: Time,
    /// When it is over.
    pub until: Time,
    /// What it is.
    pub what: What,
}

/// What there was at the end of a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    /// When.
    pub at: Time,
    /// What callers had seen by then.
    pub tally: Tally,
    /// How many tries waited in the service's queue.
    pub waiting: usize,
}

/// What happens.
#[derive(Debug)]
pub enum Event {
    /// Somebody calls.
    Call,
    /// A caller's patience with a try is over.
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
    /// Put callers, service and fault on the agenda. `service` is how long the station's work takes without a fault.
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

    /// The first second after the fault from which on, to the last sample, at least this share of the calls that end in
    /// each second are answered. `None` if there is none.
    #[must_use]
    pub fn recovered(&self, share: f64) -> Option<Time> {
        let over = self.fault.map_or(Time::ZERO, |fault| fault.until);
        let mut since = None;
        for pair in self.samples.windows(2).rev() {
            let answered = (pair[1].tally.answered - pair[0].tally.answered) as f64;
            let failed = (pair[1].tally.failed - pair[0].tally.failed) as f64;
            if pair[1].at <= over || answered == 0.0 || answered < share * (answered + failed) {
                break;
            }
            since = Some(pair[1].at);
        }
        since
    }

    fn next_call(&mut self, agenda: &mut Agenda<Event>) {
        if let Some(time) = self.load.next_arrival() {
            agenda.at(time, Event::Call);
        }
    }

    /// Do what a caller decided. A refusal is an answer too, so that this may take several rounds.
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
