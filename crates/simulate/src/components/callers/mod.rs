//! Callers of a service: each call has a timeout, tries again after a failure if the retry budget allows, and
//! may need permission from a breaker.
//!
//! The callers' reaction to a slow service decides whether the service recovers. A caller that gives up does
//! not remove its work from the service's queue; one that tries again adds to it. With a load of ρ and R
//! retries, a service that also serves abandoned requests has the load ρ(1 + R) while every try times out:
//! above 1 it stays down after the cause is gone.
//!
//! [`Callers`] decides; [`CallersWorld`] is callers and a service on one agenda.

mod world;

use std::time::Duration;

use cofferdam_policy::Time;
use cofferdam_policy::breaker::{Breaker, BreakerConfig, BreakerError, Permit, Recorded};
use cofferdam_policy::budget::{BudgetConfig, BudgetError, RetryBudget};
use cofferdam_policy::retry::{GiveUp, Retry, RetryConfig, RetryError, Tried};
use cofferdam_policy::trace::{Entity, Recorder, RetrySettings};
use cofferdam_policy::window::Outcome;
pub use world::{CallersWorld, Event, Fault, Sample, What};

use crate::chance::Chance;

/// How callers behave.
#[derive(Debug, Clone, PartialEq)]
pub struct CallersConfig {
    /// Who calls, for traces (`data-collector → data-processor`).
    pub name: String,
    /// How many processes call; each has its own breaker and its own budget. Calls are distributed among them
    /// in turn.
    pub instances: u32,
    /// How long a caller waits for each try.
    pub timeout: Duration,
    /// How often a call is tried, and the waits in between.
    pub retry: RetryConfig,
    /// The retry budget of each instance, if there is one.
    pub budget: Option<BudgetConfig>,
    /// The breaker of each instance, if there is one.
    pub breaker: Option<BreakerConfig>,
}

/// A budget that no number of retries uses up, for callers without one.
const NO_LIMIT: BudgetConfig = BudgetConfig {
    ratio: 10.0,
    floor: 1e6,
    window: Duration::from_secs(1),
};

/// Callers cannot be built because one of their policies cannot.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum CallersError {
    /// The breaker.
    #[error(transparent)]
    Breaker(#[from] BreakerError),
    /// The retries.
    #[error(transparent)]
    Retry(#[from] RetryError),
    /// The budget.
    #[error(transparent)]
    Budget(#[from] BudgetError),
}

/// One try of a call, as the service knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Try {
    call: u32,
    serial: u32,
}

/// Why a call has failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// Every try timed out or was refused, and there are no more, for this reason.
    GivenUp(GiveUp),
    /// The breaker allowed no try.
    Rejected,
}

/// The caller's next step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// It sends this try, and calls [`Callers::failed`] with it at the deadline.
    Send {
        /// The try.
        attempt: Try,
        /// When it gives up the try.
        deadline: Time,
    },
    /// It waits and calls [`Callers::retry`] with this at the time.
    Wait {
        /// The try that failed.
        attempt: Try,
        /// When the wait is over.
        until: Time,
    },
    /// It has its answer, this long after its first try.
    Answered(Duration),
    /// It gives up the call.
    Failed(Failure),
    /// Nothing: no caller waits for this try any more.
    Nothing,
}

/// What callers have counted since time zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// Calls begun.
    pub calls: u64,
    /// Of them: answered in time, at whichever try.
    pub answered: u64,
    /// Given up, for any reason.
    pub failed: u64,
    /// Given up because a breaker allowed no try.
    pub rejected: u64,
    /// Given up because the retry budget was used up.
    pub denied: u64,
    /// Tries sent to the service.
    pub tries: u64,
    /// Of them: second and later tries.
    pub retries: u64,
    /// Answers for which no caller waited any more.
    pub wasted: u64,
    /// How often a breaker opened.
    pub opened: u64,
}

#[derive(Debug, Default)]
struct Call {
    /// Increases with every try and with the end of the call, so that results of older tries can be
    /// recognised.
    serial: u32,
    began: Time,
    failed: u32,
    permit: Option<Permit>,
    instance: u32,
}

