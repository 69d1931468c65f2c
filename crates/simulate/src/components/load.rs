//! Sources of requests: an open stream that does not react to the service, or a fixed number of clients that
//! wait for an answer and think before they ask again.
//!
//! The difference decides outcomes: clients that wait slow down with the service, an open stream does not.

use std::time::Duration;

use cofferdam_policy::Time;

use crate::chance::{Chance, Distribution};

/// How arrivals are distributed in time at a given rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Spacing {
    /// At random, as from many independent users (a Poisson process).
    #[default]
    Poisson,
    /// At equal distances.
    Even,
}

/// From this moment on, this rate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step {
    /// When the rate begins.
    pub from: Time,
    /// Arrivals a second.
    pub rate: f64,
}

/// Why an open load cannot be built.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum LoadError {
    /// A rate is negative, infinite or not a number.
    #[error("a load of {0} arrivals a second")]
    Rate(f64),
    /// The steps are not in order of time.
    #[error("the step from {later} is listed before the step from {earlier}")]
    Order {
        /// The step that stands first.
        later: Time,
        /// The one after it, which begins no later.
        earlier: Time,
    },
}

/// Arrivals that do not wait for answers, at a rate that changes in steps (constant, or a recorded series).
#[derive(Debug)]
pub struct OpenLoad {
    spacing: Spacing,
    steps: Vec<Step>,
    chance: Chance,
    /// The step that applies at `at`; earlier steps are over.
    current: usize,
    /// The last arrival in seconds: a float, so that even spacing does not drift by rounding to nanoseconds.
    at: f64,
}

impl OpenLoad {
    /// A constant rate, in arrivals a second, from time zero.
    ///
    /// # Errors
    ///
    /// A rate that is negative, infinite or not a number.
    pub fn constant(rate: f64, spacing: Spacing, chance: Chance) -> Result<Self, LoadError> {
        let steps = vec![Step {
            from: Time::ZERO,
            rate,
        }];
        Self::series(steps, spacing, chance)
    }

    /// A rate that changes in steps; before the first step there are no arrivals, and the last one has no end.
    ///
    /// # Errors
    ///
    /// A rate that is negative, infinite or not a number, or steps out of order.
    pub fn series(steps: Vec<Step>, spacing: Spacing, chance: Chance) -> Result<Self, LoadError> {
        if let Some(step) = steps
            .iter()
            .find(|step| !(step.rate.is_finite() && step.rate >= 0.0))
        {
            return Err(LoadError::Rate(step.rate));
        }
        if let Some(pair) = steps.windows(2).find(|pair| pair[0].from >= pair[1].from) {
            return Err(LoadError::Order {
                later: pair[0].from,
                earlier: pair[1].from,
            });
        }
        let at = steps.first().map_or(0.0, |step| step.from.as_secs_f64());
        Ok(Self {
            spacing,
            steps,
            chance,
            current: 0,
            at,
        })
    }

    /// The next arrival after the last one, or `None` if there will be no more.
    ///
    /// The expected number of arrivals between two of them is exponential with mean 1 (Poisson) or exactly 1 (even),
    /// whatever the rate does in between: the time-change property of the Poisson process.
    pub fn next_arrival(&mut self) -> Option<Time> {
        let mut expected = match self.spacing {
            Spacing::Poisson => self.chance.exponential(1.0),
            Spacing::Even => 1.0,
        };
        loop {
            let rate = self.steps.get(self.current)?.rate;
            let arrival = if rate > 0.0 {
                self.at + expected / rate
            } else {
                f64::INFINITY
            };
            let end = self
                .steps
                .get(self.current + 1)
                .map(|step| step.from.as_secs_f64());
            match end {
                Some(end) if arrival >= end => {
                    expected -= (end - self.at) * rate;
                    self.at = end;
                    self.current += 1;
                }
                _ if arrival.is_finite() => {
                    self.at = arrival;
                    return Some(Time::from_secs_f64(arrival));
                }
                _ => return None,
            }
        }
    }
}

/// A fixed number of clients, each of which asks, waits for the answer, thinks, and asks again.
#[derive(Debug)]
pub struct ClosedLoad {
    clients: u32,
    think: Distribution,
    chance: Chance,
}

