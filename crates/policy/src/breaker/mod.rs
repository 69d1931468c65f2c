//! Stops calls to a failing target, so that callers do not wait for it and it can recover.
//!
//! Closed: every call is admitted and its outcome recorded. It opens by failures in a row, by the share of
//! failures, or by the share of slow calls. Open: every call is rejected, for a time that grows while the
//! target stays down. Then it is half-open: exactly the configured number of probes is allowed, and they
//! decide.
//!
//! It must never do this: admit every call when the open time ends (the load would bring down a target that
//! has just recovered); lose a probe's place permanently because a caller died with it; count its own
//! rejections, or others' on the caller's side, against the target; count a result from before a change of
//! state after it. Therefore a rejected call gets no permit and cannot be recorded, and permits carry the
//! generation of the state that issued them. The state machine is that of M. Nygard, *Release It!*, 2nd ed.,
//! "Circuit Breaker".
//!
//! Nothing here allocates after [`Breaker::new`].

mod config;
mod decision;
#[cfg(test)]
mod tests;

use std::time::Duration;

pub use config::{BreakerConfig, BreakerError, Mode, SlowCalls};
use decision::Kind;
pub use decision::{Cause, IgnoreReason, Permit, Recorded, RejectReason, Rejection, State, Tally};

use crate::Time;
use crate::identity::Identity;
use crate::window::{Counts, Outcome, Window};

/// A circuit breaker in front of one target.
#[derive(Debug)]
pub struct Breaker {
    config: BreakerConfig,
    mode: Mode,
    phase: Phase,
    /// Increases with every change of phase, so that older permits are recognised.
    generation: u64,
    /// The latest time seen.
    latest: Time,
    window: Window,
    in_a_row: u32,
    /// How long it will be open the next time.
    next_open: Duration,
    /// The half-open places.
    places: Box<[ProbeSlot]>,
    identity: Identity,
    /// Increases with every probe.
    serial: u64,
    tally: Tally,
}

#[derive(Debug, Clone, Copy)]
enum Phase {
    Closed,
    Open { until: Time, cause: Cause },
    HalfOpen { passed: u32, failed: u32 },
}

/// One of the probes that a half-open breaker may send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ProbeSlot {
    Free,
    Out { serial: u64, expires: Time },
    Reported,
}

impl ProbeSlot {
    fn is_free(&self, now: Time) -> bool {
        match *self {
            Self::Free => true,
            Self::Out { expires, .. } => expires <= now,
            Self::Reported => false,
        }
    }
}

impl Breaker {
    /// A closed breaker.
    ///
    /// # Errors
    ///
    /// [`BreakerError`] if `config` is invalid.
    pub fn new(config: BreakerConfig) -> Result<Self, BreakerError> {
        config.check()?;
        Ok(Self {
            mode: config.mode,
            phase: Phase::Closed,
            generation: 0,
            latest: Time::ZERO,
            window: Window::new(config.window)?,
            in_a_row: 0,
            next_open: config.open_time,
            places: vec![ProbeSlot::Free; config.probes as usize].into(),
            identity: Identity::new(),
            serial: 0,
            tally: Tally::default(),
            config,
        })
    }

    /// Requests permission for a call now.
    ///
    /// # Errors
    ///
    /// A [`Rejection`] with its reason: the call must not be made.
    pub fn acquire(&mut self, now: Time) -> Result<Permit, Rejection> {
        let now = self.catch_up(now);
        let decided = match self.mode {
            Mode::Active => self.decide(now),
            Mode::ObserveOnly => self.decide(now).or_else(|rejection| {
                self.tally.would_reject += 1;
                Ok(Kind::Shadow(rejection.reason))
            }),
            Mode::ForcedOpen => Err(Rejection {
                reason: RejectReason::Forced,
                retry_after: None,
            }),
            Mode::Disabled => Ok(Kind::Unwatched),
        };
        match decided {
            Ok(kind) => {
                self.tally.admitted += 1;
                Ok(Permit {
                    issuer: self.identity,
                    generation: self.generation,
                    issued: now,
                    number: self.tally.admitted,
                    kind,
                })
            }
            Err(rejection) => {
                self.tally.rejected += 1;
                Err(rejection)
            }
        }
    }