/// Callers, their calls, and their policies.
#[derive(Debug)]
pub struct Callers {
    config: CallersConfig,
    retry: Retry,
    budgets: Vec<RetryBudget>,
    breakers: Vec<Breaker>,
    chance: Chance,
    calls: Vec<Call>,
    free: Vec<u32>,
    tally: Tally,
    trace: Recorder,
    /// Retries and breakers in the trace, by instance.
    recorded: Vec<(Entity, Entity)>,
}

impl Callers {
    /// Callers before their first call; `chance` is for the jitter of their waits.
    ///
    /// # Errors
    ///
    /// A policy that cannot be built.
    pub fn new(config: CallersConfig, chance: Chance) -> Result<Self, CallersError> {
        let instances = 0..config.instances.max(1);
        let budget = config.budget.unwrap_or(NO_LIMIT);
        let breakers = instances.clone().filter_map(|_| config.breaker.map(Breaker::new));
        Ok(Self {
            retry: Retry::new(config.retry)?,
            breakers: breakers.collect::<Result<_, _>>()?,
            budgets: instances
                .clone()
                .map(|_| RetryBudget::new(budget))
                .collect::<Result<_, _>>()?,
            config,
            chance,
            calls: Vec::new(),
            free: Vec::new(),
            tally: Tally::default(),
            trace: Recorder::off(),
            recorded: vec![(Entity::NONE, Entity::NONE); instances.len()],
        })
    }

    /// Records the decisions from now on, before the first call.
    pub fn record(&mut self, trace: Recorder) {
        self.trace = trace;
        let several = self.budgets.len() > 1;
        for instance in 0..self.budgets.len() {
            let name = |policy: &str| match several {
                true => format!("{}, {policy} of caller {}", self.config.name, instance + 1),
                false => format!("{}, {policy}", self.config.name),
            };
            let settings = RetrySettings {
                retry: self.config.retry,
                budget: self.config.budget.unwrap_or(NO_LIMIT),
            };
            let retries = self.trace.retries(|| (name("retries"), settings));
            let breaker = self.breakers.get(instance);
            let breaker = breaker.map(|breaker| self.trace.breaker(breaker, || name("breaker")));
            self.recorded[instance] = (retries, breaker.unwrap_or(Entity::NONE));
        }
    }

    /// What was recorded; nothing is recorded any more.
    #[must_use]
    pub fn recorded(&mut self) -> Recorder {
        self.recorded.fill((Entity::NONE, Entity::NONE));
        std::mem::take(&mut self.trace)
    }

    /// A new call.
    pub fn call(&mut self, now: Time) -> Next {
        let place = self.free.pop().unwrap_or_else(|| {
            self.calls.push(Call::default());
            (self.calls.len() - 1) as u32
        });
        let instance = (self.tally.calls % u64::from(self.config.instances.max(1))) as u32;
        self.tally.calls += 1;
        let call = &mut self.calls[place as usize];
        call.began = now;
        call.failed = 0;
        call.instance = instance;
        let budget = &mut self.budgets[instance as usize];
        self.trace
            .request(self.recorded[instance as usize].0, budget, now);
        self.send(place, now)
    }

    /// The wait after a failed try is over.
    pub fn retry(&mut self, attempt: Try, now: Time) -> Next {
        if !self.is_current(attempt) {
            return Next::Nothing;
        }
        self.tally.retries += 1;
        self.send(attempt.call, now)
    }

    /// The service has answered this try.
    pub fn answered(&mut self, attempt: Try, now: Time) -> Next {
        if !self.is_current(attempt) {
            self.tally.wasted += 1;
            return Next::Nothing;
        }
        self.report(attempt.call, Outcome::Success, now);
        self.tally.answered += 1;
        let began = self.end(attempt.call);
        Next::Answered(now.since(began))
    }

