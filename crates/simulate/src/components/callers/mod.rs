//! Callers of a service: each call has a timeout, tries again after a failure, and may have to ask a breaker.
//!
//! What a caller does when a service is slow decides whether the service recovers. A caller that gives up does not
//! take its work out of the service's queue; one that tries again adds to it. With a load of ρ and R retries, a service
//! that serves what nobody waits for any more has ρ(1 + R) to do while every try times out: above 1 it stays down
//! after the cause is gone.
//!
//! [`Callers`] decides; [`CallersWorld`] is callers and a service on one agenda.

mod world;

use std::time::Duration;

use cofferdam_policy::breaker::{Breaker, BreakerConfig, BreakerError, Permit, Recorded};
use cofferdam_policy::window::Outcome;
use cofferdam_policy::{Random, Time};
pub use world::{CallersWorld, Event, Fault, Sample, What};

use crate::chance::Chance;
use crate::outcome::Trace;

/// How callers behave.
#[derive(Debug, Clone, PartialEq)]
pub struct CallersConfig {
    /// Who calls, for traces (`data-collector → data-processor`).
    pub name: String,
    /// How many processes call; each has its own breaker. Calls go round among them.
    pub instances: u32,
    /// How long a caller waits for each try.
    pub timeout: Duration,
    /// Tries after the first.
    pub retries: u32,
    /// Waits between tries.
    pub backoff: Backoff,
    /// The breaker of each instance, if there is one.
    pub breaker: Option<BreakerConfig>,
}

/// Waits between tries: before retry k, from 1, a random share (full jitter) of `base × 2^(k−1)`, at most `cap`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Backoff {
    /// The most before the first retry; zero tries again at once.
    pub base: Duration,
    /// The most before any.
    pub cap: Duration,
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
    /// Every try timed out or was refused.
    Exhausted,
    /// The breaker let no try through.
    Rejected,
}

/// What a caller does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// It sends this try, and calls [`Callers::failed`] with it at the deadline.
    Send {
        /// The try.
        attempt: Try,
        /// When it gives the try up.
        deadline: Time,
    },
    /// It waits and calls [`Callers::retry`] with this at the time.
    Wait {
        /// The try that failed.
        attempt: Try,
        /// When the wait is over.
        until: Time,
    },
    /// It has its answer, so long after it first asked.
    Answered(Duration),
    /// It gives the call up.
    Failed(Failure),
    /// Nothing: nobody waits for this try any more.
    Nothing,
}

/// What callers have seen since time zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// Calls begun.
    pub calls: u64,
    /// Of them: answered in time, at whichever try.
    pub answered: u64,
    /// Given up, for whatever reason.
    pub failed: u64,
    /// Given up because a breaker let no try through.
    pub rejected: u64,
    /// Tries sent to the service.
    pub tries: u64,
    /// Of them: second tries and later ones.
    pub retries: u64,
    /// Answers that nobody waited for any more.
    pub wasted: u64,
    /// Times a breaker opened.
    pub opened: u64,
}

#[derive(Debug, Default)]
struct Call {
    /// Rises with every try and with the end of the call, so that news of older tries is known as such.
    serial: u32,
    began: Time,
    retries: u32,
    permit: Option<Permit>,
    instance: u32,
}

/// Callers, their calls, and their breakers.
#[derive(Debug)]
pub struct Callers {
    config: CallersConfig,
    breakers: Vec<Breaker>,
    chance: Chance,
    calls: Vec<Call>,
    free: Vec<u32>,
    tally: Tally,
    /// Where the breakers' decisions go.
    pub trace: Trace,
}

impl Callers {
    /// Callers who have not called yet; `chance` is for the jitter of their waits.
    ///
    /// # Errors
    ///
    /// A breaker that cannot be built.
    pub fn new(config: CallersConfig, chance: Chance) -> Result<Self, BreakerError> {
        let breakers = match config.breaker {
            Some(breaker) => (0..config.instances.max(1))
                .map(|_| Breaker::new(breaker))
                .collect::<Result<_, _>>()?,
            None => Vec::new(),
        };
        Ok(Self {
            config,
            breakers,
            chance,
            calls: Vec::new(),
            free: Vec::new(),
            tally: Tally::default(),
            trace: Trace::default(),
        })
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
        call.retries = 0;
        call.instance = instance;
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
        self.record(attempt.call, Outcome::Success, now);
        self.tally.answered += 1;
        let began = self.end(attempt.call);
        Next::Answered(now.since(began))
    }