impl ClosedLoad {
    /// So many clients with this think time.
    #[must_use]
    pub const fn new(clients: u32, think: Distribution, chance: Chance) -> Self {
        Self {
            clients,
            think,
            chance,
        }
    }

    /// How many clients there are.
    #[must_use]
    pub const fn clients(&self) -> u32 {
        self.clients
    }

    /// When a client that begins to think now asks: at the start once for each client, then after each answer.
    pub fn next_request(&mut self, now: Time) -> Time {
        now + self.think()
    }

    fn think(&mut self) -> Duration {
        self.think.duration(&mut self.chance)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chance::Streams;

    fn chance() -> Chance {
        Streams::new(3, 0).stream("users", "arrivals")
    }

    fn at(seconds: f64) -> Time {
        Time::from_secs_f64(seconds)
    }

    #[test]
    fn regular_arrivals_do_not_drift() {
        // 12,000 a second are 83,333⅓ ns apart; gaps cut to whole nanoseconds would end 40,000 ns early.
        let mut load = OpenLoad::constant(12_000.0, Spacing::Even, chance()).unwrap();
        let last = (0..120_000).map_while(|_| load.next_arrival()).last();
        assert!(
            last.unwrap().as_nanos().abs_diff(10_000_000_000) < 100,
            "{last:?}"
        );
    }

    #[test]
    fn a_step_changes_the_rate_between_two_arrivals() {
        let steps = vec![
            Step {
                from: at(1.0),
                rate: 1.0,
            },
            Step {
                from: at(2.5),
                rate: 10.0,
            },
            Step {
                from: at(2.6),
                rate: 0.0,
            },
            Step {
                from: at(10.0),
                rate: 0.5,
            },
            Step {
                from: at(10.9),
                rate: 0.0,
            },
        ];
        let mut load = OpenLoad::series(steps, Spacing::Even, chance()).unwrap();
        // From 1: one expected at 2; the next has 0.5 by 2.5 and 0.5 more at 2.55; then 0.5 by 2.6 and 0.45 from 10
        // to 10.9: 0.95 in all, and nothing after it reaches 1.
        assert_eq!(load.next_arrival(), Some(at(2.0)));
        let second = load.next_arrival().unwrap();
        assert!(second.as_nanos().abs_diff(2_550_000_000) <= 1, "{second}");
        assert_eq!(load.next_arrival(), None);
    }

    #[test]
    fn random_arrivals_have_the_rate_of_each_step() {
        let steps = vec![
            Step {
                from: Time::ZERO,
                rate: 100.0,
            },
            Step {
                from: at(100.0),
                rate: 400.0,
            },
        ];
        let mut load = OpenLoad::series(steps, Spacing::Poisson, chance()).unwrap();
        let arrivals: Vec<Time> = std::iter::from_fn(|| load.next_arrival())
            .take_while(|arrival| *arrival < at(200.0))
            .collect();
        let early = arrivals.iter().filter(|arrival| **arrival < at(100.0)).count();
        let late = arrivals.len() - early;
        // Means 10,000 and 40,000; deviations 100 and 200; five of each.
        assert!(early.abs_diff(10_000) < 500, "{early}");
        assert!(late.abs_diff(40_000) < 1_000, "{late}");
        assert!(arrivals.is_sorted());
    }

    #[test]
    fn an_impossible_load_is_an_error() {
        let step = |seconds, rate| Step {
            from: at(seconds),
            rate,
        };
        let error = |steps| OpenLoad::series(steps, Spacing::Even, chance()).unwrap_err();
        assert_eq!(error(vec![step(0.0, -1.0)]), LoadError::Rate(-1.0));
        let order = error(vec![step(2.0, 1.0), step(1.0, 1.0)]);
        assert_eq!(
            order.to_string(),
            "the step from +00:02.000 is listed before the step from +00:01.000"
        );
        let mut none = OpenLoad::series(Vec::new(), Spacing::Even, chance()).unwrap();
        assert_eq!(none.next_arrival(), None);
    }

    #[test]
    fn a_client_thinks_between_an_answer_and_its_next_request() {
        let mut load = ClosedLoad::new(3, Distribution::Constant(Duration::from_secs(5)), chance());
        assert_eq!(load.clients(), 3);
        assert_eq!(load.next_request(at(2.0)), at(7.0));
    }
}