    /// The service has refused this try, or its timeout has passed.
    pub fn failed(&mut self, attempt: Try, now: Time) -> Next {
        if !self.is_current(attempt) {
            return Next::Nothing;
        }
        self.report(attempt.call, Outcome::Failure, now);
        let call = &mut self.calls[attempt.call as usize];
        call.failed += 1;
        call.serial = call.serial.wrapping_add(1);
        let tried = Tried {
            began: call.began,
            now,
            failed: call.failed,
            not_before: Duration::ZERO,
        };
        let budget = &mut self.budgets[call.instance as usize];
        let attempt = Try {
            serial: call.serial,
            ..attempt
        };
        let of = self.recorded[call.instance as usize].0;
        let next = self
            .trace
            .next((of, &self.retry), tried, budget, &mut self.chance);
        match next {
            Ok(Duration::ZERO) => self.retry(attempt, now),
            Ok(wait) => Next::Wait {
                attempt,
                until: now + wait,
            },
            Err(reason) => {
                self.tally.denied += u64::from(matches!(reason, GiveUp::Budget(_)));
                self.give_up(attempt.call, Failure::GivenUp(reason))
            }
        }
    }

    /// What they have seen.
    #[must_use]
    pub const fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Calls that are neither answered nor given up.
    #[must_use]
    pub fn open_calls(&self) -> usize {
        self.calls.len() - self.free.len()
    }

    fn is_current(&self, attempt: Try) -> bool {
        self.calls
            .get(attempt.call as usize)
            .is_some_and(|call| call.serial == attempt.serial)
    }

    fn send(&mut self, place: u32, now: Time) -> Next {
        let call = &mut self.calls[place as usize];
        if let Some(breaker) = self.breakers.get_mut(call.instance as usize) {
            let of = self.recorded[call.instance as usize].1;
            match self.trace.acquire(of, breaker, now) {
                Ok(permit) => call.permit = Some(permit),
                Err(_) => return self.give_up(place, Failure::Rejected),
            }
        }
        call.serial = call.serial.wrapping_add(1);
        self.tally.tries += 1;
        let attempt = Try {
            call: place,
            serial: call.serial,
        };
        Next::Send {
            attempt,
            deadline: now + self.config.timeout,
        }
    }

    /// Reports to the breaker how a try ended.
    fn report(&mut self, place: u32, outcome: Outcome, now: Time) {
        let call = &mut self.calls[place as usize];
        let (Some(permit), Some(breaker)) =
            (call.permit.take(), self.breakers.get_mut(call.instance as usize))
        else {
            return;
        };
        let of = self.recorded[call.instance as usize].1;
        let recorded = self.trace.complete((of, breaker), now, permit, outcome);
        self.tally.opened += u64::from(matches!(recorded, Recorded::Opened(_)));
    }

    fn give_up(&mut self, place: u32, failure: Failure) -> Next {
        self.tally.failed += 1;
        self.tally.rejected += u64::from(failure == Failure::Rejected);
        self.end(place);
        Next::Failed(failure)
    }