    /// The service has refused this try, or its time is up.
    pub fn failed(&mut self, attempt: Try, now: Time) -> Next {
        if !self.is_current(attempt) {
            return Next::Nothing;
        }
        self.record(attempt.call, Outcome::Failure, now);
        let call = &mut self.calls[attempt.call as usize];
        if call.retries >= self.config.retries {
            return self.give_up(attempt.call, Failure::Exhausted);
        }
        call.retries += 1;
        call.serial = call.serial.wrapping_add(1);
        let attempt = Try {
            serial: call.serial,
            ..attempt
        };
        let retries = call.retries;
        match self.wait(retries) {
            Duration::ZERO => self.retry(attempt, now),
            wait => Next::Wait {
                attempt,
                until: now + wait,
            },
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
            match breaker.acquire(now) {
                Ok(permit) => call.permit = Some(permit),
                Err(rejection) => {
                    self.trace.decide(now, &self.config.name, || {
                        ("breaker: reject".to_owned(), rejection.to_string())
                    });
                    return self.give_up(place, Failure::Rejected);
                }
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

    /// Tell the breaker how a try ended.
    fn record(&mut self, place: u32, outcome: Outcome, now: Time) {
        let call = &mut self.calls[place as usize];
        let (Some(permit), Some(breaker)) =
            (call.permit.take(), self.breakers.get_mut(call.instance as usize))
        else {
            return;
        };
        let recorded = breaker.record(now, permit, outcome);
        let decision = match recorded {
            Recorded::Opened(_) => "breaker: open",
            Recorded::Closed => "breaker: close",
            Recorded::Counted | Recorded::Ignored(_) => return,
        };
        self.tally.opened += u64::from(matches!(recorded, Recorded::Opened(_)));
        self.trace.decide(now, &self.config.name, || {
            (decision.to_owned(), recorded.to_string())
        });
    }

    fn wait(&mut self, retries: u32) -> Duration {
        let Backoff { base, cap } = self.config.backoff;
        let most = base.saturating_mul(1 << (retries - 1).min(30)).min(cap);
        Duration::from_nanos((most.as_nanos() as f64 * self.chance.unit()) as u64)
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
            retries,
            backoff: Backoff::default(),
            breaker,
        };
        Callers::new(config, Streams::new(1, 0).stream("a", "jitter")).unwrap()
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
    fn a_call_is_tried_again_and_an_answer_to_an_old_try_is_wasted() {
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
    fn a_call_fails_when_its_tries_are_used_up() {
        let mut callers = callers(2, None);
        let mut attempt = sent(callers.call(at(0)));
        for second in 1..=2 {
            attempt = sent(callers.failed(attempt, at(second)));
        }
        assert_eq!(callers.failed(attempt, at(3)), Next::Failed(Failure::Exhausted));
        // Its place serves the next call; news of the old one does not touch it.
        let other = sent(callers.call(at(3)));
        assert_eq!(other.call, attempt.call);
        assert_eq!(callers.answered(attempt, at(3)), Next::Nothing);
        assert_eq!(callers.open_calls(), 1);
    }

    #[test]
    fn waits_grow_to_their_cap_and_are_jittered() {
        let mut callers = callers(9, None);
        callers.config.backoff = Backoff {
            base: Duration::from_secs(1),
            cap: Duration::from_secs(5),
        };
        for (retry, most) in [(1, 1.0), (2, 2.0), (3, 4.0), (4, 5.0), (40, 5.0)] {
            let waits: Vec<f64> = (0..4_000).map(|_| callers.wait(retry).as_secs_f64()).collect();
            let mean = waits.iter().sum::<f64>() / 4_000.0;
            // Uniform: mean ½, deviation most/√12, five standard errors.
            assert!((mean - most / 2.0).abs() < 5.0 * most / 12_f64.sqrt() / 4_000_f64.sqrt());
            assert!(waits.iter().all(|wait| *wait < most));
        }
        let attempt = sent(callers.call(at(0)));
        let Next::Wait { attempt, until } = callers.failed(attempt, at(1)) else {
            panic!("no wait");
        };
        assert!(until < at(2));
        assert_ne!(sent(callers.retry(attempt, until)), attempt);
        assert_eq!(callers.retry(attempt, until), Next::Nothing);
    }

    #[test]
    fn an_open_breaker_fails_calls_at_once_and_says_why() {
        let mut callers = callers(0, Some(BreakerConfig::consecutive(2, Duration::from_secs(10))));
        callers.trace = Trace::new(true);
        for second in 0..2 {
            let attempt = sent(callers.call(at(second)));
            callers.failed(attempt, at(second));
        }
        assert_eq!(callers.call(at(2)), Next::Failed(Failure::Rejected));
        let probe = sent(callers.call(at(11)));
        assert!(matches!(callers.answered(probe, at(11)), Next::Answered(_)));
        sent(callers.call(at(11)));
        assert_eq!((callers.tally().rejected, callers.tally().opened), (1, 1));
        let decisions: Vec<String> = std::mem::take(&mut callers.trace)
            .into_decisions()
            .into_iter()
            .map(|decision| decision.decision)
            .collect();
        assert_eq!(decisions, ["breaker: open", "breaker: reject", "breaker: close"]);
    }
}