    /// Reports how the permitted call ended. A success that took longer than the configuration allows counts
    /// as slow.
    pub fn record(&mut self, now: Time, permit: Permit, outcome: Outcome) -> Recorded {
        let now = self.catch_up(now);
        let recorded = match self.refuse(now, &permit) {
            Some(reason) => Recorded::Ignored(reason),
            None => {
                let outcome = self.grade(now, &permit, outcome);
                match permit.kind {
                    Kind::Probe { slot, .. } => self.probed(now, slot, outcome),
                    _ => self.called(now, outcome),
                }
            }
        };
        self.tally.ignored += u64::from(matches!(recorded, Recorded::Ignored(_)));
        recorded
    }

    /// Returns a permit whose call never reached the target: a pool was full here, a deadline had passed,
    /// another breaker rejected it. It does not count, and frees a probe's place.
    pub fn release(&mut self, now: Time, permit: Permit) {
        let now = self.catch_up(now);
        if self.refuse(now, &permit).is_none()
            && let Kind::Probe { slot, .. } = permit.kind
            && let Some(place) = self.places.get_mut(slot as usize)
        {
            *place = ProbeSlot::Free;
        }
    }

    /// Changes whether decisions are enforced. A change between observation and enforcement keeps the current
    /// state. After forced open it first sends probes; after disabled it starts again, closed.
    pub fn set_mode(&mut self, now: Time, mode: Mode) {
        self.catch_up(now);
        let left = std::mem::replace(&mut self.mode, mode);
        match (left, mode) {
            _ if left == mode => {}
            (Mode::Active, Mode::ObserveOnly) | (Mode::ObserveOnly, Mode::Active) => {}
            (Mode::ForcedOpen, Mode::Active | Mode::ObserveOnly) => self.half_open(),
            _ => self.close(),
        }
    }

    /// Its state at `now`.
    #[must_use]
    pub fn state(&self, now: Time) -> State {
        let now = now.max(self.latest);
        match (self.mode, self.phase) {
            (Mode::ForcedOpen, _) => State::ForcedOpen,
            (Mode::Disabled, _) => State::Disabled,
            (_, Phase::Closed) => State::Closed,
            (_, Phase::Open { until, cause }) if now < until => State::Open { until, cause },
            (_, Phase::Open { .. }) => State::HalfOpen {
                free: self.config.probes,
            },
            (_, Phase::HalfOpen { .. }) => {
                // At most `MOST_PROBES` places.
                let free = self.places.iter().filter(|place| place.is_free(now)).count() as u32;
                State::HalfOpen { free }
            }
        }
    }

    /// Whether a permit is this breaker's.
    #[must_use]
    pub fn issued(&self, permit: &Permit) -> bool {
        permit.issuer == self.identity
    }

    /// The outcomes by which it judges at `now`.
    pub fn counts(&mut self, now: Time) -> Counts {
        let now = self.catch_up(now);
        self.window.counts(now)
    }

    /// Its counts.
    #[must_use]
    pub const fn tally(&self) -> Tally {
        self.tally
    }

    /// Its configuration; the mode is the initial one.
    #[must_use]
    pub const fn config(&self) -> &BreakerConfig {
        &self.config
    }

    fn catch_up(&mut self, now: Time) -> Time {
        self.latest = self.latest.max(now);
        self.latest
    }

    /// The kind of permission that the current phase gives.
    fn decide(&mut self, now: Time) -> Result<Kind, Rejection> {
        match self.phase {
            Phase::Closed => return Ok(Kind::Call),
            Phase::Open { until, cause } if now < until => {
                let retry_after = Some(until.since(now));
                return Err(Rejection {
                    reason: RejectReason::Open(cause),
                    retry_after,
                });
            }
            Phase::Open { .. } => self.half_open(),
            Phase::HalfOpen { .. } => {}
        }
        self.probe(now)
    }

    /// A free place among the probes.
    fn probe(&mut self, now: Time) -> Result<Kind, Rejection> {
        let mut soonest = Time::MAX;
        for (slot, place) in (0..).zip(&mut self.places) {
            if place.is_free(now) {
                self.serial += 1;
                *place = ProbeSlot::Out {
                    serial: self.serial,
                    expires: now + self.config.probe_timeout,
                };
                return Ok(Kind::Probe {
                    slot,
                    serial: self.serial,
                });
            }
            if let ProbeSlot::Out { expires, .. } = *place {
                soonest = soonest.min(expires);
            }
        }
        let reason = RejectReason::ProbesOut(self.config.probes);
        Err(Rejection {
            reason,
            retry_after: Some(soonest.since(now)),
        })
    }

