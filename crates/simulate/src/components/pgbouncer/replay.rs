//! Replays a recorded sequence of transactions through a PgBouncer, to compare it with a real one.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{ClientId, Counts, Effect, PgBouncer, PgBouncerConfig, PoolId, TICK};
use crate::components::postgres::Visit;
use crate::engine::{Agenda, World};

/// Results of a sequence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replay {
    /// How long each waited for a server connection; `None` for those that got none.
    pub waits: Vec<Option<Duration>>,
    /// Results of all together.
    pub counts: Counts,
}

/// Sends each visit of a sequence as one transaction of its own client, of the user with its number among
/// `users`, to one database. A server connection is open `opens_in` after it was requested.
#[must_use]
pub fn replay(visits: &[Visit], users: u32, config: PgBouncerConfig, opens_in: Duration) -> Replay {
    let mut world = Replaying {
        pooler: PgBouncer::new(config),
        visits,
        users: users.max(1),
        opens_in,
        clients: BTreeMap::new(),
        waits: vec![None; visits.len()],
        left: visits.len(),
    };
    let mut agenda = Agenda::new();
    for (number, visit) in visits.iter().enumerate() {
        agenda.at(visit.at, Event::Come(number));
    }
    agenda.after(TICK, Event::Tick);
    agenda.run(&mut world, cofferdam_policy::Time::MAX);
    Replay {
        waits: world.waits,
        counts: world.pooler.counts(),
    }
}

#[derive(Debug)]
enum Event {
    Come(usize),
    End(ClientId),
    Opened(PoolId),
    Tick,
}

struct Replaying<'a> {
    pooler: PgBouncer,
    visits: &'a [Visit],
    users: u32,
    opens_in: Duration,
    /// Which transaction belongs to which visit.
    clients: BTreeMap<ClientId, usize>,
    waits: Vec<Option<Duration>>,
    /// Visits that are not over.
    left: usize,
}

impl World for Replaying<'_> {
    type Event = Event;

    fn handle(&mut self, event: Event, agenda: &mut Agenda<Event>) {
        let now = agenda.now();
        match event {
            Event::Come(number) => match self.pooler.connect(number as u32 % self.users, 0) {
                Some(client) => {
                    self.clients.insert(client, number);
                    self.pooler.request(now, client);
                }
                None => self.left -= 1,
            },
            Event::End(client) => {
                self.left -= 1;
                self.pooler.finish(now, client);
                self.pooler.disconnect(now, client);
            }
            Event::Opened(pool) => self.pooler.opened(now, pool),
            Event::Tick => {
                self.pooler.maintain(now);
                if self.left > 0 {
                    agenda.after(TICK, Event::Tick);
                }
            }
        }
        while let Some(effect) = self.pooler.next_effect() {
            match effect {
                Effect::Open(pool) => agenda.after(self.opens_in, Event::Opened(pool)),
                Effect::Close(_) => {}
                Effect::Served { client, waited } => {
                    let number = self.clients[&client];
                    self.waits[number] = Some(waited);
                    agenda.after(self.visits[number].hold, Event::End(client));
                }
                Effect::Disconnected { .. } => self.left -= 1,
            }
        }
    }
}