    /// The call is over; returns when it began.
    fn end(&mut self, place: u32) -> Time {
        let call = &mut self.calls[place as usize];
        call.serial = call.serial.wrapping_add(1);
        self.free.push(place);
        call.began
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chance::Streams;

    fn callers(retries: u32, breaker: Option<BreakerConfig>) -> Callers {
        let config = CallersConfig {
            name: "a → b".into(),
            instances: 1,
            timeout: Duration::from_secs(1),
            retry: RetryConfig {
                attempts: 1 + retries,
                base: Duration::ZERO,
                ..RetryConfig::default()
            },
            budget: None,
            breaker,
        };
        Callers::new(config, Streams::new(1, 0).stream("a", "jitter")).unwrap()
    }

    /// The decisions of a trace in words, as its replay takes them: who, what, how often in a row.
    fn told(trace: &mut Recorder) -> Vec<(String, String, u64)> {
        crate::rehearse::told(&trace.finish())
    }

    fn at(seconds: u64) -> Time {
        Time::ZERO + Duration::from_secs(seconds)
    }

    fn sent(next: Next) -> Try {
        match next {
            Next::Send { attempt, .. } => attempt,
            other => panic!("not sent: {other:?}"),
        }
    }

    #[test]
    fn a_call_is_retried_and_an_answer_to_an_earlier_attempt_is_wasted() {
        let mut callers = callers(1, None);
        let first = sent(callers.call(at(0)));
        let second = sent(callers.failed(first, at(1)));
        assert_eq!(callers.answered(first, at(2)), Next::Nothing);
        assert_eq!(
            callers.answered(second, at(2)),
            Next::Answered(Duration::from_secs(2))
        );
        assert_eq!(callers.failed(second, at(2)), Next::Nothing, "it was answered");
        let tally = *callers.tally();
        assert_eq!(
            (
                tally.calls,
                tally.answered,
                tally.tries,
                tally.retries,
                tally.wasted
            ),
            (1, 1, 2, 1, 1)
        );
        assert_eq!(callers.open_calls(), 0);
    }

    #[test]
    fn a_call_fails_after_its_last_attempt() {
        let mut callers = callers(2, None);
        let mut attempt = sent(callers.call(at(0)));
        for second in 1..=2 {
            attempt = sent(callers.failed(attempt, at(second)));
        }
        assert_eq!(
            callers.failed(attempt, at(3)),
            Next::Failed(Failure::GivenUp(GiveUp::Attempts(3)))
        );
        // Its slot is used for the next call; results of the old call do not affect that one.
        let other = sent(callers.call(at(3)));
        assert_eq!(other.call, attempt.call);
        assert_eq!(callers.answered(attempt, at(3)), Next::Nothing);
        assert_eq!(callers.open_calls(), 1);
    }

    #[test]
    fn a_caller_waits_before_a_retry() {
        let mut callers = callers(9, None);
        callers.retry = Retry::new(RetryConfig {
            base: Duration::from_secs(1),
            ..RetryConfig::default()
        })
        .unwrap();
        let attempt = sent(callers.call(at(0)));
        let Next::Wait { attempt, until } = callers.failed(attempt, at(1)) else {
            panic!("no wait");
        };
        assert!(at(1) < until && until < at(2));
        assert_ne!(sent(callers.retry(attempt, until)), attempt);
        assert_eq!(callers.retry(attempt, until), Next::Nothing);
    }

    #[test]
    fn a_budget_denies_retries_and_says_why() {
        let mut callers = callers(3, None);
        let budget = BudgetConfig {
            ratio: 0.2,
            floor: 0.0,
            ..BudgetConfig::default()
        };
        callers.config.budget = Some(budget);
        callers.budgets[0] = RetryBudget::new(budget).unwrap();
        callers.record(Recorder::on());
        // Ten calls that all fail: a fifth of them, two tries, may be tried again.
        let attempts: Vec<Try> = (0..10).map(|_| sent(callers.call(at(0)))).collect();
        let again = attempts
            .into_iter()
            .filter(|attempt| matches!(callers.failed(*attempt, at(1)), Next::Send { .. }))
            .count();
        assert_eq!((again, callers.tally().denied, callers.tally().tries), (2, 8, 12));
        let mut told = told(&mut callers.recorded());
        told.retain(|(_, words, _)| words != "counted");
        assert_eq!(
            told,
            [
                ("a → b, retries".to_owned(), "retry at once".to_owned(), 2),
                (
                    "a → b, retries".to_owned(),
                    "give up: the retry budget is used up: 2 of 2 allowed in this window".to_owned(),
                    8
                ),
            ]
        );
    }

    #[test]
    fn an_open_breaker_fails_calls_at_once_and_says_why() {
        let mut callers = callers(0, Some(BreakerConfig::consecutive(2, Duration::from_secs(10))));
        callers.record(Recorder::on());
        for second in 0..2 {
            let attempt = sent(callers.call(at(second)));
            callers.failed(attempt, at(second));
        }
        assert_eq!(callers.call(at(2)), Next::Failed(Failure::Rejected));
        let probe = sent(callers.call(at(11)));
        assert!(matches!(callers.answered(probe, at(11)), Next::Answered(_)));
        sent(callers.call(at(11)));
        assert_eq!((callers.tally().rejected, callers.tally().opened), (1, 1));
        let told = told(&mut callers.recorded());
        let breaker: Vec<&str> = told
            .iter()
            .filter(|(entity, ..)| entity == "a → b, breaker")
            .map(|(_, words, _)| words.as_str())
            .collect();
        assert_eq!(
            breaker,
            [
                "permit: the breaker is closed",
                "counted",
                "permit: the breaker is closed",
                "opened the breaker: 2 failures in a row",
                "reject: the breaker is open: 2 failures in a row",
                "permit: the breaker is half-open, and this is one of its probes",
                "closed the breaker",
                "permit: the breaker is closed",
            ]
        );
    }
}