    /// Why a result with this permit does not count, if so.
    fn refuse(&self, now: Time, permit: &Permit) -> Option<IgnoreReason> {
        if permit.issuer != self.identity {
            return Some(IgnoreReason::Foreign);
        }
        match permit.kind {
            Kind::Shadow(_) => return Some(IgnoreReason::Shadow),
            Kind::Unwatched => return Some(IgnoreReason::Unwatched),
            Kind::Call | Kind::Probe { .. } => {}
        }
        if permit.generation != self.generation {
            return Some(IgnoreReason::Late);
        }
        let Kind::Probe { slot, serial } = permit.kind else {
            return None;
        };
        match self.places.get(slot as usize) {
            Some(ProbeSlot::Out { serial: out, expires }) if *out == serial && now < *expires => None,
            _ => Some(IgnoreReason::Expired),
        }
    }

    /// The outcome, with a success that took too long as slow.
    fn grade(&self, now: Time, permit: &Permit, outcome: Outcome) -> Outcome {
        match self.config.slow {
            Some(slow) if outcome == Outcome::Success && now.since(permit.issued) >= slow.after => {
                Outcome::Slow
            }
            _ => outcome,
        }
    }

    /// Counts a call through the closed breaker.
    fn called(&mut self, now: Time, outcome: Outcome) -> Recorded {
        self.window.record(now, outcome);
        self.in_a_row = if outcome == Outcome::Failure {
            self.in_a_row.saturating_add(1)
        } else {
            0
        };
        match self.judge(now) {
            Some(cause) => self.open(now, cause),
            None => Recorded::Counted,
        }
    }

    /// What opens the closed breaker now. A success can: it may be the call that reaches the minimum, or push
    /// out older successes.
    fn judge(&mut self, now: Time) -> Option<Cause> {
        if self
            .config
            .consecutive_failures
            .is_some_and(|most| self.in_a_row >= most)
        {
            return Some(Cause::InARow(self.in_a_row));
        }
        let counts = self.window.counts(now);
        let calls = counts.total();
        if calls < u64::from(self.config.minimum_calls) {
            return None;
        }
        let Counts {
            failure: failures,
            slow,
            ..
        } = counts;
        if failures > 0
            && self
                .config
                .failure_share
                .is_some_and(|most| counts.failure_share() >= most)
        {
            return Some(Cause::Failed { failures, calls });
        }
        if slow > 0
            && self
                .config
                .slow
                .is_some_and(|most| counts.slow_share() >= most.share)
        {
            return Some(Cause::Slow { slow, calls });
        }
        None
    }

    /// Counts a probe's outcome.
    fn probed(&mut self, now: Time, slot: u32, outcome: Outcome) -> Recorded {
        let Phase::HalfOpen { passed, failed } = &mut self.phase else {
            return Recorded::Ignored(IgnoreReason::Late);
        };
        let bad = match outcome {
            Outcome::Success => false,
            Outcome::Slow => self.config.slow.is_some(),
            Outcome::Failure => true,
        };
        *(if bad { &mut *failed } else { &mut *passed }) += 1;
        let (passed, failed) = (*passed, *failed);
        if let Some(place) = self.places.get_mut(slot as usize) {
            *place = ProbeSlot::Reported;
        }
        let of = self.config.probes;
        if passed >= self.config.success_threshold {
            self.tally.closed += 1;
            self.close();
            Recorded::Closed
        } else if failed > of - self.config.success_threshold {
            self.open(now, Cause::Probes { failed, of })
        } else {
            Recorded::Counted
        }
    }

    fn open(&mut self, now: Time, cause: Cause) -> Recorded {
        self.generation += 1;
        self.tally.opened += 1;
        self.phase = Phase::Open {
            until: now + self.next_open,
            cause,
        };
        self.next_open = grown(self.next_open, self.config.open_growth).min(self.config.open_time_cap);
        Recorded::Opened(cause)
    }

    fn half_open(&mut self) {
        self.generation += 1;
        self.phase = Phase::HalfOpen { passed: 0, failed: 0 };
        self.places.fill(ProbeSlot::Free);
    }

    fn close(&mut self) {
        self.generation += 1;
        self.phase = Phase::Closed;
        self.window.clear();
        self.in_a_row = 0;
        self.next_open = self.config.open_time;
    }
}

/// `duration × factor`, saturating; a factor of 1 changes nothing, not even by rounding.
fn grown(duration: Duration, factor: f64) -> Duration {
    if factor == 1.0 {
        return duration;
    }
    Duration::try_from_secs_f64(duration.as_secs_f64() * factor).unwrap_or(Duration::MAX)
}
