//! The models of the textbooks, whose results are known: they validate the simulator and measure its speed.

use cofferdam_policy::Time;

use crate::components::load::{ClosedLoad, OpenLoad};
use crate::components::station::{Admission, Broken, Served, Start, Station, Ticket};
use crate::engine::{Agenda, World};

/// An open load that goes through one station after the other; with one station, M/M/c and similar models.
///
/// `observe` receives every piece of work that a station completes: the station's place, the work (with the
/// time at which it entered the chain), and the time.
#[derive(Debug)]
pub struct Chain<O> {
    load: OpenLoad,
    /// The stations in the order in which work visits them.
    pub stations: Vec<Station<Time>>,
    observe: O,
}

/// What happens in a [`Chain`].
#[derive(Debug)]
pub enum ChainEvent {
    /// Work enters the chain.
    Arrive,
    /// A station has completed work.
    Done {
        /// The station's place.
        station: u32,
        /// The work.
        ticket: Ticket,
    },
}

impl<O: FnMut(u32, &Served<Time>, Time)> Chain<O> {
    /// A chain with its first arrival on the agenda.
    pub fn begin(
        load: OpenLoad,
        stations: Vec<Station<Time>>,
        observe: O,
        agenda: &mut Agenda<ChainEvent>,
    ) -> Self {
        let mut chain = Self {
            load,
            stations,
            observe,
        };
        chain.next_arrival(agenda);
        chain
    }

    /// Checks the laws of every station.
    ///
    /// # Errors
    ///
    /// The first law that one of them breaks.
    pub fn invariants(&mut self, now: Time) -> Result<(), Broken> {
        self.stations
            .iter_mut()
            .try_for_each(|station| station.invariants(now))
    }

    fn next_arrival(&mut self, agenda: &mut Agenda<ChainEvent>) {
        if let Some(time) = self.load.next_arrival() {
            agenda.at(time, ChainEvent::Arrive);
        }
    }

    fn enter(&mut self, place: u32, entered: Time, agenda: &mut Agenda<ChainEvent>) {
        let Some(station) = self.stations.get_mut(place as usize) else {
            return;
        };
        if let Admission::Started(start) = station.arrive(entered, Time::MAX, agenda.now()) {
            promise(place, start, agenda);
        }
    }
}

fn promise(station: u32, Start { ticket, ends }: Start, agenda: &mut Agenda<ChainEvent>) {
    agenda.at(ends, ChainEvent::Done { station, ticket });
}

impl<O: FnMut(u32, &Served<Time>, Time)> World for Chain<O> {
    type Event = ChainEvent;

    fn handle(&mut self, event: ChainEvent, agenda: &mut Agenda<ChainEvent>) {
        let now = agenda.now();
        match event {
            ChainEvent::Arrive => {
                self.next_arrival(agenda);
                self.enter(0, now, agenda);
            }
            ChainEvent::Done {
                station: place,
                ticket,
            } => {
                let Some(station) = self.stations.get_mut(place as usize) else {
                    return;
                };
                let Some(served) = station.finish(ticket, now) else {
                    return;
                };
                while let Some(start) = station.start_next(now) {
                    promise(place, start, agenda);
                }
                (self.observe)(place, &served, now);
                self.enter(place + 1, served.job, agenda);
            }
        }
    }
}

/// Clients that think, ask one station, wait for its answer, and think again.
#[derive(Debug)]
pub struct Circle {
    load: ClosedLoad,
    /// The station that all of them ask.
    pub station: Station<()>,
}

/// What happens in a [`Circle`].
#[derive(Debug)]
pub enum CircleEvent {
    /// A client asks.
    Ask,
    /// The station has an answer.
    Done(Ticket),
}

impl Circle {
    /// Clients that all begin to think at time zero.
    pub fn begin(mut load: ClosedLoad, station: Station<()>, agenda: &mut Agenda<CircleEvent>) -> Self {
        for _ in 0..load.clients() {
            agenda.at(load.next_request(Time::ZERO), CircleEvent::Ask);
        }
        Self { load, station }
    }
}

impl World for Circle {
    type Event = CircleEvent;

    fn handle(&mut self, event: CircleEvent, agenda: &mut Agenda<CircleEvent>) {
        let now = agenda.now();
        match event {
            CircleEvent::Ask => match self.station.arrive((), Time::MAX, now) {
                Admission::Started(start) => agenda.at(start.ends, CircleEvent::Done(start.ticket)),
                Admission::Queued => {}
                // A refused client thinks before it tries again.
                Admission::Refused => agenda.at(self.load.next_request(now), CircleEvent::Ask),
            },
            CircleEvent::Done(ticket) => {
                if self.station.finish(ticket, now).is_some() {
                    agenda.at(self.load.next_request(now), CircleEvent::Ask);
                }
                while let Some(start) = self.station.start_next(now) {
                    agenda.at(start.ends, CircleEvent::Done(start.ticket));
                }
            }
        }
    }
}
