//! Cells that share the load, as flows: a number of requests in each tick, each cell serving as fast as it
//! can.
//!
//! At thousands of requests a second only the amounts and the length of the queue matter, not single
//! requests. Arrivals are drawn tick by tick as Poisson counts, and a cell is a first-in-first-out queue of
//! counts.

use std::collections::VecDeque;
use std::time::Duration;

use cofferdam_policy::Time;

/// Results of requests.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Fate {
    /// Served while the caller waited.
    pub served: u64,
    /// Served after the caller had given up: wasted work.
    pub late: u64,
    /// Refused at once.
    pub refused: u64,
}

impl Fate {
    /// Adds another tick's.
    pub fn add(&mut self, other: Self) {
        self.served += other.served;
        self.late += other.late;
        self.refused += other.refused;
    }
}

/// What a cell does with load above its capacity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overload {
    /// It queues everything, and serves requests whose callers have given up.
    Queues,
    /// It refuses what it could not serve while the caller waits.
    Refuses,
}

/// One cell.
#[derive(Debug, Clone)]
pub struct Cell {
    /// Requests a second that it serves.
    capacity: f64,
    /// How long callers wait.
    patience: Duration,
    overload: Overload,
    up: bool,
    /// When they arrived, and how many are left.
    queue: VecDeque<(Time, u64)>,
    waiting: u64,
    /// Capacity that whole requests did not use up.
    credit: f64,
}

impl Cell {
    /// An idle cell. `capacity` is in requests a second.
    #[must_use]
    pub const fn new(capacity: f64, patience: Duration, overload: Overload) -> Self {
        Self {
            capacity,
            patience,
            overload,
            up: true,
            queue: VecDeque::new(),
            waiting: 0,
            credit: 0.0,
        }
    }

    /// Fails and loses its queue, or comes back empty. Returns the lost requests.
    pub fn set_up(&mut self, up: bool) -> u64 {
        self.up = up;
        self.credit = 0.0;
        self.queue.clear();
        std::mem::take(&mut self.waiting)
    }

    /// Whether it runs.
    #[must_use]
    pub const fn is_up(&self) -> bool {
        self.up
    }

    /// The wait of a request that arrives now.
    #[must_use]
    pub fn wait(&self) -> Duration {
        if self.capacity > 0.0 {
            Duration::from_secs_f64((self.waiting as f64 / self.capacity).min(1e9))
        } else {
            Duration::MAX
        }
    }

    /// Requests in the queue.
    #[must_use]
    pub const fn waiting(&self) -> u64 {
        self.waiting
    }

    /// One tick that ends at `now`: `arrivals` arrive, and as many are served as the capacity allows.
    pub fn tick(&mut self, now: Time, tick: Duration, arrivals: u64) -> Fate {
        let mut fate = Fate::default();
        if !self.up {
            fate.refused = arrivals;
            return fate;
        }
        let room = match self.overload {
            Overload::Queues => u64::MAX,
            Overload::Refuses => {
                let most = (self.patience.as_secs_f64() * self.capacity) as u64;
                most.saturating_sub(self.waiting)
            }
        };
        let taken = arrivals.min(room);
        fate.refused = arrivals - taken;
        if taken > 0 {
            self.queue.push_back((now, taken));
            self.waiting += taken;
        }
        self.credit += self.capacity * tick.as_secs_f64();
        while self.credit >= 1.0
            && let Some((came, count)) = self.queue.front_mut()
        {
            let served = (*count).min(self.credit as u64);
            *count -= served;
            self.credit -= served as f64;
            self.waiting -= served;
            if now.since(*came) <= self.patience {
                fate.served += served;
            } else {
                fate.late += served;
            }
            if *count == 0 {
                self.queue.pop_front();
            }
        }
        if self.queue.is_empty() {
            // Unused capacity is lost: it cannot be saved.
            self.credit = self.credit.min(1.0);
        }
        fate
    }
}

/// How a router checks a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checks {
    /// Time between checks.
    pub interval: Duration,
    /// Failures in a row after which the cell counts as unhealthy.
    pub failures: u32,
    /// Successes in a row after which it counts as healthy again.
    pub successes: u32,
}

/// What one router believes about one cell: health checks in a row, kept in a cache for a while.
#[derive(Debug, Clone)]
pub struct Belief {
    checks: Checks,
    /// Lifetime of an entry in the router's cache; zero means no cache.
    life: Duration,
    next_check: Time,
    next_refresh: Time,
    /// Checks in a row that contradict the current result.
    against: u32,
    /// The result of the last checks.
    fresh: bool,
    /// The state that the router uses.
    believed: bool,
}

