//! The event loop: what happens next, under virtual time.
//!
//! Events are ordered by (time, order of scheduling), so that two events at the same instant always come in
//! the same order and a run repeats exactly. A simulation is a [`World`]: plain state, and a function that
//! handles an event and schedules others. Events that all come after the same delay (timeouts) go in a
//! [lane](Agenda::lane): a queue that needs no sorting, so that the heap stays small.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::time::Duration;

use cofferdam_policy::Time;

/// A state that changes only when an event is handled.
pub trait World {
    /// The possible events.
    type Event;

    /// Handles an event at `agenda.now()` and schedules its consequences.
    fn handle(&mut self, event: Self::Event, agenda: &mut Agenda<Self::Event>);
}

/// An event and its order: time in the upper half of the key, order of scheduling in the lower.
#[derive(Debug)]
struct Entry<E> {
    key: u128,
    event: E,
}

impl<E> Entry<E> {
    fn time(&self) -> Time {
        Time::from_nanos((self.key >> 64) as u64)
    }
}

impl<E> PartialEq for Entry<E> {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl<E> Eq for Entry<E> {}

impl<E> PartialOrd for Entry<E> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<E> Ord for Entry<E> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key.cmp(&other.key)
    }
}

/// One delay, whose events come in the order in which they were scheduled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lane(usize);

/// The scheduled events, and the current time.
#[derive(Debug)]
pub struct Agenda<E> {
    now: Time,
    scheduled: u64,
    handled: u64,
    heap: BinaryHeap<Reverse<Entry<E>>>,
    lanes: Vec<(Duration, VecDeque<Entry<E>>)>,
}

impl<E> Default for Agenda<E> {
    fn default() -> Self {
        Self::new()
    }
}

impl<E> Agenda<E> {
    /// An empty agenda at [`Time::ZERO`].
    #[must_use]
    pub fn new() -> Self {
        Self {
            now: Time::ZERO,
            scheduled: 0,
            handled: 0,
            heap: BinaryHeap::new(),
            lanes: Vec::new(),
        }
    }

    /// The time of the event being handled.
    #[must_use]
    pub const fn now(&self) -> Time {
        self.now
    }

    /// How many events were handled.
    #[must_use]
    pub const fn handled(&self) -> u64 {
        self.handled
    }

    /// Schedule an event; one for the past comes at once.
    pub fn at(&mut self, time: Time, event: E) {
        let entry = self.entry(time.max(self.now), event);
        self.heap.push(Reverse(entry));
    }

    /// Schedule an event after a delay from now.
    pub fn after(&mut self, delay: Duration, event: E) {
        self.at(self.now + delay, event);
    }

    /// The lane of a delay: the same one for the same delay.
    pub fn lane(&mut self, delay: Duration) -> Lane {
        if let Some(place) = self.lanes.iter().position(|(known, _)| *known == delay) {
            return Lane(place);
        }
        self.lanes.push((delay, VecDeque::new()));
        Lane(self.lanes.len() - 1)
    }

    /// Schedule an event after the lane's delay from now.
    pub fn in_lane(&mut self, lane: Lane, event: E) {
        let entry = self.entry(self.now + self.lanes[lane.0].0, event);
        self.lanes[lane.0].1.push_back(entry);
    }

    fn entry(&mut self, time: Time, event: E) -> Entry<E> {
        let key = u128::from(time.as_nanos()) << 64 | u128::from(self.scheduled);
        self.scheduled += 1;
        Entry { key, event }
    }

    /// Takes the next event if it comes no later than `until`, and makes its time the current time.
    fn next(&mut self, until: Time) -> Option<E> {
        let mut first = self.heap.peek().map(|Reverse(entry)| entry.key);
        let mut from = None;
        for (place, (_, lane)) in self.lanes.iter().enumerate() {
            if let Some(entry) = lane.front()
                && first.is_none_or(|key| entry.key < key)
            {
                first = Some(entry.key);
                from = Some(place);
            }
        }
        if first? >> 64 > u128::from(until.as_nanos()) {
            return None;
        }
        let entry = match from {
            Some(place) => self.lanes[place].1.pop_front(),
            None => self.heap.pop().map(|Reverse(entry)| entry),
        }?;
        self.now = entry.time();
        self.handled += 1;
        Some(entry.event)
    }

    /// Handles every event up to and at `until`, which then is the current time.
    pub fn run<W: World<Event = E>>(&mut self, world: &mut W, until: Time) {
        while let Some(event) = self.next(until) {
            world.handle(event, self);
        }
        self.now = self.now.max(until);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Default)]
    struct Log(Vec<(u64, u32)>);

    impl World for Log {
        type Event = u32;

        fn handle(&mut self, event: u32, agenda: &mut Agenda<u32>) {
            self.0.push((agenda.now().as_nanos(), event));
        }
    }

    #[test]
    fn events_at_the_same_instant_come_in_the_order_of_scheduling() {
        let mut agenda = Agenda::new();
        let lane = agenda.lane(Duration::from_nanos(5));
        agenda.at(Time::from_nanos(5), 1);
        agenda.in_lane(lane, 2);
        agenda.at(Time::from_nanos(5), 3);
        agenda.at(Time::from_nanos(4), 4);
        let mut log = Log::default();
        agenda.run(&mut log, Time::from_nanos(5));
        assert_eq!(log.0, [(4, 4), (5, 1), (5, 2), (5, 3)]);
    }

    #[test]
    fn events_after_the_end_wait_for_the_next_run() {
        let mut agenda = Agenda::new();
        agenda.at(Time::from_nanos(10), 1);
        let mut log = Log::default();
        agenda.run(&mut log, Time::from_nanos(9));
        assert!(log.0.is_empty());
        assert_eq!(agenda.now(), Time::from_nanos(9));
        // Scheduled for the past: comes at once.
        agenda.at(Time::from_nanos(1), 2);
        agenda.run(&mut log, Time::from_nanos(10));
        assert_eq!(log.0, [(9, 2), (10, 1)]);
        assert_eq!(agenda.handled(), 2);
    }

    proptest! {
        #[test]
        fn lanes_and_heap_return_events_in_sorted_order(delays in prop::collection::vec((0_u64..20, any::<bool>()), 0..200)) {
            let mut agenda = Agenda::new();
            let mut expected = Vec::new();
            for (number, (delay, in_lane)) in delays.iter().enumerate() {
                let number = number as u32;
                if *in_lane {
                    let lane = agenda.lane(Duration::from_nanos(*delay));
                    agenda.in_lane(lane, number);
                } else {
                    agenda.after(Duration::from_nanos(*delay), number);
                }
                expected.push((*delay, number));
            }
            expected.sort_unstable();
            let mut log = Log::default();
            agenda.run(&mut log, Time::from_nanos(20));
            prop_assert_eq!(log.0, expected);
        }
    }
}