impl Belief {
    /// A cell that is believed to be healthy; `check` and `refresh` in [0, 1) are the phases of checks and
    /// cache.
    #[must_use]
    pub fn new(checks: Checks, life: Duration, check: f64, refresh: f64) -> Self {
        Self {
            checks,
            life,
            next_check: Time::ZERO + checks.interval.mul_f64(check),
            next_refresh: Time::ZERO + life.mul_f64(refresh),
            against: 0,
            fresh: true,
            believed: true,
        }
    }

    /// Whether the router sends to the cell at `now`, if checks find it `up`.
    pub fn well(&mut self, now: Time, up: bool) -> bool {
        while self.next_check <= now {
            self.against = if up == self.fresh { 0 } else { self.against + 1 };
            let needed = if self.fresh {
                self.checks.failures
            } else {
                self.checks.successes
            };
            if self.against >= needed.max(1) {
                self.fresh = up;
                self.against = 0;
            }
            if self.checks.interval.is_zero() {
                break;
            }
            self.next_check = self.next_check + self.checks.interval;
        }
        if self.life.is_zero() {
            self.believed = self.fresh;
        } else {
            while self.next_refresh <= now {
                self.believed = self.fresh;
                self.next_refresh = self.next_refresh + self.life;
            }
        }
        self.believed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TICK: Duration = Duration::from_millis(100);
    const CHECKS: Checks = Checks {
        interval: Duration::from_secs(10),
        failures: 3,
        successes: 2,
    };

    fn flood(overload: Overload) -> (Cell, Fate) {
        let mut cell = Cell::new(5000.0, Duration::from_secs(5), overload);
        let mut fate = Fate::default();
        for tick in 1..=600_u64 {
            fate.add(cell.tick(Time::from_nanos(tick * 100_000_000), TICK, 1200));
        }
        (cell, fate)
    }

    #[test]
    fn a_cell_that_queues_everything_finally_serves_nobody() {
        // 12,000 a second against 5,000: the wait grows by 1.4 s a second and passes 5 s after 3.6 s; 60 s later
        // 7,000 × 60 = 420,000 wait.
        let (cell, fate) = flood(Overload::Queues);
        assert_eq!(cell.waiting(), 420_000);
        assert_eq!(fate.served + fate.late, 300_000);
        assert!((fate.served as f64 / 5000.0 - 8.6).abs() < 0.3, "{fate:?}");
    }

    #[test]
    fn a_cell_that_refuses_requests_serves_its_capacity() {
        let (cell, fate) = flood(Overload::Refuses);
        assert_eq!(fate.served, 300_000);
        assert_eq!(fate.late, 0);
        // 5 s × 5,000 fit in the queue, of which the last tick has served 500.
        assert_eq!(cell.waiting(), 24_500);
        assert_eq!(fate.refused, 720_000 - 300_000 - 24_500);
    }

    #[test]
    fn a_router_learns_of_a_failure_after_its_checks_and_its_cache() {
        // Checks at 0, 10, 20 …; down from 5 s: failures at 10, 20, 30; cache read at 30, 90.
        let mut belief = Belief::new(CHECKS, Duration::from_secs(60), 0.0, 0.5);
        let mut heard = None;
        for second in 0..200_u64 {
            let now = Time::from_nanos(second * 1_000_000_000);
            if !belief.well(now, second < 5) && heard.is_none() {
                heard = Some(second);
            }
        }
        assert_eq!(heard, Some(30));
        let mut late = Belief::new(CHECKS, Duration::from_secs(60), 0.0, 0.4);
        let heard =
            (0..200_u64).find(|second| !late.well(Time::from_nanos(second * 1_000_000_000), *second < 5));
        // The cache was read at 24, before the third failure; the next time is 84.
        assert_eq!(heard, Some(84));
    }

    #[test]
    fn a_recovered_cell_must_pass_the_configured_number_of_checks() {
        // Checks at 0, 10, 20 …; down from 5 s to 45 s: unhealthy from the third failure at 30; passes at 50
        // and 60. One failure between passes restarts the count.
        let mut belief = Belief::new(CHECKS, Duration::ZERO, 0.0, 0.0);
        let mut limping = Belief::new(CHECKS, Duration::ZERO, 0.0, 0.0);
        let at = |second: u64| Time::from_nanos(second * 1_000_000_000);
        let ill = |belief: &mut Belief, down: fn(u64) -> bool| {
            let ill: Vec<u64> = (0..120)
                .filter(|second| !belief.well(at(*second), !down(*second)))
                .collect();
            (ill[0], ill[ill.len() - 1])
        };
        assert_eq!(ill(&mut belief, |s| (5..45).contains(&s)), (30, 59));
        assert_eq!(
            ill(&mut limping, |s| (5..45).contains(&s) || (55..65).contains(&s)),
            (30, 79)
        );
    }
}
